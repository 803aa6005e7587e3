//! Writes that are cut off: a writer that is killed, a disk that is full, a place that cannot be written. Whoever looks finds the old file or
//! the new one, whole.

#[path = "support/directory.rs"]
mod directory;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use directory::Directory;
use rensa::io::{self, Arrays, write_atomically};
use rensa::{Error, Tensor};

/// Where a child process writes, and what it is to do.
const PLACE: &str = "RENSA_ATOMIC_WRITES";

/// A file that is all one byte, of a length that goes with it.
fn content(i: u8) -> Vec<u8> {
    vec![i; 3_000_000 + usize::from(i)]
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|&i| bytes.len() == content(i).len() && bytes.iter().all(|&byte| byte == i))
}

/// This program again, for one test alone, in which it plays another part.
fn child(test: &str, place: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(PLACE, place);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn trap_30_a_writer_that_is_killed_leaves_a_whole_file() {
    if let Some(place) = std::env::var_os(PLACE) {
        for i in (0..=255).cycle() {
            write_atomically(&place, &content(i)).expect("a place to write");
        }
    }
    let directory = Directory::new();
    let path = directory.write("file", &content(7));
    for round in 0..8 {
        let before = fs::metadata(&path).unwrap().len();
        let mut writer =
            child("trap_30_a_writer_that_is_killed_leaves_a_whole_file", &path).spawn().expect("a process");
        let start = Instant::now();
        while fs::metadata(&path).unwrap().len() == before {
            assert!(start.elapsed() < Duration::from_secs(60), "no writer got to write");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(5 * round)); // somewhere in a later write
        writer.kill().expect("it was running");
        writer.wait().expect("it ended");
        let after = fs::read(&path).unwrap();
        assert!(is_whole(&after), "round {round}: {} bytes, beginning with {:?}", after.len(), after.first());
    }
    // What a killed one left beside the file bears its own name, and is in nobody's way.
    write_atomically(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    let is_part = |name: &String| name.starts_with(".file.") && name.ends_with(".part");
    assert!(names(directory.path()).iter().all(|name| name == "file" || is_part(name)));
}

#[test]
fn trap_30_readers_beside_a_writer_find_whole_files() {
    let directory = Directory::new();
    let path = directory.write("file", &content(0));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|w| {
                let path = &path;
                scope.spawn(move || (0..6).for_each(|i| write_atomically(path, &content(2 * i + w)).unwrap()))
            })
            .collect();
        let mut seen = 0;
        while !writers.iter().all(|writer| writer.is_finished()) || seen == 0 {
            assert!(is_whole(&fs::read(&path).unwrap()));
            seen += 1;
        }
    });
    assert_eq!(names(directory.path()), ["file"]);
}

/// A disk that is full after 64 KB, as the system simulates it: a limit on the size of files.
#[cfg(unix)]
#[test]
fn trap_30_a_write_that_fails_in_the_middle_leaves_the_old_file_and_nothing_else() {
    let test = "trap_30_a_write_that_fails_in_the_middle_leaves_the_old_file_and_nothing_else";
    if let Some(place) = std::env::var_os(PLACE).map(PathBuf::from) {
        let long = Tensor::<f64>::from_fn([100_000], |i| (i[0] as f64).sin());
        let arrays =
            Arrays::new().with("small", &Tensor::<f64>::zeros([10])).and_then(|a| a.with("long", &long)).unwrap();
        let writes: [(&str, rensa::Result<()>); 5] = [
            ("old.txt", write_atomically(place.join("old.txt"), &content(1))),
            ("old.npy", io::write_npy(place.join("old.npy"), &long)),
            ("old.npz", io::write_npz(place.join("old.npz"), &arrays)),
            ("deflated.npz", io::write_npz_compressed(place.join("deflated.npz"), &arrays)),
            ("old.safetensors", io::save_tensors(place.join("old.safetensors"), &arrays)),
        ];
        for (name, result) in writes {
            let error = result.expect_err(name);
            assert!(error.to_string().contains(name), "{error}");
            assert!(matches!(error, Error::Io { .. }), "{name}: {error}");
        }
        return;
    }
    let directory = Directory::new();
    let old = ["deflated.npz", "old.npy", "old.npz", "old.safetensors", "old.txt"];
    old.iter().for_each(|name| drop(directory.write(name, b"the old content")));
    let program = std::env::current_exe().unwrap();
    let limited = format!("ulimit -f 128; trap '' XFSZ; exec '{}' {test} --exact --test-threads=1", program.display());
    let output = Command::new("sh").args(["-c", &limited]).env(PLACE, directory.path()).output().expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(names(directory.path()), old);
    assert!(old.iter().all(|name| fs::read(directory.path().join(name)).unwrap() == b"the old content"));
}

#[test]
fn trap_30_a_place_that_cannot_be_written_is_an_error_that_names_it_and_leaves_nothing() {
    let directory = Directory::new();
    let in_the_way = directory.path().join("directory");
    fs::create_dir_all(in_the_way.join("inside")).unwrap();
    let file = directory.write("file", b"old");
    for place in [in_the_way.clone(), directory.path().join("no/such/file"), file.join("below"), "".into()] {
        let error = write_atomically(&place, b"new").expect_err("nobody can write there");
        assert!(matches!(&error, Error::Io { path, .. } if *path == place), "{error}");
    }
    assert_eq!(names(directory.path()), ["directory", "file"]);
    assert_eq!(fs::read(&file).unwrap(), b"old");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_replaced_by_one() {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixListener;
    let directory = Directory::new();
    let socket = directory.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let error = write_atomically(&socket, b"new").expect_err("nobody can write there");
    assert!(error.to_string().contains("socket: what is there is no file"), "{error}");
    assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!(names(directory.path()), ["socket"]);
}

#[cfg(unix)]
#[test]
fn links_stay_links_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (directory, other) = (Directory::new(), Directory::new());
    let target = other.write("target", b"old");
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    let link = directory.path().join("link");
    symlink(&target, &link).unwrap();
    write_atomically(&link, b"new").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!((names(directory.path()), names(other.path())), (vec!["link".into()], vec!["target".into()]));
}

#[test]
fn a_bare_name_is_written_where_the_process_is() {
    let name = format!("rensa-test-{}.tmp", std::process::id());
    write_atomically(&name, b"here").unwrap();
    let found = fs::read(&name).unwrap();
    fs::remove_file(&name).unwrap();
    assert_eq!(found, b"here");
}
