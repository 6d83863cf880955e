//! What is counted, and the equation that must hold of it at every step.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a queue has seen. Each message that was routed to it is in exactly one of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueCounters {
    /// Messages that were routed here, those that were not let in among them, and those that were kept of an earlier life.
    pub published: u64,
    /// Those of them whose publisher was told that they were accepted.
    pub confirmed: u64,
    /// Deliveries; `redelivered` of them were not the message's first.
    pub delivered: u64,
    pub redelivered: u64,
    /// Delivered and acknowledged, or delivered where no acknowledgement is wanted.
    pub acked: u64,
    /// Gone because the queue was full.
    pub dropped: u64,
    /// Not let in because the queue was full, or not wanted by a consumer.
    pub rejected: u64,
    pub expired: u64,
    /// Died here and went to the dead-letter exchange instead of being counted in one of the three above.
    pub dead_lettered: u64,
    /// Gone with the broker, or with a queue that belonged to a connection.
    pub lost: u64,
    /// Waiting, and at the consumers.
    pub ready: u64,
    pub unacked: u64,
    /// The most that were ever ready.
    pub depth: u64,
}

/// What the broker has seen of publishers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerCounters {
    /// Messages that publishers sent and that arrived.
    pub published: u64,
    /// Accepted by all their queues, and not, as publishers with confirms were told.
    pub confirmed: u64,
    pub nacked: u64,
    /// Sent back because they were mandatory and had no queue to go to.
    pub returned: u64,
    /// Gone because they had no queue to go to.
    pub unroutable: u64,
    /// Dead-lettered messages that went round without a rejection, and ended.
    pub cycled: u64,
    /// Connections that the broker closed.
    pub closed: u64,
}

/// What a broker has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub broker: BrokerCounters,
    /// In the order in which the queues came to be.
    pub queues: Vec<(Arc<str>, QueueCounters)>,
}

/// The equation does not hold: a bug of the broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "queue `{queue}` was given {} messages and knows of {}: {counters:?}, {ready} ready, {unacked} unacknowledged",
    counters.published,
    counters.known()
)]
pub struct Unconserved {
    pub queue: Arc<str>,
    pub counters: Box<QueueCounters>,
    /// As counted anew.
    pub ready: u64,
    pub unacked: u64,
}

impl QueueCounters {
    /// What became of the messages, added up.
    pub fn known(&self) -> u64 {
        self.acked + self.dropped + self.rejected + self.expired + self.dead_lettered + self.lost + self.ready + self.unacked
    }

    /// DESIGN §7: what was published is what was acknowledged, waits, is at a consumer, or is gone for a reason.
    pub fn conserves(&self) -> bool {
        self.published == self.known()
    }

    /// Adds what another life of the same queue, or another queue, has seen.
    pub fn add(&mut self, other: &QueueCounters) {
        self.published += other.published;
        self.confirmed += other.confirmed;
        self.delivered += other.delivered;
        self.redelivered += other.redelivered;
        self.acked += other.acked;
        self.dropped += other.dropped;
        self.rejected += other.rejected;
        self.expired += other.expired;
        self.dead_lettered += other.dead_lettered;
        self.lost += other.lost;
        self.ready += other.ready;
        self.unacked += other.unacked;
        self.depth = self.depth.max(other.depth);
    }

    /// The broker ends: what it still had is lost, but for so many messages, which the next life counts as its own.
    pub fn lose_all_but(&mut self, kept: u64) {
        let had = self.ready + self.unacked;
        let kept = kept.min(had);
        self.lost += had - kept;
        self.published -= kept;
        (self.ready, self.unacked) = (0, 0);
    }

    /// Each with its name.
    pub fn named(&self) -> [(&'static str, u64); 12] {
        [
            ("published", self.published),
            ("confirmed", self.confirmed),
            ("delivered", self.delivered),
            ("redelivered", self.redelivered),
            ("acked", self.acked),
            ("dropped", self.dropped),
            ("rejected", self.rejected),
            ("expired", self.expired),
            ("dead_lettered", self.dead_lettered),
            ("lost", self.lost),
            ("ready", self.ready),
            ("unacked", self.unacked),
        ]
    }
}

impl BrokerCounters {
    pub fn add(&mut self, other: &BrokerCounters) {
        self.published += other.published;
        self.confirmed += other.confirmed;
        self.nacked += other.nacked;
        self.returned += other.returned;
        self.unroutable += other.unroutable;
        self.cycled += other.cycled;
        self.closed += other.closed;
    }
}
