//! RAdam.

use super::adam::decay;
use super::rule::Averages;
use super::{Update, UpdateRule, Updater};
use crate::float::Float;

/// RAdam, rectified Adam: `w ← w − lr · m̂ · r √(1 − β₂ᵗ) / (√v + eps)` as soon as v is to be trusted, `w ← w − lr · m̂` before.
///
/// g, m, v and m̂ are as in [`Adam`](super::Adam). With `ρ∞ = 2 / (1 − β₂) − 1` and `ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)`, the length of the average v,
/// it is trusted where ρ > 5, and `r² = (ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ)`.
///
/// By default `betas` are 0.9 and 0.999, `eps` is 10⁻⁸, and `weight_decay` 0, added to the gradient unless `decoupled_weight_decay`; a usual
/// rate is 0.001. Remembers `exp_avg` and `exp_avg_sq`.
///
/// # Examples
/// ```
/// use rensa::{Param, Tape, optim::{Optimizer, RAdam}, tensor};
/// let mut w = Param::new(tensor![1.0_f64]);
/// let mut radam = RAdam::new(0.1);
/// let tape = Tape::new();
/// let gradients = (tape.param(&w) * 3.0).sum(..).backward();
/// radam.step(&mut w, &gradients)?;
/// assert!((w.value.item() - 0.7).abs() < 1e-12); // the first steps are those of plain momentum
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (2020), algorithm 2.
pub type RAdam<T> = Updater<RAdamRule, T>;

/// The hyperparameters of [`RAdam`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RAdamRule {
    /// The learning rate.
    pub lr: f64,
    /// How much of the averages of the gradient and of its square is kept, β₁ and β₂.
    pub betas: (f64, f64),
    /// What is added to the root.
    pub eps: f64,
    /// How much of the parameter is added to its gradient; decoupled, how much of it times the rate is taken off.
    pub weight_decay: f64,
    /// Whether the weight decay does not go through the averages.
    pub decoupled_weight_decay: bool,
}

impl<T: Float> Updater<RAdamRule, T> {
    /// With this learning rate.
    pub fn new(lr: f64) -> Self {
        let betas = (0.9, 0.999);
        Updater::of(RAdamRule { lr, betas, eps: 1e-8, weight_decay: 0.0, decoupled_weight_decay: false })
    }

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

    /// With a weight decay that does not go through the averages, or one that does.
    pub fn decoupled_weight_decay(mut self, decoupled: bool) -> Self {
        self.rule.decoupled_weight_decay = decoupled;
        self
    }
}

impl UpdateRule for RAdamRule {
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
        &["exp_avg", "exp_avg_sq"]
    }

    fn update<T: Float>(&self, update: Update<'_, T>) {
        let ((beta1, beta2), t) = (self.betas, update.step as f64);
        let [rest1, rest2] = [beta1, beta2].map(|beta| 1.0 - beta.powf(t));
        let longest = 2.0 / (1.0 - beta2) - 1.0;
        let length = longest - 2.0 * t * beta2.powf(t) / rest2;
        let rate = T::of(self.lr / rest1);
        let (kept, added) = decay::<T>(self.lr, self.weight_decay, self.decoupled_weight_decay);
        let (first, second, eps) = (Averages::new(beta1), Averages::new(beta2), T::of(self.eps));
        if length <= 5.0 {
            return update.each(
                #[inline(always)]
                |[w, m, v], g| {
                    let g = g + added * w;
                    let (m, v) = (first.of(m, g), second.of_square(v, g));
                    [kept * w - rate * m, m, v]
                },
            );
        }
        let trust = |length: f64| (length - 4.0) * (length - 2.0) / length;
        let rate = rate * T::of((trust(length) / trust(longest) * rest2).sqrt());
        update.each(
            #[inline(always)]
            |[w, m, v], g| {
                let g = g + added * w;
                let (m, v) = (first.of(m, g), second.of_square(v, g));
                [kept * w - rate * m / (v.sqrt() + eps), m, v]
            },
        );
    }
}
