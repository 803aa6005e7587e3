//! Loops compiled for several instruction sets, of which the widest that the processor has is taken when they run.
//!
//! What is compiled so is inlined as a whole: a closure and all that it calls must be `#[inline(always)]`, or small enough that the
//! compiler inlines it anyway. What it calls but does not inline is right all the same, and slow. Products and sums are never contracted,
//! so each instruction set gives the same bits.

#![allow(unsafe_code, reason = "a function for an instruction set may only be called where there is one")]

use crate::float::Float;

/// `f`, compiled for the widest instructions that the processor has where `T` is a type that profits.
///
/// Without optimisation nothing becomes vectors, and nothing is compiled twice.
#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "it is used where there is a choice")]
pub(crate) fn widest<T: Float, R>(f: impl FnOnce() -> R) -> R {
    #[cfg(all(target_arch = "x86_64", not(debug_assertions)))]
    if T::VECTORS {
        if has_avx512() {
            // SAFETY: the processor has these instructions, as has just been asked.
            return unsafe { with_avx512(f) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has these instructions, as has just been asked.
            return unsafe { with_avx2(f) };
        }
    }
    f()
}

#[cfg(all(target_arch = "x86_64", any(test, not(debug_assertions))))]
#[inline]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

#[cfg(all(target_arch = "x86_64", any(test, not(debug_assertions))))]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn with_avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(all(target_arch = "x86_64", any(test, not(debug_assertions))))]
#[target_feature(enable = "avx2")]
fn with_avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::kernel::fold::fold_slice;
    use crate::kernel::math;

    /// What `work` gives, by each instruction set that the processor has.
    fn all<R>(work: impl Fn() -> R) -> Vec<R> {
        let mut results = vec![work()];
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has these instructions, as has just been asked.
            results.push(unsafe { with_avx2(&work) });
        }
        if has_avx512() {
            // SAFETY: the processor has these instructions, as has just been asked.
            results.push(unsafe { with_avx512(&work) });
        }
        results
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let xs: Vec<f32> = (0..3000).map(|i| f32::from_bits(i * 1_431_655)).collect();
        let functions = [math::exp, math::exp_m1, math::ln, math::ln_1p, math::tanh, math::sigmoid];
        for f in functions {
            let bits = all(|| xs.iter().map(|&x| f(x).to_bits()).collect::<Vec<_>>());
            assert!(bits.iter().all(|b| *b == bits[0]));
        }
        let bells = all(|| xs.iter().map(|&x| math::bell(x, 0.5).to_bits()).collect::<Vec<_>>());
        assert!(bells.iter().all(|b| *b == bells[0]));
        let wide: Vec<f64> = (0..3000).map(|i| f64::from(i) * 0.37 - 500.0).collect();
        for f in [math::exp, math::exp_m1, math::ln, math::ln_1p, math::tanh, math::sigmoid] {
            let bits = all(|| wide.iter().map(|&x: &f64| f(x).to_bits()).collect::<Vec<_>>());
            assert!(bits.iter().all(|b| *b == bits[0]));
        }
        for n in [1, 127, 128, 129, 1000, 3000] {
            let sums = all(|| fold_slice(&wide[..n], false, &|x| x, &|a, b| a + b).to_bits());
            assert!(sums.iter().all(|sum| *sum == sums[0]));
        }
    }
}
