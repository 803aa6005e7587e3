//! Downloads from servers on this machine that are good, broken or evil: what arrives is what it must be, or nothing is there.

#[path = "support/directory.rs"]
mod directory;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use directory::Directory;
use rensa::data::download::{Downloader, MNIST, MNIST_MIRRORS, Remote};
use rensa::{Error, Result};

/// Writes what it likes to one who asks for a path.
type Answer = fn(&str, &mut TcpStream) -> std::io::Result<()>;

/// A server on the loopback, until it is dropped.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn new(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback");
        let address = listener.local_addr().expect("its address");
        let (asked, ends) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, end) = (Arc::clone(&asked), Arc::clone(&ends));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                if end.load(Ordering::SeqCst) {
                    break;
                }
                if let Some(path) = path(&mut stream) {
                    log.lock().expect("no panic").push(path.clone());
                    // A client that has heard enough hangs up.
                    let _ = answer(&path, &mut stream);
                }
            }
        });
        Server { address, asked, ends, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("http://{}/data", self.address)
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address)); // wakes it up
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The path that is asked for.
fn path(stream: &mut TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    Some(String::from_utf8(request).ok()?.split_whitespace().nth(1)?.to_string())
}

/// What all tests download.
const CONTENT: &[u8; 200_000] = &[b'x'; 200_000];
const FILE: Remote<'static> = Remote {
    name: "letters.bin",
    bytes: 200_000,
    sha256: "91e3faafd322bcdf160f3f0ce886acb092b9b9e2a1e8526b40f21a8898a8700b",
};

fn header(stream: &mut TcpStream, status: &str, more: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n")
}

fn good(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    header(stream, "200 OK", &format!("Content-Length: {}\r\n", CONTENT.len()))?;
    stream.write_all(CONTENT)
}

fn missing(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    header(stream, "404 Not Found", "Content-Length: 4\r\n")?;
    stream.write_all(b"none")
}

fn other_content(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    header(stream, "200 OK", &format!("Content-Length: {}\r\n", CONTENT.len()))?;
    let mut bytes = CONTENT.to_vec();
    bytes[100_000] ^= 1;
    stream.write_all(&bytes)
}

/// Hangs up in the middle of what it promised.
fn cut(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    header(stream, "200 OK", &format!("Content-Length: {}\r\n", CONTENT.len()))?;
    stream.write_all(&CONTENT[..150_000])
}

/// The same without a promise, so that only the length of the file tells.
fn cut_without_length(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    header(stream, "200 OK", "")?;
    stream.write_all(&CONTENT[..150_000])
}

/// Never ends, until the other side hangs up.
fn endless(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    header(stream, "200 OK", "Transfer-Encoding: chunked\r\n")?;
    loop {
        write!(stream, "{:x}\r\n", CONTENT.len())?;
        stream.write_all(CONTENT)?;
        stream.write_all(b"\r\n")?;
    }
}

fn longer(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    header(stream, "200 OK", &format!("Content-Length: {}\r\n", CONTENT.len() + 1))?;
    stream.write_all(CONTENT)?;
    stream.write_all(b"x")
}

fn in_circles(path: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    header(stream, "302 Found", &format!("Location: {path}x\r\nContent-Length: 0\r\n"))
}

fn once_elsewhere(path: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    if path.starts_with("/moved/") {
        return good(path, stream);
    }
    header(stream, "301 Moved Permanently", "Location: /moved/letters\r\nContent-Length: 0\r\n")
}

fn no_http(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"\x00\xff this is another protocol\r\n\r\n")
}

fn a_huge_header(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    header(stream, "200 OK", &format!("X-Long: {}\r\n", "y".repeat(10_000_000)))
}

/// Answers and then falls silent.
fn silent(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    header(stream, "200 OK", &format!("Content-Length: {}\r\n", CONTENT.len()))?;
    stream.write_all(&CONTENT[..10])?;
    std::thread::sleep(Duration::from_millis(1200)); // longer than the client waits
    Ok(())
}

fn fetch(servers: &[&Server], directory: &Directory) -> Result<()> {
    let mut downloader =
        Downloader::new(servers.iter().map(|server| server.url())).with_timeout(Duration::from_secs(1));
    downloader.fetch(&[FILE], directory.path())
}

fn names(directory: &Directory) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_good_file_is_there_and_its_progress_was_told() {
    let (server, directory) = (Server::new(good), Directory::new());
    let into = directory.path().join("a/new/directory");
    let mut steps = Vec::new();
    let mut downloader = Downloader::new([format!("{}/", server.url())])
        .with_progress(|p| steps.push((p.name.len(), p.received, p.bytes)));
    downloader.fetch(&[FILE], &into).unwrap();
    drop(downloader);
    assert_eq!(fs::read(into.join("letters.bin")).unwrap(), CONTENT);
    assert_eq!(*server.asked.lock().unwrap(), ["/data/letters.bin"]);
    assert_eq!(steps.last(), Some(&(11, 200_000, 200_000)));
    assert!(steps.windows(2).all(|pair| pair[0].1 < pair[1].1));
}

#[test]
fn a_file_that_is_there_is_left_alone_and_one_that_is_not_as_it_must_be_is_replaced() {
    let (server, directory) = (Server::new(good), Directory::new());
    let path = directory.write("letters.bin", CONTENT);
    fetch(&[&server], &directory).unwrap();
    assert_eq!(server.asked(), 0);
    for old in [&b"half"[..], &[b'y'; 200_000]] {
        fs::write(&path, old).unwrap();
        fetch(&[&server], &directory).unwrap();
        assert_eq!(fs::read(&path).unwrap(), CONTENT);
    }
    assert_eq!(server.asked(), 2);
}

#[test]
fn whatever_is_wrong_with_a_mirror_nothing_is_left_and_the_next_one_is_asked() {
    let working = Server::new(good);
    let cases: [(&str, Answer, &str); 10] = [
        ("missing", missing, "404"),
        (
            "other content",
            other_content,
            "the checksum bcada9110b553fef987e15f85496d4a39caf765db19f3d699e0b616646a8ae9e, not 91e3",
        ),
        ("cut", cut, ""),
        ("cut without a length", cut_without_length, "its end after 150000 of 200000 bytes"),
        ("endless", endless, "more than 200000 bytes"),
        ("longer", longer, "more than 200000 bytes"),
        ("in circles", in_circles, "redirect"),
        ("no http", no_http, ""),
        ("a huge header", a_huge_header, ""),
        ("silent", silent, "timeout"),
    ];
    for (name, answer, part) in cases {
        let (server, directory) = (Server::new(answer), Directory::new());
        let error = fetch(&[&server], &directory).expect_err(name);
        let message = error.to_string();
        let begins = format!("letters.bin: no mirror has it: {}/letters.bin: ", server.url());
        assert!(message.starts_with(&begins) && message[begins.len()..].contains(part), "{name}: {message}");
        assert!(message.len() < 500, "{name}: {message}");
        assert_eq!(names(&directory), Vec::<String>::new(), "{name}");
        assert!(server.asked() <= 6, "{name}: asked {} times", server.asked());

        let old = directory.write("letters.bin", b"old");
        fetch(&[&server], &directory).expect_err(name);
        assert_eq!((fs::read(&old).unwrap(), names(&directory).len()), (b"old".to_vec(), 1), "{name}");
        fetch(&[&server, &working], &directory).expect(name);
        assert_eq!((fs::read(&old).unwrap(), names(&directory).len()), (CONTENT.to_vec(), 1), "{name}");
    }
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let directory = Directory::new();
    Downloader::new([nobody, "no address at all".into(), working.url()]).fetch(&[FILE], directory.path()).unwrap();
    assert_eq!(fs::read(directory.path().join("letters.bin")).unwrap(), CONTENT);
}

#[test]
fn a_server_may_send_elsewhere_once() {
    let (server, directory) = (Server::new(once_elsewhere), Directory::new());
    fetch(&[&server], &directory).unwrap();
    assert_eq!(*server.asked.lock().unwrap(), ["/data/letters.bin", "/moved/letters"]);
}

#[test]
fn all_mirrors_and_what_was_wrong_are_named() {
    let (first, second, directory) = (Server::new(missing), Server::new(longer), Directory::new());
    let error = fetch(&[&first, &second], &directory).unwrap_err();
    let Error::Download { name, failures } = error else { panic!("{error}") };
    assert_eq!((name.as_str(), failures.len()), ("letters.bin", 2));
    assert!(failures[0].starts_with(&first.url()) && failures[1].starts_with(&second.url()), "{failures:?}");
    let none: [String; 0] = [];
    let error = Downloader::new(none).fetch(&[FILE], directory.path()).unwrap_err();
    assert_eq!(error.to_string(), "letters.bin: no mirror to download it from");
}

#[test]
fn names_that_are_paths_are_refused() {
    let (server, directory) = (Server::new(good), Directory::new());
    for name in ["../letters.bin", "a/letters.bin", "", ".."] {
        let error = Downloader::new([server.url()]).fetch(&[Remote { name, ..FILE }], directory.path()).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{name}: {error}");
    }
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_directory_in_the_way_is_an_error_of_this_machine_and_leaves_nothing_behind() {
    let (server, directory) = (Server::new(good), Directory::new());
    fs::create_dir_all(directory.path().join("letters.bin/inside")).unwrap();
    assert!(matches!(fetch(&[&server], &directory), Err(Error::Io { .. })));
    assert_eq!(names(&directory), ["letters.bin"]);
    let file = directory.write("file", b"");
    assert!(matches!(Downloader::new([server.url()]).fetch(&[FILE], file), Err(Error::Io { .. })));
}

/// The checksums themselves are compared with the published files by whoever downloads them; here, that they can be right.
#[test]
fn the_files_of_mnist_are_well_described() {
    for Remote { name, bytes, sha256 } in MNIST {
        assert!(name.ends_with("-ubyte.gz") && bytes > 4_000);
        assert!(sha256.len() == 64 && sha256.bytes().all(|digit| b"0123456789abcdef".contains(&digit)), "{name}");
    }
    assert!(MNIST_MIRRORS.iter().all(|mirror| mirror.starts_with("https://") && !mirror.ends_with('/')));
    let (server, directory) = (Server::new(missing), Directory::new());
    let error = Downloader::new([server.url()]).mnist(directory.path()).unwrap_err().to_string();
    assert!(error.starts_with("train-images-idx3-ubyte.gz: no mirror has it"), "{error}");
}
