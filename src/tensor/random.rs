//! Random tensors, from any generator of the `rand` crate.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::Tensor;
use crate::float::Float;
use crate::shape::Shape;

impl<T: Float> Tensor<T> {
    /// Independent values uniform on `[low, high)`.
    ///
    /// The same generator state gives the same values for every `T`, up to rounding.
    ///
    /// # Panics
    /// If `high − low` is not finite, or the number of elements overflows.
    ///
    /// # Examples
    /// ```
    /// # use rensa::Tensor;
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let x = Tensor::<f32>::uniform([100], -1.0, 1.0, &mut StdRng::seed_from_u64(0));
    /// assert!(x.iter().all(|x| (-1.0..1.0).contains(x)));
    /// ```
    #[track_caller]
    pub fn uniform(shape: impl Into<Shape>, low: T, high: T, rng: &mut impl Rng) -> Self {
        assert!((high - low).is_finite(), "uniform: from {low:?} to {high:?} is no finite interval");
        // Rounding may lift a product to `high` itself, which is drawn again as the largest value below.
        let draw = |rng: &mut _| loop {
            let x = low + (high - low) * T::of(RngExt::random::<f64>(rng));
            if !(x >= high && low < high) {
                return x;
            }
        };
        Self::from_fn(shape, |_| draw(rng))
    }

    /// Independent values from the normal distribution with the given mean and standard deviation.
    ///
    /// The same generator state gives the same values for every `T`, up to rounding.
    ///
    /// # Panics
    /// If the number of elements overflows.
    #[track_caller]
    pub fn normal(shape: impl Into<Shape>, mean: T, std: T, rng: &mut impl Rng) -> Self {
        let mut draw = || mean + std * T::of(Distribution::<f64>::sample(&StandardNormal, rng));
        Self::from_fn(shape, |_| draw())
    }
}

impl Tensor<usize> {
    /// The numbers `0..n` in random order.
    ///
    /// # Examples
    /// ```
    /// # use rensa::Tensor;
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let mut order = Tensor::permutation(10, &mut StdRng::seed_from_u64(0)).to_vec();
    /// order.sort();
    /// assert_eq!(order, (0..10).collect::<Vec<_>>());
    /// ```
    pub fn permutation(n: usize, rng: &mut impl Rng) -> Self {
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(rng);
        Self::from_elements(order, [n].into())
    }
}
