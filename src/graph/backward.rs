//! The backward sweep: the only place that knows reverse mode.
//!
//! Source: Griewank and Walther, Evaluating Derivatives (2008), §3.2; Baydin et al., "Automatic Differentiation in Machine
//! Learning: a Survey" (2018), §3.2.

use super::op::{Needed, Pullback, RawPullback, deposit};
use super::tape::{Blame, Kind, Node, Tail, TakenOp, Values};
use super::ways::Ways;
use super::{Gradients, NoGradient, Tape, Var, trap};
use crate::float::Float;
use crate::shape::Inline;
use crate::tensor::Tensor;

/// Visits the nodes from `root` down, each with the gradient that has arrived at it. By then every node that uses it has been
/// visited, since a node is appended after its inputs: so the gradient is complete.
pub(super) fn sweep<T: Float, G>(
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
        self.sweep_all(self.one(), gradients, false);
    }

    /// [`Var::backward_into`] of a loss after which no value is read any more: each is dropped as soon as the sweep has passed it.
    #[track_caller]
    pub(super) fn backward_consuming(self, gradients: &mut Gradients<T>) {
        self.sweep_all(self.one(), gradients, true);
    }

    /// The gradients of `Σ seed · self`, for a value of any shape.
    ///
    /// # Panics
    /// If `seed` has another shape.
    #[track_caller]
    pub fn backward_with(self, seed: Tensor<T>) -> Gradients<T> {
        assert!(*seed.shape() == self.shape(), "backward_with: seed {:?} for {self:?}", seed.shape());
        let mut gradients = Gradients::new();
        self.sweep_all(seed, &mut gradients, false);
        gradients
    }

    /// The gradient of a single number by itself, which every sweep for one begins with.
    #[track_caller]
    pub(crate) fn one(self) -> Tensor<T> {
        let shape = self.shape();
        if shape.elements() != 1 {
            not_scalar(self);
        }
        Tensor::full(shape, T::one())
    }

    /// The sweep by every leaf, and by what asked for its gradient. It may consume the values that it has passed.
    #[track_caller]
    fn sweep_all(self, seed: Tensor<T>, gradients: &mut Gradients<T>, consume: bool) {
        gradients.start(self.tape.epoch(), self.index);
        let keep = |i: usize, node: &Node<T>, g: &Tensor<T>| {
            if node.retained {
                gradients.keep(i as u32, None, g.clone());
            }
        };
        let mut slots = self.sweep_tensors(seed, |_, node| node.needed, keep, consume);
        gradients.collect_leaves(self.tape, &mut slots);
        self.give_back(slots);
    }

    /// The gradient of `Σ seed · self` by each of `wrt`, or why there is none: a first-order sweep that computes no others.
    #[track_caller]
    pub(crate) fn pull(self, seed: Tensor<T>, wrt: &[Var<'t, T>]) -> Vec<Result<Tensor<T>, NoGradient>> {
        for &x in wrt {
            self.same_tape("grad", x);
        }
        let (ways, mut found) = (Ways::to(wrt, self.tape, self.index as usize + 1), vec![None; wrt.len()]);
        let mut keep = |i: usize, g: &Tensor<T>| {
            let asked = wrt.iter().zip(&mut found).filter(|(x, _)| x.index as usize == i && x.needs_gradient());
            asked.for_each(|(_, found)| *found = Some(g.clone()));
        };
        let mut slots = self.sweep_tensors(seed, |i, _| ways.from(i), |i, _, g| keep(i, g), false);
        // What is left is at leaves.
        slots.iter_mut().enumerate().for_each(|(i, slot)| slot.take().iter().for_each(|g| keep(i, g)));
        self.give_back(slots);
        wrt.iter().zip(found).map(|(&x, g)| g.ok_or_else(|| self.absence(x))).collect()
    }

    /// The first-order sweep: slots hold tensors, the tape is paused. A node passes a gradient on to those inputs that are `needed`,
    /// after `keep` has seen it. Leaves those of leaves in the slots, of which there are at least as many as nodes.
    #[track_caller]
    fn sweep_tensors(
        self,
        seed: Tensor<T>,
        needed: impl Fn(usize, &Node<T>) -> Needed,
        mut keep: impl FnMut(usize, &Node<T>, &Tensor<T>),
        consume: bool,
    ) -> Vec<Option<Tensor<T>>> {
        let (tape, root) = (self.tape, self.index as usize);
        let _paused = tape.pause();
        if tape.trapping.get() {
            self.trap_seed(&seed);
        }
        let mut slots = tape.slots.take(); // all of them empty
        if slots.len() <= root {
            slots.resize_with(root + 1, || None);
        }
        slots[root] = Some(seed);
        let mut passed = root + 1; // from here on values have been dropped, if they are consumed
        sweep(tape, root, &mut slots, |i, slots| {
            let nodes = tape.nodes.borrow();
            let Some(g) = &slots[i] else { return };
            keep(i, &nodes[i], g);
            let arrived = tape.trapping.get().then(|| g.clone());
            let needed = needed(i, &nodes[i]);
            let is_done = apply_fused(&nodes, i, needed, slots);
            drop(nodes); // a rule on handles appends nodes
            if let (Some(g), false) = (slots[i].take(), is_done) {
                apply_rule(tape, i, g, needed, |input, part| deposit(&mut slots[input as usize], part));
            }
            if let Some(g) = arrived {
                tape.trap_gradient(i, &g, |input| slots[input as usize].clone());
            }
            if consume {
                tape.nodes.borrow_mut()[i..passed].iter_mut().for_each(|node| node.value.release());
                passed = i;
            }
        });
        slots
    }

    /// Keeps the memory of slots for the next sweep, from which gradients were taken.
    fn give_back(self, mut slots: Vec<Option<Tensor<T>>>) {
        slots[self.index as usize] = None; // the seed, if the sweep ends where it begins
        debug_assert!(slots.iter().all(Option::is_none), "a gradient that nobody asked for");
        self.tape.slots.replace(slots);
    }

    /// The backward sweep of this single number, node by node: what [`Var::backward`] adds up, to be looked at.
    ///
    /// # Panics
    /// If it has more than one element, or none.
    #[track_caller]
    pub fn backward_steps(self) -> Vec<Step<'t, T>> {
        let (tape, root) = (self.tape, self.index as usize);
        let _paused = tape.pause();
        let mut slots: Vec<Option<Tensor<T>>> = vec![None; root + 1];
        slots[root] = Some(self.one());
        let mut steps = Vec::new();
        sweep(tape, root, &mut slots, |i, slots| {
            let Some(gradient) = slots[i].clone() else { return };
            let mut step = Step { node: Var { tape, index: i as u32 }, gradient, contributions: Vec::new() };
            let needed = tape.node(i as u32).needed;
            apply_rule(tape, i, step.gradient.clone(), needed, |index, product| {
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

/// Lets node `i` pass the gradient in its slot on by its fused rule, straight into the slots of its inputs. Returns whether it has one; if
/// not, the gradient stays.
#[inline]
fn apply_fused<T: Float>(nodes: &[Node<T>], i: usize, needed: Needed, slots: &mut [Option<Tensor<T>>]) -> bool {
    let node = &nodes[i];
    let op = node.op.as_deref().expect("a derived node has an op");
    let xs = Values::of(nodes, &node.inputs);
    let (slots, g) = slots.split_at_mut(i); // inputs come before
    let g = &mut g[0];
    let mut p = RawPullback { xs: &xs, y: &node.value, g, inputs: &node.inputs, needed, owed: needed, slots };
    let is_done = op.vjp_fused(&mut p);
    if is_done && p.owed != Needed::NONE {
        keeps_gradient_back(node, p.owed);
    }
    is_done
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
fn apply_rule<T: Float>(tape: &Tape<T>, i: usize, g: Tensor<T>, needed: Needed, mut give: impl FnMut(u32, Tensor<T>)) {
    let tail = Tail { tape, len: tape.len() };
    let parts = run_rule(tape, i, tape.constant(g), needed);
    for (k, &(input, part)) in parts.iter().enumerate() {
        // The last to ask for a value takes it along: nobody shares it then, and it can be added to in place.
        let again = parts[k + 1..].iter().any(|&(_, other)| other == part);
        let own = part as usize >= tail.len && !again;
        give(input, if own { tape.take_value(part) } else { Var { tape, index: part }.value() });
    }
}

/// What node `i` passes on to those of its inputs that are `needed`, given the gradient `g` that has arrived at it: pairs of an input
/// and what is to be added to its gradient.
pub(super) fn run_rule<'t, T: Float>(tape: &'t Tape<T>, i: usize, g: Var<'t, T>, needed: Needed) -> Inline<(u32, u32)> {
    let (inputs, location) = {
        let nodes = tape.nodes.borrow();
        (nodes[i].inputs.clone(), nodes[i].location)
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
