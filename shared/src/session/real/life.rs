//! One life of a node in real time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::lanes::Lanes;
use super::{Birth, BrokerReport, ClientReport, Last, Report, ReportOf, Word};
use crate::machine::Machine;
use crate::messaging::books::Deliveries;
use crate::messaging::broker::Broker;
use crate::messaging::client::{self, Client, ClientSettings, Doing, Note};
use crate::messaging::durable::{Change, Record};
use crate::messaging::watch;
use crate::messaging::{BrokerSettings, Bus, Connection, Envelope, Frame, MessageId, Node};
use crate::rng::Rng;
use crate::sim::messaging::{Computing, Host};
use crate::time::Time;
use crate::wire::WorkerState;

/// What happens to a life.
#[derive(Clone, Debug, PartialEq)]
pub enum LifeInput {
    Start,
    /// From a peer.
    Frame(Envelope),
    /// The peer has halted, and nothing comes behind this.
    Mark(Node),
    Word(Word),
}

/// What its driver is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum LifeOutput {
    Send(Envelope),
    /// To the peer, behind everything that was sent to it.
    Mark(Node),
    /// To the conductor, before anything that follows.
    Report(Box<Report>),
    /// A message was too much for it: its process ends, once it was asked for a report.
    Crash,
}

/// See the module. Besides what a machine has, it is asked for a [`Life::report`] now and then.
pub struct Life {
    node: Node,
    /// Of a client.
    settings: Option<ClientSettings>,
    host: Host<Machinery, ()>,
    /// Frames that came while it stood still, and answers of peers that are gone.
    inbox: VecDeque<Envelope>,
    peers: BTreeSet<Node>,
    /// The connection that each client opened last, its own if it is one.
    connections: BTreeMap<Node, Connection>,
    /// When a fault of its host is over.
    changes: BTreeSet<Time>,
    heard: Time,
    lanes: Lanes,
    notes: Vec<(Time, Note)>,
    deliveries: Deliveries,
    broken: Option<String>,
    /// Something has not been reported.
    dirty: bool,
    /// It has worked on something, which is reported before it is acknowledged: else a kill in between would make it a loss.
    owes_report: bool,
    halted: bool,
    /// Peers that have halted.
    marks: BTreeSet<Node>,
    on_the_way: Vec<(Node, Connection, MessageId)>,
    /// Of a broker with durable queues that has not begun.
    durable: Option<BrokerSettings>,
    /// Of the broker: what was kept of earlier lives, what is to be kept, with the number of the last change, and up to which it is.
    records: Vec<Record>,
    to_keep: Option<(Vec<Change>, u64)>,
    kept: Option<u64>,
    /// The last report was given.
    has_ended: bool,
    outputs: VecDeque<LifeOutput>,
}

enum Machinery {
    Broker(Box<Broker>),
    Client(Box<Client>),
}

impl Life {
    pub fn new(bus: &Arc<Bus>, birth: Birth) -> Life {
        let Birth { node, incarnation, seed, made, numbers_from, peers, records } = birth;
        let member = bus.members().into_iter().find(|(member, _, _)| *member == node);
        let settings = member.as_ref().map(|(_, group, _)| bus.clients[*group].clone());
        let machine = match (&settings, member) {
            (Some(settings), Some((_, _, name))) => {
                let seat = client::Seat {
                    node,
                    incarnation,
                    rng: Rng::new(seed),
                    until: Time::ZERO + bus.span,
                    heartbeats: bus.broker.heartbeats,
                    name,
                    made,
                    numbers_from,
                };
                Machinery::Client(Box::new(Client::new(settings, seat)))
            }
            _ => Machinery::Broker(Box::new(Broker::new(&BrokerSettings { seed, ..bus.broker.clone() }))),
        };
        let is_durable = node == Node::BROKER && bus.broker.queues.iter().any(|queue| queue.durable);
        let durable = is_durable.then(|| BrokerSettings { seed, ..bus.broker.clone() });
        let mut host = Host::new();
        (host.incarnation, host.worker) = (incarnation, Some(machine));
        Life {
            node,
            settings,
            host,
            inbox: VecDeque::new(),
            peers: peers.into_iter().collect(),
            connections: BTreeMap::new(),
            changes: BTreeSet::new(),
            heard: Time::ZERO,
            lanes: Lanes::new(bus.span),
            notes: Vec::new(),
            deliveries: Deliveries::new(bus.broker.queues.len()),
            broken: None,
            dirty: true,
            owes_report: false,
            halted: false,
            marks: BTreeSet::new(),
            on_the_way: Vec::new(),
            durable,
            records,
            to_keep: None,
            kept: None,
            has_ended: false,
            outputs: VecDeque::new(),
        }
    }

    /// Whether there is anything to report.
    pub fn has_news(&self) -> bool {
        let goes_on = !self.halted && matches!(self.lanes.state(), WorkerState::Busy | WorkerState::Blocked);
        self.dirty || goes_on || self.ends()
    }

    /// Whether it was told to halt, its peers have halted too, and it has not said what there is.
    fn ends(&self) -> bool {
        self.halted && !self.has_ended && self.peers.is_subset(&self.marks)
    }

    /// What it has done since it was last asked, if there is anything to say.
    pub fn report(&mut self, now: Time) -> Option<Report> {
        if !self.has_news() {
            return None;
        }
        let ends = self.ends();
        (self.dirty, self.owes_report) = (false, false);
        self.has_ended |= ends;
        let last = ends.then(|| self.last());
        let of = match (&self.host.worker, &self.settings) {
            (Some(Machinery::Client(client)), Some(settings)) => ReportOf::Client(ClientReport {
                state: self.lanes.state(),
                has_no_credit: client.doing() == Doing::NoCredit,
                doing: match self.host.paused(now) {
                    Some(_) => watch::STANDS_STILL.to_owned(),
                    None => watch::in_words(client, &settings.kind).to_owned(),
                },
                lanes: self.lanes.take(now),
                notes: std::mem::take(&mut self.notes),
                made: client.made(),
                connection: self.connections.get(&self.node).copied().unwrap_or_default(),
                holding: client.holding().len() as u64,
            }),
            (Some(Machinery::Broker(broker)), _) => {
                let (broken, changes) = (self.broken.take(), self.to_keep.take());
                ReportOf::Broker(BrokerReport { counts: broker.counts(), bytes: broker.bytes(), broken, changes })
            }
            _ => return None,
        };
        Some(Report { node: self.node, incarnation: self.host.incarnation, at: now, of, last })
    }

    fn last(&mut self) -> Last {
        let mut on_the_way = std::mem::take(&mut self.on_the_way);
        on_the_way.extend(self.inbox.drain(..).filter_map(|envelope| carried(&envelope)));
        let held = match &self.host.worker {
            Some(Machinery::Broker(broker)) => {
                if let Err(error) = broker.recount() {
                    self.broken.get_or_insert(error.to_string());
                }
                let queues = 0..broker.queues().count() as u32;
                queues.flat_map(|queue| broker.held(queue)).map(|message| message.id).collect()
            }
            Some(Machinery::Client(client)) => client.holding().into_iter().map(|(_, message)| message.id).collect(),
            None => Vec::new(),
        };
        Last { held, on_the_way }
    }

    fn word(&mut self, now: Time, word: Word) {
        match word {
            Word::Linked(peer) => {
                self.peers.insert(peer);
            }
            Word::Gone(peer) => {
                self.peers.remove(&peer);
                let client = if peer == Node::BROKER { self.node } else { peer };
                if let Some(connection) = self.connections.get(&client) {
                    // Its host closes what it had open.
                    self.inbox.push_back(reset(peer, self.node, *connection));
                }
            }
            Word::Slow { factor, span } => {
                let until = span.map_or(Time(u64::MAX), |span| now + span);
                self.host.slow(until, factor);
                self.change(now, until);
            }
            Word::Pause { span } => {
                self.host.pause(now + span);
                self.change(now, now + span);
            }
            Word::Kept(number) => self.kept = Some(number),
            Word::Halt => {
                self.halted = true;
                self.lanes.turn(now, WorkerState::Idle);
                self.outputs.extend(self.peers.iter().map(|peer| LifeOutput::Mark(*peer)));
            }
        }
    }

    fn change(&mut self, now: Time, until: Time) {
        self.host.reconsider(now);
        self.changes.insert(until);
        self.dirty = true;
    }

    /// Does everything that is due.
    fn pass(&mut self, now: Time) {
        self.heard = now;
        if self.halted {
            return;
        }
        while self.changes.first().is_some_and(|at| *at <= now) {
            self.changes.pop_first();
            self.host.reconsider(now);
            self.dirty = true;
        }
        while self.host.paused(now).is_none() && !self.has_crashed() {
            if let Some(number) = self.kept.take() {
                if let Some(Machinery::Broker(broker)) = &mut self.host.worker {
                    broker.kept(number);
                }
                self.drain(now);
            } else if let Some(envelope) = self.inbox.pop_front() {
                self.receive(now, envelope);
            } else if self.host.ends_at().is_some_and(|at| at <= now) {
                self.host.computing = None;
                self.tell_client(now, client::Input::Worked);
            } else if self.next_of_machine().is_some_and(|at| at <= now) {
                match &mut self.host.worker {
                    Some(Machinery::Broker(broker)) => broker.wake(now),
                    Some(Machinery::Client(client)) => client.wake(now),
                    None => {}
                }
                self.drain(now);
                // A machine that is due again at once would keep it from hearing anything.
                break;
            } else {
                break;
            }
        }
        self.look(now);
    }

    /// A broker with durable queues begins with what they had.
    fn recover(&mut self, now: Time) {
        if let Some(settings) = self.durable.take() {
            let broker = Broker::with_records(now, &settings, std::mem::take(&mut self.records));
            self.host.worker = Some(Machinery::Broker(Box::new(broker)));
            self.drain(now);
        }
    }

    fn receive(&mut self, now: Time, envelope: Envelope) {
        match &mut self.host.worker {
            Some(Machinery::Broker(broker)) => {
                if let Frame::Open { .. } = envelope.frame {
                    self.connections.insert(envelope.from, envelope.connection);
                }
                broker.handle(now, envelope);
                self.drain(now);
            }
            Some(Machinery::Client(_)) => self.tell_client(now, client::Input::Envelope(envelope)),
            None => {}
        }
    }

    fn tell_client(&mut self, now: Time, input: client::Input) {
        if let Some(Machinery::Client(client)) = &mut self.host.worker {
            client.handle(now, input);
        }
        self.drain(now);
    }

    fn drain(&mut self, now: Time) {
        self.dirty = true;
        while let Some(machine) = &mut self.host.worker {
            match machine {
                Machinery::Broker(broker) => {
                    if let Err(error) = broker.check() {
                        self.broken.get_or_insert(error.to_string());
                    }
                    let Some(envelope) = broker.poll() else {
                        if let Some((changes, last)) = broker.take_changes() {
                            let (all, to) = self.to_keep.get_or_insert_default();
                            all.extend(changes);
                            *to = last;
                        }
                        return;
                    };
                    if let Frame::Deliver(delivery) = &envelope.frame
                        && let Err(broken) = self.deliveries.delivers(delivery)
                    {
                        self.broken.get_or_insert(broken.to_string());
                    }
                    self.send(envelope);
                }
                Machinery::Client(client) => match client.poll() {
                    None => return,
                    Some(client::Output::Send(envelope)) => {
                        if let Frame::Open { .. } = envelope.frame {
                            self.connections.insert(self.node, envelope.connection);
                        }
                        self.send(envelope);
                    }
                    Some(client::Output::Work(span)) => self.host.computing = Some(Computing::new((), span, now)),
                    Some(client::Output::Note(note)) => {
                        self.owes_report |= matches!(note, Note::Processed { .. } | Note::Skipped { .. });
                        self.notes.push((now, note));
                    }
                    Some(client::Output::Crash) => return self.outputs.push_back(LifeOutput::Crash),
                },
            }
        }
    }

    fn has_crashed(&self) -> bool {
        self.outputs.back() == Some(&LifeOutput::Crash)
    }

    fn send(&mut self, envelope: Envelope) {
        if self.peers.contains(&envelope.to) {
            self.outputs.push_back(LifeOutput::Send(envelope));
        } else if envelope.frame != Frame::Reset {
            // The host is there, the process is not.
            self.inbox.push_back(reset(envelope.to, envelope.from, envelope.connection));
        }
    }

    /// What the client's lane shows from now on.
    fn look(&mut self, now: Time) {
        if let (Some(Machinery::Client(client)), Some(settings)) = (&self.host.worker, &self.settings) {
            let has_opened = self.connections.contains_key(&self.node);
            self.dirty |= self.lanes.turn(now, watch::state_of(client, &settings.kind, has_opened));
        }
    }

    fn next_of_machine(&self) -> Option<Time> {
        match self.host.worker.as_ref()? {
            Machinery::Broker(broker) => broker.next_wake(),
            Machinery::Client(client) => client.next_wake(),
        }
    }
}

impl Machine for Life {
    type Input = LifeInput;
    type Output = LifeOutput;

    fn handle(&mut self, now: Time, input: LifeInput) {
        match input {
            LifeInput::Start if self.settings.is_some() => self.tell_client(now, client::Input::Start),
            LifeInput::Start => self.recover(now),
            LifeInput::Frame(envelope) if self.halted => self.on_the_way.extend(carried(&envelope)),
            LifeInput::Frame(envelope) => self.inbox.push_back(envelope),
            LifeInput::Mark(from) => {
                self.marks.insert(from);
            }
            LifeInput::Word(word) => self.word(now, word),
        }
        self.pass(now);
    }

    fn wake(&mut self, now: Time) {
        self.pass(now);
    }

    fn poll(&mut self) -> Option<LifeOutput> {
        if (self.owes_report && !self.outputs.is_empty() || self.to_keep.is_some())
            && let Some(report) = self.report(self.heard)
        {
            return Some(LifeOutput::Report(Box::new(report)));
        }
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        if self.halted {
            return None;
        }
        let change = self.changes.first().copied();
        if self.host.paused(self.heard).is_some() {
            return change;
        }
        if !self.inbox.is_empty() {
            return Some(self.heard);
        }
        change.into_iter().chain(self.next_of_machine()).chain(self.host.ends_at()).min()
    }
}

/// The message that a frame brings to somebody, with the client's end of its connection.
fn carried(envelope: &Envelope) -> Option<(Node, Connection, MessageId)> {
    let client = if envelope.from == Node::BROKER { envelope.to } else { envelope.from };
    envelope.frame.carries().map(|id| (client, envelope.connection, id))
}

/// That the process at `from` is gone.
fn reset(from: Node, to: Node, connection: Connection) -> Envelope {
    Envelope { from, to, connection, frame: Frame::Reset }
}
