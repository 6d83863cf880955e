//! What can go wrong on purpose: when, and what.

use serde::{Deserialize, Serialize};

use crate::id::NodeId;
use crate::time::{Span, Time};

/// A fault and its moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub at: Moment,
    pub effect: Effect,
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Moment {
    /// As soon as this share of the tasks is done, 0 to 1.
    Progress(f64),
    /// So long after the run's start.
    Time(Time),
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// The node's state is gone; it comes back empty after `respawn`, as a new incarnation.
    Kill(NodeId),
    /// The coordinator's state is gone; after `respawn` another continues from the last checkpoint.
    RestartCoordinator,
    /// The node computes this many times slower, for good or for a while.
    Slow { node: NodeId, factor: f64, span: Option<Span> },
    /// The node does nothing for a while: messages to it wait, kernels stand still.
    Pause { node: NodeId, span: Span },
    /// Messages on an edge are lost, late or repeated.
    Edge(EdgeFault),
    /// No message passes between nodes of different groups for a while.
    Partition { groups: Vec<Vec<NodeId>>, span: Option<Span> },
}

/// A fault of the network between nodes; `None` for a node means any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeFault {
    pub from: Option<NodeId>,
    pub to: Option<NodeId>,
    pub kind: EdgeKind,
    /// For each message by itself, 0 to 1.
    pub probability: f64,
    pub span: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum EdgeKind {
    Drop,
    /// Later by this much, so that messages overtake one another.
    Delay(Span),
    Duplicate,
}

impl EdgeFault {
    pub fn concerns(&self, from: NodeId, to: NodeId) -> bool {
        self.from.is_none_or(|it| it == from) && self.to.is_none_or(|it| it == to)
    }
}
