//! Parameters in safetensors files: round trips, and files that do not fit. For those of Python see `foreign_files`, for malformed ones
//! `malformed_files`, for writes that fail `atomic_writes`.

#[path = "support/directory.rs"]
mod directory;

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
fn a_file_that_is_not_there_is_an_error_that_names_it() {
    let path = Directory::new().path().join("none.safetensors");
    assert!(matches!(io::load(&path, &mut net::<f64>(0.0)), Err(Error::Io { path: named, .. }) if named == path));
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
