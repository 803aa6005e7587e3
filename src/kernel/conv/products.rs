//! The three products of a convolution by blocks: a block of the matrix of windows is laid out in a buffer of this thread, and
//! multiplied by the matrix product's kernels. Never is there more of that matrix at a time than one block per thread.
//!
//! Blocks are cut by sizes. Threads share images; where there are few, the windows, channels or weights of one. No sum is
//! divided among threads but that of the weight's gradient over images, into parts whose number depends on sizes alone.
//!
//! Source: Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document Processing" (2006), §3;
//! Anderson et al., "Low-memory GEMM-based convolution algorithms for deep neural networks" (2017), for blocks of it.

use std::ops::Range;

use rayon::prelude::*;

use super::columns::{Images, Part, Target, gather, read, scatter};
use super::options::Geometry;
use crate::float::Float;
use crate::kernel::matmul::{Block, Matrix, Write, pieces, product};
use crate::shape::{SPATIAL, Shape, are_elements};
use crate::tensor::Tensor;

/// Rows of a block of the matrix of windows: as deep as matrixmultiply's own panels, so that a deeper one would not be better.
const ROWS: usize = 256;

/// Columns of a block, about: enough that packing the weights anew for each costs little, few enough that a block of `f32` fits
/// the second-level cache beside its packed copy.
const COLUMNS: usize = 512;

/// How a convolution's windows are cut into blocks, of one image or of several small ones.
#[derive(Clone, Copy)]
struct Cut {
    images: usize,
    positions: usize,
}

impl Cut {
    fn new(geometry: &Geometry) -> Self {
        let positions = geometry.positions().max(1);
        if positions * 2 > COLUMNS {
            let blocks = ((positions + COLUMNS / 2) / COLUMNS).max(1);
            return Cut { images: 1, positions: positions.div_ceil(blocks).next_multiple_of(16) };
        }
        Cut { images: (COLUMNS / positions).min(geometry.images()).max(1), positions }
    }
}

/// Where `range` is cut in two, if it is longer than `block`.
fn middle(range: &Range<usize>, block: usize) -> Option<usize> {
    let blocks = range.len().div_ceil(block);
    (blocks > 1).then(|| range.start + blocks / 2 * block)
}

/// Both of them, on two threads if there is work for more than one; each is told for how many.
fn both(pieces: usize, first: impl FnOnce(usize) + Send, second: impl FnOnce(usize) + Send) {
    if pieces > 1 {
        rayon::join(|| first(pieces / 2), || second(pieces - pieces / 2));
    } else {
        first(1);
        second(1);
    }
}

/// Calls `work` with the number and the elements of each chunk of `out` and with how many pieces to divide it into: several
/// chunks are shared among threads, few are divided further.
fn over_chunks<T: Float>(
    out: &mut [T],
    len: usize,
    multiplications: usize,
    work: &(dyn Fn(usize, &mut [T], usize) + Sync),
) {
    let pieces = pieces::<T>(multiplications);
    if pieces > 1 && out.len().div_ceil(len) >= 2 * pieces {
        out.par_chunks_mut(len).enumerate().for_each(|(i, chunk)| work(i, chunk, 1));
    } else {
        out.chunks_mut(len).enumerate().for_each(|(i, chunk)| work(i, chunk, pieces));
    }
}

/// How many multiplications each of the three products has.
pub(super) fn multiplications(geometry: &Geometry) -> usize {
    let factors = [geometry.images(), geometry.groups, geometry.outputs, geometry.depth(), geometry.positions()];
    factors.into_iter().fold(1, usize::saturating_mul)
}

/// A buffer of this thread, of unspecified content.
fn buffer<T: Float>(len: usize) -> Tensor<T> {
    Tensor::dirty(Shape::from([len]))
}

fn elements<T: Float>(buffer: &mut Tensor<T>) -> &mut [T] {
    buffer.as_unique_slice().expect("a dirty tensor is dense and unshared")
}

/// An operand with its places.
struct Operand<'a, T> {
    data: &'a [T],
    images: Images,
    /// The step between the elements of a channel, if all are that far apart.
    step: Option<isize>,
}

impl<'a, T> Operand<'a, T> {
    /// Of images whose channels have these spatial sizes.
    fn new(x: &'a Tensor<T>, rank: usize, sizes: [usize; SPATIAL]) -> Self {
        let images = Images::of(x, rank);
        Operand { data: x.data(), step: even_step(sizes, images.spatial), images }
    }

    /// Some channels of one image, each from element `start` on, as a matrix; none if it has no such strides.
    fn matrix(&self, image: usize, channels: Range<usize>, start: usize, len: usize) -> Option<Matrix<'a, T>> {
        let step = self.step?;
        let at = self.images.at(image, channels.start) as isize + start as isize * step;
        Some(Matrix::new(self.data, at as usize, [channels.len(), len], [self.images.channel, step]))
    }
}

/// The step from one element of a channel to the next, if all are that far apart.
fn even_step(sizes: [usize; SPATIAL], strides: [isize; SPATIAL]) -> Option<isize> {
    let mut step = None;
    let mut next = 0;
    for (&size, &stride) in sizes.iter().zip(&strides).rev().filter(|&(&size, _)| size != 1) {
        if step.is_some() && stride != next {
            return None;
        }
        step = step.or(Some(stride));
        next = stride.wrapping_mul(size as isize);
    }
    Some(step.unwrap_or(1))
}

/// `y = w ∗ x`.
pub(super) fn forward<T: Float>(geometry: &Geometry, x: &Tensor<T>, w: &Tensor<T>) -> Tensor<T> {
    let mut y = Tensor::dirty(geometry.y_shape());
    let w = w.to_contiguous();
    let (x, weights) = (Operand::new(x, geometry.rank, geometry.sizes()), w.as_slice().unwrap_or_default());
    let work = Forward { geometry, x, weights, cut: Cut::new(geometry) };
    over_images(geometry, work.cut, elements(&mut y), &|images, out, pieces| work.images(images, out, pieces));
    y
}

/// Calls `work` with the images of each block, their elements in `out`, and into how many pieces to divide them.
fn over_images<T: Float>(
    geometry: &Geometry,
    cut: Cut,
    out: &mut [T],
    work: &(dyn Fn(Range<usize>, &mut [T], usize) + Sync),
) {
    if !out.is_empty() {
        let image = out.len() / geometry.images();
        over_chunks(out, cut.images * image, multiplications(geometry), &|i, out, pieces| {
            work(i * cut.images..i * cut.images + out.len() / image, out, pieces);
        });
    }
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

/// The weights of one group.
fn weights_of<'a, T>(geometry: &Geometry, weights: &'a [T], group: usize) -> Matrix<'a, T> {
    let (outputs, depth) = (geometry.outputs, geometry.depth());
    Matrix::new(weights, group * outputs * depth, [outputs, depth], [depth as isize, 1])
}

/// Whether a block of the matrix of windows is a view of x.
fn is_view<T>(geometry: &Geometry, x: &Operand<'_, T>, images: &Range<usize>) -> bool {
    images.len() == 1 && x.step.is_some() && are_elements(&geometry.axes)
}

/// How large a buffer [`windows_at`] needs for so many rows.
fn windows_len<T>(geometry: &Geometry, x: &Operand<'_, T>, rows: usize, part: &Part) -> usize {
    if is_view(geometry, x, &part.images) { 0 } else { rows * part.columns() }
}

/// A block of the matrix of windows: a view of x where they are its elements, else laid out in `buffer`.
fn windows_at<'a, T: Float>(
    geometry: &Geometry,
    x: &Operand<'a, T>,
    part: &Part,
    buffer: &'a mut [T],
) -> Matrix<'a, T> {
    let (rows, columns) = (part.rows.len(), part.columns());
    if is_view(geometry, x, &part.images) {
        let first = part.group * geometry.inputs;
        let channels = first + part.rows.start..first + part.rows.end;
        let view = x.matrix(part.images.start, channels, part.positions.start, columns);
        return view.expect("it has a step");
    }
    let buffer = &mut buffer[..rows * columns];
    gather(geometry, x.data, &x.images, part, buffer);
    Matrix::new(buffer, 0, [rows, columns], [columns as isize, 1])
}

/// The matrix of y's elements in a group at some windows: a view of one image, or several copied side by side into `buffer`.
fn outputs_at<'a, T: Float>(
    geometry: &Geometry,
    y: &Operand<'a, T>,
    part: &Part,
    buffer: &'a mut [T],
) -> Matrix<'a, T> {
    let (outputs, first) = (geometry.outputs, part.group * geometry.outputs);
    let step = y.step.expect("y was made even");
    let start = part.positions.start;
    if part.images.len() == 1 {
        let view = y.matrix(part.images.start, first..first + outputs, start, part.positions.len());
        return view.expect("it has a step");
    }
    let buffer = &mut buffer[..outputs * part.columns()];
    let mut rows = buffer.chunks_exact_mut(part.positions.len());
    for o in 0..outputs {
        for (image, row) in part.images.clone().zip(&mut rows) {
            let at = y.images.at(image, first + o) as isize + start as isize * step;
            read(row, y.data, at, step, |_, y| y);
        }
    }
    Matrix::new(buffer, 0, [outputs, part.columns()], [part.columns() as isize, 1])
}

/// The same elements, the steps between those of a channel all alike.
fn made_even<T: Float>(geometry: &Geometry, y: &Tensor<T>) -> Tensor<T> {
    match even_step(geometry.counts(), Images::of(y, geometry.rank).spatial) {
        Some(_) => y.clone(),
        None => y.to_contiguous(),
    }
}

/// How large a buffer [`outputs_at`] needs.
fn outputs_len(geometry: &Geometry, cut: Cut) -> usize {
    if cut.images == 1 { 0 } else { geometry.outputs * cut.images * cut.positions }
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

/// How many parts the weight's gradient is made of that can be computed beside each other, if it is much work.
const PARTS: usize = 16;

/// How many elements the parts may have together.
const PARTS_LEN: usize = 1 << 22;

/// `w = y ∗ xᵀ`, the gradient of `Σ y · (w ∗ x)` by w: a sum over images and windows.
pub(super) fn weight<T: Float>(geometry: &Geometry, x: &Tensor<T>, y: &Tensor<T>) -> Tensor<T> {
    let shape = geometry.w_shape();
    let (len, images, cut) = (shape.elements(), geometry.images(), Cut::new(geometry));
    if len == 0 || images == 0 || geometry.positions() == 0 {
        return Tensor::zeros(shape);
    }
    let y = made_even(geometry, y);
    let x = Operand::new(x, geometry.rank, geometry.sizes());
    let y = Operand::new(&y, geometry.rank, geometry.counts());
    let work = Weight { geometry, x, y, cut };
    let multiplications = multiplications(geometry);
    let beside = geometry.groups * geometry.depth().div_ceil(ROWS);
    let parts = PARTS.div_ceil(beside).min(PARTS_LEN / len).min(multiplications / MUCH).max(1);
    let part = images.div_ceil(parts).next_multiple_of(cut.images);
    let parts = images.div_ceil(part);
    let mut sums = Tensor::dirty([parts].into_iter().chain(shape.iter().copied()).collect());
    over_chunks(elements(&mut sums), len, multiplications, &|i, out, pieces| {
        work.groups(i * part..images.min((i + 1) * part), out, pieces);
    });
    if parts == 1 { sums.reshape_to(&shape) } else { sums.sum(0) }
}

/// From how many multiplications on a part of the weight's gradient is worth its memory.
const MUCH: usize = 1 << 21;

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
        match middle(&rows, ROWS) {
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
        let (mut windows, mut side) = (buffer(rows.len() * columns), buffer(outputs_len(self.geometry, self.cut)));
        let (windows, side) = (elements(&mut windows), elements(&mut side));
        let mut write = Write::Overwrite;
        for first in images.clone().step_by(self.cut.images) {
            let images = first..images.end.min(first + self.cut.images);
            for start in (0..positions).step_by(self.cut.positions) {
                let positions = start..positions.min(start + self.cut.positions);
                let part = Part { group, rows: rows.clone(), images: images.clone(), positions };
                let windows = windows_at(self.geometry, &self.x, &part, windows);
                let y = outputs_at(self.geometry, &self.y, &part, side);
                product(y, windows.t(), c.lend(), write, pieces);
                write = Write::Add;
            }
        }
    }
}
