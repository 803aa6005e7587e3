//! Modules one behind the other, and activations as modules.

use super::{Module, Path};
use crate::float::Float;
use crate::graph::{Param, Var};

/// Modules one behind the other, `y = mₙ(… m₁(m₀(x)))`.
///
/// Its parameters are named by the number of their module: `0.weight`, `0.bias`, `2.weight`, …
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::nn::{Linear, Module, Relu, Sequential};
/// let rng = &mut StdRng::seed_from_u64(0);
/// let net = Sequential::<f32>::new().with(Linear::init(784, 50, rng)).with(Relu).with(Linear::init(50, 10, rng));
/// assert_eq!(net.parameter_count(), 784 * 50 + 50 + 50 * 10 + 10);
/// ```
#[derive(Default)]
pub struct Sequential<T: Float> {
    modules: Vec<Box<dyn Module<T> + Send + Sync>>,
}

impl<T: Float> Sequential<T> {
    /// No modules yet: the identity.
    pub fn new() -> Self {
        Sequential { modules: Vec::new() }
    }

    /// With `module` behind the others.
    pub fn with(mut self, module: impl Module<T> + Send + Sync + 'static) -> Self {
        self.modules.push(Box::new(module));
        self
    }

    /// With a function behind the others, as in `.with_fn(|x| x.tanh())`.
    pub fn with_fn(self, f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + Send + Sync + 'static) -> Self {
        self.with(f)
    }
}

impl<T: Float> Module<T> for Sequential<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.modules.iter().fold(x, |x, module| module.forward(x))
    }

    fn visit(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &Param<T>)) {
        for (i, module) in self.modules.iter().enumerate() {
            module.visit(&path.index(i), f);
        }
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {
        for (i, module) in self.modules.iter_mut().enumerate() {
            module.visit_mut(&path.index(i), f);
        }
    }
}

/// Ramp, `y = max(x, 0)`: [`Var::relu`] as a module.
///
/// Shapes: any → the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relu;

impl<T: Float> Module<T> for Relu {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.relu()
    }
}
