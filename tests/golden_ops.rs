//! Ops against golden values: computed at 120 digits and rounded once (`tests/golden/ops.py`), and, with gradients, by PyTorch
//! (`tests/golden/torch_ops.py`).

#[path = "support/golden.rs"]
mod golden;

use std::collections::BTreeMap;

use rensa::{Reason, Tape, Tensor, Var};

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
    for (op, most) in [("erf", 2.0), ("erfc", 3.0), ("normal_cdf", 4.0)] {
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

// ---- PyTorch -----------------------------------------------------------------------------------------------------------

type Xs<'a, 't> = &'a [Var<'t, f64>];
type Indices<'a> = &'a [Tensor<usize>];

/// The value of a case, and the places that belong to it, if it has some.
fn torch_case<'t>(name: &str, x: Xs<'_, 't>, i: Indices<'_>) -> (Var<'t, f64>, Option<Tensor<usize>>) {
    let with_places = |(y, places)| (y, Some(places));
    match name {
        "sort" | "sort_nan" => with_places(x[0].sort(-1, false)),
        "sort_descending" => with_places(x[0].sort(-1, true)),
        "sort_first" => with_places(x[0].sort(0, false)),
        "topk" => with_places(x[0].topk(2, -1, true)),
        "topk_smallest" => with_places(x[0].topk(3, 0, false)),
        "topk_tied" => (x[0].topk(2, -1, true).0, None),
        "topk_nan" => (x[0].topk(3, -1, true).0, None),
        _ => (elementwise(name, x, i).or_else(|| reduction(name, x)).unwrap_or_else(|| movement(name, x)), None),
    }
}

fn elementwise<'t>(name: &str, x: Xs<'_, 't>, i: Indices<'_>) -> Option<Var<'t, f64>> {
    let mask = || Tensor::from_vec(i[0].iter().map(|&i| i > 0).collect(), i[0].shape()).expect("as many as indices");
    let pair = || [&i[0], &i[1]];
    Some(match name {
        "abs" | "abs_special" => x[0].abs(),
        "sign" => x[0].sign(),
        "floor" => x[0].floor(),
        "ceil" => x[0].ceil(),
        "round" => x[0].round(),
        "trunc" => x[0].trunc(),
        "square" => x[0].square(),
        "relu" | "relu_special" => x[0].relu(),
        "clamp" => x[0].clamp(-1.1, 1.4),
        "clamp_bounds" => x[0].clamp(-1.0, 1.5),
        "erf" => x[0].erf(),
        "erfc" => x[0].erfc(),
        "maximum" | "maximum_special" => x[0].maximum(x[1]),
        "minimum" => x[0].minimum(x[1]),
        "pow" => x[0].pow(x[1]),
        "atan2" | "atan2_axes" | "atan2_infinite" => x[0].atan2(x[1]),
        "remainder" | "remainder_special" | "remainder_broadcast" => x[0].remainder(x[1]),
        "log_add_exp" | "log_add_exp_far" | "log_add_exp_infinite" => x[0].log_add_exp(x[1]),
        "lerp" | "lerp_ends" => x[0].lerp(x[1], x[2]),
        "where" => Var::where_cond(&mask(), x[0], x[1]),
        "masked_fill" => x[0].masked_fill(&mask(), 0.5),
        "masked_fill_infinite" => x[0].masked_fill(&mask(), f64::NEG_INFINITY),
        "one_hot" => x[0].tape().constant(Tensor::one_hot(&i[0], 4)) * x[0],
        "gather" => x[0].gather(1, &i[0]),
        "index_select" => x[0].index_select(1, &i[0]),
        "scatter_add" => x[0].scatter_add(0, &i[0], x[1]),
        "scatter" => x[0].scatter(1, &i[0], x[1]),
        "index_get" => x[0].index_get(&pair()),
        "index_put" => x[0].index_put(&pair(), x[1], false),
        "index_put_add" => x[0].index_put(&pair(), x[1], true),
        _ => return None,
    })
}

fn reduction<'t>(name: &str, x: Xs<'_, 't>) -> Option<Var<'t, f64>> {
    if let Some(order) = name.strip_prefix("vector_norm_") {
        let number = |text: &str| text.parse::<f64>().expect("an order");
        return Some(match order.strip_suffix("_of_all") {
            Some(order) => x[0].vector_norm(number(order), ..),
            None => x[0].vector_norm(number(order), -1),
        });
    }
    Some(match name {
        "max" | "max_special" => x[0].max(-1),
        "min" => x[0].min([0, 1]),
        "argmax" => x[0].argmax(-1),
        "argmin" => x[0].argmin(-1),
        "prod" => x[0].prod(-1),
        "cumsum" => x[0].cumsum(0),
        "cumprod" => x[0].cumprod(-1),
        "cumprod_first" => x[0].cumprod(0),
        "cosine_similarity" | "cosine_similarity_zero" => x[0].cosine_similarity(x[1], -1, 1e-8),
        "cosine_similarity_first" => x[0].cosine_similarity(x[1], 0, 1e-8),
        "cdist_1" | "cdist_batch" => x[0].cdist(x[1], 1.0),
        "cdist_2" | "cdist_far" => x[0].cdist(x[1], 2.0),
        "cdist_3" => x[0].cdist(x[1], 3.0),
        "cdist_inf" => x[0].cdist(x[1], f64::INFINITY),
        _ => return None,
    })
}

fn movement<'t>(name: &str, x: Xs<'_, 't>) -> Var<'t, f64> {
    match name {
        "diagonal" => x[0].diagonal(1, 0, 2),
        "diagonal_below" => x[0].diagonal(-1, -1, 1),
        "diag_of_matrix" => x[0].diag(-1),
        "diag_of_vector" => x[0].diag(1),
        "trace" => x[0].trace(),
        "tril_-1" => x[0].tril(-1),
        "tril_0" => x[0].tril(0),
        "tril_2" => x[0].tril(2),
        "triu_-1" => x[0].triu(-1),
        "triu_0" => x[0].triu(0),
        "triu_2" => x[0].triu(2),
        "roll" => x[0].roll(&[1, -5], &[0, 2]),
        "repeat" => x[0].repeat(&[2, 1, 3]),
        "tile" => x[0].tile(&[2]),
        "repeat_interleave" => x[0].repeat_interleave(2, 0),
        "dot" => x[0].dot(x[1]),
        "outer" => x[0].outer(x[1]),
        "tensordot" => x[0].tensordot(x[1], ([2, 0], [0, 1])),
        "tensordot_last" => x[0].tensordot(x[1], 2),
        "einsum_batch" => Var::einsum("bij,bjk->bik", x),
        "einsum_trace" => Var::einsum("ii", x),
        "einsum_diagonal" => Var::einsum("ii->i", x),
        "einsum_transposed" => Var::einsum("ba", x),
        "einsum_bilinear" => Var::einsum("bn,anm,bm->ba", x),
        "einsum_ellipsis" => Var::einsum("...ij,...jk->...ik", x),
        "einsum_ellipsis_last" => Var::einsum("i...,i->...", x),
        "einsum_outer" => Var::einsum("i,j", x),
        "einsum_sums" => Var::einsum("ij,kl->jl", x),
        "einsum_ellipsis_summed" => Var::einsum("...i,...i->i", x),
        _ => panic!("no case called {name}"),
    }
}

/// Whether two lists are the same numbers, NaN for NaN, but for a few roundings of terms of this size.
fn agree(found: &[f64], expected: &[f64], size: f64) -> bool {
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    let near = |a: f64, b: f64| (a - b).abs() <= 8.0 * f64::EPSILON * b.abs().max(size);
    found.len() == expected.len() && found.iter().zip(expected).all(|(&a, &b)| same(a, b) || near(a, b))
}

#[test]
fn values_and_gradients_equal_those_of_pytorch() {
    let values: BTreeMap<_, _> = golden::load(include_str!("golden/torch_ops.txt"));
    let names: Vec<&str> = values.keys().filter_map(|name| name.strip_suffix("/y")).collect();
    assert!(names.len() >= 105, "only {} cases", names.len());
    let (mut wrong, mut gradients) = (Vec::new(), 0);
    for name in names {
        let tensor = |what: &str| {
            let (shape, data) = values.get(&format!("{name}/{what}"))?;
            Some(Tensor::from_vec(data.clone(), &shape[..]).expect("golden values"))
        };
        let tape = Tape::new();
        let xs: Vec<_> = (0..).map_while(|k| tensor(&format!("x{k}"))).map(|x| tape.leaf(x)).collect();
        let indices = (0..).map_while(|k| tensor(&format!("i{k}")));
        let whole =
            |x: &Tensor<f64>| Tensor::from_vec(x.iter().map(|&i| i as usize).collect(), x.shape()).expect("as many");
        let (y, places) = torch_case(name, &xs, &indices.map(|i| whole(&i)).collect::<Vec<_>>());
        let mut check = |what: &str, found: Tensor<f64>, expected: Tensor<f64>| {
            let size = expected.iter().fold(0.0, |m: f64, x| if x.is_finite() { m.max(x.abs()) } else { m }).min(10.0);
            if found.shape() != expected.shape() || !agree(&found.to_vec(), &expected.to_vec(), size) {
                wrong.push(format!("{name}, {what}: {found:?}, expected {expected:?}"));
            }
        };
        check("value", y.value(), tensor("y").expect("every case has a value"));
        assert_eq!(places.is_some(), tensor("p").is_some(), "{name}");
        if let (Some(places), Some(expected)) = (places, tensor("p")) {
            assert_eq!(places, whole(&expected), "{name}, places");
        }
        let weights = Tensor::from_vec((0..y.value().len()).map(|k| 1.0 + (k % 7) as f64 / 4.0).collect(), y.shape());
        let swept = y.backward_with(weights.expect("a weight for each"));
        for (k, &x) in xs.iter().enumerate() {
            if let Some(expected) = tensor(&format!("g{k}")) {
                // What is constant almost everywhere has gradient 0 there, and none here.
                let found = swept.get(x).cloned().unwrap_or_else(|why| {
                    assert_eq!(why.reason(), Reason::NoRule, "{name}: {why}");
                    Tensor::zeros(x.shape())
                });
                check("gradient", found, expected);
                gradients += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(gradients >= 131, "only {gradients} gradients");
}

#[test]
fn the_comparator_lets_no_nan_and_no_length_pass() {
    let nan = f64::NAN;
    assert!(agree(&[1.0, nan], &[1.0, nan], 1.0) && agree(&[f64::INFINITY], &[f64::INFINITY], 1.0));
    assert!(!agree(&[nan], &[1.0], 1.0) && !agree(&[1.0], &[nan], 1.0) && !agree(&[f64::INFINITY], &[1e300], 1.0));
    assert!(!agree(&[1.0], &[1.0, 2.0], 1.0) && !agree(&[], &[1.0], 1.0) && !agree(&[1.0], &[1.0 + 1e-13], 1.0));
}
