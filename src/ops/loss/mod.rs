//! Losses: how far an output is from what it should be.
//!
//! Those with options take a [`Reduction`] alone, or a struct of options that has one: `x.cross_entropy(&classes, Reduction::Sum)`, or
//! `x.cross_entropy(&classes, CrossEntropy::new().label_smoothing(0.1))`, whose reduction is the mean unless it is told another.

mod binary;
mod class;
mod divergence;
mod embedding;
mod error;
mod hinge;
mod nll;
mod pair;

pub use binary::{Bce, BceWithLogits};
pub use class::{CrossEntropy, Targets};
pub use embedding::TripletMargin;
pub use nll::Nll;

use super::Specimen;
use crate::float::Float;
use crate::graph::Var;
use crate::tensor::Tensor;

/// What becomes of the losses of the examples in a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reduction {
    /// Their mean, `[]`; of none it is NaN.
    Mean,
    /// Their sum, `[]`.
    Sum,
    /// Nothing: one loss per example.
    None,
}

impl Reduction {
    /// The losses, reduced.
    #[track_caller]
    fn of<'t, T: Float>(self, losses: Var<'t, T>) -> Var<'t, T> {
        match self {
            Reduction::Mean => losses.mean(..),
            Reduction::Sum => losses.sum(..),
            Reduction::None => losses,
        }
    }

    /// The losses of examples that count differently, reduced: the mean is their sum by that of their `weights`.
    #[track_caller]
    fn of_weighted<'t, T: Float>(self, losses: Var<'t, T>, weights: &Tensor<T>) -> Var<'t, T> {
        match self {
            Reduction::Mean => losses.sum(..) / weights.sum(..).item(),
            Reduction::Sum => losses.sum(..),
            Reduction::None => losses,
        }
    }
}

/// Checks that target and output are of one shape: one that broadcasts is nearly always a mistake.
#[track_caller]
fn check_shapes<T: Float>(op: &str, x: Var<'_, T>, target: Var<'_, T>) {
    let (x, t) = (x.shape(), target.shape());
    assert!(x == t, "{op}: {x:?} and target {t:?} differ in shape");
}

/// Specimens of all losses.
pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    let mut all = class::specimens();
    all.extend(nll::specimens());
    all.extend(binary::specimens());
    all.extend(error::specimens());
    all.extend(divergence::specimens());
    all.extend(hinge::specimens());
    all.extend(embedding::specimens());
    all
}
