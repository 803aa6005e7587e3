//! Normalisation over a batch, with statistics that are kept for evaluation.

use super::norm::{EPS, along_channels, moments, placed, standardized};
use super::summary::noted;
use super::{Buffer, Count, Mode, Module, Part, Parts, Path};
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::shape::Shape;
use crate::tensor::Tensor;

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
/// assert!((norm.forward(x).value()[[1, 0]] - 2.8 / (1.1_f64 + 1e-5).sqrt()).abs() < 1e-9);
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
