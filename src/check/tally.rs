//! What was found of one input, and what follows from it.

use super::kinks::Kink;
use super::report::{Part, Row, Verdict, number};
use super::trial::Trial;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What was found of the derivative by one input.
pub(super) struct Tally {
    /// The derivative that is claimed; 0 where it is not finite.
    pub(super) gradient: Tensor<f64>,
    /// Trials where there is a derivative; with the element, where it was along one.
    pub(super) trials: Vec<(Option<usize>, Trial)>,
    /// Elements at which there is none, or none that differences can tell.
    pub(super) spoiled: Vec<(usize, Trial)>,
    /// Which elements directions still go along.
    pub(super) live: Vec<bool>,
    pub(super) kinks: Vec<Kink>,
    /// How many more elements may be on a kink.
    pub(super) unresolved: usize,
    /// The error of values near by, once it has been measured.
    pub(super) noise: Option<f64>,
}

impl Tally {
    pub(super) fn new(gradient: &Tensor<f64>) -> Self {
        let live = vec![true; gradient.len()];
        let (trials, spoiled, kinks) = (Vec::new(), Vec::new(), Vec::new());
        Tally { gradient: gradient.clone(), trials, spoiled, live, kinks, unresolved: 0, noise: None }
    }

    /// Puts a trial where it belongs: along one element, if there is one. Whether it could be judged.
    pub(super) fn keep(&mut self, element: Option<usize>, trial: Trial) -> bool {
        if !matches!(trial.verdict, Verdict::Kink | Verdict::NotFinite | Verdict::Inconclusive) {
            self.trials.push((element, trial));
            return true;
        }
        if let Some(e) = element {
            let at = self.spoiled.partition_point(|(other, _)| *other < e);
            self.spoiled.insert(at, (e, trial));
            self.live[e] = false;
        }
        false
    }

    /// Whether there were trials, and all that there were found zeros.
    pub(super) fn is_flat(&self) -> bool {
        !self.trials.is_empty() && self.trials.iter().all(|(_, trial)| trial.verdict == Verdict::Vacuous)
    }

    /// The elements that directions go along.
    pub(super) fn live(&self) -> Vec<usize> {
        (0..self.live.len()).filter(|&e| self.live[e]).collect()
    }

    /// The largest absolute value of the gradient.
    pub(super) fn largest(&self) -> f64 {
        self.gradient.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()))
    }

    /// How many elements could not be judged, for this reason.
    fn spoiled_by(&self, verdict: Verdict) -> usize {
        self.spoiled.iter().filter(|(_, trial)| trial.verdict == verdict).count()
    }

    /// What follows from the trials. Elements that are on a kink need not be judged; but most of the others have to be.
    pub(super) fn verdict(&self) -> Verdict {
        let tried = |verdict: Verdict| self.trials.iter().any(|(_, trial)| trial.verdict == verdict);
        let beyond = self.spoiled_by(Verdict::Inconclusive) + self.unresolved;
        let kinks = self.spoiled_by(Verdict::Kink).max(usize::from(!self.kinks.is_empty()));
        let edges = self.spoiled_by(Verdict::NotFinite);
        match () {
            _ if tried(Verdict::Wrong) => Verdict::Wrong,
            _ if tried(Verdict::Right) && 2 * beyond <= self.gradient.len() => Verdict::Right,
            _ if beyond > kinks + edges || tried(Verdict::Right) => Verdict::Inconclusive,
            _ if kinks + edges == 0 => Verdict::Vacuous,
            _ if kinks >= edges => Verdict::Kink,
            _ => Verdict::NotFinite,
        }
    }

    /// The row, with the trial that says most.
    pub(super) fn row(&self, name: &str, part: Part, tried: String) -> Row {
        let verdict = self.verdict();
        let all = self.trials.iter().map(|(_, trial)| trial).chain(self.spoiled.iter().map(|(_, trial)| trial));
        let alike = all.filter(|trial| trial.verdict == verdict);
        let worst = alike.reduce(|a, b| if a.severity() >= b.severity() || a.severity().is_nan() { a } else { b });
        let [analytic, numeric, error, tolerance] = match worst {
            Some(trial) if !matches!(verdict, Verdict::Kink | Verdict::NotFinite) => {
                [trial.claim, trial.value, trial.error, trial.tolerance]
            }
            _ => [f64::NAN; 4],
        };
        let (kinks, notes) = (self.kinks.clone(), self.notes());
        let shape = self.gradient.shape().clone();
        Row { name: name.into(), shape, part, tried, analytic, numeric, error, tolerance, verdict, kinks, notes }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.examples();
        if !self.kinks.is_empty() {
            let list: Vec<String> = self.kinks.iter().take(4).map(Kink::to_string).collect();
            let more = if self.kinks.len() > 4 { ", …" } else { "" };
            notes.push(format!("on a kink at {}{more}", list.join(", ")));
        }
        notes.extend(self.unjudged(Verdict::Kink, "on a kink"));
        notes.extend(self.unjudged(Verdict::NotFinite, "at the edge of where the value is finite"));
        notes
            .extend(self.unjudged(Verdict::Inconclusive, "beyond telling by differences, too near to a kink perhaps,"));
        if self.unresolved > 0 {
            notes.push(format!("{} more elements may be on a kink or near one and were not judged", self.unresolved));
        }
        notes
    }

    /// Which elements are wrong, and whether there is a pattern in it.
    fn examples(&self) -> Vec<String> {
        let along = self.trials.iter().filter_map(|(e, trial)| Some(((*e)?, trial)));
        let wrong: Vec<(usize, &Trial)> = along.filter(|(_, trial)| trial.verdict == Verdict::Wrong).collect();
        let Some((e, trial)) = wrong.first() else { return Vec::new() };
        let (place, claim, value) = (place(*e, self.gradient.shape()), trial.claim, trial.value);
        let more = if wrong.len() > 1 { format!("; {} such elements were found", wrong.len()) } else { String::new() };
        let (claim, value) = (number(claim, 7), number(value, 7));
        let mut notes = vec![format!("at {place} it is {claim}, by differences {value}{more}")];
        let ratios: Vec<f64> = wrong.iter().map(|(_, trial)| trial.claim / trial.value).collect();
        let same = ratios.iter().all(|ratio| (ratio - ratios[0]).abs() <= 1e-3 * ratios[0].abs());
        if same && ratios.len() > 1 && ratios[0] != 0.0 {
            notes.push(format!("in all of them it is {} times what it should be", number(ratios[0], 7)));
        }
        notes
    }

    fn unjudged(&self, verdict: Verdict, words: &str) -> Option<String> {
        let shape = self.gradient.shape();
        let those: Vec<&(usize, Trial)> = self.spoiled.iter().filter(|(_, trial)| trial.verdict == verdict).collect();
        let sides = match those.first()?.1.kink.map(|kink| kink.slopes) {
            Some(Some([left, right])) => {
                format!(", where the slopes on the two sides are {} and {}", number(left, 4), number(right, 4))
            }
            Some(None) => ", where differences grow as the step shrinks: it jumps, or its slope is infinite".into(),
            None => String::new(),
        };
        let places: Vec<String> = those.iter().take(4).map(|(e, _)| place(*e, shape)).collect();
        let more = if those.len() > 4 { ", …" } else { "" };
        let (n, all, list) = (those.len(), self.gradient.len(), places.join(", "));
        Some(format!("{n} of {all} elements are {words} and were not judged: {list}{more}{sides}"))
    }
}

/// The index of element `e`, in row-major order, as text.
fn place(e: usize, shape: &Shape) -> String {
    let after = |axis: usize| shape[axis + 1..].iter().product::<usize>();
    let index: Vec<usize> = (0..shape.ndim()).map(|axis| e / after(axis) % shape[axis]).collect();
    format!("{index:?}")
}
