//! Normalisation over groups of channels of each example, and over each channel.

use super::Module;
use super::norm::{EPS, affine, along_channels, moments, placed, scaled, standardized};
use super::summary::noted;
use crate::float::Float;
use crate::graph::{Param, Var};

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
