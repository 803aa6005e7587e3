//! The tutorial's two-layer net, from primitive nodes.
//!
//! In "Deep Learning from Scratch", chapter 5, this net is a fixed chain of layer objects (Affine, ReLU, Affine,
//! SoftmaxWithLoss), each with a forward and a backward pass written by hand. Here it is what its formula says, and the chain
//! rule does the rest: there is no backward pass in this file.
//!
//! Source: Saitoh, Deep Learning from Scratch (2016), §5.7.

use rand::Rng;

use super::{Module, noted};
use crate::float::Float;
use crate::graph::{Gradients, Param, Tape, Var};
use crate::shape::keep;
use crate::tensor::Tensor;

/// A net of two affine layers with a ReLU between them, `z = max(x · W₁ + b₁, 0) · W₂ + b₂`.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tape, Tensor, nn::TwoLayerNet, tensor};
/// let net = TwoLayerNet::<f32>::init(784, 50, 10, &mut StdRng::seed_from_u64(0));
/// let (images, labels) = (Tensor::zeros([2, 784]), tensor![3_usize, 1]);
/// let (loss, gradient) = net.gradient(&mut Tape::new(), &images, &labels);
/// assert!((loss - 10.0_f32.ln()).abs() < 1e-6); // it knows nothing yet
/// assert_eq!(gradient[&net.b2].shape(), [10]);
/// ```
#[derive(Debug)]
pub struct TwoLayerNet<T: Float> {
    /// W₁, `[inputs, hidden]`.
    pub w1: Param<T>,
    /// b₁, `[hidden]`.
    pub b1: Param<T>,
    /// W₂, `[hidden, outputs]`.
    pub w2: Param<T>,
    /// b₂, `[outputs]`.
    pub b2: Param<T>,
    last_relu: bool,
}

/// The right answers for a batch.
#[derive(Clone, Copy, Debug)]
pub enum Labels<'a, T> {
    /// The class of each example, `[n]`.
    Classes(&'a Tensor<usize>),
    /// A row for each example with 1 at its class and 0 elsewhere, `[n, classes]`.
    OneHot(&'a Tensor<T>),
}

impl<'a, T> From<&'a Tensor<usize>> for Labels<'a, T> {
    fn from(classes: &'a Tensor<usize>) -> Self {
        Labels::Classes(classes)
    }
}

impl<'a, T: Float> From<&'a Tensor<T>> for Labels<'a, T> {
    fn from(one_hot: &'a Tensor<T>) -> Self {
        Labels::OneHot(one_hot)
    }
}

impl<T: Float> TwoLayerNet<T> {
    /// The net with weights of 0.01 × standard normal, and biases of 0.
    pub fn init(inputs: usize, hidden: usize, outputs: usize, rng: &mut impl Rng) -> Self {
        let mut weights = |shape: [usize; 2]| Param::new(Tensor::normal(shape, T::zero(), T::of(0.01), rng));
        TwoLayerNet {
            w1: weights([inputs, hidden]),
            b1: Param::new(Tensor::zeros([hidden])),
            w2: weights([hidden, outputs]),
            b2: Param::new(Tensor::zeros([outputs])),
            last_relu: false,
        }
    }

    /// With a second ReLU behind the last affine layer, as the tutorial's text has it.
    ///
    /// It is a mistake worth seeing. Where the score of a class is negative, this ReLU's gradient 0 stops the chain: an image of
    /// the class then no longer lifts the score, and images of other classes only push it down. A class whose scores are negative
    /// for all of its own images is cut off, and costs about ten points of accuracy; `docs/second-relu.md` has the figures.
    pub fn with_last_relu(mut self) -> Self {
        self.last_relu = true;
        self
    }

    /// The same net in another scalar type.
    pub fn cast<U: Float>(&self) -> TwoLayerNet<U> {
        let [w1, b1, w2, b2] = [&self.w1, &self.b1, &self.w2, &self.b2].map(|p| Param::new(p.value.cast()));
        TwoLayerNet { w1, b1, w2, b2, last_relu: self.last_relu }
    }

    /// The scores z of every class for each row of `x`.
    ///
    /// Shapes: `[n, inputs]` → `[n, outputs]`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn predict<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let [w1, b1, w2, b2] = [&self.w1, &self.b1, &self.w2, &self.b2].map(|p| x.tape().param(p));
        let hidden = (x.matmul(w1) + b1).relu();
        let scores = hidden.matmul(w2) + b2;
        if self.last_relu { scores.relu() } else { scores }
    }

    /// Mean cross-entropy of `labels` and the softmax of the scores for `x`, in nats: `−Σᵢ ln softmax(zᵢ)ₜ₍ᵢ₎ / n`.
    ///
    /// Shapes: `x` `[n, inputs]`, `labels` `[n]` classes or `[n, outputs]` one-hot → `[]`.
    ///
    /// # Panics
    /// If the shapes do not fit, or a class is not below `outputs`.
    #[track_caller]
    pub fn loss<'a, 't>(&self, x: Var<'t, T>, labels: impl Into<Labels<'a, T>>) -> Var<'t, T>
    where
        T: 'a,
    {
        let scores = self.predict(x);
        let (tape, shape) = (x.tape(), scores.shape());
        let target = tape.constant(labels.into().one_hot(shape[1]));
        // Scores around the largest one of their row: the softmax is the same, and nothing overflows.
        let centred = scores - scores.detach().max(keep(-1));
        let log_softmax = centred - centred.exp().sum(keep(-1)).ln();
        -(target * log_softmax).sum(..) / T::of(shape[0] as f64)
    }

    /// The share of rows of `x` for which the highest score is that of the right class.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn accuracy<'a>(&self, x: &Tensor<T>, labels: impl Into<Labels<'a, T>>) -> f64
    where
        T: 'a,
    {
        let tape = Tape::new();
        let answers = self.predict(tape.constant(x.clone())).value().argmax(-1);
        let classes = labels.into().classes();
        assert!(
            answers.shape() == classes.shape(),
            "accuracy: {:?} answers, labels {:?}",
            answers.shape(),
            classes.shape()
        );
        let right = answers.iter().zip(&classes).filter(|(a, b)| a == b).count();
        right as f64 / answers.len() as f64
    }

    /// The loss, and its gradients by the four parameters, computed on `tape`, whose memory is used again.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn gradient<'a>(&self, tape: &mut Tape<T>, x: &Tensor<T>, labels: impl Into<Labels<'a, T>>) -> (T, Gradients<T>)
    where
        T: 'a,
    {
        let mut gradients = Gradients::new();
        let labels = labels.into();
        let loss = tape.step(&mut gradients, |tape| self.loss(tape.constant(x.clone()), labels));
        (loss, gradients)
    }
}

impl<T: Float> Labels<'_, T> {
    #[track_caller]
    fn one_hot(self, classes: usize) -> Tensor<T> {
        match self {
            Labels::Classes(labels) => Tensor::one_hot(labels, classes),
            Labels::OneHot(rows) => rows.clone(),
        }
    }

    fn classes(self) -> Tensor<usize> {
        match self {
            Labels::Classes(labels) => labels.clone(),
            Labels::OneHot(rows) => rows.argmax(-1),
        }
    }
}

crate::parts!(TwoLayerNet<T> { w1 as "W1", b1, w2 as "W2", b2 });

impl<T: Float> Module<T> for TwoLayerNet<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        noted(self, self.predict(x))
    }
}
