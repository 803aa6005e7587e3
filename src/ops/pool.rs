//! Pooling: the largest element and the mean of every window.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::pool::{
    Pool, Pooling, SPATIAL_AXES, adaptive, adaptive_max, average, max, places_of_max, share, spread,
};
use crate::shape::{PerAxis, SPATIAL, keep};
use crate::tensor::Tensor;

/// The largest element of every window. What it does where they are is linear: a gather, whose adjoint is a scatter.
#[derive(Debug)]
struct Largest(Pooling);

impl<T: Float> Op<T> for Largest {
    fn name(&self) -> &'static str {
        let names = ["max_pool1d", "max_pool2d", "max_pool3d"];
        let adaptive = ["adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"];
        if self.0.is_adaptive() { adaptive[self.0.rank - 1] } else { names[self.0.rank - 1] }
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        max(&self.0, xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], y, g) = (p.inputs(), p.y, p.g);
        p.accum(0, || {
            let places = places_of_max(&self.0, &x.value(), &y.value());
            let zeros = Tensor::zeros([self.0.planes(), self.0.pixels()]);
            let g = g.reshape(places.shape());
            g.tape().constant(zeros).scatter_add(1, &places, g).reshape(&x.shape())
        });
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (x, y, g) = (p.xs[0], p.y, p.take_g());
        p.accum(0, || spread(&self.0, &places_of_max(&self.0, x, y), &g));
        true
    }
}

/// The mean of every window. Adjoint: [`Share`].
#[derive(Debug)]
struct Average(Pooling);

impl<T: Float> Op<T> for Average {
    fn name(&self) -> &'static str {
        let names = ["avg_pool1d", "avg_pool2d", "avg_pool3d"];
        let adaptive = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"];
        if self.0.is_adaptive() { adaptive[self.0.rank - 1] } else { names[self.0.rank - 1] }
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        average(&self.0, xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(Share(self.0.clone()), &[g]));
    }
}

/// Each element shared equally among the elements of its window. Adjoint: [`Average`].
#[derive(Debug)]
struct Share(Pooling);

impl<T: Float> Op<T> for Share {
    fn name(&self) -> &'static str {
        "avg_pool_adjoint"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        share(&self.0, xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(Average(self.0.clone()), &[g]));
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// [`Var::max_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, w']`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::max_pool2d`].
    ///
    /// # Panics
    /// As [`Var::max_pool2d`].
    #[track_caller]
    pub fn max_pool1d(self, options: impl Into<Pool>) -> Self {
        Var::apply(Largest(options.into().of_max("max_pool1d", 1, &self.shape())), &[self])
    }

    /// Largest element of each window over two axes, `y[p] = max x[p · stride + k · dilation − padding]` over elements k of the window.
    ///
    /// Padding never wins against an element. NaN wins, so where one is in a window, y is NaN; a window of −∞ alone gives −∞.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, h', w']`, or both without `n`, where
    /// `h' = ⌊(h + padding before and behind − dilation · (kh − 1) − 1) / stride⌋ + 1`; in ceil mode rounded up, without a last window
    /// that would begin behind the image.
    ///
    /// # Gradient
    /// `x̄ += ȳ` at the largest element of each window; of several that are equal at the first, in row-major order; of NaN at the first
    /// NaN.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, a window is larger than the padded image, or a window has no element.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Pool, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[[1.0, 7.0, 7.0], [4.0, 3.0, 0.0]]]);
    /// let y = x.max_pool2d(Pool::new(2).stride(1));
    /// assert_eq!(y.value().to_vec(), [7.0, 7.0]);
    /// assert_eq!(y.sum(..).backward()[x].to_vec(), [0.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
    /// ```
    /// Source: Yamaguchi et al., "A neural network for speaker-independent isolated word recognition" (1990), §3.2.
    #[track_caller]
    pub fn max_pool2d(self, options: impl Into<Pool>) -> Self {
        Var::apply(Largest(options.into().of_max("max_pool2d", 2, &self.shape())), &[self])
    }

    /// [`Var::max_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, d', h', w']`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::max_pool2d`].
    ///
    /// # Panics
    /// As [`Var::max_pool2d`].
    #[track_caller]
    pub fn max_pool3d(self, options: impl Into<Pool>) -> Self {
        Var::apply(Largest(options.into().of_max("max_pool3d", 3, &self.shape())), &[self])
    }

    /// [`Var::avg_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, w']`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::avg_pool2d`].
    ///
    /// # Panics
    /// As [`Var::avg_pool2d`].
    #[track_caller]
    pub fn avg_pool1d(self, options: impl Into<Pool>) -> Self {
        Var::apply(Average(options.into().of_average("avg_pool1d", 1, &self.shape())), &[self])
    }

    /// Mean of each window over two axes, `y[p] = Σ x[p · stride + k · dilation − padding] / m` over elements k of the window, where x is
    /// 0 in the padding and m is the number of elements, with those in the padding unless
    /// [`count_include_pad`](crate::Pool::count_include_pad) is false.
    ///
    /// Shapes: As [`Var::max_pool2d`].
    ///
    /// # Gradient
    /// `x̄ += ȳ / m` at every element of each window.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, or a window is larger than the padded image.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Pool, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[[1.0, 2.0, 6.0], [3.0, 2.0, 2.0]]]);
    /// let y = x.avg_pool2d(Pool::new(2).stride(1));
    /// assert_eq!(y.value().to_vec(), [2.0, 3.0]);
    /// assert_eq!(y.sum(..).backward()[x].to_vec(), [0.25, 0.5, 0.25, 0.25, 0.5, 0.25]);
    /// ```
    #[track_caller]
    pub fn avg_pool2d(self, options: impl Into<Pool>) -> Self {
        Var::apply(Average(options.into().of_average("avg_pool2d", 2, &self.shape())), &[self])
    }

    /// [`Var::avg_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, d', h', w']`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::avg_pool2d`].
    ///
    /// # Panics
    /// As [`Var::avg_pool2d`].
    #[track_caller]
    pub fn avg_pool3d(self, options: impl Into<Pool>) -> Self {
        Var::apply(Average(options.into().of_average("avg_pool3d", 3, &self.shape())), &[self])
    }

    /// [`Var::adaptive_max_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::adaptive_max_pool2d`].
    ///
    /// # Panics
    /// As [`Var::adaptive_max_pool2d`].
    #[track_caller]
    pub fn adaptive_max_pool1d(self, output_size: impl Into<PerAxis>) -> Self {
        Var::apply(Largest(adaptive_max("adaptive_max_pool1d", 1, &self.shape(), &output_size.into())), &[self])
    }

    /// Largest element of each of as many windows as asked for, over two axes: window o of m goes from `⌊o · h / m⌋` to `⌈(o + 1) · h / m⌉`,
    /// so that windows overlap where m does not divide h.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::max_pool2d`].
    ///
    /// # Panics
    /// If the shapes do not fit, or there is no element to choose from.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[[1.0, 4.0, 2.0]]]);
    /// assert_eq!(x.adaptive_max_pool2d([1, 2]).sum(..).backward()[x].to_vec(), [0.0, 2.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn adaptive_max_pool2d(self, output_size: impl Into<PerAxis>) -> Self {
        Var::apply(Largest(adaptive_max("adaptive_max_pool2d", 2, &self.shape(), &output_size.into())), &[self])
    }

    /// [`Var::adaptive_max_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::adaptive_max_pool2d`].
    ///
    /// # Panics
    /// As [`Var::adaptive_max_pool2d`].
    #[track_caller]
    pub fn adaptive_max_pool3d(self, output_size: impl Into<PerAxis>) -> Self {
        Var::apply(Largest(adaptive_max("adaptive_max_pool3d", 3, &self.shape(), &output_size.into())), &[self])
    }

    /// [`Var::adaptive_avg_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::adaptive_avg_pool2d`].
    ///
    /// # Panics
    /// As [`Var::adaptive_avg_pool2d`].
    #[track_caller]
    pub fn adaptive_avg_pool1d(self, output_size: impl Into<PerAxis>) -> Self {
        Var::apply(Average(adaptive("adaptive_avg_pool1d", 1, &self.shape(), &output_size.into())), &[self])
    }

    /// Mean of each of as many windows as asked for, over two axes; the windows are those of [`Var::adaptive_max_pool2d`]. Of no element it
    /// is NaN.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Gradient
    /// `x̄ += ȳ / m` at each of the m elements of each window.
    ///
    /// # Panics
    /// If the shapes do not fit.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[[1.0, 4.0, 2.0]]]);
    /// assert_eq!(x.adaptive_avg_pool2d([1, 2]).sum(..).backward()[x].to_vec(), [0.5, 1.0, 0.5]);
    /// ```
    #[track_caller]
    pub fn adaptive_avg_pool2d(self, output_size: impl Into<PerAxis>) -> Self {
        Var::apply(Average(adaptive("adaptive_avg_pool2d", 2, &self.shape(), &output_size.into())), &[self])
    }

    /// [`Var::adaptive_avg_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, …output_size]`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::adaptive_avg_pool2d`].
    ///
    /// # Panics
    /// As [`Var::adaptive_avg_pool2d`].
    #[track_caller]
    pub fn adaptive_avg_pool3d(self, output_size: impl Into<PerAxis>) -> Self {
        Var::apply(Average(adaptive("adaptive_avg_pool3d", 3, &self.shape(), &output_size.into())), &[self])
    }

    /// [`Var::global_max_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, 1]`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::global_max_pool2d`].
    ///
    /// # Panics
    /// As [`Var::global_max_pool2d`].
    #[track_caller]
    pub fn global_max_pool1d(self) -> Self {
        Var::apply(Largest(adaptive_max("global_max_pool1d", 1, &self.shape(), &1.into())), &[self])
    }

    /// Largest element of each channel, over two axes.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, 1, 1]`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::max_pool2d`]: to the first of several that are equal. [`Var::max`] shares among them.
    ///
    /// # Panics
    /// If the rank does not fit, or there is no element to choose from.
    #[track_caller]
    pub fn global_max_pool2d(self) -> Self {
        Var::apply(Largest(adaptive_max("global_max_pool2d", 2, &self.shape(), &1.into())), &[self])
    }

    /// [`Var::global_max_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, 1, 1, 1]`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::global_max_pool2d`].
    ///
    /// # Panics
    /// As [`Var::global_max_pool2d`].
    #[track_caller]
    pub fn global_max_pool3d(self) -> Self {
        Var::apply(Largest(adaptive_max("global_max_pool3d", 3, &self.shape(), &1.into())), &[self])
    }

    /// [`Var::global_avg_pool2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, 1]`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::global_avg_pool2d`].
    ///
    /// # Panics
    /// As [`Var::global_avg_pool2d`].
    #[track_caller]
    pub fn global_avg_pool1d(self) -> Self {
        adaptive("global_avg_pool1d", 1, &self.shape(), &1.into());
        self.mean(keep(&SPATIAL_AXES[SPATIAL - 1..]))
    }

    /// Mean of each channel, over two axes.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, 1, 1]`, or both without `n`.
    ///
    /// # Gradient
    /// `x̄ = ȳ / (h · w)`, repeated.
    ///
    /// # Panics
    /// If the rank does not fit.
    ///
    /// Source: Lin, Chen, Yan, "Network In Network" (2014), §3.2.
    #[track_caller]
    pub fn global_avg_pool2d(self) -> Self {
        adaptive("global_avg_pool2d", 2, &self.shape(), &1.into());
        self.mean(keep(&SPATIAL_AXES[SPATIAL - 2..]))
    }

    /// [`Var::global_avg_pool2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, 1, 1, 1]`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::global_avg_pool2d`].
    ///
    /// # Panics
    /// As [`Var::global_avg_pool2d`].
    #[track_caller]
    pub fn global_avg_pool3d(self) -> Self {
        adaptive("global_avg_pool3d", 3, &self.shape(), &1.into());
        self.mean(keep(&SPATIAL_AXES[SPATIAL - 3..]))
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("max_pool1d", |x| x.max_pool1d(2), [[2, 1, 5]], [[2, 4]], [[0, 1, 4]]),
        specimen!("max_pool2d", |x| x.max_pool2d(Pool::new(2).stride(1)), [[2, 2, 3, 4]], [[1, 2, 2]], [[0, 1, 2, 3]]),
        specimen!(
            "max_pool2d with options",
            |x| x.max_pool2d(Pool::new([2, 3]).stride([1, 2]).padding([(1, 0), (1, 1)]).dilation([2, 1]).ceil_mode(true)),
            [[1, 2, 4, 4]]
        ),
        specimen!("max_pool3d", |x| x.max_pool3d([1, 2, 2]), [[1, 2, 2, 2, 3]], [[1, 0, 1, 2, 2]]),
        specimen!("adaptive_max_pool1d", |x| x.adaptive_max_pool1d(2), [[1, 2, 5]], [[0, 2, 3]]),
        specimen!("adaptive_max_pool2d", |x| x.adaptive_max_pool2d([2, 3]), [[2, 3, 4]], [[0, 2, 3]]),
        specimen!("adaptive_max_pool3d", |x| x.global_max_pool3d(), [[1, 2, 2, 1, 3]], [[0, 2, 1, 1, 3]]),
        specimen!("global_max_pool", |x| x.global_max_pool2d(), [[2, 3, 2, 2]], [[0, 3, 2, 2]]),
        specimen!("avg_pool1d", |x| x.avg_pool1d(Pool::new(2).padding(1)), [[2, 1, 4]], [[2, 5]], [[0, 1, 4]]),
        specimen!("avg_pool2d", |x| x.avg_pool2d(Pool::new(2).stride(1)), [[2, 2, 3, 4]], [[1, 2, 2]], [[0, 1, 2, 3]]),
        specimen!(
            "avg_pool2d with options",
            |x| {
                let options = Pool::new([2, 3]).stride([1, 2]).padding([(1, 0), (1, 2)]).dilation([2, 1]);
                x.avg_pool2d(options.ceil_mode(true).count_include_pad(false))
            },
            [[1, 2, 4, 4]]
        ),
        specimen!("avg_pool2d by a divisor", |x| x.avg_pool2d(Pool::new(2).divisor_override(3)), [[1, 1, 5, 4]]),
        specimen!("avg_pool3d", |x| x.avg_pool3d([1, 2, 2]), [[1, 2, 2, 2, 3]], [[0, 2, 1, 2, 2]]),
        specimen!("adaptive_avg_pool1d", |x| x.adaptive_avg_pool1d(2), [[1, 2, 5]], [[0, 2, 3]]),
        specimen!("adaptive_avg_pool2d", |x| x.adaptive_avg_pool2d([2, 3]), [[2, 3, 4]], [[0, 2, 3]]),
        specimen!("adaptive_avg_pool3d", |x| x.adaptive_avg_pool3d(2), [[1, 1, 2, 3, 2]], [[0, 1, 2, 3, 2]]),
        specimen!("global_avg_pool", |x| x.global_avg_pool1d(), [[2, 3, 4]], [[0, 3, 4]]),
        specimen!("avg_pool_adjoint", |x| {
            let sizes = x.shape().with(1, x.shape()[1] + 1);
            Var::apply(Share(Pool::new(2).stride(1).of_average("avg_pool_adjoint", 1, &sizes)), &[x])
        }, [[2, 3]], [[0, 3]]),
    ]
}
