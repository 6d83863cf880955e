//! Which worker runs which task: maps first, reduces when no map is idle, and near a phase's end backup executions of what still
//! runs elsewhere (MapReduce, OSDI'04 §3.6).

use super::{Coordinator, Execution, Note, Output};
use crate::batch::timing::{BACKUP_FACTOR, MAPS_IN_HAND, REDUCES_IN_HAND};
use crate::id::{Attempt, Incarnation, NodeId, TaskId};
use crate::time::Time;

impl Coordinator {
    /// Gives out whatever can be given out now.
    pub(super) fn schedule(&mut self, now: Time) {
        if self.ended || self.listens(now) {
            return;
        }
        // One task a worker and round, so that the first workers heard from do not get everything.
        for load in 0..MAPS_IN_HAND {
            for (worker, incarnation) in self.free(load, |_| true) {
                let Some(task) = self.tasks.next_idle_map() else { break };
                self.give(now, task, worker, incarnation, false);
            }
        }
        if self.tasks.next_idle_map().is_some() {
            return;
        }
        for (worker, incarnation) in self.free_for_reduce() {
            let Some(task) = self.tasks.next_idle_reduce() else { break };
            self.give(now, task, worker, incarnation, false);
        }
        self.back_up(now);
    }

    fn back_up(&mut self, now: Time) {
        for (worker, incarnation) in self.free(0, |tasks| tasks == 0) {
            let slowest = self.tasks.slowest(worker, now, BACKUP_FACTOR, self.timing.backup_after);
            let Some(task) = slowest else { continue };
            let has_slot = match task {
                TaskId::Map(_) => true,
                TaskId::Reduce(_) => self.tasks.load(worker).1 < REDUCES_IN_HAND,
            };
            if has_slot {
                self.give(now, task, worker, incarnation, true);
            }
        }
    }

    /// Workers with exactly `maps` map tasks in hand, whose reduce tasks fit the condition.
    fn free(&self, maps: usize, reduces: impl Fn(usize) -> bool) -> Vec<(NodeId, Incarnation)> {
        let fits = |worker: &NodeId| {
            let load = self.tasks.load(*worker);
            load.0 == maps && reduces(load.1)
        };
        self.workers.iter().filter(|(worker, _)| fits(worker)).map(|(worker, known)| (*worker, known.incarnation)).collect()
    }

    fn free_for_reduce(&self) -> Vec<(NodeId, Incarnation)> {
        let fits = |worker: &NodeId| self.tasks.load(*worker).1 < REDUCES_IN_HAND;
        self.workers.iter().filter(|(worker, _)| fits(worker)).map(|(worker, known)| (*worker, known.incarnation)).collect()
    }

    fn give(&mut self, now: Time, task: TaskId, worker: NodeId, incarnation: Incarnation, backup: bool) {
        let number = self.tasks.next_number(task);
        let attempt = Attempt { epoch: self.epoch, number };
        self.tally.tasks_run += 1;
        if backup {
            self.tally.backup_tasks += 1;
        } else if number > 1 {
            self.tally.tasks_repeated += 1;
        }
        self.begin(task, Execution::new(attempt, worker, incarnation, now, backup));
        self.send_assignment(worker, incarnation, task, attempt);
    }

    /// Enters an execution in the books.
    pub(super) fn begin(&mut self, task: TaskId, execution: Execution) {
        let Execution { attempt, worker, incarnation, backup, .. } = execution;
        self.tasks.begin(task, execution);
        self.outputs.push_back(Output::Note(Note::Began { task, attempt, worker, incarnation, backup }));
    }
}
