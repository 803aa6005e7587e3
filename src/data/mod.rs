//! Data: files, drawn digits, toy sets, transforms, and batches of examples. Knows tensors, nothing of nets.

pub mod cifar;
#[cfg(feature = "csv")]
pub mod csv;
mod dataset;
pub mod digits;
#[cfg(feature = "download")]
pub mod download;
mod examples;
pub mod idx;
mod loader;
#[cfg(feature = "mmap")]
mod mapped;
mod order;
mod prefetch;
pub mod text;
pub mod toy;
mod transform;

#[cfg(feature = "mmap")]
pub use crate::storage::Mapping;
pub use dataset::Dataset;
pub use examples::{Examples, Map, Subset};
pub use loader::{Epoch, Loader, Position};
#[cfg(feature = "mmap")]
pub use mapped::{MappedArray, MappedDataset};
pub use transform::{Normalizer, random_crop, random_flip};
