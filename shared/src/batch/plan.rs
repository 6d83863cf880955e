//! What a job computes, typed and checked: the part of an experiment that every worker needs.
//!
//! A plan is made by `experiment::plan` and never changes while the job runs. It says nothing of places, faults or the
//! number of workers, so two runs of one plan over one input give the same rows wherever they run.

use serde::{Deserialize, Serialize};

use crate::expr::Expr;

/// One MapReduce stage: record-wise steps, a shuffle by key, a reduction, and what is done to its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Applied to each record on the map side, in order. The first step sees the single column `line`.
    pub steps: Vec<Step>,
    /// The shuffle and the reduction that end the stage.
    pub reduce: Reduce,
    /// Filters after the reduction, over its output columns: a row stays when every one is true.
    pub having: Vec<Expr>,
    /// The order of the final rows, over the output columns. Empty: partitions in order, keys ascending in each.
    pub sort: Vec<SortKey>,
    /// At most this many rows, after sorting.
    pub limit: Option<u64>,
    /// R, the number of reduce tasks and of partitions; at least 1.
    pub partitions: u32,
    /// Whether the map worker combines equal keys before the shuffle (MapReduce, OSDI'04 §4.3).
    pub combine: bool,
}

/// A record-wise step. `FlatMap` appends one column to the row, so column indices only grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// Each element of the list becomes a row: the old columns and the element as the new, last column.
    FlatMap { column: String, list: Expr },
    /// The row stays when the expression is true (not false, not null).
    Filter(Expr),
}

/// A shuffle by one text column and its aggregates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reduce {
    /// The key's name in the output, and its index among the columns that the steps leave.
    pub key: String,
    pub key_column: usize,
    /// The name of each aggregate's output column. Every aggregate is `count(*)` for now.
    pub values: Vec<String>,
}

/// One term of an order: an output column (0 is the key, then the values) and its direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    pub column: usize,
    pub descending: bool,
}

impl Plan {
    /// The names of the output columns: the key, then the values.
    pub fn columns(&self) -> Vec<String> {
        let mut names = vec![self.reduce.key.clone()];
        names.extend(self.reduce.values.iter().cloned());
        names
    }
}
