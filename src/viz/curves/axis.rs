//! Where an axis begins and ends, and which of its values are marked, with what text.

use super::SMALL;

/// Steps an axis is divided into; rounding them gives 3 to 8.
const STEPS: f64 = 5.0;
/// Part of its range that a padded axis adds at either end.
const MARGIN: f64 = 0.04;
/// Part of its range that a snapped axis may add at either end.
const NEAR: f64 = 0.05;

/// A range of values laid along a line.
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

/// A value that is marked; in its label the exponent of a power follows `^`.
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
}

impl Axis {
    /// A linear axis without margins: it ends at the data, or at the tick beyond when that is near.
    pub(super) fn snapped(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = linear_range(values);
        let step = Step::between(low, high);
        let (below, above) = (step.value(step.index(low).floor()), step.value(step.index(high).ceil()));
        let near = NEAR * (high - low);
        Axis {
            low: if low - below <= near { below } else { low },
            high: if above - high <= near { above } else { high },
            log: false,
        }
    }

    /// A linear axis with margins.
    pub(super) fn padded(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = linear_range(values);
        let margin = MARGIN * (high - low);
        Axis { low: low - margin, high: high + margin, log: false }
    }

    /// A logarithmic axis with margins, for positive values.
    pub(super) fn log(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = match extremes(values) {
            (low, high) if low > high => (0.1, 1.0),
            (low, high) if high <= low * (1.0 + 1e-9) => (low / 3.0, high * 3.0),
            range => range,
        };
        let margin = 10f64.powf(MARGIN * (high.log10() - low.log10()));
        Axis { low: low / margin, high: high * margin, log: true }
    }

    /// Where `value` lies between the ends, which are at 0 and 1.
    pub(super) fn fraction(&self, value: f64) -> f64 {
        let along = |v: f64| if self.log { v.log10() } else { v };
        (along(value) - along(self.low)) / (along(self.high) - along(self.low))
    }

    /// The marked values, in ascending order.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        if self.log { log_ticks(self.low, self.high) } else { linear_ticks(self.low, self.high) }
    }
}

/// The least and the greatest value; infinite and in the wrong order if there is none.
fn extremes(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// The extremes, made to differ by enough for ticks between them to differ.
fn linear_range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = extremes(values);
    let size = low.abs().max(high.abs());
    if low > high {
        (0.0, 1.0)
    } else if size < SMALL {
        (-1.0, 1.0)
    } else if high - low < 1e-9 * size {
        (low - 0.5 * size, high + 0.5 * size)
    } else {
        (low, high)
    }
}

/// The distance of ticks, `factor · 10^exponent` with a factor of 1, 2 or 5.
///
/// Source: Heckbert, Nice Numbers for Graph Labels, in Graphics Gems (1990).
struct Step {
    factor: f64,
    exponent: i32,
}

impl Step {
    fn between(low: f64, high: f64) -> Self {
        let raw = (high - low) / STEPS;
        let exponent = raw.log10().floor() as i32;
        match raw / power(exponent) {
            m if m < 1.5 => Step { factor: 1.0, exponent },
            m if m < 3.0 => Step { factor: 2.0, exponent },
            m if m < 7.0 => Step { factor: 5.0, exponent },
            _ => Step { factor: 1.0, exponent: exponent + 1 },
        }
    }

    fn value(&self, index: f64) -> f64 {
        decimal(index * self.factor, self.exponent)
    }

    fn index(&self, value: f64) -> f64 {
        value / (self.factor * power(self.exponent))
    }
}

fn linear_ticks(low: f64, high: f64) -> Vec<Tick> {
    let step = Step::between(low, high);
    (step.index(low).floor() as i64..=step.index(high).ceil() as i64)
        .map(|k| step.value(k as f64))
        .filter(|value| (low..=high).contains(value))
        .map(|value| Tick { value, label: label(value, step.exponent, low.abs().max(high.abs())) })
        .collect()
}

/// Powers of ten; between few of them also their 2- and 5-fold; in a narrow range what a linear axis has.
fn log_ticks(low: f64, high: f64) -> Vec<Tick> {
    let inside = |tick: &Tick| (low..=high).contains(&tick.value);
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let stride = decades.clone().count().div_ceil(10) as i32;
    let every = decades.clone().filter(|k| k % stride == 0);
    let powers = every.map(|k| Tick { value: decimal(1.0, k), label: minus(&format!("10^{k}")) });
    let powers: Vec<_> = powers.filter(inside).collect();
    if powers.len() >= 3 {
        return powers;
    }
    let multiples = decades.flat_map(|k| [1.0, 2.0, 5.0].map(|m| (decimal(m, k), k)));
    let multiples = multiples.map(|(value, k)| Tick { value, label: label(value, k, value) });
    let multiples: Vec<_> = multiples.filter(inside).collect();
    if multiples.len() >= 3 { multiples } else { linear_ticks(low, high) }
}

/// `value`, a multiple of ten to `exponent`, as short as the greatest magnitude `top` on its axis allows.
fn label(value: f64, exponent: i32, top: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = top.log10().floor() as i32;
    let unit = match magnitude {
        -3..4 => 0,
        4..12 => magnitude / 3 * 3,
        _ => magnitude,
    };
    let suffix = match unit {
        0 => String::new(),
        3 => "k".into(),
        6 => "M".into(),
        9 => "G".into(),
        _ => format!("e{unit}"),
    };
    minus(&format!("{:.*}{suffix}", (unit - exponent).max(0) as usize, decimal(value, -unit)))
}

/// The text with minus signs for hyphens.
fn minus(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

/// `n · 10^exponent`, rounded once: 3 / 10 is 0.3, but 3 · 0.1 is 0.30000000000000004.
fn decimal(n: f64, exponent: i32) -> f64 {
    if exponent < 0 { n / power(-exponent) } else { n * power(exponent) }
}

fn power(exponent: i32) -> f64 {
    10f64.powi(exponent)
}
