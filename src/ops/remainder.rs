//! The remainder of a division.

use super::compare::CONSTANT;
use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::map::zip;
use crate::tensor::Tensor;

/// What division leaves: the remainder that has the sign of a, which `%` gives exactly, and 1 where that is to be made up to the sign
/// of b, else 0.
#[inline]
fn divide<T: Float>(a: T, b: T) -> (T, T) {
    let (rest, zero, one) = (a % b, T::zero(), T::one());
    (rest, b.if_positive((-rest).if_positive(one, zero), rest.if_positive(one, zero)))
}

/// The remainder that has the sign of b.
#[inline]
fn remainder<T: Float>(a: T, b: T) -> T {
    let (rest, missing) = divide(a, b);
    missing.if_positive(rest + b, rest)
}

/// `y = a − b · floor(a / b)`, broadcast.
#[derive(Debug)]
struct Remainder;

impl<T: Float> Op<T> for Remainder {
    fn name(&self) -> &'static str {
        "remainder"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].remainder(xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([a, b], g) = (p.inputs(), p.g);
        p.accum(0, || g);
        p.accum(1, || -(g * Var::apply(FloorQuotient, &[a, b])));
    }
}

/// `y = floor(a / b)`, the quotient that belongs to the remainder.
#[derive(Debug)]
struct FloorQuotient;

impl<T: Float> Op<T> for FloorQuotient {
    fn name(&self) -> &'static str {
        "floor_quotient"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("floor_quotient", xs[0], xs[1], |a, b| {
            let (rest, missing) = divide(a, b);
            ((a - rest) / b).round() - missing
        })
    }

    fn vjp<'t>(&self, _: &mut Pullback<'t, T>) {}

    fn no_rule(&self, _: usize) -> Option<&'static str> {
        Some(CONSTANT)
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Remainder of the division by `divisor`, `y = a − b · floor(a / b)`, which has the sign of the divisor, as in Python; NaN where that is 0.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Gradient
    /// `ā = ȳ` and `b̄ = −ȳ · floor(a / b)`, also where the remainder jumps.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn remainder(self, divisor: Var<'t, T>) -> Self {
        Var::apply(Remainder, &[self, divisor])
    }
}

impl<T: Float> Tensor<T> {
    /// Remainder of the division by `divisor`, `y = a − b · floor(a / b)`, which has the sign of the divisor, as in Python; NaN where that is 0.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let y = tensor![5.0, -5.0, 5.0].remainder(&tensor![3.0, 3.0, -3.0]);
    /// assert_eq!(y.to_vec(), [2.0, 1.0, -1.0]);
    /// ```
    #[track_caller]
    pub fn remainder(&self, divisor: &Tensor<T>) -> Tensor<T> {
        zip("remainder", self, divisor, remainder)
    }
}

/// `a + c b`, so that quotients stay away from whole numbers, where the remainder jumps.
#[track_caller]
fn between<'t, T: Float>(a: Var<'t, T>, b: Var<'t, T>, c: f64) -> Var<'t, T> {
    (a * T::of(0.1) + b * T::of(c)).remainder(b)
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("remainder", |a, b| between(a, b, 2.5), [[2, 3], [2, 3]], [[3, 1], [1, 4]], [[], []], [[0, 3], [1]])
            .on(0.5..2.0),
        specimen!("remainder below 0", |a, b| between(a, b, -1.5), [[2, 3], [3]], [[], [2]]).on(0.5..2.0),
        specimen!("remainder by a number below 0", |a, b| between(a, -b, 3.5), [[2, 3], [3]], [[], [2]]).on(0.5..2.0),
        specimen!("floor_quotient", |a, b| Var::apply(FloorQuotient, &[a * T::of(0.1) + b * T::of(2.5), b]), [[2], [2]], [
            [0],
            [0]
        ])
        .on(0.5..2.0)
        .flat(),
    ]
}
