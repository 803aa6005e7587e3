//! Values that are forgotten after the forward pass and computed again when they are asked for: memory traded for time.
//!
//! A checkpointed segment is a range of nodes. They are recorded as any others, with their ops; when the segment ends, the values
//! inside it are dropped, but for the one that it returns. Whoever needs one of them again, the backward sweep above all, has the
//! whole segment computed again by running its ops forward on what they were computed from: the same ops, and so the same bits.
//!
//! Source: Griewank and Walther, Evaluating Derivatives (2008), §12.2; Chen et al., "Training Deep Nets with Sublinear Memory Cost"
//! (2016), §4.

use super::tape::{Kind, Node, TakenOp, Values};
use super::{Tape, Var};
use crate::float::Float;

/// The nodes from `start` to before `end`, whose values but that of `kept` are dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    start: u32,
    end: u32,
    kept: u32,
}

impl Segment {
    fn has(&self, index: u32) -> bool {
        (self.start..self.end).contains(&index)
    }

    fn is_inside(&self, outer: &Segment) -> bool {
        self != outer && outer.start <= self.start && self.end <= outer.end
    }

    pub(super) fn ends_by(&self, len: usize) -> bool {
        self.end as usize <= len
    }
}

impl<T: Float> Node<T> {
    /// Whether its value can be computed again from those of its inputs.
    fn is_recomputable(&self) -> bool {
        matches!(self.kind, Kind::Derived | Kind::NoRule | Kind::Detached)
    }
}

impl<T: Float> Tape<T> {
    /// `f`, of whose values only the one that it returns is kept; the others are computed again when a gradient needs them.
    ///
    /// Gradients have the same bits as without it, to any order. Of a deep net cut into segments, memory is taken by the values
    /// between the segments and those inside one of them: with √depth segments that is in proportion to √depth, at the price of one more
    /// forward pass. Segments can stand inside segments. What an op saves in itself, such as indices, is not dropped; nor are constants,
    /// parameters, and what is computed from them alone.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(Tensor::full([100], 0.5));
    /// // 16 layers in 4 segments of 4.
    /// let y = (0..4).fold(x, |x, _| tape.checkpoint(|| (0..4).fold(x, |x, _| (x * 1.1).tanh())));
    /// let plain = (0..16).fold(x, |x, _| (x * 1.1).tanh());
    /// assert_eq!(y.sum(..).backward()[x], plain.sum(..).backward()[x]);
    /// ```
    pub fn checkpoint<'t>(&'t self, f: impl FnOnce() -> Var<'t, T>) -> Var<'t, T> {
        let start = self.len() as u32;
        let y = f();
        let segment = Segment { start, end: self.len() as u32, kept: y.index };
        self.segments.borrow_mut().push(segment);
        self.is_sparse.set(true);
        self.drop_values(segment);
        y
    }

    fn drop_values(&self, segment: Segment) {
        let mut nodes = self.nodes.borrow_mut();
        for i in segment.start..segment.end {
            let node = &mut nodes[i as usize];
            if i != segment.kept && node.is_recomputable() {
                node.value.release();
            }
        }
    }

    /// Until the guard is dropped, the values that [`Restoring::restore`] computes again stay.
    pub(super) fn restoring(&self) -> Restoring<'_, T> {
        Restoring { tape: self, before: self.restored.borrow().len() }
    }

    /// The values of these nodes, for as long as what is returned lives.
    #[inline]
    pub(super) fn restored_for(&self, nodes: &[u32]) -> Option<Restoring<'_, T>> {
        self.is_sparse.get().then(|| {
            let restoring = self.restoring();
            restoring.restore(nodes);
            restoring
        })
    }

    fn is_absent(&self, index: u32) -> bool {
        self.nodes.borrow()[index as usize].value.is_released()
    }

    /// The innermost segment around a node: the first, since a segment is listed when it ends.
    fn segment_around(&self, index: u32) -> Segment {
        let segments = self.segments.borrow();
        *segments.iter().find(|segment| segment.has(index)).expect("an absent value belongs to a segment")
    }

    /// A value from before the segment that it needs and that is absent itself.
    fn absent_source(&self, segment: Segment) -> Option<u32> {
        let nodes = self.nodes.borrow();
        let absent = nodes[segment.start as usize..segment.end as usize].iter().filter(|node| node.value.is_released());
        let mut sources = absent.flat_map(|node| node.inputs.iter().copied().filter(|&i| i < segment.start));
        sources.find(|&i| nodes[i as usize].value.is_released())
    }

    /// Computes the absent values of a segment; those inside its inner segments are dropped again when these end.
    fn recompute(&self, segment: Segment) {
        let inner: Vec<Segment> =
            self.segments.borrow().iter().copied().filter(|inner| inner.is_inside(&segment)).collect();
        let mut ended = inner.iter().peekable();
        for i in segment.start..segment.end {
            if self.is_absent(i) {
                self.recompute_node(i as usize);
            }
            while let Some(&&inner) = ended.peek().filter(|inner| inner.end == i + 1) {
                self.drop_values(inner);
                ended.next();
            }
        }
    }

    fn recompute_node(&self, i: usize) {
        let inputs = self.nodes.borrow()[i].inputs.clone();
        let value = if self.nodes.borrow()[i].kind == Kind::Detached {
            self.nodes.borrow()[inputs[0] as usize].value.clone()
        } else {
            let mut op = TakenOp::take(self, i);
            op.as_mut().forward(&Values::of(&self.nodes.borrow(), &inputs))
        };
        self.nodes.borrow_mut()[i].value = value;
    }
}

/// Holds values that were computed again, and drops them when it is dropped.
pub(super) struct Restoring<'t, T: Float> {
    tape: &'t Tape<T>,
    /// How many segments were restored already when it began.
    before: usize,
}

impl<T: Float> Restoring<'_, T> {
    /// Sees to it that the values of these nodes are there.
    #[inline]
    pub(super) fn restore(&self, nodes: &[u32]) {
        if self.tape.is_sparse.get() {
            nodes.iter().for_each(|&node| self.restore_one(node));
        }
    }

    /// Sees to it that the values are there which the rule of node `index` works with.
    #[inline]
    pub(super) fn restore_for_rule(&self, index: usize) {
        if self.tape.is_sparse.get() {
            let inputs = self.tape.nodes.borrow()[index].inputs.clone();
            self.restore(&inputs);
            self.restore(&[index as u32]);
        }
    }

    #[cold]
    fn restore_one(&self, index: u32) {
        let (tape, mut waiting) = (self.tape, vec![index]);
        while let Some(&next) = waiting.last() {
            if !tape.is_absent(next) {
                waiting.pop();
                continue;
            }
            let segment = tape.segment_around(next);
            match tape.absent_source(segment) {
                Some(source) => waiting.push(source),
                None => {
                    tape.recompute(segment);
                    tape.restored.borrow_mut().push(segment);
                }
            }
        }
    }

    /// Drops what was restored of segments that lie behind node `index`, which a sweep has passed.
    #[inline]
    pub(super) fn drop_behind(&self, index: usize) {
        if self.tape.is_sparse.get() {
            self.drop_where(|segment| segment.start as usize > index);
        }
    }

    fn drop_where(&self, is_done: impl Fn(&Segment) -> bool) {
        let mut restored = self.tape.restored.borrow_mut();
        let done: Vec<Segment> = restored[self.before..].iter().copied().filter(&is_done).collect();
        if done.is_empty() {
            return;
        }
        let kept = restored.split_off(self.before).into_iter().filter(|segment| !is_done(segment));
        restored.extend(kept);
        drop(restored);
        done.into_iter().for_each(|segment| self.tape.drop_values(segment));
    }
}

impl<T: Float> Drop for Restoring<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.tape.is_sparse.get() {
            self.drop_where(|_| true);
        }
    }
}
