//! Losses of embeddings: of vectors that are to be near each other, or far apart.

use super::Reduction;
use super::hinge::some_alike;
use crate::float::Float;
use crate::graph::Var;
use crate::ops::{Specimen, specimen};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What [`Var::triplet_margin`] can be told.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TripletMargin {
    margin: f64,
    p: f64,
    eps: f64,
    swap: bool,
    reduction: Reduction,
}

impl Default for TripletMargin {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Reduction> for TripletMargin {
    fn from(reduction: Reduction) -> Self {
        Self::new().reduction(reduction)
    }
}

impl TripletMargin {
    /// A margin of 1 between Euclidean distances, no swap, and the mean.
    pub fn new() -> Self {
        TripletMargin { margin: 1.0, p: 2.0, eps: 1e-6, swap: false, reduction: Reduction::Mean }
    }

    /// By how much the negative is to be farther.
    pub fn margin(mut self, margin: f64) -> Self {
        self.margin = margin;
        self
    }

    /// The order of the norm that is the distance.
    pub fn p(mut self, p: f64) -> Self {
        self.p = p;
        self
    }

    /// What is added to every difference, so that a distance of 0 has a slope.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Whether the negative's distance from the positive counts if it is smaller than that from the anchor.
    pub fn swap(mut self, swap: bool) -> Self {
        self.swap = swap;
        self
    }

    /// What becomes of the losses.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Cosine loss of pairs of vectors: `y = 1 − cos(x, other)` of what is `alike`, `y = max(0, cos(x, other) − margin)` of what is not, reduced. A
    /// norm below 10⁻⁶ counts as that. Alike are the pairs that PyTorch labels 1; the others it labels −1. A usual margin is 0.
    ///
    /// Shapes: `self` and `other` `[n, d]`, `alike` `[n]` → `[]`, or `[n]` with [`Reduction::None`]; or `[d]`, `[d]` and `[]`.
    ///
    /// # Gradient
    /// That of [`Var::cosine_similarity`], negative where alike; elsewhere where the cosine is above the margin, else 0.
    ///
    /// # Panics
    /// If the shapes do not fit.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (a, b) = (tape.leaf(tensor![[1.0, 0.0], [1.0, 0.0]]), tape.leaf(tensor![[0.0, 5.0], [7.0, 0.0]]));
    /// let losses = a.cosine_embedding(b, &tensor![true, false], 0.25, Reduction::None);
    /// assert_eq!(losses.value().to_vec(), [1.0, 0.75]);
    /// ```
    #[track_caller]
    pub fn cosine_embedding(self, other: Var<'t, T>, alike: &Tensor<bool>, margin: f64, reduction: Reduction) -> Self {
        let (a, b, labels) = (self.shape(), other.shape(), alike.shape());
        let fits = a == b && matches!(a.ndim(), 1 | 2) && labels[..] == a[..a.ndim() - 1];
        assert!(fits, "cosine_embedding: {a:?}, {b:?} and labels {labels:?} are not [n, d], [n, d] and [n], or [d], [d] and []");
        let cosine = self.cosine_similarity(other, -1, 1e-6);
        let apart = (cosine - T::of(margin)).relu();
        reduction.of(Var::where_cond(alike, -cosine + T::one(), apart))
    }

    /// Triplet loss, `y = max(0, d(x, positive) − d(x, negative) + margin)`, reduced: an anchor is to be nearer to what is like it than to what is
    /// not, by a margin. `d(a, b) = ‖a − b + eps‖` of order p.
    ///
    /// `options` are a [`Reduction`] or [`TripletMargin`].
    ///
    /// Shapes: `self`, `positive` and `negative` `[.., d]` → `[]`, or `[..]` with [`Reduction::None`].
    ///
    /// # Gradient
    /// Those of the two [norms](Var::vector_norm) where the loss is above 0, else 0.
    ///
    /// # Panics
    /// If the shapes differ, or are `[]`.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, ops::TripletMargin, tensor};
    /// let tape = Tape::<f64>::new();
    /// let [anchor, near, far] = [tensor![0.0, 0.0], tensor![3.0, 0.0], tensor![0.0, 4.0]].map(|x| tape.leaf(x));
    /// let loss = anchor.triplet_margin(near, far, TripletMargin::new().margin(1.5).eps(0.0));
    /// assert_eq!(loss.item(), 0.5);
    /// ```
    /// Source: Balntas, Riba, Ponsa, Mikolajczyk, "Learning Local Feature Descriptors with Triplets and Shallow Convolutional Neural Networks"
    /// (2016), §2; Schroff, Kalenichenko, Philbin, "FaceNet" (2015), §3.1.
    #[track_caller]
    pub fn triplet_margin(
        self,
        positive: Var<'t, T>,
        negative: Var<'t, T>,
        options: impl Into<TripletMargin>,
    ) -> Self {
        let TripletMargin { margin, p, eps, swap, reduction } = options.into();
        let [a, b, c]: [Shape; 3] = [self.shape(), positive.shape(), negative.shape()];
        assert!(a == b && a == c && a.ndim() > 0, "triplet_margin: {a:?}, {b:?} and {c:?} are not all [.., d]");
        let eps = T::of(eps);
        let near = (self - positive + eps).vector_norm(p, -1);
        let mut far = (self - negative + eps).vector_norm(p, -1);
        if swap {
            far = far.minimum((positive - negative + eps).vector_norm(p, -1));
        }
        reduction.of((near - far + T::of(margin)).relu())
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        // Positive vectors: their cosines are above the margin.
        specimen!(
            "cosine_embedding, mean",
            |a, b| a.cosine_embedding(b, &some_alike(&a.shape()[..a.ndim() - 1]), 0.2, Reduction::Mean),
            [[3, 2], [3, 2]],
            [[4], [4]]
        )
        .on(0.5..2.0),
        specimen!(
            "cosine_embedding, each",
            |a, b| a.cosine_embedding(b, &some_alike(&a.shape()[..a.ndim() - 1]), 0.2, Reduction::None),
            [[3, 2], [3, 2]],
            [[0, 2], [0, 2]]
        )
        .on(0.5..2.0),
        // The margin is larger than any distance, so that every loss is above 0.
        specimen!(
            "triplet_margin, mean",
            |a, p, n| a.triplet_margin(p, n, TripletMargin::new().margin(9.0)),
            [[2, 3], [2, 3], [2, 3]],
            [[2], [2], [2]]
        ),
        specimen!(
            "triplet_margin of order 3, each",
            |a, p, n| (a * T::of(0.1)).triplet_margin(p, n, TripletMargin::new().margin(9.0).p(3.0).reduction(Reduction::None)),
            [[2, 2, 2], [2, 2, 2], [2, 2, 2]],
            [[0, 2], [0, 2], [0, 2]]
        ),
        // The positive lies between the others, so that its distance from the negative is the smaller one.
        specimen!(
            "triplet_margin, swapped",
            |a, p, n| a.triplet_margin(
                p + T::of(4.0),
                n + T::of(7.0),
                TripletMargin::new().margin(9.0).swap(true).reduction(Reduction::Sum)
            ),
            [[2, 3], [2, 3], [2, 3]]
        )
        .on(-0.5..0.5),
    ]
}
