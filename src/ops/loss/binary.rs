//! Binary cross-entropy: of yes and no, or of several classes that do not exclude each other.

use super::Reduction;
use super::pair::{Pair, paired};
use crate::float::Float;
use crate::graph::Var;
use crate::ops::pointwise::{Clamp, Ln, Ln1p, Sigmoid, Softplus};
use crate::ops::scalar::{Scalar, Unary};
use crate::ops::{Specimen, specimen};
use crate::tensor::Tensor;

/// Logarithms below this count as it, so that no answer costs infinitely much.
const LOWEST: f64 = -100.0;

/// `y = −(t ln x + (1 − t) ln(1 − x))`, the logarithms at least [`LOWEST`].
#[derive(Clone, Copy, Debug)]
struct Entropy;

impl Pair for Entropy {
    const NAME: &'static str = "bce";

    #[inline]
    fn f<F: Float>(self, x: F, t: F) -> F {
        let lowest = F::of(LOWEST);
        -(t * x.ln().maximum(lowest) + (F::one() - t) * (-x).ln_1p().maximum(lowest))
    }

    #[inline]
    fn dx<S: Scalar>(self, x: S, t: S) -> S {
        (x - t) / (x * (x.lit(1.0) - x)).map(Clamp(1e-12, f64::INFINITY))
    }

    #[inline]
    fn dt<S: Scalar>(self, x: S, _: S) -> S {
        let above = Clamp(LOWEST, f64::INFINITY);
        (-x).map(Ln1p).map(above) - x.map(Ln).map(above)
    }
}

/// `y = t softplus(−x) + (1 − t) softplus(x)`, or one of the two terms.
#[derive(Clone, Copy, Debug)]
enum LogitEntropy {
    Both,
    Positive,
    Negative,
}

impl Pair for LogitEntropy {
    const NAME: &'static str = "bce_with_logits";

    #[inline]
    fn f<F: Float>(self, x: F, t: F) -> F {
        // What has probability 0 counts 0, also where it would cost infinitely much.
        let times = |t: F, cost: F| if t.is_zero() { t } else { t * cost };
        let (positive, negative) = (times(t, Softplus.f(-x)), times(F::one() - t, Softplus.f(x)));
        match self {
            LogitEntropy::Both => positive + negative,
            LogitEntropy::Positive => positive,
            LogitEntropy::Negative => negative,
        }
    }

    #[inline]
    fn dx<S: Scalar>(self, x: S, t: S) -> S {
        // Two terms rather than sigmoid(x) − t, which is 0 in the tail where the target is 1.
        let (positive, negative) = (-(t * (-x).map(Sigmoid)), (x.lit(1.0) - t) * x.map(Sigmoid));
        match self {
            LogitEntropy::Both => positive + negative,
            LogitEntropy::Positive => positive,
            LogitEntropy::Negative => negative,
        }
    }

    #[inline]
    fn dt<S: Scalar>(self, x: S, _: S) -> S {
        match self {
            LogitEntropy::Both => -x,
            LogitEntropy::Positive => (-x).map(Softplus),
            LogitEntropy::Negative => -x.map(Softplus),
        }
    }
}

/// What [`Var::bce`] can be told.
#[derive(Clone, Copy, Debug)]
pub struct Bce<'w, T> {
    weight: Option<&'w Tensor<T>>,
    reduction: Reduction,
}

impl<T> Default for Bce<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<Reduction> for Bce<'_, T> {
    fn from(reduction: Reduction) -> Self {
        Self::new().reduction(reduction)
    }
}

impl<'w, T> Bce<'w, T> {
    /// No weights, and the mean.
    pub fn new() -> Self {
        Bce { weight: None, reduction: Reduction::Mean }
    }

    /// How much each loss counts; broadcast. The mean is divided by their number all the same.
    pub fn weight(mut self, weight: &'w Tensor<T>) -> Self {
        self.weight = Some(weight);
        self
    }

    /// What becomes of the losses.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }
}

/// What [`Var::bce_with_logits`] can be told.
#[derive(Clone, Copy, Debug)]
pub struct BceWithLogits<'w, T> {
    weight: Option<&'w Tensor<T>>,
    pos_weight: Option<&'w Tensor<T>>,
    reduction: Reduction,
}

impl<T> Default for BceWithLogits<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<Reduction> for BceWithLogits<'_, T> {
    fn from(reduction: Reduction) -> Self {
        Self::new().reduction(reduction)
    }
}

impl<'w, T> BceWithLogits<'w, T> {
    /// No weights, and the mean.
    pub fn new() -> Self {
        BceWithLogits { weight: None, pos_weight: None, reduction: Reduction::Mean }
    }

    /// How much each loss counts; broadcast. The mean is divided by their number all the same.
    pub fn weight(mut self, weight: &'w Tensor<T>) -> Self {
        self.weight = Some(weight);
        self
    }

    /// How many times as much a yes counts as a no; broadcast, usually one number for every class.
    pub fn pos_weight(mut self, pos_weight: &'w Tensor<T>) -> Self {
        self.pos_weight = Some(pos_weight);
        self
    }

    /// What becomes of the losses.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }
}

/// `losses · weight`, of the losses' shape.
#[track_caller]
fn weighted<'t, T: Float>(op: &str, losses: Var<'t, T>, weight: Option<&Tensor<T>>) -> Var<'t, T> {
    let Some(weight) = weight else { return losses };
    let (shape, w) = (losses.shape(), weight.shape());
    assert!(shape.broadcast(w).as_ref() == Some(&shape), "{op}: weights {w:?} do not broadcast to {shape:?}");
    losses * losses.tape().constant(weight.clone())
}

impl<'t, T: Float> Var<'t, T> {
    /// Binary cross-entropy of probabilities, in nats: `y = −(t ln x + (1 − t) ln(1 − x))`, weighted and reduced. The logarithms count as −100 where
    /// they are below it; NaN where x is not between 0 and 1. Where x is a sigmoid, [`Var::bce_with_logits`] of what it is of is exact and cheaper.
    ///
    /// `options` are a [`Reduction`] or [`Bce`](crate::ops::Bce).
    ///
    /// Shapes: `self` and `target` of one shape, to which a weight broadcasts → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = ȳ (x − t) / max(x (1 − x), 10⁻¹²)`, divided by the number of elements for the mean; to the target `ȳ (ln(1 − x) − ln x)`.
    ///
    /// # Panics
    /// If the shapes differ, or a weight does not broadcast to them.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, target) = (tape.leaf(tensor![0.5, 0.0]), tape.constant(tensor![1.0, 1.0]));
    /// assert_eq!(x.bce(target, Reduction::None).value().to_vec(), [2.0_f64.ln(), 100.0]);
    /// ```
    #[track_caller]
    pub fn bce<'w>(self, target: Var<'t, T>, options: impl Into<Bce<'w, T>>) -> Self {
        let Bce { weight, reduction } = options.into();
        reduction.of(weighted("bce", paired(Entropy, self, target), weight))
    }

    /// Binary cross-entropy of `target` and `sigmoid(self)`, in nats: `y = p t softplus(−x) + (1 − t) softplus(x)` with the positives' weight p,
    /// weighted and reduced. It is computed from the logits, so that nothing overflows; a side of probability 0 counts 0, also where x is
    /// infinite.
    ///
    /// `options` are a [`Reduction`] or [`BceWithLogits`](crate::ops::BceWithLogits).
    ///
    /// Shapes: `self` and `target` of one shape, to which weights broadcast → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = ȳ ((1 − t) sigmoid(x) − p t sigmoid(−x))`, divided by the number of elements for the mean; to the target
    /// `ȳ (p softplus(−x) − softplus(x))`, which is `−ȳ x` for a p of 1.
    ///
    /// # Panics
    /// If the shapes differ, or a weight does not broadcast to them.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, ops::BceWithLogits, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, target) = (tape.leaf(tensor![[0.0, 1e4], [0.0, -1e4]]), tape.constant(tensor![[1.0, 1.0], [0.0, 1.0]]));
    /// let loss = x.bce_with_logits(target, BceWithLogits::new().pos_weight(&tensor![3.0, 1.0]));
    /// assert_eq!(loss.item(), (3.0 * 2.0_f64.ln() + 0.0 + 2.0_f64.ln() + 1e4) / 4.0);
    /// ```
    #[track_caller]
    pub fn bce_with_logits<'w>(self, target: Var<'t, T>, options: impl Into<BceWithLogits<'w, T>>) -> Self {
        let BceWithLogits { weight, pos_weight, reduction } = options.into();
        let losses = if pos_weight.is_none() {
            paired(LogitEntropy::Both, self, target)
        } else {
            let positive = paired(LogitEntropy::Positive, self, target);
            weighted("bce_with_logits", positive, pos_weight) + paired(LogitEntropy::Negative, self, target)
        };
        reduction.of(weighted("bce_with_logits", losses, weight))
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    let probable = |specimen: Specimen<T>| specimen.on(0.1..0.9);
    vec![
        probable(specimen!("bce, mean", |x, t| x.bce(t, Reduction::Mean), [[2, 3], [2, 3]], [[], []])),
        probable(specimen!("bce, each", |x, t| x.bce(t, Reduction::None), [[2, 3], [2, 3]], [[0, 2], [0, 2]])),
        probable(specimen!(
            "bce, weighted sum",
            |x, t| x.bce(t, Bce::new().weight(&some_weights(3)).reduction(Reduction::Sum)),
            [[2, 3], [2, 3]],
            [[0, 3], [0, 3]]
        )),
        specimen!("bce_with_logits, mean", |x, t| x.bce_with_logits(t, Reduction::Mean), [[2, 3], [2, 3]], [[], []]),
        specimen!("bce_with_logits, each", |x, t| x.bce_with_logits(t, Reduction::None), [[6], [6]], [[0, 2], [0, 2]]),
        specimen!(
            "bce_with_logits, weighted",
            |x, t| x.bce_with_logits(t, BceWithLogits::new().weight(&some_weights(3)).pos_weight(&some_weights(1))),
            [[2, 3], [2, 3]]
        ),
        specimen!(
            "bce_with_logits, positives weighted",
            |x, t| x.bce_with_logits(t, BceWithLogits::new().pos_weight(&some_weights(3)).reduction(Reduction::None)),
            [[2, 3], [2, 3]],
            [[0, 3], [0, 3]]
        ),
    ]
}

/// Weights of which no two are equal.
pub(super) fn some_weights<T: Float>(n: usize) -> Tensor<T> {
    Tensor::from_fn([n], |i| T::of(0.6 + 0.35 * i[0] as f64))
}
