//! Picking by index and adding by index, each the adjoint of the other. Indices are fields: nothing is differentiated by them.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::gather::last_scattered;
use crate::shape::axis_of;
use crate::tensor::Tensor;

/// Slices along an axis at indices. Adjoint: [`IndexAdd`].
#[derive(Debug)]
struct IndexSelect {
    axis: usize,
    index: Tensor<usize>,
}

impl<T: Float> Op<T> for IndexSelect {
    fn name(&self) -> &'static str {
        "index_select"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].index_select(self.axis as isize, &self.index)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        let (axis, index) = (self.axis, self.index.clone());
        p.accum(0, || Var::apply(IndexAdd { axis, index, size: x.shape()[axis] }, &[g]));
    }
}

/// Slices along an axis, added up at indices on zeros. Adjoint: [`IndexSelect`].
#[derive(Debug)]
struct IndexAdd {
    axis: usize,
    index: Tensor<usize>,
    size: usize,
}

impl<T: Float> Op<T> for IndexAdd {
    fn name(&self) -> &'static str {
        "index_add"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        Tensor::index_add(xs[0], self.axis as isize, &self.index, self.size)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || g.index_select(self.axis as isize, &self.index));
    }
}

/// Elements picked along an axis. Adjoint: [`ScatterAdd`] on zeros.
#[derive(Debug)]
struct Gather {
    axis: usize,
    index: Tensor<usize>,
}

impl<T: Float> Op<T> for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].gather(self.axis as isize, &self.index)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        p.accum(0, || {
            let zeros = g.tape().constant(Tensor::zeros(x.shape()));
            zeros.scatter_add(self.axis as isize, &self.index, g)
        });
    }
}

/// A tensor with another added to it where indices point. Adjoint for the other: [`Gather`].
#[derive(Debug)]
struct ScatterAdd {
    axis: usize,
    index: Tensor<usize>,
}

impl<T: Float> Op<T> for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].scatter_add(self.axis as isize, &self.index, xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || g);
        p.accum(1, || g.gather(self.axis as isize, &self.index));
    }
}

/// A tensor with another written over it where indices point.
#[derive(Debug)]
struct Scatter {
    axis: usize,
    index: Tensor<usize>,
}

impl<T: Float> Op<T> for Scatter {
    fn name(&self) -> &'static str {
        "scatter"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].scatter(self.axis as isize, &self.index, xs[1])
    }

    // What was overwritten, of either, has no part in the result.
    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x, _], g, axis) = (p.inputs(), p.g, self.axis as isize);
        let tape = g.tape();
        p.accum(0, || g.scatter(axis, &self.index, tape.constant(Tensor::zeros(self.index.shape()))));
        p.accum(1, || {
            let remains = last_scattered(&self.index, self.axis, &x.shape());
            Var::where_cond(&remains, g.gather(axis, &self.index), tape.scalar(T::zero()))
        });
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// The slices of `self` along `axis` at each of `index`, `yᵢ = x[indexᵢ]`.
    ///
    /// Shapes: `[…, n, …]` and `index` `[k]` → `[…, k, …]`.
    ///
    /// # Gradient
    /// `x̄[indexᵢ] += ȳᵢ`: an index that occurs several times adds several times.
    ///
    /// # Panics
    /// If `index` is not of rank 1, an index is not below `n`, or `axis` is out of range.
    #[track_caller]
    pub fn index_select(self, axis: isize, index: &Tensor<usize>) -> Self {
        let axis = axis_of("index_select", axis, self.ndim());
        Var::apply(IndexSelect { axis, index: index.clone() }, &[self])
    }

    /// Elements picked along `axis`: `y[…, i, …] = x[…, index[…, i, …], …]`.
    ///
    /// Shapes: `index` has the rank of `self`, and its size on every axis but `axis`; the result has the shape of `index`.
    ///
    /// # Gradient
    /// `x̄[…, index[…, i, …], …] += ȳ[…, i, …]`.
    ///
    /// # Panics
    /// If the shapes do not fit, an index is outside, or `axis` is out of range.
    #[track_caller]
    pub fn gather(self, axis: isize, index: &Tensor<usize>) -> Self {
        let axis = axis_of("gather", axis, self.ndim());
        Var::apply(Gather { axis, index: index.clone() }, &[self])
    }

    /// `self` with `source` added where `index` points along `axis`: `y[…, index[…, i, …], …] += source[…, i, …]`.
    ///
    /// Shapes: `source` and `index` are of one shape, which differs from that of `self` on `axis` only.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, and that of `source` is `ȳ` gathered by `index`.
    ///
    /// # Panics
    /// If the shapes do not fit, an index is outside, or `axis` is out of range.
    #[track_caller]
    pub fn scatter_add(self, axis: isize, index: &Tensor<usize>, source: Var<'t, T>) -> Self {
        let axis = axis_of("scatter_add", axis, self.ndim());
        Var::apply(ScatterAdd { axis, index: index.clone() }, &[self, source])
    }

    /// `self` with `source` written where `index` points along `axis`: `y[…, index[…, i, …], …] = source[…, i, …]`.
    ///
    /// Where an index occurs several times the last one in row-major order is what remains.
    ///
    /// Shapes: `source` and `index` are of one shape, which differs from that of `self` on `axis` only.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, and 0 where `index` points; that of `source` is `ȳ` gathered by `index`, and 0 where a later one was written over it.
    ///
    /// # Panics
    /// If the shapes do not fit, an index is outside, or `axis` is out of range.
    #[track_caller]
    pub fn scatter(self, axis: isize, index: &Tensor<usize>, source: Var<'t, T>) -> Self {
        let axis = axis_of("scatter", axis, self.ndim());
        Var::apply(Scatter { axis, index: index.clone() }, &[self, source])
    }
}

/// Indices below `n` of a shape, some of which occur several times.
fn some_indices(shape: &[usize], n: usize) -> Tensor<usize> {
    Tensor::from_fn(shape, |i| i.iter().enumerate().map(|(axis, &k)| (2 * axis + 1) * k + axis).sum::<usize>() % n.max(1))
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("index_select", |x| x.index_select(1, &some_indices(&[5], 3)), [[2, 3]], [[2, 3, 2]], [[0, 3]]),
        specimen!("gather", |x| x.gather(-1, &some_indices(&[2, 5], 3)), [[2, 3]], [[2, 4]]),
        specimen!(
            "gather of none",
            |x| x.gather(0, &Tensor::from_fn([0, 3], |_| 0)).sum(..) + x.sum(..),
            [[2, 3]],
            [[0, 3]]
        ),
        specimen!(
            "scatter_add",
            |x, source| x.scatter_add(0, &some_indices(&source.shape(), 3), source),
            [[3, 2], [4, 2]],
            [[3], [5]],
            [[3, 0], [4, 0]]
        ),
        specimen!(
            "scatter",
            |x, source| x.scatter(0, &some_indices(&source.shape(), 4), source),
            [[4, 2], [5, 2]],
            [[4], [3]],
            [[4, 0], [4, 0]]
        ),
        specimen!("scatter along the last axis", |x, source| x.scatter(-1, &some_indices(&source.shape(), 3), source), [
            [2, 3],
            [2, 4]
        ]),
        specimen!(
            "index_add",
            |x| Var::apply(IndexAdd { axis: 0, index: some_indices(&[4], 3), size: 3 }, &[x]),
            [[4]],
            [[4, 2]],
            [[4, 0]]
        ),
    ]
}
