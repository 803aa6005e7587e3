//! The one error type: what can be wrong with things that come from outside the program.
//!
//! Files, checkpoints, and lengths that a caller computed return [`Error`]. A shape or an axis that does not fit is a bug in
//! the program and panics at the caller's line instead.

use std::fmt;
use std::path::{Path, PathBuf};

/// A [`std::result::Result`] whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was wrong with something that came from outside, and where.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A number of elements that does not fill a shape.
    Length {
        /// The shape that was asked for.
        shape: Vec<usize>,
        /// How many elements there were.
        found: usize,
    },
    /// A shape whose number of elements does not fit the address space.
    TooLarge {
        /// The shape that was asked for.
        shape: Vec<usize>,
    },
    /// The system refused to open, read or write a file.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is not what it should be.
    Format {
        /// The file.
        path: PathBuf,
        /// What a good file has here.
        expected: String,
        /// What this one has.
        found: String,
    },
    /// A file that could not be downloaded.
    Download {
        /// The file's name.
        name: String,
        /// What was wrong at each mirror.
        failures: Vec<String>,
    },
    /// Text, or tokens, that have something in them that does not belong there.
    Text {
        /// The number of the byte, or of the token.
        at: usize,
        /// What may stand there.
        expected: String,
        /// What does.
        found: String,
    },
    /// A parameter that an optimizer or a checkpoint cannot use.
    Parameter {
        /// The parameter's dotted name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A state that does not fit a net: every name that is missing or unexpected, and every shape that differs.
    State {
        /// What is wrong, one by one.
        faults: Vec<String>,
    },
}

impl Error {
    /// The system's error about `path`.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Error::Io { path: path.as_ref().into(), source }
    }

    /// A file at `path` that has `found` where `expected` belongs.
    pub fn format(path: impl AsRef<Path>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Error::Format { path: path.as_ref().into(), expected: expected.into(), found: found.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length { shape, found } => {
                write!(f, "shape {shape:?} holds {} elements, found {found}", shape.iter().product::<usize>())
            }
            Error::TooLarge { shape } => write!(f, "shape {shape:?} has more elements than can be addressed"),
            Error::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Error::Format { path, expected, found } => {
                write!(f, "{}: expected {expected}, found {found}", path.display())
            }
            Error::Download { name, failures } => match &failures[..] {
                [] => write!(f, "{name}: no mirror to download it from"),
                failures => write!(f, "{name}: no mirror has it: {}", failures.join("; ")),
            },
            Error::Text { at, expected, found } => write!(f, "expected {expected} at {at}, found {found}"),
            Error::State { faults } => write!(f, "the state does not fit: {}", faults.join(", ")),
            Error::Parameter { name, reason } => write!(f, "parameter `{name}`: {reason}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
