//! The element type of differentiable tensors.

use std::fmt::Debug;

use crate::storage::LocalFreeList;

/// A routine that computes `C ← α·A·B + β·C` on strided matrices, with the signature of matrixmultiply's `sgemm`:
/// sizes `m, k, n`; `α`; `A` with its row and column strides; `B` with its own; `β`; `C` with its own.
///
/// It is called with `α = 1`, and with `β` 0 or 1. With `β = 0` it must not read `C`.
#[rustfmt::skip]
pub type Gemm<T> = unsafe fn(
    usize, usize, usize, T, *const T, isize, isize, *const T, isize, isize, T, *mut T, isize, isize,
);

/// A real scalar that tensors compute with and tapes differentiate: `f32`, `f64`, or a type of your own.
///
/// The arithmetic comes from [`num_traits::Float`]. The methods here are hooks: some through which a type says what the machine
/// can do for it, and some for decisions, which a type whose values are not single numbers makes otherwise. A type of your own
/// that is ordered as numbers are needs none of them.
///
/// # Examples
/// A number of your own that implements [`num_traits::Float`] becomes an element type with one line,
/// `impl rensa::Float for Mine {}`; `tests/own_scalar.rs` does it.
pub trait Float: num_traits::Float + Debug + Send + Sync + 'static {
    /// Whether it has so few digits, or so small a range, that sums, products of matrices and functions are computed in `f32` and
    /// rounded once, as of `f16` and `bf16`.
    const NARROW: bool = false;

    /// Whether the compiler makes vectors of its arithmetic, so that loops over it are worth compiling for several instruction
    /// sets, as those over `f32` and `f64` are.
    const VECTORS: bool = false;

    /// The type's own matrix product; without one a generic blocked product is used.
    #[inline]
    fn gemm() -> Option<Gemm<Self>> {
        None
    }

    /// The free list that this thread recycles blocks of this type through; without one they are freed.
    #[inline]
    #[doc(hidden)]
    fn free_list() -> Option<LocalFreeList<Self>> {
        None
    }

    /// The value nearest to `x`.
    ///
    /// # Panics
    /// If the type cannot represent numbers, which no [`num_traits::Float`] may do.
    #[inline]
    fn of(x: f64) -> Self {
        <Self as num_traits::NumCast>::from(x).expect("a Float represents every f64, rounded")
    }

    /// The larger of the two; NaN if either is, as NumPy's `maximum`. Of equal ones `other`.
    #[inline]
    fn maximum(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }

    /// The smaller of the two; NaN if either is, as NumPy's `minimum`. Of equal ones `other`.
    #[inline]
    fn minimum(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }

    /// `a` if it is above 0, else `b`, also where it is NaN.
    ///
    /// Code for every scalar branches by this rather than by a comparison: of an interval that reaches across 0 neither branch is
    /// the answer, but what encloses both.
    #[inline]
    fn if_positive(self, a: Self, b: Self) -> Self {
        if self > Self::zero() { a } else { b }
    }

    /// `f` of it, where `f` never falls. A type that stands for many numbers may ask `f` about its ends alone, each of which is
    /// a single number, so that `f` may branch.
    #[inline]
    fn increasing(self, f: impl Fn(Self) -> Self) -> Self {
        f(self)
    }

    // What loops over elements call in place of the functions of the same names in `num_traits`: a form that becomes vectors.

    /// `eˣ` in a loop over elements.
    #[inline]
    fn lane_exp(self) -> Self {
        self.exp()
    }

    /// `eˣ` in a loop over elements, where x is at most 0; what is below the smallest normal number may be 0.
    #[inline]
    fn lane_decay(self) -> Self {
        self.exp()
    }

    /// `exp(−c x²)` in a loop over elements, where c is 1 or ½, without the rounding error of the square, which the exponential would
    /// magnify; what is below the smallest normal number may be 0.
    #[inline]
    fn lane_bell(self, c: Self) -> Self {
        /// Added to a moderate number it leaves no digit behind the point.
        const WHOLE: f32 = 12_582_912.0;
        // Farther out it is 0, and so it shall be at ∞.
        let x = self.maximum(Self::of(-1000.0)).minimum(Self::of(1000.0));
        // Rounded to multiples of 1/256 x has an exact square. What is left may be of either sign, so the rounded one is that of an `f32`,
        // and a single number for every scalar.
        let rounded = ((x.to_f32().unwrap_or(f32::NAN) * 256.0 + WHOLE) - WHOLE) / 256.0;
        let rounded = Self::of(f64::from(rounded));
        (-(rounded * rounded) * c).exp() * (-(x - rounded) * (x + rounded) * c).exp()
    }

    /// `eˣ − 1` in a loop over elements.
    #[inline]
    fn lane_exp_m1(self) -> Self {
        self.exp_m1()
    }

    /// `ln x` in a loop over elements.
    #[inline]
    fn lane_ln(self) -> Self {
        self.ln()
    }

    /// `ln(1 + x)` in a loop over elements.
    #[inline]
    fn lane_ln_1p(self) -> Self {
        self.ln_1p()
    }

    /// `tanh x` in a loop over elements.
    #[inline]
    fn lane_tanh(self) -> Self {
        self.tanh()
    }

    /// `1 / (1 + e⁻ˣ)` in a loop over elements, by the branch whose exponential is at most 1.
    #[inline]
    fn lane_sigmoid(self) -> Self {
        // At 0 both parts are of one branch: a dual number's derivative is that of the branch, and `|x|` has none there.
        self.increasing(|x| {
            let positive = x > Self::zero();
            let e = if positive { -x } else { x }.exp();
            (if positive { Self::one() } else { e }) / (Self::one() + e)
        })
    }
}
