//! The rows that the page holds of a result that it never holds as a whole.
//!
//! Rows come in chunks of [`CHUNK_ROWS`]; a chunk is asked for once, and far ones are let go. When the order or the search
//! changes, the old rows stay visible until the first of the new ones is there.

use std::collections::BTreeMap;

use shared::batch::table::View;

/// Rows asked for at a time.
pub const CHUNK_ROWS: u64 = 100;
/// Chunks held at most; past it those farthest from the view go.
const CHUNKS_MAX: usize = 60;

/// Some of a result's rows under one order and search.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    chunks: BTreeMap<u64, Vec<Vec<String>>>,
    /// Questions under way: their ids and chunks.
    asked: BTreeMap<u32, u64>,
    /// The chunks belong to an earlier order or search.
    stale: bool,
}

impl Cache {
    /// The order or the search has changed: answers to earlier questions no longer count.
    pub fn turn(&mut self) {
        self.asked.clear();
        self.stale = true;
    }

    /// Chunks to ask for so that rows `from..to` are there, those in view first.
    pub fn missing(&self, from: u64, to: u64) -> Vec<u64> {
        let wanted = from / CHUNK_ROWS..to.div_ceil(CHUNK_ROWS);
        let held = |chunk: &u64| !self.stale && self.chunks.contains_key(chunk);
        wanted.filter(|chunk| !held(chunk) && !self.asked.values().any(|asked| asked == chunk)).collect()
    }

    pub fn ask(&mut self, id: u32, chunk: u64) {
        self.asked.insert(id, chunk);
    }

    /// Takes in an answer. False: it answers nothing that is still wanted.
    pub fn take(&mut self, id: u32, view: View) -> bool {
        let Some(chunk) = self.asked.remove(&id) else { return false };
        if std::mem::take(&mut self.stale) {
            self.chunks.clear();
        }
        self.chunks.insert(chunk, view.rows);
        while self.chunks.len() > CHUNKS_MAX {
            let ends = [self.chunks.keys().next().copied(), self.chunks.keys().next_back().copied()];
            match ends.into_iter().flatten().max_by_key(|end| end.abs_diff(chunk)) {
                Some(far) => self.chunks.remove(&far),
                None => break,
            };
        }
        true
    }

    /// Row `index`, if it is here.
    pub fn row(&self, index: u64) -> Option<&Vec<String>> {
        self.chunks.get(&(index / CHUNK_ROWS))?.get((index % CHUNK_ROWS) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(first: &str) -> View {
        View { total: 1000, matched: 1000, offset: 0, rows: vec![vec![first.into(), "12".into()]] }
    }

    #[test]
    fn a_chunk_is_asked_for_once() {
        let mut cache = Cache::default();
        assert_eq!(cache.missing(50, 250), [0, 1, 2]);
        cache.ask(1, 1);
        assert_eq!(cache.missing(50, 250), [0, 2]);
        assert!(cache.take(1, view("a")));
        assert_eq!(cache.missing(50, 250), [0, 2]);
        assert_eq!(cache.row(100), Some(&vec!["a".to_owned(), "12".to_owned()]));
    }

    #[test]
    fn old_rows_stay_until_new_ones_come_and_late_answers_do_not_count() {
        let mut cache = Cache::default();
        cache.ask(1, 0);
        cache.take(1, view("old"));
        cache.ask(2, 1);
        cache.turn();
        assert_eq!(cache.row(0).unwrap()[0], "old");
        assert!(!cache.take(2, view("late")));
        assert_eq!(cache.missing(0, 100), [0]);
        cache.ask(3, 0);
        assert!(cache.take(3, view("new")));
        assert_eq!(cache.row(0).unwrap()[0], "new");
    }

    #[test]
    fn what_is_held_is_bounded_and_the_far_end_goes_first() {
        let mut cache = Cache::default();
        for chunk in 0..200u32 {
            cache.ask(chunk, u64::from(chunk));
            cache.take(chunk, view("x"));
        }
        assert_eq!(cache.chunks.len(), CHUNKS_MAX);
        assert!(cache.row(199 * CHUNK_ROWS).is_some());
        assert!(cache.row(0).is_none());
    }
}
