//! What happened on a bus, in rows.

use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::id::Incarnation;
use crate::messaging::{Connection, Envelope, Frame, Message, MessageId, Node, Settle};
use crate::sim::recorder::{Recorder, name};
use crate::sim::trace::Hashed;
use crate::time::Time;
use crate::wire::{About, Bytes, Fate, MessageView};

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub at: Time,
    pub kind: Kind,
    /// Where it happened; for a frame, who sent it.
    pub node: Node,
    /// Which life of the node.
    pub incarnation: Incarnation,
    /// For a frame, for whom it is.
    pub to: Option<Node>,
    /// The message that it is about.
    pub message: Option<MessageId>,
    /// A delivery tag, the number of a confirm, or how much credit.
    pub number: u64,
    pub bytes: u64,
}

/// What kind of event. A frame appears when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    Spawned = 1,
    Killed,
    /// Work begins, and ends.
    Working,
    Worked,
    /// A node's timer.
    Woke,
    /// A fault of a node or of the network begins; `over`: one of a node ends.
    Fault,
    Over,
    /// A frame did not get through and waits to be sent again.
    Stalled,
    /// A frame came twice; the second is dropped.
    Repeated,
    /// A frame came to a node that is not there.
    Lost,
    /// What a fault did to one message where it arrived.
    Dropped,
    Refused,
    Edited,
    /// The disk has what the broker gave it; up to the change of this number.
    Synced,
    Open = 32,
    Opened,
    Replies,
    Publish,
    Confirm,
    Nack,
    Return,
    Credit,
    Consume,
    Cancel,
    Get,
    Deliver,
    Redeliver,
    Empty,
    Ack,
    Requeue,
    Reject,
    Heartbeat,
    Close,
    Closed,
    Reset,
}

impl Row {
    pub(super) fn of(at: Time, kind: Kind, node: Node, incarnation: Incarnation) -> Row {
        Row { at, kind, node, incarnation, to: None, message: None, number: 0, bytes: 0 }
    }

    /// A frame, as the trace names it.
    pub(super) fn frame(at: Time, envelope: &Envelope, incarnation: Incarnation) -> Row {
        let (kind, message, number) = subject(&envelope.frame);
        let bytes = envelope.frame.wire_bytes();
        let message = message.map(|message| message.id);
        Row { at, kind, node: envelope.from, incarnation, to: Some(envelope.to), message, number, bytes }
    }

    /// For a file, with names for the nodes.
    pub fn as_json(&self, name: impl Fn(Node) -> String) -> serde_json::Value {
        let mut row = serde_json::json!({
            "at": self.at.0.to_string(),
            "kind": self.kind,
            "node": name(self.node),
            "incarnation": self.incarnation,
            "bytes": self.bytes,
        });
        if let Some(to) = self.to {
            row["to"] = name(to).into();
        }
        if let Some(message) = self.message {
            row["message"] = format!("{}/{}", name(message.publisher), message.number).into();
        }
        if self.number != 0 {
            row["number"] = self.number.into();
        }
        row
    }
}

/// Deliveries are named by the client, its connection and the delivery's tag.
pub(super) type BusRecorder = Recorder<(Node, Connection, u64)>;

impl BusRecorder {
    /// A frame that was sent, and arrives or would have. Those about one message belong together.
    pub(super) fn note_frame(&mut self, envelope: &Envelope, incarnation: Incarnation, when: (Time, Time), fate: Fate) {
        let row = Row::frame(when.0, envelope, incarnation);
        let settled = match envelope.frame {
            Frame::Settle { tag, .. } => self.delivered.get(&(envelope.from, envelope.connection, tag)).copied(),
            _ => None,
        };
        let message = row.message.or(settled);
        let id = xxh3_64(&[&row.to_bytes()[..], &when.1.0.to_le_bytes()].concat());
        let kin = message.map_or(id, kin_of);
        self.note(when, kin, || MessageView {
            id: id as u32,
            kind: name(row.kind),
            from: envelope.from.into(),
            to: envelope.to.into(),
            sent: when.0,
            arrives: when.1,
            fate,
            bytes: Bytes(row.bytes),
            about: message.map(|message| About::Message { publisher: message.publisher.0.into(), number: message.number }),
        });
    }
}

/// What tells those that are about this message.
pub(super) fn kin_of(message: MessageId) -> u64 {
    xxh3_64(&[&message.publisher.0.to_le_bytes()[..], &message.number.to_le_bytes()].concat())
}

impl Row {
    fn to_bytes(self) -> [u8; 40] {
        let message = self.message.unwrap_or(MessageId { publisher: Node(u16::MAX), number: 0 });
        let mut bytes = [0; 40];
        bytes[0..8].copy_from_slice(&self.at.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&message.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.number.to_le_bytes());
        bytes[32..34].copy_from_slice(&message.publisher.0.to_le_bytes());
        bytes[34..36].copy_from_slice(&self.node.0.to_le_bytes());
        bytes[36..38].copy_from_slice(&self.to.unwrap_or(Node(u16::MAX)).0.to_le_bytes());
        bytes[38] = self.incarnation as u8;
        bytes[39] = self.kind as u8;
        bytes
    }
}

impl Hashed for Row {
    fn hash_into(self, hash: &mut Xxh3) {
        hash.update(&self.to_bytes());
    }
}

fn subject(frame: &Frame) -> (Kind, Option<&Message>, u64) {
    match frame {
        Frame::Open { .. } => (Kind::Open, None, 0),
        Frame::Opened { credit } => (Kind::Opened, None, u64::from(*credit)),
        Frame::Replies { .. } => (Kind::Replies, None, 0),
        Frame::Publish { message, .. } => (Kind::Publish, Some(message), 0),
        Frame::Confirm { number, ok: true } => (Kind::Confirm, None, *number),
        Frame::Confirm { number, ok: false } => (Kind::Nack, None, *number),
        Frame::Return { message } => (Kind::Return, Some(message), 0),
        Frame::Credit { more } => (Kind::Credit, None, u64::from(*more)),
        Frame::Consume { .. } => (Kind::Consume, None, 0),
        Frame::Cancel { .. } => (Kind::Cancel, None, 0),
        Frame::Get { .. } => (Kind::Get, None, 0),
        Frame::Deliver(delivery) => {
            let kind = if delivery.redelivered { Kind::Redeliver } else { Kind::Deliver };
            (kind, Some(&delivery.message), delivery.tag)
        }
        Frame::Empty => (Kind::Empty, None, 0),
        Frame::Settle { tag, how: Settle::Ack, .. } => (Kind::Ack, None, *tag),
        Frame::Settle { tag, how: Settle::Requeue, .. } => (Kind::Requeue, None, *tag),
        Frame::Settle { tag, how: Settle::Reject, .. } => (Kind::Reject, None, *tag),
        Frame::Heartbeat => (Kind::Heartbeat, None, 0),
        Frame::Close => (Kind::Close, None, 0),
        Frame::Closed { .. } => (Kind::Closed, None, 0),
        Frame::Reset => (Kind::Reset, None, 0),
    }
}
