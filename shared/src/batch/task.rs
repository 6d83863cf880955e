//! A task as work: what a driver is asked to compute, and what it hands back.

use serde::{Deserialize, Serialize};

use super::{Counters, KernelError, Payload};
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
    /// Map the records that begin in the split of this number, but for those that begin at one of these bytes of the input.
    Map { number: u32, skip: Vec<u64> },
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
    Failed(Failure),
}

/// Why an execution failed by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A sentence for the user.
    pub reason: String,
    /// The record that it failed on, by the byte of the run's input at which it begins: without that one it might not fail.
    pub record: Option<u64>,
}

impl From<KernelError> for Failure {
    fn from(error: KernelError) -> Failure {
        let record = match &error {
            KernelError::Record { at, .. } => *at,
            _ => None,
        };
        Failure { reason: error.to_string(), record }
    }
}
