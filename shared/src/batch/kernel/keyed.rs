//! The rows of a reduction's task by their keys: looked up one by one in a table, or, where hardly a key comes twice, sorted.
//!
//! The keys leave in order anyway. A table of keys that hardly repeat makes nothing less, and is so large that each look into it waits
//! for memory. So once two inputs are seen to have hardly a key in common, rows are only gathered, with the bytes of their keys; sorted,
//! equal keys are neighbours. Either way states merge in the order in which they came, and the values are the same to the last bit.

use arrow_array::ArrayRef;

use super::KernelError;
use super::aggregation::{Accumulators, Aggregation, Failed};
use super::batch::{Batch, together};
use super::combiner::{PROBE_ROWS, hardly_repeat};
use super::gather::{PIECE_ROWS, unfinished, unmerged};
use super::groups::Keys;
use crate::batch::Reduce;
use crate::expr::Type;

/// If the first input has more rows, it is not kept until a second one comes: its keys stay in the table.
const FIRST_ROWS_MAX: usize = 8 * PROBE_ROWS;

/// See the module.
pub(super) struct Keyed {
    reduce: Reduce,
    table: Aggregation,
    rows: Rows,
}

/// The rows that have been taken up so far.
enum Rows {
    /// They are in the table, and here, until it is known whether that goes on. When the `second` input began there were so many rows
    /// and so many keys.
    Kept { all: Vec<Batch>, count: usize, second: Option<(usize, usize)> },
    /// They are in the table alone.
    Merged,
    /// They are here alone.
    Gathered { all: Vec<Batch>, keys: Keys },
}

impl Keyed {
    pub fn new(reduce: &Reduce) -> Keyed {
        let rows = Rows::Kept { all: Vec::new(), count: 0, second: None };
        Keyed { reduce: reduce.clone(), table: Aggregation::new(reduce), rows }
    }

    /// Tells that what comes next is of another input.
    pub fn turn(&mut self) {
        if let Rows::Kept { count: count @ 1.., second: second @ None, .. } = &mut self.rows {
            *second = Some((*count, self.table.len()));
        }
    }

    /// Takes up rows: keys with partial states or, if they were not combined, with the arguments of the aggregates.
    pub fn take(&mut self, batch: Batch) -> Result<(), KernelError> {
        if let Rows::Gathered { all, keys } = &mut self.rows {
            keys.append(&batch.columns[..self.reduce.keys.len()]);
            all.push(batch);
            return Ok(());
        }
        let merged = if self.reduce.combine { self.table.merge(&batch.columns) } else { self.table.add(&batch.columns) };
        merged.map_err(failed)?;
        let Rows::Kept { all, count, second } = &mut self.rows else { return Ok(()) };
        *count += batch.rows;
        all.push(batch);
        let more = second.map(|(rows, keys)| (*count - rows, self.table.len() - keys));
        match more {
            Some((rows, keys)) if rows >= PROBE_ROWS && hardly_repeat(rows, keys) => {
                let (all, mut keys) = (std::mem::take(all), Keys::new(&self.reduce.key_types));
                all.iter().for_each(|batch| keys.append(&batch.columns[..self.reduce.keys.len()]));
                (self.table, self.rows) = (Aggregation::new(&self.reduce), Rows::Gathered { all, keys });
            }
            Some((PROBE_ROWS.., _)) => self.rows = Rows::Merged,
            None if *count > FIRST_ROWS_MAX => self.rows = Rows::Merged,
            _ => {}
        }
        Ok(())
    }

    /// The reduction's rows, by their keys ascending.
    pub fn finish(self) -> Result<Reduced, KernelError> {
        let key_types = self.reduce.key_types.clone();
        let Rows::Gathered { all, keys } = self.rows else {
            let order = self.table.ascending();
            let (keys, values) = self.table.into_values(&order).map_err(|error| unfinished(error, None))?;
            return Ok(Reduced { key_types, keys, order, values, next: 0 });
        };
        // The first row of each key, and for each row which key of them it has.
        let (mut first, mut groups) = (Vec::new(), vec![0; keys.len()]);
        for (row, is_another) in keys.ascending() {
            if is_another {
                first.push(row);
            }
            groups[row as usize] = first.len() as u32 - 1;
        }
        let (mut accumulators, mut groups) = (Accumulators::new(&self.reduce), &groups[..]);
        for batch in all {
            let (own, rest) = groups.split_at(batch.rows);
            groups = rest;
            let columns = &batch.columns[self.reduce.keys.len()..];
            accumulators.take(own, first.len(), columns, self.reduce.combine).map_err(failed)?;
        }
        let values = accumulators.finish(&self.reduce, first.len()).map_err(|error| unfinished(error, None))?;
        Ok(Reduced { key_types, keys, order: first, values, next: 0 })
    }
}

/// The rows of a reduction, some at a time.
pub(super) struct Reduced {
    key_types: Vec<Type>,
    keys: Keys,
    /// The keys that are the rows', by their numbers.
    order: Vec<u32>,
    values: Vec<ArrayRef>,
    next: usize,
}

/// Keys that become columns together. They lie anywhere, and are read once for each column: so many stay in a near cache.
const TOGETHER: usize = 1 << 12;

impl Reduced {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }
}

impl Iterator for Reduced {
    type Item = Result<Batch, KernelError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (from, rows) = (self.next, PIECE_ROWS.min(self.order.len() - self.next));
        self.next += rows;
        let own = Some(&self.order[from..from + rows]).filter(|own| !own.is_empty())?;
        let keys = together(&self.key_types, own.chunks(TOGETHER).map(|keys| self.keys.columns(keys)));
        let values = self.values.iter().map(|value| value.slice(from, rows));
        Some(keys.map(|keys| Batch::new(keys.into_iter().chain(values).collect(), rows)))
    }
}

fn failed((what, error): Failed) -> KernelError {
    unmerged(what, &error)
}
