//! Checkpoints: segments whose values are computed again in backward change no bit of any gradient, and keep memory at √depth.
//!
//! Tests named `trap_…` are lines of the list of defects that other libraries had.

#[path = "support/allocations.rs"]
mod allocations;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use allocations::{Counting, peak_bytes};
use rensa::{Gradients, Op, Param, Pullback, Reason, Tape, Tensor, Var, keep, tensor};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn weights(shape: [usize; 2], seed: usize) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| ((7 * i[0] + 3 * i[1] + 5 * seed) % 11) as f64 / 11.0 - 0.45)
}

/// Layers with parameters, a centred softmax with a detached maximum, and a branch.
fn layer<'t>(x: Var<'t, f64>, w: &Param<f64>) -> Var<'t, f64> {
    let h = (x.matmul(x.tape().param(w)) + 0.1).tanh();
    let centred = h - h.detach().max(keep(-1));
    x + centred.exp() / centred.exp().sum(keep(-1)) * h.norm(..)
}

/// How a net's layers are cut into segments.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Not,
    Every(usize),
    /// Segments of four layers, inside each of which are segments of two.
    Nested,
}

fn net<'t>(x: Var<'t, f64>, layers: &[Param<f64>], cut: Cut) -> Var<'t, f64> {
    let tape = x.tape();
    let run = |x: Var<'t, f64>, some: &[Param<f64>]| some.iter().fold(x, layer);
    match cut {
        Cut::Not => run(x, layers),
        Cut::Every(n) => layers.chunks(n).fold(x, |x, some| tape.checkpoint(|| run(x, some))),
        Cut::Nested => layers
            .chunks(4)
            .fold(x, |x, some| tape.checkpoint(|| some.chunks(2).fold(x, |x, few| tape.checkpoint(|| run(x, few))))),
    }
}

const CUTS: [Cut; 5] = [Cut::Every(1), Cut::Every(3), Cut::Every(8), Cut::Every(20), Cut::Nested];

fn layers(n: usize) -> Vec<Param<f64>> {
    (0..n).map(|i| Param::new(weights([4, 4], i))).collect()
}

#[test]
fn trap_09_recomputation_changes_no_bit_of_value_or_gradient() {
    let layers = layers(8);
    let outcome = |cut| {
        let tape = Tape::new();
        let x = tape.leaf(weights([3, 4], 9));
        let y = net(x, &layers, cut);
        let loss = (y * y).sum(..);
        let (first, second) = (loss.backward(), loss.backward());
        let mut all = vec![y.value(), first[x].clone(), second[x].clone()];
        all.extend(layers.iter().map(|w| first[w].clone()));
        let [g] = loss.grad([x]).expect("it depends on x");
        let [h] = (g * g).sum(..).grad([x]).expect("so does its gradient");
        let third = (h * h).sum(..).backward();
        all.extend([g.value(), h.value(), third[x].clone()]);
        all.extend(layers.iter().map(|w| third[w].clone()));
        all
    };
    let expected = outcome(Cut::Not);
    for cut in CUTS {
        let found = outcome(cut);
        assert_eq!(found.len(), expected.len());
        for (k, (a, b)) in found.iter().zip(&expected).enumerate() {
            let bits = |x: &Tensor<f64>| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert!(bits(a) == bits(b) && a.iter().all(|x| x.is_finite()), "{cut:?}, result {k}");
        }
    }
}

#[test]
fn a_training_step_with_checkpoints_has_the_same_bits() {
    let layers = layers(8);
    let step = |cut| {
        let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
        let x = weights([3, 4], 9);
        let mut losses = Vec::new();
        for _ in 0..3 {
            losses.push(tape.step(&mut gradients, |tape| net(tape.constant(x.clone()), &layers, cut).sum(..)));
        }
        (losses, layers.iter().map(|w| gradients[w].to_vec()).collect::<Vec<_>>())
    };
    for cut in CUTS {
        assert_eq!(step(cut), step(Cut::Not), "{cut:?}");
    }
}

/// Doubles, and counts how often it does.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Op<f64> for Counted {
    fn name(&self) -> &'static str {
        "counted"
    }
    fn forward(&mut self, xs: &[&Tensor<f64>]) -> Tensor<f64> {
        self.0.fetch_add(1, Ordering::Relaxed);
        xs[0] * 2.0
    }
    fn vjp<'t>(&self, p: &mut Pullback<'t, f64>) {
        let ([_], g) = (p.inputs(), p.g);
        p.accum(0, || g * 2.0);
    }
}

#[test]
fn each_segment_is_computed_once_more_and_only_when_it_is_needed() {
    let count = Arc::new(AtomicUsize::new(0));
    let tape = Tape::new();
    let x = tape.leaf(tensor![1.0, 2.0]);
    let counted = |x| Var::apply(Counted(count.clone()), &[x]);
    let segment = |x| {
        let x = counted(x);
        tape.checkpoint(|| counted(counted(x.exp())).ln())
    };
    let y = segment(segment(x));
    assert_eq!(count.swap(0, Ordering::Relaxed), 6);
    assert_eq!(y.value().len(), 2);
    assert_eq!(count.load(Ordering::Relaxed), 0, "what a segment returns is kept");
    let gradients = y.sum(..).backward();
    assert_eq!(count.swap(0, Ordering::Relaxed), 4, "both of each segment, none outside");
    assert_eq!(gradients[x].to_vec(), [4.0, 4.0]);
}

#[test]
fn values_inside_a_segment_can_still_be_read_and_used() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(tensor![0.5, -1.0]);
    let (mut inner, mut cut) = (x, x);
    let y = tape.checkpoint(|| {
        inner = (x * 2.0).sin();
        cut = inner.detach() * 3.0;
        (inner * inner + cut).exp()
    });
    let again = tape.checkpoint(|| (y * inner).tanh() + inner);
    assert_eq!(inner.value().to_vec(), [1.0_f64.sin(), (-2.0_f64).sin()]);
    assert_eq!(cut.value().to_vec(), [1.0_f64.sin() * 3.0, (-2.0_f64).sin() * 3.0]);
    assert_eq!((inner.shape(), inner.ndim()), ([2].into(), 1));
    let loss = (again * inner).sum(..);
    inner.retain_grad();
    let found = loss.backward();

    let plain = Tape::<f64>::new();
    let x2 = plain.leaf(tensor![0.5, -1.0]);
    let h = (x2 * 2.0).sin().retain_grad();
    let expected = {
        let y = (h * h + h.detach() * 3.0).exp();
        (((y * h).tanh() + h) * h).sum(..).backward()
    };
    assert_eq!((&found[x], &found[inner]), (&expected[x2], &expected[h]));
    assert_eq!(cut.why_no_grad(x).map(|why| why.reason()), Some(Reason::Detached));
    assert!(tape.constant(tensor![1.0]).why_no_grad(inner).is_some_and(|why| why.to_string().contains("sin [2]")));
}

#[test]
fn constants_pauses_panics_and_resets_leave_a_tape_with_checkpoints_sound() {
    let mut tape = Tape::<f64>::new();
    {
        let x = tape.leaf(tensor![0.5, -1.0]);
        let c = tape.constant(tensor![1.0, 2.0]);
        let y = tape.checkpoint(|| (c.exp() * x).sin() * tape.paused(|| x.cos()));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tape.checkpoint(|| x.reshape([7])))).is_err());
        let paused = tape.paused(|| tape.checkpoint(|| x.exp()));
        assert_eq!(paused.value().to_vec(), [0.5_f64.exp(), (-1.0_f64).exp()]);
        let outer = tape.checkpoint(|| x); // it returns what was there before
        let g = (y + outer).sum(..).backward();
        let slope = |x: f64, e: f64| (e * x).cos() * e * x.cos() + 1.0;
        // The exponential is the library's own, and may differ from the system's in the last digit.
        let expected = [slope(0.5, 1.0_f64.exp()), slope(-1.0, 2.0_f64.exp())];
        assert!(g[x].iter().zip(expected).all(|(found, expected)| (found - expected).abs() <= 4e-15), "{}", g[x]);
    }
    tape.reset();
    let x = tape.leaf(tensor![3.0, 4.0]);
    assert_eq!((x * x).sum(..).backward()[x].to_vec(), [6.0, 8.0]);
}

/// What a step of a net of `depth` layers with 1000 values each has at its highest, in values of a layer.
fn peak(depth: usize, segment: Option<usize>) -> f64 {
    const WIDTH: usize = 1 << 14;
    let run = move || {
        let (mut tape, mut gradients) = (Tape::<f64>::new(), Gradients::new());
        let w = Param::new(Tensor::full([WIDTH], 0.5));
        let bytes = peak_bytes(|| {
            tape.step(&mut gradients, |tape| {
                let some = |x, n| (0..n).fold(x, |x: Var<'_, f64>, _| x.tanh());
                let x = tape.param(&w);
                let y = match segment {
                    None => some(x, depth),
                    Some(n) => (0..depth / n).fold(x, |x, _| tape.checkpoint(|| some(x, n))),
                };
                y.sum(..)
            });
        });
        bytes as f64 / (8 * WIDTH) as f64
    };
    std::thread::spawn(run).join().expect("it ends well")
}

#[test]
fn peak_memory_of_a_deep_net_grows_as_the_square_root_of_its_depth() {
    let (mut plain, mut cut) = (Vec::new(), Vec::new());
    for root in [8, 16, 32] {
        plain.push(peak(root * root, None));
        cut.push(peak(root * root, Some(root)));
    }
    println!("values of a layer at the highest: {plain:.1?} without, {cut:.1?} with √depth segments");
    for (i, root) in [8.0, 16.0, 32.0].into_iter().enumerate() {
        assert!(plain[i] >= root * root, "without checkpoints every value is held: {plain:?}");
        assert!(cut[i] <= 2.0 * root + root * root / 100.0 + 6.0, "√depth at the borders and √depth inside: {cut:?}");
    }
    assert!(plain[2] / plain[0] > 15.0 && cut[2] / cut[0] < 4.5, "{plain:?} and {cut:?}");
}
