//! Files below any format of nets or data: writing whole or not at all, reading within bounds, element types, and the npy format.
//!
//! Knows tensors, nothing of nets. What is public here is found under [`io`](crate::io).

mod array;
mod atomic;
mod element;
mod npy;
mod source;

pub use array::{Array, Arrays};
#[cfg(any(feature = "download", feature = "npz", feature = "safetensors"))]
pub(crate) use atomic::Replacement;
pub use atomic::write_atomically;
pub use element::{Dtype, Element};
#[cfg(feature = "mmap")]
pub(crate) use element::{Order, decode};
#[cfg(any(feature = "mmap", feature = "npz"))]
pub(crate) use npy::Header;
#[cfg(feature = "npz")]
pub(crate) use npy::{Fault, array_of, header_of};
pub use npy::{read_npy, write_npy};
pub(crate) use source::{open, read};
