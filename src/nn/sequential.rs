//! Modules one behind the other, and beside each other.

use std::panic::Location;

use super::summary::noted;
use super::{Identity, Layer, Module, Part, Parts, Path};
use crate::float::Float;
use crate::graph::{Blame, Param, Var};

/// A module of any type.
type Boxed<T> = Box<dyn Module<T> + Send + Sync>;

/// Modules one behind the other, `y = mₙ(… m₁(m₀(x)))`.
///
/// Nodes of the library's layers in it carry the line at which the layer was put in; those of other modules and of closures carry their
/// own.
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
    modules: Vec<Member<T>>,
}

struct Member<T> {
    name: Option<&'static str>,
    module: Boxed<T>,
    /// The line that put it here.
    from: &'static Location<'static>,
}

impl<T: Float> Sequential<T> {
    /// No modules yet: the identity.
    pub fn new() -> Self {
        Sequential { modules: Vec::new() }
    }

    /// With `module` behind the others, named by its number.
    #[track_caller]
    pub fn with(self, module: impl Module<T> + Send + Sync + 'static) -> Self {
        self.and(None, Box::new(module))
    }

    /// With `module` behind the others, under a name of its own.
    #[track_caller]
    pub fn with_named(self, name: &'static str, module: impl Module<T> + Send + Sync + 'static) -> Self {
        self.and(Some(name), Box::new(module))
    }

    /// With a function behind the others, as in `.with_fn(|x| x.tanh())`.
    #[track_caller]
    pub fn with_fn(self, f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T> + Send + Sync + 'static) -> Self {
        self.with(f)
    }

    #[track_caller]
    fn and(mut self, name: Option<&'static str>, module: Boxed<T>) -> Self {
        self.modules.push(Member { name, module, from: Location::caller() });
        self
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
        for (i, Member { name, module, .. }) in self.modules.iter().enumerate() {
            module.parts(&below(path, i, *name), f);
        }
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {
        for (i, Member { name, module, .. }) in self.modules.iter_mut().enumerate() {
            module.visit_mut(&below(path, i, *name), f);
        }
    }
}

impl<T: Float> Module<T> for Sequential<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let mut y = x;
        // A call of a boxed module has no caller but this file.
        let files = file!().trim_end_matches("sequential.rs");
        for member in &self.modules {
            let _put_here = Blame::in_place_of(x.tape(), files, member.from);
            y = member.module.forward(y);
        }
        noted(self, y)
    }
}

/// A module with a way around it, `y = m(x) + x`, or `m(x) + s(x)` with a module s on that way.
///
/// Shapes: as of the modules, whose outputs are of one shape.
///
/// Its parameters are named `inner.…` and `shortcut.…`.
///
/// # Panics
/// `forward`, if the shapes of the two outputs differ.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{Linear, Module, Parts, Residual}, tensor};
/// let block = Residual::new(Linear::new(tensor![[2.0]], tensor![1.0]));
/// assert_eq!(block.names(), ["inner.weight", "inner.bias"]);
/// let tape = Tape::<f64>::new();
/// assert_eq!(block.forward(tape.constant(tensor![[10.0]])).item(), 31.0);
/// ```
/// Source: He et al., "Deep Residual Learning for Image Recognition" (2016), §3.
#[derive(Clone, Debug)]
pub struct Residual<M, S = Identity> {
    /// m.
    pub inner: M,
    /// s.
    pub shortcut: S,
}

impl<M> Residual<M> {
    /// With nothing on the way around.
    pub fn new(inner: M) -> Self {
        Residual { inner, shortcut: Identity }
    }
}

impl<M, S> Residual<M, S> {
    /// With `shortcut` on the way around, such as a convolution that changes the number of channels.
    pub fn shortcut<R>(self, shortcut: R) -> Residual<M, R> {
        Residual { inner: self.inner, shortcut }
    }
}

impl<T: Float, M: Parts<T>, S: Parts<T>> Parts<T> for Residual<M, S> {
    fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, T>)) {
        f(path, Part::Layer(Layer::of(self)));
        self.inner.parts(&path.join("inner"), f);
        self.shortcut.parts(&path.join("shortcut"), f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {
        self.inner.visit_mut(&path.join("inner"), f);
        self.shortcut.visit_mut(&path.join("shortcut"), f);
    }
}

impl<T: Float, M: Module<T>, S: Module<T>> Module<T> for Residual<M, S> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (y, around) = (self.inner.forward(x), self.shortcut.forward(x));
        let (a, b) = (y.shape(), around.shape());
        assert!(a == b, "Residual: {a:?} by the module and {b:?} around it");
        noted(self, y + around)
    }
}
