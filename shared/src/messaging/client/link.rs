//! A client's connection: opened, listened to, given up when nothing is heard, opened again.

use super::super::frame::{Connection, Envelope, Frame};
use super::super::message::Node;
use super::super::settings::{HEARTBEAT_EVERY, HEARTBEAT_TIMEOUT};
use super::Seat;
use crate::time::{Span, Time};

/// How long a client waits for the answer to its opening, and before it opens again: twice as long each time, up to a limit.
const OPEN_TIMEOUT: Span = Span::seconds(2);
const RETRY_FIRST: Span = Span::millis(100);
const RETRY_DOUBLINGS_MAX: u32 = 4;

/// Connections of one life of a client; the next life's numbers begin above.
const CONNECTIONS_MAX: u32 = 1 << 20;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Link {
    node: Node,
    pub(super) connection: Connection,
    confirms: bool,
    heartbeats: bool,
    state: State,
    heard: Time,
    next_beat: Time,
    /// Openings without an answer, one after the other.
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Down { again_at: Time },
    Opening { until: Time },
    Up,
}

/// What a frame or the passing of time means to the client.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    /// The connection is there, with credit for so many messages.
    Up {
        credit: u32,
    },
    /// It is gone, and with it everything that was said in it.
    Down,
    Frame(Frame),
    Nothing,
}

impl Link {
    pub(super) fn new(seat: &Seat, confirms: bool) -> Link {
        Link {
            node: seat.node,
            connection: seat.incarnation.saturating_mul(CONNECTIONS_MAX),
            confirms,
            heartbeats: seat.heartbeats,
            state: State::Down { again_at: Time::ZERO },
            heard: Time::ZERO,
            next_beat: Time::ZERO,
            failures: 0,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Opens a connection; the frame that does it.
    pub(super) fn open(&mut self, now: Time) -> Envelope {
        self.connection += 1;
        self.state = State::Opening { until: now + OPEN_TIMEOUT };
        self.envelope(Frame::Open { confirms: self.confirms })
    }

    pub(super) fn envelope(&self, frame: Frame) -> Envelope {
        Envelope { from: self.node, to: Node::BROKER, connection: self.connection, frame }
    }

    /// Takes a frame; one of an earlier connection is nobody's.
    pub(super) fn hear(&mut self, now: Time, envelope: Envelope) -> Heard {
        if envelope.connection != self.connection || matches!(self.state, State::Down { .. }) {
            return Heard::Nothing;
        }
        self.heard = now;
        match envelope.frame {
            Frame::Opened { credit } if matches!(self.state, State::Opening { .. }) => {
                (self.state, self.failures) = (State::Up, 0);
                self.next_beat = now + HEARTBEAT_EVERY;
                Heard::Up { credit }
            }
            Frame::Reset | Frame::Closed { .. } => self.fail(now),
            Frame::Heartbeat | Frame::Opened { .. } => Heard::Nothing,
            frame => Heard::Frame(frame),
        }
    }

    /// Time has passed: what is to be sent for the connection's own sake, and what that means.
    pub(super) fn pass(&mut self, now: Time) -> (Option<Envelope>, Heard) {
        match self.state {
            State::Down { again_at } if again_at <= now => (Some(self.open(now)), Heard::Nothing),
            State::Opening { until } if until <= now => (None, self.fail(now)),
            State::Up if self.heartbeats && now.since(self.heard) > HEARTBEAT_TIMEOUT => (None, self.fail(now)),
            State::Up if self.heartbeats && self.next_beat <= now => {
                self.next_beat = now + HEARTBEAT_EVERY;
                (Some(self.envelope(Frame::Heartbeat)), Heard::Nothing)
            }
            _ => (None, Heard::Nothing),
        }
    }

    pub(super) fn next_wake(&self) -> Option<Time> {
        match self.state {
            State::Down { again_at } => Some(again_at),
            State::Opening { until } => Some(until),
            State::Up => self.heartbeats.then_some(self.next_beat),
        }
    }

    fn fail(&mut self, now: Time) -> Heard {
        let was_up = self.is_up();
        let pause = Span(RETRY_FIRST.0 << self.failures.min(RETRY_DOUBLINGS_MAX));
        self.failures += 1;
        self.state = State::Down { again_at: now + pause };
        if was_up { Heard::Down } else { Heard::Nothing }
    }
}
