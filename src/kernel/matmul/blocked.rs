//! The matrix product of `f32` and `f64` by tiles: how it is blocked for the caches, what is packed, what threads share.
//!
//! The inner dimension is cut by its size alone, so an element of C is the same sum however the rest is cut. Operands are read
//! where they lie as long as that is fast, and packed else: B, if its rows do not lie in one piece or it outgrows the second-level
//! cache, once for all threads; A with it, unless C is narrow, each block by the thread that multiplies it.
//!
//! Source: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), §4; Van Zee and van de Geijn, "BLIS"
//! (2015), for the loops around the tile.

use super::matrix::{Block, Matrix};
use super::simd::Kernels;
use super::tile::Work;
use super::{Write, halves};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Bytes of a row of A in a panel: as many columns as a block is deep. A panel of 14 rows fits the first-level cache, a pass over C
/// in 512 steps is hidden by them.
pub(super) const DEPTH: usize = 2048;

/// Rows of A that are packed at a time: in blocks of [`DEPTH`] 860 KB, for the second-level cache.
const ROWS: usize = 420;

/// Columns of B that are packed at a time: in blocks of [`DEPTH`] 6 MB, for the third-level cache.
const COLUMNS: usize = 3072;

/// Up to how many bytes a B whose rows lie in one piece is read where it lies.
const SMALL: usize = 600 << 10;

/// Up to how many rows it is columns that threads share.
const FLAT: usize = 128;

/// Up to how many columns of C a packed A would not be read often enough.
const NARROW: usize = 192;

/// `A·B` into `C` by these kernels, by so many threads. `A` has columns.
pub(super) fn blocked<T: Float>(
    kernels: &Kernels<T>,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    mut c: Block<'_, T>,
    into: Write,
    pieces: usize,
) {
    if pieces > 1 && c.rows < FLAT.min(c.columns) {
        let (first, second) = halves(pieces);
        let at = (c.columns * first / pieces).next_multiple_of(kernels.columns()).min(c.columns - 1);
        let (left, right) = c.split_columns(at);
        rayon::join(
            || blocked(kernels, a, b.columns(0, at), left, into, first),
            || blocked(kernels, a, b.columns(at, b.columns - at), right, into, second),
        );
        return;
    }
    let packs = b.column_stride != 1 || (size_of::<T>() * b.rows * b.columns > SMALL && a.rows > kernels.rows());
    let panel = kernels.columns();
    for (l, depth) in even(b.rows, DEPTH / size_of::<T>()) {
        let (a, b) = (a.columns(l, depth), b.rows(l, depth));
        let into = if l == 0 { into } else { Write::Add };
        if !packs {
            rows(kernels, a, Right::AsItLies(b), c.lend(), into, pieces);
            continue;
        }
        for column in (0..b.columns).step_by(COLUMNS) {
            let columns = COLUMNS.min(b.columns - column);
            let mut buffer = Buffer::new(depth * columns.next_multiple_of(panel));
            let packed = buffer.elements();
            pack_columns(kernels, b.columns(column, columns), packed, pieces);
            let part = c.part([0, column], [a.rows, columns]);
            rows(kernels, a, Right::Packed(packed), part, into, pieces);
        }
    }
}

/// `size` in as few parts of at most `most` as there must be, as even as can be: where each begins, and its length.
pub(super) fn even(size: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = size.div_ceil(most);
    let (each, longer) = (size / parts.max(1), size % parts.max(1));
    (0..parts).map(move |i| (i * each + i.min(longer), each + usize::from(i < longer)))
}

/// Elements of this thread from the start of a cache line on, of unspecified content.
struct Buffer<T: Float>(Tensor<T>, usize);

impl<T: Float> Buffer<T> {
    const LINE: usize = 64;

    fn new(len: usize) -> Self {
        Buffer(Tensor::dirty(Shape::from([len + Self::LINE / size_of::<T>()])), len)
    }

    fn elements(&mut self) -> &mut [T] {
        let elements = self.0.as_unique_slice().expect("a dirty tensor is dense and unshared");
        let start = elements.as_ptr().align_offset(Self::LINE);
        &mut elements[start..][..self.1]
    }
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

/// Packs B into panels of columns, shared among threads. In the last panel places are left as they are where there is no column.
fn pack_columns<T: Float>(kernels: &Kernels<T>, b: Matrix<'_, T>, packed: &mut [T], pieces: usize) {
    let panel = kernels.columns();
    let panels = b.columns.div_ceil(panel);
    if pieces > 1 && panels > 1 {
        let (first, second) = halves(pieces);
        let at = (panels * first / pieces).max(1);
        let (left, right) = packed.split_at_mut(at * panel * b.rows);
        rayon::join(
            || pack_columns(kernels, b.columns(0, at * panel), left, first),
            || pack_columns(kernels, b.columns(at * panel, b.columns - at * panel), right, second),
        );
        return;
    }
    for (i, packed) in packed.chunks_exact_mut(panel * b.rows).enumerate() {
        let columns = panel.min(b.columns - i * panel);
        let b = b.columns(i * panel, columns);
        // SAFETY: the kernels are for this processor. All of `b` can be read, as `Matrix` promises; `packed` has `b.rows` times `panel`
        // places, and `columns` is no more than that.
        unsafe {
            (kernels.pack)([b.rows, columns], b.pointer(), [b.row_stride, b.column_stride], packed.as_mut_ptr(), panel);
        }
    }
}

/// Packs A into panels of the rows of each tile.
fn pack_rows<T: Float>(kernels: &Kernels<T>, a: Matrix<'_, T>, packed: &mut [T]) {
    for (row, rows) in even(a.rows, kernels.rows()) {
        let packed = &mut packed[row * a.columns..][..rows * a.columns];
        let a = a.rows(row, rows);
        // SAFETY: the kernels are for this processor. All of `a` can be read, as `Matrix` promises; `packed` has a place for each
        // element.
        unsafe {
            (kernels.pack)([a.columns, rows], a.pointer(), [a.column_stride, a.row_stride], packed.as_mut_ptr(), rows);
        }
    }
}

/// `A·B` into `C`, whose rows are shared among threads.
fn rows<T: Float>(
    kernels: &Kernels<T>,
    a: Matrix<'_, T>,
    b: Right<'_, T>,
    mut c: Block<'_, T>,
    into: Write,
    pieces: usize,
) {
    if pieces > 1 && c.rows > kernels.rows() {
        let (first, second) = halves(pieces);
        let at = (c.rows * first / pieces).next_multiple_of(kernels.rows()).min(c.rows - 1);
        let (upper, lower) = c.split_rows(at);
        rayon::join(
            || rows(kernels, a.rows(0, at), b, upper, into, first),
            || rows(kernels, a.rows(at, a.rows - at), b, lower, into, second),
        );
        return;
    }
    if matches!(b, Right::AsItLies(_)) || c.columns <= NARROW {
        return tiles(kernels, Left::AsItLies(a), b, &mut c, a.columns, into);
    }
    let mut buffer = Buffer::new(a.columns * c.rows.min(ROWS));
    let columns = c.columns;
    for (row, rows) in even(c.rows, ROWS) {
        let packed = &mut buffer.elements()[..rows * a.columns];
        pack_rows(kernels, a.rows(row, rows), packed);
        let mut part = c.part([row, 0], [rows, columns]);
        tiles(kernels, Left::Packed(packed), b, &mut part, a.columns, into);
    }
}

/// `A·B` into `C`, tile by tile: all tiles of a panel of columns one after the other.
fn tiles<T: Float>(
    kernels: &Kernels<T>,
    a: Left<'_, T>,
    b: Right<'_, T>,
    c: &mut Block<'_, T>,
    depth: usize,
    into: Write,
) {
    let (panel, width) = (kernels.columns(), kernels.width);
    for column in (0..c.columns).step_by(panel) {
        let columns = panel.min(c.columns - column);
        let vectors = columns.div_ceil(width);
        let (b, b_stride) = match b {
            Right::AsItLies(b) => (b.columns(column, columns).pointer(), b.row_stride),
            Right::Packed(b) => (b[column * depth..].as_ptr(), panel as isize),
        };
        for (row, rows) in even(c.rows, kernels.rows()) {
            let (tiles, a, a_strides) = match a {
                Left::AsItLies(a) => (&kernels.strided, a.rows(row, rows).pointer(), [a.row_stride, a.column_stride]),
                Left::Packed(a) => (&kernels.packed, a[row * depth..].as_ptr(), [0; 2]),
            };
            let c = c.part([row, column], [rows, columns]);
            let work = Work {
                depth,
                a,
                a_strides,
                b,
                b_stride,
                c: c.pointer(),
                c_stride: c.row_stride,
                lanes: columns - (vectors - 1) * width,
                add: into == Write::Add,
            };
            // SAFETY: the kernels are for this processor. A has `rows` rows and `depth` columns from `a` on, which can be read: it is a
            // `Matrix`, or packed by `pack_rows`. So has B `depth` rows of `columns`. C has `rows` rows of `columns` elements from `c`
            // on, which are borrowed exclusively.
            unsafe { tiles[vectors - 1][rows - 1](&work) };
        }
    }
}
