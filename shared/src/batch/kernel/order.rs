//! The order of result rows: `sort`, then `limit`.

use std::cmp::Ordering;

use crate::batch::SortKey;

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
