//! Triangles of matrices: each is linear, and its own adjoint.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::tensor::Tensor;

/// The upper (`UPPER`) or lower triangle of every matrix. What is outside is written as 0, never multiplied by it.
#[derive(Debug)]
struct Triangle<const UPPER: bool>(isize);

impl<const UPPER: bool> Triangle<UPPER> {
    #[track_caller]
    fn of<T: Float>(&self, x: &Tensor<T>) -> Tensor<T> {
        if UPPER { x.triu(self.0) } else { x.tril(self.0) }
    }
}

impl<T: Float, const UPPER: bool> Op<T> for Triangle<UPPER> {
    fn name(&self) -> &'static str {
        if UPPER { "triu" } else { "tril" }
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        self.of(xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(Triangle::<UPPER>(self.0), &[g]));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let g = p.take_g();
        p.accum(0, || self.of(&g));
        true
    }
}

impl<T: Float> Var<'_, T> {
    /// Lower triangle of every matrix: 0 where the column is more than `offset` behind the row.
    ///
    /// Shapes: `[…, m, n]` → the same.
    ///
    /// # Gradient
    /// The lower triangle of `ȳ`.
    ///
    /// # Panics
    /// If the rank is below 2.
    #[track_caller]
    pub fn tril(self, offset: isize) -> Self {
        Var::apply(Triangle::<false>(offset), &[self])
    }

    /// Upper triangle of every matrix: 0 where the column is less than `offset` behind the row.
    ///
    /// Shapes: `[…, m, n]` → the same.
    ///
    /// # Gradient
    /// The upper triangle of `ȳ`.
    ///
    /// # Panics
    /// If the rank is below 2.
    #[track_caller]
    pub fn triu(self, offset: isize) -> Self {
        Var::apply(Triangle::<true>(offset), &[self])
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("tril", |x| x.tril(0), [[3, 3]], [[2, 3, 2]], [[0, 3]], [[2, 0]]),
        specimen!("tril with offset", |x| x.tril(-1), [[3, 2]], [[2, 2, 3]]),
        specimen!("triu", |x| x.triu(1), [[3, 3]], [[2, 2, 3]], [[0, 3]], [[2, 0]]),
        specimen!("triu with offset", |x| x.triu(-1), [[3, 2]], [[1, 1]]),
    ]
}
