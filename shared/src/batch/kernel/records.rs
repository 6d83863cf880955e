//! Bytes as records: a block of lines becomes columns of the types that the plan names.
//!
//! Invalid UTF-8 is read as U+FFFD and its record counted as bad. Any other field that is not what its column says is an error that
//! names the record: guessing would give a wrong number.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::KernelError;
use super::batch::{Batch, gone};
use super::builder::Builder;
use super::cuts::Cuts;
use super::objects::{Objects, Record};
use super::quotes::Quotes;
use super::steps::lines;
use crate::batch::{Column, Counters, Format, Part, Records, Source};
use crate::expr::{Context, Expr, Schema, Type};

/// Bytes in which a header has to end.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// Reads the records of a split.
pub(super) struct Decoder {
    columns: Vec<Column>,
    /// For each column whether anything looks at it. What nobody looks at is not read.
    needed: Vec<bool>,
    /// What each column is called in the input.
    keys: Vec<String>,
    shape: Shape,
    /// What makes a column of its texts, for types that are not read directly.
    casts: Vec<Option<Expr>>,
    /// What the records are in; each part has a header of its own.
    part: Part,
    /// Where records begin that are passed over.
    skip: BTreeSet<u64>,
    /// The header has been looked at.
    ready: bool,
}

/// What a line is.
enum Shape {
    /// The one column.
    Text,
    Fields {
        header: bool,
        quote: u8,
        /// The columns that are needed, and the field of each.
        fields: Vec<(usize, usize)>,
        cuts: Cuts,
        quotes: Box<Quotes>,
    },
    Object(Objects),
}

/// A record that is not what its columns say: which one of its block, and what is wrong.
struct Unfit {
    record: usize,
    message: String,
}

impl Decoder {
    pub fn new(records: &Records, part: Part, needed: &[bool], skip: &[u64]) -> Decoder {
        let cast_of = |column: &Column| match column.data_type {
            Type::Utf8 | Type::Int64 | Type::Float64 => None,
            ref of => cast(&Type::Utf8, of),
        };
        let shape = match records.format {
            Format::Csv { header, delimiter, quote } => Shape::Fields {
                header,
                quote,
                fields: (0..needed.len()).filter(|column| needed[*column]).map(|column| (column, column)).collect(),
                cuts: Cuts::new(delimiter),
                quotes: Box::new(Quotes::new(delimiter, quote)),
            },
            Format::JsonLines => Shape::Object(Objects::new(&records.keys, needed)),
            // The formats that are no lines have readers of their own.
            Format::Lines | Format::Arrow | Format::Parquet => Shape::Text,
        };
        Decoder {
            columns: records.columns.clone(),
            needed: needed.to_vec(),
            keys: records.keys.clone(),
            shape,
            casts: records.columns.iter().map(cast_of).collect(),
            part,
            skip: skip.iter().copied().collect(),
            ready: false,
        }
    }

    /// The records of some whole lines (the last one perhaps without its `\n`), the first of which is at byte `at` of the input.
    pub fn read(
        &mut self,
        bytes: &[u8],
        at: u64,
        source: &mut dyn Source,
        counters: &mut Counters,
    ) -> Result<Batch, KernelError> {
        if !self.ready {
            self.ready = true;
            self.header(source)?;
        }
        let header = lines(bytes).take(self.header_lines(at)).count();
        let records = lines(bytes).nth(header).map_or(bytes.len(), |line| offset(bytes, line) as usize);
        let text = self.text(&bytes[records..], at + records as u64, counters);
        let mut builders: Vec<Builder> = self.columns.iter().map(|column| Builder::of(&column.data_type)).collect();
        let rows = self.shape.read(&text, &self.columns, &self.needed, &mut builders);
        let rows = rows.map_err(|Unfit { record, message }| self.refused(bytes, at, record, message))?;
        counters.map_input_records += rows as u64;
        let mut columns = Vec::new();
        for (index, builder) in builders.into_iter().enumerate() {
            columns.push(match &self.casts[index] {
                _ if !self.needed[index] => gone(),
                None => builder.finish(),
                Some(cast) => cast.evaluate(&[builder.finish()], rows, Context::default()).map_err(|error| {
                    let message = format!("`{}`: {}", self.columns[index].name, error.message);
                    self.refused(bytes, at, error.row, message)
                })?,
            });
        }
        Ok(Batch::new(columns, rows))
    }

    /// The records as text, without those that are passed over. A record that is no text is made one, and counted.
    fn text<'b>(&self, bytes: &'b [u8], at: u64, counters: &mut Counters) -> Cow<'b, str> {
        if self.skip.is_empty()
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return text.into();
        }
        let mut text = String::new();
        // With their endings, so that what is left has the same lines.
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.skip.contains(&(at + offset(bytes, line))) {
                counters.map_input_records += 1;
                counters.skipped_records += 1;
                continue;
            }
            let line = String::from_utf8_lossy(line);
            counters.bad_records += u64::from(matches!(line, Cow::Owned(_)));
            text.push_str(&line);
        }
        text.into()
    }

    /// Lines at the beginning of a block at byte `at` that are no records.
    fn header_lines(&self, at: u64) -> usize {
        usize::from(matches!(self.shape, Shape::Fields { header: true, .. }) && at == self.part.start)
    }

    /// An error of one of a block's records, counted as they were read.
    pub fn refused(&self, bytes: &[u8], at: u64, record: usize, message: String) -> KernelError {
        let read = |line: &&[u8]| !self.skip.contains(&(at + offset(bytes, line)));
        let line = lines(bytes).skip(self.header_lines(at)).filter(read).nth(record);
        let at = at + line.map_or(0, |line| offset(bytes, line));
        let text = String::from_utf8_lossy(line.unwrap_or_default());
        let place = format!("the record at byte {} (`{}`)", at - self.part.start, excerpt(&text));
        KernelError::Record { place, message, at: Some(at) }
    }

    /// Finds the columns in the part's first line.
    fn header(&mut self, source: &mut dyn Source) -> Result<(), KernelError> {
        let Shape::Fields { header: true, fields, quotes, .. } = &mut self.shape else { return Ok(()) };
        let mut bytes = vec![0; HEADER_BYTES_MAX.min((self.part.end - self.part.start) as usize)];
        let count = source.read_at(self.part.start, &mut bytes)?;
        let Some(line) = lines(&bytes[..count]).next() else { return Ok(()) };
        let line = String::from_utf8_lossy(line);
        let names: Vec<&str> = quotes.read(&line).fields().map(|name| name.trim_start_matches('\u{feff}').trim()).collect();
        for (column, field) in fields {
            let key = &self.keys[*column];
            *field = names.iter().position(|name| name == key).ok_or_else(|| {
                let known = crate::nearest::list(names.iter().copied());
                bad_header(format!("it has no column `{key}`; it has {known}"))
            })?;
        }
        Ok(())
    }
}

impl Shape {
    /// Adds the records of some lines to the columns, and says how many they are.
    fn read(&mut self, text: &str, columns: &[Column], needed: &[bool], builders: &mut [Builder]) -> Result<usize, Unfit> {
        let mut rows = 0;
        let unfit = |record: usize| move |message: String| Unfit { record, message };
        match self {
            Shape::Text => {
                for line in texts(text) {
                    if needed[0] {
                        builders[0].push(&columns[0], Some(line)).map_err(unfit(rows))?;
                    }
                    rows += 1;
                }
            }
            Shape::Object(objects) => {
                let mut record = Record::new();
                for line in texts(text) {
                    objects.read(line, &mut record).map_err(unfit(rows))?;
                    objects.push(&record, columns, builders).map_err(unfit(rows))?;
                    rows += 1;
                }
            }
            Shape::Fields { quote, fields, cuts, quotes, .. } => {
                cuts.find(text.as_bytes());
                let has_quotes = memchr::memchr(*quote, text.as_bytes()).is_some();
                for line in cuts.lines() {
                    let range = line.range(text.as_bytes());
                    let pushed = if has_quotes && text.as_bytes()[range.clone()].contains(quote) {
                        let line = quotes.read(&text[range]);
                        push(fields, columns, builders, line.len(), |field| line.field(field))
                    } else {
                        push(fields, columns, builders, line.len(), |field| Some(&text[line.field(field, text.as_bytes())?]))
                    };
                    pushed.map_err(unfit(rows))?;
                    rows += 1;
                }
            }
        }
        Ok(rows)
    }
}

/// Adds the fields of one line to the columns.
#[inline(always)]
fn push<'f>(
    fields: &[(usize, usize)],
    columns: &[Column],
    builders: &mut [Builder],
    count: usize,
    text_of: impl Fn(usize) -> Option<&'f str>,
) -> Result<(), String> {
    for (index, field) in fields {
        let column = &columns[*index];
        let text = text_of(*field)
            .ok_or_else(|| format!("it has {count} fields, and `{}` should be field {}", column.name, field + 1))?;
        builders[*index].push(column, Some(text).filter(|text| !text.is_empty() || column.data_type == Type::Utf8))?;
    }
    Ok(())
}

/// The lines of a text, as [`lines`] has them.
fn texts(text: &str) -> impl Iterator<Item = &str> {
    lines(text.as_bytes()).map(|line| {
        let from = offset(text.as_bytes(), line) as usize;
        &text[from..from + line.len()]
    })
}

/// What makes a column of one type one of another, if anything does.
pub(super) fn cast(from: &Type, to: &Type) -> Option<Expr> {
    let field = Schema(vec![("field".to_owned(), from.clone())]);
    Expr::parse(&format!("cast(field as {})", to.to_string().to_lowercase()), &field).ok()
}

fn bad_header(message: String) -> KernelError {
    KernelError::Record { place: "the header".to_owned(), message, at: None }
}

/// Where in a block one of its lines begins.
fn offset(bytes: &[u8], line: &[u8]) -> u64 {
    (line.as_ptr() as usize - bytes.as_ptr() as usize) as u64
}

/// Enough of a text to recognise it.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    const CHARS: usize = 60;
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
