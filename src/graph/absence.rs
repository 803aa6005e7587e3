//! Why a gradient is not there. All of this is off the path of a program that is right.

use std::fmt;

use super::tape::Kind;
use super::{Param, Var};
use crate::float::Float;

/// Why there is no gradient by a value: the whole story, with op, shape and source line of the nodes that matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoGradient {
    story: String,
}

impl fmt::Display for NoGradient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.story)
    }
}

impl std::error::Error for NoGradient {}

impl NoGradient {
    /// Why there is no gradient of `loss` by `x`, which would have been `kept` if it had arrived.
    #[cold]
    pub(super) fn of<T: Float>(x: Var<'_, T>, loss: Var<'_, T>, kept: bool) -> Self {
        let kind = |x: Var<'_, T>| x.tape.node(x.index).kind;
        let reason = match kind(x) {
            Kind::Constant => "it is a constant; make it a leaf to differentiate by it".into(),
            Kind::Frozen => "the parameter is frozen".into(),
            Kind::Paused => "it was computed while the tape was paused".into(),
            Kind::Detached => "it was detached".into(),
            Kind::OfConstants => "it was computed from constants only".into(),
            Kind::Leaf | Kind::Derived => match first_cut(x, loss) {
                Cut::Reached if !kept => {
                    "it is an intermediate value, whose gradient is not kept; call retain_grad() on it before".into()
                }
                Cut::Reached => format!("{loss:?} depends on it only through ops that pass no gradient on"),
                Cut::NoPath => format!("{loss:?} does not depend on it"),
                Cut::At(node) => format!("the way from it to {loss:?} is cut at {node:?}, {}", why_cut(kind(node))),
            },
        };
        NoGradient { story: format!("no gradient by {x:?}: {reason}") }
    }

    #[cold]
    pub(super) fn of_another_tape<T: Float>(x: Var<'_, T>) -> Self {
        let story = format!("no gradient by {x:?}: these gradients are of another tape, or of this one before a reset");
        NoGradient { story }
    }

    #[cold]
    pub(super) fn never_used<T: Float>(param: &Param<T>) -> Self {
        let reason =
            if param.is_frozen() { "it is frozen" } else { "it was not on the tape when the loss was computed" };
        NoGradient { story: format!("no gradient by parameter {:?}: {reason}", param.value.shape()) }
    }
}

fn why_cut(kind: Kind) -> &'static str {
    match kind {
        Kind::Detached => "which was detached",
        Kind::Paused => "which was computed while the tape was paused",
        _ => "through which no gradient passes",
    }
}

/// Where the ways from a value to the loss end.
enum Cut<'t, T: Float> {
    /// A gradient arrives.
    Reached,
    /// Every way ends; this is the last node on one, nearest to the loss.
    At(Var<'t, T>),
    /// There is no way at all.
    NoPath,
}

fn first_cut<'t, T: Float>(x: Var<'t, T>, loss: Var<'t, T>) -> Cut<'t, T> {
    let (nodes, root) = (x.tape.nodes.borrow(), loss.index as usize);
    if x.index as usize > root {
        return Cut::NoPath;
    }
    // Down from the loss: which nodes it was computed from, and to which of them a gradient arrives.
    let (mut used, mut reached) = (vec![false; root + 1], vec![false; root + 1]);
    (used[root], reached[root]) = (true, nodes[root].kind.needs_gradient());
    for i in (0..=root).rev() {
        if !used[i] {
            continue;
        }
        for &input in nodes[i].inputs.iter() {
            let input = input as usize;
            used[input] = true;
            reached[input] |= reached[i] && nodes[input].kind.needs_gradient();
        }
    }
    if reached[x.index as usize] {
        return Cut::Reached;
    }
    // Up from the value: the first node computed from it, and used by the loss, that lets nothing through.
    let mut depends = vec![false; root + 1];
    depends[x.index as usize] = true;
    for i in x.index as usize + 1..=root {
        depends[i] = nodes[i].inputs.iter().any(|&input| depends[input as usize]);
        if depends[i] && used[i] && !nodes[i].kind.needs_gradient() {
            return Cut::At(Var { tape: x.tape, index: i as u32 });
        }
    }
    Cut::NoPath
}
