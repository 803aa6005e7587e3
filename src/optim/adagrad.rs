//! AdaGrad.

use super::rule::{flush, smallest};
use super::{Update, UpdateRule, Updater};
use crate::float::Float;

/// AdaGrad, `w ← w − lrₜ g / (√s + eps)` with `s ← s + g²` and `lrₜ = lr / (1 + (t − 1) lr_decay)`: a rate for every element, smaller the
/// larger its gradients have been.
///
/// g is the gradient plus `weight_decay · w`. By default `lr_decay`, `weight_decay` and `initial_accumulator_value`, which s begins with,
/// are 0 and `eps` is 10⁻¹⁰; a usual rate is 0.01. Remembers `sum`.
///
/// # Examples
/// ```
/// use rensa::{Param, Tape, optim::{Adagrad, Optimizer}, tensor};
/// let mut w = Param::new(tensor![1.0_f64, 1.0]);
/// let mut adagrad = Adagrad::new(0.5);
/// let tape = Tape::new();
/// let gradients = (tape.param(&w) * tape.constant(tensor![1.0, 100.0])).sum(..).backward();
/// adagrad.step(&mut w, &gradients)?;
/// assert!(w.value.iter().all(|w| (w - 0.5).abs() < 1e-9), "the first step is as large as the rate everywhere");
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Duchi, Hazan, Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization" (2011), §1.1.
pub type Adagrad<T> = Updater<AdagradRule, T>;

/// The hyperparameters of [`Adagrad`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdagradRule {
    /// The learning rate.
    pub lr: f64,
    /// How fast the learning rate decays.
    pub lr_decay: f64,
    /// How much of the parameter is added to its gradient.
    pub weight_decay: f64,
    /// What the sum of squares begins with.
    pub initial_accumulator_value: f64,
    /// What is added to the root.
    pub eps: f64,
}

impl<T: Float> Updater<AdagradRule, T> {
    /// With this learning rate.
    pub fn new(lr: f64) -> Self {
        let rule = AdagradRule { lr, lr_decay: 0.0, weight_decay: 0.0, initial_accumulator_value: 0.0, eps: 1e-10 };
        Updater::of(rule)
    }

    /// With a learning rate that decays.
    pub fn lr_decay(mut self, lr_decay: f64) -> Self {
        self.rule.lr_decay = lr_decay;
        self
    }

    /// With `weight_decay · w` added to the gradient.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.rule.weight_decay = weight_decay;
        self
    }

    /// With sums of squares that begin with this.
    pub fn initial_accumulator_value(mut self, value: f64) -> Self {
        self.rule.initial_accumulator_value = value;
        self
    }

    /// With this added to the root.
    pub fn eps(mut self, eps: f64) -> Self {
        self.rule.eps = eps;
        self
    }
}

impl UpdateRule for AdagradRule {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn slots(&self) -> &'static [&'static str] {
        &["sum"]
    }

    fn fill(&self) -> f64 {
        self.initial_accumulator_value
    }

    fn update<T: Float>(&self, update: Update<'_, T>) {
        let lr = T::of(self.lr / (1.0 + (update.step - 1) as f64 * self.lr_decay));
        let [decay, eps] = [self.weight_decay, self.eps].map(T::of);
        let smallest_root = smallest::<T>().sqrt();
        update.each(
            #[inline(always)]
            |[w, s], g| {
                let g = g + decay * w;
                let square = flush(g, smallest_root);
                let s = s + square * square;
                [w - lr * g / (s.sqrt() + eps), s]
            },
        );
    }
}
