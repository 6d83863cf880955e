//! Live buses: named, each with a thread of its own, to which clients anywhere come by a socket.
//!
//! A bus is the broker of an experiment and, unless only that is wanted, the experiment's clients, for as long as the server runs: its
//! `for`, `faults` and `expect` are for runs, and no books are kept, since they would grow for ever; the broker counts all the same.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use shared::experiment::BusExperiment;
use shared::messaging::{BrokerCounters, Connection, Envelope, Frame, Node, QueueCounters};
use shared::time::{Span, Time};
use shared::wire::{BusView, ExchangeView};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;
use tokio::time::{Instant, interval};

use super::hall::{Hall, HallSpec, Keeping};
use super::office::{Mailbox, Office};
use super::respawn;
use crate::limits::{BUS_BYTES_MAX, BUS_SOCKETS_MAX};
use crate::store::{Opened, Progress, Store, StoreError, Writer};

/// Bits of a message's number that count within one life of a bus with a store; those above them are the life's.
const LIFE_SHIFT: u32 = 40;

/// See the module.
#[derive(Debug)]
pub struct LiveBus {
    pub name: String,
    title: String,
    started: Instant,
    /// What time it was then.
    epoch: Time,
    pub office: Arc<Office>,
    /// The experiment's queues, by the places that deliveries name.
    pub queues: Vec<Arc<str>>,
    exchanges: Vec<ExchangeView>,
    seats: Mutex<Seats>,
    /// It holds more than [`BUS_BYTES_MAX`].
    is_full: AtomicBool,
    ended: watch::Sender<bool>,
    questions: mpsc::Sender<oneshot::Sender<BusState>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why a bus cannot begin. Each is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum LiveBusError {
    #[error(
        "the queue `{queue}` of the bus `{bus}` is durable, so its messages need a place: say which folder with `--bus-store DIR`"
    )]
    NoStore { bus: String, queue: Arc<str> },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the bus could not be started: {0}")]
    Io(#[from] io::Error),
}

/// Nodes of clients that come by sockets. One that is free again is given to the next client, so that the broker's queues for answers
/// and its names of messages stay few.
#[derive(Debug)]
struct Seats {
    next: u16,
    free: BTreeSet<Node>,
    /// The last connection of each node, and how many messages its clients have published.
    past: BTreeMap<Node, (Connection, u64)>,
    /// What the messages of a new node are counted from.
    numbers_from: u64,
    taken: usize,
}

/// A client's node while its socket lives.
#[derive(Debug)]
pub struct Guest {
    pub node: Node,
    pub connection: Connection,
    /// Messages that clients of this node have published.
    pub made: u64,
    pub mailbox: Arc<Mailbox>,
}

/// What a bus has counted so far.
#[derive(Clone, Debug, Serialize)]
pub struct BusState {
    pub name: String,
    pub title: String,
    /// Sockets that are there.
    pub sockets: usize,
    pub bytes: u64,
    #[serde(flatten)]
    pub counters: BrokerCounters,
    /// The experiment's, besides the default one.
    pub exchanges: Vec<ExchangeView>,
    pub queues: BTreeMap<String, QueueState>,
}

/// A queue of a bus.
#[derive(Clone, Debug, Serialize)]
pub struct QueueState {
    /// Who takes from it, whoever waits for one message only not among them.
    pub consumers: usize,
    #[serde(flatten)]
    pub counters: QueueCounters,
}

/// There is no room for one more socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{BUS_SOCKETS_MAX} sockets are open at this bus, which is the bound: try again later")]
pub struct Crowded;

impl LiveBus {
    /// A bus whose broker is there, and its clients if they are wanted. Durable queues have their messages in a file in the folder `store`.
    pub fn start(
        name: String,
        experiment: &BusExperiment,
        with_clients: bool,
        store: Option<&Path>,
    ) -> Result<Arc<LiveBus>, LiveBusError> {
        let queues = &experiment.bus.broker.queues;
        let opened = match (store, queues.iter().find(|queue| queue.durable)) {
            (Some(folder), _) => Store::open(folder, &name, queues)?,
            (None, Some(queue)) => return Err(LiveBusError::NoStore { bus: name, queue: queue.name.clone() }),
            (None, None) => None,
        };
        let (numbers_from, epoch) = match &opened {
            Some(opened) => (opened.life << LIFE_SHIFT, on_the_wall()),
            None => (0, Time::ZERO),
        };
        let mut writing = None;
        let keeping = match opened {
            Some(Opened { mut store, records, .. }) => {
                let (writer, thread) = Writer::start(move |batch| store.commit(batch))?;
                writing = Some((writer.clone(), thread));
                Some(Keeping { writer, records: RefCell::new(records), numbers_from })
            }
            None => None,
        };
        let (questions, asked) = mpsc::channel(1);
        let clients = experiment.bus.members().len() as u16;
        let bus = Arc::new(LiveBus {
            name,
            title: experiment.title.clone(),
            started: Instant::now(),
            epoch,
            office: Arc::default(),
            queues: experiment.bus.broker.queues.iter().map(|queue| queue.name.clone()).collect(),
            exchanges: BusView::of(&experiment.bus).exchanges,
            seats: Mutex::new(Seats {
                next: clients + 1,
                free: BTreeSet::new(),
                past: BTreeMap::new(),
                numbers_from,
                taken: 0,
            }),
            is_full: AtomicBool::new(false),
            ended: watch::Sender::new(false),
            questions,
            thread: Mutex::default(),
        });
        let spec = HallSpec {
            bus: Arc::new(experiment.bus.clone()),
            seed: experiment.seed,
            respawn: respawn(experiment),
            office: bus.office.clone(),
            started: bus.started,
            epoch,
            keeping,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (ready, is_ready) = std::sync::mpsc::channel();
        let own = bus.clone();
        let thread = thread::Builder::new().name("bus".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, own.run(spec, with_clients, ready, asked));
            own.end();
            if let Some((writer, thread)) = writing {
                writer.end();
                // Its panic has been told.
                let _ = thread.join();
            }
        })?;
        *bus.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        // Who comes by a socket finds the broker there.
        is_ready.recv().map_err(|_| io::Error::other("the bus ended as it began"))?;
        Ok(bus)
    }

    /// The bus's thread.
    async fn run(
        &self,
        spec: HallSpec,
        with_clients: bool,
        ready: std::sync::mpsc::Sender<()>,
        mut asked: mpsc::Receiver<oneshot::Sender<BusState>>,
    ) {
        const WEIGHED_EVERY: Duration = Duration::from_millis(50);
        let mut progress = spec.keeping.as_ref().map(|keeping| keeping.writer.progress());
        let hall = Hall::new(spec);
        hall.begin(with_clients);
        let _ = ready.send(());
        let mut ended = self.ended.subscribe();
        let mut weigh = interval(WEIGHED_EVERY);
        loop {
            tokio::select! {
                _ = ended.wait_for(|ended| *ended) => break,
                broken = hall.broken() => {
                    eprintln!("the bus `{}` ends: {broken}", self.name);
                    break;
                }
                progress = news(&mut progress) => {
                    hall.kept(progress.kept);
                    if let Some(sentence) = progress.failed {
                        eprintln!("the bus `{}` ends: {sentence}", self.name);
                        break;
                    }
                }
                _ = weigh.tick() => {
                    let bytes = hall.look(|broker| broker.bytes()).unwrap_or(0);
                    self.is_full.store(bytes > BUS_BYTES_MAX, Ordering::Relaxed);
                }
                Some(question) = asked.recv() => {
                    // Who has asked may be gone.
                    let _ = question.send(self.look(&hall));
                }
            }
        }
        hall.end();
    }

    fn look(&self, hall: &Hall) -> BusState {
        let sockets = self.seats().taken;
        let look = hall.look(|broker| {
            let queues = broker.queues().zip(broker.consumers());
            let queues =
                queues.map(|((name, counters), consumers)| (name.to_string(), QueueState { consumers, counters: *counters }));
            let queues = queues.collect();
            (broker.bytes(), *broker.counters(), queues)
        });
        let (bytes, counters, queues) = look.unwrap_or_default();
        BusState {
            name: self.name.clone(),
            title: self.title.clone(),
            sockets,
            bytes,
            counters,
            exchanges: self.exchanges.clone(),
            queues,
        }
    }

    /// What it has counted; `None` once it has ended.
    pub async fn state(&self) -> Option<BusState> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(answer).await.ok()?;
        answered.await.ok()
    }

    /// Time since it began, or the time on the wall if it has a store.
    pub fn now(&self) -> Time {
        self.epoch + Span(self.started.elapsed().as_micros() as u64)
    }

    /// Whether it holds so much that nobody may publish.
    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Tells when it ends.
    pub fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// Its thread ends, and its sockets are told.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Waits until it has ended and its store is closed.
    pub fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Its panic has been told.
        let _ = thread.map(JoinHandle::join);
    }

    /// A node for a client.
    pub fn enter(&self) -> Result<Guest, Crowded> {
        let mut seats = self.seats();
        if seats.taken >= BUS_SOCKETS_MAX {
            return Err(Crowded);
        }
        let node = match seats.free.pop_first() {
            Some(node) => node,
            None => {
                seats.next += 1;
                Node(seats.next - 1)
            }
        };
        seats.taken += 1;
        let (connection, made) = seats.past.get(&node).copied().unwrap_or((0, seats.numbers_from));
        Ok(Guest { node, connection: connection + 1, made, mailbox: self.office.open(node) })
    }

    /// The client is gone: the broker hears of it, and somebody else may have the node.
    pub fn leave(&self, guest: &Guest, made: u64) {
        self.office.send(guest.envelope(Frame::Close));
        self.office.close(guest.node);
        let mut seats = self.seats();
        seats.past.insert(guest.node, (guest.connection, made));
        seats.free.insert(guest.node);
        seats.taken -= 1;
    }

    /// Whether there is room for one more.
    pub fn has_room(&self) -> Result<(), Crowded> {
        if self.seats().taken < BUS_SOCKETS_MAX { Ok(()) } else { Err(Crowded) }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far its store has come, once that has changed; never without a store.
async fn news(progress: &mut Option<watch::Receiver<Progress>>) -> Progress {
    if let Some(progress) = progress
        && progress.changed().await.is_ok()
    {
        return progress.borrow_and_update().clone();
    }
    std::future::pending().await
}

/// The time on the wall: microseconds since 1970.
fn on_the_wall() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(since.as_micros() as u64)
}

impl Guest {
    /// A frame to the broker.
    pub fn envelope(&self, frame: Frame) -> Envelope {
        Envelope { from: self.node, to: Node::BROKER, connection: self.connection, frame }
    }
}
