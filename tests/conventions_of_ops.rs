//! Conventions of the ops beyond arithmetic: what a derivative is where there is none, where NaN goes, what duplicates do, what of
//! nothing is, and what is refused, with which words, at whose line.
//!
//! Tests named `trap_…` are lines of the list of defects that other libraries had.

#[path = "support/numbers.rs"]
mod numbers;
#[path = "support/panics.rs"]
mod panics;

use numbers::{is, near};
use panics::panic_of;
use rensa::{Gradients, Tape, Tensor, Var, keep, tensor};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;
const ORDERS: [f64; 5] = [1.0, 1.5, 2.0, 3.0, INF];

/// The gradients of `Σ y`.
fn pull(y: Var<'_, f64>) -> Gradients<f64> {
    y.backward_with(Tensor::ones(y.shape()))
}

/// The gradient by `x` of `Σ u ∘ ∂Σy/∂x`, zeros where there is none.
fn curvature<'t>(y: Var<'t, f64>, x: Var<'t, f64>, u: &Tensor<f64>) -> Vec<f64> {
    let [first] = y.sum(..).grad([x]).expect("it depends on x");
    let along = (first * x.tape().constant(u.clone())).sum(..);
    along.grad([x]).map_or(vec![0.0; u.len()], |[g]| g.value().to_vec())
}

// ---- kinks and zeros ---------------------------------------------------------------------------------------------------

#[test]
fn trap_21_running_products_with_zeros_to_second_order() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![2.0, 0.0, 3.0, 0.0, 5.0]);
    let y = x.cumprod(0);
    is(&y.value().to_vec(), &[2.0, 0.0, 0.0, 0.0, 0.0]);
    // By x₁: x₀ + x₀x₂ + x₀x₂x₃ + …, where x₃ = 0; by x₃: x₀x₁x₂ + … = 0.
    is(&pull(y)[x].to_vec(), &[1.0, 2.0 + 6.0, 0.0, 0.0, 0.0]);
    // ∂²/∂x₁∂x₃ is x₀x₂ + x₀x₂x₄, and ∂²/∂x₁∂x₀ is 1 + x₂, ∂²/∂x₁∂x₂ is x₀.
    is(&curvature(y, x, &tensor![0.0, 1.0, 0.0, 0.0, 0.0]), &[4.0, 0.0, 2.0, 6.0 + 30.0, 0.0]);
    is(&curvature(y, x, &tensor![0.0, 0.0, 0.0, 1.0, 0.0]), &[0.0, 36.0, 0.0, 0.0, 0.0]);
    let zeros = tape.leaf(Tensor::zeros([3]));
    is(&pull(zeros.cumprod(0))[zeros].to_vec(), &[1.0, 0.0, 0.0]);
    is(&curvature(zeros.cumprod(0), zeros, &tensor![1.0, 0.0, 0.0]), &[0.0, 1.0, 0.0]);
}

#[test]
fn trap_21_norms_of_the_zero_vector_have_gradient_zero_to_second_order() {
    for order in ORDERS {
        let tape = Tape::<f64>::new();
        let x = tape.leaf(tensor![[0.0, 0.0, -0.0], [3.0, 0.0, -4.0]]);
        let y = x.vector_norm(order, -1);
        assert_eq!(y.value()[[0]], 0.0, "order {order}");
        let gradient = pull(y)[x].to_vec();
        is(&gradient[..3], &[0.0; 3]);
        assert!(gradient[3..].iter().all(|g| g.is_finite()) && gradient[5] < 0.0, "order {order}: {gradient:?}");
        let second = curvature(y, x, &tensor![[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]);
        assert!(second.iter().all(|&g| g == 0.0), "order {order}: {second:?}");
    }
}

#[test]
fn trap_16_the_largest_of_a_norm_share_equally() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![2.0, -2.0, 1.0, 2.0, 0.0]);
    is(&pull(x.vector_norm(INF, ..) * 3.0)[x].to_vec(), &[1.0, -1.0, 0.0, 1.0, 0.0]);
    let (a, b) = (tape.leaf(tensor![[3.0, 0.0, -3.0]]), tape.leaf(tensor![[1.0, 1.0, -1.0]]));
    let gradients = pull(a.cdist(b, INF) * 2.0);
    is(&gradients[a].to_vec(), &[1.0, 0.0, -1.0]);
    is(&gradients[b].to_vec(), &[-1.0, 0.0, 1.0]);
}

#[test]
fn trap_21_distances_of_points_that_coincide_have_gradient_zero_to_second_order() {
    for order in ORDERS {
        let tape = Tape::<f64>::new();
        let x = tape.leaf(tensor![[1.0, 2.0], [1.0, 2.0]]);
        let y = x.cdist(x, order);
        is(&y.value().to_vec(), &[0.0; 4]);
        is(&pull(y)[x].to_vec(), &[0.0; 4]);
        let second = curvature(y, x, &tensor![[1.0, 2.0], [3.0, -1.0]]);
        assert!(second.iter().all(|&g| g == 0.0), "order {order}: {second:?}");
    }
}

/// As |a|² − 2 a·b + |b|² this would be noise: the squares are of size 1e16, and the distances of size 1.
#[test]
fn distances_far_from_zero_cancel_nothing() {
    let tape = Tape::<f64>::new();
    let near_zero = [tensor![[0.0, 0.0], [3.0, 4.0]], tensor![[0.0, 1.0], [-5.0, -12.0]]];
    let [a, b] = near_zero.clone().map(|x| tape.leaf(x + 1e8));
    let [c, d] = near_zero.map(|x| tape.leaf(x));
    for order in ORDERS {
        let (far, close) = (a.cdist(b, order), c.cdist(d, order));
        is(&far.value().to_vec(), &close.value().to_vec());
        let (far, close) = (pull(far), pull(close));
        is(&far[a].to_vec(), &close[c].to_vec());
        is(&far[b].to_vec(), &close[d].to_vec());
    }
}

#[test]
fn trap_21_the_angle_at_the_origin_has_gradient_zero_and_far_out_its_own() {
    let tape = Tape::<f64>::new();
    let (y, x) =
        (tape.leaf(tensor![0.0, -0.0, 3e200, 1e-200, -INF]), tape.leaf(tensor![0.0, -0.0, 4e200, -1e-200, 1.0]));
    let angle = y.atan2(x);
    use std::f64::consts::{FRAC_PI_2, PI};
    near(&angle.value().to_vec(), &[0.0, -PI, 0.75_f64.atan(), 0.75 * PI, -FRAC_PI_2]);
    let gradients = pull(angle);
    near(&gradients[y].to_vec(), &[0.0, 0.0, 0.16e-200, -0.5e200, 0.0]);
    near(&gradients[x].to_vec(), &[0.0, 0.0, -0.12e-200, -0.5e200, 0.0]);
    let zeros = tape.leaf(Tensor::zeros([2]));
    assert!(curvature(zeros.atan2(zeros), zeros, &tensor![1.0, -2.0]).iter().all(|&g| g == 0.0));
}

#[test]
fn trap_19_far_tails_of_the_error_function() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![-INF, -1e300, -30.0, 30.0, 1e300, INF]);
    is(&x.erf().value().to_vec(), &[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]);
    is(&x.erfc().value().to_vec(), &[2.0, 2.0, 2.0, 0.0, 0.0, 0.0]);
    assert!(tensor![26.0_f64].erfc().item() > 1e-296, "it is small, not lost");
    for y in [x.erf(), x.erfc()] {
        assert!(pull(y)[x].iter().all(|g| g.abs() < 1e-300), "{y:?}");
        assert!(curvature(y, x, &Tensor::ones([6]))[1..5].iter().all(|g| g.abs() < 1e-300), "{y:?}");
    }
    is(&tensor![NAN].erf().to_vec(), &[NAN]);
    is(&tensor![NAN].erfc().to_vec(), &[NAN]);
    let narrow = tensor![-1e30_f32, -12.0, 0.5, 12.0, 1e30];
    let rounded = [-1.0, -1.0, 0.520_499_9, 1.0, 1.0];
    assert!(narrow.erf().iter().zip(rounded).all(|(a, b)| (a - b).abs() <= f32::EPSILON), "{:?}", narrow.erf());
    // In f32 erfc is right to a few digits less than there are, also far out: erfc 9 = 4.1370317e-37.
    assert!((tensor![9.0_f32].erfc().item() / 4.137_031_7e-37 - 1.0).abs() < 1e-6);
}

// ---- NaN, infinities, order --------------------------------------------------------------------------------------------

#[test]
fn trap_18_log_add_exp_of_infinities() {
    let tape = Tape::<f64>::new();
    let (a, b) =
        (tape.leaf(tensor![-INF, INF, -INF, INF, NAN, 1e4]), tape.leaf(tensor![-INF, INF, 2.0, -INF, 0.0, -1e4]));
    let y = a.log_add_exp(b);
    is(&y.value().to_vec(), &[-INF, INF, 2.0, INF, NAN, 1e4]);
    let gradients = pull(y.narrow(0, 0, 4));
    is(&gradients[a].to_vec()[..4], &[0.0, 0.5, 0.0, 1.0]);
    is(&gradients[b].to_vec()[..4], &[0.0, 0.5, 1.0, 0.0]);
    let finite = tape.leaf(tensor![-INF, 800.0, -800.0]);
    let second = curvature(finite.log_add_exp(tape.constant(tensor![-INF, 0.0, 0.0])), finite, &Tensor::ones([3]));
    is(&second, &[0.0, 0.0, 0.0]);
}

#[test]
fn trap_16_17_sorting_keeps_the_order_of_equals_and_loses_no_nan() {
    let x = tensor![2.0, NAN, -0.0, 0.0, NAN, 2.0, -INF, INF];
    assert_eq!(x.argsort(0, false).to_vec(), [6, 2, 3, 0, 5, 7, 1, 4]);
    assert_eq!(x.argsort(0, true).to_vec(), [7, 0, 5, 2, 3, 6, 1, 4]);
    // The first of topk is max or min, which a NaN wins.
    for largest in [true, false] {
        let (y, places) = x.topk(3, 0, largest);
        is(&y.to_vec(), &[NAN, NAN, if largest { INF } else { -INF }]);
        assert_eq!(places.to_vec(), [1, 4, if largest { 7 } else { 6 }]);
    }
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![1.0, 3.0, 1.0, NAN]);
    let (y, _) = x.sort(0, false);
    is(&y.backward_with(tensor![1.0, 2.0, 3.0, 4.0])[x].to_vec(), &[1.0, 3.0, 2.0, 4.0]);
    let (y, _) = x.narrow(0, 0, 3).topk(2, 0, false);
    is(&y.backward_with(tensor![1.0, 2.0])[x].to_vec(), &[1.0, 0.0, 2.0, 0.0]);
}

#[test]
fn trap_17_nan_goes_through_norms_and_distances() {
    let x = tensor![[1.0, NAN], [1.0, -2.0]];
    for order in ORDERS {
        assert!(x.vector_norm(order, -1)[[0]].is_nan(), "order {order}");
        assert!(x.vector_norm(order, -1)[[1]].is_finite(), "order {order}");
        let distances = x.cdist(&tensor![[0.0, 0.0]], order);
        assert!(distances[[0, 0]].is_nan() && distances[[1, 0]].is_finite(), "order {order}");
        is(&[tensor![INF, 1.0].vector_norm(order, ..).item()], &[INF]);
    }
    assert!(tensor![NAN, 1.0].cosine_similarity(&tensor![1.0, 1.0], 0, 1e-8).item().is_nan());
    assert!(Tensor::einsum("i,i", &[&tensor![0.0, 1.0], &tensor![INF, 1.0]]).item().is_nan(), "0 · ∞");
}

#[test]
fn norms_of_any_order_neither_overflow_nor_vanish() {
    let x = tensor![[3e200, 4e200], [3e-200, 4e-200]];
    near(&x.vector_norm(3.0, -1).to_vec(), &[91f64.cbrt() * 1e200, 91f64.cbrt() * 1e-200]);
    let tape = Tape::<f64>::new();
    let x = tape.leaf(x);
    let slopes = [9.0 / 91f64.powf(2.0 / 3.0), 16.0 / 91f64.powf(2.0 / 3.0)];
    let found = pull(x.vector_norm(3.0, -1))[x].to_vec();
    let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-14;
    assert!(found.iter().zip(slopes.iter().cycle()).all(close), "{found:?}, expected {slopes:?}");
}

/// What is overwritten or cut away may be anything; a gradient that arrives where it was is not passed on, whatever it is.
#[test]
fn trap_20_what_is_overwritten_does_not_leak() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![[NAN, 1.0], [INF, 2.0]]);
    let (v, index) = (tape.leaf(tensor![[5.0], [6.0]]), tensor![[0_usize], [0]]);
    let first = tensor![[true, false]];
    let (rows, columns) = (tensor![0_usize, 1], tensor![0_usize]);
    let replaced = [
        x.masked_fill(&first, 0.0),
        x.scatter(1, &index, v),
        x.index_put(&[&rows, &columns], v.flatten(), false),
        Var::where_cond(&first, v, x),
    ];
    for y in replaced {
        assert!(y.value().is_finite().all(..).item(), "{y:?}");
        let loss = (y * y).sum(..);
        is(&loss.backward()[x].to_vec(), &[0.0, 2.0, 0.0, 4.0]);
        is(&curvature(loss, x, &Tensor::ones([2, 2])), &[0.0, 2.0, 0.0, 2.0]);
        let arriving = y.backward_with(tensor![[NAN, 1.0], [INF, 2.0]]);
        is(&arriving[x].to_vec(), &[0.0, 1.0, 0.0, 2.0]);
    }
    let x = tape.leaf(tensor![[1.0, NAN], [3.0, 4.0]]);
    is(&x.tril(0).value().to_vec(), &[1.0, 0.0, 3.0, 4.0]);
    is(&x.tril(0).backward_with(tensor![[1.0, INF], [1.0, 1.0]])[x].to_vec(), &[1.0, 0.0, 1.0, 1.0]);
    is(&x.t().triu(1).backward_with(tensor![[NAN, 7.0], [NAN, NAN]])[x].to_vec(), &[0.0, 0.0, 7.0, 0.0]);
}

// ---- duplicates --------------------------------------------------------------------------------------------------------

#[test]
fn trap_26_of_writes_to_one_place_the_last_one_remains_and_has_the_gradient() {
    let tape = Tape::<f64>::new();
    let (x, v) = (tape.leaf(tensor![1.0, 2.0, 3.0]), tape.leaf(tensor![10.0, 20.0, 30.0, 40.0]));
    let index = tensor![2_usize, 0, 2, 0];
    for y in [x.scatter(0, &index, v), x.index_put(&[&index], v, false)] {
        is(&y.value().to_vec(), &[40.0, 2.0, 30.0]);
        let gradients = y.backward_with(tensor![1.0, 10.0, 100.0]);
        is(&gradients[x].to_vec(), &[0.0, 10.0, 0.0]);
        is(&gradients[v].to_vec(), &[0.0, 0.0, 100.0, 1.0]);
    }
    for y in [x.scatter_add(0, &index, v), x.index_put(&[&index], v, true)] {
        is(&y.value().to_vec(), &[61.0, 2.0, 43.0]);
        let gradients = y.backward_with(tensor![1.0, 10.0, 100.0]);
        is(&gradients[x].to_vec(), &[1.0, 10.0, 100.0]);
        is(&gradients[v].to_vec(), &[100.0, 1.0, 100.0, 1.0]);
    }
    let y = x.index_get(&[&index]);
    is(&y.backward_with(tensor![1.0, 2.0, 4.0, 8.0])[x].to_vec(), &[10.0, 0.0, 5.0]);
    // A value that is broadcast gets the sum of what its copies get.
    let one = tape.leaf(tensor![7.0]);
    is(&pull(x.index_put(&[&index], one, false))[one].to_vec(), &[2.0]);
    is(&pull(x.index_put(&[&index], one, true))[one].to_vec(), &[4.0]);
}

#[test]
fn trap_26_repetitions_add_up() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![[1.0, 2.0]]);
    let weights = |y: Var<'_, f64>| Tensor::from_fn(y.shape(), |i| (10 * i[0] + i[1]) as f64);
    let y = x.repeat(&[2, 2]);
    is(&y.value().to_vec(), &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    is(&y.backward_with(weights(y))[x].to_vec(), &[0.0 + 2.0 + 10.0 + 12.0, 1.0 + 3.0 + 11.0 + 13.0]);
    let y = x.repeat_interleave(2, 1);
    is(&y.value().to_vec(), &[1.0, 1.0, 2.0, 2.0]);
    is(&y.backward_with(weights(y))[x].to_vec(), &[0.0 + 1.0, 2.0 + 3.0]);
}

// ---- nothing, rank 0, far too much -------------------------------------------------------------------------------------

#[test]
fn trap_14_of_nothing() {
    let none = || Tensor::<f64>::zeros([0]);
    let flat = Tensor::<f64>::zeros([0, 3]);
    is(&[none().dot(&none()).item(), Tensor::einsum("i,i", &[&none(), &none()]).item()], &[0.0, 0.0]);
    is(&Tensor::einsum("ij->j", &[&flat]).to_vec(), &[0.0; 3]);
    is(&Tensor::einsum("ji,jk->ik", &[&flat, &flat]).to_vec(), &[0.0; 9]);
    is(&[flat.trace().item(), flat.t().trace().item()], &[0.0, 0.0]);
    for order in ORDERS {
        is(&flat.vector_norm(order, 0).to_vec(), &[0.0; 3]);
        assert_eq!(flat.cdist(&Tensor::zeros([2, 3]), order).shape(), [0, 2]);
        is(&flat.t().cdist(&flat.t(), order).to_vec(), &[0.0; 9]);
    }
    assert_eq!(
        (flat.diagonal(0, 0, 1).shape(), flat.diag(0).shape(), none().diag(2).shape()),
        (&[0].into(), &[0].into(), &[2, 2].into())
    );
    let (sorted, places) = flat.sort(0, true);
    assert_eq!((sorted.shape(), places.shape()), (&[0, 3].into(), &[0, 3].into()));
    assert_eq!(flat.topk(0, 0, true).0.shape(), [0, 3]);
    assert_eq!(tensor![1.0, 2.0].topk(0, 0, true).0.shape(), [0]);
    assert_eq!((flat.cumprod(0).shape(), flat.cumprod(1).shape()), (flat.shape(), flat.shape()));
    assert_eq!((flat.tril(0).shape(), flat.t().triu(1).shape()), (flat.shape(), flat.t().shape()));
    assert_eq!((flat.roll(&[5], &[0]).shape(), flat.tile(&[2, 2]).shape()), (flat.shape(), &[0, 6].into()));
    assert_eq!(tensor![1.0].tile(&[0]).shape(), [0]);
    let nowhere = Tensor::<usize>::from_fn([0], |_| 0);
    assert_eq!(tensor![1.0, 2.0].index_get(&[&nowhere]).shape(), [0]);
    is(&tensor![1.0, 2.0].index_put(&[&nowhere], &none(), false).to_vec(), &[1.0, 2.0]);
    is(&tensor![1.0, 2.0].scatter(0, &nowhere, &none()).to_vec(), &[1.0, 2.0]);
    assert_eq!(flat.cosine_similarity(&flat, 0, 1e-8).to_vec(), [0.0; 3]);
    assert_eq!(Tensor::<f64>::one_hot(&nowhere, 4).shape(), [0, 4]);
}

#[test]
fn trap_15_rank_0() {
    let (tape, scalar) = (Tape::<f64>::new(), Tensor::scalar);
    let (a, b, w) = (tape.leaf(scalar(-3.0)), tape.leaf(scalar(2.0)), tape.leaf(scalar(0.25)));
    let values = [a.remainder(b), a.lerp(b, w), a.log_add_exp(b), a.atan2(b), a.square(), a.vector_norm(1.0, ..)];
    let expected = [1.0, -1.75, (-5f64).exp().ln_1p() + 2.0, (-1.5f64).atan(), 9.0, 3.0];
    for (y, expected) in values.into_iter().zip(expected) {
        assert_eq!(y.shape(), [], "{y:?}");
        near(&[y.item()], &[expected]);
        assert!(y.backward()[a].item() != 0.0, "{y:?}");
    }
    assert_eq!(a.masked_fill(&Tensor::scalar(true), 5.0).item(), 5.0);
    assert_eq!((a.tile(&[2]).shape(), a.tile(&[]).shape()), ([2].into(), [].into()));
    assert_eq!(Var::einsum(",->", &[a, b]).item(), -6.0);
    assert_eq!(Var::einsum("...->...", &[a]).item(), -3.0);
    assert_eq!(a.tensordot(b, 0).item(), -6.0);
}

#[test]
fn trap_13_shapes_that_overflow_are_refused() {
    let x = Tensor::<f64>::ones([2, 3]);
    let line = line!() + 1;
    let attempts: [Box<dyn Fn() -> Tensor<f64>>; 6] = [
        Box::new(|| x.tile(&[usize::MAX, 2])),
        Box::new(|| x.repeat(&[1 << 40, 1 << 40])),
        Box::new(|| x.repeat_interleave(usize::MAX, 0)),
        Box::new(|| tensor![1.0, 2.0].diag(isize::MIN)),
        Box::new(|| tensor![1.0, 2.0].diag(isize::MAX)),
        Box::new(|| tensor![1.0, 2.0].diag(1 << 40)),
    ];
    for (i, attempt) in attempts.into_iter().enumerate() {
        let panic = panic_of(attempt);
        assert!(panic.message.contains("has more elements than can be addressed"), "{panic:?}");
        assert_eq!((panic.file.as_str(), panic.line), (file!(), line + 1 + i as u32), "{}", panic.message);
    }
}

// ---- refusals ----------------------------------------------------------------------------------------------------------

type Attempt<'a, 't> = Box<dyn Fn() -> Var<'t, f64> + 'a>;

/// Each message names the op, and all shapes that there are to name.
#[test]
fn what_does_not_fit_is_refused_in_these_words_at_the_callers_line() {
    let tape = Tape::<f64>::new();
    let (x, v) = (tape.leaf(Tensor::ones([2, 3])), tape.leaf(Tensor::ones([4])));
    let (low, high) = (tensor![0_usize], tensor![5_usize]);
    let mask = Tensor::from_fn([4, 3], |_| true);
    let first = line!() + 2;
    let attempts: [(Attempt<'_, '_>, &str); 22] = [
        (Box::new(|| x.sort(2, false).0), "sort: axis 2 is out of range for rank 2"),
        (Box::new(|| x.topk(4, -1, true).0), "topk: 4 elements along axis -1 of [2, 3]"),
        (Box::new(|| x.cumprod(-3)), "cumprod: axis -3 is out of range for rank 2"),
        (Box::new(|| x.diagonal(0, 0, -2)), "diagonal: axes 0 and -2 are one"),
        (Box::new(|| x.unsqueeze(0).diag(0)), "diag: [1, 2, 3] is of rank 3"),
        (Box::new(|| v.trace()), "trace: [4] is of rank 1"),
        (Box::new(|| v.tril(0)), "tril: [4] has no matrices"),
        (Box::new(|| v.triu(0)), "triu: [4] has no matrices"),
        (Box::new(|| x.roll(&[1, 2], &[0])), "roll: 2 shifts for 1 axes"),
        (Box::new(|| x.repeat(&[2])), "repeat: [2] has fewer numbers than [2, 3] has axes; see tile"),
        (Box::new(|| x.repeat_interleave(2, 2)), "repeat_interleave: axis 2 is out of range for rank 2"),
        (Box::new(|| x.masked_fill(&mask, 0.0)), "masked_fill: mask [4, 3] does not broadcast to [2, 3]"),
        (Box::new(|| x.scatter(0, &low, v)), "scatter: indices [1] and [2, 3] differ outside axis 0"),
        (Box::new(|| x.index_get(&[])), "index_get: indices of 0 axes for [2, 3]"),
        (Box::new(|| x.index_get(&[&low, &high])), "index_get: index 5 is outside axis 1 of [2, 3]"),
        (
            Box::new(|| x.index_put(&[&low], v, true)),
            "index_put: values [4] do not broadcast to [1, 3], which the indices name",
        ),
        (Box::new(|| x.vector_norm(0.5, 0)), "vector_norm: order 0.5 is no norm's: it must be at least 1"),
        (Box::new(|| x.vector_norm(NAN, 0)), "vector_norm: order NaN is no norm's: it must be at least 1"),
        (
            Box::new(|| x.cdist(v, 2.0)),
            "cdist: [2, 3] and [4] are not [.., p, m] and [.., r, m], with axes before that broadcast",
        ),
        (
            Box::new(|| x.cosine_similarity(v, 0, 1e-8)),
            "cosine_similarity: [2, 3] and [4] do not broadcast: sizes 3 and 4 at axis -1 differ and neither is 1",
        ),
        (Box::new(|| x.outer(v)), "outer: [2, 3] and [4] are not both of rank 1"),
        (
            Box::new(|| x.atan2(v)),
            "atan2: [2, 3] and [4] do not broadcast: sizes 3 and 4 at axis -1 differ and neither is 1",
        ),
    ];
    let last = line!() - 2;
    for (attempt, message) in attempts {
        let panic = panic_of(attempt);
        assert_eq!(panic.message, message);
        let among = (first..=last).contains(&panic.line) && panic.file == file!();
        assert!(among, "{message}: blames {}:{}", panic.file, panic.line);
    }
}

// ---- the rest ----------------------------------------------------------------------------------------------------------

#[test]
fn the_remainder_has_the_sign_of_the_divisor_and_its_gradient_the_quotient_that_belongs_to_it() {
    let tape = Tape::<f64>::new();
    let a = tape.leaf(tensor![7.5, -7.5, 7.5, -7.5, 6.0, 1.0, -5.0, 5.0]);
    let b = tape.leaf(tensor![2.0, 2.0, -2.0, -2.0, 3.0, 0.1, INF, INF]);
    let y = a.remainder(b);
    near(&y.value().to_vec(), &[1.5, 0.5, -0.5, -1.5, 0.0, 1.0 % 0.1, INF, 5.0]);
    let gradients = pull(y);
    is(&gradients[a].to_vec(), &[1.0; 8]);
    // 1 % 0.1 is 0.0999…, since 0.1 is a little more than a tenth: its quotient is 9, though 1 / 0.1 is 10.
    is(&gradients[b].to_vec(), &[-3.0, 4.0, 4.0, -3.0, -2.0, -9.0, 1.0, 0.0]);
    is(&curvature(y, b, &Tensor::ones([8])), &[0.0; 8]);
    is(&tensor![5.0].remainder(&tensor![0.0]).to_vec(), &[NAN]);
}

#[test]
fn interpolation_meets_both_ends_exactly() {
    let (a, b) = (tensor![0.1, 1e16, -7.3], tensor![0.7, 1.0, 1e-3]);
    assert_eq!(a.lerp(&b, &Tensor::scalar(0.0)), a);
    assert_eq!(a.lerp(&b, &Tensor::scalar(1.0)), b);
}

/// PyTorch's rule: a norm below `eps` counts as `eps`, and is a constant; one that is equal to it is still itself.
#[test]
fn trap_21_cosine_similarity_with_the_zero_vector() {
    let tape = Tape::<f64>::new();
    let (a, b) = (tape.leaf(tensor![0.0, 0.0]), tape.leaf(tensor![3.0, 4.0]));
    let gradients = pull(a.cosine_similarity(b, 0, 0.5));
    near(&gradients[a].to_vec(), &[0.6 / 0.5, 0.8 / 0.5]);
    is(&gradients[b].to_vec(), &[0.0, 0.0]);
    assert!(curvature(a.cosine_similarity(b, 0, 0.5), a, &tensor![1.0, 1.0]).iter().all(|&g| g == 0.0));
    let at = pull(b.cosine_similarity(tape.constant(tensor![5.0, 0.0]), 0, 5.0));
    near(&at[b].to_vec(), &[0.2 - 0.2 * 0.36, -0.2 * 0.48]);
}

/// What an op keeps for its rule is looked for again when it is replayed.
#[test]
fn sorting_in_a_checkpoint_finds_its_places_again() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![[0.5, -1.0, 2.0], [3.0, 0.25, 1.0]]);
    let net = |x: Var<'_, f64>| -> Vec<f64> {
        pull((x.exp().sort(-1, true).0.topk(2, 0, false).0 * x).sum(keep(0)))[x].to_vec()
    };
    let plain = net(x);
    let y = tape.checkpoint(|| (x.exp().sort(-1, true).0.topk(2, 0, false).0 * x).sum(keep(0)));
    is(&pull(y)[x].to_vec(), &plain);
}

#[test]
fn one_hot_is_a_constant_to_multiply_with() {
    let tape = Tape::<f64>::new();
    let classes = tensor![[2_usize, 0], [1, 1]];
    let hot = Tensor::one_hot(&classes, 3);
    assert_eq!(hot.shape(), [2, 2, 3]);
    assert_eq!(hot.argmax(-1), classes);
    assert_eq!(hot.sum(-1).to_vec(), [1.0; 4]);
    let x = tape.leaf(tensor![1.0, 2.0, 3.0]);
    let y = (tape.constant(hot) * x).sum(-1);
    is(&y.value().to_vec(), &[3.0, 1.0, 2.0, 2.0]);
    is(&pull(y)[x].to_vec(), &[1.0, 2.0, 1.0]);
}
