//! Functions of one number, from which elementwise ops are made.
//!
//! Such an op is a function and its derivative. The derivative is written once, over [`Scalar`]: for a [`Lane`] it is arithmetic
//! on one element, which the fused rule runs in one pass; for a [`Var`] it records nodes, so that it can be differentiated
//! again. The two cannot disagree.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::select::IfPositive;
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::change::change2;
use crate::kernel::map::{map, zip};
use crate::kernel::wide::one_in_f32;
use crate::tensor::Tensor;

/// What a derivative is written in: one element, or a node.
pub trait Scalar:
    Copy + Neg<Output = Self> + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The number `c`.
    fn lit(self, c: f64) -> Self;

    /// `f` of it.
    fn map<U: Unary>(self, f: U) -> Self;

    /// `a` where it is above 0, else `b`.
    fn if_positive(self, a: Self, b: Self) -> Self;
}

/// A function of one number and its derivative.
pub trait Unary: Copy + Debug + Send + Sync + 'static {
    /// Its name.
    const NAME: &'static str;

    /// Why it has no derivative, if it has none.
    const NO_RULE: Option<&'static str> = None;

    /// `y = f(x)`.
    fn f<F: Float>(self, x: F) -> F;

    /// `f′(x)`, where `y = f(x)` may serve.
    fn df<S: Scalar>(self, x: S, y: S) -> S;
}

/// One element of a tensor. Its own type, since the names of [`Scalar`]'s methods are also those of `num_traits::Float`.
#[derive(Clone, Copy, Debug)]
pub struct Lane<T>(pub T);

macro_rules! lane_operators {
    ($($trait:ident $method:ident $op:tt),*) => { $(
        impl<T: Float> $trait for Lane<T> {
            type Output = Self;
            #[inline]
            fn $method(self, other: Self) -> Self {
                Lane(self.0 $op other.0)
            }
        }
    )* };
}
lane_operators!(Add add +, Sub sub -, Mul mul *, Div div /);

impl<T: Float> Neg for Lane<T> {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        Lane(-self.0)
    }
}

impl<T: Float> Scalar for Lane<T> {
    #[inline]
    fn lit(self, c: f64) -> Self {
        Lane(T::of(c))
    }

    #[inline(always)]
    fn map<U: Unary>(self, f: U) -> Self {
        Lane(value(f, self.0))
    }

    #[inline]
    fn if_positive(self, a: Self, b: Self) -> Self {
        Lane(self.0.if_positive(a.0, b.0))
    }
}

impl<T: Float> Scalar for Var<'_, T> {
    fn lit(self, c: f64) -> Self {
        self.tape().scalar(T::of(c))
    }

    fn map<U: Unary>(self, f: U) -> Self {
        Var::apply(Pointwise(f), &[self])
    }

    fn if_positive(self, a: Self, b: Self) -> Self {
        Var::apply(IfPositive, &[self, a, b])
    }
}

/// `f(x)`.
#[inline(always)]
pub(super) fn value<T: Float, U: Unary>(f: U, x: T) -> T {
    if T::NARROW { one_in_f32([x], |[x]| f.f(x)) } else { f.f(x) }
}

/// `f′(x)`, where `y = f(x)`.
#[inline(always)]
fn slope<T: Float, U: Unary>(f: U, x: T, y: T) -> T {
    if T::NARROW { one_in_f32([x, y], |[x, y]| f.df(Lane(x), Lane(y)).0) } else { f.df(Lane(x), Lane(y)).0 }
}

/// `y = f(x)` for every element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pointwise<U>(pub(crate) U);

impl<T: Float, U: Unary> Op<T> for Pointwise<U> {
    fn name(&self) -> &'static str {
        U::NAME
    }

    #[inline]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        map(
            xs[0],
            #[inline(always)]
            |x| value(self.0, x),
        )
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], y, g) = (p.inputs(), p.y, p.g);
        p.accum(0, || pull(g, self.0.df(x, y)));
    }

    #[inline]
    fn no_rule(&self, _: usize) -> Option<&'static str> {
        U::NO_RULE
    }

    #[inline]
    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (x, y) = (p.xs[0], p.y);
        p.pass(0, |g| {
            change2(
                g,
                [x, y],
                #[inline(always)]
                |g, x, y| pull_one(g, slope(self.0, x, y)),
            )
        });
        true
    }
}

/// `ȳ · slope`, and 0 where ȳ is 0, also where the slope is infinite or NaN.
///
/// A value that the loss does not use there, such as the side that `where_cond` did not take, gets the gradient 0 and must hand on 0
/// even at a point where it has no finite slope: √x at 0, or ln x.
#[inline(always)]
pub(super) fn pull_one<T: Float>(g: T, slope: T) -> T {
    if g.is_zero() { T::zero() } else { g * slope }
}

/// [`pull_one`] for nodes.
pub(super) fn pull<'t, T: Float>(g: Var<'t, T>, slope: Var<'t, T>) -> Var<'t, T> {
    Var::apply(Pull, &[g, slope])
}

/// `y = g · s`, and 0 where g is 0.
#[derive(Debug)]
struct Pull;

impl<T: Float> Op<T> for Pull {
    fn name(&self) -> &'static str {
        "pull"
    }

    #[inline]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("pull", xs[0], xs[1], pull_one)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([g, slope], up) = (p.inputs(), p.g);
        p.accum(0, || pull(up, slope));
        p.accum(1, || pull(up, g));
    }
}

/// A table of elementwise functions: struct and method, where to try it, `y = f(x)`, and the derivative in terms of x and y.
///
/// Each entry becomes a [`Unary`], a method of `Tensor` and one of `Var`, and a specimen.
macro_rules! pointwise {
    ($(
        $(#[$doc:meta])*
        $name:ident = $struct:ident $({ $($field:ident: $type:ty),* } try $($value:literal),*)?
        on $domain:expr $(, kinks $kinks:expr)? $(; $flat:ident $(without rule: $why:expr)?)?
        => |$x:ident| $f:expr, |$dx:ident, $dy:ident| $df:expr;
    )*) => {
        $(
            #[doc = concat!("`", stringify!($name), "` of one number.")]
            #[derive(Clone, Copy, Debug)]
            pub(crate) struct $struct $(($(pub(crate) $type),*))?;

            impl Unary for $struct {
                const NAME: &'static str = stringify!($name);
                $($(const NO_RULE: Option<&'static str> = Some($why);)?)?

                #[inline(always)]
                fn f<F: Float>(self, $x: F) -> F {
                    $(let Self($($field),*) = self;)?
                    $f
                }

                #[inline(always)]
                #[allow(unused_variables, reason = "a derivative may need only one of x and y")]
                fn df<S: Scalar>(self, $dx: S, $dy: S) -> S {
                    $(let Self($($field),*) = self;)?
                    $df
                }
            }

            impl<T: Float> Tensor<T> {
                $(#[$doc])*
                ///
                /// Shapes: any → the same.
                pub fn $name(&self $($(, $field: $type)*)?) -> Tensor<T> {
                    map(
                        self,
                        #[inline(always)]
                        |x| value($struct $(($($field),*))?, x),
                    )
                }
            }

            impl<'t, T: Float> Var<'t, T> {
                $(#[$doc])*
                ///
                /// Shapes: any → the same.
                #[track_caller]
                pub fn $name(self $($(, $field: $type)*)?) -> Self {
                    Var::apply(Pointwise($struct $(($($field),*))?), &[self])
                }
            }
        )*

        pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
            vec![$(
                specimen!(stringify!($name), |x| x.$name($($($value),*)?), [[]], [[2, 3]], [[2, 1, 3]], [[0, 3]])
                    .on($domain)$(.kinks($kinks))?$(.$flat())?,
            )*]
        }
    };
}
pub(crate) use pointwise;
