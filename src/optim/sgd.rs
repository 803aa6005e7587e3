//! Stochastic gradient descent.

use super::rule::{flush, negligible};
use super::{Update, UpdateRule, Updater};
use crate::float::Float;

/// Stochastic gradient descent, `w ← w − lr · d`.
///
/// With g the gradient plus `weight_decay · w`, and b ← `momentum` · b + (1 − `dampening`) g, which at the first step is g:
/// d = g without momentum, d = b with it, and d = g + `momentum` · b with `nesterov`.
///
/// By default `momentum`, `dampening` and `weight_decay` are 0 and `nesterov` is off. Remembers `momentum_buffer`, with momentum.
///
/// # Examples
/// ```
/// use rensa::{Gradients, Tape, nn::{Linear, Module}, optim::{Optimizer, Sgd}, tensor};
/// let mut layer = Linear::new(tensor![[1.0]], tensor![0.0]);
/// let (mut tape, mut gradients) = (Tape::<f64>::new(), Gradients::new());
/// tape.step(&mut gradients, |tape| layer.forward(tape.constant(tensor![[2.0]])).sum(..));
/// Sgd::new(0.1).step(&mut layer, &gradients)?;
/// assert_eq!(layer.weight.value.item(), 0.8);
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Robbins, Monro, "A Stochastic Approximation Method" (1951); Sutskever, Martens, Dahl, Hinton, "On the Importance of
/// Initialization and Momentum in Deep Learning" (2013), §2.
pub type Sgd<T> = Updater<SgdRule, T>;

/// The hyperparameters of [`Sgd`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SgdRule {
    /// The learning rate.
    pub lr: f64,
    /// How much of the last step's direction is kept.
    pub momentum: f64,
    /// How much of the gradient is kept out of the momentum.
    pub dampening: f64,
    /// How much of the parameter is added to its gradient.
    pub weight_decay: f64,
    /// Whether the step is taken from where the momentum leads.
    pub nesterov: bool,
}

impl<T: Float> Updater<SgdRule, T> {
    /// With this learning rate.
    pub fn new(lr: f64) -> Self {
        Updater::of(SgdRule { lr, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false })
    }

    /// With momentum.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.rule.momentum = momentum;
        self
    }

    /// With a part of the gradient kept out of the momentum.
    pub fn dampening(mut self, dampening: f64) -> Self {
        self.rule.dampening = dampening;
        self
    }

    /// With `weight_decay · w` added to the gradient.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.rule.weight_decay = weight_decay;
        self
    }

    /// With Nesterov's momentum.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.rule.nesterov = nesterov;
        self
    }
}

impl UpdateRule for SgdRule {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    fn momentum_mut(&mut self) -> Option<&mut f64> {
        Some(&mut self.momentum)
    }

    fn slots(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum_buffer"] }
    }

    fn update<T: Float>(&self, update: Update<'_, T>) {
        let [lr, momentum, decay] = [self.lr, self.momentum, self.weight_decay].map(T::of);
        if self.momentum == 0.0 {
            return update.each(
                #[inline(always)]
                |[w], g| [w - lr * (g + decay * w)],
            );
        }
        let (kept, taken) =
            if update.is_fresh { (T::zero(), T::one()) } else { (momentum, T::of(1.0 - self.dampening)) };
        let limit = negligible();
        let buffer = |w: T, b: T, g: T| flush(kept * b + taken * (g + decay * w), limit);
        if self.nesterov {
            return update.each(
                #[inline(always)]
                |[w, b], g| {
                    let b = buffer(w, b, g);
                    [w - lr * (g + decay * w + momentum * b), b]
                },
            );
        }
        update.each(
            #[inline(always)]
            |[w, b], g| {
                let b = buffer(w, b, g);
                [w - lr * b, b]
            },
        );
    }
}
