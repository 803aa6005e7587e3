//! Loaders: what an epoch holds and in what order, with and without a thread, and going on where one stopped.

#[path = "support/panics.rs"]
mod panics;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use panics::panic_of;
use proptest::prelude::*;
use rand::RngExt;
use rensa::data::{Dataset, Examples, Loader, Position};
use rensa::{Error, Result, Tensor, tensor};

/// `n` examples whose input is their number and whose label is ten times that.
fn numbered(n: usize) -> Dataset<f64> {
    Dataset::new(Tensor::from_fn([n, 1], |i| i[0] as f64), Tensor::from_fn([n], |i| 10 * i[0])).unwrap()
}

/// The numbers of the examples in the rest of an epoch, batch by batch.
fn epoch<D: Examples<Batch = Dataset<f64>>>(loader: &mut Loader<D>) -> Vec<Vec<usize>> {
    let batch = |batch: Result<Dataset<f64>>| {
        let batch = batch.unwrap();
        let numbers: Vec<usize> = batch.inputs.iter().map(|&x| x as usize).collect();
        assert!(numbers.iter().zip(&batch.labels).all(|(i, label)| 10 * i == *label), "labels of other inputs");
        numbers
    };
    loader.epoch().map(batch).collect()
}

fn sorted(batches: &[Vec<usize>]) -> Vec<usize> {
    let mut all = batches.concat();
    all.sort_unstable();
    all
}

// ---- order -------------------------------------------------------------------------------------------------------------

#[test]
fn in_order_every_example_comes_once_and_the_last_batch_may_be_smaller() {
    let data = numbered(7);
    let mut loader = Loader::in_order(&data, 3);
    for _ in 0..2 {
        assert_eq!(epoch(&mut loader), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
    }
    assert_eq!(epoch(&mut Loader::in_order(&data, 100)), [(0..7).collect::<Vec<_>>()]);
    assert_eq!(epoch(&mut Loader::in_order(&data, 3).with_drop_last(true)), [[0, 1, 2], [3, 4, 5]]);
    assert_eq!(epoch(&mut Loader::in_order(numbered(0), 3)), Vec::<Vec<usize>>::new());
}

#[test]
fn shuffled_every_example_comes_once_an_epoch_in_an_order_of_its_own() {
    let data = numbered(30);
    let mut loader = Loader::new(&data, 7, 1).with_drop_last(false);
    let epochs: Vec<_> = (0..3).map(|_| epoch(&mut loader)).collect();
    for batches in &epochs {
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [7, 7, 7, 7, 2]);
        assert_eq!(sorted(batches), (0..30).collect::<Vec<_>>());
    }
    assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2] && epochs[0] != epochs[2]);
    let mut dropping = Loader::new(&data, 7, 1);
    assert_eq!(epoch(&mut dropping), epochs[0][..4], "the same order, cut");
    assert_ne!(epoch(&mut Loader::new(&data, 7, 2)), epochs[0][..4]);
}

#[test]
fn an_order_depends_on_seed_and_epoch_only() {
    let data = numbered(40);
    let mut loader = Loader::new(&data, 8, 5);
    let epochs: Vec<_> = (0..4).map(|_| epoch(&mut loader)).collect();
    let mut other = Loader::new(&data, 8, 5);
    other.restore(Position { seed: 5, epoch: 2, batch: 0 }).unwrap();
    assert_eq!(epoch(&mut other), epochs[2]);
    let mut endless = Loader::new(&data, 8, 5);
    let batches: Vec<_> = (0..20).map(|_| endless.next_batch().unwrap().labels.to_vec()).collect();
    assert_eq!(batches.concat(), epochs.concat().concat().iter().map(|i| 10 * i).collect::<Vec<_>>());
}

#[test]
fn an_epoch_iterator_goes_on_where_single_batches_stopped() {
    let data = numbered(10);
    let mut loader = Loader::in_order(&data, 3);
    loader.next_batch().unwrap();
    {
        let mut rest = loader.epoch();
        assert_eq!(rest.len(), 3);
        assert_eq!(rest.next().map(|batch| batch.unwrap().labels.to_vec()), Some(vec![30, 40, 50]));
    } // an iterator that is dropped has not taken what it did not give
    assert_eq!(loader.next_batch().unwrap().labels.to_vec(), [60, 70, 80]);
    assert_eq!(epoch(&mut loader), [[9]]);
    assert_eq!(epoch(&mut loader).len(), 4);
}

#[test]
fn what_leaves_no_batch_is_refused_at_the_callers_line() {
    let data = numbered(5);
    let panic = panic_of(|| Loader::new(&data, 6, 0));
    assert_eq!((panic.message.as_str(), panic.file.as_str()), ("Loader: batches of 6 from 5 examples", file!()));
    assert_eq!(panic_of(|| Loader::new(&data, 0, 0)).message, "Loader: batches of 0 from 5 examples");
    assert_eq!(panic_of(|| Loader::in_order(&data, 0)).message, "Loader: batches of 0 from 5 examples");
    assert_eq!(panic_of(|| Loader::in_order(&data, 9).with_drop_last(true)).line, line!());
    let weights =
        |weights: &'static [f64], draws| panic_of(|| Loader::new(&data, 1, 0).with_weights(weights, draws)).message;
    assert_eq!(weights(&[1.0; 4], 5), "Loader: 4 weights for 5 examples");
    assert!(weights(&[1.0, 1.0, -1.0, 1.0, 1.0], 5).contains("example Some(2) is negative"));
    assert!(weights(&[1.0, f64::NAN, 1.0, 1.0, 1.0], 5).contains("example Some(1)"));
    assert_eq!(weights(&[0.0; 5], 5), "Loader: the weights add up to 0");
    assert_eq!(weights(&[f64::MAX; 5], 5), "Loader: the weights add up to inf");
    assert_eq!(weights(&[1.0; 5], 0), "Loader: batches of 1 from 0 examples");
    let once = || Loader::new(&data, 1, 0).with_weights_without_replacement(&[1.0, 0.0, 1.0, 0.0, 1.0], 4);
    assert_eq!(panic_of(once).message, "Loader: 4 draws from 3 examples with weights above 0");
    let mut empty = Loader::in_order(numbered(0), 3);
    assert_eq!(panic_of(|| empty.next_batch()).message, "Loader: no batch of no examples");
}

// ---- weights -----------------------------------------------------------------------------------------------------------

fn counts(batches: &[Vec<usize>]) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    batches.concat().into_iter().for_each(|i| *counts.entry(i).or_default() += 1);
    counts
}

#[test]
fn weighted_examples_come_as_often_as_their_weights_say() {
    let weights = [1.0, 0.0, 3.0, 6.0];
    let data = numbered(4);
    let mut loader = Loader::in_order(&data, 100).with_weights(&weights, 20_000);
    let first = counts(&epoch(&mut loader));
    assert_eq!(first.get(&1), None, "an example of weight 0");
    for (i, expected) in [(0, 2_000.0), (2, 6_000.0), (3, 12_000.0)] {
        let deviation = (expected * (1.0 - expected / 20_000.0_f64)).sqrt();
        assert!((first[&i] as f64 - expected).abs() < 4.0 * deviation, "{i}: {} of 20,000", first[&i]);
    }
    assert_ne!(counts(&epoch(&mut loader)), first, "another epoch is drawn anew");
}

#[test]
fn without_replacement_none_comes_twice_and_heavy_ones_come_first() {
    let data = numbered(50);
    let weights: Vec<f64> = (0..50).map(|i| if i < 25 { 20.0 } else { 1.0 }).collect();
    let mut heavy = 0;
    for seed in 0..20 {
        let mut loader = Loader::new(&data, 5, seed).with_weights_without_replacement(&weights, 20);
        let drawn = sorted(&epoch(&mut loader));
        assert!(drawn.len() == 20 && drawn.windows(2).all(|pair| pair[0] < pair[1]), "{drawn:?}");
        heavy += drawn.iter().filter(|&&i| i < 25).count();
    }
    // 20 of 25 heavy ones are drawn before the odds turn; by chance alone half of all would be heavy.
    assert!((330..400).contains(&heavy), "{heavy} of 400");
    let mut all = Loader::new(&data, 50, 0).with_weights_without_replacement(&[1.0; 50], 50);
    assert_eq!(sorted(&epoch(&mut all)), (0..50).collect::<Vec<_>>());
}

// ---- a thread that makes batches ahead ---------------------------------------------------------------------------------

fn noisy(batch: Dataset<f64>, rng: &mut rand::rngs::StdRng) -> Dataset<f64> {
    let noise = Tensor::from_fn(batch.inputs.shape().clone(), |_| 0.5 * rng.random::<f64>());
    Dataset { inputs: &batch.inputs + &noise, labels: batch.labels }
}

#[test]
fn batches_made_ahead_have_the_same_bits_in_the_same_order() {
    let data = numbered(23);
    for depth in [1, 2, 7, 50] {
        let mut here = Loader::new(data.clone(), 4, 9).with_augmentation(noisy);
        let mut ahead = Loader::new(data.clone(), 4, 9).with_augmentation(noisy).with_prefetch(depth);
        for step in 0..17 {
            assert_eq!(here.next_batch().unwrap(), ahead.next_batch().unwrap(), "step {step}, depth {depth}");
            assert_eq!(here.position(), ahead.position());
        }
        let (a, b): (Vec<_>, Vec<_>) =
            (here.epoch().map(Result::unwrap).collect(), ahead.epoch().map(Result::unwrap).collect());
        assert_eq!(a, b);
    }
}

#[test]
fn no_more_batches_are_made_ahead_than_was_said() {
    struct Counted(Arc<AtomicUsize>);
    impl Examples for Counted {
        type Batch = usize;
        fn len(&self) -> usize {
            1000
        }
        fn batch(&self, index: &[usize]) -> Result<usize> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(index[0])
        }
    }
    let made = Arc::new(AtomicUsize::new(0));
    let mut loader = Loader::in_order(Counted(Arc::clone(&made)), 1).with_prefetch(3);
    for step in 0..50 {
        assert_eq!(loader.next_batch().unwrap(), step);
        std::thread::yield_now();
        let ahead = made.load(Ordering::SeqCst) - step - 1;
        assert!(ahead <= 2, "{ahead} batches beside the one that was taken");
    }
    drop(loader);
    assert_eq!(Arc::strong_count(&made), 1, "the thread has ended, and let go of the examples");
}

/// Fails at one example and panics at another.
struct Faulty;

impl Examples for Faulty {
    type Batch = usize;
    fn len(&self) -> usize {
        6
    }
    fn batch(&self, index: &[usize]) -> Result<usize> {
        match index[0] {
            2 => Err(Error::format("example-2", "a picture", "none")),
            4 => panic!("example 4 is cursed"),
            i => Ok(i),
        }
    }
}

#[test]
fn errors_and_panics_reach_whoever_takes_the_batch_and_the_next_one_comes_all_the_same() {
    for depth in [0, 1, 4, 10] {
        let mut loader = Loader::in_order(Faulty, 1).with_prefetch(depth);
        for _ in 0..2 {
            assert_eq!((0..2).map(|_| loader.next_batch().unwrap()).collect::<Vec<_>>(), [0, 1]);
            let message = loader.next_batch().unwrap_err().to_string();
            assert_eq!(message, "example-2: expected a picture, found none", "depth {depth}");
            assert_eq!(loader.next_batch().unwrap(), 3);
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| loader.next_batch()));
            let payload = caught.expect_err("the panic of the thread");
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"example 4 is cursed"), "depth {depth}");
            assert_eq!(loader.next_batch().unwrap(), 5);
        }
        assert_eq!(loader.position(), Position { seed: 0, epoch: 2, batch: 0 });
    }
}

#[test]
fn a_loader_that_is_dropped_leaves_no_thread_and_makes_no_more_batches() {
    struct Slow(Arc<AtomicUsize>, Arc<Barrier>);
    impl Examples for Slow {
        type Batch = ();
        fn len(&self) -> usize {
            100
        }
        fn batch(&self, index: &[usize]) -> Result<()> {
            match index[0] {
                0 => {}
                1 => drop(self.1.wait()),
                _ => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }
    let (made, barrier) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let mut loader = Loader::in_order(Slow(Arc::clone(&made), Arc::clone(&barrier)), 1).with_prefetch(50);
    loader.next_batch().unwrap();
    let dropping = std::thread::spawn(move || drop(loader));
    std::thread::sleep(std::time::Duration::from_millis(50)); // so that it waits for the thread, which is at the second batch
    barrier.wait();
    dropping.join().unwrap();
    assert_eq!(Arc::strong_count(&made), 1, "the thread has ended");
    let made = made.load(Ordering::SeqCst);
    assert!(made < 10, "{made} of the 50 that were asked for, when one was under way");
}

// ---- going on ----------------------------------------------------------------------------------------------------------

proptest! {
    #[test]
    fn a_restored_loader_goes_on_with_the_same_bits(
        n in 1_usize..40, size in 1_usize..10, before in 0_usize..30, depth in 0_usize..4, made in 0_usize..5, kind in 0..3,
    ) {
        let size = size.min(n);
        let weights: Vec<f64> = (0..n).map(|i| 1.0 + i as f64).collect();
        let loader = |seed| {
            let loader = Loader::new(numbered(n), size, seed).with_augmentation(noisy);
            match kind {
                0 => loader,
                1 => loader.with_drop_last(false),
                _ => loader.with_weights(&weights, n),
            }
        };
        let mut first = loader(11).with_prefetch(depth);
        for _ in 0..before {
            first.next_batch().unwrap();
        }
        let position = first.position();
        let mut second = loader(0).with_prefetch(depth);
        for _ in 0..made {
            second.next_batch().unwrap(); // elsewhere, with batches under way
        }
        second.restore(position).unwrap();
        for _ in 0..12 {
            prop_assert_eq!(first.next_batch().unwrap(), second.next_batch().unwrap());
        }
        prop_assert_eq!(first.position(), second.position());
    }
}

#[test]
fn a_position_beyond_the_epoch_is_refused_and_changes_nothing() {
    let data = numbered(20);
    let mut loader = Loader::new(&data, 6, 0);
    loader.next_batch().unwrap();
    let before = loader.position();
    let error = loader.restore(Position { seed: 1, epoch: 0, batch: 3 }).unwrap_err();
    assert_eq!(error.to_string(), "the state does not fit: a loader before batch 3 of an epoch of 3");
    assert_eq!(loader.position(), before);
    loader.restore(Position { seed: u64::MAX, epoch: u64::MAX, batch: 2 }).unwrap();
    loader.next_batch().unwrap();
    assert_eq!(loader.position(), Position { seed: u64::MAX, epoch: 0, batch: 0 });
}

// ---- sets --------------------------------------------------------------------------------------------------------------

#[test]
fn subsets_and_changed_sets_are_sets_too() {
    let odd = Arc::new(numbered(10)).subset(vec![1, 3, 5, 7, 9]);
    assert_eq!(epoch(&mut Loader::in_order(&odd, 2)), [vec![1, 3], vec![5, 7], vec![9]]);
    let doubled = odd.map(|batch| batch.inputs * 2.0);
    assert_eq!(doubled.batch(&[4, 0]).unwrap(), tensor![[18.0], [2.0]]);
    assert_eq!(Loader::new(doubled, 5, 0).with_prefetch(1).next_batch().unwrap().sum(..).item(), 50.0);
    assert_eq!(panic_of(|| numbered(3).subset(vec![0, 3])).message, "subset: example 3 of 3");
    let regression = Dataset::new(tensor![[1.0], [2.0]], tensor![[1.0], [4.0]]).unwrap();
    assert_eq!(Loader::in_order(&regression, 1).epoch().last().unwrap().unwrap().labels, tensor![[4.0]]);
    let (first, rest) = numbered(5).split_at(2);
    assert_eq!((first.len(), rest.labels.to_vec()), (2, vec![20, 30, 40]));
    assert_eq!(numbered(2).one_hot(11).labels.shape(), [2, 11]);
    let images = Dataset::new(Tensor::<f32>::zeros([2, 3, 4, 5]), tensor![0_usize, 1]).unwrap();
    assert_eq!(images.flatten().inputs.shape(), [2, 60]);
    assert!(Dataset::new(tensor![[1.0]], tensor![0_usize, 1]).is_err());
    assert!(Dataset::new(Tensor::scalar(1.0), tensor![0_usize]).is_err());
}
