//! A coordinator at whose desk a test plays everybody else: the workers, the store, the clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::batch::coordinator::{Checkpoint, CommittedPartition, Coordinator, Input, Output};
use shared::batch::message::{Envelope, Message, OutputPlace, Progress};
use shared::batch::timing::Timing;
use shared::batch::{Counters, Job, Payload};
use shared::id::{Attempt, Incarnation, NodeId, TaskId};
use shared::machine::Machine;
use shared::time::{Span, Time};

use crate::common::word_count;

pub const MAP_0: TaskId = TaskId::Map(0);
pub const MAP_1: TaskId = TaskId::Map(1);
pub const MAP_2: TaskId = TaskId::Map(2);
pub const MAP_3: TaskId = TaskId::Map(3);
pub const REDUCE_0: TaskId = TaskId::Reduce(0);
pub const REDUCE_1: TaskId = TaskId::Reduce(1);

/// An assignment that was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    pub worker: u32,
    pub task: TaskId,
    pub attempt: Attempt,
    pub places: Vec<OutputPlace>,
}

/// See the module.
pub struct Desk {
    pub now: Time,
    pub coordinator: Coordinator,
    job: Arc<Job>,
    /// Whether the store answers at once; otherwise a test answers in its place.
    pub store_answers: bool,
    /// What the store holds: the checkpoint, and the first commit of each partition.
    pub checkpoint: Checkpoint,
    pub rows: BTreeMap<TaskId, (CommittedPartition, Payload)>,
    /// Every assignment so far, the repeated ones too.
    pub given: Vec<Given>,
    lives: BTreeMap<u32, Incarnation>,
    /// What each worker has in hand.
    hands: BTreeMap<u32, Vec<(TaskId, Attempt)>>,
}

impl Desk {
    /// A job of so many map and reduce tasks, nobody there yet.
    pub fn new(maps: u64, reduces: u32) -> Desk {
        let job = Arc::new(Job::over(Arc::new(word_count(reduces)), maps * 10, 10));
        Desk {
            now: Time::ZERO,
            coordinator: Coordinator::new(job.clone(), Timing::SIMULATED),
            job,
            store_answers: true,
            checkpoint: Checkpoint::default(),
            rows: BTreeMap::new(),
            given: Vec::new(),
            lives: BTreeMap::new(),
            hands: BTreeMap::new(),
        }
    }

    /// The coordinator is gone, and another continues from what the store holds.
    pub fn restart(&mut self, epoch: Incarnation) {
        let committed: Vec<_> = self.rows.values().map(|(partition, _)| *partition).collect();
        let (job, checkpoint) = (self.job.clone(), Some(self.checkpoint.clone()));
        self.coordinator = Coordinator::restore(epoch, job, Timing::SIMULATED, checkpoint, committed);
        self.given.clear();
        self.drain();
    }

    /// Time passes; nothing is said.
    pub fn wait(&mut self, millis: u64) -> Vec<Output> {
        self.now = self.now + Span::millis(millis);
        self.coordinator.wake(self.now);
        self.drain()
    }

    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        self.coordinator.handle(self.now, input);
        self.drain()
    }

    /// A worker speaks, in its present life.
    pub fn say(&mut self, worker: u32, message: Message) -> Vec<Output> {
        let life = self.lives.get(&worker).copied().unwrap_or(1);
        self.say_in_life(worker, life, message)
    }

    pub fn say_in_life(&mut self, worker: u32, life: Incarnation, message: Message) -> Vec<Output> {
        let (from, to) = (NodeId::Worker(worker), NodeId::Coordinator);
        let envelope = Envelope { from, from_incarnation: life, to, to_incarnation: None, message };
        self.handle(Input::Envelope(envelope))
    }

    pub fn join(&mut self, worker: u32) -> Vec<Output> {
        self.say(worker, Message::Register)
    }

    /// The driver knows that a worker's life is over; it comes back, if it does, in the next one.
    pub fn down(&mut self, worker: u32) -> Vec<Output> {
        let incarnation = self.lives.get(&worker).copied().unwrap_or(1);
        self.lives.insert(worker, incarnation + 1);
        self.hands.remove(&worker);
        self.handle(Input::Down { node: NodeId::Worker(worker), incarnation, crashed: false })
    }

    /// A worker comes back in its next life before anybody has said that the one before is over.
    pub fn reborn(&mut self, worker: u32) -> Vec<Output> {
        *self.lives.entry(worker).or_insert(1) += 1;
        self.hands.remove(&worker);
        self.join(worker)
    }

    /// A worker says that it lives, and what it has in hand.
    pub fn heartbeat(&mut self, worker: u32) -> Vec<Output> {
        let hand = self.hands.get(&worker).cloned().unwrap_or_default();
        let running = hand.into_iter().map(|(task, attempt)| Progress { task, attempt, records: 0, bytes: 0 }).collect();
        self.say(worker, Message::Heartbeat { running, collecting: vec![] })
    }

    /// Time passes until every worker that says nothing counts as lost.
    pub fn silence_of_all_but(&mut self, others: &[u32]) -> Vec<Output> {
        let mut outputs = Vec::new();
        for _ in 0..2 {
            outputs.extend(self.wait(Timing::SIMULATED.lost_after.0 / 2_000));
            for other in others {
                outputs.extend(self.heartbeat(*other));
            }
        }
        outputs
    }

    /// The task is done, as the worker says.
    pub fn done(&mut self, worker: u32, task: TaskId, attempt: Attempt) -> Vec<Output> {
        if let Some(hand) = self.hands.get_mut(&worker) {
            hand.retain(|it| *it != (task, attempt));
        }
        self.say(worker, done(task, attempt))
    }

    /// The attempt of a task that a worker was given last.
    pub fn attempt(&self, worker: u32, task: TaskId) -> Attempt {
        let of = |given: &&Given| (given.worker, given.task) == (worker, task);
        self.given.iter().rev().find(of).unwrap_or_else(|| panic!("worker-{worker} was never given {task}")).attempt
    }

    /// The worker does what it was given last of this task.
    pub fn do_task(&mut self, worker: u32, task: TaskId) -> Vec<Output> {
        let attempt = self.attempt(worker, task);
        self.done(worker, task, attempt)
    }

    pub fn do_tasks(&mut self, worker: u32, tasks: &[TaskId]) {
        tasks.iter().for_each(|task| drop(self.do_task(worker, *task)));
    }

    /// The worker does all that it is given from the `from`-th assignment on, until it is given no more. Gives what was said.
    pub fn do_everything(&mut self, worker: u32, from: usize) -> Vec<Output> {
        let (mut next, mut outputs) = (from, Vec::new());
        while let Some(given) = self.given.get(next).cloned() {
            if given.worker == worker {
                outputs.extend(self.done(worker, given.task, given.attempt));
            }
            next += 1;
        }
        outputs
    }

    /// Which of a worker's tasks were given out since the `from`-th assignment.
    pub fn tasks_given(&self, worker: u32, from: usize) -> Vec<TaskId> {
        self.given[from..].iter().filter(|given| given.worker == worker).map(|given| given.task).collect()
    }

    fn drain(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.coordinator.poll() {
            match &output {
                Output::Store(change) if self.store_answers => {
                    self.checkpoint.apply((**change).clone());
                    self.coordinator.handle(self.now, Input::Stored { version: change.version });
                }
                Output::Commit { partition, rows } if self.store_answers => {
                    let first = self.put(*partition, rows.clone());
                    self.coordinator.handle(self.now, Input::Committed(first));
                }
                Output::Send(Envelope { to: NodeId::Worker(worker), message, .. }) => {
                    if let Message::Assign { task, attempt, places, .. } = message.clone() {
                        let hand = self.hands.entry(*worker).or_default();
                        hand.retain(|it| *it != (task, attempt));
                        hand.push((task, attempt));
                        self.given.push(Given { worker: *worker, task, attempt, places });
                    }
                }
                _ => {}
            }
            outputs.push(output);
        }
        outputs
    }

    /// Puts rows in the store unless the partition has some; gives what is there.
    pub fn put(&mut self, partition: CommittedPartition, rows: Payload) -> CommittedPartition {
        self.rows.entry(partition.task).or_insert((partition, rows)).0
    }
}

/// What a worker says when it has done a task. Each map task counts ten lines, each reduce task three groups.
pub fn done(task: TaskId, attempt: Attempt) -> Message {
    match task {
        TaskId::Map(_) => {
            let counters = Counters { map_input_records: 10, map_output_records: 30, ..Counters::default() };
            Message::MapDone { task, attempt, counters, sizes: vec![] }
        }
        TaskId::Reduce(_) => {
            let counters = Counters { reduce_input_groups: 3, output_records: 3, ..Counters::default() };
            Message::ReduceDone { task, attempt, counters, rows: Payload::new(format!("{task}").into_bytes()) }
        }
    }
}

/// The messages to a worker among some outputs.
pub fn said_to(worker: u32, outputs: &[Output]) -> Vec<Message> {
    let said = outputs.iter().filter_map(|output| match output {
        Output::Send(envelope) if envelope.to == NodeId::Worker(worker) => Some(envelope.message.clone()),
        _ => None,
    });
    said.collect()
}

pub fn accepts(outputs: &[Output], task: TaskId) -> bool {
    let accepted = |message: &Message| matches!(message, Message::Accepted { task: of, .. } if *of == task);
    outputs.iter().any(|output| matches!(output, Output::Send(envelope) if accepted(&envelope.message)))
}

/// The version of the checkpoint that is to be stored, the last one if several are.
pub fn stores(outputs: &[Output]) -> Option<u64> {
    outputs.iter().rev().find_map(|output| match output {
        Output::Store(change) => Some(change.version),
        _ => None,
    })
}

pub fn commits(outputs: &[Output]) -> Vec<(CommittedPartition, Payload)> {
    let commits = outputs.iter().filter_map(|output| match output {
        Output::Commit { partition, rows } => Some((*partition, rows.clone())),
        _ => None,
    });
    commits.collect()
}

/// The job's counters, if it is finished.
pub fn finished(outputs: &[Output]) -> Option<Counters> {
    outputs.iter().find_map(|output| match output {
        Output::Finished { counters } => Some(*counters),
        _ => None,
    })
}
