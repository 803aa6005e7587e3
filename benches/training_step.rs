//! Whole training steps (forward, backward, update) and their backward pass alone, in images per second.

mod support;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use rand::{SeedableRng, rngs::StdRng};
use rayon::ThreadPool;
use rensa::nn::{Linear, Module, Relu, Sequential, TwoLayerNet};
use rensa::optim::{Adam, Optimizer, Sgd};
use rensa::{Gradients, Reduction, Tape, Tensor, Var};

/// A batch of noise with labels.
struct Batch {
    images: Tensor<f32>,
    labels: Tensor<usize>,
}

impl Batch {
    fn of(n: usize) -> Self {
        let rng = &mut StdRng::seed_from_u64(1);
        Batch { images: Tensor::uniform([n, 784], 0.0, 1.0, rng), labels: Tensor::from_fn([n], |i| i[0] % 10) }
    }
}

/// The loss of a net on a batch, given the images on the tape.
type Loss<M> = for<'t> fn(&M, Var<'t, f32>, &Batch) -> Var<'t, f32>;

/// Times the whole step of a net, and its backward pass alone.
fn step<M>(group: &mut BenchmarkGroup<'_, WallTime>, pool: &ThreadPool, name: &str, mut net: M, n: usize, loss: Loss<M>)
where
    M: Module<f32> + Send + Sync,
{
    let batch = Batch::of(n);
    let (mut tape, mut gradients, mut sgd) = (Tape::new(), Gradients::new(), Sgd::new(0.01));
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function(format!("{name}, step"), |bencher| {
        bencher.iter_custom(|n| {
            support::time(pool, n, || {
                tape.step(&mut gradients, |tape| loss(&net, tape.constant(batch.images.clone()), &batch));
                sgd.step(&mut net, &gradients).expect("every parameter has a gradient");
            })
        });
    });
    group.bench_function(format!("{name}, backward"), |bencher| {
        bencher.iter_custom(|n| {
            // A tape is used by one thread at a time: it is made where it is used.
            let recorded = || {
                let tape = Tape::new();
                let loss = loss(&net, tape.constant(batch.images.clone()), &batch);
                let mut gradients = Gradients::new();
                let start = std::time::Instant::now();
                (0..n).for_each(|_| loss.backward_into(&mut gradients));
                start.elapsed()
            };
            pool.install(recorded)
        });
    });
}

/// Fully connected layers of these sizes, with a ReLU between them.
fn layers(sizes: &[usize]) -> Sequential<f32> {
    let rng = &mut StdRng::seed_from_u64(0);
    sizes.windows(2).enumerate().fold(Sequential::new(), |net, (i, pair)| {
        let net = if i > 0 { net.with(Relu) } else { net };
        net.with(Linear::init(pair[0], pair[1], rng))
    })
}

fn training_steps(c: &mut Criterion) {
    let loss: Loss<Sequential<f32>> = |net, x, b| net.forward(x).cross_entropy(&b.labels, Reduction::Mean);
    for pool in support::pools() {
        let group = &mut c.benchmark_group(format!("training, {} threads", pool.current_num_threads()));
        let net = TwoLayerNet::init(784, 50, 10, &mut StdRng::seed_from_u64(0));
        let name = "784-50-10 from primitive nodes, batch 100";
        step(group, &pool, name, net, 100, |net, x, b| net.loss(x, &b.labels));
        step(group, &pool, "784-50-10 from parts, batch 100", layers(&[784, 50, 10]), 100, loss);
        group.sample_size(10);
        step(group, &pool, "784-1024-1024-10, batch 512", layers(&[784, 1024, 1024, 10]), 512, loss);
    }
}

/// Times the update of a net's parameters alone, in parameters per second.
fn update(
    group: &mut BenchmarkGroup<'_, WallTime>,
    pool: &ThreadPool,
    name: &str,
    mut optimizer: impl Optimizer<f32> + Send,
) {
    let (mut net, images) = (layers(&[784, 1024, 1024, 10]), Batch::of(1).images);
    let mut gradients = Gradients::new();
    Tape::new().step(&mut gradients, |tape| net.forward(tape.constant(images.clone())).sum(..));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|n| {
            support::time(pool, n, || optimizer.step(&mut net, &gradients).expect("all have gradients"))
        });
    });
}

fn updates(c: &mut Criterion) {
    for pool in support::pools() {
        let group =
            &mut c.benchmark_group(format!("update of 784-1024-1024-10, {} threads", pool.current_num_threads()));
        group.throughput(Throughput::Elements(784 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 10 + 10));
        update(group, &pool, "SGD", Sgd::new(1e-4));
        update(group, &pool, "SGD with momentum", Sgd::new(1e-4).momentum(0.9));
        update(group, &pool, "Adam", Adam::new(1e-4));
    }
}

criterion_group!(benches, training_steps, updates);
criterion_main!(benches);
