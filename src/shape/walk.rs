//! Walking several strided views of one shape together.

use std::array;
use std::ops::Range;

use super::Inline;

/// A walk over `N` views of the same shape, in row-major order. Axes that lie behind each other in every view are merged, so
/// that contiguous views of any rank are one run.
pub(crate) struct Walk<const N: usize> {
    sizes: Inline<usize>,
    strides: [Inline<isize>; N],
    offsets: [isize; N],
}

/// Consecutive elements along the innermost merged axis: the k-th lies at `at[i] + k · strides[i]` in view `i`.
pub(crate) struct Run<const N: usize> {
    /// The place of the first one among all elements walked.
    pub(crate) position: usize,
    pub(crate) at: [usize; N],
    pub(crate) strides: [isize; N],
    pub(crate) len: usize,
}

impl<const N: usize> Run<N> {
    /// The place of element `k` in view `i`.
    #[inline]
    pub(crate) fn place(&self, i: usize, k: usize) -> usize {
        (self.at[i] as isize + k as isize * self.strides[i]) as usize
    }
}

impl<const N: usize> Walk<N> {
    /// A walk over views of `shape`, given by their strides and the offset of their first element.
    pub(crate) fn new(shape: &[usize], views: [(&[isize], usize); N]) -> Self {
        let mut sizes = Inline::new();
        let mut strides: [Inline<isize>; N] = array::from_fn(|_| Inline::new());
        for (axis, &size) in shape.iter().enumerate().filter(|&(_, &size)| size != 1) {
            let merges = !sizes.is_empty()
                && (0..N).all(|i| strides[i].last() == Some(&views[i].0[axis].wrapping_mul(size as isize)));
            if !merges {
                sizes.push(1);
                strides.iter_mut().for_each(|s| s.push(0));
            }
            let last = sizes.len() - 1;
            sizes[last] *= size;
            for i in 0..N {
                strides[i][last] = views[i].0[axis];
            }
        }
        if sizes.is_empty() {
            sizes.push(1);
            strides.iter_mut().for_each(|s| s.push(0));
        }
        Walk { sizes, strides, offsets: views.map(|(_, offset)| offset as isize) }
    }

    /// Calls `visit` with the runs that make up elements `range` of the walk, in order.
    ///
    /// `visit` is called once a run, not once an element, and so may be a trait object: the walk is compiled once per `N`.
    pub(crate) fn runs(&self, range: Range<usize>, mut visit: impl FnMut(Run<N>)) {
        self.visit_runs([0; N], range, &mut visit);
    }

    /// [`Walk::runs`] of the views moved by so many places.
    pub(crate) fn runs_at(&self, moved: [isize; N], range: Range<usize>, mut visit: impl FnMut(Run<N>)) {
        self.visit_runs(moved, range, &mut visit);
    }

    fn visit_runs(&self, moved: [isize; N], range: Range<usize>, visit: &mut dyn FnMut(Run<N>)) {
        if range.is_empty() {
            return;
        }
        let offsets: [isize; N] = array::from_fn(|i| self.offsets[i] + moved[i]);
        let inner = self.sizes.len() - 1;
        let strides: [isize; N] = array::from_fn(|i| self.strides[i][inner]);
        if inner == 0 {
            let at = array::from_fn(|i| (offsets[i] + range.start as isize * strides[i]) as usize);
            return visit(Run { position: range.start, at, strides, len: range.len() });
        }
        let (row, mut column) = (range.start / self.sizes[inner], range.start % self.sizes[inner]);
        let mut index = self.unravel(row);
        let mut at: [isize; N] = array::from_fn(|i| {
            offsets[i] + index.iter().zip(self.strides[i].iter()).map(|(&k, &s)| k as isize * s).sum::<isize>()
        });
        let mut position = range.start;
        loop {
            let len = (self.sizes[inner] - column).min(range.end - position);
            let first = array::from_fn(|i| (at[i] + column as isize * strides[i]) as usize);
            visit(Run { position, at: first, strides, len });
            position += len;
            if position == range.end {
                return;
            }
            column = 0;
            self.advance(&mut index, &mut at);
        }
    }

    /// The length of a whole run, which is the size of the innermost merged axis.
    #[inline]
    pub(crate) fn run_len(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    /// The strides within every run.
    #[inline]
    pub(crate) fn stride(&self) -> [isize; N] {
        array::from_fn(|i| self.strides[i][self.sizes.len() - 1])
    }

    /// The index of row `row` over all axes but the innermost, which is 0.
    fn unravel(&self, mut row: usize) -> Inline<usize> {
        let mut index = Inline::filled(0, self.sizes.len());
        for axis in (0..self.sizes.len() - 1).rev() {
            index[axis] = row % self.sizes[axis];
            row /= self.sizes[axis];
        }
        index
    }

    /// Steps to the next row.
    fn advance(&self, index: &mut Inline<usize>, at: &mut [isize; N]) {
        for axis in (0..self.sizes.len() - 1).rev() {
            index[axis] += 1;
            let wraps = index[axis] == self.sizes[axis];
            let steps = if wraps { 1 - self.sizes[axis] as isize } else { 1 };
            at.iter_mut().zip(&self.strides).for_each(|(at, strides)| *at += steps * strides[axis]);
            if !wraps {
                return;
            }
            index[axis] = 0;
        }
    }
}
