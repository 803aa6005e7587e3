//! Elementwise updates of several tensors at once, as an optimizer makes them: parameter, moments and gradient in one pass.

use std::array;

use super::map::{broadcast_walk, dense};
use super::{PIECE, worth_sharing};
use crate::float::Float;
use crate::tensor::Tensor;

/// How many elements are computed at a time. They are copied into arrays of this size and back: of arrays on the stack the compiler
/// knows that they do not overlap, and makes vectors of the loop; of several slices it would have to ask for each pair.
const BLOCK: usize = 32;

/// `(y₀, y₁, …) ← f((y₀, y₁, …), x)` for every element. All are of one shape, and `x` of any layout. A `y` is changed in place; if
/// somebody shares it or it is not dense, it is copied first.
pub(crate) fn update_jointly<T: Float, const N: usize>(
    mut ys: [&mut Tensor<T>; N],
    x: &Tensor<T>,
    f: impl Fn([T; N], T) -> [T; N] + Sync,
) {
    for y in &mut ys {
        assert!(y.shape() == x.shape(), "a joint update of {:?} by {:?}", y.shape(), x.shape());
        if y.as_unique_slice().is_none() {
            **y = dense(y);
        }
    }
    let outs = ys.map(|y| y.as_unique_slice().expect("made dense and unshared above"));
    if let Some(x) = x.as_slice() {
        return joint_pieces(outs, &|start, outs| {
            let n = outs[0].len();
            blocks(outs, |at, block| block.copy_from_slice(&x[start..start + n][at..at + block.len()]), &f);
        });
    }
    let walk = broadcast_walk(x.shape(), [x]);
    joint_pieces(outs, &|start, mut outs| {
        walk.runs(start..start + outs[0].len(), |run| {
            let run_outs = outs.each_mut().map(|out| &mut out[run.position - start..][..run.len]);
            let put = |at: usize, block: &mut [T]| {
                block.iter_mut().enumerate().for_each(|(i, b)| *b = x.data()[run.place(0, at + i)]);
            };
            blocks(run_outs, put, &f);
        });
    });
}

/// Calls `work` with the place and the elements of each piece of `ys`, shared among threads where that pays.
fn joint_pieces<T: Send, const N: usize>(ys: [&mut [T]; N], work: &(dyn Fn(usize, [&mut [T]; N]) + Sync)) {
    if worth_sharing(ys[0].len()) { split_pieces(0, ys, work) } else { work(0, ys) }
}

fn split_pieces<T: Send, const N: usize>(
    start: usize,
    ys: [&mut [T]; N],
    work: &(dyn Fn(usize, [&mut [T]; N]) + Sync),
) {
    let n = ys[0].len();
    if n <= PIECE {
        return work(start, ys);
    }
    let middle = (n / 2).next_multiple_of(PIECE);
    let mut right: [&mut [T]; N] = array::from_fn(|_| &mut [][..]);
    let mut rights = right.iter_mut();
    let left = ys.map(|y| {
        let (left, right) = y.split_at_mut(middle);
        *rights.next().expect("as many as there are") = right;
        left
    });
    rayon::join(|| split_pieces(start, left, work), || split_pieces(start + middle, right, work));
}

/// Computes block by block. `put` copies the elements of `x` from a place on.
#[inline]
fn blocks<T: Float, const N: usize>(
    mut ys: [&mut [T]; N],
    put: impl Fn(usize, &mut [T]),
    f: &impl Fn([T; N], T) -> [T; N],
) {
    let n = ys[0].len();
    let (mut own, mut given) = ([[T::zero(); BLOCK]; N], [T::zero(); BLOCK]);
    for at in (0..n).step_by(BLOCK) {
        let len = BLOCK.min(n - at);
        put(at, &mut given[..len]);
        own.iter_mut().zip(&ys).for_each(|(own, y)| own[..len].copy_from_slice(&y[at..][..len]));
        // A whole block's length is known to the compiler.
        if len == BLOCK {
            block(&mut own, &given, BLOCK, f)
        } else {
            block(&mut own, &given, len, f)
        }
        own.iter().zip(&mut ys).for_each(|(own, y)| y[at..][..len].copy_from_slice(&own[..len]));
    }
}

#[inline]
fn block<T: Float, const N: usize>(
    own: &mut [[T; BLOCK]; N],
    given: &[T; BLOCK],
    len: usize,
    f: &impl Fn([T; N], T) -> [T; N],
) {
    for i in 0..len {
        let new = f(array::from_fn(|k| own[k][i]), given[i]);
        for k in 0..N {
            own[k][i] = new[k];
        }
    }
}
