//! What the nodes of a batch job say to one another, who says it, and why.
//!
//! The network between them may lose, repeat, delay and reorder messages. So nothing here relies on arriving, or on arriving once:
//! a worker repeats what was not answered, heartbeats say what a worker holds, and every message names the attempt it is about.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::task::Failure;
use super::{Counters, Job, Payload};
use crate::id::{Attempt, Incarnation, NodeId, TaskId};

/// A message on its way. A node drops what is meant for another incarnation of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub from: NodeId,
    pub from_incarnation: Incarnation,
    pub to: NodeId,
    /// `None`: whichever incarnation is there. Workers speak to their coordinator so, since it keeps its name when it restarts.
    pub to_incarnation: Option<Incarnation>,
    pub message: Message,
}

/// Where the output of a task is to be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputPlace {
    pub task: TaskId,
    pub attempt: Attempt,
    pub worker: NodeId,
    pub incarnation: Incarnation,
}

/// How far a running attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub task: TaskId,
    pub attempt: Attempt,
    pub records: u64,
    pub bytes: u64,
}

/// How many of its inputs a task that is given to a worker has, or knows the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collecting {
    pub task: TaskId,
    pub attempt: Attempt,
    pub known: u32,
}

/// The messages. Bulk data is not in their JSON form; see [`Message::take_payload`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// Worker to coordinator, when it starts and until it is welcomed: here I am.
    Register,
    /// Worker to coordinator, at every heartbeat: I live, and this is what I have in hand (queued and running attempts). For each
    /// task that collects its inputs, `collecting` says how many of them it has or knows the place of; a coordinator that knows
    /// of more tells it again.
    Heartbeat { running: Vec<Progress>, collecting: Vec<Collecting> },
    /// Worker to coordinator, until accepted: a task is done, its output is here with me for the tasks behind it.
    MapDone { task: TaskId, attempt: Attempt, counters: Counters, sizes: Vec<u64> },
    /// Worker to coordinator, until accepted: a task of the last stage is done, and these are its rows.
    ReduceDone {
        task: TaskId,
        attempt: Attempt,
        counters: Counters,
        #[serde(skip)]
        rows: Payload,
    },
    /// Worker to coordinator: the attempt failed by itself.
    Failed { task: TaskId, attempt: Attempt, failure: Failure },
    /// Worker to coordinator: the output of this task is not where it was said to be.
    Unfetchable { place: OutputPlace },

    /// Coordinator to worker, answering `Register`: this is the job.
    Welcome { job: Arc<Job> },
    /// Coordinator to worker: run this. `places` are the outputs known so far that it needs; records that begin at a byte of
    /// `skip` are passed over, since executions before this one failed on them.
    Assign { task: TaskId, attempt: Attempt, places: Vec<OutputPlace>, skip: Vec<u64> },
    /// Coordinator to a worker with a task that needs it: the output of a task is (now) there.
    MapAt { place: OutputPlace },
    /// Coordinator to worker: the completion is stored, stop repeating it; the rows of a reduce task may be dropped.
    Accepted { task: TaskId, attempt: Attempt },
    /// Coordinator to worker: this attempt is not wanted any more.
    Cancel { task: TaskId, attempt: Attempt },
    /// Coordinator to worker: the job is over, drop everything.
    Finished,

    /// Worker to worker: give me a partition of the output of a task's attempt.
    Fetch { task: TaskId, attempt: Attempt, partition: u32 },
    /// Worker to worker: here it is, or `found: false`, I don't have it.
    Fetched {
        task: TaskId,
        attempt: Attempt,
        partition: u32,
        found: bool,
        #[serde(skip)]
        rows: Payload,
    },
}

impl Message {
    /// Takes the bulk data out, for a driver that carries it beside the JSON.
    pub fn take_payload(&mut self) -> Option<Payload> {
        self.payload_mut().map(std::mem::take)
    }

    /// Puts the bulk data back. Messages without any ignore it.
    pub fn set_payload(&mut self, payload: Payload) {
        if let Some(place) = self.payload_mut() {
            *place = payload;
        }
    }

    fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Message::ReduceDone { rows, .. } | Message::Fetched { rows, .. } => Some(rows),
            _ => None,
        }
    }

    /// Bytes on a modelled wire: the bulk data and a fixed share for everything else.
    pub fn wire_bytes(&self) -> u64 {
        const CONTROL_BYTES: u64 = 128;
        CONTROL_BYTES
            + match self {
                Message::ReduceDone { rows, .. } | Message::Fetched { rows, .. } => rows.len() as u64,
                _ => 0,
            }
    }
}
