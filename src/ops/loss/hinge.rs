//! Hinge losses: nothing beyond a margin, and the distance to it before.

use super::Reduction;
use super::pair::{Pair, paired};
use crate::float::Float;
use crate::graph::Var;
use crate::ops::scalar::Scalar;
use crate::ops::{Specimen, specimen};
use crate::tensor::Tensor;

/// `y = max(0, margin − t x)`.
#[derive(Clone, Copy, Debug)]
struct Hinge {
    margin: f64,
}

impl Pair for Hinge {
    const NAME: &'static str = "hinge";

    #[inline]
    fn f<F: Float>(self, x: F, t: F) -> F {
        (F::of(self.margin) - t * x).maximum(F::zero())
    }

    #[inline]
    fn dx<S: Scalar>(self, x: S, t: S) -> S {
        (x.lit(self.margin) - t * x).if_positive(-t, x.lit(0.0))
    }

    #[inline]
    fn dt<S: Scalar>(self, x: S, t: S) -> S {
        self.dx(t, x)
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Hinge loss of a score against a label of ±1, `y = max(0, margin − t x)`, reduced; a usual margin is 1.
    ///
    /// Shapes: `self` and `target` of one shape → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = −ȳ t` where `t x < margin`, else 0, divided by the number of elements for the mean; to the target `−ȳ x` likewise.
    ///
    /// # Panics
    /// If the shapes differ.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, target) = (tape.leaf(tensor![0.25, 3.0, 3.0]), tape.constant(tensor![1.0, 1.0, -1.0]));
    /// assert_eq!(x.hinge(target, 1.0, Reduction::None).value().to_vec(), [0.75, 0.0, 4.0]);
    /// ```
    /// Source: Cortes, Vapnik, "Support-Vector Networks" (1995), §3.
    #[track_caller]
    pub fn hinge(self, target: Var<'t, T>, margin: f64, reduction: Reduction) -> Self {
        reduction.of(paired(Hinge { margin }, self, target))
    }

    /// Hinge loss of distances: `y = x` of what is `alike` and `y = max(0, margin − x)` of what is not, reduced. Alike are the pairs that
    /// PyTorch labels 1; the others it labels −1.
    ///
    /// Shapes: `self` and `alike` of one shape → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = ȳ` where alike; elsewhere `−ȳ` if `x < margin`, else 0; divided by the number of elements for the mean.
    ///
    /// # Panics
    /// If the shapes differ.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let distances = tape.leaf(tensor![0.5, 0.25, 3.0]);
    /// let losses = distances.hinge_embedding(&tensor![true, false, false], 1.0, Reduction::None);
    /// assert_eq!(losses.value().to_vec(), [0.5, 0.75, 0.0]);
    /// ```
    /// Source: Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping" (2006), §2.1, without the squares.
    #[track_caller]
    pub fn hinge_embedding(self, alike: &Tensor<bool>, margin: f64, reduction: Reduction) -> Self {
        let (x, a) = (self.shape(), alike.shape());
        assert!(x == *a, "hinge_embedding: {x:?} and labels {a:?} differ in shape");
        let apart = (-self + T::of(margin)).relu();
        reduction.of(Var::where_cond(alike, self, apart))
    }
}

/// Alternating labels.
pub(super) fn some_alike(shape: &[usize]) -> Tensor<bool> {
    Tensor::from_fn(shape, |i| i.iter().sum::<usize>() % 2 == 0)
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("hinge, mean", |x, t| x.hinge(t, 1.0, Reduction::Mean), [[2, 3], [2, 3]], [[], []]).on(-0.9..0.9),
        specimen!("hinge, sum", |x, t| x.hinge(t, 1.0, Reduction::Sum), [[6], [6]], [[0], [0]]).on(-0.9..0.9),
        specimen!("hinge, each", |x, t| x.hinge(t, 1.0, Reduction::None), [[2, 3], [2, 3]], [[0], [0]]).on(-0.9..0.9),
        specimen!("hinge beyond the margin", |x, t| x.hinge(t, 1.0, Reduction::None), [[6], [6]], [[0], [0]])
            .on(1.1..2.0)
            .flat(),
        specimen!(
            "hinge_embedding, mean",
            |x| x.hinge_embedding(&some_alike(&x.shape()), 1.3, Reduction::Mean),
            [[2, 3]],
            [[]]
        )
        .kinks([1.3]),
        specimen!(
            "hinge_embedding, each",
            |x| x.hinge_embedding(&some_alike(&x.shape()), 1.3, Reduction::None),
            [[2, 3]],
            [[0, 2]]
        )
        .kinks([1.3]),
    ]
}
