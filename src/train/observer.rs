//! Who is told how a training goes.

use super::History;

/// Where a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The number of this epoch, counted from 1.
    pub epoch: u64,
    /// How many there are to be.
    pub epochs: u64,
    /// How many batches of this epoch are done.
    pub batch: u64,
    /// How many it has.
    pub batches: u64,
    /// The mean loss of those that are done.
    pub loss: f64,
}

/// Somebody who is told how a training goes: a progress bar, a log.
pub trait Observer {
    /// A batch is done.
    fn batch(&mut self, progress: &Progress) {
        let _ = progress;
    }

    /// An epoch is done; its numbers are the last row.
    fn epoch(&mut self, progress: &Progress, history: &History) {
        let _ = (progress, history);
    }
}

/// Prints a line for each epoch: `epoch 3/10  loss 0.1234  accuracy 0.9712`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines;

impl Observer for Lines {
    fn epoch(&mut self, progress: &Progress, history: &History) {
        println!("{}", line(progress, history));
    }
}

/// An epoch's numbers on a line.
fn line(progress: &Progress, history: &History) -> String {
    let epochs = progress.epochs.to_string();
    let scores: String = history
        .columns()
        .iter()
        .filter_map(|name| history.last(name).map(|value| format!("  {name} {}", short(value))))
        .collect();
    format!("epoch {:>width$}/{epochs}{scores}", progress.epoch, width = epochs.len())
}

/// Four digits behind the point, or an exponent where these would say nothing.
fn short(x: f64) -> String {
    if x == 0.0 || (1e-3..1e6).contains(&x.abs()) { format!("{x:.4}") } else { format!("{x:.3e}") }
}

/// A bar for the batches of each epoch, with the mean loss so far, and a line for each epoch that is done. Where the output is no terminal
/// only the lines are printed. Feature `progress`.
#[cfg(feature = "progress")]
#[derive(Debug)]
pub struct ProgressBar(indicatif::ProgressBar);

#[cfg(feature = "progress")]
impl Default for ProgressBar {
    fn default() -> Self {
        let template = "{prefix} {wide_bar} {pos}/{len}  loss {msg}  {eta}";
        let style = indicatif::ProgressStyle::with_template(template);
        let bar = indicatif::ProgressBar::new(0);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        ProgressBar(bar)
    }
}

#[cfg(feature = "progress")]
impl Observer for ProgressBar {
    fn batch(&mut self, progress: &Progress) {
        self.0.set_length(progress.batches);
        self.0.set_prefix(format!("epoch {}/{}", progress.epoch, progress.epochs));
        self.0.set_message(short(progress.loss));
        self.0.set_position(progress.batch);
    }

    fn epoch(&mut self, progress: &Progress, history: &History) {
        let line = line(progress, history);
        if self.0.is_hidden() {
            println!("{line}")
        } else {
            self.0.println(line)
        }
        self.0.reset();
    }
}
