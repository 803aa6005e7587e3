//! The matrix product: throughput in floating-point operations per second (criterion's `elem/s`), on one thread and on all.
//!
//! `cargo bench --bench matmul -- generic` compares the generic kernel, which a scalar of a user's own takes, with that of `f64`.

#[path = "../tests/support/plain.rs"]
mod plain;
mod support;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plain::Plain;
use rand::{SeedableRng, rngs::StdRng};
use rayon::ThreadPool;
use rensa::{Float, Tensor};

impl Float for Plain {}

/// `[m, k]` · `[k, n]`, the operands as they lie or transposed views.
struct Case {
    name: String,
    sizes: [usize; 3],
    transposed: [bool; 2],
}

/// Square ones; those of the two-layer net, forward and backward; a large one that is not square; small and large ones transposed.
fn cases() -> Vec<Case> {
    let case = |kind: &str, m: usize, k: usize, n: usize| Case {
        name: format!("{kind} {m}x{k}x{n}"),
        sizes: [m, k, n],
        transposed: [kind.starts_with('T'), kind.ends_with('T')],
    };
    let square = [32, 48, 64, 128, 256, 512, 1024, 2048].map(|n| case("NN", n, n, n));
    let transposed = [64, 256, 1024].into_iter().flat_map(|n| [case("TN", n, n, n), case("NT", n, n, n)]);
    let others = [
        case("NN", 100, 784, 50),
        case("TN", 784, 100, 50),
        case("NT", 100, 50, 784),
        case("NN", 100, 50, 10),
        case("TN", 50, 100, 10),
        case("NT", 100, 10, 50),
        case("NN", 512, 1024, 1024),
        case("TN", 1024, 512, 1024),
        case("NT", 512, 1024, 1024),
    ];
    square.into_iter().chain(others).chain(transposed).collect()
}

fn matrix<T: Float>(rows: usize, columns: usize, transposed: bool) -> Tensor<T> {
    let rng = &mut StdRng::seed_from_u64(0);
    let uniform = |shape: [usize; 2], rng: &mut StdRng| Tensor::uniform(shape, -T::one(), T::one(), rng);
    if transposed { uniform([columns, rows], rng).t() } else { uniform([rows, columns], rng) }
}

fn matmul<T: Float>(c: &mut Criterion, scalar: &str) {
    for pool in support::pools() {
        let mut group = c.benchmark_group(format!("matmul {scalar}, {} threads", pool.current_num_threads()));
        for case in cases() {
            let name = case.name.clone();
            product::<T>(&mut group, &pool, name, case);
        }
    }
}

fn product<T: Float>(group: &mut BenchmarkGroup<'_, WallTime>, pool: &ThreadPool, name: String, case: Case) {
    let Case { sizes: [m, k, n], transposed, .. } = case;
    let (a, b) = (matrix::<T>(m, k, transposed[0]), matrix::<T>(k, n, transposed[1]));
    group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
    group.sample_size(if m * k * n > 1 << 28 { 10 } else { 30 });
    group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
        bencher.iter_custom(|n| support::time(pool, n, || a.matmul(&b)));
    });
}

/// Batches of small products: 64 matrices, and the two products of attention with 16 · 4 heads.
fn batches<T: Float>(c: &mut Criterion, scalar: &str) {
    for pool in support::pools() {
        let mut group = c.benchmark_group(format!("batched matmul {scalar}, {} threads", pool.current_num_threads()));
        for (name, [m, k, n], transposed) in [
            ("64 of 64x64x64", [64, 64, 64], false),
            ("64 of 64x32x64, transposed", [64, 32, 64], true),
            ("64 of 64x64x32", [64, 64, 32], false),
        ] {
            let rng = &mut StdRng::seed_from_u64(0);
            let mut batch =
                |shape: [usize; 2]| Tensor::<T>::uniform([64, shape[0], shape[1]], -T::one(), T::one(), rng);
            let a = batch([m, k]);
            let b = if transposed { batch([n, k]).swapaxes(1, 2) } else { batch([k, n]) };
            group.throughput(Throughput::Elements(2 * (64 * m * k * n) as u64));
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|n| support::time(&pool, n, || a.matmul(&b)));
            });
        }
    }
}

/// The two kernels one after the other, size by size.
fn generic(c: &mut Criterion) {
    for pool in support::pools() {
        let mut group =
            c.benchmark_group(format!("matmul generic against f64, {} threads", pool.current_num_threads()));
        for n in [256, 512, 1024] {
            let case = || Case { name: String::new(), sizes: [n; 3], transposed: [false; 2] };
            product::<f64>(&mut group, &pool, format!("f64 {n}"), case());
            product::<Plain>(&mut group, &pool, format!("generic {n}"), case());
        }
    }
}

fn f32(c: &mut Criterion) {
    matmul::<f32>(c, "f32");
    batches::<f32>(c, "f32");
}

fn f64(c: &mut Criterion) {
    matmul::<f64>(c, "f64");
    batches::<f64>(c, "f64");
}

criterion_group!(benches, f32, f64, generic);
criterion_main!(benches);
