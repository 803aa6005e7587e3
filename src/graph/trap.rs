//! Stopping at the first NaN or ∞, where it arises.
//!
//! A NaN in a loss says nothing of where it comes from. With the trap set, every value is looked at as it comes about, and so is
//! every gradient; the first that is not finite although what it was computed from is stops the program with the whole story. An ∞
//! that is put on the tape as a constant, such as the −∞ of an attention mask, is taken for intended, and so is what follows from it,
//! until a NaN arises.

use std::fmt;
use std::panic::Location;

use super::tape::{Kind, Node};
use super::{Tape, Var};
use crate::float::Float;
use crate::tensor::Tensor;

impl<T: Float> Tape<T> {
    /// Stops with a panic, from now on, at the first NaN or ∞ that a computation on this tape or its gradient produces from finite
    /// numbers: names the op, the node, the line, and the ranges of the inputs.
    ///
    /// It looks at every element of every value; unset, it costs one test of a flag per node.
    ///
    /// # Panics
    /// This does not, but what is computed later then does.
    ///
    /// # Examples
    /// ```should_panic
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// tape.trap_non_finite();
    /// let x = tape.leaf(tensor![1.0, 0.0]);
    /// let y = (x - 1.0).ln(); // ln [2] at … is -inf at [0]; from add_scalar [2] at … within [-1.0, 0.0]
    /// ```
    pub fn trap_non_finite(&self) {
        self.trapping.set(true);
    }

    /// Ends [`Tape::trap_non_finite`].
    pub fn ignore_non_finite(&self) {
        self.trapping.set(false);
    }

    /// Looks at the gradients of the inputs of node `i`, when it has just added to them; `g` is the gradient that had arrived at it.
    #[cold]
    pub(super) fn trap_gradient(&self, i: usize, g: &Tensor<T>, gradient_of: impl Fn(u32) -> Option<Tensor<T>>) {
        let nodes = self.nodes.borrow();
        let node = &nodes[i];
        let from: Vec<&Node<T>> = node.inputs.iter().map(|&input| &nodes[input as usize]).collect();
        let is_intended = !all_finite(g) || !from.iter().all(|node| all_finite(&node.value));
        for (&input, to) in node.inputs.iter().zip(&from) {
            let Some(gradient) = gradient_of(input) else { continue };
            let Some(first) = First::arising(&gradient, is_intended, has_nan(g)) else { continue };
            let inputs = from.iter().map(|&input| ("input", input));
            panic!(
                "trap_non_finite: the gradient of {} {first}, with what {} passes on; the gradient that arrives there is {}{}",
                Place(to),
                Place(node),
                Range(g),
                Ranges(inputs.chain([("output", node)]).collect())
            );
        }
    }
}

impl<T: Float> Var<'_, T> {
    /// Looks at a gradient that the sweep is begun with.
    #[cold]
    #[track_caller]
    pub(super) fn trap_seed(self, seed: &Tensor<T>) {
        if let Some(first) = First::arising(seed, false, false) {
            panic!("trap_non_finite: the seed of the gradients of {self:?} {first}");
        }
    }
}

/// Looks at a value before its node is appended to `nodes`.
#[cold]
#[track_caller]
pub(super) fn look_at<T: Float>(
    nodes: &[Node<T>],
    value: &Tensor<T>,
    name: &str,
    kind: Kind,
    inputs: &[u32],
    at: &Location<'_>,
) {
    let from: Vec<&Node<T>> = inputs.iter().map(|&i| &nodes[i as usize]).collect();
    let is_intended = kind == Kind::Constant || !from.iter().all(|node| all_finite(&node.value));
    let had_nan = from.iter().any(|node| has_nan(&node.value));
    let Some(first) = First::arising(value, is_intended, had_nan) else { return };
    let shape = value.shape();
    panic!("trap_non_finite: {name} {shape:?} at {at} {first}{}", Ranges(from.iter().map(|n| ("from", *n)).collect()));
}

fn all_finite<T: Float>(x: &Tensor<T>) -> bool {
    x.iter().all(|x| x.is_finite())
}

fn has_nan<T: Float>(x: &Tensor<T>) -> bool {
    x.iter().any(|x| x.is_nan())
}

/// While it lives the trap is open: what a rule computes on its way may be infinite, as long as what it passes on is not.
pub(super) struct Open<'t, T: Float> {
    tape: &'t Tape<T>,
    before: bool,
}

impl<'t, T: Float> Open<'t, T> {
    #[inline]
    pub(super) fn on(tape: &'t Tape<T>) -> Self {
        Open { tape, before: tape.trapping.replace(false) }
    }
}

impl<T: Float> Drop for Open<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.tape.trapping.set(self.before);
    }
}

/// A node, as a panic names it.
struct Place<'a, T: Float>(&'a Node<T>);

impl<T: Float> fmt::Display for Place<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} at {}", self.0.name, self.0.value.shape(), self.0.location)
    }
}

/// The first element that is wrong.
struct First<'a, T> {
    value: &'a Tensor<T>,
    /// Its number in row-major order.
    at: usize,
}

impl<'a, T: Float> First<'a, T> {
    /// The first NaN, unless there was one before; and the first ∞, unless it is intended.
    fn arising(value: &'a Tensor<T>, is_intended: bool, had_nan: bool) -> Option<Self> {
        let arose = |x: &T| (x.is_nan() && !had_nan) || (x.is_infinite() && !is_intended);
        value.iter().position(arose).map(|at| First { value, at })
    }
}

impl<T: Float> fmt::Display for First<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shape, mut rest) = (self.value.shape(), self.at);
        let mut index = vec![0; shape.ndim()];
        for (axis, &size) in shape.iter().enumerate().rev() {
            (index[axis], rest) = (rest % size, rest / size);
        }
        let element = self.value.iter().nth(self.at).copied().unwrap_or(T::nan());
        write!(f, "is {element:?} at {index:?}")
    }
}

/// Between which numbers a tensor's elements lie, and how many are NaN.
struct Range<'a, T>(&'a Tensor<T>);

impl<T: Float> fmt::Display for Range<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = || self.0.iter().copied().filter(|x| !x.is_nan());
        let nans = self.0.len() - numbers().count();
        match (numbers().reduce(T::min), numbers().reduce(T::max)) {
            (Some(low), Some(high)) => write!(f, "within [{low:?}, {high:?}]")?,
            _ => write!(f, "has no number")?,
        }
        if nans > 0 { write!(f, " but for {nans} NaN") } else { Ok(()) }
    }
}

/// Nodes with the ranges of their values.
struct Ranges<'a, T: Float>(Vec<(&'static str, &'a Node<T>)>);

impl<T: Float> fmt::Display for Ranges<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(role, node)| write!(f, "; {role} {} {}", Place(node), Range(&node.value)))
    }
}
