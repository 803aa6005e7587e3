//! Distances between every two points of two sets.

use super::reduce::Same;
use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::distance::{Metric, distances, pull_distances};
use crate::kernel::reduce::check_order;
use crate::shape::{Shape, keep};
use crate::tensor::Tensor;

/// The metric that a norm of this order makes, if it has a kernel.
fn metric(ord: f64) -> Option<Metric> {
    match ord {
        1.0 => Some(Metric::Sum),
        2.0 => Some(Metric::Euclidean),
        f64::INFINITY => Some(Metric::Largest),
        _ => None,
    }
}

/// The shape of all axes before the points', for sets of these shapes.
#[track_caller]
fn batch(a: &Shape, b: &Shape) -> Shape {
    let leading = |x: &Shape| Shape::from(&x[..x.ndim() - 2]);
    let fit = a.ndim() >= 2 && b.ndim() >= 2 && a.last() == b.last();
    match if fit { leading(a).broadcast(&leading(b)) } else { None } {
        Some(batch) => batch,
        None => panic!("cdist: {a:?} and {b:?} are not [.., p, m] and [.., r, m], with axes before that broadcast"),
    }
}

/// `yᵢⱼ` is the distance of `aᵢ` and `bⱼ`.
#[derive(Debug)]
struct Distances(Metric);

impl<T: Float> Op<T> for Distances {
    fn name(&self) -> &'static str {
        "cdist"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        distances(xs[0], xs[1], &batch(xs[0].shape(), xs[1].shape()), self.0)
    }

    // Every coordinate of a difference d gets its share: sign d, or d / y, or sign d where |d| = y.
    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([a, b], y, g) = (p.inputs(), p.y.unsqueeze(-1), p.g.unsqueeze(-1));
        let differences = a.unsqueeze(-2) - b.unsqueeze(-3);
        let shares = match self.0 {
            Metric::Sum => g * differences.sign(),
            Metric::Euclidean => g * y.reciprocal_or_zero() * differences,
            Metric::Largest => {
                let tied = Var::apply(Same, &[differences.abs(), y]);
                g * differences.sign() * tied / tied.sum(keep(-1))
            }
        };
        p.accum(0, || shares.sum(-2));
        p.accum(1, || -shares.sum(-3));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (a, b, y, g) = (p.xs[0], p.xs[1], p.y, p.take_g());
        let batch = batch(a.shape(), b.shape());
        p.accum(0, || pull_distances([a, b, y, &g], &batch, self.0));
        p.accum(1, || pull_distances([b, a, &y.t(), &g.t()], &batch, self.0));
        true
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Distances of all points in `self` to all in `other`, by the norm of order `ord`: `yᵢⱼ = ‖aᵢ − bⱼ‖`.
    ///
    /// It is computed from differences of coordinates, also in the gradient; nothing cancels where points are near each other and
    /// far from 0. For orders 1, 2 and ∞ the differences are not stored, unless gradients are recorded to be differentiated again.
    /// Point by point, without the pairs, a distance is `(a − b).vector_norm(ord, -1)`.
    ///
    /// Shapes: `[…, p, m]` and `[…, r, m]` → `[…, p, r]`, the leading axes broadcast.
    ///
    /// # Gradient
    /// That of the norm of `aᵢ − bⱼ`: 0 where points coincide, and shared equally among ties for ∞.
    ///
    /// # Panics
    /// If `ord` is below 1 or NaN, or the shapes do not fit.
    #[track_caller]
    pub fn cdist(self, other: Var<'t, T>, ord: f64) -> Self {
        check_order("cdist", ord);
        let shape = batch(&self.shape(), &other.shape());
        match metric(ord) {
            Some(metric) => Var::apply(Distances(metric), &[self, other]),
            None => (self.unsqueeze(-2) - other.unsqueeze(-3)).vector_norm(ord, shape.ndim() + 2),
        }
    }
}

impl<T: Float> Tensor<T> {
    /// Distances of all points in `self` to all in `other`, by the norm of order `ord`: `yᵢⱼ = ‖aᵢ − bⱼ‖`.
    ///
    /// It is computed from differences of coordinates: nothing cancels where points are near each other and far from 0.
    ///
    /// Shapes: `[…, p, m]` and `[…, r, m]` → `[…, p, r]`, the leading axes broadcast.
    ///
    /// # Panics
    /// If `ord` is below 1 or NaN, or the shapes do not fit.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let (a, b) = (tensor![[0.0, 0.0], [3.0, 0.0]], tensor![[3.0, 4.0]]);
    /// assert_eq!(a.cdist(&b, 2.0).to_vec(), [5.0, 4.0]);
    /// ```
    #[track_caller]
    pub fn cdist(&self, other: &Tensor<T>, ord: f64) -> Tensor<T> {
        check_order("cdist", ord);
        let batch = batch(self.shape(), other.shape());
        match metric(ord) {
            Some(metric) => distances(self, other, &batch, metric),
            None => (self.unsqueeze(-2) - other.unsqueeze(-3)).vector_norm(ord, -1),
        }
    }
}

/// Points so far from each other along every axis, and along each by another distance, that no two of these tie.
#[track_caller]
fn spread<'t, T: Float>(x: Var<'t, T>) -> Var<'t, T> {
    let far = |i: &[usize]| {
        let (row, column, m) = (i[i.len() - 2], i[i.len() - 1], x.shape()[i.len() - 1]);
        let steps = ((row + column) % m) as f64;
        T::of(if column % 2 == 0 { 10.0 * steps } else { -10.0 * steps })
    };
    x + x.tape().constant(Tensor::from_fn(x.shape(), far))
}

macro_rules! orders {
    ($($name:literal, $ord:expr, $($case:tt),*;)*) => {
        vec![$(specimen!($name, |a, b| spread(a).cdist(b, $ord), $($case),*)),*]
    };
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    orders! {
        "cdist of order 1", 1.0, [[2, 3], [3, 3]], [[1, 9], [1, 9]], [[0, 2], [3, 2]];
        "cdist of order 2", 2.0, [[2, 3], [4, 3]], [[2, 1, 2, 1], [3, 1, 1]], [[1, 9], [2, 9]], [[2, 2], [0, 2]], [[2, 0], [3, 0]];
        "cdist of order infinity", f64::INFINITY, [[2, 3], [3, 3]], [[1, 9], [1, 9]], [[2, 0], [3, 0]];
        "cdist of order 3", 3.0, [[2, 2], [1, 2]];
    }
}
