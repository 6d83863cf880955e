//! Whether a run came out as its experiment expects: an experiment is its own test.

use crate::batch::{Counters, Table};
use crate::experiment::Expectation;
use crate::expr::Context;
use crate::wire::{ExpectationResult, Tally};

/// What a run came to.
pub struct Found<'a> {
    pub table: &'a Table,
    /// The hash of its rows.
    pub output_hash: u64,
    pub counters: &'a Counters,
    pub tally: &'a Tally,
    /// The hash of the rows of a sequential run, where one was made.
    pub sequential: Option<u64>,
}

impl Found<'_> {
    /// Judges one expectation.
    pub fn judge(&self, expectation: &Expectation) -> ExpectationResult {
        let (held, found) = match expectation {
            Expectation::Rows(rows) => (self.table.len() as u64 == *rows, format!("the result has {} rows", self.table.len())),
            Expectation::EqualsSequential => self.equals_sequential(),
            Expectation::Always { holds, .. } => self.always(holds),
            Expectation::Counter { name, bound, value } => {
                let count = counter(name, self.counters, self.tally);
                (bound.holds(count, *value), format!("{name} is {count}"))
            }
        };
        ExpectationResult { expectation: expectation.to_string(), held, found }
    }

    fn equals_sequential(&self) -> (bool, String) {
        let hash = self.output_hash;
        match self.sequential {
            Some(sequential) if sequential == hash => (true, format!("both runs gave rows with the hash {hash:016x}")),
            Some(sequential) => {
                (false, format!("this run's rows have the hash {hash:016x}, the sequential run's {sequential:016x}"))
            }
            None => (false, "the sequential run could not be made".to_owned()),
        }
    }

    fn always(&self, holds: &crate::expr::Expr) -> (bool, String) {
        let mut before = 0;
        for rows in self.table.batches(0..self.table.len()) {
            let rows = match rows {
                Ok(rows) => rows,
                Err(error) => return (false, error.to_string()),
            };
            let named = |row: usize| {
                let value = |column| rows.text(row, column).unwrap_or_else(|| "null".to_owned());
                let values = (0..rows.columns().len()).map(value);
                format!("row {} ({})", before + row + 1, values.collect::<Vec<_>>().join(", "))
            };
            match holds.select(rows.columns(), rows.len(), Context::default()) {
                Err(error) => return (false, format!("{}: {}", named(error.row), error.message)),
                Ok(held) => {
                    if let Some(row) = (0..rows.len()).find(|row| !held.value(*row)) {
                        return (false, format!("it is not true for {}", named(row)));
                    }
                }
            }
            before += rows.len();
        }
        (true, format!("it is true for all {} rows", self.table.len()))
    }
}

/// The value of a batch counter by its name (DESIGN §4); 0 for a name that is none.
pub fn counter(name: &str, counters: &Counters, tally: &Tally) -> u64 {
    named(counters, tally).into_iter().find(|(known, _)| *known == name).map_or(0, |(_, value)| value)
}

/// Every batch counter with its name.
pub fn named(counters: &Counters, tally: &Tally) -> [(&'static str, u64); 12] {
    [
        ("map_input_records", counters.map_input_records),
        ("map_output_records", counters.map_output_records),
        ("combine_output_records", counters.combine_output_records),
        ("reduce_input_groups", counters.reduce_input_groups),
        ("output_records", counters.output_records),
        ("bad_records", counters.bad_records),
        ("skipped_records", counters.skipped_records),
        ("tasks_run", tally.tasks_run.into()),
        ("tasks_repeated", tally.tasks_repeated.into()),
        ("backup_tasks", tally.backup_tasks.into()),
        ("workers_lost", tally.workers_lost.into()),
        ("input_bytes", counters.input_bytes),
    ]
}
