//! YAML as a tree in which everything knows its place. The only module that knows `serde-saphyr`.
//!
//! Scalars stay text, quoted or not: what a key's value means is decided by the key. So `yes`, `0x10` and `1e3` surprise nobody, and a
//! number may be written `10_000`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{DefaultMessageFormatter, Error, Location, MessageFormatter, Options, Spanned};

use super::problem::{Place, Problem};
use crate::limits::{EXPERIMENT_BYTES_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX};

/// A value of the document and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) at: Place,
    /// The same place in bytes, if it lies in the text.
    byte: Option<usize>,
    pub(super) content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Nothing,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) at: Place,
}

/// Reads the one document of a text.
pub(super) fn read(text: &str) -> Result<Node, Problem> {
    let node = serde_saphyr::from_str_with_options::<Raw>(text, options()).map_err(|error| explain(&error))?;
    settle(node, text)
}

/// Reads a value from outside the document; all of it lies `at` one place.
pub(super) fn read_value(text: &str, at: Place) -> Result<Node, Problem> {
    if text.trim().is_empty() {
        return Ok(Node::outside(at, Content::Nothing));
    }
    let mut node = read(text)?;
    node.move_to(at);
    Ok(node)
}

fn options() -> Options {
    let mut limits = AliasLimits::default();
    limits.max_total_replayed_events = 2 * YAML_NODES_MAX;
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: YAML_DEPTH_MAX,
            flow_nesting_limit: 2 * YAML_DEPTH_MAX,
            max_nodes: YAML_NODES_MAX,
            max_events: 4 * YAML_NODES_MAX,
            max_anchors: YAML_NODES_MAX,
            max_aliases: YAML_NODES_MAX,
            max_documents: 1,
            max_total_scalar_bytes: 4 * EXPERIMENT_BYTES_MAX,
        },
        alias_limits: limits,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// A node as `serde-saphyr` hands it over.
struct Raw(Spanned<Kind>);

enum Kind {
    Nothing,
    Text(String),
    /// A boolean or a number: its text is still to be taken from the source.
    Plain,
    List(Vec<Raw>),
    Map(Vec<(Raw, Raw)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        Spanned::deserialize(deserializer).map(Raw)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(AnyKind)
    }
}

struct AnyKind;

impl<'de> Visitor<'de> for AnyKind {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Nothing)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Kind, E> {
        Ok(Kind::Text(text))
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Kind, E> {
        Err(E::custom("binary values have no place in an experiment"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = access.next_element()? {
            list.push(element);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Kind, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = access.next_entry()? {
            map.push(entry);
        }
        Ok(Kind::Map(map))
    }
}

/// Gives every node its place and its text.
fn settle(Raw(raw): Raw, text: &str) -> Result<Node, Problem> {
    let bytes = raw.defined.span().byte_offset().zip(raw.defined.span().byte_len());
    let source = bytes.and_then(|(start, length)| text.get(start as usize..(start + length) as usize));
    let width = source.and_then(|source| source.lines().next()).map_or(0, |line| line.trim_end().chars().count());
    let at = Place { width: width as u32, ..place(raw.defined) };
    let content = match raw.value {
        Kind::Nothing => Content::Nothing,
        Kind::Text(text) => Content::Text(text),
        Kind::Plain => Content::Text(source.unwrap_or_default().trim().to_owned()),
        Kind::List(list) => Content::List(list.into_iter().map(|raw| settle(raw, text)).collect::<Result<_, _>>()?),
        Kind::Map(map) => {
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map {
                let key = settle(key, text)?;
                let Content::Text(name) = key.content else {
                    return Err(Problem::new(key.at, "a key is a name, not a list, a mapping or nothing"));
                };
                let absent = value.0.defined.span().byte_len() == Some(0);
                let mut value = settle(value, text)?;
                if absent && value.content == Content::Nothing {
                    // A value that is not there has no place of its own.
                    value.at = key.at;
                }
                entries.push((Key { name, at: key.at }, value));
            }
            Content::Map(entries)
        }
    };
    Ok(Node { at, byte: bytes.map(|(start, _)| start as usize), content })
}

fn place(location: Location) -> Place {
    Place { line: (location.line() as u32).max(1), column: (location.column() as u32).max(1), width: 0 }
}

/// The library's error as a sentence of ours.
fn explain(error: &Error) -> Problem {
    let error = error.without_snippet();
    let at = error.location().map_or(Place::START, place);
    let problem = |message: &str| Problem::new(at, message);
    match error {
        Error::AliasError { error, .. } => explain(error),
        Error::ExternalMessage { msg, .. } if msg.contains("tab") => {
            Problem { hint: Some("YAML is indented by spaces".to_owned()), ..problem("there is a tab in the indentation here") }
        }
        Error::UnsupportedTag { tag, .. } => problem(&format!("tags have no place in an experiment, and here is `{tag}`")),
        Error::Message { msg, .. } | Error::ExternalMessage { msg, .. } if msg.contains("expected ':'") => {
            Problem { hint: Some("write `key: value`".to_owned()), ..problem("a key has no colon behind it here") }
        }
        Error::Message { msg, .. } | Error::ExternalMessage { msg, .. } => problem(&format!("this is not YAML: {msg}")),
        Error::Eof { .. } => Problem::new(Place::START, "the experiment is empty"),
        Error::MultipleDocuments { .. } => problem("a second document begins here: an experiment is one document"),
        Error::DuplicateMappingKey { key: Some(key), .. } => problem(&format!("the key `{key}` is here twice")),
        Error::DuplicateMappingKey { key: None, .. } => problem("this key is here twice"),
        Error::MergeKeyNotAllowed { .. } => problem("merge keys (`<<`) have no place in an experiment"),
        Error::UnknownAnchor { .. } => problem("this alias names no anchor"),
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            problem("a second document begins here: an experiment is one document")
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            problem(&format!("the YAML nests more than {YAML_DEPTH_MAX} levels deep"))
        }
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => {
            problem(&format!("the YAML holds more than {YAML_NODES_MAX} values, its aliases written out"))
        }
        other => {
            let message = DefaultMessageFormatter.format_message(other);
            if message.contains("recursive") {
                return problem("this alias stands inside of what it names");
            }
            problem(&format!("this is not YAML: {}", message.trim_end_matches('.')))
        }
    }
}

impl Node {
    /// A node that is not in the document.
    pub(super) fn outside(at: Place, content: Content) -> Node {
        Node { at, byte: None, content }
    }

    fn move_to(&mut self, at: Place) {
        (self.at, self.byte) = (at, None);
        match &mut self.content {
            Content::Nothing | Content::Text(_) => {}
            Content::List(list) => list.iter_mut().for_each(|node| node.move_to(at)),
            Content::Map(entries) => entries.iter_mut().for_each(|(key, node)| {
                key.at = at;
                node.move_to(at);
            }),
        }
    }

    /// Where the character at byte `offset` of this scalar's text stands in the document: past its quotes, escapes and folded lines.
    pub(super) fn place_of(&self, document: &str, offset: usize) -> Place {
        let (Some(byte), Content::Text(text)) = (self.byte, &self.content) else { return self.at };
        let Some(source) = document.get(byte..) else { return self.at };
        Walk { rest: source, at: self.at }.to(text.get(..offset).unwrap_or(text)).unwrap_or(self.at)
    }
}

/// A walk along a scalar as it is written.
struct Walk<'a> {
    rest: &'a str,
    at: Place,
}

impl Walk<'_> {
    /// Walks past everything that `before` was read from; `None` if the source does not read like that.
    fn to(mut self, before: &str) -> Option<Place> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '|' | '>'));
        match quote {
            Some('|' | '>') => {
                self.step(self.rest.find('\n')? + 1);
                self.skip_blank();
            }
            Some(_) => self.step(1),
            None => {}
        }
        for wanted in before.chars() {
            self.continued(quote);
            let next = self.rest.chars().next()?;
            match quote {
                Some('\'') if self.rest.starts_with("''") => self.step(2),
                Some('"') if next == '\\' => self.escape()?,
                _ if next == wanted && wanted != '\n' => self.step(next.len_utf8()),
                // A line's end with the indentation of the next: one space or one line's end when read.
                _ if wanted.is_whitespace() => {
                    if self.rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n') {
                        self.skip_blank();
                    }
                }
                _ => return None,
            }
        }
        self.continued(quote);
        Some(self.at)
    }

    /// Walks past an escaped line's end, which reads as nothing.
    fn continued(&mut self, quote: Option<char>) {
        if quote == Some('"') && (self.rest.starts_with("\\\n") || self.rest.starts_with("\\\r\n")) {
            self.step(1);
            self.skip_blank();
        }
    }

    fn escape(&mut self) -> Option<()> {
        let digits = match self.rest.chars().nth(1)? {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => other.len_utf8() - 1,
        };
        self.step(2 + digits);
        Some(())
    }

    fn skip_blank(&mut self) {
        self.step(self.rest.len() - self.rest.trim_start().len());
    }

    fn step(&mut self, bytes: usize) {
        let (past, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        for c in past.chars() {
            self.at = match c {
                '\n' => Place { line: self.at.line + 1, column: 1, ..self.at },
                _ => Place { column: self.at.column + 1, ..self.at },
            };
        }
        self.rest = rest;
    }
}
