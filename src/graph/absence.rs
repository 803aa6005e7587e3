//! Why a gradient is not there. All of this is off the path of a program that is right.

use std::fmt;
use std::panic::Location;

use super::tape::Kind;
use super::ways::Ways;
use super::{Param, Var};
use crate::float::Float;
use crate::shape::Shape;

/// Why there is no gradient by a value: the whole story, with op, shape and source line of the nodes that matter.
///
/// # Examples
/// ```
/// # use rensa::{Reason, Tape, tensor};
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf(tensor![1.4, 2.6]);
/// let loss = (x.round() * 3.0).sum(..);
/// let why = loss.grad([x]).unwrap_err();
/// assert_eq!(why.reason(), Reason::NoRule);
/// assert!(why.to_string().contains("cut at round [2]"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct NoGradient(Box<Story>);

/// In a word, why there is no gradient by a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// It is a constant.
    Constant,
    /// It is a parameter that is frozen.
    Frozen,
    /// It was computed from constants only.
    OfConstants,
    /// It, or the only way from it to the loss, was computed while the tape was paused.
    Paused,
    /// It, or the only way from it to the loss, was detached.
    Detached,
    /// An op that has no rule, such as rounding, stands on the only way from it to the loss, or computed it.
    NoRule,
    /// The loss does not depend on it.
    NotReached,
    /// A gradient arrives, but is not kept, as for any intermediate value without [`Var::retain_grad`].
    NotRetained,
    /// The gradients are of another tape, or of this one before a reset.
    OtherTape,
    /// The parameter was not on the tape when the loss was computed.
    NeverUsed,
}

/// What a [`NoGradient`] tells, small enough to be kept for each parameter without gradient in each step.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Story {
    of: Place,
    loss: Option<Place>,
    /// Where the way from the one to the other ends, if not at the value itself.
    cut: Option<Place>,
    reason: Reason,
    /// What the op without a rule says of it.
    detail: &'static str,
}

/// A node, as it is told of. It outlives its tape.
#[derive(Clone, PartialEq, Eq)]
struct Place {
    name: &'static str,
    shape: Shape,
    location: Option<&'static Location<'static>>,
}

impl Place {
    fn of<T: Float>(x: Var<'_, T>) -> Self {
        Place { name: x.name(), shape: x.shape(), location: Some(x.location()) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.shape)?;
        self.location.map_or(Ok(()), |location| write!(f, " at {location}"))
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no gradient by {}: ", self.of)?;
        if let (Some(cut), Some(loss)) = (&self.cut, &self.loss) {
            write!(f, "the way from it to {loss} is cut at {cut}, which ")?;
        } else if self.reason != Reason::NotReached {
            write!(f, "it ")?;
        }
        match (self.reason, &self.loss) {
            (Reason::Constant, _) => write!(f, "is a constant; make it a leaf to differentiate by it"),
            (Reason::Frozen, _) => write!(f, "is frozen"),
            (Reason::OfConstants, _) => write!(f, "was computed from constants only"),
            (Reason::Paused, _) => write!(f, "was computed while the tape was paused"),
            (Reason::Detached, _) => write!(f, "was detached"),
            (Reason::NoRule, _) => write!(f, "has no rule: {}", self.detail),
            (Reason::NotReached, Some(loss)) => write!(f, "{loss} does not depend on it"),
            (Reason::NotReached, None) => write!(f, "nothing depends on it"),
            (Reason::NotRetained, _) => {
                write!(f, "is an intermediate value, whose gradient is not kept; call retain_grad() on it before")
            }
            (Reason::OtherTape, _) => {
                write!(f, "is of another tape than these gradients, or they are of this one before a reset")
            }
            (Reason::NeverUsed, _) => write!(f, "was not on the tape when the loss was computed"),
        }
    }
}

impl NoGradient {
    /// The reason in a word; the story is what it displays.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// Why there is no gradient of `loss` by `x`, which would have been `kept` if it had arrived; none if there is one.
    #[cold]
    pub(super) fn of<T: Float>(x: Var<'_, T>, loss: Var<'_, T>, kept: bool) -> Option<Self> {
        Story::of(x, loss, kept).map(Self::from)
    }

    #[cold]
    pub(super) fn of_another_tape<T: Float>(x: Var<'_, T>) -> Self {
        Self::from(Story { of: Place::of(x), loss: None, cut: None, reason: Reason::OtherTape, detail: "" })
    }

    #[cold]
    pub(super) fn never_used<T: Float>(param: &Param<T>) -> Self {
        let of = Place { name: "parameter", shape: param.value.shape().clone(), location: None };
        let reason = if param.is_frozen() { Reason::Frozen } else { Reason::NeverUsed };
        Self::from(Story { of, loss: None, cut: None, reason, detail: "" })
    }
}

impl From<Story> for NoGradient {
    fn from(story: Story) -> Self {
        NoGradient(Box::new(story))
    }
}

impl fmt::Display for NoGradient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NoGradient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoGradient({})", self.0)
    }
}

impl std::error::Error for NoGradient {}

impl Story {
    /// As [`NoGradient::of`].
    #[cold]
    pub(super) fn of<T: Float>(x: Var<'_, T>, loss: Var<'_, T>, kept: bool) -> Option<Self> {
        let story = |reason, cut: Option<Var<'_, T>>, detail| {
            Some(Story { of: Place::of(x), loss: Some(Place::of(loss)), cut: cut.map(Place::of), reason, detail })
        };
        if let Some(reason) = stops_at(x) {
            return story(reason, None, no_rule(x, |_| true));
        }
        match first_cut(x, loss) {
            Cut::Reached if kept => None,
            Cut::Reached => story(Reason::NotRetained, None, ""),
            Cut::NoWay => story(Reason::NotReached, None, ""),
            Cut::At(node) => {
                let ways = Ways::to(&[x], x.tape, node.index as usize);
                let detail = no_rule(node, |input| ways.pass(input as usize));
                story(stops_at(node).unwrap_or(Reason::NoRule), Some(node), detail)
            }
        }
    }
}

/// Why no gradient passes through a node, whatever the input; none if one does.
fn stops_at<T: Float>(x: Var<'_, T>) -> Option<Reason> {
    match x.tape.node(x.index).kind {
        Kind::Constant => Some(Reason::Constant),
        Kind::Frozen => Some(Reason::Frozen),
        Kind::Paused => Some(Reason::Paused),
        Kind::Detached => Some(Reason::Detached),
        Kind::OfConstants => Some(Reason::OfConstants),
        Kind::NoRule => Some(Reason::NoRule),
        Kind::Leaf | Kind::Derived => None,
    }
}

/// What the op of a node says of the first of the inputs `which` that it has no rule for.
fn no_rule<T: Float>(node: Var<'_, T>, which: impl Fn(u32) -> bool) -> &'static str {
    let node = node.tape.node(node.index);
    let op = node.op.as_deref().filter(|_| matches!(node.kind, Kind::NoRule | Kind::Derived));
    let mut slots = node.inputs.iter().enumerate().filter(|&(_, &input)| which(input));
    slots.find_map(|(i, _)| op?.no_rule(i)).unwrap_or_default()
}

/// Where the ways from a value to the loss end.
enum Cut<'t, T: Float> {
    /// A gradient arrives.
    Reached,
    /// Every way ends; this is the first node, in the order of computation, at which one does, and of those the first that the
    /// program cut off, if it did.
    At(Var<'t, T>),
    /// There is no way at all.
    NoWay,
}

fn first_cut<'t, T: Float>(x: Var<'t, T>, loss: Var<'t, T>) -> Cut<'t, T> {
    let root = loss.index as usize;
    if x.index as usize > root {
        return Cut::NoWay;
    }
    let ways = Ways::to(&[x], x.tape, root + 1);
    if ways.pass(root) {
        return Cut::Reached;
    }
    let nodes = x.tape.nodes.borrow();
    // Down from the loss: which nodes it was computed from.
    let mut used = vec![false; root + 1];
    used[root] = true;
    for i in (0..=root).rev() {
        if used[i] {
            nodes[i].inputs.iter().for_each(|&input| used[input as usize] = true);
        }
    }
    let ends = |&i: &usize| used[i] && !ways.pass(i) && nodes[i].inputs.iter().any(|&input| ways.pass(input as usize));
    let ends = || (x.index as usize + 1..=root).filter(ends);
    // What the program cut off goes before what has no rule: behind the latter nothing is lost but a zero.
    let cut_off = |&i: &usize| matches!(nodes[i].kind, Kind::Paused | Kind::Detached);
    match ends().find(cut_off).or_else(|| ends().next()) {
        Some(i) => Cut::At(Var { tape: x.tape, index: i as u32 }),
        None => Cut::NoWay,
    }
}
