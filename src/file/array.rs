//! Arrays as files hold them, with names.

use std::collections::BTreeMap;
use std::fmt;

use super::element::{Dtype, Element, Order, decode, encode};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// An array as a file holds it: a type of element that is known only when it is read, a shape, and bytes.
#[derive(Clone, PartialEq)]
pub struct Array {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Row-major and little-endian.
    bytes: Vec<u8>,
}

impl Array {
    /// The array of `tensor`.
    ///
    /// # Errors
    /// Says which element the file's type cannot hold: a `usize` above `i64::MAX`.
    pub(crate) fn of<E: Element>(tensor: &Tensor<E>) -> std::result::Result<Self, String> {
        Ok(Array { dtype: E::DTYPE, shape: tensor.shape().to_vec(), bytes: encode(tensor)? })
    }

    /// From bytes of the right number, in row-major and little-endian order.
    #[cfg(any(feature = "npz", feature = "safetensors"))]
    pub(crate) fn from_bytes(dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8>) -> Option<Self> {
        (dtype.bytes(&shape) == Some(bytes.len())).then_some(Array { dtype, shape, bytes })
    }

    /// The type of its elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The sizes of its axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements, row-major and little-endian.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The tensor of its elements, converted as [`Element`] says.
    ///
    /// # Errors
    /// Says which element is not a number that `E` has.
    pub(crate) fn tensor<E: Element>(&self) -> std::result::Result<Tensor<E>, String> {
        let elements = decode(&self.bytes, self.dtype, Order::Little)?;
        Tensor::from_vec(elements, &self.shape[..]).map_err(|error| error.to_string())
    }
}

/// The type, the shape and the number of bytes.
impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array({}, {:?}, {} bytes)", self.dtype, self.shape, self.bytes.len())
    }
}

/// Named arrays of any types of elements, and notes about them: what a safetensors or an npz file holds.
///
/// A name is a key and never a path.
///
/// # Examples
/// ```
/// use rensa::{io::Arrays, tensor};
/// let arrays = Arrays::new().with("images", &tensor![[0.5, 1.0]])?.with("labels", &tensor![7_usize])?;
/// assert_eq!(arrays.names().collect::<Vec<_>>(), ["images", "labels"]);
/// assert_eq!(arrays.get::<usize>("labels")?.to_vec(), [7]);
/// assert_eq!(arrays.get::<f32>("images")?.shape(), [1, 2]);
/// assert!(arrays.get::<u8>("images").is_err(), "0.5 is no u8");
/// # Ok::<(), rensa::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrays {
    entries: BTreeMap<String, Array>,
    /// Notes, such as `format` = `pt` in files for PyTorch. Only safetensors files hold them.
    pub metadata: BTreeMap<String, String>,
}

impl Arrays {
    /// No arrays yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With `tensor` under `name`.
    ///
    /// # Errors
    /// If the name is taken, or an element is a `usize` above `i64::MAX`.
    pub fn with<E: Element>(mut self, name: impl Into<String>, tensor: &Tensor<E>) -> Result<Self> {
        self.insert(name, tensor)?;
        Ok(self)
    }

    /// With a note.
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Adds `tensor` under `name`.
    ///
    /// # Errors
    /// If the name is taken, or an element is a `usize` above `i64::MAX`.
    pub fn insert<E: Element>(&mut self, name: impl Into<String>, tensor: &Tensor<E>) -> Result<()> {
        let name = name.into();
        let array = Array::of(tensor).map_err(|reason| Error::Parameter { name: name.clone(), reason })?;
        let reason = || "the name is taken".to_string();
        self.put(name, array).map_err(|name| Error::Parameter { name, reason: reason() })
    }

    /// Adds an array, or gives the name back if it is taken.
    pub(crate) fn put(&mut self, name: String, array: Array) -> std::result::Result<(), String> {
        if self.entries.contains_key(&name) {
            return Err(name);
        }
        self.entries.insert(name, array);
        Ok(())
    }

    /// The array called `name` as a tensor, converted as [`Element`] says.
    ///
    /// # Errors
    /// If there is none, or an element is not a number that `E` has.
    pub fn get<E: Element>(&self, name: &str) -> Result<Tensor<E>> {
        let error = |reason| Error::Parameter { name: name.into(), reason };
        let array = self.array(name).ok_or_else(|| error("there is no array of this name".into()))?;
        array.tensor().map_err(|found| error(format!("found {found}")))
    }

    /// The array called `name`, as it is.
    pub fn array(&self, name: &str) -> Option<&Array> {
        self.entries.get(name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The names and arrays, in the order of the names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Array)> {
        self.entries.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// The number of arrays.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no array.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
