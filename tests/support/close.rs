//! Tensors that must agree but for rounding.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use rensa::Tensor;

use crate::differences::compare;

/// Panics unless the two have one shape and differ nowhere by more than `tolerance` times the largest expected element, or times 1.
/// NaN is never close.
#[track_caller]
pub fn assert_close(found: &Tensor<f64>, expected: &Tensor<f64>, tolerance: f64) {
    assert_eq!(found.shape(), expected.shape());
    let scale = expected.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
    if let Err(why) = compare(&found.to_vec(), &expected.to_vec(), tolerance * scale) {
        panic!("{why}; found {found:?}, expected {expected:?}");
    }
}
