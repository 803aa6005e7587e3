//! Ops of the registry, run forwards and backwards on any scalar.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use rensa::ops::Specimen;
use rensa::{Float, Tape, Tensor, Var};

/// Weights of the output, none of them small.
pub fn weights(specimen: &Specimen<f64>, xs: &[Tensor<f64>]) -> Tensor<f64> {
    let tape = Tape::new();
    let xs: Vec<_> = xs.iter().map(|x| tape.constant(x.clone())).collect();
    Tensor::from_fn((specimen.apply)(&xs).shape(), |i| 0.5 + 0.25 * i.iter().sum::<usize>() as f64)
}

/// Output and gradients of `Σ w ∘ op(x…)`; zeros of no shape where there is none.
pub fn swept<T: Float>(specimen: &Specimen<T>, w: &Tensor<f64>, xs: &[Tensor<T>]) -> Vec<Tensor<T>> {
    let tape = Tape::new();
    let leaves: Vec<_> = xs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = (specimen.apply)(&leaves);
    let gradients = y.backward_with(w.cast());
    let by = leaves.iter().map(|&x| gradients.get(x).map_or_else(|_| Tensor::zeros([0]), Tensor::clone));
    [y.value()].into_iter().chain(by).collect()
}

/// The product of the Hessian of `Σ w ∘ op(x…)` with `u`, by recording the gradient and differentiating it along `u`; zeros where there
/// is none.
pub fn hessian_times(
    specimen: &Specimen<f64>,
    w: &Tensor<f64>,
    xs: &[Tensor<f64>],
    u: &[Tensor<f64>],
) -> Vec<Tensor<f64>> {
    let tape = Tape::new();
    let leaves: Vec<_> = xs.iter().map(|x| tape.leaf(x.clone())).collect();
    let loss = ((specimen.apply)(&leaves) * tape.constant(w.clone())).sum(..);
    let parts = leaves.iter().zip(u).filter_map(|(&x, u)| {
        let [g] = loss.grad([x]).ok()?;
        Some((g * tape.constant(u.clone())).sum(..))
    });
    let along = parts.reduce(|a: Var<'_, f64>, b| a + b).map(Var::backward);
    let by = |&x: &Var<'_, f64>| along.as_ref().and_then(|g| g.get(x).ok().cloned());
    leaves.iter().map(|x| by(x).unwrap_or_else(|| Tensor::zeros(x.shape()))).collect()
}
