//! What a job computes, typed and checked: the part of an experiment that every worker needs.
//!
//! A plan is made by `experiment::plan` and never changes while the job runs. It says nothing of places, faults or the
//! number of workers, so two runs of one plan over one input give the same rows wherever they run.

use serde::{Deserialize, Serialize};

use super::kernel::Shape;
use crate::expr::{AggregateExpr, Expr, Type};

/// One MapReduce stage: how records are read, record-wise steps, a shuffle by key, a reduction, and what is done to its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub format: Format,
    /// The columns of a record: what the first step sees.
    pub input: Vec<Column>,
    /// Applied to each record on the map side, in order.
    pub steps: Vec<Step>,
    /// The shuffle and the reduction that end the stage; `None`: the rows stay as they are, in the order of the input.
    pub reduce: Option<Reduce>,
    /// Applied to each row of the reduction, in order, over its keys and values.
    pub after: Vec<Step>,
    /// The columns of the result.
    pub columns: Vec<Column>,
    /// The order of the final rows, over the result's columns. Empty: partitions in order, keys ascending in each.
    pub sort: Vec<SortKey>,
    /// At most this many rows, after sorting.
    pub limit: Option<u64>,
    /// R, the number of reduce tasks and of partitions; at least 1.
    pub partitions: u32,
    /// Whether the map worker combines equal keys before the shuffle (MapReduce, OSDI'04 §4.3).
    pub combine: bool,
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
}

/// A named, typed column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub data_type: Type,
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
}

/// One term of an order: a column of the result and its direction. Null comes first ascending, and last descending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    pub column: usize,
    pub descending: bool,
}

impl Plan {
    /// Whether it does nothing but count words: what its tasks give then are keys and counts (see `kernel::RowReader`), else columns.
    pub fn counts_words(&self) -> bool {
        self.combine && matches!(Shape::of(self), Shape::Words { .. })
    }

    /// The result's first column of plain counts, if the reduction gives one: its sum is the number of rows that were reduced.
    pub fn count_column(&self) -> Option<usize> {
        let reduce = self.reduce.as_ref()?;
        reduce.values.iter().position(AggregateExpr::is_count_all).map(|value| reduce.keys.len() + value)
    }
}
