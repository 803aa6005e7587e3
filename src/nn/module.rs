//! What a net is: a function with parameters that have names.

use super::summary::{self, Summary};
use super::{Part, Parts, Path};
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::tensor::Tensor;

/// A function of one input with parameters, such as a layer or a whole net.
///
/// A struct of layers becomes one with a line of [`parts!`](crate::parts) and its formula; a closure `|x| x.tanh()` is one without
/// parameters. What takes several inputs, or indices, is not a `Module` but has [`Parts`] and a `forward` of its own.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tape, Tensor, Var, nn::{Linear, Module, Parts}};
///
/// struct Residual {
///     inner: Linear<f32>,
/// }
/// rensa::parts!(Residual for f32 { inner });
///
/// impl Module<f32> for Residual {
///     fn forward<'t>(&self, x: Var<'t, f32>) -> Var<'t, f32> {
///         x + self.inner.forward(x).relu()
///     }
/// }
///
/// let net = Residual { inner: Linear::init(3, 3, &mut StdRng::seed_from_u64(0)) };
/// assert_eq!(net.names(), ["inner.weight", "inner.bias"]);
/// let tape = Tape::new();
/// assert_eq!(net.forward(tape.constant(Tensor::ones([5, 3]))).shape(), [5, 3]);
/// ```
pub trait Module<T: Float>: Parts<T> {
    /// The output for `x`, computed on its tape.
    ///
    /// Its nodes carry the lines of this function. With `#[track_caller]` on it, as on those of the library's layers, they carry the
    /// line that calls it.
    ///
    /// # Panics
    /// If the shape of `x` does not fit.
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T>;

    /// The layers, their output shapes for an input of this shape, and how many parameters they have. It is computed on zeros in
    /// evaluation mode.
    ///
    /// # Panics
    /// If the shape does not fit.
    ///
    /// # Examples
    /// ```
    /// use rand::{SeedableRng, rngs::StdRng};
    /// use rensa::nn::{Linear, Module, Relu, Sequential};
    /// let rng = &mut StdRng::seed_from_u64(0);
    /// let net = Sequential::<f32>::new().with(Linear::init(784, 50, rng)).with(Relu).with(Linear::init(50, 10, rng));
    /// assert_eq!(
    ///     net.summary(&[1, 784]).to_string(),
    ///     "name  layer       output   parameters\n\
    ///      -     Sequential  [1, 10]      39,760\n\
    ///      0     Linear      [1, 50]      39,250\n\
    ///      1     Relu        [1, 50]           0\n\
    ///      2     Linear      [1, 10]         510\n\
    ///      in all 39,760 parameters, of which 39,760 can be trained\n"
    /// );
    /// ```
    #[track_caller]
    fn summary(&self, shape: &[usize]) -> Summary {
        summary::of(|f| self.parts(&Path::ROOT, f), |tape| self.forward(tape.constant(Tensor::zeros(shape))))
    }
}

impl<T: Float, F: for<'t> Fn(Var<'t, T>) -> Var<'t, T>> Parts<T> for F {
    fn parts(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, Part<'_, T>)) {}

    fn visit_mut(&mut self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {}
}

impl<T: Float, F: for<'t> Fn(Var<'t, T>) -> Var<'t, T>> Module<T> for F {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self(x)
    }
}

impl<T: Float> Module<T> for Box<dyn Module<T> + Send + Sync> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        (**self).forward(x)
    }
}
