//! Labelled examples in memory.

use std::path::Path;

use super::{Examples, digits, idx};
use crate::error::{Error, Result};
use crate::float::Float;
use crate::tensor::Tensor;

/// Labelled examples in memory: inputs, one per slice of the first axis, and what belongs to each, a class or, for regression and for
/// sequences, anything else.
///
/// Cloning costs no copy of elements.
///
/// # Examples
/// ```
/// use rensa::{data::Dataset, tensor};
/// let classes = Dataset::new(tensor![[0.0, 1.0], [2.0, 3.0]], tensor![1_usize, 0])?;
/// assert_eq!(classes.select(&tensor![1_usize]).labels.to_vec(), [0]);
/// let regression = Dataset::new(tensor![[0.0], [0.5]], tensor![[0.0], [0.25]])?;
/// assert_eq!(regression.len(), 2);
/// # Ok::<(), rensa::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset<T, L = usize> {
    /// The inputs, `[n, …]`.
    pub inputs: Tensor<T>,
    /// The class of each, `[n]`, or the values to be predicted, `[n, …]`.
    pub labels: Tensor<L>,
}

impl<T: Clone, L: Clone> Dataset<T, L> {
    /// These inputs with these labels.
    ///
    /// # Errors
    /// If there are not as many of the ones as of the others.
    pub fn new(inputs: Tensor<T>, labels: Tensor<L>) -> Result<Self> {
        if inputs.shape().first().is_none_or(|n| labels.shape().first() != Some(n)) {
            return Err(Error::Length {
                shape: inputs.shape().to_vec(),
                found: labels.shape().first().copied().unwrap_or(1),
            });
        }
        Ok(Dataset { inputs, labels })
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.inputs.shape().first().copied().unwrap_or_default()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    /// The first `n` examples and the others, as views: to learn from and to validate by.
    ///
    /// # Panics
    /// If there are fewer.
    #[track_caller]
    pub fn split_at(&self, n: usize) -> (Self, Self) {
        (self.narrow(0, n), self.narrow(n, self.len().saturating_sub(n)))
    }

    /// The same with one row of numbers per input, `[n, …]` → `[n, all]`.
    pub fn flatten(&self) -> Self {
        let row = self.inputs.shape().iter().skip(1).product();
        Dataset { inputs: self.inputs.reshape([self.len(), row]), labels: self.labels.clone() }
    }
}

impl<T: Float> Dataset<T> {
    /// The same with a row of ones and zeros for each class, `[n]` → `[n, classes]`.
    ///
    /// # Panics
    /// If a label is not below `classes`.
    #[track_caller]
    pub fn one_hot(&self, classes: usize) -> Dataset<T, T> {
        Dataset { inputs: self.inputs.clone(), labels: Tensor::one_hot(&self.labels, classes) }
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
}

impl<T: Clone, L: Clone> Examples for Dataset<T, L> {
    type Batch = Self;

    fn len(&self) -> usize {
        self.len()
    }

    fn batch(&self, index: &[usize]) -> Result<Self> {
        Ok(self.select(&Tensor::from_vec(index.to_vec(), [index.len()])?))
    }
}

fn classes(labels: &[u8]) -> Result<Tensor<usize>> {
    Tensor::from_vec(labels.iter().map(|&c| usize::from(c)).collect(), [labels.len()])
}
