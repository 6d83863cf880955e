//! The sentences that the sources of the checker and of the expression language hold: every text in them that reads like one.

use std::path::{Path, PathBuf};

use shared::expr::reference::{aggregates, functions};

/// Files that say nothing to whoever writes an experiment.
const SILENT: [&str; 7] = [
    // The document of the functions.
    "expr/reference.rs",
    // What is wrong with a message between nodes, which a checked experiment never makes.
    "expr/flat.rs",
    // Tells an expectation as it was written.
    "experiment/spec.rs",
    // What the experiment would do, beside what is wrong with it.
    "experiment/outline.rs",
    // The same of a bus.
    "experiment/messaging/view.rs",
    // The meanings of keys and their examples, for an editor.
    "experiment/schema/keys.rs",
    "experiment/schema/messaging.rs",
];

/// How statements begin that put a step in words for the graph, or tell what an experiment would do: no error says what is in them.
const NEWS: [&str; 3] = ["self.say(", "let words", "reader.outline."];

/// Texts that read like sentences and that no experiment provokes, by their reason.
const UNHEARD: [(&str, &[&str]); 4] = [
    (
        "parts of other texts: a value in words, what an aggregate takes",
        &[
            "interval '{}' second",
            "any value",
            "any value but a list",
            "any value but a list, and a literal k from 1 to 10,000",
            "any value but a list, and a literal q from 0 to 1",
        ],
    ),
    (
        "said by a program to a program: of a batch that is none of the plan's, of a state that no worker sent",
        &[
            "`count` got no array of its argument",
            "`{}` is more than one aggregate",
            "`{}` does not take these arguments",
            "`{}` does not take this argument",
            "`{text}` is no number",
            "the arrays are none of this aggregate: another number, type or length",
            "a state of `approx_distinct` has no such register",
            "a partial sum is out of all bounds",
            "a filter is a Boolean, not {}",
            "column {index} is {of}, and its value is {value}",
            "column {index} is missing: the batch has {} columns",
            "column {index} is of Arrow's type {} and should be {of}",
            "column {index} has {} rows and should have {}",
            "a value that cannot be written",
        ],
    ),
    (
        "why a branch is never reached; the reader of YAML gives bytes as text",
        &[
            "binary values have no place in an experiment",
            "a lazy function ran above",
            "an array is a list",
            "a list's type is a list",
            "nullif has two arguments",
        ],
    ),
    (
        "only past two thousand million bytes or elements in one batch, which a test has no room for",
        &[
            "the states of an aggregate have {count} bytes or elements; the limit is {}",
            "the texts of one batch would have more than {BATCH_BYTES_MAX} bytes",
            "the texts of one batch would have {bytes} bytes; the limit is {}",
            "the lists of one batch would have {} elements; the limit is {}",
        ],
    ),
];

/// A sentence with gaps for what it names.
pub struct Sentence {
    pub text: String,
    /// Its file and line.
    pub place: String,
    parts: Vec<String>,
}

impl Sentence {
    /// Whether something that was said holds its parts in order.
    pub fn is_in(&self, said: &str) -> bool {
        self.parts.iter().try_fold(said, |rest, part| rest.split_once(part.as_str()).map(|(_, rest)| rest)).is_some()
    }
}

/// Every sentence of the two modules.
pub fn sentences() -> Vec<Sentence> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    ["experiment", "expr"].iter().for_each(|folder| collect(&root.join(folder), &mut files));
    files.sort();
    let known = documented();
    let mut found = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        if SILENT.contains(&name.as_str()) {
            continue;
        }
        let source = std::fs::read_to_string(&file).unwrap();
        for literal in literals(source.split("#[cfg(test)]").next().unwrap_or_default()) {
            let heard = !UNHEARD.iter().any(|(_, texts)| texts.contains(&literal.text.as_str()));
            if heard && reads_like_a_sentence(&literal) && !known.contains(&literal.text) {
                let (parts, place) = (parts(&literal.text), format!("{name}:{}", literal.line));
                found.push(Sentence { text: literal.text, place, parts });
            }
        }
    }
    assert!(found.len() > 100, "only {} sentences were found", found.len());
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// What the table of functions holds beside sentences.
fn documented() -> Vec<String> {
    let entries = functions().map(|(_, entry)| entry).chain(aggregates());
    let texts = entries.flat_map(|entry| {
        let (example, value) = entry.example;
        [example.to_owned(), value.to_owned(), entry.doc.to_owned(), entry.signature, entry.result, entry.name.to_owned()]
    });
    texts.collect()
}

struct Literal {
    text: String,
    line: usize,
    /// The code before it, on its line or the one above.
    before: String,
    /// Whether it stands in a statement that begins as [`NEWS`] do.
    news: bool,
}

/// A sentence has two words and no full stop, is no mapping, and is said of what is wrong: not expected by a programmer, and no news.
fn reads_like_a_sentence(literal: &Literal) -> bool {
    let letters = |word: &str| word.chars().filter(|c| c.is_lowercase()).count() > 1;
    let plain = parts(&literal.text).join(" ");
    let words = plain.split(' ').filter(|word| letters(word)).count();
    let documented = literal.text.ends_with('.') || literal.text.starts_with(|c: char| c.is_uppercase());
    let mapping = literal.text.starts_with("{{");
    literal.text.contains(' ') && words > 1 && !documented && !mapping && !literal.news && !literal.before.ends_with("expect(")
}

/// The fixed parts of a text with gaps.
fn parts(text: &str) -> Vec<String> {
    let (open, close) = ('\u{1}', '\u{2}');
    let text = text.replace("{{", &open.to_string()).replace("}}", &close.to_string());
    let pieces = text.split('{').enumerate().map(|(index, piece)| match index {
        0 => piece,
        _ => piece.split_once('}').map_or(piece, |(_, after)| after),
    });
    pieces.map(|piece| piece.replace(open, "{").replace(close, "}")).filter(|piece| !piece.is_empty()).collect()
}

/// The string literals of a source, comments left out.
fn literals(source: &str) -> Vec<Literal> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = source[at..].find(['"', '/', '\'']) {
        let start = at + offset;
        let rest = &source[start..];
        at = start
            + match rest.as_bytes() {
                [b'/', b'/', ..] => rest.find('\n').unwrap_or(rest.len()),
                [b'\'', ..] => character(rest),
                [b'"', ..] => {
                    let (text, length) = string(rest);
                    let code = &source[..start];
                    let before = code.trim_end().lines().last().unwrap_or_default().to_owned();
                    let within = |begin: &&str| code.rfind(*begin).is_some_and(|at| !code[at..].contains(';'));
                    let news = NEWS.iter().any(within);
                    found.push(Literal { text, line: code.lines().count(), before, news });
                    length
                }
                _ => 1,
            };
    }
    found
}

/// Bytes of a character literal, or of the quote of a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => rest[3..].find('\'').map_or(rest.len(), |end| end + 4),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}

/// The text of a string literal and its bytes in the source.
fn string(rest: &str) -> (String, usize) {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((offset, c)) = chars.next() {
        match c {
            '"' => return (text, offset + 1),
            '\\' => match chars.next().map(|(_, escaped)| escaped) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('\n') => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    (text, rest.len())
}
