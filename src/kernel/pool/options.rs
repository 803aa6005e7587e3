//! How pooling is asked for, and the windows that follow.

use crate::shape::{Complaint, Padding, PerAxis, SPATIAL, Shape, Windows};

/// The windows that pooling takes, as PyTorch's: kernel size, stride (by default the kernel size), padding, dilation, ceil mode; and
/// for averages what they divide by.
///
/// # Examples
/// ```
/// use rensa::{Pool, Tensor};
/// let x = Tensor::<f32>::ones([1, 1, 7, 7]);
/// assert_eq!(x.max_pool2d(2).shape(), [1, 1, 3, 3]);
/// assert_eq!(x.max_pool2d(Pool::new(2).ceil_mode(true)).shape(), [1, 1, 4, 4]);
/// assert_eq!(x.max_pool2d(Pool::new([3, 2]).stride(1).padding([(1, 1), (0, 1)])).shape(), [1, 1, 7, 7]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    kernel_size: PerAxis,
    stride: Option<PerAxis>,
    padding: Padding,
    dilation: PerAxis,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Option<usize>,
}

impl Pool {
    /// Windows of this size beside each other, without padding.
    pub fn new(kernel_size: impl Into<PerAxis>) -> Self {
        Pool {
            kernel_size: kernel_size.into(),
            stride: None,
            padding: Padding::Valid,
            dilation: PerAxis::all(1),
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        }
    }

    /// The distance between neighbouring windows.
    pub fn stride(self, stride: impl Into<PerAxis>) -> Self {
        Pool { stride: Some(stride.into()), ..self }
    }

    /// How far windows reach over the image: what lies there never wins against an element, and is 0 in an average.
    pub fn padding(self, padding: impl Into<Padding>) -> Self {
        Pool { padding: padding.into(), ..self }
    }

    /// The distance between neighbouring elements of a window.
    pub fn dilation(self, dilation: impl Into<PerAxis>) -> Self {
        Pool { dilation: dilation.into(), ..self }
    }

    /// Whether a last window is there that is not full: one that begins before the image ends, or in the padding before it.
    pub fn ceil_mode(self, ceil_mode: bool) -> Self {
        Pool { ceil_mode, ..self }
    }

    /// Whether an average counts the elements of the padding, which it does by default; what lies behind the padding, in ceil mode,
    /// never counts.
    pub fn count_include_pad(self, count_include_pad: bool) -> Self {
        Pool { count_include_pad, ..self }
    }

    /// What an average divides by instead of the number of elements.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn divisor_override(self, divisor: usize) -> Self {
        assert!(divisor > 0, "divisor_override: 0 divides nothing");
        Pool { divisor_override: Some(divisor), ..self }
    }

    /// The windows of largest elements over `rank` axes of `x`.
    #[track_caller]
    pub(crate) fn of_max(&self, op: &'static str, rank: usize, x: &Shape) -> Pooling {
        let says = Complaint { op, operands: &[("input", x)], options: self };
        let of_max = self.count_include_pad && self.divisor_override.is_none();
        says.unless(of_max, format_args!("count_include_pad and divisor_override are for averages"));
        let pooling = self.pooling(&says, rank, x);
        has_elements(&says, &pooling);
        pooling
    }

    /// The windows of averages over `rank` axes of `x`.
    #[track_caller]
    pub(crate) fn of_average(&self, op: &'static str, rank: usize, x: &Shape) -> Pooling {
        self.pooling(&Complaint { op, operands: &[("input", x)], options: self }, rank, x)
    }

    #[track_caller]
    fn pooling(&self, says: &Complaint<'_>, rank: usize, x: &Shape) -> Pooling {
        rank_fits(says, rank, x);
        let sizes = &x[x.ndim() - rank..];
        let taps = says.positive("kernel_size", &self.kernel_size, rank);
        let stride = says.positive("stride", &self.stride.unwrap_or(self.kernel_size), rank);
        let dilation = says.positive("dilation", &self.dilation, rank);
        let widths = self.padding.widths(says, rank);
        let mut axes = Pooling::NONE;
        for a in SPATIAL - rank..SPATIAL {
            let (input, stride) = (sizes[a + rank - SPATIAL], stride[a]);
            let windows = Windows { input, count: 0, taps: taps[a], stride, dilation: dilation[a], before: 0 };
            let extent = windows.extent(says);
            let (before, after) = widths.map_or_else(|| Padding::same(input, stride, extent), |widths| widths[a]);
            let end = windows.padded(says, before, after);
            let count = self.count(input + before, end, extent, stride);
            let count = says.some(count, format_args!("a window of {extent} elements in {end}, padding included"));
            axes[a] = Axis::Sliding { windows: Windows { before, count, ..windows }, end };
        }
        Pooling { rank, lead: x[..x.ndim() - rank].into(), axes, divisor: self.divisor() }
    }

    /// How many windows of `extent` elements there are up to `end`: those that are full, and in ceil mode one more if it begins before
    /// `last` and the full ones leave elements over. None if there is no window at all.
    fn count(&self, last: usize, end: usize, extent: usize, stride: usize) -> Option<usize> {
        let full = end.checked_sub(extent).map_or(0, |room| room / stride + 1);
        let start = full.saturating_mul(stride);
        let more = self.ceil_mode && start < last && start + extent < end.saturating_add(stride);
        Some(full + usize::from(more)).filter(|&count| count > 0)
    }

    fn divisor(&self) -> Divisor {
        match (self.divisor_override, self.count_include_pad) {
            (Some(divisor), _) => Divisor::Fixed(divisor),
            (None, true) => Divisor::Padded,
            (None, false) => Divisor::Elements,
        }
    }
}

impl From<usize> for Pool {
    fn from(kernel_size: usize) -> Self {
        Pool::new(kernel_size)
    }
}

impl<const N: usize> From<[usize; N]> for Pool {
    fn from(kernel_size: [usize; N]) -> Self {
        Pool::new(kernel_size)
    }
}

#[track_caller]
fn rank_fits(says: &Complaint<'_>, rank: usize, x: &Shape) {
    let fits = x.ndim() == rank + 1 || x.ndim() == rank + 2;
    says.unless(fits, format_args!("the input must have rank {}, or {} without a batch", rank + 2, rank + 1));
}

/// Of no element there is no largest.
#[track_caller]
fn has_elements(says: &Complaint<'_>, pooling: &Pooling) {
    let all = |axis: &Axis| (0..axis.count()).all(|o| axis.span(o).len > 0);
    let holds = pooling.planes() == 0 || pooling.positions() == 0 || pooling.axes.iter().all(all);
    says.unless(holds, format_args!("a window has no element, and of none there is no max"));
}

/// The windows that divide `rank` axes of `x` into `sizes` parts, which overlap by one element where they do not come out even.
#[track_caller]
pub(crate) fn adaptive(op: &'static str, rank: usize, x: &Shape, sizes: &PerAxis) -> Pooling {
    let says = Complaint { op, operands: &[("input", x)], options: &("output_size", sizes) };
    rank_fits(&says, rank, x);
    let counts = says.spread("output_size", sizes, rank, 1);
    let mut axes = Pooling::NONE;
    for a in SPATIAL - rank..SPATIAL {
        axes[a] = Axis::Adaptive { input: x[x.ndim() + a - SPATIAL], count: counts[a] };
    }
    Pooling { rank, lead: x[..x.ndim() - rank].into(), axes, divisor: Divisor::Elements }
}

/// [`adaptive`] for largest elements.
#[track_caller]
pub(crate) fn adaptive_max(op: &'static str, rank: usize, x: &Shape, sizes: &PerAxis) -> Pooling {
    let pooling = adaptive(op, rank, x, sizes);
    has_elements(&Complaint { op, operands: &[("input", x)], options: &("output_size", sizes) }, &pooling);
    pooling
}

/// The windows along one axis.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Axis {
    /// Of one size, at equal distances. An average that counts padding counts up to `end`, from the padding's start.
    Sliding { windows: Windows, end: usize },
    /// As many as asked for.
    Adaptive { input: usize, count: usize },
}

/// The elements that a window takes along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: usize,
    pub(crate) len: usize,
    /// Their number with those in the padding.
    pub(crate) padded: usize,
}

impl Axis {
    pub(crate) fn input(&self) -> usize {
        match self {
            Axis::Sliding { windows, .. } => windows.input,
            Axis::Adaptive { input, .. } => *input,
        }
    }

    pub(crate) fn count(&self) -> usize {
        match self {
            Axis::Sliding { windows, .. } => windows.count,
            Axis::Adaptive { count, .. } => *count,
        }
    }

    /// The distance between neighbouring elements of a window.
    pub(crate) fn step(&self) -> usize {
        match self {
            Axis::Sliding { windows, .. } => windows.dilation,
            Axis::Adaptive { .. } => 1,
        }
    }

    /// The elements of window `o`.
    pub(crate) fn span(&self, o: usize) -> Span {
        match *self {
            Axis::Sliding { windows: Windows { input, taps, stride, dilation, before, .. }, end } => {
                let start = o * stride;
                let taps_before = |place: usize| place.saturating_sub(start).div_ceil(dilation).min(taps);
                let (from, to) = (taps_before(before), taps_before(before + input));
                let len = to - from;
                let first = if len == 0 { 0 } else { start + from * dilation - before };
                Span { first, len, padded: taps_before(end) }
            }
            // Source: PyTorch, `aten/src/ATen/native/AdaptivePooling.h`: from ⌊o · n / count⌋ to ⌈(o + 1) · n / count⌉.
            Axis::Adaptive { input, count } => {
                let part = |o: usize| o as u128 * input as u128;
                let first = (part(o) / count as u128) as usize;
                let len = part(o + 1).div_ceil(count as u128) as usize - first;
                Span { first, len, padded: len }
            }
        }
    }
}

/// What an average divides by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Divisor {
    /// The number of elements of a window.
    Elements,
    /// The same with those in the padding.
    Padded,
    Fixed(usize),
}

/// All sizes of pooling.
#[derive(Clone, Debug)]
pub(crate) struct Pooling {
    /// How many spatial axes there are; those of `axes` are the last.
    pub(crate) rank: usize,
    /// The axes before them: images, channels.
    lead: Shape,
    pub(crate) axes: [Axis; SPATIAL],
    pub(crate) divisor: Divisor,
}

impl Pooling {
    const NONE: [Axis; SPATIAL] = [Axis::Adaptive { input: 1, count: 1 }; SPATIAL];

    /// How many channels there are in all images.
    pub(crate) fn planes(&self) -> usize {
        self.lead.elements()
    }

    /// Windows of a channel.
    pub(crate) fn positions(&self) -> usize {
        self.axes.iter().map(Axis::count).product()
    }

    /// Elements of a channel.
    pub(crate) fn pixels(&self) -> usize {
        self.axes.iter().map(Axis::input).product()
    }

    fn shape(&self, size: impl Fn(&Axis) -> usize) -> Shape {
        self.lead.iter().copied().chain(self.axes[SPATIAL - self.rank..].iter().map(size)).collect()
    }

    /// The shape of x.
    pub(crate) fn x_shape(&self) -> Shape {
        self.shape(Axis::input)
    }

    /// The shape of y.
    pub(crate) fn y_shape(&self) -> Shape {
        self.shape(Axis::count)
    }

    /// Whether windows are given by an output size.
    pub(crate) fn is_adaptive(&self) -> bool {
        matches!(self.axes[SPATIAL - 1], Axis::Adaptive { .. })
    }
}
