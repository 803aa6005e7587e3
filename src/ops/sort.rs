//! Sorting along an axis. Places are kept in the op; gradients go back where the values came from.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::sort::{Ranking, ranked};
use crate::shape::{Shape, axis_of};
use crate::tensor::Tensor;

/// The first `k` elements along an axis, in order.
#[derive(Debug)]
struct Sort {
    name: &'static str,
    axis: usize,
    k: usize,
    ranking: Ranking,
    /// Where they come from.
    places: Tensor<usize>,
    /// Whether `places` are those of an input that is still to come: whoever applies the op has looked for them already.
    ahead: bool,
}

impl Sort {
    /// Applies it to `x`, and gives the places too.
    #[track_caller]
    fn apply<'t, T: Float>(
        name: &'static str,
        x: Var<'t, T>,
        axis: usize,
        k: usize,
        ranking: Ranking,
    ) -> (Var<'t, T>, Tensor<usize>) {
        let places = ranked(&x.value(), axis, k, ranking);
        (Var::apply(Sort { name, axis, k, ranking, places: places.clone(), ahead: true }, &[x]), places)
    }
}

impl<T: Float> Op<T> for Sort {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        if !std::mem::take(&mut self.ahead) {
            self.places = ranked(xs[0], self.axis, self.k, self.ranking);
        }
        xs[0].gather(self.axis as isize, &self.places)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        p.accum(0, || {
            let zeros = g.tape().constant(Tensor::zeros(x.shape()));
            zeros.scatter_add(self.axis as isize, &self.places, g)
        });
    }
}

/// NaN last: it has no place among numbers.
fn by_size(descending: bool) -> Ranking {
    Ranking { descending, nan_first: false }
}

/// NaN first: as for a maximum, it is what must not be lost.
fn top(largest: bool) -> Ranking {
    Ranking { descending: largest, nan_first: true }
}

/// The axis, counted from the front, along which the first `k` are wanted.
#[track_caller]
fn top_axis(k: usize, axis: isize, shape: &Shape) -> usize {
    let at = axis_of("topk", axis, shape.ndim());
    assert!(k <= shape[at], "topk: {k} elements along axis {axis} of {shape:?}");
    at
}

impl<T: Float> Var<'_, T> {
    /// The elements along `axis` in ascending or descending order, and the places that they come from. Equal ones keep their order;
    /// NaN comes last either way, as in NumPy, while PyTorch counts it as the largest.
    ///
    /// Shapes: any → the same, twice.
    ///
    /// # Gradient
    /// To each element what arrives where it went.
    ///
    /// # Panics
    /// If `axis` is out of range, or two elements are in no order, as intervals that overlap.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![3.0, 1.0, 2.0]);
    /// let (y, places) = x.sort(-1, false);
    /// assert_eq!(places.to_vec(), [1, 2, 0]);
    /// assert_eq!(y.backward_with(tensor![10.0, 20.0, 30.0])[x].to_vec(), [30.0, 10.0, 20.0]);
    /// ```
    #[track_caller]
    pub fn sort(self, axis: isize, descending: bool) -> (Self, Tensor<usize>) {
        let at = axis_of("sort", axis, self.ndim());
        Sort::apply("sort", self, at, self.shape()[at], by_size(descending))
    }

    /// The places that [`Var::sort`] takes the elements from.
    ///
    /// Shapes: any → the same.
    ///
    /// # Gradient
    /// None: places are not on the tape.
    ///
    /// # Panics
    /// If `axis` is out of range, or two elements are in no order, as intervals that overlap.
    #[track_caller]
    pub fn argsort(self, axis: isize, descending: bool) -> Tensor<usize> {
        self.value().argsort(axis, descending)
    }

    /// The `k` largest elements along `axis`, or the smallest, in order, and the places that they come from. Of equal ones those at
    /// the lowest places; NaN comes first, so that the first is always the [`Var::max`] or [`Var::min`]. (Among the smallest, PyTorch
    /// has NaN last.)
    ///
    /// Shapes: `[…, n, …]` → `[…, k, …]`, twice.
    ///
    /// # Gradient
    /// To each element that was taken what arrives where it went, and to the others 0.
    ///
    /// # Panics
    /// If there are fewer than `k` elements along `axis`, it is out of range, or two elements are in no order, as intervals that overlap.
    #[track_caller]
    pub fn topk(self, k: usize, axis: isize, largest: bool) -> (Self, Tensor<usize>) {
        Sort::apply("topk", self, top_axis(k, axis, &self.shape()), k, top(largest))
    }
}

impl<T: Float> Tensor<T> {
    /// The elements along `axis` in ascending or descending order, and the places that they come from. Equal ones keep their order;
    /// NaN comes last either way, as in NumPy, while PyTorch counts it as the largest.
    ///
    /// Shapes: any → the same, twice.
    ///
    /// # Panics
    /// If `axis` is out of range, or two elements are in no order, as intervals that overlap.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let (y, places) = tensor![3.0, 1.0, 2.0].sort(-1, true);
    /// assert_eq!(y.to_vec(), [3.0, 2.0, 1.0]);
    /// assert_eq!(places.to_vec(), [0, 2, 1]);
    /// ```
    #[track_caller]
    pub fn sort(&self, axis: isize, descending: bool) -> (Tensor<T>, Tensor<usize>) {
        let places = self.argsort(axis, descending);
        (self.gather(axis, &places), places)
    }

    /// The places that [`Tensor::sort`] takes the elements from.
    ///
    /// Shapes: any → the same.
    ///
    /// # Panics
    /// If `axis` is out of range, or two elements are in no order, as intervals that overlap.
    #[track_caller]
    pub fn argsort(&self, axis: isize, descending: bool) -> Tensor<usize> {
        let at = axis_of("sort", axis, self.ndim());
        ranked(self, at, self.shape()[at], by_size(descending))
    }

    /// The `k` largest elements along `axis`, or the smallest, in order, and the places that they come from. Of equal ones those at
    /// the lowest places; NaN comes first, so that the first is always the [`Tensor::max`] or [`Tensor::min`]. (Among the smallest,
    /// PyTorch has NaN last.)
    ///
    /// Shapes: `[…, n, …]` → `[…, k, …]`, twice.
    ///
    /// # Panics
    /// If there are fewer than `k` elements along `axis`, it is out of range, or two elements are in no order, as intervals that overlap.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let (y, places) = tensor![3.0, 1.0, 2.0, 3.0].topk(2, 0, true);
    /// assert_eq!(y.to_vec(), [3.0, 3.0]);
    /// assert_eq!(places.to_vec(), [0, 3]);
    /// ```
    #[track_caller]
    pub fn topk(&self, k: usize, axis: isize, largest: bool) -> (Tensor<T>, Tensor<usize>) {
        let places = ranked(self, top_axis(k, axis, self.shape()), k, top(largest));
        (self.gather(axis, &places), places)
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("sort", |x| x.sort(-1, false).0, [[5]], [[2, 3]], [[1]], [[2, 0]], [[0, 3]]),
        specimen!("sort of the first axis, descending", |x| x.sort(0, true).0, [[4]], [[3, 2]], [[2, 2, 2]]),
        specimen!("topk", |x| x.topk(2, -1, true).0, [[5]], [[2, 3]], [[0, 3]]),
        specimen!("topk of the first axis, smallest", |x| x.topk(1, 0, false).0, [[4, 2]], [[1]]),
        specimen!("topk of none", |x| x.topk(0, 0, true).0.sum(..) + x.sum(..), [[2, 3]], [[0]]),
    ]
}
