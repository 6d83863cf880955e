//! What a client and the broker say to one another: AMQP 0-9-1's methods, as far as a playground needs them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{Message, MessageId, Node};
use crate::time::Span;

/// Which connection of a client a frame belongs to: later ones have greater numbers. A frame of another connection than the one that
/// lives is nobody's.
pub type Connection = u32;

/// A frame on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub from: Node,
    pub to: Node,
    pub connection: Connection,
    pub frame: Frame,
}

/// See the module. Who sends it stands with each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Frame {
    /// Client: a new connection; what an earlier one held is given back. `confirms`: it wants to hear what became of its messages.
    Open { confirms: bool },
    /// Broker: the connection is there. So many messages may be published before more credit comes.
    Opened { credit: u32 },
    /// Client: the queue for its answers, its own; it lives as long as the connection.
    Replies { queue: Arc<str> },
    /// Client: a message. They are counted in each connection, from 1 (AMQP: `basic.publish`).
    Publish { message: Arc<Message>, mandatory: bool },
    /// Broker: the message of this number was accepted by every queue that it was routed to, or (`ok` is false) was not.
    Confirm { number: u64, ok: bool },
    /// Broker: a mandatory message had no queue to go to.
    Return { message: Arc<Message> },
    /// Broker: so many messages more may be published.
    Credit { more: u32 },
    /// Client: deliver to me what comes to the queue, at most `prefetch` messages ahead of their acknowledgements; 0: any number.
    /// `tag` is the client's name for this.
    Consume { tag: u32, queue: Arc<str>, prefetch: u32, auto_ack: bool },
    /// Client: no longer.
    Cancel { tag: u32 },
    /// Client: one message, if there is one within this time (AMQP: `basic.get`, which does not wait).
    Get { queue: Arc<str>, wait: Span, auto_ack: bool },
    /// Broker: a message for a consumer, or the answer to a `Get`, whose `consumer` is `None`.
    Deliver(Box<Delivery>),
    /// Broker: the queue had no message for a `Get`.
    Empty,
    /// Client: what became of a delivery; `multiple`: and of all before it that are still open.
    Settle { tag: u64, multiple: bool, how: Settle },
    /// Both: I am still here.
    Heartbeat,
    /// Client: the connection ends.
    Close,
    /// Broker: the connection has ended, for a reason, in a sentence and as AMQP 0-9-1 numbers it.
    Closed { code: ReplyCode, reason: Arc<str> },
    /// Nobody: the peer's host says that the process is gone, or does not know the connection (TCP: `RST`).
    Reset,
}

/// A message as it is delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub consumer: Option<u32>,
    /// Counts the deliveries of this connection, from 1. 0 for what needs no acknowledgement.
    pub tag: u64,
    /// The queue's place among the broker's.
    pub queue: u32,
    /// It was delivered before, to somebody.
    pub redelivered: bool,
    /// How often it came back to the queue.
    pub returns: u32,
    pub message: Arc<Message>,
}

/// Why a broker closes a connection (AMQP 0-9-1 §1.1, reply codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplyCode {
    /// Nothing is heard of the client any more.
    ConnectionForced = 320,
    /// There is no such exchange or queue.
    NotFound = 404,
    /// A delivery tag that is unknown, or settled already.
    PreconditionFailed = 406,
    /// A client sent what only a broker says.
    CommandInvalid = 503,
    /// A name that is in use, or a message without credit.
    NotAllowed = 530,
}

/// What a consumer says of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settle {
    Ack,
    /// It goes back to its queue, to its place.
    Requeue,
    /// It dies.
    Reject,
}

impl Frame {
    /// The message that it brings to somebody.
    pub fn carries(&self) -> Option<MessageId> {
        match self {
            Frame::Publish { message, .. } => Some(message.id),
            Frame::Deliver(delivery) => Some(delivery.message.id),
            _ => None,
        }
    }

    /// Bytes on the wire.
    pub fn wire_bytes(&self) -> u64 {
        const METHOD_BYTES: u64 = 24;
        METHOD_BYTES
            + match self {
                Frame::Publish { message, .. } | Frame::Return { message } => message.wire_bytes(),
                Frame::Deliver(delivery) => delivery.message.wire_bytes(),
                _ => 0,
            }
    }
}
