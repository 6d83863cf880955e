//! The steps of a batch as a [`Plan`]: any number of `map`, `flat_map`, `filter` and `select`, at most one `reduce`, the same steps
//! over what it gives, `sort`, `limit`.

use super::plan::{PARTITIONS_DEFAULT, boolean, column_name};
use super::problem::Place;
use super::reader::{Reader, named};
use super::yaml::{Content, Key, Node};
use crate::batch::{Column, Format, Plan, Reduce, SortKey, Step};
use crate::expr::{AggregateExpr, Expr, ExprError, Schema, Type};
use crate::limits::STEPS_MAX;
use crate::nearest::{list, nearest};

const STEPS: [&str; 7] = ["map", "flat_map", "filter", "select", "reduce", "sort", "limit"];
const STEPS_TO_COME: [&str; 2] = ["join", "window"];

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
    after: Vec<Step>,
    sort: Vec<SortKey>,
    limit: Option<u64>,
    words: Vec<String>,
}

/// Reads the steps over records of these columns; also gives them in words, for the graph.
pub(super) fn steps(reader: &mut Reader<'_>, node: &Node, format: Format, input: Vec<Column>) -> Option<(Plan, Vec<String>)> {
    let nodes = reader.list("steps", node)?;
    if nodes.len() > STEPS_MAX {
        reader.problem(node.at, format!("`steps` has {} steps; the limit is {STEPS_MAX}", nodes.len()));
        return None;
    }
    let before = reader.problems.len();
    let mut steps = Steps {
        reader,
        phase: Phase::Mapping,
        schema: Schema(input.iter().map(|column| (column.name.clone(), column.data_type.clone())).collect()),
        unsure: false,
        steps: Vec::new(),
        reduce: None,
        after: Vec::new(),
        sort: Vec::new(),
        limit: None,
        words: Vec::new(),
    };
    // Every step is read, so that all problems are told at once.
    let whole = nodes.iter().filter(|node| steps.step(node).is_some()).count() == nodes.len();
    let Steps { reader, schema, steps, reduce, after, sort, limit, words, .. } = steps;
    if whole && nodes.is_empty() {
        let hint = "for example `- reduce: { key: line, values: { count: \"count(*)\" } }`";
        reader.problem_with(node.at, "`steps` has at least one step", hint);
    }
    if !whole || reader.problems.len() > before {
        return None;
    }
    let (reduce, combine) = reduce.map_or((None, true), |(reduce, combine)| (Some(reduce), combine));
    let columns = schema.0.into_iter().map(|(name, data_type)| Column { name, data_type }).collect();
    let partitions = PARTITIONS_DEFAULT;
    Some((Plan { format, input, steps, reduce, after, columns, sort, limit, partitions, combine }, words))
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
            "map" => self.map(key.at, value),
            "flat_map" => self.flat_map(key.at, value),
            "select" => self.select(key.at, value),
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
            ("reduce", Phase::Reduced) => (format!("a second `{name}` comes later: there is one stage so far"), None),
            ("sort", Phase::Limited) => ("`sort` comes before `limit`".to_owned(), None),
            ("sort", Phase::Sorted) => ("there is one `sort`".to_owned(), Some("its terms are separated by commas")),
            ("limit", Phase::Limited) => ("there is one `limit`".to_owned(), None),
            _ => (format!("`{name}` comes before `sort` and `limit`"), None),
        };
        match hint {
            Some(hint) => self.reader.problem_with(at, message, hint),
            None => self.reader.problem(at, message),
        }
        None
    }

    /// Takes a record-wise step to the side of the reduction where it stands.
    fn push(&mut self, step: Step) {
        match self.phase {
            Phase::Mapping => self.steps.push(step),
            _ => self.after.push(step),
        }
    }

    fn map(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "map", &[Phase::Mapping, Phase::Reduced])?;
        let fields = self.reader.fields("`map`", node)?;
        if fields.entries().is_empty() {
            self.reader.problem_with(
                node.at,
                "`map` makes at least one column",
                "for example `{ year: \"extract(year from day)\" }`",
            );
            return None;
        }
        let mut made = Vec::new();
        for (key, value) in fields.entries() {
            // All of them see the columns before the step.
            let expr = self.expression(&key.name, value);
            let named = self.new_column(key, made.iter().map(|(name, _): &(String, Expr)| name.as_str()));
            let text = self.reader.text(&key.name, value).unwrap_or_default();
            if let (Some(expr), Some(())) = (expr, named) {
                self.words.push(format!("map {} = {}", key.name, text.trim()));
                made.push((key.name.clone(), expr));
            }
        }
        let whole = made.len() == fields.entries().len();
        self.schema.0.extend(made.iter().map(|(name, expr)| (name.clone(), expr.data_type().clone())));
        self.push(Step::Map(made.into_iter().map(|(_, expr)| expr).collect()));
        whole.then_some(())
    }

    fn flat_map(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "flat_map", &[Phase::Mapping, Phase::Reduced])?;
        let fields = self.reader.fields("`flat_map`", node)?;
        let [(key, value)] = fields.entries() else {
            self.reader.problem_with(node.at, "`flat_map` makes exactly one column", "for example `{ word: \"words(line)\" }`");
            return None;
        };
        let list = self.expression(&key.name, value);
        let named = self.new_column(key, []);
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
        self.push(Step::FlatMap(list));
        Some(())
    }

    fn filter(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "filter", &[Phase::Mapping, Phase::Reduced])?;
        let filter = self.expression("filter", node)?;
        boolean(self.reader, "filter", node, &filter)?;
        let text = self.reader.text("filter", node)?;
        self.words.push(format!("filter {}", text.trim()));
        self.push(Step::Filter(filter));
        Some(())
    }

    fn select(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "select", &[Phase::Mapping, Phase::Reduced])?;
        let columns = self.columns("select", node)?;
        let names: Vec<_> = columns.iter().map(|column| self.schema.0[*column].0.clone()).collect();
        self.words.push(format!("select {}", names.join(", ")));
        self.schema.0 = columns.iter().map(|column| self.schema.0[*column].clone()).collect();
        self.push(Step::Select(columns));
        Some(())
    }

    fn reduce(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "reduce", &[Phase::Mapping])?;
        // From here on the columns are the result's, even if some are wrong: what follows is checked against those.
        self.phase = Phase::Reduced;
        let mut fields = self.reader.fields("`reduce`", node)?;
        let keys = fields.need(self.reader, "key").and_then(|node| self.columns("key", node));
        let values = fields.need(self.reader, "values").and_then(|node| self.values(node));
        let combine = fields.take("combine").map_or(Some(true), |node| self.reader.boolean("combine", node));
        if let Some(node) = fields.take("partition_by") {
            self.reader.problem(node.at, "`partition_by` comes later: rows go to partitions by the key's hash");
        }
        self.reader.finish(fields);
        let before = std::mem::take(&mut self.schema);
        let (keys, values) = (keys?, values?);
        self.schema.0 = keys.iter().map(|key| before.0[*key].clone()).collect();
        let key_types = self.schema.0.iter().map(|(_, of)| of.clone()).collect();
        let names: Vec<_> = self.schema.names().map(str::to_owned).collect();
        let mut sound = true;
        for (key, _, value) in &values {
            if names.contains(&key.name) {
                self.reader.problem(key.at, format!("`{}` is the key and a value: give the value another name", key.name));
                sound = false;
            }
            self.schema.0.push((key.name.clone(), value.data_type().clone()));
        }
        let words: Vec<_> = values.iter().map(|(key, text, _)| format!("{} = {text}", key.name)).collect();
        self.words.push(format!("reduce by {}: {}", names.join(", "), words.join(", ")));
        let values = values.into_iter().map(|(_, _, value)| value).collect();
        self.reduce = Some((Reduce { keys, key_types, values }, combine?));
        sound.then_some(())
    }

    /// Some columns: a name, names with commas between them, or a list of names.
    fn columns(&mut self, name: &str, node: &Node) -> Option<Vec<usize>> {
        let mut found = Vec::new();
        let mut sound = true;
        match &node.content {
            Content::List(nodes) => {
                for node in nodes {
                    let text = self.reader.text(name, node);
                    sound &= text.is_some_and(|text| self.column(name, node, text, 0, &mut found).is_some());
                }
            }
            _ => {
                let text = self.reader.text(name, node)?;
                let mut start = 0;
                for term in text.split(',') {
                    sound &= self.column(name, node, term, start, &mut found).is_some();
                    start += term.len() + 1;
                }
            }
        }
        if sound && found.is_empty() {
            self.reader.problem(node.at, format!("`{name}` names at least one column"));
            return None;
        }
        sound.then_some(found)
    }

    /// One of [`Steps::columns`], which begins at byte `start` of its node's text.
    fn column(&mut self, name: &str, node: &Node, term: &str, start: usize, found: &mut Vec<usize>) -> Option<()> {
        let start = start + (term.len() - term.trim_start().len());
        let term = term.trim();
        let refuse = |message: String, hint: Option<String>| ExprError { start, end: start + term.len(), message, hint };
        let error = match self.schema.index(term) {
            Some(column) if found.contains(&column) => refuse(format!("`{term}` is here twice"), None),
            Some(column) => {
                found.push(column);
                return Some(());
            }
            None => {
                let hint = nearest(term, self.schema.names()).map(|near| format!("did you mean `{near}`?"));
                let hint = hint.unwrap_or_else(|| match name {
                    "key" => format!("`key` is a column, or several: {}", list(self.schema.names())),
                    _ => format!("the columns here are {}", list(self.schema.names())),
                });
                refuse(format!("there is no column `{term}`"), Some(hint))
            }
        };
        if !self.unsure {
            self.reader.refused(node, error);
        }
        None
    }

    /// The values of a reduction: where each is named, its text, and what it computes.
    fn values<'n>(&mut self, node: &'n Node) -> Option<Vec<(&'n Key, String, AggregateExpr)>> {
        let fields = self.reader.fields("`values`", node)?;
        if fields.entries().is_empty() {
            self.reader.problem_with(node.at, "`values` names at least one column", "for example `{ count: \"count(*)\" }`");
        }
        let mut values = Vec::new();
        for (key, value) in fields.entries() {
            let named = column_name(&key.name).map_err(|message| self.reader.problem(key.at, message));
            let Some(text) = self.reader.text(&key.name, value) else { continue };
            match AggregateExpr::parse(text, &self.schema) {
                Ok(aggregate) if named.is_ok() => values.push((key, text.trim().to_owned(), aggregate)),
                Ok(_) => {}
                Err(error) => self.refused(value, error),
            }
        }
        (!values.is_empty() && values.len() == fields.entries().len()).then_some(values)
    }

    /// `count desc, word`.
    fn sort(&mut self, at: Place, node: &Node) -> Option<()> {
        self.allowed(at, "sort", &[Phase::Mapping, Phase::Reduced])?;
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
        self.allowed(at, "limit", &[Phase::Mapping, Phase::Reduced, Phase::Sorted])?;
        self.phase = Phase::Limited;
        let limit = self.reader.whole("limit", node, 1, u64::MAX)?;
        self.words.push(format!("limit {limit}"));
        self.limit = Some(limit);
        Some(())
    }

    /// Whether a name can be a new column's, beside those that are there and `others`.
    fn new_column<'o>(&mut self, key: &Key, others: impl IntoIterator<Item = &'o str>) -> Option<()> {
        let name = key.name.as_str();
        let message = match column_name(name) {
            Ok(()) if self.schema.index(name).is_none() && !others.into_iter().any(|other| other == name) => return Some(()),
            Ok(()) => format!("there is a column `{name}` already"),
            Err(message) => message,
        };
        self.reader.problem(key.at, message);
        None
    }
}
