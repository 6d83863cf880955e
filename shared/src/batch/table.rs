//! A job's result: its rows in their final order, held so that a million of them are cheap to sort, search, scroll and save, and so
//! that more of them than fit into memory can still be saved.
//!
//! - `rows`: some rows as text, CSV and JSON. - `view`: the rows that somebody looks at. - `write`: all of them as a file.

mod rows;
mod view;
mod write;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Int64Array, UInt32Array};
use arrow_schema::{Field, Schema, SchemaRef};
use xxhash_rust::xxh3::Xxh3;

pub use self::rows::Rows;
use self::view::Cache;
pub use self::view::{View, ViewQuery};
pub use self::write::RowsFormat;
use super::kernel::{Batches, KernelError, RowReader, sorted, together};
use super::{Column, Payload, Plan};
use crate::expr::Type;
use crate::expr::pick::take;
use crate::limits::TABLE_BYTES_MAX;

/// The rows of a result.
#[derive(Clone, Debug)]
pub struct Table {
    names: Vec<Column>,
    body: Body,
    rows: usize,
    /// Where the rows of each partition end.
    ends: Vec<usize>,
    cache: Cache,
}

#[derive(Clone, Debug)]
enum Body {
    /// All of them as columns.
    Columns(Vec<ArrayRef>),
    /// As the tasks left them, and how many rows each left: they are read when they are wanted.
    Parts { parts: Vec<(Payload, usize)>, words: bool },
}

/// Rows that are handed out together.
const BATCH_ROWS: usize = 64 << 10;

/// Bytes of CSV that are hashed at a time.
const CSV_CHUNK_BYTES: usize = 1 << 20;

impl Table {
    /// Rows that are there as columns, all of one length.
    pub fn of_columns(names: Vec<Column>, columns: Vec<ArrayRef>) -> Table {
        let rows = columns.first().map_or(0, |column| column.len());
        Table { names, body: Body::Columns(columns), rows, ends: vec![rows], cache: Cache::default() }
    }

    /// The final rows from those of the committed partitions, in the order of the partitions.
    pub fn new(plan: &Plan, partitions: Vec<Payload>) -> Result<Table, KernelError> {
        let words = plan.counts_words();
        let bytes: usize = partitions.iter().map(Payload::len).sum();
        let large = partitions.iter().any(Payload::is_stored) || bytes > TABLE_BYTES_MAX;
        if large && plan.sort.is_empty() && plan.limit.is_none() {
            return Table::in_parts(plan, partitions, words);
        }
        let types = types(plan);
        let (mut batches, mut rows, mut ends) = (Vec::new(), 0, Vec::new());
        for partition in &partitions {
            for batch in part_batches(partition, &types, words)? {
                let (columns, count) = batch?;
                rows += count;
                batches.push(columns);
            }
            ends.push(rows);
        }
        let table = Table::of(plan, together(&types, batches.into_iter())?, rows);
        Ok(table.cut(plan, ends))
    }

    /// Rows that stay where they are.
    fn in_parts(plan: &Plan, partitions: Vec<Payload>, words: bool) -> Result<Table, KernelError> {
        let types = types(plan);
        let (mut parts, mut rows, mut ends) = (Vec::new(), 0, Vec::new());
        for partition in partitions {
            let counts = part_batches(&partition, &types, words)?.map(|batch| batch.map(|(_, count)| count));
            let count = counts.sum::<Result<usize, _>>()?;
            rows += count;
            ends.push(rows);
            parts.push((partition, count));
        }
        let body = Body::Parts { parts, words };
        Ok(Table { names: plan.columns.clone(), body, rows, ends, cache: Cache::default() })
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
        let order = sorted(&columns, rows, &plan.sort, plan.limit);
        let table = |columns, rows| {
            let (names, body) = (plan.columns.clone(), Body::Columns(columns));
            Table { names, body, rows, ends: vec![rows], cache: Cache::default() }
        };
        if plan.sort.is_empty() && order.len() == rows {
            return table(columns, rows);
        }
        let order = UInt32Array::from(order);
        let taken = |column: &ArrayRef| take(column, &order).expect("the rows are the column's own");
        table(columns.iter().map(taken).collect(), order.len())
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

    /// The names and types of the columns, as Arrow has them.
    pub fn arrow_schema(&self) -> SchemaRef {
        let field = |column: &Column| Field::new(&column.name, column.data_type.arrow(), true);
        Arc::new(Schema::new(self.names.iter().map(field).collect::<Vec<_>>()))
    }

    /// Some rows, in their order and some at a time; those that are in memory share it.
    pub fn batches(&self, rows: Range<usize>) -> Box<dyn Iterator<Item = Result<Rows<'_>, KernelError>> + '_> {
        let names = &self.names;
        match &self.body {
            Body::Columns(columns) => {
                let end = rows.end;
                Box::new(rows.step_by(BATCH_ROWS).map(move |from| {
                    let count = BATCH_ROWS.min(end - from);
                    Ok(Rows { names, columns: columns.iter().map(|column| column.slice(from, count)).collect(), rows: count })
                }))
            }
            Body::Parts { parts, words } => {
                let starts = parts.iter().scan(0, |at, (_, count)| {
                    let start = *at;
                    *at += count;
                    Some(start)
                });
                let within = parts.iter().zip(starts).filter_map(move |((part, count), start)| {
                    let range = rows.start.max(start)..rows.end.min(start + count);
                    (range.start < range.end).then(|| (part, range.start - start..range.end - start))
                });
                Box::new(within.flat_map(move |(part, range)| Part::new(self, part, *words, range)))
            }
        }
    }

    /// XXH3 (64 bits, seed 0) of the whole CSV, so that `xxhsum -H3` of a saved file gives the same.
    pub fn output_hash(&self) -> Result<u64, KernelError> {
        let mut hash = Xxh3::new();
        self.csv(0..self.len(), CSV_CHUNK_BYTES, |csv| hash.update(csv))?;
        Ok(hash.digest())
    }

    /// Rows as CSV (RFC 4180, but lines end in `\n`), with a header, in pieces of about so many bytes. A null is nothing, an empty
    /// text `""`.
    pub fn csv(&self, rows: Range<usize>, bytes: usize, mut each: impl FnMut(&[u8])) -> Result<(), KernelError> {
        self.try_csv(rows, bytes, |csv| {
            each(csv);
            Ok::<_, KernelError>(())
        })
    }

    /// All of it as CSV.
    pub fn to_csv(&self) -> Result<Vec<u8>, KernelError> {
        let mut all = Vec::new();
        self.csv(0..self.len(), usize::MAX, |csv| all.extend_from_slice(csv))?;
        Ok(all)
    }

    /// As [`Table::csv`], for one who may fail.
    pub fn try_csv<E: From<KernelError>>(
        &self,
        rows: Range<usize>,
        bytes: usize,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut csv, mut text) = (rows::csv_header(&self.names), String::new());
        for batch in self.batches(rows) {
            let batch = batch?;
            for row in 0..batch.len() {
                batch.push_csv(row, &mut text, &mut csv);
                if csv.len() >= bytes {
                    each(&csv)?;
                    csv.clear();
                }
            }
        }
        if csv.is_empty() { Ok(()) } else { each(&csv) }
    }
}

/// The rows of one part, as they are read.
struct Part<'a> {
    table: &'a Table,
    read: Result<PartBatches, Option<KernelError>>,
    /// Rows to pass over, and to give.
    skip: usize,
    left: usize,
}

impl<'a> Part<'a> {
    fn new(table: &'a Table, part: &Payload, words: bool, rows: Range<usize>) -> Part<'a> {
        let types: Vec<Type> = table.names.iter().map(|column| column.data_type.clone()).collect();
        Part { table, read: part_batches(part, &types, words).map_err(Some), skip: rows.start, left: rows.len() }
    }
}

impl<'a> Iterator for Part<'a> {
    type Item = Result<Rows<'a>, KernelError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = match &mut self.read {
            Ok(read) => read,
            Err(error) => return error.take().map(Err),
        };
        while self.left > 0 {
            let (columns, rows) = match read.next()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            let from = self.skip.min(rows);
            self.skip -= from;
            let count = (rows - from).min(self.left);
            self.left -= count;
            if count > 0 {
                let columns = columns.iter().map(|column| column.slice(from, count)).collect();
                return Some(Ok(Rows { names: &self.table.names, columns, rows: count }));
            }
        }
        None
    }
}

type PartBatches = Box<dyn Iterator<Item = Result<(Vec<ArrayRef>, usize), KernelError>>>;

/// The rows that one task left, some at a time.
fn part_batches(part: &Payload, types: &[Type], words: bool) -> Result<PartBatches, KernelError> {
    if words {
        return Ok(Box::new(std::iter::once(words_of(part, types.len()))));
    }
    Ok(Box::new(Batches::new(part, types)?.map(|batch| batch.map(|batch| (batch.columns, batch.rows)))))
}

/// Counted words, as so many columns.
fn words_of(part: &Payload, columns: usize) -> Result<(Vec<ArrayRef>, usize), KernelError> {
    let (mut keys, mut counts) = (StringBuilder::new(), Vec::new());
    for (row, read) in RowReader::new(&part.bytes()?).enumerate() {
        let (key, count) = read?;
        let problem = "its key is not a text";
        keys.append_value(std::str::from_utf8(key).map_err(|_| KernelError::Corrupt { row: row as u64, problem })?);
        counts.push(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let rows = counts.len();
    let mut all: Vec<ArrayRef> = vec![Arc::new(keys.finish())];
    all.resize(columns, Arc::new(Int64Array::from(counts)));
    Ok((all, rows))
}

fn types(plan: &Plan) -> Vec<Type> {
    plan.columns.iter().map(|column| column.data_type.clone()).collect()
}
