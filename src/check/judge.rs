//! The derivatives by one input, along directions or element by element, and the search for elements that are on a kink.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Check;
use super::differences::{Line, Read};
use super::experiment::{Claim, Move, Probe, size};
use super::kinks::origins;
use super::report::{Part, Row, Verdict};
use super::tally::Tally;
use super::trial::{Asked, Trial, assess};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How often the search for elements on kinks may look along a line. To find k among n it has to look about 2k log₂(n/k) times.
const SEARCH: usize = 256;

/// How many elements of a wrong gradient are looked at one by one, to say which are wrong.
const EXAMPLES: usize = 8;

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
            let mut look = Look { judge: self, tally: &mut tally, input, weights, bend: None };
            look.at_not_finite();
            if look.judge.check.full {
                look.at_elements();
            } else {
                look.at_directions();
            }
            look.at_examples();
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
                let shake = 4.0 * epsilon * claims[at].abs() * size(&x);
                let asked = Asked { claim: claims[at], size: size_of_claims, terms: claims[at].abs(), shake };
                let trial = assess(&mut line, &Read::Element(start + p), asked, &mut None);
                kink = kink.or(trial.kink);
                match trial.verdict {
                    Verdict::Kink | Verdict::NotFinite => tally.spoil(at, trial),
                    _ => tally.trials.push((Some(at), trial)),
                }
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

/// Looking at the derivative by one input.
struct Look<'l, 'a> {
    judge: &'l mut Judge<'a>,
    tally: &'l mut Tally,
    input: usize,
    weights: &'l [f64],
    /// Along what, and at which steps, a kink was seen first.
    bend: Option<(Tensor<f64>, [f64; 2])>,
}

impl Look<'_, '_> {
    /// One trial along `u`, of a slope of about `size_of_slope`.
    fn along(&mut self, u: &Tensor<f64>, size_of_slope: f64) -> Trial {
        let (input, probe) = (self.input, &mut *self.judge.probe);
        let (x, epsilon) = (probe.inputs()[input].clone(), probe.epsilon());
        let (mut claim, mut terms, mut shake) = (0.0, 0.0, 0.0);
        for ((g, u), x) in self.tally.gradient.iter().zip(u).zip(&x) {
            if *u != 0.0 {
                let term = g * u;
                (claim, terms, shake) = (claim + term, terms + term.abs(), shake + (term * x).powi(2));
            }
        }
        if !claim.is_finite() {
            (terms, shake) = (0.0, 0.0); // of a value that may well be smooth
        }
        let asked = Asked { claim, size: size_of_slope, terms, shake: 4.0 * epsilon * f64::sqrt(shake) };
        let observe = |h| probe.observe(Some(Move { input, u, h }));
        let mut line = Line::new(observe, &self.judge.zero, size(&x), epsilon);
        assess(&mut line, &Read::Sum(self.weights), asked, &mut self.tally.noise)
    }

    /// One trial along `u`, kept to the elements `which`; along the one element, if it is one.
    fn within(&mut self, u: &Tensor<f64>, which: &[usize]) -> Trial {
        let (mut within, all) = (Tensor::zeros(u.shape()), u.to_vec());
        let elements = within.make_mut();
        which.iter().for_each(|&e| elements[e] = if which.len() == 1 { 1.0 } else { all[e] });
        let squares: f64 = self.tally.gradient.iter().zip(&within).map(|(g, u)| (g * u).powi(2)).sum();
        self.along(&within, squares.sqrt())
    }

    /// Elements of the gradient that are NaN or infinite: wrong, unless there is no derivative there.
    fn at_not_finite(&mut self) {
        let gradient = self.tally.gradient.to_vec();
        let not_finite = (0..gradient.len()).filter(|&e| !gradient[e].is_finite());
        for (k, e) in not_finite.enumerate() {
            // After a few the others are taken to be like them.
            let known = self.tally.spoiled.last().filter(|_| k >= EXAMPLES).map(|(_, trial)| *trial);
            let u = unit(self.tally.gradient.shape(), e);
            let trial = known.unwrap_or_else(|| self.along(&u, 0.0));
            self.keep(&u, &[e], trial);
            self.tally.live[e] = false;
        }
        self.tally.gradient = self.tally.gradient.map(|g| if g.is_finite() { g } else { 0.0 });
    }

    fn at_elements(&mut self) {
        let largest = self.tally.largest();
        for e in self.tally.live() {
            let u = unit(self.tally.gradient.shape(), e);
            let trial = self.along(&u, largest);
            self.keep(&u, &[e], trial);
        }
    }

    fn at_directions(&mut self) {
        for _ in 0..self.judge.check.directions {
            let u = direction(self.tally.gradient.shape(), &mut self.judge.rng);
            let live = self.tally.live();
            if live.is_empty() || self.tally.unresolved > 0 {
                return;
            }
            let trial = self.within(&u, &live);
            if self.keep(&u, &live, trial) {
                self.search(&u, live);
            } else if live.len() == 1 {
                return; // all directions are the same
            }
        }
    }

    /// Puts a trial along the elements `which` where it belongs. Whether there is no derivative there.
    fn keep(&mut self, u: &Tensor<f64>, which: &[usize], trial: Trial) -> bool {
        let element = if let &[e] = which { Some(e) } else { None };
        if !matches!(trial.verdict, Verdict::Kink | Verdict::NotFinite) {
            self.tally.trials.push((element, trial));
            return false;
        }
        if let Some(kink) = trial.kink.filter(|_| self.bend.is_none()) {
            self.bend = Some((u.clone(), kink.steps));
        }
        if let Some(e) = element {
            self.tally.spoil(e, trial);
        }
        true
    }

    /// Asks the nodes where the kinks come from, along all elements that are on one.
    fn at_kinks(&mut self) {
        let Some((u, steps)) = self.bend.take() else { return };
        let (mut along, u) = (Tensor::zeros(u.shape()), u.to_vec());
        let elements = along.make_mut();
        let on_kinks = self.tally.spoiled.iter().filter(|(_, trial)| trial.kink.is_some());
        on_kinks.for_each(|&(e, _)| elements[e] = if u[e] < 0.0 { -1.0 } else { 1.0 });
        if self.tally.spoiled.is_empty() {
            elements.copy_from_slice(&u); // no element by itself, but some together
        }
        self.tally.kinks = origins(self.judge.probe, self.input, &along, steps);
    }

    /// Finds, by halving, the elements that spoil a direction along all of `group`. Those that do not are judged in groups.
    fn search(&mut self, u: &Tensor<f64>, group: Vec<usize>) {
        let (mut spoiled, mut looks) = (vec![group], 0);
        while let Some(group) = spoiled.pop().filter(|group| group.len() > 1) {
            let (left, right) = group.split_at(group.len() / 2);
            for half in [right, left] {
                looks += 1;
                if looks > SEARCH {
                    self.tally.unresolved += half.len();
                } else if let trial = self.within(u, half)
                    && self.keep(u, half, trial)
                    && half.len() > 1
                {
                    spoiled.push(half.to_vec());
                }
            }
        }
    }

    /// A few elements one by one, if the gradient is wrong and it is not known at which.
    fn at_examples(&mut self) {
        let (live, largest) = (self.tally.live(), self.tally.largest());
        let mut wrong = self.tally.trials.iter().filter(|(_, trial)| trial.verdict == Verdict::Wrong).peekable();
        if wrong.peek().is_none() || wrong.any(|(element, _)| element.is_some()) {
            return;
        }
        for &e in live.iter().step_by(live.len().div_ceil(EXAMPLES).max(1)) {
            let trial = self.along(&unit(self.tally.gradient.shape(), e), largest);
            self.tally.trials.push((Some(e), trial));
        }
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
