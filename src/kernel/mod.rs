//! The loops: everything that computes on elements; `sharing` decides when to go parallel.
//!
//! Knows tensors, nothing of tapes. Work is cut into pieces whose sizes never depend on the number of threads, and pieces are
//! combined in a fixed order, so the bits of a result do not depend on it either.

mod arith;
pub(crate) mod awake;
pub(crate) mod change;
pub(crate) mod compare;
pub(crate) mod conv;
pub(crate) mod distance;
#[cfg(feature = "scalars")]
mod dual;
pub(crate) mod fold;
pub(crate) mod gather;
pub(crate) mod joint;
pub(crate) mod lanes;
pub(crate) mod map;
mod math;
pub(crate) mod matmul;
mod native;
pub(crate) mod normalize;
pub(crate) mod pad;
pub(crate) mod pool;
pub(crate) mod reduce;
mod rows;
mod sharing;
pub(crate) mod simd;
pub(crate) mod sort;
pub(crate) mod sums;
mod triangle;
pub(crate) mod upsample;
pub(crate) mod wide;

pub(crate) use sharing::{PIECE, chunks, join, piece_of, pieces, planes, worth_sharing};
