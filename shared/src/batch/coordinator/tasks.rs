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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub version: u64,
    pub tally: Tally,
    tasks: BTreeMap<TaskId, Saved>,
}

/// What makes the checkpoint of this version out of the one before: the tasks that have changed, so that keeping a checkpoint
/// costs the same however many tasks a job has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub version: u64,
    tally: Tally,
    tasks: Vec<(TaskId, Saved)>,
}

/// A task in a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Saved {
    /// Map tasks only: the rows of a reduce task say by themselves that it is done.
    done: Option<Arc<Completion>>,
    counted: Option<Counters>,
    begun: u32,
    failures: u32,
}

impl Checkpoint {
    /// Whether the completed map attempt is in it.
    pub fn has(&self, task: TaskId, attempt: Attempt) -> bool {
        let done = self.tasks.get(&task).and_then(|saved| saved.done.as_ref());
        done.is_some_and(|done| done.attempt == attempt)
    }

    /// Brings it to the change's version. Changes are applied in the order in which they were handed out.
    pub fn apply(&mut self, change: Change) {
        (self.version, self.tally) = (change.version, change.tally);
        self.tasks.extend(change.tasks);
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
    /// What the task counted when it was first done. Map outputs may be lost and made again; the counts stay.
    counted: Option<Counters>,
    /// The attempt whose rows are on their way to the store, or there.
    committing: Option<Attempt>,
    /// Executions ever begun, and those that failed by themselves.
    begun: u32,
    failures: u32,
    /// Workers that ended by themselves while they had it in work.
    crashes: u32,
}

/// Every task of a job. Maps come first in `entries`.
#[derive(Debug)]
pub(super) struct Tasks {
    maps: usize,
    entries: Vec<Entry>,
    /// Tasks without an execution and not done, by index in `entries`.
    idle: BTreeSet<usize>,
    /// Tasks with an execution.
    running: BTreeSet<usize>,
    /// Tasks that are not as the last checkpoint has them.
    changed: BTreeSet<usize>,
    /// Map and reduce executions in each worker's hands.
    loads: BTreeMap<NodeId, (usize, usize)>,
    maps_done: usize,
    reduces_done: usize,
    /// Tasks that have been done at some time.
    counted: usize,
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
            running: BTreeSet::new(),
            changed: BTreeSet::new(),
            loads: BTreeMap::new(),
            maps_done: 0,
            reduces_done: 0,
            counted: 0,
            durations: Default::default(),
        }
    }

    /// What has changed since this was last asked.
    pub(super) fn changes(&mut self, version: u64, tally: Tally) -> Change {
        let changed = std::mem::take(&mut self.changed);
        let saved = |index: usize| {
            let Entry { done, counted, begun, failures, .. } = &self.entries[index];
            let done = done.clone().filter(|_| index < self.maps);
            let counted = counted.filter(|_| index < self.maps);
            Saved { done, counted, begun: *begun, failures: *failures }
        };
        Change { version, tally, tasks: changed.into_iter().map(|index| (self.task(index), saved(index))).collect() }
    }

    /// Takes over what a checkpoint says. Only on new books.
    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) {
        for (task, saved) in &checkpoint.tasks {
            let Some(index) = self.index(*task) else { continue };
            let Saved { done, counted, begun, failures } = saved.clone();
            self.counted += usize::from(counted.is_some());
            if done.is_some() {
                self.idle.remove(&index);
                self.maps_done += 1;
            }
            let entry = &mut self.entries[index];
            (entry.done, entry.counted, entry.begun, entry.failures) = (done, counted, begun, failures);
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

    /// Whether the job is over: every partition is committed, and what every task counted is known. A map output that was lost
    /// when nobody needed it any more is not made again; but a map task whose completion died with an earlier coordinator is
    /// still owed its counts.
    pub(super) fn all_done(&self) -> bool {
        self.reduces_done == self.entries.len() - self.maps && self.counted == self.entries.len()
    }

    pub(super) fn counters(&self) -> Counters {
        let mut total = Counters::default();
        self.entries.iter().filter_map(|entry| entry.counted.as_ref()).for_each(|counted| total.add(counted));
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
        let Some(index) = self.index(task) else { return 0 };
        self.changed.insert(index);
        self.entries[index].begun += 1;
        self.entries[index].begun
    }

    pub(super) fn begin(&mut self, task: TaskId, execution: Execution) {
        let Some(index) = self.index(task) else { return };
        self.idle.remove(&index);
        self.running.insert(index);
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
        for index in self.running.clone() {
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
        for index in self.running.iter().copied() {
            let task = task_at(index, self.maps);
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
        if self.entries[index].counted.replace(completion.counters).is_none() {
            self.counted += 1;
        }
        self.entries[index].done = Some(Arc::new(completion));
        self.idle.remove(&index);
        self.changed.insert(index);
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
        let Some(index) = self.index(task) else { return 0 };
        self.changed.insert(index);
        self.entries[index].failures += 1;
        self.entries[index].failures
    }

    /// What a worker was at work on, as far as is known here: the first of its map tasks, and its reduce task.
    pub(super) fn in_work(&self, worker: NodeId, incarnation: Incarnation) -> Vec<TaskId> {
        let begun = |index: &usize| {
            let theirs = |it: &&Execution| (it.worker, it.incarnation) == (worker, incarnation);
            self.entries[*index].executions.iter().find(theirs).map(|execution| (execution.begun, *index))
        };
        let map = self.running.range(..self.maps).filter_map(begun).min();
        let reduce = self.running.range(self.maps..).filter_map(begun).min();
        map.into_iter().chain(reduce).map(|(_, index)| self.task(index)).collect()
    }

    pub(super) fn count_crash(&mut self, task: TaskId) -> u32 {
        let Some(entry) = self.entry_mut(task) else { return 0 };
        entry.crashes += 1;
        entry.crashes
    }

    /// Forgets a completed map whose output is gone; `None` if it was not done.
    pub(super) fn lose_map(&mut self, map: u32) -> Option<Arc<Completion>> {
        let index = self.index(TaskId::Map(map))?;
        let lost = self.entries[index].done.take()?;
        self.changed.insert(index);
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
        let reduces = self.running.range(self.maps..).flat_map(|index| &self.entries[*index].executions);
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
        let single = self.running.iter().filter_map(|index| match &self.entries[*index] {
            Entry { executions, committing: None, .. } => match &executions[..] {
                [execution] if execution.worker != not_on => Some((execution.begun, self.task(*index))),
                _ => None,
            },
            _ => None,
        });
        single.filter(|(begun, task)| long_enough(*task, *begun)).min().map(|(_, task)| task)
    }

    /// Puts a task back among the idle ones when nothing is left of it.
    fn settle(&mut self, task: TaskId) {
        let Some(index) = self.index(task) else { return };
        let entry = &self.entries[index];
        if entry.executions.is_empty() {
            self.running.remove(&index);
        }
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
        task_at(index, self.maps)
    }
}

fn task_at(index: usize, maps: usize) -> TaskId {
    match index.checked_sub(maps) {
        None => TaskId::Map(index as u32),
        Some(partition) => TaskId::Reduce(partition as u32),
    }
}

fn phase(task: TaskId) -> usize {
    match task {
        TaskId::Map(_) => 0,
        TaskId::Reduce(_) => 1,
    }
}
