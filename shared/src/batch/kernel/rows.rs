//! Rows between tasks: a map task's partition and a reduce task's output have one format.
//!
//! Each row is `varint(length of the key) key varint(count)`, one after the other, no header. A varint is LEB128: seven bits a
//! byte, lowest first, the top bit set on all but the last. Every aggregate of a plan is `count(*)`, so one count serves all.

use super::KernelError;

/// Appends rows to a buffer.
#[derive(Debug, Default)]
pub struct RowWriter {
    bytes: Vec<u8>,
    rows: u64,
}

impl RowWriter {
    #[inline]
    pub fn push(&mut self, key: &[u8], count: u64) {
        push_varint(&mut self.bytes, key.len() as u64);
        self.bytes.extend_from_slice(key);
        push_varint(&mut self.bytes, count);
        self.rows += 1;
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes that have been written and not been taken.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes so far; what is written from now on comes behind them.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads the rows of a buffer in order; ends after the first error.
#[derive(Clone, Debug)]
pub struct RowReader<'a> {
    rest: &'a [u8],
    row: u64,
}

impl<'a> RowReader<'a> {
    pub fn new(bytes: &'a [u8]) -> RowReader<'a> {
        RowReader { rest: bytes, row: 0 }
    }

    /// How many bytes have not been read yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    fn read(&mut self) -> Result<(&'a [u8], u64), &'static str> {
        let length = self.varint()?;
        let length = usize::try_from(length).ok().filter(|length| *length <= self.rest.len());
        let (key, rest) = self.rest.split_at(length.ok_or("its key is longer than what is left")?);
        self.rest = rest;
        Ok((key, self.varint()?))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().enumerate().take(VARINT_BYTES_MAX) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err("a number in it has no end")
    }
}

impl<'a> Iterator for RowReader<'a> {
    type Item = Result<(&'a [u8], u64), KernelError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let row = self.read().map_err(|problem| {
            self.rest = &[];
            KernelError::Corrupt { row: self.row, problem }
        });
        self.row += 1;
        Some(row)
    }
}

/// Bytes of the longest varint: 64 bits in sevens.
const VARINT_BYTES_MAX: usize = 10;

#[inline]
fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
