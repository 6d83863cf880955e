//! The books of a job: for each task its executions and its completion, and the checkpoint made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::batch::Counters;
use crate::batch::message::MapPlace;
use crate::id::{Attempt, Incarnation, NodeId, TaskId};
use crate::time::{Span, Time};
use crate::wire::Tally;

/// What survives a coordinator: every completed map task, how often each task ran, the tally. Committed partitions are in the
/// store already, and running attempts are known to their workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub version: u64,
    pub(super) maps: Vec<Option<Arc<Completion>>>,
    /// Executions and failures of each task, maps first.
    pub(super) histories: Vec<(u32, u32)>,
    pub tally: Tally,
}

impl Checkpoint {
    /// Whether the completed map attempt is in it.
    pub fn has(&self, task: TaskId, attempt: Attempt) -> bool {
        match task {
            TaskId::Map(map) => {
                self.maps.get(map as usize).is_some_and(|done| done.as_ref().is_some_and(|it| it.attempt == attempt))
            }
            TaskId::Reduce(_) => false,
        }
    }
}

/// A partition whose rows are in the store: which attempt they are of, and what it counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedPartition {
    pub task: TaskId,
    pub attempt: Attempt,
    pub worker: NodeId,
    pub incarnation: Incarnation,
    pub counters: Counters,
}

/// The accepted execution of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Completion {
    pub attempt: Attempt,
    pub worker: NodeId,
    pub incarnation: Incarnation,
    pub counters: Counters,
    /// Bytes of each partition; map tasks only.
    pub sizes: Vec<u64>,
}

/// One running execution of a task.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    pub attempt: Attempt,
    pub worker: NodeId,
    pub incarnation: Incarnation,
    pub begun: Time,
    pub backup: bool,
    pub records: u64,
    pub bytes: u64,
    /// Its worker has said that it has it; until then the assignment may have been lost.
    pub confirmed: bool,
    pub assigned: Time,
}

impl Execution {
    pub(super) fn new(attempt: Attempt, worker: NodeId, incarnation: Incarnation, now: Time, backup: bool) -> Execution {
        Execution { attempt, worker, incarnation, begun: now, backup, records: 0, bytes: 0, confirmed: false, assigned: now }
    }
}

#[derive(Debug, Default)]
struct Entry {
    executions: Vec<Execution>,
    done: Option<Arc<Completion>>,
    /// The attempt whose rows are on their way to the store, or there.
    committing: Option<Attempt>,
    /// Executions ever begun, and those that failed by themselves.
    begun: u32,
    failures: u32,
}

/// Every task of a job. Maps come first in `entries`.
#[derive(Debug)]
pub(super) struct Tasks {
    maps: usize,
    entries: Vec<Entry>,
    /// Tasks without an execution and not done, by index in `entries`.
    idle: BTreeSet<usize>,
    /// Map and reduce executions in each worker's hands.
    loads: BTreeMap<NodeId, (usize, usize)>,
    maps_done: usize,
    reduces_done: usize,
    /// Number and sum of the durations of completed executions, per phase.
    durations: [(u64, Span); 2],
}

impl Tasks {
    pub(super) fn new(maps: usize, reduces: usize) -> Tasks {
        let count = maps + reduces;
        Tasks {
            maps,
            entries: (0..count).map(|_| Entry::default()).collect(),
            idle: (0..count).collect(),
            loads: BTreeMap::new(),
            maps_done: 0,
            reduces_done: 0,
            durations: Default::default(),
        }
    }

    pub(super) fn checkpoint(&self, version: u64, tally: Tally) -> Checkpoint {
        let maps = self.entries[..self.maps].iter().map(|entry| entry.done.clone()).collect();
        let histories = self.entries.iter().map(|entry| (entry.begun, entry.failures)).collect();
        Checkpoint { version, maps, histories, tally }
    }

    /// Takes over what a checkpoint says. Only on new books.
    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) {
        for (entry, (begun, failures)) in self.entries.iter_mut().zip(&checkpoint.histories) {
            (entry.begun, entry.failures) = (*begun, *failures);
        }
        for (map, done) in checkpoint.maps.iter().enumerate() {
            if let Some(done) = done {
                self.entries[map].done = Some(done.clone());
                self.idle.remove(&map);
                self.maps_done += 1;
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn done(&self) -> usize {
        self.maps_done + self.reduces_done
    }

    pub(super) fn maps_done(&self) -> u32 {
        self.maps_done as u32
    }

    pub(super) fn all_reduced(&self) -> bool {
        self.reduces_done == self.entries.len() - self.maps
    }

    pub(super) fn counters(&self) -> Counters {
        let mut total = Counters::default();
        self.entries.iter().filter_map(|entry| entry.done.as_ref()).for_each(|done| total.add(&done.counters));
        total
    }

    pub(super) fn next_idle_map(&self) -> Option<TaskId> {
        self.idle.first().filter(|index| **index < self.maps).map(|index| self.task(*index))
    }

    pub(super) fn next_idle_reduce(&self) -> Option<TaskId> {
        self.idle.range(self.maps..).next().map(|index| self.task(*index))
    }

    pub(super) fn is_idle(&self, task: TaskId) -> bool {
        self.index(task).is_some_and(|index| self.idle.contains(&index))
    }

    pub(super) fn load(&self, worker: NodeId) -> (usize, usize) {
        self.loads.get(&worker).copied().unwrap_or_default()
    }

    /// Numbers the next execution of a task, from 1.
    pub(super) fn next_number(&mut self, task: TaskId) -> u32 {
        let Some(entry) = self.entry_mut(task) else { return 0 };
        entry.begun += 1;
        entry.begun
    }

    pub(super) fn begin(&mut self, task: TaskId, execution: Execution) {
        let Some(index) = self.index(task) else { return };
        self.idle.remove(&index);
        self.change_load(task, execution.worker, 1);
        self.entries[index].executions.push(execution);
    }

    pub(super) fn execution_mut(&mut self, task: TaskId, attempt: Attempt) -> Option<&mut Execution> {
        self.entry_mut(task)?.executions.iter_mut().find(|execution| execution.attempt == attempt)
    }

    pub(super) fn take_executions(&mut self, task: TaskId) -> Vec<Execution> {
        let taken = self.entry_mut(task).map(|entry| std::mem::take(&mut entry.executions)).unwrap_or_default();
        for execution in &taken {
            self.change_load(task, execution.worker, -1);
        }
        self.settle(task);
        taken
    }

    pub(super) fn take_execution(&mut self, task: TaskId, attempt: Attempt) -> Option<Execution> {
        let entry = self.entry_mut(task)?;
        let at = entry.executions.iter().position(|execution| execution.attempt == attempt)?;
        let execution = entry.executions.remove(at);
        self.change_load(task, execution.worker, -1);
        self.settle(task);
        Some(execution)
    }

    pub(super) fn take_executions_of(&mut self, worker: NodeId, incarnation: Incarnation) -> Vec<(TaskId, Execution)> {
        let mut taken = Vec::new();
        for index in 0..self.entries.len() {
            let task = self.task(index);
            let theirs = |it: &&Execution| (it.worker, it.incarnation) == (worker, incarnation);
            while let Some(attempt) = self.entries[index].executions.iter().find(theirs).map(|it| it.attempt) {
                taken.extend(self.take_execution(task, attempt).map(|execution| (task, execution)));
            }
        }
        taken
    }

    /// Executions given to a worker long enough ago that it should have said so, and it has not: neither now nor ever. Each is
    /// marked as given again.
    pub(super) fn overdue(
        &mut self,
        worker: NodeId,
        now: Time,
        retry: Span,
        said: impl Fn(TaskId, Attempt) -> bool,
    ) -> Vec<(TaskId, Attempt)> {
        let load = self.load(worker);
        if load.0 + load.1 == 0 {
            return Vec::new();
        }
        let mut overdue = Vec::new();
        for index in 0..self.entries.len() {
            let task = self.task(index);
            for execution in self.entries[index].executions.iter_mut().filter(|it| it.worker == worker) {
                if now >= execution.assigned + retry && !said(task, execution.attempt) {
                    execution.assigned = now;
                    overdue.push((task, execution.attempt));
                }
            }
        }
        overdue
    }

    pub(super) fn completion(&self, task: TaskId) -> Option<&Arc<Completion>> {
        self.entry(task)?.done.as_ref()
    }

    pub(super) fn complete(&mut self, task: TaskId, completion: Completion) {
        let Some(index) = self.index(task) else { return };
        assert!(self.entries[index].done.is_none(), "{task} is done once");
        self.entries[index].done = Some(Arc::new(completion));
        self.idle.remove(&index);
        match task {
            TaskId::Map(_) => self.maps_done += 1,
            TaskId::Reduce(_) => self.reduces_done += 1,
        }
    }

    pub(super) fn committing(&self, task: TaskId) -> Option<Attempt> {
        self.entry(task)?.committing
    }

    pub(super) fn start_commit(&mut self, task: TaskId, attempt: Attempt) {
        if let Some(index) = self.index(task) {
            self.entries[index].committing = Some(attempt);
            self.idle.remove(&index);
        }
    }

    pub(super) fn count_failure(&mut self, task: TaskId) -> u32 {
        let Some(entry) = self.entry_mut(task) else { return 0 };
        entry.failures += 1;
        entry.failures
    }

    /// Forgets a completed map whose output is gone; `None` if it was not done.
    pub(super) fn lose_map(&mut self, map: u32) -> Option<Arc<Completion>> {
        let lost = self.entry_mut(TaskId::Map(map))?.done.take()?;
        self.maps_done -= 1;
        self.settle(TaskId::Map(map));
        Some(lost)
    }

    pub(super) fn maps_at(&self, worker: NodeId, incarnation: Incarnation) -> Vec<u32> {
        (0..self.maps as u32)
            .filter(|map| self.place(*map).is_some_and(|it| (it.worker, it.incarnation) == (worker, incarnation)))
            .collect()
    }

    pub(super) fn place(&self, map: u32) -> Option<MapPlace> {
        let done = self.completion(TaskId::Map(map))?;
        Some(MapPlace { map, attempt: done.attempt, worker: done.worker, incarnation: done.incarnation })
    }

    pub(super) fn places(&self) -> Vec<MapPlace> {
        (0..self.maps as u32).filter_map(|map| self.place(map)).collect()
    }

    /// The workers that have a reduce task in hand.
    pub(super) fn reducers(&self) -> Vec<(NodeId, Incarnation)> {
        let reduces = self.entries[self.maps..].iter().flat_map(|entry| &entry.executions);
        reduces.map(|execution| (execution.worker, execution.incarnation)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub(super) fn note_duration(&mut self, task: TaskId, span: Span) {
        let (count, sum) = &mut self.durations[phase(task)];
        *count += 1;
        sum.0 += span.0;
    }

    /// The task that has run longest in a single execution, on another worker, and long enough for a backup.
    pub(super) fn slowest(&self, not_on: NodeId, now: Time, factor: f64, at_least: Span) -> Option<TaskId> {
        let long_enough = |task: TaskId, begun: Time| {
            let (count, sum) = self.durations[phase(task)];
            count > 0 && now.since(begun) >= at_least.max(Span(sum.0 / count).scaled(factor))
        };
        let single = self.entries.iter().enumerate().filter_map(|(index, entry)| match &entry.executions[..] {
            [execution] if execution.worker != not_on && entry.committing.is_none() => {
                Some((execution.begun, self.task(index)))
            }
            _ => None,
        });
        single.filter(|(begun, task)| long_enough(*task, *begun)).min().map(|(_, task)| task)
    }

    /// Puts a task back among the idle ones when nothing is left of it.
    fn settle(&mut self, task: TaskId) {
        let Some(index) = self.index(task) else { return };
        let entry = &self.entries[index];
        if entry.executions.is_empty() && entry.done.is_none() && entry.committing.is_none() {
            self.idle.insert(index);
        }
    }

    fn change_load(&mut self, task: TaskId, worker: NodeId, by: isize) {
        let (maps, reduces) = self.loads.entry(worker).or_default();
        let load = if matches!(task, TaskId::Map(_)) { maps } else { reduces };
        *load = load.checked_add_signed(by).expect("what is taken from a worker was given to it");
    }

    fn entry(&self, task: TaskId) -> Option<&Entry> {
        self.index(task).map(|index| &self.entries[index])
    }

    fn entry_mut(&mut self, task: TaskId) -> Option<&mut Entry> {
        self.index(task).map(|index| &mut self.entries[index])
    }

    /// Where a task's entry is; `None` for a number that the job does not have (a message can say anything).
    fn index(&self, task: TaskId) -> Option<usize> {
        match task {
            TaskId::Map(map) => Some(map as usize).filter(|map| *map < self.maps),
            TaskId::Reduce(partition) => Some(self.maps + partition as usize).filter(|index| *index < self.entries.len()),
        }
    }

    fn task(&self, index: usize) -> TaskId {
        match index.checked_sub(self.maps) {
            None => TaskId::Map(index as u32),
            Some(partition) => TaskId::Reduce(partition as u32),
        }
    }
}

fn phase(task: TaskId) -> usize {
    match task {
        TaskId::Map(_) => 0,
        TaskId::Reduce(_) => 1,
    }
}
