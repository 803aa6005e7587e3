//! A result has the same bits for any number of threads.

#[path = "support/plain.rs"]
mod plain;

use std::sync::LazyLock;

use plain::Plain;
use rayon::{ThreadPool, ThreadPoolBuilder};
use rensa::{Float, Tape, Tensor};

impl Float for Plain {}

/// Numbers whose sums round: every association gives other bits.
fn numbers<T: Float>(shape: &[usize], seed: u64) -> Tensor<T> {
    let mut state = seed;
    let data = (0..shape.iter().product()).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        T::of((state >> 33) as f64 / f64::from(1u32 << 31) - 0.3)
    });
    Tensor::from_vec(data.collect(), shape).expect("as many numbers as the shape holds")
}

/// Pools of one, two and four threads.
static POOLS: LazyLock<[ThreadPool; 3]> = LazyLock::new(|| {
    [1, 2, 4].map(|n| ThreadPoolBuilder::new().num_threads(n).build().expect("threads can be started"))
});

/// Runs `work` outside of any pool and inside each of [`POOLS`]; all results must have the same bits.
fn same_bits<T: Float>(what: &str, work: impl Fn() -> Tensor<T> + Sync) {
    let bits = |x: Tensor<T>| -> Vec<_> { x.to_vec().into_iter().map(T::integer_decode).collect() };
    let expected = bits(work());
    for pool in &*POOLS {
        let threads = pool.current_num_threads();
        assert!(bits(pool.install(&work)) == expected, "{what}: other bits with {threads} threads");
    }
}

fn layouts<T: Float>(shape: [usize; 2], seed: u64) -> [Tensor<T>; 4] {
    let x = numbers(&shape, seed);
    [x.t().to_contiguous().t(), x.flip(..).to_contiguous().flip(..), x.narrow(1, 0, 1).broadcast_to(shape), x]
}

fn reductions<T: Float>() {
    for shape in [[300, 450], [2, 70_001], [70_001, 2], [1, 140_000]] {
        for x in layouts::<T>(shape, 1) {
            for axis in [0, 1] {
                same_bits("sum", || x.sum(axis));
                same_bits("var", || x.var(axis, 1));
                same_bits("cumsum", || x.cumsum(axis));
                same_bits("max", || x.max(axis));
            }
            same_bits("sum of all", || x.sum(..));
            same_bits("mean of all", || x.mean(..));
            same_bits("var of all", || x.var(.., 0));
            same_bits("prod of all", || (&x * T::of(1e-3) + T::one()).prod(..));
            same_bits("logsumexp of all", || x.logsumexp(..));
        }
    }
}

#[test]
fn trap_28_reductions_over_several_axes() {
    for shape in [[7, 6, 45, 75], [30, 3, 9, 171], [300, 225, 1, 2]] {
        let x: Tensor<f32> = numbers(&shape, 1);
        for x in [x.clone(), x.permute(&[3, 1, 0, 2]), x.permute(&[1, 3, 2, 0])] {
            for axes in [[0, 2, 3], [0, 1, 2], [1, 2, 3]] {
                same_bits("sum", || x.sum(axes));
                same_bits("var", || x.var(axes, 0));
            }
        }
    }
}

#[test]
fn trap_28_reductions_f32() {
    reductions::<f32>();
}

#[test]
fn trap_28_reductions_f64() {
    reductions::<f64>();
}

/// Long rows, whose columns one thread sums by whole rows; and rows that are normalised.
#[test]
fn trap_28_sums_of_long_rows_and_normalisations() {
    for shape in [[140, 1024], [97, 2500], [3000, 70]] {
        let [x, g]: [Tensor<f32>; 2] = [numbers(&shape, 6), numbers(&shape, 7)];
        let [w, b] = [numbers(&shape[1..], 8), numbers(&shape[1..], 9)];
        same_bits("sum of columns", || x.sum(0));
        same_bits("softmax", || x.softmax(-1));
        same_bits("log_softmax", || x.log_softmax(-1));
        for which in 0..3 {
            same_bits("layer_norm and its gradients", || {
                let tape = Tape::new();
                let inputs = [&x, &w, &b].map(|x| tape.leaf(x.clone()));
                let y = inputs[0].layer_norm(inputs[1], inputs[2], 1e-5);
                &y.backward_with(g.clone())[inputs[which]] + y.value().sum(..)
            });
        }
        same_bits("max_pool2d's gradient", || {
            let tape = Tape::new();
            let x = tape.leaf(x.narrow(0, 0, 96).reshape([4, 6, 4, -1]));
            let y = x.max_pool2d(2);
            y.square().sum(..).backward()[x].clone()
        });
    }
}

#[test]
fn elementwise() {
    for x in layouts::<f32>([400, 600], 2) {
        for y in layouts::<f32>([400, 600], 3) {
            same_bits("x · y + x", || &x * &y + &x);
        }
    }
}

/// Products of odd sizes, among them thin ones, on both sides of every threshold.
fn products<T: Float>(shapes: &[[usize; 3]]) {
    for &[m, k, n] in shapes {
        let a: [Tensor<T>; 4] = layouts([m, k], 4);
        let b: [Tensor<T>; 4] = layouts([k, n], 5);
        for (i, a) in a.iter().enumerate() {
            for (j, b) in b.iter().enumerate().filter(|(j, _)| (i + j) % 3 == 0) {
                same_bits(&format!("[{m}, {k}] × [{k}, {n}] on layouts {i}, {j}"), || a.matmul(b));
            }
        }
    }
}

const SHAPES: [[usize; 3]; 17] = [
    [1, 300_000, 1],
    [1, 1000, 3001],
    [3001, 1000, 1],
    [2, 1500, 1777],
    [1777, 1500, 2],
    [3, 30_003, 5],
    [5, 700, 1250],
    [1250, 700, 5],
    [17, 1031, 309],
    [33, 4099, 31],
    [100, 784, 50],
    [129, 257, 140],
    [140, 130, 250],
    [129, 70, 530],
    [311, 33, 513],
    [2000, 7, 260],
    [260, 5, 2003],
];

#[test]
fn trap_28_products_f32() {
    products::<f32>(&SHAPES);
}

#[test]
fn trap_28_products_f64() {
    products::<f64>(&SHAPES);
}

#[test]
fn trap_28_products_of_a_scalar_without_a_kernel_of_its_own() {
    products::<Plain>(&[[33, 1031, 20], [129, 257, 21], [700, 150, 9]]);
}

#[test]
fn batches_of_products() {
    for (batch, [m, k, n]) in [(3, [130, 170, 190]), (64, [40, 70, 50]), (1000, [7, 33, 9]), (5, [1, 5000, 301])] {
        let (a, b) = (numbers::<f32>(&[batch, m, k], 6), numbers::<f32>(&[batch, k, n], 7));
        same_bits("batch by batch", || a.matmul(&b));
        same_bits("batch by one", || a.matmul(&b.narrow(0, 0, 1).squeeze(0)));
        same_bits("one by batch", || a.narrow(0, 0, 1).matmul(&b));
        same_bits("transposed", || b.t().matmul(&a.t()));
    }
}

/// An element of a product is one sum, whatever else is computed beside it: a block of the product is the product of a block.
#[test]
fn a_block_of_a_product_is_the_product_of_a_block() {
    for [m, k, n] in [[70, 600, 90], [33, 1000, 65], [16, 513, 16], [100, 784, 50]] {
        let (a, b) = (numbers::<f32>(&[m, k], 8), numbers::<f32>(&[k, n], 9));
        let whole = a.matmul(&b);
        for (row, rows) in [(0, 1), (3, 2), (7, 9), (0, 16), (5, 11)] {
            let block = a.narrow(0, row, rows).matmul(&b.narrow(1, 2, 11));
            assert_eq!(block, whole.narrow(0, row, rows).narrow(1, 2, 11), "rows {row} .. +{rows} of [{m}, {k}, {n}]");
        }
    }
}
