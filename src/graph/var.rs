//! The handle on a node.

use std::fmt;
use std::panic::Location;

use super::tape::Kind;
use super::{Op, Tape};
use crate::float::Float;
use crate::shape::{Inline, Shape};
use crate::tensor::Tensor;

/// A value on a tape. It is a copyable handle: every method on it computes, and appends a node to the tape.
pub struct Var<'t, T: Float> {
    pub(super) tape: &'t Tape<T>,
    pub(super) index: u32,
}

impl<T: Float> Clone for Var<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Float> Copy for Var<'_, T> {}

impl<'t, T: Float> Var<'t, T> {
    /// `op` of `xs`: the one way in which nodes come about, for the library's ops and for yours.
    ///
    /// # Panics
    /// If `xs` is empty or its handles are of different tapes, or as the op's forward pass does.
    #[inline]
    #[track_caller]
    pub fn apply<O: Op<T>>(op: O, xs: &[Var<'t, T>]) -> Var<'t, T> {
        let Some(first) = xs.first() else { no_input(op.name()) };
        for x in xs {
            if !std::ptr::eq(first.tape, x.tape) {
                two_tapes(op.name(), first, x);
            }
        }
        match *xs {
            [a] => a.tape.apply(op, &[a.index]),
            [a, b] => a.tape.apply(op, &[a.index, b.index]),
            _ => first.tape.apply(op, &xs.iter().map(|x| x.index).collect::<Inline<u32>>()),
        }
    }

    /// The tape.
    #[inline]
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }

    /// The value; shares its storage with the tape.
    #[inline]
    pub fn value(self) -> Tensor<T> {
        let _restored = self.tape.restored_for(&[self.index]);
        self.tape.node(self.index).value.clone()
    }

    /// The value's shape.
    #[inline]
    pub fn shape(self) -> Shape {
        self.tape.node(self.index).value.shape().clone()
    }

    /// The number of axes.
    #[inline]
    pub fn ndim(self) -> usize {
        self.tape.node(self.index).value.ndim()
    }

    /// The value's one element.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[track_caller]
    pub fn item(self) -> T {
        self.value().item()
    }

    /// The name of the op that computed it.
    pub fn name(self) -> &'static str {
        self.tape.node(self.index).name
    }

    /// The line of the program that made it.
    pub fn location(self) -> &'static Location<'static> {
        self.tape.node(self.index).location
    }

    /// The node's number, in the order of computation.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// What it was computed from.
    pub fn inputs(self) -> Vec<Var<'t, T>> {
        self.tape.node(self.index).inputs.iter().map(|&index| Var { tape: self.tape, index }).collect()
    }

    /// Whether a gradient can pass through it: it is a leaf, or was recorded and depends on one.
    pub fn needs_gradient(self) -> bool {
        self.tape.node(self.index).kind.needs_gradient()
    }

    /// The same value as a constant: no gradient passes back through it.
    #[track_caller]
    pub fn detach(self) -> Self {
        self.tape.push(self.value(), "detach", Kind::Detached, &[self.index], Location::caller())
    }

    /// Asks [`Var::backward`] to keep the gradient of this node, which it does of its own accord for leaves only.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let h = (tape.leaf(tensor![1.0, 2.0]) * 3.0).retain_grad();
    /// assert_eq!((h * h).sum(..).backward()[h].to_vec(), [6.0, 12.0]);
    /// ```
    pub fn retain_grad(self) -> Self {
        self.tape.nodes.borrow_mut()[self.index as usize].retained = true;
        self
    }
}

#[cold]
#[track_caller]
fn no_input(op: &str) -> ! {
    panic!("{op}: an op needs at least one input, to know its tape")
}

#[cold]
#[track_caller]
fn two_tapes<T: Float>(op: &str, a: &Var<'_, T>, b: &Var<'_, T>) -> ! {
    panic!("{op}: its inputs are on different tapes: {a:?} and {b:?}")
}

impl<T: Float> fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} at {}", self.name(), self.shape(), self.location())
    }
}
