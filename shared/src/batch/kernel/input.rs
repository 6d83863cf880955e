//! The records of a split, some at a time and by columns, whatever their format.
//!
//! A record belongs to the split in which it begins: a line, a record batch of an Arrow file, a row group of a Parquet file. So
//! splits stay stretches of bytes that may be cut anywhere.

use super::KernelError;
use super::arrow_file::ArrowReader;
use super::batch::Batch;
#[cfg(feature = "parquet")]
use super::parquet_file::ParquetReader;
use super::reader::{Cut, SplitReader};
use super::records::Decoder;
use crate::batch::{Counters, Format, Part, Records as Of, Source, Split};

/// See the module.
pub(super) enum RecordReader {
    Lines {
        reader: Box<SplitReader>,
        decoder: Box<Decoder>,
    },
    Arrow(Box<ArrowReader>),
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetReader>),
    #[cfg(not(feature = "parquet"))]
    Unreadable,
}

/// What one read came to.
pub(super) enum Records {
    Some(Batch),
    /// None yet, but there may be more.
    NotYet,
    End,
}

impl RecordReader {
    /// The records of a split, which is of this part. Columns that are not needed are not read.
    /// Lines that begin where `skip` says are passed over.
    pub fn new(records: &Of, split: Split, part: Part, needed: &[bool], skip: &[u64]) -> RecordReader {
        match records.format {
            Format::Lines | Format::Csv { .. } | Format::JsonLines => RecordReader::Lines {
                reader: Box::new(SplitReader::new(split, part, Cut::Line)),
                decoder: Box::new(Decoder::new(records, part, needed, skip)),
            },
            Format::Arrow => RecordReader::Arrow(Box::new(ArrowReader::new(records, split, part, needed))),
            #[cfg(feature = "parquet")]
            Format::Parquet => RecordReader::Parquet(Box::new(ParquetReader::new(records, split, part, needed))),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => RecordReader::Unreadable,
        }
    }

    /// Reads some of them.
    pub fn next(&mut self, source: &mut dyn Source, counters: &mut Counters) -> Result<Records, KernelError> {
        match self {
            RecordReader::Lines { reader, decoder } => match reader.next(source)? {
                None => Ok(Records::End),
                Some(block) if block.len == 0 => Ok(Records::NotYet),
                Some(block) => decoder.read(block.bytes(), block.at, source, counters).map(Records::Some),
            },
            RecordReader::Arrow(reader) => reader.next(source, counters),
            #[cfg(feature = "parquet")]
            RecordReader::Parquet(reader) => reader.next(source, counters),
            #[cfg(not(feature = "parquet"))]
            RecordReader::Unreadable => Err(unread()),
        }
    }

    /// Bytes of the records given so far.
    pub fn delivered(&self) -> u64 {
        match self {
            RecordReader::Lines { reader, .. } => reader.delivered(),
            RecordReader::Arrow(reader) => reader.delivered(),
            #[cfg(feature = "parquet")]
            RecordReader::Parquet(reader) => reader.delivered(),
            #[cfg(not(feature = "parquet"))]
            RecordReader::Unreadable => 0,
        }
    }

    /// An error of one of the records that were given last.
    pub fn refused(&self, record: usize, message: String) -> KernelError {
        match self {
            RecordReader::Lines { reader, decoder } => {
                let (bytes, at) = reader.last();
                decoder.refused(bytes, at, record, message)
            }
            RecordReader::Arrow(reader) => reader.refused(record, message),
            #[cfg(feature = "parquet")]
            RecordReader::Parquet(reader) => reader.refused(record, message),
            #[cfg(not(feature = "parquet"))]
            RecordReader::Unreadable => unread(),
        }
    }
}

#[cfg(not(feature = "parquet"))]
fn unread() -> KernelError {
    let problem = "a page does not read it, for what that would weigh: run on the server".to_owned();
    KernelError::Format { format: "parquet", problem }
}
