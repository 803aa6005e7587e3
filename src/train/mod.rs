//! Training and what is measured during it. Knows modules and data.

mod accuracy;

pub use accuracy::accuracy;
