//! Adam.

use super::rule::Averages;
use super::{Update, UpdateRule, Updater};
use crate::float::Float;

/// Adam, `w ← w − lr · m̂ / (√v̂ + eps)`.
///
/// With g the gradient plus `weight_decay · w`: `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`, and at step t `m̂ = m / (1 − β₁ᵗ)` and
/// `v̂ = v / (1 − β₂ᵗ)`. With `amsgrad`, v̂ is made of the largest v so far.
///
/// By default `betas` are 0.9 and 0.999, `eps` is 10⁻⁸, `weight_decay` 0 and `amsgrad` off; a usual rate is 0.001. Remembers `exp_avg`, m,
/// and `exp_avg_sq`, v, and with `amsgrad` `max_exp_avg_sq`. All is one pass over the elements. Moments that have all but vanished are
/// [flushed](super::flush) to 0.
///
/// # Examples
/// ```
/// use rensa::{Param, Tape, optim::{Adam, Optimizer}, tensor};
/// let mut w = Param::new(tensor![1.0_f64, 1.0]);
/// let mut adam = Adam::new(0.1);
/// let tape = Tape::new();
/// let gradients = (tape.param(&w) * tape.constant(tensor![1.0, -100.0])).sum(..).backward();
/// adam.step(&mut w, &gradients)?;
/// assert!((w.value[[0]] - 0.9).abs() < 1e-8 && (w.value[[1]] - 1.1).abs() < 1e-8);
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Kingma, Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1; Reddi, Kale, Kumar, "On the Convergence of Adam
/// and Beyond" (2018), algorithm 2, for `amsgrad`.
pub type Adam<T> = Updater<AdamRule<false>, T>;

/// The hyperparameters of [`Adam`], and of [`AdamW`](super::AdamW), whose weight decay is `DECOUPLED` from the gradient.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdamRule<const DECOUPLED: bool> {
    /// The learning rate.
    pub lr: f64,
    /// How much of the averages of the gradient and of its square is kept, β₁ and β₂.
    pub betas: (f64, f64),
    /// What is added to the root.
    pub eps: f64,
    /// How much of the parameter is added to its gradient; decoupled, how much of it times the rate is taken off.
    pub weight_decay: f64,
    /// Whether the largest average so far divides the step.
    pub amsgrad: bool,
}

impl<T: Float> Updater<AdamRule<false>, T> {
    /// With this learning rate.
    pub fn new(lr: f64) -> Self {
        Updater::of(AdamRule { lr, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0, amsgrad: false })
    }
}

impl<const DECOUPLED: bool, T: Float> Updater<AdamRule<DECOUPLED>, T> {
    /// With averages of which this much is kept.
    pub fn betas(mut self, beta1: f64, beta2: f64) -> Self {
        self.rule.betas = (beta1, beta2);
        self
    }

    /// With this added to the root.
    pub fn eps(mut self, eps: f64) -> Self {
        self.rule.eps = eps;
        self
    }

    /// With this weight decay.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.rule.weight_decay = weight_decay;
        self
    }

    /// Dividing by the largest average so far, or not.
    pub fn amsgrad(mut self, amsgrad: bool) -> Self {
        self.rule.amsgrad = amsgrad;
        self
    }
}

impl<const DECOUPLED: bool> UpdateRule for AdamRule<DECOUPLED> {
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
        if self.amsgrad { &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] } else { &["exp_avg", "exp_avg_sq"] }
    }

    fn update<T: Float>(&self, update: Update<'_, T>) {
        let (beta1, beta2) = self.betas;
        let [rest1, rest2] = [beta1, beta2].map(|beta| 1.0 - beta.powf(update.step as f64));
        let (rate, root) = (T::of(self.lr / rest1), T::of(rest2.sqrt().recip()));
        let (kept, added) = decay::<T>(self.lr, self.weight_decay, DECOUPLED);
        let (first, second, eps) = (Averages::new(beta1), Averages::new(beta2), T::of(self.eps));
        if self.amsgrad {
            return update.each(
                #[inline(always)]
                |[w, m, v, top], g| {
                    let g = g + added * w;
                    let (m, v) = (first.of(m, g), second.of_square(v, g));
                    let top = if v > top || v.is_nan() { v } else { top };
                    [kept * w - rate * m / (top.sqrt() * root + eps), m, v, top]
                },
            );
        }
        update.each(
            #[inline(always)]
            |[w, m, v], g| {
                let g = g + added * w;
                let (m, v) = (first.of(m, g), second.of_square(v, g));
                [kept * w - rate * m / (v.sqrt() * root + eps), m, v]
            },
        );
    }
}

/// How much of a parameter is kept at a step, and how much of it is added to its gradient.
pub(super) fn decay<T: Float>(lr: f64, weight_decay: f64, decoupled: bool) -> (T, T) {
    if decoupled { (T::of(1.0 - lr * weight_decay), T::zero()) } else { (T::one(), T::of(weight_decay)) }
}
