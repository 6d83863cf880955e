//! A fault as an experiment's text says it, and how one more, other ones or another seed come into a text that somebody wrote.
//!
//! What stands there beside them is not touched: comments, order and line ends stay. So nothing here reads YAML as a whole; it only
//! finds where a key at the margin and its value are. A text that it is not sure of stays as it is.

mod items;

use std::fmt;

pub use self::items::{Item, items, moved, removed};
use crate::fault::{Act, EdgeFault, EdgeKind, Edit, Effect, Fault, MessageFault, Moment};
use crate::time::Span;

/// Something to be put into a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insertion {
    /// Before this byte.
    pub at: usize,
    pub text: String,
}

impl Insertion {
    /// The text with it.
    pub fn added_to(&self, text: &str) -> String {
        let (before, after) = text.split_at(self.at);
        [before, &self.text, after].concat()
    }
}

/// The fault as an item of `faults`: `{ at: 1.204 s, kill: worker-2 }`.
pub fn item<N: fmt::Display>(fault: &Fault<N>) -> String {
    let at = when(fault.at);
    let lasting = |span: &Option<Span>| span.map(|it| format!(", for: {}", self::span(it))).unwrap_or_default();
    let what = match &fault.effect {
        Effect::Kill(node) => format!("kill: {node}"),
        Effect::RestartCoordinator => "restart: coordinator".to_owned(),
        Effect::Slow { node, factor, span } => format!("slow: {{ node: {node}, factor: {factor} }}{}", lasting(span)),
        Effect::Pause { node, span } => format!("pause: {{ node: {node}, for: {} }}", self::span(*span)),
        Effect::Edge(edge) => format!("{}{}", self::edge(edge), lasting(&edge.span)),
        Effect::Partition { groups, span } => {
            let group = |group: &Vec<N>| group.iter().map(N::to_string).collect::<Vec<_>>().join(", ");
            let groups: Vec<_> = groups.iter().map(|nodes| format!("[{}]", group(nodes))).collect();
            format!("partition: [{}]{}", groups.join(", "), lasting(span))
        }
        Effect::Message(fault) => message(fault),
    };
    format!("{{ at: {at}, {what} }}")
}

fn edge<N: fmt::Display>(edge: &EdgeFault<N>) -> String {
    let end = |name: &str, node: &Option<N>| node.as_ref().map(|node| format!("{name}: {node}, ")).unwrap_or_default();
    let ends = format!("{}{}", end("from", &edge.from), end("to", &edge.to));
    let probability = edge.probability;
    match edge.kind {
        EdgeKind::Drop => format!("drop: {{ {ends}probability: {probability} }}"),
        EdgeKind::Duplicate => format!("duplicate: {{ {ends}probability: {probability} }}"),
        EdgeKind::Delay(by) => format!("delay: {{ {ends}by: {}, probability: {probability} }}", span(by)),
    }
}

fn message<N: fmt::Display>(fault: &MessageFault<N>) -> String {
    let to = fault.to.as_ref().map(|to| format!(", to: {to}")).unwrap_or_default();
    let changed = match &fault.act {
        Act::Drop | Act::Requeue => String::new(),
        Act::Edit(Edit { key, headers, body }) => {
            let field = |name: &str, value: &Option<String>| {
                value.as_ref().map(|it| format!(", {name}: {}", quoted(it))).unwrap_or_default()
            };
            let header = |(name, value): (&String, &String)| format!("{}: {}", quoted(name), quoted(value));
            let headers = headers.as_ref().map(|headers| match headers.iter().map(header).collect::<Vec<_>>() {
                none if none.is_empty() => ", headers: {}".to_owned(),
                headers => format!(", headers: {{ {} }}", headers.join(", ")),
            });
            [field("key", key), headers.unwrap_or_default(), field("body", body)].concat()
        }
    };
    format!("{}: {{ message: {}{to}{changed} }}", fault.act.verb(), fault.name())
}

/// A text in double quotes, which YAML reads as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A moment: `40%`, `1.204 s`.
pub fn when(moment: Moment) -> String {
    match moment {
        Moment::Progress(share) => format!("{}%", (share * 1e8).round() / 1e6),
        Moment::Time(at) => span(Span(at.0)),
    }
}

/// To the microsecond, and no longer than that needs: `1.204 s`, `250 ms`.
pub fn span(span: Span) -> String {
    let (unit, name, digits) = match span.0 {
        micros if micros >= 1_000_000 => (1_000_000, "s", 6),
        micros if micros >= 1_000 => (1_000, "ms", 3),
        micros => return format!("{micros} us"),
    };
    let rest = format!("{:0digits$}", span.0 % unit);
    match rest.trim_end_matches('0') {
        "" => format!("{} {name}", span.0 / unit),
        rest => format!("{}.{rest} {name}", span.0 / unit),
    }
}

/// Where and how an [`item`] comes into an experiment's text: at the end of its `faults`, which are made if there are none. `None`: the
/// text has them in a way that is not known here.
pub fn insertion(text: &str, item: &str) -> Option<Insertion> {
    let newline = newline(text);
    let lines = lines(text);
    if is_in_braces(&lines) {
        return None;
    }
    match lines.iter().position(|line| value_of(line.text, FAULTS).is_some()) {
        None => Some(new_key(text, &lines, &format!("{FAULTS}:{newline}  - {item}{newline}"), newline)),
        Some(at) => match first_of_value(&lines, at) {
            Some(open) if text[open..].starts_with('[') => in_brackets(text, open, item),
            Some(open) if text[open..].starts_with('-') => in_block(text, &lines, at, open, item, newline),
            Some(_) => None,
            None => Some(after_line(text, &lines[at], &format!("  - {item}"), newline)),
        },
    }
}

/// The text with these [`item`]s as its only faults. `None`: as above.
pub fn with_faults(text: &str, items: &[String]) -> Option<String> {
    let newline = newline(text);
    let lines = lines(text);
    if is_in_braces(&lines) {
        return None;
    }
    let list = items.iter().map(|item| format!("{newline}  - {item}")).collect::<String>();
    let entry = if list.is_empty() { format!("{FAULTS}: []") } else { format!("{FAULTS}:{list}") };
    match lines.iter().position(|line| value_of(line.text, FAULTS).is_some()) {
        None if items.is_empty() => Some(text.to_owned()),
        None => Some(new_key(text, &lines, &format!("{entry}{newline}"), newline).added_to(text)),
        Some(at) => {
            let is_own =
                |line: &&Line<'_>| line.is_blank() || !line.starts_at_margin() || line.text.starts_with(['-', ']', '}']);
            let own = lines[at + 1..].iter().take_while(is_own).filter(|line| !line.is_blank()).last();
            let end = own.unwrap_or(&lines[at]);
            Some([&text[..lines[at].start], &entry, &text[end.start + end.text.len()..]].concat())
        }
    }
}

/// The text with this seed. `None`: as above.
pub fn with_seed(text: &str, seed: u64) -> Option<String> {
    let lines = lines(text);
    if is_in_braces(&lines) {
        return None;
    }
    let found = lines.iter().find_map(|line| value_of(line.text, "seed").map(|value| (line, value)));
    let Some((line, value)) = found else {
        let head = lines.iter().find(|line| value_of(line.text, "millrace").is_some());
        let newline = newline(text);
        return Some(match head {
            Some(head) => after_line(text, head, &format!("seed: {seed}"), newline).added_to(text),
            None => format!("seed: {seed}{newline}{text}"),
        });
    };
    let comment = value.find(" #").unwrap_or(value.len());
    let old = value[..comment].trim();
    // A number is one word; whatever else stands there is not ours to cut.
    if old.is_empty() || old.contains(char::is_whitespace) {
        return None;
    }
    let behind = line.start + line.text.len() - value.len();
    let from = behind + (value.len() - value.trim_start().len());
    Some([&text[..from], &seed.to_string(), &text[from + old.len()..]].concat())
}

const FAULTS: &str = "faults";

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Whether the document is one value in braces, in which no key stands at the margin.
fn is_in_braces(lines: &[Line<'_>]) -> bool {
    lines.iter().any(|line| line.starts_at_margin() && line.text.starts_with('{'))
}

/// A line without its end, and where it is.
#[derive(Clone, Copy)]
struct Line<'t> {
    start: usize,
    text: &'t str,
    /// Where the next one begins.
    end: usize,
}

impl Line<'_> {
    fn is_blank(&self) -> bool {
        let text = self.text.trim_start();
        text.is_empty() || text.starts_with('#')
    }

    fn starts_at_margin(&self) -> bool {
        !self.is_blank() && !self.text.starts_with([' ', '\t'])
    }
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    let cut = |line: &'_ str| line.trim_end_matches(['\n', '\r']).len();
    let place = |line| {
        let found = Line { start, text: &text[start..start + cut(line)], end: start + line.len() };
        start = found.end;
        found
    };
    text.split_inclusive('\n').map(place).collect()
}

/// What stands behind a key at the margin.
fn value_of<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    let quoted = [key.to_owned(), format!("'{key}'"), format!("\"{key}\"")];
    let rest = quoted.iter().find_map(|key| line.strip_prefix(key.as_str()))?.trim_start().strip_prefix(':')?;
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then_some(rest)
}

/// Where the value of the key in this line begins; `None` if it has none.
fn first_of_value(lines: &[Line<'_>], at: usize) -> Option<usize> {
    let key = &lines[at];
    let behind = value_of(key.text, FAULTS)?;
    let value = behind.trim_start();
    if !value.is_empty() && !value.starts_with('#') {
        return Some(key.start + key.text.len() - value.len());
    }
    let next = lines[at + 1..].iter().find(|line| !line.is_blank())?;
    let value = next.text.trim_start();
    // A list may stand at the margin below its key.
    let is_own = !next.starts_at_margin() || value == "-" || value.starts_with("- ");
    is_own.then(|| next.start + next.text.len() - value.len())
}

fn new_key(text: &str, lines: &[Line<'_>], entry: &str, newline: &str) -> Insertion {
    let added = entry.to_owned();
    // Where the format's documents have them: before what is expected, comments on that included.
    let expect = lines.iter().position(|line| value_of(line.text, "expect").is_some());
    let tail = expect.or_else(|| lines.iter().position(|line| line.text == "..."));
    if let Some(at) = tail {
        let comments = lines[..at].iter().rev().take_while(|line| line.text.starts_with('#')).count();
        return Insertion { at: lines[at - comments].start, text: added };
    }
    let open_end = !text.is_empty() && !text.ends_with('\n');
    Insertion { at: text.len(), text: if open_end { format!("{newline}{added}") } else { added } }
}

fn after_line(text: &str, line: &Line<'_>, added: &str, newline: &str) -> Insertion {
    match text[..line.end].ends_with('\n') {
        true => Insertion { at: line.end, text: format!("{added}{newline}") },
        false => Insertion { at: line.end, text: format!("{newline}{added}") },
    }
}

/// Behind the last item of a list of lines, as far in as the first one.
fn in_block(text: &str, lines: &[Line<'_>], key: usize, open: usize, item: &str, newline: &str) -> Option<Insertion> {
    let first = lines.iter().rposition(|line| line.start <= open)?;
    // A list that begins beside its key is none.
    if first == key {
        return None;
    }
    let indent = &text[lines[first].start..open];
    let own =
        |line: &&Line<'_>| line.is_blank() || !line.starts_at_margin() || (indent.is_empty() && line.text.starts_with('-'));
    let last = lines[first..].iter().take_while(own).filter(|line| !line.is_blank()).last()?;
    Some(after_line(text, last, &format!("{indent}- {item}"), newline))
}

/// Behind the last item of a list in brackets, which may go over several lines.
fn in_brackets(text: &str, open: usize, item: &str) -> Option<Insertion> {
    let (mut depth, mut quote, mut in_comment, mut escaped) = (0, None, false, false);
    // Behind the last character that is neither space nor comment.
    let (mut end, mut before) = (open, ' ');
    for (offset, character) in text[open..].char_indices() {
        let is_escape = quote == Some('"') && character == '\\' && !escaped;
        match (in_comment, quote, character) {
            (true, ..) => in_comment = character != '\n',
            (_, Some(mark), _) if mark == character && !escaped => quote = None,
            (_, Some(_), _) => {}
            (_, None, '#') if before.is_whitespace() => in_comment = true,
            (_, None, '"' | '\'') => quote = Some(character),
            (_, None, '[' | '{') => depth += 1,
            (_, None, ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let text = match text[..end].chars().next_back() {
                Some('[') => item.to_owned(),
                Some(',') => format!(" {item}"),
                _ => format!(", {item}"),
            };
            return Some(Insertion { at: end, text });
        }
        if !in_comment && !character.is_whitespace() {
            end = open + offset + character.len_utf8();
        }
        (before, escaped) = (character, is_escape);
    }
    None
}
