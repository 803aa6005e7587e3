//! Reductions over any set of axes.
//!
//! Every fold is a balanced binary tree over the group of elements that it reduces, cut at powers of two. The tree depends on
//! the group's size, and its leaves on whether neighbours in memory belong to one group; nothing depends on the number of
//! threads. Rounding errors grow with the tree's depth, log₂ n, rather than with n. Source: Higham, Accuracy and Stability of Numerical Algorithms (2002), §4.2.

use std::ops::Range;

use rayon::prelude::*;

use super::{PIECE, worth_sharing};
use crate::float::Float;
use crate::kernel::arith;
use crate::shape::{Axes, AxisSet, Inline, Shape, Walk, axis_of};
use crate::tensor::Tensor;

/// A layout divided into the axes that a reduction keeps and those that it folds.
pub(crate) struct Split {
    kept: Shape,
    kept_strides: Inline<isize>,
    folded: Shape,
    folded_strides: Inline<isize>,
    offset: usize,
    /// The result's shape, which may keep folded axes with size 1.
    result: Shape,
}

impl Split {
    pub(crate) fn new<T>(x: &Tensor<T>, axes: &AxisSet) -> Self {
        let side = |folded: bool| (0..x.ndim()).filter(move |&axis| axes.has(axis) == folded);
        let result = (0..x.ndim()).filter(|&a| axes.keep || !axes.has(a));
        Split {
            kept: side(false).map(|a| x.shape()[a]).collect(),
            kept_strides: side(false).map(|a| x.strides()[a]).collect(),
            folded: side(true).map(|a| x.shape()[a]).collect(),
            folded_strides: side(true).map(|a| x.strides()[a]).collect(),
            offset: x.layout().offset(),
            result: result.map(|a| if axes.has(a) { 1 } else { x.shape()[a] }).collect(),
        }
    }

    /// How many elements are folded into one.
    pub(crate) fn group(&self) -> usize {
        self.folded.elements()
    }

    fn outputs(&self) -> Walk<1> {
        Walk::new(&self.kept, [(&self.kept_strides, self.offset)])
    }

    fn group_at(&self, offset: usize) -> Walk<1> {
        Walk::new(&self.folded, [(&self.folded_strides, offset)])
    }

    /// `f` of the elements of each group, in row-major order.
    pub(crate) fn map_to<T: Copy, U>(&self, x: &Tensor<T>, f: impl Fn(&[T]) -> U) -> Tensor<U> {
        let mut results = Vec::with_capacity(self.kept.elements());
        let mut group = Vec::with_capacity(self.group());
        self.outputs().runs(0..self.kept.elements(), |run| {
            for k in 0..run.len as isize {
                group.clear();
                let walk = self.group_at((run.at[0] as isize + k * run.strides[0]) as usize);
                walk.runs(0..self.group(), |run| gather(x.data(), run.at[0], run.strides[0], run.len, &mut group));
                results.push(f(&group));
            }
        });
        Tensor::from_elements(results, self.result.clone())
    }

    /// Whether the elements of neighbouring results lie next to each other, and those of one group do not.
    fn is_columns(&self) -> bool {
        let unit = |sizes: &Shape, strides: &[isize]| sizes.iter().zip(strides).any(|(&n, &s)| s == 1 && n > 1);
        self.kept_strides.last() == Some(&1)
            && self.kept.last().is_some_and(|&n| n > 1)
            && !unit(&self.folded, &self.folded_strides)
    }
}

fn gather<T: Copy>(data: &[T], at: usize, stride: isize, len: usize, into: &mut Vec<T>) {
    into.extend((0..len as isize).map(|k| data[(at as isize + k * stride) as usize]));
}

/// Folds `pre(o, x)` over the elements `x` of every group, where `o` numbers the group's result; `empty` of no element.
pub(crate) fn fold<T: Float>(
    x: &Tensor<T>,
    axes: &AxisSet,
    empty: T,
    pre: impl Fn(usize, T) -> T + Sync,
    f: impl Fn(T, T) -> T + Sync,
) -> Tensor<T> {
    let split = Split::new(x, axes);
    let group = split.group();
    if group == 0 {
        return Tensor::full(&split.result, empty);
    }
    let mut y = Tensor::dirty(split.result.clone());
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    let shared = worth_sharing(x.len());
    let work = |start: usize, out: &mut [T]| {
        if split.is_columns() {
            fold_columns(&split, x.data(), start, out, &pre, &f);
        } else {
            fold_rows(&split, x.data(), start, out, shared, &pre, &f);
        }
    };
    if shared && out.len() > 1 {
        let piece = (PIECE / group).max(1).next_multiple_of(COLUMNS);
        out.par_chunks_mut(piece).enumerate().for_each(|(i, out)| work(i * piece, out));
    } else {
        work(0, out);
    }
    y
}

/// The elements that one leaf of the tree folds: sixteen lanes of eight, which the compiler turns into vectors.
const LEAF: usize = 128;
const LANES: usize = 16;

fn fold_rows<T: Float>(
    split: &Split,
    data: &[T],
    start: usize,
    out: &mut [T],
    shared: bool,
    pre: &(impl Fn(usize, T) -> T + Sync),
    f: &(impl Fn(T, T) -> T + Sync),
) {
    let group = split.group();
    split.outputs().runs(start..start + out.len(), |run| {
        for k in 0..run.len {
            let o = run.position + k;
            let walk = split.group_at((run.at[0] as isize + k as isize * run.strides[0]) as usize);
            let leaf = |range: Range<usize>| {
                let mut buffer = [T::zero(); LEAF];
                let mut filled = 0;
                walk.runs(range, |run| {
                    let at = |k: usize| (run.at[0] as isize + k as isize * run.strides[0]) as usize;
                    let buffer = &mut buffer[filled..filled + run.len];
                    if run.strides[0] == 1 {
                        let from = &data[run.at[0]..run.at[0] + run.len];
                        buffer.iter_mut().zip(from).for_each(|(b, &x)| *b = pre(o, x));
                    } else {
                        buffer.iter_mut().enumerate().for_each(|(k, b)| *b = pre(o, data[at(k)]));
                    }
                    filled += run.len;
                });
                fold_leaf(&buffer[..filled], f)
            };
            out[o - start] = tree(0..group, shared, &leaf, f);
        }
    });
}

/// The largest power of two below `n`, where a tree over `n` is cut.
fn cut(n: usize) -> usize {
    1 << (n - 1).ilog2()
}

fn tree<T: Send>(
    range: Range<usize>,
    shared: bool,
    leaf: &(impl Fn(Range<usize>) -> T + Sync),
    f: &(impl Fn(T, T) -> T + Sync),
) -> T {
    if range.len() <= LEAF {
        return leaf(range);
    }
    let middle = range.start + cut(range.len());
    let (left, right) = (range.start..middle, middle..range.end);
    if shared && range.len() > 2 * PIECE {
        let (a, b) = rayon::join(|| tree(left, shared, leaf, f), || tree(right, shared, leaf, f));
        return f(a, b);
    }
    f(tree(left, shared, leaf, f), tree(right, shared, leaf, f))
}

/// Folds at most [`LEAF`] elements, at least one.
fn fold_leaf<T: Float>(xs: &[T], f: &impl Fn(T, T) -> T) -> T {
    if let Ok(xs) = <&[T; LEAF]>::try_from(xs) {
        let mut lanes = [T::zero(); LANES];
        for (l, lane) in lanes.iter_mut().enumerate() {
            let x = |row: usize| xs[row * LANES + l];
            *lane = f(f(f(x(0), x(1)), f(x(2), x(3))), f(f(x(4), x(5)), f(x(6), x(7))));
        }
        return fold_leaf(&lanes, f);
    }
    match xs {
        [x] => *x,
        [x, y] => f(*x, *y),
        _ => {
            let (left, right) = xs.split_at(cut(xs.len()));
            f(fold_leaf(left, f), fold_leaf(right, f))
        }
    }
}

/// How many neighbouring results a columnwise fold carries together.
const COLUMNS: usize = 32;

/// How many rows a leaf of a columnwise tree folds one after the other.
const ROWS: usize = 8;

fn fold_columns<T: Float>(
    split: &Split,
    data: &[T],
    start: usize,
    out: &mut [T],
    pre: &(impl Fn(usize, T) -> T + Sync),
    f: &(impl Fn(T, T) -> T + Sync),
) {
    split.outputs().runs(start..start + out.len(), |run| {
        for first in (0..run.len).step_by(COLUMNS) {
            let width = COLUMNS.min(run.len - first);
            let o = run.position + first;
            let rows = split.group_at(run.at[0] + first);
            let sums = columns_tree(0..split.group(), &|range| columns_leaf(data, &rows, range, o, width, pre, f), f);
            out[o - start..][..width].copy_from_slice(&sums[..width]);
        }
    });
}

fn columns_tree<T: Float>(
    range: Range<usize>,
    leaf: &impl Fn(Range<usize>) -> [T; COLUMNS],
    f: &impl Fn(T, T) -> T,
) -> [T; COLUMNS] {
    if range.len() <= ROWS {
        return leaf(range);
    }
    let middle = range.start + cut(range.len());
    let (mut a, b) = (columns_tree(range.start..middle, leaf, f), columns_tree(middle..range.end, leaf, f));
    a.iter_mut().zip(&b).for_each(|(a, &b)| *a = f(*a, b));
    a
}

fn columns_leaf<T: Float>(
    data: &[T],
    rows: &Walk<1>,
    range: Range<usize>,
    o: usize,
    width: usize,
    pre: &impl Fn(usize, T) -> T,
    f: &impl Fn(T, T) -> T,
) -> [T; COLUMNS] {
    let mut sums = [T::zero(); COLUMNS];
    let mut first = true;
    rows.runs(range, |run| {
        for k in 0..run.len as isize {
            let at = (run.at[0] as isize + k * run.strides[0]) as usize;
            let row = &data[at..at + width];
            if first {
                sums.iter_mut().zip(row).enumerate().for_each(|(i, (s, &x))| *s = pre(o + i, x));
                first = false;
            } else {
                sums.iter_mut().zip(row).enumerate().for_each(|(i, (s, &x))| *s = f(*s, pre(o + i, x)));
            }
        }
    });
    sums
}

/// `x` summed over the axes along which `shape` was broadcast to that of `x`.
pub(crate) fn sum_to<T: Float>(x: &Tensor<T>, shape: &Shape) -> Tensor<T> {
    if x.shape() == shape {
        return x.clone();
    }
    let new_axes = x.ndim() - shape.ndim();
    let stretched = |a: usize| a < new_axes || (shape[a - new_axes] == 1 && x.shape()[a] != 1);
    let axes: Vec<usize> = (0..x.ndim()).filter(|&a| stretched(a)).collect();
    x.sum(&axes[..]).reshape_to(shape)
}

#[cold]
#[track_caller]
fn no_extremum(op: &str, shape: &Shape) -> ! {
    panic!("{op}: {shape:?} has no element along the axes to reduce, and of none there is no {op}")
}

impl<T: Float> Tensor<T> {
    /// Sum over `axes`, `y = Σ x`; of no element 0.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1.0, 2.0], [3.0, 4.0]];
    /// assert_eq!(x.sum(0).to_vec(), [4.0, 6.0]);
    /// assert_eq!(x.sum(..).item(), 10.0);
    /// ```
    #[track_caller]
    pub fn sum(&self, axes: impl Into<Axes>) -> Tensor<T> {
        fold(self, &axes.into().resolve("sum", self.ndim()), T::zero(), |_, x| x, |a, b| a + b)
    }

    /// Product over `axes`, `y = Π x`; of no element 1.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn prod(&self, axes: impl Into<Axes>) -> Tensor<T> {
        fold(self, &axes.into().resolve("prod", self.ndim()), T::one(), |_, x| x, |a, b| a * b)
    }

    /// Arithmetic mean over `axes`, `y = Σ x / n`; of no element NaN.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn mean(&self, axes: impl Into<Axes>) -> Tensor<T> {
        let axes = axes.into().resolve("mean", self.ndim());
        let n = T::of(Split::new(self, &axes).group() as f64);
        fold(self, &axes, T::zero(), |_, x| x, |a, b| a + b) / n
    }

    /// Largest element over `axes`; NaN where one is NaN.
    ///
    /// # Panics
    /// If there is no element to choose from, or an axis is out of range or named twice.
    #[track_caller]
    pub fn max(&self, axes: impl Into<Axes>) -> Tensor<T> {
        self.extremum("max", axes.into(), arith::max)
    }

    /// Smallest element over `axes`; NaN where one is NaN.
    ///
    /// # Panics
    /// If there is no element to choose from, or an axis is out of range or named twice.
    #[track_caller]
    pub fn min(&self, axes: impl Into<Axes>) -> Tensor<T> {
        self.extremum("min", axes.into(), arith::min)
    }

    #[track_caller]
    fn extremum(&self, op: &str, axes: Axes, f: impl Fn(T, T) -> T + Sync) -> Tensor<T> {
        let axes = axes.resolve(op, self.ndim());
        let split = Split::new(self, &axes);
        if split.group() == 0 && split.kept.elements() > 0 {
            no_extremum(op, self.shape());
        }
        fold(self, &axes, T::nan(), |_, x| x, f)
    }

    /// Variance over `axes`, `y = Σ (x − mean)² / (n − ddof)`, around a mean of twice the precision; NaN where `n ≤ ddof`.
    ///
    /// `ddof` 0 is the population's variance, 1 the unbiased estimate from a sample.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1.0, 2.0, 3.0, 4.0].var(.., 0).item(), 1.25);
    /// ```
    /// Source: Chan, Golub, LeVeque, "Algorithms for Computing the Sample Variance" (1983), §1.
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, ddof: usize) -> Tensor<T> {
        let axes = axes.into().resolve("var", self.ndim());
        let n = Split::new(self, &axes).group();
        let count = T::of(n as f64);
        // Far from zero the mean's own rounding is much against the deviations; their mean tells how much it was.
        let mean = (fold(self, &axes, T::zero(), |_, x| x, |a, b| a + b) / count).to_contiguous();
        let means = mean.as_slice().unwrap_or_default();
        let rest = (fold(self, &axes, T::zero(), |o, x| x - means[o], |a, b| a + b) / count).to_contiguous();
        let rests = rest.as_slice().unwrap_or_default();
        let deviation = |o: usize, x: T| (x - means[o]) - rests[o];
        let squares = fold(self, &axes, T::zero(), |o, x| deviation(o, x) * deviation(o, x), |a, b| a + b);
        // Of `ddof` elements or fewer there is no estimate: 0/0, never a quotient by a negative number.
        if n > ddof { squares / T::of((n - ddof) as f64) } else { squares * T::nan() }
    }

    /// Standard deviation over `axes`, the square root of [`Tensor::var`].
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn std(&self, axes: impl Into<Axes>, ddof: usize) -> Tensor<T> {
        self.var(axes, ddof).map(T::sqrt)
    }

    /// Euclidean norm over `axes`, `y = √(Σ x²)`.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn norm(&self, axes: impl Into<Axes>) -> Tensor<T> {
        let axes = axes.into().resolve("norm", self.ndim());
        fold(self, &axes, T::zero(), |_, x| x * x, |a, b| a + b).map(T::sqrt)
    }

    /// `y = ln Σ exp x` over `axes`, computed around the largest element so that nothing overflows; of no element −∞.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let y = tensor![1e4_f64, 1e4].logsumexp(..).item();
    /// assert!((y - (1e4 + 2.0_f64.ln())).abs() < 1e-9);
    /// ```
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Into<Axes>) -> Tensor<T> {
        let axes = axes.into().resolve("logsumexp", self.ndim());
        let top = fold(self, &axes, T::neg_infinity(), |_, x| x, arith::max).to_contiguous();
        // Around an infinite top the differences would be NaN; around 0 they are exact.
        let centre = |top: T| if top.is_infinite() { T::zero() } else { top };
        let tops = top.as_slice().unwrap_or_default();
        let sum = fold(self, &axes, T::zero(), |o, x| (x - centre(tops[o])).exp(), |a, b| a + b);
        sum.zip(&top, |sum, top| sum.ln() + centre(top))
    }

    /// Place of the largest element along `axis`: the first one, and the first NaN if there is one.
    ///
    /// # Panics
    /// If `axis` is out of range or has size 0.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![[1.0, 3.0, 3.0], [0.0, f64::NAN, 9.0]].argmax(-1).to_vec(), [1, 1]);
    /// ```
    #[track_caller]
    pub fn argmax(&self, axis: isize) -> Tensor<usize> {
        self.arg_extremum("argmax", axis, |x, best| x > best)
    }

    /// Place of the smallest element along `axis`: the first one, and the first NaN if there is one.
    ///
    /// # Panics
    /// If `axis` is out of range or has size 0.
    #[track_caller]
    pub fn argmin(&self, axis: isize) -> Tensor<usize> {
        self.arg_extremum("argmin", axis, |x, best| x < best)
    }

    #[track_caller]
    fn arg_extremum(&self, op: &str, axis: isize, better: impl Fn(T, T) -> bool) -> Tensor<usize> {
        let at = axis_of(op, axis, self.ndim());
        if self.shape()[at] == 0 && !self.shape().without(at).contains(&0) {
            no_extremum(op, self.shape());
        }
        Split::new(self, &Axes::from(at).resolve(op, self.ndim())).map_to(self, |group| {
            let mut best = 0;
            for (i, &x) in group.iter().enumerate() {
                if better(x, group[best]) || (x.is_nan() && !group[best].is_nan()) {
                    best = i;
                }
                if group[best].is_nan() {
                    break;
                }
            }
            best
        })
    }
}
