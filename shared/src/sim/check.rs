//! What must hold at every step, whatever the faults. A run that breaks one of these rules ends with the seed that shows it.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use super::kernels::Kernels;
use crate::batch::coordinator::{Checkpoint, CommittedPartition};
use crate::batch::message::{Envelope, Message};
use crate::batch::table::Rows;
use crate::batch::{Counters, Format, Gather, Job, Part, Payload, Plan, Source, Table};
use crate::id::{Attempt, Incarnation, TaskId};
use crate::time::{Span, Time};

/// A simulated run went wrong in a way that no fault excuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}. To see it again: millrace run FILE --place simulate --seed {seed}")]
pub struct SimError {
    pub seed: u64,
    pub at: Time,
    pub problem: Problem,
}

/// Which rule was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("time went back from {0}")]
    TimeWentBack(Time),
    #[error("the coordinator of epoch {epoch} asked to commit {task} twice")]
    CommittedTwice { task: TaskId, epoch: Incarnation },
    #[error("{task} {attempt} was accepted, but no stored checkpoint has it")]
    AcceptedBeforeStored { task: TaskId, attempt: Attempt },
    #[error("{task} {attempt} was accepted, but its rows are not in the store")]
    AcceptedBeforeCommitted { task: TaskId, attempt: Attempt },
    #[error("two executions of {task} gave different rows")]
    DifferentRows { task: TaskId },
    #[error("the job ended without the rows of {task}")]
    Missing { task: TaskId },
    #[error("the job counted {found:?}, its tasks, each taken once, count {expected:?}")]
    Counters { found: Box<Counters>, expected: Box<Counters> },
    #[error("the input has {expected} lines, the map tasks read {found}")]
    Lines { found: u64, expected: u64 },
    #[error("the map tasks gave {expected} rows, the result counts {found}")]
    Rows { found: u64, expected: u64 },
    #[error("the committed rows make no result: {0}")]
    NoResult(String),
    #[error("the input cannot be read again: {0}")]
    Unreadable(String),
    #[error("nothing will ever happen again, and the job is not done")]
    Dead,
    #[error("the last fault ended at {calm}, and the job is still not done")]
    Stuck { calm: Time },
}

/// However small the job, it may take this long after the last fault has ended: time for a lost worker to be missed, for the
/// tries of a fetch and for what then runs again.
pub const SETTLE_MIN: Span = Span::seconds(10);

/// And this many times what its tasks take one after the other on the slowest host.
pub const SETTLE_FACTOR: u64 = 4;

/// A run is given up, without being called wrong, when it is not done this long after a fault that has no end.
pub const ENDLESS_FAULT_SPAN: Span = Span::seconds(600);

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    asked: BTreeSet<(Incarnation, TaskId)>,
    failed: BTreeSet<(TaskId, Attempt)>,
    store: BTreeMap<TaskId, (CommittedPartition, Payload)>,
}

impl Checks {
    pub(super) fn commit_asked(&mut self, epoch: Incarnation, task: TaskId) -> Result<(), Problem> {
        if self.asked.insert((epoch, task)) { Ok(()) } else { Err(Problem::CommittedTwice { task, epoch }) }
    }

    /// Puts the rows in the store if the partition has none. The first commit of a partition wins; gives the one that did.
    pub(super) fn put(&mut self, partition: CommittedPartition, rows: Payload) -> Result<CommittedPartition, Problem> {
        let (first, kept) = self.store.entry(partition.task).or_insert_with(|| (partition, rows.clone()));
        if *kept != rows {
            return Err(Problem::DifferentRows { task: partition.task });
        }
        Ok(*first)
    }

    pub(super) fn failed(&mut self, task: TaskId, attempt: Attempt) {
        self.failed.insert((task, attempt));
    }

    /// A worker may forget what was accepted, so by then it must be safe.
    pub(super) fn said(&self, job: &Job, envelope: &Envelope, stored: Option<&Checkpoint>) -> Result<(), Problem> {
        let Message::Accepted { task, attempt } = envelope.message else { return Ok(()) };
        if self.failed.contains(&(task, attempt)) {
            return Ok(());
        }
        match job.is_last(task) {
            true if self.store.contains_key(&task) => Ok(()),
            true => Err(Problem::AcceptedBeforeCommitted { task, attempt }),
            false if stored.is_some_and(|it| it.has(task, attempt)) => Ok(()),
            false => Err(Problem::AcceptedBeforeStored { task, attempt }),
        }
    }

    /// The job says that it is done: its rows, in the order of the partitions, once everything adds up.
    pub(super) fn result(
        &mut self,
        job: &Job,
        counters: &Counters,
        kernels: &Kernels,
        source: &mut dyn Source,
    ) -> Result<Vec<Payload>, Problem> {
        let mut rows = Vec::new();
        for task in job.last_tasks() {
            rows.push(self.store.remove(&task).ok_or(Problem::Missing { task })?.1);
        }
        let expected = kernels.counters().unwrap_or_default();
        if *counters != expected {
            return Err(Problem::Counters { found: Box::new(*counters), expected: Box::new(expected) });
        }
        // Only where records are lines.
        let in_lines = job.plan.inputs.iter().all(|records| !records.format.has_schema());
        let mut expected = 0;
        for part in job.parts.iter().filter(|_| in_lines) {
            let header = matches!(job.plan.inputs[part.input as usize].format, Format::Csv { header: true, .. });
            // A joined table is read again for each micro-batch.
            let times = if part.input == 0 { 1 } else { job.plan.stages.last().map_or(1, |stage| u64::from(stage.batch) + 1) };
            expected += times * lines(source, *part)?.saturating_sub(header.into());
        }
        if in_lines && counters.map_input_records != expected {
            return Err(Problem::Lines { found: counters.map_input_records, expected });
        }
        // A limit is applied in each partition already.
        if job.plan.stages.iter().skip(1).all(|stage| stage.steps.is_empty()) && job.plan.limit.is_none() {
            let table = Table::new(&job.plan, rows.clone()).map_err(|error| Problem::NoResult(error.to_string()))?;
            if let Some(found) = counted(&job.plan, &table).filter(|found| *found != counters.map_output_records) {
                return Err(Problem::Rows { found, expected: counters.map_output_records });
            }
        }
        Ok(rows)
    }
}

/// How many rows of the map tasks a result stands for; `None` if it does not say.
fn counted(plan: &Plan, table: &Table) -> Option<u64> {
    let (_, behind) = plan.stages.split_first()?;
    if behind.iter().all(|stage| !matches!(stage.gather, Gather::Read(_) | Gather::Reduce { .. } | Gather::Join { .. })) {
        let cut = behind.iter().any(|stage| matches!(stage.gather, Gather::Rows { limit: Some(_), .. }));
        return (!cut).then_some(table.len() as u64);
    }
    let column = plan.count_column()?;
    let sum = |rows: Rows<'_>| -> u64 {
        rows.columns()[column].as_primitive::<Int64Type>().values().iter().map(|count| *count as u64).sum()
    };
    table.batches(0..table.len()).map(|rows| rows.ok().map(sum)).sum()
}

/// Bytes that are read at a time to count lines.
const CHUNK_BYTES: usize = 1 << 20;

/// The lines of a part of the input, counted by nothing that the job itself uses.
fn lines(source: &mut dyn Source, part: Part) -> Result<u64, Problem> {
    let mut chunk = vec![0; CHUNK_BYTES.min((part.end - part.start) as usize)];
    let (mut lines, mut at, mut last) = (0, part.start, b'\n');
    while at < part.end {
        let wanted = chunk.len().min((part.end - at) as usize);
        let count = source.read_at(at, &mut chunk[..wanted]).map_err(|error| Problem::Unreadable(error.to_string()))?;
        let read = &chunk[..count];
        let Some(end) = read.last() else { break };
        lines += memchr::memchr_iter(b'\n', read).count() as u64;
        (at, last) = (at + count as u64, *end);
    }
    Ok(lines + u64::from(last != b'\n'))
}
