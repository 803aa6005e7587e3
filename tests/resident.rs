//! Resident memory over a long training, in a program of its own, where no other test disturbs it.

use std::fs;

use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::{Linear, Module, Relu, Sequential};
use rensa::optim::{Optimizer, Sgd};
use rensa::{Gradients, Reduction, Tape, Tensor};

/// The pages of this process that are in memory, where the system tells.
fn resident_pages() -> Option<usize> {
    fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn trap_06_resident_memory_is_flat_over_a_hundred_thousand_steps() {
    let rng = &mut StdRng::seed_from_u64(0);
    let mut net = Sequential::<f64>::new().with(Linear::init(5, 8, rng)).with(Relu).with(Linear::init(8, 3, rng));
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    let (x, classes) = (Tensor::normal([4, 5], 0.0, 1.0, rng), Tensor::from_fn([4], |i| i[0] % 3));
    let mut steps = |n: usize| {
        let mut loss = f64::NAN;
        for _ in 0..n {
            loss = tape.step(&mut gradients, |tape| {
                // A segment that is computed again, and a parameter that is not reached, are part of what must not add up.
                let y = tape.checkpoint(|| net.forward(tape.constant(x.clone())));
                tape.leaf(Tensor::zeros([3]));
                y.cross_entropy(&classes, Reduction::Mean)
            });
            Sgd::new(0.1).step(&mut net, &gradients).expect("every parameter has a gradient");
        }
        loss
    };
    let first = steps(1);
    steps(5_000);
    let before = resident_pages();
    let last = steps(95_000);
    let after = resident_pages();
    assert!(last < first / 10.0, "it learns: from {first} to {last}");
    match (before, after) {
        (Some(before), Some(after)) => {
            println!("resident pages after 5,000 and 100,000 steps: {before}, {after}");
            assert!(after <= before + 64, "resident pages grew from {before} to {after}");
        }
        _ => println!("this system does not tell the resident memory of a process; only that it learns was checked"),
    }
}
