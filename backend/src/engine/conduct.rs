//! A bus in real time: a thread for its conductor, and one for each of its nodes.
//!
//! Frames go straight from node to node through the channel of the one that they are for. A kill is a flag that a node's thread looks at
//! between two turns, after which its machine is gone; nothing that it still says is heard.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use shared::id::Incarnation;
use shared::machine::Machine;
use shared::messaging::{Bus, Envelope, Node};
use shared::session::real::{Birth, Conductor, ConductorSpec, Ended, Input, Life, LifeInput, LifeOutput, Output, Word};
use shared::time::{Span, Time};
use shared::wire::Frame;

/// How often a node says what it has done.
const REPORT_EVERY: Span = Span::millis(20);

/// Parcels that a node takes before it looks at the clock.
const PARCELS_IN_A_TURN: u32 = 256;

/// What reaches a conductor.
#[derive(Debug)]
pub enum Said {
    Input(Box<Input>),
    /// Nobody wants to know any more.
    Stop,
}

/// What a run is told of, and by whom it is touched.
#[derive(Debug)]
pub enum Told {
    Frame(Box<Frame>),
    Ended(Result<Box<Ended>, String>),
}

/// The way to a conductor, which ends when this is dropped.
#[derive(Debug)]
pub struct Baton(Sender<Said>);

impl Baton {
    /// One that has ended hears nothing.
    pub fn say(&self, input: Input) {
        let _ = self.0.send(Said::Input(Box::new(input)));
    }
}

impl Drop for Baton {
    fn drop(&mut self) {
        let _ = self.0.send(Said::Stop);
    }
}

/// A bus that has not begun.
#[derive(Debug)]
pub struct Stage {
    sender: Sender<Said>,
    inbox: Receiver<Said>,
}

impl Stage {
    pub fn new() -> (Stage, Baton) {
        let (sender, inbox) = channel();
        (Stage { sender: sender.clone(), inbox }, Baton(sender))
    }

    /// Runs it to its end, in this thread.
    pub fn conduct(self, spec: ConductorSpec, mut told: impl FnMut(Told)) {
        let (clock, bus) = (Clock(Instant::now()), spec.bus.clone());
        let mut conductor = Conductor::new(spec);
        let mut cast = Cast { bus, clock, conductor: self.sender, lives: BTreeMap::new() };
        conductor.handle(clock.now(), Input::Start);
        loop {
            while let Some(output) = conductor.poll() {
                match output {
                    Output::Spawn(birth) => cast.spawn(birth),
                    Output::End { node, incarnation } => cast.end(node, incarnation),
                    Output::Tell { node, word } => cast.tell(node, word),
                    Output::Frame(frame) => told(Told::Frame(frame)),
                    Output::Ended(ended) => return told(Told::Ended(ended)),
                }
            }
            let Some(at) = conductor.next_wake() else { return };
            match self.inbox.recv_timeout(clock.until(at)) {
                Ok(Said::Input(input)) => conductor.handle(clock.now(), *input),
                Ok(Said::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = clock.now();
            if conductor.next_wake().is_some_and(|at| at <= now) {
                conductor.wake(now);
            }
        }
    }
}

/// Time since a run began.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn now(self) -> Time {
        Time(self.0.elapsed().as_micros() as u64)
    }

    fn until(self, at: Time) -> Duration {
        Duration::from_micros(at.since(self.now()).0)
    }
}

/// What is put into a node's channel.
enum Parcel {
    Frame(Envelope),
    Mark(Node),
    /// With the way to the peer that it links.
    Word(Word, Option<Sender<Parcel>>),
}

/// The nodes that live.
struct Cast {
    bus: Arc<Bus>,
    clock: Clock,
    conductor: Sender<Said>,
    lives: BTreeMap<Node, Living>,
}

struct Living {
    incarnation: Incarnation,
    inbox: Sender<Parcel>,
    killed: Arc<AtomicBool>,
}

impl Living {
    fn kill(self) {
        self.killed.store(true, Ordering::Relaxed);
        // Its peers hold ways to it, so its thread would wait for ever for one of them to speak.
        let _ = self.inbox.send(Parcel::Word(Word::Halt, None));
    }
}

impl Cast {
    fn spawn(&mut self, birth: Birth) {
        let (node, incarnation) = (birth.node, birth.incarnation);
        let (sender, inbox) = channel();
        let killed = Arc::new(AtomicBool::new(false));
        let way = |peer: &Node| Some((*peer, self.lives.get(peer)?.inbox.clone()));
        let thread = NodeThread {
            inbox,
            peers: birth.peers.iter().filter_map(way).collect(),
            killed: killed.clone(),
            clock: self.clock,
            fall: Fall { conductor: self.conductor.clone(), node, incarnation },
        };
        for peer in birth.peers.iter().filter_map(|peer| self.lives.get(peer)) {
            // Before it can say anything: a peer answers only whom it knows. That the conductor says it again does no harm.
            let _ = peer.inbox.send(Parcel::Word(Word::Linked(node), Some(sender.clone())));
        }
        self.lives.insert(node, Living { incarnation, inbox: sender, killed });
        let bus = self.bus.clone();
        // If there is no thread to be had the closure is dropped, and `Fall` with it says that this life is over.
        let name = format!("node {}", node.0);
        if let Err(error) = thread::Builder::new().name(name).spawn(move || thread.live(Life::new(&bus, birth))) {
            eprintln!("node {} could not be started as a thread: {error}", node.0);
        }
    }

    fn end(&mut self, node: Node, incarnation: Incarnation) {
        if self.lives.get(&node).is_some_and(|life| life.incarnation == incarnation) {
            self.lives.remove(&node).into_iter().for_each(Living::kill);
        }
    }

    fn tell(&mut self, node: Node, word: Word) {
        let way = match &word {
            Word::Linked(peer) => self.lives.get(peer).map(|life| life.inbox.clone()),
            _ => None,
        };
        if let Some(life) = self.lives.get(&node) {
            // One whose inbox is closed is falling; the conductor hears of it.
            let _ = life.inbox.send(Parcel::Word(word, way));
        }
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        std::mem::take(&mut self.lives).into_values().for_each(Living::kill);
    }
}

/// Says that a life is over when it is dropped, however that came. A conductor that has ended it does not mind.
struct Fall {
    conductor: Sender<Said>,
    node: Node,
    incarnation: Incarnation,
}

impl Drop for Fall {
    fn drop(&mut self) {
        let (node, incarnation) = (self.node, self.incarnation);
        let _ = self.conductor.send(Said::Input(Box::new(Input::Down { node, incarnation })));
    }
}

/// What the thread of a node has.
struct NodeThread {
    inbox: Receiver<Parcel>,
    peers: BTreeMap<Node, Sender<Parcel>>,
    killed: Arc<AtomicBool>,
    clock: Clock,
    fall: Fall,
}

impl NodeThread {
    fn live(mut self, mut life: Life) {
        let mut report_at = self.clock.now();
        life.handle(report_at, LifeInput::Start);
        while self.carry_out(&mut life) {
            let now = self.clock.now();
            if now >= report_at {
                report_at = now + REPORT_EVERY;
                self.report(&mut life);
            }
            let at = life.next_wake().into_iter().chain(life.has_news().then_some(report_at)).min();
            let parcel = match at {
                Some(at) => self.inbox.recv_timeout(self.clock.until(at)),
                None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match parcel {
                Ok(parcel) => {
                    self.take(&mut life, parcel);
                    for _ in 1..PARCELS_IN_A_TURN {
                        let Ok(parcel) = self.inbox.try_recv() else { break };
                        self.take(&mut life, parcel);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = self.clock.now();
            if life.next_wake().is_some_and(|at| at <= now) {
                life.wake(now);
            }
        }
    }

    fn take(&mut self, life: &mut Life, parcel: Parcel) {
        let input = match parcel {
            Parcel::Frame(envelope) => LifeInput::Frame(envelope),
            Parcel::Mark(from) => LifeInput::Mark(from),
            Parcel::Word(word, way) => {
                match (&word, way) {
                    (Word::Linked(peer), Some(way)) => drop(self.peers.insert(*peer, way)),
                    (Word::Gone(peer), _) => drop(self.peers.remove(peer)),
                    _ => {}
                }
                LifeInput::Word(word)
            }
        };
        life.handle(self.clock.now(), input);
    }

    fn report(&self, life: &mut Life) {
        if let Some(report) = life.report(self.clock.now()) {
            // A conductor that is gone has ended it too.
            let _ = self.fall.conductor.send(Said::Input(Box::new(Input::Report(report))));
        }
    }

    /// `false` if the life is over.
    fn carry_out(&mut self, life: &mut Life) -> bool {
        if self.killed.load(Ordering::Relaxed) {
            return false;
        }
        while let Some(output) = life.poll() {
            let (to, parcel) = match output {
                LifeOutput::Send(envelope) => (envelope.to, Parcel::Frame(envelope)),
                LifeOutput::Mark(to) => (to, Parcel::Mark(self.fall.node)),
                LifeOutput::Report(report) => {
                    let _ = self.fall.conductor.send(Said::Input(Box::new(Input::Report(*report))));
                    continue;
                }
                LifeOutput::Crash => {
                    self.report(life);
                    return false;
                }
            };
            if let Some(way) = self.peers.get(&to) {
                // What is sent to one that falls is lost.
                let _ = way.send(parcel);
            }
        }
        true
    }
}
