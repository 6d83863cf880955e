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
use crate::batch::{Counters, Gather, Job, Payload, Source, Space};
use crate::id::TaskId;

/// Places of the table that one step turns into rows: a few milliseconds.
const DRAIN_PLACES: usize = 1 << 18;

/// A map task under way. Call [`MapKernel::step`] until it says `true`, then [`MapKernel::finish`].
pub struct MapKernel {
    mapper: Mapper,
    counters: Counters,
    done: bool,
}

enum Mapper {
    Words(Box<WordMapper>),
    Columns {
        mapper: Box<ColumnMapper>,
        /// The split's records have all been read.
        read: bool,
    },
}

/// Only the words of a line matter, so blocks are counted whole, and filters see each distinct word once.
struct WordMapper {
    reader: SplitReader,
    counter: WordCounter,
    filters: KeyFilters,
    counts: CountTable,
    partitions: Vec<RowWriter>,
    /// Places of the table whose rows have been written, once the split has been read.
    drained: Option<usize>,
}

impl MapKernel {
    /// Begins the map task of this number; records that begin at one of the bytes `skip` are passed over.
    pub fn new(job: &Job, number: u32, skip: &[u64], space: &Space) -> Result<MapKernel, KernelError> {
        let unknown = || KernelError::Unreadable(format!("the job has no {}", TaskId::Map(number)));
        let (stage, _) = job.stage(TaskId::Map(number)).ok_or_else(unknown)?;
        let (plan, split) = (&job.plan, job.splits[number as usize]);
        let Gather::Read(input) = plan.stages[stage].gather else { return Err(unknown()) };
        let mapper = match Words::combined(plan, stage) {
            Some(Words { lower, filters }) => {
                let reader = SplitReader::new(split, job.part(split), Cut::Space);
                let partitions = (0..plan.partitions.max(1)).map(|_| RowWriter::default()).collect();
                let (counter, counts) = (WordCounter::new(lower), CountTable::new());
                Mapper::Words(Box::new(WordMapper { reader, counter, filters, counts, partitions, drained: None }))
            }
            None => Mapper::Columns { mapper: Box::new(ColumnMapper::new(job, stage, input, split, skip, space)), read: false },
        };
        Ok(MapKernel { mapper, counters: Counters::default(), done: false })
    }

    /// Reads and maps about [`SLICE_BYTES`](crate::limits::SLICE_BYTES), or writes some of the rows; `true` when the task is finished.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<bool, KernelError> {
        if !self.done {
            self.done = match &mut self.mapper {
                Mapper::Words(words) => words.step(source, &mut self.counters)?,
                Mapper::Columns { mapper, read: true } => mapper.drain()?,
                Mapper::Columns { mapper, read } => {
                    *read = mapper.map(source, &mut self.counters)?;
                    false
                }
            };
            self.counters.input_bytes = self.bytes();
        }
        Ok(self.done)
    }

    /// Records of the split that have been read so far.
    pub fn records(&self) -> u64 {
        self.counters.map_input_records
    }

    /// Bytes of the split's records that have been read so far.
    pub fn bytes(&self) -> u64 {
        match &self.mapper {
            Mapper::Words(words) => words.reader.delivered(),
            Mapper::Columns { mapper, .. } => mapper.bytes(),
        }
    }

    /// The task's output. Panics if [`MapKernel::step`] has not said that it is finished: half an output is none.
    pub fn finish(self) -> Result<TaskResult, KernelError> {
        assert!(self.done, "a map task is finished before it is asked for its output");
        let (partitions, rows) = match self.mapper {
            Mapper::Words(words) => {
                let rows = words.partitions.iter().map(RowWriter::rows).sum();
                (words.partitions.into_iter().map(|rows| Payload::new(rows.into_bytes())).collect(), rows)
            }
            Mapper::Columns { mapper, .. } => mapper.finish()?,
        };
        Ok(TaskResult { partitions, counters: Counters { combine_output_records: rows, ..self.counters } })
    }
}

impl WordMapper {
    /// Counts some of the split's words, or writes the rows of some; `true` when all are written.
    fn step(&mut self, source: &mut dyn Source, counters: &mut Counters) -> Result<bool, KernelError> {
        if let Some(first) = self.drained {
            return self.drain(first, counters);
        }
        match self.reader.next(source)? {
            Some(block) => self.counter.count(&block, &mut self.counts),
            None => self.drained = Some(0),
        }
        counters.map_input_records = self.counter.newlines();
        counters.bad_records = self.counter.bad_records();
        // The last line perhaps without its end.
        counters.map_input_records += u64::from(self.drained.is_some() && self.reader.line_is_open());
        Ok(false)
    }

    /// Writes the rows of some of the counted keys, from a place of the table on; `true` when all are written.
    fn drain(&mut self, first: usize, counters: &mut Counters) -> Result<bool, KernelError> {
        let end = self.counts.places().min(first + DRAIN_PLACES);
        self.drained = Some(end);
        let kept = self.filters.words(|| self.words(first..end))?;
        let mut scratch = [0; INLINE_BYTES];
        let mut seen = 0;
        for place in first..end {
            let Some((key, count)) = self.counts.entry(place, &mut scratch) else { continue };
            seen += 1;
            if kept.as_ref().is_some_and(|kept| !kept.value(seen - 1)) {
                continue;
            }
            counters.map_output_records += count;
            let partition = partition_of(key_hash(key), self.partitions.len() as u32);
            self.partitions[partition].push(key, count);
        }
        Ok(end == self.counts.places())
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
