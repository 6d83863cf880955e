//! What somebody sees who looks at a simulated bus: how its nodes and queues are, what is on its way, how all that was so far, and
//! sentences about what happened. Whether anybody looks changes nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{BusSimulation, Machinery, Seat};
use crate::fault::Effect;
use crate::id::NodeId;
use crate::messaging::client::{ClientKind, Doing, Note};
use crate::messaging::{self, Envelope, Node, Overload, QueueCounters, QueueSettings};
use crate::time::{Span, Time};
use crate::wire::{
    BUS_LANES_MAX, BUS_PARTS, BusFrame, BusPart, BusTotals, Bytes, ClientNow, Flight, Frame, Lane, News, QueueNow, Tally,
    WorkerState, WorkerView,
};

/// Messages on their way that a frame names, at most.
const FLIGHTS_MAX: usize = 48;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    run: u32,
    span: Span,
    news: Vec<News>,
    /// How many of them a frame has told.
    told: usize,
    faults: u32,
    /// Groups whose credit was once used up, and queues that once turned a message away: that is said the first time.
    held_back: Vec<bool>,
    overflowed: Vec<bool>,
    clients: Vec<Seen>,
    /// What was ready in each queue, and what all of them had seen, after the last event.
    ready: Vec<u32>,
    totals: BusTotals,
    parts: Vec<Part>,
    /// The first part that the next frame tells.
    untold: usize,
    flights: VecDeque<Flight>,
    from_the_start: bool,
    dirty: bool,
}

/// A client so far.
#[derive(Clone, Copy, Debug)]
struct Seen {
    state: WorkerState,
    since: Time,
    sent: u64,
    processed: u64,
}

/// A part of the time; of each lane the microseconds that its client was busy, blocked and down.
#[derive(Clone, Debug, Default)]
struct Part {
    depths: Vec<u32>,
    totals: BusTotals,
    lanes: Vec<[u32; 3]>,
}

impl BusSimulation {
    /// From now on, which is its beginning, it can be looked at as this run.
    pub fn watched(mut self, run: u32) -> BusSimulation {
        let seen = Seen { state: WorkerState::Starting, since: Time::ZERO, sent: 0, processed: 0 };
        self.watch = Some(Box::new(Watch {
            run,
            span: self.spec.bus.span,
            news: Vec::new(),
            told: 0,
            faults: 0,
            held_back: vec![false; self.spec.bus.clients.len()],
            overflowed: vec![false; self.spec.bus.broker.queues.len()],
            clients: vec![seen; self.hosts.len() - 1],
            ready: vec![0; self.spec.bus.broker.queues.len()],
            totals: BusTotals::default(),
            parts: Vec::new(),
            untold: 0,
            flights: VecDeque::new(),
            from_the_start: true,
            dirty: true,
        }));
        self
    }

    /// Whether there is anything that no frame has told yet.
    pub fn has_news(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.dirty)
    }

    /// The client is new: the next frame holds everything.
    pub fn repeat(&mut self) {
        if let Some(watch) = &mut self.watch {
            (watch.from_the_start, watch.dirty) = (true, true);
        }
    }

    /// A frame of this moment, with what has changed since the last one.
    pub fn look(&mut self) -> Frame {
        let Some(mut watch) = self.watch.take() else { return Frame::default() };
        let whole = std::mem::take(&mut watch.from_the_start);
        let (news, from) = if whole { (0, 0) } else { (watch.told, watch.untold) };
        watch.pass(self.now);
        let frame = Frame { whole, ..self.frame(&watch, news, from) };
        (watch.told, watch.untold, watch.dirty) = (watch.news.len(), watch.parts.len().saturating_sub(1), false);
        self.watch = Some(watch);
        frame
    }

    /// Everything that can be seen at this moment.
    pub fn whole(&self) -> Frame {
        let Some(watch) = &self.watch else { return Frame::default() };
        let mut watch = watch.clone();
        watch.pass(self.now);
        Frame { whole: true, ..self.frame(&watch, 0, 0) }
    }

    /// How many faults have begun.
    pub fn faults(&self) -> u32 {
        self.begun.iter().map(|begun| u32::from(*begun)).sum()
    }

    /// How many deliveries have been worked on, by clients that are watched.
    pub fn processed(&self) -> u64 {
        self.watch.as_ref().map_or(0, |watch| watch.clients.iter().map(|client| client.processed).sum())
    }

    fn frame(&self, watch: &Watch, news: usize, from: usize) -> Frame {
        let workers = self.hosts[1..].iter().zip(&watch.clients).zip(1..);
        let workers = workers.map(|((seat, seen), number)| WorkerView {
            node: NodeId::Worker(number),
            incarnation: seat.host.incarnation,
            state: seen.state,
        });
        let flying = watch.flights.iter().filter(|flight| flight.arrives > self.now);
        let bus = BusFrame {
            queues: self.queues_now(),
            clients: self.hosts[1..].iter().zip(&watch.clients).map(|(seat, seen)| self.client_now(seat, seen)).collect(),
            totals: watch.totals,
            flying: flying.clone().count() as u32,
            flights: flying.take(FLIGHTS_MAX).copied().collect(),
            from: from as u32,
            parts: watch.parts[from.min(watch.parts.len())..].iter().map(|part| part.told(watch.span)).collect(),
        };
        Frame {
            run: watch.run,
            now: self.now,
            progress: self.now.0 as f64 / watch.span.0.max(1) as f64,
            workers: workers.collect(),
            news: watch.news[news..].to_vec(),
            tally: Tally::default(),
            bus: Some(Box::new(bus)),
            ..Frame::default()
        }
    }

    fn queues_now(&self) -> Vec<QueueNow> {
        let (_, queues) = self.books.counted(self.broker());
        let now = |(_, counted): &(String, QueueCounters)| QueueNow {
            ready: Bytes(counted.ready),
            unacked: Bytes(counted.unacked),
            published: Bytes(counted.published),
            delivered: Bytes(counted.delivered),
            redelivered: Bytes(counted.redelivered),
            acked: Bytes(counted.acked),
            gone: Bytes(gone(counted) + counted.dead_lettered),
        };
        queues.iter().take(self.spec.bus.broker.queues.len()).map(now).collect()
    }

    fn client_now(&self, seat: &Seat, seen: &Seen) -> ClientNow {
        let doing = match &seat.host.worker {
            _ if seat.host.paused(self.now).is_some() => "stands still",
            Some(Machinery::Client(client)) => {
                in_words(client.doing(), &self.spec.bus.clients[seat.group].kind, self.is_done(seat))
            }
            _ if seen.state == WorkerState::Starting => "starting",
            _ if self.spec.respawn.is_some() => "down, coming back",
            _ => "down",
        };
        ClientNow { doing: doing.to_owned(), sent: Bytes(seen.sent), processed: Bytes(seen.processed) }
    }

    /// Whether a client that makes messages has made all.
    fn is_done(&self, seat: &Seat) -> bool {
        let Some(Machinery::Client(client)) = &seat.host.worker else { return false };
        let most = match &self.spec.bus.clients[seat.group].kind {
            ClientKind::Publisher(settings) => settings.messages,
            ClientKind::Requester(settings) => settings.messages,
            ClientKind::Consumer(_) => None,
        };
        most.is_some_and(|most| client.made() >= most)
    }

    /// A client has done something, or something was done to it.
    pub(super) fn watch_client(&mut self, node: Node) {
        let Some(place) = node.client().filter(|_| self.watch.is_some()) else { return };
        let seat = &self.hosts[place + 1];
        let state = match &seat.host.worker {
            Some(Machinery::Client(client)) => {
                let makes = !matches!(self.spec.bus.clients[seat.group].kind, ClientKind::Consumer(_));
                match client.doing() {
                    Doing::Working => WorkerState::Busy,
                    Doing::Waiting if makes && !self.is_done(seat) => WorkerState::Busy,
                    Doing::NoCredit | Doing::WindowFull if !self.is_done(seat) => WorkerState::Blocked,
                    // It has just been started.
                    Doing::Unconnected if seat.connection == 0 => WorkerState::Starting,
                    Doing::Unconnected => WorkerState::Blocked,
                    _ => WorkerState::Idle,
                }
            }
            _ => WorkerState::Down,
        };
        let no_credit = matches!(&seat.host.worker, Some(Machinery::Client(client)) if client.doing() == Doing::NoCredit);
        let (name, group, now) = (seat.name.clone(), seat.group, self.now);
        let Some(watch) = &mut self.watch else { return };
        watch.turn(now, place, state);
        if no_credit && state == WorkerState::Blocked && !std::mem::replace(&mut watch.held_back[group], true) {
            watch.say(now, format!("{name} has used up its credit and waits: the broker holds it back."));
        }
    }

    /// The broker has done something.
    pub(super) fn watch_broker(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        watch.advance(self.now);
        let (broker, queues) = self.books.past();
        let mut totals = BusTotals { processed: watch.totals.processed, ..BusTotals::default() };
        (totals.published, totals.gone) = (broker.published, broker.unroutable);
        queues.values().for_each(|queue| add(&mut totals, queue));
        watch.ready.fill(0);
        if let Some(Machinery::Broker(broker)) = &self.hosts[0].host.worker {
            totals.published += broker.counters().published;
            totals.gone += broker.counters().unroutable;
            for (place, (_, queue)) in broker.queues().enumerate() {
                add(&mut totals, queue);
                let Some(ready) = watch.ready.get_mut(place) else { continue };
                *ready = small(queue.ready);
                let settings = &self.spec.bus.broker.queues[place];
                if queue.dropped + queue.rejected > 0 && !std::mem::replace(&mut watch.overflowed[place], true) {
                    watch.say(self.now, overflow(settings, queue));
                }
            }
        }
        watch.count(totals);
    }

    /// A frame is on its way.
    pub(super) fn watch_flight(&mut self, envelope: &Envelope, arrives: Time) {
        let Some(watch) = &mut self.watch else { return };
        let again = match &envelope.frame {
            messaging::Frame::Publish { message, .. } => message.resent,
            messaging::Frame::Deliver(delivery) => delivery.redelivered,
            _ => return,
        };
        let now = self.now;
        while watch.flights.front().is_some_and(|flight| flight.arrives <= now) {
            watch.flights.pop_front();
        }
        watch.flights.push_back(Flight { from: envelope.from.0, to: envelope.to.0, again, left: now, arrives });
    }

    /// A client has said something.
    pub(super) fn watch_note(&mut self, node: Node, note: &Note) {
        let now = self.now;
        let Some((watch, place)) = self.watch.as_mut().zip(node.client()) else { return };
        match note {
            Note::Sent { .. } => watch.clients[place].sent += 1,
            Note::Processed { .. } => {
                watch.advance(now);
                watch.clients[place].processed += 1;
                watch.totals.processed += 1;
                let totals = watch.totals;
                if let Some(part) = watch.parts.last_mut() {
                    part.totals = totals;
                }
            }
            _ => {}
        }
    }

    pub(super) fn watch_fault(&mut self, effect: &Effect<Node>) {
        if self.watch.is_none() {
            return;
        }
        let named = effect.clone().map(|node| self.name(node));
        let held = match (effect, &self.hosts[0].host.worker) {
            (Effect::Kill(node), Some(Machinery::Broker(broker))) if *node != Node::BROKER => broker.unacked_by(*node),
            _ => 0,
        };
        let text = match &named {
            Effect::Kill(name) if name == "broker" => "broker is killed: every message that it held is lost.".to_owned(),
            Effect::Kill(name) => match held {
                0 => format!("{name} is killed."),
                1 => format!("{name} is killed: the delivery that it had not acknowledged goes back to its queue."),
                held => format!("{name} is killed: {held} deliveries that it had not acknowledged go back to their queue."),
            },
            Effect::Slow { node, factor, .. } => format!("{node} works {factor} times slower."),
            Effect::Pause { node, span } => format!("{node} stands still for {span}."),
            other => format!("The network has a fault: {}.", other.in_short()),
        };
        let (now, fault) = (self.now, Some(named.in_short()));
        if let Some(watch) = &mut self.watch {
            watch.news.push(News { at: now, text, fault });
            watch.faults += 1;
            watch.dirty = true;
        }
    }

    pub(super) fn watch_say(&mut self, text: impl FnOnce(Arc<str>) -> String, node: Node) {
        let (now, name) = (self.now, self.hosts[usize::from(node.0)].name.clone());
        if let Some(watch) = &mut self.watch {
            watch.say(now, text(name));
        }
    }
}

impl Watch {
    fn say(&mut self, now: Time, text: String) {
        self.news.push(News { at: now, text, fault: None });
        self.dirty = true;
    }

    fn part_of(&self, at: Time) -> usize {
        ((at.0 as u128 * BUS_PARTS as u128 / u128::from(self.span.0.max(1))) as usize).min(BUS_PARTS - 1)
    }

    fn start_of(&self, part: usize) -> u64 {
        (u128::from(self.span.0) * part as u128).div_ceil(BUS_PARTS as u128) as u64
    }

    /// Time has come so far: parts in which nothing happened are as the last one ended.
    fn advance(&mut self, now: Time) {
        self.dirty = true;
        let part = self.part_of(now);
        while self.parts.len() <= part {
            let lanes = vec![[0; 3]; self.clients.len().min(BUS_LANES_MAX)];
            self.parts.push(Part { depths: self.ready.clone(), totals: self.totals, lanes });
        }
    }

    /// The queues have seen so much by now.
    fn count(&mut self, totals: BusTotals) {
        self.totals = totals;
        let ready = &self.ready;
        if let Some(part) = self.parts.last_mut() {
            part.totals = totals;
            part.depths.iter_mut().zip(ready).for_each(|(depth, ready)| *depth = (*depth).max(*ready));
        }
    }

    /// A client is in this state from now on.
    fn turn(&mut self, now: Time, place: usize, state: WorkerState) {
        if self.clients[place].state == state {
            return;
        }
        self.advance(now);
        self.book(now, place);
        self.clients[place].state = state;
    }

    /// Books what a client has been since it was last booked.
    fn book(&mut self, now: Time, place: usize) {
        let Seen { state, since, .. } = self.clients[place];
        self.clients[place].since = now;
        let column = match state {
            WorkerState::Busy => 0,
            WorkerState::Blocked => 1,
            WorkerState::Down => 2,
            WorkerState::Starting | WorkerState::Idle => return,
        };
        if place >= BUS_LANES_MAX {
            return;
        }
        for part in self.part_of(since)..=self.part_of(now) {
            let (first, end) = (self.start_of(part).max(since.0), self.start_of(part + 1).min(now.0));
            self.parts[part].lanes[place][column] += end.saturating_sub(first) as u32;
        }
    }

    /// Brings everything up to this moment.
    fn pass(&mut self, now: Time) {
        self.advance(now);
        (0..self.clients.len()).for_each(|place| self.book(now, place));
    }
}

impl Part {
    fn told(&self, span: Span) -> BusPart {
        let whole = (span.0 / BUS_PARTS as u64).max(1);
        let share = |micros: u32| (u64::from(micros) * 100).div_ceil(whole).min(100) as u8;
        BusPart {
            depths: self.depths.clone(),
            published: small(self.totals.published),
            processed: small(self.totals.processed),
            gone: small(self.totals.gone),
            lanes: self.lanes.iter().map(|[busy, blocked, down]| Lane(share(*busy), share(*blocked), share(*down))).collect(),
        }
    }
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn add(totals: &mut BusTotals, queue: &QueueCounters) {
    totals.redelivered += queue.redelivered;
    totals.gone += gone(queue);
    totals.ready += queue.ready;
}

/// What is said when a queue does not keep a message for the first time.
fn overflow(settings: &QueueSettings, counted: &QueueCounters) -> String {
    let name = &settings.name;
    let is_full = settings.max_bytes.is_some() || settings.max_messages.is_some_and(|most| counted.depth >= most);
    match settings.overload {
        _ if !is_full => format!("A consumer of {name} did not want a message."),
        Overload::DropOldest => format!("{name} is full: the oldest messages make room for new ones."),
        Overload::DropNewest | Overload::Reject => format!("{name} is full: newcomers are turned away."),
        Overload::Sample(_) => format!("{name} is full: a sample of the newcomers is let in."),
        Overload::Buffer | Overload::Block => format!("{name} turned a message away."),
    }
}

/// Messages that a queue was given and that nobody will get.
fn gone(queue: &QueueCounters) -> u64 {
    queue.dropped + queue.rejected + queue.expired + queue.lost
}

fn in_words(doing: Doing, kind: &ClientKind, is_done: bool) -> &'static str {
    match (doing, kind) {
        (_, ClientKind::Publisher(_) | ClientKind::Requester(_)) if is_done => "has sent everything",
        (Doing::Unconnected, _) => "has no connection",
        (Doing::NoCredit, _) => "waits for credit",
        (Doing::WindowFull, _) => "waits for confirms",
        (Doing::Working, _) => "at work",
        (Doing::Waiting, ClientKind::Publisher(_)) => "publishes",
        (Doing::Waiting, ClientKind::Requester(_)) => "asks",
        (Doing::Waiting, ClientKind::Consumer(_)) => "waits for a message",
    }
}
