//! Random operations on the broker and on the model of it: both say the same, and hold the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::machine::Machine;
use shared::messaging::broker::Broker;
use shared::messaging::{
    Balance, Binding, BrokerSettings, DeadLetter, Envelope, ExchangeKind, ExchangeSettings, Extra, Frame, Headers, Match,
    Message, MessageId, Node, Overload, QueueSettings, Settle,
};
use shared::rng::Rng;
use shared::time::{Span, Time};

use crate::model::Model;

const SEEDS: u64 = 20_000;
const OPERATIONS: u64 = 1_000;
pub const NODES: u64 = 4;

const KEYS: [&str; 8] = ["a", "a.b", "a.b.c", "b", "b.a", "", "a.a", "q1"];
const PATTERNS: [&str; 10] = ["a", "a.*", "a.#", "#", "*.b", "#.a", "a.#.c", "*", "#.#", "*.#"];

/// A broker with three exchanges of each kind's chance and up to four queues of all sorts.
pub fn settings(rng: &mut Rng) -> BrokerSettings {
    let kinds = [ExchangeKind::Direct, ExchangeKind::Topic, ExchangeKind::Fanout, ExchangeKind::Headers];
    let names: Vec<Arc<str>> = ["x0", "x1", "x2"].map(Into::into).to_vec();
    let exchange = |rng: &mut Rng, name: &Arc<str>| ExchangeSettings {
        name: name.clone(),
        kind: pick(rng, &kinds),
        alternate: (rng.below(3) == 0).then(|| pick(rng, &names)),
    };
    let exchanges = names.iter().map(|name| exchange(rng, name)).collect();
    let count = 1 + rng.below(4);
    let queues = (0..count).map(|number| queue(rng, &names, number)).collect();
    BrokerSettings { exchanges, queues, credit: 1 + rng.below(5) as u32, heartbeats: false, seed: 1 }
}

fn queue(rng: &mut Rng, exchanges: &[Arc<str>], number: u64) -> QueueSettings {
    let overloads = [
        Overload::DropOldest,
        Overload::DropNewest,
        Overload::Reject,
        Overload::Buffer,
        Overload::Block,
        Overload::Sample(0.0),
        Overload::Sample(1.0),
    ];
    let overload = pick(rng, &overloads);
    let bounded = overload != Overload::Buffer;
    let binding = |rng: &mut Rng| Binding {
        exchange: pick(rng, exchanges),
        key: if rng.below(2) == 0 { pick(rng, &KEYS) } else { pick(rng, &PATTERNS) }.into(),
        headers: headers(rng),
        headers_match: pick(rng, &[Match::All, Match::Any]),
    };
    QueueSettings {
        name: format!("q{number}").into(),
        bindings: (0..rng.below(4)).map(|_| binding(rng)).collect(),
        max_messages: (bounded && rng.below(2) == 0).then(|| 1 + rng.below(4)),
        max_bytes: (bounded && rng.below(4) == 0).then(|| 1 + rng.below(12)),
        overload,
        message_ttl: (rng.below(3) == 0).then(|| Span(rng.below(20))),
        dead_letter: (rng.below(2) == 0).then(|| DeadLetter {
            exchange: if rng.below(3) == 0 { "".into() } else { pick(rng, exchanges) },
            key: match rng.below(3) {
                0 => None,
                1 => Some(format!("q{}", rng.below(4)).into()),
                _ => Some(pick(rng, &KEYS).into()),
            },
        }),
        max_priority: if rng.below(3) == 0 { 2 } else { 0 },
        balance: pick(rng, &[Balance::RoundRobin, Balance::RoundRobin, Balance::LeastLoaded, Balance::ConsistentHash]),
        single_active_consumer: rng.below(4) == 0,
        delivery_limit: (rng.below(3) == 0).then(|| rng.below(3) as u32),
        durable: false,
    }
}

fn headers(rng: &mut Rng) -> Headers {
    let mut headers = Headers::new();
    for _ in 0..rng.below(3) {
        headers.insert(pick(rng, &["h", "i"]).to_owned(), pick(rng, &["1", "2"]).to_owned());
    }
    headers
}

fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.below(from.len() as u64) as usize].clone()
}

/// What the test remembers of clients, so that what they do mostly makes sense.
pub struct Clients {
    pub connections: BTreeMap<Node, u32>,
    /// The last tag that each was given.
    pub tags: BTreeMap<Node, u64>,
    pub numbers: u64,
}

impl Clients {
    pub fn frame(&mut self, rng: &mut Rng, node: Node) -> Frame {
        let queue: Arc<str> = format!("q{}", rng.below(5)).into();
        match rng.below(16) {
            0 => Frame::Open { confirms: rng.below(2) == 0 },
            1 => pick(rng, &[Frame::Close, Frame::Reset, Frame::Heartbeat]),
            2 | 3 => Frame::Consume {
                tag: rng.below(3) as u32,
                queue: format!("q{}", rng.below(4)).into(),
                prefetch: rng.below(4) as u32,
                auto_ack: rng.below(5) == 0,
            },
            4 => Frame::Cancel { tag: rng.below(3) as u32 },
            5 => Frame::Get { queue, wait: Span(rng.below(2) * rng.below(15)), auto_ack: rng.below(4) == 0 },
            6..=9 => {
                let last = self.tags.get(&node).copied().unwrap_or(0);
                let tag = if rng.below(40) == 0 { last + 1 } else { 1 + last.saturating_sub(1 + rng.below(4)) };
                Frame::Settle {
                    tag,
                    multiple: rng.below(4) == 0,
                    how: pick(rng, &[Settle::Ack, Settle::Ack, Settle::Requeue, Settle::Reject]),
                }
            }
            10 if rng.below(3) == 0 => Frame::Replies { queue: format!("r{}", node.0).into() },
            _ => self.publish(rng, node),
        }
    }

    fn publish(&mut self, rng: &mut Rng, node: Node) -> Frame {
        self.numbers += 1;
        let headers = headers(rng);
        let ttl = (rng.below(4) == 0).then(|| Span(rng.below(12)));
        let extra = Extra { headers: (!headers.is_empty()).then(|| Arc::new(headers)), ttl, ..Extra::default() };
        let unknown = rng.below(30) == 0;
        let exchange = if unknown { "x9" } else { pick(rng, &["x0", "x1", "x2", "x0", "x1", "x2", "", ""]) };
        let named = format!("q{}", rng.below(5));
        let key = if exchange.is_empty() { named.as_str() } else { pick(rng, &KEYS) };
        let message = Message {
            id: MessageId { publisher: node, number: self.numbers },
            exchange: exchange.into(),
            key: key.into(),
            body: vec![0; rng.below(5) as usize].into(),
            published: Time(self.numbers),
            priority: rng.below(4) as u8,
            resent: false,
            persistent: false,
            extra: Some(Box::new(extra)),
        };
        Frame::Publish { message: Arc::new(message), mandatory: rng.below(3) == 0 }
    }
}

fn run(seed: u64) {
    let mut rng = Rng::new(seed);
    let settings = settings(&mut rng);
    let (mut broker, mut model) = (Broker::new(&settings), Model::new(&settings));
    let mut clients = Clients { connections: BTreeMap::new(), tags: BTreeMap::new(), numbers: 0 };
    let mut now = Time::ZERO;
    for step in 0..OPERATIONS {
        if rng.below(3) == 0 {
            now = Time(now.0 + rng.below(6));
        }
        let context = || format!("seed {seed}, step {step}, {now:?}\n{settings:#?}");
        // A driver wakes a machine no later than it wants.
        while let Some(at) = broker.next_wake().filter(|at| *at <= now) {
            broker.wake(at);
            model.pass(at);
            compare(&mut broker, &mut model, &mut clients, &context);
            assert!(broker.next_wake().is_none_or(|next| next > at), "a wake changes nothing: {}", context());
        }
        assert_eq!(broker.next_wake(), model.next(), "{}", context());
        let node = Node(1 + rng.below(NODES) as u16);
        let frame = clients.frame(&mut rng, node);
        let connection = clients.connections.entry(node).or_insert(0);
        if matches!(frame, Frame::Open { .. }) || *connection == 0 {
            *connection += 1;
            clients.tags.remove(&node);
        }
        let connection = if rng.below(60) == 0 { *connection - 1 } else { *connection };
        let envelope = Envelope { from: node, to: Node::BROKER, connection, frame };
        broker.handle(now, envelope.clone());
        model.hear(now, envelope);
        compare(&mut broker, &mut model, &mut clients, &context);
    }
}

fn compare(broker: &mut Broker, model: &mut Model, clients: &mut Clients, context: &dyn Fn() -> String) {
    broker.recount().unwrap_or_else(|error| panic!("{error}: {}", context()));
    let said: Vec<Envelope> = std::iter::from_fn(|| broker.poll()).collect();
    assert_eq!(said, model.take_output(), "{}", context());
    for envelope in &said {
        if let Frame::Deliver(delivery) = &envelope.frame {
            clients.tags.insert(envelope.to, delivery.tag);
        }
    }
    let names = ["acked", "dropped", "rejected", "expired", "dead_lettered", "lost"];
    for ((name, counters), (ready, unacked, ended)) in broker.queues().zip(model.state()) {
        let counted: BTreeMap<_, _> = counters.named().into_iter().collect();
        assert_eq!((counted["ready"], counted["unacked"]), (ready, unacked), "`{name}`: {}", context());
        for what in names {
            let expected = ended.get(what).copied().unwrap_or(0);
            assert_eq!(counted[what], expected, "{what} of `{name}`: {}", context());
        }
    }
}

#[test]
fn the_broker_does_what_its_model_does() {
    (0..SEEDS).for_each(run);
}
