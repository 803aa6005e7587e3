//! Rates that fall by a factor, and rates that go in a straight line.

use super::Schedule;

/// `lr · gammaᵏ`, where `k = ⌊step / step_size⌋`; `gamma` is 0.1 by default.
///
/// # Examples
/// ```
/// use rensa::optim::{Schedule, StepLr};
/// let schedule = StepLr::new(1.0, 30).gamma(0.5);
/// assert_eq!([0, 29, 30, 60].map(|epoch| schedule.lr(epoch)), [1.0, 1.0, 0.5, 0.25]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StepLr {
    /// The rate at the beginning.
    pub lr: f64,
    /// After how many steps it falls.
    pub step_size: u64,
    /// By what factor.
    pub gamma: f64,
}

impl StepLr {
    /// From `lr` down by a factor of ten every `step_size` steps.
    ///
    /// # Panics
    /// If `step_size` is 0.
    #[track_caller]
    pub fn new(lr: f64, step_size: u64) -> Self {
        assert!(step_size > 0, "StepLr: a step size of 0");
        StepLr { lr, step_size, gamma: 0.1 }
    }

    /// By another factor.
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }
}

impl Schedule for StepLr {
    fn lr(&self, step: u64) -> f64 {
        self.lr * self.gamma.powf((step / self.step_size) as f64)
    }
}

/// `lr · gammaᵏ`, where k is the number of `milestones` that are reached; `gamma` is 0.1 by default.
///
/// # Examples
/// ```
/// use rensa::optim::{MultiStepLr, Schedule};
/// let schedule = MultiStepLr::new(1.0, [30, 80]).gamma(0.5);
/// assert_eq!([29, 30, 79, 80].map(|epoch| schedule.lr(epoch)), [1.0, 0.5, 0.5, 0.25]);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct MultiStepLr {
    /// The rate at the beginning.
    pub lr: f64,
    /// At which steps it falls, in any order; one that is named twice counts twice.
    pub milestones: Vec<u64>,
    /// By what factor.
    pub gamma: f64,
}

impl MultiStepLr {
    /// From `lr` down by a factor of ten at every milestone.
    pub fn new(lr: f64, milestones: impl Into<Vec<u64>>) -> Self {
        MultiStepLr { lr, milestones: milestones.into(), gamma: 0.1 }
    }

    /// By another factor.
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }
}

impl Schedule for MultiStepLr {
    fn lr(&self, step: u64) -> f64 {
        let reached = self.milestones.iter().filter(|&&milestone| step >= milestone).count();
        self.lr * self.gamma.powf(reached as f64)
    }
}

/// `lr · gamma^step`.
///
/// # Examples
/// ```
/// use rensa::optim::{ExponentialLr, Schedule};
/// assert_eq!(ExponentialLr::new(1.0, 0.5).lr(3), 0.125);
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ExponentialLr {
    /// The rate at the beginning.
    pub lr: f64,
    /// The factor of every step.
    pub gamma: f64,
}

impl ExponentialLr {
    /// From `lr` down by the factor `gamma` every step.
    pub fn new(lr: f64, gamma: f64) -> Self {
        ExponentialLr { lr, gamma }
    }
}

impl Schedule for ExponentialLr {
    fn lr(&self, step: u64) -> f64 {
        self.lr * self.gamma.powf(step as f64)
    }
}

/// A straight line from `start_factor · lr` at step 0 to `end_factor · lr` at step `total_iters`, and that from there on: linear warm-up.
///
/// By default `start_factor` is 1/3 and `end_factor` 1.
///
/// # Examples
/// ```
/// use rensa::optim::{LinearLr, Schedule};
/// let warm_up = LinearLr::new(0.1, 4).start_factor(0.0);
/// assert_eq!([0, 1, 2, 4, 9].map(|step| warm_up.lr(step)), [0.0, 0.025, 0.05, 0.1, 0.1]);
/// ```
/// Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour" (2017), §2.2.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LinearLr {
    /// The rate that the factors belong to.
    pub lr: f64,
    /// The factor at the beginning.
    pub start_factor: f64,
    /// The factor at the end.
    pub end_factor: f64,
    /// At which step the end is reached.
    pub total_iters: u64,
}

impl LinearLr {
    /// Up from a third of `lr` to `lr`, in so many steps.
    pub fn new(lr: f64, total_iters: u64) -> Self {
        LinearLr { lr, start_factor: 1.0 / 3.0, end_factor: 1.0, total_iters }
    }

    /// From another factor.
    pub fn start_factor(mut self, start_factor: f64) -> Self {
        self.start_factor = start_factor;
        self
    }

    /// To another factor.
    pub fn end_factor(mut self, end_factor: f64) -> Self {
        self.end_factor = end_factor;
        self
    }
}

impl Schedule for LinearLr {
    fn lr(&self, step: u64) -> f64 {
        if step >= self.total_iters {
            return self.lr * self.end_factor;
        }
        let way = step as f64 / self.total_iters as f64;
        self.lr * (self.start_factor + (self.end_factor - self.start_factor) * way)
    }
}
