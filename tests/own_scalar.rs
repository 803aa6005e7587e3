//! A scalar of the user's own: one line makes it an element type, and everything that tensors do works with it. It takes the
//! generic path everywhere, the portable matrix product among them.

#[path = "support/compare.rs"]
mod compare;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/plain.rs"]
mod plain;

use plain::Plain;
use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::{Linear, Module, Relu, Sequential};
use rensa::optim::{Optimizer, Sgd};
use rensa::{Gradients, Reduction, Tape, Tensor, keep, slice, tensor};

impl rensa::Float for Plain {}

/// Numbers between −1 and 1, no two sums of which round alike.
fn numbers(shape: &[usize], seed: usize) -> Tensor<f64> {
    let len = shape.iter().product::<usize>();
    let data = (0..len).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f64 / 1001.0 - 1.0);
    Tensor::from_vec(data.collect(), shape).expect("as many as the shape holds")
}

/// Whether the two are equal but for an error of 1e-12, relative above 1. NaN equals NaN alone.
fn assert_near(what: &str, found: &Tensor<Plain>, expected: &Tensor<f64>) {
    assert!(found.shape() == expected.shape(), "{what}: {:?}, expected {:?}", found.shape(), expected.shape());
    for (x, &y) in found.iter().zip(expected) {
        assert!(compare::near(x.0, y, 1e-12), "{what}: {x:?}, expected {y}");
    }
}

#[test]
fn arithmetic_reductions_and_views() {
    let (a, b) = (numbers(&[5, 40, 6], 1), numbers(&[40, 1], 2) + 3.0);
    let (x, y): (Tensor<Plain>, Tensor<Plain>) = (a.cast(), b.cast());
    assert_near("(x + y) · x / y − y", &((&x + &y) * &x / &y - &y), &((&a + &b) * &a / &b - &b));
    assert_near("maximum", &x.maximum(&-&x), &a.maximum(&-&a));
    assert_eq!(x.greater(&y), a.greater(&b));
    for axis in 0..3isize {
        assert_near("sum", &x.sum(axis), &a.sum(axis));
        assert_near("var", &x.var(keep(axis), 1), &a.var(keep(axis), 1));
        assert_near("logsumexp", &x.logsumexp(axis), &a.logsumexp(axis));
        assert_near("softmax", &x.softmax(axis), &a.softmax(axis));
        assert_near("cumsum", &x.cumsum(axis), &a.cumsum(axis));
        assert_near("max", &x.max(axis), &a.max(axis));
        assert_eq!(x.argmax(axis), a.argmax(axis));
    }
    let part = |x: &Tensor<f64>| x.slice(slice![.., ..;-2, 1]).t().reshape([-1]);
    assert_near("slice", &x.slice(slice![.., ..;-2, 1]).t().reshape([-1]), &part(&a));
    assert_eq!(x.cast::<f64>(), a);
}

#[test]
fn constructors() {
    let plain = Plain;
    assert_near("arange", &Tensor::arange(plain(0.0), plain(1.0), plain(0.25)), &tensor![0.0, 0.25, 0.5, 0.75]);
    let (own, f64s) = (&mut StdRng::seed_from_u64(3), &mut StdRng::seed_from_u64(3));
    assert_near(
        "uniform",
        &Tensor::uniform([50], plain(-1.0), plain(2.0), own),
        &Tensor::uniform([50], -1.0, 2.0, f64s),
    );
    assert_near("normal", &Tensor::normal([50], plain(0.0), plain(2.0), own), &Tensor::normal([50], 0.0, 2.0, f64s));
}

/// The same net, from the same generator, learns the same.
#[test]
fn a_net_is_trained() {
    fn train<T: rensa::Float>(inputs: Tensor<T>) -> Vec<f64> {
        let rng = &mut StdRng::seed_from_u64(0);
        let mut net = Sequential::<T>::new().with(Linear::init(6, 9, rng)).with(Relu).with(Linear::init(9, 3, rng));
        let labels = Tensor::from_fn([20], |i| i[0] % 3);
        let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
        let losses = (0..20).map(|_| {
            let loss = tape.step(&mut gradients, |tape| {
                net.forward(tape.constant(inputs.clone())).cross_entropy(&labels, Reduction::Mean)
            });
            Sgd::new(0.5).step(&mut net, &gradients).expect("every parameter has a gradient");
            num_traits::ToPrimitive::to_f64(&loss).expect("a number")
        });
        losses.collect()
    }
    let inputs = numbers(&[20, 6], 5);
    let (own, f64s) = (train::<Plain>(inputs.cast()), train(inputs));
    assert!(own.iter().zip(&f64s).all(|(a, b)| compare::near(*a, *b, 1e-12)), "{own:?}, expected {f64s:?}");
    assert!(own[19] < own[0] - 0.1, "{own:?}");
}

/// The matrix in storage that lies otherwise: transposed, every second element, backwards.
fn layouts(x: &Tensor<Plain>) -> [Tensor<Plain>; 4] {
    let stored_transposed = x.t().to_contiguous().t();
    let wide = Tensor::concat(&[x.unsqueeze(2), x.unsqueeze(2).map(|_| Plain(f64::NAN))], 2);
    let stepped = wide.narrow(2, 0, 1).squeeze(2);
    [x.clone(), stored_transposed, stepped, x.flip(..).to_contiguous().flip(..)]
}

/// Sizes on both sides of the edges of tiles (4 × 8), of packed blocks (64 and 512) and of the depth (256), and none.
fn sizes() -> Vec<[usize; 3]> {
    let mut sizes = vec![];
    for m in [1, 3, 4, 5, 9] {
        for n in [1, 7, 8, 9, 17] {
            sizes.extend([1, 2, 33].map(|k| [m, k, n]));
        }
    }
    sizes.extend([[5, 255, 9], [5, 256, 9], [5, 257, 9], [3, 513, 7], [0, 3, 2], [2, 0, 3], [2, 3, 0], [1, 600, 1]]);
    sizes.extend([
        [63, 5, 9],
        [64, 5, 8],
        [65, 5, 9],
        [129, 3, 2],
        [4, 5, 511],
        [4, 5, 512],
        [5, 5, 513],
        [2, 2, 1030],
    ]);
    sizes.extend([[70, 300, 20]]);
    sizes
}

#[test]
fn the_portable_product_agrees_with_the_specialised_one() {
    for [m, k, n] in sizes() {
        let (a, b) = (numbers(&[m, k], m), numbers(&[k, n], n));
        let expected = a.matmul(&b);
        let (x, y) = (layouts(&a.cast()), layouts(&b.cast()));
        for (i, x) in x.iter().enumerate() {
            let y = &y[(i + m + n) % y.len()];
            assert_near(&format!("[{m}, {k}] × [{k}, {n}], layout {i}"), &x.matmul(y), &expected);
        }
    }
}

#[test]
fn portable_products_of_batches() {
    let (a, b) = (numbers(&[6, 5, 4], 1), numbers(&[6, 4, 7], 2));
    let (x, y): (Tensor<Plain>, Tensor<Plain>) = (a.cast(), b.cast());
    assert_near("batch", &x.matmul(&y), &a.matmul(&b));
    assert_near("one matrix", &x.matmul(&y.narrow(0, 2, 1).squeeze(0)), &a.matmul(&b.narrow(0, 2, 1).squeeze(0)));
    assert_near("shared", &x.narrow(0, 1, 1).matmul(&y), &a.narrow(0, 1, 1).matmul(&b));
}

#[test]
fn trap_23_zero_times_nan_and_infinity_stay_nan_in_the_portable_product() {
    for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (row, depth) in [(0, 0), (4, 299), (69, 256)] {
            let (mut x, y) = (Tensor::<Plain>::zeros([70, 300]), Tensor::<Plain>::zeros([300, 9]));
            x[[row, depth]] = Plain(special);
            let expected: Vec<bool> = (0..70).map(|i| i == row).collect();
            assert_eq!(x.matmul(&y).is_nan().all(1).to_vec(), expected, "{special} on the left");
            assert_eq!(x.matmul(&y).is_nan().any(1).to_vec(), expected, "{special} on the left");
            assert_eq!(y.t().matmul(&x.t()).is_nan().all(0).to_vec(), expected, "{special} on the right");
        }
    }
}

/// An element is one sum in one order, whatever else is computed beside it.
#[test]
fn a_block_of_a_portable_product_is_the_product_of_a_block() {
    let (a, b): (Tensor<Plain>, Tensor<Plain>) = (numbers(&[70, 600], 8).cast(), numbers(&[600, 90], 9).cast());
    let whole = a.matmul(&b);
    for (row, rows) in [(0, 1), (3, 2), (7, 9), (60, 8)] {
        for (column, columns) in [(0, 1), (5, 3), (7, 20)] {
            let block = a.narrow(0, row, rows).matmul(&b.narrow(1, column, columns));
            assert_eq!(block, whole.narrow(0, row, rows).narrow(1, column, columns), "rows {row}, columns {column}");
        }
    }
}
