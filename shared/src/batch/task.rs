//! A task as work: what a driver is asked to compute, and what it hands back.

use super::{Counters, Payload, Split};
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
    /// Map the records that begin in the split.
    Map(Split),
    /// Reduce one partition of every map task's output, in map task order.
    Reduce(Vec<Payload>),
}

/// What a kernel gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// One payload per partition.
    Mapped {
        partitions: Vec<Payload>,
        counters: Counters,
    },
    Reduced {
        rows: Payload,
        counters: Counters,
    },
    /// A sentence for the user.
    Failed(String),
}
