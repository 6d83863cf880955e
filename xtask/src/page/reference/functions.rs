//! The functions and aggregates, from `docs/functions.json`, each with an experiment that computes its example.

use serde_json::Value;

use super::html::{anchor, code, escape, prose};
use super::{Entry, Example, Group};

/// The family whose examples are computed over several rows.
const AGGREGATES: &str = "Aggregates";

/// The rows that the aggregates' examples are over; `shared/src/expr/reference.rs` has the same.
const ROWS: &str = "      x,word\n      1,mill\n      3,race\n      ,stone\n      3,race\n      5,wheel\n";

/// A group for each family. `notes` is `docs/functions.md`, whose paragraphs on a family stand before its functions.
pub fn groups(functions: &Value, notes: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for function in functions.as_array().into_iter().flatten() {
        let family = text(function, "family");
        let id = format!("functions-{}", anchor(family));
        if groups.last().is_none_or(|group| group.id != id) {
            let intro = super::paragraphs(notes, Some(family)).join(" ");
            groups.push(Group { id, title: escape(family), intro: prose(&intro), entries: Vec::new() });
        }
        let number = groups.iter().map(|group| group.entries.len()).sum::<usize>();
        if let Some(group) = groups.last_mut() {
            group.entries.push(entry(function, family, number));
        }
    }
    groups
}

fn entry(function: &Value, family: &str, number: usize) -> Entry {
    let (name, example, value) = (text(function, "name"), text(function, "example"), text(function, "value"));
    let experiment = if family == AGGREGATES { aggregating(name, example) } else { mapping(name, example) };
    Entry {
        name: name.to_owned(),
        id: format!("function-{number}-{}", anchor(name)),
        term: code(text(function, "form")),
        kinds: vec![format!("gives {}", escape(text(function, "gives")))],
        body: format!("<p>{}</p>", prose(text(function, "about"))),
        examples: vec![Example {
            text: example.to_owned(),
            opens: Some(experiment),
            after: format!("= {}", code(value)),
            is_title: false,
        }],
    }
}

/// An experiment that computes an expression for one row.
pub fn mapping(title: &str, expression: &str) -> String {
    format!(
        "millrace: 1\ntitle: {}\nworkers: 1\nbatch:\n  input: {{ text: one row }}\n  steps:\n    - map:\n        value: |-\n          {expression}\n    - select: value\n",
        super::quoted(title)
    )
}

/// An experiment that computes an aggregate over the rows of the reference.
pub fn aggregating(title: &str, expression: &str) -> String {
    format!(
        "millrace: 1\ntitle: {}\nworkers: 1\nbatch:\n  input:\n    text: |\n{ROWS}  format: csv\n  columns: {{ x: bigint, word: text }}\n  steps:\n    - map: {{ whole: \"'all rows'\" }}\n    - reduce:\n        key: whole\n        values:\n          value: |-\n            {expression}\n    - select: value\n",
        super::quoted(title)
    )
}

fn text<'v>(function: &'v Value, key: &str) -> &'v str {
    function[key].as_str().unwrap_or_default()
}
