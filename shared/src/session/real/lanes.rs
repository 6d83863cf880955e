//! In which parts of the time a client was busy or blocked, since it last said so.

use std::collections::BTreeMap;

use crate::messaging::watch::{part_of, start_of};
use crate::time::{Span, Time};
use crate::wire::WorkerState;

/// See the module.
#[derive(Debug)]
pub(super) struct Lanes {
    span: Span,
    state: WorkerState,
    since: Time,
    parts: BTreeMap<u32, (u64, u64)>,
}

impl Lanes {
    pub(super) fn new(span: Span) -> Lanes {
        Lanes { span, state: WorkerState::Starting, since: Time::ZERO, parts: BTreeMap::new() }
    }

    pub(super) fn state(&self) -> WorkerState {
        self.state
    }

    /// The client is in this state from now on. Whether it was in another.
    pub(super) fn turn(&mut self, now: Time, state: WorkerState) -> bool {
        if state == self.state {
            return false;
        }
        self.book(now);
        self.state = state;
        true
    }

    /// Everything up to now: a part's number, and microseconds busy and blocked in it.
    pub(super) fn take(&mut self, now: Time) -> Vec<(u32, u64, u64)> {
        self.book(now);
        std::mem::take(&mut self.parts).into_iter().map(|(part, (busy, blocked))| (part, busy, blocked)).collect()
    }

    fn book(&mut self, now: Time) {
        let since = std::mem::replace(&mut self.since, now);
        if !matches!(self.state, WorkerState::Busy | WorkerState::Blocked) || now <= since {
            return;
        }
        for part in part_of(self.span, since)..=part_of(self.span, now) {
            let (first, end) = (start_of(self.span, part).max(since.0), start_of(self.span, part + 1).min(now.0));
            let (busy, blocked) = self.parts.entry(part as u32).or_default();
            let column = if self.state == WorkerState::Busy { busy } else { blocked };
            *column += end.saturating_sub(first);
        }
    }
}
