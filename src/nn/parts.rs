//! What a net holds: parameters, buffers, counters, modes and random streams, each under a dotted name.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Module, Path, State};
use crate::error::{Error, Result};
use crate::float::Float;
use crate::graph::Param;
use crate::tensor::Tensor;

/// Something that holds parameters: a layer, a net, a list of layers. Optimizers and files take any.
///
/// It is written with [`parts!`](crate::parts), which lists the fields. Each field is a [`Param`], a [`Buffer`], another such thing, or an
/// `Option` or `Vec` of those, or a boxed [`Module`]; its name is the field's, as in PyTorch: `encoder.0.weight`.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::nn::{Linear, Parts};
///
/// struct Twins {
///     left: Linear<f32>,
///     right: Linear<f32>,
/// }
/// rensa::parts!(Twins for f32 { left, right });
///
/// let rng = &mut StdRng::seed_from_u64(0);
/// let twins = Twins { left: Linear::init(3, 2, rng), right: Linear::init(3, 2, rng) };
/// assert_eq!(twins.names(), ["left.weight", "left.bias", "right.weight", "right.bias"]);
/// assert_eq!(twins.parameter_count(), 2 * (3 * 2 + 2));
/// ```
pub trait Parts<T: Float> {
    /// Calls `f` with each part and its path below `path`, always in the same order.
    fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, T>));

    /// Calls `f` with each parameter, to be changed, and its path below `path`, in the order of [`Parts::parts`].
    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>));

    /// Calls `f` with each parameter and its path below `path`, in the order of [`Parts::parts`].
    fn visit(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &Param<T>)) {
        self.parts(path, &mut |path, part| {
            if let Part::Param(param) = part {
                f(path, param);
            }
        });
    }

    /// The dotted names of the parameters, in order.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.visit(&Path::ROOT, &mut |path, _| names.push(path.to_string()));
        names
    }

    /// The number of learnt numbers, frozen ones included.
    fn parameter_count(&self) -> usize {
        let mut count = 0;
        self.visit(&Path::ROOT, &mut |_, param| count += param.value.len());
        count
    }

    /// The value of every parameter, buffer and counter by its dotted name: PyTorch's `state_dict`.
    fn state(&self) -> State<T> {
        State::of(|f| self.parts(&Path::ROOT, f))
    }

    /// Takes over a state.
    ///
    /// # Errors
    /// If names are missing or unexpected, or shapes differ: lists all of them. Then nothing is changed.
    fn load_state(&mut self, state: State<T>) -> Result<()> {
        state.check(|f| self.parts(&Path::ROOT, f))?;
        self.parts(&Path::ROOT, &mut |path, part| state.restore(&path.to_string(), part));
        let mut tensors = state.tensors;
        self.visit_mut(&Path::ROOT, &mut |path, param| {
            if let Some(value) = tensors.remove(&path.to_string()) {
                param.value = value;
            }
        });
        Ok(())
    }

    /// How many draws each random stream has made, by its dotted name: with [`Parts::state`] what it takes to go on with the same bits.
    fn streams(&self) -> BTreeMap<String, u64> {
        let mut streams = BTreeMap::new();
        self.parts(&Path::ROOT, &mut |path, part| {
            if let Part::Stream(stream) = part {
                streams.insert(path.to_string(), stream.drawn());
            }
        });
        streams
    }

    /// Sets the random streams forward or back to where [`Parts::streams`] found them; others stay.
    fn set_streams(&self, streams: &BTreeMap<String, u64>) {
        self.parts(&Path::ROOT, &mut |path, part| {
            if let Part::Stream(stream) = part
                && let Some(&drawn) = streams.get(&path.to_string())
            {
                stream.set_drawn(drawn);
            }
        });
    }

    /// Puts every layer into training mode, in which dropout drops and batch normalisation looks at the batch. A new net is in it.
    fn train(&self) {
        self.set_training(true);
    }

    /// Puts every layer into evaluation mode.
    fn eval(&self) {
        self.set_training(false);
    }

    /// [`Parts::train`] or [`Parts::eval`].
    fn set_training(&self, training: bool) {
        self.parts(&Path::ROOT, &mut |_, part| {
            if let Part::Mode(mode) = part {
                mode.set_training(training);
            }
        });
    }

    /// Freezes or thaws every parameter.
    fn set_frozen(&mut self, frozen: bool) {
        self.visit_mut(&Path::ROOT, &mut |_, param| param.set_frozen(frozen));
    }

    /// Freezes or thaws the parameter called `name`, or all that stand under a part of that name: `"encoder"`, `"encoder.0.bias"`.
    ///
    /// # Errors
    /// If there is none.
    ///
    /// # Examples
    /// ```
    /// use rand::{SeedableRng, rngs::StdRng};
    /// use rensa::nn::{Linear, Parts, Relu, Sequential};
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
}

/// One part of a net.
#[non_exhaustive]
pub enum Part<'a, T: Float> {
    /// A layer or net begins: its parts follow.
    Layer(Layer),
    /// What is learnt.
    Param(&'a Param<T>),
    /// What is kept beside: running means.
    Buffer(&'a Buffer<T>),
    /// What is counted: batches.
    Count(&'a Count),
    /// Whether the layer is being trained.
    Mode(&'a Mode),
    /// Where its random numbers come from.
    Stream(&'a Stream),
}

/// What a layer is called and where it lies in memory, so that it is known again when it computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layer {
    /// The name of its type, without path and generics: `"Linear"`.
    pub kind: &'static str,
    /// The number of dimensions, of a type that is for any: of `Conv2d`, which is a `ConvNd<T, 2>`, it is 2.
    pub dimensions: Option<usize>,
    pub(super) address: usize,
}

impl Layer {
    /// That of `layer`.
    pub fn of<L: ?Sized>(layer: &L) -> Self {
        let full = type_name::<L>();
        let (base, generics) = full.split_once('<').unwrap_or((full, ""));
        Layer {
            kind: base.rsplit("::").next().unwrap_or(base),
            // Of its own generics, not of a type among them.
            dimensions: generics.strip_suffix('>').and_then(|all| all.rsplit(", ").next()?.parse().ok()),
            address: std::ptr::from_ref(layer).cast::<()>().addr(),
        }
    }
}

/// `Linear`, `Conv2d`.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind.strip_suffix("Nd"), self.dimensions) {
            (Some(kind), Some(n)) => write!(f, "{kind}{n}d"),
            _ => f.write_str(self.kind),
        }
    }
}

/// A tensor that belongs to a net's state but is not learnt by gradients, such as a running mean. A forward pass may change it.
#[derive(Debug)]
pub struct Buffer<T>(Mutex<Tensor<T>>);

impl<T: Float> Buffer<T> {
    /// A buffer with this value.
    pub fn new(value: Tensor<T>) -> Self {
        Buffer(Mutex::new(value))
    }

    /// The present value.
    pub fn get(&self) -> Tensor<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the value.
    pub fn set(&self, value: Tensor<T>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

/// A number that a forward pass counts up and that belongs to a net's state.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// The present number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces the number.
    pub fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }
}

/// Whether a layer is in training or in evaluation mode.
#[derive(Debug)]
pub struct Mode(AtomicBool);

impl Default for Mode {
    /// Training.
    fn default() -> Self {
        Mode(AtomicBool::new(true))
    }
}

impl Mode {
    /// Whether the layer is being trained.
    pub fn is_training(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the mode.
    pub fn set_training(&self, training: bool) {
        self.0.store(training, Ordering::Relaxed);
    }
}

/// Random numbers for a layer: draw after draw a generator that depends on the seed and on how many draws there were, and on nothing else.
/// So a training that is resumed draws what it would have drawn.
#[derive(Debug)]
pub struct Stream {
    seed: u64,
    drawn: AtomicU64,
}

impl Stream {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Stream { seed, drawn: AtomicU64::new(0) }
    }

    /// The generator of the next draw.
    pub fn draw(&self) -> StdRng {
        let n = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&n.to_le_bytes());
        StdRng::from_seed(key)
    }

    /// How many draws there were.
    pub fn drawn(&self) -> u64 {
        self.drawn.load(Ordering::Relaxed)
    }

    /// Goes on as after so many draws.
    pub fn set_drawn(&self, drawn: u64) {
        self.drawn.store(drawn, Ordering::Relaxed);
    }
}

impl<T: Float> fmt::Debug for Part<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Layer(layer) => layer.fmt(f),
            Part::Param(param) => param.fmt(f),
            Part::Buffer(buffer) => write!(f, "Buffer({:?})", buffer.get().shape()),
            Part::Count(count) => count.fmt(f),
            Part::Mode(mode) => mode.fmt(f),
            Part::Stream(stream) => stream.fmt(f),
        }
    }
}

/// Parts that are one part, and no parameter.
macro_rules! leaves {
    ($($type:ty => $part:ident),*) => { $(
        impl<T: Float> Parts<T> for $type {
            fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, T>)) {
                f(path, Part::$part(self));
            }

            fn visit_mut(&mut self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {}
        }
    )* };
}
leaves!(Buffer<T> => Buffer, Count => Count, Mode => Mode, Stream => Stream);

impl<T: Float> Parts<T> for Param<T> {
    fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, T>)) {
        f(path, Part::Param(self));
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {
        f(path, self);
    }
}

impl<T: Float, P: Parts<T>> Parts<T> for Option<P> {
    fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, T>)) {
        self.iter().for_each(|part| part.parts(path, f));
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {
        self.iter_mut().for_each(|part| part.visit_mut(path, f));
    }
}

/// Named by their numbers.
impl<T: Float, P: Parts<T>> Parts<T> for Vec<P> {
    fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, T>)) {
        self.iter().enumerate().for_each(|(i, part)| part.parts(&path.index(i), f));
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {
        self.iter_mut().enumerate().for_each(|(i, part)| part.visit_mut(&path.index(i), f));
    }
}

impl<T: Float> Parts<T> for Box<dyn Module<T> + Send + Sync> {
    fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, T>)) {
        (**self).parts(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {
        (**self).visit_mut(path, f);
    }
}

/// Makes a struct one whose fields are the parts of a net: `parts!(Net<T> { conv1, fc })` for a struct that is generic in its scalar,
/// `parts!(Net for f32 { conv1, fc })` for one that is not, `parts!(Relu for all {})` for one that serves every scalar, and
/// `parts!(Net<T, D> { conv1, fc })` and `parts!(Pool<const D> for all {})` for one that is generic in a number of dimensions too. A field's name can be changed: `0 as "inner"`;
/// with the name `""` its parts are named as if they were the struct's own.
///
/// # Examples
/// ```
/// use rensa::{Float, Var, nn::{Linear, Module}};
///
/// struct Residual<T: Float>(Linear<T>);
/// rensa::parts!(Residual<T> { 0 as "inner" });
///
/// impl<T: Float> Module<T> for Residual<T> {
///     fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
///         x + self.0.forward(x).relu()
///     }
/// }
/// ```
#[macro_export]
macro_rules! parts {
    ($name:ident<$t:ident> { $($field:tt $(as $label:literal)?),* $(,)? }) => {
        impl<$t: $crate::Float> $crate::nn::Parts<$t> for $name<$t> {
            $crate::parts!(@methods $t { $($field $(as $label)?),* });
        }
    };
    ($name:ident<$t:ident, $d:ident> { $($field:tt $(as $label:literal)?),* $(,)? }) => {
        impl<$t: $crate::Float, const $d: usize> $crate::nn::Parts<$t> for $name<$t, $d> {
            $crate::parts!(@methods $t { $($field $(as $label)?),* });
        }
    };
    ($name:ident<const $d:ident> for all { $($field:tt $(as $label:literal)?),* $(,)? }) => {
        impl<T: $crate::Float, const $d: usize> $crate::nn::Parts<T> for $name<$d> {
            $crate::parts!(@methods T { $($field $(as $label)?),* });
        }
    };
    ($name:ident for all { $($field:tt $(as $label:literal)?),* $(,)? }) => {
        impl<T: $crate::Float> $crate::nn::Parts<T> for $name {
            $crate::parts!(@methods T { $($field $(as $label)?),* });
        }
    };
    ($name:ident for $t:ty { $($field:tt $(as $label:literal)?),* $(,)? }) => {
        impl $crate::nn::Parts<$t> for $name {
            $crate::parts!(@methods $t { $($field $(as $label)?),* });
        }
    };
    (@methods $t:ty { $($field:tt $(as $label:literal)?),* }) => {
        fn parts(
            &self,
            path: &$crate::nn::Path<'_>,
            f: &mut dyn FnMut(&$crate::nn::Path<'_>, $crate::nn::Part<'_, $t>),
        ) {
            f(path, $crate::nn::Part::Layer($crate::nn::Layer::of(self)));
            $($crate::nn::Parts::<$t>::parts(&self.$field, &path.join($crate::parts!(@label $field $($label)?)), f);)*
        }

        fn visit_mut(
            &mut self,
            path: &$crate::nn::Path<'_>,
            f: &mut dyn FnMut(&$crate::nn::Path<'_>, &mut $crate::Param<$t>),
        ) {
            let _ = (&path, &f);
            $($crate::nn::Parts::<$t>::visit_mut(&mut self.$field, &path.join($crate::parts!(@label $field $($label)?)), f);)*
        }
    };
    (@label $field:tt $label:literal) => { $label };
    (@label $field:tt) => { stringify!($field) };
}
