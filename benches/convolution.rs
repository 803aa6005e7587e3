//! Convolutions and both of their gradients, beside a matrix product of as many multiplications: floating-point operations per
//! second (criterion's `elem/s`), on one thread and on all.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::StdRng};
use rensa::{Conv, Tape, Tensor};

/// Sizes of `[n, c, h, h]` and of weights `[o, c / groups, k, k]`, and the options.
struct Case {
    name: &'static str,
    image: [usize; 3],
    weight: [usize; 2],
    stride: usize,
    padding: usize,
    groups: usize,
}

const fn case(name: &'static str, image: [usize; 3], weight: [usize; 2], stride: usize, padding: usize) -> Case {
    Case { name, image, weight, stride, padding, groups: 1 }
}

/// What nets for pictures are made of, and the tutorial's one convolution.
const CASES: [Case; 7] = [
    case("3x3 [16,64,56,56] to 64", [16, 64, 56], [64, 3], 1, 1),
    case("7x7 stride 2 [32,3,224,224] to 64", [32, 3, 224], [64, 7], 2, 3),
    case("5x5 [100,1,28,28] to 30", [100, 1, 28], [30, 5], 1, 0),
    case("3x3 [16,512,7,7] to 512", [16, 512, 7], [512, 3], 1, 1),
    case("3x3 stride 2 [16,128,28,28] to 256", [16, 128, 28], [256, 3], 2, 1),
    case("1x1 [16,256,28,28] to 64", [16, 256, 28], [64, 1], 1, 0),
    Case { groups: 128, ..case("depthwise 3x3 [16,128,56,56]", [16, 128, 56], [128, 3], 1, 1) },
];

fn convolutions(c: &mut Criterion) {
    for pool in support::pools() {
        let mut group = c.benchmark_group(format!("convolution f32, {} threads", pool.current_num_threads()));
        group.sample_size(10);
        for Case { name, image: [n, channels, h], weight: [o, k], stride, padding, groups } in CASES {
            let rng = &mut StdRng::seed_from_u64(0);
            let x = Tensor::<f32>::uniform([n, channels, h, h], -1.0, 1.0, rng);
            let w = Tensor::<f32>::uniform([o, channels / groups, k, k], -1.0, 1.0, rng);
            let options = Conv::new().stride(stride).padding(padding).groups(groups);
            let y = x.conv2d(&w, options);
            let depth = channels / groups * k * k;
            group.throughput(Throughput::Elements(2 * (y.len() * depth) as u64));
            group.bench_function(format!("{name}, forward"), |bencher| {
                bencher.iter_custom(|n| support::time(&pool, n, || x.conv2d(&w, options)));
            });
            for (what, by_input) in [("gradient by input", true), ("gradient by weight", false)] {
                group.bench_function(format!("{name}, {what}"), |bencher| {
                    bencher.iter_custom(|n| {
                        pool.install(|| {
                            let tape = Tape::new();
                            let leaf_if = |is: bool, x: &Tensor<f32>| {
                                if is { tape.leaf(x.clone()) } else { tape.constant(x.clone()) }
                            };
                            let recorded = leaf_if(by_input, &x).conv2d(leaf_if(!by_input, &w), options);
                            let start = std::time::Instant::now();
                            (0..n).for_each(|_| drop(std::hint::black_box(recorded.backward_with(y.clone()))));
                            start.elapsed()
                        })
                    });
                });
            }
            if groups == 1 {
                let b = Tensor::<f32>::uniform([depth, y.len() / o], -1.0, 1.0, rng);
                let a = w.reshape([o, depth]);
                group.bench_function(format!("{name}, product of as many"), |bencher| {
                    bencher.iter_custom(|n| support::time(&pool, n, || a.matmul(&b)));
                });
            }
        }
    }
}

criterion_group!(benches, convolutions);
criterion_main!(benches);
