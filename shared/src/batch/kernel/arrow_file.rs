//! Arrow's IPC format, file or stream: the record batches that begin in a split.
//!
//! A file ends with a list of where its batches are. A stream has none, so the heads of its messages are read from its start on, which
//! are short, until the split's end. Of a batch only what `arrow_body` says is read: the buffers of the columns that are looked at.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, Endianness, Message, MessageHeader, MetadataVersion, root_as_footer, root_as_message};
use arrow_schema::{ArrowError, DataType, Schema};

use super::KernelError;
use super::arrow_body::Body;
use super::columnar::Projection;
use super::gather::PIECE_ROWS;
use super::input::Records as Read;
use crate::batch::{Counters, Part, Records, Source, Split};
use crate::limits::{ARROW_BATCH_BYTES_MAX, ARROW_GAP_BYTES, ARROW_HEAD_BYTES_MAX};

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
    schema: Arc<Schema>,
    /// The columns of it that are looked at.
    taken: Schema,
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
        let decoder = FileDecoder::new(schema.clone(), version).with_projection(projection.fields.clone());
        let (from, to) = (split.start - part.start, split.end - part.start);
        let own = |block: &Block| (from..to).contains(&(block.offset() as u64));
        let batches = batches.into_iter().filter(own).collect();
        let dictionaries = dictionaries.into();
        let taken = schema.project(&projection.fields).map_err(|error| corrupt(&error))?;
        Ok(Open { schema, taken, decoder, projection, dictionaries, is_stream, batches, current: None, last: 0, next: 0 })
    }

    fn read(&mut self, block: &Block, part: Part, source: &mut dyn Source) -> Result<RecordBatch, KernelError> {
        let due = |dictionary: &mut Block| !self.is_stream || dictionary.offset() < block.offset();
        while let Some(dictionary) = self.dictionaries.pop_front_if(due) {
            if let Some(bytes) = self.message(&dictionary, part, source)? {
                self.decoder.read_dictionary(&dictionary, &bytes).map_err(|error| corrupt(&error))?;
            }
        }
        let bytes = self.message(block, part, source)?.ok_or_else(no_rows)?;
        let rows = self.decoder.read_record_batch(block, &bytes).map_err(|error| corrupt(&error))?;
        rows.ok_or_else(no_rows)
    }

    /// Reads a message, its body only where somebody looks at it. `None`: it is a dictionary that is looked up by none of the columns.
    fn message(&self, block: &Block, part: Part, source: &mut dyn Source) -> Result<Option<Buffer>, KernelError> {
        let (at, whole) = (block.offset(), length(block));
        let head = u64::try_from(block.metaDataLength()).ok().filter(|head| (8..=ARROW_HEAD_BYTES_MAX).contains(head));
        let (Ok(start), Some(head)) = (u64::try_from(at), head) else { return Err(no_head()) };
        if whole > ARROW_BATCH_BYTES_MAX as u64 {
            return Err(too_large(at));
        }
        if start.checked_add(whole).is_none_or(|end| end > part.end - part.start) {
            return Err(cut_off());
        }
        // Memory that nothing is read into takes none: it is zero and never touched.
        let mut bytes = vec![0; whole as usize];
        let ahead = head.max(ARROW_GAP_BYTES).min(whole);
        fill(part, start, &mut bytes[..ahead as usize], source)?;
        let skipped = if bytes[..4] == CONTINUATION { 8 } else { 4 };
        let message = root_as_message(&bytes[skipped..head as usize]).map_err(|error| wrong(&error.to_string()))?;
        let Some(body) = self.body(message, whole - head)? else { return Ok(None) };
        for stretch in body.stretches() {
            let (from, to) = ((head + stretch.start).max(ahead), head + stretch.end);
            if from < to {
                fill(part, start + from, &mut bytes[from as usize..to as usize], source)?;
            }
        }
        match body.unpacked(&bytes[head as usize..]).ok_or_else(damaged)? {
            unpacked if unpacked > ARROW_BATCH_BYTES_MAX as u64 => Err(too_large(at)),
            _ => Ok(Some(Buffer::from_vec(bytes))),
        }
    }

    /// What is in the body of a message.
    fn body(&self, message: Message<'_>, bytes: u64) -> Result<Option<Body>, KernelError> {
        let version = message.version();
        let body = if message.header_type() == MessageHeader::DictionaryBatch {
            let dictionary = message.header_as_dictionary_batch().ok_or_else(no_rows)?;
            let Some(of) = self.dictionary(dictionary.id())? else { return Ok(None) };
            let rows = dictionary.data().ok_or_else(no_rows)?;
            Body::of(rows, std::iter::once((&of, true)), version, bytes)
        } else {
            let batch = message.header_as_record_batch().ok_or_else(no_rows)?;
            let is_taken = |index| self.projection.fields.binary_search(&index).is_ok();
            let columns = self.schema.fields().iter().enumerate().map(|(index, field)| (field.data_type(), is_taken(index)));
            Body::of(batch, columns, version, bytes)
        };
        body.map(Some).ok_or_else(damaged)
    }

    /// The type of a dictionary's values; `None`: no column that is looked at has keys of it.
    #[expect(deprecated, reason = "nothing but the number of a dictionary says whose it is")]
    fn dictionary(&self, id: i64) -> Result<Option<DataType>, KernelError> {
        let values = |schema: &Schema| match schema.fields_with_dict_id(id).first()?.data_type() {
            DataType::Dictionary(_, values) => Some(DataType::clone(values)),
            _ => None,
        };
        match values(&self.taken) {
            None => Ok(None),
            // The decoder goes by the first of all columns.
            of if of == values(&self.schema) => Ok(of),
            _ => Err(wrong("columns of different types have one dictionary")),
        }
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
        if footer > ARROW_HEAD_BYTES_MAX {
            return Err(no_head());
        }
        let footer_at = trailer_at.checked_sub(footer).ok_or_else(cut_off)?;
        let footer = read(part, footer_at, footer, source)?;
        let footer = root_as_footer(&footer).map_err(|error| wrong(&error.to_string()))?;
        let schema = footer.schema().ok_or_else(|| wrong("it has no schema"))?;
        let dictionaries: Vec<Block> = footer.dictionaries().into_iter().flatten().copied().collect();
        let batches: Vec<Block> = footer.recordBatches().into_iter().flatten().copied().collect();
        let mut places: Vec<(i64, u64)> = dictionaries.iter().chain(&batches).map(|it| (it.offset(), length(it))).collect();
        places.sort_unstable();
        let mut end = 0;
        for (at, bytes) in places {
            let start = u64::try_from(at).ok().filter(|start| *start >= end);
            let start = start.ok_or_else(|| wrong("its record batches lie in one another"))?;
            end = start.checked_add(bytes).filter(|end| *end <= footer_at).ok_or_else(cut_off)?;
        }
        let (schema, version) = (own_schema(schema)?, footer.version());
        Ok(Index { schema, version, dictionaries, batches, is_stream: false })
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
            let length = u64::try_from(length).ok().filter(|length| *length < ARROW_HEAD_BYTES_MAX).ok_or_else(no_head)?;
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

fn length(block: &Block) -> u64 {
    (block.metaDataLength().max(0) as u64).saturating_add(block.bodyLength().max(0) as u64)
}

/// Some bytes of a part, all of them.
fn read(part: Part, at: u64, count: u64, source: &mut dyn Source) -> Result<Vec<u8>, KernelError> {
    let end = at.checked_add(count).filter(|end| *end <= part.end - part.start).ok_or_else(cut_off)?;
    let mut bytes = vec![0; (end - at) as usize];
    fill(part, at, &mut bytes, source)?;
    Ok(bytes)
}

/// Some bytes of a part, which has them.
fn fill(part: Part, at: u64, bytes: &mut [u8], source: &mut dyn Source) -> Result<(), KernelError> {
    let start = part.start + at;
    match source.read_at(start, bytes)? {
        got if got < bytes.len() => {
            Err(KernelError::Shrunk { expected: start + bytes.len() as u64, found: start + got as u64 })
        }
        _ => Ok(()),
    }
}

fn no_head() -> KernelError {
    wrong(&format!("a message has no head, or one of more than {} MiB", ARROW_HEAD_BYTES_MAX >> 20))
}

fn no_rows() -> KernelError {
    wrong("a message that should hold rows holds none")
}

fn damaged() -> KernelError {
    wrong("a record batch is damaged: it names rows or bytes that it does not have")
}

fn too_large(at: i64) -> KernelError {
    let most = ARROW_BATCH_BYTES_MAX >> 20;
    wrong(&format!(
        "the record batch at byte {at} is larger than {most} MiB, the most that one may have: write it with smaller batches"
    ))
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
