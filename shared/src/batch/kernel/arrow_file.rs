//! Arrow's IPC format, file or stream: the record batches that begin in a split.
//!
//! A file ends with a list of where its batches are. A stream has none, so the heads of its messages are read from its start on, which
//! are short, until the split's end.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, Endianness, MessageHeader, MetadataVersion, root_as_footer, root_as_message};
use arrow_schema::{ArrowError, Schema};

use super::KernelError;
use super::columnar::Projection;
use super::gather::PIECE_ROWS;
use super::input::Records as Read;
use crate::batch::{Counters, Part, Records, Source, Split};
use crate::limits::ARROW_BATCH_BYTES_MAX;

/// What a file begins and ends with.
const MAGIC: &[u8] = b"ARROW1";

/// Bytes behind a file's footer: its length, and the magic.
const TRAILER_BYTES: usize = 10;

/// What a message begins with, but for those written before 2019, and its length behind that.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The record batches of a split.
pub(super) struct ArrowReader {
    records: Records,
    split: Split,
    part: Part,
    needed: Vec<bool>,
    /// `None` until the first read.
    open: Option<Open>,
    delivered: u64,
}

struct Open {
    decoder: FileDecoder,
    projection: Projection,
    /// Dictionaries that have not been read yet. A file's are for all of its batches, a stream's for those behind them.
    dictionaries: VecDeque<Block>,
    is_stream: bool,
    /// The split's batches that have not been read yet.
    batches: VecDeque<Block>,
    /// The batch that is being given in pieces: where it is, its rows, and the piece that comes next.
    current: Option<(u64, RecordBatch)>,
    /// Where in the batch the last piece and the next one begin.
    last: usize,
    next: usize,
}

/// What a file says of itself.
struct Index {
    schema: Arc<Schema>,
    version: MetadataVersion,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
    is_stream: bool,
}

impl ArrowReader {
    pub fn new(records: &Records, split: Split, part: Part, needed: &[bool]) -> ArrowReader {
        ArrowReader { records: records.clone(), split, part, needed: needed.to_vec(), open: None, delivered: 0 }
    }

    /// Reads a batch, or gives more of the one before.
    pub fn next(&mut self, source: &mut dyn Source, counters: &mut Counters) -> Result<Read, KernelError> {
        if self.split.start >= self.split.end {
            return Ok(Read::End);
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Open::new(&self.records, self.split, self.part, &self.needed, source)?),
        };
        let Some((at, rows)) = &open.current else {
            let Some(block) = open.batches.pop_front() else { return Ok(Read::End) };
            let at = self.part.start + block.offset() as u64;
            let rows = open.read(&block, self.part, source)?;
            self.delivered += length(&block);
            (open.current, open.last, open.next) = (Some((at, rows)), 0, 0);
            return Ok(Read::NotYet);
        };
        let count = PIECE_ROWS.min(rows.num_rows() - open.next);
        if count == 0 {
            open.current = None;
            return Ok(Read::NotYet);
        }
        let (at, piece) = (*at, rows.slice(open.next, count));
        (open.last, open.next) = (open.next, open.next + count);
        counters.map_input_records += count as u64;
        let batch = open.projection.batch(&piece);
        batch.map(Read::Some).map_err(|unfit| refused(at, open.last + unfit.row, unfit.message))
    }

    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// An error of a row of the last piece.
    pub fn refused(&self, row: usize, message: String) -> KernelError {
        match &self.open {
            Some(Open { current: Some((at, _)), last, .. }) => refused(*at, last + row, message),
            _ => refused(self.split.start, row, message),
        }
    }
}

fn refused(batch: u64, row: usize, message: String) -> KernelError {
    let place = format!("row {} of the record batch at byte {batch}", row + 1);
    KernelError::Record { place, message, at: None }
}

/// The columns that a file or stream has.
pub(super) fn schema(part: Part, source: &mut dyn Source) -> Result<Arc<Schema>, KernelError> {
    // Batches from the first byte on are those of nobody: only the head of a stream is read.
    Ok(Index::read(part, part.start, source)?.schema)
}

impl Open {
    fn new(records: &Records, split: Split, part: Part, needed: &[bool], source: &mut dyn Source) -> Result<Open, KernelError> {
        let Index { schema, version, dictionaries, batches, is_stream } = Index::read(part, split.end, source)?;
        let projection = Projection::new(records, needed, &schema)?;
        let decoder = FileDecoder::new(schema, version).with_projection(projection.fields.clone());
        let (from, to) = (split.start - part.start, split.end - part.start);
        let own = |block: &Block| (from..to).contains(&(block.offset() as u64));
        let batches = batches.into_iter().filter(own).collect();
        let dictionaries = dictionaries.into();
        Ok(Open { decoder, projection, dictionaries, is_stream, batches, current: None, last: 0, next: 0 })
    }

    fn read(&mut self, block: &Block, part: Part, source: &mut dyn Source) -> Result<RecordBatch, KernelError> {
        let due = |dictionary: &mut Block| !self.is_stream || dictionary.offset() < block.offset();
        while let Some(dictionary) = self.dictionaries.pop_front_if(due) {
            let bytes = message(&dictionary, part, source)?;
            decoded(|| self.decoder.read_dictionary(&dictionary, &bytes))?;
        }
        let bytes = message(block, part, source)?;
        let rows = decoded(|| self.decoder.read_record_batch(block, &bytes))?;
        rows.ok_or_else(|| wrong("a message that should hold rows holds none"))
    }
}

impl Index {
    /// Of a stream only what begins before `end`.
    fn read(part: Part, end: u64, source: &mut dyn Source) -> Result<Index, KernelError> {
        let bytes = part.end - part.start;
        let head = read(part, 0, MAGIC.len().min(bytes as usize) as u64, source)?;
        if head == MAGIC {
            return Index::of_file(part, source);
        }
        match head.get(..4) {
            Some(first) if first == CONTINUATION => Index::of_stream(part, end, source),
            // A stream of the old form begins with the length of its schema, which is short.
            Some(&[_, _, 0, 0]) => Index::of_stream(part, end, source),
            _ => Err(wrong("it begins like neither an Arrow IPC file nor a stream")),
        }
    }

    fn of_file(part: Part, source: &mut dyn Source) -> Result<Index, KernelError> {
        let bytes = part.end - part.start;
        let trailer_at = bytes.checked_sub(TRAILER_BYTES as u64).ok_or_else(cut_off)?;
        let trailer: [u8; TRAILER_BYTES] =
            read(part, trailer_at, TRAILER_BYTES as u64, source)?.try_into().map_err(|_| cut_off())?;
        let footer = read_footer_length(trailer).map_err(|_| cut_off())? as u64;
        let footer_at = trailer_at.checked_sub(footer).ok_or_else(cut_off)?;
        let footer = read(part, footer_at, footer, source)?;
        let footer = root_as_footer(&footer).map_err(|error| wrong(&error.to_string()))?;
        let schema = footer.schema().ok_or_else(|| wrong("it has no schema"))?;
        Ok(Index {
            schema: own_schema(schema)?,
            version: footer.version(),
            dictionaries: footer.dictionaries().into_iter().flatten().copied().collect(),
            batches: footer.recordBatches().into_iter().flatten().copied().collect(),
            is_stream: false,
        })
    }

    fn of_stream(part: Part, end: u64, source: &mut dyn Source) -> Result<Index, KernelError> {
        let (mut at, mut schema) = (0, None);
        let (mut version, mut dictionaries, mut batches) = (MetadataVersion::V5, Vec::new(), Vec::new());
        while at < part.end - part.start {
            let prefix = read(part, at, 8.min(part.end - part.start - at), source)?;
            let (length, prefix) = match (prefix.get(..4), prefix.get(4..8)) {
                (Some(first), Some(length)) if first == CONTINUATION => (length, 8),
                (Some(length), _) => (length, 4),
                _ => return Err(cut_off()),
            };
            let length = i32::from_le_bytes([length[0], length[1], length[2], length[3]]);
            // What a stream ends with.
            if length == 0 {
                break;
            }
            let length = u64::try_from(length).map_err(|_| wrong("a message has a negative length"))?;
            if at + prefix + length > part.end - part.start {
                return Err(cut_off());
            }
            let head = read(part, at + prefix, length, source)?;
            let head = root_as_message(&head).map_err(|error| wrong(&error.to_string()))?;
            let body = u64::try_from(head.bodyLength()).map_err(|_| wrong("a message has a negative length"))?;
            let block = Block::new(at as i64, (prefix + length) as i32, body as i64);
            match head.header_type() {
                MessageHeader::Schema => {
                    let of = head.header_as_schema().ok_or_else(|| wrong("it has no schema"))?;
                    (schema, version) = (Some(own_schema(of)?), head.version());
                }
                MessageHeader::DictionaryBatch => dictionaries.push(block),
                MessageHeader::RecordBatch => batches.push(block),
                _ => {}
            }
            at += prefix + length + body;
            if schema.is_some() && part.start + at >= end {
                break;
            }
        }
        let schema = schema.ok_or_else(|| wrong("it has no schema"))?;
        Ok(Index { schema, version, dictionaries, batches, is_stream: true })
    }
}

fn own_schema(schema: arrow_ipc::Schema<'_>) -> Result<Arc<Schema>, KernelError> {
    if schema.endianness() != Endianness::Little {
        return Err(wrong("its numbers have their bytes in the other order (big-endian)"));
    }
    try_fb_to_schema(schema).map(Arc::new).map_err(|error| corrupt(&error))
}

/// A message of a file, whose buffers lie within it.
fn message(block: &Block, part: Part, source: &mut dyn Source) -> Result<Buffer, KernelError> {
    let (at, head, body) = (block.offset(), block.metaDataLength(), block.bodyLength());
    if at < 0 || head < 8 || body < 0 {
        return Err(wrong("a message has a negative length"));
    }
    let bytes = length(block);
    if bytes > ARROW_BATCH_BYTES_MAX as u64 {
        let most = ARROW_BATCH_BYTES_MAX >> 20;
        return Err(wrong(&format!(
            "the record batch at byte {at} is larger than {most} MiB, the most that one may have: write it with smaller batches"
        )));
    }
    let bytes = Buffer::from_vec(read(part, at as u64, bytes, source)?);
    let skipped = if bytes[..4] == CONTINUATION { 8 } else { 4 };
    let message = root_as_message(&bytes[skipped..head as usize]).map_err(|error| wrong(&error.to_string()))?;
    let batch = match message.header_type() {
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|batch| batch.data()),
        _ => message.header_as_record_batch(),
    };
    let batch = batch.ok_or_else(|| wrong("a message that should hold rows holds none"))?;
    let within = |buffer: &arrow_ipc::Buffer| {
        buffer.offset() >= 0
            && buffer.length() >= 0
            && buffer.offset().checked_add(buffer.length()).is_some_and(|end| end <= body)
    };
    // A compressed buffer begins with the length that it has unpacked, for which room is made at once; -1: it is not compressed.
    let is_packed = batch.compression().is_some();
    let unpacks = |buffer: &arrow_ipc::Buffer| {
        let start = head as usize + buffer.offset() as usize;
        let length = bytes.get(start..start + 8).and_then(|length| length.try_into().ok()).map_or(0, i64::from_le_bytes);
        !is_packed || buffer.length() < 8 || (-1..=ARROW_BATCH_BYTES_MAX as i64).contains(&length)
    };
    let sound = batch.length() >= 0
        && batch.buffers().into_iter().flatten().all(|buffer| within(buffer) && unpacks(buffer))
        && batch
            .nodes()
            .into_iter()
            .flatten()
            .all(|node| (0..=ARROW_BATCH_BYTES_MAX as i64).contains(&node.length()) && node.null_count() >= 0);
    if sound { Ok(bytes) } else { Err(wrong("a record batch names bytes that it does not have")) }
}

fn length(block: &Block) -> u64 {
    (block.metaDataLength().max(0) as u64).saturating_add(block.bodyLength().max(0) as u64)
}

/// Some bytes of a part, all of them.
fn read(part: Part, at: u64, count: u64, source: &mut dyn Source) -> Result<Vec<u8>, KernelError> {
    let end = at.checked_add(count).filter(|end| *end <= part.end - part.start).ok_or_else(cut_off)?;
    let mut bytes = vec![0; count as usize];
    let got = source.read_at(part.start + at, &mut bytes)?;
    if got < bytes.len() {
        return Err(KernelError::Shrunk { expected: part.start + end, found: part.start + at + got as u64 });
    }
    Ok(bytes)
}

/// What Arrow makes of a message. It asserts some of what a damaged file may break, such as that a buffer of offsets holds whole ones.
fn decoded<T>(decode: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, KernelError> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(|error| corrupt(&error)),
        Err(_) => Err(wrong("a record batch is damaged")),
    }
}

fn cut_off() -> KernelError {
    wrong("it is cut off")
}

fn corrupt(error: &ArrowError) -> KernelError {
    wrong(&error.to_string())
}

fn wrong(problem: &str) -> KernelError {
    KernelError::Format { format: "arrow", problem: problem.to_owned() }
}
