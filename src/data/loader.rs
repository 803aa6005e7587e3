//! Batches in random order.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Dataset;
use crate::float::Float;
use crate::tensor::Tensor;

/// Batches of a dataset, for ever: each pass over it is in a new random order, and the last examples of a pass that do not fill
/// a batch are left out. The same seed gives the same batches.
///
/// # Examples
/// ```
/// use rensa::data::{Dataset, Loader};
/// let digits = Dataset::<f32>::digits(250, 0)?;
/// let mut loader = Loader::new(&digits, 100, 0);
/// assert_eq!(loader.batches_per_epoch(), 2);
/// assert_eq!(loader.next_batch().inputs.shape(), [100, 784]);
/// # Ok::<(), rensa::Error>(())
/// ```
pub struct Loader<'a, T> {
    dataset: &'a Dataset<T>,
    batch: usize,
    rng: StdRng,
    order: Tensor<usize>,
    next: usize,
}

impl<'a, T: Float> Loader<'a, T> {
    /// Batches of `batch` examples.
    ///
    /// # Panics
    /// If `batch` is 0 or larger than the dataset.
    #[track_caller]
    pub fn new(dataset: &'a Dataset<T>, batch: usize, seed: u64) -> Self {
        assert!((1..=dataset.len()).contains(&batch), "Loader: batches of {batch} from {} examples", dataset.len());
        let mut rng = StdRng::seed_from_u64(seed);
        let order = Tensor::permutation(dataset.len(), &mut rng);
        Loader { dataset, batch, rng, order, next: 0 }
    }

    /// How many whole batches a pass over the dataset has.
    pub fn batches_per_epoch(&self) -> usize {
        self.dataset.len() / self.batch
    }

    /// The next batch.
    pub fn next_batch(&mut self) -> Dataset<T> {
        if self.next + self.batch > self.dataset.len() {
            self.order = Tensor::permutation(self.dataset.len(), &mut self.rng);
            self.next = 0;
        }
        self.next += self.batch;
        self.dataset.select(&self.order.narrow(0, self.next - self.batch, self.batch))
    }
}
