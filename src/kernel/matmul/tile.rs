//! A tile of C, summed in registers: the innermost loops of the matrix product.
//!
//! Every element is one chain of `a·b + c`, each rounded once, in the order of the inner index. So its bits depend neither on the
//! tile that it lies in nor on the instruction set.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use super::simd::Simd;

/// How many columns ahead A is asked for.
const AHEAD: isize = 16;

/// How many rows ahead B is asked for.
const AHEAD_B: isize = 8;

/// The operands of a tile: `depth` columns of A and rows of B, and where in C the product goes.
pub(super) struct Work<T> {
    pub(super) depth: usize,
    pub(super) a: *const T,
    /// From one row of A to the next, and from one column to the next. A packed A does without.
    pub(super) a_strides: [isize; 2],
    pub(super) b: *const T,
    /// From one row of B to the next; in a row the elements are neighbours.
    pub(super) b_stride: isize,
    pub(super) c: *mut T,
    /// From one row of C to the next; in a row the elements are neighbours.
    pub(super) c_stride: usize,
    /// How many lanes of the last vector of columns there are.
    pub(super) lanes: usize,
    /// Whether to add to C, which else is not read.
    pub(super) add: bool,
}

/// A kernel for a tile of a certain number of rows and vectors.
pub(super) type Tile<T> = unsafe fn(&Work<T>);

/// A tile of `R` rows and `V` vectors of columns, of the last of which there are `work.lanes` lanes. If A is `PACKED`, the `R`
/// elements of each of its columns are neighbours, and the next column follows.
///
/// # Safety
/// The processor has the instruction set of `S`. All elements that `work` describes can be read in A and B and be written in C.
#[inline(always)]
pub(super) unsafe fn tile<S: Simd, const R: usize, const V: usize, const PACKED: bool>(work: &Work<S::Element>) {
    // SAFETY: the caller vouches for A and B, of the last vector of which only the lanes that there are are read, and for C.
    unsafe {
        let mask = S::mask(work.lanes);
        // A load through a mask takes a multiplication's place.
        let sums = if work.lanes == S::WIDTH {
            sums::<S, R, V, PACKED>(work, |b| S::load(b))
        } else {
            sums::<S, R, V, PACKED>(work, |b| S::load_some(b, mask))
        };
        put::<S, R, V>(work, mask, &sums);
    }
}

/// The sums of a tile; `last` reads the last vector of a row of B.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn sums<S: Simd, const R: usize, const V: usize, const PACKED: bool>(
    work: &Work<S::Element>,
    last: impl Fn(*const S::Element) -> S::Vector,
) -> [[S::Vector; V]; R] {
    let [a_row, a_column] = if PACKED { [1, R as isize] } else { work.a_strides };
    // SAFETY: for each step `a` stands at a column of A and `b` at a row of B, whose elements the caller vouches for. Past the last
    // step the pointers are moved and not used. The prefetch reads nothing.
    unsafe {
        let mut sums = [[S::zero(); V]; R];
        let (mut a, mut b) = (work.a, work.b);
        for _ in 0..work.depth {
            _mm_prefetch::<_MM_HINT_T0>(a.wrapping_offset(AHEAD * a_column).cast());
            for j in 0..V {
                _mm_prefetch::<_MM_HINT_T0>(
                    b.wrapping_offset(AHEAD_B * work.b_stride).wrapping_add(j * S::WIDTH).cast(),
                );
            }
            let mut row = [S::zero(); V];
            for (j, x) in row[..V - 1].iter_mut().enumerate() {
                *x = S::load(b.add(j * S::WIDTH));
            }
            row[V - 1] = last(b.wrapping_add((V - 1) * S::WIDTH));
            for (i, sums) in sums.iter_mut().enumerate() {
                let x = S::splat(*a.offset(i as isize * a_row));
                for (sum, &y) in sums.iter_mut().zip(&row) {
                    *sum = S::fma(x, y, *sum);
                }
            }
            a = a.wrapping_offset(a_column);
            b = b.wrapping_offset(work.b_stride);
        }
        sums
    }
}

/// Writes the sums to C, or adds them to it.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn put<S: Simd, const R: usize, const V: usize>(
    work: &Work<S::Element>,
    mask: S::Mask,
    sums: &[[S::Vector; V]; R],
) {
    for (i, sums) in sums.iter().enumerate() {
        for (j, &sum) in sums.iter().enumerate() {
            // SAFETY: row `i` of the tile lies in C, `V − 1` whole vectors and `lanes` lanes of the last, which the mask holds.
            unsafe {
                let c = work.c.add(i * work.c_stride + j * S::WIDTH);
                if j + 1 < V {
                    S::store(c, if work.add { S::add(S::load(c), sum) } else { sum });
                } else {
                    S::store_some(c, mask, if work.add { S::add(S::load_some(c, mask), sum) } else { sum });
                }
            }
        }
    }
}
