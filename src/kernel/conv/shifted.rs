//! Convolutions of stride 1 without a matrix of windows: an image lies in a [`Grid`], where each tap takes the image itself from some
//! place on, so that the product of its weights has both operands there already.
//!
//! Source: Anderson et al., "Low-memory GEMM-based convolution algorithms for deep neural networks" (2017), for products by taps.

use std::ops::Range;

use super::blocks::{buffer, elements, multiplications, over_chunks, over_parts};
use super::columns::Images;
use super::grid::{Grid, Slab};
use super::options::Geometry;
use crate::float::Float;
use crate::kernel::matmul::{Block, Matrix, Write, copy, product, product_of_parts};
use crate::shape::Windows;
use crate::tensor::Tensor;

/// From how many windows of an image on they fill the matrix product's tiles.
const WINDOWS: usize = 192;

/// From how many channels on a tap's product is worth its result's way through the cache.
const CHANNELS: usize = 16;

/// Whether a convolution is computed here.
pub(super) fn serves<T: Float>(geometry: &Geometry) -> bool {
    can_serve(geometry)
        && T::gemm().is_some()
        && geometry.taps() > 1
        && geometry.inputs.min(geometry.outputs) >= CHANNELS
        && geometry.y_shape().elements() > 0 // refuses what would overflow below
        && (WINDOWS..=geometry.positions() * 9 / 8).contains(&Grid::new(geometry.axes).span())
}

/// Whether it can be: the windows of the adjoint begin at or before the first element, too, and are not so wide that most of what is laid
/// out would be padding.
fn can_serve(geometry: &Geometry) -> bool {
    geometry.axes.iter().all(|w| w.stride == 1 && (w.before..=w.count).contains(&(w.dilation * (w.taps - 1))))
}

/// `y = w ∗ x`.
pub(super) fn forward<T: Float>(geometry: &Geometry, x: &Tensor<T>, w: &Tensor<T>) -> Tensor<T> {
    convolve(geometry, x, &grouped(geometry, w).permute(&[0, 1, 3, 2]))
}

/// `x = wᵀ ∗ y`, the adjoint of [`forward`] in x: a convolution of y with the weights of each window in reverse order.
pub(super) fn transposed<T: Float>(geometry: &Geometry, y: &Tensor<T>, w: &Tensor<T>) -> Tensor<T> {
    let axes = geometry.axes.map(|w| {
        let before = w.dilation * (w.taps - 1) - w.before;
        Windows { input: w.count, count: w.input, before, ..w }
    });
    let adjoint = Geometry { inputs: geometry.outputs, outputs: geometry.inputs, axes, ..*geometry };
    convolve(&adjoint, y, &grouped(geometry, w).flip(3).permute(&[0, 2, 3, 1]))
}

/// The weights as `[group, output, input, tap]`.
fn grouped<T: Float>(geometry: &Geometry, w: &Tensor<T>) -> Tensor<T> {
    w.reshape([geometry.groups, geometry.outputs, geometry.inputs, geometry.taps()])
}

/// `y = w ∗ x`, of weights `[group, output, tap, input]`.
fn convolve<T: Float>(geometry: &Geometry, x: &Tensor<T>, weights: &Tensor<T>) -> Tensor<T> {
    let mut y = Tensor::dirty(geometry.y_shape());
    let weights = weights.to_contiguous();
    let weights = weights.as_slice().unwrap_or_default();
    let (grid, images) = (Grid::new(geometry.axes), Images::of(x, geometry.rank));
    let work = Forward { geometry, taps: grid.taps(), grid, x, images, weights };
    let image = geometry.groups * geometry.outputs * geometry.positions();
    if image > 0 {
        over_chunks(elements(&mut y), image, multiplications(geometry), &|i, y, pieces| work.image(i, y, pieces));
    }
    y
}

struct Forward<'a, T> {
    geometry: &'a Geometry,
    grid: Grid,
    taps: Vec<usize>,
    x: &'a Tensor<T>,
    images: Images,
    weights: &'a [T],
}

impl<T: Float> Forward<'_, T> {
    fn image(&self, image: usize, y: &mut [T], pieces: usize) {
        let Geometry { inputs, outputs, .. } = *self.geometry;
        let depth = self.geometry.depth();
        for (group, y) in y.chunks_exact_mut(outputs * self.geometry.positions()).enumerate() {
            let weights = Matrix::new(self.weights, group * outputs * depth, [outputs, depth], [depth as isize, 1]);
            for slab in self.grid.slabs::<T>(inputs) {
                let channels = group * inputs..(group + 1) * inputs;
                let laid = self.grid.lay_out(self.x, &self.images, image, channels, &slab);
                self.slab(weights, &slab, laid.data(), y, pieces);
            }
        }
    }

    /// The outputs of one group at the windows of a slab: some at a time beside `y`, and those that there are from there.
    fn slab(&self, weights: Matrix<'_, T>, slab: &Slab, laid: &[T], y: &mut [T], pieces: usize) {
        let ([_, height, width], outputs) = (self.geometry.counts(), self.geometry.outputs);
        for columns in slab.columns() {
            let n = columns.len();
            let mut side = buffer(outputs * n);
            let side = elements(&mut side);
            let x = Matrix::new(laid, columns.start, [self.geometry.inputs, n], [slab.len as isize, 1]);
            product_of_parts(weights, x, &self.taps, Block::new(side, outputs, n), Write::Overwrite, pieces);
            for (side, y) in side.chunks_exact(n).zip(y.chunks_exact_mut(self.geometry.positions())) {
                for row in slab.rows(&self.grid, &columns) {
                    let [d, h, w] = row.window;
                    let place = (d * height + h) * width + w;
                    y[place..][..row.len].copy_from_slice(&side[row.column..][..row.len]);
                }
            }
        }
    }
}

/// `w = y ∗ xᵀ`, the gradient of `Σ y · (w ∗ x)` by w: a sum over images and windows.
pub(super) fn weight<T: Float>(geometry: &Geometry, x: &Tensor<T>, y: &Tensor<T>) -> Tensor<T> {
    let shape = geometry.w_shape();
    let len = shape.elements();
    if len * geometry.images() * geometry.positions() == 0 {
        return Tensor::zeros(shape);
    }
    let grid = Grid::new(geometry.axes);
    let images = [x, y].map(|x| Images::of(x, geometry.rank));
    let work = Weight { geometry, taps: grid.taps(), grid, x, y, images };
    let sums = over_parts(geometry, 1, geometry.groups, len, &|images, out, pieces| work.images(images, out, pieces));
    let sums = sums.reshape([geometry.groups, geometry.taps(), geometry.inputs, geometry.outputs]);
    sums.permute(&[0, 3, 2, 1]).to_contiguous().reshape_to(&shape)
}

struct Weight<'a, T> {
    geometry: &'a Geometry,
    grid: Grid,
    taps: Vec<usize>,
    x: &'a Tensor<T>,
    y: &'a Tensor<T>,
    images: [Images; 2],
}

impl<T: Float> Weight<'_, T> {
    /// The sum over some images, as `[group, tap, input, output]`.
    fn images(&self, images: Range<usize>, out: &mut [T], pieces: usize) {
        let Geometry { inputs, outputs, .. } = *self.geometry;
        for image in images.clone() {
            for (group, out) in out.chunks_exact_mut(outputs * self.geometry.depth()).enumerate() {
                for slab in self.grid.slabs::<T>(inputs) {
                    let channels = group * inputs..(group + 1) * inputs;
                    let laid = self.grid.lay_out(self.x, &self.images[0], image, channels, &slab);
                    let is_first = image == images.start && slab.is_first();
                    self.slab([image, group], &slab, laid.data(), out, is_first, pieces);
                }
            }
        }
    }

    /// What the windows of a slab add to the weights of one group; those that there are not have gradients of 0.
    fn slab(&self, at: [usize; 2], slab: &Slab, laid: &[T], out: &mut [T], is_first: bool, pieces: usize) {
        let Geometry { inputs, outputs, .. } = *self.geometry;
        for columns in slab.columns() {
            let n = columns.len();
            let mut side = buffer(n * outputs);
            let side = elements(&mut side);
            self.transpose(at, slab, &columns, side);
            let y = Matrix::new(side, 0, [n, outputs], [outputs as isize, 1]);
            let x = Matrix::new(laid, columns.start, [inputs, n], [slab.len as isize, 1]);
            let write = if is_first && columns.start == 0 { Write::Overwrite } else { Write::Add };
            for (&tap, out) in self.taps.iter().zip(out.chunks_exact_mut(inputs * outputs)) {
                product(x.moved(tap), y, Block::new(out, inputs, outputs), write, pieces);
            }
        }
    }

    /// The elements of y in a group at some windows, as `[window, output]`.
    fn transpose(&self, [image, group]: [usize; 2], slab: &Slab, columns: &Range<usize>, side: &mut [T]) {
        let (outputs, images) = (self.geometry.outputs, &self.images[1]);
        let mut end = 0;
        for row in slab.rows(&self.grid, columns) {
            side[end * outputs..row.column * outputs].fill(T::zero());
            end = row.column + row.len;
            let place = images.element(image, group * outputs, row.window) as usize;
            let y = Matrix::new(self.y.data(), place, [row.len, outputs], [images.spatial[2], images.channel]);
            copy(y, &mut side[row.column * outputs..end * outputs]);
        }
        side[end * outputs..].fill(T::zero());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::conv::{Conv, products};
    use crate::shape::Shape;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    type Product = fn(&Geometry, &Tensor<f64>, &Tensor<f64>) -> Tensor<f64>;

    /// Numbers that do not lie in row-major order.
    fn numbers(shape: &Shape, rng: &mut StdRng) -> Tensor<f64> {
        let reversed: Vec<usize> = shape.iter().rev().copied().collect();
        let x = Tensor::uniform(&reversed[..], -1.0, 1.0, rng);
        match rng.random_range(0..3) {
            0 => x.permute(&(0..shape.ndim() as isize).rev().collect::<Vec<_>>()),
            1 => Tensor::uniform(shape, -1.0, 1.0, rng).flip(-1),
            _ => Tensor::uniform(shape, -1.0, 1.0, rng),
        }
    }

    fn check(rank: usize, x: &[usize], w: &[usize], options: Conv, rng: &mut StdRng) {
        let geometry = options.convolution("conv", rank, &Shape::from(x), &Shape::from(w));
        assert!(can_serve(&geometry), "{geometry:?}");
        let [x, w, y] = [geometry.x_shape(), geometry.w_shape(), geometry.y_shape()].map(|shape| numbers(&shape, rng));
        let pairs: [(Product, Product, [&Tensor<f64>; 2]); 3] = [
            (forward, products::forward, [&x, &w]),
            (transposed, products::transposed, [&y, &w]),
            (weight, products::weight, [&x, &y]),
        ];
        for (i, (own, other, [a, b])) in pairs.into_iter().enumerate() {
            let (found, expected) = (own(&geometry, a, b), other(&geometry, a, b));
            assert_eq!(found.shape(), expected.shape());
            let bar = 1e-12 * (1.0 + expected.abs().max(..).item());
            let near = found.iter().zip(expected.iter()).all(|(found, expected)| (found - expected).abs() <= bar);
            assert!(near, "product {i} of {geometry:?}");
        }
    }

    #[test]
    fn agrees_with_products_of_the_matrix_of_windows() {
        let rng = &mut StdRng::seed_from_u64(1);
        for _ in 0..100 {
            let rank = rng.random_range(1..=3);
            let groups = rng.random_range(1..3);
            let [inputs, outputs] = [1, 2].map(|_| rng.random_range(1..20 / groups));
            let mut pick = |to: usize| (0..rank).map(|_| rng.random_range(1..=to)).collect::<Vec<_>>();
            let (taps, dilation, most) = (pick(4), pick(2), [700, 28, 6][rank - 1]);
            let free = pick(most);
            let ahead: Vec<usize> = (0..rank).map(|a| rng.random_range(0..=dilation[a] * (taps[a] - 1))).collect();
            let behind: Vec<usize> = (0..rank).map(|_| rng.random_range(0..4)).collect();
            // So large that there are more windows than one is wide.
            let reach = |a: usize| dilation[a] * (taps[a] - 1);
            let size = |a: usize| reach(a) + reach(a).saturating_sub(ahead[a] + behind[a]) + free[a];
            let sizes: Vec<usize> = (0..rank).map(size).collect();
            let widths: Vec<(usize, usize)> = ahead.iter().copied().zip(behind).collect();
            let options = match (&widths[..], &dilation[..]) {
                (&[p], &[d]) => Conv::new().padding([p]).dilation([d]),
                (&[p, q], &[d, e]) => Conv::new().padding([p, q]).dilation([d, e]),
                (&[p, q, r], &[d, e, f]) => Conv::new().padding([p, q, r]).dilation([d, e, f]),
                _ => unreachable!("one to three axes"),
            };
            let batch = [2, 1, 3][rng.random_range(0..3)];
            let x: Vec<usize> = [batch, inputs * groups].into_iter().chain(sizes).collect();
            let w: Vec<usize> = [outputs * groups, inputs].into_iter().chain(taps).collect();
            let x = if rng.random_range(0..4) == 0 { &x[1..] } else { &x[..] };
            check(rank, x, &w, options.groups(groups), rng);
        }
    }

    #[test]
    fn agrees_where_an_image_is_laid_out_in_parts() {
        let rng = &mut StdRng::seed_from_u64(2);
        check(1, &[8, 20_000], &[1, 8, 2], Conv::new().padding([(1, 0)]), rng);
        check(2, &[1, 32, 60, 100], &[1, 32, 2, 2], Conv::new().padding([(1, 1), (0, 1)]), rng);
        check(3, &[12, 30, 20, 20], &[1, 12, 2, 1, 2], Conv::new().padding([(0, 1), (0, 0), (1, 1)]), rng);
        let grid = |counts: [usize; 3]| Grid::new(counts.map(|n| Windows { input: n, count: n, ..Windows::NONE }));
        let parts = [(grid([1, 1, 20_000]), 8), (grid([1, 60, 100]), 32), (grid([30, 20, 20]), 12)];
        for (grid, channels) in parts {
            assert!(grid.slabs::<f64>(channels).count() > 1);
        }
    }

    #[test]
    fn few_windows_few_channels_and_other_strides_are_left_to_the_matrix_of_windows() {
        let serve = |x: [usize; 4], w: [usize; 4], options: Conv| {
            serves::<f32>(&options.convolution("conv2d", 2, &Shape::from(x), &Shape::from(w)))
        };
        let padded = Conv::new().padding(1);
        assert!(serve([1, 16, 14, 14], [16, 16, 3, 3], padded));
        assert!(!serve([1, 16, 7, 7], [16, 16, 3, 3], padded));
        assert!(!serve([1, 15, 14, 14], [16, 15, 3, 3], padded));
        assert!(!serve([1, 16, 28, 28], [16, 16, 3, 3], padded.stride(2)));
        assert!(!serve([1, 16, 14, 14], [16, 16, 1, 1], Conv::new()));
        assert!(!serve([1, 16, 20, 20], [16, 16, 5, 5], Conv::new())); // a fifth of the windows begin in the padding
        assert!(!serve([1, 16, 20, 20], [16, 16, 3, 3], Conv::new().padding(3))); // the adjoint's begin behind the first element
        let wide = |dilation: usize| Conv::new().padding([(0, 0), (0, 2 * dilation)]).dilation([1, dilation]);
        assert!(serve([1, 16, 1, 300], [16, 16, 1, 3], wide(150)));
        assert!(!serve([1, 16, 1, 300], [16, 16, 1, 3], wide(151))); // most of what would be laid out is padding
    }
}
