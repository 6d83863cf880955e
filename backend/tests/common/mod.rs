//! The real binary as tests use it: a server on a free port, a client for its sockets, requests, runs on the command line.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod bus;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use shared::wire::{Command as Word, Event, Place, Resume, RunCommand, decode_event, encode_command};
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const BINARY: &str = env!("CARGO_BIN_EXE_millrace");

/// Runs the command line with an input, and gives its exit status and what it wrote.
pub fn millrace(arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(BINARY)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || {
        // A program that refuses its arguments reads nothing.
        let _ = stdin.write_all(&input);
    });
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    pub fn start(arguments: &[&str]) -> Server {
        let mut child = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap_or_else(|_| panic!("{line}"));
        Server { child, port }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        kill(self.pid(), signal);
    }

    /// Waits for its end; the exit status and how long it took.
    pub fn wait(&mut self) -> (i32, Duration) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code().unwrap_or(-1), began.elapsed());
            }
            assert!(began.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A request with `Connection: close`: the status and the head, then the body.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str(&format!("Host: 127.0.0.1:{}\r\n", self.port));
        }
        if !headers.iter().any(|(name, _)| *name == "Content-Length") && method != "GET" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let split = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: String::from_utf8_lossy(&bytes[split + 4..]).into_owned() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    /// A socket after its hello.
    pub fn client(&self, resume: Option<Resume>) -> Client {
        let mut client = self.silent_client();
        client.say(&Word::Hello { build: "test".to_owned(), resume });
        match client.next() {
            (0, Event::Welcome { session, resumed, .. }) => (client.session, client.resumed) = (session, resumed),
            other => panic!("a welcome was expected, not {other:?}"),
        }
        client
    }

    /// A socket that has not said anything.
    pub fn silent_client(&self) -> Client {
        let request = format!("ws://127.0.0.1:{}/ws", self.port).into_client_request().unwrap();
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(request, stream).unwrap();
        Client { socket, session: String::new(), resumed: false, seen: Vec::new() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

pub struct Client {
    pub socket: WebSocket<TcpStream>,
    pub session: String,
    pub resumed: bool,
    /// The numbers of the events heard so far.
    pub seen: Vec<u64>,
}

impl Client {
    pub fn say(&mut self, command: &Word) {
        self.socket.send(Message::text(encode_command(command))).unwrap();
    }

    /// The next event and its number.
    pub fn next(&mut self) -> (u64, Event) {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => {
                    let (number, event) = decode_event(&text).unwrap();
                    if number > 0 {
                        self.seen.push(number);
                    }
                    return (number, event);
                }
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                Message::Close(reason) => panic!("closed: {reason:?}"),
            }
        }
    }

    /// Everything until the server closes, and its code.
    pub fn until_closed(&mut self) -> (Vec<Event>, Option<CloseCode>) {
        let mut events = Vec::new();
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => events.push(decode_event(&text).unwrap().1),
                Ok(Message::Close(reason)) => return (events, reason.map(|reason| reason.code)),
                Ok(_) => {}
                Err(_) => return (events, None),
            }
        }
    }

    /// Events up to the one that ends a run, which is the last.
    pub fn until_over(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next().1;
            let over = matches!(event, Event::Finished { .. } | Event::Failed { .. });
            events.push(event);
            if over {
                return events;
            }
        }
    }

    pub fn error(&mut self) -> String {
        match self.next().1 {
            Event::Error { message } => message,
            other => panic!("an error was expected, not {other:?}"),
        }
    }

    pub fn resume(&self) -> Option<Resume> {
        Some(Resume { session: self.session.clone(), seen: self.seen.last().copied().unwrap_or(0) })
    }
}

pub fn run_command(run: u32, text: &str) -> RunCommand {
    RunCommand {
        run,
        place: Place::Server,
        text: text.to_owned(),
        sets: Vec::new(),
        input: None,
        workers: None,
        seed: None,
        pace: None,
        breakpoints: Vec::new(),
        idempotency_key: None,
    }
}

/// A word count over generated words, with `more` at the experiment's end.
pub fn word_count(megabytes: u32, more: &str) -> String {
    format!(
        "millrace: 1\nseed: 3\nworkers: 3\nrespawn: 50 ms\nbatch:\n  \
         input: {{ generate: zipf, bytes: {megabytes} MiB, distinct: 20000 }}\n  split: 1 MiB\n  partitions: 3\n  steps:\n    \
         - flat_map: {{ word: words(lower(line)) }}\n    - reduce: {{ key: word, values: {{ count: count(*) }} }}\n\
         expect: [ {{ equals_sequential: true }} ]\n{more}"
    )
}

/// The words of a text and how often they come, by a way of its own.
pub fn counted(text: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()) {
        *counts.entry(word.to_owned()).or_insert(0) += 1;
    }
    counts
}

/// The rows of a CSV with two columns.
pub fn rows(csv: &str) -> BTreeMap<String, u64> {
    csv.lines()
        .skip(1)
        .map(|line| line.rsplit_once(',').unwrap())
        .map(|(word, count)| (word.to_owned(), count.parse().unwrap()))
        .collect()
}

/// The experiment that counts words of whatever input, as a file in a folder.
pub fn experiment(folder: &Path) -> String {
    let path = folder.join("count.yaml");
    let text = "millrace: 1\nworkers: 2\nbatch:\n  input: { text: a b a }\n  split: 1 KiB\n  partitions: 2\n  steps:\n    \
                - flat_map: { word: words(lower(line)) }\n    - reduce: { key: word, values: { count: count(*) } }\n";
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

pub fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    let _ = rustix::process::kill_process(pid, signal);
}

/// The pids of a process's living children.
pub fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name in parentheses may hold anything; state and parent follow the last one.
        let mut fields = stat.rsplit(')').next().unwrap().split_whitespace();
        let (state, of) = (fields.next(), fields.next().and_then(|field| field.parse::<u32>().ok()));
        if of == Some(parent) && state != Some("Z") {
            found.push(pid);
        }
    }
    found
}

/// Whether a process is there and no zombie (whom its reaper may not have looked at yet).
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(2));
    }
}
