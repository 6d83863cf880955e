//! From a publisher to the queues: routing, what a full queue does, and what becomes of messages that die.

use std::sync::Arc;

use super::super::frame::{Connection, Frame, ReplyCode};
use super::super::message::{Message, Node, Reason};
use super::super::settings::{DeadLetter, Overload};
use super::Broker;
use crate::time::Time;

/// A message that died in a queue with a dead-letter exchange.
#[derive(Clone, Debug)]
pub(super) struct Dying {
    queue: u32,
    message: Arc<Message>,
    reason: Reason,
}

/// Alternate exchanges that a message is handed on to, so that exchanges that name one another end.
const ALTERNATES_MAX: usize = 16;

impl Broker {
    pub(super) fn publish(&mut self, now: Time, node: Node, message: Arc<Message>, mandatory: bool) {
        let Some(channel) = self.channels.get_mut(&node) else { return };
        channel.published += 1;
        let (number, confirms, connection) = (channel.published, channel.confirms, channel.connection);
        if !message.exchange.is_empty() && !self.exchange_names.contains_key(&message.exchange) {
            let reason = format!("there is no exchange `{}`", message.exchange);
            return self.close(now, node, ReplyCode::NotFound, &reason);
        }
        self.counters.published += 1;
        let kept_before = self.last_change();
        self.route(&message);
        if self.routed.is_empty() {
            if mandatory {
                self.counters.returned += 1;
                self.send(node, connection, Frame::Return { message: message.clone() });
            } else {
                self.counters.unroutable += 1;
            }
        }
        let routed = std::mem::take(&mut self.routed);
        let (mut accepted, mut owed) = (true, false);
        for index in &routed {
            let waits = self.queues[*index as usize].settings.overload == Overload::Block
                && self.queues[*index as usize].is_full(message.body.len() as u64);
            if waits && !owed {
                owed = true;
                self.queues[*index as usize].owed.push_back(node);
            }
            accepted &= self.enqueue(now, *index, message.clone());
        }
        let is_kept = message.persistent && self.last_change() > kept_before;
        if is_kept && accepted {
            // Everything else that there is to say of it is said once it is kept.
            self.wait_until_kept(node, &routed, confirms.then_some(number), !owed);
            self.routed = routed;
            return self.bury(now);
        }
        if confirms && accepted {
            routed.iter().for_each(|index| self.queues[*index as usize].counters.confirmed += 1);
        }
        self.routed = routed;
        // What has no queue to go to is confirmed once that is known, and returned before (RabbitMQ: Publisher Confirms).
        if confirms {
            match accepted {
                true => self.counters.confirmed += 1,
                false => self.counters.nacked += 1,
            }
            self.send(node, connection, Frame::Confirm { number, ok: accepted });
        }
        if !owed {
            self.earn_credit(node);
        }
        self.bury(now);
    }

    /// A message of this client was lost before it came here. It is counted, so that the confirms of those behind it have their numbers,
    /// and gives its credit back; it is neither routed nor confirmed.
    pub fn misses_one(&mut self, now: Time, node: Node, connection: Connection) {
        self.touched.clear();
        let Some(channel) = self.channels.get_mut(&node).filter(|channel| channel.connection == connection) else { return };
        channel.heard = now;
        channel.published += 1;
        self.earn_credit(node);
    }

    /// Finds the queues of a message, each once and in the order in which they were declared, in `routed`.
    fn route(&mut self, message: &Message) {
        self.find_routes(message);
        self.routed.sort_unstable();
    }

    fn find_routes(&mut self, message: &Message) {
        self.routed.clear();
        self.routings += 1;
        let routing = self.routings;
        let (queues, routed) = (&mut self.queues, &mut self.routed);
        let mut take = |index: u32| {
            let queue = &mut queues[index as usize];
            if queue.routed != routing && !queue.gone {
                queue.routed = routing;
                routed.push(index);
            }
        };
        if message.exchange.is_empty() {
            // The default exchange: every queue is bound to it by its own name.
            self.queue_names.get(&message.key).into_iter().for_each(|index| take(*index));
            return;
        }
        let mut exchange = self.exchange_names.get(&message.exchange);
        for _ in 0..ALTERNATES_MAX {
            let Some(index) = exchange else { return };
            let here = &mut self.exchanges[*index as usize];
            let mut found = false;
            here.route(message, &mut |queue| {
                found = true;
                take(queue);
            });
            if found {
                return;
            }
            exchange = here.alternate.as_ref().and_then(|name| self.exchange_names.get(name));
        }
    }

    /// One more message for a queue. Whether the queue accepted it.
    fn enqueue(&mut self, now: Time, index: u32, message: Arc<Message>) -> bool {
        self.touched.push(index);
        let queue = &mut self.queues[index as usize];
        queue.counters.published += 1;
        let entry = queue.entry(now, message);
        if queue.counters.ready == 0
            && let Some(consumer) = queue.next_consumer(Some(&entry.message.key))
        {
            // It never waits, so neither a bound nor a time to live of nothing concerns it.
            self.keep(index, &entry);
            self.deliver(index, consumer, entry);
            return true;
        }
        let overload = queue.settings.overload;
        if queue.is_full(entry.message.body.len() as u64) && !overload.lets_in(&mut self.rng) {
            match overload {
                Overload::Reject => queue.counters.rejected += 1,
                _ => self.die(index, entry.message, Reason::MaxLength),
            }
            return false;
        }
        self.keep(index, &entry);
        self.queues[index as usize].push(entry);
        self.trim(index);
        // One whose time to live is nothing has just died.
        self.expire(now, index);
        self.queues[index as usize].note_depth();
        true
    }

    /// Takes from the front what a queue holds beyond its bounds, if it may not.
    pub(super) fn trim(&mut self, index: u32) {
        if !self.queues[index as usize].settings.overload.drops_accepted() {
            return;
        }
        while self.queues[index as usize].is_over() {
            let Some(entry) = self.queues[index as usize].pop() else { return };
            self.forget(index, &entry);
            self.die(index, entry.message, Reason::MaxLength);
        }
    }

    /// Takes from the front what has waited too long.
    pub(super) fn expire(&mut self, now: Time, index: u32) {
        while let Some(entry) = self.queues[index as usize].pop_expired(now) {
            self.touched.push(index);
            self.forget(index, &entry);
            self.die(index, entry.message, Reason::Expired);
            self.pay_owed(index);
        }
    }

    /// A message is in its queue no longer, for a reason. With a dead-letter exchange it goes on.
    pub(super) fn die(&mut self, index: u32, message: Arc<Message>, reason: Reason) {
        let queue = &mut self.queues[index as usize];
        if queue.settings.dead_letter.is_some() {
            queue.counters.dead_lettered += 1;
            self.dying.push_back(Dying { queue: index, message, reason });
            return;
        }
        match reason {
            Reason::Rejected | Reason::DeliveryLimit => queue.counters.rejected += 1,
            Reason::Expired => queue.counters.expired += 1,
            Reason::MaxLength => queue.counters.dropped += 1,
        }
    }

    /// Publishes what has died to where it goes, and what dies of that, until nothing does.
    pub(super) fn bury(&mut self, now: Time) {
        while let Some(Dying { queue, message, reason }) = self.dying.pop_front() {
            let settings = &self.queues[queue as usize].settings;
            let Some(DeadLetter { exchange, key }) = settings.dead_letter.clone() else { continue };
            let message = Arc::new(message.died(&settings.name, reason, exchange, key));
            self.route(&message);
            if self.routed.is_empty() {
                self.counters.unroutable += 1;
            }
            let routed = std::mem::take(&mut self.routed);
            for index in &routed {
                if reason != Reason::Rejected && message.goes_round_to(&self.queues[*index as usize].settings.name) {
                    self.counters.cycled += 1;
                } else {
                    self.enqueue(now, *index, message.clone());
                }
            }
            self.routed = routed;
        }
    }
}
