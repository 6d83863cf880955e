//! The rows of a result that somebody looks at: some screens of them, in an order, those that contain a text.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Body, Rows, Table};
use crate::batch::kernel::sorted;
use crate::batch::{KernelError, SortKey};
use crate::limits::{VIEW_ROWS_MAX, VIEW_TEXT_CHARS_MAX};

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
pub(super) struct Cache {
    sorted: Option<((usize, bool), Vec<u32>)>,
    matched: Option<Matched>,
    /// Each row's values as text in lower case, one after the other, and where each row ends.
    lower: Option<(String, Vec<usize>)>,
}

/// Why a view cannot be had. Each is a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    #[error(transparent)]
    Kernel(#[from] KernelError),
    #[error("the result's {rows} rows are on disk, too many to be put into another order here: add a `sort` to the experiment")]
    OnDisk { rows: usize },
}

impl Table {
    /// The rows that a query asks for. A sort column that does not exist leaves the result's own order.
    pub fn view(&mut self, query: &ViewQuery) -> Result<View, ViewError> {
        let sort = query.sort.filter(|(column, _)| *column < self.names.len());
        let search = query.search.to_lowercase();
        let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
        let most = query.limit.min(VIEW_ROWS_MAX) as usize;
        if let Body::Parts { .. } = self.body {
            return match sort {
                Some(_) => Err(ViewError::OnDisk { rows: self.rows }),
                None => self.read_view(&search, offset, most),
            };
        }
        self.prepare(sort, &search);
        let order = match (&self.cache.matched, &self.cache.sorted) {
            _ if search.is_empty() && sort.is_none() => None,
            (_, Some((_, sorted))) if search.is_empty() => Some(sorted),
            (Some((_, _, matched)), _) => Some(matched),
            _ => None,
        };
        let matched = order.map_or(self.len(), Vec::len);
        let first = offset.min(matched);
        let last = matched.min(first.saturating_add(most));
        let all = self.whole();
        let rows = (first..last).map(|index| all.texts(order.map_or(index, |order| order[index] as usize))).collect();
        Ok(View { total: self.len() as u64, matched: matched as u64, offset: first as u64, rows })
    }

    /// A view of rows that are not all in memory.
    fn read_view(&self, search: &str, offset: usize, most: usize) -> Result<View, ViewError> {
        let (mut matched, mut rows) = (0, Vec::new());
        let (range, wanted): (Range<usize>, Range<usize>) = match search {
            "" => {
                matched = offset.min(self.rows);
                (matched..self.rows.min(matched.saturating_add(most)), matched..usize::MAX)
            }
            _ => (0..self.rows, offset..offset.saturating_add(most)),
        };
        for batch in self.batches(range) {
            let batch = batch?;
            for row in 0..batch.len() {
                if search.is_empty() || batch.contains(row, search) {
                    if wanted.contains(&matched) {
                        rows.push(batch.texts(row));
                    }
                    matched += 1;
                }
            }
        }
        let matched = if search.is_empty() { self.rows } else { matched };
        Ok(View { total: self.rows as u64, matched: matched as u64, offset: offset.min(matched) as u64, rows })
    }

    /// All rows, which are in memory.
    fn whole(&self) -> Rows<'_> {
        let columns = match &self.body {
            Body::Columns(columns) => columns.clone(),
            Body::Parts { .. } => Vec::new(),
        };
        Rows { names: &self.names, columns, rows: self.rows }
    }

    /// Works out the order and the matches of a view, unless they are at hand.
    fn prepare(&mut self, sort: Option<(usize, bool)>, search: &str) {
        if let Some((column, descending)) = sort
            && self.cache.sorted.as_ref().is_none_or(|(known, _)| *known != (column, descending))
        {
            let order = sorted(self.whole().columns(), self.rows, &[SortKey { column, descending }], None);
            self.cache.sorted = Some(((column, descending), order));
        }
        let at_hand = |(known, text, _): &Matched| *known == sort && text == search;
        if search.is_empty() || self.cache.matched.as_ref().is_some_and(at_hand) {
            return;
        }
        let (text, ends) = self.cache.lower.take().unwrap_or_else(|| self.lower());
        let hits = rows_containing(&text, &ends, search);
        let matched = match (sort, &self.cache.sorted) {
            (Some(_), Some((_, sorted))) => {
                let hits: BTreeSet<u32> = hits.into_iter().collect();
                sorted.iter().copied().filter(|row| hits.contains(row)).collect()
            }
            _ => hits,
        };
        self.cache.lower = Some((text, ends));
        self.cache.matched = Some((sort, search.to_owned(), matched));
    }

    /// Each row's values in lower case.
    fn lower(&self) -> (String, Vec<usize>) {
        let (mut lower, mut text, all) = (String::new(), String::new(), self.whole());
        let ends = (0..self.rows).map(|row| {
            all.push_lower(row, &mut text, &mut lower);
            lower.len()
        });
        let ends = ends.collect();
        (lower, ends)
    }
}

impl Rows<'_> {
    /// A row's values in lower case; `text` is overwritten. What parts them is in no text that anyone types.
    fn push_lower(&self, row: usize, text: &mut String, lower: &mut String) {
        for column in 0..self.columns.len() {
            text.clear();
            self.write_text(row, column, text);
            match text.is_ascii() {
                true => lower.extend(text.chars().map(|c| c.to_ascii_lowercase())),
                false => lower.push_str(&text.to_lowercase()),
            }
            lower.push('\u{1f}');
        }
    }

    fn contains(&self, row: usize, search: &str) -> bool {
        let (mut text, mut lower) = (String::new(), String::new());
        self.push_lower(row, &mut text, &mut lower);
        lower.contains(search)
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
