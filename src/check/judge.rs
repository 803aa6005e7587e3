//! What is concluded of the derivatives by one input: the rows of a report.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Check;
use super::differences::{Line, Read};
use super::experiment::{Claim, Move, Probe, size};
use super::kinks::origins;
use super::look::Look;
use super::report::{Part, Row, Verdict};
use super::tally::Tally;
use super::trial::{Asked, assess};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Judges derivatives of what a probe observes.
pub(super) struct Judge<'a> {
    probe: &'a mut dyn Probe,
    check: &'a Check,
    part: Part,
    zero: Vec<f64>,
    rng: StdRng,
    /// Why there is nothing to judge.
    hopeless: Option<(Verdict, String)>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(probe: &'a mut dyn Probe, check: &'a Check, part: Part) -> Self {
        let (zero, again) = (probe.observe(None), probe.observe(None));
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        let repeats = zero.len() == again.len() && zero.iter().zip(&again).all(same);
        let hopeless = if !repeats {
            Some((Verdict::Inconclusive, "computed again it is not the same: differences mean nothing".into()))
        } else if zero.iter().all(|x| x.is_finite()) {
            None
        } else {
            Some((Verdict::NotFinite, first_not_finite(probe)))
        };
        Judge { probe, check, part, zero, rng: StdRng::seed_from_u64(check.seed), hopeless }
    }

    /// The row of one input: `claim` is said to be the derivative of the `weights` times the numbers observed.
    pub(super) fn row(&mut self, input: usize, name: &str, claim: &Claim, weights: &[f64]) -> Row {
        let mut tally = Tally::new(&claim.gradient);
        if self.hopeless.is_none() {
            let (probe, zero, rng) = (&mut *self.probe, &self.zero[..], &mut self.rng);
            let mut look = Look { probe, tally: &mut tally, input, zero, weights, rng, bend: None };
            look.at_not_finite();
            if self.check.full {
                look.at_elements();
            } else {
                look.at_directions(self.check.directions);
            }
            look.at_kinks();
        }
        let (n, directions) = (tally.gradient.len(), self.check.directions);
        let tried = if self.check.full || n == 1 { count(n, "element") } else { count(directions, "direction") };
        self.concluded(&tally, name, tried, claim)
    }

    /// The rows of the Hessian by pairs of inputs, of which `claims` are the rows, element by element of the inputs.
    pub(super) fn blocks(&mut self, names: &[String], claims: &[Vec<Claim>]) -> Vec<Row> {
        let inputs = self.probe.inputs().to_vec();
        let starts = |i: usize| inputs[..i].iter().map(Tensor::len).sum::<usize>();
        let mut rows = Vec::new();
        for (i, a) in inputs.iter().enumerate() {
            for (j, b) in inputs.iter().enumerate() {
                let own = &claims[starts(i)..starts(i) + a.len()];
                let elements = own.iter().flat_map(|row| row[j].gradient.to_vec()).collect();
                let shape: Shape = a.shape().iter().chain(b.shape().iter()).copied().collect();
                let block = Claim {
                    gradient: Tensor::from_elements(elements, shape),
                    absence: None,
                    dissent: own.iter().find_map(|row| row[j].dissent.clone()),
                };
                let mut tally = Tally::new(&block.gradient);
                if self.hopeless.is_none() {
                    self.look_at_block(&mut tally, starts(i), a.len(), j);
                }
                let (name, tried) = (format!("{} × {}", names[i], names[j]), count(a.len() * b.len(), "element"));
                rows.push(self.concluded(&tally, &name, tried, &block));
            }
        }
        // Inputs that do not meet in a product have a block of zeros, rightly. What proves nothing is a Hessian of zeros.
        if rows.iter().any(|row| row.verdict == Verdict::Right) {
            let zero = |row: &&mut Row| row.verdict == Verdict::Vacuous && !row.shape.contains(&0);
            for row in rows.iter_mut().filter(zero) {
                row.verdict = Verdict::Right;
                row.notes.push("zero, by the rules and by differences".into());
            }
        }
        rows
    }

    /// Columns by input `j`: the numbers from `start` on along each of its elements.
    fn look_at_block(&mut self, tally: &mut Tally, start: usize, height: usize, j: usize) {
        let (claims, size_of_claims, x) = (tally.gradient.to_vec(), tally.largest(), self.probe.inputs()[j].clone());
        for e in 0..x.len() {
            let u = unit(x.shape(), e);
            let epsilon = self.probe.epsilon();
            let probe = &mut *self.probe;
            let observe = |h| probe.observe(Some(Move { input: j, u: &u, h }));
            let mut line = Line::new(observe, &self.zero, size(&x), epsilon);
            let mut kink = None;
            for p in 0..height {
                let at = p * x.len() + e;
                let shake = epsilon * claims[at].abs() * size(&x);
                let asked = Asked { claim: claims[at], size: size_of_claims, terms: claims[at].abs(), shake };
                let trial = assess(&mut line, &Read::Element(start + p), asked, &mut None);
                kink = kink.or(trial.kink);
                tally.keep(Some(at), trial);
            }
            drop(line);
            if let Some(kink) = kink.filter(|_| tally.kinks.is_empty()) {
                tally.kinks = origins(self.probe, j, &u, kink.steps);
            }
        }
    }

    /// The row that a tally ends in, in view of what was declared and of what else is known of the claim.
    fn concluded(&self, tally: &Tally, name: &str, tried: String, claim: &Claim) -> Row {
        let mut row = tally.row(name, self.part, tried);
        if let Some((verdict, why)) = &self.hopeless {
            row.verdict = *verdict;
            row.notes.push(why.clone());
            return row;
        }
        if tally.gradient.is_empty() {
            row.notes.push("it has no element".into());
        }
        if let Some(dissent) = &claim.dissent {
            row.verdict = Verdict::Wrong;
            row.notes.push(dissent.clone());
        }
        if self.check.flat.iter().any(|flat| flat == name) {
            if row.verdict == Verdict::Vacuous || tally.is_flat() {
                row.verdict = Verdict::Flat;
            } else if row.verdict == Verdict::Right {
                row.verdict = Verdict::Wrong;
                row.notes.push("it was declared flat, and is not".into());
            }
        }
        if !row.verdict.is_right() {
            row.notes.extend(claim.absence.iter().map(|why| why.to_string()));
        }
        row
    }
}

/// Which node is the first that is NaN or infinite.
fn first_not_finite(probe: &mut dyn Probe) -> String {
    let nodes = probe.nodes(None);
    let first = nodes.iter().find(|node| node.values.iter().any(|x| !x.is_finite()));
    let place = first.map(|node| format!(", first at {node}")).unwrap_or_default();
    format!("what is to be differentiated is NaN or infinite{place}")
}

/// `n things`.
pub(super) fn count(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// A random direction: numbers of either sign and of size 1/4 to 1, so that no element can hide.
pub(super) fn direction(shape: &Shape, rng: &mut StdRng) -> Tensor<f64> {
    Tensor::uniform(shape, -0.75, 0.75, rng).map(|x| if x < 0.0 { x - 0.25 } else { x + 0.25 })
}

/// The direction of element `e`, in row-major order.
pub(super) fn unit(shape: &Shape, e: usize) -> Tensor<f64> {
    let mut u = Tensor::zeros(shape);
    u.make_mut()[e] = 1.0;
    u
}
