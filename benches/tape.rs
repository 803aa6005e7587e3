//! What the tape itself costs: a chain of 1,000 ops on one element, x·a + b five hundred times.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rensa::{Gradients, Tape, Tensor, Var};

fn chain<'t>(tape: &'t Tape<f32>) -> Var<'t, f32> {
    let mut x = tape.leaf(Tensor::full([1], 0.5));
    let (a, b) = (tape.constant(Tensor::full([1], 0.9)), tape.constant(Tensor::full([1], 0.1)));
    for _ in 0..500 {
        x = x * a + b;
    }
    x
}

fn tape(c: &mut Criterion) {
    let mut group = c.benchmark_group("chain of 1000 one-element ops");
    group.throughput(Throughput::Elements(1000)); // so that time per element is time per op
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    group.bench_function("forward and backward", |bencher| {
        bencher.iter(|| tape.step(&mut gradients, chain));
    });
    group.bench_function("forward", |bencher| {
        bencher.iter(|| {
            chain(&tape);
            tape.reset();
        });
    });
    group.bench_function("recorded gradient", |bencher| {
        bencher.iter(|| {
            let x = tape.leaf(Tensor::full([1], 0.5));
            let y = (0..500).fold(x, |y, _| y * 0.9 + 0.1);
            let gradient = y.grad([x]).expect("the end depends on the beginning")[0].item();
            tape.reset();
            gradient
        });
    });
}

criterion_group!(benches, tape);
criterion_main!(benches);
