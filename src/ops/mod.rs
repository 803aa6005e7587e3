//! The differentiable operations, and the registry of their specimens.
//!
//! Each op stands in one place: its forward pass, beneath it its rule, the method that applies it, and in `specimens()` of the
//! same file the inputs that the tests try it on. Whatever is in a file's `specimens()` is checked against finite differences,
//! to first and second order and on odd layouts, without an edit anywhere else.

mod array;
mod equation;
mod scalar;
mod special;
mod specimen;

use crate::float::Float;

pub use loss::{Bce, BceWithLogits, CrossEntropy, Nll, Reduction, Targets, TripletMargin};
pub use scalar::{Lane, Scalar, Unary};
pub use specimen::Specimen;
pub(crate) use specimen::specimen;
pub use tensordot::Contraction;

/// Declares the files of ops and chains their specimens.
macro_rules! files {
    ($($file:ident),* $(,)?) => {
        $(mod $file;)*

        /// A specimen of every op, with the inputs to try it on.
        ///
        /// # Examples
        /// ```
        /// assert!(rensa::ops::registry::<f64>().iter().any(|specimen| specimen.name == "matmul"));
        /// ```
        pub fn registry<T: Float>() -> Vec<Specimen<T>> {
            let mut all = Vec::new();
            $(all.extend($file::specimens());)*
            all
        }
    };
}
files!(
    arith,
    pointwise,
    log_add_exp,
    atan2,
    remainder,
    lerp,
    select,
    compare,
    reduce,
    norm,
    cumprod,
    movement,
    roll,
    repeat,
    diagonal,
    triangle,
    gather,
    index_put,
    sort,
    matmul,
    tensordot,
    einsum,
    distance,
    pad,
    conv,
    pool,
    upsample,
    softmax,
    layer_norm,
    dropout,
    loss,
);

/// Compiles the code in the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adding-an-op.md")]
struct AddingAnOp;
