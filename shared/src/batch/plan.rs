//! What a job computes, typed and checked: the part of an experiment that every worker needs.
//!
//! A plan is a chain of stages, or a tree of them where inputs are joined. A stage gathers rows (it reads an input, or what the
//! tasks of earlier stages left), takes them through record-wise steps, and leaves them for whoever gathers them next: a
//! shuffle lies between. A job of one MapReduce is two stages: read and map, then reduce.
//!
//! A plan is made by `experiment::plan` and never changes while the job runs. It says nothing of places, faults or the
//! number of workers, so two runs of one plan over one input give the same rows wherever they run.

use serde::{Deserialize, Serialize};

use super::kernel::{self, Shape};
use crate::expr::{AggregateExpr, Expr, Type};

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is read, one for each stage that reads, in the order of those stages.
    pub inputs: Vec<Records>,
    /// Each gathers from stages before it only. The rows of those with [`Emit::Result`] are the result: the last one's, or, in
    /// micro-batches, each one's last.
    pub stages: Vec<Stage>,
    /// The columns of the result.
    pub columns: Vec<Column>,
    /// The order of the result's rows where the last stage alone does not make it: over the result's columns. Empty: the rows of
    /// the last stage's tasks, one task after the other.
    pub sort: Vec<SortKey>,
    /// At most this many rows of the result.
    pub limit: Option<u64>,
    /// R, the number of partitions of a shuffle and so of the tasks behind it; at least 1.
    pub partitions: u32,
    /// Whether a record on which a task failed twice is passed over the third time (MapReduce, OSDI'04 §4.6).
    #[serde(default)]
    pub skip_bad_records: bool,
}

/// How an input's bytes are records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Records {
    pub format: Format,
    /// The columns of a record: what the first step sees. None where nobody has looked into the input yet.
    pub columns: Vec<Column>,
    /// What each of them is called in the input; for JSON perhaps a path to a nested value, `user.id`.
    pub keys: Vec<String>,
}

/// How bytes are records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Each line is a record with the one column `line`.
    Lines,
    /// Each line is a record of fields (RFC 4180, but a field holds no line break, so that a file can be cut anywhere).
    Csv {
        /// The input's first line names the fields; then columns are found by their names, else by their order.
        header: bool,
        delimiter: u8,
        quote: u8,
    },
    /// Each line is a JSON object; columns are found by their names.
    JsonLines,
    /// Arrow's IPC format, file or stream: records are the rows of its record batches.
    Arrow,
    /// Apache Parquet: records are the rows of its row groups.
    Parquet,
}

/// Whether this build reads Parquet: the page's does not, for what it would weigh.
pub const READS_PARQUET: bool = cfg!(feature = "parquet");

/// A named, typed column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub data_type: Type,
}

/// Some tasks that do the same: see the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    pub gather: Gather,
    /// How many columns the gathered rows have.
    pub width: usize,
    /// Applied to each row, in order.
    pub steps: Vec<Step>,
    /// The types of the rows' columns after the steps.
    pub types: Vec<Type>,
    pub emit: Emit,
    /// Which micro-batch it is for, from 0. It begins when the one before is committed.
    #[serde(default)]
    pub batch: u32,
}

/// Where a stage's rows come from. Stages are named by their place in [`Plan::stages`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Gather {
    /// The records of one of [`Plan::inputs`]: a task for each split.
    Read(usize),
    /// One row for each key of what a stage left by [`Emit::Reduced`]: a task for each partition, keys ascending in each.
    Reduce { of: usize, reduce: Reduce },
    /// The pairs of rows with equal keys that two stages left by [`Emit::Keyed`]: a task for each partition.
    Join { left: usize, right: usize, join: Join },
    /// The rows of a stage's tasks, one task after the other, in an order and cut to a number: a task for each partition.
    Rows { of: usize, sort: Vec<SortKey>, limit: Option<u64> },
    /// The samples of a stage's tasks, of which one task makes the ranges of a sort.
    Samples { of: usize, sort: Vec<SortKey> },
    /// What one task of a stage left by [`Emit::Sampled`], and the ranges: a task for each of that stage's.
    Sampled { of: usize, ranges: usize },
}

/// What a task leaves: one payload for each partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Emit {
    /// The result's rows, one payload.
    Result,
    /// R payloads by the hash of the key: partial states of each key with the combiner, else the rows that they are made of.
    Reduced(Reduce),
    /// R payloads by the hash of these columns.
    Keyed(Vec<usize>),
    /// R payloads, of which one has all the rows: the one in whose share of the input the task's split begins.
    InOrder,
    /// One payload: all rows, or the first of them by an order.
    Whole { sort: Vec<SortKey>, limit: Option<u64> },
    /// Two payloads: a sample of the rows, and the rows.
    Sampled { sort: Vec<SortKey> },
    /// R payloads, each the rows of one range of the order.
    Ranged { sort: Vec<SortKey> },
}

/// A record-wise step. Columns that a step makes come after those that were there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// A new column for each expression; all see the columns before the step.
    Map(Vec<Expr>),
    /// Each element of the list becomes a row: the old columns and the element as the new, last column. A null list has none.
    FlatMap(Expr),
    /// The row stays when the expression is true (not false, not null).
    Filter(Expr),
    /// Only these columns stay, in this order.
    Select(Vec<usize>),
}

/// A shuffle by some columns, and what is computed over the rows of each key. Its rows have the keys, then the values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reduce {
    /// Indices among the columns that the steps leave.
    pub keys: Vec<usize>,
    pub key_types: Vec<Type>,
    pub values: Vec<AggregateExpr>,
    /// Whether equal keys are combined before the shuffle (MapReduce, OSDI'04 §4.3).
    pub combine: bool,
    /// What is hashed instead of the key to choose a partition, over the key's columns (MapReduce, OSDI'04 §4.1).
    #[serde(default)]
    pub partition_by: Option<Expr>,
}

/// A join by equal keys; a null equals nothing. Its rows have the left side's columns, then the right side's that are no key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Join {
    /// A row of the left side without a partner stays, with nulls.
    pub left_outer: bool,
    /// Columns of each side, pairwise of one type.
    pub left_keys: Vec<usize>,
    pub right_keys: Vec<usize>,
    pub key_types: Vec<Type>,
    /// The columns of the right side that its rows get, and their types.
    pub right_columns: Vec<usize>,
}

/// One term of an order: a column of the rows and its direction. Null comes first ascending, and last descending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    pub column: usize,
    pub descending: bool,
}

impl Records {
    /// Records whose columns are called in the input as they are here.
    pub fn new(format: Format, columns: Vec<Column>) -> Records {
        let keys = columns.iter().map(|column| column.name.clone()).collect();
        Records { format, columns, keys }
    }
}

impl Format {
    /// As an experiment says it.
    pub fn name(&self) -> &'static str {
        match self {
            Format::Lines => "lines",
            Format::Csv { .. } => "csv",
            Format::JsonLines => "jsonl",
            Format::Arrow => "arrow",
            Format::Parquet => "parquet",
        }
    }

    /// Whether a file of it has columns of its own names and types.
    pub fn has_schema(&self) -> bool {
        matches!(self, Format::Arrow | Format::Parquet)
    }
}

impl Plan {
    /// Whether it does nothing but count words: what its tasks give then are keys and counts (see `kernel::RowReader`), else columns.
    pub fn counts_words(&self) -> bool {
        matches!(Shape::of(self), Shape::Words { combine: true, .. })
    }

    /// The reduction of a job that is one MapReduce, if it has one.
    pub fn only_reduce(&self) -> Option<&Reduce> {
        match &self.stages[..] {
            [_, Stage { gather: Gather::Reduce { reduce, .. }, .. }] => Some(reduce),
            _ => None,
        }
    }

    /// The result's first column of plain counts, if it is that of one MapReduce: its sum is the number of rows that were reduced.
    pub fn count_column(&self) -> Option<usize> {
        let reduce = self.only_reduce()?;
        reduce.values.iter().position(AggregateExpr::is_count_all).map(|value| reduce.keys.len() + value)
    }

    /// Whether a stage's rows are the result's.
    pub fn is_last(&self, stage: usize) -> bool {
        matches!(self.stages.get(stage), Some(Stage { emit: Emit::Result, .. }))
    }

    /// The same plan for so many micro-batches: its stages once for each.
    pub fn in_batches(&self, batches: usize) -> Plan {
        let once = self.stages.len();
        let moved = |batch: usize, stage: &Stage| {
            let mut stage = Stage { batch: batch as u32, ..stage.clone() };
            stage.gather.move_by(batch * once);
            stage
        };
        let stages = (0..batches).flat_map(|batch| self.stages.iter().map(move |stage| moved(batch, stage)));
        Plan { stages: stages.collect(), ..self.clone() }
    }

    /// The types of the columns in a stage's payloads.
    pub(super) fn payload_types(&self, stage: usize) -> Vec<Type> {
        let stage = &self.stages[stage];
        match &stage.emit {
            Emit::Reduced(reduce) => kernel::reduced_types(reduce),
            _ => stage.types.clone(),
        }
    }
}

impl Gather {
    /// Names other stages, so many later.
    fn move_by(&mut self, stages: usize) {
        match self {
            Gather::Read(_) => {}
            Gather::Reduce { of, .. } | Gather::Rows { of, .. } | Gather::Samples { of, .. } => *of += stages,
            Gather::Join { left, right, .. } => (*left, *right) = (*left + stages, *right + stages),
            Gather::Sampled { of, ranges } => (*of, *ranges) = (*of + stages, *ranges + stages),
        }
    }

    /// The stages it gathers from.
    pub fn sources(&self) -> Vec<usize> {
        match self {
            Gather::Read(_) => Vec::new(),
            Gather::Reduce { of, .. } | Gather::Rows { of, .. } | Gather::Samples { of, .. } => vec![*of],
            Gather::Join { left, right, .. } => vec![*left, *right],
            Gather::Sampled { of, ranges } => vec![*ranges, *of],
        }
    }
}
