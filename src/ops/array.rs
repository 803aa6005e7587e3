//! What tensors and nodes can both do, so that what is composed of it is written once for the two.

use crate::float::Float;
use crate::graph::Var;
use crate::shape::{Inline, Shape, keep};
use crate::tensor::Tensor;

/// A tensor, or a node whose value is one. Every method is the one of the same name, at the caller's line.
pub(super) trait Array: Clone {
    fn size(&self) -> Shape;
    fn strides(&self) -> Inline<isize>;
    #[track_caller]
    fn permute(&self, order: &[isize]) -> Self;
    #[track_caller]
    fn reshape(&self, shape: &Shape) -> Self;
    #[track_caller]
    fn broadcast_to(&self, shape: &Shape) -> Self;
    #[track_caller]
    fn diagonal(&self, a: isize, b: isize) -> Self;
    #[track_caller]
    fn sum(&self, axes: &[usize]) -> Self;
    #[track_caller]
    fn mul(&self, other: &Self) -> Self;
    #[track_caller]
    fn matmul(&self, other: &Self) -> Self;
    /// Divided by its Euclidean norm along `axis`, or by `least` where the norm is smaller.
    #[track_caller]
    fn normalized(&self, axis: usize, least: f64) -> Self;
}

impl<T: Float> Array for Tensor<T> {
    fn size(&self) -> Shape {
        self.shape().clone()
    }

    fn strides(&self) -> Inline<isize> {
        Inline::of(Tensor::strides(self))
    }

    #[track_caller]
    fn permute(&self, order: &[isize]) -> Self {
        Tensor::permute(self, order)
    }

    #[track_caller]
    fn reshape(&self, shape: &Shape) -> Self {
        Tensor::reshape(self, shape)
    }

    #[track_caller]
    fn broadcast_to(&self, shape: &Shape) -> Self {
        Tensor::broadcast_to(self, shape)
    }

    #[track_caller]
    fn diagonal(&self, a: isize, b: isize) -> Self {
        Tensor::diagonal(self, 0, a, b)
    }

    #[track_caller]
    fn sum(&self, axes: &[usize]) -> Self {
        Tensor::sum(self, axes)
    }

    #[track_caller]
    fn mul(&self, other: &Self) -> Self {
        self * other
    }

    #[track_caller]
    fn matmul(&self, other: &Self) -> Self {
        Tensor::matmul(self, other)
    }

    #[track_caller]
    fn normalized(&self, axis: usize, least: f64) -> Self {
        self / self.norm(keep(axis)).clamp(least, f64::INFINITY)
    }
}

impl<T: Float> Array for Var<'_, T> {
    fn size(&self) -> Shape {
        Var::shape(*self)
    }

    fn strides(&self) -> Inline<isize> {
        Inline::of(self.value().strides())
    }

    #[track_caller]
    fn permute(&self, order: &[isize]) -> Self {
        let moves = order.iter().enumerate().any(|(to, &from)| to as isize != from);
        if moves { Var::permute(*self, order) } else { *self }
    }

    #[track_caller]
    fn reshape(&self, shape: &Shape) -> Self {
        Var::reshape(*self, shape)
    }

    #[track_caller]
    fn broadcast_to(&self, shape: &Shape) -> Self {
        Var::broadcast_to(*self, shape)
    }

    #[track_caller]
    fn diagonal(&self, a: isize, b: isize) -> Self {
        Var::diagonal(*self, 0, a, b)
    }

    #[track_caller]
    fn sum(&self, axes: &[usize]) -> Self {
        Var::sum(*self, axes)
    }

    #[track_caller]
    fn mul(&self, other: &Self) -> Self {
        *self * *other
    }

    #[track_caller]
    fn matmul(&self, other: &Self) -> Self {
        Var::matmul(*self, *other)
    }

    #[track_caller]
    fn normalized(&self, axis: usize, least: f64) -> Self {
        *self / self.norm(keep(axis)).clamp(least, f64::INFINITY)
    }
}
