//! Activations as modules. Each is a function of [`Var`] under a name of its own, with PyTorch's defaults for what can be set.

use super::Module;
use super::norm::along_channels;
use super::summary::noted;
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::shape::axis_of;
use crate::tensor::Tensor;

/// A list of modules: the doc, the name, what can be set and its default, and the formula.
macro_rules! activations {
    ($(
        $(#[$doc:meta])*
        $name:ident $({ $($(#[$about:meta])* $field:ident: $type:ty = $default:expr),+ })? => |$x:ident| $y:expr;
    )*) => { $(
        activations!(@type [$(#[$doc])*] $name $({ $($(#[$about])* $field: $type),+ })?);

        impl Default for $name {
            fn default() -> Self {
                $name $({ $($field: $default),+ })?
            }
        }

        crate::parts!($name for all {});

        impl<T: Float> Module<T> for $name {
            #[track_caller]
            fn forward<'t>(&self, $x: Var<'t, T>) -> Var<'t, T> {
                $(let $name { $($field),+ } = *self;)?
                noted(self, $y)
            }
        }
    )* };
    (@type [$(#[$doc:meta])*] $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
    };
    (@type [$(#[$doc:meta])*] $name:ident { $($(#[$about:meta])* $field:ident: $type:ty),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name { $($(#[$about])* pub $field: $type),+ }
    };
}

activations! {
    /// Nothing: `y = x`.
    ///
    /// Shapes: any → the same.
    Identity => |x| x;

    /// Ramp, `y = max(x, 0)`: [`Var::relu`] as a module.
    ///
    /// Shapes: any → the same.
    Relu => |x| x.relu();

    /// Ramp that leaks, `y = x` where x > 0, else `slope · x`: [`Var::leaky_relu`] as a module.
    ///
    /// Shapes: any → the same.
    LeakyRelu {
        /// The slope below 0.
        slope: f64 = 0.01
    } => |x| x.leaky_relu(slope);

    /// Ramp that ends at 6, `y = min(max(x, 0), 6)`.
    ///
    /// Shapes: any → the same.
    ///
    /// Source: Howard et al., "MobileNets" (2017).
    Relu6 => |x| x.clamp(0.0, 6.0);

    /// Exponential linear unit, `y = x` where x > 0, else `alpha · (eˣ − 1)`: [`Var::elu`] as a module.
    ///
    /// Shapes: any → the same.
    Elu {
        /// What −y tends to far to the left.
        alpha: f64 = 1.0
    } => |x| x.elu(alpha);

    /// Continuously differentiable exponential linear unit, `y = x` where x > 0, else `alpha · (exp(x / alpha) − 1)`.
    ///
    /// Shapes: any → the same.
    ///
    /// Source: Barron, "Continuously Differentiable Exponential Linear Units" (2017).
    Celu {
        /// What −y tends to far to the left.
        alpha: f64 = 1.0
    } => |x| if alpha == 1.0 { x.elu(1.0) } else { (x / T::of(alpha)).elu(1.0) * T::of(alpha) };

    /// Self-normalising exponential linear unit, `y = 1.0507 · elu(x)` with an alpha of 1.6733.
    ///
    /// Shapes: any → the same.
    ///
    /// Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017), equation 2.
    Selu => |x| x.elu(1.673_263_242_354_377_2) * T::of(1.050_700_987_355_480_5);

    /// Gaussian error linear unit, `y = x · Φ(x)`: [`Var::gelu`] as a module.
    ///
    /// Shapes: any → the same.
    Gelu => |x| x.gelu();

    /// Gaussian error linear unit in its form with tanh: [`Var::gelu_tanh`] as a module, PyTorch's `GELU(approximate="tanh")`.
    ///
    /// Shapes: any → the same.
    GeluTanh => |x| x.gelu_tanh();

    /// Sigmoid linear unit, `y = x · sigmoid(x)`: [`Var::silu`] as a module.
    ///
    /// Shapes: any → the same.
    Silu => |x| x.silu();

    /// `y = x · tanh(ln(1 + eˣ))`.
    ///
    /// Shapes: any → the same.
    ///
    /// Source: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).
    Mish => |x| x.clamp(-FLAT, f64::INFINITY) * x.softplus().tanh();

    /// `y = x · min(max(x + 3, 0), 6) / 6`.
    ///
    /// Shapes: any → the same.
    ///
    /// Source: Howard et al., "Searching for MobileNetV3" (2019), §5.2.
    Hardswish => |x| x.clamp(-3.0, f64::INFINITY) * hard_sigmoid(x);

    /// Logistic function, `y = 1 / (1 + e⁻ˣ)`: [`Var::sigmoid`] as a module.
    ///
    /// Shapes: any → the same.
    Sigmoid => |x| x.sigmoid();

    /// `y = min(max(x + 3, 0), 6) / 6`.
    ///
    /// Shapes: any → the same.
    Hardsigmoid => |x| hard_sigmoid(x);

    /// `y = ln(1 / (1 + e⁻ˣ))`; nothing overflows.
    ///
    /// Shapes: any → the same.
    LogSigmoid => |x| -(-x).softplus();

    /// Hyperbolic tangent: [`Var::tanh`] as a module.
    ///
    /// Shapes: any → the same.
    Tanh => |x| x.tanh();

    /// `y = min(max(x, low), high)`: [`Var::clamp`] as a module.
    ///
    /// Shapes: any → the same.
    Hardtanh {
        /// The least value.
        low: f64 = -1.0,
        /// The largest value.
        high: f64 = 1.0
    } => |x| x.clamp(low, high);

    /// `y = x / (1 + |x|)`.
    ///
    /// Shapes: any → the same.
    Softsign => |x| x / (x.abs() + T::one());

    /// Smooth ramp, `y = ln(1 + exp(beta · x)) / beta`: [`Var::softplus`] as a module. It needs no threshold, as PyTorch's has.
    ///
    /// Shapes: any → the same.
    Softplus {
        /// How sharp it is.
        beta: f64 = 1.0
    } => |x| if beta == 1.0 { x.softplus() } else { (x * T::of(beta)).softplus() / T::of(beta) };

    /// Softmax along an axis: [`Var::softmax`] as a module.
    ///
    /// Shapes: any → the same.
    Softmax {
        /// Along which axis.
        axis: isize = -1
    } => |x| x.softmax(axis);

    /// Logarithm of the softmax along an axis: [`Var::log_softmax`] as a module.
    ///
    /// Shapes: any → the same.
    LogSoftmax {
        /// Along which axis.
        axis: isize = -1
    } => |x| x.log_softmax(axis);

    /// Gated linear unit, `y = a · sigmoid(b)` where a and b are the two halves of x along an axis.
    ///
    /// Shapes: `[…, 2n, …]` → `[…, n, …]`.
    ///
    /// # Panics
    /// `forward`, if the size along the axis is odd.
    ///
    /// Source: Dauphin et al., "Language Modeling with Gated Convolutional Networks" (2017), §2.
    Glu {
        /// Along which axis.
        axis: isize = -1
    } => |x| gated(x, axis);
}

/// Below −FLAT `x · tanh(softplus(x))` is 0, and no x makes it ∞ · 0.
const FLAT: f64 = 1000.0;

#[track_caller]
fn hard_sigmoid<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    (x + T::of(3.0)).clamp(0.0, 6.0) / T::of(6.0)
}

#[track_caller]
fn gated<T: Float>(x: Var<'_, T>, axis: isize) -> Var<'_, T> {
    let shape = x.shape();
    let n = shape[axis_of("Glu", axis, shape.ndim())];
    assert!(n.is_multiple_of(2), "Glu: axis {axis} of {shape:?} has odd size");
    x.narrow(axis, 0, n / 2) * x.narrow(axis, n / 2, n / 2).sigmoid()
}

/// Ramp with a slope that is learnt, `y = x` where x > 0, else `weight · x`.
///
/// Shapes: any → the same; with a slope for each channel `[batch, channels, …]` → the same.
///
/// Parameters: `weight` `[1]`, or `[channels]`; by default 0.25, as PyTorch's.
///
/// # Panics
/// `forward`, if there is a slope for each channel and the second size is another number.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{Module, PRelu}, tensor};
/// let tape = Tape::<f64>::new();
/// assert_eq!(PRelu::init(1).forward(tape.constant(tensor![-4.0, 4.0])).value().to_vec(), [-1.0, 4.0]);
/// ```
/// Source: He et al., "Delving Deep into Rectifiers" (2015), §2.1.
#[derive(Debug)]
pub struct PRelu<T: Float> {
    /// The slopes.
    pub weight: Param<T>,
}

impl<T: Float> PRelu<T> {
    /// The module with these slopes.
    ///
    /// # Panics
    /// If they are not of rank 1.
    #[track_caller]
    pub fn new(weight: Tensor<T>) -> Self {
        assert!(weight.ndim() == 1, "PRelu: weight {:?}, not [1] or [channels]", weight.shape());
        PRelu { weight: Param::new(weight) }
    }

    /// The module with `count` slopes of 0.25: one for all, or one for each channel.
    pub fn init(count: usize) -> Self {
        Self::new(Tensor::full([count], T::of(0.25)))
    }
}

crate::parts!(PRelu<T> { weight });

impl<T: Float> Module<T> for PRelu<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (shape, count) = (x.shape(), self.weight.value.len());
        let mut slope = x.tape().param(&self.weight);
        if count != 1 {
            assert!(shape.get(1) == Some(&count), "PRelu: input {shape:?}, expected [batch, {count}, …]");
            slope = slope.reshape(&along_channels(count, shape.ndim())[..]);
        }
        noted(self, x.relu() + x.clamp(f64::NEG_INFINITY, 0.0) * slope)
    }
}
