//! The order of elements along an axis.

use std::cmp::Ordering;

use super::lanes::lanes_to;
use crate::float::Float;
use crate::tensor::Tensor;

/// Which of two elements comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranking {
    /// The larger number, rather than the smaller.
    pub(crate) descending: bool,
    /// NaN before every number, rather than behind.
    pub(crate) nan_first: bool,
}

impl Ranking {
    fn compare<T: Float>(self, a: T, b: T) -> Ordering {
        match (a.is_nan(), b.is_nan()) {
            (false, false) => {
                let order = a.partial_cmp(&b).unwrap_or_else(|| no_order(&a, &b));
                if self.descending { order.reverse() } else { order }
            }
            (a, b) if self.nan_first => b.cmp(&a),
            (a, b) => a.cmp(&b),
        }
    }
}

/// Of intervals that overlap none is known to be the smaller.
#[cold]
fn no_order<T: Float>(a: &T, b: &T) -> ! {
    panic!("sort: {a:?} and {b:?} are in no order")
}

/// The places along `axis` of the first `k` elements, in order; of equal ones, the one at the lower place first. NaN equals NaN.
pub(crate) fn ranked<T: Float>(x: &Tensor<T>, axis: usize, k: usize, ranking: Ranking) -> Tensor<usize> {
    lanes_to(x, axis, k, 0, |x, places| {
        let mut pairs: Vec<(T, usize)> = x.iter().copied().zip(0..).collect();
        // With the place as the last resort no two are equal, so that an unstable sort is stable.
        let order = |a: &(T, usize), b: &(T, usize)| ranking.compare(a.0, b.0).then(a.1.cmp(&b.1));
        if k < pairs.len() {
            pairs.select_nth_unstable_by(k, order);
            pairs.truncate(k);
        }
        pairs.sort_unstable_by(order);
        places.iter_mut().zip(pairs).for_each(|(place, pair)| *place = pair.1);
    })
}
