//! The peak of the processor: as many fused multiply-adds as its threads can do from registers, which limits every matrix product.

use std::array::from_fn;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::Work;
use pulp::{Arch, Simd, WithSimd};

/// Sums to which a thread adds in turn: two units whose results take 4 or 5 cycles need 8 or 10, and AVX2 has 16 registers.
const SUMS: usize = 12;

/// Multiply-adds of a piece: tens of µs, so that the threads end together, even if others take a part of one's processor.
const PIECE: usize = SUMS << 18;

/// Pieces of a call for each thread: milliseconds.
const PIECES: usize = 64;

/// The multiply-adds of a piece, by vectors of the widest instructions that there are, in either scalar. Each adds 1 to a sum, and the
/// sums begin with numbers that cancel out, so that the total of all lanes is the number of multiply-adds.
struct Single;
struct Double;

impl WithSimd for Single {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let sums = piece(S::F32_LANES, |x| simd.splat_f32s(x as f32), |a, b, c| simd.mul_add_f32s(a, b, c));
        sums.map(|sum| f64::from(simd.reduce_sum_f32s(sum))).iter().sum()
    }
}

impl WithSimd for Double {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let sums = piece(S::F64_LANES, |x| simd.splat_f64s(x), |a, b, c| simd.mul_add_f64s(a, b, c));
        sums.map(|sum| simd.reduce_sum_f64s(sum)).iter().sum()
    }
}

#[inline(always)]
fn piece<V: Copy>(lanes: usize, splat: impl Fn(f64) -> V, mul_add: impl Fn(V, V, V) -> V) -> [V; SUMS] {
    let [a, b] = black_box([2.0, 0.5]).map(&splat);
    let mut sums = from_fn(|i| splat(2.0 * i as f64 - (SUMS - 1) as f64));
    for _ in 0..PIECE / SUMS / lanes {
        sums.iter_mut().for_each(|sum| *sum = mul_add(a, b, *sum));
    }
    sums
}

/// Shares the pieces of a call among the threads of rayon's pool; the number that it answers with is that of a call's operations.
pub fn peak(scalar: &str) -> Option<Work> {
    let total: fn() -> f64 = match scalar {
        "f32" => || Arch::new().dispatch(Single),
        "f64" => || Arch::new().dispatch(Double),
        _ => return None,
    };
    let pieces = PIECES * rayon::current_num_threads();
    let call = move || {
        let taken = AtomicUsize::new(0);
        let is_next = || taken.fetch_add(1, Ordering::Relaxed) < pieces;
        let totals = rayon::broadcast(|_| std::iter::from_fn(|| is_next().then(total)).sum::<f64>());
        assert_eq!(totals.iter().sum::<f64>(), (pieces * PIECE) as f64, "a multiply-add was left out");
    };
    Work::new(vec![2.0 * (pieces * PIECE) as f64], call)
}
