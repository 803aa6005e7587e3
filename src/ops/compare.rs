//! Comparisons and places of extrema as values on the tape. Their values jump or stay: there is no gradient, and they say so.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::map::zip;
use crate::shape::axis_of;
use crate::tensor::Tensor;

/// What an op says of itself whose output is constant almost everywhere.
pub(super) const CONSTANT: &str = "its value is constant almost everywhere";

/// 1 where a relation holds between a and b, else 0.
#[derive(Debug)]
struct Compare {
    name: &'static str,
    relation: Relation,
}

#[derive(Clone, Copy, Debug)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Compare {
    /// `f` of every pair, `otherwise` where one is NaN. A relation is read off the sign of the difference, which intervals have too;
    /// of equal infinities it is NaN, and so not positive.
    #[track_caller]
    fn zip<T: Float>(&self, xs: &[&Tensor<T>], otherwise: T, f: impl Fn(T, T) -> T + Sync) -> Tensor<T> {
        zip(self.name, xs[0], xs[1], |a, b| if a.is_nan() || b.is_nan() { otherwise } else { f(a, b) })
    }
}

impl<T: Float> Op<T> for Compare {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        let (zero, one) = (T::zero(), T::one());
        match self.relation {
            Relation::Equal => self.zip(xs, zero, |a, b| (a - b).abs().if_positive(zero, one)),
            Relation::NotEqual => self.zip(xs, one, |a, b| (a - b).abs().if_positive(one, zero)),
            Relation::Less => self.zip(xs, zero, |a, b| (b - a).if_positive(one, zero)),
            Relation::LessEqual => self.zip(xs, zero, |a, b| (a - b).if_positive(zero, one)),
            Relation::Greater => self.zip(xs, zero, |a, b| (a - b).if_positive(one, zero)),
            Relation::GreaterEqual => self.zip(xs, zero, |a, b| (b - a).if_positive(zero, one)),
        }
    }

    fn vjp<'t>(&self, _: &mut Pullback<'t, T>) {}

    fn no_rule(&self, _: usize) -> Option<&'static str> {
        Some(CONSTANT)
    }
}

/// Place of the largest (`MAX`) or smallest element along an axis, as a number.
#[derive(Debug)]
struct ArgExtremum<const MAX: bool>(usize);

impl<T: Float, const MAX: bool> Op<T> for ArgExtremum<MAX> {
    fn name(&self) -> &'static str {
        if MAX { "argmax" } else { "argmin" }
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        let axis = self.0 as isize;
        let places = if MAX { xs[0].argmax(axis) } else { xs[0].argmin(axis) };
        let numbers = places.iter().map(|&place| T::of(place as f64)).collect();
        Tensor::from_elements(numbers, places.shape().clone())
    }

    fn vjp<'t>(&self, _: &mut Pullback<'t, T>) {}

    fn no_rule(&self, _: usize) -> Option<&'static str> {
        Some(CONSTANT)
    }
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident $relation:ident;)*) => {
        impl<'t, T: Float> Var<'t, T> { $(
            $(#[$doc])*
            ///
            /// Shapes: broadcast against each other. A comparison with NaN is false, but for `not_equal`.
            ///
            /// # Gradient
            /// None: the value is constant almost everywhere. Who asks for one is told so.
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[track_caller]
            pub fn $name(self, other: Var<'t, T>) -> Self {
                Var::apply(Compare { name: stringify!($name), relation: Relation::$relation }, &[self, other])
            }
        )* }
    };
}
comparisons! {
    /// 1 where `self = other`, else 0.
    equal Equal;
    /// 1 where `self ≠ other`, else 0.
    not_equal NotEqual;
    /// 1 where `self < other`, else 0.
    less Less;
    /// 1 where `self ≤ other`, else 0.
    less_equal LessEqual;
    /// 1 where `self > other`, else 0.
    greater Greater;
    /// 1 where `self ≥ other`, else 0.
    greater_equal GreaterEqual;
}

impl<T: Float> Var<'_, T> {
    /// Place of the largest element along `axis`, as a number: the first one, and the first NaN if there is one. Places to index with
    /// come from [`Tensor::argmax`].
    ///
    /// Shapes: any → without `axis`.
    ///
    /// # Gradient
    /// None: the value is constant almost everywhere. Who asks for one is told so.
    ///
    /// # Panics
    /// If `axis` is out of range or has size 0.
    #[track_caller]
    pub fn argmax(self, axis: isize) -> Self {
        Var::apply(ArgExtremum::<true>(axis_of("argmax", axis, self.ndim())), &[self])
    }

    /// Place of the smallest element along `axis`, as a number: the first one, and the first NaN if there is one. Places to index with
    /// come from [`Tensor::argmin`].
    ///
    /// Shapes: any → without `axis`.
    ///
    /// # Gradient
    /// None: the value is constant almost everywhere. Who asks for one is told so.
    ///
    /// # Panics
    /// If `axis` is out of range or has size 0.
    #[track_caller]
    pub fn argmin(self, axis: isize) -> Self {
        Var::apply(ArgExtremum::<false>(axis_of("argmin", axis, self.ndim())), &[self])
    }
}

macro_rules! pairs {
    ($($name:ident)*) => {
        vec![$(
            specimen!(stringify!($name), |a, b| a.$name(b), [[2, 3], [3]], [[3, 1], [1, 4]], [[], []], [[0, 3], [1]]).flat(),
        )*]
    };
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    let mut all = pairs!(equal not_equal less less_equal greater greater_equal);
    all.push(specimen!("argmax", |x| x.argmax(-1), [[2, 3]], [[4]], [[0, 2]]).flat());
    all.push(specimen!("argmin", |x| x.argmin(0), [[2, 3]], [[4]], [[2, 0]]).flat());
    all
}
