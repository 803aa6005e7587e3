//! The error function and what is made of it, for any scalar.
//!
//! Near 0 `erf x = x + x·P(x²)`, where P is small, so that the sum is rounded once. Elsewhere
//! `erfc x = exp(−x²) · exp(L(x)) / (1 + 2x)`, and L, which is small and smooth as far as ∞, joins the part of the exponent that is
//! small too; for `f32` a polynomial Q is multiplied with the exponential instead. In `f64` the errors are at most 2 units in the last place
//! of erf, 3 of erfc and 4 of the normal distribution; in `f32` 2 of erf, and 9 of the others where they are below 1e-30.
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

/// As [`P`], to an error of 3e-12, for numbers of no more digits than `f32` has.
const SHORT_P: [f64; 8] = [
    0.128379167093007,
    -0.37612638858109004,
    0.11283790337501085,
    -0.02686601995809338,
    0.005223138235669831,
    -0.0008522779413950907,
    0.00011619446431983207,
    -1.0940391869317452e-05,
];

/// Up to a factor, in w, what is left of erfc for numbers of no more digits than `f32` has: `erfc x / (exp(−x²) (1 − w))` for
/// `w = cx / (1 + cx)`, to an error of 6e-9 up to 10, from where on erfc is 0 in `f32`. At 0 it is exactly 1.
const SHORT_Q: [f64; 10] = [
    1.0,
    -1.7513266012506028,
    1.4426676089251123,
    -0.32320423051656594,
    -0.2796636285508932,
    0.08182457742498551,
    0.0788163738977856,
    0.05344728731765337,
    -0.10761935982964396,
    0.03646568932368245,
];

/// The c in it.
const SHORT_C: f64 = 0.29 * std::f64::consts::SQRT_2;

/// `a₀ + a₁ x + a₂ x² + …`, of which there is a multiple of four: four sums in x⁴ side by side, none of which waits for another.
#[inline(always)]
fn polynomial<T: Float>(x: T, coefficients: &[f64]) -> T {
    let (blocks, _) = coefficients.as_chunks::<4>();
    let (square, last) = (x * x, blocks[blocks.len() - 1]);
    let (mut a, mut b, mut c, mut d) = (T::of(last[0]), T::of(last[1]), T::of(last[2]), T::of(last[3]));
    for block in blocks[..blocks.len() - 1].iter().rev() {
        a = a * (square * square) + T::of(block[0]);
        b = b * (square * square) + T::of(block[1]);
        c = c * (square * square) + T::of(block[2]);
        d = d * (square * square) + T::of(block[3]);
    }
    (a + b * x) + (c + d * x) * square
}

/// Whether a scalar has so few digits that the short polynomials serve.
#[inline(always)]
fn has_few_digits<T: Float>() -> bool {
    T::epsilon() > T::of(1e-8)
}

/// `erf x − x` for small x.
#[inline(always)]
fn near_excess<T: Float>(x: T) -> T {
    x * if has_few_digits::<T>() { polynomial(x * x, &SHORT_P) } else { polynomial(x * x, &P) }
}

// Both branches are computed, and one is chosen, so that loops over these functions become vectors.

/// Error function, `erf x = 2/√π ∫₀ˣ exp(−t²) dt`.
#[inline(always)]
pub(crate) fn erf<T: Float>(x: T) -> T {
    let size = x.abs();
    let near = x + near_excess(x);
    let rest = T::one() - tail(size, size, T::one());
    let far = if x < T::zero() { -rest } else { rest };
    if size < T::of(NEAR) { near } else { far }
}

/// Complementary error function, `erfc x = 1 − erf x`, with small relative error also where it is tiny.
#[inline(always)]
pub(crate) fn erfc<T: Float>(x: T) -> T {
    let size = x.abs();
    let near = near_erfc(x);
    let tail = tail(size, size, T::one());
    let far = if x < T::zero() { T::of(2.0) - tail } else { tail };
    if size < T::of(NEAR) { near } else { far }
}

/// `erfc x` for small x.
#[inline(always)]
fn near_erfc<T: Float>(x: T) -> T {
    let (half, excess) = (T::of(0.5), near_excess(x));
    // x − ½ is exact where it is used, and what is then taken from ½ is smaller than erf x.
    let (below, above) = (T::one() - (x + excess), half - ((x - half) + excess));
    if x < T::of(0.25) { below } else { above }
}

/// Distribution function of the standard normal, `Φ(x) = ½ erfc(−x/√2)`, with small relative error also where it is tiny.
#[inline(always)]
pub(crate) fn normal_cdf<T: Float>(x: T) -> T {
    let (half, scale) = (T::of(0.5), T::of(std::f64::consts::FRAC_1_SQRT_2));
    let size = x.abs();
    if has_few_digits::<T>() {
        return normal_cdf_by(size.lane_bell(half), x);
    }
    let near = half * near_erfc(-x * scale);
    // The exponential is taken of x itself: the rounding error of x/√2 would be magnified by it.
    let tail = half * tail(size, size * scale, half);
    let far = if x > T::zero() { T::one() - tail } else { tail };
    if size * scale < T::of(NEAR) { near } else { far }
}

/// [`normal_cdf`] for numbers of few digits, from `exp(−x²/2)`. The relative error of its tail is small on either side of 0.
#[inline(always)]
fn normal_cdf_by<T: Float>(bell: T, x: T) -> T {
    let (half, scale) = (T::of(0.5), T::of(std::f64::consts::FRAC_1_SQRT_2));
    let tail = half * (bell * beside_bell(x.abs() * scale));
    if x > T::zero() { T::one() - tail } else { tail }
}

/// The derivative `Φ(x) + x φ(x)` of `x Φ(x)`, with one exponential where that serves both.
#[inline(always)]
pub(crate) fn gelu_slope<T: Float>(x: T) -> T {
    if T::VECTORS && has_few_digits::<T>() {
        let bell = x.abs().lane_bell(T::of(0.5));
        return normal_cdf_by(bell, x) + x * (bell * T::of(DENSITY));
    }
    let cdf = x.increasing(
        #[inline(always)]
        |x| normal_cdf(x),
    );
    cdf + x * normal_pdf(x)
}

/// `1/√(2π)`.
const DENSITY: f64 = 0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;

/// Density of the standard normal, `φ(x) = exp(−x²/2) / √(2π)`.
#[inline(always)]
pub(crate) fn normal_pdf<T: Float>(x: T) -> T {
    x.abs().lane_bell(T::of(0.5)) * T::of(DENSITY)
}

/// Beyond this erfc is 0.
const FLAT: f64 = 1000.0;

/// `erfc z` where `z = √c · x`, and c is 1 or ½; for scalars with many digits z is above [`NEAR`].
///
/// The square is taken of x rounded to multiples of 1/256, where it is exact, since its rounding error would be magnified. What is left
/// may be of either sign, so the rounded one is that of an `f32`, and a single number for every scalar.
#[inline(always)]
fn tail<T: Float>(x: T, z: T, c: T) -> T {
    /// Added to a moderate number it leaves no digit behind the point.
    const WHOLE: f32 = 12_582_912.0;
    if has_few_digits::<T>() {
        return x.lane_bell(c) * beside_bell(z);
    }
    let flat = T::of(FLAT);
    let (x, z) = (if x > flat { flat } else { x }, if z > flat { flat } else { z });
    let rounded = T::of(f64::from(((x.to_f32().unwrap_or(f32::NAN) * 256.0 + WHOLE) - WHOLE) / 256.0));
    let two = T::of(2.0);
    let y = T::one() - T::of(4.0) / (z + two);
    let rest = polynomial(y, &L) - (x - rounded) * (x + rounded) * c;
    (-(rounded * rounded) * c).lane_exp() * rest.lane_exp() / (T::one() + two * z)
}

/// `erfc z / exp(−z²)` for positive z and numbers of few digits.
#[inline(always)]
fn beside_bell<T: Float>(z: T) -> T {
    let flat = T::of(FLAT);
    let w = if z > flat { flat } else { z } * T::of(SHORT_C);
    let beside = (T::one() + w).recip();
    let w = w * beside;
    let mut q = T::of(SHORT_Q[SHORT_Q.len() - 1]);
    for i in (0..SHORT_Q.len() - 1).rev() {
        q = q * w + T::of(SHORT_Q[i]);
    }
    beside * q
}
