//! The angle of a point in the plane.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::map::zip;
use crate::tensor::Tensor;

/// The angle of `(x, y)`, broadcast, from its inputs y and x.
#[derive(Debug)]
struct Atan2;

impl<T: Float> Op<T> for Atan2 {
    fn name(&self) -> &'static str {
        "atan2"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].atan2(xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([y, x], g) = (p.inputs(), p.g);
        p.accum(0, || g * Var::apply(OverSquare, &[x, y]));
        p.accum(1, || -(g * Var::apply(OverSquare, &[y, x])));
    }
}

/// `r = a / (a² + b²)`, and 0 at the origin; no square overflows or vanishes.
#[derive(Debug)]
struct OverSquare;

impl<T: Float> Op<T> for OverSquare {
    fn name(&self) -> &'static str {
        "over_square"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("over_square", xs[0], xs[1], |a, b| {
            let size = a.hypot(b);
            let limit = size == T::zero() || (a.is_infinite() && !b.is_nan());
            if limit { T::zero() } else { a / size / size }
        })
    }

    // With s = b / (a² + b²): ∂r/∂a = s² − r² and ∂r/∂b = −2 r s.
    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([a, b], r, g) = (p.inputs(), p.y, p.g);
        let s = Var::apply(OverSquare, &[b, a]);
        p.accum(0, || g * (s - r) * (s + r));
        p.accum(1, || g * r * s * T::of(-2.0));
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Angle in radians, from −π to π, of the point whose ordinate is `self` and whose abscissa is `x`: `atan(y/x)` in the right
    /// quadrant.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Gradient
    /// `ā = ȳ · x / (x² + a²)` and `x̄ = −ȳ · a / (x² + a²)`, where a is `self`; 0 at the origin.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn atan2(self, x: Var<'t, T>) -> Self {
        Var::apply(Atan2, &[self, x])
    }
}

impl<T: Float> Tensor<T> {
    /// Angle in radians, from −π to π, of the point whose ordinate is `self` and whose abscissa is `x`: `atan(y/x)` in the right
    /// quadrant.
    ///
    /// Shapes: broadcast against each other.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// # use std::f64::consts::PI;
    /// assert_eq!(tensor![1.0, 0.0].atan2(&tensor![0.0, -1.0]).to_vec(), [PI / 2.0, PI]);
    /// ```
    #[track_caller]
    pub fn atan2(&self, x: &Tensor<T>) -> Tensor<T> {
        zip("atan2", self, x, T::atan2)
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    // The angle jumps where x < 0 = y; away from there and from the origin it is smooth.
    vec![
        specimen!("atan2", |y, x| y.atan2(x), [[2, 3], [2, 3]], [[3, 1], [1, 4]], [[], [2, 3]], [[], []], [[0, 3], [1, 3]])
            .kinks([0.0]),
        specimen!("over_square", |a, b| Var::apply(OverSquare, &[a, b]), [[2, 3], [3]], [[], []], [[0, 3], [1]])
            .on(0.5..2.0),
    ]
}
