//! Iteration over elements in row-major order.

use super::Tensor;
use crate::shape::Inline;

/// The elements of a tensor in row-major order, whatever its strides.
pub struct Iter<'a, T>(Kind<'a, T>);

enum Kind<'a, T> {
    Dense(std::slice::Iter<'a, T>),
    Strided(Strided<'a, T>),
}

struct Strided<'a, T> {
    tensor: &'a Tensor<T>,
    index: Inline<usize>,
    place: isize,
    left: usize,
}

impl<T> Tensor<T> {
    /// The elements in row-major order.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![[1, 2], [3, 4]].t().iter().copied().collect::<Vec<_>>(), [1, 3, 2, 4]);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        if let Some(elements) = self.as_slice() {
            return Iter(Kind::Dense(elements.iter()));
        }
        let index = Inline::filled(0, self.ndim());
        Iter(Kind::Strided(Strided { tensor: self, index, place: self.layout().offset() as isize, left: self.len() }))
    }
}

impl<'a, T> IntoIterator for &'a Tensor<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T> Strided<'a, T> {
    fn next(&mut self) -> Option<&'a T> {
        self.left = self.left.checked_sub(1)?;
        let element = &self.tensor.data()[self.place as usize];
        for axis in (0..self.index.len()).rev() {
            let (size, stride) = (self.tensor.shape()[axis], self.tensor.strides()[axis]);
            self.index[axis] += 1;
            self.place += stride;
            if self.index[axis] < size {
                break;
            }
            self.index[axis] = 0;
            self.place -= stride * size as isize;
        }
        Some(element)
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        match &mut self.0 {
            Kind::Dense(elements) => elements.next(),
            Kind::Strided(elements) => elements.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Kind::Dense(elements) => elements.len(),
            Kind::Strided(elements) => elements.left,
        };
        (left, Some(left))
    }

    /// The dense case asks what it is only once.
    #[inline]
    fn fold<B, F: FnMut(B, &'a T) -> B>(self, start: B, mut f: F) -> B {
        match self.0 {
            Kind::Dense(elements) => elements.fold(start, f),
            Kind::Strided(mut elements) => {
                let mut result = start;
                while let Some(x) = elements.next() {
                    result = f(result, x);
                }
                result
            }
        }
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}
