//! The Kullback-Leibler divergence of two distributions.

use super::Reduction;
use super::pair::{Pair, paired};
use crate::float::Float;
use crate::graph::Var;
use crate::ops::pointwise::{Exp, Ln};
use crate::ops::scalar::Scalar;
use crate::ops::{Specimen, specimen};

/// `y = t (ln t − x)`, and 0 where t is 0.
#[derive(Clone, Copy, Debug)]
struct OfProbability;

impl Pair for OfProbability {
    const NAME: &'static str = "kl_div";

    #[inline]
    fn f<F: Float>(self, x: F, t: F) -> F {
        if t == F::zero() { F::zero() } else { t * (t.ln() - x) }
    }

    #[inline]
    fn dx<S: Scalar>(self, _: S, t: S) -> S {
        -t
    }

    #[inline]
    fn dt<S: Scalar>(self, x: S, t: S) -> S {
        t.if_positive(t.map(Ln) - x + x.lit(1.0), x.lit(0.0))
    }
}

/// `y = eᵗ (t − x)`, and 0 where eᵗ is 0.
#[derive(Clone, Copy, Debug)]
struct OfLogarithm;

impl Pair for OfLogarithm {
    const NAME: &'static str = "kl_div_log_target";

    #[inline]
    fn f<F: Float>(self, x: F, t: F) -> F {
        let p = t.exp();
        if p == F::zero() { F::zero() } else { p * (t - x) }
    }

    #[inline]
    fn dx<S: Scalar>(self, _: S, t: S) -> S {
        -t.map(Exp)
    }

    #[inline]
    fn dt<S: Scalar>(self, x: S, t: S) -> S {
        let p = t.map(Exp);
        p.if_positive(p * (t - x + x.lit(1.0)), x.lit(0.0))
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Kullback-Leibler divergence of the distribution whose logarithms are `self` from `target`, in nats: `y = t (ln t − x)`, reduced. Where t is
    /// 0 it is 0, whatever x is.
    ///
    /// Every element counts as an example: the mean over a batch of n distributions is the sum divided by n, and not the mean.
    ///
    /// Shapes: `self`, logarithms, and `target`, probabilities, of one shape → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = −ȳ t`; to the target `ȳ (ln t − x + 1)`, and 0 where t is 0.
    ///
    /// # Panics
    /// If the shapes differ.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (logits, target) = (tape.leaf(tensor![0.0, 0.0]), tape.constant(tensor![1.0, 0.0]));
    /// assert_eq!(logits.log_softmax(-1).kl_div(target, Reduction::Sum).item(), 2.0_f64.ln());
    /// ```
    /// Source: Kullback, Leibler, "On Information and Sufficiency" (1951).
    #[track_caller]
    pub fn kl_div(self, target: Var<'t, T>, reduction: Reduction) -> Self {
        reduction.of(paired(OfProbability, self, target))
    }

    /// [`Var::kl_div`] of a target that is given by its logarithms too: `y = eᵗ (t − x)`, reduced. Where eᵗ is 0 it is 0, whatever x is.
    ///
    /// Shapes: `self` and `target`, both logarithms, of one shape → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = −ȳ eᵗ`; to the target `ȳ eᵗ (t − x + 1)`, and 0 where eᵗ is 0.
    ///
    /// # Panics
    /// If the shapes differ.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (a, b) = (tape.leaf(tensor![1.0, 2.0]).log_softmax(-1), tape.leaf(tensor![4.0, 5.0]).log_softmax(-1));
    /// assert_eq!(a.kl_div_log_target(b, Reduction::Sum).item(), 0.0);
    /// ```
    #[track_caller]
    pub fn kl_div_log_target(self, target: Var<'t, T>, reduction: Reduction) -> Self {
        reduction.of(paired(OfLogarithm, self, target))
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("kl_div, mean", |x, t| x.kl_div(t, Reduction::Mean), [[2, 3], [2, 3]], [[], []]).on(0.1..2.0),
        specimen!("kl_div, sum", |x, t| (-x).kl_div(t, Reduction::Sum), [[2, 3], [2, 3]], [[0], [0]]).on(0.1..2.0),
        specimen!("kl_div, each", |x, t| x.kl_div(t, Reduction::None), [[2, 3], [2, 3]], [[0, 2], [0, 2]]).on(0.1..2.0),
        specimen!("kl_div_log_target, mean", |x, t| x.kl_div_log_target(t, Reduction::Mean), [[2, 3], [2, 3]], [[], []]),
        specimen!("kl_div_log_target, each", |x, t| x.kl_div_log_target(t, Reduction::None), [[6], [6]], [[0], [0]]),
    ]
}
