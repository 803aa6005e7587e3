//! The parts of a check that give a function nodes of its own making: constants, one node twice, and values that lie in storage in
//! odd ways. Nothing is compared with differences here: the function is compared with itself.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::experiment::{Worst, size, tolerance};
use super::judge::direction;
use super::parts::{compared, weights};
use super::report::{Part, Row};
use super::subject::Function;
use crate::graph::{Tape, Var};
use crate::tensor::Tensor;

/// A way to lie in storage.
#[derive(Clone, Copy, Debug)]
enum Odd {
    Dense,
    /// The axes reversed in storage.
    Transposed,
    /// Every second element along every axis.
    Stepped,
    /// Backwards along every axis.
    Backwards,
    /// A part of something larger.
    Offset,
    /// Every second element, backwards, of a part, with the axes reversed.
    All,
}

const ODD: [Odd; 6] = [Odd::Dense, Odd::Transposed, Odd::Stepped, Odd::Backwards, Odd::Offset, Odd::All];

/// `x` lying as asked for. What lies between is NaN, so that an op that reads it is found.
fn lay(x: &Tensor<f64>, how: Odd) -> Tensor<f64> {
    let axes = 0..x.ndim() as isize;
    match how {
        Odd::Dense => Tensor::from_elements(x.to_vec(), x.shape().clone()),
        Odd::Transposed => {
            let back: Vec<isize> = axes.rev().collect();
            lay(&x.permute(&back), Odd::Dense).permute(&back)
        }
        Odd::Stepped => axes.fold(x.clone(), |x, axis| {
            let wide = x.unsqueeze(axis + 1);
            Tensor::concat(&[wide.map(|_| f64::NAN), wide], axis + 1).narrow(axis + 1, 1, 1).squeeze(axis + 1)
        }),
        Odd::Backwards => lay(&x.flip(..), Odd::Dense).flip(..),
        Odd::Offset => axes.fold(x.clone(), |x, axis| {
            let (nan, n) = (x.map(|_| f64::NAN), x.shape()[axis as usize]);
            Tensor::concat(&[nan.clone(), x, nan], axis).narrow(axis, n, n)
        }),
        Odd::All => lay(&lay(&lay(&lay(x, Odd::Transposed), Odd::Backwards), Odd::Offset), Odd::Stepped),
    }
}

/// A function that is compared with itself.
pub(super) struct Twin<'f> {
    f: &'f dyn Function,
    xs: Vec<Tensor<f64>>,
    seed: u64,
    /// The worst pair so far, and where it was found.
    worst: Option<(Worst, String)>,
}

impl<'f> Twin<'f> {
    /// The inputs are rounded to ten bits, so that elements which are equal stay so in whatever order they are added up.
    pub(super) fn new(f: &'f dyn Function, inputs: &[Tensor<f64>], seed: u64) -> Self {
        Twin { f, xs: inputs.iter().map(|x| x.map(ten_bits)).collect(), seed, worst: None }
    }

    /// The rows of one part, if it is one of these.
    pub(super) fn rows(mut self, part: Part) -> Vec<Row> {
        let rng = &mut StdRng::seed_from_u64(self.seed);
        match part {
            Part::Constants => self.constants(rng),
            Part::Shared => self.shared(rng),
            Part::Layouts => self.layouts(rng),
            Part::Broadcast => self.broadcast(rng),
            _ => return Vec::new(),
        }
        // Of one input nothing can be shared, nor can there be others when it is a constant.
        let shape = self.value(&self.xs).shape().clone();
        let Some((worst, place)) = self.worst else { return Vec::new() };
        let mut row = compared("all", &shape, part, "every element".into(), worst);
        if !row.verdict.is_right() {
            row.notes.push(place);
        }
        vec![row]
    }

    fn value(&self, xs: &[Tensor<f64>]) -> Tensor<f64> {
        let tape = Tape::new();
        let xs: Vec<_> = xs.iter().map(|x| tape.constant(x.clone())).collect();
        self.f.apply(&xs).value()
    }

    /// Compares what was found with what it should be, result by result.
    fn compare(
        &mut self,
        found: &[Option<Tensor<f64>>],
        expected: &[Option<Tensor<f64>>],
        place: impl Fn(usize) -> String,
    ) {
        let scale = expected.iter().flatten().fold(1.0, |scale: f64, x| scale.max(size(x)));
        for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
            let worst = match (found, expected) {
                // Where the function has no value, there is nothing to compare.
                (_, Some(x)) if x.iter().any(|x| !x.is_finite()) => continue,
                (Some(found), Some(expected)) => {
                    Worst::of(found, expected, 8.0 * tolerance(expected, scale, f64::EPSILON))
                }
                (None, None) => continue,
                _ => Worst { found: f64::NAN, expected: f64::NAN, error: f64::NAN, tolerance: 0.0 },
            };
            if self
                .worst
                .as_ref()
                .is_none_or(|(so_far, _)| so_far.is_close() && (worst.error > so_far.error || !worst.is_close()))
            {
                self.worst = Some((worst, place(k)));
            }
        }
    }

    /// Value and gradients, from nodes that `given` makes of the inputs.
    fn gradients(
        &self,
        xs: &[Tensor<f64>],
        w: &Tensor<f64>,
        given: impl for<'t> Fn(&'t Tape<f64>, usize, &[Var<'t, f64>]) -> Var<'t, f64>,
    ) -> Vec<Option<Tensor<f64>>> {
        let tape = Tape::new();
        let mut nodes = Vec::new();
        for i in 0..xs.len() {
            nodes.push(given(&tape, i, &nodes));
        }
        let y = self.f.apply(&nodes);
        let gradients = y.backward_with(w.clone());
        [Some(y.value())].into_iter().chain(nodes.iter().map(|&x| gradients.get(x).ok().cloned())).collect()
    }

    /// Whichever inputs are constants, the others' gradients are the same.
    fn constants(&mut self, rng: &mut StdRng) {
        let (xs, w) = (self.xs.clone(), weights(self.value(&self.xs).shape(), rng));
        let all = self.gradients(&xs, &w, |tape, i, _| tape.leaf(xs[i].clone()));
        let sets = 1..(1_usize << xs.len().min(6)) - 1;
        for constants in sets {
            let is_constant = |i: usize| constants >> i & 1 == 1;
            let found = self.gradients(&xs, &w, |tape, i, _| {
                if is_constant(i) { tape.constant(xs[i].clone()) } else { tape.leaf(xs[i].clone()) }
            });
            let expected: Vec<_> =
                all.iter().enumerate().map(|(k, x)| x.clone().filter(|_| k == 0 || !is_constant(k - 1))).collect();
            let list: Vec<usize> = (0..xs.len()).filter(|&i| is_constant(i)).collect();
            self.compare(&found, &expected, |k| format!("{} differs if {list:?} are constants", result(k, xs.len())));
        }
    }

    /// One node in two places gets the sum of what two nodes of its value get.
    fn shared(&mut self, rng: &mut StdRng) {
        for j in 0..self.xs.len() {
            for i in (0..j).filter(|&i| self.xs[i].shape() == self.xs[j].shape()).collect::<Vec<_>>() {
                let mut xs = self.xs.clone();
                xs[j] = xs[i].clone();
                let w = weights(self.value(&xs).shape(), rng);
                let apart = self.gradients(&xs, &w, |tape, k, _| tape.leaf(xs[k].clone()));
                let found = self.gradients(
                    &xs,
                    &w,
                    |tape, k, before| {
                        if k == j { before[i] } else { tape.leaf(xs[k].clone()) }
                    },
                );
                let sum = match (&apart[i + 1], &apart[j + 1]) {
                    (Some(a), Some(b)) => Some(a + b),
                    (one, other) => one.clone().or(other.clone()),
                };
                self.compare(&[found[i + 1].clone()], &[sum], |_| {
                    format!("one node as inputs {i} and {j} does not get the sum of the two gradients")
                });
            }
        }
    }

    /// Output, gradients, and the gradients of a directional derivative of those, from leaves of the given values. `fit` makes of
    /// each leaf the function's input.
    fn outcome(
        &self,
        xs: &[Tensor<f64>],
        fit: impl for<'t> Fn(usize, Var<'t, f64>) -> Var<'t, f64>,
        w: &Tensor<f64>,
        u: &[Tensor<f64>],
    ) -> Vec<Option<Tensor<f64>>> {
        let tape = Tape::new();
        let leaves: Vec<_> = xs.iter().map(|x| tape.leaf(x.clone())).collect();
        let inputs: Vec<_> = leaves.iter().enumerate().map(|(i, &x)| fit(i, x)).collect();
        let y = self.f.apply(&inputs);
        let swept = y.backward_with(w.clone());
        // The same by the rules on handles, with an incoming gradient that is a transposed view.
        let axes: Vec<isize> = (0..y.ndim() as isize).rev().collect();
        let loss = (y.permute(&axes) * tape.constant(w.permute(&axes))).sum(..);
        let by_rules = loss.sweep_each(tape.constant(Tensor::ones(loss.shape())), &leaves);
        let slopes =
            by_rules.iter().zip(u).filter_map(|(g, u)| Some((*g.as_ref().ok()? * tape.constant(u.clone())).sum(..)));
        let second = slopes.reduce(|a, b| a + b).map(|along| along.backward());
        let zeros = |x: Var<'_, f64>| Tensor::zeros(x.shape());
        let mut all = vec![Some(y.value())];
        all.extend(leaves.iter().map(|&x| Some(swept.get(x).cloned().unwrap_or_else(|_| zeros(x)))));
        all.extend(leaves.iter().zip(by_rules).map(|(&x, g)| Some(g.map_or_else(|_| zeros(x), Var::value))));
        let second = |&x: &Var<'_, f64>| second.as_ref().and_then(|second| second.get(x).ok().cloned());
        all.extend(leaves.iter().map(|x| Some(second(x).unwrap_or_else(|| zeros(*x)))));
        all
    }

    /// Inputs and incoming gradients lie in every odd way.
    fn layouts(&mut self, rng: &mut StdRng) {
        let xs = self.xs.clone();
        let w = direction(self.value(&xs).shape(), rng).map(ten_bits);
        let u: Vec<_> = xs.iter().map(|x| direction(x.shape(), rng)).collect();
        let expected = self.outcome(&xs, |_, x| x, &w, &u);
        for how in ODD {
            let odd: Vec<_> = xs.iter().map(|x| lay(x, how)).collect();
            for (w, what) in [(&w, "dense"), (&lay(&w, how), "the same")] {
                let found = self.outcome(&odd, |_, x| x, w, &u);
                let place =
                    |k| format!("{} differs if inputs are {how:?}, the incoming gradient {what}", result(k, xs.len()));
                self.compare(&found, &expected, place);
            }
        }
        // An incoming gradient of stride 0, as that of a sum.
        let (one, ones) =
            (Tensor::scalar(1.5).broadcast_to(w.shape()), Tensor::from_elements(vec![1.5; w.len()], w.shape().clone()));
        let expected = self.outcome(&xs, |_, x| x, &ones, &u);
        let found = self.outcome(&xs, |_, x| x, &one, &u);
        self.compare(&found, &expected, |k| {
            format!("{} differs if the incoming gradient is one number, repeated", result(k, xs.len()))
        });
    }

    /// Leaves that have size 1 along some axes, or lack leading ones, and are broadcast on the tape: the function sees strides of 0,
    /// and the gradient comes back summed. Expected is what it gives for the same values written out.
    fn broadcast(&mut self, rng: &mut StdRng) {
        let mut narrow = |x: &Tensor<f64>| {
            let mut small = x.clone();
            for axis in 0..x.ndim() as isize {
                if x.shape()[axis as usize] > 0 && rng.random::<bool>() {
                    small = small.narrow(axis, 0, 1);
                }
            }
            while small.shape().first() == Some(&1) && rng.random::<bool>() {
                small = small.squeeze(0);
            }
            small
        };
        let leaves: Vec<_> = self.xs.iter().map(&mut narrow).collect();
        let shapes: Vec<_> = self.xs.iter().map(|x| x.shape().clone()).collect();
        let wide = |xs: &[Tensor<f64>]| -> Vec<Tensor<f64>> {
            xs.iter().zip(&shapes).map(|(x, shape)| lay(&x.broadcast_to(shape), Odd::Dense)).collect()
        };
        let full = wide(&leaves);
        let w = direction(self.value(&full).shape(), rng).map(ten_bits);
        let u: Vec<_> = leaves.iter().map(|x| direction(x.shape(), rng).map(ten_bits)).collect();
        let found = self.outcome(&leaves, |i, x| x.broadcast_to(&shapes[i]), &w, &u);
        let mut expected = self.outcome(&full, |_, x| x, &w, &wide(&u));
        let n = leaves.len();
        for (k, result) in expected.iter_mut().enumerate().skip(1) {
            *result = result.as_ref().map(|result| summed(result, leaves[(k - 1) % n].shape()));
        }
        let list: Vec<_> = leaves.iter().map(Tensor::shape).collect();
        self.compare(&found, &expected, |k| format!("{} differs if inputs of {list:?} are broadcast", result(k, n)));
    }
}

/// What the `k`-th result of [`Twin::outcome`] is.
fn result(k: usize, inputs: usize) -> String {
    match k.checked_sub(1) {
        None => "the value".into(),
        Some(k) if k < inputs => format!("the gradient by input {k}"),
        Some(k) if k < 2 * inputs => format!("the gradient by input {}, by the rules on handles,", k - inputs),
        Some(k) => format!("the second derivative by input {}", k - 2 * inputs),
    }
}

/// `x` rounded to ten significant bits.
fn ten_bits(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let unit = (x.abs().log2().floor() - 9.0).exp2();
    (x / unit).round() * unit
}

/// `x` summed over what was broadcast from `shape`, element by element.
fn summed(x: &Tensor<f64>, shape: &[usize]) -> Tensor<f64> {
    let front = x.ndim() - shape.len();
    let mut sums = Tensor::<f64>::zeros(shape);
    let strides: Vec<usize> = (0..shape.len()).map(|a| shape[a + 1..].iter().product()).collect();
    let mut index = vec![0; x.ndim()];
    for &value in x {
        let place: usize = (0..shape.len()).filter(|&a| shape[a] > 1).map(|a| index[a + front] * strides[a]).sum();
        sums.make_mut()[place] += value;
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < x.shape()[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    sums
}
