//! What the head of a record batch says of its body: where the buffers of the columns that are looked at lie, and whether they are
//! what Arrow's decoder takes for granted.
//!
//! The decoder turns down nearly all that a damaged file may hold: nodes or buffers that are missing or too short, offsets that
//! fall, keys that a dictionary does not have, what does not unpack to its length. The rest it asserts, and in a page, where nothing
//! unwinds, an assertion ends the worker. So that is checked here: that buffers lie within the body and offsets, views and keys are
//! whole numbers of them; that lengths fit a `usize` and those of all columns are the batch's; that lists of a fixed size have all of
//! their values; that what is packed has room for what it unpacks to.

use std::collections::VecDeque;
use std::ops::Range;

use arrow_ipc::{FieldNode, MetadataVersion, RecordBatch};
use arrow_schema::DataType::{self, *};
use arrow_schema::UnionMode;

use crate::limits::{ARROW_BATCH_BYTES_MAX, ARROW_GAP_BYTES, ARROW_NULLS_MAX};

/// See the module.
pub(super) struct Body {
    /// The buffers of the columns that are looked at.
    buffers: Vec<Taken>,
    is_packed: bool,
}

struct Taken {
    range: Range<u64>,
    /// Its bytes, unpacked, are a multiple of so many.
    unit: u64,
}

impl Body {
    /// Of a batch of columns of these types, each with whether it is looked at, whose body has so many bytes. `None`: it is damaged.
    pub fn of<'s>(
        batch: RecordBatch<'_>,
        columns: impl Iterator<Item = (&'s DataType, bool)>,
        version: MetadataVersion,
        bytes: u64,
    ) -> Option<Body> {
        let rows = u64::try_from(batch.length()).ok().filter(|rows| *rows <= ARROW_BATCH_BYTES_MAX as u64)?;
        let mut walk = Walk {
            nodes: batch.nodes()?.iter().copied().collect(),
            buffers: batch.buffers()?.iter().copied().collect(),
            counts: batch.variadicBufferCounts().into_iter().flatten().collect(),
            version,
            bytes,
            taken: Vec::new(),
        };
        for (of, is_taken) in columns {
            if walk.column(of, is_taken)? != rows {
                return None;
            }
        }
        Some(Body { buffers: walk.taken, is_packed: batch.compression().is_some() })
    }

    /// The stretches of the body that hold the buffers, ascending. Those that are near each other are read as one.
    pub fn stretches(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = self.buffers.iter().map(|buffer| buffer.range.clone()).collect();
        ranges.retain(|range| !range.is_empty());
        ranges.sort_unstable_by_key(|range| range.start);
        let mut stretches: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match stretches.last_mut() {
                Some(last) if range.start <= last.end + ARROW_GAP_BYTES => last.end = last.end.max(range.end),
                _ => stretches.push(range),
            }
        }
        stretches
    }

    /// How many bytes the buffers have once they are unpacked, now that they are in the body. `None`: they are damaged.
    pub fn unpacked(&self, body: &[u8]) -> Option<u64> {
        let mut all = 0_u64;
        for Taken { range, unit } in &self.buffers {
            let mut bytes = range.end - range.start;
            // A packed buffer begins with its length; -1: it is not packed.
            if self.is_packed && bytes > 0 {
                let length = body.get(range.start as usize..range.end as usize)?.first_chunk()?;
                bytes = match i64::from_le_bytes(*length) {
                    -1 => bytes - size_of::<i64>() as u64,
                    length => u64::try_from(length).ok()?,
                };
            }
            all = all.checked_add(bytes).filter(|_| bytes % unit == 0)?;
        }
        Some(all)
    }
}

/// Goes through the nodes and buffers of a batch as its columns have them: each column's own, then those of what is in it.
struct Walk {
    nodes: VecDeque<FieldNode>,
    buffers: VecDeque<arrow_ipc::Buffer>,
    /// How many buffers the texts of each column of views are in.
    counts: VecDeque<i64>,
    version: MetadataVersion,
    bytes: u64,
    taken: Vec<Taken>,
}

impl Walk {
    /// How long a column is.
    fn column(&mut self, of: &DataType, is_taken: bool) -> Option<u64> {
        let node = self.nodes.pop_front()?;
        let (length, nulls) = (u64::try_from(node.length()).ok()?, u64::try_from(node.null_count()).ok()?);
        // Nulls take no bytes, so that nothing else bounds them.
        let most = if *of == Null { ARROW_NULLS_MAX } else { ARROW_BATCH_BYTES_MAX as u64 };
        if length > most || nulls > length {
            return None;
        }
        // How many buffers it has, and what the second, if it holds offsets, views or keys, holds whole ones of.
        let (buffers, unit) = match of {
            Null | RunEndEncoded(..) => (0, 1),
            FixedSizeList(..) | Struct(_) => (1, 1),
            Utf8 | Binary => (3, 4),
            LargeUtf8 | LargeBinary => (3, 8),
            List(_) | Map(..) => (2, 4),
            LargeList(_) => (2, 8),
            ListView(_) | LargeListView(_) => (3, 1),
            Utf8View | BinaryView => (usize::try_from(self.counts.pop_front()?).ok()?.checked_add(2)?, 16),
            Dictionary(keys, _) => (2, keys.primitive_width()? as u64),
            Union(_, mode) => (1 + usize::from(self.version < MetadataVersion::V5) + usize::from(*mode == UnionMode::Dense), 1),
            _ => (2, 1),
        };
        for index in 0..buffers {
            let buffer = self.buffers.pop_front()?;
            let (start, bytes) = (u64::try_from(buffer.offset()).ok()?, u64::try_from(buffer.length()).ok()?);
            let end = start.checked_add(bytes).filter(|end| *end <= self.bytes)?;
            if is_taken {
                self.taken.push(Taken { range: start..end, unit: if index == 1 { unit } else { 1 } });
            }
        }
        match of {
            List(of) | LargeList(of) | ListView(of) | LargeListView(of) | Map(of, _) => {
                self.column(of.data_type(), is_taken)?;
            }
            FixedSizeList(of, size) => {
                let values = self.column(of.data_type(), is_taken)?;
                length.checked_mul(u64::try_from(*size).ok()?).filter(|wanted| *wanted <= values)?;
            }
            Struct(fields) => {
                for of in fields {
                    self.column(of.data_type(), is_taken)?;
                }
            }
            RunEndEncoded(ends, values) => {
                self.column(ends.data_type(), is_taken)?;
                self.column(values.data_type(), is_taken)?;
            }
            Union(fields, _) => {
                for (_, of) in fields.iter() {
                    self.column(of.data_type(), is_taken)?;
                }
            }
            _ => {}
        }
        Some(length)
    }
}
