//! Where a job's bytes come from, as a kernel sees it: random access by offset, nothing more.
//!
//! A driver implements [`Source`] over a file (pread), a `Blob` (`FileReaderSync`) or memory. The core never opens anything.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Part;

/// Bytes that can be read at any offset. Reading changes nothing, so an attempt may read what another has read.
pub trait Source {
    /// The length in bytes when the job was submitted.
    fn len(&self) -> u64;

    /// Fills `buffer` from `offset` and returns how many bytes it got; fewer than asked for only at the end of the input.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError>;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The input could not be read: it disappeared, shrank, or the device failed. The text is a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{0}")]
pub struct SourceError(pub String);

/// An input that is wholly in memory: the `text:` of an experiment, a bundled text, a test.
#[derive(Clone, Debug)]
pub struct Memory(pub Arc<Vec<u8>>);

impl Source for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let count = buffer.len().min(self.0.len() - start);
        buffer[..count].copy_from_slice(&self.0[start..start + count]);
        Ok(count)
    }
}

/// A half-open range of the input's bytes: `start <= offset < end`. Its records are those that *begin* in it, so every record
/// belongs to exactly one split whatever the cuts are; the last one may reach past `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    pub start: u64,
    pub end: u64,
}

/// Cuts `length` bytes into splits of `size` bytes (the last may be shorter). An empty input is one empty split, so that
/// every job has a map task. MapReduce, OSDI'04 §3.1.
pub fn splits(length: u64, size: u64) -> Vec<Split> {
    assert!(size > 0, "a split has at least one byte; the experiment's checker refuses less");
    if length == 0 {
        return vec![Split { start: 0, end: 0 }];
    }
    (0..length.div_ceil(size)).map(|i| Split { start: i * size, end: ((i + 1) * size).min(length) }).collect()
}

/// Where micro-batches of so many rows begin in the first input's parts (each of which may begin with `header` lines that are no
/// rows): the input's first byte, then the first byte after each batch. Lines are rows.
pub fn micro_batches(source: &mut dyn Source, parts: &[Part], header: u64, rows: u64) -> Result<Vec<u64>, SourceError> {
    const PIECE_BYTES: u64 = 1 << 20;
    let own: Vec<&Part> = parts.iter().filter(|part| part.input == 0).collect();
    let mut cuts: Vec<u64> = own.first().map(|part| part.start).into_iter().collect();
    let (mut seen, mut piece) = (0, Vec::new());
    for part in &own {
        let (mut at, mut header) = (part.start, header);
        while at < part.end {
            piece.resize((part.end - at).min(PIECE_BYTES) as usize, 0);
            let read = source.read_at(at, &mut piece)?;
            if read == 0 {
                return Err(SourceError("the input is shorter than when it was opened".to_owned()));
            }
            for newline in memchr::memchr_iter(b'\n', &piece[..read]) {
                if header > 0 {
                    header -= 1;
                    continue;
                }
                seen += 1;
                let next = at + newline as u64 + 1;
                if seen == rows && next < own.last().map_or(0, |last| last.end) {
                    cuts.push(next);
                    seen = 0;
                }
            }
            at += read as u64;
        }
    }
    Ok(cuts)
}
