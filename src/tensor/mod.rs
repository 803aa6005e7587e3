//! The strided tensor: shared storage seen through a layout. Knows storage and shapes; computes nothing.

mod create;
mod fmt;
mod iter;
mod random;
mod slice;
mod view;

pub use create::Nested;
pub use iter::Iter;
pub(crate) use slice::{AxisSlice, resolve};
pub use slice::{Ellipsis, NewAxis, SliceItem};
pub use view::NewShape;
pub(crate) use view::{matrix_axes, permutation};

use std::ops::{Index, IndexMut};

use crate::error::{Error, Result};
use crate::float::Float;
use crate::shape::{Layout, Shape, Walk};
use crate::storage::Storage;

/// An array of any rank whose elements lie at strides in storage that clones and views share.
///
/// Cloning and taking views costs no copy of elements. Writing copies them first if anybody shares them, so that a view never
/// sees a later write to its parent, nor the other way round.
///
/// Any type can be an element; arithmetic needs a [`Float`](trait@crate::Float).
///
/// # Examples
/// ```
/// use rensa::{Tensor, tensor};
/// let x = tensor![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
/// let mut y = x.t();
/// y[[2, 0]] = 30.0; // copies first
/// assert_eq!(x[[0, 2]], 3.0);
/// assert_eq!(x.matmul(&y).shape(), [2, 2]);
/// ```
#[derive(Clone)]
pub struct Tensor<T> {
    storage: Storage<T>,
    layout: Layout,
}

impl<T> Tensor<T> {
    /// The tensor of `shape` whose elements in row-major order are `data`.
    ///
    /// # Errors
    /// If `data` does not have as many elements as `shape`, or that number overflows.
    ///
    /// # Examples
    /// ```
    /// # use rensa::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1, 2, 3, 4], [2, 2])?[[1, 0]], 3);
    /// assert!(Tensor::from_vec(vec![1, 2, 3], [2, 2]).is_err());
    /// # Ok::<(), rensa::Error>(())
    /// ```
    pub fn from_vec(data: Vec<T>, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape.checked_elements()? != data.len() {
            return Err(Error::Length { shape: shape.to_vec(), found: data.len() });
        }
        Ok(Self::dense(Storage::from_vec(data), shape))
    }

    /// The tensor whose storage starts with the elements of `shape` in row-major order.
    #[inline]
    fn dense(storage: Storage<T>, shape: Shape) -> Self {
        let layout = Layout::dense(shape);
        assert!(storage.as_slice().len() >= layout.len(), "storage is shorter than its layout");
        Tensor { storage, layout }
    }

    /// From as many elements as `shape` has: for results whose length the caller has just computed from the shape.
    #[inline]
    pub(crate) fn from_elements(data: Vec<T>, shape: Shape) -> Self {
        assert_eq!(data.len(), shape.elements(), "wrong number of elements for {shape:?}");
        Self::dense(Storage::from_vec(data), shape)
    }

    /// The rank-0 tensor of one element.
    #[inline]
    pub fn scalar(value: T) -> Self {
        Self::one(value, Shape::default())
    }

    /// The tensor of `shape`, all of whose sizes are 1.
    #[inline]
    pub(crate) fn one(value: T, shape: Shape) -> Self {
        Self::dense(Storage::One([value]), shape)
    }

    /// A tensor of one element in the shape of `self`, which also has one.
    #[inline]
    pub(crate) fn one_like(&self, value: T) -> Self {
        debug_assert_eq!(self.len(), 1);
        Tensor { storage: Storage::One([value]), layout: self.layout.at_start() }
    }

    /// A tensor of no elements, for a place that needs one for a moment.
    #[inline]
    pub(crate) fn vacant() -> Self {
        Tensor { storage: Storage::empty(), layout: Layout::vacant() }
    }

    /// Lets go of the elements and keeps the layout. What is held inline stays. A released tensor must not be read.
    pub(crate) fn release(&mut self) {
        self.storage.release();
    }

    /// Whether its elements are gone.
    #[inline]
    pub(crate) fn is_released(&self) -> bool {
        self.storage.is_released() && !self.is_empty()
    }

    /// The one element's place to write, if it is held inline, and so by nobody else.
    #[inline]
    pub(crate) fn as_one(&mut self) -> Option<&mut T> {
        match &mut self.storage {
            Storage::One([value]) if self.layout.len() == 1 => Some(value),
            _ => None,
        }
    }

    /// The sizes of the axes.
    #[inline]
    pub fn shape(&self) -> &Shape {
        self.layout.shape()
    }

    /// The distance in elements between neighbours along each axis; 0 for an element that is repeated.
    #[inline]
    pub fn strides(&self) -> &[isize] {
        self.layout.strides()
    }

    /// The number of axes.
    #[inline]
    pub fn ndim(&self) -> usize {
        self.shape().ndim()
    }

    /// The number of elements.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "is_empty is below")]
    pub fn len(&self) -> usize {
        self.layout.len()
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the elements lie.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The whole storage, which [`Tensor::layout`] indexes.
    #[inline]
    pub(crate) fn data(&self) -> &[T] {
        self.storage.as_slice()
    }

    /// Strides and offset, as [`Walk`] takes them.
    #[inline]
    pub(crate) fn strided(&self) -> (&[isize], usize) {
        (self.layout.strides(), self.layout.offset())
    }

    /// A view of the same storage.
    #[inline]
    pub(crate) fn with_layout(&self, layout: Layout) -> Self
    where
        T: Clone,
    {
        Tensor { storage: self.storage.clone(), layout }
    }

    /// The elements, if they lie in row-major order without gaps.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1, 2], [3, 4]];
    /// assert_eq!(x.as_slice(), Some(&[1, 2, 3, 4][..]));
    /// assert_eq!(x.t().as_slice(), None);
    /// ```
    #[inline]
    pub fn as_slice(&self) -> Option<&[T]> {
        self.layout.is_dense().then(|| self.dense_slice())
    }

    #[inline]
    fn dense_slice(&self) -> &[T] {
        let start = if self.is_empty() { 0 } else { self.layout.offset() };
        &self.data()[start..start + self.len()]
    }

    /// The elements for writing, if they lie in row-major order without gaps and nobody shares them.
    #[inline]
    pub(crate) fn as_unique_slice(&mut self) -> Option<&mut [T]> {
        if !self.layout.is_dense() {
            return None;
        }
        let (start, len) = (if self.is_empty() { 0 } else { self.layout.offset() }, self.len());
        self.storage.as_mut_slice().map(|data| &mut data[start..start + len])
    }

    /// Whether `other` sees the same storage.
    pub fn shares_storage(&self, other: &Self) -> bool {
        self.storage.same(&other.storage)
    }

    /// The place of the element at `index`.
    #[inline]
    #[track_caller]
    fn place(&self, index: &[usize]) -> usize {
        if index.len() != self.ndim() || index.iter().zip(self.shape().iter()).any(|(i, n)| i >= n) {
            out_of_bounds(index, self.shape());
        }
        self.layout.place(index)
    }

    /// The element at `index`, or `None` outside the shape.
    pub fn get(&self, index: &[usize]) -> Option<&T> {
        let inside = index.len() == self.ndim() && index.iter().zip(self.shape().iter()).all(|(i, n)| i < n);
        inside.then(|| &self.data()[self.layout.place(index)])
    }
}

#[cold]
#[track_caller]
fn out_of_bounds(index: &[usize], shape: &Shape) -> ! {
    panic!("index {index:?} is outside shape {shape:?}")
}

impl<T: Clone> Tensor<T> {
    /// The one element.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[inline]
    #[track_caller]
    pub fn item(&self) -> T {
        if self.len() != 1 {
            not_one(self.shape());
        }
        self.data()[self.layout.offset()].clone()
    }

    /// The elements in row-major order.
    pub fn to_vec(&self) -> Vec<T> {
        if let Some(elements) = self.as_slice() {
            return elements.to_vec();
        }
        let mut elements = Vec::with_capacity(self.len());
        Walk::new(self.shape(), [self.strided()]).runs(0..self.len(), |run| {
            if run.strides[0] == 1 {
                elements.extend_from_slice(&self.data()[run.at[0]..][..run.len]);
            } else {
                elements.extend((0..run.len).map(|k| self.data()[run.place(0, k)].clone()));
            }
        });
        elements
    }

    /// The elements for writing, in row-major order; copied first if they are shared or lie otherwise.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let mut x = tensor![1.0, 2.0];
    /// let y = x.clone();
    /// x.make_mut()[0] = 5.0;
    /// assert_eq!((x.to_vec(), y.to_vec()), (vec![5.0, 2.0], vec![1.0, 2.0]));
    /// ```
    pub fn make_mut(&mut self) -> &mut [T] {
        if self.as_unique_slice().is_none() {
            *self = Self::from_elements(self.to_vec(), self.shape().clone());
        }
        self.as_unique_slice().expect("a fresh copy is dense and unshared")
    }

    /// The same elements in row-major order without gaps: this tensor itself where it is so already.
    pub fn to_contiguous(&self) -> Self {
        if self.layout.is_dense() { self.clone() } else { Self::from_elements(self.to_vec(), self.shape().clone()) }
    }
}

#[cold]
#[track_caller]
fn not_one(shape: &Shape) -> ! {
    panic!("item: shape {shape:?} has {} elements, not one", shape.elements())
}

impl<T: Float> Tensor<T> {
    /// A dense tensor of `shape` with elements of unspecified value, for a kernel that writes them all.
    #[inline]
    #[track_caller]
    pub(crate) fn dirty(shape: Shape) -> Self {
        let layout = Layout::dense(shape);
        Tensor { storage: Storage::dirty(layout.len()), layout }
    }
}

impl<T, const N: usize> Index<[usize; N]> for Tensor<T> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn index(&self, index: [usize; N]) -> &T {
        &self.data()[self.place(&index)]
    }
}

/// Writing through an index copies the elements first if they are shared.
impl<T: Clone, const N: usize> IndexMut<[usize; N]> for Tensor<T> {
    #[track_caller]
    fn index_mut(&mut self, index: [usize; N]) -> &mut T {
        self.place(&index);
        self.make_mut();
        let place = self.place(&index);
        &mut self.storage.as_mut_slice().expect("make_mut unshares")[place]
    }
}

/// Equal shapes and equal elements; as for floats themselves, NaN differs from NaN.
impl<T: PartialEq> PartialEq for Tensor<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape() == other.shape()
            && match (self.as_slice(), other.as_slice()) {
                (Some(a), Some(b)) => a == b,
                _ => self.iter().zip(other.iter()).all(|(a, b)| a == b),
            }
    }
}
