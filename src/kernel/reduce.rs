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
use crate::shape::{Axes, AxisSet, Inline, Run, Shape, Walk, axis_of};
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
        Self::ordered(x, axes, false)
    }

    /// For a fold whose order does not matter: the folded axes from the longest stride to the shortest, so that they are
    /// walked as they lie in memory.
    fn as_stored<T>(x: &Tensor<T>, axes: &AxisSet) -> Self {
        Self::ordered(x, axes, true)
    }

    fn ordered<T>(x: &Tensor<T>, axes: &AxisSet, as_stored: bool) -> Self {
        let side = |folded: bool| (0..x.ndim()).filter(move |&axis| axes.has(axis) == folded);
        let mut folded: Inline<usize> = side(true).collect();
        if as_stored {
            folded.sort_by_key(|&a| std::cmp::Reverse(x.strides()[a].unsigned_abs()));
        }
        let result = (0..x.ndim()).filter(|&a| axes.keep || !axes.has(a));
        Split {
            kept: side(false).map(|a| x.shape()[a]).collect(),
            kept_strides: side(false).map(|a| x.strides()[a]).collect(),
            folded: folded.iter().map(|&a| x.shape()[a]).collect(),
            folded_strides: folded.iter().map(|&a| x.strides()[a]).collect(),
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

    /// A walk over one group, whose first element lies at 0.
    fn group_walk(&self) -> Walk<1> {
        Walk::new(&self.folded, [(&self.folded_strides, 0)])
    }

    /// `f` of the elements of each group, in row-major order.
    pub(crate) fn map_to<T: Copy, U>(&self, x: &Tensor<T>, f: impl Fn(&[T]) -> U) -> Tensor<U> {
        let (walk, len) = (self.group_walk(), self.group());
        let dense = len > 0 && walk.single_run() == Some([1]);
        let mut results = Vec::with_capacity(self.kept.elements());
        let mut buffer = Vec::with_capacity(if dense { 0 } else { len });
        self.outputs().runs(0..self.kept.elements(), |run| {
            for k in 0..run.len as isize {
                let base = run.at[0] as isize + k * run.strides[0];
                if dense {
                    results.push(f(&x.data()[base as usize..][..len]));
                    continue;
                }
                buffer.clear();
                walk.runs_at([base], 0..len, |run| gather(x.data(), &run, |x| buffer.push(x)));
                results.push(f(&buffer));
            }
        });
        Tensor::from_elements(results, self.result.clone())
    }

    /// How many neighbouring results have their elements next to each other, if those of one group do not lie so.
    fn columns(&self) -> Option<usize> {
        let unit = |sizes: &Shape, strides: &[isize]| sizes.iter().zip(strides).any(|(&n, &s)| s == 1 && n > 1);
        let columns = *self.kept.last().filter(|&&n| n > 1)?;
        let apart = self.kept_strides.last() == Some(&1) && !unit(&self.folded, &self.folded_strides);
        apart.then_some(columns)
    }
}

/// Calls `put` with each element of a run.
#[inline]
fn gather<T: Copy>(data: &[T], run: &Run<1>, put: impl FnMut(T)) {
    if run.strides[0] == 1 {
        return data[run.at[0]..][..run.len].iter().copied().for_each(put);
    }
    (0..run.len as isize).map(|k| data[(run.at[0] as isize + k * run.strides[0]) as usize]).for_each(put);
}

/// Folds `pre(o, x)` over the elements `x` of every group, where `o` numbers the group's result; `empty` of no element.
pub(crate) fn fold<T: Float>(
    x: &Tensor<T>,
    axes: &AxisSet,
    empty: T,
    pre: impl Fn(usize, T) -> T + Sync,
    f: impl Fn(T, T) -> T + Sync,
) -> Tensor<T> {
    let split = Split::as_stored(x, axes);
    let group = split.group();
    if group == 0 {
        return Tensor::full(&split.result, empty);
    }
    let mut y = Tensor::dirty(split.result.clone());
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    let shared = worth_sharing(x.len());
    let work = |start: usize, out: &mut [T]| match split.columns() {
        Some(MANY_COLUMNS..) => fold_columns::<T, MANY_COLUMNS>(&split, x.data(), start, out, &pre, &f),
        Some(SOME_COLUMNS..) => fold_columns::<T, SOME_COLUMNS>(&split, x.data(), start, out, &pre, &f),
        Some(_) => fold_columns::<T, FEW_COLUMNS>(&split, x.data(), start, out, &pre, &f),
        None => fold_rows(&split, x.data(), start, out, shared, &pre, &f),
    };
    if shared && out.len() > 1 {
        let piece = (PIECE / group).max(1).next_multiple_of(MANY_COLUMNS);
        out.par_chunks_mut(piece).enumerate().for_each(|(i, out)| work(i * piece, out));
    } else {
        work(0, out);
    }
    y
}

/// The elements that one leaf of the tree folds: into sixteen lanes of eight, which the compiler turns into vectors. The lanes
/// go up the tree side by side and are folded at its top.
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
    let (walk, len) = (split.group_walk(), split.group());
    let dense = walk.single_run() == Some([1]);
    split.outputs().runs(start..start + out.len(), |run| {
        for k in 0..run.len {
            let o = run.position + k;
            let base = run.at[0] as isize + k as isize * run.strides[0];
            let pre = |x: T| pre(o, x);
            out[o - start] = if dense {
                let group = &data[base as usize..][..len];
                let leaf = |i: usize| leaf(&group[i * LEAF..][..LEAF], &pre, f);
                fold_group(len, shared, &leaf, |from| short(&group[from..], &pre, f), f)
            } else {
                let read = |range: Range<usize>| {
                    let mut buffer = [T::zero(); LEAF];
                    let mut places = buffer.iter_mut();
                    walk.runs_at([base], range, |run| {
                        gather(data, &run, |x| *places.next().expect("a leaf's size") = x)
                    });
                    buffer
                };
                let leaf = |i: usize| leaf(&read(i * LEAF..(i + 1) * LEAF), &pre, f);
                fold_group(len, shared, &leaf, |from| short(&read(from..len)[..len - from], &pre, f), f)
            };
        }
    });
}

/// Folds a group of `len` elements from its whole leaves and the short one at its end.
#[inline]
fn fold_group<T: Float>(
    len: usize,
    shared: bool,
    leaf: &(impl Fn(usize) -> [T; LANES] + Sync),
    end: impl Fn(usize) -> T,
    f: &(impl Fn(T, T) -> T + Sync),
) -> T {
    let leaves = len / LEAF;
    if leaves == 0 {
        return end(0);
    }
    let lanes = tree(0..leaves, shared, leaf, f);
    let whole = short(&lanes, &|x| x, f);
    if leaves * LEAF == len { whole } else { f(whole, end(leaves * LEAF)) }
}

/// The largest power of two below `n`, where a tree over `n` is cut.
fn cut(n: usize) -> usize {
    1 << (n - 1).ilog2()
}

fn tree<T: Float>(
    range: Range<usize>,
    shared: bool,
    leaf: &(impl Fn(usize) -> [T; LANES] + Sync),
    f: &(impl Fn(T, T) -> T + Sync),
) -> [T; LANES] {
    if range.len() == 1 {
        return leaf(range.start);
    }
    let middle = range.start + cut(range.len());
    let (left, right) = (range.start..middle, middle..range.end);
    let (a, b) = if shared && range.len() * LEAF > 2 * PIECE {
        rayon::join(|| tree(left, shared, leaf, f), || tree(right, shared, leaf, f))
    } else {
        (tree(left, shared, leaf, f), tree(right, shared, leaf, f))
    };
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

/// The lanes of one leaf.
#[inline]
fn leaf<T: Float>(xs: &[T], pre: &impl Fn(T) -> T, f: &impl Fn(T, T) -> T) -> [T; LANES] {
    let xs: &[T; LEAF] = xs.try_into().expect("a leaf's size");
    std::array::from_fn(|lane| {
        let x = |row: usize| pre(xs[row * LANES + lane]);
        f(f(f(x(0), x(1)), f(x(2), x(3))), f(f(x(4), x(5)), f(x(6), x(7))))
    })
}

/// Folds a few elements, at least one.
fn short<T: Float>(xs: &[T], pre: &impl Fn(T) -> T, f: &impl Fn(T, T) -> T) -> T {
    match xs {
        [x] => pre(*x),
        [x, y] => f(pre(*x), pre(*y)),
        [x, y, z, w] => f(f(pre(*x), pre(*y)), f(pre(*z), pre(*w))),
        _ => {
            let (left, right) = xs.split_at(cut(xs.len()));
            f(short(left, pre, f), short(right, pre, f))
        }
    }
}

/// How many neighbouring results a columnwise fold carries together: the largest of these that there are.
const MANY_COLUMNS: usize = 128;
const SOME_COLUMNS: usize = 32;
const FEW_COLUMNS: usize = 8;

/// How many rows a leaf of a columnwise tree folds one after the other.
const ROWS: usize = 8;

fn fold_columns<T: Float, const WIDTH: usize>(
    split: &Split,
    data: &[T],
    start: usize,
    out: &mut [T],
    pre: &(impl Fn(usize, T) -> T + Sync),
    f: &(impl Fn(T, T) -> T + Sync),
) {
    let (rows, group) = (split.group_walk(), split.group());
    split.outputs().runs(start..start + out.len(), |run| {
        for first in (0..run.len).step_by(WIDTH) {
            // The last block overlaps the one before it rather than being narrower: each column is folded by itself.
            let first = first.min(run.len.saturating_sub(WIDTH));
            let (o, base) = (run.position + first, run.at[0] + first);
            let width = WIDTH.min(run.len - first);
            let leaf = |range| columns_leaf::<T, WIDTH>(data, &rows, base, range, width, &|i, x| pre(o + i, x), f);
            let sums = columns_tree(0..group, &leaf, f);
            out[o - start..][..width].copy_from_slice(&sums[..width]);
        }
    });
}

fn columns_tree<T: Float, const WIDTH: usize>(
    range: Range<usize>,
    leaf: &impl Fn(Range<usize>) -> [T; WIDTH],
    f: &impl Fn(T, T) -> T,
) -> [T; WIDTH] {
    if range.len() <= ROWS {
        return leaf(range);
    }
    let middle = range.start + cut(range.len());
    let (mut a, b) = (columns_tree(range.start..middle, leaf, f), columns_tree(middle..range.end, leaf, f));
    a.iter_mut().zip(&b).for_each(|(a, &b)| *a = f(*a, b));
    a
}

fn columns_leaf<T: Float, const WIDTH: usize>(
    data: &[T],
    rows: &Walk<1>,
    base: usize,
    range: Range<usize>,
    width: usize,
    pre: &impl Fn(usize, T) -> T,
    f: &impl Fn(T, T) -> T,
) -> [T; WIDTH] {
    let mut sums = [T::zero(); WIDTH];
    let mut first = true;
    rows.runs_at([base as isize], range, |run| {
        let row = |k: usize| &data[(run.at[0] as isize + k as isize * run.strides[0]) as usize..][..width];
        let start = usize::from(first);
        if first {
            sums.iter_mut().zip(row(0)).enumerate().for_each(|(i, (s, &x))| *s = pre(i, x));
            first = false;
        }
        if width < WIDTH {
            for k in start..run.len {
                sums.iter_mut().zip(row(k)).enumerate().for_each(|(i, (s, &x))| *s = f(*s, pre(i, x)));
            }
            return;
        }
        // The width of a whole block is known to the compiler, and the sums stay in registers.
        let mut local = sums;
        for k in start..run.len {
            let row = row(k).first_chunk::<WIDTH>().expect("a whole block");
            local.iter_mut().zip(row).enumerate().for_each(|(i, (s, &x))| *s = f(*s, pre(i, x)));
        }
        sums = local;
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
    let axes: Inline<usize> = (0..x.ndim()).filter(|&a| stretched(a)).collect();
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
        let tops = top.as_slice().unwrap_or_default();
        // The largest are counted apart: in their 1 the others, if tiny, would drown.
        let one_if = |yes: bool| if yes { T::one() } else { T::zero() };
        let largest = fold(self, &axes, T::zero(), |o, x| one_if(x == tops[o]), |a, b| a + b);
        let term = |x: T, top: T| if x == top { T::zero() } else { (x - top).exp() };
        let others = fold(self, &axes, T::zero(), |o, x| term(x, tops[o]), |a, b| a + b);
        let log = (others + (largest - T::one())).map(T::ln_1p);
        log.zip(&top, |log, top| if top.is_infinite() { top } else { top + log })
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
        self.arg_extremum("argmax", axis, arith::max)
    }

    /// Place of the smallest element along `axis`: the first one, and the first NaN if there is one.
    ///
    /// # Panics
    /// If `axis` is out of range or has size 0.
    #[track_caller]
    pub fn argmin(&self, axis: isize) -> Tensor<usize> {
        self.arg_extremum("argmin", axis, arith::min)
    }

    #[track_caller]
    fn arg_extremum(&self, op: &str, axis: isize, better: impl Fn(T, T) -> T) -> Tensor<usize> {
        let at = axis_of(op, axis, self.ndim());
        if self.shape()[at] == 0 && !self.shape().without(at).contains(&0) {
            no_extremum(op, self.shape());
        }
        Split::new(self, &Axes::from(at).resolve(op, self.ndim())).map_to(self, |group| {
            // The value first, in lanes, then its place: faster than both at once.
            let mut lanes = [group[0]; LANES];
            let blocks = group.chunks_exact(LANES);
            let rest = blocks.remainder();
            blocks.for_each(|block| lanes.iter_mut().zip(block).for_each(|(l, &x)| *l = better(*l, x)));
            let best = lanes.into_iter().chain(rest.iter().copied()).fold(group[0], &better);
            let place = group.iter().position(|&x| x == best || x.is_nan());
            place.expect("the best element is one of them")
        })
    }
}
