//! The fully connected layer.

use rand::Rng;

use super::summary::noted;
use super::{Init, Module};
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::tensor::Tensor;

/// Fully connected layer, `y = x · Wᵀ + b`.
///
/// Shapes: `[…, inputs]` → `[…, outputs]`.
///
/// Parameters: `weight` `[outputs, inputs]`, `bias` `[outputs]`; by default both uniform on `±1/√inputs`, as PyTorch's.
///
/// # Panics
/// `forward`, if the last size of the input is not `inputs`.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{Linear, Module}, tensor};
/// let layer = Linear::new(tensor![[1.0, 2.0]], tensor![0.5]);
/// let tape = Tape::<f64>::new();
/// assert_eq!(layer.forward(tape.constant(tensor![[3.0, 4.0]])).item(), 11.5);
/// ```
/// Source: LeCun et al., "Efficient BackProp" (1998), §4.6, for the default.
#[derive(Debug)]
pub struct Linear<T: Float> {
    /// W, `[outputs, inputs]`.
    pub weight: Param<T>,
    /// b, `[outputs]`; none where there is no bias.
    pub bias: Option<Param<T>>,
}

impl<T: Float> Linear<T> {
    /// The layer with these weights.
    ///
    /// # Panics
    /// If `weight` is not of shape `[outputs, inputs]` and `bias` of `[outputs]`.
    #[track_caller]
    pub fn new(weight: Tensor<T>, bias: Tensor<T>) -> Self {
        let (w, b) = (weight.shape(), bias.shape());
        assert!(
            w.ndim() == 2 && *b == w[..1],
            "Linear: weight {w:?} and bias {b:?}, not [outputs, inputs] and [outputs]"
        );
        Linear { weight: Param::new(weight), bias: Some(Param::new(bias)) }
    }

    /// The layer with its default weights.
    pub fn init(inputs: usize, outputs: usize, rng: &mut impl Rng) -> Self {
        let bound = 1.0 / (inputs.max(1) as f64).sqrt();
        Self::init_with(inputs, outputs, Init::of_layer(), Init::uniform(-bound, bound), rng)
    }

    /// The layer with weights and biases drawn from these.
    pub fn init_with(inputs: usize, outputs: usize, weight: Init, bias: Init, rng: &mut impl Rng) -> Self {
        let weight = weight.draw([outputs, inputs], rng);
        Self::new(weight, bias.draw([outputs], rng))
    }

    /// Without a bias, `y = x · Wᵀ`.
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }
}

crate::parts!(Linear<T> { weight, bias });

impl<T: Float> Module<T> for Linear<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (shape, inputs) = (x.shape(), self.weight.value.shape()[1]);
        assert!(shape.last() == Some(&inputs), "Linear: input {shape:?}, expected […, {inputs}]");
        noted(self, project(x, &self.weight, self.bias.as_ref()))
    }
}

/// `x · Wᵀ + b`.
#[track_caller]
pub(super) fn project<'t, T: Float>(x: Var<'t, T>, weight: &Param<T>, bias: Option<&Param<T>>) -> Var<'t, T> {
    let y = x.matmul(x.tape().param(weight).t());
    // Not by a closure, which would not pass on the caller's line.
    match bias {
        Some(bias) => y + x.tape().param(bias),
        None => y,
    }
}
