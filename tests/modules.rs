//! Nets as parts with names: order, state, modes, random streams, freezing, and the summary.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use rensa::nn::{Buffer, Count, Linear, Mode, Module, Parts, Path, Relu, Sequential, Stream, noted};
use rensa::{Error, Float, Param, Tape, Tensor, Var, parts, tensor};

/// A layer with one of everything.
struct Everything<T: Float> {
    gain: Param<T>,
    running: Buffer<T>,
    seen: Count,
    mode: Mode,
    noise: Stream,
    inner: Vec<Linear<T>>,
    extra: Option<Linear<T>>,
}
parts!(Everything<T> { gain, running as "running_mean", seen, mode, noise, inner, extra });

impl<T: Float> Module<T> for Everything<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        let mut y = self.inner.iter().fold(x * tape.param(&self.gain), |x, layer| layer.forward(x));
        if self.mode.is_training() {
            self.running.set(y.value().mean(0));
            self.seen.set(self.seen.get() + 1);
            y = y + tape.constant(Tensor::normal(y.shape(), T::zero(), T::one(), &mut self.noise.draw()));
        }
        noted(self, y)
    }
}

fn everything<T: Float>(seed: u64) -> Everything<T> {
    let rng = &mut StdRng::seed_from_u64(seed);
    Everything {
        gain: Param::new(Tensor::full([2], T::of(0.5 + seed as f64))),
        running: Buffer::new(Tensor::zeros([3])),
        seen: Count::default(),
        mode: Mode::default(),
        noise: Stream::new(7),
        inner: vec![Linear::init(2, 4, rng), Linear::init(4, 3, rng).without_bias()],
        extra: None,
    }
}

#[test]
fn parts_have_dotted_names_in_the_order_of_their_fields() {
    let mut net = everything::<f64>(0);
    assert_eq!(net.names(), ["gain", "inner.0.weight", "inner.0.bias", "inner.1.weight"]);
    let state = net.state();
    let keys = ["gain", "inner.0.bias", "inner.0.weight", "inner.1.weight", "running_mean"];
    assert!(state.tensors.keys().eq(keys) && state.counts.keys().eq(["seen"]));
    assert_eq!(net.parameter_count(), 2 + 8 + 4 + 12);
    let mut names = Vec::new();
    net.visit_mut(&Path::ROOT, &mut |path, _| names.push(path.to_string()));
    assert_eq!(names, net.names(), "the same order, to be changed");
    net.extra = Some(Linear::init(1, 1, &mut StdRng::seed_from_u64(0)));
    assert_eq!(net.names()[4..], ["extra.weight", "extra.bias"]);
}

#[test]
fn a_state_is_taken_over_whole_or_not_at_all() {
    let x = Tensor::normal([5, 2], 0.0, 1.0, &mut StdRng::seed_from_u64(3));
    let forward = |net: &Everything<f64>| {
        let tape = Tape::new();
        net.forward(tape.constant(x.clone())).value()
    };
    let (one, mut two) = (everything::<f64>(1), everything::<f64>(2));
    forward(&one);
    two.load_state(one.state()).unwrap();
    assert_eq!((two.state(), two.seen.get()), (one.state(), 1));
    one.eval();
    two.eval();
    assert_eq!(forward(&one), forward(&two));

    let mut wrong = everything::<f64>(3).state();
    wrong.tensors.remove("gain");
    wrong.tensors.insert("inner.1.bias".into(), tensor![0.0]);
    wrong.tensors.insert("running_mean".into(), tensor![0.0]);
    wrong.counts.insert("more".into(), 3);
    wrong.counts.remove("seen");
    let error = two.load_state(wrong).unwrap_err();
    let expected = "the state does not fit: `gain` missing, `running_mean` of shape [1], not [3], `seen` missing, \
                    `inner.1.bias` unexpected, `more` unexpected";
    assert!(matches!(error, Error::State { .. }) && error.to_string() == expected, "{error}");
    assert_eq!(two.state(), one.state(), "nothing is changed");

    let mut narrow = everything::<f32>(0);
    narrow.load_state(one.state().cast()).unwrap();
    assert_eq!(narrow.state(), one.state().cast());
}

#[test]
fn modes_and_streams_are_set_throughout() {
    let net = everything::<f64>(0);
    let run = || {
        let tape = Tape::new();
        net.forward(tape.constant(Tensor::ones([4, 2]))).value()
    };
    let (first, second) = (run(), run());
    assert_ne!(first, second, "every draw is new");
    assert_eq!((net.seen.get(), net.streams()["noise"]), (2, 2));
    net.set_streams(&[("noise".to_string(), 1)].into());
    assert_eq!(run(), second, "set back, the same is drawn again");
    net.eval();
    assert_eq!(run(), run());
    assert_eq!((net.seen.get(), net.streams()["noise"]), (3, 2));
    net.train();
    assert_ne!(run(), run());

    let draws = |seed| (0..3).map(|_| Stream::new(seed).draw().random::<u64>()).collect::<Vec<_>>();
    assert!(draws(1) == draws(1) && draws(1) != draws(2));
}

#[test]
fn a_summary_tells_shapes_and_counts_and_changes_nothing() {
    let mut net = Sequential::<f64>::new()
        .with_named("front", everything::<f64>(0))
        .with(Relu)
        .with_fn(|x| x * 2.0)
        .with(Relu)
        .with(Linear::init(3, 1234, &mut StdRng::seed_from_u64(0)));
    net.set_frozen_under("front", true).unwrap();
    let before = (net.state(), net.streams());
    let summary = net.summary(&[7, 2]);
    assert_eq!((net.state(), net.streams()), before);
    assert!(
        {
            let tape = Tape::new();
            net.forward(tape.constant(Tensor::ones([1, 2])));
            net.state() != before.0
        },
        "it is in training mode again"
    );
    let expected = [
        "name           layer       output     parameters",
        "-              Sequential  [7, 1234]       4,962",
        "front          Everything  [7, 3]             26",
        "front.inner.0  Linear      [7, 4]             12",
        "front.inner.1  Linear      [7, 3]             12",
        "1              Relu        [7, 3]              0",
        "3              Relu        [7, 3]              0",
        "4              Linear      [7, 1234]       4,936",
        "in all 4,962 parameters, of which 4,936 can be trained",
    ];
    assert_eq!(summary.to_string().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn generators_of_a_stream_are_ordinary_ones() {
    fn takes(rng: &mut impl Rng) -> u32 {
        rng.random()
    }
    assert_ne!(takes(&mut Stream::new(0).draw()), takes(&mut Stream::new(1).draw()));
}

#[test]
fn closures_are_modules() {
    let net = Sequential::<f64>::new().with_fn(|x: Var<'_, f64>| x * 2.0).with_fn(|x| x.tanh());
    let tape = Tape::new();
    assert_eq!(net.forward(tape.scalar(0.5)).item(), 1.0_f64.tanh());
    assert_eq!(net.parameter_count(), 0);
}

#[test]
fn nodes_in_a_sequential_carry_the_line_that_put_the_layer_in_or_their_own() {
    struct Own;
    parts!(Own for all {});
    impl Module<f64> for Own {
        fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
            x.exp() // its own line
        }
    }
    let own = line!() - 3;
    let first = line!() + 2;
    let net = Sequential::<f64>::new()
        .with(Linear::init(2, 2, &mut StdRng::seed_from_u64(0)))
        .with(Own)
        .with_fn(|x| x * 2.0)
        .with_named("inner", Sequential::new().with(Relu))
        .with(rensa::nn::Residual::new(Relu));
    let tape = Tape::new();
    net.forward(tape.leaf(tensor![[1.0, 2.0]]));
    let lines: Vec<(&str, u32)> = tape.vars().skip(1).map(|node| (node.name(), node.location().line())).collect();
    let linear = ["param", "permute", "matmul", "param", "add"].map(|op| (op, first));
    let others =
        [("exp", own), ("mul_scalar", first + 2), ("relu", first + 3), ("relu", first + 4), ("add", first + 4)];
    assert_eq!(lines, [linear, others].concat());
    assert!(tape.vars().all(|node| node.location().file() == file!()));
}
