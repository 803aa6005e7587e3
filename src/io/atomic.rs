//! Writing a file whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Replaces the file at `path` by `bytes`. Whoever reads it, and whatever happens meanwhile, finds the old file or the new one,
/// never a part: the bytes go to a new file beside it, which then takes its name.
///
/// # Errors
/// If the system refuses; the old file is then as it was.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let beside = beside(path);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, path)).map_err(|source| {
        // The failure to report is the first one; a file that cannot be removed either is left.
        let _ = fs::remove_file(&beside);
        Error::io(path, source)
    })
}

/// A name in the same directory, and so on the same file system, that no other process uses.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}
