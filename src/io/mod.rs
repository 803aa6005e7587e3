//! Files of parameters. Knows modules; a write is whole or does not happen, a load changes everything or nothing.

mod atomic;
#[cfg(feature = "safetensors")]
mod safetensors;

pub use atomic::write_atomically;
#[cfg(feature = "safetensors")]
pub use safetensors::{Stored, load, save};
