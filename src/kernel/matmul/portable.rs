//! The matrix product for any scalar: blocked for the caches, both operands packed, tiles summed in registers.
//!
//! One generic body is compiled three times on x86-64, for the instruction set that every such processor has, for AVX2 with FMA,
//! and for AVX-512; which one runs is decided when it runs. The compiler makes vectors of the loops over a tile, but no fused
//! `a·b + c` of a product and a sum, so the three give the same bits.
//!
//! Source: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), §4.

use super::Write;
use super::matrix::{Block, Matrix};
use crate::float::Float;

/// Rows and columns of the tile of `C` that is summed in registers. Larger ones the compiler no longer keeps there: on a processor
/// with AVX-512, of `f64`, tiles of 4 × 8 reach 40 GFlop/s, those of 8 × 8 reach 35 and those of 8 × 16 reach 5.
const TILE: [usize; 2] = [4, 8];

/// How deep a product is before it is added to `C`. An element of `C` is a sum of sums over as many products each, so this alone
/// decides in which order it is added up.
const DEPTH: usize = 256;

/// Rows of the block of `A` and columns of the block of `B` that are packed at a time: in `f64` 128 KiB and 1 MiB, for the second
/// and the third level of cache.
const ROWS: usize = 64;
const COLUMNS: usize = 512;

/// `A·B` into `C` by the widest instructions that this processor has.
pub(super) fn portable<T: Float>(a: Matrix<'_, T>, b: Matrix<'_, T>, c: Block<'_, T>, into: Write) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512F, as has just been asked.
            return unsafe { with_avx512(a, b, c, into) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has AVX2 and FMA, as has just been asked.
            return unsafe { with_avx2(a, b, c, into) };
        }
    }
    blocked(a, b, c, into);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn with_avx512<T: Float>(a: Matrix<'_, T>, b: Matrix<'_, T>, c: Block<'_, T>, into: Write) {
    blocked(a, b, c, into);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<T: Float>(a: Matrix<'_, T>, b: Matrix<'_, T>, c: Block<'_, T>, into: Write) {
    blocked(a, b, c, into);
}

/// `A·B` into `C`, block by block.
#[inline(always)]
fn blocked<T: Float>(a: Matrix<'_, T>, b: Matrix<'_, T>, mut c: Block<'_, T>, into: Write) {
    let (mut a_panels, mut b_panels) = (Vec::new(), Vec::new());
    if b.rows == 0 && into == Write::Overwrite {
        (0..c.rows).for_each(|row| c.row(row).fill(T::zero()));
    }
    for column in (0..c.columns).step_by(COLUMNS) {
        let columns = COLUMNS.min(c.columns - column);
        for l in (0..b.rows).step_by(DEPTH) {
            let depth = DEPTH.min(b.rows - l);
            pack::<T, { TILE[1] }>(b.rows(l, depth).columns(column, columns), &mut b_panels);
            for row in (0..c.rows).step_by(ROWS) {
                let rows = ROWS.min(c.rows - row);
                pack::<T, { TILE[0] }>(a.columns(l, depth).rows(row, rows).t(), &mut a_panels);
                for (j, b) in (column..).step_by(TILE[1]).zip(b_panels.chunks_exact(depth)) {
                    let width = TILE[1].min(column + columns - j);
                    for (i, a) in (row..).step_by(TILE[0]).zip(a_panels.chunks_exact(depth)) {
                        let sums = tile(a, b);
                        for (i, sums) in (i..row + rows).zip(&sums) {
                            put(&mut c.row(i)[j..j + width], sums, l == 0 && into == Write::Overwrite);
                        }
                    }
                }
            }
        }
    }
}

/// Packs a matrix into panels of `W` columns each, panel behind panel; the last is filled up with zeros.
#[inline(always)]
fn pack<T: Float, const W: usize>(x: Matrix<'_, T>, panels: &mut Vec<[T; W]>) {
    panels.clear();
    for column in (0..x.columns).step_by(W) {
        let width = W.min(x.columns - column);
        panels.extend((0..x.rows).map(|row| {
            let mut part = [T::zero(); W];
            x.read(row, column, &mut part[..width]);
            part
        }));
    }
}

/// The product of a panel of `Aᵀ`, transposed, with a panel of `B`.
#[inline(always)]
fn tile<T: Float, const M: usize, const N: usize>(a: &[[T; M]], b: &[[T; N]]) -> [[T; N]; M] {
    let mut sums = [[T::zero(); N]; M];
    for (a, b) in a.iter().zip(b) {
        for i in 0..M {
            for j in 0..N {
                sums[i][j] = sums[i][j] + a[i] * b[j];
            }
        }
    }
    sums
}

/// Writes a row of a tile, or adds it to what the products before it gave.
#[inline(always)]
fn put<T: Float, const N: usize>(c: &mut [T], sums: &[T; N], first: bool) {
    if first {
        return c.copy_from_slice(&sums[..c.len()]);
    }
    c.iter_mut().zip(sums).for_each(|(c, &sum)| *c = *c + sum);
}
