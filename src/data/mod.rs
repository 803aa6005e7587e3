//! Data: files, drawn digits, toy sets, transforms, and batches of examples. Knows tensors, nothing of nets.

mod dataset;
pub mod digits;
mod examples;
pub mod idx;
mod loader;
mod order;
mod prefetch;

pub use dataset::Dataset;
pub use examples::{Examples, Map, Subset};
pub use loader::{Epoch, Loader, Position};
