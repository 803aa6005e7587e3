//! The whole matrix of windows of each image, where somebody asks for it, and its adjoint.

use super::columns::{Images, Part, Target, gather, scatter};
use super::options::Geometry;
use crate::float::Float;
use crate::kernel::planes;
use crate::kernel::wide::in_f32;
use crate::tensor::Tensor;

/// The windows of `x`, as columns.
pub(crate) fn unfold<T: Float>(geometry: &Geometry, x: &Tensor<T>) -> Tensor<T> {
    let mut y = Tensor::dirty(geometry.columns_shape());
    let (steps, len, places) = (y.len(), geometry.depth() * geometry.positions(), Images::of(x, geometry.rank));
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, len, steps, &|image, out| gather(geometry, x.data(), &places, &part(geometry, image), out));
    y
}

/// The image that the columns of `y` are added up to: the adjoint of [`unfold`].
pub(crate) fn fold<T: Float>(geometry: &Geometry, y: &Tensor<T>) -> Tensor<T> {
    if T::NARROW {
        return in_f32([y], |[y]| fold(geometry, &y));
    }
    let mut x = Tensor::dirty(geometry.x_shape());
    let y = y.to_contiguous();
    let (columns, len) = (y.as_slice().unwrap_or_default(), geometry.depth() * geometry.positions());
    let out = x.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, geometry.inputs * geometry.pixels(), y.len(), &|image, out| {
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
