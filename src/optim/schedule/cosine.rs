//! Rates that fall along a cosine, once or again and again.

use std::f64::consts::PI;

use super::Schedule;

/// A half cosine from `lr` at step 0 to `eta_min` at step `t_max`, `eta_min + (lr − eta_min)(1 + cos(π step / t_max)) / 2`. Beyond `t_max` it
/// rises again, as the cosine does; `eta_min` is 0 by default.
///
/// # Examples
/// ```
/// use rensa::optim::{CosineAnnealingLr, Schedule};
/// let schedule = CosineAnnealingLr::new(1.0, 10).eta_min(0.5);
/// assert_eq!([0, 5, 10].map(|step| schedule.lr(step)), [1.0, 0.75, 0.5]);
/// ```
/// Source: Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), equation 5, without restarts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CosineAnnealingLr {
    /// The rate at the beginning.
    pub lr: f64,
    /// At which step it is smallest.
    pub t_max: u64,
    /// The smallest rate.
    pub eta_min: f64,
}

impl CosineAnnealingLr {
    /// From `lr` down to 0 in `t_max` steps.
    ///
    /// # Panics
    /// If `t_max` is 0.
    #[track_caller]
    pub fn new(lr: f64, t_max: u64) -> Self {
        assert!(t_max > 0, "CosineAnnealingLr: a t_max of 0");
        CosineAnnealingLr { lr, t_max, eta_min: 0.0 }
    }

    /// Down to another rate.
    pub fn eta_min(mut self, eta_min: f64) -> Self {
        self.eta_min = eta_min;
        self
    }
}

impl Schedule for CosineAnnealingLr {
    fn lr(&self, step: u64) -> f64 {
        // Within one period, where the cosine's argument is exact enough.
        let way = (step % (2 * self.t_max)) as f64 / self.t_max as f64;
        half_cosine(self.lr, self.eta_min, way)
    }
}

/// From `start` to `end`, as `way` goes from 0 to 1.
pub(super) fn half_cosine(start: f64, end: f64, way: f64) -> f64 {
    end + (start - end) * ((1.0 + (PI * way).cos()) / 2.0)
}

/// Half cosines one after the other, each from `lr` to `eta_min`: the first takes `t_0` steps, every other `t_mult` times as many as the one
/// before. By default `t_mult` is 1 and `eta_min` 0.
///
/// # Examples
/// ```
/// use rensa::optim::{CosineAnnealingWarmRestarts, Schedule};
/// let schedule = CosineAnnealingWarmRestarts::new(1.0, 10).t_mult(2);
/// assert_eq!([0, 5, 10, 20, 30].map(|step| schedule.lr(step)), [1.0, 0.5, 1.0, 0.5, 1.0]);
/// ```
/// Source: Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), §3.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CosineAnnealingWarmRestarts {
    /// The rate at the beginning, and at every restart.
    pub lr: f64,
    /// At which step the first restart is.
    pub t_0: u64,
    /// How many times longer every period is than the one before.
    pub t_mult: u64,
    /// The smallest rate.
    pub eta_min: f64,
}

impl CosineAnnealingWarmRestarts {
    /// From `lr` down to 0 every `t_0` steps.
    ///
    /// # Panics
    /// If `t_0` is 0.
    #[track_caller]
    pub fn new(lr: f64, t_0: u64) -> Self {
        assert!(t_0 > 0, "CosineAnnealingWarmRestarts: a t_0 of 0");
        CosineAnnealingWarmRestarts { lr, t_0, t_mult: 1, eta_min: 0.0 }
    }

    /// With periods that become longer.
    ///
    /// # Panics
    /// If `t_mult` is 0.
    #[track_caller]
    pub fn t_mult(mut self, t_mult: u64) -> Self {
        assert!(t_mult > 0, "CosineAnnealingWarmRestarts: a t_mult of 0");
        self.t_mult = t_mult;
        self
    }

    /// Down to another rate.
    pub fn eta_min(mut self, eta_min: f64) -> Self {
        self.eta_min = eta_min;
        self
    }
}

impl Schedule for CosineAnnealingWarmRestarts {
    fn lr(&self, step: u64) -> f64 {
        let (mut since, mut period) = (step, self.t_0);
        if self.t_mult == 1 {
            since %= period;
        }
        // At most 64 periods, each at least twice as long as the one before.
        while since >= period {
            since -= period;
            period = period.saturating_mul(self.t_mult);
        }
        half_cosine(self.lr, self.eta_min, since as f64 / period as f64)
    }
}
