//! Several axes as one.

use super::Module;
use super::summary::noted;
use crate::float::Float;
use crate::graph::Var;
use crate::shape::axis_of;

/// Axes `start` to `end`, both included, as one: what stands between convolutions and a fully connected layer.
///
/// Shapes: `[a, b, c, d]` → `[a, b · c · d]` by default, which is axes 1 to −1, as PyTorch's.
///
/// # Panics
/// `forward`, if an axis is out of range or `start` lies behind `end`.
///
/// # Examples
/// ```
/// use rensa::{Tape, Tensor, nn::{Flatten, Module}};
/// let tape = Tape::<f32>::new();
/// let x = tape.constant(Tensor::zeros([5, 2, 3, 4]));
/// assert_eq!(Flatten::default().forward(x).shape(), [5, 24]);
/// assert_eq!(Flatten { start: -3, end: -2 }.forward(x).shape(), [5, 6, 4]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Flatten {
    /// The first of the axes.
    pub start: isize,
    /// The last of them.
    pub end: isize,
}

impl Default for Flatten {
    fn default() -> Self {
        Flatten { start: 1, end: -1 }
    }
}

crate::parts!(Flatten for all {});

impl<T: Float> Module<T> for Flatten {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let shape = x.shape();
        let [start, end] = [axis_of("Flatten", self.start, shape.ndim()), axis_of("Flatten", self.end, shape.ndim())];
        assert!(start <= end, "Flatten: axis {} of {shape:?} lies behind axis {}", self.start, self.end);
        let joined = shape[start..=end].iter().product();
        let sizes: Vec<usize> = [&shape[..start], &[joined], &shape[end + 1..]].concat();
        noted(self, x.reshape(&sizes[..]))
    }
}
