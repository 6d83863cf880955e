//! The faults that stand in a text, one by one: where each is, and how it is moved to another moment or taken out.
//!
//! As in the rest of the module nothing is read that need not be: what a fault does is taken from its words as they stand, and whatever is
//! written in a way that is not known here is no fault that can be moved.

use std::ops::Range;

use super::{FAULTS, Line, first_of_value, is_in_braces, lines, newline, value_of, when};
use crate::experiment::units;
use crate::fault::Moment;
use crate::time::Time;

/// The kinds of faults that need no moment of their own: they are there from the beginning.
const WITHOUT_MOMENT: [&str; 5] = ["drop", "delay", "duplicate", "requeue", "edit"];

/// The kinds of faults that may be about one message.
const OF_MESSAGE: [&str; 3] = ["drop", "requeue", "edit"];

/// A fault of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where it stands: the item without its dash, or without the commas around it.
    pub range: Range<usize>,
    /// When it happens; `None` where that is not known: the seed chooses it, or it is written in a way that is not known here.
    pub at: Option<Moment>,
    /// What it is, as [`Effect::in_short`](crate::fault::Effect::in_short) says it.
    pub what: String,
    /// It is about one message, and happens when that comes: at `at` at the earliest.
    pub is_of_message: bool,
    /// Where its moment stands, or an empty place where it can be put.
    moment: Option<Place>,
}

#[derive(Clone, Debug, PartialEq)]
struct Place {
    range: Range<usize>,
    /// What stands around a moment that is put in.
    before: String,
    after: String,
}

/// The faults of a text in their order; those that the seed draws are one item. Nothing where the text has them in a way that is not known here.
pub fn items(text: &str) -> Vec<Item> {
    list(text).map(|list| list.items.iter().map(|item| read(text, item.range.clone())).collect()).unwrap_or_default()
}

/// The text with its fault of this index at another moment; nothing but the characters of that moment changes. `None` where the fault has
/// none that is known here.
pub fn moved(text: &str, index: usize, to: Moment) -> Option<String> {
    let Place { range, before, after } = items(text).get(index)?.moment.clone()?;
    Some([&text[..range.start], &before, &when(to), &after, &text[range.end..]].concat())
}

/// The text without its fault of this index, and the lines or the comma that were there for it alone. A list that would be empty goes with
/// its key, unless a comment stands there.
pub fn removed(text: &str, index: usize) -> Option<String> {
    let list = list(text)?;
    let Listed { range, whole } = list.items.get(index)?;
    if list.items.len() > 1 {
        return Some([&text[..whole.start], &text[whole.end..]].concat());
    }
    if list.in_brackets {
        return Some([&text[..range.start], &text[range.end.max(whole.end)..]].concat());
    }
    let key = list.key;
    // Nothing but the key and the item: what put the first fault in is undone.
    if !text[key.clone()].contains('#') && key.end == whole.start {
        return Some([&text[..key.start], &text[whole.end..]].concat());
    }
    let colon = key.start + text[key.clone()].find(':')? + 1;
    Some([&text[..colon], " []", &text[colon..whole.start], &text[whole.end..]].concat())
}

/// The list of faults.
struct List {
    /// The line of its key, its end included.
    key: Range<usize>,
    in_brackets: bool,
    items: Vec<Listed>,
}

struct Listed {
    range: Range<usize>,
    /// With what is there for it alone.
    whole: Range<usize>,
}

fn list(text: &str) -> Option<List> {
    let lines = lines(text);
    if is_in_braces(&lines) {
        return None;
    }
    let at = lines.iter().position(|line| value_of(line.text, FAULTS).is_some())?;
    let open = first_of_value(&lines, at)?;
    let key = lines[at].start..lines[at].end;
    match &text[open..] {
        value if value.starts_with('[') => Some(List { key, in_brackets: true, items: in_brackets(text, open)? }),
        value if value.starts_with('-') => Some(List { key, in_brackets: false, items: in_block(text, &lines, at, open)? }),
        _ => None,
    }
}

fn in_brackets(text: &str, open: usize) -> Option<Vec<Listed>> {
    let (parts, _) = parts(text, open)?;
    let listed = |(index, range): (usize, &Range<usize>)| {
        let whole = match (parts.get(index + 1), index) {
            // With the comma behind it, up to the next one.
            (Some(next), _) => range.start..next.start,
            // With the comma before it.
            (None, 1..) => parts[index - 1].end..range.end,
            (None, 0) => range.clone(),
        };
        Listed { range: range.clone(), whole }
    };
    let items: Vec<_> = parts.iter().enumerate().map(listed).collect();
    // A comment between two items belongs to neither.
    let commented = items.iter().any(|item| text[item.whole.clone()].contains('#'));
    (!commented).then_some(items)
}

fn in_block(text: &str, lines: &[Line<'_>], key: usize, open: usize) -> Option<Vec<Listed>> {
    let first = lines.iter().rposition(|line| line.start <= open)?;
    if first == key {
        return None;
    }
    let indent = open - lines[first].start;
    let own = |line: &&Line<'_>| line.is_blank() || !line.starts_at_margin() || (indent == 0 && line.text.starts_with('-'));
    let own: Vec<_> = lines[first..].iter().take_while(own).filter(|line| !line.is_blank()).collect();
    let begins = |line: &Line<'_>| {
        let rest = line.text.get(indent..).filter(|_| indent_of(line.text) == indent)?;
        (rest == "-" || rest.starts_with("- ")).then_some(())
    };
    let mut items: Vec<Listed> = Vec::new();
    for line in own {
        let end = line.start + without_comment(line.text).len();
        match begins(line) {
            Some(()) => {
                let content = &text[line.start + indent + 1..end];
                let start = end - content.trim_start().len();
                items.push(Listed { range: start..end, whole: line.start..line.end });
            }
            None => {
                let item = items.last_mut()?;
                // What a lone dash opens begins here.
                let empty = item.range.is_empty();
                let start = if empty { line.start + indent_of(line.text) } else { item.range.start };
                (item.range, item.whole.end) = (start..end, line.end);
            }
        }
    }
    Some(items)
}

/// What an item says, as far as that is needed.
fn read(text: &str, range: Range<usize>) -> Item {
    let pairs = pairs(text, range.clone());
    let value = |name: &str| pairs.iter().find(|pair| pair.key == name).map(|pair| pair.value.clone());
    let kind = pairs.iter().find(|pair| !matches!(pair.key, "at" | "for"));
    let what = kind.map(|kind| in_short(text, kind)).unwrap_or_default();
    let is_of_message = kind.is_some_and(|kind| {
        OF_MESSAGE.contains(&kind.key) && self::pairs(text, kind.value.clone()).iter().any(|pair| pair.key == "message")
    });
    let needs_none = kind.is_some_and(|kind| WITHOUT_MOMENT.contains(&kind.key));
    let (at, moment) = match value("at") {
        Some(written) => {
            let inner = unquoted(text, written);
            let at = moment(&text[inner.clone()]);
            (at, at.map(|_| Place { range: inner, before: String::new(), after: String::new() }))
        }
        None if needs_none => (Some(Moment::Time(Time::ZERO)), pairs.first().map(|first| place_before(text, &range, first))),
        None => (None, None),
    };
    Item { range, at, what, is_of_message, moment }
}

/// Where a moment can be put in front of the others.
fn place_before(text: &str, item: &Range<usize>, first: &Pair<'_>) -> Place {
    let range = first.start..first.start;
    let after = match text[item.clone()].starts_with('{') {
        true => ", ".to_owned(),
        false => format!("{}{}", newline(text), " ".repeat(column(text, first.start))),
    };
    Place { range, before: "at: ".to_owned(), after }
}

/// `40%`, `3 s`, or 0, which needs no unit.
fn moment(written: &str) -> Option<Moment> {
    match written {
        "0" => Some(Moment::Time(Time::ZERO)),
        share if share.ends_with('%') => units::percentage(share).ok().map(Moment::Progress),
        time => units::span(time).ok().map(|span| Moment::Time(Time::ZERO + span)),
    }
}

fn in_short(text: &str, Pair { key, value, .. }: &Pair<'_>) -> String {
    let word = |range: &Range<usize>| text[unquoted(text, range.clone())].to_owned();
    let fields = || pairs(text, value.clone());
    let field = |name: &str| fields().iter().find(|pair| pair.key == name).map(|pair| word(&pair.value)).unwrap_or_default();
    match *key {
        "kill" | "restart" => format!("{key} {}", word(value)),
        "pause" => format!("pause {}", field("node")),
        "slow" => {
            let factor = field("factor");
            let factor = units::real(&factor).map_or(factor, |factor| factor.to_string());
            format!("slow {} ×{factor}", field("node"))
        }
        "drop" | "requeue" | "edit" if !field("message").is_empty() => format!("{key} {}", field("message")),
        "drop" | "delay" | "duplicate" => format!("{key} messages"),
        other => other.to_owned(),
    }
}

/// A key and what belongs to it.
struct Pair<'t> {
    key: &'t str,
    /// Where the key begins.
    start: usize,
    value: Range<usize>,
}

/// The keys of a mapping, in braces or a line each; none if it is neither.
fn pairs(text: &str, range: Range<usize>) -> Vec<Pair<'_>> {
    if text[range.clone()].starts_with('{') {
        let parts = parts(text, range.start).map(|(parts, _)| parts).unwrap_or_default();
        return parts.into_iter().filter_map(|part| pair(text, part)).collect();
    }
    let indent = column(text, range.start);
    let mut found: Vec<Pair<'_>> = Vec::new();
    let mut start = range.start;
    for line in text[range.clone()].split_inclusive('\n') {
        let bare = without_comment(line);
        let (first, at) = (start == range.start, start + indent_of(bare));
        let end = start + bare.len();
        start += line.len();
        if bare.trim().is_empty() {
            continue;
        }
        match pair(text, at..end).filter(|_| first || indent_of(bare) == indent) {
            Some(pair) => found.push(pair),
            None => {
                if let Some(last) = found.last_mut() {
                    let from = if last.value.is_empty() { at } else { last.value.start };
                    last.value = from..end;
                }
            }
        }
    }
    found
}

fn pair(text: &str, range: Range<usize>) -> Option<Pair<'_>> {
    let written = &text[range.clone()];
    let colon = written.find(':')?;
    let behind = &written[colon + 1..];
    if !(behind.is_empty() || behind.starts_with([' ', '\t'])) {
        return None;
    }
    let key = written[..colon].trim().trim_matches(['"', '\'']);
    let value = range.end - behind.trim_start().len();
    Some(Pair { key, start: range.start, value: value..range.end })
}

/// What lies between the commas of a list or a mapping that opens here, each without the space around it, and where it closes.
fn parts(text: &str, open: usize) -> Option<(Vec<Range<usize>>, usize)> {
    let (mut depth, mut quote, mut in_comment, mut escaped) = (0, None, false, false);
    let (mut found, mut part, mut before) = (Vec::new(), None::<Range<usize>>, ' ');
    for (offset, character) in text[open..].char_indices() {
        let at = open + offset;
        let is_escape = quote == Some('"') && character == '\\' && !escaped;
        let was_in_quote = quote.is_some();
        let mut is_part = !in_comment && !character.is_whitespace();
        match (in_comment, quote, character) {
            (true, ..) => in_comment = character != '\n',
            (_, Some(mark), _) if mark == character && !escaped => quote = None,
            (_, Some(_), _) => {}
            (_, None, '#') if before.is_whitespace() => (in_comment, is_part) = (true, false),
            // A quote in the middle of a word is none.
            (_, None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(character),
            (_, None, '[' | '{') => depth += 1,
            (_, None, ']' | '}') => depth -= 1,
            _ => {}
        }
        let ends = !was_in_quote && !in_comment && (depth == 0 || (depth == 1 && character == ','));
        if ends {
            found.extend(part.take());
            if depth == 0 {
                return Some((found, at));
            }
        } else if is_part && at > open {
            let start = part.as_ref().map_or(at, |part| part.start);
            part = Some(start..at + character.len_utf8());
        }
        (before, escaped) = (character, is_escape);
    }
    None
}

/// Where the words in quotes are, or all of it.
fn unquoted(text: &str, range: Range<usize>) -> Range<usize> {
    let written = &text[range.clone()];
    let quoted = written.len() >= 2 && (written.starts_with(['"', '\'']) && written.ends_with(['"', '\'']));
    if quoted { range.start + 1..range.end - 1 } else { range }
}

/// A line up to its comment, without the space before that.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        match quote {
            Some(mark) if mark == character => quote = None,
            Some(_) => {}
            None if character == '#' && before.is_whitespace() => return line[..at].trim_end(),
            None if matches!(character, '"' | '\'') && !before.is_alphanumeric() => quote = Some(character),
            None => {}
        }
        before = character;
    }
    line.trim_end()
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// How far in from the margin a place is, in bytes.
fn column(text: &str, at: usize) -> usize {
    at - text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}
