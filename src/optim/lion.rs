//! Lion.

use super::rule::Averages;
use super::{Update, UpdateRule, Updater};
use crate::float::Float;

/// Lion, `w ← w − lr · (sign(β₁ m + (1 − β₁) g) + weight_decay · w)`, and then `m ← β₂ m + (1 − β₂) g`: every step is as large as the rate.
///
/// The sign of 0 is 0. By default `betas` are 0.9 and 0.99 and `weight_decay` is 0; a usual rate is 0.0001, a third to a tenth of that for
/// AdamW, with a weight decay as many times larger. Remembers `exp_avg`, m.
///
/// # Examples
/// ```
/// use rensa::{Param, Tape, optim::{Lion, Optimizer}, tensor};
/// let mut w = Param::new(tensor![1.0_f64, 1.0, 1.0]);
/// let mut lion = Lion::new(0.25);
/// let tape = Tape::new();
/// let gradients = (tape.param(&w) * tape.constant(tensor![1e-9, 0.0, -1e9])).sum(..).backward();
/// lion.step(&mut w, &gradients)?;
/// assert_eq!(w.value.to_vec(), [0.75, 1.0, 1.25]);
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023), algorithm 2.
pub type Lion<T> = Updater<LionRule, T>;

/// The hyperparameters of [`Lion`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LionRule {
    /// The learning rate.
    pub lr: f64,
    /// How much of the average is kept for the step, β₁, and for the next one, β₂.
    pub betas: (f64, f64),
    /// How much of the parameter times the rate is taken off.
    pub weight_decay: f64,
}

impl<T: Float> Updater<LionRule, T> {
    /// With this learning rate.
    pub fn new(lr: f64) -> Self {
        Updater::of(LionRule { lr, betas: (0.9, 0.99), weight_decay: 0.0 })
    }

    /// With averages of which this much is kept.
    pub fn betas(mut self, beta1: f64, beta2: f64) -> Self {
        self.rule.betas = (beta1, beta2);
        self
    }

    /// With this weight decay.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.rule.weight_decay = weight_decay;
        self
    }
}

impl UpdateRule for LionRule {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn momentum_mut(&mut self) -> Option<&mut f64> {
        Some(&mut self.betas.0)
    }

    fn slots(&self) -> &'static [&'static str] {
        &["exp_avg"]
    }

    fn update<T: Float>(&self, update: Update<'_, T>) {
        let (step, kept) = (T::of(self.lr), T::of(1.0 - self.lr * self.weight_decay));
        let (beta1, beta2) = self.betas;
        let (direction, average) = (Averages::new(beta1), Averages::new(beta2));
        update.each(
            #[inline(always)]
            |[w, m], g| {
                let d = direction.of(m, g);
                // The sign of 0 is 0, that of NaN is NaN.
                let sign = if d.is_zero() { d } else { d.signum() };
                [kept * w - step * sign, average.of(m, g)]
            },
        );
    }
}
