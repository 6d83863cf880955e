//! The worker of a batch job: runs the tasks it is given, keeps the outputs it made, and serves them to the tasks behind.
//!
//! It never reads input or runs a kernel itself: it outputs [`Output::Compute`], and its driver hands back [`Input::Computed`].
//! What it has said and was not answered it says again ([`Timing::retry`]); what it was told twice it does once.

mod fetching;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use self::fetching::{Action, Fetching};
use super::message::{Collecting, Envelope, Message, OutputPlace, Progress};
use super::task::{Body, Outcome, Work};
use super::timing::Timing;
use super::{Counters, Job, Payload};
use crate::id::{Attempt, Incarnation, NodeId, TaskId};
use crate::machine::Machine;
use crate::time::Time;

/// What happens to a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// It has just been made.
    Start,
    Envelope(Envelope),
    /// The running kernel has come this far.
    Progress {
        task: TaskId,
        attempt: Attempt,
        records: u64,
        bytes: u64,
    },
    /// The kernel of [`Output::Compute`] has ended.
    Computed {
        task: TaskId,
        attempt: Attempt,
        outcome: Outcome,
    },
}

/// What its driver is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    Send(Envelope),
    /// Remember the job: its plan is what the kernels run.
    Job(Arc<Job>),
    /// Run this kernel. At most one is out at a time.
    Compute(Work),
    /// Stop the kernel that is running; nothing need be handed back.
    Abandon,
    /// The job is over and everything is dropped.
    Finished,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Worker {
    node: NodeId,
    incarnation: Incarnation,
    timing: Timing,
    job: Option<Arc<Job>>,
    /// Assignments that overtook the welcome: what they are about is not known yet.
    early: Vec<(TaskId, Attempt, Vec<OutputPlace>, Vec<u64>)>,
    outputs: VecDeque<Output>,
    /// Attempts ready to run, and the one that runs.
    ready: VecDeque<Work>,
    computing: Option<Progress>,
    /// The tasks that are collecting their inputs.
    fetching: Vec<Fetching>,
    /// Outputs made here for other tasks, by the task that made them. Every attempt of a task has the same output, so one is enough.
    held: BTreeMap<TaskId, Arc<Held>>,
    /// Completions that the coordinator has not accepted yet, and when each was last said.
    reports: BTreeMap<(TaskId, Attempt), (Time, Message)>,
    next_heartbeat: Option<Time>,
    finished: bool,
}

#[derive(Clone, Debug)]
struct Held {
    attempt: Attempt,
    partitions: Arc<Vec<Payload>>,
    counters: Counters,
}

impl Held {
    fn sizes(&self) -> Vec<u64> {
        self.partitions.iter().map(|rows| rows.len() as u64).collect()
    }
}

impl Worker {
    pub fn new(node: NodeId, incarnation: Incarnation, timing: Timing) -> Worker {
        Worker {
            node,
            incarnation,
            timing,
            job: None,
            early: Vec::new(),
            outputs: VecDeque::new(),
            ready: VecDeque::new(),
            computing: None,
            fetching: Vec::new(),
            held: BTreeMap::new(),
            reports: BTreeMap::new(),
            next_heartbeat: None,
            finished: false,
        }
    }

    /// How many outputs and reports it keeps.
    pub fn size(&self) -> usize {
        self.held.len() + self.reports.len()
    }

    fn receive(&mut self, now: Time, envelope: Envelope) {
        let for_me = envelope.to == self.node && envelope.to_incarnation.is_none_or(|it| it == self.incarnation);
        if !for_me || self.finished {
            return;
        }
        let sender = (envelope.from, envelope.from_incarnation);
        match envelope.message {
            Message::Welcome { job } => {
                if self.job.is_none() {
                    self.job = Some(job.clone());
                    self.outputs.push_back(Output::Job(job));
                    for (task, attempt, places, skip) in std::mem::take(&mut self.early) {
                        self.assign(now, task, attempt, places, skip);
                    }
                }
            }
            Message::Assign { task, attempt, places, skip } => self.assign(now, task, attempt, places, skip),
            Message::MapAt { place } => {
                self.fetching.iter_mut().for_each(|fetching| fetching.learn(place));
                self.fetch(now);
            }
            Message::Accepted { task, attempt } => {
                self.reports.remove(&(task, attempt));
            }
            Message::Cancel { task, attempt } => self.cancel(task, attempt),
            Message::Finished => self.finish(),
            Message::Fetch { task, attempt, partition } => {
                let rows = self.held.get(&task).and_then(|held| held.partitions.get(partition as usize)).cloned();
                let found = rows.is_some();
                let message = Message::Fetched { task, attempt, partition, found, rows: rows.unwrap_or_default() };
                self.send(sender.0, Some(sender.1), message);
            }
            Message::Fetched { task, attempt, partition, found, rows } => {
                for fetching in &mut self.fetching {
                    fetching.fetched(task, attempt, partition, found.then(|| rows.clone()));
                }
                self.fetch(now);
            }
            // Said by workers to their coordinator; nothing to a worker.
            Message::Register
            | Message::Heartbeat { .. }
            | Message::MapDone { .. }
            | Message::ReduceDone { .. }
            | Message::Failed { .. }
            | Message::Unfetchable { .. } => {}
        }
        self.compute_next();
    }

    fn assign(&mut self, now: Time, task: TaskId, attempt: Attempt, places: Vec<OutputPlace>, skip: Vec<u64>) {
        let Some(job) = self.job.clone() else { return self.early.push((task, attempt, places, skip)) };
        if let Some((said, report)) = self.reports.get_mut(&(task, attempt)) {
            // The assignment was repeated because the report was lost on its way.
            *said = now;
            let report = report.clone();
            return self.send(NodeId::Coordinator, None, report);
        }
        if let Some(held) = self.held.get(&task).filter(|held| held.attempt == attempt) {
            // The coordinator has lost sight of what is here: late news made it believe that this attempt still runs.
            let report = Message::MapDone { task, attempt, counters: held.counters, sizes: held.sizes() };
            self.reports.insert((task, attempt), (now, report.clone()));
            return self.send(NodeId::Coordinator, None, report);
        }
        if job.stage(task).is_none() {
            return;
        }
        match task {
            TaskId::Map(number) => {
                if !self.has(task, attempt) {
                    self.ready.push_back(Work { task, attempt, body: Body::Map { number, skip } });
                }
            }
            TaskId::Reduce(_) => {
                if !self.has(task, attempt) {
                    self.fetching.push(Fetching::new(task, attempt, job.needs(task)));
                }
                for fetching in self.fetching.iter_mut().filter(|it| (it.task(), it.attempt()) == (task, attempt)) {
                    places.iter().for_each(|place| fetching.learn(*place));
                }
                self.fetch(now);
            }
        }
    }

    /// Everything in hand: queued, running, and collecting inputs.
    fn running(&self) -> Vec<Progress> {
        let queued = self.ready.iter().map(|work| (work.task, work.attempt));
        let fetching = self.fetching.iter().map(|it| (it.task(), it.attempt()));
        let waiting = queued.chain(fetching).map(|(task, attempt)| Progress { task, attempt, records: 0, bytes: 0 });
        self.computing.into_iter().chain(waiting).collect()
    }

    fn has(&self, task: TaskId, attempt: Attempt) -> bool {
        self.running().iter().any(|progress| (progress.task, progress.attempt) == (task, attempt))
    }

    /// Asks for what the collecting tasks still want, and makes those ready that have all of it.
    fn fetch(&mut self, now: Time) {
        let mut sends = Vec::new();
        let mut index = 0;
        while index < self.fetching.len() {
            let fetching = &mut self.fetching[index];
            while let Some(action) = fetching.next(now, self.timing.retry) {
                let (to, message) = match action {
                    Action::Fetch(place, partition) if (place.worker, place.incarnation) == (self.node, self.incarnation) => {
                        let held = self.held.get(&place.task);
                        let rows = held.and_then(|held| held.partitions.get(partition as usize)).cloned();
                        fetching.fetched(place.task, place.attempt, partition, rows);
                        continue;
                    }
                    Action::Fetch(place, partition) => {
                        let (task, attempt) = (place.task, place.attempt);
                        ((place.worker, Some(place.incarnation)), Message::Fetch { task, attempt, partition })
                    }
                    Action::Complain(place) => ((NodeId::Coordinator, None), Message::Unfetchable { place }),
                };
                sends.push((to, message));
            }
            match fetching.inputs() {
                Some(inputs) => {
                    let (task, attempt) = (fetching.task(), fetching.attempt());
                    self.fetching.remove(index);
                    self.ready.push_back(Work { task, attempt, body: Body::Reduce(inputs) });
                }
                None => index += 1,
            }
        }
        for ((to, incarnation), message) in sends {
            self.send(to, incarnation, message);
        }
    }

    fn compute_next(&mut self) {
        if self.computing.is_none()
            && let Some(work) = self.ready.pop_front()
        {
            self.computing = Some(Progress { task: work.task, attempt: work.attempt, records: 0, bytes: 0 });
            self.outputs.push_back(Output::Compute(work));
        }
    }

    fn computed(&mut self, now: Time, task: TaskId, attempt: Attempt, outcome: Outcome) {
        if self.computing.is_none_or(|it| (it.task, it.attempt) != (task, attempt)) {
            return; // It was cancelled while its last step ran.
        }
        self.computing = None;
        let report = match outcome {
            Outcome::Mapped { partitions, counters } => {
                let held = Held { attempt, partitions: Arc::new(partitions), counters };
                let sizes = held.sizes();
                self.held.insert(task, Arc::new(held));
                Message::MapDone { task, attempt, counters, sizes }
            }
            Outcome::Reduced { rows, counters } => Message::ReduceDone { task, attempt, counters, rows },
            Outcome::Failed(failure) => Message::Failed { task, attempt, failure },
        };
        self.reports.insert((task, attempt), (now, report.clone()));
        self.send(NodeId::Coordinator, None, report);
    }

    fn cancel(&mut self, task: TaskId, attempt: Attempt) {
        self.reports.remove(&(task, attempt));
        self.early.retain(|(of, its, ..)| (*of, *its) != (task, attempt));
        self.ready.retain(|work| (work.task, work.attempt) != (task, attempt));
        self.fetching.retain(|it| (it.task(), it.attempt()) != (task, attempt));
        if self.computing.is_some_and(|it| (it.task, it.attempt) == (task, attempt)) {
            self.computing = None;
            self.outputs.push_back(Output::Abandon);
        }
        if self.held.get(&task).is_some_and(|held| held.attempt == attempt) {
            self.held.remove(&task);
        }
    }

    fn finish(&mut self) {
        self.finished = true;
        self.early.clear();
        self.ready.clear();
        self.fetching.clear();
        self.held.clear();
        self.reports.clear();
        self.computing = None;
        self.outputs.push_back(Output::Finished);
    }

    fn send(&mut self, to: NodeId, to_incarnation: Option<Incarnation>, message: Message) {
        let (from, from_incarnation) = (self.node, self.incarnation);
        self.outputs.push_back(Output::Send(Envelope { from, from_incarnation, to, to_incarnation, message }));
    }

    /// Says again what was not answered, and lives.
    fn remind(&mut self, now: Time) {
        if self.finished || self.next_heartbeat.is_none_or(|at| now < at) {
            return;
        }
        self.next_heartbeat = Some(now + self.timing.heartbeat);
        if self.job.is_none() {
            return self.send(NodeId::Coordinator, None, Message::Register);
        }
        let known = |it: &Fetching| Collecting { task: it.task(), attempt: it.attempt(), known: it.known() };
        let collecting = self.fetching.iter().map(known).collect();
        let running = self.running();
        self.send(NodeId::Coordinator, None, Message::Heartbeat { running, collecting });
        let retry = self.timing.retry;
        let late: Vec<_> = self.reports.iter().filter(|(_, (said, _))| now >= *said + retry).map(|(key, _)| *key).collect();
        for key in late {
            if let Some((said, report)) = self.reports.get_mut(&key) {
                *said = now;
                let report = report.clone();
                self.send(NodeId::Coordinator, None, report);
            }
        }
        self.fetch(now);
        self.compute_next();
    }
}

impl Machine for Worker {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Start => {
                self.next_heartbeat = Some(now);
                self.remind(now);
            }
            Input::Envelope(envelope) => self.receive(now, envelope),
            Input::Progress { task, attempt, records, bytes } => {
                if let Some(computing) = self.computing.as_mut().filter(|it| (it.task, it.attempt) == (task, attempt)) {
                    (computing.records, computing.bytes) = (records, bytes);
                }
            }
            Input::Computed { task, attempt, outcome } => {
                self.computed(now, task, attempt, outcome);
                self.compute_next();
            }
        }
    }

    fn wake(&mut self, now: Time) {
        self.remind(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        self.next_heartbeat.filter(|_| !self.finished)
    }
}
