//! The page's wasm in two: what is looked at later lies in a file of its own (`frontend/src/lab/later.rs`).
//!
//! The cut is made between linking and wasm-bindgen, and trunk, which runs both, knows nothing of it. So trunk finds this very program
//! where it looks for `wasm-bindgen`: called by that name it cuts a wasm that has a place to be cut, and runs the real wasm-bindgen.
//!
//! ```text
//! app.wasm ──cut──▶ what is needed at once ──wasm-bindgen──▶ app.js, app_bg.wasm ──trunk──▶ app-HASH.js, app-HASH_bg.wasm
//!             └───▶ split_later.wasm and __wasm_split.js, which loads it                └─ joined here, under names with one hash
//! ```

use super::{Files, SHORT_HASH_DIGITS};
use crate::digest::{self, Digest};
use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm_split_cli_support::Options;

/// The name under which this program is called by trunk.
const CALLED: &str = "wasm-bindgen";
/// Where the real one is, in the environment of trunk.
const REAL: &str = "MILLRACE_WASM_BINDGEN";
/// The folder for what was cut off, in the environment of trunk.
const FOLDER: &str = "MILLRACE_SPLIT";
/// The module from which a wasm that can be cut imports what loads the rest.
const CUT_HERE: &[u8] = b"__wasm_split_placeholder__";
/// The script that loads what was cut off, and what was cut off, as the cutter calls them.
const LOADER: &str = "__wasm_split.js";
const REST: &str = "split_later.wasm";
/// The page's own bundle, as trunk calls it.
const BUNDLE: &str = "app";
/// What the cut page's files are called: a word, a hash, an ending.
pub const LATER: &str = "later-";
pub const SPLIT: &str = "split-";

/// Lets trunk call this program where it would call wasm-bindgen.
pub fn stand_in(trunk: &mut Command, project: &Project) -> Done {
    let real = project.find(CALLED).ok_or_else(|| process::missing(CALLED))?;
    let folder = folder(project);
    // What an earlier build cut off must not be taken for this one's.
    if folder.is_dir() {
        fs::remove_dir_all(&folder).map_err(|error| Failure::file("remove", &folder, &error))?;
    }
    let shim = project.page_cache.join("shim");
    fs::create_dir_all(&shim).map_err(|error| Failure::file("make the folder", &shim, &error))?;
    let this = std::env::current_exe()
        .map_err(|error| Failure::new(format!("Where xtask itself is cannot be found out: {error}"), "Run it by cargo"))?;
    let called = shim.join(format!("{CALLED}{}", std::env::consts::EXE_SUFFIX));
    fs::copy(&this, &called).map_err(|error| Failure::file("write", &called, &error))?;
    let path = std::env::join_paths([shim].into_iter().chain(std::env::split_paths(&project.search_path())));
    let path =
        path.map_err(|error| Failure::new(error.to_string(), "Move the checkout to a folder without `:` in its name"))?;
    trunk.env("PATH", path).env(REAL, real).env(FOLDER, folder);
    Ok(())
}

/// Where what was cut off is kept between runs.
pub fn folder(project: &Project) -> PathBuf {
    project.page_cache.join("split")
}

/// Whether this program was called as wasm-bindgen.
pub fn is_called() -> bool {
    let name = std::env::args_os().next().map(PathBuf::from);
    name.and_then(|name| name.file_stem().map(|stem| stem == CALLED)).unwrap_or(false) && std::env::var_os(REAL).is_some()
}

/// Does what wasm-bindgen does, after the cut. `arguments` are wasm-bindgen's.
pub fn bind(arguments: &[String]) -> Done {
    let real = std::env::var_os(REAL).unwrap_or_default();
    let mut bindgen = Command::new(real);
    let wasm = arguments.iter().find(|argument| argument.ends_with(".wasm"));
    let content = wasm.map(|path| digest::read(Path::new(path))).transpose()?.unwrap_or_default();
    match wasm.filter(|_| contains(&content, CUT_HERE)) {
        None => bindgen.args(arguments),
        Some(wasm) => {
            let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap_or_default());
            let main = cut(&content, &folder)?;
            let others = arguments.iter().filter(|argument| *argument != wasm);
            // The rest finds what it shares with the bundle by the names that the linker gave.
            bindgen.args(others).args(["--keep-lld-exports", "--no-demangle"]).arg(main)
        }
    };
    process::run(&mut bindgen)
}

/// Cuts the wasm; returns the path of what is needed at once.
fn cut(wasm: &[u8], folder: &Path) -> Done<PathBuf> {
    let main = folder.join(format!("{BUNDLE}.wasm"));
    let mut options = Options::new(wasm);
    let script = bundle_script();
    options.output_dir = folder;
    options.main_out_path = &main;
    options.main_module = &script;
    wasm_split_cli_support::transform(options).map_err(|error| {
        let remedy = "See that the versions of wasm_split_cli_support and of leptos's wasm_split_helpers belong together";
        Failure::new(format!("The page's wasm cannot be cut in two: {error:#}"), remedy)
    })?;
    Ok(main)
}

/// Puts what was cut off among trunk's files, and gives all that belongs together one hash: a browser may keep each for good.
pub fn join(files: &mut Files, folder: &Path) -> Done {
    let odd = |what: &str| {
        Failure::new(format!("The cut page is not as it should be: {what}"), "Remove target/page and run this again")
    };
    let stem = files.keys().find_map(|path| path.strip_suffix("_bg.wasm").filter(|stem| stem.starts_with("app-")));
    let stem = stem.ok_or_else(|| odd("trunk made no app-*_bg.wasm"))?.to_owned();
    let mut take = |path: String| files.remove(&path).ok_or_else(|| odd(&format!("there is no {path}")));
    let (script, wasm) = (take(format!("{stem}.js"))?, take(format!("{stem}_bg.wasm"))?);
    let html = take("index.html".to_owned())?;
    let (loader, rest) = (digest::read(&folder.join(LOADER))?, digest::read(&folder.join(REST))?);

    let mut digest = Digest::default();
    [&script, &wasm, &loader, &rest].into_iter().enumerate().for_each(|(index, part)| digest.part(&index.to_string(), part));
    let hash = digest.finish()[..SHORT_HASH_DIGITS].to_owned();
    let whole = format!("{BUNDLE}-{hash}");
    let (later, split) = (format!("{LATER}{hash}.wasm"), format!("{SPLIT}{hash}.js"));

    let replace = |text: &[u8], from: &str, to: &str| {
        let text = String::from_utf8_lossy(text);
        if text.contains(from) { Ok(text.replace(from, to).into_bytes()) } else { Err(odd(&format!("nothing says {from}"))) }
    };
    let script = replace(&script, &format!("from \"./{LOADER}\""), &format!("from \"./{split}\""))?;
    let loader = replace(&loader, &bundle_script(), &format!("./{whole}.js"))?;
    let loader = replace(&loader, REST, &later)?;
    let html = replace(&html, &stem, &whole)?;
    let joined = [
        ("index.html".to_owned(), html),
        (format!("{whole}.js"), script),
        (format!("{whole}_bg.wasm"), wasm),
        (split, loader),
        (later, rest),
    ];
    files.extend(joined);
    Ok(())
}

/// The bundle's script, as the cutter and wasm-bindgen call it.
fn bundle_script() -> String {
    format!("./{BUNDLE}.js")
}

fn contains(content: &[u8], sought: &[u8]) -> bool {
    content.windows(sought.len()).any(|window| window == sought)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_page(rest: &str) -> Files {
        let folder = std::env::temp_dir().join(format!("millrace-split-{}-{rest}", std::process::id()));
        digest::write(&folder.join(LOADER), b"import { initSync } from \"./app.js\";\nfetch(\"./split_later.wasm\")").unwrap();
        digest::write(&folder.join(REST), rest.as_bytes()).unwrap();
        let files = [
            ("index.html", "<link href=\"./app-00aa.js\"><link href=\"./app-00aa_bg.wasm\">"),
            ("app-00aa.js", "import * as a from \"./__wasm_split.js\"\nx = {\"./__wasm_split.js\": a}"),
            ("app-00aa_bg.wasm", "w"),
        ];
        let mut files: Files = files.map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec())).into();
        join(&mut files, &folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        files
    }

    #[test]
    fn all_that_belongs_together_has_one_hash_and_finds_each_other() {
        let files = cut_page("one");
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        let hash = names[0].strip_prefix("app-").and_then(|name| name.strip_suffix(".js")).unwrap();
        assert_eq!(hash.len(), SHORT_HASH_DIGITS);
        let wanted = ["app-#.js", "app-#_bg.wasm", "index.html", "later-#.wasm", "split-#.js"];
        assert_eq!(names, wanted.map(|name| name.replace('#', hash)));
        let says = |name: &str| String::from_utf8(files[&name.replace('#', hash)].clone()).unwrap();
        assert_eq!(says("index.html"), format!("<link href=\"./app-{hash}.js\"><link href=\"./app-{hash}_bg.wasm\">"));
        // The wasm goes on asking for the module by the name that it was cut with.
        assert_eq!(says("app-#.js"), format!("import * as a from \"./split-{hash}.js\"\nx = {{\"./__wasm_split.js\": a}}"));
        assert_eq!(
            says("split-#.js"),
            format!("import {{ initSync }} from \"./app-{hash}.js\";\nfetch(\"./later-{hash}.wasm\")")
        );
    }

    #[test]
    fn another_rest_is_another_hash_for_all() {
        let names = |files: Files| files.into_keys().collect::<Vec<_>>();
        assert_ne!(names(cut_page("two")), names(cut_page("three")));
    }

    #[test]
    fn a_page_that_was_not_cut_is_refused_with_a_sentence() {
        let failure = join(&mut Files::new(), Path::new("/nowhere")).unwrap_err().to_string();
        assert!(failure.contains("trunk made no app-*_bg.wasm"), "{failure}");
    }
}
