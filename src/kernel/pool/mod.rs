//! Pooling: how it is asked for, and largest elements and means of windows.

mod average;
mod max;
mod options;
mod pairs;

pub(crate) use average::{average, share};
pub(crate) use max::{max, places_of_max, pull_max};
pub use options::Pool;
pub(crate) use options::{Pooling, adaptive, adaptive_max};

use std::ops::Range;

use options::{Axis, Span};

use crate::float::Float;
use crate::shape::{PerAxis, SPATIAL, Walk, keep};
use crate::tensor::Tensor;

/// The channels of all images, where they lie.
struct Planes<'a, T> {
    data: &'a [T],
    /// The place of each channel's first element.
    starts: Vec<usize>,
    /// The elements of one channel, of which the first lies at 0.
    walk: Walk<1>,
    len: usize,
}

impl<'a, T: Float> Planes<'a, T> {
    fn of(x: &'a Tensor<T>, pooling: &Pooling) -> Self {
        let (lead, spatial) = x.shape().split_at(x.ndim() - pooling.rank);
        let (outer, inner) = x.strides().split_at(lead.len());
        let mut starts = Vec::with_capacity(pooling.planes());
        Walk::new(lead, [(outer, x.layout().offset())]).runs(0..pooling.planes(), |run| {
            starts.extend((0..run.len).map(|k| run.place(0, k)));
        });
        Planes { data: x.data(), starts, walk: Walk::new(spatial, [(inner, 0)]), len: pooling.pixels() }
    }

    /// The elements of a channel in row-major order; copied to `buffer` where they lie otherwise.
    fn plane<'b>(&self, i: usize, buffer: &'b mut Vec<T>) -> &'b [T]
    where
        'a: 'b,
    {
        let start = self.starts[i];
        if self.walk.run_len() == self.len && self.walk.stride() == [1] {
            return &self.data[start..][..self.len];
        }
        buffer.clear();
        self.walk.runs_at([start as isize], 0..self.len, |run| {
            buffer.extend((0..run.len).map(|k| self.data[run.place(0, k)]));
        });
        buffer
    }
}

/// The elements of every window, axis by axis.
struct Spans {
    axes: [Vec<Span>; SPATIAL],
    steps: [usize; SPATIAL],
    sizes: [usize; SPATIAL],
    /// The windows of the last axis that are full, and so lie at one distance: these are computed together, tap by tap.
    full: Range<usize>,
    stride: usize,
}

/// Places `first`, `first + step`, … of a window along an axis.
fn places(span: &Span, step: usize) -> impl DoubleEndedIterator<Item = usize> + use<> {
    let first = span.first;
    (0..span.len).map(move |k| first + k * step)
}

impl Spans {
    fn of(pooling: &Pooling) -> Self {
        let spans = |axis: &Axis| (0..axis.count()).map(|o| axis.span(o)).collect();
        let axes: [Vec<Span>; SPATIAL] = pooling.axes.each_ref().map(spans);
        let (mut full, mut stride) = (0..0, 1);
        if let Axis::Sliding { windows, .. } = pooling.axes[SPATIAL - 1] {
            let is_full = |span: &Span| span.len == windows.taps;
            let first = axes[SPATIAL - 1].iter().position(is_full).unwrap_or(0);
            full = first..first + axes[SPATIAL - 1][first..].iter().take_while(|span| is_full(span)).count();
            stride = windows.stride;
        }
        Spans {
            axes,
            full,
            stride,
            steps: pooling.axes.each_ref().map(|axis| axis.step()),
            sizes: pooling.axes.each_ref().map(|axis| axis.input()),
        }
    }

    /// Where the rows of a window begin in their channel, into `rows`.
    fn rows(&self, [d, h]: [&Span; 2], rows: &mut Vec<usize>) {
        let [depth_step, height_step, _] = self.steps;
        rows.clear();
        for i in places(d, depth_step) {
            rows.extend(places(h, height_step).map(|j| (i * self.sizes[1] + j) * self.sizes[2]));
        }
    }

    /// The numbers of the windows of the last axis that are not full.
    fn others(&self) -> impl Iterator<Item = usize> {
        (0..self.full.start).chain(self.full.end..self.axes[SPATIAL - 1].len())
    }

    /// The place of each tap of the first full window of a row.
    fn taps(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.axes[SPATIAL - 1].get(self.full.start).into_iter().flat_map(|span| places(span, self.steps[SPATIAL - 1]))
    }

    /// How many elements the windows of one channel have together.
    fn elements(&self) -> usize {
        let sum = |spans: &Vec<Span>| spans.iter().fold(0usize, |sum, span| sum.saturating_add(span.len));
        self.axes.iter().map(sum).fold(1, usize::saturating_mul)
    }
}

/// The last axes of an image.
pub(crate) const SPATIAL_AXES: [isize; SPATIAL] = [-3, -2, -1];

impl<T: Float> Tensor<T> {
    /// [`Tensor::max_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, w']`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::max_pool2d`].
    #[track_caller]
    pub fn max_pool1d(&self, options: impl Into<Pool>) -> Tensor<T> {
        max(&options.into().of_max("max_pool1d", 1, self.shape()), self)
    }

    /// Largest element of each window over two axes, `y[p] = max x[p · stride + k · dilation − padding]` over elements k of the window.
    ///
    /// Padding never wins against an element. NaN wins, so where one is in a window, y is NaN; a window of −∞ alone gives −∞.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, h', w']`, or both without `n`, where
    /// `h' = ⌊(h + padding before and behind − dilation · (kh − 1) − 1) / stride⌋ + 1`; in ceil mode rounded up, without a last window
    /// that would begin behind the image.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, a window is larger than the padded image, or a window has no element.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Pool, tensor};
    /// let x = tensor![[[1.0, 2.0, 7.0], [4.0, 3.0, 0.0]]];
    /// assert_eq!(x.max_pool2d(2).to_vec(), [4.0]);
    /// assert_eq!(x.max_pool2d(Pool::new(2).stride(1)).to_vec(), [4.0, 7.0]);
    /// assert_eq!(x.max_pool2d(Pool::new([1, 2]).padding([(0, 0), (0, 1)])).to_vec(), [2.0, 7.0, 4.0, 0.0]);
    /// ```
    /// Source: Yamaguchi et al., "A neural network for speaker-independent isolated word recognition" (1990), §3.2.
    #[track_caller]
    pub fn max_pool2d(&self, options: impl Into<Pool>) -> Tensor<T> {
        max(&options.into().of_max("max_pool2d", 2, self.shape()), self)
    }

    /// [`Tensor::max_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, d', h', w']`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::max_pool2d`].
    #[track_caller]
    pub fn max_pool3d(&self, options: impl Into<Pool>) -> Tensor<T> {
        max(&options.into().of_max("max_pool3d", 3, self.shape()), self)
    }

    /// [`Tensor::avg_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, w']`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::avg_pool2d`].
    #[track_caller]
    pub fn avg_pool1d(&self, options: impl Into<Pool>) -> Tensor<T> {
        average(&options.into().of_average("avg_pool1d", 1, self.shape()), self)
    }

    /// Mean of each window over two axes, `y[p] = Σ x[p · stride + k · dilation − padding] / m` over elements k of the window, where x is
    /// 0 in the padding and m is the number of elements, with those in the padding unless
    /// [`count_include_pad`](crate::Pool::count_include_pad) is false.
    ///
    /// Shapes: As [`Tensor::max_pool2d`].
    ///
    /// # Panics
    /// If the shapes and the options do not fit, or a window is larger than the padded image.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Pool, tensor};
    /// let x = tensor![[[1.0, 2.0, 6.0], [3.0, 2.0, 2.0]]];
    /// assert_eq!(x.avg_pool2d(2).to_vec(), [2.0]);
    /// let padded = Pool::new([1, 2]).padding([(0, 0), (0, 1)]);
    /// assert_eq!(x.avg_pool2d(padded).to_vec(), [1.5, 3.0, 2.5, 1.0]);
    /// assert_eq!(x.avg_pool2d(padded.count_include_pad(false)).to_vec(), [1.5, 6.0, 2.5, 2.0]);
    /// ```
    #[track_caller]
    pub fn avg_pool2d(&self, options: impl Into<Pool>) -> Tensor<T> {
        average(&options.into().of_average("avg_pool2d", 2, self.shape()), self)
    }

    /// [`Tensor::avg_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, d', h', w']`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::avg_pool2d`].
    #[track_caller]
    pub fn avg_pool3d(&self, options: impl Into<Pool>) -> Tensor<T> {
        average(&options.into().of_average("avg_pool3d", 3, self.shape()), self)
    }

    /// [`Tensor::adaptive_max_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::adaptive_max_pool2d`].
    #[track_caller]
    pub fn adaptive_max_pool1d(&self, output_size: impl Into<PerAxis>) -> Tensor<T> {
        max(&adaptive_max("adaptive_max_pool1d", 1, self.shape(), &output_size.into()), self)
    }

    /// Largest element of each of as many windows as asked for, over two axes: window o of m goes from `⌊o · h / m⌋` to `⌈(o + 1) · h / m⌉`,
    /// so that windows overlap where m does not divide h.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Panics
    /// If the shapes do not fit, or there is no element to choose from.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![[[1.0, 4.0, 2.0]]].adaptive_max_pool2d([1, 2]).to_vec(), [4.0, 4.0]);
    /// ```
    #[track_caller]
    pub fn adaptive_max_pool2d(&self, output_size: impl Into<PerAxis>) -> Tensor<T> {
        max(&adaptive_max("adaptive_max_pool2d", 2, self.shape(), &output_size.into()), self)
    }

    /// [`Tensor::adaptive_max_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::adaptive_max_pool2d`].
    #[track_caller]
    pub fn adaptive_max_pool3d(&self, output_size: impl Into<PerAxis>) -> Tensor<T> {
        max(&adaptive_max("adaptive_max_pool3d", 3, self.shape(), &output_size.into()), self)
    }

    /// [`Tensor::adaptive_avg_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::adaptive_avg_pool2d`].
    #[track_caller]
    pub fn adaptive_avg_pool1d(&self, output_size: impl Into<PerAxis>) -> Tensor<T> {
        average(&adaptive("adaptive_avg_pool1d", 1, self.shape(), &output_size.into()), self)
    }

    /// Mean of each of as many windows as asked for, over two axes; the windows are those of [`Tensor::adaptive_max_pool2d`]. Of no element it
    /// is NaN.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![[[1.0, 4.0, 2.0]]].adaptive_avg_pool2d([1, 2]).to_vec(), [2.5, 3.0]);
    /// ```
    #[track_caller]
    pub fn adaptive_avg_pool2d(&self, output_size: impl Into<PerAxis>) -> Tensor<T> {
        average(&adaptive("adaptive_avg_pool2d", 2, self.shape(), &output_size.into()), self)
    }

    /// [`Tensor::adaptive_avg_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::adaptive_avg_pool2d`].
    #[track_caller]
    pub fn adaptive_avg_pool3d(&self, output_size: impl Into<PerAxis>) -> Tensor<T> {
        average(&adaptive("adaptive_avg_pool3d", 3, self.shape(), &output_size.into()), self)
    }

    /// [`Tensor::global_max_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, 1]`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::global_max_pool2d`].
    #[track_caller]
    pub fn global_max_pool1d(&self) -> Tensor<T> {
        max(&adaptive_max("global_max_pool1d", 1, self.shape(), &1.into()), self)
    }

    /// Largest element of each channel, over two axes.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, 1, 1]`, or both without `n`.
    ///
    /// # Panics
    /// If the rank does not fit, or there is no element to choose from.
    ///
    /// # Examples
    /// ```
    /// # use rensa::Tensor;
    /// assert_eq!(Tensor::<f32>::ones([2, 3, 5, 5]).global_max_pool2d().shape(), [2, 3, 1, 1]);
    /// ```
    #[track_caller]
    pub fn global_max_pool2d(&self) -> Tensor<T> {
        max(&adaptive_max("global_max_pool2d", 2, self.shape(), &1.into()), self)
    }

    /// [`Tensor::global_max_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, 1, 1, 1]`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::global_max_pool2d`].
    #[track_caller]
    pub fn global_max_pool3d(&self) -> Tensor<T> {
        max(&adaptive_max("global_max_pool3d", 3, self.shape(), &1.into()), self)
    }

    /// [`Tensor::global_avg_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, 1]`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::global_avg_pool2d`].
    #[track_caller]
    pub fn global_avg_pool1d(&self) -> Tensor<T> {
        adaptive("global_avg_pool1d", 1, self.shape(), &1.into());
        self.mean(keep(&SPATIAL_AXES[SPATIAL - 1..]))
    }

    /// Mean of each channel, over two axes.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, 1, 1]`, or both without `n`.
    ///
    /// # Panics
    /// If the rank does not fit.
    ///
    /// # Examples
    /// ```
    /// # use rensa::Tensor;
    /// assert_eq!(Tensor::<f32>::ones([2, 3, 5, 5]).global_avg_pool2d().shape(), [2, 3, 1, 1]);
    /// ```
    /// Source: Lin, Chen, Yan, "Network In Network" (2014), §3.2.
    #[track_caller]
    pub fn global_avg_pool2d(&self) -> Tensor<T> {
        adaptive("global_avg_pool2d", 2, self.shape(), &1.into());
        self.mean(keep(&SPATIAL_AXES[SPATIAL - 2..]))
    }

    /// [`Tensor::global_avg_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, 1, 1, 1]`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::global_avg_pool2d`].
    #[track_caller]
    pub fn global_avg_pool3d(&self) -> Tensor<T> {
        adaptive("global_avg_pool3d", 3, self.shape(), &1.into());
        self.mean(keep(&SPATIAL_AXES[SPATIAL - 3..]))
    }
}
