//! How the three products of a convolution are cut into blocks, what threads share, and the operands of a block: views where there
//! are such, else copies in a buffer of this thread.

use std::ops::Range;

use super::columns::{Images, Part, gather};
use super::options::Geometry;
use crate::float::Float;
use crate::kernel::matmul::Matrix;
use crate::kernel::rows::read;
use crate::kernel::sharing::{chunks, pieces_of_product};
use crate::shape::{SPATIAL, Shape, are_elements};
use crate::tensor::Tensor;

/// Rows of a block of the matrix of windows: as many as fill the matrix product's tiles well, few enough that a block stays in the
/// second-level cache.
pub(super) const ROWS: usize = 256;

/// Columns of a block, about: enough that going through the weights anew for each costs little, few enough that a block of `f32` fits
/// the second-level cache beside its packed copy, which the weight's gradient makes.
const COLUMNS: usize = 512;

/// How a convolution's windows are cut into blocks, of one image or of several small ones.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub(super) images: usize,
    pub(super) positions: usize,
}

impl Cut {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let positions = geometry.positions().max(1);
        if positions * 2 > COLUMNS {
            let blocks = ((positions + COLUMNS / 2) / COLUMNS).max(1);
            return Cut { images: 1, positions: positions.div_ceil(blocks).next_multiple_of(16) };
        }
        Cut { images: (COLUMNS / positions).min(geometry.images()).max(1), positions }
    }
}

/// Where `range` is cut in two, if it is longer than `block`.
pub(super) fn middle(range: &Range<usize>, block: usize) -> Option<usize> {
    let blocks = range.len().div_ceil(block);
    (blocks > 1).then(|| range.start + blocks / 2 * block)
}

/// Both of them, on two threads if there is work for more than one; each is told for how many.
pub(super) fn both(pieces: usize, first: impl FnOnce(usize) + Send, second: impl FnOnce(usize) + Send) {
    if pieces > 1 {
        rayon::join(|| first(pieces / 2), || second(pieces - pieces / 2));
    } else {
        first(1);
        second(1);
    }
}

/// Calls `work` with the number and the elements of each chunk of `out` and with how many pieces to divide it into: several
/// chunks are shared among threads, few are divided further.
pub(super) fn over_chunks<T: Float>(
    out: &mut [T],
    len: usize,
    multiplications: usize,
    work: &(dyn Fn(usize, &mut [T], usize) + Sync),
) {
    let pieces = pieces_of_product::<T>(multiplications);
    if pieces > 1 && out.len().div_ceil(len) >= 2 * pieces {
        chunks(out, len, &|i, chunk| work(i, chunk, 1));
    } else {
        out.chunks_mut(len).enumerate().for_each(|(i, chunk)| work(i, chunk, pieces));
    }
}

/// How many parts the weight's gradient is made of that can be computed beside each other, if it is much work.
const PARTS: usize = 16;

/// How many elements the parts may have together.
const PARTS_LEN: usize = 1 << 22;

/// From how many multiplications on a part of the weight's gradient is worth its memory.
const MUCH: usize = 1 << 21;

/// A sum of `len` elements over images: `work` computes what some of them give, in parts whose number depends on sizes alone, each a
/// whole number of blocks of `block` images and made of `beside` pieces that can be computed beside each other anyway.
pub(super) fn over_parts<T: Float>(
    geometry: &Geometry,
    block: usize,
    beside: usize,
    len: usize,
    work: &Work<'_, T>,
) -> Tensor<T> {
    let (images, multiplications) = (geometry.images(), multiplications(geometry));
    let parts = PARTS.div_ceil(beside).min(PARTS_LEN / len).min(multiplications / MUCH).max(1);
    let part = images.div_ceil(parts).next_multiple_of(block);
    let parts = images.div_ceil(part);
    let mut sums = Tensor::dirty(Shape::from([parts, len]));
    over_chunks(elements(&mut sums), len, multiplications, &|i, out, pieces| {
        work(i * part..images.min((i + 1) * part), out, pieces);
    });
    if parts == 1 { sums.squeeze(0) } else { sums.sum(0) }
}

/// How many multiplications each of the three products has.
pub(super) fn multiplications(geometry: &Geometry) -> usize {
    let factors = [geometry.images(), geometry.groups, geometry.outputs, geometry.depth(), geometry.positions()];
    factors.into_iter().fold(1, usize::saturating_mul)
}

/// A buffer of this thread, of unspecified content.
pub(super) fn buffer<T: Float>(len: usize) -> Tensor<T> {
    Tensor::dirty(Shape::from([len]))
}

pub(super) fn elements<T: Float>(buffer: &mut Tensor<T>) -> &mut [T] {
    buffer.as_unique_slice().expect("a dirty tensor is dense and unshared")
}

/// An operand with its places.
pub(super) struct Operand<'a, T> {
    data: &'a [T],
    images: Images,
    /// The step between the elements of a channel, if all are that far apart.
    step: Option<isize>,
}

impl<'a, T> Operand<'a, T> {
    /// Of images whose channels have these spatial sizes.
    pub(super) fn new(x: &'a Tensor<T>, rank: usize, sizes: [usize; SPATIAL]) -> Self {
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
pub(super) fn even_step(sizes: [usize; SPATIAL], strides: [isize; SPATIAL]) -> Option<isize> {
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

/// What is done with the images of a range, the elements of their results, and a number of pieces.
type Work<'a, T> = dyn Fn(Range<usize>, &mut [T], usize) + Sync + 'a;

/// Calls `work` with the images of each block, their elements in `out`, and into how many pieces to divide them.
pub(super) fn over_images<T: Float>(geometry: &Geometry, cut: Cut, out: &mut [T], work: &Work<'_, T>) {
    if !out.is_empty() {
        let image = out.len() / geometry.images();
        over_chunks(out, cut.images * image, multiplications(geometry), &|i, out, pieces| {
            work(i * cut.images..i * cut.images + out.len() / image, out, pieces);
        });
    }
}

/// The weights of one group.
pub(super) fn weights_of<'a, T>(geometry: &Geometry, weights: &'a [T], group: usize) -> Matrix<'a, T> {
    let (outputs, depth) = (geometry.outputs, geometry.depth());
    Matrix::new(weights, group * outputs * depth, [outputs, depth], [depth as isize, 1])
}

/// Whether a block of the matrix of windows is a view of x.
pub(super) fn is_view<T>(geometry: &Geometry, x: &Operand<'_, T>, images: &Range<usize>) -> bool {
    images.len() == 1 && x.step.is_some() && are_elements(&geometry.axes)
}

/// How large a buffer [`windows_at`] needs for so many rows.
pub(super) fn windows_len<T>(geometry: &Geometry, x: &Operand<'_, T>, rows: usize, part: &Part) -> usize {
    if is_view(geometry, x, &part.images) { 0 } else { rows * part.columns() }
}

/// A block of the matrix of windows: a view of x where they are its elements, else laid out in `buffer`.
pub(super) fn windows_at<'a, T: Float>(
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
pub(super) fn outputs_at<'a, T: Float>(
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
pub(super) fn made_even<T: Float>(geometry: &Geometry, y: &Tensor<T>) -> Tensor<T> {
    match even_step(geometry.counts(), Images::of(y, geometry.rank).spatial) {
        Some(_) => y.clone(),
        None => y.to_contiguous(),
    }
}

/// How large a buffer [`outputs_at`] needs.
pub(super) fn outputs_len(geometry: &Geometry, cut: Cut) -> usize {
    if cut.images == 1 { 0 } else { geometry.outputs * cut.images * cut.positions }
}
