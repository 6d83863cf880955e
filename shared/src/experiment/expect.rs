//! `expect`: what makes an experiment its own test.

use super::plan::boolean;
use super::reader::{Fields, Reader};
use super::spec::{Batch, Bound, COUNTERS, Expectation};
use super::yaml::Node;
use crate::expr::Schema;
use crate::nearest::{list, nearest};

const KINDS: [&str; 4] = ["rows", "equals_sequential", "always", "counter"];
const TO_COME: [&str; 3] = ["no_loss", "in_order", "p99"];

/// Reads the expectations; `batch` tells the result's columns, if it is sound.
pub(super) fn expectations(reader: &mut Reader<'_>, node: &Node, batch: Option<&Batch>) -> Option<Vec<Expectation>> {
    let schema = batch.map(|batch| {
        let columns = batch.plan.columns.iter();
        Schema(columns.map(|column| (column.name.clone(), column.data_type.clone())).collect())
    });
    let mut found = Vec::new();
    let mut sound = true;
    for node in reader.list("expect", node)? {
        match expectation(reader, node, schema.as_ref()) {
            Some(expectation) => found.push(expectation),
            None => sound = false,
        }
    }
    sound.then_some(found)
}

fn expectation(reader: &mut Reader<'_>, node: &Node, schema: Option<&Schema>) -> Option<Expectation> {
    let mut fields = reader.fields("an expectation", node)?;
    let kinds: Vec<_> = KINDS.iter().filter_map(|kind| fields.take(kind).map(|node| (*kind, node))).collect();
    let later: Vec<_> = TO_COME.iter().filter(|kind| fields.take(kind).is_some()).collect();
    let result = match (kinds.as_slice(), later.as_slice()) {
        ([(kind, value)], []) => one(reader, kind, value, schema),
        ([], [kind, ..]) => {
            let hint = format!("so far there are {}", list(KINDS));
            reader.problem_with(fields.key_at(kind), format!("`{kind}` comes later"), hint);
            None
        }
        ([], []) => {
            reader.problem(node.at, format!("an expectation has one of {}", list(KINDS)));
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
        "equals_sequential" => match reader.boolean("equals_sequential", node)? {
            true => Some(Expectation::EqualsSequential),
            false => {
                reader.problem(node.at, "`equals_sequential` is `true`, or is left out");
                None
            }
        },
        "always" => {
            // Without sound steps nobody knows the columns; the steps' own problems are told already.
            let holds = reader.expression("always", node, schema?)?;
            boolean(reader, "always", node, &holds)?;
            let text = reader.text("always", node)?.trim().to_owned();
            Some(Expectation::Always { text, holds })
        }
        _ => {
            let mut fields = reader.fields("`counter`", node)?;
            let name = fields.need(reader, "name").and_then(|node| counter(reader, node));
            let bound = bound(reader, &mut fields);
            reader.finish(fields);
            let (bound, value) = bound?;
            Some(Expectation::Counter { name: name?, bound, value })
        }
    }
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
