//! Optimizers: what becomes of parameters, given gradients. Knows modules and gradients, nothing of data.

mod refuse;
mod sgd;

pub use refuse::RefuseNonFinite;
pub use sgd::Sgd;

use crate::error::{Error, Result};
use crate::float::Float;
use crate::graph::Gradients;
use crate::nn::{Parts, Path};

/// A rule that changes parameters by their gradients.
pub trait Optimizer<T: Float> {
    /// Changes every parameter of `parts` that is not frozen, in place where nobody else holds its value.
    ///
    /// # Errors
    /// If one of them has no gradient: names it and says why. Then none is changed.
    fn step(&mut self, parts: &mut dyn Parts<T>, gradients: &Gradients<T>) -> Result<()>;

    /// This optimizer, refusing steps over gradients that are not finite: its `step` is then an error that names the parameter.
    fn refuse_non_finite(self) -> RefuseNonFinite<Self>
    where
        Self: Sized,
    {
        RefuseNonFinite { inner: self }
    }
}

/// Checks that every parameter that is not frozen has a gradient.
fn check_gradients<T: Float>(parts: &dyn Parts<T>, gradients: &Gradients<T>) -> Result<()> {
    let mut missing = None;
    parts.visit(&Path::ROOT, &mut |path, param| {
        if missing.is_none()
            && !param.is_frozen()
            && let Err(reason) = gradients.get(param)
        {
            missing = Some(Error::Parameter { name: path.to_string(), reason: reason.to_string() });
        }
    });
    missing.map_or(Ok(()), Err)
}
