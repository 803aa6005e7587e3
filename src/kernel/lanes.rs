//! Work along one axis that needs all of its elements at once: scans, softmax, sorting.

use rayon::prelude::*;

use super::{PIECE, worth_sharing};
use crate::float::Float;
use crate::shape::{Inline, Shape, Walk, axis_of};
use crate::tensor::Tensor;

/// Calls `f` with each one-dimensional lane of every `x` along `axis` and the same lane of the result, to be overwritten.
///
/// The operands have one shape. The result is dense with `axis` innermost, and viewed back to the order of `x`.
pub(crate) fn map_lanes<T: Float, const N: usize>(
    xs: [&Tensor<T>; N],
    axis: usize,
    f: impl Fn([&[T]; N], &mut [T]) + Sync,
) -> Tensor<T> {
    let (shape, n) = (xs[0].shape(), xs[0].shape()[axis]);
    let order: Inline<usize> = (0..shape.ndim()).filter(|&a| a != axis).chain([axis]).collect();
    let mut y = Tensor::dirty(order.iter().map(|&a| shape[a]).collect());
    let moved = xs.map(|x| x.with_layout(x.layout().permute(&order)));
    let outer: Shape = moved[0].shape()[..shape.ndim() - 1].into();
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    let work = |first: usize, out: &mut [T]| lanes(&moved, &outer, n, first, out, &f);
    if n > 0 && worth_sharing(out.len()) {
        let rows = (PIECE / n).max(1);
        out.par_chunks_mut(rows * n).enumerate().for_each(|(i, out)| work(i * rows, out));
    } else if n > 0 {
        work(0, out);
    }
    let back: Inline<usize> = (0..shape.ndim()).map(|a| order.iter().position(|&o| o == a).unwrap_or(a)).collect();
    y.with_layout(y.layout().permute(&back))
}

/// The lanes that fill `out`, the first of which is lane `first`.
fn lanes<T: Float, const N: usize>(
    xs: &[Tensor<T>; N],
    outer: &Shape,
    n: usize,
    first: usize,
    out: &mut [T],
    f: &impl Fn([&[T]; N], &mut [T]),
) {
    let inner = outer.ndim();
    let views = xs.each_ref().map(|x| (&x.strides()[..inner], x.layout().offset()));
    let unit = xs.iter().all(|x| x.strides()[inner] == 1 || n == 1);
    let mut buffers: [Vec<T>; N] = std::array::from_fn(|_| vec![T::zero(); if unit { 0 } else { n }]);
    let mut out = out.chunks_exact_mut(n);
    Walk::new(outer, views).runs(first..first + out.len(), |run| {
        for (k, y) in (0..run.len as isize).zip(&mut out) {
            let at = |i: usize| (run.at[i] as isize + k * run.strides[i]) as usize;
            if unit {
                f(std::array::from_fn(|i| &xs[i].data()[at(i)..at(i) + n]), y);
                continue;
            }
            for (i, buffer) in buffers.iter_mut().enumerate() {
                let stride = xs[i].strides()[inner];
                for (j, b) in buffer.iter_mut().enumerate() {
                    *b = xs[i].data()[(at(i) as isize + j as isize * stride) as usize];
                }
            }
            f(std::array::from_fn(|i| &buffers[i][..]), y);
        }
    });
}

impl<T: Float> Tensor<T> {
    /// Running sum along `axis`, `yᵢ = x₀ + … + xᵢ`.
    ///
    /// # Panics
    /// If `axis` is out of range.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1.0, 2.0, 3.0].cumsum(0).to_vec(), [1.0, 3.0, 6.0]);
    /// ```
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Tensor<T> {
        map_lanes([self], axis_of("cumsum", axis, self.ndim()), |[x], y| {
            let mut sum = T::zero();
            for (y, &x) in y.iter_mut().zip(x) {
                sum = sum + x;
                *y = sum;
            }
        })
    }
}
