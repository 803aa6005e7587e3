//! What normalisations have in common, and those over the last axes. In the files beside stand those over a batch, and over groups of
//! channels.
//!
//! Each is a composition of ops, `(x − mean) / √(variance + ε)` with the variance of all n values (divided by n), so that gradients
//! pass through mean and variance too.

use super::Module;
use super::summary::noted;
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::shape::{Shape, keep};
use crate::tensor::Tensor;

/// PyTorch's ε.
pub(super) const EPS: f64 = 1e-5;

/// `y · weight + bias`.
#[track_caller]
pub(super) fn scaled<'t, T: Float>(y: Var<'t, T>, [weight, bias]: [Option<Var<'t, T>>; 2]) -> Var<'t, T> {
    let y = match weight {
        Some(weight) => y * weight,
        None => y,
    };
    match bias {
        Some(bias) => y + bias,
        None => y,
    }
}

/// `(x − mean) / √(variance + eps) · weight + bias`.
#[track_caller]
pub(super) fn standardized<'t, T: Float>(
    x: Var<'t, T>,
    [mean, variance]: [Var<'t, T>; 2],
    eps: f64,
    [weight, bias]: [Option<Var<'t, T>>; 2],
) -> Var<'t, T> {
    let scale = (variance + T::of(eps)).rsqrt();
    match weight {
        // What is smaller than x is multiplied first.
        Some(weight) if weight.shape().broadcast(&scale.shape()).as_ref() == Some(&scale.shape()) => {
            scaled((x - mean) * (scale * weight), [None, bias])
        }
        _ => scaled((x - mean) * scale, [weight, bias]),
    }
}

/// Mean and variance of `x` over `axes`, which stay with size 1.
#[track_caller]
pub(super) fn moments<'t, T: Float>(x: Var<'t, T>, axes: &[usize]) -> [Var<'t, T>; 2] {
    [x.mean(keep(axes)), x.var(keep(axes), 0)]
}

/// A parameter on the tape, under another shape.
#[track_caller]
pub(super) fn placed<'t, T: Float>(x: Var<'t, T>, param: &Option<Param<T>>, shape: &[usize]) -> Option<Var<'t, T>> {
    let param = param.as_ref()?; // no closure, which would not pass on the caller's line
    Some(x.tape().param(param).reshape(shape))
}

/// Weight of ones and bias of zeros.
pub(super) fn affine<T: Float>(shape: &Shape) -> [Option<Param<T>>; 2] {
    [Tensor::ones(shape), Tensor::zeros(shape)].map(|value| Some(Param::new(value)))
}

/// The sizes `[channels, 1, …]` that broadcast against `[batch, channels, …]` of this rank.
pub(super) fn along_channels(channels: usize, ndim: usize) -> Vec<usize> {
    let mut shape = vec![1; ndim - 1];
    shape[0] = channels;
    shape
}

/// Layer normalisation, `y = (x − mean) / √(variance + ε) · weight + bias`, over the last axes of each example.
///
/// Shapes: `[…, sizes…]` → the same, normalised over `sizes…`.
///
/// Parameters: `weight` and `bias` of shape `sizes…`, by default ones and zeros. ε is 10⁻⁵ by default, as PyTorch's.
///
/// # Panics
/// `forward`, if the shape does not end in `sizes…`.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{LayerNorm, Module}, tensor};
/// let norm = LayerNorm::init([2]).eps(0.0);
/// let tape = Tape::<f64>::new();
/// assert_eq!(norm.forward(tape.constant(tensor![[1.0, 3.0]])).value().to_vec(), [-1.0, 1.0]);
/// ```
/// Source: Ba, Kiros, Hinton, "Layer Normalization" (2016), §3.
#[derive(Debug)]
pub struct LayerNorm<T: Float> {
    /// The scale; none without it.
    pub weight: Option<Param<T>>,
    /// The shift; none without it.
    pub bias: Option<Param<T>>,
    sizes: Shape,
    eps: f64,
}

impl<T: Float> LayerNorm<T> {
    /// The layer with these weights.
    ///
    /// # Panics
    /// If they are not of one shape, or of rank 0.
    #[track_caller]
    pub fn new(weight: Tensor<T>, bias: Tensor<T>) -> Self {
        let (w, b) = (weight.shape(), bias.shape());
        assert!(
            w == b && w.ndim() > 0,
            "LayerNorm: weight {w:?} and bias {b:?}, not of one shape with an axis at least"
        );
        let sizes = w.clone();
        let [weight, bias] = [weight, bias].map(|value| Some(Param::new(value)));
        LayerNorm { weight, bias, sizes, eps: EPS }
    }

    /// The layer over last axes of these sizes, with weights of 1 and biases of 0.
    ///
    /// # Panics
    /// If there is no size.
    #[track_caller]
    pub fn init(sizes: impl Into<Shape>) -> Self {
        let sizes = sizes.into();
        Self::new(Tensor::ones(&sizes), Tensor::zeros(&sizes))
    }

    /// With another ε.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Without a bias.
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// Without weight and bias: PyTorch's `elementwise_affine=False`.
    pub fn without_affine(mut self) -> Self {
        (self.weight, self.bias) = (None, None);
        self
    }
}

/// The last axes of `shape`, which are to have these sizes.
#[track_caller]
fn last_axes(layer: &str, shape: &Shape, sizes: &Shape) -> Vec<usize> {
    assert!(shape.ends_with(sizes), "{layer}: input {shape:?} does not end in {sizes:?}");
    (shape.ndim() - sizes.ndim()..shape.ndim()).collect()
}

crate::parts!(LayerNorm<T> { weight, bias });

impl<T: Float> Module<T> for LayerNorm<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let axes = last_axes("LayerNorm", &x.shape(), &self.sizes);
        let affine = [placed(x, &self.weight, &self.sizes), placed(x, &self.bias, &self.sizes)];
        let y = match affine {
            [Some(weight), Some(bias)] => x.layer_norm(weight, bias, self.eps),
            _ => standardized(x, moments(x, &axes), self.eps, affine),
        };
        noted(self, y)
    }
}

/// Normalisation by the root mean square, `y = x / √(mean x² + ε) · weight`, over the last axes of each example.
///
/// Shapes: `[…, sizes…]` → the same, normalised over `sizes…`.
///
/// Parameters: `weight` of shape `sizes…`, by default ones. ε is the distance from 1 to the next number of the type by default, as
/// PyTorch's.
///
/// # Panics
/// `forward`, if the shape does not end in `sizes…`.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{Module, RmsNorm}, tensor};
/// let norm = RmsNorm::init([2]).eps(0.0);
/// let tape = Tape::<f64>::new();
/// assert_eq!(norm.forward(tape.constant(tensor![[3.0, 3.0]])).value().to_vec(), [1.0, 1.0]);
/// ```
/// Source: Zhang, Sennrich, "Root Mean Square Layer Normalization" (2019), §4.
#[derive(Debug)]
pub struct RmsNorm<T: Float> {
    /// The scale; none without it.
    pub weight: Option<Param<T>>,
    sizes: Shape,
    eps: Option<f64>,
}

impl<T: Float> RmsNorm<T> {
    /// The layer with this weight.
    ///
    /// # Panics
    /// If it is of rank 0.
    #[track_caller]
    pub fn new(weight: Tensor<T>) -> Self {
        assert!(weight.ndim() > 0, "RmsNorm: a weight without an axis");
        let sizes = weight.shape().clone();
        RmsNorm { weight: Some(Param::new(weight)), sizes, eps: None }
    }

    /// The layer over last axes of these sizes, with weights of 1.
    ///
    /// # Panics
    /// If there is no size.
    #[track_caller]
    pub fn init(sizes: impl Into<Shape>) -> Self {
        Self::new(Tensor::ones(sizes))
    }

    /// With another ε.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = Some(eps);
        self
    }

    /// Without a weight: PyTorch's `elementwise_affine=False`.
    pub fn without_affine(mut self) -> Self {
        self.weight = None;
        self
    }
}

crate::parts!(RmsNorm<T> { weight });

impl<T: Float> Module<T> for RmsNorm<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let axes = last_axes("RmsNorm", &x.shape(), &self.sizes);
        let eps = self.eps.map_or(T::epsilon(), T::of);
        let y = x * ((x * x).mean(keep(&axes[..])) + eps).rsqrt();
        noted(self, scaled(y, [placed(x, &self.weight, &self.sizes), None]))
    }
}
