//! The order of result rows: `sort`, then `limit`.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::SortOptions;

use super::batch::Batch;
use super::by_bytes::{by_bytes, prefix};
use crate::batch::SortKey;
use crate::expr::Type;

/// Sorts row numbers by `terms`, ties by key ascending, and keeps only `limit` of them.
///
/// `rank` is a row's place when rows are ordered by key; `count` its count, which is what every column but the key holds.
pub fn sort_rows(
    rows: &mut Vec<u32>,
    terms: &[SortKey],
    limit: Option<u64>,
    rank: impl Fn(u32) -> u32,
    count: impl Fn(u32) -> u64,
) {
    let compare = |a: &u32, b: &u32| {
        for term in terms {
            let order = match term.column {
                0 => rank(*a).cmp(&rank(*b)),
                _ => count(*a).cmp(&count(*b)),
            };
            if order != Ordering::Equal {
                return if term.descending { order.reverse() } else { order };
            }
        }
        rank(*a).cmp(&rank(*b))
    };
    let kept = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    if kept < rows.len() {
        if kept > 0 {
            rows.select_nth_unstable_by(kept, compare);
        }
        rows.truncate(kept);
    }
    rows.sort_unstable_by(compare);
}

/// The rows of some columns in an order: by `sort`, ties by all columns ascending from the first on, so that no two places are a
/// matter of chance; and only `limit` of them. Without `sort` they stay as they are.
pub(in crate::batch) fn sorted(columns: &[ArrayRef], rows: usize, sort: &[SortKey], limit: Option<u64>) -> Vec<u32> {
    if sort.is_empty() {
        let kept = rows.min(kept(limit));
        return (0..kept as u32).collect();
    }
    let types: Vec<Type> = columns.iter().filter_map(|column| Type::of(column.data_type())).collect();
    in_order(&[Keys::new(columns, &types, sort)], limit)
}

/// The same of the rows of several batches, numbered on from one batch to the next.
pub(super) fn sorted_batches(types: &[Type], batches: &[Batch], sort: &[SortKey], limit: Option<u64>) -> Vec<u32> {
    in_order(&batches.iter().map(|batch| Keys::new(&batch.columns, types, sort)).collect::<Vec<_>>(), limit)
}

fn kept(limit: Option<u64>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// The bytes by which rows are in order.
enum Keys {
    /// What is to be sorted are texts, ascending, and nothing beside them: their own bytes will do.
    Texts(StringArray),
    Rows(Rows),
}

impl Keys {
    fn new(columns: &[ArrayRef], types: &[Type], sort: &[SortKey]) -> Keys {
        if let ([texts], [SortKey { descending: false, .. }]) = (columns, sort)
            && let Some(texts) = texts.as_string_opt::<i32>().filter(|texts| texts.null_count() == 0)
        {
            return Keys::Texts(texts.clone());
        }
        let (converter, terms) = converter(types, sort);
        Keys::Rows(converter.convert_columns(&ordered(columns, &terms)).expect("the columns are the converter's own"))
    }

    fn each<'k>(&'k self, keys: &mut Vec<&'k [u8]>) {
        match self {
            Keys::Texts(texts) => keys.extend((0..texts.len()).map(|row| texts.value(row).as_bytes())),
            Keys::Rows(rows) => keys.extend(rows.iter().map(|row| row.data())),
        }
    }
}

fn in_order(of: &[Keys], limit: Option<u64>) -> Vec<u32> {
    let mut keys = Vec::new();
    of.iter().for_each(|of| of.each(&mut keys));
    let (key, kept) = (|row: u32| keys[row as usize], kept(limit));
    if kept >= keys.len() {
        return by_bytes(keys.len(), key).map(|(row, _)| row).collect();
    }
    let mut keyed: Vec<(u64, u32)> = (0..keys.len() as u32).map(|row| (prefix(key(row)), row)).collect();
    let compare = |a: &(u64, u32), b: &(u64, u32)| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(key(b.1))).then(a.1.cmp(&b.1));
    if kept > 0 {
        keyed.select_nth_unstable_by(kept, compare);
    }
    keyed.truncate(kept);
    keyed.sort_unstable_by(compare);
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// What makes byte rows of columns of these types that compare by `sort`, then by all other columns ascending from the first on; and
/// which columns, in which order, it takes.
pub(super) fn converter(types: &[Type], sort: &[SortKey]) -> (RowConverter, Vec<usize>) {
    let terms = sort.iter().map(|term| (term.column, SortOptions::new(term.descending, !term.descending)));
    let ties = (0..types.len()).filter(|column| sort.iter().all(|term| term.column != *column));
    let terms: Vec<_> = terms.chain(ties.map(|column| (column, SortOptions::new(false, true)))).collect();
    let field = |(column, options): &(usize, SortOptions)| SortField::new_with_options(types[*column].arrow(), *options);
    let converter = RowConverter::new(terms.iter().map(field).collect()).expect("every type of an expression has an order");
    (converter, terms.into_iter().map(|(column, _)| column).collect())
}

/// The columns that a [`converter`] takes.
pub(super) fn ordered(columns: &[ArrayRef], terms: &[usize]) -> Vec<ArrayRef> {
    terms.iter().map(|column| columns[*column].clone()).collect()
}
