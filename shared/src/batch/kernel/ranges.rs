//! The ranges of a sort: each task samples its rows, one task makes R ranges of all samples, and rows go to the task of their range
//! (as in the sort of MapReduce, OSDI'04 §5.3).
//!
//! Everything follows from the rows alone, so a task that runs again samples the same rows, and the ranges are the same. Rows are
//! compared in a total order (the terms of the sort, then the other columns), so that many rows with one key can be in several
//! ranges.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, UInt32Array};
use arrow_row::{OwnedRow, RowConverter, Rows};

use super::KernelError;
use super::batch::{Batch, taken, together};
use super::order::{converter, ordered, sorted};
use crate::batch::SortKey;
use crate::expr::Type;

/// The samples of a task are thinned when they are more than this.
const SAMPLES_MAX: usize = 1 << 10;

/// Takes every so many rows of those that pass by, more rarely the more there are.
pub(super) struct Sampler {
    types: Vec<Type>,
    /// One row of so many is taken, a power of two.
    stride: usize,
    seen: usize,
    samples: Vec<Vec<ArrayRef>>,
    count: usize,
}

impl Sampler {
    pub fn new(types: Vec<Type>) -> Sampler {
        Sampler { types, stride: 1, seen: 0, samples: Vec::new(), count: 0 }
    }

    pub fn see(&mut self, batch: &Batch) -> Result<(), KernelError> {
        let first = self.seen.next_multiple_of(self.stride) - self.seen;
        let rows: UInt32Array = (first..batch.rows).step_by(self.stride).map(|row| row as u32).collect();
        self.seen += batch.rows;
        if rows.is_empty() {
            return Ok(());
        }
        self.count += rows.len();
        self.samples.push(batch.columns.iter().map(|column| taken(column, &rows)).collect());
        while self.count > SAMPLES_MAX {
            let all = together(&self.types, std::mem::take(&mut self.samples).into_iter())?;
            let half: UInt32Array = (0..self.count as u32).step_by(2).collect();
            self.count = half.len();
            self.stride *= 2;
            self.samples.push(all.iter().map(|column| taken(column, &half)).collect());
        }
        Ok(())
    }

    /// The samples, with a last column that says how many rows each stands for.
    pub fn finish(&self) -> Result<Batch, KernelError> {
        let mut columns = together(&self.types, self.samples.iter().cloned())?;
        columns.push(Arc::new(Int64Array::from(vec![self.stride as i64; self.count])));
        Ok(Batch::new(columns, self.count))
    }
}

/// The types of the columns of samples of rows of these types.
pub(super) fn sample_types(rows: &[Type]) -> Vec<Type> {
    rows.iter().cloned().chain([Type::Int64]).collect()
}

/// The first rows of all ranges but the first, in order: so that each range has about as many rows as any other.
pub(super) fn boundaries(samples: &Batch, sort: &[SortKey], ranges: u32) -> Batch {
    let Some((weights, columns)) = samples.columns.split_last() else { return samples.clone() };
    let weights = weights.as_primitive::<Int64Type>();
    let order = sorted(columns, samples.rows, sort, None);
    let whole: i128 = weights.values().iter().map(|weight| i128::from(*weight)).sum();
    let (mut passed, mut next, mut chosen) = (0, 1, Vec::new());
    for row in order {
        while next < i128::from(ranges) && passed * i128::from(ranges) >= next * whole && whole > 0 {
            chosen.push(row);
            next += 1;
        }
        passed += i128::from(weights.value(row as usize));
    }
    Batch::new(columns.to_vec(), samples.rows).taken(&UInt32Array::from(chosen))
}

/// Says in which range a row is.
pub(super) struct Ranges {
    converter: RowConverter,
    terms: Vec<usize>,
    boundaries: Vec<OwnedRow>,
    scratch: Rows,
}

impl Ranges {
    /// From what [`boundaries`] gave.
    pub fn new(boundaries: &[ArrayRef], types: &[Type], sort: &[SortKey]) -> Ranges {
        let (converter, terms) = converter(types, sort);
        let rows = converter.convert_columns(&ordered(boundaries, &terms)).expect("the columns are the converter's own");
        let boundaries = rows.iter().map(|row| row.owned()).collect();
        let scratch = converter.empty_rows(0, 0);
        Ranges { converter, terms, boundaries, scratch }
    }

    /// The rows of the batch in each of so many ranges.
    pub fn divide(&mut self, batch: &Batch, ranges: u32) -> Vec<Vec<u32>> {
        let mut divided = vec![Vec::new(); ranges.max(1) as usize];
        self.scratch.clear();
        let columns = ordered(&batch.columns, &self.terms);
        self.converter.append(&mut self.scratch, &columns).expect("the columns are the converter's own");
        for (index, row) in self.scratch.iter().enumerate() {
            let range = self.boundaries.partition_point(|boundary| boundary.row() <= row);
            divided[range].push(index as u32);
        }
        divided
    }
}
