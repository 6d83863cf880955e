//! The broker: exchanges, queues, and a connection for each client.
//!
//! The story of a message: published, routed, let into each of its queues or not (`publish`), delivered in turn, settled (`deliver`).
//! What dies in a queue is published once more, to the queue's dead-letter exchange. What a driver keeps of it meanwhile is in `keeping`.
//!
//! Time comes in with every input; the broker wakes for messages that expire, for clients that wait for one, and for heartbeats.

mod deliver;
mod keeping;
mod publish;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use self::deliver::Unacked;
use self::keeping::Keeping;
use self::publish::Dying;
use super::counters::{BrokerCounters, Counts, QueueCounters, Unconserved};
use super::exchange::Exchange;
use super::frame::{Connection, Envelope, Frame, ReplyCode};
use super::message::{Message, Node};
use super::queue::Queue;
use super::settings::{Balance, BrokerSettings, HEARTBEAT_EVERY, HEARTBEAT_TIMEOUT, Overload, QueueSettings};
use crate::machine::Machine;
use crate::rng::Rng;
use crate::time::Time;

/// See the module. Its input is what clients send, its output what it sends them.
#[derive(Clone, Debug)]
pub struct Broker {
    exchanges: Vec<Exchange>,
    exchange_names: BTreeMap<Arc<str>, u32>,
    queues: Vec<Queue>,
    queue_names: BTreeMap<Arc<str>, u32>,
    channels: BTreeMap<Node, Channel>,
    counters: BrokerCounters,
    credit: u32,
    /// When heartbeats are due, if there are any.
    next_beat: Option<Time>,
    rng: Rng,
    outputs: VecDeque<Envelope>,
    /// Messages that have just died and are still to be dead-lettered.
    dying: VecDeque<Dying>,
    /// Queues that a message goes to: kept so that routing allocates nothing.
    routed: Vec<u32>,
    routings: u64,
    /// Queues that the last input changed, whose equation is to be checked.
    touched: Vec<u32>,
    /// Whether the key decides in some queue who gets a message.
    hashes: bool,
    /// What the driver keeps; `None`: it keeps nothing.
    keeping: Option<Box<Keeping>>,
}

/// A client's connection and the one channel in it.
#[derive(Clone, Debug)]
struct Channel {
    connection: Connection,
    confirms: bool,
    /// Messages that were published here; the number of the last.
    published: u64,
    /// Messages for which the publisher is to get credit again.
    used: u32,
    /// What is delivered and not settled, by delivery tags from `first_tag` on. What is settled is `None`.
    unacked: VecDeque<Option<Unacked>>,
    first_tag: u64,
    /// Bytes of memory that these take.
    unacked_weight: u64,
    /// The client's consumers: its name for each, the queue, the queue's number for it.
    consumers: Vec<(Option<u32>, u32, u32)>,
    /// Its queue for answers, which ends with it.
    replies: Option<u32>,
    heard: Time,
}

impl Broker {
    pub fn new(settings: &BrokerSettings) -> Broker {
        let mut broker = Broker {
            exchanges: Vec::new(),
            exchange_names: BTreeMap::new(),
            queues: Vec::new(),
            queue_names: BTreeMap::new(),
            channels: BTreeMap::new(),
            counters: BrokerCounters::default(),
            credit: settings.credit.max(1),
            next_beat: settings.heartbeats.then_some(Time::ZERO + HEARTBEAT_EVERY),
            rng: Rng::new(settings.seed),
            outputs: VecDeque::new(),
            dying: VecDeque::new(),
            routed: Vec::new(),
            routings: 0,
            touched: Vec::new(),
            hashes: settings.queues.iter().any(|queue| queue.balance == Balance::ConsistentHash),
            keeping: None,
        };
        for exchange in &settings.exchanges {
            broker.exchange_names.insert(exchange.name.clone(), broker.exchanges.len() as u32);
            broker.exchanges.push(Exchange::new(exchange));
        }
        for queue in &settings.queues {
            broker.declare(queue.clone());
        }
        broker
    }

    /// Each queue's name and what it has counted, in the order in which they came to be.
    pub fn queues(&self) -> impl Iterator<Item = (&Arc<str>, &QueueCounters)> {
        self.queues.iter().map(|queue| (&queue.settings.name, &queue.counters))
    }

    /// How many consumers each queue has, in the same order.
    pub fn consumers(&self) -> impl Iterator<Item = usize> {
        self.queues.iter().map(Queue::consumers)
    }

    pub fn counters(&self) -> &BrokerCounters {
        &self.counters
    }

    /// Everything that it has counted.
    pub fn counts(&self) -> Counts {
        let queues = self.queues().map(|(name, counters)| (name.clone(), *counters)).collect();
        Counts { broker: self.counters, queues }
    }

    /// Everything that it holds for a queue: what is ready, then what its consumers have.
    pub fn held(&self, queue: u32) -> Vec<&Arc<Message>> {
        let of_queue = |unacked: &&Unacked| unacked.queue == queue;
        let unacked = self.channels.values().flat_map(|channel| channel.unacked.iter().flatten().filter(of_queue));
        let ready = self.queues.get(queue as usize).into_iter().flat_map(Queue::waiting);
        ready.chain(unacked.map(|unacked| &unacked.entry.message)).collect()
    }

    /// How many deliveries a client has not settled.
    pub fn unacked_by(&self, node: Node) -> usize {
        self.channels.get(&node).map_or(0, |channel| channel.unacked.iter().flatten().count())
    }

    /// Bytes of memory that its messages take, ready and at consumers; one that is in several queues counts in each.
    pub fn bytes(&self) -> u64 {
        let ready: u64 = self.queues.iter().map(Queue::weight).sum();
        ready + self.channels.values().map(|channel| channel.unacked_weight).sum::<u64>()
    }

    /// Whether the equation of conservation holds of what the last input changed.
    pub fn check(&self) -> Result<(), Unconserved> {
        self.touched.iter().try_for_each(|index| self.check_counts(*index))
    }

    /// The same of every queue, with everything counted anew.
    pub fn recount(&self) -> Result<(), Unconserved> {
        for (index, queue) in (0..).zip(&self.queues) {
            self.check_counts(index)?;
            let held = self.held(index).len() as u64;
            let ready = queue.count_ready();
            if (ready, held) != (queue.counters.ready, queue.counters.ready + queue.counters.unacked) {
                return Err(self.unconserved(index, ready, held - ready));
            }
        }
        Ok(())
    }

    fn check_counts(&self, index: u32) -> Result<(), Unconserved> {
        let counters = &self.queues[index as usize].counters;
        if counters.conserves() { Ok(()) } else { Err(self.unconserved(index, counters.ready, counters.unacked)) }
    }

    fn unconserved(&self, index: u32, ready: u64, unacked: u64) -> Unconserved {
        let queue = &self.queues[index as usize];
        Unconserved { queue: queue.settings.name.clone(), counters: Box::new(queue.counters), ready, unacked }
    }

    /// A queue's place; the same name has the same place again.
    fn declare(&mut self, settings: QueueSettings) -> u32 {
        if let Some(index) = self.queue_names.get(&settings.name) {
            self.queues[*index as usize].gone = false;
            return *index;
        }
        let index = self.queues.len() as u32;
        for binding in &settings.bindings {
            if let Some(exchange) = self.exchange_names.get(&binding.exchange) {
                self.exchanges[*exchange as usize].bind(binding, index);
            }
        }
        self.queue_names.insert(settings.name.clone(), index);
        self.queues.push(Queue::new(settings));
        index
    }

    fn send(&mut self, to: Node, connection: Connection, frame: Frame) {
        self.outputs.push_back(Envelope { from: Node::BROKER, to, connection, frame });
    }

    fn receive(&mut self, now: Time, envelope: Envelope) {
        let Envelope { from: node, connection, frame, .. } = envelope;
        if let Frame::Open { confirms } = frame {
            return self.open(now, node, connection, confirms);
        }
        match self.channels.get_mut(&node) {
            Some(channel) if channel.connection == connection => channel.heard = now,
            Some(channel) if channel.connection > connection => return,
            // What was here before is over too, even if nobody said so.
            _ if matches!(frame, Frame::Reset | Frame::Close) => return self.end(now, node),
            // It talks to a broker that is no more.
            _ => return self.send(node, connection, Frame::Reset),
        }
        match frame {
            Frame::Publish { message, mandatory } => self.publish(now, node, message, mandatory),
            Frame::Settle { tag, multiple, how } => self.settle(now, node, tag, multiple, how),
            Frame::Consume { tag, queue, prefetch, auto_ack } => self.consume(now, node, tag, &queue, prefetch, auto_ack),
            Frame::Cancel { tag } => self.cancel(now, node, tag),
            Frame::Get { queue, wait, auto_ack } => self.get(now, node, &queue, wait, auto_ack),
            Frame::Replies { queue } => {
                let replies = self.declare(QueueSettings { name: queue, ..QueueSettings::default() });
                if let Some(channel) = self.channels.get_mut(&node) {
                    channel.replies = Some(replies);
                }
            }
            Frame::Close | Frame::Reset => self.end(now, node),
            Frame::Heartbeat => {}
            // What a broker says no client does.
            Frame::Open { .. }
            | Frame::Opened { .. }
            | Frame::Confirm { .. }
            | Frame::Return { .. }
            | Frame::Credit { .. }
            | Frame::Deliver(_)
            | Frame::Empty
            | Frame::Closed { .. } => self.close(now, node, ReplyCode::CommandInvalid, "a client sent what only a broker says"),
        }
    }

    fn open(&mut self, now: Time, node: Node, connection: Connection, confirms: bool) {
        if self.channels.get(&node).is_some_and(|channel| channel.connection >= connection) {
            return;
        }
        self.end(now, node);
        let channel = Channel {
            connection,
            confirms,
            published: 0,
            used: 0,
            unacked: VecDeque::new(),
            first_tag: 1,
            unacked_weight: 0,
            consumers: Vec::new(),
            replies: None,
            heard: now,
        };
        self.channels.insert(node, channel);
        self.send(node, connection, Frame::Opened { credit: self.credit });
    }

    /// The client did what it must not: it hears why, and its connection ends.
    fn close(&mut self, now: Time, node: Node, code: ReplyCode, reason: &str) {
        if let Some(channel) = self.channels.get(&node) {
            self.counters.closed += 1;
            self.send(node, channel.connection, Frame::Closed { code, reason: reason.into() });
        }
        self.end(now, node);
    }

    /// A connection is over: what it held goes back to the queues, and its consumers and its queue for answers are gone.
    fn end(&mut self, now: Time, node: Node) {
        let Some(channel) = self.channels.remove(&node) else { return };
        // Credit that it waits for is that of this connection.
        self.queues.iter_mut().for_each(|queue| queue.owed.retain(|other| *other != node));
        for (_, queue, consumer) in &channel.consumers {
            self.queues[*queue as usize].remove_consumer(*consumer);
        }
        let mut queues: Vec<u32> = channel.consumers.iter().map(|(_, queue, _)| *queue).collect();
        for unacked in channel.unacked.into_iter().flatten() {
            queues.push(unacked.queue);
            self.give_back(unacked);
        }
        if let Some(replies) = channel.replies {
            let queue = &mut self.queues[replies as usize];
            queue.gone = true;
            while queue.pop().is_some() {
                queue.counters.lost += 1;
            }
            self.touched.push(replies);
        }
        queues.sort_unstable();
        queues.dedup();
        self.settle_down(now, &queues);
    }

    /// Messages came back to these queues, or consumers have room: what is too much goes, what can be delivered is.
    fn settle_down(&mut self, now: Time, queues: &[u32]) {
        for queue in queues {
            self.trim(*queue);
            self.queues[*queue as usize].note_depth();
        }
        self.bury(now);
        queues.iter().for_each(|queue| self.dispatch(now, *queue));
    }

    /// Where the key of the first message decides who gets it, another message at the head may have somebody who can take it, though
    /// nobody could take the one before.
    fn look_at_heads(&mut self, now: Time) {
        if !self.hashes {
            return;
        }
        let mut due: BTreeSet<u32> = self.touched.iter().copied().collect();
        while let Some(index) = due.pop_first() {
            if self.queues[index as usize].settings.balance == Balance::ConsistentHash {
                let seen = self.touched.len();
                self.dispatch(now, index);
                due.extend(&self.touched[seen..]);
            }
        }
    }

    /// Time has passed: heartbeats are sent, and clients that have said nothing for too long are given up.
    fn beat(&mut self, now: Time) {
        if self.next_beat.is_none_or(|beat| now < beat) {
            return;
        }
        self.next_beat = Some(now + HEARTBEAT_EVERY);
        let silent = |channel: &Channel| now.since(channel.heard) > HEARTBEAT_TIMEOUT;
        let dead: Vec<Node> = self.channels.iter().filter(|(_, channel)| silent(channel)).map(|(node, _)| *node).collect();
        let reason = "nothing was heard for the heartbeat's timeout";
        dead.into_iter().for_each(|node| self.close(now, node, ReplyCode::ConnectionForced, reason));
        for (node, channel) in &self.channels {
            let (to, connection) = (*node, channel.connection);
            self.outputs.push_back(Envelope { from: Node::BROKER, to, connection, frame: Frame::Heartbeat });
        }
    }

    /// One more message of a publisher is dealt with: it may send another one in its place, now or when a queue has room.
    fn earn_credit(&mut self, node: Node) {
        let Some(channel) = self.channels.get_mut(&node) else { return };
        channel.used += 1;
        if channel.used >= self.credit.div_ceil(2) {
            let (connection, more) = (channel.connection, std::mem::take(&mut channel.used));
            self.send(node, connection, Frame::Credit { more });
        }
    }

    /// A queue has room again: publishers that wait for it get their credit, the first one first.
    fn pay_owed(&mut self, index: u32) {
        let queue = &mut self.queues[index as usize];
        if queue.owed.is_empty() || queue.is_full(1) {
            return;
        }
        if let Some(node) = queue.owed.pop_front() {
            self.earn_credit(node);
        }
    }
}

impl Machine for Broker {
    type Input = Envelope;
    type Output = Envelope;

    fn handle(&mut self, now: Time, input: Envelope) {
        self.touched.clear();
        self.receive(now, input);
        self.look_at_heads(now);
        debug_assert_eq!(self.check(), Ok(()), "messages are conserved");
    }

    fn wake(&mut self, now: Time) {
        self.touched.clear();
        for index in 0..self.queues.len() as u32 {
            self.expire(now, index);
            self.give_up_waiting(now, index);
        }
        self.bury(now);
        self.beat(now);
        self.look_at_heads(now);
        debug_assert_eq!(self.check(), Ok(()), "messages are conserved");
    }

    fn poll(&mut self) -> Option<Envelope> {
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        let of_queue = |queue: &Queue| queue.next_expiry().into_iter().chain(queue.next_giving_up()).min();
        self.queues.iter().filter_map(of_queue).chain(self.next_beat).min()
    }
}

impl Overload {
    /// Whether a newcomer may be let into a full queue.
    fn lets_in(self, rng: &mut Rng) -> bool {
        match self {
            Overload::DropOldest | Overload::Buffer | Overload::Block => true,
            Overload::DropNewest | Overload::Reject => false,
            Overload::Sample(share) => rng.chance(share),
        }
    }
}
