//! A task as work: what a driver is asked to compute, and what it hands back.

use super::{Counters, Payload};
use crate::id::{Attempt, TaskId};

/// An attempt ready to run: everything its kernel needs but the plan and the input, which the driver has.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    pub task: TaskId,
    pub attempt: Attempt,
    pub body: Body,
}

/// Which kernel, over what.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Map the records that begin in the split of this number.
    Map(u32),
    /// Take up what earlier tasks left, the payloads that [`Job::needs`](super::Job::needs) names.
    Reduce(Vec<Payload>),
}

/// What a kernel gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// One payload for each partition of who gathers them next.
    Mapped {
        partitions: Vec<Payload>,
        counters: Counters,
    },
    /// Rows of the result.
    Reduced {
        rows: Payload,
        counters: Counters,
    },
    /// A sentence for the user.
    Failed(String),
}
