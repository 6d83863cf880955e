//! A queue: messages that wait, in order, and the consumers that take turns.
//!
//! Nothing here looks through the messages: one comes in at the end and goes out at the front, and one that is given back finds its
//! place by its position from the front.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::counters::QueueCounters;
use super::durable::Record;
use super::message::{Message, Node};
use super::settings::{Balance, QueueSettings};
use crate::batch::kernel::key_hash;
use crate::rng::Rng;
use crate::time::Time;

/// A message as a queue holds it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) message: Arc<Message>,
    /// Its place in the order of arrival, which it keeps when it is given back.
    pub(super) position: u64,
    pub(super) expires: Time,
    /// How often it came back.
    pub(super) returns: u32,
    pub(super) redelivered: bool,
}

/// Who takes messages.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub(super) node: Node,
    /// The client's name for it; `None`: one that waits for a single message.
    pub(super) tag: Option<u32>,
    /// 0: any number.
    prefetch: u32,
    pub(super) auto_ack: bool,
    unacked: u32,
    /// Whether it stands in the order of turns.
    in_turn: bool,
    /// Until when one that waits for a single message does so.
    pub(super) until: Option<Time>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) settings: QueueSettings,
    /// Ready messages by priority, the lowest first.
    levels: Vec<VecDeque<Entry>>,
    ready_bytes: u64,
    /// Bytes of memory that they take.
    weight: u64,
    /// How many of the ready messages expire.
    expiring: u64,
    next_position: u64,
    pub(super) counters: QueueCounters,
    /// By numbers that are used once.
    consumers: BTreeMap<u32, Consumer>,
    next_consumer: u32,
    /// Who is next, for those that can take one more. With a single active consumer, everybody in the order in which they came.
    turns: VecDeque<u32>,
    /// Publishers that get their credit when there is room again, one entry for each message.
    pub(super) owed: VecDeque<Node>,
    /// The last message that was routed here, as the broker counts them, so that it comes once.
    pub(super) routed: u64,
    /// It belongs to a connection that has ended.
    pub(super) gone: bool,
    /// A driver keeps its persistent messages.
    pub(super) is_kept: bool,
}

impl Queue {
    pub(super) fn new(settings: QueueSettings) -> Queue {
        Queue {
            levels: vec![VecDeque::new(); usize::from(settings.max_priority) + 1],
            settings,
            ready_bytes: 0,
            weight: 0,
            expiring: 0,
            next_position: 0,
            counters: QueueCounters::default(),
            consumers: BTreeMap::new(),
            next_consumer: 0,
            turns: VecDeque::new(),
            owed: VecDeque::new(),
            routed: 0,
            gone: false,
            is_kept: false,
        }
    }

    /// A message as it stands in this queue from now on. Its time to live is the lower of its own and the queue's (RabbitMQ: TTL).
    pub(super) fn entry(&mut self, now: Time, message: Arc<Message>) -> Entry {
        self.next_position += 1;
        let ttl = [self.settings.message_ttl, message.ttl()].into_iter().flatten().min();
        let expires = ttl.map_or(Time::NEVER, |ttl| now + ttl);
        Entry { message, position: self.next_position, expires, returns: 0, redelivered: false }
    }

    /// A message that a driver has kept, at the place that it had; those before it come first. It may have been delivered.
    pub(super) fn recover(&mut self, record: Record) {
        let Record { position, message, expires, returns, .. } = record;
        self.next_position = self.next_position.max(position);
        self.counters.published += 1;
        self.push(Entry { message, position, expires: expires.unwrap_or(Time::NEVER), returns, redelivered: true });
        self.note_depth();
    }

    /// What a driver has to keep of one of its messages, if it has to.
    pub(super) fn record(&self, index: u32, entry: &Entry) -> Option<Record> {
        let Entry { message, position, expires, returns, .. } = entry;
        let expires = Some(*expires).filter(|expires| *expires != Time::NEVER);
        (self.is_kept && message.persistent).then(|| Record {
            queue: index,
            position: *position,
            message: message.clone(),
            expires,
            returns: *returns,
        })
    }

    /// Whether it has no room for one more message of so many bytes. Ready messages alone count (RabbitMQ: Queue Length Limit).
    pub(super) fn is_full(&self, bytes: u64) -> bool {
        self.settings.max_messages.is_some_and(|most| self.counters.ready >= most)
            || self.settings.max_bytes.is_some_and(|most| self.ready_bytes + bytes > most)
    }

    /// Whether it holds more than it may.
    pub(super) fn is_over(&self) -> bool {
        self.settings.max_messages.is_some_and(|most| self.counters.ready > most)
            || self.settings.max_bytes.is_some_and(|most| self.ready_bytes > most)
    }

    /// A newcomer, at the end.
    pub(super) fn push(&mut self, entry: Entry) {
        self.count_in(&entry);
        let level = self.level(&entry);
        self.levels[level].push_back(entry);
    }

    /// One that comes back, to the place that it had (RabbitMQ: Negative Acknowledgement, requeueing).
    pub(super) fn push_back_in_place(&mut self, entry: Entry) {
        self.count_in(&entry);
        let level = self.level(&entry);
        let level = &mut self.levels[level];
        let place = level.partition_point(|other| other.position < entry.position);
        level.insert(place, entry);
    }

    /// The next message: of the highest priority, the oldest.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let entry = self.levels.iter_mut().rev().find_map(VecDeque::pop_front)?;
        self.counters.ready -= 1;
        self.ready_bytes -= entry.message.body.len() as u64;
        self.expiring -= u64::from(entry.expires != Time::NEVER);
        self.weight -= entry.message.weight();
        Some(entry)
    }

    /// The next message, if its time is over. Those behind it wait until they are at the head (RabbitMQ: TTL, caveats).
    pub(super) fn pop_expired(&mut self, now: Time) -> Option<Entry> {
        if self.expiring == 0 {
            return None;
        }
        let is_over = self.head().is_some_and(|head| head.expires <= now);
        if is_over { self.pop() } else { None }
    }

    /// When the message at the head expires, if it does.
    pub(super) fn next_expiry(&self) -> Option<Time> {
        if self.expiring == 0 {
            return None;
        }
        self.head().map(|head| head.expires).filter(|expires| *expires != Time::NEVER)
    }

    /// What came in and had to go again at once was never there.
    pub(super) fn note_depth(&mut self) {
        self.counters.depth = self.counters.depth.max(self.counters.ready);
    }

    /// Every ready message, in no order that matters.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.levels.iter().flatten().map(|entry| &entry.message)
    }

    /// Bytes of memory that the ready messages take.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// Ready messages, counted anew.
    pub(super) fn count_ready(&self) -> u64 {
        self.levels.iter().map(|level| level.len() as u64).sum()
    }

    fn head(&self) -> Option<&Entry> {
        self.levels.iter().rev().find_map(VecDeque::front)
    }

    fn level(&self, entry: &Entry) -> usize {
        usize::from(entry.message.priority).min(self.levels.len() - 1)
    }

    fn count_in(&mut self, entry: &Entry) {
        self.counters.ready += 1;
        self.ready_bytes += entry.message.body.len() as u64;
        self.expiring += u64::from(entry.expires != Time::NEVER);
        self.weight += entry.message.weight();
    }
}

/// The consumers and their turns.
impl Queue {
    /// Gives the consumer's number.
    pub(super) fn add_consumer(
        &mut self,
        node: Node,
        tag: Option<u32>,
        prefetch: u32,
        auto_ack: bool,
        until: Option<Time>,
    ) -> u32 {
        let prefetch = if auto_ack { 0 } else { prefetch };
        self.next_consumer += 1;
        let consumer = Consumer { node, tag, prefetch, auto_ack, unacked: 0, in_turn: true, until };
        self.consumers.insert(self.next_consumer, consumer);
        self.turns.push_back(self.next_consumer);
        self.next_consumer
    }

    pub(super) fn remove_consumer(&mut self, number: u32) {
        if self.consumers.remove(&number).is_some() {
            self.turns.retain(|other| *other != number);
        }
    }

    pub(super) fn consumer(&self, number: u32) -> Option<&Consumer> {
        self.consumers.get(&number)
    }

    /// How many consumers it has, those that wait for one message not among them.
    pub(super) fn consumers(&self) -> usize {
        self.consumers.values().filter(|consumer| consumer.tag.is_some()).count()
    }

    /// Consumers that wait for one message until a time that has come.
    pub(super) fn waited_enough(&self, now: Time) -> Vec<u32> {
        let over = |consumer: &Consumer| consumer.until.is_some_and(|until| until <= now);
        self.consumers.iter().filter(|(_, consumer)| over(consumer)).map(|(number, _)| *number).collect()
    }

    /// When the first of these gives up.
    pub(super) fn next_giving_up(&self) -> Option<Time> {
        self.consumers.values().filter_map(|consumer| consumer.until).min()
    }

    /// Who is to get the next message, which has this key, if anybody can take it.
    pub(super) fn next_consumer(&self, key: Option<&str>) -> Option<u32> {
        let number = match (self.balance(), key) {
            (Balance::LeastLoaded, _) => {
                let load = |number: &&u32| self.consumer(**number).map_or(u32::MAX, |consumer| consumer.unacked);
                self.turns.iter().min_by_key(load)?
            }
            (Balance::ConsistentHash, Some(key)) => {
                let weight = |(_, consumer): &(&u32, &Consumer)| rendezvous(consumer.node, key);
                self.consumers.iter().max_by_key(weight)?.0
            }
            _ => self.turns.front()?,
        };
        // Of others than a single active one only those that can take a message have a turn.
        self.consumer(*number).filter(|consumer| consumer.has_room()).map(|_| *number)
    }

    fn balance(&self) -> Balance {
        if self.settings.single_active_consumer { Balance::RoundRobin } else { self.settings.balance }
    }

    /// The key of the message at the head, if it matters who gets that.
    pub(super) fn next_key(&self) -> Option<Arc<str>> {
        let head = self.head().filter(|_| self.balance() == Balance::ConsistentHash)?;
        Some(head.message.key.clone())
    }

    /// A consumer is next, whoever came before.
    pub(super) fn jump_the_turns(&mut self, number: u32) {
        self.turns.retain(|other| *other != number);
        self.turns.push_front(number);
    }

    /// A consumer gets a message; then it is the others' turn.
    pub(super) fn take_turn(&mut self, number: u32, needs_ack: bool) {
        let single = self.settings.single_active_consumer;
        let Some(consumer) = self.consumers.get_mut(&number) else { return };
        consumer.unacked += u32::from(needs_ack);
        if single {
            return;
        }
        match self.turns.front() {
            Some(first) if *first == number => drop(self.turns.pop_front()),
            _ => self.turns.retain(|other| *other != number),
        }
        if consumer.has_room() {
            self.turns.push_back(number);
        } else {
            consumer.in_turn = false;
        }
    }

    /// One of the consumer's messages is settled, so that it may have a turn again.
    pub(super) fn settled(&mut self, number: u32) {
        let Some(consumer) = self.consumers.get_mut(&number) else { return };
        consumer.unacked = consumer.unacked.saturating_sub(1);
        if !consumer.in_turn && consumer.has_room() {
            consumer.in_turn = true;
            self.turns.push_back(number);
        }
    }
}

/// How much a node stands for a key: the greatest of all does.
fn rendezvous(node: Node, key: &str) -> u64 {
    // Nodes differ by a bit, so what they make of the key is mixed.
    Rng::new(key_hash(key.as_bytes()) ^ Rng::new(node.0.into()).bits()).bits()
}

impl Consumer {
    fn has_room(&self) -> bool {
        self.prefetch == 0 || self.unacked < self.prefetch
    }
}
