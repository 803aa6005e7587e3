//! `+ − × ÷` and negation, power, larger and smaller of two: node with node, and node with scalar.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::compare::CONSTANT;
use super::scalar::pull;
use super::select::IfPositive;
use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{self, Op, Pullback, RawPullback, Var};
use crate::kernel::change::{change, change0};
use crate::kernel::map::{map, zip};
use crate::tensor::Tensor;

/// `y = a − b`, broadcast.
#[derive(Debug)]
struct Subtract;

impl<T: Float> Op<T> for Subtract {
    fn name(&self) -> &'static str {
        "sub"
    }

    #[inline]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("sub", xs[0], xs[1], |a, b| a - b)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || g);
        p.accum(1, || -g);
    }

    #[inline]
    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        if p.needs(1) {
            let second = map(p.g(), |g| -g);
            p.accum(1, || second);
        }
        p.pass(0, |_| {});
        true
    }
}

/// `y = a · b`, broadcast.
#[derive(Debug)]
struct Multiply;

impl<T: Float> Op<T> for Multiply {
    fn name(&self) -> &'static str {
        "mul"
    }

    #[inline]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("mul", xs[0], xs[1], |a, b| a * b)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([a, b], g) = (p.inputs(), p.g);
        p.accum(0, || g * b);
        p.accum(1, || g * a);
    }

    #[inline]
    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (a, b) = (p.xs[0], p.xs[1]);
        if p.needs(0) && p.needs(1) {
            let second = zip("mul", p.g(), a, |g, a| g * a);
            p.accum(1, || second);
        } else if p.needs(1) {
            p.pass(1, |g| change(g, a, |g, a| g * a));
        }
        p.pass(0, |g| change(g, b, |g, b| g * b));
        true
    }
}

/// `y = a / b`, broadcast.
#[derive(Debug)]
struct Divide;

impl<T: Float> Op<T> for Divide {
    fn name(&self) -> &'static str {
        "div"
    }

    #[inline]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("div", xs[0], xs[1], |a, b| a / b)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([_, b], y, g) = (p.inputs(), p.y, p.g);
        p.accum(0, || pull(g, b.reciprocal()));
        p.accum(1, || -pull(g, y / b));
    }
}

/// `y = aᵇ`, broadcast.
#[derive(Debug)]
struct Power;

impl<T: Float> Op<T> for Power {
    fn name(&self) -> &'static str {
        "pow"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("pow", xs[0], xs[1], T::powf)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([a, b], y, g) = (p.inputs(), p.y, p.g);
        let (zero, one) = (g.tape().scalar(T::zero()), g.tape().scalar(T::one()));
        let where_nonzero = |x: Var<'t, T>, value| Var::apply(IfPositive, &[x.abs(), value, zero]);
        // Where the exponent is 0 the function is the constant 1; unguarded, a base of 0 gives 0 · ∞.
        p.accum(0, || where_nonzero(b, pull(g, b * a.pow(b - T::one()))));
        // Where the base is 0 the function of b is the constant 0, while ln a is −∞.
        p.accum(1, || {
            let base = Var::apply(IfPositive, &[a.abs(), a, one]);
            where_nonzero(a, pull(g, y * base.ln()))
        });
    }
}

/// The larger (`MAX`) or smaller of a and b, broadcast.
#[derive(Debug)]
struct Extremum<const MAX: bool>;

impl<T: Float, const MAX: bool> Op<T> for Extremum<MAX> {
    fn name(&self) -> &'static str {
        if MAX { "maximum" } else { "minimum" }
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip(Op::<T>::name(self), xs[0], xs[1], if MAX { T::maximum } else { T::minimum })
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([a, b], g) = (p.inputs(), p.g);
        p.accum(0, || g * Var::apply(Share::<MAX>, &[a, b]));
        p.accum(1, || g * Var::apply(Share::<MAX>, &[b, a]));
    }
}

/// The share of `a` in the gradient of an extremum: 1 where it is the one, 1/2 where both are, else 0. It has no gradient.
#[derive(Debug)]
struct Share<const MAX: bool>;

impl<T: Float, const MAX: bool> Op<T> for Share<MAX> {
    fn name(&self) -> &'static str {
        "share"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("share", xs[0], xs[1], |a, b| {
            let (zero, half, one) = (T::zero(), T::of(0.5), T::one());
            match (a.is_nan(), b.is_nan()) {
                (true, true) => half,
                (true, false) => one,
                (false, true) => zero,
                // Of equal infinities the difference is NaN, which is not positive either.
                (false, false) => {
                    let (ahead, behind) = if MAX { (a - b, b - a) } else { (b - a, a - b) };
                    ahead.if_positive(one, behind.if_positive(zero, half))
                }
            }
        })
    }

    fn vjp<'t>(&self, _: &mut Pullback<'t, T>) {}

    fn no_rule(&self, _: usize) -> Option<&'static str> {
        Some(CONSTANT)
    }
}

/// `y = x + c`.
#[derive(Debug)]
struct AddScalar<T>(T);

impl<T: Float> Op<T> for AddScalar<T> {
    fn name(&self) -> &'static str {
        "add_scalar"
    }

    #[inline]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        map(xs[0], |x| x + self.0)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || g);
    }

    #[inline]
    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        p.pass(0, |_| {});
        true
    }
}

/// `y = c · x`.
#[derive(Debug)]
struct MulScalar<T>(T);

impl<T: Float> Op<T> for MulScalar<T> {
    fn name(&self) -> &'static str {
        "mul_scalar"
    }

    #[inline]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        map(xs[0], |x| x * self.0)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || g * self.0);
    }

    #[inline]
    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        p.pass(0, |g| change0(g, |g| g * self.0));
        true
    }
}

/// `y = x / c`.
#[derive(Debug)]
struct DivScalar<T>(T);

impl<T: Float> Op<T> for DivScalar<T> {
    fn name(&self) -> &'static str {
        "div_scalar"
    }

    #[inline]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        map(xs[0], |x| x / self.0)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || g / self.0);
    }

    #[inline]
    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        p.pass(0, |g| change0(g, |g| g / self.0));
        true
    }
}

/// `y = −x`.
#[derive(Debug)]
struct Negate;

impl<T: Float> Op<T> for Negate {
    fn name(&self) -> &'static str {
        "neg"
    }

    #[inline]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        map(xs[0], |x| -x)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || -g);
    }

    #[inline]
    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        p.pass(0, |g| change0(g, |g| -g));
        true
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:expr, $x:ident $c:ident right $right:expr, left $left:expr;)*) => { $(
        impl<'t, T: Float> $trait for Var<'t, T> {
            type Output = Self;
            #[inline]
            #[track_caller]
            fn $method(self, other: Self) -> Self {
                Var::apply($op, &[self, other])
            }
        }
        impl<'t, T: Float> $trait<T> for Var<'t, T> {
            type Output = Self;
            #[inline]
            #[track_caller]
            fn $method(self, $c: T) -> Self {
                let $x = self;
                $right
            }
        }
        operators!(@left $trait $method, $x $c $left; f32 f64);
    )* };
    (@left $trait:ident $method:ident, $x:ident $c:ident $left:expr; $($t:ty)*) => { $(
        impl<'t> $trait<Var<'t, $t>> for $t {
            type Output = Var<'t, $t>;
            #[inline]
            #[track_caller]
            fn $method(self, $x: Var<'t, $t>) -> Var<'t, $t> {
                let $c = self;
                $left
            }
        }
    )* };
}
operators! {
    Add add graph::fan::Add, x c right Var::apply(AddScalar(c), &[x]), left Var::apply(AddScalar(c), &[x]);
    Sub sub Subtract, x c right Var::apply(AddScalar(-c), &[x]), left Var::apply(AddScalar(c), &[-x]);
    Mul mul Multiply, x c right Var::apply(MulScalar(c), &[x]), left Var::apply(MulScalar(c), &[x]);
    Div div Divide, x c right Var::apply(DivScalar(c), &[x]), left Var::apply(Divide, &[x.tape().scalar(c), x]);
}

impl<T: Float> Neg for Var<'_, T> {
    type Output = Self;

    #[inline]
    #[track_caller]
    fn neg(self) -> Self {
        Var::apply(Negate, &[self])
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Power, `y = selfᵉ`, with the exponent on the tape; `x⁰ = 1`, also of 0.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Gradient
    /// `x̄ = ȳ · e · xᵉ⁻¹`, 0 where e = 0; `ē = ȳ · y · ln x`, 0 where x = 0.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn pow(self, exponent: Var<'t, T>) -> Self {
        Var::apply(Power, &[self, exponent])
    }

    /// The larger of the two, `y = max(a, b)`; NaN where either is.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Gradient
    /// To the larger one; where they are equal, half to each.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn maximum(self, other: Var<'t, T>) -> Self {
        Var::apply(Extremum::<true>, &[self, other])
    }

    /// The smaller of the two, `y = min(a, b)`; NaN where either is.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Gradient
    /// To the smaller one; where they are equal, half to each.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn minimum(self, other: Var<'t, T>) -> Self {
        Var::apply(Extremum::<false>, &[self, other])
    }
}

impl<T: Float> Tensor<T> {
    /// Power, `y = selfᵉ`; `x⁰ = 1`, also of 0.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn pow(&self, exponent: &Tensor<T>) -> Tensor<T> {
        zip("pow", self, exponent, T::powf)
    }

    /// The larger of the two, `y = max(a, b)`; NaN where either is.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn maximum(&self, other: &Tensor<T>) -> Tensor<T> {
        zip("maximum", self, other, T::maximum)
    }

    /// The smaller of the two, `y = min(a, b)`; NaN where either is.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn minimum(&self, other: &Tensor<T>) -> Tensor<T> {
        zip("minimum", self, other, T::minimum)
    }
}

/// The layouts of a pair of operands: alike, broadcast on either side and on both, scalar, and empty.
macro_rules! pairs {
    ($name:expr, |$a:ident, $b:ident| $body:expr) => {
        specimen!($name, |$a, $b| $body, [[2, 3], [2, 3]], [[3, 1], [1, 4]], [[1, 1, 1], [2, 1, 3]], [[], [2, 3]], [[], []],
            [[0, 3], [1, 3]])
    };
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        pairs!("add", |a, b| a + b),
        pairs!("sub", |a, b| a - b),
        pairs!("mul", |a, b| a * b),
        pairs!("div", |a, b| a / b).on(0.4..2.5),
        pairs!("pow", |a, b| a.pow(b)).on(0.3..2.5),
        pairs!("maximum", |a, b| a.maximum(b)),
        pairs!("minimum", |a, b| a.minimum(b)),
        specimen!("mul of a value by itself", |x| x * x, [[]], [[2, 3]], [[0]]),
        specimen!("add of a value to itself", |x| x + x, [[]], [[2, 3]], [[0]]),
        specimen!("neg", |x| -x, [[]], [[2, 3]], [[0, 2]]),
        specimen!("add scalar", |x| x + T::of(0.5), [[]], [[2, 3]], [[0, 2]]),
        specimen!("sub scalar", |x| x - T::of(0.5), [[]], [[2, 3]], [[0, 2]]),
        specimen!("mul scalar", |x| x * T::of(0.5), [[]], [[2, 3]], [[0, 2]]),
        specimen!("div scalar", |x| x / T::of(0.5), [[]], [[2, 3]], [[0, 2]]),
        specimen!(
            "broadcast_to",
            |x| x.broadcast_to(x.shape().broadcast(&[2, 3, 1].into()).unwrap_or_default()),
            [[]],
            [[3, 1]],
            [[1, 1, 4]],
            [[2, 3, 4]],
            [[1, 0]]
        ),
        specimen!("sum_to", |x| x.sum_to(&[3, 1].into()), [[2, 3, 4]], [[3, 1]], [[0, 3, 2]]),
    ]
}
