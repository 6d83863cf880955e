//! A click log: users come, look at some pages within minutes, and go; now and then they come again.

use std::io::Write;

use crate::expr::{ShownTime, Type};
use crate::rng::Rng;

pub(super) const HEADER: &str = "ts,user,page";
pub(super) const COLUMNS: [(&str, Type); 3] = [("ts", Type::Timestamp), ("user", Type::Utf8), ("page", Type::Utf8)];

/// Pages, the ones that are looked at most first.
pub(super) const PAGES: [&str; 16] = [
    "/",
    "/shop",
    "/search",
    "/shop/wheels",
    "/cart",
    "/shop/gears",
    "/shop/belts",
    "/news",
    "/checkout",
    "/shop/stones",
    "/account",
    "/help",
    "/shop/sieves",
    "/about",
    "/jobs",
    "/imprint",
];

/// 2024-01-01 00:00:00 UTC in microseconds since 1970.
const START: i64 = 1_704_067_200_000_000;

/// Microseconds between two clicks of anybody on average.
const GAP: u64 = 500_000;

/// Sessions under way that the log keeps to.
const SESSIONS: usize = 40;

/// Events of anybody's sessions, one after the other.
pub(super) struct Clicks {
    random: Rng,
    users: u64,
    disorder: u64,
    now: i64,
    /// The users of the sessions under way.
    sessions: Vec<u64>,
}

/// A click.
pub(super) struct Click {
    /// Microseconds since 1970.
    pub at: i64,
    pub user: u64,
    pub page: &'static str,
}

impl Clicks {
    pub fn new(seed: u64, users: u32, disorder_micros: u64) -> Clicks {
        Clicks {
            random: Rng::new(seed),
            users: users.max(1).into(),
            disorder: disorder_micros,
            now: START,
            sessions: Vec::new(),
        }
    }

    /// The next one in the order of arrival.
    pub fn click(&mut self) -> Click {
        self.now += self.random.below(2 * GAP) as i64;
        let begins = self.sessions.len() < SESSIONS.min(self.users as usize) && self.random.below(4) == 0;
        if begins || self.sessions.is_empty() {
            self.sessions.push(self.random.below(self.users));
        }
        let session = if begins { self.sessions.len() - 1 } else { self.random.below(self.sessions.len() as u64) as usize };
        let user = self.sessions[session];
        // One in seven clicks is the last of its session.
        if self.random.below(7) == 0 {
            self.sessions.swap_remove(session);
        }
        // The lower of two draws, so that the first pages are looked at most.
        let page = self.random.below(PAGES.len() as u64).min(self.random.below(PAGES.len() as u64));
        let late = self.random.below(5) == 0 && self.disorder > 0;
        let late = if late { self.random.below(self.disorder) as i64 } else { 0 };
        Click { at: self.now - late, user, page: PAGES[page as usize] }
    }

    pub fn row(&mut self, text: &mut Vec<u8>) {
        let Click { at, user, page } = self.click();
        // A vector takes everything.
        let _ = writeln!(text, "{},u{user},{page}", ShownTime::Timestamp(at));
    }
}
