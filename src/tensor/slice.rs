//! Slicing: the `slice!` notation and what it means for a shape.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use super::Tensor;
use crate::shape::{Inline, Shape, signed};

/// What [`slice!`](crate::slice!) takes along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceItem {
    /// One index; the axis goes away. Negative ones count from the end.
    Index(isize),
    /// The elements from `start` up to `end`, every `step`-th of them; a negative step walks the same range from its end.
    Range {
        /// The first element; negative counts from the end.
        start: isize,
        /// The end, not included; `None` is the end of the axis, negative counts from it.
        end: Option<isize>,
        /// The distance between taken elements, not 0.
        step: isize,
    },
    /// A new axis of size 1.
    NewAxis,
    /// As many whole axes as are left; where it is missing it stands at the end.
    Ellipsis,
}

/// A new axis of size 1, in [`slice!`](crate::slice!).
#[derive(Clone, Copy, Debug)]
pub struct NewAxis;

/// All the axes that the other items leave, in [`slice!`](crate::slice!).
#[derive(Clone, Copy, Debug)]
pub struct Ellipsis;

/// The items of a slice: per axis an index, a range, a `range;step`, [`NewAxis`], or [`Ellipsis`] for all the others.
///
/// Negative indices count from the end. A negative step walks the same range backwards.
///
/// # Examples
/// ```
/// use rensa::{Ellipsis, NewAxis, Tensor, slice};
/// let x = Tensor::<f32>::arange(0.0, 24.0, 1.0).reshape([2, 3, 4]);
/// assert_eq!(x.slice(slice![0, 1..]).shape(), [2, 4]);
/// assert_eq!(x.slice(slice![-1, -1, ..;2]).to_vec(), [20.0, 22.0]);
/// assert_eq!(x.slice(slice![Ellipsis, ..;-1]).slice(slice![0, 0]).to_vec(), [3.0, 2.0, 1.0, 0.0]);
/// assert_eq!(x.slice(slice![.., NewAxis, 0]).shape(), [2, 1, 4]);
/// ```
#[macro_export]
macro_rules! slice {
    (@items [$($done:expr,)*]) => { [$($done),*] };
    (@items [$($done:expr,)*] $range:expr ; $step:expr $(, $($rest:tt)*)?) => {
        $crate::slice!(@items [$($done,)* $crate::SliceItem::from($range).step($step),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $item:expr $(, $($rest:tt)*)?) => {
        $crate::slice!(@items [$($done,)* $crate::SliceItem::from($item),] $($($rest)*)?)
    };
    ($($items:tt)*) => { $crate::slice!(@items [] $($items)*) };
}

impl SliceItem {
    /// The range with another step.
    ///
    /// # Panics
    /// If the item is not a range, or `step` is 0.
    #[track_caller]
    pub fn step(self, step: isize) -> Self {
        assert!(step != 0, "slice: the step is 0");
        match self {
            SliceItem::Range { start, end, .. } => SliceItem::Range { start, end, step },
            other => panic!("slice: {other:?} takes no step"),
        }
    }
}

/// The end of a range whose last element is `last`: behind −1, the very last, it has no negative number.
fn behind(last: isize) -> Option<isize> {
    if last == -1 { None } else { Some(last.saturating_add(1)) }
}

macro_rules! item_from {
    ($($int:ty),*) => { $(
        impl From<$int> for SliceItem {
            fn from(index: $int) -> Self {
                SliceItem::Index(signed(index))
            }
        }
        impl From<Range<$int>> for SliceItem {
            fn from(r: Range<$int>) -> Self {
                SliceItem::Range { start: signed(r.start), end: Some(signed(r.end)), step: 1 }
            }
        }
        impl From<RangeInclusive<$int>> for SliceItem {
            fn from(r: RangeInclusive<$int>) -> Self {
                SliceItem::Range { start: signed(*r.start()), end: behind(signed(*r.end())), step: 1 }
            }
        }
        impl From<RangeToInclusive<$int>> for SliceItem {
            fn from(r: RangeToInclusive<$int>) -> Self {
                SliceItem::Range { start: 0, end: behind(signed(r.end)), step: 1 }
            }
        }
        impl From<RangeFrom<$int>> for SliceItem {
            fn from(r: RangeFrom<$int>) -> Self {
                SliceItem::Range { start: signed(r.start), end: None, step: 1 }
            }
        }
        impl From<RangeTo<$int>> for SliceItem {
            fn from(r: RangeTo<$int>) -> Self {
                SliceItem::Range { start: 0, end: Some(signed(r.end)), step: 1 }
            }
        }
    )* }
}
item_from!(i32, isize, usize);

impl From<RangeFull> for SliceItem {
    fn from(_: RangeFull) -> Self {
        SliceItem::Range { start: 0, end: None, step: 1 }
    }
}

impl From<NewAxis> for SliceItem {
    fn from(_: NewAxis) -> Self {
        SliceItem::NewAxis
    }
}

impl From<Ellipsis> for SliceItem {
    fn from(_: Ellipsis) -> Self {
        SliceItem::Ellipsis
    }
}

/// Elements `start`, `start + step`, … of one axis, `len` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AxisSlice {
    pub(crate) start: usize,
    pub(crate) step: isize,
    pub(crate) len: usize,
}

impl AxisSlice {
    /// What `item` takes of axis `axis` of `shape`.
    #[track_caller]
    fn of(item: SliceItem, axis: usize, shape: &Shape) -> Self {
        let size = shape[axis] as isize;
        let front = |i: isize| if i < 0 { i + size } else { i };
        match item {
            SliceItem::Index(index) => {
                let start = front(index);
                assert!(0 <= start && start < size, "slice: index {index} is outside axis {axis} of {shape:?}");
                AxisSlice { start: start as usize, step: 1, len: 1 }
            }
            SliceItem::Range { start, end, step } => {
                assert!(step != 0, "slice: the step along axis {axis} of {shape:?} is 0");
                let (from, to) = (front(start), end.map_or(size, front));
                let inside = 0 <= from && from <= size && 0 <= to && to <= size;
                assert!(inside, "slice: range {start}..{end:?} is outside axis {axis} of {shape:?}");
                let len = (to - from).max(0).unsigned_abs().div_ceil(step.unsigned_abs());
                let first = if step > 0 || len == 0 { from } else { to - 1 };
                AxisSlice { start: first as usize, step, len }
            }
            SliceItem::NewAxis | SliceItem::Ellipsis => unreachable!("these take no axis"),
        }
    }
}

/// What a list of items means for `shape`: the part of every axis, and the shape of the result.
#[track_caller]
pub(crate) fn resolve(items: &[SliceItem], shape: &Shape) -> (Inline<AxisSlice>, Shape) {
    let named = items.iter().filter(|i| !matches!(i, SliceItem::NewAxis | SliceItem::Ellipsis)).count();
    let ellipses = items.iter().filter(|i| matches!(i, SliceItem::Ellipsis)).count();
    assert!(named <= shape.ndim(), "slice: {named} axes are named, {shape:?} has {}", shape.ndim());
    assert!(ellipses <= 1, "slice: more than one Ellipsis");
    let mut parts = Inline::new();
    let mut sizes = Vec::new();
    let whole = |parts: &mut Inline<AxisSlice>, sizes: &mut Vec<usize>| {
        let len = shape[parts.len()];
        parts.push(AxisSlice { start: 0, step: 1, len });
        sizes.push(len);
    };
    for &item in items {
        match item {
            SliceItem::NewAxis => sizes.push(1),
            SliceItem::Ellipsis => (named..shape.ndim()).for_each(|_| whole(&mut parts, &mut sizes)),
            _ => {
                let part = AxisSlice::of(item, parts.len(), shape);
                parts.push(part);
                if let SliceItem::Range { .. } = item {
                    sizes.push(part.len);
                }
            }
        }
    }
    while parts.len() < shape.ndim() {
        whole(&mut parts, &mut sizes);
    }
    (parts, sizes.into())
}

impl Default for AxisSlice {
    fn default() -> Self {
        AxisSlice { start: 0, step: 1, len: 0 }
    }
}

impl<T: Clone> Tensor<T> {
    /// The part that [`slice!`](crate::slice!) describes, as a view.
    ///
    /// # Panics
    /// If an index or the end of a range lies outside its axis, or more axes are named than there are.
    #[track_caller]
    pub fn slice(&self, items: impl AsRef<[SliceItem]>) -> Self {
        let (parts, shape) = resolve(items.as_ref(), self.shape());
        self.slice_axes(&parts).reshape_to(&shape)
    }

    /// The given part of every axis.
    pub(crate) fn slice_axes(&self, parts: &[AxisSlice]) -> Self {
        let layout =
            parts.iter().enumerate().fold(self.layout.clone(), |l, (axis, p)| l.slice(axis, p.start, p.step, p.len));
        self.with_layout(layout)
    }

    /// Sets the part that [`slice!`](crate::slice!) describes to `value`, broadcast to it.
    ///
    /// # Panics
    /// As [`Tensor::slice`], or if `value` does not broadcast to the part.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tensor, slice};
    /// let mut x = Tensor::<f32>::zeros([2, 3]);
    /// x.assign(slice![.., 1], &Tensor::scalar(5.0));
    /// assert_eq!(x.to_vec(), [0.0, 5.0, 0.0, 0.0, 5.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn assign(&mut self, items: impl AsRef<[SliceItem]>, value: &Tensor<T>) {
        let (parts, shape) = resolve(items.as_ref(), self.shape());
        let Some(value) = value.layout.broadcast_to(&shape).map(|layout| value.with_layout(layout).to_vec()) else {
            panic!("assign: {:?} does not broadcast to the part {shape:?} of {:?}", value.shape(), self.shape());
        };
        self.make_mut();
        let mut layout = self.layout.clone();
        for (axis, p) in parts.iter().enumerate() {
            layout = layout.slice(axis, p.start, p.step, p.len);
        }
        let data = self.storage.as_mut_slice().expect("make_mut unshares");
        let mut value = value.into_iter();
        crate::shape::Walk::new(layout.shape(), [(layout.strides(), layout.offset())]).runs(0..layout.len(), |run| {
            for (k, v) in (0..run.len as isize).zip(&mut value) {
                data[(run.at[0] as isize + k * run.strides[0]) as usize] = v;
            }
        });
    }
}
