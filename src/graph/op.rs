//! What an operation is: a forward pass, and a rule that maps the gradient of its output to those of its inputs.

use std::any::Any;
use std::array;
use std::fmt::Debug;

use super::{Tape, Var};
use crate::float::Float;
use crate::kernel::map::add_to;
use crate::kernel::reduce::sum_to;
use crate::shape::Inline;
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

    /// The output. It may keep in `self` what the rule will need. It may be called again, on other inputs of the same shapes.
    ///
    /// # Panics
    /// If the shapes do not fit, at the caller's line.
    #[track_caller]
    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T>;

    /// The rule, x̄ᵢ = ȳ · ∂y/∂xᵢ, written on handles: while the tape records, its result can be differentiated again.
    ///
    /// It copies out what it needs (`let ([a, b], g) = (p.inputs(), p.g);`) and calls [`Pullback::accum`] once per input.
    fn vjp<'t>(&self, p: &mut Pullback<'t, T>);

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
    pub(super) g: Option<Tensor<T>>,
    pub(super) inputs: &'a [u32],
    pub(super) needed: Needed,
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

    /// Whether input `i` needs a gradient.
    #[inline]
    pub fn needs(&self, i: usize) -> bool {
        self.needed.has(i)
    }

    /// Adds `contribution` to the gradient of input `i`, as [`Pullback::accum`] does.
    #[inline]
    pub fn accum(&mut self, i: usize, contribution: impl FnOnce() -> Tensor<T>) {
        if self.needs(i) {
            let (x, part) = (self.xs[i], contribution());
            let part = if part.shape() == x.shape() { part } else { sum_to(&part, x.shape()) };
            deposit(&mut self.slots[self.inputs[i] as usize], part);
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

/// Which inputs of a node need a gradient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needed(u64);

impl Needed {
    /// From one flag per input. From the 64th on inputs share the last flag: to compute a gradient in vain is harmless.
    #[inline]
    pub(super) fn new(flags: impl Iterator<Item = bool>) -> Self {
        Needed(flags.enumerate().fold(0, |bits, (i, flag)| bits | (flag as u64) << i.min(63)))
    }

    #[inline]
    pub(super) fn has(self, i: usize) -> bool {
        self.0 >> i.min(63) & 1 == 1
    }
}
