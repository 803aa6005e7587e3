//! Zeros where a mask says so, and the rest scaled.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::tensor::Tensor;

/// `y = x / (1 − rate)` where a mask is true, else 0: linear, and its own adjoint. What is dropped is not multiplied: a NaN or ∞ there
/// is gone.
#[derive(Clone, Debug)]
struct Dropout {
    rate: f64,
    kept: Tensor<bool>,
}

impl<T: Float> Op<T> for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        let zero = Tensor::scalar(T::zero());
        if self.rate == 1.0 {
            return zero.broadcast_to(xs[0].shape());
        }
        Tensor::where_cond(&self.kept, &(xs[0] / T::of(1.0 - self.rate)), &zero)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(self.clone(), &[g]));
    }
}

impl<T: Float> Var<'_, T> {
    /// `y = x / (1 − rate)` where `kept` is true, else 0; with a rate of 1 it is 0 everywhere. If the mask is true with probability
    /// `1 − rate`, the mean of y is x.
    ///
    /// Shapes: any, to which `kept` broadcasts → the same.
    ///
    /// # Gradient
    /// `x̄ = ȳ / (1 − rate)` where `kept` is true, else 0.
    ///
    /// # Panics
    /// If the rate is not within 0 and 1, or `kept` does not broadcast to the shape.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![1.0, 2.0, 3.0]);
    /// assert_eq!(x.dropout(0.5, &tensor![true, false, true]).value().to_vec(), [2.0, 0.0, 6.0]);
    /// ```
    /// Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014), §10.
    #[track_caller]
    pub fn dropout(self, rate: f64, kept: &Tensor<bool>) -> Self {
        assert!((0.0..=1.0).contains(&rate), "dropout: a rate of {rate} is not within 0 and 1");
        let (x, k) = (self.shape(), kept.shape());
        assert!(x.broadcast(k).as_ref() == Some(&x), "dropout: the mask {k:?} does not broadcast to {x:?}");
        Var::apply(Dropout { rate, kept: kept.clone() }, &[self])
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("dropout", |x| x.dropout(0.25, &every_third(&x.shape())), [[2, 3]], [[]], [[0, 2]]),
        specimen!("dropout of whole rows", |x| x.dropout(0.5, &every_third(&[x.shape()[0], 1])), [[4, 2]]),
        specimen!("dropout of all", |x| x.dropout(1.0, &every_third(&x.shape())), [[2, 3]]).flat(),
    ]
}

/// A mask that is false at every third place, but for the first.
fn every_third(shape: &[usize]) -> Tensor<bool> {
    Tensor::from_fn(shape, |i| i.iter().sum::<usize>() % 3 != 1)
}
