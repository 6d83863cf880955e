//! The kernels really run: the answer of a simulated job is computed, only its time is modelled.
//!
//! A kernel is pure, so a task's result is kept for its further attempts. The key is all that it depends on, the split of a map
//! task and the inputs of a reduce task to the byte, so that an attempt that is given something else computes something else.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::task::{Body, Outcome, Work};
use crate::batch::{Counters, Job, Source, Space, TaskKernel};
use crate::id::TaskId;

/// What the tasks of one job over one input gave.
#[derive(Clone, Debug)]
pub struct Kernels {
    job: Arc<Job>,
    known: BTreeMap<TaskId, (Body, Outcome)>,
    worked: u64,
}

impl Kernels {
    pub fn new(job: Arc<Job>) -> Kernels {
        Kernels { job, known: BTreeMap::new(), worked: 0 }
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
        let (task, body) = (work.task, work.body.clone());
        if let Some((of, outcome)) = self.known.get(&task)
            && *of == body
        {
            return (outcome.clone(), bytes);
        }
        self.worked += bytes;
        let outcome = TaskKernel::run(&self.job, work, source, Space::unbounded());
        self.known.insert(task, (body, outcome.clone()));
        (outcome, bytes)
    }

    /// Bytes that the tasks given out so far work through, each taken once.
    pub(super) fn worked(&self) -> u64 {
        self.worked
    }

    /// The sum over all tasks, each once; `None` unless each has run and none failed.
    pub(super) fn counters(&self) -> Option<Counters> {
        let mut total = Counters::default();
        for (_, outcome) in self.known.values() {
            match outcome {
                Outcome::Mapped { counters, .. } | Outcome::Reduced { counters, .. } => total.add(counters),
                Outcome::Failed(_) => return None,
            }
        }
        (self.known.len() == self.job.maps() + self.job.reduces()).then_some(total)
    }
}
