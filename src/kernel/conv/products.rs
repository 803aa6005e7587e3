//! The three products of a convolution by blocks: a block of the matrix of windows is laid out in a buffer of this thread, and
//! multiplied by the matrix product's kernels. Never is there more of that matrix at a time than one block per thread.
//!
//! Blocks are cut by sizes. Threads share images; where there are few, the windows, channels or weights of one. No sum is
//! divided among threads but that of the weight's gradient over images, into parts whose number depends on sizes alone.
//!
//! Source: Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document Processing" (2006), §3;
//! Anderson et al., "Low-memory GEMM-based convolution algorithms for deep neural networks" (2017), for blocks of it.

use std::ops::Range;

use super::blocks::{
    Cut, Operand, ROWS, both, buffer, elements, made_even, middle, outputs_at, outputs_len, over_images, over_parts,
    weights_of, windows_at, windows_len,
};
use super::columns::{Part, Target, scatter};
use super::options::Geometry;
use crate::float::Float;
use crate::kernel::matmul::{Block, Matrix, Write, product};
use crate::shape::are_elements;
use crate::tensor::Tensor;

/// `y = w ∗ x`.
pub(super) fn forward<T: Float>(geometry: &Geometry, x: &Tensor<T>, w: &Tensor<T>) -> Tensor<T> {
    let mut y = Tensor::dirty(geometry.y_shape());
    let w = w.to_contiguous();
    let (x, weights) = (Operand::new(x, geometry.rank, geometry.sizes()), w.as_slice().unwrap_or_default());
    let work = Forward { geometry, x, weights, cut: Cut::new(geometry) };
    over_images(geometry, work.cut, elements(&mut y), &|images, out, pieces| work.images(images, out, pieces));
    y
}

struct Forward<'a, T> {
    geometry: &'a Geometry,
    x: Operand<'a, T>,
    weights: &'a [T],
    cut: Cut,
}

impl<T: Float> Forward<'_, T> {
    fn images(&self, images: Range<usize>, out: &mut [T], pieces: usize) {
        let (outputs, positions) = (self.geometry.outputs, self.geometry.positions());
        let group = outputs * positions;
        if images.len() == 1 {
            for (g, out) in out.chunks_mut(group).enumerate() {
                self.windows(&images, g, 0..positions, Block::new(out, outputs, positions), pieces);
            }
            return;
        }
        // Side by side in a buffer, so that the weights are packed once for all of them.
        let columns = images.len() * positions;
        let mut together = buffer(outputs * columns);
        let together = elements(&mut together);
        for g in 0..self.geometry.groups {
            self.windows(&images, g, 0..positions, Block::new(together, outputs, columns), pieces);
            for (i, out) in out.chunks_mut(self.geometry.groups * group).enumerate() {
                let rows = out[g * group..][..group].chunks_mut(positions).zip(together.chunks(columns));
                rows.for_each(|(out, row)| out.copy_from_slice(&row[i * positions..][..positions]));
            }
        }
    }

    /// The outputs of one group at some windows.
    fn windows(&self, images: &Range<usize>, group: usize, positions: Range<usize>, c: Block<'_, T>, pieces: usize) {
        if let Some(middle) = middle(&positions, self.cut.positions) {
            let (left, right) = c.split_columns(middle - positions.start);
            return both(
                pieces,
                |pieces| self.windows(images, group, positions.start..middle, left, pieces),
                |pieces| self.windows(images, group, middle..positions.end, right, pieces),
            );
        }
        let part = Part { group, rows: 0..self.geometry.depth(), images: images.clone(), positions };
        self.block(&part, c, pieces);
    }

    fn block(&self, whole: &Part, mut c: Block<'_, T>, pieces: usize) {
        let weights = weights_of(self.geometry, self.weights, whole.group);
        let depth = whole.rows.len();
        let mut windows = buffer(windows_len(self.geometry, &self.x, depth.min(ROWS), whole));
        let windows = elements(&mut windows);
        let mut write = Write::Overwrite;
        for start in (0..depth.max(1)).step_by(ROWS) {
            let part = Part { rows: start..depth.min(start + ROWS), ..whole.clone() };
            let windows = windows_at(self.geometry, &self.x, &part, windows);
            product(weights.columns(start, part.rows.len()), windows, c.lend(), write, pieces);
            write = Write::Add;
        }
    }
}

/// `x = wᵀ ∗ y`, the adjoint of [`forward`] in x.
pub(super) fn transposed<T: Float>(geometry: &Geometry, y: &Tensor<T>, w: &Tensor<T>) -> Tensor<T> {
    let mut x = Tensor::dirty(geometry.x_shape());
    let (y, w) = (made_even(geometry, y), w.to_contiguous());
    let (y, weights) = (Operand::new(&y, geometry.rank, geometry.counts()), w.as_slice().unwrap_or_default());
    let work = Transposed { geometry, y, weights, cut: Cut::new(geometry) };
    over_images(geometry, work.cut, elements(&mut x), &|images, out, pieces| work.images(images, out, pieces));
    x
}

struct Transposed<'a, T> {
    geometry: &'a Geometry,
    y: Operand<'a, T>,
    weights: &'a [T],
    cut: Cut,
}

impl<T: Float> Transposed<'_, T> {
    fn images(&self, images: Range<usize>, out: &mut [T], pieces: usize) {
        let (inputs, pixels) = (self.geometry.inputs, self.geometry.pixels());
        let group = inputs * pixels;
        if images.len() == 1 {
            let groups = out.chunks_mut(group).enumerate();
            return groups.for_each(|(g, out)| self.channels(&images, g, 0..inputs, out, pieces));
        }
        out.fill(T::zero());
        for g in 0..self.geometry.groups {
            self.add(&images, g, 0..inputs, &mut out[g * group..], pieces);
        }
    }

    /// Some channels of one image.
    fn channels(&self, image: &Range<usize>, group: usize, channels: Range<usize>, out: &mut [T], pieces: usize) {
        let pixels = self.geometry.pixels();
        if are_elements(&self.geometry.axes) {
            let part = Part { group, rows: channels.clone(), images: image.clone(), positions: 0..pixels };
            let y = outputs_at(self.geometry, &self.y, &part, &mut []);
            let out = Block::new(out, channels.len(), pixels);
            let weights = weights_of(self.geometry, self.weights, group).columns(channels.start, channels.len());
            return product(weights.t(), y, out, Write::Overwrite, pieces);
        }
        if pieces > 1 && channels.len() > 1 {
            let middle = channels.start + channels.len() / 2;
            let (left, right) = out.split_at_mut((middle - channels.start) * pixels);
            return both(
                pieces,
                |pieces| self.channels(image, group, channels.start..middle, left, pieces),
                |pieces| self.channels(image, group, middle..channels.end, right, pieces),
            );
        }
        out.fill(T::zero());
        self.add(image, group, channels, out, pieces);
    }

    /// Adds to some channels of images, the first of which begins with `out`.
    fn add(&self, images: &Range<usize>, group: usize, channels: Range<usize>, out: &mut [T], pieces: usize) {
        let (taps, positions) = (self.geometry.taps(), self.geometry.positions());
        let rows = channels.start * taps..channels.end * taps;
        let columns = images.len() * self.cut.positions.min(positions);
        let (mut windows, mut side) =
            (buffer(rows.len().min(ROWS) * columns), buffer(outputs_len(self.geometry, self.cut)));
        let (windows, side) = (elements(&mut windows), elements(&mut side));
        let image = self.geometry.groups * self.geometry.inputs * self.geometry.pixels();
        let weights = weights_of(self.geometry, self.weights, group);
        let target = Target { image: images.start, channel: channels.start, stride: image };
        for start in (0..positions).step_by(self.cut.positions) {
            let positions = start..positions.min(start + self.cut.positions);
            let part = Part { group, rows: rows.clone(), images: images.clone(), positions };
            let y = outputs_at(self.geometry, &self.y, &part, side);
            for start in rows.clone().step_by(ROWS) {
                let rows = start..rows.end.min(start + ROWS);
                let windows = &mut windows[..rows.len() * part.columns()];
                let block = Block::new(windows, rows.len(), part.columns());
                product(weights.columns(start, rows.len()).t(), y, block, Write::Overwrite, pieces);
                scatter(self.geometry, windows, &Part { rows, ..part.clone() }, &target, out);
            }
        }
    }
}

/// `w = y ∗ xᵀ`, the gradient of `Σ y · (w ∗ x)` by w: a sum over images and windows.
pub(super) fn weight<T: Float>(geometry: &Geometry, x: &Tensor<T>, y: &Tensor<T>) -> Tensor<T> {
    let shape = geometry.w_shape();
    let (len, cut) = (shape.elements(), Cut::new(geometry));
    if len == 0 || geometry.images() == 0 || geometry.positions() == 0 {
        return Tensor::zeros(shape);
    }
    let y = made_even(geometry, y);
    let x = Operand::new(x, geometry.rank, geometry.sizes());
    let y = Operand::new(&y, geometry.rank, geometry.counts());
    let work = Weight { geometry, x, y, cut };
    let beside = geometry.groups * geometry.depth().div_ceil(ROWS);
    let sums = over_parts(geometry, cut.images, beside, len, &|images, out, pieces| work.groups(images, out, pieces));
    sums.reshape_to(&shape)
}

struct Weight<'a, T> {
    geometry: &'a Geometry,
    x: Operand<'a, T>,
    y: Operand<'a, T>,
    cut: Cut,
}

impl<T: Float> Weight<'_, T> {
    fn groups(&self, images: Range<usize>, out: &mut [T], pieces: usize) {
        let (outputs, depth) = (self.geometry.outputs, self.geometry.depth());
        for (group, out) in out.chunks_mut(outputs * depth).enumerate() {
            self.columns(&images, group, 0..depth, Block::new(out, outputs, depth), pieces);
        }
    }

    /// Some columns of one group's weights.
    fn columns(&self, images: &Range<usize>, group: usize, rows: Range<usize>, c: Block<'_, T>, pieces: usize) {
        match middle(&rows, ROWS).filter(|_| pieces > 1) {
            Some(middle) => {
                let (left, right) = c.split_columns(middle - rows.start);
                both(
                    pieces,
                    |pieces| self.columns(images, group, rows.start..middle, left, pieces),
                    |pieces| self.columns(images, group, middle..rows.end, right, pieces),
                );
            }
            None => self.sum(images, group, rows, c, pieces),
        }
    }

    fn sum(&self, images: &Range<usize>, group: usize, rows: Range<usize>, mut c: Block<'_, T>, pieces: usize) {
        let positions = self.geometry.positions();
        let columns = self.cut.images * self.cut.positions.min(positions);
        let (mut windows, mut side) =
            (buffer(rows.len().min(ROWS) * columns), buffer(outputs_len(self.geometry, self.cut)));
        let (windows, side) = (elements(&mut windows), elements(&mut side));
        let mut write = Write::Overwrite;
        for first in images.clone().step_by(self.cut.images) {
            let images = first..images.end.min(first + self.cut.images);
            for start in (0..positions).step_by(self.cut.positions) {
                let positions = start..positions.min(start + self.cut.positions);
                let part = Part { group, rows: rows.clone(), images: images.clone(), positions };
                let y = outputs_at(self.geometry, &self.y, &part, side);
                self.add(&part, y, windows, c.lend(), write, pieces);
                write = Write::Add;
            }
        }
    }

    /// What one block of windows adds to some columns, block by block of these.
    fn add(&self, part: &Part, y: Matrix<'_, T>, windows: &mut [T], mut c: Block<'_, T>, write: Write, pieces: usize) {
        for start in part.rows.clone().step_by(ROWS) {
            let rows = start..part.rows.end.min(start + ROWS);
            let (block, others) = c.split_columns(rows.len());
            c = others;
            let windows = windows_at(self.geometry, &self.x, &Part { rows, ..part.clone() }, windows);
            product(y, windows.t(), block, write, pieces);
        }
    }
}
