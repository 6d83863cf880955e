//! `publishers`, `consumers`, `requesters` and `responders`.

use std::sync::Arc;

use super::super::reader::{Fields, Reader};
use super::super::yaml::{Content, Key as YamlKey, Node as Yaml};
use super::{named, queues, some_span};
use crate::expr::{Schema, Type};
use crate::limits::{BUS_CLIENTS_MAX, MESSAGE_BYTES_MAX, PRIORITY_MAX};
use crate::messaging::client::{
    Ack, Batching, ClientKind, ClientSettings, ConsumerSettings, Failing, FailingWhen, Forward, Key, PublisherSettings, Rate,
    Receive, RequesterSettings, Retries, Service, Then, delivery_schema, message_schema,
};
use crate::time::Span;

/// Bytes of a message unless said.
const SIZE_DEFAULT: u64 = 256;

/// How long a requester waits for an answer unless said, and before it asks again the first time.
const TIMEOUT_DEFAULT: Span = Span::seconds(1);
const BACKOFF_DEFAULT: Span = Span::millis(100);

/// What clients may name; `None`: nobody knows, since it does not make sense itself.
pub(super) struct Known<'a> {
    pub(super) exchanges: Option<&'a [Arc<str>]>,
    pub(super) queues: Option<&'a [Arc<str>]>,
}

type Read = fn(&mut Reader<'_>, &YamlKey, &Yaml, &Known<'_>) -> Option<ClientSettings>;

/// The kinds of clients, in the order of their nodes.
pub(super) const KINDS: [(&str, Read); 4] =
    [("publishers", publisher), ("consumers", consumer), ("requesters", requester), ("responders", responder)];

fn publisher(reader: &mut Reader<'_>, name: &YamlKey, node: &Yaml, known: &Known<'_>) -> Option<ClientSettings> {
    let mut fields = reader.fields("a publisher", node)?;
    let count = count(reader, &mut fields);
    let exchange = exchange(reader, &mut fields, known);
    let key = fields.take("key").map_or(Some(Key::Fixed("".into())), |node| key(reader, node, &message_schema()));
    let rate = fields.need(reader, "rate").and_then(|node| rate(reader, node));
    let size = size(reader, &mut fields);
    let confirms = fields.take("confirms").map_or(Some(false), |node| reader.boolean("confirms", node));
    let window = fields.take("window");
    if let (Some(node), Some(false)) = (window, confirms) {
        reader.problem_with(node.at, "`window` counts messages without a confirm", "add `confirms: true`");
    }
    let batch = fields.take("batch").map(|node| (node, batching(reader, node)));
    if let (Some((node, _)), Some(_)) = (&batch, window) {
        let hint = "leave one of them out: a batch is confirmed before the next is begun";
        reader.problem_with(node.at, "a publisher has a `window` or a `batch`", hint);
    }
    let batch = batch.map_or(Some(None), |(_, batch)| batch.map(Some));
    let window = window.map_or(Some(None), |node| reader.whole("window", node, 1, u32::MAX.into()).map(Some));
    let mandatory = fields.take("mandatory").map_or(Some(false), |node| reader.boolean("mandatory", node));
    let priority = fields.take("priority").map_or(Some(0), |node| reader.whole("priority", node, 0, PRIORITY_MAX.into()));
    let ttl = fields.take("ttl").map_or(Some(None), |node| reader.span("ttl", node).map(Some));
    let headers = fields.take("headers").map_or(Some(None), |node| queues::headers(reader, node).map(Some));
    let persistent = fields.take("persistent").map_or(Some(false), |node| reader.boolean("persistent", node));
    let messages = messages(reader, &mut fields);
    reader.finish(fields);
    let settings = PublisherSettings {
        exchange: exchange?,
        key: key?,
        rate: rate?,
        size: size?,
        confirms: confirms?,
        window: window?.map(|window| window as u32),
        mandatory: mandatory?,
        priority: priority? as u8,
        ttl: ttl?,
        headers: headers?.map(Arc::new),
        persistent: persistent?,
        batch: batch?,
        messages: messages?,
    };
    group(name, count?, ClientKind::Publisher(Arc::new(settings)))
}

fn consumer(reader: &mut Reader<'_>, name: &YamlKey, node: &Yaml, known: &Known<'_>) -> Option<ClientSettings> {
    let mut fields = reader.fields("a consumer", node)?;
    let work = work(reader, &mut fields, known);
    let receive = fields.take("receive").map_or(Some(Receive::Push), |node| receive(reader, node));
    let remembers =
        fields.take("remembers").map_or(Some(None), |node| reader.whole("remembers", node, 1, u32::MAX.into()).map(Some));
    let batch = fields.take("batch");
    if let (Some(node), Some(Receive::Poll(_) | Receive::LongPoll(_))) = (batch, receive) {
        reader.problem(node.at, "a consumer that polls takes one message at a time, so it has no `batch`");
    }
    let batch = batch.map_or(Some(None), |node| batching(reader, node).map(Some));
    let forward = fields.take("forward").map_or(Some(None), |node| forward(reader, node, known).map(Some));
    reader.finish(fields);
    let (count, settings) = work?;
    let remembers = remembers?.map(|most| most as u32);
    let settings = ConsumerSettings { receive: receive?, remembers, batch: batch?, forward: forward?, ..settings };
    group(name, count, ClientKind::Consumer(Arc::new(settings)))
}

fn responder(reader: &mut Reader<'_>, name: &YamlKey, node: &Yaml, known: &Known<'_>) -> Option<ClientSettings> {
    let mut fields = reader.fields("a responder", node)?;
    let work = work(reader, &mut fields, known);
    reader.finish(fields);
    let (count, settings) = work?;
    group(name, count, ClientKind::Consumer(Arc::new(ConsumerSettings { answers: true, ..settings })))
}

fn requester(reader: &mut Reader<'_>, name: &YamlKey, node: &Yaml, known: &Known<'_>) -> Option<ClientSettings> {
    let mut fields = reader.fields("a requester", node)?;
    let count = count(reader, &mut fields);
    let queue = fields.need(reader, "queue").and_then(|node| named(reader, "queue", "queue", node, known.queues));
    let rate = fields.need(reader, "rate").and_then(|node| rate(reader, node));
    let size = size(reader, &mut fields);
    let timeout = fields.take("timeout").map_or(Some(TIMEOUT_DEFAULT), |node| some_span(reader, "timeout", node));
    let none = Retries { times: 0, backoff: BACKOFF_DEFAULT };
    let retries = fields.take("retries").map_or(Some(none), |node| retries(reader, node));
    let messages = messages(reader, &mut fields);
    reader.finish(fields);
    let settings = RequesterSettings {
        queue: queue?,
        rate: rate?,
        size: size?,
        timeout: timeout?,
        retries: retries?,
        messages: messages?,
    };
    group(name, count?, ClientKind::Requester(Arc::new(settings)))
}

fn group(name: &YamlKey, count: u16, kind: ClientKind) -> Option<ClientSettings> {
    Some(ClientSettings { name: name.name.as_str().into(), count, kind })
}

/// What consumers and responders share.
fn work(reader: &mut Reader<'_>, fields: &mut Fields<'_>, known: &Known<'_>) -> Option<(u16, ConsumerSettings)> {
    let count = count(reader, fields);
    let queue = fields.need(reader, "queue").and_then(|node| named(reader, "queue", "queue", node, known.queues));
    let prefetch = fields.take("prefetch").map_or(Some(0), |node| reader.whole("prefetch", node, 0, u32::MAX.into()));
    let nothing = Service::Constant(Span::ZERO);
    let service = fields.take("service").map_or(Some(nothing), |node| service(reader, node));
    let acks = [("before", Ack::Before), ("after", Ack::After), ("never", Ack::Never), ("auto", Ack::Auto)];
    let ack = fields.take("ack").map_or(Some(Ack::After), |node| reader.word("ack", node, &acks));
    let fails = fields.take("fails").map_or(Some(None), |node| failing(reader, node).map(Some));
    let settings = ConsumerSettings {
        queue: queue?,
        prefetch: prefetch? as u32,
        service: service?,
        ack: ack?,
        receive: Receive::Push,
        fails: fails?,
        remembers: None,
        batch: None,
        answers: false,
        forward: None,
    };
    Some((count?, settings))
}

fn count(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<u16> {
    let count = fields.take("count").map_or(Some(1), |node| reader.whole("count", node, 1, BUS_CLIENTS_MAX as u64));
    count.map(|count| count as u16)
}

fn size(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<u64> {
    fields.take("size").map_or(Some(SIZE_DEFAULT), |node| reader.size("size", node, 0, MESSAGE_BYTES_MAX))
}

fn messages(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Option<u64>> {
    fields.take("messages").map_or(Some(None), |node| reader.whole("messages", node, 0, u64::MAX).map(Some))
}

/// The exchange that is published to.
fn exchange(reader: &mut Reader<'_>, fields: &mut Fields<'_>, known: &Known<'_>) -> Option<Arc<str>> {
    match fields.take("exchange") {
        Some(node) => named(reader, "exchange", "exchange", node, known.exchanges),
        // The default exchange, which leads to the queue that the key names.
        None => Some("".into()),
    }
}

fn forward(reader: &mut Reader<'_>, node: &Yaml, known: &Known<'_>) -> Option<Forward> {
    let mut fields = reader.fields("`forward`", node)?;
    let exchange = exchange(reader, &mut fields, known);
    let key = fields.take("key").map_or(Some(None), |node| key(reader, node, &delivery_schema()).map(Some));
    reader.finish(fields);
    Some(Forward { exchange: exchange?, key: key? })
}

/// A text, or `{ expr: … }` over the message.
fn key(reader: &mut Reader<'_>, node: &Yaml, schema: &Schema) -> Option<Key> {
    let Content::Map(_) = node.content else { return reader.text("key", node).map(|key| Key::Fixed(key.into())) };
    let mut fields = reader.fields("`key`", node)?;
    let expr = fields.need(reader, "expr");
    reader.finish(fields);
    let node = expr?;
    let expr = reader.expression("expr", node, schema)?;
    if *expr.data_type() != Type::Utf8 {
        let message = format!("a routing key is a text, and this is {}", expr.data_type());
        reader.problem_with(node.at, message, "for example `concat('user.', cast(n % 10 as text))`");
        return None;
    }
    Some(Key::Made(Box::new(expr)))
}

/// `200/s`, `{ poisson: 200/s }`, `{ burst: 50, every: 1 s }` or `{ times: [ 0 s, 10 ms ] }`.
fn rate(reader: &mut Reader<'_>, node: &Yaml) -> Option<Rate> {
    let Content::Map(_) = node.content else { return reader.frequency("rate", node).map(Rate::Constant) };
    let mut fields = reader.fields("`rate`", node)?;
    let (poisson, burst, every) = (fields.take("poisson"), fields.take("burst"), fields.take("every"));
    let times = fields.take("times");
    reader.finish(fields);
    match (poisson, burst, every) {
        (None, None, None) if let Some(node) = times => self::times(reader, node),
        _ if times.is_some() => {
            reader.problem(node.at, "`times` stands alone: no other rate beside it");
            None
        }
        (Some(node), None, None) => reader.frequency("poisson", node).map(Rate::Poisson),
        (None, Some(burst), Some(every)) => {
            let (messages, every) = (reader.whole("burst", burst, 1, 1 << 32), some_span(reader, "every", every));
            Some(Rate::Burst { messages: messages?, every: every? })
        }
        _ => {
            let message = "`rate` is a number like `200/s`, `{ poisson: 200/s }`, `{ burst: 50, every: 1 s }` or `{ times: [ 0 s, 10 ms ] }`";
            reader.problem(node.at, message);
            None
        }
    }
}

/// Spans since the run began, none before the one in front of it.
fn times(reader: &mut Reader<'_>, node: &Yaml) -> Option<Rate> {
    let mut times = Vec::new();
    for node in reader.list("times", node)? {
        let time = reader.span("times", node)?;
        if let Some(before) = times.last().filter(|before| **before > time) {
            let message = format!("{time} comes after {before}");
            reader.problem_with(node.at, message, "write the earliest time first");
            return None;
        }
        times.push(time);
    }
    Some(Rate::Times(times.into()))
}

/// `20 ms`, `{ exponential: 20 ms }` or `{ heavy_tailed: 20 ms }`.
fn service(reader: &mut Reader<'_>, node: &Yaml) -> Option<Service> {
    let Content::Map(_) = node.content else { return reader.span("service", node).map(Service::Constant) };
    let mut fields = reader.fields("`service`", node)?;
    let (exponential, heavy_tailed) = (fields.take("exponential"), fields.take("heavy_tailed"));
    reader.finish(fields);
    match (exponential, heavy_tailed) {
        (Some(node), None) => reader.span("exponential", node).map(Service::Exponential),
        (None, Some(node)) => reader.span("heavy_tailed", node).map(Service::HeavyTailed),
        _ => {
            let message = "`service` is a span like `20 ms`, `{ exponential: 20 ms }` or `{ heavy_tailed: 20 ms }`";
            reader.problem(node.at, message);
            None
        }
    }
}

/// `push`, `{ poll: 100 ms }` or `{ long_poll: 5 s }`.
fn receive(reader: &mut Reader<'_>, node: &Yaml) -> Option<Receive> {
    let Content::Map(_) = node.content else { return reader.word("receive", node, &[("push", Receive::Push)]) };
    let mut fields = reader.fields("`receive`", node)?;
    let (poll, long_poll) = (fields.take("poll"), fields.take("long_poll"));
    reader.finish(fields);
    match (poll, long_poll) {
        (Some(node), None) => some_span(reader, "poll", node).map(Receive::Poll),
        (None, Some(node)) => some_span(reader, "long_poll", node).map(Receive::LongPoll),
        _ => {
            reader.problem(node.at, "`receive` is `push`, `{ poll: 100 ms }` or `{ long_poll: 5 s }`");
            None
        }
    }
}

fn failing(reader: &mut Reader<'_>, node: &Yaml) -> Option<Failing> {
    let mut fields = reader.fields("`fails`", node)?;
    let (when, chance) = (fields.take("when"), fields.take("chance"));
    let thens = [("requeue", Then::Requeue), ("reject", Then::Reject), ("crash", Then::Crash)];
    let then = fields.need(reader, "then").and_then(|node| reader.word("then", node, &thens));
    reader.finish(fields);
    let when = match (when, chance) {
        (Some(node), None) => {
            let expr = reader.expression("when", node, &delivery_schema())?;
            super::super::plan::boolean(reader, "when", node, &expr)?;
            FailingWhen::Holds(Box::new(expr))
        }
        (None, Some(node)) => FailingWhen::Chance(super::super::faults::probability(reader, "chance", node)?),
        _ => {
            reader.problem(node.at, "`fails` has exactly one of `when` and `chance`");
            return None;
        }
    };
    Some(Failing { when, then: then? })
}

fn batching(reader: &mut Reader<'_>, node: &Yaml) -> Option<Batching> {
    let mut fields = reader.fields("`batch`", node)?;
    let count = fields.need(reader, "count").and_then(|node| reader.whole("count", node, 1, u32::MAX.into()));
    let linger = fields.need(reader, "linger").and_then(|node| reader.span("linger", node));
    reader.finish(fields);
    Some(Batching { count: count? as u32, linger: linger? })
}

fn retries(reader: &mut Reader<'_>, node: &Yaml) -> Option<Retries> {
    let mut fields = reader.fields("`retries`", node)?;
    let times = fields.need(reader, "times").and_then(|node| reader.whole("times", node, 0, 100));
    let backoff = fields.take("backoff").map_or(Some(BACKOFF_DEFAULT), |node| reader.span("backoff", node));
    reader.finish(fields);
    Some(Retries { times: times? as u32, backoff: backoff? })
}
