//! Views: other shapes and orders of the same elements, at no copy.

use super::Tensor;
use crate::shape::{Axes, Inline, Shape, axis_of, axis_up_to};

/// A shape in which one size may be left to be found: −1, as in NumPy.
#[derive(Clone, Debug)]
pub struct NewShape(Inline<i128>); // wide enough for −1 and for every usize

macro_rules! new_shape_from {
    ($($int:ty),*) => { $(
        impl<const N: usize> From<[$int; N]> for NewShape {
            fn from(sizes: [$int; N]) -> Self {
                NewShape(sizes.iter().map(|&n| n as i128).collect())
            }
        }
    )* }
}
new_shape_from!(i32, isize, usize);

impl From<&Shape> for NewShape {
    fn from(shape: &Shape) -> Self {
        NewShape(shape.iter().map(|&n| n as i128).collect())
    }
}

impl From<&[usize]> for NewShape {
    fn from(sizes: &[usize]) -> Self {
        NewShape(sizes.iter().map(|&n| n as i128).collect())
    }
}

impl NewShape {
    /// The shape, for a tensor of shape `old`.
    #[track_caller]
    pub(crate) fn resolve(&self, old: &Shape) -> Shape {
        let fits = |sizes: Shape| (sizes.checked_elements().ok() == Some(old.elements())).then_some(sizes);
        let with = |inferred: usize| self.0.iter().map(|&n| usize::try_from(n).unwrap_or(inferred)).collect::<Shape>();
        let unknown = self.0.iter().filter(|&&n| n == -1).count();
        let new = match with(1).checked_elements() {
            _ if unknown > 1 || self.0.iter().any(|&n| n < -1) => None,
            Ok(known) if known > 0 => fits(with(old.elements() / known)),
            // Beside a zero any number would do for the unknown size.
            Ok(_) if unknown == 0 => fits(with(1)),
            _ => None,
        };
        match new {
            Some(shape) => shape,
            None => panic!("reshape: {old:?} has {} elements and cannot become {:?}", old.elements(), self.0),
        }
    }
}

impl<T: Clone> Tensor<T> {
    /// The same elements in the same order under another shape; one size may be −1 and is found.
    ///
    /// A view where strides can express it, else a copy.
    ///
    /// # Panics
    /// If the numbers of elements differ.
    ///
    /// # Examples
    /// ```
    /// # use rensa::Tensor;
    /// let x = Tensor::<f32>::arange(0.0, 6.0, 1.0);
    /// assert_eq!(x.reshape([2, -1]).shape(), [2, 3]);
    /// assert!(x.reshape([3, 2]).shares_storage(&x));
    /// ```
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<NewShape>) -> Self {
        let shape = shape.into().resolve(self.shape());
        self.reshape_to(&shape)
    }

    /// [`Tensor::reshape`] to a shape known to fit.
    #[inline]
    pub(crate) fn reshape_to(&self, shape: &Shape) -> Self {
        match self.layout.reshape(shape) {
            Some(layout) => self.with_layout(layout),
            None => Self::from_elements(self.to_vec(), shape.clone()),
        }
    }

    /// All elements along one axis.
    pub fn flatten(&self) -> Self {
        self.reshape_to(&Shape::from([self.len()]))
    }

    /// The axes in the order of `axes`.
    ///
    /// # Panics
    /// If `axes` does not name every axis once.
    ///
    /// # Examples
    /// ```
    /// # use rensa::Tensor;
    /// assert_eq!(Tensor::<f32>::zeros([2, 3, 4]).permute(&[2, 0, -2]).shape(), [4, 2, 3]);
    /// ```
    #[track_caller]
    pub fn permute(&self, axes: &[isize]) -> Self {
        self.with_layout(self.layout.permute(&permutation(axes, self.ndim())))
    }

    /// The matrix, or every matrix of the batch, transposed: the last two axes exchanged. Below rank 2 nothing changes.
    #[inline]
    pub fn t(&self) -> Self {
        let n = self.ndim();
        if n < 2 { self.clone() } else { self.swapaxes(n as isize - 2, n as isize - 1) }
    }

    /// Axes `a` and `b` exchanged.
    ///
    /// # Panics
    /// If one is out of range.
    #[track_caller]
    pub fn swapaxes(&self, a: isize, b: isize) -> Self {
        let (a, b) = (axis_of("swapaxes", a, self.ndim()), axis_of("swapaxes", b, self.ndim()));
        let mut axes: Inline<usize> = (0..self.ndim()).collect();
        axes.swap(a, b);
        self.with_layout(self.layout.permute(&axes))
    }

    /// Repeated along new leading axes and axes of size 1, so that the shape is `shape`.
    ///
    /// # Panics
    /// If it does not broadcast to `shape`.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1, 2].broadcast_to([3, 2]).to_vec(), [1, 2, 1, 2, 1, 2]);
    /// ```
    #[inline]
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        match self.layout.broadcast_to(&shape) {
            Some(layout) => self.with_layout(layout),
            None => panic!("broadcast_to: {:?} does not broadcast to {shape:?}", self.shape()),
        }
    }

    /// Without `axis`, whose size must be 1.
    ///
    /// # Panics
    /// If the size is another one, or `axis` is out of range.
    #[track_caller]
    pub fn squeeze(&self, axis: isize) -> Self {
        let at = axis_of("squeeze", axis, self.ndim());
        assert!(
            self.shape()[at] == 1,
            "squeeze: axis {axis} of {:?} has size {}, not 1",
            self.shape(),
            self.shape()[at]
        );
        self.with_layout(self.layout.remove_axis(at))
    }

    /// With a new axis of size 1 at `axis`; −1 is behind the last.
    ///
    /// # Panics
    /// If `axis` is out of range.
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Self {
        self.with_layout(self.layout.insert_axis(axis_up_to("unsqueeze", axis, self.ndim())))
    }

    /// The order of elements along `axes` reversed.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn flip(&self, axes: impl Into<Axes>) -> Self {
        let set = axes.into().resolve("flip", self.ndim());
        let mut layout = self.layout.clone();
        for axis in (0..self.ndim()).filter(|&axis| set.has(axis)) {
            let size = self.shape()[axis];
            layout = layout.slice(axis, size.saturating_sub(1), -1, size);
        }
        self.with_layout(layout)
    }

    /// The diagonal of every matrix that axes `a` and `b` make: `y[…, i] = x[…, i, …, i + offset, …]`, or with `i − offset` on axis `a`
    /// where `offset` is negative. A view; beyond the matrix it has no element.
    ///
    /// Shapes: any → without `a` and `b`, and with the diagonal as a new last axis.
    ///
    /// # Panics
    /// If an axis is out of range, or the two are one.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1, 2, 3], [4, 5, 6]];
    /// assert_eq!(x.diagonal(0, 0, 1).to_vec(), [1, 5]);
    /// assert_eq!(x.diagonal(1, 0, 1).to_vec(), [2, 6]);
    /// assert_eq!(x.diagonal(-9, 0, 1).shape(), [0]);
    /// ```
    #[track_caller]
    pub fn diagonal(&self, offset: isize, a: isize, b: isize) -> Self {
        let [a, b] = matrix_axes("diagonal", a, b, self.ndim());
        self.with_layout(self.layout.diagonal(a, b, offset))
    }

    /// Windows of `size` along `axis`, `step` apart: `axis` counts the windows, a new last axis runs inside them.
    ///
    /// # Panics
    /// If `axis` is out of range, or `size` or `step` is 0.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1, 2, 3, 4].windows(0, 2, 1).to_vec(), [1, 2, 2, 3, 3, 4]);
    /// ```
    #[track_caller]
    pub fn windows(&self, axis: isize, size: usize, step: usize) -> Self {
        let at = axis_of("windows", axis, self.ndim());
        assert!(size > 0 && step > 0, "windows: size {size} and step {step} must be positive");
        self.with_layout(self.layout.windows(at, size, step))
    }

    /// Elements `start .. start + len` along `axis`.
    ///
    /// # Panics
    /// If they are not all there.
    #[track_caller]
    pub fn narrow(&self, axis: isize, start: usize, len: usize) -> Self {
        let at = axis_of("narrow", axis, self.ndim());
        let size = self.shape()[at];
        let fits = start.checked_add(len).is_some_and(|end| end <= size);
        assert!(fits, "narrow: {len} elements from {start} on axis {axis} of {:?}", self.shape());
        self.with_layout(self.layout.slice(at, start, 1, len))
    }

    /// The pieces of the given sizes along `axis`.
    ///
    /// # Panics
    /// If the sizes do not add up to that of `axis`.
    #[track_caller]
    pub fn split(&self, sizes: &[usize], axis: isize) -> Vec<Self> {
        let at = axis_of("split", axis, self.ndim());
        let sum = sizes.iter().fold(0usize, |sum, &size| sum.saturating_add(size));
        assert!(
            sum == self.shape()[at],
            "split: sizes {sizes:?} add up to {sum}, axis {axis} is of {:?}",
            self.shape()
        );
        let mut start = 0;
        let mut piece = |&size: &usize| {
            start += size;
            self.narrow(axis, start - size, size)
        };
        sizes.iter().map(&mut piece).collect()
    }

    /// At most `count` pieces along `axis`, of equal sizes but for the last.
    ///
    /// # Panics
    /// If `axis` is out of range or `count` is 0.
    #[track_caller]
    pub fn chunk(&self, count: usize, axis: isize) -> Vec<Self> {
        assert!(count > 0, "chunk: count must be positive");
        let size = self.shape()[axis_of("chunk", axis, self.ndim())];
        let step = size.div_ceil(count).max(1);
        (0..size.max(1)).step_by(step).map(|start| self.narrow(axis, start, step.min(size - start))).collect()
    }
}

/// The two axes of a matrix, counted from the front.
///
/// # Panics
/// If one is out of range, or they are one.
#[track_caller]
pub(crate) fn matrix_axes(op: &str, a: isize, b: isize, ndim: usize) -> [usize; 2] {
    let axes = [axis_of(op, a, ndim), axis_of(op, b, ndim)];
    assert!(axes[0] != axes[1], "{op}: axes {a} and {b} are one");
    axes
}

/// Axes counted from the front.
///
/// # Panics
/// If they are not a permutation of `0..ndim`.
#[track_caller]
pub(crate) fn permutation(axes: &[isize], ndim: usize) -> Inline<usize> {
    assert!(axes.len() == ndim, "permute: {axes:?} names {} axes, the rank is {ndim}", axes.len());
    let mut order = Inline::new();
    for &axis in axes {
        let axis = axis_of("permute", axis, ndim);
        assert!(!order.contains(&axis), "permute: {axes:?} names axis {axis} twice");
        order.push(axis);
    }
    order
}
