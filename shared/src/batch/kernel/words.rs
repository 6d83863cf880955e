//! Counts the words of whole blocks, for plans that do nothing with lines but take their words.
//!
//! ASCII goes through [`Scanner`]. Around bytes beyond ASCII the text is cut at spaces and line ends, and that part is decoded,
//! lower-cased and split by Unicode's rules. Cutting there is sound: a space is in no word and in no UTF-8 sequence, and the one
//! rule of lower-casing that looks around (a final sigma) does not look past a space.

use super::counts::CountTable;
use super::reader::Block;
use super::tokens::Scanner;
use crate::expr::text::each_word;

/// Bytes beyond ASCII that are this close are handled together.
const GAP_BYTES: usize = 64;

/// Sets the bit that makes an ASCII letter small, and changes no digit and no apostrophe.
const FOLD_CASE: u8 = 0x20;

/// Counts words, lines, and lines that are not UTF-8.
pub(super) struct WordCounter {
    lower: bool,
    scanner: Scanner,
    missed: Vec<[u32; 2]>,
    /// Whether the line that is open has been counted as bad.
    line_is_bad: bool,
    bad_records: u64,
    slow_newlines: u64,
}

impl WordCounter {
    pub fn new(lower: bool) -> WordCounter {
        let (missed, line_is_bad, bad_records, slow_newlines) = (Vec::new(), false, 0, 0);
        WordCounter { lower, scanner: Scanner::new(), missed, line_is_bad, bad_records, slow_newlines }
    }

    /// Ends of lines seen so far.
    pub fn newlines(&self) -> u64 {
        self.scanner.newlines + self.slow_newlines
    }

    pub fn bad_records(&self) -> u64 {
        self.bad_records
    }

    /// Adds the words of a block that begins and ends outside of words.
    pub fn count(&mut self, block: &Block<'_>, counts: &mut CountTable) {
        let bytes = block.bytes();
        let mut done = 0;
        while let Some(odd) = first_beyond_ascii(&bytes[done..]) {
            let odd = done + odd;
            let start = memchr::memrchr2(b'\n', b' ', &bytes[done..odd]).map_or(done, |index| done + index + 1);
            let end = end_of_odd(bytes, odd);
            self.count_ascii(block.padded, done..start, counts);
            self.count_unicode(&bytes[start..end], counts);
            done = end;
        }
        self.count_ascii(block.padded, done..bytes.len(), counts);
    }

    fn count_ascii(&mut self, padded: &[u8], range: std::ops::Range<usize>, counts: &mut CountTable) {
        let newlines = self.scanner.newlines;
        self.scanner.start(range);
        let fold = if self.lower { FOLD_CASE } else { 0 };
        while let Some(bounds) = self.scanner.next(padded) {
            counts.tally(padded, bounds, fold, &mut self.missed);
        }
        self.line_is_bad &= self.scanner.newlines == newlines;
    }

    #[cold]
    fn count_unicode(&mut self, bytes: &[u8], counts: &mut CountTable) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.line_is_bad && std::str::from_utf8(line).is_err() {
                self.line_is_bad = true;
                self.bad_records += 1;
            }
            let text = String::from_utf8_lossy(line);
            let text = if self.lower { text.to_lowercase().into() } else { text };
            each_word(&text).for_each(|word| *counts.count_mut(word.as_bytes()) += 1);
            if line.ends_with(b"\n") {
                self.slow_newlines += 1;
                self.line_is_bad = false;
            }
        }
    }
}

fn first_beyond_ascii(bytes: &[u8]) -> Option<usize> {
    const STRIDE: usize = 4 << 10;
    for (index, stretch) in bytes.chunks(STRIDE).enumerate() {
        if !stretch.is_ascii() {
            return stretch.iter().position(|byte| !byte.is_ascii()).map(|within| index * STRIDE + within);
        }
    }
    None
}

/// Where the part around a byte beyond ASCII ends: after a space or line end that no such byte follows closely.
fn end_of_odd(bytes: &[u8], odd: usize) -> usize {
    let mut end = odd;
    loop {
        let Some(gap) = memchr::memchr2(b'\n', b' ', &bytes[end..]) else { return bytes.len() };
        end += gap + 1;
        let near = &bytes[end..bytes.len().min(end + GAP_BYTES)];
        match near.iter().rposition(|byte| !byte.is_ascii()) {
            Some(next) => end += next,
            None => return end,
        }
    }
}
