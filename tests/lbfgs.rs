//! L-BFGS: that it finds minima, what it refuses, its state. The trajectories are in `golden_optim.rs`.

use rensa::nn::{Linear, Module};
use rensa::optim::Lbfgs;
use rensa::{Gradients, Param, Reduction, Tape, Tensor, tensor};

/// Rosenbrock's valley, 100 times as steep as it is deep.
fn rosenbrock(tape: &mut Tape<f64>, w: &Param<f64>, gradients: &mut Gradients<f64>) -> f64 {
    tape.step(gradients, |tape| {
        let w = tape.param(w);
        let (x, y) = (w.narrow(0, 0, 1), w.narrow(0, 1, 1));
        ((1.0 - x).powi(2) + (y - x * x).powi(2) * 100.0).sum(..)
    })
}

fn exact() -> Lbfgs<f64> {
    Lbfgs::new(1.0).tolerance_grad(1e-10).tolerance_change(1e-20)
}

#[test]
fn lbfgs_finds_the_minimum_of_rosenbrocks_valley() {
    for start in [[-1.2, 1.0], [0.0, 0.0], [5.0, -3.0], [1.0, 1.0]] {
        let (mut w, mut tape, mut lbfgs) = (Param::new(tensor![start[0], start[1]]), Tape::new(), exact());
        for _ in 0..4 {
            lbfgs.step(&mut w, |w, gradients| rosenbrock(&mut tape, w, gradients)).unwrap();
        }
        assert!(w.value.iter().all(|w| (w - 1.0).abs() < 1e-10), "{:?} from {start:?}", w.value);
        assert!(lbfgs.evaluations() < 120, "{} evaluations from {start:?}", lbfgs.evaluations());
    }
}

#[test]
fn lbfgs_solves_a_regression_beside_a_frozen_parameter() {
    let truth: Tensor<f64> = tensor![[0.5, -2.0, 1.0], [3.0, 0.25, -1.0]];
    let x = Tensor::from_fn([20, 3], |i| ((i[0] * 7919 + i[1] * 104_729) % 2003) as f64 / 1001.0 - 1.0);
    let y = x.matmul(&truth.t()) + &tensor![0.0, 7.0];
    let mut layer = Linear::new(Tensor::zeros([2, 3]), tensor![0.0, 7.0]);
    layer.bias.as_mut().unwrap().set_frozen(true);
    let (mut tape, mut lbfgs) = (Tape::new(), exact());
    let first = lbfgs.step(&mut layer, |layer, gradients| {
        tape.step(gradients, |tape| {
            layer.forward(tape.constant(x.clone())).mse(tape.constant(y.clone()), Reduction::Mean)
        })
    });
    assert!(first.unwrap() > 1.0);
    assert!(layer.weight.value.iter().zip(&truth).all(|(w, t)| (w - t).abs() < 1e-10), "{:?}", layer.weight.value);
    assert_eq!(layer.bias.unwrap().value.to_vec(), [0.0, 7.0]);
}

#[test]
fn lbfgs_goes_on_from_its_state_with_the_same_bits() {
    let one = || exact().max_iter(2).history_size(3);
    let mut tape = Tape::new();
    let mut steps = |w: &mut Param<f64>, lbfgs: &mut Lbfgs<f64>, n: usize| {
        for _ in 0..n {
            lbfgs.step(w, |w, gradients| rosenbrock(&mut tape, w, gradients)).unwrap();
        }
    };
    let (mut w, mut whole) = (Param::new(tensor![-1.2, 1.0]), one());
    steps(&mut w, &mut whole, 12);
    let (mut resumed, mut first) = (Param::new(tensor![-1.2, 1.0]), one());
    steps(&mut resumed, &mut first, 5);
    let (mut resumed, mut second) = (Param::new(resumed.value), one());
    second.load_state(&resumed, first.state()).unwrap();
    steps(&mut resumed, &mut second, 7);
    let bits = |w: &Param<f64>| w.value.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&w), bits(&resumed));
    assert_eq!(whole.state(), second.state());
    assert!(whole.state().counts["history"] == 3);

    let (good, mut bad) = (second.state(), second.state());
    bad.tensors.insert("history.1.step".into(), Tensor::zeros([3]));
    bad.counts.insert("history".into(), u64::MAX);
    bad.tensors.remove("last.gradient");
    let error = second.load_state(&resumed, bad).unwrap_err().to_string();
    for fault in ["`history.1.step` of shape [3], not [2]", "`last.gradient` missing", "`history.2.step` unexpected"] {
        assert!(error.contains(fault), "no {fault} in {error}");
    }
    assert_eq!(second.state(), good);
}

#[test]
fn lbfgs_refuses_what_it_cannot_go_by_and_leaves_the_parameters() {
    let mut w = Param::new(tensor![1.0, 2.0]);
    let mut tape = Tape::new();
    let error = exact().step(&mut w, |_, gradients| tape.step(gradients, |tape| tape.leaf(tensor![1.0]).sum(..)));
    assert!(error.unwrap_err().to_string().contains("was not on the tape"));
    let error = exact().step(&mut w, |w, gradients| tape.step(gradients, |tape| (tape.param(w) * f64::NAN).sum(..)));
    assert!(error.unwrap_err().to_string().contains("NaN at element 0"));
    // Only at the second look.
    let mut looks = 0;
    let error = exact().step(&mut w, |w, gradients| {
        looks += 1;
        tape.step(
            gradients,
            |tape| if looks == 1 { tape.param(w).powi(2).sum(..) } else { tape.leaf(tensor![1.0]).sum(..) },
        )
    });
    assert!(error.is_err());
    assert_eq!((w.value.to_vec(), looks), (vec![1.0, 2.0], 2));
    let mut lbfgs = exact().max_iter(1).max_eval(9);
    lbfgs.step(&mut w, |w, gradients| rosenbrock(&mut tape, w, gradients)).unwrap();
    let mut wider = Param::new(tensor![1.0, 2.0, 3.0]);
    let error = lbfgs.step(&mut wider, |w, gradients| tape.step(gradients, |tape| tape.param(w).powi(2).sum(..)));
    assert!(error.unwrap_err().to_string().contains("3 numbers are learnt, and there were 2"));
}

/// Where the loss is NaN or ∞ the step was too long.
#[test]
fn lbfgs_steps_back_from_where_the_loss_is_not_finite() {
    for lr in [1e3, 1e9] {
        let (mut w, mut tape) = (Param::new(tensor![0.5_f64]), Tape::new());
        let mut lbfgs = Lbfgs::new(lr).tolerance_grad(1e-10).tolerance_change(1e-20).max_iter(60);
        for _ in 0..4 {
            lbfgs
                .step(&mut w, |w, gradients| {
                    tape.step(gradients, |tape| {
                        let w = tape.param(w);
                        (w - w.ln() * 2.0).sum(..) // NaN below 0, smallest at 2
                    })
                })
                .unwrap();
        }
        assert!((w.value.item() - 2.0).abs() < 1e-9, "{} with a first step of {lr}", w.value.item());
    }
}
