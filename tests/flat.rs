//! Memory and depth: what a step allocates, what lives how long, how deep a graph may be, and what a panic leaves behind.
//!
//! Tests named `trap_…` are lines of the list of defects that other libraries had.

#[path = "support/allocations.rs"]
mod allocations;
#[path = "support/panics.rs"]
mod panics;

use allocations::{Counting, allocations, live_bytes, peak_bytes};
use panics::panic_of;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rensa::functional::{grad, hessian, hvp, jacobian, jvp};
use rensa::nn::{Linear, Module, Relu, Sequential};
use rensa::optim::{Adam, Optimizer};
use rensa::{Conv, Gradients, Op, Param, Pullback, RawPullback, Reduction, Tape, Tensor, Var, keep, tensor};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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

/// How often a product allocates when it is warm: matrixmultiply, which is used where there are no kernels of our own, takes a buffer.
fn of_a_product() -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") || (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
        return 0;
    }
    1
}

/// Small and large, as they lie and transposed: packed panels are in buffers that the thread keeps, like the results.
#[test]
fn a_warm_product_allocates_nothing() {
    for [m, k, n] in [[1, 1, 1], [33, 40, 50], [20, 300, 290], [430, 20, 60], [3, 700, 5]] {
        let (a, b) = (Tensor::<f32>::ones([m, k]), Tensor::<f32>::ones([k, n]));
        let (at, bt) = (a.t().to_contiguous(), b.t().to_contiguous());
        for (a, b) in [(&a, &b), (&a, &bt.t()), (&at.t(), &b), (&at.t(), &bt.t())] {
            let product = || drop(a.matmul(b));
            product();
            assert!(allocations(product) <= of_a_product(), "[{m}, {k}] × [{k}, {n}]");
        }
    }
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
    assert!(counts.iter().all(|&n| n <= 5 * of_a_product()), "allocations per step, of five products: {counts:?}");
}

/// A net as users make it, of layers and by an optimizer with moments.
#[test]
fn a_warm_step_of_a_net_of_layers_allocates_nothing_of_its_own() {
    let rng = &mut StdRng::seed_from_u64(0);
    let net = Sequential::<f32>::new().with(Linear::init(20, 64, rng)).with(Relu).with(Linear::init(64, 64, rng));
    let mut net = net.with(Relu).with(Linear::init(64, 10, rng));
    let (x, t) = (Tensor::from_fn([32, 20], |i| ((i[0] * 7 + i[1]) % 5) as f32), Tensor::from_fn([32], |i| i[0] % 10));
    let (mut tape, mut gradients, mut optimizer) = (Tape::new(), Gradients::new(), Adam::new(1e-3));
    let mut step = || {
        let loss =
            tape.step(&mut gradients, |tape| net.forward(tape.constant(x.clone())).cross_entropy(&t, Reduction::Mean));
        optimizer.step(&mut net, &gradients).expect("every parameter has a gradient");
        loss
    };
    let first = (0..3).map(|_| step()).fold(0.0, f32::max);
    let counts: Vec<usize> = (0..5).map(|_| allocations(|| _ = step())).collect();
    assert!(counts.iter().all(|&n| n <= 8 * of_a_product()), "allocations per step, of eight products: {counts:?}");
    let last = (0..100).map(|_| step()).last();
    assert!(last.is_some_and(|last| last < first), "it learns: from {first} to {last:?}");
}

/// The memory of differentiating a net whose layers have a parameter each, at its highest, in values of a layer.
fn peak(differentiate: fn(&mut Tape<f64>, &mut Gradients<f64>, &[Param<f64>])) -> f64 {
    const WIDTH: usize = 1 << 12;
    let run = move || {
        let params: Vec<_> = (0..50).map(|i| Param::new(Tensor::full([WIDTH], i as f64 / 50.0))).collect();
        let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
        peak_bytes(|| differentiate(&mut tape, &mut gradients, &params)) as f64 / (8 * WIDTH) as f64
    };
    std::thread::spawn(run).join().expect("it ends well")
}

fn layers<'t>(tape: &'t Tape<f64>, params: &[Param<f64>]) -> Var<'t, f64> {
    params.iter().fold(tape.scalar(1.0), |x, w| (x * tape.param(w)).tanh()).sum(..)
}

#[test]
fn a_step_drops_each_value_as_soon_as_the_sweep_has_passed_it() {
    let step = peak(|tape, gradients, params| {
        tape.step(gradients, |tape| layers(tape, params));
    });
    let backward = peak(|tape, gradients, params| layers(tape, params).backward_into(gradients));
    println!("values of a layer at the highest: {step:.1} in a step, {backward:.1} in a backward");
    // Two values a layer; then a gradient for each parameter, which takes the place of a value that was dropped.
    assert!(step < 108.0 && backward > 148.0, "{step} and {backward}");
}

#[test]
fn a_step_with_frozen_parameters_and_unused_ones_allocates_nothing_more() {
    let (mut tape, mut gradients) = (Tape::<f64>::new(), Gradients::new());
    let (w, mut frozen, unused) = (Param::new(tensor![1.0]), Param::new(tensor![2.0]), Param::new(tensor![3.0]));
    frozen.set_frozen(true);
    let mut step = || {
        tape.step(&mut gradients, |tape| {
            tape.param(&unused);
            (tape.param(&w) * tape.param(&frozen)).sum(..)
        });
    };
    (0..3).for_each(|_| step());
    let counts: Vec<usize> = (0..5).map(|_| allocations(&mut step)).collect();
    // To find that the loss does not depend on the unused one, the ways through the tape are looked at in two lists.
    assert!(counts.iter().all(|&n| n <= 2), "{counts:?}");
}

// ---- temporaries of rules ----------------------------------------------------------------------------------------------

/// Layers of ops that have no fused rule, whose rules on handles make several values of a layer each.
fn without_fused_rules(x: Var<'_, f64>, depth: usize) -> Var<'_, f64> {
    let mut h = x;
    for _ in 0..depth {
        h = h + h.var(keep(-1), 0) * 0.1 + h.logsumexp(keep(-1)) * 0.1 + h.max(keep(0)) * 0.1;
    }
    h.mean(..)
}

/// By how many values of a layer memory rises at its highest, and by how many nodes the tape grows, while `f` takes a gradient of a
/// net so deep.
fn rise(depth: usize, f: impl for<'t> Fn(Var<'t, f64>, Var<'t, f64>) + Send + Sync) -> (f64, usize) {
    let (rows, columns) = (32, 256);
    let measure = || {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::from_fn([rows, columns], |i| ((i[0] * 7 + i[1] * 3) % 101) as f64 / 101.0));
        let loss = without_fused_rules(x, depth);
        let nodes = tape.len();
        let bytes = peak_bytes(|| f(loss, x));
        (bytes as f64 / (rows * columns * size_of::<f64>()) as f64, tape.len() - nodes)
    };
    // On a thread of its own, whose free list is empty.
    std::thread::scope(|scope| scope.spawn(measure).join().expect("the thread ends well"))
}

#[test]
fn a_backward_keeps_no_temporary_of_any_rule() {
    let backward = [8, 32].map(|depth| rise(depth, |loss, _| drop(loss.backward())));
    let paused = [8, 32].map(|depth| {
        rise(depth, |loss, x| {
            let _paused = loss.tape().pause();
            loss.grad([x]).expect("it depends on x");
        })
    });
    let recorded = [8, 32].map(|depth| {
        rise(depth, |loss, x| {
            loss.grad([x]).expect("it depends on x");
        })
    });
    println!("values of a layer and nodes, at depth 8 and 32: {backward:?}, paused {paused:?}, recorded {recorded:?}");
    for [shallow, deep] in [backward, paused] {
        // A slot for each node, of which there are sixteen a layer, is what grows: some hundredths of a value.
        assert!(shallow.0 < 10.0 && deep.0 < shallow.0 + 0.5, "{shallow:?} and {deep:?}");
    }
    assert_eq!(backward.map(|(_, nodes)| nodes), [0, 0]);
    assert_eq!(paused.map(|(_, nodes)| nodes), [1, 1], "the gradient, and nothing that it was computed from");
    // What is recorded stays: else the test would see nothing.
    assert!(recorded[1].0 > 3.5 * recorded[0].0 && recorded[1].1 > 3 * recorded[0].1, "{recorded:?}");
}

#[test]
fn recorded_gradients_keep_memory_only_until_the_tape_is_reset() {
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    let w = Param::new(Tensor::from_fn([8, 8], |i| ((7 * i[0] + 3 * i[1]) % 11) as f64 / 11.0 - 0.45));
    let x = Tensor::from_fn([16, 8], |i| ((i[0] + 2 * i[1]) % 5) as f64 / 5.0);
    let mut step = || {
        tape.step(&mut gradients, |tape| {
            let x = tape.leaf(x.clone());
            let y = x.matmul(tape.param(&w)).tanh().logsumexp(-1).sum(..);
            let [slope] = y.grad([x]).expect("it depends on x");
            let along = slope.jvp([x], [x]).expect("it depends on x");
            (slope.norm(-1) - 1.0).powi(2).mean(..) + (along * along).sum(..)
        });
        assert!(tape.is_empty());
    };
    (0..3).for_each(|_| step());
    let before = live_bytes();
    (0..1000).for_each(|_| step());
    assert_eq!(live_bytes(), before, "bytes that live, after a thousand steps of second order");
}

#[test]
fn derivatives_of_functions_leave_nothing() {
    let x = Tensor::from_fn([6], |i| i[0] as f64 / 6.0);
    let all = || {
        hvp(|[x]| (x * x).exp().sum(..), [&x], [&x]).expect("it depends on x");
        jvp(|[x]| x.softmax(-1), [&x], [&x]).expect("it depends on x");
        hessian(|[x]| x.logsumexp(..), [&x]).expect("it depends on x");
        jacobian(|[x]| x.cumsum(0), [&x]).expect("it depends on x");
        grad(|[x]| x.detach().sum(..), [&x]).expect_err("cut");
    };
    (0..3).for_each(|_| all());
    let before = live_bytes();
    (0..100).for_each(|_| all());
    assert_eq!(live_bytes(), before);
}

/// The matrix of windows of this batch has 9.4 MB. Of it there is one block at a time, or nothing but the padded image, beside what is computed.
#[test]
fn a_convolution_never_lays_out_its_windows() {
    for (images, channels) in [(32, 8), (16, 16)] {
        let bytes = bytes_beside(images, channels);
        assert!(bytes.iter().all(|&bytes| bytes < 1 << 20), "{channels} channels: {bytes:?} bytes beside the result");
    }
}

/// How many bytes there are at most, beside the result, while a convolution of 3×3 and its gradients are computed.
fn bytes_beside(images: usize, channels: usize) -> [isize; 3] {
    let (x, w) = (Tensor::<f32>::ones([images, channels, 32, 32]), Tensor::<f32>::ones([channels, channels, 3, 3]));
    let (options, image) = (Conv::new().padding(1), (4 * images * channels * 32 * 32) as isize);
    let of_a_thread = std::thread::spawn(move || {
        let (x, w) = (x.to_contiguous(), w.to_contiguous());
        let mut y = Tensor::scalar(0.0);
        let forward = peak_bytes(|| y = x.conv2d(&w, options));
        let tape = Tape::new();
        let by_x = tape.leaf(x.clone()).conv2d(tape.constant(w.clone()), options);
        let by_w = tape.constant(x.clone()).conv2d(tape.leaf(w.clone()), options);
        let input = peak_bytes(|| drop(by_x.backward_with(y.clone())));
        let weight = peak_bytes(|| drop(by_w.backward_with(y.clone())));
        [forward - image, input - image, weight]
    });
    of_a_thread.join().expect("it does not panic")
}
