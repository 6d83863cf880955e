//! `exchanges` and `queues`.

use std::sync::Arc;

use super::super::reader::{Fields, Reader};
use super::super::yaml::{Content, Key, Node as Yaml};
use super::{missing, named, share};
use crate::limits::PRIORITY_MAX;
use crate::messaging::{Balance, Binding, DeadLetter, ExchangeKind, ExchangeSettings, Headers, Match, Overload, QueueSettings};

pub(super) const EXCHANGE_KINDS: [(&str, ExchangeKind); 4] = [
    ("direct", ExchangeKind::Direct),
    ("topic", ExchangeKind::Topic),
    ("fanout", ExchangeKind::Fanout),
    ("headers", ExchangeKind::Headers),
];

const OVERLOADS: [(&str, Overload); 5] = [
    ("drop_oldest", Overload::DropOldest),
    ("drop_newest", Overload::DropNewest),
    ("reject", Overload::Reject),
    ("buffer", Overload::Buffer),
    ("block", Overload::Block),
];

const BALANCES: [(&str, Balance); 3] = [
    ("round_robin", Balance::RoundRobin),
    ("least_loaded", Balance::LeastLoaded),
    ("consistent_hash", Balance::ConsistentHash),
];

pub(super) fn exchange(reader: &mut Reader<'_>, key: &Key, node: &Yaml) -> Option<ExchangeSettings> {
    let mut fields = reader.fields("an exchange", node)?;
    let kind = fields.need(reader, "type").and_then(|node| reader.word("type", node, &EXCHANGE_KINDS));
    let alternate = fields.take("alternate").map(|node| reader.text("alternate", node));
    reader.finish(fields);
    let alternate = alternate.map_or(Some(None), |text| text.map(Some))?;
    Some(ExchangeSettings { name: key.name.as_str().into(), kind: kind?, alternate: alternate.map(Into::into) })
}

/// Looks for the alternates that exchanges name, once all exchanges are known.
pub(super) fn alternates(reader: &mut Reader<'_>, fields: &Fields<'_>, names: &[Arc<str>]) {
    let exchanges = fields.entries().iter().find(|(key, _)| key.name == "exchanges").map(|(_, node)| &node.content);
    let Some(Content::Map(exchanges)) = exchanges else { return };
    for (_, exchange) in exchanges {
        let Content::Map(entries) = &exchange.content else { continue };
        let Some((_, node)) = entries.iter().find(|(key, _)| key.name == "alternate") else { continue };
        if let Content::Text(text) = &node.content
            && !names.iter().any(|name| **name == **text)
        {
            missing(reader, node.at, "exchange", text, names);
        }
    }
}

pub(super) fn queue(reader: &mut Reader<'_>, key: &Key, node: &Yaml, exchanges: Option<&[Arc<str>]>) -> Option<QueueSettings> {
    let mut fields = match &node.content {
        // A queue of which there is nothing to say.
        Content::Nothing => return Some(QueueSettings { name: key.name.as_str().into(), ..QueueSettings::default() }),
        _ => reader.fields("a queue", node)?,
    };
    let bind = fields.take("bind").map_or(Some(Vec::new()), |node| bindings(reader, node, exchanges));
    let mut whole = |reader: &mut Reader<'_>, name: &'static str, least: u64, most: u64| match fields.take(name) {
        None => Some(None),
        Some(node) => reader.whole(name, node, least, most).map(Some),
    };
    let max_messages = whole(reader, "max_messages", 1, u64::MAX);
    let delivery_limit = whole(reader, "delivery_limit", 0, u32::MAX.into());
    let max_priority = whole(reader, "max_priority", 0, PRIORITY_MAX.into());
    let max_bytes = fields.take("max_bytes").map_or(Some(None), |node| reader.size("max_bytes", node, 1, u64::MAX).map(Some));
    let overload = fields.take("overload").map(|node| (node.at, overload(reader, node)));
    let ttl = fields.take("message_ttl").map_or(Some(None), |node| reader.span("message_ttl", node).map(Some));
    let dead_letter = fields.take("dead_letter").map_or(Some(None), |node| dead_letter(reader, node, exchanges).map(Some));
    let balance = fields.take("balance");
    let single = fields.take("single_active_consumer");
    if let (Some(node), Some(_)) = (balance, single) {
        let hint = "leave `balance` out, or `single_active_consumer`";
        reader.problem_with(node.at, "with a single active consumer there is nothing to balance", hint);
    }
    let balance = balance.map_or(Some(Balance::RoundRobin), |node| reader.word("balance", node, &BALANCES));
    let single = single.map_or(Some(false), |node| reader.boolean("single_active_consumer", node));
    let durable = fields.take("durable").map_or(Some(false), |node| reader.boolean("durable", node));
    reader.finish(fields);
    let (max_messages, max_bytes) = (max_messages?, max_bytes?);
    let bounded = max_messages.is_some() || max_bytes.is_some();
    let overload = match overload {
        None if bounded => Overload::DropOldest,
        None => Overload::Buffer,
        Some((at, Some(Overload::Buffer))) if bounded => {
            reader.problem_with(at, "a queue that buffers has no bound", "leave `max_messages` and `max_bytes` out");
            return None;
        }
        Some((at, Some(other))) if !bounded && other != Overload::Buffer => {
            reader.problem_with(at, "a queue without a bound is never full", "give it `max_messages` or `max_bytes`");
            return None;
        }
        Some((_, overload)) => overload?,
    };
    Some(QueueSettings {
        name: key.name.as_str().into(),
        bindings: bind?,
        max_messages,
        max_bytes,
        overload,
        message_ttl: ttl?,
        dead_letter: dead_letter?,
        max_priority: max_priority?.unwrap_or(0) as u8,
        balance: balance?,
        single_active_consumer: single?,
        delivery_limit: delivery_limit?.map(|limit| limit as u32),
        durable: durable?,
    })
}

fn overload(reader: &mut Reader<'_>, node: &Yaml) -> Option<Overload> {
    if let Content::Map(_) = node.content {
        let mut fields = reader.fields("`overload`", node)?;
        let share = fields.need(reader, "sample").and_then(|node| share(reader, "sample", node));
        reader.finish(fields);
        return share.map(Overload::Sample);
    }
    reader.word("overload", node, &OVERLOADS)
}

fn bindings(reader: &mut Reader<'_>, node: &Yaml, exchanges: Option<&[Arc<str>]>) -> Option<Vec<Binding>> {
    let mut found = Vec::new();
    for node in reader.list("bind", node)? {
        found.push(binding(reader, node, exchanges));
    }
    found.into_iter().collect()
}

fn binding(reader: &mut Reader<'_>, node: &Yaml, exchanges: Option<&[Arc<str>]>) -> Option<Binding> {
    let mut fields = reader.fields("a binding", node)?;
    let exchange = fields.need(reader, "exchange").and_then(|node| named(reader, "exchange", "exchange", node, exchanges));
    let key = fields.take("key").map_or(Some(""), |node| reader.text("key", node));
    let headers = fields.take("headers").map_or(Some(Headers::new()), |node| headers(reader, node));
    let matches = [("all", Match::All), ("any", Match::Any)];
    let headers_match = fields.take("match").map_or(Some(Match::All), |node| reader.word("match", node, &matches));
    reader.finish(fields);
    Some(Binding { exchange: exchange?, key: key?.into(), headers: headers?, headers_match: headers_match? })
}

/// `{ name: value, … }`, each a text.
pub(in crate::experiment) fn headers(reader: &mut Reader<'_>, node: &Yaml) -> Option<Headers> {
    let fields = reader.fields("`headers`", node)?;
    let mut headers = Headers::new();
    for (key, node) in fields.entries() {
        headers.insert(key.name.clone(), reader.text(&key.name, node)?.to_owned());
    }
    Some(headers)
}

fn dead_letter(reader: &mut Reader<'_>, node: &Yaml, exchanges: Option<&[Arc<str>]>) -> Option<DeadLetter> {
    let mut fields = reader.fields("`dead_letter`", node)?;
    let exchange = match fields.take("exchange") {
        Some(node) => named(reader, "exchange", "exchange", node, exchanges),
        // The default exchange, which leads to the queue that the key names.
        None => Some("".into()),
    };
    let key = fields.take("key").map_or(Some(None), |node| reader.text("key", node).map(|key| Some(key.into())));
    reader.finish(fields);
    Some(DeadLetter { exchange: exchange?, key: key? })
}
