//! Losses: what is infinite or masked, empty batches, what does not count, and what is refused. Values and gradients are in
//! `golden_losses.rs`, the rules to second order in `rules.rs`.

#[path = "support/panics.rs"]
mod panics;

use panics::panic_of;
use rensa::ops::{Bce, BceWithLogits, CrossEntropy, Nll, TripletMargin};
use rensa::{Reduction, Tape, Tensor, Var, tensor};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// NaN for NaN, and else the same number.
#[track_caller]
fn is(found: &[f64], expected: &[f64]) {
    let same = |a: &f64, b: &f64| a == b || (a.is_nan() && b.is_nan());
    let equal = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| same(a, b));
    assert!(equal, "{found:?}, expected {expected:?}");
}

/// Value, and gradients of the sum by both.
fn at2(
    x: &Tensor<f64>,
    t: &Tensor<f64>,
    loss: impl for<'t> Fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>,
) -> [Vec<f64>; 3] {
    let tape = Tape::new();
    let (x, t) = (tape.leaf(x.clone()), tape.leaf(t.clone()));
    let y = loss(x, t);
    let fused = y.backward_with(Tensor::ones(y.shape()));
    let found = [y.value().to_vec(), fused[x].to_vec(), fused[t].to_vec()];
    let seed = tape.constant(Tensor::ones(y.shape()));
    for (by, fused) in [(x, &found[1]), (t, &found[2])] {
        is(&y.grad_with(seed, [by]).unwrap()[0].value().to_vec(), fused);
    }
    found
}

#[test]
fn trap_18_binary_cross_entropy_of_logits_far_out_and_at_infinity() {
    let x = tensor![1e4, 1e4, -1e4, -1e4, INF, -INF, INF, -INF, 40.0];
    let t = tensor![1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0];
    let [y, gx, gt] = at2(&x, &t, |x, t| x.bce_with_logits(t, Reduction::None));
    let tail = (-40.0_f64).exp();
    is(&y[..8], &[0.0, 1e4, 1e4, 0.0, 0.0, 0.0, INF, INF]);
    assert!(
        (y[8] - tail).abs() < 1e-15 * tail && (gx[8] + tail).abs() < 1e-15 * tail,
        "the tail is exact: {y:?} {gx:?}"
    );
    is(&gx[..8], &[0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 1.0, -1.0]);
    is(&gt, &[-1e4, -1e4, 1e4, 1e4, -INF, INF, -INF, INF, -40.0]);
    let single = Tape::<f32>::new();
    let x = single.leaf(tensor![1e4_f32, -1e4]);
    assert_eq!(x.bce_with_logits(single.constant(tensor![1.0, 0.0]), Reduction::Sum).item(), 0.0);
}

#[test]
fn binary_cross_entropy_of_probabilities_is_bounded_between_0_and_1_and_nan_outside() {
    let [y, gx, gt] = at2(
        &tensor![0.0, 1.0, 0.0, 1.0, 1e-60, -0.1, 1.1, NAN],
        &tensor![0.0, 1.0, 1.0, 0.0, 1.0, 0.5, 0.5, 0.5],
        |x, t| x.bce(t, Reduction::None),
    );
    is(&y, &[0.0, 0.0, 100.0, 100.0, 100.0, NAN, NAN, NAN]);
    is(&gx[..5], &[0.0, 0.0, -1e12, 1e12, -1e12]);
    is(&gt[..4], &[100.0, -100.0, 100.0, -100.0]);
}

#[test]
fn trap_18_divergences_count_nothing_where_the_target_is_0() {
    let [y, gx, gt] =
        at2(&tensor![-INF, -1.0, -INF, 0.0], &tensor![0.0, 0.0, 0.5, 1.0], |x, t| x.kl_div(t, Reduction::None));
    is(&y, &[0.0, 0.0, INF, 0.0]);
    is(&gx, &[0.0, 0.0, -0.5, -1.0]);
    is(&gt, &[0.0, 0.0, INF, 1.0]);
    let [y, gx, gt] =
        at2(&tensor![-INF, -1.0, -1.0], &tensor![-INF, -INF, 0.0], |x, t| x.kl_div_log_target(t, Reduction::None));
    is(&y, &[0.0, 0.0, 1.0]);
    is(&gx, &[0.0, 0.0, -1.0]);
    is(&gt, &[0.0, 0.0, 2.0]);
}

#[test]
fn trap_21_slopes_of_losses_at_their_kinks() {
    let same = tensor![1.0, -2.0];
    is(&at2(&same, &same, |x, t| x.l1(t, Reduction::None))[1], &[0.0, 0.0]);
    is(&at2(&same, &same, |x, t| x.smooth_l1(t, 0.0, Reduction::None))[1], &[0.0, 0.0]);
    let [y, gx, gt] = at2(&tensor![1.0, -1.0, 3.0], &tensor![0.0, 0.0, NAN], |x, t| x.huber(t, 1.0, Reduction::None));
    is(&y, &[0.5, 0.5, NAN]);
    assert!(gx[..2] == [1.0, -1.0] && gt[..2] == [-1.0, 1.0]);
    // At the margin the hinge has nothing left to do.
    let [y, gx, gt] = at2(&tensor![1.0, -1.0, 0.5], &tensor![1.0, -1.0, 1.0], |x, t| x.hinge(t, 1.0, Reduction::None));
    is(&y, &[0.0, 0.0, 0.5]);
    is(&gx, &[0.0, 0.0, -1.0]);
    is(&gt, &[0.0, 0.0, -0.5]);
}

#[test]
fn trap_17_nan_goes_through_every_loss() {
    type Loss = for<'t> fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>;
    let losses: [(&str, Loss); 10] = [
        ("mse", |x, t| x.mse(t, Reduction::None)),
        ("l1", |x, t| x.l1(t, Reduction::None)),
        ("huber", |x, t| x.huber(t, 1.0, Reduction::None)),
        ("smooth_l1", |x, t| x.smooth_l1(t, 1.0, Reduction::None)),
        ("kl_div", |x, t| x.kl_div(t, Reduction::None)),
        ("kl_div_log_target", |x, t| x.kl_div_log_target(t, Reduction::None)),
        ("bce", |x, t| x.bce(t, Reduction::None)),
        ("bce_with_logits", |x, t| x.bce_with_logits(t, Reduction::None)),
        ("hinge", |x, t| x.hinge(t, 1.0, Reduction::None)),
        ("cross_entropy", |x, t| x.cross_entropy(t, Reduction::None)),
    ];
    for (name, loss) in losses {
        for (x, t) in [(NAN, 0.5), (0.5, NAN)] {
            let tape = Tape::new();
            let y = loss(tape.leaf(tensor![x, 0.5]), tape.leaf(tensor![t, 0.5])).value().to_vec();
            assert!(y[0].is_nan(), "{name} of {x} and {t} is {y:?}");
        }
    }
}

#[test]
fn the_mean_of_no_loss_is_nan_and_the_sum_0() {
    let tape = Tape::<f64>::new();
    let (x, t) = (tape.leaf(Tensor::zeros([0, 3])), tape.leaf(Tensor::zeros([0, 3])));
    let (classes, alike) = (Tensor::from_fn([0], |_| 0), Tensor::from_fn([0], |_| true));
    let weights = Tensor::ones([3]);
    let losses = |r: Reduction| {
        [
            x.cross_entropy(&classes, r),
            x.cross_entropy(&classes, CrossEntropy::new().weight(&weights).ignore_index(7).reduction(r)),
            x.cross_entropy(t, r),
            x.nll(&classes, r),
            x.nll(&classes, Nll::new().weight(&weights).reduction(r)),
            x.bce(t, r),
            x.bce_with_logits(t, BceWithLogits::new().pos_weight(&weights).reduction(r)),
            x.mse(t, r),
            x.l1(t, r),
            x.huber(t, 1.0, r),
            x.smooth_l1(t, 1.0, r),
            x.kl_div(t, r),
            x.kl_div_log_target(t, r),
            x.hinge(t, 1.0, r),
            x.hinge_embedding(&Tensor::from_fn([0, 3], |_| true), 1.0, r),
            x.cosine_embedding(t, &alike, 0.0, r),
            x.triplet_margin(t, t, TripletMargin::new().reduction(r)),
        ]
    };
    for y in losses(Reduction::Mean) {
        assert!(y.item().is_nan(), "{y:?}");
        assert_eq!(y.backward()[x].shape(), [0, 3]);
    }
    losses(Reduction::Sum).iter().for_each(|y| assert_eq!(y.item(), 0.0, "{y:?}"));
    losses(Reduction::None).iter().for_each(|y| assert!(y.value().is_empty() && y.shape()[0] == 0, "{y:?}"));
}

#[test]
fn what_is_ignored_or_weighs_nothing_does_not_count_whatever_it_is() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![[0.0, 0.0], [NAN, INF], [-INF, -INF], [0.0, -INF]]);
    let (classes, weight) = (tensor![0_usize, 9, 9, 1], tensor![2.0, 0.0]);
    let entropy = CrossEntropy::new().weight(&weight).ignore_index(9);
    let nll = Nll::new().weight(&weight).ignore_index(9);
    for (y, loss, slopes) in [
        (x.cross_entropy(&classes, entropy.reduction(Reduction::None)), 2.0 * 2.0_f64.ln(), [-1.0, 1.0]),
        (x.nll(&classes, nll.reduction(Reduction::None)), 0.0, [-2.0, 0.0]),
    ] {
        is(&y.value().to_vec(), &[loss, 0.0, 0.0, 0.0]);
        let fused = y.backward_with(Tensor::ones([4]))[x].to_vec();
        is(&fused, &[&slopes[..], &[0.0; 6]].concat());
        is(&y.grad_with(tape.constant(Tensor::ones([4])), [x]).unwrap()[0].value().to_vec(), &fused);
    }
    let mean = x.cross_entropy(&classes, entropy);
    assert_eq!(mean.item(), 2.0 * 2.0_f64.ln() / 2.0, "divided by the weights of what counts");
}

/// A masked class may have the smoothed probability of the others only if it weighs nothing.
#[test]
fn trap_18_a_masked_class_costs_infinitely_much_if_it_is_given_probability() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![[0.0, 0.0, -INF]]);
    let smooth = || CrossEntropy::new().label_smoothing(0.5);
    assert_eq!(x.cross_entropy(&tensor![0_usize], Reduction::Mean).item(), 2.0_f64.ln());
    assert_eq!(x.cross_entropy(&tensor![0_usize], smooth()).item(), INF);
    let weight = tensor![1.0, 1.0, 0.0];
    let y = x.cross_entropy(&tensor![0_usize], smooth().weight(&weight));
    assert!((y.item() - (0.5 + 2.0 / 6.0) * 2.0_f64.ln()).abs() < 1e-15);
    assert!(y.backward()[x].iter().all(|g| g.is_finite()));
}

#[test]
fn losses_refuse_what_does_not_fit_at_the_callers_line() {
    let tape = Tape::<f64>::new();
    let (x, wide, one) = (tape.leaf(Tensor::zeros([2, 3])), tape.leaf(Tensor::zeros([3, 3])), tape.leaf(tensor![0.0]));
    let scalar = tape.leaf(Tensor::scalar(0.0));
    let two = tensor![0_usize, 1];
    let four = Tensor::<f64>::ones([4]);
    let first = line!();
    let check = |words: &str, refused: &dyn Fn()| {
        let panic = panic_of(refused);
        assert!(panic.message.contains(words), "{} lacks {words}", panic.message);
        assert!(panic.file == "tests/losses.rs" && panic.line > first, "{panic:?}");
    };
    macro_rules! refuses {
        ($($words:literal: $loss:expr;)*) => { $( check($words, &|| assert!($loss.ndim() > 9)); )* };
    }
    refuses! {
        "mse: [2, 3] and target [1] differ": x.mse(one, Reduction::Mean);
        "l1: [2, 3] and target [3, 3] differ": x.l1(wide, Reduction::Mean);
        "huber: a delta of 0": x.huber(x, 0.0, Reduction::Mean);
        "huber: a delta of NaN": x.huber(x, NAN, Reduction::Mean);
        "smooth_l1: a beta of -1": x.smooth_l1(x, -1.0, Reduction::Mean);
        "kl_div: [2, 3] and target [1]": x.kl_div(one, Reduction::Mean);
        "kl_div_log_target: [2, 3] and target [1]": x.kl_div_log_target(one, Reduction::Mean);
        "hinge: [2, 3] and target [1]": x.hinge(one, 1.0, Reduction::Mean);
        "hinge_embedding: [2, 3] and labels [1]": x.hinge_embedding(&tensor![true], 1.0, Reduction::Mean);
        "bce: [2, 3] and target [1]": x.bce(one, Reduction::Mean);
        "bce: weights [4] do not broadcast to [2, 3]": x.bce(x, Bce::new().weight(&four));
        "bce_with_logits: [2, 3] and target [1]": x.bce_with_logits(one, Reduction::Mean);
        "bce_with_logits: weights [4]": x.bce_with_logits(x, BceWithLogits::new().pos_weight(&four));
        "cross_entropy: classes [2] for an output [3, 3]": wide.cross_entropy(&two, Reduction::Mean);
        "cross_entropy: index 3 is outside axis 1": x.cross_entropy(&tensor![0_usize, 3], Reduction::Mean);
        "cross_entropy: index 8 is outside axis 1": x.cross_entropy(&tensor![7_usize, 8], CrossEntropy::new().ignore_index(7));
        "cross_entropy: weights [4] for 3 classes": x.cross_entropy(&two, CrossEntropy::new().weight(&four));
        "cross_entropy: probabilities [3, 3] for logits [2, 3]": x.cross_entropy(wide, Reduction::Mean);
        "cross_entropy: of probabilities": x.cross_entropy(x, CrossEntropy::new().ignore_index(0));
        "cross_entropy: an output of shape []": scalar.cross_entropy(&Tensor::scalar(0_usize), Reduction::Mean);
        "cross_entropy: a label smoothing of 1.5": x.cross_entropy(&two, CrossEntropy::new().label_smoothing(1.5));
        "nll: classes [2] for an output [3, 3]": wide.nll(&two, Reduction::Mean);
        "nll: index 3 is outside axis 1": x.nll(&tensor![0_usize, 3], Reduction::Mean);
        "cosine_embedding: [2, 3], [3, 3] and labels [2]": x.cosine_embedding(wide, &tensor![true, true], 0.0, Reduction::Mean);
        "cosine_embedding: [2, 3], [2, 3] and labels [3]": x.cosine_embedding(x, &tensor![true, true, true], 0.0, Reduction::Mean);
        "triplet_margin: [2, 3], [2, 3] and [3, 3]": x.triplet_margin(x, wide, Reduction::Mean);
        "triplet_margin: [], [] and []": scalar.triplet_margin(scalar, scalar, Reduction::Mean);
    }
}

/// An example of shape `[classes]` is the only one of a batch; more axes are as many examples.
#[test]
fn one_example_and_many_axes_are_rows_of_a_batch() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::from_fn([2, 3, 4], |i| ((7 * i[0] + 5 * i[1] + 3 * i[2]) % 11) as f64 * 0.3));
    let classes = Tensor::from_fn([2, 4], |i| (i[0] + i[1]) % 3);
    let all = x.cross_entropy(&classes, Reduction::None);
    assert_eq!(all.shape(), [2, 4]);
    for (n, k) in [(0, 0), (1, 2), (1, 3)] {
        let one = x.slice(rensa::slice![n, .., k]).cross_entropy(&Tensor::scalar(classes[[n, k]]), Reduction::None);
        assert_eq!((one.shape().ndim(), one.item()), (0, all.value()[[n, k]]));
    }
}
