//! Layer normalisation.
//!
//! With its scale and shift it is one op: what is read of a row stays in the nearest cache.

use std::borrow::Cow;

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::normalize::{normalize, pull_normalized, pull_weight};
use crate::kernel::wide::in_f32;
use crate::shape::keep;
use crate::tensor::Tensor;

/// `y = (x − mean) / √(variance + eps) · weight + bias` over the axes that the weight has.
#[derive(Debug)]
struct LayerNorm(f64);

impl<T: Float> Op<T> for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        forward([xs[0], xs[1], xs[2]], self.0)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x, weight, _], g) = (p.inputs(), p.g);
        let axes = keep(&(x.ndim() - weight.ndim()..x.ndim()).collect::<Vec<_>>()[..]);
        let scale = (x.var(axes.clone(), 0) + T::of(self.0)).rsqrt();
        let y = (x - x.mean(axes.clone())) * scale;
        p.accum(0, || {
            let up = g * weight;
            scale * (up - up.mean(axes.clone()) - y * (up * y).mean(axes))
        });
        p.accum(1, || g * y);
        p.accum(2, || g);
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (g, x, weight, eps) = (p.take_g(), p.xs[0], p.xs[1], self.0);
        p.accum(0, || pull([&g, x, weight], eps));
        p.accum(1, || pull_scale([&g, x, weight], eps));
        p.accum(2, || g);
        true
    }
}

/// The elements in row-major order.
fn elements<T: Float>(x: &Tensor<T>) -> Cow<'_, [T]> {
    x.as_slice().map_or_else(|| Cow::Owned(x.to_vec()), Cow::Borrowed)
}

fn forward<T: Float>(xs: [&Tensor<T>; 3], eps: f64) -> Tensor<T> {
    if T::NARROW {
        return in_f32(xs, |[x, weight, bias]| forward([&x, &weight, &bias], eps));
    }
    let [x, weight, bias] = xs.map(elements);
    if x.is_empty() { xs[0].clone() } else { normalize([&x, &weight, &bias], eps).reshape_to(xs[0].shape()) }
}

/// The gradient of x.
fn pull<T: Float>(xs: [&Tensor<T>; 3], eps: f64) -> Tensor<T> {
    if T::NARROW {
        return in_f32(xs, |[g, x, weight]| pull([&g, &x, &weight], eps));
    }
    let [g, x, weight] = xs.map(elements);
    if x.is_empty() { xs[0].clone() } else { pull_normalized([&g, &x, &weight], eps).reshape_to(xs[0].shape()) }
}

/// The gradient of the weight.
fn pull_scale<T: Float>(xs: [&Tensor<T>; 3], eps: f64) -> Tensor<T> {
    if T::NARROW {
        return in_f32(xs, |[g, x, weight]| pull_scale([&g, &x, &weight], eps));
    }
    let [g, x] = [xs[0], xs[1]].map(elements);
    let (n, shape) = (xs[2].len(), xs[2].shape());
    if x.is_empty() { Tensor::zeros(shape) } else { pull_weight([&g, &x], n, eps).reshape_to(shape) }
}

impl<'t, T: Float> Var<'t, T> {
    /// Layer normalisation, `y = (x − mean) / √(variance + eps) · weight + bias`, over the last axes, which `weight` and `bias` have;
    /// the variance is that of all n values, divided by n.
    ///
    /// Shapes: `[…, sizes…]`, `[sizes…]`, `[sizes…]` → that of `self`.
    ///
    /// # Gradient
    /// With `ŷ = (x − mean) / √(variance + eps)` and `h = ȳ · weight`: `x̄ = (h − mean h − ŷ · mean(h ŷ)) / √(variance + eps)`; of the weight
    /// `ȳ · ŷ` and of the bias `ȳ`, summed over the rows.
    ///
    /// # Panics
    /// If the shape of `self` does not end in that of `weight`, or `bias` has another.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let [x, weight, bias] = [tensor![[1.0, 3.0]], tensor![2.0, 2.0], tensor![0.0, 1.0]].map(|x| tape.leaf(x));
    /// assert_eq!(x.layer_norm(weight, bias, 0.0).value().to_vec(), [-2.0, 3.0]);
    /// ```
    /// Source: Ba, Kiros, Hinton, "Layer Normalization" (2016), §3.
    #[track_caller]
    pub fn layer_norm(self, weight: Var<'t, T>, bias: Var<'t, T>, eps: f64) -> Self {
        let (x, w, b) = (self.shape(), weight.shape(), bias.shape());
        assert!(x.ends_with(&w), "layer_norm: {x:?} does not end in the shape {w:?} of the weight");
        assert!(w == b, "layer_norm: weight {w:?} and bias {b:?} differ in shape");
        Var::apply(LayerNorm(eps), &[self, weight, bias])
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("layer_norm", |x, w, b| x.layer_norm(w, b, 0.3), [[2, 3], [3], [3]], [[4], [4], [4]], [[0, 3], [3], [3]]),
        specimen!("layer_norm of two axes", |x, w, b| x.layer_norm(w, b, 0.3), [[2, 2, 3], [2, 3], [2, 3]]),
    ]
}
