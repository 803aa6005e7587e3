//! An op of your own, with three inputs, an attribute and saved state: its rule, its fused form, its check, and a net trained with it,
//! second order included. Nothing that it uses is private. The op: units that answer to the nearness of a point xᵢ to their centre
//! cⱼ, with the profile of Student's t distribution.
//!
//! Source: van der Maaten and Hinton, "Visualizing Data using t-SNE" (2008), §3.3; Drucker and LeCun, "Improving Generalization
//! Performance Using Double Backpropagation" (1992), for the loss.

use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::Linear;
use rensa::{Op, Pullback, RawPullback, check, data::Dataset};
use rensa::{optim::Sgd, prelude::*, train::accuracy};

/// `yᵢⱼ = (1 + sⱼ dᵢⱼ / ν)^(−(ν+1)/2)` with `dᵢⱼ = ‖xᵢ − cⱼ‖²`: points `[n, m]`, centres `[k, m]`, scales `[k]` → `[n, k]`.
#[derive(Debug)]
struct Nearness<T> {
    /// ν, an attribute: nothing is differentiated by it.
    freedom: f64,
    /// d, saved by the forward pass for the fused rule.
    distances: Option<Tensor<T>>,
}

impl<T: Float> Op<T> for Nearness<T> {
    fn name(&self) -> &'static str {
        "nearness"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        let (x, c, s) = (xs[0], xs[1], xs[2]);
        let fits = x.ndim() == 2 && c.ndim() == 2 && x.shape()[1] == c.shape()[1] && s.shape()[..] == c.shape()[..1];
        assert!(fits, "nearness: points {:?}, centres {:?}, scales {:?}", x.shape(), c.shape(), s.shape());
        let d = (x.unsqueeze(1) - c.unsqueeze(0)).powi(2).sum(-1);
        let y = (&d * s / T::of(self.freedom) + T::one()).powf(-(self.freedom + 1.0) / 2.0);
        self.distances = Some(d);
        y
    }

    // With y′ = ∂y/∂(s d) = −(ν+1)/2ν · y / (1 + s d / ν): s̄ⱼ = Σᵢ ȳ y′ d, and with w = 2 ȳ y′ s further
    // x̄ᵢ = Σⱼ wᵢⱼ (xᵢ − cⱼ) and c̄ⱼ = Σᵢ wᵢⱼ (cⱼ − xᵢ).
    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x, c, s], y, g, nu) = (p.inputs(), p.y, p.g, T::of(self.freedom));
        // Not the saved distances: on the tape they would be constants, and the rule, right at first order, would be wrong at second.
        let d = (x.unsqueeze(1) - c.unsqueeze(0)).powi(2).sum(-1);
        let inner = g * y / (d * s / nu + T::one()) * (-(nu + T::one()) / (nu + nu));
        let w = inner * s * T::of(2.0);
        p.accum(0, || x * w.sum(keep(-1)) - w.matmul(c));
        p.accum(1, || c * w.sum(0).unsqueeze(-1) - w.t().matmul(x));
        p.accum(2, || inner * d); // summed by accum over the axis along which s was broadcast
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let Some(d) = &self.distances else { return false };
        let (x, c, s, y, nu) = (p.xs[0], p.xs[1], p.xs[2], p.y, T::of(self.freedom));
        let slope = |d_times_s: T, y: T| -(nu + T::one()) / (nu + nu) * y / (d_times_s / nu + T::one());
        let inner = p.take_g() * (d * s).zip(y, slope);
        let w = &inner * s * T::of(2.0);
        p.accum(0, || x * &w.sum(keep(-1)) - w.matmul(c));
        p.accum(1, || c * &w.sum(0).unsqueeze(-1) - w.t().matmul(x));
        p.accum(2, || inner * d);
        true
    }
}

/// The op as a function of handles.
#[track_caller]
fn nearness<'t, T: Float>(x: Var<'t, T>, centres: Var<'t, T>, scales: Var<'t, T>, freedom: f64) -> Var<'t, T> {
    Var::apply(Nearness { freedom, distances: None }, &[x, centres, scales])
}

/// Units of nearness, and a linear layer on top of them.
struct Net {
    centres: Param<f64>,
    scales: Param<f64>,
    top: Linear<f64>,
}
rensa::parts!(Net for f64 { centres, scales, top });

impl Module<f64> for Net {
    fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        let tape = x.tape();
        self.top.forward(nearness(x, tape.param(&self.centres), tape.param(&self.scales), 1.0))
    }
}

/// Checks both rules, to second order and on odd inputs, and prints what was found.
fn check_op(rng: &mut StdRng) {
    let [x, c, s] = [&[4, 2][..], &[3, 2], &[3]].map(|shape| Tensor::<f64>::uniform(shape, 0.5, 1.5, rng));
    let report = check::op(|| Nearness { freedom: 3.0, distances: None }, [&x, &c, &s]);
    println!("{report}");
    report.assert();
}

/// The loss, and with it how much it changes when the points move: the net is to be sure of what is near them too.
fn loss<'t>(net: &Net, tape: &'t Tape<f64>, points: &Tensor<f64>, classes: &Tensor<usize>) -> Var<'t, f64> {
    let x = tape.leaf(points.clone());
    let entropy = net.forward(x).cross_entropy(classes, Reduction::Sum);
    let [slope] = entropy.grad([x]).expect("the loss depends on the points");
    (entropy + slope.powi(2).sum(..) * 0.1) / points.shape()[0] as f64
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (quick, rng) = (std::env::args().any(|argument| argument == "--quick"), &mut StdRng::seed_from_u64(0));
    check_op(rng);
    // Two classes of points in the plane, in opposite quarters each.
    let points = Tensor::uniform([200, 2], -1.0, 1.0, rng);
    let classes = Tensor::from_fn([200], |i| usize::from(points[[i[0], 0]] * points[[i[0], 1]] > 0.0));
    let centres = Param::new(Tensor::uniform([8, 2], -1.0, 1.0, rng));
    let mut net = Net { centres, scales: Param::new(Tensor::full([8], 4.0)), top: Linear::init(8, 2, rng) };
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    for step in 1..=if quick { 200 } else { 1000 } {
        let value = tape.step(&mut gradients, |tape| loss(&net, tape, &points, &classes));
        Sgd::new(0.5).step(&mut net, &gradients)?;
        (step % 100 == 0).then(|| println!("step {step}: loss {value:.3}"));
    }
    let right = accuracy(&net, &Dataset::new(points, classes)?, &mut tape);
    println!("accuracy on the points: {right:.3}");
    assert!(right > 0.9);
    Ok(())
}
