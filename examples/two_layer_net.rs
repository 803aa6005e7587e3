//! The tutorial's two-layer net on handwritten digits: checks its gradients, trains it, and says how well it does.
//!
//! ```text
//! cargo run --release --example two_layer_net                    # digits that the library draws itself
//! cargo run --release --example two_layer_net -- --data DIR      # the four files of MNIST
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use rand::{SeedableRng, rngs::StdRng};
use rensa::check::numerical_slope;
use rensa::data::{Dataset, Loader};
use rensa::nn::TwoLayerNet;
use rensa::optim::{Optimizer, Sgd};
use rensa::train::accuracy;
use rensa::viz::curves::{Panel, svg};
use rensa::{Gradients, Param, Tape, Tensor, io};

const HELP: &str = "two_layer_net [--data DIR] [--iters 10000] [--hidden 50] [--seed 0] [--quick] [--last-relu]
              [--plot FILE.svg] [--save FILE.safetensors] [--load FILE.safetensors]";
const BATCH: usize = 100;
const RATE: f64 = 0.1;

struct Options {
    data: Option<PathBuf>,
    iters: usize,
    hidden: usize,
    seed: u64,
    quick: bool,
    last_relu: bool,
    plot: Option<PathBuf>,
    save: Option<PathBuf>,
    load: Option<PathBuf>,
}

/// What training was like: the loss of every iteration, and the accuracies after every epoch.
#[derive(Default)]
struct History {
    loss: Vec<(f64, f64)>,
    train: Vec<(f64, f64)>,
    test: Vec<(f64, f64)>,
}

fn main() -> ExitCode {
    match options().and_then(|options| options.map_or(Ok(()), run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("two_layer_net: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let (train, test) = match &options.data {
        Some(directory) => Dataset::<f32>::mnist(directory)?,
        None => (Dataset::digits(10_000, 1)?, Dataset::digits(2_000, 2)?),
    };
    if train.len() < BATCH {
        return Err(format!("expected at least {BATCH} images to learn from, found {}", train.len()).into());
    }
    let inputs = train.inputs.shape()[1];
    println!("{} digits of {inputs} pixels to learn from, {} to be tested on", train.len(), test.len());
    let mut rng = StdRng::seed_from_u64(options.seed);
    let mut net = TwoLayerNet::init(inputs, options.hidden, 10, &mut rng);
    if options.last_relu {
        net = net.with_last_relu();
    }
    if let Some(file) = &options.load {
        io::load(file, &mut net)?;
    }
    check_gradients(&net, &train, options.seed);
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;
    let start = Instant::now();
    let history = train_net(&mut net, &train, &test, &options, &stop)?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(file) = &options.save {
        io::save(file, &net)?;
    }
    if let Some(file) = &options.plot {
        io::write_atomically(file, picture(&history).as_bytes())?;
    }
    let mut tape = Tape::new();
    let [on_test, on_train] = [&test, &train].map(|set| accuracy(&net, set, &mut tape));
    if options.last_relu {
        println!("classes that the second ReLU has cut off: {:?}", dead_classes(&net, &test));
    }
    let (seed, iterations) = (options.seed, history.loss.len());
    println!("{iterations} iterations, {:.0} images per second", (iterations * BATCH) as f64 / seconds);
    println!(
        "test accuracy {on_test:.4}, train accuracy {on_train:.4}, seed {seed}, {iterations} iterations, {seconds:.2} s"
    );
    Ok(())
}

/// Trains `net`, until the iterations are done or `stop` is set.
fn train_net(
    net: &mut TwoLayerNet<f32>,
    train: &Dataset<f32>,
    test: &Dataset<f32>,
    options: &Options,
    stop: &AtomicBool,
) -> Result<History, rensa::Error> {
    let mut loader = Loader::new(train, BATCH, options.seed);
    let (mut tape, mut gradients, mut sgd) = (Tape::new(), Gradients::new(), Sgd::new(RATE));
    let mut history = History::default();
    let bar = ProgressBar::new(options.iters as u64).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} eta {eta}")
            .unwrap_or(ProgressStyle::default_bar()),
    );
    for iteration in 1..=options.iters {
        let batch = loader.next_batch()?;
        let loss = tape.step(&mut gradients, |tape| net.loss(tape.constant(batch.inputs), &batch.labels));
        sgd.step(net, &gradients)?;
        history.loss.push((iteration as f64, f64::from(loss)));
        bar.inc(1);
        let stopped = stop.load(Ordering::Relaxed);
        if iteration % loader.batches_per_epoch() == 0 || iteration == options.iters || stopped {
            let [on_train, on_test] = [train, test].map(|set| accuracy(net, set, &mut tape));
            history.train.push((iteration as f64, on_train));
            history.test.push((iteration as f64, on_test));
            let epoch = iteration.div_ceil(loader.batches_per_epoch());
            bar.suspend(|| println!("epoch {epoch:2}: loss {loss:.4}, train {on_train:.4}, test {on_test:.4}"));
        }
        if stopped {
            bar.suspend(|| println!("interrupted after {iteration} iterations"));
            break;
        }
    }
    bar.finish_and_clear();
    Ok(history)
}

/// Compares the gradients of all four parameters with finite differences on three images, in `f64`.
fn check_gradients(net: &TwoLayerNet<f32>, data: &Dataset<f32>, seed: u64) {
    const SAMPLE: usize = 1000;
    let mut net = net.cast::<f64>();
    let (images, labels) = (data.inputs.narrow(0, 0, 3).cast(), data.labels.narrow(0, 0, 3));
    let mut tape = Tape::new();
    let (_, gradients) = net.gradient(&mut tape, &images, &labels);
    let mut rng = StdRng::seed_from_u64(seed);
    type Pick = fn(&mut TwoLayerNet<f64>) -> &mut Param<f64>;
    let parameters: [(&str, Pick); 4] =
        [("W1", |n| &mut n.w1), ("b1", |n| &mut n.b1), ("W2", |n| &mut n.w2), ("b2", |n| &mut n.b2)];
    println!("gradients, numerical against backward, mean absolute difference:");
    for (name, param) in parameters {
        let (value, gradient) = (param(&mut net).value.clone(), gradients[&*param(&mut net)].to_vec());
        let elements = Tensor::permutation(value.len(), &mut rng);
        let count = value.len().min(SAMPLE);
        let differences = elements.iter().take(count).map(|&i| {
            let loss = |moved: &Tensor<f64>| {
                param(&mut net).value = moved.clone();
                net.loss(Tape::new().constant(images.clone()), &labels).item()
            };
            (numerical_slope(loss, &value, i, 1e-6) - gradient[i]).abs()
        });
        let mean = differences.sum::<f64>() / count as f64;
        println!("  {name}: {mean:.2e} over {count} of {} elements", value.len());
        param(&mut net).value = value;
    }
}

/// The classes that the second ReLU has cut off: those whose score is above 0 for less than 1 % of their own images. See
/// docs/second-relu.md.
fn dead_classes(net: &TwoLayerNet<f32>, data: &Dataset<f32>) -> Vec<usize> {
    let tape = Tape::new();
    let scores = net.predict(tape.constant(data.inputs.clone())).value();
    let classes = scores.shape()[1];
    let (mut own, mut alive) = (vec![0; classes], vec![0; classes]);
    for (image, &class) in data.labels.iter().enumerate() {
        own[class] += 1;
        alive[class] += usize::from(scores[[image, class]] > 0.0);
    }
    (0..classes).filter(|&class| 100 * alive[class] < own[class]).collect()
}

fn picture(history: &History) -> String {
    let loss = Panel::new("Loss", "iteration", "nats").with_curve("batch", &history.loss).with_smooth(101);
    let accuracy = Panel::new("Accuracy", "iteration", "share").with_curve("train", &history.train);
    svg(&[loss, accuracy.with_curve("test", &history.test)])
}

/// The options, or nothing if only help was asked for.
fn options() -> Result<Option<Options>, Box<dyn Error>> {
    use lexopt::prelude::*;
    let mut options = Options {
        data: None,
        iters: 10_000,
        hidden: 50,
        seed: 0,
        quick: false,
        last_relu: false,
        plot: None,
        save: None,
        load: None,
    };
    let mut iters = None;
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("data") => options.data = Some(arguments.value()?.into()),
            Long("iters") => iters = Some(whole("--iters", &arguments.value()?)?),
            Long("hidden") => options.hidden = whole("--hidden", &arguments.value()?)?,
            Long("seed") => options.seed = whole("--seed", &arguments.value()?)? as u64,
            Long("quick") => options.quick = true,
            Long("last-relu") => options.last_relu = true,
            Long("plot") => options.plot = Some(arguments.value()?.into()),
            Long("save") => options.save = Some(arguments.value()?.into()),
            Long("load") => options.load = Some(arguments.value()?.into()),
            Short('h') | Long("help") => {
                println!("{HELP}");
                return Ok(None);
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    if options.hidden == 0 {
        return Err("--hidden: expected at least 1, found `0`".into());
    }
    for (flag, file) in [("--save", &options.save), ("--plot", &options.plot)] {
        writable(flag, file.as_deref())?; // now, not after the training
    }
    options.iters = iters.unwrap_or(if options.quick { 300 } else { options.iters });
    Ok(Some(options))
}

fn writable(flag: &str, file: Option<&Path>) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if directory.is_dir() && !file.is_dir() {
        return Ok(());
    }
    Err(format!("{flag}: expected a file in a directory that exists, found `{}`", file.display()))
}

fn whole(flag: &str, value: &std::ffi::OsStr) -> Result<usize, String> {
    let text = value.to_string_lossy();
    text.parse().map_err(|_| format!("{flag}: expected a whole number, found `{text}`"))
}
