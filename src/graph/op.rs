//! What an operation is: a forward pass, and a rule that maps the gradient of its output to those of its inputs.

use std::any::Any;
use std::array;
use std::fmt::Debug;

use super::{Tape, Var};
use crate::float::Float;
use crate::kernel::map::add_to;
use crate::kernel::reduce::sum_to;
use crate::shape::{Inline, Shape};
use crate::tensor::Tensor;

/// A differentiable operation `y = f(x₀, x₁, …)`.
///
/// What is differentiated is an input; everything else (axes, indices, rates) is a field of the op.
///
/// # Examples
/// The square, as a user's own op:
/// ```
/// use rensa::{Float, Op, Pullback, Tape, Tensor, Var};
///
/// #[derive(Debug)]
/// struct Square;
///
/// impl<T: Float> Op<T> for Square {
///     fn name(&self) -> &'static str {
///         "square"
///     }
///     fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
///         xs[0] * xs[0]
///     }
///     fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
///         let ([x], g) = (p.inputs(), p.g);
///         p.accum(0, || g * x * T::of(2.0));
///     }
/// }
///
/// let tape = Tape::<f64>::new();
/// let x = tape.leaf(Tensor::scalar(3.0));
/// let y = Var::apply(Square, &[x]);
/// assert_eq!(y.backward()[x].item(), 6.0);
/// ```
pub trait Op<T: Float>: Any + Debug + Send {
    /// The op's name, as its function is called.
    fn name(&self) -> &'static str;

    /// The output. It may keep in `self` what the rule will need. It may be called again, on other inputs of the same shapes;
    /// on the same inputs its output has the same bits, so what is random is drawn before and kept in `self`.
    ///
    /// Of what is kept, numbers that depend on the inputs are for [`Op::vjp_fused`] only: to [`Op::vjp`] they would be constants, and its
    /// second derivative wrong.
    ///
    /// # Panics
    /// If the shapes do not fit, at the caller's line.
    #[track_caller]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T>;

    /// The rule, x̄ᵢ = ȳ · ∂y/∂xᵢ, written on handles: while the tape records, its result can be differentiated again.
    ///
    /// It copies out what it needs (`let ([a, b], g) = (p.inputs(), p.g);`) and calls [`Pullback::accum`] once per input.
    fn vjp<'t>(&self, p: &mut Pullback<'t, T>);

    /// Why there is nothing to pass on to input `i`, where its derivative is 0 wherever there is one: the output is constant almost
    /// everywhere, say. The default is that there is something, for every input. Then the rule must pass it on, and the sweep panics if
    /// it does not; where there is nothing, who asks for it is told this. (An op whose rule nobody has written yet is another matter: let
    /// its `vjp` panic, so that nobody takes what is missing for a zero.)
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Op, Pullback, Tape, Tensor, Var, tensor};
    /// #[derive(Debug)]
    /// struct Count;
    ///
    /// impl Op<f64> for Count {
    ///     fn name(&self) -> &'static str {
    ///         "count"
    ///     }
    ///     fn forward(&mut self, xs: &[&Tensor<f64>]) -> Tensor<f64> {
    ///         Tensor::scalar(xs[0].len() as f64)
    ///     }
    ///     fn vjp<'t>(&self, _: &mut Pullback<'t, f64>) {}
    ///     fn no_rule(&self, _: usize) -> Option<&'static str> {
    ///         Some("it looks at the shape only")
    ///     }
    /// }
    ///
    /// let tape = Tape::new();
    /// let x = tape.leaf(tensor![1.0, 2.0]);
    /// let why = Var::apply(Count, &[x]).grad([x]).unwrap_err();
    /// assert!(why.to_string().contains("has no rule: it looks at the shape only"));
    /// ```
    fn no_rule(&self, i: usize) -> Option<&'static str> {
        let _ = i;
        None
    }

    /// The rule in one pass over raw tensors, for first order. Returns whether there is one; it must equal [`Op::vjp`], and may
    /// decline before it has called anything on `p`.
    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let _ = p;
        false
    }
}

/// What a rule on handles works with: the inputs, the output `y`, its gradient `g`, and where the inputs' gradients go.
pub struct Pullback<'t, T: Float> {
    /// The output y.
    pub y: Var<'t, T>,
    /// Its gradient ȳ.
    pub g: Var<'t, T>,
    pub(super) inputs: Inline<u32>,
    pub(super) needed: Needed,
    /// What the rule has not passed on yet.
    pub(super) owed: Needed,
    /// The node of an input, and the node that is to be added to its gradient.
    pub(super) contributions: Inline<(u32, u32)>,
}

impl<'t, T: Float> Pullback<'t, T> {
    /// All `N` inputs.
    ///
    /// # Panics
    /// If there are not `N`.
    pub fn inputs<const N: usize>(&self) -> [Var<'t, T>; N] {
        assert_eq!(self.inputs.len(), N, "a rule for {N} inputs on a node of {}", self.inputs.len());
        array::from_fn(|i| self.input(i))
    }

    /// Input `i`.
    pub fn input(&self, i: usize) -> Var<'t, T> {
        Var { tape: self.tape(), index: self.inputs[i] }
    }

    /// The number of inputs.
    pub fn arity(&self) -> usize {
        self.inputs.len()
    }

    /// The tape that the rule is applied on.
    pub fn tape(&self) -> &'t Tape<T> {
        self.y.tape
    }

    /// Whether input `i` needs a gradient.
    pub fn needs(&self, i: usize) -> bool {
        self.needed.has(i)
    }

    /// Adds `contribution` to the gradient of input `i`, summed over the axes along which that input was broadcast. Where the
    /// input needs no gradient, `contribution` is not called.
    ///
    /// # Panics
    /// If the input's shape does not broadcast to that of the contribution, or it is of another tape.
    pub fn accum(&mut self, i: usize, contribution: impl FnOnce() -> Var<'t, T>) {
        if self.needs(i) {
            self.owed.settle(i);
            let x = self.input(i);
            let part = contribution().sum_to(&x.shape());
            assert!(std::ptr::eq(part.tape, x.tape), "the rule of {:?} uses another tape: {part:?}", self.y);
            self.contributions.push((x.index, part.index));
        }
    }
}

/// What a fused rule works with: the same as a [`Pullback`], as tensors.
pub struct RawPullback<'a, T: Float> {
    /// The inputs.
    pub xs: &'a [&'a Tensor<T>],
    /// The output y.
    pub y: &'a Tensor<T>,
    pub(super) g: &'a mut Option<Tensor<T>>,
    pub(super) inputs: &'a [u32],
    pub(super) needed: Needed,
    /// What the rule has not passed on yet.
    pub(super) owed: Needed,
    pub(super) slots: &'a mut [Option<Tensor<T>>],
}

impl<T: Float> RawPullback<'_, T> {
    /// The gradient ȳ, to be changed in place by the rule that takes it.
    ///
    /// # Panics
    /// If it was taken before.
    #[inline]
    pub fn take_g(&mut self) -> Tensor<T> {
        self.g.take().expect("a fused rule takes the gradient once")
    }

    /// The gradient ȳ.
    ///
    /// # Panics
    /// If it was taken before.
    #[inline]
    pub fn g(&self) -> &Tensor<T> {
        self.g.as_ref().expect("a fused rule looks at the gradient before it takes it")
    }

    /// Whether input `i` needs a gradient.
    #[inline]
    pub fn needs(&self, i: usize) -> bool {
        self.needed.has(i)
    }

    /// Adds `contribution` to the gradient of input `i`, as [`Pullback::accum`] does.
    #[inline]
    pub fn accum(&mut self, i: usize, contribution: impl FnOnce() -> Tensor<T>) {
        if self.needs(i) {
            self.owed.settle(i);
            let (x, part) = (self.xs[i], contribution());
            let part = if part.shape() == x.shape() { part } else { sum_to(&part, x.shape()) };
            deposit(&mut self.slots[self.inputs[i] as usize], part);
        }
    }

    /// Passes the gradient ȳ itself on to input `i`, changed by `change`, as the last thing that a rule does with it: most often it stays
    /// where it is in memory.
    ///
    /// # Panics
    /// If it was taken before.
    ///
    /// # Examples
    /// The rule of `y = 3 x`:
    /// ```
    /// # use rensa::{Op, Pullback, RawPullback, Tape, Tensor, Var, tensor};
    /// # #[derive(Debug)]
    /// # struct Triple;
    /// # impl Op<f64> for Triple {
    /// #     fn name(&self) -> &'static str {
    /// #         "triple"
    /// #     }
    /// #     fn forward(&mut self, xs: &[&Tensor<f64>]) -> Tensor<f64> {
    /// #         xs[0] * 3.0
    /// #     }
    /// #     fn vjp<'t>(&self, p: &mut Pullback<'t, f64>) {
    /// #         let g = p.g;
    /// #         p.accum(0, || g * 3.0);
    /// #     }
    /// fn vjp_fused(&self, p: &mut RawPullback<'_, f64>) -> bool {
    ///     p.pass(0, |g| *g *= 3.0);
    ///     true
    /// }
    /// # }
    /// # let tape = Tape::new();
    /// # let x = tape.leaf(tensor![1.0, 2.0]);
    /// # assert_eq!(Var::apply(Triple, &[x]).sum(..).backward()[x].to_vec(), [3.0, 3.0]);
    /// ```
    #[inline]
    pub fn pass(&mut self, i: usize, change: impl FnOnce(&mut Tensor<T>)) {
        if !self.needs(i) {
            return;
        }
        self.owed.settle(i);
        let (slot, shape) = (&mut self.slots[self.inputs[i] as usize], self.xs[i].shape());
        if slot.is_none() && self.g.as_ref().is_some_and(|g| g.shape() == shape) {
            // Moved and not taken: it is copied once, and only then changed.
            std::mem::swap(slot, self.g);
            change(slot.as_mut().expect("a fused rule passes the gradient on once"));
        } else {
            let mut g = self.take_g();
            change(&mut g);
            let part = if g.shape() == shape { g } else { sum_to(&g, shape) };
            deposit(&mut self.slots[self.inputs[i] as usize], part);
        }
    }

    /// Adds to the gradient of input `i` what is zero but for a part of it: `first` is that, as a tensor, and `add` adds the part to what
    /// there is already.
    #[inline]
    pub(crate) fn accum_within(
        &mut self,
        i: usize,
        first: impl FnOnce(&Shape) -> Tensor<T>,
        add: impl FnOnce(&mut Tensor<T>),
    ) {
        if self.needs(i) {
            self.owed.settle(i);
            match &mut self.slots[self.inputs[i] as usize] {
                Some(sum) => add(sum),
                none => *none = Some(first(self.xs[i].shape())),
            }
        }
    }
}

/// Adds `part` to what a slot holds. The first contribution is the gradient itself: nothing is filled with zeros first.
#[inline]
pub(super) fn deposit<T: Float>(slot: &mut Option<Tensor<T>>, part: Tensor<T>) {
    match slot {
        None => *slot = Some(part),
        Some(sum) => add_to(sum, &part),
    }
}

/// A set of a node's inputs, such as those that need a gradient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Needed(u64);

impl Needed {
    pub(super) const NONE: Needed = Needed(0);

    /// From one flag per input. From the 64th on inputs share the last flag: to compute a gradient in vain is harmless.
    #[inline]
    pub(super) fn new(flags: impl Iterator<Item = bool>) -> Self {
        Needed(flags.enumerate().fold(0, |bits, (i, flag)| bits | (flag as u64) << i.min(63)))
    }

    #[inline]
    pub(super) fn has(self, i: usize) -> bool {
        self.0 >> i.min(63) & 1 == 1
    }

    /// Takes input `i` out.
    #[inline]
    pub(super) fn settle(&mut self, i: usize) {
        self.0 &= !(1 << i.min(63));
    }
}
