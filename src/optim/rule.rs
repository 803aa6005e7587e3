//! What an optimizer does with one parameter.

use std::array;
use std::fmt::Debug;

use crate::float::Float;
use crate::kernel::joint::update_jointly;
use crate::tensor::Tensor;

/// How one parameter is changed by its gradient, and what is remembered of it from step to step. A struct of hyperparameters; an
/// [`Updater`](super::Updater) carries it out, with parameter groups, state, and refusals.
///
/// # Examples
/// An optimizer of one's own, that only looks at the gradient's sign:
/// ```
/// use rensa::optim::{Optimizer, Update, UpdateRule, Updater};
/// use rensa::{Float, Param, Tape, tensor};
///
/// #[derive(Clone, Debug)]
/// struct SignSgd {
///     lr: f64,
/// }
///
/// impl UpdateRule for SignSgd {
///     fn lr(&self) -> f64 {
///         self.lr
///     }
///     fn set_lr(&mut self, lr: f64) {
///         self.lr = lr;
///     }
///     fn update<T: Float>(&self, update: Update<'_, T>) {
///         let lr = T::of(self.lr);
///         update.each(|[w], g| [w - lr * g.signum()]);
///     }
/// }
///
/// let mut w = Param::new(tensor![1.0, 2.0]);
/// let tape = Tape::<f64>::new();
/// let gradients = (tape.param(&w) * 5.0).sum(..).backward();
/// drop(tape);
/// Updater::of(SignSgd { lr: 0.5 }).step(&mut w, &gradients)?;
/// assert_eq!(w.value.to_vec(), [0.5, 1.5]);
/// # Ok::<(), rensa::Error>(())
/// ```
pub trait UpdateRule: Clone + Debug + Send + Sync + 'static {
    /// The learning rate.
    fn lr(&self) -> f64;

    /// Sets the learning rate.
    fn set_lr(&mut self, lr: f64);

    /// The momentum or β₁, for schedules that change it too.
    fn momentum_mut(&mut self) -> Option<&mut f64> {
        None
    }

    /// The names of the tensors that are remembered of a parameter. They have its shape and begin as [`UpdateRule::fill`].
    fn slots(&self) -> &'static [&'static str] {
        &[]
    }

    /// What slots are filled with at first.
    fn fill(&self) -> f64 {
        0.0
    }

    /// The names of the numbers that are remembered of a parameter, and what they are at first.
    fn numbers(&self) -> &'static [(&'static str, f64)] {
        &[]
    }

    /// Changes a parameter, and what is remembered of it.
    fn update<T: Float>(&self, update: Update<'_, T>);
}

/// One step of one parameter, as an [`UpdateRule`] gets it.
#[derive(Debug)]
pub struct Update<'a, T: Float> {
    /// How many steps the parameter has taken, this one included.
    pub step: u64,
    /// Whether the slots have just been made.
    pub is_fresh: bool,
    /// The numbers that are remembered, in the order of [`UpdateRule::numbers`].
    pub numbers: &'a mut [f64],
    pub(super) value: &'a mut Tensor<T>,
    pub(super) gradient: &'a Tensor<T>,
    pub(super) slots: &'a mut [Tensor<T>],
    /// 1, or −1 where the gradient is to be climbed.
    pub(super) sign: T,
}

impl<T: Float> Update<'_, T> {
    /// Replaces every element w of the parameter and those of its slots by `f([w, slot₀, slot₁, …], g)`, where g is its gradient: in
    /// place, in one pass, on all threads.
    ///
    /// # Panics
    /// If there are not `N − 1` slots.
    #[track_caller]
    pub fn each<const N: usize>(self, f: impl Fn([T; N], T) -> [T; N] + Sync) {
        assert_eq!(self.slots.len() + 1, N, "an update of {N} tensors where there are so many");
        let mut all = [self.value].into_iter().chain(self.slots);
        let all: [&mut Tensor<T>; N] = array::from_fn(|_| all.next().expect("as many as counted above"));
        let (sign, limit) = (self.sign, smallest());
        update_jointly(
            all,
            self.gradient,
            #[inline(always)]
            |all, g| f(all, sign * flush(g, limit)),
        );
    }
}

/// `x`, or 0 if it is nearer to 0 than `limit`.
///
/// A moment of gradients that have gone to zero decays into the subnormal numbers and stays there: 0.9 times the smallest is rounded to
/// the smallest. Arithmetic with them is many times slower on common processors. So gradients are flushed at the smallest normal number
/// before a rule gets them, and rules flush what they remember, far below anything that could be seen in a parameter.
///
/// # Examples
/// ```
/// use rensa::optim::flush;
/// assert_eq!(flush(1e-310, f64::MIN_POSITIVE), 0.0);
/// assert!(flush(f64::NAN, 1.0).is_nan());
/// ```
#[inline(always)]
pub fn flush<T: Float>(x: T, limit: T) -> T {
    // A zero stays what it is: that of a dual number may have a derivative.
    if x.abs() < limit && !x.is_zero() { T::zero() } else { x }
}

/// Where gradients are flushed, at the smallest normal number. A type that has few numbers near 0, as `f16`, needs its subnormal ones: of
/// it nothing is flushed.
pub(super) fn smallest<T: Float>() -> T {
    let smallest = T::min_positive_value();
    if smallest < T::of(1e-30) { smallest } else { T::zero() }
}

/// Where averages of gradients are flushed, 10⁻³¹ in `f32`: above the smallest normal number, so that their products with a learning rate
/// are not subnormal either.
pub(super) fn negligible<T: Float>() -> T {
    smallest::<T>() / T::epsilon()
}

/// An exponential moving average of a gradient, `m ← β m + (1 − β) g`, or of its square, `v ← β v + (1 − β) g²`, without subnormal
/// numbers.
#[derive(Clone, Copy)]
pub(super) struct Averages<T> {
    beta: T,
    rest: T,
    negligible: T,
    /// Where an average of squares is flushed; it is divided by, and so kept as long as it can be.
    smallest: T,
    /// Where a gradient is, since its weighted square would be smaller than that.
    smallest_root: T,
}

impl<T: Float> Averages<T> {
    pub(super) fn new(beta: f64) -> Self {
        let (rest, smallest) = (T::of(1.0 - beta), smallest::<T>());
        let smallest_root = (smallest / rest).sqrt();
        Averages { beta: T::of(beta), rest, negligible: negligible(), smallest, smallest_root }
    }

    /// The average `m` with `g` taken in.
    #[inline(always)]
    pub(super) fn of(&self, m: T, g: T) -> T {
        flush(self.beta * m + self.rest * g, self.negligible)
    }

    /// The average `v` of squares with `g²` taken in.
    #[inline(always)]
    pub(super) fn of_square(&self, v: T, g: T) -> T {
        let g = flush(g, self.smallest_root);
        flush(self.beta * v + self.rest * g * g, self.smallest)
    }
}
