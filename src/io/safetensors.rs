//! Named arrays as `.safetensors` files, which PyTorch, JAX and NumPy read and write too.
//!
//! Source: the safetensors format, Hugging Face; the `safetensors` crate checks headers and offsets against the file. A name that stands
//! twice in a header, which it lets pass, is refused here.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::io::{BufWriter, Write};
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype as Stored, Metadata, TensorInfo};
use serde::Deserializer;
use serde::de::{self, IgnoredAny, MapAccess, Visitor};

use crate::error::{Error, Result};
use crate::file::{self, Array, Arrays, Dtype, Replacement};

/// The names of the types; others, such as those of 8 bits and less, no [`Dtype`] stands for.
const DTYPES: [(Dtype, Stored); 13] = [
    (Dtype::Bool, Stored::BOOL),
    (Dtype::U8, Stored::U8),
    (Dtype::I8, Stored::I8),
    (Dtype::U16, Stored::U16),
    (Dtype::I16, Stored::I16),
    (Dtype::U32, Stored::U32),
    (Dtype::I32, Stored::I32),
    (Dtype::U64, Stored::U64),
    (Dtype::I64, Stored::I64),
    (Dtype::F16, Stored::F16),
    (Dtype::Bf16, Stored::BF16),
    (Dtype::F32, Stored::F32),
    (Dtype::F64, Stored::F64),
];

/// The arrays and notes in the `.safetensors` file at `path`.
///
/// # Errors
/// If the file cannot be read, is malformed, names an array twice, or has one of a type that [`Dtype`] lacks.
///
/// # Examples
/// ```
/// use rensa::{io::{self, Arrays}, tensor};
/// let path = std::env::temp_dir().join(format!("rensa-tensors-{}.safetensors", std::process::id()));
/// let arrays = Arrays::new().with("w", &tensor![[1.0_f32, 2.0]])?.with_metadata("format", "pt");
/// io::save_tensors(&path, &arrays)?;
/// assert_eq!(io::load_tensors(&path)?, arrays);
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), rensa::Error>(())
/// ```
pub fn load_tensors(path: impl AsRef<Path>) -> Result<Arrays> {
    let path = path.as_ref();
    let bytes = file::read(path)?;
    let wrong = |found: String| Error::format(path, "a safetensors file", found);
    let malformed = |error: &dyn fmt::Display| wrong(format!("one that is not: {error}"));
    let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| malformed(&e))?;
    let header = bytes.get(size_of::<u64>()..).and_then(|rest| rest.split_at_checked(header));
    let (header, data) = header.ok_or_else(|| malformed(&"its header is cut"))?;
    serde_json::Deserializer::from_slice(header).deserialize_map(NamesOnce).map_err(|e| malformed(&e))?;
    let mut arrays = Arrays::new();
    arrays.metadata.extend(metadata.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    for (name, info) in metadata.tensors() {
        let Some(&(dtype, _)) = DTYPES.iter().find(|(_, stored)| *stored == info.dtype) else {
            return Err(wrong(format!("`{name}` of type {:?}", info.dtype)));
        };
        let (start, end) = info.data_offsets;
        let array = data.get(start..end).and_then(|d| Array::from_bytes(dtype, info.shape.clone(), d.to_vec()));
        let array =
            array.ok_or_else(|| wrong(format!("`{name}` of shape {:?} in {} bytes", info.shape, end - start)))?;
        arrays.put(name, array).map_err(|name| wrong(format!("`{name}` twice")))?;
    }
    Ok(arrays)
}

/// Writes arrays and notes as a `.safetensors` file, the same bytes every time, whole or not at all.
///
/// # Errors
/// If the file cannot be written; an old one is then as it was.
pub fn save_tensors(path: impl AsRef<Path>, arrays: &Arrays) -> Result<()> {
    let path = path.as_ref();
    let header = header(arrays).map_err(|found| Error::format(path, "arrays that can be stored", found))?;
    let mut new = Replacement::of(path)?;
    let mut file = BufWriter::new(&mut new);
    let parts = [&(header.len() as u64).to_le_bytes()[..], &header];
    let mut parts = parts.into_iter().chain(sorted(arrays).into_iter().map(|(_, array)| array.bytes()));
    let written = parts.try_for_each(|part| file.write_all(part)).and_then(|()| file.flush());
    drop(file);
    written.map_err(|e| Error::io(path, e))?;
    new.commit()
}

fn stored(dtype: Dtype) -> Stored {
    DTYPES.iter().find(|(own, _)| *own == dtype).map_or(Stored::U8, |(_, stored)| *stored)
}

/// Wide elements first, so that each array begins at a multiple of their size; then by name.
fn sorted(arrays: &Arrays) -> Vec<(&str, &Array)> {
    let mut sorted: Vec<_> = arrays.iter().collect();
    sorted.sort_by_key(|(_, array)| Reverse(stored(array.dtype())));
    sorted
}

/// The header, padded so that the data are aligned.
fn header(arrays: &Arrays) -> std::result::Result<Vec<u8>, String> {
    let (mut infos, mut offset) = (Vec::new(), 0);
    for (name, array) in sorted(arrays) {
        let data_offsets = (offset, offset + array.bytes().len());
        let info = TensorInfo { dtype: stored(array.dtype()), shape: array.shape().to_vec(), data_offsets };
        infos.push((name.to_string(), info));
        offset = data_offsets.1;
    }
    if let Some((name, _)) = infos.iter().find(|(name, _)| name == METADATA) {
        return Err(format!("`{name}` as the name of one"));
    }
    let json = |error: serde_json::Error| error.to_string();
    let tensors = Metadata::new(None, infos).map_err(|error| error.to_string())?;
    let mut header = serde_json::to_string(&tensors).map_err(json)?;
    if !arrays.metadata.is_empty() {
        // The crate keeps notes in a hash map, whose order differs from run to run.
        let notes = serde_json::to_string(&arrays.metadata).map_err(json)?;
        let comma = if arrays.is_empty() { "" } else { "," };
        header.insert_str(1, &format!("\"{METADATA}\":{notes}{comma}"));
    }
    let mut header = header.into_bytes();
    header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
    Ok(header)
}

/// The entry of the header that is no array.
const METADATA: &str = "__metadata__";

/// Reads a map and refuses one in which a name stands twice.
struct NamesOnce;

impl<'de> Visitor<'de> for NamesOnce {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
            if let Some(name) = names.replace(name) {
                return Err(de::Error::custom(format!("`{name}` stands twice in its header")));
            }
        }
        Ok(())
    }
}
