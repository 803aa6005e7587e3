//! The parts of a check that need nothing of a subject but that it can be computed.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Check;
use super::experiment::{Claim, Experiment, Probe, Readout, Worst, concatenated, size, tolerance};
use super::judge::{Judge, count, direction, unit};
use super::report::{Part, Row, Verdict};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A check of a subject at a point.
pub(super) struct Bench<'a, T: Float> {
    pub(super) check: &'a Check,
    pub(super) experiment: Experiment<'a, T>,
    pub(super) names: Vec<String>,
}

/// Weights of a value: 1 for a single number, so that what stands in the table are its derivatives.
pub(super) fn weights<T: Float>(shape: &Shape, rng: &mut StdRng) -> Tensor<T> {
    if shape.elements() == 1 { Tensor::ones(shape) } else { direction(shape, rng).cast() }
}

/// The row of a comparison of two computations.
pub(super) fn compared(name: &str, shape: &Shape, part: Part, tried: String, worst: Worst) -> Row {
    let Worst { found: analytic, expected: numeric, error, tolerance } = worst;
    let verdict = if worst.is_close() { Verdict::Right } else { Verdict::Wrong };
    let (name, shape, kinks, notes) = (name.into(), shape.clone(), Vec::new(), Vec::new());
    Row { name, shape, part, tried, analytic, numeric, error, tolerance, verdict, kinks, notes }
}

impl<T: Float> Bench<'_, T> {
    /// The rows of one part, if it is one of these.
    pub(super) fn rows(&mut self, part: Part) -> Vec<Row> {
        // Other numbers than those that directions are made of.
        let rng = &mut StdRng::seed_from_u64(!self.check.seed);
        match part {
            Part::First => self.first(rng),
            Part::Second => self.second(rng),
            Part::Hessian => self.hessian(rng),
            Part::Jvp => self.jvp(rng),
            Part::Fused => self.fused(rng),
            _ => Vec::new(),
        }
    }

    fn first(&mut self, rng: &mut StdRng) -> Vec<Row> {
        self.experiment.look_at_output();
        let w = weights(self.experiment.output().shape(), rng);
        let claims = self.experiment.first(&w);
        self.judged(Part::First, concatenated(&[w.cast()]), &claims)
    }

    fn second(&mut self, rng: &mut StdRng) -> Vec<Row> {
        let y = self.experiment.output();
        self.experiment.look_at_gradient(Readout::new(weights(y.shape(), rng), &y));
        let v: Vec<Tensor<T>> = self.experiment.inputs().iter().map(|x| direction(x.shape(), rng).cast()).collect();
        let claims = self.experiment.second(&v);
        let weights: Vec<Tensor<f64>> = v.iter().map(Tensor::cast).collect();
        self.judged(Part::Second, concatenated(&weights), &claims)
    }

    fn judged(&mut self, part: Part, weights: Vec<f64>, claims: &[Claim]) -> Vec<Row> {
        let mut judge = Judge::new(&mut self.experiment, self.check, part);
        let named = self.names.iter().zip(claims).enumerate();
        named.map(|(i, (name, claim))| judge.row(i, name, claim, &weights)).collect()
    }

    /// `wᵀ (J u)` against `(wᵀ J) u`.
    fn jvp(&mut self, rng: &mut StdRng) -> Vec<Row> {
        let (shape, directions) = (self.experiment.output().shape().clone(), self.check.directions);
        let mut rows = Vec::new();
        for (i, name) in self.names.iter().enumerate() {
            let x = self.experiment.inputs()[i].clone();
            let mut worst: Option<Row> = None;
            for _ in 0..directions {
                let (w, u) = (weights(&shape, rng), direction(x.shape(), rng).cast());
                let (found, dissent) = self.experiment.transposes(i, &w, &u);
                let mut row = compared(name, x.shape(), Part::Jvp, count(directions, "direction"), found);
                if dissent.is_some() {
                    row.verdict = Verdict::Wrong;
                }
                row.notes.extend(dissent);
                let is_worse =
                    |worst: &Row| worst.verdict.is_right() && (row.error > worst.error || !row.verdict.is_right());
                if worst.as_ref().is_none_or(is_worse) {
                    worst = Some(row);
                }
            }
            rows.extend(worst);
        }
        rows
    }

    /// The backward sweep, which uses fused rules, against the rules on handles.
    fn fused(&mut self, rng: &mut StdRng) -> Vec<Row> {
        let y = self.experiment.output();
        let w = weights(y.shape(), rng);
        let both = self.experiment.both_ways(&w);
        let mut rows = Vec::new();
        for ((name, x), [swept, by_rules]) in self.names.iter().zip(self.experiment.inputs()).zip(both) {
            let allowed = tolerance(&by_rules.gradient, size(&y.cast()) / size(x), self.experiment.epsilon());
            let worst = Worst::of(&swept.gradient, &by_rules.gradient, allowed);
            let mut row = compared(name, x.shape(), Part::Fused, count(x.len(), "element"), worst);
            if swept.absence != by_rules.absence {
                row.verdict = Verdict::Wrong;
                row.notes.extend([swept.absence, by_rules.absence].into_iter().flatten().map(|why| why.to_string()));
            }
            row.notes.extend(swept.dissent.into_iter().chain(by_rules.dissent));
            rows.push(row);
        }
        rows
    }

    /// Every element of the Hessian: rows as the tape has them, against differences of the gradient, column by column.
    fn hessian(&mut self, rng: &mut StdRng) -> Vec<Row> {
        let w = weights(self.experiment.output().shape(), rng);
        self.experiment.look_at_gradient(Readout::linear(w));
        let inputs = self.experiment.inputs().to_vec();
        let zeros: Vec<Tensor<T>> = inputs.iter().map(|x| Tensor::zeros(x.shape())).collect();
        let mut rows = Vec::new();
        for (i, x) in inputs.iter().enumerate() {
            for e in 0..x.len() {
                let mut v = zeros.clone();
                v[i] = unit(x.shape(), e).cast();
                rows.push(self.experiment.second(&v));
            }
        }
        let mut judge = Judge::new(&mut self.experiment, self.check, Part::Hessian);
        judge.blocks(&self.names, &rows)
    }
}
