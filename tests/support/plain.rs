//! A scalar as a user writes one: an `f64` in a wrapper, which the library knows by `num_traits::Float` alone. It takes the generic
//! path everywhere.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use std::num::FpCategory;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use num_traits::{Float, Num, NumCast, One, ToPrimitive, Zero};

#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Plain(pub f64);

macro_rules! operators {
    ($($trait:ident $method:ident)*) => { $(
        impl $trait for Plain {
            type Output = Self;

            #[inline]
            fn $method(self, other: Self) -> Self {
                Plain(self.0.$method(other.0))
            }
        }
    )* };
}
operators! { Add add Sub sub Mul mul Div div Rem rem }

impl Neg for Plain {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        Plain(-self.0)
    }
}

impl Zero for Plain {
    #[inline]
    fn zero() -> Self {
        Plain(0.0)
    }

    fn is_zero(&self) -> bool {
        self.0 == 0.0
    }
}

impl One for Plain {
    fn one() -> Self {
        Plain(1.0)
    }
}

impl Num for Plain {
    type FromStrRadixErr = <f64 as Num>::FromStrRadixErr;

    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        f64::from_str_radix(text, radix).map(Plain)
    }
}

impl ToPrimitive for Plain {
    fn to_i64(&self) -> Option<i64> {
        self.0.to_i64()
    }

    fn to_u64(&self) -> Option<u64> {
        self.0.to_u64()
    }

    fn to_f64(&self) -> Option<f64> {
        Some(self.0)
    }
}

impl NumCast for Plain {
    fn from<N: ToPrimitive>(n: N) -> Option<Self> {
        n.to_f64().map(Plain)
    }
}

macro_rules! constants {
    ($($name:ident)*) => { $(
        fn $name() -> Self {
            Plain(<f64 as Float>::$name())
        }
    )* };
}

macro_rules! questions {
    ($($name:ident -> $answer:ty;)*) => { $(
        fn $name(self) -> $answer {
            Float::$name(self.0)
        }
    )* };
}

macro_rules! functions {
    ($($name:ident($($other:ident),*))*) => { $(
        fn $name(self $(, $other: Self)*) -> Self {
            Plain(Float::$name(self.0 $(, $other.0)*))
        }
    )* };
}

impl Float for Plain {
    constants! { nan infinity neg_infinity neg_zero min_value min_positive_value epsilon max_value }

    questions! {
        is_nan -> bool;
        is_infinite -> bool;
        is_finite -> bool;
        is_normal -> bool;
        classify -> FpCategory;
        is_sign_positive -> bool;
        is_sign_negative -> bool;
        integer_decode -> (u64, i16, i8);
    }

    functions! {
        floor() ceil() round() trunc() fract() signum() abs() recip() sqrt() cbrt() exp() exp2() exp_m1() ln() log2() log10() ln_1p()
        sin() cos() tan() asin() acos() atan() sinh() cosh() tanh() asinh() acosh() atanh()
        max(other) min(other) abs_sub(other) hypot(other) atan2(other) powf(other) log(other) mul_add(a, b)
    }

    fn powi(self, n: i32) -> Self {
        Plain(self.0.powi(n))
    }

    fn sin_cos(self) -> (Self, Self) {
        (self.sin(), self.cos())
    }
}
