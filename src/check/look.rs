//! Looking at the derivative by one input along directions or element by element, and halving directions to find the elements that are
//! wrong, on a kink, or beyond telling.

use rand::rngs::StdRng;

use super::differences::{Line, Read};
use super::experiment::{Move, Probe, size};
use super::judge::{direction, unit};
use super::kinks::{bends_within, origins};
use super::report::Verdict;
use super::tally::Tally;
use super::trial::{Asked, Trial, assess};
use crate::tensor::Tensor;

/// How often the search for elements on kinks may look along a line. To find k among n it has to look about 2k log₂(n/k) times.
const SEARCH: usize = 256;

/// How many elements of a wrong gradient, or of one that is not finite, are looked at one by one.
const EXAMPLES: usize = 8;

pub(super) struct Look<'l> {
    pub(super) probe: &'l mut dyn Probe,
    pub(super) tally: &'l mut Tally,
    pub(super) input: usize,
    /// The numbers observed at x.
    pub(super) zero: &'l [f64],
    pub(super) weights: &'l [f64],
    pub(super) rng: &'l mut StdRng,
    /// Along what, and at which steps, a kink was seen first.
    pub(super) bend: Option<(Tensor<f64>, [f64; 2])>,
}

impl Look<'_> {
    /// One trial along `u`, of a slope of about `size_of_slope`.
    fn along(&mut self, u: &Tensor<f64>, size_of_slope: f64) -> Trial {
        let (input, probe) = (self.input, &mut *self.probe);
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
        let asked = Asked { claim, size: size_of_slope, terms, shake: epsilon * f64::sqrt(shake) };
        let observe = |h| probe.observe(Some(Move { input, u, h }));
        let mut line = Line::new(observe, self.zero, size(&x), epsilon);
        let mut trial = assess(&mut line, &Read::Sum(self.weights), asked, &mut self.tally.noise);
        drop(line);
        if trial.told_at.is_some_and(|h| bends_within(self.probe, input, u, h)) {
            trial.verdict = Verdict::Inconclusive; // of a kink too near to be told from a wrong rule
        }
        trial
    }

    /// One trial along `u`, kept to the elements `which`; along the one element, if it is one. In view of the size that slopes along
    /// `which` have, but at least of the largest element of all.
    fn within(&mut self, u: &Tensor<f64>, which: &[usize]) -> Trial {
        let (mut within, all) = (Tensor::zeros(u.shape()), u.to_vec());
        let elements = within.make_mut();
        which.iter().for_each(|&e| elements[e] = if which.len() == 1 { 1.0 } else { all[e] });
        let squares: f64 = self.tally.gradient.iter().zip(&within).map(|(g, u)| (g * u).powi(2)).sum();
        let largest = self.tally.largest();
        self.along(&within, squares.sqrt().max(largest))
    }

    /// Elements of the gradient that are NaN or infinite: wrong, unless there is no derivative there.
    pub(super) fn at_not_finite(&mut self) {
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

    pub(super) fn at_elements(&mut self) {
        for e in self.tally.live() {
            let u = unit(self.tally.gradient.shape(), e);
            let trial = self.within(&u, &[e]);
            self.keep(&u, &[e], trial);
        }
    }

    pub(super) fn at_directions(&mut self, directions: usize) {
        for _ in 0..directions {
            let u = direction(self.tally.gradient.shape(), self.rng);
            let live = self.tally.live();
            if live.is_empty() || self.tally.unresolved > 0 {
                return;
            }
            let mut trial = self.within(&u, &live);
            if trial.verdict == Verdict::Wrong && live.len() > 1 {
                if self.is_wrong_within(&u, &live) {
                    self.tally.keep(None, trial);
                    return self.at_examples();
                }
                trial.verdict = Verdict::Inconclusive;
            }
            if !self.keep(&u, &live, trial) {
                self.search(&u, live);
            } else if self.tally.gradient.len() == 1 {
                return; // all directions are the same
            }
        }
    }

    /// Puts a trial along the elements `which` where it belongs. Whether it is one that can be judged.
    fn keep(&mut self, u: &Tensor<f64>, which: &[usize], trial: Trial) -> bool {
        if let Some(kink) = trial.kink.filter(|_| self.bend.is_none()) {
            self.bend = Some((u.clone(), kink.steps));
        }
        let element = if let &[e] = which { Some(e) } else { None };
        self.tally.keep(element, trial)
    }

    /// Whether a direction that is found wrong is so along one of its halves, too; then down to one element, as far as that can be told.
    /// Near many kinks a direction can seem wrong that is not, but hardly twice.
    fn is_wrong_within(&mut self, u: &Tensor<f64>, group: &[usize]) -> bool {
        let (mut group, mut halvings) = (group, 0);
        'halve: while group.len() > 1 {
            let (left, right) = group.split_at(group.len() / 2);
            for half in [left, right] {
                let trial = self.within(u, half);
                if trial.verdict == Verdict::Wrong {
                    self.keep(u, half, trial);
                    (group, halvings) = (half, halvings + 1);
                    continue 'halve;
                }
            }
            break;
        }
        halvings > 0
    }

    /// A few more elements of a gradient that is wrong, to see whether there is a pattern.
    fn at_examples(&mut self) {
        let shape = self.tally.gradient.shape().clone();
        let live: Vec<usize> = self.tally.live();
        for &e in live.iter().step_by(live.len().div_ceil(EXAMPLES).max(1)) {
            if self.tally.trials.iter().all(|(element, _)| *element != Some(e)) {
                let u = unit(&shape, e);
                let trial = self.within(&u, &[e]);
                self.keep(&u, &[e], trial);
            }
        }
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
                    && !self.keep(u, half, trial)
                    && half.len() > 1
                {
                    spoiled.push(half.to_vec());
                }
            }
        }
    }

    /// Asks the nodes where the kinks come from, along all elements that are on one.
    pub(super) fn at_kinks(&mut self) {
        let Some((u, steps)) = self.bend.take() else { return };
        let (mut along, u) = (Tensor::zeros(u.shape()), u.to_vec());
        let elements = along.make_mut();
        let on_kinks = self.tally.spoiled.iter().filter(|(_, trial)| trial.kink.is_some());
        on_kinks.for_each(|&(e, _)| elements[e] = if u[e] < 0.0 { -1.0 } else { 1.0 });
        if elements.iter().all(|&u| u == 0.0) {
            elements.copy_from_slice(&u); // no element by itself, but some together
        }
        self.tally.kinks = origins(self.probe, self.input, &along, steps);
    }
}
