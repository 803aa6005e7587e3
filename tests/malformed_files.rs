//! Files that are wrong in every way that we could think of, made here, and good ones that chance damages: each is refused with an error
//! that names it, or read; nothing panics, nothing is changed, and no memory is taken that a small multiple of the file does not hold.

#[path = "support/allocations.rs"]
mod allocations;
#[path = "support/archive.rs"]
mod archive;
#[path = "support/directory.rs"]
mod directory;

use std::collections::BTreeSet;
use std::path::Path;

use allocations::{Counting, peak_bytes};
use archive::{Member, deflate, gzip, npy, npy_of, safetensors, zip, zip_of};
use directory::Directory;
use proptest::prelude::*;
use rensa::data::text::Vocabulary;
use rensa::data::{Dataset, cifar, csv, idx};
use rensa::nn::{Linear, Parts};
use rensa::{Error, Result, Tensor, io, tensor};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads a file into the weights of a layer.
type Read = fn(&Path, &mut Linear<f64>) -> Result<()>;
/// The name of a case, the part of the message that tells what is wrong, and the file.
type Case = (&'static str, &'static str, Vec<u8>);

fn layer() -> Linear<f64> {
    Linear::new(tensor![[1.0, 2.0]], tensor![3.0])
}

/// What decoders and readers take whatever the file (a field of a gzip header may say that it has 64 KB), and how often they may hold it: bytes become numbers of 8 bytes, and what a list in
/// JSON has is held in 16 bytes a letter, twice while it grows.
const FIXED: usize = 160 << 10;
const TIMES: usize = 32;

/// Reads `bytes` in a fresh layer, within the bound on memory, and returns the result; nothing is changed if it is an error.
fn read_within_bounds(name: &str, bytes: &[u8], path: &Path, read: Read) -> Result<()> {
    let mut layer = layer();
    let before = layer.state();
    let mut result = Ok(());
    let peak = peak_bytes(|| result = read(path, &mut layer));
    let bound = FIXED + TIMES * bytes.len();
    if std::env::var_os("RENSA_PEAKS").is_some() {
        println!("{:6.1} {peak} {} {name}", (peak as f64 - FIXED as f64) / bytes.len() as f64, bytes.len());
    }
    assert!(peak <= bound as isize, "{name}: {peak} bytes at a time for a file of {}", bytes.len());
    if result.is_err() {
        assert_eq!(layer.state(), before, "{name}");
    }
    result
}

/// Checks that every case is refused with its reason and the name of its file, and the good file read; returns the number of cases.
fn all_refused(read: Read, good: &[u8], cases: &[Case]) -> usize {
    let directory = Directory::new();
    let path = directory.write("good", good);
    read_within_bounds("good", good, &path, read).expect("the good file");
    let (mut names, mut complaints) = (BTreeSet::new(), Vec::new());
    for (name, part, bytes) in cases {
        assert!(names.insert(name), "`{name}` twice");
        let path = directory.write("malformed", bytes);
        let Err(error) = read_within_bounds(name, bytes, &path, read) else {
            complaints.push(format!("{name}: it is read"));
            continue;
        };
        let message = error.to_string();
        let says =
            matches!(error, Error::Format { .. }) && message.contains("malformed: expected") && message.contains(part);
        if !says || message.len() > 1_000 + 2 * bytes.len() {
            complaints.push(format!("{name}: no `{part}` in: {}", message.chars().take(1_000).collect::<String>()));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    names.len()
}

// ---- npy ---------------------------------------------------------------------------------------------------------------

fn read_npy(path: &Path, layer: &mut Linear<f64>) -> Result<()> {
    layer.weight.value = io::read_npy(path)?;
    Ok(())
}

fn good_npy() -> Vec<u8> {
    npy("<f8", "(1, 2)", &[0; 16])
}

fn npy_cases() -> Vec<Case> {
    let header = |text: &str| npy_of([1, 0], text, &[0; 16]);
    let shape = |shape: &str| npy("<f8", shape, &[0; 16]);
    let descr = |descr: &str| npy(descr, "(1, 2)", &[0; 16]);
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(60_000), close.repeat(60_000));
    let deep = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {}}}", nested("(", ")"));
    let deep_type = format!("{{'descr': {}, 'fortran_order': False, 'shape': (1,)}}", nested("[", "]"));
    let mut long = good_npy();
    long[8..10].copy_from_slice(&[255, 255]);
    let mut longer = npy_of([2, 0], "{}", &[0; 90]);
    longer[8..12].copy_from_slice(&[255; 4]);
    vec![
        ("empty", "at least 10 bytes", vec![]),
        ("half a magic", "at least 10 bytes", b"\x93NUM".to_vec()),
        ("another magic", "begins with 93 NUMPY", b"\x93NUMPZ\x01\x00\x02\x00{}".to_vec()),
        ("a picture", "begins with 93 NUMPY", b"\x89PNG\r\n\x1a\n and so on".to_vec()),
        ("version 0", "version 1.0, 2.0 or 3.0", npy_of([0, 0], "{}", &[])),
        ("version 4", "found 4.0", npy_of([4, 0], "{}", &[])),
        ("version 1.1", "found 1.1", npy_of([1, 1], "{}", &[])),
        ("no length", "the length of the npy header", b"\x93NUMPY\x01\x00".to_vec()),
        ("half a length", "1 of 2 bytes", b"\x93NUMPY\x01\x00\x10".to_vec()),
        ("a header of 64 KB in 100 bytes", "header of 65535 bytes", long),
        ("a header of 4 GB in 100 bytes", "header of 4294967295 bytes", longer),
        ("a header that is cut", "an npy header of", good_npy()[..40].to_vec()),
        ("an empty header", "`{` in byte 0", header("")),
        ("no dictionary", "`{` in byte 0", header("['descr']")),
        ("an empty dictionary", "not all of them", header("{}")),
        ("a dictionary that does not end", "`}`", header("{'descr': '<f8'")),
        ("a string that does not end", "in byte", header("{'descr")),
        ("a key without a value", "`:`", header("{'descr'}")),
        ("no shape", "not all of them", header("{'descr': '<f8', 'fortran_order': False}")),
        ("a key twice", "once each, found `descr`", header("{'descr': '<f8', 'descr': '<f8', 'shape': (1, 2)}")),
        ("a key too many", "once each, found `x`", header("{'x': 1}")),
        ("an empty key", "a string of ASCII", header("{'': 1}")),
        (
            "something behind the dictionary",
            "nothing behind",
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2)} + evil()"),
        ),
        ("an escape", "`'`", header("{'descr\\x41': 1}")),
        ("a letter that is no ASCII", "`'`", header("{'dëscr': 1}")),
        ("bytes that are no text", "in byte 0", [&b"\x93NUMPY\x01\x00\x04\x00"[..], &[255; 4]].concat()),
        ("an order that is a number", "True or False", header("{'fortran_order': 1}")),
        ("an order of another word", "found `Maybe`", header("{'fortran_order': Maybe}")),
        ("objects", "floats, found `|O`", descr("|O")),
        ("texts", "floats, found `<U5`", descr("<U5")),
        ("complex numbers", "floats, found `<c16`", descr("<c16")),
        ("dates", "floats, found `<M8[s]`", descr("<M8[s]")),
        ("floats of 16 bytes", "floats, found `<f16`", descr("<f16")),
        ("a type without an order", "one order", descr("f8")),
        ("a type in the order of some machine", "found `=f8`", descr("=f8")),
        ("a type that says that it has no order", "one order", descr("|f8")),
        ("a type with two orders", "one order", descr("<>f8")),
        ("a structured type", "a structured type", header("{'descr': [('x', '<f8')], 'shape': (1,)}")),
        ("60,000 nested brackets for a type", "a structured type", npy_of([2, 0], &deep_type, &[])),
        ("60,000 nested parentheses for a shape", "a size in byte", npy_of([2, 0], &deep, &[])),
        ("a negative size", "a size in byte", shape("(-1, 2)")),
        ("a size with a fraction", "a comma behind", shape("(1.0, 2)")),
        ("a size that is a name", "a size in byte", shape("(n, 2)")),
        ("a number for a shape", "`(`", shape("2")),
        ("a size in parentheses", "a comma behind", shape("(2)")),
        ("a size beyond all numbers", "can be addressed", shape("(18446744073709551616, 1)")),
        ("a size of 10,000 digits", "can be addressed", shape(&format!("({}, 1)", "9".repeat(10_000)))),
        ("sizes whose product is beyond all numbers", "product can be addressed", shape("(4294967296, 4294967296)")),
        ("sizes whose bytes are beyond all numbers", "product can be addressed", shape("(2305843009213693952, 1)")),
        ("sizes whose product a zero hides", "product can be addressed", shape("(4294967296, 4294967296, 0)")),
        ("65 axes", "at most 64 axes", shape(&format!("({})", "1, ".repeat(65)))),
        ("100 GB in 100 bytes", "100000000000 bytes of data", shape("(12500, 1000, 1000)")),
        ("data that are cut", "16 bytes of data for [1, 2] of type f64, found 15", npy("<f8", "(1, 2)", &[0; 15])),
        ("no data", "16 bytes of data", npy("<f8", "(1, 2)", &[])),
        ("data behind the end", "found 17", npy("<f8", "(1, 2)", &[0; 17])),
        ("data of nothing", "0 bytes of data", npy("<f8", "(0, 2)", &[0; 8])),
        ("a bool that is 7", "[07] for element 1 of type bool", npy("|b1", "(2,)", &[1, 7])),
        ("a whole number that no float is", "for element 0 of type i64", npy("<i8", "(1,)", &i64::MAX.to_le_bytes())),
        ("a whole number beyond the signed ones", "for element 0 of type u64", npy("<u8", "(1,)", &[255; 8])),
    ]
}

// ---- npz ---------------------------------------------------------------------------------------------------------------

fn read_npz(path: &Path, layer: &mut Linear<f64>) -> Result<()> {
    let arrays = io::read_npz(path)?;
    layer.weight.value = arrays.get("x")?;
    Ok(())
}

fn good_npz() -> Vec<u8> {
    zip(&[Member::stored("x.npy", &good_npy()), Member::deflated("y.npy", &good_npy())])
}

/// An archive whose second member lies in the data of the first.
fn nested_members() -> Vec<u8> {
    let inner = Member::stored("y.npy", &npy("|u1", "(2000,)", &[0; 2000]));
    let before = 30 + inner.name.len();
    let bytes = zip(std::slice::from_ref(&inner))[..before + inner.data.len()].to_vec();
    let outer = npy("|u1", &format!("({},)", bytes.len()), &bytes);
    let offset = (before + outer.len() - bytes.len()) as u32;
    zip(&[Member::stored("x.npy", &outer), Member { data: vec![], offset: Some(offset), ..inner }])
}

fn npz_cases() -> Vec<Case> {
    let (stored, deflated) = (Member::stored("x.npy", &good_npy()), Member::deflated("x.npy", &good_npy()));
    let named = |name: &[u8]| {
        let name = name.to_vec();
        zip(&[Member { local_name: name.clone(), name, ..stored.clone() }])
    };
    let with = |change: &dyn Fn(&mut Member)| {
        let mut member = deflated.clone();
        change(&mut member);
        zip(&[member])
    };
    let mut far = good_npz();
    let end = far.len() - 6; // where the directory begins, it says
    far[end..end + 4].copy_from_slice(&[255, 255, 255, 127]);
    let mut zip64 = vec![1, 0, 16, 0];
    zip64.extend(u64::MAX.to_le_bytes());
    zip64.extend((1_u64 << 40).to_le_bytes());
    let zeros = vec![0; 16 << 20];
    let bomb = npy("<f8", "(2097152,)", &zeros);
    let small = npy("<f8", "(1, 2)", &zeros);
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let noise: Vec<u8> = (0..40_000).map(|_| random()).collect();
    let twin = Member { name: b"y.npy".to_vec(), local_name: b"y.npy".to_vec(), offset: Some(0), ..stored.clone() };
    vec![
        ("empty", "a zip archive", vec![]),
        ("no archive", "a zip archive", b"PK, but nothing else".to_vec()),
        ("an npy file", "a zip archive", good_npy()),
        ("an archive that is cut in front", "member", good_npz()[20..].to_vec()),
        ("an archive that is cut behind", "a zip archive", good_npz()[..good_npz().len() - 30].to_vec()),
        ("members that are not there", "5 members, found 1", zip_of(std::slice::from_ref(&stored), 5)),
        ("65,535 members", "65535 members, found 1", zip_of(std::slice::from_ref(&stored), 65_535)),
        ("fewer members than there are", "1 members, found 2", {
            let other = Member::stored("y.npy", &good_npy());
            zip_of(&[stored.clone(), other], 1)
        }),
        ("a directory beyond the file", "a zip archive", far),
        ("a name that is no array's", "end with .npy, found `x.txt`", named(b"x.txt")),
        ("a name of a directory", "end with .npy, found `x/`", named(b"x/")),
        ("an empty name", "end with .npy", named(b"")),
        ("a name that is no text", "end with .npy", named(b"\xff\xfe.npy")),
        ("a name twice", "each name once, found `x` twice", zip(&[stored.clone(), deflated.clone()])),
        ("another name before the data", "the same name before the data", {
            zip(&[Member { local_name: b"z.npy".to_vec(), ..stored.clone() }])
        }),
        ("two names of the same data", "the same name before the data", zip(&[stored.clone(), twin])),
        ("a member in another one", "`y.npy` shares bytes with others", nested_members()),
        ("encrypted data", "encrypted data", with(&|m| m.flags = 1)),
        ("another compression", "stored or deflated data", with(&|m| m.method = 12)),
        ("a compression that is not known", "stored or deflated data", with(&|m| m.method = 999)),
        ("a checksum that is wrong", "undamaged member", with(&|m| m.crc ^= 1)),
        ("a promise of 4 GB from 50 bytes", "a promise of 4294967294", with(&|m| m.size = u32::MAX - 1)),
        ("a promise of 2⁶⁴ bytes", "a promise of 18446744073709551615", {
            with(&|m| (m.extra, m.size, m.compressed) = (zip64.clone(), u32::MAX, m.data.len() as u32))
        }),
        ("2⁴⁰ compressed bytes", "member", {
            with(&|m| (m.extra, m.size, m.compressed) = (zip64.clone(), u32::MAX, u32::MAX))
        }),
        ("a promise of one byte more", "a promise of", with(&|m| m.size += 1)),
        ("a promise of one byte less", "a promise of", with(&|m| m.size -= 1)),
        ("compressed data beyond the file", "member", with(&|m| m.compressed = 1 << 30)),
        ("a place beyond the file", "member", with(&|m| m.offset = Some(1 << 30))),
        ("a place in the middle of data", "member", with(&|m| m.offset = Some(31))),
        ("data that are not deflated", "undamaged member", zip(&[deflated.clone().holding(vec![255; 60])])),
        ("deflated data that are cut", "member", {
            let half = deflated.data[..deflated.data.len() / 2].to_vec();
            zip(&[deflated.clone().holding(half)])
        }),
        ("no data", "member", zip(&[stored.clone().holding(vec![])])),
        ("an array that is cut", "a promise of", zip(&[Member::stored("x.npy", &npy("<f8", "(1, 2)", &[0; 15]))])),
        ("an array that is none", "begins with 93 NUMPY", zip(&[Member::deflated("x.npy", b"not an array at all")])),
        ("an array of objects", "found `|O`", zip(&[Member::stored("x.npy", &npy("|O", "(1,)", &[0; 8]))])),
        ("16 MB of zeros for 16 bytes", "a promise of 16777", zip(&[Member::deflated("x.npy", &small)])),
        ("16 MB of zeros of which 16 bytes are promised", "member", {
            zip(&[Member { size: good_npy().len() as u32, ..Member::deflated("x.npy", &small) }])
        }),
        ("16 MB that are promised twice and not there", "undamaged member", {
            let begin = [&bomb[..100], &noise].concat();
            zip(&[Member { size: bomb.len() as u32, ..Member::deflated("x.npy", &bomb).holding(deflate(&begin)) }])
        }),
    ]
}

// ---- safetensors -------------------------------------------------------------------------------------------------------

fn read_safetensors(path: &Path, layer: &mut Linear<f64>) -> Result<()> {
    io::load(path, layer)
}

const BIAS: &str = r#""bias":{"dtype":"F64","shape":[1],"data_offsets":[16,24]}"#;

fn weight(kind: &str, shape: &str, offsets: &str) -> String {
    format!(r#""weight":{{"dtype":"{kind}","shape":{shape},"data_offsets":{offsets}}}"#)
}

fn good_safetensors() -> Vec<u8> {
    safetensors(&format!("{{{},{BIAS}}}", weight("F64", "[1,2]", "[0,16]")), &[0; 24])
}

fn safetensors_cases() -> Vec<Case> {
    let file = |weight: &str| safetensors(&format!("{{{weight},{BIAS}}}"), &[0; 24]);
    let shape = |shape: &str| file(&weight("F64", shape, "[0,16]"));
    let offsets = |offsets: &str| file(&weight("F64", "[1,2]", offsets));
    let good = weight("F64", "[1,2]", "[0,16]");
    let nested = format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
    let of_length = |n: u64| [&n.to_le_bytes()[..], &[b' '; 92]].concat();
    let header = |text: &str| safetensors(text, &[0; 24]);
    vec![
        ("empty", "a safetensors file", vec![]),
        ("shorter than a length", "a safetensors file", vec![1, 2, 3]),
        ("a header of 100 GB in 100 bytes", "a safetensors file", of_length(100_000_000_000)),
        ("a header of 90 MB in 100 bytes", "a safetensors file", of_length(90_000_000)),
        ("a header of all the numbers there are", "a safetensors file", of_length(u64::MAX)),
        ("an empty header", "a safetensors file", safetensors("", &[])),
        ("a header that is no JSON", "a safetensors file", header("hello")),
        ("a header that is no text", "a safetensors file", [&4_u64.to_le_bytes()[..], &[255; 4]].concat()),
        ("a header that is a list", "a safetensors file", header("[]")),
        ("a header that ends in the middle", "a safetensors file", header(r#"{"weight":{"dtype":"F64""#)),
        ("60,000 nested brackets", "a safetensors file", header(&nested)),
        ("60,000 nested brackets for a shape", "a safetensors file", shape(&nested)),
        ("data that are cut", "a safetensors file", good_safetensors()[..good_safetensors().len() - 1].to_vec()),
        ("data behind the end", "a safetensors file", [good_safetensors(), vec![0]].concat()),
        ("sizes that do not fill the data", "a safetensors file", shape("[1,3]")),
        ("sizes whose product overflows", "a safetensors file", shape("[4294967296,4294967296,2]")),
        ("sizes whose bits overflow", "a safetensors file", shape("[1152921504606846976]")),
        ("sizes whose product a zero hides", "in 0 bytes", {
            let zero = weight("F64", "[0,4294967296,4294967296]", "[0,0]");
            safetensors(&format!("{{{zero},{}}}", BIAS.replace("[16,24]", "[0,8]")), &[0; 8])
        }),
        ("a negative size", "a safetensors file", shape("[-1,2]")),
        ("a size with a fraction", "a safetensors file", shape("[1.5,2]")),
        ("a size beyond all numbers", "a safetensors file", shape("[18446744073709551616]")),
        ("a size that is a text", "a safetensors file", shape(r#"["2"]"#)),
        ("50,000 sizes", "of shape", {
            let zeros = weight("F64", &format!("[{}1]", "0,".repeat(50_000)), "[0,0]");
            safetensors(&format!("{{{zeros},{}}}", BIAS.replace("[16,24]", "[0,8]")), &[0; 8])
        }),
        ("offsets backwards", "a safetensors file", offsets("[16,0]")),
        ("offsets beyond the file", "a safetensors file", offsets("[0,18446744073709551615]")),
        ("offsets that are negative", "a safetensors file", offsets("[-16,0]")),
        ("one offset", "a safetensors file", offsets("[0]")),
        ("three offsets", "a safetensors file", offsets("[0,16,24]")),
        ("arrays that overlap", "a safetensors file", {
            safetensors(&format!("{{{good},{}}}", BIAS.replace("[16,24]", "[8,16]")), &[0; 16])
        }),
        ("a hole between arrays", "a safetensors file", {
            safetensors(&format!("{{{good},{}}}", BIAS.replace("[16,24]", "[24,32]")), &[0; 32])
        }),
        ("a type that is not known", "a safetensors file", file(&weight("F99", "[1,2]", "[0,16]"))),
        ("a type in small letters", "a safetensors file", file(&weight("f64", "[1,2]", "[0,16]"))),
        ("a type that no number is", "`weight` of type", file(&weight("F8_E4M3", "[1,16]", "[0,16]"))),
        ("halves of bytes", "a safetensors file", file(&weight("F4", "[1,31]", "[0,16]"))),
        ("complex numbers", "`weight` of type", file(&weight("C64", "[1,2]", "[0,16]"))),
        ("a missing type", "a safetensors file", file(r#""weight":{"shape":[1,2],"data_offsets":[0,16]}"#)),
        ("a missing shape", "a safetensors file", file(r#""weight":{"dtype":"F64","data_offsets":[0,16]}"#)),
        (
            "a type twice",
            "a safetensors file",
            file(&good.replace(r#""dtype":"F64""#, r#""dtype":"F64","dtype":"F64""#)),
        ),
        ("a name twice", "`weight` stands twice", file(&format!("{good},{good}"))),
        ("a name twice in two spellings", "`weight` stands twice", {
            file(&format!("{good},{}", good.replace("weight", "\\u0077eight")))
        }),
        ("a name that is a path", "`../../weight` unexpected", file(&good.replace("weight", "../../weight"))),
        ("a name that is absolute", "`/weight` unexpected", file(&good.replace("weight", "/weight"))),
        ("an empty name", "`` unexpected", file(&good.replace("weight", ""))),
        ("a name of 100,000 letters", "`weight` missing", file(&good.replace("weight", &"x".repeat(100_000)))),
        ("notes that are no texts", "a safetensors file", header(r#"{"__metadata__":{"a":1}}"#)),
        ("notes that are a list", "a safetensors file", header(r#"{"__metadata__":[]}"#)),
        ("whole numbers that no float is", "which is no f64", {
            safetensors(&format!("{{{},{BIAS}}}", weight("I64", "[1,2]", "[0,16]")), &[127; 24])
        }),
        ("a bool that is 7", "[07] for element", {
            let bools = weight("BOOL", "[1,2]", "[0,2]");
            safetensors(&format!("{{{bools},{}}}", BIAS.replace("[16,24]", "[2,10]")), &[7; 10])
        }),
        ("another shape", "`weight` of shape [2, 1], not [1, 2]", shape("[2,1]")),
        ("nothing", "`bias` missing, `weight` missing", safetensors("{}", &[])),
    ]
}

// ---- IDX ---------------------------------------------------------------------------------------------------------------

fn read_idx(path: &Path, layer: &mut Linear<f64>) -> Result<()> {
    let idx::Idx { shape, data } = idx::read(path)?;
    layer.weight.value = Tensor::from_vec(data.into_iter().map(f64::from).collect(), &shape[..])?;
    Ok(())
}

fn idx_file(kind: u8, shape: &[u32], data: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = shape.iter().flat_map(|size| size.to_be_bytes()).collect();
    [&[0, 0, kind, shape.len() as u8], &sizes[..], data].concat()
}

fn idx_cases() -> Vec<Case> {
    let good = idx_file(8, &[2, 3], &[1; 6]);
    let plain: Vec<Case> = vec![
        ("empty", "an IDX header", vec![]),
        ("a magic that is cut", "an IDX header", vec![0, 0, 8]),
        ("another magic", "first bytes are 00 00", b"GIF89a".to_vec()),
        ("another type", "type 08", idx_file(0x0d, &[1], &[0; 4])),
        ("no dimensions", "1 or more dimensions", idx_file(8, &[], &[1])),
        ("255 dimensions in 40 bytes", "a header of 1024 bytes", [&[0, 0, 8, 255][..], &[1; 36]].concat()),
        ("sizes that are cut", "a header of 12 bytes", good[..9].to_vec()),
        ("sizes whose product overflows", "product can be addressed", idx_file(8, &[u32::MAX; 3], &[1; 9])),
        (
            "sizes whose product a zero hides",
            "product can be addressed",
            idx_file(8, &[u32::MAX, u32::MAX, u32::MAX, 0], &[]),
        ),
        ("100 GB in 100 bytes", "100000000000 bytes", idx_file(8, &[100_000, 1000, 1000], &[1; 84])),
        ("2⁶² bytes in 20", "4611686018427387904 bytes", idx_file(8, &[1 << 31, 1 << 31], &[1; 8])),
        ("data that are cut", "6 bytes of data", good[..good.len() - 1].to_vec()),
        ("data behind the end", "found 7 or more", [&good[..], &[1]].concat()),
    ];
    let whole = gzip(&good);
    let mut damaged = whole.clone();
    let at = damaged.len() - 5;
    damaged[at] ^= 1;
    let bomb = gzip(&idx_file(8, &[2, 3], &vec![0; 16 << 20]));
    let zipped: Vec<Case> = vec![
        ("a gzip header alone", "undamaged gzip stream", vec![0x1f, 0x8b]),
        ("a gzip stream that is cut", "undamaged gzip stream", whole[..whole.len() - 9].to_vec()),
        ("a gzip stream with a wrong checksum", "undamaged gzip stream", damaged),
        ("a gzip stream of another compression", "undamaged gzip stream", [&[0x1f, 0x8b, 7][..], &whole[3..]].concat()),
        ("something behind a gzip stream", "undamaged gzip stream", [&whole[..], b"and more"].concat()),
        ("two gzip streams", "found 7 or more", [&whole[..], &gzip(&[1])].concat()),
        ("16 MB of zeros for 6 bytes", "found 7 or more", bomb),
        ("a gzipped promise of 100 GB", "100000000000 bytes", gzip(&idx_file(8, &[100_000, 1000, 1000], &[1; 84]))),
        ("a gzip stream in a gzip stream", "first bytes are 00 00", gzip(&whole)),
    ];
    plain.into_iter().chain(zipped).collect()
}

// ---- CIFAR, tables, vocabularies ---------------------------------------------------------------------------------------

fn read_cifar10(path: &Path, layer: &mut Linear<f64>) -> Result<()> {
    layer.weight.value = cifar::read10(path)?.dataset()?.inputs;
    Ok(())
}

fn read_cifar100(path: &Path, layer: &mut Linear<f64>) -> Result<()> {
    layer.weight.value = cifar::read100(path)?.dataset()?.inputs;
    Ok(())
}

fn image(labels: &[u8]) -> Vec<u8> {
    [labels, &[5; 3072]].concat()
}

fn cifar10_cases() -> Vec<Case> {
    vec![
        ("empty", "images of 3073 bytes", vec![]),
        ("a label alone", "images of 3073 bytes", vec![3]),
        ("an image that is cut", "found 3072 bytes", image(&[])),
        ("an image and a label", "found 3074 bytes", [image(&[1]), vec![1]].concat()),
        ("a label of 10", "a label from 0 to 9, found 10 for image 1", [image(&[1]), image(&[10])].concat()),
        ("a label of 255", "a label from 0 to 9, found 255 for image 0", image(&[255])),
    ]
}

fn cifar100_cases() -> Vec<Case> {
    vec![
        ("a file of CIFAR-10", "images of 3074 bytes, found 3073 bytes", image(&[1])),
        ("a group of 20", "a group from 0 to 19, found 20", image(&[20, 1])),
        ("a label of 100", "a label from 0 to 99, found 100", image(&[1, 100])),
    ]
}

fn read_csv(path: &Path, layer: &mut Linear<f64>) -> Result<()> {
    let table = csv::Table::read(path, csv::Options::default())?;
    let (labels, _) = table.classes("c")?;
    layer.weight.value = Dataset::new(table.numbers(&["a", "b"])?, labels)?.inputs;
    Ok(())
}

fn csv_cases() -> Vec<Case> {
    let case = |name, part, text: &str| (name, part, text.as_bytes().to_vec());
    vec![
        case("empty", "a column `c`", ""),
        case("no header", "a column `c`", "1,2,x\n3,4,y\n"),
        case("a column twice", "columns of different names", "a,b,c,a\n1,2,x,1\n"),
        case("a row too long", "3 cells in line 3, found 4", "a,b,c\n1,2,x\n1,2,x,4\n"),
        case("a row too short", "3 cells in line 2, found 2", "a,b,c\n1,2\n"),
        case("a cell that is no number", "line 3, column 2 (`b`), found `two`", "a,b,c\n1,2,x\n1,two,x\n"),
        case("a cell that is not there", "line 2, column 1 (`a`), found none", "a,b,c\n,2,x\n"),
        case("a number beyond all numbers", "a finite number in line 2", "a,b,c\n1e999,2,x\n"),
        case("a number that is none", "a finite number in line 2", "a,b,c\nNaN,2,x\n"),
        case("a class without a name", "the name of a class in line 2", "a,b,c\n1,2, \n"),
        case("a quote that does not end", "3 cells in line 2, found 1", "a,b,c\n\"1,2,x\n1,2,x\n"),
        case("a cell of 100,000 digits", "a finite number", &format!("a,b,c\n{},2,x\n", "9".repeat(100_000))),
        ("bytes that are no text", "UTF-8 in line 2", b"a,b,c\n1,\xff,x\n".to_vec()),
        ("a header that is no text", "UTF-8 in line 1", b"a,\xff,c\n".to_vec()),
        ("a picture", "", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        ("zeros", "a column `c`", vec![0; 1000]),
    ]
}

fn read_vocabulary(path: &Path, _: &mut Linear<f64>) -> Result<()> {
    Vocabulary::load(path).map(drop)
}

fn vocabulary_cases() -> Vec<Case> {
    let case = |name, part, text: &str| (name, part, text.as_bytes().to_vec());
    vec![
        case("empty", "`rensa vocabulary of chars`", ""),
        case("another title", "in line 1", "vocabulary\n"),
        case("no special tokens", "a line `special`", "rensa vocabulary of bytes\n"),
        case("a token twice", "in line 3", "rensa vocabulary of chars\na\na\nspecial\n"),
        case("a token of two letters", "a single character in line 2", "rensa vocabulary of chars\nab\nspecial\n"),
        case("a code point that is none", "a token in line 2", "rensa vocabulary of chars\n\\u{d800}\nspecial\n"),
        ("bytes that are no text", "UTF-8", b"rensa vocabulary of chars\n\xff\nspecial\n".to_vec()),
    ]
}

// ---- all of them -------------------------------------------------------------------------------------------------------

/// A kind of file: its name, how it is read, a good one, and the malformed ones.
type Kind = (&'static str, Read, Vec<u8>, fn() -> Vec<Case>);

fn kinds() -> Vec<Kind> {
    let (idx, csv) = (idx_file(8, &[2, 3], &[1; 6]), b"a,b,c\n1,2,x\n-3,\"4e1\",y\n".to_vec());
    let vocabulary = b"rensa vocabulary of chars\na\n\\u{a}\nspecial\n<s>\n".to_vec();
    vec![
        ("npy", read_npy, good_npy(), npy_cases),
        ("npz", read_npz, good_npz(), npz_cases),
        ("safetensors", read_safetensors, good_safetensors(), safetensors_cases),
        ("idx", read_idx, idx.clone(), idx_cases),
        ("idx.gz", read_idx, gzip(&idx), Vec::new),
        ("cifar10", read_cifar10, image(&[9]), cifar10_cases),
        ("cifar100", read_cifar100, image(&[19, 99]), cifar100_cases),
        ("csv", read_csv, csv, csv_cases),
        ("vocabulary", read_vocabulary, vocabulary, vocabulary_cases),
    ]
}

#[test]
fn trap_29_every_malformed_file_is_refused_within_a_small_multiple_of_its_memory() {
    let count: usize = kinds().into_iter().map(|(_, read, good, cases)| all_refused(read, &good, &cases())).sum();
    println!("{count} malformed files");
    assert!(count >= 190, "only {count}");
}

#[test]
fn trap_29_a_file_cut_anywhere_is_refused_or_shorter() {
    let directory = Directory::new();
    for (kind, read, good, _) in kinds().into_iter().filter(|(kind, ..)| !kind.starts_with("cifar")) {
        for len in 0..good.len() {
            let cut = &good[..len];
            let result = read_within_bounds(kind, cut, &directory.write("cut", cut), read);
            let may_be_shorter = kind == "csv" || kind == "vocabulary";
            assert!(result.is_err() || may_be_shorter, "{kind}: {len} of {} bytes", good.len());
        }
    }
}

/// A way to damage a file, by numbers that chance has drawn.
fn damaged(mut bytes: Vec<u8>, changes: &[(u8, usize, usize, u8)]) -> Vec<u8> {
    for &(way, at, other, value) in changes {
        let len = bytes.len().max(1);
        let (at, other) = (at % len, other % len);
        let (from, to) = (at.min(other), at.max(other).min(at.min(other) + 40).min(bytes.len()));
        match way % 7 {
            0 => bytes.truncate(at),
            1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= value | 1),
            2 => bytes.iter_mut().skip(at).take(1 << (value % 4)).for_each(|byte| *byte = 255),
            3 => bytes.iter_mut().skip(at).take(8).for_each(|byte| *byte = 0),
            4 => drop(bytes.splice(at..at, vec![value; 1 + other % 9])),
            5 => drop(bytes.drain(from..to)),
            _ => {
                let piece = bytes[from..to].to_vec();
                let place = usize::from(value) * len / 256;
                bytes.splice(place..place, piece);
            }
        }
    }
    bytes
}

proptest! {
    #[test]
    fn trap_29_good_files_that_chance_damages_never_panic(
        changes in prop::collection::vec(any::<(u8, usize, usize, u8)>(), 1..4),
    ) {
        let directory = Directory::new();
        for (kind, read, good, _) in kinds() {
            let bytes = damaged(good, &changes);
            let path = directory.write("damaged", &bytes);
            if let Err(error) = read_within_bounds(kind, &bytes, &path, read) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
