//! Files of NumPy, safetensors and PyTorch: theirs are read, and rensa's own are the same, byte for byte. `tests/golden/files.py` made them;
//! with `--check` it reads what these tests wrote.

#[path = "support/directory.rs"]
mod directory;

use std::fs;
use std::path::{Path, PathBuf};

use directory::Directory;
use rand::{SeedableRng, rngs::StdRng};
use rensa::io::{self, Arrays, Dtype, Element, read_npy, read_npz, write_npy};
use rensa::nn::{BatchNorm2d, Linear, Lstm, Module, Parts, Recurrent, Relu, Sequential, TransformerEncoderLayer};
use rensa::{Conv, Param, Tape, Tensor, Var, tensor};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/files").join(name)
}

/// 0, 1, 2, … in a 2 × 3 matrix; of `bool` every second one is true.
fn counted<E: Element + From<u8>>() -> Tensor<E> {
    counted_by([2, 3], |i| E::from(i as u8))
}

fn counted_by<E: Clone, const N: usize>(shape: [usize; N], f: impl Fn(usize) -> E) -> Tensor<E> {
    let len = shape.iter().product();
    Tensor::from_vec((0..len).map(f).collect(), shape).unwrap()
}

fn odd() -> Tensor<bool> {
    counted_by([2, 3], |i| i % 2 == 1)
}

// ---- npy ---------------------------------------------------------------------------------------------------------------

#[test]
fn arrays_of_every_type_are_read_as_every_type_that_has_their_numbers() {
    for name in ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "big-i4", "big-f8"] {
        let path = golden(&format!("{name}.npy"));
        assert_eq!(read_npy::<f32>(&path).unwrap(), counted(), "{name}");
        assert_eq!(read_npy::<f64>(&path).unwrap(), counted(), "{name}");
        assert_eq!(read_npy::<u8>(&path).unwrap(), counted(), "{name}");
        assert_eq!(read_npy::<i32>(&path).unwrap(), counted(), "{name}");
        assert_eq!(read_npy::<i64>(&path).unwrap(), counted(), "{name}");
        assert_eq!(read_npy::<usize>(&path).unwrap(), counted(), "{name}");
        let message = read_npy::<bool>(&path).unwrap_err().to_string();
        assert!(message.contains("for element 2 of type") && message.contains("no bool"), "{message}");
    }
    assert_eq!(read_npy::<bool>(golden("b1.npy")).unwrap(), odd());
    assert_eq!(read_npy::<f64>(golden("b1.npy")).unwrap(), counted_by([2, 3], |i| (i % 2) as f64));
}

#[test]
fn arrays_of_every_order_shape_and_version_are_read() {
    let turned = read_npy::<f32>(golden("fortran-f4.npy")).unwrap();
    assert_eq!(turned, counted_by([2, 3, 4], |i| i as f32));
    assert_eq!(turned.strides(), [1, 2, 6], "a view of what was read");
    assert_eq!(read_npy::<f64>(golden("scalar-f8.npy")).unwrap(), Tensor::scalar(2.5));
    assert_eq!(read_npy::<usize>(golden("line-f4.npy")).unwrap(), tensor![0_usize, 1, 2, 3, 4]);
    assert_eq!(read_npy::<f64>(golden("empty-f8.npy")).unwrap().shape(), [0, 3]);
    for version in [2, 3] {
        assert_eq!(read_npy::<f32>(golden(&format!("version-{version}.npy"))).unwrap(), counted());
    }
    let special = read_npy::<f32>(golden("special-f4.npy")).unwrap();
    let bits: Vec<u32> = special.iter().map(|x| x.to_bits()).collect();
    let expected = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0, 1e-45, f32::MAX].map(f32::to_bits);
    assert_eq!(bits, expected);
    assert!(read_npy::<i64>(golden("special-f4.npy")).is_err());
}

/// Writes `tensor`, and checks that NumPy wrote the same.
fn writes_as_numpy<E: Element>(tensor: &Tensor<E>, name: &str) {
    let directory = Directory::new();
    let path = directory.path().join(name);
    write_npy(&path, tensor).unwrap();
    assert_eq!(fs::read(path).unwrap(), fs::read(golden(name)).unwrap(), "{name}");
}

#[test]
fn arrays_are_written_byte_for_byte_as_numpy_does() {
    writes_as_numpy(&odd(), "b1.npy");
    writes_as_numpy::<u8>(&counted(), "u1.npy");
    writes_as_numpy::<i32>(&counted(), "i4.npy");
    writes_as_numpy::<i64>(&counted(), "i8.npy");
    writes_as_numpy::<usize>(&counted(), "i8.npy");
    writes_as_numpy::<f32>(&counted(), "f4.npy");
    writes_as_numpy::<f64>(&counted(), "f8.npy");
    writes_as_numpy(&Tensor::scalar(2.5), "scalar-f8.npy");
    writes_as_numpy::<f32>(&tensor![0.0, 1.0, 2.0, 3.0, 4.0], "line-f4.npy");
    writes_as_numpy(&Tensor::<f64>::zeros([0, 3]), "empty-f8.npy");
    writes_as_numpy::<f32>(&counted_by([3, 2], |i| (i % 2 * 3 + i / 2) as f32).t(), "f4.npy");
    let special = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0, 1e-45, f32::MAX];
    writes_as_numpy(&Tensor::from_vec(special.to_vec(), [6]).unwrap(), "special-f4.npy");
}

#[test]
fn what_an_npy_file_cannot_hold_is_refused() {
    let directory = Directory::new();
    let path = directory.write("old.npy", b"old");
    let message = write_npy(&path, &tensor![0, usize::MAX]).unwrap_err().to_string();
    assert!(message.contains("old.npy") && message.contains("element 1 does not fit the type i64"), "{message}");
    let deep = Tensor::<f32>::ones(&[1; 65][..]);
    assert!(write_npy(&path, &deep).unwrap_err().to_string().contains("65 axes"));
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

// ---- npz ---------------------------------------------------------------------------------------------------------------

#[test]
fn archives_of_numpy_are_read() {
    for name in ["stored.npz", "deflated.npz"] {
        let arrays = read_npz(golden(name)).unwrap();
        assert_eq!(arrays.names().collect::<Vec<_>>(), ["a/b.c", "images", "labels", "turned"], "{name}");
        assert_eq!(arrays.get::<f32>("images").unwrap(), counted_by([2, 2, 2], |i| i as f32));
        assert_eq!(arrays.get::<usize>("labels").unwrap(), tensor![0_usize, 1]);
        assert_eq!(arrays.get::<bool>("a/b.c").unwrap(), odd());
        assert_eq!(arrays.get::<i32>("turned").unwrap(), counted());
        assert_eq!(arrays.array("turned").map(|a| (a.dtype(), a.shape().to_vec())), Some((Dtype::I32, vec![2, 3])));
        let message = arrays.get::<f32>("image").unwrap_err().to_string();
        assert!(message.contains("`image`") && message.contains("no array of this name"), "{message}");
    }
}

/// One array of each type that rensa writes.
fn one_of_each() -> Arrays {
    let floats = Arrays::new().with("f32", &counted::<f32>()).and_then(|a| a.with("f64", &counted::<f64>()));
    let small = floats.and_then(|a| a.with("bool", &odd())).and_then(|a| a.with("u8", &counted::<u8>()));
    let ints = small.and_then(|a| a.with("i32", &counted::<i32>())).and_then(|a| a.with("i64", &counted::<i64>()));
    ints.and_then(|a| a.with("usize", &counted::<usize>())).unwrap()
}

#[test]
fn archives_are_read_as_they_were_written() {
    let directory = Directory::new();
    let arrays = one_of_each().with("../a name/ of any kind", &tensor![1.0]).unwrap();
    let path = directory.path().join("arrays.npz");
    type Write = fn(&Path, &Arrays) -> rensa::Result<()>;
    let writes: [Write; 2] = [|path, a| io::write_npz(path, a), |path, a| io::write_npz_compressed(path, a)];
    for write in writes {
        write(&path, &arrays).unwrap();
        assert_eq!(read_npz(&path).unwrap(), arrays);
        let once = fs::read(&path).unwrap();
        write(&path, &arrays).unwrap();
        assert_eq!(fs::read(&path).unwrap(), once, "the same bytes every time");
    }
    let empty = directory.path().join("empty.npz");
    io::write_npz(&empty, &Arrays::new()).unwrap();
    assert!(read_npz(&empty).unwrap().is_empty());
    let noted = one_of_each().with_metadata("by", "me");
    assert!(io::write_npz(&empty, &noted).unwrap_err().to_string().contains("a note about `by`"));
    assert!(read_npz(&empty).unwrap().is_empty(), "the old file");
    assert!(one_of_each().with("u8", &tensor![1.0]).unwrap_err().to_string().contains("the name is taken"));
}

// ---- safetensors -------------------------------------------------------------------------------------------------------

#[test]
fn tensors_of_python_are_read() {
    let arrays = io::load_tensors(golden("mixed.safetensors")).unwrap();
    assert_eq!(arrays.metadata.get("format").map(String::as_str), Some("np"));
    assert_eq!(arrays.get::<f32>("weights").unwrap(), counted());
    assert_eq!(arrays.get::<f64>("wide").unwrap(), tensor![0.0, 1.0, 2.0]);
    assert_eq!(arrays.get::<usize>("classes").unwrap(), tensor![0_usize, 1, 2, 3]);
    assert_eq!(arrays.get::<bool>("mask").unwrap(), odd());
    assert_eq!(arrays.get::<i64>("count").unwrap(), Tensor::scalar(7));
    assert_eq!(arrays.get::<u8>("pixels").unwrap(), counted_by([1, 2, 2], |i| i as u8));
    assert_eq!(arrays.get::<f32>("none").unwrap().shape(), [0, 2]);
    assert_eq!(arrays.len(), 7);
}

#[test]
fn half_precision_is_read_as_single() {
    let half = io::load_tensors(golden("half.safetensors")).unwrap().get::<f32>("x").unwrap();
    let expected = tensor![[0.5_f32, -1.0, 65504.0], [2.0_f32.powi(-24), f32::INFINITY, 0.333_251_95]];
    assert_eq!(half, expected);
    let brain = io::load_tensors(golden("bfloat.safetensors")).unwrap().get::<f64>("x").unwrap();
    let tiny = 129.0 / 128.0 * 2f64.powi(-24); // 6e-8 to eight binary digits
    assert_eq!(brain.to_vec(), [0.5, -1.0, 65536.0, tiny, f64::INFINITY, 0.333_984_375]);
}

/// Whatever is read from Python's file and written again is the same file.
#[test]
fn tensors_are_written_byte_for_byte_as_python_does() {
    let directory = Directory::new();
    let path = directory.path().join("again.safetensors");
    for name in ["mixed", "half", "bfloat", "torch_mlp", "torch_convnet", "torch_transformer", "torch_lstm"] {
        let theirs = golden(&format!("{name}.safetensors"));
        io::save_tensors(&path, &io::load_tensors(&theirs).unwrap()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), fs::read(theirs).unwrap(), "{name}");
    }
    let notes = ["b", "a", "d", "c", "\"quoted\" \u{1}"].into_iter();
    let arrays = notes.fold(one_of_each(), |arrays, note| arrays.with_metadata(note, "é"));
    io::save_tensors(&path, &arrays).unwrap();
    assert_eq!(io::load_tensors(&path).unwrap(), arrays);
    let header = String::from_utf8_lossy(&fs::read(&path).unwrap()[8..]).into_owned();
    assert!(header.starts_with(r#"{"__metadata__":{"\"quoted\" \u0001":"é","a":"é","b":"é","c":"é","d":"é"},"i64""#));
    let only_notes = Arrays::new().with_metadata("a", "b");
    io::save_tensors(&path, &only_notes).unwrap();
    assert_eq!(io::load_tensors(&path).unwrap(), only_notes);
    let taken = Arrays::new().with("__metadata__", &tensor![1.0]).unwrap();
    assert!(io::save_tensors(&path, &taken).unwrap_err().to_string().contains("`__metadata__`"));
}

// ---- PyTorch's state_dict ----------------------------------------------------------------------------------------------

/// Loads PyTorch's parameters into `net` by their names, and compares its output with PyTorch's.
fn answers_as_pytorch(name: &str, net: &mut impl Module<f32>) {
    io::load(golden(&format!("torch_{name}.safetensors")), net).unwrap();
    net.eval();
    let theirs = io::load_tensors(golden(&format!("torch_{name}_io.safetensors"))).unwrap();
    let tape = Tape::new();
    let found = net.forward(tape.constant(theirs.get("input0").unwrap())).value();
    let expected = theirs.get::<f32>("output").unwrap();
    assert_eq!(found.shape(), expected.shape());
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() <= 1e-5, "{name}: {found}\n{expected}");
    }
    assert!(expected.iter().any(|y| y.abs() > 0.05), "outputs that tell nets apart");
}

fn mlp() -> Sequential<f32> {
    let zeros = |outputs, inputs| Linear::new(Tensor::zeros([outputs, inputs]), Tensor::zeros([outputs]));
    Sequential::new().with(zeros(8, 4)).with(Relu).with(zeros(3, 8))
}

#[test]
fn a_perceptron_of_pytorch_answers_as_there() {
    answers_as_pytorch("mlp", &mut mlp());
}

/// A convolution by PyTorch's names.
struct Convolution {
    weight: Param<f32>,
    bias: Param<f32>,
}
rensa::parts!(Convolution for f32 { weight, bias });

/// A convolution, normalised over the batch, and a linear layer.
struct ConvNet {
    conv: Convolution,
    bn: BatchNorm2d<f32>,
    fc: Linear<f32>,
}
rensa::parts!(ConvNet for f32 { conv, bn, fc });

impl Module<f32> for ConvNet {
    fn forward<'t>(&self, x: Var<'t, f32>) -> Var<'t, f32> {
        let [weight, bias] = [&self.conv.weight, &self.conv.bias].map(|param| x.tape().param(param));
        let h = x.conv2d(weight, Conv::new().stride(2).padding(1)) + bias.reshape([4, 1, 1]);
        let h = self.bn.forward(h).relu();
        self.fc.forward(h.reshape([x.shape()[0], 16]))
    }
}

fn convnet() -> ConvNet {
    let zeros = |shape: &[usize]| Param::new(Tensor::zeros(shape));
    let conv = Convolution { weight: zeros(&[4, 2, 3, 3]), bias: zeros(&[4]) };
    ConvNet { conv, bn: BatchNorm2d::init(4), fc: Linear::new(Tensor::zeros([3, 16]), Tensor::zeros([3])) }
}

#[test]
fn a_convnet_of_pytorch_answers_as_there_and_brings_its_running_means() {
    let mut net = convnet();
    answers_as_pytorch("convnet", &mut net);
    let state = net.state();
    assert_eq!(state.counts.iter().collect::<Vec<_>>(), [(&"bn.num_batches_tracked".to_string(), &3)]);
    assert!(state.tensors["bn.running_var"].iter().all(|&v| v > 0.0 && v != 1.0));
    // What is saved again is what PyTorch saved, but for its note.
    let directory = Directory::new();
    let path = directory.path().join("again.safetensors");
    io::save(&path, &net).unwrap();
    let mut theirs = io::load_tensors(golden("torch_convnet.safetensors")).unwrap();
    theirs.metadata.clear();
    assert_eq!(io::load_tensors(&path).unwrap(), theirs);
}

#[test]
fn a_transformer_layer_of_pytorch_answers_as_there() {
    let rng = &mut StdRng::seed_from_u64(0);
    answers_as_pytorch("transformer", &mut TransformerEncoderLayer::<f32>::init(8, 2, 16, rng));
}

/// A recurrent layer of two layers in both directions, and a linear layer.
struct Reader {
    lstm: Lstm<f32>,
    fc: Linear<f32>,
}
rensa::parts!(Reader for f32 { lstm, fc });

impl Module<f32> for Reader {
    fn forward<'t>(&self, x: Var<'t, f32>) -> Var<'t, f32> {
        self.fc.forward(self.lstm.forward(x, None).0)
    }
}

#[test]
fn a_recurrent_net_of_pytorch_answers_as_there() {
    let rng = &mut StdRng::seed_from_u64(0);
    let options = Recurrent::new().layers(2).bidirectional().batch_first();
    answers_as_pytorch("lstm", &mut Reader { lstm: Lstm::init(3, 5, options, rng), fc: Linear::init(10, 2, rng) });
}

/// Fine-tuning: a net with another head, and a file without counters, take what fits; a strict load takes nothing and names it all.
#[test]
fn what_fits_of_a_file_is_loaded_and_the_rest_reported() {
    let theirs = golden("torch_convnet.safetensors");
    let mut net = convnet();
    net.fc = Linear::new(Tensor::zeros([5, 16]), Tensor::zeros([5])).without_bias();
    let before = net.state();
    let message = io::load(&theirs, &mut net).unwrap_err().to_string();
    assert!(message.contains("`fc.weight` of shape [3, 16], not [5, 16], `fc.bias` unexpected"), "{message}");
    assert_eq!(net.state(), before);

    let report = io::load_partial(&theirs, &mut net).unwrap();
    assert_eq!(report.loaded.len(), 7);
    assert_eq!(report.faults(), ["`fc.weight` of shape [3, 16], not [5, 16]", "`fc.bias` unexpected"]);
    assert!(!report.is_complete() && report.missing.is_empty());
    let after = net.state();
    assert!(
        after.tensors["conv.weight"] != before.tensors["conv.weight"] && after.counts["bn.num_batches_tracked"] == 3
    );
    assert_eq!(after.tensors["fc.weight"], before.tensors["fc.weight"]);

    let directory = Directory::new();
    let path = directory.path().join("without-counters.safetensors");
    let all = io::load_tensors(&theirs).unwrap();
    let named = |name: &str| Arrays::new().with(name, &all.get::<f32>(name).unwrap());
    io::save_tensors(&path, &named("conv.bias").unwrap()).unwrap();
    let report = io::load_partial(&path, &mut net).unwrap();
    assert_eq!((report.loaded, report.missing.len(), report.unexpected.len()), (vec!["conv.bias".to_string()], 7, 0));
    for (name, count) in [("negative", -1), ("many", i64::MAX)] {
        let counted =
            named("conv.bias").and_then(|a| a.with("bn.num_batches_tracked", &Tensor::scalar(count))).unwrap();
        io::save_tensors(&path, &counted).unwrap();
        let report = io::load_partial(&path, &mut net).unwrap();
        assert_eq!(report.unfit.len(), usize::from(count < 0), "{name}: {report:?}");
    }
    assert_eq!(net.state().counts["bn.num_batches_tracked"], i64::MAX as u64);
    assert!(io::load_partial(golden("f4.npy"), &mut net).is_err());
}

// ---- for Python --------------------------------------------------------------------------------------------------------

/// With `RENSA_WRITTEN` a directory to keep: what `tests/golden/files.py --check` then reads.
#[test]
fn one_file_of_each_kind_is_written_for_python_to_read() {
    let own = Directory::new();
    let directory = std::env::var_os("RENSA_WRITTEN").map_or(own.path().to_path_buf(), PathBuf::from);
    let file = |name: &str| directory.join(name);
    write_npy(file("f32.npy"), &counted::<f32>()).unwrap();
    write_npy(file("f64.npy"), &counted::<f64>()).unwrap();
    write_npy(file("bool.npy"), &odd()).unwrap();
    write_npy(file("u8.npy"), &counted::<u8>()).unwrap();
    write_npy(file("i32.npy"), &counted::<i32>()).unwrap();
    write_npy(file("i64.npy"), &counted::<i64>()).unwrap();
    write_npy(file("usize.npy"), &counted::<usize>()).unwrap();
    io::write_npz(file("stored.npz"), &one_of_each()).unwrap();
    io::write_npz_compressed(file("deflated.npz"), &one_of_each()).unwrap();
    let noted = one_of_each().with_metadata("format", "np").with_metadata("made by", "rensa");
    io::save_tensors(file("mixed.safetensors"), &noted).unwrap();
    io::save(file("net.safetensors"), &mlp()).unwrap();
    assert!(fs::read_dir(&directory).unwrap().count() >= 11);
}
