//! Modules one behind the other, and activations as modules.

use super::summary::noted;
use super::{Layer, Module, Part, Parts, Path};
use crate::float::Float;
use crate::graph::{Param, Var};

/// A module of any type.
type Boxed<T> = Box<dyn Module<T> + Send + Sync>;

/// Modules one behind the other, `y = mₙ(… m₁(m₀(x)))`.
///
/// Its parameters are named by the number of their module: `0.weight`, `0.bias`, `2.weight`, …
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::nn::{Linear, Parts, Relu, Sequential};
/// let rng = &mut StdRng::seed_from_u64(0);
/// let net = Sequential::<f32>::new().with(Linear::init(784, 50, rng)).with(Relu).with(Linear::init(50, 10, rng));
/// assert_eq!(net.parameter_count(), 784 * 50 + 50 + 50 * 10 + 10);
/// ```
#[derive(Default)]
pub struct Sequential<T: Float> {
    modules: Vec<(Option<&'static str>, Boxed<T>)>,
}

impl<T: Float> Sequential<T> {
    /// No modules yet: the identity.
    pub fn new() -> Self {
        Sequential { modules: Vec::new() }
    }

    /// With `module` behind the others, named by its number.
    pub fn with(mut self, module: impl Module<T> + Send + Sync + 'static) -> Self {
        self.modules.push((None, Box::new(module)));
        self
    }

    /// With `module` behind the others, under a name of its own.
    pub fn with_named(mut self, name: &'static str, module: impl Module<T> + Send + Sync + 'static) -> Self {
        self.modules.push((Some(name), Box::new(module)));
        self
    }

    /// With a function behind the others, as in `.with_fn(|x| x.tanh())`.
    pub fn with_fn(self, f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + Send + Sync + 'static) -> Self {
        self.with(f)
    }

    /// The number of modules.
    pub fn len(&self) -> usize {
        self.modules.len()
    }

    /// Whether there is no module.
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty()
    }
}

/// The path of a module: its name, or its number.
fn below<'a>(path: &'a Path<'a>, i: usize, name: Option<&'a str>) -> Path<'a> {
    name.map_or(path.index(i), |name| path.join(name))
}

impl<T: Float> Parts<T> for Sequential<T> {
    fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, T>)) {
        f(path, Part::Layer(Layer::of(self)));
        for (i, (name, module)) in self.modules.iter().enumerate() {
            module.parts(&below(path, i, *name), f);
        }
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {
        for (i, (name, module)) in self.modules.iter_mut().enumerate() {
            module.visit_mut(&below(path, i, *name), f);
        }
    }
}

impl<T: Float> Module<T> for Sequential<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        noted(self, self.modules.iter().fold(x, |x, (_, module)| module.forward(x)))
    }
}

/// Ramp, `y = max(x, 0)`: [`Var::relu`] as a module.
///
/// Shapes: any → the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relu;

crate::parts!(Relu for all {});

impl<T: Float> Module<T> for Relu {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        noted(self, x.relu())
    }
}
