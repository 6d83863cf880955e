//! Durable queues: which messages a driver keeps, so that they outlive the broker.
//!
//! A persistent message that is let into a durable queue is a [`Record`], by its queue and its place there. The broker says what is to be
//! kept and what is to be forgotten, as [`Change`]s in their order, and hears up to which one that has been done. A publisher hears of its
//! message, and gets credit for another one, not before (RabbitMQ: Publisher Confirms, "for persistent messages … persisting to disk"), so
//! what waits to be kept is bounded by credit.
//!
//! Absent on purpose: that a message was delivered is not kept, since that would be one more change for each delivery. So everything that
//! comes back after the broker's end is marked as redelivered: what is not marked has been seen by nobody (RabbitMQ: Reliability Guide). A
//! message whose acknowledgement was not kept in time comes again, marked.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::Message;
use crate::time::Time;

/// A persistent message in a durable queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The queue's place among the broker's.
    pub queue: u32,
    /// Its place in the order of arrival, in this queue.
    pub position: u64,
    pub message: Arc<Message>,
    pub expires: Option<Time>,
    /// How often it came back, as far as that is kept: where the queue has a delivery limit.
    pub returns: u32,
}

/// What is to be done with what is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// This is to be kept; in place of the record of the same queue and position, if `returns` is not 0.
    Keep(Record),
    /// The message is in this queue no longer.
    Forget { queue: u32, position: u64 },
}

/// Records in memory, where a driver has no disk: they outlive the broker, not the run.
#[derive(Clone, Debug, Default)]
pub struct Store(BTreeMap<(u32, u64), Record>);

impl Store {
    /// Does what is to be done.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            match change {
                Change::Keep(record) => drop(self.0.insert((record.queue, record.position), record)),
                Change::Forget { queue, position } => drop(self.0.remove(&(queue, position))),
            }
        }
    }

    /// What is kept, each queue's in the order of their positions.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &Record> {
        self.0.values()
    }

    /// How much of it is of one queue.
    pub fn of_queue(&self, queue: u32) -> u64 {
        self.0.range((queue, 0)..=(queue, u64::MAX)).count() as u64
    }
}
