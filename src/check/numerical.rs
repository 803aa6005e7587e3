//! Gradients by central differences at a step of one's own, without judgement.

use crate::float::Float;
use crate::tensor::Tensor;

/// The gradient of `f` at `x` by central differences, `∂f/∂xᵢ ≈ (f(x + h eᵢ) − f(x − h eᵢ)) / 2h`.
///
/// Its error is about `h²/6` times the third derivative, plus the rounding error of `f` divided by `h`; in `f64`, `h = 1e-4` to
/// `1e-5` serves for values around 1.
///
/// Shapes: any → the same.
///
/// # Examples
/// ```
/// use rensa::{check::numerical_gradient, tensor};
/// let gradient = numerical_gradient(|x| (x * x).sum(..).item(), &tensor![1.0, 3.0], 1e-4);
/// assert!((gradient[[0]] - 2.0_f64).abs() < 1e-8 && (gradient[[1]] - 6.0).abs() < 1e-8);
/// ```
/// Source: Saitoh, Deep Learning from Scratch (2016), §4.3.1.
pub fn numerical_gradient<T: Float>(mut f: impl FnMut(&Tensor<T>) -> T, x: &Tensor<T>, h: T) -> Tensor<T> {
    let slopes = (0..x.len()).map(|i| numerical_slope(&mut f, x, i, h)).collect();
    Tensor::from_elements(slopes, x.shape().clone())
}

/// Element `i`, in row-major order, of the [`numerical_gradient`] of `f` at `x`.
///
/// # Panics
/// If `i` is not below the number of elements.
#[track_caller]
pub fn numerical_slope<T: Float>(mut f: impl FnMut(&Tensor<T>) -> T, x: &Tensor<T>, i: usize, h: T) -> T {
    assert!(i < x.len(), "numerical_slope: element {i} of {}", x.len());
    let mut at = |step: T| {
        let mut moved = x.clone();
        let elements = moved.make_mut();
        elements[i] = elements[i] + step;
        f(&moved)
    };
    (at(h) - at(-h)) / (h + h)
}
