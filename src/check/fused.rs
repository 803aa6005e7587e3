//! A fused form against the composition that it stands for: value, gradient, and the gradient of the gradient.

use std::panic::Location;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Check;
use super::experiment::{Claim, Experiment, Probe, Readout, Worst, concatenated, size};
use super::judge::{Judge, count, direction};
use super::parts::{compared, weights};
use super::report::{Part, Row, Verdict};
use super::subject::{Function, OfLeaves};
use crate::tensor::Tensor;

/// How far two forms may differ: they may lose sixteen bits on the way, by cancellation of terms of size `scale`.
fn tolerance(x: &Tensor<f64>, scale: f64) -> f64 {
    65536.0 * f64::EPSILON * x.iter().fold(scale, |largest, x| largest.max(x.abs()))
}

/// The rows of the comparison at `at`.
pub(super) fn rows(
    check: &Check,
    [fused, composition]: [&dyn Function; 2],
    at: &[Tensor<f64>],
    names: &[String],
    asked: &'static Location<'static>,
) -> Vec<Row> {
    let (mut fused, mut composition) = (OfLeaves(fused, asked), OfLeaves(composition, asked));
    let fused = Experiment::on_output(&mut fused, at.to_vec());
    let composition = Experiment::on_output(&mut composition, at.to_vec());
    let mut pair = Pair { check, names, fused, composition };
    let mut rows = vec![pair.values()];
    if rows[0].error.is_finite() {
        rows.extend(pair.gradients());
    }
    rows
}

struct Pair<'a> {
    check: &'a Check,
    names: &'a [String],
    fused: Experiment<'a, f64>,
    composition: Experiment<'a, f64>,
}

impl Pair<'_> {
    fn values(&mut self) -> Row {
        let (found, expected) = (self.fused.output(), self.composition.output());
        let worst = Worst::of(&found, &expected, tolerance(&expected, size(&expected)));
        let mut row = compared("output", expected.shape(), Part::Value, count(expected.len(), "element"), worst);
        if found.shape() != expected.shape() {
            row.notes.push(format!("the fused form has shape {:?}", found.shape()));
        }
        row
    }

    /// First and second order, by each input.
    fn gradients(&mut self) -> Vec<Row> {
        let (y, rng) = (self.composition.output(), &mut StdRng::seed_from_u64(!self.check.seed));
        let w = weights(y.shape(), rng);
        let v: Vec<_> = self.composition.inputs().iter().map(|x| direction(x.shape(), rng)).collect();
        let claims = [self.fused.first(&w), self.composition.first(&w)];
        let mut rows = self.compare(Part::First, claims, size(&y), &concatenated(std::slice::from_ref(&w)));

        self.fused.look_at_gradient(Readout::new(w.clone(), &y));
        self.composition.look_at_gradient(Readout::new(w, &y));
        let largest = self.composition.observe(None).iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
        let claims = [self.fused.second(&v), self.composition.second(&v)];
        rows.extend(self.compare(Part::Second, claims, largest, &concatenated(&v)));
        rows
    }

    /// The derivatives of numbers of size `scale`, as both claim them.
    fn compare(&mut self, part: Part, [fused, composition]: [Vec<Claim>; 2], scale: f64, weights: &[f64]) -> Vec<Row> {
        let (inputs, mut rows) = (self.composition.inputs().to_vec(), Vec::new());
        for (i, (found, expected)) in fused.into_iter().zip(composition).enumerate() {
            let (name, x) = (&self.names[i], &inputs[i]);
            let worst = Worst::of(&found.gradient, &expected.gradient, tolerance(&expected.gradient, scale / size(x)));
            let mut row = compared(name, x.shape(), part, count(x.len(), "element"), worst);
            if found.dissent.is_some() || expected.dissent.is_some() {
                row.verdict = Verdict::Wrong;
            }
            if row.verdict == Verdict::Wrong {
                // On a kink two forms may rightly differ: each takes some slope between those on the two sides.
                let judged = Judge::new(&mut self.composition, self.check, part).row(i, name, &expected, weights);
                if !judged.kinks.is_empty() {
                    (row.verdict, row.kinks) = (Verdict::Kink, judged.kinks);
                    row.notes.extend(judged.notes);
                }
                row.notes.extend(found.absence.map(|why| why.to_string()));
                row.notes.extend(found.dissent.into_iter().chain(expected.dissent));
            }
            rows.push(row);
        }
        rows
    }
}
