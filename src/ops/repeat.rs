//! Repetition along axes: a broadcast, so that its gradient is the sum that a broadcast has.

use super::array::Array;
use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::Var;
use crate::shape::{Shape, axis_of};
use crate::tensor::Tensor;

/// The whole of `x` as often as `times` says along every axis, with new axes in front if there are more of them.
#[track_caller]
fn tiled<A: Array>(x: &A, times: &[usize]) -> A {
    let shape = x.size();
    let rank = shape.ndim().max(times.len());
    let size = |axis: usize| if axis + shape.ndim() < rank { 1 } else { shape[axis + shape.ndim() - rank] };
    let count = |axis: usize| if axis + times.len() < rank { 1 } else { times[axis + times.len() - rank] };
    let apart: Shape = (0..rank).flat_map(|axis| [1, size(axis)]).collect();
    let wide: Shape = (0..rank).flat_map(|axis| [count(axis), size(axis)]).collect();
    wide.elements(); // refuses what overflows
    x.reshape(&apart).broadcast_to(&wide).reshape(&(0..rank).map(|axis| count(axis) * size(axis)).collect())
}

#[track_caller]
fn check_repeats(shape: &Shape, times: &[usize]) {
    assert!(times.len() >= shape.ndim(), "repeat: {times:?} has fewer numbers than {shape:?} has axes; see tile");
}

/// Every slice of `x` along `axis` as often as `times` says, one behind the other.
#[track_caller]
fn interleaved<A: Array>(x: &A, times: usize, axis: isize) -> A {
    let shape = x.size();
    let at = axis_of("repeat_interleave", axis, shape.ndim());
    let with = |count: usize| [&shape[..=at], &[count], &shape[at + 1..]].concat().into();
    let wide: Shape = with(times);
    wide.elements(); // refuses what overflows
    x.reshape(&with(1)).broadcast_to(&wide).reshape(&shape.with(at, shape[at] * times))
}

impl<T: Float> Var<'_, T> {
    /// The whole, `times[k]` times along axis k; PyTorch's `repeat`.
    ///
    /// Shapes: any → every size times its number. Where there are more numbers than axes, new axes stand in front.
    ///
    /// # Gradient
    /// `x̄ = Σ ȳ` over the repetitions.
    ///
    /// # Panics
    /// If there are fewer numbers than axes, or the shape overflows.
    #[track_caller]
    pub fn repeat(self, times: &[usize]) -> Self {
        check_repeats(&self.shape(), times);
        tiled(&self, times)
    }

    /// The whole, `times[k]` times along axis k, as NumPy has it: [`Var::repeat`], where numbers that are missing in front are 1.
    ///
    /// Shapes: any → every size times its number.
    ///
    /// # Gradient
    /// `x̄ = Σ ȳ` over the repetitions.
    ///
    /// # Panics
    /// If the shape overflows.
    #[track_caller]
    pub fn tile(self, times: &[usize]) -> Self {
        tiled(&self, times)
    }

    /// Every slice along `axis` `times` times, one behind the other.
    ///
    /// Shapes: `[…, n, …]` → `[…, n · times, …]`.
    ///
    /// # Gradient
    /// `x̄ = Σ ȳ` over the repetitions.
    ///
    /// # Panics
    /// If `axis` is out of range, or the shape overflows.
    #[track_caller]
    pub fn repeat_interleave(self, times: usize, axis: isize) -> Self {
        interleaved(&self, times, axis)
    }
}

impl<T: Float> Tensor<T> {
    /// The whole, `times[k]` times along axis k; PyTorch's `repeat`.
    ///
    /// Shapes: any → every size times its number. Where there are more numbers than axes, new axes stand in front.
    ///
    /// # Panics
    /// If there are fewer numbers than axes, or the shape overflows.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1.0, 2.0].repeat(&[2]).to_vec(), [1.0, 2.0, 1.0, 2.0]);
    /// assert_eq!(tensor![1.0, 2.0].repeat(&[3, 1]).shape(), [3, 2]);
    /// ```
    #[track_caller]
    pub fn repeat(&self, times: &[usize]) -> Tensor<T> {
        check_repeats(self.shape(), times);
        tiled(self, times)
    }

    /// The whole, `times[k]` times along axis k, as NumPy has it: [`Tensor::repeat`], where numbers that are missing in front are 1.
    ///
    /// Shapes: any → every size times its number.
    ///
    /// # Panics
    /// If the shape overflows.
    #[track_caller]
    pub fn tile(&self, times: &[usize]) -> Tensor<T> {
        tiled(self, times)
    }

    /// Every slice along `axis` `times` times, one behind the other.
    ///
    /// Shapes: `[…, n, …]` → `[…, n · times, …]`.
    ///
    /// # Panics
    /// If `axis` is out of range, or the shape overflows.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1.0, 2.0].repeat_interleave(2, 0).to_vec(), [1.0, 1.0, 2.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn repeat_interleave(&self, times: usize, axis: isize) -> Tensor<T> {
        interleaved(self, times, axis)
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("repeat", |x| x.repeat(&[2, 1, 3]), [[2, 3]], [[1, 2, 1]], [[]], [[0, 2]]),
        specimen!("tile", |x| x.tile(&[2]), [[]], [[2, 3]], [[2, 1, 2]], [[3, 0]]),
        specimen!("tile no times", |x| x.tile(&[0]).sum(..) + x.sum(..), [[2, 3]]),
        specimen!("repeat_interleave", |x| x.repeat_interleave(3, -2), [[2, 3]], [[2, 1, 2]], [[0, 2]]),
    ]
}
