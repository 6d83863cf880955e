//! A publisher: makes messages at its rate and sends them to an exchange.
//!
//! Without credit, without a connection, or with its window full of unconfirmed messages it makes none: what it would have made in that
//! time is never made. That is what back-pressure means to a source.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::frame::{Envelope, Frame};
use super::super::message::{Extra, Message};
use super::chance::Schedule;
use super::link::{Heard, Link};
use super::sender::Sender;
use super::settings::{Key, PublisherSettings};
use super::{Doing, Input, Note, Output, Seat};
use crate::expr::Value;
use crate::machine::Machine;
use crate::time::Time;

/// See the module.
#[derive(Clone, Debug)]
pub struct Publisher {
    settings: Arc<PublisherSettings>,
    seat: Seat,
    link: Link,
    sender: Sender,
    /// `None` until it has started.
    schedule: Option<Schedule>,
    body: Arc<[u8]>,
    outputs: VecDeque<Output>,
}

impl Publisher {
    pub(super) fn new(settings: Arc<PublisherSettings>, seat: Seat) -> Publisher {
        Publisher {
            link: Link::new(&seat, settings.confirms),
            sender: Sender::new(settings.confirms),
            body: vec![0; settings.size as usize].into(),
            settings,
            seat,
            schedule: None,
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn made(&self) -> u64 {
        self.seat.made
    }

    pub(super) fn doing(&self) -> Doing {
        self.sender.doing(self.link.is_up(), self.settings.window)
    }

    fn is_done(&self, due: Time) -> bool {
        due >= self.seat.until || self.settings.messages.is_some_and(|most| self.seat.made >= most)
    }

    /// Whether it could make a message if one was due.
    fn is_ready(&self) -> bool {
        self.link.is_up() && self.sender.is_ready(self.settings.window)
    }

    /// Sends what may be sent, and makes what is due.
    fn go_on(&mut self, now: Time) {
        self.send();
        while self.is_ready() {
            let Some(due) = self.schedule.as_ref().map(Schedule::due) else { return };
            if due > now || self.is_done(due) {
                return;
            }
            self.make(now);
            self.send();
        }
    }

    fn make(&mut self, now: Time) {
        let Some(schedule) = &mut self.schedule else { return };
        schedule.advance(&mut self.seat.rng);
        let id = self.seat.next_id();
        let number = self.seat.made;
        let PublisherSettings { exchange, key, priority, ttl, headers, confirms, persistent, .. } = &*self.settings;
        let key = match key {
            Key::Fixed(key) => key.clone(),
            Key::Made(expr) => match expr.eval(&[Value::Int64(number as i64), Value::Utf8(self.seat.name.clone())]) {
                Ok(Value::Utf8(key)) => key,
                _ => "".into(),
            },
        };
        let extra = (ttl.is_some() || headers.is_some())
            .then(|| Box::new(Extra { ttl: *ttl, headers: headers.clone(), ..Extra::default() }));
        let (exchange, body) = (exchange.clone(), self.body.clone());
        let message = Message {
            id,
            exchange,
            key,
            body,
            published: now,
            priority: *priority,
            resent: false,
            persistent: *persistent,
            extra,
        };
        self.outputs.push_back(Output::Note(Note::Sent { number: id.number, owed: !confirms }));
        self.sender.push(Arc::new(message));
    }

    fn send(&mut self) {
        while self.link.is_up()
            && let Some(frame) = self.sender.poll(self.settings.mandatory)
        {
            self.outputs.push_back(Output::Send(self.link.envelope(frame)));
        }
    }

    fn hear(&mut self, now: Time, heard: Heard) {
        let was_ready = self.is_ready();
        match heard {
            Heard::Up { credit } => self.sender.up(credit),
            Heard::Down => {
                self.sender.down();
                self.outputs.push_back(Output::Note(Note::Disconnected));
            }
            Heard::Frame(Frame::Credit { more }) => self.sender.more_credit(more),
            Heard::Frame(Frame::Confirm { number, ok }) => {
                if let Some(message) = self.sender.confirmed(number) {
                    self.outputs.push_back(Output::Note(Note::Confirmed { number: message.id.number, ok }));
                }
            }
            Heard::Frame(Frame::Return { .. }) => self.outputs.push_back(Output::Note(Note::Returned)),
            Heard::Frame(_) | Heard::Nothing => {}
        }
        self.send();
        if !was_ready
            && self.is_ready()
            && let Some(schedule) = &mut self.schedule
        {
            schedule.resume(now);
        }
        self.go_on(now);
    }

    fn envelope(&mut self, now: Time, envelope: Envelope) {
        let heard = self.link.hear(now, envelope);
        self.hear(now, heard);
    }
}

impl Machine for Publisher {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Start => {
                self.schedule = Some(Schedule::new(self.settings.rate, now, &mut self.seat.rng));
                let open = self.link.open(now);
                self.outputs.push_back(Output::Send(open));
            }
            Input::Envelope(envelope) => self.envelope(now, envelope),
            Input::Worked => {}
        }
    }

    fn wake(&mut self, now: Time) {
        let (envelope, heard) = self.link.pass(now);
        self.outputs.extend(envelope.map(Output::Send));
        self.hear(now, heard);
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        let due = self.schedule.as_ref().map(Schedule::due).filter(|due| self.is_ready() && !self.is_done(*due));
        due.into_iter().chain(self.link.next_wake()).min()
    }
}
