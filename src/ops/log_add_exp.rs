//! The logarithm of a sum of two exponentials.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::map::zip;
use crate::tensor::Tensor;

/// `y = ln(eᵃ + eᵇ)`, broadcast.
#[derive(Debug)]
struct LogAddExp;

impl<T: Float> Op<T> for LogAddExp {
    fn name(&self) -> &'static str {
        "log_add_exp"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].log_add_exp(xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([a, b], g) = (p.inputs(), p.g);
        p.accum(0, || g * Var::apply(LogisticDifference, &[a, b]));
        p.accum(1, || g * Var::apply(LogisticDifference, &[b, a]));
    }
}

/// `y = 1 / (1 + eᵇ⁻ᵃ)`, the share of eᵃ in the sum; of equal infinities a half, but of two that are −∞, whose sum is empty, 0.
#[derive(Debug)]
struct LogisticDifference;

impl<T: Float> Op<T> for LogisticDifference {
    fn name(&self) -> &'static str {
        "logistic_difference"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("logistic_difference", xs[0], xs[1], |a, b| {
            if a == b && a.is_infinite() {
                return if a < T::zero() { T::zero() } else { T::of(0.5) };
            }
            (a - b).lane_sigmoid()
        })
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let (y, g) = (p.y, p.g);
        p.accum(0, || g * y * (-y + T::one()));
        p.accum(1, || -(g * y * (-y + T::one())));
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Logarithm of the sum of exponentials, `y = ln(eᵃ + eᵇ)`, PyTorch's `logaddexp`; nothing overflows, and of −∞ twice it is −∞.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Gradient
    /// `ā = ȳ / (1 + eᵇ⁻ᵃ)`, and that of b likewise; 0 for both where both are −∞.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[doc(alias = "logaddexp")]
    #[track_caller]
    pub fn log_add_exp(self, other: Var<'t, T>) -> Self {
        Var::apply(LogAddExp, &[self, other])
    }
}

impl<T: Float> Tensor<T> {
    /// Logarithm of the sum of exponentials, `y = ln(eᵃ + eᵇ)`, PyTorch's `logaddexp`; nothing overflows, and of −∞ twice it is −∞.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let y = tensor![1e4, -1e4].log_add_exp(&tensor![0.0, -1e4]);
    /// assert_eq!(y.to_vec(), [1e4, -1e4 + 2_f64.ln()]);
    /// ```
    #[doc(alias = "logaddexp")]
    #[track_caller]
    pub fn log_add_exp(&self, other: &Tensor<T>) -> Tensor<T> {
        zip("log_add_exp", self, other, |a, b| {
            let (larger, smaller) = if a > b { (a, b) } else { (b, a) };
            let below = if a == b && a.is_infinite() { T::zero() } else { smaller - larger };
            larger + below.lane_exp().lane_ln_1p()
        })
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!(
            "log_add_exp",
            |a, b| a.log_add_exp(b),
            [[2, 3], [2, 3]],
            [[3, 1], [1, 4]],
            [[], [2, 3]],
            [[], []],
            [[0, 3], [1, 3]]
        ),
        specimen!(
            "logistic_difference",
            |a, b| Var::apply(LogisticDifference, &[a, b]),
            [[2, 3], [3]],
            [[], []],
            [[0, 3], [1]]
        ),
    ]
}
