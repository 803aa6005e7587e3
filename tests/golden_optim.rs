//! Optimizers and schedules against golden trajectories of 100 steps: PyTorch's, and for Lion the paper's algorithm
//! (`tests/golden/torch_optim.py`).

#[path = "support/golden.rs"]
mod golden;

use std::collections::{BTreeMap, BTreeSet};

use rensa::optim::{
    Adadelta, Adagrad, Adam, AdamW, Annealing, CosineAnnealingLr, CosineAnnealingWarmRestarts, ExponentialLr, Lbfgs,
    LinearLr, Lion, MultiStepLr, NAdam, OneCycleLr, Optimizer, RAdam, ReduceLrOnPlateau, RmsProp, Schedule, Scheduled,
    Sgd, StepLr,
};
use rensa::{Gradients, Param, Reduction, Tape, Tensor, Var};

const STEPS: u64 = 100;
const TOLERANCE: f64 = 1e-10;

struct Golden(BTreeMap<String, (Vec<usize>, Vec<f64>)>);

impl Golden {
    fn load() -> Self {
        Golden(golden::load(include_str!("golden/torch_optim.txt")))
    }

    fn get(&self, name: &str) -> Tensor<f64> {
        let (shape, values) = self.0.get(name).unwrap_or_else(|| panic!("no `{name}`"));
        Tensor::from_vec(values.clone(), &shape[..]).unwrap()
    }

    fn list(&self, name: &str) -> Vec<f64> {
        self.get(name).to_vec()
    }

    /// The names of all lines under `prefix`.
    fn under(&self, prefix: &str) -> BTreeSet<&str> {
        self.0.keys().filter_map(|name| name.strip_prefix(prefix)).collect()
    }
}

/// Whether the two are lists of one length of finite numbers, equal but for a relative error of the tolerance, absolute below 1.
fn compare(what: &str, found: &[f64], expected: &[f64]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{what}: {} numbers, expected {}", found.len(), expected.len()));
    }
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        // Written so that NaN fails.
        let close = (f - e).abs() <= TOLERANCE * e.abs().max(1.0);
        if !close {
            return Err(format!("{what}: number {i} is {f:e}, expected {e:e}, off by {:e}", (f - e).abs()));
        }
    }
    Ok(())
}

#[test]
fn the_comparator_lets_nothing_through() {
    assert!(compare("", &[1.0, -2.0], &[1.0, -2.0 - 1e-11]).is_ok());
    assert!(compare("", &[1.0], &[1.0 + 1e-9]).is_err());
    assert!(compare("", &[1.0], &[1.0, 1.0]).is_err() && compare("", &[1.0, 1.0], &[1.0]).is_err());
    for (a, b) in [(f64::NAN, 1.0), (1.0, f64::NAN), (f64::NAN, f64::NAN), (f64::INFINITY, f64::INFINITY)] {
        assert!(compare("", &[a], &[b]).is_err(), "{a} passed for {b}");
    }
}

/// The net of the golden file; its parameters have odd shapes.
struct Net {
    w1: Param<f64>,
    b1: Param<f64>,
    w2: Param<f64>,
    scale: Param<f64>,
    b2: Param<f64>,
}
rensa::parts!(Net for f64 { w1, b1, w2, scale, b2 });

impl Net {
    fn new(golden: &Golden) -> Self {
        let [w1, b1, w2, scale, b2] = ["w1", "b1", "w2", "scale", "b2"].map(|name| Param::new(golden.get(name)));
        Net { w1, b1, w2, scale, b2 }
    }

    fn params(&self) -> [(&'static str, &Param<f64>); 5] {
        [("w1", &self.w1), ("b1", &self.b1), ("w2", &self.w2), ("scale", &self.scale), ("b2", &self.b2)]
    }

    fn loss<'t>(&self, tape: &'t Tape<f64>, step: u64, x: &Tensor<f64>, t: &Tensor<f64>) -> Var<'t, f64> {
        let [w1, b1, w2, scale, b2] = self.params().map(|(_, param)| tape.param(param));
        let y = scale * (tape.constant(x.clone()).matmul(w1.t()) + b1).tanh().matmul(w2) + b2;
        let target = t * (1.0 + 0.5 * (0.7 * step as f64).cos());
        y.mse(tape.constant(target), Reduction::Mean)
    }

    /// The weighted sum of all elements that the file has of every step.
    fn digest(&self) -> f64 {
        let all = self.params().into_iter().flat_map(|(_, param)| param.value.to_vec());
        all.zip(0..).map(|(x, i)| x * (0.11 * f64::from(i)).cos()).sum()
    }
}

/// Takes the steps of a case, and says where they leave its golden trajectory.
fn run(golden: &Golden, case: &str, mut step: impl FnMut(u64, &mut Net)) -> Result<(), String> {
    let mut net = Net::new(golden);
    let mut digests = Vec::new();
    for k in 0..STEPS {
        step(k, &mut net);
        digests.push(net.digest());
    }
    compare(&format!("{case}/digests"), &digests, &golden.list(&format!("{case}/digests")))?;
    for (name, param) in net.params() {
        let (name, expected) = (format!("{case}/{name}"), golden.get(&format!("{case}/{name}")));
        if param.value.shape() != expected.shape() {
            return Err(format!("{name} has shape {:?}", param.value.shape()));
        }
        compare(&name, &param.value.to_vec(), &expected.to_vec())?;
    }
    Ok(())
}

/// The steps of an optimizer on the whole batch, after `prepare`.
fn steps<O: Optimizer<f64>>(
    golden: &Golden,
    case: &str,
    mut optimizer: O,
    mut prepare: impl FnMut(u64, &mut O, &mut Gradients<f64>),
) -> Result<(), String> {
    let (x, t) = (golden.get("x"), golden.get("t"));
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    run(golden, case, |k, net| {
        tape.step(&mut gradients, |tape| net.loss(tape, k, &x, &t));
        prepare(k, &mut optimizer, &mut gradients);
        optimizer.step(net, &gradients).unwrap();
    })
}

/// The case called `case`; every one of the file.
fn trajectory(golden: &Golden, case: &str) -> Result<(), String> {
    macro_rules! plain {
        ($optimizer:expr) => {
            steps(golden, case, $optimizer, |_, _, _| ())
        };
    }
    match case {
        "sgd" => plain!(Sgd::new(0.05)),
        "sgd_momentum" => plain!(Sgd::new(0.05).momentum(0.9)),
        "sgd_dampening" => plain!(Sgd::new(0.05).momentum(0.9).dampening(0.3).weight_decay(0.02)),
        "sgd_nesterov" => plain!(Sgd::new(0.05).momentum(0.8).nesterov(true).weight_decay(0.02)),
        "sgd_maximize" => plain!(Sgd::new(0.001).momentum(0.5).weight_decay(0.02).maximize(true)),
        "adagrad" => plain!(Adagrad::new(0.05)),
        "adagrad_all" => {
            plain!(Adagrad::new(0.1).lr_decay(0.02).weight_decay(0.03).initial_accumulator_value(0.2).eps(1e-6))
        }
        "rmsprop" => plain!(RmsProp::new(0.01)),
        "rmsprop_momentum" => plain!(RmsProp::new(0.005).alpha(0.9).momentum(0.7).weight_decay(0.02)),
        "rmsprop_centered" => plain!(RmsProp::new(0.005).centered(true).eps(1e-4)),
        "rmsprop_all" => {
            let all = RmsProp::new(0.002).alpha(0.95).momentum(0.8).centered(true).weight_decay(0.02).eps(1e-3);
            plain!(all.maximize(true))
        }
        "adadelta" => plain!(Adadelta::new(1.0)),
        "adadelta_all" => plain!(Adadelta::new(0.5).rho(0.8).eps(1e-4).weight_decay(0.02)),
        "adam" => plain!(Adam::new(0.02)),
        "adam_all" => plain!(Adam::new(0.02).betas(0.8, 0.95).eps(1e-4).weight_decay(0.03).amsgrad(true)),
        "adam_maximize" => plain!(Adam::new(0.01).weight_decay(0.03).maximize(true)),
        "adamw" => plain!(AdamW::new(0.02)),
        "adamw_all" => plain!(AdamW::new(0.02).betas(0.85, 0.99).eps(1e-6).weight_decay(0.2).amsgrad(true)),
        "nadam" => plain!(NAdam::new(0.02)),
        "nadam_all" => {
            plain!(NAdam::new(0.02).betas(0.8, 0.95).eps(1e-4).weight_decay(0.03).momentum_decay(0.05))
        }
        "nadam_decoupled" => plain!(NAdam::new(0.02).weight_decay(0.1).decoupled_weight_decay(true)),
        "radam" => plain!(RAdam::new(0.02)),
        "radam_all" => plain!(RAdam::new(0.02).betas(0.8, 0.95).eps(1e-4).weight_decay(0.03)),
        "radam_decoupled" => plain!(RAdam::new(0.02).weight_decay(0.1).decoupled_weight_decay(true)),
        "lion" => plain!(Lion::new(0.004)),
        "lion_all" => plain!(Lion::new(0.005).betas(0.85, 0.95).weight_decay(0.3)),
        "groups" => {
            let adamw = AdamW::new(0.01)
                .weight_decay(0.1)
                .group_where(|name| name.ends_with('2'), |rule| rule.lr = 0.05)
                .group_where(|name| name.starts_with('b'), |rule| rule.weight_decay = 0.0);
            let schedule = StepLr::new(0.01, 30).gamma(0.3);
            steps(golden, case, adamw, |k, adamw, _| schedule.drive(k, adamw))
        }
        "one_cycle" => {
            let schedule = OneCycleLr::new(0.05, STEPS + 1);
            steps(golden, case, Adam::new(0.01), |k, adam, _| schedule.drive(k, adam))
        }
        "clip_norm" => steps(golden, case, Sgd::new(0.05).momentum(0.9), |_, _, g| assert!(g.clip_norm(0.4) > 0.0)),
        "clip_value" => steps(golden, case, Sgd::new(0.05).momentum(0.9), |_, _, g| g.clip_value(0.1)),
        "accumulated" => accumulated(golden),
        "lbfgs" => lbfgs(golden, case, one(1.0), &decayed(golden, 0.05)),
        "lbfgs_history" => lbfgs(golden, case, Lbfgs::new(0.7).max_iter(2).history_size(3), &decayed(golden, 0.2)),
        "lbfgs_far" => {
            let far = Lbfgs::new(8.0).max_iter(2).max_eval(40).history_size(5);
            lbfgs(golden, case, far, &decayed(golden, 0.2))
        }
        "lbfgs_valley" => lbfgs(golden, case, one(1.0).history_size(5), &rosenbrock),
        "lbfgs_valley_far" => lbfgs(golden, case, one(8.0).history_size(5), &rosenbrock),
        "lbfgs_valley_near" => lbfgs(golden, case, one(0.05).history_size(5), &rosenbrock),
        _ => Err(format!("no case called {case}")),
    }
}

fn accumulated(golden: &Golden) -> Result<(), String> {
    let (x, t) = (golden.get("x"), golden.get("t"));
    let (mut tape, mut part, mut whole) = (Tape::new(), Gradients::new(), Gradients::new());
    let mut sgd = Sgd::new(0.05).momentum(0.9);
    run(golden, "accumulated", |k, net| {
        whole.clear();
        for half in [0, 2] {
            let (x, t) = (x.narrow(0, half, 2), t.narrow(0, half, 2));
            tape.step(&mut part, |tape| net.loss(tape, k, &x, &t));
            whole.add_from(&part);
        }
        whole.scale(0.5);
        sgd.step(net, &whole).unwrap();
    })
}

/// One iteration a step.
fn one(lr: f64) -> Lbfgs<f64> {
    Lbfgs::new(lr).max_iter(1).max_eval(20)
}

type Loss<'a> = &'a dyn for<'t> Fn(&Net, &'t Tape<f64>) -> Var<'t, f64>;

fn decayed(golden: &Golden, decay: f64) -> impl for<'t> Fn(&Net, &'t Tape<f64>) -> Var<'t, f64> + '_ {
    move |net, tape| {
        let [a, b, c, d, e] = net.params().map(|(_, p)| tape.param(p)).map(|p| (p * p).sum(..));
        net.loss(tape, 0, &golden.get("x"), &golden.get("t")) + (a + b + c + d + e) * decay
    }
}

fn rosenbrock<'t>(net: &Net, tape: &'t Tape<f64>) -> Var<'t, f64> {
    let all = Var::concat(&net.params().map(|(_, p)| tape.param(p).flatten()), 0);
    let n = all.shape()[0] - 1;
    let (x, next) = (all.narrow(0, 0, n), all.narrow(0, 1, n));
    ((1.0 - x).powi(2) + (next - x * x).powi(2) * 2.0).sum(..)
}

fn lbfgs(golden: &Golden, case: &str, lbfgs: Lbfgs<f64>, loss: Loss<'_>) -> Result<(), String> {
    let (mut tape, mut lbfgs) = (Tape::new(), lbfgs.tolerance_grad(1e-6));
    run(golden, case, |_, net| {
        lbfgs.step(net, |net, gradients| tape.step(gradients, |tape| loss(net, tape))).unwrap();
    })
}

#[test]
fn optimizers_follow_the_golden_trajectories() {
    let golden = Golden::load();
    let cases: Vec<&str> = golden.0.keys().filter_map(|name| name.strip_suffix("/digests")).collect();
    assert!(cases.len() >= 37, "only {cases:?}");
    let wrong: Vec<String> = cases.iter().filter_map(|case| trajectory(&golden, case).err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A trajectory that is not the golden one is told from it.
#[test]
fn other_hyperparameters_leave_the_golden_trajectories() {
    let golden = Golden::load();
    assert!(steps(&golden, "adam", Adam::new(0.02 + 1e-8), |_, _, _| ()).is_err());
    assert!(steps(&golden, "adam", Adam::new(0.02).eps(2e-8), |_, _, _| ()).is_err());
    assert!(steps(&golden, "adam", AdamW::new(0.02), |_, _, _| ()).is_err());
    assert!(steps(&golden, "sgd", Sgd::new(0.05).momentum(1e-6), |_, _, _| ()).is_err());
    assert!(trajectory(&golden, "none").is_err());
}

#[test]
fn schedules_give_the_golden_rates() {
    let golden = Golden::load();
    let cycle = OneCycleLr::new(0.4, STEPS);
    let cycle_all = OneCycleLr::new(0.4, STEPS)
        .pct_start(0.21)
        .anneal_strategy(Annealing::Linear)
        .momenta(0.7, 0.9)
        .div_factor(10.0)
        .final_div_factor(100.0)
        .three_phase(true);
    let sequential = LinearLr::new(0.5, 20).start_factor(0.1).then(20, CosineAnnealingLr::new(0.5, 80));
    let schedules: [(&str, &dyn Fn(u64) -> f64); 11] = [
        ("step", &|k| StepLr::new(0.5, 7).gamma(0.6).lr(k)),
        ("multi_step", &|k| MultiStepLr::new(0.5, [10, 25, 25, 70]).gamma(0.3).lr(k)),
        ("exponential", &|k| ExponentialLr::new(0.5, 0.95).lr(k)),
        ("cosine", &|k| CosineAnnealingLr::new(0.5, 40).eta_min(0.01).lr(k)),
        ("restarts", &|k| CosineAnnealingWarmRestarts::new(0.5, 9).lr(k)),
        ("restarts_longer", &|k| CosineAnnealingWarmRestarts::new(0.5, 7).t_mult(2).eta_min(0.02).lr(k)),
        ("one_cycle", &|k| cycle.lr(k)),
        ("one_cycle_all", &|k| cycle_all.lr(k)),
        ("linear", &|k| LinearLr::new(0.5, 5).lr(k)),
        ("linear_all", &|k| LinearLr::new(0.5, 33).start_factor(0.1).end_factor(0.7).lr(k)),
        ("sequential", &|k| sequential.lr(k)),
    ];
    for (name, rate) in schedules {
        let rates: Vec<f64> = (0..STEPS).map(rate).collect();
        compare(name, &rates, &golden.list(&format!("rates/{name}"))).unwrap();
    }
    for (name, cycle) in [("one_cycle", cycle), ("one_cycle_all", cycle_all)] {
        let momenta: Vec<f64> = (0..STEPS).filter_map(|k| cycle.momentum(k)).collect();
        compare(name, &momenta, &golden.list(&format!("momenta/{name}"))).unwrap();
    }
    let tried: BTreeSet<&str> = schedules.iter().map(|(name, _)| *name).collect();
    let there: BTreeSet<&str> =
        golden.under("rates/").into_iter().filter(|name| !name.starts_with("plateau")).collect();
    assert_eq!(tried, there, "every schedule of the file is tried");
}

#[test]
fn rates_fall_at_plateaus_as_in_the_golden_file() {
    let golden = Golden::load();
    let metrics = golden.list("metrics");
    let plateau = ReduceLrOnPlateau::new;
    let cases = [
        ("plateau", plateau().patience(3)),
        ("plateau_cooldown", plateau().patience(2).factor(0.5).cooldown(4).threshold(0.05).min_lr(0.01)),
        ("plateau_absolute", plateau().patience(2).factor(0.7).absolute_threshold(0.3)),
        ("plateau_max", plateau().patience(4).factor(0.6).maximize(true).threshold(0.02)),
        ("plateau_max_absolute", plateau().patience(1).factor(0.8).maximize(true).absolute_threshold(0.1).eps(1e-3)),
    ];
    for (name, mut plateau) in cases {
        let mut sgd = Sgd::<f64>::new(0.5);
        let step = |&metric: &f64| {
            plateau.step(metric, &mut sgd);
            sgd.lr()
        };
        let rates: Vec<f64> = metrics.iter().map(step).collect();
        compare(name, &rates, &golden.list(&format!("rates/{name}"))).unwrap();
    }
    let there = golden.under("rates/").into_iter().filter(|name| name.starts_with("plateau")).count();
    assert_eq!(there, cases.len(), "every case of the file is tried");
}
