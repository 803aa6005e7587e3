//! The error function, for any scalar.
//!
//! Source: Cody, "Rational Chebyshev Approximations for the Error Function", Mathematics of Computation 23 (1969).

#![allow(clippy::excessive_precision, reason = "the constants stand as published")]

use crate::float::Float;

/// `a₀ + a₁ x + a₂ x² + …`.
#[inline]
fn polynomial<T: Float>(x: T, coefficients: &[f64]) -> T {
    coefficients.iter().rev().fold(T::zero(), |sum, &c| sum * x + T::of(c))
}

/// `2/√π ∫ₓ^∞ exp(−t²) dt`, with small relative error also where it is tiny.
pub(crate) fn erfc<T: Float>(x: T) -> T {
    let size = x.abs();
    if size < T::of(0.46875) {
        return T::one() - erf_near_zero(x);
    }
    let tail = if size <= T::of(4.0) { tail_near(size) } else { tail_far(size) };
    if x > T::zero() { tail } else { T::of(2.0) - tail }
}

/// The error function where |x| < 0.46875.
fn erf_near_zero<T: Float>(x: T) -> T {
    let numerator =
        [3209.37758913846947, 377.485237685302021, 113.864154151050156, 3.16112374387056560, 0.185777706184603153];
    let denominator = [2844.23683343917062, 1282.61652607737228, 244.024637934444173, 23.6012909523441209, 1.0];
    x * polynomial(x * x, &numerator) / polynomial(x * x, &denominator)
}

/// The complement where 0.46875 ≤ x ≤ 4.
fn tail_near<T: Float>(x: T) -> T {
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
    exp_minus_square(x) * polynomial(x, &numerator) / polynomial(x, &denominator)
}

/// The complement where x > 4.
fn tail_far<T: Float>(x: T) -> T {
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
    exp_minus_square(x) * (T::of(0.564189583547756287) - series) / x
}

/// `exp(−x²)`. The square is taken of x cut to sixteenths, where it is exact, since its rounding error would be magnified.
fn exp_minus_square<T: Float>(x: T) -> T {
    let cut = (x * T::of(16.0)).trunc() / T::of(16.0);
    if !cut.is_finite() {
        return (-x).exp();
    }
    (-cut * cut).exp() * (-(x - cut) * (x + cut)).exp()
}
