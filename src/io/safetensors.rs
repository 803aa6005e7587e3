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
use crate::nn::{Module, Path};
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

/// Saves the parameters of `module` under their dotted names.
///
/// # Errors
/// If the file cannot be written; an old one is then as it was.
///
/// # Examples
/// ```
/// use rensa::{io, nn::{Linear, Module}, tensor};
/// let path = std::env::temp_dir().join("rensa-save-example.safetensors");
/// let mut layer = Linear::<f32>::new(tensor![[1.0, 2.0]], tensor![3.0]);
/// io::save(&path, &layer)?;
/// layer.bias.value = tensor![0.0];
/// io::load(&path, &mut layer)?;
/// assert_eq!(layer.bias.value.item(), 3.0);
/// # std::fs::remove_file(path).ok();
/// # Ok::<(), rensa::Error>(())
/// ```
pub fn save<T: Stored>(path: impl AsRef<FilePath>, module: &dyn Module<T>) -> Result<()> {
    let path = path.as_ref();
    let refused =
        |error: safetensors::SafeTensorError| Error::format(path, "tensors that can be stored", error.to_string());
    let mut bytes = BTreeMap::new();
    for (name, tensor) in module.state() {
        let mut data = Vec::with_capacity(size_of::<T>() * tensor.len());
        tensor.iter().for_each(|&x| x.put(&mut data));
        bytes.insert(name, (tensor.shape().to_vec(), data));
    }
    let mut views = Vec::new();
    for (name, (shape, data)) in &bytes {
        views.push((name, TensorView::new(T::DTYPE, shape.clone(), data).map_err(refused)?));
    }
    write_atomically(path, &serialize(views, None).map_err(refused)?)
}

/// Loads the parameters of `module` by their dotted names, converted from `f32` or `f64` if need be.
///
/// # Errors
/// If the file cannot be read, is malformed, or does not hold exactly the module's parameters in their shapes: names all that
/// are missing, unexpected, or of another shape. Then no parameter is changed.
pub fn load<T: Stored>(path: impl AsRef<FilePath>, module: &mut dyn Module<T>) -> Result<()> {
    let path = path.as_ref();
    let file = fs::read(path).map_err(|source| Error::io(path, source))?;
    let tensors = SafeTensors::deserialize(&file)
        .map_err(|error| Error::format(path, "a safetensors file", format!("one that is not: {error}")))?;
    let mut found: BTreeMap<String, TensorView<'_>> = tensors.tensors().into_iter().collect();
    let mut loaded: BTreeMap<String, Tensor<T>> = BTreeMap::new();
    let mut faults = Vec::new();
    module.visit(&Path::ROOT, &mut |name, param| {
        let name = name.to_string();
        match found.remove(&name) {
            None => faults.push(format!("`{name}` missing")),
            Some(view) if view.shape() != &param.value.shape()[..] => {
                faults.push(format!("`{name}` of shape {:?}, not {:?}", view.shape(), param.value.shape()));
            }
            Some(view) => match decode(&view) {
                Ok(tensor) => drop(loaded.insert(name, tensor)),
                Err(fault) => faults.push(format!("`{name}` {fault}")),
            },
        }
    });
    faults.extend(found.keys().map(|name| format!("`{name}` unexpected")));
    if !faults.is_empty() {
        return Err(Error::format(path, "the module's parameters", faults.join(", ")));
    }
    module.visit_mut(&Path::ROOT, &mut |name, param| {
        if let Some(value) = loaded.remove(&name.to_string()) {
            param.value = value;
        }
    });
    Ok(())
}

/// The elements, read byte by byte, since a file promises no alignment.
fn decode<T: Float>(view: &TensorView<'_>) -> std::result::Result<Tensor<T>, String> {
    let data: Vec<T> = match view.dtype() {
        Dtype::F32 => chunks(view.data()).map(|bytes| T::of(f64::from(f32::from_le_bytes(bytes)))).collect(),
        Dtype::F64 => chunks(view.data()).map(|bytes| T::of(f64::from_le_bytes(bytes))).collect(),
        other => return Err(format!("of type {other:?}, not F32 or F64")),
    };
    Tensor::from_vec(data, view.shape()).map_err(|error| error.to_string())
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.as_chunks::<N>().0.iter().copied()
}
