//! Where the fields of lines of CSV end: 64 bytes become a bit for each delimiter and each line end, and the bits become places.
//!
//! It knows no quotes: what a line that has one says is for `csv_core` to find out.

use std::ops::Range;

use wide::i8x16;

const BLOCK: usize = 64;

/// The places in a text.
pub(super) struct Cuts {
    delimiter: u8,
    /// Where each field ends.
    ends: Vec<u32>,
    /// For each line how many fields end in it or before it.
    lines: Vec<u32>,
}

/// The fields of one line.
#[derive(Clone, Copy)]
pub(super) struct Line<'c> {
    start: usize,
    ends: &'c [u32],
}

impl Cuts {
    pub fn new(delimiter: u8) -> Cuts {
        Cuts { delimiter, ends: Vec::new(), lines: Vec::new() }
    }

    /// Finds the fields of some lines, whose last one may lack its `\n`.
    pub fn find(&mut self, text: &[u8]) {
        self.ends.clear();
        self.lines.clear();
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        for (index, block) in blocks.iter().enumerate() {
            self.scan(block, BLOCK, index * BLOCK);
        }
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        self.scan(&last, rest.len(), text.len() - rest.len());
        if text.last().is_some_and(|last| *last != b'\n') {
            self.ends.push(text.len() as u32);
            self.lines.push(self.ends.len() as u32);
        }
    }

    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let (mut first, mut start) = (0, 0);
        self.lines.iter().map(move |last| {
            let ends = &self.ends[first..*last as usize];
            let line = Line { start, ends };
            first = *last as usize;
            start = line.end() + 1;
            line
        })
    }

    #[inline(always)]
    fn scan(&mut self, block: &[u8; BLOCK], len: usize, at: usize) {
        let (mut ends, mut newlines) = classify(block, self.delimiter);
        if len < BLOCK {
            let keep = (1 << len) - 1;
            (ends, newlines) = (ends & keep, newlines & keep);
        }
        while newlines != 0 {
            let up_to = newlines ^ (newlines - 1);
            self.lines.push(self.ends.len() as u32 + (ends & up_to).count_ones());
            newlines &= newlines - 1;
        }
        while ends != 0 {
            self.ends.push(at as u32 + ends.trailing_zeros());
            ends &= ends - 1;
        }
    }
}

impl Line<'_> {
    /// How many fields it has.
    pub fn len(self) -> usize {
        self.ends.len()
    }

    /// Where its `\n` is.
    fn end(self) -> usize {
        self.ends.last().map_or(self.start, |end| *end as usize)
    }

    /// Where its bytes are, without its ending: `\n` or `\r\n`.
    pub fn range(self, text: &[u8]) -> Range<usize> {
        let end = self.end();
        let is_dos = end > self.start && text[end - 1] == b'\r' && end < text.len();
        self.start..end - usize::from(is_dos)
    }

    /// Where a field is in the text.
    #[inline]
    pub fn field(self, index: usize, text: &[u8]) -> Option<Range<usize>> {
        let start = match index {
            0 => self.start,
            _ => *self.ends.get(index - 1)? as usize + 1,
        };
        match self.ends.len() - index {
            0 => None,
            1 => Some(start..self.range(text).end),
            _ => Some(start..self.ends[index] as usize),
        }
    }
}

/// A bit for each byte that ends a field, and one for each that ends a line, lowest first.
#[inline(always)]
fn classify(block: &[u8; BLOCK], delimiter: u8) -> (u64, u64) {
    let (mut delimiters, mut newlines) = (0, 0);
    let delimiter = i8x16::splat(delimiter as i8);
    for (index, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = i8x16::new(bytes.map(|byte| byte as i8));
        let shift = 16 * index;
        delimiters |= u64::from(bytes.simd_eq(delimiter).to_bitmask()) << shift;
        newlines |= u64::from(bytes.simd_eq(i8x16::splat(b'\n' as i8)).to_bitmask()) << shift;
    }
    (delimiters | newlines, newlines)
}
