//! Parameters as `.safetensors` files, which PyTorch, JAX and NumPy read and write too.
//!
//! Source: the safetensors format, Hugging Face; the `safetensors` crate checks headers and offsets against the file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path as FilePath;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use super::write_atomically;
use crate::error::{Error, Result};
use crate::float::Float;
use crate::nn::{Parts, State};
use crate::tensor::Tensor;

/// A scalar that files hold.
pub trait Stored: Float {
    /// Its name in the format.
    #[doc(hidden)]
    const DTYPE: Dtype;
    /// Appends it in little-endian order.
    #[doc(hidden)]
    fn put(self, bytes: &mut Vec<u8>);
}

impl Stored for f32 {
    const DTYPE: Dtype = Dtype::F32;

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

impl Stored for f64 {
    const DTYPE: Dtype = Dtype::F64;

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

/// Saves the parameters, buffers and counters of `parts` under their dotted names.
///
/// # Errors
/// If the file cannot be written; an old one is then as it was.
///
/// # Examples
/// ```
/// use rensa::{io, nn::{Linear, Parts}, tensor};
/// let path = std::env::temp_dir().join("rensa-save-example.safetensors");
/// let mut layer = Linear::<f32>::new(tensor![[1.0, 2.0]], tensor![3.0]);
/// io::save(&path, &layer)?;
/// layer.weight.value = tensor![[0.0, 0.0]];
/// io::load(&path, &mut layer)?;
/// assert_eq!(layer.weight.value.to_vec(), [1.0, 2.0]);
/// # std::fs::remove_file(path).ok();
/// # Ok::<(), rensa::Error>(())
/// ```
pub fn save<T: Stored>(path: impl AsRef<FilePath>, parts: &dyn Parts<T>) -> Result<()> {
    let path = path.as_ref();
    let refused =
        |error: safetensors::SafeTensorError| Error::format(path, "tensors that can be stored", error.to_string());
    let State { tensors, counts } = parts.state();
    let mut bytes = BTreeMap::new();
    for (name, tensor) in tensors {
        let mut data = Vec::with_capacity(size_of::<T>() * tensor.len());
        tensor.iter().for_each(|&x| x.put(&mut data));
        bytes.insert(name, (T::DTYPE, tensor.shape().to_vec(), data));
    }
    for (name, count) in counts {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        bytes.insert(name, (Dtype::I64, Vec::new(), count.to_le_bytes().to_vec()));
    }
    let mut views = Vec::new();
    for (name, (dtype, shape, data)) in &bytes {
        views.push((name, TensorView::new(*dtype, shape.clone(), data).map_err(refused)?));
    }
    write_atomically(path, &serialize(views, None).map_err(refused)?)
}

/// Loads the parameters, buffers and counters of `parts` by their dotted names, converted from `f32` or `f64` if need be.
///
/// # Errors
/// If the file cannot be read, is malformed, or does not hold exactly what belongs there in its shapes: names all that are missing,
/// unexpected, or of another shape. Then nothing is changed.
pub fn load<T: Stored>(path: impl AsRef<FilePath>, parts: &mut dyn Parts<T>) -> Result<()> {
    let path = path.as_ref();
    let file = fs::read(path).map_err(|source| Error::io(path, source))?;
    let found = SafeTensors::deserialize(&file)
        .map_err(|error| Error::format(path, "a safetensors file", format!("one that is not: {error}")))?;
    let mut state = State { tensors: BTreeMap::new(), counts: BTreeMap::new() };
    let mut faults = Vec::new();
    for (name, view) in found.tensors() {
        match decode(&view) {
            Ok(Stray::Tensor(tensor)) => drop(state.tensors.insert(name, tensor)),
            Ok(Stray::Count(count)) => drop(state.counts.insert(name, count)),
            Err(fault) => faults.push(format!("`{name}` {fault}")),
        }
    }
    let refused = |faults: Vec<String>| Error::format(path, "the parameters of this net", faults.join(", "));
    if !faults.is_empty() {
        return Err(refused(faults));
    }
    parts.load_state(state).map_err(|error| match error {
        Error::State { faults } => refused(faults),
        other => other,
    })
}

/// What an entry of a file is.
enum Stray<T> {
    Tensor(Tensor<T>),
    Count(u64),
}

/// The elements, read byte by byte, since a file promises no alignment.
fn decode<T: Float>(view: &TensorView<'_>) -> std::result::Result<Stray<T>, String> {
    let data: Vec<T> = match view.dtype() {
        Dtype::F32 => chunks(view.data()).map(|bytes| T::of(f64::from(f32::from_le_bytes(bytes)))).collect(),
        Dtype::F64 => chunks(view.data()).map(|bytes| T::of(f64::from_le_bytes(bytes))).collect(),
        Dtype::I64 if view.shape().is_empty() => {
            let count = chunks(view.data()).map(i64::from_le_bytes).next().and_then(|count| u64::try_from(count).ok());
            return count.map(Stray::Count).ok_or_else(|| "is a negative count".into());
        }
        other => return Err(format!("of type {other:?}, not F32 or F64")),
    };
    Tensor::from_vec(data, view.shape()).map(Stray::Tensor).map_err(|error| error.to_string())
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.as_chunks::<N>().0.iter().copied()
}
