//! Where a simulated bus is to stand still: breakpoints, and the message that one of them stopped at.
//!
//! They are for who looks, and no part of an experiment: what happens in a run is the same with and without them. What somebody does to
//! the message that a run stands before is a fault ([`crate::fault::MessageFault`]), and becomes part of the experiment.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Bytes, text64};
use crate::id::NodeId;
use crate::time::Time;

/// Before a message arrives over this edge, the run stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakpoint {
    /// Of the client's choosing, another one for each.
    pub id: u32,
    pub edge: BreakEdge,
    /// Only for messages for which this expression is true; see [`condition_schema`](crate::sim::messaging::condition_schema).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// A way of messages, by the names of the experiment. What is not said may be any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakEdge {
    /// From a client, or any client of a group, to an exchange. The default exchange has no name.
    Publish {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exchange: Option<String>,
    },
    /// From a queue to a client, or to any client of a group.
    Deliver {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
    },
}

/// What a run stands before: a message that is about to arrive. As long as nobody does anything to it, it arrives when the run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// The breakpoint's number.
    pub breakpoint: u32,
    /// When the message arrives.
    pub at: Time,
    /// The broker is the coordinator.
    pub from: NodeId,
    pub to: NodeId,
    /// The client that made it, and its number among that client's.
    pub publisher: NodeId,
    #[serde(with = "text64")]
    pub number: u64,
    /// The same as an experiment says it: `web-1/17`.
    pub name: String,
    /// The queue that it is delivered from; `None`: it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    pub exchange: String,
    pub key: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// If it is a text, and not too long; `None` for the body of zeros that a simulated publisher makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    pub size: Bytes,
    /// It was delivered before, and how often it came back to its queue.
    pub redelivered: bool,
    pub returns: u32,
    /// Where it died before, the latest first: `tasks: rejected`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deaths: Vec<String>,
    /// It is a delivery that waits for its acknowledgement, so it can go back to its queue.
    pub can_be_requeued: bool,
    /// The condition could not be computed for this message, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl fmt::Display for BreakEdge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = match self {
            BreakEdge::Publish { client, exchange } => (client.as_deref().unwrap_or("any client"), exchange.as_deref()),
            BreakEdge::Deliver { queue, client } => (queue.as_deref().unwrap_or("any queue"), client.as_deref()),
        };
        let to = match (self, to) {
            (_, Some("")) => "the default exchange",
            (_, Some(name)) => name,
            (BreakEdge::Publish { .. }, None) => "any exchange",
            (BreakEdge::Deliver { .. }, None) => "any client",
        };
        write!(f, "{from} → {to}")
    }
}
