//! Layers: names, states, lines, and what each promises beyond its values, which `golden_layers` holds.
//!
//! Tests named `trap_…` are lines of the list of defects that other libraries had.

#[path = "../support/panics.rs"]
mod panics;
#[path = "../support/zoo.rs"]
mod zoo;

mod every;
mod kinds;
mod refusals;

use panics::panic_of;
use rand::{SeedableRng, rngs::StdRng};
use rensa::check::{self, Check};
use rensa::nn::*;
use rensa::optim::{Optimizer, Sgd};
use rensa::{Conv, Gradients, Reduction, Tape, Tensor, Var, slice, tensor};
use zoo::{Visit, every_layer};

const NAN: f64 = f64::NAN;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn normal(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::normal(shape, 0.0, 1.0, &mut rng(seed))
}

/// The output of a module for a constant.
fn run(net: &impl Module<f64>, x: &Tensor<f64>) -> Tensor<f64> {
    let tape = Tape::new();
    net.forward(tape.constant(x.clone())).value()
}

#[track_caller]
fn near(a: &Tensor<f64>, b: &Tensor<f64>, tolerance: f64) {
    let close = a.shape() == b.shape() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance);
    assert!(close, "{a:?}\nexpected {b:?}");
}
