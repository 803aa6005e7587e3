//! Convolution, its transpose, and the gradient by the weight: three bilinear ops, of which the gradients of each are the other
//! two, so that every order is there. Unfolding and folding are adjoints of each other.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::conv::{self, Conv, Geometry};
use crate::shape::PerAxis;
use crate::tensor::Tensor;

/// `y = w ∗ x`. Gradients: [`Transposed`] by x, [`Weight`] by w.
#[derive(Debug)]
struct Convolution(Geometry);

/// `x = wᵀ ∗ y`, from y and w. Gradients: [`Convolution`] by y, [`Weight`] by w.
#[derive(Debug)]
struct Transposed(Geometry);

/// `w = y ∗ xᵀ`, from x and y. Gradients: [`Transposed`] by x, [`Convolution`] by y.
#[derive(Debug)]
struct Weight(Geometry);

impl<T: Float> Op<T> for Convolution {
    fn name(&self) -> &'static str {
        ["conv1d", "conv2d", "conv3d"][self.0.rank - 1]
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        conv::forward(&self.0, xs[0], xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x, w], g) = (p.inputs(), p.g);
        p.accum(0, || Var::apply(Transposed(self.0), &[g, w]));
        p.accum(1, || Var::apply(Weight(self.0), &[x, g]));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (x, w, g) = (p.xs[0], p.xs[1], p.take_g());
        p.accum(0, || conv::transposed(&self.0, &g, w));
        p.accum(1, || conv::weight(&self.0, x, &g));
        true
    }
}

impl<T: Float> Op<T> for Transposed {
    fn name(&self) -> &'static str {
        ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"][self.0.rank - 1]
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        conv::transposed(&self.0, xs[0], xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([y, w], g) = (p.inputs(), p.g);
        p.accum(0, || Var::apply(Convolution(self.0), &[g, w]));
        p.accum(1, || Var::apply(Weight(self.0), &[g, y]));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (y, w, g) = (p.xs[0], p.xs[1], p.take_g());
        p.accum(0, || conv::forward(&self.0, &g, w));
        p.accum(1, || conv::weight(&self.0, &g, y));
        true
    }
}

impl<T: Float> Op<T> for Weight {
    fn name(&self) -> &'static str {
        ["conv_weight1d", "conv_weight2d", "conv_weight3d"][self.0.rank - 1]
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        conv::weight(&self.0, xs[0], xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x, y], g) = (p.inputs(), p.g);
        p.accum(0, || Var::apply(Transposed(self.0), &[y, g]));
        p.accum(1, || Var::apply(Convolution(self.0), &[x, g]));
    }
}

/// The windows of an image as columns. Adjoint: [`Fold`].
#[derive(Debug)]
struct Unfold(Geometry);

/// Columns added up to an image as windows. Adjoint: [`Unfold`].
#[derive(Debug)]
struct Fold(Geometry);

impl<T: Float> Op<T> for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        conv::unfold(&self.0, xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(Fold(self.0), &[g]));
    }
}

impl<T: Float> Op<T> for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        conv::fold(&self.0, xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(Unfold(self.0), &[g]));
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// [`Var::conv2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` and `weight` `[o, c / groups, kw]` → `[n, o, w']`, or all without `n`.
    ///
    /// # Gradient
    /// As [`Var::conv2d`].
    ///
    /// # Panics
    /// As [`Var::conv2d`].
    #[track_caller]
    pub fn conv1d(self, weight: Var<'t, T>, options: Conv) -> Self {
        Var::apply(Convolution(options.convolution("conv1d", 1, &self.shape(), &weight.shape())), &[self, weight])
    }

    /// Convolution over two axes, `y[o, p] = Σ w[o, c, k] · x[c, p · stride + k · dilation − padding]` over channels c of o's group and
    /// elements k of the window; outside of the image x is 0. As everywhere in this field, the window is not reversed.
    ///
    /// Shapes: `[n, c, h, w]` and `weight` `[o, c / groups, kh, kw]` → `[n, o, h', w']`, or all without `n`, where
    /// `h' = ⌊(h + padding before and behind − dilation · (kh − 1) − 1) / stride⌋ + 1`.
    ///
    /// # Gradient
    /// `x̄ = wᵀ ∗ ȳ`, the transposed convolution, and `w̄ = ȳ ∗ xᵀ`: `w̄[o, c, k] = Σ ȳ[o, p] · x[c, p · stride + k · dilation − padding]`.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, or a window is larger than the padded image.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Conv, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]); // one channel, no batch
    /// let w = tape.leaf(tensor![[[[1.0, 10.0]]]]);
    /// let y = x.conv2d(w, Conv::new());
    /// assert_eq!(y.value().to_vec(), [21.0, 32.0, 54.0, 65.0]);
    /// let gradients = y.sum(..).backward();
    /// assert_eq!(gradients[x].to_vec(), [1.0, 11.0, 10.0, 1.0, 11.0, 10.0]);
    /// assert_eq!(gradients[w].to_vec(), [12.0, 16.0]);
    /// ```
    /// Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), §2.
    #[track_caller]
    pub fn conv2d(self, weight: Var<'t, T>, options: Conv) -> Self {
        Var::apply(Convolution(options.convolution("conv2d", 2, &self.shape(), &weight.shape())), &[self, weight])
    }

    /// [`Var::conv2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` and `weight` `[o, c / groups, kd, kh, kw]` → `[n, o, d', h', w']`, or all without `n`.
    ///
    /// # Gradient
    /// As [`Var::conv2d`].
    ///
    /// # Panics
    /// As [`Var::conv2d`].
    #[track_caller]
    pub fn conv3d(self, weight: Var<'t, T>, options: Conv) -> Self {
        Var::apply(Convolution(options.convolution("conv3d", 3, &self.shape(), &weight.shape())), &[self, weight])
    }

    /// [`Var::conv_transpose2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` and `weight` `[c, o / groups, kw]` → `[n, o, w']`, or all without `n`.
    ///
    /// # Gradient
    /// As [`Var::conv_transpose2d`].
    ///
    /// # Panics
    /// As [`Var::conv_transpose2d`].
    #[track_caller]
    pub fn conv_transpose1d(self, weight: Var<'t, T>, options: Conv) -> Self {
        Var::apply(Transposed(options.transposed("conv_transpose1d", 1, &self.shape(), &weight.shape())), &[self, weight])
    }

    /// Transposed convolution over two axes: the adjoint of the convolution with the same weight and options that maps `h', w'` to
    /// `h, w`. Each element of `self` lays its multiple of the window, and what overlaps is added up.
    ///
    /// Shapes: `[n, c, h, w]` and `weight` `[c, o / groups, kh, kw]` → `[n, o, h', w']`, or all without `n`, where
    /// `h' = (h − 1) · stride − padding before and behind + dilation · (kh − 1) + output_padding + 1`; with
    /// [`Padding::Same`](crate::Padding::Same) `h' = h · stride`.
    ///
    /// # Gradient
    /// `x̄ = w ∗ ȳ`, the convolution, and `w̄ = x ∗ ȳᵀ`.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, nothing is left of the output, or `output_padding` is not below stride or dilation.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Conv, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, w) = (tape.leaf(tensor![[[1.0, 2.0]]]), tape.leaf(tensor![[[[1.0, 10.0, 100.0]]]]));
    /// let y = x.conv_transpose2d(w, Conv::new().stride([1, 2]));
    /// assert_eq!(y.value().to_vec(), [1.0, 10.0, 102.0, 20.0, 200.0]);
    /// assert_eq!(y.sum(..).backward()[x].to_vec(), [111.0, 111.0]);
    /// ```
    /// Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), §4.
    #[track_caller]
    pub fn conv_transpose2d(self, weight: Var<'t, T>, options: Conv) -> Self {
        Var::apply(Transposed(options.transposed("conv_transpose2d", 2, &self.shape(), &weight.shape())), &[self, weight])
    }

    /// [`Var::conv_transpose2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` and `weight` `[c, o / groups, kd, kh, kw]` → `[n, o, d', h', w']`, or all without `n`.
    ///
    /// # Gradient
    /// As [`Var::conv_transpose2d`].
    ///
    /// # Panics
    /// As [`Var::conv_transpose2d`].
    #[track_caller]
    pub fn conv_transpose3d(self, weight: Var<'t, T>, options: Conv) -> Self {
        Var::apply(Transposed(options.transposed("conv_transpose3d", 3, &self.shape(), &weight.shape())), &[self, weight])
    }

    /// The windows of an image as columns: `y[(c, k), p] = x[c, p · stride + k · dilation − padding]`, 0 in the padding.
    ///
    /// A kernel size of one number is that of two axes; an array has one per axis, of which there may be one to three.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c · kh · kw, windows]`, or without `n`; as many windows as [`Var::conv2d`] has outputs.
    ///
    /// # Gradient
    /// `x̄ = fold(ȳ)`.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, or options are given that it does not have (groups, output padding).
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Conv, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]);
    /// let y = x.unfold(2, Conv::new());
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.0, 6.0]);
    /// assert_eq!(y.sum(..).backward()[x].to_vec(), [1.0, 2.0, 1.0, 1.0, 2.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn unfold(self, kernel_size: impl Into<PerAxis>, options: Conv) -> Self {
        Var::apply(Unfold(options.unfolding("unfold", &kernel_size.into(), &self.shape())), &[self])
    }

    /// The image of spatial sizes `output_size` onto which the columns are added as windows: the adjoint of [`Var::unfold`].
    ///
    /// Shapes: `[n, c · kh · kw, windows]` → `[n, c, h, w]`, or without `n`.
    ///
    /// # Gradient
    /// `x̄ = unfold(ȳ)`.
    ///
    /// # Panics
    /// If an image of that size does not have as many windows, or as [`Var::unfold`].
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Conv, Tape, Tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(Tensor::ones([4, 2]));
    /// let y = x.fold([2, 3], 2, Conv::new());
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 1.0, 1.0, 2.0, 1.0]);
    /// assert_eq!((y * y).sum(..).backward()[x].to_vec(), [2.0, 4.0, 4.0, 2.0, 2.0, 4.0, 4.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn fold(self, output_size: impl Into<PerAxis>, kernel_size: impl Into<PerAxis>, options: Conv) -> Self {
        Var::apply(Fold(options.folding("fold", &output_size.into(), &kernel_size.into(), &self.shape())), &[self])
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    use crate::Padding::Same;
    let mut all = vec![
        specimen!("conv1d", |x, w| x.conv1d(w, Conv::new().padding(1)), [[2, 2, 4], [3, 2, 3]], [[2, 0, 3], [1, 0, 3]]),
        specimen!("conv1d unbatched", |x, w| x.conv1d(w, Conv::new().stride(2)), [[2, 5], [2, 2, 2]]),
        specimen!("conv2d", |x, w| x.conv2d(w, Conv::new()), [[2, 2, 3, 4], [2, 2, 2, 3]], [[0, 1, 3, 3], [2, 1, 2, 2]]),
        specimen!(
            "conv2d with options",
            |x, w| x.conv2d(w, Conv::new().stride([2, 1]).padding([(1, 0), (2, 1)]).dilation([1, 2]).groups(2)),
            [[1, 4, 4, 3], [4, 2, 3, 2]]
        ),
        specimen!("conv2d of one element", |x, w| x.conv2d(w, Conv::new()), [[2, 3, 2, 2], [6, 3, 1, 1]], [[3, 1, 2], [
            5, 3, 1, 1
        ]]),
        specimen!(
            "conv2d depthwise",
            |x, w| x.conv2d(w, Conv::new().groups(2).padding(Same).stride([1, 2])),
            [[2, 2, 3, 4], [4, 1, 2, 3]]
        ),
        specimen!(
            "conv3d",
            |x, w| x.conv3d(w, Conv::new().padding([0, 1, 0]).stride([1, 2, 1])),
            [[1, 2, 2, 3, 2], [2, 2, 2, 2, 1]],
            [[1, 2, 3, 0, 1], [1, 2, 1, 2, 1]]
        ),
        specimen!(
            "conv_weight2d",
            |x, y| {
                let w = crate::Shape::from([2, x.shape()[1], 2, 2]);
                let sizes = Conv::new().stride([1, 2]).convolution("conv_weight2d", 2, &x.shape(), &w);
                Var::apply(Weight(sizes), &[x, y])
            },
            [[2, 1, 3, 5], [2, 2, 2, 2]],
            [[0, 1, 3, 5], [0, 2, 2, 2]]
        ),
        specimen!("unfold", |x| x.unfold([2, 3], Conv::new().padding([1, 0])), [[2, 2, 2, 4]], [[1, 3, 3]], [[0, 1, 2, 3]]),
        specimen!("unfold of one axis", |x| x.unfold([2], Conv::new().stride(2).dilation(3)), [[1, 2, 7]]),
    ];
    all.extend(transposed_specimens());
    all
}

fn transposed_specimens<T: Float>() -> Vec<Specimen<T>> {
    use crate::Padding::Same;
    vec![
        specimen!("conv_transpose1d", |x, w| x.conv_transpose1d(w, Conv::new().stride(2).output_padding(1)), [
            [2, 2, 3],
            [2, 1, 3]
        ], [[2, 2], [2, 3, 2]], [[0, 2, 2], [2, 1, 2]]),
        specimen!("conv_transpose2d", |x, w| x.conv_transpose2d(w, Conv::new()), [[2, 2, 2, 3], [2, 3, 2, 2]], [
            [0, 2, 2, 2],
            [2, 1, 1, 1]
        ]),
        specimen!(
            "conv_transpose2d with options",
            |x, w| {
                let options = Conv::new().stride([2, 1]).padding([(1, 0), (0, 1)]).dilation([1, 2]).groups(2);
                x.conv_transpose2d(w, options.output_padding([0, 1]))
            },
            [[1, 4, 2, 3], [4, 2, 3, 2]]
        ),
        specimen!(
            "conv_transpose2d depthwise",
            |x, w| x.conv_transpose2d(w, Conv::new().groups(2).padding(Same).stride(2)),
            [[2, 2, 2, 3], [2, 1, 3, 1]]
        ),
        specimen!(
            "conv_transpose3d",
            |x, w| x.conv_transpose3d(w, Conv::new().stride([2, 1, 1])),
            [[1, 2, 2, 1, 2], [2, 1, 1, 2, 2]],
            [[1, 0, 1, 2, 1], [0, 1, 2, 2, 1]]
        ),
        specimen!(
            "fold",
            |x| x.fold([3, 4], [2, 3], Conv::new().padding([1, 0])),
            [[2, 12, 8]],
            [[6, 8]],
            [[0, 6, 8]]
        ),
    ]
}
