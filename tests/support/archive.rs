//! Archives and files put together byte by byte, so that any byte of them can be wrong.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

/// A file with this header and these bytes of data, as safetensors has them.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// An npy file of a version with this header and these bytes of data.
pub fn npy_of([major, minor]: [u8; 2], header: &str, data: &[u8]) -> Vec<u8> {
    let len = header.len() as u32;
    let len = if major == 1 { (len as u16).to_le_bytes().to_vec() } else { len.to_le_bytes().to_vec() };
    [b"\x93NUMPY", &[major, minor][..], &len, header.as_bytes(), data].concat()
}

/// An npy file of version 1.0 of little-endian numbers in C's order.
pub fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy_of([1, 0], &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"), data)
}

pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("room in memory");
    encoder.finish().expect("room in memory")
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("room in memory");
    encoder.finish().expect("room in memory")
}

/// A member of a zip archive, as the archive describes it, true or not.
#[derive(Clone)]
pub struct Member {
    /// In the directory.
    pub name: Vec<u8>,
    /// Before the data.
    pub local_name: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    pub size: u32,
    pub compressed: u32,
    pub data: Vec<u8>,
    /// Extra fields in the directory.
    pub extra: Vec<u8>,
    /// Where the directory says that it begins, if not where it does.
    pub offset: Option<u32>,
}

impl Member {
    /// A good member that is stored as it is.
    pub fn stored(name: &str, content: &[u8]) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let (name, size) = (name.as_bytes().to_vec(), content.len() as u32);
        let (local_name, data) = (name.clone(), content.to_vec());
        Member {
            local_name,
            flags: 0,
            method: 0,
            crc: crc.sum(),
            size,
            compressed: size,
            name,
            data,
            extra: vec![],
            offset: None,
        }
    }

    /// A good member that is deflated.
    pub fn deflated(name: &str, content: &[u8]) -> Self {
        let data = deflate(content);
        Member { method: 8, compressed: data.len() as u32, data, ..Self::stored(name, content) }
    }

    /// The same with other data.
    pub fn holding(self, data: Vec<u8>) -> Self {
        Member { compressed: data.len() as u32, data, ..self }
    }
}

/// An archive of these members, which says of itself that it has `count`.
pub fn zip_of(members: &[Member], count: u16) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let offset = member.offset.unwrap_or(file.len() as u32);
        let head = |file: &mut Vec<u8>, name: &[u8], extra: usize| {
            for half in [20, member.flags, member.method, 0, 33] {
                file.extend(half.to_le_bytes());
            }
            for word in [member.crc, member.compressed, member.size] {
                file.extend(word.to_le_bytes());
            }
            file.extend((name.len() as u16).to_le_bytes());
            file.extend((extra as u16).to_le_bytes());
        };
        file.extend(b"PK\x03\x04");
        head(&mut file, &member.local_name, 0);
        file.extend(&member.local_name);
        file.extend(&member.data);
        directory.extend(b"PK\x01\x02\x14\x00");
        head(&mut directory, &member.name, member.extra.len());
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(&member.name);
        directory.extend(&member.extra);
    }
    let start = file.len() as u32;
    let size = directory.len() as u32;
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(size.to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}

pub fn zip(members: &[Member]) -> Vec<u8> {
    zip_of(members, members.len() as u16)
}
