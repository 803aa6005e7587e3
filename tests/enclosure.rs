//! Intervals as elements: every op of the registry, random expressions, nets and losses enclose what numbers inside would give.

#[path = "support/differences.rs"]
mod differences;
#[path = "support/sweeps.rs"]
mod sweeps;

use differences::Numbers;
use num_traits::Float as _;
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::{Linear, Module, Parts, Relu, Sequential};
use rensa::ops::{Specimen, registry};
use rensa::scalar::Interval;
use rensa::{Float, Reduction, Tape, Tensor, Var, keep, tensor};
use sweeps::{swept, weights};

fn seeds(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn interval(lo: f64, hi: f64) -> Interval {
    Interval::new(lo, hi)
}

#[test]
fn constructors_and_places_of_extrema() {
    let of = Interval::point;
    let numbers = Tensor::arange(of(0.0), of(1.0), of(0.25));
    let expected = [0.0, 0.25, 0.5, 0.75];
    assert!(
        numbers.len() == 4 && numbers.iter().zip(expected).all(|(x, y)| x.contains(y) && x.width() < 1e-15),
        "{numbers}"
    );
    let wide = interval(-1.0, 1.0);
    let drawn = Tensor::uniform([100], wide, interval(0.0, 3.0), &mut StdRng::seed_from_u64(1));
    let bare = Tensor::uniform([100], 0.0, 1.0, &mut StdRng::seed_from_u64(1));
    assert!(drawn.iter().zip(&bare).all(|(x, u)| x.contains(u * 1.5) && x.lo() >= -5.0 && x.hi() <= 5.0));
    let point = Tensor::uniform([100], of(-1.0), of(1.0), &mut StdRng::seed_from_u64(1));
    assert!(point.iter().zip(&bare).all(|(x, u)| x.contains(2.0 * u - 1.0) && x.width() < 1e-14));
    assert_eq!(Tensor::normal([10], of(0.0), of(1.0), &mut StdRng::seed_from_u64(1)).shape(), [10]);
    assert_eq!(Tensor::around(&tensor![1.0, 2.0], 0.5).cast::<f32>().to_vec(), [1.0, 2.0]);

    // The first that no other one is surely above.
    let x = tensor![interval(0.0, 1.0), interval(2.0, 4.0), interval(3.0, 9.0), interval(8.0, 8.5)];
    assert_eq!((x.argmax(0).item(), x.argmin(0).item()), (2, 0));
    assert_eq!(x.narrow(0, 1, 2).argmin(0).item(), 0);
    assert_eq!(tensor![of(1.0), of(3.0), of(3.0)].argmax(0).item(), 1);
    assert_eq!(tensor![of(1.0), Interval::NAN, of(3.0)].argmax(0).item(), 1);
}

/// Ops whose outputs are not enclosed, and why.
const EXEMPT: [(&str, &str); 4] = [
    ("argmax", "a place is a whole number that jumps, and no interval of places is meant"),
    ("argmin", "as argmax"),
    ("sort", "intervals that overlap are in no order, and are refused"),
    ("topk", "as sort"),
];

fn exempt(specimen: &Specimen<f64>) -> bool {
    EXEMPT.iter().any(|(op, _)| specimen.name.split(' ').next() == Some(op))
}

/// How wide the boxes are, as a share of the domain.
const SCALES: [f64; 4] = [0.0, 1e-6, 1e-2, 0.3];

/// An interval around each input, of any width inside the domain, and some points inside of all of them.
fn boxes(specimen: &Specimen<f64>, case: &[Vec<usize>], seed: u64) -> (Vec<Tensor<Interval>>, Vec<Vec<Tensor<f64>>>) {
    let (centers, draw) = (specimen.draw(case, seed), &mut Numbers(seed));
    let (low, high) = (specimen.domain.start, specimen.domain.end);
    let scale = SCALES[draw.below(4)] * (high - low);
    let around = |&x: &f64, draw: &mut Numbers| {
        interval((x - scale * draw.next()).max(low), (x + scale * draw.next()).min(high))
    };
    let boxed: Vec<Tensor<Interval>> = centers
        .iter()
        .map(|x| Tensor::from_vec(x.iter().map(|x| around(x, draw)).collect(), x.shape()).expect("its own shape"))
        .collect();
    let mut points = vec![centers];
    for k in 0..5 {
        let mut at = |x: &Interval| {
            let t = if k < 3 { draw.next() } else { draw.below(2) as f64 }; // inside, and corners
            (x.lo() + t * (x.hi() - x.lo())).clamp(x.lo(), x.hi())
        };
        let point = |x: &Tensor<Interval>| {
            differences::tensor(x.shape(), {
                let mut all = x.iter().map(&mut at).collect::<Vec<_>>().into_iter();
                move || all.next().expect("a value for each element")
            })
        };
        points.push(boxed.iter().map(point).collect());
    }
    (boxed, points)
}

/// Whether every element lies inside its interval, but for the rounding of the `f64` computation itself.
fn enclosed(what: &str, found: &Tensor<Interval>, expected: &Tensor<f64>) -> Result<(), String> {
    if found.shape() != expected.shape() {
        return Err(format!("{what}: shape {:?}, not {:?}", found.shape(), expected.shape()));
    }
    for (i, (y, &x)) in found.iter().zip(expected).enumerate() {
        let slack = 1e-12 * x.abs().max(1.0);
        let holds = y.lo() - slack <= x && x <= y.hi() + slack;
        if !holds {
            return Err(format!("{what}, element {i}: {x} is not in {y}"));
        }
    }
    Ok(())
}

/// Output and gradients on intervals hold those at every point, of one case of one specimen.
fn check_enclosure(
    specimen: &Specimen<f64>,
    on_intervals: &Specimen<Interval>,
    case: &[Vec<usize>],
    seed: u64,
) -> Result<(), String> {
    let (boxed, points) = boxes(specimen, case, seed);
    let w = weights(specimen, &points[0]);
    let bounds = swept(on_intervals, &w, &boxed);
    let widest = boxed.iter().flatten().map(|x| x.width()).fold(0.0, f64::max);
    if widest < 1e-4 && !bounds[0].iter().all(|y| y.is_finite() && (y.width() < 1e-2 || specimen.flat)) {
        return Err(format!("bounds that say nothing: {}", bounds[0]));
    }
    for xs in &points {
        let exact = swept(specimen, &w, xs);
        for (k, (found, expected)) in bounds.iter().zip(&exact).enumerate() {
            let what = if k == 0 { "value".into() } else { format!("gradient by input {}", k - 1) };
            enclosed(&what, found, expected).map_err(|why| format!("{why}, for inputs {boxed:?}"))?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 0, ..seeds(24) })]

    #[test]
    fn every_op_encloses_values_and_gradients(seed in any::<u64>()) {
        let mut wrong = vec![];
        for (specimen, on_intervals) in registry::<f64>().iter().zip(&registry::<Interval>()).filter(|(s, _)| !exempt(s)) {
            for case in &specimen.cases {
                if let Err(why) = check_enclosure(specimen, on_intervals, case, seed) {
                    wrong.push(format!("{} of {case:?}, seed {seed}: {why}", specimen.name));
                }
            }
        }
        prop_assert!(wrong.is_empty(), "{} cases fail:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// An expression of random ops, the same one for every scalar.
fn expression<'t, T: Float>(draw: &mut Numbers, x: Var<'t, T>, y: Var<'t, T>) -> Var<'t, T> {
    let mut values = vec![x, y];
    for _ in 0..6 {
        let [a, b] = [values[draw.below(values.len())], values[draw.below(values.len())]];
        values.push(match draw.below(15) {
            0 => a + b,
            1 => a * b,
            2 => a - b,
            3 => a.maximum(b),
            4 => a.minimum(b),
            5 => a.matmul(b.t()).tanh(),
            6 => a.relu() - b.abs(),
            7 => a.sin() * b.cos(),
            8 => a.softmax(-1),
            9 => a / (b * b + T::one()),
            10 => (a - a.mean(keep(0))) * b.sigmoid(),
            11 => a.clamp(-0.5, 0.75) + b.leaky_relu(0.1),
            12 => (a * a + T::of(0.1)).sqrt(),
            13 => a.gelu() + b.logsumexp(keep(-1)),
            _ => a.powi(3) - b.max(keep(0)),
        });
    }
    values[values.len() - 1]
}

proptest! {
    #![proptest_config(seeds(300))]

    #[test]
    fn random_expressions_are_enclosed(seed in any::<u64>()) {
        let draw = &mut Numbers(seed);
        let scale = [1e-8, 1e-3, 0.3][draw.below(3)];
        let [x, y] = [(); 2].map(|_| differences::tensor(&[3, 3], || 3.0 * draw.next() - 1.5));
        let tape = Tape::new();
        let [a, b] = [&x, &y].map(|x| tape.constant(Tensor::around(x, scale)));
        let bounds = expression(&mut Numbers(!seed), a, b).value();
        for _ in 0..4 {
            let tape = Tape::new();
            let noise = differences::tensor(&[2, 3, 3], || scale * (2.0 * draw.next() - 1.0));
            let [a, b] = [(&x, 0), (&y, 1)].map(|(x, i)| tape.constant(x + noise.narrow(0, i, 1).squeeze(0)));
            let value = expression(&mut Numbers(!seed), a, b).value();
            prop_assert_eq!(enclosed("value", &bounds, &value), Ok(()));
        }
    }
}

#[test]
fn every_exemption_is_of_an_op_that_exists() {
    let all = registry::<f64>();
    let ops: Vec<_> = all.iter().filter(|s| exempt(s)).filter_map(|s| s.name.split(' ').next()).collect();
    assert!(EXEMPT.iter().all(|(op, why)| ops.contains(op) && !why.is_empty()), "{ops:?}");
}

#[test]
fn intervals_are_sorted_where_none_overlap_and_refused_where_some_do() {
    let apart = tensor![interval(2.0, 3.0), Interval::NAN, interval(-1.0, 1.0), interval(4.0, 4.0)];
    assert_eq!(apart.argsort(0, false).to_vec(), [2, 0, 3, 1]);
    let refused = std::panic::catch_unwind(|| tensor![interval(0.0, 2.0), interval(1.0, 3.0)].sort(0, true));
    assert!(refused.is_err());
}

/// A net that was trained in `f32`, on intervals: the bounds hold what it answers for inputs inside.
#[test]
fn a_net_takes_its_parameters_over_and_bounds_its_outputs() {
    fn parts<T: Float>(hidden: usize) -> Sequential<T> {
        let rng = &mut StdRng::seed_from_u64(3);
        let net = Sequential::new().with(Linear::init(20, hidden, rng)).with(Relu);
        net.with(Linear::init(hidden, 4, rng)).with_fn(|x| x.softmax(-1))
    }
    let trained = parts::<f32>(12);
    let mut bounding = parts::<Interval>(12);
    bounding.load_state(trained.state().cast()).expect("the same net");
    let x = Tensor::uniform([5, 20], 0.0, 1.0, &mut StdRng::seed_from_u64(4));
    let tape = Tape::new();
    let outputs = bounding.forward(tape.constant(Tensor::around(&x, 0.02))).value();
    assert!(outputs.iter().all(|y| y.is_finite() && y.width() < 0.2), "{outputs}");
    for seed in 5..25 {
        let noise = Tensor::uniform([5, 20], -0.02, 0.02, &mut StdRng::seed_from_u64(seed));
        let tape = Tape::new();
        let y = trained.forward(tape.constant((&x + &noise).cast())).value();
        assert!(outputs.iter().zip(&y).all(|(bounds, &y)| bounds.contains(f64::from(y))));
    }

    // What does not fit is told all at once, and changes nothing.
    let before = bounding.state();
    let error = bounding.load_state(parts::<f32>(13).state().cast()).expect_err("another net").to_string();
    assert!(["`0.weight`", "`0.bias`", "`2.weight`"].iter().all(|name| error.contains(name)), "{error}");
    let other = Sequential::<f32>::new().with(Linear::init(20, 12, &mut StdRng::seed_from_u64(1)));
    let error = bounding.load_state(other.state().cast()).expect_err("a part of it").to_string();
    assert!(error.contains("`2.weight` missing") && error.contains("`2.bias` missing"), "{error}");
    assert_eq!(before.tensors["0.weight"], bounding.state().tensors["0.weight"]);
}

#[test]
fn losses_and_their_gradients_are_bounded() {
    let labels = tensor![1_usize, 0];
    let logits = tensor![[0.5, 2.0, -1.0], [1.0, -0.5, 0.25]];
    let loss = |x: &Tensor<f64>| {
        let tape = Tape::new();
        let x = tape.leaf(x.clone());
        let loss = x.cross_entropy(&labels, Reduction::Mean);
        (loss.item(), loss.backward()[x].clone())
    };
    let tape = Tape::new();
    let x = tape.leaf(Tensor::around(&logits, 0.01));
    let bound = x.cross_entropy(&labels, Reduction::Mean);
    let gradient = &bound.backward()[x];
    let (value, slope) = loss(&logits);
    assert!(bound.item().contains(value) && bound.item().width() < 0.2, "{} for {value}", bound.item());
    assert!(gradient.iter().zip(&slope).all(|(bounds, &g)| bounds.contains(g) && bounds.width() < 0.1), "{gradient}");
}
