//! Whole training steps (forward, backward, update) and their backward pass alone, in images per second.

mod support;

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::{Linear, Module, Relu, Sequential, TwoLayerNet};
use rensa::optim::{Optimizer, Sgd};
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

type Loss<M> = for<'t> fn(&M, Var<'t, f32>, &Batch) -> Var<'t, f32>;

/// Times the whole step of a net, and its backward pass alone.
fn step<M: Module<f32>>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut net: M, n: usize, loss: Loss<M>) {
    let batch = Batch::of(n);
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    let mut sgd = Sgd::new(0.01);
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function(format!("{name}, step"), |bencher| {
        bencher.iter(|| {
            tape.step(&mut gradients, |tape| loss(&net, tape.constant(batch.images.clone()), &batch));
            sgd.step(&mut net, &gradients).expect("every parameter has a gradient");
        });
    });
    let tape = Tape::new();
    let recorded = loss(&net, tape.constant(batch.images.clone()), &batch);
    group.bench_function(format!("{name}, backward"), |bencher| {
        bencher.iter_batched(|| (), |()| recorded.backward_into(&mut gradients), BatchSize::SmallInput);
    });
}

fn training_steps(c: &mut Criterion) {
    for pool in support::pools() {
        let mut group = c.benchmark_group(format!("training, {} threads", pool.current_num_threads()));
        pool.install(|| {
            let rng = &mut StdRng::seed_from_u64(0);
            let net = TwoLayerNet::init(784, 50, 10, rng);
            step(&mut group, "784-50-10 from primitive nodes, batch 100", net, 100, |net, x, b| net.loss(x, &b.labels));
            let parts = |sizes: &[usize], rng: &mut StdRng| {
                let layers = sizes.windows(2).enumerate();
                layers.fold(Sequential::new(), |net, (i, s)| {
                    let net = if i > 0 { net.with(Relu) } else { net };
                    net.with(Linear::init(s[0], s[1], rng))
                })
            };
            let loss: Loss<Sequential<f32>> = |net, x, b| net.forward(x).cross_entropy(&b.labels, Reduction::Mean);
            step(&mut group, "784-50-10 from parts, batch 100", parts(&[784, 50, 10], rng), 100, loss);
            group.sample_size(10);
            step(&mut group, "784-1024-1024-10, batch 512", parts(&[784, 1024, 1024, 10], rng), 512, loss);
        });
    }
}

criterion_group!(benches, training_steps);
criterion_main!(benches);
