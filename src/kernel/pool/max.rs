//! The largest element of each window, and where it is.

use rayon::prelude::*;

use super::options::Pooling;
use super::{Planes, Spans};
use crate::float::Float;
use crate::kernel::{planes, planes_per_piece, worth_sharing};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The largest element of each window and its place in its channel, in row-major order: of equal ones the first, and the first NaN
/// if there is one.
///
/// Shapes: the places are `[channels of all images, windows]`.
pub(crate) fn max<T: Float>(pooling: &Pooling, x: &Tensor<T>) -> (Tensor<T>, Tensor<usize>) {
    let mut y = Tensor::dirty(pooling.y_shape());
    let places_shape = Shape::from([pooling.planes(), pooling.positions()]);
    let mut places = vec![0; places_shape.elements()];
    let (channels, spans, each) = (Planes::of(x, pooling), Spans::of(pooling), pooling.positions());
    let steps = pooling.planes().saturating_mul(spans.elements());
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    let work = |first: usize, out: &mut [T], places: &mut [usize]| {
        for (i, (out, places)) in out.chunks_mut(each).zip(places.chunks_mut(each)).enumerate() {
            plane(&channels, &spans, channels.at(first + i), out, places);
        }
    };
    if each > 0 && worth_sharing(steps) {
        let some = planes_per_piece(pooling.planes(), steps);
        let chunks = out.par_chunks_mut(some * each).zip(places.par_chunks_mut(some * each));
        chunks.enumerate().for_each(|(i, (out, places))| work(i * some, out, places));
    } else if each > 0 {
        work(0, out, &mut places);
    }
    (y, Tensor::from_elements(places, places_shape))
}

/// One channel, row by row of its windows; of these all together, row by row of their elements.
fn plane<T: Float>(channels: &Planes<'_, T>, spans: &Spans, base: isize, out: &mut [T], places: &mut [usize]) {
    let [steps_d, steps_h, step] = spans.steps;
    let mut buffer = Vec::new();
    let mut rows = out.chunks_mut(spans.axes[2].len()).zip(places.chunks_mut(spans.axes[2].len()));
    for d in &spans.axes[0] {
        for h in &spans.axes[1] {
            let Some((out, places)) = rows.next() else { return };
            let mut is_first = true;
            for i in (0..d.len).map(|k| d.first + k * steps_d) {
                for j in (0..h.len).map(|k| h.first + k * steps_h) {
                    let row = channels.row(base, i, j, &mut buffer);
                    let place = (i * spans.sizes[1] + j) * spans.sizes[2];
                    for ((y, best), w) in out.iter_mut().zip(&mut *places).zip(&spans.axes[2]) {
                        let mut at = w.first;
                        if is_first {
                            (*y, *best) = (row[at], place + at);
                        }
                        for _ in 0..w.len {
                            let x = row[at];
                            if x > *y || (x.is_nan() && !y.is_nan()) {
                                *best = place + at;
                            }
                            *y = x.maximum(*y);
                            at += step;
                        }
                    }
                    is_first = false;
                }
            }
        }
    }
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
