//! One cycle: up to a large rate and down again.

use super::Schedule;
use super::cosine::half_cosine;

/// How a rate goes from one value to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Annealing {
    /// Along half a cosine.
    Cos,
    /// In a straight line.
    Linear,
}

impl Annealing {
    fn between(self, start: f64, end: f64, way: f64) -> f64 {
        match self {
            Annealing::Cos => half_cosine(start, end, way),
            Annealing::Linear => start + (end - start) * way,
        }
    }
}

/// Up from `max_lr / div_factor` to `max_lr` in the first `pct_start` of `total_steps`, and down to `max_lr / (div_factor · final_div_factor)`
/// at the last step, where it stays. The momentum goes the other way, from `max_momentum` down to `base_momentum` and up again.
///
/// With `three_phase`, it goes down to the initial rate in as many steps as it went up, and then to the last one.
///
/// By default `pct_start` is 0.3, `anneal_strategy` is [`Annealing::Cos`], `div_factor` 25, `final_div_factor` 10⁴, `base_momentum` 0.85,
/// `max_momentum` 0.95, `cycle_momentum` is on, and `three_phase` off.
///
/// # Examples
/// ```
/// use rensa::optim::{OneCycleLr, Schedule, Scheduled, Sgd};
/// let schedule = OneCycleLr::new(1.0, 101).pct_start(0.5);
/// assert!((schedule.lr(0) - 0.04).abs() < 1e-15);
/// let mut sgd = Sgd::<f32>::new(0.1).momentum(0.9);
/// schedule.drive(49, &mut sgd);
/// assert!((sgd.lr() - 1.0).abs() < 1e-3 && (sgd.rule.momentum - 0.85).abs() < 1e-3);
/// ```
/// Source: Smith, Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates" (2018), §3.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OneCycleLr {
    /// The largest rate.
    pub max_lr: f64,
    /// The number of steps of the cycle.
    pub total_steps: u64,
    /// The part of them in which the rate goes up.
    pub pct_start: f64,
    /// How it goes.
    pub anneal_strategy: Annealing,
    /// Whether the momentum is scheduled too.
    pub cycle_momentum: bool,
    /// The smallest momentum, where the rate is largest.
    pub base_momentum: f64,
    /// The largest momentum.
    pub max_momentum: f64,
    /// How many times smaller than the largest rate the initial one is.
    pub div_factor: f64,
    /// How many times smaller than the initial rate the last one is.
    pub final_div_factor: f64,
    /// Whether the initial rate is reached once more on the way down.
    pub three_phase: bool,
}

impl OneCycleLr {
    /// Up to `max_lr` and down again in `total_steps` steps.
    ///
    /// # Panics
    /// If there are fewer than two steps.
    #[track_caller]
    pub fn new(max_lr: f64, total_steps: u64) -> Self {
        assert!(total_steps > 1, "OneCycleLr: {total_steps} steps make no cycle");
        OneCycleLr {
            max_lr,
            total_steps,
            pct_start: 0.3,
            anneal_strategy: Annealing::Cos,
            cycle_momentum: true,
            base_momentum: 0.85,
            max_momentum: 0.95,
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        }
    }

    /// Up in another part of the steps.
    ///
    /// # Panics
    /// If it is not between 0 and 1.
    #[track_caller]
    pub fn pct_start(mut self, pct_start: f64) -> Self {
        assert!((0.0..=1.0).contains(&pct_start), "OneCycleLr: a pct_start of {pct_start} is no part of all steps");
        self.pct_start = pct_start;
        self
    }

    /// In another way.
    pub fn anneal_strategy(mut self, anneal_strategy: Annealing) -> Self {
        self.anneal_strategy = anneal_strategy;
        self
    }

    /// With the momentum scheduled too, or left alone.
    pub fn cycle_momentum(mut self, cycle_momentum: bool) -> Self {
        self.cycle_momentum = cycle_momentum;
        self
    }

    /// Between these momenta.
    pub fn momenta(mut self, base_momentum: f64, max_momentum: f64) -> Self {
        (self.base_momentum, self.max_momentum) = (base_momentum, max_momentum);
        self
    }

    /// From another initial rate, `max_lr / div_factor`.
    pub fn div_factor(mut self, div_factor: f64) -> Self {
        self.div_factor = div_factor;
        self
    }

    /// To another last rate, the initial one divided by this.
    pub fn final_div_factor(mut self, final_div_factor: f64) -> Self {
        self.final_div_factor = final_div_factor;
        self
    }

    /// In three phases or in two.
    pub fn three_phase(mut self, three_phase: bool) -> Self {
        self.three_phase = three_phase;
        self
    }

    /// Which phase a step is in, and how much of the phase lies behind it.
    fn phase(&self, step: u64) -> (usize, f64) {
        let (step, last) = (step.min(self.total_steps - 1) as f64, (self.total_steps - 1) as f64);
        let up = self.pct_start * self.total_steps as f64;
        let ends: &[f64] = if self.three_phase { &[up - 1.0, 2.0 * up - 2.0, last] } else { &[up - 1.0, last] };
        let phase = ends.iter().position(|&end| step <= end).unwrap_or(ends.len() - 1);
        let start = if phase == 0 { 0.0 } else { ends[phase - 1] };
        // A phase of one step only is at its end.
        (phase, if ends[phase] == start { 1.0 } else { (step - start) / (ends[phase] - start) })
    }

    /// Rate or momentum: from `low` to `high` and back, and in the last phase to `last`.
    fn value(&self, step: u64, low: f64, high: f64, last: f64) -> f64 {
        let (phase, way) = self.phase(step);
        let (start, end) = match (phase, self.three_phase) {
            (0, _) => (low, high),
            (1, true) => (high, low),
            (1, false) => (high, last),
            _ => (low, last),
        };
        self.anneal_strategy.between(start, end, way)
    }
}

impl Schedule for OneCycleLr {
    fn lr(&self, step: u64) -> f64 {
        let initial = self.max_lr / self.div_factor;
        self.value(step, initial, self.max_lr, initial / self.final_div_factor)
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        self.cycle_momentum.then(|| self.value(step, self.max_momentum, self.base_momentum, self.max_momentum))
    }
}
