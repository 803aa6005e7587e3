//! The ways that gradients take to what is asked for.

use super::op::Needed;
use super::{Tape, Var};
use crate::float::Float;

/// Which of the first nodes of a tape a gradient passes on its way to given values, and to which of their inputs it then goes on.
/// What a sweep does not need it leaves out.
pub(super) struct Ways {
    passes: Vec<bool>,
    on_to: Vec<Needed>,
}

impl Ways {
    /// The ways to `xs` through the nodes before `end`.
    pub(super) fn to<T: Float>(xs: &[Var<'_, T>], tape: &Tape<T>, end: usize) -> Self {
        let (mut passes, mut on_to) = (vec![false; end], vec![Needed::NONE; end]);
        let before = xs.iter().map(|x| x.index as usize).filter(|&i| i < end);
        before.clone().for_each(|i| passes[i] = true);
        let nodes = tape.nodes.borrow();
        for i in before.min().unwrap_or(end)..end {
            let (inputs, needed) = (&nodes[i].inputs, nodes[i].needed);
            if needed != Needed::NONE {
                on_to[i] = Needed::new(inputs.iter().enumerate().map(|(k, &x)| needed.has(k) && passes[x as usize]));
                passes[i] |= on_to[i] != Needed::NONE;
            }
        }
        Ways { passes, on_to }
    }

    /// Whether one passes node `i`.
    #[inline]
    pub(super) fn pass(&self, i: usize) -> bool {
        self.passes[i]
    }

    /// The inputs of node `i` that they go on to.
    #[inline]
    pub(super) fn from(&self, i: usize) -> Needed {
        self.on_to[i]
    }
}
