//! The whole matrix of windows of each image, where somebody asks for it, and its adjoint.

use rayon::prelude::*;

use super::columns::{Images, Part, Target, gather, scatter};
use super::options::Geometry;
use crate::float::Float;
use crate::kernel::worth_sharing;
use crate::tensor::Tensor;

/// Calls `work` with the number of each image and its elements in `out`; shared among threads if there are many `steps`.
fn images<T: Float>(out: &mut [T], geometry: &Geometry, steps: usize, work: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if out.is_empty() {
        return;
    }
    let len = out.len() / geometry.images();
    if worth_sharing(steps) {
        out.par_chunks_mut(len).enumerate().for_each(|(i, out)| work(i, out));
    } else {
        out.chunks_mut(len).enumerate().for_each(|(i, out)| work(i, out));
    }
}

/// The windows of `x`, as columns.
pub(crate) fn unfold<T: Float>(geometry: &Geometry, x: &Tensor<T>) -> Tensor<T> {
    let mut y = Tensor::dirty(geometry.columns_shape());
    let (steps, places) = (y.len(), Images::of(x, geometry.rank));
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    images(out, geometry, steps, &|image, out| gather(geometry, x.data(), &places, &part(geometry, image), out));
    y
}

/// The image that the columns of `y` are added up to: the adjoint of [`unfold`].
pub(crate) fn fold<T: Float>(geometry: &Geometry, y: &Tensor<T>) -> Tensor<T> {
    let mut x = Tensor::dirty(geometry.x_shape());
    let y = y.to_contiguous();
    let (columns, len) = (y.as_slice().unwrap_or_default(), geometry.depth() * geometry.positions());
    let out = x.as_unique_slice().expect("a dirty tensor is dense and unshared");
    images(out, geometry, y.len(), &|image, out| {
        out.fill(T::zero());
        let target = Target { image, channel: 0, stride: 0 };
        scatter(geometry, &columns[image * len..][..len], &part(geometry, image), &target, out);
    });
    x
}

/// All windows of one image.
fn part(geometry: &Geometry, image: usize) -> Part {
    Part { group: 0, rows: 0..geometry.depth(), images: image..image + 1, positions: 0..geometry.positions() }
}
