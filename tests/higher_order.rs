//! Gradients of gradients: recorded again and again, inside one another, and in the loops that need them.

#[path = "support/close.rs"]
mod close;
#[path = "support/differences.rs"]
mod differences;

use close::assert_close;
use differences::{Numbers, slope};
use rensa::functional::{grad, hessian, hvp, jvp, value_and_grad};
use rensa::optim::{Optimizer, Sgd};
use rensa::{Float, Gradients, Param, Reason, Tape, Tensor, Var, check, tensor};

// ---- again and again ---------------------------------------------------------------------------------------------------

/// The first to the fifth derivative of `f`, element by element.
fn derivatives(f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>, x: &Tensor<f64>) -> [Tensor<f64>; 5] {
    let tape = Tape::new();
    let x = tape.leaf(x.clone());
    let mut y = f(x);
    [(); 5].map(|()| {
        let [slope] = y.sum(..).grad([x]).expect("it depends on x");
        y = slope;
        y.value()
    })
}

#[test]
fn derivatives_to_the_fifth_order_equal_their_formulas() {
    fn check(
        name: &str,
        f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>,
        x: &Tensor<f64>,
        formulas: [fn(f64) -> f64; 5],
    ) {
        for (order, (found, formula)) in derivatives(f, x).iter().zip(formulas).enumerate() {
            println!("{name}, order {}", order + 1);
            assert_close(found, &x.map(formula), 1e-13);
        }
    }
    let x = &tensor![-1.3, -0.4, 0.0, 0.7, 2.1];
    check("sin", |x| x.sin(), x, [f64::cos, |x| -x.sin(), |x| -x.cos(), f64::sin, f64::cos]);
    // With t = tanh x each derivative is a polynomial P(t), and the next one P′(t) (1 − t²).
    check(
        "tanh",
        |x| x.tanh(),
        x,
        [
            |x| 1.0 - x.tanh().powi(2),
            |x| -2.0 * x.tanh() * (1.0 - x.tanh().powi(2)),
            |x| (6.0 * x.tanh().powi(2) - 2.0) * (1.0 - x.tanh().powi(2)),
            |x| (16.0 * x.tanh() - 24.0 * x.tanh().powi(3)) * (1.0 - x.tanh().powi(2)),
            |x| (16.0 - 120.0 * x.tanh().powi(2) + 120.0 * x.tanh().powi(4)) * (1.0 - x.tanh().powi(2)),
        ],
    );
    check("exp", |x| x.exp(), x, [f64::exp; 5]);
    let power: [fn(f64) -> f64; 5] =
        [|x| 7.0 * x.powi(6), |x| 42.0 * x.powi(5), |x| 210.0 * x.powi(4), |x| 840.0 * x.powi(3), |x| 2520.0 * x * x];
    check("x⁷ by powi", |x| x.powi(7), x, power);
    check("x⁷ by products", |x| x * x * x * x * x * x * x, x, power);
    let x = &tensor![0.3, 1.0, 2.5];
    check("x⁷ by pow", |x| x.pow(x.tape().scalar(7.0)), x, power);
    let reciprocal: [fn(f64) -> f64; 5] =
        [|x| -x.powi(-2), |x| 2.0 * x.powi(-3), |x| -6.0 * x.powi(-4), |x| 24.0 * x.powi(-5), |x| -120.0 * x.powi(-6)];
    check("1/x", |x| 1.0 / x, x, reciprocal);
    check("1/x by reciprocal", |x| x.reciprocal(), x, reciprocal);
    check("ln", |x| x.ln(), x, [f64::recip, reciprocal[0], reciprocal[1], reciprocal[2], reciprocal[3]]);
}

#[test]
fn gradients_by_a_list_of_values_are_those_by_an_array() {
    let tape = Tape::<f64>::new();
    let xs: Vec<_> = (1..=4).map(|i| tape.leaf(Tensor::scalar(f64::from(i)))).collect();
    let y = xs.iter().fold(tape.scalar(1.0), |y, &x| y * x * x); // Π x², 576
    let first = y.grads(&xs).expect("it depends on all");
    assert_eq!(first.iter().map(|g| g.item()).collect::<Vec<_>>(), [1152.0, 576.0, 384.0, 288.0]); // 2 y / xᵢ
    let [second] = first[1].grad([xs[2]]).expect("it depends on all");
    assert_eq!(second.item(), 2.0 * 2.0 * 576.0 / (2.0 * 3.0));
    assert!(y.grads(&[]).is_ok_and(|none| none.is_empty()));
    let other = tape.leaf(Tensor::scalar(0.0));
    assert_eq!(y.grads(&[xs[0], other]).map(|_| ()).map_err(|why| why.reason()), Err(Reason::NotReached));
}

// ---- inside one another ------------------------------------------------------------------------------------------------

#[test]
fn trap_05_perturbations_are_not_confused() {
    let five = Tensor::scalar(5.0);
    // d/dx [x · d/dy (x + y)], y a leaf of the inner derivative's own.
    let [slope] = grad(
        |[x]| {
            let y = x.tape().leaf(x.value());
            let [inner] = (x + y).grad([y]).expect("it depends on y");
            x * inner
        },
        [&five],
    )
    .expect("it depends on x");
    assert_eq!(slope.item(), 1.0);
    // The same forwards: along x, [x · d/dy (x + y)].
    let (_, slope) = jvp(
        |[x]| {
            let (y, one) = (x.tape().leaf(x.value()), x.tape().scalar(1.0));
            x * (x + y).jvp([y], [one]).expect("it depends on y")
        },
        [&five],
        [&Tensor::scalar(1.0)],
    )
    .expect("it depends on x");
    assert_eq!(slope.item(), 1.0);
    // The same value in both places: d/dx [x · d/dx x²] is 4x.
    let [slope] = grad(|[x]| x * (x * x).grad([x]).expect("it depends on x")[0], [&five]).expect("it depends on x");
    assert_eq!(slope.item(), 20.0);
    // An inner function on a tape of its own passes nothing on, and says so.
    let inner = |at: Tensor<f64>| grad(|[y]| y * y, [&at]).expect("it depends on y");
    let why = grad(|[x]| x.tape().constant(inner(x.value())[0].clone()), [&five]).expect_err("a constant");
    assert_eq!(why.reason(), Reason::NotReached);
}

#[test]
fn a_derivative_along_a_direction_is_differentiated_again() {
    let (x, u) = (tensor![0.3, -1.2, 2.0], tensor![1.0, 0.5, -2.0]);
    // ∂/∂x of Σ cos(x) u is −sin(x) u; by u it is cos(x).
    let [by_x, by_u] = grad(|[x, u]| x.sin().jvp([x], [u]).expect("it depends on x").sum(..), [&x, &u]).expect("both");
    assert_close(&by_x, &(x.map(|x| -x.sin()) * &u), 1e-15);
    assert_close(&by_u, &x.map(f64::cos), 1e-15);
    // Along u twice: the second derivative in one direction, uᵀ H u.
    let tape = Tape::new();
    let (at, along) = (tape.leaf(x.clone()), tape.constant(u.clone()));
    let f = at.logsumexp(..);
    let first = f.jvp([at], [along]).expect("it depends on x");
    let second = first.jvp([at], [along]).expect("it depends on x");
    let (_, [product]) = hvp(|[x]| x.logsumexp(..), [&x], [&u]).expect("it depends on x");
    assert_close(&second.value(), &(product * &u).sum(..), 1e-14);
    // Of two inputs the slopes add up; where there is no curvature it is 0, on the tape too.
    let linear = (at * 3.0 + along).jvp([at], [along]).expect("it depends on x");
    assert_eq!(linear.value(), &u * 3.0);
    let both = (at * at).jvp([at, at], [along, along]).expect("it depends on x");
    assert_close(&both.value(), &(&x * &u * 4.0), 1e-15);
}

/// `f(x) = ‖∇ Σ x³/3‖² = Σ x⁴`, by a gradient inside.
#[test]
fn the_hessian_of_a_function_that_takes_a_gradient_inside() {
    let x = tensor![1.0, -2.0, 0.5];
    let [[h]] = hessian(
        |[x]| {
            let [inner] = (x.powi(3) / 3.0).sum(..).grad([x]).expect("it depends on x");
            (inner * inner).sum(..)
        },
        [&x],
    )
    .expect("it depends on x");
    assert_close(&h, &(Tensor::eye(3) * x.map(|x| 12.0 * x * x)), 1e-14);
}

#[test]
fn derivatives_in_a_pause_have_their_values_and_are_not_recorded() {
    let tape = Tape::<f64>::new();
    let (x, w, u) = (tape.leaf(tensor![0.3, -1.2]), tape.leaf(tensor![1.0, 2.0]), tape.constant(tensor![1.0, 0.5]));
    let (y, loss) = (x.sin(), x.sin().sum(..));
    let nodes = tape.len();
    let paused = tape.pause();
    let ([first], [weighed]) = (loss.grad([x]).expect("it does"), y.grad_with(w, [x]).expect("it does"));
    let (slope, flat) = (y.jvp([x], [u]).expect("it does"), (x * 0.0).jvp([x], [u]));
    drop(paused);
    assert_eq!(tape.len(), nodes + 4, "the three derivatives, and a product");
    let cos = x.value().map(f64::cos);
    assert_close(&first.value(), &cos, 1e-15);
    assert_close(&weighed.value(), &(&cos * &w.value()), 1e-15);
    assert_close(&slope.value(), &(&cos * &u.value()), 1e-15);
    // Whoever differentiates them again is told why not, also by what they are linear in.
    for (derivative, by) in [(first, x), (weighed, x), (weighed, w), (slope, x)] {
        assert_eq!(
            derivative.why_no_grad(by).map(|why| why.reason()),
            Some(Reason::Paused),
            "{derivative:?} by {by:?}"
        );
    }
    assert_eq!(flat.map(|_| ()).map_err(|why| why.reason()), Err(Reason::Paused));
    assert_eq!((y.jvp([x], [u]).expect("it does") * x).sum(..).why_no_grad(x), None, "and it records again");
}

// ---- Newton's method ---------------------------------------------------------------------------------------------------

/// `(x² + y − 11)² + (x + y² − 7)²`, with a minimum of 0 at (3, 2). Source: Himmelblau, Applied Nonlinear Programming (1972).
fn himmelblau<'t>([x, y]: [Var<'t, f64>; 2]) -> Var<'t, f64> {
    (x * x + y - 11.0).powi(2) + (x + y * y - 7.0).powi(2)
}

/// `100 (y − x²)² + (1 − x)²`, with a minimum of 0 at (1, 1).
fn rosenbrock<'t>([x, y]: [Var<'t, f64>; 2]) -> Var<'t, f64> {
    (y - x * x).powi(2) * 100.0 + (1.0 - x).powi(2)
}

/// The distance to `solution` before each of Newton's steps `x ← x − H⁻¹ ∇f`, until it stays the same.
fn newton(f: for<'t> fn([Var<'t, f64>; 2]) -> Var<'t, f64>, start: [f64; 2], solution: [f64; 2]) -> Vec<f64> {
    let ([mut x, mut y], mut distances) = (start, Vec::new());
    loop {
        let distance = (x - solution[0]).hypot(y - solution[1]);
        if distances.last().is_some_and(|&last| distance >= last && last < 1e-8) {
            return distances;
        }
        distances.push(distance);
        assert!(distances.len() < 30, "it does not converge: {distances:?}");
        let at = [&Tensor::scalar(x), &Tensor::scalar(y)];
        let [gx, gy] = grad(f, at).expect("it depends on both").map(|g| g.item());
        let [[a, b], [c, d]] = hessian(f, at).expect("it depends on both").map(|row| row.map(|h| h.item()));
        let determinant = a * d - b * c;
        (x, y) = (x - (d * gx - b * gy) / determinant, y - (a * gy - c * gx) / determinant);
    }
}

/// Triples of distances in a row, near the solution and not yet blurred by rounding.
fn near(distances: &[f64]) -> impl Iterator<Item = &[f64]> {
    distances.windows(3).filter(|e| e[0] < 0.5 && e[2] > 1e-14)
}

#[test]
fn newtons_method_converges_quadratically() {
    let on_himmelblau = newton(himmelblau, [3.5, 1.5], [3.0, 2.0]);
    let on_rosenbrock = newton(rosenbrock, [-1.2, 1.0], [1.0, 1.0]);
    for distances in [&on_himmelblau, &on_rosenbrock] {
        assert!(distances.last().is_some_and(|&e| e < 1e-14), "{distances:?}");
        // eₖ₊₁ ≤ C eₖ²: of linear convergence these quotients would grow beyond all bounds.
        let quotients: Vec<f64> = near(distances).flat_map(|e| [e[1] / e[0].powi(2), e[2] / e[1].powi(2)]).collect();
        assert!(quotients.len() >= 4 && quotients.iter().all(|&c| c < 1.0), "{quotients:?} of {distances:?}");
    }
    // The order p in eₖ₊₁ ≈ C eₖᵖ. (On Rosenbrock's function C differs from step to step, along its valley and across.)
    let orders: Vec<f64> = near(&on_himmelblau).map(|e| (e[2] / e[1]).ln() / (e[1] / e[0]).ln()).collect();
    println!("{on_himmelblau:?}, {on_rosenbrock:?}, orders {orders:?}");
    assert!(orders.len() >= 3 && orders.iter().all(|p| (1.85..2.15).contains(p)), "{orders:?}");
}

// ---- a gradient penalty ------------------------------------------------------------------------------------------------

/// A critic of points in the plane: a hidden layer of tanh.
fn critic<'t, T: Float>(x: Var<'t, T>, [w1, b1, w2]: [Var<'t, T>; 3]) -> Var<'t, T> {
    (x.matmul(w1) + b1).tanh().matmul(w2)
}

/// `mean (‖∂D/∂x‖ − 1)²` over the points. Source: Gulrajani et al., "Improved Training of Wasserstein GANs" (2017), §4.
fn penalty<'t>(x: Var<'t, f64>, weights: [Var<'t, f64>; 3]) -> Var<'t, f64> {
    let [slope] = critic(x, weights).sum(..).grad([x]).expect("the critic looks at x");
    (slope.norm(-1) - 1.0).powi(2).mean(..)
}

fn weights(numbers: &mut Numbers) -> [Tensor<f64>; 3] {
    [numbers.direction(&[2, 8]), numbers.direction(&[8]), numbers.direction(&[8, 1])]
}

#[test]
fn a_gradient_penalty_has_the_gradient_that_differences_find() {
    let mut numbers = Numbers(7);
    let (x, ws) = (numbers.direction(&[5, 2]), weights(&mut numbers));
    let at = |ws: [&Tensor<f64>; 3]| {
        value_and_grad(|ws| penalty(ws[0].tape().leaf(x.clone()), ws), ws).expect("the penalty depends on all")
    };
    let (_, gradients) = at(ws.each_ref());
    for i in 0..3 {
        let loss = |w: &Tensor<f64>| {
            let mut moved = ws.each_ref();
            moved[i] = w;
            at(moved).0
        };
        let expected = check::numerical_gradient(loss, &ws[i], 1e-5);
        assert_close(&gradients[i], &expected, 1e-8);
    }
    // And along a random direction, to the accuracy of extrapolated differences.
    let us = weights(&mut numbers);
    let along = slope(|h| {
        let moved: [Tensor<f64>; 3] = std::array::from_fn(|i| &ws[i] + &(&us[i] * h));
        at(moved.each_ref()).0
    });
    let found: f64 = gradients.iter().zip(&us).map(|(g, u)| (g * u).sum(..).item()).sum();
    assert!((found - along).abs() < 1e-9, "{found}, differences give {along}");
}

/// The parameters of the critic.
struct Critic {
    w1: Param<f64>,
    b1: Param<f64>,
    w2: Param<f64>,
}
rensa::parts!(Critic for f64 { w1, b1, w2 });

impl Critic {
    fn on<'t>(&self, tape: &'t Tape<f64>) -> [Var<'t, f64>; 3] {
        [&self.w1, &self.b1, &self.w2].map(|w| tape.param(w))
    }
}

#[test]
fn training_on_a_gradient_penalty_brings_the_slopes_norm_to_1() {
    let mut numbers = Numbers(8);
    let x = numbers.direction(&[16, 2]);
    let [w1, b1, w2] = weights(&mut numbers).map(Param::new);
    let mut net = Critic { w1, b1, w2 };
    let norms = |net: &Critic| {
        let tape = Tape::new();
        let at = tape.leaf(x.clone());
        let [slope] = critic(at, net.on(&tape)).sum(..).grad([at]).expect("the critic looks at x");
        slope.norm(-1).value()
    };
    let farthest = |norms: &Tensor<f64>| norms.iter().fold(0.0, |far: f64, norm| far.max((norm - 1.0).abs()));
    let before = farthest(&norms(&net));
    let (mut tape, mut gradients, mut loss) = (Tape::new(), Gradients::new(), f64::NAN);
    for _ in 0..2000 {
        loss = tape.step(&mut gradients, |tape| penalty(tape.leaf(x.clone()), net.on(tape)));
        Sgd::new(0.2).step(&mut net, &gradients).expect("every parameter has a gradient");
    }
    let after = farthest(&norms(&net));
    println!("the farthest norm from 1: {before} before, {after} after, loss {loss:e}");
    assert!(before > 0.5 && after < 0.05 && loss < 1e-3, "{before} before, {after} after, loss {loss:e}");
}
