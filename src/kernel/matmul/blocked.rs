//! The matrix product of `f32` and `f64` by tiles: how it is blocked for the caches, what is packed, what threads share.
//!
//! The inner dimension is cut by its size alone, so an element of C is the same sum however the rest is cut. Operands are read
//! where they lie as long as that is fast, and packed else: B, if its rows do not lie in one piece or it outgrows the second-level
//! cache, by blocks that fit there, which each thread has for itself where B is small or C broad, and shares with the others elsewhere; A,
//! if its rows do not lie in one piece, unless C is narrow. A tile's rows of A stay in the first-level cache while it goes along a row of C.
//!
//! Source: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), §4; Van Zee and van de Geijn, "BLIS"
//! (2015), for the loops around the tile.

use std::ops::Range;

use super::matrix::{Block, Matrix};
use super::simd::Kernels;
use super::tile::Work;
use super::{Write, halves};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Bytes of a row of A in a panel: as many columns as a block is deep. A panel of 14 rows fits the first-level cache. (Three quarters
/// of it took a percent more, one and a half of it five percent, twice a tenth.)
pub(super) const DEPTH: usize = 2048;

/// Rows of A that are packed at a time: in blocks of [`DEPTH`] 4 MB, for the third-level cache.
const ROWS: usize = 2048;

/// Columns of B that are packed at a time: in blocks of [`DEPTH`] 1 MB of `f32`, for the second-level cache.
const COLUMNS: usize = 512;

/// From how many bytes on a B is packed whose rows lie in one piece. (Of exactly so many, 512×512 of `f32`, two threads reach 0.84 of the peak
/// where they reached 0.73, and one loses a percent.)
const SMALL: usize = 1 << 20;

/// Up to how many panels of rows a larger B is not read often enough to be packed.
const FEW: usize = 3;

/// Up to how many elements of B each thread packs all of it for itself: sooner than what another has written comes to it.
const OWN: usize = 1 << 18;

/// Up to how many rows it is columns that threads share.
const FLAT: usize = 128;

/// From how many columns for each thread on it is columns, too, if B is packed: each thread packs what it needs, and none waits for another.
const BROAD: usize = 256;

/// From how many elements of C on it may be transposed.
const TRANSPOSED: usize = 1 << 12;

/// Up to how many columns of C a packed A would not be read often enough.
const NARROW: usize = 192;

/// `A·B` into `C` by these kernels, by so many threads. `A` has columns.
pub(super) fn blocked<T: Float>(
    kernels: &Kernels<T>,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: Block<'_, T>,
    into: Write,
    pieces: usize,
) {
    if into == Write::Overwrite && a.row_stride == 1 && fills_more_as_rows(kernels, &c, b.rows) {
        return transposed(kernels, a, b, c, pieces);
    }
    let packs_a = a.column_stride != 1 && c.columns > NARROW;
    let packs_b = |columns: usize| {
        b.column_stride != 1 || (size_of::<T>() * b.rows * columns >= SMALL && a.rows > FEW * kernels.rows())
    };
    let owns = !packs_a && c.columns >= pieces * BROAD && packs_b(c.columns / pieces);
    if pieces > 1 && (c.rows < FLAT.min(c.columns) || owns) {
        let (first, second) = halves(pieces);
        let at = (c.columns * first / pieces).next_multiple_of(kernels.columns()).min(c.columns - 1);
        let (left, right) = c.split_columns(at);
        rayon::join(
            || blocked(kernels, a, b.columns(0, at), left, into, first),
            || blocked(kernels, a, b.columns(at, b.columns - at), right, into, second),
        );
        return;
    }
    let packs_b = packs_b(b.columns);
    let panels = Panels { size: c.rows, most: kernels.rows() };
    if pieces > 1 && packs_b && b.rows * b.columns <= OWN && panels.count() > 1 {
        let (first, second) = halves(pieces);
        let at = panels.start((panels.count() * first / pieces).max(1));
        let (upper, lower) = c.split_rows(at);
        rayon::join(
            || blocked(kernels, a.rows(0, at), b, upper, into, first),
            || blocked(kernels, a.rows(at, a.rows - at), b, lower, into, second),
        );
        return;
    }
    by_blocks(kernels, [a, b], c, into, [packs_a, packs_b], pieces);
}

/// [`blocked`], of which threads share the packing of an operand, and then panels of rows.
fn by_blocks<T: Float>(
    kernels: &Kernels<T>,
    [a, b]: [Matrix<'_, T>; 2],
    mut c: Block<'_, T>,
    into: Write,
    [packs_a, packs_b]: [bool; 2],
    pieces: usize,
) {
    let (most_rows, most_columns) = (if packs_a { ROWS } else { a.rows }, if packs_b { COLUMNS } else { b.columns });
    for (l, depth) in even(b.rows, DEPTH / size_of::<T>()) {
        let (a, b) = (a.columns(l, depth), b.rows(l, depth));
        let into = if l == 0 { into } else { Write::Add };
        for (row, rows) in even(a.rows, most_rows) {
            let a = a.rows(row, rows);
            let panels = Panels { size: rows, most: kernels.rows() };
            let mut buffer = packs_a.then(|| scratch(depth * rows));
            let left = match &mut buffer {
                Some(buffer) => Left::Packed(pack_rows(kernels, a, elements(buffer), panels, pieces)),
                None => Left::AsItLies(a),
            };
            for column in (0..b.columns).step_by(most_columns) {
                let columns = most_columns.min(b.columns - column);
                let b = b.columns(column, columns);
                let mut buffer = packs_b.then(|| scratch(depth * columns.next_multiple_of(kernels.columns())));
                let right = match &mut buffer {
                    Some(buffer) => Right::Packed(pack_columns(kernels, b, elements(buffer), pieces)),
                    None => Right::AsItLies(b),
                };
                let c = c.part([row, column], [rows, columns]);
                let tiles = Tiles { kernels, a: left, b: right, parts: &[0], depth, into };
                share(panels, 0..panels.count(), c, pieces, &|range, c| {
                    tiles.run(panels.rows(range.clone()), panels.start(range.start), c);
                });
            }
        }
    }
}

/// The elements of `a`, row by row. It has some.
pub(super) fn copy<T: Float>(kernels: &Kernels<T>, a: Matrix<'_, T>, out: &mut [T]) {
    assert_eq!(out.len(), a.rows * a.columns, "a place for each element");
    // SAFETY: the kernels are for this processor. All of `a` can be read, as `Matrix` promises; `out` has a place for each element.
    unsafe {
        let strides = [a.row_stride, a.column_stride];
        (kernels.pack)([a.rows, a.columns], a.pointer(), strides, out.as_mut_ptr(), a.columns);
    }
}

/// Whether the rows of C fill vectors so much better than its few columns that C is worth being transposed.
pub(super) fn fills_more_as_rows<T: Float>(kernels: &Kernels<T>, c: &Block<'_, T>, depth: usize) -> bool {
    let in_vain = |n: usize| (n.next_multiple_of(kernels.width) - n) as f64 / n as f64;
    let steps_saved = (in_vain(c.columns) - in_vain(c.rows)) * depth as f64 / kernels.width as f64;
    c.columns <= NARROW && c.rows * c.columns >= TRANSPOSED && steps_saved > 0.4 * size_of::<T>() as f64
}

/// `A·B` into `C`, by the product of the transposed matrices.
fn transposed<T: Float>(kernels: &Kernels<T>, a: Matrix<'_, T>, b: Matrix<'_, T>, c: Block<'_, T>, pieces: usize) {
    let (rows, columns) = (c.rows, c.columns);
    if pieces > 1 && rows > kernels.width {
        let (first, second) = halves(pieces);
        let at = (rows * first / pieces).next_multiple_of(kernels.width).min(rows - 1);
        let (upper, lower) = c.split_rows(at);
        rayon::join(
            || transposed(kernels, a.rows(0, at), b, upper, first),
            || transposed(kernels, a.rows(at, rows - at), b, lower, second),
        );
        return;
    }
    let mut side = scratch(columns * rows);
    blocked(kernels, b.t(), a.t(), Block::new(elements(&mut side), columns, rows), Write::Overwrite, 1);
    let side = Matrix::new(side.data(), 0, [columns, rows], [rows as isize, 1]).t();
    let step = c.row_stride;
    // SAFETY: the kernels are for this processor. The transposed matrix can be read, and has as many rows and columns as C, whose rows are
    // `step` apart and borrowed exclusively.
    unsafe { (kernels.pack)([rows, columns], side.pointer(), [1, rows as isize], c.pointer(), step) };
}

/// [`blocked`] of a B in parts: what `b` is, moved by so many places in its storage, one part under the other. All its rows lie in one
/// piece. The parts of a tile follow each other, so that it stays in the first-level cache. Nothing is packed or cut.
pub(super) fn in_parts<T: Float>(
    kernels: &Kernels<T>,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    parts: &[usize],
    c: Block<'_, T>,
    into: Write,
    pieces: usize,
) {
    assert!(a.rows == c.rows && b.columns == c.columns && a.columns == b.rows * parts.len() && b.column_stride == 1);
    parts.iter().for_each(|&part| _ = b.moved(part)); // it lies in its storage
    let panels = Panels { size: c.rows, most: kernels.rows() };
    let tiles = Tiles { kernels, a: Left::AsItLies(a), b: Right::AsItLies(b), parts, depth: b.rows, into };
    share(panels, 0..panels.count(), c, pieces, &|range, c| {
        tiles.run(panels.rows(range.clone()), panels.start(range.start), c);
    });
}

/// Elements of unspecified value, from the start of a cache line on.
fn scratch<T: Float>(len: usize) -> Tensor<T> {
    Tensor::dirty(Shape::from([len]))
}

fn elements<T: Float>(buffer: &mut Tensor<T>) -> &mut [T] {
    buffer.as_unique_slice().expect("a dirty tensor is dense and unshared")
}

/// B, of which a tile reads some columns row by row.
#[derive(Clone, Copy)]
enum Right<'a, T> {
    /// Its rows lie in one piece each.
    AsItLies(Matrix<'a, T>),
    /// In panels of as many columns as the largest tile has.
    Packed(&'a [T]),
}

/// A, of which a tile reads some rows column by column.
#[derive(Clone, Copy)]
enum Left<'a, T> {
    AsItLies(Matrix<'a, T>),
    /// In panels of as many rows as a tile has.
    Packed(&'a [T]),
}

/// `size` rows in as few panels of at most `most` as there must be, as even as can be.
#[derive(Clone, Copy)]
struct Panels {
    size: usize,
    most: usize,
}

impl Panels {
    fn count(self) -> usize {
        self.size.div_ceil(self.most)
    }

    /// The first row of a panel; of the panel behind the last, how many rows there are.
    fn start(self, panel: usize) -> usize {
        let count = self.count().max(1);
        panel * (self.size / count) + panel.min(self.size % count)
    }

    /// The first row of each of some panels, and how many it has.
    fn rows(self, panels: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
        panels.map(move |panel| (self.start(panel), self.start(panel + 1) - self.start(panel)))
    }
}

/// `size` in as few parts of at most `most` as there must be, as even as can be: where each begins, and its length.
pub(super) fn even(size: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let panels = Panels { size, most };
    panels.rows(0..panels.count())
}

/// Calls `run` for parts of these panels and the rows of `c` that are theirs, one part to a thread.
fn share<T: Float>(
    panels: Panels,
    range: Range<usize>,
    c: Block<'_, T>,
    pieces: usize,
    run: &(impl Fn(Range<usize>, Block<'_, T>) + Sync),
) {
    if pieces < 2 || range.len() < 2 {
        return run(range, c);
    }
    let (first, second) = halves(pieces);
    let middle = range.start + (range.len() * first / pieces).max(1);
    let (upper, lower) = c.split_rows(panels.start(middle) - panels.start(range.start));
    rayon::join(
        || share(panels, range.start..middle, upper, first, run),
        || share(panels, middle..range.end, lower, second, run),
    );
}

/// Packs B into panels of columns. In the last panel places are left as they are where there is no column.
fn pack_columns<'a, T: Float>(kernels: &Kernels<T>, b: Matrix<'_, T>, packed: &'a mut [T], pieces: usize) -> &'a [T] {
    let width = kernels.columns();
    let panels = Panels { size: b.columns.div_ceil(width), most: 1 };
    share(panels, 0..panels.size, Block::new(packed, panels.size, width * b.rows), pieces, &|range, mut packed| {
        for (i, panel) in range.enumerate() {
            let columns = width.min(b.columns - panel * width);
            let (b, packed) = (b.columns(panel * width, columns), packed.row(i));
            // SAFETY: the kernels are for this processor. All of `b` can be read, as `Matrix` promises; `packed` has `b.rows` times
            // `width` places, and `columns` is no more than that.
            unsafe {
                (kernels.pack)(
                    [b.rows, columns],
                    b.pointer(),
                    [b.row_stride, b.column_stride],
                    packed.as_mut_ptr(),
                    width,
                );
            }
        }
    });
    packed
}

/// Packs A into these panels of rows.
fn pack_rows<'a, T: Float>(
    kernels: &Kernels<T>,
    a: Matrix<'_, T>,
    packed: &'a mut [T],
    panels: Panels,
    pieces: usize,
) -> &'a [T] {
    share(panels, 0..panels.count(), Block::new(packed, a.rows, a.columns), pieces, &|range, mut packed| {
        let first = panels.start(range.start);
        for (row, rows) in panels.rows(range) {
            let (a, packed) = (a.rows(row, rows), packed.part([row - first, 0], [rows, a.columns]));
            let strides = [a.column_stride, a.row_stride];
            // SAFETY: the kernels are for this processor. All of `a` can be read, as `Matrix` promises; `packed` has a place for each
            // element.
            unsafe { (kernels.pack)([a.columns, rows], a.pointer(), strides, packed.pointer(), rows) };
        }
    });
    packed
}

/// A product of what is packed or lies well: C is computed tile by tile.
struct Tiles<'a, T: 'static> {
    kernels: &'a Kernels<T>,
    a: Left<'a, T>,
    b: Right<'a, T>,
    /// How far the parts of B are from the first, each of `depth` rows.
    parts: &'a [usize],
    depth: usize,
    into: Write,
}

impl<T: Float> Tiles<'_, T> {
    /// These rows, which a block of C has from `first` on: all tiles of a panel of rows one after the other.
    fn run(&self, rows: impl Iterator<Item = (usize, usize)>, first: usize, mut c: Block<'_, T>) {
        let width = self.kernels.columns();
        for (row, rows) in rows {
            let (tiles, a, a_strides) = match self.a {
                Left::AsItLies(a) => {
                    (&self.kernels.strided, a.rows(row, rows).pointer(), [a.row_stride, a.column_stride])
                }
                Left::Packed(a) => (&self.kernels.packed, a[row * self.depth..].as_ptr(), [0; 2]),
            };
            for column in (0..c.columns).step_by(width) {
                let columns = width.min(c.columns - column);
                let vectors = columns.div_ceil(self.kernels.width);
                let (b, b_stride) = self.columns(column, columns);
                let c = c.part([row - first, column], [rows, columns]);
                let mut work = Work {
                    depth: self.depth,
                    a,
                    a_strides,
                    b,
                    b_stride,
                    c: c.pointer(),
                    c_stride: c.row_stride,
                    lanes: columns - (vectors - 1) * self.kernels.width,
                    add: self.into == Write::Add,
                };
                for &part in self.parts {
                    work.b = b.wrapping_add(part);
                    // SAFETY: the kernels are for this processor. A has `rows` rows and `depth` columns for each part from `a` on,
                    // which can be read: it is a `Matrix`, or packed by `pack_rows`. So has B `depth` rows of `columns` in each part.
                    // C has `rows` rows of `columns` elements from `c` on, which are borrowed exclusively.
                    unsafe { tiles[vectors - 1][rows - 1](&work) };
                    work.a = work.a.wrapping_offset(a_strides[1] * self.depth as isize);
                    work.add = true;
                }
            }
        }
    }

    /// Where a panel of columns of B begins, and how far its rows are apart.
    fn columns(&self, column: usize, columns: usize) -> (*const T, isize) {
        match self.b {
            Right::AsItLies(b) => (b.columns(column, columns).pointer(), b.row_stride),
            Right::Packed(b) => (b[column * self.depth..].as_ptr(), self.kernels.columns() as isize),
        }
    }
}
