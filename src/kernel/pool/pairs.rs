//! The gradient of the largest elements of windows of 2 by 2 beside each other, which is what nets have: in one pass, without a list of
//! places.

use std::hint::select_unpredictable;

use super::Planes;
use super::options::{Axis, Pooling};
use crate::float::Float;
use crate::kernel::planes;
use crate::kernel::simd::widest;
use crate::tensor::Tensor;

/// The gradient by `x` of the largest elements `y` of its windows, whose gradient is `g`, if the windows are such: of equal elements the
/// first gets it, and of NaN the first.
pub(super) fn pull_max<T: Float>(pooling: &Pooling, [x, y, g]: [&Tensor<T>; 3]) -> Option<Tensor<T>> {
    if !T::VECTORS || !are_pairs(pooling) {
        return None;
    }
    let mut pulled = Tensor::dirty(pooling.x_shape());
    let (channels, windows) = (Planes::of(x, pooling), pooling.positions());
    let (y, g) = (y.to_contiguous(), g.to_contiguous());
    let (y, g) = (y.as_slice().unwrap_or_default(), g.as_slice().unwrap_or_default());
    let [height, width] = [1, 2].map(|axis| pooling.axes[axis].input());
    let out = pulled.as_unique_slice().expect("a dirty tensor is dense and unshared");
    planes(out, pooling.pixels(), x.len(), &|plane, out| {
        let mut buffer = Vec::new();
        let x = channels.plane(plane, &mut buffer);
        let range = plane * windows..(plane + 1) * windows;
        let (y, g, across) = (&y[range.clone()], &g[range], width / 2);
        widest::<T, _>(
            #[inline(always)]
            || {
                for k in 0..height / 2 {
                    let [y, g] = [y, g].map(|all| &all[k * across..][..across]);
                    row(&x[2 * k * width..][..2 * width], [y, g], &mut out[2 * k * width..][..2 * width]);
                }
            },
        );
        if height % 2 == 1 {
            out[(height - 1) * width..].fill(T::zero());
        }
    });
    Some(pulled)
}

/// Whether the windows take 2 by 2 elements beside each other, of one slice if there are several.
fn are_pairs(pooling: &Pooling) -> bool {
    let [depth, height, width] = &pooling.axes;
    let in_pairs = |axis: &Axis| match axis {
        Axis::Sliding { windows: w, .. } => {
            [w.taps, w.stride, w.dilation, w.before] == [2, 2, 1, 0] && 2 * w.count <= w.input
        }
        Axis::Adaptive { .. } => false,
    };
    [depth.input(), depth.count()] == [1, 1] && in_pairs(height) && in_pairs(width)
}

/// A row of windows, in two rows of x.
#[inline(always)]
fn row<T: Float>(x: &[T], [y, g]: [&[T]; 2], out: &mut [T]) {
    let (n, width) = (y.len(), x.len() / 2);
    let (above, below) = x.split_at(width);
    let (out_above, out_below) = out.split_at_mut(width);
    let [above, below] = [above, below].map(|row| &row.as_chunks::<2>().0[..n]);
    let (out_above, rest) = out_above.split_at_mut(2 * n);
    rest.fill(T::zero());
    let (out_below, rest) = out_below.split_at_mut(2 * n);
    rest.fill(T::zero());
    let (out_above, out_below) =
        (&mut out_above.as_chunks_mut::<2>().0[..n], &mut out_below.as_chunks_mut::<2>().0[..n]);
    let g = &g[..n];
    for i in 0..n {
        let ([a, b], [c, d], y) = (above[i], below[i], y[i]);
        let is_it = |x: T| (x == y) | (x.is_nan() & y.is_nan());
        let [is_a, is_b, is_c, is_d] = [is_it(a), is_it(b), is_it(c), is_it(d)];
        // Which of them it is nobody foresees: a branch would be taken wrongly half of the time.
        let share = |yes: bool| select_unpredictable(yes, g[i], T::zero());
        out_above[i] = [share(is_a), share(is_b & !is_a)];
        out_below[i] = [share(is_c & !(is_a | is_b)), share(is_d & !(is_a | is_b | is_c))];
    }
}
