//! A publisher: makes messages at its rate and sends them to an exchange.
//!
//! Without credit, without a connection, or with its window full of unconfirmed messages it makes none: what it would have made in that
//! time is never made. That is what back-pressure means to a source.
//!
//! With `batch` it keeps what it makes until there are enough, or the first has waited long enough, and sends them one after the other.

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
    /// Made, and kept until the batch goes out: when the first of them has waited long enough.
    held: Vec<Arc<Message>>,
    linger_until: Option<Time>,
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
            held: Vec::new(),
            linger_until: None,
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn made(&self) -> u64 {
        self.seat.made
    }

    pub(super) fn doing(&self) -> Doing {
        match self.sender.doing(self.link.is_up(), self.settings.window) {
            Doing::Waiting if self.waits_for_batch() => Doing::WindowFull,
            doing => doing,
        }
    }

    /// Whether some of a batch are not confirmed, so that no other is begun.
    fn waits_for_batch(&self) -> bool {
        self.settings.batch.is_some() && self.settings.confirms && self.sender.open() > 0
    }

    fn is_done(&self, due: Time) -> bool {
        due >= self.seat.until || self.settings.messages.is_some_and(|most| self.seat.made >= most)
    }

    /// Whether it could make a message if one was due.
    fn is_ready(&self) -> bool {
        self.link.is_up() && self.sender.is_ready(self.settings.window) && !self.waits_for_batch()
    }

    /// Sends what may be sent, and makes what is due.
    fn go_on(&mut self, now: Time) {
        self.send_batch(now);
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
        let owed = !confirms;
        match self.settings.batch {
            None => self.push(Arc::new(message), owed),
            Some(batch) => {
                if self.held.is_empty() {
                    self.linger_until = Some(now + batch.linger);
                }
                self.held.push(Arc::new(message));
                self.send_batch(now);
            }
        }
    }

    fn push(&mut self, message: Arc<Message>, owed: bool) {
        self.outputs.push_back(Output::Note(Note::Sent { number: message.id.number, owed }));
        self.sender.push(message);
    }

    /// Sends what it has kept, if there is enough or it was long enough.
    fn send_batch(&mut self, now: Time) {
        let is_over = self.linger_until.is_some_and(|until| until <= now);
        let is_enough = self.settings.batch.is_some_and(|batch| self.held.len() as u64 >= u64::from(batch.count));
        if self.link.is_up() && !self.held.is_empty() && (is_over || is_enough) {
            self.linger_until = None;
            let owed = !self.settings.confirms;
            std::mem::take(&mut self.held).into_iter().for_each(|message| self.push(message, owed));
        }
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
                self.schedule = Some(Schedule::new(self.settings.rate.clone(), now, &mut self.seat.rng));
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
        let linger = self.linger_until.filter(|_| self.link.is_up());
        due.into_iter().chain(linger).chain(self.link.next_wake()).min()
    }
}
