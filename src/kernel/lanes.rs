//! Work along one axis that needs all of its elements at once: scans, softmax, sorting.

use std::cmp::Ordering;

use super::wide::in_f32;
use super::{PIECE, chunks, worth_sharing};
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
    let lanes = Lanes::new(xs, axis);
    let mut y = Tensor::dirty(lanes.result(lanes.n));
    lanes.fill(lanes.n, y.as_unique_slice().expect("a dirty tensor is dense and unshared"), &f);
    lanes.back(y)
}

/// [`map_lanes`] of one operand, into lanes of `m` elements of another type, which hold `start` before.
pub(crate) fn lanes_to<T: Float, U: Copy + Send>(
    x: &Tensor<T>,
    axis: usize,
    m: usize,
    start: U,
    f: impl Fn(&[T], &mut [U]) + Sync,
) -> Tensor<U> {
    let lanes = Lanes::new([x], axis);
    let shape = lanes.result(m);
    let mut y = vec![start; shape.elements()];
    lanes.fill(m, &mut y, &|[x]: [&[T]; 1], y: &mut [U]| f(x, y));
    lanes.back(Tensor::from_elements(y, shape))
}

/// Operands of one shape, seen as lanes.
struct Lanes<T, const N: usize> {
    /// The operands, with the axis of the lanes last.
    xs: [Tensor<T>; N],
    /// The shape of all other axes.
    outer: Shape,
    /// The length of a lane.
    n: usize,
    /// Which axis is that of the lanes.
    axis: usize,
}

impl<T: Float, const N: usize> Lanes<T, N> {
    fn new(xs: [&Tensor<T>; N], axis: usize) -> Self {
        let shape = xs[0].shape();
        let order: Inline<usize> = (0..shape.ndim()).filter(|&a| a != axis).chain([axis]).collect();
        let moved = xs.map(|x| x.with_layout(x.layout().permute(&order)));
        Lanes { outer: shape.without(axis), n: shape[axis], axis, xs: moved }
    }

    /// The shape of a result with lanes of `m`, in the order in which it is filled.
    fn result(&self, m: usize) -> Shape {
        self.outer.iter().copied().chain([m]).collect()
    }

    /// The result in the order of the operands' axes.
    fn back<U: Clone>(&self, y: Tensor<U>) -> Tensor<U> {
        let last = self.outer.ndim();
        let source = |a: usize| match a.cmp(&self.axis) {
            Ordering::Less => a,
            Ordering::Equal => last,
            Ordering::Greater => a - 1,
        };
        let back: Inline<usize> = (0..=last).map(source).collect();
        y.with_layout(y.layout().permute(&back))
    }

    /// Fills lanes of `m`, shared among threads where that pays.
    fn fill<U: Send>(&self, m: usize, out: &mut [U], f: &(impl Fn([&[T]; N], &mut [U]) + Sync)) {
        if out.is_empty() {
            return;
        }
        if worth_sharing(self.xs[0].len()) {
            let rows = (PIECE / self.n.max(1)).max(1);
            chunks(out, rows * m, &|i, out| self.fill_from(i * rows, m, out, f));
        } else {
            self.fill_from(0, m, out, f);
        }
    }

    /// Fills `out`, the first of whose lanes is lane `first`.
    fn fill_from<U>(&self, first: usize, m: usize, out: &mut [U], f: &impl Fn([&[T]; N], &mut [U])) {
        let (xs, n, inner) = (&self.xs, self.n, self.outer.ndim());
        let views = xs.each_ref().map(|x| (&x.strides()[..inner], x.layout().offset()));
        let unit = xs.iter().all(|x| x.strides()[inner] == 1 || n == 1);
        let mut buffers: [Vec<T>; N] = std::array::from_fn(|_| vec![T::zero(); if unit { 0 } else { n }]);
        let mut out = out.chunks_exact_mut(m);
        Walk::new(&self.outer, views).runs(first..first + out.len(), |run| {
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
        let at = axis_of("cumsum", axis, self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.cumsum(axis));
        }
        map_lanes([self], at, |[x], y| {
            let mut sum = T::zero();
            for (y, &x) in y.iter_mut().zip(x) {
                sum = sum + x;
                *y = sum;
            }
        })
    }

    /// Running product along `axis`, `yᵢ = x₀ · … · xᵢ`.
    ///
    /// # Panics
    /// If `axis` is out of range.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![2.0, 3.0, 4.0].cumprod(0).to_vec(), [2.0, 6.0, 24.0]);
    /// ```
    #[track_caller]
    pub fn cumprod(&self, axis: isize) -> Tensor<T> {
        let at = axis_of("cumprod", axis, self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.cumprod(axis));
        }
        map_lanes([self], at, |[x], y| {
            let mut product = T::one();
            for (y, &x) in y.iter_mut().zip(x) {
                product = product * x;
                *y = product;
            }
        })
    }
}

/// The linear recurrence `yᵢ = bᵢ + cᵢ yᵢ₋₁` along `axis`, from `y₋₁ = 0`; if `reverse`, `yᵢ = bᵢ + cᵢ₊₁ yᵢ₊₁`, from the end.
pub(crate) fn recurrence<T: Float>(b: &Tensor<T>, c: &Tensor<T>, axis: usize, reverse: bool) -> Tensor<T> {
    if T::NARROW {
        return in_f32([b, c], |[b, c]| recurrence(&b, &c, axis, reverse));
    }
    map_lanes([b, c], axis, |[b, c], y| {
        // The factor that enters the first element computed has nothing to multiply, whatever it is.
        let last = y.len() - 1;
        if reverse {
            y[last] = b[last];
            (0..last).rev().for_each(|i| y[i] = b[i] + c[i + 1] * y[i + 1]);
        } else {
            y[0] = b[0];
            (1..=last).for_each(|i| y[i] = b[i] + c[i] * y[i - 1]);
        }
    })
}
