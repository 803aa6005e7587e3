//! Derivatives of functions: gradient, products with the Jacobian and the Hessian, and these matrices, against formulas and against
//! each other; and that none is ever a zero that is not true.

#[path = "support/close.rs"]
mod close;
#[path = "support/differences.rs"]
mod differences;
#[path = "support/odd.rs"]
mod odd;
#[path = "support/panics.rs"]
mod panics;

use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use close::assert_close;
use differences::{Numbers, compare, dot, inputs, moved, size, slope, value};
use odd::{ODD, lay};
use panics::panic_of;
use rensa::functional::{grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp};
use rensa::ops::{Specimen, registry};
use rensa::scalar::Dual;
use rensa::{Float, NoGradient, Op, Pullback, Reason, Reduction, Tape, Tensor, Var, keep, tensor};

/// `Σ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²`. Source: Rosenbrock, "An Automatic Method for Finding the Greatest or Least Value of a
/// Function" (1960).
fn rosenbrock<T: Float>(x: Var<'_, T>) -> Var<'_, T> {
    let n = x.shape()[0];
    let (a, b) = (x.narrow(0, 0, n - 1), x.narrow(0, 1, n - 1));
    ((b - a * a).powi(2) * T::of(100.0) + (-a + T::one()).powi(2)).sum(..)
}

/// Its value, gradient and Hessian, differentiated by hand.
fn rosenbrock_by_hand(x: &[f64]) -> (f64, Tensor<f64>, Tensor<f64>) {
    let n = x.len();
    let (mut f, mut g, mut h) = (0.0, Tensor::zeros([n]), Tensor::zeros([n, n]));
    for i in 0..n - 1 {
        let (a, b) = (x[i], x[i + 1]);
        f += 100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2);
        g[[i]] += -400.0 * a * (b - a * a) - 2.0 * (1.0 - a);
        g[[i + 1]] += 200.0 * (b - a * a);
        h[[i, i]] += 1200.0 * a * a - 400.0 * b + 2.0;
        h[[i + 1, i + 1]] += 200.0;
        h[[i, i + 1]] -= 400.0 * a;
        h[[i + 1, i]] -= 400.0 * a;
    }
    (f, g, h)
}

#[test]
fn rosenbrocks_value_gradient_and_hessian_equal_their_formulas() {
    let mut numbers = Numbers(1);
    let points = [2, 10].map(|n| differences::tensor(&[n], || 4.0 * numbers.next() - 2.0));
    for at in [tensor![-1.2, 1.0], tensor![1.0, 1.0]].iter().chain(&points) {
        let (f, g, h) = rosenbrock_by_hand(&at.to_vec());
        let (value, [gradient]) = value_and_grad(|[x]| rosenbrock(x), [at]).expect("it depends on x");
        let [[found]] = hessian(|[x]| rosenbrock(x), [at]).expect("it depends on x");
        assert_close(&Tensor::scalar(value), &Tensor::scalar(f), 1e-12);
        assert_close(&gradient, &g, 1e-12);
        assert_close(&found, &h, 1e-12);
        assert_close(&found, &found.t(), 1e-15);
        assert_eq!(grad(|[x]| rosenbrock(x), [at]), Ok([gradient]));

        let v = numbers.direction(at.shape());
        let (value, [product]) = hvp(|[x]| rosenbrock(x), [at], [&v]).expect("it depends on x");
        assert_close(&Tensor::scalar(value), &Tensor::scalar(f), 1e-12);
        assert_close(&product, &h.matmul(&v), 1e-12);
    }
}

// ---- Jacobians and Hessians against formulas ---------------------------------------------------------------------------

/// `y ∂/∂x` of `y = a · b`: `∂yᵢⱼ/∂aₖₗ = δᵢₖ bₗⱼ` and `∂yᵢⱼ/∂bₖₗ = aᵢₖ δⱼₗ`.
#[test]
fn the_jacobian_of_a_matrix_product_equals_its_formula() {
    let mut numbers = Numbers(2);
    let delta = |i, j| f64::from(i == j);
    // Of [1, 3] · [3, 2] the columns are more than the rows; of [3, 1] · [1, 4] fewer.
    for [m, k, n] in [[1, 3, 2], [3, 1, 4], [2, 3, 2]] {
        let (a, b) = (numbers.direction(&[m, k]), numbers.direction(&[k, n]));
        let [ja, jb] = jacobian(|[a, b]| a.matmul(b), [&a, &b]).expect("it depends on both");
        assert_close(&ja, &Tensor::from_fn([m, n, m, k], |i| delta(i[0], i[2]) * b[[i[3], i[1]]]), 1e-15);
        assert_close(&jb, &Tensor::from_fn([m, n, k, n], |i| delta(i[1], i[3]) * a[[i[0], i[2]]]), 1e-15);
    }
}

/// The identity, and its own adjoint, which counts how often a gradient passes it.
#[derive(Clone, Debug)]
struct Counted(Arc<AtomicUsize>);

impl Op<f64> for Counted {
    fn name(&self) -> &'static str {
        "counted"
    }
    fn forward(&mut self, xs: &[&Tensor<f64>]) -> Tensor<f64> {
        xs[0].clone()
    }
    fn vjp<'t>(&self, p: &mut Pullback<'t, f64>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let g = p.g;
        p.accum(0, || Var::apply(self.clone(), &[g]));
    }
}

#[test]
fn a_jacobian_takes_a_sweep_for_each_row_or_for_each_column_whichever_are_fewer() {
    // By columns there is one sweep more: that which is transposed.
    for (inputs, outputs, sweeps) in [(6, 1, 1), (1, 6, 2), (4, 4, 4), (2, 5, 3)] {
        let op = Counted(Arc::default());
        let [j] = jacobian(
            |[x]| Var::apply(op.clone(), &[x]).sum(keep(..)).broadcast_to([outputs]),
            [&Tensor::full([inputs], 0.5)],
        )
        .expect("it depends on x");
        assert_eq!(j, Tensor::ones([outputs, inputs]));
        assert_eq!(op.0.load(Ordering::Relaxed), sweeps, "of {outputs} by {inputs}");
    }
}

fn diagonal(x: &Tensor<f64>) -> Tensor<f64> {
    Tensor::eye(x.len()) * x
}

/// `a bᵀ`.
fn outer(a: &Tensor<f64>, b: &Tensor<f64>) -> Tensor<f64> {
    a.unsqueeze(1).matmul(&b.unsqueeze(0))
}

#[test]
fn jacobian_of_softmax_and_hessian_of_logsumexp_are_diag_y_minus_y_yt() {
    let x = tensor![0.3, -1.2, 2.0, 0.7];
    let y = x.softmax(-1);
    let expected = diagonal(&y) - outer(&y, &y);
    let [j] = jacobian(|[x]| x.softmax(-1), [&x]).expect("it depends on x");
    let [[h]] = hessian(|[x]| x.logsumexp(..), [&x]).expect("it depends on x");
    assert_close(&j, &expected, 1e-15);
    assert_close(&h, &expected, 1e-15);
}

/// `H[(c,j), (d,k)] = 1/n Σᵢ pᵢ꜀ (δ꜀d − pᵢd) xᵢⱼ xᵢₖ` for logits `x Wᵀ`. Source: Bishop, Pattern Recognition and Machine
/// Learning (2006), equation 4.110.
#[test]
fn the_hessian_of_softmax_regression_equals_its_formula() {
    let mut numbers = Numbers(3);
    let (x, w, classes) = (numbers.direction(&[5, 2]), numbers.direction(&[3, 2]), tensor![0_usize, 2, 1, 1, 0]);
    let p = x.matmul(&w.t()).softmax(-1);
    let term = |i: &[usize], row: usize| {
        let (pc, pd, delta) = (p[[row, i[0]]], p[[row, i[2]]], f64::from(i[0] == i[2]));
        pc * (delta - pd) * x[[row, i[1]]] * x[[row, i[3]]]
    };
    let expected = Tensor::from_fn([3, 2, 3, 2], |i| (0..5).map(|row| term(i, row)).sum::<f64>() / 5.0);
    let [[h]] =
        hessian(|[w]| w.tape().constant(x.clone()).matmul(w.t()).cross_entropy(&classes, Reduction::Mean), [&w])
            .expect("it depends on w");
    assert_close(&h, &expected, 1e-14);
}

/// `f(A, x) = xᵀ A x`: `H_xx = A + Aᵀ`, `H_AA = 0`, and `∂²f/∂Aᵢⱼ∂xₖ = δᵢₖ xⱼ + xᵢ δⱼₖ`.
#[test]
fn a_function_of_two_inputs_has_cross_blocks_and_their_transposes() {
    let mut numbers = Numbers(4);
    let (a, x) = (numbers.direction(&[3, 3]), numbers.direction(&[3]));
    let f = |[a, x]: [&Tensor<f64>; 2]| hessian(|[a, x]| x.matmul(a).matmul(x), [a, x]).expect("it depends on both");
    let [[aa, ax], [xa, xx]] = f([&a, &x]);
    let delta = |i, j| f64::from(i == j);
    let cross = Tensor::from_fn([3, 3, 3], |i| delta(i[0], i[2]) * x[[i[1]]] + x[[i[0]]] * delta(i[1], i[2]));
    assert_close(&xx, &(&a + &a.t()), 1e-15);
    assert_close(&aa, &Tensor::zeros([3, 3, 3, 3]), 0.0);
    assert_close(&ax, &cross, 1e-15);
    assert_close(&xa, &cross.permute(&[2, 0, 1]), 1e-15);

    let (va, vx) = (numbers.direction(&[3, 3]), numbers.direction(&[3]));
    let (_, [ha, hx]) = hvp(|[a, x]| x.matmul(a).matmul(x), [&a, &x], [&va, &vx]).expect("it depends on both");
    assert_close(&ha, &(outer(&vx, &x) + outer(&x, &vx)), 1e-15);
    assert_close(&hx, &((&va + &va.t()).matmul(&x) + (&a + &a.t()).matmul(&vx)), 1e-14);
}

// ---- against each other ------------------------------------------------------------------------------------------------

/// What must hold for every function of `N` inputs, differentiable at `xs`; false where it has an input without a gradient.
fn agree<const N: usize>(
    specimen: &Specimen<f64>,
    xs: [&Tensor<f64>; N],
    numbers: &mut Numbers,
) -> Result<bool, String> {
    let given: Vec<Tensor<f64>> = xs.iter().map(|&x| x.clone()).collect();
    let y = value(specimen, &given);
    let v = numbers.direction(y.shape());
    let u: Vec<Tensor<f64>> = xs.iter().map(|x| numbers.direction(x.shape())).collect();
    let along: [&Tensor<f64>; N] = std::array::from_fn(|i| &u[i]);

    let pulled = vjp(|xs| (specimen.apply)(&xs), xs, &v);
    let pushed = jvp(|xs| (specimen.apply)(&xs), xs, along);
    let matrix = jacobian(|xs| (specimen.apply)(&xs), xs);
    let (Ok((y1, pulled)), Ok((y2, pushed)), Ok(matrix)) = (&pulled, &pushed, &matrix) else {
        let absent = [pulled.is_err(), pushed.is_err(), matrix.is_err()];
        return if absent == [true; 3] { Ok(false) } else { Err(format!("which are absent: {absent:?}")) };
    };
    let near = 1e-12 * size(pulled, &u);
    compare(&y1.to_vec(), &y.to_vec(), 0.0).and(compare(&y2.to_vec(), &y.to_vec(), 0.0))?;
    // ⟨v, J u⟩ = ⟨Jᵀ v, u⟩, and the derivative along u is that of differences.
    let both = [dot(from_ref(&v), from_ref(pushed)), dot(pulled, &u)];
    compare(&both[..1], &both[1..], near).map_err(|e| format!("inner product: {e}"))?;
    let step = |h: f64| dot(&[value(specimen, &moved(&given, &u, h))], from_ref(&v));
    compare(&both[..1], &[slope(step)], 1e-8 * size(pulled, &u).max(step(0.0).abs()))?;
    // J u and Jᵀ v by the matrix itself.
    let mut by_matrix = Tensor::zeros([y.len(), 1]);
    for ((j, x), (u, pulled)) in matrix.iter().zip(&given).zip(u.iter().zip(pulled)) {
        let shape: Vec<usize> = y.shape().iter().chain(x.shape().iter()).copied().collect();
        assert_eq!(j.shape()[..], shape[..], "the Jacobian's shape");
        let j = j.reshape([y.len(), x.len()]);
        by_matrix = by_matrix + j.matmul(&u.reshape([x.len(), 1]));
        compare(&v.reshape([1, y.len()]).matmul(&j).to_vec(), &pulled.to_vec(), near)
            .map_err(|e| format!("vJ: {e}"))?;
    }
    compare(&by_matrix.to_vec(), &pushed.to_vec(), near).map_err(|e| format!("Ju: {e}"))?;
    Ok(true)
}

/// For every op of the registry: so no rule is anything but linear in the gradient that arrives, which `jvp` stands on.
#[test]
fn vjp_jvp_jacobian_and_differences_agree_for_every_op() {
    let (mut numbers, mut wrong, mut absent) = (Numbers(5), Vec::new(), Vec::new());
    for specimen in registry::<f64>() {
        for case in &specimen.cases {
            let xs = inputs(&specimen, case, &mut numbers);
            let outcome = match &xs[..] {
                [a] => agree(&specimen, [a], &mut numbers),
                [a, b] => agree(&specimen, [a, b], &mut numbers),
                [a, b, c] => agree(&specimen, [a, b, c], &mut numbers),
                _ => panic!("{}: {} inputs", specimen.name, xs.len()),
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => absent.push(specimen.name),
                Err(why) => wrong.push(format!("{} of {case:?}: {why}", specimen.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases fail:\n{}", wrong.len(), wrong.join("\n"));
    absent.dedup();
    assert!(absent.iter().all(|name| has_no_rule(name)), "without a gradient: {absent:?}");
}

/// The ops that say that they have no rule for one of their inputs.
fn has_no_rule(name: &str) -> bool {
    let comparisons = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"];
    let rounding = ["floor_quotient", "floor", "ceil", "round", "trunc", "argmax", "argmin", "if_positive"];
    comparisons.contains(&name) || rounding.contains(&name)
}

#[test]
fn a_gradient_of_dual_numbers_is_the_hessian_times_their_direction() {
    let (at, v) = (tensor![-1.2, 1.0, 0.5], tensor![0.3, -1.0, 2.0]);
    let dual = Tensor::from_fn([3], |i| Dual::new(at[[i[0]]], v[[i[0]]]));
    let (_, [product]) = hvp(|[x]| rosenbrock(x), [&at], [&v]).expect("it depends on x");
    let [gradient] = grad(|[x]| rosenbrock(x), [&dual]).expect("it depends on x");
    assert_close(&gradient.map(|x| Dual::constant(x.derivative())).cast(), &product, 1e-13);
    // Second order on dual numbers: the derivative of H v is the third one, along v twice.
    let (_, [second]) = hvp(|[x]| rosenbrock(x), [&dual], [&v.cast()]).expect("it depends on x");
    let h = |h: f64| {
        let (_, [product]) = hvp(|[x]| rosenbrock(x), [&(&at + &v * h)], [&v]).expect("it depends on x");
        product
    };
    for i in 0..3 {
        let difference = slope(|step| h(step)[[i]]);
        assert!((second[[i]].derivative() - difference).abs() < 1e-6, "{second:?}, differences give {difference}");
    }
    let [j] = jacobian(|[x]| x.tanh(), [&dual]).expect("it depends on x");
    let slope = 1.0 - at[[1]].tanh().powi(2);
    assert!((j[[1, 1]].value() - slope).abs() < 1e-15);
    assert!((j[[1, 1]].derivative() + 2.0 * at[[1]].tanh() * slope * v[[1]]).abs() < 1e-15);
}

#[test]
fn single_precision_agrees_with_double() {
    let at = tensor![-1.2, 1.0, 0.5];
    let single: Tensor<f32> = at.cast();
    let [[h]] = hessian(|[x]| rosenbrock(x), [&single]).expect("it depends on x");
    let [[expected]] = hessian(|[x]| rosenbrock(x), [&at]).expect("it depends on x");
    assert_close(&h.cast(), &expected, 1e-6);
    let (_, slope) = jvp(|[x]| x.softmax(-1), [&single], [&single]).expect("it depends on x");
    let (_, expected) = jvp(|[x]| x.softmax(-1), [&at], [&at]).expect("it depends on x");
    assert_close(&slope.cast(), &expected, 1e-6);
}

// ---- layouts, sizes, captures ------------------------------------------------------------------------------------------

#[test]
fn inputs_and_directions_may_lie_in_any_layout() {
    let mut numbers = Numbers(6);
    let [x, u] = [(); 2].map(|()| numbers.direction(&[2, 3]));
    let v = numbers.direction(&[3, 2]);
    let all = |x: &Tensor<f64>, u: &Tensor<f64>, v: &Tensor<f64>| -> Result<Vec<Tensor<f64>>, NoGradient> {
        let (y, [pulled]) = vjp(|[x]| x.t().tanh(), [x], v)?;
        let (_, pushed) = jvp(|[x]| x.t().tanh(), [x], [u])?;
        let [j] = jacobian(|[x]| x.t().tanh(), [x])?;
        let (f, [product]) = hvp(|[x]| x.matmul(x.t()).exp().sum(..), [x], [u])?;
        let [[h]] = hessian(|[x]| x.matmul(x.t()).exp().sum(..), [x])?;
        Ok(vec![y, pulled, pushed, j, Tensor::scalar(f), product, h])
    };
    let expected = all(&x, &u, &v).expect("it depends on x");
    for how in ODD {
        let found = all(&lay(&x, how), &lay(&u, how), &lay(&v, how)).expect("it depends on x");
        found.iter().zip(&expected).for_each(|(found, expected)| assert_close(found, expected, 1e-14));
    }
    let broadcast = tensor![0.5, -1.0, 2.0].broadcast_to([2, 3]);
    let found = all(&broadcast, &broadcast, &broadcast.t()).expect("it depends on x");
    let dense = all(&broadcast.to_contiguous(), &broadcast.to_contiguous(), &broadcast.t().to_contiguous());
    found.iter().zip(&dense.expect("it depends on x")).for_each(|(found, dense)| assert_close(found, dense, 1e-14));
}

#[test]
fn rank_0_and_empty_inputs_and_outputs() {
    let x = Tensor::scalar(0.5_f64);
    let (y, [pulled]) = vjp(|[x]| x.sin(), [&x], &Tensor::scalar(2.0)).expect("it depends on x");
    assert_eq!((y.item(), pulled.item()), (0.5_f64.sin(), 2.0 * 0.5_f64.cos()));
    let [[h]] = hessian(|[x]| x.sin(), [&x]).expect("it depends on x");
    assert!(h.ndim() == 0 && h.item() == -0.5_f64.sin(), "{h:?}");
    let [j] = jacobian(|[x]| x.broadcast_to([3]) * 2.0, [&x]).expect("it depends on x");
    assert_eq!(j, tensor![2.0, 2.0, 2.0]);
    let [j] = jacobian(|[x]| x, [&tensor![3.0, 4.0]]).expect("it is x");
    assert_eq!(j, Tensor::eye(2));

    let (empty, full) = (Tensor::<f64>::zeros([0, 2]), tensor![1.0, 2.0]);
    let [a, b] = jacobian(|[a, b]| (a * b).sum(..), [&empty, &full]).expect("it depends on both");
    assert_eq!((a, b), (Tensor::zeros([0, 2]), Tensor::zeros([2])));
    let [a, b] = jacobian(|[a, b]| a * b, [&empty, &full]).expect("it depends on both");
    assert_eq!((a.shape()[..].to_vec(), b.shape()[..].to_vec()), (vec![0, 2, 0, 2], vec![0, 2, 2]));
    let [j] = jacobian(|[a]| a.sum(0), [&empty]).expect("it depends on a");
    assert_eq!(j.shape(), [2, 0, 2]);
    let [[aa, ab], [ba, bb]] = hessian(|[a, b]| (a * b).sum(..), [&empty, &full]).expect("it depends on both");
    let shapes = [&aa, &ab, &ba, &bb].map(|h| h.shape().to_vec());
    assert_eq!(shapes, [vec![0, 2, 0, 2], vec![0, 2, 2], vec![2, 0, 2], vec![2, 2]]);
    assert_eq!(bb, Tensor::zeros([2, 2]));
    let (f, [product]) = hvp(|[a]| a.exp().sum(..), [&empty], [&empty]).expect("it depends on a");
    assert_eq!((f, product.shape()[..].to_vec()), (0.0, vec![0, 2]));
    let (y, pushed) = jvp(|[a]| a.exp(), [&empty], [&empty]).expect("it depends on a");
    assert_eq!((y.shape()[..].to_vec(), pushed.shape()[..].to_vec()), (vec![0, 2], vec![0, 2]));
    let why = jacobian(|[a, _]| a, [&empty, &full]).expect_err("it does not depend on b");
    assert_eq!(why.reason(), Reason::NotReached, "also where there is no row to say so");
}

#[test]
fn a_closure_may_capture_tensors_and_make_constants() {
    let (a, b) = (tensor![[2.0, 1.0], [0.0, 3.0]], tensor![1.0, -1.0]);
    let quadratic = |x: &Tensor<f64>| {
        hessian(
            |[x]| {
                let (a, b) = (x.tape().constant(a.clone()), x.tape().constant(b.clone()));
                let scale = x.tape().scalar(0.5);
                x.matmul(a).matmul(x) * scale - (b * x).sum(..)
            },
            [x],
        )
    };
    let [[h]] = quadratic(&tensor![5.0, 7.0]).expect("it depends on x");
    assert_eq!(h, (&a + &a.t()) * 0.5);
    // Values that are dropped and computed again change no bit.
    let [[plain]] = hessian(|[x]| (x.tanh() * x).exp().sum(..), [&b]).expect("it depends on x");
    let [[again]] = hessian(|[x]| x.tape().checkpoint(|| (x.tanh() * x).exp()).sum(..), [&b]).expect("it depends on x");
    assert_eq!(plain, again);
    fn named<'t>([x, y]: [Var<'t, f64>; 2]) -> Var<'t, f64> {
        (x * y).sum(..)
    }
    let [x, y] = grad(named, [&a, &b]).expect("a function serves as well as a closure");
    assert_eq!((x, y), (b.broadcast_to([2, 2]), tensor![2.0, 4.0]));
}

#[test]
fn what_does_not_fit_panics_at_the_callers_line_with_the_shapes() {
    let x = tensor![1.0, 2.0];
    #[track_caller]
    fn check(panic: panics::Panic, line: u32, parts: &[&str]) {
        assert!(parts.iter().all(|part| panic.message.contains(part)), "{panic:?}");
        assert_eq!((panic.file.as_str(), panic.line), ("tests/functional.rs", line), "{panic:?}");
    }
    let wrong = tensor![1.0];
    check(panic_of(|| vjp(|[x]| x.exp(), [&x], &wrong)), line!(), &["vjp", "[1]", "exp [2]"]);
    check(panic_of(|| jvp(|[x]| x.exp(), [&x], [&wrong])), line!(), &["jvp", "[1]", "input 0", "[2]"]);
    check(panic_of(|| hvp(|[y, x]| (x * y).sum(..), [&x, &x], [&x, &wrong])), line!(), &["hvp", "[1]", "input 1"]);
    check(panic_of(|| value_and_grad(|[x]| x.exp(), [&x])), line!(), &["exp [2]", "not a single number"]);
    check(panic_of(|| hessian(|[x]| x.exp(), [&x])), line!(), &["exp [2]", "not a single number"]);
    let tape = Tape::<f64>::new();
    let (x, u) = (tape.leaf(x), tape.constant(wrong));
    check(panic_of(|| x.exp().jvp([x], [u])), line!(), &["jvp", "[1]", "input 0", "[2]"]);
}

// ---- no wrong zero -----------------------------------------------------------------------------------------------------

type Function<const N: usize> = for<'t> fn([Var<'t, f64>; N]) -> Var<'t, f64>;

/// What every function says of `f` at `x` and `other`, where there is no gradient by the latter.
fn refusals(f: Function<2>, x: &Tensor<f64>, other: &Tensor<f64>) -> Vec<NoGradient> {
    let (xs, y) = ([x, other], value_of(f, x, other));
    vec![
        grad(|xs| f(xs).sum(..), xs).expect_err("grad"),
        value_and_grad(|xs| f(xs).sum(..), xs).expect_err("value_and_grad"),
        vjp(f, xs, &y).expect_err("vjp"),
        jvp(f, xs, xs).expect_err("jvp"),
        jacobian(f, xs).expect_err("jacobian"),
        hvp(|xs| f(xs).sum(..), xs, xs).expect_err("hvp"),
        hessian(|xs| f(xs).sum(..), xs).expect_err("hessian"),
    ]
}

fn value_of(f: Function<2>, x: &Tensor<f64>, other: &Tensor<f64>) -> Tensor<f64> {
    let tape = Tape::new();
    f([tape.leaf(x.clone()), tape.leaf(other.clone())]).value()
}

#[test]
fn trap_04_an_input_that_the_function_does_not_depend_on_is_refused_by_every_function() {
    // With one output the Jacobian is taken by rows, with six by columns.
    let functions: [Function<2>; 2] = [|[x, _]| x.sum(..), |[x, _]| x.unsqueeze(0).broadcast_to([3, 2])];
    for f in functions {
        for why in refusals(f, &tensor![1.0, 2.0], &tensor![3.0]) {
            assert_eq!(why.reason(), Reason::NotReached);
            assert!(why.to_string().contains("leaf [1] at tests/functional.rs"), "{why}");
        }
    }
}

#[test]
fn trap_04_a_way_that_is_cut_is_refused_by_every_function_with_the_place() {
    let functions: [(Function<2>, Reason, &str); 4] = [
        (|[x, y]| x * y.detach(), Reason::Detached, "cut at detach [2]"),
        (|[x, y]| x * x.tape().paused(|| y.exp()), Reason::Paused, "cut at exp [2]"),
        (|[x, y]| x * y.round(), Reason::NoRule, "cut at round [2]"),
        (|[x, y]| x * x.tape().constant(y.value()), Reason::NotReached, "does not depend on it"),
    ];
    for (f, reason, place) in functions {
        for why in refusals(f, &tensor![1.0, 2.0], &tensor![3.0, 4.0]) {
            assert_eq!(why.reason(), reason, "{why}");
            assert!(why.to_string().contains(place) && why.to_string().contains("at tests/functional.rs"), "{why}");
        }
    }
}

#[test]
fn a_second_derivative_that_is_zero_is_zeros() {
    let (x, y) = (tensor![1.0, -2.0, 3.0], tensor![0.5, 0.25, 2.0]);
    let zeros = Tensor::zeros([3, 3]);
    let flat: [Function<1>; 8] = [
        |[x]| x.sum(..),
        |[x]| (x * 3.0 + 1.0).mean(..),
        |[x]| x.matmul(x.tape().constant(tensor![1.0, 2.0, 3.0])),
        |[x]| x.relu().sum(..),
        |[x]| x.abs().sum(..),
        |[x]| x.max(..),
        |[x]| x.maximum(x.tape().scalar(0.0)).sum(..),
        |[x]| (x * x.round()).sum(..),
    ];
    for f in flat {
        assert_eq!(hessian(f, [&x]), Ok([[zeros.clone()]]));
        assert_eq!(hvp(f, [&x], [&y]).map(|(_, product)| product), Ok([Tensor::zeros([3])]));
    }
    // Block by block: x enters linearly, y does not.
    let [[xx, xy], [yx, yy]] = hessian(|[x, y]| (x * y * y).sum(..), [&x, &y]).expect("it depends on both");
    assert_eq!((xx, yy), (zeros.clone(), diagonal(&(&x * 2.0))));
    assert_eq!((xy, yx), (diagonal(&(&y * 2.0)), diagonal(&(&y * 2.0))));
    let [[xx, xy], [yx, yy]] = hessian(|[x, y]| x.sum(..) + y.powi(3).sum(..), [&x, &y]).expect("it depends on both");
    assert_eq!((xx, xy, yx), (zeros.clone(), zeros.clone(), zeros));
    assert_eq!(yy, diagonal(&(&y * 6.0)));
}

#[test]
fn a_second_derivative_that_is_cut_off_is_refused_with_the_place() {
    let x = tensor![1.0, 2.0];
    let functions: [(Function<1>, Reason, &str); 4] = [
        (|[x]| (x * x.detach()).sum(..), Reason::Detached, "cut at detach [2]"),
        (|[x]| (x * x.tape().paused(|| x.exp())).sum(..), Reason::Paused, "cut at exp [2]"),
        // Beside a true zero, and behind it, a cut is still a cut.
        (|[x]| (x * x.round() + x * x.detach()).sum(..), Reason::Detached, "cut at detach [2]"),
        (|[x]| (x * x.detach() * x.detach().round()).sum(..), Reason::Detached, "cut at detach [2]"),
    ];
    for (f, reason, place) in functions {
        for why in [hessian(f, [&x]).expect_err("hessian"), hvp(f, [&x], [&x]).expect_err("hvp")] {
            assert_eq!(why.reason(), reason, "{why}");
            assert!(why.to_string().contains(place) && why.to_string().contains("at tests/functional.rs"), "{why}");
        }
    }
    let cross = hessian(|[x, y]| (x.detach() * y + x * x).sum(..), [&x, &x]).expect_err("∂²f/∂y∂x");
    assert_eq!(cross.reason(), Reason::Detached);
}
