//! The gallery: every experiment of `examples` with its title and what it is about, how long it takes and what it is made of, as one JSON
//! file beside the page.

use crate::digest;
use crate::failure::{Done, Failure};
use crate::project::Project;

const EXTENSION: &str = ".yaml";

/// What a simulation of each example tells, as the gate's stage `examples` writes it and sees that it stays true.
pub const GALLERY: &str = "frontend/gallery.json";

/// `examples.json`: a list of `{ name, title, about, text, told }`, by name. What is `told` of an example that is new is nothing yet.
pub fn json(project: &Project) -> Done<String> {
    let folder = project.root.join("examples");
    let told: serde_json::Value = serde_json::from_slice(&digest::read(&project.root.join(GALLERY))?).map_err(|error| {
        Failure::new(format!("{GALLERY} is no JSON: {error}"), "MILLRACE_REWRITE=1 cargo xtask test examples")
    })?;
    let mut examples = Vec::new();
    for file in digest::files_below(&folder)? {
        let Some(name) = file.strip_suffix(EXTENSION) else { continue };
        let text = String::from_utf8_lossy(&digest::read(&folder.join(&file))?).into_owned();
        let (Some(title), Some(about)) = (value(&text, "title"), value(&text, "about")) else {
            let what = format!("examples/{file} has no `title` or no `about`, which the gallery shows");
            return Err(Failure::new(what, "Give it both, each a line or a folded text (`>`) at the document's top"));
        };
        examples.push(serde_json::json!({ "name": name, "title": title, "about": about, "text": text, "told": told[name] }));
    }
    Ok(format!("{}\n", serde_json::Value::Array(examples)))
}

/// Whether an experiment is a batch: by a key at the document's top.
pub fn is_batch(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("batch:"))
}

/// The text of a key at the document's top: on its line, or folded on the lines below. Taken from the lines alone, so that xtask needs no
/// YAML; an experiment that is written otherwise is refused.
fn value(text: &str, key: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| !line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
    let first = lines.next()?.split_once(':')?.1.trim();
    let words: Vec<&str> = match first {
        ">" | ">-" | "|" | "|-" => lines.take_while(|line| line.starts_with(' ') || line.is_empty()).map(str::trim).collect(),
        line => vec![line.trim_matches(['"', '\''])],
    };
    let words = words.join(" ").trim().to_owned();
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_known_by_its_key() {
        assert!(is_batch("millrace: 1\nbatch:\n  input: {}\n"));
        assert!(!is_batch("millrace: 1\nmessaging:\n  batch: {}\n"));
    }

    #[test]
    fn a_key_is_read_from_its_line_or_from_those_below() {
        let text = "millrace: 1\ntitle: \"Count\"\nabout: >\n  First\n  and second.\nseed: 1\n";
        assert_eq!(value(text, "title").as_deref(), Some("Count"));
        assert_eq!(value(text, "about").as_deref(), Some("First and second."));
        assert_eq!(value(text, "seed").as_deref(), Some("1"));
        assert_eq!(value(text, "workers"), None);
        assert_eq!(value("about: >\nseed: 1\n", "about"), None);
    }
}
