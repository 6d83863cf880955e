//! What can go wrong on purpose: when, and what.

pub mod shrink;
pub mod text;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::NodeId;
use crate::limits::{SLOW_FACTOR_MAX, SPAN_MICROS_MAX};
use crate::rng::Rng;
use crate::time::{Span, Time};
use crate::wire::{Place, text64};

/// A fault and its moment. `N` names nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault<N = NodeId> {
    pub at: Moment,
    pub effect: Effect<N>,
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Moment {
    /// As soon as this share of the tasks is done, or of the time is over, 0 to 1.
    Progress(f64),
    /// So long after the run's start.
    Time(Time),
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect<N = NodeId> {
    /// The node's state is gone; it comes back empty after `respawn`, as a new incarnation.
    Kill(N),
    /// The coordinator's state is gone; after `respawn` another continues from the last checkpoint.
    RestartCoordinator,
    /// The node computes this many times slower, for good or for a while.
    Slow { node: N, factor: f64, span: Option<Span> },
    /// The node does nothing for a while: messages to it wait, kernels stand still.
    Pause { node: N, span: Span },
    /// Messages on an edge are lost, late or repeated.
    Edge(EdgeFault<N>),
    /// No message passes between nodes of different groups for a while.
    Partition { groups: Vec<Vec<N>>, span: Option<Span> },
    /// Something is done to one message of a bus where it arrives, once: the first time from the fault's moment on.
    Message(MessageFault<N>),
}

/// A fault of the network between nodes; `None` for a node means any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeFault<N = NodeId> {
    pub from: Option<N>,
    pub to: Option<N>,
    pub kind: EdgeKind,
    /// For each message by itself, 0 to 1.
    pub probability: f64,
    pub span: Option<Span>,
}

/// What somebody does to one message of a bus, such as to one that a breakpoint stopped at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageFault<N = NodeId> {
    /// The client that made it, and its number among that client's.
    pub publisher: N,
    #[serde(with = "text64")]
    pub number: u64,
    /// Where it arrives: at the broker when it is published, at a client when it is delivered. `None`: wherever it arrives first.
    pub to: Option<N>,
    pub act: Act,
}

/// What is done to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// It is lost there. A broker neither routes nor confirms it; what was delivered stays unacknowledged until the connection ends.
    Drop,
    /// The delivery goes back to its queue, as if the client had refused it with `requeue`.
    Requeue,
    /// Who gets it sees something else. What was delivered is in the broker as it was.
    Edit(Edit),
}

/// What is put in the place of a message's own; `None`: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// All of its headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum EdgeKind {
    Drop,
    /// Later by this much, so that messages overtake one another.
    Delay(Span),
    Duplicate,
}

impl<N: Copy> Effect<N> {
    /// The nodes that it names.
    pub fn nodes(&self) -> Vec<N> {
        match self {
            Effect::Kill(node) | Effect::Slow { node, .. } | Effect::Pause { node, .. } => vec![*node],
            Effect::RestartCoordinator => Vec::new(),
            Effect::Edge(edge) => edge.from.into_iter().chain(edge.to).collect(),
            Effect::Partition { groups, .. } => groups.concat(),
            Effect::Message(fault) => [fault.publisher].into_iter().chain(fault.to).collect(),
        }
    }
}

impl<N> Effect<N> {
    /// The same of other names for the nodes.
    pub fn map<M>(self, name: impl Fn(N) -> M) -> Effect<M> {
        match self {
            Effect::Kill(node) => Effect::Kill(name(node)),
            Effect::RestartCoordinator => Effect::RestartCoordinator,
            Effect::Slow { node, factor, span } => Effect::Slow { node: name(node), factor, span },
            Effect::Pause { node, span } => Effect::Pause { node: name(node), span },
            Effect::Edge(EdgeFault { from, to, kind, probability, span }) => {
                Effect::Edge(EdgeFault { from: from.map(&name), to: to.map(&name), kind, probability, span })
            }
            Effect::Partition { groups, span } => {
                let groups = groups.into_iter().map(|group| group.into_iter().map(&name).collect()).collect();
                Effect::Partition { groups, span }
            }
            Effect::Message(MessageFault { publisher, number, to, act }) => {
                Effect::Message(MessageFault { publisher: name(publisher), number, to: to.map(&name), act })
            }
        }
    }
}

impl<N: fmt::Display> Effect<N> {
    /// What it is, in two or three words.
    pub fn in_short(&self) -> String {
        match self {
            Effect::Kill(node) => format!("kill {node}"),
            Effect::RestartCoordinator => "restart coordinator".to_owned(),
            Effect::Slow { node, factor, .. } => format!("slow {node} ×{factor}"),
            Effect::Pause { node, .. } => format!("pause {node}"),
            Effect::Edge(edge) => match edge.kind {
                EdgeKind::Drop => "drop messages".to_owned(),
                EdgeKind::Delay(_) => "delay messages".to_owned(),
                EdgeKind::Duplicate => "duplicate messages".to_owned(),
            },
            Effect::Partition { .. } => "partition".to_owned(),
            Effect::Message(fault) => format!("{} {}", fault.act.verb(), fault.name()),
        }
    }
}

impl Effect {
    /// Whether it can happen to a run of so many workers at this place; if not, a sentence for the user.
    pub fn check(&self, workers: u32, place: Place) -> Result<(), String> {
        let unknown = |node: &NodeId| matches!(node, NodeId::Worker(number) if *number == 0 || *number > workers);
        if let Some(node) = self.nodes().into_iter().find(unknown) {
            return Err(format!("there is no {node} in this run: it has {workers} workers"));
        }
        let span = match self {
            Effect::Kill(_) | Effect::RestartCoordinator | Effect::Message(_) => None,
            Effect::Pause { span, .. } => Some(*span),
            Effect::Slow { span, .. } | Effect::Partition { span, .. } => *span,
            Effect::Edge(edge) => edge.span,
        };
        if span.is_some_and(|span| span.0 > SPAN_MICROS_MAX) {
            return Err(format!("a fault lasts no longer than {} h", SPAN_MICROS_MAX / 3_600_000_000));
        }
        match self {
            Effect::Slow { factor, .. } if !(1.0..=SLOW_FACTOR_MAX).contains(factor) => {
                Err(format!("a node is made 1 to {SLOW_FACTOR_MAX} times slower, not {factor} times"))
            }
            Effect::Edge(edge) if !(0.0..=1.0).contains(&edge.probability) => {
                Err(format!("a probability lies between 0 and 1, and this is {}", edge.probability))
            }
            Effect::Edge(_) | Effect::Partition { .. } if place != Place::Simulate => Err(
                "messages between real workers cannot be dropped, delayed, duplicated or partitioned: choose the place `simulate`"
                    .to_owned(),
            ),
            Effect::Message(_) if place != Place::Simulate => {
                Err("one message is dropped, requeued or edited in virtual time only: choose the place `simulate`".to_owned())
            }
            Effect::Message(MessageFault { act: Act::Edit(edit), .. }) if edit.is_nothing() => {
                Err("an edited message has another key, other headers or another body".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl<N: fmt::Display> MessageFault<N> {
    /// The message's name: `web-1/17`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.publisher, self.number)
    }
}

impl Act {
    /// As a key of `faults` says it.
    pub fn verb(&self) -> &'static str {
        match self {
            Act::Drop => "drop",
            Act::Requeue => "requeue",
            Act::Edit(_) => "edit",
        }
    }
}

impl Edit {
    /// Whether it leaves everything as it is.
    pub fn is_nothing(&self) -> bool {
        *self == Edit::default()
    }
}

impl<N: Copy + PartialEq> EdgeFault<N> {
    pub fn concerns(&self, from: N, to: N) -> bool {
        self.from.is_none_or(|it| it == from) && self.to.is_none_or(|it| it == to)
    }
}

/// No drawn fault lasts longer.
pub const DRAWN_SPAN_MAX: Span = Span::millis(1500);

/// A drawn fault whose moment is a time happens within 2 to the power of this microseconds (about a second), more likely early
/// than late, since many jobs are short.
const DRAWN_TIME_BITS_MAX: u64 = 20;

/// The nodes that drawn faults may hit.
#[derive(Clone, Debug)]
pub struct Cast<N> {
    /// All of them, in order.
    pub nodes: Vec<N>,
    /// Those that may be killed; at least one.
    pub killable: Vec<N>,
    /// Whether there is a coordinator, which is restarted instead.
    pub coordinated: bool,
}

/// Draws faults of all kinds for a batch. Each of them ends (killed nodes come back by the run's `respawn`), so progress must resume.
pub fn draw(rng: &mut Rng, workers: u32, count: u32) -> Vec<Fault> {
    let killable: Vec<_> = (1..=workers).map(NodeId::Worker).collect();
    let nodes = [NodeId::Coordinator].into_iter().chain(killable.iter().copied()).collect();
    draw_among(rng, &Cast { nodes, killable, coordinated: true }, count)
}

/// Draws faults of all kinds among these nodes.
pub fn draw_among<N: Copy>(rng: &mut Rng, cast: &Cast<N>, count: u32) -> Vec<Fault<N>> {
    (0..count).map(|_| Fault { at: draw_moment(rng), effect: draw_effect(rng, cast) }).collect()
}

fn draw_moment(rng: &mut Rng) -> Moment {
    match rng.below(2) {
        0 => Moment::Progress(rng.below(100) as f64 / 100.0),
        _ => {
            let bits = DRAWN_TIME_BITS_MAX / 2 + rng.below(DRAWN_TIME_BITS_MAX / 2 + 1);
            Moment::Time(Time(rng.below(1 << bits)))
        }
    }
}

fn draw_effect<N: Copy>(rng: &mut Rng, cast: &Cast<N>) -> Effect<N> {
    let span = Span(1 + rng.below(DRAWN_SPAN_MAX.0));
    let victim = one_of(rng, &cast.killable);
    match rng.below(8) {
        2 if cast.coordinated => Effect::RestartCoordinator,
        0..=2 => Effect::Kill(victim),
        3 => Effect::Slow { node: victim, factor: (2 + rng.below(19)) as f64, span: Some(span) },
        4 => Effect::Pause { node: one_of(rng, &cast.nodes), span },
        5 => Effect::Partition { groups: draw_groups(rng, cast), span: Some(span) },
        _ => Effect::Edge(draw_edge(rng, cast, span)),
    }
}

fn draw_edge<N: Copy>(rng: &mut Rng, cast: &Cast<N>, span: Span) -> EdgeFault<N> {
    let end = |rng: &mut Rng| (rng.below(2) == 0).then(|| one_of(rng, &cast.nodes));
    let (from, to) = (end(rng), end(rng));
    let kind = match rng.below(3) {
        0 => EdgeKind::Drop,
        1 => EdgeKind::Delay(Span(1 + rng.below(DRAWN_SPAN_MAX.0))),
        _ => EdgeKind::Duplicate,
    };
    EdgeFault { from, to, kind, probability: (1 + rng.below(10)) as f64 / 10.0, span: Some(span) }
}

/// Two groups; each node is in one of them.
fn draw_groups<N: Copy>(rng: &mut Rng, cast: &Cast<N>) -> Vec<Vec<N>> {
    let mut groups = vec![Vec::new(), Vec::new()];
    for node in &cast.nodes {
        groups[rng.below(2) as usize].push(*node);
    }
    groups
}

fn one_of<N: Copy>(rng: &mut Rng, nodes: &[N]) -> N {
    nodes[rng.below(nodes.len() as u64) as usize]
}
