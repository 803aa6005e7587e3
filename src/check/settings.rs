//! The settings of a check, and what each kind of check consists of.

use std::panic::Location;

use super::experiment::Experiment;
use super::fused;
use super::layouts::Twin;
use super::parts::Bench;
use super::report::{Part, Report, Row};
use super::subject::{Applied, Closure, Function, Net, OfLeaves, Subject};
use crate::float::Float;
use crate::graph::{Op, Tape, Var};
use crate::nn::{Module, Parts};
use crate::ops::Specimen;
use crate::tensor::Tensor;

/// A check with settings of its own. The functions of [this module](super) are its methods, with those of [`Check::new`].
///
/// # Examples
/// ```
/// use rensa::{check::Check, tensor};
/// // A sum of probabilities is 1, whatever x is.
/// let (x, w) = (tensor![1.0, 2.0], tensor![0.5, -1.0]);
/// Check::new().seed(7).full().flat(0).gradients(|[x, w]| x.softmax(-1).sum(..) * w, [&x, &w]).assert();
/// ```
#[derive(Clone, Debug)]
pub struct Check {
    pub(super) seed: u64,
    pub(super) directions: usize,
    pub(super) full: bool,
    pub(super) flat: Vec<String>,
    parts: Option<Vec<Part>>,
}

impl Default for Check {
    fn default() -> Self {
        Check::new()
    }
}

/// What is checked of an op.
const OF_AN_OP: [Part; 8] =
    [Part::First, Part::Second, Part::Fused, Part::Jvp, Part::Constants, Part::Shared, Part::Layouts, Part::Broadcast];

impl Check {
    /// Four random directions for each input, from seed 0.
    pub fn new() -> Self {
        Check { seed: 0, directions: 4, full: false, flat: Vec::new(), parts: None }
    }

    /// With random directions and weights from another seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With this number of random directions for each input.
    pub fn directions(mut self, directions: usize) -> Self {
        self.directions = directions;
        self
    }

    /// With every element one by one, instead of random directions.
    pub fn full(mut self) -> Self {
        self.full = true;
        self
    }

    /// With the derivative by one input declared to be zero: then that it is, is no fault, and that it is not, is one. An input of a
    /// function is called by its number, `flat(0)`, a parameter of a module by its dotted name, and the input of a module `input`.
    pub fn flat(mut self, name: impl ToString) -> Self {
        self.flat.push(name.to_string());
        self
    }

    /// With these parts, instead of those that the kind of check has by itself. A module has no layouts, no shared and no constant
    /// inputs: of it these parts are left out.
    ///
    /// # Examples
    /// ```
    /// use rensa::{check::{Check, Part}, nn::Linear, tensor};
    /// let mut layer = Linear::new(tensor![[1.0, 2.0]], tensor![0.5]);
    /// Check::new().parts([Part::First, Part::Second]).module(&mut layer, &tensor![[3.0, 4.0]]).assert();
    /// ```
    pub fn parts(mut self, parts: impl Into<Vec<Part>>) -> Self {
        self.parts = Some(parts.into());
        self
    }

    /// [`gradients`](super::gradients) with these settings.
    #[track_caller]
    pub fn gradients<T: Float, const N: usize>(
        &self,
        f: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
        inputs: [&Tensor<T>; N],
    ) -> Report {
        self.function("gradients", &Closure(f), &wide(inputs), &[Part::First], Location::caller())
    }

    /// [`second_order`](super::second_order) with these settings.
    #[track_caller]
    pub fn second_order<T: Float, const N: usize>(
        &self,
        f: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
        inputs: [&Tensor<T>; N],
    ) -> Report {
        let parts = [Part::First, Part::Second];
        self.function("gradients to second order", &Closure(f), &wide(inputs), &parts, Location::caller())
    }

    /// [`jvp`](super::jvp) with these settings.
    #[track_caller]
    pub fn jvp<T: Float, const N: usize>(
        &self,
        f: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
        inputs: [&Tensor<T>; N],
    ) -> Report {
        self.function("jvp against vjp", &Closure(f), &wide(inputs), &[Part::Jvp], Location::caller())
    }

    /// [`hessian`](super::hessian) with these settings.
    #[track_caller]
    pub fn hessian<T: Float, const N: usize>(
        &self,
        f: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
        inputs: [&Tensor<T>; N],
    ) -> Report {
        self.function("Hessian", &Closure(f), &wide(inputs), &[Part::Hessian], Location::caller())
    }

    /// [`fused`](super::fused()) with these settings.
    #[track_caller]
    pub fn fused<T: Float, const N: usize>(
        &self,
        fused_form: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
        composition: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
        inputs: [&Tensor<T>; N],
    ) -> Report {
        let (at, asked) = (wide(inputs), Location::caller());
        let rows = fused::rows(self, [&Closure(fused_form), &Closure(composition)], &at, &numbers(N), asked);
        self.report("fused form against its composition", asked, rows)
    }

    /// [`op`](super::op) with these settings.
    #[track_caller]
    pub fn op<O: Op<f64>, T: Float, const N: usize>(&self, make: impl Fn() -> O, inputs: [&Tensor<T>; N]) -> Report {
        let asked = Location::caller();
        let title = format!("op `{}`", make().name());
        self.function(&title, &Applied(make, asked), &wide(inputs), &OF_AN_OP, asked)
    }

    /// What [`op`](super::op) checks, of a specimen, on inputs of the shapes of `case` that are [drawn](Specimen::draw) from the seed.
    ///
    /// # Examples
    /// ```
    /// use rensa::{check::Check, ops::registry};
    /// let specimens = registry::<f64>();
    /// let tanh = specimens.iter().find(|specimen| specimen.name == "tanh").expect("it is there");
    /// Check::new().specimen(tanh, &[vec![2, 3]]).assert();
    /// ```
    #[track_caller]
    pub fn specimen(&self, specimen: &Specimen<f64>, case: &[Vec<usize>]) -> Report {
        let title = format!("op `{}` of {case:?}", specimen.name);
        self.function(&title, specimen, &specimen.draw(case, self.seed), &OF_AN_OP, Location::caller())
    }

    /// [`module`](super::module) with these settings.
    #[track_caller]
    pub fn module<T: Float, M: Module<T>>(&self, net: &mut M, x: &Tensor<T>) -> Report {
        let asked = Location::caller();
        self.net("module", Net::new(net, true, |net, _, x| net.forward(x[0]), asked), Some(x))
    }

    /// [`parameters`](super::parameters) with these settings.
    #[track_caller]
    pub fn parameters<T: Float, P: Parts<T>>(
        &self,
        net: &mut P,
        f: impl for<'t> Fn(&P, &'t Tape<T>) -> Var<'t, T>,
    ) -> Report {
        let asked = Location::caller();
        self.net("parameters", Net::new(net, false, |net, tape, _| f(net, tape), asked), None)
    }

    fn net<T: Float, P: Parts<T>, F>(&self, title: &str, mut net: Net<'_, T, P, F>, x: Option<&Tensor<T>>) -> Report
    where
        F: for<'t> Fn(&P, &'t Tape<T>, &[Var<'t, T>]) -> Var<'t, T>,
    {
        let ((names, frozen), asked) = (net.names(), net.asked);
        let at = net.values().iter().chain(x).cloned().collect();
        let rows = self.subject(&mut net, at, names, self.parts.as_deref().unwrap_or(&[Part::First]));
        let mut report = self.report(title, asked, rows);
        if !frozen.is_empty() {
            report.notes.push(format!("frozen, and so not checked: {}", frozen.join(", ")));
        }
        report
    }

    fn function(
        &self,
        title: &str,
        f: &dyn Function,
        at: &[Tensor<f64>],
        parts: &[Part],
        asked: &'static Location<'static>,
    ) -> Report {
        let mut rows = Vec::new();
        let parts = if at.is_empty() { &[] } else { self.parts.as_deref().unwrap_or(parts) };
        for part in parts {
            rows.extend(self.subject(&mut OfLeaves(f, asked), at.to_vec(), numbers(at.len()), &[*part]));
            rows.extend(Twin::new(f, at, self.seed).rows(*part));
        }
        self.report(title, asked, rows)
    }

    fn subject<T: Float>(
        &self,
        subject: &mut dyn Subject<T>,
        at: Vec<Tensor<T>>,
        names: Vec<String>,
        parts: &[Part],
    ) -> Vec<Row> {
        let mut bench = Bench { check: self, experiment: Experiment::on_output(subject, at), names };
        parts.iter().flat_map(|&part| bench.rows(part)).collect()
    }

    fn report(&self, title: &str, asked: &'static Location<'static>, rows: Vec<Row>) -> Report {
        Report { title: format!("{title}, seed {}", self.seed), asked, rows, notes: Vec::new() }
    }
}

fn wide<T: Float, const N: usize>(inputs: [&Tensor<T>; N]) -> Vec<Tensor<f64>> {
    inputs.iter().map(|x| x.cast()).collect()
}

/// The names of inputs that have none: their numbers.
fn numbers(n: usize) -> Vec<String> {
    (0..n).map(|i| i.to_string()).collect()
}
