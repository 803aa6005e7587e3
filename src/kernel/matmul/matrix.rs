//! The matrices of a product: two to read, one to write, which is divided into blocks.

use std::marker::PhantomData;

/// A strided matrix to read. Every place it reaches lies inside `data`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    data: &'a [T],
    offset: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: isize,
    pub(crate) column_stride: isize,
}

impl<'a, T> Matrix<'a, T> {
    pub(crate) fn new(data: &'a [T], offset: usize, [rows, columns]: [usize; 2], strides: [isize; 2]) -> Self {
        let matrix = Matrix { data, offset, rows, columns, row_stride: strides[0], column_stride: strides[1] };
        if rows > 0 && columns > 0 {
            let ends = [(rows - 1) as isize * strides[0], (columns - 1) as isize * strides[1]];
            let reach = |pick: fn(isize, isize) -> isize| offset as isize + pick(ends[0], 0) + pick(ends[1], 0);
            assert!(reach(isize::min) >= 0 && reach(isize::max) < data.len() as isize, "a matrix outside its storage");
        }
        matrix
    }

    pub(crate) fn pointer(&self) -> *const T {
        self.data[self.offset..].as_ptr()
    }

    /// The matrix that begins `places` further on in the storage.
    pub(crate) fn moved(self, places: usize) -> Self {
        let Matrix { data, offset, rows, columns, row_stride, column_stride } = self;
        Matrix::new(data, offset + places, [rows, columns], [row_stride, column_stride])
    }

    /// The transposed matrix.
    pub(crate) fn t(self) -> Self {
        let Matrix { data, offset, rows, columns, row_stride, column_stride } = self;
        Matrix { data, offset, rows: columns, columns: rows, row_stride: column_stride, column_stride: row_stride }
    }

    /// Rows `start .. start + count`.
    pub(crate) fn rows(self, start: usize, count: usize) -> Self {
        let moved = if count == 0 { 0 } else { start as isize * self.row_stride };
        Matrix { offset: (self.offset as isize + moved) as usize, rows: count, ..self }
    }

    /// Columns `start .. start + count`.
    pub(crate) fn columns(self, start: usize, count: usize) -> Self {
        let moved = if count == 0 { 0 } else { start as isize * self.column_stride };
        Matrix { offset: (self.offset as isize + moved) as usize, columns: count, ..self }
    }
}

impl<T: Copy> Matrix<'_, T> {
    /// `out.len()` neighbouring elements of a row.
    #[inline]
    pub(crate) fn read(&self, row: usize, column: usize, out: &mut [T]) {
        if self.column_stride == 1 {
            let place = self.offset as isize + row as isize * self.row_stride;
            return out.copy_from_slice(&self.data[place as usize + column..][..out.len()]);
        }
        out.iter_mut().enumerate().for_each(|(k, x)| *x = self.at(row, column + k));
    }

    #[inline]
    fn at(&self, row: usize, column: usize) -> T {
        let place = self.offset as isize + row as isize * self.row_stride + column as isize * self.column_stride;
        self.data[place as usize]
    }
}

/// A block of a row-major matrix to write. Blocks of one matrix are disjoint.
pub(crate) struct Block<'a, T> {
    pointer: *mut T,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    elements: PhantomData<&'a mut [T]>,
}

// SAFETY: a block is an exclusive borrow of its elements, like `&mut [T]`, which is `Send` where `T` is.
unsafe impl<T: Send> Send for Block<'_, T> {}

impl<'a, T> Block<'a, T> {
    pub(crate) fn new(data: &'a mut [T], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a block is a whole matrix at first");
        Block { pointer: data.as_mut_ptr(), rows, columns, row_stride: columns, elements: PhantomData }
    }

    /// The same block, lent.
    pub(crate) fn lend(&mut self) -> Block<'_, T> {
        Block { pointer: self.pointer, ..*self }
    }

    /// The first element's place.
    pub(crate) fn pointer(&self) -> *mut T {
        self.pointer
    }

    /// The `rows` rows and `columns` columns from `row` and `column` on, lent.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn part(&mut self, [row, column]: [usize; 2], [rows, columns]: [usize; 2]) -> Block<'_, T> {
        assert!(rows > 0 && row + rows <= self.rows && column + columns <= self.columns, "a part lies in its block");
        // SAFETY: the part's first row begins inside the block or right behind its row's end.
        let pointer = unsafe { self.pointer.add(row * self.row_stride + column) };
        Block { pointer, rows, columns, ..*self }
    }

    /// The first `at` rows, and the others.
    pub(crate) fn split_rows(self, at: usize) -> (Self, Self) {
        assert!(at < self.rows);
        // SAFETY: row `at` starts inside the block, as `at < rows`.
        let lower = unsafe { self.pointer.add(at * self.row_stride) };
        (Block { rows: at, ..self }, Block { pointer: lower, rows: self.rows - at, ..self })
    }

    /// The first `at` columns, and the others.
    pub(crate) fn split_columns(self, at: usize) -> (Self, Self) {
        assert!(at <= self.columns && self.rows > 0);
        // SAFETY: column `at` of the first row lies inside the block or right behind the row's end, as `at <= columns`.
        let right = unsafe { self.pointer.add(at) };
        (Block { columns: at, ..self }, Block { pointer: right, columns: self.columns - at, ..self })
    }

    /// One row's elements.
    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows);
        // SAFETY: a row is `columns` neighbouring elements from `row · row_stride` on, all inside the block, which is borrowed
        // exclusively for as long as the slice.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(row * self.row_stride), self.columns) }
    }
}
