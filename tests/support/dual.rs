//! Dual numbers `v + d·ε` with `ε² = 0`: a scalar that carries a derivative, and that is compared by its value alone.
//!
//! Source: Griewank and Walther, "Evaluating Derivatives" (2008), §3.1.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use std::num::FpCategory;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use num_traits::{Float, Num, NumCast, One, ToPrimitive, Zero};

#[derive(Clone, Copy, Debug, Default)]
pub struct Dual {
    value: f64,
    derivative: f64,
}

impl Dual {
    pub const fn new(value: f64, derivative: f64) -> Self {
        Dual { value, derivative }
    }

    pub const fn value(self) -> f64 {
        self.value
    }

    pub const fn derivative(self) -> f64 {
        self.derivative
    }

    /// `f(x)`, whose derivative at `x` is `slope`.
    fn chain(self, value: f64, slope: f64) -> Self {
        Dual::new(value, slope * self.derivative)
    }

    /// A function that is constant almost everywhere.
    const fn constant(value: f64) -> Self {
        Dual::new(value, 0.0)
    }
}

impl PartialEq for Dual {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialOrd for Dual {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl Add for Dual {
    type Output = Self;

    fn add(self, o: Self) -> Self {
        Dual::new(self.value + o.value, self.derivative + o.derivative)
    }
}

impl Sub for Dual {
    type Output = Self;

    fn sub(self, o: Self) -> Self {
        Dual::new(self.value - o.value, self.derivative - o.derivative)
    }
}

impl Mul for Dual {
    type Output = Self;

    fn mul(self, o: Self) -> Self {
        Dual::new(self.value * o.value, self.derivative * o.value + self.value * o.derivative)
    }
}

impl Div for Dual {
    type Output = Self;

    fn div(self, o: Self) -> Self {
        let value = self.value / o.value;
        Dual::new(value, (self.derivative - value * o.derivative) / o.value)
    }
}

impl Rem for Dual {
    type Output = Self;

    /// `x − trunc(x/y) · y`.
    fn rem(self, o: Self) -> Self {
        let quotient = (self.value / o.value).trunc();
        Dual::new(self.value % o.value, self.derivative - quotient * o.derivative)
    }
}

impl Neg for Dual {
    type Output = Self;

    fn neg(self) -> Self {
        Dual::new(-self.value, -self.derivative)
    }
}

impl Zero for Dual {
    fn zero() -> Self {
        Dual::constant(0.0)
    }

    fn is_zero(&self) -> bool {
        self.value == 0.0 && self.derivative == 0.0
    }
}

impl One for Dual {
    fn one() -> Self {
        Dual::constant(1.0)
    }
}

impl Num for Dual {
    type FromStrRadixErr = <f64 as Num>::FromStrRadixErr;

    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        f64::from_str_radix(text, radix).map(Dual::constant)
    }
}

impl ToPrimitive for Dual {
    fn to_i64(&self) -> Option<i64> {
        self.value.to_i64()
    }

    fn to_u64(&self) -> Option<u64> {
        self.value.to_u64()
    }

    fn to_f64(&self) -> Option<f64> {
        Some(self.value)
    }
}

impl NumCast for Dual {
    fn from<N: ToPrimitive>(n: N) -> Option<Self> {
        n.to_f64().map(Dual::constant)
    }
}

/// Methods without a derivative of their own, answered by the value.
macro_rules! constants {
    ($($name:ident)*) => { $(
        fn $name() -> Self {
            Dual::constant(<f64 as Float>::$name())
        }
    )* };
}

macro_rules! questions {
    ($($name:ident -> $answer:ty;)*) => { $(
        fn $name(self) -> $answer {
            <f64 as Float>::$name(self.value)
        }
    )* };
}

macro_rules! steps {
    ($($name:ident)*) => { $(
        fn $name(self) -> Self {
            Dual::constant(self.value.$name())
        }
    )* };
}

/// Functions of one number, each with its slope as a function of `x` and `y = f(x)`.
macro_rules! functions {
    ($($name:ident: |$x:ident, $y:ident| $slope:expr;)*) => { $(
        fn $name(self) -> Self {
            let ($x, $y) = (self.value, self.value.$name());
            let _ = ($x, $y);
            self.chain($y, $slope)
        }
    )* };
}

impl Float for Dual {
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

    steps! { floor ceil round trunc signum }

    functions! {
        fract: |x, y| 1.0;
        abs: |x, y| if x < 0.0 { -1.0 } else if x > 0.0 { 1.0 } else { 0.0 };
        recip: |x, y| -y * y;
        sqrt: |x, y| 0.5 / y;
        cbrt: |x, y| 1.0 / (3.0 * y * y);
        exp: |x, y| y;
        exp2: |x, y| y * std::f64::consts::LN_2;
        exp_m1: |x, y| y + 1.0;
        ln: |x, y| 1.0 / x;
        log2: |x, y| 1.0 / (x * std::f64::consts::LN_2);
        log10: |x, y| 1.0 / (x * std::f64::consts::LN_10);
        ln_1p: |x, y| 1.0 / (1.0 + x);
        sin: |x, y| x.cos();
        cos: |x, y| -x.sin();
        tan: |x, y| 1.0 + y * y;
        asin: |x, y| 1.0 / (1.0 - x * x).sqrt();
        acos: |x, y| -1.0 / (1.0 - x * x).sqrt();
        atan: |x, y| 1.0 / (1.0 + x * x);
        sinh: |x, y| x.cosh();
        cosh: |x, y| x.sinh();
        tanh: |x, y| 1.0 - y * y;
        asinh: |x, y| 1.0 / (x * x + 1.0).sqrt();
        acosh: |x, y| 1.0 / (x * x - 1.0).sqrt();
        atanh: |x, y| 1.0 / (1.0 - x * x);
    }

    fn sin_cos(self) -> (Self, Self) {
        (self.sin(), self.cos())
    }

    fn mul_add(self, a: Self, b: Self) -> Self {
        self * a + b
    }

    fn powi(self, n: i32) -> Self {
        let slope = if n == 0 { 0.0 } else { n as f64 * self.value.powi(n - 1) };
        self.chain(self.value.powi(n), slope)
    }

    /// `x^p`; the term of the exponent's derivative is left out where that is 0, as `ln x` may not be a number there.
    fn powf(self, p: Self) -> Self {
        let value = self.value.powf(p.value);
        let base = if p.value == 0.0 { 0.0 } else { p.value * self.value.powf(p.value - 1.0) * self.derivative };
        let exponent = if p.derivative == 0.0 { 0.0 } else { value * self.value.ln() * p.derivative };
        Dual::new(value, base + exponent)
    }

    fn log(self, base: Self) -> Self {
        self.ln() / base.ln()
    }

    /// The larger one; as for `f64`, the number where one is NaN.
    fn max(self, other: Self) -> Self {
        if self.value > other.value || other.value.is_nan() { self } else { other }
    }

    fn min(self, other: Self) -> Self {
        if self.value < other.value || other.value.is_nan() { self } else { other }
    }

    fn abs_sub(self, other: Self) -> Self {
        if self.value > other.value { self - other } else { Dual::zero() }
    }

    fn hypot(self, other: Self) -> Self {
        let value = self.value.hypot(other.value);
        Dual::new(value, (self.value * self.derivative + other.value * other.derivative) / value)
    }

    fn atan2(self, other: Self) -> Self {
        let square = self.value * self.value + other.value * other.value;
        let derivative = (other.value * self.derivative - self.value * other.derivative) / square;
        Dual::new(self.value.atan2(other.value), derivative)
    }
}
