//! Dual numbers: forward mode, and exact products with the Hessian by a backward sweep over them, through nets whose code knows
//! nothing of it.

#[path = "support/compare.rs"]
mod compare;
#[path = "support/differences.rs"]
mod differences;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/sweeps.rs"]
mod sweeps;

use compare::near;
use differences::Numbers;
use num_traits::Float as _;
use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::{Linear, Module, Path, Relu, Sequential, TwoLayerNet};
use rensa::ops::{Specimen, registry};
use rensa::scalar::Dual;
use rensa::{Conv, Float, PadMode, Param, Pool, Reduction, Tape, Tensor, Upsample, Var, keep, slice, tensor};
use sweeps::{hessian_times, swept, weights};

/// Numbers between −1 and 1, no two sums of which round alike.
fn numbers(shape: &[usize], seed: usize) -> Tensor<f64> {
    let len = shape.iter().product::<usize>();
    let data = (0..len).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f64 / 1001.0 - 1.0);
    Tensor::from_vec(data.collect(), shape).expect("as many as the shape holds")
}

fn assert_close(what: &str, found: &Tensor<f64>, expected: &Tensor<f64>) {
    assert!(found.shape() == expected.shape(), "{what}: {:?}, expected {:?}", found.shape(), expected.shape());
    for (&x, &y) in found.iter().zip(expected) {
        assert!(near(x, y, 1e-12), "{what}: {x:e}, expected {y:e}, in\n{found}\nexpected\n{expected}");
    }
}

fn assert_near(what: &str, found: &Tensor<Dual<f64>>, values: &Tensor<f64>, derivatives: &Tensor<f64>) {
    assert_close(what, &found.values(), values);
    assert_close(&format!("derivative of {what}"), &found.derivatives(), derivatives);
}

// ---- single numbers ----------------------------------------------------------------------------------------------------

type Function<F> = fn(Dual<F>) -> Dual<F>;

/// Every function of the trait, and a place to try it at.
fn functions<F: Float>() -> Vec<(&'static str, Function<F>, f64)> {
    fn c<F: Float>(x: f64) -> Dual<F> {
        Dual::of(x)
    }
    vec![
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
        ("sin + cos", |x| x.sin_cos().0 + x.sin_cos().1, 0.7),
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
        ("powi 0", |x| x.powi(0), 0.7),
        ("x^1.5", |x| x.powf(c(1.5)), 0.7),
        ("1.5^x", |x| c(1.5).powf(x), 0.7),
        ("x^x", |x| x.powf(x), 0.7),
        ("log", |x| x.log(x + c(2.0)), 0.7),
        ("rem", |x| x % (x * c(0.3) - c(0.1)), 1.7),
        ("hypot", |x| x.hypot(x * x), 0.7),
        ("atan2", |x| x.atan2(x * x), 0.7),
        ("mul_add", |x| x.mul_add(x, x), 0.7),
        ("div", |x| (x + c(1.0)) / (x * x - c(3.0)), 0.7),
        ("max", |x| x.max(x * x), 1.7),
        ("min", |x| x.min(x * x), 1.7),
        ("abs_sub", |x| x.abs_sub(-x * x), 1.7),
        ("maximum", |x| x.maximum(x * x), 0.7),
        ("minimum", |x| x.minimum(x * x), 0.7),
        ("if_positive", |x| (x - c(0.5)).if_positive(x * x, x), 0.7),
    ]
}

#[test]
fn derivatives_of_the_scalar_functions_agree_with_differences() {
    for (name, f, x) in functions::<f64>() {
        let expected = differences::slope(|h| f(Dual::constant(x + h)).value());
        let found = f(Dual::variable(x)).derivative();
        assert!(near(found, expected, 1e-9), "{name}: {found}, differences give {expected}");
    }
}

#[test]
fn second_derivatives_come_from_dual_numbers_of_dual_numbers() {
    let once = functions::<f64>();
    for ((name, twice, x), (_, f, _)) in functions::<Dual<f64>>().into_iter().zip(once) {
        let expected = differences::slope(|h| f(Dual::variable(x + h)).derivative());
        let found = twice(Dual::variable(Dual::variable(x)));
        assert!(
            near(found.derivative().derivative(), expected, 1e-8),
            "{name}: {found:?}, differences give {expected}"
        );
        assert_eq!(found.value().derivative(), found.derivative().value(), "{name}");
    }
}

#[test]
fn a_derivative_of_zero_stays_zero_where_the_slope_is_infinite() {
    let zero = Dual::constant(0.0_f64);
    for y in [zero.sqrt(), zero.cbrt(), zero.ln(), zero.powf(Dual::of(0.5)), zero.hypot(zero), Dual::of(1.0).asin()] {
        assert_eq!(y.derivative(), 0.0, "{y:?}");
    }
    assert_eq!(zero.powf(Dual::variable(2.0)).derivative(), 0.0);
    assert_eq!(Dual::variable(0.0_f64).sqrt().derivative(), f64::INFINITY);
}

#[test]
fn nan_and_ties_are_those_of_the_values() {
    let (nan, one) = (Dual::<f64>::nan(), Dual::new(1.0, 5.0));
    assert!(
        nan.maximum(one).is_nan()
            && one.maximum(nan).is_nan()
            && nan.minimum(one).is_nan()
            && one.minimum(nan).is_nan()
    );
    assert!(nan.max(one) == one && one.max(nan) == one && one.min(nan) == one);
    assert_eq!(nan.if_positive(one, Dual::of(2.0)).value(), 2.0);
    assert_eq!(one.maximum(Dual::new(1.0, 7.0)).derivative(), 7.0); // of equal ones the second, as of f64
    assert_eq!(Dual::new(0.0, 1.0).maximum(Dual::of(0.0)).derivative(), 0.0); // so that relu is flat at 0
    assert_eq!(Dual::variable(0.0).abs().derivative(), 0.0);
}

// ---- tensors -----------------------------------------------------------------------------------------------------------

#[test]
fn arithmetic() {
    let (a, da, b, db) = (numbers(&[4, 3], 1), numbers(&[4, 3], 2), numbers(&[3], 3) + 3.0, numbers(&[3], 4));
    let (x, y) = (Tensor::dual(&a, &da), Tensor::dual(&b, &db));
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
    let x = Tensor::dual(&a, &da);
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
    }
    let part = |x: &Tensor<f64>| x.slice(slice![.., ..;-2, 1]).t().reshape([-1]);
    assert_near("slice", &x.slice(slice![.., ..;-2, 1]).t().reshape([-1]), &part(&a), &part(&da));
    let product = &a * 1e-2 + 1.0;
    let slope = (&da * 1e-2 / &product).sum(..) * product.prod(..);
    assert_near("prod", &(&x * Dual::of(1e-2) + Dual::of(1.0)).prod(..), &product.prod(..), &slope);
}

/// Equal elements may differ in their derivatives, and each counts.
#[test]
fn ties_lose_no_derivative() {
    let x = Tensor::dual(&tensor![3.0, 1.0, 3.0, 3.0], &tensor![0.1, 0.2, 0.4, 0.8]);
    let p = x.values().softmax(0);
    let inner = (&p * x.derivatives()).sum(..);
    assert_near("logsumexp", &x.logsumexp(0), &x.values().logsumexp(0), &inner);
    assert_near("log_softmax", &x.log_softmax(0), &x.values().log_softmax(0), &(x.derivatives() - &inner));
    assert_near("softmax", &x.softmax(0), &p, &(&p * (x.derivatives() - &inner)));
    let tape = Tape::new();
    let loss = tape.constant(x.unsqueeze(0)).cross_entropy(&tensor![2_usize], Reduction::Mean);
    assert!(near(loss.item().derivative(), inner.item() - 0.4, 1e-12), "{:?}", loss.item());
}

#[test]
fn products() {
    let (a, da, b, db) = (numbers(&[9, 70], 1), numbers(&[9, 70], 2), numbers(&[70, 11], 3), numbers(&[70, 11], 4));
    let (x, y) = (Tensor::dual(&a, &da), Tensor::dual(&b, &db));
    let derivative = da.matmul(&b) + a.matmul(&db);
    assert_near("x · y", &x.matmul(&y), &a.matmul(&b), &derivative);
    assert_near("yᵀ · xᵀ", &y.t().matmul(&x.t()), &a.matmul(&b).t(), &derivative.t());
    let part = |x: &Tensor<f64>| x.slice(slice![..;-2, ..;3]);
    let (value, slope) =
        (part(&a).t().matmul(&part(&a)), part(&da).t().matmul(&part(&a)) + part(&a).t().matmul(&part(&da)));
    let x = x.slice(slice![..;-2, ..;3]);
    assert_near("steps", &x.t().matmul(&x), &value, &slope);
    // Of dual numbers of dual numbers: A + A'ε₁ + B'ε₂ + B''ε₁ε₂, squared.
    let [a, b, c, d] = [1, 2, 3, 4].map(|seed| numbers(&[6, 6], seed));
    let z = Tensor::dual(&Tensor::dual(&a, &b), &Tensor::dual(&c, &d));
    let square = z.matmul(&z);
    assert_near("inner", &square.values(), &a.matmul(&a), &(a.matmul(&b) + b.matmul(&a)));
    let mixed = a.matmul(&d) + d.matmul(&a) + b.matmul(&c) + c.matmul(&b);
    assert_near("outer", &square.derivatives(), &(a.matmul(&c) + c.matmul(&a)), &mixed);
    // Sizes that have no element, and one.
    assert_near(
        "none",
        &Tensor::<Dual<f64>>::ones([2, 0]).matmul(&Tensor::ones([0, 3])),
        &Tensor::zeros([2, 3]),
        &Tensor::zeros([2, 3]),
    );
    assert_near(
        "one",
        &tensor![[Dual::new(2.0, 3.0)]].matmul(&tensor![[Dual::new(5.0, 7.0)]]),
        &tensor![[10.0]],
        &tensor![[29.0]],
    );
}

#[test]
fn trap_23_zero_times_nan_stays_nan_in_products_of_dual_numbers() {
    let (mut x, y) = (Tensor::<Dual<f64>>::zeros([5, 300]), Tensor::<Dual<f64>>::zeros([300, 9]));
    x[[4, 299]] = Dual::nan();
    assert_eq!(x.matmul(&y).is_nan().to_float::<f64>().sum(1).to_vec(), [0.0, 0.0, 0.0, 0.0, 9.0]);
}

#[test]
fn constructors_and_printing() {
    let of = Dual::<f64>::of;
    assert_near(
        "arange",
        &Tensor::arange(of(0.0), of(1.0), of(0.25)),
        &tensor![0.0, 0.25, 0.5, 0.75],
        &Tensor::zeros([4]),
    );
    let (x, y) = (Dual::new(1.0, 1.0), Dual::new(3.0, -1.0));
    assert_near("linspace", &Tensor::linspace(x, y, 3), &tensor![1.0, 2.0, 3.0], &tensor![1.0, 0.0, -1.0]);
    let rng = || StdRng::seed_from_u64(5);
    let (drawn, plain) =
        (Tensor::uniform([40], of(-1.0), of(2.0), &mut rng()), Tensor::uniform([40], -1.0, 2.0, &mut rng()));
    assert_near("uniform", &drawn, &plain, &Tensor::zeros([40]));
    let drawn = Tensor::normal([40], of(1.0), Dual::new(2.0, 1.0), &mut rng());
    let noise = Tensor::normal([40], 0.0, 1.0, &mut rng());
    assert_near("normal", &drawn, &(&noise * 2.0 + 1.0), &noise);
    assert_eq!(Dual::new(1.5, -2.0).to_string(), "1.5-2ε");
    assert_eq!(format!("{:.2}", Dual::new(1.0, 0.5)), "1.00+0.50ε");
    assert_eq!(Dual::new(Dual::new(1.0, 2.0), Dual::new(3.0, -4.0)).to_string(), "1+2ε+(3-4ε)ε");
    assert_eq!(tensor![Dual::new(1.0, 10.0), Dual::new(-0.25, 0.0)].to_string(), "[   1+10ε -0.25+0ε]");
}

// ---- forward over reverse ----------------------------------------------------------------------------------------------

/// The derivative of the output along a direction is that of the gradient, and the derivative of the gradient is that which the recorded
/// gradient has, where it is a number.
fn check_op(specimen: &Specimen<f64>, dual: &Specimen<Dual<f64>>, xs: &[Tensor<f64>], seed: u64) {
    let u: Vec<_> = xs.iter().map(|x| Numbers(seed).direction(x.shape())).collect();
    let w = weights(specimen, xs);
    let (first, second) = (swept(specimen, &w, xs), hessian_times(specimen, &w, xs, &u));
    let duals: Vec<_> = xs.iter().zip(&u).map(|(x, u)| Tensor::dual(x, u)).collect();
    let found = swept(dual, &w, &duals);

    let what = format!("{} at {xs:?}", specimen.name);
    assert_close(&what, &found[0].values(), &first[0]);
    let slopes = first[1..].iter().zip(&u).filter(|(g, _)| !g.is_empty());
    let (along, size) = slopes.fold((0.0, 1.0), |(along, size), (g, u)| {
        (along + (g * u).sum(..).item(), size + (g * u).abs().sum(..).item())
    });
    let slope = (found[0].derivatives() * &w).sum(..).item();
    assert!((slope - along).abs() <= 1e-12 * size, "{what}: {slope}, expected {along}");
    for ((found, first), second) in found[1..].iter().zip(&first[1..]).zip(&second) {
        assert_close(&what, &found.values(), first);
        if !found.is_empty() && second.iter().all(|x| x.is_finite()) {
            assert_close(&format!("second order of {what}"), &found.derivatives(), second);
        }
    }
}

#[test]
fn hessian_vector_products_of_every_op_agree_with_gradients_of_gradients() {
    for seed in 0..4 {
        for (specimen, dual) in registry::<f64>().into_iter().zip(registry::<Dual<f64>>()) {
            for case in &specimen.cases {
                check_op(&specimen, &dual, &specimen.draw(case, seed), seed);
            }
        }
    }
}

/// Where the tape shares a gradient among ties, a dual number, which is of one branch, has the derivative of one of them. At 0 and 1 the
/// tape's derivative of `bce` is the bounded one of its docs, and at a target of 0 that of `kl_div`, by the target, is 0 by convention.
const APART: [&str; 7] = ["bce,", "kl_div", "max", "min", "maximum", "minimum", "vector_norm of order infinity"];

/// At 0 and of equal elements, where a function is often put together from two sides.
#[test]
fn derivatives_at_zero_and_of_equal_elements_are_those_of_the_tape() {
    for (specimen, dual) in registry::<f64>().into_iter().zip(registry::<Dual<f64>>()) {
        let apart = APART.iter().any(|op| specimen.name.strip_prefix(op).is_some_and(|rest| !rest.starts_with('_')));
        for (case, value) in specimen.cases.iter().flat_map(|case| [(case, 0.0), (case, 0.5)]) {
            let xs: Vec<_> = case.iter().map(|shape| Tensor::full(&shape[..], value)).collect();
            let finite = swept(&specimen, &weights(&specimen, &xs), &xs).iter().flatten().all(|x| x.is_finite());
            if finite && !apart {
                check_op(&specimen, &dual, &xs, 7);
            }
        }
    }
}

/// A parameter that differs from what is on the tape in its derivative alone has changed.
#[test]
fn a_parameter_with_another_derivative_is_another_value() {
    let tape = Tape::new();
    let mut w = Param::new(tensor![Dual::variable(2.0)]);
    let first = tape.param(&w);
    w.value = tensor![Dual::constant(2.0)];
    assert_eq!((first.item().derivative(), tape.param(&w).item().derivative()), (1.0, 0.0));
}

/// A gradient that is 0 may have a derivative that is not: sin² where the sine is 0.
#[test]
fn a_gradient_of_zero_keeps_its_derivative() {
    let tape = Tape::new();
    let x = tape.leaf(tensor![Dual::new(0.0, 1.0)]);
    let y = x.sin();
    let gradient = &(y * y).sum(..).backward()[x];
    assert_near("2 sin x cos x", gradient, &tensor![0.0], &tensor![2.0]);
}

/// The value and the direction of every parameter, by name, put into a net of dual numbers.
fn along<M: Module<Dual<f64>>>(
    net: &dyn Module<f64>,
    mut dual: M,
    direction: impl Fn(&str, &[usize]) -> Tensor<f64>,
) -> M {
    let values = net.state().tensors;
    dual.visit_mut(&Path::ROOT, &mut |path, param| {
        let name = path.to_string();
        param.value = Tensor::dual(&values[&name], &direction(&name, param.value.shape()));
    });
    dual
}

/// The loss of a net, on a tape.
type Loss<M, T> = for<'t> fn(&M, &'t Tape<T>) -> Var<'t, T>;

/// Gradient and Hessian-vector product of `loss`, by parameter: on dual numbers, and by differentiating the gradient.
fn check_net<M: Module<f64>, D: Module<Dual<f64>>>(
    net: &M,
    dual: D,
    loss: Loss<M, f64>,
    dual_loss: Loss<D, Dual<f64>>,
) {
    let direction = |name: &str, shape: &[usize]| numbers(shape, name.len() * 7 + name.as_bytes()[0] as usize);
    let dual = along(net, dual, direction);
    let tape = Tape::new();
    let swept = dual_loss(&dual, &tape).backward();

    let tape = Tape::new();
    let value = loss(net, &tape);
    let (mut slope, mut count) = (tape.scalar(0.0), 0);
    net.visit(&Path::ROOT, &mut |path, param| {
        let [g] = value.grad([tape.param(param)]).expect("the loss depends on it");
        slope = slope + (g * tape.constant(direction(&path.to_string(), param.value.shape()))).sum(..);
    });
    let (first, second) = (value.backward(), slope.backward());
    let mut found = std::collections::BTreeMap::new();
    dual.visit(&Path::ROOT, &mut |path, param| drop(found.insert(path.to_string(), swept[param].clone())));
    net.visit(&Path::ROOT, &mut |path, param| {
        let name = path.to_string();
        let expected = second.get(param).cloned().unwrap_or_else(|_| Tensor::zeros(param.value.shape()));
        assert!(expected.iter().any(|h| h.abs() > 1e-3), "{name}: the product is 0, and so is the check");
        assert_near(&name, &found[&name], &first[param], &expected);
        count += 1;
    });
    assert_eq!(count, 4);
}

fn some_inputs<T: Float>() -> (Tensor<T>, Tensor<usize>) {
    (numbers(&[7, 12], 1).cast(), Tensor::from_fn([7], |i| (3 * i[0] + 1) % 5))
}

fn two_layer_loss<'t, T: Float>(net: &TwoLayerNet<T>, tape: &'t Tape<T>) -> Var<'t, T> {
    let (x, labels) = some_inputs();
    net.loss(tape.constant(x), &labels)
}

#[test]
fn the_hessian_vector_product_of_the_two_layer_net() {
    let mut net = TwoLayerNet::<f64>::init(12, 8, 5, &mut StdRng::seed_from_u64(1));
    (net.w1.value, net.w2.value) = (numbers(&[12, 8], 5), numbers(&[8, 5], 6));
    check_net(&net, net.cast(), two_layer_loss, two_layer_loss);
}

fn parts<T: Float>() -> Sequential<T> {
    let rng = &mut StdRng::seed_from_u64(2);
    let net = Sequential::new().with(Linear::init(12, 9, rng)).with_fn(|x| x.gelu());
    net.with(Linear::init(9, 5, rng)).with(Relu)
}

fn loss_of_parts<'t, T: Float>(net: &Sequential<T>, tape: &'t Tape<T>) -> Var<'t, T> {
    let (x, labels) = some_inputs();
    net.forward(tape.constant(x)).cross_entropy(&labels, Reduction::Mean)
}

#[test]
fn the_hessian_vector_product_of_a_net_from_parts() {
    check_net(&parts(), parts(), loss_of_parts, loss_of_parts);
}

/// What is linear takes derivatives as it takes values; the largest element brings its derivative along.
#[test]
fn convolutions_and_their_relatives() {
    for (channels, outputs, groups) in [(3, 2, 1), (2, 2, 2), (300, 1, 1)] {
        let options = Conv::new().padding(1).stride([1, 2]).groups(groups);
        let [x, dx] = [1, 2].map(|seed| numbers(&[2, channels, 5, 6], seed));
        let [w, dw] = [3, 4].map(|seed| numbers(&[outputs, channels / groups, 3, 2], seed));
        let found = Tensor::dual(&x, &dx).conv2d(&Tensor::dual(&w, &dw), options);
        let slope = dx.conv2d(&w, options) + x.conv2d(&dw, options);
        assert_near("conv2d", &found, &x.conv2d(&w, options), &slope);
        let (g, dg) = (numbers(found.shape(), 5), numbers(found.shape(), 6));
        let slope = dg.conv_transpose2d(&w, options) + g.conv_transpose2d(&dw, options);
        let found = Tensor::dual(&g, &dg).conv_transpose2d(&Tensor::dual(&w, &dw), options);
        assert_near("conv_transpose2d", &found, &g.conv_transpose2d(&w, options), &slope);
    }
    let [x, dx] = [7, 8].map(|seed| numbers(&[2, 3, 4, 5], seed));
    let both = Tensor::dual(&x, &dx);
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
