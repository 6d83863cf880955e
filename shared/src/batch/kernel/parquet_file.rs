//! Parquet: the row groups that begin in a split.
//!
//! The decoder asks for the bytes that it needs, which are those of the columns that the plan looks at, and never reads by itself.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::Schema;
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataPushDecoder, RowGroupMetaData};

use super::KernelError;
use super::columnar::Projection;
use super::input::Records as Read;
use crate::batch::{Counters, Part, Records, Source, Split};

/// Rows of a batch: few enough for a step that takes some milliseconds.
const BATCH_ROWS: usize = 1 << 14;

/// The row groups of a split.
pub(super) struct ParquetReader {
    records: Records,
    split: Split,
    part: Part,
    needed: Vec<bool>,
    /// `None` until the first read.
    open: Option<Open>,
    /// Rows before the last batch.
    given: usize,
    last_rows: usize,
    delivered: u64,
}

struct Open {
    decoder: ParquetPushDecoder,
    projection: Projection,
}

impl ParquetReader {
    pub fn new(records: &Records, split: Split, part: Part, needed: &[bool]) -> ParquetReader {
        let (records, needed) = (records.clone(), needed.to_vec());
        ParquetReader { records, split, part, needed, open: None, given: 0, last_rows: 0, delivered: 0 }
    }

    /// Reads some bytes, or decodes some rows.
    pub fn next(&mut self, source: &mut dyn Source, counters: &mut Counters) -> Result<Read, KernelError> {
        if self.split.start >= self.split.end {
            return Ok(Read::End);
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Open::new(&self.records, self.split, self.part, &self.needed, source)?),
        };
        match open.decoder.try_decode().map_err(wrong)? {
            DecodeResult::Finished => Ok(Read::End),
            DecodeResult::NeedsData(ranges) => {
                let bytes = read(self.part, &ranges, source)?;
                self.delivered += bytes.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
                open.decoder.push_ranges(ranges, bytes).map_err(wrong)?;
                Ok(Read::NotYet)
            }
            DecodeResult::Data(rows) => {
                self.given += std::mem::replace(&mut self.last_rows, rows.num_rows());
                counters.map_input_records += rows.num_rows() as u64;
                let batch = open.projection.batch(&rows);
                batch.map(Read::Some).map_err(|unfit| refused(self.split, self.given + unfit.row, unfit.message))
            }
        }
    }

    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// An error of a row of the last batch.
    pub fn refused(&self, row: usize, message: String) -> KernelError {
        refused(self.split, self.given + row, message)
    }
}

fn refused(split: Split, row: usize, message: String) -> KernelError {
    let place = format!("row {} of the row groups that begin in bytes {} to {}", row + 1, split.start, split.end);
    KernelError::Record { place, message, at: None }
}

/// The columns that a file has.
pub(super) fn schema(part: Part, source: &mut dyn Source) -> Result<Arc<Schema>, KernelError> {
    let builder = ParquetPushDecoderBuilder::try_new_decoder(metadata(part, source)?).map_err(wrong)?;
    Ok(builder.schema().clone())
}

impl Open {
    fn new(records: &Records, split: Split, part: Part, needed: &[bool], source: &mut dyn Source) -> Result<Open, KernelError> {
        let metadata = metadata(part, source)?;
        let mut own = Vec::new();
        for (index, group) in metadata.row_groups().iter().enumerate() {
            let start = part.start + start(group)?;
            if (split.start..split.end).contains(&start) {
                own.push(index);
            }
        }
        let builder = ParquetPushDecoderBuilder::try_new_decoder(metadata).map_err(wrong)?;
        let projection = Projection::new(records, needed, builder.schema())?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), projection.fields.iter().copied());
        let decoder = builder.with_row_groups(own).with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(wrong)?;
        Ok(Open { decoder, projection })
    }
}

/// Where a row group begins: with the first of its columns.
fn start(group: &RowGroupMetaData) -> Result<u64, KernelError> {
    let first_page = |column: &ColumnChunkMetaData| column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    if group.columns().iter().any(|column| first_page(column) < 0 || column.compressed_size() < 0) {
        return Err(corrupt("a column begins before the file does"));
    }
    Ok(group.columns().iter().map(first_page).min().unwrap_or(0) as u64)
}

/// What the file says of itself at its end.
fn metadata(part: Part, source: &mut dyn Source) -> Result<Arc<ParquetMetaData>, KernelError> {
    let mut decoder = ParquetMetaDataPushDecoder::try_new(part.end - part.start).map_err(wrong)?;
    loop {
        match decoder.try_decode().map_err(wrong)? {
            DecodeResult::NeedsData(ranges) => {
                let bytes = read(part, &ranges, source)?;
                decoder.push_ranges(ranges, bytes).map_err(wrong)?;
            }
            DecodeResult::Data(metadata) => return Ok(Arc::new(metadata)),
            DecodeResult::Finished => return Err(corrupt("it has no footer")),
        }
    }
}

fn read(part: Part, ranges: &[Range<u64>], source: &mut dyn Source) -> Result<Vec<Bytes>, KernelError> {
    let one = |range: &Range<u64>| {
        if range.start > range.end || range.end > part.end - part.start {
            return Err(corrupt("it is cut off, or names bytes that it does not have"));
        }
        let mut bytes = vec![0; (range.end - range.start) as usize];
        let got = source.read_at(part.start + range.start, &mut bytes)?;
        if got < bytes.len() {
            return Err(KernelError::Shrunk { expected: part.start + range.end, found: part.start + range.start + got as u64 });
        }
        Ok(Bytes::from(bytes))
    };
    ranges.iter().map(one).collect()
}

fn wrong(error: ParquetError) -> KernelError {
    corrupt(&error.to_string())
}

fn corrupt(problem: &str) -> KernelError {
    KernelError::Format { format: "parquet", problem: problem.to_owned() }
}
