//! Dropout: noise in training that keeps units from relying on each other.

use rand::Rng;

use super::summary::noted;
use super::{Mode, Module, Stream};
use crate::float::Float;
use crate::graph::Var;
use crate::tensor::Tensor;

/// Dropout: in training `y = x / (1 − rate)` with probability `1 − rate`, else 0, independently for each element; in evaluation `y = x`.
///
/// Shapes: any → the same.
///
/// The mean of y is x, so evaluation needs no factor ("inverted" dropout). With a rate of 0 it is the identity, with 1 it is 0 everywhere.
/// Where a net is the same and its seeds are, so are the masks: each is drawn from the layer's own [`Stream`].
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tape, Tensor, nn::{Dropout, Module, Parts}};
/// let dropout = Dropout::init(0.5, &mut StdRng::seed_from_u64(0));
/// let tape = Tape::<f32>::new();
/// let x = tape.constant(Tensor::ones([1000]));
/// assert!(dropout.forward(x).value().iter().all(|&y| y == 0.0 || y == 2.0));
/// Parts::<f32>::eval(&dropout);
/// assert_eq!(dropout.forward(x).value(), x.value());
/// ```
/// Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).
#[derive(Debug)]
pub struct Dropout {
    /// The probability of 0.
    pub rate: f64,
    /// Whether it drops at all.
    pub mode: Mode,
    /// Where the masks come from.
    pub stream: Stream,
    whole_channels: bool,
}

impl Dropout {
    /// Dropout with this rate and a seed drawn from `rng`.
    ///
    /// # Panics
    /// If the rate is not within 0 and 1.
    #[track_caller]
    pub fn init(rate: f64, rng: &mut impl Rng) -> Self {
        check(rate);
        Dropout { rate, mode: Mode::default(), stream: Stream::new(rng.next_u64()), whole_channels: false }
    }

    /// With the channels of each example, the parts along its second axis, dropped as a whole: PyTorch's `Dropout1d` to `Dropout3d`.
    ///
    /// Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks" (2015), §3.2.
    pub fn whole_channels(mut self) -> Self {
        self.whole_channels = true;
        self
    }

    /// With another rate.
    ///
    /// # Panics
    /// If it is not within 0 and 1.
    #[track_caller]
    pub(super) fn set_rate(&mut self, rate: f64) {
        check(rate);
        self.rate = rate;
    }

    /// Which elements of a tensor of this shape are kept. Half of a 64-bit number for each: a rate is met to 2⁻³².
    fn mask(&self, shape: &[usize]) -> Tensor<bool> {
        let (mut rng, threshold) = (self.stream.draw(), (self.rate * 2f64.powi(32)).round() as u64);
        Tensor::from_fn(shape, |_| u64::from(rng.next_u32()) >= threshold)
    }
}

#[track_caller]
fn check(rate: f64) {
    assert!((0.0..=1.0).contains(&rate), "Dropout: a rate of {rate} is not within 0 and 1");
}

crate::parts!(Dropout for all { mode, stream });

impl<T: Float> Module<T> for Dropout {
    /// # Panics
    /// If whole channels are to be dropped and `x` has fewer than two axes.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        if !self.mode.is_training() || self.rate == 0.0 {
            return noted(self, x);
        }
        let mut shape = x.shape().to_vec();
        if self.whole_channels {
            assert!(shape.len() >= 2, "Dropout: {shape:?} has no channels, which are its second axis");
            shape[2..].fill(1);
        }
        noted(self, x.dropout(self.rate, &self.mask(&shape)))
    }
}
