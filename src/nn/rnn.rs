//! The recurrent layers, which differ in how a state follows from the one before.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::recurrent::{Arrangement, Gates, Recurrent, Step, init_gates};
use super::summary::noted;
use super::{Layer, Part, Parts, Path};
use crate::float::Float;
use crate::graph::{Param, Var};

/// Elman's recurrent layer, `hₜ = tanh(xₜ · Wᵢₕᵀ + bᵢₕ + hₜ₋₁ · Wₕₕᵀ + bₕₕ)`.
///
/// Shapes: `[time, batch, inputs]`, or `[batch, time, inputs]` with [`Recurrent::batch_first`], or `[time, inputs]` → the same with
/// `directions · hidden` in place of `inputs`. States: `[layers · directions, batch, hidden]`, or without `batch`.
///
/// Parameters, for layer k and with `_reverse` behind the name for the direction backwards: `weight_ih_lk` `[hidden, inputs]`, `weight_hh_lk`
/// `[hidden, hidden]`, `bias_ih_lk` and `bias_hh_lk` `[hidden]`; all uniform on `±1/√hidden` by default, as PyTorch's.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tape, Tensor, nn::{Recurrent, Rnn}};
/// let rnn = Rnn::<f32>::init(3, 4, Recurrent::new().bidirectional(), &mut StdRng::seed_from_u64(0));
/// let tape = Tape::new();
/// let (y, state) = rnn.forward(tape.constant(Tensor::zeros([7, 5, 3])), None);
/// assert_eq!((y.shape().to_vec(), state.shape().to_vec()), (vec![7, 5, 8], vec![2, 5, 4]));
/// let (y, _) = rnn.forward(tape.constant(Tensor::zeros([2, 5, 3])), Some(state)); // goes on
/// assert_eq!(y.shape(), [2, 5, 8]);
/// ```
/// Source: Elman, "Finding Structure in Time" (1990).
#[derive(Debug)]
pub struct Rnn<T: Float> {
    /// The weights, layer by layer, forward before backward.
    pub gates: Vec<Gates<T>>,
    arrangement: Arrangement,
    step: Elman,
}

/// Long short-term memory: a state of two parts, of which c is carried on unless a gate lets it go.
///
/// With the four parts i, f, g, o of `xₜ · Wᵢₕᵀ + bᵢₕ + hₜ₋₁ · Wₕₕᵀ + bₕₕ`: `cₜ = σ(f) cₜ₋₁ + σ(i) tanh(g)` and `hₜ = σ(o) tanh(cₜ)`.
///
/// Shapes: `[time, batch, inputs]`, or `[batch, time, inputs]` with [`Recurrent::batch_first`], or `[time, inputs]` → the same with
/// `directions · hidden` in place of `inputs`. States: h and c, each `[layers · directions, batch, hidden]`, or without `batch`.
///
/// Parameters, for layer k and with `_reverse` behind the name for the direction backwards: `weight_ih_lk` `[4 · hidden, inputs]`,
/// `weight_hh_lk` `[4 · hidden, hidden]`, `bias_ih_lk` and `bias_hh_lk` `[4 · hidden]`, each in the order i, f, g, o; all uniform on
/// `±1/√hidden` by default, as PyTorch's.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tape, Tensor, nn::{Lstm, Recurrent}};
/// let lstm = Lstm::<f32>::init(3, 4, Recurrent::new().layers(2).batch_first(), &mut StdRng::seed_from_u64(0));
/// let tape = Tape::new();
/// let (y, (h, c)) = lstm.forward(tape.constant(Tensor::zeros([5, 7, 3])), None);
/// assert_eq!((y.shape(), h.shape(), c.shape()), ([5, 7, 4].into(), [2, 5, 4].into(), [2, 5, 4].into()));
/// ```
/// Source: Hochreiter, Schmidhuber, "Long Short-Term Memory" (1997); Gers, Schmidhuber, Cummins, "Learning to Forget" (2000).
#[derive(Debug)]
pub struct Lstm<T: Float> {
    /// The weights, layer by layer, forward before backward.
    pub gates: Vec<Gates<T>>,
    arrangement: Arrangement,
    step: Memory,
}

/// Gated recurrent unit: a state that is partly kept.
///
/// With the three parts of `x = xₜ · Wᵢₕᵀ + bᵢₕ` and of `h = hₜ₋₁ · Wₕₕᵀ + bₕₕ`: `r = σ(xᵣ + hᵣ)`, `z = σ(x_z + h_z)`,
/// `n = tanh(xₙ + r hₙ)` and `hₜ = (1 − z) n + z hₜ₋₁`. As in PyTorch the reset gate r is on the product of the state, not on the state.
///
/// Shapes: `[time, batch, inputs]`, or `[batch, time, inputs]` with [`Recurrent::batch_first`], or `[time, inputs]` → the same with
/// `directions · hidden` in place of `inputs`. States: `[layers · directions, batch, hidden]`, or without `batch`.
///
/// Parameters, for layer k and with `_reverse` behind the name for the direction backwards: `weight_ih_lk` `[3 · hidden, inputs]`,
/// `weight_hh_lk` `[3 · hidden, hidden]`, `bias_ih_lk` and `bias_hh_lk` `[3 · hidden]`, each in the order r, z, n; all uniform on
/// `±1/√hidden` by default, as PyTorch's.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tape, Tensor, nn::{Gru, Recurrent}};
/// let gru = Gru::<f32>::init(3, 4, Recurrent::new(), &mut StdRng::seed_from_u64(0));
/// let tape = Tape::new();
/// let (y, h) = gru.forward(tape.constant(Tensor::ones([7, 3])), None);
/// assert_eq!((y.shape(), h.shape()), ([7, 4].into(), [1, 4].into()));
/// ```
/// Source: Cho et al., "Learning Phrase Representations using RNN Encoder–Decoder" (2014), §2.3.
#[derive(Debug)]
pub struct Gru<T: Float> {
    /// The weights, layer by layer, forward before backward.
    pub gates: Vec<Gates<T>>,
    arrangement: Arrangement,
    step: Gated,
}

/// What the three have alike, given what a step is and of how many tensors a state is made.
macro_rules! layers {
    ($($name:ident $step:ident $n:literal;)*) => { $(
        impl<T: Float> $name<T> {
            /// The layer with these weights. Its dropout, if there is any, draws from a stream of seed 0.
            ///
            /// # Panics
            /// If there are not as many as layers and directions, or their shapes do not fit.
            #[track_caller]
            pub fn new(gates: Vec<Gates<T>>, options: Recurrent) -> Self {
                Self::arranged(gates, options, &mut StdRng::seed_from_u64(0))
            }

            /// The layer with its default weights.
            #[track_caller]
            pub fn init(inputs: usize, hidden: usize, options: Recurrent, rng: &mut impl Rng) -> Self {
                Self::arranged(init_gates::<T, $step, $n>([inputs, hidden], options, rng), options, rng)
            }

            #[track_caller]
            fn arranged(gates: Vec<Gates<T>>, options: Recurrent, rng: &mut impl Rng) -> Self {
                let arrangement = Arrangement::of::<T, $step, $n>(&gates, options, rng);
                $name { gates, arrangement, step: $step::default() }
            }
        }

        impl<T: Float> Parts<T> for $name<T> {
            fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, T>)) {
                f(path, Part::Layer(Layer::of(self)));
                self.arrangement.parts(&self.gates, path, f);
            }

            fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<T>)) {
                self.arrangement.visit_mut(&mut self.gates, path, f);
            }
        }
    )* };
}
layers! {
    Rnn Elman 1;
    Lstm Memory 2;
    Gru Gated 1;
}

impl<T: Float> Rnn<T> {
    /// With `max(…, 0)` in place of the hyperbolic tangent.
    pub fn relu(mut self) -> Self {
        self.step.relu = true;
        self
    }

    /// The outputs of the last layer, and the states after the last step; `state` is what it begins with, zeros if there is none.
    ///
    /// # Panics
    /// If the shapes do not fit, or there is no step in time.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>, state: Option<Var<'t, T>>) -> (Var<'t, T>, Var<'t, T>) {
        let (y, [h]) = self.arrangement.run(&self.gates, &self.step, x, state.map(|h| [h]));
        (noted(self, y), h)
    }
}

impl<T: Float> Lstm<T> {
    /// The outputs of the last layer, and the states h and c after the last step; `state` is what it begins with, zeros if there is none.
    ///
    /// # Panics
    /// If the shapes do not fit, or there is no step in time.
    #[track_caller]
    pub fn forward<'t>(
        &self,
        x: Var<'t, T>,
        state: Option<(Var<'t, T>, Var<'t, T>)>,
    ) -> (Var<'t, T>, (Var<'t, T>, Var<'t, T>)) {
        let (y, [h, c]) = self.arrangement.run(&self.gates, &self.step, x, state.map(|(h, c)| [h, c]));
        (noted(self, y), (h, c))
    }
}

impl<T: Float> Gru<T> {
    /// The outputs of the last layer, and the states after the last step; `state` is what it begins with, zeros if there is none.
    ///
    /// # Panics
    /// If the shapes do not fit, or there is no step in time.
    #[track_caller]
    pub fn forward<'t>(&self, x: Var<'t, T>, state: Option<Var<'t, T>>) -> (Var<'t, T>, Var<'t, T>) {
        let (y, [h]) = self.arrangement.run(&self.gates, &self.step, x, state.map(|h| [h]));
        (noted(self, y), h)
    }
}

#[derive(Debug, Default)]
struct Elman {
    relu: bool,
}

impl Step<1> for Elman {
    const NAME: &'static str = "Rnn";
    const GATES: usize = 1;

    #[track_caller]
    fn next<'t, T: Float>(
        &self,
        x: Var<'t, T>,
        [h]: [Var<'t, T>; 1],
        weight: Var<'t, T>,
        _: Option<Var<'t, T>>,
    ) -> [Var<'t, T>; 1] {
        let z = x + h.matmul(weight);
        [if self.relu { z.relu() } else { z.tanh() }]
    }
}

#[derive(Debug, Default)]
struct Memory;

impl Step<2> for Memory {
    const NAME: &'static str = "Lstm";
    const GATES: usize = 4;

    #[track_caller]
    fn next<'t, T: Float>(
        &self,
        x: Var<'t, T>,
        [h, c]: [Var<'t, T>; 2],
        weight: Var<'t, T>,
        _: Option<Var<'t, T>>,
    ) -> [Var<'t, T>; 2] {
        let (z, n) = (x + h.matmul(weight), h.shape()[1]);
        // i and f stand side by side.
        let both = z.narrow(1, 0, 2 * n).sigmoid();
        let (i, f) = (both.narrow(1, 0, n), both.narrow(1, n, n));
        let (g, o) = (z.narrow(1, 2 * n, n).tanh(), z.narrow(1, 3 * n, n).sigmoid());
        let c = f * c + i * g;
        [o * c.tanh(), c]
    }
}

#[derive(Debug, Default)]
struct Gated;

impl Step<1> for Gated {
    const NAME: &'static str = "Gru";
    const GATES: usize = 3;
    const APART: bool = true;

    #[track_caller]
    fn next<'t, T: Float>(
        &self,
        x: Var<'t, T>,
        [h]: [Var<'t, T>; 1],
        weight: Var<'t, T>,
        bias: Option<Var<'t, T>>,
    ) -> [Var<'t, T>; 1] {
        let n = h.shape()[1];
        let mut u = h.matmul(weight);
        if let Some(bias) = bias {
            u = u + bias;
        }
        // r and z stand side by side.
        let both = (x.narrow(1, 0, 2 * n) + u.narrow(1, 0, 2 * n)).sigmoid();
        let (r, z) = (both.narrow(1, 0, n), both.narrow(1, n, n));
        let new = (x.narrow(1, 2 * n, n) + r * u.narrow(1, 2 * n, n)).tanh();
        // (1 − z) n + z h
        [new + z * (h - new)]
    }
}
