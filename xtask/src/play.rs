//! `cargo xtask play`: from a fresh clone to an open page. What is up to date is not made again.

use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;
use crate::stages::{Stages, note};
use crate::{page, setup};
use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Where the server listens unless told otherwise: as `millrace serve` has it.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

/// How long a server may take to answer before its page is no longer opened by itself.
const SERVER_START_MAX: Duration = Duration::from_secs(20);
/// Between two looks whether the server answers.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The hidden command that opens a page as soon as its server answers.
pub const OPEN_COMMAND: &str = "open-when-up";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    address: String,
    open: bool,
    /// Arguments for `millrace serve`, as they are.
    rest: Vec<String>,
}

/// Builds what is missing, then becomes the server.
pub fn play(project: &Project, arguments: &[String]) -> Done {
    let request = Request::parse(arguments)?;
    let address = free_address(&request.address)?;

    let mut stages = Stages::new(4);
    stages.run("Tools and packages", || setup::for_page(project))?;
    stages.run("Crates", || setup::crates(project, false))?;
    stages.run("Page", || page::build(project))?;
    stages.run("Server", || build_server(project))?;
    eprintln!("{}", stages.summary());

    // An unspecified address isn't one that a browser can go to.
    let host = if address.ip().is_unspecified() { "localhost".to_owned() } else { host_of(&address) };
    let url = format!("http://{host}:{}", address.port());
    if address.port() != 0 {
        eprintln!("\nMillrace: {url}   (Ctrl-C ends it)\n");
    }
    if request.open && address.port() != 0 && std::io::stdout().is_terminal() {
        open_later(&url, &address);
    }
    let mut server = Command::new(server_binary(project));
    server.current_dir(&project.root).arg("serve").arg("--listen").arg(&request.address).args(&request.rest);
    become_program(server)
}

/// The release build of `millrace`, with the page of `target/dist` in it.
pub fn build_server(project: &Project) -> Done {
    process::run(project.command("cargo").args(["build", "--release", "--package", "backend", "--bin", "millrace"]))
}

/// Where [`build_server`] leaves it.
pub fn server_binary(project: &Project) -> std::path::PathBuf {
    project.target.join("release").join(format!("millrace{}", std::env::consts::EXE_SUFFIX))
}

impl Request {
    fn parse(arguments: &[String]) -> Done<Self> {
        let mut request = Self { address: DEFAULT_ADDRESS.into(), open: true, rest: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--no-open" => request.open = false,
                "--listen" => {
                    let example = || Failure::new("`--listen` names no address", format!("Write `--listen {DEFAULT_ADDRESS}`"));
                    request.address = arguments.next().ok_or_else(example)?.clone();
                }
                "--" => request.rest = arguments.by_ref().cloned().collect(),
                other => match other.strip_prefix("--listen=") {
                    Some(address) => request.address = address.into(),
                    None => {
                        let remedy =
                            "It takes `--listen ADDRESS`, `--no-open`, and after `--` the arguments of `millrace serve`";
                        return Err(Failure::new(format!("`cargo xtask play` doesn't know `{other}`"), remedy));
                    }
                },
            }
        }
        Ok(request)
    }
}

/// Finds out, before minutes of building, whether the server could listen there. The listener is closed again.
fn free_address(address: &str) -> Done<SocketAddr> {
    let not_one = |why: String| {
        let remedy = format!("Name a host and a port, for example `--listen {DEFAULT_ADDRESS}`");
        Failure::new(format!("`{address}` is not an address to listen on: {why}"), remedy)
    };
    let mut known = address.to_socket_addrs().map_err(|error| not_one(error.to_string()))?;
    let socket = known.next().ok_or_else(|| not_one("the name is unknown".into()))?;
    match TcpListener::bind(socket) {
        Ok(_) => Ok(socket),
        Err(error) => Err(match error.kind() {
            ErrorKind::AddrInUse => {
                let other = SocketAddr::new(socket.ip(), socket.port().checked_add(1).unwrap_or(8080));
                let remedy = format!("End that program, or take another port: `cargo xtask play --listen {other}`");
                Failure::new(format!("{address} is in use by another program"), remedy)
            }
            ErrorKind::PermissionDenied => {
                let remedy = format!("Take a port above 1023: `cargo xtask play --listen {}:8080`", host_of(&socket));
                Failure::new(format!("Listening on {address} is not allowed to you"), remedy)
            }
            ErrorKind::AddrNotAvailable => not_one("this machine doesn't have it".into()),
            _ => not_one(error.to_string()),
        }),
    }
}

fn host_of(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// Starts a second xtask that opens the page when the server answers; this one becomes the server meanwhile.
fn open_later(url: &str, address: &SocketAddr) {
    let started = std::env::current_exe().and_then(|xtask| {
        let knock =
            SocketAddr::new(if address.ip().is_unspecified() { [127, 0, 0, 1].into() } else { address.ip() }, address.port());
        Command::new(xtask).arg(OPEN_COMMAND).arg(url).arg(knock.to_string()).spawn()
    });
    if let Err(error) = started {
        note(format!("the page can't be opened by itself ({error}); open the address above"));
    }
}

/// Waits until something listens at `address`, then shows `url` in the person's browser. Without a browser, or when
/// the server doesn't come up, nothing happens: the address has been printed.
pub fn open_when_up(arguments: &[String]) -> Done {
    let [url, address] = arguments else {
        return Err(Failure::new(format!("`{OPEN_COMMAND}` takes a URL and an address"), "Run `cargo xtask play` instead"));
    };
    let Ok(address) = address.parse::<SocketAddr>() else { return Ok(()) };
    let started = Instant::now();
    while TcpStream::connect_timeout(&address, LOOK_EVERY).is_err() {
        if started.elapsed() > SERVER_START_MAX {
            return Ok(());
        }
        thread::sleep(LOOK_EVERY);
    }
    if let Some((program, arguments)) = opener() {
        // The opener may be missing; then there is nothing to open with.
        let _ = Command::new(program).args(arguments).arg(url).status();
    }
    Ok(())
}

fn opener() -> Option<(&'static str, &'static [&'static str])> {
    let has_screen = || {
        ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| value != OsString::new()))
    };
    match std::env::consts::OS {
        "macos" => Some(("open", &[])),
        "windows" => Some(("cmd", &["/c", "start", ""])),
        _ if has_screen() => Some(("xdg-open", &[])),
        _ => None,
    }
}

/// Replaces this process by the server, so that Ctrl-C and every other signal reach the server itself.
#[cfg(unix)]
fn become_program(mut server: Command) -> Done {
    use std::os::unix::process::CommandExt as _;
    let error = server.exec();
    Err(Failure::new(format!("The server can't be started: {error}"), "Run `cargo build --release --package backend`"))
}

#[cfg(not(unix))]
fn become_program(mut server: Command) -> Done {
    process::run(&mut server)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Done<Request> {
        Request::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_ours_up_to_the_two_dashes() {
        let request = parse(&["--listen", "127.0.0.1:9", "--no-open", "--", "--data", "d"]).unwrap();
        assert_eq!(request, Request { address: "127.0.0.1:9".into(), open: false, rest: vec!["--data".into(), "d".into()] });
        assert_eq!(parse(&["--listen=[::1]:80"]).unwrap().address, "[::1]:80");
        assert_eq!(parse(&[]).unwrap().address, DEFAULT_ADDRESS);
        assert!(parse(&["--port", "1"]).unwrap_err().to_string().contains("doesn't know `--port`"));
        assert!(parse(&["--listen"]).unwrap_err().to_string().contains("names no address"));
    }

    #[test]
    fn a_busy_port_is_a_sentence_that_names_another() {
        let busy = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = busy.local_addr().unwrap();
        let failure = free_address(&address.to_string()).unwrap_err().to_string();
        assert!(failure.contains(&format!("{address} is in use by another program")), "{failure}");
        assert!(failure.contains("cargo xtask play --listen 127.0.0.1:"), "{failure}");
    }

    #[test]
    fn an_address_that_is_none_is_a_sentence() {
        for address in ["8080", "127.0.0.1", "127.0.0.1:99999", ""] {
            let failure = free_address(address).unwrap_err().to_string();
            assert!(failure.contains("is not an address to listen on"), "{failure}");
        }
        assert!(free_address("127.0.0.1:0").is_ok());
    }
}
