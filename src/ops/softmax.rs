//! Softmax and its logarithm along one axis.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::lanes::map_lanes;
use crate::kernel::map::{zip, zip3};
use crate::kernel::reduce::{largest, log_of_all_terms, log_of_terms, other, term};
use crate::kernel::simd::widest;
use crate::kernel::sums::{fold_row, sum_row};
use crate::kernel::wide::in_f32;
use crate::shape::{axis_of, keep};
use crate::tensor::Tensor;

/// `yᵢ = exp(xᵢ) / Σ exp(xⱼ)` along an axis, over the places that are not hidden.
#[derive(Debug)]
struct Softmax {
    axis: usize,
    hidden: Option<Tensor<bool>>,
}

impl<T: Float> Op<T> for Softmax {
    fn name(&self) -> &'static str {
        if self.hidden.is_some() { "masked_softmax" } else { "softmax" }
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        match &self.hidden {
            Some(hidden) => xs[0].masked_softmax(self.axis as isize, hidden),
            None => xs[0].softmax(self.axis as isize),
        }
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let (y, g) = (p.y, p.g);
        p.accum(0, || y * (g - (g * y).sum(crate::keep(self.axis))));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (g, y) = (p.take_g(), p.y);
        p.accum(0, || pull_softmax(&g, y, self.axis));
        true
    }
}

/// `yᵢ = xᵢ − ln Σ exp(xⱼ)` along an axis.
#[derive(Debug)]
struct LogSoftmax(usize);

impl<T: Float> Op<T> for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].log_softmax(self.0 as isize)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let (y, g) = (p.y, p.g);
        p.accum(0, || g - y.exp() * g.sum(crate::keep(self.0)));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (g, y) = (p.take_g(), p.y);
        p.accum(0, || pull_log_softmax(&g, y, self.0));
        true
    }
}

/// The gradient `y (ȳ − Σ ȳ y)` of a softmax.
fn pull_softmax<T: Float>(g: &Tensor<T>, y: &Tensor<T>, axis: usize) -> Tensor<T> {
    if T::NARROW {
        return in_f32([g, y], |[g, y]| pull_softmax(&g, &y, axis));
    }
    if lies_across(y, axis) {
        let inner = (g * y).sum(keep(axis));
        return zip3("softmax", [g, y, &inner], |g, y, inner| y * (g - inner));
    }
    map_lanes([g, y], axis, |[g, y], x| {
        widest::<T, _>(
            #[inline(always)]
            || {
                let [inner] = sum_row(
                    [g, y],
                    #[inline(always)]
                    |[g, y]| [g * y],
                );
                x.iter_mut().zip(g).zip(y).for_each(|((x, &g), &y)| *x = y * (g - inner));
            },
        );
    })
}

/// The gradient `ȳ − eʸ Σ ȳ` of the logarithm of a softmax.
fn pull_log_softmax<T: Float>(g: &Tensor<T>, y: &Tensor<T>, axis: usize) -> Tensor<T> {
    if T::NARROW {
        return in_f32([g, y], |[g, y]| pull_log_softmax(&g, &y, axis));
    }
    if lies_across(y, axis) {
        let sum = g.sum(keep(axis));
        return zip3(
            "log_softmax",
            [g, y, &sum],
            #[inline(always)]
            |g, y, sum| g - y.lane_exp() * sum,
        );
    }
    map_lanes([g, y], axis, |[g, y], x| {
        widest::<T, _>(
            #[inline(always)]
            || {
                let sum = sum_of(g);
                x.iter_mut().zip(g).zip(y).for_each(
                    #[inline(always)]
                    |((x, &g), &y)| *x = g - y.lane_exp() * sum,
                );
            },
        );
    })
}

/// Whether neighbours along the axis lie apart, and those along the last one side by side: then whole rows are computed at a time, and
/// lanes are never gathered.
fn lies_across<T: Float>(x: &Tensor<T>, axis: usize) -> bool {
    let (sizes, strides) = (x.shape(), x.strides());
    let last = x.ndim() - 1;
    T::VECTORS && !x.is_empty() && axis != last && strides[last] == 1 && sizes[last] >= 8
}

#[inline(always)]
fn sum_of<T: Float>(x: &[T]) -> T {
    let [sum] = sum_row(
        [x],
        #[inline(always)]
        |[x]| [x],
    );
    sum
}

/// The largest element, the first of equal ones: what it carries beside its value, such as a derivative, is then that of the
/// element which a search finds first. Beside a NaN, which makes all results NaN whatever this is, it may be another element.
#[inline(always)]
fn top_of<T: Float>(x: &[T]) -> T {
    if T::VECTORS {
        let [top] = fold_row(
            [x],
            [T::neg_infinity()],
            #[inline(always)]
            |[x]| [x],
            #[inline(always)]
            |a, b| if a > b { a } else { b },
        );
        return top;
    }
    x.iter().fold(T::neg_infinity(), |top, &x| x.maximum(top))
}

/// The largest element `t`, and `ln Σ exp(x − t)`. Beside a large `t` that logarithm would be rounded away, so what is wanted
/// relative to `t` is computed from the two.
#[inline]
pub(super) fn around_top<T: Float>(x: &[T]) -> (T, T) {
    let top = top_of(x);
    let rest = |x: &[T]| x.iter().fold(T::zero(), |sum, &x| sum + (x - top).exp());
    // Without the 1 that the largest itself contributes, in which others that are tiny would drown. Where none is known to be
    // the largest, of NaN and of intervals that overlap, all contribute.
    match x.iter().position(|&x| x == top) {
        Some(at) => (top, (rest(&x[..at]) + rest(&x[at + 1..])).ln_1p()),
        None => (top, rest(x).ln()),
    }
}

/// [`around_top`] of numbers that become vectors, by way of `y`.
#[inline(always)]
fn around_top_by<T: Float>(x: &[T], y: &mut [T]) -> (T, T) {
    let top = top_of(x);
    y.iter_mut().zip(x).for_each(
        #[inline(always)]
        |(y, &x)| *y = term(x, top),
    );
    // One by one: of pairs of numbers chosen by comparisons the compiler makes single ones of twice the width.
    let [others] = sum_row(
        [y],
        #[inline(always)]
        |[term]| [other(term)],
    );
    let [count] = sum_row(
        [y],
        #[inline(always)]
        |[term]| [largest(term)],
    );
    (top, log_of_terms(others, count))
}

impl<T: Float> Tensor<T> {
    /// `yᵢ = exp(xᵢ) / Σ exp(xⱼ)` along `axis`, computed around the largest element; NaN where all are −∞.
    ///
    /// Shapes: any → the same.
    ///
    /// # Panics
    /// If `axis` is out of range.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1e4, 1e4].softmax(-1).to_vec(), [0.5, 0.5]);
    /// ```
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Tensor<T> {
        let at = axis_of("softmax", axis, self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.softmax(axis));
        }
        if lies_across(self, at) {
            let top = self.max(keep(at));
            let e = zip(
                "softmax",
                self,
                &top,
                #[inline(always)]
                |x, top| (x - top).lane_decay(),
            );
            let scale = e.sum(keep(at)).reciprocal();
            return e * &scale;
        }
        map_lanes([self], at, |[x], y| {
            widest::<T, _>(
                #[inline(always)]
                || {
                    let top = top_of(x);
                    y.iter_mut().zip(x).for_each(
                        #[inline(always)]
                        |(y, &x)| *y = (x - top).lane_decay(),
                    );
                    let scale = sum_of(y).recip();
                    y.iter_mut().for_each(|y| *y = *y * scale);
                },
            );
        })
    }

    /// `yᵢ = exp(xᵢ) / Σ exp(xⱼ)` along `axis`, over the places where `hidden` is false. At the others it is 0; and 0 throughout where
    /// all are hidden, or all that are left are −∞.
    ///
    /// Shapes: any, to which `hidden` broadcasts → the same.
    ///
    /// # Panics
    /// If `axis` is out of range, or `hidden` does not broadcast to the shape.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let (x, hidden) = (tensor![[1.0, 1.0, 9.0], [1.0, 2.0, 3.0]], tensor![[false, false, true], [true, true, true]]);
    /// assert_eq!(x.masked_softmax(-1, &hidden).to_vec(), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn masked_softmax(&self, axis: isize, hidden: &Tensor<bool>) -> Tensor<T> {
        let (shape, mask) = (self.shape(), hidden.shape());
        assert!(shape.broadcast(mask).as_ref() == Some(shape), "masked_softmax: {mask:?} does not broadcast to {shape:?}");
        let axis = axis_of("masked_softmax", axis, shape.ndim()) as isize;
        let (zero, lowest) = (Tensor::scalar(T::zero()), Tensor::scalar(T::neg_infinity()));
        let seen = if hidden.any(..).item() { Tensor::where_cond(hidden, &lowest, self) } else { self.clone() };
        if seen.is_empty() {
            return seen.softmax(axis);
        }
        let nothing = seen.max(crate::keep(axis)).equal(&lowest);
        if !nothing.any(..).item() {
            return seen.softmax(axis);
        }
        Tensor::where_cond(&nothing, &zero, &Tensor::where_cond(&nothing, &zero, &seen).softmax(axis))
    }

    /// `yᵢ = xᵢ − ln Σ exp(xⱼ)` along `axis`, computed around the largest element; NaN where all are −∞.
    ///
    /// Shapes: any → the same.
    ///
    /// # Panics
    /// If `axis` is out of range.
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Tensor<T> {
        let at = axis_of("log_softmax", axis, self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.log_softmax(axis));
        }
        if lies_across(self, at) {
            let top = self.max(keep(at));
            let terms = zip(
                "log_softmax",
                self,
                &top,
                #[inline(always)]
                |x, top| term(x, top),
            );
            let log_sum = log_of_all_terms(&terms, &keep(at).resolve("log_softmax", self.ndim()));
            return zip3("log_softmax", [self, &top, &log_sum], |x, top, log_sum| (x - top) - log_sum);
        }
        map_lanes([self], at, |[x], y| {
            widest::<T, _>(
                #[inline(always)]
                || {
                    let by_vectors = T::VECTORS && !x.is_empty();
                    let (top, log_sum) = if by_vectors { around_top_by(x, y) } else { around_top(x) };
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - top) - log_sum);
                },
            );
        })
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// `yᵢ = exp(xᵢ) / Σ exp(xⱼ)` along `axis`, computed around the largest element; NaN where all are −∞.
    ///
    /// Shapes: any → the same.
    ///
    /// # Gradient
    /// `x̄ᵢ = yᵢ (ȳᵢ − Σ ȳⱼ yⱼ)`.
    ///
    /// # Panics
    /// If `axis` is out of range.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Self {
        Var::apply(Softmax { axis: axis_of("softmax", axis, self.ndim()), hidden: None }, &[self])
    }

    /// `yᵢ = exp(xᵢ) / Σ exp(xⱼ)` along `axis`, over the places where `hidden` is false. At the others it is 0; and 0 throughout where
    /// all are hidden, or all that are left are −∞.
    ///
    /// Shapes: any, to which `hidden` broadcasts → the same.
    ///
    /// # Gradient
    /// `x̄ᵢ = yᵢ (ȳᵢ − Σ ȳⱼ yⱼ)`: where y is 0 it is 0.
    ///
    /// # Panics
    /// If `axis` is out of range, or `hidden` does not broadcast to the shape.
    #[track_caller]
    pub fn masked_softmax(self, axis: isize, hidden: &Tensor<bool>) -> Self {
        let axis = axis_of("masked_softmax", axis, self.ndim());
        Var::apply(Softmax { axis, hidden: Some(hidden.clone()) }, &[self])
    }

    /// `yᵢ = xᵢ − ln Σ exp(xⱼ)` along `axis`, computed around the largest element; NaN where all are −∞.
    ///
    /// Shapes: any → the same.
    ///
    /// # Gradient
    /// `x̄ᵢ = ȳᵢ − exp(yᵢ) Σ ȳⱼ`.
    ///
    /// # Panics
    /// If `axis` is out of range.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Self {
        Var::apply(LogSoftmax(axis_of("log_softmax", axis, self.ndim())), &[self])
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("softmax", |x| x.softmax(-1), [[4]], [[2, 3]], [[0, 3]]),
        specimen!("softmax of the first axis", |x| x.softmax(0), [[3, 2]], [[2, 2, 2]], [[3, 0]]),
        specimen!("masked_softmax", |x| x.masked_softmax(-1, &some_hidden(&x.shape())), [[4]], [[3, 4]], [[0, 3]]),
        specimen!("masked_softmax of the first axis", |x| x.masked_softmax(0, &some_hidden(&[x.shape()[0], 1])), [[4, 2]]),
        specimen!("log_softmax", |x| x.log_softmax(-1), [[4]], [[2, 3]], [[0, 3]]),
        specimen!("log_softmax of the first axis", |x| x.log_softmax(0), [[3, 2]], [[2, 2, 2]], [[3, 0]]),
    ]
}

/// A mask that hides every third place and the whole third row, if there is one.
fn some_hidden(shape: &[usize]) -> Tensor<bool> {
    Tensor::from_fn(shape, |i| i.iter().sum::<usize>() % 3 == 1 || (i.len() > 1 && i[0] == 2))
}
