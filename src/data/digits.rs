//! Digits that look handwritten, drawn by the library itself: examples to learn from where no file is at hand.
//!
//! Each class is a few strokes of a pen, bent, turned, slanted, thickened and dirtied at random, so much that after
//! 20 passes over 12,000 of them a linear model gets 92 % of others right and a net with 50 hidden units 97 %.
//! Knows plain vectors, nothing of tensors.

use std::f32::consts::TAU;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};

/// The rows, and the columns, of an image, in pixels.
pub const SIDE: usize = 28;

/// `n` digits and their classes, in random order, equally many of each class up to one; the same seed gives the same.
///
/// Shapes: pixels `[n, 784]` row by row, grey values from 0 (paper) to 1 (ink); classes `[n]`, from 0 to 9.
///
/// # Examples
/// ```
/// use rensa::data::digits;
/// let (pixels, classes) = digits::dataset(20, 7);
/// assert_eq!(pixels.len(), 20 * digits::SIDE * digits::SIDE);
/// assert_eq!(classes.iter().filter(|&&class| class == 3).count(), 2);
/// assert_eq!(digits::dataset(20, 7), (pixels, classes));
/// ```
pub fn dataset(n: usize, seed: u64) -> (Vec<f32>, Vec<u8>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut classes: Vec<u8> = (0..10).cycle().take(n).collect();
    classes.shuffle(&mut rng);
    let mut pixels = vec![0.0; n * SIDE * SIDE];
    for (image, &class) in pixels.chunks_exact_mut(SIDE * SIDE).zip(&classes) {
        draw(class, &mut rng, image);
    }
    (pixels, classes)
}

/// One digit of `class`, in place of what was in `out`.
///
/// Shapes: `out` `[784]`, row by row, grey values from 0 (paper) to 1 (ink).
///
/// # Panics
/// If `class` is above 9 or `out` has not 784 values.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::data::digits;
/// let mut image = [0.0; digits::SIDE * digits::SIDE];
/// digits::draw(8, &mut StdRng::seed_from_u64(0), &mut image);
/// assert!(image.iter().any(|&grey| grey > 0.5));
/// ```
#[track_caller]
pub fn draw(class: u8, rng: &mut impl Rng, out: &mut [f32]) {
    assert!(class <= 9, "draw: a class from 0 to 9, not {class}");
    assert!(out.len() == SIDE * SIDE, "draw: room for {} pixels, not {}", SIDE * SIDE, out.len());
    out.fill(0.0);
    let glyphs = GLYPHS[usize::from(class)];
    let hand = Hand::random(rng);
    for stroke in glyphs[rng.random_range(0..glyphs.len())] {
        let controls = hand.place(stroke, rng);
        let mut from = controls[0];
        for to in spline(&controls) {
            hand.ink(out, from, to);
            from = to;
        }
    }
    let noise = rng.random_range(0.0..MAX_NOISE);
    for grey in out {
        *grey = (*grey + noise * (2.0 * rng.random::<f32>() - 1.0)).clamp(0.0, 1.0);
    }
}

/// The largest amplitude of the noise on an image's pixels, in grey values.
const MAX_NOISE: f32 = 0.2;

/// Right and down from the middle of the digit, in halves of its height.
type Point = (f32, f32);

/// Points that the pen passes smoothly; at one that is there twice it turns a corner.
type Stroke = &'static [Point];

/// The ways to write each class, each a list of strokes.
#[rustfmt::skip] // One stroke per row or two, not one point.
const GLYPHS: [&[&[Stroke]]; 10] = [
    &[&[&[
        (0.10, -1.00), (-0.40, -0.70), (-0.58, 0.05), (-0.40, 0.72), (0.02, 1.00), (0.42, 0.72), (0.58, 0.00),
        (0.42, -0.72), (0.00, -1.00),
    ]]],
    &[
        &[
            &[(0.00, -1.00), (0.00, 0.00), (0.00, 1.00)],
        ],
        &[
            &[(-0.38, -0.55), (0.05, -1.00), (0.05, -1.00), (0.05, 0.00), (0.05, 1.00)],
            &[(-0.35, 1.00), (0.42, 1.00)],
        ],
    ],
    &[&[&[
        (-0.52, -0.52), (-0.32, -0.90), (0.08, -1.00), (0.48, -0.72), (0.42, -0.20), (0.00, 0.38), (-0.55, 0.92),
        (-0.55, 0.92), (0.00, 0.92), (0.60, 0.92),
    ]]],
    &[&[&[
        (-0.50, -0.78), (-0.05, -1.00), (0.42, -0.75), (0.36, -0.28), (-0.10, -0.05), (-0.10, -0.05), (0.42, 0.12),
        (0.52, 0.56), (0.12, 0.97), (-0.50, 0.80),
    ]]],
    &[
        &[
            &[(-0.40, -0.95), (-0.50, -0.40), (-0.50, 0.08), (-0.50, 0.08), (0.60, 0.05)],
            &[(0.35, -0.85), (0.32, 0.10), (0.28, 1.00)],
        ],
        &[
            &[(0.25, -1.00), (-0.20, -0.30), (-0.60, 0.32), (-0.60, 0.32), (0.62, 0.30)],
            &[(0.25, -1.00), (0.25, 0.00), (0.22, 1.00)],
        ],
    ],
    &[&[&[
        (0.52, -0.95), (-0.36, -0.95), (-0.36, -0.95), (-0.45, -0.12), (-0.45, -0.12), (0.05, -0.26), (0.48, 0.08),
        (0.48, 0.60), (0.02, 0.97), (-0.50, 0.80),
    ]]],
    &[&[&[
        (0.36, -1.00), (-0.20, -0.52), (-0.48, 0.15), (-0.40, 0.75), (0.02, 1.00), (0.43, 0.72), (0.38, 0.20),
        (0.00, 0.02), (-0.42, 0.34),
    ]]],
    &[
        &[
            &[(-0.55, -0.90), (0.55, -0.92), (0.55, -0.92), (0.12, 0.00), (-0.15, 1.00)],
        ],
        &[
            &[(-0.55, -0.90), (0.55, -0.92), (0.55, -0.92), (0.12, 0.00), (-0.15, 1.00)],
            &[(-0.30, 0.06), (0.48, 0.02)],
        ],
    ],
    &[&[&[
        (0.40, -0.72), (0.02, -1.00), (-0.38, -0.66), (-0.12, -0.20), (0.30, 0.18), (0.46, 0.62), (0.02, 1.00),
        (-0.44, 0.62), (-0.26, 0.16), (0.16, -0.24), (0.40, -0.66),
    ]]],
    &[&[&[
        (0.42, -0.60), (0.06, -0.98), (-0.40, -0.66), (-0.34, -0.18), (0.06, -0.06), (0.40, -0.48), (0.40, -0.48),
        (0.38, 0.25), (0.16, 1.00),
    ]]],
];

/// How one digit is written: where its points go, and how the pen inks.
struct Hand {
    /// Pixels right and down per half height right and down, as two rows of a matrix.
    linear: [Point; 2],
    /// Pixels of the middle.
    middle: Point,
    /// The most that a point strays, in half heights.
    jitter: f32,
    /// Half the width of a stroke, in pixels.
    radius: f32,
    /// The grey value of the middle of a stroke.
    intensity: f32,
}

impl Hand {
    fn random(rng: &mut impl Rng) -> Self {
        let (sin, cos) = (TAU * rng.random_range(-0.045f32..0.045)).sin_cos();
        let (wide, high) = (rng.random_range(6.5..11.0), rng.random_range(7.0..10.0));
        let slant: f32 = rng.random_range(-0.15..0.35);
        let mut middle = || SIDE as f32 / 2.0 + rng.random_range(-2.0..2.0);
        Hand {
            linear: [(cos * wide, -slant * cos * high - sin * high), (sin * wide, cos * high - slant * sin * high)],
            middle: (middle(), middle()),
            jitter: rng.random_range(0.0..0.15),
            radius: rng.random_range(0.6..1.6),
            intensity: rng.random_range(0.6..1.0),
        }
    }

    /// The points of `stroke` in pixels.
    fn place(&self, stroke: Stroke, rng: &mut impl Rng) -> Vec<Point> {
        let [right, down] = self.linear;
        let mut placed: Vec<Point> = Vec::with_capacity(stroke.len());
        for (i, &(x, y)) in stroke.iter().enumerate() {
            if i > 0 && stroke[i - 1] == (x, y) {
                // Both points of a corner must stray alike, or it is none.
                placed.push(placed[i - 1]);
                continue;
            }
            let mut stray = || self.jitter * (2.0 * rng.random::<f32>() - 1.0);
            let (x, y) = (x + stray(), y + stray());
            placed.push((self.middle.0 + right.0 * x + right.1 * y, self.middle.1 + down.0 * x + down.1 * y));
        }
        placed
    }

    /// Inks the straight line between two points, with an edge one pixel wide.
    fn ink(&self, out: &mut [f32], from: Point, to: Point) {
        let reach = self.radius + 0.5;
        let pixels = |a: f32, b: f32| {
            // The centre of pixel i is at i + ½; the casts saturate, so what lies outside the image is left out.
            let (first, end) = ((a.min(b) - reach - 0.5).ceil() as usize, (a.max(b) + reach + 0.5).floor() as usize);
            first..end.min(SIDE)
        };
        let along = (to.0 - from.0, to.1 - from.1);
        let length2 = (along.0 * along.0 + along.1 * along.1).max(f32::MIN_POSITIVE);
        for row in pixels(from.1, to.1) {
            for column in pixels(from.0, to.0) {
                let (x, y) = (column as f32 + 0.5 - from.0, row as f32 + 0.5 - from.1);
                let nearest = ((x * along.0 + y * along.1) / length2).clamp(0.0, 1.0);
                let (x, y) = (x - nearest * along.0, y - nearest * along.1);
                let covered = (reach - (x * x + y * y).sqrt()).clamp(0.0, 1.0);
                let grey = &mut out[row * SIDE + column];
                *grey = grey.max(self.intensity * covered);
            }
        }
    }
}

/// Points along the Catmull–Rom spline through `controls`, without the first.
///
/// Source: Catmull, Rom, "A class of local interpolating splines" (1974).
fn spline(controls: &[Point]) -> impl Iterator<Item = Point> {
    const PIECES: usize = 5;
    let last = controls.len() - 1;
    let spans = (0..last).filter(|&i| controls[i] != controls[i + 1]);
    spans.flat_map(move |i| {
        let [a, b, c, d] = [i.saturating_sub(1), i, i + 1, (i + 2).min(last)].map(|i| controls[i]);
        (1..=PIECES).map(move |piece| {
            let t = piece as f32 / PIECES as f32;
            let cubic = |a: f32, b: f32, c: f32, d: f32| {
                b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
            };
            (cubic(a.0, b.0, c.0, d.0), cubic(a.1, b.1, c.1, d.1))
        })
    })
}
