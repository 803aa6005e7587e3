//! Copies of a panel of an operand in the order in which a tile reads it.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use super::simd::Simd;

/// How many rows ahead the source of a copy is asked for.
const AHEAD: isize = 12;

/// Copies element `(p, q)` of a matrix with `strides` to `to[p · step + q]`.
///
/// Rows are copied where they lie in one piece; where columns do, squares are transposed in registers.
///
/// # Safety
/// The processor has the instruction set of `S`. All elements of the matrix can be read, and their places be written.
#[inline(always)]
pub(super) unsafe fn pack<S: Simd>(
    [rows, columns]: [usize; 2],
    from: *const S::Element,
    strides: [isize; 2],
    to: *mut S::Element,
    step: usize,
) {
    // SAFETY: of a part of the columns the caller vouches for as many elements, and for their places.
    unsafe {
        match strides {
            [row, 1] => copy::<S>([rows, columns], from, row, to, step),
            _ => {
                for column in (0..columns).step_by(S::WIDTH) {
                    let width = S::WIDTH.min(columns - column);
                    let (from, to) = (from.offset(column as isize * strides[1]), to.add(column));
                    match strides {
                        [1, column] => transpose::<S>([rows, width], from, column, to, step),
                        _ => gather::<S>([rows, width], from, strides, to, step),
                    }
                }
            }
        }
    }
}

/// [`pack`] of a vector of columns whose elements are neighbours in a row.
///
/// # Safety
/// As for [`pack`].
#[inline(always)]
unsafe fn copy<S: Simd>(
    [rows, columns]: [usize; 2],
    from: *const S::Element,
    stride: isize,
    to: *mut S::Element,
    step: usize,
) {
    // SAFETY: `whole` vectors and the lanes of the mask are the columns there are. Prefetches read nothing.
    unsafe {
        let (whole, mask) = ((columns - 1) / S::WIDTH, S::mask((columns - 1) % S::WIDTH + 1));
        let (mut from, mut to) = (from, to);
        for _ in 0..rows {
            for j in 0..whole {
                _mm_prefetch::<_MM_HINT_T0>(from.wrapping_offset(AHEAD * stride).wrapping_add(j * S::WIDTH).cast());
                S::store(to.add(j * S::WIDTH), S::load(from.add(j * S::WIDTH)));
            }
            _mm_prefetch::<_MM_HINT_T0>(from.wrapping_offset(AHEAD * stride).wrapping_add(columns - 1).cast());
            S::store_some(to.add(whole * S::WIDTH), mask, S::load_some(from.add(whole * S::WIDTH), mask));
            from = from.wrapping_offset(stride);
            to = to.wrapping_add(step);
        }
    }
}

/// [`pack`] of a vector of columns each of which has its elements beside each other.
///
/// # Safety
/// As for [`pack`].
#[inline(always)]
unsafe fn transpose<S: Simd>(
    [rows, width]: [usize; 2],
    from: *const S::Element,
    stride: isize,
    to: *mut S::Element,
    step: usize,
) {
    for row in (0..rows).step_by(S::WIDTH) {
        let height = S::WIDTH.min(rows - row);
        // SAFETY: of each of the `width` columns the mask holds the `height` elements there are, and of each of the `height` rows that
        // they make the `width` elements.
        unsafe {
            let (reads, writes) = (S::mask(height), S::mask(width));
            let mut square = [S::zero(); 16];
            for (q, x) in square.iter_mut().enumerate().take(S::WIDTH) {
                if q < width {
                    _mm_prefetch::<_MM_HINT_T0>(
                        from.wrapping_offset(q as isize * stride).wrapping_add(row + 2 * S::WIDTH).cast(),
                    );
                    *x = S::load_some(from.offset(q as isize * stride).add(row), reads);
                }
            }
            S::transpose(&mut square);
            for (p, &x) in square.iter().enumerate().take(S::WIDTH) {
                if p < height {
                    S::store_some(to.add((row + p) * step), writes, x);
                }
            }
        }
    }
}

/// [`pack`] of any columns, element by element.
///
/// # Safety
/// As for [`pack`].
unsafe fn gather<S: Simd>(
    [rows, width]: [usize; 2],
    from: *const S::Element,
    strides: [isize; 2],
    to: *mut S::Element,
    step: usize,
) {
    for p in 0..rows {
        for q in 0..width {
            // SAFETY: element `(p, q)` is one of the matrix, and its place one of the copy.
            unsafe {
                *to.add(p * step + q) = *from.offset(p as isize * strides[0] + q as isize * strides[1]);
            }
        }
    }
}
