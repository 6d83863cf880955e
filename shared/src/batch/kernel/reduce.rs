//! A reduce task: gathers one partition's rows from every map task, merges what was computed for each key, and gives the rows with
//! keys in increasing order (MapReduce, OSDI'04 §4.2), those that the filters behind it keep, or by `sort` if the plan has one.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::Int64Array;
use arrow_array::builder::StringBuilder;

use super::KernelError;
use super::columns::ColumnReducer;
use super::counts::CountTable;
use super::hash::{INLINE_BYTES, load};
use super::order::sort_rows;
use super::rows::{RowReader, RowWriter};
use super::steps::{KeyFilters, Shape};
use crate::batch::{Counters, Payload, Plan};

/// Bytes of rows that one step adds up.
const MERGE_BYTES: usize = 1 << 20;

/// Rows that one step of the output filters or writes.
const WRITE_ROWS: usize = 1 << 16;

/// A reduce task under way. Call [`ReduceKernel::step`] until it says `true`, then [`ReduceKernel::finish`].
///
/// A step takes a few milliseconds but for those that sort or finish all keys of the partition.
pub struct ReduceKernel {
    reducer: Reducer,
    counters: Counters,
    done: bool,
}

enum Reducer {
    Words(Box<WordReducer>),
    Columns(Box<ColumnReducer>),
}

/// Adds up the counts of words.
struct WordReducer {
    plan: Arc<Plan>,
    having: KeyFilters,
    inputs: VecDeque<Payload>,
    /// How much of the first input is merged.
    merged: usize,
    counts: CountTable,
    /// The groups, by key once sorted; `kept` numbers those that the filters leave.
    groups: Vec<Group>,
    filtered: usize,
    kept: Vec<u32>,
    stage: Stage,
    rows: RowWriter,
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

/// What a reduce task leaves: rows, how many, and what it counted.
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
        let reducer = match Shape::of(&plan) {
            Shape::Words { having, .. } if plan.combine => Reducer::Words(Box::new(WordReducer::new(plan, having, inputs))),
            _ => Reducer::Columns(Box::new(ColumnReducer::new(plan, inputs))),
        };
        ReduceKernel { reducer, counters: Counters::default(), done: false }
    }

    /// Does some of the work; `true` when the task is finished.
    pub fn step(&mut self) -> Result<bool, KernelError> {
        if !self.done {
            self.done = match &mut self.reducer {
                Reducer::Words(words) => words.step(&mut self.counters)?,
                Reducer::Columns(columns) => columns.step(&mut self.counters)?,
            };
        }
        Ok(self.done)
    }

    /// The task's output. Panics if [`ReduceKernel::step`] has not said that it is finished: half an output is none.
    pub fn finish(self) -> ReduceResult {
        assert!(self.done, "a reduce task is finished before it is asked for its output");
        let (rows, row_count) = match self.reducer {
            Reducer::Words(words) => {
                let rows = words.rows.rows();
                (Payload::new(words.rows.into_bytes()), rows)
            }
            Reducer::Columns(columns) => columns.finish(),
        };
        ReduceResult { rows, row_count, counters: Counters { output_records: row_count, ..self.counters } }
    }
}

impl WordReducer {
    fn new(plan: Arc<Plan>, having: KeyFilters, inputs: Vec<Payload>) -> WordReducer {
        WordReducer {
            plan,
            having,
            inputs: inputs.into(),
            merged: 0,
            counts: CountTable::new(),
            groups: Vec::new(),
            filtered: 0,
            kept: Vec::new(),
            stage: Stage::Merge,
            rows: RowWriter::default(),
        }
    }

    fn step(&mut self, counters: &mut Counters) -> Result<bool, KernelError> {
        self.stage = match self.stage {
            Stage::Merge => {
                self.merge()?;
                if self.inputs.is_empty() {
                    self.sort_groups();
                    counters.reduce_input_groups = self.groups.len() as u64;
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
    }

    fn filter(&mut self) -> Result<(), KernelError> {
        let (from, until) = (self.filtered, self.groups.len().min(self.filtered + WRITE_ROWS));
        let values = self.plan.columns.len().saturating_sub(1);
        let kept = self.having.rows(values, || {
            let (mut keys, mut scratch) = (StringBuilder::new(), [0; INLINE_BYTES]);
            for group in &self.groups[from..until] {
                let (key, _) = self.counts.entry(group.place, &mut scratch).expect("a group has a key");
                keys.append_value(String::from_utf8_lossy(key));
            }
            let count = |group: &Group| i64::try_from(group.count).unwrap_or(i64::MAX);
            (keys.finish(), Int64Array::from_iter_values(self.groups[from..until].iter().map(count)))
        })?;
        match kept {
            Some(kept) => self.kept.extend(kept.set_indices().map(|row| (from + row) as u32)),
            None => self.kept.extend(from as u32..until as u32),
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
