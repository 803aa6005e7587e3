//! Sizes of axes, and what can be done to a view without touching an element. Knows nothing of element types.

mod axes;
mod inline;
mod layout;
mod walk;
mod window;

pub use axes::{Axes, keep};
pub(crate) use axes::{AxisSet, axis_of, axis_up_to, signed};
pub(crate) use inline::Inline;
pub use layout::Layout;
pub(crate) use walk::{Run, Walk};
pub(crate) use window::{Complaint, SPATIAL, Windows, are_elements};
pub use window::{Padding, PerAxis};

use std::fmt;
use std::ops::Deref;

use crate::error::{Error, Result};

/// The sizes of a tensor's axes, outermost first; rank 0 is `[]`. Dereferences to `[usize]`.
///
/// # Examples
/// ```
/// let x = rensa::Tensor::<f32>::zeros([2, 3]);
/// let shape = x.shape();
/// assert_eq!((shape[0], shape[1], shape.ndim()), (2, 3, 2));
/// assert_eq!(shape, [2, 3]);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Inline<usize>);

impl Shape {
    /// The number of axes.
    #[inline]
    pub fn ndim(&self) -> usize {
        self.0.len()
    }

    /// `[0]`.
    #[inline]
    fn vacant() -> Self {
        Shape(Inline::filled(0, 1))
    }

    /// The number of elements: the product of the sizes, 1 for rank 0.
    ///
    /// # Panics
    /// If the product does not fit.
    #[inline]
    #[track_caller]
    pub fn elements(&self) -> usize {
        match self.checked_elements() {
            Ok(n) => n,
            Err(error) => panic!("{error}"),
        }
    }

    /// The number of elements.
    ///
    /// # Errors
    /// If the product of the sizes above zero exceeds `isize::MAX`. A zero among them does not excuse the others: the strides
    /// of such a shape would overflow.
    #[inline]
    pub fn checked_elements(&self) -> Result<usize> {
        let mut product = 1usize;
        let mut empty = false;
        for &size in self.iter() {
            empty |= size == 0;
            product = match product.checked_mul(size.max(1)) {
                Some(p) if p <= isize::MAX as usize => p,
                _ => return Err(Error::TooLarge { shape: self.to_vec() }),
            };
        }
        Ok(if empty { 0 } else { product })
    }

    /// The shape that `self` and `other` both broadcast to: aligned at the last axis, a size of 1 stretches.
    ///
    /// Source: NumPy User Guide, "Broadcasting".
    #[inline]
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        if self == other {
            return Some(self.clone());
        }
        let (long, short) = if self.ndim() >= other.ndim() { (self, other) } else { (other, self) };
        let mut sizes = long.0.clone();
        for (a, &b) in sizes[long.ndim() - short.ndim()..].iter_mut().zip(short.iter()) {
            match (*a, b) {
                (x, y) if x == y => {}
                (1, y) => *a = y,
                (_, 1) => {}
                _ => return None,
            }
        }
        Some(Shape(sizes))
    }

    /// The shape with `axis` set to `size`.
    pub(crate) fn with(&self, axis: usize, size: usize) -> Shape {
        let mut sizes = self.0.clone();
        sizes[axis] = size;
        Shape(sizes)
    }

    /// The shape without `axis`.
    pub(crate) fn without(&self, axis: usize) -> Shape {
        self.iter().enumerate().filter(|&(i, _)| i != axis).map(|(_, &s)| s).collect()
    }

    /// Row-major strides, in elements.
    #[inline]
    pub(crate) fn row_major(&self) -> Inline<isize> {
        let mut strides = Inline::filled(0, self.ndim());
        let mut step = 1isize;
        for (stride, &size) in strides.iter_mut().zip(self.iter()).rev() {
            *stride = step;
            step *= size.max(1) as isize;
        }
        strides
    }
}

/// Broadcasts, or panics at the caller with the name of the operation and both shapes.
#[inline]
#[track_caller]
pub(crate) fn broadcast(op: &str, a: &Shape, b: &Shape) -> Shape {
    match a.broadcast(b) {
        Some(shape) => shape,
        None => no_broadcast(op, a, b),
    }
}

#[cold]
#[track_caller]
fn no_broadcast(op: &str, a: &Shape, b: &Shape) -> ! {
    let differ = a.iter().rev().zip(b.iter().rev()).position(|(&x, &y)| x != y && x != 1 && y != 1);
    let axis = differ.map_or(-1, |i| -1 - i as isize);
    let at = |s: &Shape| s[(s.ndim() as isize + axis) as usize];
    panic!(
        "{op}: {a:?} and {b:?} do not broadcast: sizes {} and {} at axis {axis} differ and neither is 1",
        at(a),
        at(b)
    )
}

impl Deref for Shape {
    type Target = [usize];

    #[inline]
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Shapes stand inside messages: never spread over lines, even under `{:#?}`.
        write!(f, "{:?}", &**self)
    }
}

impl FromIterator<usize> for Shape {
    #[inline]
    fn from_iter<I: IntoIterator<Item = usize>>(sizes: I) -> Self {
        Shape(sizes.into_iter().collect())
    }
}

impl From<&[usize]> for Shape {
    #[inline]
    fn from(sizes: &[usize]) -> Self {
        Shape(Inline::of(sizes))
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    #[inline]
    fn from(sizes: [usize; N]) -> Self {
        Shape::from(&sizes[..])
    }
}

impl From<Vec<usize>> for Shape {
    fn from(sizes: Vec<usize>) -> Self {
        Shape::from(&sizes[..])
    }
}

impl From<&Shape> for Shape {
    #[inline]
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        **self == other[..]
    }
}

impl PartialEq<[usize]> for Shape {
    fn eq(&self, other: &[usize]) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<[usize; N]> for &Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        ***self == other[..]
    }
}
