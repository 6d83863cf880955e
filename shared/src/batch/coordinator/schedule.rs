//! Which worker runs which task: the stages in their order, a stage when no task before it is idle, and near a stage's end backup
//! executions of what still runs elsewhere (MapReduce, OSDI'04 §3.6).
//!
//! Every stage has a slot of its own on each worker, so that a task waiting for its inputs never keeps the tasks that make them
//! from running.

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
        for (stage, needed) in self.tasks.needed().into_iter().enumerate() {
            if !needed || self.tasks.next_idle(stage).is_none() {
                continue;
            }
            if !self.tasks.near(stage) {
                break;
            }
            // One task a worker and round, so that the first workers heard from do not get everything.
            for load in 0..self.in_hand(stage) {
                for (worker, incarnation) in self.workers_with(stage, load) {
                    let Some(task) = self.tasks.next_idle(stage) else { break };
                    self.give(now, task, worker, incarnation, false);
                }
            }
            if self.tasks.next_idle(stage).is_some() {
                return;
            }
        }
        self.back_up(now);
    }

    /// Tasks of a stage given to one worker at a time.
    fn in_hand(&self, stage: usize) -> usize {
        if self.tasks.reads(stage) { MAPS_IN_HAND } else { REDUCES_IN_HAND }
    }

    fn back_up(&mut self, now: Time) {
        for (worker, incarnation) in self.living().collect::<Vec<_>>() {
            let slowest = self.tasks.slowest(worker, now, BACKUP_FACTOR, self.timing.backup_after);
            if let Some(task) = slowest {
                self.give(now, task, worker, incarnation, true);
            }
        }
    }

    /// Workers with exactly so many tasks of a stage in hand.
    fn workers_with(&self, stage: usize, load: usize) -> Vec<(NodeId, Incarnation)> {
        self.living().filter(|(worker, _)| self.tasks.load(*worker, stage) == load).collect()
    }

    fn living(&self) -> impl Iterator<Item = (NodeId, Incarnation)> {
        self.workers.iter().map(|(worker, known)| (*worker, known.incarnation))
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
