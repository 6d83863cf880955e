//! A job's result: its rows in their final order, held so that a million of them are cheap to sort, search, scroll and save.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::kernel::{KernelError, RowReader, sort_rows};
use super::{Payload, Plan, SortKey};
use crate::limits::{VIEW_ROWS_MAX, VIEW_TEXT_CHARS_MAX};

/// The rows of a result: one text of all keys, where each ends, and the counts.
///
/// Every aggregate of a plan is `count(*)`, so one count a row serves all value columns.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<String>,
    keys: String,
    ends: Vec<usize>,
    counts: Vec<u64>,
    view: ViewCache,
}

/// Which rows of a result a client wants to see, and in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewQuery {
    /// A column's index, and whether its order is descending; `None`: the result's own order.
    pub sort: Option<(usize, bool)>,
    /// Keep rows whose key contains this, whatever the case; empty: all.
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
    pub rows: Vec<Vec<String>>,
}

/// The sort and the search in lower case, and the rows that match in that order.
type Matched = (Option<(usize, bool)>, String, Vec<u32>);

/// What the last views worked out, so that scrolling costs nothing.
#[derive(Clone, Debug, Default)]
struct ViewCache {
    /// Each row's place when ordered by key.
    ranks: Option<Vec<u32>>,
    sorted: Option<((usize, bool), Vec<u32>)>,
    /// The sort and the search in lower case, and the rows that match in that order.
    matched: Option<Matched>,
    /// The keys in lower case and where each ends, if they differ from the keys.
    lower: Option<Option<(String, Vec<usize>)>>,
}

impl Table {
    /// The final rows from those of the committed partitions, in the order of the partitions.
    pub fn new(plan: &Plan, partitions: Vec<Payload>) -> Result<Table, KernelError> {
        let (mut keys, mut ends, mut counts) = (String::new(), Vec::new(), Vec::new());
        for partition in &partitions {
            for (row, read) in RowReader::new(partition).enumerate() {
                let (key, count) = read?;
                let problem = "its key is not a text";
                keys.push_str(std::str::from_utf8(key).map_err(|_| KernelError::Corrupt { row: row as u64, problem })?);
                ends.push(keys.len());
                counts.push(count);
            }
        }
        let table = Table { columns: plan.columns(), keys, ends, counts, view: ViewCache::default() };
        let mut order: Vec<u32> = (0..table.len() as u32).collect();
        if plan.sort.is_empty() {
            order.truncate(plan.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX));
        } else {
            let ranks = table.ranks();
            let (rank, count) = (|row| ranks[row as usize], |row| table.counts[row as usize]);
            sort_rows(&mut order, &plan.sort, plan.limit, rank, count);
        }
        Ok(table.reordered(&order))
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The names of the columns: the key, then the values.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows in order: the key, and the count that every value column holds.
    pub fn rows(&self) -> impl Iterator<Item = (&str, u64)> {
        (0..self.len()).map(|row| (self.key(row), self.counts[row]))
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
    /// that comes next, which is [`Table::len`] at the end. The header comes before row 0.
    pub fn csv_chunk(&self, from_row: usize, max_bytes: usize) -> (Vec<u8>, usize) {
        let mut csv = Vec::new();
        if from_row == 0 {
            for (index, column) in self.columns.iter().enumerate() {
                if index > 0 {
                    csv.push(b',');
                }
                push_field(&mut csv, column);
            }
            csv.push(b'\n');
        }
        let mut row = from_row;
        while row < self.len() {
            push_field(&mut csv, self.key(row));
            let count = self.counts[row].to_string();
            for _ in 1..self.columns.len() {
                csv.push(b',');
                csv.extend_from_slice(count.as_bytes());
            }
            csv.push(b'\n');
            row += 1;
            if csv.len() >= max_bytes {
                break;
            }
        }
        (csv, row)
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
            let ranks = self.view.ranks.take().unwrap_or_else(|| self.ranks());
            let mut order: Vec<u32> = (0..self.len() as u32).collect();
            let terms = [SortKey { column, descending }];
            sort_rows(&mut order, &terms, None, |row| ranks[row as usize], |row| self.counts[row as usize]);
            self.view.sorted = Some(((column, descending), order));
            self.view.ranks = Some(ranks);
        }
        let at_hand = |(known, text, _): &(Option<(usize, bool)>, String, Vec<u32>)| *known == sort && text == search;
        if search.is_empty() || self.view.matched.as_ref().is_some_and(at_hand) {
            return;
        }
        let lower = self.view.lower.take().unwrap_or_else(|| self.lower());
        let (text, ends) = lower.as_ref().map_or((&self.keys, &self.ends), |(text, ends)| (text, ends));
        let hits = rows_containing(text, ends, search);
        let matched = match (sort, &self.view.sorted) {
            (Some(_), Some((_, sorted))) => {
                let hits: BTreeSet<u32> = hits.into_iter().collect();
                sorted.iter().copied().filter(|row| hits.contains(row)).collect()
            }
            _ => hits,
        };
        self.view.lower = Some(lower);
        self.view.matched = Some((sort, search.to_owned(), matched));
    }

    /// The keys in lower case, if that differs.
    fn lower(&self) -> Option<(String, Vec<usize>)> {
        let mut lower = String::with_capacity(self.keys.len());
        let ends = (0..self.len())
            .map(|row| {
                lower.push_str(&self.key(row).to_lowercase());
                lower.len()
            })
            .collect();
        (lower != self.keys).then_some((lower, ends))
    }

    /// Each row's place when ordered by key.
    fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<(u64, u32)> = (0..self.len()).map(|row| (prefix(self.key(row)), row as u32)).collect();
        // Stable, because it finds the ascending runs that partitions are.
        order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| self.key(a.1 as usize).cmp(self.key(b.1 as usize))));
        let mut ranks = vec![0; order.len()];
        for (rank, (_, row)) in order.into_iter().enumerate() {
            ranks[row as usize] = rank as u32;
        }
        ranks
    }

    fn reordered(self, order: &[u32]) -> Table {
        if order.len() == self.len() && order.iter().enumerate().all(|(index, row)| index == *row as usize) {
            return self;
        }
        let mut keys = String::new();
        let ends = order
            .iter()
            .map(|row| {
                keys.push_str(self.key(*row as usize));
                keys.len()
            })
            .collect();
        let counts = order.iter().map(|row| self.counts[*row as usize]).collect();
        Table { columns: self.columns, keys, ends, counts, view: ViewCache::default() }
    }

    fn key(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.keys[start..self.ends[row]]
    }

    fn texts(&self, row: usize) -> Vec<String> {
        let mut texts = vec![clipped(self.key(row))];
        texts.resize(self.columns.len(), self.counts[row].to_string());
        texts
    }
}

/// A text as a view shows it: what nobody reads to the end does not cross a socket.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(VIEW_TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Bytes of CSV hashed at a time.
const CSV_CHUNK_BYTES: usize = 1 << 20;

/// The first eight bytes of a key as a number that orders like them.
fn prefix(key: &str) -> u64 {
    let mut bytes = [0; 8];
    let len = key.len().min(8);
    bytes[..len].copy_from_slice(&key.as_bytes()[..len]);
    u64::from_be_bytes(bytes)
}

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
    if !field.contains(['"', ',', '\n', '\r']) {
        csv.extend_from_slice(field.as_bytes());
        return;
    }
    csv.push(b'"');
    csv.extend_from_slice(field.replace('"', "\"\"").as_bytes());
    csv.push(b'"');
}
