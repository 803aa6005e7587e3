//! Reverse-mode differentiation: a tape of operations, and the sweep that walks it backwards.
//!
//! Every operation on a [`Var`] appends a node: its value, the op, the nodes it was computed from, and the line of your program
//! that asked for it. [`Var::backward`] then visits the nodes in reverse. At each it knows the gradient ȳ = ∂loss/∂y that has
//! arrived, asks the op's rule for x̄ᵢ = ȳ · ∂y/∂xᵢ of every input, and adds that to what the input has already got. That
//! product and that sum are the chain rule, and all there is to it; see `backward.rs`.
//!
//! This module names no op beyond the three that the sweep itself is made of (`fan.rs`); the others are in `ops`.

mod absence;
mod adjust;
mod backward;
mod checkpoint;
pub(crate) mod fan;
mod gradients;
mod op;
mod param;
mod recorded;
mod tape;
mod trap;
mod var;
mod ways;

pub use absence::{NoGradient, Reason};
pub use backward::{Contribution, Step};
pub use gradients::{GradientKey, Gradients};
pub use op::{Op, Pullback, RawPullback};
pub use param::{Param, ParamId};
pub(crate) use tape::{Blame, Note};
pub use tape::{Paused, Tape};
pub use var::Var;
