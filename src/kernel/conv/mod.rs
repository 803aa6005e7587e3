//! Convolutions: how they are asked for, and the three products that they and their gradients are.
//!
//! `y = w ∗ x` is linear in x and in w. With its adjoint in x, `x̄ = wᵀ ∗ ȳ`, which is what a transposed convolution computes, and
//! with `w̄ = ȳ ∗ xᵀ` it makes a set of three in which the gradients of each are the other two.

mod blocks;
mod columns;
mod direct;
mod grid;
mod options;
mod products;
mod shifted;
mod unfold;

pub use options::Conv;
pub(crate) use options::Geometry;
pub(crate) use unfold::{fold, unfold};

use super::wide::in_f32;
use crate::float::Float;
use crate::shape::PerAxis;
use crate::tensor::Tensor;

/// How the three products are computed.
enum Way {
    Direct,
    Shifted,
    Products,
}

impl Way {
    fn of<T: Float>(geometry: &Geometry) -> Way {
        if direct::serves(geometry) {
            Way::Direct
        } else if shifted::serves::<T>(geometry) {
            Way::Shifted
        } else {
            Way::Products
        }
    }
}

/// `y = w ∗ x`.
pub(crate) fn forward<T: Float>(geometry: &Geometry, x: &Tensor<T>, w: &Tensor<T>) -> Tensor<T> {
    if T::NARROW {
        return in_f32([x, w], |[x, w]| forward(geometry, &x, &w));
    }
    match Way::of::<T>(geometry) {
        Way::Direct => direct::forward(geometry, x, w),
        Way::Shifted => shifted::forward(geometry, x, w),
        Way::Products => products::forward(geometry, x, w),
    }
}

/// `x = wᵀ ∗ y`.
pub(crate) fn transposed<T: Float>(geometry: &Geometry, y: &Tensor<T>, w: &Tensor<T>) -> Tensor<T> {
    if T::NARROW {
        return in_f32([y, w], |[y, w]| transposed(geometry, &y, &w));
    }
    match Way::of::<T>(geometry) {
        Way::Direct => direct::transposed(geometry, y, w),
        Way::Shifted => shifted::transposed(geometry, y, w),
        Way::Products => products::transposed(geometry, y, w),
    }
}

/// `w = y ∗ xᵀ`.
pub(crate) fn weight<T: Float>(geometry: &Geometry, x: &Tensor<T>, y: &Tensor<T>) -> Tensor<T> {
    if T::NARROW {
        return in_f32([x, y], |[x, y]| weight(geometry, &x, &y));
    }
    match Way::of::<T>(geometry) {
        Way::Direct => direct::weight(geometry, x, y),
        Way::Shifted => shifted::weight(geometry, x, y),
        Way::Products => products::weight(geometry, x, y),
    }
}

impl<T: Float> Tensor<T> {
    /// [`Tensor::conv2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` and `weight` `[o, c / groups, kw]` → `[n, o, w']`, or all without `n`.
    ///
    /// # Panics
    /// As [`Tensor::conv2d`].
    #[track_caller]
    pub fn conv1d(&self, weight: &Tensor<T>, options: Conv) -> Tensor<T> {
        forward(&options.convolution("conv1d", 1, self.shape(), weight.shape()), self, weight)
    }

    /// Convolution over two axes, `y[o, p] = Σ w[o, c, k] · x[c, p · stride + k · dilation − padding]` over channels c of o's group and
    /// elements k of the window; outside of the image x is 0. As everywhere in this field, the window is not reversed.
    ///
    /// Shapes: `[n, c, h, w]` and `weight` `[o, c / groups, kh, kw]` → `[n, o, h', w']`, or all without `n`, where
    /// `h' = ⌊(h + padding before and behind − dilation · (kh − 1) − 1) / stride⌋ + 1`.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, or a window is larger than the padded image.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Conv, tensor};
    /// let x = tensor![[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]; // one channel, no batch
    /// let w = tensor![[[[1.0, 10.0]]]];
    /// assert_eq!(x.conv2d(&w, Conv::new()).to_vec(), [21.0, 32.0, 54.0, 65.0]);
    /// assert_eq!(x.conv2d(&w, Conv::new().padding([(0, 0), (0, 1)]).stride([1, 2])).to_vec(), [21.0, 3.0, 54.0, 6.0]);
    /// ```
    /// Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), §2.
    #[track_caller]
    pub fn conv2d(&self, weight: &Tensor<T>, options: Conv) -> Tensor<T> {
        forward(&options.convolution("conv2d", 2, self.shape(), weight.shape()), self, weight)
    }

    /// [`Tensor::conv2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` and `weight` `[o, c / groups, kd, kh, kw]` → `[n, o, d', h', w']`, or all without `n`.
    ///
    /// # Panics
    /// As [`Tensor::conv2d`].
    #[track_caller]
    pub fn conv3d(&self, weight: &Tensor<T>, options: Conv) -> Tensor<T> {
        forward(&options.convolution("conv3d", 3, self.shape(), weight.shape()), self, weight)
    }

    /// [`Tensor::conv_transpose2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` and `weight` `[c, o / groups, kw]` → `[n, o, w']`, or all without `n`.
    ///
    /// # Panics
    /// As [`Tensor::conv_transpose2d`].
    #[track_caller]
    pub fn conv_transpose1d(&self, weight: &Tensor<T>, options: Conv) -> Tensor<T> {
        transposed(&options.transposed("conv_transpose1d", 1, self.shape(), weight.shape()), self, weight)
    }

    /// Transposed convolution over two axes: the adjoint of the convolution with the same weight and options that maps `h', w'` to
    /// `h, w`. Each element of `self` lays its multiple of the window, and what overlaps is added up.
    ///
    /// Shapes: `[n, c, h, w]` and `weight` `[c, o / groups, kh, kw]` → `[n, o, h', w']`, or all without `n`, where
    /// `h' = (h − 1) · stride − padding before and behind + dilation · (kh − 1) + output_padding + 1`; with
    /// [`Padding::Same`](crate::Padding::Same) `h' = h · stride`.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, nothing is left of the output, or `output_padding` is not below stride or dilation.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Conv, tensor};
    /// let x = tensor![[[1.0, 2.0]]];
    /// let w = tensor![[[[1.0, 10.0, 100.0]]]];
    /// assert_eq!(x.conv_transpose2d(&w, Conv::new().stride([1, 2])).to_vec(), [1.0, 10.0, 102.0, 20.0, 200.0]);
    /// ```
    /// Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), §4.
    #[track_caller]
    pub fn conv_transpose2d(&self, weight: &Tensor<T>, options: Conv) -> Tensor<T> {
        transposed(&options.transposed("conv_transpose2d", 2, self.shape(), weight.shape()), self, weight)
    }

    /// [`Tensor::conv_transpose2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` and `weight` `[c, o / groups, kd, kh, kw]` → `[n, o, d', h', w']`, or all without `n`.
    ///
    /// # Panics
    /// As [`Tensor::conv_transpose2d`].
    #[track_caller]
    pub fn conv_transpose3d(&self, weight: &Tensor<T>, options: Conv) -> Tensor<T> {
        transposed(&options.transposed("conv_transpose3d", 3, self.shape(), weight.shape()), self, weight)
    }

    /// The windows of an image as columns: `y[(c, k), p] = x[c, p · stride + k · dilation − padding]`, 0 in the padding.
    ///
    /// A kernel size of one number is that of two axes; an array has one per axis, of which there may be one to three.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c · kh · kw, windows]`, or without `n`; as many windows as [`Tensor::conv2d`] has outputs.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, or options are given that it does not have (groups, output padding).
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Conv, tensor};
    /// let x = tensor![[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]];
    /// assert_eq!(x.unfold(2, Conv::new()).to_vec(), [1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.0, 6.0]);
    /// ```
    #[track_caller]
    pub fn unfold(&self, kernel_size: impl Into<PerAxis>, options: Conv) -> Tensor<T> {
        unfold(&options.unfolding("unfold", &kernel_size.into(), self.shape()), self)
    }

    /// The image of spatial sizes `output_size` onto which the columns are added as windows: the adjoint of [`Tensor::unfold`].
    ///
    /// Shapes: `[n, c · kh · kw, windows]` → `[n, c, h, w]`, or without `n`.
    ///
    /// # Panics
    /// If an image of that size does not have as many windows, or as [`Tensor::unfold`].
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Conv, Tensor};
    /// let counts = Tensor::<f64>::ones([4, 2]).fold([2, 3], 2, Conv::new());
    /// assert_eq!(counts.to_vec(), [1.0, 2.0, 1.0, 1.0, 2.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn fold(&self, output_size: impl Into<PerAxis>, kernel_size: impl Into<PerAxis>, options: Conv) -> Tensor<T> {
        fold(&options.folding("fold", &output_size.into(), &kernel_size.into(), self.shape()), self)
    }
}
