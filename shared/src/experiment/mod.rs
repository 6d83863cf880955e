//! The experiment file: one YAML document, checked as a whole, with a place in the text for everything that is wrong.
//!
//! - [`spec`]: what an experiment says.
//! - `plan`, `faults`, `expect`: its middle and its tail, checked and typed; `steps` and `joins` make the `chain` of stages.
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
mod outline;
mod overrides;
mod plan;
mod problem;
mod reader;
pub mod schema;
pub mod spec;
mod steps;
mod units;
mod yaml;

pub use datasets::{dataset_file, dataset_names};
pub use outline::{Outline, OutlineColumn, OutlinePhase, OutlineStep, SHUFFLES};
pub use problem::Problem;
pub use spec::*;
pub use units::size as parse_size;

use crate::batch::Format;
use crate::id::NodeId;
use crate::limits::{COMPUTE_MAX, COMPUTE_MIN, EXPERIMENT_BYTES_MAX, WORKERS_MAX};
use crate::nearest::list;
use crate::time::Span;
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
    let mut experiment = read(text, overrides, &[], &mut None)?;
    if experiment.batch.plan.stages.is_empty() {
        experiment.batch.draft = Some(Draft { text: text.to_owned(), overrides: overrides.to_vec() });
    }
    Ok(experiment)
}

/// As [`check`], for who writes the text: what is wrong with it, and what it would do as far as it makes sense. `None` where it is no
/// YAML, or nothing.
pub fn outline(text: &str) -> (Vec<Problem>, Option<Outline>) {
    let mut outline = None;
    let problems = read(text, &[], &[], &mut outline).err().unwrap_or_default();
    (problems, outline)
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
        let experiment = read(&self.text, &self.overrides, known, &mut None)?;
        if experiment.batch.plan.stages.is_empty() {
            let message = "the columns of an input could not be inferred: name them by `columns`";
            return Err(vec![Problem::new(Place::START, message)]);
        }
        Ok(experiment)
    }
}

fn read(
    text: &str,
    overrides: &[(String, String)],
    known: &[Known],
    outline: &mut Option<Outline>,
) -> Result<Experiment, Vec<Problem>> {
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

fn experiment(reader: &mut Reader<'_>, root: &Node) -> Option<Experiment> {
    let mut fields = reader.fields("the experiment", root)?;
    version(reader, &mut fields);
    let title = fields.take("title").map_or(Some("Untitled"), |node| reader.text("title", node));
    let about = fields.take("about").map_or(Some(""), |node| reader.text("about", node));
    let seed = fields.take("seed").map_or(Some(0), |node| reader.whole("seed", node, 0, u64::MAX));
    let workers = fields.take("workers").map(|node| reader.whole("workers", node, 1, WORKERS_MAX.into()));
    let workers = workers.map_or(Some(None), |workers| workers.map(|workers| Some(workers as u32)));
    let isolations = [("thread", Isolation::Thread), ("process", Isolation::Process)];
    let isolation =
        fields.take("isolation").map_or(Some(Isolation::Thread), |node| reader.word("isolation", node, &isolations));
    let respawn = fields.take("respawn").map_or(Some(Respawn::After(RESPAWN_DEFAULT)), |node| respawn(reader, node));
    let compute = fields.take("compute").map(|node| reader.rate("compute", node, COMPUTE_MIN, COMPUTE_MAX));
    let compute = compute.map_or(Some(None), |compute| compute.map(Some));
    let batch = middle(reader, &mut fields).and_then(|node| plan::batch(reader, node, seed.unwrap_or(0)));
    let workers_known = workers.flatten().unwrap_or(WORKERS_MAX);
    let faults = fields.take("faults").map_or(Some((Vec::new(), 0)), |node| faults::faults(reader, node, workers_known));
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
    Some(Experiment {
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
    })
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

/// The experiment's one middle, if it is a batch.
fn middle<'n>(reader: &mut Reader<'_>, fields: &mut Fields<'n>) -> Option<&'n Node> {
    let found: Vec<_> = MIDDLES.iter().filter_map(|name| fields.take(name).map(|node| (*name, node))).collect();
    match found.as_slice() {
        [("batch", node)] => Some(node),
        [] => {
            reader.problem(fields.at, format!("an experiment needs one of {}", list(MIDDLES)));
            None
        }
        [(name, _)] => {
            reader.problem_with(fields.key_at(name), format!("`{name}` comes later"), "so far there is `batch`");
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
