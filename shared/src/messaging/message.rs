//! A message: small, immutable and shared, so that a queue holds a pointer however many queues it was routed to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::batch::kernel::key_hash;
use crate::id::NodeId;
use crate::time::{Span, Time};

/// A node of a messaging run: the broker, or a client by its number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Node(pub u16);

/// A message's name, given by its publisher: a message that is published again keeps it (AMQP: `message-id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    pub publisher: Node,
    /// Counts the publisher's messages from 1, in the order in which it made them.
    pub number: u64,
}

/// The values of a message's headers, and of the headers that a binding asks for.
pub type Headers = BTreeMap<String, String>;

/// See the module. About a hundred bytes beside its body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    /// The exchange that it was published to; the default exchange has no name. The last one, if it was dead-lettered.
    pub exchange: Arc<str>,
    pub key: Arc<str>,
    pub body: Arc<[u8]>,
    /// When it was published first.
    pub published: Time,
    pub priority: u8,
    /// Its publisher does not know whether it was accepted before, so it may be in a queue twice.
    pub resent: bool,
    /// A durable queue keeps it past the broker's end (AMQP: `delivery-mode` 2).
    pub persistent: bool,
    /// What few messages have.
    pub extra: Option<Box<Extra>>,
}

/// What few messages have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extra {
    pub headers: Option<Arc<Headers>>,
    /// Its own time to live; the queue's counts if that is shorter (RabbitMQ: TTL).
    pub ttl: Option<Span>,
    /// Which request this is, or answers.
    pub correlation: Option<u64>,
    /// The queue for the answer.
    pub reply_to: Option<Arc<str>>,
    /// Where it died, the latest first (RabbitMQ: `x-death`).
    pub deaths: Vec<Death>,
    /// Which message was worked on to make this one.
    pub origin: Option<Origin>,
}

/// Where a forwarded message comes from: the message that was published first, and the way since then. What is forwarded once more, since
/// nobody knew whether it had been, has the same; two copies that came by different ways have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    pub id: MessageId,
    /// Made of the queues that it was taken from and the exchanges that it was forwarded to; 0 before it was forwarded.
    pub way: u64,
}

/// That a message died in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    pub queue: Arc<str>,
    pub reason: Reason,
    /// How often, in this queue and for this reason.
    pub count: u32,
}

/// Why a message died in a queue (RabbitMQ: Dead Letter Exchanges).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// A consumer did not want it, nor wanted it requeued.
    Rejected,
    Expired,
    /// The queue was full.
    MaxLength,
    /// It was returned to the queue more often than its delivery limit.
    DeliveryLimit,
}

impl Node {
    pub const BROKER: Node = Node(0);

    /// Its place in a list of clients, if it is one.
    pub fn client(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }
}

/// The bus's name for what a session calls a worker.
impl From<NodeId> for Node {
    fn from(id: NodeId) -> Node {
        match id {
            NodeId::Coordinator => Node::BROKER,
            NodeId::Worker(number) => Node(u16::try_from(number).unwrap_or(u16::MAX)),
        }
    }
}

/// What a session calls a node of a bus: its broker is the coordinator.
impl From<Node> for NodeId {
    fn from(node: Node) -> NodeId {
        match node {
            Node::BROKER => NodeId::Coordinator,
            Node(number) => NodeId::Worker(number.into()),
        }
    }
}

impl Message {
    /// Bytes that it takes on the wire: its body, its names, and its properties.
    pub fn wire_bytes(&self) -> u64 {
        const PROPERTIES_BYTES: usize = 32;
        let headers = self.extra.as_ref().and_then(|extra| extra.headers.as_ref());
        let headers: usize = headers.map_or(0, |headers| headers.iter().map(|(name, value)| name.len() + value.len()).sum());
        (PROPERTIES_BYTES + self.exchange.len() + self.key.len() + headers + self.body.len()) as u64
    }

    /// Bytes of memory that it takes, more or less: what it has on the wire, and what holds that.
    pub(super) fn weight(&self) -> u64 {
        const MESSAGE_BYTES: u64 = 128;
        const HEADER_BYTES: u64 = 96;
        self.wire_bytes() + MESSAGE_BYTES + HEADER_BYTES * self.headers().map_or(0, |headers| headers.len() as u64)
    }

    /// Itself, or what it was made of.
    pub fn origin(&self) -> Origin {
        let forwarded = self.extra.as_ref().and_then(|extra| extra.origin);
        forwarded.unwrap_or(Origin { id: self.id, way: 0 })
    }

    /// A message of another name and to another exchange that says the same. Time begins anew for it, but not for those who wait for its
    /// answer, nor for who measures how long it took from where it was published first.
    pub(super) fn forwarded(&self, id: MessageId, from: &str, exchange: Arc<str>, key: Arc<str>) -> Message {
        let origin = self.origin();
        let extra = self.extra.as_deref();
        let extra = Extra {
            headers: extra.and_then(|extra| extra.headers.clone()),
            correlation: extra.and_then(|extra| extra.correlation),
            reply_to: extra.and_then(|extra| extra.reply_to.clone()),
            origin: Some(Origin { way: way(origin.way, from, &exchange), ..origin }),
            ..Extra::default()
        };
        Message { id, exchange, key, resent: false, extra: Some(Box::new(extra)), ..self.clone() }
    }

    pub fn deaths(&self) -> &[Death] {
        self.extra.as_ref().map_or(&[], |extra| &extra.deaths)
    }

    pub(super) fn ttl(&self) -> Option<Span> {
        self.extra.as_ref().and_then(|extra| extra.ttl)
    }

    pub fn headers(&self) -> Option<&Headers> {
        self.extra.as_ref().and_then(|extra| extra.headers.as_deref())
    }

    /// Itself after it died: its own time to live is gone, so that it does not expire again where it goes, and the death comes first
    /// in its history (RabbitMQ: Dead-Lettered Effects on Messages).
    pub(super) fn died(&self, queue: &Arc<str>, reason: Reason, exchange: Arc<str>, key: Option<Arc<str>>) -> Message {
        let mut extra = self.extra.clone().unwrap_or_default();
        extra.ttl = None;
        let before = extra.deaths.iter().position(|death| death.queue == *queue && death.reason == reason);
        let count = before.map_or(1, |index| extra.deaths.remove(index).count + 1);
        extra.deaths.insert(0, Death { queue: queue.clone(), reason, count });
        let key = key.unwrap_or_else(|| self.key.clone());
        Message { exchange, key, extra: Some(extra), ..self.clone() }
    }

    /// Whether a dead-lettered message would come round to a queue in which it died before, without a rejection since: such a message
    /// ends (RabbitMQ: Dead Letter Exchanges, "cycle").
    pub(super) fn goes_round_to(&self, queue: &Arc<str>) -> bool {
        let deaths = self.deaths();
        let last_here = deaths.iter().position(|death| death.queue == *queue);
        last_here.is_some_and(|last| deaths[..=last].iter().all(|death| death.reason != Reason::Rejected))
    }
}

/// One more part of a way: what it was so far and its two ends.
fn way(before: u64, from: &str, to: &str) -> u64 {
    // No name has this byte.
    const BETWEEN: u8 = 0xff;
    let bytes: Vec<_> = before.to_le_bytes().into_iter().chain(from.bytes()).chain([BETWEEN]).chain(to.bytes()).collect();
    key_hash(&bytes)
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.publisher.0, self.number)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Rejected => "rejected",
            Reason::Expired => "expired",
            Reason::MaxLength => "maxlen",
            Reason::DeliveryLimit => "delivery_limit",
        })
    }
}
