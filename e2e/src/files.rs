//! A plain server of files, as anybody has one: the built page in a folder of it, and nothing that Millrace knows of.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// The folder that the page lies in, and another one in which it lies as well.
const FOLDERS: [&str; 2] = ["/some/folder/", "/another/"];

/// How long a connection may be silent: browsers open some and never speak.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Files that are served in the place of the built ones, by their names.
type Overlay = BTreeMap<String, Vec<u8>>;

/// The server; it ends with this value.
pub struct FileServer {
    /// Where the page is.
    pub url: String,
    /// Where it is once more.
    pub other_url: String,
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    strays: Arc<Mutex<Vec<String>>>,
    missing: Arc<Mutex<Vec<String>>>,
    newer: Arc<Mutex<Overlay>>,
    listening: Option<JoinHandle<()>>,
}

impl FileServer {
    /// Serves what `cargo xtask page` built.
    pub fn start() -> FileServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("it is bound");
        let (ended, strays) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (missing, newer) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Overlay>>::default());
        let (told, noted, missed, served) = (ended.clone(), strays.clone(), missing.clone(), newer.clone());
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if told.load(Ordering::Relaxed) {
                    return;
                }
                let (noted, missed, served) = (noted.clone(), missed.clone(), served.clone());
                // A browser that goes away in the middle is no fault.
                std::thread::spawn(move || stream.and_then(|stream| answer(stream, &noted, &missed, &served)).ok());
            }
        });
        let [url, other_url] = FOLDERS.map(|folder| format!("http://{address}{folder}"));
        FileServer { url, other_url, address, ended, strays, missing, newer, listening: Some(listening) }
    }

    /// From now on serves a newer build of the page, which differs from the built one in nothing but its id. Gives that.
    pub fn renew(&self) -> String {
        *self.newer.lock().expect("no answer panics") = newer_build();
        NEWER_BUILD.to_owned()
    }

    /// What was asked for outside the folder.
    pub fn strays(&self) -> Vec<String> {
        self.strays.lock().expect("no answer panics").clone()
    }

    /// What was asked for in a folder of the page's and is not there: a browser's console tells of each.
    pub fn missing(&self) -> Vec<String> {
        self.missing.lock().expect("no answer panics").clone()
    }

    /// Ends the server: from now on nobody answers there.
    pub fn stop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // It looks when somebody comes.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Answers one request and closes the connection.
fn answer(
    mut stream: TcpStream,
    strays: &Mutex<Vec<String>>,
    missing: &Mutex<Vec<String>>,
    newer: &Mutex<Overlay>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The rest of the head says nothing that matters here.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let target = request.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let name = FOLDERS.iter().find_map(|folder| path.strip_prefix(folder));
    // Browsers ask for this by themselves.
    if name.is_none() && !path.is_empty() && path != "/favicon.ico" {
        strays.lock().expect("no answer panics").push(path.to_owned());
    }
    let file = name.map(|name| if name.is_empty() { "index.html" } else { name }).and_then(|name| {
        let (kind, built) = file(name)?;
        Some((kind, newer.lock().expect("no answer panics").get(name).cloned().unwrap_or(built)))
    });
    if file.is_none() && name.is_some() {
        missing.lock().expect("no answer panics").push(path.to_owned());
    }
    let (status, kind, content) = match file {
        Some((kind, content)) => ("200 OK", kind, content),
        None => ("404 Not Found", "text/plain", b"There is no such file.".to_vec()),
    };
    let length = content.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&content)
}

/// The id of the newer build.
const NEWER_BUILD: &str = "0123456789abcdef";

/// The files that have a build's id in them, with another one, and the service worker's script that knows their hashes.
fn newer_build() -> Overlay {
    let built = |name: &str| file(name).unwrap_or_else(|| panic!("{name} was not built")).1;
    let text = |name: &str| String::from_utf8(built(name)).expect("it is a text");
    let about: serde_json::Value = serde_json::from_slice(&built("build.json")).expect("it is JSON");
    let id = about["build"].as_str().expect("it names the build").to_owned();
    let mut script = text("sw.js").replace(&id, NEWER_BUILD);
    let mut files = Overlay::new();
    for name in ["index.html", "embed.html", "engine_loader.js"] {
        let (old, new) = (text(name), text(name).replace(&id, NEWER_BUILD));
        assert_ne!(old, new, "{name} names its build");
        script = script.replace(&sha256(old.as_bytes()), &sha256(new.as_bytes()));
        files.insert(name.to_owned(), new.into_bytes());
    }
    files.insert("sw.js".to_owned(), script.into_bytes());
    files
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file of the page, with its type.
fn file(name: &str) -> Option<(&'static str, Vec<u8>)> {
    let name = PathBuf::from(name);
    if !name.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let kind = match name.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html",
        "js" => "text/javascript",
        "css" => "text/css",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        _ => "text/plain",
    };
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/dist");
    Some((kind, std::fs::read(dist.join(name)).ok()?))
}
