//! rensa
mod error;
mod float;
mod graph;
mod kernel;
pub mod ops;
mod shape;
mod storage;
mod tensor;

pub use error::{Error, Result};
pub use float::{Float, Gemm};
pub use graph::*;
pub use ops::{Reduction, Targets};
#[doc(hidden)]
pub use storage::{Block, FreeList, LocalFreeList};
pub use shape::{Axes, Layout, Shape, keep};
pub use tensor::{Ellipsis, Iter, Nested, NewAxis, NewShape, SliceItem, Tensor};
