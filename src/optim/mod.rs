//! Optimizers: what becomes of parameters, given gradients, and how the learning rate goes. Knows modules and gradients, nothing of
//! data.
//!
//! [`Sgd`], [`Adagrad`], [`RmsProp`], [`Adadelta`], [`Adam`], [`AdamW`], [`NAdam`], [`RAdam`] and [`Lion`] change each parameter by
//! itself: they are [`UpdateRule`]s, in one file each, carried out by an [`Updater`]. [`Lbfgs`] sees all parameters at once and asks
//! for the loss again. Hyperparameters are `f64` for parameters of any type, named as PyTorch's arguments and with its defaults.

mod adadelta;
mod adagrad;
mod adam;
mod adamw;
mod group;
mod lbfgs;
mod line_search;
mod lion;
mod nadam;
mod radam;
mod refuse;
mod rmsprop;
mod rule;
mod schedule;
mod sgd;
mod updater;

pub use adadelta::{Adadelta, AdadeltaRule};
pub use adagrad::{Adagrad, AdagradRule};
pub use adam::{Adam, AdamRule};
pub use adamw::AdamW;
pub use lbfgs::Lbfgs;
pub use lion::{Lion, LionRule};
pub use nadam::{NAdam, NAdamRule};
pub use radam::{RAdam, RAdamRule};
pub use refuse::RefuseNonFinite;
pub use rmsprop::{RmsProp, RmsPropRule};
pub use rule::{Update, UpdateRule, flush};
pub use schedule::{
    Annealing, CosineAnnealingLr, CosineAnnealingWarmRestarts, ExponentialLr, LinearLr, MultiStepLr, OneCycleLr,
    ReduceLrOnPlateau, Schedule, StepLr, Then,
};
pub use sgd::{Sgd, SgdRule};
pub use updater::Updater;

use crate::error::{Error, Result};
use crate::float::Float;
use crate::graph::Gradients;
use crate::nn::{Parts, Path, State};

/// What a [`Schedule`] drives: anything with a learning rate.
pub trait Scheduled {
    /// The learning rate.
    fn lr(&self) -> f64;

    /// Sets the learning rate. Those of parameter groups keep their ratio to it.
    fn set_lr(&mut self, lr: f64);

    /// Sets the momentum, or in the optimizers of Adam's kind β₁.
    ///
    /// # Panics
    /// If there is none.
    fn set_momentum(&mut self, momentum: f64);
}

/// A rule that changes parameters by their gradients.
pub trait Optimizer<T: Float>: Scheduled {
    /// Changes every parameter of `parts` that is not frozen, in place where nobody else holds its value.
    ///
    /// # Errors
    /// If one of them has no gradient: names it and says why. Then none is changed.
    fn step(&mut self, parts: &mut dyn Parts<T>, gradients: &Gradients<T>) -> Result<()>;

    /// What it remembers from step to step of the parameters of `parts`, by dotted names: `0.weight.exp_avg`, `0.weight.step`; and the
    /// learning rate, `lr`. The other hyperparameters are the program's.
    ///
    /// With [`Parts::state`] that is what it takes to go on with the same bits.
    fn state(&self, parts: &dyn Parts<T>) -> State<T>;

    /// Takes over a state.
    ///
    /// # Errors
    /// If something is missing, unexpected, or of another shape: lists all of it. Then nothing is changed.
    fn load_state(&mut self, parts: &dyn Parts<T>, state: State<T>) -> Result<()>;

    /// This optimizer, refusing steps over gradients that are not finite: its `step` is then an error that names the parameter.
    fn refuse_non_finite(self) -> RefuseNonFinite<Self>
    where
        Self: Sized,
    {
        RefuseNonFinite { inner: self }
    }
}

/// Checks that every parameter that is not frozen has a gradient, of its shape.
fn check_gradients<T: Float>(parts: &dyn Parts<T>, gradients: &Gradients<T>) -> Result<()> {
    let mut wrong = None;
    parts.visit(&Path::ROOT, &mut |path, param| {
        if wrong.is_some() || param.is_frozen() {
            return;
        }
        let reason = match gradients.get(param) {
            Ok(gradient) if gradient.shape() == param.value.shape() => return,
            Ok(gradient) => changed_shape(gradient.shape(), param.value.shape(), "when its gradient was computed"),
            Err(reason) => reason.to_string(),
        };
        wrong = Some(Error::Parameter { name: path.to_string(), reason });
    });
    wrong.map_or(Ok(()), Err)
}

fn changed_shape(before: &[usize], now: &[usize], when: &str) -> String {
    format!("it has shape {now:?}, and had {before:?} {when}")
}
