//! What most programs need, for `use rensa::prelude::*`.

pub use crate::nn::{Module, Parts};
pub use crate::optim::{Optimizer, Schedule, Scheduled};
pub use crate::{Ellipsis, Float, Gradients, NewAxis, Param, Reduction, Tape, Tensor, Var, keep, parts, slice, tensor};
