//! A reduce task: gathers one partition's rows from every map task, merges what was computed for each key, and gives the rows with
//! keys in increasing order (MapReduce, OSDI'04 §4.2), those that the filters behind it keep, or by `sort` if the plan has one.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, Int64Array, StringArray};

use super::KernelError;
use super::batch::Batch;
use super::counts::CountTable;
use super::divide::WordDivider;
use super::gather::GatherKernel;
use super::hash::{INLINE_BYTES, load};
use super::order::sort_rows;
use super::rows::{RowReader, RowWriter};
use super::steps::{KeyFilters, Shape};
use super::task::TaskResult;
use super::transfer::unwritten;
use crate::batch::space::Sink;
use crate::batch::{Counters, Job, Payload, Plan, Space};
use crate::id::TaskId;

/// Bytes of rows that one step adds up.
const MERGE_BYTES: usize = 1 << 20;

/// Rows that one step of the output filters or writes.
const WRITE_ROWS: usize = 1 << 16;

/// A task behind a shuffle under way. Call [`ReduceKernel::step`] until it says `true`, then [`ReduceKernel::finish`].
///
/// A step takes a few milliseconds but for those that sort or finish all keys of the partition.
pub struct ReduceKernel {
    reducer: Reducer,
    counters: Counters,
    /// Whether what it leaves are rows of the result.
    last: bool,
    done: bool,
}

enum Reducer {
    Words(Box<WordReducer>),
    Columns(Box<GatherKernel>),
}

/// Adds up the counts of words, and gives the result's rows.
struct WordReducer {
    plan: Arc<Plan>,
    having: KeyFilters,
    /// While the inputs are cut into pieces, since together they do not fit.
    divider: Option<Box<WordDivider>>,
    /// The pieces that are still to come.
    pieces: VecDeque<Payload>,
    inputs: VecDeque<Payload>,
    /// The input that is being merged, if it is not in memory anyway.
    input: Option<Vec<u8>>,
    /// How much of the first input is merged.
    merged: usize,
    merger: WordMerger,
    /// How many groups are filtered; `kept` numbers those that the filters leave.
    filtered: usize,
    kept: Vec<u32>,
    stage: Stage,
    rows: RowWriter,
    written: Sink,
}

/// Words and their counts, added up.
pub(super) struct WordMerger {
    counts: CountTable,
    /// By key, once sorted.
    groups: Vec<Group>,
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

impl ReduceKernel {
    /// Begins the task. `inputs` are the payloads that [`Job::needs`] names.
    pub fn new(job: &Job, task: TaskId, inputs: Vec<Payload>, space: Space) -> Result<ReduceKernel, KernelError> {
        let plan = &job.plan;
        let last = job.is_last(task);
        let reducer = match Shape::of(plan) {
            Shape::Words { having, combine: true, .. } => {
                Reducer::Words(Box::new(WordReducer::new(plan.clone(), having, inputs, space)?))
            }
            _ => Reducer::Columns(Box::new(GatherKernel::new(job, task, inputs, space)?)),
        };
        Ok(ReduceKernel { reducer, counters: Counters::default(), last, done: false })
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

    /// The task's output: one payload if its rows are the result's. Panics if [`ReduceKernel::step`] has not said that it is
    /// finished: half an output is none.
    pub fn finish(self) -> Result<TaskResult, KernelError> {
        assert!(self.done, "a reduce task is finished before it is asked for its output");
        let (partitions, rows) = match self.reducer {
            Reducer::Words(words) => (vec![words.written.finish()?], words.rows.rows()),
            Reducer::Columns(columns) => columns.finish()?,
        };
        let output_records = if self.last { rows } else { 0 };
        Ok(TaskResult { partitions, counters: Counters { output_records, ..self.counters } })
    }
}

impl WordReducer {
    fn new(plan: Arc<Plan>, having: KeyFilters, inputs: Vec<Payload>, space: Space) -> Result<WordReducer, KernelError> {
        let written = space.sink(1);
        let (divider, inputs) = match space.pieces(inputs.iter().map(|input| input.len() as u64).sum())? {
            1 => (None, inputs),
            pieces => (Some(Box::new(WordDivider::new(inputs, pieces, space))), Vec::new()),
        };
        Ok(WordReducer {
            plan,
            having,
            divider,
            pieces: VecDeque::new(),
            inputs: inputs.into(),
            input: None,
            merged: 0,
            merger: WordMerger::new(),
            filtered: 0,
            kept: Vec::new(),
            stage: Stage::Merge,
            rows: RowWriter::default(),
            written,
        })
    }

    fn step(&mut self, counters: &mut Counters) -> Result<bool, KernelError> {
        if let Some(divider) = &mut self.divider {
            if let Some(pieces) = divider.step()? {
                (self.divider, self.pieces) = (None, pieces.into());
                self.inputs.extend(self.pieces.pop_front());
            }
            return Ok(false);
        }
        self.stage = match self.stage {
            Stage::Merge => {
                self.merge()?;
                if self.inputs.is_empty() {
                    self.merger.sort_groups();
                    counters.reduce_input_groups += self.merger.groups.len() as u64;
                    Stage::Filter
                } else {
                    Stage::Merge
                }
            }
            Stage::Filter => {
                self.filter()?;
                if self.filtered == self.merger.groups.len() {
                    self.order();
                    Stage::Write { from: 0 }
                } else {
                    Stage::Filter
                }
            }
            Stage::Write { from } => {
                let until = self.kept.len().min(from + WRITE_ROWS);
                self.write(from, until)?;
                match (until == self.kept.len(), self.pieces.pop_front()) {
                    (false, piece) => {
                        self.pieces.extend(piece);
                        Stage::Write { from: until }
                    }
                    (true, Some(piece)) => {
                        (self.merger, self.filtered, self.kept) = (WordMerger::new(), 0, Vec::new());
                        self.inputs.push_back(piece);
                        Stage::Merge
                    }
                    (true, None) => Stage::Done,
                }
            }
            Stage::Done => Stage::Done,
        };
        Ok(self.stage == Stage::Done)
    }

    fn merge(&mut self) -> Result<(), KernelError> {
        let Some(input) = self.inputs.front() else { return Ok(()) };
        if self.input.is_none() && input.is_stored() {
            self.input = Some(input.bytes()?.into_owned());
        }
        let bytes = match &self.input {
            Some(bytes) => Cow::Borrowed(&bytes[..]),
            None => input.bytes()?,
        };
        let mut rows = RowReader::new(&bytes[self.merged..]);
        let stop = rows.remaining().saturating_sub(MERGE_BYTES);
        while rows.remaining() > stop {
            let Some(row) = rows.next() else { break };
            let (key, count) = row?;
            *self.merger.counts.count_mut(key) += count;
        }
        self.merged = bytes.len() - rows.remaining();
        if rows.remaining() == 0 {
            self.inputs.pop_front();
            (self.input, self.merged) = (None, 0);
        }
        Ok(())
    }

    fn filter(&mut self) -> Result<(), KernelError> {
        let (from, until) = (self.filtered, self.merger.groups.len().min(self.filtered + WRITE_ROWS));
        let values = self.plan.columns.len().saturating_sub(1);
        let kept = self.having.rows(values, || self.merger.columns(from..until))?;
        match kept {
            Some(kept) => self.kept.extend(kept.set_indices().map(|row| (from + row) as u32)),
            None => self.kept.extend(from as u32..until as u32),
        }
        self.filtered = until;
        Ok(())
    }

    /// Each partition's best rows are enough for the whole job's: none that is left out could be among them.
    fn order(&mut self) {
        sort_rows(
            &mut self.kept,
            &self.plan.sort,
            self.plan.limit,
            |group| group,
            |group| self.merger.groups[group as usize].count,
        );
    }

    fn write(&mut self, from: usize, until: usize) -> Result<(), KernelError> {
        let mut scratch = [0; INLINE_BYTES];
        for group in &self.kept[from..until] {
            let place = self.merger.groups[*group as usize].place;
            if let Some((key, count)) = self.merger.counts.entry(place, &mut scratch) {
                self.rows.push(key, count);
            }
        }
        self.written.write_all(&self.rows.take()).map_err(unwritten)
    }
}

impl WordMerger {
    pub fn new() -> WordMerger {
        WordMerger { counts: CountTable::new(), groups: Vec::new() }
    }

    /// Adds the rows of an input.
    pub fn merge(&mut self, input: &Payload) -> Result<(), KernelError> {
        for row in RowReader::new(&input.bytes()?) {
            let (key, count) = row?;
            *self.counts.count_mut(key) += count;
        }
        Ok(())
    }

    /// The words by their bytes, and their count as often as there are values.
    pub fn finish(mut self, values: usize) -> Batch {
        self.sort_groups();
        let (words, counts) = self.columns(0..self.groups.len());
        let rows = words.len();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(words)];
        columns.resize(1 + values, Arc::new(counts));
        Batch::new(columns, rows)
    }

    /// Some of the groups, and their counts.
    fn columns(&self, groups: Range<usize>) -> (StringArray, Int64Array) {
        let (mut keys, mut scratch) = (StringBuilder::new(), [0; INLINE_BYTES]);
        for group in &self.groups[groups.clone()] {
            let (key, _) = self.counts.entry(group.place, &mut scratch).expect("a group has a key");
            keys.append_value(String::from_utf8_lossy(key));
        }
        let count = |group: &Group| i64::try_from(group.count).unwrap_or(i64::MAX);
        (keys.finish(), Int64Array::from_iter_values(self.groups[groups].iter().map(count)))
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
}
