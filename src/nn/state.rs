//! The state of a net by dotted names, as it is saved and loaded.

use std::collections::BTreeMap;

use super::{Part, Path};
use crate::error::{Error, Result};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The values of a net's parameters and buffers, and its counters, by dotted names: PyTorch's `state_dict`.
#[derive(Clone, Debug, PartialEq)]
pub struct State<T> {
    /// Parameters and buffers.
    pub tensors: BTreeMap<String, Tensor<T>>,
    /// Counters, such as `num_batches_tracked`.
    pub counts: BTreeMap<String, u64>,
}

impl<T> Default for State<T> {
    /// The state of nothing.
    fn default() -> Self {
        State { tensors: BTreeMap::new(), counts: BTreeMap::new() }
    }
}

type Walk<'a, T> = &'a mut dyn FnMut(&Path<'_>, Part<'_, T>);

impl<T: Float> State<T> {
    /// What a walk over parts finds.
    pub(super) fn of(walk: impl FnOnce(Walk<'_, T>)) -> Self {
        let mut state = State::default();
        walk(&mut |path, part| match part {
            Part::Param(param) => drop(state.tensors.insert(path.to_string(), param.value.clone())),
            Part::Buffer(buffer) => drop(state.tensors.insert(path.to_string(), buffer.get())),
            Part::Count(count) => drop(state.counts.insert(path.to_string(), count.get())),
            _ => {}
        });
        state
    }

    /// The same in another scalar type, through `f64`.
    pub fn cast<U: Float>(&self) -> State<U> {
        let tensors = self.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.cast()));
        State { tensors: tensors.collect(), counts: self.counts.clone() }
    }

    /// Whether it holds exactly what a walk over parts finds, in the same shapes.
    pub(super) fn check(&self, walk: impl FnOnce(Walk<'_, T>)) -> Result<()> {
        let own = State::of(walk);
        let mut faults = Vec::new();
        for (name, tensor) in &own.tensors {
            match self.tensors.get(name) {
                None => faults.push(format!("`{name}` missing")),
                Some(found) if found.shape() != tensor.shape() => {
                    faults.push(format!("`{name}` of shape {:?}, not {:?}", found.shape(), tensor.shape()));
                }
                Some(_) => {}
            }
        }
        faults.extend(
            own.counts.keys().filter(|name| !self.counts.contains_key(*name)).map(|name| format!("`{name}` missing")),
        );
        let names = self.tensors.keys().filter(|name| !own.tensors.contains_key(*name));
        let counts = self.counts.keys().filter(|name| !own.counts.contains_key(*name));
        faults.extend(names.chain(counts).map(|name| format!("`{name}` unexpected")));
        if faults.is_empty() { Ok(()) } else { Err(Error::State { faults }) }
    }

    /// Gives a buffer or counter its value.
    pub(super) fn restore(&self, name: &str, part: Part<'_, T>) {
        match part {
            Part::Buffer(buffer) => self.tensors.get(name).into_iter().for_each(|value| buffer.set(value.clone())),
            Part::Count(count) => self.counts.get(name).into_iter().for_each(|&value| count.set(value)),
            _ => {}
        }
    }

    /// Keeps a number exactly, whatever `T` is: as two counts of 32 bits, `name.high` and `name.low`, since files hold counts below 2⁶³.
    pub(crate) fn set_number(&mut self, name: &str, number: f64) {
        let bits = number.to_bits();
        self.counts.insert(format!("{name}.high"), bits >> 32);
        self.counts.insert(format!("{name}.low"), bits & 0xffff_ffff);
    }

    /// Takes a number out; if it is not there, that is a fault.
    pub(crate) fn take_number(&mut self, name: &str, faults: &mut Vec<String>) -> Option<f64> {
        let [high, low] = ["high", "low"].map(|half| self.take_count(&format!("{name}.{half}"), faults));
        Some(f64::from_bits(high? << 32 | low? & 0xffff_ffff))
    }

    /// Takes a count out; if it is not there, that is a fault.
    pub(crate) fn take_count(&mut self, name: &str, faults: &mut Vec<String>) -> Option<u64> {
        let count = self.counts.remove(name);
        if count.is_none() {
            faults.push(format!("`{name}` missing"));
        }
        count
    }

    /// Takes a tensor of this shape out; if there is none, that is a fault.
    pub(crate) fn take_tensor(&mut self, name: &str, shape: &Shape, faults: &mut Vec<String>) -> Option<Tensor<T>> {
        match self.tensors.remove(name) {
            Some(tensor) if tensor.shape() == shape => return Some(tensor),
            Some(tensor) => faults.push(format!("`{name}` of shape {:?}, not {shape:?}", tensor.shape())),
            None => faults.push(format!("`{name}` missing")),
        }
        None
    }

    /// After all that belongs there was taken out, with these faults: whatever is left is one more.
    ///
    /// # Errors
    /// If there is a fault.
    pub(crate) fn finish(self, mut faults: Vec<String>) -> Result<()> {
        faults.extend(self.tensors.keys().chain(self.counts.keys()).map(|name| format!("`{name}` unexpected")));
        if faults.is_empty() { Ok(()) } else { Err(Error::State { faults }) }
    }
}
