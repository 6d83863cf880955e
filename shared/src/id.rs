//! Names of things: nodes, incarnations, tasks, attempts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A node of a run. Written `coordinator` or `worker-2`; workers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum NodeId {
    Coordinator,
    Worker(u32),
}

/// Which life of a node: 1 for the first, one more each time it comes back after a kill. A message for an earlier life is not
/// for this one.
pub type Incarnation = u32;

/// One of a job's tasks. Map tasks count splits, reduce tasks count partitions, both from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskId {
    Map(u32),
    Reduce(u32),
}

/// One execution of a task. `number` counts the task's executions from 1; `epoch` is the incarnation of the coordinator that
/// gave it out, so that a restarted coordinator never reuses a name that it has forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt {
    pub epoch: Incarnation,
    pub number: u32,
}

/// A name that is neither `coordinator` nor `worker-N`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a node: nodes are called `coordinator` and `worker-1`, `worker-2` and so on")]
pub struct UnknownNode(pub String);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeId::Coordinator => f.write_str("coordinator"),
            NodeId::Worker(number) => write!(f, "worker-{number}"),
        }
    }
}

impl FromStr for NodeId {
    type Err = UnknownNode;

    fn from_str(name: &str) -> Result<NodeId, UnknownNode> {
        if name == "coordinator" {
            return Ok(NodeId::Coordinator);
        }
        let digits = name.strip_prefix("worker-").filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(number) if number > 0 => Ok(NodeId::Worker(number)),
            _ => Err(UnknownNode(name.to_owned())),
        }
    }
}

impl From<NodeId> for String {
    fn from(node: NodeId) -> String {
        node.to_string()
    }
}

impl TryFrom<String> for NodeId {
    type Error = UnknownNode;

    fn try_from(name: String) -> Result<NodeId, UnknownNode> {
        name.parse()
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskId::Map(index) => write!(f, "map-{index}"),
            TaskId::Reduce(index) => write!(f, "reduce-{index}"),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.epoch {
            1 => write!(f, "#{}", self.number),
            epoch => write!(f, "#{}/{epoch}", self.number),
        }
    }
}
