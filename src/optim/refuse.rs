//! Steps over gradients that are not finite, refused.

use super::{Optimizer, Scheduled, check_gradients};
use crate::error::{Error, Result};
use crate::float::Float;
use crate::graph::Gradients;
use crate::kernel::reduce::all_finite;
use crate::nn::{Parts, Path, State};

/// An optimizer that takes no step over a gradient with a NaN or ∞, which would spoil the parameters for good; made by
/// [`Optimizer::refuse_non_finite`].
///
/// # Examples
/// ```
/// use rensa::{Gradients, Tape, nn::{Linear, Module}, optim::{Optimizer, Sgd}, tensor};
/// let mut layer = Linear::<f64>::new(tensor![[1.0]], tensor![0.0]);
/// let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
/// tape.step(&mut gradients, |tape| layer.forward(tape.constant(tensor![[f64::MAX]])).exp().sum(..));
/// let error = Sgd::new(0.1).refuse_non_finite().step(&mut layer, &gradients).unwrap_err();
/// assert!(error.to_string().starts_with("parameter `weight`: the gradient is inf at element 0 of [1, 1]"));
/// assert_eq!(layer.weight.value.item(), 1.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RefuseNonFinite<O> {
    /// The optimizer that takes the steps.
    pub inner: O,
}

impl<O: Scheduled> Scheduled for RefuseNonFinite<O> {
    fn lr(&self) -> f64 {
        self.inner.lr()
    }

    fn set_lr(&mut self, lr: f64) {
        self.inner.set_lr(lr);
    }

    #[track_caller]
    fn set_momentum(&mut self, momentum: f64) {
        self.inner.set_momentum(momentum);
    }
}

impl<T: Float, O: Optimizer<T>> Optimizer<T> for RefuseNonFinite<O> {
    fn step(&mut self, parts: &mut dyn Parts<T>, gradients: &Gradients<T>) -> Result<()> {
        check_gradients(parts, gradients)?;
        check_finite(parts, gradients)?;
        self.inner.step(parts, gradients)
    }

    fn state(&self, parts: &dyn Parts<T>) -> State<T> {
        self.inner.state(parts)
    }

    fn load_state(&mut self, parts: &dyn Parts<T>, state: State<T>) -> Result<()> {
        self.inner.load_state(parts, state)
    }
}

/// Checks that no gradient of a parameter that is not frozen has a NaN or ∞.
pub(super) fn check_finite<T: Float>(parts: &dyn Parts<T>, gradients: &Gradients<T>) -> Result<()> {
    let mut wrong = None;
    parts.visit(&Path::ROOT, &mut |path, param| {
        if wrong.is_some() || param.is_frozen() {
            return;
        }
        let Ok(gradient) = gradients.get(param) else { return };
        if all_finite(gradient) {
            return;
        }
        if let Some((at, x)) = gradient.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            let reason = format!(
                "the gradient is {x:?} at element {at} of {:?}; Tape::trap_non_finite tells where that arises",
                gradient.shape()
            );
            wrong = Some(Error::Parameter { name: path.to_string(), reason });
        }
    });
    wrong.map_or(Ok(()), Err)
}
