//! Digits that look handwritten, drawn by the library itself: data for examples and tests that need no file.
//!
//! Knows curves, pixels and plain vectors; tensors are made by its caller. Only arithmetic that IEEE 754 rounds in one
//! way and a generator with a fixed algorithm are used, so a seed gives the same bits on every machine.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// The width and the height of a drawn digit, in pixels.
pub const SIDE: usize = 28;

/// The pixels of a drawn digit.
const PIXELS: usize = SIDE * SIDE;
/// Line segments per piece of a curve; more do not change a pixel by a visible amount.
const STEPS: u8 = 5;

/// A position: x to the right, y down; on paper from −1 to 1 in y, on the image in pixels.
type Point = (f32, f32);
/// The control points, 3 or more, of a curve drawn in one go; a point given twice makes a corner.
type Stroke = &'static [Point];

/// The ways in which people write each digit, on paper.
#[rustfmt::skip]
const WAYS: [&[&[Stroke]]; 10] = [
    &[
        &[&[(0.1, -1.0), (-0.3, -1.0), (-0.62, -0.4), (-0.62, 0.4), (-0.3, 1.0), (0.25, 1.0), (0.62, 0.4), (0.62, -0.4),
            (0.3, -1.0), (-0.1, -1.0)]],
        &[&[(-0.1, -0.95), (-0.55, -0.7), (-0.65, 0.2), (-0.5, 1.0), (0.0, 1.05), (0.55, 0.95), (0.65, 0.1),
            (0.55, -0.75), (0.2, -1.05), (-0.2, -0.95), (-0.35, -0.7)]],
    ],
    &[
        &[&[(0.0, -1.0), (0.0, 0.0), (0.0, 1.0)]],
        &[&[(-0.4, -0.55), (-0.15, -0.7), (0.1, -1.0), (0.1, -1.0), (0.1, 0.0), (0.05, 1.0)]],
        &[&[(-0.35, -0.65), (-0.1, -0.8), (0.05, -1.0), (0.05, -1.0), (0.05, 0.0), (0.05, 1.0)],
          &[(-0.45, 1.0), (0.0, 0.97), (0.5, 1.0)]],
    ],
    &[
        &[&[(-0.55, -0.55), (-0.5, -1.0), (0.1, -1.15), (0.65, -0.8), (0.5, -0.1), (-0.1, 0.5), (-0.6, 1.0),
            (-0.6, 1.0), (0.0, 0.95), (0.65, 0.95)]],
        &[&[(-0.5, -0.65), (-0.3, -1.1), (0.45, -1.1), (0.6, -0.4), (0.15, 0.5), (-0.4, 1.1), (-0.75, 0.75),
            (-0.35, 0.5), (0.1, 0.9), (0.7, 0.9)]],
    ],
    &[
        &[&[(-0.5, -0.75), (-0.3, -1.1), (0.45, -1.1), (0.65, -0.4), (0.2, -0.1), (-0.15, -0.05), (-0.15, -0.05),
            (0.5, -0.05), (0.75, 0.45), (0.45, 1.1), (-0.3, 1.1), (-0.6, 0.7)]],
        &[&[(-0.5, -0.95), (0.0, -0.97), (0.5, -0.95), (0.5, -0.95), (0.2, -0.5), (-0.1, -0.2), (-0.1, -0.2),
            (0.55, -0.2), (0.75, 0.5), (0.4, 1.1), (-0.2, 1.1), (-0.6, 0.75)]],
    ],
    &[
        &[&[(-0.45, -0.9), (-0.5, -0.4), (-0.6, 0.2), (-0.6, 0.2), (0.0, 0.15), (0.65, 0.1)],
          &[(0.35, -0.9), (0.3, 0.0), (0.25, 1.0)]],
        &[&[(0.25, 1.0), (0.27, 0.0), (0.3, -1.0), (0.3, -1.0), (-0.15, -0.35), (-0.65, 0.35), (-0.65, 0.35),
            (0.0, 0.35), (0.7, 0.3)]],
    ],
    &[
        &[&[(-0.4, -0.95), (-0.42, -0.6), (-0.45, -0.2), (-0.45, -0.2), (0.0, -0.45), (0.6, -0.2), (0.65, 0.6),
            (0.3, 1.15), (-0.3, 1.1), (-0.55, 0.75)],
          &[(-0.4, -0.95), (0.0, -0.97), (0.55, -1.0)]],
        &[&[(0.55, -0.9), (0.1, -0.95), (-0.3, -0.95), (-0.3, -0.95), (-0.4, -0.5), (-0.45, -0.1), (-0.45, -0.1),
            (0.3, -0.3), (0.7, 0.3), (0.35, 1.05), (-0.2, 1.1), (-0.6, 0.9)]],
    ],
    &[
        &[&[(0.3, -1.0), (-0.15, -0.75), (-0.6, 0.0), (-0.6, 0.95), (0.0, 1.1), (0.6, 0.95), (0.55, 0.15), (0.0, 0.0),
            (-0.4, 0.3), (-0.5, 0.6)]],
        &[&[(0.0, -1.0), (-0.4, -0.4), (-0.55, 0.4), (-0.35, 1.1), (0.3, 1.05), (0.55, 0.6), (0.25, 0.2), (-0.2, 0.3),
            (-0.4, 0.75)]],
    ],
    &[
        &[&[(-0.6, -0.9), (0.0, -0.92), (0.55, -0.95), (0.55, -0.95), (0.2, 0.0), (-0.1, 1.0)]],
        &[&[(-0.6, -0.9), (0.0, -0.92), (0.6, -0.95), (0.6, -0.95), (0.2, -0.2), (0.0, 1.0)],
          &[(-0.25, 0.05), (0.1, 0.05), (0.5, 0.0)]],
        &[&[(-0.55, -0.5), (-0.55, -0.7), (-0.5, -0.95), (-0.5, -0.95), (0.0, -0.9), (0.5, -0.95), (0.5, -0.95),
            (0.35, -0.1), (0.1, 1.0)]],
    ],
    &[
        &[&[(0.45, -0.75), (0.2, -1.1), (-0.5, -1.05), (-0.5, -0.4), (0.05, -0.05), (0.6, 0.3), (0.5, 1.1), (0.0, 1.1),
            (-0.6, 1.0), (-0.5, 0.3), (0.05, -0.05), (0.5, -0.4), (0.45, -0.8)]],
        &[&[(0.0, -0.1), (-0.45, -0.25), (-0.5, -0.95), (0.0, -1.1), (0.5, -0.95), (0.45, -0.25), (-0.05, -0.1)],
          &[(0.0, -0.1), (-0.55, 0.05), (-0.6, 0.95), (0.0, 1.1), (0.6, 0.95), (0.55, 0.05), (-0.05, -0.1)]],
    ],
    &[
        &[&[(0.45, -0.65), (0.3, -1.1), (-0.45, -1.1), (-0.6, -0.3), (-0.15, 0.05), (0.35, -0.2), (0.45, -0.8),
            (0.45, -0.8), (0.4, 0.0), (0.3, 1.0)]],
        &[&[(0.5, -0.6), (0.3, -1.1), (-0.45, -1.05), (-0.6, -0.25), (-0.1, 0.05), (0.4, -0.25), (0.5, -0.75),
            (0.5, -0.75), (0.55, 0.3), (0.35, 1.1), (-0.2, 1.1), (-0.5, 0.75)]],
    ],
];

/// `n` digits and their classes, shuffled, as many of each class up to one; the same seed gives the same digits.
///
/// Shapes: `[n, 784]` grey values from 0 (paper) to 1 (ink), and `[n]` classes from 0 to 9.
///
/// # Panics
/// If `n` digits are more than memory can hold.
///
/// # Examples
/// ```
/// use rensa::data::digits::{SIDE, dataset};
///
/// let (pixels, classes) = dataset(100, 7);
/// assert_eq!(pixels.len(), 100 * SIDE * SIDE);
/// assert_eq!(classes.iter().filter(|&&class| class == 3).count(), 10);
/// ```
pub fn dataset(n: usize, seed: u64) -> (Vec<f32>, Vec<u8>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut classes: Vec<u8> = (0..10).cycle().take(n).collect();
    // Fisher and Yates by hand, because `rand` promises no fixed algorithm for its own.
    for i in (1..n).rev() {
        classes.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
    }
    let mut pixels = Vec::with_capacity(n.saturating_mul(PIXELS));
    for &class in &classes {
        let start = pixels.len();
        pixels.resize(start + PIXELS, 0.0);
        draw(class, &mut rng, &mut pixels[start..]);
    }
    (pixels, classes)
}

/// Draws one digit into `out`, in a way, a hand, a place and with a pen that `rng` chooses.
///
/// Shapes: `out` `[28, 28]` row-major, grey values from 0 (paper) to 1 (ink); what it held is lost.
///
/// # Panics
/// If `class` is above 9 or `out` does not have 784 elements.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::data::digits::{SIDE, draw};
///
/// let mut image = [0.0; SIDE * SIDE];
/// draw(4, &mut StdRng::seed_from_u64(0), &mut image);
/// for row in image.chunks(SIDE) {
///     println!("{}", row.iter().map(|&ink| if ink > 0.5 { '#' } else { ' ' }).collect::<String>());
/// }
/// ```
#[track_caller]
pub fn draw(class: u8, rng: &mut impl Rng, out: &mut [f32]) {
    assert!(class <= 9, "digits::draw: class {class} is not a digit");
    assert!(out.len() == PIXELS, "digits::draw: a digit has {PIXELS} pixels, not {}", out.len());
    out.fill(0.0);
    let ways = WAYS[usize::from(class)];
    let way = ways[(rng.next_u64() % ways.len() as u64) as usize];
    let hand = Hand::random(rng);
    let pen = Pen::random(rng);
    for &stroke in way {
        let points: Vec<Point> = stroke.iter().map(|&point| hand.place(point, rng)).collect();
        pen.stroke(&points, rng, out);
    }
    let noise = uniform(rng, 0.0, 0.12);
    for pixel in out {
        *pixel = (*pixel + uniform(rng, -noise, noise)).clamp(0.0, 1.0);
    }
}

/// How one writer writes one digit: where a point on paper lies on the image.
struct Hand {
    /// The linear part, row by row: size, slant and rotation.
    linear: [f32; 4],
    /// Where the middle of the paper lies.
    middle: Point,
    /// How much the digit leans over to the right at its top and bottom, as a bow does.
    bow: f32,
    /// The standard deviation of the tremor of each control point, on paper.
    tremor: f32,
}

impl Hand {
    fn random(rng: &mut impl Rng) -> Self {
        let size = 9.2 * (1.0 + 0.09 * normal(rng));
        let (wide, high) = (size * (1.0 + 0.14 * normal(rng)), size);
        let slant = 0.05 + 0.2 * normal(rng);
        // Rotation by the angle whose half has this tangent: a rational formula, so that no sine differs by machine.
        let t = 0.07 * normal(rng);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let linear = [wide * cos, -slant * high * cos - sin * high, wide * sin, -slant * high * sin + cos * high];
        let centre = (SIDE as f32 - 1.0) / 2.0;
        let middle = (centre + 1.1 * normal(rng), centre + 1.1 * normal(rng));
        Hand { linear, middle, bow: 0.08 * normal(rng), tremor: uniform(rng, 0.02, 0.09) }
    }

    fn place(&self, (x, y): Point, rng: &mut impl Rng) -> Point {
        let (x, y) = (x + self.tremor * normal(rng), y + self.tremor * normal(rng));
        let x = x + self.bow * (2.0 * y * y - 1.0);
        let [a, b, c, d] = self.linear;
        (a * x + b * y + self.middle.0, c * x + d * y + self.middle.1)
    }
}

/// What a digit is written with; lengths in pixels.
struct Pen {
    /// Half the thickness of a line.
    radius: f32,
    /// How far the edge of a line is spread.
    soft: f32,
}

impl Pen {
    fn random(rng: &mut impl Rng) -> Self {
        Pen { radius: uniform(rng, 0.7, 1.7), soft: uniform(rng, 1.0, 1.7) }
    }

    /// The quadratic B-spline with these control points, which passes through the first and the last.
    fn stroke(&self, points: &[Point], rng: &mut impl Rng, out: &mut [f32]) {
        let ink = uniform(rng, 0.7, 1.0);
        let mut pressure = 1.0;
        let mut from = points[0];
        for (i, piece) in points.windows(3).enumerate() {
            let last = i + 3 == points.len();
            let to = if last { piece[2] } else { between(piece[1], piece[2], 0.5) };
            let start = from;
            for step in 1..=STEPS {
                let t = f32::from(step) / f32::from(STEPS);
                let next = between(between(start, piece[1], t), between(piece[1], to, t), t);
                self.line(from, next, self.radius * pressure, ink, out);
                from = next;
            }
            pressure = (pressure + uniform(rng, -0.12, 0.12)).clamp(0.7, 1.2);
        }
    }

    /// The pixels near the line from `a` to `b`, darkened to the ink that covers them.
    fn line(&self, a: Point, b: Point, radius: f32, ink: f32, out: &mut [f32]) {
        let along = (b.0 - a.0, b.1 - a.1);
        let length2 = (along.0 * along.0 + along.1 * along.1).max(f32::MIN_POSITIVE);
        let reach = radius + self.soft / 2.0;
        for row in pixels(a.1.min(b.1) - reach, a.1.max(b.1) + reach) {
            for column in pixels(a.0.min(b.0) - reach, a.0.max(b.0) + reach) {
                let (x, y) = (column as f32 - a.0, row as f32 - a.1);
                let t = ((x * along.0 + y * along.1) / length2).clamp(0.0, 1.0);
                let (x, y) = (x - t * along.0, y - t * along.1);
                let cover = (0.5 + (radius - (x * x + y * y).sqrt()) / self.soft).clamp(0.0, 1.0);
                let pixel = &mut out[row * SIDE + column];
                *pixel = pixel.max(ink * cover);
            }
        }
    }
}

/// The rows or columns of the image whose centres lie from `low` to `high`.
fn pixels(low: f32, high: f32) -> std::ops::Range<usize> {
    low.ceil().max(0.0) as usize..((high.floor() + 1.0).max(0.0) as usize).min(SIDE)
}

/// The point at `t` on the way from `a` to `b`.
fn between(a: Point, b: Point, t: f32) -> Point {
    (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1))
}

/// A number uniform on `[low, high]`; by hand, because `rand` promises no fixed algorithm for its own.
fn uniform(rng: &mut impl Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * ((rng.next_u32() >> 8) as f32 / (1 << 24) as f32)
}

/// A number nearly normal, of mean 0 and variance 1, that is never beyond ±3: the sum of three of variance 1/3.
fn normal(rng: &mut impl Rng) -> f32 {
    uniform(rng, -1.0, 1.0) + uniform(rng, -1.0, 1.0) + uniform(rng, -1.0, 1.0)
}
