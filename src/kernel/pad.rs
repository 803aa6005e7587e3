//! Padding: how the elements around a tensor follow from those inside.

use crate::float::Float;
use crate::shape::{Complaint, Inline, Shape};
use crate::tensor::{AxisSlice, Tensor};

/// What stands in the padding; any number is a constant.
///
/// # Examples
/// ```
/// use rensa::{PadMode, tensor};
/// let x = tensor![1.0, 2.0, 3.0];
/// assert_eq!(x.pad(&[(2, 1)], 9.0).to_vec(), [9.0, 9.0, 1.0, 2.0, 3.0, 9.0]);
/// assert_eq!(x.pad(&[(2, 1)], PadMode::Reflect).to_vec(), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
/// assert_eq!(x.pad(&[(2, 1)], PadMode::Replicate).to_vec(), [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
/// assert_eq!(x.pad(&[(2, 1)], PadMode::Circular).to_vec(), [2.0, 3.0, 1.0, 2.0, 3.0, 1.0]);
/// assert_eq!(x.pad(&[(-1, 1)], 9.0).to_vec(), [2.0, 3.0, 9.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode<T> {
    /// This value.
    Constant(T),
    /// The elements inside as a mirror at the first and the last shows them, these not repeated.
    Reflect,
    /// The first and the last element.
    Replicate,
    /// The elements from the other end.
    Circular,
}

impl<T: Float> From<T> for PadMode<T> {
    fn from(value: T) -> Self {
        PadMode::Constant(value)
    }
}

/// How many elements an axis gets before its first and behind its last; below 0 it loses as many.
pub(crate) type Widths = (isize, isize);

/// What padding means for a shape.
pub(crate) struct Padded {
    /// For every axis.
    pub(crate) widths: Inline<Widths>,
    pub(crate) shape: Shape,
}

impl Padded {
    /// Of widths for the last axes.
    #[track_caller]
    pub(crate) fn new<T: Float>(shape: &Shape, widths: &[Widths], mode: PadMode<T>) -> Self {
        let says = Complaint { op: "pad", operands: &[("input", shape)], options: &(widths, mode) };
        let fits = widths.len() <= shape.ndim();
        says.unless(fits, format_args!("{} pairs of widths for {} axes", widths.len(), shape.ndim()));
        let mut full: Inline<Widths> = (widths.len()..shape.ndim()).map(|_| (0, 0)).collect();
        widths.iter().for_each(|&pair| full.push(pair));
        let mut sizes = Inline::new();
        for (axis, (&n, &(before, after))) in shape.iter().zip(full.iter()).enumerate() {
            let size = (n as isize).checked_add(before).and_then(|n| n.checked_add(after)).filter(|&n| n >= 0);
            let size = says.some(size, format_args!("it leaves nothing of axis {axis}, or it overflows"));
            let far = before.max(after);
            match mode {
                PadMode::Constant(_) => {}
                PadMode::Reflect => says.unless(
                    far <= 0 || far < n as isize,
                    format_args!("a mirror of {n} elements shows {} at most, axis {axis} needs {far}", n.max(1) - 1),
                ),
                _ => says.unless(far <= 0 || n > 0, format_args!("axis {axis} has no element to repeat")),
            }
            sizes.push(size as usize);
        }
        Padded { widths: full, shape: sizes.iter().copied().collect() }
    }
}

/// Which element of `n` stands at each place of an axis, for the modes that repeat elements.
pub(crate) fn places<T>(n: usize, (before, after): Widths, mode: PadMode<T>) -> Tensor<usize> {
    let (n, last) = (n as isize, n as isize - 1);
    let inside = |i: isize| match mode {
        PadMode::Reflect => last - (last - i.abs()).abs(),
        PadMode::Circular => i.rem_euclid(n),
        PadMode::Replicate | PadMode::Constant(_) => i.clamp(0, last),
    };
    let size = (n + before + after) as usize;
    Tensor::from_fn([size], |o| inside(o[0] as isize - before) as usize)
}

/// `x` with `value` around it, for widths of every axis. With the widths negated, and 0, it is its own adjoint.
pub(crate) fn constant<T: Float>(x: &Tensor<T>, widths: &[Widths], shape: &Shape, value: T) -> Tensor<T> {
    let part = |n: usize, (before, after): Widths| {
        let cut = before.min(0).unsigned_abs() + after.min(0).unsigned_abs();
        AxisSlice { start: before.min(0).unsigned_abs().min(n), step: 1, len: n.saturating_sub(cut) }
    };
    let kept: Inline<AxisSlice> = x.shape().iter().zip(widths).map(|(&n, &pair)| part(n, pair)).collect();
    let back = |(before, after): Widths| (-before, -after);
    let place: Inline<AxisSlice> = shape.iter().zip(widths).map(|(&n, &pair)| part(n, back(pair))).collect();
    x.slice_axes(&kept).onto(value, shape, |y| y.slice_axes(&place))
}

impl<T: Float> Tensor<T> {
    /// The tensor with so many elements more before and behind along its last axes, as many as there are pairs in `widths`; below 0 so
    /// many fewer.
    ///
    /// Shapes: `[…, n]` → `[…, before + n + behind]`.
    ///
    /// # Panics
    /// If there are more pairs than axes, a size would be negative, an axis is to be reflected farther than it reaches, or has no
    /// element to repeat.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{PadMode, tensor};
    /// let x = tensor![[1.0, 2.0], [3.0, 4.0]];
    /// assert_eq!(x.pad(&[(0, 1)], 0.0).to_vec(), [1.0, 2.0, 0.0, 3.0, 4.0, 0.0]);
    /// assert_eq!(x.pad(&[(1, -1), (1, 0)], PadMode::Circular).to_vec(), [4.0, 3.0, 4.0, 2.0, 1.0, 2.0]);
    /// ```
    /// Source: NumPy, documentation of `numpy.pad`, modes `constant`, `reflect`, `edge` and `wrap`.
    #[track_caller]
    pub fn pad(&self, widths: &[(isize, isize)], mode: impl Into<PadMode<T>>) -> Tensor<T> {
        let mode = mode.into();
        let padded = Padded::new(self.shape(), widths, mode);
        if let PadMode::Constant(value) = mode {
            return constant(self, &padded.widths, &padded.shape, value);
        }
        let axes = padded.widths.iter().enumerate().filter(|&(_, &pair)| pair != (0, 0));
        axes.fold(self.clone(), |x, (axis, &pair)| x.index_select(axis as isize, &places(x.shape()[axis], pair, mode)))
    }
}
