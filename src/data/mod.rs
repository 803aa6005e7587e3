//! Data: files, drawn digits, and batches of examples. Knows tensors, nothing of nets.

mod dataset;
pub mod digits;
pub mod idx;
mod loader;

pub use dataset::Dataset;
pub use loader::Loader;
