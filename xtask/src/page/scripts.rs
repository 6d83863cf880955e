//! The scripts that wasm-bindgen makes, without the words that only people read: with those they are twice as long, and the page waits
//! for them.

use super::{Files, split};
use crate::digest;
use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;
use std::path::Path;

/// Makes every script of the page's and the engine's wasm short, by esbuild. Names at the top of a script stay, since the workers'
/// loader and the HTML know them.
pub fn shorten(files: &mut Files, project: &Project) -> Done {
    let packages = project.npm.join("node_modules");
    let scripts: Vec<String> = files.keys().filter(|path| has_wasm(files, path)).cloned().collect();
    for path in scripts {
        let long = &files[&path];
        let short = shortened(project, &packages, &path, long)?;
        files.insert(path, short);
    }
    Ok(())
}

/// Whether wasm-bindgen made this script, whose wasm stands beside it then, or the cutter of wasm.
fn has_wasm(files: &Files, path: &str) -> bool {
    path.starts_with(split::SPLIT)
        || path.strip_suffix(".js").is_some_and(|stem| files.contains_key(&format!("{stem}_bg.wasm")))
}

fn shortened(project: &Project, packages: &Path, path: &str, script: &[u8]) -> Done<Vec<u8>> {
    let scratch = project.page_cache.join("scripts");
    let (from, to) = (scratch.join("long.js"), scratch.join("short.js"));
    digest::write(&from, script)?;
    let mut esbuild = project.command("node");
    esbuild.arg(packages.join("esbuild/bin/esbuild")).arg(&from);
    esbuild.args(["--minify", "--target=es2022", "--legal-comments=none", "--log-level=warning"]);
    esbuild.arg(format!("--outfile={}", to.display()));
    process::run(&mut esbuild)?;
    let short = digest::read(&to)?;
    if short.is_empty() {
        return Err(Failure::new(format!("esbuild made nothing of {path}"), "Remove target/npm and run this again"));
    }
    Ok(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scripts_that_a_tool_made_of_wasm_are_shortened() {
        let names = [
            "app-1.js",
            "app-1_bg.wasm",
            "engine.js",
            "engine_bg.wasm",
            "engine_loader.js",
            "editor-2.js",
            "split-1.js",
            "sw.js",
        ];
        let files: Files = names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        let short: Vec<&str> = names.into_iter().filter(|name| has_wasm(&files, name)).collect();
        assert_eq!(short, ["app-1.js", "engine.js", "split-1.js"]);
    }
}
