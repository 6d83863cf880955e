//! The real-time driver of a live bus: the broker and each client a task of one thread, frames through the [`Office`], time by the
//! clock.
//!
//! Work is time that passes: a client that asks for so much of it is told when it is over. Of a client that crashes the task is aborted
//! and its machine dropped, its host says so to the broker, and another life begins after `respawn`. Other nodes' clients are behind
//! sockets: they do not beat, but a heartbeat of theirs is answered.
//!
//! Timers have the runtime's resolution, a millisecond: what is due earlier is dealt with late, never lost.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use shared::id::Incarnation;
use shared::machine::Machine;
use shared::messaging::Unconserved;
use shared::messaging::broker::Broker;
use shared::messaging::client::{self, Client};
use shared::messaging::durable::Record;
use shared::messaging::{BrokerSettings, Bus, Connection, Envelope, Frame, Node};
use shared::rng::Rng;
use shared::time::{Span, Time};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, sleep, sleep_until};

use super::office::{Mailbox, Office, reset};
use crate::store::Writer;

/// Frames that a node takes before the others, and a kill of it, have their turn.
const FRAMES_IN_A_TURN: u32 = 32;

/// A time that no run lives to see.
const FAR: Duration = Duration::from_secs(365 * 86_400);

/// What is run.
#[derive(Debug)]
pub struct HallSpec {
    pub bus: Arc<Bus>,
    pub seed: u64,
    /// When a killed node comes back; `None`: never.
    pub respawn: Option<Span>,
    pub office: Arc<Office>,
    pub started: Instant,
    /// What time it was then: a bus that keeps messages goes by the clock on the wall, by which they expire though the server is down.
    pub epoch: Time,
    pub keeping: Option<Keeping>,
}

/// What a bus with durable queues begins with, and whom it tells what to keep.
#[derive(Debug)]
pub struct Keeping {
    pub writer: Arc<Writer>,
    /// What was kept of an earlier life; the broker takes it.
    pub records: RefCell<Vec<Record>>,
    /// What the numbers of its clients' messages are counted from.
    pub numbers_from: u64,
}

/// See the module. Its methods are called in a [`LocalSet`](tokio::task::LocalSet).
pub struct Hall {
    spec: HallSpec,
    /// The broker's seat, then the clients'.
    seats: Vec<Seat>,
    rng: RefCell<Rng>,
    /// A rule that the broker has broken, and who waits for it.
    broken: RefCell<Option<Unconserved>>,
    failed: Notify,
}

/// A node's place.
struct Seat {
    node: Node,
    name: Arc<str>,
    /// The group of a client.
    group: usize,
    host: RefCell<Host>,
    life: RefCell<Option<AbortHandle>>,
    /// The connection that a client opened last.
    connection: Cell<Connection>,
    /// How many messages its lives have made.
    made: Cell<u64>,
}

/// What is at a place.
struct Host {
    incarnation: Incarnation,
    machine: Option<Machinery>,
    /// When the client's work ends.
    works_until: Option<Time>,
}

enum Machinery {
    Broker(Box<Broker>),
    Client(Box<Client>),
}

impl Hall {
    /// Nobody is there yet.
    pub fn new(spec: HallSpec) -> Rc<Hall> {
        let members = spec.bus.members().into_iter();
        let broker = Seat::new(Node::BROKER, 0, "broker".into());
        let clients = members.map(|(node, group, name)| Seat::new(node, group, name));
        Rc::new(Hall {
            seats: [broker].into_iter().chain(clients).collect(),
            rng: RefCell::new(Rng::new(spec.seed)),
            broken: RefCell::default(),
            failed: Notify::new(),
            spec,
        })
    }

    /// Time since it began, or the time on the wall.
    pub fn now(&self) -> Time {
        self.spec.epoch + Span(self.spec.started.elapsed().as_micros() as u64)
    }

    /// Begins the lives of the broker and, unless only it is wanted, of the clients.
    pub fn begin(self: &Rc<Hall>, with_clients: bool) {
        let count = if with_clients { self.seats.len() } else { 1 };
        (0..count).for_each(|place| self.spawn(place));
    }

    /// Waits until the broker breaks a rule.
    pub async fn broken(&self) -> Unconserved {
        loop {
            self.failed.notified().await;
            if let Some(broken) = self.broken.borrow_mut().take() {
                return broken;
            }
        }
    }

    /// What the broker wanted kept is, up to a change.
    pub fn kept(&self, change: u64) {
        if let Some(Machinery::Broker(broker)) = &mut self.seats[0].host.borrow_mut().machine {
            broker.kept(change);
        }
        self.drain_broker();
    }

    /// Looks at the broker, if it is alive.
    pub fn look<T>(&self, look: impl FnOnce(&Broker) -> T) -> Option<T> {
        self.seats[0].host.borrow().machine.as_ref().and_then(Machinery::broker).map(look)
    }

    /// Ends every life.
    pub fn end(&self) {
        self.seats.iter().filter_map(|seat| seat.life.borrow_mut().take()).for_each(|life| life.abort());
    }

    fn seat(&self, node: Node) -> Option<&Seat> {
        self.seats.get(usize::from(node.0))
    }

    fn instant(&self, at: Time) -> Instant {
        self.spec.started + Duration::from_micros(at.since(self.spec.epoch).0).min(FAR)
    }
}

/// Lives.
impl Hall {
    fn spawn(self: &Rc<Hall>, place: usize) {
        let seat = &self.seats[place];
        if seat.host.borrow().machine.is_some() {
            return;
        }
        let seed = self.rng.borrow_mut().bits();
        let machine = match place {
            0 => Machinery::Broker(Box::new(self.broker(&BrokerSettings { seed, ..self.spec.bus.broker.clone() }))),
            _ => Machinery::Client(Box::new(self.client(seat, seed))),
        };
        seat.host.borrow_mut().machine = Some(machine);
        let mailbox = self.spec.office.open(seat.node);
        let hall = self.clone();
        let life = spawn_local(async move { hall.live(place, &mailbox).await });
        *seat.life.borrow_mut() = Some(life.abort_handle());
    }

    fn broker(&self, settings: &BrokerSettings) -> Broker {
        match &self.spec.keeping {
            Some(keeping) => Broker::with_records(self.now(), settings, keeping.records.take()),
            None => Broker::new(settings),
        }
    }

    fn client(&self, seat: &Seat, seed: u64) -> Client {
        let given = client::Seat {
            node: seat.node,
            incarnation: seat.host.borrow().incarnation,
            rng: Rng::new(seed),
            until: Time(u64::MAX),
            heartbeats: self.spec.bus.broker.heartbeats,
            name: seat.name.clone(),
            made: seat.made.get(),
            numbers_from: self.spec.keeping.as_ref().map_or(0, |keeping| keeping.numbers_from),
        };
        Client::new(&self.spec.bus.clients[seat.group], given)
    }

    /// One life of a node, until it is aborted.
    async fn live(self: Rc<Hall>, place: usize, mailbox: &Mailbox) {
        let seat = &self.seats[place];
        if place != 0 {
            self.tell_client(place, client::Input::Start);
        }
        loop {
            self.pass(place);
            let mut taken = 0;
            while taken < FRAMES_IN_A_TURN
                && let Some(envelope) = mailbox.take()
            {
                self.receive(place, envelope);
                taken += 1;
            }
            if taken > 0 {
                tokio::task::yield_now().await;
                continue;
            }
            let alarm = seat.alarm();
            tokio::select! {
                () = mailbox.changed() => {}
                () = self.until(alarm) => {}
            }
        }
    }

    async fn until(&self, alarm: Option<Time>) {
        match alarm {
            Some(at) => sleep_until(self.instant(at)).await,
            None => std::future::pending().await,
        }
    }

    /// Time has passed: work may be done, a machine may want to be woken.
    fn pass(self: &Rc<Hall>, place: usize) {
        let seat = &self.seats[place];
        let now = self.now();
        if seat.host.borrow_mut().works_until.take_if(|at| *at <= now).is_some() {
            self.tell_client(place, client::Input::Worked);
        }
        let now = self.now();
        let mut host = seat.host.borrow_mut();
        let Some(machine) = host.machine.as_mut().filter(|machine| machine.next_wake().is_some_and(|at| at <= now)) else {
            return;
        };
        match machine {
            Machinery::Broker(broker) => broker.wake(now),
            Machinery::Client(client) => client.wake(now),
        }
        drop(host);
        if place == 0 { self.drain_broker() } else { self.drain_client(place) }
    }

    fn receive(self: &Rc<Hall>, place: usize, envelope: Envelope) {
        if place != 0 {
            return self.tell_client(place, client::Input::Envelope(envelope));
        }
        let asks = envelope.frame == Frame::Heartbeat && self.seat(envelope.from).is_none();
        let (from, connection) = (envelope.from, envelope.connection);
        if let Some(Machinery::Broker(broker)) = &mut self.seats[0].host.borrow_mut().machine {
            broker.handle(self.now(), envelope);
        }
        self.drain_broker();
        if asks {
            // After everything that the broker has to say of what came before.
            let (to, frame) = (from, Frame::Heartbeat);
            self.spec.office.send(Envelope { from: Node::BROKER, to, connection, frame });
        }
    }

    fn tell_client(self: &Rc<Hall>, place: usize, input: client::Input) {
        if let Some(Machinery::Client(client)) = &mut self.seats[place].host.borrow_mut().machine {
            client.handle(self.now(), input);
        }
        self.drain_client(place);
    }

    fn drain_broker(&self) {
        let mut host = self.seats[0].host.borrow_mut();
        let Some(Machinery::Broker(broker)) = &mut host.machine else { return };
        if let Err(error) = broker.check() {
            self.fail(error);
        }
        if let Some(keeping) = &self.spec.keeping
            && let Some((changes, last)) = broker.take_changes()
        {
            keeping.writer.add(changes, last);
        }
        while let Some(envelope) = broker.poll() {
            if envelope.frame == Frame::Heartbeat && self.seat(envelope.to).is_none() {
                // A socket has pings of its own to say that it lives.
                let Envelope { from, to, connection, frame } = envelope;
                broker.handle(self.now(), Envelope { from: to, to: from, connection, frame });
            } else {
                self.spec.office.send(envelope);
            }
        }
    }

    fn drain_client(self: &Rc<Hall>, place: usize) {
        let seat = &self.seats[place];
        loop {
            let output = match &mut seat.host.borrow_mut().machine {
                Some(Machinery::Client(client)) => client.poll(),
                _ => None,
            };
            match output {
                None => return,
                Some(client::Output::Send(envelope)) => {
                    if let Frame::Open { .. } = envelope.frame {
                        seat.connection.set(envelope.connection);
                    }
                    self.spec.office.send(envelope);
                }
                Some(client::Output::Work(span)) => {
                    seat.host.borrow_mut().works_until = Some(self.now() + span);
                }
                // No books are kept of a live bus: they would grow for ever.
                Some(client::Output::Note(_)) => {}
                Some(client::Output::Crash) => return self.kill(place),
            }
        }
    }

    fn fail(&self, broken: Unconserved) {
        self.broken.borrow_mut().get_or_insert(broken);
        self.failed.notify_one();
    }
}

/// Ends of lives.
impl Hall {
    /// The node's task ends and its state is gone. Its host closes its connections, and starts it again after a while.
    fn kill(self: &Rc<Hall>, place: usize) {
        let Some(seat) = self.seats.get(place) else { return };
        let machine = {
            let mut host = seat.host.borrow_mut();
            let Some(machine) = host.machine.take() else { return };
            host.incarnation += 1;
            host.works_until = None;
            machine
        };
        self.spec.office.close(seat.node);
        if let Some(life) = seat.life.borrow_mut().take() {
            life.abort();
        }
        match machine {
            Machinery::Broker(_) => {
                for client in self.seats[1..].iter().filter(|client| client.connection.get() != 0) {
                    self.spec.office.send(reset(Node::BROKER, client.node, client.connection.get()));
                }
            }
            Machinery::Client(client) => {
                seat.made.set(client.made());
                self.spec.office.send(reset(seat.node, Node::BROKER, seat.connection.get()));
            }
        }
        if let Some(respawn) = self.spec.respawn {
            let hall = self.clone();
            spawn_local(async move {
                sleep(Duration::from_micros(respawn.0)).await;
                hall.spawn(place);
            });
        }
    }
}

impl Seat {
    fn new(node: Node, group: usize, name: Arc<str>) -> Seat {
        Seat {
            node,
            name,
            group,
            host: RefCell::new(Host { incarnation: 1, machine: None, works_until: None }),
            life: RefCell::default(),
            connection: Cell::new(0),
            made: Cell::new(0),
        }
    }

    /// When it has to look up, if nothing comes.
    fn alarm(&self) -> Option<Time> {
        let host = self.host.borrow();
        host.machine.as_ref().and_then(Machinery::next_wake).into_iter().chain(host.works_until).min()
    }
}

impl Machinery {
    fn broker(&self) -> Option<&Broker> {
        match self {
            Machinery::Broker(broker) => Some(broker),
            Machinery::Client(_) => None,
        }
    }

    fn next_wake(&self) -> Option<Time> {
        match self {
            Machinery::Broker(broker) => broker.next_wake(),
            Machinery::Client(client) => client.next_wake(),
        }
    }
}
