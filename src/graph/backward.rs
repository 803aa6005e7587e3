//! The backward sweep: the only place that knows reverse mode.
//!
//! Source: Griewank and Walther, Evaluating Derivatives (2008), §3.2; Baydin et al., "Automatic Differentiation in Machine
//! Learning: a Survey" (2018), §3.2.

use std::panic::Location;

use super::op::{Needed, Pullback, RawPullback, deposit};
use super::tape::{Blame, Kind, Node, TakenOp, Values};
use super::{Gradients, NoGradient, Tape, Var, fan, trap};
use crate::float::Float;
use crate::shape::{Inline, Shape};
use crate::tensor::Tensor;

/// Visits the nodes from `root` down, each with the gradient that has arrived at it. By then every node that uses it has been
/// visited, since a node is appended after its inputs: so the gradient is complete.
fn sweep<T: Float, G>(
    tape: &Tape<T>,
    root: usize,
    slots: &mut [Option<G>],
    mut rule: impl FnMut(usize, &mut [Option<G>]),
) {
    let values = tape.restoring();
    for i in (0..=root).rev() {
        if slots[i].is_some() && tape.nodes.borrow()[i].kind == Kind::Derived {
            values.drop_behind(i);
            values.restore_for_rule(i);
            rule(i, slots);
        }
    }
}

/// One node as the backward sweep passes it: the chain rule, watched.
#[derive(Debug)]
pub struct Step<'t, T: Float> {
    /// The node y.
    pub node: Var<'t, T>,
    /// The gradient that has arrived, ȳ = ∂loss/∂y.
    pub gradient: Tensor<T>,
    /// What it passes on to each input that needs a gradient.
    pub contributions: Vec<Contribution<'t, T>>,
}

/// What a node passes on to one of its inputs.
#[derive(Debug)]
pub struct Contribution<'t, T: Float> {
    /// The input xᵢ.
    pub input: Var<'t, T>,
    /// ȳ · ∂y/∂xᵢ, in the shape of the input; the contributions to an input add up to its gradient.
    pub product: Tensor<T>,
}

impl<'t, T: Float> Var<'t, T> {
    /// The gradients of this single number by every leaf and parameter that it depends on.
    ///
    /// # Panics
    /// If it has more than one element, or none: reduce it first, with `sum(..)` or `mean(..)`.
    #[track_caller]
    pub fn backward(self) -> Gradients<T> {
        let mut gradients = Gradients::new();
        self.backward_into(&mut gradients);
        gradients
    }

    /// [`Var::backward`] into gradients whose memory is used again.
    ///
    /// # Panics
    /// As [`Var::backward`].
    #[track_caller]
    pub fn backward_into(self, gradients: &mut Gradients<T>) {
        let shape = self.loss_shape();
        self.sweep_tensors(Tensor::full(shape, T::one()), gradients, false);
    }

    /// [`Var::backward_into`] of a loss after which no value is read any more: each is dropped as soon as the sweep has passed it.
    #[track_caller]
    pub(super) fn backward_consuming(self, gradients: &mut Gradients<T>) {
        let shape = self.loss_shape();
        self.sweep_tensors(Tensor::full(shape, T::one()), gradients, true);
    }

    /// The gradients of `Σ seed · self`, for a value of any shape.
    ///
    /// # Panics
    /// If `seed` has another shape.
    #[track_caller]
    pub fn backward_with(self, seed: Tensor<T>) -> Gradients<T> {
        assert!(*seed.shape() == self.shape(), "backward_with: seed {:?} for {self:?}", seed.shape());
        let mut gradients = Gradients::new();
        self.sweep_tensors(seed, &mut gradients, false);
        gradients
    }

    #[track_caller]
    fn loss_shape(self) -> Shape {
        let shape = self.shape();
        if shape.elements() != 1 {
            not_scalar(self);
        }
        shape
    }

    /// The first-order sweep: slots hold tensors, the tape is paused.
    #[track_caller]
    fn sweep_tensors(self, seed: Tensor<T>, gradients: &mut Gradients<T>, consume: bool) {
        let (tape, root) = (self.tape, self.index as usize);
        let _paused = tape.pause();
        if tape.trapping.get() {
            self.trap_seed(&seed);
        }
        let mut slots = tape.slots.take();
        slots.resize_with(root + 1, || None);
        slots[root] = Some(seed);
        gradients.start(tape.epoch(), self.index);
        let mut passed = root + 1; // from here on values have been dropped, if they are consumed
        sweep(tape, root, &mut slots, |i, slots| {
            let Some(g) = slots[i].take() else { return };
            let nodes = tape.nodes.borrow();
            if nodes[i].retained {
                gradients.keep(i as u32, None, g.clone());
            }
            let arrived = tape.trapping.get().then(|| g.clone());
            let declined = apply_fused(&nodes, i, g, slots);
            drop(nodes); // a rule on handles appends nodes
            if let Err(g) = declined {
                apply_rule(tape, i, g, |input, part| deposit(&mut slots[input as usize], part));
            }
            if let Some(g) = arrived {
                tape.trap_gradient(i, &g, |input| slots[input as usize].clone());
            }
            if consume {
                tape.nodes.borrow_mut()[i..passed].iter_mut().for_each(|node| node.value.release());
                passed = i;
            }
        });
        gradients.collect_leaves(tape, &mut slots);
        slots.clear();
        tape.slots.replace(slots);
    }

    /// The gradients of this single number by each of `wrt`, as values on the tape, to be differentiated again.
    ///
    /// # Errors
    /// If it does not depend on one of them: says where the way from one to the other ends.
    ///
    /// # Panics
    /// If it has more than one element, or none, or one of `wrt` is of another tape.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(Tensor::scalar(2.0));
    /// let [first] = (x * x * x).grad([x])?;
    /// let [second] = first.grad([x])?;
    /// assert_eq!((first.item(), second.item()), (12.0, 12.0)); // 3x² and 6x
    /// # Ok::<(), rensa::NoGradient>(())
    /// ```
    #[track_caller]
    pub fn grad<const N: usize>(self, wrt: [Var<'t, T>; N]) -> Result<[Var<'t, T>; N], NoGradient> {
        let _here = Blame::on(self.tape, Location::caller());
        let seed = self.tape.constant(Tensor::full(self.loss_shape(), T::one()));
        let mut found = [self; N];
        self.sweep_vars(seed, &wrt, &mut found)?;
        Ok(found)
    }

    /// The gradients of `Σ seed · self` by each of `wrt`, as values on the tape, for a value of any shape. They can be differentiated
    /// again, by `seed` too: they are linear in it.
    ///
    /// # Errors
    /// As [`Var::grad`].
    ///
    /// # Panics
    /// If `seed` has another shape, or it or one of `wrt` is of another tape.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, seed) = (tape.leaf(tensor![1.0, 2.0]), tape.leaf(tensor![10.0, 0.5]));
    /// let [g] = (x * x).grad_with(seed, [x])?;
    /// assert_eq!(g.value().to_vec(), [20.0, 2.0]); // 2 · x · seed
    /// assert_eq!(g.sum(..).backward()[seed].to_vec(), [2.0, 4.0]); // 2 · x
    /// # Ok::<(), rensa::NoGradient>(())
    /// ```
    #[track_caller]
    pub fn grad_with<const N: usize>(
        self,
        seed: Var<'t, T>,
        wrt: [Var<'t, T>; N],
    ) -> Result<[Var<'t, T>; N], NoGradient> {
        let _here = Blame::on(self.tape, Location::caller());
        self.same_tape("grad_with", seed);
        assert!(seed.shape() == self.shape(), "grad_with: seed {seed:?} for {self:?}");
        let mut found = [self; N];
        self.sweep_vars(seed, &wrt, &mut found)?;
        Ok(found)
    }

    /// Why there is no gradient of this value by `x`; none if there is one. It only tells, and appends nothing to the tape.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reason, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![1.0, 2.0]);
    /// let loss = (x.detach() * 2.0).sum(..);
    /// assert_eq!(loss.why_no_grad(x).map(|why| why.reason()), Some(Reason::Detached));
    /// assert_eq!(x.sum(..).why_no_grad(x), None);
    /// ```
    pub fn why_no_grad(self, x: Var<'t, T>) -> Option<NoGradient> {
        if !std::ptr::eq(x.tape, self.tape) {
            return Some(NoGradient::of_another_tape(x));
        }
        NoGradient::of(x, self, true)
    }

    /// Puts the gradients by `wrt` into `found`, or tells of the first that is not there.
    #[track_caller]
    fn sweep_vars(self, seed: Var<'t, T>, wrt: &[Var<'t, T>], found: &mut [Var<'t, T>]) -> Result<(), NoGradient> {
        for (found, arrived) in found.iter_mut().zip(self.sweep_each(seed, wrt)) {
            *found = arrived?;
        }
        Ok(())
    }

    /// The sweep whose slots hold nodes: what it computes is recorded. Each of `wrt` has a gradient, or a reason why not.
    #[track_caller]
    pub(crate) fn sweep_each(self, seed: Var<'t, T>, wrt: &[Var<'t, T>]) -> Vec<Result<Var<'t, T>, NoGradient>> {
        let (tape, root) = (self.tape, self.index as usize);
        wrt.iter().for_each(|&x| self.same_tape("grad", x));
        let mut slots: Vec<Option<Var<'t, T>>> = vec![None; root + 1];
        slots[root] = Some(seed);
        sweep(tape, root, &mut slots, |i, slots| {
            let Some(g) = slots[i] else { return };
            for &(input, part) in run_rule(tape, i, g).iter() {
                let (slot, part) = (&mut slots[input as usize], Var { tape, index: part });
                *slot = Some(slot.map_or(part, |sum| Var::apply(fan::Add, &[sum, part])));
            }
            if tape.trapping.get() {
                tape.trap_gradient(i, &g.value(), |input| slots[input as usize].map(Var::value));
            }
        });
        let arrived = |x: Var<'t, T>| slots.get(x.index as usize).copied().flatten().filter(|_| x.needs_gradient());
        let why = |x| NoGradient::of(x, self, true).expect("where no gradient arrives, a way ends");
        wrt.iter().map(|&x| arrived(x).ok_or_else(|| why(x))).collect()
    }

    #[track_caller]
    fn same_tape(self, op: &str, x: Var<'t, T>) {
        assert!(std::ptr::eq(x.tape, self.tape), "{op}: {self:?} and {x:?} are on different tapes");
    }

    /// The backward sweep of this single number, node by node: what [`Var::backward`] adds up, to be looked at.
    ///
    /// # Panics
    /// If it has more than one element, or none.
    #[track_caller]
    pub fn trace(self) -> Vec<Step<'t, T>> {
        let (tape, root) = (self.tape, self.index as usize);
        let _paused = tape.pause();
        let mut slots: Vec<Option<Tensor<T>>> = vec![None; root + 1];
        slots[root] = Some(Tensor::full(self.loss_shape(), T::one()));
        let mut steps = Vec::new();
        sweep(tape, root, &mut slots, |i, slots| {
            let Some(gradient) = slots[i].clone() else { return };
            let mut step = Step { node: Var { tape, index: i as u32 }, gradient, contributions: Vec::new() };
            apply_rule(tape, i, step.gradient.clone(), |index, product| {
                deposit(&mut slots[index as usize], product.clone());
                step.contributions.push(Contribution { input: Var { tape, index }, product });
            });
            steps.push(step);
        });
        steps
    }
}

#[cold]
#[track_caller]
fn not_scalar<T: Float>(loss: Var<'_, T>) -> ! {
    panic!("backward: {loss:?} is not a single number; reduce it with sum(..) or mean(..), or seed it by backward_with")
}

/// Lets node `i` pass on `g` by its fused rule, straight into the slots. Gives `g` back if it has none.
#[inline]
fn apply_fused<T: Float>(
    nodes: &[Node<T>],
    i: usize,
    g: Tensor<T>,
    slots: &mut [Option<Tensor<T>>],
) -> Result<(), Tensor<T>> {
    let node = &nodes[i];
    let op = node.op.as_deref().expect("a derived node has an op");
    let (xs, needed) = (Values::of(nodes, &node.inputs), node.needed);
    let mut p = RawPullback { xs: &xs, y: &node.value, g: Some(g), inputs: &node.inputs, needed, owed: needed, slots };
    if !op.vjp_fused(&mut p) {
        return Err(p.g.expect("a rule that declines leaves the gradient"));
    }
    if p.owed != Needed::NONE {
        keeps_gradient_back(node, p.owed);
    }
    Ok(())
}

/// Gradients are not lost silently: an op passes one on to every input, or says by `no_rule` why not.
#[cold]
fn keeps_gradient_back<T: Float>(node: &Node<T>, owed: Needed) -> ! {
    let which: Vec<usize> = (0..node.inputs.len()).filter(|&i| owed.has(i)).collect();
    panic!(
        "the rule of {} {:?} at {} passes no gradient on to its inputs {which:?}; an op without one says so by Op::no_rule",
        node.name,
        node.value.shape(),
        node.location
    )
}

/// Gives `give` what node `i` passes on by its rule on handles, as tensors. The nodes that the rule appends are forgotten again.
fn apply_rule<T: Float>(tape: &Tape<T>, i: usize, g: Tensor<T>, mut give: impl FnMut(u32, Tensor<T>)) {
    let tail = Tail { tape, len: tape.len() };
    let parts = run_rule(tape, i, tape.constant(g));
    for (k, &(input, part)) in parts.iter().enumerate() {
        // The last to ask for a value takes it along: nobody shares it then, and it can be added to in place.
        let again = parts[k + 1..].iter().any(|&(_, other)| other == part);
        let own = part as usize >= tail.len && !again;
        give(input, if own { tape.take_value(part) } else { Var { tape, index: part }.value() });
    }
}

/// What node `i` passes on, given the gradient `g` that has arrived at it: pairs of an input and what is to be added to its
/// gradient.
fn run_rule<'t, T: Float>(tape: &'t Tape<T>, i: usize, g: Var<'t, T>) -> Inline<(u32, u32)> {
    let (inputs, needed, location) = {
        let nodes = tape.nodes.borrow();
        (nodes[i].inputs.clone(), nodes[i].needed, nodes[i].location)
    };
    let y = Var { tape, index: i as u32 };
    let mut p = Pullback { y, g, inputs, needed, owed: needed, contributions: Inline::new() };
    let (_of_the_node, _untrapped) = (Blame::on(tape, location), trap::Open::on(tape));
    let op = TakenOp::take(tape, i);
    op.as_ref().vjp(&mut p);
    drop(op);
    if p.owed != Needed::NONE {
        keeps_gradient_back(&tape.node(i as u32), p.owed);
    }
    p.contributions
}

/// Forgets the nodes behind `len` when dropped, even by a panic.
struct Tail<'t, T: Float> {
    tape: &'t Tape<T>,
    len: usize,
}

impl<T: Float> Drop for Tail<'_, T> {
    fn drop(&mut self) {
        self.tape.truncate(self.len);
    }
}
