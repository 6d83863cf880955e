//! Which bytes of the input are a split's records, read a slice at a time.
//!
//! A record is a line. The records that *begin* in a split belong to it (the rule of Hadoop's line reader): a split that does not
//! start its part of the input reads from one byte before its start and skips past the first `\n`, and its last record may reach past its
//! end. So every byte of the input is in exactly one split's records, wherever the cuts are.
//!
//! Blocks end where a record ends, or, when only words matter, at any space: then not even a long line has to be held whole.

use std::ops::Range;

use super::KernelError;
use crate::batch::{Part, Source, Split};
use crate::limits::{LINE_BYTES_MAX, SLICE_BYTES};

/// Bytes first read past a split's end to find the end of its last record; doubled until found.
const TAIL_BYTES: usize = 4 << 10;

/// Readable bytes after every block, so that a word can be loaded whole from wherever it starts.
pub(super) const PADDING: usize = 64;

/// Where a block may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// After a `\n`.
    Line,
    /// After a `\n` or a space.
    Space,
}

/// Some of the split's bytes, ending at a [`Cut`] or with the split's last record.
pub(super) struct Block<'a> {
    /// The block's bytes and at least [`PADDING`] more of no meaning.
    pub padded: &'a [u8],
    pub len: usize,
    /// Where in the input the first of them is.
    pub at: u64,
}

impl<'a> Block<'a> {
    pub fn bytes(&self) -> &'a [u8] {
        &self.padded[..self.len]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first record that begins in the split.
    Skipping,
    Reading,
    Done,
}

/// Reads a split's records, block by block.
pub(super) struct SplitReader {
    split: Split,
    /// Where the part that the split is of ends.
    part_end: u64,
    cut: Cut,
    state: State,
    /// The input's byte that is read next, and how many to read past the split's end.
    offset: u64,
    tail: usize,
    /// `consumed..filled` is read and not yet in a block.
    buffer: Vec<u8>,
    consumed: usize,
    filled: usize,
    delivered: u64,
    ends_with_newline: bool,
    /// The last block: where in the buffer it is, and where in the input.
    last: (Range<usize>, u64),
}

impl SplitReader {
    pub fn new(split: Split, part: Part, cut: Cut) -> SplitReader {
        let part_end = part.end;
        let split = Split { start: split.start, end: split.end.min(part_end) };
        let (state, offset) = match split.start {
            start if start >= split.end => (State::Done, start),
            start if start == part.start => (State::Reading, start),
            start => (State::Skipping, start - 1),
        };
        let buffer = Vec::new();
        let (tail, consumed, filled, delivered, ends_with_newline) = (TAIL_BYTES, 0, 0, 0, true);
        SplitReader {
            split,
            part_end,
            cut,
            state,
            offset,
            tail,
            buffer,
            consumed,
            filled,
            delivered,
            ends_with_newline,
            last: (0..0, offset),
        }
    }

    /// Reads once and gives what can be mapped, perhaps nothing; `None` when the split's records are all given.
    pub fn next(&mut self, source: &mut dyn Source) -> Result<Option<Block<'_>>, KernelError> {
        if self.state == State::Done {
            return Ok(None);
        }
        let fresh = self.read(source)?;
        if self.state == State::Skipping {
            self.skip();
        }
        if self.state == State::Reading {
            self.find_end(fresh);
        }
        let start = self.consumed;
        let end = match self.state {
            State::Skipping => return Ok(Some(Block { padded: &self.buffer[start..], len: 0, at: self.offset })),
            State::Done => self.filled,
            State::Reading => self.last_cut(fresh.max(start)).unwrap_or(start),
        };
        if self.filled - end > LINE_BYTES_MAX {
            let at = self.offset - (self.filled - end) as u64;
            return Err(KernelError::LineTooLong { at });
        }
        self.consumed = end;
        self.delivered += (end - start) as u64;
        if end > start {
            self.ends_with_newline = self.buffer[end - 1] == b'\n';
        }
        let at = self.offset - (self.filled - start) as u64;
        self.last = (start..end, at);
        Ok(Some(Block { padded: &self.buffer[start..], len: end - start, at }))
    }

    /// Bytes in the blocks given so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The bytes of the block that was given last, and where in the input they are.
    pub fn last(&self) -> (&[u8], u64) {
        (&self.buffer[self.last.0.clone()], self.last.1)
    }

    /// Whether the last byte given is not the end of a line: at the end, a last record without `\n`.
    pub fn line_is_open(&self) -> bool {
        !self.ends_with_newline
    }

    /// Reads the next slice behind what is left, and says where in the buffer it starts.
    fn read(&mut self, source: &mut dyn Source) -> Result<usize, KernelError> {
        self.buffer.copy_within(self.consumed..self.filled, 0);
        self.filled -= self.consumed;
        self.consumed = 0;
        let wanted = if self.offset < self.split.end {
            (self.split.end - self.offset).min(SLICE_BYTES as u64) as usize
        } else {
            let tail = self.tail;
            self.tail = (tail * 2).min(SLICE_BYTES);
            (self.part_end - self.offset).min(tail as u64) as usize
        };
        let fresh = self.filled;
        self.filled += wanted;
        if self.buffer.len() < self.filled + PADDING {
            self.buffer.resize(self.filled + PADDING, 0);
        }
        let got = source.read_at(self.offset, &mut self.buffer[fresh..self.filled])?;
        if got < wanted {
            return Err(KernelError::Shrunk { expected: self.part_end, found: self.offset + got as u64 });
        }
        self.offset += wanted as u64;
        self.buffer[self.filled..self.filled + PADDING].fill(0);
        Ok(fresh)
    }

    /// Drops what belongs to the record that began before this split.
    fn skip(&mut self) {
        match memchr::memchr(b'\n', &self.buffer[..self.filled]) {
            Some(newline) => {
                self.consumed = newline + 1;
                let first = self.offset - (self.filled - self.consumed) as u64;
                self.state = if first < self.split.end { State::Reading } else { State::Done };
            }
            None => self.consumed = self.filled,
        }
        if self.state != State::Reading && self.offset >= self.split.end {
            self.state = State::Done;
            self.consumed = self.filled;
        }
    }

    /// Looks for the end of the last record: the first `\n` at or after the split's last byte, or the part's end.
    fn find_end(&mut self, fresh: usize) {
        if self.offset < self.split.end {
            return;
        }
        let from_last_byte = self.filled.saturating_sub((self.offset - (self.split.end - 1)) as usize);
        let from = from_last_byte.max(fresh);
        if let Some(newline) = memchr::memchr(b'\n', &self.buffer[from..self.filled]) {
            let end = from + newline + 1;
            self.offset -= (self.filled - end) as u64;
            self.filled = end;
            self.buffer[end..end + PADDING].fill(0);
            self.state = State::Done;
        } else if self.offset >= self.part_end {
            self.state = State::Done;
        }
    }

    fn last_cut(&self, from: usize) -> Option<usize> {
        let fresh = &self.buffer[from..self.filled];
        let last = match self.cut {
            Cut::Line => memchr::memrchr(b'\n', fresh),
            Cut::Space => memchr::memrchr2(b'\n', b' ', fresh),
        };
        last.map(|index| from + index + 1)
    }
}
