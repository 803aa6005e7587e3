//! Optimizers: which steps they refuse, freezing and groups, states to go on from with the same bits, memory, threads, layouts, subnormal
//! numbers. The trajectories are in `golden_optim.rs`, L-BFGS in `lbfgs.rs`.

#[path = "support/allocations.rs"]
mod allocations;
#[path = "support/odd.rs"]
mod odd;
#[path = "support/panics.rs"]
mod panics;

use std::num::FpCategory;

use allocations::{Counting, allocations};
use odd::{ODD, lay};
use panics::panic_of;
use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::{Linear, Module, Parts, Relu, Sequential, State};
use rensa::optim::{
    Adadelta, Adagrad, Adam, AdamW, CosineAnnealingLr, Lbfgs, Lion, NAdam, OneCycleLr, Optimizer, RAdam,
    ReduceLrOnPlateau, RmsProp, Schedule, Scheduled, Sgd, StepLr,
};
use rensa::{Error, Float, Gradients, Param, Reduction, Tape, Tensor, tensor};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Every optimizer that changes parameters one by one, with all that it can remember.
fn every<T: Float>() -> Vec<(&'static str, Box<dyn Optimizer<T>>)> {
    vec![
        ("Sgd", Box::new(Sgd::new(0.01))),
        ("Sgd with momentum", Box::new(Sgd::new(0.01).momentum(0.9).nesterov(true).weight_decay(0.1))),
        ("Adagrad", Box::new(Adagrad::new(0.01).lr_decay(0.1))),
        ("RmsProp", Box::new(RmsProp::new(0.01))),
        ("RmsProp with momentum", Box::new(RmsProp::new(0.01).momentum(0.9))),
        ("RmsProp centered", Box::new(RmsProp::new(0.01).centered(true))),
        ("RmsProp with all", Box::new(RmsProp::new(0.01).centered(true).momentum(0.9).weight_decay(0.1))),
        ("Adadelta", Box::new(Adadelta::new(1.0))),
        ("Adam", Box::new(Adam::new(0.01))),
        ("Adam with amsgrad", Box::new(Adam::new(0.01).amsgrad(true).weight_decay(0.1))),
        ("AdamW", Box::new(AdamW::new(0.01))),
        ("NAdam", Box::new(NAdam::new(0.01))),
        ("RAdam", Box::new(RAdam::new(0.01))),
        ("Lion", Box::new(Lion::new(0.01).weight_decay(0.1))),
    ]
}

/// Numbers of either sign, in no order.
fn numbers<T: Float>(shape: &[usize], seed: usize) -> Tensor<T> {
    let n = shape.iter().product::<usize>();
    let data = (0..n).map(|i| T::of(((i * 7919 + seed * 104_729 + 31) % 2003) as f64 / 1001.0 - 1.0));
    Tensor::from_vec(data.collect(), shape).unwrap()
}

/// The gradients that are `g`, whatever the parameter.
fn gradients_of<T: Float>(w: &Param<T>, g: &Tensor<T>) -> Gradients<T> {
    let tape = Tape::new();
    tape.param(w).backward_with(g.clone())
}

fn bits<T: Float>(x: &Tensor<T>) -> Vec<(u64, i16, i8)> {
    x.iter().map(|x| x.integer_decode()).collect()
}

// ---- refusals, freezing, groups ----------------------------------------------------------------------------------------

#[test]
fn an_optimizer_refuses_a_step_without_every_gradient() {
    let rng = &mut StdRng::seed_from_u64(0);
    let (used, mut unused) = (Linear::<f64>::init(2, 2, rng), Linear::<f64>::init(2, 2, rng));
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    tape.step(&mut gradients, |tape| {
        tape.param(&unused.weight);
        used.forward(tape.constant(Tensor::ones([1, 2]))).sum(..)
    });
    let before = unused.state();
    let error = Sgd::new(0.1).step(&mut unused, &gradients).unwrap_err();
    assert!(matches!(error, Error::Parameter { .. }));
    let message = error.to_string();
    assert!(message.contains("`weight`") && message.contains("does not depend on it"), "{message}");
    assert_eq!(unused.state(), before);
    unused.weight.set_frozen(true);
    unused.bias.set_frozen(true);
    Sgd::new(0.1).step(&mut unused, &gradients).unwrap();
    assert_eq!(unused.state(), before);
}

#[test]
fn a_step_over_gradients_that_are_not_finite_is_refused_if_asked_for() {
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    for (bad, named) in [(f64::INFINITY, "inf"), (f64::NAN, "NaN")] {
        let mut layer = Linear::new(tensor![[1.0, 2.0]], tensor![0.5]);
        tape.step(&mut gradients, |tape| layer.forward(tape.constant(tensor![[3.0, bad]])).sum(..));
        let before = layer.state();
        let error = Sgd::new(0.1).refuse_non_finite().step(&mut layer, &gradients).unwrap_err().to_string();
        assert!(error.contains("`weight`") && error.contains(&format!("{named} at element 1 of [1, 2]")), "{error}");
        assert_eq!(layer.state(), before, "nothing has changed");
        layer.weight.set_frozen(true);
        tape.step(&mut gradients, |tape| layer.forward(tape.constant(tensor![[3.0, bad]])).sum(..));
        Sgd::new(0.1).refuse_non_finite().step(&mut layer, &gradients).unwrap();
        assert_eq!(
            layer.state().tensors["bias"].to_vec(),
            [0.4],
            "a frozen parameter has no gradient to be refused for"
        );
        layer.weight.set_frozen(false);
        tape.step(&mut gradients, |tape| layer.forward(tape.constant(tensor![[3.0, bad]])).sum(..));
        Sgd::new(0.1).step(&mut layer, &gradients).unwrap();
        assert!(!layer.weight.value.to_vec()[1].is_finite(), "unasked, the step is taken");
    }
}

#[test]
fn modules_freeze_and_thaw_whole_or_by_name() {
    let rng = &mut StdRng::seed_from_u64(0);
    let mut net = Sequential::<f64>::new().with(Linear::init(3, 4, rng)).with(Relu).with(Linear::init(4, 2, rng));
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    let mut changed = |net: &mut Sequential<f64>| -> Vec<String> {
        let (before, x) = (net.state().tensors, Tensor::ones([2, 3]));
        tape.step(&mut gradients, |tape| {
            net.forward(tape.constant(x)).cross_entropy(&tensor![0_usize, 1], Reduction::Mean)
                + tape.leaf(tensor![0.0]).sum(..)
        });
        Sgd::new(0.1).step(net, &gradients).unwrap();
        net.state().tensors.into_iter().filter(|(name, value)| before[name] != *value).map(|(name, _)| name).collect()
    };
    net.set_frozen_under("0", true).unwrap();
    assert_eq!(changed(&mut net), ["2.bias", "2.weight"]);
    net.set_frozen_under("0.bias", false).unwrap();
    assert_eq!(changed(&mut net), ["0.bias", "2.bias", "2.weight"]);
    net.set_frozen(true);
    assert_eq!(changed(&mut net), Vec::<String>::new());
    net.set_frozen(false);
    assert_eq!(changed(&mut net).len(), 4);
    for wrong in ["1", "0.b", "3", ""] {
        let error = net.set_frozen_under(wrong, true).unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }) && error.to_string().contains("no parameter"), "{error}");
    }
}

#[test]
fn a_frozen_parameter_stays_even_if_it_has_a_gradient() {
    for (name, mut optimizer) in every::<f64>() {
        let mut w = Param::new(tensor![1.0, 2.0]);
        let gradients = gradients_of(&w, &tensor![1.0, 1.0]);
        w.set_frozen(true);
        optimizer.step(&mut w, &gradients).unwrap();
        assert_eq!(w.value.to_vec(), [1.0, 2.0], "{name}");
        assert!(optimizer.state(&w).tensors.is_empty(), "{name} remembers nothing of it");
        w.set_frozen(false);
        optimizer.step(&mut w, &gradients).unwrap();
        assert!(w.value.iter().zip([1.0, 2.0]).all(|(new, old)| *new < old), "{name}");
    }
}

#[test]
fn a_parameter_that_has_changed_its_shape_is_refused() {
    let mut w = Param::new(tensor![1.0, 2.0]);
    let gradients = gradients_of(&w, &tensor![1.0, 1.0]);
    let mut adam = Adam::new(0.1);
    adam.step(&mut w, &gradients).unwrap();
    w.value = tensor![[1.0], [2.0]];
    let error = adam.step(&mut w, &gradients).unwrap_err().to_string();
    assert!(error.contains("[2, 1], and had [2] when its gradient was computed"), "{error}");
    let gradients = gradients_of(&w, &w.value);
    let error = adam.step(&mut w, &gradients).unwrap_err().to_string();
    assert!(error.contains("[2, 1], and had [2] at its last step"), "{error}");
    assert_eq!(w.value.to_vec(), [1.0, 2.0]);
}

fn net(seed: u64) -> Sequential<f64> {
    let rng = &mut StdRng::seed_from_u64(seed);
    Sequential::new().with(Linear::init(3, 4, rng)).with(Relu).with(Linear::init(4, 2, rng))
}

/// Gradients of all ones.
fn ones(net: &Sequential<f64>) -> Gradients<f64> {
    let tape = Tape::new();
    let mut sum = tape.scalar(0.0);
    net.visit(&rensa::nn::Path::ROOT, &mut |_, param| sum = sum + tape.param(param).sum(..));
    sum.backward()
}

#[test]
fn groups_have_their_own_hyperparameters_and_keep_their_ratio_to_the_rate() {
    let mut net = net(0);
    let gradients = ones(&net);
    let mut sgd = Sgd::new(0.1)
        .group("2", |rule| rule.lr = 0.5)
        .group("0.bias", |rule| rule.lr = 0.0)
        .group_where(|name| name.ends_with("bias"), |rule| rule.lr *= 2.0);
    for (lr, scheduled) in [(0.1, 1.0), (0.01, 0.1)] {
        let before = net.state().tensors;
        sgd.set_lr(lr);
        sgd.step(&mut net, &gradients).unwrap();
        for (name, expected) in [("0.weight", 0.1), ("0.bias", 0.0), ("2.weight", 0.5), ("2.bias", 1.0)] {
            for (new, old) in net.state().tensors[name].iter().zip(&before[name]) {
                assert!((old - new - expected * scheduled).abs() < 1e-15, "{name} at {lr}");
            }
        }
    }
    assert_eq!((sgd.rule_for("0.weight").lr, sgd.rule_for("2.weight").lr), (0.01, 0.01 * (0.5 / 0.1)));
}

#[test]
fn a_group_by_a_name_that_is_not_there_is_refused() {
    let mut net = net(0);
    let (gradients, before) = (ones(&net), net.state());
    for wrong in ["head", "0.b", "1", ""] {
        let mut sgd = Sgd::new(0.1).group(wrong, |rule| rule.lr = 0.0);
        for _ in 0..2 {
            let error = sgd.step(&mut net, &gradients).unwrap_err().to_string();
            assert!(error.contains(&format!("`{wrong}`")) && error.contains("no parameter has this name"), "{error}");
            assert_eq!(net.state(), before);
        }
    }
    // Frozen parameters are there all the same, and so are those that appear later.
    net.set_frozen_under("2", true).unwrap();
    Sgd::new(0.1).group("2", |rule| rule.lr = 0.0).step(&mut net, &gradients).unwrap();
    assert_ne!(net.state(), before);
}

#[test]
fn a_group_that_is_added_later_counts_from_the_next_step_on() {
    let mut w = Param::new(tensor![1.0]);
    let gradients = gradients_of(&w, &tensor![1.0]);
    let mut sgd = Sgd::new(0.25);
    sgd.step(&mut w, &gradients).unwrap();
    let mut sgd = sgd.group_where(|_| true, |rule| rule.lr = 0.5);
    sgd.step(&mut w, &gradients).unwrap();
    assert_eq!(w.value.item(), 0.25);
}

// ---- states ------------------------------------------------------------------------------------------------------------

/// Training steps on batches that depend on the number of the step, at rates of a schedule.
fn train<T: Float>(net: &mut dyn Module<T>, optimizer: &mut dyn Optimizer<T>, steps: std::ops::Range<u64>) {
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    for step in steps {
        optimizer.set_lr(CosineAnnealingLr::new(0.02, 40).lr(step));
        let x = numbers(&[5, 3], step as usize);
        tape.step(&mut gradients, |tape| {
            net.forward(tape.constant(x)).cross_entropy(&tensor![0_usize, 1, 1, 0, 1], Reduction::Mean)
        });
        optimizer.step(net, &gradients).unwrap();
    }
}

fn resumes_with_the_same_bits<T: Float>() {
    for ((name, mut whole), (_, mut first)) in every::<T>().into_iter().zip(every::<T>()) {
        let fresh = || {
            let rng = &mut StdRng::seed_from_u64(1);
            Sequential::<T>::new().with(Linear::init(3, 4, rng)).with(Relu).with(Linear::init(4, 2, rng))
        };
        let (mut net, mut resumed) = (fresh(), fresh());
        train(&mut net, &mut *whole, 0..20);
        train(&mut resumed, &mut *first, 0..7);
        let (of_net, of_optimizer) = (resumed.state(), first.state(&resumed));
        drop((resumed, first));
        // In another program: parameters and optimizer are new ones.
        let mut resumed = fresh();
        resumed.load_state(of_net).unwrap();
        let (_, mut second) = every::<T>().into_iter().find(|(other, _)| *other == name).unwrap();
        second.load_state(&resumed, of_optimizer.clone()).unwrap();
        assert_eq!(second.state(&resumed), of_optimizer, "{name}: what is loaded is what was saved");
        assert_eq!(second.lr(), CosineAnnealingLr::new(0.02, 40).lr(6));
        train(&mut resumed, &mut *second, 7..20);
        for (key, value) in net.state().tensors {
            assert_eq!(bits(&value), bits(&resumed.state().tensors[&key]), "{name}: {key}");
        }
        assert_eq!(whole.state(&net), second.state(&resumed), "{name}");
    }
}

#[test]
fn an_optimizer_goes_on_from_its_state_with_the_same_bits() {
    resumes_with_the_same_bits::<f32>();
    resumes_with_the_same_bits::<f64>();
}

#[test]
fn states_have_the_names_that_pytorch_gives() {
    let mut net = net(0);
    let gradients = ones(&net);
    let mut adam = NAdam::new(0.5);
    net.set_frozen_under("0", true).unwrap();
    adam.step(&mut net, &gradients).unwrap();
    let state = adam.state(&net);
    let tensors: Vec<_> = state.tensors.keys().collect();
    assert_eq!(tensors, ["2.bias.exp_avg", "2.bias.exp_avg_sq", "2.weight.exp_avg", "2.weight.exp_avg_sq"]);
    let counts: Vec<_> = state.counts.keys().collect();
    let of = ["2.bias.mu_product.high", "2.bias.mu_product.low", "2.bias.step"];
    assert_eq!(counts[..3], of);
    assert_eq!(counts[6..], ["lr.high", "lr.low"]);
    assert_eq!(state.counts["2.weight.step"], 1);
    let (high, low) = (state.counts["lr.high"], state.counts["lr.low"]);
    assert_eq!(f64::from_bits(high << 32 | low), 0.5);
    assert!(state.counts.values().all(|&count| count < 1 << 32), "files hold signed counts");
}

#[test]
fn trap_30_a_state_that_does_not_fit_changes_nothing_and_all_faults_are_listed() {
    let mut net = net(0);
    let gradients = ones(&net);
    let mut adam = Adam::new(0.5);
    adam.step(&mut net, &gradients).unwrap();
    let good = adam.state(&net);
    let mut bad = good.clone();
    bad.tensors.remove("0.weight.exp_avg");
    bad.tensors.insert("0.bias.exp_avg".into(), Tensor::zeros([5]));
    bad.tensors.insert("0.bias.momentum_buffer".into(), Tensor::zeros([4]));
    bad.counts.remove("lr.low");
    bad.counts.insert("3.weight.step".into(), 1);
    bad.counts.remove("2.bias.step");
    let error = adam.load_state(&net, bad).unwrap_err();
    assert!(matches!(error, Error::State { .. }));
    let message = error.to_string();
    for fault in [
        "`0.weight.exp_avg` missing",
        "`0.bias.exp_avg` of shape [5], not [4]",
        "`0.bias.momentum_buffer` unexpected",
        "`lr.low` missing",
        "`3.weight.step` unexpected",
        "`2.bias.exp_avg` unexpected",
        "`2.bias.exp_avg_sq` unexpected",
    ] {
        assert!(message.contains(fault), "no {fault} in {message}");
    }
    assert_eq!(adam.state(&net), good);
    assert!(adam.load_state(&net, State::default()).is_err(), "not even a learning rate");
    assert!(Adam::new(0.5).amsgrad(true).load_state(&net, good).is_err(), "one slot is missing");
}

#[test]
fn a_plateau_goes_on_from_its_state() {
    let metrics: Vec<f64> =
        (0..60).map(|i| -2.0 + 3.0 * (-0.1 * f64::from(i)).exp() + 0.2 * f64::from(i % 5)).collect();
    let (mut whole, mut sgd) = (ReduceLrOnPlateau::new().patience(2).cooldown(3).factor(0.7), Sgd::<f32>::new(1.0));
    let mut rates = Vec::new();
    let mut states = Vec::new();
    for &metric in &metrics {
        states.push((whole.state::<f32>(), sgd.lr()));
        whole.step(metric, &mut sgd);
        rates.push(sgd.lr());
    }
    assert!(rates[59] < 0.5, "it does fall");
    for (at, (state, lr)) in states.into_iter().enumerate() {
        let mut plateau = ReduceLrOnPlateau::new().patience(2).cooldown(3).factor(0.7);
        let mut sgd = Sgd::<f32>::new(lr);
        plateau.load_state(state).unwrap();
        for (&metric, &rate) in metrics[at..].iter().zip(&rates[at..]) {
            plateau.step(metric, &mut sgd);
            assert_eq!(sgd.lr(), rate);
        }
        assert_eq!(plateau, whole);
    }
    let mut bad = whole.state::<f32>();
    bad.counts.remove("cooling");
    bad.counts.insert("heating".into(), 1);
    let error = whole.load_state(bad).unwrap_err().to_string();
    assert!(error.contains("`cooling` missing") && error.contains("`heating` unexpected"), "{error}");
}

// ---- memory, threads, layouts ------------------------------------------------------------------------------------------

#[test]
fn a_warm_step_changes_parameters_in_place_and_allocates_nothing() {
    for (name, mut optimizer) in every::<f32>() {
        let rng = &mut StdRng::seed_from_u64(0);
        let mut net =
            Sequential::<f32>::new().with(Linear::init(30, 20, rng)).with(Relu).with(Linear::init(20, 2, rng));
        let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
        let x = numbers(&[5, 30], 0);
        let mut step = |net: &mut Sequential<f32>| {
            tape.step(&mut gradients, |tape| net.forward(tape.constant(x.clone())).sum(..));
            gradients.clip_norm(0.5);
            let places = |net: &Sequential<f32>| -> Vec<_> {
                let mut places = Vec::new();
                net.visit(&rensa::nn::Path::ROOT, &mut |_, param| {
                    places.push(param.value.as_slice().unwrap().as_ptr())
                });
                places
            };
            let before = places(net);
            let count = allocations(|| optimizer.step(net, &gradients).unwrap());
            assert_eq!(places(net), before, "{name} changes in place");
            count
        };
        step(&mut net);
        assert_eq!((step(&mut net), step(&mut net)), (0, 0), "{name}");
    }
}

#[test]
fn groups_and_refusals_allocate_nothing_either() {
    let mut net = net(0);
    let gradients = ones(&net);
    let mut adam = AdamW::new(0.1)
        .group("2", |rule| rule.lr = 0.2)
        .group_where(|name| name.ends_with("bias"), |rule| rule.weight_decay = 0.0)
        .refuse_non_finite();
    adam.step(&mut net, &gradients).unwrap();
    assert_eq!(allocations(|| adam.step(&mut net, &gradients).unwrap()), 0);
}

#[test]
fn trap_28_a_step_has_the_same_bits_with_any_number_of_threads() {
    let shape = [300, 500]; // beyond the size from which on work is shared
    let step = |layout: usize| {
        let g = numbers::<f32>(&shape, 2);
        let g = [g.clone(), g.t().to_contiguous().t(), g.narrow(0, 0, 1).broadcast_to(shape)][layout].clone();
        let mut w = Param::new(numbers(&shape, 1));
        let gradients = gradients_of(&w, &g);
        let mut adam = Adam::new(0.01).amsgrad(true);
        (0..3).for_each(|_| adam.step(&mut w, &gradients).unwrap());
        bits(&w.value)
    };
    for layout in 0..3 {
        let [one, two, four] = [1, 2, 4].map(|n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| step(layout))
        });
        assert!(one == two && one == four, "layout {layout}");
    }
}

#[test]
fn odd_layouts_of_gradients_and_parameters_change_nothing() {
    let (start, g) = (numbers::<f64>(&[7, 5, 3], 1), numbers(&[7, 5, 3], 2));
    let repeated = g.narrow(1, 2, 1).broadcast_to([7, 5, 3]);
    for i in 0..every::<f64>().len() {
        let take = |w: &Tensor<f64>, g: &Tensor<f64>| {
            let (name, mut optimizer) = every().swap_remove(i);
            let mut w = Param::new(w.clone());
            let gradients = gradients_of(&w, g);
            (0..2).for_each(|_| optimizer.step(&mut w, &gradients).unwrap());
            (name, w.value)
        };
        for g in [&g, &repeated] {
            let expected = take(&start, &g.to_contiguous()).1;
            assert!(expected.iter().all(|w| w.is_finite()) && expected != start);
            for (of_w, of_g) in ODD.into_iter().zip(ODD.into_iter().cycle().skip(2)).chain(ODD.map(|odd| (odd, odd))) {
                let g = if std::ptr::eq(g, &repeated) { g.clone() } else { lay(g, of_g) };
                let (name, found) = take(&lay(&start, of_w), &g);
                assert_eq!(found, expected, "{name}, a parameter {of_w:?}, a gradient {of_g:?}");
            }
        }
    }
}

#[test]
fn parameters_of_rank_0_and_of_no_element_are_stepped() {
    for (name, mut optimizer) in every::<f64>() {
        let mut parts = vec![Param::new(Tensor::scalar(1.0)), Param::new(Tensor::zeros([0, 3]))];
        let tape = Tape::new();
        let gradients = (tape.param(&parts[0]) + tape.param(&parts[1]).sum(..)).backward();
        drop(tape);
        (0..2).for_each(|_| optimizer.step(&mut parts, &gradients).unwrap());
        assert!(parts[0].value.item() < 1.0, "{name}");
        assert_eq!(parts[1].value.shape(), [0, 3], "{name}");
    }
}

#[test]
fn trap_08_a_step_does_not_change_values_that_others_hold() {
    for (name, mut optimizer) in every::<f64>() {
        let mut w = Param::new(tensor![1.0, 2.0, 3.0]);
        let held = w.value.clone();
        let gradients = gradients_of(&w, &tensor![1.0, -1.0, 2.0]);
        optimizer.step(&mut w, &gradients).unwrap();
        let state = optimizer.state(&w);
        let copies: Vec<_> = state.tensors.values().map(Tensor::to_vec).collect();
        optimizer.step(&mut w, &gradients).unwrap();
        assert_eq!(held.to_vec(), [1.0, 2.0, 3.0], "{name}");
        let after: Vec<_> = state.tensors.values().map(Tensor::to_vec).collect();
        assert_eq!(copies, after, "{name}: a state that was taken stays");
    }
}

/// Where steps lead, from a start of `start`, down `Σ w⁴ / 4`.
fn descended<T: Float>(i: usize, start: &Tensor<T>) -> Tensor<T> {
    let (_, mut optimizer) = every::<T>().swap_remove(i);
    let (mut w, mut tape, mut gradients) = (Param::new(start.clone()), Tape::new(), Gradients::new());
    for _ in 0..5 {
        tape.step(&mut gradients, |tape| (tape.param(&w).powi(4) * T::of(0.25)).sum(..));
        optimizer.step(&mut w, &gradients).unwrap();
    }
    w.value
}

#[test]
fn dual_numbers_differentiate_through_the_steps_of_every_optimizer() {
    let (start, direction) = (tensor![0.5_f64, -1.0, 2.0], tensor![1.0, 0.5, -0.25]);
    for (i, (name, _)) in every::<f64>().iter().enumerate() {
        let found = descended(i, &Tensor::dual(&start, &direction));
        assert_eq!(found.values(), descended(i, &start), "{name}");
        let h = 1e-5;
        let ends = [h, -h].map(|h| descended(i, &(&start + &direction * h)));
        let expected = (&ends[0] - &ends[1]) / (2.0 * h);
        for (d, e) in found.derivatives().iter().zip(&expected) {
            assert!((d - e).abs() < 1e-7, "{name}: {d}, by differences {e}");
        }
    }
}

// ---- subnormal numbers and NaN -----------------------------------------------------------------------------------------

/// On a batch that is learnt gradients go to zero, and moments after them: to zero, not into the subnormal numbers, where arithmetic is
/// many times slower.
#[test]
fn moments_of_gradients_that_vanish_do_not_become_subnormal() {
    for (name, mut optimizer) in every::<f32>() {
        let mut w = Param::new(numbers::<f32>(&[40], 1));
        for step in 0..1500 {
            // From 1 down to below the smallest number that there is, and some steps of nothing.
            let size = 10_f64.powf(-f64::from(step) / 25.0);
            let gradients = gradients_of(&w, &(numbers::<f64>(&[40], 2) * size).cast());
            optimizer.step(&mut w, &gradients).unwrap();
            for (key, slot) in optimizer.state(&w).tensors {
                let subnormal = slot.iter().find(|x| x.classify() == FpCategory::Subnormal);
                assert!(subnormal.is_none(), "{name}: {key} has {subnormal:?} at step {step}");
            }
        }
        assert!(w.value.iter().all(|w| w.is_finite()), "{name}");
    }
}

#[test]
fn trap_17_a_nan_in_a_gradient_is_not_hidden() {
    for (name, mut optimizer) in every::<f64>() {
        let mut w = Param::new(tensor![1.0, 2.0]);
        let gradients = gradients_of(&w, &tensor![f64::NAN, 1.0]);
        (0..2).for_each(|_| optimizer.step(&mut w, &gradients).unwrap());
        assert!(w.value[[0]].is_nan() && w.value[[1]].is_finite(), "{name}: {:?}", w.value);
    }
}

#[test]
fn a_constant_gradient_makes_no_nan_of_a_centered_variance() {
    let mut w = Param::new(numbers::<f32>(&[100], 3));
    let gradients = gradients_of(&w, &numbers(&[100], 4));
    let mut rmsprop = RmsProp::new(1e-9).alpha(0.5).centered(true);
    (0..200).for_each(|_| rmsprop.step(&mut w, &gradients).unwrap());
    assert!(w.value.iter().all(|w| w.is_finite()));
}

// ---- schedules ---------------------------------------------------------------------------------------------------------

#[test]
fn a_momentum_is_scheduled_where_there_is_one_and_refused_elsewhere() {
    let cycle = OneCycleLr::new(0.1, 10).momenta(0.7, 0.8);
    let (mut sgd, mut adam) = (Sgd::<f64>::new(1.0).momentum(0.5), Adam::<f64>::new(1.0).refuse_non_finite());
    cycle.drive(0, &mut sgd);
    cycle.drive(0, &mut adam);
    assert_eq!((sgd.rule.momentum, adam.inner.rule.betas), (0.8, (0.8, 0.999)));
    assert_eq!(adam.lr(), cycle.lr(0));
    let line = line!() + 1;
    let panic = panic_of(|| cycle.drive(0, &mut Adagrad::<f64>::new(1.0)));
    assert!(panic.message.contains("AdagradRule") && panic.message.contains("has none"), "{}", panic.message);
    assert_eq!(panic.line, line);
    assert!(panic_of(|| cycle.drive(0, &mut Lbfgs::<f64>::new(1.0))).message.contains("L-BFGS"));
    cycle.cycle_momentum(false).drive(3, &mut Adagrad::<f64>::new(1.0));
}

#[test]
fn schedules_are_functions_of_the_step_alone() {
    let mut sgd = Sgd::<f64>::new(7.0);
    let schedule = StepLr::new(1.0, 10).then(25, |step| 0.5 / (1 + step) as f64);
    for step in [26, 3, 24, 25, 3] {
        schedule.drive(step, &mut sgd);
        let expected = [(3, 1.0), (24, 0.1_f64.powi(2)), (25, 0.5), (26, 0.25)].into_iter().find(|(at, _)| *at == step);
        assert_eq!(sgd.lr(), expected.unwrap().1, "step {step}");
    }
    let cycle = OneCycleLr::new(1.0, 10).pct_start(0.1);
    assert_eq!(cycle.lr(0), 1.0, "a way up of one step is at its end");
    assert_eq!(cycle.lr(9), cycle.lr(1000), "after the cycle it stays");
}
