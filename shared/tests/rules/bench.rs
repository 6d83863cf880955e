//! A worker at whose bench a test plays everybody else: the coordinator, the other workers, the kernels, the clock.

use std::sync::Arc;

use shared::batch::message::{Envelope, Message, OutputPlace};
use shared::batch::task::{Body, Outcome, Work};
use shared::batch::timing::Timing;
use shared::batch::worker::{Input, Output, Worker};
use shared::batch::{Counters, Job, Payload};
use shared::id::{Attempt, NodeId, TaskId};
use shared::machine::Machine;
use shared::time::Time;

use crate::common::word_count;

pub const FIRST: Attempt = Attempt { epoch: 1, number: 1 };
pub const SECOND: Attempt = Attempt { epoch: 1, number: 2 };

/// See the module. The worker is `worker-1`, in its first life.
pub struct Bench {
    pub now: Time,
    pub worker: Worker,
}

impl Bench {
    /// A worker that was welcomed to a job of so many map tasks and two partitions.
    pub fn new(maps: u64) -> Bench {
        let mut bench = Bench::unwelcomed();
        bench.welcome(maps);
        bench
    }

    /// A worker that has just said that it is there.
    pub fn unwelcomed() -> Bench {
        let mut bench = Bench { now: Time::ZERO, worker: Worker::new(NodeId::Worker(1), 1, Timing::SIMULATED) };
        bench.handle(Input::Start);
        bench
    }

    pub fn welcome(&mut self, maps: u64) -> Vec<Output> {
        let job = Job::over(Arc::new(word_count(2)), maps * 10, 10);
        self.hear(NodeId::Coordinator, Message::Welcome { job: Arc::new(job) })
    }

    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        self.worker.handle(self.now, input);
        self.drain()
    }

    /// Somebody, in the first life, says something to the worker.
    pub fn hear(&mut self, from: NodeId, message: Message) -> Vec<Output> {
        let to = NodeId::Worker(1);
        self.handle(Input::Envelope(Envelope { from, from_incarnation: 1, to, to_incarnation: Some(1), message }))
    }

    pub fn assign(&mut self, task: TaskId, attempt: Attempt, places: Vec<OutputPlace>) -> Vec<Output> {
        self.hear(NodeId::Coordinator, Message::Assign { task, attempt, places, skip: vec![] })
    }

    /// A map task's kernel ends with two partitions that name it.
    pub fn mapped(&mut self, map: u32, attempt: Attempt) -> Vec<Output> {
        let partitions = (0..2).map(|partition| payload(map, partition)).collect();
        let outcome = Outcome::Mapped { partitions, counters: Counters::default() };
        self.handle(Input::Computed { task: TaskId::Map(map), attempt, outcome })
    }

    /// Another worker answers a fetch with its rows.
    pub fn fetched(&mut self, from: u32, map: u32, partition: u32) -> Vec<Output> {
        let rows = payload(map, partition);
        self.hear(
            NodeId::Worker(from),
            Message::Fetched { task: TaskId::Map(map), attempt: FIRST, partition, found: true, rows },
        )
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.worker.poll()).collect()
    }
}

/// What stands for the rows of a partition of a map task's output.
pub fn payload(map: u32, partition: u32) -> Payload {
    Payload::new(format!("map-{map} partition {partition}").into_bytes())
}

/// `map`'s output, made in the first attempt, is at this worker.
pub fn place(map: u32, worker: u32) -> OutputPlace {
    OutputPlace { task: TaskId::Map(map), attempt: FIRST, worker: NodeId::Worker(worker), incarnation: 1 }
}

/// What the worker said, and to whom.
pub fn said(outputs: &[Output]) -> Vec<(NodeId, Message)> {
    let said = outputs.iter().filter_map(|output| match output {
        Output::Send(envelope) => Some((envelope.to, envelope.message.clone())),
        _ => None,
    });
    said.collect()
}

/// The tasks whose kernels are to be run.
pub fn computes(outputs: &[Output]) -> Vec<Work> {
    let works = outputs.iter().filter_map(|output| match output {
        Output::Compute(work) => Some(work.clone()),
        _ => None,
    });
    works.collect()
}

/// The inputs of the one reduce kernel among some outputs.
pub fn reduce_inputs(outputs: &[Output]) -> Option<Vec<Payload>> {
    computes(outputs).into_iter().find_map(|work| match work.body {
        Body::Reduce(inputs) => Some(inputs),
        Body::Map { .. } => None,
    })
}
