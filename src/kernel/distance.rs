//! Distances between every two points of two sets.
//!
//! Each is computed from the differences of coordinates. The expansion `|a|² − 2 a·b + |b|²`, which would be a matrix product,
//! cancels where points are near each other and far from 0.

use super::compare::same;
use super::wide::in_f32;
use super::{PIECE, chunks, worth_sharing};
use crate::float::Float;
use crate::shape::{Inline, Shape, Walk};
use crate::tensor::Tensor;

/// How coordinates' differences make a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// The sum of their sizes.
    Sum,
    /// The square root of the sum of their squares.
    Euclidean,
    /// The largest of their sizes.
    Largest,
}

impl Metric {
    /// Adds to `x` what a point `a` gets from its distance `y` to `b`, whose gradient is `g`.
    #[inline]
    fn pull<T: Float>(self, a: &[T], b: &[T], y: T, g: T, x: &mut [T]) {
        let pairs = x.iter_mut().zip(a.iter().zip(b).map(|(&a, &b)| a - b));
        match self {
            Metric::Sum => pairs.for_each(|(x, d)| *x = *x + g * sign(d)),
            Metric::Euclidean if y == T::zero() => {}
            Metric::Euclidean => {
                let weight = g / y;
                pairs.for_each(|(x, d)| *x = *x + weight * d);
            }
            Metric::Largest => {
                let tied = |d: T| same(d.abs(), y);
                let ties = a.iter().zip(b).fold(T::zero(), |sum, (&a, &b)| sum + tied(a - b));
                let share = g / ties;
                pairs.for_each(|(x, d)| *x = *x + tied(d).if_positive(share * sign(d), T::zero()));
            }
        }
    }

    #[inline]
    fn distance<T: Float>(self, a: &[T], b: &[T]) -> T {
        match self {
            Metric::Sum => fold(a, b, T::abs, |s, t| s + t),
            Metric::Euclidean => fold(a, b, |d| d * d, |s, t| s + t).sqrt(),
            Metric::Largest => fold(a, b, T::abs, T::maximum),
        }
    }
}

#[inline]
fn sign<T: Float>(d: T) -> T {
    d.increasing(|d| if d == T::zero() { T::zero() } else { d.signum() })
}

/// `f` over the `term`s of all differences, from 0, in eight lanes that the compiler turns into vectors.
#[inline]
fn fold<T: Float>(a: &[T], b: &[T], term: impl Fn(T) -> T, f: impl Fn(T, T) -> T) -> T {
    const LANES: usize = 8;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [T::zero(); LANES];
    for (a, b) in a.iter().zip(b) {
        (0..LANES).for_each(|i| lanes[i] = f(lanes[i], term(a[i] - b[i])));
    }
    let rest = a_rest.iter().zip(b_rest).fold(T::zero(), |s, (&a, &b)| f(s, term(a - b)));
    lanes.into_iter().fold(rest, f)
}

/// Every point of one set with every point of another, over batches.
struct Pairs<T> {
    a: Tensor<T>,
    b: Tensor<T>,
    /// One row a point of `a`, with its place and that of the points of `b` which it meets.
    rows: Walk<2>,
    /// How many points of `b` each meets, how far these lie apart, and how many coordinates each has.
    others: usize,
    step: isize,
    coordinates: usize,
    /// The axes of the batch, and that of the points of `a`.
    shape: Shape,
}

impl<T: Float> Pairs<T> {
    fn new(a: &Tensor<T>, b: &Tensor<T>, batch: &Shape) -> Self {
        let axis = batch.ndim();
        let stretch = |x: &Tensor<T>| {
            let x = if x.strides()[x.ndim() - 1] == 1 { x.clone() } else { x.to_contiguous() };
            x.broadcast_to(batch.iter().chain(&x.shape()[x.ndim() - 2..]).copied().collect::<Shape>())
        };
        let (a, b) = (stretch(a), stretch(b));
        let shape = Shape::from(&a.shape()[..=axis]);
        let of_b: Inline<isize> = b.strides()[..axis].iter().copied().chain([0]).collect();
        let rows = Walk::new(&shape, [(&a.strides()[..=axis], a.layout().offset()), (&of_b, b.layout().offset())]);
        let (others, step, coordinates) = (b.shape()[axis], b.strides()[axis], b.shape()[axis + 1]);
        Pairs { a, b, rows, others, step, coordinates, shape }
    }

    /// A tensor of `width` elements a row, of which `fill(row, a, b, out)` fills each, where `b(j)` is the j-th point that `a` meets.
    fn fill<'s>(
        &'s self,
        width: usize,
        fill: impl Fn(usize, &[T], &dyn Fn(usize) -> &'s [T], &mut [T]) + Sync,
    ) -> Tensor<T> {
        let mut y = Tensor::dirty(self.shape.iter().copied().chain([width]).collect());
        let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
        let (m, cost) = (self.coordinates, self.others.saturating_mul(self.coordinates));
        if out.is_empty() || cost == 0 {
            out.fill(T::zero());
            return y;
        }
        let some = |first: usize, out: &mut [T]| {
            let mut out = out.chunks_exact_mut(width);
            self.rows.runs(first..first + out.len(), |run| {
                for (k, out) in (0..run.len).zip(&mut out) {
                    let (a, start) = (&self.a.data()[run.place(0, k)..][..m], run.place(1, k) as isize);
                    let b = |j: usize| &self.b.data()[(start + j as isize * self.step) as usize..][..m];
                    fill(run.position + k, a, &b, out);
                }
            });
        };
        if worth_sharing((out.len() / width).saturating_mul(cost)) {
            let rows = (PIECE / cost).max(1);
            chunks(out, rows * width, &|i, out| some(i * rows, out));
        } else {
            some(0, out);
        }
        y
    }
}

/// The distance of every point of `a`, `[…, p, m]`, to every point of `b`, `[…, r, m]`: `[…, p, r]`, where the axes before
/// broadcast to `batch`.
pub(crate) fn distances<T: Float>(a: &Tensor<T>, b: &Tensor<T>, batch: &Shape, metric: Metric) -> Tensor<T> {
    if T::NARROW {
        return in_f32([a, b], |[a, b]| distances(&a, &b, batch, metric));
    }
    let pairs = Pairs::new(a, b, batch);
    pairs.fill(pairs.others, |_, a, b, out| {
        out.iter_mut().enumerate().for_each(|(j, y)| *y = metric.distance(a, b(j)));
    })
}

/// The gradient by `a` of the distances `y`, whose gradient is `g`.
pub(crate) fn pull_distances<T: Float>([a, b, y, g]: [&Tensor<T>; 4], batch: &Shape, metric: Metric) -> Tensor<T> {
    if T::NARROW {
        // Around the distances before they were rounded: no size would equal the largest that is.
        let pull = |[a, b, g]: [Tensor<f32>; 3]| {
            let y = distances(&a, &b, batch, metric);
            pull_distances([&a, &b, &y, &g], batch, metric)
        };
        return in_f32([a, b, g], pull);
    }
    let (pairs, y, g) = (Pairs::new(a, b, batch), y.to_contiguous(), g.to_contiguous());
    let (ys, gs, r) = (y.as_slice().unwrap_or_default(), g.as_slice().unwrap_or_default(), pairs.others);
    pairs.fill(pairs.coordinates, |row, a, b, x| {
        x.fill(T::zero());
        for (j, (&y, &g)) in ys[row * r..][..r].iter().zip(&gs[row * r..][..r]).enumerate() {
            metric.pull(a, b(j), y, g, x);
        }
    })
}
