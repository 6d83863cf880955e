//! A reduce task: gathers one partition's rows from every map task, adds up each key's counts, and gives the rows with keys in
//! increasing byte order (MapReduce, OSDI'04 §4.2), those that `having` keeps, or by `sort` if the plan has one.

use std::collections::VecDeque;
use std::sync::Arc;

use super::KernelError;
use super::counts::CountTable;
use super::hash::{INLINE_BYTES, load};
use super::order::sort_rows;
use super::rows::{RowReader, RowWriter};
use super::steps::all_true;
use crate::batch::{Counters, Payload, Plan};
use crate::expr::Value;

/// Bytes of rows that one step adds up.
const MERGE_BYTES: usize = 1 << 20;

/// Rows that one step of the output filters or writes.
const WRITE_ROWS: usize = 1 << 16;

/// A reduce task under way. Call [`ReduceKernel::step`] until it says `true`, then [`ReduceKernel::finish`].
///
/// A step takes a few milliseconds but for the one that sorts all keys of the partition.
pub struct ReduceKernel {
    plan: Arc<Plan>,
    inputs: VecDeque<Payload>,
    /// How much of the first input is merged.
    merged: usize,
    counts: CountTable,
    /// The groups, by key once sorted; `kept` numbers those that `having` leaves.
    groups: Vec<Group>,
    filtered: usize,
    kept: Vec<u32>,
    stage: Stage,
    rows: RowWriter,
    counters: Counters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Merge,
    Filter,
    Write { from: usize },
    Done,
}

struct Group {
    /// The key's first bytes, so that most comparisons are of two numbers.
    prefix: u128,
    place: usize,
    count: u64,
}

/// What a reduce task leaves: rows (see [`RowWriter`](super::RowWriter)), how many, and what it counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReduceResult {
    pub rows: Payload,
    pub row_count: u64,
    pub counters: Counters,
}

/// Reduces one partition at once. `inputs` are its payloads in the order of the map tasks.
pub fn reduce(plan: &Arc<Plan>, inputs: &[Payload]) -> Result<ReduceResult, KernelError> {
    let mut kernel = ReduceKernel::new(plan.clone(), inputs.to_vec());
    while !kernel.step()? {}
    Ok(kernel.finish())
}

impl ReduceKernel {
    /// Begins the task. `inputs` are the partition's payloads in the order of the map tasks.
    pub fn new(plan: Arc<Plan>, inputs: Vec<Payload>) -> ReduceKernel {
        ReduceKernel {
            plan,
            inputs: inputs.into(),
            merged: 0,
            counts: CountTable::new(),
            groups: Vec::new(),
            filtered: 0,
            kept: Vec::new(),
            stage: Stage::Merge,
            rows: RowWriter::default(),
            counters: Counters::default(),
        }
    }

    /// Does some of the work; `true` when the task is finished.
    pub fn step(&mut self) -> Result<bool, KernelError> {
        self.stage = match self.stage {
            Stage::Merge => {
                self.merge()?;
                if self.inputs.is_empty() {
                    self.sort_groups();
                    Stage::Filter
                } else {
                    Stage::Merge
                }
            }
            Stage::Filter => {
                self.filter()?;
                if self.filtered == self.groups.len() {
                    self.order();
                    Stage::Write { from: 0 }
                } else {
                    Stage::Filter
                }
            }
            Stage::Write { from } => {
                let until = self.kept.len().min(from + WRITE_ROWS);
                self.write(from, until);
                if until == self.kept.len() { Stage::Done } else { Stage::Write { from: until } }
            }
            Stage::Done => Stage::Done,
        };
        Ok(self.stage == Stage::Done)
    }

    /// The task's output. Panics if [`ReduceKernel::step`] has not said that it is finished: half an output is none.
    pub fn finish(mut self) -> ReduceResult {
        assert!(self.stage == Stage::Done, "a reduce task is finished before it is asked for its output");
        let row_count = self.rows.rows();
        self.counters.output_records = row_count;
        ReduceResult { rows: Payload::new(self.rows.into_bytes()), row_count, counters: self.counters }
    }

    fn merge(&mut self) -> Result<(), KernelError> {
        let Some(input) = self.inputs.front() else { return Ok(()) };
        let mut rows = RowReader::new(&input[self.merged..]);
        let stop = rows.remaining().saturating_sub(MERGE_BYTES);
        while rows.remaining() > stop {
            let Some(row) = rows.next() else { break };
            let (key, count) = row?;
            *self.counts.count_mut(key) += count;
        }
        self.merged = input.len() - rows.remaining();
        if rows.remaining() == 0 {
            self.inputs.pop_front();
            self.merged = 0;
        }
        Ok(())
    }

    fn sort_groups(&mut self) {
        let counts = &self.counts;
        let mut scratch = [0; INLINE_BYTES];
        self.groups.reserve_exact(counts.len());
        for place in 0..counts.places() {
            let Some((key, count)) = counts.entry(place, &mut scratch) else { continue };
            let (low, high) = load(&key[..key.len().min(INLINE_BYTES)]);
            let prefix = u128::from(low.swap_bytes()) << 64 | u128::from(high.swap_bytes());
            self.groups.push(Group { prefix, place, count });
        }
        self.groups.sort_unstable_by(|a, b| {
            a.prefix.cmp(&b.prefix).then_with(|| {
                let (mut of_a, mut of_b) = ([0; INLINE_BYTES], [0; INLINE_BYTES]);
                let key_a = counts.entry(a.place, &mut of_a).map(|(key, _)| key);
                key_a.cmp(&counts.entry(b.place, &mut of_b).map(|(key, _)| key))
            })
        });
        self.counters.reduce_input_groups = self.groups.len() as u64;
    }

    fn filter(&mut self) -> Result<(), KernelError> {
        if self.plan.having.is_empty() {
            self.kept = (0..self.groups.len() as u32).collect();
            self.filtered = self.groups.len();
            return Ok(());
        }
        let until = self.groups.len().min(self.filtered + WRITE_ROWS);
        let mut scratch = [0; INLINE_BYTES];
        let mut row = vec![Value::Null; 1 + self.plan.reduce.values.len()];
        for (index, group) in self.groups.iter().enumerate().take(until).skip(self.filtered) {
            let (key, count) = self.counts.entry(group.place, &mut scratch).expect("a group has a key");
            let key = String::from_utf8_lossy(key);
            row[0] = Value::Utf8(Arc::from(&*key));
            row[1..].fill(Value::Int64(i64::try_from(count).unwrap_or(i64::MAX)));
            if all_true(&self.plan.having, &row, "a filter after the reduce", &key)? {
                self.kept.push(index as u32);
            }
        }
        self.filtered = until;
        Ok(())
    }

    /// Each partition's best rows are enough for the whole job's: none that is left out could be among them.
    fn order(&mut self) {
        sort_rows(&mut self.kept, &self.plan.sort, self.plan.limit, |group| group, |group| self.groups[group as usize].count);
    }

    fn write(&mut self, from: usize, until: usize) {
        let mut scratch = [0; INLINE_BYTES];
        for group in &self.kept[from..until] {
            let place = self.groups[*group as usize].place;
            if let Some((key, count)) = self.counts.entry(place, &mut scratch) {
                self.rows.push(key, count);
            }
        }
    }
}
