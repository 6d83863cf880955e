//! The kernels really run: the answer of a simulated job is computed, only its time is modelled.
//!
//! A kernel is pure, so a task's result is kept for its further attempts, and for whoever lets the same run happen again from an
//! earlier moment. The key is all that it depends on, the split of a map task and the inputs of a reduce task to the byte, so that an
//! attempt that is given something else computes something else.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::batch::task::{Body, Outcome, Work};
use crate::batch::{Counters, Job, Source, Space, TaskKernel};
use crate::chunks::Chunks;
use crate::id::TaskId;

/// What the tasks of one job over one input gave. A clone has given the same, and whatever one of them computes from then on the
/// others need not compute.
#[derive(Clone, Debug)]
pub struct Kernels {
    job: Arc<Job>,
    /// What each task of this run gave last.
    known: Chunks<Option<Arc<Ran>>>,
    worked: u64,
    /// What tasks gave in this run and in those that it shares with.
    shared: Rc<RefCell<BTreeMap<TaskId, Vec<Arc<Ran>>>>>,
}

/// A kernel over its inputs.
#[derive(Debug)]
struct Ran {
    body: Body,
    outcome: Outcome,
}

impl Kernels {
    pub fn new(job: Arc<Job>) -> Kernels {
        let known = Chunks::filled(None, job.maps() + job.reduces());
        Kernels { job, known, worked: 0, shared: Rc::default() }
    }

    /// The result of a task, and how many bytes it works through.
    pub(super) fn run(&mut self, work: Work, source: &mut dyn Source) -> (Outcome, u64) {
        let bytes = match &work.body {
            Body::Map { number, .. } => {
                let split = self.job.splits[*number as usize];
                split.end - split.start
            }
            Body::Reduce(inputs) => inputs.iter().map(|input| input.len() as u64).sum(),
        };
        let slot = self.slot(work.task);
        if let Some(Some(ran)) = self.known.get(slot)
            && ran.body == work.body
        {
            return (ran.outcome.clone(), bytes);
        }
        self.worked += bytes;
        let ran = self.shared_or_computed(work, source);
        let outcome = ran.outcome.clone();
        if let Some(known) = self.known.get_mut(slot) {
            *known = Some(ran);
        }
        (outcome, bytes)
    }

    /// Where a task is in `known`; map tasks come first.
    fn slot(&self, task: TaskId) -> usize {
        match task {
            TaskId::Map(number) => number as usize,
            TaskId::Reduce(number) => self.job.maps() + number as usize,
        }
    }

    fn shared_or_computed(&self, work: Work, source: &mut dyn Source) -> Arc<Ran> {
        let (task, body) = (work.task, work.body.clone());
        let known = self.shared.borrow().get(&task).and_then(|all| all.iter().find(|ran| ran.body == body).cloned());
        known.unwrap_or_else(|| {
            let ran = Arc::new(Ran { body, outcome: TaskKernel::run(&self.job, work, source, Space::unbounded()) });
            self.shared.borrow_mut().entry(task).or_default().push(ran.clone());
            ran
        })
    }

    /// Bytes that the tasks given out so far work through, each taken once.
    pub(super) fn worked(&self) -> u64 {
        self.worked
    }

    /// The sum over all tasks, each once; `None` unless each has run and none failed.
    pub(super) fn counters(&self) -> Option<Counters> {
        let mut total = Counters::default();
        for ran in self.known.iter() {
            match &ran.as_ref()?.outcome {
                Outcome::Mapped { counters, .. } | Outcome::Reduced { counters, .. } => total.add(counters),
                Outcome::Failed(_) => return None,
            }
        }
        Some(total)
    }
}
