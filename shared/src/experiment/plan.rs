//! The middle of an experiment: `batch` as a [`Plan`]. Steps come in one order so far: any number of `flat_map` and `filter`, one
//! `reduce`, filters over what it gives, `sort`, `limit`.

use super::problem::Place;
use super::reader::{Fields, Reader, named};
use super::spec::{Batch, Input};
use super::yaml::{Content, Node};
use crate::batch::{Plan, Reduce, SortKey, Step};
use crate::expr::{Aggregate, Expr, ExprError, Schema, Type, Value};
use crate::limits::{COLUMN_NAME_CHARS_MAX, GENERATED_BYTES_MAX, GENERATED_WORDS_MAX, PARTITIONS_MAX, STEPS_MAX};
use crate::nearest::{list, nearest};

/// R unless said.
const PARTITIONS_DEFAULT: u32 = 4;

/// Distinct words of a generated text unless said.
const GENERATED_WORDS_DEFAULT: u32 = 50_000;

const STEPS: [&str; 5] = ["flat_map", "filter", "reduce", "sort", "limit"];
const STEPS_TO_COME: [&str; 3] = ["map", "join", "window"];

pub(super) fn batch(reader: &mut Reader<'_>, node: &Node, seed: u64) -> Option<Batch> {
    let mut fields = reader.fields("`batch`", node)?;
    let input = fields.need(reader, "input").and_then(|node| input(reader, node, seed));
    if let Some(node) = fields.take("format") {
        format(reader, node);
    }
    let split = fields.take("split").map(|node| reader.size("split", node, 1, u64::MAX));
    let partitions = fields.take("partitions").map(|node| reader.whole("partitions", node, 1, PARTITIONS_MAX.into()));
    let steps = fields.need(reader, "steps").and_then(|node| steps(reader, node));
    reader.finish(fields);
    let (mut plan, words) = steps?;
    plan.partitions = partitions.unwrap_or(Some(PARTITIONS_DEFAULT.into()))? as u32;
    Some(Batch { input: input?, split: split.map_or(Some(None), |split| split.map(Some))?, plan, steps: words })
}

fn input(reader: &mut Reader<'_>, node: &Node, seed: u64) -> Option<Input> {
    let mut fields = reader.fields("`input`", node)?;
    let kinds = ["text", "dataset", "file", "generate"].map(|kind| fields.take(kind));
    let input = match kinds {
        [Some(text), None, None, None] => reader.text("text", text).map(|text| Input::Text(text.to_owned())),
        [None, Some(name), None, None] => reader.text("dataset", name).map(|name| Input::Dataset(name.to_owned())),
        [None, None, Some(path), None] => reader.text("file", path).map(|path| Input::File(path.to_owned())),
        [None, None, None, Some(kind)] => generate(reader, &mut fields, kind, seed),
        _ => {
            let kinds = list(["text", "dataset", "file", "generate"]);
            reader.problem(node.at, format!("`input` has exactly one of {kinds}"));
            None
        }
    };
    reader.finish(fields);
    input
}

fn generate(reader: &mut Reader<'_>, fields: &mut Fields<'_>, kind: &Node, seed: u64) -> Option<Input> {
    let kind = reader.word("generate", kind, &[("zipf", ())]);
    let bytes = fields.need(reader, "bytes").and_then(|node| reader.size("bytes", node, 0, GENERATED_BYTES_MAX));
    let seed = fields.take("seed").map_or(Some(seed), |node| reader.whole("seed", node, 0, u64::MAX));
    let distinct = fields
        .take("distinct")
        .map_or(Some(GENERATED_WORDS_DEFAULT.into()), |node| reader.whole("distinct", node, 1, GENERATED_WORDS_MAX.into()));
    kind?;
    Some(Input::Zipf { bytes: bytes?, seed: seed?, distinct: distinct? as u32 })
}

fn format(reader: &mut Reader<'_>, node: &Node) {
    match reader.text("format", node) {
        None | Some("lines") => {}
        Some(format @ ("csv" | "jsonl" | "arrow" | "parquet")) => {
            reader.problem_with(node.at, format!("the format `{format}` comes later"), "so far there is `lines`")
        }
        Some(other) => reader.problem_with(node.at, format!("`format` cannot be `{other}`"), "so far there is `lines`"),
    }
}

/// How far the steps have come; each allows what comes after it and itself where it may repeat.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Phase {
    Mapping,
    Reduced,
    Sorted,
    Limited,
}

struct Steps<'r, 'a> {
    reader: &'r mut Reader<'a>,
    phase: Phase,
    /// The columns that the next step sees.
    schema: Schema,
    /// Whether a step that should have made columns was wrong: a column that is missing then is no new problem.
    unsure: bool,
    steps: Vec<Step>,
    reduce: Option<(Reduce, bool)>,
    having: Vec<Expr>,
    sort: Vec<SortKey>,
    limit: Option<u64>,
    words: Vec<String>,
}

fn steps(reader: &mut Reader<'_>, node: &Node) -> Option<(Plan, Vec<String>)> {
    let nodes = reader.list("steps", node)?;
    if nodes.len() > STEPS_MAX {
        reader.problem(node.at, format!("`steps` has {} steps; the limit is {STEPS_MAX}", nodes.len()));
        return None;
    }
    let before = reader.problems.len();
    let mut steps = Steps {
        reader,
        phase: Phase::Mapping,
        schema: Schema(vec![("line".to_owned(), Type::Utf8)]),
        unsure: false,
        steps: Vec::new(),
        reduce: None,
        having: Vec::new(),
        sort: Vec::new(),
        limit: None,
        words: Vec::new(),
    };
    // Every step is read, so that all problems are told at once.
    let whole = nodes.iter().filter(|node| steps.step(node).is_some()).count() == nodes.len();
    let Steps { reader, steps, reduce, having, sort, limit, words, phase, .. } = steps;
    if phase == Phase::Mapping && whole {
        reader.problem_with(
            node.at,
            "`steps` needs a `reduce`",
            "for example `- reduce: { key: word, values: { count: \"count(*)\" } }`",
        );
    }
    if !whole || reader.problems.len() > before {
        return None;
    }
    let (reduce, combine) = reduce?;
    Some((Plan { steps, reduce, having, sort, limit, partitions: PARTITIONS_DEFAULT, combine }, words))
}

impl Steps<'_, '_> {
    fn step(&mut self, node: &Node) -> Option<()> {
        let Content::Map(entries) = &node.content else {
            let message = format!("a step is a name and what it does, like `limit: 100`, not {}", named(&node.content));
            self.reader.problem(node.at, message);
            return None;
        };
        let [(key, value)] = entries.as_slice() else {
            self.reader.problem(node.at, format!("a step has one name, not {}: begin each with `- `", entries.len()));
            return None;
        };
        let made = match key.name.as_str() {
            "filter" => return self.filter(key.at, value),
            "sort" => return self.sort(key.at, value),
            "limit" => return self.limit(key.at, value),
            "flat_map" => self.flat_map(key.at, value),
            "reduce" => self.reduce(key.at, value),
            name => {
                let message = match STEPS_TO_COME.contains(&name) {
                    true => format!("the step `{name}` comes later"),
                    false => format!("there is no step `{name}`"),
                };
                let hint = match nearest(name, STEPS) {
                    Some(near) if !STEPS_TO_COME.contains(&name) => format!("did you mean `{near}`?"),
                    _ => format!("so far there are {}", list(STEPS)),
                };
                self.reader.problem_with(key.at, message, hint);
                None
            }
        };
        self.unsure |= made.is_none();
        made
    }

    /// An expression over the columns here.
    fn expression(&mut self, name: &str, node: &Node) -> Option<Expr> {
        let text = self.reader.text(name, node)?;
        match Expr::parse(text, &self.schema) {
            Ok(expr) => Some(expr),
            Err(error) => {
                self.refused(node, error);
                None
            }
        }
    }

    fn refused(&mut self, node: &Node, error: ExprError) {
        if !(self.unsure && error.is_missing_column()) {
            self.reader.refused(node, error);
        }
    }

    /// Whether a step that needs a phase of these may stand here.
    fn allowed(&mut self, at: Place, name: &str, phases: &[Phase]) -> Option<()> {
        if phases.contains(&self.phase) {
            return Some(());
        }
        let (message, hint) = match (name, self.phase) {
            ("reduce", _) => (format!("a second `{name}` comes later: there is one stage so far"), None),
            ("sort" | "limit", Phase::Mapping) => (format!("`{name}` comes after the `reduce`"), None),
            ("sort", Phase::Limited) => ("`sort` comes before `limit`".to_owned(), None),
            ("sort", Phase::Sorted) => ("there is one `sort`".to_owned(), Some("its terms are separated by commas")),
            ("limit", Phase::Limited) => ("there is one `limit`".to_owned(), None),
            ("flat_map", _) => ("`flat_map` comes before the `reduce`".to_owned(), None),
            (_, Phase::Sorted | Phase::Limited) => (format!("`{name}` comes before `sort` and `limit`"), None),
            _ => (format!("`{name}` cannot stand here"), None),
        };
        match hint {
            Some(hint) => self.reader.problem_with(at, message, hint),
            None => self.reader.problem(at, message),
        }
        None
    }

    fn flat_map(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "flat_map", &[Phase::Mapping])?;
        let fields = self.reader.fields("`flat_map`", node)?;
        let [(key, value)] = fields.entries() else {
            self.reader.problem_with(node.at, "`flat_map` makes exactly one column", "for example `{ word: \"words(line)\" }`");
            return None;
        };
        let list = self.expression(&key.name, value);
        let named = self.new_column(&key.name, key.at);
        let list = list?;
        let Type::List(of) = list.data_type().clone() else {
            let message = format!("`flat_map` needs a list, and this is {}", list.data_type());
            self.reader.problem_with(value.at, message, "`words(…)` gives a list");
            return None;
        };
        named?;
        self.schema.0.push((key.name.clone(), *of));
        let text = self.reader.text(&key.name, value)?;
        self.words.push(format!("flat_map {} = {}", key.name, text.trim()));
        self.steps.push(Step::FlatMap { column: key.name.clone(), list });
        Some(())
    }

    fn filter(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "filter", &[Phase::Mapping, Phase::Reduced])?;
        let filter = self.expression("filter", node)?;
        boolean(self.reader, "filter", node, &filter)?;
        let text = self.reader.text("filter", node)?;
        self.words.push(format!("filter {}", text.trim()));
        match self.phase {
            Phase::Mapping => self.steps.push(Step::Filter(filter)),
            _ => self.having.push(filter),
        }
        Some(())
    }

    fn reduce(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "reduce", &[Phase::Mapping])?;
        // From here on the columns are the result's, even if some are wrong: what follows is checked against those.
        self.phase = Phase::Reduced;
        let mut fields = self.reader.fields("`reduce`", node)?;
        let before = std::mem::take(&mut self.schema);
        let key = fields.need(self.reader, "key").and_then(|node| self.key(node, &before));
        let values = fields.need(self.reader, "values").and_then(|node| self.values(node, &before));
        let combine = fields.take("combine").map_or(Some(true), |node| self.reader.boolean("combine", node));
        if let Some(node) = fields.take("partition_by") {
            self.reader.problem(node.at, "`partition_by` comes later: rows go to partitions by the key's hash");
        }
        self.reader.finish(fields);
        let ((key, key_column), values) = (key?, values?);
        let counts = values.iter().map(|name| (name.clone(), Type::Int64));
        self.schema = Schema(std::iter::once((key.clone(), Type::Utf8)).chain(counts).collect());
        if values.contains(&key) {
            self.reader.problem(node.at, format!("`{key}` is the key and a value: give the value another name"));
            return None;
        }
        let counts: Vec<_> = values.iter().map(|name| format!("{name} = count(*)")).collect();
        self.words.push(format!("reduce by {key}: {}", counts.join(", ")));
        self.reduce = Some((Reduce { key, key_column, values }, combine?));
        Some(())
    }

    /// The key: a column of text.
    fn key(&mut self, node: &Node, columns: &Schema) -> Option<(String, usize)> {
        let name = self.reader.text("key", node)?;
        let index = columns.index(name);
        if index.is_none() && !self.unsure {
            let hint = nearest(name, columns.names()).map(|near| format!("did you mean `{near}`?"));
            let hint = hint.unwrap_or_else(|| format!("`key` is a column: {}", list(columns.names())));
            self.reader.problem_with(node.at, format!("there is no column `{name}`"), hint);
        }
        Some((name.to_owned(), index?))
    }

    fn values(&mut self, node: &Node, columns: &Schema) -> Option<Vec<String>> {
        let fields = self.reader.fields("`values`", node)?;
        if fields.entries().is_empty() {
            self.reader.problem_with(node.at, "`values` names at least one column", "for example `{ count: \"count(*)\" }`");
        }
        let mut names = Vec::new();
        let mut sound = !fields.entries().is_empty();
        for (key, value) in fields.entries() {
            if let Err(message) = column_name(&key.name) {
                self.reader.problem(key.at, message);
                sound = false;
            }
            match self.reader.text(&key.name, value).map(|text| (text, Aggregate::parse(text, columns))) {
                Some((_, Ok(aggregate))) if aggregate.is_count_all() => names.push(key.name.clone()),
                Some((text, _)) => {
                    let message = format!("`{}` is not an aggregate: there is {} so far", text.trim(), list(["count(*)"]));
                    let end = text.len();
                    self.reader.refused(value, ExprError { start: 0, end, message, hint: None });
                    sound = false;
                }
                None => sound = false,
            }
        }
        sound.then_some(names)
    }

    /// `count desc, word`.
    fn sort(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "sort", &[Phase::Reduced])?;
        self.phase = Phase::Sorted;
        let text = self.reader.text("sort", node)?;
        let mut start = 0;
        let mut sound = true;
        for term in text.split(',') {
            match self.sort_key(term) {
                Ok(key) => self.sort.push(key),
                Err((message, hint)) => {
                    let start = start + (term.len() - term.trim_start().len());
                    self.refused(node, ExprError { start, end: start + term.trim().len(), message, hint });
                    sound = false;
                }
            }
            start += term.len() + 1;
        }
        self.words.push(format!("sort {}", text.trim()));
        sound.then_some(())
    }

    /// One term of a sort, or a message and a hint.
    fn sort_key(&self, term: &str) -> Result<SortKey, (String, Option<String>)> {
        let words: Vec<&str> = term.split_whitespace().collect();
        let (name, descending) = match words.as_slice() {
            [] => return Err(("a column to sort by is missing here".to_owned(), None)),
            [name] => (*name, false),
            [name, order] if order.eq_ignore_ascii_case("asc") => (*name, false),
            [name, order] if order.eq_ignore_ascii_case("desc") => (*name, true),
            _ => {
                let hint = "write a column, and `desc` after it for the largest first".to_owned();
                return Err((format!("`{}` is not a term to sort by", term.trim()), Some(hint)));
            }
        };
        match self.schema.index(name) {
            Some(column) if self.sort.iter().any(|key| key.column == column) => Err((format!("`{name}` is here twice"), None)),
            Some(column) => Ok(SortKey { column, descending }),
            None => {
                let hint = nearest(name, self.schema.names()).map(|near| format!("did you mean `{near}`?"));
                Err((format!("there is no column `{name}`: the result has {}", list(self.schema.names())), hint))
            }
        }
    }

    fn limit(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "limit", &[Phase::Reduced, Phase::Sorted])?;
        self.phase = Phase::Limited;
        let limit = self.reader.whole("limit", node, 1, u64::MAX)?;
        self.words.push(format!("limit {limit}"));
        self.limit = Some(limit);
        Some(())
    }

    fn new_column(&mut self, name: &str, at: Place) -> Option<()> {
        let message = match column_name(name) {
            Ok(()) if self.schema.index(name).is_none() => return Some(()),
            Ok(()) => format!("there is a column `{name}` already"),
            Err(message) => message,
        };
        self.reader.problem(at, message);
        None
    }
}

/// Says that an expression is not a Boolean.
pub(super) fn boolean(reader: &mut Reader<'_>, name: &str, node: &Node, expr: &Expr) -> Option<()> {
    if *expr.data_type() == Type::Boolean || expr.literal() == Some(&Value::Null) {
        return Some(());
    }
    let message = format!("`{name}` needs a Boolean, and this is {}", expr.data_type());
    reader.problem_with(node.at, message, "compare it with something: `length(word) > 1`");
    None
}

/// Whether a name can be a column's: so that an expression can name it without quotes.
fn column_name(name: &str) -> Result<(), String> {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !first || !chars.all(|c| c.is_alphanumeric() || c == '_') {
        return Err(format!("`{name}` is no name for a column: it has letters, digits and `_`, and no digit first"));
    }
    if name.chars().count() > COLUMN_NAME_CHARS_MAX {
        return Err(format!("a column's name has at most {COLUMN_NAME_CHARS_MAX} characters"));
    }
    if crate::expr::is_reserved(name) {
        return Err(format!("`{name}` is a word of the expression language: give the column another name"));
    }
    Ok(())
}
