//! What holds for every layer.

use super::*;

/// A layer that anything can be done with.
type Boxed = Box<dyn Module<f64> + Send + Sync>;

/// Every layer in a list.
#[derive(Default)]
struct List(Vec<(String, String, Boxed, Vec<usize>)>);

impl Visit for List {
    fn visit<M: Module<f64> + Send + Sync + 'static>(&mut self, kind: &str, names: &str, net: M, shape: &[usize]) {
        self.0.push((kind.into(), names.into(), Box::new(net), shape.to_vec()));
    }
}

fn all(seed: u64) -> Vec<(String, String, Boxed, Vec<usize>)> {
    let mut list = List::default();
    every_layer(&mut list, &mut rng(seed));
    assert!(list.0.len() >= 75, "only {}", list.0.len());
    list.0
}

#[test]
fn parameters_have_the_names_and_the_order_of_pytorch() {
    for (kind, names, mut net, _) in all(0) {
        let expected: Vec<&str> = names.split_whitespace().collect();
        assert_eq!(net.names(), expected, "{kind}");
        let mut changed = Vec::new();
        net.visit_mut(&Path::ROOT, &mut |path, _| changed.push(path.to_string()));
        assert_eq!(changed, expected, "{kind}: to be changed");
    }
    let norm = BatchNorm2d::<f64>::init(3);
    assert!(norm.state().tensors.keys().eq(["bias", "running_mean", "running_var", "weight"]));
    assert!(norm.state().counts.keys().eq(["num_batches_tracked"]));
}

/// Each layer under the checker, in training or in evaluation.
struct Checked {
    training: bool,
    count: usize,
}

impl Visit for Checked {
    fn visit<M: Module<f64> + Send + Sync + 'static>(&mut self, kind: &str, _: &str, mut net: M, shape: &[usize]) {
        self.count += 1;
        let mut modes = 0;
        net.parts(&Path::ROOT, &mut |_, part| modes += usize::from(matches!(part, Part::Mode(_))));
        if !self.training && modes == 0 {
            return; // nothing is different
        }
        // Running statistics other than those of the beginning.
        run(&net, &normal(shape, 1));
        net.set_training(self.training);
        let check = Check::new().directions(2).parts([check::Part::First, check::Part::Second]);
        let report = check.module(&mut net, &normal(shape, 0));
        assert!(report.is_right(), "{kind}, training: {}\n{report}", self.training);
    }
}

fn check_every_layer(training: bool) {
    let mut checked = Checked { training, count: 0 };
    every_layer(&mut checked, &mut rng(7));
    assert!(checked.count >= 75);
}

#[test]
fn gradients_of_every_layer_are_right_to_second_order_in_training() {
    check_every_layer(true);
}

#[test]
fn gradients_of_every_layer_are_right_to_second_order_in_evaluation() {
    check_every_layer(false);
}

#[test]
fn a_state_makes_another_layer_the_same() {
    for (i, ((kind, _, one, shape), (_, _, mut two, _))) in all(1).into_iter().zip(all(2)).enumerate() {
        let x = normal(&shape, i as u64);
        run(&one, &x); // moves running statistics
        two.load_state(one.state()).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(two.state(), one.state(), "{kind}");
        one.eval();
        two.eval();
        assert_eq!(run(&two, &x), run(&one, &x), "{kind}");
        assert_eq!(run(&one, &x), run(&one, &x), "{kind}: evaluation changes nothing");
    }
}

#[test]
fn the_same_seed_drops_the_same_and_streams_can_be_set_back() {
    for ((kind, _, net, shape), (_, _, twin, _)) in all(1).into_iter().zip(all(1)) {
        let (x, before) = (normal(&shape, 0), net.streams());
        let first = run(&net, &x);
        assert_eq!(run(&twin, &x), first, "{kind}: built from the same seed");
        let second = run(&net, &x);
        assert_eq!(first != second, net.streams() != before, "{kind}: another draw drops others");
        net.set_streams(&before);
        assert_eq!(run(&net, &x), first, "{kind}");
    }
}

#[test]
fn checkpoints_draw_and_count_once() {
    for ((kind, _, net, shape), (_, _, twin, _)) in all(3).into_iter().zip(all(3)) {
        let x = normal(&shape, 0);
        let (tape, other) = (Tape::new(), Tape::new());
        let (a, b) = (tape.leaf(x.clone()), other.leaf(x));
        let plain = net.forward(a);
        let again = other.checkpoint(|| twin.forward(b));
        assert_eq!(again.value(), plain.value(), "{kind}");
        let weights = normal(&plain.shape(), 1);
        let (plain, again) = (plain.backward_with(weights.clone()), again.backward_with(weights));
        assert_eq!(again.get(b).ok(), plain.get(a).ok(), "{kind}");
        assert_eq!((twin.state(), twin.streams()), (net.state(), net.streams()), "{kind}");
    }
}

/// Looks at the lines of the nodes, and at the summary.
struct Lines(usize);

impl Visit for Lines {
    fn visit<M: Module<f64> + Send + Sync + 'static>(&mut self, kind: &str, _: &str, net: M, shape: &[usize]) {
        let tape = Tape::new();
        let x = tape.leaf(normal(shape, 0));
        net.forward(x);
        for node in tape.vars() {
            let file = node.location().file();
            assert!(file.starts_with("tests/"), "{kind}: {node:?} is not a line of the program");
        }
        let summary = net.summary(shape);
        assert_eq!(summary.rows[0].kind, kind);
        assert!(summary.rows.iter().all(|row| row.output.is_some()), "{kind}: {summary}");
        self.0 += 1;
    }
}

#[test]
fn nodes_carry_the_line_that_calls_a_layer_and_every_layer_tells_its_shape() {
    let mut lines = Lines(0);
    every_layer(&mut lines, &mut rng(0));
    assert!(lines.0 >= 75);
}

#[test]
fn layers_are_the_same_in_f32_but_for_rounding() {
    let (tape, other) = (Tape::new(), Tape::new());
    let options = Recurrent::new().layers(2).bidirectional();
    let a = Lstm::<f64>::init(3, 4, options, &mut rng(1));
    let mut b = Lstm::<f32>::init(3, 4, options, &mut rng(2));
    b.load_state(a.state().cast()).expect("the same names and shapes");
    let x = normal(&[5, 2, 3], 0);
    let (y, z) = (a.forward(tape.constant(x.clone()), None).0, b.forward(other.constant(x.cast()), None).0);
    near(&z.value().cast(), &y.value(), 1e-6);
    let a = TransformerEncoderLayer::<f64>::init(4, 2, 3, &mut rng(1));
    let mut b = TransformerEncoderLayer::<f32>::init(4, 2, 3, &mut rng(2));
    b.load_state(a.state().cast()).expect("the same names and shapes");
    a.eval();
    b.eval();
    let x = normal(&[2, 3, 4], 0);
    let (y, z) = (a.forward(tape.constant(x.clone())), b.forward(other.constant(x.cast())));
    near(&z.value().cast(), &y.value(), 1e-5);
}
