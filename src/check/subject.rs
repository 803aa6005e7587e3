//! What is checked: functions and modules, as something that puts its inputs on a tape and computes on it.

use std::panic::Location;

use crate::float::Float;
use crate::graph::{Blame, Op, Tape, Var};
use crate::nn::{Part, Parts, Path};
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

/// A net, whose inputs are its parameters, those that are not frozen, and behind them its input if it has one.
///
/// It is computed anew from the same state each time: what a pass changes, running means and the place in random streams, is put
/// back first. When this is dropped, even by a panic, the net is as it was.
pub(super) struct Net<'m, T: Float, P: Parts<T>, F> {
    net: &'m mut P,
    forward: F,
    has_input: bool,
    before: Vec<Tensor<T>>,
    kept: Vec<Kept<T>>,
    pub(super) asked: &'static Location<'static>,
}

/// What a pass may change in a net.
enum Kept<T: Float> {
    Buffer(Tensor<T>),
    Count(u64),
    Stream(u64),
}

impl<'m, T: Float, P: Parts<T>, F> Net<'m, T, P, F> {
    /// With a `forward` that computes on the tape, from its one input there or from none.
    pub(super) fn new(net: &'m mut P, has_input: bool, forward: F, asked: &'static Location<'static>) -> Self
    where
        F: for<'t> Fn(&P, &'t Tape<T>, &[Var<'t, T>]) -> Var<'t, T>,
    {
        let (mut before, mut kept) = (Vec::new(), Vec::new());
        net.parts(&Path::ROOT, &mut |_, part| match part {
            Part::Param(param) if !param.is_frozen() => before.push(param.value.clone()),
            Part::Buffer(buffer) => kept.push(Kept::Buffer(buffer.get())),
            Part::Count(count) => kept.push(Kept::Count(count.get())),
            Part::Stream(stream) => kept.push(Kept::Stream(stream.drawn())),
            _ => {}
        });
        Net { net, forward, has_input, before, kept, asked }
    }

    /// The names of the inputs, and of the parameters that are none since they are frozen.
    pub(super) fn names(&self) -> (Vec<String>, Vec<String>) {
        let (mut names, mut frozen) = (Vec::new(), Vec::new());
        self.net.visit(&Path::ROOT, &mut |path, param| {
            if param.is_frozen() { &mut frozen } else { &mut names }.push(path.to_string());
        });
        names.extend(self.has_input.then(|| "input".to_string()));
        (names, frozen)
    }

    /// The values of the parameters that are inputs.
    pub(super) fn values(&self) -> &[Tensor<T>] {
        &self.before
    }

    fn put(&mut self, values: &[Tensor<T>]) {
        let mut values = values.iter();
        self.net.visit_mut(&Path::ROOT, &mut |_, param| {
            if !param.is_frozen()
                && let Some(value) = values.next()
            {
                param.value = value.clone();
            }
        });
        let mut kept = self.kept.iter();
        self.net.parts(&Path::ROOT, &mut |_, part| {
            if matches!(part, Part::Buffer(_) | Part::Count(_) | Part::Stream(_)) {
                match (part, kept.next()) {
                    (Part::Buffer(buffer), Some(Kept::Buffer(value))) => buffer.set(value.clone()),
                    (Part::Count(count), Some(Kept::Count(value))) => count.set(*value),
                    (Part::Stream(stream), Some(Kept::Stream(value))) => stream.set_drawn(*value),
                    _ => {}
                }
            }
        });
    }
}

impl<T: Float, P: Parts<T>, F> Subject<T> for Net<'_, T, P, F>
where
    F: for<'t> Fn(&P, &'t Tape<T>, &[Var<'t, T>]) -> Var<'t, T>,
{
    fn record<'t>(&mut self, tape: &'t Tape<T>, at: &[Tensor<T>]) -> (Vec<Var<'t, T>>, Var<'t, T>) {
        self.put(at);
        let made_here = || Blame::on(tape, self.asked);
        let x: Vec<_> = {
            let _asked = made_here();
            at.iter().skip(self.before.len()).map(|x| tape.leaf(x.clone())).collect()
        };
        let y = (self.forward)(self.net, tape, &x);
        // Afterwards, so that each is a node of the line of the net that uses it.
        let (mut inputs, _asked) = (Vec::new(), made_here());
        self.net.visit(&Path::ROOT, &mut |_, param| {
            if !param.is_frozen() {
                inputs.push(tape.param(param));
            }
        });
        inputs.extend(x);
        (inputs, y)
    }
}

impl<T: Float, P: Parts<T>, F> Drop for Net<'_, T, P, F> {
    fn drop(&mut self) {
        let before = std::mem::take(&mut self.before);
        self.put(&before);
    }
}
