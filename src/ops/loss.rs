//! Losses: how far an output is from what it should be.

use super::softmax::around_top;
use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::gather::check_indices;
use crate::kernel::wide::in_f32;
use crate::tensor::Tensor;

/// What becomes of the losses of the examples in a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reduction {
    /// Their mean, `[]`.
    Mean,
    /// Their sum, `[]`.
    Sum,
    /// Nothing: one loss per example.
    None,
}

impl Reduction {
    /// The losses, reduced.
    #[track_caller]
    fn of<'t, T: Float>(self, losses: Var<'t, T>) -> Var<'t, T> {
        match self {
            Reduction::Mean => losses.mean(..),
            Reduction::Sum => losses.sum(..),
            Reduction::None => losses,
        }
    }
}

/// What a classifier should have answered.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, 't, T: Float> {
    /// The class of each example, `[n]`.
    Classes(&'a Tensor<usize>),
    /// The probability of every class for each example, `[n, classes]`: one-hot, or soft.
    Probabilities(Var<'t, T>),
}

impl<'a, T: Float> From<&'a Tensor<usize>> for Targets<'a, '_, T> {
    fn from(classes: &'a Tensor<usize>) -> Self {
        Targets::Classes(classes)
    }
}

impl<'t, T: Float> From<Var<'t, T>> for Targets<'_, 't, T> {
    fn from(probabilities: Var<'t, T>) -> Self {
        Targets::Probabilities(probabilities)
    }
}

/// `yᵢ = ln Σⱼ exp xᵢⱼ − xᵢ,ₜ₍ᵢ₎`: one loss per example, from class indices.
#[derive(Debug)]
struct ClassEntropy(Tensor<usize>);

impl<T: Float> Op<T> for ClassEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        class_losses(xs[0], &self.0)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        p.accum(0, || {
            let target = g.tape().constant(Tensor::one_hot(&self.0, x.shape()[1]));
            (x.softmax(-1) - target) * g.unsqueeze(-1)
        });
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (g, x) = (p.take_g(), p.xs[0]);
        p.accum(0, || {
            let mut y = x.softmax(-1);
            let classes = x.shape()[1].max(1);
            let rows = y.make_mut().chunks_exact_mut(classes);
            for ((row, &class), &g) in rows.zip(&self.0).zip(&g) {
                row[class] = row[class] - T::one();
                row.iter_mut().for_each(|y| *y = *y * g);
            }
            y
        });
        true
    }
}

/// `yᵢ = Σⱼ tᵢⱼ (ln Σₖ exp xᵢₖ − xᵢⱼ)`: one loss per example, from probabilities; a class of probability 0 counts 0.
#[derive(Debug)]
struct SoftEntropy;

impl<T: Float> Op<T> for SoftEntropy {
    fn name(&self) -> &'static str {
        "soft_cross_entropy"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        soft_losses(xs[0], xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x, t], g) = (p.inputs(), p.g.unsqueeze(-1));
        p.accum(0, || (x.softmax(-1) * t.sum(crate::keep(-1)) - t) * g);
        p.accum(1, || -(x.log_softmax(-1) * g));
    }
}

/// The loss of each row of logits whose class this is.
fn class_losses<T: Float>(x: &Tensor<T>, classes: &Tensor<usize>) -> Tensor<T> {
    if T::NARROW {
        return in_f32([x], |[x]| class_losses(&x, classes));
    }
    let x = x.to_contiguous();
    let rows = x.as_slice().unwrap_or_default().chunks_exact(x.shape()[1].max(1));
    let mut losses = Tensor::dirty([x.shape()[0]].into());
    for ((loss, row), &class) in losses.make_mut().iter_mut().zip(rows).zip(classes) {
        let (top, log_sum) = around_top(row);
        *loss = (top - row[class]) + log_sum;
    }
    losses
}

/// The loss of each row of logits whose classes have these probabilities.
fn soft_losses<T: Float>(x: &Tensor<T>, t: &Tensor<T>) -> Tensor<T> {
    if T::NARROW {
        return in_f32([x, t], |[x, t]| soft_losses(&x, &t));
    }
    let (x, t) = (x.to_contiguous(), t.to_contiguous());
    let (n, classes) = (x.shape()[0], x.shape()[1]);
    let (x, t) = (x.as_slice().unwrap_or_default(), t.as_slice().unwrap_or_default());
    let losses = (0..n).map(|row| {
        let (x, t) = (&x[row * classes..][..classes], &t[row * classes..][..classes]);
        let (top, log_sum) = around_top(x);
        let terms = x.iter().zip(t).filter(|(_, t)| !t.is_zero());
        terms.fold(T::zero(), |sum, (&x, &t)| sum + t * ((top - x) + log_sum))
    });
    Tensor::from_elements(losses.collect(), [n].into())
}

impl<'t, T: Float> Var<'t, T> {
    /// Cross-entropy of `targets` and `softmax(self)`, in nats: `yᵢ = −Σⱼ tᵢⱼ ln softmax(xᵢ)ⱼ`, computed from the logits so that
    /// nothing overflows and nothing needs to be added inside the logarithm. A class of probability 0 counts 0, whatever its
    /// logit; where all logits are −∞ it is NaN.
    ///
    /// Shapes: `self` `[n, classes]`; `targets` `n` class indices, or `[n, classes]` probabilities → `[]`, or `[n]` with
    /// [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = ȳ · (softmax(x) Σⱼ tⱼ − t)`, divided by n for the mean; to probabilities `ȳ · (ln Σ exp x − x)`.
    ///
    /// # Panics
    /// If `self` is not of rank 2, the targets do not fit, or a class is not below `classes`.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let logits = tape.leaf(tensor![[0.0, 0.0], [0.0, 0.0]]);
    /// let loss = logits.cross_entropy(&tensor![0_usize, 1], Reduction::Mean);
    /// assert_eq!(loss.item(), 2.0_f64.ln());
    /// assert_eq!(loss.backward()[logits].to_vec(), [-0.25, 0.25, 0.25, -0.25]);
    /// ```
    /// Source: Bishop, Pattern Recognition and Machine Learning (2006), §4.3.4.
    #[track_caller]
    pub fn cross_entropy<'a>(self, targets: impl Into<Targets<'a, 't, T>>, reduction: Reduction) -> Self {
        let shape = self.shape();
        assert!(shape.ndim() == 2, "cross_entropy: logits {shape:?} are not of shape [n, classes]");
        let losses = match targets.into() {
            Targets::Classes(classes) => {
                let c = classes.shape();
                assert!(*c == shape[..1], "cross_entropy: classes {c:?} for logits {shape:?}");
                check_indices("cross_entropy", classes, 1, 1, &shape);
                Var::apply(ClassEntropy(classes.clone()), &[self])
            }
            Targets::Probabilities(t) => {
                assert!(t.shape() == shape, "cross_entropy: probabilities {:?} for logits {shape:?}", t.shape());
                Var::apply(SoftEntropy, &[self, t])
            }
        };
        reduction.of(losses)
    }

    /// Squared error, `y = (x − target)²`, reduced.
    ///
    /// Shapes: `self` and `target` of one shape → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = 2 ȳ (x − target)`, divided by the number of elements for the mean; to the target the negative of it.
    ///
    /// # Panics
    /// If the shapes differ: one that broadcasts is nearly always a mistake.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, target) = (tape.leaf(tensor![1.0, 4.0]), tape.constant(tensor![1.0, 2.0]));
    /// assert_eq!(x.mse(target, Reduction::Mean).item(), 2.0);
    /// ```
    #[track_caller]
    pub fn mse(self, target: Var<'t, T>, reduction: Reduction) -> Self {
        let (x, t) = (self.shape(), target.shape());
        assert!(x == t, "mse: {x:?} and target {t:?} differ in shape");
        let error = self - target;
        reduction.of(error * error)
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!(
            "cross_entropy of classes, mean",
            |x| x.cross_entropy(&some_classes(&x.shape()), Reduction::Mean),
            [[3, 4]],
            [[1, 1]]
        ),
        specimen!(
            "cross_entropy of classes, sum",
            |x| x.cross_entropy(&some_classes(&x.shape()), Reduction::Sum),
            [[3, 4]],
            [[0, 2]]
        ),
        specimen!(
            "cross_entropy of classes, each",
            |x| x.cross_entropy(&some_classes(&x.shape()), Reduction::None),
            [[3, 4]],
            [[0, 2]]
        ),
        specimen!("cross_entropy of probabilities", |x, t| x.cross_entropy(t, Reduction::Mean), [[3, 4], [3, 4]]),
        specimen!("cross_entropy of probabilities, each", |x, t| x.cross_entropy(t, Reduction::None), [[3, 4], [3, 4]], [
            [0, 2],
            [0, 2]
        ]),
        specimen!("mse", |x, t| x.mse(t, Reduction::Mean), [[2, 3], [2, 3]], [[], []]),
        specimen!("mse, sum", |x, t| x.mse(t, Reduction::Sum), [[2, 3], [2, 3]], [[0], [0]]),
        specimen!("mse, each", |x, t| x.mse(t, Reduction::None), [[2, 3], [2, 3]], [[0], [0]]),
    ]
}

/// A class for each row of logits of this shape.
fn some_classes(shape: &[usize]) -> Tensor<usize> {
    Tensor::from_fn([shape[0]], |i| (2 * i[0] + 1) % shape[1])
}
