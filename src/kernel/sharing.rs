//! When work is shared among threads, and in what pieces: each threshold from a measurement, all of them here.

use rayon::prelude::*;

use super::awake::are_awake;
use crate::float::Float;

/// How many elements one piece of elementwise work has: large against the cost of a fork, small enough to balance and to
/// stay in the second-level cache.
pub(crate) const PIECE: usize = 1 << 15;

/// From how many elements on elementwise work is shared among threads. Entering the pool from outside costs some 10 to 15 µs,
/// in which one thread streams about this many elements.
const ELEMENTS: usize = 1 << 17;

/// The same while threads are awake and take work within a microsecond: tanh(x·w + b)·sigmoid(x) and its gradient take 0.78 of the time at
/// 20,000 elements and 0.65 at 40,000; at 10,000 nothing is gained.
const ELEMENTS_AWAKE: usize = 1 << 14;

/// Whether work on `elements` elements is worth sharing.
#[inline]
pub(crate) fn worth_sharing(elements: usize) -> bool {
    let share = if are_awake() { ELEMENTS_AWAKE } else { ELEMENTS };
    elements >= share && rayon::current_num_threads() > 1
}

/// How many of so many elements a piece has that are shared: at most [`PIECE`], and few enough that each thread has one.
pub(crate) fn piece_of(elements: usize) -> usize {
    elements.div_ceil(rayon::current_num_threads()).next_multiple_of(1024).min(PIECE)
}

/// From how many multiplications on a product is shared among threads. Waking a thread costs some 10 to 15 µs, also from inside
/// the pool when its other threads have gone to sleep, as they have between the products of a training step. (On two threads, inside
/// the pool, by matrixmultiply's kernels: with 2¹⁸ the two-layer step took 226 µs, with 2²² it takes 187 µs, as on one; the step of 784–1024–1024–10 took 26.8 ms
/// with 2²³ and takes 24.9 ms, since its thin last layer is shared.)
const PRODUCT: usize = 1 << 22;

/// The same while threads are awake and take work within a microsecond: two of them gain nothing at 64³, and take 0.6 of the time at 128³.
const PRODUCT_AWAKE: usize = 1 << 20;

/// The same where the portable kernel runs, whose multiplications take longer, of some scalars much longer.
const PRODUCT_PORTABLE: usize = 1 << 19;

/// Calls `work` with the number and the elements of each chunk of `out`, of `len` elements each, shared among threads.
///
/// `work` is a trait object: one call a chunk costs nothing, and a copy of the pool's machinery for every op would make the
/// library slow to compile.
pub(crate) fn chunks<T: Send>(out: &mut [T], len: usize, work: &(dyn Fn(usize, &mut [T]) + Sync)) {
    out.par_chunks_mut(len).enumerate().for_each(|(i, chunk)| work(i, chunk));
}

/// The results of both, on two threads. They are trait objects as in [`chunks`].
pub(crate) fn join<R: Send>(a: &(dyn Fn() -> R + Sync), b: &(dyn Fn() -> R + Sync)) -> (R, R) {
    rayon::join(a, b)
}

/// Calls `work` with the place and the elements of each piece of `out`, shared among threads where that pays.
pub(crate) fn pieces<T: Send>(out: &mut [T], work: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if worth_sharing(out.len()) {
        let len = piece_of(out.len());
        chunks(out, len, &|i, piece| work(i * len, piece));
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
        chunks(out, some * len, &piece);
    } else {
        piece(0, out);
    }
}

/// How many blocks a product of so many multiplications is divided into.
pub(crate) fn pieces_of_product<T: Float>(multiplications: usize) -> usize {
    let share = match T::gemm() {
        Some(_) if are_awake() => PRODUCT_AWAKE,
        Some(_) => PRODUCT,
        None => PRODUCT_PORTABLE,
    };
    if multiplications < share { 1 } else { rayon::current_num_threads() }
}
