//! From the queues to the consumers, and what consumers say of what they got.

use std::sync::Arc;

use super::super::frame::{Delivery, Frame, ReplyCode, Settle};
use super::super::message::{Node, Reason};
use super::super::queue::Entry;
use super::Broker;
use crate::time::{Span, Time};

/// A message at a consumer.
#[derive(Clone, Debug)]
pub(super) struct Unacked {
    pub(super) queue: u32,
    /// The queue's number for the consumer.
    consumer: u32,
    pub(super) entry: Entry,
}

impl Broker {
    /// Delivers as long as there is a message and somebody to take it.
    pub(super) fn dispatch(&mut self, now: Time, index: u32) {
        loop {
            self.expire(now, index);
            let queue = &mut self.queues[index as usize];
            let key = queue.next_key();
            let Some(consumer) = queue.next_consumer(key.as_deref()) else { break };
            let Some(entry) = queue.pop() else { break };
            self.deliver(index, consumer, entry);
            self.pay_owed(index);
        }
        self.bury(now);
    }

    pub(super) fn deliver(&mut self, index: u32, number: u32, entry: Entry) {
        self.touched.push(index);
        let queue = &mut self.queues[index as usize];
        let Some(consumer) = queue.consumer(number) else { return };
        let (node, tag, auto_ack) = (consumer.node, consumer.tag, consumer.auto_ack);
        queue.counters.delivered += 1;
        queue.counters.redelivered += u64::from(entry.redelivered);
        match auto_ack {
            true => queue.counters.acked += 1,
            false => queue.counters.unacked += 1,
        }
        queue.take_turn(number, !auto_ack);
        if tag.is_none() {
            queue.remove_consumer(number);
        }
        let Some(channel) = self.channels.get_mut(&node) else { return };
        let connection = channel.connection;
        if tag.is_none() {
            channel.consumers.retain(|(_, queue, consumer)| (*queue, *consumer) != (index, number));
        }
        let (redelivered, returns, message) = (entry.redelivered, entry.returns, entry.message.clone());
        let mut delivery = Delivery { consumer: tag, tag: 0, queue: index, redelivered, returns, message };
        if auto_ack {
            self.forget(index, &entry);
        } else {
            channel.unacked_weight += entry.message.weight();
            channel.unacked.push_back(Some(Unacked { queue: index, consumer: number, entry }));
            delivery.tag = channel.first_tag + channel.unacked.len() as u64 - 1;
        }
        self.send(node, connection, Frame::Deliver(Box::new(delivery)));
    }

    pub(super) fn consume(&mut self, now: Time, node: Node, tag: u32, name: &Arc<str>, prefetch: u32, auto_ack: bool) {
        let Some(index) = self.find(now, node, name) else { return };
        let Some(channel) = self.channels.get_mut(&node) else { return };
        if channel.consumers.iter().any(|(name, _, _)| *name == Some(tag)) {
            let reason = format!("the consumer tag {tag} is in use");
            return self.close(now, node, ReplyCode::NotAllowed, &reason);
        }
        let consumer = self.queues[index as usize].add_consumer(node, Some(tag), prefetch, auto_ack, None);
        channel.consumers.push((Some(tag), index, consumer));
        self.dispatch(now, index);
    }

    /// The consumer gets nothing more; what it has is still its own (AMQP: `basic.cancel`).
    pub(super) fn cancel(&mut self, now: Time, node: Node, tag: u32) {
        let Some(channel) = self.channels.get_mut(&node) else { return };
        let Some(place) = channel.consumers.iter().position(|(name, _, _)| *name == Some(tag)) else { return };
        let (_, index, consumer) = channel.consumers.remove(place);
        self.queues[index as usize].remove_consumer(consumer);
        // Another one may be the single active consumer now.
        self.dispatch(now, index);
    }

    /// One message now, or within a time.
    pub(super) fn get(&mut self, now: Time, node: Node, name: &Arc<str>, wait: Span, auto_ack: bool) {
        let Some(index) = self.find(now, node, name) else { return };
        self.expire(now, index);
        let Some(channel) = self.channels.get_mut(&node) else { return };
        let connection = channel.connection;
        let queue = &mut self.queues[index as usize];
        if let Some(entry) = queue.pop() {
            let consumer = queue.add_consumer(node, None, 0, auto_ack, None);
            self.deliver_to_getter(index, consumer, entry);
            self.pay_owed(index);
        } else if wait == Span::ZERO {
            self.send(node, connection, Frame::Empty);
        } else {
            let consumer = queue.add_consumer(node, None, 0, auto_ack, Some(now + wait));
            channel.consumers.push((None, index, consumer));
        }
        self.bury(now);
    }

    /// A `Get` takes its message at once, whoever's turn it is.
    fn deliver_to_getter(&mut self, index: u32, consumer: u32, entry: Entry) {
        self.queues[index as usize].jump_the_turns(consumer);
        self.deliver(index, consumer, entry);
    }

    /// Clients that have waited for a message long enough hear that there is none.
    pub(super) fn give_up_waiting(&mut self, now: Time, index: u32) {
        for number in self.queues[index as usize].waited_enough(now) {
            let queue = &mut self.queues[index as usize];
            let Some(node) = queue.consumer(number).map(|consumer| consumer.node) else { continue };
            queue.remove_consumer(number);
            self.touched.push(index);
            let Some(channel) = self.channels.get_mut(&node) else { continue };
            channel.consumers.retain(|(_, queue, consumer)| (*queue, *consumer) != (index, number));
            let connection = channel.connection;
            self.send(node, connection, Frame::Empty);
        }
    }

    /// What became of a delivery. A tag that is unknown, or settled already, ends the connection (RabbitMQ: Double Acking and Unknown
    /// Tags, `PRECONDITION_FAILED`).
    pub(super) fn settle(&mut self, now: Time, node: Node, tag: u64, multiple: bool, how: Settle) {
        let Some(channel) = self.channels.get_mut(&node) else { return };
        let place = tag.checked_sub(channel.first_tag).map(|place| place as usize);
        if !place.is_some_and(|place| channel.unacked.get(place).is_some_and(Option::is_some)) {
            let reason = format!("the delivery tag {tag} is unknown: it was settled before, or never given out");
            return self.close(now, node, ReplyCode::PreconditionFailed, &reason);
        }
        let first = if multiple { channel.first_tag } else { tag };
        // The usual case, a single one, needs no list.
        let (mut only, mut queues) = (None, Vec::new());
        for tag in first..=tag {
            let Some(unacked) = self.take_unacked(node, tag) else { continue };
            let queue = unacked.queue;
            self.settle_one(unacked, how);
            match only {
                None => only = Some(queue),
                Some(first) if first == queue || queues.contains(&queue) => {}
                Some(_) => queues.push(queue),
            }
        }
        match only {
            Some(only) if queues.is_empty() => self.settle_down(now, &[only]),
            Some(only) => {
                queues.insert(0, only);
                self.settle_down(now, &queues);
            }
            None => {}
        }
    }

    /// A delivery that is no longer open.
    fn take_unacked(&mut self, node: Node, tag: u64) -> Option<Unacked> {
        let channel = self.channels.get_mut(&node)?;
        let place = tag.checked_sub(channel.first_tag)? as usize;
        let unacked = channel.unacked.get_mut(place)?.take();
        channel.unacked_weight -= unacked.as_ref().map_or(0, |unacked| unacked.entry.message.weight());
        while channel.unacked.front().is_some_and(Option::is_none) {
            channel.unacked.pop_front();
            channel.first_tag += 1;
        }
        unacked
    }

    fn settle_one(&mut self, unacked: Unacked, how: Settle) {
        let Unacked { queue, consumer, .. } = unacked;
        match how {
            Settle::Ack => {
                let counters = &mut self.queues[queue as usize].counters;
                counters.unacked -= 1;
                counters.acked += 1;
                self.touched.push(queue);
                self.forget(queue, &unacked.entry);
            }
            Settle::Requeue => self.give_back(unacked),
            Settle::Reject => {
                self.queues[queue as usize].counters.unacked -= 1;
                self.touched.push(queue);
                self.forget(queue, &unacked.entry);
                self.die(queue, unacked.entry.message, Reason::Rejected);
            }
        }
        self.queues[queue as usize].settled(consumer);
    }

    /// A message comes back to its queue, to its place, unless it did so too often.
    pub(super) fn give_back(&mut self, unacked: Unacked) {
        let Unacked { queue: index, mut entry, .. } = unacked;
        self.touched.push(index);
        let queue = &mut self.queues[index as usize];
        queue.counters.unacked -= 1;
        entry.returns += 1;
        entry.redelivered = true;
        if queue.gone {
            queue.counters.lost += 1;
        } else if queue.settings.delivery_limit.is_some_and(|most| entry.returns > most) {
            self.forget(index, &entry);
            self.die(index, entry.message, Reason::DeliveryLimit);
        } else {
            if queue.settings.delivery_limit.is_some() {
                self.keep(index, &entry);
            }
            self.queues[index as usize].push_back_in_place(entry);
        }
    }

    /// A queue by its name; without one the connection ends (AMQP: `not-found`).
    fn find(&mut self, now: Time, node: Node, name: &Arc<str>) -> Option<u32> {
        let found = self.queue_names.get(name).copied().filter(|index| !self.queues[*index as usize].gone);
        if found.is_none() {
            self.close(now, node, ReplyCode::NotFound, &format!("there is no queue `{name}`"));
        }
        found
    }
}
