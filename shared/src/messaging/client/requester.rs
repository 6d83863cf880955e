//! A requester: sends requests to a queue, waits for the answers in a queue of its own, and asks again when none comes in time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::super::frame::{Envelope, Frame};
use super::super::message::{Extra, Message};
use super::super::settings::REPLIES_SUFFIX;
use super::chance::Schedule;
use super::link::{Heard, Link};
use super::sender::Sender;
use super::settings::RequesterSettings;
use super::{Doing, Input, Note, Output, Seat};
use crate::machine::Machine;
use crate::time::{Span, Time};

/// The client's name for the consumer of its answers.
const TAG: u32 = 1;

/// A wait is doubled so often at most.
const DOUBLINGS_MAX: u32 = 20;

/// See the module.
#[derive(Clone, Debug)]
pub struct Requester {
    settings: Arc<RequesterSettings>,
    seat: Seat,
    link: Link,
    sender: Sender,
    schedule: Option<Schedule>,
    body: Arc<[u8]>,
    replies: Arc<str>,
    /// Requests without an answer, by their correlation ids.
    pending: BTreeMap<u64, Pending>,
    /// When something has to be done about each.
    due: BTreeSet<(Time, u64)>,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Debug)]
struct Pending {
    message: Arc<Message>,
    first_sent: Time,
    tries: u32,
    /// It waits to ask again, not for an answer.
    backs_off: bool,
    due: Time,
}

impl Requester {
    pub(super) fn new(settings: Arc<RequesterSettings>, seat: Seat) -> Requester {
        Requester {
            link: Link::new(&seat, false),
            sender: Sender::new(false),
            body: vec![0; settings.size as usize].into(),
            replies: format!("{}{REPLIES_SUFFIX}", seat.name).into(),
            settings,
            seat,
            schedule: None,
            pending: BTreeMap::new(),
            due: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn made(&self) -> u64 {
        self.seat.made
    }

    pub(super) fn doing(&self) -> Doing {
        self.sender.doing(self.link.is_up(), None)
    }

    fn is_done(&self, due: Time) -> bool {
        due >= self.seat.until || self.settings.messages.is_some_and(|most| self.seat.made >= most)
    }

    fn is_ready(&self) -> bool {
        self.link.is_up() && self.sender.is_ready(None)
    }

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
        if let Some(schedule) = &mut self.schedule {
            schedule.advance(&mut self.seat.rng);
        }
        let id = self.seat.next_id();
        let number = id.number;
        let extra = Extra { correlation: Some(number), reply_to: Some(self.replies.clone()), ..Extra::default() };
        let message = Arc::new(Message {
            id,
            exchange: "".into(),
            key: self.settings.queue.clone(),
            body: self.body.clone(),
            published: now,
            priority: 0,
            resent: false,
            persistent: false,
            extra: Some(Box::new(extra)),
        });
        self.outputs.push_back(Output::Note(Note::Sent { number, owed: false }));
        let due = now + self.settings.timeout;
        self.due.insert((due, number));
        let pending = Pending { message: message.clone(), first_sent: now, tries: 0, backs_off: false, due };
        self.pending.insert(number, pending);
        self.sender.push(message);
    }

    fn send(&mut self) {
        while self.link.is_up()
            && let Some(frame) = self.sender.poll(false)
        {
            self.outputs.push_back(Output::Send(self.link.envelope(frame)));
        }
    }

    fn answered(&mut self, now: Time, message: &Message) {
        let Some(correlation) = message.extra.as_ref().and_then(|extra| extra.correlation) else { return };
        match self.pending.remove(&correlation) {
            Some(pending) => {
                self.due.remove(&(pending.due, correlation));
                let note = match pending.backs_off {
                    true => Note::Late,
                    false => Note::Answered(now.since(pending.first_sent)),
                };
                self.outputs.push_back(Output::Note(note));
            }
            None => self.outputs.push_back(Output::Note(Note::Late)),
        }
    }

    /// No answer came in time, or it is time to ask again.
    fn overdue(&mut self, now: Time) {
        while let Some((due, correlation)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, correlation));
            let Some(pending) = self.pending.get_mut(&correlation) else { continue };
            if pending.backs_off {
                (pending.backs_off, pending.due) = (false, now + self.settings.timeout);
                self.sender.push(Arc::new(Message { resent: true, ..(*pending.message).clone() }));
            } else {
                let gave_up = pending.tries >= self.settings.retries.times;
                self.outputs.push_back(Output::Note(Note::TimedOut { gave_up }));
                if gave_up {
                    self.pending.remove(&correlation);
                    continue;
                }
                let backoff = self.settings.retries.backoff.0 << pending.tries.min(DOUBLINGS_MAX);
                pending.tries += 1;
                (pending.backs_off, pending.due) = (true, now + Span(backoff));
            }
            self.due.insert((pending.due, correlation));
        }
    }

    fn hear(&mut self, now: Time, heard: Heard) {
        let was_ready = self.is_ready();
        match heard {
            Heard::Up { credit } => {
                self.sender.up(credit);
                let queue = self.replies.clone();
                for frame in
                    [Frame::Replies { queue: queue.clone() }, Frame::Consume { tag: TAG, queue, prefetch: 0, auto_ack: true }]
                {
                    self.outputs.push_back(Output::Send(self.link.envelope(frame)));
                }
            }
            Heard::Down => {
                self.sender.down();
                self.outputs.push_back(Output::Note(Note::Disconnected));
            }
            Heard::Frame(Frame::Credit { more }) => self.sender.more_credit(more),
            Heard::Frame(Frame::Deliver(delivery)) => self.answered(now, &delivery.message),
            Heard::Frame(_) | Heard::Nothing => {}
        }
        self.overdue(now);
        self.send();
        if !was_ready
            && self.is_ready()
            && let Some(schedule) = &mut self.schedule
        {
            schedule.resume(now);
        }
        self.go_on(now);
    }
}

impl Machine for Requester {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Start => {
                self.schedule = Some(Schedule::new(self.settings.rate.clone(), now, &mut self.seat.rng));
                let open = self.link.open(now);
                self.outputs.push_back(Output::Send(open));
            }
            Input::Envelope(envelope) => self.receive(now, envelope),
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
        let overdue = self.due.first().map(|(due, _)| *due);
        due.into_iter().chain(overdue).chain(self.link.next_wake()).min()
    }
}

impl Requester {
    fn receive(&mut self, now: Time, envelope: Envelope) {
        let heard = self.link.hear(now, envelope);
        self.hear(now, heard);
    }
}
