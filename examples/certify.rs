//! How far may the pixels of a digit be off before a net that is right about it could be wrong? A certificate, by interval arithmetic.
//!
//! The two-layer net is trained in `f32`. Then the same code is run on intervals: each pixel is not a number but all numbers within ε of it,
//! and what comes out is not a score for each class but bounds that no image in that box can leave. Where the worst score of the right
//! class is above the best of every other, the answer is certain, for an attacker's images as well.
//!
//! ```text
//! cargo run --release --example certify                    # digits that the library draws itself
//! cargo run --release --example certify -- --data DIR      # the four files of MNIST
//! ```
//!
//! Bounds lose what values have in common: two scores may rise together, but bounds of each know nothing of the other. The remedy is in
//! the parameters. With the right class's column subtracted from each of W₂ and b₂ the net's scores *are* the differences to that class,
//! and the certificate is that the others are below 0. That is the second column of the table.
//!
//! Source: Gowal et al., "On the Effectiveness of Interval Bound Propagation for Training Verifiably Robust Models" (2018), §3.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use rand::{SeedableRng, rngs::StdRng};
use rensa::data::{Dataset, Loader};
use rensa::nn::TwoLayerNet;
use rensa::optim::{Optimizer, Sgd};
use rensa::scalar::Interval;
use rensa::train::accuracy;
use rensa::{Gradients, Tape, Tensor};

const HELP: &str = "certify [--data DIR] [--iters 2000] [--seed 0] [--quick]";
const BATCH: usize = 100;
/// Of a pixel's range, 0 to 1. For a plainly trained net the share that can be certified falls from nearly all to nearly none.
const RADII: [f64; 7] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05];
const DRAWS: usize = 10; // random images that are looked at in each box

struct Options {
    data: Option<PathBuf>,
    iters: Option<usize>,
    seed: u64,
    quick: bool,
}

fn main() -> ExitCode {
    match options().and_then(|options| options.map_or(Ok(()), run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("certify: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let (train, test) = match &options.data {
        Some(directory) => Dataset::<f32>::mnist(directory)?,
        None => (Dataset::digits(10_000, 1)?, Dataset::digits(2_000, 2)?),
    };
    if train.len() < BATCH || test.is_empty() {
        return Err(format!("expected at least {BATCH} images to learn from and one to be tested on").into());
    }
    let test = test.narrow(0, if options.quick { test.len().min(300) } else { test.len() });
    let mut net = TwoLayerNet::<f32>::init(train.inputs.shape()[1], 50, 10, &mut StdRng::seed_from_u64(options.seed));
    let (mut loader, mut tape, mut gradients) =
        (Loader::new(&train, BATCH, options.seed), Tape::new(), Gradients::new());
    for _ in 0..options.iters.unwrap_or(if options.quick { 300 } else { 2000 }) {
        let batch = loader.next_batch()?;
        tape.step(&mut gradients, |tape| net.loss(tape.constant(batch.inputs), &batch.labels));
        Sgd::new(0.1).step(&mut net, &gradients)?;
    }
    println!("accuracy on {} test images: {:.4}\n", test.len(), accuracy(&net, &test, &mut tape));
    println!("    ε   certified by scores   by differences   right in {DRAWS} random images of the box");
    let (images, labels) = (test.inputs.cast::<f64>(), test.labels.to_vec());
    for radius in RADII {
        let by_scores = certified(&net.cast(), &images, &labels, radius);
        let by_differences = certified_by_differences(&net.cast(), &images, &labels, radius);
        let drawn = right_in_draws(&net.cast(), &images, &labels, radius, options.seed);
        let share = |hits: &Vec<bool>| 100.0 * hits.iter().filter(|&&hit| hit).count() as f64 / hits.len() as f64;
        let [scores, differences, draws] = [&by_scores, &by_differences, &drawn].map(share);
        println!("{radius:5.3} {scores:19.1} % {differences:14.1} % {draws:6.1} %");
        let certain = by_scores.iter().zip(&by_differences).map(|(a, b)| a | b);
        assert!(certain.zip(drawn).all(|(certain, right)| right || !certain), "what is certain comes true");
    }
    Ok(())
}

/// Whether the right class has the highest score in every image within `radius` of each of these: by the order of intervals, its
/// lower bound is above the others' upper bounds.
fn certified(net: &TwoLayerNet<Interval>, images: &Tensor<f64>, labels: &[usize], radius: f64) -> Vec<bool> {
    let tape = Tape::new();
    let boxes = Tensor::around(images, radius).clamp(0.0, 1.0); // what is no image is left out
    let scores = net.predict(tape.constant(boxes)).value();
    let wins = |row: usize, class: usize| (0..10).all(|c| c == class || scores[[row, class]] > scores[[row, c]]);
    labels.iter().enumerate().map(|(row, &label)| wins(row, label)).collect()
}

/// The same, class by class, by a net whose scores are the differences to that of the class.
fn certified_by_differences(
    net: &TwoLayerNet<Interval>,
    images: &Tensor<f64>,
    labels: &[usize],
    radius: f64,
) -> Vec<bool> {
    let mut certain = vec![false; labels.len()];
    for class in 0..10 {
        let mut relative = net.cast::<Interval>();
        relative.w2.value = &net.w2.value - &net.w2.value.narrow(1, class, 1);
        relative.b2.value = &net.b2.value - &net.b2.value.narrow(0, class, 1);
        let rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == class).collect();
        let own = images.index_select(0, &Tensor::from_fn([rows.len()], |i| rows[i[0]]));
        let hits = certified(&relative, &own, &vec![class; rows.len()], radius);
        rows.into_iter().zip(hits).for_each(|(row, hit)| certain[row] = hit);
    }
    certain
}

/// Whether the net is right about each of some images that are drawn from the box.
fn right_in_draws(net: &TwoLayerNet<f64>, images: &Tensor<f64>, labels: &[usize], radius: f64, seed: u64) -> Vec<bool> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut right = vec![true; labels.len()];
    for _ in 0..DRAWS {
        let moved = (images + Tensor::uniform(images.shape(), -radius, radius, rng)).clamp(0.0, 1.0);
        let tape = Tape::new();
        let answers = net.predict(tape.constant(moved)).value().argmax(-1);
        right.iter_mut().zip(answers.iter().zip(labels)).for_each(|(right, (answer, label))| *right &= answer == label);
    }
    right
}

/// The options, or nothing if only help was asked for.
fn options() -> Result<Option<Options>, Box<dyn Error>> {
    use lexopt::prelude::*;
    let mut options = Options { data: None, iters: None, seed: 0, quick: false };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("data") => options.data = Some(arguments.value()?.into()),
            Long("iters") => options.iters = Some(arguments.value()?.parse()?),
            Long("seed") => options.seed = arguments.value()?.parse()?,
            Long("quick") => options.quick = true,
            Short('h') | Long("help") => {
                println!("{HELP}");
                return Ok(None);
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(Some(options))
}
