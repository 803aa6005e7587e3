//! How the elements of a tensor lie in its storage, and the views that only change that.

use std::fmt;

use super::{Inline, Shape};

/// Sizes, strides (in elements, of any sign, 0 for a repeated element) and the place of the first element.
///
/// **Invariant**: every index within the shape maps to a place inside the storage. Only `Layout::dense` and the views below
/// make layouts, and each view reaches a subset of the places that its parent reaches.
#[derive(Clone, PartialEq)]
pub struct Layout {
    shape: Shape,
    strides: Inline<isize>,
    offset: usize,
    len: usize,
}

impl Layout {
    /// Row-major order from the start of the storage.
    ///
    /// # Panics
    /// If the number of elements overflows.
    #[inline]
    #[track_caller]
    pub(crate) fn dense(shape: Shape) -> Self {
        let len = shape.elements(); // first: it refuses what would overflow the strides
        Layout { strides: shape.row_major(), shape, offset: 0, len }
    }

    #[inline]
    #[track_caller]
    fn view(shape: Shape, strides: Inline<isize>, offset: usize) -> Self {
        let len = shape.elements();
        Layout { shape, strides, offset, len }
    }

    /// That of no element along one axis.
    #[inline]
    pub(crate) fn vacant() -> Self {
        Layout { shape: Shape::vacant(), strides: Inline::filled(1, 1), offset: 0, len: 0 }
    }

    /// The same with the first element at the start of the storage; for one element, whose strides do not count.
    #[inline]
    pub(crate) fn at_start(&self) -> Self {
        Layout { shape: self.shape.clone(), strides: self.strides.clone(), offset: 0, len: self.len }
    }

    /// The sizes of the axes.
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The distance in elements between neighbours along each axis.
    #[inline]
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// The place of the first element.
    #[inline]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The number of elements.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether the elements lie in row-major order without gaps. The stride of an axis of size 1 does not count.
    #[inline]
    pub(crate) fn is_dense(&self) -> bool {
        let mut step = 1isize;
        for (&size, &stride) in self.shape.iter().zip(self.strides.iter()).rev() {
            if size != 1 && stride != step && self.len != 0 {
                return false;
            }
            step = step.wrapping_mul(size as isize);
        }
        true
    }

    /// The order of axes in which the layout is dense, if it is a permutation of a dense one.
    pub(crate) fn dense_order(&self) -> Option<Inline<usize>> {
        let mut order: Inline<usize> = (0..self.shape.ndim()).collect();
        order.sort_by_key(|&axis| std::cmp::Reverse(self.strides[axis]));
        self.permute(&order).is_dense().then_some(order)
    }

    /// The place of the element at `index`.
    #[inline]
    pub(crate) fn place(&self, index: &[usize]) -> usize {
        let steps: isize = index.iter().zip(self.strides.iter()).map(|(&i, &s)| i as isize * s).sum();
        (self.offset as isize + steps) as usize
    }

    /// The axes in the order of `axes`, each named once.
    pub(crate) fn permute(&self, axes: &[usize]) -> Self {
        let shape = axes.iter().map(|&a| self.shape[a]).collect();
        Layout { shape, strides: axes.iter().map(|&a| self.strides[a]).collect(), ..*self }
    }

    /// The view that broadcasting to `shape` gives, if it does.
    ///
    /// # Panics
    /// If the number of elements overflows.
    #[inline]
    #[track_caller]
    pub(crate) fn broadcast_to(&self, shape: &Shape) -> Option<Self> {
        if self.shape == *shape {
            return Some(self.clone());
        }
        let new_axes = shape.ndim().checked_sub(self.shape.ndim())?;
        let mut strides = Inline::filled(0, shape.ndim());
        for (axis, &size) in self.shape.iter().enumerate() {
            if size == shape[axis + new_axes] {
                strides[axis + new_axes] = self.strides[axis];
            } else if size != 1 {
                return None;
            }
        }
        Some(Self::view(shape.clone(), strides, self.offset))
    }

    /// Elements `start`, `start + step`, … along `axis`, `len` of them; all must lie within the axis.
    pub(crate) fn slice(&self, axis: usize, start: usize, step: isize, len: usize) -> Self {
        debug_assert!(len == 0 || start < self.shape[axis]);
        let mut strides = self.strides.clone();
        strides[axis] = strides[axis].wrapping_mul(step); // wraps only where at most one element is taken
        let moved = if len == 0 { 0 } else { start as isize * self.strides[axis] };
        Self::view(self.shape.with(axis, len), strides, (self.offset as isize + moved) as usize)
    }

    /// A new axis of size 1 before `axis`.
    pub(crate) fn insert_axis(&self, axis: usize) -> Self {
        let insert = |list: &[usize]| [&list[..axis], &[1], &list[axis..]].concat();
        let strides = [&self.strides[..axis], &[0], &self.strides[axis..]].concat();
        Layout { shape: insert(&self.shape).into(), strides: strides.into_iter().collect(), ..*self }
    }

    /// The view without `axis`, whose size must be 1.
    pub(crate) fn remove_axis(&self, axis: usize) -> Self {
        Layout { shape: self.shape.without(axis), strides: without(&self.strides, axis), ..*self }
    }

    /// The elements whose place along axis `b` is `offset` behind that along axis `a`; they become a new last axis in place of the two.
    ///
    /// # Panics
    /// If the number of elements overflows.
    #[track_caller]
    pub(crate) fn diagonal(&self, a: usize, b: usize, offset: isize) -> Self {
        let ahead = offset.unsigned_abs();
        let (row, column) = if offset < 0 { (ahead, 0) } else { (0, ahead) };
        let len = self.shape[a].saturating_sub(row).min(self.shape[b].saturating_sub(column));
        let moved = if len == 0 { 0 } else { row as isize * self.strides[a] + column as isize * self.strides[b] };
        let others = (0..self.shape.ndim()).filter(|&axis| axis != a && axis != b);
        let shape = others.clone().map(|axis| self.shape[axis]).chain([len]).collect();
        // The sum wraps only where at most one element is taken.
        let stride = self.strides[a].wrapping_add(self.strides[b]);
        let strides = others.map(|axis| self.strides[axis]).chain([stride]).collect();
        Self::view(shape, strides, (self.offset as isize + moved) as usize)
    }

    /// Windows of `size` along `axis`, `step` apart; the elements of a window become a new last axis.
    ///
    /// # Panics
    /// If the number of elements overflows.
    #[track_caller]
    pub(crate) fn windows(&self, axis: usize, size: usize, step: usize) -> Self {
        let count = if size > self.shape[axis] { 0 } else { (self.shape[axis] - size) / step + 1 };
        let mut strides = self.strides.clone();
        let inner = strides[axis];
        strides[axis] = strides[axis].wrapping_mul(step as isize); // wraps only where there is at most one window
        strides.push(inner);
        let shape = self.shape.with(axis, count).iter().copied().chain([size]).collect();
        Self::view(shape, strides, self.offset)
    }

    /// The same elements in the same order under another shape, if strides can express it.
    ///
    /// Both shapes are cut into the shortest groups of axes with equal products. A group of old axes must lie dense within
    /// itself; the new axes of the group then divide its stride.
    #[inline]
    pub(crate) fn reshape(&self, shape: &Shape) -> Option<Self> {
        if self.is_dense() {
            return Some(Layout { shape: shape.clone(), strides: shape.row_major(), ..*self });
        }
        let old: Vec<(usize, isize)> =
            self.shape.iter().zip(self.strides.iter()).map(|(&n, &s)| (n, s)).filter(|&(n, _)| n != 1).collect();
        let mut strides = Inline::filled(0, shape.ndim());
        let (mut o, mut n) = (0, 0);
        while o < old.len() {
            let (first_new, mut old_size, mut new_size) = (n, old[o].0, 1);
            while new_size != old_size || n == first_new {
                if new_size < old_size || n == first_new {
                    new_size *= shape[n];
                    n += 1;
                } else {
                    let stretch = old[o + 1].0 as isize * old[o + 1].1;
                    if old[o].1 != stretch {
                        return None;
                    }
                    o += 1;
                    old_size *= old[o].0;
                }
            }
            let mut step = old[o].1;
            for axis in (first_new..n).rev() {
                strides[axis] = step;
                step *= shape[axis] as isize;
            }
            o += 1;
        }
        Some(Layout { shape: shape.clone(), strides, ..*self })
    }
}

fn without(strides: &[isize], axis: usize) -> Inline<isize> {
    strides.iter().enumerate().filter(|&(i, _)| i != axis).map(|(_, &s)| s).collect()
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shape={:?}, strides={:?}, offset={}", self.shape, self.strides, self.offset)
    }
}
