//! Parameters in safetensors files: round trips, foreign and malformed files, and writes that fail.

#[path = "support/directory.rs"]
mod directory;

use std::fs;

use directory::Directory;
use proptest::prelude::*;
use rensa::nn::{Linear, Parts, Relu, Sequential};
use rensa::{Error, Float, Tensor, io};

/// Weights that count up from `start`, in two layers: `0.weight`, `0.bias`, `2.weight`, `2.bias`.
fn net<T: Float>(start: f64) -> Sequential<T> {
    let mut next = start;
    let mut count = |shape: &[usize]| {
        Tensor::from_fn(shape, |_| {
            next += 1.0 / 3.0;
            T::of(next)
        })
    };
    Sequential::new()
        .with(Linear::new(count(&[2, 3]), count(&[2])))
        .with(Relu)
        .with(Linear::new(count(&[1, 2]), count(&[1])))
}

/// A file with this header and these bytes of data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn what_is_saved_is_loaded_with_the_same_bits() {
    let directory = Directory::new();
    let path = directory.path().join("net.safetensors");
    io::save(&path, &net::<f64>(0.0)).unwrap();
    let mut other = net::<f64>(100.0);
    io::load(&path, &mut other).unwrap();
    assert_eq!(other.state(), net::<f64>(0.0).state());
    io::save(&path, &net::<f32>(5.0)).unwrap();
    let mut other = net::<f32>(100.0);
    io::load(&path, &mut other).unwrap();
    assert_eq!(other.state(), net::<f32>(5.0).state());
}

#[test]
fn parameters_of_another_precision_are_converted() {
    let directory = Directory::new();
    let path = directory.path().join("net.safetensors");
    io::save(&path, &net::<f32>(0.0)).unwrap();
    let mut wide = net::<f64>(100.0);
    io::load(&path, &mut wide).unwrap();
    assert_eq!(wide.state(), net::<f32>(0.0).state().cast());
}

#[test]
fn parameters_lie_in_any_layout_when_saved() {
    let directory = Directory::new();
    let path = directory.path().join("net.safetensors");
    let matrix = rensa::tensor![[1.0, 2.0], [3.0, 4.0]];
    io::save(&path, &Linear::new(matrix.t(), Tensor::zeros([2]))).unwrap();
    let mut other = Linear::new(Tensor::<f64>::zeros([2, 2]), Tensor::ones([2]));
    io::load(&path, &mut other).unwrap();
    assert_eq!(other.weight.value, matrix.t());
    assert_eq!(other.state().tensors["bias"].to_vec(), [0.0, 0.0]);
}

#[test]
fn trap_30_every_fault_is_reported_and_nothing_is_changed() {
    let directory = Directory::new();
    let path = directory.path().join("net.safetensors");
    let foreign = Sequential::new()
        .with(Linear::<f64>::new(Tensor::zeros([2, 3]), Tensor::zeros([2])))
        .with(Linear::new(Tensor::zeros([1, 2]), Tensor::zeros([1])))
        .with(Linear::new(Tensor::zeros([1, 5]), Tensor::zeros([1])));
    io::save(&path, &foreign).unwrap();
    let mut own = net::<f64>(0.0);
    let message = io::load(&path, &mut own).unwrap_err().to_string();
    for fault in
        ["net.safetensors", "`2.weight` of shape [1, 5], not [1, 2]", "`1.weight` unexpected", "`1.bias` unexpected"]
    {
        assert!(message.contains(fault), "no {fault} in: {message}");
    }
    assert_eq!(own.state(), net::<f64>(0.0).state(), "0.weight fitted, and yet must not be loaded");
}

#[test]
fn trap_29_malformed_files_are_refused() {
    let long = "x".repeat(200);
    let entry = |shape: &str, offsets: &str, kind: &str| {
        format!(r#"{{"weight":{{"dtype":"{kind}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let nested = format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("shorter than the length of its header", vec![1, 2, 3]),
        ("a header of 100 GB in a file of 100 bytes", [&100_000_000_000u64.to_le_bytes()[..], &[b' '; 92]].concat()),
        ("a header of all the numbers there are", [&u64::MAX.to_le_bytes()[..], &[b' '; 92]].concat()),
        ("a header that is not JSON", file("hello", &[])),
        ("a header that is not text", file("\u{fffd}", &[0xff])),
        ("a header of nested brackets", file(&nested, &[])),
        ("a header that ends in the middle", file(r#"{"weight":{"dtype":"F64""#, &[])),
        ("data that are not there", file(&entry("[1,2]", "[0,16]", "F64"), &[0; 8])),
        ("data behind the last tensor", file(&entry("[1,2]", "[0,16]", "F64"), &[0; 24])),
        ("sizes that do not fill the data", file(&entry("[1,3]", "[0,16]", "F64"), &[0; 16])),
        ("sizes whose product overflows", file(&entry("[4294967296,4294967296,2]", "[0,16]", "F64"), &[0; 16])),
        ("offsets backwards", file(&entry("[1,2]", "[16,0]", "F64"), &[0; 16])),
        ("offsets beyond every file", file(&entry("[1,2]", "[0,18446744073709551615]", "F64"), &[0; 16])),
        ("a type that is not known", file(&entry("[1,2]", "[0,16]", "F99"), &[0; 16])),
        ("a type that is not a float", file(&entry("[1,2]", "[0,16]", "I64"), &[0; 16])),
        ("a name that is a path", file(&entry("[1,2]", "[0,16]", "F64").replace("weight", "../../weight"), &[0; 16])),
        ("a name that is absolute", file(&entry("[1,2]", "[0,16]", "F64").replace("weight", "/weight"), &[0; 16])),
        ("a long name", file(&entry("[1,2]", "[0,16]", "F64").replace("weight", &long), &[0; 16])),
        (
            "tensors that overlap",
            file(
                r#"{"weight":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]},"bias":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}}"#,
                &[0; 16],
            ),
        ),
    ];
    let directory = Directory::new();
    for (what, bytes) in cases {
        let path = directory.write("net.safetensors", &bytes);
        let mut layer = Linear::new(rensa::tensor![[1.0, 2.0]], rensa::tensor![3.0]);
        let before = layer.state();
        let error = io::load(&path, &mut layer).expect_err(what);
        assert!(matches!(error, Error::Format { .. }), "{what}: {error}");
        assert!(error.to_string().contains("net.safetensors"), "{what}: {error}");
        assert_eq!(layer.state(), before, "{what}");
    }
    assert!(matches!(io::load(directory.path().join("none"), &mut net::<f64>(0.0)), Err(Error::Io { .. })));
}

proptest! {
    #[test]
    fn trap_29_no_bytes_make_it_panic(header in "[\\[\\]{}:,\"a-z0-9 ]{0,80}", data in prop::collection::vec(any::<u8>(), 0..64)) {
        let directory = Directory::new();
        let mut layer = Linear::<f32>::new(rensa::tensor![[1.0, 2.0]], rensa::tensor![3.0]);
        for bytes in [file(&header, &data), data] {
            prop_assert!(io::load(directory.write("net.safetensors", &bytes), &mut layer).is_err());
        }
    }
}

#[test]
fn trap_30_a_write_that_fails_leaves_the_old_file_and_nothing_else() {
    let directory = Directory::new();
    let path = directory.path().join("net.safetensors");
    fs::create_dir(&path).unwrap(); // a directory cannot be replaced by a file
    fs::write(path.join("inside"), "kept").unwrap();
    let error = io::save(&path, &net::<f32>(0.0)).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("net.safetensors"), "{error}");
    assert_eq!(fs::read_to_string(path.join("inside")).unwrap(), "kept");
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["net.safetensors"]);
    assert!(io::save(directory.path().join("no-such").join("net.safetensors"), &net::<f32>(0.0)).is_err());
}
