//! The steps of a batch as a [`Plan`]: record-wise ones, and those that end a stage. What is joined is in `joins`.

use super::chain::{Chain, Stages};
use super::joins::Tables;
use super::outline::{self, OutlinePhase, OutlineStep};
use super::plan::{boolean, column_name};
use super::problem::Place;
use super::reader::{Reader, named};
use super::spec::Input;
use super::yaml::{Content, Key, Node};
use crate::batch::{Plan, Records, Reduce, SortKey, Step};
use crate::expr::{AggregateExpr, Expr, ExprError, Schema, Type};
use crate::limits::{STAGES_MAX, STEPS_MAX};
use crate::nearest::{list, nearest};

const STEPS: [&str; 9] = ["map", "flat_map", "filter", "select", "reduce", "join", "sort", "limit", "repeat"];
const STEPS_TO_COME: [&str; 1] = ["window"];

/// Rounds of one `repeat`.
pub(super) const ROUNDS_MAX: u64 = 100;

/// What is said beside the steps and matters to the plan.
pub(super) struct Given {
    pub partitions: u32,
    pub skip_bad_records: bool,
    /// The plan runs over one micro-batch after the other.
    pub in_batches: bool,
}

/// Everything that the steps of a batch come to.
pub(super) struct Steps<'r, 'a, 'n> {
    pub reader: &'r mut Reader<'a>,
    pub stages: Stages,
    /// What each of the stages' inputs is, in their order.
    pub inputs: Vec<Input>,
    pub tables: Tables<'n>,
    pub seed: u64,
    /// Steps read so far, those of each round counted.
    count: usize,
    words: Vec<String>,
    /// More than 0 while steps are read that are not put in words.
    pub quiet: u32,
    /// Whether a step has been read that shuffles.
    shuffled: bool,
}

/// What is read, and the steps: the plan, its inputs, and the steps in words, for the graph.
pub(super) fn steps<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    input: Option<Input>,
    records: Records,
    tables: Tables<'n>,
    seed: u64,
    given: Given,
) -> Option<(Plan, Vec<Input>, Vec<String>)> {
    let before = reader.problems.len();
    let sound = input.is_some();
    let (inputs, words) = (input.into_iter().collect(), Vec::new());
    let mut steps =
        Steps { reader, stages: Stages::default(), inputs, tables, seed, count: 0, words, quiet: 0, shuffled: false };
    let mut chain = steps.stages.read(records);
    steps.reader.outline.columns = outline::columns(&chain.schema);
    let whole = steps.all(&mut chain, node);
    outline::settle(&mut steps.reader.outline);
    if whole.is_some() && steps.count == 0 {
        let hint = "for example `- reduce: { key: line, values: { count: \"count(*)\" } }`";
        steps.reader.problem_with(node.at, "`steps` has at least one step", hint);
    }
    for table in steps.tables.unused() {
        let hint = format!("join it: `- join: {{ with: {}, key: … }}`, or leave it out", table.name);
        steps.reader.problem_with(table.at, format!("no join names the table `{}`", table.name), hint);
    }
    let Steps { reader, stages, inputs, words, .. } = steps;
    if !sound || reader.problems.len() > before {
        return None;
    }
    if stages.is_open() {
        // Nothing is wrong with steps whose columns nobody can know yet.
        reader.outline.steps.iter_mut().for_each(|step| step.sound = true);
        reader.outline.input.push_str(", whose columns are inferred when it is opened");
        let words = vec!["columns are inferred when the input is opened".to_owned()];
        return Some((stages.unfinished(&given), inputs, words));
    }
    whole?;
    let plan = stages.finish(chain, &given);
    if plan.stages.len() > STAGES_MAX {
        reader.problem(node.at, format!("the steps come to {} stages; the limit is {STAGES_MAX}", plan.stages.len()));
        return None;
    }
    Some((plan, inputs, words))
}

impl<'n> Steps<'_, '_, 'n> {
    /// Reads a list of steps. Every one is read, so that all problems are told at once.
    pub(super) fn all(&mut self, chain: &mut Chain, node: &'n Node) -> Option<()> {
        let nodes = self.reader.list("steps", node)?;
        if self.count + nodes.len() > STEPS_MAX {
            let count = self.count + nodes.len();
            self.reader.problem(node.at, format!("the batch has {count} steps or more; the limit is {STEPS_MAX}"));
            return None;
        }
        self.count += nodes.len();
        let sound = nodes.iter().filter(|node| self.outlined(chain, node).is_some()).count() == nodes.len();
        sound.then_some(())
    }

    /// Puts a step in words.
    pub(super) fn say(&mut self, words: String) {
        if self.quiet == 0 {
            self.words.push(words);
        }
    }

    /// Reads a step, and tells the outline what came of it.
    fn outlined(&mut self, chain: &mut Chain, node: &'n Node) -> Option<()> {
        let (words, problems) = (self.words.len(), self.reader.problems.len());
        let made = self.step(chain, node);
        let name = match &node.content {
            Content::Map(entries) => entries.first().map(|(key, _)| key.name.clone()),
            _ => None,
        };
        let name = name.unwrap_or_default();
        // What a table's own steps do, and what the rounds of a `repeat` do again, is no line of its own; its steps are.
        if self.quiet > 0 || name == "repeat" {
            return made;
        }
        self.shuffled |= outline::SHUFFLES.contains(&name.as_str());
        self.reader.outline.steps.push(OutlineStep {
            line: node.at.line,
            words: self.words[words..].join(", "),
            phase: if self.shuffled { OutlinePhase::Reduce } else { OutlinePhase::Map },
            sound: self.reader.problems.len() == problems,
            columns: outline::columns(&chain.schema),
            name,
        });
        made
    }

    fn step(&mut self, chain: &mut Chain, node: &'n Node) -> Option<()> {
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
            "filter" => return self.filter(chain, value),
            "sort" => return self.sort(chain, key.at, value),
            "limit" => return self.limit(chain, key.at, value),
            "map" => self.map(chain, value),
            "flat_map" => self.flat_map(chain, value),
            "select" => self.select(chain, value),
            "reduce" => self.reduce(chain, value),
            "join" => self.join(chain, key.at, value),
            "repeat" => self.repeat(chain, value),
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
        chain.unsure |= made.is_none();
        made
    }

    /// `repeat: { times: 10, steps: [ … ] }`: the same steps again and again, each round over the rows of the one before.
    fn repeat(&mut self, chain: &mut Chain, node: &'n Node) -> Option<()> {
        let mut fields = self.reader.fields("`repeat`", node)?;
        let times = fields.need(self.reader, "times").and_then(|node| self.reader.whole("times", node, 1, ROUNDS_MAX));
        let steps = fields.need(self.reader, "steps");
        self.reader.finish(fields);
        let (times, steps) = (times?, steps?);
        self.say(format!("repeat {times} times:"));
        let loud = self.quiet;
        let mut sound = Some(());
        for _ in 0..times {
            // Only the first round's problems are news.
            sound = sound.and_then(|()| self.all(chain, steps));
            self.quiet = loud + 1;
        }
        self.quiet = loud;
        sound
    }

    /// An expression over the columns here.
    fn expression(&mut self, chain: &Chain, name: &str, node: &Node) -> Option<Expr> {
        let text = self.reader.text(name, node)?;
        match Expr::parse(text, &chain.schema) {
            Ok(expr) => Some(expr),
            Err(error) => {
                self.refused(chain, node, error);
                None
            }
        }
    }

    fn refused(&mut self, chain: &Chain, node: &Node, error: ExprError) {
        if !(chain.unsure && error.is_missing_column()) {
            self.reader.refused(node, error);
        }
    }

    fn map(&mut self, chain: &mut Chain, node: &Node) -> Option<()> {
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
            let expr = self.expression(chain, &key.name, value);
            let named = self.new_column(chain, key, made.iter().map(|(name, _): &(String, Expr)| name.as_str()));
            let text = self.reader.text(&key.name, value).unwrap_or_default();
            if let (Some(expr), Some(())) = (expr, named) {
                self.say(format!("map {} = {}", key.name, text.trim()));
                made.push((key.name.clone(), expr));
            }
        }
        let whole = made.len() == fields.entries().len();
        let mut schema = chain.schema.clone();
        schema.0.extend(made.iter().map(|(name, expr)| (name.clone(), expr.data_type().clone())));
        self.stages.push(chain, Step::Map(made.into_iter().map(|(_, expr)| expr).collect()), schema);
        whole.then_some(())
    }

    fn flat_map(&mut self, chain: &mut Chain, node: &Node) -> Option<()> {
        let fields = self.reader.fields("`flat_map`", node)?;
        let [(key, value)] = fields.entries() else {
            self.reader.problem_with(node.at, "`flat_map` makes exactly one column", "for example `{ word: \"words(line)\" }`");
            return None;
        };
        let list = self.expression(chain, &key.name, value);
        let named = self.new_column(chain, key, []);
        let list = list?;
        let Type::List(of) = list.data_type().clone() else {
            let message = format!("`flat_map` needs a list, and this is {}", list.data_type());
            self.reader.problem_with(value.at, message, "`words(…)` gives a list");
            return None;
        };
        named?;
        let mut schema = chain.schema.clone();
        schema.0.push((key.name.clone(), *of));
        let text = self.reader.text(&key.name, value)?;
        self.say(format!("flat_map {} = {}", key.name, text.trim()));
        self.stages.push(chain, Step::FlatMap(list), schema);
        Some(())
    }

    fn filter(&mut self, chain: &mut Chain, node: &Node) -> Option<()> {
        let filter = self.expression(chain, "filter", node)?;
        boolean(self.reader, "filter", node, &filter)?;
        let text = self.reader.text("filter", node)?;
        self.say(format!("filter {}", text.trim()));
        let schema = chain.schema.clone();
        self.stages.push(chain, Step::Filter(filter), schema);
        Some(())
    }

    fn select(&mut self, chain: &mut Chain, node: &Node) -> Option<()> {
        let columns = self.columns(chain, "select", node)?;
        let names: Vec<_> = columns.iter().map(|column| chain.schema.0[*column].0.clone()).collect();
        self.say(format!("select {}", names.join(", ")));
        let schema = Schema(columns.iter().map(|column| chain.schema.0[*column].clone()).collect());
        self.stages.push(chain, Step::Select(columns), schema);
        Some(())
    }

    fn reduce(&mut self, chain: &mut Chain, node: &'n Node) -> Option<()> {
        let mut fields = self.reader.fields("`reduce`", node)?;
        let keys = fields.need(self.reader, "key").and_then(|node| self.columns(chain, "key", node));
        let values = fields.need(self.reader, "values").and_then(|node| self.values(chain, node));
        let combine = fields.take("combine").map_or(Some(true), |node| self.reader.boolean("combine", node));
        let partition_by = fields.take("partition_by");
        self.reader.finish(fields);
        let (Some(keys), Some(values)) = (keys, values) else {
            // What follows is checked against the result's columns, even if some are missing.
            chain.schema = Schema::default();
            return None;
        };
        let mut schema = Schema(keys.iter().map(|key| chain.schema.0[*key].clone()).collect());
        let key_types = schema.0.iter().map(|(_, of)| of.clone()).collect();
        let names: Vec<_> = schema.names().map(str::to_owned).collect();
        let partition_by = partition_by.map_or(Some(None), |node| self.partition_by(&schema, node).map(Some));
        let mut sound = true;
        for (key, _, value) in &values {
            if names.contains(&key.name) {
                self.reader.problem(key.at, format!("`{}` is the key and a value: give the value another name", key.name));
                sound = false;
            }
            schema.0.push((key.name.clone(), value.data_type().clone()));
        }
        let words: Vec<_> = values.iter().map(|(key, text, _)| format!("{} = {text}", key.name)).collect();
        self.say(format!("reduce by {}: {}", names.join(", "), words.join(", ")));
        let values = values.into_iter().map(|(_, _, value)| value).collect();
        let (combine, partition_by) = (combine?, partition_by?);
        self.stages.reduce(chain, Reduce { keys, key_types, values, combine, partition_by }, schema);
        sound.then_some(())
    }

    /// What chooses a key's partition: it sees the key only, or equal keys would be in several.
    fn partition_by(&mut self, keys: &Schema, node: &Node) -> Option<Expr> {
        let text = self.reader.text("partition_by", node)?;
        match Expr::parse(text, keys) {
            Ok(expr) => Some(expr),
            Err(error) => {
                let hint = error.hint.or_else(|| Some("`partition_by` sees the columns of `key` only".to_owned()));
                self.reader.refused(node, ExprError { hint, ..error });
                None
            }
        }
    }

    /// Some columns: a name, names with commas between them, or a list of names.
    fn columns(&mut self, chain: &Chain, name: &str, node: &Node) -> Option<Vec<usize>> {
        let mut found = Vec::new();
        let mut sound = true;
        match &node.content {
            Content::List(nodes) => {
                for node in nodes {
                    let text = self.reader.text(name, node);
                    sound &= text.is_some_and(|text| self.column(chain, name, node, text, 0, &mut found).is_some());
                }
            }
            _ => {
                let text = self.reader.text(name, node)?;
                let mut start = 0;
                for term in text.split(',') {
                    sound &= self.column(chain, name, node, term, start, &mut found).is_some();
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
    fn column(
        &mut self,
        chain: &Chain,
        name: &str,
        node: &Node,
        term: &str,
        start: usize,
        found: &mut Vec<usize>,
    ) -> Option<()> {
        let start = start + (term.len() - term.trim_start().len());
        let term = term.trim();
        let refuse = |message: String, hint: Option<String>| ExprError { start, end: start + term.len(), message, hint };
        let error = match chain.schema.index(term) {
            Some(column) if found.contains(&column) => refuse(format!("`{term}` is here twice"), None),
            Some(column) => {
                found.push(column);
                return Some(());
            }
            None => {
                let hint = nearest(term, chain.schema.names()).map(|near| format!("did you mean `{near}`?"));
                let hint = hint.unwrap_or_else(|| match name {
                    "key" => format!("`key` is a column, or several: {}", list(chain.schema.names())),
                    _ => format!("the columns here are {}", list(chain.schema.names())),
                });
                refuse(format!("there is no column `{term}`"), Some(hint))
            }
        };
        if !chain.unsure {
            self.reader.refused(node, error);
        }
        None
    }

    /// The values of a reduction: where each is named, its text, and what it computes.
    fn values(&mut self, chain: &Chain, node: &'n Node) -> Option<Vec<(&'n Key, String, AggregateExpr)>> {
        let fields = self.reader.fields("`values`", node)?;
        if fields.entries().is_empty() {
            self.reader.problem_with(node.at, "`values` names at least one column", "for example `{ count: \"count(*)\" }`");
        }
        let mut values = Vec::new();
        for (key, value) in fields.entries() {
            let named = column_name(&key.name).map_err(|message| self.reader.problem(key.at, message));
            let Some(text) = self.reader.text(&key.name, value) else { continue };
            match AggregateExpr::parse(text, &chain.schema) {
                Ok(aggregate) if named.is_ok() => values.push((key, text.trim().to_owned(), aggregate)),
                Ok(_) => {}
                Err(error) => self.refused(chain, value, error),
            }
        }
        (!values.is_empty() && values.len() == fields.entries().len()).then_some(values)
    }

    /// `count desc, word`.
    fn sort(&mut self, chain: &mut Chain, at: Place, node: &Node) -> Option<()> {
        if !chain.sort.is_empty() && chain.limit.is_none() {
            self.reader.problem_with(
                at,
                "a `sort` right behind a `sort`",
                "name both columns in one, with a comma between them",
            );
            return None;
        }
        self.stages.settle(chain);
        let text = self.reader.text("sort", node)?;
        let mut start = 0;
        let mut sound = true;
        for term in text.split(',') {
            match sort_key(chain, term) {
                Ok(key) => chain.sort.push(key),
                Err((message, hint)) => {
                    let start = start + (term.len() - term.trim_start().len());
                    self.refused(chain, node, ExprError { start, end: start + term.trim().len(), message, hint });
                    sound = false;
                }
            }
            start += term.len() + 1;
        }
        self.say(format!("sort {}", text.trim()));
        sound.then_some(())
    }

    fn limit(&mut self, chain: &mut Chain, at: Place, node: &Node) -> Option<()> {
        if chain.limit.is_some() {
            self.reader.problem_with(at, "a `limit` right behind a `limit`", "leave the larger one out");
            return None;
        }
        let limit = self.reader.whole("limit", node, 1, u64::MAX)?;
        self.say(format!("limit {limit}"));
        chain.limit = Some(limit);
        Some(())
    }

    /// Whether a name can be a new column's, beside those that are there and `others`.
    fn new_column<'o>(&mut self, chain: &Chain, key: &Key, others: impl IntoIterator<Item = &'o str>) -> Option<()> {
        let name = key.name.as_str();
        let message = match column_name(name) {
            Ok(()) if chain.schema.index(name).is_none() && !others.into_iter().any(|other| other == name) => return Some(()),
            Ok(()) => format!("there is a column `{name}` already"),
            Err(message) => message,
        };
        self.reader.problem(key.at, message);
        None
    }
}

/// One term of a sort, or a message and a hint.
fn sort_key(chain: &Chain, term: &str) -> Result<SortKey, (String, Option<String>)> {
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
    match chain.schema.index(name) {
        Some(column) if chain.sort.iter().any(|key| key.column == column) => Err((format!("`{name}` is here twice"), None)),
        Some(column) => Ok(SortKey { column, descending }),
        None => {
            let hint = nearest(name, chain.schema.names()).map(|near| format!("did you mean `{near}`?"));
            Err((format!("there is no column `{name}`: the result has {}", list(chain.schema.names())), hint))
        }
    }
}
