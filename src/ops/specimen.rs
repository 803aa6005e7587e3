//! What the tests know of an op: how to apply it, and to what.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::float::Float;
use crate::graph::Var;
use crate::tensor::Tensor;

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
    /// Inputs of the shapes of a case: no two elements, of one input or of two, are closer than half their mean distance, and none
    /// is nearer to a kink than a hundredth of the domain. So a small difference steps across no tie and no kink.
    pub fn draw(&self, case: &[Vec<usize>], seed: u64) -> Vec<Tensor<f64>> {
        let rng = &mut StdRng::seed_from_u64(seed);
        let n: usize = case.iter().map(|shape| shape.iter().product::<usize>()).sum();
        let places: Vec<f64> = Tensor::<f64>::uniform([n], 0.25, 0.75, rng).to_vec();
        let order = Tensor::permutation(n, rng).to_vec();
        let mut values = order.iter().map(|&i| self.place((i as f64 + places[i]) / n as f64));
        let mut tensor = |shape: &Vec<usize>| {
            let elements = values.by_ref().take(shape.iter().product()).collect();
            Tensor::from_elements(elements, shape[..].into())
        };
        case.iter().map(&mut tensor).collect()
    }

    /// The point at a share of the way through the domain, leaving out what is too near to a kink.
    fn place(&self, share: f64) -> f64 {
        let (low, high) = (self.domain.start, self.domain.end);
        let margin = 0.01 * (high - low);
        let mut kinks = self.kinks.clone();
        kinks.sort_by(f64::total_cmp);
        let starts = [low].into_iter().chain(kinks.iter().map(|k| k + margin));
        let parts: Vec<(f64, f64)> = starts.zip(kinks.iter().map(|k| k - margin).chain([high])).collect();
        let mut left = share * parts.iter().map(|(a, b)| b - a).sum::<f64>();
        for &(a, b) in &parts {
            if left <= b - a {
                return a + left;
            }
            left -= b - a;
        }
        high
    }

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
