//! Reading the tree: asks for keys, and collects every problem instead of stopping at the first.

use super::outline::Outline;
use super::plan::Whose;
use super::problem::{Place, Problem};
use super::spec::{Input, Known};
use super::units;
use super::yaml::{Content, Key, Node};
use crate::batch::{Format, Records};
use crate::expr::{Expr, ExprError, Schema};
use crate::limits::{FREQUENCY_MAX, PROBLEMS_MAX};
use crate::nearest::{list, nearest};
use crate::time::Span;

/// Where problems gather. A method that gives `None` has told why.
pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) problems: Vec<Problem>,
    /// What is known so far, for who writes the text.
    pub(super) outline: Outline,
    /// What inputs turned out to hold, once they were opened; the first is the batch's own.
    known: &'a [Known],
}

/// A mapping whose keys are asked for one by one; what nobody asked for is an unknown key.
pub(super) struct Fields<'n> {
    /// What the mapping is, in a sentence: "the experiment", "`reduce`".
    what: String,
    pub(super) at: Place,
    entries: &'n [(Key, Node)],
    asked: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, known: &'a [Known]) -> Reader<'a> {
        Reader { text, problems: Vec::new(), outline: Outline::default(), known }
    }

    /// The records of an input as they were inferred, if they were. The batch's own may be read from elsewhere than the experiment
    /// says, so its name does not count.
    pub(super) fn inferred(&self, input: Option<&Input>, format: &Format, whose: Whose) -> Option<Records> {
        let known = match whose {
            Whose::Batch => self.known.first(),
            Whose::Table => self.known.iter().skip(1).find(|known| Some(&known.input) == input && known.fits(format)),
        };
        known.filter(|known| known.fits(format)).and_then(|known| known.records.clone())
    }

    pub(super) fn problem(&mut self, at: Place, message: impl Into<String>) {
        self.add(Problem::new(at, message));
    }

    pub(super) fn problem_with(&mut self, at: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Problem { hint: Some(hint.into()), ..Problem::new(at, message) });
    }

    fn add(&mut self, problem: Problem) {
        if !self.is_full() {
            self.problems.push(problem);
        }
    }

    /// Whether no more problems are told.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() >= PROBLEMS_MAX
    }

    /// The node as a mapping.
    pub(super) fn fields<'n>(&mut self, what: &str, node: &'n Node) -> Option<Fields<'n>> {
        match &node.content {
            Content::Map(entries) => Some(Fields { what: what.to_owned(), at: node.at, entries, asked: Vec::new() }),
            other => {
                self.problem(node.at, format!("{what} is a mapping of keys to values, not {}", named(other)));
                None
            }
        }
    }

    /// Reports what nobody asked for.
    pub(super) fn finish(&mut self, fields: Fields<'_>) {
        for (key, _) in fields.entries.iter().filter(|(key, _)| !fields.asked.contains(&key.name.as_str())) {
            let hint = match nearest(&key.name, fields.asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys here are {}", list(fields.asked.iter().copied())),
            };
            self.problem_with(key.at, format!("{} has no key `{}`", fields.what, key.name), hint);
        }
    }

    pub(super) fn text<'n>(&mut self, name: &str, node: &'n Node) -> Option<&'n str> {
        match &node.content {
            Content::Text(text) => Some(text),
            other => {
                self.problem(node.at, format!("`{name}` is a text, not {}", named(other)));
                None
            }
        }
    }

    pub(super) fn list<'n>(&mut self, name: &str, node: &'n Node) -> Option<&'n [Node]> {
        match &node.content {
            Content::List(list) => Some(list),
            other => {
                self.problem(node.at, format!("`{name}` is a list, not {}", named(other)));
                None
            }
        }
    }

    /// A scalar that `parse` understands; its error is the hint.
    fn scalar<T>(&mut self, name: &str, node: &Node, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        let text = match &node.content {
            Content::Text(text) => text.as_str(),
            other => {
                let hint = parse("").err().unwrap_or_default();
                self.problem_with(node.at, format!("`{name}` is a value, not {}", named(other)), hint);
                return None;
            }
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err(hint) => {
                self.problem_with(node.at, format!("`{name}` cannot be `{text}`"), hint);
                None
            }
        }
    }

    /// A whole number between two bounds, both allowed.
    pub(super) fn whole(&mut self, name: &str, node: &Node, least: u64, most: u64) -> Option<u64> {
        if let Content::Text(text) = &node.content
            && text.strip_prefix('-').is_some_and(|digits| units::whole(digits).is_ok())
        {
            self.problem(node.at, format!("`{name}` is at least {least}, not {text}"));
            return None;
        }
        let value = self.scalar(name, node, units::whole)?;
        self.within(name, node, value, least, most, |value| value.to_string())
    }

    /// A number of rows, at least 1.
    pub(super) fn rows(&mut self, name: &str, node: &Node) -> Option<u64> {
        let value = self.scalar(name, node, units::rows)?;
        self.within(name, node, value, 1, u64::MAX, |value| value.to_string())
    }

    pub(super) fn size(&mut self, name: &str, node: &Node, least: u64, most: u64) -> Option<u64> {
        let value = self.scalar(name, node, units::size)?;
        self.within(name, node, value, least, most, units::shown)
    }

    /// Bytes a second.
    pub(super) fn rate(&mut self, name: &str, node: &Node, least: u64, most: u64) -> Option<u64> {
        let value = self.scalar(name, node, units::rate)?;
        self.within(name, node, value, least, most, |bytes| format!("{}/s", units::shown(bytes)))
    }

    /// How often in a second.
    pub(super) fn frequency(&mut self, name: &str, node: &Node) -> Option<f64> {
        let value = self.scalar(name, node, units::frequency)?;
        if value > FREQUENCY_MAX {
            self.problem(node.at, format!("`{name}` is at most {FREQUENCY_MAX}/s, not {value}/s"));
            return None;
        }
        Some(value)
    }

    fn within(&mut self, name: &str, node: &Node, value: u64, least: u64, most: u64, shown: fn(u64) -> String) -> Option<u64> {
        if (least..=most).contains(&value) {
            return Some(value);
        }
        let message = match value < least {
            true => format!("`{name}` is at least {}, not {}", shown(least), shown(value)),
            false => format!("`{name}` is at most {}, not {}", shown(most), shown(value)),
        };
        self.problem(node.at, message);
        None
    }

    pub(super) fn span(&mut self, name: &str, node: &Node) -> Option<Span> {
        self.scalar(name, node, units::span)
    }

    pub(super) fn percentage(&mut self, name: &str, node: &Node) -> Option<f64> {
        self.scalar(name, node, units::percentage)
    }

    pub(super) fn real(&mut self, name: &str, node: &Node) -> Option<f64> {
        self.scalar(name, node, units::real)
    }

    pub(super) fn boolean(&mut self, name: &str, node: &Node) -> Option<bool> {
        self.scalar(name, node, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("write `true` or `false`".to_owned()),
        })
    }

    /// One of a few words.
    pub(super) fn word<T: Clone>(&mut self, name: &str, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name, node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        let one_of = if words.len() > 1 { "one of " } else { "" };
        let hint = format!("it is {one_of}{}", list(words.iter().map(|(word, _)| *word)));
        self.problem_with(node.at, format!("`{name}` cannot be `{text}`"), hint);
        None
    }

    /// A typed expression. Its problems point into its own text.
    pub(super) fn expression(&mut self, name: &str, node: &Node, schema: &Schema) -> Option<Expr> {
        let text = self.text(name, node)?;
        match Expr::parse(text, schema) {
            Ok(expr) => Some(expr),
            Err(error) => {
                self.refused(node, error);
                None
            }
        }
    }

    /// Reports what is wrong within a text of this node.
    pub(super) fn refused(&mut self, node: &Node, error: ExprError) {
        if self.is_full() {
            // Looking for the place takes as long as the text before it is, and a text may have a mistake every other byte.
            return;
        }
        let (start, end) = (node.place_of(self.text, error.start), node.place_of(self.text, error.end));
        let line = self.text.lines().nth(start.line.saturating_sub(1) as usize).unwrap_or_default();
        let line_end = line.chars().count() as u32 + 1;
        let end = if end.line == start.line { end.column } else { line_end };
        let at = Place { width: end.saturating_sub(start.column), ..start };
        self.add(Problem { hint: error.hint, ..Problem::new(at, error.message) });
    }
}

impl<'n> Fields<'n> {
    /// The value of a key, if the key is there.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        self.asked.push(name);
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The value of a key that has to be there.
    pub(super) fn need(&mut self, reader: &mut Reader<'_>, name: &'static str) -> Option<&'n Node> {
        let found = self.take(name);
        if found.is_none() {
            reader.problem(self.at, format!("{} needs the key `{name}`", self.what));
        }
        found
    }

    /// Where the key stands.
    pub(super) fn key_at(&self, name: &str) -> Place {
        self.entries.iter().find(|(key, _)| key.name == name).map_or(self.at, |(key, _)| key.at)
    }

    pub(super) fn entries(&self) -> &'n [(Key, Node)] {
        self.entries
    }
}

/// What a node is, with its article.
pub(super) fn named(content: &Content) -> &'static str {
    match content {
        Content::Nothing => "nothing",
        Content::Text(_) => "a single value",
        Content::List(_) => "a list",
        Content::Map(_) => "a mapping",
    }
}
