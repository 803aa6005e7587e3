//! The element type of differentiable tensors.

use std::fmt::Debug;

use crate::storage::LocalFreeList;

/// A routine that computes `C ← α·A·B + β·C` on strided matrices, with the signature of matrixmultiply's `sgemm`:
/// sizes `m, k, n`; `α`; `A` with its row and column strides; `B` with its own; `β`; `C` with its own.
///
/// With `β = 0` it must not read `C`.
#[rustfmt::skip]
pub type Gemm<T> = unsafe fn(
    usize, usize, usize, T, *const T, isize, isize, *const T, isize, isize, T, *mut T, isize, isize,
);

/// A real scalar that tensors compute with and tapes differentiate: `f32`, `f64`, or a type of your own.
///
/// The arithmetic comes from [`num_traits::Float`]. The methods here are hooks through which a type says what the machine
/// can do for it; a type of your own needs none of them.
///
/// # Examples
/// A dual number that implements [`num_traits::Float`] becomes an element type with one line, `impl rensa::Float for Dual {}`;
/// `tests/own_scalar.rs` does it.
pub trait Float: num_traits::Float + Debug + Send + Sync + 'static {
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
}
