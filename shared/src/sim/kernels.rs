//! The kernels really run: the answer of a simulated job is computed, only its time is modelled.
//!
//! A kernel is pure, so a task's result is kept for its further attempts. The key is all that it depends on, the split of a map
//! task and the inputs of a reduce task to the byte, so that an attempt that is given something else computes something else.

use std::sync::Arc;

use crate::batch::message::Job;
use crate::batch::task::{Body, Outcome, Work};
use crate::batch::{Counters, MapKernel, Payload, ReduceKernel, Source, Split};
use crate::id::TaskId;

/// What the tasks of one job over one input gave.
#[derive(Clone, Debug)]
pub struct Kernels {
    job: Arc<Job>,
    maps: Vec<Option<(Split, Outcome)>>,
    reduces: Vec<Option<(Vec<Payload>, Outcome)>>,
}

impl Kernels {
    pub fn new(job: Arc<Job>) -> Kernels {
        let (maps, reduces) = (vec![None; job.splits.len()], vec![None; job.plan.partitions as usize]);
        Kernels { job, maps, reduces }
    }

    /// The result of a task, and how many bytes it works through.
    pub(super) fn run(&mut self, work: Work, source: &mut dyn Source) -> (Outcome, u64) {
        match (work.task, work.body) {
            (TaskId::Map(map), Body::Map(split)) => {
                let known = &mut self.maps[map as usize];
                let outcome = match known {
                    Some((of, outcome)) if *of == split => outcome.clone(),
                    _ => {
                        let outcome = run_map(&self.job, split, source);
                        known.insert((split, outcome)).1.clone()
                    }
                };
                (outcome, split.end - split.start)
            }
            (TaskId::Reduce(partition), Body::Reduce(inputs)) => {
                let bytes = inputs.iter().map(|input| input.len() as u64).sum();
                let known = &mut self.reduces[partition as usize];
                let outcome = match known {
                    Some((of, outcome)) if same(of, &inputs) => outcome.clone(),
                    _ => {
                        let outcome = run_reduce(&self.job, inputs.clone());
                        known.insert((inputs, outcome)).1.clone()
                    }
                };
                (outcome, bytes)
            }
            (task, body) => unreachable!("{task} is not given {body:?}: a worker makes both from one assignment"),
        }
    }

    /// The sum over all tasks, each once; `None` unless each has run and none failed.
    pub(super) fn counters(&self) -> Option<Counters> {
        let mut total = Counters::default();
        let maps = self.maps.iter().map(|known| known.as_ref().map(|(_, outcome)| outcome));
        let reduces = self.reduces.iter().map(|known| known.as_ref().map(|(_, outcome)| outcome));
        for outcome in maps.chain(reduces) {
            match outcome? {
                Outcome::Mapped { counters, .. } | Outcome::Reduced { counters, .. } => total.add(counters),
                Outcome::Failed(_) => return None,
            }
        }
        Some(total)
    }
}

fn same(known: &[Payload], given: &[Payload]) -> bool {
    known.len() == given.len() && known.iter().zip(given).all(|(a, b)| Arc::ptr_eq(&a.0, &b.0) || a == b)
}

fn run_map(job: &Job, split: Split, source: &mut dyn Source) -> Outcome {
    let mut kernel = MapKernel::new(job.plan.clone(), split, job.input_bytes);
    loop {
        match kernel.step(source) {
            Ok(false) => {}
            Ok(true) => {
                let result = kernel.finish();
                return Outcome::Mapped { partitions: result.partitions, counters: result.counters };
            }
            Err(error) => return Outcome::Failed(error.to_string()),
        }
    }
}

fn run_reduce(job: &Job, inputs: Vec<Payload>) -> Outcome {
    let mut kernel = ReduceKernel::new(job.plan.clone(), inputs);
    loop {
        match kernel.step() {
            Ok(false) => {}
            Ok(true) => {
                let result = kernel.finish();
                return Outcome::Reduced { rows: result.rows, counters: result.counters };
            }
            Err(error) => return Outcome::Failed(error.to_string()),
        }
    }
}
