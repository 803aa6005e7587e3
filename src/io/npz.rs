//! The npz format, NumPy's for several arrays: a zip archive of npy files.
//!
//! The name of a member is a key and never a path. Nothing is decompressed that the sizes in the archive and the array's own header do not
//! promise alike, nor further than they promise; nor do members share bytes of the file, so that all together decompress to at most
//! [`MAX_RATIO`] times its size.
//!
//! Source: `numpy.lib.format`; PKWARE, APPNOTE.TXT; RFC 1951. The `rawzip` crate takes archives apart.

use std::fmt::Display;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveWriter, ZipFileHeaderRecord, ZipSliceArchive};

use crate::error::{Error, Result};
use crate::file::{self, Array, Arrays, Fault, Header, Replacement, array_of, header_of};

/// What a deflated byte decompresses to at most: 258 bytes for 2 bits. Source: RFC 1951, §3.2.5.
const MAX_RATIO: u64 = 1032;
/// The ending of the name of a member.
const ENDING: &str = ".npy";

/// The arrays in the `.npz` file at `path`, stored or deflated, by the names of its members without `.npy`.
///
/// # Errors
/// If the file cannot be read, is malformed or damaged, has a member twice or one that is no array, or one of a type other than bool, whole
/// numbers and floats.
///
/// # Examples
/// ```
/// use rensa::{io::{self, Arrays}, tensor};
/// let path = std::env::temp_dir().join(format!("rensa-npz-{}.npz", std::process::id()));
/// let arrays = Arrays::new().with("x", &tensor![[1.0_f32, 2.0]])?.with("y", &tensor![1_usize])?;
/// io::write_npz_compressed(&path, &arrays)?;
/// assert_eq!(io::read_npz(&path)?, arrays);
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), rensa::Error>(())
/// ```
pub fn read_npz(path: impl AsRef<Path>) -> Result<Arrays> {
    let path = path.as_ref();
    let bytes = file::read(path)?;
    let wrong = |expected: &str, found: String| Error::format(path, expected, found);
    let malformed = |error: rawzip::Error| wrong("a zip archive of npy files", format!("one that is not: {error}"));
    let archive = ZipArchive::from_slice(&bytes[..]).map_err(malformed)?;
    let (mut arrays, mut room) = (Arrays::new(), bytes.len() as u64);
    let (mut entries, mut count) = (archive.entries(), 0);
    while let Some(entry) = entries.next_entry().map_err(malformed)? {
        let file_path = entry.file_path();
        let member = String::from_utf8_lossy(file_path.as_bytes()).into_owned();
        let name = std::str::from_utf8(file_path.as_bytes()).ok().and_then(|name| name.strip_suffix(ENDING));
        let name =
            name.ok_or_else(|| wrong("members whose names end with .npy", format!("`{}`", member.escape_debug())))?;
        room = room.checked_sub(entry.compressed_size_hint()).ok_or_else(|| {
            wrong("members that lie side by side", format!("that `{member}` shares bytes with others"))
        })?;
        let array = read_member(&archive, &entry).map_err(|fault| match fault {
            Fault::Io(e) => wrong(&format!("a whole and undamaged member `{member}`"), e.to_string()),
            Fault::Wrong(expected, found) => wrong(&format!("{expected} in member `{member}`"), found),
        })?;
        arrays.put(name.into(), array).map_err(|name| wrong("each name once", format!("`{name}` twice")))?;
        count += 1;
    }
    if count != archive.entries_hint() {
        return Err(wrong(&format!("{} members", archive.entries_hint()), count.to_string()));
    }
    Ok(arrays)
}

fn read_member(archive: &ZipSliceArchive<&[u8]>, entry: &ZipFileHeaderRecord<'_>) -> std::result::Result<Array, Fault> {
    let local = archive.get_entry(entry.wayfinder()).map_err(io::Error::other).map_err(Fault::Io)?;
    if local.local_header().file_path().as_bytes() != entry.file_path().as_bytes() {
        return Err(Fault::Wrong("the same name before the data".into(), "another".into()));
    }
    if entry.flags().is_encrypted() {
        return Err(Fault::Wrong("plain data".into(), "encrypted data".into()));
    }
    let (promised, stored) = (entry.uncompressed_size_hint(), local.data().len() as u64);
    let (most, data): (_, Box<dyn Read + '_>) = match entry.compression_method() {
        CompressionMethod::STORE => (stored, Box::new(local.data())),
        CompressionMethod::DEFLATE => (stored.saturating_mul(MAX_RATIO), Box::new(DeflateDecoder::new(local.data()))),
        other => return Err(Fault::Wrong("stored or deflated data".into(), format!("{other:?}"))),
    };
    if promised > most {
        return Err(Fault::Wrong(format!("at most {most} bytes from {stored}"), format!("a promise of {promised}")));
    }
    let mut data = local.verifying_reader(data);
    let header = Header::read(&mut data)?;
    let belongs = (header.start as u64).saturating_add(header.len as u64);
    if belongs != promised {
        return Err(Fault::Wrong(
            format!("{belongs} bytes for {:?}", header.shape),
            format!("a promise of {promised}"),
        ));
    }
    let mut elements = Vec::new();
    // One byte more tells data that go on from such that end; the reader then compares sizes and checksums.
    data.take(header.len as u64 + 1).read_to_end(&mut elements).map_err(Fault::Io)?;
    array_of(header, elements)
}

/// Writes arrays as an `.npz` file, as NumPy's `savez` does: without compression, the same bytes every time, whole or not at all.
///
/// # Errors
/// If the file cannot be written, an array is of type bf16, or there are notes, for which the format has no place; an old file is then as
/// it was.
pub fn write_npz(path: impl AsRef<Path>, arrays: &Arrays) -> Result<()> {
    write(path.as_ref(), arrays, CompressionMethod::STORE)
}

/// Writes arrays as an `.npz` file, deflated, as NumPy's `savez_compressed` does, whole or not at all.
///
/// # Errors
/// As for [`write_npz`].
pub fn write_npz_compressed(path: impl AsRef<Path>, arrays: &Arrays) -> Result<()> {
    write(path.as_ref(), arrays, CompressionMethod::DEFLATE)
}

fn write(path: &Path, arrays: &Arrays, method: CompressionMethod) -> Result<()> {
    let refused = |found: String| Error::format(path, "arrays that npz files hold", found);
    if let Some(key) = arrays.metadata.keys().next() {
        return Err(refused(format!("a note about `{key}`")));
    }
    let mut new = Replacement::of(path)?;
    let failed = |error: &dyn Display| Error::io(path, io::Error::other(error.to_string()));
    let mut archive = ZipArchiveWriter::new(BufWriter::new(&mut new));
    for (name, array) in arrays.iter() {
        let header = header_of(array).map_err(|found| refused(format!("`{name}`: {found}")))?;
        let member = archive.new_file(EntryPath::verbatim(format!("{name}{ENDING}").into_bytes()));
        let (mut entry, config) = member.compression_method(method).start().map_err(|e| failed(&e))?;
        let both = |writer: &mut dyn Write| writer.write_all(&header).and_then(|()| writer.write_all(array.bytes()));
        let descriptor = if method == CompressionMethod::DEFLATE {
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
            both(&mut writer).map_err(|e| Error::io(path, e))?;
            let (encoder, descriptor) = writer.finish().map_err(|e| failed(&e))?;
            encoder.finish().map_err(|e| Error::io(path, e))?;
            descriptor
        } else {
            let mut writer = config.wrap(&mut entry);
            both(&mut writer).map_err(|e| Error::io(path, e))?;
            writer.finish().map_err(|e| failed(&e))?.1
        };
        entry.finish(descriptor).map_err(|e| failed(&e))?;
    }
    archive.finish().map_err(|e| failed(&e))?.flush().map_err(|e| Error::io(path, e))?;
    new.commit()
}
