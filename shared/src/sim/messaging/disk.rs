//! The broker's disk: what durable queues hold of persistent messages outlives the broker.
//!
//! One synchronisation takes [`SYNC`] and writes all that has come together by then; what comes meanwhile goes with the next one (group
//! commit). What the disk had not finished when the broker was killed is not on it.

use super::check::Problem;
use super::trace::{Kind, Row};
use super::{BusSimulation, Event, Machinery};
use crate::id::Incarnation;
use crate::messaging::Node;
use crate::messaging::durable::{Change, Store};
use crate::time::Span;

/// How long a synchronisation of the disk takes.
const SYNC: Span = Span::millis(1);

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) store: Store,
    /// What is being written, up to the change of this number.
    writing: Option<(Vec<Change>, u64)>,
    /// What has come since.
    waiting: Option<(Vec<Change>, u64)>,
}

impl Disk {
    /// The broker is gone, and what was not yet written with it.
    pub(super) fn interrupt(&mut self) {
        (self.writing, self.waiting) = (None, None);
    }
}

impl BusSimulation {
    /// Whether queues of the broker outlive it.
    pub(super) fn has_disk(&self) -> bool {
        self.spec.bus.broker.queues.iter().any(|queue| queue.durable)
    }

    /// What the broker wants to be kept goes to the disk.
    pub(super) fn keep(&mut self) {
        let Some(Machinery::Broker(broker)) = &mut self.seat(Node::BROKER).host.worker else { return };
        if let Some((changes, last)) = broker.take_changes() {
            let (waiting, to) = self.disk.waiting.get_or_insert_default();
            waiting.extend(changes);
            *to = last;
        }
        if self.disk.writing.is_none() && self.disk.waiting.is_some() {
            self.disk.writing = self.disk.waiting.take();
            let incarnation = self.seat(Node::BROKER).host.incarnation;
            self.queue.push(self.now + SYNC, Event::Synced(incarnation));
        }
    }

    /// A synchronisation has ended, if the broker that it was for still lives.
    pub(super) fn synced(&mut self, of: Incarnation) -> Result<(), Problem> {
        let now = self.now;
        let host = &self.seat(Node::BROKER).host;
        if host.incarnation != of || host.worker.is_none() {
            return Ok(());
        }
        if let Some(until) = host.paused(now) {
            // It is on the disk, and the broker hears of it once it goes on.
            self.queue.push(until, Event::Synced(of));
            return Ok(());
        }
        let Some((changes, last)) = self.disk.writing.take() else { return Ok(()) };
        self.disk.store.apply(changes);
        self.trace.push(Row { number: last, ..Row::of(now, Kind::Synced, Node::BROKER, of) });
        if let Some(Machinery::Broker(broker)) = &mut self.seat(Node::BROKER).host.worker {
            broker.kept(last);
            broker.check()?;
        }
        self.drain_broker()
    }
}
