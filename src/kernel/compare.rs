//! Comparisons and what is made of their results.

use super::map::{map_to, zip_to};
use super::pieces;
use crate::float::Float;
use crate::shape::{Axes, Shape, Walk};
use crate::tensor::Tensor;

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident, $op:tt;)*) => {
        impl<T: Float> Tensor<T> { $(
            $(#[$doc])*
            ///
            /// Shapes: broadcast against each other. A comparison with NaN is false, but for `ne`.
            ///
            /// # Panics
            /// If the shapes do not broadcast.
            #[track_caller]
            pub fn $name(&self, other: &Tensor<T>) -> Tensor<bool> {
                zip_to(stringify!($name), self, other, |a, b| a $op b)
            }
        )* }
    };
}
comparisons! {
    /// Where `self = other`.
    equal, ==;
    /// Where `self ≠ other`.
    not_equal, !=;
    /// Where `self < other`.
    less, <;
    /// Where `self ≤ other`.
    less_equal, <=;
    /// Where `self > other`.
    greater, >;
    /// Where `self ≥ other`.
    greater_equal, >=;
}

impl<T: Float> Tensor<T> {
    /// Where an element is NaN.
    pub fn is_nan(&self) -> Tensor<bool> {
        map_to(self, T::is_nan)
    }

    /// Where an element is neither NaN nor infinite.
    pub fn is_finite(&self) -> Tensor<bool> {
        map_to(self, T::is_finite)
    }
}

impl Tensor<bool> {
    /// Where any element along `axes` is true; false of none.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![[true, false], [false, false]].any(-1).to_vec(), [true, false]);
    /// ```
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn any(&self, axes: impl Into<Axes>) -> Tensor<bool> {
        self.fold_bool("any", axes.into(), false, |a, b| a || b)
    }

    /// Where every element along `axes` is true; true of none.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn all(&self, axes: impl Into<Axes>) -> Tensor<bool> {
        self.fold_bool("all", axes.into(), true, |a, b| a && b)
    }

    #[track_caller]
    fn fold_bool(&self, op: &str, axes: Axes, start: bool, f: impl Fn(bool, bool) -> bool) -> Tensor<bool> {
        let split = super::fold::Split::new(self, &axes.resolve(op, self.ndim()));
        split.map_to(self, |group| group.iter().fold(start, |a, &b| f(a, b)))
    }

    /// 1 where true and 0 where false.
    pub fn to_float<T: Float>(&self) -> Tensor<T> {
        map_to(self, |b| if b { T::one() } else { T::zero() })
    }
}

impl<T: Float> Tensor<T> {
    /// `a` where `condition` holds and `b` elsewhere.
    ///
    /// Shapes: all three broadcast against each other.
    ///
    /// # Panics
    /// If they do not broadcast.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tensor, tensor};
    /// let y = Tensor::where_cond(&tensor![true, false], &tensor![1.0, 2.0], &tensor![10.0, 20.0]);
    /// assert_eq!(y.to_vec(), [1.0, 20.0]);
    /// ```
    #[track_caller]
    pub fn where_cond(condition: &Tensor<bool>, a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
        let shape = select_shape(condition.shape(), a.shape(), b.shape());
        let (c, a, b) = (condition.broadcast_to(&shape), a.broadcast_to(&shape), b.broadcast_to(&shape));
        let walk = Walk::new(&shape, [c.strided(), a.strided(), b.strided()]);
        let (conditions, xs, ys) = (c.data(), a.data(), b.data());
        let mut y = Tensor::dirty(shape);
        let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
        pieces(out, &|start, out| {
            walk.runs(start..start + out.len(), |run| {
                let out = &mut out[run.position - start..][..run.len];
                if run.strides == [1; 3] {
                    let [c, x, y] = run.at;
                    let pairs = xs[x..][..run.len].iter().zip(&ys[y..][..run.len]);
                    let all = out.iter_mut().zip(&conditions[c..][..run.len]).zip(pairs);
                    return all.for_each(|((out, &c), (&x, &y))| *out = if c { x } else { y });
                }
                for (k, out) in out.iter_mut().enumerate() {
                    let chosen = if conditions[run.place(0, k)] { xs[run.place(1, k)] } else { ys[run.place(2, k)] };
                    *out = chosen;
                }
            });
        });
        y
    }
}

/// The shape that the operands of a selection broadcast to.
#[track_caller]
pub(crate) fn select_shape(condition: &Shape, a: &Shape, b: &Shape) -> Shape {
    crate::shape::broadcast("where_cond", &crate::shape::broadcast("where_cond", condition, a), b)
}

/// 1 if a = b, or both are NaN, else 0.
#[inline]
pub(crate) fn same<T: Float>(a: T, b: T) -> T {
    match (a.is_nan(), b.is_nan()) {
        // Of equal infinities the difference is NaN, which is not positive.
        (false, false) => (a - b).abs().if_positive(T::zero(), T::one()),
        (true, true) => T::one(),
        _ => T::zero(),
    }
}
