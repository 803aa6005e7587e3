//! The matrix product.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::tensor::Tensor;

/// `y = a · b` on matrices or batches of them.
#[derive(Debug)]
struct MatMul;

impl<T: Float> Op<T> for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0].matmul(xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([a, b], g) = (p.inputs(), p.g);
        p.accum(0, || g.matmul(b.t()));
        p.accum(1, || a.t().matmul(g));
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (a, b, g) = (p.xs[0], p.xs[1], p.take_g());
        p.accum(0, || lying_as(a, &g, &b.t()));
        p.accum(1, || lying_as(b, &a.t(), &g));
        true
    }
}

/// `a · b`, which lies as `x` does if that is a transposed matrix: so the gradient of a weight that was transposed for the product is dense.
fn lying_as<T: Float>(x: &Tensor<T>, a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
    let is_transposed = !x.layout().is_dense() && x.t().layout().is_dense();
    if is_transposed { b.t().matmul(&a.t()).t() } else { a.matmul(b) }
}

impl<'t, T: Float> Var<'t, T> {
    /// Matrix product `y = self · other`, over batches where the ranks are above 2.
    ///
    /// Shapes: `[…, m, k]` · `[…, k, n]` → `[…, m, n]`, the leading axes broadcast; `[k]` counts as a row on the left and as a
    /// column on the right, and its axis is not in the result.
    ///
    /// # Gradient
    /// `ā = ȳ · bᵀ` and `b̄ = aᵀ · ȳ`.
    ///
    /// # Panics
    /// If one is of rank 0, the inner sizes differ, or the leading axes do not broadcast.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (a, b) = (tape.leaf(tensor![[1.0, 2.0]]), tape.leaf(tensor![[3.0], [4.0]]));
    /// let gradients = a.matmul(b).backward();
    /// assert_eq!(gradients[a].to_vec(), [3.0, 4.0]);
    /// assert_eq!(gradients[b].to_vec(), [1.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn matmul(self, other: Var<'t, T>) -> Self {
        let (left, right) = (self.ndim(), other.ndim());
        if left > 2 && right == 2 && self.shape()[left - 1] == other.shape()[0] {
            // One tall matrix: the gradient of the right one is then one product, not a batch of them to be summed.
            let (shape, n) = (self.shape(), other.shape()[1]);
            let rows: usize = shape[..left - 1].iter().product();
            let y = Var::apply(MatMul, &[self.reshape([rows, shape[left - 1]]), other]);
            return y.reshape(&shape.with(left - 1, n));
        }
        if left > 1 && right > 1 {
            return Var::apply(MatMul, &[self, other]);
        }
        if left == 0 || right == 0 {
            return Var::apply(MatMul, &[self, other]); // refused there, with both shapes
        }
        let row = if left == 1 { self.unsqueeze(0) } else { self };
        let column = if right == 1 { other.unsqueeze(1) } else { other };
        let y = Var::apply(MatMul, &[row, column]);
        let y = if right == 1 { y.squeeze(-1) } else { y };
        if left == 1 { y.squeeze(if right == 1 { -1 } else { -2 }) } else { y }
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!(
            "matmul",
            |a, b| a.matmul(b),
            [[2, 3], [3, 4]],
            [[3], [3]],
            [[3], [3, 2]],
            [[2, 3], [3]],
            [[2, 1, 2, 3], [3, 3, 2]],
            [[2, 2, 3], [3, 2]],
            [[3], [2, 3, 2]],
            [[0, 3], [3, 2]],
            [[2, 0], [0, 3]]
        ),
        specimen!("matmul of a value by its transpose", |x| x.matmul(x.t()), [[2, 3]], [[0, 2]], [[2, 2, 3]]),
    ]
}
