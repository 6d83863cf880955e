//! Makes the page's WebAssembly smaller than the compiler does: by some passes of Binaryen's `wasm-opt`, which comes from npm.
//!
//! Only passes that pay: they take seconds and save about a hundredth of what goes over the wire. Those of `-O` take a minute for the
//! engine, and bring no more.

use super::Files;
use crate::digest;
use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;
use crate::stages::note;
use std::fs;
use std::path::Path;

/// What the compiler may have used. Without these the program would be refused.
const FEATURES: [&str; 9] = [
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-reference-types",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-multivalue",
    "--enable-call-indirect-overlong",
];

/// In this order.
const PASSES: [&str; 11] = [
    "--remove-unused-module-elements",
    "--duplicate-function-elimination",
    "--simplify-globals-optimizing",
    "--optimize-instructions",
    "--vacuum",
    "--remove-unused-brs",
    "--merge-blocks",
    "--simplify-locals-nostructure",
    "--coalesce-locals",
    "--reorder-locals",
    "--vacuum",
];

/// Shrinks each `.wasm` of `files`; one that was shrunk before comes from `cache`. What the cache holds besides is removed.
pub fn all(files: &mut Files, project: &Project, cache: &Path) -> Done {
    fs::create_dir_all(cache).map_err(|error| Failure::file("make the folder", cache, &error))?;
    let mut used = Vec::new();
    for (path, content) in files.iter_mut().filter(|(path, _)| path.ends_with(".wasm")) {
        let name = format!("{}.wasm", known_as(content));
        let known = cache.join(&name);
        if !known.is_file() {
            note(format!("wasm-opt: {path}"));
            shrink(content, &known, project)?;
        }
        *content = digest::read(&known)?;
        used.push(name);
    }
    for old in digest::files_below(cache)?.iter().filter(|name| !used.contains(*name)) {
        let path = cache.join(old);
        fs::remove_file(&path).map_err(|error| Failure::file("remove", &path, &error))?;
    }
    Ok(())
}

/// The same bytes shrunk in another way are something else.
fn known_as(content: &[u8]) -> String {
    let how = [&FEATURES[..], &PASSES].concat().join(" ");
    digest::sha256(&[content, how.as_bytes()].concat())
}

fn shrink(content: &[u8], to: &Path, project: &Project) -> Done {
    let (from, unfinished) = (to.with_extension("from"), to.with_extension("unfinished"));
    digest::write(&from, content)?;
    let mut node = project.command("node");
    node.arg(project.npm.join("node_modules/binaryen/bin/wasm-opt")).args(FEATURES).args(PASSES);
    process::run(node.arg(&from).arg("-o").arg(&unfinished))?;
    // Under another name until it is whole.
    fs::rename(&unfinished, to).map_err(|error| Failure::file("write", to, &error))?;
    fs::remove_file(&from).map_err(|error| Failure::file("remove", &from, &error))
}
