//! The mean of each window, and its adjoint.

use super::options::{Divisor, Pooling, Span};
use super::{Planes, Spans};
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
    let [steps_d, steps_h, step] = spans.steps;
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, pooling.positions(), steps, &|plane, out| {
        let (base, mut buffer) = (channels.at(plane), Vec::new());
        let mut rows = out.chunks_mut(spans.axes[2].len());
        for d in &spans.axes[0] {
            for h in &spans.axes[1] {
                let Some(out) = rows.next() else { return };
                out.fill(T::zero());
                for i in (0..d.len).map(|k| d.first + k * steps_d) {
                    for j in (0..h.len).map(|k| h.first + k * steps_h) {
                        let row = channels.row(base, i, j, &mut buffer);
                        for (y, w) in out.iter_mut().zip(&spans.axes[2]) {
                            let xs = (0..w.len).map(|k| row[w.first + k * step]);
                            *y = *y + xs.fold(T::zero(), |sum, x| sum + x);
                        }
                    }
                }
                for (y, w) in out.iter_mut().zip(&spans.axes[2]) {
                    *y = *y / divisor(pooling.divisor, [d, h, w]);
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
    let (g, [steps_d, steps_h, step]) = (g.as_slice().unwrap_or_default(), spans.steps);
    let [_, height, width] = spans.sizes;
    let steps = pooling.planes().saturating_mul(spans.elements());
    let out = x.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, pooling.pixels(), steps, &|plane, out| {
        out.fill(T::zero());
        let mut g = g[plane * windows..][..windows].iter();
        for d in &spans.axes[0] {
            for h in &spans.axes[1] {
                for (w, &g) in spans.axes[2].iter().zip(&mut g) {
                    let part = g / divisor(pooling.divisor, [d, h, w]);
                    for i in (0..d.len).map(|k| d.first + k * steps_d) {
                        for j in (0..h.len).map(|k| h.first + k * steps_h) {
                            let row = &mut out[(i * height + j) * width..][..width];
                            for k in 0..w.len {
                                let x = &mut row[w.first + k * step];
                                *x = *x + part;
                            }
                        }
                    }
                }
            }
        }
    });
    x
}
