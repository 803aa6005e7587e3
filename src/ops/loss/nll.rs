//! Negative log-likelihood of classes, from logarithms of probabilities.

use super::Reduction;
use super::binary::some_weights;
use super::class::{checked_classes, checked_weights, examples, rows, some_classes};
use crate::float::Float;
use crate::graph::Var;
use crate::kernel::map::map_to;
use crate::ops::{Specimen, specimen};
use crate::tensor::Tensor;

/// What [`Var::nll`] can be told.
#[derive(Clone, Copy, Debug)]
pub struct Nll<'w, T> {
    weight: Option<&'w Tensor<T>>,
    ignore_index: Option<usize>,
    reduction: Reduction,
}

impl<T> Default for Nll<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<Reduction> for Nll<'_, T> {
    fn from(reduction: Reduction) -> Self {
        Self::new().reduction(reduction)
    }
}

impl<'w, T> Nll<'w, T> {
    /// All classes alike, and the mean.
    pub fn new() -> Self {
        Nll { weight: None, ignore_index: None, reduction: Reduction::Mean }
    }

    /// How much each class counts, `[classes]`. The mean is the sum of the losses by that of the weights of their classes.
    pub fn weight(mut self, weight: &'w Tensor<T>) -> Self {
        self.weight = Some(weight);
        self
    }

    /// A class index whose examples do not count, neither in the loss nor in the number that the mean is divided by. It need not be a class.
    pub fn ignore_index(mut self, index: usize) -> Self {
        self.ignore_index = Some(index);
        self
    }

    /// What becomes of the losses.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Negative log-likelihood of classes, `yᵢ = −w x[i, class]` with the class's weight w, where `self` are logarithms of probabilities, as of
    /// [`Var::log_softmax`]; of logits [`Var::cross_entropy`] is it in one. An example of weight 0 counts 0, whatever its x.
    ///
    /// `options` are a [`Reduction`], or [`Nll`](crate::ops::Nll) with class weights or an index to ignore.
    ///
    /// Shapes: `self` `[n, classes]`, `classes` `[n]` → `[]`, or `[n]` with [`Reduction::None`]. With more axes `self` is
    /// `[n, classes, ..]` and classes are `[n, ..]`; of one example it can be `[classes]`.
    ///
    /// # Gradient
    /// `x̄[i, class] = −ȳ w`, and 0 elsewhere; divided by the sum of the weights for the mean.
    ///
    /// # Panics
    /// If the classes or weights do not fit, or a class is not below `classes`.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, ops::Nll, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[-1.0, -2.0], [-3.0, -4.0], [-5.0, -6.0]]);
    /// let loss = x.nll(&tensor![0_usize, 1, 7], Nll::new().weight(&tensor![3.0, 1.0]).ignore_index(7));
    /// assert_eq!(loss.item(), (3.0 * 1.0 + 4.0) / 4.0);
    /// ```
    #[track_caller]
    pub fn nll<'w>(self, classes: &Tensor<usize>, options: impl Into<Nll<'w, T>>) -> Self {
        let Nll { weight, ignore_index, reduction } = options.into();
        let shape = self.shape();
        let examples = examples("nll", &shape);
        let weight = checked_weights("nll", weight, &shape);
        let classes = checked_classes("nll", classes, &shape, ignore_index);
        let is_ignored = |class: usize| ignore_index == Some(class);
        let index = map_to(&classes, |class| if is_ignored(class) { 0 } else { class });
        let mut losses = -rows(self).gather(-1, &index.unsqueeze(-1)).squeeze(-1);
        let of_class = |class: usize| weight.as_ref().map_or(T::one(), |weight| weight[class]);
        let weights = map_to(&classes, |class| if is_ignored(class) { T::zero() } else { of_class(class) });
        let is_plain = weight.is_none() && ignore_index.is_none();
        if !is_plain {
            let tape = self.tape();
            let (weighted, counts) = (losses * tape.constant(weights.clone()), map_to(&weights, |w| !w.is_zero()));
            // Chosen rather than multiplied alone: 0 · ∞ is NaN.
            losses = Var::where_cond(&counts, weighted, tape.scalar(T::zero()));
        }
        if examples.ndim() != 1 {
            losses = losses.reshape(&examples);
        }
        if is_plain { reduction.of(losses) } else { reduction.of_weighted(losses, &weights) }
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("nll, mean", |x| x.nll(&some_classes(&x.shape()), Reduction::Mean), [[3, 4]], [[4]], [[2, 3, 2]]),
        specimen!("nll, sum", |x| x.nll(&some_classes(&x.shape()), Reduction::Sum), [[3, 4]], [[0, 2]]),
        specimen!("nll, each", |x| x.nll(&some_classes(&x.shape()), Reduction::None), [[3, 4]], [[0, 2]], [[2, 3, 2]]),
        specimen!(
            "nll, weighted, one ignored, mean",
            |x| x.nll(&some_classes(&x.shape()), Nll::new().weight(&some_weights(4)).ignore_index(1)),
            [[3, 4]],
            [[2, 4, 2]]
        ),
    ]
}
