//! Elementwise functions with their gradients, and what is computed along the rows and the columns of a matrix.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::StdRng};
use rensa::{Gradients, Tape, Tensor, Var, keep};

/// Functions of one number, forward alone.
type Function = fn(&Tensor<f32>) -> Tensor<f32>;

/// What is computed along an axis, on the tape.
type Along = for<'t> fn(Var<'t, f32>, isize) -> Var<'t, f32>;

/// `tanh(x·w + b) · sigmoid(x)` with all three gradients.
fn gated(c: &mut Criterion) {
    for pool in support::pools() {
        let group = &mut c.benchmark_group(format!("tanh(x w + b) sigmoid(x), {} threads", pool.current_num_threads()));
        for n in [10_000, 1_000_000] {
            let rng = &mut StdRng::seed_from_u64(1);
            let [x, w, b] = [(); 3].map(|()| Tensor::<f32>::uniform([n], -2.0, 2.0, rng));
            let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(format!("{n} elements, forward and backward"), |bencher| {
                bencher.iter_custom(|times| {
                    support::time(&pool, times, || {
                        tape.step(&mut gradients, |tape| {
                            let [x, w, b] = [&x, &w, &b].map(|x| tape.leaf(x.clone()));
                            ((x * w + b).tanh() * x.sigmoid()).sum(..)
                        });
                    })
                });
            });
        }
    }
}

fn functions(c: &mut Criterion) {
    let functions: [(&str, Function); 9] = [
        ("exp", |x| x.exp()),
        ("ln", |x| x.ln()),
        ("tanh", |x| x.tanh()),
        ("sigmoid", |x| x.sigmoid()),
        ("erf", |x| x.erf()),
        ("gelu", |x| x.gelu()),
        ("softplus", |x| x.softplus()),
        ("relu", |x| x.relu()),
        ("add", |x| x + x),
    ];
    let x = Tensor::<f32>::uniform([1 << 20], 0.1, 4.0, &mut StdRng::seed_from_u64(1));
    for pool in support::pools() {
        let group = &mut c.benchmark_group(format!("functions, {} threads", pool.current_num_threads()));
        group.throughput(Throughput::Elements(x.len() as u64));
        for (name, f) in functions {
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|times| support::time(&pool, times, || drop(std::hint::black_box(f(&x)))));
            });
        }
    }
}

/// `(x − mean) / √(var + ε)` as `LayerNorm` composes it.
fn standardized<'t>(x: Var<'t, f32>, axis: isize) -> Var<'t, f32> {
    (x - x.mean(keep(axis))) * (x.var(keep(axis), 0) + 1e-5).rsqrt()
}

fn along_axes(c: &mut Criterion) {
    let cases: [(&str, Along); 8] = [
        ("sum", |x, axis| x.sum(axis)),
        ("mean", |x, axis| x.mean(axis)),
        ("max", |x, axis| x.max(axis)),
        ("var", |x, axis| x.var(axis, 0)),
        ("logsumexp", |x, axis| x.logsumexp(axis)),
        ("softmax", |x, axis| x.softmax(axis)),
        ("log_softmax", |x, axis| x.log_softmax(axis)),
        ("layer norm", standardized),
    ];
    let value = Tensor::<f32>::normal([1024, 1024], 0.0, 1.0, &mut StdRng::seed_from_u64(1));
    for pool in support::pools() {
        let group = &mut c.benchmark_group(format!("1024 x 1024, {} threads", pool.current_num_threads()));
        group.throughput(Throughput::Elements(value.len() as u64));
        for (axis, name) in [(-1, "rows"), (0, "columns")] {
            for (op, f) in cases {
                let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
                group.bench_function(format!("{op} of {name}, forward"), |bencher| {
                    bencher.iter_custom(|times| {
                        support::time(&pool, times, || {
                            tape.reset();
                            f(tape.constant(value.clone()), axis);
                        })
                    });
                });
                group.bench_function(format!("{op} of {name}, forward and backward"), |bencher| {
                    bencher.iter_custom(|times| {
                        support::time(&pool, times, || {
                            tape.step(&mut gradients, |tape| f(tape.leaf(value.clone()), axis).sum(..));
                        })
                    });
                });
            }
        }
    }
}

criterion_group!(benches, gated, functions, along_axes);
criterion_main!(benches);
