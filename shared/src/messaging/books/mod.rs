//! The books of a bus: what was sent, what became of it and how long it took. Every driver keeps them by this code, so that an
//! experiment is judged alike wherever it runs.
//!
//! A driver tells them each delivery of its broker and each note of its clients, and what it kills. At the end it looks for every
//! message that is in a queue, at a client, or on its way, and asks for the [`Summary`].
//!
//! - `ledger`: messages, each by its number; what must hold of deliveries. `histogram`: how long things took.
//! - `summary`: what it comes to. `judge`: whether that is what the experiment expects.

mod histogram;
mod judge;
mod ledger;
mod summary;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::histogram::Histogram;
use self::ledger::Ledger;
pub use self::ledger::{Broken, Deliveries, QueueTally};
pub use self::summary::{ClientTally, Summary, counters_table};
use super::broker::Broker;
use super::client::Note;
use super::durable::Store;
use super::{BrokerCounters, Bus, Counts, Delivery, MessageId, Node, QueueCounters, Unconserved};
use crate::time::Time;

/// See the module.
#[derive(Clone, Debug)]
pub struct Books {
    bus: Arc<Bus>,
    deliveries: Deliveries,
    ledger: Ledger,
    /// What the clients of each group saw.
    tallies: Vec<ClientTally>,
    /// What earlier lives of the broker counted.
    past: (BrokerCounters, BTreeMap<Arc<str>, QueueCounters>),
}

impl Books {
    /// Empty ones.
    pub fn new(bus: Arc<Bus>) -> Books {
        Books {
            deliveries: Deliveries::new(bus.broker.queues.len()),
            ledger: Ledger::new(bus.broker.queues.len()),
            tallies: vec![ClientTally::default(); bus.clients.len()],
            past: (BrokerCounters::default(), BTreeMap::new()),
            bus,
        }
    }

    /// The broker sends a delivery. An error is a bug of the broker.
    pub fn delivers(&mut self, delivery: &Delivery) -> Result<(), Broken> {
        self.deliveries.delivers(delivery)
    }

    /// A client of a group has said something.
    pub fn note(&mut self, now: Time, node: Node, group: usize, note: Note) {
        let tally = &mut self.tallies[group];
        match note {
            Note::Sent { number, owed } => {
                tally.sent += 1;
                if owed {
                    self.ledger.owe(node, number);
                }
            }
            Note::Confirmed { number, ok: true } => {
                tally.confirmed += 1;
                self.ledger.owe(node, number);
            }
            Note::Confirmed { ok: false, .. } => tally.nacked += 1,
            Note::Returned => tally.returned += 1,
            Note::Processed { queue, id, origin, key, published } => {
                tally.processed += 1;
                self.ledger.find(id);
                self.ledger.processed(now, queue, origin, &key, published);
            }
            Note::Skipped { id } => {
                tally.skipped += 1;
                self.ledger.find(id);
            }
            Note::Failed => tally.failed += 1,
            Note::Answered(span) => {
                tally.answered += 1;
                tally.response.add(span);
            }
            Note::TimedOut { gave_up } => {
                tally.timed_out += 1;
                tally.gave_up += u64::from(gave_up);
            }
            Note::Late => tally.late += 1,
            Note::Polled => tally.polls += 1,
            Note::PolledNothing => tally.empty_polls += 1,
            Note::Disconnected => tally.disconnected += 1,
        }
    }

    /// A broker ends. What it counted stays counted; what it held is lost, but for what is kept, which the next one has anew.
    pub fn bury_broker(&mut self, counts: &Counts, kept: &Store) {
        let (counters, queues) = &mut self.past;
        counters.add(&counts.broker);
        for (index, (name, counted)) in (0..).zip(&counts.queues) {
            let mut counted = *counted;
            counted.lose_all_but(kept.of_queue(index));
            queues.entry(name.clone()).or_default().add(&counted);
        }
    }

    /// A client of a group ends, and with it so many messages that the broker thinks it is done with.
    pub fn bury_client(&mut self, group: usize, holding: u64) {
        self.tallies[group].lost += holding;
    }

    /// A delivery to a client of a group is lost, and the broker is done with it.
    pub fn loses_delivery(&mut self, group: usize) {
        self.tallies[group].lost += 1;
    }

    /// What earlier lives of the broker counted.
    pub fn past(&self) -> &(BrokerCounters, BTreeMap<Arc<str>, QueueCounters>) {
        &self.past
    }

    /// Roughly how many things a clone has to copy.
    pub fn size(&self) -> usize {
        self.deliveries.size() + self.ledger.size()
    }

    /// A message is somewhere, as one on its way.
    pub fn find(&mut self, id: MessageId) {
        self.ledger.find(id);
    }

    /// Finds what a living broker holds, all of it counted anew.
    pub fn find_at_broker(&mut self, broker: &Broker) -> Result<(), Unconserved> {
        broker.recount()?;
        for queue in 0..broker.queues().count() as u32 {
            broker.held(queue).into_iter().for_each(|message| self.ledger.find(message.id));
        }
        Ok(())
    }
}
