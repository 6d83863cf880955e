//! A map task: reads its split, applies the steps, combines equal keys, and leaves one payload per partition.
//!
//! With the combiner (MapReduce, OSDI'04 §4.3) each distinct key leaves once, in an order that the text alone decides; with
//! `combine: false` each row leaves by itself; the reduced result is the same. Either is the same on every platform, run and
//! attempt.

use arrow_array::StringArray;
use arrow_array::builder::StringBuilder;

use super::KernelError;
use super::columns::ColumnMapper;
use super::counts::CountTable;
use super::hash::{INLINE_BYTES, key_hash, partition_of};
use super::reader::{Cut, SplitReader};
use super::rows::RowWriter;
use super::steps::{KeyFilters, Words};
use super::task::TaskResult;
use super::words::WordCounter;
use crate::batch::{Counters, Gather, Job, Payload, Source};
use crate::id::TaskId;

/// Places of the table that one step turns into rows: a few milliseconds.
const DRAIN_PLACES: usize = 1 << 18;

/// A map task under way. Call [`MapKernel::step`] until it says `true`, then [`MapKernel::finish`].
pub struct MapKernel {
    reader: SplitReader,
    mapper: Mapper,
    counters: Counters,
    done: bool,
}

enum Mapper {
    Words(Box<WordMapper>),
    Columns(Box<ColumnMapper>),
}

/// Only the words of a line matter, so blocks are counted whole, and filters see each distinct word once.
struct WordMapper {
    counter: WordCounter,
    filters: KeyFilters,
    counts: CountTable,
    partitions: Vec<RowWriter>,
    drained: usize,
}

impl MapKernel {
    /// Begins the map task of this number; records that begin at one of the bytes `skip` are passed over.
    pub fn new(job: &Job, number: u32, skip: &[u64]) -> Result<MapKernel, KernelError> {
        let unknown = || KernelError::Unreadable(format!("the job has no {}", TaskId::Map(number)));
        let (stage, _) = job.stage(TaskId::Map(number)).ok_or_else(unknown)?;
        let (plan, split) = (&job.plan, job.splits[number as usize]);
        let Gather::Read(input) = plan.stages[stage].gather else { return Err(unknown()) };
        let (mapper, cut) = match Words::combined(plan, stage) {
            Some(Words { lower, filters }) => {
                let partitions = (0..plan.partitions.max(1)).map(|_| RowWriter::default()).collect();
                let (counter, counts) = (WordCounter::new(lower), CountTable::new());
                (Mapper::Words(Box::new(WordMapper { counter, filters, counts, partitions, drained: 0 })), Cut::Space)
            }
            None => (Mapper::Columns(Box::new(ColumnMapper::new(job, stage, input, split, skip))), Cut::Line),
        };
        let reader = SplitReader::new(split, job.part(split), cut);
        Ok(MapKernel { reader, mapper, counters: Counters::default(), done: false })
    }

    /// Reads and maps about [`SLICE_BYTES`](crate::limits::SLICE_BYTES), or writes some of the rows; `true` when the task is finished.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<bool, KernelError> {
        if self.done {
            return Ok(true);
        }
        let counters = &mut self.counters;
        let Some(block) = self.reader.next(source)? else {
            self.done = match &mut self.mapper {
                Mapper::Words(words) => words.drain(self.reader.line_is_open(), counters)?,
                Mapper::Columns(columns) => columns.drain()?,
            };
            return Ok(self.done);
        };
        match &mut self.mapper {
            Mapper::Words(words) => {
                words.counter.count(&block, &mut words.counts);
                counters.map_input_records = words.counter.newlines();
                counters.bad_records = words.counter.bad_records();
            }
            Mapper::Columns(columns) => columns.map(&block, source, counters)?,
        }
        counters.input_bytes = self.reader.delivered();
        Ok(false)
    }

    /// Records of the split that have been read so far.
    pub fn records(&self) -> u64 {
        self.counters.map_input_records
    }

    /// Bytes of the split's records that have been read so far.
    pub fn bytes(&self) -> u64 {
        self.reader.delivered()
    }

    /// The task's output. Panics if [`MapKernel::step`] has not said that it is finished: half an output is none.
    pub fn finish(self) -> TaskResult {
        assert!(self.done, "a map task is finished before it is asked for its output");
        let (partitions, rows) = match self.mapper {
            Mapper::Words(words) => {
                let rows = words.partitions.iter().map(RowWriter::rows).sum();
                (words.partitions.into_iter().map(|rows| Payload::new(rows.into_bytes())).collect(), rows)
            }
            Mapper::Columns(columns) => columns.finish(),
        };
        TaskResult { partitions, counters: Counters { combine_output_records: rows, ..self.counters } }
    }
}

impl WordMapper {
    /// Writes the rows of some of the counted keys; `true` when all are written.
    fn drain(&mut self, line_is_open: bool, counters: &mut Counters) -> Result<bool, KernelError> {
        let first = self.drained;
        self.drained = self.counts.places().min(first + DRAIN_PLACES);
        counters.map_input_records += u64::from(first == 0 && line_is_open);
        let kept = self.filters.words(|| self.words(first..self.drained))?;
        let mut scratch = [0; INLINE_BYTES];
        let mut seen = 0;
        for place in first..self.drained {
            let Some((key, count)) = self.counts.entry(place, &mut scratch) else { continue };
            seen += 1;
            if kept.as_ref().is_some_and(|kept| !kept.value(seen - 1)) {
                continue;
            }
            counters.map_output_records += count;
            let partition = partition_of(key_hash(key), self.partitions.len() as u32);
            self.partitions[partition].push(key, count);
        }
        Ok(self.drained == self.counts.places())
    }

    /// The words of some places of the table, in order.
    fn words(&self, places: std::ops::Range<usize>) -> StringArray {
        let mut scratch = [0; INLINE_BYTES];
        let mut words = StringBuilder::new();
        for place in places {
            if let Some((key, _)) = self.counts.entry(place, &mut scratch) {
                words.append_value(std::str::from_utf8(key).expect("a word is cut out of text"));
            }
        }
        words.finish()
    }
}
