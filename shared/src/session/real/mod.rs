//! A bus in real time, where each node is a thread or a Web Worker of its own that can really be ended.
//!
//! ```text
//! session ── Conductor ──▶ births, words, ends ──▶ driver ──▶ Life (broker)
//!                ▲                                              ▲ │ frames
//!                └──────────── reports ◀── driver ◀── Life (client) ...
//! ```
//!
//! - [`Life`]: one life of a node: the machine that also runs in the simulator, on a host that may be slow or stand still.
//! - [`Conductor`]: who lives, what goes wrong when, and what it comes to, from what the nodes report.
//!
//! A driver carries frames between nodes in order, tells each node's reports to the conductor, and does what that wants. What a node
//! has worked on it reports before it says so to the broker, and reports arrive though their node was ended since. What else it did and
//! had not reported when it was ended nobody knows: a killed publisher may have sent a few messages more than are counted.
//!
//! What durable queues hold is kept by the conductor, which outlives its nodes: a broker's reports say what is to be kept, and the broker
//! hears when it is.
//!
//! When the time is over all nodes stand still, and each says what it holds, and which frames have reached it since. To know that no
//! more will come, every node sends a mark to each of its peers behind its last frame (Chandy and Lamport: Distributed Snapshots, §3).

mod conductor;
mod lanes;
mod life;

use serde::{Deserialize, Serialize};

pub use self::conductor::{Conductor, ConductorSpec, Ended, Input, Output, refusal};
pub use self::life::{Life, LifeInput, LifeOutput};
use crate::id::Incarnation;
use crate::messaging::client::Note;
use crate::messaging::durable::{Change, Record};
use crate::messaging::{Connection, Counts, MessageId, Node};
use crate::time::{Span, Time};
use crate::wire::WorkerState;

/// What a node needs to begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Birth {
    pub node: Node,
    pub incarnation: Incarnation,
    pub seed: u64,
    /// How many messages earlier lives have made, as far as is known.
    pub made: u64,
    /// What the numbers of its messages are counted from, so that none is given a second time.
    pub numbers_from: u64,
    /// Nodes that it can reach.
    pub peers: Vec<Node>,
    /// What was kept of a broker's earlier lives.
    pub records: Vec<Record>,
}

/// What a node is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Word {
    /// This peer is there from now on.
    Linked(Node),
    /// This peer's process is gone.
    Gone(Node),
    Slow {
        factor: f64,
        span: Option<Span>,
    },
    Pause {
        span: Span,
    },
    /// What the broker gave to be kept is, up to the change of this number.
    Kept(u64),
    /// The time is over: nothing happens any more, and [`Last`] is to be reported.
    Halt,
}

/// What a node has done since it last said so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub node: Node,
    pub incarnation: Incarnation,
    pub at: Time,
    pub of: ReportOf,
    /// It stands still for good, and this is what there is.
    pub last: Option<Last>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ReportOf {
    Broker(BrokerReport),
    Client(ClientReport),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BrokerReport {
    pub counts: Counts,
    /// Bytes of memory that its messages take.
    pub bytes: u64,
    /// A rule that it has broken, in a sentence.
    pub broken: Option<String>,
    /// What is to be kept and forgotten, and the number of the last of these changes.
    pub changes: Option<(Vec<Change>, u64)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientReport {
    pub state: WorkerState,
    /// It may publish no more until the broker gives it credit.
    pub has_no_credit: bool,
    /// What it is doing, in words.
    pub doing: String,
    /// Its share of each part of the time in which it was busy or blocked: the part's number, and microseconds more of both.
    pub lanes: Vec<(u32, u64, u64)>,
    pub notes: Vec<(Time, Note)>,
    /// How many messages it has made, with earlier lives.
    pub made: u64,
    /// The connection that it opened last.
    pub connection: Connection,
    /// Messages that its broker thinks it is done with and that would end with it.
    pub holding: u64,
}

/// What a node has when the time is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    pub held: Vec<MessageId>,
    /// Messages in frames that were still on their way to it, each with the client's end of the connection.
    pub on_the_way: Vec<(Node, Connection, MessageId)>,
}
