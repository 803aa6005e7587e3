//! Convolutions in which an output depends on one channel, so that there is no product of matrices to be had: each element of a
//! window is a row times a number.

use super::blocks::multiplications;
use super::columns::{Images, dense, row_of, segments};
use super::options::Geometry;
use crate::float::Float;
use crate::kernel::planes;
use crate::kernel::rows::{read, write};
use crate::tensor::Tensor;

/// Up to how many outputs for one channel rows times numbers are faster than a product.
const OUTPUTS: usize = 4;

/// Whether a convolution is computed here.
pub(super) fn serves(geometry: &Geometry) -> bool {
    geometry.inputs == 1 && geometry.outputs <= OUTPUTS
}

/// `y = w ∗ x`.
pub(super) fn forward<T: Float>(geometry: &Geometry, x: &Tensor<T>, w: &Tensor<T>) -> Tensor<T> {
    let mut y = Tensor::dirty(geometry.y_shape());
    let w = w.to_contiguous();
    let (weights, taps) = (w.as_slice().unwrap_or_default(), geometry.taps());
    let (data, images, channels) = (x.data(), Images::of(x, geometry.rank), geometry.groups * geometry.outputs);
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, geometry.positions(), multiplications(geometry), &|plane, out| {
        let channel = plane % channels;
        let base = images.at(plane / channels, channel / geometry.outputs) as isize;
        out.fill(T::zero());
        for (tap, &w) in weights[channel * taps..][..taps].iter().enumerate() {
            let all = 0..out.len();
            segments(&geometry.axes, row_of(&geometry.axes, tap).1, images.spatial, all, |s| {
                read(&mut out[s.inside], data, base + s.place, s.step, |y, x| y + w * x);
            });
        }
    });
    y
}

/// `x = wᵀ ∗ y`, the adjoint of [`forward`] in x.
pub(super) fn transposed<T: Float>(geometry: &Geometry, y: &Tensor<T>, w: &Tensor<T>) -> Tensor<T> {
    let mut x = Tensor::dirty(geometry.x_shape());
    let (y, w) = (y.to_contiguous(), w.to_contiguous());
    let (y, weights) = (y.as_slice().unwrap_or_default(), w.as_slice().unwrap_or_default());
    let (taps, positions) = (geometry.taps(), geometry.positions());
    let strides = dense(geometry.sizes());
    let out = x.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, geometry.pixels(), multiplications(geometry), &|plane, out| {
        out.fill(T::zero());
        for output in plane * geometry.outputs..(plane + 1) * geometry.outputs {
            let y = &y[output * positions..][..positions];
            let channel = output % (geometry.groups * geometry.outputs);
            for (tap, &w) in weights[channel * taps..][..taps].iter().enumerate() {
                segments(&geometry.axes, row_of(&geometry.axes, tap).1, strides, 0..positions, |s| {
                    write(out, s.place, s.step, &y[s.inside], |x, y| x + w * y);
                });
            }
        }
    });
    x
}

/// Side by side, so that sums become vectors.
const LANES: usize = 16;

/// `w = y ∗ xᵀ`, the gradient of `Σ y · (w ∗ x)` by w.
pub(super) fn weight<T: Float>(geometry: &Geometry, x: &Tensor<T>, y: &Tensor<T>) -> Tensor<T> {
    let mut w = Tensor::dirty(geometry.w_shape());
    let y = y.to_contiguous();
    let (y, positions, channels) =
        (y.as_slice().unwrap_or_default(), geometry.positions(), geometry.groups * geometry.outputs);
    let (data, images) = (x.data(), Images::of(x, geometry.rank));
    let out = w.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, geometry.taps(), multiplications(geometry), &|channel, out| {
        for (tap, w) in out.iter_mut().enumerate() {
            let taps = row_of(&geometry.axes, tap).1;
            *w = T::zero();
            for image in 0..geometry.images() {
                let base = images.at(image, channel / geometry.outputs) as isize;
                let y = &y[(image * channels + channel) * positions..][..positions];
                let mut sums = [T::zero(); LANES];
                segments(&geometry.axes, taps, images.spatial, 0..positions, |s| {
                    multiply(&mut sums, &y[s.inside], data, base + s.place, s.step);
                });
                *w = *w + sums.into_iter().fold(T::zero(), |sum, x| sum + x);
            }
        }
    });
    w
}

/// Adds the products of a row of y and one of x, whose elements lie `step` apart, to sums in lanes.
#[inline]
fn multiply<T: Float>(sums: &mut [T; LANES], y: &[T], x: &[T], start: isize, step: isize) {
    if step != 1 || y.len() < LANES {
        for (k, &y) in y.iter().enumerate() {
            sums[k % LANES] = sums[k % LANES] + y * x[(start + k as isize * step) as usize];
        }
        return;
    }
    let x = &x[start as usize..][..y.len()];
    let ((ys, y_rest), (xs, x_rest)) = (y.as_chunks::<LANES>(), x.as_chunks::<LANES>());
    for (y, x) in ys.iter().zip(xs) {
        (0..LANES).for_each(|i| sums[i] = sums[i] + y[i] * x[i]);
    }
    for (sum, (&y, &x)) in sums.iter_mut().zip(y_rest.iter().zip(x_rest)) {
        *sum = *sum + y * x;
    }
}
