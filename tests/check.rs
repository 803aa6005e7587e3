//! The checker: every verdict appears where it should, and only there. Rules that are wrong in every way are caught, right ones are not
//! blamed, and what proves nothing does not pass.

#[path = "support/panics.rs"]
mod panics;

use std::cell::Cell;

use panics::panic_of;
use rand::{SeedableRng, rngs::StdRng};
use rensa::check::{self, Check, Part, Report, Row, Verdict};
use rensa::{Float, Op, Pullback, RawPullback, Tensor, Var, slice, tensor};

/// The verdict of every row.
fn verdicts(report: &Report) -> Vec<Verdict> {
    report.rows().iter().map(|row| row.verdict).collect()
}

/// The verdicts, and that `assert` says the same.
#[track_caller]
fn is(report: &Report, expected: &[Verdict]) {
    assert_eq!(verdicts(report), expected, "\n{report}");
    let right = !expected.is_empty() && expected.iter().all(|verdict| verdict.is_right());
    assert_eq!(report.is_right(), right);
    if right {
        report.assert();
    } else {
        assert!(panic_of(|| report.assert()).message.contains(&report.to_string()));
    }
}

#[track_caller]
fn told(report: &Report, parts: &[&str]) {
    let text = report.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

fn normal<const N: usize>(shape: [usize; N], seed: u64) -> Tensor<f64> {
    Tensor::normal(shape, 0.0, 1.0, &mut StdRng::seed_from_u64(seed))
}

// ---- right -------------------------------------------------------------------------------------------------------------

#[test]
fn right_derivatives_pass_every_check() {
    let (x, w) = (normal([3, 4], 1), normal([4, 2], 2));
    is(&check::gradients(|[x, w]| x.matmul(w).tanh(), [&x, &w]), &[Verdict::Right; 2]);
    is(&Check::new().full().gradients(|[x, w]| x.matmul(w).tanh(), [&x, &w]), &[Verdict::Right; 2]);
    is(&check::second_order(|[x, w]| x.matmul(w).tanh(), [&x, &w]), &[Verdict::Right; 4]);
    is(&check::jvp(|[x, w]| x.matmul(w).tanh(), [&x, &w]), &[Verdict::Right; 2]);
    is(&check::hessian(|[x, w]| x.matmul(w).tanh(), [&x, &w]), &[Verdict::Right; 4]);
    is(&check::fused(|[x]| x.log_softmax(-1), |[x]| x.softmax(-1).ln(), [&x]), &[Verdict::Right; 3]);
}

/// Values that are dropped and computed again, and gradients inside of the function, change nothing.
#[test]
fn checkpoints_and_gradients_inside_a_function_are_checked_with_it() {
    let x = tensor![0.5, -1.0, 0.0];
    let (report, line) =
        (check::second_order(|[x]| x.tape().checkpoint(|| (x * 2.0).exp().tanh() + x.relu()), [&x]), line!());
    is(&report, &[Verdict::Right; 2]);
    assert!(lines(&report).contains(&("relu", line)), "{report}");
    is(&check::second_order(|[x]| (x * x).sum(..).grad([x]).map_or(x, |[g]| g * x.exp()), [&x]), &[Verdict::Right; 2]);
}

/// Inputs of any scalar are checked in `f64`, and so with its tolerance.
#[test]
fn inputs_in_single_precision_are_checked_in_double() {
    let x: Tensor<f32> = normal([3], 1).cast();
    let report = check::gradients(|[x]| x.exp(), [&x]);
    is(&report, &[Verdict::Right]);
    assert!(report.rows()[0].tolerance < 1e-8, "{report}");
}

#[test]
fn a_check_is_the_same_again_and_other_directions_come_of_another_seed() {
    let x = normal([3], 1);
    let run = |seed| Check::new().seed(seed).gradients(|[x]| x.exp(), [&x]).to_string();
    let numbers = |text: String| text.lines().nth(2).map(String::from);
    assert_eq!(numbers(run(0)), numbers(run(0)));
    assert_ne!(numbers(run(0)), numbers(run(1)));
}

type Function = for<'t> fn(Var<'t, f64>) -> Var<'t, f64>;

/// Functions whose derivatives are large or small, whose inputs or values are, that change fast, that have kinks near by, or that are
/// known only roughly; with the size of the inputs.
const FUNCTIONS: [(Function, f64); 16] = [
    (|x| x.exp(), 1.0),
    (|x| (x * 1e4).sin(), 1.0),
    (|x| (x * 1e-6).sin() * 1e-6, 1.0),
    (|x| x.tanh() * 1e12, 1e-3),
    (|x| (x * 1e9).cos(), 1e-9),
    (|x| (x * 1e-9).cos(), 1e9),
    (|x| x * 1e-3 + 1e3, 1.0),
    (|x| (x + 1e6) - 1e6, 1.0),
    (|x| (x * x + 1.0).ln(), 1e3),
    (|x| x.softmax(-1), 1.0),
    (|x| (x * 5.0).tanh(), 1.0),
    (|x| (x * x + 1e-8).sqrt(), 1.0),
    (|x| (x - x.mean(..)) * ((x * x).mean(..) + 1e-5).rsqrt(), 1.0),
    (|x| x.matmul(x.t()).logsumexp(..), 1.0),
    (|x| x.relu() * 2.0 + x, 1.0),
    (|x| x.abs().sum(0).max(..) + x.sum(..), 1.0),
];

#[test]
fn no_right_rule_is_blamed() {
    for (k, (f, scale)) in FUNCTIONS.into_iter().enumerate() {
        for seed in 0..10 {
            let x = normal([3, 4], seed) * scale;
            for check in [Check::new().seed(seed).directions(2), Check::new().seed(seed).full()] {
                let report = check.parts([Part::First, Part::Second]).gradients(|[x]| f(x), [&x]);
                let blamed = verdicts(&report).contains(&Verdict::Wrong);
                assert!(!blamed && report.rows()[0].verdict.is_right(), "function {k}, seed {seed}\n{report}");
            }
        }
    }
}

/// The identity, with a rule that is wrong by a share.
#[derive(Debug)]
struct Nudged(f64);

impl<T: Float> Op<T> for Nudged {
    fn name(&self) -> &'static str {
        "nudged"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].clone()
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || g * T::of(1.0 + self.0));
    }
}

#[test]
fn no_wrong_rule_passes_even_if_it_is_nearly_right() {
    for (k, (f, scale)) in FUNCTIONS.into_iter().enumerate() {
        for share in [-2.0, 1.0, 0.1, -1e-3, 4e-6] {
            let x = normal([3, 4], 5) * scale;
            for check in [Check::new(), Check::new().full()] {
                let report = check.gradients(|[x]| f(Var::apply(Nudged(share), &[x])), [&x]);
                assert_eq!(verdicts(&report), [Verdict::Wrong], "function {k}, wrong by {share}\n{report}");
            }
        }
    }
}

// ---- wrong -------------------------------------------------------------------------------------------------------------

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
    /// The same for the incoming gradient.
    DetachedGradient,
    /// Only the fused form is wrong.
    Fused,
    /// Only NaN, which compares with nothing.
    Nan,
    /// By `a` it is wrong if `b` needs no gradient.
    Constant,
    /// The mean over what was broadcast, where it has to be the sum.
    Mean,
    /// The fused form reads `b` forwards even if it lies backwards.
    Layout,
    /// The fused form takes `b` for something else if it is repeated by a stride of 0.
    Repeated,
}

impl Op<f64> for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn forward(&mut self, xs: &[&Tensor<f64>]) -> Tensor<f64> {
        xs[0] * xs[1] * xs[1] + xs[0]
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, f64>) {
        let ([a, b], g, b_is_constant) = (p.inputs(), p.g, !p.needs(1));
        p.accum(0, || match self.0 {
            Fault::Factor => g * (b * b + 1.0) * 2.0,
            Fault::Term => g * b * b,
            Fault::Detached => g * (b.detach() * b + 1.0),
            Fault::DetachedGradient => g.detach() * (b * b + 1.0),
            Fault::Nan => g * f64::NAN,
            Fault::Constant if b_is_constant => g * b * b,
            _ => g * (b * b + 1.0),
        });
        p.accum(1, || match self.0 {
            Fault::Input => g * a * b * 0.0,
            Fault::Mean if b.shape() != g.shape() => (g * a * b * 2.0).mean(0),
            _ => g * a * b * 2.0,
        });
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, f64>) -> bool {
        if !matches!(self.0, Fault::Fused | Fault::Layout | Fault::Repeated) {
            return false;
        }
        let (a, b, g) = (p.xs[0], p.xs[1], p.take_g());
        let is_misread = match self.0 {
            Fault::Layout => b.strides().iter().any(|&stride| stride < 0),
            Fault::Repeated => b.strides().contains(&0),
            _ => false,
        };
        let misread = if is_misread { b.flip(..) + 1.0 } else { b.clone() };
        let one = if self.0 == Fault::Fused { 0.0 } else { 1.0 };
        p.accum(0, || &g * (&misread * &misread + one));
        p.accum(1, || &g * a * b * 2.0);
        true
    }
}

/// The parts of the check of an op that find fault with it, on inputs of the same shape or, `broadcast`, of different ones.
fn faults(fault: Fault, broadcast: bool) -> Vec<Part> {
    let b = if broadcast { normal([3], 2) } else { normal([2, 3], 2) };
    let report = check::op(|| Wrong(fault), [&normal([2, 3], 1), &b]);
    let mut wrong: Vec<Part> = report.rows().iter().filter(|row| !row.verdict.is_right()).map(|row| row.part).collect();
    wrong.dedup();
    let found = report.rows().iter().filter(|row| !row.verdict.is_right()).all(|row| row.verdict == Verdict::Wrong);
    assert!(found || fault == Fault::Nan, "{report}");
    wrong
}

#[test]
fn a_wrong_rule_is_caught_by_the_parts_that_can() {
    use Part::{Broadcast, Constants, First, Fused, Jvp, Layouts, Second};
    for broadcast in [false, true] {
        assert_eq!(faults(Fault::None, broadcast), []);
        assert_eq!(faults(Fault::Factor, broadcast)[..2], [First, Second]);
        assert_eq!(faults(Fault::Term, broadcast)[..2], [First, Second]);
        assert_eq!(faults(Fault::Input, broadcast)[..2], [First, Second]);
        assert_eq!(faults(Fault::Detached, broadcast), [Second]);
        assert_eq!(faults(Fault::DetachedGradient, broadcast), [Second, Jvp]);
        assert_eq!(faults(Fault::Fused, broadcast)[..3], [First, Second, Fused]);
        assert_eq!(faults(Fault::Nan, broadcast)[..4], [First, Second, Fused, Jvp]);
        assert_eq!(faults(Fault::Constant, broadcast), [Jvp, Constants]); // the former asks for one gradient at a time
        assert_eq!(faults(Fault::Layout, broadcast), [Layouts]);
    }
    assert_eq!(faults(Fault::Repeated, false), [Broadcast]);
    assert_eq!(faults(Fault::Mean, true)[..2], [First, Second]);
}

#[test]
fn a_wrong_element_is_named_and_so_is_a_pattern() {
    let x = normal([2, 3], 1);
    let double = check::gradients(|[x]| Var::apply(Nudged(1.0), &[x * x]), [&x]);
    is(&double, &[Verdict::Wrong]);
    told(
        &double,
        &["at [0, 0] it is ", "6 such elements were found", "in all of them it is 2.000000 times what it should be"],
    );
    // With every element tried, one that is wrong among those that are right is named.
    let report = Check::new().full().gradients(
        |[x]| Var::concat(&[x.slice(slice![..1]), Var::apply(Nudged(-0.5), &[x.slice(slice![1..])])], 0).exp(),
        [&tensor![1.0, 2.0]],
    );
    is(&report, &[Verdict::Wrong]);
    told(&report, &["2 elements", "at [1] it is ", "WRONG"]);
    assert!(!report.to_string().contains("such elements"), "{report}");
}

/// What has no gradient though the value depends on it: the report tells where it was lost.
#[test]
fn trap_27_a_lost_gradient_is_told_with_its_story() {
    let (x, w) = (tensor![1.0, 2.0], tensor![0.5, -1.0]);
    let (report, line) = (check::gradients(|[x, w]| x * w.detach(), [&x, &w]), line!());
    is(&report, &[Verdict::Right, Verdict::Wrong]);
    told(&report, &[&format!("cut at detach [2] at tests/check.rs:{line}"), "which was detached", "by differences"]);
    let paused = check::gradients(|[x, w]| x * x.tape().paused(|| w.exp()), [&x, &w]);
    is(&paused, &[Verdict::Right, Verdict::Wrong]);
    told(&paused, &["paused"]);
    // Only the constant `2x` of the slope of x² is lost: wrong at second order alone.
    let half = check::second_order(|[x]| x * x.detach() * 2.0 - (x * x).detach(), [&x]);
    is(&half, &[Verdict::Right, Verdict::Wrong]);
}

#[test]
fn a_wrong_jvp_hessian_and_fused_form_are_caught() {
    let x = tensor![0.5, -1.0, 2.0];
    is(&check::jvp(|[x]| x * x.detach(), [&x]), &[Verdict::Right]); // the transpose of a wrong gradient is as wrong
    let b = normal([3], 3);
    let cut = check::jvp(|[a, b]| Var::apply(Wrong(Fault::DetachedGradient), &[a, b]), [&x, &b]);
    is(&cut, &[Verdict::Wrong, Verdict::Right]);
    told(&cut, &["detach"]);

    let hessian = check::hessian(|[x]| (x * x * x.detach()).sum(..), [&x]);
    is(&hessian, &[Verdict::Wrong]);
    told(&hessian, &["0 × 0", "[3, 3]", "9 elements"]);

    let fused = check::fused(|[x]| x.gelu(), |[x]| x.gelu_tanh(), [&x]);
    is(&fused, &[Verdict::Wrong; 3]);
    let shapes = check::fused(|[x]| x.sum(..), |[x]| x, [&x]);
    is(&shapes, &[Verdict::Wrong]);
    told(&shapes, &["has shape []"]);
    // The value is that of the composition, the gradient is not.
    let gradient = check::fused(|[x]| Var::apply(Nudged(0.01), &[x.exp()]), |[x]| x.exp(), [&x]);
    is(&gradient, &[Verdict::Right, Verdict::Wrong, Verdict::Wrong]);
}

// ---- kinks -------------------------------------------------------------------------------------------------------------

/// The lines on which rows found kinks.
fn lines(report: &Report) -> Vec<(&'static str, u32)> {
    report.rows().iter().flat_map(|row| row.kinks.iter().map(|kink| (kink.op, kink.location.line()))).collect()
}

#[test]
fn a_kink_at_x_is_named_with_its_line_and_blames_no_rule() {
    let (report, line) = (check::gradients(|[x]| (x * 2.0).relu().exp(), [&tensor![0.0, 0.0]]), line!());
    is(&report, &[Verdict::Kink]);
    assert_eq!(lines(&report), [("relu", line)]);
    told(
        &report,
        &[
            &format!("on a kink at relu [2] at tests/check.rs:{line}"),
            "2 of 2 elements are on a kink and were not judged: [0], [1]",
        ],
    );
    told(&check::gradients(|[x]| (x * 2.0).relu().sum(..), [&tensor![0.0, 0.0]]), &["the two sides are 0 and 2.000"]);
    // Also if the rule's convention is the mean of the slopes, so that differences across would agree with it.
    is(&check::gradients(|[x]| x.abs() + x, [&tensor![0.0]]), &[Verdict::Kink]);
    is(&check::gradients(|[x]| x.maximum(-x), [&tensor![0.0]]), &[Verdict::Kink]);
    is(&check::gradients(|[x]| x.max(..), [&tensor![1.0, 1.0]]), &[Verdict::Kink]);
    is(&check::gradients(|[x]| x.norm(..), [&tensor![0.0, 0.0]]), &[Verdict::Kink]);
}

#[test]
fn elements_that_are_on_no_kink_are_judged() {
    let x = tensor![[0.0, 1.0, -2.0], [3.0, 0.0, 0.5]];
    for check in [Check::new(), Check::new().full()] {
        let right = check.gradients(|[x]| x.relu() + x.exp(), [&x]);
        is(&right, &[Verdict::Right]);
        told(
            &right,
            &["2 of 6 elements are on a kink and were not judged: [0, 0], [1, 1]", "(in 2 of its 6 elements)"],
        );
        let wrong = check.gradients(|[x]| Var::apply(Nudged(0.1), &[x.relu()]), [&x]);
        is(&wrong, &[Verdict::Wrong]);
    }
}

/// One of many is found without looking at each.
#[test]
fn a_few_elements_on_kinks_among_many_are_found_by_halving() {
    let passes = Cell::new(0);
    let x = Tensor::from_fn([1000], |i| if [7, 501].contains(&i[0]) { 0.0 } else { 0.1 + i[0] as f64 });
    let report = check::gradients(
        |[x]| {
            passes.set(passes.get() + 1);
            x.abs()
        },
        [&x],
    );
    is(&report, &[Verdict::Right]);
    told(&report, &["2 of 1000 elements are on a kink and were not judged: [7], [501]"]);
    assert!(passes.get() < 1500, "{} passes", passes.get());
}

#[test]
fn a_kink_near_x_is_escaped_by_smaller_steps() {
    for distance in [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7] {
        for x in [tensor![distance, 1.0], tensor![-distance, 1.0]] {
            for check in [Check::new(), Check::new().full()] {
                let report = check.gradients(|[x]| x.relu() + x * x, [&x]);
                is(&report, &[Verdict::Right]);
                assert!(report.rows()[0].kinks.is_empty(), "{report}");
                let wrong = check.gradients(|[x]| Var::apply(Nudged(0.2), &[x.relu() + x * x]), [&x]);
                is(&wrong, &[Verdict::Wrong]);
            }
        }
    }
}

/// The second derivative of `x · |x|` jumps at 0, where the first is smooth enough.
#[test]
fn kinks_of_the_gradient_are_those_of_second_order_only() {
    let (report, line) = (check::second_order(|[x]| x * x.abs(), [&tensor![0.0, 2.0]]), line!());
    is(&report, &[Verdict::Right, Verdict::Right]);
    assert!(report.rows()[0].kinks.is_empty() && !report.rows()[1].kinks.is_empty(), "{report}");
    assert!(lines(&report).iter().all(|&(_, at)| at == line), "{report}");
    told(&report, &["(second): 1 of 2 elements are on a kink"]);
}

#[test]
fn jumps_and_infinite_slopes_are_kinks_too() {
    for f in [(|x| x.sign() + x) as Function, |x| x.abs().sqrt() + x, |x| x.round() + x] {
        let report = check::gradients(|[x]| f(x), [&tensor![0.5]]);
        let at_zero = check::gradients(|[x]| f(x - 0.5 + x.sign() * 0.0), [&tensor![0.5]]);
        let kinks = [report, at_zero].iter().filter(|report| verdicts(report) == [Verdict::Kink]).count();
        assert_eq!(kinks, 1, "of the two points one is a jump");
    }
}

/// The program itself goes another way on one side.
#[test]
fn a_branch_in_the_program_is_a_kink() {
    let report = check::gradients(|[x]| if x.item() > 1.0 { x * 3.0 } else { x.exp() }, [&tensor![1.0]]);
    is(&report, &[Verdict::Kink]);
    told(&report, &["from which on the program takes another way on one side"]);
    assert!(report.rows()[0].kinks[0].branch);
}

/// At a tie a fused form and its composition may rightly choose different slopes.
#[test]
fn two_forms_may_differ_on_a_kink() {
    let x = tensor![0.5, 0.0];
    is(&check::fused(|[x]| x.relu(), |[x]| (x + x.abs()) * 0.5, [&x]), &[Verdict::Right, Verdict::Kink, Verdict::Kink]);
}

// ---- nothing proved ----------------------------------------------------------------------------------------------------

#[test]
fn what_is_zero_in_every_direction_proves_nothing() {
    let (x, w) = (tensor![0.4, -1.0, 2.0], tensor![1.0, 1.0, 3.0]);
    let report = check::gradients(|[x, w]| x.softmax(-1).sum(..) * w, [&x, &w]);
    is(&report, &[Verdict::Vacuous, Verdict::Right]);
    told(&report, &["proved nothing", "a rule that always says 0 would pass too"]);
    // Where nothing at all depends on it, and where an op has no rule: the story is told.
    let unused = check::gradients(|[x, w]| w * 2.0 + x.round(), [&x, &w]);
    is(&unused, &[Verdict::Vacuous, Verdict::Right]);
    told(&unused, &["cut at round [3]", "has no rule"]);
    let unused = check::gradients(|[_, w]| w * 2.0, [&x, &w]);
    is(&unused, &[Verdict::Vacuous, Verdict::Right]);
    told(&unused, &["does not depend on it"]);
    // Every element, and no element.
    is(&Check::new().full().gradients(|[x]| x.softmax(-1).sum(..), [&x]), &[Verdict::Vacuous]);
    is(&check::gradients(|[x]| x * 2.0, [&Tensor::<f64>::zeros([0, 3])]), &[Verdict::Vacuous]);
    is(&check::hessian(|[x]| x * 2.0, [&x]), &[Verdict::Vacuous]);
    // And no input at all.
    is(&check::gradients(|[]| unreachable!("there is no input, and no tape"), [] as [&Tensor<f64>; 0]), &[]);
}

/// A linear function has no second derivative, but the gradient is linear in the incoming one, and that is checked.
#[test]
fn linear_functions_are_checked_at_second_order() {
    is(&check::second_order(|[x]| x * 2.0, [&tensor![0.5, -1.0, 2.0]]), &[Verdict::Right; 2]);
    is(&check::second_order(|[x]| x.cumsum(0), [&tensor![0.5, -1.0, 2.0]]), &[Verdict::Right; 2]);
}

#[test]
fn an_input_may_be_declared_flat_but_must_be_so() {
    let (x, w) = (tensor![0.4, -1.0, 2.0], tensor![1.0, 1.0, 3.0]);
    for check in [Check::new().flat(0), Check::new().full().flat(0)] {
        is(&check.gradients(|[x, w]| x.softmax(-1).sum(..) * w, [&x, &w]), &[Verdict::Flat, Verdict::Right]);
        is(&check.gradients(|[x, w]| x.round() * w, [&x, &w]), &[Verdict::Flat, Verdict::Right]);
        let not_flat = check.gradients(|[x, w]| x * w, [&x, &w]);
        is(&not_flat, &[Verdict::Wrong, Verdict::Right]);
        told(&not_flat, &["declared flat, and is not"]);
        is(&check.gradients(|[x, w]| (x - 0.5).round() * w, [&x, &w]), &[Verdict::Flat, Verdict::Right]);
        // Declared flat is not declared unchecked.
        is(&check.gradients(|[x, w]| x.detach() * w, [&x, &w]), &[Verdict::Wrong, Verdict::Right]);
    }
}

// ---- inconclusive, not finite ------------------------------------------------------------------------------------------

#[test]
fn nothing_is_concluded_from_noise() {
    let x = tensor![0.5, 1.0, 4.0];
    // Of values that come in steps of 10⁻⁴ a factor of 2 can be told, but not that all is right.
    is(&check::gradients(|[x]| (x * 0.7 + 1e12) - 1e12, [&x]), &[Verdict::Inconclusive]);
    is(&check::gradients(|[x]| Var::apply(Nudged(1.0), &[(x * 0.7 + 1e12) - 1e12]), [&x]), &[Verdict::Wrong]);
    is(&check::gradients(|[x]| Var::apply(Nudged(1e-3), &[(x * 0.7 + 1e12) - 1e12]), [&x]), &[Verdict::Inconclusive]);
}

#[test]
fn a_function_that_is_not_the_same_again_is_told() {
    let calls = Cell::new(0.0);
    let report = check::gradients(
        |[x]| {
            calls.set(calls.get() + 1.0);
            x * x + calls.get()
        },
        [&tensor![1.0]],
    );
    is(&report, &[Verdict::Inconclusive]);
    told(&report, &["computed again it is not the same"]);
}

#[test]
fn nan_and_infinity_never_pass() {
    let (report, line) = (check::gradients(|[x]| (x.ln() + 1.0).exp(), [&tensor![-1.0, 1.0]]), line!());
    is(&report, &[Verdict::NotFinite]);
    told(&report, &[&format!("first at ln [2] at tests/check.rs:{line}")]);
    is(&check::gradients(|[x]| x.exp(), [&tensor![1000.0]]), &[Verdict::NotFinite]);
    is(&check::gradients(|[x]| x + f64::NAN, [&tensor![1.0]]), &[Verdict::NotFinite]);
    for share in [f64::NAN, f64::INFINITY] {
        for check in [Check::new(), Check::new().full()] {
            let report = check.gradients(|[x]| Var::apply(Nudged(share), &[x]), [&tensor![1.0, 2.0]]);
            is(&report, &[Verdict::Wrong]);
        }
    }
    is(&check::fused(|[x]| x * f64::NAN, |[x]| x, [&tensor![1.0]]), &[Verdict::Wrong]);
    is(&check::jvp(|[x]| Var::apply(Nudged(f64::NAN), &[x]), [&tensor![1.0]]), &[Verdict::Wrong]);
    is(&check::hessian(|[x]| Var::apply(Nudged(f64::NAN), &[x * x]), [&tensor![1.0]]), &[Verdict::NotFinite]);
}

/// Where the function ends there is no derivative, but elsewhere there is.
#[test]
fn the_edge_of_the_domain_is_not_judged() {
    is(&check::gradients(|[x]| x.sqrt(), [&tensor![0.0]]), &[Verdict::NotFinite]);
    let report = check::gradients(|[x]| x.sqrt(), [&tensor![0.0, 1.0, 4.0]]);
    is(&report, &[Verdict::Right]);
    told(&report, &["1 of 3 elements are at the edge of where the value is finite and were not judged: [0]"]);
    // Near it smaller steps stay inside.
    is(&check::gradients(|[x]| x.ln(), [&tensor![1e-3, 1.0, 4.0]]), &[Verdict::Right]);
}

// ---- the table ---------------------------------------------------------------------------------------------------------

#[test]
fn a_table_is_aligned_and_says_it_all() {
    let report = check::gradients(|[a, b]| a * b.detach(), [&tensor![3.0], &tensor![0.5]]);
    let text = report.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("gradients, seed 0, at tests/check.rs:"), "{text}");
    let column = |line: &str, word: &str| line.find(word).map(|at| line[..at].chars().count());
    assert_eq!(column(lines[1], "verdict"), column(lines[2], "right"), "{text}");
    assert_eq!(column(lines[1], "verdict"), column(lines[3], "WRONG"), "{text}");
    assert_eq!(lines[4], "1 right; 1 WRONG", "{text}");
    assert!(lines[5].starts_with("  1 (first): at [0] it is 0, by differences 3.000000"), "{text}");
    let row: &Row = &report.rows()[1];
    assert_eq!((row.name.as_str(), row.part, row.analytic), ("1", Part::First, 0.0));
    assert!((row.numeric - 3.0).abs() < 1e-9 && row.error > row.tolerance, "{text}");
}
