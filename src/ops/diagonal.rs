//! Diagonals of matrices, taken and made, each the adjoint of the other; and the trace.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::shape::Shape;
use crate::tensor::{Tensor, matrix_axes};

/// The diagonal of the matrices that two axes make. Adjoint: [`Undiagonal`].
#[derive(Clone, Copy, Debug)]
struct Diagonal {
    offset: isize,
    axes: [usize; 2],
}

impl Diagonal {
    #[track_caller]
    fn of<T: Clone>(self, x: &Tensor<T>) -> Tensor<T> {
        x.diagonal(self.offset, self.axes[0] as isize, self.axes[1] as isize)
    }
}

impl<T: Float> Op<T> for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        self.of(xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        p.accum(0, || Var::apply(Undiagonal(*self, x.shape()), &[g]));
    }
}

/// Zeros of a shape, with x as that diagonal. Adjoint: [`Diagonal`].
#[derive(Debug)]
struct Undiagonal(Diagonal, Shape);

impl<T: Float> Op<T> for Undiagonal {
    fn name(&self) -> &'static str {
        "undiagonal"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].onto_zeros(&self.1, |zeros| self.0.of(zeros))
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(self.0, &[g]));
    }
}

/// The shape of the square matrix that has a vector of this shape as its diagonal.
#[track_caller]
fn matrix_of(vector: &Shape, offset: isize) -> Shape {
    let size = vector[0].saturating_add(offset.unsigned_abs());
    let shape = Shape::from([size, size]);
    shape.elements(); // refuses what overflows
    shape
}

#[cold]
#[track_caller]
fn wrong_rank(op: &str, shape: &Shape) -> ! {
    panic!("{op}: {shape:?} is of rank {}", shape.ndim())
}

impl<'t, T: Float> Var<'t, T> {
    /// The diagonal of every matrix that axes `a` and `b` make: `y[…, i] = x[…, i, …, i + offset, …]`, or with `i − offset` on axis `a`
    /// where `offset` is negative. Beyond the matrix it has no element.
    ///
    /// Shapes: any → without `a` and `b`, and with the diagonal as a new last axis.
    ///
    /// # Gradient
    /// `x̄ = ȳ` on the diagonal, and 0 elsewhere.
    ///
    /// # Panics
    /// If an axis is out of range, or the two are one.
    #[track_caller]
    pub fn diagonal(self, offset: isize, a: isize, b: isize) -> Self {
        Var::apply(Diagonal { offset, axes: matrix_axes("diagonal", a, b, self.ndim()) }, &[self])
    }

    /// The diagonal of a matrix, or the matrix that has a vector as its diagonal and else zeros.
    ///
    /// Shapes: `[m, n]` → `[k]`, the number of elements there are; `[n]` → `[n + |offset|, n + |offset|]`.
    ///
    /// # Gradient
    /// Of a matrix, `x̄ = ȳ` on the diagonal, and 0 elsewhere; of a vector, the diagonal of `ȳ`.
    ///
    /// # Panics
    /// If the rank is neither 1 nor 2, or the shape overflows.
    #[track_caller]
    pub fn diag(self, offset: isize) -> Self {
        let (diagonal, shape) = (Diagonal { offset, axes: [0, 1] }, self.shape());
        match shape.ndim() {
            1 => Var::apply(Undiagonal(diagonal, matrix_of(&shape, offset)), &[self]),
            2 => Var::apply(diagonal, &[self]),
            _ => wrong_rank("diag", &shape),
        }
    }

    /// Trace of a matrix, `y = Σ xᵢᵢ`. That of every matrix of a batch is the sum of its [`Var::diagonal`].
    ///
    /// Shapes: `[m, n]` → `[]`.
    ///
    /// # Gradient
    /// `x̄ = ȳ` on the diagonal, and 0 elsewhere.
    ///
    /// # Panics
    /// If the rank is not 2.
    #[track_caller]
    pub fn trace(self) -> Self {
        if self.ndim() != 2 {
            wrong_rank("trace", &self.shape());
        }
        self.diagonal(0, 0, 1).sum(..)
    }
}

impl<T: Float> Tensor<T> {
    /// The diagonal of a matrix, or the matrix that has a vector as its diagonal and else zeros.
    ///
    /// Shapes: `[m, n]` → `[k]`, the number of elements there are; `[n]` → `[n + |offset|, n + |offset|]`.
    ///
    /// # Panics
    /// If the rank is neither 1 nor 2, or the shape overflows.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![1.0, 2.0].diag(0);
    /// assert_eq!(x.to_vec(), [1.0, 0.0, 0.0, 2.0]);
    /// assert_eq!(x.diag(0).to_vec(), [1.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn diag(&self, offset: isize) -> Tensor<T> {
        let diagonal = Diagonal { offset, axes: [0, 1] };
        match self.ndim() {
            1 => self.onto_zeros(&matrix_of(self.shape(), offset), |zeros| diagonal.of(zeros)),
            2 => diagonal.of(self),
            _ => wrong_rank("diag", self.shape()),
        }
    }

    /// Trace of a matrix, `y = Σ xᵢᵢ`.
    ///
    /// Shapes: `[m, n]` → `[]`.
    ///
    /// # Panics
    /// If the rank is not 2.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![[1.0, 2.0], [3.0, 4.0]].trace().item(), 5.0);
    /// ```
    #[track_caller]
    pub fn trace(&self) -> Tensor<T> {
        if self.ndim() != 2 {
            wrong_rank("trace", self.shape());
        }
        self.diagonal(0, 0, 1).sum(..)
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("diagonal", |x| x.diagonal(0, 0, 1), [[2, 3]], [[3, 2, 2]], [[1, 1]], [[0, 3]]),
        specimen!("diagonal of other axes", |x| x.diagonal(-1, -1, 0), [[2, 3]], [[3, 2, 4]], [[2, 0]]),
        specimen!("diag of a matrix", |x| x.diag(1), [[2, 3]], [[3, 2]], [[0, 0]]),
        specimen!("diag of a vector", |x| x.diag(-1), [[3]], [[1]]),
        specimen!("diag of none", |x| x.diag(2).sum(..) + x.sum(..), [[2]], [[0]]),
        specimen!("trace", |x| x.trace(), [[2, 3]], [[3, 2]], [[0, 2]]),
        specimen!(
            "undiagonal",
            |x| Var::apply(Undiagonal(Diagonal { offset: 1, axes: [2, 0] }, [3, 2, 2].into()), &[x]),
            [[2, 2]]
        ),
        specimen!(
            "undiagonal of a wide matrix",
            |x| Var::apply(Undiagonal(Diagonal { offset: 0, axes: [0, 1] }, [x.shape()[0], 3].into()), &[x]),
            [[2]],
            [[0]]
        ),
    ]
}
