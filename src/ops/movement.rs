//! Ops that move elements without computing: each is linear, and its rule is the move back.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::map::dense;
use crate::shape::{Axes, AxisSet, Inline, Shape, axis_of, axis_up_to};
use crate::tensor::{AxisSlice, NewShape, SliceItem, Tensor, permutation, resolve};

/// The elements under another shape. Adjoint: the same, back.
#[derive(Debug)]
struct Reshape(Shape);

impl<T: Float> Op<T> for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        reshaped(xs[0], &self.0)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        p.accum(0, || g.reshape(&x.shape()));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (g, shape) = (p.take_g(), p.xs[0].shape());
        p.accum(0, || reshaped(&g, shape));
        true
    }
}

/// `x` under another shape: a view, or a copy in a recycled block.
fn reshaped<T: Float>(x: &Tensor<T>, shape: &Shape) -> Tensor<T> {
    let view = x.layout().reshape(shape).map(|layout| x.with_layout(layout));
    view.unwrap_or_else(|| dense(x).reshape_to(shape))
}

/// The axes in another order. Adjoint: the same, back.
#[derive(Debug)]
struct Permute(Inline<isize>);

impl Permute {
    fn inverse(&self) -> Inline<isize> {
        let mut back = Inline::filled(0, self.0.len());
        self.0.iter().enumerate().for_each(|(to, &from)| back[from as usize] = to as isize);
        back
    }
}

impl<T: Float> Op<T> for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].permute(&self.0)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || g.permute(&self.inverse()));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let g = p.take_g();
        p.accum(0, || g.permute(&self.inverse()));
        true
    }
}

/// A part of every axis. Adjoint: [`Unslice`].
#[derive(Debug)]
struct Slice(Inline<AxisSlice>);

impl<T: Float> Op<T> for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].slice_axes(&self.0)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        p.accum(0, || Var::apply(Unslice(self.0.clone(), x.shape()), &[g]));
    }

    // Adds to the part alone: so a value that is cut into n slices has its gradient written once, not n times.
    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let g = p.take_g();
        let x = p.xs[0];
        p.accum_within(0, |_| g.unslice_as(&self.0, x), |gradient| gradient.add_at(&self.0, &g));
        true
    }
}

/// Zeros of a shape, with x at a part of every axis. Adjoint: [`Slice`].
#[derive(Debug)]
struct Unslice(Inline<AxisSlice>, Shape);

impl<T: Float> Op<T> for Unslice {
    fn name(&self) -> &'static str {
        "unslice"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].unslice(&self.0, &self.1)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(Slice(self.0.clone()), &[g]));
    }
}

/// The order of elements reversed along axes. Adjoint: the same.
#[derive(Debug)]
struct Flip(AxisSet);

impl<T: Float> Op<T> for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].flip(&self.0.list()[..])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(Flip(self.0.clone()), &[g]));
    }
}

/// Tensors one behind the other along an axis. Adjoint: a slice of it for each.
#[derive(Debug)]
struct Concat(usize);

impl<T: Float> Op<T> for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        let parts: Vec<Tensor<T>> = xs.iter().map(|&x| x.clone()).collect();
        Tensor::concat(&parts, self.0 as isize)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        let mut start = 0;
        for i in 0..p.arity() {
            let len = p.input(i).shape()[self.0];
            p.accum(i, || g.narrow(self.0 as isize, start, len));
            start += len;
        }
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// The same elements in the same order under another shape; one size may be −1 and is found.
    ///
    /// Shapes: any → `shape`, of as many elements.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, in the old shape.
    ///
    /// # Panics
    /// If the numbers of elements differ.
    #[track_caller]
    pub fn reshape(self, shape: impl Into<NewShape>) -> Self {
        let own = self.shape();
        let shape = shape.into().resolve(&own);
        if shape == own { self } else { Var::apply(Reshape(shape), &[self]) }
    }

    /// All elements along one axis.
    ///
    /// Shapes: any → `[n]`.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, in the old shape.
    #[track_caller]
    pub fn flatten(self) -> Self {
        self.reshape([-1])
    }

    /// The axes in the order of `axes`.
    ///
    /// Shapes: any → its sizes in the order of `axes`.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, permuted back.
    ///
    /// # Panics
    /// If `axes` does not name every axis once.
    #[track_caller]
    pub fn permute(self, axes: &[isize]) -> Self {
        let order = permutation(axes, self.ndim()).iter().map(|&a| a as isize).collect();
        Var::apply(Permute(order), &[self])
    }

    /// The matrix, or every matrix of the batch, transposed: the last two axes exchanged. Below rank 2 nothing changes.
    ///
    /// Shapes: `[…, m, n]` → `[…, n, m]`.
    ///
    /// # Gradient
    /// `x̄ = ȳᵀ`.
    #[track_caller]
    pub fn t(self) -> Self {
        if self.ndim() < 2 { self } else { self.swapaxes(-2, -1) }
    }

    /// Axes `a` and `b` exchanged.
    ///
    /// Shapes: any → with two sizes exchanged.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, exchanged back.
    ///
    /// # Panics
    /// If one is out of range.
    #[track_caller]
    pub fn swapaxes(self, a: isize, b: isize) -> Self {
        let n = self.ndim();
        let (a, b) = (axis_of("swapaxes", a, n), axis_of("swapaxes", b, n));
        let mut order: Inline<isize> = (0..n as isize).collect();
        order.swap(a, b);
        Var::apply(Permute(order), &[self])
    }

    /// Without `axis`, whose size must be 1.
    ///
    /// Shapes: `[…, 1, …]` → `[…]`.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, in the old shape.
    ///
    /// # Panics
    /// If the size is another one, or `axis` is out of range.
    #[track_caller]
    pub fn squeeze(self, axis: isize) -> Self {
        let shape = self.shape();
        let at = axis_of("squeeze", axis, shape.ndim());
        assert!(shape[at] == 1, "squeeze: axis {axis} of {shape:?} has size {}, not 1", shape[at]);
        self.reshape(&shape.without(at))
    }

    /// With a new axis of size 1 at `axis`; −1 is behind the last.
    ///
    /// Shapes: `[…]` → `[…, 1, …]`.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, in the old shape.
    ///
    /// # Panics
    /// If `axis` is out of range.
    #[track_caller]
    pub fn unsqueeze(self, axis: isize) -> Self {
        let mut sizes = self.shape().to_vec();
        sizes.insert(axis_up_to("unsqueeze", axis, sizes.len()), 1);
        Var::apply(Reshape(sizes.into()), &[self])
    }

    /// The part that [`slice!`](crate::slice!) describes.
    ///
    /// Shapes: any → what the ranges leave; an index removes its axis, a new axis has size 1.
    ///
    /// # Gradient
    /// `x̄ = ȳ` there, and 0 elsewhere.
    ///
    /// # Panics
    /// If an index or the end of a range lies outside its axis, or more axes are named than there are.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, slice, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// let y = x.slice(slice![1, ..;2]).sum(..);
    /// assert_eq!(y.backward()[x].to_vec(), [0.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn slice(self, items: impl AsRef<[SliceItem]>) -> Self {
        let (parts, shape) = resolve(items.as_ref(), &self.shape());
        Var::apply(Slice(parts), &[self]).reshape(&shape)
    }

    /// Elements `start .. start + len` along `axis`.
    ///
    /// Shapes: `[…, n, …]` → `[…, len, …]`.
    ///
    /// # Gradient
    /// `x̄ = ȳ` there, and 0 elsewhere.
    ///
    /// # Panics
    /// If they are not all there.
    #[track_caller]
    pub fn narrow(self, axis: isize, start: usize, len: usize) -> Self {
        let shape = self.shape();
        let at = axis_of("narrow", axis, shape.ndim());
        let fits = start.checked_add(len).is_some_and(|end| end <= shape[at]);
        assert!(fits, "narrow: {len} elements from {start} on axis {axis} of {shape:?}");
        let part = |a: usize| if a == at { AxisSlice { start, step: 1, len } } else { whole(shape[a]) };
        Var::apply(Slice((0..shape.ndim()).map(part).collect()), &[self])
    }

    /// The order of elements along `axes` reversed.
    ///
    /// Shapes: any → the same.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, reversed.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn flip(self, axes: impl Into<Axes>) -> Self {
        Var::apply(Flip(axes.into().resolve("flip", self.ndim())), &[self])
    }

    /// `vars` one behind the other along `axis`.
    ///
    /// Shapes: alike but for `axis`, along which the sizes add up.
    ///
    /// # Gradient
    /// To each its part of `ȳ`.
    ///
    /// # Panics
    /// If there is none, sizes differ on another axis, or `axis` is out of range.
    #[track_caller]
    pub fn concat(vars: &[Var<'t, T>], axis: isize) -> Self {
        let first = vars.first().expect("concat: no tensor");
        Var::apply(Concat(axis_of("concat", axis, first.ndim())), vars)
    }

    /// `vars`, all of one shape, along a new axis.
    ///
    /// Shapes: `k` times `[…]` → `[…, k, …]`.
    ///
    /// # Gradient
    /// To each its part of `ȳ`.
    ///
    /// # Panics
    /// If there is none, the shapes differ, or `axis` is out of range.
    #[track_caller]
    pub fn stack(vars: &[Var<'t, T>], axis: isize) -> Self {
        let first = vars.first().expect("stack: no tensor").shape();
        for var in vars {
            assert!(var.shape() == first, "stack: shapes {first:?} and {:?} differ", var.shape());
        }
        let mut expanded = Vec::with_capacity(vars.len());
        for var in vars {
            expanded.push(var.unsqueeze(axis)); // not in a closure, which would not pass on the caller's line
        }
        Var::concat(&expanded, axis)
    }
}

fn whole(len: usize) -> AxisSlice {
    AxisSlice { start: 0, step: 1, len }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    use crate::{Ellipsis, NewAxis, slice};
    vec![
        specimen!("reshape", |x| x.reshape([3, -1]), [[2, 3]], [[6, 1, 2]], [[0, 3]]),
        specimen!("permute", |x| x.permute(&[2, 0, 1]), [[2, 3, 4]], [[2, 0, 1]]),
        specimen!("t", |x| x.t(), [[2, 3]], [[2, 2, 3]], [[4]], [[]], [[0, 2]]),
        specimen!("squeeze and unsqueeze", |x| x.squeeze(1).unsqueeze(-1), [[2, 1, 3]], [[0, 1]]),
        specimen!("slice", |x| x.slice(slice![1..;2, NewAxis, Ellipsis, -1]), [[4, 3]], [[5, 2, 3]], [[1, 2]]),
        specimen!("slice backwards", |x| x.slice(slice![..;-2, 0]), [[5, 2]], [[4, 1, 2]], [[0, 1]]),
        specimen!("narrow", |x| x.narrow(-1, 1, 2), [[2, 4]], [[3]], [[0, 3]]),
        specimen!("flip", |x| x.flip([0, -1]), [[2, 3]], [[2, 2, 3]], [[0, 2]]),
        specimen!("concat", |a, b, c| Var::concat(&[a, b, a, c], 1), [[2, 1], [2, 3], [2, 2]], [[0, 1], [0, 2], [0, 0]]),
        specimen!("stack", |a, b| Var::stack(&[a, b, a], -1), [[2, 3], [2, 3]], [[], []], [[0], [0]]),
    ]
}
