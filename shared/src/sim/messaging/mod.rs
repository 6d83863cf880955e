//! A bus in one event queue: the broker and its clients, under a virtual clock and one seed.
//!
//! The machines are those that run everywhere, [`Broker`] and [`Client`]; what is modelled is how long frames and work take, and what
//! goes wrong. Reading order: [`BusSimulation`] here, what each event does (`nodes`), the `wires` between the nodes, what must hold
//! (`check`), the broker's `disk`, the `trace`, what is seen of it (`watch`), where it can be stopped (`halt`), and what is done to one message (`treat`). What
//! it comes to stands in the [`books`](crate::messaging::books).
//!
//! A killed client's host closes its connection, as operating systems do, so the broker hears of it a moment later; of a client that
//! stands still, or that the network has cut off, it learns by silence only.

mod check;
mod disk;
mod halt;
mod nodes;
mod trace;
mod treat;
mod watch;
mod wires;

use std::collections::VecDeque;
use std::sync::Arc;

use self::check::Problem;
pub use self::check::{BusError, Problem as BusProblem};
use self::disk::Disk;
pub use self::halt::{Breaks, condition, condition_schema};
use self::trace::BusRecorder;
pub use self::trace::{Kind, Row};
use self::wires::{WireId, Wires};
pub use super::host::{Computing, Host};
use super::queue::Queue;
use super::trace::Trace;
use crate::experiment::{BusExperiment, Respawn};
use crate::fault::{Cast, Effect, Fault, Moment, draw_among};
use crate::id::Incarnation;
use crate::messaging::books::Books;
pub use crate::messaging::books::{Broken, ClientTally, Histogram, QueueTally, Summary, counters_table};
use crate::messaging::broker::Broker;
use crate::messaging::client::Client;
use crate::messaging::watch::Watch;
use crate::messaging::{Bus, Connection, Envelope, MessageId, Node};
use crate::rng::Rng;
use crate::time::{Span, Time};
use crate::wire::{About, Fate, Messages};

/// What is simulated.
#[derive(Clone, Debug)]
pub struct BusSpec {
    pub bus: Arc<Bus>,
    pub faults: Vec<Fault<Node>>,
    /// When a killed node comes back; `None`: never.
    pub respawn: Option<Span>,
    pub seed: u64,
    /// Whether the rows of the trace are kept for [`BusSimulation::take_rows`]. The hash is made in any case.
    pub keeps_rows: bool,
}

/// A run that goes on event by event until its time is over. A clone is the same run at the same moment, and both go on by themselves.
#[derive(Clone)]
pub struct BusSimulation {
    seed: u64,
    now: Time,
    events: u64,
    spec: BusSpec,
    queue: Queue<Event>,
    /// The broker's host, then the clients'.
    hosts: Vec<Seat>,
    wires: Wires,
    disk: Disk,
    books: Books,
    trace: Trace<Row>,
    recorder: Option<Box<BusRecorder>>,
    /// Chance of everything but the network.
    rng: Rng,
    /// Which of the spec's faults have begun.
    begun: Vec<bool>,
    /// Those of them that wait for their message, by their places.
    awaited: Vec<usize>,
    watch: Option<Box<Watch>>,
    ended: bool,
}

/// A node's place: its host, and what waits at it while it stands still.
#[derive(Clone)]
struct Seat {
    host: Host<Machinery, ()>,
    /// The group of a client.
    group: usize,
    name: Arc<str>,
    inbox: VecDeque<Envelope>,
    /// The connection that a client opened last.
    connection: Connection,
    /// How many messages its lives have made.
    made: u64,
}

#[derive(Clone)]
enum Machinery {
    Broker(Box<Broker>),
    Client(Box<Client>),
}

/// What can happen.
#[derive(Clone, Debug)]
enum Event {
    Spawn(Node),
    Arrive {
        envelope: Envelope,
        sent: Time,
    },
    /// The first frame that waits on a wire is sent again.
    Again(WireId),
    /// A node's timer goes off.
    Wake(Node),
    /// Work ends, unless another plan was made for it since.
    Worked {
        node: Node,
        plan: u64,
    },
    /// A fault of the experiment begins, by its place.
    Fault(usize),
    /// A fault of this node may have ended.
    Over(Node),
    /// The disk has written what this life of the broker gave it.
    Synced(Incarnation),
    End,
}

impl BusSimulation {
    pub fn new(spec: BusSpec) -> BusSimulation {
        let mut rng = Rng::new(spec.seed);
        let wires = Wires::new(Rng::new(rng.bits()), &spec.bus);
        let broker = Seat::new(0, "broker".into());
        let members = spec.bus.members();
        let hosts: Vec<_> =
            [broker].into_iter().chain(members.into_iter().map(|(_, group, name)| Seat::new(group, name))).collect();
        let mut queue = Queue::new();
        for place in 0..hosts.len() {
            queue.push_timer(Time::ZERO, place as u32, Event::Spawn(Node(place as u16)));
        }
        let is_awaited = |place: &usize| matches!(spec.faults[*place].effect, Effect::Message(_));
        let (awaited, planned): (Vec<_>, Vec<_>) = (0..spec.faults.len()).partition(is_awaited);
        for place in planned {
            queue.push_first(spec.moment(&spec.faults[place]), place as u32, Event::Fault(place));
        }
        queue.push(Time::ZERO + spec.bus.span, Event::End);
        BusSimulation {
            seed: spec.seed,
            now: Time::ZERO,
            events: 0,
            queue,
            hosts,
            wires,
            disk: Disk::default(),
            books: Books::new(spec.bus.clone()),
            trace: Trace::new(spec.keeps_rows),
            recorder: None,
            rng,
            begun: vec![false; spec.faults.len()],
            awaited,
            watch: None,
            ended: false,
            spec,
        }
    }

    /// Lets the next event happen, if it is due by `until`. `false` if none is, or if the time is over.
    pub fn step_by(&mut self, until: Time) -> Result<bool, BusError> {
        if self.ended || self.queue.next_at().is_some_and(|at| at > until) {
            return Ok(false);
        }
        self.step().map(|_| true)
    }

    /// Time passes, up to `until` or to the moment before the next event.
    pub fn pass(&mut self, until: Time) {
        if !self.ended {
            let next = self.queue.next_at().unwrap_or(until);
            self.now = self.now.max(until.min(next));
        }
    }

    /// When the next event is; `None` once the time is over.
    pub fn next_at(&self) -> Option<Time> {
        self.queue.next_at().filter(|_| !self.ended)
    }

    /// Whether the time is over.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// One more fault, at a moment that has not come: from here on the run is the one whose spec ends with it.
    pub fn plan(&mut self, fault: Fault<Node>) {
        let place = self.spec.faults.len();
        match fault.effect {
            Effect::Message(_) => self.awaited.push(place),
            _ => self.queue.push_first(self.spec.moment(&fault), place as u32, Event::Fault(place)),
        }
        self.spec.faults.push(fault);
        self.begun.push(false);
    }

    /// Whether a fault is still to come that is due at this moment of the run or before.
    pub fn awaits_fault(&self, until: Time) -> bool {
        let faults = self.spec.faults.iter().zip(&self.begun);
        faults.into_iter().any(|(fault, begun)| !begun && self.spec.moment(fault) <= until)
    }

    /// Roughly how many things a clone has to copy.
    pub fn size(&self) -> usize {
        let held = |seat: &Seat| match &seat.host.worker {
            Some(Machinery::Broker(broker)) => broker.queues().map(|(_, queue)| (queue.ready + queue.unacked) as usize).sum(),
            Some(Machinery::Client(_)) => 8,
            None => 1,
        };
        self.queue.len() + self.hosts.iter().map(held).sum::<usize>() + self.books.size() + self.disk.store.records().len()
    }

    /// Lets the next event happen. `false` once the time is over.
    pub fn step(&mut self) -> Result<bool, BusError> {
        if self.ended {
            return Ok(false);
        }
        self.next().map_err(|problem| BusError { seed: self.seed, at: self.now, problem })?;
        Ok(!self.ended)
    }

    /// Steps to the end, and says what it came to.
    pub fn run(&mut self) -> Result<Summary, BusError> {
        while self.step()? {}
        self.summary().map_err(|problem| BusError { seed: self.seed, at: self.now, problem })
    }

    /// Virtual time since the run began.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many events have happened.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The hash of the trace so far: 16 hexadecimal digits.
    pub fn trace_hash(&self) -> String {
        self.trace.hash()
    }

    /// From now on the rows of the trace are kept, as if the spec wanted them.
    pub fn keep_trace_rows(&mut self) {
        self.trace.keep();
    }

    /// The rows of the trace since they were last taken, if the spec wants them.
    pub fn take_rows(&mut self) -> Vec<Row> {
        self.trace.take_rows()
    }

    /// From now on the messages are written down that are under way in this stretch of time, or of those only what is about this.
    pub fn record(&mut self, from: Time, to: Time, about: Option<About>) {
        let only = about.map(|about| match about {
            About::Message { publisher, number } => {
                // One of a client that there cannot be is nobody's.
                trace::kin_of(MessageId { publisher: Node(u16::try_from(publisher).unwrap_or(u16::MAX)), number })
            }
            // A bus has no tasks.
            About::Task { .. } => 0,
        });
        self.recorder = Some(Box::new(BusRecorder::new(from, to, only)));
    }

    /// Those messages, with what is under way at this moment.
    pub fn recorded(&mut self) -> Messages {
        let Some(mut recorder) = self.recorder.take() else { return Messages::default() };
        for (at, event) in self.queue.iter() {
            if let Event::Arrive { envelope, sent } = event {
                let incarnation = self.hosts[usize::from(envelope.from.0)].host.incarnation;
                recorder.note_frame(envelope, incarnation, (*sent, at), Fate::Underway);
            }
        }
        recorder.finish(self.now)
    }

    /// What is simulated.
    pub fn bus(&self) -> &Bus {
        &self.spec.bus
    }

    /// A node's name.
    pub fn name(&self, node: Node) -> String {
        self.hosts.get(usize::from(node.0)).map_or_else(String::new, |seat| seat.name.to_string())
    }

    fn next(&mut self) -> Result<(), Problem> {
        let (at, event) = self.queue.pop().ok_or(Problem::Dead)?;
        if at < self.now {
            return Err(Problem::TimeWentBack(self.now));
        }
        self.now = at;
        self.events += 1;
        self.happen(event)
    }

    fn summary(&mut self) -> Result<Summary, Problem> {
        self.find_messages()?;
        let counts = self.broker().map(Broker::counts);
        Ok(self.books.summary(counts.as_ref()))
    }

    /// The broker, if it is alive.
    fn broker(&self) -> Option<&Broker> {
        match &self.hosts[0].host.worker {
            Some(Machinery::Broker(broker)) => Some(broker),
            _ => None,
        }
    }

    /// Looks for every message that is in a queue, at a client, or on its way.
    fn find_messages(&mut self) -> Result<(), Problem> {
        let mut found: Vec<MessageId> = self.disk.store.records().map(|record| record.message.id).collect();
        for seat in &self.hosts {
            match &seat.host.worker {
                Some(Machinery::Broker(broker)) => self.books.find_at_broker(broker)?,
                Some(Machinery::Client(client)) => client.holding().iter().for_each(|(_, message)| self.books.find(message.id)),
                None => {}
            }
            found.extend(seat.inbox.iter().filter_map(|envelope| self.carries(envelope)));
        }
        found.extend(self.wires.stalled().filter_map(|envelope| self.carries(envelope)));
        while let Some((_, event)) = self.queue.pop() {
            if let Event::Arrive { envelope, .. } = event {
                found.extend(self.carries(&envelope));
            }
        }
        found.into_iter().for_each(|id| self.books.find(id));
        Ok(())
    }

    /// The message that a frame brings to somebody, if its connection lives.
    fn carries(&self, envelope: &Envelope) -> Option<MessageId> {
        let client = if envelope.from == Node::BROKER { envelope.to } else { envelope.from };
        let lives = self.hosts[usize::from(client.0)].connection == envelope.connection;
        envelope.frame.carries().filter(|_| lives)
    }
}

impl BusSpec {
    /// An experiment under a seed, which also draws its random faults. The broker is not killed by chance: what it holds would be lost.
    pub fn of(experiment: &BusExperiment, seed: u64) -> BusSpec {
        let bus = Arc::new(experiment.bus.clone());
        let mut faults = experiment.faults.clone();
        let killable: Vec<Node> = bus.members().into_iter().map(|(node, _, _)| node).collect();
        if !killable.is_empty() {
            let nodes = [Node::BROKER].into_iter().chain(killable.iter().copied()).collect();
            let cast = Cast { nodes, killable, coordinated: false };
            faults.extend(draw_among(&mut Rng::new(seed), &cast, experiment.random_faults));
        }
        let respawn = match experiment.respawn {
            Respawn::After(span) => Some(span),
            Respawn::Never => None,
        };
        BusSpec { bus, faults, respawn, seed, keeps_rows: false }
    }

    fn moment(&self, fault: &Fault<Node>) -> Time {
        match fault.at {
            Moment::Time(at) => at,
            Moment::Progress(share) => Time::ZERO + self.bus.span.scaled(share),
        }
    }
}

impl Seat {
    fn new(group: usize, name: Arc<str>) -> Seat {
        Seat { host: Host::new(), group, name, inbox: VecDeque::new(), connection: 0, made: 0 }
    }
}
