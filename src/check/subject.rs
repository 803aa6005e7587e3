//! What is checked: functions and modules, as something that puts its inputs on a tape and computes on it.

use std::panic::Location;

use crate::float::Float;
use crate::graph::{Blame, Op, Tape, Var};
use crate::nn::{Module, Path};
use crate::ops::Specimen;
use crate::tensor::Tensor;

/// Something that is computed on a tape from inputs.
pub(super) trait Subject<T: Float> {
    /// The inputs as nodes, from the values in `at`, and the output.
    fn record<'t>(&mut self, tape: &'t Tape<T>, at: &[Tensor<T>]) -> (Vec<Var<'t, T>>, Var<'t, T>);
}

/// A function of nodes. Unlike a [`Subject`] it can be given nodes of any kind.
pub(super) trait Function {
    fn apply<'t>(&self, xs: &[Var<'t, f64>]) -> Var<'t, f64>;
}

/// A function whose inputs are leaves, made by the line that asked for the check.
pub(super) struct OfLeaves<'f>(pub(super) &'f dyn Function, pub(super) &'static Location<'static>);

impl Subject<f64> for OfLeaves<'_> {
    fn record<'t>(&mut self, tape: &'t Tape<f64>, at: &[Tensor<f64>]) -> (Vec<Var<'t, f64>>, Var<'t, f64>) {
        let leaves: Vec<_> = {
            let _asked = Blame::on(tape, self.1);
            at.iter().map(|x| tape.leaf(x.clone())).collect()
        };
        let y = self.0.apply(&leaves);
        (leaves, y)
    }
}

/// A closure of `N` nodes.
pub(super) struct Closure<F, const N: usize>(pub(super) F);

impl<F: for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>, const N: usize> Function for Closure<F, N> {
    fn apply<'t>(&self, xs: &[Var<'t, f64>]) -> Var<'t, f64> {
        (self.0)(std::array::from_fn(|i| xs[i]))
    }
}

/// An op, made anew each time that it is applied, by the line that asked for the check.
pub(super) struct Applied<M>(pub(super) M, pub(super) &'static Location<'static>);

impl<O: Op<f64>, M: Fn() -> O> Function for Applied<M> {
    fn apply<'t>(&self, xs: &[Var<'t, f64>]) -> Var<'t, f64> {
        let _asked = xs.first().map(|x| Blame::on(x.tape(), self.1));
        Var::apply((self.0)(), xs)
    }
}

impl Function for Specimen<f64> {
    fn apply<'t>(&self, xs: &[Var<'t, f64>]) -> Var<'t, f64> {
        (self.apply)(xs)
    }
}

/// A module, whose inputs are its parameters, those that are not frozen, and behind them its input. It gets back the parameters
/// that it had when this is dropped, even by a panic.
pub(super) struct Net<'m, T: Float, M: Module<T>> {
    module: &'m mut M,
    before: Vec<Tensor<T>>,
    asked: &'static Location<'static>,
}

impl<'m, T: Float, M: Module<T>> Net<'m, T, M> {
    pub(super) fn new(module: &'m mut M, asked: &'static Location<'static>) -> Self {
        let mut before = Vec::new();
        module.visit(&Path::ROOT, &mut |_, param| {
            if !param.is_frozen() {
                before.push(param.value.clone());
            }
        });
        Net { module, before, asked }
    }

    /// The names of the parameters that are inputs, and of those that are frozen.
    pub(super) fn names(&self) -> (Vec<String>, Vec<String>) {
        let (mut names, mut frozen) = (Vec::new(), Vec::new());
        self.module.visit(&Path::ROOT, &mut |path, param| {
            if param.is_frozen() { &mut frozen } else { &mut names }.push(path.to_string());
        });
        (names, frozen)
    }

    /// The values of the parameters that are inputs.
    pub(super) fn values(&self) -> &[Tensor<T>] {
        &self.before
    }

    fn put(&mut self, values: &[Tensor<T>]) {
        let mut values = values.iter();
        self.module.visit_mut(&Path::ROOT, &mut |_, param| {
            if !param.is_frozen()
                && let Some(value) = values.next()
            {
                param.value = value.clone();
            }
        });
    }
}

impl<T: Float, M: Module<T>> Subject<T> for Net<'_, T, M> {
    fn record<'t>(&mut self, tape: &'t Tape<T>, at: &[Tensor<T>]) -> (Vec<Var<'t, T>>, Var<'t, T>) {
        self.put(at);
        let made_here = || Blame::on(tape, self.asked);
        let x = {
            let _asked = made_here();
            tape.leaf(at[at.len() - 1].clone())
        };
        let y = self.module.forward(x);
        // Afterwards, so that each is a node of the line of the module that uses it.
        let (mut inputs, _asked) = (Vec::new(), made_here());
        self.module.visit(&Path::ROOT, &mut |_, param| {
            if !param.is_frozen() {
                inputs.push(tape.param(param));
            }
        });
        inputs.push(x);
        (inputs, y)
    }
}

impl<T: Float, M: Module<T>> Drop for Net<'_, T, M> {
    fn drop(&mut self) {
        let before = std::mem::take(&mut self.before);
        self.put(&before);
    }
}
