//! The ways that gradients take to what is asked for.

use super::op::Needed;
use super::{Tape, Var};
use crate::float::Float;

/// Which of the first nodes of a tape a gradient passes on its way to given values, and to which of their inputs it then goes on; none
/// where it does not come. What a sweep does not need it leaves out.
pub(super) struct Ways(Vec<Option<Needed>>);

impl Ways {
    /// The ways to `xs` through the nodes before `end`.
    pub(super) fn to<T: Float>(xs: &[Var<'_, T>], tape: &Tape<T>, end: usize) -> Self {
        let mut ways = vec![None; end];
        let before = xs.iter().map(|x| x.index as usize).filter(|&i| i < end);
        before.clone().for_each(|i| ways[i] = Some(Needed::NONE));
        let nodes = tape.nodes.borrow();
        for i in before.min().unwrap_or(end)..end {
            let (inputs, needed) = (&nodes[i].inputs, nodes[i].needed);
            if needed != Needed::NONE {
                let is_way = |(k, &input): (usize, &u32)| needed.has(k) && ways[input as usize].is_some();
                let on_to = Needed::new(inputs.iter().enumerate().map(is_way));
                ways[i] = if on_to == Needed::NONE { ways[i] } else { Some(on_to) };
            }
        }
        Ways(ways)
    }

    /// Whether one passes node `i`.
    #[inline]
    pub(super) fn pass(&self, i: usize) -> bool {
        self.0[i].is_some()
    }

    /// The inputs of node `i` that they go on to.
    #[inline]
    pub(super) fn from(&self, i: usize) -> Needed {
        self.0[i].unwrap_or(Needed::NONE)
    }
}
