//! A net that learns a differential equation by its residual alone: the viscous Burgers equation, in which a sine wave steepens.
//!
//! u_t + u u_x = ν u_xx for −1 ≤ x ≤ 1 and 0 ≤ t ≤ 1, with u(0, x) = −sin πx and u(t, ±1) = 0, ν = 0.05. The derivatives are
//! gradients on the tape, so the loss holds second derivatives of the net and its gradient is one of third order. The relative L2
//! error against the exact solution comes down to 0.0023 in 4 s of processor time (`--quick`: 0.035, half a second).
//!
//! ```text
//! cargo run --release --example burgers [-- --quick] [-- --out DIR]
//! ```
//!
//! Source: Raissi, Perdikaris, Karniadakis, "Physics-informed neural networks" (2019), §3; Lagaris, Likas, Fotiadis, "Artificial
//! Neural Networks for Solving Ordinary and Partial Differential Equations" (1998), for the form of u that needs no boundary loss.

mod support;

use std::error::Error;
use std::f64::consts::PI;
use std::process::ExitCode;
use std::time::Instant;

use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::{Linear, Sequential, Tanh};
use rensa::optim::{Adam, Lbfgs};
use rensa::prelude::*;
use rensa::viz::curves::{Panel, svg};
use support::Options;

const NU: f64 = 0.05;

fn main() -> ExitCode {
    support::main("burgers [--quick] [--out DIR]", run)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let (points, adam_steps, lbfgs_steps) = if options.quick { (300, 200, 10) } else { (1000, 500, 50) };
    let rng = &mut StdRng::seed_from_u64(0);
    let mut net = Sequential::<f64>::new().with(Linear::init(2, 20, rng)).with(Tanh);
    net = net.with(Linear::init(20, 20, rng)).with(Tanh).with(Linear::init(20, 1, rng));
    let (t, x) = (Tensor::uniform([points, 1], 0.0, 1.0, rng), Tensor::uniform([points, 1], -1.0, 1.0, rng));

    let (start, mut tape, mut gradients, mut history) = (Instant::now(), Tape::new(), Gradients::new(), Vec::new());
    let mut adam = Adam::new(5e-3);
    for step in 0..adam_steps {
        let loss = tape.step(&mut gradients, |tape| residual_loss(&net, tape, &t, &x));
        adam.step(&mut net, &gradients)?;
        history.push((f64::from(step), loss));
    }
    // The points stay the same, so the loss is without noise, and L-BFGS goes on where Adam only crawls.
    let mut lbfgs = Lbfgs::new(1.0).tolerance_change(1e-14);
    for _ in 0..lbfgs_steps {
        let loss =
            lbfgs.step(&mut net, |net, gradients| tape.step(gradients, |tape| residual_loss(net, tape, &t, &x)))?;
        history.push((f64::from(adam_steps) + lbfgs.evaluations() as f64, loss));
    }
    let seconds = start.elapsed().as_secs_f64();

    let (mut difference, mut size) = (0.0, 0.0);
    for i in 1..=20 {
        let (found, expected) = (curve(&net, f64::from(i) / 20.0), reference(f64::from(i) / 20.0));
        difference += found.iter().zip(&expected).map(|(u, v)| (u.1 - v.1).powi(2)).sum::<f64>();
        size += expected.iter().map(|v| v.1.powi(2)).sum::<f64>();
    }
    let error = (difference / size).sqrt();
    let (_, loss) = history[history.len() - 1];
    println!(
        "mean squared residual {loss:.2e} at {points} points, {adam_steps} steps of Adam, {lbfgs_steps} of L-BFGS"
    );
    println!("relative L2 error {error:.2e} against the exact solution, {seconds:.1} s");
    options.save("burgers.svg", &picture(&net, &history))?;
    assert!(error < if options.quick { 0.1 } else { 0.01 }, "the net does not solve the equation");
    Ok(())
}

/// The solution by the net N, −sin πx + t (1 − x²) N(t, x): initial and boundary values are right whatever N is.
fn solution<'t>(net: &dyn Module<f64>, t: Var<'t, f64>, x: Var<'t, f64>) -> Var<'t, f64> {
    t * (1.0 - x * x) * net.forward(Var::concat(&[t, x], 1)) - (x * PI).sin()
}

/// The mean of (u_t + u u_x − ν u_xx)² over points `t`, `x` `[n, 1]`.
fn residual_loss<'t>(net: &dyn Module<f64>, tape: &'t Tape<f64>, t: &Tensor<f64>, x: &Tensor<f64>) -> Var<'t, f64> {
    let (t, x) = (tape.leaf(t.clone()), tape.leaf(x.clone()));
    let u = solution(net, t, x);
    // u at a point depends on that point alone, so the gradient of the sum holds the derivative at each.
    let [u_t, u_x] = u.sum(..).grad([t, x]).expect("u depends on t and x");
    let [u_xx] = u_x.sum(..).grad([x]).expect("u_x depends on x");
    (u_t + u * u_x - u_xx * NU).powi(2).mean(..)
}

/// 101 places from −1 to 1.
fn places() -> Tensor<f64> {
    Tensor::linspace(-1.0, 1.0, 101)
}

/// The pairs (x, u(t, x)) by the net.
fn curve(net: &dyn Module<f64>, t: f64) -> Vec<(f64, f64)> {
    let tape = Tape::new();
    let x = tape.constant(places().unsqueeze(1));
    let u = solution(net, tape.constant(Tensor::full([101, 1], t)), x);
    places().iter().copied().zip(u.value().iter().copied()).collect()
}

/// The pairs (x, u(t, x)) of the exact solution for t > 0, which Cole and Hopf have found by u = −2ν φ_x / φ, where φ obeys the heat
/// equation: u(t, x) = −∫ sin π(x − η) f(x − η) G(η) dη / ∫ f(x − η) G(η) dη with f(y) = exp(−cos πy / 2πν) and the heat kernel
/// G(η) = exp(−η² / 4νt).
///
/// The integrals are sums over η = 2z √νt with z from −6 to 6: for such functions the trapezoidal rule converges exponentially.
///
/// Source: Basdevant et al., "Spectral and Finite Difference Solutions of the Burgers Equation" (1986), §2; Cole, "On a Quasi-Linear
/// Parabolic Equation Occurring in Aerodynamics" (1951).
fn reference(t: f64) -> Vec<(f64, f64)> {
    let at = |x: f64| {
        let (mut above, mut below) = (0.0, 0.0);
        for z in (-600..=600).map(|i| f64::from(i) / 100.0) {
            let y = PI * (x - 2.0 * z * (NU * t).sqrt());
            let weight = (-y.cos() / (2.0 * PI * NU) - z * z).exp();
            above += y.sin() * weight;
            below += weight;
        }
        -above / below
    };
    places().iter().map(|&x| (x, at(x))).collect()
}

fn picture(net: &dyn Module<f64>, history: &[(f64, f64)]) -> String {
    let curves = [0.1, 0.4, 1.0].map(|t| {
        let (found, expected) = (curve(net, t), reference(t));
        let error: Vec<_> = found.iter().zip(&expected).map(|(u, v)| (u.0, u.1 - v.1)).collect();
        (format!("net, t = {t}"), found, format!("exact, t = {t}"), expected, error)
    });
    let [mut waves, mut errors] = ["Burgers equation", "Error of the net"].map(|title| Panel::new(title, "x", "u"));
    for (name, found, exact, expected, error) in &curves {
        waves = waves.with_curve(name, found).with_curve(exact, expected);
        errors = errors.with_curve(&name[5..], error);
    }
    svg(&[waves, errors, Panel::new("Residual", "evaluation", "mean square").with_curve("", history).with_log_y()])
}
