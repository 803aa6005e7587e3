//! How weights begin: distributions by name, scaled by how many numbers flow in and out.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::float::Float;
use crate::graph::Param;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What weights are drawn from.
///
/// Those named after people keep the size of what flows through a layer, forward or backward, by its fans. The fans of a weight
/// `[outputs, inputs, …]` are `fan_in = inputs · Π …` and `fan_out = outputs · Π …`, where `…` is the kernel of a convolution; of a
/// transposed convolution, whose weight is `[inputs, outputs, …]`, they change places. That is PyTorch's rule.
///
/// | name | draws | standard deviation σ |
/// |---|---|---|
/// | [`xavier_normal`](Init::xavier_normal), [`xavier_uniform`](Init::xavier_uniform) | normal; uniform on ±√3 σ | gain · √(2 / (fan_in + fan_out)), gain 1 |
/// | [`he_normal`](Init::he_normal), [`he_uniform`](Init::he_uniform) | normal; uniform on ±√3 σ | gain / √fan, gain √2, fan_in |
/// | [`lecun_normal`](Init::lecun_normal), [`lecun_uniform`](Init::lecun_uniform) | normal; uniform on ±√3 σ | gain / √fan, gain 1, fan_in |
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tensor, nn::{Init, Linear, Nonlinearity}};
/// let rng = &mut StdRng::seed_from_u64(0);
/// let mut layer = Linear::<f32>::init_with(784, 50, Init::he_normal(), Init::zeros(), rng);
/// Init::xavier_uniform().gain(Nonlinearity::Tanh.gain()).fill(&mut layer.weight, rng);
/// let w: Tensor<f64> = Init::orthogonal().draw([3, 5], rng);
/// assert!((w.matmul(&w.t()) - Tensor::eye(3)).iter().all(|x| x.abs() < 1e-15));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Init {
    kind: Kind,
    gain: f64,
    fan: Fan,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Constant(f64),
    Normal { mean: f64, std: f64 },
    Uniform { low: f64, high: f64 },
    TruncatedNormal { mean: f64, std: f64, low: f64, high: f64 },
    ScaledNormal,
    ScaledUniform,
    Orthogonal,
}

/// What a variance is divided by.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fan {
    In,
    Out,
    Mean,
}

/// A layer's activation, for the [gain](Nonlinearity::gain) that makes up for what it takes away.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Nonlinearity {
    /// None.
    Linear,
    /// The logistic function.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// The ramp.
    Relu,
    /// The ramp with this slope below 0.
    LeakyRelu(f64),
    /// The exponential linear unit that normalises itself.
    Selu,
}

impl Nonlinearity {
    /// The factor for the standard deviation of weights before it: linear and sigmoid 1, tanh 5/3, ReLU √2, leaky ReLU √(2 / (1 + slope²)),
    /// SELU 3/4. PyTorch's `calculate_gain`.
    pub fn gain(self) -> f64 {
        match self {
            Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
            Nonlinearity::Tanh => 5.0 / 3.0,
            Nonlinearity::Relu => std::f64::consts::SQRT_2,
            Nonlinearity::LeakyRelu(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
            Nonlinearity::Selu => 0.75,
        }
    }
}

impl Init {
    const fn new(kind: Kind, gain: f64, fan: Fan) -> Self {
        Init { kind, gain, fan }
    }

    /// 0 everywhere.
    pub fn zeros() -> Self {
        Self::constant(0.0)
    }

    /// 1 everywhere.
    pub fn ones() -> Self {
        Self::constant(1.0)
    }

    /// `value` everywhere.
    pub fn constant(value: f64) -> Self {
        Self::new(Kind::Constant(value), 1.0, Fan::In)
    }

    /// Normal with this mean and standard deviation.
    pub fn normal(mean: f64, std: f64) -> Self {
        Self::new(Kind::Normal { mean, std }, 1.0, Fan::In)
    }

    /// Uniform on `[low, high)`.
    pub fn uniform(low: f64, high: f64) -> Self {
        Self::new(Kind::Uniform { low, high }, 1.0, Fan::In)
    }

    /// Normal with this mean and standard deviation, of which only what lies within `[low, high]` is taken. The bounds are values, not
    /// numbers of standard deviations; PyTorch's defaults are a mean of 0, a standard deviation of 1, and ±2.
    ///
    /// Source: Robert, "Simulation of Truncated Normal Variables" (1995).
    ///
    /// # Panics
    /// If `std` is not above 0, or `low` not below `high`.
    #[track_caller]
    pub fn truncated_normal(mean: f64, std: f64, low: f64, high: f64) -> Self {
        assert!(std > 0.0 && low < high, "truncated_normal: standard deviation {std}, within {low} and {high}");
        Self::new(Kind::TruncatedNormal { mean, std, low, high }, 1.0, Fan::In)
    }

    /// Normal with `σ = gain · √(2 / (fan_in + fan_out))`.
    ///
    /// Source: Glorot, Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks" (2010), §4.2.
    pub fn xavier_normal() -> Self {
        Self::new(Kind::ScaledNormal, 1.0, Fan::Mean)
    }

    /// Uniform on `±gain · √(6 / (fan_in + fan_out))`.
    ///
    /// Source: as [`Init::xavier_normal`], equation 16.
    pub fn xavier_uniform() -> Self {
        Self::new(Kind::ScaledUniform, 1.0, Fan::Mean)
    }

    /// Normal with `σ = gain / √fan_in`, and a gain of √2 that suits ReLU: PyTorch's `kaiming_normal_`.
    ///
    /// Source: He et al., "Delving Deep into Rectifiers" (2015), §2.2.
    pub fn he_normal() -> Self {
        Self::new(Kind::ScaledNormal, Nonlinearity::Relu.gain(), Fan::In)
    }

    /// Uniform on `±gain · √(3 / fan_in)`, with a gain of √2: PyTorch's `kaiming_uniform_`.
    ///
    /// Source: as [`Init::he_normal`].
    pub fn he_uniform() -> Self {
        Self::new(Kind::ScaledUniform, Nonlinearity::Relu.gain(), Fan::In)
    }

    /// Normal with `σ = gain / √fan_in`, and a gain of 1.
    ///
    /// Source: LeCun et al., "Efficient BackProp" (1998), §4.6.
    pub fn lecun_normal() -> Self {
        Self::new(Kind::ScaledNormal, 1.0, Fan::In)
    }

    /// Uniform on `±gain · √(3 / fan_in)`, with a gain of 1.
    ///
    /// Source: as [`Init::lecun_normal`].
    pub fn lecun_uniform() -> Self {
        Self::new(Kind::ScaledUniform, 1.0, Fan::In)
    }

    /// A matrix with orthonormal rows, or columns if there are more rows, times the gain, which is 1; uniform among all of them. A weight
    /// of more axes counts as the matrix `[outputs, the rest]`.
    ///
    /// Source: Saxe, McClelland, Ganguli, "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks" (2014).
    pub fn orthogonal() -> Self {
        Self::new(Kind::Orthogonal, 1.0, Fan::In)
    }

    /// PyTorch's default for the weights of linear and convolutional layers: uniform on `±1/√fan_in`.
    pub(super) fn of_layer() -> Self {
        Self::lecun_uniform().gain(1.0 / 3f64.sqrt())
    }

    /// With another gain. What has no fans, such as [`Init::normal`], is multiplied by it too.
    pub fn gain(mut self, gain: f64) -> Self {
        self.gain = gain;
        self
    }

    /// With `fan_out` in place of `fan_in`, which keeps the size of gradients rather than of values: PyTorch's `mode="fan_out"`. It makes
    /// no difference to what has no fans or both.
    pub fn fan_out(mut self) -> Self {
        if self.fan == Fan::In {
            self.fan = Fan::Out;
        }
        self
    }

    /// Draws the weights of a parameter anew.
    ///
    /// # Panics
    /// As [`Init::draw`].
    #[track_caller]
    pub fn fill<T: Float>(self, param: &mut Param<T>, rng: &mut impl Rng) {
        param.value = self.draw(param.value.shape(), rng);
    }

    /// A tensor of this shape.
    ///
    /// # Panics
    /// If it needs fans and the shape has fewer than two axes, or the number of elements overflows.
    #[track_caller]
    pub fn draw<T: Float>(self, shape: impl Into<Shape>, rng: &mut impl Rng) -> Tensor<T> {
        let (shape, gain) = (shape.into(), self.gain);
        let normal = |rng: &mut _| -> f64 { StandardNormal.sample(rng) };
        match self.kind {
            Kind::Constant(value) => Tensor::full(shape, T::of(gain * value)),
            Kind::Normal { mean, std } => Tensor::from_fn(shape, |_| T::of(gain * (mean + std * normal(rng)))),
            Kind::Uniform { low, high } => Tensor::uniform(shape, T::of(gain * low), T::of(gain * high), rng),
            Kind::TruncatedNormal { mean, std, low, high } => {
                let bounds = [(low - mean) / std, (high - mean) / std];
                // What is rounded beyond a bound is put on it.
                let mut draw = || (mean + std * truncated(bounds, rng)).clamp(low, high);
                Tensor::from_fn(shape, |_| T::of(gain * draw()))
            }
            Kind::ScaledNormal => {
                let std = gain / self.fan(&shape).sqrt();
                Tensor::from_fn(shape, |_| T::of(std * normal(rng)))
            }
            Kind::ScaledUniform => {
                let bound = T::of(gain * (3.0 / self.fan(&shape)).sqrt());
                Tensor::uniform(shape, -bound, bound, rng)
            }
            Kind::Orthogonal => orthogonal(shape, gain, rng),
        }
    }

    /// What the variance is divided by; at least 1, so that a weight without elements divides by no zero.
    #[track_caller]
    fn fan(self, shape: &Shape) -> f64 {
        let (fan_in, fan_out) = fans(shape);
        let fan = match self.fan {
            Fan::In => fan_in as f64,
            Fan::Out => fan_out as f64,
            Fan::Mean => (fan_in + fan_out) as f64 / 2.0,
        };
        fan.max(1.0)
    }
}

/// How many numbers flow into an output of a layer, and out of an input.
#[track_caller]
fn fans(shape: &Shape) -> (usize, usize) {
    assert!(shape.ndim() >= 2, "Init: a weight of shape {shape:?} has no fans, which takes two axes at least");
    let kernel: usize = shape[2..].iter().product();
    (shape[1] * kernel, shape[0] * kernel)
}

/// A standard normal number within bounds. Candidates are drawn from what is like it there: the normal itself, the uniform if the bounds
/// are close, an exponential if both are on one side; and are taken with a probability that makes up for the difference.
fn truncated([low, high]: [f64; 2], rng: &mut impl Rng) -> f64 {
    if high < 0.0 {
        return -truncated([-high, -low], rng);
    }
    let uniform = |rng: &mut _| RngExt::random::<f64>(rng);
    let width = high - low;
    if low <= 0.0 && width > 2.5 {
        loop {
            let z = StandardNormal.sample(rng);
            if (low..=high).contains(&z) {
                return z;
            }
        }
    }
    // The exponential's rate; of 0 it is uniform.
    let rate = if low <= 0.0 { 0.0 } else { (low + (low * low + 4.0).sqrt()) / 2.0 };
    let peak = rate.clamp(low, high);
    loop {
        let u = uniform(rng);
        let z = if rate == 0.0 { low + width * u } else { low - (u * (-rate * width).exp_m1()).ln_1p() / rate };
        let logarithm = ((peak - rate).powi(2) - (z - rate).powi(2)) / 2.0;
        if uniform(rng) <= logarithm.exp() {
            return z;
        }
    }
}

/// Rows, or columns if there are more rows, that are orthonormal: normal vectors, each freed of its components along those before it, twice,
/// since once leaves rounding errors behind.
fn orthogonal<T: Float>(shape: Shape, gain: f64, rng: &mut impl Rng) -> Tensor<T> {
    assert!(shape.ndim() >= 2, "Init::orthogonal: {shape:?} is no matrix, which takes two axes at least");
    let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for _ in 0..rows.min(columns) {
        let mut v: Vec<f64> = StandardNormal.sample_iter(&mut *rng).take(rows.max(columns)).collect();
        for _ in 0..2 {
            for u in &basis {
                let along = dot(u, &v);
                v.iter_mut().zip(u).for_each(|(v, u)| *v -= along * u);
            }
            let length = dot(&v, &v).sqrt();
            v.iter_mut().for_each(|v| *v /= length);
        }
        basis.push(v);
    }
    let matrix = Tensor::from_fn([basis.len(), rows.max(columns)], |i| T::of(gain * basis[i[0]][i[1]]));
    if rows > columns { matrix.t().reshape(&shape) } else { matrix.reshape(&shape) }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
