//! The experiment file: one YAML document, checked as a whole, with a place in the text for everything that is wrong.
//!
//! - [`spec`]: what an experiment says.
//! - `plan`, `faults`, `expect`: its middle and its tail, checked and typed; `steps` and `joins` make the `chain` of stages.
//!   `messaging`: the other middle.
//! - `reader`: asks the tree for keys and collects problems; `yaml`: the tree; `units`: sizes, spans, percentages.
//! - `overrides`: `path=value` from a command line.
//! - [`Outline`]: what it would do, for who writes it; [`schema`]: the format as data, for an editor.
//!
//! Columns that are not given are inferred when the input is opened; then [`Draft::with`] checks the experiment again, and types it.
//!
//! Absent on purpose: opening the input. A place does that, and knows its datasets.

mod chain;
mod datasets;
mod expect;
mod faults;
mod joins;
mod messaging;
mod outline;
mod overrides;
mod plan;
mod problem;
mod reader;
pub mod schema;
pub mod spec;
mod steps;
pub(crate) mod units;
mod yaml;

pub use datasets::{dataset_file, dataset_names};
pub use outline::{Outline, OutlineColumn, OutlinePhase, OutlineStep, SHUFFLES};
pub use problem::Problem;
pub use spec::*;
pub use units::{percentage as parse_percentage, size as parse_size, span as parse_span};

use crate::batch::Format;
use crate::fault::Fault;
use crate::id::NodeId;
use crate::limits::{COMPUTE_MAX, COMPUTE_MIN, EXPERIMENT_BYTES_MAX, WORKERS_MAX};
use crate::messaging::{Bus, Node as BusNode};
use crate::nearest::list;
use crate::sim::messaging::condition;
use crate::time::Span;
use crate::wire::BusView;
use faults::Workers;
use problem::Place;
use reader::{Fields, Reader};
use yaml::Node;

/// When a killed worker comes back unless said.
const RESPAWN_DEFAULT: Span = Span::seconds(1);

/// The middles that an experiment may have; it has one.
const MIDDLES: [&str; 4] = ["batch", "stream", "messaging", "network"];

/// Reads an experiment, or says everything that is wrong with it, in the text's order.
///
/// ```
/// let text = "millrace: 1\nbatch: { input: { text: a b a }, steps: [ { reduce: { key: line, values: { n: count(*) } } } ] }";
/// let experiment = shared::experiment::check(text).unwrap();
/// assert_eq!(experiment.batch.steps, ["reduce by line: n = count(*)"]);
/// let problems = shared::experiment::check("millrace: 1\nbtch: {}").unwrap_err();
/// assert_eq!(problems[0].to_string(), "1:1: an experiment needs one of `batch`, `stream`, `messaging` and `network`");
/// assert_eq!(problems[1].to_string(), "2:1: the experiment has no key `btch` (did you mean `batch`?)");
/// ```
pub fn check(text: &str) -> Result<Experiment, Vec<Problem>> {
    check_with(text, &[])
}

/// As [`check`], after setting values by their paths: `("batch.split", "64 KiB")`, `("batch.steps.4.limit", "5")`. A value is YAML.
/// Problems of an override have line 0 and name it in their message.
pub fn check_with(text: &str, overrides: &[(String, String)]) -> Result<Experiment, Vec<Problem>> {
    match check_any(text, overrides)? {
        Checked::Batch(experiment) => Ok(*experiment),
        Checked::Messaging(_) => Err(vec![only_batches()]),
    }
}

/// As [`check_with`], for who can run experiments of every kind.
pub fn check_any(text: &str, overrides: &[(String, String)]) -> Result<Checked, Vec<Problem>> {
    let mut checked = read(text, overrides, &[], &mut None)?;
    if let Checked::Batch(experiment) = &mut checked
        && experiment.batch.plan.stages.is_empty()
    {
        experiment.batch.draft = Some(Draft { text: text.to_owned(), overrides: overrides.to_vec() });
    }
    Ok(checked)
}

/// What those say that run batches only.
fn only_batches() -> Problem {
    let hint = "on the command line: `millrace run FILE --place simulate`".to_owned();
    Problem { hint: Some(hint), ..Problem::new(Place::START, "experiments with `messaging` run in the simulator so far") }
}

/// As [`check`], for who writes the text: what is wrong with it, and what it would do as far as it makes sense. `None` where it is no
/// YAML, or nothing.
pub fn outline(text: &str) -> (Vec<Problem>, Option<Outline>) {
    let mut outline = None;
    let problems = read(text, &[], &[], &mut outline).err().unwrap_or_default();
    (problems, outline)
}

/// What is wrong with the condition of a breakpoint, if anything is.
pub fn condition_problem(text: &str) -> Option<Problem> {
    let error = condition(text).err()?;
    let before = text.get(..error.start).unwrap_or_default();
    let (line, column) = (before.matches('\n').count() + 1, before.chars().rev().take_while(|c| *c != '\n').count() + 1);
    let width = text.get(error.start..error.end).map_or(0, |within| within.lines().next().unwrap_or_default().chars().count());
    let at = Place { line: line as u32, column: column as u32, width: width as u32 };
    Some(Problem { hint: error.hint, ..Problem::new(at, error.message) })
}

/// A format as an experiment says it: the value of `format`.
pub fn format_text(format: &Format) -> String {
    match format {
        Format::Csv { header, delimiter, quote } => {
            let byte = |byte: &u8| serde_json::Value::from(char::from(*byte).to_string());
            format!("{{ csv: {{ header: {header}, delimiter: {}, quote: {} }} }}", byte(delimiter), byte(quote))
        }
        other => other.name().to_owned(),
    }
}

impl Draft {
    /// Checks it again, now that its inputs are known, which are those of the batch in order.
    pub fn with(&self, known: &[Known]) -> Result<Experiment, Vec<Problem>> {
        let Checked::Batch(experiment) = read(&self.text, &self.overrides, known, &mut None)? else {
            return Err(vec![only_batches()]);
        };
        if experiment.batch.plan.stages.is_empty() {
            let message = "the columns of an input could not be inferred: name them by `columns`";
            return Err(vec![Problem::new(Place::START, message)]);
        }
        Ok(*experiment)
    }
}

fn read(
    text: &str,
    overrides: &[(String, String)],
    known: &[Known],
    outline: &mut Option<Outline>,
) -> Result<Checked, Vec<Problem>> {
    if text.len() > EXPERIMENT_BYTES_MAX {
        let message = format!("the experiment has {} bytes; the limit is {EXPERIMENT_BYTES_MAX}", text.len());
        return Err(vec![Problem::new(Place::START, message)]);
    }
    let mut root = yaml::read(text).map_err(|problem| vec![problem])?;
    if root.content == yaml::Content::Nothing && overrides.is_empty() {
        return Err(vec![Problem::new(Place::START, "the experiment is empty")]);
    }
    overrides::apply(&mut root, overrides).map_err(|problem| vec![problem])?;
    let mut reader = Reader::new(text, known);
    let experiment = experiment(&mut reader, &root);
    *outline = Some(reader.outline);
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    match experiment {
        Some(experiment) if problems.is_empty() => Ok(experiment),
        _ => Err(problems.into_iter().map(|problem| overrides::name(problem, overrides)).collect()),
    }
}

fn experiment(reader: &mut Reader<'_>, root: &Node) -> Option<Checked> {
    let mut fields = reader.fields("the experiment", root)?;
    version(reader, &mut fields);
    let title = fields.take("title").map_or(Some("Untitled"), |node| reader.text("title", node));
    let about = fields.take("about").map_or(Some(""), |node| reader.text("about", node));
    let seed = fields.take("seed").map_or(Some(0), |node| reader.whole("seed", node, 0, u64::MAX));
    let middle = middle(reader, &mut fields);
    if let Some(("messaging", node)) = middle {
        let respawn = respawn_of(reader, &mut fields);
        for name in ["workers", "isolation", "compute"] {
            if fields.take(name).is_some() {
                reader.problem(fields.key_at(name), format!("`{name}` is for experiments with `batch`"));
            }
        }
        let of_bus = of_bus(reader, fields, node);
        reader.outline.title = title.unwrap_or_default().to_owned();
        let (bus, (faults, random_faults), expect) = of_bus?;
        let (title, about) = (title?.to_owned(), about?.trim_end().to_owned());
        let (seed, respawn) = (seed?, respawn?);
        let experiment = BusExperiment { title, about, seed, respawn, bus, faults, random_faults, expect };
        return Some(Checked::Messaging(Box::new(experiment)));
    }
    let workers = fields.take("workers").map(|node| reader.whole("workers", node, 1, WORKERS_MAX.into()));
    let workers = workers.map_or(Some(None), |workers| workers.map(|workers| Some(workers as u32)));
    let isolations = [("thread", Isolation::Thread), ("process", Isolation::Process)];
    let isolation =
        fields.take("isolation").map_or(Some(Isolation::Thread), |node| reader.word("isolation", node, &isolations));
    let respawn = respawn_of(reader, &mut fields);
    let compute = fields.take("compute").map(|node| reader.rate("compute", node, COMPUTE_MIN, COMPUTE_MAX));
    let compute = compute.map_or(Some(None), |compute| compute.map(Some));
    let batch = middle.and_then(|(_, node)| plan::batch(reader, node, seed.unwrap_or(0)));
    let workers_known = workers.flatten().unwrap_or(WORKERS_MAX);
    let faults =
        fields.take("faults").map_or(Some((Vec::new(), 0)), |node| faults::faults(reader, node, &Workers(workers_known)));
    let is_draft = batch.as_ref().is_some_and(|batch| batch.plan.stages.is_empty());
    let expect = match fields.take("expect") {
        // What cannot be typed yet is read again with the steps.
        Some(node) if is_draft => expect::expectations(reader, node, None).or(Some(Vec::new())),
        Some(node) => expect::expectations(reader, node, batch.as_ref()),
        None => Some(Vec::new()),
    };
    reader.finish(fields);
    reader.outline.title = title.unwrap_or_default().to_owned();
    reader.outline.workers = workers.flatten();
    let (faults, random_faults) = faults?;
    Some(Checked::Batch(Box::new(Experiment {
        title: title?.to_owned(),
        about: about?.trim_end().to_owned(),
        seed: seed?,
        workers: workers?,
        isolation: isolation?,
        respawn: respawn?,
        compute: compute?,
        batch: batch?,
        faults,
        random_faults,
        expect: expect?,
    })))
}

/// The middle and the tail of an experiment with `messaging`.
type OfBus = (Bus, (Vec<Fault<BusNode>>, u32), Vec<BusExpectation>);

fn of_bus(reader: &mut Reader<'_>, mut fields: Fields<'_>, node: &Node) -> Option<OfBus> {
    let bus = messaging::messaging(reader, node);
    reader.outline.bus = Some(Box::new(bus.as_ref().map(BusView::of).unwrap_or_default()));
    let names = bus.as_ref().map(messaging::BusNames::of);
    let names = names.as_ref();
    let faults = fields.take("faults").map_or(Some((Vec::new(), 0)), |node| faults::faults(reader, node, &names));
    let expect = fields.take("expect").map_or(Some(Vec::new()), |node| expect::of_bus(reader, node, names));
    reader.finish(fields);
    Some((bus?, faults?, expect?))
}

fn respawn_of(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Respawn> {
    fields.take("respawn").map_or(Some(Respawn::After(RESPAWN_DEFAULT)), |node| respawn(reader, node))
}

fn version(reader: &mut Reader<'_>, fields: &mut Fields<'_>) {
    let Some(node) = fields.take("millrace") else {
        reader.problem(fields.at, "the experiment needs `millrace: 1`, the version of the format");
        return;
    };
    if let Some(version) = reader.whole("millrace", node, 0, u64::MAX)
        && version != 1
    {
        reader.problem(node.at, format!("this Millrace knows version 1 of the format, not {version}"));
    }
}

/// The experiment's one middle, if it is one that there is.
fn middle<'n>(reader: &mut Reader<'_>, fields: &mut Fields<'n>) -> Option<(&'static str, &'n Node)> {
    let found: Vec<_> = MIDDLES.iter().filter_map(|name| fields.take(name).map(|node| (*name, node))).collect();
    match found.as_slice() {
        [(name @ ("batch" | "messaging"), node)] => Some((name, node)),
        [] => {
            reader.problem(fields.at, format!("an experiment needs one of {}", list(MIDDLES)));
            None
        }
        [(name, _)] => {
            reader.problem_with(
                fields.key_at(name),
                format!("`{name}` comes later"),
                "so far there are `batch` and `messaging`",
            );
            None
        }
        [(first, _), (second, _), ..] => {
            let message = format!("an experiment has one of {}: here are `{first}` and `{second}`", list(MIDDLES));
            reader.problem(fields.key_at(second), message);
            None
        }
    }
}

fn respawn(reader: &mut Reader<'_>, node: &Node) -> Option<Respawn> {
    match &node.content {
        yaml::Content::Text(text) if text == "never" => Some(Respawn::Never),
        _ => reader.span("respawn", node).map(Respawn::After),
    }
}

impl Experiment {
    /// The highest number of a worker that a fault names: a run needs at least that many. At least 1.
    pub fn workers_named(&self) -> u32 {
        let number = |node: &NodeId| match node {
            NodeId::Worker(number) => *number,
            _ => 1,
        };
        self.faults.iter().flat_map(|fault| fault.effect.nodes()).map(|node| number(&node)).max().unwrap_or(1)
    }
}
