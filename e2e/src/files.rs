//! A plain server of files, as anybody has one: the built page in a folder of it, and nothing that Millrace knows of.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The folder that the page lies in.
const FOLDER: &str = "/some/folder/";

/// How long a connection may be silent: browsers open some and never speak.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// The server; it ends with this value.
pub struct FileServer {
    /// Where the page is.
    pub url: String,
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    strays: Arc<Mutex<Vec<String>>>,
    listening: Option<JoinHandle<()>>,
}

impl FileServer {
    /// Serves what `cargo xtask page` built.
    pub fn start() -> FileServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("it is bound");
        let (ended, strays) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (told, noted) = (ended.clone(), strays.clone());
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if told.load(Ordering::Relaxed) {
                    return;
                }
                let noted = noted.clone();
                // A browser that goes away in the middle is no fault.
                std::thread::spawn(move || stream.and_then(|stream| answer(stream, &noted)).ok());
            }
        });
        FileServer { url: format!("http://{address}{FOLDER}"), address, ended, strays, listening: Some(listening) }
    }

    /// What was asked for outside the folder.
    pub fn strays(&self) -> Vec<String> {
        self.strays.lock().expect("no answer panics").clone()
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
fn answer(mut stream: TcpStream, strays: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The rest of the head says nothing that matters here.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let target = request.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let name = path.strip_prefix(FOLDER);
    // Browsers ask for this by themselves.
    if name.is_none() && !path.is_empty() && path != "/favicon.ico" {
        strays.lock().expect("no answer panics").push(path.to_owned());
    }
    let file = name.map(|name| if name.is_empty() { "index.html" } else { name }).and_then(file);
    let (status, kind, content) = match file {
        Some((kind, content)) => ("200 OK", kind, content),
        None => ("404 Not Found", "text/plain", b"There is no such file.".to_vec()),
    };
    let length = content.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&content)
}

/// A file of the page, with its type.
fn file(name: &str) -> Option<(&'static str, Vec<u8>)> {
    let name = PathBuf::from(name);
    if !name.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let kind = match name.extension()?.to_str()? {
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
