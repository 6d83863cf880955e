//! One execution of a task, as it is told.

use serde::{Deserialize, Serialize};

use super::Bytes;
use crate::id::Incarnation;
use crate::time::Time;

/// One execution of a task: a bar in the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptView {
    /// Its place among the run's attempts, from 0.
    pub index: u32,
    pub phase: Phase,
    pub task: u32,
    /// 1 for the task's first execution.
    pub number: u32,
    pub backup: bool,
    pub worker: u32,
    pub incarnation: Incarnation,
    pub start: Time,
    pub end: Option<Time>,
    pub state: AttemptState,
    pub records: Bytes,
    pub bytes: Bytes,
    /// Bytes that it made for each partition of the shuffle behind it; none before it was done, or of a job with thousands of tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Map,
    Reduce,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    Running,
    /// Its output was accepted and counts.
    Done,
    /// Its worker died while it ran.
    Killed,
    /// It was done, but its output died with its worker before every reduce task had it.
    Lost,
    /// Another execution of the task was accepted first.
    Superseded,
    /// It failed by itself (the input could not be read).
    Failed,
}
