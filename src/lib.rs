#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
// Chapters, from the ground up. A module uses only those above it.

mod error;
mod float;
mod storage;

mod shape;

mod tensor;

#[cfg(any(feature = "scalars", feature = "half"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "scalars", feature = "half"))))]
pub mod scalar;

mod file;

mod kernel;

mod graph;

pub mod ops;

pub mod functional;

pub mod nn;

pub mod check;

pub mod data;
pub mod optim;

pub mod io;

pub mod viz;

pub mod train;

pub mod prelude;

pub use error::{Error, Result};
pub use float::{Float, Gemm};
pub use graph::{
    Contribution, GradientKey, Gradients, NoGradient, Op, Param, ParamId, Paused, Pullback, RawPullback, Reason, Step,
    Tape, Var,
};
pub use kernel::awake::awake;
pub use kernel::conv::Conv;
pub use kernel::pad::PadMode;
pub use kernel::pool::Pool;
pub use kernel::upsample::Upsample;
pub use ops::{Contraction, Reduction, Targets};
pub use shape::{Axes, Layout, Padding, PerAxis, Shape, keep};
#[doc(hidden)]
pub use storage::{Block, FreeList, LocalFreeList};
pub use tensor::{Ellipsis, Iter, Nested, NewAxis, NewShape, SliceItem, Tensor};
