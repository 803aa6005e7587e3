//! Padding and cropping.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::pad::{PadMode, Padded, Widths, constant, places};
use crate::shape::{Inline, Shape};
use crate::tensor::Tensor;

/// A constant around x, or x cropped. Adjoint: the same with the widths negated, and 0.
#[derive(Debug)]
struct Pad<T> {
    widths: Inline<Widths>,
    shape: Shape,
    value: T,
}

impl<T: Float> Op<T> for Pad<T> {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        constant(xs[0], &self.widths, &self.shape, self.value)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        let widths = self.widths.iter().map(|&(before, after)| (-before, -after)).collect();
        p.accum(0, || Var::apply(Pad { widths, shape: x.shape(), value: T::zero() }, &[g]));
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// So many elements more before and behind along the last axes, as many as there are pairs in `widths`; below 0 so many fewer.
    ///
    /// Shapes: `[…, n]` → `[…, before + n + behind]`.
    ///
    /// # Gradient
    /// `x̄ += ȳ` wherever the element stands: of a constant nowhere but inside, of the other modes several times.
    ///
    /// # Panics
    /// If there are more pairs than axes, a size would be negative, an axis is to be reflected farther than it reaches, or has no
    /// element to repeat.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{PadMode, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![1.0, 2.0]);
    /// assert_eq!(x.pad(&[(1, 2)], 9.0).value().to_vec(), [9.0, 1.0, 2.0, 9.0, 9.0]);
    /// let y = x.pad(&[(1, 2)], PadMode::Replicate);
    /// assert_eq!(y.value().to_vec(), [1.0, 1.0, 2.0, 2.0, 2.0]);
    /// assert_eq!(y.sum(..).backward()[x].to_vec(), [2.0, 3.0]);
    /// ```
    /// Source: NumPy, documentation of `numpy.pad`, modes `constant`, `reflect`, `edge` and `wrap`.
    #[track_caller]
    pub fn pad(self, widths: &[(isize, isize)], mode: impl Into<PadMode<T>>) -> Self {
        let mode = mode.into();
        let Padded { widths, shape } = Padded::new(&self.shape(), widths, mode);
        if let PadMode::Constant(value) = mode {
            return Var::apply(Pad { widths, shape, value }, &[self]);
        }
        let mut y = self;
        for (axis, &pair) in widths.iter().enumerate().filter(|&(_, &pair)| pair != (0, 0)) {
            y = y.index_select(axis as isize, &places(y.shape()[axis], pair, mode));
        }
        y
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("pad", |x| x.pad(&[(1, 0), (0, 2)], T::of(0.7)), [[2, 3]], [[1, 1]], [[0, 2]]),
        specimen!("pad below 0", |x| x.pad(&[(-1, 2), (1, -2)], T::of(0.7)), [[3, 3]], [[2, 2, 2]], [[2, 0, 3]]),
        specimen!("pad by reflection", |x| x.pad(&[(1, 0), (2, 1)], PadMode::Reflect), [[2, 3]], [[2, 2, 4]], [[0, 2, 3]]),
        specimen!("pad by the ends", |x| x.pad(&[(3, -1), (0, 2)], PadMode::Replicate), [[2, 3]], [[2, 1, 2]]),
        specimen!("pad in a circle", |x| x.pad(&[(1, 1), (5, -1)], PadMode::Circular), [[2, 3]], [[2, 1, 2]]),
    ]
}
