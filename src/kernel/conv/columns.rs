//! The matrix of windows, of which only a block is ever laid out: its rows are the elements of a window (channel, then taps),
//! its columns the windows (image, then position).

use std::ops::Range;

use super::options::Geometry;
use crate::float::Float;
use crate::kernel::rows::{read, write};
use crate::shape::{SPATIAL, Windows};
use crate::tensor::Tensor;

/// Where the elements of images lie, of one group's channels at a time.
#[derive(Clone, Copy)]
pub(super) struct Images {
    pub(super) offset: usize,
    pub(super) image: isize,
    pub(super) channel: isize,
    pub(super) spatial: [isize; SPATIAL],
}

impl Images {
    /// Of a tensor with or without an axis of images, then one of channels, then `rank` spatial ones.
    pub(super) fn of<T>(x: &Tensor<T>, rank: usize) -> Self {
        let (strides, n) = (x.strides(), x.ndim());
        Images {
            offset: x.layout().offset(),
            image: if n == rank + 2 { strides[0] } else { 0 },
            channel: strides[n - rank - 1],
            spatial: std::array::from_fn(|a| if a + rank < SPATIAL { 0 } else { strides[n + a - SPATIAL] }),
        }
    }

    /// The place of the first element of a channel of an image.
    #[inline]
    pub(super) fn at(&self, image: usize, channel: usize) -> usize {
        (self.offset as isize + image as isize * self.image + channel as isize * self.channel) as usize
    }

    /// The place of an element of a channel of an image.
    #[inline]
    pub(super) fn element(&self, image: usize, channel: usize, at: [usize; SPATIAL]) -> isize {
        let along: isize = at.iter().zip(self.spatial).map(|(&at, stride)| at as isize * stride).sum();
        self.at(image, channel) as isize + along
    }
}

/// A stretch of one row of the matrix of windows, along the innermost spatial axis.
pub(super) struct Segment {
    /// Its columns, counted from the first one asked for.
    pub(super) columns: Range<usize>,
    /// Those of its columns that take an element rather than padding.
    pub(super) inside: Range<usize>,
    /// The place of the first of these, relative to the channel, and the step to the next.
    pub(super) place: isize,
    pub(super) step: isize,
}

/// Visits the segments of one row, that of `taps`, over the windows `positions` of an image.
#[inline]
pub(super) fn segments(
    axes: &[Windows; SPATIAL],
    taps: [usize; SPATIAL],
    strides: [isize; SPATIAL],
    positions: Range<usize>,
    mut visit: impl FnMut(Segment),
) {
    let [depth, height, width] = axes;
    let inside = width.inside(taps[2]);
    let first = (taps[2] * width.dilation) as isize - width.before as isize;
    let step = width.stride as isize * strides[2];
    let (mut at, end) = (0, positions.len());
    if end == 0 {
        return;
    }
    let (row, mut column) = (positions.start / width.count, positions.start % width.count);
    let (mut d, mut h) = (row / height.count, row % height.count);
    while at < end {
        let len = (width.count - column).min(end - at);
        let (mut range, mut place) = (at..at, 0);
        if let (Some(i), Some(j)) = (depth.place(d, taps[0]), height.place(h, taps[1])) {
            let (from, to) = (inside.start.max(column), inside.end.min(column + len));
            if from < to {
                let k = from as isize * width.stride as isize + first;
                place = i as isize * strides[0] + j as isize * strides[1] + k * strides[2];
                range = at + from - column..at + to - column;
            }
        }
        visit(Segment { columns: at..at + len, inside: range, place, step });
        (at, column, h) = (at + len, 0, h + 1);
        if h == height.count {
            (h, d) = (0, d + 1);
        }
    }
}

/// The channel and the taps of a row.
#[inline]
pub(super) fn row_of(axes: &[Windows; SPATIAL], row: usize) -> (usize, [usize; SPATIAL]) {
    let [d, h, w] = axes.map(|windows| windows.taps);
    (row / (d * h * w), [row / (h * w) % d, row / w % h, row % w])
}

/// A block of the matrix of windows: some rows, over some windows of some images.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) group: usize,
    pub(super) rows: Range<usize>,
    pub(super) images: Range<usize>,
    pub(super) positions: Range<usize>,
}

impl Part {
    pub(super) fn columns(&self) -> usize {
        self.images.len() * self.positions.len()
    }
}

/// Writes a block of the matrix of windows of `x` into `out`, row by row; 0 where a window lies in the padding.
pub(super) fn gather<T: Float>(geometry: &Geometry, x: &[T], images: &Images, part: &Part, out: &mut [T]) {
    let mut out = out.chunks_exact_mut(part.positions.len().max(1));
    for row in part.rows.clone() {
        let (channel, taps) = row_of(&geometry.axes, row);
        let channel = part.group * geometry.inputs + channel;
        for (image, out) in part.images.clone().zip(&mut out) {
            let base = images.at(image, channel) as isize;
            segments(&geometry.axes, taps, images.spatial, part.positions.clone(), |s| {
                out[s.columns.start..s.inside.start].fill(T::zero());
                out[s.inside.end..s.columns.end].fill(T::zero());
                read(&mut out[s.inside.clone()], x, base + s.place, s.step, |_, x| x);
            });
        }
    }
}

/// The strides of a channel in row-major order.
pub(super) fn dense([_, height, width]: [usize; SPATIAL]) -> [isize; SPATIAL] {
    [height * width, width, 1].map(|stride| stride as isize)
}

/// Where the elements lie that a block of the matrix of windows is added to: those of the first channel of the first image at the
/// start, its other channels one behind the other, the next image `stride` further.
pub(super) struct Target {
    pub(super) image: usize,
    pub(super) channel: usize,
    pub(super) stride: usize,
}

/// Adds a block of the matrix of windows to the elements that the windows take; what lies in the padding is dropped.
pub(super) fn scatter<T: Float>(geometry: &Geometry, columns: &[T], part: &Part, target: &Target, out: &mut [T]) {
    let strides = dense(geometry.sizes());
    let mut columns = columns.chunks_exact(part.positions.len().max(1));
    for row in part.rows.clone() {
        let (channel, taps) = row_of(&geometry.axes, row);
        for (image, columns) in part.images.clone().zip(&mut columns) {
            let base = (image - target.image) * target.stride + (channel - target.channel) * geometry.pixels();
            segments(&geometry.axes, taps, strides, part.positions.clone(), |s| {
                write(out, base as isize + s.place, s.step, &columns[s.inside], |sum, x| sum + x);
            });
        }
    }
}
