//! The broker's rules, one by one, as conversations: `golden/broker` has a file for each page of RabbitMQ's documentation (or of AMQP's)
//! whose rules it shows. A file is a broker's settings as an experiment says them, and then what clients say (`> `) with what the broker
//! answers. Of durable queues a line says what is to be kept (`+`) or forgotten (`-`); `kept` says that all of that is done, and `crash`
//! is the broker's end and another life with what was kept. `MILLRACE_REWRITE=1 cargo test -p shared --test messaging rules` writes the answers anew; read the diff.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shared::machine::Machine;
use shared::messaging::broker::Broker;
use shared::messaging::durable::{Change, Record};
use shared::messaging::{BrokerSettings, Delivery, Envelope, Extra, Frame, Headers, Message, MessageId, Node, Settle};
use shared::time::{Span, Time};

use crate::faults::experiment;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/broker")
}

#[allow(clippy::disallowed_methods)] // The test reads its scripts; the core opens nothing.
#[test]
fn the_broker_keeps_each_rule() {
    let mut files: Vec<PathBuf> = folder().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 12, "{} scripts", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let told = run(&text);
        if std::env::var("MILLRACE_REWRITE").is_ok() {
            std::fs::write(&file, &told).unwrap();
        } else if told != text {
            let differing = told.lines().zip(text.lines()).find(|(told, text)| told != text);
            wrong.push(format!("{}: {differing:?}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A script with its answers.
fn run(text: &str) -> String {
    let (head, commands) = text.split_once("---\n").unwrap();
    let settings: String = head.lines().filter(|line| !line.starts_with('#')).map(|line| format!("  {line}\n")).collect();
    let experiment = experiment(&format!("millrace: 1\nmessaging:\n  for: 1 s\n{settings}"));
    let mut desk = Desk::new(BrokerSettings { heartbeats: false, ..experiment.bus.broker });
    let mut told = format!("{head}---\n");
    for line in commands.lines().filter(|line| line.starts_with(['>', '#']) || line.is_empty()) {
        told += line;
        told.push('\n');
        if let Some(command) = line.strip_prefix("> ") {
            told += &desk.command(command);
        }
    }
    told
}

/// A broker and the time.
struct Desk {
    settings: BrokerSettings,
    broker: Broker,
    /// What is kept, and what is still to be done.
    records: BTreeMap<(u32, u64), Record>,
    changes: Vec<Change>,
    last_change: u64,
    now: Time,
    messages: u64,
    connections: [u32; 10],
}

impl Desk {
    fn new(settings: BrokerSettings) -> Desk {
        Desk {
            broker: Broker::with_records(Time::ZERO, &settings, Vec::new()),
            settings,
            records: BTreeMap::new(),
            changes: Vec::new(),
            last_change: 0,
            now: Time::ZERO,
            messages: 0,
            connections: [0; 10],
        }
    }

    /// What the broker answers to one command.
    fn command(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["wait", span] => self.wait(span),
            ["count", queue] => return self.count(queue),
            ["kept"] => {
                apply(&mut self.records, std::mem::take(&mut self.changes));
                self.broker.kept(self.last_change);
            }
            ["crash"] => {
                (self.changes, self.connections) = (Vec::new(), [0; 10]);
                let records = self.records.values().cloned().collect();
                self.broker = Broker::with_records(self.now, &self.settings, records);
            }
            [node, words @ ..] => {
                let node: u16 = node.parse().unwrap_or_else(|_| panic!("`{command}` begins with no client"));
                let frame = self.frame(node, words);
                if let Frame::Open { .. } = frame {
                    self.connections[usize::from(node)] += 1;
                }
                let connection = self.connections[usize::from(node)];
                self.broker.handle(self.now, Envelope { from: Node(node), to: Node::BROKER, connection, frame });
            }
            [] => {}
        }
        self.broker.recount().unwrap();
        let mut told = String::new();
        if let Some((changes, last)) = self.broker.take_changes() {
            changes.iter().for_each(|change| told += &self.change(change));
            self.changes.extend(changes);
            self.last_change = last;
        }
        while let Some(envelope) = self.broker.poll() {
            if let Some(said) = said(&envelope.frame) {
                let _ = writeln!(told, "    {} < {said}", envelope.to.0);
            }
        }
        told
    }

    fn change(&self, change: &Change) -> String {
        let name = |queue: u32| &self.settings.queues[queue as usize].name;
        match change {
            Change::Keep(Record { queue, position, message, returns, .. }) => {
                let body = String::from_utf8_lossy(&message.body);
                let returns = if *returns > 0 { format!(", returned {returns} times") } else { String::new() };
                format!("    + {} {position}: {body}{returns}\n", name(*queue))
            }
            Change::Forget { queue, position } => format!("    - {} {position}\n", name(*queue)),
        }
    }

    fn wait(&mut self, span: &str) {
        let until = self.now + millis(span);
        while let Some(at) = self.broker.next_wake().filter(|at| *at <= until) {
            self.now = at;
            self.broker.wake(at);
        }
        self.now = until;
    }

    fn count(&self, name: &str) -> String {
        let (_, counters) = self.broker.queues().find(|(known, _)| &***known == name).unwrap();
        let counted: Vec<_> = counters.named().into_iter().filter(|(_, count)| *count > 0).collect();
        let counted: Vec<_> = counted.into_iter().map(|(name, count)| format!("{name} {count}")).collect();
        format!("    {}\n", counted.join(" · "))
    }

    fn frame(&mut self, node: u16, words: &[&str]) -> Frame {
        let option = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let flag = |name: &str| words.contains(&name);
        let settle = |tag: &str, how| Frame::Settle { tag: tag.parse().unwrap(), multiple: flag("multiple"), how };
        match words {
            ["open", ..] => Frame::Open { confirms: flag("confirms") },
            ["close"] => Frame::Close,
            ["consume", queue, ..] => Frame::Consume {
                tag: option("tag").map_or(1, |tag| tag.parse().unwrap()),
                queue: (*queue).into(),
                prefetch: option("prefetch").map_or(0, |prefetch| prefetch.parse().unwrap()),
                auto_ack: flag("auto"),
            },
            ["cancel"] => Frame::Cancel { tag: 1 },
            ["get", queue, ..] => {
                Frame::Get { queue: (*queue).into(), wait: option("wait").map_or(Span::ZERO, millis), auto_ack: flag("auto") }
            }
            ["replies", queue] => Frame::Replies { queue: (*queue).into() },
            ["ack", tag, ..] => settle(tag, Settle::Ack),
            ["requeue", tag, ..] => settle(tag, Settle::Requeue),
            ["reject", tag, ..] => settle(tag, Settle::Reject),
            ["publish", exchange, key, body, ..] => {
                self.messages += 1;
                let headers: Headers =
                    words.iter().filter_map(|word| word.strip_prefix("h.")?.split_once('=')).map(owned).collect();
                let extra = Extra {
                    headers: (!headers.is_empty()).then(|| Arc::new(headers)),
                    ttl: option("ttl").map(millis),
                    ..Extra::default()
                };
                let message = Message {
                    id: MessageId { publisher: Node(node), number: self.messages },
                    exchange: if *exchange == "default" { "" } else { *exchange }.into(),
                    key: (*key).into(),
                    body: body.as_bytes().into(),
                    published: self.now,
                    priority: option("priority").map_or(0, |priority| priority.parse().unwrap()),
                    resent: false,
                    persistent: flag("persistent"),
                    extra: Some(Box::new(extra)),
                };
                Frame::Publish { message: Arc::new(message), mandatory: flag("mandatory") }
            }
            other => panic!("no client says {other:?}"),
        }
    }
}

/// What a driver does with what is to be kept.
pub fn apply(records: &mut BTreeMap<(u32, u64), Record>, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Keep(record) => drop(records.insert((record.queue, record.position), record)),
            Change::Forget { queue, position } => assert!(records.remove(&(queue, position)).is_some(), "{queue} {position}"),
        }
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn millis(text: &str) -> Span {
    Span::millis(text.strip_suffix("ms").unwrap_or(text).parse().unwrap())
}

/// A frame of the broker in words. Credit is nothing to look at unless it is little.
fn said(frame: &Frame) -> Option<String> {
    let body = |message: &Message| String::from_utf8_lossy(&message.body).into_owned();
    Some(match frame {
        Frame::Opened { credit: 400 } | Frame::Credit { more: 200.. } => return None,
        Frame::Opened { credit } => format!("open, credit for {credit}"),
        Frame::Credit { more } => format!("credit for {more} more"),
        Frame::Deliver(delivery) => {
            let Delivery { consumer, tag, redelivered, message, .. } = &**delivery;
            let how = if consumer.is_none() { "here is" } else { "deliver" };
            let again = if *redelivered { ", redelivered" } else { "" };
            let deaths: String = message
                .deaths()
                .iter()
                .map(|death| format!(", {} in {} × {}", death.reason, death.queue, death.count))
                .collect();
            format!("{how} {} as {tag}{again}{deaths}", body(message))
        }
        Frame::Empty => "empty".to_owned(),
        Frame::Confirm { number, ok: true } => format!("ack of message {number}"),
        Frame::Confirm { number, ok: false } => format!("nack of message {number}"),
        Frame::Return { message } => format!("returned: {}", body(message)),
        Frame::Closed { reason, .. } => format!("closed: {reason}"),
        Frame::Reset => "reset".to_owned(),
        other => format!("{other:?}"),
    })
}
