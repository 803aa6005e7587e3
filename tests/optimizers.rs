//! Optimizers: which steps they refuse, and what freezing does.

use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::{Linear, Module, Parts, Relu, Sequential};
use rensa::optim::{Optimizer, Sgd};
use rensa::{Error, Gradients, Reduction, Tape, Tensor, tensor};

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
