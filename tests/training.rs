//! The training loop: history, best epochs, early stops, accumulation, and a resumed run that has the same bits as one that was not
//! interrupted.

#[path = "support/directory.rs"]
mod directory;

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use directory::Directory;
use rand::{SeedableRng, rngs::StdRng};
use rensa::data::{Dataset, Loader};
use rensa::nn::{BatchNorm1d, Dropout, Linear, Module, Parts, Relu, Sequential};
use rensa::optim::{Adam, CosineAnnealingLr, Optimizer, ReduceLrOnPlateau, Schedule, Sgd};
use rensa::train::{Ended, History, Observer, Progress, Trainer, accuracy};
use rensa::{Error, Reduction, Tape, Tensor, io};

type Net = Sequential<f64>;

/// With running statistics, a counter and a random stream.
fn net() -> Net {
    let rng = &mut StdRng::seed_from_u64(0);
    Sequential::new()
        .with(Linear::init(784, 12, rng))
        .with(BatchNorm1d::init(12))
        .with(Relu)
        .with(Dropout::init(0.3, rng))
        .with(Linear::init(12, 10, rng))
}

fn digits() -> Dataset<f64> {
    Dataset::digits(200, 0).expect("drawn in memory")
}

fn loss<'t>(net: &Net, tape: &'t Tape<f64>, batch: &Dataset<f64>) -> rensa::Var<'t, f64> {
    net.forward(tape.constant(batch.inputs.clone())).cross_entropy(&batch.labels, Reduction::Mean)
}

fn trainer(directory: Option<&Directory>, epochs: u64) -> Trainer<f64, Net, Adam<f64>> {
    let trainer = Trainer::new(net(), Adam::new(1e-2))
        .epochs(epochs)
        .accumulate(3)
        .clip_norm(1.0)
        .schedule_steps(CosineAnnealingLr::new(1e-2, 100))
        .monitor_highest("accuracy");
    match directory {
        Some(directory) => trainer.directory(directory.path()).expect("a directory of our own"),
        None => trainer,
    }
}

/// Bits by name.
type Named = Vec<(String, Vec<u64>)>;

/// Everything that a run leaves, in bits.
fn bits(trainer: &Trainer<f64, Net, Adam<f64>>) -> (Named, Named, String) {
    let list = |state: rensa::nn::State<f64>| {
        let counts = state.counts.into_iter().map(|(name, count)| (name, vec![count]));
        let tensors = state.tensors.into_iter().map(|(name, t)| (name, t.iter().map(|x| x.to_bits()).collect()));
        tensors.chain(counts).collect::<Vec<_>>()
    };
    (list(trainer.net.state()), list(trainer.optimizer.state(&trainer.net)), trainer.history().to_csv())
}

#[test]
fn a_resumed_training_has_the_same_bits_as_one_that_was_not_interrupted() {
    let data = digits();
    let validate = |net: &Net, tape: &mut Tape<f64>| Ok(vec![("accuracy", accuracy(net, &data, tape))]);
    let mut whole = trainer(None, 3);
    assert_eq!(whole.fit(&mut Loader::new(&data, 16, 7), loss, validate).unwrap(), Ended::Finished);
    // 12 batches an epoch, three to a step: so it stops after a step in the middle of an epoch, twice, once after an epoch, each time in
    // a new process, as it were.
    let directory = Directory::new();
    let mut ends = Vec::new();
    for stop in [2, 3, 5, 100] {
        let flag = Arc::new(AtomicBool::new(false));
        let mut part = trainer(Some(&directory), 3).interrupt(flag.clone()).observe(StopAfter { steps: stop, flag });
        let mut loader = Loader::new(&data, 16, 99); // another seed, which the saved one replaces
        if ends.is_empty() {
            loader = Loader::new(&data, 16, 7);
        }
        assert_eq!(part.resume(&mut loader).unwrap(), !ends.is_empty());
        ends.push(part.fit(&mut loader, loss, validate).unwrap());
        if ends.last() == Some(&Ended::Finished) {
            assert_eq!(bits(&part), bits(&whole));
            assert_eq!(part.net.streams(), whole.net.streams());
        }
    }
    assert_eq!(ends, [Ended::Interrupted, Ended::Interrupted, Ended::Interrupted, Ended::Finished]);
    let table = fs::read_to_string(directory.path().join("history.csv")).unwrap();
    assert_eq!(table, whole.history().to_csv());
    assert!(fs::read_to_string(directory.path().join("curves.svg")).unwrap().starts_with("<svg"));
}

/// Sets a flag after so many steps.
struct StopAfter {
    steps: u64,
    flag: Arc<AtomicBool>,
}

impl Observer for StopAfter {
    fn batch(&mut self, _: &Progress) {
        self.steps -= 1;
        self.flag.store(self.steps == 0, Ordering::Relaxed);
    }
}

#[test]
fn the_best_epoch_is_saved_and_a_training_that_gets_no_better_ends_early() {
    let (data, directory) = (digits(), Directory::new());
    let scores = [0.5, 0.7, 0.6, f64::NAN, 0.65, 0.9];
    let seen = RefCell::new(Vec::new());
    let mut trainer = trainer(Some(&directory), 6).patience(2);
    let validate = |net: &Net, _: &mut Tape<f64>| {
        seen.borrow_mut().push(net.state());
        let epoch = seen.borrow().len();
        Ok(vec![("accuracy", scores[epoch - 1])])
    };
    assert_eq!(trainer.fit(&mut Loader::new(&data, 50, 0), loss, validate).unwrap(), Ended::Early);
    assert_eq!(trainer.history().len(), 5, "0.7 was the best, and three epochs after it were not better");
    let mut best = net();
    io::load(directory.path().join("best.safetensors"), &mut best).unwrap();
    assert_eq!(best.state(), seen.borrow()[1]);
    // And when it is resumed it is still at its end.
    let mut again = crate::trainer(Some(&directory), 6).patience(2);
    let mut loader = Loader::new(&data, 50, 0);
    assert!(again.resume(&mut loader).unwrap());
    assert_eq!(again.fit(&mut loader, loss, |_, _| Ok(vec![])).unwrap(), Ended::Early);
}

#[test]
fn accumulated_batches_make_the_step_of_one_large_batch() {
    let data = digits();
    let run = |batch: usize, accumulate: u64| {
        let rng = &mut StdRng::seed_from_u64(0);
        let net = Sequential::new().with(Linear::init(784, 10, rng));
        let mut trainer = Trainer::new(net, Sgd::new(0.1)).epochs(1).accumulate(accumulate);
        trainer.fit(&mut Loader::in_order(&data, batch), loss, |_, _| Ok(vec![])).unwrap();
        trainer.net.state().tensors["0.weight"].clone()
    };
    let (whole, parts) = (run(100, 1), run(20, 5));
    assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).abs() < 1e-12) && whole != run(20, 1));
}

#[test]
fn schedules_modes_and_observers_are_driven() {
    let data = digits();
    let rates = Rc::new(RefCell::new(Vec::new()));
    struct Told(Rc<RefCell<Vec<(u64, f64)>>>);
    impl Observer for Told {
        fn batch(&mut self, progress: &Progress) {
            assert!(progress.batches == 4 && progress.epochs == 2 && progress.loss.is_finite());
            self.0.borrow_mut().push((progress.epoch, progress.batch as f64));
        }
        fn epoch(&mut self, progress: &Progress, history: &History) {
            assert_eq!(history.len() as u64, progress.epoch);
            self.0.borrow_mut().push((progress.epoch, f64::INFINITY));
        }
    }
    let mut trainer = Trainer::new(net(), Sgd::new(9.0))
        .epochs(2)
        .schedule_epochs((|epoch: u64| 0.5 / (epoch + 1) as f64).then(9, |_: u64| 0.0))
        .observe(Told(rates.clone()));
    let modes = RefCell::new(Vec::new());
    let counted = |net: &Net| net.state().counts.values().sum::<u64>();
    trainer
        .fit(&mut Loader::new(&data, 50, 0), loss, |net, tape| {
            let before = counted(net);
            let score = accuracy(net, &data, tape);
            modes.borrow_mut().push(counted(net) == before);
            Ok(vec![("accuracy", score)])
        })
        .unwrap();
    assert_eq!(rensa::optim::Scheduled::lr(&trainer.optimizer), 0.25);
    assert_eq!(*modes.borrow(), [true, true], "validation is in evaluation mode");
    assert_eq!(counted(&trainer.net), 8, "training is not");
    let inf = f64::INFINITY;
    let expected: Vec<(u64, f64)> = [1, 2].iter().flat_map(|&e| [1.0, 2.0, 3.0, 4.0, inf].map(|b| (e, b))).collect();
    assert_eq!(*rates.borrow(), expected);

    let mut stuck = Trainer::new(net(), Sgd::new(0.1))
        .epochs(3)
        .monitor_lowest("score")
        .reduce_on_plateau(ReduceLrOnPlateau::new().patience(0).factor(0.5));
    stuck.fit(&mut Loader::new(&data, 100, 0), loss, |_, _| Ok(vec![("score", 1.0)])).unwrap();
    assert_eq!(rensa::optim::Scheduled::lr(&stuck.optimizer), 0.025);
    let error =
        stuck.epochs(4).fit(&mut Loader::new(&data, 100, 0), loss, |_, _| Ok(vec![("other", 1.0)])).unwrap_err();
    assert!(error.to_string().contains("`score`") && error.to_string().contains("other"), "{error}");
}

#[test]
fn a_file_that_does_not_fit_is_refused_and_nothing_is_changed() {
    let (data, directory) = (digits(), Directory::new());
    let mut saved = trainer(Some(&directory), 1);
    saved.fit(&mut Loader::new(&data, 50, 0), loss, |_, _| Ok(vec![("accuracy", 0.5)])).unwrap();
    let refused = |change: &dyn Fn(&Directory)| {
        let copy = Directory::new();
        fs::copy(directory.path().join("last.safetensors"), copy.path().join("last.safetensors")).unwrap();
        change(&copy);
        let mut other = trainer(Some(&copy), 1);
        let (before, mut loader) = (bits(&other), Loader::new(&data, 50, 3));
        let position = loader.position();
        let error = other.resume(&mut loader).unwrap_err();
        assert!(matches!(error, Error::Format { .. }) && error.to_string().contains("last.safetensors"), "{error}");
        assert_eq!((bits(&other), loader.position()), (before, position));
        error.to_string()
    };
    let path = |directory: &Directory| directory.path().join("last.safetensors");
    let without = |name: &'static str| {
        move |directory: &Directory| {
            let arrays = io::load_tensors(path(directory)).unwrap();
            let mut kept = io::Arrays::new().with_metadata("history", arrays.metadata["history"].clone());
            for other in arrays.names().filter(|other| *other != name) {
                match arrays.array(other).map(io::Array::dtype) {
                    Some(io::Dtype::I64) => kept.insert(other, &arrays.get::<i64>(other).unwrap()).unwrap(),
                    _ => kept.insert(other, &arrays.get::<f64>(other).unwrap()).unwrap(),
                }
            }
            io::save_tensors(path(directory), &kept).unwrap();
        }
    };
    assert!(refused(&without("net.0.weight")).contains("`0.weight` missing"));
    assert!(refused(&without("run.step")).contains("run.step"));
    assert!(refused(&|d| fs::write(path(d), b"nonsense").unwrap()).contains("safetensors"));
    assert!(!trainer(Some(&Directory::new()), 1).resume(&mut Loader::new(&data, 50, 0)).unwrap());
}

#[test]
fn a_history_is_a_table_of_epochs() {
    let mut history = History::default();
    history.push(&[("loss", 0.1 + 0.2)]);
    history.push(&[("loss", f64::NAN), ("odd, \"name\"", 1e-300)]);
    assert_eq!(
        history.to_csv(),
        "epoch,loss,\"odd, \"\"name\"\"\"\n1,0.30000000000000004,\n2,NaN,1e-300\n"
            .replace("1e-300", &format!("{}", 1e-300))
    );
    assert_eq!((history.series("odd, \"name\""), history.last("none")), (vec![(2.0, 1e-300)], None));
    let svg = history.to_svg();
    assert!(svg.contains("loss") && svg.contains("score"));
}

#[test]
fn progress_does_not_depend_on_who_looks() {
    let data = digits();
    let run = |watched: bool| {
        let trainer = Trainer::new(net(), Adam::new(1e-2)).epochs(1);
        let mut trainer = if watched {
            trainer.observe(rensa::train::Lines).observe(rensa::train::ProgressBar::default())
        } else {
            trainer
        };
        trainer.fit(&mut Loader::new(&data, 40, 0), loss, |_, _| Ok(vec![])).unwrap();
        trainer.net.state()
    };
    assert_eq!(run(true), run(false));
    let _: Tensor<f64> = run(false).tensors["0.weight"].clone();
}
