//! The service worker: the script that makes the page work without its server. Ours is `service_worker.js` beside this
//! file; here it learns the build and the list of files.

use super::Files;
use crate::digest;
use std::collections::BTreeMap;

const TEMPLATE: &str = include_str!("service_worker.js");

/// Files that the service worker must not keep: what says which build the server has and whether there is one, and what only the server reads.
const NOT_KEPT: [&str; 4] = ["build.json", "sw.js", super::NO_SERVER.0, "data/flights-3m.parquet"];

/// The script for this page.
pub fn script(files: &Files, build: &str) -> String {
    let kept: BTreeMap<String, String> = files
        .iter()
        .filter(|(path, _)| !NOT_KEPT.contains(&path.as_str()))
        .map(|(path, content)| (address(path), digest::sha256(content)))
        .collect();
    let list = serde_json::json!(kept).to_string().replace("\",", "\",\n  ");
    TEMPLATE.replace("\"__BUILD__\"", &format!("\"{build}\"")).replace("\"__FILES__\"", &list)
}

/// The address of a file, relative to the script. The page itself is what a server answers for its folder.
fn address(path: &str) -> String {
    match path {
        "index.html" => "./".into(),
        path => format!("./{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_knows_its_build_and_every_file_by_hash() {
        let files: Files =
            [("index.html", "h"), ("app-0123456789abcdef.js", "abc"), ("build.json", "{}"), ("api/health", "{}")]
                .map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()))
                .into();
        let script = script(&files, "b1");
        assert!(script.contains("const BUILD = \"b1\";"));
        assert!(
            script
                .contains("\"./app-0123456789abcdef.js\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"")
        );
        assert!(script.contains("\"./\":\""), "the page itself is kept under the address of its folder");
        assert!(
            !script.contains("build.json\":")
                && !script.contains("health\":")
                && !script.contains("__FILES__")
                && !script.contains("__BUILD__"),
            "{script}"
        );
    }
}
