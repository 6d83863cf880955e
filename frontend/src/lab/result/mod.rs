//! The result: a window over its rows, wherever they are, and what the run came to.

pub mod cache;
pub mod pack;
pub mod report;
pub mod scroll;
pub mod view;

use leptos::prelude::*;
use shared::batch::table::{View, ViewQuery};
use shared::wire::Command;

use self::cache::{CHUNK_ROWS, Cache};
use super::state::{Lab, Which};

/// How many rows there are: all, and those that match the search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub total: u64,
    pub matched: u64,
}

/// The table's state.
#[derive(Clone, Copy)]
pub struct Table {
    /// A column and whether it descends; `None`: the result's own order.
    pub sort: RwSignal<Option<(usize, bool)>>,
    pub search: RwSignal<String>,
    /// Known once the first rows are there.
    pub totals: RwSignal<Option<Totals>>,
    /// Rows have arrived, or are no longer those of this order and search.
    pub turned: Trigger,
    pub(super) cache: StoredValue<Cache>,
}

impl Default for Table {
    fn default() -> Table {
        Table::new()
    }
}

impl Table {
    pub fn new() -> Table {
        Table {
            sort: RwSignal::new(None),
            search: RwSignal::new(String::new()),
            totals: RwSignal::new(None),
            turned: Trigger::new(),
            cache: StoredValue::new(Cache::default()),
        }
    }

    /// Forgets everything: another run begins.
    pub fn clear(self) {
        self.cache.set_value(Cache::default());
        self.totals.set(None);
        self.sort.set(None);
        self.search.set(String::new());
        self.turned.notify();
    }

    /// Takes in rows that were asked for under `id`.
    pub fn take(self, id: u32, view: View) {
        let totals = Totals { total: view.total, matched: view.matched };
        if self.cache.try_update_value(|cache| cache.take(id, view)) == Some(true) {
            if self.totals.get_untracked() != Some(totals) {
                self.totals.set(Some(totals));
            }
            self.turned.notify();
        }
    }

    /// A header was clicked: rising or falling, the other way, then the result's own order. Numbers fall first.
    pub fn turn_sort(self, column: usize) {
        let falls_first = is_numeric(column);
        self.sort.update(|sort| {
            *sort = match *sort {
                Some((now, falls)) if now == column && falls == falls_first => Some((column, !falls_first)),
                Some((now, _)) if now == column => None,
                _ => Some((column, falls_first)),
            }
        });
        self.turn();
    }

    pub fn turn_search(self, search: String) {
        if self.search.with_untracked(|now| *now != search) {
            self.search.set(search);
            self.turn();
        }
    }

    fn turn(self) {
        self.cache.update_value(Cache::turn);
        self.turned.notify();
    }
}

/// The first column is the key, which is text whatever it looks like: `007` is not `7`. The others are counts.
pub fn is_numeric(column: usize) -> bool {
    column > 0
}

impl Lab {
    /// Asks for whatever of rows `from..to` is not here.
    pub fn want_rows(self, from: u64, to: u64) {
        let (run, place, finished) = self.run.with_untracked(|model| (model.run, model.place, model.report().is_some()));
        let Some(place) = place.filter(|_| finished) else { return };
        let table = self.table;
        for chunk in table.cache.with_value(|cache| cache.missing(from, to)) {
            let id = self.next_id();
            table.cache.update_value(|cache| cache.ask(id, chunk));
            let query = ViewQuery {
                sort: table.sort.get_untracked(),
                search: table.search.get_untracked(),
                offset: chunk * CHUNK_ROWS,
                limit: CHUNK_ROWS as u32,
            };
            self.send(Which::of(place), &Command::View { run, id, query });
        }
    }
}
