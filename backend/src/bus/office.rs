//! Frames on their way between nodes: a mailbox for each node, in which they wait until it takes them.
//!
//! A mailbox is accounted, not bounded: whoever sends never waits, so a broker and its clients cannot wait for one another in a ring.
//! What bounds it is the protocol (credit for publishers, prefetch for consumers), and beyond [`BUS_FRAMES_WAITING_MAX`] frames the
//! connection is reset. A socket's commands bring a permit along that is given back when the broker takes the frame, so that a socket
//! which is faster than the broker is not read meanwhile.
//!
//! A node without a mailbox is a host whose process is gone: it answers with [`Frame::Reset`], as operating systems do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::messaging::{Connection, Envelope, Frame, Node};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::limits::BUS_FRAMES_WAITING_MAX;

/// See the module.
#[derive(Debug, Default)]
pub struct Office {
    boxes: Mutex<BTreeMap<Node, Arc<Mailbox>>>,
}

/// What waits for a node.
#[derive(Debug, Default)]
pub struct Mailbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(Envelope, Option<OwnedSemaphorePermit>)>,
    /// The connection that was reset because too much waited.
    overfull: Option<Connection>,
}

impl Office {
    /// A new mailbox for a node; what waited in an earlier one is gone.
    pub fn open(&self, node: Node) -> Arc<Mailbox> {
        let mailbox = Arc::<Mailbox>::default();
        self.boxes().insert(node, mailbox.clone());
        mailbox
    }

    /// The node's process is gone, and what waited for it with it.
    pub fn close(&self, node: Node) {
        self.boxes().remove(&node);
    }

    /// Brings a frame to its node's mailbox.
    pub fn send(&self, envelope: Envelope) {
        self.send_with(envelope, None);
    }

    /// The same with a permit, which is given back when the frame is taken.
    pub fn send_with(&self, envelope: Envelope, permit: Option<OwnedSemaphorePermit>) {
        let mailbox = self.boxes().get(&envelope.to).cloned();
        let Some(mailbox) = mailbox else {
            if envelope.frame != Frame::Reset {
                self.send(reset(envelope.to, envelope.from, envelope.connection));
            }
            return;
        };
        let (from, to, connection) = (envelope.from, envelope.to, envelope.connection);
        // What comes to the broker is bounded at its sources: there is nobody whose connection it would be.
        let is_bounded = to != Node::BROKER;
        if mailbox.push(envelope, permit, is_bounded) == Pushed::Overfull {
            self.send(reset(to, from, connection));
        }
    }

    fn boxes(&self) -> MutexGuard<'_, BTreeMap<Node, Arc<Mailbox>>> {
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pushed {
    Waits,
    /// It was one too many, and its connection ends.
    Overfull,
    /// Its connection has ended for that reason.
    Late,
}

impl Mailbox {
    fn push(&self, envelope: Envelope, permit: Option<OwnedSemaphorePermit>, is_bounded: bool) -> Pushed {
        let mut state = self.state();
        let pushed = match state.overfull {
            Some(connection) if connection == envelope.connection => return Pushed::Late,
            _ if is_bounded && state.waiting.len() >= BUS_FRAMES_WAITING_MAX => {
                state.overfull = Some(envelope.connection);
                let last = reset(envelope.from, envelope.to, envelope.connection);
                state.waiting.push_back((last, None));
                Pushed::Overfull
            }
            _ => {
                state.waiting.push_back((envelope, permit));
                Pushed::Waits
            }
        };
        drop(state);
        self.changed.notify_one();
        pushed
    }

    /// The next frame, if one waits.
    pub fn take(&self) -> Option<Envelope> {
        self.state().waiting.pop_front().map(|(envelope, _)| envelope)
    }

    /// Waits until there may be one more. For a single taker.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Lets the taker look up, though nothing was put in.
    pub fn nudge(&self) {
        self.changed.notify_one();
    }

    /// How many frames wait.
    pub fn len(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That the process at `from` is gone.
pub fn reset(from: Node, to: Node, connection: Connection) -> Envelope {
    Envelope { from, to, connection, frame: Frame::Reset }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(from: Node, to: Node, connection: Connection) -> Envelope {
        Envelope { from, to, connection, frame: Frame::Heartbeat }
    }

    #[test]
    fn a_host_whose_process_is_gone_says_so() {
        let office = Office::default();
        let client = office.open(Node(1));
        office.send(beat(Node(1), Node::BROKER, 7));
        assert_eq!(client.take(), Some(reset(Node::BROKER, Node(1), 7)));
        // Which is not answered in turn.
        office.close(Node(1));
        office.send(reset(Node::BROKER, Node(1), 7));
        assert!(office.boxes().values().all(|mailbox| mailbox.len() == 0));
    }

    #[test]
    fn a_client_that_takes_nothing_loses_its_connection_and_nobody_else_does() {
        let office = Office::default();
        let (broker, client, other) = (office.open(Node::BROKER), office.open(Node(1)), office.open(Node(2)));
        for _ in 0..BUS_FRAMES_WAITING_MAX + 10 {
            office.send(beat(Node::BROKER, Node(1), 7));
        }
        office.send(beat(Node::BROKER, Node(2), 3));
        assert_eq!((client.len(), other.len()), (BUS_FRAMES_WAITING_MAX + 1, 1));
        assert_eq!(broker.take(), Some(reset(Node(1), Node::BROKER, 7)));
        assert_eq!(broker.take(), None);
        let last = std::iter::from_fn(|| client.take()).last();
        assert_eq!(last, Some(reset(Node::BROKER, Node(1), 7)));
        // Its next connection is another.
        office.send(beat(Node::BROKER, Node(1), 8));
        assert_eq!(client.len(), 1);
    }
}
