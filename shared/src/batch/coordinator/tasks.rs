//! The books of a job: for each task its executions and its completion, and the checkpoint made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::batch::message::OutputPlace;
use crate::batch::timing::FAILURES_PER_RECORD;
use crate::batch::{Counters, Gather, Job};
use crate::chunks::Chunks;
use crate::id::{Attempt, Incarnation, NodeId, TaskId};
use crate::time::{Span, Time};
use crate::wire::Tally;

/// What survives a coordinator: every completed task whose output is with its worker, how often each task ran, the tally. Committed partitions are in the
/// store already, and running attempts are known to their workers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub version: u64,
    pub tally: Tally,
    tasks: BTreeMap<TaskId, Arc<Saved>>,
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
    /// Not of the last stage's tasks: their rows say by themselves that they are done.
    done: Option<Arc<Completion>>,
    counted: Option<Counters>,
    begun: u32,
    failures: u32,
    #[serde(default)]
    bad_records: BTreeMap<u64, u32>,
}

impl Checkpoint {
    /// Whether the completed attempt is in it.
    pub fn has(&self, task: TaskId, attempt: Attempt) -> bool {
        let done = self.tasks.get(&task).and_then(|saved| saved.done.as_ref());
        done.is_some_and(|done| done.attempt == attempt)
    }

    /// How many tasks are in it.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Brings it to the change's version. Changes are applied in the order in which they were handed out.
    pub fn apply(&mut self, change: Change) {
        (self.version, self.tally) = (change.version, change.tally);
        self.tasks.extend(change.tasks.into_iter().map(|(task, saved)| (task, Arc::new(saved))));
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
    /// Bytes of each partition; none of the last stage's tasks.
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

#[derive(Clone, Debug, Default)]
struct Entry {
    executions: Vec<Execution>,
    done: Option<Arc<Completion>>,
    /// What the task counted when it was first done. Outputs may be lost and made again; the counts stay.
    counted: Option<Counters>,
    /// The attempt whose rows are on their way to the store, or there.
    committing: Option<Attempt>,
    /// Executions ever begun, and those that failed by themselves.
    begun: u32,
    failures: u32,
    /// Records that executions failed on, by where they begin, and how many did.
    bad_records: BTreeMap<u64, u32>,
    /// Workers that ended by themselves while they had it in work.
    crashes: u32,
}

/// The tasks of one stage.
#[derive(Clone, Debug)]
struct StageBooks {
    /// Where they are in `entries`.
    tasks: Range<usize>,
    reads: bool,
    /// Its rows are the result's.
    last: bool,
    /// The last stage of the micro-batch before, which has to be committed first.
    after: Option<usize>,
    /// The stages that gather from it, and those that it gathers from.
    consumers: Vec<usize>,
    sources: Vec<usize>,
    done: usize,
    /// Tasks that have been done at some time.
    counted: usize,
    /// Number and sum of the durations of completed executions.
    durations: (u64, Span),
    /// When the last of what it gathers was done: before that its tasks can only wait.
    fed: Time,
}

/// Every task of a job. Maps come first in `entries`.
#[derive(Clone, Debug)]
pub(super) struct Tasks {
    job: Arc<Job>,
    maps: usize,
    entries: Chunks<Entry>,
    stages: Vec<StageBooks>,
    /// Tasks without an execution and not done, by index in `entries`.
    idle: BTreeSet<usize>,
    /// Tasks with an execution.
    running: BTreeSet<usize>,
    /// Tasks that are not as the last checkpoint has them.
    changed: BTreeSet<usize>,
    /// Executions of each stage in each worker's hands.
    loads: BTreeMap<NodeId, Vec<usize>>,
    done: usize,
}

impl Tasks {
    pub(super) fn new(job: Arc<Job>) -> Tasks {
        let (maps, count) = (job.maps(), job.maps() + job.reduces());
        let mut stages: Vec<StageBooks> = Vec::new();
        let mut before = None;
        for (index, stage) in job.plan.stages.iter().enumerate() {
            let mut tasks = job.tasks(index).map(|task| index_of(task, maps));
            let first = tasks.next().unwrap_or_default();
            let sources = stage.gather.sources();
            sources.iter().for_each(|source| stages[*source].consumers.push(index));
            stages.push(StageBooks {
                tasks: first..first + job.tasks(index).len(),
                reads: sources.is_empty(),
                last: job.plan.is_last(index),
                after: before,
                consumers: Vec::new(),
                sources,
                done: 0,
                counted: 0,
                durations: (0, Span::ZERO),
                fed: Time::ZERO,
            });
            if job.plan.is_last(index) {
                before = Some(index);
            }
        }
        Tasks {
            job,
            maps,
            entries: Chunks::filled(Entry::default(), count),
            stages,
            idle: (0..count).collect(),
            running: BTreeSet::new(),
            changed: BTreeSet::new(),
            loads: BTreeMap::new(),
            done: 0,
        }
    }

    /// What has changed since this was last asked.
    pub(super) fn changes(&mut self, version: u64, tally: Tally) -> Change {
        let changed = std::mem::take(&mut self.changed);
        let saved = |index: usize| {
            let Entry { done, counted, begun, failures, bad_records, .. } = &self.entries[index];
            let held = !self.is_last(index);
            let done = done.clone().filter(|_| held);
            let counted = counted.filter(|_| held);
            Saved { done, counted, begun: *begun, failures: *failures, bad_records: bad_records.clone() }
        };
        Change { version, tally, tasks: changed.into_iter().map(|index| (self.task(index), saved(index))).collect() }
    }

    /// Takes over what a checkpoint says. Only on new books.
    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) {
        for (task, saved) in &checkpoint.tasks {
            let Some(index) = self.index(*task) else { continue };
            let Saved { done, counted, begun, failures, bad_records } = (**saved).clone();
            let stage = self.stage(index);
            self.stages[stage].counted += usize::from(counted.is_some());
            if done.is_some() {
                self.idle.remove(&index);
                self.stages[stage].done += 1;
                self.done += 1;
            }
            let entry = &mut self.entries[index];
            (entry.done, entry.counted, entry.begun, entry.failures) = (done, counted, begun, failures);
            entry.bad_records = bad_records;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// How many of the inputs of a task are done.
    pub(super) fn inputs_done(&self, task: TaskId) -> u32 {
        let Some(stage) = self.stage_of(task) else { return 0 };
        match self.job.plan.stages[stage].gather {
            Gather::Sampled { .. } => {
                self.job.needs(task).iter().filter(|need| self.completion(need.task).is_some()).count() as u32
            }
            // One from each task of its sources.
            _ => self.stages[stage].sources.iter().map(|source| self.stages[*source].done as u32).sum(),
        }
    }

    /// Whether the job is over: every partition is committed, and what every task counted is known. An output that was lost
    /// when nobody needed it any more is not made again; but a task whose completion died with an earlier coordinator is
    /// still owed its counts.
    pub(super) fn all_done(&self) -> bool {
        let done = |stage: &StageBooks| !stage.last || stage.done == stage.tasks.len();
        self.stages.iter().all(|stage| done(stage) && stage.counted == stage.tasks.len())
    }

    /// Whether a stage's tasks read the input, and so never wait for others.
    pub(super) fn reads(&self, stage: usize) -> bool {
        self.stages[stage].reads
    }

    /// For each stage whether somebody still waits for what its tasks leave, or for what they count.
    pub(super) fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.stages.len()];
        for (stage, books) in self.stages.iter().enumerate().rev() {
            let waits = |consumer: &usize| !self.is_done(*consumer) && needed[*consumer];
            let owes = books.counted < books.tasks.len() || (books.last && !self.is_done(stage));
            needed[stage] = owes || books.consumers.iter().any(waits);
        }
        needed
    }

    /// Whether the tasks of a stage can soon get all that they need: each of its sources is done, or has all that it needs. And the
    /// micro-batch before is committed.
    pub(super) fn near(&self, stage: usize) -> bool {
        let ready = |source: &usize| self.is_done(*source) || self.stages[*source].sources.iter().all(|it| self.is_done(*it));
        self.stages[stage].sources.iter().all(ready) && self.stages[stage].after.is_none_or(|before| self.is_done(before))
    }

    fn is_done(&self, stage: usize) -> bool {
        self.stages[stage].done == self.stages[stage].tasks.len()
    }

    pub(super) fn counters(&self) -> Counters {
        let mut total = Counters::default();
        self.entries.iter().filter_map(|entry| entry.counted.as_ref()).for_each(|counted| total.add(counted));
        total
    }

    pub(super) fn next_idle(&self, stage: usize) -> Option<TaskId> {
        self.idle.range(self.stages[stage].tasks.clone()).next().map(|index| self.task(*index))
    }

    pub(super) fn is_idle(&self, task: TaskId) -> bool {
        self.index(task).is_some_and(|index| self.idle.contains(&index))
    }

    /// How many executions of a stage's tasks a worker has in hand.
    pub(super) fn load(&self, worker: NodeId, stage: usize) -> usize {
        self.loads.get(&worker).and_then(|loads| loads.get(stage)).copied().unwrap_or_default()
    }

    /// The same, of all stages.
    pub(super) fn whole_load(&self, worker: NodeId) -> usize {
        self.loads.get(&worker).map_or(0, |loads| loads.iter().sum())
    }

    /// The stage of a task.
    pub(super) fn stage_of(&self, task: TaskId) -> Option<usize> {
        self.index(task).map(|index| self.stage(index))
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
        if self.whole_load(worker) == 0 {
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

    pub(super) fn complete(&mut self, now: Time, task: TaskId, completion: Completion) {
        let Some(index) = self.index(task) else { return };
        assert!(self.entries[index].done.is_none(), "{task} is done once");
        let stage = self.stage(index);
        if self.entries[index].counted.replace(completion.counters).is_none() {
            self.stages[stage].counted += 1;
        }
        self.entries[index].done = Some(Arc::new(completion));
        self.idle.remove(&index);
        self.changed.insert(index);
        self.stages[stage].done += 1;
        self.done += 1;
        for consumer in self.stages[stage].consumers.clone() {
            self.stages[consumer].fed = now;
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

    /// How many executions of a task have now failed on a record.
    pub(super) fn count_bad_record(&mut self, task: TaskId, record: u64) -> u32 {
        let Some(index) = self.index(task) else { return 0 };
        self.changed.insert(index);
        let failures = self.entries[index].bad_records.entry(record).or_default();
        *failures += 1;
        *failures
    }

    /// Where the records begin that the next execution of a task passes over.
    pub(super) fn skipped(&self, task: TaskId) -> Vec<u64> {
        let bad = self.entry(task).map(|entry| &entry.bad_records).into_iter().flatten();
        bad.filter(|(_, failures)| **failures >= FAILURES_PER_RECORD).map(|(record, _)| *record).collect()
    }

    /// What a worker was at work on, as far as is known here: of each stage the first task that it was given.
    pub(super) fn in_work(&self, worker: NodeId, incarnation: Incarnation) -> Vec<TaskId> {
        let begun = |index: &usize| {
            let theirs = |it: &&Execution| (it.worker, it.incarnation) == (worker, incarnation);
            self.entries[*index].executions.iter().find(theirs).map(|execution| (execution.begun, *index))
        };
        let first = |stage: &StageBooks| self.running.range(stage.tasks.clone()).filter_map(begun).min();
        self.stages.iter().filter_map(first).map(|(_, index)| self.task(index)).collect()
    }

    pub(super) fn count_crash(&mut self, task: TaskId) -> u32 {
        let Some(entry) = self.entry_mut(task) else { return 0 };
        entry.crashes += 1;
        entry.crashes
    }

    /// Forgets a completion whose output is gone; `None` if the task was not done, or its rows are in the store.
    pub(super) fn lose_output(&mut self, task: TaskId) -> Option<Arc<Completion>> {
        let index = self.index(task).filter(|index| !self.is_last(*index))?;
        let lost = self.entries[index].done.take()?;
        self.changed.insert(index);
        let stage = self.stage(index);
        self.stages[stage].done -= 1;
        self.done -= 1;
        self.settle(task);
        Some(lost)
    }

    /// The tasks whose outputs are with this worker.
    pub(super) fn held_by(&self, worker: NodeId, incarnation: Incarnation) -> Vec<TaskId> {
        let held = (0..self.entries.len()).filter(|index| !self.is_last(*index)).map(|index| self.task(index));
        held.filter(|task| self.place(*task).is_some_and(|it| (it.worker, it.incarnation) == (worker, incarnation))).collect()
    }

    pub(super) fn place(&self, task: TaskId) -> Option<OutputPlace> {
        let done = self.completion(task)?;
        Some(OutputPlace { task, attempt: done.attempt, worker: done.worker, incarnation: done.incarnation })
    }

    /// The outputs known so far that a task needs, each once.
    pub(super) fn places(&self, task: TaskId) -> Vec<OutputPlace> {
        let needs: BTreeSet<TaskId> = self.job.needs(task).into_iter().map(|need| need.task).collect();
        needs.into_iter().filter_map(|task| self.place(task)).collect()
    }

    /// The workers that have a task in hand which waits for this one.
    pub(super) fn waiting_for(&self, task: TaskId) -> Vec<(NodeId, Incarnation)> {
        let Some(stage) = self.stage_of(task) else { return Vec::new() };
        let consumers = self.stages[stage].consumers.iter().map(|stage| self.stages[*stage].tasks.clone());
        let running = consumers.flat_map(|tasks| self.running.range(tasks)).flat_map(|index| &self.entries[*index].executions);
        running.map(|execution| (execution.worker, execution.incarnation)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// An execution that began then has given the task's result.
    pub(super) fn note_duration(&mut self, task: TaskId, begun: Time, now: Time) {
        if let Some(stage) = self.stage_of(task) {
            let StageBooks { durations: (count, sum), fed, .. } = &mut self.stages[stage];
            *count += 1;
            sum.0 += now.since(begun.max(*fed)).0;
        }
    }

    /// The task that has run longest in a single execution, elsewhere than on this worker, which has nothing of that stage in hand, and
    /// long enough for a backup.
    pub(super) fn slowest(&self, free: NodeId, now: Time, factor: f64, at_least: Span) -> Option<TaskId> {
        let long_enough = |index: usize, begun: Time| {
            let StageBooks { durations: (count, sum), fed, ref sources, .. } = self.stages[self.stage(index)];
            let works = sources.iter().all(|source| self.is_done(*source));
            works && count > 0 && now.since(begun.max(fed)) >= at_least.max(Span(sum.0 / count).scaled(factor))
        };
        let single = self.running.iter().filter_map(|index| match &self.entries[*index] {
            Entry { executions, committing: None, .. } => match &executions[..] {
                [execution] if self.load(free, self.stage(*index)) == 0 => Some((execution.begun, *index)),
                _ => None,
            },
            _ => None,
        });
        single.filter(|(begun, index)| long_enough(*index, *begun)).min().map(|(_, index)| self.task(index))
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
        let Some(stage) = self.stage_of(task) else { return };
        let stages = self.stages.len();
        let load = &mut self.loads.entry(worker).or_insert_with(|| vec![0; stages])[stage];
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
        let bound = if matches!(task, TaskId::Map(_)) { self.maps } else { self.entries.len() };
        Some(index_of(task, self.maps)).filter(|index| *index < bound)
    }

    fn task(&self, index: usize) -> TaskId {
        task_at(index, self.maps)
    }

    fn stage(&self, index: usize) -> usize {
        self.stages.iter().position(|stage| stage.tasks.contains(&index)).expect("every task is of a stage")
    }

    /// Whether a task's rows are the result's.
    fn is_last(&self, index: usize) -> bool {
        self.stages[self.stage(index)].last
    }
}

fn task_at(index: usize, maps: usize) -> TaskId {
    match index.checked_sub(maps) {
        None => TaskId::Map(index as u32),
        Some(number) => TaskId::Reduce(number as u32),
    }
}

fn index_of(task: TaskId, maps: usize) -> usize {
    match task {
        TaskId::Map(number) => number as usize,
        TaskId::Reduce(number) => maps + number as usize,
    }
}
