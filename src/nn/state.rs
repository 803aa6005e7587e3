//! The state of a net by dotted names, as it is saved and loaded.

use std::collections::BTreeMap;

use super::{Part, Path};
use crate::error::{Error, Result};
use crate::float::Float;
use crate::tensor::Tensor;

/// The values of a net's parameters and buffers, and its counters, by dotted names: PyTorch's `state_dict`.
#[derive(Clone, Debug, PartialEq)]
pub struct State<T> {
    /// Parameters and buffers.
    pub tensors: BTreeMap<String, Tensor<T>>,
    /// Counters, such as `num_batches_tracked`.
    pub counts: BTreeMap<String, u64>,
}

type Walk<'a, T> = &'a mut dyn FnMut(&Path<'_>, Part<'_, T>);

impl<T: Float> State<T> {
    /// What a walk over parts finds.
    pub(super) fn of(walk: impl FnOnce(Walk<'_, T>)) -> Self {
        let mut state = State { tensors: BTreeMap::new(), counts: BTreeMap::new() };
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
}
