//! Upsampling: by the nearest element, which is picking by index, and along lines.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::upsample::{Stretch, Upsample};
use crate::tensor::Tensor;

/// One axis resampled along lines between neighbours. Adjoint: [`LinearAdjoint`].
#[derive(Debug)]
struct Linear(Stretch);

/// Each element handed back to the two that it lies between. Adjoint: [`Linear`].
#[derive(Debug)]
struct LinearAdjoint(Stretch);

impl<T: Float> Op<T> for Linear {
    fn name(&self) -> &'static str {
        "upsample_linear"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        self.0.linear(xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(LinearAdjoint(self.0), &[g]));
    }
}

impl<T: Float> Op<T> for LinearAdjoint {
    fn name(&self) -> &'static str {
        "upsample_linear_adjoint"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        self.0.linear_adjoint(xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        p.accum(0, || Var::apply(Linear(self.0), &[g]));
    }
}

#[track_caller]
fn nearest<'t, T: Float>(mut x: Var<'t, T>, stretches: &[Stretch]) -> Var<'t, T> {
    for stretch in stretches {
        x = x.index_select(stretch.axis as isize, &stretch.nearest());
    }
    x
}

#[track_caller]
fn linear<'t, T: Float>(mut x: Var<'t, T>, stretches: &[Stretch]) -> Var<'t, T> {
    for &stretch in stretches {
        x = Var::apply(Linear(stretch), &[x]);
    }
    x
}

impl<'t, T: Float> Var<'t, T> {
    /// [`Var::upsample_nearest2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, w']`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::upsample_nearest2d`].
    ///
    /// # Panics
    /// As [`Var::upsample_nearest2d`].
    #[track_caller]
    pub fn upsample_nearest1d(self, options: Upsample) -> Self {
        nearest(self, &options.nearest("upsample_nearest1d", 1, &self.shape()))
    }

    /// Every element repeated over two axes: `y[o] = x[⌊o · h / h'⌋]`.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, h', w']`, or both without `n`.
    ///
    /// # Gradient
    /// `x̄[⌊o · h / h'⌋] += ȳ[o]`.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, or an axis has no element to start from.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Upsample, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[[1.0, 2.0]]]);
    /// assert_eq!(x.upsample_nearest2d(Upsample::size([2, 3])).sum(..).backward()[x].to_vec(), [4.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn upsample_nearest2d(self, options: Upsample) -> Self {
        nearest(self, &options.nearest("upsample_nearest2d", 2, &self.shape()))
    }

    /// [`Var::upsample_nearest2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, d', h', w']`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::upsample_nearest2d`].
    ///
    /// # Panics
    /// As [`Var::upsample_nearest2d`].
    #[track_caller]
    pub fn upsample_nearest3d(self, options: Upsample) -> Self {
        nearest(self, &options.nearest("upsample_nearest3d", 3, &self.shape()))
    }

    /// [`Var::upsample_bilinear2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, w']`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::upsample_bilinear2d`].
    ///
    /// # Panics
    /// As [`Var::upsample_bilinear2d`].
    #[track_caller]
    pub fn upsample_linear1d(self, options: Upsample) -> Self {
        linear(self, &options.linear("upsample_linear1d", 1, &self.shape()))
    }

    /// Interpolation between neighbours, along one axis after the other: `y[o] = (1 − f) · x[i] + f · x[i + 1]`, where `i + f` is
    /// `(o + ½) · h / h' − ½`, or `o · (h − 1) / (h' − 1)` with aligned corners; at the ends x is continued as it ends.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, h', w']`, or both without `n`.
    ///
    /// # Gradient
    /// `x̄[i] += (1 − f) · ȳ[o]` and `x̄[i + 1] += f · ȳ[o]`, along one axis after the other.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, or an axis has no element to start from.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Upsample, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[[0.0, 2.0], [4.0, 6.0]]]);
    /// let y = x.upsample_bilinear2d(Upsample::size([2, 3]).align_corners(true));
    /// assert_eq!(y.value().to_vec(), [0.0, 1.0, 2.0, 4.0, 5.0, 6.0]);
    /// assert_eq!(y.sum(..).backward()[x].to_vec(), [1.5, 1.5, 1.5, 1.5]);
    /// ```
    /// Source: Press et al., Numerical Recipes (2007), §3.6.
    #[track_caller]
    pub fn upsample_bilinear2d(self, options: Upsample) -> Self {
        linear(self, &options.linear("upsample_bilinear2d", 2, &self.shape()))
    }

    /// [`Var::upsample_bilinear2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, d', h', w']`, or both without `n`.
    ///
    /// # Gradient
    /// As [`Var::upsample_bilinear2d`].
    ///
    /// # Panics
    /// As [`Var::upsample_bilinear2d`].
    #[track_caller]
    pub fn upsample_trilinear3d(self, options: Upsample) -> Self {
        linear(self, &options.linear("upsample_trilinear3d", 3, &self.shape()))
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    let mut all = vec![
        specimen!("upsample_nearest1d", |x| x.upsample_nearest1d(Upsample::scale_factor(2)), [[1, 2, 3]], [[0, 2]]),
        specimen!("upsample_nearest2d", |x| x.upsample_nearest2d(Upsample::size([5, 2])), [[2, 3, 3]], [[0, 2, 2, 1]]),
        specimen!("upsample_nearest3d", |x| x.upsample_nearest3d(Upsample::size([1, 2, 4])), [[1, 2, 1, 2]], [[0, 1, 1, 1]]),
        specimen!("upsample_linear1d", |x| x.upsample_linear1d(Upsample::size(5)), [[1, 2, 3]], [[2, 1]], [[0, 2]]),
        specimen!("upsample_bilinear2d", |x| x.upsample_bilinear2d(Upsample::size([5, 2])), [[2, 3, 3]], [[0, 2, 2, 1]]),
    ];
    all.push(specimen!(
        "upsample_bilinear2d with aligned corners",
        |x| x.upsample_bilinear2d(Upsample::scale_factor([2, 3]).align_corners(true)),
        [[1, 2, 2, 3]]
    ));
    all.push(specimen!(
        "upsample_trilinear3d",
        |x| x.upsample_trilinear3d(Upsample::size([3, 1, 3]).align_corners(true)),
        [[1, 2, 2, 2]],
        [[0, 1, 1, 1, 2]]
    ));
    all
}
