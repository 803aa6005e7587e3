//! Normalisation: values of mean 0 and variance 1 over a batch, a layer, a group of channels, or a channel, then scaled and shifted.
//!
//! Each is a composition of ops, `(x − mean) / √(variance + ε)` with the variance of all n values (divided by n), so that gradients
//! pass through mean and variance too.

use super::summary::noted;
use super::{Buffer, Count, Mode, Module, Part, Parts, Path};
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::shape::{Shape, keep};
use crate::tensor::Tensor;

/// PyTorch's ε.
const EPS: f64 = 1e-5;

/// `y · weight + bias`.
#[track_caller]
fn scaled<'t, T: Float>(y: Var<'t, T>, [weight, bias]: [Option<Var<'t, T>>; 2]) -> Var<'t, T> {
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
fn standardized<'t, T: Float>(
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
fn moments<'t, T: Float>(x: Var<'t, T>, axes: &[usize]) -> [Var<'t, T>; 2] {
    [x.mean(keep(axes)), x.var(keep(axes), 0)]
}

/// A parameter on the tape, under another shape.
#[track_caller]
fn placed<'t, T: Float>(x: Var<'t, T>, param: &Option<Param<T>>, shape: &[usize]) -> Option<Var<'t, T>> {
    let param = param.as_ref()?; // no closure, which would not pass on the caller's line
    Some(x.tape().param(param).reshape(shape))
}

/// Weight of ones and bias of zeros.
fn affine<T: Float>(shape: &Shape) -> [Option<Param<T>>; 2] {
    [Tensor::ones(shape), Tensor::zeros(shape)].map(|value| Some(Param::new(value)))
}

/// The sizes `[channels, 1, …]` that broadcast against `[batch, channels, …]` of this rank.
pub(super) fn along_channels(channels: usize, ndim: usize) -> Vec<usize> {
    let mut shape = vec![1; ndim - 1];
    shape[0] = channels;
    shape
}

// ---- batch -------------------------------------------------------------------------------------------------------------

/// Batch normalisation, `y = (x − mean) / √(variance + ε) · weight + bias`, channel by channel.
///
/// Shapes: [`BatchNorm1d`] `[batch, channels]` or `[batch, channels, length]`, [`BatchNorm2d`] `[batch, channels, height, width]`,
/// [`BatchNorm3d`] one more → the same.
///
/// Parameters: `weight` `[channels]`, ones by default, and `bias` `[channels]`, zeros. Buffers: `running_mean` `[channels]`, from 0,
/// `running_var` `[channels]`, from 1, and `num_batches_tracked`, from 0.
///
/// In training, mean and variance are those of the batch, over all axes but the channels', the variance divided by n; and the running
/// statistics move towards them, `running ← (1 − momentum) · running + momentum · batch`, with the variance divided by n − 1 there. In
/// evaluation the running statistics take their place. Defaults as PyTorch's: ε 10⁻⁵, momentum 0.1. A batch of no examples changes nothing.
///
/// # Panics
/// `forward`, if the shape does not fit, or in training if there is one value per channel only, whose variance would be 0.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{BatchNorm1d, Module, Parts}, tensor};
/// let norm = BatchNorm1d::init(1);
/// let tape = Tape::<f64>::new();
/// let x = tape.constant(tensor![[1.0], [3.0]]);
/// assert!((norm.forward(x).value()[[1, 0]] - 1.0).abs() < 1e-5);
/// assert_eq!(norm.state().tensors["running_mean"].to_vec(), [0.2]);
/// norm.eval();
/// assert!((norm.forward(x).value()[[1, 0]] - 2.8 / 1.1_f64.sqrt()).abs() < 1e-5);
/// ```
/// Source: Ioffe, Szegedy, "Batch Normalization" (2015), algorithms 1 and 2.
#[derive(Debug)]
pub struct BatchNormNd<T: Float, const D: usize> {
    /// The scale; none without it.
    pub weight: Option<Param<T>>,
    /// The shift; none without it.
    pub bias: Option<Param<T>>,
    /// What evaluation uses; none if it uses the batch too.
    pub running: Option<Running<T>>,
    /// Whether batches are learnt from.
    pub mode: Mode,
    channels: usize,
    eps: f64,
    momentum: Option<f64>,
}

/// [`BatchNormNd`] of `[batch, channels]` or `[batch, channels, length]`.
pub type BatchNorm1d<T> = BatchNormNd<T, 1>;
/// [`BatchNormNd`] of `[batch, channels, height, width]`.
pub type BatchNorm2d<T> = BatchNormNd<T, 2>;
/// [`BatchNormNd`] of `[batch, channels, depth, height, width]`.
pub type BatchNorm3d<T> = BatchNormNd<T, 3>;

/// Means and variances of the batches seen so far, by channel. Named as parts of the layer that holds it.
#[derive(Debug)]
pub struct Running<T: Float> {
    /// The running mean.
    pub mean: Buffer<T>,
    /// The running variance.
    pub var: Buffer<T>,
    /// The number of batches.
    pub batches: Count,
}

impl<T: Float> Parts<T> for Running<T> {
    fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, T>)) {
        f(&path.join("running_mean"), Part::Buffer(&self.mean));
        f(&path.join("running_var"), Part::Buffer(&self.var));
        f(&path.join("num_batches_tracked"), Part::Count(&self.batches));
    }

    fn visit_mut(&mut self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {}
}

impl<T: Float> Running<T> {
    fn init(channels: usize) -> Self {
        let [mean, var] = [Tensor::zeros([channels]), Tensor::ones([channels])].map(Buffer::new);
        Running { mean, var, batches: Count::default() }
    }

    /// Moves towards the statistics of a batch of `n` values per channel. They are values: no gradient passes.
    fn follow(&self, [mean, variance]: [Var<'_, T>; 2], n: usize, momentum: Option<f64>) {
        let batches = self.batches.get() + 1;
        self.batches.set(batches);
        let share = T::of(momentum.unwrap_or(1.0 / batches as f64));
        let unbiased = T::of(n as f64 / (n as f64 - 1.0));
        for (running, batch) in [(&self.mean, mean.value()), (&self.var, variance.value() * unbiased)] {
            running.set(running.get() * (T::one() - share) + batch.flatten() * share);
        }
    }
}

impl<T: Float, const D: usize> BatchNormNd<T, D> {
    /// The layer with these weights.
    ///
    /// # Panics
    /// If they are not of one shape `[channels]`.
    #[track_caller]
    pub fn new(weight: Tensor<T>, bias: Tensor<T>) -> Self {
        let (w, b) = (weight.shape(), bias.shape());
        assert!(w.ndim() == 1 && w == b, "BatchNorm{D}d: weight {w:?} and bias {b:?}, not both [channels]");
        let channels = w[0];
        let [weight, bias] = [weight, bias].map(|value| Some(Param::new(value)));
        let running = Some(Running::init(channels));
        BatchNormNd { weight, bias, running, mode: Mode::default(), channels, eps: EPS, momentum: Some(0.1) }
    }

    /// The layer with weights of 1 and biases of 0.
    pub fn init(channels: usize) -> Self {
        Self::new(Tensor::ones([channels]), Tensor::zeros([channels]))
    }

    /// With another ε.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// With another momentum, the weight of the newest batch; none is the plain average over all batches, 1/k for the k-th.
    pub fn momentum(mut self, momentum: impl Into<Option<f64>>) -> Self {
        self.momentum = momentum.into();
        self
    }

    /// Without weight and bias: PyTorch's `affine=False`.
    pub fn without_affine(mut self) -> Self {
        (self.weight, self.bias) = (None, None);
        self
    }

    /// Without running statistics, so that evaluation looks at the batch too: PyTorch's `track_running_stats=False`.
    pub fn without_running(mut self) -> Self {
        self.running = None;
        self
    }

    #[track_caller]
    fn check(&self, shape: &Shape) {
        let fits = shape.ndim() == D + 2 || (D == 1 && shape.ndim() == 2);
        assert!(
            fits && shape[1] == self.channels,
            "BatchNorm{D}d: input {shape:?}, expected [batch, {}] with {D} more axes{}",
            self.channels,
            if D == 1 { " or none" } else { "" }
        );
    }
}

crate::parts!(BatchNormNd<T, D> { weight, bias, running as "", mode });

impl<T: Float, const D: usize> Module<T> for BatchNormNd<T, D> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let shape = x.shape();
        self.check(&shape);
        let along = along_channels(self.channels, shape.ndim());
        let is_training = self.mode.is_training();
        let statistics = match &self.running {
            Some(running) if !is_training => {
                let constant = |buffer: &Buffer<T>| buffer.get().reshape(&along[..]);
                [x.tape().constant(constant(&running.mean)), x.tape().constant(constant(&running.var))]
            }
            running => {
                let n = shape.elements() / self.channels.max(1);
                assert!(n != 1, "BatchNorm{D}d: input {shape:?} has one value per channel, whose variance would be 0");
                let axes: Vec<usize> = (0..shape.ndim()).filter(|&axis| axis != 1).collect();
                let statistics = moments(x, &axes);
                if let Some(running) = running.as_ref().filter(|_| is_training && n > 0) {
                    running.follow(statistics, n, self.momentum);
                }
                statistics
            }
        };
        let affine = [placed(x, &self.weight, &along), placed(x, &self.bias, &along)];
        noted(self, standardized(x, statistics, self.eps, affine))
    }
}

// ---- layer -------------------------------------------------------------------------------------------------------------

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
        noted(self, standardized(x, moments(x, &axes), self.eps, affine))
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

// ---- groups and channels -----------------------------------------------------------------------------------------------

/// Group normalisation, `y = (x − mean) / √(variance + ε) · weight + bias`, over groups of channels of each example.
///
/// Shapes: `[batch, channels, …]` → the same.
///
/// Parameters: `weight` and `bias` `[channels]`, by default ones and zeros. ε is 10⁻⁵ by default, as PyTorch's.
///
/// # Panics
/// `forward`, if the second size is not `channels`.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{GroupNorm, Module}, tensor};
/// let norm = GroupNorm::init(2, 4).eps(0.0);
/// let tape = Tape::<f64>::new();
/// let y = norm.forward(tape.constant(tensor![[1.0, 3.0, 10.0, 30.0]]));
/// assert_eq!(y.value().to_vec(), [-1.0, 1.0, -1.0, 1.0]);
/// ```
/// Source: Wu, He, "Group Normalization" (2018), §3.
#[derive(Debug)]
pub struct GroupNorm<T: Float> {
    /// The scale; none without it.
    pub weight: Option<Param<T>>,
    /// The shift; none without it.
    pub bias: Option<Param<T>>,
    groups: usize,
    channels: usize,
    eps: f64,
}

impl<T: Float> GroupNorm<T> {
    /// The layer with weights of 1 and biases of 0, for `channels` in `groups` of equal size.
    ///
    /// # Panics
    /// If `groups` does not divide `channels`.
    #[track_caller]
    pub fn init(groups: usize, channels: usize) -> Self {
        assert!(groups > 0 && channels.is_multiple_of(groups), "GroupNorm: {channels} channels in {groups} groups");
        let [weight, bias] = affine(&[channels].into());
        GroupNorm { weight, bias, groups, channels, eps: EPS }
    }

    /// With another ε.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Without weight and bias: PyTorch's `affine=False`.
    pub fn without_affine(mut self) -> Self {
        (self.weight, self.bias) = (None, None);
        self
    }
}

crate::parts!(GroupNorm<T> { weight, bias });

impl<T: Float> Module<T> for GroupNorm<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let shape = x.shape();
        let channels = self.channels;
        assert!(
            shape.ndim() >= 2 && shape[1] == channels,
            "GroupNorm: input {shape:?}, expected [batch, {channels}, …]"
        );
        let size = channels / self.groups * shape[2..].iter().product::<usize>();
        let grouped = x.reshape([shape[0], self.groups, size]);
        let y = standardized(grouped, moments(grouped, &[2]), self.eps, [None, None]).reshape(&shape);
        let along = along_channels(channels, shape.ndim());
        noted(self, scaled(y, [placed(x, &self.weight, &along), placed(x, &self.bias, &along)]))
    }
}

/// Instance normalisation, `y = (x − mean) / √(variance + ε)`, channel by channel of each example.
///
/// Shapes: [`InstanceNorm1d`] `[batch, channels, length]`, [`InstanceNorm2d`] `[batch, channels, height, width]`, [`InstanceNorm3d`] one
/// more, or without the batch → the same.
///
/// Parameters: none, as PyTorch's default; with [`InstanceNormNd::affine`] `weight` and `bias` `[channels]`, ones and zeros. ε is 10⁻⁵ by
/// default. There are no running statistics: evaluation is no different from training.
///
/// # Panics
/// `forward`, if the shape does not fit, or if there is one value per channel only, whose variance would be 0.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{InstanceNorm1d, Module}, tensor};
/// let norm = InstanceNorm1d::init(2).eps(0.0);
/// let tape = Tape::<f64>::new();
/// let y = norm.forward(tape.constant(tensor![[1.0, 3.0], [10.0, 30.0]]));
/// assert_eq!(y.value().to_vec(), [-1.0, 1.0, -1.0, 1.0]);
/// ```
/// Source: Ulyanov, Vedaldi, Lempitsky, "Instance Normalization" (2016), §2.
#[derive(Debug)]
pub struct InstanceNormNd<T: Float, const D: usize> {
    /// The scale, if there is one.
    pub weight: Option<Param<T>>,
    /// The shift, if there is one.
    pub bias: Option<Param<T>>,
    channels: usize,
    eps: f64,
}

/// [`InstanceNormNd`] of `[batch, channels, length]`.
pub type InstanceNorm1d<T> = InstanceNormNd<T, 1>;
/// [`InstanceNormNd`] of `[batch, channels, height, width]`.
pub type InstanceNorm2d<T> = InstanceNormNd<T, 2>;
/// [`InstanceNormNd`] of `[batch, channels, depth, height, width]`.
pub type InstanceNorm3d<T> = InstanceNormNd<T, 3>;

impl<T: Float, const D: usize> InstanceNormNd<T, D> {
    /// The layer without parameters.
    pub fn init(channels: usize) -> Self {
        InstanceNormNd { weight: None, bias: None, channels, eps: EPS }
    }

    /// With another ε.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// With weights of 1 and biases of 0, to be learnt: PyTorch's `affine=True`.
    pub fn affine(mut self) -> Self {
        [self.weight, self.bias] = affine(&[self.channels].into());
        self
    }
}

crate::parts!(InstanceNormNd<T, D> { weight, bias });

impl<T: Float, const D: usize> Module<T> for InstanceNormNd<T, D> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let shape = x.shape();
        let (n, channels) = (shape.ndim(), self.channels);
        let fits = (n == D + 1 || n == D + 2) && shape[n - D - 1] == channels;
        assert!(
            fits,
            "InstanceNorm{D}d: input {shape:?}, expected [batch, {channels}] or [{channels}] with {D} more axes"
        );
        let one = shape[n - D..].iter().product::<usize>() == 1;
        assert!(!one, "InstanceNorm{D}d: input {shape:?} has one value per channel, whose variance would be 0");
        let axes: Vec<usize> = (n - D..n).collect();
        let along = along_channels(channels, D + 2);
        let affine = [placed(x, &self.weight, &along), placed(x, &self.bias, &along)];
        noted(self, standardized(x, moments(x, &axes), self.eps, affine))
    }
}
