//! rensa
mod error;
mod float;
mod kernel;
mod shape;
mod storage;
mod tensor;

pub use error::{Error, Result};
pub use float::{Float, Gemm};
pub use shape::{Axes, Layout, Shape, keep};
pub use tensor::{Ellipsis, Iter, Nested, NewAxis, SliceItem, Tensor};
