//! What an experiment says, once it is known to make sense.

use super::datasets::dataset_records;
use crate::batch::{Format, Generator, Plan, Records};
use crate::expr::Expr;
use crate::fault::Fault;
use crate::time::Span;

/// A checked experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    pub title: String,
    pub about: String,
    /// All chance of a run comes from it. 0 unless said.
    pub seed: u64,
    /// `None`: the place decides, by its cores, but never fewer than [`Experiment::workers_named`].
    pub workers: Option<u32>,
    pub isolation: Isolation,
    pub respawn: Respawn,
    /// Bytes that a simulated worker works through in a second; `None`: as the model says. Real ones are as fast as they are.
    pub compute: Option<u64>,
    pub batch: Batch,
    pub faults: Vec<Fault>,
    /// How many more faults of any kind the seed chooses. In the simulator only.
    pub random_faults: u32,
    pub expect: Vec<Expectation>,
}

/// What a worker is on the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Cheap to start, and messages need no copy. A kill drops its state; it shares memory with the others.
    #[default]
    Thread,
    /// A child process, a few milliseconds to start, messages through a pipe. A kill is SIGKILL.
    Process,
}

/// When a killed worker comes back, empty, as a new incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Respawn {
    After(Span),
    /// The others take over for good. When none is left the run fails.
    Never,
}

/// A MapReduce job and what it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// What each of the plan's inputs is; the first is the batch's own, the others are those of joined tables.
    pub inputs: Vec<Input>,
    /// Bytes of a split; `None`: chosen by the input's size.
    pub split: Option<u64>,
    /// Rows of a micro-batch, if the batch's own input is cut into such, each of which is committed by itself.
    pub micro_batch: Option<u64>,
    /// Without stages and columns as long as there is a [`Batch::draft`].
    pub plan: Plan,
    /// The steps in words, in order, for the graph.
    pub steps: Vec<String>,
    /// `Some` if an input's columns are to be inferred when it is opened, before which steps cannot be typed.
    pub draft: Option<Draft>,
}

/// An experiment that is to be checked again once its inputs have been opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub(super) text: String,
    pub(super) overrides: Vec<(String, String)>,
}

/// What an input turned out to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// As the experiment names it.
    pub input: Input,
    /// `None`: its columns were given, or could not be inferred.
    pub records: Option<Records>,
}

/// What a job reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The text itself.
    Text(String),
    /// A text or table that comes with Millrace, by name.
    Dataset(String),
    /// A path on the machine that runs it.
    File(String),
    /// Made from a seed.
    Generated(Generator),
}

/// What must hold when the run has ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// The result has this many rows.
    Rows(u64),
    /// The result is, byte for byte, that of a sequential run without faults.
    EqualsSequential,
    /// The expression is true for every row of the result.
    Always { text: String, holds: Expr },
    /// A counter of the run (one of [`COUNTERS`]) lies within a bound.
    Counter { name: &'static str, bound: Bound, value: u64 },
}

/// How a counter is compared with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Equals,
    AtLeast,
    AtMost,
}

/// The counters that a batch run ends with.
pub const COUNTERS: [&str; 11] = [
    "map_input_records",
    "map_output_records",
    "combine_output_records",
    "reduce_input_groups",
    "output_records",
    "bad_records",
    "skipped_records",
    "tasks_run",
    "tasks_repeated",
    "backup_tasks",
    "workers_lost",
];

impl Batch {
    /// The format of each input whose columns are to be inferred.
    pub fn to_infer(&self) -> Vec<Option<Format>> {
        self.plan.inputs.iter().map(|records| records.columns.is_empty().then(|| records.format.clone())).collect()
    }
}

impl Known {
    /// Whether its records were inferred as those of this format.
    pub(super) fn fits(&self, format: &Format) -> bool {
        self.records.as_ref().is_some_and(|records| records.format == *format)
    }
}

impl Input {
    /// What its records are, for an input that decides it.
    pub fn records(&self) -> Option<Records> {
        match self {
            Input::Generated(generator) => Some(generator.records()),
            Input::Dataset(name) => dataset_records(name),
            Input::Text(_) | Input::File(_) => None,
        }
    }
}

impl std::fmt::Display for Expectation {
    /// As an experiment says it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expectation::Rows(rows) => write!(f, "rows: {rows}"),
            Expectation::EqualsSequential => f.write_str("equals_sequential: true"),
            Expectation::Always { text, .. } => write!(f, "always: {text}"),
            Expectation::Counter { name, bound, value } => {
                let bound = match bound {
                    Bound::Equals => "equals",
                    Bound::AtLeast => "at_least",
                    Bound::AtMost => "at_most",
                };
                write!(f, "counter: {{ name: {name}, {bound}: {value} }}")
            }
        }
    }
}
