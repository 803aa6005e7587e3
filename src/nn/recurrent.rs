//! What recurrent layers have in common: their weights, and the way through layers, directions and time.
//!
//! What does not depend on the state, the projection of the inputs, is one matrix product for all time steps; what does is one for all
//! gates of a step.

use rand::Rng;

use super::{Dropout, Init, Module, Part, Parts, Path};
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How a recurrent layer is built; by default one layer, forward in time, with biases, time first, and without dropout, as PyTorch's.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::nn::{Lstm, Parts, Recurrent};
/// let options = Recurrent::new().layers(2).bidirectional().batch_first().dropout(0.1);
/// let lstm = Lstm::<f32>::init(3, 4, options, &mut StdRng::seed_from_u64(0));
/// assert_eq!(lstm.names()[4], "weight_ih_l0_reverse");
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Recurrent {
    layers: usize,
    bidirectional: bool,
    batch_first: bool,
    biases: bool,
    dropout: f64,
}

impl Default for Recurrent {
    fn default() -> Self {
        Self::new()
    }
}

impl Recurrent {
    /// The defaults.
    pub fn new() -> Self {
        Recurrent { layers: 1, bidirectional: false, batch_first: false, biases: true, dropout: 0.0 }
    }

    /// With so many layers, each but the first on the outputs of the one before.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn layers(mut self, layers: usize) -> Self {
        assert!(layers > 0, "Recurrent: no layer");
        self.layers = layers;
        self
    }

    /// With a second set of weights in each layer that runs backwards in time; the outputs of both stand side by side.
    ///
    /// Source: Schuster, Paliwal, "Bidirectional Recurrent Neural Networks" (1997).
    pub fn bidirectional(mut self) -> Self {
        self.bidirectional = true;
        self
    }

    /// With inputs and outputs `[batch, time, …]` instead of `[time, batch, …]`. States stay as they are.
    pub fn batch_first(mut self) -> Self {
        self.batch_first = true;
        self
    }

    /// Without biases.
    pub fn without_biases(mut self) -> Self {
        self.biases = false;
        self
    }

    /// With dropout at this rate on the outputs of every layer but the last.
    ///
    /// # Panics
    /// If it is not within 0 and 1.
    #[track_caller]
    pub fn dropout(mut self, rate: f64) -> Self {
        assert!((0.0..=1.0).contains(&rate), "Recurrent: a dropout rate of {rate} is not within 0 and 1");
        self.dropout = rate;
        self
    }

    fn directions(self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }
}

/// The weights of one layer of a recurrent net in one direction; gates stand one behind the other along the first axis.
#[derive(Debug)]
pub struct Gates<T: Float> {
    /// On the input, `[gates · hidden, inputs]`.
    pub weight_ih: Param<T>,
    /// On the state, `[gates · hidden, hidden]`.
    pub weight_hh: Param<T>,
    /// `[gates · hidden]`; none without biases.
    pub bias_ih: Option<Param<T>>,
    /// `[gates · hidden]`; none without biases.
    pub bias_hh: Option<Param<T>>,
}

impl<T: Float> Gates<T> {
    /// The weights `weight_ih` `[gates · hidden, inputs]` and `weight_hh` `[gates · hidden, hidden]`, with the biases of the two,
    /// `[gates · hidden]`, if there are any.
    pub fn new(weight_ih: Tensor<T>, weight_hh: Tensor<T>, biases: Option<[Tensor<T>; 2]>) -> Self {
        let [bias_ih, bias_hh] = biases.map_or([None, None], |biases| biases.map(|bias| Some(Param::new(bias))));
        Gates { weight_ih: Param::new(weight_ih), weight_hh: Param::new(weight_hh), bias_ih, bias_hh }
    }

    /// All uniform on `±1/√hidden`.
    fn init(rows: usize, inputs: usize, hidden: usize, biases: bool, rng: &mut impl Rng) -> Self {
        let bound = 1.0 / (hidden.max(1) as f64).sqrt();
        let init = Init::uniform(-bound, bound);
        let (weight_ih, weight_hh) = (init.draw([rows, inputs], rng), init.draw([rows, hidden], rng));
        let biases = biases.then(|| [init.draw([rows], rng), init.draw([rows], rng)]);
        Self::new(weight_ih, weight_hh, biases)
    }

    #[track_caller]
    fn check(&self, name: &str, [rows, inputs, hidden]: [usize; 3], biases: bool) {
        let [w, u] = [&self.weight_ih, &self.weight_hh].map(|param| param.value.shape());
        assert!(
            *w == [rows, inputs] && *u == [rows, hidden],
            "{name}: weights {w:?} and {u:?}, expected [{rows}, {inputs}] and [{rows}, {hidden}]"
        );
        for bias in [&self.bias_ih, &self.bias_hh] {
            let found = bias.as_ref().map(|bias| bias.value.shape().to_vec());
            let expected = biases.then(|| vec![rows]);
            assert!(found == expected, "{name}: bias {found:?}, expected {expected:?}");
        }
    }
}

/// One step in time. `N` is the number of tensors in a state, of which the first is the output.
pub(super) trait Step<const N: usize> {
    /// The layer's name.
    const NAME: &'static str;

    /// How many gates there are.
    const GATES: usize;

    /// Whether the bias on the state is used apart from that on the input, whose sum would otherwise do.
    const APART: bool = false;

    /// The next state, from the projected input `x` `[batch, gates · hidden]`, the state `[batch, hidden]`, the transposed weight on it, and
    /// its bias if that is used apart.
    #[track_caller]
    fn next<'t, T: Float>(
        &self,
        x: Var<'t, T>,
        state: [Var<'t, T>; N],
        weight: Var<'t, T>,
        bias: Option<Var<'t, T>>,
    ) -> [Var<'t, T>; N];
}

/// All weights of a recurrent net: layer by layer, the forward direction before the other.
pub(super) fn init_gates<T: Float, S: Step<N>, const N: usize>(
    [inputs, hidden]: [usize; 2],
    options: Recurrent,
    rng: &mut impl Rng,
) -> Vec<Gates<T>> {
    let (directions, rows) = (options.directions(), S::GATES * hidden);
    let mut gates = Vec::new();
    for i in 0..options.layers * directions {
        let inputs = if i < directions { inputs } else { directions * hidden };
        gates.push(Gates::init(rows, inputs, hidden, options.biases, rng));
    }
    gates
}

/// How the weights of a recurrent net are arranged.
#[derive(Debug)]
pub(super) struct Arrangement {
    options: Recurrent,
    inputs: usize,
    hidden: usize,
    /// What the names of the weights end in: `_l0`, `_l0_reverse`.
    suffixes: Vec<String>,
    dropout: Option<Dropout>,
}

impl Arrangement {
    /// That of these weights.
    #[track_caller]
    pub(super) fn of<T: Float, S: Step<N>, const N: usize>(
        gates: &[Gates<T>],
        options: Recurrent,
        rng: &mut impl Rng,
    ) -> Self {
        let (name, directions) = (S::NAME, options.directions());
        let expected = options.layers * directions;
        assert!(gates.len() == expected, "{name}: {} sets of weights, expected {expected}", gates.len());
        let [w, u] = [&gates[0].weight_ih, &gates[0].weight_hh].map(|w| w.value.shape());
        assert!(w.ndim() == 2 && u.ndim() == 2, "{name}: weights {w:?} and {u:?}, not matrices");
        let (inputs, hidden) = (w[1], u[1]);
        for (i, gates) in gates.iter().enumerate() {
            let inputs = if i < directions { inputs } else { directions * hidden };
            gates.check(name, [S::GATES * hidden, inputs, hidden], options.biases);
        }
        let suffix = |i: usize| format!("_l{}{}", i / directions, if i % directions == 1 { "_reverse" } else { "" });
        let suffixes = (0..gates.len()).map(suffix).collect();
        let dropout = (options.dropout > 0.0).then(|| Dropout::init(options.dropout, rng));
        Arrangement { options, inputs, hidden, suffixes, dropout }
    }

    /// The outputs for `x`, and the state after the last step of each layer and direction.
    #[track_caller]
    pub(super) fn run<'t, T: Float, S: Step<N>, const N: usize>(
        &self,
        gates: &[Gates<T>],
        step: &S,
        x: Var<'t, T>,
        state: Option<[Var<'t, T>; N]>,
    ) -> (Var<'t, T>, [Var<'t, T>; N]) {
        let shape = x.shape();
        let mut y = self.time_first(S::NAME, x);
        let batch = y.shape()[1];
        let first = self.first_state(S::NAME, y, state, shape.ndim() == 2);
        let mut ends: Vec<[Var<'t, T>; N]> = Vec::new();
        for layer in gates.chunks(self.options.directions()) {
            if let Some(dropout) = self.dropout.as_ref().filter(|_| !ends.is_empty()) {
                y = dropout.forward(y);
            }
            let mut outputs = Vec::new();
            for (direction, gates) in layer.iter().enumerate() {
                let mut state = first;
                for part in &mut state {
                    *part = part.narrow(0, ends.len(), 1).reshape([batch, self.hidden]);
                }
                let (output, end) = pass(y, gates, state, direction == 1, step);
                outputs.push(output);
                ends.push(end);
            }
            y = if let [output] = outputs[..] { output } else { Var::concat(&outputs, -1) };
        }
        let mut last = first;
        for (n, part) in last.iter_mut().enumerate() {
            let ends: Vec<_> = ends.iter().map(|end| end[n]).collect();
            *part = Var::stack(&ends, 0);
            if shape.ndim() == 2 {
                *part = part.squeeze(1);
            }
        }
        match shape.ndim() {
            2 => (y.squeeze(1), last),
            _ if self.options.batch_first => (y.swapaxes(0, 1), last),
            _ => (y, last),
        }
    }

    /// `x` as `[time, batch, inputs]`.
    #[track_caller]
    fn time_first<'t, T: Float>(&self, name: &str, x: Var<'t, T>) -> Var<'t, T> {
        let (shape, inputs) = (x.shape(), self.inputs);
        let order = if self.options.batch_first { "[batch, time" } else { "[time, batch" };
        let fits = (shape.ndim() == 2 || shape.ndim() == 3) && shape.last() == Some(&inputs);
        assert!(fits, "{name}: input {shape:?}, expected {order}, {inputs}] or [time, {inputs}]");
        let x = match shape.ndim() {
            2 => x.unsqueeze(1),
            _ if self.options.batch_first => x.swapaxes(0, 1),
            _ => x,
        };
        assert!(x.shape()[0] > 0, "{name}: input {shape:?} has no step in time");
        x
    }

    /// The state to begin with, each of its tensors `[layers · directions, batch, hidden]`: zeros, unless there is one.
    #[track_caller]
    fn first_state<'t, T: Float, const N: usize>(
        &self,
        name: &str,
        x: Var<'t, T>,
        state: Option<[Var<'t, T>; N]>,
        without_batch: bool,
    ) -> [Var<'t, T>; N] {
        let shape: Shape = [self.suffixes.len(), x.shape()[1], self.hidden].into();
        let Some(mut state) = state else { return [x.tape().constant(Tensor::zeros(&shape)); N] };
        let expected = if without_batch { shape.without(1) } else { shape.clone() };
        for part in &mut state {
            assert!(part.shape() == expected, "{name}: state {:?}, expected {expected:?}", part.shape());
            *part = part.reshape(&shape);
        }
        state
    }

    /// The weights under their names, and the dropout.
    pub(super) fn parts<T: Float>(
        &self,
        gates: &[Gates<T>],
        path: &Path<'_>,
        f: &mut dyn FnMut(&Path<'_>, Part<'_, T>),
    ) {
        for (gates, suffix) in gates.iter().zip(&self.suffixes) {
            gates.weight_ih.parts(&path.join("weight_ih").suffixed(suffix), f);
            gates.weight_hh.parts(&path.join("weight_hh").suffixed(suffix), f);
            gates.bias_ih.parts(&path.join("bias_ih").suffixed(suffix), f);
            gates.bias_hh.parts(&path.join("bias_hh").suffixed(suffix), f);
        }
        self.dropout.parts(&path.join("dropout"), f);
    }

    /// The weights under their names, to be changed.
    pub(super) fn visit_mut<T: Float>(
        &self,
        gates: &mut [Gates<T>],
        path: &Path<'_>,
        f: &mut dyn FnMut(&Path<'_>, &mut Param<T>),
    ) {
        for (gates, suffix) in gates.iter_mut().zip(&self.suffixes) {
            gates.weight_ih.visit_mut(&path.join("weight_ih").suffixed(suffix), f);
            gates.weight_hh.visit_mut(&path.join("weight_hh").suffixed(suffix), f);
            gates.bias_ih.visit_mut(&path.join("bias_ih").suffixed(suffix), f);
            gates.bias_hh.visit_mut(&path.join("bias_hh").suffixed(suffix), f);
        }
    }
}

/// One layer in one direction on `x` `[time, batch, inputs]`: its outputs `[time, batch, hidden]`, and its last state.
#[track_caller]
fn pass<'t, T: Float, S: Step<N>, const N: usize>(
    x: Var<'t, T>,
    gates: &Gates<T>,
    mut state: [Var<'t, T>; N],
    backwards: bool,
    step: &S,
) -> (Var<'t, T>, [Var<'t, T>; N]) {
    let (tape, shape) = (x.tape(), x.shape());
    let (time, batch) = (shape[0], shape[1]);
    let mut x = x.reshape([time * batch, shape[2]]).matmul(tape.param(&gates.weight_ih).t());
    let mut apart = None;
    if let (Some(bias_ih), Some(bias_hh)) = (&gates.bias_ih, &gates.bias_hh) {
        let (bias_ih, bias_hh) = (tape.param(bias_ih), tape.param(bias_hh));
        apart = S::APART.then_some(bias_hh);
        x = x + if S::APART { bias_ih } else { bias_ih + bias_hh };
    }
    let weight = tape.param(&gates.weight_hh).t();
    let mut outputs = Vec::with_capacity(time);
    for t in 0..time {
        let t = if backwards { time - 1 - t } else { t };
        state = step.next(x.narrow(0, t * batch, batch), state, weight, apart);
        outputs.push(state[0]);
    }
    if backwards {
        outputs.reverse();
    }
    let hidden = outputs[0].shape()[1];
    (Var::concat(&outputs, 0).reshape([time, batch, hidden]), state)
}
