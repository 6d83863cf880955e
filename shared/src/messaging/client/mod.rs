//! The clients: who sends messages, who works on them, who asks and who answers. Each is a machine on a node of its own.
//!
//! - `link`: the connection of each, and its coming back after it is lost. `sender`: messages that go out as credit allows.
//! - `publisher`, `consumer` (which is a responder too), `requester`: the machines.
//! - `settings`: what each is told to do; `chance`: times that are drawn.
//!
//! A client does not do its work by itself: it puts out [`Output::Work`], and its driver says [`Input::Worked`] once that time of
//! work is over, which on a slow node takes longer.

mod chance;
mod consumer;
mod link;
mod publisher;
mod requester;
mod sender;
mod settings;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::settings::{
    Ack, Batching, ClientKind, ClientSettings, ConsumerSettings, Failing, FailingWhen, Forward, Key, PublisherSettings, Rate,
    Receive, RequesterSettings, Retries, Service, Then, delivery_schema, message_schema,
};
use super::frame::Envelope;
use super::message::{Message, MessageId, Node, Origin};
use crate::id::Incarnation;
use crate::machine::Machine;
use crate::rng::Rng;
use crate::time::{Span, Time};
use consumer::Consumer;
use publisher::Publisher;
use requester::Requester;

/// What happens to a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Start,
    Envelope(Envelope),
    /// The work that it asked for last is done.
    Worked,
}

/// What its driver is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    Send(Envelope),
    /// Tell [`Input::Worked`] after so much work.
    Work(Span),
    Note(Note),
    /// A message was too much for it: its process ends.
    Crash,
}

/// What a person, or a test, may want to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Note {
    /// A message goes out for the first time. `owed`: whoever should get it may count on it now; else once it is confirmed, or, of a
    /// request, not at all, since who asks will ask again.
    Sent {
        number: u64,
        owed: bool,
    },
    /// What the broker said of a message.
    Confirmed {
        number: u64,
        ok: bool,
    },
    Returned,
    /// A delivery was worked on to its end.
    Processed {
        queue: u32,
        id: MessageId,
        origin: Origin,
        key: Arc<str>,
        /// When the message was published first.
        published: Time,
    },
    /// A delivery was passed over: its message, or another one of the same origin, had been worked on before.
    Skipped {
        id: MessageId,
    },
    /// A delivery failed, and was given back, rejected, or took the process with it.
    Failed,
    /// A request has its answer, after so long.
    Answered(Span),
    /// No answer came in time; `gave_up`: nor will it be asked for again.
    TimedOut {
        gave_up: bool,
    },
    /// An answer came that nobody waits for any more.
    Late,
    /// A poll was sent, or found nothing.
    Polled,
    PolledNothing,
    /// The connection was lost.
    Disconnected,
}

/// What a client is doing, or why it does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It has no connection.
    Unconnected,
    /// It may publish no more until the broker gives it credit.
    NoCredit,
    /// It may publish no more until some of its messages are confirmed.
    WindowFull,
    Working,
    /// It waits: for the time of its next message, or for deliveries.
    Waiting,
}

/// A client of any kind.
#[derive(Clone, Debug)]
pub enum Client {
    Publisher(Box<Publisher>),
    Consumer(Box<Consumer>),
    Requester(Box<Requester>),
}

/// What every client is made of: its node, which life of it this is, and its share of chance. `until`: when it stops making
/// messages of its own.
#[derive(Clone, Debug)]
pub struct Seat {
    pub node: Node,
    pub incarnation: Incarnation,
    pub rng: Rng,
    pub until: Time,
    pub heartbeats: bool,
    /// What the client is called: `worker-2`.
    pub name: Arc<str>,
    /// How many messages earlier lives of the node have made, whose numbers are taken.
    pub made: u64,
    /// What the numbers of its messages are counted from: greater than those that were given out before the broker was there, of which
    /// it may have kept some.
    pub numbers_from: u64,
}

impl Seat {
    /// The name of one more message.
    fn next_id(&mut self) -> MessageId {
        self.made += 1;
        MessageId { publisher: self.node, number: self.numbers_from + self.made }
    }
}

impl Client {
    pub fn new(settings: &ClientSettings, seat: Seat) -> Client {
        match &settings.kind {
            ClientKind::Publisher(settings) => Client::Publisher(Box::new(Publisher::new(settings.clone(), seat))),
            ClientKind::Consumer(settings) => Client::Consumer(Box::new(Consumer::new(settings.clone(), seat))),
            ClientKind::Requester(settings) => Client::Requester(Box::new(Requester::new(settings.clone(), seat))),
        }
    }

    /// Messages that it has and that its broker thinks it is done with: they end with it.
    pub fn holding(&self) -> Vec<(u32, Arc<Message>)> {
        match self {
            Client::Consumer(consumer) => consumer.holding(),
            Client::Publisher(_) | Client::Requester(_) => Vec::new(),
        }
    }

    pub fn doing(&self) -> Doing {
        match self {
            Client::Publisher(publisher) => publisher.doing(),
            Client::Consumer(consumer) => consumer.doing(),
            Client::Requester(requester) => requester.doing(),
        }
    }

    /// How many messages it has made, with earlier lives of its node.
    pub fn made(&self) -> u64 {
        match self {
            Client::Publisher(publisher) => publisher.made(),
            Client::Consumer(consumer) => consumer.made(),
            Client::Requester(requester) => requester.made(),
        }
    }
}

impl Machine for Client {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        match self {
            Client::Publisher(it) => it.handle(now, input),
            Client::Consumer(it) => it.handle(now, input),
            Client::Requester(it) => it.handle(now, input),
        }
    }

    fn wake(&mut self, now: Time) {
        match self {
            Client::Publisher(it) => it.wake(now),
            Client::Consumer(it) => it.wake(now),
            Client::Requester(it) => it.wake(now),
        }
    }

    fn poll(&mut self) -> Option<Output> {
        match self {
            Client::Publisher(it) => it.poll(),
            Client::Consumer(it) => it.poll(),
            Client::Requester(it) => it.poll(),
        }
    }

    fn next_wake(&self) -> Option<Time> {
        match self {
            Client::Publisher(it) => it.next_wake(),
            Client::Consumer(it) => it.next_wake(),
            Client::Requester(it) => it.next_wake(),
        }
    }
}
