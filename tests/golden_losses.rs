//! Losses against golden values and gradients, for every reduction: PyTorch's, and the hinge loss by its formula
//! (`tests/golden/torch_losses.py`).

#[path = "support/golden.rs"]
mod golden;

use std::collections::{BTreeMap, BTreeSet};

use rensa::ops::{Bce, BceWithLogits, CrossEntropy, Nll, TripletMargin};
use rensa::{Reduction, Tape, Tensor, Var};

const TOLERANCE: f64 = 1e-10;

type Golden = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

/// Whether the two are lists of one length, equal but for a relative error of the tolerance, absolute below 1. Only NaN is NaN.
fn compare(found: &[f64], expected: &[f64]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{} numbers, expected {}", found.len(), expected.len()));
    }
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let near = || f.is_finite() && e.is_finite() && (f - e).abs() <= TOLERANCE * e.abs().max(1.0);
        let close = f == e || (f.is_nan() && e.is_nan()) || near();
        if !close {
            return Err(format!("number {i} is {f:e}, expected {e:e}"));
        }
    }
    Ok(())
}

#[test]
fn the_comparator_lets_nothing_through() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    assert!(compare(&[1.0, nan, inf], &[1.0 + 1e-11, nan, inf]).is_ok());
    for (f, e) in [(1.0, 1.0 + 1e-9), (nan, 1.0), (1.0, nan), (inf, 1.0), (1.0, inf), (inf, -inf), (nan, inf)] {
        assert!(compare(&[f], &[e]).is_err(), "{f} passed for {e}");
    }
    assert!(compare(&[1.0], &[1.0, 1.0]).is_err() && compare(&[1.0, 1.0], &[1.0]).is_err());
}

/// Inputs on the tape, class indices, and weights.
struct Inputs<'t> {
    xs: Vec<Var<'t, f64>>,
    index: Option<Tensor<usize>>,
    weights: Vec<Tensor<f64>>,
}

fn loss<'t>(case: &str, inputs: &Inputs<'t>, reduction: Reduction) -> Result<Var<'t, f64>, String> {
    let Inputs { xs, index, weights } = inputs;
    let (x, t) = (xs[0], xs.last().copied().unwrap_or(xs[0]));
    let classes = || index.as_ref().expect("class indices");
    let alike = || {
        let labels: Vec<bool> = classes().iter().map(|&i| i == 1).collect();
        Tensor::from_vec(labels, classes().shape()).unwrap()
    };
    let entropy = |ignore: Option<usize>, smoothing: f64| {
        let mut options = CrossEntropy::new().label_smoothing(smoothing).reduction(reduction);
        if let Some(weight) = weights.first() {
            options = options.weight(weight);
        }
        ignore.map_or(options, |index| options.ignore_index(index))
    };
    let nll = |ignore: Option<usize>| {
        let options = weights.first().map_or(Nll::new(), |weight| Nll::new().weight(weight)).reduction(reduction);
        ignore.map_or(options, |index| options.ignore_index(index))
    };
    let triplet = |options: TripletMargin| xs[0].triplet_margin(xs[1], xs[2], options.reduction(reduction));
    Ok(match case {
        "cross_entropy" | "cross_entropy_one" | "cross_entropy_none" | "cross_entropy_image" | "cross_entropy_far" => {
            x.cross_entropy(classes(), reduction)
        }
        "cross_entropy_weight" | "cross_entropy_far_weight" => x.cross_entropy(classes(), entropy(None, 0.0)),
        "cross_entropy_ignore" => x.cross_entropy(classes(), entropy(Some(2), 0.0)),
        "cross_entropy_ignore_outside" | "cross_entropy_ignore_all" => {
            x.cross_entropy(classes(), entropy(Some(9), 0.0))
        }
        "cross_entropy_smooth" => x.cross_entropy(classes(), entropy(None, 0.1)),
        "cross_entropy_smooth_ignore" => x.cross_entropy(classes(), entropy(Some(2), 0.1)),
        "cross_entropy_all" => x.cross_entropy(classes(), entropy(Some(4), 0.3)),
        "cross_entropy_image_all" => x.cross_entropy(classes(), entropy(Some(1), 0.3)),
        "soft_cross_entropy" | "soft_cross_entropy_one" | "soft_cross_entropy_image" => x.cross_entropy(t, reduction),
        "soft_cross_entropy_weight" => x.cross_entropy(t, entropy(None, 0.0)),
        "soft_cross_entropy_all" => x.cross_entropy(t, entropy(None, 0.2)),
        "nll" | "nll_one" => x.nll(classes(), reduction),
        "nll_weight" => x.nll(classes(), nll(None)),
        "nll_ignore" => x.nll(classes(), nll(Some(2))),
        "nll_all" => x.nll(classes(), nll(Some(9))),
        "nll_image" => x.nll(classes(), nll(Some(1))),
        "bce" | "bce_edges" => x.bce(t, reduction),
        "bce_weight" => x.bce(t, Bce::new().weight(&weights[0]).reduction(reduction)),
        "bce_with_logits" | "bce_with_logits_far" => x.bce_with_logits(t, reduction),
        "bce_with_logits_pos_weight" => {
            x.bce_with_logits(t, BceWithLogits::new().pos_weight(&weights[0]).reduction(reduction))
        }
        "bce_with_logits_both" => {
            let options = BceWithLogits::new().pos_weight(&weights[0]).weight(&weights[1]);
            x.bce_with_logits(t, options.reduction(reduction))
        }
        "mse" | "mse_none" => x.mse(t, reduction),
        "l1" => x.l1(t, reduction),
        "huber" => x.huber(t, 0.7, reduction),
        "smooth_l1" => x.smooth_l1(t, 0.7, reduction),
        "smooth_l1_of_0" => x.smooth_l1(t, 0.0, reduction),
        "kl_div" | "kl_div_zeros" => x.kl_div(t, reduction),
        "kl_div_log_target" => x.kl_div_log_target(t, reduction),
        "hinge" => x.hinge(t, 1.5, reduction),
        "hinge_embedding" => x.hinge_embedding(&alike(), 1.3, reduction),
        "cosine_embedding" | "cosine_embedding_one" => x.cosine_embedding(t, &alike(), 0.2, reduction),
        "triplet_margin" => triplet(TripletMargin::new()),
        "triplet_margin_p1" => triplet(TripletMargin::new().p(1.0).margin(0.5)),
        "triplet_margin_all" => triplet(TripletMargin::new().p(3.0).margin(0.8).swap(true).eps(1e-3)),
        "triplet_margin_one" => triplet(TripletMargin::new().margin(3.0)),
        _ => return Err(format!("no case called {case}")),
    })
}

/// Compares a value or gradient that the file has, shape and all.
fn check(golden: &Golden, name: &str, found: &Tensor<f64>) -> Result<(), String> {
    let (shape, values) = golden.get(name).ok_or_else(|| format!("no `{name}`"))?;
    if found.shape()[..] != shape[..] {
        return Err(format!("{name} has shape {:?}, expected {shape:?}", found.shape()));
    }
    compare(&found.to_vec(), values).map_err(|why| format!("{name}: {why}"))
}

fn run(golden: &Golden, case: &str) -> Result<usize, String> {
    let mut compared = 0;
    let tensor = |what: String| {
        let (shape, values) = golden.get(&format!("{case}/{what}"))?;
        Some(Tensor::from_vec(values.clone(), &shape[..]).unwrap())
    };
    for (name, reduction) in [("mean", Reduction::Mean), ("sum", Reduction::Sum), ("none", Reduction::None)] {
        let tape = Tape::new();
        let xs: Vec<_> = (0..).map_while(|i| tensor(format!("x{i}"))).map(|x| tape.leaf(x)).collect();
        let index =
            tensor("i0".into()).map(|i| Tensor::from_vec(i.iter().map(|&i| i as usize).collect(), i.shape()).unwrap());
        let inputs = Inputs { xs, index, weights: (0..).map_while(|i| tensor(format!("w{i}"))).collect() };
        let y = loss(case, &inputs, reduction)?;
        check(golden, &format!("{case}/{name}/y"), &y.value())?;
        let n = y.value().len();
        let weights: Vec<f64> = (0..n).map(|i| 1.0 + 0.25 * (i % 7) as f64).collect();
        let weights = Tensor::from_vec(weights, y.shape()).unwrap();
        // By the fused rules, and by those on handles.
        let fused = y.backward_with(weights.clone());
        let seed = tape.constant(weights);
        for (i, &x) in inputs.xs.iter().enumerate() {
            let what = format!("{case}/{name}/g{i}");
            if golden.contains_key(&what) {
                check(golden, &what, &fused[x])?;
                check(golden, &what, &y.grad_with(seed, [x]).map_err(|e| e.to_string())?[0].value())?;
                compared += 1;
            }
        }
    }
    Ok(compared)
}

#[test]
fn losses_equal_golden_values_and_gradients() {
    let golden: Golden = golden::load(include_str!("golden/torch_losses.txt"));
    let cases: BTreeSet<&str> = golden.keys().filter_map(|name| name.split('/').next()).collect();
    assert!(cases.len() >= 49, "only {cases:?}");
    let results: Vec<_> = cases.iter().map(|case| run(&golden, case)).collect();
    let wrong: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ: {wrong:#?}", wrong.len(), cases.len());
    let compared: usize = results.iter().flatten().sum();
    let there = golden.keys().filter(|name| name.contains("/g")).count();
    assert_eq!(compared, there, "every gradient of the file is compared");
}
