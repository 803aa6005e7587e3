//! Elementwise updates of several tensors at once, as an optimizer makes them: parameter, moments and gradient in one pass.

use std::array;

use super::map::{broadcast_walk, dense};
use super::simd::widest;
use super::{piece_of, worth_sharing};
use crate::float::Float;
use crate::shape::Run;
use crate::tensor::Tensor;

/// How many elements are computed at a time. They are copied into arrays of this size and back: of arrays on the stack the compiler
/// knows that they do not overlap, and makes vectors of the loop; of several slices it would have to ask for each pair.
const BLOCK: usize = 64;

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
            let run = Run { position: start, at: [start], strides: [1], len: outs[0].len() };
            along(outs, x, &run, &f);
        });
    }
    let walk = broadcast_walk(x.shape(), [x]);
    joint_pieces(outs, &|start, mut outs| {
        walk.runs(start..start + outs[0].len(), |run| {
            let from = run.position - start;
            along(outs.each_mut().map(|out| &mut out[from..from + run.len]), x.data(), &run, &f);
        });
    });
}

/// Calls `work` with the place and the elements of each piece of `ys`, shared among threads where that pays.
fn joint_pieces<T: Send, const N: usize>(ys: [&mut [T]; N], work: &(dyn Fn(usize, [&mut [T]; N]) + Sync)) {
    let n = ys[0].len();
    if worth_sharing(n) { split_pieces(0, ys, piece_of(n), work) } else { work(0, ys) }
}

fn split_pieces<T: Send, const N: usize>(
    start: usize,
    ys: [&mut [T]; N],
    piece: usize,
    work: &(dyn Fn(usize, [&mut [T]; N]) + Sync),
) {
    let n = ys[0].len();
    if n <= piece {
        return work(start, ys);
    }
    let middle = (n / 2).next_multiple_of(piece);
    let mut right: [&mut [T]; N] = array::from_fn(|_| &mut [][..]);
    let mut rights = right.iter_mut();
    let left = ys.map(|y| {
        let (left, right) = y.split_at_mut(middle);
        *rights.next().expect("as many as there are") = right;
        left
    });
    rayon::join(|| split_pieces(start, left, piece, work), || split_pieces(start + middle, right, piece, work));
}

/// One run, by the widest instructions.
fn along<T: Float, const N: usize>(mut ys: [&mut [T]; N], data: &[T], run: &Run<1>, f: &impl Fn([T; N], T) -> [T; N]) {
    widest::<T, _>(
        #[inline(always)]
        || blocks(&mut ys, data, run, f),
    );
}

/// [`along`] a run, block by block. What is inlined here twice knows in the loop how long a block is, and copies it without a call.
#[inline(always)]
fn blocks<T: Float, const N: usize>(
    ys: &mut [&mut [T]; N],
    data: &[T],
    run: &Run<1>,
    f: &impl Fn([T; N], T) -> [T; N],
) {
    let mut block = Block { ys: [[T::zero(); BLOCK]; N], x: [T::zero(); BLOCK] };
    let whole = run.len / BLOCK * BLOCK;
    for at in (0..whole).step_by(BLOCK) {
        block.read(ys, data, run, at, BLOCK);
        block.change(f);
        block.write(ys, at, BLOCK);
    }
    if whole < run.len {
        let rest = run.len - whole;
        block.read(ys, data, run, whole, rest);
        block.change(f); // behind the rest in vain
        block.write(ys, whole, rest);
    }
}

/// What is computed at a time, in whole lines of the cache: of vectors that reach over two each would count twice.
#[repr(align(64))]
struct Block<T, const N: usize> {
    ys: [[T; BLOCK]; N],
    x: [T; BLOCK],
}

impl<T: Float, const N: usize> Block<T, N> {
    #[inline(always)]
    fn read(&mut self, ys: &[&mut [T]; N], data: &[T], run: &Run<1>, at: usize, len: usize) {
        if run.strides[0] == 1 {
            self.x[..len].copy_from_slice(&data[run.at[0] + at..][..len]);
        } else {
            self.x[..len].iter_mut().enumerate().for_each(|(i, x)| *x = data[run.place(0, at + i)]);
        }
        for (own, y) in self.ys.iter_mut().zip(ys) {
            own[..len].copy_from_slice(&y[at..][..len]);
        }
    }

    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "several arrays go along together")]
    fn change(&mut self, f: &impl Fn([T; N], T) -> [T; N]) {
        for i in 0..BLOCK {
            let mut old = [T::zero(); N];
            for k in 0..N {
                old[k] = self.ys[k][i];
            }
            let new = f(old, self.x[i]);
            for k in 0..N {
                self.ys[k][i] = new[k];
            }
        }
    }

    #[inline(always)]
    fn write(&self, ys: &mut [&mut [T]; N], at: usize, len: usize) {
        for (y, own) in ys.iter_mut().zip(&self.ys) {
            y[at..][..len].copy_from_slice(&own[..len]);
        }
    }
}
