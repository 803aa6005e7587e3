//! IDX files, as the MNIST family is published: big-endian sizes, then bytes. Knows bytes, nothing of tensors.
//!
//! Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", file formats.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The contents of an IDX file of unsigned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The sizes, outermost first.
    pub shape: Vec<usize>,
    /// The elements in row-major order.
    pub data: Vec<u8>,
}

/// Images and their labels.
#[derive(Clone, Debug)]
pub struct Split {
    /// Pixels from 0 to 255, image by image and row by row.
    pub images: Vec<u8>,
    /// The class of each image, 0 to 9.
    pub labels: Vec<u8>,
    /// Rows of an image.
    pub rows: usize,
    /// Columns of an image.
    pub columns: usize,
}

/// The four files of a data set of the MNIST family.
#[derive(Clone, Debug)]
pub struct Mnist {
    /// What to learn from.
    pub train: Split,
    /// What to be measured on.
    pub test: Split,
}

/// The IDX file at `path`, gzipped or not, whatever its name.
///
/// No more memory is asked for than the file has bytes for, whatever its header promises.
///
/// # Errors
/// If the file cannot be read, is not an IDX file of unsigned bytes, or is shorter or longer than its header says; for a gzipped
/// file also if the cargo feature `gzip` is off.
pub fn read(path: impl AsRef<Path>) -> Result<Idx> {
    let path = path.as_ref();
    let mut file = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
    let mut start = [0; 2];
    let read = read_up_to(&mut file, &mut start).map_err(|e| Error::io(path, e))?;
    let whole = start[..read].chain(file);
    if start == [0x1f, 0x8b] { parse(path, &mut gunzip(path, whole)?) } else { parse(path, &mut { whole }) }
}

#[cfg(feature = "gzip")]
fn gunzip<'a>(_: &Path, file: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    // Goes on to the end of the file: a decoder of one member would let pass whatever follows it.
    Ok(Box::new(flate2::read::MultiGzDecoder::new(file)))
}

#[cfg(not(feature = "gzip"))]
fn gunzip<'a>(path: &Path, _: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    Err(Error::format(path, "a plain IDX file, as the cargo feature `gzip` is off", "a gzipped one"))
}

/// The IDX file that `bytes` yields; `path` is named in errors.
fn parse(path: &Path, bytes: &mut dyn Read) -> Result<Idx> {
    let mut magic = [0; 4];
    exactly(path, bytes, &mut magic, "the 4 bytes of a magic number")?;
    let [0, 0, kind, rank] = magic else {
        return Err(Error::format(
            path,
            "an IDX magic number, which begins with two zero bytes",
            format!("{magic:02x?}"),
        ));
    };
    if kind != 0x08 {
        return Err(Error::format(path, "element type 0x08 (unsigned byte)", format!("{kind:#04x}")));
    }
    let mut sizes = vec![0; 4 * usize::from(rank)];
    exactly(path, bytes, &mut sizes, &format!("the sizes of {rank} axes"))?;
    let shape: Vec<usize> = sizes.as_chunks::<4>().0.iter().map(|&size| u32::from_be_bytes(size) as usize).collect();
    let Some(len) = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size)) else {
        return Err(Error::format(path, "sizes whose product can be addressed", format!("{shape:?}")));
    };
    // Grows with what is really there, and never by more than a byte beyond what was promised.
    let mut data = Vec::new();
    let limit = (len as u64).saturating_add(1);
    bytes.take(limit).read_to_end(&mut data).map_err(|e| broken(path, e))?;
    if data.len() != len {
        let found = if data.len() > len { format!("more than {len}") } else { data.len().to_string() };
        return Err(Error::format(path, format!("{len} elements, as shape {shape:?} says"), found));
    }
    Ok(Idx { shape, data })
}

/// Fills `buffer`, or says that the file ended before `what` did.
fn exactly(path: &Path, bytes: &mut dyn Read, buffer: &mut [u8], what: &str) -> Result<()> {
    let found = read_up_to(bytes, buffer).map_err(|e| broken(path, e))?;
    if found < buffer.len() {
        return Err(Error::format(path, what, format!("the end of the file after {found} of {} bytes", buffer.len())));
    }
    Ok(())
}

/// Reads until `buffer` is full or the file ends; returns how much was read.
fn read_up_to(bytes: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match bytes.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A damaged gzip stream is the file's fault, anything else the system's.
fn broken(path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            Error::format(path, "a whole gzip stream", error.to_string())
        }
        _ => Error::io(path, error),
    }
}

impl Mnist {
    /// The files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte` of
    /// `directory`, each as it is or with `.gz`, or with a point before `idx`.
    ///
    /// # Errors
    /// If one is missing or malformed; if images and labels are not equally many, a label is above 9, there is no image, or the
    /// images of the two sets differ in size.
    pub fn load(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        if !directory.is_dir() {
            let found = if directory.exists() { "a file" } else { "nothing there" };
            return Err(Error::format(directory, "a directory with the four files of MNIST", found));
        }
        let (train, _) = Split::load(directory, "train")?;
        let (test, file) = Split::load(directory, "t10k")?;
        let size = |s: &Split| format!("{} × {} pixels", s.rows, s.columns);
        if (train.rows, train.columns) != (test.rows, test.columns) {
            return Err(Error::format(file, format!("images of {}, as in training", size(&train)), size(&test)));
        }
        Ok(Mnist { train, test })
    }
}

impl Split {
    /// The set, and the file of its images.
    fn load(directory: &Path, name: &str) -> Result<(Self, PathBuf)> {
        let image_file = find(directory, &format!("{name}-images"), "idx3-ubyte")?;
        let label_file = find(directory, &format!("{name}-labels"), "idx1-ubyte")?;
        let images = read(&image_file)?;
        let labels = read(&label_file)?;
        let [count, rows, columns] = images.shape[..] else {
            return Err(Error::format(image_file, "3 axes (images)", format!("{} axes", images.shape.len())));
        };
        let [labelled] = labels.shape[..] else {
            return Err(Error::format(label_file, "1 axis (labels)", format!("{} axes", labels.shape.len())));
        };
        if images.data.is_empty() {
            return Err(Error::format(
                image_file,
                "at least one image with pixels",
                format!("shape {:?}", images.shape),
            ));
        }
        if labelled != count {
            return Err(Error::format(label_file, format!("{count} labels, one for each image"), labelled.to_string()));
        }
        if let Some(i) = labels.data.iter().position(|&label| label > 9) {
            let found = format!("{} at position {i}", labels.data[i]);
            return Err(Error::format(label_file, "labels from 0 to 9", found));
        }
        Ok((Split { images: images.data, labels: labels.data, rows, columns }, image_file))
    }
}

/// The file of that name, in one of the spellings it is published under.
fn find(directory: &Path, stem: &str, kind: &str) -> Result<PathBuf> {
    let spellings = ["-", "."].map(|point| ["", ".gz"].map(|end| directory.join(format!("{stem}{point}{kind}{end}"))));
    let found = spellings.iter().flatten().find(|path| path.is_file());
    found.cloned().ok_or_else(|| {
        Error::format(
            directory.join(format!("{stem}-{kind}")),
            "this file, or it with `.gz`",
            "neither in the directory",
        )
    })
}
