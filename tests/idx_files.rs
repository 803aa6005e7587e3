//! IDX files, good ones and broken ones: what was written is read, and whatever is wrong with a file is an error that
//! names the file, what belongs there and what is there, never a panic and never memory for bytes that do not exist.

#[path = "support/directory.rs"]
mod directory;

use std::fs;
use std::path::Path;

use directory::Directory;
use proptest::collection::vec;
use proptest::prelude::*;
use rensa::Error;
use rensa::data::idx::{Idx, Mnist, read};

/// The header of an IDX file of unsigned bytes.
fn header(shape: &[u32]) -> Vec<u8> {
    let ndim = u8::try_from(shape.len()).expect("at most 255 dimensions");
    [0, 0, 8, ndim].into_iter().chain(shape.iter().flat_map(|size| size.to_be_bytes())).collect()
}

fn file(shape: &[u32], data: &[u8]) -> Vec<u8> {
    [&header(shape), data].concat()
}

/// Checks that `result` is an error whose message names `path` and has all of `parts` in this order.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, path: &Path, parts: &[&str]) {
    let message = result.expect_err("a broken file was read").to_string();
    let name = path.display().to_string();
    let mut rest = message.strip_prefix(&name).unwrap_or_else(|| panic!("{message:?} does not begin with {name:?}"));
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{message:?} lacks {part:?}, or has it too early"));
        rest = &rest[at + part.len()..];
    }
}

/// Files that are wrong, each with what belongs there and what its error says it has; a line each, so a long list.
fn malformed() -> Vec<(&'static str, Vec<u8>, [&'static str; 2])> {
    let (max, bytes) = (u32::MAX, |n| vec![5; n]);
    let magic = |kind, ndim| [vec![0, 0, kind, ndim], bytes(40)].concat();
    vec![
        ("empty", vec![], ["header of at least 8 bytes", "found 0"]),
        ("one-byte", vec![0], ["header of at least 8 bytes", "found 1"]),
        ("magic-cut", vec![0, 0, 8], ["header of at least 8 bytes", "found 3"]),
        ("sizes-missing", vec![0, 0, 8, 3], ["header of 16 bytes for 3 dimensions", "found 4"]),
        ("sizes-cut", header(&[1, 2, 3])[..15].to_vec(), ["header of 16 bytes for 3 dimensions", "found 15"]),
        ("magic-text", b"PNG image, not digits".to_vec(), ["first bytes are 00 00", "found 50 4e"]),
        ("magic-second", vec![0, 1, 8, 1, 0, 0, 0, 1, 5], ["first bytes are 00 00", "found 00 01"]),
        ("magic-first", vec![1, 0, 8, 1, 0, 0, 0, 1, 5], ["first bytes are 00 00", "found 01 00"]),
        ("magic-swapped", vec![1, 8, 0, 0, 1, 0, 0, 0, 5], ["first bytes are 00 00", "found 01 08"]),
        ("type-signed", magic(0x09, 1), ["type 08 (unsigned bytes)", "found 09"]),
        ("type-f32", magic(0x0d, 1), ["type 08 (unsigned bytes)", "found 0d"]),
        ("type-none", magic(0, 1), ["type 08 (unsigned bytes)", "found 00"]),
        ("dims-0", magic(8, 0), ["1 or more dimensions", "found 0"]),
        ("dims-255-cut", magic(8, 255), ["header of 1024 bytes for 255 dimensions", "found 44"]),
        ("dims-255-of-2", file(&[2; 255], &bytes(9)), ["product can be addressed", "found [2, 2, 2,"]),
        (
            "product-2-pow-64",
            file(&[1 << 31, 1 << 31, 4], &bytes(9)),
            ["product can be addressed", "found [2147483648,"],
        ),
        (
            "product-2-pow-63",
            file(&[1 << 31, 1 << 31, 2], &bytes(9)),
            ["product can be addressed", "found [2147483648,"],
        ),
        ("product-wraps", file(&[max; 3], &bytes(9)), ["product can be addressed", "found [4294967295, 4294967295,"]),
        ("product-times-0", file(&[max, max, max, 0], &[]), ["product can be addressed", "found [4294967295,"]),
        ("product-0-times", file(&[0, max, max, max], &[]), ["product can be addressed", "found [0, 4294967295,"]),
        ("100-gb", file(&[100_000, 1000, 1000], &bytes(84)), ["100000000000 bytes of data", "found 84"]),
        ("2-pow-62", file(&[1 << 31, 1 << 31], &bytes(9)), ["4611686018427387904 bytes of data", "found 9"]),
        ("data-none", header(&[2, 3]), ["6 bytes of data for [2, 3]", "found 0"]),
        ("data-short", file(&[2, 3], &bytes(5)), ["6 bytes of data for [2, 3]", "found 5"]),
        ("data-trailing", file(&[2, 3], &bytes(7)), ["6 bytes of data for [2, 3]", "found 7 or more"]),
        ("data-for-none", file(&[0, 3], &bytes(1)), ["0 bytes of data for [0, 3]", "found 1 or more"]),
    ]
}

#[test]
fn what_was_written_is_read() {
    let directory = Directory::new();
    let ones = [1; 255];
    for shape in [&[5][..], &[1], &[0], &[2, 3], &[0, 7], &[2, 3, 4], &[2, 1, 2, 1, 2], &ones] {
        let len = shape.iter().product::<u32>() as u8;
        let expected = Idx { shape: shape.iter().map(|&size| size as usize).collect(), data: (0..len).collect() };
        let path = directory.write("good", &file(shape, &expected.data));
        assert_eq!(read(&path).expect("a good file"), expected);
    }
}

#[test]
fn every_malformed_file_is_refused_with_its_name_what_belongs_there_and_what_is_there() {
    let directory = Directory::new();
    for (name, bytes, parts) in malformed() {
        let path = directory.write(name, &bytes);
        refused(read(&path), &path, &parts);
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let directory = Directory::new();
    let whole = file(&[2, 3, 4], &[1; 24]);
    for len in 0..whole.len() {
        let path = directory.write("cut", &whole[..len]);
        refused(read(&path), &path, &["expected", "found"]);
    }
    read(&directory.write("cut", &whole)).expect("the whole file");
}

#[test]
fn a_missing_file_and_a_directory_are_refused() {
    let directory = Directory::new();
    let missing = directory.path().join("missing");
    assert!(matches!(read(&missing), Err(Error::Io { path, .. }) if path == missing));
    refused(read(&missing), &missing, &[]);
    refused(read(directory.path()), directory.path(), &[]);
    // Other systems refuse to open it, in words of their own.
    #[cfg(unix)]
    refused(read(directory.path()), directory.path(), &["expected a file", "found a directory"]);
}

#[cfg(feature = "gzip")]
mod gzipped {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("room in memory");
        encoder.finish().expect("room in memory")
    }

    #[test]
    fn what_was_written_is_read_whatever_the_name() {
        let directory = Directory::new();
        let expected = Idx { shape: vec![3, 100], data: (0..300).map(|i| (i * i % 251) as u8).collect() };
        let bytes = file(&[3, 100], &expected.data);
        for (name, bytes) in
            [("a.gz", gzip(&bytes)), ("plain-by-name", gzip(&bytes)), ("gzip-by-name.gz", bytes.clone())]
        {
            assert_eq!(read(&directory.write(name, &bytes)).expect(name), expected);
        }
        let members = [gzip(&bytes[..50]), gzip(&bytes[50..])].concat();
        assert_eq!(read(&directory.write("two members", &members)).expect("two members"), expected);
    }

    #[test]
    fn every_malformed_content_is_refused_as_when_it_is_plain() {
        let directory = Directory::new();
        for (name, bytes, parts) in malformed() {
            let path = directory.write(name, &gzip(&bytes));
            refused(read(&path), &path, &parts);
        }
    }

    #[test]
    fn a_stream_cut_anywhere_is_refused() {
        let directory = Directory::new();
        let whole = gzip(&file(&[300], &(0..300).map(|i| (i * 7 % 13) as u8).collect::<Vec<_>>()));
        for len in 2..whole.len() {
            let path = directory.write("cut", &whole[..len]);
            refused(read(&path), &path, &["expected a whole and undamaged gzip stream", "found its end after"]);
        }
        read(&directory.write("cut", &whole)).expect("the whole stream");
    }

    #[test]
    fn a_damaged_checksum_and_a_wrong_length_are_refused() {
        let directory = Directory::new();
        let whole = gzip(&file(&[300], &[1; 300]));
        for from_end in 1..=8 {
            let mut bytes = whole.clone();
            let at = bytes.len() - from_end;
            bytes[at] ^= 1;
            let path = directory.write("checksum", &bytes);
            refused(read(&path), &path, &["expected a whole and undamaged gzip stream", "found", "checksum"]);
        }
    }

    #[test]
    fn a_damaged_header_and_bytes_after_the_stream_are_refused() {
        let directory = Directory::new();
        let whole = gzip(&file(&[3], &[1; 3]));
        let header = [&[0x1f, 0x8b, 0x63], &whole[3..]].concat();
        let trailing = [&whole, &b"and something else"[..]].concat();
        for (name, bytes) in [("header", header), ("trailing", trailing)] {
            let path = directory.write(name, &bytes);
            refused(read(&path), &path, &["expected a whole and undamaged gzip stream", "found", "header"]);
        }
        let path = directory.write("two", &[&whole[..], &whole].concat());
        refused(read(&path), &path, &["expected 3 bytes of data for [3]", "found 4 or more"]);
    }

    /// The stream of zeros lacks its end, which a reader that inflated all of it would complain about instead.
    #[test]
    fn a_bomb_is_inflated_no_further_than_its_header_promises() {
        let directory = Directory::new();
        let zeros = gzip(&file(&[2, 3], &vec![0; 1 << 24]));
        let path = directory.write("bomb", &zeros[..zeros.len() - 9]);
        refused(read(&path), &path, &["expected 6 bytes of data for [2, 3]", "found 7 or more"]);
        let header = gzip(&vec![0; 1 << 24]);
        let path = directory.write("zeros", &header[..header.len() - 9]);
        refused(read(&path), &path, &["expected IDX type 08", "found 00"]);
    }

    #[test]
    fn the_four_files_are_found_with_gz_in_their_names() {
        let directory = Directory::new();
        for (name, bytes) in mnist() {
            directory.write(&format!("{name}.gz"), &gzip(&bytes));
        }
        let mnist = Mnist::load(directory.path()).expect("four good files");
        assert_eq!((mnist.train.labels, mnist.test.labels), (vec![3, 9], vec![0]));
    }

    proptest! {
        #[test]
        fn a_damaged_byte_never_panics_and_never_passes_for_other_data(at in 0_usize..4000, with in 1_u8..) {
            let directory = Directory::new();
            let good = Idx { shape: vec![2000], data: (0..2000_u32).map(|i| (i * i / 7 % 251) as u8).collect() };
            let mut bytes = gzip(&file(&[2000], &good.data));
            let at = at % bytes.len();
            bytes[at] ^= with;
            // Some bytes of the gzip header, such as the time, mean nothing to the content.
            if let Ok(idx) = read(&directory.write("damaged", &bytes)) {
                prop_assert_eq!(idx, good);
            }
        }

        #[test]
        fn arbitrary_bytes_after_a_gzip_header_never_panic(bytes in vec(any::<u8>(), 0..200)) {
            let directory = Directory::new();
            let path = directory.write("noise", &[&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], &bytes[..]].concat());
            refused(read(&path), &path, &[]);
        }
    }
}

#[cfg(not(feature = "gzip"))]
#[test]
fn a_gzip_stream_is_refused_by_the_name_of_the_feature() {
    let directory = Directory::new();
    let path = directory.write("labels.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    refused(read(&path), &path, &["feature `gzip`", "found a gzip stream"]);
}

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// A dataset of two images to learn from and one to judge by, of 2 × 3 pixels.
fn mnist() -> [(&'static str, Vec<u8>); 4] {
    [
        (TRAIN_IMAGES, file(&[2, 2, 3], &(0..12).collect::<Vec<_>>())),
        (TRAIN_LABELS, file(&[2], &[3, 9])),
        (TEST_IMAGES, file(&[1, 2, 3], &[255; 6])),
        (TEST_LABELS, file(&[1], &[0])),
    ]
}

fn mnist_in(directory: &Directory) {
    for (name, bytes) in mnist() {
        directory.write(name, &bytes);
    }
}

#[test]
fn images_and_labels_are_read_in_either_spelling() {
    let directory = Directory::new();
    mnist_in(&directory);
    // Some archives unpack each file into a directory of its name.
    fs::remove_file(directory.path().join(TEST_LABELS)).expect("a file to remove");
    fs::create_dir(directory.path().join(TEST_LABELS)).expect("a directory");
    directory.write("t10k-labels.idx1-ubyte", &mnist()[3].1);

    let Mnist { train, test } = Mnist::load(directory.path()).expect("four good files");
    assert_eq!((train.rows, train.columns, test.rows, test.columns), (2, 3, 2, 3));
    assert_eq!((train.images, train.labels), ((0..12).collect(), vec![3, 9]));
    assert_eq!((test.images, test.labels), (vec![255; 6], vec![0]));
}

#[test]
fn a_missing_directory_or_a_file_in_its_place_is_refused() {
    let directory = Directory::new();
    let missing = directory.path().join("missing");
    refused(Mnist::load(&missing), &missing, &["expected a directory", "found nothing"]);
    let file = directory.write("file", &[]);
    refused(Mnist::load(&file), &file, &["expected a directory", "found a file"]);
}

#[test]
fn each_missing_file_is_named_with_its_other_spellings() {
    for (name, _) in mnist() {
        let directory = Directory::new();
        mnist_in(&directory);
        fs::remove_file(directory.path().join(name)).expect("a file to remove");
        let spelling = name.replace("-idx", ".idx");
        refused(
            Mnist::load(directory.path()),
            &directory.path().join(name),
            &["expected", ".gz", &spelling, "found none"],
        );
    }
}

#[test]
fn each_file_that_does_not_belong_to_the_others_is_refused() {
    let image = |n: usize| vec![0; 6 * n];
    let cases: [(&str, Vec<u8>, &[&str]); 13] = [
        (TRAIN_IMAGES, file(&[12], &[0; 12]), &["expected 3 dimensions", "found 1: [12]"]),
        (TRAIN_IMAGES, file(&[1, 2, 2, 3], &[0; 12]), &["expected 3 dimensions", "found 4: [1, 2, 2, 3]"]),
        (TRAIN_LABELS, file(&[2, 1, 1], &[3, 9]), &["expected 1 dimensions", "found 3: [2, 1, 1]"]),
        (TRAIN_IMAGES, file(&[0, 2, 3], &[]), &["expected at least one image", "found 0 of 2 × 3"]),
        (TEST_IMAGES, file(&[1, 0, 3], &[]), &["expected at least one image", "found 1 of 0 × 3"]),
        (TEST_IMAGES, file(&[1, 2, 0], &[]), &["expected at least one image", "found 1 of 2 × 0"]),
        (TRAIN_LABELS, file(&[1], &[3]), &["expected 2 labels", TRAIN_IMAGES, "found 1"]),
        (TRAIN_LABELS, file(&[3], &[3, 9, 1]), &["expected 2 labels", TRAIN_IMAGES, "found 3"]),
        (TEST_LABELS, file(&[2], &[3, 9]), &["expected 1 labels", TEST_IMAGES, "found 2"]),
        (TRAIN_LABELS, file(&[2], &[3, 10]), &["expected labels from 0 to 9", "found 10 for image 1"]),
        (TEST_LABELS, file(&[1], &[255]), &["expected labels from 0 to 9", "found 255 for image 0"]),
        (TEST_IMAGES, file(&[1, 3, 2], &image(1)), &["expected images of 2 × 3 pixels", "found 3 × 2"]),
        (TRAIN_LABELS, header(&[2]), &["expected 2 bytes of data", "found 0"]),
    ];
    for (name, bytes, parts) in cases {
        let directory = Directory::new();
        mnist_in(&directory);
        Mnist::load(directory.path()).expect("four good files, before one is replaced");
        let path = directory.write(name, &bytes);
        refused(Mnist::load(directory.path()), &path, parts);
    }
}

/// Reads `bytes` as a file; if they are one, they are no more and no less than its header and its data.
fn exact(bytes: &[u8]) -> Result<(), TestCaseError> {
    let directory = Directory::new();
    let path = directory.write("arbitrary", bytes);
    match read(&path) {
        Ok(idx) => {
            let shape: Vec<u32> = idx.shape.iter().map(|&size| size as u32).collect();
            prop_assert_eq!(file(&shape, &idx.data), bytes);
            prop_assert_eq!(idx.shape.iter().product::<usize>(), idx.data.len());
        }
        Err(_) => refused(read(&path), &path, &[]),
    }
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        exact(&bytes)?;
    }

    #[test]
    fn arbitrary_bytes_after_a_good_magic_never_panic(ndim in any::<u8>(), bytes in vec(any::<u8>(), 0..1100)) {
        exact(&[&[0, 0, 8, ndim], &bytes[..]].concat())?;
    }

    #[test]
    fn small_sizes_with_nearly_the_right_data_are_read_only_if_it_is_right(
        shape in vec(0_u32..5, 1..5), more in 0_usize..2, less in 0_usize..2,
    ) {
        let len = shape.iter().product::<u32>() as usize;
        let bytes = file(&shape, &vec![9; (len + more).saturating_sub(less)]);
        let directory = Directory::new();
        let right = bytes.len() == header(&shape).len() + len;
        prop_assert_eq!(read(&directory.write("nearly", &bytes)).is_ok(), right);
        exact(&bytes)?;
    }
}
