//! Reductions over axes, and the running sum.

use super::compare::CONSTANT;
use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::compare::same;
use crate::kernel::map::{update0, zip};
use crate::shape::{Axes, AxisSet, Shape, axis_of};
use crate::tensor::Tensor;

/// `v`, which has the shape of a result, repeated to the shape of what was reduced.
pub(super) fn expand<'t, T: Float>(v: Var<'t, T>, axes: &AxisSet, shape: &Shape) -> Var<'t, T> {
    v.reshape(&axes.kept(shape)).broadcast_to(shape)
}

/// Sum over axes. Adjoint: repetition.
#[derive(Debug)]
struct Sum(AxisSet);

impl<T: Float> Op<T> for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].sum(self.0.clone())
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        p.accum(0, || expand(g, &self.0, &x.shape()));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (g, shape) = (p.take_g(), p.xs[0].shape());
        p.accum(0, || g.reshape(&self.0.kept(shape)).broadcast_to(shape));
        true
    }
}

/// Mean over axes.
#[derive(Debug)]
struct Mean(AxisSet);

impl<T: Float> Op<T> for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].mean(self.0.clone())
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        let shape = x.shape();
        p.accum(0, || expand(g / T::of(self.0.count(&shape) as f64), &self.0, &shape));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (g, shape) = (p.take_g(), p.xs[0].shape());
        let n = T::of(self.0.count(shape) as f64);
        p.accum(0, || update0(g, |g| g / n).reshape(&self.0.kept(shape)).broadcast_to(shape));
        true
    }
}

/// Largest (`MAX`) or smallest element over axes.
#[derive(Debug)]
struct Extremum<const MAX: bool>(AxisSet);

impl<T: Float, const MAX: bool> Op<T> for Extremum<MAX> {
    fn name(&self) -> &'static str {
        if MAX { "max" } else { "min" }
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        if MAX { xs[0].max(self.0.clone()) } else { xs[0].min(self.0.clone()) }
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], y, g) = (p.inputs(), p.y, p.g);
        p.accum(0, || {
            let shape = x.shape();
            let tied = Var::apply(Same, &[x, expand(y, &self.0, &shape)]);
            let share = g / tied.sum(self.0.clone());
            expand(share, &self.0, &shape) * tied
        });
    }
}

/// 1 where a = b, or both are NaN, else 0. It has no gradient.
#[derive(Debug)]
pub(super) struct Same;

impl<T: Float> Op<T> for Same {
    fn name(&self) -> &'static str {
        "same"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("same", xs[0], xs[1], same)
    }

    fn vjp<'t>(&self, _: &mut Pullback<'t, T>) {}

    fn no_rule(&self, _: usize) -> Option<&'static str> {
        Some(CONSTANT)
    }
}

/// Variance over axes.
#[derive(Debug)]
struct Variance(AxisSet, usize);

impl<T: Float> Op<T> for Variance {
    fn name(&self) -> &'static str {
        "var"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].var(self.0.clone(), self.1)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        let shape = x.shape();
        let weight = T::of(2.0 / (self.0.count(&shape) as f64 - self.1 as f64));
        p.accum(0, || expand(g * weight, &self.0, &shape) * (x - expand(x.mean(self.0.clone()), &self.0, &shape)));
    }
}

/// Standard deviation over axes.
#[derive(Debug)]
struct Deviation(AxisSet, usize);

impl<T: Float> Op<T> for Deviation {
    fn name(&self) -> &'static str {
        "std"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].std(self.0.clone(), self.1)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], y, g) = (p.inputs(), p.y, p.g);
        let shape = x.shape();
        let weight = T::of(1.0 / (self.0.count(&shape) as f64 - self.1 as f64));
        p.accum(0, || {
            let scale = g * y.reciprocal_or_zero() * weight;
            expand(scale, &self.0, &shape) * (x - expand(x.mean(self.0.clone()), &self.0, &shape))
        });
    }
}

/// Logarithm of the sum of exponentials over axes.
#[derive(Debug)]
struct LogSumExp(AxisSet);

impl<T: Float> Op<T> for LogSumExp {
    fn name(&self) -> &'static str {
        "logsumexp"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].logsumexp(self.0.clone())
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], y, g) = (p.inputs(), p.y, p.g);
        let shape = x.shape();
        p.accum(0, || {
            // Each element's share in the sum. Divided by what they add up to, and so free of the rounding of a large y, of
            // which they do not depend.
            let terms = Var::apply(ExpDifference, &[x, expand(y.detach(), &self.0, &shape)]);
            expand(g * terms.sum(self.0.clone()).reciprocal_or_zero(), &self.0, &shape) * terms
        });
    }
}

/// `y = exp(a − b)`, which is 0 where a is −∞ whatever b is.
#[derive(Debug)]
struct ExpDifference;

impl<T: Float> Op<T> for ExpDifference {
    fn name(&self) -> &'static str {
        "exp_difference"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip("exp_difference", xs[0], xs[1], |a, b| if a == T::neg_infinity() { T::zero() } else { (a - b).exp() })
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let (y, g) = (p.y, p.g);
        p.accum(0, || g * y);
        p.accum(1, || -(g * y));
    }
}

/// Running sum along an axis. Adjoint: the running sum from the other end.
#[derive(Debug)]
struct CumSum(usize);

impl<T: Float> Op<T> for CumSum {
    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].cumsum(self.0 as isize)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let (g, axis) = (p.g, self.0 as isize);
        p.accum(0, || g.flip(self.0).cumsum(axis).flip(self.0));
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Sum over `axes`, `y = Σ x`; of no element 0.
    ///
    /// Shapes: any → without `axes`, or with them as 1 if they are [kept](crate::keep()).
    ///
    /// # Gradient
    /// `x̄ = ȳ`, repeated.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn sum(self, axes: impl Into<Axes>) -> Self {
        Var::apply(Sum(axes.into().resolve("sum", self.ndim())), &[self])
    }

    /// Arithmetic mean over `axes`, `y = Σ x / n`; of no element NaN.
    ///
    /// Shapes: as [`Var::sum`].
    ///
    /// # Gradient
    /// `x̄ = ȳ / n`, repeated.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn mean(self, axes: impl Into<Axes>) -> Self {
        Var::apply(Mean(axes.into().resolve("mean", self.ndim())), &[self])
    }

    /// Product over `axes`, `y = Π x`; of no element 1.
    ///
    /// It is computed as a balanced tree of products of two, so its gradient never divides by an element: zeros are exact.
    ///
    /// Shapes: as [`Var::sum`].
    ///
    /// # Gradient
    /// `x̄ᵢ = ȳ · Π xⱼ` over j ≠ i.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn prod(self, axes: impl Into<Axes>) -> Self {
        let (axes, shape) = (axes.into().resolve("prod", self.ndim()), self.shape());
        let result: Shape = if axes.keep { axes.kept(&shape) } else { axes.left(&shape) };
        let (kept, folded) = ((0..shape.ndim()).filter(|&a| !axes.has(a)), axes.list());
        let order: Vec<isize> = kept.chain(folded.iter().copied()).map(|a| a as isize).collect();
        let (rows, mut n) = (result.elements(), axes.count(&shape));
        if n == 0 {
            return self.sum(axes) + T::one(); // Σ of none is 0, Π of none is 1
        }
        let mut y = self.permute(&order).reshape([rows, n]);
        while n > 1 {
            let half = n / 2;
            let pairs = y.narrow(1, 0, half) * y.narrow(1, half, half);
            y = if n % 2 == 0 { pairs } else { Var::concat(&[pairs, y.narrow(1, n - 1, 1)], 1) };
            n = n.div_ceil(2);
        }
        y.reshape(&result)
    }

    /// Largest element over `axes`; NaN where one is NaN.
    ///
    /// Shapes: as [`Var::sum`].
    ///
    /// # Gradient
    /// To the largest element; several that are equal share it equally.
    ///
    /// # Panics
    /// If there is no element to choose from, or an axis is out of range or named twice.
    #[track_caller]
    pub fn max(self, axes: impl Into<Axes>) -> Self {
        Var::apply(Extremum::<true>(axes.into().resolve("max", self.ndim())), &[self])
    }

    /// Smallest element over `axes`; NaN where one is NaN.
    ///
    /// Shapes: as [`Var::sum`].
    ///
    /// # Gradient
    /// To the smallest element; several that are equal share it equally.
    ///
    /// # Panics
    /// If there is no element to choose from, or an axis is out of range or named twice.
    #[track_caller]
    pub fn min(self, axes: impl Into<Axes>) -> Self {
        Var::apply(Extremum::<false>(axes.into().resolve("min", self.ndim())), &[self])
    }

    /// Variance over `axes`, `y = Σ (x − mean)² / (n − ddof)`; NaN where `n ≤ ddof`.
    ///
    /// Shapes: as [`Var::sum`].
    ///
    /// # Gradient
    /// `x̄ = ȳ · 2 (x − mean) / (n − ddof)`.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn var(self, axes: impl Into<Axes>, ddof: usize) -> Self {
        Var::apply(Variance(axes.into().resolve("var", self.ndim()), ddof), &[self])
    }

    /// Standard deviation over `axes`, the square root of [`Var::var`].
    ///
    /// Shapes: as [`Var::sum`].
    ///
    /// # Gradient
    /// `x̄ = ȳ · (x − mean) / ((n − ddof) y)`; where all elements are equal it is 0.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn std(self, axes: impl Into<Axes>, ddof: usize) -> Self {
        Var::apply(Deviation(axes.into().resolve("std", self.ndim()), ddof), &[self])
    }

    /// `y = ln Σ exp x` over `axes`, computed around the largest element so that nothing overflows; of no element −∞.
    ///
    /// Shapes: as [`Var::sum`].
    ///
    /// # Gradient
    /// `x̄ = ȳ · exp(x − y)`; 0 where x is −∞, also where all are.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn logsumexp(self, axes: impl Into<Axes>) -> Self {
        Var::apply(LogSumExp(axes.into().resolve("logsumexp", self.ndim())), &[self])
    }

    /// Running sum along `axis`, `yᵢ = x₀ + … + xᵢ`.
    ///
    /// Shapes: any → the same.
    ///
    /// # Gradient
    /// `x̄ᵢ = ȳᵢ + … + ȳₙ₋₁`.
    ///
    /// # Panics
    /// If `axis` is out of range.
    #[track_caller]
    pub fn cumsum(self, axis: isize) -> Self {
        Var::apply(CumSum(axis_of("cumsum", axis, self.ndim())), &[self])
    }
}

/// The sets of axes that every reduction is tried on; `[0, 3]` reduces no element along its first axis.
macro_rules! reductions {
    ($all:ident: $($name:literal, $method:ident ($($arg:expr),*) $(, on $domain:expr)?;)*) => {
        $(
            $all.push(specimen!(concat!($name, " of all"), |x| x.$method(.. $(, $arg)*), [[]], [[5]], [[2, 3]])
                $(.on($domain))?);
            $all.push(specimen!(concat!($name, " of the last axis"), |x| x.$method(-1 $(, $arg)*), [[2, 3]], [[0, 4]], [[2, 2, 4]])
                $(.on($domain))?);
            $all.push(specimen!(
                concat!($name, " of two axes, kept"),
                |x| x.$method(crate::keep([0, -1]) $(, $arg)*), [[2, 3, 2]], [[3, 2]], [[2, 0, 3]]
            )$(.on($domain))?);
        )*
    };
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    let mut all = Vec::new();
    reductions! { all:
        "sum", sum();
        "mean", mean();
        "prod", prod();
        "max", max();
        "min", min();
        "var", var(0);
        "var with ddof 1", var(1);
        "std", std(0);
        "logsumexp", logsumexp();
    }
    // Rank 0 is one element, whose deviation is 0: a kink.
    for specimen in all.iter_mut().filter(|s| s.name.contains("var") || s.name.contains("std")) {
        specimen.cases.retain(|case| !case[0].is_empty());
    }
    all.push(specimen!("sum over the first axis", |x| x.sum(0), [[2, 3]], [[0, 3]], [[0]]));
    all.push(specimen!("prod over the first axis", |x| x.prod(0), [[2, 3]], [[0, 3]], [[0]]));
    all.push(specimen!("cumsum", |x| x.cumsum(0), [[4]], [[3, 2]], [[0, 2]]));
    all.push(specimen!("cumsum of the last axis", |x| x.cumsum(-1), [[2, 3]], [[2, 2, 2]]));
    all
}
