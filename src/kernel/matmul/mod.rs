//! The matrix product: blocks of rows and columns shared among threads, each computed by the widest kernels there are.
//!
//! For `f32` and `f64` these are own ones on x86-64 (`blocked`), and elsewhere what the element type has for itself, matrixmultiply;
//! for other scalars generic ones (`portable`). Operands come as strides. The inner dimension is cut by its size alone, so each
//! element of the result is one sum in one order, whatever the number of threads.

#![allow(unsafe_code, reason = "the kernels take raw pointers")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod blocked;
mod matrix;
#[cfg(target_arch = "x86_64")]
mod pack;
mod portable;
#[cfg(target_arch = "x86_64")]
mod simd;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tile;

pub(crate) use matrix::{Block, Matrix};
use portable::portable;

use crate::float::{Float, Gemm};
use crate::kernel::sharing::{chunks, pieces_of_product};
use crate::kernel::wide::in_f32;
use crate::shape::{Shape, Walk};
use crate::tensor::Tensor;

/// What a product does to what `C` holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// `C ← A·B`, and C is not read.
    Overwrite,
    /// `C ← C + A·B`.
    Add,
}

/// `A·B` into `C`, divided into about `pieces` blocks.
pub(crate) fn product<T: Float>(a: Matrix<'_, T>, b: Matrix<'_, T>, c: Block<'_, T>, into: Write, pieces: usize) {
    assert!(a.rows == c.rows && b.columns == c.columns && a.columns == b.rows, "sizes of a product agree");
    if c.rows == 0 || c.columns == 0 {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if a.columns > 0
        && let Some(kernels) = simd::all().next()
    {
        return blocked::blocked(kernels, a, b, c, into, pieces);
    }
    divided(a, b, c, into, pieces);
}

/// [`product`] of a B in parts: what `b` is, moved by so many places in its storage, one part under the other. All its rows lie in one
/// piece. Each part is a sum of its own, which is added to C.
pub(crate) fn product_of_parts<T: Float>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    parts: &[usize],
    mut c: Block<'_, T>,
    into: Write,
    pieces: usize,
) {
    #[cfg(target_arch = "x86_64")]
    if let Some(kernels) = simd::all().next() {
        return blocked::in_parts(kernels, a, b, parts, c, into, pieces);
    }
    for (i, &part) in parts.iter().enumerate() {
        let into = if i == 0 { into } else { Write::Add };
        product(a.columns(i * b.rows, b.rows), b.moved(part), c.lend(), into, pieces);
    }
}

/// The elements of `a`, row by row.
pub(crate) fn copy<T: Float>(a: Matrix<'_, T>, out: &mut [T]) {
    assert_eq!(out.len(), a.rows * a.columns, "as many as the matrix has");
    if out.is_empty() {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(kernels) = simd::all().next() {
        return blocked::copy(kernels, a, out);
    }
    out.chunks_exact_mut(a.columns).enumerate().for_each(|(i, row)| a.read(i, 0, row));
}

/// [`product`] by a kernel that knows no threads: each has a block of C to itself.
fn divided<T: Float>(a: Matrix<'_, T>, b: Matrix<'_, T>, c: Block<'_, T>, into: Write, pieces: usize) {
    const EDGE: usize = 16; // a block's inner border lies at a multiple of the kernels' tiles
    if pieces < 2 || c.rows.max(c.columns) < 2 * EDGE {
        return match T::gemm() {
            Some(gemm) if a.columns > 0 => call(gemm, a, b, c, into),
            _ => portable(a, b, c, into),
        };
    }
    let (first, second) = halves(pieces);
    let at = |size: usize| (size * first / pieces).next_multiple_of(EDGE).min(size - 1);
    if c.rows >= c.columns {
        let at = at(c.rows);
        let (upper, lower) = c.split_rows(at);
        rayon::join(
            || divided(a.rows(0, at), b, upper, into, first),
            || divided(a.rows(at, a.rows - at), b, lower, into, second),
        );
    } else {
        let at = at(c.columns);
        let (left, right) = c.split_columns(at);
        rayon::join(
            || divided(a, b.columns(0, at), left, into, first),
            || divided(a, b.columns(at, b.columns - at), right, into, second),
        );
    }
}

/// Two parts of so many pieces.
fn halves(pieces: usize) -> (usize, usize) {
    (pieces / 2, pieces - pieces / 2)
}

fn call<T: Float>(gemm: Gemm<T>, a: Matrix<'_, T>, b: Matrix<'_, T>, c: Block<'_, T>, into: Write) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    let beta = if into == Write::Add { T::one() } else { T::zero() };
    // SAFETY: `Matrix::new` checked that every place of A and B lies in its storage, and rows and columns only narrow them;
    // C is an exclusive block of m × n elements with rows `row_stride` apart. The sizes agree, as `product` asserts.
    unsafe {
        gemm(
            m,
            k,
            n,
            T::one(),
            a.pointer(),
            a.row_stride,
            a.column_stride,
            b.pointer(),
            b.row_stride,
            b.column_stride,
            beta,
            c.pointer(),
            c.row_stride as isize,
            1,
        );
    }
}

#[cold]
#[track_caller]
fn inner_sizes(a: &Shape, b: &Shape, k: [usize; 2]) -> ! {
    panic!("matmul: {a:?} × {b:?}: inner sizes {} and {} differ", k[0], k[1])
}

#[cold]
#[track_caller]
fn batch_sizes(a: &Shape, b: &Shape) -> ! {
    panic!("matmul: {a:?} × {b:?}: the axes before the last two do not broadcast")
}

impl<T: Float> Tensor<T> {
    /// Matrix product `y = self · other`, over batches where the ranks are above 2.
    ///
    /// Shapes: `[…, m, k]` · `[…, k, n]` → `[…, m, n]`, the leading axes broadcast; `[k]` counts as a row on the left and as a
    /// column on the right, and its axis is not in the result.
    ///
    /// # Panics
    /// If one is of rank 0, the inner sizes differ, or the leading axes do not broadcast.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let a = tensor![[1.0, 2.0], [3.0, 4.0]];
    /// assert_eq!(a.matmul(&tensor![1.0, 1.0]).to_vec(), [3.0, 7.0]);
    /// assert_eq!(a.t().matmul(&a).to_vec(), [10.0, 14.0, 14.0, 20.0]);
    /// ```
    /// Source: PEP 465, "Semantics"; Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
    #[track_caller]
    pub fn matmul(&self, other: &Tensor<T>) -> Tensor<T> {
        assert!(self.ndim() > 0 && other.ndim() > 0, "matmul: {:?} × {:?}: rank 0", self.shape(), other.shape());
        let a = if self.ndim() == 1 { self.unsqueeze(0) } else { self.clone() };
        let b = if other.ndim() == 1 { other.unsqueeze(1) } else { other.clone() };
        let k = a.shape()[a.ndim() - 1];
        if b.shape()[b.ndim() - 2] != k {
            inner_sizes(self.shape(), other.shape(), [k, b.shape()[b.ndim() - 2]]);
        }
        if T::NARROW {
            return in_f32([self, other], |[a, b]| a.matmul(&b));
        }
        let leading = |x: &Tensor<T>| Shape::from(&x.shape()[..x.ndim() - 2]);
        let Some(batch) = leading(&a).broadcast(&leading(&b)) else { batch_sizes(self.shape(), other.shape()) };
        let y = match one_matrix(&a, &b) {
            Some(flat) => {
                let rows = a.shape()[..a.ndim() - 1].iter().copied();
                let shape: Shape = rows.chain([b.shape()[1]]).collect();
                matmul_batch(&flat, &b, &Shape::default()).reshape_to(&shape)
            }
            None => matmul_batch(&a, &b, &batch),
        };
        let y = if other.ndim() == 1 { y.squeeze(-1) } else { y };
        if self.ndim() == 1 { y.squeeze(if other.ndim() == 1 { -1 } else { -2 }) } else { y }
    }
}

/// A batch on the left against one matrix on the right is one tall matrix, where its strides allow.
fn one_matrix<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> Option<Tensor<T>> {
    if b.ndim() != 2 || a.ndim() == 2 {
        return None;
    }
    let k = a.shape()[a.ndim() - 1];
    let rows = a.shape()[..a.ndim() - 1].iter().product();
    a.layout().reshape(&Shape::from([rows, k])).map(|layout| a.with_layout(layout))
}

/// The products of the matrices that the last two axes make, over leading axes that both broadcast to `batch`.
#[track_caller]
fn matmul_batch<T: Float>(a: &Tensor<T>, b: &Tensor<T>, batch: &Shape) -> Tensor<T> {
    let ([m, k], n) = (matrix_sizes(a), matrix_sizes(b)[1]);
    let mut y = Tensor::dirty(batch.iter().copied().chain([m, n]).collect());
    let stretch =
        |x: &Tensor<T>| x.broadcast_to(batch.iter().chain(&x.shape()[x.ndim() - 2..]).copied().collect::<Shape>());
    let (a, b) = (stretch(a), stretch(b));
    let axis = batch.ndim();
    let view = |x: &Tensor<T>| [x.strides()[axis], x.strides()[axis + 1]];
    let (strides_a, strides_b) = (view(&a), view(&b));
    let walk =
        Walk::new(batch, [(&a.strides()[..axis], a.layout().offset()), (&b.strides()[..axis], b.layout().offset())]);
    let count = batch.elements();
    let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
    if out.is_empty() {
        return y;
    }
    let one = |at: [usize; 2], out: &mut [T], pieces: usize| {
        let a = Matrix::new(a.data(), at[0], [m, k], strides_a);
        let b = Matrix::new(b.data(), at[1], [k, n], strides_b);
        product(a, b, Block::new(out, m, n), Write::Overwrite, pieces);
    };
    let some = |first: usize, out: &mut [T], pieces: usize| {
        let mut out = out.chunks_exact_mut(m * n);
        walk.runs(first..first + out.len(), |run| {
            for (i, out) in (0..run.len as isize).zip(&mut out) {
                one(std::array::from_fn(|v| (run.at[v] as isize + i * run.strides[v]) as usize), out, pieces);
            }
        });
    };
    let pieces = pieces_of_product::<T>(out.len().saturating_mul(k));
    if pieces > 1 && count >= 2 * pieces {
        let matrices = count.div_ceil(4 * pieces);
        chunks(out, matrices * m * n, &|i, out| some(i * matrices, out, 1));
    } else {
        some(0, out, pieces);
    }
    y
}

/// The sizes of the last two axes.
fn matrix_sizes<T>(x: &Tensor<T>) -> [usize; 2] {
    let n = x.ndim();
    [x.shape()[n - 2], x.shape()[n - 1]]
}
