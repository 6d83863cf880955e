//! How the virtual time of a simulated run goes, and where in it one is.

use serde::{Deserialize, Serialize};

use super::Halt;
use crate::time::Time;

/// How fast virtual time goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speed {
    /// So many times as fast as the clock on the wall, between [`SPEED_MIN`](crate::limits::SPEED_MIN) and
    /// [`SPEED_MAX`](crate::limits::SPEED_MAX); slower where the machine cannot keep up.
    Times(f64),
    /// As fast as it goes.
    Max,
}

/// How far one step of a paced run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stride {
    /// To the next event of the trace: a message that arrives, a kernel that ends.
    Event,
    /// Until a task is done, or one that was done is lost.
    Task,
    /// Until something goes wrong on purpose; to the end of the run if nothing will.
    Fault,
}

/// How a paced run goes, and where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    pub speed: Speed,
    pub paused: bool,
    /// The latest moment that is known of this history of the run: it has been there.
    pub reached: Time,
    /// When the run ends, once that is known. A fault that somebody wishes for before it makes another history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// What somebody wished for, beside the faults of the experiment, as items of its `faults`: `{ at: 1.204 s, kill: worker-2 }`. In that
    /// order they are the same as if they had been written there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wished: Vec<String>,
    /// Where somebody went by a step or a leap: the hash of everything that is to be seen at this moment, 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
    /// The message that a breakpoint waits for and that arrives next, where the run stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<Box<Halt>>,
}
