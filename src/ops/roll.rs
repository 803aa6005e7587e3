//! Elements moved along axes, those that leave at one end entering at the other. Adjoint: the same, back.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::shape::{Shape, axis_of};
use crate::tensor::Tensor;

/// A move by so many places, from 0 up to the size, along one axis after the other.
#[derive(Debug)]
struct Roll(Vec<(usize, usize)>);

impl Roll {
    #[track_caller]
    fn new(shifts: &[isize], axes: &[isize], shape: &Shape) -> Self {
        assert!(shifts.len() == axes.len(), "roll: {} shifts for {} axes", shifts.len(), axes.len());
        let mut moves = Vec::with_capacity(axes.len());
        for (&shift, &axis) in shifts.iter().zip(axes) {
            let axis = axis_of("roll", axis, shape.ndim());
            moves.push((axis, shift.rem_euclid(shape[axis].max(1) as isize) as usize));
        }
        Roll(moves)
    }

    fn of<T: Clone>(&self, x: &Tensor<T>) -> Tensor<T> {
        self.0.iter().filter(|&&(_, shift)| shift > 0).fold(x.clone(), |x, &(axis, shift)| {
            let (at, n) = (axis as isize, x.shape()[axis]);
            Tensor::concat(&[x.narrow(at, n - shift, shift), x.narrow(at, 0, n - shift)], at)
        })
    }

    fn back(&self, shape: &Shape) -> Self {
        let left = |&(axis, shift): &(usize, usize)| (axis, (shape[axis] - shift) % shape[axis].max(1));
        Roll(self.0.iter().map(left).collect())
    }
}

impl<T: Float> Op<T> for Roll {
    fn name(&self) -> &'static str {
        "roll"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        self.of(xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(self.back(&g.shape()), &[g]));
    }
}

impl<T: Float> Var<'_, T> {
    /// Every element moved by `shifts[k]` places along `axes[k]`, for each k; what leaves at one end enters at the other.
    ///
    /// Shapes: any → the same.
    ///
    /// # Gradient
    /// `x̄ = ȳ`, moved back.
    ///
    /// # Panics
    /// If there are not as many shifts as axes, or an axis is out of range.
    #[track_caller]
    pub fn roll(self, shifts: &[isize], axes: &[isize]) -> Self {
        Var::apply(Roll::new(shifts, axes, &self.shape()), &[self])
    }
}

impl<T: Clone> Tensor<T> {
    /// Every element moved by `shifts[k]` places along `axes[k]`, for each k; what leaves at one end enters at the other.
    ///
    /// Shapes: any → the same.
    ///
    /// # Panics
    /// If there are not as many shifts as axes, or an axis is out of range.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1, 2, 3], [4, 5, 6]];
    /// assert_eq!(x.roll(&[1], &[1]).to_vec(), [3, 1, 2, 6, 4, 5]);
    /// assert_eq!(x.roll(&[1, -1], &[0, 1]).to_vec(), [5, 6, 4, 2, 3, 1]);
    /// ```
    #[track_caller]
    pub fn roll(&self, shifts: &[isize], axes: &[isize]) -> Tensor<T> {
        Roll::new(shifts, axes, self.shape()).of(self)
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("roll", |x| x.roll(&[1], &[-1]), [[4]], [[2, 3]], [[0]], [[1]]),
        specimen!("roll along axes", |x| x.roll(&[-4, 2], &[0, 1]), [[3, 4]], [[2, 3, 2]], [[0, 3]]),
        specimen!("roll along one axis twice", |x| x.roll(&[1, 1], &[0, -1]), [[3]]),
    ]
}
