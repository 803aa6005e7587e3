//! The error function and what is made of it, for any scalar.
//!
//! Near 0 `erf x = x + x·P(x²)`, where P is small, so that the sum is rounded once. Elsewhere
//! `erfc x = exp(−x²) · exp(L(x)) / (1 + 2x)`, and L, which is small and smooth as far as ∞, joins the part of the exponent that is
//! small too. In `f64` the errors are at most 2 units in the last place of erf, 3 of erfc and 4 of the normal distribution.
//!
//! P and L are near-minimax polynomials, made with mpmath's `chebyfit` at 50 digits. L is one in `y = (x − 2) / (x + 2)`.
//! Source of that variable: Shepherd and Laframboise, "Chebyshev Approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞",
//! Mathematics of Computation 36 (1981).

#![allow(clippy::excessive_precision, reason = "the constants stand as they were computed")]

use crate::float::Float;

/// Up to here erf is computed by P, from here on erfc by L.
const NEAR: f64 = 0.84375;

/// `P(t) = erf(√t)/√t − 1`, to an error of 2e-19.
const P: [f64; 12] = [
    0.1283791670955126,
    -0.3761263890318375,
    0.11283791670954745,
    -0.026866170645031,
    0.005223977624080742,
    -0.000854832691425112,
    0.00012055327421282683,
    -1.4925463570287675e-05,
    1.6457914349746103e-06,
    -1.630309508468887e-07,
    1.4205594850504056e-08,
    -8.879702704985848e-10,
];

/// `L(x) = ln((1 + 2x) exp(x²) erfc x)` in `(x − 2) / (x + 2)`, to an error of 4e-18.
const L: [f64; 24] = [
    0.2444966478174628,
    -0.07264322397765667,
    -0.13265669315809736,
    0.11889561023115701,
    -0.042272689366178576,
    0.006727061444309194,
    -0.006017066453116553,
    0.006344898176240727,
    -0.00224576656179462,
    0.000446065622710277,
    -0.0006984015207208523,
    0.0005041189450893554,
    -0.00010995595626255913,
    6.867000821960172e-05,
    -8.634197210894715e-05,
    3.166619375039312e-05,
    -8.939244732052654e-06,
    1.1333864476911111e-05,
    -5.306863880261991e-06,
    3.0440743543491687e-06,
    -5.756814584743483e-06,
    4.680296429085921e-06,
    -1.628970607077335e-06,
    2.1182078578627545e-07,
];

/// `a₀ + a₁ x + a₂ x² + …`, of which there is a multiple of four: four sums in x⁴ side by side, none of which waits for another.
#[inline]
fn polynomial<T: Float>(x: T, coefficients: &[f64]) -> T {
    let (blocks, _) = coefficients.as_chunks::<4>();
    let (square, zero) = (x * x, T::zero());
    let step = |sums: [T; 4], c: &[f64; 4]| std::array::from_fn(|i| sums[i] * (square * square) + T::of(c[i]));
    let [a, b, c, d] = blocks.iter().rev().fold([zero; 4], step);
    (a + b * x) + (c + d * x) * square
}

/// Error function, `erf x = 2/√π ∫₀ˣ exp(−t²) dt`.
pub(crate) fn erf<T: Float>(x: T) -> T {
    let size = x.abs();
    if size < T::of(NEAR) {
        return x + x * polynomial(x * x, &P);
    }
    let rest = T::one() - tail(size, size, T::one());
    if x < T::zero() { -rest } else { rest }
}

/// Complementary error function, `erfc x = 1 − erf x`, with small relative error also where it is tiny.
pub(crate) fn erfc<T: Float>(x: T) -> T {
    let size = x.abs();
    if size < T::of(NEAR) {
        let (half, excess) = (T::of(0.5), x * polynomial(x * x, &P));
        // x − ½ is exact there, and what is then taken from ½ is smaller than erf x.
        return if x < T::of(0.25) { T::one() - (x + excess) } else { half - ((x - half) + excess) };
    }
    let tail = tail(size, size, T::one());
    if x < T::zero() { T::of(2.0) - tail } else { tail }
}

/// Distribution function of the standard normal, `Φ(x) = ½ erfc(−x/√2)`, with small relative error also where it is tiny.
pub(crate) fn normal_cdf<T: Float>(x: T) -> T {
    let (half, scale) = (T::of(0.5), T::of(std::f64::consts::FRAC_1_SQRT_2));
    let size = x.abs();
    if size * scale < T::of(NEAR) {
        return half * erfc(-x * scale);
    }
    // The exponential is taken of x itself: the rounding error of x/√2 would be magnified by it.
    let tail = half * tail(size, size * scale, half);
    if x > T::zero() { T::one() - tail } else { tail }
}

/// `erfc z` where `z = √c · x` is above [`NEAR`], and c is 1 or ½.
///
/// The square is taken of x cut to multiples of 1/256, where it is exact, since its rounding error would be magnified. What is cut off
/// may be of either sign, so the cut is one of an `f32`, and a single number for every scalar.
fn tail<T: Float>(x: T, z: T, c: T) -> T {
    let cut = T::of(f64::from((x.to_f32().unwrap_or(f32::NAN) * 256.0).trunc() / 256.0));
    if !cut.is_finite() {
        return (-x).exp();
    }
    let two = T::of(2.0);
    let y = T::one() - T::of(4.0) / (z + two);
    (-(cut * cut) * c).exp() * (polynomial(y, &L) - (x - cut) * (x + cut) * c).exp() / (T::one() + two * z)
}
