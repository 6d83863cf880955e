//! A job's result: its rows in their final order, held so that a million of them are cheap to sort, search, scroll and save.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::kernel::{KernelError, RowReader, read_columns, sorted, together};
use super::{Column, Payload, Plan, SortKey};
use crate::expr::{Type, Value, show};
use crate::limits::{VIEW_ROWS_MAX, VIEW_TEXT_CHARS_MAX};

/// The rows of a result, as columns.
#[derive(Clone, Debug)]
pub struct Table {
    names: Vec<Column>,
    columns: Vec<ArrayRef>,
    rows: usize,
    /// Where the rows of each partition end.
    ends: Vec<usize>,
    view: ViewCache,
}

/// Which rows of a result a client wants to see, and in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewQuery {
    /// A column's index, and whether its order is descending; `None`: the result's own order.
    pub sort: Option<(usize, bool)>,
    /// Keep rows one of whose values contains this as text, whatever the case; empty: all.
    pub search: String,
    /// Rows to pass over.
    #[serde(with = "crate::wire::text64")]
    pub offset: u64,
    /// At most this many rows, and at most [`VIEW_ROWS_MAX`].
    pub limit: u32,
}

/// Some rows of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Rows in the whole result.
    #[serde(with = "crate::wire::text64")]
    pub total: u64,
    /// Rows that match the search.
    #[serde(with = "crate::wire::text64")]
    pub matched: u64,
    /// Where among the matching rows these begin.
    #[serde(with = "crate::wire::text64")]
    pub offset: u64,
    /// Values as text; a null is `null`.
    pub rows: Vec<Vec<String>>,
}

/// The sort and the search in lower case, and the rows that match in that order.
type Matched = (Option<(usize, bool)>, String, Vec<u32>);

/// What the last views worked out, so that scrolling costs nothing.
#[derive(Clone, Debug, Default)]
struct ViewCache {
    sorted: Option<((usize, bool), Vec<u32>)>,
    matched: Option<Matched>,
    /// Each row's values as text in lower case, one after the other, and where each row ends.
    lower: Option<(String, Vec<usize>)>,
}

impl Table {
    /// The final rows from those of the committed partitions, in the order of the partitions.
    pub fn new(plan: &Plan, partitions: Vec<Payload>) -> Result<Table, KernelError> {
        if plan.counts_words() {
            let (columns, ends) = words(plan, &partitions)?;
            let table = Table::of(plan, columns, ends.last().copied().unwrap_or_default());
            return Ok(table.cut(plan, ends));
        }
        let types: Vec<Type> = plan.columns.iter().map(|column| column.data_type.clone()).collect();
        let (mut batches, mut rows, mut ends) = (Vec::new(), 0, Vec::new());
        for partition in &partitions {
            let read = read_columns(partition, &types)?;
            rows += read.iter().map(RecordBatch::num_rows).sum::<usize>();
            ends.push(rows);
            batches.extend(read);
        }
        let table = Table::of(plan, together(&types, batches.iter().map(|batch| batch.columns().to_vec()))?, rows);
        Ok(table.cut(plan, ends))
    }

    /// Notes where partitions end. Sorted rows, and those of a limit, are in equal shares: they are in no key's partition any more.
    fn cut(self, plan: &Plan, ends: Vec<usize>) -> Table {
        let moved = !plan.sort.is_empty() || plan.limit.is_some();
        let parts = ends.len();
        let ends = if moved { (1..=parts).map(|part| self.rows * part / parts).collect() } else { ends };
        Table { ends, ..self }
    }

    /// The rows of each partition; one after the other they are all.
    pub fn partitions(&self) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| start..*end).collect()
    }

    /// The final rows from those of all partitions, one after the other.
    pub(super) fn of(plan: &Plan, columns: Vec<ArrayRef>, rows: usize) -> Table {
        let names = plan.columns.clone();
        let order = sorted(&columns, rows, &plan.sort, plan.limit);
        if plan.sort.is_empty() && order.len() == rows {
            return Table { names, columns, rows, ends: vec![rows], view: ViewCache::default() };
        }
        let order = UInt32Array::from(order);
        let taken = |column: &ArrayRef| arrow_select::take::take(column, &order, None).expect("the rows are the column's own");
        let (rows, columns) = (order.len(), columns.iter().map(taken).collect());
        Table { names, columns, rows, ends: vec![rows], view: ViewCache::default() }
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The names and types of the columns.
    pub fn columns(&self) -> &[Column] {
        &self.names
    }

    /// A column's values.
    pub fn column(&self, index: usize) -> &ArrayRef {
        &self.columns[index]
    }

    /// A value as text, as it is shown and written; `None` for null.
    pub fn text(&self, row: usize, column: usize) -> Option<String> {
        let mut text = String::new();
        self.write_text(row, column, &mut text).then_some(text)
    }

    /// Appends a value as text; `false` for null.
    pub fn write_text(&self, row: usize, column: usize, text: &mut String) -> bool {
        let column = &self.columns[column];
        // A result's values are bounded by the memory that they were made in, not by that of a text function.
        column.is_valid(row) && show(column, row, text).is_ok()
    }

    /// A value as JSON: times as text, and a float that JSON has no number for as null.
    pub fn json(&self, row: usize, column: usize) -> serde_json::Value {
        json(&Value::at(&self.columns[column], row), &|| self.text(row, column))
    }

    /// XXH3 (64 bits, seed 0) of the whole CSV, so that `xxhsum -H3` of a saved file gives the same.
    pub fn output_hash(&self) -> u64 {
        let mut hash = Xxh3::new();
        let mut from = 0;
        loop {
            let (bytes, next) = self.csv_chunk(from, CSV_CHUNK_BYTES);
            hash.update(&bytes);
            if next >= self.len() {
                return hash.digest();
            }
            from = next;
        }
    }

    /// Rows as CSV (RFC 4180, but lines end in `\n`), from a row on, until `max_bytes` are reached (at least one row); and the row
    /// that comes next, which is [`Table::len`] at the end. The header comes before row 0. A null is nothing, an empty text `""`.
    pub fn csv_chunk(&self, from_row: usize, max_bytes: usize) -> (Vec<u8>, usize) {
        let mut csv = if from_row == 0 { self.csv_header() } else { Vec::new() };
        let mut text = String::new();
        let mut row = from_row;
        while row < self.rows {
            self.push_csv(row, &mut text, &mut csv);
            row += 1;
            if csv.len() >= max_bytes {
                break;
            }
        }
        (csv, row)
    }

    /// The names of the columns as a line of CSV.
    pub fn csv_header(&self) -> Vec<u8> {
        let mut csv = Vec::new();
        for (index, column) in self.names.iter().enumerate() {
            if index > 0 {
                csv.push(b',');
            }
            push_field(&mut csv, &column.name);
        }
        csv.push(b'\n');
        csv
    }

    /// Rows as CSV without a header, as in [`Table::csv_chunk`].
    pub fn csv_rows(&self, rows: Range<usize>) -> Vec<u8> {
        let (mut csv, mut text) = (Vec::new(), String::new());
        rows.for_each(|row| self.push_csv(row, &mut text, &mut csv));
        csv
    }

    fn push_csv(&self, row: usize, text: &mut String, csv: &mut Vec<u8>) {
        for index in 0..self.columns.len() {
            if index > 0 {
                csv.push(b',');
            }
            text.clear();
            match self.names[index].data_type {
                Type::Utf8 if self.columns[index].is_valid(row) => {
                    push_field(csv, self.columns[index].as_string::<i32>().value(row));
                }
                _ if self.write_text(row, index, text) => push_field(csv, text),
                _ => {}
            }
        }
        csv.push(b'\n');
    }

    /// The names and types of the columns, as Arrow has them.
    pub fn arrow_schema(&self) -> SchemaRef {
        let field = |column: &Column| Field::new(&column.name, column.data_type.arrow(), true);
        Arc::new(Schema::new(self.names.iter().map(field).collect::<Vec<_>>()))
    }

    /// Rows as an Arrow batch, whose columns share memory with these.
    pub fn batch(&self, rows: Range<usize>) -> RecordBatch {
        let columns = self.columns.iter().map(|column| column.slice(rows.start, rows.len())).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.arrow_schema(), columns, &options).expect("each column has its own type")
    }

    /// The rows that a query asks for. A sort column that does not exist leaves the result's own order.
    pub fn view(&mut self, query: &ViewQuery) -> View {
        let sort = query.sort.filter(|(column, _)| *column < self.columns.len());
        let search = query.search.to_lowercase();
        self.prepare(sort, &search);
        let order = match (&self.view.matched, &self.view.sorted) {
            _ if search.is_empty() && sort.is_none() => None,
            (_, Some((_, sorted))) if search.is_empty() => Some(sorted),
            (Some((_, _, matched)), _) => Some(matched),
            _ => None,
        };
        let matched = order.map_or(self.len(), Vec::len);
        let first = usize::try_from(query.offset).unwrap_or(usize::MAX).min(matched);
        let last = matched.min(first.saturating_add(query.limit.min(VIEW_ROWS_MAX) as usize));
        let rows = (first..last).map(|index| self.texts(order.map_or(index, |order| order[index] as usize))).collect();
        View { total: self.len() as u64, matched: matched as u64, offset: first as u64, rows }
    }

    /// Works out the order and the matches of a view, unless they are at hand.
    fn prepare(&mut self, sort: Option<(usize, bool)>, search: &str) {
        if let Some((column, descending)) = sort
            && self.view.sorted.as_ref().is_none_or(|(known, _)| *known != (column, descending))
        {
            let order = sorted(&self.columns, self.rows, &[SortKey { column, descending }], None);
            self.view.sorted = Some(((column, descending), order));
        }
        let at_hand = |(known, text, _): &Matched| *known == sort && text == search;
        if search.is_empty() || self.view.matched.as_ref().is_some_and(at_hand) {
            return;
        }
        let (text, ends) = self.view.lower.take().unwrap_or_else(|| self.lower());
        let hits = rows_containing(&text, &ends, search);
        let matched = match (sort, &self.view.sorted) {
            (Some(_), Some((_, sorted))) => {
                let hits: BTreeSet<u32> = hits.into_iter().collect();
                sorted.iter().copied().filter(|row| hits.contains(row)).collect()
            }
            _ => hits,
        };
        self.view.lower = Some((text, ends));
        self.view.matched = Some((sort, search.to_owned(), matched));
    }

    /// Each row's values in lower case. What parts them is in no text that anyone types.
    fn lower(&self) -> (String, Vec<usize>) {
        let (mut lower, mut text) = (String::new(), String::new());
        let ends = (0..self.rows).map(|row| {
            for column in 0..self.columns.len() {
                text.clear();
                self.write_text(row, column, &mut text);
                match text.is_ascii() {
                    true => lower.extend(text.chars().map(|c| c.to_ascii_lowercase())),
                    false => lower.push_str(&text.to_lowercase()),
                }
                lower.push('\u{1f}');
            }
            lower.len()
        });
        let ends = ends.collect();
        (lower, ends)
    }

    fn texts(&self, row: usize) -> Vec<String> {
        let text = |column| self.text(row, column).map_or_else(|| "null".to_owned(), clipped);
        (0..self.columns.len()).map(text).collect()
    }
}

/// A text as a view shows it: what nobody reads to the end does not cross a socket.
fn clipped(text: String) -> String {
    match text.char_indices().nth(VIEW_TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The rows of counted words, as columns, and where those of each partition end.
fn words(plan: &Plan, partitions: &[Payload]) -> Result<(Vec<ArrayRef>, Vec<usize>), KernelError> {
    let (mut keys, mut counts, mut ends) = (StringBuilder::new(), Vec::new(), Vec::new());
    for partition in partitions {
        for (row, read) in RowReader::new(partition).enumerate() {
            let (key, count) = read?;
            let problem = "its key is not a text";
            keys.append_value(std::str::from_utf8(key).map_err(|_| KernelError::Corrupt { row: row as u64, problem })?);
            counts.push(i64::try_from(count).unwrap_or(i64::MAX));
        }
        ends.push(counts.len());
    }
    let mut columns: Vec<ArrayRef> = vec![Arc::new(keys.finish())];
    columns.resize(plan.columns.len(), Arc::new(Int64Array::from(counts)));
    Ok((columns, ends))
}

fn json(value: &Value, text: &dyn Fn() -> Option<String>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(it) => (*it).into(),
        Value::Int64(it) => (*it).into(),
        Value::Float64(it) => (*it).into(),
        Value::Utf8(it) => (&**it).into(),
        Value::List(parts) => parts.iter().map(|part| json(part, &|| Some(part.to_string()))).collect(),
        Value::Timestamp(_) | Value::Interval(_) => text().into(),
    }
}

/// Bytes of CSV hashed at a time.
const CSV_CHUNK_BYTES: usize = 1 << 20;

/// The rows whose part of `text` contains `search`, ascending.
fn rows_containing(text: &str, ends: &[usize], search: &str) -> Vec<u32> {
    let finder = memchr::memmem::Finder::new(search);
    let (mut rows, mut row, mut from) = (Vec::new(), 0, 0);
    while let Some(found) = finder.find(&text.as_bytes()[from..]) {
        let start = from + found;
        while ends[row] <= start {
            row += 1;
        }
        if start + search.len() <= ends[row] {
            rows.push(row as u32);
            from = ends[row];
        } else {
            from = start + 1;
        }
    }
    rows
}

fn push_field(csv: &mut Vec<u8>, field: &str) {
    if !field.is_empty() && !field.contains(['"', ',', '\n', '\r']) {
        csv.extend_from_slice(field.as_bytes());
        return;
    }
    csv.push(b'"');
    csv.extend_from_slice(field.replace('"', "\"\"").as_bytes());
    csv.push(b'"');
}
