//! That every ban of `shared/clippy.toml` bites, and that none is missing.
//!
//! The core is sans-IO because a lint says so (DESIGN §2). A ban that is taken out of the file, or that clippy doesn't
//! understand, would silently end that. So what must be banned is listed here a second time, each with a line of code
//! that uses it, and clippy has to object to every line, and give the ban's reason.

use crate::digest;
use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;
use crate::stages::note;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;

/// What the core must not use: the path as clippy knows it, and an item of Rust that uses it.
const BANNED: [(&str, &str); 20] = [
    ("std::time::Instant", "pub type Use = std::time::Instant;"),
    ("std::time::SystemTime", "pub type Use = std::time::SystemTime;"),
    ("std::collections::HashMap", "pub type Use = std::collections::HashMap<u8, u8>;"),
    ("std::collections::HashSet", "pub type Use = std::collections::HashSet<u8>;"),
    ("std::thread::Thread", "pub type Use = std::thread::Thread;"),
    ("std::thread::JoinHandle", "pub type Use = std::thread::JoinHandle<()>;"),
    ("std::fs::File", "pub type Use = std::fs::File;"),
    ("std::fs::OpenOptions", "pub type Use = std::fs::OpenOptions;"),
    ("std::net::TcpStream", "pub type Use = std::net::TcpStream;"),
    ("std::net::TcpListener", "pub type Use = std::net::TcpListener;"),
    ("std::net::UdpSocket", "pub type Use = std::net::UdpSocket;"),
    ("std::thread::spawn", "pub fn call() { drop(std::thread::spawn(|| ())); }"),
    ("std::thread::sleep", "pub fn call() { std::thread::sleep(std::time::Duration::ZERO); }"),
    ("std::thread::scope", "pub fn call() { std::thread::scope(|_| ()); }"),
    ("std::fs::read", "pub fn call() { drop(std::fs::read(\"\")); }"),
    ("std::fs::read_to_string", "pub fn call() { drop(std::fs::read_to_string(\"\")); }"),
    ("std::fs::write", "pub fn call() { drop(std::fs::write(\"\", \"\")); }"),
    ("std::env::var", "pub fn call() { drop(std::env::var(\"\")); }"),
    ("std::env::var_os", "pub fn call() { drop(std::env::var_os(\"\")); }"),
    ("std::env::args", "pub fn call() { drop(std::env::args()); }"),
];

/// Checks `shared/clippy.toml`.
pub fn check(project: &Project) -> Done {
    let bans = digest::read(&project.root.join("shared/clippy.toml"))?;
    let scratch = project.target.join("bans");
    check_file(project, &String::from_utf8_lossy(&bans), &scratch)?;
    nowhere_allowed(&project.root.join("shared/src"))?;
    note(format!("{} bans, each objected to by clippy", BANNED.len()));
    Ok(())
}

/// Checks the text of a `clippy.toml`, in a folder of its own.
fn check_file(project: &Project, bans: &str, scratch: &Path) -> Done {
    let correct = "Correct shared/clippy.toml, or BANNED in xtask/src/gate/bans.rs when the core's rule has changed";
    for path in paths_of(bans) {
        if BANNED.iter().all(|(banned, _)| *banned != path) {
            return Err(Failure::new(format!("Nothing proves the ban of {path} in shared/clippy.toml"), correct));
        }
    }
    let objections = objections(project, bans, scratch)?;
    for (line, (path, item)) in (1..).zip(BANNED) {
        let objected =
            objections.iter().any(|objection| objection.line == line && objection.text.contains(&format!("`{path}`")));
        if !objected {
            return Err(Failure::new(format!("clippy doesn't object to {path} in the core, as in `{item}`"), correct));
        }
        if !objections.iter().any(|objection| objection.line == line && objection.has_reason) {
            return Err(Failure::new(format!("The ban of {path} in shared/clippy.toml gives no reason"), correct));
        }
    }
    Ok(())
}

/// What clippy said about a line of the sample.
struct Objection {
    line: usize,
    text: String,
    has_reason: bool,
}

/// Lets clippy judge a file that uses everything that is banned, one item a line.
fn objections(project: &Project, bans: &str, scratch: &Path) -> Done<Vec<Objection>> {
    let sample = scratch.join("sample.rs");
    let items = (0..).zip(BANNED).map(|(number, (_, item))| format!("pub mod m{number} {{ {item} }}\n"));
    digest::write(&sample, items.collect::<String>().as_bytes())?;
    digest::write(&scratch.join("clippy.toml"), bans.as_bytes())?;
    let mut clippy = project.command("clippy-driver");
    clippy.args(["--crate-type", "lib", "--edition", "2024", "--emit", "metadata", "--error-format", "json"]);
    clippy.args(["-W", "clippy::disallowed_types", "-W", "clippy::disallowed_methods"]);
    clippy.arg("-o").arg(scratch.join("sample.rmeta")).arg(&sample).env("CLIPPY_CONF_DIR", scratch);
    let output = clippy.stdin(Stdio::null()).output().map_err(|_| process::missing("clippy-driver"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let remedy = "Correct shared/clippy.toml or the samples in xtask/src/gate/bans.rs";
        return Err(Failure::new(format!("clippy can't judge the bans. It said:\n{words}"), remedy));
    }
    Ok(words.lines().filter_map(|line| serde_json::from_str(line).ok()).filter_map(|said: Value| objection(&said)).collect())
}

fn objection(said: &Value) -> Option<Objection> {
    let lint = said["code"]["code"].as_str()?;
    if !lint.starts_with("clippy::disallowed_") {
        return None;
    }
    let line = said["spans"][0]["line_start"].as_u64()?;
    let notes = said["children"].as_array()?.iter().filter(|child| child["level"] == "note");
    let has_reason =
        notes.filter_map(|child| child["message"].as_str()).any(|note| !note.starts_with("requested on the command line"));
    Some(Objection { line: line as usize, text: said["message"].as_str()?.to_owned(), has_reason })
}

/// The paths that a `clippy.toml` names, in its own order.
fn paths_of(bans: &str) -> impl Iterator<Item = &str> {
    bans.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once("path = \"")?.1.split('"').next())
}

/// A lint that the core may switch off for itself proves nothing.
fn nowhere_allowed(source: &Path) -> Done {
    for file in digest::files_below(source)? {
        let text = digest::read(&source.join(&file))?;
        let switched_off =
            |line: &&str| line.contains("clippy::disallowed_") && ["allow(", "expect("].iter().any(|word| line.contains(word));
        if let Some((number, _)) = (1..).zip(String::from_utf8_lossy(&text).lines()).find(|(_, line)| switched_off(line)) {
            let remedy = "Let the driver do it, and hand the core what comes of it";
            return Err(Failure::new(format!("shared/src/{file}:{number} switches off a ban of the core"), remedy));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder of a test; the name keeps tests that run at the same time apart.
    fn scratch(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("millrace-bans-{name}-{}", std::process::id()))
    }

    #[test]
    fn every_ban_is_missed_when_it_is_taken_out() {
        let project = Project::here().unwrap();
        let bans = include_str!("../../../shared/clippy.toml");
        let scratch = scratch("missed");
        assert_eq!(check_file(&project, bans, &scratch), Ok(()));
        for (path, _) in BANNED {
            let entry = format!("\"{path}\"");
            let without: String = bans.lines().filter(|line| !line.contains(&entry)).map(|line| format!("{line}\n")).collect();
            let failure = check_file(&project, &without, &scratch).unwrap_err().to_string();
            assert!(failure.contains(&format!("clippy doesn't object to {path} ")), "{path}: {failure}");
        }
        std::fs::remove_dir_all(&scratch).unwrap();
    }

    #[test]
    fn a_ban_needs_a_reason_and_a_proof() {
        let project = Project::here().unwrap();
        let bans = include_str!("../../../shared/clippy.toml");
        let scratch = scratch("reason");
        let silent = bans.replace(
            "{ path = \"std::env::args\", reason = \"the core has no environment: take settings as arguments\" }",
            "{ path = \"std::env::args\" }",
        );
        assert_ne!(silent, bans);
        let failure = check_file(&project, &silent, &scratch).unwrap_err().to_string();
        assert!(failure.contains("The ban of std::env::args") && failure.contains("gives no reason"), "{failure}");

        let unproven = bans.replace("disallowed-methods = [", "disallowed-methods = [\n    { path = \"std::process::exit\" },");
        let failure = check_file(&project, &unproven, &scratch).unwrap_err().to_string();
        assert!(failure.contains("Nothing proves the ban of std::process::exit"), "{failure}");
        std::fs::remove_dir_all(&scratch).unwrap();
    }

    #[test]
    fn the_core_may_not_switch_a_ban_off() {
        let scratch = scratch("allow");
        digest::write(&scratch.join("a/b.rs"), b"// fine\n").unwrap();
        assert_eq!(nowhere_allowed(&scratch), Ok(()));
        digest::write(&scratch.join("a/c.rs"), b"\n#[allow(clippy::disallowed_types)]\n").unwrap();
        let failure = nowhere_allowed(&scratch).unwrap_err().to_string();
        assert!(failure.contains("shared/src/a/c.rs:2 switches off a ban"), "{failure}");
        std::fs::remove_dir_all(&scratch).unwrap();
    }
}
