//! Constructors.

use super::Tensor;
use crate::float::Float;
use crate::shape::{Shape, axis_of, axis_up_to};

impl<T: Clone> Tensor<T> {
    /// The tensor whose element at every `index` is `f(index)`.
    ///
    /// # Panics
    /// If the number of elements overflows.
    ///
    /// # Examples
    /// ```
    /// # use rensa::Tensor;
    /// assert_eq!(Tensor::from_fn([2, 2], |i| 10 * i[0] + i[1]).to_vec(), [0, 1, 10, 11]);
    /// ```
    #[track_caller]
    pub fn from_fn(shape: impl Into<Shape>, mut f: impl FnMut(&[usize]) -> T) -> Self {
        let shape = shape.into();
        let mut index = vec![0; shape.ndim()];
        let data = (0..shape.elements()).map(|_| {
            let element = f(&index);
            for axis in (0..shape.ndim()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
            element
        });
        Self::from_elements(data.collect(), shape.clone())
    }

    /// `value` everywhere, stored once.
    ///
    /// # Panics
    /// If the number of elements overflows.
    #[inline]
    #[track_caller]
    pub fn full(shape: impl Into<Shape>, value: T) -> Self {
        let shape = shape.into();
        if shape.elements() == 1 {
            return Self::one(value, shape);
        }
        Self::scalar(value).broadcast_to(shape)
    }

    /// `tensors`, all of one shape, along a new axis.
    ///
    /// # Panics
    /// If there is none, the shapes differ, or `axis` is out of range.
    #[track_caller]
    pub fn stack(tensors: &[Self], axis: isize) -> Self {
        let first = tensors.first().expect("stack: no tensor");
        for t in tensors {
            assert!(t.shape() == first.shape(), "stack: shapes {:?} and {:?} differ", first.shape(), t.shape());
        }
        let at = axis_up_to("stack", axis, first.ndim());
        let expanded: Vec<Self> = tensors.iter().map(|t| t.with_layout(t.layout().insert_axis(at))).collect();
        Self::concat(&expanded, at as isize)
    }

    /// `tensors` one behind the other along `axis`.
    ///
    /// # Panics
    /// If there is none, sizes differ on another axis, or `axis` is out of range.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tensor, tensor};
    /// let x = tensor![[1, 2]];
    /// assert_eq!(Tensor::concat(&[x.clone(), x], 0).shape(), [2, 2]);
    /// ```
    #[track_caller]
    pub fn concat(tensors: &[Self], axis: isize) -> Self {
        let first = tensors.first().expect("concat: no tensor");
        let at = axis_of("concat", axis, first.ndim());
        for t in tensors {
            let fits = t.ndim() == first.ndim() && t.shape().with(at, 0) == first.shape().with(at, 0);
            assert!(fits, "concat: shapes {:?} and {:?} differ outside axis {axis}", first.shape(), t.shape());
        }
        let shape = first.shape().with(at, tensors.iter().map(|t| t.shape()[at]).sum());
        let (outer, inner) = shape.split_at(at);
        let (outer, inner): (usize, usize) = (outer.iter().product(), inner[1..].iter().product());
        let parts: Vec<Self> = tensors.iter().map(Self::to_contiguous).collect();
        let mut data = Vec::with_capacity(shape.elements());
        for o in 0..outer {
            for part in &parts {
                let len = part.shape()[at] * inner;
                data.extend_from_slice(&part.as_slice().unwrap_or_default()[o * len..][..len]);
            }
        }
        Self::from_elements(data, shape)
    }
}

impl<T: Float> Tensor<T> {
    /// Zero everywhere.
    ///
    /// # Panics
    /// If the number of elements overflows.
    #[track_caller]
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Self::full(shape, T::zero())
    }

    /// One everywhere.
    ///
    /// # Panics
    /// If the number of elements overflows.
    #[track_caller]
    pub fn ones(shape: impl Into<Shape>) -> Self {
        Self::full(shape, T::one())
    }

    /// The identity matrix of `n` rows.
    ///
    /// # Panics
    /// If the number of elements overflows.
    #[track_caller]
    pub fn eye(n: usize) -> Self {
        Self::from_fn([n, n], |i| if i[0] == i[1] { T::one() } else { T::zero() })
    }

    /// `start`, `start + step`, … as long as they are before `stop`.
    ///
    /// Each is computed as `start + k · step`, so errors do not add up.
    ///
    /// # Panics
    /// If `step` is zero or NaN, or the number of elements is not finite.
    ///
    /// # Examples
    /// ```
    /// # use rensa::Tensor;
    /// assert_eq!(Tensor::<f64>::arange(0.0, 1.0, 0.25).to_vec(), [0.0, 0.25, 0.5, 0.75]);
    /// assert_eq!(Tensor::<f64>::arange(3.0, 0.0, -1.0).to_vec(), [3.0, 2.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn arange(start: T, stop: T, step: T) -> Self {
        let count = ((stop - start) / step).ceil();
        assert!(count.is_finite(), "arange: from {start:?} to {stop:?} by {step:?} has no finite number of elements");
        let n = count.max(T::zero()).to_usize().expect("a finite count above zero");
        Self::from_fn([n], |i| start + T::of(i[0] as f64) * step)
    }

    /// `n` values evenly spaced from `start` to `stop`, both included.
    ///
    /// # Examples
    /// ```
    /// # use rensa::Tensor;
    /// assert_eq!(Tensor::<f32>::linspace(0.0, 1.0, 3).to_vec(), [0.0, 0.5, 1.0]);
    /// ```
    pub fn linspace(start: T, stop: T, n: usize) -> Self {
        let last = T::of(n.saturating_sub(1).max(1) as f64);
        Self::from_fn([n], |i| match i[0] {
            k if n > 1 && k + 1 == n => stop,
            k => start + (stop - start) * (T::of(k as f64) / last),
        })
    }

    /// Where `index` of class indices is the class: `[..., classes]` of ones and zeros.
    ///
    /// # Panics
    /// If an index is not below `classes`.
    #[track_caller]
    pub fn one_hot(index: &Tensor<usize>, classes: usize) -> Self {
        if let Some(class) = index.iter().find(|&&c| c >= classes) {
            panic!("one_hot: class {class} is not below {classes}");
        }
        let shape: Shape = index.shape().iter().copied().chain([classes]).collect();
        let data = index.iter().flat_map(|&c| (0..classes).map(move |k| if k == c { T::one() } else { T::zero() }));
        Self::from_elements(data.collect(), shape)
    }
}

impl<T> Tensor<T> {
    /// The tensor that a nested literal spells; what [`tensor!`](crate::tensor!) calls.
    #[track_caller]
    pub fn from_nested(nested: impl Nested<T>) -> Self {
        let (mut shape, mut data) = (Vec::new(), Vec::new());
        append_shape(&nested, &mut shape);
        nested.append_to(&mut data);
        Self::from_elements(data, shape.into())
    }
}

/// The sizes of a nested literal's type, outermost first.
fn append_shape<T, N: Nested<T>>(_: &N, shape: &mut Vec<usize>) {
    N::append_shape(shape);
}

/// A number, or an array of nested arrays of them, all rows equally long.
pub trait Nested<T> {
    /// Appends the sizes, outermost first.
    fn append_shape(shape: &mut Vec<usize>);
    /// Appends the elements in row-major order.
    fn append_to(self, data: &mut Vec<T>);
}

impl<T, N: Nested<T>, const LEN: usize> Nested<T> for [N; LEN] {
    fn append_shape(shape: &mut Vec<usize>) {
        shape.push(LEN);
        N::append_shape(shape);
    }

    fn append_to(self, data: &mut Vec<T>) {
        for row in self {
            row.append_to(data);
        }
    }
}

macro_rules! nested {
    ($($element:ty),*) => { $(
        impl Nested<$element> for $element {
            fn append_shape(_: &mut Vec<usize>) {}

            fn append_to(self, data: &mut Vec<$element>) {
                data.push(self);
            }
        }
    )* }
}
nested!(f32, f64, bool, u8, i32, i64, usize);

/// The tensor that a nested literal spells, of rank 1 or more; [`Tensor::scalar`](crate::Tensor::scalar) is of rank 0. Rows of different lengths do not compile.
///
/// # Examples
/// ```
/// use rensa::tensor;
/// assert_eq!(tensor![[1.0, 2.0], [3.0, 4.0]].shape(), [2, 2]);
/// assert_eq!(tensor![1, 2, 3].shape(), [3]);
/// assert_eq!(tensor![5.0].shape(), [1]);
/// ```
///
/// ```compile_fail
/// rensa::tensor![[1.0, 2.0], [3.0]];
/// ```
#[macro_export]
macro_rules! tensor {
    ($($item:expr),* $(,)?) => { $crate::Tensor::from_nested([$($item),*]) };
}
