//! `millrace serve`, as a user starts it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running server on a port of its own; it ends with this value.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    /// Starts the binary that `MILLRACE_BIN` names.
    pub fn start() -> Server {
        Server::start_at("127.0.0.1:0")
    }

    /// One with a live bus of this name, to which only those belong who come by a socket. Its experiment is read once.
    pub fn start_with_bus(name: &str, experiment: &str) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("bus.yaml");
        std::fs::write(&file, experiment).expect("it can be written to");
        Server::start_by("127.0.0.1:0", &["--bus", &format!("{name}={}", file.display()), "--bus-only"])
    }

    /// The same on a known address, for a server that comes back.
    pub fn start_at(address: &str) -> Server {
        Server::start_by(address, &[])
    }

    fn start_by(address: &str, more: &[&str]) -> Server {
        let binary = std::env::var("MILLRACE_BIN").expect("run this by `cargo xtask test browser`, which sets MILLRACE_BIN");
        let mut child = Command::new(binary)
            .args(["serve", "--listen", address])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server's binary can be started");
        let stdout = child.stdout.take().expect("it was asked for");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("the first line has the URL");
        Server { url: url.trim_end_matches('/').to_owned(), child }
    }

    /// Where it listens, for another one that comes in its place.
    pub fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    /// Ends the server as Ctrl-C does: those that it talks to hear why.
    pub fn interrupt(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }

    /// Ends the server at once.
    pub fn stop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
