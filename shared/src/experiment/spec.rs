//! What an experiment says, once it is known to make sense.

use super::datasets::dataset_records;
use crate::batch::{Format, Generator, Plan, Records};
use crate::expr::Expr;
use crate::fault::Fault;
use crate::messaging::{Bus, Node};
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

/// An experiment of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Checked {
    Batch(Box<Experiment>),
    Messaging(Box<BusExperiment>),
}

/// A checked experiment with `messaging`.
#[derive(Clone, Debug, PartialEq)]
pub struct BusExperiment {
    pub title: String,
    pub about: String,
    pub seed: u64,
    pub respawn: Respawn,
    pub bus: Bus,
    pub faults: Vec<Fault<Node>>,
    /// How many more faults of any kind the seed chooses.
    pub random_faults: u32,
    pub expect: Vec<BusExpectation>,
}

/// What must hold of a bus when its time is over.
#[derive(Clone, Debug, PartialEq)]
pub enum BusExpectation {
    /// Every message that its publisher may count on (it was confirmed, or sent by one without confirms) was worked on or is still
    /// there, and no queue and no client has lost a copy.
    NoLoss,
    /// The work on messages ended in the order in which they were made.
    InOrder(InOrder),
    /// So many deliveries at most were worked on though their message had been before.
    DuplicatesAtMost(u64),
    /// 99 of 100 took at most this long.
    P99 { metric: String, at_most: Span },
    /// No more messages were ever ready, in this queue or in each.
    DepthAtMost { queue: Option<String>, messages: u64 },
    /// Every message of every queue is accounted for.
    Conserved,
    /// A counter of the run lies within a bound.
    Counter { name: String, bound: Bound, value: u64 },
}

/// Among which messages the order is looked at; always those that one queue gave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InOrder {
    PerPublisher,
    /// Those of one publisher with one routing key.
    PerKey,
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

/// What a messaging run counts of all, as `total/NAME`.
pub const TOTAL_COUNTERS: [&str; 18] = [
    "published",
    "confirmed",
    "nacked",
    "returned",
    "unroutable",
    "delivered",
    "redelivered",
    "acked",
    "dropped",
    "rejected",
    "expired",
    "dead_lettered",
    "lost",
    "ready",
    "unacked",
    "processed",
    "duplicates",
    "missing",
];

/// What it counts of each queue, as `queue/QUEUE/NAME`.
pub const QUEUE_COUNTERS: [&str; 14] = [
    "published",
    "confirmed",
    "delivered",
    "redelivered",
    "acked",
    "dropped",
    "rejected",
    "expired",
    "dead_lettered",
    "lost",
    "ready",
    "unacked",
    "processed",
    "duplicates",
];

/// What it counts of each group of clients, as `client/NAME/NAME`.
pub const CLIENT_COUNTERS: [&str; 15] = [
    "sent",
    "confirmed",
    "nacked",
    "returned",
    "processed",
    "skipped",
    "failed",
    "answered",
    "timed_out",
    "gave_up",
    "late",
    "polls",
    "empty_polls",
    "disconnected",
    "lost",
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
            Expectation::Counter { name, bound, value } => write!(f, "counter: {{ name: {name}, {bound}: {value} }}"),
        }
    }
}

impl std::fmt::Display for BusExpectation {
    /// As an experiment says it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BusExpectation::NoLoss => f.write_str("no_loss: true"),
            BusExpectation::InOrder(InOrder::PerPublisher) => f.write_str("in_order: per_publisher"),
            BusExpectation::InOrder(InOrder::PerKey) => f.write_str("in_order: per_key"),
            BusExpectation::DuplicatesAtMost(most) => write!(f, "duplicates_at_most: {most}"),
            BusExpectation::P99 { metric, at_most } => write!(f, "p99: {{ metric: {metric}, at_most: {at_most} }}"),
            BusExpectation::DepthAtMost { queue: None, messages } => write!(f, "depth_at_most: {messages}"),
            BusExpectation::DepthAtMost { queue: Some(queue), messages } => {
                write!(f, "depth_at_most: {{ queue: {queue}, messages: {messages} }}")
            }
            BusExpectation::Conserved => f.write_str("conserved: true"),
            BusExpectation::Counter { name, bound, value } => write!(f, "counter: {{ name: {name}, {bound}: {value} }}"),
        }
    }
}

impl Bound {
    /// Whether a count lies within it.
    pub fn holds(self, count: u64, value: u64) -> bool {
        match self {
            Bound::Equals => count == value,
            Bound::AtLeast => count >= value,
            Bound::AtMost => count <= value,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Bound::Equals => "equals",
            Bound::AtLeast => "at_least",
            Bound::AtMost => "at_most",
        })
    }
}
