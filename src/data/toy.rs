//! Small sets to try a net on, drawn by the library: points in the plane, and curves.
//!
//! Each depends on its arguments and its seed. Classes take turns, so that any piece has about as many of each.

use std::f64::consts::{PI, TAU};

use rand::RngExt;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};

use super::Dataset;
use super::order::generator;
use crate::float::Float;
use crate::tensor::Tensor;

/// `n` points on `classes` arms of a spiral around 0: at radius r from 0 to 1 the angle is 4r, turned by a share of the circle for each
/// arm, plus `noise` times a standard normal number (0.2 is usual).
///
/// Shapes: `[n, 2]` and `[n]`.
///
/// # Panics
/// If there is no class.
///
/// # Examples
/// ```
/// use rensa::data::{Dataset, toy};
/// let spiral: Dataset<f32> = toy::spiral(300, 3, 0.2, 0);
/// assert_eq!((spiral.inputs.shape().to_vec(), &spiral.labels.to_vec()[..4]), (vec![300, 2], &[0, 1, 2, 0][..]));
/// ```
/// Source: Karpathy, CS231n, "Minimal neural network case study"; Saitoh, Deep Learning from Scratch 2 (2018), §2.3.
#[track_caller]
pub fn spiral<T: Float>(n: usize, classes: usize, noise: f64, seed: u64) -> Dataset<T> {
    assert!(classes > 0, "spiral: no class");
    let arm = n.div_ceil(classes);
    points(n, seed, |i, rng| {
        let (class, radius) = (i % classes, (i / classes) as f64 / arm as f64);
        let angle = TAU * class as f64 / classes as f64 + 4.0 * radius + noise * normal(rng);
        ([radius * angle.sin(), radius * angle.cos()], class)
    })
}

/// `n` points on two half circles that reach into each other: `(cos t, sin t)` and `(1 − cos t, ½ − sin t)` for t from 0 to π, plus `noise`
/// times standard normal numbers.
///
/// Shapes: `[n, 2]` and `[n]`.
///
/// Source: scikit-learn, `make_moons`.
pub fn moons<T: Float>(n: usize, noise: f64, seed: u64) -> Dataset<T> {
    points(n, seed, |i, rng| {
        let (sin, cos) = (PI * share(i / 2, n.div_ceil(2))).sin_cos();
        let place = if i % 2 == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
        (place.map(|x| x + noise * normal(rng)), i % 2)
    })
}

/// `n` points on two circles around 0, of radius 1 and `inner`, plus `noise` times standard normal numbers.
///
/// Shapes: `[n, 2]` and `[n]`.
///
/// Source: scikit-learn, `make_circles`.
pub fn circles<T: Float>(n: usize, inner: f64, noise: f64, seed: u64) -> Dataset<T> {
    points(n, seed, |i, rng| {
        let (sin, cos) = (TAU * (i / 2) as f64 / n.div_ceil(2) as f64).sin_cos();
        let radius = if i % 2 == 0 { 1.0 } else { inner };
        ([radius * cos, radius * sin].map(|x| x + noise * normal(rng)), i % 2)
    })
}

/// `n` points around the rows of `centers`, a class each, at normal distances of standard deviation `std`.
///
/// Shapes: `centers` `[classes, features]` → `[n, features]` and `[n]`.
///
/// # Panics
/// If `centers` is not of rank 2, or has no row.
#[track_caller]
pub fn blobs<T: Float>(n: usize, centers: &Tensor<T>, std: f64, seed: u64) -> Dataset<T> {
    let shape = centers.shape();
    assert!(shape.ndim() == 2 && shape[0] > 0, "blobs: centers of shape {shape:?}, not [classes, features]");
    let (classes, features) = (shape[0], shape[1]);
    let rng = &mut generator(seed, 0, 0);
    let inputs = Tensor::from_fn([n, features], |i| centers[[i[0] % classes, i[1]]] + T::of(std * normal(rng)));
    Dataset { inputs, labels: Tensor::from_fn([n], |i| i[0] % classes) }
}

/// `n` points near the corners of the unit square, plus `noise` times standard normal numbers; the class is whether one of the two
/// coordinates of the corner is 1, and not both.
///
/// Shapes: `[n, 2]` and `[n]`.
pub fn xor<T: Float>(n: usize, noise: f64, seed: u64) -> Dataset<T> {
    points(n, seed, |i, rng| {
        let corner = [i % 2, i / 2 % 2];
        (corner.map(|x| x as f64 + noise * normal(rng)), corner[0] ^ corner[1])
    })
}

/// `n` numbers x uniform on [−π, π), and sin x plus `noise` times a standard normal number.
///
/// Shapes: `[n, 1]` and `[n, 1]`.
pub fn sine<T: Float>(n: usize, noise: f64, seed: u64) -> Dataset<T, T> {
    curve(n, seed, |rng| {
        let x = rng.random_range(-PI..PI);
        ([x], x.sin() + noise * normal(rng))
    })
}

/// `n` points (x, y) uniform on the square [−1, 1)², and x² − y² plus `noise` times a standard normal number.
///
/// Shapes: `[n, 2]` and `[n, 1]`.
pub fn saddle<T: Float>(n: usize, noise: f64, seed: u64) -> Dataset<T, T> {
    curve(n, seed, |rng| {
        let [x, y] = [(); 2].map(|()| rng.random_range(-1.0..1.0));
        ([x, y], x * x - y * y + noise * normal(rng))
    })
}

fn points<T: Float>(n: usize, seed: u64, mut f: impl FnMut(usize, &mut StdRng) -> ([f64; 2], usize)) -> Dataset<T> {
    let rng = &mut generator(seed, 0, 0);
    let (places, labels): (Vec<[f64; 2]>, Vec<usize>) = (0..n).map(|i| f(i, rng)).unzip();
    let inputs = places.into_iter().flatten().map(T::of).collect();
    Dataset { inputs: Tensor::from_elements(inputs, [n, 2].into()), labels: Tensor::from_elements(labels, [n].into()) }
}

fn curve<T: Float, const N: usize>(
    n: usize,
    seed: u64,
    mut f: impl FnMut(&mut StdRng) -> ([f64; N], f64),
) -> Dataset<T, T> {
    let rng = &mut generator(seed, 0, 0);
    let (places, values): (Vec<[f64; N]>, Vec<f64>) = (0..n).map(|_| f(rng)).unzip();
    let inputs = places.into_iter().flatten().map(T::of).collect();
    let values = values.into_iter().map(T::of).collect();
    Dataset {
        inputs: Tensor::from_elements(inputs, [n, N].into()),
        labels: Tensor::from_elements(values, [n, 1].into()),
    }
}

fn normal(rng: &mut StdRng) -> f64 {
    StandardNormal.sample(rng)
}

/// How far `i` is on the way from 0 to `n − 1`.
fn share(i: usize, n: usize) -> f64 {
    i as f64 / n.saturating_sub(1).max(1) as f64
}
