//! What a net is: a function with parameters that have names.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, Result};
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::tensor::Tensor;

/// A function of one input with parameters, such as a layer or a whole net.
///
/// A closure `|x| x.tanh()` is a module without parameters.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Param, Tape, Tensor, Var, nn::{Linear, Module, Path}};
///
/// struct Residual(Linear<f32>);
///
/// impl Module<f32> for Residual {
///     fn forward<'t>(&self, x: Var<'t, f32>) -> Var<'t, f32> {
///         x + self.0.forward(x).relu()
///     }
///     fn visit(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &Param<f32>)) {
///         self.0.visit(&path.join("inner"), f);
///     }
///     fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<f32>)) {
///         self.0.visit_mut(&path.join("inner"), f);
///     }
/// }
///
/// let net = Residual(Linear::init(3, 3, &mut StdRng::seed_from_u64(0)));
/// assert_eq!(net.state().keys().collect::<Vec<_>>(), ["inner.bias", "inner.weight"]);
/// let tape = Tape::new();
/// assert_eq!(net.forward(tape.constant(Tensor::ones([5, 3]))).shape(), [5, 3]);
/// ```
pub trait Module<T: Float> {
    /// The output for `x`, computed on its tape.
    ///
    /// Its nodes carry the lines of this function. With `#[track_caller]` on it, as on those of the library's layers, they carry the
    /// line that calls it.
    ///
    /// # Panics
    /// If the shape of `x` does not fit.
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T>;

    /// Calls `f` with each parameter and its path below `path`, always in the same order.
    fn visit(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &Param<T>)) {
        let _ = (path, f);
    }

    /// [`Module::visit`] with parameters that can be changed.
    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {
        let _ = (path, f);
    }

    /// Freezes or thaws every parameter of this module.
    fn set_frozen(&mut self, frozen: bool) {
        self.visit_mut(&Path::ROOT, &mut |_, param| param.set_frozen(frozen));
    }

    /// Freezes or thaws the parameter called `name`, or all that stand under a module of that name: `"encoder"`, `"encoder.0.bias"`.
    ///
    /// # Errors
    /// If there is none.
    ///
    /// # Examples
    /// ```
    /// use rand::{SeedableRng, rngs::StdRng};
    /// use rensa::nn::{Linear, Module, Relu, Sequential};
    /// let rng = &mut StdRng::seed_from_u64(0);
    /// let mut net = Sequential::<f32>::new().with(Linear::init(4, 3, rng)).with(Relu).with(Linear::init(3, 2, rng));
    /// net.set_frozen_under("0", true)?;
    /// net.set_frozen_under("2.bias", true)?;
    /// assert!(net.set_frozen_under("1", true).is_err(), "it has no parameters");
    /// # Ok::<(), rensa::Error>(())
    /// ```
    fn set_frozen_under(&mut self, name: &str, frozen: bool) -> Result<()> {
        let mut count = 0;
        self.visit_mut(&Path::ROOT, &mut |path, param| {
            let full = path.to_string();
            if full.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) {
                param.set_frozen(frozen);
                count += 1;
            }
        });
        let reason = || "no parameter has this name or stands under it".to_string();
        if count > 0 { Ok(()) } else { Err(Error::Parameter { name: name.into(), reason: reason() }) }
    }

    /// The value of every parameter by its dotted name.
    fn state(&self) -> BTreeMap<String, Tensor<T>> {
        let mut state = BTreeMap::new();
        self.visit(&Path::ROOT, &mut |path, param| {
            state.insert(path.to_string(), param.value.clone());
        });
        state
    }

    /// The number of learnt numbers.
    fn parameter_count(&self) -> usize {
        let mut count = 0;
        self.visit(&Path::ROOT, &mut |_, param| count += param.value.len());
        count
    }
}

impl<T: Float, F: for<'t> Fn(Var<'t, T>) -> Var<'t, T>> Module<T> for F {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self(x)
    }
}

/// Where a parameter stands in a module, printed as a dotted name: `encoder.0.weight`. A chain of borrowed parts, so that visiting
/// parameters allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    part: Part<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// The path of the module itself.
    pub const ROOT: Path<'static> = Path { parent: None, part: Part::Name("") };

    /// The path of what is called `name` here.
    pub fn join(&'a self, name: &'a str) -> Path<'a> {
        Path { parent: Some(self), part: Part::Name(name) }
    }

    /// The path of number `index` here.
    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), part: Part::Index(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if parent.parent.is_some() {
                f.write_str(".")?;
            }
        }
        match self.part {
            Part::Name(name) => f.write_str(name),
            Part::Index(index) => write!(f, "{index}"),
        }
    }
}
