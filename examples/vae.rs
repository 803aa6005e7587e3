//! A variational autoencoder of digits: what it has learnt to draw is the picture that it leaves behind.
//!
//! An encoder gives, for an image x, mean μ and variance σ² of a code z; a decoder draws the image from z = μ + σ ε, with noise ε
//! from outside the tape, so that gradients reach μ and σ. The loss, in nats per image, bounds −log p(x) from above: 191 on
//! test digits after 14 s of processor time (`--quick`: 213, 2 s), where the mean image alone gives 251.
//!
//! ```text
//! cargo run --release --example vae [-- --quick] [-- --out DIR]     # digits that the library draws itself
//! cargo run --release --example vae -- --data DIR                   # the four files of MNIST
//! ```
//!
//! Source: Kingma, Welling, "Auto-Encoding Variational Bayes" (2014), §2.3, §2.4 and appendix B.

mod support;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use rand::{SeedableRng, rngs::StdRng};
use rensa::data::{Dataset, Loader, digits::SIDE};
use rensa::nn::Linear;
use rensa::optim::Adam;
use rensa::prelude::*;
use support::Options;

const BATCH: usize = 100;
/// The size of a code, and of a hidden layer.
const CODE: usize = 10;
const HIDDEN: usize = 200;

struct Vae {
    encoder: Linear<f32>,
    mean: Linear<f32>,
    log_variance: Linear<f32>,
    decoder: Linear<f32>,
    pixels: Linear<f32>,
}
rensa::parts!(Vae for f32 { encoder, mean, log_variance, decoder, pixels });

impl Vae {
    fn init(pixels: usize, rng: &mut StdRng) -> Self {
        Vae {
            encoder: Linear::init(pixels, HIDDEN, rng),
            mean: Linear::init(HIDDEN, CODE, rng),
            log_variance: Linear::init(HIDDEN, CODE, rng),
            decoder: Linear::init(CODE, HIDDEN, rng),
            pixels: Linear::init(HIDDEN, pixels, rng),
        }
    }

    /// The logit of each pixel for codes `z` `[n, CODE]`.
    fn decode<'t>(&self, z: Var<'t, f32>) -> Var<'t, f32> {
        self.pixels.forward(self.decoder.forward(z).relu())
    }

    /// The two parts of the loss, means over the images `x`: reconstruction and KL divergence, with noise `[n, CODE]`.
    fn losses<'t>(&self, x: Var<'t, f32>, noise: Var<'t, f32>) -> [Var<'t, f32>; 2] {
        let hidden = self.encoder.forward(x).relu();
        let (mean, log_variance) = (self.mean.forward(hidden), self.log_variance.forward(hidden));
        let logits = self.decode(mean + (log_variance * 0.5).exp() * noise);
        // Binary cross-entropy of the logit s: −x log σ(s) − (1 − x) log(1 − σ(s)) = log(1 + eˢ) − x s.
        let reconstruction = (logits.softplus() - x * logits).sum(-1).mean(..);
        // Of N(μ, σ²) from N(0, 1): ½ Σ (μ² + σ² − 1 − log σ²).
        let divergence = (mean.powi(2) + log_variance.exp() - 1.0 - log_variance).sum(-1).mean(..) * 0.5;
        [reconstruction, divergence]
    }
}

fn main() -> ExitCode {
    support::main("vae [--quick] [--out DIR] [--data DIR]", run)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let (images, steps) = if options.quick { (2_000, 400) } else { (10_000, 3_000) };
    let (train, test) = match &options.data {
        Some(directory) => Dataset::<f32>::mnist(directory)?,
        None => (Dataset::digits(images, 1)?, Dataset::digits(1_000, 2)?),
    };
    let pixels = train.inputs.shape()[1];
    let rng = &mut StdRng::seed_from_u64(0);
    let mut net = Vae::init(pixels, rng);
    let (mut adam, mut loader) = (Adam::new(1e-3), Loader::new(&train, BATCH, 0));
    let (mut tape, mut gradients, start) = (Tape::new(), Gradients::new(), Instant::now());
    for step in 1..=steps {
        let (batch, noise) = (loader.next_batch()?, Tensor::normal([BATCH, CODE], 0.0, 1.0, rng));
        tape.step(&mut gradients, |tape| {
            let [reconstruction, divergence] = net.losses(tape.constant(batch.inputs), tape.constant(noise));
            reconstruction + divergence
        });
        adam.step(&mut net, &gradients)?;
        if step % (steps / 5) == 0 {
            let [reconstruction, divergence] = losses_on(&net, &test, rng);
            println!("step {step:4}: reconstruction {reconstruction:.1}, KL {divergence:.1}, on test digits");
        }
    }
    let seconds = start.elapsed().as_secs_f64();

    let [reconstruction, divergence] = losses_on(&net, &test, rng);
    let (loss, alone) = (reconstruction + divergence, loss_of_mean_image(&train, &test));
    println!("reconstruction {reconstruction:.1} + KL {divergence:.1} = {loss:.1} nats a test digit, {seconds:.1} s");
    println!("(each pixel drawn by itself, as often as it is black in training: {alone:.1})");
    let tape = Tape::new();
    let codes = tape.constant(Tensor::normal([64, CODE], 0.0, 1.0, rng));
    options.save("vae.svg", &picture(&net.decode(codes).sigmoid().value()))?;
    assert!(loss < if options.quick { 0.95 } else { 0.8 } * alone, "the net has not learnt what digits look like");
    Ok(())
}

/// The two parts of the loss over a whole set.
fn losses_on(net: &Vae, data: &Dataset<f32>, rng: &mut StdRng) -> [f32; 2] {
    let tape = Tape::new();
    let _paused = tape.pause();
    let noise = tape.constant(Tensor::normal([data.len(), CODE], 0.0, 1.0, rng));
    net.losses(tape.constant(data.inputs.clone()), noise).map(Var::item)
}

/// What is lost without a net: the cross-entropy of the test images from the mean training image, in nats per image.
fn loss_of_mean_image(train: &Dataset<f32>, test: &Dataset<f32>) -> f32 {
    let [p, q] = [train, test].map(|set| set.inputs.mean(0));
    p.iter()
        .zip(&q)
        .map(|(p, q)| (p.clamp(1e-4, 1.0 - 1e-4), q))
        .map(|(p, q)| -q * p.ln() - (1.0 - q) * (1.0 - p).ln())
        .sum()
}

/// Images `[64, pixels]` in 8 rows of 8, in 16 shades of grey: a path for each shade, a square for each pixel.
fn picture(images: &Tensor<f32>) -> String {
    const SHADES: usize = 16;
    let mut paths = vec![String::new(); SHADES];
    for (i, image) in images.to_vec().chunks(SIDE * SIDE).enumerate() {
        for (k, ink) in image.iter().enumerate() {
            let (x, y) = (i % 8 * (SIDE + 2) + k % SIDE, i / 8 * (SIDE + 2) + k / SIDE);
            paths[(ink * (SHADES - 1) as f32).round() as usize] += &format!("M{x} {y}h1v1h-1z");
        }
    }
    let side = 8 * (SIDE + 2) - 2;
    let mut svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" viewBox=\"0 0 {side} {side}\">\n");
    svg += "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<g shape-rendering=\"crispEdges\">\n";
    for (shade, path) in paths.iter().enumerate().skip(1) {
        let grey = 255 - 255 * shade / (SHADES - 1);
        svg += &format!("<path fill=\"rgb({grey},{grey},{grey})\" d=\"{path}\"/>\n");
    }
    svg + "</g>\n</svg>\n"
}
