//! Folds of one row in a single pass, several at once.
//!
//! A row lies without gaps and is short enough to stay in the nearest cache, so what counts is how often it is read.

use std::hint::black_box;
use std::ops::Range;

use crate::float::Float;

/// The elements that are folded side by side: some vectors, so that none waits for another. They lie in memory, since the compiler makes
/// vectors of loops over an array, but no longer of what it has taken apart.
const LANES: usize = 64;

/// How many blocks of so many elements are folded before they join what is in memory.
const BLOCKS: usize = 4;

/// The elements of the widest vector of `f32`.
const VECTOR: usize = 16;

/// After how many elements the lanes are folded, so that no sum is of more than about 64 terms one after the other.
const CHUNK: usize = 64 * BLOCKS * LANES;

/// Folds `term(x)` over the elements of a row by `f`, K folds at once, each from its `start`, which changes nothing.
///
/// How the terms are grouped depends on the length alone.
#[inline(always)]
pub(crate) fn fold_row<T: Float, const N: usize, const K: usize>(
    xs: [&[T]; N],
    start: [T; K],
    term: impl Fn([T; N]) -> [T; K],
    f: impl Fn(T, T) -> T,
) -> [T; K] {
    let n = xs[0].len();
    if n <= CHUNK {
        return fold_chunk(xs, 0..n, start, &term, &f);
    }
    let mut total = start;
    for from in (0..n).step_by(CHUNK) {
        let part = fold_chunk(xs, from..n.min(from + CHUNK), start, &term, &f);
        for k in 0..K {
            total[k] = f(total[k], part[k]);
        }
    }
    total
}

/// The elements at place `i` of a block of every operand.
#[inline(always)]
fn at<T: Float, const N: usize>(blocks: &[&[[T; LANES]]; N], block: usize, i: usize) -> [T; N] {
    let mut x = [T::zero(); N];
    for k in 0..N {
        x[k] = blocks[k][block][i];
    }
    x
}

/// [`fold_row`] of a part of it.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "of several operands")]
fn fold_chunk<T: Float, const N: usize, const K: usize>(
    xs: [&[T]; N],
    range: Range<usize>,
    start: [T; K],
    term: &impl Fn([T; N]) -> [T; K],
    f: &impl Fn(T, T) -> T,
) -> [T; K] {
    let mut blocks = [[].as_slice(); N];
    let mut rests = [[].as_slice(); N];
    for k in 0..N {
        (blocks[k], rests[k]) = xs[k][range.clone()].as_chunks::<LANES>();
    }
    let mut lanes = start.map(
        #[inline(always)]
        |start| [start; LANES],
    );
    let (count, mut b) = (blocks[0].len(), 0);
    while b + BLOCKS <= count {
        let these = blocks.map(
            #[inline(always)]
            |blocks| &blocks[b..b + BLOCKS],
        );
        for i in 0..LANES {
            let [t, u, v, w] =
                [term(at(&these, 0, i)), term(at(&these, 1, i)), term(at(&these, 2, i)), term(at(&these, 3, i))];
            for k in 0..K {
                lanes[k][i] = f(lanes[k][i], f(f(t[k], u[k]), f(v[k], w[k])));
            }
        }
        b += BLOCKS;
    }
    while b < count {
        let this = blocks.map(
            #[inline(always)]
            |blocks| &blocks[b..b + 1],
        );
        for i in 0..LANES {
            let terms = term(at(&this, 0, i));
            for k in 0..K {
                lanes[k][i] = f(lanes[k][i], terms[k]);
            }
        }
        b += 1;
    }
    fold_rest(&mut lanes, rests, term, f);
    across(lanes, f)
}

/// Folds what is less than a block into the lanes.
#[inline(always)]
fn fold_rest<T: Float, const N: usize, const K: usize>(
    lanes: &mut [[T; LANES]; K],
    rests: [&[T]; N],
    term: &impl Fn([T; N]) -> [T; K],
    f: &impl Fn(T, T) -> T,
) {
    let n = rests[0].len().min(LANES);
    let rests = rests.map(
        #[inline(always)]
        |rest| &rest[..n],
    );
    for i in 0..n {
        let mut x = [T::zero(); N];
        for k in 0..N {
            x[k] = rests[k][i];
        }
        let terms = term(x);
        for k in 0..K {
            lanes[k][i] = f(lanes[k][i], terms[k]);
        }
    }
}

/// The tree over the lanes.
#[inline(always)]
fn across<T: Float, const K: usize>(mut lanes: [[T; LANES]; K], f: &impl Fn(T, T) -> T) -> [T; K] {
    for lanes in &mut lanes {
        for i in 0..VECTOR {
            let right = f(lanes[i + 2 * VECTOR], lanes[i + 3 * VECTOR]);
            lanes[i] = f(f(lanes[i], lanes[i + VECTOR]), right);
        }
    }
    // What is in memory is computed by vectors; with the steps below as one expression it would not be.
    black_box(&mut lanes);
    lanes.map(
        #[inline(always)]
        |lanes| {
            let mut sums = [lanes[0]; VECTOR];
            sums.copy_from_slice(&lanes[..VECTOR]);
            let mut width = VECTOR / 2;
            while width > 0 {
                for i in 0..width {
                    sums[i] = f(sums[i], sums[i + width]);
                }
                width /= 2;
            }
            sums[0]
        },
    )
}

/// `Σ term(x)` over the elements of a row, K sums at once.
#[inline(always)]
pub(crate) fn sum_row<T: Float, const N: usize, const K: usize>(
    xs: [&[T]; N],
    term: impl Fn([T; N]) -> [T; K],
) -> [T; K] {
    fold_row(
        xs,
        [T::zero(); K],
        term,
        #[inline(always)]
        |a, b| a + b,
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::kernel) fn noise(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|i| (((i + seed) * 7919) % 1009) as f64 / 300.0 - 1.5).collect()
    }

    pub(in crate::kernel) fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * (1.0 + b.abs())
    }

    #[test]
    fn folds_of_any_length_are_those_of_a_plain_loop() {
        for n in [0, 1, 2, 63, 64, 65, 127, 128, 130, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 70] {
            let (a, b) = (noise(n, 1), noise(n, 2));
            let [product, sum] = sum_row([&a, &b], |[a, b]| [a * b, a]);
            assert!(near(product, a.iter().zip(&b).map(|(a, b)| a * b).sum()), "{n}");
            assert!(near(sum, a.iter().sum()), "{n}");
            let [top] = fold_row([&a], [f64::NEG_INFINITY], |[a]| [a], Float::maximum);
            assert_eq!(top, a.iter().copied().fold(f64::NEG_INFINITY, f64::max), "{n}");
        }
    }

    #[test]
    fn a_nan_anywhere_is_the_largest() {
        for at in [0, 5, 63, 64, 129] {
            let mut x = noise(130, 1);
            x[at] = f64::NAN;
            let [top] = fold_row([&x], [f64::NEG_INFINITY], |[x]| [x], Float::maximum);
            assert!(top.is_nan(), "{at}");
        }
    }
}
