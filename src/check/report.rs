//! What a check has found: verdicts, and a table of them to be read.

use std::fmt;
use std::panic::Location;

use super::kinks::Kink;
use crate::shape::Shape;

/// What a row of a [`Report`] is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Part {
    /// The gradient against differences of the value.
    First,
    /// The gradient of the gradient against differences of the gradient.
    Second,
    /// The Hessian, row by row, against differences of the gradient.
    Hessian,
    /// The derivative along a direction, `wᵀ (J u)`, against the gradient times the direction, `(wᵀ J) u`.
    Jvp,
    /// The value of a fused form against that of its composition.
    Value,
    /// The first-order sweep, which uses fused rules, against the rules on handles; or a fused form's gradient against that of its
    /// composition.
    Fused,
    /// The gradients of the other inputs when some are constants.
    Constants,
    /// The gradient of one node in two places against the sum of those of two nodes.
    Shared,
    /// Value and gradients, to second order, of inputs and incoming gradients transposed, stepped, backwards, offset and repeated.
    Layouts,
    /// The same where inputs are broadcast on the tape.
    Broadcast,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Part::First => "first",
            Part::Second => "second",
            Part::Hessian => "hessian",
            Part::Jvp => "jvp",
            Part::Value => "value",
            Part::Fused => "fused",
            Part::Constants => "constants",
            Part::Shared => "shared",
            Part::Layouts => "layouts",
            Part::Broadcast => "broadcast",
        })
    }
}

/// What a check says of one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// The two agree, within a tolerance that would have shown an error.
    Right,
    /// Zero in every direction, as was declared.
    Flat,
    /// The two differ, by more than differences or rounding explain.
    Wrong,
    /// There is no derivative to compare with: x is on a kink. The rule is not to blame.
    Kink,
    /// Zero in every direction, by the rule and by differences: a rule that always says 0 would do as well.
    Vacuous,
    /// Differences cannot tell: their error is too large.
    Inconclusive,
    /// The value itself is NaN or infinite, at x or next to it.
    NotFinite,
}

impl Verdict {
    /// What it means, if that needs to be said.
    fn meaning(self) -> Option<&'static str> {
        match self {
            Verdict::Kink => Some("there is no derivative, and no rule can be right or wrong; try another point"),
            Verdict::Vacuous => Some(
                "the derivative is zero in every direction, by the rules and by differences: a rule that always says 0 would pass too",
            ),
            Verdict::Inconclusive => Some("differences are too rough here to tell a right rule from a wrong one"),
            _ => None,
        }
    }

    /// Whether it shows that all is as it should be.
    pub fn is_right(self) -> bool {
        matches!(self, Verdict::Right | Verdict::Flat)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Right => "right",
            Verdict::Flat => "flat, as declared",
            Verdict::Wrong => "WRONG",
            Verdict::Kink => "on a kink",
            Verdict::Vacuous => "proved nothing",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotFinite => "not finite",
        })
    }
}

/// One line of a [`Report`]: one input, and one thing that was checked of it. The numbers are those of the direction or element with
/// the largest error in units of its tolerance.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The input, or parameter by its dotted name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// What was checked.
    pub part: Part,
    /// How much was looked at: directions, elements.
    pub tried: String,
    /// What the tape says.
    pub analytic: f64,
    /// What it is compared with.
    pub numeric: f64,
    /// How far they are apart.
    pub error: f64,
    /// How far they may be.
    pub tolerance: f64,
    /// What follows.
    pub verdict: Verdict,
    /// The nodes on whose kink x lies.
    pub kinks: Vec<Kink>,
    /// What there is to say.
    pub notes: Vec<String>,
}

/// What a check has found. It prints as a table.
///
/// # Examples
/// ```
/// use rensa::{check, tensor};
/// let report = check::gradients(|[x, w]| (x * w).sum(..), [&tensor![1.0, 2.0], &tensor![0.5, 4.0]]);
/// assert!(report.is_right());
/// println!("{report}");
/// ```
#[must_use = "a report that nobody looks at shows nothing; end with .assert()"]
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) title: String,
    pub(super) asked: &'static Location<'static>,
    pub(super) rows: Vec<Row>,
    pub(super) notes: Vec<String>,
}

impl Report {
    /// The rows, in the order of the inputs.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether everything that was asked was shown to be right.
    pub fn is_right(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.verdict.is_right())
    }

    /// Nothing, if everything that was asked was shown to be right.
    ///
    /// # Panics
    /// With the table, if not.
    #[track_caller]
    pub fn assert(&self) {
        if !self.is_right() {
            refuse(self);
        }
    }
}

#[cold]
#[track_caller]
fn refuse(report: &Report) -> ! {
    panic!("not everything was shown to be right\n{report}")
}

/// A number with about `digits` digits.
pub(super) fn number(x: f64, digits: usize) -> String {
    if x == 0.0 {
        return "0".into(); // not −0
    }
    if !x.is_finite() {
        return format!("{x}");
    }
    let exponent = x.abs().log10().floor();
    if (-4.0..7.0).contains(&exponent) && (digits > 2 || exponent > -3.0) {
        let decimals = (digits as f64 - 1.0 - exponent).max(0.0) as usize;
        return format!("{x:.decimals$}");
    }
    format!("{x:.*e}", digits - 1)
}

const HEAD: [&str; 9] = ["input", "shape", "check", "tried", "analytic", "numeric", "error", "tolerance", "verdict"];

impl Row {
    fn cells(&self) -> [String; 9] {
        let (long, short) = (|x| number(x, 7), |x| number(x, 2));
        let (part, verdict) = (self.part.to_string(), self.verdict.to_string());
        let shape = format!("{:?}", self.shape);
        let none = [self.analytic, self.numeric, self.error, self.tolerance].iter().all(|x| x.is_nan());
        let numbers = match none {
            true => ["–", "–", "–", "–"].map(String::from),
            false => [long(self.analytic), long(self.numeric), short(self.error), short(self.tolerance)],
        };
        let [analytic, numeric, error, tolerance] = numbers;
        [self.name.clone(), shape, part, self.tried.clone(), analytic, numeric, error, tolerance, verdict]
    }
}

/// A table, a row for each thing that was checked, then how many are right, then notes.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, at {}:{}", self.title, self.asked.file(), self.asked.line())?;
        let rows: Vec<_> = [HEAD.map(String::from)].into_iter().chain(self.rows.iter().map(Row::cells)).collect();
        let widths = std::array::from_fn::<usize, 9, _>(|column| {
            rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        });
        for row in &rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
                match column {
                    4..8 => line += &format!("{cell:>width$}  "),
                    _ => line += &format!("{cell:<width$}  "),
                }
            }
            writeln!(f, "  {}", line.trim_end())?;
        }
        self.fmt_count(f)?;
        for row in &self.rows {
            for note in &row.notes {
                writeln!(f, "  {} ({}): {note}", row.name, row.part)?;
            }
        }
        for verdict in [Verdict::Kink, Verdict::Vacuous, Verdict::Inconclusive] {
            if let Some(meaning) = verdict.meaning().filter(|_| self.count(verdict) > 0) {
                writeln!(f, "  {verdict}: {meaning}")?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}

impl Report {
    /// How many rows end in a verdict.
    fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict).count()
    }

    fn fmt_count(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Verdict::{Flat, Inconclusive, Kink, NotFinite, Right, Vacuous, Wrong};
        let all = [Right, Flat, Wrong, Kink, Vacuous, Inconclusive, NotFinite];
        let found = all.into_iter().filter(|&verdict| self.count(verdict) > 0);
        let counts: Vec<String> = found.map(|verdict| format!("{} {verdict}", self.count(verdict))).collect();
        let counts = if counts.is_empty() { "nothing was checked".to_string() } else { counts.join("; ") };
        writeln!(f, "{counts}")
    }
}
