//! The loops: everything that computes on elements, and the one place that decides when to go parallel.
//!
//! Knows tensors, nothing of tapes. Work is cut into pieces whose sizes never depend on the number of threads, and pieces are
//! combined in a fixed order, so the bits of a result do not depend on it either.

mod arith;
pub(crate) mod awake;
pub(crate) mod compare;
pub(crate) mod conv;
pub(crate) mod distance;
#[cfg(feature = "scalars")]
mod dual;
pub(crate) mod fold;
pub(crate) mod gather;
pub(crate) mod joint;
pub(crate) mod lanes;
pub(crate) mod map;
mod math;
pub(crate) mod matmul;
mod native;
pub(crate) mod pad;
pub(crate) mod pool;
pub(crate) mod reduce;
mod rows;
pub(crate) mod simd;
pub(crate) mod sort;
pub(crate) mod sums;
mod triangle;
pub(crate) mod upsample;
pub(crate) mod wide;

use rayon::prelude::*;

/// How many elements one piece of elementwise work has: large against the cost of a fork, small enough to balance and to
/// stay in the second-level cache.
pub(crate) const PIECE: usize = 1 << 15;

/// From how many elements on elementwise work is shared among threads. Entering the pool from outside costs some 10 to 15 µs,
/// in which one thread streams about this many elements.
const SHARE: usize = 1 << 17;

/// Whether work on `elements` elements is worth sharing.
#[inline]
pub(crate) fn worth_sharing(elements: usize) -> bool {
    elements >= SHARE && rayon::current_num_threads() > 1
}

/// Calls `work` with the place and the elements of each piece of `out`, shared among threads where that pays.
///
/// `work` is a trait object: one call a piece costs nothing, and a copy of the pool's machinery for every op would make the
/// library slow to compile.
pub(crate) fn pieces<T: Send>(out: &mut [T], work: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if worth_sharing(out.len()) {
        out.par_chunks_mut(PIECE).enumerate().for_each(|(i, piece)| work(i * PIECE, piece));
    } else {
        work(0, out);
    }
}

/// Calls `work` with the number and the elements of each plane of `out`, of `len` elements each; shared among threads where
/// computing them all is as much work as `steps` elementwise operations that are worth it.
pub(crate) fn planes<T: Send>(out: &mut [T], len: usize, steps: usize, work: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if out.is_empty() {
        return;
    }
    let count = out.len() / len;
    let some = if worth_sharing(steps) { (PIECE / steps.div_ceil(count).max(1)).max(1) } else { count };
    let piece = |i: usize, out: &mut [T]| {
        out.chunks_mut(len).enumerate().for_each(|(k, plane)| work(i * some + k, plane));
    };
    if some * len < out.len() {
        out.par_chunks_mut(some * len).enumerate().for_each(|(i, out)| piece(i, out));
    } else {
        piece(0, out);
    }
}
