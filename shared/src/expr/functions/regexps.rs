//! Regular expressions, by crate `regex`: matching takes time in proportion to the text, whatever the pattern. Its syntax is
//! Java's but for look-around and back-references, which cannot have that.
//!
//! A literal pattern is compiled when the expression is parsed, so that one that is wrong or too big is refused there.

use std::cell::RefCell;

use arrow_array::ArrayRef;
use regex::{Captures, Regex, RegexBuilder};

use super::Kind::{Boolean, Int64, Texts, Utf8};
use super::call::{Call, Failure, Texts as TextValues, Values, bounded, excerpt};
use super::{Fixed, Function, Problem, Run, line, literal_text, refused};
use crate::expr::Expr;
use crate::limits::REGEX_BYTES_MAX;

pub(super) static REGEXPS: &[Function] = &[
    line(
        "regexp_like",
        Fixed(&[Utf8, Utf8]),
        Boolean,
        Run::Strict(like),
        "Whether the pattern fits some part of the text.",
        ("regexp_like('mill race', 'r.c')", "true"),
    )
    .prepared(prepare),
    line(
        "regexp_extract",
        Fixed(&[Utf8, Utf8]),
        Utf8,
        Run::Strict(extract),
        "The first part that fits; null if none does (Flink).",
        ("regexp_extract('v1.25', '[0-9]+')", "'1'"),
    )
    .prepared(prepare),
    line(
        "regexp_extract",
        Fixed(&[Utf8, Utf8, Int64]),
        Utf8,
        Run::Strict(extract),
        "Of the first part that fits, the group with this number; 0 is the whole. Null if there is no such part or group.",
        ("regexp_extract('foothebar', 'foo(.*?)(bar)', 2)", "'bar'"),
    )
    .prepared(prepare),
    line(
        "regexp_extract_all",
        Fixed(&[Utf8, Utf8]),
        Texts,
        Run::Strict(extract_all),
        "Every part that fits: its first group, as in Flink, or the whole if the pattern has no group.",
        ("regexp_extract_all('100-200, 300-400', '([0-9]+)-[0-9]+')", "['100', '300']"),
    )
    .prepared(prepare),
    line(
        "regexp_extract_all",
        Fixed(&[Utf8, Utf8, Int64]),
        Texts,
        Run::Strict(extract_all),
        "Of every part that fits, the group with this number; 0 is the whole. Null if there is no such group.",
        ("regexp_extract_all('a1 b2', '([a-z])([0-9])', 2)", "['1', '2']"),
    )
    .prepared(prepare),
    line(
        "regexp_replace",
        Fixed(&[Utf8, Utf8, Utf8]),
        Utf8,
        Run::Strict(replace),
        "The text with every part that fits replaced (Flink). `$1` is the first group, `\\$` a dollar sign.",
        ("regexp_replace('2024-01-02', '([0-9]+)-([0-9]+)-([0-9]+)', '$3.$2.$1')", "'02.01.2024'"),
    )
    .prepared(prepare),
];

type Done = Result<ArrayRef, Failure>;

/// What was made of a call's literal arguments when it was parsed.
#[derive(Clone, Debug, Default)]
pub enum Prepared {
    #[default]
    Nothing,
    Regex(Regex),
}

/// It follows from the arguments, which are compared by themselves.
impl PartialEq for Prepared {
    fn eq(&self, _: &Prepared) -> bool {
        true
    }
}

fn prepare(arguments: &[Expr]) -> Result<Prepared, Problem> {
    match literal_text(arguments, 1) {
        Some(pattern) => compile(pattern).map(Prepared::Regex).map_err(|message| refused(1, message, None)),
        None => Ok(Prepared::Nothing),
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let compiled = RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build();
    compiled.map_err(|error| (error, excerpt(pattern))).map_err(|(error, pattern)| match error {
        regex::Error::CompiledTooBig(_) => {
            format!("the pattern '{pattern}' becomes bigger than {REGEX_BYTES_MAX} bytes when it is compiled: repeat less")
        }
        error => {
            let said = error.to_string();
            // The crate's message is several lines with the reason last.
            let reason = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("'{pattern}' is no regular expression: {reason}")
        }
    })
}

/// The pattern of each row; the last one is kept, since neighbours often share it.
struct Patterns<'a> {
    prepared: Option<&'a Regex>,
    texts: TextValues<'a>,
    last: RefCell<Option<(&'a str, Regex)>>,
}

impl<'a> Patterns<'a> {
    fn new(call: &Call<'a>) -> Patterns<'a> {
        let prepared = if let Prepared::Regex(regex) = call.prepared { Some(regex) } else { None };
        Patterns { prepared, texts: call.texts(1), last: RefCell::new(None) }
    }

    fn with<T>(&self, row: usize, run: impl FnOnce(&Regex) -> T) -> Result<T, String> {
        if let Some(regex) = self.prepared {
            return Ok(run(regex));
        }
        let pattern = self.texts.at(row);
        let mut last = self.last.borrow_mut();
        let (_, regex) = match last.take().filter(|(of, _)| *of == pattern) {
            Some(kept) => last.insert(kept),
            None => last.insert((pattern, compile(pattern)?)),
        };
        Ok(run(regex))
    }
}

fn like(call: &Call<'_>) -> Done {
    let (texts, patterns) = (call.texts(0), Patterns::new(call));
    call.write_booleans(|row| patterns.with(row, |regex| Some(regex.is_match(texts.at(row)))))
}

fn extract(call: &Call<'_>) -> Done {
    let (texts, patterns) = (call.texts(0), Patterns::new(call));
    let groups = groups(call);
    call.write_texts(|row, out| {
        let text = texts.at(row);
        let group = groups.map_or(0, |groups| groups.at(row));
        let found = patterns.with(row, |regex| match usize::try_from(group) {
            Ok(0) => regex.find(text),
            Ok(group) => regex.captures(text).and_then(|captures| captures.get(group)),
            Err(_) => None,
        })?;
        out.push_str(found.map_or("", |found| found.as_str()));
        Ok(found.is_some())
    })
}

fn groups<'a>(call: &Call<'a>) -> Option<Values<'a, i64>> {
    (call.arguments().len() == 3).then(|| call.whole(2))
}

fn extract_all(call: &Call<'_>) -> Done {
    let (texts, patterns) = (call.texts(0), Patterns::new(call));
    let groups = groups(call);
    call.write_text_lists(|row, push| {
        let text = texts.at(row);
        patterns.with(row, |regex| {
            let last = regex.captures_len() - 1;
            let group = groups.map_or(last.min(1) as i64, |groups| groups.at(row));
            match usize::try_from(group) {
                Ok(0) => regex.find_iter(text).for_each(|found| push(Some(found.as_str()))),
                Ok(group) if group <= last => {
                    regex.captures_iter(text).for_each(|found| push(found.get(group).map(|found| found.as_str())));
                }
                _ => return false,
            }
            true
        })
    })
}

fn replace(call: &Call<'_>) -> Done {
    let (texts, patterns, replacements) = (call.texts(0), Patterns::new(call), call.texts(2));
    call.write_texts(|row, out| {
        let (text, replacement) = (texts.at(row), replacements.at(row));
        patterns.with(row, |regex| {
            let mut done = 0;
            for captures in regex.captures_iter(text) {
                let Some(whole) = captures.get(0) else { continue };
                out.push_str(&text[done..whole.start()]);
                expand(replacement, &captures, out)?;
                done = whole.end();
                bounded(out.len())?;
            }
            out.push_str(&text[done..]);
            Ok(true)
        })?
    })
}

/// A replacement as Java reads it: `$` and the number of a group, `\` before a character that means itself.
fn expand(replacement: &str, captures: &Captures<'_>, out: &mut String) -> Result<(), String> {
    let mut rest = replacement;
    while let Some(at) = rest.find(['$', '\\']) {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if rest[at..].starts_with('\\') {
            let literal = after.chars().next().ok_or("a replacement ends with a single `\\`")?;
            out.push(literal);
            rest = &after[literal.len_utf8()..];
            continue;
        }
        let wrong = || {
            format!(
                "in the replacement '{}' no group's number follows `$`; a dollar sign is written `\\$`",
                excerpt(replacement)
            )
        };
        let first = after.bytes().next().filter(u8::is_ascii_digit).ok_or_else(wrong)?;
        let mut group = usize::from(first - b'0');
        let mut length = 1;
        if group >= captures.len() {
            return Err(format!(
                "the replacement '{}' names the group {group}; the pattern has {}",
                excerpt(replacement),
                captures.len() - 1
            ));
        }
        // More digits belong to the number as long as there is such a group.
        while let Some(digit) = after.as_bytes().get(length).filter(|byte| byte.is_ascii_digit()) {
            let longer = group * 10 + usize::from(digit - b'0');
            if longer >= captures.len() {
                break;
            }
            (group, length) = (longer, length + 1);
        }
        out.push_str(captures.get(group).map_or("", |group| group.as_str()));
        rest = &after[length..];
    }
    out.push_str(rest);
    Ok(())
}
