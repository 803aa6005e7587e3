//! The three linear ops that reverse mode itself is made of: contributions add up where a value fanned out, and are summed over
//! the axes along which it was broadcast. Each is the adjoint of copying, and copying is its adjoint.

use super::{Op, Pullback, RawPullback, Var};
use crate::float::Float;
use crate::kernel::map::zip;
use crate::kernel::reduce::sum_to;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `y = a + b`, broadcast.
#[derive(Debug)]
pub(crate) struct Add;

impl<T: Float> Op<T> for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    #[inline]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("add", xs[0], xs[1], |a, b| a + b)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || g);
        p.accum(1, || g);
    }

    #[inline]
    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        if p.needs(1) {
            let shared = p.g().clone();
            p.accum(1, || shared);
        }
        p.pass(0, |_| {});
        true
    }
}

/// `x` summed over the axes along which it would be broadcast from `shape`. Adjoint: [`BroadcastTo`].
#[derive(Debug)]
pub(crate) struct SumTo(pub(crate) Shape);

impl<T: Float> Op<T> for SumTo {
    fn name(&self) -> &'static str {
        "sum_to"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        sum_to(xs[0], &self.0)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        p.accum(0, || g.broadcast_to(x.shape()));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (g, shape) = (p.take_g(), p.xs[0].shape());
        p.accum(0, || g.broadcast_to(shape));
        true
    }
}

/// `x` repeated up to `shape`. Adjoint: [`SumTo`].
#[derive(Debug)]
pub(crate) struct BroadcastTo(pub(crate) Shape);

impl<T: Float> Op<T> for BroadcastTo {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].broadcast_to(&self.0)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || g); // accum sums over what was broadcast
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        p.pass(0, |_| {}); // which sums over what was broadcast
        true
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// The sum over the axes along which `shape` broadcasts to that of `self`: the adjoint of [`Var::broadcast_to`].
    ///
    /// Shapes: one to which `shape` broadcasts → `shape`.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, repeated.
    ///
    /// # Panics
    /// If `shape` does not broadcast to that of `self`.
    #[track_caller]
    pub fn sum_to(self, shape: &Shape) -> Self {
        let own = self.shape();
        if own == *shape {
            return self;
        }
        assert!(shape.broadcast(&own).as_ref() == Some(&own), "sum_to: {shape:?} does not broadcast to {own:?}");
        Var::apply(SumTo(shape.clone()), &[self])
    }

    /// Repeated along new leading axes and axes of size 1, so that the shape is `shape`.
    ///
    /// Shapes: one that broadcasts to `shape` → `shape`.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, summed over the axes that were repeated.
    ///
    /// # Panics
    /// If it does not broadcast to `shape`.
    #[track_caller]
    pub fn broadcast_to(self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        if self.shape() == shape { self } else { Var::apply(BroadcastTo(shape), &[self]) }
    }
}
