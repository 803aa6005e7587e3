//! Elementwise changes of a tensor where it lies: one element at once, more of them by the loops of `map`.

use std::mem::replace;

use super::map::{update, update0, update2};
use crate::float::Float;
use crate::tensor::Tensor;

/// `g ← f(g)` for every element; in place where nobody else holds `g`.
#[inline]
pub(crate) fn change0<T: Float>(g: &mut Tensor<T>, f: impl Fn(T) -> T + Sync) {
    match g.as_one() {
        Some(item) => *item = f(*item),
        None => *g = update0(replace(g, Tensor::vacant()), f),
    }
}

/// `g ← f(g, x)` for every element of `g`, whose shape `x` broadcasts to; in place where nobody else holds `g`.
#[inline]
pub(crate) fn change<T: Float>(g: &mut Tensor<T>, x: &Tensor<T>, f: impl Fn(T, T) -> T + Sync) {
    match (g.as_one(), x.len()) {
        (Some(item), 1) => *item = f(*item, x.item()),
        _ => *g = update(replace(g, Tensor::vacant()), x, f),
    }
}

/// `g ← f(g, x, y)` for every element of `g`, whose shape `x` and `y` broadcast to; in place where nobody else holds `g`.
#[inline]
pub(crate) fn change2<T: Float>(g: &mut Tensor<T>, [x, y]: [&Tensor<T>; 2], f: impl Fn(T, T, T) -> T + Sync) {
    match (g.as_one(), x.len(), y.len()) {
        (Some(item), 1, 1) => *item = f(*item, x.item(), y.item()),
        _ => *g = update2(replace(g, Tensor::vacant()), [x, y], f),
    }
}
