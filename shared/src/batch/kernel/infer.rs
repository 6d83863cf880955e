//! The columns of an input, found by looking at it: of CSV and JSON at a sample, of Arrow and Parquet at what the file says.
//!
//! A column of a sample is what all of its values are: boolean, bigint, double, timestamp, else text; text too where there are
//! no values at all. A later value that is something else ends the run with a sentence, as if the columns had been given.

mod json;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, StringArray};
use serde::{Deserialize, Serialize};

use super::KernelError;
use super::arrow_file;
use super::columnar::unread;
use super::convert::type_of;
#[cfg(feature = "parquet")]
use super::parquet_file;
use super::quotes::Quotes;
use super::steps::lines;
use crate::batch::{Column, Format, Part, Records, Source};
use crate::expr::{Context, Expr, Schema, Type, is_reserved};
use crate::limits::{COLUMN_NAME_CHARS_MAX, INFERRED_COLUMNS_MAX, SAMPLE_BYTES, SAMPLE_RECORDS};

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inferred {
    pub records: Records,
    /// Sentences about what is in the input but in no column.
    pub left_out: Vec<String>,
}

/// Looks at the first bytes of a file or text, or at its last ones if these say what it holds.
pub fn infer(format: &Format, source: &mut dyn Source, part: Part) -> Result<Inferred, KernelError> {
    let empty = || KernelError::Format {
        format: format.name(),
        problem: "it has no record from which its columns could be inferred: name them by `columns`".to_owned(),
    };
    let mut found = Found::default();
    match format {
        Format::Lines => found.add("line", Type::Utf8),
        Format::Csv { header, delimiter, quote } => {
            let sample = sample(source, part)?;
            let texts = csv(&sample, *header, *delimiter, *quote);
            texts.into_iter().for_each(|(name, values)| found.add(&name, type_of_texts(values)));
        }
        Format::JsonLines => json::columns(&sample(source, part)?, &mut found)?,
        _ if part.start == part.end => {}
        Format::Arrow => found.add_all(&*arrow_file::schema(part, source)?),
        #[cfg(feature = "parquet")]
        Format::Parquet => found.add_all(&*parquet_file::schema(part, source)?),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => {}
    }
    let Found { columns, keys, left_out, .. } = found;
    if columns.is_empty() {
        return Err(empty());
    }
    Ok(Inferred { records: Records { format: format.clone(), columns, keys }, left_out })
}

/// The columns so far.
#[derive(Default)]
struct Found {
    columns: Vec<Column>,
    keys: Vec<String>,
    /// The keys again, to find one.
    known: BTreeSet<String>,
    left_out: Vec<String>,
    surplus: bool,
}

impl Found {
    /// One more column, by what it is called in the input.
    fn add(&mut self, key: &str, data_type: Type) {
        if key.is_empty() || !self.known.insert(key.to_owned()) {
            let why = if key.is_empty() { "has no name" } else { "has the name of one before it" };
            return self.left_out.push(format!("a column {why} (`{key}`)"));
        }
        if self.columns.len() == INFERRED_COLUMNS_MAX {
            if !std::mem::replace(&mut self.surplus, true) {
                self.left_out.push(format!("the columns behind the first {INFERRED_COLUMNS_MAX} are left out"));
            }
            return;
        }
        let name = self.name(key);
        self.columns.push(Column { name, data_type });
        self.keys.push(key.to_owned());
    }

    fn add_all(&mut self, schema: &arrow_schema::Schema) {
        for field in schema.fields() {
            match type_of(field.data_type()) {
                Some(data_type) => self.add(field.name(), data_type),
                None => self.left_out.push(unread(field.name(), field.data_type())),
            }
        }
    }

    /// A name that an expression can say, near to what the column is called in the input: `Flight No.` becomes `Flight_No`.
    fn name(&self, key: &str) -> String {
        let allowed = |c: char| if c.is_alphanumeric() { c } else { '_' };
        let name: String = key.trim().chars().map(allowed).take(COLUMN_NAME_CHARS_MAX - 4).collect();
        let mut name = name.trim_end_matches('_').to_owned();
        if !name.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_') {
            name.insert(0, '_');
        }
        if is_reserved(&name) {
            name.push('_');
        }
        let taken = |name: &str| self.columns.iter().any(|column| column.name == name);
        match taken(&name) {
            false => name,
            true => (2..).map(|number| format!("{name}_{number}")).find(|name| !taken(name)).unwrap_or(name),
        }
    }
}

/// The whole lines among the first bytes.
fn sample(source: &mut dyn Source, part: Part) -> Result<Vec<u8>, KernelError> {
    let bytes = part.end - part.start;
    let mut sample = vec![0; bytes.min(SAMPLE_BYTES as u64) as usize];
    let got = source.read_at(part.start, &mut sample)?;
    sample.truncate(got);
    if (got as u64) < bytes {
        // The line that was cut is no part of it; a single one that is longer than the sample is all there is.
        let whole = memchr::memrchr(b'\n', &sample).map_or(got, |newline| newline + 1);
        sample.truncate(whole);
    }
    Ok(sample)
}

/// For each column of CSV its name and the values that are not empty.
fn csv(sample: &[u8], header: bool, delimiter: u8, quote: u8) -> Vec<(String, Vec<String>)> {
    let mut lines = lines(sample).map(String::from_utf8_lossy);
    let mut quotes = Quotes::new(delimiter, quote);
    let mut columns: Vec<(String, Vec<String>)> = Vec::new();
    if header && let Some(line) = lines.next() {
        let name = |name: &str| (name.trim_start_matches('\u{feff}').trim().to_owned(), Vec::new());
        columns = quotes.read(&line).fields().map(name).collect();
    }
    for line in lines.take(SAMPLE_RECORDS) {
        for (index, field) in quotes.read(&line).fields().enumerate() {
            if !header && index == columns.len() {
                columns.push((format!("column_{}", index + 1), Vec::new()));
            }
            if let Some((_, values)) = columns.get_mut(index).filter(|_| !field.is_empty()) {
                values.push(field.to_owned());
            }
        }
    }
    columns
}

/// What all of these texts are.
fn type_of_texts(values: Vec<String>) -> Type {
    let all = |is: fn(&str) -> bool| values.iter().all(|value| is(value.trim()));
    match () {
        _ if values.is_empty() => Type::Utf8,
        _ if all(|text| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")) => Type::Boolean,
        _ if all(|text| !is_code(text) && text.parse::<i64>().is_ok()) => Type::Int64,
        _ if all(|text| !is_code(text) && is_float(text)) => Type::Float64,
        _ if all_timestamps(values) => Type::Timestamp,
        _ => Type::Utf8,
    }
}

/// Digits that are no number, since they begin with zeros: a postcode, a flight's number.
fn is_code(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']).as_bytes();
    matches!(digits, [b'0', second, ..] if second.is_ascii_digit())
}

/// Not the words that also stand for floats: `nan`, `inf`.
fn is_float(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Whether all are moments as ISO 8601 has them, from the day on.
fn all_timestamps(values: Vec<String>) -> bool {
    let iso = |text: &String| matches!(text.trim().as_bytes(), [_, _, _, _, b'-', _, _, b'-', _, _, ..]);
    let schema = Schema(vec![("field".to_owned(), Type::Utf8)]);
    let Ok(cast) = Expr::parse("try_cast(field as timestamp)", &schema) else { return false };
    if !values.iter().all(iso) {
        return false;
    }
    let count = values.len();
    let read = cast.evaluate(&[Arc::new(StringArray::from(values))], count, Context::default());
    read.is_ok_and(|moments| moments.null_count() == 0)
}
