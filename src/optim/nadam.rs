//! NAdam.

use super::adam::decay;
use super::rule::Averages;
use super::{Update, UpdateRule, Updater};
use crate::float::Float;

/// NAdam: Adam with Nesterov's momentum, `w ← w − lr · ((1 − μₜ) g / (1 − Πₜ) + μₜ₊₁ m / (1 − Πₜ₊₁)) / (√v̂ + eps)`.
///
/// g, m, v and v̂ are as in [`Adam`](super::Adam); `μₜ = β₁ (1 − 0.96^(t · momentum_decay) / 2)`, and `Πₜ` is the product of the μ up to μₜ.
///
/// By default `betas` are 0.9 and 0.999, `eps` is 10⁻⁸, `momentum_decay` 0.004, `weight_decay` 0, added to the gradient unless
/// `decoupled_weight_decay`; a usual rate is 0.002. Remembers `exp_avg`, `exp_avg_sq`, and the number `mu_product`.
///
/// # Examples
/// ```
/// use rensa::{Param, Tape, optim::{NAdam, Optimizer}, tensor};
/// let mut w = Param::new(tensor![1.0_f64]);
/// let mut nadam = NAdam::new(0.1);
/// let tape = Tape::new();
/// let gradients = (tape.param(&w) * 3.0).sum(..).backward();
/// nadam.step(&mut w, &gradients)?;
/// assert!(w.value.item() < 0.9);
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Dozat, "Incorporating Nesterov Momentum into Adam" (2016), algorithm 2.
pub type NAdam<T> = Updater<NAdamRule, T>;

/// The hyperparameters of [`NAdam`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NAdamRule {
    /// The learning rate.
    pub lr: f64,
    /// How much of the averages of the gradient and of its square is kept, β₁ and β₂.
    pub betas: (f64, f64),
    /// What is added to the root.
    pub eps: f64,
    /// How much of the parameter is added to its gradient; decoupled, how much of it times the rate is taken off.
    pub weight_decay: f64,
    /// How fast the momentum reaches β₁.
    pub momentum_decay: f64,
    /// Whether the weight decay does not go through the averages.
    pub decoupled_weight_decay: bool,
}

impl<T: Float> Updater<NAdamRule, T> {
    /// With this learning rate.
    pub fn new(lr: f64) -> Self {
        let betas = (0.9, 0.999);
        let decays =
            NAdamRule { lr, betas, eps: 1e-8, weight_decay: 0.0, momentum_decay: 4e-3, decoupled_weight_decay: false };
        Updater::of(decays)
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

    /// With a momentum that reaches β₁ at this speed.
    pub fn momentum_decay(mut self, momentum_decay: f64) -> Self {
        self.rule.momentum_decay = momentum_decay;
        self
    }

    /// With a weight decay that does not go through the averages, or one that does.
    pub fn decoupled_weight_decay(mut self, decoupled: bool) -> Self {
        self.rule.decoupled_weight_decay = decoupled;
        self
    }
}

impl UpdateRule for NAdamRule {
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

    fn numbers(&self) -> &'static [(&'static str, f64)] {
        &[("mu_product", 1.0)]
    }

    fn update<T: Float>(&self, update: Update<'_, T>) {
        let ((beta1, beta2), t) = (self.betas, update.step as f64);
        let mu = |t: f64| beta1 * (1.0 - 0.5 * 0.96_f64.powf(t * self.momentum_decay));
        let (now, next) = (mu(t), mu(t + 1.0));
        update.numbers[0] *= now;
        let product = update.numbers[0];
        let of_gradient = T::of(self.lr * (1.0 - now) / (1.0 - product));
        let of_average = T::of(self.lr * next / (1.0 - product * next));
        let root = T::of((1.0 - beta2.powf(t)).sqrt().recip());
        let (kept, added) = decay::<T>(self.lr, self.weight_decay, self.decoupled_weight_decay);
        let (first, second, eps) = (Averages::new(beta1), Averages::new(beta2), T::of(self.eps));
        update.each(
            #[inline(always)]
            |[w, m, v], g| {
                let g = g + added * w;
                let (m, v) = (first.of(m, g), second.of_square(v, g));
                [kept * w - (of_gradient * g + of_average * m) / (v.sqrt() * root + eps), m, v]
            },
        );
    }
}
