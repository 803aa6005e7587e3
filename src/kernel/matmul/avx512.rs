//! The vectors of AVX-512.

use std::arch::x86_64::*;

use super::simd::{compiled, simd};

// Of 32 registers a tile of 14 rows and 2 vectors takes 28 for sums, 2 for a row of B, and leaves 2.
compiled!(Avx512, "avx512f", 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
#[rustfmt::skip]
simd!(
    Avx512, f32, __m512, __mmask16, 16, mask_f32, _mm512_setzero_ps, _mm512_set1_ps, _mm512_loadu_ps, _mm512_maskz_loadu_ps,
    _mm512_storeu_ps, _mm512_mask_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps, transpose_f32
);
#[rustfmt::skip]
simd!(
    Avx512, f64, __m512d, __mmask8, 8, mask_f64, _mm512_setzero_pd, _mm512_set1_pd, _mm512_loadu_pd, _mm512_maskz_loadu_pd,
    _mm512_storeu_pd, _mm512_mask_storeu_pd, _mm512_add_pd, _mm512_fmadd_pd, transpose_f64
);

#[inline]
#[target_feature(enable = "avx512f")]
fn mask_f32(lanes: usize) -> __mmask16 {
    ((1u32 << lanes) - 1) as __mmask16
}

#[inline]
#[target_feature(enable = "avx512f")]
fn mask_f64(lanes: usize) -> __mmask8 {
    ((1u32 << lanes) - 1) as __mmask8
}

/// Transposes 16 × 16 elements: squares of 4 × 4 within the quarters of registers, then the quarters.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_f32(x: &mut [__m512; 16]) {
    let mut pairs = *x;
    for i in (0..16).step_by(2) {
        pairs[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    // Afterwards quarter `l` of register `4g + q` holds column `4l + q` of the rows from `4g` on.
    let mut fours = pairs;
    for i in (0..16).step_by(4) {
        let [a, b, c, d] = [pairs[i], pairs[i + 1], pairs[i + 2], pairs[i + 3]].map(|v| _mm512_castps_pd(v));
        fours[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        fours[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        fours[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        fours[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    for q in 0..4 {
        let [a, b, c, d] = [fours[q], fours[4 + q], fours[8 + q], fours[12 + q]];
        let [even, odd] = [_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b)];
        let [even2, odd2] = [_mm512_shuffle_f32x4::<0x88>(c, d), _mm512_shuffle_f32x4::<0xdd>(c, d)];
        x[q] = _mm512_shuffle_f32x4::<0x88>(even, even2);
        x[8 + q] = _mm512_shuffle_f32x4::<0xdd>(even, even2);
        x[4 + q] = _mm512_shuffle_f32x4::<0x88>(odd, odd2);
        x[12 + q] = _mm512_shuffle_f32x4::<0xdd>(odd, odd2);
    }
}

/// Transposes 8 × 8 elements: squares of 2 × 2 within the quarters of registers, then the quarters.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_f64(x: &mut [__m512d; 16]) {
    // Afterwards quarter `l` of register `2g + q` holds column `2l + q` of the rows from `2g` on.
    let mut pairs = *x;
    for i in (0..8).step_by(2) {
        pairs[i] = _mm512_unpacklo_pd(x[i], x[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_pd(x[i], x[i + 1]);
    }
    for q in 0..2 {
        let [a, b, c, d] = [pairs[q], pairs[2 + q], pairs[4 + q], pairs[6 + q]];
        let [even, odd] = [_mm512_shuffle_f64x2::<0x88>(a, b), _mm512_shuffle_f64x2::<0xdd>(a, b)];
        let [even2, odd2] = [_mm512_shuffle_f64x2::<0x88>(c, d), _mm512_shuffle_f64x2::<0xdd>(c, d)];
        x[q] = _mm512_shuffle_f64x2::<0x88>(even, even2);
        x[4 + q] = _mm512_shuffle_f64x2::<0xdd>(even, even2);
        x[2 + q] = _mm512_shuffle_f64x2::<0x88>(odd, odd2);
        x[6 + q] = _mm512_shuffle_f64x2::<0xdd>(odd, odd2);
    }
}
