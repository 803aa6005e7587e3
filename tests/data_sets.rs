//! Sets of examples: toy sets, images, tables, text, mapped files, and what is done to them.

#![allow(unsafe_code, reason = "to map a file is a promise that nobody changes it")]

#[path = "support/directory.rs"]
mod directory;
#[path = "support/panics.rs"]
mod panics;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use directory::Directory;
use panics::panic_of;
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use rensa::data::text::{self, Vocabulary, Windows};
use rensa::data::{Dataset, Examples, Loader, MappedArray, MappedDataset, Mapping, Normalizer};
use rensa::data::{cifar, csv, random_crop, random_flip, toy};
use rensa::{Error, Result, Tensor, io, tensor};

#[track_caller]
fn refused<T>(result: Result<T>, parts: &[&str]) {
    let message = result.err().expect("it must be refused").to_string();
    assert!(parts.iter().all(|part| message.contains(part)), "{message} lacks one of {parts:?}");
}

// ---- toy sets ----------------------------------------------------------------------------------------------------------

type Toy = fn(usize, f64, u64) -> Dataset<f64>;
const TOYS: [(&str, usize, Toy); 5] = [
    ("spiral", 3, |n, noise, seed| toy::spiral(n, 3, noise, seed)),
    ("moons", 2, toy::moons),
    ("circles", 2, |n, noise, seed| toy::circles(n, 0.5, noise, seed)),
    ("xor", 2, toy::xor),
    ("blobs", 2, |n, noise, seed| toy::blobs(n, &tensor![[0.0, 3.0], [4.0, 0.0]], noise, seed)),
];

#[test]
fn toy_sets_depend_on_their_seed_and_have_all_classes_in_any_piece() {
    for (name, classes, toy) in TOYS {
        assert_eq!(toy(60, 0.1, 1), toy(60, 0.1, 1), "{name}");
        assert_ne!(toy(60, 0.1, 1).inputs, toy(60, 0.1, 2).inputs, "{name}");
        let data = toy(61, 0.1, 0);
        assert_eq!((data.inputs.shape().to_vec(), data.labels.shape().to_vec()), (vec![61, 2], vec![61]), "{name}");
        let piece: BTreeSet<usize> = data.narrow(30, 4).labels.iter().copied().collect();
        assert_eq!(piece, (0..classes).collect(), "{name}");
        assert!(data.inputs.iter().all(|x| x.is_finite()), "{name}");
        assert_eq!(toy(0, 0.1, 0).len(), 0, "{name}");
        assert_eq!(toy(1, 0.1, 0).len(), 1, "{name}");
    }
    let (sine, saddle) = (toy::sine::<f32>(50, 0.0, 3), toy::saddle::<f64>(50, 0.0, 3));
    assert!(sine.inputs.iter().zip(&sine.labels).all(|(x, y)| (x.sin() - y).abs() < 1e-6));
    let points = saddle.inputs.to_vec();
    let right = points.chunks(2).zip(&saddle.labels).all(|(p, z)| (p[0] * p[0] - p[1] * p[1] - z).abs() < 1e-12);
    assert!(right && points.iter().all(|x| (-1.0..1.0).contains(x)));
    assert_eq!(toy::sine::<f64>(50, 0.1, 3), toy::sine(50, 0.1, 3));
    assert_ne!(toy::sine::<f64>(50, 0.1, 3).labels, toy::sine(50, 0.1, 4).labels);
}

#[test]
fn without_noise_toy_sets_lie_where_they_are_said_to() {
    let radius = |data: &Dataset<f64>, i: usize| (data.inputs[[i, 0]].powi(2) + data.inputs[[i, 1]].powi(2)).sqrt();
    let circles = toy::circles(40, 0.25, 0.0, 0);
    assert!((0..40).all(|i| (radius(&circles, i) - [1.0, 0.25][circles.labels[[i]]]).abs() < 1e-12));
    let spiral = toy::spiral(90, 3, 0.0, 0);
    assert!((0..90).all(|i| (radius(&spiral, i) - (i / 3) as f64 / 30.0).abs() < 1e-12));
    let moons = toy::moons::<f64>(40, 0.0, 0);
    assert_eq!(
        (moons.inputs.to_vec()[..4].to_vec(), radius(&moons, 20) - 1.0 < 1e-12),
        (vec![1.0, 0.0, 0.0, 0.5], true)
    );
    let xor = toy::xor::<f64>(4, 0.0, 0);
    assert_eq!(xor.inputs, tensor![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
    assert_eq!(xor.labels.to_vec(), [0, 1, 1, 0]);
    assert_eq!(toy::blobs(3, &tensor![[1.0], [5.0]], 0.0, 0).inputs, tensor![[1.0], [5.0], [1.0]]);
    assert!(panic_of(|| toy::blobs(3, &tensor![1.0], 0.0, 0)).message.contains("centers of shape [1]"));
    assert!(panic_of(|| toy::spiral::<f32>(3, 0, 0.0, 0)).message.contains("no class"));
}

// ---- transforms --------------------------------------------------------------------------------------------------------

#[test]
fn normalised_inputs_have_mean_0_and_deviation_1_and_come_back() {
    let rng = &mut StdRng::seed_from_u64(0);
    let x = Tensor::<f64>::normal([200, 3], 5.0, 2.0, rng);
    let normalizer = Normalizer::measure(&x, 0);
    let y = normalizer.apply(&x);
    assert!(y.mean(0).iter().all(|m| m.abs() < 1e-12) && y.std(0, 0).iter().all(|s| (s - 1.0).abs() < 1e-12));
    assert!(normalizer.undo(&y).iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12));
    let images = Tensor::<f64>::normal([8, 3, 4, 4], 1.0, 3.0, rng);
    let channels = Normalizer::measure(&images, [0, 2, 3]);
    assert_eq!(channels.mean.shape(), [1, 3, 1, 1]);
    assert!(channels.apply(&images).mean([0, 2, 3]).iter().all(|m| m.abs() < 1e-12));
    let flat = Normalizer::measure(&tensor![[7.0, 1.0], [7.0, 3.0]], 0);
    assert_eq!(flat.apply(&tensor![[8.0, 2.0]]), tensor![[1.0, 0.0]], "what does not vary is only shifted");
    let given = Normalizer { mean: tensor![1.0], std: tensor![2.0] };
    assert_eq!(given.apply(&tensor![[5.0]]), tensor![[2.0]]);
}

#[test]
fn flipped_images_are_mirrored_or_as_they_were() {
    let rng = &mut StdRng::seed_from_u64(1);
    let images = Tensor::from_fn([40, 2, 3, 4], |i| (i[0] * 24 + i[1] * 12 + i[2] * 4 + i[3]) as f32);
    assert_eq!(random_flip(&images, 0.0, rng), images);
    assert_eq!(random_flip(&images, 1.0, rng), images.flip(-1));
    let some = random_flip(&images, 0.5, rng);
    let mirrored = (0..40).filter(|&i| {
        let image = |x: &Tensor<f32>| x.narrow(0, i, 1);
        let is_mirrored = image(&some) == image(&images).flip(-1);
        assert!(is_mirrored || image(&some) == image(&images));
        is_mirrored
    });
    assert!((10..30).contains(&mirrored.count()));
    assert_eq!(random_flip(&Tensor::<f32>::zeros([0, 1, 2, 2]), 0.5, rng).shape(), [0, 1, 2, 2]);
    assert_eq!(random_flip(&Tensor::<f32>::zeros([2, 1, 2, 0]), 0.5, rng).shape(), [2, 1, 2, 0]);
    assert!(panic_of(|| random_flip(&tensor![1.0], 0.5, &mut StdRng::seed_from_u64(0))).message.contains("shape [1]"));
}

#[test]
fn cropped_images_are_moved_and_filled_up_with_zeros() {
    let rng = &mut StdRng::seed_from_u64(2);
    for (height, width, padding) in [(3, 4, 1), (2, 2, 5), (1, 7, 2), (4, 4, 0)] {
        let images = Tensor::from_fn([60, 2, height, width], |i| 1.0 + (i[0] * 9 + i[1] * 5 + i[2] * 3 + i[3]) as f64);
        let cropped = random_crop(&images, padding, rng);
        let mut moves = BTreeSet::new();
        for n in 0..60 {
            // The one move that explains every pixel.
            let at = |y: isize, x: isize, c: usize| match (usize::try_from(y), usize::try_from(x)) {
                (Ok(y), Ok(x)) if y < height && x < width => images[[n, c, y, x]],
                _ => 0.0,
            };
            let most = padding as isize;
            let fits = |(down, right): &(isize, isize)| {
                let places = (0..2).flat_map(|c| (0..height).flat_map(move |y| (0..width).map(move |x| (c, y, x))));
                let mut places = places;
                places.all(|(c, y, x)| cropped[[n, c, y, x]] == at(y as isize + down, x as isize + right, c))
            };
            let all = (-most..=most).flat_map(|down| (-most..=most).map(move |right| (down, right)));
            moves.insert(all.clone().find(fits).expect("a move by up to the padding"));
        }
        assert!(padding != 1 || moves.len() == 9, "{moves:?}");
    }
    assert_eq!(random_crop(&Tensor::<f32>::ones([1, 1, 0, 2]), 1, rng).shape(), [1, 1, 0, 2]);
}

// ---- CIFAR -------------------------------------------------------------------------------------------------------------

/// A record of CIFAR whose pixels are all `value`.
fn record(labels: &[u8], value: u8) -> Vec<u8> {
    [labels, &[value; 3072]].concat()
}

#[test]
fn the_files_of_cifar_are_read_as_images_with_labels() {
    let directory = Directory::new();
    for i in 1..=5 {
        directory.write(&format!("data_batch_{i}.bin"), &[record(&[i], i * 50), record(&[9], 255)].concat());
    }
    directory.write("test_batch.bin", &record(&[0], 51));
    let (train, test) = Dataset::<f64>::cifar10(directory.path()).unwrap();
    assert_eq!(train.labels.to_vec(), [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
    assert_eq!(
        (train.inputs.shape().to_vec(), test.inputs.shape().to_vec()),
        (vec![10, 3, 32, 32], vec![1, 3, 32, 32])
    );
    assert_eq!((train.inputs[[0, 2, 31, 31]], test.inputs[[0, 0, 0, 0]]), (50.0 / 255.0, 0.2));

    let mut image = record(&[19, 99], 0);
    (image[2], image[2 + 1024], image[2 + 2 * 1024 + 32]) = (10, 20, 30);
    let path = directory.write("train.bin", &[image, record(&[0, 7], 1)].concat());
    directory.write("test.bin", &record(&[3, 4], 1));
    let images = cifar::read100(&path).unwrap();
    assert_eq!((&images.groups[..], &images.labels[..], images.pixels.len()), (&[19, 0][..], &[99, 7][..], 2 * 3072));
    let (train, test) = Dataset::<f32>::cifar100(directory.path()).unwrap();
    let channels = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 2, 1, 0]].map(|place| (train.inputs[place] * 255.0).round());
    assert_eq!((channels, train.labels.to_vec(), test.labels.to_vec()), ([10.0, 20.0, 30.0], vec![99, 7], vec![4]));
    fs::remove_file(directory.path().join("data_batch_3.bin")).unwrap();
    refused(Dataset::<f32>::cifar10(directory.path()), &["data_batch_3.bin"]);
}

// ---- tables ------------------------------------------------------------------------------------------------------------

#[test]
fn tables_are_read_as_numbers_and_classes() {
    let directory = Directory::new();
    let read = |content: &str, options| csv::Table::read(directory.write("table.csv", content.as_bytes()), options);
    let table = read("\u{feff}a, b ,\"c, d\"\r\n1, 2.5e1 ,x\n-3,0,\" y\"\n", Default::default()).unwrap();
    assert_eq!(table.columns(), ["a", "b", "c, d"]);
    assert_eq!(table.numbers::<f32>(&["b", "a"]).unwrap(), tensor![[25.0, 1.0], [0.0, -3.0]]);
    let (classes, names) = table.classes("c, d").unwrap();
    assert_eq!((classes.to_vec(), names), (vec![0, 1], vec!["x".to_string(), "y".into()]));
    assert_eq!(table.classes("a").unwrap().1, ["-3", "1"]);
    let bare = read("1;2\n3;4\n", csv::Options { header: false, delimiter: b';' }).unwrap();
    assert_eq!(bare.numbers::<f64>(&["1"]).unwrap(), tensor![[2.0], [4.0]]);
    let none = read("a,b\n", Default::default()).unwrap();
    assert_eq!((none.len(), none.numbers::<f64>(&["a", "b"]).unwrap().shape().to_vec()), (0, vec![0, 2]));
    assert!(none.is_empty() && read("", Default::default()).unwrap().columns().is_empty());
}

#[test]
fn what_is_wrong_in_a_table_is_said_with_line_and_column() {
    let directory = Directory::new();
    let read = |content: &[u8]| csv::Table::read(directory.write("table.csv", content), Default::default());
    let table = read(b"a,b,c\n1,2,x\n\n\"two\nlines\",3,\n4,1e999,\"\xc3\xa4\"\n5,nan,y\n").unwrap();
    let numbers = |column: &str| table.numbers::<f64>(&["c", column][1..]);
    refused(numbers("a"), &["table.csv", "a finite number in line 4, column 1 (`a`)", "`two\nlines`"]);
    refused(numbers("b"), &["a finite number in line 6, column 2 (`b`)", "`1e999`"]);
    refused(table.classes("c"), &["the name of a class in line 4, column 3 (`c`)", "none"]);
    refused(table.numbers::<f32>(&["a", "d"]), &["a column `d`", "`a`, `b`, `c`"]);
    refused(read(b"a,b\n1,2\n1,2,3\n"), &["2 cells in line 3", "found 3"]);
    refused(read(b"a,b\r\n1,2\r\n\r\n\r\n1,2,3\r\n"), &["2 cells in line 5", "found 3"]);
    refused(read(b"a,b\n1\n"), &["2 cells in line 2", "found 1"]);
    refused(read(b"a,b\n1,2\n1,\xff\n"), &["UTF-8 in line 3", "column 2"]);
    refused(read(b"a,b,a\n1,2,3\n"), &["columns of different names", "`a` in columns 1 and 3"]);
    refused(csv::Table::read(directory.path().join("none.csv"), Default::default()), &["none.csv"]);
}

// ---- text --------------------------------------------------------------------------------------------------------------

#[test]
fn texts_become_tokens_and_texts_again() {
    let chars = Vocabulary::chars("Größe, größer\n").with_special("<s>").with_special(".");
    assert_eq!(chars.decode(&chars.encode("größe\n").unwrap()).unwrap(), "größe\n");
    assert_eq!(chars.id("<s>").map(|id| id + 2), Some(chars.len()));
    assert_eq!(
        (chars.id("ö"), chars.id("ör"), chars.id("")),
        (chars.encode("ö").unwrap().first().copied(), None, None)
    );
    refused(chars.encode("ößo"), &["a character of the vocabulary at 4", "'o'"]);
    refused(chars.decode(&[0, 99]), &["one of", "tokens at 1", "found 99"]);
    assert!(matches!(chars.encode("x"), Err(Error::Text { at: 0, .. })));
    let bytes = Vocabulary::bytes().with_special("<end>");
    assert_eq!(bytes.encode("é").unwrap(), [0xc3, 0xa9]);
    assert_eq!(bytes.decode(&[0xc3, 0xa9, 256, 0xff, b'a'.into()]).unwrap(), "é<end>\u{fffd}a");
    assert_eq!((bytes.len(), bytes.id("a"), bytes.id("é")), (257, Some(97), None));
    assert!(panic_of(|| Vocabulary::bytes().with_special("a")).message.contains("there already"));
    assert!(Vocabulary::chars("").is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))] // each writes files to the disk

    #[test]
    fn a_vocabulary_is_loaded_as_it_was_saved(text in any::<String>(), special in prop::collection::vec("\\PC{2,6}|<\n\\\\>", 0..3)) {
        let directory = Directory::new();
        let path = directory.path().join("tokens.txt");
        for base in [Vocabulary::chars(&text), Vocabulary::chars("special\\u{a}\u{a0}"), Vocabulary::bytes()] {
            let add = |vocabulary: Vocabulary, token: &String| match vocabulary.id(token) {
                Some(_) => vocabulary,
                None => vocabulary.with_special(token),
            };
            let vocabulary = special.iter().fold(base, add);
            vocabulary.save(&path).unwrap();
            prop_assert_eq!(Vocabulary::load(&path).unwrap(), vocabulary);
        }
    }

    #[test]
    fn no_bytes_make_loading_a_vocabulary_panic(kind in "chars|bytes", rest in "[a-c\\\\{}u0-9\n]{0,60}", bytes in any::<Vec<u8>>()) {
        let directory = Directory::new();
        let _ = Vocabulary::load(directory.write("tokens.txt", format!("rensa vocabulary of {kind}\n{rest}").as_bytes()));
        prop_assert!(Vocabulary::load(directory.write("tokens.txt", &bytes)).is_err());
    }
}

#[test]
fn what_is_wrong_with_a_vocabulary_is_said_with_the_line() {
    let directory = Directory::new();
    let load = |content: &str| Vocabulary::load(directory.write("tokens.txt", content.as_bytes()));
    assert_eq!(load("rensa vocabulary of chars\na\nspecial\n").unwrap(), Vocabulary::chars("a"));
    refused(load(""), &["`rensa vocabulary of chars` or", "in line 1", "found ``"]);
    refused(load("rensa vocabulary of words\n"), &["line 1"]);
    refused(load("rensa vocabulary of chars\na\n"), &["a line `special`"]);
    refused(load("rensa vocabulary of chars\na\nb\na\nspecial\n"), &["not there yet in line 4", "`a`"]);
    refused(load("rensa vocabulary of chars\nab\nspecial\n"), &["a single character in line 2"]);
    refused(load("rensa vocabulary of bytes\nspecial\n\n"), &["not there yet in line 3"]);
    refused(load("rensa vocabulary of bytes\nspecial\na\n"), &["not there yet in line 3"]);
    refused(load("rensa vocabulary of chars\n\\u{110000}\nspecial\n"), &["a token in line 2"]);
    refused(load("rensa vocabulary of chars\n\\n\nspecial\n"), &["a token in line 2"]);
}

#[test]
fn windows_are_followed_by_the_same_moved_by_one() {
    let windows = Windows::new((0..10).collect(), 4);
    assert_eq!(windows.len(), 6);
    let batch = windows.batch(&[5, 0]).unwrap();
    assert_eq!(batch.inputs, tensor![[5_usize, 6, 7, 8], [0, 1, 2, 3]]);
    assert_eq!(batch.labels, tensor![[6_usize, 7, 8, 9], [1, 2, 3, 4]]);
    let apart = Windows::new((0..10).collect(), 4).with_step(4);
    assert_eq!((apart.len(), apart.batch(&[1]).unwrap().inputs.to_vec()), (2, vec![4, 5, 6, 7]));
    for (tokens, expected) in [(0, 0), (4, 0), (5, 1), (6, 2)] {
        assert_eq!(Windows::new(vec![0; tokens], 4).len(), expected, "{tokens} tokens");
    }
    let mut loader = Loader::new(windows, 3, 0).with_prefetch(1);
    let starts: BTreeSet<usize> =
        loader.epoch().flat_map(|batch| batch.unwrap().inputs.narrow(1, 0, 1).to_vec()).collect();
    assert_eq!(starts, (0..6).collect());
    assert!(panic_of(|| Windows::new(vec![1], 0)).message.contains("no token"));
    assert!(panic_of(|| apart.batch(&[2])).message.contains("piece 2 of 2"));
}

#[test]
fn texts_and_names_are_read_from_files() {
    let directory = Directory::new();
    let names = directory.write("names.txt", "emma\r\n  olivia \n\nzoë".as_bytes());
    assert_eq!(text::lines(&names).unwrap(), ["emma", "olivia", "zoë"]);
    assert_eq!(text::read(&names).unwrap().len(), 21);
    refused(text::read(directory.write("bad.txt", b"abc\xff")), &["bad.txt", "UTF-8", "ff as byte 3"]);
    refused(text::read(directory.path()), &["a file", "a directory"]);
}

// ---- mapped files ------------------------------------------------------------------------------------------------------

fn mapped(path: &Path) -> Mapping {
    // SAFETY: the files of these tests lie in directories of their own, and are not written again.
    unsafe { Mapping::open(path) }.expect("a file")
}

#[test]
fn mapped_examples_are_those_of_memory() {
    let directory = Directory::new();
    let (images, labels) = (directory.path().join("images.npy"), directory.path().join("labels.npy"));
    let inputs = Tensor::from_fn([20, 3, 2], |i| (i[0] * 6 + i[1] * 2 + i[2]) as f32);
    let here = Dataset::new(inputs, Tensor::from_fn([20], |i| i[0] % 4)).unwrap();
    io::write_npy(&images, &here.inputs).unwrap();
    io::write_npy(&labels, &here.labels).unwrap();
    let open = |path: &Path| MappedArray::npy(mapped(path)).unwrap();
    let there = MappedDataset::<f32, usize>::new(open(&images), open(&labels)).unwrap();
    let (mut a, mut b) = (Loader::new(&here, 6, 1), Loader::new(there.clone(), 6, 1).with_prefetch(2));
    for _ in 0..7 {
        assert_eq!(a.next_batch().unwrap(), b.next_batch().unwrap());
    }
    drop(b);
    assert!(panic_of(|| there.batch(&[20])).message.contains("rows 20 to 20 + 1 of 20"));
    assert_eq!(open(&images).narrow::<f64>(19, 1).unwrap(), here.narrow(19, 1).inputs.cast());
    refused(
        open(&images).narrow::<u8>(0, 20).and_then(|_| open(&labels).rows::<bool>(&[2])),
        &["labels.npy", "no bool"],
    );
    let short = directory.path().join("short.npy");
    io::write_npy(&short, &tensor![1_usize]).unwrap();
    refused(MappedDataset::<f32>::new(open(&images), open(&short)), &["found 1"]);
    // To replace a mapped file is harmless: the mapping keeps the old one.
    let before = open(&labels);
    io::write_npy(&labels, &tensor![9_usize]).unwrap();
    assert_eq!(before.rows::<usize>(&[7]).unwrap(), tensor![3_usize]);
    assert_eq!(open(&labels).shape(), [1]);
}

#[test]
fn mapped_files_of_other_kinds_are_read_or_refused() {
    let directory = Directory::new();
    let idx = directory.write("images.idx", &[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]);
    let images = MappedArray::idx(mapped(&idx)).unwrap();
    assert_eq!(images.rows::<f32>(&[1]).unwrap(), tensor![[4.0, 5.0, 6.0]]);
    assert_eq!((images.dtype(), images.path()), (io::Dtype::U8, &*idx));
    let tokens = directory.path().join("tokens.npy");
    io::write_npy(&tokens, &Tensor::from_fn([50], |i| i[0] as i32)).unwrap();
    let windows = Windows::mapped(MappedArray::npy(mapped(&tokens)).unwrap(), 8);
    assert_eq!(windows.batch(&[41]).unwrap(), Windows::new((0..50).collect(), 8).batch(&[41]).unwrap());
    assert!(panic_of(|| Windows::mapped(images, 2)).message.contains("[2, 3], not of rank 1"));

    let golden = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/files").join(name);
    let big = MappedArray::npy(mapped(&golden("big-f8.npy"))).unwrap();
    assert_eq!(big.rows::<f64>(&[1]).unwrap(), tensor![[3.0, 4.0, 5.0]]);
    refused(MappedArray::npy(mapped(&golden("fortran-f4.npy"))), &["in C's order", "Fortran's order"]);
    refused(MappedArray::npy(mapped(&golden("scalar-f8.npy"))), &["a single element"]);
    refused(MappedArray::npy(mapped(&idx)), &["images.idx", "npy"]);
    let cut = directory.write("cut.idx", &[0, 0, 8, 1, 0, 0, 0, 9, 1, 2]);
    refused(MappedArray::idx(mapped(&cut)), &["cut.idx", "9 bytes of data for [9]", "found 2"]);
    let empty = directory.write("empty", b"");
    refused(MappedArray::idx(mapped(&empty)), &["an IDX header"]);
    // SAFETY: there is no such file.
    refused(unsafe { Mapping::open(directory.path().join("none")) }, &["none"]);
}
