//! The table of elementwise functions of one tensor.

use super::compare::CONSTANT;
use super::scalar::{Pointwise, Scalar, Unary, pointwise, value};
use super::special;
use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::Var;
use crate::kernel::map::map;
use crate::tensor::Tensor;

const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;

/// Beyond this on either side exp(−|x|) is 0, and gelu and silu are 0 and x: cut off there, no x makes them 0 · ∞.
const FLAT: f64 = 1000.0;

pointwise! {
    /// Exponential, `y = eˣ`.
    ///
    /// # Gradient
    /// `x̄ = ȳ · y`.
    exp = Exp on -2.0..2.0 => |x| x.lane_exp(), |x, y| y;

    /// Natural logarithm, `y = ln x`; NaN below 0.
    ///
    /// # Gradient
    /// `x̄ = ȳ / x`.
    ln = Ln on 0.2..4.0 => |x| x.lane_ln(), |x, y| x.lit(1.0) / x;

    /// `y = ln(1 + x)`, exact near 0.
    ///
    /// # Gradient
    /// `x̄ = ȳ / (1 + x)`.
    ln_1p = Ln1p on -0.8..3.0 => |x| x.lane_ln_1p(), |x, y| x.lit(1.0) / (x.lit(1.0) + x);

    /// `y = eˣ − 1`, exact near 0.
    ///
    /// # Gradient
    /// `x̄ = ȳ · (y + 1)`.
    exp_m1 = ExpM1 on -2.0..2.0 => |x| x.lane_exp_m1(), |x, y| y + y.lit(1.0);

    /// Square, `y = x²`.
    ///
    /// # Gradient
    /// `x̄ = 2 ȳ x`.
    square = Square on -2.0..2.0 => |x| x * x, |x, y| x.lit(2.0) * x;

    /// Square root, `y = √x`; NaN below 0.
    ///
    /// # Gradient
    /// `x̄ = ȳ / (2y)`, infinite at 0.
    sqrt = Sqrt on 0.2..4.0 => |x| x.sqrt(), |x, y| y.lit(0.5) / y;

    /// Reciprocal square root, `y = 1/√x`.
    ///
    /// # Gradient
    /// `x̄ = −ȳ · y³ / 2`.
    rsqrt = Rsqrt on 0.3..4.0 => |x| x.sqrt().recip(), |x, y| y.lit(-0.5) * y * y * y;

    /// Reciprocal, `y = 1/x`.
    ///
    /// # Gradient
    /// `x̄ = −ȳ · y²`.
    reciprocal = Reciprocal on 0.4..3.0 => |x| x.recip(), |x, y| -(y * y);

    /// Sine of x in radians, `y = sin x`.
    ///
    /// # Gradient
    /// `x̄ = ȳ · cos x`.
    sin = Sin on -3.0..3.0 => |x| x.sin(), |x, y| x.map(Cos);

    /// Cosine of x in radians, `y = cos x`.
    ///
    /// # Gradient
    /// `x̄ = −ȳ · sin x`.
    cos = Cos on -3.0..3.0 => |x| x.cos(), |x, y| -x.map(Sin);

    /// Tangent of x in radians, `y = tan x`.
    ///
    /// # Gradient
    /// `x̄ = ȳ · (1 + y²)`.
    tan = Tan on -1.2..1.2 => |x| x.tan(), |x, y| y.lit(1.0) + y * y;

    /// Hyperbolic tangent, `y = tanh x`.
    ///
    /// # Gradient
    /// `x̄ = ȳ · (1 − y²)`.
    tanh = Tanh on -3.0..3.0 => |x| x.lane_tanh(), |x, y| y.lit(1.0) - y * y;

    /// Logistic function, `y = 1 / (1 + e⁻ˣ)`; no intermediate value overflows.
    ///
    /// # Gradient
    /// `x̄ = ȳ · y (1 − y)`.
    sigmoid = Sigmoid on -4.0..4.0 => |x| x.lane_sigmoid(), |x, y| y * (y.lit(1.0) - y);

    /// Smooth ramp, `y = ln(1 + eˣ)`; no intermediate value overflows.
    ///
    /// # Gradient
    /// `x̄ = ȳ · sigmoid(x)`.
    softplus = Softplus on -4.0..4.0
        => |x| x.increasing(#[inline(always)] |x| {
               let (top, below) = if x > F::zero() { (x, -x) } else { (F::zero(), x) };
               top + below.lane_exp().lane_ln_1p()
           }),
           |x, y| x.map(Sigmoid);

    /// Ramp, `y = max(x, 0)`; NaN stays NaN.
    ///
    /// # Gradient
    /// `x̄ = ȳ` where x > 0, else 0: at 0 it is 0.
    relu = Relu on -2.0..2.0, kinks [0.0] => |x| x.maximum(F::zero()), |x, y| x.if_positive(x.lit(1.0), x.lit(0.0));

    /// Ramp that leaks, `y = x` where x > 0, else `slope · x`.
    ///
    /// # Gradient
    /// `x̄ = ȳ` where x > 0, else `slope · ȳ`: at 0 it is the latter.
    ///
    /// Source: Maas, Hannun, Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013).
    leaky_relu = LeakyRelu { slope: f64 } try 0.1 on -2.0..2.0, kinks [0.0]
        => |x| x.maximum(F::zero()) + F::of(slope) * F::zero().minimum(x),
           |x, y| x.if_positive(x.lit(1.0), x.lit(slope));

    /// Ramp with an exponential tail, `y = x` where x > 0, else `alpha · (eˣ − 1)`.
    ///
    /// # Gradient
    /// `x̄ = ȳ` where x > 0, else `ȳ · (y + alpha)`.
    ///
    /// Source: Clevert, Unterthiner, Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units" (2016).
    elu = Elu { alpha: f64 } try 1.3 on -2.0..2.0, kinks [0.0]
        => |x| elu(x, F::of(alpha)),
           |x, y| x.if_positive(x.lit(1.0), y + y.lit(alpha));

    /// Error function, `y = erf x = 2/√π ∫₀ˣ exp(−t²) dt`, in `f64` within 2 units in the last place.
    ///
    /// # Gradient
    /// `x̄ = ȳ · 2/√π · exp(−x²)`.
    erf = Erf on -3.0..3.0
        => |x| x.increasing(#[inline(always)] |x| special::erf(x)), |x, y| (-(x * x)).map(Exp) * x.lit(std::f64::consts::FRAC_2_SQRT_PI);

    /// Complementary error function, `y = erfc x = 1 − erf x`, in `f64` within 3 units in the last place, also where it is tiny.
    ///
    /// # Gradient
    /// `x̄ = −ȳ · 2/√π · exp(−x²)`.
    erfc = Erfc on -3.0..3.0
        => |x| (-x).increasing(#[inline(always)] |x| special::erfc(-x)), |x, y| (-(x * x)).map(Exp) * x.lit(-std::f64::consts::FRAC_2_SQRT_PI);

    /// Distribution function of the standard normal, `y = Φ(x) = (1 + erf(x/√2)) / 2`.
    ///
    /// # Gradient
    /// `x̄ = ȳ · exp(−x²/2) / √(2π)`.
    normal_cdf = NormalCdf on -3.0..3.0
        => |x| x.increasing(#[inline(always)] |x| special::normal_cdf(x)),
           |x, y| x.map(NormalPdf);

    /// Density of the standard normal, `y = φ(x) = exp(−x²/2) / √(2π)`.
    ///
    /// # Gradient
    /// `x̄ = −ȳ · x · y`.
    normal_pdf = NormalPdf on -3.0..3.0
        => |x| special::normal_pdf(x), |x, y| -(x.map(Clamp(-FLAT, FLAT)) * y);

    /// Gaussian error linear unit, `y = x · Φ(x)`.
    ///
    /// # Gradient
    /// `x̄ = ȳ · (Φ(x) + x · φ(x))`, with φ the standard normal density.
    ///
    /// Source: Hendrycks, Gimpel, "Gaussian Error Linear Units" (2016), §2.
    gelu = Gelu on -3.0..3.0
        => |x| x.maximum(F::of(-FLAT)) * NormalCdf.f(x),
           |x, y| x.map(Clamp(-FLAT, FLAT)).map(GeluSlope);

    /// Gaussian error linear unit in its form with tanh, `y = x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
    ///
    /// # Gradient
    /// With `s = sigmoid(2u)` and `u = √(2/π) (x + 0.044715 x³)`: `x̄ = ȳ · (s + 2x s (1 − s) du/dx)`.
    ///
    /// Source: Hendrycks, Gimpel, "Gaussian Error Linear Units" (2016), §2.
    gelu_tanh = GeluTanh on -3.0..3.0
        => |x| x.maximum(F::of(-FLAT)) * (F::of(2.0 * SQRT_2_OVER_PI) * (x + F::of(0.044715) * x * x * x)).lane_sigmoid(),
           |x, y| {
               let x = x.map(Clamp(-FLAT, FLAT));
               let s = ((x + x * x * x * x.lit(0.044715)) * x.lit(2.0 * SQRT_2_OVER_PI)).map(Sigmoid);
               let slope = (x.lit(1.0) + x * x * x.lit(3.0 * 0.044715)) * x.lit(2.0 * SQRT_2_OVER_PI);
               s + x * s * (s.lit(1.0) - s) * slope
           };

    /// Sigmoid linear unit, `y = x · sigmoid(x)`, also called swish.
    ///
    /// # Gradient
    /// With `s = sigmoid(x)`: `x̄ = ȳ · s (1 + x (1 − s))`.
    ///
    /// Source: Ramachandran, Zoph, Le, "Searching for Activation Functions" (2017).
    silu = Silu on -4.0..4.0
        => |x| x.maximum(F::of(-FLAT)) * x.lane_sigmoid(),
           |x, y| {
               let x = x.map(Clamp(-FLAT, FLAT));
               let s = x.map(Sigmoid);
               s * (s.lit(1.0) + x * (s.lit(1.0) - s))
           };

    /// Absolute value, `y = |x|`.
    ///
    /// # Gradient
    /// `x̄ = ȳ · sign x`: at 0 it is 0.
    abs = Abs on -2.0..2.0, kinks [0.0] => |x| x.abs(), |x, y| x.map(Sign);

    /// Sign, `y = −1, 0 or 1`; of both zeros 0, of NaN NaN.
    ///
    /// # Gradient
    /// 0 everywhere.
    sign = Sign on -2.0..2.0, kinks [0.0]; flat
        => |x| x.increasing(sign_of),
           |x, y| x.lit(0.0);

    /// Largest whole number that is not above x.
    ///
    /// # Gradient
    /// None: the value is constant almost everywhere. Who asks for one is told so.
    floor = Floor on -2.0..2.0, kinks [-1.0, 0.0, 1.0]; flat without rule: CONSTANT => |x| x.floor(), |x, y| x.lit(0.0);

    /// Smallest whole number that is not below x.
    ///
    /// # Gradient
    /// None: the value is constant almost everywhere. Who asks for one is told so.
    ceil = Ceil on -2.0..2.0, kinks [-1.0, 0.0, 1.0]; flat without rule: CONSTANT => |x| x.ceil(), |x, y| x.lit(0.0);

    /// Nearest whole number; of two that are equally near the even one, as NumPy and PyTorch have it.
    ///
    /// # Gradient
    /// None: the value is constant almost everywhere. Who asks for one is told so.
    round = Round on -2.0..2.0, kinks [-1.5, -0.5, 0.5, 1.5]; flat without rule: CONSTANT
        => |x| x.increasing(half_to_even), |x, y| x.lit(0.0);

    /// Whole part of x: the nearest whole number that is not farther from 0.
    ///
    /// # Gradient
    /// None: the value is constant almost everywhere. Who asks for one is told so.
    trunc = Trunc on -2.0..2.0, kinks [-1.0, 0.0, 1.0]; flat without rule: CONSTANT => |x| x.trunc(), |x, y| x.lit(0.0);

    /// Nearest value within bounds, `y = min(max(x, low), high)`; NaN stays NaN.
    ///
    /// # Gradient
    /// `x̄ = ȳ` where low ≤ x ≤ high, both bounds included, else 0.
    clamp = Clamp { low: f64, high: f64 } try -0.7, 1.1 on -2.0..2.0, kinks [-0.7, 1.1]
        => |x| x.increasing(|x| if x < F::of(low) { F::of(low) } else if x > F::of(high) { F::of(high) } else { x }),
           |x, y| x.map(Within(low, high));

    /// 1 where low ≤ x ≤ high, else 0.
    ///
    /// # Gradient
    /// 0 everywhere.
    within = Within { low: f64, high: f64 } try -0.7, 1.1 on -2.0..2.0, kinks [-0.7, 1.1]; flat
        => |x| {
               let (zero, one) = (F::zero(), F::one());
               // Of equal infinities the difference is NaN, which is not positive.
               let inside = (F::of(low) - x).if_positive(zero, (x - F::of(high)).if_positive(zero, one));
               if x.is_nan() { zero } else { inside }
           },
           |x, y| x.lit(0.0);

    /// Power with a whole exponent, `y = xⁿ`; `x⁰ = 1`, also of 0 and NaN.
    ///
    /// # Gradient
    /// `x̄ = ȳ · n · xⁿ⁻¹`, and 0 where n = 0.
    powi = Powi { exponent: i32 } try 3 on -2.0..2.0
        => |x| x.powi(exponent),
           |x, y| if exponent == 0 { x.lit(0.0) } else { x.lit(exponent as f64) * x.map(Powi(exponent - 1)) };

    /// Power with a fixed real exponent, `y = xᵉ`; `x⁰ = 1`, also of 0 and NaN.
    ///
    /// # Gradient
    /// `x̄ = ȳ · e · xᵉ⁻¹`, and 0 where e = 0.
    powf = Powf { exponent: f64 } try 2.7 on 0.2..3.0
        => |x| x.powf(F::of(exponent)),
           |x, y| if exponent == 0.0 { x.lit(0.0) } else { x.lit(exponent) * x.map(Powf(exponent - 1.0)) };

    /// Reciprocal that is 0 at 0, `y = 1/x`, for gradients whose convention at 0 is 0.
    ///
    /// # Gradient
    /// `x̄ = −ȳ · y²`.
    reciprocal_or_zero = ReciprocalOrZero on 0.4..3.0
        => |x| if x == F::zero() { F::zero() } else { x.recip() }, |x, y| -(y * y);
}

/// `Φ(x) + x φ(x)`, the derivative of gelu.
#[derive(Clone, Copy, Debug)]
struct GeluSlope;

impl Unary for GeluSlope {
    const NAME: &'static str = "gelu_slope";

    #[inline(always)]
    fn f<F: Float>(self, x: F) -> F {
        special::gelu_slope(x)
    }

    #[inline(always)]
    fn df<S: Scalar>(self, x: S, _: S) -> S {
        x.map(NormalPdf) * (x.lit(2.0) - x * x)
    }
}

/// x where it is above 0, else `alpha · (eˣ − 1)`, which rises unless `alpha` is negative.
#[inline(always)]
fn elu<F: Float>(x: F, alpha: F) -> F {
    if alpha < F::zero() {
        return x.if_positive(x, alpha * x.lane_exp_m1());
    }
    x.increasing(
        #[inline(always)]
        |x| if x > F::zero() { x } else { alpha * x.lane_exp_m1() },
    )
}

/// −1, 0 or 1.
#[inline]
fn sign_of<F: Float>(x: F) -> F {
    if x > F::zero() {
        F::one()
    } else if x < F::zero() {
        -F::one()
    } else if x.is_nan() {
        x
    } else {
        F::zero()
    }
}

/// The nearest whole number, and of two the even one.
#[inline]
fn half_to_even<F: Float>(x: F) -> F {
    let (nearest, half) = (x.round(), F::of(0.5));
    // `round` goes away from 0 where two are equally near.
    if (x - x.trunc()).abs() == half { (x * half).round() / half } else { nearest }
}
