//! Dual numbers: forward mode by a scalar that carries its derivative.
//!
//! Source: Griewank and Walther, Evaluating Derivatives (2008), §3.1.

use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};
use std::num::FpCategory;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use num_traits::{Num, NumCast, One, ToPrimitive, Zero};

use crate::float::Float;
use crate::tensor::{Nested, Tensor};

/// Dual number `v + d·ε` with `ε² = 0`: a value and its derivative along some direction, which every operation carries along.
///
/// On a `Tape<Dual<f64>>` a backward sweep gives the gradient and, in its derivatives, the exact product of the Hessian with that
/// direction. The inner scalar may be any: `Dual<Dual<f64>>` carries second derivatives, `Dual<Interval>` bounds of them.
///
/// It is compared by its value alone, `==` included. A derivative of 0 stays 0 also where the slope is infinite, as on the tape:
/// `√x` of a constant 0 has the derivative 0.
///
/// # Examples
/// The derivative of x³ at 2, and a product of a Hessian and a vector:
/// ```
/// use num_traits::Float;
/// use rensa::{Tape, Tensor, scalar::Dual, tensor};
///
/// assert_eq!(Dual::variable(2.0).powi(3).derivative(), 12.0);
///
/// let (x, v) = (tensor![1.0, 2.0], tensor![1.0, 0.0]);
/// let tape = Tape::new();
/// let x = tape.leaf(Tensor::dual(&x, &v));
/// let gradient = &(x * x * x).sum(..).backward()[x];
/// assert_eq!(gradient.values().to_vec(), [3.0, 12.0]); // 3x²
/// assert_eq!(gradient.derivatives().to_vec(), [6.0, 0.0]); // 6x · v
/// ```
/// Source: Pearlmutter, "Fast Exact Multiplication by the Hessian" (1994).
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)] // the matrix product reads one as a pair
pub struct Dual<F> {
    value: F,
    derivative: F,
}

impl<F: Copy> Dual<F> {
    /// `value + derivative·ε`.
    #[inline]
    pub const fn new(value: F, derivative: F) -> Self {
        Dual { value, derivative }
    }

    /// v.
    #[inline]
    pub const fn value(self) -> F {
        self.value
    }

    /// d.
    #[inline]
    pub const fn derivative(self) -> F {
        self.derivative
    }
}

impl<F: Float> Dual<F> {
    /// A number that does not depend on what is differentiated by, `value + 0·ε`.
    #[inline]
    pub fn constant(value: F) -> Self {
        Dual::new(value, F::zero())
    }

    /// What is differentiated by, `value + 1·ε`.
    #[inline]
    pub fn variable(value: F) -> Self {
        Dual::new(value, F::one())
    }

    /// `f(x)`, whose derivative at `x` is `slope`.
    #[inline]
    fn chain(self, value: F, slope: F) -> Self {
        Dual::new(value, times(slope, self.derivative))
    }

    /// `a` if `condition` is above 0, else `b`.
    #[inline]
    pub(crate) fn choose(condition: F, a: Self, b: Self) -> Self {
        Dual::new(condition.if_positive(a.value, b.value), condition.if_positive(a.derivative, b.derivative))
    }
}

/// `slope · derivative`, and 0 where the derivative is 0, whatever the slope.
#[inline]
fn times<F: Float>(slope: F, derivative: F) -> F {
    if derivative.is_zero() { F::zero() } else { slope * derivative }
}

impl<F: Float> Tensor<Dual<F>> {
    /// The dual tensor of these values and derivatives.
    ///
    /// Shapes: two of one shape → the same.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn dual(values: &Tensor<F>, derivatives: &Tensor<F>) -> Self {
        let (v, d) = (values.shape(), derivatives.shape());
        assert!(v == d, "dual: values {v:?} and derivatives {d:?} differ in shape");
        let pairs = values.iter().zip(derivatives).map(|(&value, &derivative)| Dual { value, derivative });
        Tensor::from_elements(pairs.collect(), v.clone())
    }

    /// The values alone.
    ///
    /// Shapes: any → the same.
    pub fn values(&self) -> Tensor<F> {
        Tensor::from_elements(self.iter().map(|x| x.value).collect(), self.shape().clone())
    }

    /// The derivatives alone.
    ///
    /// Shapes: any → the same.
    pub fn derivatives(&self) -> Tensor<F> {
        Tensor::from_elements(self.iter().map(|x| x.derivative).collect(), self.shape().clone())
    }
}

impl<F> Nested<Dual<F>> for Dual<F> {
    fn append_shape(_: &mut Vec<usize>) {}

    fn append_to(self, data: &mut Vec<Dual<F>>) {
        data.push(self);
    }
}

/// `v+dε`, both with the precision asked for.
impl<F: Display> Display for Dual<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Dual { value, derivative } = self;
        // As the derivative of another one it is asked for its sign.
        let (open, close) = if f.sign_plus() { ("+(", ")") } else { ("", "") };
        match f.precision() {
            Some(digits) => write!(f, "{open}{value:.digits$}{derivative:+.digits$}ε{close}"),
            None => write!(f, "{open}{value}{derivative:+}ε{close}"),
        }
    }
}

impl<F: Float> From<F> for Dual<F> {
    fn from(value: F) -> Self {
        Dual::constant(value)
    }
}

impl<F: PartialEq> PartialEq for Dual<F> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<F: PartialOrd> PartialOrd for Dual<F> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<F: Float> Add for Dual<F> {
    type Output = Self;

    #[inline]
    fn add(self, o: Self) -> Self {
        Dual::new(self.value + o.value, self.derivative + o.derivative)
    }
}

impl<F: Float> Sub for Dual<F> {
    type Output = Self;

    #[inline]
    fn sub(self, o: Self) -> Self {
        Dual::new(self.value - o.value, self.derivative - o.derivative)
    }
}

impl<F: Float> Mul for Dual<F> {
    type Output = Self;

    #[inline]
    fn mul(self, o: Self) -> Self {
        Dual::new(self.value * o.value, self.derivative * o.value + self.value * o.derivative)
    }
}

impl<F: Float> Div for Dual<F> {
    type Output = Self;

    #[inline]
    fn div(self, o: Self) -> Self {
        let value = self.value / o.value;
        Dual::new(value, (self.derivative - value * o.derivative) / o.value)
    }
}

impl<F: Float> Rem for Dual<F> {
    type Output = Self;

    /// `x − trunc(x/y) · y`.
    fn rem(self, o: Self) -> Self {
        let quotient = (self.value / o.value).trunc();
        Dual::new(self.value % o.value, self.derivative - quotient * o.derivative)
    }
}

impl<F: Float> Neg for Dual<F> {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        Dual::new(-self.value, -self.derivative)
    }
}

impl<F: Float> Zero for Dual<F> {
    #[inline]
    fn zero() -> Self {
        Dual::constant(F::zero())
    }

    /// Whether value and derivative are 0: only then is a product with it 0.
    #[inline]
    fn is_zero(&self) -> bool {
        self.value.is_zero() && self.derivative.is_zero()
    }
}

impl<F: Float> One for Dual<F> {
    #[inline]
    fn one() -> Self {
        Dual::constant(F::one())
    }
}

impl<F: Float> Num for Dual<F> {
    type FromStrRadixErr = F::FromStrRadixErr;

    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        F::from_str_radix(text, radix).map(Dual::constant)
    }
}

impl<F: Float> ToPrimitive for Dual<F> {
    fn to_i64(&self) -> Option<i64> {
        self.value.to_i64()
    }

    fn to_u64(&self) -> Option<u64> {
        self.value.to_u64()
    }

    fn to_f64(&self) -> Option<f64> {
        self.value.to_f64()
    }
}

impl<F: Float> NumCast for Dual<F> {
    fn from<N: ToPrimitive>(n: N) -> Option<Self> {
        <F as NumCast>::from(n).map(Dual::constant)
    }
}

macro_rules! constants {
    ($($name:ident)*) => { $(
        fn $name() -> Self {
            Dual::constant(F::$name())
        }
    )* };
}

/// Questions that the value answers.
macro_rules! questions {
    ($($name:ident -> $answer:ty;)*) => { $(
        #[inline]
        fn $name(self) -> $answer {
            self.value.$name()
        }
    )* };
}

/// Functions that are constant but for jumps.
macro_rules! steps {
    ($($name:ident)*) => { $(
        fn $name(self) -> Self {
            Dual::constant(self.value.$name())
        }
    )* };
}

/// Functions of one number, each with its slope in terms of `x` and `y = f(x)`.
macro_rules! functions {
    ($($name:ident: |$x:ident, $y:ident| $slope:expr;)*) => { $(
        #[inline]
        fn $name(self) -> Self {
            let ($x, $y) = (self.value, self.value.$name());
            let _ = ($x, $y);
            self.chain($y, $slope)
        }
    )* };
}

impl<F: Float> num_traits::Float for Dual<F> {
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
        fract: |x, y| F::one();
        abs: |x, y| x.if_positive(F::one(), (-x).if_positive(-F::one(), F::zero()));
        recip: |x, y| -y * y;
        sqrt: |x, y| F::of(0.5) / y;
        cbrt: |x, y| F::one() / (F::of(3.0) * y * y);
        exp: |x, y| y;
        exp2: |x, y| y * F::of(std::f64::consts::LN_2);
        exp_m1: |x, y| y + F::one();
        ln: |x, y| x.recip();
        log2: |x, y| (x * F::of(std::f64::consts::LN_2)).recip();
        log10: |x, y| (x * F::of(std::f64::consts::LN_10)).recip();
        ln_1p: |x, y| (F::one() + x).recip();
        sin: |x, y| x.cos();
        cos: |x, y| -x.sin();
        tan: |x, y| F::one() + y * y;
        asin: |x, y| (F::one() - x * x).sqrt().recip();
        acos: |x, y| -(F::one() - x * x).sqrt().recip();
        atan: |x, y| (F::one() + x * x).recip();
        sinh: |x, y| x.cosh();
        cosh: |x, y| x.sinh();
        tanh: |x, y| F::one() - y * y;
        asinh: |x, y| (x * x + F::one()).sqrt().recip();
        acosh: |x, y| (x * x - F::one()).sqrt().recip();
        atanh: |x, y| (F::one() - x * x).recip();
    }

    fn sin_cos(self) -> (Self, Self) {
        (self.sin(), self.cos())
    }

    fn mul_add(self, a: Self, b: Self) -> Self {
        self * a + b
    }

    fn powi(self, n: i32) -> Self {
        let slope = if n == 0 { F::zero() } else { F::of(n.into()) * self.value.powi(n - 1) };
        self.chain(self.value.powi(n), slope)
    }

    /// `xᵖ`; the term of the exponent's derivative is left out where that is 0, as `ln x` may not be a number there.
    fn powf(self, p: Self) -> Self {
        let value = self.value.powf(p.value);
        let slope = if p.value.is_zero() { F::zero() } else { p.value * self.value.powf(p.value - F::one()) };
        Dual::new(value, times(slope, self.derivative) + times(self.value.ln(), value * p.derivative))
    }

    fn log(self, base: Self) -> Self {
        self.ln() / base.ln()
    }

    /// The larger one; as for `f64`, the number where one is NaN.
    fn max(self, other: Self) -> Self {
        match (self.is_nan(), other.is_nan()) {
            (true, _) => other,
            (_, true) => self,
            _ => self.maximum(other),
        }
    }

    fn min(self, other: Self) -> Self {
        -(-self).max(-other)
    }

    fn abs_sub(self, other: Self) -> Self {
        (self - other).maximum(Self::zero())
    }

    fn hypot(self, other: Self) -> Self {
        let value = self.value.hypot(other.value);
        let inner = self.value * self.derivative + other.value * other.derivative;
        Dual::new(value, times(value.recip(), inner))
    }

    fn atan2(self, other: Self) -> Self {
        let square = self.value * self.value + other.value * other.value;
        let derivative = (other.value * self.derivative - self.value * other.derivative) / square;
        Dual::new(self.value.atan2(other.value), derivative)
    }
}
