//! The tape: what a gradient's structure must be, the ways to ask for one, and which line a node carries.
//!
//! Tests named `trap_…` are lines of the list of defects that other libraries had.

#[path = "support/panics.rs"]
mod panics;

use panics::panic_of;
use rensa::nn::{Linear, Module};
use rensa::{Param, Reduction, Tape, Tensor, Var, slice, tensor};

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
fn trap_02_slices_that_overlap_add_up_where_they_do() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::from_fn([4, 3], |i| (3 * i[0] + i[1]) as f64));
    // Its gradient is c everywhere, in numbers that lie side by side; that of a sum is one number, repeated.
    fn dense<'t>(y: Var<'t, f64>, c: f64) -> Var<'t, f64> {
        (y * y.tape().constant(Tensor::from_fn(&y.shape(), |_| c))).sum(..)
    }
    // Whole rows, which lie side by side, and columns, which do not; forwards, backwards, and beside a use of the whole.
    let rows = dense(x.narrow(0, 0, 3), 1.0) + dense(x.narrow(0, 1, 2), 10.0) + dense(x.slice(slice![2]), 100.0);
    let columns = dense(x.narrow(1, 1, 2), 1e3) + x.slice(slice![..;-2, 0..2]).sum(..) * 1e4;
    let g = (rows + columns + x.sum(..) * 1e5).backward()[x].clone();
    let row = |i: usize| f64::from(i < 3) + 10.0 * f64::from(i == 1 || i == 2) + 100.0 * f64::from(i == 2);
    let column = |i: usize, j: usize| 1e3 * f64::from(j >= 1) + 1e4 * f64::from(i % 2 == 1 && j < 2);
    assert_eq!(g, Tensor::from_fn([4, 3], |i| row(i[0]) + column(i[0], i[1]) + 1e5));
    // The gradient of the whole is shared before a slice adds to it.
    let y = tape.leaf(tensor![1.0, 2.0, 3.0]);
    let z = y * 1.0;
    let gradients = (z + y).backward_with(tensor![1.0, 1.0, 1.0]);
    let more = ((z + y).sum(..) + z.narrow(0, 0, 1).sum(..) + y.narrow(0, 1, 1).sum(..)).backward();
    assert_eq!((gradients[y].to_vec(), more[y].to_vec()), (vec![2.0; 3], vec![3.0, 3.0, 2.0]));
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

/// Zeros are one element, repeated, that is held inline and shares no memory with its clone.
#[test]
fn trap_02_a_parameter_of_zeros_that_is_used_twice_gets_both_gradients() {
    let tape = Tape::<f64>::new();
    let w = Param::new(Tensor::zeros([3]));
    let y = (tape.param(&w) * 2.0 + tape.param(&w) * 3.0).sum(..);
    assert_eq!(y.backward()[&w].to_vec(), [5.0; 3]);
}

#[test]
fn a_parameter_is_one_node_for_as_long_as_it_stays_the_same() {
    let tape = Tape::<f64>::new();
    let mut params =
        [tensor![1.0, 2.0], Tensor::scalar(0.5), Tensor::zeros([0, 2]), Tensor::zeros([3])].map(Param::new);
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

/// A value that is stored once and repeated shares no memory with its copies, yet it is the same value.
#[test]
fn trap_02_a_parameter_of_one_repeated_number_used_twice_gets_both_gradients() {
    for w in [
        Tensor::zeros([3]),
        Tensor::full([3], 0.5),
        Tensor::full([3], f64::NAN),
        Tensor::zeros([1]),
        Tensor::zeros([0]),
    ] {
        let (tape, w) = (Tape::<f64>::new(), Param::new(w));
        let gradients = (tape.param(&w) * 2.0 + tape.param(&w) * 3.0).sum(..).backward();
        assert_eq!(gradients[&w].to_vec(), vec![5.0; w.value.len()]);
        assert_eq!(tape.vars().filter(|var| var.name() == "param").count(), 1);
    }
    let (tape, mut w) = (Tape::<f64>::new(), Param::new(Tensor::zeros([3])));
    let before = tape.param(&w);
    w.value = Tensor::ones([3]);
    assert_ne!(before.index(), tape.param(&w).index(), "a changed parameter is another node");
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
fn several_losses_on_one_tape_have_their_own_gradients_and_add_up() {
    let tape = Tape::<f64>::new();
    let (x, w) = (tape.leaf(tensor![0.5, -1.0]), tape.leaf(tensor![2.0, 3.0]));
    let trunk = (x * w).tanh().retain_grad();
    let (first, second) = ((trunk * trunk).sum(..), (trunk * 3.0 + x).sum(..));
    let (a, b, both) = (first.backward(), second.backward(), (first + second).backward());
    for node in [x, w, trunk] {
        let sum = &a[node] + &b[node];
        assert!((sum - &both[node]).iter().all(|d| d.abs() < 1e-15) && a[node] != b[node]);
    }
    assert_eq!(first.backward()[x], a[x], "the other left no trace");
    let weighted = trunk.backward_with(tensor![1.0, 0.0]);
    assert_eq!((weighted[x].to_vec()[1], weighted[trunk].to_vec()), (0.0, vec![1.0, 0.0]));
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
    let (gradients, steps) = (loss.backward(), loss.backward_steps());
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

/// Of a net, its nodes tell which of its lines they are of, and a layer's that which uses the layer: not that of who runs the net.
#[test]
fn nodes_of_a_module_carry_the_lines_of_its_forward_pass() {
    struct Net(Linear<f64>);
    rensa::parts!(Net for f64 { 0 as "layer" });
    const LAYER: u32 = line!() + 3;
    impl Module<f64> for Net {
        fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
            let h = self.0.forward(x);
            h.relu()
        }
    }
    let tape = Tape::new();
    let y = Net(Linear::new(tensor![[1.0, 2.0]], tensor![0.5])).forward(tape.constant(tensor![3.0, 4.0]));
    assert_eq!((y.location().file(), y.location().line()), ("tests/tape.rs", LAYER + 1), "{y:?}");
    for node in tape.vars().skip(1).take(tape.len() - 2) {
        assert_eq!((node.location().file(), node.location().line()), ("tests/tape.rs", LAYER), "{node:?}");
    }
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
