//! The fields of a line of CSV that has quotes, without them. `csv_core` knows the rules.

use std::ops::Range;

use csv_core::ReadRecordResult;

/// Takes the quotes off lines, one after the other, in the same place.
pub(super) struct Quotes {
    reader: csv_core::Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// The fields of one line.
pub(super) struct Unquoted<'q> {
    /// All of them, one after the other.
    text: &'q str,
    /// Where each ends.
    ends: &'q [usize],
}

impl Quotes {
    pub fn new(delimiter: u8, quote: u8) -> Quotes {
        let reader = csv_core::ReaderBuilder::new().delimiter(delimiter).quote(quote).build();
        Quotes { reader, bytes: Vec::new(), ends: Vec::new() }
    }

    /// The fields of a line, which is given without its ending.
    pub fn read(&mut self, line: &str) -> Unquoted<'_> {
        self.reader.reset();
        // A line has at most one field more than bytes, and none of them grows.
        self.bytes.resize(line.len() + 1, 0);
        self.ends.resize(line.len() + 2, 0);
        let (result, _, len, mut count) = self.reader.read_record(line.as_bytes(), &mut self.bytes, &mut self.ends);
        if !matches!(result, ReadRecordResult::Record) {
            // An empty input says to the reader that the line has ended.
            count += self.reader.read_record(&[], &mut [], &mut self.ends[count..]).3;
        }
        let text = std::str::from_utf8(&self.bytes[..len]).expect("a text without its quotes is one");
        Unquoted { text, ends: &self.ends[..count] }
    }
}

impl<'q> Unquoted<'q> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn field(&self, index: usize) -> Option<&'q str> {
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? };
        self.text.get(Range { start, end: *self.ends.get(index)? })
    }

    pub fn fields(&self) -> impl Iterator<Item = &'q str> {
        (0..self.len()).filter_map(|index| self.field(index))
    }
}
