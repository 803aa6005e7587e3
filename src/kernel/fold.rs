//! Folds over any set of axes: what all reductions are made of.
//!
//! Every fold is a balanced binary tree over the group of elements that it reduces, cut at powers of two. The tree depends on
//! the group's size and on how it lies in memory; nothing depends on the number of threads. Rounding errors grow with the
//! tree's depth, log₂ n, rather than with n. Source: Higham, Accuracy and Stability of Numerical Algorithms (2002), §4.2.

use std::ops::Range;

use super::simd::widest;
use super::{PIECE, chunks, join, worth_sharing};
use crate::float::Float;
use crate::shape::{AxisSet, Inline, Run, Shape, Walk};
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

    /// Whether there are results to be made from no element at all.
    pub(crate) fn lacks_elements(&self) -> bool {
        self.group() == 0 && self.kept.elements() > 0
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
        let dense = len > 0 && walk.run_len() == len && walk.stride() == [1];
        let mut results = Vec::with_capacity(self.kept.elements());
        let mut buffer = Vec::with_capacity(if dense { 0 } else { len });
        self.outputs().runs(0..self.kept.elements(), |run| {
            for k in 0..run.len {
                let base = run.place(0, k);
                if dense {
                    results.push(f(&x.data()[base..][..len]));
                    continue;
                }
                buffer.clear();
                walk.runs_at([base as isize], 0..len, |run| gather(x.data(), &run, |x| buffer.push(x)));
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
    (0..run.len).map(|k| data[run.place(0, k)]).for_each(put);
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
        Some(LONG_ROWS..) if !shared => fold_columns::<T, LONG_ROWS>(&split, x.data(), start, out, &pre, &f),
        Some(ALL_COLUMNS..) => fold_columns::<T, ALL_COLUMNS>(&split, x.data(), start, out, &pre, &f),
        Some(MANY_COLUMNS..) => fold_columns::<T, MANY_COLUMNS>(&split, x.data(), start, out, &pre, &f),
        Some(SOME_COLUMNS..) => fold_columns::<T, SOME_COLUMNS>(&split, x.data(), start, out, &pre, &f),
        Some(_) => fold_columns::<T, FEW_COLUMNS>(&split, x.data(), start, out, &pre, &f),
        None => fold_rows(&split, x.data(), start, out, shared, &pre, &f),
    };
    if shared && out.len() > 1 {
        let piece = (PIECE / group).max(1).next_multiple_of(ALL_COLUMNS);
        chunks(out, piece, &|i, out| work(i * piece, out));
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
    let run_len = walk.run_len();
    let apart = walk.stride() != [1] && len > 1;
    split.outputs().runs(start..start + out.len(), |run| {
        for k in 0..run.len {
            let (o, base) = (run.position + k, run.place(0, k));
            let pre = |x: T| pre(o, x);
            out[o - start] = if apart || (run_len < len && run_len < LEAF) {
                fold_scattered(data, &walk, base, len, shared, &pre, f)
            } else if run_len == len {
                fold_slice(&data[base..][..len], shared, &pre, f)
            } else {
                let run = |i: usize| {
                    let mut y = None;
                    let range = i * run_len..(i + 1) * run_len;
                    walk.runs_at([base as isize], range, |run| {
                        y = Some(fold_slice(&data[run.at[0]..][..run_len], shared, &pre, f));
                    });
                    y.expect("one run")
                };
                tree(0..len / run_len, run_len, shared, &run, f)
            };
        }
    });
}

/// Folds elements that lie without gaps.
pub(crate) fn fold_slice<T: Float>(
    group: &[T],
    shared: bool,
    pre: &(impl Fn(T) -> T + Sync),
    f: &(impl Fn(T, T) -> T + Sync),
) -> T {
    let leaf = id(
        #[inline(always)]
        |i: usize| leaf(&group[i * LEAF..][..LEAF], pre, f),
    );
    fold_group(group.len(), shared, &leaf, |from| short(&group[from..], pre, f), f)
}

/// Folds elements that lie apart, a leaf of which is gathered at a time.
fn fold_scattered<T: Float>(
    data: &[T],
    walk: &Walk<1>,
    base: usize,
    len: usize,
    shared: bool,
    pre: &(impl Fn(T) -> T + Sync),
    f: &(impl Fn(T, T) -> T + Sync),
) -> T {
    let read = |range: Range<usize>| {
        let mut buffer = [T::zero(); LEAF];
        let mut places = buffer.iter_mut();
        let mut put = |x| *places.next().expect("a leaf's size") = x;
        walk.runs_at([base as isize], range, |run| gather(data, &run, &mut put));
        buffer
    };
    let leaf = id(
        #[inline(always)]
        |i: usize| leaf(&read(i * LEAF..(i + 1) * LEAF), pre, f),
    );
    fold_group(len, shared, &leaf, |from| short(&read(from..len)[..len - from], pre, f), f)
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
    let whole = if leaves <= BRANCH {
        widest::<T, _>(
            #[inline(always)]
            || across(branch(0..leaves, leaf, f), f),
        )
    } else {
        across(leaves_tree(0..leaves, shared, leaf, f), f)
    };
    if leaves * LEAF == len { whole } else { f(whole, end(leaves * LEAF)) }
}

/// A closure as it is. An argument may be marked to be inlined, where what is bound by `let` may not.
fn id<F>(f: F) -> F {
    f
}

/// How many leaves are folded by one loop rather than by recursion, which is never inlined. The tree is the same.
const BRANCH: usize = 64;

/// The tree over many leaves.
fn leaves_tree<T: Float>(
    range: Range<usize>,
    shared: bool,
    leaf: &(impl Fn(usize) -> [T; LANES] + Sync),
    f: &(impl Fn(T, T) -> T + Sync),
) -> [T; LANES] {
    if range.len() <= BRANCH {
        return widest::<T, _>(
            #[inline(always)]
            || branch(range, leaf, f),
        );
    }
    let middle = range.start + cut(range.len());
    let (left, right) = (range.start..middle, middle..range.end);
    let (a, b) = if shared && range.len() * LEAF > 2 * PIECE {
        join(&|| leaves_tree(left.clone(), shared, leaf, f), &|| leaves_tree(right.clone(), shared, leaf, f))
    } else {
        (leaves_tree(left, shared, leaf, f), leaves_tree(right, shared, leaf, f))
    };
    side_by_side(a, b, f)
}

/// The tree over up to [`BRANCH`] leaves, in their order: whatever is as tall as the part that came before joins it, and so on.
#[inline(always)]
fn branch<T: Float>(range: Range<usize>, leaf: &impl Fn(usize) -> [T; LANES], f: &impl Fn(T, T) -> T) -> [T; LANES] {
    let mut parts = [[T::zero(); LANES]; BRANCH.ilog2() as usize + 1];
    let mut held = 0;
    for i in range.clone() {
        parts[held] = leaf(i);
        let done = i - range.start + 1;
        for _ in 0..done.trailing_zeros() {
            parts[held - 1] = side_by_side(parts[held - 1], parts[held], f);
            held -= 1;
        }
        held += 1;
    }
    while held > 1 {
        parts[held - 2] = side_by_side(parts[held - 2], parts[held - 1], f);
        held -= 1;
    }
    parts[0]
}

#[inline(always)]
fn side_by_side<T: Float, const N: usize>(mut a: [T; N], b: [T; N], f: &impl Fn(T, T) -> T) -> [T; N] {
    for i in 0..N {
        a[i] = f(a[i], b[i]);
    }
    a
}

/// The tree over the lanes.
#[inline(always)]
fn across<T: Float>(mut lanes: [T; LANES], f: &impl Fn(T, T) -> T) -> T {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        (0..width).for_each(|i| lanes[i] = f(lanes[2 * i], lanes[2 * i + 1]));
    }
    lanes[0]
}

/// The largest power of two below `n`, where a tree over `n` is cut.
fn cut(n: usize) -> usize {
    1 << (n - 1).ilog2()
}

/// The tree over `leaf(i)` for `i` in `range`, each of which stands for `weight` elements.
fn tree<R: Send>(
    range: Range<usize>,
    weight: usize,
    shared: bool,
    leaf: &(impl Fn(usize) -> R + Sync),
    f: &(impl Fn(R, R) -> R + Sync),
) -> R {
    if range.len() == 1 {
        return leaf(range.start);
    }
    let middle = range.start + cut(range.len());
    let (left, right) = (range.start..middle, middle..range.end);
    let (a, b) = if shared && range.len() * weight > 2 * PIECE {
        join(&|| tree(left.clone(), weight, shared, leaf, f), &|| tree(right.clone(), weight, shared, leaf, f))
    } else {
        (tree(left, weight, shared, leaf, f), tree(right, weight, shared, leaf, f))
    };
    f(a, b)
}

/// The lanes of one leaf.
#[inline(always)]
fn leaf<T: Float>(xs: &[T], pre: &impl Fn(T) -> T, f: &impl Fn(T, T) -> T) -> [T; LANES] {
    let xs: &[T; LEAF] = xs.try_into().expect("a leaf's size");
    let row = id(
        #[inline(always)]
        |row: usize| -> [T; LANES] {
            let mut lanes = [T::zero(); LANES];
            for i in 0..LANES {
                lanes[i] = pre(xs[row * LANES + i]);
            }
            lanes
        },
    );
    let pair = id(
        #[inline(always)]
        |a: usize| side_by_side(row(a), row(a + 1), f),
    );
    side_by_side(side_by_side(pair(0), pair(2), f), side_by_side(pair(4), pair(6), f), f)
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

/// How many neighbouring results a columnwise fold carries together: the largest of these that there are. The first serves one thread, for which
/// whole pages are then read one after the other.
const LONG_ROWS: usize = 1024;
const ALL_COLUMNS: usize = 512;
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
            let pre = id(
                #[inline(always)]
                |i, x| pre(o + i, x),
            );
            let leaf =
                |range, onto, sums: &mut [T; WIDTH]| columns_leaf(data, &rows, base, range, width, onto, sums, &pre, f);
            let mut sums = [T::zero(); WIDTH];
            columns_tree(0..group, &mut sums, &leaf, f);
            out[o - start..][..width].copy_from_slice(&sums[..width]);
        }
    });
}

/// The tree over rows, into `sums`.
fn columns_tree<T: Float, const WIDTH: usize>(
    range: Range<usize>,
    sums: &mut [T; WIDTH],
    leaf: &impl Fn(Range<usize>, bool, &mut [T; WIDTH]),
    f: &impl Fn(T, T) -> T,
) {
    let is_leaf = |range: &Range<usize>| range.len() <= ROWS || range.len() == 2 * ROWS;
    if is_leaf(&range) {
        return leaf(range, false, sums);
    }
    let middle = range.start + cut(range.len());
    columns_tree(range.start..middle, sums, leaf, f);
    if is_leaf(&(middle..range.end)) {
        return leaf(middle..range.end, true, sums);
    }
    let mut right = [T::zero(); WIDTH];
    columns_tree(middle..range.end, &mut right, leaf, f);
    widest::<T, _>(
        #[inline(always)]
        || *sums = side_by_side(*sums, right, f),
    );
}

/// Folds up to [`ROWS`] rows one after the other, into `sums`, or `onto` what is there; or twice as many rows by two such leaves.
#[allow(clippy::too_many_arguments, reason = "what is read, where, and how it is folded")]
fn columns_leaf<T: Float, const WIDTH: usize>(
    data: &[T],
    rows: &Walk<1>,
    base: usize,
    range: Range<usize>,
    width: usize,
    onto: bool,
    sums: &mut [T; WIDTH],
    pre: &impl Fn(usize, T) -> T,
    f: &impl Fn(T, T) -> T,
) {
    let mut places = [0; 2 * ROWS];
    let (mut count, n) = (0, range.len());
    rows.runs_at([base as isize], range, |run| {
        for k in 0..run.len {
            places[count] = run.place(0, k);
            count += 1;
        }
    });
    let row = |k: usize| &data[places[k]..][..width];
    if width == WIDTH && n == ROWS {
        return whole_leaves::<T, ROWS>(std::array::from_fn(row), onto, sums, pre, f);
    }
    if width == WIDTH && n == 2 * ROWS {
        return whole_leaves::<T, { 2 * ROWS }>(std::array::from_fn(row), onto, sums, pre, f);
    }
    let mut total = [T::zero(); WIDTH];
    fold_down(&row, 0..n.min(ROWS), &mut total, pre, f);
    if n > ROWS {
        let mut right = [T::zero(); WIDTH];
        fold_down(&row, ROWS..n, &mut right, pre, f);
        total.iter_mut().zip(&right).for_each(|(a, &b)| *a = f(*a, b));
    }
    sums.iter_mut().zip(&total).for_each(|(a, &b)| *a = if onto { f(*a, b) } else { b });
}

/// Folds rows one after the other, however wide they are.
fn fold_down<'a, T: Float>(
    row: &impl Fn(usize) -> &'a [T],
    range: Range<usize>,
    sums: &mut [T],
    pre: &impl Fn(usize, T) -> T,
    f: &impl Fn(T, T) -> T,
) {
    sums.iter_mut().zip(row(range.start)).enumerate().for_each(|(i, (s, &x))| *s = pre(i, x));
    for k in range.start + 1..range.end {
        sums.iter_mut().zip(row(k)).enumerate().for_each(|(i, (s, &x))| *s = f(*s, pre(i, x)));
    }
}

/// [`strips`] of a width for which there are columns.
#[inline(always)]
fn whole_leaves<T: Float, const N: usize>(
    rows: [&[T]; N],
    onto: bool,
    sums: &mut [T],
    pre: &impl Fn(usize, T) -> T,
    f: &impl Fn(T, T) -> T,
) {
    widest::<T, _>(
        #[inline(always)]
        || {
            if sums.len() < STRIP {
                strips::<T, FEW_COLUMNS, N>(rows, onto, sums, pre, f)
            } else {
                strips::<T, STRIP, N>(rows, onto, sums, pre, f)
            }
        },
    );
}

/// The columns whose sums the compiler keeps in registers.
const STRIP: usize = 32;

/// Folds the rows of one whole leaf, or of two, a strip of columns at a time.
#[inline(always)]
fn strips<T: Float, const WIDTH: usize, const N: usize>(
    rows: [&[T]; N],
    onto: bool,
    sums: &mut [T],
    pre: &impl Fn(usize, T) -> T,
    f: &impl Fn(T, T) -> T,
) {
    let (strips, _) = sums.as_chunks_mut::<WIDTH>();
    for (k, sums) in strips.iter_mut().enumerate() {
        let first = k * WIDTH;
        let strip = id(
            #[inline(always)]
            |row: usize| rows[row][first..].first_chunk::<WIDTH>().expect("widths are multiples of a strip's"),
        );
        let leaf = id(
            #[inline(always)]
            |top: usize| {
                // Iterators, since of plain loops no vectors are made where `pre` looks something up for its column.
                let mut local = *strip(top);
                local.iter_mut().enumerate().for_each(|(i, x)| *x = pre(first + i, *x));
                for row in top + 1..top + ROWS {
                    local.iter_mut().zip(strip(row)).enumerate().for_each(|(i, (s, &x))| *s = f(*s, pre(first + i, x)));
                }
                local
            },
        );
        let mut local = leaf(0);
        if N == 2 * ROWS {
            local = side_by_side(local, leaf(ROWS), f);
        }
        *sums = if onto { side_by_side(*sums, local, f) } else { local };
    }
}
