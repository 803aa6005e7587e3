//! The derivative along a line, from values alone, and how far it can be trusted.
//!
//! Central differences `D(h) = (φ(h) − φ(−h)) / 2h` have an error in h², h⁴, …: from several steps it is extrapolated to a step of 0,
//! and how much the last extrapolations differ tells what is left of it. The one-sided differences tell where there is no derivative:
//! their difference, the bend `K(h) = (φ(h) − 2φ(0) + φ(−h)) / h`, shrinks like h where φ is smooth, and stays where it has a kink.
//!
//! Steps are powers of two, in units of the input's own size. The first is ε^(1/7), at which the error that three steps leave, of
//! order h⁶, equals that of rounding, ε/h. Only if the first few do not settle the matter are smaller ones tried, down to where
//! rounding takes over; what the values' rounding error is, is then measured rather than supposed.
//!
//! Sources: Ridders, "Accurate computation of F′(x) and F′(x) F″(x)" (1982), for the extrapolation and its bar; Moré and Wild,
//! "Estimating computational noise" (2011), §2, for the error of the values.

/// What is read from the numbers that are observed at a point: a weighted sum of them, or one.
pub(super) enum Read<'a> {
    Sum(&'a [f64]),
    Element(usize),
}

impl Read<'_> {
    /// The same reading of anything that has a term for each number.
    pub(super) fn of(&self, term: impl Fn(usize) -> f64) -> f64 {
        match self {
            Read::Sum(weights) => weights.iter().enumerate().map(|(k, weight)| weight * term(k)).sum(),
            Read::Element(k) => term(*k),
        }
    }

    /// The error of what is read, if each number is rounded on its own.
    pub(super) fn rounding(&self, numbers: &[f64], epsilon: f64) -> f64 {
        let squares = match self {
            Read::Sum(weights) => weights.iter().zip(numbers).map(|(weight, y)| (weight * y).powi(2)).sum(),
            Read::Element(k) => numbers[*k].powi(2),
        };
        epsilon * f64::sqrt(squares)
    }
}

/// A function of one number φ(h), the numbers observed at x + h·u.
pub(super) struct Line<'a> {
    observe: Box<dyn FnMut(f64) -> Vec<f64> + 'a>,
    zero: &'a [f64],
    epsilon: f64,
    /// The step that moves x by its own size.
    scale: f64,
    /// From the largest step to the smallest.
    levels: Vec<Level>,
    /// Numbers at equal distances, by the distance.
    spaced: Vec<(f64, Vec<Vec<f64>>)>,
}

struct Level {
    h: f64,
    plus: Vec<f64>,
    minus: Vec<f64>,
}

/// A derivative, and a bar that its error is unlikely to exceed by much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub(super) value: f64,
    pub(super) bar: f64,
    /// Whether φ did not change at all.
    pub(super) flat: bool,
}

/// What differences can tell of φ at 0.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    Smooth(Slope),
    /// The slopes on the two sides differ; or differences grow as the step shrinks, since φ jumps or its slope is infinite.
    Kink(Bend),
    /// Next to x, on one side or both, φ is not finite.
    Edge,
}

/// A kink on a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bend {
    /// The slopes on its two sides, if they are finite.
    pub(super) slopes: Option<[f64; 2]>,
    /// The steps at which it was seen.
    pub(super) steps: [f64; 2],
}

impl<'a> Line<'a> {
    /// The line through `zero`, the numbers observed at x, whose size is `scale`.
    pub(super) fn new(observe: impl FnMut(f64) -> Vec<f64> + 'a, zero: &'a [f64], scale: f64, epsilon: f64) -> Self {
        let scale = scale.log2().round().exp2();
        Line { observe: Box::new(observe), zero, epsilon, scale, levels: Vec::new(), spaced: Vec::new() }
    }

    pub(super) fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The step that moves x by about its own size.
    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    /// The error of what is read, if each number is rounded on its own.
    pub(super) fn rounding(&self, read: &Read<'_>) -> f64 {
        read.rounding(self.zero, self.epsilon)
    }

    /// Relative error at which a derivative still proves something: 10⁻⁴ in `f64`, 2 · 10⁻² in `f32`.
    pub(super) fn proof(epsilon: f64) -> f64 {
        epsilon.powf(0.25)
    }

    /// ε to a power, as a power of two.
    fn power(&self, exponent: f64) -> f64 {
        (self.epsilon.log2() * exponent).round().exp2()
    }

    fn first_steps(&self) -> [f64; 5] {
        let first = self.scale * self.power(1.0 / 7.0);
        [1.0, 2.0, 4.0, 8.0, 16.0].map(|divisor| first / divisor)
    }

    /// Six more, down to ε^0.55, where the error of rounding is that of half the digits.
    fn small_steps(&self) -> [f64; 6] {
        let (last, least) = (self.first_steps()[4].log2(), (self.scale * self.epsilon.powf(0.55)).log2());
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(|k| (last + (least - last) * k / 6.0).round().exp2())
    }

    fn reach(&mut self, h: f64) {
        let at = self.levels.partition_point(|level| level.h > h);
        if self.levels.get(at).is_none_or(|level| level.h != h) {
            let (plus, minus) = ((self.observe)(h), (self.observe)(-h));
            self.levels.insert(at, Level { h, plus, minus });
        }
    }

    /// `D(h)` and `K(h)`.
    fn differences(&self, level: &Level, read: &Read<'_>) -> (f64, f64) {
        let (plus, minus, zero) = (&level.plus, &level.minus, self.zero);
        let central = read.of(|k| plus[k] - minus[k]) / (2.0 * level.h);
        (central, read.of(|k| (plus[k] - zero[k]) - (zero[k] - minus[k])) / level.h)
    }

    fn table(&self, read: &Read<'_>) -> Vec<Row> {
        let row = |level: &Level| {
            let (central, bend) = self.differences(level, read);
            Row { h: level.h, central, bend }
        };
        self.levels.iter().map(row).collect()
    }

    /// The derivative from the first few steps, as soon as it is good `enough` in view of values with an error of `noise`. None if
    /// it does not become so, or if something bends that should not.
    pub(super) fn quick(&mut self, read: &Read<'_>, noise: f64, enough: impl Fn(Slope) -> bool) -> Option<Slope> {
        for (k, h) in self.first_steps().into_iter().enumerate() {
            self.reach(h);
            if k < 2 {
                continue;
            }
            let table = self.table(read);
            let slope = extrapolated(&table, noise)?;
            let (bend, size) =
                (kept_bend(&table[k - 1], &table[k]), table[k].central.abs() + table[k].bend.abs() / 2.0);
            if bend.abs() > 16.0 * noise / h + Self::proof(self.epsilon) * size {
                return None;
            }
            if enough(slope) {
                return Some(slope);
            }
        }
        None
    }

    /// All that differences can tell of a slope of about `size`, of values with an error of `noise`.
    pub(super) fn look(&mut self, read: &Read<'_>, noise: f64, size: f64) -> Seen {
        let first = self.first_steps();
        for h in first.into_iter().chain(self.small_steps()) {
            self.reach(h);
        }
        if 2.0 * noise / first[2] > self.epsilon.powf(0.4) * size {
            // In noise larger steps see more.
            for h in [4.0, 16.0].map(|factor| first[0] * factor) {
                if h <= self.scale {
                    self.reach(h);
                }
            }
        }
        let mut table = self.table(read);
        if table.iter().rev().take(2).all(|row| !row.is_finite()) {
            return Seen::Edge;
        }
        table.retain(Row::is_finite);
        // Between the ratio of a bend that comes of curvature, and 1.
        if let Some([a, b]) = persistent(&table, |row| row.bend, noise, size, |shrinks| shrinks.sqrt()) {
            let grows = b.bend.abs() > 1.7 * a.bend.abs();
            let slopes = [b.central - b.bend / 2.0, b.central + b.bend / 2.0];
            return Seen::Kink(Bend { slopes: (!grows).then_some(slopes), steps: [a.h, b.h] });
        }
        if let Some([a, b]) = persistent(&table, |row| row.central, noise, size, |_| 1.7) {
            return Seen::Kink(Bend { slopes: None, steps: [a.h, b.h] });
        }
        extrapolated(&table, noise).map_or(Seen::Edge, Seen::Smooth)
    }

    /// The smallest step at which `value` can be told from `claim`, if there the slopes on both sides, but for what curvature makes of
    /// them, are nearer to `value`.
    pub(super) fn confirms(&self, value: f64, claim: f64, read: &Read<'_>, noise: f64) -> Option<f64> {
        let table = self.table(read);
        let tells = |row: &Row| row.is_finite() && 2.0 * noise / row.h <= 0.05 * (value - claim).abs();
        let at = table.iter().rposition(tells)?;
        let bend = if at == 0 { 0.0 } else { kept_bend(&table[at - 1], &table[at]) };
        let mut sides = [-0.5, 0.5].into_iter().map(|side| table[at].central + side * bend);
        sides.all(|side| (side - value).abs() < (side - claim).abs()).then_some(table[at].h)
    }

    /// The error of what is read, measured: what is left of values at equal distances when a polynomial is taken out of them.
    pub(super) fn noise(&mut self, read: &Read<'_>) -> f64 {
        let rounding = self.rounding(read);
        let coarse = self.sides(read, 0.25).unwrap_or(0.0);
        if coarse <= 8.0 * rounding {
            return coarse.max(rounding);
        }
        // Either noise, or a function that changes within the distance: then it is smooth at a smaller one. If nothing changes
        // there, its values come in steps.
        self.sides(read, 0.5).map_or(coarse, |fine| consensus(coarse, fine)).max(rounding)
    }

    /// The noise at a distance of ε to this power, on both sides of x, in case there is a kink on one.
    fn sides(&mut self, read: &Read<'_>, exponent: f64) -> Option<f64> {
        let distance = self.scale * self.power(exponent);
        let sides = [self.scatter(read, distance), self.scatter(read, -distance)];
        sides.into_iter().flatten().reduce(consensus)
    }

    /// The standard deviation of the noise on one side of x. None where nothing changes, or values are not finite.
    fn scatter(&mut self, read: &Read<'_>, distance: f64) -> Option<f64> {
        if self.spaced.iter().all(|(known, _)| *known != distance) {
            let numbers = (1..=12).map(|i| (self.observe)(distance * f64::from(i))).collect();
            self.spaced.push((distance, numbers));
        }
        let spaced = self.spaced.iter().filter(|(known, _)| *known == distance).flat_map(|(_, numbers)| numbers);
        let mut values: Vec<f64> = spaced.map(|there| read.of(|k| there[k] - self.zero[k])).collect();
        if values.iter().any(|value| !value.is_finite()) || values.iter().all(|value| *value == values[0]) {
            return None;
        }
        let mut deviations = Vec::new();
        // Differences of order k have the variance (2k)!/(k!)² times that of the noise.
        let mut amplification = 1.0;
        for order in 1..=6 {
            values = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
            amplification *= f64::from(2 * (2 * order - 1)) / f64::from(order);
            if order >= 4 {
                let mean_square = values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64;
                deviations.push((mean_square / amplification).sqrt());
            }
        }
        deviations.sort_by(f64::total_cmp);
        Some(2.0 * deviations[1])
    }
}

/// Of two measurements of one noise the larger; of two things that differ too much for that the smaller, the other being no noise.
fn consensus(a: f64, b: f64) -> f64 {
    if a.max(b) <= 8.0 * a.min(b) { a.max(b) } else { a.min(b) }
}

/// The differences at one step.
#[derive(Clone, Copy, Debug)]
struct Row {
    h: f64,
    central: f64,
    bend: f64,
}

impl Row {
    fn is_finite(&self) -> bool {
        self.central.is_finite() && self.bend.is_finite()
    }
}

/// What is left of the bend at a step of 0: `K(h)` extrapolated along a straight line.
fn kept_bend(a: &Row, b: &Row) -> f64 {
    (b.bend * a.h - a.bend * b.h) / (a.h - b.h)
}

/// Two steps, far apart, from the larger to the smaller of which a difference keeps at least a `ratio` of its size, in view of that
/// of the steps; the smaller being the smallest at which it stands out from the noise, which it would at smaller steps too if it were
/// still there.
fn persistent(
    table: &[Row],
    of: impl Fn(&Row) -> f64,
    noise: f64,
    size: f64,
    ratio: impl Fn(f64) -> f64,
) -> Option<[Row; 2]> {
    let stands_out = |row: &&Row| of(row).abs() > 16.0 * noise / row.h && of(row).abs() > 1e-6 * size;
    let b = table.iter().rev().find(stands_out)?;
    if table.iter().any(|row| row.h < b.h && 32.0 * noise / row.h < of(b).abs()) {
        return None;
    }
    let a = table.iter().rev().find(|row| row.h >= 4.0 * b.h)?;
    (of(b).abs() >= ratio(b.h / a.h) * of(a).abs()).then_some([*a, *b])
}

/// Central differences extrapolated to a step of 0, by that part of Neville's table whose bar is smallest. None if some are not
/// finite, or there are none.
fn extrapolated(table: &[Row], noise: f64) -> Option<Slope> {
    let (mut best, mut before): (Option<Slope>, Vec<f64>) = (None, Vec::new());
    let flat = table.iter().all(|row| row.central == 0.0 && row.bend == 0.0);
    for (i, row) in table.iter().enumerate() {
        let mut now = vec![row.central];
        for j in 1..=i {
            let factor = (table[i - j].h / row.h).powi(2);
            now.push(now[j - 1] + (now[j - 1] - before[j - 1]) / (factor - 1.0));
            let change = (now[j] - now[j - 1]).abs().max((now[j] - before[j - 1]).abs());
            let bar = change.max(noise / row.h);
            if !bar.is_finite() {
                return None;
            }
            if best.is_none_or(|best| bar < best.bar) {
                best = Some(Slope { value: now[j], bar, flat });
            }
        }
        before = now;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of a function of one number at `x`, of values rounded to ε.
    fn line<'a>(f: impl Fn(f64) -> f64 + 'a, x: f64, zero: &'a [f64]) -> Line<'a> {
        Line::new(move |h| vec![f(x + h)], zero, x.abs().max(1e-300), f64::EPSILON)
    }

    type Case = (fn(f64) -> f64, fn(f64) -> f64);

    const SMOOTH: [Case; 6] = [
        (f64::exp, f64::exp),
        (f64::sin, f64::cos),
        (|x| x.tanh(), |x| 1.0 - x.tanh().powi(2)),
        (|x| 1.0 / x, |x| -1.0 / (x * x)),
        (|x| x.powi(5), |x| 5.0 * x.powi(4)),
        (|x| (30.0 * x).sin() + 1e3, |x| 30.0 * (30.0 * x).cos()),
    ];

    #[test]
    fn bars_hold_and_are_small() {
        for (k, (f, slope)) in SMOOTH.into_iter().enumerate() {
            for i in 1..=300 {
                let (x, read) = (f64::from(i) * 0.0137, Read::Element(0));
                let zero = [f(x)];
                let noise = read.rounding(&zero, f64::EPSILON);
                let mut line = line(f, x, &zero);
                let size = slope(x).abs();
                let quick = line.quick(&read, noise, |slope| slope.bar <= 1e-7 * size);
                let Seen::Smooth(all) = line.look(&read, noise, size) else { panic!("function {k} at {x} is smooth") };
                for found in quick.into_iter().chain([all]) {
                    let error = (found.value - slope(x)).abs();
                    assert!(error <= 10.0 * found.bar, "function {k} at {x}: off by {error:e}, bar {:e}", found.bar);
                    assert!(found.bar <= 1e-6 * (size + zero[0].abs()), "function {k} at {x}: bar {:e}", found.bar);
                }
            }
        }
    }

    /// A number between −1 and 1 that changes at random from one x to the next.
    fn rough(x: f64) -> f64 {
        let bits = x.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    #[test]
    fn noise_is_measured_and_not_taken_for_a_slope() {
        for size in [1e-12, 1e-9, 1e-6] {
            for i in 1..=100 {
                let x = f64::from(i) * 0.0271;
                let f = |x: f64| x.sin() + size * rough(x);
                let (zero, read) = ([f(x)], Read::Element(0));
                let mut line = line(f, x, &zero);
                let noise = line.noise(&read);
                assert!((0.3 * size..4.0 * size).contains(&noise), "noise of {size:e} measured as {noise:e}");
                let Seen::Smooth(slope) = line.look(&read, noise, 1.0) else {
                    panic!("noise {size:e} at {x} is no kink")
                };
                let error = (slope.value - x.cos()).abs();
                assert!(error <= 10.0 * slope.bar, "noise {size:e} at {x}: off by {error:e}, bar {:e}", slope.bar);
            }
        }
    }

    #[test]
    fn kinks_jumps_and_edges_are_told_from_curves() {
        let (read, noise) = (Read::Element(0), 1e-16);
        let look = |f: fn(f64) -> f64, x: f64| line(f, x, &[f(x)]).look(&read, noise, 1.0);
        for x in [0.5, 1.0, 3.0] {
            let kink = match x {
                0.5 => look(|x| (x - 0.5).abs() + x, x),
                1.0 => look(|x| (x - 1.0).abs() + x, x),
                _ => look(|x| (x - 3.0).abs() + x, x),
            };
            let Seen::Kink(Bend { slopes: Some([left, right]), .. }) = kink else { panic!("{kink:?} at {x}") };
            assert!(left.abs() < 1e-6 && (right - 2.0).abs() < 1e-6, "{left} and {right}");
        }
        assert!(matches!(look(|x| f64::from(u8::from(x > 1.0)), 1.0), Seen::Kink(Bend { slopes: None, .. })));
        assert!(matches!(look(|x| (x - 1.0).cbrt(), 1.0), Seen::Kink(Bend { slopes: None, .. })));
        assert!(matches!(look(|x| (x - 1.0).sqrt(), 1.0), Seen::Edge));
        // A kink that is near, and curves that are sharp.
        for f in [(|x| (x - 1.0 - 1e-6).abs()) as fn(f64) -> f64, |x| (1e4 * (x - 1.0)).tanh(), |x| (x - 1.0).powi(2)] {
            assert!(matches!(look(f, 1.0), Seen::Smooth(_)), "{:?}", look(f, 1.0));
        }
    }
}
