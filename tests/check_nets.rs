//! The checker on whole nets: every parameter by its name, in any scalar; state put back; and the trap of a normalisation over a batch
//! of one, in which nearly every gradient is zero and the rest sits on a kink.

#[path = "support/panics.rs"]
mod panics;
#[path = "support/zoo.rs"]
mod zoo;

use std::collections::BTreeMap;

use panics::panic_of;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rensa::check::{self, Check, Part, Report, Verdict};
use rensa::nn::{Buffer, Count, Linear, Module, Parts, Relu, Sequential, Stream};
use rensa::{Float, Param, Tape, Tensor, Var, keep};

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn normal<T: Float, const N: usize>(shape: [usize; N], seed: u64) -> Tensor<T> {
    Tensor::normal(shape, T::zero(), T::one(), &mut rng(seed))
}

/// Name and verdict of every row.
fn verdicts(report: &Report) -> Vec<(&str, Verdict)> {
    report.rows().iter().map(|row| (row.name.as_str(), row.verdict)).collect()
}

#[test]
fn a_net_is_checked_by_the_names_of_its_parameters_in_both_precisions() {
    fn net<T: Float>() -> Sequential<T> {
        let rng = &mut rng(3);
        Sequential::new().with(Linear::init(5, 8, rng)).with(Relu).with(Linear::init(8, 3, rng))
    }
    let names = ["0.weight", "0.bias", "2.weight", "2.bias", "input"].map(|name| (name, Verdict::Right));
    for seed in 0..5 {
        let double = Check::new().seed(seed).module(&mut net::<f64>(), &normal([4, 5], seed));
        assert_eq!(verdicts(&double), names, "{double}");
        let single = Check::new().seed(seed).module(&mut net::<f32>(), &normal([4, 5], seed));
        assert_eq!(verdicts(&single), names, "{single}");
        let tolerance = |report: &Report| report.rows().iter().map(|row| row.tolerance).fold(0.0, f64::max);
        assert!(tolerance(&single) > 1e4 * tolerance(&double), "each has the tolerance of its rounding error");
    }
    // A function that exists in single precision only is checked as a module.
    check::module(&mut Sequential::new().with_fn(|x| x.tanh() * 3.0_f32), &normal([2, 3], 1)).assert();
    Check::new()
        .full()
        .parts([Part::First, Part::Second, Part::Fused, Part::Jvp, Part::Hessian])
        .module(&mut net::<f64>(), &normal([2, 5], 4))
        .assert();
}

/// A layer that uses one parameter and has lost another.
struct Lossy<T: Float> {
    kept: Param<T>,
    lost: Param<T>,
    factor: f64,
}
rensa::parts!(Lossy<T> { kept, lost });

impl<T: Float> Module<T> for Lossy<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        x * tape.param(&self.kept) + tape.constant(self.lost.value.clone()) * T::of(self.factor)
    }
}

fn lossy<T: Float>(factor: f64) -> Lossy<T> {
    Lossy { kept: Param::new(Tensor::ones([3])), lost: Param::new(Tensor::ones([3])), factor }
}

#[test]
fn trap_27_a_parameter_that_is_used_as_a_constant_is_wrong_and_one_that_is_not_used_proves_nothing() {
    for report in [
        check::module(&mut lossy::<f64>(1.0), &normal([2, 3], 1)),
        check::module(&mut lossy::<f32>(1.0), &normal([2, 3], 1)),
    ] {
        assert_eq!(verdicts(&report)[..2], [("kept", Verdict::Right), ("lost", Verdict::Wrong)], "{report}");
        assert!(report.to_string().contains("lost (first): no gradient by param [3]"), "{report}");
    }
    let unused = check::module(&mut lossy::<f64>(0.0), &normal([2, 3], 1));
    assert_eq!(verdicts(&unused)[1], ("lost", Verdict::Vacuous), "{unused}");
    Check::new().flat("lost").module(&mut lossy::<f64>(0.0), &normal([2, 3], 1)).assert();
}

#[test]
fn frozen_parameters_are_named_and_not_checked() {
    let mut layer = Linear::<f64>::init(3, 2, &mut rng(1));
    layer.bias.set_frozen(true);
    let report = check::module(&mut layer, &normal([2, 3], 1));
    assert_eq!(verdicts(&report), [("weight", Verdict::Right), ("input", Verdict::Right)]);
    assert!(report.to_string().contains("frozen, and so not checked: bias"), "{report}");
}

/// Whatever has parameters can be checked, by the loss that is computed from them.
#[test]
fn a_loss_is_checked_by_the_parameters_that_it_is_computed_from() {
    struct Two(Linear<f64>, Linear<f64>);
    rensa::parts!(Two for f64 { 0 as "left", 1 as "right" });
    let rng = &mut rng(1);
    let (mut two, x) = (Two(Linear::init(3, 2, rng), Linear::init(3, 2, rng)), normal([4, 3], 2));
    let report = check::parameters(&mut two, |two, tape| {
        let x = tape.constant(x.clone());
        (two.0.forward(x) * two.1.forward(x)).tanh().mean(..)
    });
    let names = ["left.weight", "left.bias", "right.weight", "right.bias"];
    assert_eq!(verdicts(&report), names.map(|name| (name, Verdict::Right)), "{report}");
}

// ---- every layer -------------------------------------------------------------------------------------------------------

/// Checks each layer, to first and second order; by layer, parameter and part, whether that proved anything.
struct Checked {
    seed: u64,
    layer: usize,
    proved: BTreeMap<(usize, String), bool>,
}

impl zoo::Visit for Checked {
    fn visit<M: Module<f64> + Send + Sync + 'static>(&mut self, kind: &str, names: &str, mut net: M, shape: &[usize]) {
        let x = Tensor::normal(shape, 0.0, 1.0, &mut rng(self.seed));
        let check =
            Check::new().seed(self.seed).directions(2).parts([Part::First, Part::Second, Part::Fused, Part::Jvp]);
        let report = check.module(&mut net, &x);
        self.layer += 1;
        for row in report.rows() {
            // Vacuous of units that are all cut off by a relu, say.
            let as_expected = row.verdict.is_right() || row.verdict == Verdict::Vacuous;
            assert!(as_expected, "{kind} of {names}:\n{report}");
            *self.proved.entry((self.layer, format!("{kind} {} {}", row.name, row.part))).or_default() |=
                row.verdict != Verdict::Vacuous;
        }
    }
}

#[test]
fn every_layer_is_right() {
    let mut checked = Checked { seed: 0, layer: 0, proved: BTreeMap::new() };
    for seed in 0..2 {
        (checked.seed, checked.layer) = (seed, 0);
        zoo::every_layer(&mut checked, &mut rng(seed));
        assert!(checked.layer >= 56, "only {}", checked.layer);
    }
    checked.proved.retain(|_, proved| !*proved);
    assert!(checked.proved.is_empty(), "never other than zero: {:?}", checked.proved.keys());
}

// ---- state -------------------------------------------------------------------------------------------------------------

/// Drops half of its input at random, counts its passes, and adds what it has seen.
struct Moody {
    weight: Param<f64>,
    seen: Buffer<f64>,
    passes: Count,
    stream: Stream,
    panics: bool,
}
rensa::parts!(Moody for f64 { weight, seen, passes, stream });

impl Module<f64> for Moody {
    fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        let mut random = self.stream.draw();
        let kept = x.value().map(|_| 1.0).iter().map(|_| f64::from(u8::from(random.random::<bool>()))).collect();
        let kept = Tensor::from_vec(kept, x.shape()).expect("as many as there are");
        self.passes.set(self.passes.get() + 1);
        let seen = self.seen.get();
        self.seen.set(&seen + &x.value().mean(0));
        assert!(!self.panics || self.passes.get() != 1 || self.weight.value.to_vec()[0] == 1.0, "it panics when moved");
        x * x.tape().constant(kept) * x.tape().param(&self.weight) + x.tape().constant(seen)
    }
}

fn moody(panics: bool) -> Moody {
    let (weight, seen) = (Param::new(Tensor::ones([3])), Buffer::new(Tensor::zeros([3])));
    Moody { weight, seen, passes: Count::default(), stream: Stream::new(1), panics }
}

#[test]
fn every_pass_starts_from_the_same_state_and_the_net_is_afterwards_as_before() {
    let mut net = moody(false);
    let (before, storage) = (net.state(), net.weight.value.clone());
    check::module(&mut net, &normal([8, 3], 1)).assert();
    assert_eq!((net.state(), net.streams()["stream"]), (before, 0));
    assert!(net.weight.value.shares_storage(&storage) || net.weight.value == storage);
}

#[test]
fn a_net_that_panics_gets_its_parameters_back() {
    let mut net = moody(true);
    let before = net.state();
    let panic = panic_of(|| check::module(&mut net, &normal([8, 3], 1)));
    assert!(panic.message.contains("it panics when moved"), "{}", panic.message);
    assert_eq!((net.state(), net.streams()["stream"]), (before, 0));
}

// ---- the trap ----------------------------------------------------------------------------------------------------------

/// Linear, normalisation over the batch, relu, linear.
struct Normalised<T: Float> {
    first: Linear<T>,
    gamma: Param<T>,
    beta: Param<T>,
    last: Linear<T>,
}
rensa::parts!(Normalised<T> { first, gamma, beta, last });

const RELU: u32 = line!() + 8;
impl<T: Float> Module<T> for Normalised<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        let x = self.first.forward(x);
        let centred = x - x.mean(keep(0));
        let deviation = ((centred * centred).mean(keep(0)) + T::of(1e-5)).sqrt();
        let scaled = centred / deviation * tape.param(&self.gamma) + tape.param(&self.beta);
        let active = scaled.relu();
        self.last.forward(active)
    }
}

/// With β = 0, as it is before training, or drawn at random.
fn normalised<T: Float>(is_trained: bool) -> Normalised<T> {
    let rng = &mut rng(0);
    let beta = if is_trained { normal([6], 9) } else { Tensor::zeros([6]) };
    Normalised {
        first: Linear::init(4, 6, rng),
        gamma: Param::new(Tensor::ones([6])),
        beta: Param::new(beta),
        last: Linear::init(6, 3, rng),
    }
}

#[track_caller]
fn is_told<T: Float>() {
    let report = check::module(&mut normalised::<T>(false), &normal([1, 4], 1));
    let nothing = Verdict::Vacuous;
    let expected = [
        ("first.weight", nothing),
        ("first.bias", nothing),
        ("gamma", nothing),
        ("beta", Verdict::Kink),
        ("last.weight", nothing),
        ("last.bias", Verdict::Right),
        ("input", nothing),
    ];
    assert_eq!(verdicts(&report), expected, "{report}");
    let kinks = &report.rows()[3].kinks;
    assert_eq!(kinks.len(), 1, "{report}");
    let place = (kinks[0].op, kinks[0].location.file(), kinks[0].location.line(), kinks[0].elements);
    assert_eq!(place, ("relu", file!(), RELU, 6), "{report}");
    let text = report.to_string();
    assert!(
        text.contains("6 of 6 elements are on a kink") && text.contains("1 right; 1 on a kink; 5 proved nothing"),
        "{text}"
    );
    assert!(!text.contains("WRONG"), "{text}");
    assert!(panic_of(|| report.assert()).message.contains(&text));
}

/// Of one example the normalised values are 0 whatever comes before, and with β = 0 each of them lies on the kink of the relu.
#[test]
fn a_batch_of_one_behind_a_normalisation_proves_nothing_and_sits_on_a_kink() {
    is_told::<f64>();
    is_told::<f32>();
}

/// Of eight examples and with β at random all is right; only a bias before the normalisation does nothing, since the mean takes it out.
#[test]
fn a_batch_of_eight_behind_a_normalisation_is_right() {
    for seed in 0..5 {
        let x = normal([8, 4], seed);
        let bias = check::module(&mut normalised::<f64>(true), &x);
        let others = bias.rows().iter().filter(|row| row.name != "first.bias").all(|row| row.verdict == Verdict::Right);
        assert!(others && verdicts(&bias)[1] == ("first.bias", Verdict::Vacuous), "{bias}");
        let check = Check::new().seed(seed).flat("first.bias");
        check.module(&mut normalised::<f64>(true), &x).assert();
        check.clone().full().module(&mut normalised::<f64>(true), &x).assert();
        check.clone().parts([Part::First, Part::Second]).module(&mut normalised::<f64>(true), &x).assert();
        let single = check.module(&mut normalised::<f32>(true), &x.cast());
        assert!(
            single.rows().iter().all(|row| row.verdict.is_right() || row.verdict == Verdict::Inconclusive),
            "{single}"
        );
    }
}

/// Nor does the mean over a tape of another scalar hide anything.
#[test]
fn parameters_of_a_net_need_no_input() {
    let mut net = normalised::<f64>(true);
    let x = normal([8, 4], 1);
    let loss = |net: &Normalised<f64>, tape: &Tape<f64>| net.forward(tape.constant(x.clone())).mean(..).item();
    let before = loss(&net, &Tape::new());
    Check::new()
        .flat("first.bias")
        .parameters(&mut net, |net, tape| net.forward(tape.constant(x.clone())).powi(2).mean(..))
        .assert();
    assert_eq!(loss(&net, &Tape::new()), before);
}
