//! Examples in mapped files: larger than memory, and there at once.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use super::{Dataset, Examples, idx};
use crate::error::{Error, Result};
use crate::file::{Dtype, Element, Header, Order, decode};
use crate::storage::Mapping;
use crate::tensor::Tensor;

/// An array in a mapped file, of which pieces are read when they are asked for.
///
/// # Examples
/// ```
/// # #![allow(unsafe_code)]
/// use rensa::{data::{MappedArray, Mapping}, io, tensor};
/// let path = std::env::temp_dir().join(format!("rensa-mapped-{}.npy", std::process::id()));
/// io::write_npy(&path, &tensor![[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]])?;
/// // SAFETY: nobody else knows this file.
/// let array = MappedArray::npy(unsafe { Mapping::open(&path)? })?;
/// assert_eq!(array.shape(), [3, 2]);
/// assert_eq!(array.rows::<f64>(&[2, 0])?, tensor![[5.0, 6.0], [1.0, 2.0]]);
/// # drop(array);
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), rensa::Error>(())
/// ```
#[derive(Clone)]
pub struct MappedArray {
    mapping: Mapping,
    start: usize,
    dtype: Dtype,
    order: Order,
    shape: Vec<usize>,
}

impl MappedArray {
    /// The array in an npy file.
    ///
    /// # Errors
    /// As for [`read_npy`](crate::io::read_npy); also if it is of rank 0, or its first index runs fastest, so that a row is not in one
    /// piece.
    pub fn npy(mapping: Mapping) -> Result<Self> {
        let (path, bytes) = (mapping.path(), mapping.bytes());
        let header = Header::read(&mut &bytes[..]).map_err(|fault| fault.at(path))?;
        header.check(bytes.len() - header.start).map_err(|fault| fault.at(path))?;
        let Header { dtype, order, fortran, shape, start, .. } = header;
        if shape.is_empty() || (fortran && shape.len() > 1) {
            let found = if shape.is_empty() { "a single element" } else { "one in Fortran's order" };
            return Err(Error::format(path, "an array with rows in C's order", found));
        }
        Ok(MappedArray { start, dtype, order, shape, mapping })
    }

    /// The array of bytes in an IDX file that is not gzipped.
    ///
    /// # Errors
    /// As for [`idx::read`].
    pub fn idx(mapping: Mapping) -> Result<Self> {
        let (shape, start) = idx::mapped(mapping.path(), mapping.bytes())?;
        Ok(MappedArray { start, dtype: Dtype::U8, order: Order::Little, shape, mapping })
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.mapping.path()
    }

    /// The slices of the first axis at each of `index`.
    ///
    /// Shapes: `[n, …]` and k indices → `[k, …]`.
    ///
    /// # Errors
    /// If an element is not a number that `E` has.
    ///
    /// # Panics
    /// If an index is not below n.
    #[track_caller]
    pub fn rows<E: Element>(&self, index: &[usize]) -> Result<Tensor<E>> {
        let mut elements: Vec<E> = Vec::new();
        for &i in index {
            elements.append(&mut self.piece(i, 1)?);
        }
        self.shaped(elements, index.len())
    }

    /// Slices `start .. start + len` of the first axis.
    ///
    /// # Errors
    /// If an element is not a number that `E` has.
    ///
    /// # Panics
    /// If they are not all there.
    #[track_caller]
    pub fn narrow<E: Element>(&self, start: usize, len: usize) -> Result<Tensor<E>> {
        self.shaped(self.piece(start, len)?, len)
    }

    #[track_caller]
    fn piece<E: Element>(&self, start: usize, len: usize) -> Result<Vec<E>> {
        let n = self.shape[0];
        assert!(start <= n && len <= n - start, "MappedArray: rows {start} to {start} + {len} of {n}");
        let row = self.shape[1..].iter().product::<usize>() * self.dtype.size();
        let bytes = &self.mapping.bytes()[self.start + start * row..][..len * row];
        decode(bytes, self.dtype, self.order).map_err(|found| {
            let expected = format!("numbers of another type in rows {start} to {}", start + len);
            Error::format(self.mapping.path(), expected, found)
        })
    }

    fn shaped<E: Element>(&self, elements: Vec<E>, len: usize) -> Result<Tensor<E>> {
        let shape: Vec<usize> = std::iter::once(len).chain(self.shape[1..].iter().copied()).collect();
        Tensor::from_vec(elements, &shape[..])
    }
}

impl fmt::Debug for MappedArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MappedArray({}, {} {:?})", self.path().display(), self.dtype, self.shape)
    }
}

/// Labelled examples in two mapped files, converted to `T` and `L` when they are asked for.
#[derive(Clone, Debug)]
pub struct MappedDataset<T, L = usize> {
    inputs: MappedArray,
    labels: MappedArray,
    elements: PhantomData<fn() -> (T, L)>,
}

impl<T: Element, L: Element> MappedDataset<T, L> {
    /// These inputs with these labels.
    ///
    /// # Errors
    /// If there are not as many of the ones as of the others.
    pub fn new(inputs: MappedArray, labels: MappedArray) -> Result<Self> {
        if inputs.shape[0] != labels.shape[0] {
            return Err(Error::Length { shape: inputs.shape.clone(), found: labels.shape[0] });
        }
        Ok(MappedDataset { inputs, labels, elements: PhantomData })
    }
}

impl<T: Element, L: Element> Examples for MappedDataset<T, L> {
    type Batch = Dataset<T, L>;

    fn len(&self) -> usize {
        self.inputs.shape[0]
    }

    fn batch(&self, index: &[usize]) -> Result<Dataset<T, L>> {
        Dataset::new(self.inputs.rows(index)?, self.labels.rows(index)?)
    }
}
