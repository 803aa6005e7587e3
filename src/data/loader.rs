//! Batches of examples.

use std::fmt;
use std::sync::Arc;

use rand::rngs::StdRng;

use super::Examples;
use super::order::{Order, SumTree, generator};
use super::prefetch::Worker;
use crate::error::{Error, Result};

/// Batches of a set of examples, epoch after epoch: in random order for training ([`Loader::new`]), or in the given one for evaluation
/// ([`Loader::in_order`]).
///
/// What a batch holds depends on the seed, the epoch and its number in it, and on nothing else; with or without a thread that makes
/// batches ahead.
///
/// # Examples
/// ```
/// use rensa::data::{Dataset, Loader};
/// let digits = Dataset::<f32>::digits(250, 0)?;
/// let mut loader = Loader::new(&digits, 100, 0);
/// assert_eq!(loader.batches_per_epoch(), 2, "the last 50 are left out");
/// assert_eq!(loader.next_batch()?.inputs.shape(), [100, 784]);
/// assert_eq!(loader.epoch().count(), 1, "the rest of this epoch");
///
/// let sizes: Result<Vec<usize>, _> = Loader::in_order(&digits, 100).epoch().map(|batch| Ok(batch?.len())).collect();
/// assert_eq!(sizes.map_err(|error: rensa::Error| error)?, [100, 100, 50]);
/// # Ok::<(), rensa::Error>(())
/// ```
pub struct Loader<D: Examples> {
    examples: Arc<D>,
    size: usize,
    order: Order,
    drop_last: bool,
    augment: Option<Augment<D::Batch>>,
    /// The batch that is delivered next.
    at: Position,
    /// The batch that is asked for next: the same, or ahead of it by those that a thread is making.
    ahead: Position,
    /// The epoch that `order` was last asked for, and what it was.
    current: Option<(u64, u64, Vec<usize>)>,
    /// How many batches are made ahead, and the thread that makes them.
    prefetch: Option<(usize, Spawn<D>)>,
    worker: Option<Worker<Request, D::Batch>>,
}

type Spawn<D> = fn(Maker<D>) -> Worker<Request, <D as Examples>::Batch>;
type Augment<B> = Arc<dyn Fn(B, &mut StdRng) -> B + Send + Sync>;

/// Where a loader is: all that it takes to go on with the same batches.
///
/// # Examples
/// ```
/// use rensa::data::{Dataset, Loader, Position};
/// let digits = Dataset::<f32>::digits(50, 0)?;
/// let mut loader = Loader::new(&digits, 10, 0);
/// loader.next_batch()?;
/// let Position { seed, epoch, batch } = loader.position(); // three numbers to be written down
/// let expected = loader.next_batch()?;
///
/// let mut other = Loader::new(&digits, 10, 7);
/// other.restore(Position { seed, epoch, batch })?;
/// assert_eq!(other.next_batch()?, expected);
/// # Ok::<(), rensa::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// What the order of every epoch, and what is drawn for every batch, depends on.
    pub seed: u64,
    /// The number of whole epochs before.
    pub epoch: u64,
    /// The number of batches of this epoch before.
    pub batch: u64,
}

impl<D: Examples> Loader<D> {
    /// Batches of `batch` examples, each epoch in a new random order, and without the last examples that do not fill a batch.
    ///
    /// # Panics
    /// If `batch` is 0 or larger than the set.
    #[track_caller]
    pub fn new(examples: D, batch: usize, seed: u64) -> Self {
        Self::with(examples, batch, Order::Shuffled, true, seed)
    }

    /// Batches of `batch` examples in the order of the set, the last one perhaps smaller.
    ///
    /// # Panics
    /// If `batch` is 0.
    #[track_caller]
    pub fn in_order(examples: D, batch: usize) -> Self {
        Self::with(examples, batch, Order::Given, false, 0)
    }

    #[track_caller]
    fn with(examples: D, size: usize, order: Order, drop_last: bool, seed: u64) -> Self {
        let at = Position { seed, ..Position::default() };
        let loader = Loader {
            examples: Arc::new(examples),
            size,
            order,
            drop_last,
            augment: None,
            at,
            ahead: at,
            current: None,
            prefetch: None,
            worker: None,
        };
        loader.changed()
    }

    /// Forgets what was made ahead by other rules, and checks that there is a batch.
    #[track_caller]
    fn changed(mut self) -> Self {
        (self.worker, self.current, self.ahead) = (None, None, self.at);
        let n = self.order.len(self.examples.len());
        let fits = self.size > 0 && (!self.drop_last || self.size <= n);
        assert!(fits, "Loader: batches of {} from {n} examples", self.size);
        self
    }

    /// Whether the last examples of an epoch that do not fill a batch are left out.
    ///
    /// # Panics
    /// If that leaves no batch.
    #[track_caller]
    pub fn with_drop_last(mut self, drop_last: bool) -> Self {
        self.drop_last = drop_last;
        self.changed()
    }

    /// Each epoch in a new random order.
    #[track_caller]
    pub fn with_shuffling(mut self, seed: u64) -> Self {
        (self.order, self.at.seed) = (Order::Shuffled, seed);
        self.changed()
    }

    /// Each epoch `draws` examples, drawn independently with probabilities proportional to `weights`: rare classes as often as others, say.
    ///
    /// # Panics
    /// If there is not one weight for each example, one is negative or not finite, all are 0, or `draws` leaves no batch.
    ///
    /// # Examples
    /// ```
    /// use rensa::{Tensor, data::{Dataset, Loader}, tensor};
    /// let data = Dataset::new(Tensor::<f32>::zeros([3, 1]), tensor![0_usize, 1, 2])?;
    /// let mut loader = Loader::new(data, 3, 0).with_weights(&[0.0, 1.0, 0.0], 6);
    /// assert_eq!(loader.next_batch()?.labels.to_vec(), [1, 1, 1]);
    /// # Ok::<(), rensa::Error>(())
    /// ```
    #[track_caller]
    pub fn with_weights(self, weights: &[f64], draws: usize) -> Self {
        self.weighted(weights, draws, true)
    }

    /// Each epoch `draws` examples, none twice: each drawn with probabilities proportional to the `weights` of those that are left.
    ///
    /// # Panics
    /// As for [`Loader::with_weights`], and if fewer than `draws` weights are above 0.
    #[track_caller]
    pub fn with_weights_without_replacement(self, weights: &[f64], draws: usize) -> Self {
        let above = weights.iter().filter(|&&w| w > 0.0).count();
        assert!(draws <= above, "Loader: {draws} draws from {above} examples with weights above 0");
        self.weighted(weights, draws, false)
    }

    #[track_caller]
    fn weighted(mut self, weights: &[f64], draws: usize, replace: bool) -> Self {
        let n = self.examples.len();
        assert!(weights.len() == n, "Loader: {} weights for {n} examples", weights.len());
        let bad = weights.iter().position(|w| !w.is_finite() || *w < 0.0);
        assert!(bad.is_none(), "Loader: the weight of example {bad:?} is negative or not finite");
        let weights = SumTree::new(weights);
        let total = weights.total();
        assert!(total > 0.0 && total.is_finite(), "Loader: the weights add up to {total}");
        self.order = Order::Weighted { weights, draws, replace };
        self.changed()
    }

    /// Each batch changed by `f`, with a generator that depends on the seed, the epoch and the number of the batch: random crops and flips.
    #[track_caller]
    pub fn with_augmentation(mut self, f: impl Fn(D::Batch, &mut StdRng) -> D::Batch + Send + Sync + 'static) -> Self {
        self.augment = Some(Arc::new(f));
        self.changed()
    }

    /// With a thread that makes up to `depth` batches ahead; the same batches in the same order as without. What making one fails or panics
    /// with reaches whoever takes that batch. The thread ends when the loader is dropped.
    ///
    /// A set that is borrowed cannot be handed to a thread; [`Dataset`](super::Dataset) is cloned without a copy, others go into an [`Arc`].
    ///
    /// # Examples
    /// ```
    /// use rensa::data::{Dataset, Loader};
    /// let digits = Dataset::<f32>::digits(50, 0)?;
    /// let mut loader = Loader::new(digits.clone(), 10, 0).with_prefetch(2);
    /// assert_eq!(loader.next_batch()?, Loader::new(&digits, 10, 0).next_batch()?);
    /// # Ok::<(), rensa::Error>(())
    /// ```
    #[track_caller]
    pub fn with_prefetch(mut self, depth: usize) -> Self
    where
        D: Send + Sync + 'static,
        D::Batch: Send,
    {
        let spawn: Spawn<D> = |maker| Worker::spawn(move |request| maker.make(&request));
        self.prefetch = (depth > 0).then_some((depth, spawn));
        self.changed()
    }

    /// How many batches an epoch has.
    pub fn batches_per_epoch(&self) -> usize {
        let n = self.order.len(self.examples.len());
        if self.drop_last { n / self.size } else { n.div_ceil(self.size) }
    }

    /// Where it is: before the batch that comes next.
    pub fn position(&self) -> Position {
        self.at
    }

    /// Goes on as a loader of the same examples, batches and weights that was at `position`.
    ///
    /// # Errors
    /// If the epochs are not as long as that; then it stays where it is.
    pub fn restore(&mut self, position: Position) -> Result<()> {
        let count = self.batches_per_epoch();
        if position.batch >= (count as u64).max(1) {
            let fault = format!("a loader before batch {} of an epoch of {count}", position.batch);
            return Err(Error::State { faults: vec![fault] });
        }
        (self.at, self.ahead, self.worker) = (position, position, None);
        Ok(())
    }

    /// The next batch, for ever: after an epoch's last comes the next one's first.
    ///
    /// # Errors
    /// If the examples cannot be read. The batch after that is the next one all the same.
    ///
    /// # Panics
    /// If the set is empty.
    #[track_caller]
    pub fn next_batch(&mut self) -> Result<D::Batch> {
        let count = self.batches_per_epoch() as u64;
        assert!(count > 0, "Loader: no batch of no examples");
        let maker = Maker { examples: Arc::clone(&self.examples), augment: self.augment.clone() };
        let Some((depth, spawn)) = self.prefetch else {
            self.at.advance(count);
            return maker.make(&self.request(count));
        };
        let mut worker = self.worker.take().unwrap_or_else(|| spawn(maker));
        while worker.waiting() < depth {
            worker.ask(self.request(count));
        }
        self.at.advance(count);
        self.worker.insert(worker).receive()
    }

    /// What makes the batch that is to be asked for next.
    fn request(&mut self, count: u64) -> Request {
        let Position { seed, epoch, batch } = self.ahead;
        let current = self.current.take().filter(|(of_seed, of_epoch, _)| (*of_seed, *of_epoch) == (seed, epoch));
        let order = current.map_or_else(
            || self.order.epoch(self.examples.len(), &mut generator(seed, epoch, u64::MAX)),
            |(_, _, order)| order,
        );
        let start = batch as usize * self.size;
        let index = order[start..(start + self.size).min(order.len())].to_vec();
        self.current = Some((seed, epoch, order));
        let at = self.ahead;
        self.ahead.advance(count);
        Request { index, at }
    }

    /// The batches that are left of this epoch: all of them, if it has not begun.
    ///
    /// # Examples
    /// ```
    /// use rensa::data::{Dataset, Loader};
    /// let mut loader = Loader::new(Dataset::<f32>::digits(30, 0)?, 10, 0);
    /// for epoch in 0..2 {
    ///     for batch in loader.epoch() {
    ///         assert_eq!(batch?.len(), 10);
    ///     }
    /// }
    /// assert_eq!(loader.position().epoch, 2);
    /// # Ok::<(), rensa::Error>(())
    /// ```
    pub fn epoch(&mut self) -> Epoch<'_, D> {
        let left = self.batches_per_epoch().saturating_sub(self.at.batch as usize);
        Epoch { loader: self, left }
    }
}

impl<D: Examples> fmt::Debug for Loader<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loader({} per epoch, {:?})", self.batches_per_epoch(), self.at)
    }
}

impl Position {
    /// The position behind the next batch.
    fn advance(&mut self, batches_per_epoch: u64) {
        self.batch += 1;
        if self.batch >= batches_per_epoch {
            (self.epoch, self.batch) = (self.epoch.wrapping_add(1), 0); // a file may say any number
        }
    }
}

/// The batches that are left of an epoch: [`Loader::epoch`].
#[derive(Debug)]
pub struct Epoch<'a, D: Examples> {
    loader: &'a mut Loader<D>,
    left: usize,
}

impl<D: Examples> Iterator for Epoch<'_, D> {
    type Item = Result<D::Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.loader.next_batch())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<D: Examples> ExactSizeIterator for Epoch<'_, D> {}

/// The examples of a batch, and where it stands.
struct Request {
    index: Vec<usize>,
    at: Position,
}

/// What makes batches, here or on another thread.
struct Maker<D: Examples> {
    examples: Arc<D>,
    augment: Option<Augment<D::Batch>>,
}

impl<D: Examples> Maker<D> {
    fn make(&self, request: &Request) -> Result<D::Batch> {
        let batch = self.examples.batch(&request.index)?;
        let Position { seed, epoch, batch: number } = request.at;
        Ok(match &self.augment {
            Some(augment) => augment(batch, &mut generator(seed, epoch, number)),
            None => batch,
        })
    }
}
