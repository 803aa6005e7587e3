//! Parameters: tensors that outlive the tape and that training changes.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::float::Float;
use crate::tensor::Tensor;

/// The identity of a [`Param`], the same for as long as the program runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ParamId(u64);

/// A tensor that is learnt: put on a tape with [`Tape::param`](super::Tape::param), changed by an optimizer.
///
/// # Examples
/// ```
/// use rensa::{Param, Tape, tensor};
/// let w = Param::new(tensor![3.0_f64]);
/// let mut tape = Tape::new();
/// let loss = { let w = tape.param(&w); (w * w).sum(..).backward() };
/// tape.reset();
/// assert_eq!(loss[&w].to_vec(), [6.0]);
/// ```
pub struct Param<T: Float> {
    id: ParamId,
    /// The present value.
    pub value: Tensor<T>,
    frozen: bool,
}

impl<T: Float> Param<T> {
    /// A parameter with this value.
    pub fn new(value: Tensor<T>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Param { id: ParamId(NEXT.fetch_add(1, Ordering::Relaxed)), value, frozen: false }
    }

    /// Its identity, by which gradients know it.
    pub fn id(&self) -> ParamId {
        self.id
    }

    /// Whether it is to stay as it is: on a tape it is a constant, and optimizers pass it over.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Freezes or thaws it.
    pub fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }
}

impl<T: Float> fmt::Debug for Param<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Param({:?}{})", self.value.shape(), if self.frozen { ", frozen" } else { "" })
    }
}
