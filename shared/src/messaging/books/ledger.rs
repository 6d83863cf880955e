//! Messages, each by its number: what was sent and what became of it, kept by nothing that the broker itself uses.
//!
//! Two rules are looked after at every delivery, since no fault excuses breaking them: a message that is not marked as redelivered was
//! never delivered from its queue before, and a publisher's messages come out of a queue in the order in which they went in (RabbitMQ:
//! Message Ordering Guarantees). Messages that their publisher has sent again, or that died on their way, may come twice and late.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Delivery, MessageId, Node, Origin, Unconserved};
use super::histogram::Histogram;
use crate::time::Time;

/// Which rule a broker has broken, in a way that no fault excuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("messages are not conserved: {0}")]
    Unconserved(#[from] Unconserved),
    #[error("message {0} was delivered a second time and not marked as redelivered")]
    SecondDelivery(MessageId),
    #[error("message {message} was delivered after number {after} of the same publisher, which came later")]
    OutOfOrder { message: MessageId, after: u64 },
}

/// A set of numbers from 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    senders: BTreeMap<Node, Sent>,
    queues: Vec<Queue>,
    /// Of all queues: from publishing to the end of the work.
    pub(super) latency: Histogram,
}

/// What a broker has delivered from each queue.
#[derive(Clone, Debug)]
pub struct Deliveries {
    queues: Vec<Delivered>,
}

#[derive(Clone, Debug, Default)]
struct Delivered {
    delivered: BTreeMap<Node, Bits>,
    /// The last first delivery of each publisher and priority.
    last: BTreeMap<(Node, u8), u64>,
}

/// What a client has sent.
#[derive(Clone, Debug, Default)]
struct Sent {
    /// Messages that are owed to somebody.
    owed: Bits,
    /// Messages that arrived somewhere: they were worked on, or are still on their way or in a queue.
    found: Bits,
}

/// Messages of one publisher that came the same way.
type Line = (Node, u64);

/// What came out of a queue.
#[derive(Clone, Debug, Default)]
struct Queue {
    processed: BTreeMap<Line, Bits>,
    latest: BTreeMap<Line, u64>,
    latest_of_key: BTreeMap<(Line, Arc<str>), u64>,
    tally: QueueTally,
}

/// What the consumers of a queue made of it.
#[derive(Clone, Debug, Default)]
pub struct QueueTally {
    /// Deliveries that were worked on, and those of them that had been before.
    pub processed: u64,
    pub duplicates: u64,
    /// Messages that were worked on for the first time after a later one of the same publisher, or of the same publisher and key.
    pub disorder: u64,
    pub disorder_of_key: u64,
    /// From publishing to the end of the work.
    pub latency: Histogram,
}

impl Ledger {
    pub(super) fn new(queues: usize) -> Ledger {
        Ledger {
            senders: BTreeMap::new(),
            queues: (0..queues).map(|_| Queue::default()).collect(),
            latency: Histogram::default(),
        }
    }

    /// From now on somebody may count on a message.
    pub(super) fn owe(&mut self, node: Node, number: u64) {
        self.senders.entry(node).or_default().owed.set(number);
    }

    /// A consumer has worked on a delivery to its end.
    pub(super) fn processed(&mut self, now: Time, queue: u32, origin: Origin, key: &Arc<str>, published: Time) {
        let Origin { id: MessageId { publisher, number }, way } = origin;
        let line = (publisher, way);
        let Some(queue) = self.queues.get_mut(queue as usize) else { return };
        queue.tally.processed += 1;
        if queue.processed.entry(line).or_default().set(number) {
            queue.tally.duplicates += 1;
            return;
        }
        let latest = queue.latest.entry(line).or_default();
        queue.tally.disorder += u64::from(number < *latest);
        *latest = number.max(*latest);
        let latest = queue.latest_of_key.entry((line, key.clone())).or_default();
        queue.tally.disorder_of_key += u64::from(number < *latest);
        *latest = number.max(*latest);
        let latency = now.since(published);
        queue.tally.latency.add(latency);
        self.latency.add(latency);
    }

    /// A message is somewhere.
    pub(super) fn find(&mut self, id: MessageId) {
        self.senders.entry(id.publisher).or_default().found.set(id.number);
    }

    /// Messages that are owed to somebody and are nowhere.
    pub(super) fn missing(&self) -> u64 {
        self.senders.values().map(|sent| sent.owed.count_without(&sent.found)).sum()
    }

    /// Roughly how many things a clone has to copy.
    pub(super) fn size(&self) -> usize {
        let queues = self.queues.iter().map(|queue| words(&queue.processed) + queue.latest_of_key.len());
        queues.sum::<usize>() + self.senders.values().map(|sent| sent.owed.0.len() / 4).sum::<usize>()
    }

    pub(super) fn tally(&self, queue: usize) -> Option<&QueueTally> {
        self.queues.get(queue).map(|queue| &queue.tally)
    }
}

impl Deliveries {
    /// None, of so many queues.
    pub fn new(queues: usize) -> Deliveries {
        Deliveries { queues: (0..queues).map(|_| Delivered::default()).collect() }
    }

    /// The broker sends a delivery. An error is a bug of the broker.
    pub fn delivers(&mut self, delivery: &Delivery) -> Result<(), Broken> {
        let message = &delivery.message;
        let Some(queue) = self.queues.get_mut(delivery.queue as usize) else { return Ok(()) };
        let MessageId { publisher, number } = message.id;
        let before = queue.delivered.entry(publisher).or_default().set(number);
        if delivery.redelivered || message.resent || !message.deaths().is_empty() {
            return Ok(());
        }
        if before {
            return Err(Broken::SecondDelivery(message.id));
        }
        let last = queue.last.entry((publisher, message.priority)).or_default();
        if number < *last {
            return Err(Broken::OutOfOrder { message: message.id, after: *last });
        }
        *last = number;
        Ok(())
    }

    /// Roughly how many things a clone has to copy.
    pub(super) fn size(&self) -> usize {
        self.queues.iter().map(|queue| words(&queue.delivered)).sum()
    }
}

fn words<K>(bits: &BTreeMap<K, Bits>) -> usize {
    bits.values().map(|bits| bits.0.len() / 8).sum()
}

impl Bits {
    /// Puts a number in; whether it was there.
    pub(super) fn set(&mut self, number: u64) -> bool {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let was = self.0[word] & bit != 0;
        self.0[word] |= bit;
        was
    }

    /// How many are here and not there.
    fn count_without(&self, there: &Bits) -> u64 {
        let others = there.0.iter().copied().chain(std::iter::repeat(0));
        self.0.iter().zip(others).map(|(here, there)| u64::from((here & !there).count_ones())).sum()
    }
}
