//! The tape: what a gradient's structure must be, why one is missing, which line is blamed, and what memory it takes.
//!
//! Tests named `trap_…` are lines of the list of defects that other libraries had.

#[path = "support/allocations.rs"]
mod allocations;
#[path = "support/panics.rs"]
mod panics;

use allocations::{Counting, allocations, live_bytes};
use panics::panic_of;
use rensa::{Gradients, Op, Param, Pullback, RawPullback, Reason, Reduction, Tape, Tensor, Var, slice, tensor};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// ---- structure of gradients --------------------------------------------------------------------------------------------

#[test]
fn trap_01_a_broadcast_operands_gradient_is_summed_over_the_right_axes() {
    let cases: [(&[usize], &[usize]); 4] =
        [(&[3, 1], &[1, 4]), (&[1, 1, 1], &[2, 1, 3]), (&[], &[2, 3]), (&[0, 3], &[1, 3])];
    for (a, b) in cases {
        let tape = Tape::<f64>::new();
        let (a, b) = (tape.leaf(Tensor::full(a, 2.0)), tape.leaf(Tensor::full(b, 3.0)));
        let y = a * b;
        let gradients = y.sum(..).backward();
        let n = y.shape().elements() as f64;
        for (x, other) in [(a, 3.0), (b, 2.0)] {
            let own = x.shape();
            let times = if own.elements() == 0 { 0.0 } else { n / own.elements() as f64 };
            assert_eq!(gradients[x], Tensor::full(&own, other * times), "{own:?}");
        }
    }
}

#[test]
fn trap_02_a_value_used_twice_gets_both_gradients() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![2.0, -3.0]);
    assert_eq!((x * x).sum(..).backward()[x].to_vec(), [4.0, -6.0]);
    assert_eq!((x + x).sum(..).backward()[x].to_vec(), [2.0, 2.0]);
    assert_eq!((x - x).sum(..).backward()[x].to_vec(), [0.0, 0.0]);
    let m = tape.leaf(tensor![[1.0, 2.0], [3.0, 4.0]]);
    assert_eq!(m.matmul(m.t()).sum(..).backward()[m].to_vec(), [8.0, 12.0, 8.0, 12.0]);
}

#[test]
fn trap_02_diamonds_of_depth_three() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::scalar(1.5));
    let y = [(); 3].iter().fold(x, |x, ()| x * 2.0 + x * 3.0); // 5x each
    assert_eq!(y.backward()[x].item(), 125.0);
    let squares = [(); 3].iter().fold(x, |x, ()| x * x); // x⁸
    assert_eq!(squares.backward()[x].item(), 8.0 * 1.5_f64.powi(7));
    assert_eq!(squares.grad([x]).map(|[g]| g.item()), Ok(8.0 * 1.5_f64.powi(7)));
}

#[test]
fn trap_03_a_second_backward_is_the_same_as_the_first() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![[0.5, -1.0], [2.0, 0.25]]);
    let loss = (x.matmul(x).tanh() * x.exp() / (x * x + 1.0)).sum(..);
    let (first, nodes) = (loss.backward(), tape.len());
    let mut second = loss.backward();
    assert_eq!(first[x], second[x]);
    loss.backward_into(&mut second);
    assert_eq!(first[x], second[x]);
    assert_eq!(tape.len(), nodes, "backward leaves nothing on the tape");
    let [recorded] = loss.grad([x]).expect("it depends on x");
    assert_eq!(loss.backward()[x], first[x]);
    assert!((recorded.value() - &first[x]).iter().all(|d| d.abs() < 1e-12));
}

#[test]
fn trap_04_an_unused_input_has_an_explained_absence() {
    let tape = Tape::<f64>::new();
    let (x, unused) = (tape.leaf(tensor![1.0]), tape.leaf(tensor![1.0, 2.0]));
    let loss = x.sum(..);
    let why = loss.backward().get(unused).err().map(|why| why.to_string()).unwrap_or_default();
    assert!(why.contains("leaf [2] at tests/tape.rs") && why.contains("does not depend on it"), "{why}");
    let why = loss.grad([unused]).err().map(|why| why.to_string()).unwrap_or_default();
    assert!(why.contains("does not depend on it"), "{why}");
}

#[test]
fn trap_05_nested_gradients_are_not_confused() {
    let tape = Tape::<f64>::new();
    let (x, y) = (tape.leaf(Tensor::scalar(5.0)), tape.leaf(Tensor::scalar(5.0)));
    let [inner] = (x + y).grad([y]).expect("x + y depends on y");
    assert_eq!((x * inner).backward()[x].item(), 1.0);
    let [outer] = (x * inner).grad([x]).expect("it depends on x");
    assert_eq!(outer.item(), 1.0);
}

#[test]
fn trap_05_handles_of_another_tape_are_refused() {
    let (one, two) = (Tape::<f64>::new(), Tape::<f64>::new());
    let (a, b) = (one.leaf(tensor![1.0, 2.0]), two.leaf(tensor![3.0]));
    let (panic, line) = (panic_of(|| a + b), line!());
    assert!(panic.message.contains("add") && panic.message.contains("different tapes"), "{panic:?}");
    assert_eq!((panic.file.as_str(), panic.line), ("tests/tape.rs", line));
    assert!(panic_of(|| Var::concat(&[a, b, a], 0)).message.contains("different tapes"));
    assert!(panic_of(|| a.sum(..).grad([b])).message.contains("different tapes"));
    let gradients = a.sum(..).backward();
    assert!(gradients.get(b).is_err_and(|why| why.to_string().contains("another tape")));
}

#[test]
fn trap_08_a_saved_value_does_not_change_with_its_parameter() {
    let tape = Tape::<f64>::new();
    let mut w = Param::new(tensor![2.0, 3.0]);
    let loss = { (tape.param(&w) * tape.param(&w)).sum(..) };
    w.value.make_mut()[0] = 100.0;
    assert_eq!(loss.backward()[&w].to_vec(), [4.0, 6.0]);
    assert_eq!(w.value.to_vec(), [100.0, 3.0]);
    // Asked for again, it is the changed one; and the gradient of a new loss is that by the changed one.
    let again = (tape.param(&w) * tape.param(&w)).sum(..);
    assert_eq!(again.item(), 10009.0);
    assert_eq!(again.backward()[&w].to_vec(), [200.0, 6.0]);
    assert_eq!(loss.backward()[&w].to_vec(), [4.0, 6.0]);
}

#[test]
fn a_parameter_is_one_node_for_as_long_as_it_stays_the_same() {
    let tape = Tape::<f64>::new();
    let mut params =
        [Param::new(tensor![1.0, 2.0]), Param::new(Tensor::scalar(0.5)), Param::new(Tensor::zeros([0, 2]))];
    for param in &params {
        assert_eq!(tape.param(param).index(), tape.param(param).index());
    }
    params[1].value = Tensor::scalar(0.25);
    assert_eq!(tape.param(&params[1]).item(), 0.25);
    params[0].set_frozen(true);
    assert!(!tape.param(&params[0]).needs_gradient());
    params[0].set_frozen(false);
    assert!(tape.param(&params[0]).needs_gradient());
}

#[test]
fn parameters_that_share_a_value_are_told_apart() {
    let tape = Tape::<f64>::new();
    let value = tensor![1.0, 2.0];
    let (a, b) = (Param::new(value.clone()), Param::new(value));
    let gradients = (tape.param(&a) * 2.0 + tape.param(&b) * 3.0).sum(..).backward();
    assert_eq!((gradients[&a].to_vec(), gradients[&b].to_vec()), (vec![2.0; 2], vec![3.0; 2]));
}

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
    told(absence((x * c).sum(..), c), &["constant [2]", &format!("tests/tape.rs:{line}"), "it is a constant"]);
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
    told(absence(d.sum(..), x), &["leaf [2]", &format!("cut at detach [2] at tests/tape.rs:{line}"), "detached"]);

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
    assert!(why.contains("mul_scalar [2] at tests/tape.rs") && why.contains("retain_grad"), "{why}");
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
    let here = format!("cut at round [2] at tests/tape.rs:{line}");
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
        let (node, inputs) = (format!("first [1] at tests/tape.rs:{line}"), "to its inputs [1]");
        for panic in [panic_of(|| y.backward()), panic_of(|| y.grad([a])), panic_of(|| y.trace())] {
            assert!(panic.message.contains(&node) && panic.message.contains(inputs), "{panic:?}");
        }
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
        why(&other).contains("param [2] at tests/tape.rs") && why(&other).contains("does not depend"),
        "{}",
        why(&other)
    );
    assert!(why(&frozen).contains("[1, 4]") && why(&frozen).contains("frozen"), "{}", why(&frozen));
    assert!(why(&never).contains("[3]") && why(&never).contains("not on the tape"), "{}", why(&never));
    let panic = panic_of(|| gradients[&never].clone());
    assert!(panic.message.contains("not on the tape") && panic.file == "tests/tape.rs", "{panic:?}");
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

// ---- ways to ask -------------------------------------------------------------------------------------------------------

#[test]
fn backward_of_more_than_one_number_names_the_node_and_its_line() {
    let tape = Tape::<f64>::new();
    let (x, line) = (tape.leaf(tensor![1.0, 2.0]).exp(), line!());
    let (panic, here) = (panic_of(|| x.backward()), line!());
    assert!(panic.message.contains(&format!("exp [2] at tests/tape.rs:{line}")), "{panic:?}");
    assert_eq!((panic.file.as_str(), panic.line), ("tests/tape.rs", here));
    assert!(panic_of(|| tape.leaf(Tensor::zeros([0])).backward()).message.contains("not a single number"));
    assert!(panic_of(|| x.grad([x])).message.contains("not a single number"));
    assert!(panic_of(|| x.backward_with(tensor![1.0])).message.contains("seed [1] for exp [2]"));
}

#[test]
fn backward_with_weighs_the_output() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![1.0, 2.0]);
    assert_eq!((x * x).backward_with(tensor![10.0, 0.5])[x].to_vec(), [20.0, 2.0]);
    assert_eq!(x.backward_with(tensor![7.0, 8.0])[x].to_vec(), [7.0, 8.0]);
}

#[test]
fn a_leaf_is_its_own_gradient_one() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::scalar(3.0));
    assert_eq!(x.backward()[x].item(), 1.0);
    assert_eq!(x.grad([x]).map(|[g]| g.item()), Ok(1.0));
    let y = x * 2.0;
    assert_eq!(y.retain_grad().backward()[y].item(), 1.0);
    assert_eq!(y.grad([y, x]).map(|[a, b]| (a.item(), b.item())), Ok((1.0, 2.0)));
}

#[test]
fn pauses_nest() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![1.0]);
    let outer = tape.pause();
    let inner = tape.pause();
    drop(inner);
    assert!(!(x * 2.0).needs_gradient());
    drop(outer);
    assert!((x * 2.0).needs_gradient());
    let caught = panic_of(|| {
        let _paused = tape.pause();
        x.reshape([7])
    });
    assert!(caught.message.contains("reshape") && (x * 2.0).needs_gradient(), "a panic ends a pause");
}

#[test]
fn a_tape_and_gradients_can_be_sent_to_another_thread() {
    fn sent<X: Send>(x: X) -> X {
        x
    }
    let tape = sent(Tape::<f64>::new());
    let w = Param::new(tensor![1.0, 2.0]);
    let gradients = std::thread::scope(|scope| {
        let w = &w;
        scope.spawn(move || sent((tape.param(w) * 4.0).sum(..).backward())).join().expect("the thread ends well")
    });
    assert_eq!(gradients[&w].to_vec(), [4.0, 4.0]);
}

#[test]
fn what_a_trace_tells_adds_up_to_what_backward_finds() {
    let tape = Tape::<f64>::new();
    let (x, b) = (tape.leaf(tensor![[0.5, -1.0], [2.0, 0.25]]), tape.leaf(tensor![0.1, 0.2]));
    let loss = ((x.matmul(x) + b).tanh() * x).logsumexp(..);
    let nodes = tape.len();
    let (gradients, steps) = (loss.backward(), loss.trace());
    assert_eq!(tape.len(), nodes);
    assert_eq!(steps.len(), nodes - 2, "every node but the leaves");
    for leaf in [x, b] {
        let parts = steps.iter().flat_map(|step| &step.contributions).filter(|part| part.input.index() == leaf.index());
        let sum = parts.fold(Tensor::zeros(leaf.shape()), |sum: Tensor<f64>, part| sum + &part.product);
        assert!((sum - &gradients[leaf]).iter().all(|d| d.abs() < 1e-14));
    }
    assert_eq!(steps[0].gradient.item(), 1.0);
}

// ---- lines -------------------------------------------------------------------------------------------------------------

#[test]
fn every_node_carries_the_line_that_asked_for_it() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::from_fn([2, 3], |i| 0.5 + (i[0] * 3 + i[1]) as f64));
    let start = tape.len();
    let first = line!();
    let _ = [
        x + x,
        x - x,
        x * x,
        x / x,
        -x,
        x + 1.0,
        x - 1.0,
        x * 2.0,
        x / 2.0,
        1.0 + x,
        1.0 - x,
        2.0 * x,
        2.0 / x,
        x.pow(x),
        x.maximum(x),
        x.exp(),
        x.relu(),
        x.gelu(),
        x.clamp(0.0, 1.0),
        x.powi(2),
        x.sum(..),
        x.mean(0),
        x.prod(-1),
        x.max(0),
        x.var(.., 1),
        x.std(0, 0),
        x.norm(..),
        x.logsumexp(1),
        x.cumsum(0),
        x.reshape([3, 2]),
        x.flatten(),
        x.permute(&[1, 0]),
        x.t(),
        x.swapaxes(0, 1),
        x.unsqueeze(0).squeeze(0),
        x.slice(slice![0, ..;2]),
        x.narrow(1, 0, 2),
        x.flip(..),
        x.pad(&[(1, 1), (0, 2)], 3.0),
        Var::concat(&[x, x], 0),
        Var::stack(&[x, x, x], -1),
        x.broadcast_to([2, 2, 3]),
        x.sum_to(&[3].into()),
        x.matmul(x.t()),
        x.slice(slice![0]).matmul(x.t()),
        x.unsqueeze(0).matmul(x.t()),
        x.softmax(-1),
        x.log_softmax(0),
        x.cross_entropy(&tensor![0_usize, 2], Reduction::Mean),
        x.cross_entropy(x, Reduction::Sum),
        x.mse(x, Reduction::None),
        x.index_select(0, &tensor![1_usize]),
        x.gather(1, &tensor![[0_usize], [1]]),
        x.scatter_add(1, &tensor![[0_usize], [1]], x.narrow(1, 0, 1)),
        Var::where_cond(&tensor![true, false, true], x, x),
        x.detach(),
    ];
    let here = first..line!();
    for node in tape.vars().skip(start) {
        let location = node.location();
        assert!(location.file() == "tests/tape.rs" && here.contains(&location.line()), "{node:?}");
    }
    assert!(tape.len() > start + 56);
}

#[test]
fn what_a_rule_appends_carries_the_line_of_the_node_that_it_is_of() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::scalar(0.5));
    let (y, line) = (x.tanh(), line!());
    let start = tape.len();
    let (found, asked) = (y.grad([x]).expect("it depends on x"), line!());
    for node in tape.vars().skip(start + 1) {
        assert_eq!((node.location().file(), node.location().line()), ("tests/tape.rs", line), "{node:?}");
    }
    assert_eq!(tape.vars().nth(start).map(|seed| seed.location().line()), Some(asked));
    let (twice, line) = ((found[0] * 2.0), line!());
    assert_eq!(twice.location().line(), line, "afterwards lines are the caller's again");
}

#[test]
fn shape_panics_carry_the_callers_line_and_both_shapes() {
    let tape = Tape::<f64>::new();
    let (a, b) = (tape.leaf(Tensor::zeros([3, 4])), tape.leaf(Tensor::zeros([5, 2])));
    #[track_caller]
    fn check(panic: panics::Panic, line: u32, op: &str, shapes: [&str; 2]) {
        assert!(panic.message.contains(op) && shapes.iter().all(|s| panic.message.contains(s)), "{panic:?}");
        assert_eq!((panic.file.as_str(), panic.line), ("tests/tape.rs", line), "{panic:?}");
    }
    let shapes = ["[3, 4]", "[5, 2]"];
    check(panic_of(|| a + b), line!(), "add", shapes);
    check(panic_of(|| a - b), line!(), "sub", shapes);
    check(panic_of(|| a * b), line!(), "mul", shapes);
    check(panic_of(|| a / b), line!(), "div", shapes);
    check(panic_of(|| a.pow(b)), line!(), "pow", shapes);
    check(panic_of(|| a.maximum(b)), line!(), "maximum", shapes);
    check(panic_of(|| a.matmul(b)), line!(), "matmul", shapes);
    check(panic_of(|| a.mse(b, Reduction::Mean)), line!(), "mse", shapes);
    check(panic_of(|| a.cross_entropy(b, Reduction::Mean)), line!(), "cross_entropy", shapes);
    check(panic_of(|| Var::concat(&[a, b], 0)), line!(), "concat", shapes);
    check(panic_of(|| Var::stack(&[a, b], 0)), line!(), "stack", shapes);
    check(panic_of(|| Var::where_cond(&Tensor::full([3, 4], true), a, b)), line!(), "where", shapes);
    check(panic_of(|| a.broadcast_to([5, 2])), line!(), "broadcast_to", shapes);
    check(panic_of(|| a.sum_to(&[5, 2].into())), line!(), "sum_to", shapes);
    check(panic_of(|| a.reshape([5, 2])), line!(), "reshape", shapes);
    check(panic_of(|| a.sum(2)), line!(), "sum", ["2", "rank 2"]);
    check(panic_of(|| a.softmax(5)), line!(), "softmax", ["5", "rank 2"]);
    check(panic_of(|| a.index_select(0, &tensor![9_usize])), line!(), "index_select", ["9", "[3, 4]"]);
    check(panic_of(|| a.scatter_add(0, &tensor![[0_usize]], b)), line!(), "scatter_add", ["[1, 1]", "[3, 4]"]);
}

// ---- panics, memory, depth ---------------------------------------------------------------------------------------------

/// The identity, whose rules panic when told to.
#[derive(Debug)]
struct Bomb {
    in_rule: bool,
    in_fused: bool,
}

impl Op<f64> for Bomb {
    fn name(&self) -> &'static str {
        "bomb"
    }
    fn forward(&mut self, xs: &[&Tensor<f64>]) -> Tensor<f64> {
        xs[0].clone()
    }
    fn vjp<'t>(&self, p: &mut Pullback<'t, f64>) {
        let g = p.g;
        p.accum(0, || {
            let part = g * 1.0;
            assert!(!self.in_rule, "boom");
            part
        });
    }
    fn vjp_fused(&self, p: &mut RawPullback<'_, f64>) -> bool {
        assert!(!self.in_fused, "boom");
        let _ = p;
        false
    }
}

#[test]
fn a_rule_that_panics_leaves_the_tape_usable() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![1.0, 2.0]);
    for (in_rule, in_fused) in [(true, false), (false, true)] {
        let loss = (Var::apply(Bomb { in_rule, in_fused }, &[x]) * x).sum(..);
        let nodes = tape.len();
        assert_eq!(panic_of(|| loss.backward()).message, "boom");
        assert_eq!(tape.len(), nodes, "what the rule had appended is gone");
        assert_eq!((x * x).sum(..).backward()[x].to_vec(), [2.0, 4.0]);
        // The op is back in its node: the second time it is the rule that panics, not the want of one.
        assert_eq!(panic_of(|| loss.backward()).message, "boom");
        if in_rule {
            assert_eq!(panic_of(|| loss.grad([x])).message, "boom");
        }
        let line = line!() + 1;
        let after = x * 2.0;
        assert!(after.needs_gradient() && after.location().line() == line, "it records, and blames nobody else");
    }
}

#[test]
fn a_step_that_panics_leaves_nothing_to_the_next() {
    let mut tape = Tape::<f64>::new();
    let mut w = Param::new(tensor![1.0, 2.0]);
    let mut gradients = Gradients::new();
    panic_of(|| tape.step(&mut gradients, |tape| tape.param(&w).reshape([3])));
    w.value = tensor![5.0, 6.0];
    let loss = tape.step(&mut gradients, |tape| (tape.param(&w) * tape.param(&w)).sum(..));
    assert_eq!((loss, gradients[&w].to_vec()), (61.0, vec![10.0, 12.0]));
    assert!(tape.is_empty());
}

#[test]
fn after_a_step_nobody_shares_the_parameters() {
    let mut tape = Tape::<f64>::new();
    let mut w = Param::new(Tensor::from_fn([10, 10], |_| 1.0));
    let mut gradients = Gradients::new();
    let loss = tape.step(&mut gradients, |tape| (tape.param(&w) * 2.0).sum(..));
    assert_eq!(loss, 200.0);
    let place = w.value.as_slice().map(<[f64]>::as_ptr);
    w.value.make_mut()[0] = 5.0;
    assert_eq!(w.value.as_slice().map(<[f64]>::as_ptr), place, "written in place");
}

#[test]
fn gradients_own_their_elements_after_a_reset() {
    let mut tape = Tape::<f64>::new();
    let w = Param::new(tensor![[1.0, 2.0], [3.0, 4.0]]);
    let gradients = { tape.param(&w).t().sum(0).exp().sum(..).backward() };
    let before = gradients[&w].to_vec();
    tape.reset();
    for _ in 0..3 {
        let x = tape.leaf(Tensor::full([2, 2], 77.0)); // would overwrite what was recycled too early
        let _ = (x * x + x).sum(..).backward();
    }
    assert_eq!(gradients[&w].to_vec(), before);
}

#[test]
fn trap_07_a_million_ops_in_a_row_run_and_drop_on_a_small_stack() {
    let deep = || {
        let mut tape = Tape::<f64>::new();
        {
            let x = tape.leaf(Tensor::scalar(1.0));
            let y = (0..1_000_000).fold(x, |y, i| if i % 2 == 0 { y + 1e-6 } else { -y });
            assert_eq!(y.backward()[x].item(), 1.0);
        }
        tape.reset();
        {
            let x = tape.leaf(tensor![1.0, 2.0]);
            let y = (0..100_000).fold(x, |y, _| -y);
            let [g] = y.sum(..).grad([x]).expect("it depends on x");
            assert_eq!(g.value().to_vec(), [1.0, 1.0]);
            let why = tape.leaf(tensor![0.0]).sum(..).grad([x]);
            assert!(why.is_err());
        }
        drop(tape);
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(deep).expect("a thread").join().expect("no overflow");
}

/// A net with a hidden layer: matrix products, bias, relu, cross-entropy.
struct Net {
    w1: Param<f64>,
    b1: Param<f64>,
    w2: Param<f64>,
    b2: Param<f64>,
}

impl Net {
    fn new() -> Self {
        let weights = |shape: [usize; 2]| Tensor::from_fn(shape, |i| ((7 * i[0] + 3 * i[1]) % 11) as f64 / 11.0 - 0.45);
        let (b1, b2) = (Tensor::zeros([8]), Tensor::zeros([3]));
        Net { w1: Param::new(weights([5, 8])), b1: Param::new(b1), w2: Param::new(weights([8, 3])), b2: Param::new(b2) }
    }

    fn step(
        &mut self,
        tape: &mut Tape<f64>,
        gradients: &mut Gradients<f64>,
        x: &Tensor<f64>,
        t: &Tensor<usize>,
    ) -> f64 {
        let loss = tape.step(gradients, |tape| {
            let hidden = (tape.constant(x.clone()).matmul(tape.param(&self.w1)) + tape.param(&self.b1)).relu();
            (hidden.matmul(tape.param(&self.w2)) + tape.param(&self.b2)).cross_entropy(t, Reduction::Mean)
        });
        for param in [&mut self.w1, &mut self.b1, &mut self.w2, &mut self.b2] {
            let g = &gradients[&*param];
            let value = std::mem::replace(&mut param.value, Tensor::scalar(0.0));
            param.value = value - &(g * 0.1);
        }
        loss
    }
}

#[test]
fn trap_06_a_hundred_thousand_steps_keep_memory_flat() {
    let (mut net, mut tape, mut gradients) = (Net::new(), Tape::new(), Gradients::new());
    let (x, t) = (Tensor::from_fn([4, 5], |i| (i[0] as f64 - i[1] as f64) / 4.0), tensor![0_usize, 2, 1, 0]);
    let first = (0..10).map(|_| net.step(&mut tape, &mut gradients, &x, &t)).fold(0.0, f64::max);
    let before = live_bytes();
    let last = (0..100_000).map(|_| net.step(&mut tape, &mut gradients, &x, &t)).fold(f64::NAN, |_, loss| loss);
    assert_eq!(live_bytes(), before, "bytes that live, after 100 000 steps more");
    assert!(last < first / 10.0, "it learns: from {first} to {last}");
}

#[test]
fn a_step_allocates_nothing_of_its_own_after_the_first() {
    let (mut net, mut tape, mut gradients) = (Net::new(), Tape::new(), Gradients::new());
    let (x, t) = (Tensor::from_fn([4, 5], |i| (i[0] as f64 - i[1] as f64) / 4.0), tensor![0_usize, 2, 1, 0]);
    let mut step = || {
        net.step(&mut tape, &mut gradients, &x, &t);
    };
    (0..3).for_each(|_| step());
    let counts: Vec<usize> = (0..5).map(|_| allocations(&mut step)).collect();
    assert!(counts.iter().all(|&n| n <= 5), "allocations per step: {counts:?}, of which 5 are matrixmultiply's");
}
