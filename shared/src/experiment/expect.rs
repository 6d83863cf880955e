//! `expect`: what makes an experiment its own test.

use std::sync::Arc;

use super::messaging::{BusNames, missing};
use super::plan::boolean;
use super::reader::{Fields, Reader};
use super::spec::{
    Batch, Bound, BusExpectation, CLIENT_COUNTERS, COUNTERS, Expectation, InOrder, QUEUE_COUNTERS, TOTAL_COUNTERS,
};
use super::yaml::{Content, Node};
use crate::expr::Schema;
use crate::nearest::{list, nearest};

const KINDS: [&str; 4] = ["rows", "equals_sequential", "always", "counter"];
const BUS_KINDS: [&str; 7] = ["no_loss", "in_order", "duplicates_at_most", "p99", "depth_at_most", "conserved", "counter"];

/// What is expected of the one kind of experiment or of the other.
enum Found {
    Batch(Expectation),
    Bus(BusExpectation),
}

/// What is known of the experiment whose expectations are read.
#[derive(Clone, Copy)]
enum Of<'a> {
    /// The result's columns, if they are known.
    Batch(Option<&'a Schema>),
    /// Queues and clients, if they are known.
    Bus(Option<&'a BusNames>),
}

/// Reads the expectations; `batch` tells the result's columns, if it is sound.
pub(super) fn expectations(reader: &mut Reader<'_>, node: &Node, batch: Option<&Batch>) -> Option<Vec<Expectation>> {
    let schema = batch.map(|batch| {
        let columns = batch.plan.columns.iter();
        Schema(columns.map(|column| (column.name.clone(), column.data_type.clone())).collect())
    });
    let found = all(reader, node, Of::Batch(schema.as_ref()))?;
    found.into_iter().map(|found| if let Found::Batch(it) = found { Some(it) } else { None }).collect()
}

/// Reads the expectations of a messaging experiment; `names` tells what there is, if it is sound.
pub(super) fn of_bus(reader: &mut Reader<'_>, node: &Node, names: Option<&BusNames>) -> Option<Vec<BusExpectation>> {
    let found = all(reader, node, Of::Bus(names))?;
    found.into_iter().map(|found| if let Found::Bus(it) = found { Some(it) } else { None }).collect()
}

fn all(reader: &mut Reader<'_>, node: &Node, of: Of<'_>) -> Option<Vec<Found>> {
    let mut found = Vec::new();
    for node in reader.list("expect", node)? {
        found.push(expectation(reader, node, of));
    }
    found.into_iter().collect()
}

fn expectation(reader: &mut Reader<'_>, node: &Node, of: Of<'_>) -> Option<Found> {
    let mut fields = reader.fields("an expectation", node)?;
    let all: Vec<_> = KINDS.into_iter().chain(BUS_KINDS.into_iter().filter(|kind| *kind != "counter")).collect();
    let kinds: Vec<_> = all.iter().filter_map(|kind| fields.take(kind).map(|node| (*kind, node))).collect();
    let (here, other) = match of {
        Of::Batch(_) => (KINDS.as_slice(), "messaging"),
        Of::Bus(_) => (BUS_KINDS.as_slice(), "batch"),
    };
    let result = match kinds.as_slice() {
        [(kind, value)] => {
            let found = match &of {
                Of::Batch(schema) if KINDS.contains(kind) => one(reader, kind, value, *schema).map(Found::Batch),
                Of::Batch(_) => of_a_bus(reader, kind, value, None).map(Found::Bus),
                Of::Bus(names) if BUS_KINDS.contains(kind) => of_a_bus(reader, kind, value, *names).map(Found::Bus),
                Of::Bus(_) => one(reader, kind, value, None).map(Found::Batch),
            };
            if !here.contains(kind) {
                let hint = format!("here there are {}", list(here.iter().copied()));
                reader.problem_with(fields.key_at(kind), format!("`{kind}` is for experiments with `{other}`"), hint);
            }
            found
        }
        [] => {
            reader.problem(node.at, format!("an expectation has one of {}", list(here.iter().copied())));
            None
        }
        _ => {
            reader.problem(node.at, "an expectation has one key: begin each with `- `");
            None
        }
    };
    reader.finish(fields);
    result
}

fn one(reader: &mut Reader<'_>, kind: &str, node: &Node, schema: Option<&Schema>) -> Option<Expectation> {
    match kind {
        "rows" => reader.whole("rows", node, 0, u64::MAX).map(Expectation::Rows),
        "equals_sequential" => only_true(reader, "equals_sequential", node).map(|()| Expectation::EqualsSequential),
        "always" => {
            // Without sound steps nobody knows the columns; the steps' own problems are told already.
            let holds = reader.expression("always", node, schema?)?;
            boolean(reader, "always", node, &holds)?;
            let text = reader.text("always", node)?.trim().to_owned();
            Some(Expectation::Always { text, holds })
        }
        _ => {
            let (name, (bound, value)) = counter_of(reader, node, counter)?;
            Some(Expectation::Counter { name, bound, value })
        }
    }
}

fn of_a_bus(reader: &mut Reader<'_>, kind: &str, node: &Node, names: Option<&BusNames>) -> Option<BusExpectation> {
    match kind {
        "no_loss" => only_true(reader, "no_loss", node).map(|()| BusExpectation::NoLoss),
        "conserved" => only_true(reader, "conserved", node).map(|()| BusExpectation::Conserved),
        "in_order" => {
            let orders = [("per_publisher", InOrder::PerPublisher), ("per_key", InOrder::PerKey)];
            reader.word("in_order", node, &orders).map(BusExpectation::InOrder)
        }
        "duplicates_at_most" => reader.whole("duplicates_at_most", node, 0, u64::MAX).map(BusExpectation::DuplicatesAtMost),
        "p99" => {
            let mut fields = reader.fields("`p99`", node)?;
            let metric = fields.need(reader, "metric").and_then(|node| metric(reader, node, names));
            let at_most = fields.need(reader, "at_most").and_then(|node| reader.span("at_most", node));
            reader.finish(fields);
            Some(BusExpectation::P99 { metric: metric?, at_most: at_most? })
        }
        "depth_at_most" => match &node.content {
            Content::Map(_) => {
                let mut fields = reader.fields("`depth_at_most`", node)?;
                let queue = fields.need(reader, "queue").and_then(|node| queue(reader, node, names));
                let messages = fields.need(reader, "messages").and_then(|node| reader.whole("messages", node, 0, u64::MAX));
                reader.finish(fields);
                Some(BusExpectation::DepthAtMost { queue: Some(queue?), messages: messages? })
            }
            _ => {
                let messages = reader.whole("depth_at_most", node, 0, u64::MAX)?;
                Some(BusExpectation::DepthAtMost { queue: None, messages })
            }
        },
        _ => {
            let (name, (bound, value)) = counter_of(reader, node, |reader, node| bus_counter(reader, node, names))?;
            Some(BusExpectation::Counter { name, bound, value })
        }
    }
}

/// `true`: its opposite is leaving it out.
fn only_true(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<()> {
    match reader.boolean(name, node)? {
        true => Some(()),
        false => {
            reader.problem(node.at, format!("`{name}` is `true`, or is left out"));
            None
        }
    }
}

/// `counter`: a name, as `read` finds it, and a bound.
fn counter_of<T>(
    reader: &mut Reader<'_>,
    node: &Node,
    read: impl Fn(&mut Reader<'_>, &Node) -> Option<T>,
) -> Option<(T, (Bound, u64))> {
    let mut fields = reader.fields("`counter`", node)?;
    let name = fields.need(reader, "name").and_then(|node| read(reader, node));
    let bound = bound(reader, &mut fields);
    reader.finish(fields);
    name.zip(bound)
}

fn counter(reader: &mut Reader<'_>, node: &Node) -> Option<&'static str> {
    let text = reader.text("name", node)?;
    let found = COUNTERS.iter().find(|name| **name == text).copied();
    if found.is_none() {
        let hint = match nearest(text, COUNTERS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the counters are {}", list(COUNTERS)),
        };
        reader.problem_with(node.at, format!("there is no counter `{text}`"), hint);
    }
    found
}

/// `total/NAME`, `queue/QUEUE/NAME` or `client/CLIENTS/NAME`.
fn bus_counter(reader: &mut Reader<'_>, node: &Node, names: Option<&BusNames>) -> Option<String> {
    let text = reader.text("name", node)?;
    let Some(names) = names else { return Some(text.to_owned()) };
    let (of, counter) = text.rsplit_once('/').unwrap_or((text, ""));
    let (kind, name) = of.split_once('/').unwrap_or((of, ""));
    let (counters, known): (&[&str], _) = match kind {
        "total" if name.is_empty() => (&TOTAL_COUNTERS, None),
        "queue" => (&QUEUE_COUNTERS, Some(("queue", &names.queues))),
        "client" => (&CLIENT_COUNTERS, Some(("client", &names.groups))),
        _ => {
            let hint = "they are called like `total/acked`, `queue/QUEUE/ready` and `client/CLIENTS/processed`";
            reader.problem_with(node.at, format!("there is no counter `{text}`"), hint);
            return None;
        }
    };
    if let Some((what, known)) = known
        && !known.iter().any(|known| **known == *name)
    {
        missing(reader, node.at, what, name, known);
        return None;
    }
    if !counters.contains(&counter) {
        let counters: Vec<Arc<str>> = counters.iter().map(|name| (*name).into()).collect();
        missing(reader, node.at, "counter", counter, &counters);
        return None;
    }
    Some(text.to_owned())
}

/// What `p99` may be of: `latency`, `response`, `queue/QUEUE/latency` or `client/CLIENTS/response`.
fn metric(reader: &mut Reader<'_>, node: &Node, names: Option<&BusNames>) -> Option<String> {
    let text = reader.text("metric", node)?;
    let Some(names) = names else { return Some(text.to_owned()) };
    let parts: Vec<&str> = text.split('/').collect();
    let known = match parts.as_slice() {
        ["latency" | "response"] => return Some(text.to_owned()),
        ["queue", name, "latency"] => ("queue", *name, &names.queues),
        ["client", name, "response"] => ("client", *name, &names.groups),
        _ => {
            let hint = "there are `latency`, `queue/QUEUE/latency`, `response` and `client/CLIENTS/response`";
            reader.problem_with(node.at, format!("there is no metric `{text}`"), hint);
            return None;
        }
    };
    let (what, name, known) = known;
    if !known.iter().any(|known| **known == *name) {
        missing(reader, node.at, what, name, known);
        return None;
    }
    Some(text.to_owned())
}

fn queue(reader: &mut Reader<'_>, node: &Node, names: Option<&BusNames>) -> Option<String> {
    let text = reader.text("queue", node)?;
    if let Some(names) = names
        && !names.queues.iter().any(|name| **name == *text)
    {
        missing(reader, node.at, "queue", text, &names.queues);
        return None;
    }
    Some(text.to_owned())
}

fn bound(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<(Bound, u64)> {
    let bounds = [("equals", Bound::Equals), ("at_least", Bound::AtLeast), ("at_most", Bound::AtMost)];
    let found: Vec<_> = bounds.iter().filter_map(|(name, bound)| fields.take(name).map(|node| (*name, *bound, node))).collect();
    match found.as_slice() {
        [(name, bound, node)] => reader.whole(name, node, 0, u64::MAX).map(|value| (*bound, value)),
        _ => {
            reader.problem(fields.at, format!("`counter` has exactly one of {}", list(bounds.map(|(name, _)| name))));
            None
        }
    }
}
