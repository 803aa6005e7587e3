//! How far to go in a direction: a step that satisfies the strong Wolfe conditions.
//!
//! Along the direction the loss is a function φ of the step t alone. A step is good if φ has fallen enough, φ(t) ≤ φ(0) + c₁ t φ′(0), and is
//! flat enough there, |φ′(t)| ≤ c₂ |φ′(0)|. First the step grows until such a step lies between it and the one before; then that interval is
//! narrowed.
//!
//! Source: Nocedal, Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6, and equation 3.59 for the cubic; its safeguards, as PyTorch
//! has them, by Schmidt's minFunc (2005).

use crate::error::Result;

const C1: f64 = 1e-4;
const C2: f64 = 0.9;

/// A step, what the loss is there, how it rises in the direction, and the gradient.
#[derive(Clone, Debug)]
pub(super) struct Point<G> {
    pub(super) step: f64,
    /// ∞ where it is NaN: too far.
    pub(super) loss: f64,
    pub(super) slope: f64,
    pub(super) gradient: G,
}

/// When to be content.
pub(super) struct Limits {
    /// How many more points may be looked at, after the first.
    pub(super) evaluations: u64,
    /// An interval in which no parameter moves by more is not narrowed.
    pub(super) tolerance: f64,
    /// How much a parameter moves at a step of 1, at most.
    pub(super) reach: f64,
}

/// From `start`, where the step is 0, beginning with a step of `first`. Returns the best point that it finds.
///
/// # Errors
/// As `evaluate`.
pub(super) fn strong_wolfe<G: Clone>(
    start: &Point<G>,
    first: f64,
    limits: &Limits,
    mut evaluate: impl FnMut(f64) -> Result<Point<G>>,
) -> Result<Point<G>> {
    let falls = |point: &Point<G>| point.loss <= start.loss + C1 * point.step * start.slope;
    let is_flat = |point: &Point<G>| point.slope.abs() <= -C2 * start.slope;
    let (mut before, mut now) = (start.clone(), evaluate(first)?);
    let mut tried = 0;
    let bracket = loop {
        if tried >= limits.evaluations {
            break [start.clone(), now];
        }
        if !falls(&now) || (tried > 1 && now.loss >= before.loss) {
            break [before, now];
        }
        if is_flat(&now) {
            return Ok(now);
        }
        if now.slope >= 0.0 {
            break [before, now];
        }
        let bounds = (now.step + 0.01 * (now.step - before.step), 10.0 * now.step);
        let next = evaluate(cubic_minimum(&before, &now, bounds))?;
        (before, now) = (now, next);
        tried += 1;
    };
    let left = limits.evaluations.saturating_sub(tried);
    zoom(bracket, &Limits { evaluations: left, ..*limits }, falls, is_flat, evaluate)
}

/// Narrows an interval in which there is a good step, until one is found.
fn zoom<G>(
    [a, b]: [Point<G>; 2],
    limits: &Limits,
    falls: impl Fn(&Point<G>) -> bool,
    is_flat: impl Fn(&Point<G>) -> bool,
    mut evaluate: impl FnMut(f64) -> Result<Point<G>>,
) -> Result<Point<G>> {
    let sort = |a: Point<G>, b: Point<G>| if a.loss <= b.loss { (a, b) } else { (b, a) };
    let (mut low, mut high) = sort(a, b);
    let mut is_slow = false;
    for _ in 0..limits.evaluations {
        if (high.step - low.step).abs() * limits.reach < limits.tolerance {
            break;
        }
        let (left, right) = (low.step.min(high.step), low.step.max(high.step));
        let (mut step, margin) = (cubic_minimum(&low, &high, (left, right)), 0.1 * (right - left));
        // Close to an end twice in a row, or at it, the cubic is not to be trusted.
        let is_close = (right - step).min(step - left) < margin;
        if is_close && (is_slow || step >= right || step <= left) {
            step = if (step - right).abs() < (step - left).abs() { right - margin } else { left + margin };
            is_slow = false;
        } else {
            is_slow = is_close;
        }
        let now = evaluate(step)?;
        if !falls(&now) || now.loss >= low.loss {
            (low, high) = sort(low, now);
        } else if is_flat(&now) {
            return Ok(now);
        } else {
            if now.slope * (high.step - low.step) >= 0.0 {
                high = low;
            }
            low = now;
        }
    }
    Ok(low)
}

/// Where the cubic through two points, with their slopes, is smallest, within bounds; in the middle of them if it has no minimum.
fn cubic_minimum<G>(a: &Point<G>, b: &Point<G>, (least, most): (f64, f64)) -> f64 {
    let (a, b) = if a.step <= b.step { (a, b) } else { (b, a) };
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.step - b.step);
    let d2 = (d1 * d1 - a.slope * b.slope).sqrt();
    let step = b.step - (b.step - a.step) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2));
    if step.is_finite() { step.max(least).min(most) } else { (least + most) / 2.0 }
}
