//! Reductions over any set of axes.

use super::fold::{Split, fold};
use super::map::{update, zip};
use super::wide::in_f32;
use crate::float::Float;
use crate::shape::{Axes, AxisSet, Inline, Shape, axis_of};
use crate::tensor::Tensor;

/// `x` summed over the axes along which `shape` was broadcast to that of `x`.
pub(crate) fn sum_to<T: Float>(x: &Tensor<T>, shape: &Shape) -> Tensor<T> {
    if x.shape() == shape {
        return x.clone();
    }
    let new_axes = x.ndim() - shape.ndim();
    let stretched = |a: usize| a < new_axes || (shape[a - new_axes] == 1 && x.shape()[a] != 1);
    let axes: Inline<usize> = (0..x.ndim()).filter(|&a| stretched(a)).collect();
    x.sum(&axes[..]).reshape_to(shape)
}

/// Folds `pre(x)` over all elements; 0 of none.
fn fold_all<T: Float>(x: &Tensor<T>, pre: impl Fn(T) -> T + Sync, f: impl Fn(T, T) -> T + Sync) -> T {
    fold(x, &Axes::from(..).resolve("fold", x.ndim()), T::zero(), |_, x| pre(x), f).item()
}

/// Whether no element is NaN or infinite: of those, and only of those, 0 · x is NaN.
pub(crate) fn all_finite<T: Float>(x: &Tensor<T>) -> bool {
    !fold_all(x, |x| x * T::zero(), |a, b| a + b).is_nan()
}

/// The sum of squares of the elements, each multiplied by `scale` before.
pub(crate) fn sum_of_squares<T: Float>(x: &Tensor<T>, scale: T) -> T {
    fold_all(x, |x| (x * scale) * (x * scale), |a, b| a + b)
}

/// The largest magnitude of an element, NaN if one is; of no element 0.
pub(crate) fn largest_magnitude<T: Float>(x: &Tensor<T>) -> T {
    fold_all(x, T::abs, T::maximum)
}

/// `exp(x − top)`, or −1 for the largest, which are counted apart: in their 1 the others, if tiny, would drown.
#[inline(always)]
pub(crate) fn term<T: Float>(x: T, top: T) -> T {
    let e = (x - top).lane_decay();
    if x == top { -T::one() } else { e }
}

/// The exponential of a [`term`] that is not the largest, else 0.
#[inline(always)]
pub(crate) fn other<T: Float>(term: T) -> T {
    if term < T::zero() { T::zero() } else { term }
}

/// 1 for a [`term`] that is the largest, else 0.
#[inline(always)]
pub(crate) fn largest<T: Float>(term: T) -> T {
    if term < T::zero() { T::one() } else { T::zero() }
}

/// `ln Σ exp(x − top)` from the sum of the others and the number of the largest.
#[inline(always)]
pub(crate) fn log_of_terms<T: Float>(others: T, largest: T) -> T {
    (others + (largest - T::one())).lane_ln_1p()
}

/// `ln Σ exp(x − top)` over axes from the terms.
pub(crate) fn log_of_all_terms<T: Float>(terms: &Tensor<T>, axes: &AxisSet) -> Tensor<T> {
    let others = fold(terms, axes, T::zero(), |_, x| other(x), |a, b| a + b);
    let count = fold(terms, axes, T::zero(), |_, x| largest(x), |a, b| a + b);
    update(
        others,
        &count,
        #[inline(always)]
        |others, count| log_of_terms(others, count),
    )
}

#[cold]
#[track_caller]
fn no_extremum(op: &str, shape: &Shape) -> ! {
    panic!("{op}: {shape:?} has no element along the axes to reduce, and of none there is no {op}")
}

/// Refuses what is no order of a norm.
#[track_caller]
pub(crate) fn check_order(op: &str, ord: f64) {
    assert!(ord >= 1.0, "{op}: order {ord} is no norm's: it must be at least 1");
}

impl<T: Float> Tensor<T> {
    /// Sum over `axes`, `y = Σ x`; of no element 0.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1.0, 2.0], [3.0, 4.0]];
    /// assert_eq!(x.sum(0).to_vec(), [4.0, 6.0]);
    /// assert_eq!(x.sum(..).item(), 10.0);
    /// ```
    #[track_caller]
    pub fn sum(&self, axes: impl Into<Axes>) -> Tensor<T> {
        let axes = axes.into().resolve("sum", self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.sum(axes));
        }
        fold(self, &axes, T::zero(), |_, x| x, |a, b| a + b)
    }

    /// Product over `axes`, `y = Π x`; of no element 1.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn prod(&self, axes: impl Into<Axes>) -> Tensor<T> {
        let axes = axes.into().resolve("prod", self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.prod(axes));
        }
        fold(self, &axes, T::one(), |_, x| x, |a, b| a * b)
    }

    /// Arithmetic mean over `axes`, `y = Σ x / n`; of no element NaN.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn mean(&self, axes: impl Into<Axes>) -> Tensor<T> {
        let axes = axes.into().resolve("mean", self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.mean(axes));
        }
        let n = T::of(Split::new(self, &axes).group() as f64);
        fold(self, &axes, T::zero(), |_, x| x, |a, b| a + b) / n
    }

    /// Largest element over `axes`; NaN where one is NaN.
    ///
    /// # Panics
    /// If there is no element to choose from, or an axis is out of range or named twice.
    #[track_caller]
    pub fn max(&self, axes: impl Into<Axes>) -> Tensor<T> {
        self.extremum("max", axes.into(), T::maximum)
    }

    /// Smallest element over `axes`; NaN where one is NaN.
    ///
    /// # Panics
    /// If there is no element to choose from, or an axis is out of range or named twice.
    #[track_caller]
    pub fn min(&self, axes: impl Into<Axes>) -> Tensor<T> {
        self.extremum("min", axes.into(), T::minimum)
    }

    #[track_caller]
    fn extremum(&self, op: &str, axes: Axes, f: impl Fn(T, T) -> T + Sync) -> Tensor<T> {
        let axes = axes.resolve(op, self.ndim());
        let split = Split::new(self, &axes);
        if split.lacks_elements() {
            no_extremum(op, self.shape());
        }
        fold(self, &axes, T::nan(), |_, x| x, f)
    }

    /// Variance over `axes`, `y = Σ (x − mean)² / (n − ddof)`, around a mean of twice the precision; NaN where `n ≤ ddof`.
    ///
    /// `ddof` 0 is the population's variance, 1 the unbiased estimate from a sample.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1.0, 2.0, 3.0, 4.0].var(.., 0).item(), 1.25);
    /// ```
    /// Source: Chan, Golub, LeVeque, "Algorithms for Computing the Sample Variance" (1983), §1.
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, ddof: usize) -> Tensor<T> {
        let axes = axes.into().resolve("var", self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.var(axes, ddof));
        }
        let n = Split::new(self, &axes).group();
        let count = T::of(n as f64);
        // Far from zero the mean's own rounding is much against the deviations; their mean tells how much it was.
        let mean = (fold(self, &axes, T::zero(), |_, x| x, |a, b| a + b) / count).to_contiguous();
        let means = mean.as_slice().unwrap_or_default();
        let rest = (fold(self, &axes, T::zero(), |o, x| x - means[o], |a, b| a + b) / count).to_contiguous();
        let rests = rest.as_slice().unwrap_or_default();
        let deviation = |o: usize, x: T| (x - means[o]) - rests[o];
        let squares = fold(self, &axes, T::zero(), |o, x| deviation(o, x) * deviation(o, x), |a, b| a + b);
        // Of `ddof` elements or fewer there is no estimate: 0/0, never a quotient by a negative number.
        if n > ddof { squares / T::of((n - ddof) as f64) } else { squares * T::nan() }
    }

    /// Standard deviation over `axes`, the square root of [`Tensor::var`].
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn std(&self, axes: impl Into<Axes>, ddof: usize) -> Tensor<T> {
        let axes = axes.into().resolve("std", self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.std(axes, ddof));
        }
        self.var(axes, ddof).map(T::sqrt)
    }

    /// Euclidean norm over `axes`, `y = √(Σ x²)`.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn norm(&self, axes: impl Into<Axes>) -> Tensor<T> {
        let axes = axes.into().resolve("norm", self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.norm(axes));
        }
        fold(self, &axes, T::zero(), |_, x| x * x, |a, b| a + b).map(T::sqrt)
    }

    /// Norm of order `ord` over `axes`, `y = (Σ |x|ᵒʳᵈ)¹ᐟᵒʳᵈ`: the sum of sizes for 1, the Euclidean norm for 2, the largest size for ∞;
    /// of no element 0.
    ///
    /// # Panics
    /// If `ord` is below 1 or NaN, or an axis is out of range or named twice.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![3.0, -4.0];
    /// let norms = [1.0, 2.0, f64::INFINITY].map(|ord| x.vector_norm(ord, ..).item());
    /// assert_eq!(norms, [7.0, 5.0, 4.0]);
    /// ```
    #[track_caller]
    pub fn vector_norm(&self, ord: f64, axes: impl Into<Axes>) -> Tensor<T> {
        check_order("vector_norm", ord);
        let axes = axes.into().resolve("vector_norm", self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.vector_norm(ord, axes));
        }
        if ord == 1.0 {
            return fold(self, &axes, T::zero(), |_, x| x.abs(), |a, b| a + b);
        }
        if ord == 2.0 {
            return self.norm(axes);
        }
        let top = fold(self, &axes, T::zero(), |_, x| x.abs(), T::maximum).to_contiguous();
        if ord == f64::INFINITY {
            return top;
        }
        // Relative to the largest, so that no power overflows, nor all vanish.
        let tops = top.as_slice().unwrap_or_default();
        let power = |o: usize, x: T| (x.abs() / tops[o]).powf(T::of(ord));
        let sum = fold(self, &axes, T::zero(), power, |a, b| a + b);
        let root = |top: T, sum: T| top * sum.powf(T::of(1.0 / ord));
        top.zip(&sum, |top, sum| if top == T::zero() || top.is_infinite() { top } else { root(top, sum) })
    }

    /// `y = ln Σ exp x` over `axes`, computed around the largest element so that nothing overflows; of no element −∞.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let y = tensor![1e4_f64, 1e4].logsumexp(..).item();
    /// assert!((y - (1e4 + 2.0_f64.ln())).abs() < 1e-9);
    /// ```
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Into<Axes>) -> Tensor<T> {
        let axes = axes.into().resolve("logsumexp", self.ndim());
        if T::NARROW {
            return in_f32([self], |[x]| x.logsumexp(axes));
        }
        let top = fold(self, &axes, T::neg_infinity(), |_, x| x, T::maximum).to_contiguous();
        if T::VECTORS && !self.is_empty() {
            let terms = zip("logsumexp", self, &top.reshape_to(&axes.kept(self.shape())), term);
            let log = log_of_all_terms(&terms, &axes);
            return update(log, &top, |log, top| if top.is_infinite() { top } else { top + log });
        }
        let tops = top.as_slice().unwrap_or_default();
        // The largest are counted apart: in their 1 the others, if tiny, would drown. What equal ones carry beside their value, as
        // dual numbers do, is in the rest.
        let one_if = |yes: bool| if yes { T::one() } else { T::zero() };
        let largest = fold(self, &axes, T::zero(), |o, x| one_if(x == tops[o]), |a, b| a + b);
        let rest = |x: T, top: T| if x == top { (x - top).exp_m1() } else { (x - top).exp() };
        let others = fold(self, &axes, T::zero(), |o, x| rest(x, tops[o]), |a, b| a + b);
        let log = (others + (largest - T::one())).map(T::ln_1p);
        log.zip(&top, |log, top| if top.is_infinite() { top } else { top + log })
    }

    /// Place of the largest element along `axis`: the first one, and the first NaN if there is one. Of intervals the first of
    /// those above which no other one surely lies.
    ///
    /// # Panics
    /// If `axis` is out of range or has size 0.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![[1.0, 3.0, 3.0], [0.0, f64::NAN, 9.0]].argmax(-1).to_vec(), [1, 1]);
    /// ```
    #[track_caller]
    pub fn argmax(&self, axis: isize) -> Tensor<usize> {
        self.arg_extremum("argmax", axis, T::maximum, T::gt)
    }

    /// Place of the smallest element along `axis`: the first one, and the first NaN if there is one. Of intervals the first of
    /// those below which no other one surely lies.
    ///
    /// # Panics
    /// If `axis` is out of range or has size 0.
    #[track_caller]
    pub fn argmin(&self, axis: isize) -> Tensor<usize> {
        self.arg_extremum("argmin", axis, T::minimum, T::lt)
    }

    #[track_caller]
    fn arg_extremum(
        &self,
        op: &str,
        axis: isize,
        better: impl Fn(T, T) -> T,
        beats: impl Fn(&T, &T) -> bool,
    ) -> Tensor<usize> {
        let at = axis_of(op, axis, self.ndim());
        let split = Split::new(self, &Axes::from(at).resolve(op, self.ndim()));
        if split.lacks_elements() {
            no_extremum(op, self.shape());
        }
        split.map_to(self, |group| {
            // The value first, in lanes, then its place: faster than both at once.
            let (blocks, rest) = group.as_chunks::<16>();
            let mut best = rest.iter().fold(group[0], |best, &x| better(best, x));
            if let Some(&first) = blocks.first() {
                let lanes = blocks.iter().fold(first, |l, x| std::array::from_fn(|i| better(l[i], x[i])));
                best = lanes.into_iter().fold(best, &better);
            }
            let place = group.iter().position(|&x| x == best || x.is_nan());
            // Of intervals that overlap none is known to be the best: the first that is not known to be beaten.
            place.or_else(|| group.iter().position(|x| !beats(&best, x))).expect("one is not beaten")
        })
    }
}
