//! What is told of a run of messaging: its shape when it starts, and in every frame how its queues and clients are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bytes, text64};
use crate::time::{Span, Time};

/// The time of a run of messaging is told in so many parts of equal length.
pub const BUS_PARTS: usize = 300;

/// How long messages took is told of so many parts together: see [`BusPart::latency`].
pub const LATENCY_PARTS: usize = 5;

/// Clients that have a [`Lane`], at most: the first ones.
pub const BUS_LANES_MAX: usize = 64;

/// A bus as its experiment describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusView {
    /// How long it is watched.
    pub span: Span,
    pub exchanges: Vec<ExchangeView>,
    pub queues: Vec<QueueView>,
    /// Groups of clients that do the same. Their clients are numbered through from 1, as workers are: `worker-2`.
    pub groups: Vec<GroupView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeView {
    pub name: String,
    /// `direct`, `topic`, `fanout` or `headers`.
    pub kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    pub name: String,
    /// The exchanges that it is bound to, each with its keys.
    pub bindings: Vec<BindingView>,
    /// Its bound, if it has one, in messages.
    pub most: Option<u64>,
    /// What it does when it is full, as an experiment says it: `drop_oldest`.
    pub overload: String,
    /// The exchange for what dies in it; the default exchange has no name, and the key is a queue's.
    pub dead_letter: Option<BindingView>,
}

/// An exchange and a routing key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingView {
    pub exchange: String,
    pub key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    pub name: String,
    pub count: u16,
    pub role: Role,
    /// The exchange that it publishes to (the default one has no name), with the routing key if that is always the same.
    pub publishes_to: Option<BindingView>,
    /// The queue that it takes from.
    pub takes_from: Option<String>,
    /// What it does, in a few words: `40/s, evenly`.
    pub about: String,
}

/// What a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Publisher,
    Consumer,
    /// A consumer that answers.
    Responder,
    Requester,
}

/// How a bus is at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusFrame {
    /// Every queue of the experiment, in its order.
    pub queues: Vec<QueueNow>,
    /// Every client, in order.
    pub clients: Vec<ClientNow>,
    pub totals: BusTotals,
    /// Messages that are on their way at this moment, as far as they are named in `flights`.
    pub flying: u32,
    pub flights: Vec<Flight>,
    /// The first of `parts` among all, from 0. Parts from there on replace what was known.
    pub from: u32,
    pub parts: Vec<BusPart>,
}

/// A queue at a moment, and what it has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueNow {
    pub ready: Bytes,
    pub unacked: Bytes,
    pub published: Bytes,
    pub delivered: Bytes,
    pub redelivered: Bytes,
    pub acked: Bytes,
    /// Dropped, refused, expired, dead-lettered, or lost with the broker.
    pub gone: Bytes,
}

/// A client at a moment, and what its lives have done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientNow {
    /// What it is doing, in words: `waits for credit`.
    pub doing: String,
    /// Messages that it has sent first, and deliveries that it has worked on.
    pub sent: Bytes,
    pub processed: Bytes,
}

/// What all publishers and all queues have seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusTotals {
    #[serde(with = "text64")]
    pub published: u64,
    #[serde(with = "text64")]
    pub processed: u64,
    #[serde(with = "text64")]
    pub redelivered: u64,
    /// Dropped, refused, expired, unroutable or lost.
    #[serde(with = "text64")]
    pub gone: u64,
    #[serde(with = "text64")]
    pub ready: u64,
}

/// What a bus came to, beside its counters, which are the result's rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BusReport {
    pub totals: BusTotals,
    /// Messages that somebody was to get and that are nowhere.
    #[serde(with = "text64", default)]
    pub missing: u64,
    /// How long things took, by their names: what half of them, 99 of 100 and all did not exceed, milliseconds.
    pub spans: BTreeMap<String, [f64; 3]>,
}

/// A message on its way; node 0 is the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    pub from: u16,
    pub to: u16,
    /// Delivered before, and not acknowledged.
    pub again: bool,
    pub left: Time,
    pub arrives: Time,
}

/// A part of the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusPart {
    /// Of each queue, the most that was ready in it.
    pub depths: Vec<u32>,
    /// Of all queues together at the end of the part, since the run began.
    pub published: u32,
    pub delivered: u32,
    pub processed: u32,
    pub gone: u32,
    /// Of all queues together, the most that consumers had and had not settled.
    pub unacked: u32,
    /// What half and 99 of 100 of the messages did not exceed from publishing to the end of the work, in microseconds: of those whose work
    /// ended in this part or before it, back to the last one whose number divides by [`LATENCY_PARTS`]. Nothing if there were none.
    pub latency: Option<[u32; 2]>,
    pub lanes: Vec<Lane>,
}

/// How much of a part of the time a client was busy, blocked and down; hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane(pub u8, pub u8, pub u8);

impl BusFrame {
    /// Takes up a later frame, as if both had been one.
    pub fn merge(&mut self, later: BusFrame) {
        let from = self.from.min(later.from);
        let kept = later.from.saturating_sub(self.from) as usize;
        let mut parts = std::mem::take(&mut self.parts);
        parts.truncate(kept);
        parts.extend(later.parts.iter().cloned());
        *self = BusFrame { from, parts, ..later };
    }
}
