//! The normalisation of rows, and its gradients. A row lies without gaps.

use super::simd::widest;
use super::sums::sum_row;
use super::{PIECE, chunks, worth_sharing};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

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
        chunks(out, some * n, &|i, out| work(i * some, out));
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
        chunks(out, n, &group);
    } else {
        out.chunks_mut(n).enumerate().for_each(|(i, out)| group(i, out));
    }
    sums.sum(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sums::tests::{near, noise};

    /// Mean and `1 / √(variance + eps)`, plainly.
    fn plain_moments(x: &[f64], eps: f64) -> (f64, f64) {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        (mean, 1.0 / (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n + eps).sqrt())
    }

    #[test]
    fn rows_are_normalised_and_their_gradients_pulled_as_by_plain_loops() {
        for (count, n) in [(1, 1), (3, 5), (40, 64), (33, 130), (2, 20_000)] {
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
