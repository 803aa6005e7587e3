//! Losses that are functions of one element of the output and one of the target.

use std::fmt::Debug;

use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::map::{update2, zip};
use crate::ops::scalar::{Lane, Scalar, pull, pull_one};
use crate::tensor::Tensor;

/// A function of an output and a target and its derivatives, each written once, as those of [`Unary`](crate::ops::Unary) functions are.
pub(super) trait Pair: Copy + Debug + Send + Sync + 'static {
    /// Its name.
    const NAME: &'static str;

    /// `y = f(x, t)`.
    fn f<F: Float>(self, x: F, t: F) -> F;

    /// `∂f/∂x`.
    fn dx<S: Scalar>(self, x: S, t: S) -> S;

    /// `∂f/∂t`.
    fn dt<S: Scalar>(self, x: S, t: S) -> S;
}

/// `y = f(x, t)` for every element of an output and a target of one shape.
#[derive(Debug)]
struct Paired<P>(P);

impl<T: Float, P: Pair> Op<T> for Paired<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip(P::NAME, xs[0], xs[1], |x, t| self.0.f(x, t))
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x, t], g) = (p.inputs(), p.g);
        p.accum(0, || pull(g, self.0.dx(x, t)));
        p.accum(1, || pull(g, self.0.dt(x, t)));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (g, x, t) = (p.take_g(), p.xs[0], p.xs[1]);
        // The last to use g may have its buffer.
        p.accum(1, || update2(g.clone(), [x, t], |g, x, t| pull_one(g, self.0.dt(Lane(x), Lane(t)).0)));
        p.accum(0, || update2(g, [x, t], |g, x, t| pull_one(g, self.0.dx(Lane(x), Lane(t)).0)));
        true
    }
}

/// The losses of `x` against `target`, one for each element.
///
/// # Panics
/// If they differ in shape.
#[track_caller]
pub(super) fn paired<'t, T: Float, P: Pair>(pair: P, x: Var<'t, T>, target: Var<'t, T>) -> Var<'t, T> {
    super::check_shapes(P::NAME, x, target);
    Var::apply(Paired(pair), &[x, target])
}
