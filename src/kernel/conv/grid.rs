//! An image laid out with its padding, row behind row, so that what one tap takes at all windows is the image itself from some place on.
//!
//! Windows are counted along the rows as they are laid out. Those that would begin in the padding behind a row are counted, too; so that
//! there are few of them, a row and the next share the padding between them.

use std::array;
use std::ops::Range;

use super::blocks::{buffer, elements};
use super::columns::{Images, row_of};
use crate::float::Float;
use crate::kernel::rows::read;
use crate::shape::{SPATIAL, Windows};
use crate::tensor::Tensor;

/// How many bytes of an image are laid out at a time, about: for the second-level cache.
const BYTES: usize = 1 << 20;

/// How many windows are computed at a time.
const COLUMNS: usize = 512;

/// Where the elements of an image with its padding lie, and its windows, of stride 1.
pub(super) struct Grid {
    axes: [Windows; SPATIAL],
    /// How far it is along each axis to the next element.
    steps: [usize; SPATIAL],
}

/// The windows of an image, or of a part of it along the first axis that has several.
pub(super) struct Slab {
    windows: [Range<usize>; SPATIAL],
    /// How many places there are from its first window to its last.
    pub(super) span: usize,
    /// How many places a channel takes.
    pub(super) len: usize,
}

/// Neighbouring windows.
pub(super) struct Row {
    /// Which one of the columns the first is.
    pub(super) column: usize,
    /// Which one it is along each axis.
    pub(super) window: [usize; SPATIAL],
    pub(super) len: usize,
}

impl Grid {
    pub(super) fn new(axes: [Windows; SPATIAL]) -> Self {
        let [_, height, width] = axes.map(|w| {
            let after = (w.count + reach(&w)).saturating_sub(w.before + w.input);
            w.input + w.before.max(after)
        });
        Grid { axes, steps: [height * width, width, 1] }
    }

    fn distance(&self, steps: impl Fn(usize) -> usize) -> usize {
        (0..SPATIAL).map(|a| steps(a) * self.steps[a]).sum()
    }

    /// How many places there are from the first window to the last.
    pub(super) fn span(&self) -> usize {
        self.distance(|a| self.axes[a].count.saturating_sub(1)) + 1
    }

    /// How far each tap's element is from where its window begins.
    pub(super) fn taps(&self) -> Vec<usize> {
        let taps = 0..self.axes.iter().map(|w| w.taps).product();
        taps.map(|tap| self.distance(|a| row_of(&self.axes, tap).1[a] * self.axes[a].dilation)).collect()
    }

    /// All windows, in as many slabs as it takes for so many channels of each to fit the cache.
    pub(super) fn slabs<T>(&self, channels: usize) -> impl Iterator<Item = Slab> {
        let cut = self.axes.iter().position(|w| w.count > 1).unwrap_or(SPATIAL - 1);
        let (count, halo) = (self.axes[cut].count, reach(&self.axes[cut]));
        let most = (BYTES / (size_of::<T>() * channels * self.steps[cut])).saturating_sub(halo).max(halo).max(1);
        let len = count.div_ceil(count.div_ceil(most).max(1)).max(1);
        (0..count).step_by(len).map(move |start| {
            let of = |a: usize| if a == cut { start..count.min(start + len) } else { 0..self.axes[a].count };
            let windows: [_; SPATIAL] = array::from_fn(of);
            let span = self.distance(|a| windows[a].len() - 1) + 1;
            Slab { len: span + self.distance(|a| reach(&self.axes[a])), span, windows }
        })
    }

    /// Some channels of an image as far as the windows of a slab reach, with zeros around.
    pub(super) fn lay_out<T: Float>(
        &self,
        x: &Tensor<T>,
        images: &Images,
        image: usize,
        channels: Range<usize>,
        slab: &Slab,
    ) -> Tensor<T> {
        let mut laid = buffer(channels.len() * slab.len);
        let inside: [Range<usize>; SPATIAL] = array::from_fn(|a| {
            let (w, windows) = (&self.axes[a], &slab.windows[a]);
            let end = (windows.end + reach(w)).saturating_sub(w.before).min(w.input);
            windows.start.saturating_sub(w.before).min(end)..end
        });
        for (channel, out) in channels.zip(elements(&mut laid).chunks_exact_mut(slab.len)) {
            let mut end = 0;
            for at in rows(&inside) {
                let place = self.distance(|a| at[a] + self.axes[a].before - slab.windows[a].start);
                out[end..place].fill(T::zero());
                end = place + inside[2].len();
                read(&mut out[place..end], x.data(), images.element(image, channel, at), images.spatial[2], |_, x| x);
            }
            out[end..].fill(T::zero());
        }
        laid
    }
}

impl Slab {
    /// Whether it has the first window of its image.
    pub(super) fn is_first(&self) -> bool {
        self.windows.iter().all(|windows| windows.start == 0)
    }

    /// The places from its first window to its last, some at a time.
    pub(super) fn columns(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.span).step_by(COLUMNS).map(|start| start..self.span.min(start + COLUMNS))
    }

    /// Its rows of windows, as far as they lie in `columns`.
    pub(super) fn rows(&self, grid: &Grid, columns: &Range<usize>) -> impl Iterator<Item = Row> {
        let width = self.windows[2].len();
        rows(&self.windows).filter_map(move |window| {
            let first = grid.distance(|a| window[a] - self.windows[a].start);
            let (from, to) = (columns.start.max(first), columns.end.min(first + width));
            let [d, h, w] = window;
            (from < to).then(|| Row { column: from - columns.start, window: [d, h, w + from - first], len: to - from })
        })
    }
}

/// How far it is from the first element of a window to the last.
fn reach(w: &Windows) -> usize {
    w.dilation * (w.taps - 1)
}

/// The first elements of the rows of a box.
fn rows([depth, height, width]: &[Range<usize>; SPATIAL]) -> impl Iterator<Item = [usize; SPATIAL]> {
    let depth = if width.is_empty() { 0..0 } else { depth.clone() };
    depth.flat_map(move |d| height.clone().map(move |h| [d, h, width.start]))
}
