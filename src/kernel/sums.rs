//! Folds of one row in a single pass, several at once, and the normalisation of rows, which is made of them.
//!
//! A row lies without gaps and is short enough to stay in the nearest cache, so what counts is how often it is read.

use std::hint::black_box;
use std::ops::Range;

use rayon::prelude::*;

use super::simd::widest;
use super::{PIECE, worth_sharing};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

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

/// The numbers by which a row is normalised.
#[derive(Clone, Copy)]
struct Moments<T> {
    mean: T,
    /// What the mean lost to rounding.
    rest: T,
    /// `1 / √(variance + eps)`.
    scale: T,
}

impl<T: Float> Moments<T> {
    /// Those of a row, which is read twice.
    #[inline(always)]
    fn of(x: &[T], eps: T) -> Self {
        let n = T::of(x.len() as f64);
        let [sum] = sum_row(
            [x],
            #[inline(always)]
            |[x]| [x],
        );
        let mean = sum / n;
        let [rest, squares] = sum_row(
            [x],
            #[inline(always)]
            |[x]| [x - mean, (x - mean) * (x - mean)],
        );
        // Around a mean that is right to its last digits the second term is small, unless all there is are these digits.
        let rest = rest / n;
        let variance = (squares / n - rest * rest).maximum(T::zero());
        Moments { mean, rest, scale: (variance + eps).sqrt().recip() }
    }

    #[inline(always)]
    fn normalized(self, x: T) -> T {
        ((x - self.mean) - self.rest) * self.scale
    }
}

/// Calls `work` with the first row and the elements of each of several rows of `n` elements, shared among threads where that pays.
fn rows<T: Float>(out: &mut [T], n: usize, work: &(dyn Fn(usize, &mut [T]) + Sync)) {
    let some = (PIECE / n).max(1);
    if worth_sharing(out.len()) {
        out.par_chunks_mut(some * n).enumerate().for_each(|(i, out)| work(i * some, out));
    } else if !out.is_empty() {
        work(0, out);
    }
}

/// `(x − mean) / √(variance + eps) · w + b` for every row of x, `[rows, n]`.
pub(crate) fn normalize<T: Float>([x, w, b]: [&[T]; 3], eps: f64) -> Tensor<T> {
    let n = w.len();
    let mut y = Tensor::dirty(Shape::from([x.len() / n, n]));
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    rows(out, n, &|first, out| {
        let x = &x[first * n..][..out.len()];
        widest::<T, _>(
            #[inline(always)]
            || {
                let eps = T::of(eps);
                for (x, y) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
                    let moments = Moments::of(x, eps);
                    let (x, w, b) = (&x[..n], &w[..n], &b[..n]);
                    let y = &mut y[..n];
                    for i in 0..n {
                        y[i] = moments.normalized(x[i]) * w[i] + b[i];
                    }
                }
            },
        );
    });
    y
}

/// The gradient of x: with `h = ȳ · w` and ŷ without scale and shift, `(h − mean h − ŷ · mean(h ŷ)) / √(variance + eps)`.
pub(crate) fn pull_normalized<T: Float>([g, x, w]: [&[T]; 3], eps: f64) -> Tensor<T> {
    let n = w.len();
    let mut pulled = Tensor::dirty(Shape::from([x.len() / n, n]));
    let out = pulled.as_unique_slice().expect("a dirty tensor is dense and unshared");
    rows(out, n, &|first, out| {
        let (g, x) = (&g[first * n..][..out.len()], &x[first * n..][..out.len()]);
        widest::<T, _>(
            #[inline(always)]
            || {
                let (eps, count) = (T::of(eps), T::of(n as f64));
                for ((g, x), out) in g.chunks_exact(n).zip(x.chunks_exact(n)).zip(out.chunks_exact_mut(n)) {
                    let moments = Moments::of(x, eps);
                    let (g, x, w) = (&g[..n], &x[..n], &w[..n]);
                    let [a, b] = sum_row(
                        [g, x, w],
                        #[inline(always)]
                        |[g, x, w]| [g * w, g * w * moments.normalized(x)],
                    );
                    let (a, b) = (a / count, b / count);
                    let out = &mut out[..n];
                    for i in 0..n {
                        out[i] = moments.scale * ((g[i] * w[i] - a) - moments.normalized(x[i]) * b);
                    }
                }
            },
        );
    });
    pulled
}

/// How many rows of a gradient of a weight are added up one after the other.
const GROUP: usize = 16;

/// The gradient of the weight, `Σ ȳ · ŷ` over the rows: first over some, then over these sums.
pub(crate) fn pull_weight<T: Float>([g, x]: [&[T]; 2], n: usize, eps: f64) -> Tensor<T> {
    let groups = (x.len() / n).div_ceil(GROUP);
    let mut sums = Tensor::dirty(Shape::from([groups, n]));
    let out = sums.as_unique_slice().expect("a dirty tensor is dense and unshared");
    let shared = worth_sharing(x.len());
    let group = |i: usize, out: &mut [T]| {
        let range = i * GROUP * n..x.len().min((i + 1) * GROUP * n);
        let (g, x) = (&g[range.clone()], &x[range]);
        widest::<T, _>(
            #[inline(always)]
            || {
                out.fill(T::zero());
                for (g, x) in g.chunks_exact(n).zip(x.chunks_exact(n)) {
                    let moments = Moments::of(x, T::of(eps));
                    let (g, x, out) = (&g[..n], &x[..n], &mut out[..n]);
                    for i in 0..n {
                        out[i] = out[i] + g[i] * moments.normalized(x[i]);
                    }
                }
            },
        );
    };
    if shared {
        out.par_chunks_mut(n).enumerate().for_each(|(i, out)| group(i, out));
    } else {
        out.chunks_mut(n).enumerate().for_each(|(i, out)| group(i, out));
    }
    sums.sum(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|i| (((i + seed) * 7919) % 1009) as f64 / 300.0 - 1.5).collect()
    }

    fn near(a: f64, b: f64) -> bool {
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

    /// Mean and `1 / √(variance + eps)`, plainly.
    fn plain_moments(x: &[f64], eps: f64) -> (f64, f64) {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        (mean, 1.0 / (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n + eps).sqrt())
    }

    #[test]
    fn rows_are_normalised_and_their_gradients_pulled_as_by_plain_loops() {
        for (count, n) in [(1, 1), (3, 5), (40, 64), (33, 130), (2, CHUNK + 3)] {
            let [x, g] = [noise(count * n, 3), noise(count * n, 4)];
            let ([w, b], eps) = ([noise(n, 5), noise(n, 6)], 0.01);
            let y = normalize([&x, &w, &b], eps).to_vec();
            let pulled = pull_normalized([&g, &x, &w], eps).to_vec();
            let weight = pull_weight([&g, &x], n, eps).to_vec();
            let mut expected = vec![0.0; n];
            for row in 0..count {
                let at = |i: usize| row * n + i;
                let (mean, scale) = plain_moments(&x[at(0)..at(n)], eps);
                let hat = |i: usize| (x[at(i)] - mean) * scale;
                let h = |i: usize| g[at(i)] * w[i];
                let first = (0..n).map(h).sum::<f64>() / n as f64;
                let second = (0..n).map(|i| h(i) * hat(i)).sum::<f64>() / n as f64;
                for i in 0..n {
                    assert!(near(y[at(i)], hat(i) * w[i] + b[i]), "{count} × {n}");
                    assert!((pulled[at(i)] - scale * (h(i) - first - hat(i) * second)).abs() < 1e-10, "{count} × {n}");
                    expected[i] += g[at(i)] * hat(i);
                }
            }
            assert!(weight.iter().zip(&expected).all(|(a, b)| near(*a, *b)), "{count} × {n}");
        }
    }

    #[test]
    fn trap_22_a_row_far_from_zero_is_normalised_by_its_own_digits() {
        for n in [2, 100, 1000] {
            let x: Vec<f32> = (0..n).map(|i| 1e4 + (i % 7) as f32 / 64.0).collect();
            let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            let (mean, scale) = plain_moments(&wide, 0.0);
            let y = normalize([&x, &vec![1.0; n], &vec![0.0; n]], 0.0).to_vec();
            for (y, x) in y.iter().zip(&wide) {
                assert!((f64::from(*y) - (x - mean) * scale).abs() < 2e-6, "{n}: {y}");
            }
        }
    }
}
