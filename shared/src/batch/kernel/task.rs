//! A task of either kind as one thing to drive: what a worker's driver and the simulator run.

use super::{KernelError, MapKernel, ReduceKernel};
use crate::batch::task::{Body, Outcome, Work};
use crate::batch::{Counters, Job, Payload, Source, Space};

/// A task under way. Call [`TaskKernel::step`] until it says `true`, then [`TaskKernel::finish`].
pub struct TaskKernel {
    kernel: Kind,
    /// Whether its rows are the result's.
    last: bool,
}

enum Kind {
    Map(Box<MapKernel>),
    Reduce(Box<ReduceKernel>),
}

/// What a task leaves, one payload for each partition, and what it counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskResult {
    pub partitions: Vec<Payload>,
    pub counters: Counters,
}

impl TaskKernel {
    pub fn new(job: &Job, work: Work, space: Space) -> Result<TaskKernel, KernelError> {
        let last = job.is_last(work.task);
        let kernel = match work.body {
            Body::Map { number, skip } => Kind::Map(Box::new(MapKernel::new(job, number, &skip, &space)?)),
            Body::Reduce(inputs) => Kind::Reduce(Box::new(ReduceKernel::new(job, work.task, inputs, space)?)),
        };
        Ok(TaskKernel { kernel, last })
    }

    /// Whether it reads the input: if not, any source will do.
    pub fn reads(&self) -> bool {
        matches!(self.kernel, Kind::Map(_))
    }

    /// Does some of the work, a few milliseconds of it mostly; `true` when the task is finished.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<bool, KernelError> {
        match &mut self.kernel {
            Kind::Map(kernel) => kernel.step(source),
            Kind::Reduce(kernel) => kernel.step(),
        }
    }

    /// Records and bytes of the input so far; nothing for a task that reads none.
    pub fn progress(&self) -> (u64, u64) {
        match &self.kernel {
            Kind::Map(kernel) => (kernel.records(), kernel.bytes()),
            Kind::Reduce(_) => (0, 0),
        }
    }

    /// What it came to. Panics if [`TaskKernel::step`] has not said that it is finished: half an output is none.
    pub fn finish(self) -> Outcome {
        let result = match self.kernel {
            Kind::Map(kernel) => kernel.finish(),
            Kind::Reduce(kernel) => kernel.finish(),
        };
        let TaskResult { mut partitions, counters } = match result {
            Ok(result) => result,
            Err(error) => return Outcome::Failed(error.into()),
        };
        match self.last {
            true => Outcome::Reduced { rows: partitions.pop().unwrap_or_default(), counters },
            false => Outcome::Mapped { partitions, counters },
        }
    }

    /// Runs a task to its end.
    pub fn run(job: &Job, work: Work, source: &mut dyn Source, space: Space) -> Outcome {
        let run = || {
            let mut kernel = TaskKernel::new(job, work, space)?;
            while !kernel.step(source)? {}
            Ok(kernel.finish())
        };
        run().unwrap_or_else(|error: KernelError| Outcome::Failed(error.into()))
    }
}
