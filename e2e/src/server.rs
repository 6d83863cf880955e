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

    /// The same on a known address, for a server that comes back.
    pub fn start_at(address: &str) -> Server {
        let binary = std::env::var("MILLRACE_BIN").expect("run this by `cargo xtask test browser`, which sets MILLRACE_BIN");
        let mut child = Command::new(binary)
            .args(["serve", "--listen", address])
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
