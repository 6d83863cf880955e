//! A map task: reads its split, applies the steps, combines equal keys, and leaves one payload per partition.
//!
//! The combiner (MapReduce, OSDI'04 §4.3) is the count itself: each distinct key leaves once, in the order of the table that
//! counted it. With `combine: false` each occurrence leaves as a row of its own, in the order of the text; the reduced result is
//! the same. Either order is the same on every platform, run and attempt.

use std::sync::Arc;

use arrow_array::StringArray;
use arrow_array::builder::StringBuilder;

use super::KernelError;
use super::counts::CountTable;
use super::hash::{INLINE_BYTES, key_hash, partition_of};
use super::reader::{Cut, SplitReader};
use super::rows::RowWriter;
use super::steps::{KeyFilters, Shape, Steps};
use super::words::WordCounter;
use crate::batch::{Counters, Payload, Plan, Source, Split};

/// Places of the table that one step turns into rows: a few milliseconds.
const DRAIN_PLACES: usize = 1 << 18;

/// A map task under way. Call [`MapKernel::step`] until it says `true`, then [`MapKernel::finish`].
pub struct MapKernel {
    plan: Arc<Plan>,
    reader: SplitReader,
    mapper: Mapper,
    counts: CountTable,
    partitions: Vec<RowWriter>,
    drained: usize,
    counters: Counters,
    done: bool,
}

enum Mapper {
    /// Only the words of a line matter, so blocks are counted whole, and filters see each distinct word once.
    Words { counter: Box<WordCounter>, filters: KeyFilters },
    /// Row by row through the steps.
    Rows(Steps),
}

/// What a map task leaves: rows (see [`RowWriter`](super::RowWriter)) for each partition, and what it counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapResult {
    pub partitions: Vec<Payload>,
    pub counters: Counters,
}

impl MapKernel {
    /// Begins the task of `split` in an input of `input_len` bytes.
    pub fn new(plan: Arc<Plan>, split: Split, input_len: u64) -> MapKernel {
        let (mapper, cut) = match Shape::of(&plan) {
            Shape::Words { lower, filters } if plan.combine => {
                (Mapper::Words { counter: Box::new(WordCounter::new(lower)), filters }, Cut::Space)
            }
            _ => (Mapper::Rows(Steps::new(plan.clone())), Cut::Line),
        };
        let partitions = (0..plan.partitions.max(1)).map(|_| RowWriter::default()).collect();
        let reader = SplitReader::new(split, input_len, cut);
        let (counts, drained, counters, done) = (CountTable::new(), 0, Counters::default(), false);
        MapKernel { plan, reader, mapper, counts, partitions, drained, counters, done }
    }

    /// Reads and maps about [`SLICE_BYTES`](crate::limits::SLICE_BYTES), or writes some of the rows; `true` when the task is finished.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<bool, KernelError> {
        if self.done {
            return Ok(true);
        }
        let Some(block) = self.reader.next(source)? else {
            self.done = self.drain()?;
            return Ok(self.done);
        };
        match &mut self.mapper {
            Mapper::Words { counter, .. } => {
                counter.count(&block, &mut self.counts);
                self.counters.map_input_records = counter.newlines();
                self.counters.bad_records = counter.bad_records();
            }
            Mapper::Rows(steps) => {
                let (counts, partitions, counters) = (&mut self.counts, &mut self.partitions, &mut self.counters);
                let combine = self.plan.combine;
                steps.map_lines(block.bytes(), &mut *counters, |key| {
                    if combine {
                        *counts.count_mut(key) += 1;
                    } else {
                        let partition = partition_of(key_hash(key), partitions.len() as u32);
                        partitions[partition].push(key, 1);
                    }
                })?;
            }
        }
        self.counters.input_bytes = self.reader.delivered();
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
    pub fn finish(mut self) -> MapResult {
        assert!(self.done, "a map task is finished before it is asked for its output");
        self.counters.combine_output_records = self.partitions.iter().map(RowWriter::rows).sum();
        let partitions = self.partitions.into_iter().map(|rows| Payload::new(rows.into_bytes())).collect();
        MapResult { partitions, counters: self.counters }
    }

    /// Writes the rows of some of the counted keys; `true` when all are written.
    fn drain(&mut self) -> Result<bool, KernelError> {
        let first = self.drained;
        self.drained = self.counts.places().min(first + DRAIN_PLACES);
        if first == 0
            && let Mapper::Words { .. } = self.mapper
        {
            self.counters.map_input_records += u64::from(self.reader.line_is_open());
        }
        let kept = match &self.mapper {
            Mapper::Words { filters, .. } if !filters.is_empty() => Some(filters.keep(&self.words(first..self.drained))?),
            _ => None,
        };
        let words = matches!(self.mapper, Mapper::Words { .. });
        let mut scratch = [0; INLINE_BYTES];
        let mut seen = 0;
        for place in first..self.drained {
            let Some((key, count)) = self.counts.entry(place, &mut scratch) else { continue };
            seen += 1;
            if kept.as_ref().is_some_and(|kept| !kept.value(seen - 1)) {
                continue;
            }
            self.counters.map_output_records += if words { count } else { 0 };
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
