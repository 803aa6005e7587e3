//! Adadelta.

use super::rule::Averages;
use super::{Update, UpdateRule, Updater};
use crate::float::Float;

/// Adadelta, `w ← w − lr · d` with `d = √(u + eps) / √(v + eps) · g`, where `v ← rho · v + (1 − rho) g²` and then `u ← rho · u + (1 − rho) d²`:
/// a step has the unit of the parameter.
///
/// g is the gradient plus `weight_decay · w`. By default `rho` is 0.9, `eps` 10⁻⁶ and `weight_decay` 0; the paper's rate is 1. Remembers
/// `square_avg`, v, and `acc_delta`, u.
///
/// # Examples
/// ```
/// use rensa::{Param, Tape, optim::{Adadelta, Optimizer}, tensor};
/// let mut w = Param::new(tensor![1.0_f64]);
/// let mut adadelta = Adadelta::new(1.0).rho(0.95);
/// let tape = Tape::new();
/// let gradients = (tape.param(&w) * 3.0).sum(..).backward();
/// adadelta.step(&mut w, &gradients)?;
/// assert!((1.0 - w.value.item() - (1e-6_f64 / 0.05).sqrt()).abs() < 1e-8);
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012), algorithm 1.
pub type Adadelta<T> = Updater<AdadeltaRule, T>;

/// The hyperparameters of [`Adadelta`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdadeltaRule {
    /// The learning rate.
    pub lr: f64,
    /// How much of the averages is kept.
    pub rho: f64,
    /// What is added below the roots.
    pub eps: f64,
    /// How much of the parameter is added to its gradient.
    pub weight_decay: f64,
}

impl<T: Float> Updater<AdadeltaRule, T> {
    /// With this learning rate.
    pub fn new(lr: f64) -> Self {
        Updater::of(AdadeltaRule { lr, rho: 0.9, eps: 1e-6, weight_decay: 0.0 })
    }

    /// With averages of which this much is kept.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rule.rho = rho;
        self
    }

    /// With this added below the roots.
    pub fn eps(mut self, eps: f64) -> Self {
        self.rule.eps = eps;
        self
    }

    /// With `weight_decay · w` added to the gradient.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.rule.weight_decay = weight_decay;
        self
    }
}

impl UpdateRule for AdadeltaRule {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn slots(&self) -> &'static [&'static str] {
        &["square_avg", "acc_delta"]
    }

    fn update<T: Float>(&self, update: Update<'_, T>) {
        let [lr, eps, decay] = [self.lr, self.eps, self.weight_decay].map(T::of);
        let average = Averages::new(self.rho);
        update.each(
            #[inline(always)]
            |[w, v, u], g| {
                let g = g + decay * w;
                let v = average.of_square(v, g);
                let d = (u + eps).sqrt() / (v + eps).sqrt() * g;
                [w - lr * d, v, average.of_square(u, d)]
            },
        );
    }
}
