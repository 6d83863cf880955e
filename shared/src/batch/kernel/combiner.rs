//! The combiner of a map task (MapReduce, OSDI'04 §4.3): the rows of a key leave as one partial state.
//!
//! Where nearly every row has a key of its own, combining makes nothing less, and costs a table of all keys. So once it has seen
//! [`PROBE_ROWS`] rows it looks at how many keys they had. If too many, what it has leaves at once, and each further row becomes a
//! state by itself. Only the rows of the split decide, so every attempt, place and platform leaves the same bytes; and a reduction
//! merges the states of a key whatever their number.

use std::mem::replace;

use arrow_array::ArrayRef;

use super::aggregation::{Aggregation, Partitioner, mapped, single_states, state_types};
use super::batch::{Batch, StepError};
use super::emit::{EmitError, by_hash};
use super::transfer::ColumnWriter;
use crate::batch::{Reduce, Space};

/// Rows of a task after which it is decided whether to go on combining. Exactly so many, however the rows are cut into batches.
pub(super) const PROBE_ROWS: usize = 1 << 16;

/// Of so many rows at least one must have the key of an earlier one, or combining is given up.
const ROWS_A_REPEAT_MAX: usize = 16;

/// Whether the first [`PROBE_ROWS`] rows of a task had too many keys to go on combining.
pub(super) fn gives_up(keys: usize) -> bool {
    hardly_repeat(PROBE_ROWS, keys)
}

/// Whether so many rows of so many keys are too few with the key of an earlier one.
pub(super) fn hardly_repeat(rows: usize, keys: usize) -> bool {
    rows.saturating_sub(keys) * ROWS_A_REPEAT_MAX < rows
}

/// See the module. Rows go in by [`Combiner::take`]; once there are no more, [`Combiner::drain`] until it says `true`.
pub(super) struct Combiner {
    reduce: Reduce,
    partitions: u32,
    space: Space,
    state: State,
}

enum State {
    /// So many rows have been taken up.
    Combining { kept: Box<Aggregation>, rows: usize },
    /// Each row leaves by itself.
    Loose { partitioner: Box<Partitioner>, writers: Vec<ColumnWriter> },
    /// The rows have ended: the states leave, a partition at a time.
    Ending { kept: Box<Aggregation>, states: Vec<ArrayRef>, groups: Vec<Vec<u32>>, written: Vec<ColumnWriter> },
}

impl Combiner {
    /// For rows that go to so many partitions.
    pub fn new(reduce: &Reduce, partitions: u32, space: &Space) -> Combiner {
        let state = State::Combining { kept: Box::new(Aggregation::new(reduce)), rows: 0 };
        Combiner { reduce: reduce.clone(), partitions, space: space.clone(), state }
    }

    /// Takes rows up.
    pub fn take(&mut self, batch: &Batch) -> Result<(), EmitError> {
        let State::Combining { kept, rows } = &mut self.state else { return self.let_pass(batch) };
        let due = PROBE_ROWS.saturating_sub(*rows);
        *rows = rows.saturating_add(batch.rows);
        if due == 0 || due > batch.rows {
            return Ok(kept.update(batch)?);
        }
        kept.update(&batch.part(0, due))?;
        if gives_up(kept.len()) {
            self.let_go()?;
        }
        let rest = batch.part(due, batch.rows - due);
        match &mut self.state {
            State::Combining { kept, .. } => Ok(kept.update(&rest)?),
            _ => self.let_pass(&rest),
        }
    }

    /// Writes each row's state.
    fn let_pass(&mut self, batch: &Batch) -> Result<(), EmitError> {
        let State::Loose { partitioner, writers } = &mut self.state else { unreachable!("no rows come once they have ended") };
        let rows = Batch::new(mapped(&self.reduce, batch)?, batch.rows);
        let hashes = partitioner.hashes(&rows).map_err(|error| StepError { record: batch.record(error.record), ..error })?;
        let states = single_states(&self.reduce, &rows).map_err(|(what, error)| batch.error(format!("`{what}`"), error))?;
        by_hash(&Batch::new(states, batch.rows), &hashes, writers)?;
        Ok(())
    }

    /// Writes what has been combined, and combines no more.
    fn let_go(&mut self) -> Result<(), EmitError> {
        while !self.drain()? {}
        if let State::Ending { written, .. } = &mut self.state {
            let (partitioner, writers) = (Box::new(Partitioner::new(&self.reduce)), std::mem::take(written));
            self.state = State::Loose { partitioner, writers };
        }
        Ok(())
    }

    /// Writes some of what is left; `true` when all is written.
    pub fn drain(&mut self) -> Result<bool, EmitError> {
        if let State::Combining { kept, .. } = &mut self.state {
            let kept = replace(kept, Box::new(Aggregation::new(&self.reduce)));
            let (states, groups) = (kept.all_states()?, kept.partitions(self.partitions)?);
            self.state = State::Ending { kept, states, groups, written: Vec::new() };
        }
        let State::Ending { kept, states, groups, written } = &mut self.state else { return Ok(true) };
        let Some(own) = groups.get(written.len()) else { return Ok(true) };
        let mut writer = ColumnWriter::new(&state_types(&self.reduce), &self.space, groups.len());
        writer.write(kept.states(own, states), own.len())?;
        written.push(writer);
        Ok(written.len() == groups.len())
    }

    /// What has been written, for each partition.
    pub fn finish(self) -> Vec<ColumnWriter> {
        match self.state {
            State::Combining { .. } => Vec::new(),
            State::Loose { writers, .. } | State::Ending { written: writers, .. } => writers,
        }
    }
}
