//! Conventions: what a derivative is where there is none, where NaN goes, and what happens in the far tails.
//!
//! Tests named `trap_…` are lines of the list of defects that other libraries had.

#[path = "support/numbers.rs"]
mod numbers;

use numbers::{is, near};
use rensa::{Reduction, Tape, Tensor, Var, keep, tensor};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// The tensor of rank 1 with these elements.
fn list<const N: usize>(x: [f64; N]) -> Tensor<f64> {
    Tensor::from_vec(x.to_vec(), [N]).expect("as many elements as it has")
}

/// Value and gradient of `Σ f(x)`.
fn at<const N: usize>(x: [f64; N], f: impl for<'t> FnOnce(&Var<'t, f64>) -> Var<'t, f64>) -> (Vec<f64>, Vec<f64>) {
    let tape = Tape::new();
    let x = tape.leaf(list(x));
    let y = f(&x);
    let gradients = y.backward_with(Tensor::ones(y.shape()));
    (y.value().to_vec(), gradients[x].to_vec())
}

/// Value and gradients of `Σ f(a, b)`.
fn at2<const N: usize>(
    a: [f64; N],
    b: [f64; N],
    f: impl for<'t> FnOnce(&Var<'t, f64>, &Var<'t, f64>) -> Var<'t, f64>,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let tape = Tape::new();
    let (a, b) = (tape.leaf(list(a)), tape.leaf(list(b)));
    let y = f(&a, &b);
    let gradients = y.backward_with(Tensor::ones(y.shape()));
    (y.value().to_vec(), gradients[a].to_vec(), gradients[b].to_vec())
}

// ---- ties and kinks ----------------------------------------------------------------------------------------------------

#[test]
fn rounding_goes_to_the_even_one_of_two_and_keeps_nan() {
    let value = |x: Tensor<f64>| x.to_vec();
    let x = list([2.5, 3.5, -2.5, 0.5, -0.5, 1.5, 0.49999999999999994, 4503599627370497.0, NAN, INF, -INF, -0.2]);
    is(&value(x.round()), &[2.0, 4.0, -2.0, 0.0, 0.0, 2.0, 0.0, 4503599627370497.0, NAN, INF, -INF, 0.0]);
    is(&value(list([-1.5, 1.5, -0.0]).trunc()), &[-1.0, 1.0, 0.0]);
    is(&value(list([-1.5, 1.5, NAN]).floor()), &[-2.0, 1.0, NAN]);
    is(&value(list([-1.5, 1.5, NAN]).ceil()), &[-1.0, 2.0, NAN]);
}

#[test]
fn comparisons_on_the_tape_are_numbers_and_false_for_nan() {
    let tape = Tape::new();
    let (a, b) = (tape.leaf(list([1.0, 2.0, NAN])), tape.leaf(list([2.0, 2.0, NAN])));
    is(&a.less(b).value().to_vec(), &[1.0, 0.0, 0.0]);
    is(&a.less_equal(b).value().to_vec(), &[1.0, 1.0, 0.0]);
    is(&a.greater(b).value().to_vec(), &[0.0, 0.0, 0.0]);
    is(&b.greater_equal(a).value().to_vec(), &[1.0, 1.0, 0.0]);
    is(&a.equal(b).value().to_vec(), &[0.0, 1.0, 0.0]);
    is(&a.not_equal(b).value().to_vec(), &[1.0, 0.0, 1.0]);
    is(&[a.argmax(-1).item(), list([3.0, 1.0, 1.0]).argmin(0).item() as f64], &[2.0, 1.0]);
}

#[test]
fn trap_21_slopes_at_kinks() {
    is(&at([0.0, -0.0], |x| x.relu()).1, &[0.0, 0.0]);
    is(&at([0.0, -0.0], |x| x.abs()).1, &[0.0, 0.0]);
    let (y, g) = at([0.0, -0.0, 2.0, -3.0], |x| x.sign());
    is(&y, &[0.0, 0.0, 1.0, -1.0]);
    is(&g, &[0.0; 4]);
    is(&at([-1.0, 2.0, -1.5, 2.5, 0.0], |x| x.clamp(-1.0, 2.0)).1, &[1.0, 1.0, 0.0, 0.0, 1.0]);
    is(&at([0.0, -1.0, 1.0], |x| x.leaky_relu(0.25)).1, &[0.25, 0.25, 1.0]);
    is(&at([0.0], |x| x.elu(1.5)).1, &[1.5]);
    is(&at([0.0], |x| x.sqrt()).1, &[INF]);
}

#[test]
fn trap_16_ties_share_equally() {
    let (y, a, b) = at2([1.0, 2.0, 0.0], [1.0, 3.0, -0.0], |a, b| a.maximum(*b));
    is(&y, &[1.0, 3.0, 0.0]);
    is(&a, &[0.5, 0.0, 0.5]);
    is(&b, &[0.5, 1.0, 0.5]);
    let (_, a, b) = at2([1.0, 2.0], [1.0, 3.0], |a, b| a.minimum(*b));
    is(&a, &[0.5, 1.0]);
    is(&b, &[0.5, 0.0]);
    is(&at([3.0, 1.0, 3.0, 3.0, 2.0], |x| x.max(..) * 6.0).1, &[2.0, 0.0, 2.0, 2.0, 0.0]);
    is(&at([3.0, 1.0, 1.0, 2.0], |x| x.min(0) * 6.0).1, &[0.0, 3.0, 3.0, 0.0]);
    is(&at([5.0], |x| x.maximum(*x)).1, &[1.0]);
}

#[test]
fn trap_16_argmax_takes_the_first_and_the_first_nan() {
    assert_eq!(tensor![1.0, 3.0, 3.0].argmax(-1).item(), 1);
    assert_eq!(tensor![1.0, NAN, 9.0, NAN].argmax(-1).item(), 1);
    assert_eq!(tensor![2.0, -1.0, -1.0].argmin(-1).item(), 1);
    assert_eq!(tensor![2.0, NAN, -1.0].argmin(-1).item(), 1);
}

// ---- NaN ---------------------------------------------------------------------------------------------------------------

#[test]
fn trap_17_nan_goes_through() {
    is(&at([NAN, 1.0], |x| x.relu()).0, &[NAN, 1.0]);
    is(&at([NAN, 1.0], |x| x.clamp(-0.5, 0.5)).0, &[NAN, 0.5]);
    is(&at([NAN], |x| x.sign()).0, &[NAN]);
    is(&at([NAN], |x| x.abs()).0, &[NAN]);
    is(&at([1.0, NAN, 3.0], |x| x.max(..)).0, &[NAN]);
    is(&at([NAN, 1.0, 3.0], |x| x.min(..)).0, &[NAN]);
    let tape = Tape::<f64>::new();
    for f in [Var::maximum, Var::minimum] {
        let (a, b) = (tape.leaf(tensor![NAN, 1.0, NAN]), tape.leaf(tensor![1.0, NAN, NAN]));
        is(&f(a, b).value().to_vec(), &[NAN; 3]);
    }
    for f in [Var::leaky_relu, Var::elu] {
        is(&f(tape.leaf(tensor![NAN]), 1.0).value().to_vec(), &[NAN]);
    }
    for f in [Var::sigmoid, Var::softplus, Var::gelu, Var::gelu_tanh, Var::silu, Var::normal_cdf, Var::tanh] {
        is(&f(tape.leaf(tensor![NAN])).value().to_vec(), &[NAN]);
    }
}

/// A gradient goes to the NaN that has won, not to the number that has lost.
#[test]
fn trap_17_a_nan_that_wins_gets_the_gradient() {
    is(&at([1.0, NAN, 3.0], |x| x.max(..)).1, &[0.0, 1.0, 0.0]);
    let (_, a, b) = at2([NAN, 1.0, NAN], [1.0, NAN, NAN], |a, b| a.maximum(*b));
    is(&a, &[1.0, 0.0, 0.5]);
    is(&b, &[0.0, 1.0, 0.5]);
}

#[test]
fn trap_20_what_where_does_not_take_does_not_leak() {
    let taken = tensor![true, false];
    let (y, g) = at([-1.0, 4.0], |x| Var::where_cond(&taken, *x, x.sqrt()));
    is(&y, &[-1.0, 2.0]);
    is(&g, &[1.0, 0.25]);
    let (_, g) = at([0.0, 4.0], |x| Var::where_cond(&taken, *x, x.ln()));
    is(&g, &[1.0, 0.25]);
    // The gradient that arrives may be infinite too.
    let (_, a, b) = at2([0.0, 1.0], [1.0, 0.0], |a, b| Var::where_cond(&taken, *a, *b).sqrt());
    is(&a, &[INF, 0.0]);
    is(&b, &[0.0, INF]);
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![0.0, 4.0]);
    let y = Var::where_cond(&taken, x * x, x * x * x * x.sqrt()); // smooth where taken
    let first = y.sum(..).backward();
    is(&first[x].to_vec(), &[0.0, 3.5 * 4f64.powf(2.5)]);
}

// ---- powers, products, norms -------------------------------------------------------------------------------------------

#[test]
fn trap_21_powers_of_zero_and_by_zero() {
    let (y, base, exponent) = at2([0.0, 0.0, 0.0, 2.0, -2.0], [0.0, 1.0, 2.0, 0.0, 2.0], |a, b| a.pow(*b));
    is(&y, &[1.0, 0.0, 0.0, 1.0, 4.0]);
    is(&base, &[0.0, 1.0, 0.0, 0.0, -4.0]);
    is(&exponent[..3], &[0.0; 3]);
    near(&exponent[3..4], &[2f64.ln()]);
    is(&at([0.0, NAN], |x| x.powi(0)).0, &[1.0, 1.0]);
    is(&at([0.0, 3.0], |x| x.powi(0)).1, &[0.0, 0.0]);
    is(&at([0.0, 3.0], |x| x.powi(1)).1, &[1.0, 1.0]);
    is(&at([0.0, 3.0], |x| x.powf(0.0)).1, &[0.0, 0.0]);
    is(&at([0.0, 3.0], |x| x.powf(2.0)).1, &[0.0, 6.0]);
    // Second order at 0: of x² it is 2, of x¹ 0, by any of the three powers.
    for n in [1, 2] {
        let tape = Tape::<f64>::new();
        let x = tape.leaf(tensor![0.0]);
        let e = tape.constant(tensor![n as f64]);
        for y in [x.powi(n), x.powf(n as f64), x.pow(e)] {
            let [first] = y.sum(..).grad([x]).expect("it depends on x");
            let second = first.sum(..).grad([x]).map_or(0.0, |[g]| g.item());
            assert_eq!(second, if n == 2 { 2.0 } else { 0.0 }, "{y:?}, n = {n}");
        }
    }
}

#[test]
fn trap_21_products_with_zeros_to_second_order() {
    is(&at([2.0, 0.0, 3.0], |x| x.prod(..)).1, &[0.0, 6.0, 0.0]);
    is(&at([0.0, 5.0, 0.0], |x| x.prod(..)).1, &[0.0; 3]);
    is(&at([0.0, 0.0], |x| x.prod(0)).1, &[0.0, 0.0]);
    // ∂²/∂x₀∂x₂ of x₀x₁x₂ is x₁, zeros or not.
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![0.0, 5.0, 0.0]);
    let [first] = x.prod(..).grad([x]).expect("it depends on x");
    let along = (first * tape.constant(tensor![1.0, 0.0, 0.0])).sum(..);
    is(&along.backward()[x].to_vec(), &[0.0, 0.0, 5.0]);
}

#[test]
fn trap_21_norm_and_deviation_where_they_are_zero() {
    is(&at([0.0, 0.0], |x| x.norm(..)).1, &[0.0, 0.0]);
    is(&at([3.0, 4.0], |x| x.norm(..) * 5.0).1, &[3.0, 4.0]);
    let (y, g) = at([0.1, 0.1, 0.1, 0.1], |x| x.std(.., 0));
    is(&y, &[0.0]);
    is(&g, &[0.0; 4]);
    // A sum whose quotient is rounded: the elements are equal all the same.
    let (y, g) = at([0.1, 0.1, 0.1], |x| x.std(.., 1));
    assert!(y[0].abs() < 1e-16 && g.iter().all(|g| g.abs() <= 1.0), "{y:?} {g:?}");
    is(&at([7.0], |x| x.var(.., 0)).1, &[0.0]);
}

// ---- softmax and kin ---------------------------------------------------------------------------------------------------

const FAR: [[f64; 3]; 3] = [[1e4, 1e4, 1e4], [-1e4, -1e4, -1e4], [1e4, -1e4, 0.0]];

#[test]
fn trap_18_softmax_and_its_kin_far_out() {
    let third = 1.0 / 3.0;
    for row in &FAR[..2] {
        near(&at(*row, |x| x.softmax(-1)).0, &[third; 3]);
        near(&at(*row, |x| x.log_softmax(-1)).0, &[-(3f64.ln()); 3]);
        let (y, g) = at(*row, |x| x.logsumexp(-1));
        near(&y, &[row[0] + 3f64.ln()]);
        near(&g, &[third; 3]);
        let (y, g) = at(*row, |x| x.unsqueeze(0).cross_entropy(&tensor![1_usize], Reduction::Mean));
        near(&y, &[3f64.ln()]);
        near(&g, &[third, third - 1.0, third]);
        let (y, g) = at(*row, |x| {
            let targets = x.tape().constant(tensor![[0.5, 0.5, 0.0]]);
            x.unsqueeze(0).cross_entropy(targets, Reduction::Sum)
        });
        near(&y, &[3f64.ln()]);
        near(&g, &[third - 0.5, third - 0.5, third]);
    }
    is(&at(FAR[2], |x| x.softmax(-1)).0, &[1.0, 0.0, 0.0]);
    is(&at(FAR[2], |x| x.log_softmax(-1)).0, &[0.0, -2e4, -1e4]);
    let (y, g) = at(FAR[2], |x| x.logsumexp(-1));
    is(&y, &[1e4]);
    is(&g, &[1.0, 0.0, 0.0]);
    let (y, g) = at(FAR[2], |x| x.unsqueeze(0).cross_entropy(&tensor![1_usize], Reduction::Mean));
    is(&y, &[2e4]);
    is(&g, &[1.0, -1.0, 0.0]);
}

/// In `f32` a large offset leaves few digits behind the point: they must not be those of the result.
#[test]
fn trap_18_a_large_offset_costs_no_digits_in_f32() {
    let tape = Tape::<f32>::new();
    let x = tape.leaf(tensor![[1e4_f32, 1e4, 1e4 - 1.0]]);
    let near_zero = tape.leaf(tensor![[0.0_f32, 0.0, -1.0]]);
    let loss = |x: Var<'_, f32>| x.cross_entropy(&tensor![2_usize], Reduction::Mean).item();
    assert_eq!(loss(x), loss(near_zero));
    assert_eq!(x.log_softmax(-1).value(), near_zero.log_softmax(-1).value());
    let far = x.logsumexp(-1).sum(..).backward()[x].to_vec();
    let close = near_zero.logsumexp(-1).sum(..).backward()[near_zero].to_vec();
    assert!(far.iter().zip(&close).all(|(a, b)| (a - b).abs() <= 2.0 * f32::EPSILON), "{far:?} {close:?}");
}

#[test]
fn trap_18_masked_entries_and_masked_rows() {
    let row = [-INF, 0.0, -INF, 0.0];
    is(&at(row, |x| x.softmax(-1)).0, &[0.0, 0.5, 0.0, 0.5]);
    is(&at(row, |x| x.log_softmax(-1)).0, &[-INF, -(2f64.ln()), -INF, -(2f64.ln())]);
    is(&at(row, |x| x.softmax(-1)).1, &[0.0; 4]);
    near(&at(row, |x| x.log_softmax(-1).slice(rensa::slice![1])).1, &[0.0, 0.5, 0.0, -0.5]);
    let (y, g) = at(row, |x| x.logsumexp(-1));
    near(&y, &[2f64.ln()]);
    is(&g, &[0.0, 0.5, 0.0, 0.5]);
    let (y, g) = at(row, |x| x.unsqueeze(0).cross_entropy(&tensor![3_usize], Reduction::Mean));
    near(&y, &[2f64.ln()]);
    is(&g, &[0.0, 0.5, 0.0, -0.5]);
    let (y, g) = at(row, |x| {
        let targets = x.tape().constant(tensor![[0.0, 0.25, 0.0, 0.75]]);
        x.unsqueeze(0).cross_entropy(targets, Reduction::Mean)
    });
    near(&y, &[2f64.ln()]);
    is(&g, &[0.0, 0.25, 0.0, -0.25]);
    // A class that is masked costs infinitely much.
    is(&at(row, |x| x.unsqueeze(0).cross_entropy(&tensor![0_usize], Reduction::Mean)).0, &[INF]);

    // Of nothing but masked entries there is no distribution; the sum of their exponentials is 0.
    let masked = [-INF, -INF];
    is(&at(masked, |x| x.softmax(-1)).0, &[NAN, NAN]);
    is(&at(masked, |x| x.log_softmax(-1)).0, &[NAN, NAN]);
    let (y, g) = at(masked, |x| x.logsumexp(-1));
    is(&y, &[-INF]);
    is(&g, &[0.0, 0.0]);
    is(&at(masked, |x| x.unsqueeze(0).cross_entropy(&tensor![0_usize], Reduction::Mean)).0, &[NAN]);
    // A masked row spoils no other one.
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![[0.0, 0.0], [-INF, -INF]]);
    is(&x.softmax(-1).value().to_vec(), &[0.5, 0.5, NAN, NAN]);
    is(&x.logsumexp(keep(-1)).sum(..).backward()[x].to_vec(), &[0.5, 0.5, 0.0, 0.0]);
}

#[test]
fn trap_18_a_masked_softmax_is_0_where_nothing_is_seen_and_does_not_look_at_what_is_hidden() {
    let weights = [1.0, 2.0, 3.0, 4.0];
    let masked = |row: [f64; 4], hidden: [bool; 4]| {
        let hidden = Tensor::from_vec(hidden.to_vec(), [4]).expect("four");
        at(row, |x| x.masked_softmax(-1, &hidden) * x.tape().constant(list(weights)))
    };
    let (y, g) = masked([NAN, 0.0, INF, 0.0], [true, false, true, false]);
    is(&y, &[0.0, 1.0, 0.0, 2.0]);
    is(&g, &[0.0, -0.5, 0.0, 0.5]);
    for (row, hidden) in [([0.0, NAN, 1.0, INF], [true; 4]), ([-INF, 5.0, -INF, -INF], [false, true, false, false])] {
        let (y, g) = masked(row, hidden);
        is(&y, &[0.0; 4]);
        is(&g, &[0.0; 4]);
    }
    // What is not hidden keeps its NaN, also beside −∞.
    is(&masked([-INF, NAN, 0.0, 0.0], [false, false, true, true]).0, &[NAN, NAN, NAN, NAN]);
    assert_eq!(Tensor::<f64>::zeros([2, 0]).masked_softmax(-1, &Tensor::full([2, 1], true)).shape(), [2, 0]);
}

#[test]
fn what_dropout_drops_is_gone_and_not_multiplied() {
    let kept = |kept: [bool; 3]| Tensor::from_vec(kept.to_vec(), [3]).expect("three");
    let (y, g) = at([NAN, INF, 3.0], |x| x.dropout(0.75, &kept([false, false, true])));
    is(&y, &[0.0, 0.0, 12.0]);
    is(&g, &[0.0, 0.0, 4.0]);
    let (y, g) = at([NAN, INF, 3.0], |x| x.dropout(1.0, &kept([true; 3])));
    is(&y, &[0.0; 3]);
    is(&g, &[0.0; 3]);
    is(&at([1.0, 2.0, 3.0], |x| x.dropout(0.0, &kept([true; 3]))).0, &[1.0, 2.0, 3.0]);
}

// ---- far tails ---------------------------------------------------------------------------------------------------------

#[test]
fn trap_19_far_tails_of_activations() {
    const X: [f64; 6] = [-INF, -1e300, -1e4, 1e4, 1e300, INF];
    type Curve = for<'t> fn(&Var<'t, f64>) -> Var<'t, f64>;
    /// Name, function, value and slope far to the left, value (none: x itself) and slope far to the right.
    type Row = (&'static str, Curve, f64, f64, Option<f64>, f64);
    let table: [Row; 8] = [
        ("sigmoid", |x| x.sigmoid(), 0.0, 0.0, Some(1.0), 0.0),
        ("tanh", |x| x.tanh(), -1.0, 0.0, Some(1.0), 0.0),
        ("normal_cdf", |x| x.normal_cdf(), 0.0, 0.0, Some(1.0), 0.0),
        ("softplus", |x| x.softplus(), 0.0, 0.0, None, 1.0),
        ("elu", |x| x.elu(1.0), -1.0, 0.0, None, 1.0),
        ("silu", |x| x.silu(), 0.0, 0.0, None, 1.0),
        ("gelu", |x| x.gelu(), 0.0, 0.0, None, 1.0),
        ("gelu_tanh", |x| x.gelu_tanh(), 0.0, 0.0, None, 1.0),
    ];
    for (name, f, left, left_slope, right, right_slope) in table {
        let (y, g) = at(X, f);
        let values = [left, left, left].into_iter().chain(X[3..].iter().map(|&x| right.unwrap_or(x)));
        assert_eq!(y, values.collect::<Vec<_>>(), "{name}");
        let slopes = [[left_slope; 3], [right_slope; 3]].concat();
        assert_eq!(g, slopes, "slope of {name}");
        // And the curvature is 0, not NaN.
        let tape = Tape::new();
        let x = tape.leaf(list(X));
        let [first] = f(&x).sum(..).grad([x]).expect("it depends on x");
        let second = first.sum(..).grad([x]).map_or(vec![0.0; 6], |[g]| g.value().to_vec());
        assert_eq!(&second[1..5], &[0.0; 4], "curvature of {name}");
    }
}

#[test]
fn trap_19_far_tails_in_f32() {
    let tape = Tape::<f32>::new();
    let x = tape.leaf(tensor![-3e38_f32, -1e20, -200.0, 200.0, 1e20, 3e38]);
    for f in [Var::sigmoid, Var::softplus, Var::silu, Var::gelu, Var::gelu_tanh, Var::tanh] {
        let y = f(x);
        let gradient = y.sum(..).backward()[x].to_vec();
        let finite = y.value().iter().chain(&gradient).all(|v| v.is_finite());
        assert!(finite, "{y:?}: {:?}, {gradient:?}", y.value());
    }
}

// ---- indexing, fused forms ---------------------------------------------------------------------------------------------

#[test]
fn trap_26_duplicate_indices_add_up() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![1.0, 2.0, 3.0]);
    let weights = tape.constant(tensor![1.0, 10.0, 100.0]);
    let index = tensor![2_usize, 0, 2];
    is(&(x.index_select(0, &index) * weights).sum(..).backward()[x].to_vec(), &[10.0, 0.0, 101.0]);
    is(&(x.gather(0, &index) * weights).sum(..).backward()[x].to_vec(), &[10.0, 0.0, 101.0]);
    is(&x.scatter_add(0, &index, weights).value().to_vec(), &[11.0, 2.0, 104.0]);
}

#[test]
fn trap_26_concat_beyond_one_axis_and_transpose_by_negative_axes() {
    let tape = Tape::<f64>::new();
    let (a, b) = (tape.leaf(Tensor::full([2, 1, 2], 1.0)), tape.leaf(Tensor::full([2, 3, 2], 2.0)));
    for axis in [1, -2] {
        let y = Var::concat(&[a, b], axis);
        let w = tape.constant(Tensor::from_fn(y.shape(), |i| (i[0] * 8 + i[1] * 2 + i[2]) as f64));
        let gradients = (y * w).sum(..).backward();
        is(&gradients[a].to_vec(), &[0.0, 1.0, 8.0, 9.0]);
        is(&gradients[b].to_vec(), &[2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0]);
    }
    let x = tape.leaf(Tensor::from_fn([2, 3, 4], |i| (i[0] * 12 + i[1] * 4 + i[2]) as f64));
    for axes in [[-1, 0, -2], [2, 0, 1]] {
        let y = x.permute(&axes);
        assert_eq!(y.shape(), [4, 2, 3]);
        let gradients = (y * tape.constant(y.value())).sum(..).backward();
        is(&gradients[x].to_vec(), &x.value().to_vec());
    }
}

/// A fused op that had no rule would give no gradient: every one of these reaches its input.
#[test]
fn trap_27_fused_ops_pass_gradients_on() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![[0.5, -1.0], [2.0, 0.25]]);
    let fused = [
        x.softmax(-1),
        x.log_softmax(0),
        x.cross_entropy(&tensor![0_usize, 1], Reduction::None),
        x.logsumexp(-1),
        x.gelu(),
        x.matmul(x),
        x.std(0, 1),
        x.mse(x * 2.0, Reduction::None),
    ];
    for y in fused {
        let weights = Tensor::from_fn(y.shape(), |i| 1.0 + i.iter().sum::<usize>() as f64);
        let gradients = y.backward_with(weights);
        assert!(gradients[x].iter().any(|g| g.abs() > 1e-3), "{y:?}");
    }
}
