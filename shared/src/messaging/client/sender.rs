//! Messages that a client sends: numbered, as far as its credit goes, and with confirms again until the broker has said what became of
//! them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::frame::Frame;
use super::super::message::Message;
use super::Doing;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    confirms: bool,
    credit: u32,
    /// Waiting for credit, or to be sent again.
    waiting: VecDeque<Arc<Message>>,
    /// Sent and not confirmed, by their numbers in the connection from `first` on. What is confirmed is `None`.
    unconfirmed: VecDeque<Option<Arc<Message>>>,
    first: u64,
    open: u64,
}

impl Sender {
    pub(super) fn new(confirms: bool) -> Sender {
        Sender { confirms, credit: 0, waiting: VecDeque::new(), unconfirmed: VecDeque::new(), first: 1, open: 0 }
    }

    /// A connection is there. What is not confirmed goes first, in its order.
    pub(super) fn up(&mut self, credit: u32) {
        self.credit = credit;
        self.first = 1;
        self.open = 0;
        while let Some(message) = self.unconfirmed.pop_back() {
            if let Some(message) = message {
                self.waiting.push_front(Arc::new(Message { resent: true, ..(*message).clone() }));
            }
        }
    }

    /// The connection is gone. Without confirms nobody knows what arrived, and nothing is sent again.
    pub(super) fn down(&mut self) {
        self.credit = 0;
    }

    /// Forgets what it has, sent or not: somebody else sends it.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.unconfirmed.clear();
        self.open = 0;
    }

    /// Whether something has not gone out yet.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many have gone out and are not confirmed.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    pub(super) fn more_credit(&mut self, more: u32) {
        self.credit += more;
    }

    /// Whether a new message would go out at once, with so many at most that are not confirmed.
    pub(super) fn is_ready(&self, window: Option<u32>) -> bool {
        self.credit > 0 && self.waiting.is_empty() && window.is_none_or(|window| self.open < u64::from(window))
    }

    /// Why a new message would not go out at once, or that it would.
    pub(super) fn doing(&self, is_up: bool, window: Option<u32>) -> Doing {
        match self.is_ready(window) {
            _ if !is_up => Doing::Unconnected,
            true => Doing::Waiting,
            false if self.credit == 0 => Doing::NoCredit,
            false => Doing::WindowFull,
        }
    }

    pub(super) fn push(&mut self, message: Arc<Message>) {
        self.waiting.push_back(message);
    }

    /// The next message that may go out.
    pub(super) fn poll(&mut self, mandatory: bool) -> Option<Frame> {
        if self.credit == 0 {
            return None;
        }
        let message = self.waiting.pop_front()?;
        self.credit -= 1;
        if self.confirms {
            self.unconfirmed.push_back(Some(message.clone()));
            self.open += 1;
        }
        Some(Frame::Publish { message, mandatory })
    }

    /// The broker has said what became of a message; which one that is.
    pub(super) fn confirmed(&mut self, number: u64) -> Option<Arc<Message>> {
        let place = number.checked_sub(self.first)? as usize;
        let message = self.unconfirmed.get_mut(place)?.take()?;
        self.open -= 1;
        while self.unconfirmed.front().is_some_and(Option::is_none) {
            self.unconfirmed.pop_front();
            self.first += 1;
        }
        Some(message)
    }
}
