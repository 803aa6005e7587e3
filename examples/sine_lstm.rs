//! An LSTM that learns to predict the next value of a noisy sine, and then goes on by itself, each value from its own last one.
//!
//! In the fourth period of its own it is still within 0.03 of the true sine (root mean square), closer than the noise of 0.1 that it
//! learnt from; after 4 s of processor time (`--quick`: 0.13, half a second).
//!
//! ```text
//! cargo run --release --example sine_lstm [-- --quick] [-- --out DIR]
//! ```
//!
//! Source: Hochreiter, Schmidhuber, "Long Short-Term Memory" (1997); Graves, "Generating Sequences With Recurrent Neural Networks"
//! (2013), for feeding a net with its own predictions.

mod support;

use std::error::Error;
use std::f32::consts::TAU;
use std::process::ExitCode;
use std::time::Instant;

use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::{Linear, Lstm, Recurrent};
use rensa::optim::Adam;
use rensa::prelude::*;
use rensa::viz::curves::{Panel, svg};
use support::Options;

/// Steps of a period, standard deviation of the noise, and how many values the net sees before it goes on for how many.
const PERIOD: f32 = 25.0;
const NOISE: f32 = 0.1;
const SEEN: usize = 60;
const AHEAD: usize = 100;

struct Net {
    lstm: Lstm<f32>,
    head: Linear<f32>,
}
rensa::parts!(Net for f32 { lstm, head });

/// The state of the LSTM: h and c.
type State<'t> = (Var<'t, f32>, Var<'t, f32>);

impl Net {
    /// Shapes: `[time, batch, 1]` → the prediction of what follows each value, `[time, batch, 1]`.
    fn forward<'t>(&self, x: Var<'t, f32>, state: Option<State<'t>>) -> (Var<'t, f32>, State<'t>) {
        let (hidden, state) = self.lstm.forward(x, state);
        (self.head.forward(hidden), state)
    }
}

fn main() -> ExitCode {
    support::main("sine_lstm [--quick] [--out DIR]", run)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let (steps, batch) = if options.quick { (150, 16) } else { (600, 32) };
    let rng = &mut StdRng::seed_from_u64(0);
    let mut net = Net { lstm: Lstm::init(1, 32, Recurrent::new(), rng), head: Linear::init(32, 1, rng) };
    let (mut adam, mut tape, mut gradients) = (Adam::new(1e-2), Tape::new(), Gradients::new());
    let (start, mut history) = (Instant::now(), Vec::new());
    for step in 0..steps {
        if step == steps * 2 / 3 {
            adam.rule.lr = 1e-3;
        }
        let waves = noisy(&sines(SEEN + 1, batch, rng), rng);
        let loss = tape.step(&mut gradients, |tape| {
            let (predicted, _) = net.forward(tape.constant(waves.narrow(0, 0, SEEN)), None);
            // Of the first values nobody could tell the phase.
            let difference = predicted - tape.constant(waves.narrow(0, 1, SEEN));
            difference.narrow(0, 5, SEEN - 5).powi(2).mean(..)
        });
        gradients.clip_norm(1.0);
        adam.step(&mut net, &gradients)?;
        history.push((f64::from(step), f64::from(loss)));
    }
    let seconds = start.elapsed().as_secs_f64();

    // 50 waves that it has not seen: it hears the noisy beginning, and its continuation is compared with the true sine.
    let truth = sines(SEEN + AHEAD, 50, rng);
    let heard = noisy(&truth.narrow(0, 0, SEEN), rng);
    let continued = go_on(&net, &heard);
    let rms = |x: &Tensor<f32>| (x * x).mean(..).item().sqrt();
    let errors =
        [(0, 25), (75, 25)].map(|(from, n)| rms(&(&continued.narrow(0, from, n) - &truth.narrow(0, SEEN + from, n))));
    println!("mean squared error of the next value {:.4}, of which the noise is {:.4}", tail(&history), NOISE * NOISE);
    println!("continued by itself: error {:.3} over the first period, {:.3} over the fourth", errors[0], errors[1]);
    println!("(root mean square; a sine itself has {:.3}) {seconds:.1} s", rms(&truth));
    options.save("sine_lstm.svg", &picture(&truth, &heard, &continued, &history))?;
    let allowed = if options.quick { [0.2, 0.5] } else { [0.1, 0.2] };
    assert!(errors[0] < allowed[0] && errors[1] < allowed[1], "the net does not continue the sine");
    Ok(())
}

/// Sines of random phases, `[time, batch, 1]`.
fn sines(time: usize, batch: usize, rng: &mut StdRng) -> Tensor<f32> {
    let phases = Tensor::uniform([batch], 0.0, TAU, rng);
    Tensor::from_fn([time, batch, 1], |i| (TAU * i[0] as f32 / PERIOD + phases[[i[1]]]).sin())
}

fn noisy(x: &Tensor<f32>, rng: &mut StdRng) -> Tensor<f32> {
    x + &Tensor::normal(x.shape(), 0.0, NOISE, rng)
}

/// The `AHEAD` values that the net says come after `heard`: each prediction is what it hears next.
fn go_on(net: &Net, heard: &Tensor<f32>) -> Tensor<f32> {
    let tape = Tape::new();
    let _paused = tape.pause();
    let (predicted, mut state) = net.forward(tape.constant(heard.clone()), None);
    let mut values = vec![predicted.narrow(0, SEEN - 1, 1)];
    while values.len() < AHEAD {
        let (next, after) = net.forward(values[values.len() - 1], Some(state));
        values.push(next);
        state = after;
    }
    Var::concat(&values, 0).value()
}

/// The mean of the last 20 losses.
fn tail(history: &[(f64, f64)]) -> f64 {
    history.iter().rev().take(20).map(|(_, loss)| loss).sum::<f64>() / 20.0
}

fn picture(truth: &Tensor<f32>, heard: &Tensor<f32>, continued: &Tensor<f32>, history: &[(f64, f64)]) -> String {
    let first = |x: &Tensor<f32>, from: usize| -> Vec<(f64, f64)> {
        x.narrow(1, 0, 1).iter().enumerate().map(|(i, &y)| ((from + i) as f64, f64::from(y))).collect()
    };
    let (truth, heard, continued) = (first(truth, 0), first(heard, 0), first(continued, SEEN));
    let wave = Panel::new("A sine, continued by an LSTM", "time", "value").with_curve("heard", &heard);
    let wave = wave.with_curve("true sine", &truth).with_curve("continued", &continued);
    svg(&[wave, Panel::new("Loss", "step", "squared error").with_curve("", history).with_log_y()])
}
