//! One derivative along one line: what the tape claims against what differences tell.

use super::differences::{Bend, Line, Read, Seen, Slope};
use super::report::Verdict;

/// What is claimed of a derivative along a line, and what it is to be measured by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// The derivative.
    pub(super) claim: f64,
    /// The size that such derivatives have.
    pub(super) size: f64,
    /// The sum of the sizes of the terms that it is the sum of.
    pub(super) terms: f64,
    /// By how much the value changes if x is rounded anew.
    pub(super) shake: f64,
}

/// What came out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) claim: f64,
    pub(super) value: f64,
    pub(super) error: f64,
    pub(super) tolerance: f64,
    /// [`Verdict::Vacuous`] if both are zero.
    pub(super) verdict: Verdict,
    pub(super) kink: Option<Bend>,
    /// If it is wrong, the step at which that was confirmed.
    pub(super) told_at: Option<f64>,
}

/// How many bars an error may have. A bar is the difference of two extrapolations, and not a bound.
const BARS: f64 = 10.0;

/// Judges `asked` by the differences on a line. `noise` is the error of the values, measured when first needed.
pub(super) fn assess(line: &mut Line<'_>, read: &Read<'_>, asked: Asked, noise: &mut Option<f64>) -> Trial {
    let Asked { claim, size, terms, shake } = asked;
    let (epsilon, scale) = (line.epsilon(), line.scale());
    let tolerance = |slope: Slope| BARS * slope.bar + 32.0 * epsilon * terms;
    let agrees = |slope: Slope| (slope.value - claim).abs() <= tolerance(slope);
    let supposed = line.rounding(read) + shake;
    // A slope that changes the value by no more than its rounding error, even if x moves by its own size.
    let nothing = |noise: f64| 8.0 * noise / scale;
    let enough =
        |slope: Slope| agrees(slope) && (tolerance(slope) <= epsilon.powf(0.4) * size || (slope.flat && claim == 0.0));
    if let Some(slope) = line.quick(read, supposed, enough) {
        let is_nothing = slope.flat && size <= nothing(supposed);
        let verdict = if is_nothing { Verdict::Vacuous } else { Verdict::Right };
        return Trial::of(claim, slope.value, tolerance(slope), verdict);
    }
    let noise = *noise.get_or_insert_with(|| line.noise(read).max(supposed));
    let slope = match line.look(read, noise, size) {
        Seen::Smooth(slope) => slope,
        Seen::Edge => return Trial::of(claim, f64::NAN, f64::NAN, Verdict::NotFinite),
        Seen::Kink(kink) => {
            return Trial { kink: Some(kink), ..Trial::of(claim, f64::NAN, f64::NAN, Verdict::Kink) };
        }
    };
    let mut allowed = tolerance(slope);
    if size.max(claim.abs()) <= nothing(noise) && slope.value.abs() <= allowed.max(nothing(noise)) {
        return Trial::of(claim, slope.value, allowed, Verdict::Vacuous);
    }
    if !agrees(slope) {
        if !claim.is_finite() {
            return Trial::of(claim, slope.value, allowed, Verdict::Wrong);
        }
        if let Some(step) = line.confirms(slope.value, claim, read, noise) {
            return Trial { told_at: Some(step), ..Trial::of(claim, slope.value, allowed, Verdict::Wrong) };
        }
        // The bar was too small by luck: differences cannot tell the two apart.
        allowed = BARS * (slope.value - claim).abs();
    }
    let proves = allowed <= Line::proof(epsilon) * size.max(slope.value.abs());
    Trial::of(claim, slope.value, allowed, if proves { Verdict::Right } else { Verdict::Inconclusive })
}

impl Trial {
    fn of(claim: f64, value: f64, tolerance: f64, verdict: Verdict) -> Self {
        Trial { claim, value, error: (claim - value).abs(), tolerance, verdict, kink: None, told_at: None }
    }

    /// The error in units of the tolerance.
    pub(super) fn severity(&self) -> f64 {
        self.error / self.tolerance
    }
}
