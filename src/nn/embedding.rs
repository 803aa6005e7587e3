//! Rows of a table, looked up by number.

use rand::Rng;

use super::Init;
use super::summary::noted;
use crate::float::Float;
use crate::graph::{Param, Tape, Var};
use crate::kernel::map::map_to;
use crate::tensor::Tensor;

/// A table of vectors, looked up by index: `yᵢ = W[indexᵢ]`.
///
/// Shapes: indices `[…]` → `[…, size]`.
///
/// Parameters: `weight` `[count, size]`; by default standard normal, as PyTorch's, with the row of the padding index 0.
///
/// An index that occurs several times adds several times to the gradient of its row. The row of the padding index, if there is one,
/// gets the gradient 0, and so stays as it is. Indices are no [`Var`], so this is no [`Module`](super::Module).
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::Embedding, tensor};
/// let table = Embedding::new(tensor![[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]).padding(0);
/// let tape = Tape::<f64>::new();
/// let words = table.forward(&tape, &tensor![[2_usize, 2, 0]]);
/// assert_eq!(words.shape(), [1, 3, 2]);
/// assert_eq!(words.sum(..).backward()[&table.weight].to_vec(), [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
/// ```
/// Source: Bengio et al., "A Neural Probabilistic Language Model" (2003), §2.
#[derive(Debug)]
pub struct Embedding<T: Float> {
    /// The vectors, `[count, size]`.
    pub weight: Param<T>,
    /// The index that stands for nothing.
    pub padding: Option<usize>,
}

impl<T: Float> Embedding<T> {
    /// The table with these rows.
    ///
    /// # Panics
    /// If it is not of rank 2.
    #[track_caller]
    pub fn new(weight: Tensor<T>) -> Self {
        assert!(weight.ndim() == 2, "Embedding: weight {:?}, not [count, size]", weight.shape());
        Embedding { weight: Param::new(weight), padding: None }
    }

    /// A table of `count` standard normal vectors.
    pub fn init(count: usize, size: usize, rng: &mut impl Rng) -> Self {
        Self::init_with(count, size, Init::normal(0.0, 1.0), rng)
    }

    /// A table of `count` vectors drawn from `weight`.
    pub fn init_with(count: usize, size: usize, weight: Init, rng: &mut impl Rng) -> Self {
        Self::new(weight.draw([count, size], rng))
    }

    /// With `index` as the one that stands for nothing: its row is set to 0 and gets the gradient 0.
    ///
    /// # Panics
    /// If there is no such row.
    #[track_caller]
    pub fn padding(mut self, index: usize) -> Self {
        let shape = self.weight.value.shape().clone();
        assert!(index < shape[0], "Embedding: padding index {index} of {} rows", shape[0]);
        self.weight.value.make_mut()[index * shape[1]..][..shape[1]].fill(T::zero());
        self.padding = Some(index);
        self
    }

    /// The vectors of `indices`.
    ///
    /// # Panics
    /// If an index is not below the number of rows.
    #[track_caller]
    pub fn forward<'t>(&self, tape: &'t Tape<T>, indices: &Tensor<usize>) -> Var<'t, T> {
        let (flat, size) = (indices.flatten(), self.weight.value.shape()[1]);
        let mut rows = tape.param(&self.weight).index_select(0, &flat);
        if let Some(padding) = self.padding {
            let is_padding = map_to(&flat.unsqueeze(-1), |i| i == padding);
            rows = Var::where_cond(&is_padding, rows.detach(), rows);
        }
        let shape: Vec<usize> = indices.shape().iter().copied().chain([size]).collect();
        noted(self, rows.reshape(&shape[..]))
    }
}

crate::parts!(Embedding<T> { weight });
