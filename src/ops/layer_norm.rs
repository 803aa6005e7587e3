//! Layer normalisation.
//!
//! With its scale and shift it is one op: what is read of a row stays in the nearest cache.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::fold::fold_slice;
use crate::kernel::lanes::map_lanes;
use crate::kernel::simd::widest;
use crate::kernel::wide::in_f32;
use crate::shape::{Shape, keep};
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
        p.accum(1, || pull_weight([&g, x, weight], eps));
        p.accum(2, || g);
        true
    }
}

/// `x` with the axes of `weight` as one.
fn rows<T: Float>(x: &Tensor<T>, weight: &Tensor<T>) -> Tensor<T> {
    let outer = x.shape()[..x.ndim() - weight.ndim()].iter().product();
    x.reshape_to(&Shape::from([outer, weight.len()]))
}

/// The mean of a row in two parts, of which the second is what the first lost to rounding, and `1 / √(variance + eps)`.
fn moments<T: Float>(x: &[T], eps: f64) -> [T; 3] {
    let (n, add) = (T::of(x.len() as f64), |a, b| a + b);
    let mean = fold_slice(x, false, &|x| x, &add) / n;
    let rest = fold_slice(x, false, &|x| x - mean, &add) / n;
    let square = |x: T| ((x - mean) - rest) * ((x - mean) - rest);
    let variance = fold_slice(x, false, &square, &add) / n;
    [mean, rest, (variance + T::of(eps)).sqrt().recip()]
}

fn forward<T: Float>(xs: [&Tensor<T>; 3], eps: f64) -> Tensor<T> {
    if T::NARROW {
        return in_f32(xs, |[x, weight, bias]| forward([&x, &weight, &bias], eps));
    }
    let [x, weight, bias] = [xs[0].clone(), xs[1].to_contiguous(), xs[2].to_contiguous()];
    let (w, b) = (weight.as_slice().unwrap_or_default(), bias.as_slice().unwrap_or_default());
    let y = map_lanes([&rows(&x, &weight)], 1, |[x], y| {
        let [mean, rest, scale] = moments(x, eps);
        widest::<T, _>(
            #[inline(always)]
            || {
                let (x, w, b) = (&x[..y.len()], &w[..y.len()], &b[..y.len()]);
                (0..y.len()).for_each(|i| y[i] = ((x[i] - mean) - rest) * scale * w[i] + b[i]);
            },
        );
    });
    y.reshape_to(x.shape())
}

/// The gradient of x: with `h = ȳ · weight` and ŷ without scale and shift, `(h − mean h − ŷ · mean(h ŷ)) / √(variance + eps)`.
fn pull<T: Float>(xs: [&Tensor<T>; 3], eps: f64) -> Tensor<T> {
    if T::NARROW {
        return in_f32(xs, |[g, x, weight]| pull([&g, &x, &weight], eps));
    }
    let [g, x, weight] = [xs[0], xs[1], &xs[2].to_contiguous()];
    let w = weight.as_slice().unwrap_or_default();
    let pulled = map_lanes([&rows(g, weight), &rows(x, weight)], 1, |[g, x], out| {
        let ([mean, rest, scale], n) = (moments(x, eps), T::of(x.len() as f64));
        let add = |a, b| a + b;
        let (g, x, w) = (&g[..out.len()], &x[..out.len()], &w[..out.len()]);
        widest::<T, _>(
            #[inline(always)]
            || (0..out.len()).for_each(|i| out[i] = g[i] * w[i]),
        );
        let first = fold_slice(out, false, &|h| h, &add) / n;
        widest::<T, _>(
            #[inline(always)]
            || (0..out.len()).for_each(|i| out[i] = g[i] * w[i] * (((x[i] - mean) - rest) * scale)),
        );
        let second = fold_slice(out, false, &|h| h, &add) / n;
        widest::<T, _>(
            #[inline(always)]
            || {
                (0..out.len()).for_each(|i| {
                    let y = ((x[i] - mean) - rest) * scale;
                    out[i] = scale * ((g[i] * w[i] - first) - y * second);
                });
            },
        );
    });
    pulled.reshape_to(x.shape())
}

/// `ȳ · ŷ`, the gradient of the weight before it is summed over the rows.
fn pull_weight<T: Float>(xs: [&Tensor<T>; 3], eps: f64) -> Tensor<T> {
    if T::NARROW {
        return in_f32(xs, |[g, x, weight]| pull_weight([&g, &x, &weight], eps));
    }
    let [g, x, weight] = xs;
    let product = map_lanes([&rows(g, weight), &rows(x, weight)], 1, |[g, x], out| {
        let [mean, rest, scale] = moments(x, eps);
        widest::<T, _>(
            #[inline(always)]
            || {
                let (g, x) = (&g[..out.len()], &x[..out.len()]);
                (0..out.len()).for_each(|i| out[i] = g[i] * (((x[i] - mean) - rest) * scale));
            },
        );
    });
    product.reshape_to(x.shape())
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
