//! Random inputs of specimens, and derivatives by finite differences.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use rensa::ops::Specimen;
use rensa::{Float, Reason, Tape, Tensor, Var};

/// Random numbers that depend on a seed alone. Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators"
/// (2014), figure 16.
pub struct Numbers(pub u64);

impl Numbers {
    /// Uniform in [0, 1).
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() * n as f64) as usize
    }

    /// Numbers of either sign and size 1/4 to 1, so that none can hide.
    pub fn direction(&mut self, shape: &[usize]) -> Tensor<f64> {
        tensor(shape, || {
            let size = 0.25 + 0.75 * self.next();
            if self.next() < 0.5 { -size } else { size }
        })
    }
}

/// A tensor of numbers drawn one after the other.
pub fn tensor(shape: &[usize], mut draw: impl FnMut() -> f64) -> Tensor<f64> {
    let data = (0..shape.iter().product()).map(|_| draw()).collect();
    Tensor::from_vec(data, shape).expect("as many numbers as the shape holds")
}

/// Inputs of a specimen: no two elements, of one input or of two, are closer than half their mean distance, and none is nearer
/// to a kink than a hundredth of the domain. So no finite difference steps across a tie or a kink.
pub fn inputs<T: Float>(specimen: &Specimen<T>, case: &[Vec<usize>], numbers: &mut Numbers) -> Vec<Tensor<f64>> {
    let (low, high) = (specimen.domain.start, specimen.domain.end);
    let margin = 0.01 * (high - low);
    let mut kinks = specimen.kinks.clone();
    kinks.sort_by(f64::total_cmp);
    let starts = [low].into_iter().chain(kinks.iter().map(|k| k + margin));
    let ends = kinks.iter().map(|k| k - margin).chain([high]);
    let parts: Vec<(f64, f64)> = starts.zip(ends).collect();
    let length: f64 = parts.iter().map(|(a, b)| b - a).sum();

    let n: usize = case.iter().map(|shape| shape.iter().product::<usize>()).sum();
    let mut values: Vec<f64> = (0..n)
        .map(|i| {
            let mut at = (i as f64 + 0.25 + 0.5 * numbers.next()) / n as f64 * length;
            for &(a, b) in &parts {
                if at <= b - a {
                    return a + at;
                }
                at -= b - a;
            }
            high
        })
        .collect();
    for i in (1..n).rev() {
        values.swap(i, numbers.below(i + 1));
    }
    let mut values = values.into_iter();
    case.iter().map(|shape| tensor(shape, || values.next().expect("a value for each element"))).collect()
}

/// Whether the two are lists of the same length of finite numbers that differ by `tolerance` at most.
pub fn compare(found: &[f64], expected: &[f64], tolerance: f64) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{} numbers, expected {}", found.len(), expected.len()));
    }
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        // Written so that NaN fails: only a difference that is known to be small passes.
        let close = (a - b).abs() <= tolerance;
        if !close {
            return Err(format!("number {i} is {a:e}, expected {b:e}, off by {:e} > {tolerance:e}", (a - b).abs()));
        }
    }
    Ok(())
}

/// The derivative of `f` at 0, from four values: the central difference at two steps, extrapolated to a step of 0.
///
/// Source: Richardson, "The Approximate Arithmetical Solution by Finite Differences" (1911), §3.2.
pub fn slope(f: impl Fn(f64) -> f64) -> f64 {
    let central = |h: f64| (f(h) - f(-h)) / (2.0 * h);
    let h = 1e-3; // error of order h⁴ and ε/h: both near 1e-12 on domains of size 1
    (4.0 * central(h / 2.0) - central(h)) / 3.0
}

pub fn dot(a: &[Tensor<f64>], b: &[Tensor<f64>]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a * b).iter().sum::<f64>()).sum()
}

/// `a + h · b`, input by input.
pub fn moved(a: &[Tensor<f64>], b: &[Tensor<f64>], h: f64) -> Vec<Tensor<f64>> {
    a.iter().zip(b).map(|(a, b)| a + &(b * h)).collect()
}

/// The size that errors are judged by: at least 1, and that of the terms that add up.
pub fn size(a: &[Tensor<f64>], b: &[Tensor<f64>]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a * b).iter().map(|x| x.abs()).sum::<f64>()).sum::<f64>().max(1.0)
}

/// The value of the op.
pub fn value(specimen: &Specimen<f64>, xs: &[Tensor<f64>]) -> Tensor<f64> {
    let tape = Tape::new();
    let xs: Vec<_> = xs.iter().map(|x| tape.constant(x.clone())).collect();
    (specimen.apply)(&xs).value()
}

/// `Σ w ∘ op(x…)` and its gradient by every input; zeros where there is an explained absence of one.
pub fn gradients(specimen: &Specimen<f64>, xs: &[Tensor<f64>], w: &Tensor<f64>) -> Result<Vec<Tensor<f64>>, String> {
    let tape = Tape::new();
    let leaves: Vec<_> = xs.iter().map(|x| tape.leaf(x.clone())).collect();
    let gradients = ((specimen.apply)(&leaves) * tape.constant(w.clone())).sum(..).backward();
    leaves.iter().map(|&x| shaped(gradients.get(x).cloned(), x)).collect()
}

/// The gradient by `x`, whose shape it must have; zeros for an absence that says that nothing is passed on.
fn shaped<T: Float>(gradient: Result<Tensor<T>, rensa::NoGradient>, x: Var<'_, T>) -> Result<Tensor<T>, String> {
    match gradient {
        Ok(g) if *g.shape() == x.shape() => Ok(g),
        Ok(g) => Err(format!("the gradient by {x:?} has shape {:?}", g.shape())),
        Err(why) if is_zero(&why) => Ok(Tensor::zeros(x.shape())),
        Err(why) => Err(why.to_string()),
    }
}

fn is_zero(why: &rensa::NoGradient) -> bool {
    matches!(why.reason(), Reason::NotReached | Reason::NoRule | Reason::OfConstants)
}

/// The directional derivative of the recorded gradient `⟨grad Σ w ∘ op(x…), u⟩`, differentiated once more by every input.
pub fn second(
    specimen: &Specimen<f64>,
    xs: &[Tensor<f64>],
    w: &Tensor<f64>,
    u: &[Tensor<f64>],
) -> Result<Vec<Tensor<f64>>, String> {
    let tape = Tape::new();
    let leaves: Vec<_> = xs.iter().map(|x| tape.leaf(x.clone())).collect();
    let loss = ((specimen.apply)(&leaves) * tape.constant(w.clone())).sum(..);
    let Some(along) = recorded_slope(loss, &leaves, u) else {
        return Ok(xs.iter().map(|x| Tensor::zeros(x.shape())).collect());
    };
    let swept = along.backward();
    leaves
        .iter()
        .map(|&x| {
            let recorded = shaped(along.grad([x]).map(|[g]| g.value()), x)?;
            let swept = shaped(swept.get(x).cloned(), x)?;
            let near = 1e-12 * recorded.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            compare(&swept.to_vec(), &recorded.to_vec(), near).map_err(|e| format!("second sweep: {e}"))?;
            Ok(recorded)
        })
        .collect()
}

/// `Σ ⟨∂loss/∂xᵢ, uᵢ⟩`, on the tape; none if no input has a gradient.
fn recorded_slope<'t>(loss: Var<'t, f64>, xs: &[Var<'t, f64>], u: &[Tensor<f64>]) -> Option<Var<'t, f64>> {
    let tape = loss.tape();
    let parts = xs.iter().zip(u).filter_map(|(&x, u)| {
        let [g] = loss.grad([x]).ok()?;
        Some((g * tape.constant(u.clone())).sum(..))
    });
    parts.reduce(|a, b| a + b)
}

/// Weights of the op's output, and a direction for every input.
pub fn directions(y: &Tensor<f64>, xs: &[Tensor<f64>], numbers: &mut Numbers) -> (Tensor<f64>, Vec<Tensor<f64>>) {
    (numbers.direction(y.shape()), xs.iter().map(|x| numbers.direction(x.shape())).collect())
}
