//! How fast the broker is in one thread, and how fast a bus is simulated.
//!
//! `cargo run --release -p shared --example bus_speed`, or `cargo xtask bench messaging`. Prints one JSON object.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_types, reason = "an example measures; only the core has no clock")]

use std::sync::Arc;
use std::time::Instant;

use shared::experiment::{Checked, check_any};
use shared::machine::Machine;
use shared::messaging::broker::Broker;
use shared::messaging::{
    Binding, BrokerSettings, Envelope, ExchangeKind, ExchangeSettings, Frame, Message, MessageId, Node, QueueSettings, Settle,
};
use shared::sim::messaging::{BusSimulation, BusSpec};
use shared::time::Time;

/// Each measurement is the best of this many.
const ROUNDS: usize = 5;

/// Messages of a round, and of each of the bursts in which they come.
const MESSAGES: u64 = 1_000_000;
const BURST: u64 = 100;

/// Bytes of a body.
const BODY_BYTES: usize = 16;

/// Bindings of the topic exchange.
const BINDINGS: usize = 1_000;

const PUBLISHER: Node = Node(1);
const CONSUMER: Node = Node(2);

fn main() {
    let plain = best(|| cycles("", &["tasks".into()], plain()));
    let keys: Vec<Arc<str>> =
        (0..64).map(|key| format!("region-{}.sensor-{}.reading", key % 10, key * 13 % 100).into()).collect();
    let topic = best(|| cycles("readings", &keys, topic()));
    let queued = best(queued);
    let (messages, seconds) = simulated();
    println!(
        "{{\"messages\":{MESSAGES},\"plain_s\":{plain},\"topic_s\":{topic},\"queued_s\":{queued},\"simulated\":{messages},\
         \"simulated_s\":{seconds}}}"
    );
}

fn best(mut measure: impl FnMut() -> f64) -> f64 {
    (0..ROUNDS).map(|_| measure()).fold(f64::INFINITY, f64::min)
}

/// One queue, to which the default exchange leads.
fn plain() -> BrokerSettings {
    let queue = QueueSettings { name: "tasks".into(), ..QueueSettings::default() };
    BrokerSettings { queues: vec![queue], credit: u32::MAX, ..BrokerSettings::default() }
}

/// A topic exchange with many bindings, of which each message fits one: to one of ten queues.
fn topic() -> BrokerSettings {
    let exchange = ExchangeSettings { name: "readings".into(), kind: ExchangeKind::Topic, alternate: None };
    let binding = |region: usize, sensor: usize| Binding {
        exchange: "readings".into(),
        key: format!("region-{region}.sensor-{sensor}.*").into(),
        ..Binding::default()
    };
    let queue = |region: usize| QueueSettings {
        name: format!("region-{region}").into(),
        bindings: (0..BINDINGS / 10).map(|sensor| binding(region, sensor)).collect(),
        ..QueueSettings::default()
    };
    BrokerSettings {
        exchanges: vec![exchange],
        queues: (0..10).map(queue).collect(),
        credit: u32::MAX,
        ..BrokerSettings::default()
    }
}

fn message(number: u64, exchange: &Arc<str>, key: &Arc<str>, body: &Arc<[u8]>) -> Arc<Message> {
    Arc::new(Message {
        id: MessageId { publisher: PUBLISHER, number },
        exchange: exchange.clone(),
        key: key.clone(),
        body: body.clone(),
        published: Time::ZERO,
        priority: 0,
        resent: false,
        persistent: false,
        extra: None,
    })
}

fn say(broker: &mut Broker, from: Node, frame: Frame) {
    broker.handle(Time::ZERO, Envelope { from, to: Node::BROKER, connection: 1, frame });
}

/// The seconds that it takes to publish, route, deliver and acknowledge all messages, a burst at a time, each acknowledged by itself.
fn cycles(exchange: &str, keys: &[Arc<str>], settings: BrokerSettings) -> f64 {
    let (exchange, body): (Arc<str>, Arc<[u8]>) = (exchange.into(), vec![0; BODY_BYTES].into());
    let mut broker = Broker::new(&settings);
    say(&mut broker, PUBLISHER, Frame::Open { confirms: false });
    say(&mut broker, CONSUMER, Frame::Open { confirms: false });
    for (tag, queue) in (1..).zip(&settings.queues) {
        say(&mut broker, CONSUMER, Frame::Consume { tag, queue: queue.name.clone(), prefetch: 0, auto_ack: false });
    }
    let mut tags = Vec::with_capacity(BURST as usize);
    let start = Instant::now();
    for burst in 0..MESSAGES / BURST {
        for place in 0..BURST {
            let number = burst * BURST + place;
            let key = &keys[number as usize % keys.len()];
            let message = message(number, &exchange, key, &body);
            say(&mut broker, PUBLISHER, Frame::Publish { message, mandatory: false });
        }
        while let Some(envelope) = broker.poll() {
            if let Frame::Deliver(delivery) = envelope.frame {
                tags.push(delivery.tag);
            }
        }
        for tag in tags.drain(..) {
            say(&mut broker, CONSUMER, Frame::Settle { tag, multiple: false, how: Settle::Ack });
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let acked: u64 = broker.queues().map(|(_, counters)| counters.acked).sum();
    assert_eq!(acked, MESSAGES, "every message made its way");
    seconds
}

/// The seconds that it takes to queue all messages first and then to get each.
fn queued() -> f64 {
    let (exchange, key, body): (Arc<str>, Arc<str>, Arc<[u8]>) = ("".into(), "tasks".into(), vec![0; BODY_BYTES].into());
    let mut broker = Broker::new(&plain());
    say(&mut broker, PUBLISHER, Frame::Open { confirms: false });
    say(&mut broker, CONSUMER, Frame::Open { confirms: false });
    let start = Instant::now();
    for number in 0..MESSAGES {
        let message = message(number, &exchange, &key, &body);
        say(&mut broker, PUBLISHER, Frame::Publish { message, mandatory: false });
    }
    say(&mut broker, CONSUMER, Frame::Consume { tag: 1, queue: key, prefetch: 1, auto_ack: false });
    let mut got = 0;
    while let Some(envelope) = broker.poll() {
        if let Frame::Deliver(delivery) = envelope.frame {
            got += 1;
            say(&mut broker, CONSUMER, Frame::Settle { tag: delivery.tag, multiple: false, how: Settle::Ack });
        }
    }
    assert_eq!(got, MESSAGES, "every message was delivered");
    start.elapsed().as_secs_f64()
}

/// The work queue, simulated: how many messages, and in how many seconds.
fn simulated() -> (u64, f64) {
    let text = "millrace: 1\nmessaging:\n  for: 100 s\n  queues: { tasks: {} }\n  \
                publishers: { web: { count: 4, key: tasks, rate: 1_000/s, size: 16 B } }\n  \
                consumers: { worker: { count: 8, queue: tasks, prefetch: 10, service: 1 ms } }\n";
    let Ok(Checked::Messaging(experiment)) = check_any(text, &[]) else { panic!("the work queue is sound") };
    let bus = Arc::new(experiment.bus);
    let (mut seconds, mut messages) = (f64::INFINITY, 0);
    for _ in 0..ROUNDS {
        let spec = BusSpec { bus: bus.clone(), faults: Vec::new(), respawn: None, seed: 1, keeps_rows: false };
        let start = Instant::now();
        let summary = BusSimulation::new(spec).run().unwrap();
        seconds = seconds.min(start.elapsed().as_secs_f64());
        messages = summary.counter("total/acked");
    }
    (messages, seconds)
}
