//! The page's HTML, scripts and wasm, by trunk; skipped while nothing that they are made of has changed.

use super::{Files, split};
use crate::digest::{self, Digest, files_below};
use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;
use crate::stages::note;
use std::fs;
use std::path::Path;

/// All that trunk's output depends on, besides the compiler. Paths in the checkout.
const INPUTS: [&str; 13] = [
    ".cargo/config.toml",
    "Cargo.lock",
    "Cargo.toml",
    "Trunk.toml",
    "frontend/Cargo.toml",
    "frontend/build.rs",
    "frontend/index.html",
    "frontend/src",
    "frontend/style",
    "rust-toolchain.toml",
    "shared/Cargo.toml",
    "shared/build.rs",
    "shared/src",
];

/// Variables that change what the compiler makes.
const VARIABLES: [&str; 3] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS"];

/// Runs trunk when needed and returns what it made, with what was cut off the page's wasm beside it.
pub fn build(project: &Project) -> Done<Files> {
    let made = project.page_cache.join("trunk");
    let stamp = project.page_cache.join("trunk.stamp");
    let inputs = inputs(project)?;
    if let Ok(files) = read_all(project, &made)
        && fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == stamp_of(&inputs, &files))
    {
        note("trunk: nothing has changed since its last run");
        return Ok(files);
    }
    digest::write(&stamp, b"")?;
    fs::create_dir_all(&made).map_err(|error| Failure::file("make the folder", &made, &error))?;
    let mut trunk = project.command("trunk");
    trunk.args(["build", "--offline", "--skip-version-check", "--features", "split", "--dist"]).arg(&made);
    // Trunk takes NO_COLOR for a switch of its own that must be `true` or `false`. Backtraces would be trunk's own.
    trunk.env_remove("NO_COLOR").env("RUST_BACKTRACE", "0");
    split::stand_in(&mut trunk, project)?;
    process::run(&mut trunk)?;
    let files = read_all(project, &made)?;
    digest::write(&stamp, stamp_of(&inputs, &files).as_bytes())?;
    Ok(files)
}

fn inputs(project: &Project) -> Done<String> {
    let mut digest = Digest::default();
    let remedy = "Install Rust by rustup, then run this again";
    digest.part("rustc", process::capture(project.command("rustc").arg("-vV"), remedy)?.as_bytes());
    for name in VARIABLES {
        digest.part(name, std::env::var(name).unwrap_or_default().as_bytes());
    }
    INPUTS.iter().try_for_each(|path| digest.tree(&project.root, path))?;
    Ok(digest.finish())
}

/// What a finished run is known by: its inputs and what came of them, so that a damaged output is made again.
fn stamp_of(inputs: &str, files: &Files) -> String {
    let mut digest = Digest::default();
    files.iter().for_each(|(path, content)| digest.part(path, content));
    format!("{inputs} {}\n", digest.finish())
}

fn read_all(project: &Project, made: &Path) -> Done<Files> {
    let mut files = read_folder(made)?;
    split::join(&mut files, &split::folder(project))?;
    Ok(files)
}

fn read_folder(dir: &Path) -> Done<Files> {
    let paths = files_below(dir)?.into_iter().filter(|path| !path.starts_with(".stage/"));
    paths.map(|path| digest::read(&dir.join(&path)).map(|content| (path, content))).collect()
}
