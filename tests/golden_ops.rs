//! Ops against golden values: computed at 120 digits and rounded once (`tests/golden/ops.py`).

#[path = "support/golden.rs"]
mod golden;

use std::collections::BTreeMap;

use rensa::{Tape, Tensor, Var};

/// What is done to each input.
fn apply<'t>(op: &str, x: Var<'t, f64>) -> Var<'t, f64> {
    match op {
        "exp" => x.exp(),
        "ln" => x.ln(),
        "ln_1p" => x.ln_1p(),
        "exp_m1" => x.exp_m1(),
        "square" => x.square(),
        "sqrt" => x.sqrt(),
        "rsqrt" => x.rsqrt(),
        "sin" => x.sin(),
        "cos" => x.cos(),
        "tan" => x.tan(),
        "tanh" => x.tanh(),
        "sigmoid" => x.sigmoid(),
        "softplus" => x.softplus(),
        "relu" => x.relu(),
        "leaky_relu" => x.leaky_relu(0.01),
        "elu" => x.elu(1.0),
        "erf" => x.erf(),
        "erfc" => x.erfc(),
        "normal_cdf" => x.normal_cdf(),
        "gelu" => x.gelu(),
        "gelu_tanh" => x.gelu_tanh(),
        "silu" => x.silu(),
        "logsumexp" => x.logsumexp(-1),
        "softmax" => x.softmax(-1),
        "log_softmax" => x.log_softmax(-1),
        "var_ddof0" => x.var(-1, 0),
        "var_ddof1" => x.var(-1, 1),
        "std_ddof0" => x.std(-1, 0),
        "std_ddof1" => x.std(-1, 1),
        "cumsum_axis0" => x.cumsum(0),
        "cumsum_axis1" => x.cumsum(1),
        _ => panic!("no op called {op}"),
    }
}

/// How far a result may be from the golden value, relative to it, in units of 2⁻⁵².
fn ulps(op: &str, x: f64) -> f64 {
    match op {
        // The exponent 2u is of size |x|³ and is rounded before the exponential magnifies that.
        "gelu_tanh" if x < 0.0 => 4.0 + 2.0 * 1.6 * (x.abs() + 0.0447 * x.abs().powi(3)).min(750.0),
        // A mean at 1e8 is rounded there; its error enters squared, relative to spreads of 1e-3 and more.
        _ if op.starts_with("var") || op.starts_with("std") => 64.0,
        // A quotient of exponentials of rounded differences.
        "softmax" => 8.0,
        _ => 4.0,
    }
}

/// An error that is no fault of the formula: of sums in sequence, that of their largest term.
fn absolute(op: &str, xs: &[f64]) -> f64 {
    let largest = xs.iter().fold(0.0, |m: f64, x| if x.is_finite() { m.max(x.abs()) } else { m });
    match op {
        "cumsum_axis0" | "cumsum_axis1" => 2.0 * f64::EPSILON * largest,
        // x · sigmoid(x) where sigmoid is the smallest number there is.
        "silu" => 745.0 * 5e-324,
        _ => 2.0 * 5e-324,
    }
}

#[test]
fn ops_equal_golden_values() {
    let values: BTreeMap<_, _> = golden::load(include_str!("golden/ops.txt"));
    let ops: Vec<&str> = values.keys().filter_map(|name| name.strip_suffix("/x")).collect();
    assert!(ops.len() >= 27, "only {} ops", ops.len());
    let mut wrong = Vec::new();
    for op in ops {
        let (shape, xs) = &values[&format!("{op}/x")];
        let (y_shape, ys) = &values[&format!("{op}/y")];
        let tape = Tape::new();
        let y = apply(op, tape.leaf(Tensor::from_vec(xs.clone(), &shape[..]).expect("golden inputs"))).value();
        assert_eq!(y.shape()[..], y_shape[..], "{op}");
        for (k, (&found, &expected)) in y.to_vec().iter().zip(ys).enumerate() {
            let x = xs[k * xs.len() / ys.len()];
            let tolerance = ulps(op, x) * f64::EPSILON * expected.abs() + absolute(op, xs);
            let close =
                found == expected || (found.is_nan() && expected.is_nan()) || (found - expected).abs() <= tolerance;
            if !close {
                let off = (found - expected).abs() / (f64::EPSILON * expected.abs());
                wrong.push(format!("{op}({x:e}) is {found:e}, expected {expected:e}, off by {off:.1} × 2⁻⁵²"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The error function and its kin are approximated by polynomials of our own: they must not be off by more than their docs say.
#[test]
fn erf_is_within_two_units_in_the_last_place_and_its_tails_within_three() {
    let values: BTreeMap<_, _> = golden::load(include_str!("golden/ops.txt"));
    for (op, most) in [("erf", 2.0), ("erfc", 3.0), ("normal_cdf", 3.0)] {
        let ((shape, xs), (_, ys)) = (&values[&format!("{op}/x")], &values[&format!("{op}/y")]);
        let tape = Tape::new();
        let found = apply(op, tape.leaf(Tensor::from_vec(xs.clone(), &shape[..]).expect("golden inputs"))).value();
        let mut worst = 0.0;
        for ((&x, &found), &expected) in xs.iter().zip(&found).zip(ys).filter(|((x, _), _)| x.is_finite()) {
            let unit = expected.abs().next_up() - expected.abs();
            let off = (found - expected).abs() / unit;
            assert!(off <= most, "{op}({x:e}) is {found:e}, expected {expected:e}, off by {off} units");
            worst = f64::max(worst, off);
        }
        println!("{op}: at most {worst} units in the last place of {} values", xs.len());
    }
}

/// The sign of a zero: of functions that are odd it is that of x; a tail that vanishes from below is −0.
#[test]
fn signs_of_zeros_are_kept() {
    let tape = Tape::<f64>::new();
    let negative = |x: f64, op: &str| {
        let y = apply(op, tape.leaf(Tensor::scalar(x))).item();
        assert_eq!(y, 0.0);
        y.is_sign_negative()
    };
    for op in ["tanh", "sin", "tan", "exp_m1", "ln_1p", "sqrt", "erf", "gelu", "gelu_tanh", "silu"] {
        assert!(negative(-0.0, op) && !negative(0.0, op), "{op}");
    }
    for op in ["gelu", "gelu_tanh", "silu"] {
        assert!(negative(-1e4, op) && negative(f64::NEG_INFINITY, op), "{op}");
    }
    assert!(!negative(0.0, "relu") && !negative(-1.0, "relu"));
}
