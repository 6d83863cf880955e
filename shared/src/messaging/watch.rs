//! What somebody sees who looks at a bus: how its nodes and queues are, what is on its way, how all that was so far, and sentences
//! about what happened. It is told of everything by whoever runs the bus, and whether anybody looks changes nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use super::books::Histogram;
use super::client::{Client, ClientKind, Doing, Note};
use super::{BrokerCounters, Bus, Envelope, Frame as BusWord, Node, Overload, QueueCounters, QueueSettings};
use crate::fault::{Act, Effect};
use crate::id::{Incarnation, NodeId};
use crate::time::{Span, Time};
use crate::wire::{
    BUS_LANES_MAX, BUS_PARTS, BusFrame, BusPart, BusTotals, Bytes, ClientNow, Flight, Frame, LATENCY_PARTS, Lane, News,
    QueueNow, Tally, WorkerState, WorkerView,
};

/// Messages on their way that a frame names, at most.
const FLIGHTS_MAX: usize = 48;

/// What a client does whose host stands still.
pub const STANDS_STILL: &str = "stands still";

/// What is told of a node's next life, to which so many messages were kept.
pub fn comes_back(name: &str, kept: usize) -> String {
    match kept {
        0 => format!("{name} is back, and knows nothing of its earlier life."),
        1 => format!("{name} is back, with the one message that its durable queues had kept."),
        _ => format!("{name} is back, with the {kept} messages that its durable queues had kept."),
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Watch {
    run: u32,
    bus: Arc<Bus>,
    news: Vec<News>,
    /// How many of them a frame has told.
    told: usize,
    faults: u32,
    /// Groups whose credit was once used up, and queues that once turned a message away: that is said the first time.
    held_back: Vec<bool>,
    overflowed: Vec<bool>,
    clients: Vec<Seen>,
    /// It is told when its clients were busy and blocked, rather than finding that out from when they turn.
    is_told_of_lanes: bool,
    /// What was ready in each queue, and what all of them had seen, after the last event.
    ready: Vec<u32>,
    totals: BusTotals,
    /// Deliveries so far, and those of them that are not settled.
    delivered: u64,
    unacked: u64,
    /// From publishing to the end of the work, in the parts that are told together.
    latency: Histogram,
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
    delivered: u64,
    unacked: u64,
    latency: Option<[u32; 2]>,
    lanes: Vec<[u64; 3]>,
}

/// How queues and clients are at the moment of a frame.
#[derive(Clone, Debug)]
pub struct Scene {
    queues: Vec<QueueNow>,
    clients: Vec<SceneClient>,
}

#[derive(Clone, Debug)]
pub struct SceneClient {
    pub incarnation: Incarnation,
    /// What it is doing, in words.
    pub doing: String,
}

impl Scene {
    /// Of what each queue of the experiment has counted, in their order, and of every client.
    pub fn new(queues: &[(String, QueueCounters)], clients: Vec<SceneClient>) -> Scene {
        let now = |(_, counted): &(String, QueueCounters)| QueueNow {
            ready: Bytes(counted.ready),
            unacked: Bytes(counted.unacked),
            published: Bytes(counted.published),
            delivered: Bytes(counted.delivered),
            redelivered: Bytes(counted.redelivered),
            acked: Bytes(counted.acked),
            gone: Bytes(gone(counted) + counted.dead_lettered),
        };
        Scene { queues: queues.iter().map(now).collect(), clients }
    }
}

impl Watch {
    /// Of a run, from its beginning.
    pub fn new(run: u32, bus: &Arc<Bus>) -> Watch {
        let seen = Seen { state: WorkerState::Starting, since: Time::ZERO, sent: 0, processed: 0 };
        Watch {
            run,
            news: Vec::new(),
            told: 0,
            faults: 0,
            held_back: vec![false; bus.clients.len()],
            overflowed: vec![false; bus.broker.queues.len()],
            clients: vec![seen; bus.members().len()],
            is_told_of_lanes: false,
            ready: vec![0; bus.broker.queues.len()],
            totals: BusTotals::default(),
            delivered: 0,
            unacked: 0,
            latency: Histogram::default(),
            parts: Vec::new(),
            untold: 0,
            flights: VecDeque::new(),
            from_the_start: true,
            dirty: true,
            bus: bus.clone(),
        }
    }

    /// When its clients are busy and blocked it will be told by [`Watch::lane`].
    pub fn told_of_lanes(self) -> Watch {
        Watch { is_told_of_lanes: true, ..self }
    }

    /// Whether there is anything that no frame has told yet.
    pub fn has_news(&self) -> bool {
        self.dirty
    }

    /// The client is new: the next frame holds everything.
    pub fn repeat(&mut self) {
        (self.from_the_start, self.dirty) = (true, true);
    }

    /// A frame of this moment, with what has changed since the last one.
    pub fn look(&mut self, now: Time, scene: &Scene) -> Frame {
        let whole = std::mem::take(&mut self.from_the_start);
        let (news, from) = if whole { (0, 0) } else { (self.told, self.untold) };
        self.pass(now);
        let frame = Frame { whole, ..self.frame(now, scene, news, from) };
        (self.told, self.untold, self.dirty) = (self.news.len(), self.parts.len().saturating_sub(1), false);
        frame
    }

    /// Everything that can be seen at this moment.
    pub fn whole(&self, now: Time, scene: &Scene) -> Frame {
        let mut watch = self.clone();
        watch.pass(now);
        Frame { whole: true, ..watch.frame(now, scene, 0, 0) }
    }

    /// How many faults have begun.
    pub fn faults(&self) -> u32 {
        self.faults
    }

    /// How many deliveries have been worked on.
    pub fn processed(&self) -> u64 {
        self.clients.iter().map(|client| client.processed).sum()
    }

    fn frame(&self, now: Time, scene: &Scene, news: usize, from: usize) -> Frame {
        let clients = || scene.clients.iter().zip(&self.clients);
        let workers = clients().zip(1..).map(|((client, seen), number)| WorkerView {
            node: NodeId::Worker(number),
            incarnation: client.incarnation,
            state: seen.state,
        });
        let client_now = |(client, seen): (&SceneClient, &Seen)| ClientNow {
            doing: client.doing.clone(),
            sent: Bytes(seen.sent),
            processed: Bytes(seen.processed),
        };
        let flying = self.flights.iter().filter(|flight| flight.arrives > now);
        let bus = BusFrame {
            queues: scene.queues.iter().take(self.ready.len()).copied().collect(),
            clients: clients().map(client_now).collect(),
            totals: self.totals,
            flying: flying.clone().count() as u32,
            flights: flying.take(FLIGHTS_MAX).copied().collect(),
            from: from as u32,
            parts: self.parts[from.min(self.parts.len())..].iter().map(|part| part.told(self.bus.span)).collect(),
        };
        Frame {
            run: self.run,
            now,
            progress: now.0 as f64 / self.bus.span.0.max(1) as f64,
            workers: workers.collect(),
            news: self.news[news..].to_vec(),
            tally: Tally::default(),
            bus: Some(Box::new(bus)),
            ..Frame::default()
        }
    }

    /// What a client is, as soon as that changes.
    pub fn state(&self, place: usize) -> WorkerState {
        self.clients[place].state
    }

    /// A client of this group waits for credit.
    pub fn held_back(&mut self, now: Time, group: usize, name: &str) {
        if !std::mem::replace(&mut self.held_back[group], true) {
            self.say(now, format!("{name} has used up its credit and waits: the broker holds it back."));
        }
    }

    /// The broker has done something, or is no more: what its earlier lives have counted, and what this one has, each queue in its place.
    pub fn broker(
        &mut self,
        now: Time,
        (past, past_queues): &(BrokerCounters, std::collections::BTreeMap<Arc<str>, QueueCounters>),
        alive: Option<(&BrokerCounters, &mut dyn Iterator<Item = &QueueCounters>)>,
    ) {
        self.advance(now);
        let mut totals = BusTotals { processed: self.totals.processed, ..BusTotals::default() };
        (totals.published, totals.gone) = (past.published, past.unroutable);
        past_queues.values().for_each(|queue| add(&mut totals, queue));
        self.ready.fill(0);
        (self.delivered, self.unacked) = (past_queues.values().map(|queue| queue.delivered).sum(), 0);
        if let Some((counters, queues)) = alive {
            totals.published += counters.published;
            totals.gone += counters.unroutable;
            for (place, queue) in queues.enumerate() {
                add(&mut totals, queue);
                self.delivered += queue.delivered;
                self.unacked += queue.unacked;
                let Some(ready) = self.ready.get_mut(place) else { continue };
                *ready = small(queue.ready);
                if queue.dropped + queue.rejected > 0 && !std::mem::replace(&mut self.overflowed[place], true) {
                    let text = overflow(&self.bus.broker.queues[place], queue);
                    self.say(now, text);
                }
            }
        }
        self.count(totals);
    }

    /// A frame is on its way.
    pub fn flight(&mut self, now: Time, envelope: &Envelope, arrives: Time) {
        let again = match &envelope.frame {
            BusWord::Publish { message, .. } => message.resent,
            BusWord::Deliver(delivery) => delivery.redelivered,
            _ => return,
        };
        while self.flights.front().is_some_and(|flight| flight.arrives <= now) {
            self.flights.pop_front();
        }
        self.flights.push_back(Flight { from: envelope.from.0, to: envelope.to.0, again, left: now, arrives });
    }

    /// A client has said something.
    pub fn note(&mut self, now: Time, node: Node, note: &Note) {
        let Some(place) = node.client() else { return };
        match note {
            Note::Sent { .. } => self.clients[place].sent += 1,
            Note::Processed { published, .. } => {
                self.advance(now);
                self.clients[place].processed += 1;
                self.totals.processed += 1;
                self.latency.add(now.since(*published));
                let totals = self.totals;
                if let Some(part) = self.parts.last_mut() {
                    part.totals = totals;
                }
            }
            _ => {}
        }
    }

    /// Something goes wrong on purpose; `held`: deliveries that the client had not acknowledged.
    pub fn fault(&mut self, now: Time, named: &Effect<String>, held: usize) {
        let text = match named {
            Effect::Kill(name) if name == "broker" && self.bus.broker.queues.iter().any(|queue| queue.durable) => {
                "broker is killed: what its durable queues have kept will be there again, all else that it held is lost."
                    .to_owned()
            }
            Effect::Kill(name) if name == "broker" => "broker is killed: every message that it held is lost.".to_owned(),
            Effect::Kill(name) => match held {
                0 => format!("{name} is killed."),
                1 => format!("{name} is killed: the delivery that it had not acknowledged goes back to its queue."),
                held => format!("{name} is killed: {held} deliveries that it had not acknowledged go back to their queue."),
            },
            Effect::Slow { node, factor, .. } => format!("{node} works {factor} times slower."),
            Effect::Pause { node, span } => format!("{node} stands still for {span}."),
            Effect::Message(fault) => {
                let (name, to) = (fault.name(), fault.to.as_deref().unwrap_or("anybody"));
                match &fault.act {
                    Act::Drop => format!("Message {name} is dropped on its way to {to}."),
                    Act::Requeue => format!("Message {name} is not taken by {to}: it goes back to its queue."),
                    Act::Edit(_) => format!("Message {name} is edited on its way to {to}."),
                }
            }
            other => format!("The network has a fault: {}.", other.in_short()),
        };
        self.news.push(News { at: now, text, fault: Some(named.in_short()) });
        self.faults += 1;
        self.dirty = true;
    }

    pub fn say(&mut self, now: Time, text: String) {
        self.news.push(News { at: now, text, fault: None });
        self.dirty = true;
    }

    /// A client was busy and blocked for so many microseconds more of a part of the time.
    pub fn lane(&mut self, now: Time, part: usize, place: usize, busy: u64, blocked: u64) {
        self.advance(now);
        // A frame may have told that part already.
        self.untold = self.untold.min(part);
        if let Some(lane) = self.parts.get_mut(part).and_then(|part| part.lanes.get_mut(place)) {
            (lane[0], lane[1]) = (lane[0] + busy, lane[1] + blocked);
        }
    }

    /// Time has come so far: parts in which nothing happened are as the last one ended.
    fn advance(&mut self, now: Time) {
        self.dirty = true;
        let part = part_of(self.bus.span, now);
        while self.parts.len() <= part {
            let latency = self.latency_so_far();
            if let Some(last) = self.parts.last_mut() {
                last.latency = latency;
            }
            if self.parts.len().is_multiple_of(LATENCY_PARTS) {
                self.latency = Histogram::default();
            }
            self.parts.push(Part {
                depths: self.ready.clone(),
                totals: self.totals,
                delivered: self.delivered,
                unacked: self.unacked,
                latency: None,
                lanes: vec![[0; 3]; self.clients.len().min(BUS_LANES_MAX)],
            });
        }
    }

    fn latency_so_far(&self) -> Option<[u32; 2]> {
        let micros = |share: f64| small(self.latency.quantile(share).0);
        (self.latency.count() > 0).then(|| [micros(0.5), micros(0.99)])
    }

    /// The queues have seen so much by now.
    fn count(&mut self, totals: BusTotals) {
        self.totals = totals;
        let (ready, delivered, unacked) = (&self.ready, self.delivered, self.unacked);
        if let Some(part) = self.parts.last_mut() {
            (part.totals, part.delivered, part.unacked) = (totals, delivered, part.unacked.max(unacked));
            part.depths.iter_mut().zip(ready).for_each(|(depth, ready)| *depth = (*depth).max(*ready));
        }
    }

    /// A client is in this state from now on.
    pub fn turn(&mut self, now: Time, place: usize, state: WorkerState) {
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
            WorkerState::Busy | WorkerState::Blocked if self.is_told_of_lanes => return,
            WorkerState::Busy => 0,
            WorkerState::Blocked => 1,
            WorkerState::Down => 2,
            WorkerState::Starting | WorkerState::Idle => return,
        };
        if place >= BUS_LANES_MAX {
            return;
        }
        for part in part_of(self.bus.span, since)..=part_of(self.bus.span, now) {
            let (first, end) = (start_of(self.bus.span, part).max(since.0), start_of(self.bus.span, part + 1).min(now.0));
            self.parts[part].lanes[place][column] += end.saturating_sub(first);
        }
    }

    /// Brings everything up to this moment.
    fn pass(&mut self, now: Time) {
        self.advance(now);
        (0..self.clients.len()).for_each(|place| self.book(now, place));
        let latency = self.latency_so_far();
        if let Some(last) = self.parts.last_mut() {
            last.latency = latency;
        }
    }
}

impl Part {
    fn told(&self, span: Span) -> BusPart {
        let whole = (span.0 / BUS_PARTS as u64).max(1);
        let share = |micros: u64| (micros.saturating_mul(100)).div_ceil(whole).min(100) as u8;
        BusPart {
            depths: self.depths.clone(),
            published: small(self.totals.published),
            delivered: small(self.delivered),
            processed: small(self.totals.processed),
            gone: small(self.totals.gone),
            unacked: small(self.unacked),
            latency: self.latency,
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

/// The part of the time that a moment is in.
pub fn part_of(span: Span, at: Time) -> usize {
    ((at.0 as u128 * BUS_PARTS as u128 / u128::from(span.0.max(1))) as usize).min(BUS_PARTS - 1)
}

/// When a part begins, in microseconds.
pub fn start_of(span: Span, part: usize) -> u64 {
    (u128::from(span.0) * part as u128).div_ceil(BUS_PARTS as u128) as u64
}

/// What a living client is; `has_opened`: it has opened a connection in its life or before.
pub fn state_of(client: &Client, kind: &ClientKind, has_opened: bool) -> WorkerState {
    let makes = !matches!(kind, ClientKind::Consumer(_));
    match client.doing() {
        Doing::Working => WorkerState::Busy,
        Doing::Waiting if makes && !is_done(client, kind) => WorkerState::Busy,
        Doing::NoCredit | Doing::WindowFull if !is_done(client, kind) => WorkerState::Blocked,
        // It has just been started.
        Doing::Unconnected if !has_opened => WorkerState::Starting,
        Doing::Unconnected => WorkerState::Blocked,
        _ => WorkerState::Idle,
    }
}

/// What a living client is doing.
pub fn in_words(client: &Client, kind: &ClientKind) -> &'static str {
    match (client.doing(), kind) {
        (_, ClientKind::Publisher(_) | ClientKind::Requester(_)) if is_done(client, kind) => "has sent everything",
        (Doing::Unconnected, _) => "has no connection",
        (Doing::NoCredit, _) => "waits for credit",
        (Doing::WindowFull, _) => "waits for confirms",
        (Doing::Working, _) => "at work",
        (Doing::Waiting, ClientKind::Publisher(_)) => "publishes",
        (Doing::Waiting, ClientKind::Requester(_)) => "asks",
        (Doing::Waiting, ClientKind::Consumer(_)) => "waits for a message",
    }
}

/// Whether a client that makes messages has made all.
fn is_done(client: &Client, kind: &ClientKind) -> bool {
    let most = match kind {
        ClientKind::Publisher(settings) => settings.messages,
        ClientKind::Requester(settings) => settings.messages,
        ClientKind::Consumer(_) => None,
    };
    most.is_some_and(|most| client.made() >= most)
}
