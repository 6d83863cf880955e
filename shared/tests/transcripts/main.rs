//! The protocols as transcripts to be read: `golden/transcripts/*.txt`, one scenario a file.
//!
//! `cluster`: what a coordinator and its workers say to one another, from the simulator's trace. `client`: what a client and its
//! session say, as the JSON that is on the wire. Nothing in them depends on the machine or the clock on the wall: both run under
//! a clock of their own.
//!
//! `MILLRACE_REWRITE=1 cargo test -p shared --test transcripts` writes the files anew; read the diff.

#![cfg(not(target_arch = "wasm32"))]
// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod client;
mod cluster;

/// Compares a transcript with its golden file, or writes that file.
#[allow(clippy::disallowed_methods, reason = "golden files are files, and whoever changes them says so in the environment")]
fn check(name: &str, transcript: &str) {
    let path = format!("{}/tests/golden/transcripts/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var("MILLRACE_REWRITE").is_ok() {
        return std::fs::write(path, transcript).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let differs = golden.lines().zip(transcript.lines()).position(|(old, new)| old != new);
    let at = differs.unwrap_or_else(|| golden.lines().count().min(transcript.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    assert!(
        golden == transcript,
        "{path}, line {}:\n  it was  {}\n  it is   {}\nIf that is as it should be, write the file anew with MILLRACE_REWRITE=1.",
        at + 1,
        line(&golden),
        line(transcript)
    );
}
