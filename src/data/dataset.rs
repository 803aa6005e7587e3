//! Labelled examples in memory.

use std::path::Path;

use super::{digits, idx};
use crate::error::{Error, Result};
use crate::float::Float;
use crate::tensor::Tensor;

/// Labelled examples: inputs, one per slice of the first axis, and their classes.
#[derive(Clone, Debug)]
pub struct Dataset<T> {
    /// The inputs, `[n, …]`.
    pub inputs: Tensor<T>,
    /// The class of each, `[n]`.
    pub labels: Tensor<usize>,
}

impl<T: Float> Dataset<T> {
    /// These inputs with these labels.
    ///
    /// # Errors
    /// If there are not as many of the ones as of the others.
    pub fn new(inputs: Tensor<T>, labels: Tensor<usize>) -> Result<Self> {
        if inputs.ndim() == 0 || *labels.shape() != inputs.shape()[..1] {
            return Err(Error::Length { shape: inputs.shape().to_vec(), found: labels.len() });
        }
        Ok(Dataset { inputs, labels })
    }

    /// The training and the test set of the MNIST files in `directory`, one row of pixels in `[0, 1]` per image.
    ///
    /// Shapes: `[60000, 784]` and `[10000, 784]` for MNIST itself.
    ///
    /// # Errors
    /// If a file is missing or not what it should be; see [`idx::Mnist::load`].
    pub fn mnist(directory: impl AsRef<Path>) -> Result<(Self, Self)> {
        let mnist = idx::Mnist::load(directory.as_ref())?;
        let set = |split: idx::Split| {
            let pixels = split.images.iter().map(|&p| T::of(f64::from(p) / 255.0)).collect();
            let inputs = Tensor::from_vec(pixels, [split.labels.len(), split.rows * split.columns])?;
            Self::new(inputs, classes(&split.labels)?)
        };
        Ok((set(mnist.train)?, set(mnist.test)?))
    }

    /// `n` drawn digits, one row of 784 pixels in `[0, 1]` per image; see [`digits`].
    ///
    /// # Errors
    /// If there are more than fit in memory's address space.
    pub fn digits(n: usize, seed: u64) -> Result<Self> {
        let (pixels, labels) = digits::dataset(n, seed);
        let pixels = pixels.into_iter().map(|p| T::of(f64::from(p))).collect();
        Self::new(Tensor::from_vec(pixels, [n, digits::SIDE * digits::SIDE])?, classes(&labels)?)
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The examples at `index`, in that order.
    ///
    /// # Panics
    /// If an index is not below the number of examples.
    #[track_caller]
    pub fn select(&self, index: &Tensor<usize>) -> Self {
        Dataset { inputs: self.inputs.index_select(0, index), labels: self.labels.index_select(0, index) }
    }

    /// Examples `start .. start + len`, as views.
    ///
    /// # Panics
    /// If they are not all there.
    #[track_caller]
    pub fn narrow(&self, start: usize, len: usize) -> Self {
        Dataset { inputs: self.inputs.narrow(0, start, len), labels: self.labels.narrow(0, start, len) }
    }
}

fn classes(labels: &[u8]) -> Result<Tensor<usize>> {
    Tensor::from_vec(labels.iter().map(|&c| usize::from(c)).collect(), [labels.len()])
}
