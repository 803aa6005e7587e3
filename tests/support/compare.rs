//! The comparator that judges a tensor against its model. NaN equals only NaN, a length never passes for another.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use std::fmt::Debug;

use rensa::{Float, Tensor};

use crate::oracle::Model;

/// Why `found` is not `expected`, shape by shape and element by element; `close` judges the elements.
fn difference<T: Clone + Debug, U: Clone + Debug>(
    found: &Tensor<T>,
    expected: &Model<U>,
    close: impl Fn(&T, &U) -> bool,
) -> Option<String> {
    if found.shape()[..] != expected.shape[..] {
        return Some(format!("shape {:?}, expected {:?}", found.shape(), expected.shape));
    }
    let elements = found.to_vec();
    if elements.len() != expected.data.len() || found.len() != elements.len() {
        return Some(format!("{} elements, expected {}", elements.len(), expected.data.len()));
    }
    let wrong = elements.iter().zip(&expected.data).position(|(x, y)| !close(x, y))?;
    Some(format!("element {wrong} is {:?}, expected {:?}; all: {elements:?}", elements[wrong], expected.data[wrong]))
}

/// Whether the two are one number, or both NaN. Zeros of different sign are one number.
pub fn same_number<T: Float>(x: T, y: T) -> bool {
    x == y || (x.is_nan() && y.is_nan())
}

/// Whether `x` is `y` but for a relative error of `tolerance`, absolute below 1.
pub fn near(x: f64, y: f64, tolerance: f64) -> bool {
    same_number(x, y) || (x.is_finite() && y.is_finite() && (x - y).abs() <= tolerance * y.abs().max(1.0))
}

/// A property's failure, for `?` in a test.
pub type Outcome = Result<(), proptest::test_runner::TestCaseError>;

fn judge(what: &str, difference: Option<String>) -> Outcome {
    match difference {
        None => Ok(()),
        Some(text) => Err(proptest::test_runner::TestCaseError::fail(format!("{what}: {text}"))),
    }
}

/// Equal shapes and equal numbers.
pub fn same<T: Float>(what: &str, found: &Tensor<T>, expected: &Model<T>) -> Outcome {
    judge(what, difference(found, expected, |&x, &y| same_number(x, y)))
}

/// Equal shapes and equal elements of a type without NaN.
pub fn identical<T: Clone + Debug + PartialEq>(what: &str, found: &Tensor<T>, expected: &Model<T>) -> Outcome {
    judge(what, difference(found, expected, |x, y| x == y))
}

/// Equal shapes, numbers equal but for a few roundings.
pub fn close<T: Float>(what: &str, found: &Tensor<T>, expected: &Model<f64>) -> Outcome {
    let tolerance = 64.0 * T::epsilon().to_f64().unwrap_or(f64::NAN);
    judge(what, difference(found, expected, |x, &y| near(x.to_f64().unwrap_or(f64::NAN), y, tolerance)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rensa::tensor;

    #[test]
    fn the_comparator_tells_nan_from_numbers() {
        let nan = f64::NAN;
        assert!(same_number(nan, nan) && same_number(0.0, -0.0) && same_number(1.5, 1.5));
        assert!(!same_number(nan, 1.0) && !same_number(1.0, nan) && !same_number(1.0, 1.0 + f64::EPSILON));
        assert!(!near(nan, 1.0, 1e9) && !near(1.0, nan, 1e9) && near(nan, nan, 0.0));
        assert!(!near(f64::INFINITY, 1e300, 1.0) && !near(f64::INFINITY, f64::NEG_INFINITY, 1.0));
        assert!(near(f64::INFINITY, f64::INFINITY, 0.0) && near(1.0, 1.0 + 1e-9, 1e-8) && !near(1.0, 1.1, 1e-8));
        let model = Model::new(&[2], vec![1.0, nan]);
        assert!(same("equal", &tensor![1.0, nan], &model).is_ok());
        assert!(same("a number for NaN", &tensor![1.0, 2.0], &model).is_err());
        assert!(close("NaN for a number", &tensor![nan, nan], &model).is_err());
        assert!(close("a number for NaN", &tensor![1.0, 1.0], &model).is_err());
    }

    #[test]
    fn the_comparator_tells_lengths_and_shapes() {
        let model = Model::new(&[3], vec![1.0, 2.0, 3.0]);
        assert!(same("shorter", &tensor![1.0, 2.0], &model).is_err());
        assert!(same("longer", &tensor![1.0, 2.0, 3.0, 4.0], &model).is_err());
        assert!(same("another rank", &tensor![[1.0, 2.0, 3.0]], &model).is_err());
        assert!(identical("empty", &Tensor::from_vec(vec![], [0]).expect("fits"), &Model::new(&[1], vec![1])).is_err());
        assert!(
            identical("empty shapes", &Tensor::<i32>::from_fn([0, 2], |_| 1), &Model::new(&[2, 0], vec![])).is_err()
        );
        assert!(identical("equal", &tensor![1, 2], &Model::new(&[2], vec![1, 2])).is_ok());
    }
}
