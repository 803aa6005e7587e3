//! Picking elements by index, and the adjoint: adding to elements by index.

use super::map::inverse;
use super::wide::in_f32;
use crate::float::Float;
use crate::shape::{Inline, Shape, Walk, axis_of};
use crate::tensor::{AxisSlice, Tensor};

#[cold]
#[track_caller]
fn bad_index(op: &str, index: usize, axis: isize, shape: &Shape) -> ! {
    panic!("{op}: index {index} is outside axis {axis} of {shape:?}")
}

/// Checks that every index lies within axis `at` of `shape`.
#[track_caller]
pub(crate) fn check_indices(op: &str, index: &Tensor<usize>, axis: isize, at: usize, shape: &Shape) {
    if let Some(&i) = index.iter().find(|&&i| i >= shape[at]) {
        bad_index(op, i, axis, shape);
    }
}

impl<T: Clone> Tensor<T> {
    /// The slices of `self` along `axis` at each of `index`, `yᵢ = x[indexᵢ]`.
    ///
    /// Shapes: `[…, n, …]` and `index` `[k]` → `[…, k, …]`.
    ///
    /// # Panics
    /// If `index` is not of rank 1, an index is not below `n`, or `axis` is out of range.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1, 2], [3, 4], [5, 6]];
    /// assert_eq!(x.index_select(0, &tensor![2_usize, 0]).to_vec(), [5, 6, 1, 2]);
    /// ```
    #[track_caller]
    pub fn index_select(&self, axis: isize, index: &Tensor<usize>) -> Tensor<T> {
        let at = axis_of("index_select", axis, self.ndim());
        assert!(index.ndim() == 1, "index_select: indices of shape {:?}, not of rank 1", index.shape());
        check_indices("index_select", index, axis, at, self.shape());
        let shape = self.shape().with(at, index.len());
        let outer: Shape = self.shape()[..at].into();
        let inner: Shape = self.shape()[at + 1..].into();
        let (row, stride) = (inner.elements(), self.strides()[at]);
        let picks = index.to_contiguous();
        let picks = picks.as_slice().unwrap_or_default();
        let slice = Walk::new(&inner, [(&self.strides()[at + 1..], 0)]);
        let mut data = Vec::with_capacity(shape.elements());
        Walk::new(&outer, [(&self.strides()[..at], self.layout().offset())]).runs(0..outer.elements(), |run| {
            for k in 0..run.len {
                let base = run.place(0, k) as isize;
                if row == 1 {
                    data.extend(picks.iter().map(|&i| self.data()[(base + i as isize * stride) as usize].clone()));
                    continue;
                }
                for &i in picks {
                    slice.runs_at([base + i as isize * stride], 0..row, |run| match run.strides[0] {
                        1 => data.extend_from_slice(&self.data()[run.at[0]..][..run.len]),
                        _ => data.extend((0..run.len).map(|j| self.data()[run.place(0, j)].clone())),
                    });
                }
            }
        });
        Tensor::from_elements(data, shape)
    }

    /// Elements picked along `axis`: `y[…, i, …] = x[…, index[…, i, …], …]`.
    ///
    /// Shapes: `index` has the rank of `self`, and its size on every axis but `axis`; the result has the shape of `index`.
    ///
    /// # Panics
    /// If the shapes do not fit, an index is outside, or `axis` is out of range.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1, 2], [3, 4]];
    /// assert_eq!(x.gather(1, &tensor![[1_usize], [0]]).to_vec(), [2, 3]);
    /// ```
    #[track_caller]
    pub fn gather(&self, axis: isize, index: &Tensor<usize>) -> Tensor<T> {
        let at = axis_of("gather", axis, self.ndim());
        check_picks("gather", self.shape(), axis, at, index);
        let data = picks(index, at, self.strides(), self.layout().offset()).map(|place| self.data()[place].clone());
        Tensor::from_elements(data.collect(), index.shape().clone())
    }
}

impl<T: Clone> Tensor<T> {
    /// `self` with `source` written where `index` points along `axis`: `y[…, index[…, i, …], …] = source[…, i, …]`.
    ///
    /// Where an index occurs several times the last one in row-major order is what remains.
    ///
    /// Shapes: `source` and `index` are of one shape, which differs from that of `self` on `axis` only.
    ///
    /// # Panics
    /// If the shapes do not fit, an index is outside, or `axis` is out of range.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let y = tensor![7, 8, 9].scatter(0, &tensor![2_usize, 0, 2], &tensor![1, 2, 3]);
    /// assert_eq!(y.to_vec(), [2, 8, 3]);
    /// ```
    #[track_caller]
    pub fn scatter(&self, axis: isize, index: &Tensor<usize>, source: &Tensor<T>) -> Tensor<T> {
        self.scatter_by("scatter", axis, index, source, T::clone_from)
    }

    /// `self` with `put(y, x)` done for every element `x` of `source`, in row-major order, on the element `y` that `index` points to.
    #[track_caller]
    fn scatter_by(
        &self,
        op: &str,
        axis: isize,
        index: &Tensor<usize>,
        source: &Tensor<T>,
        put: impl Fn(&mut T, &T),
    ) -> Tensor<T> {
        let at = axis_of(op, axis, self.ndim());
        check_picks(op, self.shape(), axis, at, index);
        let (i, s) = (index.shape(), source.shape());
        assert!(i == s, "{op}: indices {i:?} and source {s:?} differ in shape");
        let mut y = self.clone();
        let strides = y.shape().row_major();
        let data = y.make_mut();
        picks(index, at, &strides, 0).zip(source).for_each(|(place, x)| put(&mut data[place], x));
        y
    }

    /// `self`, seen as a list of `n` equal blocks, with `put(y, x)` done for every element `x` of block `i` of `source` on the element
    /// `y` at the same place in block `blocks[i]`.
    pub(crate) fn put_blocks(&self, n: usize, blocks: &[usize], source: &Tensor<T>, put: impl Fn(&mut T, &T)) -> Self {
        let mut y = self.clone();
        let size = self.len() / n.max(1);
        if size == 0 {
            return y;
        }
        let (data, source) = (y.make_mut(), source.to_contiguous());
        let sources = source.as_slice().unwrap_or_default().chunks_exact(size);
        for (&block, source) in blocks.iter().zip(sources) {
            data[block * size..][..size].iter_mut().zip(source).for_each(|(y, x)| put(y, x));
        }
        y
    }
}

/// Of writes to these of `n` places, one after the other, which ones no later one overwrites.
pub(crate) fn last_writes(places: &[usize], n: usize) -> Vec<bool> {
    let mut written = vec![false; n];
    let mut last: Vec<bool> = places.iter().rev().map(|&place| !std::mem::replace(&mut written[place], true)).collect();
    last.reverse();
    last
}

/// Of writes along axis `at` of `shape` where `index` points, which ones no later one overwrites.
pub(crate) fn last_scattered(index: &Tensor<usize>, at: usize, shape: &Shape) -> Tensor<bool> {
    let places: Vec<usize> = picks(index, at, &shape.row_major(), 0).collect();
    Tensor::from_elements(last_writes(&places, shape.elements()), index.shape().clone())
}

/// Checks that `index` picks along axis `at` of `shape`.
#[track_caller]
fn check_picks(op: &str, shape: &Shape, axis: isize, at: usize, index: &Tensor<usize>) {
    let fits = index.ndim() == shape.ndim() && index.shape().with(at, 0) == shape.with(at, 0);
    assert!(fits, "{op}: indices {:?} and {shape:?} differ outside axis {axis}", index.shape());
    check_indices(op, index, axis, at, shape);
}

/// The places that `index` picks along axis `at`, for strides of what is picked from.
fn picks<'a>(
    index: &'a Tensor<usize>,
    at: usize,
    strides: &'a [isize],
    offset: usize,
) -> impl Iterator<Item = usize> + 'a {
    let shape = index.shape();
    let mut position = vec![0; shape.ndim()];
    index.iter().map(move |&pick| {
        let steps = position.iter().zip(strides).enumerate();
        let place: isize = steps.map(|(a, (&i, &s))| if a == at { pick as isize * s } else { i as isize * s }).sum();
        for a in (0..shape.ndim()).rev() {
            position[a] += 1;
            if position[a] < shape[a] {
                break;
            }
            position[a] = 0;
        }
        (offset as isize + place) as usize
    })
}

impl<T: Float> Tensor<T> {
    /// `self` with `source` added where `index` points along `axis`: `y[…, index[…, i, …], …] += source[…, i, …]`.
    ///
    /// An index that occurs several times adds several times, in row-major order. It is the adjoint of [`Tensor::gather`].
    ///
    /// Shapes: `source` and `index` are of one shape, which differs from that of `self` on `axis` only.
    ///
    /// # Panics
    /// If the shapes do not fit, an index is outside, or `axis` is out of range.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tensor, tensor};
    /// let y = Tensor::zeros([2]).scatter_add(0, &tensor![1_usize, 1, 0], &tensor![1.0, 2.0, 5.0]);
    /// assert_eq!(y.to_vec(), [5.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, index: &Tensor<usize>, source: &Tensor<T>) -> Tensor<T> {
        if T::NARROW {
            return in_f32([self, source], |[y, source]| y.scatter_add(axis, index, &source));
        }
        self.scatter_by("scatter_add", axis, index, source, |y, &x| *y = *y + x)
    }

    /// Slices of `source` along `axis` added up at the places that `index` names, on zeros of size `n` along `axis`: the
    /// adjoint of [`Tensor::index_select`].
    ///
    /// Shapes: `source` `[…, k, …]` and `index` `[k]` → `[…, n, …]`.
    ///
    /// # Panics
    /// If `index` has not size `k`, an index is not below `n`, or `axis` is out of range.
    #[track_caller]
    pub fn index_add(source: &Tensor<T>, axis: isize, index: &Tensor<usize>, n: usize) -> Tensor<T> {
        let at = axis_of("index_add", axis, source.ndim());
        let (i, k) = (index.shape(), source.shape()[at]);
        assert!(*i == [k], "index_add: indices {i:?} for size {k} of axis {axis} of {:?}", source.shape());
        let shape = source.shape().with(at, n);
        check_indices("index_add", index, axis, at, &shape);
        if T::NARROW {
            return in_f32([source], |[source]| Tensor::index_add(&source, axis, index, n));
        }
        let inner: usize = shape[at + 1..].iter().product();
        let mut result = Tensor::dirty(shape);
        let y = result.as_unique_slice().expect("a dirty tensor is dense and unshared");
        y.fill(T::zero());
        let source = source.to_contiguous();
        let elements = source.as_slice().unwrap_or_default();
        let places: Vec<usize> = index.to_vec();
        for (row, from) in elements.chunks_exact(inner.max(1)).enumerate().take(if inner == 0 { 0 } else { usize::MAX })
        {
            let to = (row / k * n + places[row % k]) * inner;
            y[to..to + inner].iter_mut().zip(from).for_each(|(y, &x)| *y = *y + x);
        }
        result
    }

    /// Zeros of `shape` with `self` at the given part of every axis: the adjoint of a slice.
    pub(crate) fn unslice(&self, parts: &[AxisSlice], shape: &Shape) -> Tensor<T> {
        self.onto_zeros(shape, |zeros| zeros.slice_axes(parts))
    }

    /// Zeros of `shape` with `self` where `view` of them lies, in which no element occurs twice: the adjoint of that view.
    #[track_caller]
    pub(crate) fn onto_zeros(&self, shape: &Shape, view: impl FnOnce(&Tensor<T>) -> Tensor<T>) -> Tensor<T> {
        self.onto(T::zero(), shape, view)
    }

    /// `value` everywhere in `shape`, but `self` where `view` of it lies, in which no element occurs twice.
    #[track_caller]
    pub(crate) fn onto(&self, value: T, shape: &Shape, view: impl FnOnce(&Tensor<T>) -> Tensor<T>) -> Tensor<T> {
        let mut y = Tensor::dirty(shape.clone());
        let layout = view(&y).layout().clone();
        let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
        out.fill(value);
        let views = [(layout.strides(), layout.offset()), self.strided()];
        Walk::new(self.shape(), views).runs(0..self.len(), |run| {
            if run.strides == [1; 2] {
                return out[run.at[0]..][..run.len].copy_from_slice(&self.data()[run.at[1]..][..run.len]);
            }
            (0..run.len).for_each(|k| out[run.place(0, k)] = self.data()[run.place(1, k)]);
        });
        y
    }

    /// [`Tensor::unslice`] to zeros of the shape of `like`, that lie in memory as it does: what is then viewed back to what `like` is a
    /// view of needs no copy.
    pub(crate) fn unslice_as(&self, parts: &[AxisSlice], like: &Tensor<T>) -> Tensor<T> {
        let Some(order) = like.layout().dense_order() else { return self.unslice(parts, like.shape()) };
        let stored = like.layout().permute(&order);
        let parts: Inline<AxisSlice> = order.iter().map(|&a| parts[a]).collect();
        let zeros = self.with_layout(self.layout().permute(&order)).unslice(&parts, stored.shape());
        zeros.with_layout(zeros.layout().permute(&inverse(&order)))
    }

    /// Adds `part` to `self` at the given part of every axis; in place where nobody else holds `self`, if it lies without gaps, whatever
    /// the order of its axes.
    pub(crate) fn add_at(&mut self, parts: &[AxisSlice], part: &Tensor<T>) {
        let order = if self.layout().is_dense() { None } else { self.layout().dense_order() };
        let Some(order) = order else { return self.add_at_dense(parts, part) };
        let parts: Inline<AxisSlice> = order.iter().map(|&a| parts[a]).collect();
        let mut stored = self.with_layout(self.layout().permute(&order));
        *self = Tensor::vacant(); // so that nobody shares it
        stored.add_at_dense(&parts, &part.with_layout(part.layout().permute(&order)));
        *self = stored.with_layout(stored.layout().permute(&inverse(&order)));
    }

    /// [`Tensor::add_at`] of what is dense, or made so.
    fn add_at_dense(&mut self, parts: &[AxisSlice], part: &Tensor<T>) {
        self.make_mut();
        let layout = self.slice_axes(parts).layout().clone();
        let out = self.as_unique_slice().expect("make_mut unshares");
        Walk::new(part.shape(), [(layout.strides(), layout.offset()), part.strided()]).runs(0..part.len(), |run| {
            if run.strides == [1; 2] {
                let part = &part.data()[run.at[1]..][..run.len];
                return out[run.at[0]..][..run.len].iter_mut().zip(part).for_each(|(y, &x)| *y = *y + x);
            }
            for k in 0..run.len {
                let y = &mut out[run.place(0, k)];
                *y = *y + part.data()[run.place(1, k)];
            }
        });
    }
}
