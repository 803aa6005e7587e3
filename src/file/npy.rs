//! The npy format, NumPy's for one array.
//!
//! Nothing in a file is believed: lengths are compared with what is there before memory is taken for them, and the header, a Python
//! literal, is read by a parser without recursion that knows just what may stand there.
//!
//! The crate `npyz` was looked at first: it takes the memory for as long a header as a file promises, and brings a parser of all Python
//! literals, big integers included, 22 crates in all.
//!
//! Source: NumPy Enhancement Proposal 1, and `numpy.lib.format`.

use std::io::{self, Read};
use std::path::Path;

use super::array::Array;
use super::atomic::write_atomically;
use super::element::{Dtype, Element, Order};
use super::source;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

const MAGIC: [u8; 6] = *b"\x93NUMPY";
/// The most axes that NumPy's arrays have.
const MAX_AXES: usize = 64;
/// Where the data begin is a multiple of this.
const ALIGNMENT: usize = 64;
/// The digits that NumPy leaves room for in the size of the axis that may grow.
const GROWING_DIGITS: usize = 21;

/// The array in the `.npy` file at `path`, converted as [`Element`] says. One in Fortran's order becomes a transposed view.
///
/// # Errors
/// If the file cannot be read, is malformed, holds more or fewer bytes than its header promises, is of a type other than bool, whole
/// numbers and floats, or has an element that is not a number that `E` has.
///
/// # Examples
/// ```
/// use rensa::{io, tensor};
/// let path = std::env::temp_dir().join(format!("rensa-npy-{}.npy", std::process::id()));
/// io::write_npy(&path, &tensor![[1.0_f32, 2.0]])?;
/// assert_eq!(io::read_npy::<f64>(&path)?, tensor![[1.0, 2.0]]);
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), rensa::Error>(())
/// ```
pub fn read_npy<E: Element>(path: impl AsRef<Path>) -> Result<Tensor<E>> {
    let path = path.as_ref();
    let bytes = source::read(path)?;
    let header = Header::read(&mut &bytes[..]).map_err(|fault| fault.at(path))?;
    let expected = format!("an array of {:?}", header.shape);
    let elements = header.check(bytes.len() - header.start).map_err(|fault| fault.at(path)).and_then(|()| {
        super::element::decode(&bytes[header.start..], header.dtype, header.order)
            .map_err(|found| Error::format(path, &expected, found))
    })?;
    let shape: Vec<usize> = header.stored_shape();
    let stored = Tensor::from_vec(elements, &shape[..])?;
    Ok(if header.fortran { reversed(&stored) } else { stored })
}

/// Writes `tensor` as an `.npy` file, the same bytes as NumPy's `save`, whole or not at all.
///
/// # Errors
/// If the file cannot be written, or an element is a `usize` above `i64::MAX`; an old file is then as it was.
pub fn write_npy<E: Element>(path: impl AsRef<Path>, tensor: &Tensor<E>) -> Result<()> {
    let path = path.as_ref();
    let refused = |found| Error::format(path, "an array that npy files hold", found);
    let array = Array::of(tensor).map_err(refused)?;
    write_atomically(path, &[&header_of(&array).map_err(refused)?, array.bytes()].concat())
}

/// With the axes in reverse order.
fn reversed<E: Clone>(stored: &Tensor<E>) -> Tensor<E> {
    let axes: Vec<isize> = (0..stored.ndim() as isize).rev().collect();
    stored.permute(&axes)
}

/// What is wrong with a file's content.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It could not be read.
    Io(io::Error),
    /// What belongs there, and what is there.
    Wrong(String, String),
}

impl Fault {
    /// The error about the file at `path`.
    pub(crate) fn at(self, path: &Path) -> Error {
        match self {
            Fault::Io(e) => Error::io(path, e),
            Fault::Wrong(expected, found) => Error::format(path, expected, found),
        }
    }
}

fn wrong<T>(expected: impl Into<String>, found: impl Into<String>) -> std::result::Result<T, Fault> {
    Err(Fault::Wrong(expected.into(), found.into()))
}

/// What the bytes before the data say.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Header {
    pub(crate) dtype: Dtype,
    pub(crate) order: Order,
    /// Whether the first index runs fastest.
    pub(crate) fortran: bool,
    pub(crate) shape: Vec<usize>,
    /// Where the data begin.
    pub(crate) start: usize,
    /// How many bytes of data belong there.
    pub(crate) len: usize,
}

impl Header {
    /// The header at the beginning of `file`. Of the file no more is read, and memory only taken for bytes that are there.
    pub(crate) fn read(file: &mut impl Read) -> std::result::Result<Self, Fault> {
        let mut take = |n: usize| {
            let mut bytes = Vec::new();
            file.by_ref().take(n as u64).read_to_end(&mut bytes).map(|_| bytes).map_err(Fault::Io)
        };
        let magic = take(8)?;
        let &[a, b, c, d, e, f, major, minor] = &magic[..] else {
            return wrong("an npy header of at least 10 bytes", magic.len().to_string());
        };
        if [a, b, c, d, e, f] != MAGIC {
            return wrong("an npy file, which begins with 93 NUMPY", format!("{:02x?}", &magic[..6]));
        }
        let digits = match (major, minor) {
            (1, 0) => 2,
            (2 | 3, 0) => 4,
            _ => return wrong("version 1.0, 2.0 or 3.0 of the npy format", format!("{major}.{minor}")),
        };
        let len = take(digits)?;
        if len.len() < digits {
            return wrong("the length of the npy header", format!("{} of {digits} bytes", len.len()));
        }
        let len = len.iter().rev().fold(0_u32, |n, &byte| n << 8 | u32::from(byte)) as usize;
        let text = take(len)?;
        if text.len() < len {
            return wrong(format!("an npy header of {len} bytes"), text.len().to_string());
        }
        Literal { text: &text, at: 0 }.header(magic.len() + digits + len)
    }

    /// Whether there are as many bytes of data as belong there.
    pub(crate) fn check(&self, found: usize) -> std::result::Result<(), Fault> {
        if found == self.len {
            return Ok(());
        }
        wrong(format!("{} bytes of data for {:?} of type {}", self.len, self.shape, self.dtype), found.to_string())
    }

    /// The sizes, slowest axis first.
    fn stored_shape(&self) -> Vec<usize> {
        if self.fortran { self.shape.iter().rev().copied().collect() } else { self.shape.clone() }
    }
}

/// The array behind this header, whose data are `bytes`.
#[cfg(feature = "npz")]
pub(crate) fn array_of(header: Header, mut bytes: Vec<u8>) -> std::result::Result<Array, Fault> {
    header.check(bytes.len())?;
    let size = header.dtype.size();
    if header.order == Order::Big {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    if header.fortran && header.shape.len() > 1 {
        bytes = match size {
            1 => row_major::<1>(&header, &bytes),
            2 => row_major::<2>(&header, &bytes),
            4 => row_major::<4>(&header, &bytes),
            _ => row_major::<8>(&header, &bytes),
        }?;
    }
    let misfit = || Fault::Wrong("an array".into(), format!("{} bytes", header.len));
    Array::from_bytes(header.dtype, header.shape, bytes).ok_or_else(misfit)
}

/// The elements of `N` bytes of an array in Fortran's order, in C's.
#[cfg(feature = "npz")]
fn row_major<const N: usize>(header: &Header, bytes: &[u8]) -> std::result::Result<Vec<u8>, Fault> {
    let stored = Tensor::from_vec(bytes.as_chunks::<N>().0.to_vec(), &header.stored_shape()[..])
        .map_err(|error| Fault::Wrong("an array".into(), error.to_string()))?;
    Ok(reversed(&stored).to_vec().concat())
}

/// A Python literal that is being read.
struct Literal<'a> {
    text: &'a [u8],
    at: usize,
}

/// What a header's keys say, as far as they have been read.
#[derive(Default)]
struct Entries {
    descr: Option<(Dtype, Order)>,
    fortran: Option<bool>,
    shape: Option<Vec<usize>>,
}

impl<'a> Literal<'a> {
    /// A dictionary of `descr`, `fortran_order` and `shape`, each once and in any order.
    fn header(mut self, start: usize) -> std::result::Result<Header, Fault> {
        let mut entries = Entries::default();
        self.expect(b'{')?;
        while !self.skip(b'}') {
            match self.string()? {
                "descr" if entries.descr.is_none() => entries.descr = Some(self.descr()?),
                "fortran_order" if entries.fortran.is_none() => entries.fortran = Some(self.truth()?),
                "shape" if entries.shape.is_none() => entries.shape = Some(self.shape()?),
                key => return wrong("the keys `descr`, `fortran_order` and `shape` once each", format!("`{key}`")),
            }
            if !self.skip(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        if self.peek().is_some() {
            return self.unexpected("nothing behind the dictionary");
        }
        let (Some((dtype, order)), Some(fortran), Some(shape)) = (entries.descr, entries.fortran, entries.shape) else {
            return wrong("the keys `descr`, `fortran_order` and `shape`", "not all of them");
        };
        let Some(len) = dtype.bytes(&shape) else {
            return wrong("sizes whose product can be addressed", format!("{shape:?} of type {dtype}"));
        };
        Ok(Header { dtype, order, fortran, shape, start, len })
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let space = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += space;
        self.text.get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> std::result::Result<(), Fault> {
        if self.skip(byte) { Ok(()) } else { self.unexpected(&format!("`{}`", char::from(byte))) }
    }

    fn unexpected<T>(&self, expected: &str) -> std::result::Result<T, Fault> {
        let rest = &self.text[self.at..];
        let found = String::from_utf8_lossy(&rest[..rest.len().min(20)]).into_owned();
        let found = if rest.is_empty() { "its end".into() } else { format!("`{}`", found.escape_debug()) };
        wrong(format!("{expected} in byte {} of an npy header", self.at), found)
    }

    /// A run of bytes of which `is_part` holds, at least one.
    fn word(&mut self, expected: &str, is_part: impl Fn(&u8) -> bool) -> std::result::Result<&'a str, Fault> {
        self.peek();
        let len = self.text[self.at..].iter().take_while(|byte| is_part(byte)).count();
        let word = std::str::from_utf8(&self.text[self.at..self.at + len]).unwrap_or_default();
        if word.is_empty() {
            return self.unexpected(expected);
        }
        self.at += len;
        Ok(word)
    }

    /// A string in quotes without escapes, and the colon if a key is read.
    fn quoted(&mut self) -> std::result::Result<&'a str, Fault> {
        let quote = match self.peek() {
            Some(quote @ (b'\'' | b'"')) => quote,
            _ => return self.unexpected("a string"),
        };
        self.at += 1;
        let string =
            self.word("a string of ASCII", |&byte| byte != quote && byte != b'\\' && (32..127).contains(&byte))?;
        self.expect(quote)?;
        Ok(string)
    }

    /// A key and its colon.
    fn string(&mut self) -> std::result::Result<&'a str, Fault> {
        let key = self.quoted()?;
        self.expect(b':')?;
        Ok(key)
    }

    fn truth(&mut self) -> std::result::Result<bool, Fault> {
        match self.word("True or False", u8::is_ascii_alphabetic)? {
            "True" => Ok(true),
            "False" => Ok(false),
            other => wrong("True or False for `fortran_order`", format!("`{other}`")),
        }
    }

    /// The type of the elements, as in `'<f4'`.
    fn descr(&mut self) -> std::result::Result<(Dtype, Order), Fault> {
        if self.peek() == Some(b'[') {
            return wrong("one type for all elements", "a structured type");
        }
        let descr = self.quoted()?;
        let dtype = match descr.trim_start_matches(['<', '>', '|']) {
            "b1" | "?" => Dtype::Bool,
            "u1" => Dtype::U8,
            "i1" => Dtype::I8,
            "u2" => Dtype::U16,
            "i2" => Dtype::I16,
            "u4" => Dtype::U32,
            "i4" => Dtype::I32,
            "u8" => Dtype::U64,
            "i8" => Dtype::I64,
            "f2" => Dtype::F16,
            "f4" => Dtype::F32,
            "f8" => Dtype::F64,
            _ => return wrong("a type of bool, whole numbers or floats", format!("`{descr}`")),
        };
        let order = match descr.as_bytes() {
            [b'<', _, _] => Order::Little,
            [b'>', _, _] => Order::Big,
            [b'|', ..] | [b'?'] if dtype.size() == 1 => Order::Little,
            _ => return wrong("a type with one order of its bytes", format!("`{descr}`")),
        };
        Ok((dtype, order))
    }

    /// A tuple of sizes; one alone is followed by a comma.
    fn shape(&mut self) -> std::result::Result<Vec<usize>, Fault> {
        let mut shape = Vec::new();
        self.expect(b'(')?;
        while !self.skip(b')') {
            if shape.len() == MAX_AXES {
                return wrong(format!("at most {MAX_AXES} axes"), "more");
            }
            let digits = self.word("a size", u8::is_ascii_digit)?;
            let Ok(size) = digits.parse() else { return wrong("sizes that can be addressed", digits) };
            shape.push(size);
            self.skip(b'L'); // as Python 2 wrote long integers
            if !self.skip(b',') {
                if shape.len() == 1 {
                    return self.unexpected("a comma behind a size that stands alone");
                }
                self.expect(b')')?;
                break;
            }
        }
        Ok(shape)
    }
}

/// The bytes before the data of `array`, the same as NumPy writes.
///
/// # Errors
/// Says what of it an npy file cannot hold.
pub(crate) fn header_of(array: &Array) -> std::result::Result<Vec<u8>, String> {
    let descr = match array.dtype() {
        Dtype::Bool => "|b1",
        Dtype::U8 => "|u1",
        Dtype::I8 => "|i1",
        Dtype::U16 => "<u2",
        Dtype::I16 => "<i2",
        Dtype::U32 => "<u4",
        Dtype::I32 => "<i4",
        Dtype::U64 => "<u8",
        Dtype::I64 => "<i8",
        Dtype::F16 => "<f2",
        Dtype::F32 => "<f4",
        Dtype::F64 => "<f8",
        Dtype::Bf16 => return Err("elements of type bf16".into()),
    };
    let sizes: Vec<String> = array.shape().iter().map(usize::to_string).collect();
    if sizes.len() > MAX_AXES {
        return Err(format!("{} axes, more than {MAX_AXES}", sizes.len()));
    }
    let comma = if sizes.len() == 1 { "," } else { "" };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}", sizes.join(", "));
    let room = sizes.first().map_or(0, |size| GROWING_DIGITS.saturating_sub(size.len()));
    text.extend(std::iter::repeat_n(' ', room));
    // Version 1 has two bytes for the length, which as many axes never exceed.
    let start = (MAGIC.len() + 4 + text.len() + 1).next_multiple_of(ALIGNMENT);
    let len = start - MAGIC.len() - 4;
    let padded = format!("{text:<width$}\n", width = len - 1);
    Ok([&MAGIC[..], &[1, 0], &(len as u16).to_le_bytes(), padded.as_bytes()].concat())
}
