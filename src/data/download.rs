//! Downloads of data sets: from the first mirror that has a file, compared with its checksum, and put in place whole or not at all.
//!
//! A server is believed in nothing: not in the length of a file, nor in how often it sends elsewhere.

use std::fmt::{self, Write as _};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::Agent;

use crate::error::{Error, Result};
use crate::file::{self, Replacement};

/// Where MNIST is published, the first to be asked first.
pub const MNIST_MIRRORS: [&str; 2] =
    ["https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"];

/// The four files of MNIST as they are published.
pub const MNIST: [Remote<'static>; 4] = [
    Remote {
        name: "train-images-idx3-ubyte.gz",
        bytes: 9_912_422,
        sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    },
    Remote {
        name: "train-labels-idx1-ubyte.gz",
        bytes: 28_881,
        sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    },
    Remote {
        name: "t10k-images-idx3-ubyte.gz",
        bytes: 1_648_877,
        sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    },
    Remote {
        name: "t10k-labels-idx1-ubyte.gz",
        bytes: 4_542,
        sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
];

/// How often a server may send elsewhere.
const MAX_REDIRECTS: u32 = 5;
/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// A file to be downloaded, and what it must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remote<'a> {
    /// Its name on every mirror, and here.
    pub name: &'a str,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 checksum in hexadecimal digits.
    pub sha256: &'a str,
}

/// How far a download is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress<'a> {
    /// The name of the file.
    pub name: &'a str,
    /// How much of it has come.
    pub received: u64,
    /// Its length.
    pub bytes: u64,
}

/// Downloads files from mirrors.
///
/// # Examples
/// ```no_run
/// use rensa::data::{Dataset, download::{Downloader, MNIST_MIRRORS}};
///
/// Downloader::new(MNIST_MIRRORS)
///     .with_progress(|p| println!("{}: {} of {} bytes", p.name, p.received, p.bytes))
///     .mnist("data/mnist")?;
/// let (train, test) = Dataset::<f32>::mnist("data/mnist")?;
/// # Ok::<(), rensa::Error>(())
/// ```
pub struct Downloader<'p> {
    mirrors: Vec<String>,
    timeout: Duration,
    progress: Box<dyn FnMut(Progress<'_>) + 'p>,
}

impl<'p> Downloader<'p> {
    /// From these mirrors, of which the first that has a file as it must be is taken: addresses to which `/` and the name are added.
    pub fn new(mirrors: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Downloader {
            mirrors: mirrors.into_iter().map(Into::into).collect(),
            timeout: Duration::from_secs(600),
            progress: Box::new(|_| {}),
        }
    }

    /// Calls `f` as bytes arrive.
    pub fn with_progress(mut self, f: impl FnMut(Progress<'_>) + 'p) -> Self {
        self.progress = Box::new(f);
        self
    }

    /// How long a mirror may take for a file, 10 minutes by default, before the next one is asked.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The four files of MNIST, into `directory`, from where [`Dataset::mnist`](super::Dataset::mnist) reads them.
    ///
    /// # Errors
    /// As for [`Downloader::fetch`].
    pub fn mnist(&mut self, directory: impl AsRef<Path>) -> Result<()> {
        self.fetch(&MNIST, directory)
    }

    /// These files, into `directory`, which is made if it is not there. One that is there as it must be is left alone.
    ///
    /// # Errors
    /// If no mirror has a file as it must be: says of each what was wrong. Files before it are there then; of it there is nothing, or what
    /// there was. Also if the directory or a file cannot be written.
    pub fn fetch(&mut self, files: &[Remote<'_>], directory: impl AsRef<Path>) -> Result<()> {
        let directory = directory.as_ref();
        fs::create_dir_all(directory).map_err(|e| Error::io(directory, e))?;
        let timeout = |most| Some(self.timeout.min(most));
        let config = Agent::config_builder()
            .max_redirects(MAX_REDIRECTS)
            .timeout_connect(timeout(ANSWER))
            .timeout_recv_response(timeout(ANSWER))
            .timeout_per_read(timeout(ANSWER))
            .timeout_recv_body(timeout(Duration::MAX));
        let agent = Agent::new_with_config(config.build());
        files.iter().try_for_each(|file| self.fetch_one(&agent, file, directory))
    }

    fn fetch_one(&mut self, agent: &Agent, remote: &Remote<'_>, directory: &Path) -> Result<()> {
        let path = directory.join(remote.name);
        if Path::new(remote.name).file_name() != Some(remote.name.as_ref()) {
            return Err(Error::format(path, "the name of a file", format!("`{}`", remote.name)));
        }
        if is_there(&path, remote)? {
            return Ok(());
        }
        let mut failures = Vec::new();
        for mirror in &self.mirrors {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), remote.name);
            match receive(agent, &url, remote, &path, &mut self.progress)? {
                Ok(new) => return new.commit(),
                Err(failure) => failures.push(format!("{url}: {failure}")),
            }
        }
        Err(Error::Download { name: remote.name.into(), failures })
    }
}

impl fmt::Debug for Downloader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downloader").field("mirrors", &self.mirrors).field("timeout", &self.timeout).finish()
    }
}

/// Whether the file is there as it must be.
fn is_there(path: &Path, remote: &Remote<'_>) -> Result<bool> {
    if !fs::metadata(path).is_ok_and(|data| data.is_file() && data.len() == remote.bytes) {
        return Ok(false);
    }
    Ok(hex(&Sha256::digest(file::read(path)?)) == remote.sha256.to_lowercase())
}

/// The file as `url` has it, beside its place; or what was wrong with it there. An error is one of this machine's.
fn receive(
    agent: &Agent,
    url: &str,
    remote: &Remote<'_>,
    path: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<std::result::Result<Replacement, String>> {
    let mut response = match agent.get(url).call() {
        Ok(response) => response,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let (mut body, mut new) = (response.body_mut().as_reader(), Replacement::of(path)?);
    let (mut sum, mut buffer, mut received) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        let piece = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => &buffer[..n],
            Err(error) => return Ok(Err(format!("{error} after {received} of {} bytes", remote.bytes))),
        };
        received += piece.len() as u64;
        if received > remote.bytes {
            return Ok(Err(format!("more than {} bytes", remote.bytes)));
        }
        sum.update(piece);
        new.write_all(piece).map_err(|e| Error::io(path, e))?;
        progress(Progress { name: remote.name, received, bytes: remote.bytes });
    }
    let sum = hex(&sum.finalize());
    Ok(if received < remote.bytes {
        Err(format!("its end after {received} of {} bytes", remote.bytes))
    } else if sum != remote.sha256.to_lowercase() {
        Err(format!("the checksum {sum}, not {}", remote.sha256))
    } else {
        Ok(new)
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
