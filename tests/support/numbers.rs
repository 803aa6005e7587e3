//! Lists of numbers that must be those expected.

#![allow(unreachable_pub, reason = "a module of tests")]

/// NaN for NaN, and else the same number.
#[track_caller]
pub fn is(found: &[f64], expected: &[f64]) {
    let same = |a: &f64, b: &f64| a == b || (a.is_nan() && b.is_nan());
    let equal = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| same(a, b));
    assert!(equal, "{found:?}, expected {expected:?}");
}

/// The same number, but for a relative error of 1e-14; never NaN.
#[track_caller]
pub fn near(found: &[f64], expected: &[f64]) {
    let close = |a: &f64, b: &f64| a == b || (a - b).abs() <= 1e-14 * b.abs().max(1e-300);
    let equal = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| close(a, b));
    assert!(equal, "{found:?}, expected {expected:?}");
}
