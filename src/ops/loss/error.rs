//! Losses of regression: functions of the difference between output and target.

use super::Reduction;
use super::pair::{Pair, paired};
use crate::float::Float;
use crate::graph::Var;
use crate::ops::pointwise::{Clamp, Sign};
use crate::ops::scalar::Scalar;
use crate::ops::{Specimen, specimen};
use crate::tensor::Tensor;

/// `y = (x − t)²`.
#[derive(Clone, Copy, Debug)]
struct Squared;

impl Pair for Squared {
    const NAME: &'static str = "mse";

    #[inline]
    fn f<F: Float>(self, x: F, t: F) -> F {
        (x - t) * (x - t)
    }

    #[inline]
    fn dx<S: Scalar>(self, x: S, t: S) -> S {
        (x - t) * x.lit(2.0)
    }

    #[inline]
    fn dt<S: Scalar>(self, x: S, t: S) -> S {
        self.dx(t, x)
    }
}

/// `y = |x − t|`.
#[derive(Clone, Copy, Debug)]
struct Absolute;

impl Pair for Absolute {
    const NAME: &'static str = "l1";

    #[inline]
    fn f<F: Float>(self, x: F, t: F) -> F {
        (x - t).abs()
    }

    #[inline]
    fn dx<S: Scalar>(self, x: S, t: S) -> S {
        (x - t).map(Sign)
    }

    #[inline]
    fn dt<S: Scalar>(self, x: S, t: S) -> S {
        self.dx(t, x)
    }
}

/// `y = (x − t)² / 2` where `|x − t| < delta`, else `delta (|x − t| − delta / 2)`.
#[derive(Clone, Copy, Debug)]
struct Huber {
    delta: f64,
}

impl Pair for Huber {
    const NAME: &'static str = "huber";

    #[inline]
    fn f<F: Float>(self, x: F, t: F) -> F {
        let (size, delta, half) = ((x - t).abs(), F::of(self.delta), F::of(0.5));
        (delta - size).if_positive(half * size * size, delta * (size - half * delta))
    }

    #[inline]
    fn dx<S: Scalar>(self, x: S, t: S) -> S {
        (x - t).map(Clamp(-self.delta, self.delta))
    }

    #[inline]
    fn dt<S: Scalar>(self, x: S, t: S) -> S {
        self.dx(t, x)
    }
}

/// `y = (x − t)² / (2 beta)` where `|x − t| < beta`, else `|x − t| − beta / 2`.
#[derive(Clone, Copy, Debug)]
struct SmoothL1 {
    beta: f64,
}

impl Pair for SmoothL1 {
    const NAME: &'static str = "smooth_l1";

    #[inline]
    fn f<F: Float>(self, x: F, t: F) -> F {
        let (size, beta, half) = ((x - t).abs(), F::of(self.beta), F::of(0.5));
        (beta - size).if_positive(half * size * size / beta, size - half * beta)
    }

    #[inline]
    fn dx<S: Scalar>(self, x: S, t: S) -> S {
        ((x - t) / x.lit(self.beta)).map(Clamp(-1.0, 1.0))
    }

    #[inline]
    fn dt<S: Scalar>(self, x: S, t: S) -> S {
        self.dx(t, x)
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// Squared error, `y = (x − target)²`, reduced.
    ///
    /// Shapes: `self` and `target` of one shape → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = 2 ȳ (x − target)`, divided by the number of elements for the mean; to the target the negative of it.
    ///
    /// # Panics
    /// If the shapes differ: one that broadcasts is nearly always a mistake.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, target) = (tape.leaf(tensor![1.0, 4.0]), tape.constant(tensor![1.0, 2.0]));
    /// assert_eq!(x.mse(target, Reduction::Mean).item(), 2.0);
    /// ```
    #[track_caller]
    pub fn mse(self, target: Var<'t, T>, reduction: Reduction) -> Self {
        reduction.of(paired(Squared, self, target))
    }

    /// Absolute error, `y = |x − target|`, reduced.
    ///
    /// Shapes: `self` and `target` of one shape → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = ȳ sign(x − target)`, which is 0 where they are equal, divided by the number of elements for the mean; to the target the
    /// negative of it.
    ///
    /// # Panics
    /// If the shapes differ.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, target) = (tape.leaf(tensor![1.0, 4.0]), tape.constant(tensor![1.0, 6.0]));
    /// assert_eq!(x.l1(target, Reduction::Mean).item(), 1.0);
    /// ```
    #[track_caller]
    pub fn l1(self, target: Var<'t, T>, reduction: Reduction) -> Self {
        reduction.of(paired(Absolute, self, target))
    }

    /// Huber's loss, `y = (x − target)² / 2` where `|x − target| < delta`, else `delta (|x − target| − delta / 2)`, reduced: squared near the
    /// target and absolute far from it.
    ///
    /// Shapes: `self` and `target` of one shape → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = ȳ clamp(x − target, −delta, delta)`, divided by the number of elements for the mean; to the target the negative of it.
    ///
    /// # Panics
    /// If the shapes differ, or `delta` is not above 0.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, target) = (tape.leaf(tensor![1.0, 4.0]), tape.constant(tensor![0.0, 0.0]));
    /// assert_eq!(x.huber(target, 2.0, Reduction::None).value().to_vec(), [0.5, 6.0]);
    /// ```
    /// Source: Huber, "Robust Estimation of a Location Parameter" (1964), §4.
    #[track_caller]
    pub fn huber(self, target: Var<'t, T>, delta: f64, reduction: Reduction) -> Self {
        assert!(delta > 0.0, "huber: a delta of {delta} is not above 0");
        reduction.of(paired(Huber { delta }, self, target))
    }

    /// Smooth absolute error, `y = (x − target)² / (2 beta)` where `|x − target| < beta`, else `|x − target| − beta / 2`, reduced:
    /// [`Var::huber`] divided by beta. A `beta` of 0 makes it [`Var::l1`].
    ///
    /// Shapes: `self` and `target` of one shape → `[]`, or that shape with [`Reduction::None`].
    ///
    /// # Gradient
    /// `x̄ = ȳ clamp((x − target) / beta, −1, 1)`, divided by the number of elements for the mean; to the target the negative of it.
    ///
    /// # Panics
    /// If the shapes differ, or `beta` is below 0.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, target) = (tape.leaf(tensor![1.0, 4.0]), tape.constant(tensor![0.0, 0.0]));
    /// assert_eq!(x.smooth_l1(target, 2.0, Reduction::None).value().to_vec(), [0.25, 3.0]);
    /// ```
    /// Source: Girshick, "Fast R-CNN" (2015), equation 3.
    #[track_caller]
    pub fn smooth_l1(self, target: Var<'t, T>, beta: f64, reduction: Reduction) -> Self {
        assert!(beta >= 0.0, "smooth_l1: a beta of {beta} is below 0");
        if beta == 0.0 {
            return self.l1(target, reduction);
        }
        reduction.of(paired(SmoothL1 { beta }, self, target))
    }
}

/// `x` with a third of its elements moved far up and a third far down: so far from any target in the domain that they are beyond every limit,
/// as the others are within it.
#[track_caller]
fn scattered<'t, T: Float>(x: Var<'t, T>) -> Var<'t, T> {
    let far = |i: &[usize]| T::of([0.0, 4.0, -4.0][i.iter().sum::<usize>() % 3]);
    x + x.tape().constant(Tensor::from_fn(x.shape(), far))
}

/// Each loss by its mean, its sum, and element by element.
macro_rules! errors {
    ($($name:literal, $method:ident ($($arg:expr),*);)*) => {
        vec![$(
            specimen!(concat!($name, ", mean"), |x, t| scattered(x).$method(t, $($arg,)* Reduction::Mean), [[2, 3], [2, 3]], [[], []])
                .on(0.1..0.9),
            specimen!(concat!($name, ", sum"), |x, t| scattered(x).$method(t, $($arg,)* Reduction::Sum), [[6], [6]], [[0], [0]])
                .on(0.1..0.9),
            specimen!(concat!($name, ", each"), |x, t| scattered(x).$method(t, $($arg,)* Reduction::None), [[2, 3], [2, 3]], [[0, 2], [0, 2]])
                .on(0.1..0.9),
        )*]
    };
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    errors! {
        "mse", mse();
        "l1", l1();
        "huber", huber(1.3);
        "smooth_l1", smooth_l1(0.9);
        "smooth_l1 of beta 0", smooth_l1(0.0);
    }
}
