//! How windows lie over the spatial axes of an image: what convolution, pooling and unfolding share.
//!
//! An image has up to three spatial axes, depth, height and width. Fewer are the last of three, those before them of size 1, so
//! that one loop serves all.

use std::fmt;
use std::ops::Range;

use super::Shape;

/// The number of spatial axes that loops are written for.
pub(crate) const SPATIAL: usize = 3;

/// A value for each spatial axis, outermost first, or one for all of them.
///
/// # Examples
/// ```
/// # use rensa::{Conv, Tensor};
/// let (x, w) = (Tensor::<f32>::ones([1, 8, 9]), Tensor::ones([1, 1, 3, 3]));
/// assert_eq!(x.conv2d(&w, Conv::new().stride(2)).shape(), [1, 3, 4]);
/// assert_eq!(x.conv2d(&w, Conv::new().stride([1, 2])).shape(), [1, 6, 4]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PerAxis<V = usize>(Values<V>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Values<V> {
    All(V),
    /// So many, of which the first are kept: more than there can be axes are refused anyway.
    Each(usize, [V; SPATIAL]),
}

impl<V: Copy> PerAxis<V> {
    fn each(list: &[V], filler: V) -> Self {
        PerAxis(Values::Each(list.len(), std::array::from_fn(|i| *list.get(i).unwrap_or(&filler))))
    }

    pub(crate) const fn all(value: V) -> Self {
        PerAxis(Values::All(value))
    }

    /// How many values there are, if not one for all.
    pub(crate) fn count(&self) -> Option<usize> {
        match self.0 {
            Values::All(_) => None,
            Values::Each(count, _) => Some(count),
        }
    }

    /// The values of `rank` axes as the last of three, the others being `filler`; none if there is another number of values.
    pub(crate) fn spread(&self, rank: usize, filler: V) -> Option<[V; SPATIAL]> {
        match self.0 {
            Values::All(value) => Some(std::array::from_fn(|a| if a + rank < SPATIAL { filler } else { value })),
            Values::Each(count, list) if count == rank => {
                Some(std::array::from_fn(|a| if a + rank < SPATIAL { filler } else { list[a + rank - SPATIAL] }))
            }
            Values::Each(..) => None,
        }
    }
}

impl<V: fmt::Debug> fmt::Debug for PerAxis<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Values::All(value) => write!(f, "{value:?}"),
            Values::Each(count, list) if *count <= SPATIAL => write!(f, "{:?}", &list[..*count]),
            Values::Each(count, list) => write!(f, "{count} values from {list:?} on"),
        }
    }
}

impl From<usize> for PerAxis {
    fn from(value: usize) -> Self {
        PerAxis::all(value)
    }
}

impl<const N: usize> From<[usize; N]> for PerAxis {
    fn from(values: [usize; N]) -> Self {
        PerAxis::each(&values, 0)
    }
}

impl From<&[usize]> for PerAxis {
    fn from(values: &[usize]) -> Self {
        PerAxis::each(values, 0)
    }
}

/// What is laid around an image before windows are.
///
/// Made from one number for all sides, an array of one per axis, or an array of pairs, before and behind.
///
/// # Examples
/// ```
/// # use rensa::{Conv, Padding, Tensor};
/// let (x, w) = (Tensor::<f32>::ones([1, 5, 6]), Tensor::ones([1, 1, 3, 2]));
/// let size = |padding: Padding| x.conv2d(&w, Conv::new().padding(padding)).shape().to_vec();
/// assert_eq!(size(Padding::Valid), [1, 3, 5]);
/// assert_eq!(size(Padding::Same), [1, 5, 6]);
/// assert_eq!(size([1, 0].into()), [1, 5, 5]);
/// assert_eq!(size([(0, 0), (2, 1)].into()), [1, 3, 8]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: every window lies inside.
    Valid,
    /// As much as gives `⌈n / stride⌉` windows, which at stride 1 is as many as there were elements; of an odd width the larger
    /// part lies behind.
    Same,
    /// So many elements before and behind.
    Widths(PerAxis<(usize, usize)>),
}

impl Padding {
    /// The widths before and behind; none if they depend on the sizes.
    #[track_caller]
    pub(crate) fn widths(&self, says: &Complaint<'_>, rank: usize) -> Option<[(usize, usize); SPATIAL]> {
        match self {
            Padding::Valid => Some([(0, 0); SPATIAL]),
            Padding::Same => None,
            Padding::Widths(widths) => Some(says.spread("padding", widths, rank, (0, 0))),
        }
    }

    /// The widths that give `⌈n / stride⌉` windows.
    ///
    /// Source: TensorFlow, API documentation of `tf.nn.convolution`, "Padding"; at stride 1 it is PyTorch's.
    pub(crate) fn same(n: usize, stride: usize, extent: usize) -> (usize, usize) {
        let reach = (n.div_ceil(stride).max(1) - 1).saturating_mul(stride).saturating_add(extent);
        let width = reach.saturating_sub(n);
        (width / 2, width - width / 2)
    }
}

impl From<usize> for Padding {
    fn from(width: usize) -> Self {
        Padding::Widths(PerAxis::all((width, width)))
    }
}

impl<const N: usize> From<[usize; N]> for Padding {
    fn from(widths: [usize; N]) -> Self {
        Padding::from(widths.map(|width| (width, width)))
    }
}

impl<const N: usize> From<[(usize, usize); N]> for Padding {
    fn from(widths: [(usize, usize); N]) -> Self {
        Padding::Widths(PerAxis::each(&widths, (0, 0)))
    }
}

/// The windows along one axis: tap `k` of window `o` is element `o · stride + k · dilation − before`, or padding where that is
/// outside of the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// How many elements the axis has.
    pub(crate) input: usize,
    /// How many windows there are.
    pub(crate) count: usize,
    /// How many elements a window takes.
    pub(crate) taps: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// The padding before the first element.
    pub(crate) before: usize,
}

impl Windows {
    /// Those of an axis that is not there.
    pub(crate) const NONE: Windows = Windows { input: 1, count: 1, taps: 1, stride: 1, dilation: 1, before: 0 };

    /// From the first element that a window can take to behind the last one: `dilation · (taps − 1) + 1`.
    #[track_caller]
    pub(crate) fn extent(&self, says: &Complaint<'_>) -> usize {
        let Windows { taps, dilation, .. } = *self;
        let steps = taps.checked_sub(1).and_then(|steps| steps.checked_mul(dilation));
        let extent = steps.and_then(|n| n.checked_add(1)).filter(|&n| n <= isize::MAX as usize);
        says.some(extent, format_args!("{taps} elements {dilation} apart are no window"))
    }

    /// The size of the axis with padding.
    #[track_caller]
    pub(crate) fn padded(&self, says: &Complaint<'_>, before: usize, after: usize) -> usize {
        let padded = before.checked_add(self.input).and_then(|n| n.checked_add(after));
        says.some(padded.filter(|&n| n <= isize::MAX as usize), format_args!("the padding overflows"))
    }

    /// The element that tap `tap` of window `o` takes.
    #[inline]
    pub(crate) fn place(&self, o: usize, tap: usize) -> Option<usize> {
        (o * self.stride + tap * self.dilation).checked_sub(self.before).filter(|&place| place < self.input)
    }

    /// The windows whose tap `tap` takes an element, not padding.
    #[inline]
    pub(crate) fn inside(&self, tap: usize) -> Range<usize> {
        let first = tap * self.dilation;
        let start = self.before.saturating_sub(first).div_ceil(self.stride).min(self.count);
        let end = (self.before + self.input).saturating_sub(first).div_ceil(self.stride).min(self.count);
        start..end.max(start)
    }
}

/// Whether windows of one tap each take every element once, in order.
pub(crate) fn are_elements(axes: &[Windows; SPATIAL]) -> bool {
    axes.iter().all(|w| w.taps == 1 && w.stride == 1 && w.before == 0 && w.count == w.input)
}

/// A complaint about how an operation was called: its name, the shapes of its operands and its options.
pub(crate) struct Complaint<'a> {
    pub(crate) op: &'a str,
    pub(crate) operands: &'a [(&'a str, &'a Shape)],
    pub(crate) options: &'a dyn fmt::Debug,
}

impl Complaint<'_> {
    /// Panics at the caller with `why` unless `holds`.
    #[inline]
    #[track_caller]
    pub(crate) fn unless(&self, holds: bool, why: fmt::Arguments<'_>) {
        if !holds {
            self.raise(why);
        }
    }

    /// `found`, or a panic at the caller with `why`.
    #[inline]
    #[track_caller]
    pub(crate) fn some<V>(&self, found: Option<V>, why: fmt::Arguments<'_>) -> V {
        match found {
            Some(found) => found,
            None => self.raise(why),
        }
    }

    #[cold]
    #[track_caller]
    fn raise(&self, why: fmt::Arguments<'_>) -> ! {
        let operands: Vec<String> = self.operands.iter().map(|(name, shape)| format!("{name} {shape:?}")).collect();
        panic!("{}: {} with {:?}: {why}", self.op, operands.join(", "), self.options)
    }

    /// The values of `rank` axes, spread over three.
    #[track_caller]
    pub(crate) fn spread<V: Copy + fmt::Debug>(
        &self,
        what: &str,
        values: &PerAxis<V>,
        rank: usize,
        filler: V,
    ) -> [V; SPATIAL] {
        let count = values.count().unwrap_or(rank);
        self.some(values.spread(rank, filler), format_args!("{what} has {count} values for {rank} spatial axes"))
    }

    /// [`Complaint::spread`] of numbers that must not be 0.
    #[track_caller]
    pub(crate) fn positive(&self, what: &str, values: &PerAxis, rank: usize) -> [usize; SPATIAL] {
        let spread = self.spread(what, values, rank, 1);
        self.unless(spread.iter().all(|&n| n > 0), format_args!("{what} must be positive"));
        spread
    }
}
