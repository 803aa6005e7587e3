//! Training and what is measured during it. Knows modules and data.

mod accuracy;
mod metrics;

pub use accuracy::accuracy;
pub use metrics::{ConfusionMatrix, top_k_accuracy};
