//! Files of arrays and of parameters: npy, npz and safetensors. Knows modules; a write is whole or does not happen, a load changes
//! everything or nothing, and nothing that a file says of itself is believed.

#[cfg(feature = "npz")]
mod npz;
#[cfg(feature = "safetensors")]
mod parameters;
#[cfg(feature = "safetensors")]
mod safetensors;

pub use crate::file::{Array, Arrays, Dtype, Element, read_npy, write_atomically, write_npy};
#[cfg(feature = "npz")]
pub use npz::{read_npz, write_npz, write_npz_compressed};
#[cfg(feature = "safetensors")]
pub use parameters::{Report, Stored, load, load_partial, save};
#[cfg(feature = "safetensors")]
pub use safetensors::{load_tensors, save_tensors};
