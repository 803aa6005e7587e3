//! Scalars that are more than a number, to be the elements of tensors on the same tapes and through the same nets: dual numbers,
//! which carry a derivative, and intervals, which enclose every value that is possible.
//!
//! [`Dual`] and [`Interval`] need the feature `scalars`, the halves [`f16`](struct@f16) and [`bf16`] the feature `half`. Knows tensors, to take
//! them apart and to put them together, but computes on single numbers only.

#[cfg(feature = "scalars")]
mod dual;
#[cfg(feature = "half")]
mod half;
#[cfg(feature = "scalars")]
mod interval;

#[cfg(feature = "half")]
#[cfg_attr(docsrs, doc(cfg(feature = "half")))]
pub use ::half::{bf16, f16};
#[cfg(feature = "scalars")]
#[cfg_attr(docsrs, doc(cfg(feature = "scalars")))]
pub use {dual::Dual, interval::Interval};
