//! A bus: publishers, exchanges, queues and consumers, drawn in the place of a job's graph and with lanes of its own in the timeline.
//!
//! [`sketch`] is where everything lies, `paint` draws it, `graph` is the panel, [`lanes`] the timeline's part.

mod graph;
pub mod lanes;
pub mod paint;
pub mod sketch;

use shared::time::Time;
use shared::wire::{BusFrame, BusPart, BusView, GroupView, QueueNow};

pub use self::graph::{BusGraph, shown};
use super::format::{Figure, count, of};
use super::rate::Rate;

/// A bus as it is known at the moment that is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BusModel {
    pub view: BusView,
    pub now: BusFrame,
    /// Every part of the time so far.
    pub parts: Vec<BusPart>,
    /// What each group sends or works on, and what comes to each queue.
    group_rates: Vec<Rate>,
    queue_rates: Vec<Rate>,
    pub total_rate: Rate,
}

impl BusModel {
    pub fn new(view: BusView) -> BusModel {
        let (groups, queues) = (view.groups.len(), view.queues.len());
        let rates = |count| vec![Rate::default(); count];
        BusModel { view, group_rates: rates(groups), queue_rates: rates(queues), ..BusModel::default() }
    }

    /// Takes in what a frame tells.
    pub fn take(&mut self, at: Time, frame: BusFrame) {
        self.parts.truncate(frame.from as usize);
        self.parts.extend(frame.parts.iter().cloned());
        self.now = BusFrame { parts: Vec::new(), ..frame };
        let groups: Vec<u64> = (0..self.view.groups.len()).map(|group| self.moved(group)).collect();
        self.group_rates.iter_mut().zip(groups).for_each(|(rate, total)| rate.sample(at, total));
        let queues = self.now.queues.iter().map(|queue| queue.published.0);
        self.queue_rates.iter_mut().zip(queues).for_each(|(rate, total)| rate.sample(at, total));
        self.total_rate.sample(at, self.now.totals.processed);
    }

    /// Where the clients of a group are among all.
    pub fn members(&self, group: usize) -> std::ops::Range<usize> {
        let count = |group: &GroupView| usize::from(group.count);
        let first: usize = self.view.groups[..group].iter().map(count).sum();
        first..first + self.view.groups.get(group).map_or(0, count)
    }

    /// Messages that a group has worked on, or sent if it takes none.
    pub fn moved(&self, group: usize) -> u64 {
        let clients = self.now.clients.get(self.members(group)).unwrap_or_default();
        let sends = self.view.groups[group].takes_from.is_none();
        clients.iter().map(|client| if sends { client.sent.0 } else { client.processed.0 }).sum()
    }

    pub fn group_rate(&self, group: usize) -> Option<f64> {
        self.group_rates.get(group).and_then(Rate::per_second)
    }

    pub fn queue_rate(&self, queue: usize) -> Option<f64> {
        self.queue_rates.get(queue).and_then(Rate::per_second)
    }

    pub fn queue(&self, queue: usize) -> QueueNow {
        self.now.queues.get(queue).copied().unwrap_or_default()
    }

    /// The most that a queue's picture has room for: its bound, or the most that was ever in it.
    pub fn room(&self, queue: usize) -> u64 {
        let seen = || self.parts.iter().filter_map(|part| part.depths.get(queue)).max().copied().unwrap_or_default();
        self.view.queues.get(queue).and_then(|queue| queue.most).unwrap_or_else(|| u64::from(seen()).max(10))
    }

    /// A client's name.
    pub fn name(&self, client: usize) -> String {
        name(&self.view, client)
    }

    pub fn clients(&self) -> usize {
        self.view.groups.iter().map(|group| usize::from(group.count)).sum()
    }
}

/// The name of a client, which its group gives it.
pub fn name(view: &BusView, client: usize) -> String {
    let mut first = 0;
    for group in &view.groups {
        let count = usize::from(group.count);
        if client < first + count {
            return format!("{}-{}", group.name, client - first + 1);
        }
        first += count;
    }
    format!("client {client}")
}

/// A bus in a few words.
pub fn in_short(view: &BusView) -> String {
    let clients = view.groups.iter().map(|group| u64::from(group.count)).sum();
    format!("{}, {}", of(view.queues.len() as u64, "queue", "queues"), of(clients, "client", "clients"))
}

/// Messages a second.
pub fn per_second(rate: f64) -> Figure {
    let Figure { value, unit, .. } = count(rate.round() as u64);
    let value = if rate < 10.0 { format!("{rate:.1}") } else { format!("{value} {unit}").trim_end().to_owned() };
    Figure { value, unit: "msg/s", exact: format!("{rate:.3} messages a second") }
}
