//! Saving a training, and going on with it to the same bits.

use std::path::PathBuf;

use super::Trainer;
use super::trainer::{Run, names};
use crate::data::{Examples, Loader};
use crate::error::{Error, Result};
use crate::file::write_atomically;
use crate::float::Float;
use crate::nn::{Parts, State};
use crate::optim::Optimizer;

/// Where a training saves itself, and how: functions, since only some scalars can be saved.
pub(super) struct Files<T: Float> {
    directory: PathBuf,
    save: fn(&std::path::Path, Snapshot<T>) -> Result<()>,
    save_net: fn(&std::path::Path, State<T>) -> Result<()>,
}

/// All that it takes to go on.
pub(super) struct Snapshot<T> {
    net: State<T>,
    optimizer: State<T>,
    streams: std::collections::BTreeMap<String, u64>,
    position: crate::data::Position,
    run: Run,
}

pub(super) fn no_score(name: &str, row: &[(&str, f64)]) -> Error {
    let names: Vec<&str> = row.iter().map(|(name, _)| *name).collect();
    Error::State { faults: vec![format!("the score `{name}` that is to be looked at is not among {names:?}")] }
}

impl<T: Float, P: Parts<T>, O: Optimizer<T>> Trainer<T, P, O> {
    fn snapshot<D: Examples>(&self, loader: &Loader<D>) -> Snapshot<T> {
        Snapshot {
            net: self.net.state(),
            optimizer: self.optimizer.state(&self.net),
            streams: self.net.streams(),
            position: loader.position(),
            run: self.run.clone(),
        }
    }

    /// Saves all that it takes to go on.
    pub(super) fn save_last<D: Examples>(&self, loader: &Loader<D>) -> Result<()> {
        let Some(files) = &self.rules.files else { return Ok(()) };
        let [last, ..] = names(&files.directory);
        (files.save)(&last, self.snapshot(loader))
    }

    /// What is saved after an epoch: the last state, the best net, the history as a table and as curves.
    pub(super) fn save_epoch<D: Examples>(&self, loader: &Loader<D>, is_best: bool) -> Result<()> {
        let Some(files) = &self.rules.files else { return Ok(()) };
        let [_, best, table, curves] = names(&files.directory);
        if is_best {
            (files.save_net)(&best, self.net.state())?;
        }
        write_atomically(table, self.run.history.to_csv().as_bytes())?;
        write_atomically(curves, self.run.history.to_svg().as_bytes())?;
        self.save_last(loader)
    }
}

#[cfg(feature = "safetensors")]
mod files {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::data::Position;
    use crate::file::{Arrays, Dtype, Element};
    use crate::io::{Stored, load_tensors, save_tensors};
    use crate::optim::ReduceLrOnPlateau;
    use crate::tensor::Tensor;
    use crate::train::History;

    impl<T: Stored, P: Parts<T>, O: Optimizer<T>> Trainer<T, P, O> {
        /// Saves to this directory after each epoch and when it is interrupted: `last.safetensors`, all that it takes to go on;
        /// `best.safetensors`, the parameters after the best epoch, for [`io::load`](crate::io::load); `history.csv` and `curves.svg`. Each
        /// file is written whole or not at all. Feature `safetensors`.
        ///
        /// # Errors
        /// If the directory cannot be made.
        pub fn directory(mut self, directory: impl AsRef<Path>) -> Result<Self> {
            let directory = directory.as_ref().to_path_buf();
            fs::create_dir_all(&directory).map_err(|error| Error::io(&directory, error))?;
            let save_net = |path: &Path, state: State<T>| save_tensors(path, &put(Arrays::new(), "", state)?);
            self.rules.files = Some(Files { directory, save: save::<T>, save_net });
            Ok(self)
        }

        /// Goes on where the run left off that has saved itself to the directory; whether there was one. From then on everything has the same
        /// bits as if that run had not ended, given the same program: net, loss, batches, settings.
        ///
        /// # Errors
        /// If there is a file, but it cannot be read or does not fit the net, the optimizer or the loader: says all that is wrong. Then nothing
        /// is changed.
        pub fn resume<D: Examples>(&mut self, loader: &mut Loader<D>) -> Result<bool> {
            let Some(files) = &self.rules.files else { return Ok(false) };
            let [last, ..] = names(&files.directory);
            if !last.try_exists().map_err(|error| Error::io(&last, error))? {
                return Ok(false);
            }
            let wrong = |error| match error {
                Error::State { faults } => Error::format(&last, "the state of this training", faults.join(", ")),
                other => other,
            };
            let arrays = load_tensors(&last)?;
            let found =
                open(&arrays, self.run.plateau).map_err(|fault| Error::format(&last, "a saved training", fault))?;
            let before = self.snapshot(loader);
            let taken = self.take(loader, found);
            if taken.is_err() {
                // What fitted once fits again.
                self.take(loader, before).map_err(wrong)?;
            }
            taken.map(|()| true).map_err(wrong)
        }

        fn take<D: Examples>(&mut self, loader: &mut Loader<D>, found: Snapshot<T>) -> Result<()> {
            self.net.load_state(found.net)?;
            self.optimizer.load_state(&self.net, found.optimizer)?;
            loader.restore(found.position)?;
            self.net.set_streams(&found.streams);
            self.run = found.run;
            Ok(())
        }
    }

    /// The state under a prefix.
    fn put<T: Element + Float>(mut arrays: Arrays, prefix: &str, state: State<T>) -> Result<Arrays> {
        for (name, tensor) in &state.tensors {
            arrays.insert(format!("{prefix}{name}"), tensor)?;
        }
        for (name, &count) in &state.counts {
            arrays.insert(format!("{prefix}{name}"), &Tensor::scalar(i64::try_from(count).unwrap_or(i64::MAX)))?;
        }
        Ok(arrays)
    }

    fn save<T: Stored>(path: &Path, snapshot: Snapshot<T>) -> Result<()> {
        let Snapshot { net, optimizer, streams, position, run } = snapshot;
        let mut arrays = put(put(Arrays::new(), "net.", net)?, "optimizer.", optimizer)?;
        if let Some(plateau) = &run.plateau {
            arrays = put(arrays, "plateau.", plateau.state::<f64>())?;
        }
        for (name, &drawn) in &streams {
            arrays.insert(format!("stream.{name}"), &Tensor::scalar(drawn.cast_signed()))?;
        }
        let Position { seed, epoch, batch } = position;
        let numbers = [seed, epoch, batch, run.epoch, run.step, run.batches, run.bad_epochs];
        for (name, number) in NUMBERS.iter().zip(numbers) {
            arrays.insert(*name, &Tensor::scalar(number.cast_signed()))?;
        }
        arrays.insert("run.loss", &Tensor::scalar(run.loss))?;
        arrays.insert("run.best", &Tensor::scalar(run.best.unwrap_or(f64::NAN)))?;
        save_tensors(path, &arrays.with_metadata("history", run.history.to_csv()))
    }

    /// The numbers of a run, by their names in the file.
    const NUMBERS: [&str; 7] =
        ["loader.seed", "loader.epoch", "loader.batch", "run.epoch", "run.step", "run.batches", "run.bad_epochs"];

    /// What [`save`] has written.
    fn open<T: Stored>(
        arrays: &Arrays,
        plateau: Option<ReduceLrOnPlateau>,
    ) -> std::result::Result<Snapshot<T>, String> {
        let number = |name: &str| single::<i64>(arrays, name).map(i64::cast_unsigned);
        let [seed, epoch, batch, run_epoch, step, batches, bad_epochs] = {
            let mut numbers = [0; 7];
            for (number_of, name) in numbers.iter_mut().zip(NUMBERS) {
                *number_of = number(name)?;
            }
            numbers
        };
        let mut streams = std::collections::BTreeMap::new();
        for name in arrays.names().filter_map(|name| name.strip_prefix("stream.")) {
            streams.insert(name.to_string(), number(&format!("stream.{name}"))?);
        }
        let history = arrays.metadata.get("history").ok_or("no history")?;
        let history = History::from_csv(history).map_err(|fault| format!("a history with {fault}"))?;
        let best = Some(single::<f64>(arrays, "run.best")?).filter(|best| !best.is_nan());
        let plateau = match plateau {
            None => None,
            Some(mut plateau) => {
                plateau.load_state(state::<f64>(arrays, "plateau.")?).map_err(|error| error.to_string())?;
                Some(plateau)
            }
        };
        let loss = single::<f64>(arrays, "run.loss")?;
        Ok(Snapshot {
            net: state(arrays, "net.")?,
            optimizer: state(arrays, "optimizer.")?,
            streams,
            position: Position { seed, epoch, batch },
            run: Run { epoch: run_epoch, step, batches, loss, best, bad_epochs, history, plateau },
        })
    }

    fn single<E: Element>(arrays: &Arrays, name: &str) -> std::result::Result<E, String> {
        let tensor = arrays.get::<E>(name).map_err(|error| error.to_string())?;
        let one = tensor.iter().next().copied().filter(|_| tensor.len() == 1);
        one.ok_or_else(|| format!("`{name}` of shape {:?}, not []", tensor.shape()))
    }

    /// What stands under a prefix: whole numbers are counts, the others tensors.
    fn state<T: Stored>(arrays: &Arrays, prefix: &str) -> std::result::Result<State<T>, String> {
        let mut state = State { tensors: Default::default(), counts: Default::default() };
        for (full, array) in arrays.iter() {
            let Some(name) = full.strip_prefix(prefix) else { continue };
            if array.dtype() == Dtype::I64 {
                let count = single::<i64>(arrays, full)?;
                let count = u64::try_from(count).map_err(|_| format!("`{full}` is {count}"))?;
                state.counts.insert(name.to_string(), count);
            } else {
                state.tensors.insert(name.to_string(), arrays.get(full).map_err(|error| error.to_string())?);
            }
        }
        Ok(state)
    }
}
