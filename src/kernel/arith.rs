//! The operators `+ − × ÷` and negation: tensor with tensor and tensor with scalar, owned and borrowed.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use super::change::{change, change0};
use super::map::{map, update, update0, zip, zip_shaped};
use crate::float::Float;
use crate::shape::{Shape, broadcast};
use crate::tensor::Tensor;

/// `f(a, b)` of `shape`; an owned operand of that shape lends its buffer to the result.
#[inline]
#[track_caller]
fn zip_owned<T: Float>(shape: &Shape, a: Tensor<T>, b: &Tensor<T>, f: impl Fn(T, T) -> T + Sync) -> Tensor<T> {
    if shape == a.shape() { update(a, b, f) } else { zip_shaped(shape.clone(), &a, b, f) }
}

macro_rules! tensor_operators {
    ($($trait:ident $method:ident $assign:ident $assign_method:ident $op:tt;)*) => { $(
        impl<T: Float> $trait<&Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[inline]
            #[track_caller]
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                zip(stringify!($method), self, other, |a, b| a $op b)
            }
        }
        impl<T: Float> $trait<&Tensor<T>> for Tensor<T> {
            type Output = Tensor<T>;
            #[inline]
            #[track_caller]
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                let shape = broadcast(stringify!($method), self.shape(), other.shape());
                zip_owned(&shape, self, other, |a, b| a $op b)
            }
        }
        impl<T: Float> $trait<Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[inline]
            #[track_caller]
            fn $method(self, other: Tensor<T>) -> Tensor<T> {
                let shape = broadcast(stringify!($method), self.shape(), other.shape());
                zip_owned(&shape, other, self, |b, a| a $op b)
            }
        }
        impl<T: Float> $trait<Tensor<T>> for Tensor<T> {
            type Output = Tensor<T>;
            #[inline]
            #[track_caller]
            fn $method(self, other: Tensor<T>) -> Tensor<T> {
                if self.len() < other.len() { (&self).$method(other) } else { self.$method(&other) }
            }
        }
        impl<T: Float> $trait<T> for &Tensor<T> {
            type Output = Tensor<T>;
            #[inline]
            fn $method(self, scalar: T) -> Tensor<T> {
                map(self, |x| x $op scalar)
            }
        }
        impl<T: Float> $trait<T> for Tensor<T> {
            type Output = Tensor<T>;
            #[inline]
            fn $method(self, scalar: T) -> Tensor<T> {
                update0(self, |x| x $op scalar)
            }
        }
        impl<T: Float> $assign<&Tensor<T>> for Tensor<T> {
            /// # Panics
            /// If `other` does not broadcast to the shape of `self`.
            #[inline]
            #[track_caller]
            fn $assign_method(&mut self, other: &Tensor<T>) {
                let shape = broadcast(stringify!($assign_method), self.shape(), other.shape());
                assert!(shape == *self.shape(), "{}: {:?} does not broadcast to {:?}", stringify!($assign_method),
                    other.shape(), self.shape());
                change(self, other, |a, b| a $op b);
            }
        }
        impl<T: Float> $assign<T> for Tensor<T> {
            #[inline]
            fn $assign_method(&mut self, scalar: T) {
                change0(self, |x| x $op scalar);
            }
        }
        tensor_operators!(@left $trait $method $op; f32 f64);
    )* };
    (@left $trait:ident $method:ident $op:tt; $($t:ty)*) => { $(
        impl $trait<&Tensor<$t>> for $t {
            type Output = Tensor<$t>;
            #[inline]
            fn $method(self, x: &Tensor<$t>) -> Tensor<$t> {
                map(x, |x| self $op x)
            }
        }
        impl $trait<Tensor<$t>> for $t {
            type Output = Tensor<$t>;
            #[inline]
            fn $method(self, x: Tensor<$t>) -> Tensor<$t> {
                update0(x, |x| self $op x)
            }
        }
    )* };
}
tensor_operators! {
    Add add AddAssign add_assign +;
    Sub sub SubAssign sub_assign -;
    Mul mul MulAssign mul_assign *;
    Div div DivAssign div_assign /;
}

impl<T: Float> Neg for &Tensor<T> {
    type Output = Tensor<T>;

    #[inline]
    fn neg(self) -> Tensor<T> {
        map(self, |x| -x)
    }
}

impl<T: Float> Neg for Tensor<T> {
    type Output = Tensor<T>;

    #[inline]
    fn neg(self) -> Tensor<T> {
        update0(self, |x| -x)
    }
}
