//! The control plane of one run: its coordinator, the lives of its workers, the clock of its faults, and the board that a client
//! watches. The same in every place; only what carries out its outputs differs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::board::Board;
use crate::batch::coordinator::{self, Change, Checkpoint, CommittedPartition, Coordinator, Note};
use crate::batch::message::Envelope;
use crate::batch::timing::{STILLBIRTHS_MAX, Timing};
use crate::batch::{Counters, Job, Payload};
use crate::fault::{EdgeKind, Effect, Fault, Moment};
use crate::id::{Incarnation, NodeId, TaskId};
use crate::machine::Machine;
use crate::time::{Span, Time};
use crate::wire::{Frame, Tally};

/// What a run is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunSpec {
    pub run: u32,
    pub job: Arc<Job>,
    pub workers: u32,
    pub timing: Timing,
    pub faults: Vec<Fault>,
    /// How long a killed node stays away; `None`: for good.
    pub respawn: Option<Span>,
    /// Bytes that a simulated kernel works through in a second. Real ones take the time that they take.
    pub compute: u64,
    pub watch: Watch,
}

/// Whether a client sees the run, and when frames are made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Nobody looks.
    Never,
    /// Frames come by the run's own clock.
    Frames,
    /// There is a frame when somebody [looks](Run::look).
    Looks,
}

/// What happens to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Start,
    /// From a worker, for the coordinator.
    Envelope(Envelope),
    /// The driver knows that this incarnation is gone, by its own hand or not.
    Down {
        node: NodeId,
        incarnation: Incarnation,
    },
    Stored {
        epoch: Incarnation,
        version: u64,
    },
    Committed(CommittedPartition),
    /// Somebody's wish, now.
    Fault(Effect),
    /// One more fault, whose moment has not come.
    Plan(Fault),
    /// The client is new or came back: the next frame holds everything.
    Repeat,
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Make a worker; it registers by itself.
    Spawn {
        node: NodeId,
        incarnation: Incarnation,
    },
    /// End it, really: its state is gone.
    Terminate {
        node: NodeId,
        incarnation: Incarnation,
    },
    /// To a worker.
    Send(Envelope),
    /// A checkpoint is to be kept (the run itself holds it); say [`Input::Stored`] when it would survive.
    Store {
        epoch: Incarnation,
        version: u64,
    },
    /// Keep the rows if the partition has none yet, all or nothing; say [`Input::Committed`] of what is there now.
    Commit {
        partition: CommittedPartition,
        rows: Payload,
    },
    /// A slow or paused node, a fault of an edge: what the place can do of it.
    Fault(Effect),
    Frame(Box<Frame>),
    Finished {
        counters: Counters,
        tally: Tally,
    },
    Failed(String),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Run {
    spec: RunSpec,
    /// `None` while it is down.
    coordinator: Option<Coordinator>,
    epoch: Incarnation,
    restart_at: Option<Time>,
    /// What the last coordinator had counted when it was stopped.
    counted: (Counters, Tally),
    stored: Option<Checkpoint>,
    storing: VecDeque<Change>,
    committed: BTreeMap<TaskId, CommittedPartition>,
    lives: BTreeMap<NodeId, Life>,
    faults: Vec<Fault>,
    board: Board,
    outputs: VecDeque<Output>,
    tally: Tally,
    ended: bool,
}

#[derive(Clone, Debug)]
struct Life {
    incarnation: Incarnation,
    up: bool,
    respawn_at: Option<Time>,
    /// It has registered with the coordinator.
    joined: bool,
    /// Lives of this worker that ended by themselves before they registered, since one did.
    stillbirths: u32,
}

impl Run {
    pub fn new(spec: RunSpec) -> Run {
        let board = Board::new(spec.run, &spec.job);
        let faults = spec.faults.clone();
        Run {
            spec,
            coordinator: None,
            epoch: 1,
            restart_at: None,
            counted: (Counters::default(), Tally::default()),
            stored: None,
            storing: VecDeque::new(),
            committed: BTreeMap::new(),
            lives: BTreeMap::new(),
            faults,
            board,
            outputs: VecDeque::new(),
            tally: Tally::default(),
            ended: false,
        }
    }

    /// Done tasks over all tasks, 0 to 1.
    pub fn progress(&self) -> f64 {
        self.coordinator.as_ref().map_or(0.0, Coordinator::progress)
    }

    /// The last checkpoint that survives the coordinator.
    pub fn stored(&self) -> Option<&Checkpoint> {
        self.stored.as_ref()
    }

    /// The incarnation of the coordinator; `None` while it is down.
    pub fn coordinator_epoch(&self) -> Option<Incarnation> {
        self.coordinator.as_ref().map(|_| self.epoch)
    }

    /// Whether there is anything that no frame has told yet.
    pub fn has_news(&self) -> bool {
        self.board.next_frame().is_some()
    }

    /// A frame of this moment, ahead of its time. Unlike those in time it is also to be had while the coordinator is down.
    pub fn look(&mut self, now: Time) -> Frame {
        let (counters, tally) = self.counts();
        self.board.frame(now, counters, tally)
    }

    /// Everything at this moment, whatever has been told.
    pub fn whole(&self, now: Time) -> Frame {
        let (counters, tally) = self.counts();
        self.board.whole(now, counters, tally)
    }

    /// The client is new: the next frame holds everything.
    pub fn repeat(&mut self) {
        self.board.repeat();
    }

    /// Whether a fault is still to come that is due at this moment or before.
    pub fn awaits_fault(&self, until: Time) -> bool {
        self.faults.iter().any(|fault| matches!(fault.at, Moment::Time(at) if at <= until))
    }

    /// How many faults have begun.
    pub fn faults(&self) -> u32 {
        self.board.faults()
    }

    /// Roughly how many things it keeps.
    pub fn size(&self) -> usize {
        let stored = self.stored.as_ref().map_or(0, Checkpoint::len);
        stored + self.committed.len()
    }

    fn counts(&self) -> (Counters, Tally) {
        self.coordinator.as_ref().map_or(self.counted, |it| (it.counters(), it.tally()))
    }

    fn start(&mut self) {
        self.coordinator = Some(Coordinator::new(self.spec.job.clone(), self.spec.timing));
        for number in 1..=self.spec.workers {
            self.spawn(NodeId::Worker(number), 1);
        }
    }

    fn spawn(&mut self, node: NodeId, incarnation: Incarnation) {
        let stillbirths = self.lives.get(&node).map_or(0, |life| life.stillbirths);
        self.lives.insert(node, Life { incarnation, up: true, respawn_at: None, joined: false, stillbirths });
        self.board.spawned(node, incarnation);
        self.outputs.push_back(Output::Spawn { node, incarnation });
    }

    fn effect(&mut self, now: Time, effect: Effect) {
        if self.ended {
            return;
        }
        match effect {
            Effect::Kill(NodeId::Coordinator) | Effect::RestartCoordinator => self.stop_coordinator(now),
            Effect::Kill(node) => self.kill(now, node),
            other => {
                self.board.fault(now, &other, describe(&other));
                self.outputs.push_back(Output::Fault(other));
            }
        }
    }

    fn kill(&mut self, now: Time, node: NodeId) {
        let Some(life) = self.lives.get(&node).filter(|life| life.up) else { return };
        let incarnation = life.incarnation;
        self.board.fault(now, &Effect::Kill(node), format!("{node} was killed."));
        self.outputs.push_back(Output::Terminate { node, incarnation });
        self.away(now, node, incarnation);
    }

    /// A worker's life has ended; plans its next one.
    fn away(&mut self, now: Time, node: NodeId, incarnation: Incarnation) {
        let Some(life) = self.lives.get_mut(&node).filter(|life| life.up && life.incarnation == incarnation) else { return };
        life.up = false;
        life.respawn_at = self.spec.respawn.map(|span| now + span);
        self.board.ended(now, node, incarnation);
        self.fail_if_nobody_is_left();
    }

    /// A worker ended by itself. One that never even begins would do so for ever.
    fn crashed(&mut self, node: NodeId) {
        let Some(life) = self.lives.get_mut(&node).filter(|life| !life.joined) else { return };
        life.stillbirths += 1;
        if life.stillbirths >= STILLBIRTHS_MAX && !self.ended {
            self.ended = true;
            let text = format!("{node} ended {STILLBIRTHS_MAX} times before it could begin: workers cannot be started here");
            self.outputs.push_back(Output::Failed(text));
        }
    }

    fn fail_if_nobody_is_left(&mut self) {
        let hope = self.lives.values().any(|life| life.up || life.respawn_at.is_some());
        if !hope && !self.ended {
            self.ended = true;
            let text = "every worker is gone and none comes back (`respawn: never`): the job cannot go on";
            self.outputs.push_back(Output::Failed(text.to_owned()));
        }
    }

    fn stop_coordinator(&mut self, now: Time) {
        let Some(stopped) = self.coordinator.take() else { return };
        self.counted = (stopped.counters(), stopped.tally());
        self.storing.clear();
        self.restart_at = Some(now + self.spec.respawn.unwrap_or(Span::ZERO));
        let text = "The coordinator was stopped; it continues from its last checkpoint.";
        self.board.fault(now, &Effect::RestartCoordinator, text);
    }

    fn restart_coordinator(&mut self, now: Time) {
        self.epoch += 1;
        self.restart_at = None;
        let committed = self.committed.values().copied();
        let (job, timing) = (self.spec.job.clone(), self.spec.timing);
        self.coordinator = Some(Coordinator::restore(self.epoch, job, timing, self.stored.clone(), committed));
        self.board.say(now, "The coordinator is back.");
        self.drain_coordinator(now);
    }

    fn tell(&mut self, now: Time, input: coordinator::Input) {
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.handle(now, input);
        }
        self.drain_coordinator(now);
    }

    fn drain_coordinator(&mut self, now: Time) {
        while let Some(output) = self.coordinator.as_mut().and_then(Coordinator::poll) {
            match output {
                coordinator::Output::Send(envelope) => self.outputs.push_back(Output::Send(envelope)),
                coordinator::Output::Store(change) => {
                    let version = change.version;
                    self.storing.push_back(*change);
                    self.outputs.push_back(Output::Store { epoch: self.epoch, version });
                }
                coordinator::Output::Commit { partition, rows } => {
                    self.outputs.push_back(Output::Commit { partition, rows });
                }
                coordinator::Output::Note(note) => {
                    if self.spec.watch != Watch::Never {
                        self.board.note(now, &note);
                    }
                    self.joined(&note);
                    self.lost(now, &note);
                }
                coordinator::Output::Finished { counters } => self.finish(now, counters),
                coordinator::Output::Failed(reason) => {
                    self.ended = true;
                    self.outputs.push_back(Output::Failed(reason));
                }
            }
        }
    }

    fn joined(&mut self, note: &Note) {
        if let Note::Joined { worker, incarnation } = note
            && let Some(life) = self.lives.get_mut(worker).filter(|life| life.incarnation == *incarnation)
        {
            (life.joined, life.stillbirths) = (true, 0);
        }
    }

    /// A worker that hangs is ended and made anew, as its supervisor would.
    fn lost(&mut self, now: Time, note: &Note) {
        if let Note::WorkerLost { worker, incarnation, .. } = note
            && self.lives.get(worker).is_some_and(|life| life.up && life.incarnation == *incarnation)
            && self.spec.timing.replaces_silent
        {
            self.outputs.push_back(Output::Terminate { node: *worker, incarnation: *incarnation });
            self.away(now, *worker, *incarnation);
        }
    }

    fn finish(&mut self, now: Time, counters: Counters) {
        self.ended = true;
        self.tally = self.coordinator.as_ref().map(Coordinator::tally).unwrap_or_default();
        self.board.close(now);
        if self.spec.watch == Watch::Frames {
            let frame = self.board.frame(now, counters, self.tally);
            self.outputs.push_back(Output::Frame(Box::new(frame)));
        }
        self.outputs.push_back(Output::Finished { counters, tally: self.tally });
    }

    /// Everything that is due: faults, respawns, restarts, a frame.
    fn due(&mut self, now: Time) {
        if self.ended {
            return;
        }
        let progress = self.progress();
        let is_due = |fault: &Fault| match fault.at {
            Moment::Progress(share) => progress >= share,
            Moment::Time(at) => now >= at,
        };
        while let Some(at) = self.faults.iter().position(is_due) {
            let fault = self.faults.remove(at);
            self.effect(now, fault.effect);
        }
        if self.restart_at.is_some_and(|at| now >= at) {
            self.restart_coordinator(now);
        }
        let back = |life: &Life| life.respawn_at.is_some_and(|at| now >= at);
        let ready: Vec<_> =
            self.lives.iter().filter(|(_, life)| back(life)).map(|(node, life)| (*node, life.incarnation + 1)).collect();
        for (node, incarnation) in ready {
            self.spawn(node, incarnation);
        }
        if self.spec.watch == Watch::Frames
            && self.board.next_frame().is_some_and(|at| now >= at)
            && let Some(coordinator) = &self.coordinator
        {
            let frame = self.board.frame(now, coordinator.counters(), coordinator.tally());
            self.outputs.push_back(Output::Frame(Box::new(frame)));
        }
    }
}

impl Machine for Run {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Start => self.start(),
            Input::Envelope(envelope) => self.tell(now, coordinator::Input::Envelope(envelope)),
            Input::Down { node, incarnation } => {
                // A worker that was terminated is away already when its driver says that it is gone.
                let crashed = self.lives.get(&node).is_some_and(|life| life.up && life.incarnation == incarnation);
                if crashed {
                    self.crashed(node);
                }
                self.away(now, node, incarnation);
                self.tell(now, coordinator::Input::Down { node, incarnation, crashed });
            }
            Input::Stored { epoch, version } => {
                if epoch == self.epoch && self.storing.front().is_some_and(|change| change.version <= version) {
                    while let Some(change) = self.storing.pop_front_if(|change| change.version <= version) {
                        self.stored.get_or_insert_default().apply(change);
                    }
                    self.tell(now, coordinator::Input::Stored { version });
                }
            }
            Input::Committed(partition) => {
                self.committed.insert(partition.task, partition);
                self.tell(now, coordinator::Input::Committed(partition));
            }
            Input::Fault(effect) => self.effect(now, effect),
            // It happens in its time, in its turn among what else happens then.
            Input::Plan(fault) => return self.faults.push(fault),
            Input::Repeat => self.board.repeat(),
        }
        self.due(now);
    }

    fn wake(&mut self, now: Time) {
        // Not when only a frame is due: watching a run must not change what it does.
        if let Some(coordinator) = &mut self.coordinator
            && coordinator.next_wake().is_some_and(|at| at <= now)
        {
            coordinator.wake(now);
        }
        self.drain_coordinator(now);
        self.due(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        if self.ended {
            return None;
        }
        let fault = self.faults.iter().filter_map(|fault| match fault.at {
            Moment::Time(at) => Some(at),
            Moment::Progress(_) => None,
        });
        let respawn = self.lives.values().filter_map(|life| life.respawn_at);
        let frame = self.board.next_frame().filter(|_| self.spec.watch == Watch::Frames && self.coordinator.is_some());
        let coordinator = self.coordinator.as_ref().and_then(Coordinator::next_wake);
        fault.chain(respawn).chain(frame).chain(coordinator).chain(self.restart_at).min()
    }
}

fn describe(effect: &Effect) -> String {
    let for_a_while = |span: &Option<Span>| span.map(|span| format!(" for {span}")).unwrap_or_default();
    match effect {
        Effect::Kill(node) => format!("{node} was killed."),
        Effect::RestartCoordinator => "The coordinator was stopped.".to_owned(),
        Effect::Slow { node, factor, span } => format!("{node} is {factor} times slower{}.", for_a_while(span)),
        Effect::Pause { node, span } => format!("{node} is paused for {span}."),
        Effect::Edge(fault) => {
            let name = |node: &Option<NodeId>| node.map_or("any node".to_owned(), |node| node.to_string());
            let kind = match fault.kind {
                EdgeKind::Drop => "lost".to_owned(),
                EdgeKind::Delay(span) => format!("{span} late"),
                EdgeKind::Duplicate => "repeated".to_owned(),
            };
            let (from, to, share) = (name(&fault.from), name(&fault.to), fault.probability * 100.0);
            format!("Messages from {from} to {to} are {kind} in {share} % of cases{}.", for_a_while(&fault.span))
        }
        Effect::Partition { span, .. } => format!("The network is partitioned{}.", for_a_while(span)),
        // A batch has no messages with names.
        Effect::Message(_) => String::new(),
    }
}
