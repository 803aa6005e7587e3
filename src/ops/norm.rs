//! Norms over axes, and the cosine of the angle between vectors. At the zero vector every gradient is 0.

use super::array::Array;
use super::reduce::{Same, expand};
use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::reduce::check_order;
use crate::shape::{Axes, AxisSet, axis_of, broadcast};
use crate::tensor::Tensor;

/// Euclidean norm over axes.
#[derive(Debug)]
struct Norm(AxisSet);

impl<T: Float> Op<T> for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].norm(self.0.clone())
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], y, g) = (p.inputs(), p.y, p.g);
        p.accum(0, || expand(g * y.reciprocal_or_zero(), &self.0, &x.shape()) * x);
    }
}

/// Norm of any order but 2 over axes.
#[derive(Debug)]
struct VectorNorm {
    ord: f64,
    axes: AxisSet,
}

impl<T: Float> Op<T> for VectorNorm {
    fn name(&self) -> &'static str {
        "vector_norm"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].vector_norm(self.ord, self.axes.clone())
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], y, g, axes) = (p.inputs(), p.y, p.g, &self.axes);
        p.accum(0, || {
            let shape = x.shape();
            let up = expand(g, axes, &shape) * x.sign();
            if self.ord == 1.0 {
                up
            } else if self.ord == f64::INFINITY {
                let tied = Var::apply(Same, &[x.abs(), expand(y, axes, &shape)]);
                up * tied / expand(tied.sum(axes.clone()), axes, &shape)
            } else {
                up * (x.abs() * expand(y.reciprocal_or_zero(), axes, &shape)).powf(self.ord - 1.0)
            }
        });
    }
}

/// `Σ a b / (max(‖a‖, eps) · max(‖b‖, eps))` along an axis of the shape that both broadcast to.
#[track_caller]
fn cosine<A: Array>(a: &A, b: &A, axis: isize, eps: f64) -> A {
    let shape = broadcast("cosine_similarity", &a.size(), &b.size());
    let axis = axis_of("cosine_similarity", axis, shape.ndim());
    let (a, b) = (a.broadcast_to(&shape).normalized(axis, eps), b.broadcast_to(&shape).normalized(axis, eps));
    a.mul(&b).sum(&[axis])
}

impl<'t, T: Float> Var<'t, T> {
    /// Euclidean norm over `axes`, `y = √(Σ x²)`.
    ///
    /// Shapes: as [`Var::sum`].
    ///
    /// # Gradient
    /// `x̄ = ȳ · x / y`; of the zero vector it is 0.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn norm(self, axes: impl Into<Axes>) -> Self {
        Var::apply(Norm(axes.into().resolve("norm", self.ndim())), &[self])
    }

    /// Norm of order `ord` over `axes`, `y = (Σ |x|ᵒʳᵈ)¹ᐟᵒʳᵈ`: the sum of sizes for 1, the Euclidean norm for 2, the largest size for ∞;
    /// of no element 0.
    ///
    /// Shapes: as [`Var::sum`].
    ///
    /// # Gradient
    /// `x̄ = ȳ · sign(x) (|x| / y)ᵒʳᵈ⁻¹`; for ∞ to the largest, which share it equally if there are several. Of the zero vector it is 0.
    ///
    /// # Panics
    /// If `ord` is below 1 or NaN, or an axis is out of range or named twice.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[3.0, -4.0], [0.0, 0.0]]);
    /// let gradients = x.vector_norm(1.0, -1).sum(..).backward();
    /// assert_eq!(gradients[x].to_vec(), [1.0, -1.0, 0.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn vector_norm(self, ord: f64, axes: impl Into<Axes>) -> Self {
        check_order("vector_norm", ord);
        let axes = axes.into().resolve("vector_norm", self.ndim());
        if ord == 2.0 { self.norm(axes) } else { Var::apply(VectorNorm { ord, axes }, &[self]) }
    }

    /// Cosine of the angle between two vectors along `axis`, `y = a · b / (max(‖a‖, eps) · max(‖b‖, eps))`. PyTorch's `eps` is 1e-8.
    ///
    /// Shapes: broadcast against each other, and then without `axis`.
    ///
    /// # Gradient
    /// That of the formula, with `‖a‖` constant where it is below `eps`.
    ///
    /// # Panics
    /// If the shapes do not broadcast, or `axis` is out of range.
    #[track_caller]
    pub fn cosine_similarity(self, other: Var<'t, T>, axis: isize, eps: f64) -> Self {
        cosine(&self, &other, axis, eps)
    }
}

impl<T: Float> Tensor<T> {
    /// Cosine of the angle between two vectors along `axis`, `y = a · b / (max(‖a‖, eps) · max(‖b‖, eps))`. PyTorch's `eps` is 1e-8.
    ///
    /// Shapes: broadcast against each other, and then without `axis`.
    ///
    /// # Panics
    /// If the shapes do not broadcast, or `axis` is out of range.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let (a, b) = (tensor![3.0, 4.0], tensor![[3.0, 4.0], [-4.0, 3.0]]);
    /// assert_eq!(a.cosine_similarity(&b, -1, 1e-8).to_vec(), [1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn cosine_similarity(&self, other: &Tensor<T>, axis: isize, eps: f64) -> Tensor<T> {
        cosine(self, other, axis, eps)
    }
}

/// `x` with every second element negated, so that sizes in the domain are apart from each other whatever the signs.
#[track_caller]
fn alternating<'t, T: Float>(x: Var<'t, T>) -> Var<'t, T> {
    let sign = |i: &[usize]| if i.iter().sum::<usize>() % 2 == 0 { T::one() } else { -T::one() };
    x * x.tape().constant(Tensor::from_fn(x.shape(), sign))
}

/// Cases of a norm that is applied to what [`alternating`] makes of the input.
macro_rules! norms {
    ($($name:literal, $method:ident ($($arg:expr),*) $(, $case:tt)*;)*) => {
        vec![$(specimen!($name, |x| alternating(x).$method($($arg),*) $(, $case)*).on(0.2..2.0)),*]
    };
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    let mut all = norms! {
        "norm of all", norm(..), [[]], [[5]], [[2, 3]], [[0]];
        "norm of two axes, kept", norm(crate::keep([0, -1])), [[2, 3, 2]], [[3, 2]], [[2, 0, 3]];
        "vector_norm of order 1", vector_norm(1.0, ..), [[]], [[2, 3]], [[0]];
        "vector_norm of order 1.5 of the last axis", vector_norm(1.5, -1), [[2, 3]];
        "vector_norm of order 3 of two axes, kept", vector_norm(3.0, crate::keep([0, -1])), [[2, 3, 2]], [[2, 0, 3]];
        "vector_norm of order infinity", vector_norm(f64::INFINITY, ..), [[]], [[2, 3]], [[0]];
        "vector_norm of order infinity of the first axis", vector_norm(f64::INFINITY, 0), [[3, 2]], [[0, 2]], [[2, 0]];
    };
    // A vector whose elements are one, broadcast, has no gradient but of rounding: the cosine knows its direction only.
    all.push(specimen!("cosine_similarity", |a, b| a.cosine_similarity(b, -1, 1e-8), [[2, 3], [3]], [[3, 1, 2], [2, 2]], [
        [0, 3],
        [3]
    ]));
    all
}
