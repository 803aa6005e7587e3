//! The parameters of nets as `.safetensors` files.

use std::path::Path;

use super::{load_tensors, save_tensors};
use crate::error::{Error, Result};
use crate::file::{Array, Arrays, Element};
use crate::float::Float;
use crate::nn::{Parts, State};
use crate::tensor::Tensor;

/// A scalar that files hold.
pub trait Stored: Float + Element {}

impl<T: Float + Element> Stored for T {}

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
pub fn save<T: Stored>(path: impl AsRef<Path>, parts: &dyn Parts<T>) -> Result<()> {
    let State { tensors, counts } = parts.state();
    let mut arrays = Arrays::new();
    for (name, tensor) in tensors {
        arrays.insert(name, &tensor)?;
    }
    for (name, count) in counts {
        arrays.insert(name, &Tensor::scalar(i64::try_from(count).unwrap_or(i64::MAX)))?;
    }
    save_tensors(path, &arrays)
}

/// Loads the parameters, buffers and counters of `parts` by their dotted names, as PyTorch's `load_state_dict` does. Numbers are converted
/// as [`Element`] says, so weights in half precision, for one, are taken too.
///
/// # Errors
/// If the file cannot be read, is malformed, or does not hold exactly what belongs there in its shapes: names all that are missing,
/// unexpected, or of another shape. Then nothing is changed.
pub fn load<T: Stored>(path: impl AsRef<Path>, parts: &mut dyn Parts<T>) -> Result<()> {
    let path = path.as_ref();
    let (state, report) = fit(&load_tensors(path)?, parts.state());
    if !report.is_complete() {
        return Err(Error::format(path, "the parameters of this net", report.faults().join(", ")));
    }
    parts.load_state(state)
}

/// Loads what fits by name and shape, leaves the rest of `parts` as it is, and reports on both: for fine-tuning a net whose head differs,
/// or for files without counters.
///
/// # Errors
/// If the file cannot be read or is malformed. Then nothing is changed.
///
/// # Examples
/// ```
/// use rensa::{io, nn::{Linear, Sequential}, tensor};
/// let path = std::env::temp_dir().join("rensa-partial-example.safetensors");
/// io::save(&path, &Linear::<f32>::new(tensor![[1.0, 2.0]], tensor![3.0]))?;
/// let mut wider = Linear::new(tensor![[0.0_f32, 0.0], [0.0, 0.0]], tensor![0.0, 0.0]).without_bias();
/// let report = io::load_partial(&path, &mut wider)?;
/// assert_eq!(report.faults(), ["`weight` of shape [1, 2], not [2, 2]", "`bias` unexpected"]);
/// # std::fs::remove_file(path).ok();
/// # Ok::<(), rensa::Error>(())
/// ```
pub fn load_partial<T: Stored>(path: impl AsRef<Path>, parts: &mut dyn Parts<T>) -> Result<Report> {
    let (state, report) = fit(&load_tensors(path)?, parts.state());
    parts.load_state(state)?;
    Ok(report)
}

/// What of a file went into a net, by dotted names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In both, and loaded.
    pub loaded: Vec<String>,
    /// In both, but of another shape or of numbers that do not fit; with what is wrong.
    pub unfit: Vec<(String, String)>,
    /// In the net and not in the file.
    pub missing: Vec<String>,
    /// In the file and not in the net.
    pub unexpected: Vec<String>,
}

impl Report {
    /// Whether the file held exactly what belongs into the net.
    pub fn is_complete(&self) -> bool {
        self.unfit.is_empty() && self.missing.is_empty() && self.unexpected.is_empty()
    }

    /// Everything that was not loaded and why, one by one.
    pub fn faults(&self) -> Vec<String> {
        let unfit = self.unfit.iter().map(|(name, fault)| format!("`{name}` {fault}"));
        let missing = self.missing.iter().map(|name| format!("`{name}` missing"));
        let unexpected = self.unexpected.iter().map(|name| format!("`{name}` unexpected"));
        unfit.chain(missing).chain(unexpected).collect()
    }
}

/// The state `own` with what of `arrays` fits it, and what does not.
fn fit<T: Stored>(arrays: &Arrays, mut own: State<T>) -> (State<T>, Report) {
    let mut report = Report::default();
    let missing = own.tensors.keys().chain(own.counts.keys()).filter(|name| arrays.array(name).is_none());
    report.missing.extend(missing.cloned());
    for (name, array) in arrays.iter() {
        let fitted = if let Some(tensor) = own.tensors.get_mut(name) {
            fitting(array, tensor.shape()).map(|found| *tensor = found)
        } else if let Some(count) = own.counts.get_mut(name) {
            fitting(array, &[]).and_then(|found: Tensor<i64>| {
                *count = u64::try_from(found.item()).map_err(|_| format!("is {}, no count", found.item()))?;
                Ok(())
            })
        } else {
            report.unexpected.push(name.into());
            continue;
        };
        match fitted {
            Ok(()) => report.loaded.push(name.into()),
            Err(fault) => report.unfit.push((name.into(), fault)),
        }
    }
    (own, report)
}

/// The tensor of `array`, if it has this shape and its numbers fit.
fn fitting<E: Element>(array: &Array, shape: &[usize]) -> std::result::Result<Tensor<E>, String> {
    if array.shape() != shape {
        return Err(format!("of shape {:?}, not {shape:?}", array.shape()));
    }
    array.tensor().map_err(|found| format!("has {found}"))
}
