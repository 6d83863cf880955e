//! `faults`: what goes wrong, when, and to whom.

use super::messaging::headers;
use super::problem::Place;
use super::reader::{Fields, Reader, named};
use super::yaml::{Content, Node};
use crate::fault::{Act, EdgeFault, EdgeKind, Edit, Effect, Fault, MessageFault, Moment};
use crate::id::NodeId;
use crate::limits::{FAULTS_MAX, SLOW_FACTOR_MAX};
use crate::nearest::list;
use crate::time::{Span, Time};

/// What can go wrong; a fault has one of these keys.
const KINDS: [&str; 11] =
    ["kill", "slow", "pause", "restart", "partition", "drop", "delay", "duplicate", "requeue", "edit", "random"];

/// Those that are there from the beginning unless said.
const WITHOUT_MOMENT: [&str; 5] = ["drop", "delay", "duplicate", "requeue", "edit"];

const PARTITION_EXAMPLE: &str = "for example `[[worker-1], [coordinator, worker-2]]`";

/// The nodes of an experiment, and what may be done to them.
pub(super) trait Nodes {
    type Node: Copy + PartialEq;

    /// A node's name that this run has.
    fn node(&self, reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Self::Node>;

    /// What killing the node at this place of the text is, if it may be killed.
    fn kill(&self, reader: &mut Reader<'_>, at: Place, node: Self::Node) -> Option<Effect<Self::Node>>;

    /// What restarting the coordinator is, if there is one.
    fn restart(&self, reader: &mut Reader<'_>, at: Place) -> Option<Effect<Self::Node>>;

    /// The message of this name: who publishes it, and its number there.
    fn message(&self, reader: &mut Reader<'_>, node: &Node) -> Option<(Self::Node, u64)>;

    /// Whether deliveries to a node wait for their acknowledgement, so that they can be requeued. If not, it is told.
    fn requeues(&self, reader: &mut Reader<'_>, at: Place, node: Self::Node) -> bool;
}

/// The nodes of a batch: a coordinator and so many workers.
pub(super) struct Workers(pub(super) u32);

/// The faults and how many the seed chooses beside them.
pub(super) fn faults<N: Nodes>(reader: &mut Reader<'_>, node: &Node, nodes: &N) -> Option<(Vec<Fault<N::Node>>, u32)> {
    let mut found = Vec::new();
    let mut random = 0;
    let mut sound = true;
    for node in reader.list("faults", node)? {
        match fault(reader, node, nodes) {
            Some(Found::Planned(fault)) => found.push(fault),
            Some(Found::Random(count)) => random += count,
            None => sound = false,
        }
    }
    if found.len() + random as usize > FAULTS_MAX {
        let message = format!("{} faults are too many: the limit is {FAULTS_MAX}", found.len() + random as usize);
        reader.problem(node.at, message);
        return None;
    }
    sound.then_some((found, random))
}

enum Found<N> {
    Planned(Fault<N>),
    Random(u32),
}

fn fault<N: Nodes>(reader: &mut Reader<'_>, node: &Node, nodes: &N) -> Option<Found<N::Node>> {
    let mut fields = reader.fields("a fault", node)?;
    let at = fields.take("at");
    let lasting = fields.take("for");
    let kinds: Vec<_> = KINDS.iter().filter_map(|kind| fields.take(kind).map(|node| (*kind, node))).collect();
    let [(kind, value)] = kinds.as_slice() else {
        if kinds.is_empty() {
            reader.problem(node.at, format!("a fault has one of {}", list(KINDS)));
        } else {
            let names = list(kinds.iter().map(|(kind, _)| *kind));
            reader.problem(node.at, format!("a fault has one kind, and this has {names}: begin each with `- `"));
        }
        reader.finish(fields);
        return None;
    };
    let (kind, value) = (*kind, *value);
    if kind == "random" {
        for extra in [("at", at), ("for", lasting)] {
            if let (name, Some(node)) = extra {
                reader.problem(node.at, format!("`random` faults choose their own `{name}`"));
            }
        }
        let count = reader.whole("random", value, 1, FAULTS_MAX as u64);
        reader.finish(fields);
        return count.map(|count| Found::Random(count as u32));
    }
    let when = match at {
        Some(node) => when(reader, node),
        None if WITHOUT_MOMENT.contains(&kind) => Some(Moment::Time(Time::ZERO)),
        None => {
            reader.problem_with(node.at, format!("`{kind}` needs an `at`"), "progress like `40%` or a time like `3 s`");
            None
        }
    };
    let mut duration = Duration { kind, at: node.at, lasting: None, sound: true };
    if let Some(node) = lasting {
        match reader.span("for", node) {
            Some(span) => duration.lasting = Some(span),
            None => duration.sound = false,
        }
        if matches!(kind, "kill" | "restart" | "pause" | "requeue" | "edit") {
            let hint = match kind {
                "kill" => "`respawn` says when it comes back",
                "pause" => "write `pause: { node: worker-1, for: 2 s }`",
                "requeue" | "edit" => "it happens to one message, once",
                _ => "it is back at once",
            };
            reader.problem_with(node.at, format!("`for` does not go with `{kind}`"), hint);
            duration.sound = false;
        }
    }
    let effect = effect(reader, kind, value, &duration, nodes);
    reader.finish(fields);
    let effect = effect.filter(|_| duration.sound)?;
    Some(Found::Planned(Fault { at: when?, effect }))
}

/// How long a fault lasts, if it says so.
struct Duration {
    kind: &'static str,
    at: Place,
    lasting: Option<Span>,
    sound: bool,
}

impl Duration {
    fn needed(&self, reader: &mut Reader<'_>) -> Option<Span> {
        if self.lasting.is_none() && self.sound {
            reader.problem_with(self.at, format!("`{}` needs a `for`", self.kind), "a span like `2 s`");
        }
        self.lasting
    }
}

fn when(reader: &mut Reader<'_>, node: &Node) -> Option<Moment> {
    match &node.content {
        Content::Text(text) if text.ends_with('%') => reader.percentage("at", node).map(Moment::Progress),
        Content::Text(text) => match super::units::span(text) {
            Ok(span) => Some(Moment::Time(Time::ZERO + span)),
            Err(_) => {
                let hint = "write progress like `40%` or a time like `3 s`";
                reader.problem_with(node.at, format!("`at` cannot be `{text}`"), hint);
                None
            }
        },
        _ => reader.span("at", node).map(|span| Moment::Time(Time::ZERO + span)),
    }
}

fn effect<N: Nodes>(
    reader: &mut Reader<'_>,
    kind: &str,
    node: &Node,
    duration: &Duration,
    nodes: &N,
) -> Option<Effect<N::Node>> {
    let lasting = duration.lasting;
    match kind {
        "kill" => {
            let target = nodes.node(reader, "kill", node)?;
            nodes.kill(reader, node.at, target)
        }
        "restart" => match &node.content {
            Content::Text(text) if text == "coordinator" => nodes.restart(reader, node.at),
            _ => {
                let text = reader.text("restart", node)?;
                let hint = "a worker is killed, and comes back after `respawn`";
                reader.problem_with(node.at, format!("`{text}` cannot be restarted"), hint);
                None
            }
        },
        "slow" => {
            let mut fields = reader.fields("`slow`", node)?;
            let target = fields.need(reader, "node").and_then(|node| nodes.node(reader, "node", node));
            let factor = fields.need(reader, "factor").and_then(|node| factor(reader, node));
            reader.finish(fields);
            Some(Effect::Slow { node: target?, factor: factor?, span: lasting })
        }
        "pause" => {
            let mut fields = reader.fields("`pause`", node)?;
            let target = fields.need(reader, "node").and_then(|node| nodes.node(reader, "node", node));
            let span = fields.need(reader, "for").and_then(|node| reader.span("for", node));
            reader.finish(fields);
            Some(Effect::Pause { node: target?, span: span? })
        }
        "partition" => {
            let groups = groups(reader, node, nodes);
            let lasting = duration.needed(reader);
            Some(Effect::Partition { groups: groups?, span: Some(lasting?) })
        }
        "requeue" | "edit" => {
            let mut fields = reader.fields(&format!("`{kind}`"), node)?;
            let message = fields.need(reader, "message").and_then(|node| nodes.message(reader, node));
            let to = fields.take("to");
            let act = match kind {
                "requeue" => Some(Act::Requeue),
                _ => edit(reader, &mut fields).map(Act::Edit),
            };
            reader.finish(fields);
            let to = end(reader, "to", to, nodes).filter(|end| match (kind, *end, to) {
                ("requeue", Some(end), Some(node)) => nodes.requeues(reader, node.at, end),
                _ => true,
            });
            let (publisher, number) = message?;
            Some(Effect::Message(MessageFault { publisher, number, to: to?, act: act? }))
        }
        "drop" | "duplicate" | "delay" => {
            let mut fields = reader.fields(&format!("`{kind}`"), node)?;
            if kind == "drop"
                && let Some(message) = fields.take("message")
            {
                return drop_one(reader, fields, message, duration, nodes);
            }
            let edge = edge(reader, &mut fields, nodes);
            let probability = match fields.take("probability") {
                Some(node) => probability(reader, "probability", node),
                None if kind == "delay" => Some(1.0),
                None => fields.need(reader, "probability").and(None),
            };
            let kind = match kind {
                "drop" => Some(EdgeKind::Drop),
                "duplicate" => Some(EdgeKind::Duplicate),
                _ => fields.need(reader, "by").and_then(|node| reader.span("by", node)).map(EdgeKind::Delay),
            };
            reader.finish(fields);
            let (from, to) = edge?;
            Some(Effect::Edge(EdgeFault { from, to, kind: kind?, probability: probability?, span: lasting }))
        }
        _ => None,
    }
}

impl Nodes for Workers {
    type Node = NodeId;

    fn node(&self, reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<NodeId> {
        let Workers(workers) = *self;
        let text = reader.text(name, node)?;
        match text.parse() {
            Ok(NodeId::Worker(number)) if number > workers => {
                let last = if workers == 1 {
                    "the only one is `worker-1`".to_owned()
                } else {
                    format!("the last is `worker-{workers}`")
                };
                reader.problem_with(node.at, format!("there is no `{text}`"), last);
                None
            }
            Ok(id) => Some(id),
            Err(unknown) => {
                reader.problem(node.at, unknown.to_string());
                None
            }
        }
    }

    fn kill(&self, reader: &mut Reader<'_>, at: Place, node: NodeId) -> Option<Effect> {
        if node == NodeId::Coordinator {
            reader.problem_with(at, format!("`{node}` cannot be killed"), "write `restart: coordinator`");
            return None;
        }
        Some(Effect::Kill(node))
    }

    fn restart(&self, _reader: &mut Reader<'_>, _at: Place) -> Option<Effect> {
        Some(Effect::RestartCoordinator)
    }

    fn message(&self, reader: &mut Reader<'_>, node: &Node) -> Option<(NodeId, u64)> {
        reader.problem(node.at, "only the messages of an experiment with `messaging` have names");
        None
    }

    fn requeues(&self, _reader: &mut Reader<'_>, _at: Place, _node: NodeId) -> bool {
        true
    }
}

/// From and to; `None` is any node.
type Ends<N> = (Option<N>, Option<N>);

fn edge<N: Nodes>(reader: &mut Reader<'_>, fields: &mut Fields<'_>, nodes: &N) -> Option<Ends<N::Node>> {
    let (from, to) = (fields.take("from"), fields.take("to"));
    let (from, to) = (end(reader, "from", from, nodes), end(reader, "to", to, nodes));
    Some((from?, to?))
}

fn end<N: Nodes>(reader: &mut Reader<'_>, name: &str, node: Option<&Node>, nodes: &N) -> Option<Option<N::Node>> {
    match node {
        None => Some(None),
        Some(Node { content: Content::Text(text), .. }) if text == "any" => Some(None),
        Some(found) => nodes.node(reader, name, found).map(Some),
    }
}

/// `drop` of a single message, which is named.
fn drop_one<N: Nodes>(
    reader: &mut Reader<'_>,
    mut fields: Fields<'_>,
    message: &Node,
    duration: &Duration,
    nodes: &N,
) -> Option<Effect<N::Node>> {
    let mut sound = true;
    for (name, hint) in [("probability", "it is this one"), ("from", "where it arrives is enough, `to`")] {
        if let Some(node) = fields.take(name) {
            reader.problem_with(node.at, format!("`{name}` does not go with `message`"), hint);
            sound = false;
        }
    }
    if duration.lasting.is_some() {
        reader.problem_with(duration.at, "`for` does not go with `message`", "it happens to one message, once");
        sound = false;
    }
    let message = nodes.message(reader, message);
    let to = fields.take("to");
    reader.finish(fields);
    let to = end(reader, "to", to, nodes);
    let (publisher, number) = message?;
    let fault = MessageFault { publisher, number, to: to?, act: Act::Drop };
    sound.then_some(Effect::Message(fault))
}

/// What an edited message has instead of its own.
fn edit(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Edit> {
    let mut text =
        |name| fields.take(name).map_or(Some(None), |node| reader.text(name, node).map(|text| Some(text.to_owned())));
    let (key, body) = (text("key"), text("body"));
    let headers = fields.take("headers").map_or(Some(None), |node| headers(reader, node).map(Some));
    let edit = Edit { key: key?, headers: headers?, body: body? };
    if edit.is_nothing() {
        reader.problem_with(fields.at, "`edit` changes something", "give it a `key`, `headers` or a `body`");
        return None;
    }
    Some(edit)
}

/// Between 0 and 1: `0.1` or `10%`.
pub(super) fn probability(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<f64> {
    let percent = matches!(&node.content, Content::Text(text) if text.ends_with('%'));
    let value = if percent { reader.percentage(name, node)? } else { reader.real(name, node)? };
    if (0.0..=1.0).contains(&value) {
        return Some(value);
    }
    reader.problem(node.at, format!("`{name}` lies between 0 and 1, and this is {value}"));
    None
}

fn factor(reader: &mut Reader<'_>, node: &Node) -> Option<f64> {
    let value = reader.real("factor", node)?;
    if (1.0..=SLOW_FACTOR_MAX).contains(&value) {
        return Some(value);
    }
    reader.problem(node.at, format!("`factor` lies between 1 and 1_000_000, and this is {value}"));
    None
}

/// At least two groups that share no node.
fn groups<N: Nodes>(reader: &mut Reader<'_>, node: &Node, nodes: &N) -> Option<Vec<Vec<N::Node>>> {
    let mut seen = Vec::new();
    let mut groups = Vec::new();
    let mut sound = true;
    for group in reader.list("partition", node)? {
        let mut members = Vec::new();
        let Content::List(group) = &group.content else {
            let message = format!("a group of `partition` is a list of nodes, not {}", named(&group.content));
            reader.problem_with(group.at, message, PARTITION_EXAMPLE);
            sound = false;
            continue;
        };
        for member in group {
            match nodes.node(reader, "partition", member) {
                Some(id) if seen.contains(&id) => {
                    let name = reader.text("partition", member).unwrap_or_default();
                    reader.problem(member.at, format!("`{name}` is in two places of the partition"));
                    sound = false;
                }
                Some(id) => {
                    seen.push(id);
                    members.push(id);
                }
                None => sound = false,
            }
        }
        groups.push(members);
    }
    if sound && (groups.len() < 2 || groups.iter().any(Vec::is_empty)) {
        reader.problem_with(node.at, "`partition` is at least two groups of nodes", PARTITION_EXAMPLE);
        return None;
    }
    sound.then_some(groups)
}
