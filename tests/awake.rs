//! `awake`: threads that wait for work in a loop change when work is taken, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rensa::nn::{Linear, Module};
use rensa::optim::{Optimizer, Sgd};
use rensa::{Tape, Tensor, awake};

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
}

/// Loss, gradients and a step along them, of operations that are large enough to be shared by threads that are awake.
fn step() -> Vec<f32> {
    let numbers = |shape: [usize; 2]| Tensor::from_fn(shape, |i| ((i[0] * 31 + i[1] * 17) % 23) as f32 / 23.0 - 0.5);
    let mut net = Linear::new(numbers([140, 130]), Tensor::zeros([140]));
    let tape = Tape::new();
    let x = tape.leaf(numbers([150, 130]));
    let y = net.forward(x).tanh();
    let loss = (y.softmax(-1) * y).sum(0).square().sum(..);
    let g = loss.backward();
    let changed = [loss.value().to_vec(), g[x].to_vec()].concat();
    Sgd::new(0.1).momentum(0.9).step(&mut net, &g).expect("it has a gradient");
    [changed, net.weight.value.to_vec()].concat()
}

#[test]
fn the_bits_are_those_of_threads_that_sleep() {
    let expected = pool(1).install(step);
    assert!(expected.iter().all(|x| x.is_finite()) && expected[0] > 1.0);
    for threads in [1, 2, 3] {
        let found = pool(threads).install(|| awake(step));
        assert!(found.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits()), "{threads} threads");
    }
}

#[test]
fn a_panic_gets_through_and_the_threads_rest() {
    pool(3).install(|| {
        let caught = catch_unwind(AssertUnwindSafe(|| awake(|| panic!("of the user"))));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"of the user"));
        // A thread that still waited in a loop would never get to its share of this.
        assert_eq!(rayon::broadcast(|thread| thread.index()), [0, 1, 2]);
        assert_eq!(awake(|| 5), 5);
    });
}

/// Forks, some of whose parts stay awake themselves: a thread must not wait for the end of a call on top of what that call waits for.
fn forks(depth: usize) -> usize {
    if depth == 0 {
        return 1;
    }
    let (left, right) = rayon::join(|| forks(depth - 1), || awake(|| forks(depth - 1)));
    left + right
}

#[test]
fn calls_within_calls_and_beside_calls_end() {
    let pool = pool(3);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| pool.install(|| awake(|| forks(9))))).collect();
        for call in calls {
            assert_eq!(call.join().expect("no panic"), 512);
        }
    });
    assert_eq!(pool.broadcast(|thread| thread.index()), [0, 1, 2]);
}
