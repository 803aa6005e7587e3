//! The tape: nodes in the order in which they were computed.

use std::any::Any;
use std::cell::{Cell, Ref, RefCell};
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use super::checkpoint::Segment;
use super::op::{Needed, Op};
use super::{Gradients, Param, ParamId, Var, trap};
use crate::float::Float;
use crate::shape::{Inline, Shape};
use crate::tensor::Tensor;

/// Where a node's value comes from, and so whether a gradient passes through it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Put on the tape as something to differentiate by.
    Leaf,
    /// Computed, while the tape recorded, from something that needs a gradient.
    Derived,
    /// Put on the tape as it is.
    Constant,
    /// A parameter that is frozen.
    Frozen,
    /// Computed from constants only.
    OfConstants,
    /// Computed while the tape was paused.
    Paused,
    /// Cut off by [`Var::detach`].
    Detached,
    /// Computed by an op that has no rule.
    NoRule,
}

impl Kind {
    #[inline]
    pub(super) fn needs_gradient(self) -> bool {
        matches!(self, Kind::Leaf | Kind::Derived)
    }
}

/// One value, and how it came about.
pub(super) struct Node<T: Float> {
    pub(super) value: Tensor<T>,
    /// What an earlier node at this place left is kept for its memory: it counts for kinds that were recorded only.
    pub(super) op: Option<Box<dyn Op<T>>>,
    pub(super) name: &'static str,
    pub(super) inputs: Inline<u32>,
    /// Which inputs a gradient is passed on to.
    pub(super) needed: Needed,
    pub(super) kind: Kind,
    pub(super) retained: bool,
    pub(super) location: &'static Location<'static>,
}

impl<T: Float> Node<T> {
    /// A place for one.
    fn vacant(location: &'static Location<'static>) -> Self {
        Node {
            value: Tensor::vacant(),
            op: None,
            name: "",
            inputs: Inline::new(),
            needed: Needed::NONE,
            kind: Kind::Constant,
            retained: false,
            location,
        }
    }
}

/// A leaf, and the parameter that it stands for.
#[derive(Clone, Copy)]
pub(super) struct Leaf {
    pub(super) index: u32,
    pub(super) param: Option<ParamId>,
}

/// Which layer has computed an output of which shape.
pub(crate) type Note = (&'static str, usize, Shape);

/// A record of computations, to be differentiated.
///
/// It owns every value; a [`Var`] is a small handle on one. After [`Tape::reset`] it is empty but keeps its memory, so that
/// steps of the same shape allocate nothing new. It is used by one thread at a time and can be sent to another.
///
/// # Examples
/// ```
/// use rensa::{Tape, tensor};
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf(tensor![1.0, 2.0]);
/// let y = (x * x).sum(..);
/// assert_eq!(y.backward()[x].to_vec(), [2.0, 4.0]);
/// ```
///
/// A handle cannot outlive the values that it stands for:
/// ```compile_fail,E0502
/// use rensa::{Tape, tensor};
/// let mut tape = Tape::<f64>::new();
/// let x = tape.leaf(tensor![1.0, 2.0]);
/// tape.reset();
/// x.value(); // x would mean something else now
/// ```
pub struct Tape<T: Float> {
    pub(super) nodes: RefCell<Vec<Node<T>>>,
    /// How many of the nodes are in use; the others only lend their memory.
    live: Cell<usize>,
    recording: Cell<bool>,
    pub(super) leaves: RefCell<Vec<Leaf>>,
    /// Gradients under way, kept for their memory.
    pub(super) slots: RefCell<Vec<Option<Tensor<T>>>>,
    epoch: Cell<u64>,
    /// Whose line new nodes carry while a rule runs.
    blame: Cell<Option<Blamed>>,
    /// What layers tell of their outputs, if somebody wants to know: kind, address, and shape.
    notes: RefCell<Option<Vec<Note>>>,
    /// Parts whose values are dropped until they are needed, in the order in which they ended.
    pub(super) segments: RefCell<Vec<Segment>>,
    /// Parts whose values are there again for a while.
    pub(super) restored: RefCell<Vec<Segment>>,
    /// Whether there are such parts.
    pub(super) is_sparse: Cell<bool>,
    /// Whether values and gradients are looked at as they come about.
    pub(super) trapping: Cell<bool>,
}

/// A number that no other tape, and no other life of this tape, has.
fn next_epoch() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<T: Float> Tape<T> {
    /// An empty tape, recording.
    pub fn new() -> Self {
        Tape {
            nodes: RefCell::default(),
            live: Cell::new(0),
            recording: Cell::new(true),
            leaves: RefCell::default(),
            slots: RefCell::default(),
            epoch: Cell::new(next_epoch()),
            blame: Cell::new(None),
            notes: RefCell::default(),
            segments: RefCell::default(),
            restored: RefCell::default(),
            is_sparse: Cell::new(false),
            trapping: Cell::new(false),
        }
    }

    /// A value that gradients are wanted for.
    #[track_caller]
    pub fn leaf(&self, value: Tensor<T>) -> Var<'_, T> {
        let var = self.push(value, "leaf", Kind::Leaf, &[], Location::caller());
        self.leaves.borrow_mut().push(Leaf { index: var.index, param: None });
        var
    }

    /// A value that gradients are not wanted for.
    #[track_caller]
    pub fn constant(&self, value: Tensor<T>) -> Var<'_, T> {
        self.push(value, "constant", Kind::Constant, &[], Location::caller())
    }

    /// A rank-0 constant.
    #[track_caller]
    pub fn scalar(&self, value: T) -> Var<'_, T> {
        self.constant(Tensor::scalar(value))
    }

    /// A parameter's present value: a leaf, or a constant if the parameter is frozen. Asked again it is the same node, unless
    /// the parameter has changed meanwhile.
    #[track_caller]
    pub fn param(&self, param: &Param<T>) -> Var<'_, T> {
        let kind = if param.is_frozen() { Kind::Frozen } else { Kind::Leaf };
        let leaves = self.leaves.borrow();
        if let Some(leaf) = leaves.iter().rev().find(|leaf| leaf.param == Some(param.id())) {
            let node = self.node(leaf.index);
            if node.kind == kind && unchanged(&node.value, &param.value) {
                return Var { tape: self, index: leaf.index };
            }
        }
        drop(leaves);
        let var = self.push(param.value.clone(), "param", kind, &[], Location::caller());
        self.leaves.borrow_mut().push(Leaf { index: var.index, param: Some(param.id()) });
        var
    }

    /// Computes `f` without recording: what it computes has no gradient. The closure's way of [`Tape::pause`].
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![1.0, 2.0]);
    /// let scale = tape.paused(|| x.sum(..));
    /// assert_eq!((x * scale).sum(..).backward()[x].to_vec(), [3.0, 3.0]);
    /// ```
    pub fn paused<R>(&self, f: impl FnOnce() -> R) -> R {
        let _paused = self.pause();
        f()
    }

    /// Stops recording until the guard is dropped: what is computed meanwhile has no gradient.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![1.0, 2.0]);
    /// let paused = tape.pause();
    /// let scale = x.sum(..);
    /// drop(paused);
    /// assert_eq!((x * scale).sum(..).backward()[x].to_vec(), [3.0, 3.0]);
    /// ```
    pub fn pause(&self) -> Paused<'_, T> {
        Paused { tape: self, before: self.recording.replace(false) }
    }

    /// Forgets every node and keeps their memory. No [`Var`] of this tape can be alive; gradients stay valid by parameter.
    pub fn reset(&mut self) {
        self.truncate(0);
        self.epoch.set(next_epoch());
    }

    /// One training step's differentiation: computes the loss, its gradients into `gradients`, and forgets the nodes.
    /// Returns the loss.
    ///
    /// No handle can leave `f`, so the sweep drops each value as soon as it has passed it. Afterwards nobody but the parameters holds
    /// theirs, so an optimizer changes them in place.
    ///
    /// # Panics
    /// If the loss is not a single number.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Gradients, Param, Tape, tensor};
    /// let w = Param::new(tensor![2.0_f64]);
    /// let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    /// let loss = tape.step(&mut gradients, |tape| (tape.param(&w) * 3.0).sum(..));
    /// assert_eq!((loss, gradients[&w].item()), (6.0, 3.0));
    /// ```
    #[track_caller]
    pub fn step(&mut self, gradients: &mut Gradients<T>, f: impl for<'t> FnOnce(&'t Tape<T>) -> Var<'t, T>) -> T {
        self.reset(); // forgets what a step that panicked has left
        let loss = {
            let loss = f(self);
            let value = loss.value();
            loss.backward_consuming(gradients);
            value.item()
        };
        self.reset();
        loss
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.live.get()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every node, in the order of computation.
    pub fn vars(&self) -> impl Iterator<Item = Var<'_, T>> {
        (0..self.len() as u32).map(|index| Var { tape: self, index })
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.recording.get()
    }

    /// Records until the guard is dropped, paused or not, and then forgets what was recorded: no handle on it may stay.
    pub(crate) fn apart(&self) -> Apart<'_, T> {
        let recording = Paused { tape: self, before: self.recording.replace(true) };
        Apart { _recording: recording, _tail: Tail { tape: self, len: self.len() } }
    }

    /// Asks layers to tell of their outputs from now on.
    pub(crate) fn take_notes(&self) {
        self.notes.replace(Some(Vec::new()));
    }

    /// What they have told.
    pub(crate) fn notes(&self) -> Vec<Note> {
        self.notes.take().unwrap_or_default()
    }

    /// Takes a note, if somebody wants to know.
    #[inline]
    pub(crate) fn note(&self, note: impl FnOnce() -> Note) {
        if let Some(notes) = &mut *self.notes.borrow_mut() {
            notes.push(note());
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    pub(super) fn node(&self, index: u32) -> Ref<'_, Node<T>> {
        Ref::map(self.nodes.borrow(), |nodes| &nodes[index as usize])
    }

    /// Forgets the nodes from `len` on.
    pub(super) fn truncate(&self, len: usize) {
        let mut nodes = self.nodes.borrow_mut();
        for node in &mut nodes[len..self.live.get()] {
            node.value.release();
        }
        let mut leaves = self.leaves.borrow_mut();
        while leaves.last().is_some_and(|leaf| leaf.index as usize >= len) {
            leaves.pop();
        }
        self.live.set(len);
        if self.is_sparse.get() {
            let mut segments = self.segments.borrow_mut();
            segments.retain(|segment| segment.ends_by(len));
            self.is_sparse.set(!segments.is_empty());
        }
    }

    /// The value of a node that is about to be forgotten.
    pub(super) fn take_value(&self, index: u32) -> Tensor<T> {
        std::mem::replace(&mut self.nodes.borrow_mut()[index as usize].value, Tensor::vacant())
    }

    /// Appends a node that passes no gradient on.
    #[track_caller]
    pub(super) fn push(
        &self,
        value: Tensor<T>,
        name: &'static str,
        kind: Kind,
        inputs: &[u32],
        location: &'static Location<'static>,
    ) -> Var<'_, T> {
        self.append(&mut self.nodes.borrow_mut(), value, name, kind, inputs, location);
        Var { tape: self, index: self.len() as u32 - 1 }
    }

    /// Appends a node, in the place of one that only lends its memory if there is one. Inlined, so that a value is copied once.
    #[inline(always)]
    #[track_caller]
    fn append<'n>(
        &self,
        nodes: &'n mut Vec<Node<T>>,
        value: Tensor<T>,
        name: &'static str,
        kind: Kind,
        inputs: &[u32],
        location: &'static Location<'static>,
    ) -> &'n mut Node<T> {
        let index = self.live.get();
        assert!(index < u32::MAX as usize, "a tape holds at most 2³² − 1 nodes");
        let location = match self.blame.get() {
            Some(blamed) if location.file().starts_with(blamed.files) => blamed.location,
            _ => location,
        };
        if self.trapping.get() {
            trap::look_at(nodes, &value, name, kind, inputs, location);
        }
        if index == nodes.len() {
            nodes.push(Node::vacant(location));
        }
        self.live.set(index + 1);
        let node = &mut nodes[index];
        node.value = value;
        node.inputs = Inline::of(inputs);
        (node.name, node.kind, node.location) = (name, kind, location);
        (node.needed, node.retained) = (Needed::NONE, false);
        node
    }

    /// Computes `op` and appends its node.
    #[inline]
    #[track_caller]
    pub(super) fn apply<O: Op<T>>(&self, mut op: O, inputs: &[u32]) -> Var<'_, T> {
        let _restored = self.restored_for(inputs);
        let mut nodes = self.nodes.borrow_mut();
        let wanted = Needed::new(inputs.iter().map(|&i| nodes[i as usize].kind.needs_gradient()));
        let value = op.forward(&Values::of(&nodes, inputs));
        let (kind, needed) = kind_of(&op, inputs.len(), wanted, self.recording.get());
        let node = self.append(&mut nodes, value, op.name(), kind, inputs, Location::caller());
        node.needed = needed;
        if matches!(kind, Kind::Derived | Kind::NoRule) {
            // The op of the last step at this place is most often of the same type: its box serves again.
            match node.op.as_deref_mut().and_then(|op| (op as &mut dyn Any).downcast_mut::<O>()) {
                Some(old) => *old = op,
                None => node.op = Some(Box::new(op)),
            }
        }
        Var { tape: self, index: self.len() as u32 - 1 }
    }
}

/// What a node of `op` is, of whose inputs those in `wanted` need a gradient, and to which of them it passes one on.
#[inline]
fn kind_of<T: Float>(op: &impl Op<T>, inputs: usize, wanted: Needed, recording: bool) -> (Kind, Needed) {
    if wanted == Needed::NONE {
        return (Kind::OfConstants, Needed::NONE);
    }
    if !recording {
        return (Kind::Paused, Needed::NONE);
    }
    let needed = Needed::new((0..inputs).map(|i| wanted.has(i) && op.no_rule(i).is_none()));
    (if needed == Needed::NONE { Kind::NoRule } else { Kind::Derived }, needed)
}

/// The values of nodes, listed without an allocation for up to four. (Not a closure over them: a panic in an op's forward pass
/// would then carry a line of this file, since closures do not pass on the caller's.)
pub(super) enum Values<'a, T: Float> {
    Here([&'a Tensor<T>; 4], usize),
    Heap(Vec<&'a Tensor<T>>),
}

impl<'a, T: Float> Values<'a, T> {
    /// The values of the nodes `inputs`, of which there is at least one.
    #[inline]
    pub(super) fn of(nodes: &'a [Node<T>], inputs: &[u32]) -> Self {
        let value = |i: u32| &nodes[i as usize].value;
        match *inputs {
            [a] => Values::Here([value(a); 4], 1),
            [a, b] => Values::Here([value(a), value(b), value(b), value(b)], 2),
            [a, b, c] => Values::Here([value(a), value(b), value(c), value(c)], 3),
            [a, b, c, d] => Values::Here([value(a), value(b), value(c), value(d)], 4),
            _ => Values::Heap(inputs.iter().map(|&i| value(i)).collect()),
        }
    }
}

impl<'a, T: Float> Deref for Values<'a, T> {
    type Target = [&'a Tensor<T>];

    #[inline]
    fn deref(&self) -> &Self::Target {
        match self {
            Values::Here(values, n) => &values[..*n],
            Values::Heap(values) => values,
        }
    }
}

/// Whether the two are the same elements: the same memory, which neither can change while the other shares it.
fn unchanged<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> bool {
    // One element, alone or repeated, is held inline and shares no memory. That the difference is 0 says more than that they are
    // equal, as dual numbers of other derivatives are too; of equal infinities it is NaN.
    let same = |a: T, b: T| (a - b).is_zero() || (a == b && (a - b).is_nan()) || (a.is_nan() && b.is_nan());
    let inline = |a: &[T], b: &[T]| matches!((a, b), (&[a], &[b]) if same(a, b));
    a.layout() == b.layout() && (a.shares_storage(b) || a.is_empty() || inline(a.data(), b.data()))
}

impl<T: Float> Default for Tape<T> {
    fn default() -> Self {
        Tape::new()
    }
}

/// One line per node: number, op, shape, inputs, and source line.
impl<T: Float> fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, node) in self.nodes.borrow()[..self.len()].iter().enumerate() {
            writeln!(f, "{i}: {} {:?} of {:?} at {}", node.name, node.value.shape(), &*node.inputs, node.location)?;
        }
        Ok(())
    }
}

/// While it lives the tape does not record; made by [`Tape::pause`].
#[must_use = "the tape records again as soon as the guard is dropped"]
pub struct Paused<'t, T: Float> {
    tape: &'t Tape<T>,
    before: bool,
}

impl<T: Float> Drop for Paused<'_, T> {
    fn drop(&mut self) {
        self.tape.recording.set(self.before);
    }
}

/// Forgets the nodes behind `len` when dropped, even by a panic.
pub(super) struct Tail<'t, T: Float> {
    pub(super) tape: &'t Tape<T>,
    pub(super) len: usize,
}

impl<T: Float> Drop for Tail<'_, T> {
    fn drop(&mut self) {
        self.tape.truncate(self.len);
    }
}

/// Made by [`Tape::apart`].
pub(crate) struct Apart<'t, T: Float> {
    _recording: Paused<'t, T>,
    _tail: Tail<'t, T>,
}

/// While it lives, new nodes carry this line: those that a rule appends belong to the line of the node that the rule is of.
pub(crate) struct Blame<'t, T: Float> {
    tape: &'t Tape<T>,
    before: Option<Blamed>,
}

/// A line that stands for all lines of the files whose paths begin like this.
#[derive(Clone, Copy)]
struct Blamed {
    location: &'static Location<'static>,
    files: &'static str,
}

impl<'t, T: Float> Blame<'t, T> {
    pub(crate) fn on(tape: &'t Tape<T>, location: &'static Location<'static>) -> Self {
        Self::in_place_of(tape, "", location)
    }

    /// The same for lines of the files alone whose paths begin with `files`.
    pub(crate) fn in_place_of(tape: &'t Tape<T>, files: &'static str, location: &'static Location<'static>) -> Self {
        Blame { tape, before: tape.blame.replace(Some(Blamed { location, files })) }
    }
}

impl<T: Float> Drop for Blame<'_, T> {
    fn drop(&mut self) {
        self.tape.blame.set(self.before);
    }
}

/// An op out of its node, so that no borrow is held while its rule appends nodes; back there when dropped, even by a panic.
pub(super) struct TakenOp<'t, T: Float> {
    tape: &'t Tape<T>,
    index: usize,
    op: Option<Box<dyn Op<T>>>,
}

impl<'t, T: Float> TakenOp<'t, T> {
    pub(super) fn take(tape: &'t Tape<T>, index: usize) -> Self {
        TakenOp { tape, index, op: tape.nodes.borrow_mut()[index].op.take() }
    }

    pub(super) fn as_ref(&self) -> &dyn Op<T> {
        self.op.as_deref().expect("a recorded node has an op")
    }

    pub(super) fn as_mut(&mut self) -> &mut dyn Op<T> {
        self.op.as_deref_mut().expect("a recorded node has an op")
    }
}

impl<T: Float> Drop for TakenOp<'_, T> {
    fn drop(&mut self) {
        self.tape.nodes.borrow_mut()[self.index].op = self.op.take();
    }
}
