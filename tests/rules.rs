//! Every rule of every op in the registry, checked. A new op needs no edit here: it is in the registry, with its specimen.

#[path = "support/differences.rs"]
mod differences;
#[path = "support/odd.rs"]
mod odd;

use std::collections::BTreeMap;

use differences::{Numbers, check_first, check_fused, check_second, compare, inputs};
use odd::{ODD, Odd, lay};
use proptest::prelude::*;
use rensa::ops::{Specimen, registry};
use rensa::{Float, Op, Pullback, RawPullback, Tape, Tensor, Var};

fn seeds(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() }
}

type Case = [Vec<usize>];

/// Runs a check on every case of every specimen, and lists all that fail.
fn every_case(seed: u64, check: impl Fn(&Specimen<f64>, &Case, u64) -> Result<(), String>) {
    let mut wrong = Vec::new();
    for specimen in registry::<f64>() {
        for case in &specimen.cases {
            if let Err(why) = check(&specimen, case, seed) {
                wrong.push(format!("{} of {case:?}, seed {seed}: {why}", specimen.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases fail:\n{}", wrong.len(), wrong.join("\n"));
}

proptest! {
    #![proptest_config(seeds(32))]

    #[test]
    fn backward_equals_central_differences(seed in any::<u64>()) {
        every_case(seed, |specimen, case, seed| check_first(specimen, case, seed).map(drop));
    }

    #[test]
    fn second_order_equals_central_differences_of_first_order(seed in any::<u64>()) {
        every_case(seed, check_second);
    }

    #[test]
    fn fused_rules_equal_rules_on_handles(seed in any::<u64>()) {
        every_case(seed, check_fused);
    }
}

/// Which specimens have a gradient other than zero somewhere: a check that only ever compares zeros checks nothing.
#[test]
fn no_check_is_vacuous() {
    for specimen in registry::<f64>() {
        let nonzero = specimen.cases.iter().any(|case| check_first(&specimen, case, 1) == Ok(true));
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

// ---- layouts -----------------------------------------------------------------------------------------------------------

/// Output, gradients, and the gradients of a directional derivative of those, from leaves of the given values. `fit` makes
/// of each leaf the op's input.
fn outcome(
    specimen: &Specimen<f64>,
    xs: &[Tensor<f64>],
    fit: impl for<'t> Fn(usize, Var<'t, f64>) -> Var<'t, f64>,
    seed: &Tensor<f64>,
    u: &[Tensor<f64>],
) -> Vec<Tensor<f64>> {
    let tape = Tape::new();
    let leaves: Vec<_> = xs.iter().map(|x| tape.leaf(x.clone())).collect();
    let args: Vec<_> = leaves.iter().enumerate().map(|(i, &x)| fit(i, x)).collect();
    let y = (specimen.apply)(&args);
    let first = y.backward_with(seed.clone());
    let mut all = vec![y.value()];
    // The same by the rules on handles, with an incoming gradient that is a transposed view.
    let axes: Vec<isize> = (0..y.ndim() as isize).rev().collect();
    let loss = (y.permute(&axes) * tape.constant(seed.permute(&axes))).sum(..);
    let mut along = tape.scalar(0.0);
    for (&x, u) in leaves.iter().zip(u) {
        let zeros = || Tensor::zeros(x.shape());
        all.push(first.get(x).cloned().unwrap_or_else(|_| zeros()));
        if let Ok([g]) = loss.grad([x]) {
            all.push(g.value());
            along = along + (g * tape.constant(u.clone())).sum(..);
        } else {
            all.push(zeros());
        }
    }
    let second = along.backward();
    all.extend(leaves.iter().map(|&x| second.get(x).cloned().unwrap_or_else(|_| Tensor::zeros(x.shape()))));
    all
}

/// Values that sums of a few represent exactly, so that what is equal stays equal in whatever order it is added up.
fn dyadic(xs: Vec<Tensor<f64>>) -> Vec<Tensor<f64>> {
    xs.into_iter().map(|x| x.map(|x| (x * 1024.0).round() / 1024.0)).collect()
}

fn same(found: &[Tensor<f64>], expected: &[Tensor<f64>], tolerance: f64) -> Result<(), String> {
    for (k, (a, b)) in found.iter().zip(expected).enumerate() {
        if a.shape() != b.shape() {
            return Err(format!("result {k} has shape {:?}, expected {:?}", a.shape(), b.shape()));
        }
        let scale = b.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
        compare(&a.to_vec(), &b.to_vec(), tolerance * scale).map_err(|e| format!("result {k}: {e}"))?;
    }
    if found.len() == expected.len() { Ok(()) } else { Err("results are missing".into()) }
}

fn check_layouts(specimen: &Specimen<f64>, case: &Case, seed: u64) -> Result<(), String> {
    let mut numbers = Numbers(seed);
    let xs = dyadic(inputs(specimen, case, &mut numbers));
    let (w, u) = differences::directions(&differences::value(specimen, &xs), &xs, &mut numbers);
    let expected = outcome(specimen, &xs, |_, x| x, &w, &u);
    for how in ODD {
        let odd: Vec<_> = xs.iter().map(|x| lay(x, how)).collect();
        for (seed, what) in [(&w, "dense"), (&lay(&w, how), "odd")] {
            let found = outcome(specimen, &odd, |_, x| x, seed, &u);
            same(&found, &expected, 1e-12).map_err(|e| format!("{how:?}, incoming gradient {what}: {e}"))?;
        }
    }
    // An incoming gradient of stride 0, as that of a sum.
    let (one, ones) = (Tensor::scalar(1.5).broadcast_to(w.shape()), Tensor::full(w.shape(), 1.5));
    let expected = outcome(specimen, &xs, |_, x| x, &ones, &u);
    same(&outcome(specimen, &xs, |_, x| x, &one, &u), &expected, 1e-12).map_err(|e| format!("stride 0: {e}"))
}

/// Each leaf has size 1 along some axes, or lacks leading ones, and is broadcast on the tape: the op sees strides of 0, and
/// the gradient must come back summed. Expected is what the op gives for the same values written out.
fn check_broadcast(specimen: &Specimen<f64>, case: &Case, seed: u64) -> Result<(), String> {
    let mut numbers = Numbers(seed);
    let mut shrink = |shape: &Vec<usize>| -> Vec<usize> {
        let kept = shape.iter().map(|&n| if numbers.next() < 0.5 { 1 } else { n }).collect::<Vec<_>>();
        let leading = kept.iter().take_while(|&&n| n == 1).count();
        kept[numbers.below(leading + 1)..].to_vec()
    };
    let small: Vec<Vec<usize>> = case.iter().map(&mut shrink).collect();
    let leaves = dyadic(inputs(specimen, &small, &mut numbers));
    let full: Vec<_> = leaves.iter().zip(case).map(|(x, shape)| lay(&x.broadcast_to(&shape[..]), Odd::Dense)).collect();
    let (w, u) = differences::directions(&differences::value(specimen, &full), &leaves, &mut numbers);
    let wide: Vec<_> = u.iter().zip(case).map(|(u, shape)| lay(&u.broadcast_to(&shape[..]), Odd::Dense)).collect();

    let found = outcome(specimen, &leaves, |i, x| x.broadcast_to(&case[i][..]), &w, &u);
    let mut expected = outcome(specimen, &full, |_, x| x, &w, &wide);
    let n = leaves.len();
    for (k, result) in expected.iter_mut().enumerate().skip(1) {
        let leaf = if k <= 2 * n { (k - 1) / 2 } else { k - 1 - 2 * n };
        *result = summed(result, leaves[leaf].shape());
    }
    same(&found, &expected, 1e-11)
}

/// `x` summed over what was broadcast from `shape`, element by element.
fn summed(x: &Tensor<f64>, shape: &[usize]) -> Tensor<f64> {
    let front = x.ndim() - shape.len();
    let mut sums = Tensor::<f64>::zeros(shape);
    let strides: Vec<usize> = (0..shape.len()).map(|a| shape[a + 1..].iter().product()).collect();
    let mut index = vec![0; x.ndim()];
    for &value in x {
        let place: usize = (0..shape.len()).filter(|&a| shape[a] > 1).map(|a| index[a + front] * strides[a]).sum();
        sums.make_mut()[place] += value;
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < x.shape()[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    sums
}

proptest! {
    #![proptest_config(seeds(8))]

    #[test]
    fn odd_layouts_of_inputs_and_incoming_gradients_change_nothing(seed in any::<u64>()) {
        every_case(seed, check_layouts);
    }
}

proptest! {
    #![proptest_config(seeds(48))]

    #[test]
    fn inputs_broadcast_on_the_tape_get_their_gradients_summed(seed in any::<u64>()) {
        every_case(seed, check_broadcast);
    }
}

// ---- other scalars, shared and constant inputs -------------------------------------------------------------------------

/// Output and gradients, from inputs that `given` turns into nodes.
fn run<T: Float>(
    specimen: &Specimen<T>,
    w: &Tensor<f64>,
    n: usize,
    given: impl for<'t> Fn(&'t Tape<T>, usize) -> Var<'t, T>,
) -> Vec<Option<Tensor<f64>>> {
    let tape = Tape::new();
    let leaves: Vec<_> = (0..n).map(|i| given(&tape, i)).collect();
    let y = (specimen.apply)(&leaves);
    let gradients = (y * tape.constant(w.cast())).sum(..).backward();
    let by = leaves.iter().map(|&x| gradients.get(x).ok().map(Tensor::cast));
    [Some(y.value().cast())].into_iter().chain(by).collect()
}

proptest! {
    #![proptest_config(seeds(16))]

    #[test]
    fn f32_agrees_with_f64(seed in any::<u64>()) {
        let single = registry::<f32>();
        every_case(seed, |specimen, case, seed| {
            let mut numbers = Numbers(seed);
            let xs: Vec<Tensor<f32>> = inputs(specimen, case, &mut numbers).iter().map(Tensor::cast).collect();
            let wide: Vec<Tensor<f64>> = xs.iter().map(Tensor::cast).collect();
            let w = numbers.direction(differences::value(specimen, &wide).shape());
            let narrow = single.iter().find(|s| s.name == specimen.name).expect("one registry for every scalar");
            let found = run(narrow, &w, xs.len(), |tape, i| tape.leaf(xs[i].clone()));
            let expected = run(specimen, &w, xs.len(), |tape, i| tape.leaf(wide[i].clone()));
            let zeros = |x: Option<Tensor<f64>>| x.unwrap_or_else(|| Tensor::zeros([0]));
            same(&found.into_iter().map(zeros).collect::<Vec<_>>(), &expected.into_iter().map(zeros).collect::<Vec<_>>(), 2e-5)
        });
    }
}

/// One node in two input slots gets the sum of what two nodes of its value get.
#[test]
fn a_node_in_two_input_slots_gets_both_gradients() {
    every_case(3, |specimen, case, seed| {
        let mut numbers = Numbers(seed);
        let mut xs = inputs(specimen, case, &mut numbers);
        for (i, j) in (0..case.len()).flat_map(|j| (0..j).map(move |i| (i, j))).filter(|&(i, j)| case[i] == case[j]) {
            xs[j] = xs[i].clone();
            let w = numbers.direction(differences::value(specimen, &xs).shape());
            let apart = run(specimen, &w, xs.len(), |tape, k| tape.leaf(xs[k].clone()));
            let tape = Tape::new();
            let mut leaves: Vec<_> = xs.iter().map(|x| tape.leaf(x.clone())).collect();
            leaves[j] = leaves[i];
            let gradients = ((specimen.apply)(&leaves) * tape.constant(w)).sum(..).backward();
            let sum = match (&apart[i + 1], &apart[j + 1]) {
                (Some(a), Some(b)) => a + b,
                (Some(one), None) | (None, Some(one)) => one.clone(),
                (None, None) => continue,
            };
            same(&[gradients[leaves[i]].clone()], &[sum], 1e-13).map_err(|e| format!("inputs {i} and {j}: {e}"))?;
        }
        Ok(())
    });
}

/// Whichever inputs are constants, the others' gradients are the same, bit by bit.
#[test]
fn constant_inputs_change_no_other_gradient() {
    every_case(4, |specimen, case, seed| {
        let mut numbers = Numbers(seed);
        let xs = inputs(specimen, case, &mut numbers);
        let w = numbers.direction(differences::value(specimen, &xs).shape());
        let all = run(specimen, &w, xs.len(), |tape, i| tape.leaf(xs[i].clone()));
        for constants in 1..1usize << xs.len() {
            let is_constant = |i: usize| constants >> i & 1 == 1;
            let found = run(specimen, &w, xs.len(), |tape, i| {
                if is_constant(i) { tape.constant(xs[i].clone()) } else { tape.leaf(xs[i].clone()) }
            });
            for i in 0..xs.len() {
                let expected = all[i + 1].as_ref().filter(|_| !is_constant(i));
                if found[i + 1].as_ref() != expected {
                    return Err(format!(
                        "input {i}, with constants {constants:b}: {:?} for {expected:?}",
                        found[i + 1]
                    ));
                }
            }
        }
        Ok(())
    });
}

// ---- the checks themselves ---------------------------------------------------------------------------------------------

#[test]
fn the_comparator_lets_nothing_through() {
    assert!(compare(&[1.0, 2.0], &[1.0, 2.0 + 1e-9], 1e-8).is_ok());
    assert!(compare(&[1.0], &[1.1], 1e-8).is_err());
    for (a, b) in [(f64::NAN, 1.0), (1.0, f64::NAN), (f64::NAN, f64::NAN), (f64::INFINITY, 1.0), (1.0, f64::INFINITY)] {
        assert!(compare(&[a], &[b], 1e-8).is_err(), "{a} passed for {b}");
    }
    assert!(compare(&[1.0], &[1.0, 2.0], 1e-8).is_err());
    assert!(compare(&[1.0, 2.0], &[1.0], 1e-8).is_err());
    let (one, two) = (Tensor::<f64>::ones([1]), Tensor::<f64>::ones([2]));
    assert!(same(std::slice::from_ref(&one), &[one.clone(), one.clone()], 1.0).is_err());
    assert!(same(&[one], &[two], 1.0).is_err());
}

/// `y = a · b² + a` with a rule that is wrong in a way of one's choice.
#[derive(Debug)]
struct Wrong(Fault);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It is right.
    None,
    /// Twice the gradient by `a`.
    Factor,
    /// Without the second term.
    Term,
    /// Zeros for the second input.
    Input,
    /// Right at first order, but through a value cut off the tape.
    Detached,
    /// Only the fused form is wrong.
    Fused,
    /// Only NaN, which compares with nothing.
    Nan,
}

impl Op<f64> for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn forward(&mut self, xs: &[&Tensor<f64>]) -> Tensor<f64> {
        xs[0] * xs[1] * xs[1] + xs[0]
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, f64>) {
        let ([a, b], g) = (p.inputs(), p.g);
        p.accum(0, || match self.0 {
            Fault::Factor => g * (b * b + 1.0) * 2.0,
            Fault::Term => g * b * b,
            Fault::Detached => g * (b.detach() * b + 1.0),
            Fault::Nan => g * f64::NAN,
            _ => g * (b * b + 1.0),
        });
        p.accum(1, || g * a * b * if self.0 == Fault::Input { 0.0 } else { 2.0 });
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, f64>) -> bool {
        if self.0 != Fault::Fused {
            return false;
        }
        let (a, b, g) = (p.xs[0], p.xs[1], p.take_g());
        p.accum(0, || &g * b);
        p.accum(1, || &g * a * b * 2.0);
        true
    }
}

fn wrong(apply: for<'t> fn(&[Var<'t, f64>]) -> Var<'t, f64>) -> Specimen<f64> {
    let cases = vec![vec![vec![2, 3], vec![3]]];
    Specimen { name: "wrong", apply, cases, domain: -2.0..2.0, kinks: vec![], flat: false }
}

/// Whether some check finds fault with it.
fn caught(specimen: &Specimen<f64>) -> bool {
    let case = &specimen.cases[0];
    check_first(specimen, case, 7).is_err()
        || check_second(specimen, case, 7).is_err()
        || check_fused(specimen, case, 7).is_err()
}

#[test]
fn a_wrong_rule_is_caught() {
    assert!(!caught(&wrong(|x| Var::apply(Wrong(Fault::None), x))));
    assert!(caught(&wrong(|x| Var::apply(Wrong(Fault::Factor), x))));
    assert!(caught(&wrong(|x| Var::apply(Wrong(Fault::Term), x))));
    assert!(caught(&wrong(|x| Var::apply(Wrong(Fault::Input), x))));
    assert!(caught(&wrong(|x| Var::apply(Wrong(Fault::Detached), x))));
    assert!(caught(&wrong(|x| Var::apply(Wrong(Fault::Fused), x))));
    assert!(caught(&wrong(|x| Var::apply(Wrong(Fault::Nan), x))));
}

/// A product whose rule takes the mean over what was broadcast, where it has to take the sum.
#[derive(Debug)]
struct MeanOverBroadcast;

impl Op<f64> for MeanOverBroadcast {
    fn name(&self) -> &'static str {
        "mean_over_broadcast"
    }

    fn forward(&mut self, xs: &[&Tensor<f64>]) -> Tensor<f64> {
        xs[0] * xs[1]
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, f64>) {
        let ([a, b], g) = (p.inputs(), p.g);
        p.accum(0, || g * b);
        p.accum(1, || (g * a).mean(0));
    }
}

#[test]
fn a_wrong_sum_over_broadcast_axes_is_caught() {
    assert!(caught(&wrong(|x| Var::apply(MeanOverBroadcast, x))));
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
