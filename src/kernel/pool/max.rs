//! The largest element of each window; and where it is, which only its gradient asks.

use super::options::{Pooling, Span};
use super::{Planes, Spans, places};
use crate::float::Float;
use crate::kernel::planes;
use crate::kernel::rows::read;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The largest element of each window; NaN where one is NaN.
pub(crate) fn max<T: Float>(pooling: &Pooling, x: &Tensor<T>) -> Tensor<T> {
    let mut y = Tensor::dirty(pooling.y_shape());
    let (channels, spans) = (Planes::of(x, pooling), Spans::of(pooling));
    let steps = pooling.planes().saturating_mul(spans.elements());
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, pooling.positions(), steps, &|plane, out| {
        let (mut buffer, mut rows) = (Vec::new(), Vec::new());
        let (x, width) = (channels.plane(plane, &mut buffer), spans.axes[2].len());
        let windows = spans.axes[0].iter().flat_map(|d| spans.axes[1].iter().map(move |h| [d, h]));
        for (out, window) in out.chunks_exact_mut(width).zip(windows) {
            spans.rows(window, &mut rows);
            max_row(x, &spans, &rows, out);
        }
    });
    y
}

/// One row of windows, whose elements are in these rows of x.
fn max_row<T: Float>(x: &[T], spans: &Spans, rows: &[usize], out: &mut [T]) {
    for o in spans.others() {
        let elements = window(&spans.axes[2][o], spans, rows).map(|at| x[at]);
        out[o] = elements.reduce(|best, x| x.maximum(best)).unwrap_or(T::nan());
    }
    let (out, stride, mut is_first) = (&mut out[spans.full.clone()], spans.stride as isize, true);
    for at in rows.iter().flat_map(|row| spans.taps().map(move |tap| row + tap)) {
        match is_first {
            true => read(out, x, at as isize, stride, |_, x| x),
            false => read(out, x, at as isize, stride, |best, x| x.maximum(best)),
        }
        is_first = false;
    }
}

/// The places of a window's elements in row-major order.
fn window<'a>(span: &'a Span, spans: &'a Spans, rows: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    rows.iter().flat_map(|row| places(span, spans.steps[2]).map(move |at| row + at))
}

/// Where in its channel the largest element `y` of each window is, in row-major order: of equal ones the first, and the first NaN if
/// there is one.
///
/// Shapes: `[channels of all images, windows]`.
pub(crate) fn places_of_max<T: Float>(pooling: &Pooling, x: &Tensor<T>, y: &Tensor<T>) -> Tensor<usize> {
    let shape = Shape::from([pooling.planes(), pooling.positions()]);
    let mut found = vec![0; shape.elements()];
    let (channels, spans, y) = (Planes::of(x, pooling), Spans::of(pooling), y.to_contiguous());
    let (steps, y, each) =
        (pooling.planes().saturating_mul(spans.elements()), y.as_slice().unwrap_or_default(), shape[1]);
    planes(&mut found, each, steps, &|plane, found| {
        let (mut buffer, mut rows) = (Vec::new(), Vec::new());
        let (x, width) = (channels.plane(plane, &mut buffer), spans.axes[2].len());
        let windows = spans.axes[0].iter().flat_map(|d| spans.axes[1].iter().map(move |h| [d, h]));
        let y = y[plane * each..][..each].chunks_exact(width);
        for ((found, y), window) in found.chunks_exact_mut(width).zip(y).zip(windows) {
            spans.rows(window, &mut rows);
            places_row(x, &spans, &rows, y, found);
        }
    });
    Tensor::from_elements(found, shape)
}

/// One row of windows, whose elements are in these rows of x, and whose largest elements are `y`.
fn places_row<T: Float>(x: &[T], spans: &Spans, rows: &[usize], y: &[T], found: &mut [usize]) {
    let find = |o: usize| {
        let mut elements = window(&spans.axes[2][o], spans, rows);
        let first = elements.next().unwrap_or(0);
        let is_it = |at: &usize| x[*at] == y[o] || (x[*at].is_nan() && y[o].is_nan());
        if is_it(&first) { first } else { elements.find(is_it).unwrap_or(first) }
    };
    spans.others().for_each(|o| found[o] = find(o));
    let full = spans.full.clone();
    // From the last tap to the first, without branches, so that the first stays. Of NaN nothing is known by comparisons.
    for at in rows.iter().rev().flat_map(|row| spans.taps().rev().map(move |tap| row + tap)) {
        let mut places = (at..).step_by(spans.stride).zip(x[at..].iter().step_by(spans.stride));
        for (found, &y) in found[full.clone()].iter_mut().zip(&y[full.clone()]) {
            let Some((at, &x)) = places.next() else { break };
            *found = if x >= y { at } else { *found };
        }
    }
    full.filter(|&o| y[o].is_nan()).for_each(|o| found[o] = find(o));
}

/// The gradients `g` of the windows added up where their largest elements are: the adjoint of picking them.
pub(crate) fn spread<T: Float>(pooling: &Pooling, places: &Tensor<usize>, g: &Tensor<T>) -> Tensor<T> {
    let mut x = Tensor::dirty(pooling.x_shape());
    let (g, windows, steps) = (g.to_contiguous(), pooling.positions(), g.len() + x.len());
    let (g, places) = (g.as_slice().unwrap_or_default(), places.as_slice().unwrap_or_default());
    let out = x.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, pooling.pixels(), steps, &|plane, out| {
        out.fill(T::zero());
        let range = plane * windows..(plane + 1) * windows;
        for (&place, &g) in places[range.clone()].iter().zip(&g[range]) {
            out[place] = out[place] + g;
        }
    });
    x
}
