//! What a client sees of a run, kept up to date from the coordinator's notes and handed out as frames: only what changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::batch::coordinator::Note;
use crate::batch::{Counters, Job};
use crate::chunks::Chunks;
use crate::fault::Effect;
use crate::id::{Attempt, Incarnation, NodeId, TaskId};
use crate::time::{Span, Time};
use crate::wire::{AttemptState, AttemptView, Bytes, Frame, News, Phase, Tally, WorkerState, WorkerView};

/// A frame is made at most this often.
pub const FRAME_TICK: Span = Span::millis(16);

/// Tasks times partitions, at most, of a job whose shuffles are told in bytes: of a larger one nobody reads them one by one.
pub const SHUFFLE_CELLS_MAX: usize = 4_096;

/// See the module.
#[derive(Clone, Debug)]
pub struct Board {
    run: u32,
    split_bytes: Vec<u64>,
    tasks: usize,
    attempts: Chunks<AttemptView>,
    /// Where the executions of each task are among them; map tasks come first.
    index: Chunks<Vec<(Attempt, u32)>>,
    changed: BTreeSet<usize>,
    workers: BTreeMap<NodeId, WorkerView>,
    running: BTreeMap<NodeId, u32>,
    news: Vec<News>,
    /// How many of them a frame has told.
    told: usize,
    /// How many faults have begun.
    faults: u32,
    /// The next frame is for a client that knows nothing.
    from_the_start: bool,
    dirty: bool,
    last_frame: Option<Time>,
}

impl Board {
    pub fn new(run: u32, job: &Job) -> Board {
        Board {
            run,
            split_bytes: job.splits.iter().map(|split| split.end - split.start).collect(),
            tasks: job.maps() + job.reduces(),
            attempts: Chunks::default(),
            index: Chunks::filled(Vec::new(), job.maps() + job.reduces()),
            changed: BTreeSet::new(),
            workers: BTreeMap::new(),
            running: BTreeMap::new(),
            news: Vec::new(),
            told: 0,
            faults: 0,
            from_the_start: false,
            dirty: true,
            last_frame: None,
        }
    }

    pub fn spawned(&mut self, node: NodeId, incarnation: Incarnation) {
        self.workers.insert(node, WorkerView { node, incarnation, state: WorkerState::Starting });
        self.dirty = true;
    }

    /// The driver has ended this incarnation; what it ran is dead, whether or not the coordinator knows yet.
    pub fn ended(&mut self, now: Time, node: NodeId, incarnation: Incarnation) {
        if let Some(worker) = self.workers.get_mut(&node).filter(|worker| worker.incarnation == incarnation) {
            worker.state = WorkerState::Down;
        }
        let theirs = |it: &AttemptView| {
            (NodeId::Worker(it.worker), it.incarnation) == (node, incarnation) && it.state == AttemptState::Running
        };
        for at in (0..self.attempts.len()).filter(|at| theirs(&self.attempts[*at])).collect::<Vec<_>>() {
            self.end(now, at, AttemptState::Killed);
        }
        self.dirty = true;
    }

    pub fn say(&mut self, now: Time, text: impl Into<String>) {
        self.news.push(News { at: now, text: text.into(), fault: None });
        self.dirty = true;
    }

    /// Something goes wrong on purpose.
    pub fn fault(&mut self, now: Time, effect: &Effect, text: impl Into<String>) {
        self.news.push(News { at: now, text: text.into(), fault: Some(effect.in_short()) });
        self.faults += 1;
        self.dirty = true;
    }

    /// How many faults have begun.
    pub fn faults(&self) -> u32 {
        self.faults
    }

    pub fn note(&mut self, now: Time, note: &Note) {
        self.dirty = true;
        match note {
            Note::Began { task, attempt, worker, incarnation, backup } => {
                self.begin(now, *task, *attempt, *worker, *incarnation, *backup);
                if *backup {
                    self.say(now, format!("{task} is slow: {worker} runs it too, the first to finish wins."));
                }
            }
            Note::Advanced(progress) => {
                if let Some(at) = self.find(progress.task, progress.attempt) {
                    let attempt = &mut self.attempts[at];
                    (attempt.records, attempt.bytes) = (Bytes(progress.records), Bytes(progress.bytes));
                    self.changed.insert(at);
                }
            }
            Note::Ended { task, attempt, state, records, bytes } => {
                if let Some(at) = self.find(*task, *attempt) {
                    let view = &mut self.attempts[at];
                    (view.records, view.bytes) = (Bytes(*records), Bytes(*bytes));
                    self.end(now, at, *state);
                }
            }
            Note::Made { task, attempt, sizes } => {
                if let Some(at) = self.find(*task, *attempt).filter(|_| self.tasks * sizes.len() <= SHUFFLE_CELLS_MAX) {
                    self.attempts[at].sizes = sizes.iter().copied().map(Bytes).collect();
                    self.changed.insert(at);
                }
            }
            Note::Joined { worker, incarnation } => {
                let view = WorkerView { node: *worker, incarnation: *incarnation, state: WorkerState::Idle };
                self.workers.insert(*worker, view);
            }
            Note::WorkerLost { worker, incarnation, running, held } => {
                if let Some(view) = self.workers.get_mut(worker).filter(|view| view.incarnation == *incarnation) {
                    view.state = WorkerState::Down;
                }
                let running = counted(*running, "running task", "running tasks");
                let held = counted(*held, "finished output", "finished outputs");
                self.say(now, format!("{worker} is lost: {running} and {held} go back to the queue."));
            }
            Note::Skips { task, reason, .. } => {
                self.say(now, format!("{task} failed twice on a record and passes it over from now on: {reason}"));
            }
            Note::Failed { task, worker, reason, .. } => self.say(now, format!("{task} failed on {worker}: {reason}")),
        }
    }

    /// Where a task is in `index`.
    fn slot(&self, task: TaskId) -> usize {
        match task {
            TaskId::Map(number) => number as usize,
            TaskId::Reduce(number) => self.split_bytes.len() + number as usize,
        }
    }

    /// Where an execution is in `attempts`.
    fn find(&self, task: TaskId, attempt: Attempt) -> Option<usize> {
        let executions = self.index.get(self.slot(task))?;
        executions.iter().find(|(known, _)| *known == attempt).map(|(_, at)| *at as usize)
    }

    fn begin(&mut self, now: Time, task: TaskId, attempt: Attempt, worker: NodeId, incarnation: Incarnation, backup: bool) {
        let NodeId::Worker(worker_number) = worker else { return };
        let (phase, task_number) = match task {
            TaskId::Map(index) => (Phase::Map, index),
            TaskId::Reduce(index) => (Phase::Reduce, index),
        };
        let at = match self.find(task, attempt) {
            // A restarted coordinator has learned of an execution that was drawn before.
            Some(at) => at,
            None => {
                let index = self.attempts.len();
                if let Some(executions) = self.index.get_mut(self.slot(task)) {
                    executions.push((attempt, index as u32));
                }
                self.attempts.push(AttemptView {
                    index: index as u32,
                    phase,
                    task: task_number,
                    number: attempt.number,
                    backup,
                    worker: worker_number,
                    incarnation,
                    start: now,
                    end: None,
                    state: AttemptState::Superseded,
                    records: Bytes(0),
                    bytes: Bytes(0),
                    sizes: Vec::new(),
                });
                index
            }
        };
        if self.attempts[at].state != AttemptState::Running {
            *self.running.entry(worker).or_default() += 1;
        }
        (self.attempts[at].state, self.attempts[at].end) = (AttemptState::Running, None);
        self.changed.insert(at);
    }

    fn end(&mut self, now: Time, at: usize, state: AttemptState) {
        let attempt = &mut self.attempts[at];
        match (attempt.state, state) {
            (AttemptState::Running, _) => {
                let running = self.running.entry(NodeId::Worker(attempt.worker)).or_default();
                *running = running.saturating_sub(1);
                attempt.end = Some(now);
            }
            // Done, and later lost: the bar stays as long as it was.
            (AttemptState::Done, AttemptState::Lost) => {}
            _ => return,
        }
        attempt.state = state;
        self.changed.insert(at);
    }

    /// When the next frame may be made; `None` while there is nothing new.
    pub fn next_frame(&self) -> Option<Time> {
        self.dirty.then(|| self.last_frame.map_or(Time::ZERO, |last| last + FRAME_TICK))
    }

    /// What has changed since the last frame. `accepted` are the counts of done tasks; running ones are added here.
    pub fn frame(&mut self, now: Time, accepted: Counters, tally: Tally) -> Frame {
        let changed = std::mem::take(&mut self.changed);
        let told = std::mem::replace(&mut self.told, self.news.len());
        (self.dirty, self.last_frame) = (false, Some(now));
        if std::mem::take(&mut self.from_the_start) {
            return self.whole(now, accepted, tally);
        }
        let attempts = changed.into_iter().map(|at| self.attempts[at].clone()).collect();
        let news = self.news[told..].to_vec();
        Frame { attempts, news, ..self.stand(now, accepted, tally) }
    }

    /// Everything at this moment, whatever has been told.
    pub fn whole(&self, now: Time, accepted: Counters, tally: Tally) -> Frame {
        let (attempts, news) = (self.attempts.to_vec(), self.news.clone());
        Frame { whole: true, attempts, news, ..self.stand(now, accepted, tally) }
    }

    /// How things stand, without executions and news.
    fn stand(&self, now: Time, accepted: Counters, tally: Tally) -> Frame {
        let mut counters = accepted;
        let mut shares = vec![0.0; self.tasks];
        for attempt in self.attempts.iter() {
            let share = match (attempt.state, attempt.phase) {
                (AttemptState::Done, _) => 1.0,
                (AttemptState::Running, Phase::Map) => {
                    let total = self.split_bytes.get(attempt.task as usize).copied().unwrap_or_default().max(1);
                    (attempt.bytes.0 as f64 / total as f64).min(1.0)
                }
                _ => continue,
            };
            if attempt.state == AttemptState::Running && !attempt.backup && attempt.phase == Phase::Map {
                counters.map_input_records += attempt.records.0;
                counters.input_bytes += attempt.bytes.0;
            }
            let first = if attempt.phase == Phase::Map { 0 } else { self.split_bytes.len() };
            if let Some(best) = shares.get_mut(first + attempt.task as usize) {
                *best = share.max(*best);
            }
        }
        let seen = |worker: &WorkerView| match worker.state {
            WorkerState::Down => WorkerState::Down,
            _ if self.running.get(&worker.node).is_some_and(|running| *running > 0) => WorkerState::Busy,
            state => state,
        };
        Frame {
            run: self.run,
            now,
            whole: false,
            // A sum of nothing is -0.0.
            progress: shares.into_iter().fold(0.0, |sum: f64, share: f64| sum + share) / self.tasks as f64,
            workers: self.workers.values().map(|worker| WorkerView { state: seen(worker), ..worker.clone() }).collect(),
            attempts: Vec::new(),
            counters,
            tally,
            news: Vec::new(),
            pace: None,
            bus: None,
        }
    }

    /// Nothing runs any more: what has not ended is not wanted.
    pub fn close(&mut self, now: Time) {
        for at in (0..self.attempts.len()).filter(|at| self.attempts[*at].state == AttemptState::Running).collect::<Vec<_>>() {
            self.end(now, at, AttemptState::Superseded);
        }
        self.dirty = true;
    }

    /// Everything again in the next frame, for a client that comes back.
    pub fn repeat(&mut self) {
        self.from_the_start = true;
        self.dirty = true;
    }
}

fn counted(count: u32, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}
