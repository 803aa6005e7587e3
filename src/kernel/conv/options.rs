//! How a convolution is asked for, and the sizes that follow.

use crate::shape::{Complaint, Padding, PerAxis, SPATIAL, Shape, Windows};

/// How a convolution takes its windows: stride, padding, dilation and groups, as PyTorch's.
///
/// # Examples
/// ```
/// use rensa::{Conv, Padding, Tensor};
/// let (x, w) = (Tensor::<f64>::ones([1, 2, 8, 8]), Tensor::ones([4, 2, 3, 3]));
/// assert_eq!(x.conv2d(&w, Conv::new()).shape(), [1, 4, 6, 6]);
/// assert_eq!(x.conv2d(&w, Conv::new().stride(2).padding(1)).shape(), [1, 4, 4, 4]);
/// assert_eq!(x.conv2d(&w, Conv::new().padding([(0, 1), (2, 2)])).shape(), [1, 4, 7, 10]);
/// assert_eq!(x.conv2d(&w, Conv::new().padding(Padding::Same).dilation([1, 2])).shape(), [1, 4, 8, 8]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    stride: PerAxis,
    padding: Padding,
    dilation: PerAxis,
    groups: usize,
    output_padding: PerAxis,
}

impl Default for Conv {
    fn default() -> Self {
        Conv::new()
    }
}

impl Conv {
    /// Stride 1, no padding, dilation 1, one group.
    pub const fn new() -> Self {
        let (zero, one) = (PerAxis::all(0), PerAxis::all(1));
        Conv { stride: one, padding: Padding::Valid, dilation: one, groups: 1, output_padding: zero }
    }

    /// The distance between neighbouring windows.
    pub fn stride(self, stride: impl Into<PerAxis>) -> Self {
        Conv { stride: stride.into(), ..self }
    }

    /// The zeros around the image.
    pub fn padding(self, padding: impl Into<Padding>) -> Self {
        Conv { padding: padding.into(), ..self }
    }

    /// The distance between neighbouring elements of a window.
    pub fn dilation(self, dilation: impl Into<PerAxis>) -> Self {
        Conv { dilation: dilation.into(), ..self }
    }

    /// How many groups the channels are divided into; each has weights of its own and sees its own channels only.
    pub fn groups(self, groups: usize) -> Self {
        Conv { groups, ..self }
    }

    /// Of a transposed convolution: so many elements more behind, where a stride leaves open how large its input was.
    pub fn output_padding(self, output_padding: impl Into<PerAxis>) -> Self {
        Conv { output_padding: output_padding.into(), ..self }
    }

    /// The number of groups.
    pub(crate) fn group_count(&self) -> usize {
        self.groups
    }

    /// The sizes of a convolution of `x` with `w` over `rank` axes.
    #[track_caller]
    pub(crate) fn convolution(&self, op: &'static str, rank: usize, x: &Shape, w: &Shape) -> Geometry {
        let says = Complaint { op, operands: &[("input", x), ("weight", w)], options: self };
        self.ranks(&says, rank, x, w);
        let channels = x[x.ndim() - rank - 1];
        let inputs = w[1];
        let fits = inputs.checked_mul(self.groups) == Some(channels);
        let groups = self.groups;
        says.unless(
            fits,
            format_args!("{channels} channels for {groups} groups of the {inputs} that the weight takes"),
        );
        says.unless(w[0].is_multiple_of(groups), format_args!("{} outputs in {groups} groups", w[0]));
        self.no_output_padding(&says, rank);
        let axes = self.windows(&says, rank, &x[x.ndim() - rank..], &w[2..]);
        Geometry { rank, batch: batch(x, rank), groups, inputs, outputs: w[0] / groups, axes }
    }

    /// The sizes of the convolution that a transposed convolution of `x` with `w` is the adjoint of.
    #[track_caller]
    pub(crate) fn transposed(&self, op: &'static str, rank: usize, x: &Shape, w: &Shape) -> Geometry {
        let says = Complaint { op, operands: &[("input", x), ("weight", w)], options: self };
        self.ranks(&says, rank, x, w);
        let (channels, groups) = (x[x.ndim() - rank - 1], self.groups);
        says.unless(channels == w[0], format_args!("{channels} channels for a weight that takes {}", w[0]));
        says.unless(channels.is_multiple_of(groups), format_args!("{channels} channels in {groups} groups"));
        let axes = self.transposed_windows(&says, rank, &x[x.ndim() - rank..], &w[2..]);
        Geometry { rank, batch: batch(x, rank), groups, inputs: w[1], outputs: channels / groups, axes }
    }

    /// The sizes of unfolding `x` into windows of `taps` elements: those of a convolution in one group.
    #[track_caller]
    pub(crate) fn unfolding(&self, op: &'static str, taps: &PerAxis, x: &Shape) -> Geometry {
        let rank = taps.count().unwrap_or(2);
        let says = Complaint { op, operands: &[("input", x)], options: &(("kernel_size", taps), self) };
        says.unless((1..=SPATIAL).contains(&rank), format_args!("{rank} spatial axes, not 1 to 3"));
        says.unless(x.ndim() == rank + 1 || x.ndim() == rank + 2, format_args!("the input has rank {}", x.ndim()));
        says.unless(self.groups == 1, format_args!("it takes no groups"));
        self.no_output_padding(&says, rank);
        let taps = says.spread("kernel_size", taps, rank, 1);
        let axes = self.windows(&says, rank, &x[x.ndim() - rank..], &taps[SPATIAL - rank..]);
        Geometry { rank, batch: batch(x, rank), groups: 1, inputs: x[x.ndim() - rank - 1], outputs: 0, axes }
    }

    /// The sizes of the unfolding that made the columns `y` of an image of spatial sizes `sizes`.
    #[track_caller]
    pub(crate) fn folding(&self, op: &'static str, sizes: &PerAxis, taps: &PerAxis, y: &Shape) -> Geometry {
        let rank = taps.count().or(sizes.count()).unwrap_or(2);
        let options = (("output_size", sizes), ("kernel_size", taps), self);
        let says = Complaint { op, operands: &[("input", y)], options: &options };
        says.unless((1..=SPATIAL).contains(&rank), format_args!("{rank} spatial axes, not 1 to 3"));
        says.unless(y.ndim() == 2 || y.ndim() == 3, format_args!("the input has rank {}, not 2 or 3", y.ndim()));
        let sizes = says.spread("output_size", sizes, rank, 1);
        let counts = says.positive("kernel_size", taps, rank);
        let (rows, window) = (y[y.ndim() - 2], counts.iter().product::<usize>());
        let whole = rows.is_multiple_of(window);
        says.unless(whole, format_args!("{rows} rows are not a number of windows of {window} elements"));
        let batch = y[..y.ndim() - 2].iter().copied();
        let x: Shape = batch.chain([rows / window]).chain(sizes[SPATIAL - rank..].iter().copied()).collect();
        let geometry = self.unfolding(op, &PerAxis::from(&counts[SPATIAL - rank..]), &x);
        let (found, columns) = (y[y.ndim() - 1], geometry.positions());
        says.unless(found == columns, format_args!("{found} columns, where that image has {columns} windows"));
        geometry
    }

    #[track_caller]
    fn ranks(&self, says: &Complaint<'_>, rank: usize, x: &Shape, w: &Shape) {
        let of_input = x.ndim() == rank + 1 || x.ndim() == rank + 2;
        says.unless(of_input, format_args!("the input must have rank {}, or {} without a batch", rank + 2, rank + 1));
        says.unless(w.ndim() == rank + 2, format_args!("the weight must have rank {}", rank + 2));
        says.unless(self.groups > 0, format_args!("groups must be positive"));
    }

    #[track_caller]
    fn no_output_padding(&self, says: &Complaint<'_>, rank: usize) {
        let none = self.output_padding.spread(rank, 0) == Some([0; SPATIAL]);
        says.unless(none, format_args!("output_padding is for transposed convolutions"));
    }

    /// The windows over `sizes`.
    #[track_caller]
    fn windows(&self, says: &Complaint<'_>, rank: usize, sizes: &[usize], taps: &[usize]) -> [Windows; SPATIAL] {
        let stride = says.positive("stride", &self.stride, rank);
        let dilation = says.positive("dilation", &self.dilation, rank);
        let widths = self.padding.widths(says, rank);
        let mut axes = [Windows::NONE; SPATIAL];
        for a in SPATIAL - rank..SPATIAL {
            let (input, taps) = (sizes[a + rank - SPATIAL], taps[a + rank - SPATIAL]);
            let windows = Windows { input, count: 0, taps, stride: stride[a], dilation: dilation[a], before: 0 };
            let extent = windows.extent(says);
            let (before, after) = widths.map_or_else(|| Padding::same(input, stride[a], extent), |widths| widths[a]);
            let padded = windows.padded(says, before, after);
            let room = padded.checked_sub(extent);
            let room = says.some(room, format_args!("a window of {extent} elements in {padded}, padding included"));
            let none = input == 0 && widths.is_none();
            axes[a] = Windows { before, count: if none { 0 } else { room / stride[a] + 1 }, ..windows };
        }
        axes
    }

    /// The windows whose number is that of elements in `counts`.
    #[track_caller]
    fn transposed_windows(
        &self,
        says: &Complaint<'_>,
        rank: usize,
        counts: &[usize],
        taps: &[usize],
    ) -> [Windows; SPATIAL] {
        let stride = says.positive("stride", &self.stride, rank);
        let dilation = says.positive("dilation", &self.dilation, rank);
        let widths = self.padding.widths(says, rank);
        let extra = says.spread("output_padding", &self.output_padding, rank, 0);
        let mut axes = [Windows::NONE; SPATIAL];
        for a in SPATIAL - rank..SPATIAL {
            let (count, taps, more) = (counts[a + rank - SPATIAL], taps[a + rank - SPATIAL], extra[a]);
            let (stride, dilation) = (stride[a], dilation[a]);
            let windows = Windows { input: 0, count, taps, stride, dilation, before: 0 };
            let extent = windows.extent(says);
            let Some(widths) = widths else {
                says.unless(more == 0, format_args!("Padding::Same leaves nothing open for output_padding"));
                let input = says.some(count.checked_mul(stride), format_args!("the output overflows"));
                axes[a] = Windows { input, before: Padding::same(input, stride, extent).0, ..windows };
                continue;
            };
            let fits = more < stride.max(dilation);
            says.unless(
                fits,
                format_args!("output_padding {more} must be below stride {stride} or dilation {dilation}"),
            );
            let (before, after) = widths[a];
            let steps = count.checked_sub(1).and_then(|n| n.checked_mul(stride));
            let whole = steps.and_then(|n| n.checked_add(extent)).and_then(|n| n.checked_add(more));
            let whole = whole.filter(|&n| n <= isize::MAX as usize);
            let whole = says.some(whole, format_args!("size {count} gives no output, or it overflows"));
            let input = whole.checked_sub(before).and_then(|n| n.checked_sub(after)).filter(|&n| n > 0);
            let input = says.some(input, format_args!("padding {:?} leaves nothing of {whole} elements", widths[a]));
            axes[a] = Windows { input, before, ..windows };
        }
        axes
    }
}

/// The number of images, if there is an axis for it.
fn batch(x: &Shape, rank: usize) -> Option<usize> {
    (x.ndim() == rank + 2).then(|| x[0])
}

/// All sizes of a convolution `y = w ∗ x`, and of the two products that are linear in another pair of x, w and y.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// How many spatial axes there are; those of `axes` are the last.
    pub(crate) rank: usize,
    /// The number of images; none where there is no axis for it.
    pub(crate) batch: Option<usize>,
    pub(crate) groups: usize,
    /// Channels of x in a group.
    pub(crate) inputs: usize,
    /// Channels of y in a group.
    pub(crate) outputs: usize,
    pub(crate) axes: [Windows; SPATIAL],
}

impl Geometry {
    pub(crate) fn images(&self) -> usize {
        self.batch.unwrap_or(1)
    }

    /// Elements of a window, in one channel.
    pub(crate) fn taps(&self) -> usize {
        self.axes.iter().map(|w| w.taps).product()
    }

    /// Elements of a window in all channels of a group: the rows of the matrix of windows.
    pub(crate) fn depth(&self) -> usize {
        self.inputs * self.taps()
    }

    /// Windows of one image: the columns of the matrix of windows.
    pub(crate) fn positions(&self) -> usize {
        self.counts().iter().product()
    }

    /// The spatial sizes of x.
    pub(crate) fn sizes(&self) -> [usize; SPATIAL] {
        self.axes.map(|windows| windows.input)
    }

    /// The spatial sizes of y.
    pub(crate) fn counts(&self) -> [usize; SPATIAL] {
        self.axes.map(|windows| windows.count)
    }

    /// Elements of a channel of x.
    pub(crate) fn pixels(&self) -> usize {
        self.sizes().iter().product()
    }

    fn image_shape(&self, channels: usize, size: impl Fn(&Windows) -> usize) -> Shape {
        let spatial = self.axes[SPATIAL - self.rank..].iter().map(size);
        self.batch.into_iter().chain([channels]).chain(spatial).collect()
    }

    /// The shape of x.
    pub(crate) fn x_shape(&self) -> Shape {
        self.image_shape(self.groups * self.inputs, |w| w.input)
    }

    /// The shape of y.
    pub(crate) fn y_shape(&self) -> Shape {
        self.image_shape(self.groups * self.outputs, |w| w.count)
    }

    /// The shape of w.
    pub(crate) fn w_shape(&self) -> Shape {
        let spatial = self.axes[SPATIAL - self.rank..].iter().map(|w| w.taps);
        [self.groups * self.outputs, self.inputs].into_iter().chain(spatial).collect()
    }

    /// The shape of x unfolded.
    pub(crate) fn columns_shape(&self) -> Shape {
        self.batch.into_iter().chain([self.depth(), self.positions()]).collect()
    }
}
