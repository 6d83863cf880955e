//! A task that gathers more than fits into its [`Space`]: its inputs are cut into pieces that do, which wait in the scratch and are
//! gathered one after the other.
//!
//! Cut by ranges of an order, as a sort's shuffle is (`ranges`), the pieces' rows come one after the other as those of the whole
//! would: the keys of a reduction, the rows of a sort. A join is cut by the hash of its key (Grace hash join, Kitsuregawa 1983), and
//! its rows are brought back into their order by the number of the left row that each has.
//!
//! Within a piece the rows stand as they came, so what is computed of them is the same to the last bit.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, UInt32Array};
use arrow_select::interleave::interleave;

use super::KernelError;
use super::batch::Batch;
use super::emit::by_hash;
use super::groups::{KeyHasher, canonical};
use super::ranges::{Ranges, Sampler, boundaries};
use super::rows::{RowReader, RowWriter};
use super::transfer::{Batches, ColumnWriter, unwritten};
use crate::batch::space::Sink;
use crate::batch::{Payload, SortKey, Space};
use crate::expr::Type;

/// Cuts rows by ranges of an order: they are read twice, first to see where the ranges begin.
pub(super) struct RangeDivider {
    types: Vec<Type>,
    order: Order,
    pieces: u32,
    space: Space,
    inputs: Vec<Payload>,
    /// `None` once it is done.
    phase: Option<Phase>,
    /// The input that comes next, and the one that is being read.
    next: usize,
    reading: Option<Batches>,
}

/// Over which columns, by their places in the rows, and how ranges are made.
pub(super) struct Order {
    pub by: Vec<usize>,
    /// Over those columns, by their places among them.
    pub sort: Vec<SortKey>,
    /// Whether floats that are equal as a key are in one range, whatever their bits.
    pub keys: bool,
}

enum Phase {
    Sample(Sampler),
    Divide { ranges: Box<Ranges>, writers: Vec<ColumnWriter> },
}

impl RangeDivider {
    pub fn new(types: Vec<Type>, order: Order, inputs: Vec<Payload>, pieces: u32, space: Space) -> RangeDivider {
        let sampler = Sampler::new(order.types(&types));
        RangeDivider { types, order, pieces, space, inputs, phase: Some(Phase::Sample(sampler)), next: 0, reading: None }
    }

    /// Does some of the work; the pieces in their order once it is done.
    pub fn step(&mut self) -> Result<Option<Vec<Payload>>, KernelError> {
        let Some(batch) = self.batch()? else { return self.turn() };
        let ordered = self.order.columns(&batch);
        match &mut self.phase {
            Some(Phase::Sample(sampler)) => sampler.see(&ordered)?,
            Some(Phase::Divide { ranges, writers }) => {
                for (rows, writer) in ranges.divide(&ordered, writers.len() as u32).into_iter().zip(writers) {
                    let rows = batch.taken(&UInt32Array::from(rows));
                    writer.write(rows.columns, rows.rows)?;
                }
            }
            None => {}
        }
        Ok(None)
    }

    /// The next rows of the inputs.
    fn batch(&mut self) -> Result<Option<Batch>, KernelError> {
        loop {
            if let Some(batch) = self.reading.as_mut().and_then(Iterator::next) {
                return batch.map(Some);
            }
            let Some(input) = self.inputs.get(self.next) else { return Ok(None) };
            self.reading = Some(Batches::new(input, &self.types)?);
            self.next += 1;
        }
    }

    /// The inputs have been read.
    fn turn(&mut self) -> Result<Option<Vec<Payload>>, KernelError> {
        (self.next, self.reading) = (0, None);
        match self.phase.take() {
            Some(Phase::Sample(sampler)) => {
                let begins = boundaries(&sampler.finish()?, &self.order.sort, self.pieces);
                let ranges = Ranges::new(&begins.columns, &self.order.types(&self.types), &self.order.sort);
                let count = self.pieces as usize;
                let writers = (0..count).map(|_| ColumnWriter::new(&self.types, &self.space, count)).collect();
                self.phase = Some(Phase::Divide { ranges: Box::new(ranges), writers });
                Ok(None)
            }
            Some(Phase::Divide { writers, .. }) => {
                self.inputs.clear();
                writers.into_iter().map(ColumnWriter::finish).collect::<Result<_, _>>().map(Some)
            }
            None => Ok(Some(Vec::new())),
        }
    }
}

impl Order {
    fn types(&self, of: &[Type]) -> Vec<Type> {
        self.by.iter().map(|column| of[*column].clone()).collect()
    }

    fn columns(&self, batch: &Batch) -> Batch {
        let column = |column: &usize| match self.keys {
            true => canonical(&batch.columns[*column]),
            false => batch.columns[*column].clone(),
        };
        Batch::new(self.by.iter().map(column).collect(), batch.rows)
    }
}

/// Cuts one side of a join by the hash of its key.
pub(super) struct HashDivider {
    types: Vec<Type>,
    keys: Vec<usize>,
    hasher: KeyHasher,
    /// The number of the next row, where rows are numbered: in a new, last column.
    number: Option<i64>,
    writers: Vec<ColumnWriter>,
}

impl HashDivider {
    pub fn new(types: &[Type], keys: &[usize], key_types: &[Type], numbered: bool, pieces: u32, space: &Space) -> HashDivider {
        let written: Vec<Type> = types.iter().cloned().chain(numbered.then_some(Type::Int64)).collect();
        let count = pieces as usize;
        // The other side writes at the same time.
        let writers = (0..count).map(|_| ColumnWriter::new(&written, space, 2 * count)).collect();
        let (types, keys, hasher) = (types.to_vec(), keys.to_vec(), KeyHasher::new(key_types));
        HashDivider { types, keys, hasher, number: numbered.then_some(0), writers }
    }

    pub fn types(&self) -> &[Type] {
        &self.types
    }

    pub fn divide(&mut self, mut batch: Batch) -> Result<(), KernelError> {
        let keys: Vec<ArrayRef> = self.keys.iter().map(|key| batch.columns[*key].clone()).collect();
        // The rows of a partition agree in the hash's remainder, so it takes another of its sides to tell them apart.
        let hashes: Vec<u64> = self.hasher.hashes(&keys).into_iter().map(|hash| (hash ^ MIX).wrapping_mul(MIX) >> 32).collect();
        if let Some(number) = &mut self.number {
            let end = *number + batch.rows as i64;
            batch.columns.push(Arc::new(Int64Array::from_iter_values(*number..end)));
            *number = end;
        }
        by_hash(&batch, &hashes, &mut self.writers)
    }

    pub fn finish(self) -> Result<Vec<Payload>, KernelError> {
        self.writers.into_iter().map(ColumnWriter::finish).collect()
    }
}

/// An odd number without a pattern in its bits.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Brings the rows of several pieces into the order of their numbers, which ascend in each; no two pieces share one.
pub(super) struct Merge {
    pieces: Vec<Batches>,
    /// The rows at hand of each piece, their numbers, and how many are taken.
    heads: Vec<Option<(Batch, Int64Array, usize)>>,
    /// The number that comes next of each piece.
    next: BinaryHeap<Reverse<(i64, usize)>>,
    /// Which column the numbers are in.
    number: usize,
}

impl Merge {
    pub fn new(pieces: &[Payload], types: &[Type], number: usize) -> Result<Merge, KernelError> {
        let pieces = pieces.iter().map(|piece| Batches::new(piece, types)).collect::<Result<Vec<_>, _>>()?;
        let heads = pieces.iter().map(|_| None).collect();
        let mut merge = Merge { pieces, heads, next: BinaryHeap::new(), number };
        for piece in 0..merge.pieces.len() {
            merge.refill(piece)?;
        }
        Ok(merge)
    }

    /// The next rows, at most so many, without their numbers; `None` when there are no more.
    pub fn next(&mut self, most: usize) -> Result<Option<Batch>, KernelError> {
        let (mut places, mut empty) = (Vec::new(), None);
        while let Some(Reverse((_, piece))) = self.next.pop() {
            let Some((batch, numbers, taken)) = &mut self.heads[piece] else { continue };
            // Rows of one piece that nobody else comes between go together.
            let until = self.next.peek().map_or(i64::MAX, |Reverse((number, _))| *number);
            let begin = *taken;
            while *taken < batch.rows && numbers.value(*taken) < until && places.len() + (*taken - begin) < most {
                *taken += 1;
            }
            places.extend((begin..*taken).map(|row| (piece, row)));
            match *taken < batch.rows {
                true => self.next.push(Reverse((numbers.value(*taken), piece))),
                false => empty = Some(piece),
            }
            if empty.is_some() || places.len() >= most {
                break;
            }
        }
        let rows = self.rows(&places)?;
        if let Some(piece) = empty {
            self.refill(piece)?;
        }
        Ok(rows)
    }

    /// Rows at hand, by piece and row.
    fn rows(&self, places: &[(usize, usize)]) -> Result<Option<Batch>, KernelError> {
        let Some((first, ..)) = places.first().and_then(|(piece, _)| self.heads[*piece].as_ref()) else { return Ok(None) };
        let mut columns = Vec::new();
        for column in (0..first.columns.len()).filter(|column| *column != self.number) {
            // A piece that has no rows at hand gives an empty array: none of the places is in it.
            let arrays: Vec<ArrayRef> = self
                .heads
                .iter()
                .map(|head| match head {
                    Some((batch, ..)) => batch.columns[column].clone(),
                    None => first.columns[column].slice(0, 0),
                })
                .collect();
            let arrays: Vec<_> = arrays.iter().map(|array| &**array).collect();
            columns.push(interleave(&arrays, places).map_err(|_| KernelError::TooMuchText)?);
        }
        Ok(Some(Batch::new(columns, places.len())))
    }

    fn refill(&mut self, piece: usize) -> Result<(), KernelError> {
        self.heads[piece] = loop {
            let Some(batch) = self.pieces[piece].next().transpose()? else { break None };
            if batch.rows > 0 {
                let numbers = batch.columns[self.number].as_primitive::<Int64Type>().clone();
                self.next.push(Reverse((numbers.value(0), piece)));
                break Some((batch, numbers, 0));
            }
        };
        Ok(())
    }
}

/// Cuts words and their counts by ranges of the words.
pub(super) struct WordDivider {
    inputs: Vec<Payload>,
    next: usize,
    pieces: u32,
    space: Space,
    /// One word of so many that pass by is taken, a power of two.
    stride: usize,
    seen: usize,
    samples: Vec<Box<[u8]>>,
    ranges: Option<WordRanges>,
}

/// The first words of all ranges but the first, and what goes into each range.
struct WordRanges {
    begins: Vec<Box<[u8]>>,
    writers: Vec<(RowWriter, Sink)>,
}

/// The samples are thinned when they are more than this.
const WORD_SAMPLES_MAX: usize = 1 << 12;

impl WordDivider {
    pub fn new(inputs: Vec<Payload>, pieces: u32, space: Space) -> WordDivider {
        WordDivider { inputs, next: 0, pieces, space, stride: 1, seen: 0, samples: Vec::new(), ranges: None }
    }

    /// Reads one input; the pieces in their order once it is done.
    pub fn step(&mut self) -> Result<Option<Vec<Payload>>, KernelError> {
        let Some(input) = self.inputs.get(self.next).cloned() else { return self.turn() };
        self.next += 1;
        let bytes = input.bytes()?;
        for row in RowReader::new(&bytes) {
            let (key, count) = row?;
            match &mut self.ranges {
                None => self.sample(key),
                Some(WordRanges { begins, writers }) => {
                    let (rows, sink) = &mut writers[begins.partition_point(|begin| **begin <= *key)];
                    rows.push(key, count);
                    if rows.len() >= ROWS_BYTES {
                        sink.write_all(&rows.take()).map_err(unwritten)?;
                    }
                }
            }
        }
        Ok(None)
    }

    fn sample(&mut self, key: &[u8]) {
        self.seen += 1;
        if !self.seen.is_multiple_of(self.stride) {
            return;
        }
        self.samples.push(key.into());
        if self.samples.len() > WORD_SAMPLES_MAX {
            let mut index = 0;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            self.stride *= 2;
        }
    }

    fn turn(&mut self) -> Result<Option<Vec<Payload>>, KernelError> {
        self.next = 0;
        if let Some(WordRanges { writers, .. }) = self.ranges.take() {
            self.inputs.clear();
            let finished = writers.into_iter().map(|(mut rows, mut sink)| {
                sink.write_all(&rows.take()).map_err(unwritten)?;
                sink.finish()
            });
            return finished.collect::<Result<_, _>>().map(Some);
        }
        self.samples.sort_unstable();
        let count = self.pieces as usize;
        let mut begins: Vec<_> =
            (1..count).filter_map(|range| self.samples.get(range * self.samples.len() / count)).cloned().collect();
        begins.dedup();
        let writers = (0..=begins.len()).map(|_| (RowWriter::default(), self.space.sink(count))).collect();
        self.ranges = Some(WordRanges { begins, writers });
        Ok(None)
    }
}

/// Bytes of words that are written together.
const ROWS_BYTES: usize = 64 << 10;
