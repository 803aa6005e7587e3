//! Schedules: learning rates as functions of the number of a step or an epoch.

mod cosine;
mod one_cycle;
mod plateau;
mod step;

pub use cosine::{CosineAnnealingLr, CosineAnnealingWarmRestarts};
pub use one_cycle::{Annealing, OneCycleLr};
pub use plateau::ReduceLrOnPlateau;
pub use step::{ExponentialLr, LinearLr, MultiStepLr, StepLr};

use super::Scheduled;

/// A learning rate that depends on the number of a step, or of an epoch, and on nothing else. So there is no state to be saved but that
/// number. A closure from number to rate is one.
///
/// # Examples
/// ```
/// use rensa::optim::{Adam, CosineAnnealingLr, LinearLr, Schedule, Scheduled};
/// let mut adam = Adam::<f32>::new(1e-3);
/// let schedule = LinearLr::new(1e-3, 100).start_factor(0.01).then(100, CosineAnnealingLr::new(1e-3, 900));
/// for step in 0..1000 {
///     schedule.drive(step, &mut adam); // before the step is taken
/// }
/// assert!(adam.lr() < 1e-8);
/// let by_hand = |step: u64| 1.0 / (1.0 + step as f64);
/// assert_eq!(by_hand.lr(3), 0.25);
/// ```
pub trait Schedule {
    /// The learning rate of step or epoch number `step`, of which the first is 0.
    fn lr(&self, step: u64) -> f64;

    /// The momentum, or β₁, if it is scheduled too.
    fn momentum(&self, step: u64) -> Option<f64> {
        let _ = step;
        None
    }

    /// Sets what an optimizer is to take step number `step` with.
    ///
    /// # Panics
    /// If the momentum is scheduled, and the optimizer has none.
    #[track_caller]
    fn drive(&self, step: u64, optimizer: &mut impl Scheduled)
    where
        Self: Sized,
    {
        optimizer.set_lr(self.lr(step));
        if let Some(momentum) = self.momentum(step) {
            optimizer.set_momentum(momentum);
        }
    }

    /// This schedule for so many steps, and then `next` from its beginning.
    fn then<S: Schedule>(self, steps: u64, next: S) -> Then<Self, S>
    where
        Self: Sized,
    {
        Then { first: self, steps, next }
    }
}

impl<F: Fn(u64) -> f64> Schedule for F {
    fn lr(&self, step: u64) -> f64 {
        self(step)
    }
}

/// One schedule after the other; made by [`Schedule::then`]. PyTorch's `SequentialLR`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Then<A, B> {
    first: A,
    steps: u64,
    next: B,
}

impl<A: Schedule, B: Schedule> Schedule for Then<A, B> {
    fn lr(&self, step: u64) -> f64 {
        if step < self.steps { self.first.lr(step) } else { self.next.lr(step - self.steps) }
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        if step < self.steps { self.first.momentum(step) } else { self.next.momentum(step - self.steps) }
    }
}
