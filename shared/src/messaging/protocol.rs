//! What a client anywhere and a live bus say to one another over a WebSocket: the broker's frames as JSON text.
//!
//! Every message has a version and a type, `{"v":1,"type":"ack","delivery":"7"}`; 64-bit integers travel as strings, since JavaScript's
//! numbers hold 53 bits. A client says `hello` first and hears `opened`. From there on it is AMQP 0-9-1 with one channel: messages are
//! published as credit allows, deliveries come as far as a consumer's prefetch goes, and each is settled once. Whoever breaks a rule hears
//! [`BusEvent::Closed`] with a code and a sentence, and the socket closes with the same code.
//!
//! Close codes are 4000 and AMQP's reply code (4404: there is no such queue), besides WebSocket's own: 1001 the bus ends, 1002 no
//! WebSocket, 1008 no hello or no answer to pings, 1009 too long, 1013 too slow, or the bus is full.
//!
//! Absent on purpose: declaring queues and exchanges, which the bus's experiment does; heartbeats, for which WebSocket has pings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wire::{text64, text64_option};

/// The protocol's version, the `v` of every message.
pub const VERSION: u32 = 1;

/// Above AMQP's reply codes lie the close codes that stand for them.
pub const CLOSE_CODES: u16 = 4000;

/// What a message is, whoever sends it. The body is a text, or bytes in Base64; without either it is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The exchange; the default one, which leads to the queue that the key names, has no name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exchange: String,
    /// The routing key.
    pub key: String,
    /// The body as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body as bytes, in Base64 with padding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The highest are delivered first, where the queue has priorities.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: u8,
    /// Its time to live in milliseconds; the queue's counts if that is shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u32>,
    /// Which request this is, or answers.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text64_option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub correlation: Option<u64>,
    /// The queue for the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// A durable queue keeps it past the end of the server, and its confirm comes once it is kept (AMQP: `delivery-mode` 2).
    #[serde(default, skip_serializing_if = "is_false")]
    pub persistent: bool,
}

/// A client's word to the bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BusCommand {
    /// First on every connection, and once. With `confirms` the bus says what became of each message.
    Hello {
        #[serde(default)]
        confirms: bool,
    },
    /// One message. It costs one of the credit. They are numbered from 1 in each connection, which is how they are confirmed.
    Publish {
        message: Content,
        /// It comes back if it has no queue to go to.
        #[serde(default)]
        mandatory: bool,
    },
    /// Deliver to me what comes to a queue. `tag` is the client's name for this, once in a connection.
    Consume {
        tag: u32,
        queue: String,
        /// Deliveries ahead of their acknowledgement, from 1 to 10,000 for all consumers of a connection together.
        #[serde(default = "prefetch")]
        prefetch: u32,
        /// The bus takes a delivery for acknowledged once it is written to the socket.
        #[serde(default)]
        auto_ack: bool,
    },
    /// No longer. What was delivered is still to be settled.
    Cancel { tag: u32 },
    /// One message, if there is one within this time; answered by `deliver` without a consumer, or `empty`.
    Get {
        queue: String,
        #[serde(default)]
        wait_ms: u32,
        #[serde(default)]
        auto_ack: bool,
    },
    /// A queue for answers, which lives as long as the connection; answered by `replies`.
    Replies,
    /// A delivery is done with; `multiple`: and all before it that are still open.
    Ack {
        #[serde(with = "text64")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        delivery: u64,
        #[serde(default)]
        multiple: bool,
    },
    /// A delivery goes back to its queue, to its place.
    Requeue {
        #[serde(with = "text64")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        delivery: u64,
        #[serde(default)]
        multiple: bool,
    },
    /// A delivery is not wanted: it dies, and is dead-lettered if its queue has it so.
    Reject {
        #[serde(with = "text64")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        delivery: u64,
        #[serde(default)]
        multiple: bool,
    },
    /// Answered by `pong`, after everything that there is to say of what came before.
    Ping,
    /// The connection ends; what was not settled goes back to its queues.
    Close,
}

/// The bus's word to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BusEvent {
    /// The answer to `hello`. So many messages may be published before more credit comes.
    Opened {
        bus: String,
        /// What the client is called here.
        client: String,
        credit: u32,
    },
    /// So many messages more may be published.
    Credit {
        more: u32,
    },
    /// The message of this number was accepted by every queue that it was routed to, or (`ok` is false) was not.
    Confirm {
        #[serde(with = "text64")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        number: u64,
        ok: bool,
    },
    /// A mandatory message had no queue to go to.
    Returned {
        message: Content,
    },
    /// A message for a consumer, or, without one, for a `get`.
    Deliver(Box<DeliverEvent>),
    /// The queue had no message for a `get`.
    Empty,
    /// The queue for the client's answers, to be named in `reply_to` and consumed from.
    Replies {
        queue: String,
    },
    Pong,
    /// The connection ends, for a reason; the socket closes with the same code.
    Closed {
        code: u16,
        reason: String,
    },
}

/// A message as it is delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliverEvent {
    /// The client's name for the consumer; absent for a `get`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<u32>,
    /// By which it is settled; "0" for what needs no acknowledgement.
    #[serde(with = "text64")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub delivery: u64,
    pub queue: String,
    /// It was delivered before, to somebody.
    pub redelivered: bool,
    /// How often it came back to the queue.
    pub returns: u32,
    /// The message's name in this bus: the same when it is delivered again.
    pub id: String,
    pub message: Content,
    /// Where it died, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deaths: Vec<DeathView>,
}

/// That a message died in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeathView {
    pub queue: String,
    /// `rejected`, `expired`, `maxlen` or `delivery_limit`, as RabbitMQ says it.
    pub reason: String,
    /// How often, in this queue and for this reason.
    pub count: u32,
}

/// A message that could not be read: a sentence for its sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("this is not a message in JSON: {0}")]
    NotJson(String),
    #[error("the message has version {found}, this bus speaks version {VERSION}")]
    Version { found: String },
    #[error("the message is not understood: {0}")]
    Unknown(String),
}

/// Writes a client's word with its version.
pub fn encode_command(command: &BusCommand) -> String {
    with_version(command)
}

/// Writes the bus's word with its version.
pub fn encode_event(event: &BusEvent) -> String {
    with_version(event)
}

/// Reads a client's word.
pub fn decode_command(text: &str) -> Result<BusCommand, ProtocolError> {
    frequent(text).map_or_else(|| decode(text), Ok)
}

/// Reads the bus's word.
pub fn decode_event(text: &str) -> Result<BusEvent, ProtocolError> {
    decode(text)
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    v: serde_json::Value,
}

fn decode<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ProtocolError> {
    let head: Head = serde_json::from_str(text).map_err(|error| ProtocolError::NotJson(error.to_string()))?;
    if head.v != VERSION {
        return Err(ProtocolError::Version { found: head.v.to_string() });
    }
    serde_json::from_str(text).map_err(|error| ProtocolError::Unknown(error.to_string()))
}

/// The words that nearly all traffic is made of, read in one pass: by the rules of all words a message is read to find its version, once
/// more to find its type, and its body copied for each. `None`: it is another word, or something is wrong with it, and those rules say what.
fn frequent(text: &str) -> Option<BusCommand> {
    #[derive(Deserialize)]
    struct Frequent<'w> {
        v: u32,
        #[serde(rename = "type")]
        kind: &'w str,
        message: Option<Content>,
        #[serde(default)]
        mandatory: bool,
        #[serde(default, with = "text64_option")]
        delivery: Option<u64>,
        #[serde(default)]
        multiple: bool,
    }
    let Frequent { v, kind, message, mandatory, delivery, multiple } = serde_json::from_str(text).ok()?;
    match (v, kind) {
        (VERSION, "publish") => message.map(|message| BusCommand::Publish { message, mandatory }),
        (VERSION, "ack") => delivery.map(|delivery| BusCommand::Ack { delivery, multiple }),
        _ => None,
    }
}

fn with_version<T: Serialize>(word: &T) -> String {
    let mut text = format!("{{\"v\":{VERSION}").into_bytes();
    let place = text.len();
    serde_json::to_writer(&mut text, word).expect("the protocol's types have string keys and no failing serializers");
    // Every word is an object with a type, which goes on behind the version.
    text[place] = b',';
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// As many deliveries ahead as a consumer gets that does not say.
fn prefetch() -> u32 {
    100
}

fn is_zero(priority: &u8) -> bool {
    *priority == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequent_word_is_read_as_any_other() {
        let words = [
            r#"{"v":1,"type":"publish","message":{"key":"tasks","body":"a \"text\"","persistent":true},"mandatory":true}"#,
            r#"{"type":"publish","message":{"key":"tasks","base64":"AAE=","headers":{"a":"b"},"correlation":"7"},"v":1,"more":[{}]}"#,
            r#"{"v":1,"type":"ack","delivery":"18446744073709551615","multiple":true}"#,
            r#"{"v":1,"type":"ack","delivery":"7","message":{"key":"of no use"}}"#,
        ];
        for word in words {
            assert_eq!(frequent(word), Some(decode(word).unwrap()), "{word}");
        }
        let by_the_rules = [
            r#"{"v":1,"type":"reject","delivery":"7"}"#,
            r#"{"v":2,"type":"ack","delivery":"7"}"#,
            r#"{"v":1,"type":"ack"}"#,
            r#"{"v":1,"type":"ack","delivery":7}"#,
            r#"{"v":1,"type":"publish","message":null}"#,
            r#"{"v":1,"type":"publish","message":{"key":"tasks","boby":"a text"}}"#,
            r#"{"v":1,"type":"publish","message":{"key":"tasks"},"mandatory":"yes"}"#,
            r#"{"v":1,"type":"publish","message":{"key":"tasks"},"delivery":{}}"#,
            r#"{"v":1,"type":"ack","delivery":"7","delivery":"8"}"#,
        ];
        for word in by_the_rules {
            assert_eq!((frequent(word), decode_command(word)), (None, decode(word)), "{word}");
        }
    }

    #[test]
    fn a_word_has_its_version_first() {
        assert_eq!(encode_event(&BusEvent::Credit { more: 7 }), r#"{"v":1,"type":"credit","more":7}"#);
        assert_eq!(encode_command(&BusCommand::Ping), r#"{"v":1,"type":"ping"}"#);
    }
}
