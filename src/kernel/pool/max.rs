//! The largest element of each window; and where it is, which only its gradient asks.

use super::options::{Pooling, Span};
use super::{Planes, Spans, pairs, places};
use crate::float::Float;
use crate::kernel::compare::same;
use crate::kernel::planes;
use crate::kernel::rows::read;
use crate::kernel::wide::in_f32;
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
/// there is one. Nothing if that is not known of some window, as of intervals that overlap.
///
/// Shapes: `[channels of all images, windows]`.
pub(crate) fn places_of_max<T: Float>(pooling: &Pooling, x: &Tensor<T>, y: &Tensor<T>) -> Option<Tensor<usize>> {
    let shape = Shape::from([pooling.planes(), pooling.positions()]);
    let mut found = vec![UNKNOWN; shape.elements()];
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
    (!found.contains(&UNKNOWN)).then(|| Tensor::from_elements(found, shape))
}

/// No place.
const UNKNOWN: usize = usize::MAX;

/// One row of windows, whose elements are in these rows of x, and whose largest elements are `y`.
fn places_row<T: Float>(x: &[T], spans: &Spans, rows: &[usize], y: &[T], found: &mut [usize]) {
    let find = |o: usize| {
        let mut elements = window(&spans.axes[2][o], spans, rows);
        let is_it = |at: &usize| x[*at] == y[o] || (x[*at].is_nan() && y[o].is_nan());
        elements.find(is_it).unwrap_or(UNKNOWN)
    };
    spans.others().for_each(|o| found[o] = find(o));
    let (full, stride) = (spans.full.clone(), spans.stride);
    // From the last tap to the first, so that the first stays. Of NaN nothing is known by comparisons.
    for at in rows.iter().rev().flat_map(|row| spans.taps().rev().map(move |tap| row + tap)) {
        mark(&mut found[full.clone()], &y[full.clone()], x, at, stride);
    }
    full.filter(|&o| y[o].is_nan()).for_each(|o| found[o] = find(o));
}

/// Notes the place `at + o · stride` for each window `o` that has its largest element `y` there.
fn mark<T: Float>(found: &mut [usize], y: &[T], x: &[T], at: usize, stride: usize) {
    let choose = |found: usize, x: T, y: T, place: usize| if x >= y { place } else { found };
    let n = found.len();
    if stride == 2 && n > 0 {
        // The stride that nets have; so written, it becomes vectors.
        let last = at + 2 * (n - 1);
        let (pairs, _) = x[at..last].as_chunks::<2>();
        let windows = found.iter_mut().zip(y).zip(pairs).enumerate();
        windows.for_each(|(o, ((found, &y), &[x, _]))| *found = choose(*found, x, y, at + 2 * o));
        found[n - 1] = choose(found[n - 1], x[last], y[n - 1], last);
    } else {
        let windows = found.iter_mut().zip(y).enumerate();
        windows.for_each(|(o, (found, &y))| *found = choose(*found, x[at + o * stride], y, at + o * stride));
    }
}

/// The gradient by `x` of the largest elements `y` of its windows, whose gradient is `g`.
pub(crate) fn pull_max<T: Float>(pooling: &Pooling, [x, y, g]: [&Tensor<T>; 3]) -> Tensor<T> {
    if let Some(pulled) = pairs::pull_max(pooling, [x, y, g]) {
        return pulled;
    }
    match places_of_max(pooling, x, y) {
        Some(places) => spread(pooling, &places, g),
        None => spread_among(pooling, [x, y, g]),
    }
}

/// What [`pull_max`] is where it is not known which element is the largest: each that may be it gets what it then would get, or nothing.
fn spread_among<T: Float>(pooling: &Pooling, [x, y, g]: [&Tensor<T>; 3]) -> Tensor<T> {
    let mut result = Tensor::dirty(pooling.x_shape());
    let (channels, spans, windows) = (Planes::of(x, pooling), Spans::of(pooling), pooling.positions());
    let (y, g) = (y.to_contiguous(), g.to_contiguous());
    let (y, g) = (y.as_slice().unwrap_or_default(), g.as_slice().unwrap_or_default());
    let steps = pooling.planes().saturating_mul(spans.elements());
    let out = result.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, pooling.pixels(), steps, &|plane, out| {
        out.fill(T::zero());
        let (mut buffer, mut rows) = (Vec::new(), Vec::new());
        let x = channels.plane(plane, &mut buffer);
        let mut pairs = y.iter().zip(g).skip(plane * windows);
        for window in spans.axes[0].iter().flat_map(|d| spans.axes[1].iter().map(move |h| [d, h])) {
            spans.rows(window, &mut rows);
            for (w, (&y, &g)) in spans.axes[2].iter().zip(&mut pairs) {
                for at in rows.iter().flat_map(|row| places(w, spans.steps[2]).map(move |at| row + at)) {
                    out[at] = out[at] + same(x[at], y).if_positive(g, T::zero());
                }
            }
        }
    });
    result
}

/// The gradients `g` of the windows added up where their largest elements are: the adjoint of picking them.
fn spread<T: Float>(pooling: &Pooling, places: &Tensor<usize>, g: &Tensor<T>) -> Tensor<T> {
    if T::NARROW {
        return in_f32([g], |[g]| spread(pooling, places, &g));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::pool::Pool;

    #[test]
    fn windows_of_two_by_two_have_the_gradients_that_places_give() {
        for sizes in [[2, 3, 4, 6], [1, 2, 5, 7], [3, 1, 2, 2], [1, 1, 3, 41], [0, 2, 4, 4]] {
            // Few values, so that many are equal, and NaN among them.
            let value = |i: &[usize]| ((i[0] * 31 + i[1] * 17 + i[2] * 7 + i[3] * 5) % 11) as f64;
            let x = Tensor::from_fn(sizes, |i| if value(i) == 3.0 { f64::NAN } else { (value(i) / 4.0).floor() });
            for x in [x.clone(), x.swapaxes(0, 1).to_contiguous().swapaxes(0, 1)] {
                let pooling = Pool::new(2).of_max("max_pool2d", 2, x.shape());
                let y = max(&pooling, &x);
                let g = Tensor::from_fn(&y.shape()[..], |i| 1.0 + i[3] as f64 + 10.0 * i[2] as f64);
                let expected = places_of_max(&pooling, &x, &y).map(|places| spread(&pooling, &places, &g));
                let found = pairs::pull_max(&pooling, [&x, &y, &g]).expect("such windows");
                assert_eq!(found.to_vec(), expected.expect("all are known").to_vec(), "{sizes:?}");
            }
        }
        let pooling = Pool::new(2).stride(1).of_max("max_pool2d", 2, &Shape::from([1, 1, 4, 4]));
        let [x, y] = [Tensor::<f64>::zeros([1, 1, 4, 4]), Tensor::zeros([1, 1, 3, 3])];
        assert!(pairs::pull_max(&pooling, [&x, &y, &y]).is_none(), "these overlap");
    }
}
