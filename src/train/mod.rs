//! Training and what is measured during it. Knows nets, optimizers, data and files.

mod accuracy;
#[cfg_attr(not(feature = "safetensors"), allow(dead_code, reason = "without the format nothing is saved or read back"))]
mod history;
mod metrics;
mod observer;
#[cfg_attr(not(feature = "safetensors"), allow(dead_code, reason = "without the format nothing is saved or read back"))]
mod resume;
mod trainer;

pub use accuracy::accuracy;
pub use history::History;
pub use metrics::{ConfusionMatrix, top_k_accuracy};
#[cfg(feature = "progress")]
pub use observer::ProgressBar;
pub use observer::{Lines, Observer, Progress};
pub use trainer::{Ended, Trainer};
