//! AdamW.

use super::{AdamRule, Updater};
use crate::float::Float;

/// AdamW: Adam whose weight decay does not go through the averages, `w ← (1 − lr · weight_decay) w − lr · m̂ / (√v̂ + eps)`.
///
/// All else is as in [`Adam`](super::Adam), the defaults too, but for `weight_decay`, which is 0.01.
///
/// # Examples
/// ```
/// use rensa::{Param, Tape, optim::{AdamW, Optimizer}, tensor};
/// let mut w = Param::new(tensor![1.0_f64]);
/// let mut adamw = AdamW::new(0.1).weight_decay(0.5);
/// let tape = Tape::new();
/// let gradients = (tape.param(&w) * 0.0).sum(..).backward();
/// adamw.step(&mut w, &gradients)?;
/// assert_eq!(w.value.item(), 0.95); // without a gradient it decays all the same
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Loshchilov, Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2.
pub type AdamW<T> = Updater<AdamRule<true>, T>;

impl<T: Float> Updater<AdamRule<true>, T> {
    /// With this learning rate.
    pub fn new(lr: f64) -> Self {
        Updater::of(AdamRule { lr, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.01, amsgrad: false })
    }
}
