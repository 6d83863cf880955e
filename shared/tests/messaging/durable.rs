//! Durable queues under random operations, kept at any time, with ends of the broker at any time.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::machine::Machine;
use shared::messaging::broker::Broker;
use shared::messaging::durable::{Change, Record};
use shared::messaging::{BrokerSettings, Connection, Envelope, Frame, Message, Node};
use shared::rng::Rng;
use shared::time::Time;

use crate::random::{Clients, NODES, settings};
use crate::rules::apply;

const SEEDS: u64 = 2_000;
const OPERATIONS: u32 = 300;

/// A broker, and what its driver has kept and has still to do.
struct Run {
    settings: BrokerSettings,
    broker: Broker,
    clients: Clients,
    kept: BTreeMap<(u32, u64), Record>,
    /// Changes that came together, and the number of the last.
    waiting: Vec<(Vec<Change>, u64)>,
    kept_to: u64,
    /// Messages by how they are confirmed, and the last change that was made as they came.
    published: BTreeMap<(Node, Connection, u64), u64>,
    numbers: BTreeMap<(Node, Connection), u64>,
    confirmed: u64,
}

impl Run {
    /// What has to be kept by now: the persistent messages that durable queues hold.
    fn check(&mut self, context: &dyn Fn() -> String) {
        let mut all = self.kept.clone();
        self.waiting.iter().for_each(|(changes, _)| apply(&mut all, changes.clone()));
        let mut known: Vec<_> = all.values().map(|record| (record.queue, record.message.id)).collect();
        let durable = (0..).zip(&self.settings.queues).filter(|(_, queue)| queue.durable);
        let held = durable.flat_map(|(index, _)| self.broker.held(index).into_iter().map(move |message| (index, message)));
        let mut held: Vec<_> =
            held.filter(|(_, message)| message.persistent).map(|(index, message)| (index, message.id)).collect();
        known.sort_unstable();
        held.sort_unstable();
        assert_eq!(known, held, "{}", context());
        self.broker.recount().unwrap_or_else(|error| panic!("{error}: {}", context()));
    }

    /// Takes what the broker has to say.
    fn drain(&mut self, context: &dyn Fn() -> String) {
        self.waiting.extend(self.broker.take_changes());
        while let Some(envelope) = self.broker.poll() {
            match envelope.frame {
                Frame::Deliver(delivery) => drop(self.clients.tags.insert(envelope.to, delivery.tag)),
                Frame::Confirm { number, ok: true } => {
                    self.confirmed += 1;
                    let change = self.published[&(envelope.to, envelope.connection, number)];
                    assert!(change <= self.kept_to, "confirmed and not kept: {}", context());
                }
                _ => {}
            }
        }
    }

    /// A message was published, and these changes came of it. What had to make room for it, and may be kept elsewhere now, is no matter
    /// of its publisher's.
    fn publish(&mut self, node: Node, connection: Connection, message: &Message, changes: Option<&(Vec<Change>, u64)>) {
        let is_it = |change: &Change| match change {
            Change::Keep(record) => record.message.id == message.id && record.message.deaths().is_empty(),
            Change::Forget { .. } => false,
        };
        let number = self.numbers.entry((node, connection)).or_insert(0);
        *number += 1;
        let change = changes.filter(|(changes, _)| changes.iter().any(is_it)).map_or(0, |(_, last)| *last);
        self.published.insert((node, connection, *number), change);
    }

    /// The driver has done some of what waits, or all of it.
    fn keep(&mut self, rng: &mut Rng, context: &dyn Fn() -> String) {
        let count = rng.below(self.waiting.len() as u64 + 1) as usize;
        for (changes, last) in self.waiting.drain(..count) {
            apply(&mut self.kept, changes);
            self.kept_to = last;
        }
        self.broker.kept(self.kept_to);
        self.drain(context);
    }

    fn crash(&mut self, now: Time) {
        self.waiting.clear();
        self.broker = Broker::with_records(now, &self.settings, self.kept.values().cloned().collect());
        (self.kept_to, self.published, self.numbers) = (0, BTreeMap::new(), BTreeMap::new());
        self.clients.tags.clear();
    }
}

/// How many messages were confirmed, and how many came back after an end.
fn run(seed: u64) -> (u64, u64) {
    let mut rng = Rng::new(seed);
    let mut settings = settings(&mut rng);
    settings.queues.iter_mut().for_each(|queue| queue.durable = rng.below(3) > 0);
    let mut run = Run {
        broker: Broker::with_records(Time::ZERO, &settings, Vec::new()),
        settings,
        clients: Clients { connections: BTreeMap::new(), tags: BTreeMap::new(), numbers: 0 },
        kept: BTreeMap::new(),
        waiting: Vec::new(),
        kept_to: 0,
        published: BTreeMap::new(),
        numbers: BTreeMap::new(),
        confirmed: 0,
    };
    let (mut now, mut came_back) = (Time::ZERO, 0);
    for step in 0..OPERATIONS {
        let settings = run.settings.clone();
        let context = || format!("seed {seed}, step {step}, {now:?}\n{settings:#?}");
        while let Some(at) = run.broker.next_wake().filter(|at| *at <= now) {
            run.broker.wake(at);
            run.drain(&context);
        }
        let node = Node(1 + rng.below(NODES) as u16);
        let mut frame = run.clients.frame(&mut rng, node);
        let connection = run.clients.connections.entry(node).or_insert(0);
        if let Frame::Open { .. } = frame {
            *connection += 1;
            run.clients.tags.remove(&node);
        }
        let connection = *connection;
        if let Frame::Publish { message, .. } = &mut frame {
            Arc::make_mut(message).persistent = rng.below(3) > 0;
        }
        run.broker.handle(now, Envelope { from: node, to: Node::BROKER, connection, frame: frame.clone() });
        let changes = run.broker.take_changes();
        if let Frame::Publish { message, .. } = &frame {
            run.publish(node, connection, message, changes.as_ref());
        }
        run.waiting.extend(changes);
        run.drain(&context);
        if rng.below(6) == 0 {
            run.keep(&mut rng, &context);
        }
        run.check(&context);
        if rng.below(60) == 0 {
            run.crash(now);
            came_back += run.kept.len() as u64;
            run.drain(&context);
            run.check(&context);
        }
        if rng.below(3) == 0 {
            now = Time(now.0 + rng.below(6));
        }
    }
    (run.confirmed, came_back)
}

#[test]
fn what_is_kept_is_what_durable_queues_hold_and_nothing_is_confirmed_before_it_is_kept() {
    let runs: Vec<_> = (0..SEEDS).map(run).collect();
    let (confirmed, came_back) = runs.iter().fold((0, 0), |sum, run| (sum.0 + run.0, sum.1 + run.1));
    assert!(confirmed > 4 * SEEDS && came_back > SEEDS, "{confirmed} confirmed, {came_back} came back");
}
