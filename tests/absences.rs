//! Why a gradient is missing, told in whole; and the trap for the first NaN or ∞.
//!
//! Tests named `trap_…` are lines of the list of defects that other libraries had.

#[path = "support/panics.rs"]
mod panics;

use panics::panic_of;
use rensa::{Gradients, Op, Param, Pullback, RawPullback, Reason, Tape, Tensor, Var, tensor};

// ---- absences ----------------------------------------------------------------------------------------------------------

/// Why there is no gradient of `loss` by `x`, told by both ways of asking.
fn absence(loss: Var<'_, f64>, x: Var<'_, f64>) -> [String; 2] {
    let backward = loss.backward().get(x).err().map(|why| why.to_string());
    let grad = loss.grad([x]).err().map(|why| why.to_string());
    [backward.unwrap_or_default(), grad.unwrap_or_default()]
}

#[track_caller]
fn told(stories: [String; 2], parts: &[&str]) {
    for story in stories {
        assert!(parts.iter().all(|part| story.contains(part)), "{story:?} lacks one of {parts:?}");
    }
}

#[test]
fn an_absence_names_the_node_its_op_its_line_and_the_reason() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![1.0, 2.0]);

    let (c, line) = (tape.constant(tensor![3.0, 4.0]), line!());
    told(absence((x * c).sum(..), c), &["constant [2]", &format!("tests/absences.rs:{line}"), "it is a constant"]);
    told(absence((x * c.exp()).sum(..), c), &["constant [2]", "it is a constant"]);
    let e = c.exp();
    told(absence((x * e).sum(..), e), &["exp [2]", "computed from constants only"]);

    let paused = tape.pause();
    let p = x.tanh();
    drop(paused);
    told(absence((x * p).sum(..), p), &["tanh [2]", "computed while the tape was paused"]);
    told(absence(p.sum(..), x), &["leaf [2]", "cut at tanh [2]", "paused"]);

    let (d, line) = (x.detach(), line!());
    told(absence((x * d).sum(..), d), &["detach [2]", "it was detached"]);
    told(absence(d.sum(..), x), &["leaf [2]", &format!("cut at detach [2] at tests/absences.rs:{line}"), "detached"]);

    let later = x * 2.0;
    let before = x.sum(..);
    told(absence(before, later), &["mul_scalar [2]", "does not depend on it"]);
    told(absence(before, tape.leaf(tensor![0.0])), &["leaf [1]", "does not depend on it"]);
}

#[test]
fn an_intermediate_that_is_not_kept_says_how_to_keep_it() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![1.0, 2.0]);
    let h = x * 3.0;
    let loss = (h * h).sum(..);
    let why = loss.backward().get(h).err().map(|why| why.to_string()).unwrap_or_default();
    assert!(why.contains("mul_scalar [2] at tests/absences.rs") && why.contains("retain_grad"), "{why}");
    h.retain_grad();
    assert_eq!(loss.backward()[h].to_vec(), [6.0, 12.0]);
    assert_eq!(loss.grad([h]).map(|[g]| g.value().to_vec()), Ok(vec![6.0, 12.0]));
}

/// It passes nothing on to its second input, and says so or not.
#[derive(Debug)]
struct First {
    says_so: bool,
    is_fused: bool,
}

impl Op<f64> for First {
    fn name(&self) -> &'static str {
        "first"
    }
    fn forward(&mut self, xs: &[&Tensor<f64>]) -> Tensor<f64> {
        xs[0] * 1.0
    }
    fn vjp<'t>(&self, p: &mut Pullback<'t, f64>) {
        let g = p.g;
        p.accum(0, || g);
    }
    fn vjp_fused(&self, p: &mut RawPullback<'_, f64>) -> bool {
        if self.is_fused {
            let g = p.take_g();
            p.accum(0, || g);
        }
        self.is_fused
    }
    fn no_rule(&self, i: usize) -> Option<&'static str> {
        (self.says_so && i == 1).then_some("it is not looked at")
    }
}

#[test]
fn a_way_that_ends_at_an_op_without_a_rule_is_told() {
    let tape = Tape::new();
    let x = tape.leaf(tensor![1.4, 2.6]);
    let (rounded, line) = (x.round(), line!());
    let here = format!("cut at round [2] at tests/absences.rs:{line}");
    told(absence((rounded * 2.0).sum(..), x), &["leaf [2]", &here, "has no rule", "constant almost everywhere"]);
    told(absence((rounded * 2.0).sum(..), rounded), &["round [2]", "it has no rule", "constant almost everywhere"]);
    for y in [x.floor(), x.ceil(), x.trunc(), x.argmax(-1), x.argmin(0), x.greater(x * 0.5), x.equal(x)] {
        let why = y.sum(..).why_no_grad(x).expect("there is none");
        assert!(why.reason() == Reason::NoRule && why.to_string().contains(&format!("cut at {}", y.name())), "{why}");
    }
    // Beside a way that carries a gradient, one that does not is no absence.
    assert_eq!((x + rounded).sum(..).backward()[x].to_vec(), [1.0, 1.0]);

    let (a, b) = (tape.leaf(tensor![1.0]), tape.leaf(tensor![2.0]));
    for is_fused in [false, true] {
        let y = Var::apply(First { says_so: true, is_fused }, &[a, b * 3.0]);
        assert_eq!(y.sum(..).backward()[a].to_vec(), [1.0]);
        told(absence(y.sum(..), b), &["leaf [1]", "cut at first [1]", "it is not looked at"]);
    }
}

#[test]
fn a_rule_that_keeps_a_gradient_back_is_refused() {
    for is_fused in [false, true] {
        let tape = Tape::new();
        let (a, b) = (tape.leaf(tensor![1.0]), tape.leaf(tensor![2.0]));
        let (y, line) = (Var::apply(First { says_so: false, is_fused }, &[a, b]).sum(..), line!());
        let (node, inputs) = (format!("first [1] at tests/absences.rs:{line}"), "to its inputs [1]");
        for panic in [panic_of(|| y.backward()), panic_of(|| y.grad([a, b])), panic_of(|| y.backward_steps())] {
            assert!(panic.message.contains(&node) && panic.message.contains(inputs), "{panic:?}");
        }
        assert!(y.grad([a]).is_ok(), "nobody asks for the other one");
        let constant = Var::apply(First { says_so: false, is_fused }, &[a, tape.constant(tensor![2.0])]);
        assert_eq!(constant.sum(..).backward()[a].to_vec(), [1.0], "nothing is owed to a constant");
    }
}

#[test]
fn why_no_grad_tells_without_failing_or_computing() {
    let (mut tape, other) = (Tape::<f64>::new(), Tape::<f64>::new());
    let mut frozen = Param::new(tensor![1.0]);
    frozen.set_frozen(true);
    {
        let x = tape.leaf(tensor![1.0, 2.0]);
        let h = x * 2.0;
        let (constant, detached, paused) = (tape.constant(tensor![1.0]), h.detach(), tape.paused(|| h.exp()));
        let loss = (h * constant + detached + paused + tape.param(&frozen)).sum(..);
        let nodes = tape.len();
        let reason = |x: Var<'_, f64>| loss.why_no_grad(x).map(|why| why.reason());
        assert_eq!([reason(x), reason(h), reason(loss)], [None; 3]);
        assert_eq!(reason(constant), Some(Reason::Constant));
        assert_eq!(reason(detached), Some(Reason::Detached));
        assert_eq!(reason(paused), Some(Reason::Paused));
        assert_eq!(reason(tape.param(&frozen)), Some(Reason::Frozen));
        assert_eq!(h.why_no_grad(loss).map(|why| why.reason()), Some(Reason::NotReached));
        assert_eq!(detached.sum(..).why_no_grad(x).map(|why| why.reason()), Some(Reason::Detached));
        assert_eq!(tape.len(), nodes + 1, "only the sum above, and the frozen parameter as it was");
        let foreign = other.leaf(tensor![1.0]);
        assert_eq!(foreign.why_no_grad(foreign), None);
    }
    tape.reset();
}

#[test]
fn parameters_say_why_they_have_no_gradient() {
    let mut tape = Tape::<f64>::new();
    let (w, other, never) = (Param::new(tensor![1.0]), Param::new(tensor![1.0, 1.0]), Param::new(Tensor::zeros([3])));
    let mut frozen = Param::new(Tensor::ones([1, 4]));
    frozen.set_frozen(true);
    let mut gradients = Gradients::new();
    tape.step(&mut gradients, |tape| {
        tape.param(&other);
        (tape.param(&w) * tape.param(&frozen)).sum(..)
    });
    assert_eq!(gradients[&w].to_vec(), [4.0], "it stays after the reset");
    let why = |param: &Param<f64>| gradients.get(param).err().map(|why| why.to_string()).unwrap_or_default();
    assert!(
        why(&other).contains("param [2] at tests/absences.rs") && why(&other).contains("does not depend"),
        "{}",
        why(&other)
    );
    assert!(why(&frozen).contains("[1, 4]") && why(&frozen).contains("frozen"), "{}", why(&frozen));
    assert!(why(&never).contains("[3]") && why(&never).contains("not on the tape"), "{}", why(&never));
    let panic = panic_of(|| gradients[&never].clone());
    assert!(panic.message.contains("not on the tape") && panic.file == "tests/absences.rs", "{panic:?}");
}

#[test]
fn trap_05_gradients_of_a_tape_since_reset_are_refused_by_node_and_kept_by_parameter() {
    let mut tape = Tape::<f64>::new();
    let w = Param::new(tensor![1.0, 2.0]);
    let gradients = { (tape.param(&w) * 3.0).sum(..).backward() };
    tape.reset();
    let x = tape.leaf(tensor![1.0]);
    assert!(gradients.get(x).is_err_and(|why| why.to_string().contains("before a reset")));
    assert_eq!(gradients[&w].to_vec(), [3.0, 3.0]);
}

// ---- the trap ----------------------------------------------------------------------------------------------------------

#[test]
fn the_trap_stops_where_the_first_value_that_is_not_finite_arises() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![[1.0, 2.0], [-3.0, 0.5]]);
    let untrapped = (x.ln() + 1.0).sum(..);
    assert!(untrapped.item().is_nan(), "unset it stops nothing");

    tape.trap_non_finite();
    assert!((untrapped * 2.0).item().is_nan(), "nor later what was let through before");
    let (shifted, above) = (x - 0.5, line!());
    let (panic, line) = (panic_of(|| shifted.ln()), line!());
    let expected = format!(
        "trap_non_finite: ln [2, 2] at tests/absences.rs:{line}:46 is NaN at [1, 0]; \
         from add_scalar [2, 2] at tests/absences.rs:{above}:29 within [-3.5, 1.5]"
    );
    assert_eq!((panic.message, panic.file.as_str(), panic.line), (expected, "tests/absences.rs", line));
    let big = tape.leaf(tensor![1e200, 1.0]);
    let panic = panic_of(|| big * big);
    let parts = ["mul [2]", "is inf at [0]", "from leaf [2]", "within [1.0, 1e200]"];
    assert!(parts.iter().all(|part| panic.message.contains(part)), "{panic:?}");
    assert!(panic_of(|| tape.leaf(tensor![f64::INFINITY])).message.contains("leaf [1] at tests/absences.rs"));
    assert!(panic_of(|| tape.constant(tensor![f64::NAN])).message.contains("constant [1] at tests/absences.rs"));
    assert!(panic_of(|| tape.param(&Param::new(tensor![f64::NAN]))).message.contains("param [1] at tests/absences.rs"));
    assert_eq!((big + 1.0).value().to_vec(), [1e200, 2.0], "the tape can be used afterwards");

    tape.ignore_non_finite();
    assert!((big * big).value().to_vec()[0].is_infinite());
}

#[test]
fn the_trap_takes_an_infinite_constant_for_intended_until_a_nan_arises() {
    let tape = Tape::<f64>::new();
    tape.trap_non_finite();
    let x = tape.leaf(tensor![[1.0, 2.0], [3.0, 4.0]]);
    let mask = tape.constant(tensor![[0.0, f64::NEG_INFINITY], [0.0, 0.0]]);
    let y = (x + mask).softmax(-1);
    let [g] = (y * y).sum(..).grad([x]).expect("it depends on x");
    assert_eq!((y.value()[[0, 0]], g.value()[[0, 1]]), (1.0, 0.0));
    let masked = tape.constant(Tensor::full([1, 2], f64::NEG_INFINITY));
    let panic = panic_of(|| masked.softmax(-1));
    assert!(panic.message.contains("softmax [1, 2]") && panic.message.contains("is NaN at [0, 0]"), "{panic:?}");
}

#[test]
fn the_trap_stops_at_the_gradient_that_is_not_finite() {
    let tape = Tape::<f64>::new();
    tape.trap_non_finite();
    let (x, at) = (tape.leaf(tensor![4.0, 0.0]), line!());
    let ((root, free), line) = ((x.sqrt(), x.std(0, 0)), line!());
    let sum = root.sum(..);
    for panic in [panic_of(|| sum.backward()), panic_of(|| sum.grad([x]))] {
        let parts = [
            format!("the gradient of leaf [2] at tests/absences.rs:{at}"),
            "is inf at [1]".into(),
            format!("sqrt [2] at tests/absences.rs:{line}"),
            "that arrives there is within [1.0, 1.0]".into(),
            "within [0.0, 4.0]".into(),
            "output sqrt [2]".into(),
        ];
        assert!(parts.iter().all(|part| panic.message.contains(part)), "{panic:?}");
    }
    // A rule on handles may pass through an infinity that it does not hand on: here 1/0, in the branch not taken.
    let chosen = Var::where_cond(&tensor![true, false], root, x);
    assert_eq!(chosen.sum(..).backward()[x].to_vec(), [0.25, 1.0]);
    assert_eq!(chosen.sum(..).grad([x]).map(|[g]| g.value().to_vec()), Ok(vec![0.25, 1.0]));
    assert_eq!(free.backward()[x].to_vec(), [0.5, -0.5]);
    let seed = tensor![f64::NAN, 1.0];
    assert!(panic_of(|| x.backward_with(seed)).message.contains("the seed of the gradients of leaf [2]"));
}
