//! A rate that falls when nothing gets better any more.

use super::Scheduled;
use crate::error::Result;
use crate::float::Float;
use crate::nn::State;

/// Multiplies the learning rate by `factor` when a metric, such as the loss on data that is not learnt from, has not become better for more
/// than `patience` epochs.
///
/// Better than the best so far is what is smaller by more than `threshold`, a part of the best, or, with `absolute_threshold`, a difference;
/// with `maximize` what is larger by that. For `cooldown` epochs after the rate has fallen, none counts as bad. The rate does not fall below
/// `min_lr`, nor by `eps` or less. NaN is never better.
///
/// By default `factor` is 0.1, `patience` 10, `threshold` 10⁻⁴, `cooldown` and `min_lr` are 0 and `eps` is 10⁻⁸.
///
/// # Examples
/// ```
/// use rensa::optim::{ReduceLrOnPlateau, Scheduled, Sgd};
/// let mut sgd = Sgd::<f32>::new(1.0);
/// let mut plateau = ReduceLrOnPlateau::new().patience(1).factor(0.5);
/// for loss in [3.0, 2.0, 2.0, 2.0] {
///     plateau.step(loss, &mut sgd);
/// }
/// assert_eq!(sgd.lr(), 0.5);
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ReduceLrOnPlateau {
    /// By what the rate is multiplied.
    pub factor: f64,
    /// How many epochs in a row may be no better.
    pub patience: u64,
    /// By how much a metric has to be better than the best.
    pub threshold: f64,
    /// Whether the threshold is a difference rather than a part of the best.
    pub absolute_threshold: bool,
    /// For how many epochs after the rate has fallen none is bad.
    pub cooldown: u64,
    /// The smallest rate.
    pub min_lr: f64,
    /// The rate does not fall by less.
    pub eps: f64,
    /// Whether larger is better.
    pub maximize: bool,
    best: Option<f64>,
    bad_epochs: u64,
    cooling: u64,
}

impl Default for ReduceLrOnPlateau {
    fn default() -> Self {
        Self::new()
    }
}

impl ReduceLrOnPlateau {
    /// Down by a factor of ten after more than ten epochs in which nothing has got smaller.
    pub fn new() -> Self {
        ReduceLrOnPlateau {
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            absolute_threshold: false,
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
            maximize: false,
            best: None,
            bad_epochs: 0,
            cooling: 0,
        }
    }

    /// By another factor.
    ///
    /// # Panics
    /// If it is not below 1.
    #[track_caller]
    pub fn factor(mut self, factor: f64) -> Self {
        assert!(factor < 1.0, "ReduceLrOnPlateau: a factor of {factor} reduces nothing");
        self.factor = factor;
        self
    }

    /// After more epochs, or fewer.
    pub fn patience(mut self, patience: u64) -> Self {
        self.patience = patience;
        self
    }

    /// Better by this part of the best.
    pub fn threshold(mut self, threshold: f64) -> Self {
        (self.threshold, self.absolute_threshold) = (threshold, false);
        self
    }

    /// Better by this difference.
    pub fn absolute_threshold(mut self, threshold: f64) -> Self {
        (self.threshold, self.absolute_threshold) = (threshold, true);
        self
    }

    /// With so many epochs of rest after a fall.
    pub fn cooldown(mut self, cooldown: u64) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// Not below this.
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }

    /// Not by less than this.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// For a metric that is to be large, such as an accuracy.
    pub fn maximize(mut self, maximize: bool) -> Self {
        self.maximize = maximize;
        self
    }

    /// The best metric so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// Takes in the metric of one epoch, and lets the optimizer's rate fall if it is time.
    pub fn step(&mut self, metric: f64, optimizer: &mut impl Scheduled) {
        if self.is_better(metric) {
            (self.best, self.bad_epochs) = (Some(metric), 0);
        } else {
            self.bad_epochs += 1;
        }
        if self.cooling > 0 {
            (self.cooling, self.bad_epochs) = (self.cooling - 1, 0);
        }
        if self.bad_epochs > self.patience {
            (self.cooling, self.bad_epochs) = (self.cooldown, 0);
            let (old, new) = (optimizer.lr(), (optimizer.lr() * self.factor).max(self.min_lr));
            if old - new > self.eps {
                optimizer.set_lr(new);
            }
        }
    }

    fn is_better(&self, metric: f64) -> bool {
        let sign = if self.maximize { -1.0 } else { 1.0 };
        let Some(best) = self.best else { return sign * metric < f64::INFINITY };
        let threshold = sign * self.threshold;
        let bound = if self.absolute_threshold { best - threshold } else { best * (1.0 - threshold) };
        sign * metric < sign * bound
    }

    /// What it remembers from epoch to epoch.
    pub fn state<T: Float>(&self) -> State<T> {
        let mut state = State::default();
        state.set_number("best", self.best.unwrap_or(f64::NAN));
        state.counts.insert("bad_epochs".into(), self.bad_epochs);
        state.counts.insert("cooling".into(), self.cooling);
        state
    }

    /// Takes over a state.
    ///
    /// # Errors
    /// If something is missing or unexpected: lists all of it. Then nothing is changed.
    pub fn load_state<T: Float>(&mut self, mut state: State<T>) -> Result<()> {
        let mut faults = Vec::new();
        let best = state.take_number("best", &mut faults);
        let [bad_epochs, cooling] = ["bad_epochs", "cooling"].map(|name| state.take_count(name, &mut faults));
        state.finish(faults)?;
        self.best = best.filter(|best| !best.is_nan());
        (self.bad_epochs, self.cooling) = (bad_epochs.unwrap_or_default(), cooling.unwrap_or_default());
        Ok(())
    }
}
