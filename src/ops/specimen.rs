//! What the tests know of an op: how to apply it, and to what.

use crate::float::Float;
use crate::graph::Var;

/// An op, or a function made of ops, with the inputs to try it on.
///
/// Generic in the scalar, so that nothing of it is compiled until a test asks for one.
pub struct Specimen<T: Float> {
    /// What it is called; variants of one op differ in what follows a space.
    pub name: &'static str,
    /// Applies it.
    pub apply: for<'t> fn(&[Var<'t, T>]) -> Var<'t, T>,
    /// The shapes of its inputs, case by case.
    pub cases: Vec<Vec<Vec<usize>>>,
    /// Inputs are drawn from this interval.
    pub domain: std::ops::Range<f64>,
    /// Where it is not smooth in an input; values drawn keep away from these.
    pub kinks: Vec<f64>,
    /// Whether its gradient is 0 wherever it has one, so that a check which finds zeros only is not suspicious.
    pub flat: bool,
}

impl<T: Float> Specimen<T> {
    /// Inputs from `domain` instead of −2 to 2.
    pub(crate) fn on(mut self, domain: std::ops::Range<f64>) -> Self {
        self.domain = domain;
        self
    }

    /// Values that inputs keep away from.
    pub(crate) fn kinks(mut self, kinks: impl Into<Vec<f64>>) -> Self {
        self.kinks = kinks.into();
        self
    }

    /// Its gradient is 0 wherever it has one.
    pub(crate) fn flat(mut self) -> Self {
        self.flat = true;
        self
    }
}

/// `specimen!("name", |a, b| a.op(b), [[2, 3], [3]], …)`: the op as a function of its inputs, then case by case their shapes.
macro_rules! specimen {
    ($name:expr, |$($x:ident),*| $body:expr, $([$([$($size:expr),*]),*]),+ $(,)?) => {
        $crate::ops::Specimen {
            name: $name,
            apply: |xs| match xs { &[$($x),*] => $body, _ => unreachable!("a case has an input for each parameter") },
            cases: vec![$(vec![$(vec![$($size),*]),*]),+],
            domain: -2.0..2.0,
            kinks: Vec::new(),
            flat: false,
        }
    };
}
pub(crate) use specimen;
