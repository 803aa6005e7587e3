//! Which axes an operation works on: signed numbers, the last axis being −1.

use super::{Inline, Shape};

/// The axes that a reduction removes, and whether they stay as axes of size 1.
///
/// Made from one axis, an array or slice of them, or `..` for all; wrapped in [`keep`], the axes stay.
///
/// # Examples
/// ```
/// use rensa::{Tensor, keep};
/// let x = Tensor::<f64>::ones([2, 3, 4]);
/// assert_eq!(x.sum(-1).shape(), [2, 3]);
/// assert_eq!(x.sum([0, 2]).shape(), [3]);
/// assert_eq!(x.sum(keep(1)).shape(), [2, 1, 4]);
/// assert_eq!(x.sum(..).item(), 24.0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes {
    /// `None` stands for all of them.
    list: Option<Inline<isize>>,
    keep: bool,
}

/// The same axes, kept with size 1 by a reduction, so that its result broadcasts against what was reduced.
pub fn keep(axes: impl Into<Axes>) -> Axes {
    Axes { keep: true, ..axes.into() }
}

impl Axes {
    /// The axes of a tensor of rank `ndim`, counted from the front.
    ///
    /// # Panics
    /// If one is out of range or named twice, at the caller, naming `op`.
    #[track_caller]
    pub(crate) fn resolve(&self, op: &str, ndim: usize) -> AxisSet {
        let mut set = AxisSet { removed: Inline::filled(self.list.is_none(), ndim), keep: self.keep };
        for &axis in self.list.as_deref().unwrap_or_default() {
            let axis = axis_of(op, axis, ndim);
            assert!(!set.removed[axis], "{op}: axis {axis} is named twice");
            set.removed[axis] = true;
        }
        set
    }
}

/// Axes of a known rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AxisSet {
    removed: Inline<bool>,
    pub(crate) keep: bool,
}

impl AxisSet {
    /// Whether `axis` is reduced.
    pub(crate) fn has(&self, axis: usize) -> bool {
        self.removed[axis]
    }

    /// The axes, from the front.
    pub(crate) fn list(&self) -> Inline<usize> {
        (0..self.removed.len()).filter(|&axis| self.has(axis)).collect()
    }

    /// `shape` with every one of the axes of size 1.
    pub(crate) fn kept(&self, shape: &Shape) -> Shape {
        shape.iter().enumerate().map(|(axis, &size)| if self.has(axis) { 1 } else { size }).collect()
    }

    /// `shape` without the axes.
    pub(crate) fn left(&self, shape: &Shape) -> Shape {
        shape.iter().enumerate().filter(|&(axis, _)| !self.has(axis)).map(|(_, &size)| size).collect()
    }

    /// How many elements of `shape` the axes span.
    pub(crate) fn count(&self, shape: &Shape) -> usize {
        shape.iter().enumerate().filter(|&(axis, _)| self.has(axis)).map(|(_, &size)| size).product()
    }
}

/// `axis` counted from the front, for a tensor of rank `ndim`.
///
/// # Panics
/// If it is out of range, at the caller, naming `op`.
#[inline]
#[track_caller]
pub(crate) fn axis_of(op: &str, axis: isize, ndim: usize) -> usize {
    let front = if axis < 0 { axis + ndim as isize } else { axis };
    if front < 0 || front >= ndim as isize {
        out_of_range(op, axis, ndim);
    }
    front as usize
}

/// The place of a new axis, 0 to `ndim` included, for a tensor of rank `ndim`; −1 is behind the last.
#[track_caller]
pub(crate) fn axis_up_to(op: &str, axis: isize, ndim: usize) -> usize {
    let last = ndim as isize;
    match if axis < 0 { axis + last + 1 } else { axis } {
        place @ 0.. if place <= last => place as usize,
        _ => out_of_range(op, axis, ndim),
    }
}

#[cold]
#[track_caller]
fn out_of_range(op: &str, axis: isize, ndim: usize) -> ! {
    panic!("{op}: axis {axis} is out of range for rank {ndim}")
}

impl From<std::ops::RangeFull> for Axes {
    fn from(_: std::ops::RangeFull) -> Self {
        Axes { list: None, keep: false }
    }
}

impl From<AxisSet> for Axes {
    fn from(set: AxisSet) -> Self {
        Axes { keep: set.keep, ..Axes::from(&set.list()[..]) }
    }
}

/// A number as a place counted from either end. A `usize` beyond every size must not come out as a small negative one, which
/// would count from the end; it becomes the largest place instead, which no tensor has.
pub(crate) fn signed(place: impl num_traits::ToPrimitive) -> isize {
    place.to_isize().unwrap_or(isize::MAX)
}

macro_rules! axes_from {
    ($($int:ty),*) => { $(
        impl From<$int> for Axes {
            fn from(axis: $int) -> Self {
                Axes::from([axis])
            }
        }

        impl From<&[$int]> for Axes {
            fn from(axes: &[$int]) -> Self {
                Axes { list: Some(axes.iter().map(|&a| signed(a)).collect()), keep: false }
            }
        }

        impl<const N: usize> From<[$int; N]> for Axes {
            fn from(axes: [$int; N]) -> Self {
                Axes::from(&axes[..])
            }
        }
    )* }
}
axes_from!(i32, isize, usize);
