//! Stochastic gradient descent.

use super::{Optimizer, check_gradients};
use crate::error::Result;
use crate::float::Float;
use crate::graph::Gradients;
use crate::kernel::map::update;
use crate::nn::{Parts, Path};
use crate::tensor::Tensor;

/// Stochastic gradient descent, `w ← w − rate · w̄`.
///
/// # Examples
/// ```
/// use rensa::{Gradients, Tape, nn::{Linear, Module}, optim::{Optimizer, Sgd}, tensor};
/// let mut layer = Linear::new(tensor![[1.0]], tensor![0.0]);
/// let (mut tape, mut gradients) = (Tape::<f64>::new(), Gradients::new());
/// tape.step(&mut gradients, |tape| layer.forward(tape.constant(tensor![[2.0]])).sum(..));
/// Sgd::new(0.1).step(&mut layer, &gradients)?;
/// assert_eq!(layer.weight.value.item(), 0.8);
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Robbins, Monro, "A Stochastic Approximation Method" (1951).
#[derive(Clone, Copy, Debug)]
pub struct Sgd<T> {
    /// The learning rate.
    pub rate: T,
}

impl<T: Float> Sgd<T> {
    /// With this learning rate.
    pub fn new(rate: T) -> Self {
        Sgd { rate }
    }
}

impl<T: Float> Optimizer<T> for Sgd<T> {
    fn step(&mut self, parts: &mut dyn Parts<T>, gradients: &Gradients<T>) -> Result<()> {
        check_gradients(parts, gradients)?;
        let rate = self.rate;
        parts.visit_mut(&Path::ROOT, &mut |_, param| {
            if let Ok(gradient) = gradients.get(&*param) {
                let value = std::mem::replace(&mut param.value, Tensor::vacant());
                param.value = update(value, gradient, |w, g| w - rate * g);
            }
        });
        Ok(())
    }
}
