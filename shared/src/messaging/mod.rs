//! Messaging: a broker with AMQP 0-9-1's model and RabbitMQ's rules, and the clients around it.
//!
//! A publisher sends messages to an exchange; the exchange routes each to the queues that are bound to it; a queue hands its messages
//! to consumers, one consumer a message, and forgets what they acknowledge. What happens when consumers can't keep up is a queue's
//! [`Overload`].
//!
//! - `message`, `frame`: what is sent, and what a client and the broker say to one another.
//! - `settings`: what a broker is told to hold: exchanges, queues, bindings.
//! - `exchange`, `topic`: from a message to its queues. `queue`: messages that wait.
//! - [`broker`]: the machine that has all of these. [`durable`]: what of its messages outlives it.
//! - [`protocol`]: the frames as a client anywhere says and hears them.
//! - [`client`]: publishers, consumers, requesters and responders, each a machine.
//! - `counters`: what is counted, and the equation that must hold of it. [`books`]: what a whole run comes to. [`watch`]: what is seen
//!   of one.
//!
//! A connection carries frames in order and loses none as long as it lives, as TCP does; what a driver's network loses comes later, or
//! the connection ends. A client has one connection at a time, and one channel in it.
//!
//! Absent on purpose: transactions, bindings from exchange to exchange, users and permissions.

pub mod books;
pub mod broker;
pub mod client;
mod counters;
pub mod durable;
mod exchange;
mod frame;
mod message;
pub mod protocol;
mod queue;
mod settings;
mod topic;
pub mod watch;

pub use counters::{BrokerCounters, Counts, QueueCounters, Unconserved};
pub use frame::{Connection, Delivery, Envelope, Frame, ReplyCode, Settle};
pub use message::{Death, Extra, Headers, Message, MessageId, Node, Origin, Reason};
pub use settings::{
    Balance, Binding, BrokerSettings, Bus, DeadLetter, ExchangeKind, ExchangeSettings, HEARTBEAT_EVERY, HEARTBEAT_TIMEOUT,
    LinkSettings, Match, Overload, QueueSettings, REPLIES_SUFFIX,
};
