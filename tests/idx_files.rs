//! IDX files and the four files of MNIST: what is right is read, what is not is refused with a message that says where
//! and why.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use rensa::Error;
use rensa::data::idx::{self, Idx, Mnist};

/// A directory of one test, removed with all it holds when the test ends, well or not.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("rensa-idx-files-{}-{number}", std::process::id()));
        fs::create_dir(&directory).expect("a new directory");
        Scratch(directory)
    }

    /// Writes a file; returns its path.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a written file");
        path
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.0.join(name)).expect("a removed file");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A panic here would hide the test's own.
        let _ = fs::remove_dir_all(&self.0);
    }
}

const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// The header of an IDX file of unsigned bytes.
fn header(shape: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, u8::try_from(shape.len()).expect("at most 255 axes")];
    bytes.extend(shape.iter().flat_map(|size| size.to_be_bytes()));
    bytes
}

/// An IDX file with this shape and these data, which need not fit it.
fn encode(shape: &[u32], data: &[u8]) -> Vec<u8> {
    [&header(shape), data].concat()
}

/// Counts up, so that an element out of its place is seen.
fn counting(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// The contents of [`FILES`]: 3 images of 2 × 4 pixels to learn from, 2 to be measured on.
fn small_mnist() -> [Vec<u8>; 4] {
    [
        encode(&[3, 2, 4], &counting(24)),
        encode(&[3], &[7, 0, 9]),
        encode(&[2, 2, 4], &counting(16)),
        encode(&[2], &[1, 2]),
    ]
}

/// A directory with a small data set in the usual spelling.
fn mnist_directory() -> Scratch {
    let scratch = Scratch::new();
    for (name, bytes) in FILES.iter().zip(small_mnist()) {
        scratch.file(name, &bytes);
    }
    scratch
}

/// The message of the error that is due, which names `path` and has each of `parts`.
#[track_caller]
fn refused<T>(result: Result<T, Error>, path: &Path, parts: &[&str]) {
    let message = result.map(|_| "read as if it were good").expect_err("a refusal").to_string();
    let name = path.file_name().expect("a name").to_string_lossy();
    for part in parts.iter().copied().chain([&*name]) {
        assert!(message.contains(part), "no {part:?} in {message:?}");
    }
}

/// Reads a file of these bytes, which must be refused with a message that has each of `parts`.
#[track_caller]
fn file_refused(bytes: &[u8], parts: &[&str]) {
    let scratch = Scratch::new();
    let path = scratch.file("some-file", bytes);
    refused(idx::read(&path), &path, parts);
}

/// Loads a small data set with one file replaced, which must be refused with a message that names it and has `parts`.
#[track_caller]
fn mnist_refused(name: &str, bytes: &[u8], parts: &[&str]) {
    let scratch = mnist_directory();
    let path = scratch.file(name, bytes);
    refused(Mnist::load(&scratch.0), &path, parts);
}

#[track_caller]
fn assert_small_mnist(mnist: &Mnist) {
    let (train, test) = (&mnist.train, &mnist.test);
    assert_eq!((train.rows, train.columns, &train.images, &train.labels), (2, 4, &counting(24), &vec![7, 0, 9]));
    assert_eq!((test.rows, test.columns, &test.images, &test.labels), (2, 4, &counting(16), &vec![1, 2]));
}

// What is right.

#[test]
fn plain_files_of_every_rank_are_read_back() {
    let scratch = Scratch::new();
    for shape in [&[5][..], &[2, 3], &[3, 28, 28], &[2, 3, 1, 2], &[0], &[4, 0, 2]] {
        let data = counting(shape.iter().product::<u32>() as usize);
        let path = scratch.file("file", &encode(shape, &data));
        let shape = shape.iter().map(|&size| size as usize).collect();
        assert_eq!(idx::read(path).expect("a good file"), Idx { shape, data });
    }
}

#[test]
fn rank_0_is_a_single_element() {
    let scratch = Scratch::new();
    let path = scratch.file("scalar", &encode(&[], &[42]));
    assert_eq!(idx::read(path).expect("a good file"), Idx { shape: vec![], data: vec![42] });
}

#[test]
fn rank_255_is_read_where_the_sizes_allow_it() {
    let scratch = Scratch::new();
    let path = scratch.file("deep", &encode(&[1; 255], &[42]));
    assert_eq!(idx::read(path).expect("a good file"), Idx { shape: vec![1; 255], data: vec![42] });
}

#[test]
fn mnist_is_read_in_both_spellings_and_in_a_mix_of_them() {
    for dotted in 0..16 {
        let scratch = Scratch::new();
        for (i, (name, bytes)) in FILES.iter().zip(small_mnist()).enumerate() {
            let name = if dotted >> i & 1 == 1 { name.replace("-idx", ".idx") } else { name.to_string() };
            scratch.file(&name, &bytes);
        }
        assert_small_mnist(&Mnist::load(&scratch.0).expect("a good directory"));
    }
}

// Traps: headers.

#[test]
fn trap_29_an_empty_file() {
    file_refused(b"", &["expected the 4 bytes of a magic number", "found the end of the file after 0 of 4 bytes"]);
}

#[test]
fn trap_29_a_file_of_one_byte() {
    file_refused(&[0], &["expected the 4 bytes of a magic number", "after 1 of 4 bytes"]);
    file_refused(&[0x1f], &["expected the 4 bytes of a magic number", "after 1 of 4 bytes"]);
}

#[test]
fn trap_29_a_magic_number_cut_short() {
    file_refused(&[0, 0, 8], &["expected the 4 bytes of a magic number", "after 3 of 4 bytes"]);
}

#[test]
fn trap_29_a_magic_number_of_something_else() {
    let parts = ["expected an IDX magic number", "two zero bytes", "found [89, 50, 4e, 47]"];
    file_refused(b"\x89PNG\r\n\x1a\n and so on", &parts);
}

#[test]
fn trap_29_a_web_page_saved_under_the_name_of_a_file() {
    file_refused(b"<!DOCTYPE html><html>404</html>", &["expected an IDX magic number", "found [3c, 21, 44, 4f]"]);
}

#[test]
fn trap_29_a_little_endian_magic_number() {
    file_refused(&[3, 8, 0, 0, 1, 0, 0, 0], &["expected an IDX magic number", "found [03, 08, 00, 00]"]);
}

#[test]
fn trap_29_elements_of_another_type() {
    for kind in [0x00, 0x09, 0x0b, 0x0c, 0x0d, 0x0e, 0xff] {
        let found = format!("found {kind:#04x}");
        file_refused(&[0, 0, kind, 1, 0, 0, 0, 1, 0], &["expected element type 0x08 (unsigned byte)", &found]);
    }
}

#[test]
fn trap_29_sizes_cut_short() {
    file_refused(&header(&[3, 28, 28])[..11], &["expected the sizes of 3 axes", "after 7 of 12 bytes"]);
}

#[test]
fn trap_29_rank_0_without_its_element() {
    file_refused(&header(&[]), &["expected 1 elements, as shape [] says", "found 0"]);
}

#[test]
fn trap_29_rank_255_without_sizes() {
    file_refused(&[0, 0, 8, 255], &["expected the sizes of 255 axes", "after 0 of 1020 bytes"]);
}

#[test]
fn trap_29_rank_255_with_sizes_of_ascii() {
    let bytes = [&[0, 0, 8, 255][..], &[b'x'; 1020]].concat();
    file_refused(&bytes, &["expected sizes whose product can be addressed", "found [2021161080, 2021161080"]);
}

#[test]
fn trap_29_sizes_whose_product_overflows() {
    let parts = ["expected sizes whose product can be addressed", "found [4294967295, 4294967295, 4294967295]"];
    file_refused(&encode(&[u32::MAX; 3], &[1; 8]), &parts);
}

#[test]
fn trap_29_sizes_whose_product_wraps_around_to_what_is_there() {
    file_refused(&encode(&[1 << 31, 1 << 31, 4], &[]), &["expected sizes whose product can be addressed"]);
}

// Traps: data.

#[cfg(target_pointer_width = "64")]
#[test]
fn trap_29_a_hundred_gigabytes_promised_by_a_hundred_bytes() {
    let bytes = encode(&[100, 1000, 1_000_000], &[0; 84]);
    assert_eq!(bytes.len(), 100);
    file_refused(&bytes, &["expected 100000000000 elements, as shape [100, 1000, 1000000] says", "found 84"]);
}

#[cfg(target_pointer_width = "64")]
#[test]
fn trap_29_the_largest_product_that_can_be_addressed() {
    // 2³² · (2³² − 1) is below 2⁶⁴, and far above any memory.
    file_refused(
        &encode(&[1 << 16, 1 << 16, u32::MAX], &[1; 8]),
        &["expected 18446744069414584320 elements", "found 8"],
    );
}

#[test]
fn trap_29_data_a_byte_short() {
    file_refused(&encode(&[2, 3], &[0; 5]), &["expected 6 elements, as shape [2, 3] says", "found 5"]);
}

#[test]
fn trap_29_a_byte_behind_the_data() {
    file_refused(&encode(&[2, 3], &[0; 7]), &["expected 6 elements, as shape [2, 3] says", "found more than 6"]);
}

#[test]
fn trap_29_a_byte_where_no_element_is_due() {
    file_refused(&encode(&[0, 28, 28], &[0]), &["expected 0 elements, as shape [0, 28, 28] says", "found more than 0"]);
}

// Traps: paths.

#[test]
fn trap_29_a_file_that_is_not_there() {
    let scratch = Scratch::new();
    let path = scratch.0.join("nowhere");
    let result = idx::read(&path);
    assert!(matches!(&result, Err(Error::Io { path: named, .. }) if *named == path));
    refused(result, &path, &[]);
}

#[test]
fn trap_29_a_directory_where_a_file_is_due() {
    let scratch = Scratch::new();
    let result = idx::read(&scratch.0);
    assert!(matches!(result, Err(Error::Io { .. })));
    refused(result, &scratch.0, &[]);
}

#[test]
fn trap_29_a_directory_that_is_not_there() {
    let scratch = Scratch::new();
    let path = scratch.0.join("nowhere");
    refused(Mnist::load(&path), &path, &["expected a directory with the four files of MNIST", "found nothing there"]);
}

#[test]
fn trap_29_a_file_where_a_directory_is_due() {
    let scratch = mnist_directory();
    let path = scratch.0.join(FILES[0]);
    refused(Mnist::load(&path), &path, &["expected a directory with the four files of MNIST", "found a file"]);
}

#[test]
fn trap_29_a_directory_without_one_of_the_four_files() {
    for name in FILES {
        let scratch = mnist_directory();
        scratch.remove(name);
        refused(Mnist::load(&scratch.0), &scratch.0.join(name), &["expected this file", "found neither"]);
    }
}

#[test]
fn trap_29_a_directory_under_the_name_of_one_of_the_four_files() {
    for name in FILES {
        let scratch = mnist_directory();
        scratch.remove(name);
        fs::create_dir(scratch.0.join(name)).expect("a new directory");
        refused(Mnist::load(&scratch.0), &scratch.0.join(name), &["expected this file", "found neither"]);
    }
}

// Traps: files that are right, but not together.

#[test]
fn trap_29_a_broken_file_among_the_four() {
    for name in FILES {
        mnist_refused(name, b"", &["expected the 4 bytes of a magic number", "after 0 of 4 bytes"]);
    }
}

#[test]
fn trap_29_fewer_or_more_labels_than_images() {
    mnist_refused(FILES[1], &encode(&[2], &[1, 2]), &["expected 3 labels, one for each image", "found 2"]);
    mnist_refused(FILES[3], &encode(&[3], &[1, 2, 3]), &["expected 2 labels, one for each image", "found 3"]);
}

#[test]
fn trap_29_a_label_10() {
    mnist_refused(FILES[1], &encode(&[3], &[9, 0, 10]), &["expected labels from 0 to 9", "found 10 at position 2"]);
}

#[test]
fn trap_29_images_in_the_file_of_labels() {
    mnist_refused(FILES[1], &small_mnist()[0], &["expected 1 axis (labels)", "found 3 axes"]);
}

#[test]
fn trap_29_labels_in_the_file_of_images() {
    mnist_refused(FILES[2], &small_mnist()[3], &["expected 3 axes (images)", "found 1 axes"]);
}

#[test]
fn trap_29_colour_images_and_scalars() {
    mnist_refused(FILES[0], &encode(&[1, 2, 2, 3], &[0; 12]), &["expected 3 axes (images)", "found 4 axes"]);
    mnist_refused(FILES[0], &encode(&[], &[0]), &["expected 3 axes (images)", "found 0 axes"]);
}

#[test]
fn trap_29_no_images() {
    let scratch = mnist_directory();
    let path = scratch.file(FILES[0], &encode(&[0, 28, 28], &[]));
    scratch.file(FILES[1], &encode(&[0], &[]));
    refused(Mnist::load(&scratch.0), &path, &["expected at least one image with pixels", "found shape [0, 28, 28]"]);
}

#[test]
fn trap_29_images_without_pixels() {
    mnist_refused(
        FILES[0],
        &encode(&[3, 0, 28], &[]),
        &["expected at least one image with pixels", "found shape [3, 0, 28]"],
    );
}

#[test]
fn trap_29_images_to_be_measured_on_of_another_size() {
    // As many pixels in all, so that only the shape can tell.
    let parts = ["expected images of 2 × 4 pixels, as in training", "found 4 × 2 pixels"];
    mnist_refused(FILES[2], &encode(&[2, 4, 2], &counting(16)), &parts);
}

#[cfg(not(feature = "gzip"))]
#[test]
fn trap_29_a_gzipped_file_without_the_feature_for_it() {
    file_refused(&[0x1f, 0x8b, 8, 0], &["the cargo feature `gzip` is off", "found a gzipped one"]);
}

#[cfg(feature = "gzip")]
mod gzipped {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    }

    /// A gzipped good file.
    fn good() -> Vec<u8> {
        gzip(&encode(&[3, 28, 28], &counting(3 * 28 * 28)))
    }

    #[test]
    fn a_gzipped_file_is_read_back_whatever_its_name() {
        let scratch = Scratch::new();
        for name in ["file.gz", "file"] {
            let read = idx::read(scratch.file(name, &good())).expect("a good file");
            assert_eq!(read, Idx { shape: vec![3, 28, 28], data: counting(3 * 28 * 28) });
        }
    }

    #[test]
    fn a_plain_file_is_read_back_under_a_gzipped_name() {
        let scratch = Scratch::new();
        let path = scratch.file("file.gz", &encode(&[2], &[1, 2]));
        assert_eq!(idx::read(path).expect("a good file"), Idx { shape: vec![2], data: vec![1, 2] });
    }

    #[test]
    fn a_file_gzipped_in_several_members_is_one_file() {
        let bytes = encode(&[3, 28, 28], &counting(3 * 28 * 28));
        let scratch = Scratch::new();
        for cut in [0, 3, 16, 1000, bytes.len()] {
            let path = scratch.file("file.gz", &[gzip(&bytes[..cut]), gzip(&bytes[cut..])].concat());
            assert_eq!(idx::read(path).expect("a good file").data, bytes[16..]);
        }
    }

    #[test]
    fn mnist_is_read_in_both_spellings_gzipped_and_in_a_mix() {
        for (dotted, zipped) in [(0, 15), (15, 15), (0, 5), (15, 10), (3, 12), (6, 9), (10, 6), (5, 3)] {
            let scratch = Scratch::new();
            for (i, (name, bytes)) in FILES.iter().zip(small_mnist()).enumerate() {
                let name = if dotted >> i & 1 == 1 { name.replace("-idx", ".idx") } else { name.to_string() };
                match zipped >> i & 1 {
                    1 => scratch.file(&format!("{name}.gz"), &gzip(&bytes)),
                    _ => scratch.file(&name, &bytes),
                };
            }
            assert_small_mnist(&Mnist::load(&scratch.0).expect("a good directory"));
        }
    }

    #[test]
    fn trap_29_a_gzipped_file_cut_short_anywhere() {
        let (whole, scratch) = (gzip(&encode(&[20], &counting(20))), Scratch::new());
        for len in 2..whole.len() {
            let path = scratch.file("cut.gz", &whole[..len]);
            refused(idx::read(&path), &path, &["expected a whole gzip stream", "found"]);
        }
    }

    #[test]
    fn trap_29_a_wrong_checksum() {
        for from_end in 5..=8 {
            let mut bytes = good();
            let at = bytes.len() - from_end;
            bytes[at] ^= 1;
            file_refused(&bytes, &["expected a whole gzip stream", "checksum"]);
        }
    }

    #[test]
    fn trap_29_a_wrong_length_behind_the_checksum() {
        let mut bytes = good();
        let at = bytes.len() - 4;
        bytes[at] ^= 1;
        file_refused(&bytes, &["expected a whole gzip stream"]);
    }

    #[test]
    fn trap_29_a_wrong_checksum_behind_no_elements() {
        let mut bytes = gzip(&encode(&[0], &[]));
        let at = bytes.len() - 8;
        bytes[at] ^= 1;
        file_refused(&bytes, &["expected a whole gzip stream", "checksum"]);
    }

    #[test]
    fn trap_29_garbage_behind_the_gzip_stream() {
        for garbage in [&b"x"[..], &[0], &[0; 512], b"garbage and more of it", &[0x1f, 0x8b], &[0x1f, 0x8b, 8, 0, 0]] {
            file_refused(&[&good(), garbage].concat(), &["expected a whole gzip stream"]);
        }
    }

    #[test]
    fn trap_29_a_second_file_behind_the_first() {
        file_refused(&[good(), good()].concat(), &["expected 2352 elements", "found more than 2352"]);
    }

    #[test]
    fn trap_29_a_damaged_byte_anywhere_never_gives_other_data() {
        let (whole, scratch) = (gzip(&encode(&[20], &counting(20))), Scratch::new());
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let path = scratch.file("damaged.gz", &bytes);
            match idx::read(&path) {
                // A gzip header holds a time and the like, and the last bits before the checksum only fill a byte.
                Ok(file) => assert_eq!(file.data, counting(20), "byte {at}"),
                refusal => refused(refusal, &path, &["expected", "found"]),
            }
        }
    }

    #[test]
    fn trap_29_a_bomb_behind_a_small_header() {
        let mut bytes = gzip(&encode(&[10], &vec![0; 16 << 20]));
        assert!(bytes.len() < 1 << 15);
        // Had it been inflated to its end, the wrong checksum there would be what is reported.
        let at = bytes.len() - 8;
        bytes[at] ^= 1;
        file_refused(&bytes, &["expected 10 elements, as shape [10] says", "found more than 10"]);
    }

    #[test]
    fn trap_29_a_gzipped_file_in_a_gzipped_file() {
        file_refused(&gzip(&good()), &["expected an IDX magic number", "found [1f, 8b, 08, 00]"]);
    }

    #[test]
    fn trap_29_nothing_gzipped() {
        file_refused(&gzip(b""), &["expected the 4 bytes of a magic number", "after 0 of 4 bytes"]);
    }

    #[test]
    fn trap_29_gzipped_data_a_byte_short_or_long() {
        file_refused(&gzip(&encode(&[2, 3], &[0; 5])), &["expected 6 elements", "found 5"]);
        file_refused(&gzip(&encode(&[2, 3], &[0; 7])), &["expected 6 elements", "found more than 6"]);
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn whatever_is_gzipped_never_panics(bytes: Vec<u8>, shape in proptest::collection::vec(0u32..4, 0..4)) {
            assert_same_as_told(&gzip(&encode(&shape, &bytes)), &shape, &bytes);
            never_panics(&gzip(&bytes));
            never_panics(&[&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0], &bytes[..]].concat());
        }
    }
}

/// Fewer than usual, as each writes a handful of files.
fn cases() -> ProptestConfig {
    ProptestConfig::with_cases(64)
}

/// Reads the bytes as a file and as one of the four of MNIST; what is refused is refused with a message.
fn never_panics(bytes: &[u8]) {
    let scratch = mnist_directory();
    let name = FILES[bytes.len() % 4];
    let path = scratch.file(name, bytes);
    if let Err(error) = idx::read(&path) {
        assert!(error.to_string().contains(name));
    }
    let _ = Mnist::load(&scratch.0);
}

/// A file is read exactly if its data are as many as its shape says.
fn assert_same_as_told(file: &[u8], shape: &[u32], data: &[u8]) {
    let scratch = Scratch::new();
    let read = idx::read(scratch.file("file", file));
    match shape.iter().product::<u32>() as usize == data.len() {
        true => assert_eq!(read.expect("a good file").data, data),
        false => assert!(matches!(read, Err(Error::Format { .. }))),
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        never_panics(&bytes);
    }

    #[test]
    fn arbitrary_bytes_behind_a_magic_number_never_panic(rank: u8, bytes: Vec<u8>) {
        never_panics(&[&[0, 0, 8, rank], &bytes[..]].concat());
    }

    #[test]
    fn arbitrary_bytes_behind_a_header_are_read_exactly_if_as_many_as_it_says(
        shape in proptest::collection::vec(0u32..4, 0..4),
        bytes in proptest::collection::vec(any::<u8>(), 0..30),
    ) {
        assert_same_as_told(&encode(&shape, &bytes), &shape, &bytes);
        never_panics(&encode(&shape, &bytes));
    }

    #[test]
    fn any_sizes_behind_few_bytes_never_panic(shape: Vec<u32>, bytes in proptest::collection::vec(any::<u8>(), 0..30)) {
        never_panics(&encode(&shape[..shape.len().min(255)], &bytes));
    }
}
