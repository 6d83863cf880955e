//! Rows on their way through the steps: columns of Arrow arrays, a block of the input at a time.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, NullArray, UInt32Array};
use arrow_select::concat::concat;
use arrow_select::filter::FilterBuilder;

use super::KernelError;
use crate::batch::Step;
use crate::expr::pick::take;
use crate::expr::{Context, Expr, RowError, Type};

/// Some rows.
#[derive(Clone, Debug)]
pub(in crate::batch) struct Batch {
    pub columns: Vec<ArrayRef>,
    pub rows: usize,
    /// For each row the record that it comes from, counted from the first of its block; `None`: each its own.
    origin: Option<UInt32Array>,
}

/// An expression that failed.
#[derive(Debug, thiserror::Error)]
#[error("{what} failed: {message}")]
pub(in crate::batch) struct StepError {
    /// The step, as one would call it.
    pub what: String,
    /// The record that it failed on, counted from the first of its block.
    pub record: usize,
    pub message: String,
}

/// Steps, and which columns each has to carry on.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    stages: Vec<Stage>,
    /// For each column that the first step sees whether anything looks at it.
    needed: Vec<bool>,
}

#[derive(Clone, Debug)]
struct Stage {
    step: Step,
    /// For each column that the step sees whether anything later looks at it.
    carried: Vec<bool>,
}

impl Batch {
    pub fn new(columns: Vec<ArrayRef>, rows: usize) -> Batch {
        Batch { columns, rows, origin: None }
    }

    /// The same rows in pieces of at most so many.
    pub fn pieces(self, rows: usize) -> impl Iterator<Item = Batch> {
        let count = self.rows;
        (0..count).step_by(rows).map(move |from| self.part(from, rows.min(count - from)))
    }

    /// The first rows.
    pub fn first(&self, rows: usize) -> Batch {
        self.part(0, rows.min(self.rows))
    }

    /// So many rows from one on.
    pub fn part(&self, from: usize, rows: usize) -> Batch {
        // A column that is gone has no rows.
        let slice = |column: &ArrayRef| if column.len() < self.rows { column.clone() } else { column.slice(from, rows) };
        Batch {
            columns: self.columns.iter().map(slice).collect(),
            rows,
            origin: self.origin.as_ref().map(|origin| origin.slice(from, rows)),
        }
    }

    /// Some of the rows, in this order.
    pub fn taken(&self, rows: &UInt32Array) -> Batch {
        Batch::new(self.columns.iter().map(|column| taken(column, rows)).collect(), rows.len())
    }

    /// The value of an expression for each row.
    pub fn evaluate(&self, expr: &Expr, what: impl FnOnce() -> String) -> Result<ArrayRef, StepError> {
        expr.evaluate(&self.columns, self.rows, Context::default()).map_err(|error| self.error(what(), error))
    }

    /// For each row the record that it comes from, counted from the first of the block.
    pub fn records(&self) -> impl Iterator<Item = usize> {
        (0..self.rows).map(|row| self.origin.as_ref().map_or(row, |origin| origin.value(row) as usize))
    }

    /// The error of an expression as one of a record.
    pub fn error(&self, what: String, error: RowError) -> StepError {
        StepError { what, record: self.record(error.row), message: error.message }
    }

    /// The record that a row comes from.
    pub fn record(&self, row: usize) -> usize {
        match &self.origin {
            Some(origin) if row < origin.len() => origin.value(row) as usize,
            _ => row,
        }
    }

    /// The rows for which the filter is true.
    fn filtered(self, keep: &BooleanArray, carried: &[bool]) -> Batch {
        let rows = keep.true_count();
        if rows == self.rows {
            return self;
        }
        let filter = FilterBuilder::new(keep).optimize().build();
        let filtered = |array: &dyn Array| filter.filter(array).expect("the filter has a bit for each row");
        let columns = self.columns.iter().zip(carried).map(|(column, carried)| match carried {
            true => filtered(column),
            false => gone(),
        });
        let origin = match &self.origin {
            Some(origin) => filtered(origin).as_primitive().clone(),
            None => keep.values().set_indices().map(|row| row as u32).collect(),
        };
        Batch { columns: columns.collect(), rows, origin: Some(origin) }
    }

    /// A row for each element of a list, which is its new, last column.
    fn flattened(self, list: &ArrayRef, carried: &[bool]) -> Batch {
        let list = list.as_list::<i32>();
        let offsets = list.value_offsets();
        let whole = list.null_count() == 0;
        let (mut parents, mut places) = (Vec::new(), Vec::new());
        for row in (0..self.rows).filter(|row| list.is_valid(*row)) {
            let (from, to) = (offsets[row], offsets[row + 1]);
            parents.extend(std::iter::repeat_n(row as u32, (to - from) as usize));
            if !whole {
                places.extend(from as u32..to as u32);
            }
        }
        let rows = parents.len();
        let elements = match whole {
            true => list.values().slice(offsets[0] as usize, rows),
            false => taken(list.values(), &places.into()),
        };
        let parents = UInt32Array::from(parents);
        let mut columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .zip(carried)
            .map(|(column, carried)| match carried {
                true => taken(column, &parents),
                false => gone(),
            })
            .collect();
        columns.push(elements);
        let origin = match &self.origin {
            Some(origin) => taken(origin, &parents).as_primitive().clone(),
            None => parents,
        };
        Batch { columns, rows, origin: Some(origin) }
    }
}

impl Pipeline {
    /// The steps over so many columns; `wanted` are those that are looked at after the last step.
    pub fn new(steps: &[Step], inputs: usize, wanted: impl IntoIterator<Item = usize>) -> Pipeline {
        let mut widths = vec![inputs];
        for step in steps {
            let width = widths.last().copied().unwrap_or(inputs);
            widths.push(match step {
                Step::Map(exprs) => width + exprs.len(),
                Step::FlatMap(_) => width + 1,
                Step::Filter(_) => width,
                Step::Select(columns) => columns.len(),
            });
        }
        let mut needed = vec![false; widths.last().copied().unwrap_or(inputs)];
        wanted.into_iter().for_each(|column| needed[column] = true);
        let mut stages = Vec::new();
        for (step, width) in steps.iter().zip(&widths).rev() {
            let after = match step {
                Step::Select(columns) => {
                    let mut before = vec![false; *width];
                    columns.iter().zip(&needed).filter(|(_, needed)| **needed).for_each(|(column, _)| before[*column] = true);
                    before
                }
                _ => needed[..*width].to_vec(),
            };
            needed = after.clone();
            let mut use_columns = |expr: &Expr| expr.each_column(&mut |column, _| needed[column] = true);
            match step {
                Step::Map(exprs) => exprs.iter().for_each(&mut use_columns),
                Step::FlatMap(expr) | Step::Filter(expr) => use_columns(expr),
                Step::Select(_) => {}
            }
            stages.push(Stage { step: step.clone(), carried: after });
        }
        stages.reverse();
        Pipeline { stages, needed }
    }

    /// For each column of the rows that go in whether anything looks at it: any other may be [`gone`].
    pub fn needed(&self) -> &[bool] {
        &self.needed
    }

    /// Takes the rows through the steps.
    pub fn run(&self, mut batch: Batch) -> Result<Batch, StepError> {
        for Stage { step, carried } in &self.stages {
            batch = match step {
                Step::Filter(filter) => {
                    let keep = filter.select(&batch.columns, batch.rows, Context::default());
                    let keep = keep.map_err(|error| batch.error("a filter".to_owned(), error))?;
                    batch.filtered(&BooleanArray::new(keep, None), carried)
                }
                Step::FlatMap(list) => {
                    let list = batch.evaluate(list, || "a flat_map".to_owned())?;
                    batch.flattened(&list, carried)
                }
                Step::Map(exprs) => {
                    let new = exprs.iter().map(|expr| batch.evaluate(expr, || "a map".to_owned()));
                    let new = new.collect::<Result<Vec<_>, _>>()?;
                    batch.columns.extend(new);
                    batch
                }
                Step::Select(columns) => {
                    batch.columns = columns.iter().map(|column| batch.columns[*column].clone()).collect();
                    batch
                }
            };
        }
        Ok(batch)
    }
}

/// Rows of an array.
pub(super) fn taken(array: &dyn Array, rows: &UInt32Array) -> ArrayRef {
    take(array, rows).expect("the rows are the array's own")
}

/// Batches one after the other, as one. Fails when the texts of a column are more than an Arrow array can hold.
pub(in crate::batch) fn together(
    types: &[Type],
    batches: impl Iterator<Item = Vec<ArrayRef>>,
) -> Result<Vec<ArrayRef>, KernelError> {
    let batches: Vec<_> = batches.collect();
    let column = |(index, of): (usize, &Type)| {
        let parts: Vec<_> = batches.iter().map(|batch| &*batch[index]).collect();
        match parts.is_empty() {
            true => Ok(of.empty()),
            false => concat(&parts).map_err(|_| KernelError::TooMuchText),
        }
    };
    types.iter().enumerate().map(column).collect()
}

/// In the place of a column that nothing looks at any more.
pub(super) fn gone() -> ArrayRef {
    Arc::new(NullArray::new(0))
}
