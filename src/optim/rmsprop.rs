//! RMSprop.

use super::rule::{Averages, flush, negligible};
use super::{Update, UpdateRule, Updater};
use crate::float::Float;

/// RMSprop, `w ← w − lr · g / (√v + eps)` with `v ← alpha · v + (1 − alpha) g²`.
///
/// g is the gradient plus `weight_decay · w`. If it is `centered`, v is reduced by the square of the gradient's own average, and so an
/// estimate of its variance. With momentum, b ← `momentum` · b + g / (√v + eps) and w ← w − lr · b.
///
/// By default `alpha` is 0.99, `eps` 10⁻⁸, `momentum` and `weight_decay` are 0 and `centered` is off; a usual rate is 0.01. Remembers
/// `square_avg`, with momentum `momentum_buffer`, and centered `grad_avg`.
///
/// # Examples
/// ```
/// use rensa::{Param, Tape, optim::{Optimizer, RmsProp}, tensor};
/// let mut w = Param::new(tensor![1.0_f64]);
/// let mut rmsprop = RmsProp::new(0.01).alpha(0.75).momentum(0.9);
/// let tape = Tape::new();
/// let gradients = (tape.param(&w) * 3.0).sum(..).backward();
/// rmsprop.step(&mut w, &gradients)?;
/// assert!((w.value.item() - 0.98).abs() < 1e-9); // √v is half of the gradient
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Tieleman, Hinton, "Neural Networks for Machine Learning", lecture 6.5 (2012); Graves, "Generating Sequences with Recurrent
/// Neural Networks" (2013), §4.2, for the centered form.
pub type RmsProp<T> = Updater<RmsPropRule, T>;

/// The hyperparameters of [`RmsProp`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RmsPropRule {
    /// The learning rate.
    pub lr: f64,
    /// How much of the averages is kept.
    pub alpha: f64,
    /// What is added to the root.
    pub eps: f64,
    /// How much of the parameter is added to its gradient.
    pub weight_decay: f64,
    /// How much of the last step's direction is kept.
    pub momentum: f64,
    /// Whether the gradient's mean is taken from the mean of its square.
    pub centered: bool,
}

impl<T: Float> Updater<RmsPropRule, T> {
    /// With this learning rate.
    pub fn new(lr: f64) -> Self {
        Updater::of(RmsPropRule { lr, alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false })
    }

    /// With averages of which this much is kept.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.rule.alpha = alpha;
        self
    }

    /// With this added to the root.
    pub fn eps(mut self, eps: f64) -> Self {
        self.rule.eps = eps;
        self
    }

    /// With `weight_decay · w` added to the gradient.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.rule.weight_decay = weight_decay;
        self
    }

    /// With momentum.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.rule.momentum = momentum;
        self
    }

    /// Centered or not.
    pub fn centered(mut self, centered: bool) -> Self {
        self.rule.centered = centered;
        self
    }
}

impl UpdateRule for RmsPropRule {
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
        match (self.momentum != 0.0, self.centered) {
            (false, false) => &["square_avg"],
            (true, false) => &["square_avg", "momentum_buffer"],
            (false, true) => &["square_avg", "grad_avg"],
            (true, true) => &["square_avg", "momentum_buffer", "grad_avg"],
        }
    }

    fn update<T: Float>(&self, update: Update<'_, T>) {
        let [lr, eps, momentum, decay] = [self.lr, self.eps, self.momentum, self.weight_decay].map(T::of);
        let average = Averages::new(self.alpha);
        let limit = negligible();
        let buffered = |b: T, d: T| flush(momentum * b + d, limit);
        // Of a gradient that stays the same the two are equal but for rounding, which must not give the root of a negative number.
        let spread = |v: T, m: T| if v < m * m { T::zero() } else { v - m * m };
        match (self.momentum != 0.0, self.centered) {
            (false, false) => update.each(
                #[inline(always)]
                |[w, v], g| {
                    let g = g + decay * w;
                    let v = average.of_square(v, g);
                    [w - lr * g / (v.sqrt() + eps), v]
                },
            ),
            (true, false) => update.each(
                #[inline(always)]
                |[w, v, b], g| {
                    let g = g + decay * w;
                    let v = average.of_square(v, g);
                    let b = buffered(b, g / (v.sqrt() + eps));
                    [w - lr * b, v, b]
                },
            ),
            (false, true) => update.each(
                #[inline(always)]
                |[w, v, m], g| {
                    let g = g + decay * w;
                    let (v, m) = (average.of_square(v, g), average.of(m, g));
                    [w - lr * g / (spread(v, m).sqrt() + eps), v, m]
                },
            ),
            (true, true) => update.each(
                #[inline(always)]
                |[w, v, b, m], g| {
                    let g = g + decay * w;
                    let (v, m) = (average.of_square(v, g), average.of(m, g));
                    let b = buffered(b, g / (spread(v, m).sqrt() + eps));
                    [w - lr * b, v, b, m]
                },
            ),
        }
    }
}
