//! Halves: `f16` and `bf16` as elements. They are kept in 16 bits and computed in `f32`: every sum, product of matrices and function
//! is rounded once.

#[path = "support/sweeps.rs"]
mod sweeps;

use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::{Linear, Module, Parts, Path, Relu, Sequential};
use rensa::ops::registry;
use rensa::optim::{Optimizer, Sgd};
use rensa::scalar::{bf16, f16};
use rensa::{Float, Gradients, Reduction, Tape, Tensor, keep, tensor};
use sweeps::{swept, weights};

fn uniform(shape: &[usize], low: f64, high: f64, seed: u64) -> Tensor<f64> {
    Tensor::uniform(shape, low, high, &mut StdRng::seed_from_u64(seed))
}

/// Whether each is the nearest `T` to what is expected, but for the small error that `f32` makes before. Written so that NaN fails.
fn rounded_once<T: Float>(what: &str, found: &Tensor<T>, expected: &Tensor<f64>) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let half_ulp = T::epsilon().to_f64().expect("a number") / 2.0;
    for (x, &y) in found.cast::<f64>().iter().zip(expected) {
        let near = (x - y).abs() <= 1.001 * half_ulp * y.abs() + 1e-7;
        assert!(near, "{what}: {x}, expected {y}");
    }
}

fn sums<T: Float>() {
    // Values that T holds, and no more digits: what is lost is lost in the sums.
    let x: Tensor<T> = uniform(&[30, 700], -1.0, 2.0, 1).cast();
    let wide: Tensor<f64> = x.cast();
    for axis in [0, 1] {
        rounded_once("sum", &x.sum(axis), &wide.sum(axis));
        rounded_once("mean", &x.mean(axis), &wide.mean(axis));
        rounded_once("var", &x.var(axis, 1), &wide.var(axis, 1));
        rounded_once("std", &x.std(axis, 0), &wide.std(axis, 0));
        rounded_once("norm", &x.norm(axis), &wide.norm(axis));
        rounded_once("vector_norm", &x.vector_norm(3.0, axis), &wide.vector_norm(3.0, axis));
        rounded_once("logsumexp", &x.logsumexp(axis), &wide.logsumexp(axis));
        rounded_once("cumsum", &x.cumsum(axis), &wide.cumsum(axis));
        rounded_once("softmax", &x.softmax(axis), &wide.softmax(axis));
        rounded_once("log_softmax", &x.log_softmax(axis), &wide.log_softmax(axis));
    }
    let (x, wide) = (&x * T::of(0.125) + T::one(), wide * 0.125 + 1.0);
    let (x, wide) = (x.narrow(1, 0, 40), x.narrow(1, 0, 40).cast::<f64>() + wide.narrow(1, 0, 40) * 0.0);
    rounded_once("prod", &x.prod(1), &wide.prod(1));
    rounded_once("cumprod", &x.cumprod(1), &wide.cumprod(1));
    rounded_once("cdist", &x.cdist(&x.narrow(0, 0, 3), 2.0), &wide.cdist(&wide.narrow(0, 0, 3), 2.0));
}

#[test]
fn sums_of_f16_are_rounded_once() {
    sums::<f16>();
}

#[test]
fn sums_of_bf16_are_rounded_once() {
    sums::<bf16>();
}

/// In `f16` 2048 + 1 is 2048, and in `bf16` 256 + 1 is 256.
fn ten_thousand_ones<T: Float>() {
    let (ones, expected) = (Tensor::<T>::ones([10_000]), T::of(1e4));
    assert_eq!(ones.sum(..).item(), expected);
    assert_eq!(ones.to_contiguous().sum(0).item(), expected);
    assert_eq!(ones.cumsum(0)[[9_999]], expected);
    assert_eq!(ones.matmul(&ones).item(), expected);
    let zeros = Tensor::from_fn([10_000], |_| 0);
    assert_eq!(Tensor::zeros([1]).scatter_add(0, &zeros, &ones).item(), expected);
    assert_eq!(Tensor::index_add(&ones, 0, &zeros, 1).item(), expected);
    // What was broadcast gets the sum.
    let tape = Tape::new();
    let bias = tape.leaf(Tensor::<T>::zeros([1]));
    assert_eq!((tape.constant(ones) + bias).sum(..).backward()[bias].item(), expected);
}

#[test]
fn ten_thousand_ones_make_ten_thousand() {
    assert_eq!(f16::from_f32(1e4).to_f32(), 1e4);
    ten_thousand_ones::<f16>();
    ten_thousand_ones::<bf16>();
}

/// The sum of 100,000 numbers near 60,000 is far above the largest of `f16`, 65,504, and so is their number.
#[test]
fn trap_22_a_mean_of_many_large_halves_neither_overflows_nor_loses_digits() {
    let x: Tensor<f16> = uniform(&[100_000], 59_000.0, 61_000.0, 2).cast();
    let exact = x.cast::<f64>().mean(..);
    rounded_once("mean", &x.mean(..), &exact);
    rounded_once(
        "mean of rows",
        &x.reshape([1000, 100]).mean(keep(1)),
        &x.cast::<f64>().reshape([1000, 100]).mean(keep(1)),
    );
    rounded_once("std", &x.std(.., 0), &x.cast::<f64>().std(.., 0));
    let tape = Tape::new();
    let x = tape.leaf(x);
    let gradient = &(x.mean(..) * f16::of(256.0)).backward()[x];
    rounded_once("gradient of the mean", gradient, &Tensor::full([100_000], 256.0 / 1e5));
    let [recorded] = (x.mean(..) * f16::of(256.0)).grad([x]).expect("it depends on x");
    let expected = Tensor::full([100_000], 256.0 / 1e5);
    assert!((recorded.value().cast::<f64>() - &expected).iter().all(|error| error.abs() < 2.0 / 2048.0 * 256.0 / 1e5));
}

#[test]
fn trap_18_losses_of_halves_far_out() {
    let tape = Tape::new();
    let x = tape.leaf(tensor![[6e4, 6e4, -6e4], [1.0, 2.0, 3.0]].cast::<f16>());
    let loss = x.cross_entropy(&tensor![2_usize, 0], Reduction::None);
    assert!(loss.value().iter().all(|loss| !loss.is_nan()));
    rounded_once("gradient", &loss.sum(..).backward()[x].narrow(0, 0, 1), &tensor![[0.5, 0.5, -1.0]]);
    let soft = tape.constant(tensor![[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]].cast::<f16>());
    let expected = tensor![2f64.ln(), (-1f64).exp().ln_1p() + ((-2f64).exp() / (1.0 + (-1f64).exp())).ln_1p()];
    rounded_once("soft", &x.cross_entropy(soft, Reduction::None).value(), &expected);
}

fn products<T: Float>() {
    for [m, k, n] in [[3, 4096, 5], [1, 4096, 1], [17, 300, 33]] {
        let (a, b): (Tensor<T>, Tensor<T>) =
            (uniform(&[m, k], -1.0, 1.0, 3).cast(), uniform(&[k, n], -1.0, 1.0, 4).cast());
        let (x, y): (Tensor<f32>, Tensor<f32>) = (a.cast(), b.cast());
        rounded_once("matmul", &a.matmul(&b), &x.matmul(&y).cast());
        rounded_once("matmul, transposed", &b.t().matmul(&a.t()), &x.matmul(&y).t().cast());
    }
}

#[test]
fn a_product_of_inner_size_4096_is_one_rounding_off_that_of_f32() {
    products::<f16>();
    products::<bf16>();
}

/// Output and gradients of every op, against `f64` on the same values. Recorded rules round at every step, fused ones once.
fn every_op_agrees_with_f64<T: Float>() {
    let epsilon = T::epsilon().to_f64().expect("a number");
    let mut wrong = vec![];
    for (narrow, specimen) in registry::<T>().iter().zip(&registry::<f64>()) {
        for (case, seed) in specimen.cases.iter().zip(0..) {
            let xs: Vec<Tensor<T>> = specimen.draw(case, seed).iter().map(Tensor::cast).collect();
            let wide: Vec<Tensor<f64>> = xs.iter().map(Tensor::cast).collect();
            let w = weights(specimen, &wide);
            for (k, (found, expected)) in swept(narrow, &w, &xs).iter().zip(swept(specimen, &w, &wide)).enumerate() {
                let scale = expected.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
                let near = |(a, b): (f64, &f64)| (a - b).abs() <= 8.0 * epsilon * scale;
                let found: Tensor<f64> = found.cast();
                if found.shape() != expected.shape() || !found.iter().copied().zip(&expected).all(near) {
                    wrong.push(format!("{} of {case:?}, result {k}:\n{found}\nexpected\n{expected}", specimen.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_op_agrees_with_f64_in_f16() {
    every_op_agrees_with_f64::<f16>();
}

#[test]
fn every_op_agrees_with_f64_in_bf16() {
    every_op_agrees_with_f64::<bf16>();
}

fn net<T: Float>() -> Sequential<T> {
    let rng = &mut StdRng::seed_from_u64(1);
    Sequential::new().with(Linear::init(20, 30, rng)).with(Relu).with(Linear::init(30, 4, rng))
}

fn gradients<T: Float>(net: &Sequential<T>, x: &Tensor<f64>) -> Vec<Tensor<f64>> {
    let tape = Tape::new();
    let labels = Tensor::from_fn([x.shape()[0]], |_| 3); // so that terms do not cancel
    let swept = net.forward(tape.constant(x.cast())).cross_entropy(&labels, Reduction::Mean).backward();
    let mut found = vec![];
    net.visit(&Path::ROOT, &mut |_, param| found.push(swept[param].cast()));
    found
}

#[test]
fn gradients_of_a_net_in_bf16_are_near_those_in_f32() {
    let (narrow, x) = (net::<bf16>(), uniform(&[64, 20], 0.0, 1.0, 5));
    let mut wide = net::<f32>();
    wide.load_state(narrow.state().cast()).expect("the same net");
    for (found, expected) in gradients(&narrow, &x).iter().zip(&gradients(&wide, &x)) {
        let (error, size) = ((found - expected).norm(..).item(), expected.norm(..).item());
        assert!(error <= 0.02 * size, "off by {error} of {size}");
    }
}

#[test]
fn a_net_of_halves_is_trained() {
    let mut net = net::<bf16>();
    let x: Tensor<bf16> = uniform(&[64, 20], 0.0, 1.0, 6).cast();
    let labels = Tensor::from_fn([64], |i| usize::from(x[[i[0], 0]] > bf16::of(0.5)));
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    let mut losses = (0..100).map(|_| {
        let loss = tape
            .step(&mut gradients, |tape| net.forward(tape.constant(x.clone())).cross_entropy(&labels, Reduction::Mean));
        Sgd::new(0.5).step(&mut net, &gradients).expect("every parameter has a gradient");
        loss.to_f32()
    });
    let (first, last) = (losses.next(), losses.last());
    assert!(last < first.map(|loss| 0.3 * loss), "{first:?} to {last:?}");
}

#[test]
fn constructors_places_and_printing() {
    let of = f16::of;
    assert_eq!(tensor![of(0.5), of(-2.0)].to_string(), "[ 0.5 -2. ]");
    assert_eq!(Tensor::arange(of(0.0), of(1.0), of(0.25)).cast::<f64>().to_vec(), [0.0, 0.25, 0.5, 0.75]);
    let drawn = Tensor::uniform([1000], of(-1.0), of(1.0), &mut StdRng::seed_from_u64(1));
    assert!(drawn.iter().all(|&x| x >= of(-1.0) && x < of(1.0)));
    assert_eq!(Tensor::normal([5], of(0.0), of(1.0), &mut StdRng::seed_from_u64(1)).shape(), [5]);
    assert_eq!(tensor![of(1.0), of(3.0), of(3.0), f16::NAN].argmax(0).item(), 3);
}

/// Just above the middle between two neighbours, by less than `f32` tells, the upper one is the nearest.
#[test]
fn numbers_are_rounded_once_and_not_by_way_of_f32() {
    for sign in [1.0, -1.0] {
        assert_eq!(f16::of(sign * (1.0 + 1.0 / 2048.0 + 1e-9)).to_f64(), sign * (1.0 + 1.0 / 1024.0));
        assert_eq!(f16::of(sign * (1.0 + 1.0 / 2048.0)).to_f64(), sign);
        assert_eq!(f16::of(sign * (1.0 + 3.0 / 2048.0 - 1e-9)).to_f64(), sign * (1.0 + 1.0 / 1024.0));
        assert_eq!(bf16::of(sign * (1.0 + 1.0 / 256.0 + 1e-12)).to_f64(), sign * (1.0 + 1.0 / 128.0));
        assert_eq!(f16::of(sign * 1e9).to_f64(), sign * f64::INFINITY);
        assert_eq!(f16::of(sign * 2f64.powi(-25)).to_f64(), 0.0); // the middle between 0 and the smallest
        assert_eq!(f16::of(sign * 2f64.powi(-25) * (1.0 + 1e-9)).to_f64(), sign * 2f64.powi(-24));
    }
    assert!(f16::of(f64::NAN).is_nan() && f16::of(f64::INFINITY).is_infinite() && bf16::of(1e300).is_infinite());
}
