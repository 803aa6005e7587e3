//! What becomes of scalars with few digits: sums and all that is made of them are computed in `f32`, and rounded once.
//!
//! In `f16` itself 2048 + 1 is 2048, and a sum of a few large numbers infinite.

use crate::float::Float;
use crate::tensor::Tensor;

/// `compute` of `xs` in `f32`, rounded.
#[track_caller]
pub(crate) fn in_f32<T: Float, const N: usize>(
    xs: [&Tensor<T>; N],
    compute: impl FnOnce([Tensor<f32>; N]) -> Tensor<f32>,
) -> Tensor<T> {
    compute(xs.map(Tensor::cast)).cast()
}

/// `f(x)` in `f32`, rounded.
#[inline]
pub(crate) fn one_in_f32<T: Float, const N: usize>(xs: [T; N], f: impl FnOnce([f32; N]) -> f32) -> T {
    T::of(f64::from(f(xs.map(|x| x.to_f32().unwrap_or(f32::NAN)))))
}
