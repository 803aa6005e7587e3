//! Convolutions over one to three axes, and their transposes.

use rand::Rng;

use super::norm::along_channels;
use super::summary::noted;
use super::{Init, Module};
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::kernel::conv::Conv;
use crate::shape::PerAxis;
use crate::tensor::Tensor;

/// Convolution, `y = weight ∗ x + bias`, over one, two or three axes; the window is not reversed.
///
/// Shapes: [`Conv1d`] `[batch, inputs, length]`, [`Conv2d`] `[batch, inputs, height, width]`, [`Conv3d`] one more, or without the batch → the
/// same with `outputs`, and along each axis the sizes of [`Var::conv2d`].
///
/// Parameters: `weight` `[outputs, inputs / groups, kernel…]`, `bias` `[outputs]`; by default both uniform on `±1/√fan_in` with
/// `fan_in = inputs / groups · Π kernel`, as PyTorch's. Stride, padding, dilation and groups are those of [`Conv`](crate::Conv).
///
/// # Panics
/// `forward`, as [`Var::conv2d`].
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Conv, Tape, Tensor, nn::{Conv2d, Module}};
/// let layer = Conv2d::<f32>::init(3, 8, 5, Conv::new().stride(2).padding(2), &mut StdRng::seed_from_u64(0));
/// assert_eq!(layer.weight.value.shape(), [8, 3, 5, 5]);
/// let tape = Tape::new();
/// assert_eq!(layer.forward(tape.constant(Tensor::zeros([1, 3, 32, 32]))).shape(), [1, 8, 16, 16]);
/// ```
/// Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998), §2.
#[derive(Debug)]
pub struct ConvNd<T: Float, const D: usize> {
    /// The windows.
    pub weight: Param<T>,
    /// What is added to each channel; none where there is no bias.
    pub bias: Option<Param<T>>,
    options: Conv,
}

/// [`ConvNd`] over one axis.
pub type Conv1d<T> = ConvNd<T, 1>;
/// [`ConvNd`] over two axes.
pub type Conv2d<T> = ConvNd<T, 2>;
/// [`ConvNd`] over three axes.
pub type Conv3d<T> = ConvNd<T, 3>;

/// Transposed convolution, the adjoint of the convolution with the same weight, plus a bias: it makes images larger where that makes them
/// smaller.
///
/// Shapes: [`ConvTranspose1d`] `[batch, inputs, length]`, [`ConvTranspose2d`] `[batch, inputs, height, width]`, [`ConvTranspose3d`] one more, or
/// without the batch → the same with `outputs`, and along each axis the sizes of [`Var::conv_transpose2d`].
///
/// Parameters: `weight` `[inputs, outputs / groups, kernel…]`, `bias` `[outputs]`; by default both uniform on `±1/√fan` with
/// `fan = outputs / groups · Π kernel`, as PyTorch's. Stride, padding, output padding, dilation and groups are those of
/// [`Conv`](crate::Conv).
///
/// # Panics
/// `forward`, as [`Var::conv_transpose2d`].
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Conv, Tape, Tensor, nn::{ConvTranspose2d, Module}};
/// let layer = ConvTranspose2d::<f32>::init(8, 3, 2, Conv::new().stride(2), &mut StdRng::seed_from_u64(0));
/// let tape = Tape::new();
/// assert_eq!(layer.forward(tape.constant(Tensor::zeros([1, 8, 5, 5]))).shape(), [1, 3, 10, 10]);
/// ```
/// Source: Zeiler et al., "Deconvolutional Networks" (2010); Dumoulin, Visin, "A Guide to Convolution Arithmetic for Deep Learning" (2016),
/// §4.
#[derive(Debug)]
pub struct ConvTransposeNd<T: Float, const D: usize> {
    /// The windows.
    pub weight: Param<T>,
    /// What is added to each channel; none where there is no bias.
    pub bias: Option<Param<T>>,
    options: Conv,
}

/// [`ConvTransposeNd`] over one axis.
pub type ConvTranspose1d<T> = ConvTransposeNd<T, 1>;
/// [`ConvTransposeNd`] over two axes.
pub type ConvTranspose2d<T> = ConvTransposeNd<T, 2>;
/// [`ConvTransposeNd`] over three axes.
pub type ConvTranspose3d<T> = ConvTransposeNd<T, 3>;

crate::parts!(ConvNd<T, D> { weight, bias });
crate::parts!(ConvTransposeNd<T, D> { weight, bias });

impl<T: Float, const D: usize> ConvNd<T, D> {
    /// The layer with these weights.
    ///
    /// # Panics
    /// If `weight` is not of shape `[outputs, inputs / groups, kernel…]` and `bias` of `[outputs]`, or the groups do not divide the outputs.
    #[track_caller]
    pub fn new(weight: Tensor<T>, bias: Tensor<T>, options: Conv) -> Self {
        const { assert!(D >= 1 && D <= 3, "a convolution is over one to three axes") };
        let (w, b, groups) = (weight.shape(), bias.shape(), options.group_count());
        assert!(
            w.ndim() == D + 2 && *b == w[..1] && groups > 0 && w[0].is_multiple_of(groups),
            "Conv{D}d: weight {w:?} and bias {b:?} in {groups} groups, expected [outputs, inputs / groups, {D} more] and [outputs]"
        );
        ConvNd { weight: Param::new(weight), bias: Some(Param::new(bias)), options }
    }
}

impl<T: Float, const D: usize> ConvTransposeNd<T, D> {
    /// The layer with these weights.
    ///
    /// # Panics
    /// If `weight` is not of shape `[inputs, outputs / groups, kernel…]` and `bias` of `[outputs]`, or the groups do not divide the inputs.
    #[track_caller]
    pub fn new(weight: Tensor<T>, bias: Tensor<T>, options: Conv) -> Self {
        const { assert!(D >= 1 && D <= 3, "a convolution is over one to three axes") };
        let (w, b, groups) = (weight.shape(), bias.shape(), options.group_count());
        let fits = w.ndim() == D + 2 && *b == [w[1] * groups] && groups > 0 && w[0].is_multiple_of(groups);
        assert!(
            fits,
            "ConvTranspose{D}d: weight {w:?} and bias {b:?} in {groups} groups, expected [inputs, outputs / groups, {D} more] and [outputs]"
        );
        ConvTransposeNd { weight: Param::new(weight), bias: Some(Param::new(bias)), options }
    }
}

/// What both have alike, given what they are called and whether inputs come first in the weight.
macro_rules! common {
    ($($name:ident $label:literal $transposed:literal;)*) => { $(
        impl<T: Float, const D: usize> $name<T, D> {
            /// The layer with its default weights, for a kernel of one size along every axis or of one for each.
            ///
            /// # Panics
            /// If the groups do not divide inputs and outputs, or there is not a size for each axis.
            #[track_caller]
            pub fn init(
                inputs: usize,
                outputs: usize,
                kernel_size: impl Into<PerAxis>,
                options: Conv,
                rng: &mut impl Rng,
            ) -> Self {
                let [weight, bias] = drawn::<T, D>($label, $transposed, [inputs, outputs], kernel_size.into(), &options, rng);
                Self::new(weight, bias, options)
            }

            /// Without a bias.
            pub fn without_bias(mut self) -> Self {
                self.bias = None;
                self
            }
        }
    )* };
}
common! {
    ConvNd "Conv" false;
    ConvTransposeNd "ConvTranspose" true;
}

/// Weight and bias, uniform on one over the root of the second size of the weight times those of the
/// kernel.
#[track_caller]
fn drawn<T: Float, const D: usize>(
    layer: &str,
    transposed: bool,
    [inputs, outputs]: [usize; 2],
    kernel_size: PerAxis,
    options: &Conv,
    rng: &mut impl Rng,
) -> [Tensor<T>; 2] {
    let groups = options.group_count();
    let fits = groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups);
    assert!(fits, "{layer}{D}d: {inputs} inputs and {outputs} outputs in {groups} groups");
    let front = if transposed { [inputs, outputs / groups] } else { [outputs, inputs / groups] };
    let Some(sizes) = kernel_size.spread(D, 1) else {
        panic!("{layer}{D}d: a kernel of size {kernel_size:?} for {D} axes");
    };
    let kernel = &sizes[sizes.len() - D..];
    let fan = front[1] * kernel.iter().product::<usize>();
    let bound = 1.0 / (fan.max(1) as f64).sqrt();
    let weight = Init::of_layer().draw([&front[..], kernel].concat(), rng);
    [weight, Init::uniform(-bound, bound).draw([outputs], rng)]
}

/// `y + bias`, channel by channel.
#[track_caller]
fn shifted<'t, T: Float>(y: Var<'t, T>, bias: &Option<Param<T>>, rank: usize) -> Var<'t, T> {
    match bias {
        Some(bias) => y + y.tape().param(bias).reshape(&along_channels(bias.value.len(), rank + 2)[..]),
        None => y,
    }
}

impl<T: Float, const D: usize> Module<T> for ConvNd<T, D> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let weight = x.tape().param(&self.weight);
        let y = match D {
            1 => x.conv1d(weight, self.options),
            2 => x.conv2d(weight, self.options),
            _ => x.conv3d(weight, self.options),
        };
        noted(self, shifted(y, &self.bias, D))
    }
}

impl<T: Float, const D: usize> Module<T> for ConvTransposeNd<T, D> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let weight = x.tape().param(&self.weight);
        let y = match D {
            1 => x.conv_transpose1d(weight, self.options),
            2 => x.conv_transpose2d(weight, self.options),
            _ => x.conv_transpose3d(weight, self.options),
        };
        noted(self, shifted(y, &self.bias, D))
    }
}
