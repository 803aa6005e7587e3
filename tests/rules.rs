//! Every rule of every op in the registry, checked by the library's own checker, which is itself held by `tests/check.rs`. A new op
//! needs no edit here: it is in the registry, with its specimen.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rensa::check::{Check, Part, Report, Verdict};
use rensa::ops::{Specimen, registry};
use rensa::{Tape, Tensor, Var};

fn seeds(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() }
}

type Case = [Vec<usize>];

/// Lists what is wrong with any case of any specimen.
fn every_case(check: impl Fn(&Specimen<f64>, &Case) -> Result<(), String>) {
    let mut wrong = Vec::new();
    for specimen in registry::<f64>() {
        for case in &specimen.cases {
            wrong.extend(check(&specimen, case).err());
        }
    }
    assert!(wrong.is_empty(), "{} cases fail:\n{}", wrong.len(), wrong.join("\n"));
}

/// Checks some parts of every case of every specimen. What is zero everywhere there is looked at by `no_check_is_vacuous`.
fn every_case_is_right<const N: usize>(seed: u64, parts: [Part; N], also: impl Fn(&Report) -> bool) {
    let check = Check::new().seed(seed).directions(1).parts(parts);
    every_case(|specimen, case| {
        let report = check.specimen(specimen, case);
        let right = report.rows().iter().all(|row| row.verdict.is_right() || row.verdict == Verdict::Vacuous);
        if right && also(&report) { Ok(()) } else { Err(report.to_string()) }
    });
}

/// Whether each input has the same verdict to second order as to first: what has a gradient has a second derivative here, since what is
/// made of the output is not linear in it.
fn is_tried_twice(report: &Report) -> bool {
    let (first, second) = report.rows().split_at(report.rows().len() / 2);
    first.iter().zip(second).all(|(a, b)| (a.part, b.part, a.verdict) == (Part::First, Part::Second, b.verdict))
}

proptest! {
    #![proptest_config(seeds(32))]

    #[test]
    fn first_and_second_order_equal_differences(seed in any::<u64>()) {
        every_case_is_right(seed, [Part::First, Part::Second], is_tried_twice);
    }

    #[test]
    fn fused_rules_equal_rules_on_handles_and_jvp_is_the_transpose_of_vjp(seed in any::<u64>()) {
        every_case_is_right(seed, [Part::Fused, Part::Jvp], |_| true);
    }
}

proptest! {
    #![proptest_config(seeds(8))]

    #[test]
    fn odd_layouts_of_inputs_and_incoming_gradients_change_nothing(seed in any::<u64>()) {
        every_case_is_right(seed, [Part::Layouts], |report| report.rows().len() == 1);
    }
}

proptest! {
    #![proptest_config(seeds(48))]

    #[test]
    fn inputs_broadcast_on_the_tape_get_their_gradients_summed(seed in any::<u64>()) {
        every_case_is_right(seed, [Part::Broadcast], |report| report.rows().len() == 1);
    }
}

/// One node in two input slots gets the sum of what two nodes of its value get.
#[test]
fn a_node_in_two_input_slots_gets_both_gradients() {
    every_case_is_right(3, [Part::Shared], |_| true);
}

/// Whichever inputs are constants, the others' gradients are the same, bit by bit.
#[test]
fn constant_inputs_change_no_other_gradient() {
    every_case_is_right(4, [Part::Constants], |report| report.rows().iter().all(|row| row.error == 0.0));
}

/// Which specimens have a gradient other than zero somewhere: a check that only ever compares zeros checks nothing.
#[test]
fn no_check_is_vacuous() {
    for specimen in registry::<f64>() {
        let check = Check::new().seed(1).parts([Part::First]);
        let is_right = |case: &Vec<Vec<usize>>| {
            check.specimen(&specimen, case).rows().iter().any(|row| row.verdict == Verdict::Right)
        };
        let nonzero = specimen.cases.iter().any(is_right);
        assert_eq!(
            nonzero, !specimen.flat,
            "{}: every gradient is 0, or it is declared flat and is not",
            specimen.name
        );
    }
}

/// Every specimen is tried on elements, and every op, in one of its variants at least, on none.
#[test]
fn every_op_has_cases_with_elements_and_without() {
    let empty = |case: &Vec<Vec<usize>>| case.iter().any(|shape| shape.contains(&0));
    let mut empty_case: BTreeMap<&str, bool> = BTreeMap::new();
    for specimen in registry::<f64>() {
        assert!(!specimen.cases.iter().all(empty), "{}: every case is empty", specimen.name);
        let op = specimen.name.split([' ', ',']).next().unwrap_or_default();
        *empty_case.entry(op).or_default() |= specimen.cases.iter().any(empty);
    }
    empty_case.retain(|_, has| !*has);
    assert!(empty_case.is_empty(), "ops without an empty case: {:?}", empty_case.keys());
}

// ---- other scalars -----------------------------------------------------------------------------------------------------

/// Weights of the output, none of them small.
fn weights(specimen: &Specimen<f64>, xs: &[Tensor<f64>]) -> Tensor<f64> {
    let tape = Tape::new();
    let xs: Vec<_> = xs.iter().map(|x| tape.constant(x.clone())).collect();
    Tensor::from_fn((specimen.apply)(&xs).shape(), |i| 0.5 + 0.25 * i.iter().sum::<usize>() as f64)
}

/// Output and gradients of `Σ w ∘ op(x…)`; zeros of no shape where there is none.
fn outcome<T: rensa::Float>(specimen: &Specimen<T>, w: &Tensor<f64>, xs: &[Tensor<T>]) -> Vec<Tensor<f64>> {
    let tape = Tape::new();
    let leaves: Vec<_> = xs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = (specimen.apply)(&leaves);
    let gradients = y.backward_with(w.cast());
    let by = leaves.iter().map(|&x| gradients.get(x).map_or_else(|_| Tensor::zeros([0]), Tensor::cast));
    [y.value().cast()].into_iter().chain(by).collect()
}

/// Equal shapes and elements, but for `tolerance` in relation to the largest. Written so that NaN fails.
fn is_near(found: &Tensor<f64>, expected: &Tensor<f64>, tolerance: f64) -> bool {
    let allowed = tolerance * expected.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
    let close = |(a, b): (&f64, &f64)| b.is_finite() && (a - b).abs() <= allowed;
    found.shape() == expected.shape() && found.iter().zip(expected).all(close)
}

proptest! {
    #![proptest_config(seeds(16))]

    #[test]
    fn f32_agrees_with_f64(seed in any::<u64>()) {
        let single = registry::<f32>();
        every_case(|specimen, case| {
            let xs: Vec<Tensor<f32>> = specimen.draw(case, seed).iter().map(Tensor::cast).collect();
            let wide: Vec<Tensor<f64>> = xs.iter().map(Tensor::cast).collect();
            let w = weights(specimen, &wide);
            let narrow = single.iter().find(|s| s.name == specimen.name).expect("one registry for every scalar");
            let (found, expected) = (outcome(narrow, &w, &xs), outcome(specimen, &w, &wide));
            let near = found.len() == expected.len() && found.iter().zip(&expected).all(|(a, b)| is_near(a, b, 2e-5));
            if near { Ok(()) } else { Err(format!("{} of {case:?}: {found:?}, expected {expected:?}", specimen.name)) }
        });
    }
}

#[test]
fn the_comparator_lets_nothing_through() {
    let near = |a: f64, b: f64| is_near(&Tensor::scalar(a), &Tensor::scalar(b), 1e-8);
    assert!(near(2.0 + 1e-9, 2.0) && !near(1.1, 1.0));
    for (a, b) in [(f64::NAN, 1.0), (1.0, f64::NAN), (f64::NAN, f64::NAN), (f64::INFINITY, 1.0), (1.0, f64::INFINITY)] {
        assert!(!near(a, b), "{a} passed for {b}");
    }
    assert!(
        !is_near(&Tensor::ones([1]), &Tensor::ones([2]), 1.0) && !is_near(&Tensor::ones([2]), &Tensor::ones([1]), 1.0)
    );
}

/// A scalar on the left needs a concrete type, so it cannot be a specimen, which is generic: value, slope and curvature by formula.
#[test]
fn scalars_on_the_left_have_the_derivatives_of_their_formulas() {
    type Case<T> = (for<'t> fn(Var<'t, T>) -> Var<'t, T>, [T; 3]);
    macro_rules! check {
        ($t:ty) => {
            let cases: [Case<$t>; 8] = [
                (|x| 3.0 + x, [3.5, 1.0, 0.0]),
                (|x| 3.0 - x, [2.5, -1.0, 0.0]),
                (|x| 3.0 * x, [1.5, 3.0, 0.0]),
                (|x| 3.0 / x, [6.0, -12.0, 48.0]),
                (|x| x + 3.0, [3.5, 1.0, 0.0]),
                (|x| x - 3.0, [-2.5, 1.0, 0.0]),
                (|x| x * 3.0, [1.5, 3.0, 0.0]),
                (|x| x / 0.25, [2.0, 4.0, 0.0]),
            ];
            for (i, (f, expected)) in cases.into_iter().enumerate() {
                let tape = Tape::<$t>::new();
                let x = tape.leaf(Tensor::scalar(0.5));
                let y = f(x);
                let [slope] = y.grad([x]).expect("y depends on x");
                // A constant slope does not depend on x: an explained absence, and a curvature of 0.
                let curvature = slope.grad([x]).map_or(0.0, |[curvature]| curvature.item());
                assert_eq!([y.item(), slope.item(), curvature], expected, "case {i}");
                assert_eq!(y.backward()[x].item(), expected[1], "case {i}, fused");
            }
        };
    }
    check!(f32);
    check!(f64);
}
