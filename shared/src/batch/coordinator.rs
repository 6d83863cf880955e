//! The coordinator of a batch job: hands tasks to workers until each has been done once, whatever happens to the workers.
//!
//! The story of a task: idle, running in one execution (near the end of a stage in two), done. What a lost worker ran, and the
//! outputs that it held for the tasks behind, is idle again (MapReduce, OSDI'04 §3.3). The first completion of a task counts, later ones are
//! answered and ignored. A completion is accepted, that is, its worker may forget it, only after the checkpoint that names it
//! is stored; the rows of the last stage's tasks only after they are committed.
//!
//! Absent on purpose: kills, respawns and the clock of faults (see `session::run`), rows (a driver's store has them).

mod schedule;
mod tasks;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use self::tasks::{Change, Checkpoint, CommittedPartition};
use self::tasks::{Completion, Execution, Tasks};
use super::message::{Collecting, Envelope, Message, OutputPlace, Progress};
use super::task::Failure;
use super::timing::{CRASHES_PER_TASK, FAILURES_PER_RECORD, FAILURES_PER_TASK, SKIPPED_RECORDS_MAX, Timing};
use super::{Counters, Job, Payload};
use crate::id::{Attempt, Incarnation, NodeId, TaskId};
use crate::machine::Machine;
use crate::time::{Span, Time};
use crate::wire::{AttemptState, Tally};

/// What happens to a coordinator.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Envelope(Envelope),
    /// The driver knows that this incarnation of a worker is gone; no need to wait for its heartbeat to fail. `crashed`: by itself,
    /// not by anybody's hand.
    Down {
        node: NodeId,
        incarnation: Incarnation,
        crashed: bool,
    },
    /// The checkpoint of this version, and with it all earlier ones, is stored.
    Stored {
        version: u64,
    },
    /// The partition's rows are in the store. The first commit of a partition wins; this is the one that did.
    Committed(CommittedPartition),
}

/// What its driver is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    Send(Envelope),
    /// Store the checkpoint that this makes of the one before, then tell [`Input::Stored`].
    Store(Box<Change>),
    /// Keep the rows of a partition if it has none yet, all or nothing, then tell [`Input::Committed`].
    Commit {
        partition: CommittedPartition,
        rows: Payload,
    },
    /// Something a person may want to see.
    Note(Note),
    /// Every partition is committed.
    Finished {
        counters: Counters,
    },
    /// The job cannot be done: a sentence for the user.
    Failed(String),
}

/// News of tasks and workers, for whoever draws them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    Began {
        task: TaskId,
        attempt: Attempt,
        worker: NodeId,
        incarnation: Incarnation,
        backup: bool,
    },
    Advanced(Progress),
    Ended {
        task: TaskId,
        attempt: Attempt,
        state: AttemptState,
        records: u64,
        bytes: u64,
    },
    /// The execution that was accepted made so many bytes for each partition of the shuffle behind it.
    Made {
        task: TaskId,
        attempt: Attempt,
        sizes: Vec<u64>,
    },
    Joined {
        worker: NodeId,
        incarnation: Incarnation,
    },
    WorkerLost {
        worker: NodeId,
        incarnation: Incarnation,
        running: u32,
        held: u32,
    },
    Failed {
        task: TaskId,
        attempt: Attempt,
        worker: NodeId,
        reason: String,
    },
    /// A record will be passed over: the reason says which.
    Skips {
        task: TaskId,
        worker: NodeId,
        reason: String,
    },
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Coordinator {
    epoch: Incarnation,
    job: Arc<Job>,
    timing: Timing,
    tasks: Tasks,
    workers: BTreeMap<NodeId, Known>,
    /// Incarnations that the driver has declared over; what they still say comes too late.
    over: BTreeMap<NodeId, Incarnation>,
    tally: Tally,
    outputs: VecDeque<Output>,
    /// The newest checkpoint handed out, the newest stored, and what is said once the first reaches the second.
    version: u64,
    stored: u64,
    after_store: VecDeque<(u64, NodeId, Incarnation, TaskId, Attempt)>,
    /// After a restart: until when nothing is given out. The workers first say what they have in hand.
    listens: Listens,
    ended: bool,
}

/// Whether a coordinator waits to hear what its workers have in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listens {
    /// It is new, or has listened long enough.
    No,
    /// It was restored and nothing has happened to it yet.
    FromFirstInput,
    Until(Time),
}

/// A worker that is believed to live.
#[derive(Clone, Debug)]
struct Known {
    incarnation: Incarnation,
    heard: Time,
}

impl Coordinator {
    pub fn new(job: Arc<Job>, timing: Timing) -> Coordinator {
        let tasks = Tasks::new(job.clone());
        Coordinator::with(1, job, timing, tasks, Tally::default(), 0)
    }

    /// The next incarnation of a coordinator, from what was stored: its last checkpoint and the partitions committed so far.
    /// Running attempts are not in a checkpoint; the workers' heartbeats tell of them.
    pub fn restore(
        epoch: Incarnation,
        job: Arc<Job>,
        timing: Timing,
        checkpoint: Option<Checkpoint>,
        committed: impl IntoIterator<Item = CommittedPartition>,
    ) -> Coordinator {
        let tasks = Tasks::new(job.clone());
        let mut coordinator = Coordinator::with(epoch, job, timing, tasks, Tally::default(), 0);
        coordinator.listens = Listens::FromFirstInput;
        if let Some(checkpoint) = checkpoint {
            coordinator.tally = checkpoint.tally;
            (coordinator.version, coordinator.stored) = (checkpoint.version, checkpoint.version);
            coordinator.tasks.restore(&checkpoint);
        }
        for partition in committed {
            coordinator.committed(Time::ZERO, partition);
        }
        coordinator
    }

    fn with(epoch: Incarnation, job: Arc<Job>, timing: Timing, tasks: Tasks, tally: Tally, version: u64) -> Coordinator {
        Coordinator {
            epoch,
            job,
            timing,
            tasks,
            workers: BTreeMap::new(),
            over: BTreeMap::new(),
            tally,
            outputs: VecDeque::new(),
            version,
            stored: version,
            after_store: VecDeque::new(),
            listens: Listens::No,
            ended: false,
        }
    }

    /// Done tasks over all tasks, 0 to 1.
    pub fn progress(&self) -> f64 {
        self.tasks.done() as f64 / self.tasks.len() as f64
    }

    /// The counts of the tasks done so far.
    pub fn counters(&self) -> Counters {
        self.tasks.counters()
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn receive(&mut self, now: Time, envelope: Envelope) {
        let Envelope { from, from_incarnation: incarnation, to, to_incarnation, message } = envelope;
        if to != NodeId::Coordinator || to_incarnation.is_some_and(|it| it != self.epoch) {
            return;
        }
        if !self.hear(now, from, incarnation) {
            return;
        }
        if self.ended {
            return self.send(from, incarnation, Message::Finished);
        }
        match message {
            Message::Register => self.send(from, incarnation, Message::Welcome { job: self.job.clone() }),
            Message::Heartbeat { running, collecting } => self.reconcile(now, from, incarnation, &running, &collecting),
            Message::MapDone { task, attempt, counters, sizes } => {
                self.map_done(now, task, Completion { attempt, worker: from, incarnation, counters, sizes });
            }
            Message::ReduceDone { task, attempt, counters, rows } => {
                self.reduce_done(CommittedPartition { task, attempt, worker: from, incarnation, counters }, rows);
            }
            Message::Failed { task, attempt, failure } => self.attempt_failed(from, incarnation, task, attempt, failure),
            Message::Unfetchable { place } => self.unfetchable(from, incarnation, place),
            // Said to workers; nothing to a coordinator.
            Message::Welcome { .. }
            | Message::Assign { .. }
            | Message::MapAt { .. }
            | Message::Accepted { .. }
            | Message::Cancel { .. }
            | Message::Finished
            | Message::Fetch { .. }
            | Message::Fetched { .. } => {}
        }
        self.schedule(now);
    }

    /// Notes that a worker lives. False if the word is from a life that is known to be over.
    fn hear(&mut self, now: Time, worker: NodeId, incarnation: Incarnation) -> bool {
        if self.over.get(&worker).is_some_and(|over| incarnation <= *over) {
            return false;
        }
        match self.workers.get_mut(&worker) {
            Some(known) if known.incarnation == incarnation => {
                known.heard = now;
                return true;
            }
            Some(known) if known.incarnation > incarnation => return false,
            Some(known) => {
                let earlier = known.incarnation;
                self.lose_worker(worker, earlier);
            }
            None => {}
        }
        self.workers.insert(worker, Known { incarnation, heard: now });
        self.outputs.push_back(Output::Note(Note::Joined { worker, incarnation }));
        true
    }

    /// Compares what a worker has in hand with what it should have.
    fn reconcile(
        &mut self,
        now: Time,
        worker: NodeId,
        incarnation: Incarnation,
        running: &[Progress],
        collecting: &[Collecting],
    ) {
        for progress in running {
            let (task, attempt) = (progress.task, progress.attempt);
            if let Some(execution) = self.tasks.execution_mut(task, attempt) {
                execution.confirmed = true;
                if (execution.records, execution.bytes) != (progress.records, progress.bytes) {
                    (execution.records, execution.bytes) = (progress.records, progress.bytes);
                    self.outputs.push_back(Output::Note(Note::Advanced(*progress)));
                }
            } else if self.tasks.is_idle(task) {
                // Given out by an earlier coordinator, or by this one before it thought the worker lost.
                let execution = Execution { confirmed: true, ..Execution::new(attempt, worker, incarnation, now, false) };
                self.begin(task, execution);
            } else {
                self.send(worker, incarnation, Message::Cancel { task, attempt });
            }
        }
        let said = |task: TaskId, attempt: Attempt| running.iter().any(|it| (it.task, it.attempt) == (task, attempt));
        for (task, attempt) in self.tasks.overdue(worker, now, self.timing.retry, said) {
            self.send_assignment(worker, incarnation, task, attempt);
        }
        for Collecting { task, attempt, known } in collecting.iter().copied() {
            if known < self.tasks.inputs_done(task) && self.tasks.execution_mut(task, attempt).is_some() {
                self.send_assignment(worker, incarnation, task, attempt);
            }
        }
    }

    fn send_assignment(&mut self, worker: NodeId, incarnation: Incarnation, task: TaskId, attempt: Attempt) {
        let (places, skip) = (self.tasks.places(task), self.tasks.skipped(task));
        self.send(worker, incarnation, Message::Assign { task, attempt, places, skip });
    }

    fn map_done(&mut self, now: Time, task: TaskId, completion: Completion) {
        let (attempt, worker, incarnation) = (completion.attempt, completion.worker, completion.incarnation);
        if let Some(done) = self.tasks.completion(task) {
            let again = done.attempt == attempt;
            if again && self.accepted_later(task, attempt) {
                return;
            }
            let message = if again { Message::Accepted { task, attempt } } else { Message::Cancel { task, attempt } };
            return self.send(worker, incarnation, message);
        }
        if self.job.stage(task).is_none() || self.job.is_last(task) {
            return;
        }
        let place = OutputPlace { task, attempt, worker, incarnation };
        let (records, bytes) = records_and_bytes(&completion.counters);
        self.end_executions(now, task, attempt, records, bytes);
        self.outputs.push_back(Output::Note(Note::Made { task, attempt, sizes: completion.sizes.clone() }));
        self.tasks.complete(now, task, completion);
        self.store_then_accept(worker, incarnation, task, attempt);
        for (waiting, life) in self.tasks.waiting_for(task) {
            self.send(waiting, life, Message::MapAt { place });
        }
        self.finish_if_done();
    }

    fn reduce_done(&mut self, partition: CommittedPartition, rows: Payload) {
        let CommittedPartition { task, attempt, worker, incarnation, .. } = partition;
        match self.tasks.committing(task) {
            None => {
                self.tasks.start_commit(task, attempt);
                self.outputs.push_back(Output::Commit { partition, rows });
            }
            Some(first) if first == attempt => {
                if self.tasks.completion(task).is_some() && !self.accepted_later(task, attempt) {
                    self.send(worker, incarnation, Message::Accepted { task, attempt });
                }
            }
            Some(_) => self.send(worker, incarnation, Message::Cancel { task, attempt }),
        }
    }

    fn committed(&mut self, now: Time, partition: CommittedPartition) {
        let CommittedPartition { task, attempt, worker, incarnation, counters } = partition;
        if self.tasks.completion(task).is_some() || !self.job.is_last(task) {
            return;
        }
        let (records, bytes) = records_and_bytes(&counters);
        self.end_executions(now, task, attempt, records, bytes);
        self.tasks.start_commit(task, attempt);
        self.tasks.complete(now, task, Completion { attempt, worker, incarnation, counters, sizes: Vec::new() });
        self.store_then_accept(worker, incarnation, task, attempt);
        self.finish_if_done();
    }

    fn finish_if_done(&mut self) {
        if self.tasks.all_done() && !self.ended {
            self.ended = true;
            let workers: Vec<_> = self.workers.iter().map(|(node, known)| (*node, known.incarnation)).collect();
            for (node, incarnation) in workers {
                self.send(node, incarnation, Message::Finished);
            }
            self.outputs.push_back(Output::Finished { counters: self.tasks.counters() });
        }
    }

    /// One execution has given the task's result; the others are not wanted any more.
    fn end_executions(&mut self, now: Time, task: TaskId, winner: Attempt, records: u64, bytes: u64) {
        for execution in self.tasks.take_executions(task) {
            let Execution { attempt, worker, incarnation, .. } = execution;
            let (state, records, bytes) = if attempt == winner {
                self.tasks.note_duration(task, execution.begun, now);
                (AttemptState::Done, records, bytes)
            } else {
                self.send(worker, incarnation, Message::Cancel { task, attempt });
                (AttemptState::Superseded, execution.records, execution.bytes)
            };
            self.outputs.push_back(Output::Note(Note::Ended { task, attempt, state, records, bytes }));
        }
    }

    fn attempt_failed(&mut self, worker: NodeId, incarnation: Incarnation, task: TaskId, attempt: Attempt, failure: Failure) {
        let Failure { reason, record } = failure;
        self.send(worker, incarnation, Message::Accepted { task, attempt });
        let Some(execution) = self.tasks.take_execution(task, attempt) else { return };
        let (records, bytes) = (execution.records, execution.bytes);
        self.outputs.push_back(Output::Note(Note::Ended { task, attempt, state: AttemptState::Failed, records, bytes }));
        self.outputs.push_back(Output::Note(Note::Failed { task, attempt, worker, reason: reason.clone() }));
        if let Some(record) = record.filter(|_| self.job.plan.skip_bad_records) {
            return self.bad_record(worker, task, record, reason);
        }
        if self.tasks.count_failure(task) >= FAILURES_PER_TASK {
            self.ended = true;
            self.outputs
                .push_back(Output::Failed(format!("{task} failed {FAILURES_PER_TASK} times, the last time so: {reason}")));
        }
    }

    /// An execution failed on a record. The second time the record is passed over from then on.
    fn bad_record(&mut self, worker: NodeId, task: TaskId, record: u64, reason: String) {
        if self.tasks.count_bad_record(task, record) == FAILURES_PER_RECORD {
            self.outputs.push_back(Output::Note(Note::Skips { task, worker, reason: reason.clone() }));
        }
        if self.tasks.skipped(task).len() > SKIPPED_RECORDS_MAX && !self.ended {
            self.ended = true;
            self.outputs.push_back(Output::Failed(format!(
                "{task} would have to pass over more than {SKIPPED_RECORDS_MAX} records, which is the bound; the last one: {reason}"
            )));
        }
    }

    /// A task did not find the output of another where it was said to be.
    fn unfetchable(&mut self, worker: NodeId, incarnation: Incarnation, place: OutputPlace) {
        match self.tasks.place(place.task) {
            Some(now_at) if now_at == place => {
                self.lose_output(place.task);
                self.checkpoint();
            }
            Some(elsewhere) => self.send(worker, incarnation, Message::MapAt { place: elsewhere }),
            None => {}
        }
    }

    /// Its running attempts and its completed tasks are idle again: outputs live with the worker that made them.
    fn lose_worker(&mut self, worker: NodeId, incarnation: Incarnation) {
        self.workers.remove(&worker);
        self.tally.workers_lost += 1;
        let running = self.tasks.take_executions_of(worker, incarnation);
        let held = self.tasks.held_by(worker, incarnation);
        let note = Note::WorkerLost { worker, incarnation, running: running.len() as u32, held: held.len() as u32 };
        self.outputs.push_back(Output::Note(note));
        for (task, execution) in running {
            let Execution { attempt, records, bytes, .. } = execution;
            self.outputs.push_back(Output::Note(Note::Ended { task, attempt, state: AttemptState::Killed, records, bytes }));
        }
        for task in held {
            self.lose_output(task);
        }
        self.checkpoint();
    }

    /// A worker ended by itself: perhaps what it ran did that. Ends the job when one task has done so too often.
    fn blame(&mut self, worker: NodeId, incarnation: Incarnation) {
        for task in self.tasks.in_work(worker, incarnation) {
            if self.tasks.count_crash(task) >= CRASHES_PER_TASK && !self.ended {
                self.ended = true;
                let reason = format!(
                    "{task} ended {CRASHES_PER_TASK} workers, one after the other: most likely they ran out of memory; try smaller \
                     splits or more partitions"
                );
                self.outputs.push_back(Output::Failed(reason));
            }
        }
    }

    fn lose_output(&mut self, task: TaskId) {
        if let Some(lost) = self.tasks.lose_output(task) {
            let attempt = lost.attempt;
            let (records, bytes) = records_and_bytes(&lost.counters);
            self.outputs.push_back(Output::Note(Note::Ended { task, attempt, state: AttemptState::Lost, records, bytes }));
        }
    }

    fn checkpoint(&mut self) {
        self.version += 1;
        self.outputs.push_back(Output::Store(Box::new(self.tasks.changes(self.version, self.tally))));
    }

    fn store_then_accept(&mut self, worker: NodeId, incarnation: Incarnation, task: TaskId, attempt: Attempt) {
        self.checkpoint();
        self.after_store.push_back((self.version, worker, incarnation, task, attempt));
    }

    fn accepted_later(&self, task: TaskId, attempt: Attempt) -> bool {
        self.after_store.iter().any(|(_, _, _, waiting, of)| (*waiting, *of) == (task, attempt))
    }

    fn stored(&mut self, version: u64) {
        self.stored = self.stored.max(version);
        while let Some((version, worker, incarnation, task, attempt)) = self.after_store.front().copied() {
            if version > self.stored {
                break;
            }
            self.after_store.pop_front();
            self.send(worker, incarnation, Message::Accepted { task, attempt });
        }
    }

    fn send(&mut self, to: NodeId, incarnation: Incarnation, message: Message) {
        let (from, from_incarnation) = (NodeId::Coordinator, self.epoch);
        self.outputs.push_back(Output::Send(Envelope {
            from,
            from_incarnation,
            to,
            to_incarnation: Some(incarnation),
            message,
        }));
    }

    fn lose_silent_workers(&mut self, now: Time) {
        let limit = self.timing.lost_after;
        let silent = self.workers.iter().filter(|(_, known)| now.since(known.heard) >= limit);
        for (worker, incarnation) in silent.map(|(node, known)| (*node, known.incarnation)).collect::<Vec<_>>() {
            self.lose_worker(worker, incarnation);
        }
    }

    /// Whether it is too early after a restart to give anything out: a task that looks idle may be in the hands of a worker that
    /// has not spoken yet. Every worker speaks within two heartbeats.
    fn listens(&mut self, now: Time) -> bool {
        if self.listens == Listens::FromFirstInput {
            self.listens = Listens::Until(now + self.timing.heartbeat + self.timing.heartbeat);
        }
        if matches!(self.listens, Listens::Until(until) if now >= until) {
            self.listens = Listens::No;
        }
        self.listens != Listens::No
    }

    fn silence_ends(&self) -> Option<Time> {
        let limit: Span = self.timing.lost_after;
        self.workers.values().map(|known| known.heard + limit).min()
    }
}

/// What a task's bar is labelled with: what it read, or how many keys it reduced.
fn records_and_bytes(counters: &Counters) -> (u64, u64) {
    (counters.map_input_records.max(counters.reduce_input_groups), counters.input_bytes)
}

impl Machine for Coordinator {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Envelope(envelope) => self.receive(now, envelope),
            Input::Down { node, incarnation, crashed } => {
                self.over.insert(node, incarnation);
                if !self.ended && self.workers.get(&node).is_some_and(|known| known.incarnation == incarnation) {
                    if crashed {
                        self.blame(node, incarnation);
                    }
                    self.lose_worker(node, incarnation);
                    self.schedule(now);
                }
            }
            Input::Stored { version } => self.stored(version),
            Input::Committed(partition) => {
                self.committed(now, partition);
                self.schedule(now);
            }
        }
    }

    fn wake(&mut self, now: Time) {
        if !self.ended {
            self.lose_silent_workers(now);
            self.schedule(now);
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        let listened = match self.listens {
            Listens::Until(until) => Some(until),
            Listens::No | Listens::FromFirstInput => None,
        };
        self.silence_ends().into_iter().chain(listened).min().filter(|_| !self.ended)
    }
}
