//! Bytes as records: a block of lines becomes columns of the types that the plan names.
//!
//! Invalid UTF-8 is read as U+FFFD and its record counted as bad. Any other field that is not what its column says is an error that
//! names the record: guessing would give a wrong number.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, StringArray};
use csv_core::ReadFieldResult;
use serde_json::{Map, Value as Json};

use super::KernelError;
use super::batch::{Batch, gone};
use super::steps::lines;
use crate::batch::{Column, Counters, Format, Part, Records, Source};
use crate::expr::{Context, Expr, Schema, Type};

/// Bytes in which a header has to end.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// Reads the records of a split.
pub(super) struct Decoder {
    format: Format,
    columns: Vec<Column>,
    /// For each column whether anything looks at it. What nobody looks at is not read.
    needed: Vec<bool>,
    /// What each column is called in the input.
    keys: Vec<String>,
    /// For each column its field in a line of CSV.
    fields: Vec<usize>,
    /// What makes a column of its texts, for types that are not read directly.
    casts: Vec<Option<Expr>>,
    /// What the records are in; each part has a header of its own.
    part: Part,
    /// Where records begin that are passed over.
    skip: BTreeSet<u64>,
    /// The header has been looked at.
    ready: bool,
}

/// The fields of a column on their way to an array.
enum Builder {
    Int64(Int64Builder),
    Float64(Float64Builder),
    Text(StringBuilder),
}

impl Decoder {
    pub fn new(records: &Records, part: Part, needed: &[bool], skip: &[u64]) -> Decoder {
        let cast_of = |column: &Column| match column.data_type {
            Type::Utf8 | Type::Int64 | Type::Float64 => None,
            ref of => cast(&Type::Utf8, of),
        };
        Decoder {
            format: records.format.clone(),
            columns: records.columns.clone(),
            needed: needed.to_vec(),
            keys: records.keys.clone(),
            fields: (0..records.columns.len()).collect(),
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
        let mut builders: Vec<Builder> = self.columns.iter().map(|column| Builder::of(&column.data_type)).collect();
        let (mut rows, mut skipped) = (0, 0);
        for line in lines(bytes).skip(self.header_lines(at)) {
            if !self.skip.is_empty() && self.skip.contains(&(at + offset(bytes, line))) {
                skipped += 1;
                continue;
            }
            rows += 1;
            let line = String::from_utf8_lossy(line);
            counters.bad_records += u64::from(matches!(line, Cow::Owned(_)));
            let read = match self.format {
                Format::Lines if self.needed[0] => builders[0].push(&self.columns[0], Some(&line)),
                Format::Csv { delimiter, quote, .. } => self.csv(&line, delimiter, quote, &mut builders),
                Format::JsonLines => self.json(&line, &mut builders),
                // The formats that are no lines have readers of their own.
                Format::Lines | Format::Arrow | Format::Parquet => Ok(()),
            };
            read.map_err(|message| self.refused(bytes, at, rows - 1, message))?;
        }
        counters.map_input_records += rows as u64 + skipped;
        counters.skipped_records += skipped;
        let arrays: Vec<ArrayRef> = builders.into_iter().map(Builder::finish).collect();
        let mut columns = Vec::new();
        for (index, array) in arrays.into_iter().enumerate() {
            columns.push(match &self.casts[index] {
                _ if !self.needed[index] => gone(),
                None => array,
                Some(cast) => cast.evaluate(&[array], rows, Context::default()).map_err(|error| {
                    let message = format!("`{}`: {}", self.columns[index].name, error.message);
                    self.refused(bytes, at, error.row, message)
                })?,
            });
        }
        Ok(Batch::new(columns, rows))
    }

    /// Lines at the beginning of a block at byte `at` that are no records.
    fn header_lines(&self, at: u64) -> usize {
        usize::from(matches!(self.format, Format::Csv { header: true, .. }) && at == self.part.start)
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
        let Format::Csv { header: true, delimiter, quote } = self.format else { return Ok(()) };
        let mut bytes = vec![0; HEADER_BYTES_MAX.min((self.part.end - self.part.start) as usize)];
        let count = source.read_at(self.part.start, &mut bytes)?;
        let Some(line) = lines(&bytes[..count]).next() else { return Ok(()) };
        let names = split(&String::from_utf8_lossy(line), delimiter, quote).map_err(bad_header)?;
        let names: Vec<&str> = names.iter().map(|name| name.trim_start_matches('\u{feff}').trim()).collect();
        for ((key, field), _) in self.keys.iter().zip(&mut self.fields).zip(&self.needed).filter(|(_, needed)| **needed) {
            *field = names.iter().position(|name| name == key).ok_or_else(|| {
                let known = crate::nearest::list(names.iter().copied());
                bad_header(format!("it has no column `{key}`; it has {known}"))
            })?;
        }
        Ok(())
    }

    fn csv(&self, line: &str, delimiter: u8, quote: u8, builders: &mut [Builder]) -> Result<(), String> {
        let mut push = |fields: &[&str]| {
            for (index, builder) in builders.iter_mut().enumerate().filter(|(index, _)| self.needed[*index]) {
                let (column, field) = (&self.columns[index], &self.fields[index]);
                let text = fields.get(*field).ok_or_else(|| {
                    format!("it has {} fields, and `{}` should be field {}", fields.len(), column.name, field + 1)
                })?;
                builder.push(column, Some(text).filter(|text| !text.is_empty() || column.data_type == Type::Utf8).copied())?;
            }
            Ok(())
        };
        if line.as_bytes().contains(&quote) {
            let fields = split(line, delimiter, quote)?;
            return push(&fields.iter().map(String::as_str).collect::<Vec<_>>());
        }
        push(&line.split(char::from(delimiter)).collect::<Vec<_>>())
    }

    fn json(&self, line: &str, builders: &mut [Builder]) -> Result<(), String> {
        let record: Json = serde_json::from_str(line).map_err(|error| format!("it is not JSON: {error}"))?;
        let Json::Object(record) = record else { return Err("it is not a JSON object".to_owned()) };
        for (index, builder) in builders.iter_mut().enumerate().filter(|(index, _)| self.needed[*index]) {
            let column = &self.columns[index];
            match at_key(&record, &self.keys[index]) {
                None | Some(Json::Null) => builder.push(column, None)?,
                Some(Json::String(text)) => builder.push(column, Some(text))?,
                Some(other) => builder.push(column, Some(&other.to_string()))?,
            }
        }
        Ok(())
    }
}

impl Builder {
    fn of(data_type: &Type) -> Builder {
        match data_type {
            Type::Int64 => Builder::Int64(Int64Builder::new()),
            Type::Float64 => Builder::Float64(Float64Builder::new()),
            _ => Builder::Text(StringBuilder::new()),
        }
    }

    fn push(&mut self, column: &Column, text: Option<&str>) -> Result<(), String> {
        let unfit = |text: &str| format!("`{}` is `{}`, which is no {}", column.name, excerpt(text), column.data_type);
        match (self, text) {
            (Builder::Int64(array), Some(text)) => array.append_value(text.trim().parse().map_err(|_| unfit(text))?),
            (Builder::Float64(array), Some(text)) => array.append_value(text.trim().parse().map_err(|_| unfit(text))?),
            (Builder::Text(array), Some(text)) => array.append_value(text),
            (Builder::Int64(array), None) => array.append_null(),
            (Builder::Float64(array), None) => array.append_null(),
            (Builder::Text(array), None) => array.append_null(),
        }
        Ok(())
    }

    fn finish(self) -> ArrayRef {
        match self {
            Builder::Int64(mut array) => Arc::new(array.finish()),
            Builder::Float64(mut array) => Arc::new(array.finish()),
            Builder::Text(mut array) => Arc::new(array.finish()) as Arc<StringArray>,
        }
    }
}

/// The value of a key, or at a path of keys with dots between them.
fn at_key<'r>(record: &'r Map<String, Json>, key: &str) -> Option<&'r Json> {
    record.get(key).or_else(|| {
        let (first, rest) = key.split_once('.')?;
        at_key(record.get(first)?.as_object()?, rest)
    })
}

/// What makes a column of one type one of another, if anything does.
pub(super) fn cast(from: &Type, to: &Type) -> Option<Expr> {
    let field = Schema(vec![("field".to_owned(), from.clone())]);
    Expr::parse(&format!("cast(field as {})", to.to_string().to_lowercase()), &field).ok()
}

/// The fields of a line of CSV that may have quotes.
pub(super) fn split(line: &str, delimiter: u8, quote: u8) -> Result<Vec<String>, String> {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).quote(quote).build();
    let (mut input, mut fields, mut field) = (line.as_bytes(), Vec::new(), Vec::new());
    let mut buffer = [0; 1 << 10];
    loop {
        let (result, read, written) = reader.read_field(input, &mut buffer);
        input = &input[read..];
        field.extend_from_slice(&buffer[..written]);
        match result {
            // The line has ended: an empty input says so to the reader.
            ReadFieldResult::InputEmpty => {}
            ReadFieldResult::OutputFull => {}
            ReadFieldResult::Field { record_end } => {
                fields.push(String::from_utf8_lossy(&std::mem::take(&mut field)).into_owned());
                if record_end {
                    return Ok(fields);
                }
            }
            ReadFieldResult::End => return Ok(fields),
        }
    }
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
