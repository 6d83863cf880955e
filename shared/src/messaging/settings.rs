//! What a broker is told to hold.

use std::sync::Arc;

use super::client::{Ack, ClientKind, ClientSettings};
use super::message::{Headers, Node};
use crate::time::Span;

/// How often each end of a connection says that it is there, and how long it listens for the other before it gives the connection up.
/// RabbitMQ's are 30 and 60 seconds unless set; an experiment lasts seconds.
pub const HEARTBEAT_EVERY: Span = Span::seconds(1);
pub const HEARTBEAT_TIMEOUT: Span = Span::seconds(3);

/// What a client's queue for answers is called behind the client's name.
pub const REPLIES_SUFFIX: &str = ".replies";

/// A broker and the clients around it, for a while.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bus {
    /// How long it is watched; clients make messages until then.
    pub span: Span,
    pub broker: BrokerSettings,
    pub clients: Vec<ClientSettings>,
    pub links: Vec<LinkSettings>,
}

/// What the way between a client and the broker is like, in both directions.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSettings {
    /// The clients of which it is the link.
    pub nodes: Vec<Node>,
    /// How long a frame is on its way, beside its bytes.
    pub latency: Option<Span>,
    /// The share of frames that are lost on the way and sent again.
    pub loss: f64,
}

/// Exchanges and queues, by their places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrokerSettings {
    pub exchanges: Vec<ExchangeSettings>,
    pub queues: Vec<QueueSettings>,
    /// Messages that a connection may publish before it hears of more. So many from each publisher come in after a queue with
    /// [`Overload::Block`] is full.
    pub credit: u32,
    /// Whether connections have heartbeats. Without a network between, nobody needs them.
    pub heartbeats: bool,
    /// Where chance of [`Overload::Sample`] comes from.
    pub seed: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeSettings {
    pub name: Arc<str>,
    pub kind: ExchangeKind,
    /// Where what has no queue here goes (RabbitMQ: Alternate Exchanges).
    pub alternate: Option<Arc<str>>,
}

/// How an exchange chooses among its bindings (AMQP 0-9-1 §3.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// The binding's key is the message's.
    Direct,
    /// The binding's key is a pattern of words with points between them: `*` is one word, `#` any number, none included.
    Topic,
    /// Every binding.
    Fanout,
    /// The binding's headers are among the message's: all of them, or any.
    Headers,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueSettings {
    pub name: Arc<str>,
    pub bindings: Vec<Binding>,
    /// Bounds of what is ready; what consumers hold does not count (RabbitMQ: Queue Length Limit).
    pub max_messages: Option<u64>,
    pub max_bytes: Option<u64>,
    pub overload: Overload,
    pub message_ttl: Option<Span>,
    pub dead_letter: Option<DeadLetter>,
    /// Priorities from 0 to this one. The highest are delivered first (RabbitMQ: Priority Queues).
    pub max_priority: u8,
    pub balance: Balance,
    /// Only one consumer at a time is given messages (RabbitMQ: Single Active Consumer).
    pub single_active_consumer: bool,
    /// A message that comes back more often than this dies (RabbitMQ: Poison Message Handling).
    pub delivery_limit: Option<u32>,
    /// Its persistent messages outlive the broker, where a driver keeps them (RabbitMQ: Durability). What that costs: a publisher hears
    /// of such a message, and gets credit for another one, only once it is kept.
    pub durable: bool,
}

/// Which of several consumers with room gets the next message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// They take turns (RabbitMQ: Consumers, "round robin").
    #[default]
    RoundRobin,
    /// The one that holds the fewest messages that it has not settled; who has waited longest among equals.
    LeastLoaded,
    /// The one that the routing key stands for, by rendezvous hashing: one that comes or goes moves no keys but its own. A message whose
    /// consumer has no room waits, and what is behind it too. (RabbitMQ has an exchange for this, with a queue for each consumer.)
    ConsistentHash,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Binding {
    pub exchange: Arc<str>,
    pub key: Arc<str>,
    pub headers: Headers,
    pub headers_match: Match,
}

/// How many of a binding's headers a message must have (RabbitMQ: `x-match`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Match {
    #[default]
    All,
    Any,
}

/// Where messages go that die in a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    pub exchange: Arc<str>,
    /// The message's own unless said.
    pub key: Option<Arc<str>>,
}

/// What a queue does with one more message when it is full.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Overload {
    /// The oldest goes, to the dead-letter exchange if there is one. Consumers see what is fresh; what is lost was confirmed
    /// (RabbitMQ: `drop-head`).
    #[default]
    DropOldest,
    /// The newcomer goes, to the dead-letter exchange if there is one, and its publisher hears that it was not accepted. Consumers see
    /// what is old (RabbitMQ: `reject-publish-dlx`).
    DropNewest,
    /// The newcomer is refused and its publisher hears of it. Nothing is lost that was confirmed; a publisher without confirms does
    /// not know (RabbitMQ: `reject-publish`).
    Reject,
    /// There is no bound: nothing is lost, delays and memory grow as long as the overload lasts.
    Buffer,
    /// Publishers get no more credit until there is room: nothing is lost, and everything before the queue slows down with it. The
    /// bound is passed by what publishers still have credit for (RabbitMQ: Flow Control).
    Block,
    /// With this probability the newcomer takes the place of the oldest, else it goes itself: what is left stands for the whole time of
    /// the overload, and most of it is lost.
    Sample(f64),
}

impl Overload {
    /// Whether a queue may lose messages that it has said to have accepted.
    pub fn drops_accepted(self) -> bool {
        matches!(self, Overload::DropOldest | Overload::Sample(_))
    }
}

impl Bus {
    /// Every client: its node, its group's place, and its name, `worker-2`.
    pub fn members(&self) -> Vec<(Node, usize, Arc<str>)> {
        let groups = self.clients.iter().enumerate();
        let members = groups.flat_map(|(group, settings)| {
            (1..=settings.count).map(move |number| (group, format!("{}-{number}", settings.name).into()))
        });
        members.zip(1..).map(|((group, name), node)| (Node(node), group, name)).collect()
    }

    /// Whether a node is a client whose deliveries wait for their acknowledgement.
    pub fn acknowledges(&self, node: Node) -> bool {
        let group = self.members().into_iter().find(|(member, _, _)| *member == node).map(|(_, group, _)| group);
        let kind = group.and_then(|group| self.clients.get(group)).map(|client| &client.kind);
        matches!(kind, Some(ClientKind::Consumer(settings)) if settings.ack != Ack::Auto)
    }

    /// A node's name; empty if there is none.
    pub fn name(&self, node: Node) -> String {
        let members = || self.members().into_iter().find(|(member, _, _)| *member == node);
        match node {
            Node::BROKER => "broker".to_owned(),
            _ => members().map_or_else(String::new, |(_, _, name)| name.to_string()),
        }
    }
}
