//! The reference of the language, made from the tables of functions and aggregates. Every example in it is run by a test, and
//! `docs/functions.md` is its text.

use std::fmt::Write;

use super::aggregate::LINES;
use super::functions::{FAMILIES, Function};
use super::{Schema, TYPE_NAMES, Type, Value};

/// The rows over which the examples of aggregates are computed.
pub fn sample() -> (Schema, Vec<Vec<Value>>) {
    let schema = Schema(vec![("x".to_owned(), Type::Int64), ("word".to_owned(), Type::Utf8)]);
    let rows = [(Some(1), "mill"), (Some(3), "race"), (None, "stone"), (Some(3), "race"), (Some(5), "wheel")];
    let row = |(x, word): (Option<i64>, &str)| vec![x.map_or(Value::Null, Value::Int64), Value::Utf8(word.into())];
    (schema, rows.into_iter().map(row).collect())
}

/// An entry of the reference: what a completion or a hover shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: &'static str,
    pub signature: String,
    pub result: String,
    pub doc: &'static str,
    pub example: (&'static str, &'static str),
}

/// Every function and operator, by family.
pub fn functions() -> impl Iterator<Item = (&'static str, Entry)> {
    let entry = |function: &'static Function| Entry {
        name: function.name,
        signature: function.signature(),
        result: function.result.to_string(),
        doc: function.doc,
        example: function.example,
    };
    FAMILIES.iter().flat_map(move |family| family.lines.iter().map(move |function| (family.title, entry(function))))
}

/// Every aggregate.
pub fn aggregates() -> impl Iterator<Item = Entry> {
    LINES.iter().map(|line| Entry {
        name: line.name,
        signature: line.form.to_owned(),
        result: line.gives.to_owned(),
        doc: line.doc,
        example: line.example,
    })
}

/// Every function, operator and aggregate as JSON, for an editor.
pub fn json() -> String {
    let entry = |family: &str, entry: Entry| {
        let Entry { name, signature, result, doc, example: (example, value) } = entry;
        serde_json::json!({
            "family": family, "name": name, "form": signature, "gives": result, "about": doc, "example": example, "value": value,
        })
    };
    let functions = functions().map(|(family, function)| entry(family, function));
    let entries: Vec<_> = functions.chain(aggregates().map(|aggregate| entry("Aggregates", aggregate))).collect();
    format!("{:#}\n", serde_json::Value::Array(entries))
}

/// The whole reference as Markdown.
pub fn markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    let mut types: Vec<_> = TYPE_NAMES.iter().map(|(name, of)| format!("`{name}` ({of})")).collect();
    types.push("and a list of any as `bigint[]`".to_owned());
    let _ = writeln!(text, "\nThe names of types in a cast: {}.", types.join(", "));
    let mut title = "";
    for (family, entry) in functions() {
        if family != title {
            title = family;
            let _ = write!(text, "\n## {title}\n{HEAD}");
        }
        row(&mut text, &entry);
    }
    let _ = write!(text, "\n## Aggregates\n\n{AGGREGATES}{HEAD}");
    aggregates().for_each(|entry| row(&mut text, &entry));
    text
}

const HEAD: &str = "\n| form | gives | meaning | example | its value |\n|---|---|---|---|---|\n";

fn row(text: &mut String, entry: &Entry) {
    let cell = |text: &str| text.replace('|', "\\|");
    let code = |text: &str| format!("`{}`", cell(text));
    let Entry { signature, result, doc, example: (example, value), .. } = entry;
    let _ = writeln!(text, "| {} | {result} | {} | {} | {} |", code(signature), cell(doc), code(example), code(value));
}

const INTRODUCTION: &str = "\
# Functions and aggregates

This text is made from the tables in `shared/src/expr`: `MILLRACE_REWRITE=1 cargo test -p shared --test reference` writes it anew, and
the same test runs every example.

An expression is SQL's: literals (`42`, `1.5`, `'it''s'`, `true`, `null`, `timestamp '2024-01-02 03:04:05'`, `interval '5' minute`,
`[1, 2]`), columns (in double quotes where a name is a word of the language), operators and calls. Types are Boolean, Int64, Float64,
Utf8, Timestamp (microseconds, UTC), Interval (microseconds; it has no months, which have no length of their own) and List of one of
these. An Int64 becomes a Float64 where one is needed; everything else takes a `cast`. A null argument makes the result null unless
the line says otherwise. Overflow, division by zero and a bad cast are errors that name their row; `try(…)` gives null instead.
`and`, `or`, `case`, `coalesce`, `in` and `between` evaluate an argument only for the rows that need it.

Binding, from loose to tight: `or`, `and`, `not`, `is`, comparisons with `in`, `like` and `between`, `+ -`, `* / % ||`, the sign, `x[i]`.
";

const AGGREGATES: &str = "\
Aggregates stand in the `values` of a `reduce`, alone or within an expression: `sum(x) / count(*)`. Nulls do not count unless the line
says so, and what has no values is null. The examples are over the rows `x = 1, 3, null, 3, 5` and `word = 'mill', 'race', 'stone',
'race', 'wheel'`.
";
