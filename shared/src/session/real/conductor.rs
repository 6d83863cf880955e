//! Who lives, what goes wrong when, and what a bus in real time comes to.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::{Birth, BrokerReport, ClientReport, Last, Report, ReportOf, Word};
use crate::experiment::BusExpectation;
use crate::fault::{Act, Effect, Fault, Moment};
use crate::id::Incarnation;
use crate::machine::Machine;
use crate::messaging::books::{Books, Summary};
use crate::messaging::client::Note;
use crate::messaging::durable::Store;
use crate::messaging::watch::{STANDS_STILL, Scene, SceneClient, Watch, comes_back};
use crate::messaging::{Bus, Connection, Counts, Node};
use crate::rng::Rng;
use crate::session::board::FRAME_TICK;
use crate::session::paced::CLOCK_TICK;
use crate::time::{Span, Time};
use crate::wire::{ExpectationResult, Frame, WorkerState};

/// Numbers that a killed client may have given to messages without having reported them.
const NUMBERS_SKIPPED: u64 = 1 << 16;

/// How long nodes have to say what they hold when the time is over.
const HALT_WITHIN: Span = Span::seconds(5);

/// How long after a client was told to live elsewhere its next life begins: what the last one has reported is heard by then.
const MOVES_WITHIN: Span = Span::millis(100);

/// Lives of a node that end, one after the other, before they have said anything: then it cannot be started here.
const STILLBIRTHS_MAX: u32 = 3;

/// Later than any run.
const FOR_EVER: Time = Time(u64::MAX);

/// What is run.
#[derive(Clone, Debug)]
pub struct ConductorSpec {
    pub run: u32,
    pub bus: Arc<Bus>,
    pub seed: u64,
    pub faults: Vec<Fault<Node>>,
    /// When a killed node comes back; `None`: never.
    pub respawn: Option<Span>,
    pub expect: Vec<BusExpectation>,
    /// Bytes of memory that the broker's messages may take.
    pub bytes_max: u64,
}

/// What happens to it. Time counts from the run's beginning.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Start,
    Report(Report),
    /// This life of a node has ended by itself.
    Down {
        node: Node,
        incarnation: Incarnation,
    },
    Fault(Effect<Node>),
    /// A client is to live elsewhere, at a place of this name, or (`None`) where the run is. Its life is ended, and the next one begins
    /// there.
    Move {
        node: Node,
        home: Option<Arc<str>>,
    },
    /// The place that a client lived in is gone, with this life if it was still there. The next one begins where the run is.
    Lost {
        node: Node,
        incarnation: Incarnation,
    },
    /// Its client is new: the next frame holds everything.
    Repeat,
    /// The time is over now.
    End,
}

/// What its driver is to do.
#[derive(Debug)]
pub enum Output {
    /// Begin a life, and a way for frames between it and each of its peers. Each peer is told by a [`Word::Linked`] that follows.
    Spawn(Birth),
    /// End it, really.
    End {
        node: Node,
        incarnation: Incarnation,
    },
    Tell {
        node: Node,
        word: Word,
    },
    Frame(Box<Frame>),
    /// The time is over, and everything is known. An error is a sentence for the user. Nothing comes after it.
    Ended(Result<Box<Ended>, String>),
}

/// What a bus in real time came to.
#[derive(Debug)]
pub struct Ended {
    pub summary: Summary,
    pub expectations: Vec<ExpectationResult>,
    /// How long it ran.
    pub time: Time,
}

/// Why a fault cannot happen here, in a sentence, if it cannot.
pub fn refusal(effect: &Effect<Node>) -> Option<String> {
    let what = match effect {
        Effect::Kill(_) | Effect::Slow { .. } | Effect::Pause { .. } => return None,
        Effect::Edge(_) => "dropped, delayed or repeated",
        Effect::Partition { .. } => "cut off by a partition",
        Effect::RestartCoordinator => return Some("a bus has no coordinator to restart".to_owned()),
        Effect::Message(fault) => match fault.act {
            Act::Drop => "dropped one by one",
            Act::Requeue => "requeued by hand",
            Act::Edit(_) => "edited",
        },
    };
    Some(format!("frames between real clients and their broker cannot be {what}: choose the place `simulate`"))
}

/// See the module.
pub struct Conductor {
    spec: ConductorSpec,
    /// The broker's seat, then the clients'.
    seats: Vec<Seat>,
    books: Books,
    watch: Watch,
    rng: Rng,
    phase: Phase,
    faults: Vec<Fault<Node>>,
    /// What the broker that is alive has counted, as far as it has said so.
    counts: Option<Counts>,
    /// What its durable queues hold: it outlives the broker.
    store: Store,
    last_frame: Time,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Runs,
    Halts { until: Time },
    Ended,
}

/// A node's place.
struct Seat {
    name: Arc<str>,
    /// The group of a client.
    group: usize,
    incarnation: Incarnation,
    up: bool,
    respawn_at: Option<Time>,
    /// Lives that ended before they said anything.
    stillbirths: u32,
    has_spoken: bool,
    /// How many messages it has made, and the highest number of one, as far as is known.
    made: u64,
    highest: u64,
    numbers_from: u64,
    connection: Connection,
    holding: u64,
    doing: String,
    /// What the place is called that it lives in, if that is not where the run is.
    home: Option<Arc<str>>,
    paused_until: Time,
    /// Until when its host is how many times slower, whoever lives on it.
    slows: Vec<(Time, f64)>,
    last: Option<Last>,
}

impl Conductor {
    pub fn new(spec: ConductorSpec) -> Conductor {
        let members = spec.bus.members().into_iter().map(|(_, group, name)| Seat::new(group, name));
        Conductor {
            seats: [Seat::new(0, "broker".into())].into_iter().chain(members).collect(),
            books: Books::new(spec.bus.clone()),
            watch: Watch::new(spec.run, &spec.bus).told_of_lanes(),
            rng: Rng::new(spec.seed),
            phase: Phase::Runs,
            faults: spec.faults.clone(),
            counts: None,
            store: Store::default(),
            last_frame: Time::ZERO,
            outputs: VecDeque::new(),
            spec,
        }
    }

    fn name(&self, node: Node) -> Arc<str> {
        self.seats.get(usize::from(node.0)).map_or_else(|| "".into(), |seat| seat.name.clone())
    }

    fn start(&mut self, now: Time) {
        if !self.spec.bus.links.is_empty() {
            let text = "The latency and the loss of `links` are the simulator's: here frames go as fast as they do.";
            self.watch.say(now, text.to_owned());
        }
        (0..self.seats.len()).for_each(|place| self.spawn(now, place));
    }

    fn spawn(&mut self, now: Time, place: usize) {
        let seed = self.rng.bits();
        let seat = &mut self.seats[place];
        (seat.up, seat.respawn_at, seat.has_spoken) = (true, None, false);
        seat.incarnation += 1;
        seat.doing = "starting".to_owned();
        let (incarnation, name) = (seat.incarnation, seat.name.clone());
        if incarnation > 1 {
            // Counted on from what it has made.
            seat.numbers_from = (seat.highest + NUMBERS_SKIPPED).saturating_sub(seat.made);
        }
        let (made, numbers_from) = (seat.made, seat.numbers_from);
        let node = Node(place as u16);
        let records: Vec<_> = self.store.records().filter(|_| node == Node::BROKER).cloned().collect();
        if incarnation > 1 {
            self.watch.say(now, comes_back(&name, records.len()));
        }
        let peers = self.peers(node);
        self.outputs.push_back(Output::Spawn(Birth {
            node,
            incarnation,
            seed,
            made,
            numbers_from,
            peers: peers.clone(),
            records,
        }));
        self.tell(&peers, &Word::Linked(node));
        self.hinder_again(now, node);
    }

    /// What goes wrong with a host goes on for whoever comes to live on it.
    fn hinder_again(&mut self, now: Time, node: Node) {
        let seat = &mut self.seats[usize::from(node.0)];
        seat.slows.retain(|(until, _)| now < *until);
        let left = |until: Time| (until != FOR_EVER).then(|| until.since(now));
        let slows = seat.slows.iter().map(|(until, factor)| Word::Slow { factor: *factor, span: left(*until) });
        let pause = (now < seat.paused_until).then(|| Word::Pause { span: seat.paused_until.since(now) });
        for word in slows.chain(pause).collect::<Vec<_>>() {
            self.tell(&[node], &word);
        }
    }

    /// Who can be reached from a node.
    fn peers(&self, node: Node) -> Vec<Node> {
        let alive = |node: &Node| self.seats[usize::from(node.0)].up;
        match node {
            Node::BROKER => (1..self.seats.len() as u16).map(Node).filter(alive).collect(),
            _ => [Node::BROKER].into_iter().filter(alive).collect(),
        }
    }

    fn tell(&mut self, nodes: &[Node], word: &Word) {
        self.outputs.extend(nodes.iter().map(|node| Output::Tell { node: *node, word: word.clone() }));
    }

    fn hear(&mut self, now: Time, report: Report) {
        let Report { node, incarnation, of, last, .. } = report;
        let place = usize::from(node.0);
        let Some(seat) = self.seats.get_mut(place).filter(|seat| incarnation <= seat.incarnation) else { return };
        let lives = seat.up && seat.incarnation == incarnation;
        if lives {
            (seat.has_spoken, seat.stillbirths) = (true, 0);
            seat.last = last.or(seat.last.take());
        }
        match of {
            ReportOf::Broker(said) if lives => self.hear_broker(now, said),
            // What it held was counted as lost when it ended.
            ReportOf::Broker(_) => {}
            ReportOf::Client(said) => self.hear_client(now, node, said, lives),
        }
        self.end_if_all_have(now);
    }

    fn hear_broker(&mut self, now: Time, said: BrokerReport) {
        let queues = &mut said.counts.queues.iter().map(|(_, counters)| counters);
        self.watch.broker(now, self.books.past(), Some((&said.counts.broker, queues)));
        self.counts = Some(said.counts);
        if let Some((changes, last)) = said.changes {
            self.store.apply(changes);
            self.tell(&[Node::BROKER], &Word::Kept(last));
        }
        if let Some(broken) = said.broken {
            self.fail(format!("the broker has broken a rule, which is a fault of Millrace: {broken}"));
        } else if said.bytes > self.spec.bytes_max {
            let most = self.spec.bytes_max >> 20;
            self.fail(format!("the broker's messages take more than {most} MiB, the bound here: bound its queues"));
        }
    }

    /// Of a life that is over only what it has done counts.
    fn hear_client(&mut self, now: Time, node: Node, said: ClientReport, lives: bool) {
        let place = usize::from(node.0);
        let group = self.seats[place].group;
        for (part, busy, blocked) in said.lanes {
            self.watch.lane(now, part as usize, place - 1, busy, blocked);
        }
        for (at, note) in said.notes {
            if let Note::Processed { id, .. } | Note::Skipped { id } = &note
                && let Some(publisher) = self.seats.get_mut(usize::from(id.publisher.0))
            {
                publisher.highest = publisher.highest.max(id.number);
            }
            self.watch.note(at, node, &note);
            self.books.note(at, node, group, note);
        }
        let seat = &mut self.seats[place];
        if lives {
            seat.highest = seat.highest.max(seat.numbers_from + said.made);
        }
        seat.made = seat.made.max(said.made);
        if !lives {
            return;
        }
        (seat.connection, seat.holding, seat.doing) = (said.connection, said.holding, said.doing);
        let name = seat.name.clone();
        self.watch.turn(now, place - 1, said.state);
        if said.state == WorkerState::Blocked && said.has_no_credit {
            self.watch.held_back(now, group, &name);
        }
    }

    /// A node's life has ended. Its peers hear of it, and the next one begins after a while.
    fn away(&mut self, now: Time, node: Node) {
        let place = usize::from(node.0);
        let respawn = self.spec.respawn.filter(|_| self.phase == Phase::Runs);
        let seat = &mut self.seats[place];
        seat.up = false;
        seat.respawn_at = respawn.map(|span| now + span);
        seat.doing = if respawn.is_some() { "down, coming back" } else { "down" }.to_owned();
        let (group, holding) = (seat.group, std::mem::take(&mut seat.holding));
        if node == Node::BROKER {
            if let Some(counts) = self.counts.take() {
                self.books.bury_broker(&counts, &self.store);
            }
            self.watch.broker(now, self.books.past(), None);
        } else {
            self.books.bury_client(group, holding);
            self.watch.turn(now, place - 1, WorkerState::Down);
        }
        let peers = self.peers(node);
        self.tell(&peers, &Word::Gone(node));
        self.end_if_all_have(now);
    }

    fn down(&mut self, now: Time, node: Node, incarnation: Incarnation) {
        let place = usize::from(node.0);
        let Some(seat) = self.seats.get_mut(place).filter(|seat| seat.up && seat.incarnation == incarnation) else { return };
        let name = seat.name.clone();
        if !seat.has_spoken {
            seat.stillbirths += 1;
            if seat.stillbirths >= STILLBIRTHS_MAX {
                let text = format!("{name} ended {STILLBIRTHS_MAX} times before it could begin: nodes cannot be started here");
                return self.fail(text);
            }
        }
        self.watch.say(now, format!("{name} crashed."));
        self.away(now, node);
    }

    fn effect(&mut self, now: Time, effect: &Effect<Node>) {
        let named = effect.clone().map(|node| self.name(node).to_string());
        let on = match effect {
            Effect::Kill(node) | Effect::Slow { node, .. } | Effect::Pause { node, .. } => *node,
            // Refused before.
            Effect::Edge(_) | Effect::Partition { .. } | Effect::RestartCoordinator | Effect::Message(_) => return,
        };
        let Some(seat) = self.seats.get_mut(usize::from(on.0)).filter(|seat| seat.up) else { return };
        let incarnation = seat.incarnation;
        match effect {
            Effect::Pause { span, .. } => seat.paused_until = seat.paused_until.max(now + *span),
            Effect::Slow { factor, span, .. } => seat.slows.push((span.map_or(FOR_EVER, |span| now + span), *factor)),
            _ => {}
        }
        self.watch.fault(now, &named, 0);
        match effect {
            Effect::Slow { factor, span, .. } => self.tell(&[on], &Word::Slow { factor: *factor, span: *span }),
            Effect::Pause { span, .. } => self.tell(&[on], &Word::Pause { span: *span }),
            _ => {
                self.outputs.push_back(Output::End { node: on, incarnation });
                self.away(now, on);
            }
        }
    }

    /// A client's life is ended, and its next one begins elsewhere.
    fn move_to(&mut self, now: Time, node: Node, home: Option<Arc<str>>) {
        let Some(seat) = self.seats.get_mut(usize::from(node.0)).filter(|_| node != Node::BROKER) else { return };
        if seat.home == home && seat.up {
            return;
        }
        let where_to = home.as_ref().map_or_else(|| "back to where the run is".to_owned(), |home| format!("to {home}"));
        let text = format!("{} moves {where_to}: what it had not acknowledged goes back to its queue.", seat.name);
        (seat.home, seat.stillbirths) = (home, 0);
        let (up, incarnation) = (seat.up, seat.incarnation);
        self.watch.say(now, text);
        if up {
            self.outputs.push_back(Output::End { node, incarnation });
            self.away(now, node);
        }
        self.seats[usize::from(node.0)].respawn_at = Some(now + MOVES_WITHIN);
    }

    fn lost(&mut self, now: Time, node: Node, incarnation: Incarnation) {
        let Some(seat) = self.seats.get_mut(usize::from(node.0)) else { return };
        let Some(home) = seat.home.take() else { return };
        let (lived, name) = (seat.up && seat.incarnation == incarnation, seat.name.clone());
        self.watch.say(now, format!("{home} is gone, and {name} with it."));
        if lived {
            self.away(now, node);
        }
    }

    /// Everything that is due.
    fn due(&mut self, now: Time) {
        match self.phase {
            Phase::Ended => return,
            Phase::Halts { until } if now >= until => {
                let late = self.seats.iter().filter(|seat| seat.up && seat.last.is_none()).map(|seat| &*seat.name);
                let late: Vec<_> = late.collect();
                return self.fail(format!("the time is over, and {} did not say what it holds", late.join(", ")));
            }
            Phase::Halts { .. } => {}
            Phase::Runs if now >= self.end() => self.halt(now),
            Phase::Runs => {
                let span = self.spec.bus.span;
                while let Some(at) = self.faults.iter().position(|fault| moment(fault, span) <= now) {
                    let fault = self.faults.remove(at);
                    self.effect(now, &fault.effect);
                }
                for place in 0..self.seats.len() {
                    if self.seats[place].respawn_at.is_some_and(|at| at <= now) {
                        self.spawn(now, place);
                    }
                }
            }
        }
        self.tell_how_it_is(now);
    }

    fn tell_how_it_is(&mut self, now: Time) {
        if self.phase != Phase::Ended && self.next_frame() <= now {
            self.last_frame = now;
            let frame = self.frame(now);
            self.outputs.push_back(Output::Frame(Box::new(frame)));
        }
    }

    fn next_frame(&self) -> Time {
        self.last_frame + if self.watch.has_news() { FRAME_TICK } else { CLOCK_TICK }
    }

    fn frame(&mut self, now: Time) -> Frame {
        let scene = self.scene(now);
        self.watch.look(now.min(self.end()), &scene)
    }

    fn scene(&self, now: Time) -> Scene {
        let (_, queues) = self.books.counted(self.counts.as_ref());
        let client = |seat: &Seat| SceneClient {
            incarnation: seat.incarnation,
            doing: {
                let doing = if seat.up && now < seat.paused_until { STANDS_STILL } else { &seat.doing };
                seat.home.as_ref().map_or_else(|| doing.to_owned(), |home| format!("in {home}: {doing}"))
            },
        };
        Scene::new(&queues, self.seats[1..].iter().map(client).collect())
    }

    fn end(&self) -> Time {
        Time::ZERO + self.spec.bus.span
    }

    /// The time is over: everybody stands still and says what there is.
    fn halt(&mut self, now: Time) {
        self.phase = Phase::Halts { until: now + HALT_WITHIN };
        self.seats.iter_mut().for_each(|seat| seat.respawn_at = None);
        let alive: BTreeSet<Node> =
            (0..self.seats.len() as u16).map(Node).filter(|node| self.seats[usize::from(node.0)].up).collect();
        self.tell(&alive.into_iter().collect::<Vec<_>>(), &Word::Halt);
        self.end_if_all_have(now);
    }

    fn end_if_all_have(&mut self, now: Time) {
        let waits = |seat: &Seat| seat.up && seat.last.is_none();
        if !matches!(self.phase, Phase::Halts { .. }) || self.seats.iter().any(waits) {
            return;
        }
        for place in 0..self.seats.len() {
            let Some(Last { held, on_the_way }) = self.seats[place].last.take() else { continue };
            held.into_iter().for_each(|id| self.books.find(id));
            let lives = |(client, connection, id)| {
                let seat: &Seat = self.seats.get(Node::client(client)? + 1)?;
                (seat.up && seat.connection == connection).then_some(id)
            };
            let found: Vec<_> = on_the_way.into_iter().filter_map(lives).collect();
            found.into_iter().for_each(|id| self.books.find(id));
        }
        self.store.records().for_each(|record| self.books.find(record.message.id));
        let frame = self.frame(now);
        self.outputs.push_back(Output::Frame(Box::new(frame)));
        let summary = self.books.summary(self.counts.as_ref());
        let expectations = self.spec.expect.iter().map(|expectation| summary.judge(expectation)).collect();
        self.outputs.push_back(Output::Ended(Ok(Box::new(Ended { summary, expectations, time: now.min(self.end()) }))));
        self.phase = Phase::Ended;
    }

    fn fail(&mut self, sentence: String) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Ended;
            self.outputs.push_back(Output::Ended(Err(sentence)));
        }
    }
}

fn moment(fault: &Fault<Node>, span: Span) -> Time {
    match fault.at {
        Moment::Time(at) => at,
        Moment::Progress(share) => Time::ZERO + span.scaled(share),
    }
}

impl Seat {
    fn new(group: usize, name: Arc<str>) -> Seat {
        Seat {
            name,
            group,
            incarnation: 0,
            up: false,
            respawn_at: None,
            stillbirths: 0,
            has_spoken: false,
            made: 0,
            highest: 0,
            numbers_from: 0,
            connection: 0,
            holding: 0,
            doing: String::new(),
            home: None,
            paused_until: Time::ZERO,
            slows: Vec::new(),
            last: None,
        }
    }
}

impl Machine for Conductor {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        if self.phase == Phase::Ended {
            return;
        }
        match input {
            Input::Start => self.start(now),
            Input::Report(report) => self.hear(now, report),
            Input::Down { node, incarnation } => self.down(now, node, incarnation),
            Input::Fault(effect) if self.phase == Phase::Runs => self.effect(now, &effect),
            Input::Move { node, home } if self.phase == Phase::Runs => self.move_to(now, node, home),
            Input::Fault(_) | Input::Move { .. } => {}
            Input::Lost { node, incarnation } => self.lost(now, node, incarnation),
            Input::Repeat => self.watch.repeat(),
            Input::End if self.phase == Phase::Runs => self.halt(now),
            Input::End => {}
        }
        self.due(now);
    }

    fn wake(&mut self, now: Time) {
        if self.phase != Phase::Ended {
            self.due(now);
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        let phase = match self.phase {
            Phase::Ended => return None,
            Phase::Halts { until } => until,
            Phase::Runs => self.end(),
        };
        let faults = self.faults.iter().map(|fault| moment(fault, self.spec.bus.span)).filter(|_| self.phase == Phase::Runs);
        let respawns = self.seats.iter().filter_map(|seat| seat.respawn_at);
        faults.chain(respawns).chain([phase, self.next_frame()]).min()
    }
}
