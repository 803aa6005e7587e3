//! Elementwise loops over any number of operands, on any layouts.

use std::array;
use std::ops::Range;

use super::pieces;
use super::simd::widest;
use crate::float::Float;
use crate::shape::{Inline, Run, Shape, Walk, broadcast};
use crate::tensor::Tensor;

/// `y = f(x)` for every element.
#[inline]
pub(crate) fn map<T: Float>(x: &Tensor<T>, f: impl Fn(T) -> T + Sync) -> Tensor<T> {
    if x.len() == 1 {
        return x.one_like(f(x.item()));
    }
    as_stored([x], |[x]| {
        let mut y = Tensor::dirty(x.shape().clone());
        fill(
            &mut y,
            [x],
            #[inline(always)]
            |[x]| f(x),
        );
        y
    })
}

/// `compute` of `xs`, an elementwise function of operands of one shape. Where all of them lie as one permutation of a dense
/// tensor, as after `t`, it gets them permuted back, and its result is viewed as they were.
#[inline]
fn as_stored<T: Float, const N: usize>(
    xs: [&Tensor<T>; N],
    compute: impl FnOnce([&Tensor<T>; N]) -> Tensor<T>,
) -> Tensor<T> {
    let Some(order) = common_order(xs) else { return compute(xs) };
    let stored = permuted(xs, &order);
    let y = compute(stored.each_ref());
    y.with_layout(y.layout().permute(&inverse(&order)))
}

/// The permutation that makes `xs` dense, if all of them lie as one permutation of a dense tensor, other than itself.
#[inline]
fn common_order<T, const N: usize>(xs: [&Tensor<T>; N]) -> Option<Inline<usize>> {
    let layout = xs[0].layout();
    let alike = !layout.is_dense() && xs.iter().all(|x| x.shape() == layout.shape() && x.strides() == layout.strides());
    if alike { layout.dense_order() } else { None }
}

fn permuted<T: Copy, const N: usize>(xs: [&Tensor<T>; N], order: &[usize]) -> [Tensor<T>; N] {
    xs.map(|x| x.with_layout(x.layout().permute(order)))
}

/// The order of axes that undoes `order`.
pub(crate) fn inverse(order: &Inline<usize>) -> Inline<usize> {
    let mut back = order.clone();
    order.iter().enumerate().for_each(|(new, &old)| back[old] = new);
    back
}

/// `y = f(a, b)` for every pair of elements, broadcast.
///
/// # Panics
/// If the shapes do not broadcast, at the caller, naming `op`.
#[inline]
#[track_caller]
pub(crate) fn zip<T: Float>(op: &str, a: &Tensor<T>, b: &Tensor<T>, f: impl Fn(T, T) -> T + Sync) -> Tensor<T> {
    if a.len() == 1 && b.len() == 1 {
        // All sizes are 1, so the longer shape is the result's.
        return if a.ndim() >= b.ndim() { a } else { b }.one_like(f(a.item(), b.item()));
    }
    zip_shaped(broadcast(op, a.shape(), b.shape()), a, b, f)
}

/// `y = f(a, b)` for every pair of elements, both broadcast to `shape`.
///
/// # Panics
/// If the number of elements overflows.
#[inline]
#[track_caller]
pub(crate) fn zip_shaped<T: Float>(
    shape: Shape,
    a: &Tensor<T>,
    b: &Tensor<T>,
    f: impl Fn(T, T) -> T + Sync,
) -> Tensor<T> {
    if a.len() == 1 && b.len() == 1 {
        return Tensor::one(f(a.item(), b.item()), shape);
    }
    if a.shape() != b.shape() {
        let mut y = Tensor::dirty(shape);
        fill(
            &mut y,
            [a, b],
            #[inline(always)]
            |[a, b]| f(a, b),
        );
        return y;
    }
    as_stored([a, b], |[a, b]| {
        let mut y = Tensor::dirty(a.shape().clone());
        fill(
            &mut y,
            [a, b],
            #[inline(always)]
            |[a, b]| f(a, b),
        );
        y
    })
}

/// `y = f(a, b, c)` for every triple of elements, broadcast.
///
/// # Panics
/// If the shapes do not broadcast, at the caller, naming `op`.
#[inline]
#[track_caller]
pub(crate) fn zip3<T: Float>(op: &str, [a, b, c]: [&Tensor<T>; 3], f: impl Fn(T, T, T) -> T + Sync) -> Tensor<T> {
    let shape = broadcast(op, &broadcast(op, a.shape(), b.shape()), c.shape());
    if a.len() == 1 && b.len() == 1 && c.len() == 1 {
        return Tensor::one(f(a.item(), b.item(), c.item()), shape);
    }
    let mut y = Tensor::dirty(shape);
    fill(
        &mut y,
        [a, b, c],
        #[inline(always)]
        |[a, b, c]| f(a, b, c),
    );
    y
}

/// `g ← f(g, x)` for every element of `g`, whose shape `x` broadcasts to; in place where nobody else holds `g`.
#[inline]
pub(crate) fn update<T: Float>(mut g: Tensor<T>, x: &Tensor<T>, f: impl Fn(T, T) -> T + Sync) -> Tensor<T> {
    if let (Some(g_item), 1) = (g.as_one(), x.len()) {
        *g_item = f(*g_item, x.item());
        return g;
    }
    if g.as_unique_slice().is_none() {
        let mut y = Tensor::dirty(g.shape().clone());
        fill(
            &mut y,
            [&g, x],
            #[inline(always)]
            |[g, x]| f(g, x),
        );
        return y;
    }
    amend(
        &mut g,
        [x],
        #[inline(always)]
        |g, [x]| f(g, x),
    );
    g
}

/// `g ← f(g, x, y)` for every element of `g`, whose shape `x` and `y` broadcast to; in place where nobody else holds `g`.
#[inline]
pub(crate) fn update2<T: Float>(
    mut g: Tensor<T>,
    [x, y]: [&Tensor<T>; 2],
    f: impl Fn(T, T, T) -> T + Sync,
) -> Tensor<T> {
    if let (Some(g_item), 1, 1) = (g.as_one(), x.len(), y.len()) {
        *g_item = f(*g_item, x.item(), y.item());
        return g;
    }
    if g.as_unique_slice().is_none() {
        let mut out = Tensor::dirty(g.shape().clone());
        fill(
            &mut out,
            [&g, x, y],
            #[inline(always)]
            |[g, x, y]| f(g, x, y),
        );
        return out;
    }
    amend(
        &mut g,
        [x, y],
        #[inline(always)]
        |g, [x, y]| f(g, x, y),
    );
    g
}

/// `g ← f(g)` for every element; in place where nobody else holds `g`.
#[inline]
pub(crate) fn update0<T: Float>(mut g: Tensor<T>, f: impl Fn(T) -> T + Sync) -> Tensor<T> {
    if let Some(item) = g.as_one() {
        *item = f(*item);
        return g;
    }
    if g.as_unique_slice().is_some() {
        amend(
            &mut g,
            [],
            #[inline(always)]
            |g, []| f(g),
        );
        return g;
    }
    map(&g, f)
}

/// `acc ← acc + x`, where `x` broadcasts to the shape of `acc`; in place where nobody else holds `acc`.
#[inline]
pub(crate) fn add_to<T: Float>(acc: &mut Tensor<T>, x: &Tensor<T>) {
    if let (Some(a), 1) = (acc.as_one(), x.len()) {
        *a = *a + x.item();
        return;
    }
    let taken = std::mem::replace(acc, Tensor::vacant());
    *acc = update(taken, x, |a, x| a + x);
}

/// The same elements in row-major order, in storage of their own.
pub(crate) fn dense<T: Float>(x: &Tensor<T>) -> Tensor<T> {
    let mut y = Tensor::dirty(x.shape().clone());
    let walk = Walk::new(x.shape(), [x.strided()]);
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    pieces(out, &|start, out| {
        walk.runs(start..start + out.len(), |run| {
            let out = &mut out[run.position - start..][..run.len];
            match unit(x, run.at[0], run.strides[0], run.len) {
                Some(x) => out.copy_from_slice(x),
                None => out.iter_mut().enumerate().for_each(|(k, y)| *y = x.data()[run.place(0, k)]),
            }
        });
    });
    y
}

/// Overwrites every element of the dense, unshared `y` by `f` of the elements of `xs`, which broadcast to its shape.
#[inline]
fn fill<T: Float, const N: usize>(y: &mut Tensor<T>, xs: [&Tensor<T>; N], f: impl Fn([T; N]) -> T + Sync) {
    amend(
        y,
        xs,
        #[inline(always)]
        |_, xs| f(xs),
    );
}

/// Replaces every element of the dense, unshared `y` by `f` of it and the elements of `xs`, which broadcast to its shape.
#[inline]
fn amend<T: Float, const N: usize>(y: &mut Tensor<T>, xs: [&Tensor<T>; N], f: impl Fn(T, [T; N]) -> T + Sync) {
    let shape = y.shape().clone();
    let out = y.as_unique_slice().expect("the destination is dense and unshared");
    let data = elements(xs);
    if let Some(offsets) = dense_offsets(&shape, xs) {
        return pieces(out, &|start, out| {
            let mut run = Run { position: start, at: offsets, strides: [1; N], len: out.len() };
            run.at.iter_mut().for_each(|at| *at += start);
            along(out, data, &run, &f);
        });
    }
    let walk = broadcast_walk(&shape, xs);
    pieces(out, &|start, out| {
        walk.runs(start..start + out.len(), |run| {
            let from = run.position - start;
            along(&mut out[from..from + run.len], data, &run, &f);
        });
    });
}

// These do not depend on the function, and so are compiled once, not for each: the compiler takes long over arrays made by closures.

#[inline]
fn elements<T, const N: usize>(xs: [&Tensor<T>; N]) -> [&[T]; N] {
    xs.map(Tensor::data)
}

/// Where the elements of `xs` begin, if all of them lie densely in `shape`.
#[inline]
fn dense_offsets<T, const N: usize>(shape: &Shape, xs: [&Tensor<T>; N]) -> Option<[usize; N]> {
    let dense = xs.iter().all(|x| x.shape() == shape && x.layout().is_dense());
    dense.then(|| xs.map(|x| x.layout().offset()))
}

/// The elements at place `i` of a run.
#[inline]
fn at<T: Copy, const N: usize>(data: [&[T]; N], run: &Run<N>, i: usize) -> [T; N] {
    array::from_fn(|k| data[k][run.place(k, i)])
}

/// The operands along a run in which all of them lie without gaps.
#[inline]
fn slices<'a, T, const N: usize>(data: [&'a [T]; N], run: &Run<N>) -> [&'a [T]; N] {
    array::from_fn(|k| &data[k][run.at[k]..][..run.len])
}

/// A walk over views of `xs` that are broadcast to `shape`.
pub(crate) fn broadcast_walk<T, const N: usize>(shape: &Shape, xs: [&Tensor<T>; N]) -> Walk<N> {
    let layouts = xs.map(|x| x.layout().broadcast_to(shape).expect("operands broadcast to the shape of the result"));
    Walk::new(shape, array::from_fn(|i| (layouts[i].strides(), layouts[i].offset())))
}

/// How many elements at a time are read into a buffer from an operand that does not lie without gaps.
const BLOCK: usize = 256;

/// Shorter runs are not worth a buffer.
const SHORT: usize = 16;

/// `out ← f(out, data)` along a run.
#[inline]
fn along<T: Float, const N: usize>(out: &mut [T], data: [&[T]; N], run: &Run<N>, f: &impl Fn(T, [T; N]) -> T) {
    if run.len < SHORT {
        for (i, y) in out.iter_mut().enumerate() {
            *y = f(*y, at(data, run, i));
        }
        return;
    }
    if run.strides == [1; N] {
        return wide(out, slices(data, run), f);
    }
    blocks(out, data, run, f);
}

/// [`along`] a long run, in blocks of which every operand is a slice: its own elements, one repeated, or a copy.
fn blocks<T: Float, const N: usize>(out: &mut [T], data: [&[T]; N], run: &Run<N>, f: &impl Fn(T, [T; N]) -> T) {
    let mut copies = repeated(data, run);
    for start in (0..run.len).step_by(BLOCK) {
        let len = BLOCK.min(run.len - start);
        let xs = block(data, run, start..start + len, &mut copies);
        wide(&mut out[start..start + len], xs, f);
    }
}

/// A block's copy of each operand, filled where one element is repeated.
fn repeated<T: Float, const N: usize>(data: [&[T]; N], run: &Run<N>) -> [[T; BLOCK]; N] {
    let mut copies = [[T::zero(); BLOCK]; N];
    for k in 0..N {
        if run.strides[k] == 0 {
            copies[k] = [data[k][run.at[k]]; BLOCK];
        }
    }
    copies
}

/// Each operand at the places `block` of a run, copied where they do not lie without gaps.
fn block<'a, T: Float, const N: usize>(
    data: [&'a [T]; N],
    run: &Run<N>,
    block: Range<usize>,
    copies: &'a mut [[T; BLOCK]; N],
) -> [&'a [T]; N] {
    for k in 0..N {
        if !matches!(run.strides[k], 0 | 1) {
            let copy = copies[k].iter_mut().zip(block.clone());
            copy.for_each(|(x, i)| *x = data[k][run.place(k, i)]);
        }
    }
    let (copies, len) = (&*copies, block.len());
    array::from_fn(|k| if run.strides[k] == 1 { &data[k][run.at[k] + block.start..][..len] } else { &copies[k][..len] })
}

/// `out ← f(out, xs)`. Not inlined, so that the loop is there once, and of its arguments it is known that they do not overlap.
#[inline(never)]
fn wide<T: Float, const N: usize>(out: &mut [T], xs: [&[T]; N], f: &impl Fn(T, [T; N]) -> T) {
    widest::<T, _>(
        #[inline(always)]
        || contiguous(out, xs, f),
    );
}

#[inline(always)]
fn contiguous<T: Float, const N: usize>(out: &mut [T], xs: [&[T]; N], f: &impl Fn(T, [T; N]) -> T) {
    let n = out.len();
    let mut slices: [&[T]; N] = [&[]; N];
    for k in 0..N {
        slices[k] = &xs[k][..n]; // lets the compiler drop the bounds checks below
    }
    for i in 0..n {
        let mut at_i = [out[i]; N];
        for k in 0..N {
            at_i[k] = slices[k][i];
        }
        out[i] = f(out[i], at_i);
    }
}

/// `y = f(x)` for every element, into a tensor of another type.
pub(crate) fn map_to<T: Copy, U>(x: &Tensor<T>, f: impl Fn(T) -> U) -> Tensor<U> {
    let mut y = Vec::with_capacity(x.len());
    Walk::new(x.shape(), [x.strided()]).runs(0..x.len(), |run| match unit(x, run.at[0], run.strides[0], run.len) {
        Some(x) => y.extend(x.iter().map(|&x| f(x))),
        None => y.extend((0..run.len).map(|k| f(x.data()[run.place(0, k)]))),
    });
    Tensor::from_elements(y, x.shape().clone())
}

/// `y = f(a, b)` for every pair of elements, broadcast, into a tensor of another type.
///
/// # Panics
/// If the shapes do not broadcast, at the caller, naming `op`.
#[track_caller]
pub(crate) fn zip_to<T: Copy, U>(op: &str, a: &Tensor<T>, b: &Tensor<T>, f: impl Fn(T, T) -> U) -> Tensor<U> {
    let shape = broadcast(op, a.shape(), b.shape());
    let n = shape.elements();
    let mut y = Vec::with_capacity(n);
    broadcast_walk(&shape, [a, b]).runs(0..n, |run| {
        let slice = |i: usize, x| unit(x, run.at[i], run.strides[i], run.len);
        match (slice(0, a), slice(1, b), run.strides) {
            (Some(a), Some(b), _) => y.extend(a.iter().zip(b).map(|(&a, &b)| f(a, b))),
            (Some(a), None, [_, 0]) => {
                let b = b.data()[run.at[1]];
                y.extend(a.iter().map(|&a| f(a, b)));
            }
            (None, Some(b), [0, _]) => {
                let a = a.data()[run.at[0]];
                y.extend(b.iter().map(|&b| f(a, b)));
            }
            _ => y.extend((0..run.len).map(|k| f(a.data()[run.place(0, k)], b.data()[run.place(1, k)]))),
        }
    });
    Tensor::from_elements(y, shape)
}

/// The elements of a run as a slice, if they lie without gaps.
#[inline]
fn unit<T>(x: &Tensor<T>, at: usize, stride: isize, len: usize) -> Option<&[T]> {
    (stride == 1).then(|| &x.data()[at..][..len])
}

impl<T: Float> Tensor<T> {
    /// `f` of every element.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1.0, -2.0].map(|x| x * x).to_vec(), [1.0, 4.0]);
    /// ```
    pub fn map(&self, f: impl Fn(T) -> T + Sync) -> Tensor<T> {
        map(self, f)
    }

    /// `f` of every pair of elements of `self` and `other`, broadcast.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn zip(&self, other: &Tensor<T>, f: impl Fn(T, T) -> T + Sync) -> Tensor<T> {
        zip("zip", self, other, f)
    }

    /// Every element converted to another scalar type, through `f64`.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tensor, tensor};
    /// let x: Tensor<f32> = tensor![0.5_f64, 1.5].cast();
    /// assert_eq!(x.to_vec(), [0.5_f32, 1.5]);
    /// ```
    pub fn cast<U: Float>(&self) -> Tensor<U> {
        map_to(self, |x| U::of(x.to_f64().unwrap_or(f64::NAN)))
    }
}
