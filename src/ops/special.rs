//! The normal distribution function, from the error function, for any scalar.
//!
//! Source: Cody, "Rational Chebyshev Approximations for the Error Function", Mathematics of Computation 23 (1969).

#![allow(clippy::excessive_precision, reason = "the constants stand as published")]

use crate::float::Float;

/// `a₀ + a₁ x + a₂ x² + …`.
#[inline]
fn polynomial<T: Float>(x: T, coefficients: &[f64]) -> T {
    coefficients.iter().rev().fold(T::zero(), |sum, &c| sum * x + T::of(c))
}

/// Distribution function of the standard normal, `Φ(x) = ½ erfc(−x/√2)`, with small relative error also where it is tiny.
pub(crate) fn normal_cdf<T: Float>(x: T) -> T {
    let half = T::of(0.5);
    let size = x.abs();
    let z = size * T::of(std::f64::consts::FRAC_1_SQRT_2);
    if z < T::of(0.46875) {
        return half + half * erf_near_zero(x * T::of(std::f64::consts::FRAC_1_SQRT_2));
    }
    // The exponential is taken of x itself: the rounding error of x/√2 would be magnified by it.
    let tail = half * exp_minus_half_square(size) * if z <= T::of(4.0) { scaled_near(z) } else { scaled_far(z) };
    if x > T::zero() { T::one() - tail } else { tail }
}

/// The error function where |x| < 0.46875.
fn erf_near_zero<T: Float>(x: T) -> T {
    let numerator =
        [3209.37758913846947, 377.485237685302021, 113.864154151050156, 3.16112374387056560, 0.185777706184603153];
    let denominator = [2844.23683343917062, 1282.61652607737228, 244.024637934444173, 23.6012909523441209, 1.0];
    x * polynomial(x * x, &numerator) / polynomial(x * x, &denominator)
}

/// `exp(x²) erfc(x)` where 0.46875 ≤ x ≤ 4.
fn scaled_near<T: Float>(x: T) -> T {
    let numerator = [
        1230.33935479799725,
        2051.07837782607147,
        1712.04761263407058,
        881.952221241769090,
        298.635138197400131,
        66.1191906371416295,
        8.88314979438837594,
        0.564188496988670089,
        2.15311535474403846e-8,
    ];
    let denominator = [
        1230.33935480374942,
        3439.36767414372164,
        4362.61909014324716,
        3290.79923573345963,
        1621.38957456669019,
        537.181101862009858,
        117.693950891312499,
        15.7449261107098347,
        1.0,
    ];
    polynomial(x, &numerator) / polynomial(x, &denominator)
}

/// `exp(x²) erfc(x)` where x > 4.
fn scaled_far<T: Float>(x: T) -> T {
    let numerator = [
        6.58749161529837803e-4,
        1.60837851487422766e-2,
        0.125781726111229246,
        0.360344899949804439,
        0.305326634961232344,
        1.63153871373020978e-2,
    ];
    let denominator = [
        2.33520497626869185e-3,
        6.05183413124413191e-2,
        0.527905102951428412,
        1.87295284992346725,
        2.56852019228982242,
        1.0,
    ];
    let square = T::one() / (x * x);
    let series = square * polynomial(square, &numerator) / polynomial(square, &denominator);
    (T::of(0.564189583547756287) - series) / x
}

/// `exp(−x²/2)`. The square is taken of x cut to sixteenths, where it is exact, since its rounding error would be magnified. What
/// is cut off may be of either sign, so the cut is one of an `f32`, and a single number for every scalar.
fn exp_minus_half_square<T: Float>(x: T) -> T {
    let cut = T::of(f64::from((x.to_f32().unwrap_or(f32::NAN) * 16.0).trunc() / 16.0));
    if !cut.is_finite() {
        return (-x).exp();
    }
    let half = T::of(0.5);
    (-(cut * cut) * half).exp() * (-(x - cut) * (x + cut) * half).exp()
}
