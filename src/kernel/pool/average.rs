//! The mean of each window, and its adjoint.

use super::options::{Divisor, Pooling, Span};
use super::{Planes, Spans, places};
use crate::float::Float;
use crate::kernel::planes;
use crate::tensor::Tensor;

/// What the sum over a window is divided by.
fn divisor<T: Float>(divisor: Divisor, spans: [&Span; 3]) -> T {
    let n = match divisor {
        Divisor::Elements => spans.iter().map(|span| span.len).product(),
        Divisor::Padded => spans.iter().map(|span| span.padded).product(),
        Divisor::Fixed(n) => n,
    };
    T::of(n as f64)
}

/// The mean of each window: first of its rows the sums, then of these, so that rounding does not grow with a whole window.
pub(crate) fn average<T: Float>(pooling: &Pooling, x: &Tensor<T>) -> Tensor<T> {
    let mut y = Tensor::dirty(pooling.y_shape());
    let (channels, spans) = (Planes::of(x, pooling), Spans::of(pooling));
    let steps = pooling.planes().saturating_mul(spans.elements());
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, pooling.positions(), steps, &|plane, out| {
        let (mut buffer, mut rows) = (Vec::new(), Vec::new());
        let (x, mut out) = (channels.plane(plane, &mut buffer), out.iter_mut());
        for d in &spans.axes[0] {
            for h in &spans.axes[1] {
                spans.rows([d, h], &mut rows);
                for (w, y) in spans.axes[2].iter().zip(&mut out) {
                    let sum = |row: &usize| places(w, spans.steps[2]).fold(T::zero(), |sum, at| sum + x[row + at]);
                    *y = rows.iter().map(sum).fold(T::zero(), |sum, x| sum + x) / divisor(pooling.divisor, [d, h, w]);
                }
            }
        }
    });
    y
}

/// The elements of `g`, each divided and added to every element of its window: the adjoint of [`average`].
pub(crate) fn share<T: Float>(pooling: &Pooling, g: &Tensor<T>) -> Tensor<T> {
    let mut x = Tensor::dirty(pooling.x_shape());
    let (g, windows, spans) = (g.to_contiguous(), pooling.positions(), Spans::of(pooling));
    let g = g.as_slice().unwrap_or_default();
    let steps = pooling.planes().saturating_mul(spans.elements());
    let out = x.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, pooling.pixels(), steps, &|plane, out| {
        out.fill(T::zero());
        let (mut rows, mut g) = (Vec::new(), g[plane * windows..][..windows].iter());
        for d in &spans.axes[0] {
            for h in &spans.axes[1] {
                spans.rows([d, h], &mut rows);
                for (w, &g) in spans.axes[2].iter().zip(&mut g) {
                    let part = g / divisor(pooling.divisor, [d, h, w]);
                    for row in &rows {
                        places(w, spans.steps[2]).for_each(|at| out[row + at] = out[row + at] + part);
                    }
                }
            }
        }
    });
    x
}
