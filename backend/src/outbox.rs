//! What a session has to say to its client: a bounded queue that outlives the client's sockets.
//!
//! The engine's thread puts events in and never waits. A socket takes them out; an event gets its sequence number as it is taken,
//! so what a client sees has no gaps. The last sent ones are kept, since those on their way when a socket breaks may be lost: the
//! client names the last event that it saw and hears the rest again.
//!
//! Policy when the client is slow: past [`EVENTS_WAITING_MAX`] a frame is merged into the last waiting one of its run, so pictures
//! get coarser and nothing else is lost; commands are not read meanwhile; and a client that stays behind is closed (`behind`).
//!
//! Binary frames are not kept: a client whose socket breaks during an export asks for it again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shared::wire::{Event, encode_event};
use tokio::sync::watch;

use crate::audience::Audience;
use crate::engine::Client;
use crate::limits::{EVENTS_KEPT_MAX, EVENTS_WAITING_MAX};

/// See the module.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    /// Counts changes, so that no socket misses one, however many wait.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// Sent events with their numbers, oldest first.
    kept: VecDeque<(u64, String)>,
    waiting: VecDeque<Waiting>,
    /// The number of the last event that was sent.
    sent: u64,
    /// Which socket is the client's now: each new one takes over from the last.
    socket: u64,
    /// Since when more than the bound waits.
    behind: Option<Instant>,
    ended: bool,
}

#[derive(Debug)]
enum Waiting {
    Event(Event),
    Data(Vec<u8>),
}

/// The next thing for a socket to do.
#[derive(Debug, PartialEq)]
pub enum Next {
    Text(String),
    Data(Vec<u8>),
    /// Nothing for now; see [`Outbox::changes`].
    Wait,
    /// Another socket has taken over.
    Replaced,
    /// Everything was said and the session is over.
    Ended,
}

/// A socket's hold on an outbox.
#[derive(Debug)]
pub struct Attached {
    pub socket: u64,
    /// Events that were sent before and not seen, in order.
    pub again: Vec<String>,
}

impl Outbox {
    pub fn push(&self, event: Event) {
        let mut state = self.state();
        match event {
            Event::Frame(later) if state.waiting.len() >= EVENTS_WAITING_MAX => {
                let same_run =
                    |waiting: &&mut Waiting| matches!(waiting, Waiting::Event(Event::Frame(it)) if it.run == later.run);
                match state.waiting.iter_mut().rev().find(same_run) {
                    Some(Waiting::Event(Event::Frame(earlier))) => earlier.merge(*later),
                    _ => state.waiting.push_back(Waiting::Event(Event::Frame(later))),
                }
            }
            event => state.waiting.push_back(Waiting::Event(event)),
        }
        state.note_length();
        drop(state);
        self.changed.send_modify(|count| *count += 1);
    }

    pub fn push_data(&self, frame: Vec<u8>) {
        self.state().waiting.push_back(Waiting::Data(frame));
        self.changed.send_modify(|count| *count += 1);
    }

    /// Whether binary frames wait.
    pub fn has_data(&self) -> bool {
        self.state().waiting.iter().any(|waiting| matches!(waiting, Waiting::Data(_)))
    }

    /// A new socket of a new client.
    pub fn attach(&self) -> Attached {
        let attached = self.state().take_over(Vec::new());
        self.changed.send_modify(|count| *count += 1);
        attached
    }

    /// A new socket of a client that has seen everything up to `seen`. `None` if what it missed is not all there any more.
    pub fn reattach(&self, seen: u64) -> Option<Attached> {
        let mut state = self.state();
        let oldest = state.kept.front().map_or(state.sent + 1, |(number, _)| *number);
        if seen > state.sent || seen + 1 < oldest {
            return None;
        }
        let again = state.kept.iter().filter(|(number, _)| *number > seen).map(|(_, text)| text.clone()).collect();
        let attached = state.take_over(again);
        drop(state);
        self.changed.send_modify(|count| *count += 1);
        Some(attached)
    }

    /// What a socket is to do next; an event that is taken counts as sent.
    pub fn take(&self, socket: u64) -> Next {
        let mut state = self.state();
        if state.socket != socket {
            return Next::Replaced;
        }
        let next = match state.waiting.pop_front() {
            Some(Waiting::Event(event)) => {
                state.sent += 1;
                let text = encode_event(state.sent, &event);
                let entry = (state.sent, text.clone());
                state.kept.push_back(entry);
                if state.kept.len() > EVENTS_KEPT_MAX {
                    state.kept.pop_front();
                }
                Next::Text(text)
            }
            Some(Waiting::Data(frame)) => Next::Data(frame),
            None if state.ended => Next::Ended,
            None => Next::Wait,
        };
        state.note_length();
        next
    }

    /// Tells a socket that there is something to take, or that it was replaced, or that the session ended.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Whether so much waits that the client's commands should not be read.
    pub fn is_full(&self) -> bool {
        self.state().waiting.len() >= EVENTS_WAITING_MAX
    }

    /// Whether this socket is the client's.
    pub fn is_held_by(&self, socket: u64) -> bool {
        self.state().socket == socket
    }

    /// For how long the client has been behind.
    pub fn behind(&self) -> Duration {
        self.state().behind.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Lets the socket look up, though nothing was put in.
    pub fn nudge(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Nothing more will be put in.
    pub fn end(&self) {
        self.state().ended = true;
        self.changed.send_modify(|count| *count += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_over(&mut self, again: Vec<String>) -> Attached {
        self.socket += 1;
        self.behind = None;
        self.waiting.retain(|waiting| matches!(waiting, Waiting::Event(_)));
        Attached { socket: self.socket, again }
    }

    fn note_length(&mut self) {
        if self.waiting.len() < EVENTS_WAITING_MAX {
            self.behind = None;
        } else if self.behind.is_none() {
            self.behind = Some(Instant::now());
        }
    }
}

/// The engine's side: its client, and who else watches.
pub struct Speaker {
    pub outbox: Arc<Outbox>,
    pub audience: Arc<Audience>,
}

impl Client for Speaker {
    fn event(&mut self, event: Event) {
        self.audience.hear(&event);
        self.outbox.push(event);
    }

    fn data(&mut self, frame: Vec<u8>) {
        self.outbox.push_data(frame);
    }

    fn keep(&mut self, has: &dyn Fn(u32) -> bool) {
        self.audience.keep(has);
    }
}
