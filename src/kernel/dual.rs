//! What the machine has for dual numbers: three products of their parts, where the inner scalar has a product of its own.

#![allow(unsafe_code, reason = "the kernels take raw pointers")]

use num_traits::Float as _;

use crate::float::{Float, Gemm};
use crate::scalar::Dual;

impl<F: Float> Float for Dual<F> {
    fn gemm() -> Option<Gemm<Self>> {
        F::gemm().and(Some(gemm::<F>))
    }

    #[inline]
    fn maximum(self, other: Self) -> Self {
        let value = self.value().maximum(other.value());
        if self.is_nan() || other.is_nan() {
            return if self.is_nan() { self } else { other };
        }
        Dual::new(value, (self.value() - other.value()).if_positive(self.derivative(), other.derivative()))
    }

    #[inline]
    fn minimum(self, other: Self) -> Self {
        let value = self.value().minimum(other.value());
        if self.is_nan() || other.is_nan() {
            return if self.is_nan() { self } else { other };
        }
        Dual::new(value, (other.value() - self.value()).if_positive(self.derivative(), other.derivative()))
    }

    #[inline]
    fn if_positive(self, a: Self, b: Self) -> Self {
        Dual::choose(self.value(), a, b)
    }
}

/// `C ← α·A·B + β·C` as three products of values and derivatives, `C + C'ε` from `A·B + (A'·B + A·B')ε`.
///
/// # Safety
/// As [`Gemm`] demands: all places that the strides reach lie in the operands, and `C` is nobody else's.
#[allow(clippy::too_many_arguments, reason = "the signature of a matrix product")]
unsafe fn gemm<F: Float>(
    m: usize,
    k: usize,
    n: usize,
    alpha: Dual<F>,
    a: *const Dual<F>,
    rsa: isize,
    csa: isize,
    b: *const Dual<F>,
    rsb: isize,
    csb: isize,
    beta: Dual<F>,
    c: *mut Dual<F>,
    rsc: isize,
    csc: isize,
) {
    let inner = F::gemm().expect("only then this one is handed out");
    debug_assert!(alpha.derivative().is_zero() && beta.derivative().is_zero(), "factors are constants");
    let part = |a: *const F, b: *const F, beta: F, c: *mut F| {
        let [rsa, csa, rsb, csb, rsc, csc] = [rsa, csa, rsb, csb, rsc, csc].map(|stride| stride.wrapping_mul(2));
        // SAFETY: a dual number is a pair of inner ones, value first (`repr(C)`). So the values of a matrix of them are a matrix
        // of inner ones with twice the strides, and the derivatives another one that starts one place later; both lie where the
        // dual numbers lie. A stride whose double overflows belongs to an axis of one element and is not used.
        unsafe { inner(m, k, n, alpha.value(), a, rsa, csa, b, rsb, csb, beta, c, rsc, csc) }
    };
    let (a, b, c) = (a.cast::<F>(), b.cast::<F>(), c.cast::<F>());
    let (da, db, dc) = (a.wrapping_add(1), b.wrapping_add(1), c.wrapping_add(1));
    part(da, b, beta.value(), dc);
    part(a, db, F::one(), dc);
    part(a, b, beta.value(), c);
}
