//! Opening and reading files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// The file at `path`.
///
/// # Errors
/// If the system refuses it, or it is a directory: systems differ in whether, when and with which words they refuse to read one.
pub(crate) fn open(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    if file.metadata().is_ok_and(|data| data.is_dir()) {
        return Err(Error::format(path, "a file", "a directory"));
    }
    Ok(file)
}

/// All bytes of the file at `path`.
///
/// # Errors
/// As for [`open`], or if it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut file = open(path)?;
    let mut bytes = Vec::new();
    // Memory is taken for the length that the system states, and otherwise for bytes that are there.
    file.read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
    Ok(bytes)
}
