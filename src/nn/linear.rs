//! The fully connected layer.

use rand::Rng;

use super::Module;
use super::summary::noted;
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::tensor::Tensor;

/// Fully connected layer, `y = x · Wᵀ + b`.
///
/// Shapes: `[…, inputs]` → `[…, outputs]`, with `weight` `[outputs, inputs]` and `bias` `[outputs]`.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{Linear, Module}, tensor};
/// let layer = Linear::new(tensor![[1.0, 2.0]], tensor![0.5]);
/// let tape = Tape::<f64>::new();
/// assert_eq!(layer.forward(tape.constant(tensor![[3.0, 4.0]])).item(), 11.5);
/// ```
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

    /// Without a bias, `y = x · Wᵀ`.
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// The layer with weights and biases uniform on `±1/√inputs`.
    ///
    /// Source: the default of PyTorch's `nn.Linear`; LeCun et al., "Efficient BackProp" (1998), §4.6.
    pub fn init(inputs: usize, outputs: usize, rng: &mut impl Rng) -> Self {
        let bound = T::of(1.0 / (inputs.max(1) as f64).sqrt());
        let weight = Tensor::uniform([outputs, inputs], -bound, bound, rng);
        Self::new(weight, Tensor::uniform([outputs], -bound, bound, rng))
    }
}

crate::parts!(Linear<T> { weight, bias });

impl<T: Float> Module<T> for Linear<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        let y = x.matmul(tape.param(&self.weight).t());
        match &self.bias {
            Some(bias) => noted(self, y + tape.param(bias)), // no closure, which would not pass on the caller's line
            None => noted(self, y),
        }
    }
}
