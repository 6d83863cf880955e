//! A consumer: takes deliveries, works on them one after the other, and settles them. With `answers` it is a responder: when it has
//! worked on a request it sends the answer to the queue that the request names.
//!
//! With `forward` it publishes what it has worked on, and settles the delivery once that is confirmed. Without credit for that it begins
//! no more work, takes nothing more once its prefetch is used up, and so holds back the queue before it: that is how back-pressure goes on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::super::frame::{Connection, Delivery, Envelope, Frame, Settle};
use super::super::message::{Extra, Message, Origin};
use super::chance;
use super::link::{Heard, Link};
use super::sender::Sender;
use super::settings::{Ack, Batching, ConsumerSettings, FailingWhen, Forward, Key, Receive, Then};
use super::{Doing, Input, Note, Output, Seat};
use crate::expr::Value;
use crate::machine::Machine;
use crate::time::{Span, Time};

/// The client's name for its one consumer.
const TAG: u32 = 1;

/// Bytes of an answer.
const ANSWER_BYTES: usize = 64;

/// See the module.
#[derive(Clone, Debug)]
pub struct Consumer {
    settings: Arc<ConsumerSettings>,
    seat: Seat,
    link: Link,
    /// Of answers, or of what is forwarded.
    sender: Sender,
    body: Arc<[u8]>,
    waiting: VecDeque<Held>,
    working: Vec<Held>,
    /// What is forwarded and not confirmed, by the number of the message that it became.
    forwarding: BTreeMap<u64, Held>,
    /// When the first of a batch has waited long enough for the others.
    linger_until: Option<Time>,
    /// When it asks next, if it polls.
    next_poll: Option<Time>,
    remembered: BTreeSet<Origin>,
    /// The same in their order, the oldest first.
    remembered_order: VecDeque<Origin>,
    outputs: VecDeque<Output>,
}

/// A delivery, and the connection in which it can be settled.
#[derive(Clone, Debug)]
struct Held {
    delivery: Delivery,
    connection: Connection,
}

impl Consumer {
    pub(super) fn new(settings: Arc<ConsumerSettings>, seat: Seat) -> Consumer {
        Consumer {
            link: Link::new(&seat, settings.forward.is_some()),
            sender: Sender::new(settings.forward.is_some()),
            body: vec![0; ANSWER_BYTES].into(),
            settings,
            seat,
            waiting: VecDeque::new(),
            working: Vec::new(),
            forwarding: BTreeMap::new(),
            linger_until: None,
            next_poll: None,
            remembered: BTreeSet::new(),
            remembered_order: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn made(&self) -> u64 {
        self.seat.made
    }

    pub(super) fn holding(&self) -> Vec<(u32, Arc<Message>)> {
        if !self.acks_before_work() {
            return Vec::new();
        }
        let held = self.waiting.iter().chain(&self.working).chain(self.forwarding.values());
        held.map(|held| (held.delivery.queue, held.delivery.message.clone())).collect()
    }

    pub(super) fn doing(&self) -> Doing {
        match self.working.is_empty() {
            false => Doing::Working,
            true if !self.link.is_up() => Doing::Unconnected,
            true if self.is_held_back() => Doing::NoCredit,
            true => Doing::Waiting,
        }
    }

    /// Whether it has done work that it cannot forward yet.
    fn is_held_back(&self) -> bool {
        self.settings.forward.is_some() && self.sender.is_waiting()
    }

    fn acks_before_work(&self) -> bool {
        matches!(self.settings.ack, Ack::Before | Ack::Auto)
    }

    fn send(&mut self, frame: Frame) {
        self.outputs.push_back(Output::Send(self.link.envelope(frame)));
    }

    fn hear(&mut self, now: Time, heard: Heard) {
        let was_held_back = self.is_held_back();
        match heard {
            Heard::Up { credit } => {
                self.sender.up(credit);
                self.listen();
            }
            Heard::Down => {
                self.sender.down();
                self.next_poll = None;
                self.outputs.push_back(Output::Note(Note::Disconnected));
                if !self.acks_before_work() {
                    // The broker gives these to somebody else.
                    self.waiting.clear();
                    self.linger_until = None;
                    if self.settings.forward.is_some() {
                        self.forwarding.clear();
                        self.sender.clear();
                    }
                }
            }
            Heard::Frame(Frame::Deliver(delivery)) => self.take(now, *delivery),
            Heard::Frame(Frame::Empty) => {
                self.outputs.push_back(Output::Note(Note::PolledNothing));
                match self.settings.receive {
                    Receive::Poll(every) => self.next_poll = Some(now + every),
                    Receive::LongPoll(_) => self.ask(),
                    Receive::Push => {}
                }
            }
            Heard::Frame(Frame::Credit { more }) => self.sender.more_credit(more),
            Heard::Frame(Frame::Confirm { number, ok }) => self.confirmed(number, ok),
            Heard::Frame(_) | Heard::Nothing => {}
        }
        self.send_messages();
        if was_held_back {
            self.begin(now);
        }
    }

    /// Tells the broker what it wants.
    fn listen(&mut self) {
        match self.settings.receive {
            Receive::Push => {
                let (queue, prefetch, auto_ack) =
                    (self.settings.queue.clone(), self.settings.prefetch, self.settings.ack == Ack::Auto);
                self.send(Frame::Consume { tag: TAG, queue, prefetch, auto_ack });
            }
            Receive::Poll(_) | Receive::LongPoll(_) if self.working.is_empty() && self.waiting.is_empty() => self.ask(),
            Receive::Poll(_) | Receive::LongPoll(_) => {}
        }
    }

    fn ask(&mut self) {
        let wait = match self.settings.receive {
            Receive::LongPoll(wait) => wait,
            Receive::Poll(_) | Receive::Push => Span::ZERO,
        };
        self.next_poll = None;
        self.outputs.push_back(Output::Note(Note::Polled));
        self.send(Frame::Get { queue: self.settings.queue.clone(), wait, auto_ack: self.settings.ack == Ack::Auto });
    }

    fn take(&mut self, now: Time, delivery: Delivery) {
        let held = Held { delivery, connection: self.link.connection };
        if self.settings.ack == Ack::Before {
            self.settle(&held, false, Settle::Ack);
        }
        if let Some(batch) = self.settings.batch
            && self.waiting.is_empty()
        {
            self.linger_until = Some(now + batch.linger);
        }
        self.waiting.push_back(held);
        self.begin(now);
    }

    /// Begins to work on what is next, if it has nothing to do and there is enough.
    fn begin(&mut self, now: Time) {
        if !self.working.is_empty() || self.is_held_back() {
            return;
        }
        let Batching { count, .. } = self.settings.batch.unwrap_or(Batching { count: 1, linger: Span::ZERO });
        while self.working.is_empty() && !self.waiting.is_empty() {
            let lingers = self.linger_until.is_some_and(|until| now < until);
            if lingers && (self.waiting.len() as u64) < u64::from(count) {
                return;
            }
            for _ in 0..count {
                let Some(held) = self.waiting.pop_front() else { break };
                if self.remembered.contains(&held.delivery.message.origin()) {
                    self.outputs.push_back(Output::Note(Note::Skipped { id: held.delivery.message.id }));
                    self.done_with(&held);
                } else {
                    self.working.push(held);
                }
            }
            self.linger_until = match self.settings.batch {
                Some(batch) if !self.waiting.is_empty() => Some(now + batch.linger),
                _ => None,
            };
        }
        if self.working.is_empty() {
            self.ask_again();
        } else {
            let span = chance::service(self.settings.service, &mut self.seat.rng);
            self.outputs.push_back(Output::Work(span));
        }
    }

    /// One that polls asks when it has nothing left to do.
    fn ask_again(&mut self) {
        if self.settings.receive != Receive::Push && self.link.is_up() && self.next_poll.is_none() {
            self.ask();
        }
    }

    /// The work on what it had is done.
    fn worked(&mut self, now: Time) {
        let working = std::mem::take(&mut self.working);
        let mut last_done = None;
        for held in working {
            if self.fails(&held.delivery) {
                self.outputs.push_back(Output::Note(Note::Failed));
                match self.settings.fails.as_ref().map(|fails| fails.then) {
                    Some(Then::Crash) => return self.outputs.push_back(Output::Crash),
                    Some(Then::Reject) => self.settle_unless_before(&held, Settle::Reject),
                    Some(Then::Requeue) | None => self.settle_unless_before(&held, Settle::Requeue),
                }
                continue;
            }
            if let Some(forward) = self.settings.forward.clone() {
                self.forward(&forward, held);
                continue;
            }
            if self.settings.answers {
                self.answer(now, &held.delivery.message);
            }
            self.processed(&held.delivery);
            match self.settings.batch {
                None => self.done_with(&held),
                Some(_) => last_done = Some(held),
            }
        }
        if let Some(held) = last_done {
            // All that were delivered before it are settled, or are of the same batch.
            if self.settings.ack == Ack::After {
                self.settle(&held, true, Settle::Ack);
            }
        }
        self.begin(now);
    }

    /// The work on a delivery has come to its end.
    fn processed(&mut self, Delivery { queue, message, .. }: &Delivery) {
        let (id, origin, key, published) = (message.id, message.origin(), message.key.clone(), message.published);
        self.remember(origin);
        self.outputs.push_back(Output::Note(Note::Processed { queue: *queue, id, origin, key, published }));
    }

    /// Publishes what it has worked on.
    fn forward(&mut self, Forward { exchange, key }: &Forward, held: Held) {
        let is_its_own = self.link.is_up() && held.connection == self.link.connection;
        if !self.acks_before_work() && !is_its_own {
            // The broker has given it to somebody else since.
            return;
        }
        let message = &held.delivery.message;
        let key = match key {
            None => message.key.clone(),
            Some(Key::Fixed(key)) => key.clone(),
            Some(Key::Made(expr)) => match expr.eval(&row(&held.delivery)) {
                Ok(Value::Utf8(key)) => key,
                _ => "".into(),
            },
        };
        let id = self.seat.next_id();
        let forwarded = message.forwarded(id, &self.settings.queue, exchange.clone(), key);
        self.outputs.push_back(Output::Note(Note::Sent { number: id.number, owed: false }));
        self.sender.push(Arc::new(forwarded));
        self.forwarding.insert(id.number, held);
        self.send_messages();
    }

    /// The broker has said what became of a message that was forwarded.
    fn confirmed(&mut self, number: u64, ok: bool) {
        let Some(message) = self.sender.confirmed(number) else { return };
        let number = message.id.number;
        self.outputs.push_back(Output::Note(Note::Confirmed { number, ok }));
        let Some(held) = self.forwarding.remove(&number) else { return };
        if ok {
            self.processed(&held.delivery);
            self.done_with(&held);
        } else {
            self.outputs.push_back(Output::Note(Note::Failed));
            self.settle_unless_before(&held, Settle::Requeue);
        }
    }

    fn done_with(&mut self, held: &Held) {
        if self.settings.ack == Ack::After {
            self.settle(held, false, Settle::Ack);
        }
    }

    fn settle_unless_before(&mut self, held: &Held, how: Settle) {
        if !self.acks_before_work() {
            self.settle(held, false, how);
        }
    }

    fn settle(&mut self, held: &Held, multiple: bool, how: Settle) {
        // In another connection the tag would be another delivery's.
        if held.connection == self.link.connection && self.link.is_up() {
            self.send(Frame::Settle { tag: held.delivery.tag, multiple, how });
        }
    }

    fn fails(&mut self, delivery: &Delivery) -> bool {
        match self.settings.fails.as_ref().map(|fails| &fails.when) {
            None => false,
            Some(FailingWhen::Chance(probability)) => self.seat.rng.chance(*probability),
            Some(FailingWhen::Holds(expr)) => expr.eval(&row(delivery)) == Ok(Value::Boolean(true)),
        }
    }

    fn remember(&mut self, id: Origin) {
        let Some(most) = self.settings.remembers else { return };
        if self.remembered.insert(id) {
            self.remembered_order.push_back(id);
        }
        while self.remembered_order.len() as u64 > u64::from(most) {
            if let Some(oldest) = self.remembered_order.pop_front() {
                self.remembered.remove(&oldest);
            }
        }
    }

    fn answer(&mut self, now: Time, request: &Message) {
        let Some(extra) = &request.extra else { return };
        let Some(reply_to) = extra.reply_to.clone() else { return };
        let message = Message {
            id: self.seat.next_id(),
            exchange: "".into(),
            key: reply_to,
            body: self.body.clone(),
            published: now,
            priority: 0,
            resent: false,
            persistent: false,
            extra: Some(Box::new(Extra { correlation: extra.correlation, ..Extra::default() })),
        };
        self.sender.push(Arc::new(message));
        self.send_messages();
    }

    fn send_messages(&mut self) {
        while self.link.is_up()
            && let Some(frame) = self.sender.poll(false)
        {
            self.send(frame);
        }
    }

    fn envelope(&mut self, now: Time, envelope: Envelope) {
        let heard = self.link.hear(now, envelope);
        self.hear(now, heard);
    }
}

/// What expressions about a delivery see: [`delivery_schema`](super::delivery_schema).
fn row(Delivery { message, returns, .. }: &Delivery) -> [Value; 4] {
    [
        Value::Int64(message.origin().id.number as i64),
        Value::Utf8(message.key.clone()),
        Value::Int64(message.body.len() as i64),
        Value::Int64(i64::from(*returns)),
    ]
}

impl Machine for Consumer {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Start => {
                let open = self.link.open(now);
                self.outputs.push_back(Output::Send(open));
            }
            Input::Envelope(envelope) => self.envelope(now, envelope),
            Input::Worked => self.worked(now),
        }
    }

    fn wake(&mut self, now: Time) {
        let (envelope, heard) = self.link.pass(now);
        self.outputs.extend(envelope.map(Output::Send));
        self.hear(now, heard);
        if self.next_poll.is_some_and(|at| at <= now) {
            self.ask();
        }
        if self.linger_until.is_some_and(|until| until <= now) && self.working.is_empty() {
            self.begin(now);
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        // Who is held back goes on when it hears of more credit.
        let linger = self.linger_until.filter(|_| self.working.is_empty() && !self.is_held_back());
        self.link.next_wake().into_iter().chain(self.next_poll).chain(linger).min()
    }
}
