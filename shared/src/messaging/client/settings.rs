//! What clients are told to do.

use std::sync::Arc;

use super::super::message::Headers;
use crate::expr::{Expr, Schema, Type};
use crate::time::Span;

/// A group of clients that do the same, `NAME-1` to `NAME-COUNT`.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientSettings {
    pub name: Arc<str>,
    pub count: u16,
    pub kind: ClientKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ClientKind {
    Publisher(Arc<PublisherSettings>),
    Consumer(Arc<ConsumerSettings>),
    Requester(Arc<RequesterSettings>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct PublisherSettings {
    pub exchange: Arc<str>,
    pub key: Key,
    pub rate: Rate,
    /// Bytes of a body.
    pub size: u64,
    /// Whether it hears what became of its messages, and sends those again of which it has not heard when its connection is lost.
    pub confirms: bool,
    /// Messages that may be on their way without a confirm; then it waits.
    pub window: Option<u32>,
    pub mandatory: bool,
    pub priority: u8,
    pub ttl: Option<Span>,
    pub headers: Option<Arc<Headers>>,
    /// Whether durable queues keep its messages past the broker's end.
    pub persistent: bool,
    /// Messages that are sent together. With confirms all of them are confirmed before the next are made.
    pub batch: Option<Batching>,
    /// After so many messages it is done.
    pub messages: Option<u64>,
}

/// The routing key of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    Fixed(Arc<str>),
    /// Made for each message, over [`message_schema`], or over [`delivery_schema`] where one is forwarded.
    Made(Box<Expr>),
}

/// When messages are made.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    /// So many a second, evenly.
    Constant(f64),
    /// So many a second on the average, each whenever it likes.
    Poisson(f64),
    /// So many at once, again and again.
    Burst { messages: u64, every: Span },
    /// At these times since the run began, the earliest first.
    Times(Arc<[Span]>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerSettings {
    pub queue: Arc<str>,
    /// 0: any number.
    pub prefetch: u32,
    pub service: Service,
    pub ack: Ack,
    pub receive: Receive,
    pub fails: Option<Failing>,
    /// How many messages it remembers so as not to work on them twice; `None`: it works on whatever comes.
    pub remembers: Option<u32>,
    pub batch: Option<Batching>,
    /// Whether it answers to the queue that a message names.
    pub answers: bool,
    pub forward: Option<Forward>,
}

/// Where a consumer publishes what it has worked on. The work is done, and is acknowledged, once the broker has confirmed that.
#[derive(Clone, Debug, PartialEq)]
pub struct Forward {
    pub exchange: Arc<str>,
    /// The message's own unless said.
    pub key: Option<Key>,
}

/// How long the work on a delivery, or on a batch of them, takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Service {
    Constant(Span),
    /// With this mean; many are short, few long.
    Exponential(Span),
    /// With this mean, most much shorter and few very much longer: Pareto's distribution with α = 1.5, cut at 1,000 times the least.
    HeavyTailed(Span),
}

/// When a delivery is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// As soon as it is there: what a consumer dies with is lost.
    Before,
    /// When the work is done: what a consumer dies with is delivered again.
    After,
    /// Not at all: nothing more comes once the prefetch is used up.
    Never,
    /// The broker takes it for acknowledged when it sends it: what is on its way may be lost too, and prefetch does not count.
    Auto,
}

/// How messages come to a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receive {
    /// The broker sends them.
    Push,
    /// It asks, and asks again after this time if there was none.
    Poll(Span),
    /// It asks, and the broker answers when there is one, or after this time.
    LongPoll(Span),
}

/// Work that fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Failing {
    pub when: FailingWhen,
    pub then: Then,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FailingWhen {
    /// For these deliveries, over [`delivery_schema`].
    Holds(Box<Expr>),
    /// With this probability.
    Chance(f64),
}

/// What becomes of a delivery whose work failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It goes back to its queue.
    Requeue,
    /// It dies.
    Reject,
    /// The consumer dies, and comes back as killed ones do.
    Crash,
}

/// Messages that are sent, or deliveries that are worked on, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    pub count: u32,
    /// How long the first one waits for the others.
    pub linger: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RequesterSettings {
    pub queue: Arc<str>,
    pub rate: Rate,
    pub size: u64,
    /// How long it waits for an answer.
    pub timeout: Span,
    pub retries: Retries,
    pub messages: Option<u64>,
}

/// What a requester does without an answer: it asks again, each time after twice as long as the time before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    pub times: u32,
    pub backoff: Span,
}

/// What a routing key may be made of: the message's number, from 1, and its publisher's name.
pub fn message_schema() -> Schema {
    Schema(vec![("n".to_owned(), Type::Int64), ("publisher".to_owned(), Type::Utf8)])
}

/// What decides whether the work on a delivery fails: the message's number at its publisher, its routing key, its body's bytes, and
/// how often it came back to the queue.
pub fn delivery_schema() -> Schema {
    Schema(vec![
        ("n".to_owned(), Type::Int64),
        ("key".to_owned(), Type::Utf8),
        ("size".to_owned(), Type::Int64),
        ("returns".to_owned(), Type::Int64),
    ])
}
