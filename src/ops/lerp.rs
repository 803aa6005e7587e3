//! Linear interpolation.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::map::zip3;
use crate::tensor::Tensor;

/// `y = a + w (b − a)`, broadcast.
#[derive(Debug)]
struct Lerp;

impl<T: Float> Op<T> for Lerp {
    fn name(&self) -> &'static str {
        "lerp"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].lerp(xs[1], xs[2])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([a, b, w], g) = (p.inputs(), p.g);
        p.accum(0, || g * (-w + T::one()));
        p.accum(1, || g * w);
        p.accum(2, || g * (b - a));
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Linear interpolation from `self`, at weight 0, to `end`, at weight 1: `y = a + w (b − a)`, exact at both.
    ///
    /// Shapes: all three broadcast against each other.
    ///
    /// # Gradient
    /// `ā = ȳ (1 − w)`, `b̄ = ȳ w` and `w̄ = ȳ (b − a)`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn lerp(self, end: Var<'t, T>, weight: Var<'t, T>) -> Self {
        Var::apply(Lerp, &[self, end, weight])
    }
}

impl<T: Float> Tensor<T> {
    /// Linear interpolation from `self`, at weight 0, to `end`, at weight 1: `y = a + w (b − a)`, exact at both.
    ///
    /// Shapes: all three broadcast against each other.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tensor, tensor};
    /// let y = tensor![1.0, 2.0].lerp(&tensor![5.0, 6.0], &Tensor::scalar(0.25));
    /// assert_eq!(y.to_vec(), [2.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn lerp(&self, end: &Tensor<T>, weight: &Tensor<T>) -> Tensor<T> {
        zip3("lerp", [self, end, weight], |a, b, w| {
            // From the nearer end, so that it is met exactly.
            if w < T::of(0.5) { a + w * (b - a) } else { b - (T::one() - w) * (b - a) }
        })
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![specimen!(
        "lerp",
        |a, b, w| a.lerp(b, w),
        [[2, 3], [2, 3], [2, 3]],
        [[3, 1], [1, 4], []],
        [[], [], [2]],
        [[], [], []],
        [[0, 3], [1, 3], [3]]
    )]
}
