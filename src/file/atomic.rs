//! Writing a file whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Replaces the file at `path` by `bytes`. Whoever reads it, and whatever happens meanwhile, finds the old file or the new one,
/// never a part: the bytes go to a new file beside it, which then takes its name and its permissions.
///
/// A process that is killed meanwhile leaves that new file behind, called `.NAME.….part`; it may be removed.
///
/// # Errors
/// If the system refuses, or what is there is no file; it is then as it was.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let mut new = Replacement::of(path)?;
    new.write_all(bytes).map_err(|e| Error::io(path, e))?;
    new.commit()
}

/// What will be the file at a path once it is [committed](Replacement::commit); until then a file beside it, removed if this is dropped.
pub(crate) struct Replacement {
    /// As the caller named it, for messages.
    path: PathBuf,
    /// What is replaced: `path` itself, or what it links to.
    target: PathBuf,
    beside: PathBuf,
    file: Option<File>,
}

impl Replacement {
    /// A new, empty file beside `path`.
    ///
    /// # Errors
    /// If the system refuses it, or something is there that is no file: a directory, or a device, which must not be replaced by one.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.into());
        if fs::metadata(&target).is_ok_and(|old| !old.is_file()) {
            return Err(Error::io(path, io::Error::new(io::ErrorKind::InvalidInput, "what is there is no file")));
        }
        loop {
            let beside = beside(&target);
            match File::create_new(&beside) {
                Ok(file) => return Ok(Replacement { path: path.into(), target, beside, file: Some(file) }),
                // Left behind by a process that had this one's number.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io(path, e)),
            }
        }
    }

    /// Gives it the name.
    ///
    /// # Errors
    /// If the system refuses; the old file is then as it was.
    pub(crate) fn commit(mut self) -> Result<()> {
        self.finish().map_err(|e| Error::io(&self.path, e))
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            if let Ok(old) = fs::metadata(&self.target) {
                file.set_permissions(old.permissions())?;
            }
            file.sync_all()?;
        }
        self.file = None; // some systems rename no open file
        fs::rename(&self.beside, &self.target)?;
        self.beside = PathBuf::new();
        sync_directory(&self.target);
        Ok(())
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        self.file = None;
        if !self.beside.as_os_str().is_empty() {
            // The failure to report is the first one; a file that cannot be removed either is left.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// Has the new name written to disk too, on systems that can. The new file is in its place whatever comes of it.
fn sync_directory(file: &Path) {
    #[cfg(unix)]
    if let Some(directory) = file.parent() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
    }
    #[cfg(not(unix))]
    let _ = file;
}

/// A name in the same directory, and so on the same file system, that nobody else uses.
fn beside(path: &Path) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.{}.part", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}
