//! The running product, and the linear recurrence that its gradient is: no division, so that zeros are exact.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::lanes::recurrence;
use crate::shape::axis_of;
use crate::tensor::Tensor;

/// Running product along an axis.
#[derive(Debug)]
struct CumProd(usize);

impl<T: Float> Op<T> for CumProd {
    fn name(&self) -> &'static str {
        "cumprod"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].cumprod(self.0 as isize)
    }

    // x̄ᵢ = x₀…xᵢ₋₁ · sᵢ, where sᵢ = ȳᵢ + xᵢ₊₁ ȳᵢ₊₁ + xᵢ₊₁ xᵢ₊₂ ȳᵢ₊₂ + … = ȳᵢ + xᵢ₊₁ sᵢ₊₁.
    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], y, g, axis) = (p.inputs(), p.y, p.g, self.0);
        p.accum(0, || Var::apply(Recurrence { axis, reverse: true }, &[g, x]) * delayed(y, axis, T::one()));
    }
}

/// `yᵢ = bᵢ + cᵢ yᵢ₋₁` along an axis, or from the other end, `yᵢ = bᵢ + cᵢ₊₁ yᵢ₊₁`. The two directions are each other's adjoint in b.
#[derive(Debug)]
struct Recurrence {
    axis: usize,
    reverse: bool,
}

impl<T: Float> Op<T> for Recurrence {
    fn name(&self) -> &'static str {
        "recurrence"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        recurrence(xs[0], xs[1], self.axis, self.reverse)
    }

    // With z the adjoint of b: c̄ᵢ = zᵢ yᵢ₋₁, or from the other end c̄ᵢ = zᵢ₋₁ yᵢ; c₀ is not used.
    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([_, c], y, g, axis) = (p.inputs(), p.y, p.g, self.axis);
        let z = Var::apply(Recurrence { axis, reverse: !self.reverse }, &[g, c]);
        p.accum(0, || z);
        p.accum(1, || {
            let zero = T::zero();
            if self.reverse { delayed(z, axis, zero) * y } else { z * delayed(y, axis, zero) }
        });
    }
}

/// `first, x₀, x₁, …` along an axis, without the last element.
fn delayed<'t, T: Float>(x: Var<'t, T>, axis: usize, first: T) -> Var<'t, T> {
    let n = x.shape()[axis];
    if n == 0 {
        return x;
    }
    let mut widths = vec![(0, 0); x.ndim()];
    widths[axis].0 = 1;
    x.narrow(axis as isize, 0, n - 1).pad(&widths, first)
}

impl<T: Float> Var<'_, T> {
    /// Running product along `axis`, `yᵢ = x₀ · … · xᵢ`.
    ///
    /// Its gradient is computed in one pass without a division, so zeros are exact, to any order.
    ///
    /// Shapes: any → the same.
    ///
    /// # Gradient
    /// `x̄ᵢ = Σ ȳₖ · Π xⱼ` over k ≥ i and j ≤ k, j ≠ i.
    ///
    /// # Panics
    /// If `axis` is out of range.
    #[track_caller]
    pub fn cumprod(self, axis: isize) -> Self {
        Var::apply(CumProd(axis_of("cumprod", axis, self.ndim())), &[self])
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("cumprod", |x| x.cumprod(0), [[4]], [[3, 2]], [[1]], [[0, 2]], [[2, 0]]),
        specimen!("cumprod of the last axis", |x| x.cumprod(-1), [[2, 3]], [[2, 2, 2]]),
        specimen!(
            "recurrence",
            |b, c| Var::apply(Recurrence { axis: 0, reverse: false }, &[b, c]),
            [[4], [4]],
            [[3, 2], [3, 2]],
            [[0, 2], [0, 2]]
        ),
        specimen!(
            "recurrence from the end",
            |b, c| Var::apply(Recurrence { axis: 1, reverse: true }, &[b, c]),
            [[2, 3], [2, 3]],
            [[1, 1], [1, 1]]
        ),
    ]
}
