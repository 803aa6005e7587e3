//! The main job as a user runs it: the example `two_layer_net`, its output, its files, and what it says of wrong input.

#[path = "support/directory.rs"]
mod directory;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use directory::Directory;

/// Cargo as it is from a shell: what it tells its tests of the package is not in the environment. Build scripts of dependencies that
/// look at it would think that something changed, and the next build would begin from nothing.
fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    let of_the_package = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start));
    for (name, _) in std::env::vars().filter(|(name, _)| of_the_package(name)) {
        cargo.env_remove(name);
    }
    cargo
}

/// The example's program. `cargo test` builds it beside this test; run alone, this test builds it itself.
fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let arguments = ["build", "--quiet", "--profile", "test", "--example", "two_layer_net"];
        assert!(cargo().args(arguments).status().unwrap().success());
        let test = std::env::current_exe().unwrap();
        let examples = test.parent().and_then(Path::parent).unwrap().join("examples");
        examples.join("two_layer_net").with_extension(std::env::consts::EXE_EXTENSION)
    };
    BUILT.get_or_init(build).clone()
}

fn run(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A directory with a data set of the MNIST family: `n` images of 2 × 2 pixels to learn from, and as many to be tested on.
fn with_mnist(n: u8) -> Directory {
    let directory = Directory::new();
    for part in ["train", "t10k"] {
        let images = (0..n).flat_map(|i| [i, 0, i / 2, 255 - i]).collect();
        directory.write(&format!("{part}-images-idx3-ubyte"), &idx(&[u32::from(n), 2, 2], images));
        directory.write(&format!("{part}-labels-idx1-ubyte"), &idx(&[u32::from(n)], (0..n).map(|i| i % 10).collect()));
    }
    directory
}

fn string(path: impl AsRef<Path>) -> String {
    path.as_ref().to_str().expect("a path of text").to_string()
}

fn idx(sizes: &[u32], data: Vec<u8>) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(data);
    bytes
}

#[test]
fn it_trains_without_any_file_and_ends_with_the_line_that_scripts_read() {
    let output = run(&["--iters", "30", "--seed", "7"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    for parameter in ["W1: ", "b1: ", "W2: ", "b2: "] {
        let line = out.lines().find(|line| line.trim().starts_with(parameter)).unwrap_or_else(|| panic!("{out}"));
        let difference: f64 = line.trim()[parameter.len()..].split(' ').next().unwrap().parse().unwrap();
        assert!(difference < 1e-7, "{line}");
    }
    let last = out.lines().last().unwrap();
    let words: Vec<&str> = last.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let [accuracy, train] = [words[2], words[5]].map(|word| word.parse::<f64>().unwrap());
    assert!((0.0..=1.0).contains(&accuracy) && (0.0..=1.0).contains(&train), "{last}");
    let seconds = words[10];
    let expected =
        format!("test accuracy {accuracy:.4}, train accuracy {train:.4}, seed 7, 30 iterations, {seconds} s");
    assert_eq!(last, expected);
}

#[test]
fn what_it_saves_it_reads_back_and_the_plot_is_a_picture() {
    let directory = with_mnist(120);
    let (net, plot) = (string(directory.path().join("net.safetensors")), string(directory.path().join("curves.svg")));
    let common = ["--data", &string(directory.path()), "--hidden", "5"];
    let first = run(&[&common[..], &["--iters", "20", "--save", &net, "--plot", &plot]].concat());
    assert!(first.status.success(), "{}", text(&first.stderr));
    let saved = fs::read(&net).unwrap();
    assert!(fs::read_to_string(&plot).unwrap().starts_with("<svg"));
    let second = run(&[&common[..], &["--iters", "0", "--load", &net, "--save", &net]].concat());
    assert!(second.status.success(), "{}", text(&second.stderr));
    assert_eq!(fs::read(&net).unwrap(), saved, "no iteration, no change");
    let other = run(&[&common[..2], &["--hidden", "6", "--load", &net]].concat());
    refused(&other, &["net.safetensors", "`W1` of shape [4, 5], not [4, 6]"]);
}

/// Exit code 2, nothing like a panic, and one line on stderr that has all of `words`.
#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    assert!(!message.contains("panicked"), "{message}");
    for word in words {
        assert!(message.contains(word), "no `{word}` in: {message}");
    }
}

#[test]
fn trap_29_wrong_data_is_refused_in_one_line() {
    type Spoil = fn(&Path);
    let cases: [(Spoil, &[&str]); 5] = [
        (|d| truncate(&d.join("train-images-idx3-ubyte")), &["train-images", "expected 480", "found 479"]),
        (|d| fs::write(d.join("t10k-labels-idx1-ubyte"), "hello").unwrap(), &["t10k-labels", "expected an IDX file"]),
        (
            |d| fs::write(d.join("train-labels-idx1-ubyte"), idx(&[3], vec![1, 2, 3])).unwrap(),
            &["train-labels", "expected 120 labels", "found 3"],
        ),
        (
            |d| fs::write(d.join("train-labels-idx1-ubyte"), idx(&[120], vec![11; 120])).unwrap(),
            &["train-labels", "0 to 9", "found 11"],
        ),
        (|d| fs::remove_file(d.join("t10k-images-idx3-ubyte")).unwrap(), &["t10k-images", "expected"]),
    ];
    for (spoil, words) in cases {
        let directory = with_mnist(120);
        spoil(directory.path());
        refused(&run(&["--data", &string(directory.path())]), words);
    }
    refused(&run(&["--data", "no-such-directory"]), &["no-such-directory", "expected a directory", "found nothing"]);
    let few = with_mnist(20);
    refused(&run(&["--data", &string(few.path())]), &["at least 100 images", "found 20"]);
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
}

#[test]
fn wrong_flags_are_refused_in_one_line() {
    refused(&run(&["--iters", "many"]), &["--iters", "whole number", "`many`"]);
    refused(&run(&["--seed", "-1"]), &["--seed", "`-1`"]);
    refused(&run(&["--hidden", "0"]), &["--hidden", "at least 1"]);
    refused(&run(&["--what"]), &["--what"]);
    refused(&run(&["--iters"]), &["--iters"]);
    refused(&run(&["--save", "no-such-directory/net.safetensors"]), &["--save", "no-such-directory"]);
    refused(&run(&["--load", "no-such-file"]), &["no-such-file"]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_what_is_there() {
    use std::io::{BufRead, BufReader};
    let directory = with_mnist(120);
    let net = string(directory.path().join("net.safetensors"));
    let arguments = ["--data", &string(directory.path()), "--iters", "100000000", "--save", &net];
    let mut child = Command::new(program()).args(arguments).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("epoch")), "it ended before its first epoch did");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let rest: Vec<String> = lines.collect();
    assert!(child.wait().unwrap().success());
    assert!(rest.iter().any(|line| line.starts_with("interrupted after")), "{rest:?}");
    assert!(rest.last().unwrap().starts_with("test accuracy"), "{rest:?}");
    assert!(fs::metadata(&net).unwrap().len() > 0);
}
