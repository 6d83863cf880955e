//! What is kept of durable queues: see [`durable`](super::super::durable). Without a driver that keeps anything there is nothing here.

use std::collections::VecDeque;

use super::super::durable::{Change, Record};
use super::super::frame::{Connection, Frame};
use super::super::message::Node;
use super::super::queue::Entry;
use super::super::settings::BrokerSettings;
use super::Broker;
use crate::time::Time;

/// Changes on their way to the driver, and who waits for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Keeping {
    changes: Vec<Change>,
    /// The number of the last change: they are counted from 1.
    last: u64,
    /// In the order of their changes.
    waiting: VecDeque<Waiting>,
}

/// A publisher whose message is not kept yet.
#[derive(Clone, Debug)]
struct Waiting {
    /// The last change that its message is part of.
    change: u64,
    node: Node,
    connection: Connection,
    /// The message's number, if it is to be confirmed, and its queues.
    confirm: Option<(u64, Box<[u32]>)>,
    /// Whether its credit comes with that, and not when a queue has room.
    earns: bool,
}

impl Broker {
    /// A broker whose driver keeps what its durable queues hold, and what was kept of an earlier one: the records of each queue in the
    /// order of their positions. Those of queues that are not durable are passed over.
    pub fn with_records(now: Time, settings: &BrokerSettings, records: Vec<Record>) -> Broker {
        let mut broker = Broker::new(settings);
        broker.keeping = Some(Box::default());
        broker.queues.iter_mut().for_each(|queue| queue.is_kept = queue.settings.durable);
        for record in records {
            if let Some(queue) = broker.queues.get_mut(record.queue as usize).filter(|queue| queue.is_kept) {
                queue.recover(record);
            }
        }
        // Bounds may be lower than they were.
        (0..broker.queues.len() as u32).for_each(|index| broker.trim(index));
        broker.bury(now);
        broker
    }

    /// What the driver has to do since it was last asked, in this order, and the number of the last one. All of it belongs together.
    pub fn take_changes(&mut self) -> Option<(Vec<Change>, u64)> {
        let keeping = self.keeping.as_mut()?;
        (!keeping.changes.is_empty()).then(|| (std::mem::take(&mut keeping.changes), keeping.last))
    }

    /// Every change up to this number is done, whatever happens: publishers that wait for that hear of their messages.
    pub fn kept(&mut self, number: u64) {
        self.touched.clear();
        while let Some(waiting) = self.next_kept(number) {
            let Waiting { node, connection, confirm, earns, .. } = waiting;
            if self.channels.get(&node).is_none_or(|channel| channel.connection != connection) {
                continue;
            }
            if let Some((number, queues)) = confirm {
                self.counters.confirmed += 1;
                queues.iter().for_each(|index| self.queues[*index as usize].counters.confirmed += 1);
                self.send(node, connection, Frame::Confirm { number, ok: true });
            }
            if earns {
                self.earn_credit(node);
            }
        }
    }

    fn next_kept(&mut self, number: u64) -> Option<Waiting> {
        let waiting = &mut self.keeping.as_mut()?.waiting;
        if waiting.front()?.change <= number { waiting.pop_front() } else { None }
    }

    /// The number of the last change so far.
    pub(super) fn last_change(&self) -> u64 {
        self.keeping.as_ref().map_or(0, |keeping| keeping.last)
    }

    /// The publisher hears of its message when every change so far is done.
    pub(super) fn wait_until_kept(&mut self, node: Node, queues: &[u32], confirm: Option<u64>, earns: bool) {
        let (Some(keeping), Some(channel)) = (&mut self.keeping, self.channels.get(&node)) else { return };
        let confirm = confirm.map(|number| (number, queues.into()));
        let (change, connection) = (keeping.last, channel.connection);
        keeping.waiting.push_back(Waiting { change, node, connection, confirm, earns });
    }

    /// A message is in its queue from now on, or has come back to it.
    pub(super) fn keep(&mut self, index: u32, entry: &Entry) {
        if let Some(record) = self.queues[index as usize].record(index, entry) {
            self.change(Change::Keep(record));
        }
    }

    /// A message is in its queue no longer.
    pub(super) fn forget(&mut self, index: u32, entry: &Entry) {
        if self.queues[index as usize].is_kept && entry.message.persistent {
            self.change(Change::Forget { queue: index, position: entry.position });
        }
    }

    fn change(&mut self, change: Change) {
        if let Some(keeping) = &mut self.keeping {
            keeping.last += 1;
            keeping.changes.push(change);
        }
    }
}
