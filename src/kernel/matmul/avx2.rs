//! The vectors of AVX2 with FMA.

use std::arch::x86_64::*;

use super::simd::{compiled, simd};

// Of 16 registers a tile of 6 rows and 2 vectors takes 12 for sums, 2 for a row of B, and leaves 2.
compiled!(Avx2, "avx2,fma", 1 2 3 4 5 6);
#[rustfmt::skip]
simd!(
    Avx2, f32, __m256, __m256i, 8, mask_f32, _mm256_setzero_ps, _mm256_set1_ps, _mm256_loadu_ps, load_some_f32,
    _mm256_storeu_ps, _mm256_maskstore_ps, _mm256_add_ps, _mm256_fmadd_ps, transpose_f32
);
#[rustfmt::skip]
simd!(
    Avx2, f64, __m256d, __m256i, 4, mask_f64, _mm256_setzero_pd, _mm256_set1_pd, _mm256_loadu_pd, load_some_f64,
    _mm256_storeu_pd, _mm256_maskstore_pd, _mm256_add_pd, _mm256_fmadd_pd, transpose_f64
);

/// A mask's lanes are those whose highest bit is set: the first ones of a window into this row.
const LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

#[inline]
#[target_feature(enable = "avx2")]
fn mask_f32(lanes: usize) -> __m256i {
    let window = &LANES[8 - lanes..][..8];
    // SAFETY: the window has eight elements.
    unsafe { _mm256_loadu_si256(window.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn mask_f64(lanes: usize) -> __m256i {
    mask_f32(2 * lanes)
}

/// # Safety
/// The lanes of the mask can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_some_f32(mask: __m256i, from: *const f32) -> __m256 {
    // SAFETY: the caller vouches for it.
    unsafe { _mm256_maskload_ps(from, mask) }
}

/// # Safety
/// The lanes of the mask can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_some_f64(mask: __m256i, from: *const f64) -> __m256d {
    // SAFETY: the caller vouches for it.
    unsafe { _mm256_maskload_pd(from, mask) }
}

/// Transposes 8 × 8 elements: squares of 4 × 4 within the halves of registers, then the halves.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose_f32(x: &mut [__m256; 16]) {
    let mut pairs = *x;
    for i in (0..8).step_by(2) {
        pairs[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    // Afterwards half `l` of register `4g + q` holds column `4l + q` of the rows from `4g` on.
    let mut fours = pairs;
    for i in (0..8).step_by(4) {
        let [a, b, c, d] = [pairs[i], pairs[i + 1], pairs[i + 2], pairs[i + 3]];
        fours[i] = _mm256_shuffle_ps::<0x44>(a, c);
        fours[i + 1] = _mm256_shuffle_ps::<0xee>(a, c);
        fours[i + 2] = _mm256_shuffle_ps::<0x44>(b, d);
        fours[i + 3] = _mm256_shuffle_ps::<0xee>(b, d);
    }
    for q in 0..4 {
        x[q] = _mm256_permute2f128_ps::<0x20>(fours[q], fours[4 + q]);
        x[4 + q] = _mm256_permute2f128_ps::<0x31>(fours[q], fours[4 + q]);
    }
}

/// Transposes 4 × 4 elements: squares of 2 × 2 within the halves of registers, then the halves.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose_f64(x: &mut [__m256d; 16]) {
    let [a, b] = [_mm256_unpacklo_pd(x[0], x[1]), _mm256_unpackhi_pd(x[0], x[1])];
    let [c, d] = [_mm256_unpacklo_pd(x[2], x[3]), _mm256_unpackhi_pd(x[2], x[3])];
    x[0] = _mm256_permute2f128_pd::<0x20>(a, c);
    x[1] = _mm256_permute2f128_pd::<0x20>(b, d);
    x[2] = _mm256_permute2f128_pd::<0x31>(a, c);
    x[3] = _mm256_permute2f128_pd::<0x31>(b, d);
}
