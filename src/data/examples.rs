//! What a loader takes: examples by number.

use std::sync::Arc;

use crate::error::Result;

/// Examples by number, of which any may be gathered into a batch: in memory, in a mapped file, or computed when they are asked for.
///
/// A set of your own says how many there are and makes a batch of some; a [`Loader`](super::Loader) does the rest.
///
/// # Examples
/// ```
/// use rensa::{Tensor, data::{Examples, Loader}};
///
/// /// The squares of the first numbers.
/// struct Squares(usize);
///
/// impl Examples for Squares {
///     type Batch = Tensor<usize>;
///
///     fn len(&self) -> usize {
///         self.0
///     }
///
///     fn batch(&self, index: &[usize]) -> rensa::Result<Tensor<usize>> {
///         Tensor::from_vec(index.iter().map(|i| i * i).collect(), [index.len()])
///     }
/// }
///
/// let roots = Squares(5).map(|squares| squares.iter().map(|&x| (x as f64).sqrt()).sum::<f64>());
/// let batches: rensa::Result<Vec<f64>> = Loader::in_order(roots, 2).epoch().collect();
/// assert_eq!(batches?, [1.0, 5.0, 4.0]);
/// # Ok::<(), rensa::Error>(())
/// ```
pub trait Examples {
    /// Several examples, gathered.
    type Batch;

    /// The number of examples.
    fn len(&self) -> usize;

    /// The examples at `index`, in that order.
    ///
    /// # Errors
    /// If what they are read from fails.
    ///
    /// # Panics
    /// If an index is not below the number of examples.
    fn batch(&self, index: &[usize]) -> Result<Self::Batch>;

    /// Whether there is no example.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same examples, each batch changed by `f`.
    fn map<B, F: Fn(Self::Batch) -> B>(self, f: F) -> Map<Self, F>
    where
        Self: Sized,
    {
        Map { examples: self, f }
    }

    /// The examples at `index`, in that order, as a set of their own.
    ///
    /// # Panics
    /// If an index is not below the number of examples.
    #[track_caller]
    fn subset(self, index: Vec<usize>) -> Subset<Self>
    where
        Self: Sized,
    {
        let n = self.len();
        if let Some(i) = index.iter().find(|&&i| i >= n) {
            panic!("subset: example {i} of {n}");
        }
        Subset { examples: self, index }
    }
}

impl<D: Examples + ?Sized> Examples for &D {
    type Batch = D::Batch;

    fn len(&self) -> usize {
        (**self).len()
    }

    fn batch(&self, index: &[usize]) -> Result<D::Batch> {
        (**self).batch(index)
    }
}

impl<D: Examples + ?Sized> Examples for Arc<D> {
    type Batch = D::Batch;

    fn len(&self) -> usize {
        (**self).len()
    }

    fn batch(&self, index: &[usize]) -> Result<D::Batch> {
        (**self).batch(index)
    }
}

/// Examples whose batches are changed by a function: [`Examples::map`].
#[derive(Clone, Debug)]
pub struct Map<D, F> {
    examples: D,
    f: F,
}

impl<D: Examples, B, F: Fn(D::Batch) -> B> Examples for Map<D, F> {
    type Batch = B;

    fn len(&self) -> usize {
        self.examples.len()
    }

    fn batch(&self, index: &[usize]) -> Result<B> {
        self.examples.batch(index).map(&self.f)
    }
}

/// Some of the examples of a set: [`Examples::subset`].
#[derive(Clone, Debug)]
pub struct Subset<D> {
    examples: D,
    index: Vec<usize>,
}

impl<D: Examples> Examples for Subset<D> {
    type Batch = D::Batch;

    fn len(&self) -> usize {
        self.index.len()
    }

    fn batch(&self, index: &[usize]) -> Result<D::Batch> {
        let index: Vec<usize> = index.iter().map(|&i| self.index[i]).collect();
        self.examples.batch(&index)
    }
}
