//! What is observed of a subject, and what the tape claims of it: of its output for first order, of its gradient for second order.

use std::fmt;
use std::panic::Location;

use crate::float::Float;
use crate::graph::{NoGradient, Tape, Var};
use crate::shape::Shape;
use crate::tensor::Tensor;

use super::subject::Subject;

/// Numbers that depend on inputs, in `f64` whatever they are computed in.
pub(super) trait Probe {
    /// The distance from 1 to the next number of the scalar that they are computed in.
    fn epsilon(&self) -> f64;

    /// The inputs.
    fn inputs(&self) -> &[Tensor<f64>];

    /// The numbers, with an input moved.
    fn observe(&mut self, moved: Option<Move<'_>>) -> Vec<f64>;

    /// The nodes that they are computed through, with an input moved.
    fn nodes(&mut self, moved: Option<Move<'_>>) -> Vec<NodeRecord>;
}

/// Input `input` moved to `x + h · u`.
#[derive(Clone, Copy)]
pub(super) struct Move<'a> {
    pub(super) input: usize,
    pub(super) u: &'a Tensor<f64>,
    pub(super) h: f64,
}

/// A node, as it outlives its tape.
pub(super) struct NodeRecord {
    pub(super) op: &'static str,
    pub(super) shape: Shape,
    pub(super) location: &'static Location<'static>,
    pub(super) inputs: Vec<usize>,
    pub(super) values: Vec<f64>,
}

/// `relu [1, 50] at src/net.rs:12`.
impl fmt::Display for NodeRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} at {}:{}", self.op, self.shape, self.location.file(), self.location.line())
    }
}

/// What the tape says that a derivative by an input is.
pub(super) struct Claim {
    /// Zeros where there is none.
    pub(super) gradient: Tensor<f64>,
    /// Why there is none.
    pub(super) absence: Option<NoGradient>,
    /// In what ways of asking for it give different answers.
    pub(super) dissent: Option<String>,
}

/// A subject at a point, and what is looked at there.
pub(super) struct Experiment<'a, T: Float> {
    subject: &'a mut dyn Subject<T>,
    tape: Tape<T>,
    at: Vec<Tensor<T>>,
    inputs: Vec<Tensor<f64>>,
    reading: Reading<T>,
}

/// What is looked at.
enum Reading<T: Float> {
    /// The output.
    Output,
    /// The gradient of a number made of the output.
    Gradient(Readout<T>),
}

/// The number `Σ w ∘ (y + c·y²)` made of an output y. The square makes the incoming gradient of the subject depend on x, so that a rule
/// that does not hand that on at second order is found out, even if it is of a linear op.
pub(super) struct Readout<T: Float> {
    w: Tensor<T>,
    c: T,
}

impl<T: Float> Readout<T> {
    /// With c such that the slope of `y + c·y²` is between 1/2 and 3/2 for outputs up to the size of `y`.
    pub(super) fn new(w: Tensor<T>, y: &Tensor<T>) -> Self {
        Readout { w, c: T::of(0.25 / size(&y.cast())) }
    }

    /// Without the square: the weighted sum.
    pub(super) fn linear(w: Tensor<T>) -> Self {
        Readout { w, c: T::zero() }
    }

    fn apply<'t>(&self, y: Var<'t, T>) -> Var<'t, T> {
        let w = y.tape().constant(self.w.clone());
        if self.c.is_zero() { (w * y).sum(..) } else { (w * (y + y * y * self.c)).sum(..) }
    }
}

/// The largest absolute value, or 1 if that is 0 or not finite.
pub(super) fn size(x: &Tensor<f64>) -> f64 {
    let largest = x.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    if largest > 0.0 && largest.is_finite() { largest } else { 1.0 }
}

pub(super) fn concatenated(xs: &[Tensor<f64>]) -> Vec<f64> {
    xs.iter().flat_map(|x| x.iter().copied()).collect()
}

impl<'a, T: Float> Experiment<'a, T> {
    /// On the output of `subject` at `at`.
    pub(super) fn on_output(subject: &'a mut dyn Subject<T>, at: Vec<Tensor<T>>) -> Self {
        let inputs = at.iter().map(Tensor::cast).collect();
        Experiment { subject, tape: Tape::new(), at, inputs, reading: Reading::Output }
    }

    /// From now on the output is looked at.
    pub(super) fn look_at_output(&mut self) {
        self.reading = Reading::Output;
    }

    /// From now on the gradient of the `readout` is looked at.
    pub(super) fn look_at_gradient(&mut self, readout: Readout<T>) {
        self.reading = Reading::Gradient(readout);
    }

    /// The output at the point.
    pub(super) fn output(&mut self) -> Tensor<T> {
        self.tape.reset();
        self.subject.record(&self.tape, &self.at).1.value()
    }

    fn moved(&self, moved: Option<Move<'_>>) -> Vec<Tensor<T>> {
        let mut at = self.at.clone();
        if let Some(Move { input, u, h }) = moved {
            at[input] = self.inputs[input].zip(u, |x, u| x + h * u).cast();
        }
        at
    }

    /// The gradients of `Σ w ∘ y` by each input, by a backward sweep.
    pub(super) fn first(&mut self, w: &Tensor<T>) -> Vec<Claim> {
        self.tape.reset();
        let (xs, y) = self.subject.record(&self.tape, &self.at);
        let gradients = y.backward_with(w.clone());
        xs.iter().map(|&x| Claim::new(gradients.get(x).cloned(), x)).collect()
    }

    /// The gradients of `Σ w ∘ y` by each input, by a backward sweep and by the rules on handles.
    pub(super) fn both_ways(&mut self, w: &Tensor<T>) -> Vec<[Claim; 2]> {
        self.tape.reset();
        let (xs, y) = self.subject.record(&self.tape, &self.at);
        let swept = y.backward_with(w.clone());
        let by_rules = y.sweep_each(self.tape.constant(w.clone()), &xs);
        let pair = |(&x, by_rules): (&Var<'_, T>, Result<Var<'_, T>, NoGradient>)| {
            [Claim::new(swept.get(x).cloned(), x), Claim::new(by_rules.map(Var::value), x)]
        };
        xs.iter().zip(by_rules).map(pair).collect()
    }

    /// `wᵀ (J u)` and `(wᵀ J) u` by one input; and what there is to say if one of them is not there.
    pub(super) fn transposes(&mut self, input: usize, w: &Tensor<T>, u: &Tensor<T>) -> (Worst, Option<String>) {
        self.tape.reset();
        let (xs, y) = self.subject.record(&self.tape, &self.at);
        let x = xs[input];
        let vjp = Claim::new(y.backward_with(w.clone()).get(x).cloned(), x);
        let jvp = Claim::new(y.jvp([x], [self.tape.constant(u.clone())]).map(Var::value), y);
        let products = |a: &Tensor<f64>, b: &Tensor<T>| a.zip(&b.cast(), |a, b| a * b).to_vec();
        let (pushed, pulled) = (products(&jvp.gradient, w), products(&vjp.gradient, u));
        // What is added up, or would be if no rule had cancelled it.
        let natural = size(&y.value().cast()) / size(&self.inputs[input]);
        let terms = pushed.iter().chain(&pulled).fold(natural, |sum: f64, term| sum + term.abs());
        let [found, expected] = [pushed, pulled].map(|terms| Tensor::scalar(terms.iter().sum::<f64>()));
        let worst = Worst::of(&found, &expected, tolerance(&expected, terms, epsilon::<T>()));
        let absences = vjp.absence.into_iter().chain(jvp.absence);
        (worst, absences.filter(|_| !worst.is_close()).map(|why| why.to_string()).next())
    }

    /// The gradients by each input of `Σ ⟨g, v⟩`, where g are the gradients that are looked at: recorded, and differentiated again by
    /// the rules on handles and by a backward sweep, which have to agree.
    pub(super) fn second(&mut self, v: &[Tensor<T>]) -> Vec<Claim> {
        let Reading::Gradient(readout) = &self.reading else { unreachable!("it looks at the gradient") };
        self.tape.reset();
        let (xs, y) = self.subject.record(&self.tape, &self.at);
        let Some(along) = slope_along(readout, &xs, y, v) else {
            return xs.iter().map(|x| Claim::zero(&x.shape())).collect();
        };
        let handles = along.sweep_each(self.tape.constant(Tensor::ones(along.shape())), &xs);
        let swept = along.backward();
        let scale = size(&along.value().cast());
        let claim = |(&x, by_rules): (&Var<'_, T>, Result<Var<'_, T>, NoGradient>)| {
            let claim = Claim::new(swept.get(x).cloned(), x);
            let by_rules = Claim::new(by_rules.map(Var::value), x);
            let tolerance = tolerance(&by_rules.gradient, scale / size(&x.value().cast()), epsilon::<T>());
            claim.compared(&by_rules, ["the backward sweep", "the rules on handles"], tolerance)
        };
        xs.iter().zip(handles).map(claim).collect()
    }
}

/// `Σ ⟨g, v⟩` of the gradients of the readout by each of `xs` that has one; none if none has.
fn slope_along<'t, T: Float>(
    readout: &Readout<T>,
    xs: &[Var<'t, T>],
    y: Var<'t, T>,
    v: &[Tensor<T>],
) -> Option<Var<'t, T>> {
    let (tape, loss) = (y.tape(), readout.apply(y));
    let gradients = loss.sweep_each(tape.constant(Tensor::ones(loss.shape())), xs);
    let parts = gradients.into_iter().zip(v).filter_map(|(g, v)| Some((g.ok()? * tape.constant(v.clone())).sum(..)));
    parts.reduce(|a, b| a + b)
}

/// How far two computations of `x` may differ by rounding, of whose terms some may be as large as `scale`.
pub(super) fn tolerance(x: &Tensor<f64>, scale: f64, epsilon: f64) -> f64 {
    512.0 * epsilon * x.iter().fold(scale, |largest, x| largest.max(x.abs()))
}

pub(super) fn epsilon<T: Float>() -> f64 {
    T::epsilon().to_f64().unwrap_or(f64::EPSILON)
}

impl<T: Float> Probe for Experiment<'_, T> {
    fn epsilon(&self) -> f64 {
        epsilon::<T>()
    }

    fn inputs(&self) -> &[Tensor<f64>] {
        &self.inputs
    }

    fn observe(&mut self, moved: Option<Move<'_>>) -> Vec<f64> {
        let at = self.moved(moved);
        self.tape.reset();
        let (xs, y) = self.subject.record(&self.tape, &at);
        match &self.reading {
            Reading::Output => concatenated(&[y.value().cast()]),
            Reading::Gradient(readout) => {
                let gradients = readout.apply(y).backward();
                let by = |&x: &Var<'_, T>| gradients.get(x).map_or_else(|_| Tensor::zeros(x.shape()), Tensor::cast);
                concatenated(&xs.iter().map(by).collect::<Vec<_>>())
            }
        }
    }

    fn nodes(&mut self, moved: Option<Move<'_>>) -> Vec<NodeRecord> {
        let at = self.moved(moved);
        self.tape.reset();
        let (xs, y) = self.subject.record(&self.tape, &at);
        if let Reading::Gradient(readout) = &self.reading {
            slope_along(readout, &xs, y, &[]);
        }
        let record = |node: Var<'_, T>| NodeRecord {
            op: node.name(),
            shape: node.shape(),
            location: node.location(),
            inputs: node.inputs().iter().map(|input| input.index()).collect(),
            values: concatenated(&[node.value().cast()]),
        };
        self.tape.vars().map(record).collect()
    }
}

impl Claim {
    fn zero(shape: &Shape) -> Self {
        Claim { gradient: Tensor::zeros(shape), absence: None, dissent: None }
    }

    pub(super) fn new<T: Float>(gradient: Result<Tensor<T>, NoGradient>, x: Var<'_, T>) -> Self {
        match gradient {
            Ok(gradient) if *gradient.shape() == x.shape() => {
                Claim { gradient: gradient.cast(), absence: None, dissent: None }
            }
            Ok(gradient) => {
                let dissent = Some(format!("the gradient has shape {:?}", gradient.shape()));
                Claim { dissent, ..Claim::zero(&x.shape()) }
            }
            Err(why) => Claim { absence: Some(why), ..Claim::zero(&x.shape()) },
        }
    }

    /// With a dissent if it is not `other`, but for roundings: in brief what gives which.
    pub(super) fn compared(mut self, other: &Claim, [own_name, other_name]: [&str; 2], tolerance: f64) -> Self {
        if self.dissent.is_none() {
            let worst = Worst::of(&self.gradient, &other.gradient, tolerance);
            let (found, expected) = (worst.found, worst.expected);
            let differ = || format!("{own_name} gives {found:.6e}, {other_name} {expected:.6e}");
            self.dissent = other.dissent.clone().or_else(|| (!worst.is_close()).then(differ));
        }
        self
    }
}

/// The pair of elements of two tensors that differ most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worst {
    pub(super) found: f64,
    pub(super) expected: f64,
    pub(super) error: f64,
    pub(super) tolerance: f64,
}

impl Worst {
    /// NaN differs from everything, ∞ too, and so do tensors of different shapes.
    pub(super) fn of(found: &Tensor<f64>, expected: &Tensor<f64>, tolerance: f64) -> Self {
        let mut worst = Worst { found: 0.0, expected: 0.0, error: 0.0, tolerance };
        if found.shape() != expected.shape() {
            return Worst { found: f64::NAN, error: f64::NAN, ..worst };
        }
        for (&found, &expected) in found.iter().zip(expected) {
            let error = (found - expected).abs();
            let shows_more = worst.error == 0.0 && expected.abs() > worst.expected.abs();
            if !worst.error.is_nan() && (error.is_nan() || error > worst.error || (error == 0.0 && shows_more)) {
                worst = Worst { found, expected, error, tolerance };
            }
        }
        worst
    }

    pub(super) fn is_close(&self) -> bool {
        self.error <= self.tolerance
    }
}
