//! IDX files, the format of the MNIST family, plain or gzipped.
//!
//! Knows bytes, files and plain vectors; tensors are made by its caller. Nothing in a file is believed: no memory is
//! taken because a header asks for it, and no more is decompressed than the header promises.
//!
//! Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits (1998), "File formats".

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::file::{self, Dtype};

/// The first bytes of a gzip stream; they decide, because names lie. Source: RFC 1952, §2.3.1.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The type byte of unsigned bytes, the only type that the MNIST family uses.
const UNSIGNED_BYTE: u8 = 0x08;

/// An array of bytes, row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The size of each dimension.
    pub shape: Vec<usize>,
    /// The elements, as many as the product of the sizes.
    pub data: Vec<u8>,
}

/// The four files of the MNIST family: MNIST itself, Fashion-MNIST, Kuzushiji-MNIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// The examples to learn from.
    pub train: Split,
    /// The examples to judge by, of the same size of image.
    pub test: Split,
}

/// Images and their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The pixels, 0 to 255, one image after the other, each row by row.
    ///
    /// Shapes: `[labels.len(), rows, columns]`, row-major.
    pub images: Vec<u8>,
    /// The class of each image, 0 to 9.
    pub labels: Vec<u8>,
    /// The height of an image, in pixels.
    pub rows: usize,
    /// The width of an image, in pixels.
    pub columns: usize,
}

/// The array in the IDX file at `path`, gunzipped if it is a gzip stream, whatever its name.
///
/// # Errors
/// If the file cannot be read, is not IDX of unsigned bytes, is damaged, or holds more or fewer bytes than its header
/// promises; also if it is gzipped and the feature `gzip` is off.
///
/// # Examples
/// ```
/// use rensa::data::idx::{Idx, read};
///
/// let path = std::env::temp_dir().join(format!("rensa-read-{}.idx", std::process::id()));
/// std::fs::write(&path, [0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9])?;
/// assert_eq!(read(&path)?, Idx { shape: vec![1, 3], data: vec![7, 8, 9] });
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(path: &Path) -> Result<Idx> {
    let mut bytes = Bytes::open(path)?;
    let shape = header(&mut bytes)?;
    let len = bytes.promised(&shape)?;
    // One byte more than promised tells a file that goes on from one that ends, and a bomb is not inflated further.
    let data = bytes.take(len + 1)?;
    let or_more = if data.len() > len { " or more" } else { "" };
    bytes.compare(len, &shape, data.len(), or_more)?;
    Ok(Idx { shape, data })
}

/// The sizes of the array in `file`, plain IDX, and where its elements begin.
///
/// # Errors
/// As for [`read`].
#[cfg(feature = "mmap")]
pub(super) fn mapped(path: &Path, file: &[u8]) -> Result<(Vec<usize>, usize)> {
    let mut bytes = Bytes { path, content: Box::new(file), gzip: false };
    let shape = header(&mut bytes)?;
    let start = 4 + 4 * shape.len();
    bytes.compare(bytes.promised(&shape)?, &shape, file.len() - start, "")?;
    Ok((shape, start))
}

/// The sizes of the dimensions, from a header of two zeros, the type, the number of dimensions, and the sizes as
/// big-endian 32-bit numbers.
fn header(bytes: &mut Bytes<'_>) -> Result<Vec<usize>> {
    let magic = bytes.take(4)?;
    let &[zero, also_zero, kind, ndim] = &magic[..] else {
        return Err(bytes.wrong("an IDX header of at least 8 bytes", magic.len().to_string()));
    };
    if [zero, also_zero] != [0, 0] {
        return Err(bytes.wrong("an IDX file, whose first bytes are 00 00", format!("{zero:02x} {also_zero:02x}")));
    }
    if kind != UNSIGNED_BYTE {
        return Err(bytes.wrong("IDX type 08 (unsigned bytes)", format!("{kind:02x}")));
    }
    if ndim == 0 {
        return Err(bytes.wrong("1 or more dimensions", "0"));
    }
    let len = 4 * usize::from(ndim);
    let sizes = bytes.take(len)?;
    if sizes.len() != len {
        let expected = format!("a header of {} bytes for {ndim} dimensions", 4 + len);
        return Err(bytes.wrong(expected, (4 + sizes.len()).to_string()));
    }
    let size = |n: &[u8]| n.iter().try_fold(0_usize, |n, &byte| n.checked_mul(256)?.checked_add(usize::from(byte)));
    let shape: Option<_> = sizes.chunks_exact(4).map(size).collect();
    shape.ok_or_else(|| bytes.wrong("sizes that can be addressed", format!("{sizes:02x?}")))
}

/// The content of a file, gunzipped if need be, with errors that name the file.
struct Bytes<'a> {
    path: &'a Path,
    content: Box<dyn Read + 'a>,
    gzip: bool,
}

impl<'a> Bytes<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let mut file = file::open(path)?;
        let mut magic = Vec::new();
        file.by_ref().take(2).read_to_end(&mut magic).map_err(|e| Error::io(path, e))?;
        let gzip = magic == GZIP;
        let whole = io::Cursor::new(magic).chain(file);
        let content = if gzip { gunzip(path, whole)? } else { Box::new(whole) };
        Ok(Bytes { path, content, gzip })
    }

    /// The next `n` bytes, or as many as there are; memory is taken only for bytes that exist.
    fn take(&mut self, n: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let result = self.content.by_ref().take(n as u64).read_to_end(&mut bytes);
        result.map_err(|e| self.failure(bytes.len(), e))?;
        Ok(bytes)
    }

    /// What `e` means, which came after `n` good bytes: the system's refusal, or a gzip stream that is not whole.
    fn failure(&self, n: usize, e: io::Error) -> Error {
        let reason = match e.kind() {
            ErrorKind::UnexpectedEof if self.gzip => "its end".to_string(),
            ErrorKind::InvalidInput | ErrorKind::InvalidData if self.gzip => e.to_string(),
            _ => return Error::io(self.path, e),
        };
        self.wrong("a whole and undamaged gzip stream", format!("{reason} after {n} bytes of this part"))
    }

    /// How many bytes an array of this shape has.
    fn promised(&self, shape: &[usize]) -> Result<usize> {
        let len = Dtype::U8.bytes(shape);
        len.ok_or_else(|| self.wrong("sizes whose product can be addressed", format!("{shape:?}")))
    }

    fn compare(&self, len: usize, shape: &[usize], found: usize, or_more: &str) -> Result<()> {
        if found == len {
            return Ok(());
        }
        Err(self.wrong(format!("{len} bytes of data for {shape:?}"), format!("{found}{or_more}")))
    }

    fn wrong(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::format(self.path, expected, found)
    }
}

#[cfg(feature = "gzip")]
fn gunzip(_: &Path, stream: impl Read + 'static) -> Result<Box<dyn Read>> {
    // The decoder of many members, because that of one would not see bytes after the first.
    Ok(Box::new(flate2::read::MultiGzDecoder::new(stream)))
}

#[cfg(not(feature = "gzip"))]
fn gunzip(path: &Path, _: impl Read + 'static) -> Result<Box<dyn Read>> {
    Err(Error::format(path, "a plain IDX file (rensa is built without its feature `gzip`)", "a gzip stream"))
}

impl Mnist {
    /// The images and labels in `directory`, from files with the names they are published under.
    ///
    /// The names are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
    /// `t10k-labels-idx1-ubyte`, each as it is or with `.gz`; `train-images.idx3-ubyte` and its like will do as well.
    ///
    /// # Errors
    /// If the directory or one of the files is missing, [`read`] fails, a file has another number of dimensions, images
    /// and labels differ in number, there are none, a label is above 9, or training and test images differ in size.
    ///
    /// # Examples
    /// ```no_run
    /// use rensa::data::idx::Mnist;
    ///
    /// let mnist = Mnist::load("data/mnist".as_ref())?;
    /// assert_eq!(mnist.train.labels.len(), 60_000);
    /// assert_eq!((mnist.test.rows, mnist.test.columns), (28, 28));
    /// # Ok::<(), rensa::Error>(())
    /// ```
    pub fn load(directory: &Path) -> Result<Self> {
        let wrong = |found| Err(Error::format(directory, "a directory with the files of MNIST", found));
        match fs::metadata(directory) {
            Ok(data) if data.is_dir() => {}
            Ok(_) => return wrong("a file"),
            Err(e) if e.kind() == ErrorKind::NotFound => return wrong("nothing"),
            Err(e) => return Err(Error::io(directory, e)),
        }
        let (train, _) = Split::load(directory, "train")?;
        let (test, path) = Split::load(directory, "t10k")?;
        if (test.rows, test.columns) != (train.rows, train.columns) {
            let expected = format!("images of {} × {} pixels like those to learn from", train.rows, train.columns);
            return Err(Error::format(path, expected, format!("{} × {}", test.rows, test.columns)));
        }
        Ok(Mnist { train, test })
    }
}

impl Split {
    /// The images and labels whose file names begin with `name`, and the path of the images.
    fn load(directory: &Path, name: &str) -> Result<(Self, PathBuf)> {
        let (path, [n, rows, columns], images) = find(directory, &format!("{name}-images"))?;
        let (labels_path, [labels_n], labels) = find(directory, &format!("{name}-labels"))?;
        if n * rows * columns == 0 {
            return Err(Error::format(path, "at least one image of one pixel", format!("{n} of {rows} × {columns}")));
        }
        if labels_n != n {
            let expected = format!("{n} labels, one for each image in {}", path.display());
            return Err(Error::format(labels_path, expected, labels_n.to_string()));
        }
        if let Some(i) = labels.iter().position(|&label| label > 9) {
            return Err(Error::format(labels_path, "labels from 0 to 9", format!("{} for image {i}", labels[i])));
        }
        Ok((Split { images, labels, rows, columns }, path))
    }
}

/// The path, sizes and elements of the array of `N` dimensions that one of the usual spellings of `name` holds.
fn find<const N: usize>(directory: &Path, name: &str) -> Result<(PathBuf, [usize; N], Vec<u8>)> {
    let spelling = |between: char, end: &str| directory.join(format!("{name}{between}idx{N}-ubyte{end}"));
    let paths = [spelling('-', ""), spelling('-', ".gz"), spelling('.', ""), spelling('.', ".gz")];
    // Only files, because some archives unpack each file into a directory of the same name.
    let Some(path) = paths.iter().find(|path| path.is_file()) else {
        let expected = format!("this file, plain or with .gz, or spelled {name}.idx{N}-ubyte");
        return Err(Error::format(&paths[0], expected, "none of them"));
    };
    let Idx { shape, data } = read(path)?;
    let shape = <[usize; N]>::try_from(shape);
    let wrong =
        |shape: Vec<usize>| Error::format(path, format!("{N} dimensions"), format!("{}: {shape:?}", shape.len()));
    Ok((path.clone(), shape.map_err(wrong)?, data))
}
