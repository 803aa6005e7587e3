//! A scalar of the user's own: one line makes it an element type, and everything that tensors do works with it.

#[path = "support/compare.rs"]
mod compare;
#[path = "support/dual.rs"]
mod dual;
#[path = "support/oracle.rs"]
mod oracle;

use compare::near;
use dual::Dual;
use num_traits::Float as _;
use rensa::{Conv, PadMode, Pool, Tensor, Upsample, keep, slice};

impl rensa::Float for Dual {}

/// Numbers between −1 and 1, no two sums of which round alike.
fn numbers(shape: &[usize], seed: usize) -> Tensor<f64> {
    let len = shape.iter().product::<usize>();
    let data = (0..len).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f64 / 1001.0 - 1.0);
    Tensor::from_vec(data.collect(), shape).expect("as many as the shape holds")
}

/// The dual tensor of these values and derivatives.
fn dual(values: &Tensor<f64>, derivatives: &Tensor<f64>) -> Tensor<Dual> {
    let pairs = values.iter().zip(derivatives).map(|(&v, &d)| Dual::new(v, d));
    Tensor::from_vec(pairs.collect(), values.shape()).expect("as many as the shape holds")
}

fn assert_near(what: &str, found: &Tensor<Dual>, values: &Tensor<f64>, derivatives: &Tensor<f64>) {
    assert!(found.shape() == values.shape() && found.shape() == derivatives.shape(), "{what}: {:?}", found.shape());
    for ((x, &v), &d) in found.iter().zip(values).zip(derivatives) {
        assert!(near(x.value(), v, 1e-12) && near(x.derivative(), d, 1e-12), "{what}: {x:?}, expected {v} + {d}ε");
    }
}

#[test]
fn derivatives_of_the_scalar_functions_agree_with_differences() {
    type Function = (&'static str, fn(Dual) -> Dual, f64);
    let functions: [Function; 38] = [
        ("recip", Dual::recip, 0.7),
        ("sqrt", Dual::sqrt, 0.7),
        ("cbrt", Dual::cbrt, 0.7),
        ("exp", Dual::exp, 0.7),
        ("exp2", Dual::exp2, 0.7),
        ("exp_m1", Dual::exp_m1, 0.7),
        ("ln", Dual::ln, 0.7),
        ("log2", Dual::log2, 0.7),
        ("log10", Dual::log10, 0.7),
        ("ln_1p", Dual::ln_1p, 0.7),
        ("sin", Dual::sin, 0.7),
        ("cos", Dual::cos, 0.7),
        ("tan", Dual::tan, 0.7),
        ("asin", Dual::asin, 0.7),
        ("acos", Dual::acos, 0.7),
        ("atan", Dual::atan, 0.7),
        ("sinh", Dual::sinh, 0.7),
        ("cosh", Dual::cosh, 0.7),
        ("tanh", Dual::tanh, 0.7),
        ("asinh", Dual::asinh, 0.7),
        ("acosh", Dual::acosh, 1.7),
        ("atanh", Dual::atanh, 0.7),
        ("abs", Dual::abs, -0.7),
        ("fract", Dual::fract, 1.7),
        ("floor", Dual::floor, 1.7),
        ("ceil", Dual::ceil, 1.7),
        ("round", Dual::round, 1.7),
        ("trunc", Dual::trunc, 1.7),
        ("signum", Dual::signum, -1.7),
        ("powi", |x| x.powi(-3), 0.7),
        ("x^1.5", |x| x.powf(Dual::new(1.5, 0.0)), 0.7),
        ("x^x", |x| x.powf(x), 0.7),
        ("log", |x| x.log(x + Dual::new(2.0, 0.0)), 0.7),
        ("rem", |x| x % (x * Dual::new(0.3, 0.0) - Dual::new(0.1, 0.0)), 1.7),
        ("hypot", |x| x.hypot(x * x), 0.7),
        ("atan2", |x| x.atan2(x * x), 0.7),
        ("mul_add", |x| x.mul_add(x, x), 0.7),
        ("max", |x| x.max(x * x).min(x + x).abs_sub(-x), 1.7),
    ];
    for (name, f, x) in functions {
        let h = 1e-6;
        let at = |x: f64| f(Dual::new(x, 0.0)).value();
        let difference = (at(x + h) - at(x - h)) / (2.0 * h);
        let found = f(Dual::new(x, 1.0)).derivative();
        assert!(near(found, difference, 1e-8), "{name}: {found}, differences give {difference}");
    }
}

#[test]
fn arithmetic() {
    let (a, da, b, db) = (numbers(&[4, 3], 1), numbers(&[4, 3], 2), numbers(&[3], 3) + 3.0, numbers(&[3], 4));
    let (x, y) = (dual(&a, &da), dual(&b, &db));
    assert_near("x + y", &(&x + &y), &(&a + &b), &(&da + &db));
    assert_near("x − y", &(&x - &y), &(&a - &b), &(&da - &db));
    assert_near("x · y", &(&x * &y), &(&a * &b), &(&da * &b + &a * &db));
    assert_near("x / y", &(&x / &y), &(&a / &b), &((&da - &a / &b * &db) / &b));
    assert_near("−x", &-&x, &-&a, &-&da);
    let two = Dual::new(2.0, 1.0);
    assert_near("x · 2", &(&x * two), &(&a * 2.0), &(&da * 2.0 + &a));
    let mut z = x.clone();
    z += &y;
    z /= two;
    let (v, d) = ((&a + &b) / 2.0, (&da + &db) / 2.0 - (&a + &b) / 4.0);
    assert_near("(x + y) / 2", &z, &v, &d);
    assert_near("tanh x", &x.map(Dual::tanh), &a.map(f64::tanh), &a.zip(&da, |a, d| (1.0 - a.tanh().powi(2)) * d));
    assert_eq!(x.greater(&y), a.greater(&b));
    assert_eq!(x.cast::<f64>(), a);
    assert_near("cast", &a.cast(), &a, &Tensor::zeros([4, 3]));
}

#[test]
fn views_and_reductions() {
    let (a, da) = (numbers(&[5, 40, 6], 1), numbers(&[5, 40, 6], 2));
    let x = dual(&a, &da);
    for axis in 0..3isize {
        assert_near("sum", &x.sum(axis), &a.sum(axis), &da.sum(axis));
        assert_near("mean", &x.mean(keep(axis)), &a.mean(keep(axis)), &da.mean(keep(axis)));
        assert_near("cumsum", &x.cumsum(axis), &a.cumsum(axis), &da.cumsum(axis));
        let softmax = (&a - &a.logsumexp(keep(axis))).map(f64::exp);
        assert_near("logsumexp", &x.logsumexp(axis), &a.logsumexp(axis), &(&softmax * &da).sum(axis));
        let n = a.shape()[axis as usize] as f64;
        let slope = (&a - &a.mean(keep(axis))) * (2.0 / n);
        assert_near("var", &x.var(axis, 0), &a.var(axis, 0), &(slope * &da).sum(axis));
        assert_eq!(x.argmax(axis), a.argmax(axis));
        let index = a.argmax(axis).unsqueeze(axis);
        assert_near("max", &x.max(keep(axis)), &a.max(keep(axis)), &da.gather(axis, &index));
        let index = Tensor::from_vec(vec![1usize, 3, 1], [3]).expect("fits");
        assert_near(
            "index_select",
            &x.index_select(1, &index),
            &a.index_select(1, &index),
            &da.index_select(1, &index),
        );
    }
    let part = |x: &Tensor<f64>| x.slice(slice![.., ..;-2, 1]).t().reshape([-1]);
    assert_near("slice", &x.slice(slice![.., ..;-2, 1]).t().reshape([-1]), &part(&a), &part(&da));
    let product = &a * 1e-2 + 1.0;
    let slope = (&da * 1e-2 / &product).sum(..) * product.prod(..);
    assert_near("prod", &(&x * Dual::new(1e-2, 0.0) + Dual::new(1.0, 0.0)).prod(..), &product.prod(..), &slope);
}

#[test]
fn products() {
    let (a, da, b, db) = (numbers(&[9, 70], 1), numbers(&[9, 70], 2), numbers(&[70, 11], 3), numbers(&[70, 11], 4));
    let (x, y) = (dual(&a, &da), dual(&b, &db));
    let derivative = da.matmul(&b) + a.matmul(&db);
    assert_near("x · y", &x.matmul(&y), &a.matmul(&b), &derivative);
    assert_near("yᵀ · xᵀ", &y.t().matmul(&x.t()), &a.matmul(&b).t(), &derivative.t());
}

/// The generic product, which `Dual` uses, against that of `f64` on both sides of its tiles' and panels' edges.
/// What is linear takes derivatives as it takes values; the largest element brings its derivative along.
#[test]
fn convolutions_and_their_relatives() {
    for (channels, outputs, groups) in [(3, 2, 1), (2, 2, 2), (300, 1, 1)] {
        let options = Conv::new().padding(1).stride([1, 2]).groups(groups);
        let [x, dx] = [1, 2].map(|seed| numbers(&[2, channels, 5, 6], seed));
        let [w, dw] = [3, 4].map(|seed| numbers(&[outputs, channels / groups, 3, 2], seed));
        let found = dual(&x, &dx).conv2d(&dual(&w, &dw), options);
        let slope = dx.conv2d(&w, options) + x.conv2d(&dw, options);
        assert_near("conv2d", &found, &x.conv2d(&w, options), &slope);
        let (g, dg) = (numbers(found.shape(), 5), numbers(found.shape(), 6));
        let slope = dg.conv_transpose2d(&w, options) + g.conv_transpose2d(&dw, options);
        let found = dual(&g, &dg).conv_transpose2d(&dual(&w, &dw), options);
        assert_near("conv_transpose2d", &found, &g.conv_transpose2d(&w, options), &slope);
    }
    let [x, dx] = [7, 8].map(|seed| numbers(&[2, 3, 4, 5], seed));
    let both = dual(&x, &dx);
    assert_near("avg_pool2d", &both.avg_pool2d(2), &x.avg_pool2d(2), &dx.avg_pool2d(2));
    let to = Upsample::size([7, 3]);
    let slope = dx.upsample_bilinear2d(to);
    assert_near("upsample_bilinear2d", &both.upsample_bilinear2d(to), &x.upsample_bilinear2d(to), &slope);
    let widths = [(1, -1), (2, 0)];
    let reflected = |x: &Tensor<f64>| x.pad(&widths, PadMode::Reflect);
    assert_near("pad", &both.pad(&widths, PadMode::Reflect), &reflected(&x), &reflected(&dx));
    let found = both.max_pool2d(Pool::new(2).stride(1).padding([(0, 1), (1, 0)]));
    for (y, near) in found.iter().zip(&x.max_pool2d(Pool::new(2).stride(1).padding([(0, 1), (1, 0)]))) {
        let place = x.iter().position(|x| x == near).expect("one of the elements");
        assert_eq!((y.value(), y.derivative()), (*near, dx.to_vec()[place]));
    }
}

#[test]
fn the_portable_product_agrees_with_the_specialised_one() {
    let mut shapes = vec![];
    for m in [1, 3, 4, 5, 8, 9] {
        for n in [1, 7, 8, 9, 16, 17] {
            shapes.extend([1, 2, 33].map(|k| [m, k, n]));
        }
    }
    shapes.extend([
        [5, 255, 9],
        [5, 256, 9],
        [5, 257, 9],
        [3, 513, 7],
        [0, 3, 2],
        [2, 0, 3],
        [130, 90, 70],
        [1, 600, 1],
    ]);
    for [m, k, n] in shapes {
        let (a, b) = (numbers(&[m, k], m), numbers(&[k, n], n));
        let expected = a.matmul(&b);
        let nothing = |x: &Tensor<f64>| Tensor::zeros(x.shape());
        let (x, y) = (dual(&a, &nothing(&a)), dual(&b, &nothing(&b)));
        let stored_backwards = |x: &Tensor<Dual>| x.t().flip(0).to_contiguous().flip(0).t();
        for (x, y) in [(x.clone(), y.clone()), (stored_backwards(&x), y.clone()), (x.clone(), stored_backwards(&y))] {
            assert_near(&format!("[{m}, {k}] × [{k}, {n}]"), &x.matmul(&y), &expected, &nothing(&expected));
        }
    }
}

#[test]
fn portable_products_of_batches_and_of_nan() {
    let (a, b) = (numbers(&[6, 5, 4], 1), numbers(&[6, 4, 7], 2));
    let zeros = |x: &Tensor<f64>| Tensor::zeros(x.shape());
    let expected = a.matmul(&b);
    assert_near("batch", &dual(&a, &zeros(&a)).matmul(&dual(&b, &zeros(&b))), &expected, &zeros(&expected));
    let (mut x, y) = (Tensor::<Dual>::zeros([5, 300]), Tensor::<Dual>::zeros([300, 9]));
    x[[4, 299]] = Dual::nan();
    assert_eq!(x.matmul(&y).is_nan().to_float::<f64>().sum(1).to_vec(), [0.0, 0.0, 0.0, 0.0, 9.0]);
}
