//! Scalars that are more than a number, to be the elements of tensors on the same tapes and through the same nets: dual numbers,
//! which carry a derivative, and intervals, which enclose every value that is possible.
//!
//! [`Dual`] and [`Interval`] need the feature `scalars`. Knows tensors, to take them apart and to put them together, but computes on single numbers only.

mod dual;
mod interval;

pub use {dual::Dual, interval::Interval};
