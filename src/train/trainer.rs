//! The training loop.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{History, Observer, Progress};
use crate::data::{Examples, Loader};
use crate::error::Result;
use crate::float::Float;
use crate::graph::{Gradients, Tape, Var};
use crate::nn::Parts;
use crate::optim::{Optimizer, ReduceLrOnPlateau, Schedule};

/// Trains a net: epochs of steps over batches, each followed by a validation.
///
/// It keeps a [`History`], stops early when nothing gets better any more, adds up gradients over several batches, clips them, sets the
/// learning rate by a schedule, and, given a directory, saves the last and the best state, from which a later run goes on *to the same
/// bits* as if it had not been interrupted ([`Trainer::resume`]).
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::data::{Dataset, Loader};
/// use rensa::nn::{Linear, Module, Relu, Sequential};
/// use rensa::optim::Adam;
/// use rensa::train::{Ended, Trainer, accuracy};
/// use rensa::Reduction;
///
/// let (digits, rng) = (Dataset::<f32>::digits(600, 0)?, &mut StdRng::seed_from_u64(0));
/// let (training, validation) = (digits.narrow(0, 500), digits.narrow(500, 100));
/// let net = Sequential::new().with(Linear::init(784, 20, rng)).with(Relu).with(Linear::init(20, 10, rng));
/// let mut trainer = Trainer::new(net, Adam::new(1e-2)).epochs(2);
/// let ended = trainer.fit(
///     &mut Loader::new(&training, 50, 0),
///     |net, tape, batch| net.forward(tape.constant(batch.inputs.clone())).cross_entropy(&batch.labels, Reduction::Mean),
///     |net, tape| Ok(vec![("accuracy", accuracy(net, &validation, tape))]),
/// )?;
/// assert_eq!((ended, trainer.history().len()), (Ended::Finished, 2));
/// assert!(trainer.history().last("accuracy") > Some(0.5));
/// # Ok::<(), rensa::Error>(())
/// ```
pub struct Trainer<T: Float, P, O> {
    /// The net.
    pub net: P,
    /// The optimizer.
    pub optimizer: O,
    pub(super) rules: Rules<T>,
    pub(super) run: Run,
    tape: Tape<T>,
    gradients: Gradients<T>,
    sum: Gradients<T>,
}

/// How it trains: what is the same from run to run.
pub(super) struct Rules<T: Float> {
    epochs: u64,
    accumulate: u64,
    clip_norm: Option<f64>,
    /// The score that is looked at, and whether the highest is the best.
    monitor: (String, bool),
    patience: Option<u64>,
    schedule: Option<Rate>,
    pub(super) files: Option<super::resume::Files<T>>,
    observers: Vec<Box<dyn Observer>>,
    interrupt: Option<Arc<AtomicBool>>,
}

/// What sets the learning rate.
enum Rate {
    Steps(Box<dyn Schedule>),
    Epochs(Box<dyn Schedule>),
}

/// How far it is: with the states of net, optimizer and loader all that it takes to go on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Run {
    /// Whole epochs, validated.
    pub(super) epoch: u64,
    /// Steps of the optimizer.
    pub(super) step: u64,
    /// Batches of this epoch, and the sum of their losses.
    pub(super) batches: u64,
    pub(super) loss: f64,
    pub(super) best: Option<f64>,
    /// Epochs since the best.
    pub(super) bad_epochs: u64,
    pub(super) history: History,
    pub(super) plateau: Option<ReduceLrOnPlateau>,
}

/// Why a training ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// All epochs are done.
    Finished,
    /// Nothing has got better for longer than the patience.
    Early,
    /// It was asked to stop. What there is is saved, if there is a directory.
    Interrupted,
}

impl<T: Float, P: Parts<T>, O: Optimizer<T>> Trainer<T, P, O> {
    /// Ten epochs, one step a batch; the score that is looked at is the lowest loss.
    pub fn new(net: P, optimizer: O) -> Self {
        let rules = Rules {
            epochs: 10,
            accumulate: 1,
            clip_norm: None,
            monitor: ("loss".into(), false),
            patience: None,
            schedule: None,
            files: None,
            observers: Vec::new(),
            interrupt: None,
        };
        let (tape, gradients, sum) = (Tape::new(), Gradients::new(), Gradients::new());
        Trainer { net, optimizer, rules, run: Run::default(), tape, gradients, sum }
    }

    /// So many epochs, in all.
    pub fn epochs(mut self, epochs: u64) -> Self {
        self.rules.epochs = epochs;
        self
    }

    /// Steps by the mean gradient of so many batches. What is left at an epoch's end makes a step too.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn accumulate(mut self, batches: u64) -> Self {
        assert!(batches > 0, "Trainer: a step is made of at least one batch");
        self.rules.accumulate = batches;
        self
    }

    /// Scales gradients down whose norm, over all parameters, is above `max`.
    pub fn clip_norm(mut self, max: f64) -> Self {
        self.rules.clip_norm = Some(max);
        self
    }

    /// Looks at the highest `score` of the validation to find the best epoch.
    pub fn monitor_highest(mut self, score: &str) -> Self {
        self.rules.monitor = (score.into(), true);
        self
    }

    /// Looks at the lowest `score` of the validation, or `"loss"`, that of the training, to find the best epoch.
    pub fn monitor_lowest(mut self, score: &str) -> Self {
        self.rules.monitor = (score.into(), false);
        self
    }

    /// Stops when more than `epochs` in a row were no better than the best before.
    pub fn patience(mut self, epochs: u64) -> Self {
        self.rules.patience = Some(epochs);
        self
    }

    /// Sets the learning rate before each step of the optimizer.
    pub fn schedule_steps(mut self, schedule: impl Schedule + 'static) -> Self {
        self.rules.schedule = Some(Rate::Steps(Box::new(schedule)));
        self
    }

    /// Sets the learning rate before each epoch.
    pub fn schedule_epochs(mut self, schedule: impl Schedule + 'static) -> Self {
        self.rules.schedule = Some(Rate::Epochs(Box::new(schedule)));
        self
    }

    /// Lowers the learning rate when the score that is looked at does not get better.
    pub fn reduce_on_plateau(mut self, plateau: ReduceLrOnPlateau) -> Self {
        self.run.plateau = Some(plateau);
        self
    }

    /// Tells `observer` how it goes.
    pub fn observe(mut self, observer: impl Observer + 'static) -> Self {
        self.rules.observers.push(Box::new(observer));
        self
    }

    /// Stops after the step during which `flag` is set, by a handler of Ctrl-C, say.
    pub fn interrupt(mut self, flag: Arc<AtomicBool>) -> Self {
        self.rules.interrupt = Some(flag);
        self
    }

    /// What was measured so far.
    pub fn history(&self) -> &History {
        &self.run.history
    }

    /// Trains on the batches of `loader` until the epochs are done, nothing gets better, or it is asked to stop. Called again it goes on.
    ///
    /// `loss` computes the loss of a batch on a tape, in training mode. `validate` measures, in evaluation mode, whatever scores there are to
    /// be: they go into the history beside the mean loss of the epoch's batches, which is called `loss`.
    ///
    /// # Errors
    /// If a batch cannot be made, a step is refused, a score that is looked at is missing, or a file cannot be written.
    ///
    /// # Panics
    /// If the loss is not a single number.
    pub fn fit<D: Examples>(
        &mut self,
        loader: &mut Loader<D>,
        loss: impl for<'t> Fn(&P, &'t Tape<T>, &D::Batch) -> Var<'t, T>,
        mut validate: impl FnMut(&P, &mut Tape<T>) -> Result<Vec<(&'static str, f64)>>,
    ) -> Result<Ended> {
        while self.run.epoch < self.rules.epochs {
            if self.is_stuck() {
                return Ok(Ended::Early);
            }
            if !self.epoch(loader, &loss)? {
                self.save_last(loader)?;
                return Ok(Ended::Interrupted);
            }
            self.net.eval();
            self.tape.reset();
            let scores = validate(&self.net, &mut self.tape);
            self.net.train();
            self.finish_epoch(loader, &scores?)?;
        }
        Ok(Ended::Finished)
    }

    fn is_stuck(&self) -> bool {
        self.rules.patience.is_some_and(|patience| self.run.bad_epochs > patience)
    }

    /// The steps of what is left of an epoch. Whether it came to its end.
    fn epoch<D: Examples>(
        &mut self,
        loader: &mut Loader<D>,
        loss: &impl for<'t> Fn(&P, &'t Tape<T>, &D::Batch) -> Var<'t, T>,
    ) -> Result<bool> {
        self.net.train();
        if let Some(Rate::Epochs(schedule)) = &self.rules.schedule {
            drive(schedule.as_ref(), self.run.epoch, &mut self.optimizer);
        }
        let batches = loader.batches_per_epoch() as u64;
        while self.run.batches < batches {
            let first = self.run.batches;
            let group = self.rules.accumulate.min(batches - first);
            self.sum.clear();
            for _ in 0..group {
                let batch = loader.next_batch()?;
                let net = &self.net;
                let value = self.tape.step(&mut self.gradients, |tape| loss(net, tape, &batch));
                self.run.loss += value.to_f64().unwrap_or(f64::NAN);
                self.run.batches += 1;
                if group > 1 {
                    self.sum.add_from(&self.gradients);
                }
            }
            self.step(group)?;
            self.tell_batch(batches);
            let stop = self.rules.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
            if stop {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One step of the optimizer, by the mean gradient of `group` batches.
    fn step(&mut self, group: u64) -> Result<()> {
        if let Some(Rate::Steps(schedule)) = &self.rules.schedule {
            drive(schedule.as_ref(), self.run.step, &mut self.optimizer);
        }
        let gradients = if group > 1 { &mut self.sum } else { &mut self.gradients };
        if group > 1 {
            gradients.scale(T::of(1.0 / group as f64));
        }
        if let Some(max) = self.rules.clip_norm {
            gradients.clip_norm(T::of(max));
        }
        self.optimizer.step(&mut self.net, gradients)?;
        self.run.step += 1;
        Ok(())
    }

    fn progress(&self, batches: u64) -> Progress {
        let Run { epoch, batches: batch, loss, .. } = self.run;
        Progress { epoch: epoch + 1, epochs: self.rules.epochs, batch, batches, loss: loss / batch as f64 }
    }

    fn tell_batch(&mut self, batches: u64) {
        let progress = self.progress(batches);
        self.rules.observers.iter_mut().for_each(|observer| observer.batch(&progress));
    }

    /// Notes the scores, finds out whether they are the best, and saves.
    fn finish_epoch<D: Examples>(&mut self, loader: &Loader<D>, scores: &[(&'static str, f64)]) -> Result<()> {
        let progress = self.progress(loader.batches_per_epoch() as u64);
        let row: Vec<(&str, f64)> = [("loss", progress.loss)].into_iter().chain(scores.iter().copied()).collect();
        let (name, highest) = &self.rules.monitor;
        let score = row.iter().find(|(found, _)| found == name).map(|&(_, score)| score);
        let score = score.ok_or_else(|| super::resume::no_score(name, &row))?;
        let is_best = self.run.best.is_none_or(|best| if *highest { score > best } else { score < best });
        if is_best && !score.is_nan() {
            (self.run.best, self.run.bad_epochs) = (Some(score), 0);
        } else {
            self.run.bad_epochs += 1;
        }
        self.run.history.push(&row);
        (self.run.epoch, self.run.batches, self.run.loss) = (self.run.epoch + 1, 0, 0.0);
        if let Some(plateau) = &mut self.run.plateau {
            plateau.step(score, &mut self.optimizer);
        }
        self.save_epoch(loader, is_best)?;
        let Rules { observers, .. } = &mut self.rules;
        observers.iter_mut().for_each(|observer| observer.epoch(&progress, &self.run.history));
        Ok(())
    }
}

fn drive(schedule: &dyn Schedule, step: u64, optimizer: &mut impl crate::optim::Scheduled) {
    optimizer.set_lr(schedule.lr(step));
    if let Some(momentum) = schedule.momentum(step) {
        optimizer.set_momentum(momentum);
    }
}

/// The files of a training in its directory.
pub(super) fn names(directory: &std::path::Path) -> [PathBuf; 4] {
    ["last.safetensors", "best.safetensors", "history.csv", "curves.svg"].map(|name| directory.join(name))
}
