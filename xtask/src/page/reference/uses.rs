//! Which experiment of the gallery has a key: where a reader sees it at work.
//!
//! Keys are taken from the lines and brackets alone, so that xtask needs no YAML; the schema says whose they are. A test finds every key of
//! every experiment in the schema, so an experiment that is written in a way that this does not read is noticed.

use serde_json::Value;

/// The paths of an experiment's keys as `format` writes them; what the schema does not know is given as it stands, as an error.
pub fn paths(text: &str, schema: &Value) -> Vec<Result<String, String>> {
    keys(text).iter().map(|path| resolve(path, schema).ok_or_else(|| path.join("."))).collect()
}

/// A key's path in the words of the schema: names of the user's own are `NAME`, and a step is one of the batch's steps.
fn resolve(path: &[String], schema: &Value) -> Option<String> {
    let mut found = Vec::new();
    let mut at = schema;
    for key in path {
        at = below(at, key, schema, &mut found)?;
    }
    Some(found.join("."))
}

fn below<'s>(at: &'s Value, key: &str, whole: &'s Value, found: &mut Vec<String>) -> Option<&'s Value> {
    if at["$ref"].is_string() {
        *found = ["batch", "steps"].map(str::to_owned).to_vec();
        return below(&whole["$defs"]["step"], key, whole, found);
    }
    if let Some(value) = at["properties"].get(key) {
        found.push(key.to_owned());
        return Some(value);
    }
    if at["additionalProperties"].is_object() {
        found.push("NAME".to_owned());
        return Some(&at["additionalProperties"]);
    }
    if at["items"].is_object() {
        return below(&at["items"], key, whole, found);
    }
    at["anyOf"].as_array()?.iter().find_map(|choice| below(choice, key, whole, found))
}

/// The path of every key, in the order of the text.
fn keys(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    // Open keys, each with its indentation.
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let mut rest = line.trim_start();
        if rest.is_empty() || rest.starts_with('#') {
            continue;
        }
        let mut indentation = line.len() - rest.len();
        open.retain(|(of, _)| *of < indentation || (*of == indentation && rest.starts_with("- ")));
        while let Some(item) = rest.strip_prefix("- ") {
            indentation += rest.len() - item.trim_start().len();
            rest = item.trim_start();
            open.retain(|(of, _)| *of < indentation);
        }
        let mut path: Vec<String> = open.iter().map(|(_, key)| key.clone()).collect();
        let mut value = rest;
        if let Some((key, after)) = key_of(rest) {
            open.push((indentation, key.clone()));
            path.push(key);
            found.push(path.clone());
            value = after;
        }
        if value.starts_with(['|', '>']) {
            let is_below = |line: &&str| line.trim().is_empty() || line.len() - line.trim_start().len() > indentation;
            while lines.next_if(is_below).is_some() {}
        } else if value.starts_with(['{', '[']) {
            let mut flow = value.to_owned();
            while depth(&flow) > 0 {
                let Some(line) = lines.next() else { break };
                flow.push(' ');
                flow.push_str(line.split(" #").next().unwrap_or_default().trim());
            }
            in_brackets(&flow, &path, &mut found);
        }
    }
    found
}

/// A key at the start of a text, and the value behind its colon.
fn key_of(text: &str) -> Option<(String, &str)> {
    let (key, rest) = text.split_once(':')?;
    let is_name = !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || "_-.".contains(letter));
    (is_name && (rest.is_empty() || rest.starts_with(' '))).then(|| (key.to_owned(), rest.trim()))
}

/// The characters that are not in quotes, each with its place.
fn bare(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut quote = None;
    text.char_indices().filter(move |(_, character)| match (quote, *character) {
        (Some(open), character) => {
            quote = (character != open).then_some(open);
            false
        }
        (None, '"' | '\'') => {
            quote = Some(*character);
            false
        }
        _ => true,
    })
}

fn depth(text: &str) -> i32 {
    bare(text)
        .map(|(_, character)| {
            if "{[".contains(character) {
                1
            } else if "}]".contains(character) {
                -1
            } else {
                0
            }
        })
        .sum()
}

/// The keys in `{ … }` and `[ … ]`, below a path.
fn in_brackets(text: &str, path: &[String], found: &mut Vec<Vec<String>>) {
    // The path at each open bracket, and where what is being read began.
    let mut open: Vec<Vec<String>> = Vec::new();
    let (mut current, mut start) = (path.to_vec(), 0);
    for (at, character) in bare(text) {
        match character {
            '{' | '[' => open.push(current.clone()),
            '}' | ']' => {
                current = open.pop().unwrap_or_default();
                // Behind the last one a remark may stand.
                if open.is_empty() {
                    return;
                }
            }
            ',' => current = open.last().cloned().unwrap_or_default(),
            ':' if text[at + 1..].starts_with(' ') => {
                current.push(text[start..at].trim().trim_matches(['"', '\'']).to_owned());
                found.push(current.clone());
                continue;
            }
            _ => continue,
        }
        start = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;
    use crate::project::Project;

    fn found(text: &str) -> Vec<String> {
        keys(text).iter().map(|path| path.join(".")).collect()
    }

    #[test]
    fn keys_are_found_by_indentation_and_by_brackets() {
        let text = "a: 1\nb:\n  c: { d: [ { e: x, f: 'g: h' }, { i: k } ], l: m }\n  n: |\n    o: p\n\n    q\n  r:\n    - s: 1\n      t: 2\n    - { u:\n        v }\n";
        assert_eq!(
            found(text),
            ["a", "b", "b.c", "b.c.d", "b.c.d.e", "b.c.d.f", "b.c.d.i", "b.c.l", "b.n", "b.r", "b.r.s", "b.r.t", "b.r.u"]
        );
        assert_eq!(
            found("a:\n- b: 1\n- c: 2\nd: >\n  e: 1\nf: \"g: {\"\nh: { i: 1 }  # { j: 1 }\n"),
            ["a", "a.b", "a.c", "d", "f", "h", "h.i"]
        );
    }

    #[test]
    fn the_schema_knows_every_key_of_the_gallery() {
        let root = Project::here().unwrap().root;
        let schema: Value = serde_json::from_slice(&digest::read(&root.join("docs/schema.json")).unwrap()).unwrap();
        let folder = root.join("examples");
        let mut count = 0;
        for file in digest::files_below(&folder).unwrap().iter().filter(|file| file.ends_with(".yaml")) {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            for path in paths(&text, &schema) {
                assert!(path.is_ok(), "{file}: {path:?}");
                count += 1;
            }
        }
        assert!(count > 400, "{count} keys");
    }
}
