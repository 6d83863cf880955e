//! A small model of the broker, written for being read: everything is a list that is looked through, nothing is clever. It was written
//! from the rules (DESIGN §7, RabbitMQ's documentation) and shares nothing with the broker but the frames.

mod queue;

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::messaging::{
    Balance, BrokerSettings, Delivery, Envelope, ExchangeKind, Frame, Match, Message, Node, Overload, QueueSettings, Reason,
    ReplyCode, Settle,
};
use shared::time::Time;

use self::queue::{Item, Queue, Taker};
use crate::topics::{like, words};

struct Channel {
    connection: u32,
    confirms: bool,
    published: u64,
    used: u32,
    next_tag: u64,
    /// Tag, queue, taker's number.
    unacked: Vec<(u64, usize, u32, Item)>,
    replies: Option<usize>,
}

pub struct Model {
    settings: BrokerSettings,
    queues: Vec<Queue>,
    channels: BTreeMap<Node, Channel>,
    out: Vec<Envelope>,
    dying: Vec<(usize, Arc<Message>, Reason)>,
    takers: BTreeMap<usize, u32>,
}

impl Model {
    pub fn new(settings: &BrokerSettings) -> Model {
        let queues = settings.queues.iter().cloned().map(Queue::new).collect();
        Model {
            settings: settings.clone(),
            queues,
            channels: BTreeMap::new(),
            out: Vec::new(),
            dying: Vec::new(),
            takers: BTreeMap::new(),
        }
    }

    pub fn take_output(&mut self) -> Vec<Envelope> {
        std::mem::take(&mut self.out)
    }

    /// For each queue: how many are ready, how many are at consumers, and what became of the others.
    pub fn state(&self) -> Vec<(u64, u64, BTreeMap<&'static str, u64>)> {
        let unacked = |place: usize| {
            let all = self.channels.values().flat_map(|channel| &channel.unacked);
            all.filter(|(_, queue, _, _)| *queue == place).count() as u64
        };
        let queues = self.queues.iter().enumerate();
        queues.map(|(place, queue)| (queue.ready.len() as u64, unacked(place), queue.ended.clone())).collect()
    }

    fn say(&mut self, to: Node, frame: Frame) {
        let connection = self.channels.get(&to).map_or(0, |channel| channel.connection);
        self.out.push(Envelope { from: Node::BROKER, to, connection, frame });
    }

    pub fn hear(&mut self, now: Time, envelope: Envelope) {
        self.take(now, envelope);
        self.look_at_heads(now);
    }

    fn take(&mut self, now: Time, envelope: Envelope) {
        let node = envelope.from;
        let current = self.channels.get(&node).map(|channel| channel.connection);
        if let Frame::Open { confirms } = envelope.frame {
            if current.is_none_or(|current| envelope.connection > current) {
                self.end(now, node);
                let channel = Channel {
                    connection: envelope.connection,
                    confirms,
                    published: 0,
                    used: 0,
                    next_tag: 1,
                    unacked: Vec::new(),
                    replies: None,
                };
                self.channels.insert(node, channel);
                self.say(node, Frame::Opened { credit: self.settings.credit });
            }
            return;
        }
        if current != Some(envelope.connection) {
            if current.is_some_and(|current| envelope.connection < current) {
                return;
            }
            if matches!(envelope.frame, Frame::Reset | Frame::Close) {
                return self.end(now, node);
            }
            let connection = envelope.connection;
            self.out.push(Envelope { from: Node::BROKER, to: node, connection, frame: Frame::Reset });
            return;
        }
        match envelope.frame {
            Frame::Publish { message, mandatory } => self.publish(now, node, message, mandatory),
            Frame::Consume { tag, queue, prefetch, auto_ack } => {
                if let Some(place) = self.known(now, node, &queue) {
                    let mut takers = self.queues.iter().flat_map(|queue| &queue.takers);
                    if takers.any(|taker| taker.node == node && taker.tag == Some(tag)) {
                        let reason = format!("the consumer tag {tag} is in use");
                        return self.close(now, node, ReplyCode::NotAllowed, reason);
                    }
                    self.add_taker(place, node, Some(tag), prefetch, auto_ack, None);
                    self.hand_out(now, place);
                }
            }
            Frame::Cancel { tag } => {
                let of = |taker: &Taker| taker.node == node && taker.tag == Some(tag);
                if let Some(place) = self.queues.iter().position(|queue| queue.takers.iter().any(of)) {
                    self.queues[place].drop_takers(of);
                    self.hand_out(now, place);
                }
            }
            Frame::Get { queue, wait, auto_ack } => {
                if let Some(place) = self.known(now, node, &queue) {
                    self.expire(now, place);
                    if !self.queues[place].ready.is_empty() {
                        let item = self.queues[place].ready.remove(0);
                        let number = self.add_taker(place, node, None, 0, auto_ack, None);
                        self.give(place, number, item);
                        self.room(place);
                    } else if wait.0 == 0 {
                        self.say(node, Frame::Empty);
                    } else {
                        self.add_taker(place, node, None, 0, auto_ack, Some(now + wait));
                    }
                    self.bury(now);
                }
            }
            Frame::Settle { tag, multiple, how } => self.settle(now, node, tag, multiple, how),
            Frame::Replies { queue } => {
                let place = self.queues.iter().position(|known| known.settings.name == queue).unwrap_or_else(|| {
                    self.queues.push(Queue::new(QueueSettings { name: queue.clone(), ..QueueSettings::default() }));
                    self.queues.len() - 1
                });
                self.queues[place].gone = false;
                self.channels.get_mut(&node).unwrap().replies = Some(place);
            }
            Frame::Close | Frame::Reset => self.end(now, node),
            _ => {}
        }
    }

    /// Whoever stands for the first message of a queue and has room gets it.
    fn look_at_heads(&mut self, now: Time) {
        let hashed = |queue: &Queue| queue.settings.balance == Balance::ConsistentHash;
        let mut place = 0;
        while place < self.queues.len() {
            let before = (self.queues[place].ready.len(), self.out.len());
            if hashed(&self.queues[place]) {
                self.hand_out(now, place);
            }
            // What has changed one may have changed one before it.
            place = if (self.queues[place].ready.len(), self.out.len()) == before { place + 1 } else { 0 };
        }
    }

    pub fn pass(&mut self, now: Time) {
        for place in 0..self.queues.len() {
            self.expire(now, place);
            let over = |taker: &Taker| taker.until.is_some_and(|until| until <= now);
            let waiting: Vec<(u32, Node)> =
                self.queues[place].takers.iter().filter(|taker| over(taker)).map(|taker| (taker.number, taker.node)).collect();
            for (number, node) in waiting {
                self.queues[place].drop_takers(|taker| taker.number == number);
                self.say(node, Frame::Empty);
            }
        }
        self.bury(now);
        self.look_at_heads(now);
    }

    /// The earliest time at which anything happens by itself.
    pub fn next(&self) -> Option<Time> {
        let heads = self.queues.iter().filter_map(|queue| queue.ready.first().and_then(|item| item.dies_at));
        let waits = self.queues.iter().flat_map(|queue| &queue.takers).filter_map(|taker| taker.until);
        heads.chain(waits).min()
    }

    fn close(&mut self, now: Time, node: Node, code: ReplyCode, reason: String) {
        self.say(node, Frame::Closed { code, reason: reason.into() });
        self.end(now, node);
    }

    fn known(&mut self, now: Time, node: Node, name: &Arc<str>) -> Option<usize> {
        let found = self.queues.iter().position(|queue| queue.settings.name == *name && !queue.gone);
        if found.is_none() {
            self.close(now, node, ReplyCode::NotFound, format!("there is no queue `{name}`"));
        }
        found
    }

    fn end(&mut self, now: Time, node: Node) {
        let Some(channel) = self.channels.remove(&node) else { return };
        self.queues.iter_mut().for_each(|queue| queue.owed.retain(|other| *other != node));
        let mut touched: Vec<usize> = Vec::new();
        for (place, queue) in self.queues.iter_mut().enumerate() {
            if queue.takers.iter().any(|taker| taker.node == node) {
                queue.drop_takers(|taker| taker.node == node);
                touched.push(place);
            }
        }
        for (_, place, _, item) in channel.unacked {
            touched.push(place);
            self.back(place, item);
        }
        if let Some(place) = channel.replies {
            let queue = &mut self.queues[place];
            queue.gone = true;
            let count = queue.ready.len() as u64;
            *queue.ended.entry("lost").or_default() += count;
            queue.ready.clear();
        }
        touched.sort();
        touched.dedup();
        self.after(now, &touched);
    }

    fn after(&mut self, now: Time, places: &[usize]) {
        places.iter().for_each(|place| self.cut(*place));
        self.bury(now);
        places.iter().for_each(|place| self.hand_out(now, *place));
    }

    fn back(&mut self, place: usize, mut item: Item) {
        item.returns += 1;
        item.redelivered = true;
        let queue = &mut self.queues[place];
        if queue.gone {
            *queue.ended.entry("lost").or_default() += 1;
        } else if queue.settings.delivery_limit.is_some_and(|limit| item.returns > limit) {
            self.die(place, item.message, Reason::DeliveryLimit);
        } else {
            queue.put(item);
        }
    }

    fn settle(&mut self, now: Time, node: Node, tag: u64, multiple: bool, how: Settle) {
        let channel = self.channels.get_mut(&node).unwrap();
        if !channel.unacked.iter().any(|(known, ..)| *known == tag) {
            let reason = format!("the delivery tag {tag} is unknown: it was settled before, or never given out");
            return self.close(now, node, ReplyCode::PreconditionFailed, reason);
        }
        let (settled, open) =
            std::mem::take(&mut channel.unacked).into_iter().partition(|(known, ..)| *known == tag || multiple && *known < tag);
        channel.unacked = open;
        let settled: Vec<(u64, usize, u32, Item)> = settled;
        let mut touched = Vec::new();
        for (_, place, number, item) in settled {
            match how {
                Settle::Ack => *self.queues[place].ended.entry("acked").or_default() += 1,
                Settle::Requeue => self.back(place, item),
                Settle::Reject => self.die(place, item.message, Reason::Rejected),
            }
            self.queues[place].has_one_less(number);
            if !touched.contains(&place) {
                touched.push(place);
            }
        }
        self.after(now, &touched);
    }

    fn publish(&mut self, now: Time, node: Node, message: Arc<Message>, mandatory: bool) {
        let channel = self.channels.get_mut(&node).unwrap();
        channel.published += 1;
        let (number, confirms) = (channel.published, channel.confirms);
        let known = self.settings.exchanges.iter().any(|exchange| exchange.name == message.exchange);
        if !message.exchange.is_empty() && !known {
            let reason = format!("there is no exchange `{}`", message.exchange);
            return self.close(now, node, ReplyCode::NotFound, reason);
        }
        let places = self.route(&message);
        if places.is_empty() && mandatory {
            self.say(node, Frame::Return { message: message.clone() });
        }
        let (mut ok, mut owed) = (true, false);
        for place in places {
            let queue = &mut self.queues[place];
            if queue.settings.overload == Overload::Block && queue.full(&message) && !owed {
                owed = true;
                queue.owed.push(node);
            }
            ok &= self.let_in(now, place, message.clone());
        }
        if confirms {
            self.say(node, Frame::Confirm { number, ok });
        }
        if !owed {
            self.credit(node);
        }
        self.bury(now);
    }

    fn credit(&mut self, node: Node) {
        let threshold = self.settings.credit.div_ceil(2);
        let Some(channel) = self.channels.get_mut(&node) else { return };
        channel.used += 1;
        if channel.used >= threshold {
            let more = channel.used;
            channel.used = 0;
            self.say(node, Frame::Credit { more });
        }
    }

    fn room(&mut self, place: usize) {
        let queue = &mut self.queues[place];
        let settings = &queue.settings;
        let bytes: u64 = queue.ready.iter().map(|item| item.message.body.len() as u64).sum();
        let full = settings.max_messages.is_some_and(|most| queue.ready.len() as u64 >= most)
            || settings.max_bytes.is_some_and(|most| bytes + 1 > most);
        if !queue.owed.is_empty() && !full {
            let node = queue.owed.remove(0);
            self.credit(node);
        }
    }

    fn route(&self, message: &Message) -> Vec<usize> {
        if message.exchange.is_empty() {
            let named = |queue: &&Queue| queue.settings.name == message.key && !queue.gone;
            return self.queues.iter().position(|queue| named(&queue)).into_iter().collect();
        }
        let mut exchange = Some(message.exchange.clone());
        for _ in 0..16 {
            let Some(name) = exchange else { break };
            let Some(settings) = self.settings.exchanges.iter().find(|known| known.name == name) else { break };
            let bound = |queue: &Queue| {
                queue.settings.bindings.iter().any(|binding| {
                    binding.exchange == name
                        && match settings.kind {
                            ExchangeKind::Direct => binding.key == message.key,
                            ExchangeKind::Fanout => true,
                            ExchangeKind::Topic => like(&words(&binding.key), &words(&message.key)),
                            ExchangeKind::Headers => {
                                let given = message.extra.as_ref().and_then(|extra| extra.headers.clone()).unwrap_or_default();
                                let same =
                                    binding.headers.iter().filter(|(name, value)| given.get(*name) == Some(value)).count();
                                match binding.headers_match {
                                    Match::All => same == binding.headers.len(),
                                    Match::Any => same > 0,
                                }
                            }
                        }
                })
            };
            let found: Vec<usize> = (0..self.queues.len()).filter(|place| bound(&self.queues[*place])).collect();
            if !found.is_empty() {
                return found;
            }
            exchange = settings.alternate.clone();
        }
        Vec::new()
    }

    fn let_in(&mut self, now: Time, place: usize, message: Arc<Message>) -> bool {
        let queue = &mut self.queues[place];
        queue.places += 1;
        let own = message.extra.as_ref().and_then(|extra| extra.ttl);
        let ttl = match (own, queue.settings.message_ttl) {
            (Some(own), Some(queue)) => Some(own.min(queue)),
            (own, queue) => own.or(queue),
        };
        let item = Item {
            message: message.clone(),
            place: queue.places,
            dies_at: ttl.map(|ttl| now + ttl),
            returns: 0,
            redelivered: false,
        };
        if queue.ready.is_empty()
            && let Some(number) = queue.next(&message.key)
        {
            self.give(place, number, item);
            return true;
        }
        if queue.full(&message) {
            match queue.settings.overload {
                Overload::Reject => {
                    *queue.ended.entry("rejected").or_default() += 1;
                    return false;
                }
                Overload::DropNewest => {
                    self.die(place, message, Reason::MaxLength);
                    return false;
                }
                Overload::Sample(0.0) => {
                    self.die(place, message, Reason::MaxLength);
                    return false;
                }
                _ => {}
            }
        }
        self.queues[place].put(item);
        self.cut(place);
        self.expire(now, place);
        true
    }

    fn cut(&mut self, place: usize) {
        let queue = &self.queues[place];
        if !matches!(queue.settings.overload, Overload::DropOldest | Overload::Sample(_)) {
            return;
        }
        loop {
            let queue = &mut self.queues[place];
            let bytes: u64 = queue.ready.iter().map(|item| item.message.body.len() as u64).sum();
            let over = queue.settings.max_messages.is_some_and(|most| queue.ready.len() as u64 > most)
                || queue.settings.max_bytes.is_some_and(|most| bytes > most);
            if !over {
                return;
            }
            let item = queue.ready.remove(0);
            self.die(place, item.message, Reason::MaxLength);
        }
    }

    fn expire(&mut self, now: Time, place: usize) {
        while self.queues[place].ready.first().is_some_and(|item| item.dies_at.is_some_and(|at| at <= now)) {
            let item = self.queues[place].ready.remove(0);
            self.die(place, item.message, Reason::Expired);
            self.room(place);
        }
    }

    fn die(&mut self, place: usize, message: Arc<Message>, reason: Reason) {
        let queue = &mut self.queues[place];
        let what = match (&queue.settings.dead_letter, reason) {
            (Some(_), _) => "dead_lettered",
            (None, Reason::Expired) => "expired",
            (None, Reason::MaxLength) => "dropped",
            (None, Reason::Rejected | Reason::DeliveryLimit) => "rejected",
        };
        *queue.ended.entry(what).or_default() += 1;
        if queue.settings.dead_letter.is_some() {
            self.dying.push((place, message, reason));
        }
    }

    fn bury(&mut self, now: Time) {
        while !self.dying.is_empty() {
            let (place, message, reason) = self.dying.remove(0);
            let settings = self.queues[place].settings.clone();
            let dead_letter = settings.dead_letter.unwrap();
            let mut extra = message.extra.as_deref().cloned().unwrap_or_default();
            extra.ttl = None;
            let old = extra.deaths.iter().find(|death| death.queue == settings.name && death.reason == reason).cloned();
            extra.deaths.retain(|death| !(death.queue == settings.name && death.reason == reason));
            let count = old.map_or(0, |death| death.count) + 1;
            extra.deaths.insert(0, shared::messaging::Death { queue: settings.name.clone(), reason, count });
            let deaths = extra.deaths.clone();
            let message = Arc::new(Message {
                exchange: dead_letter.exchange,
                key: dead_letter.key.unwrap_or(message.key.clone()),
                extra: Some(Box::new(extra)),
                ..(*message).clone()
            });
            for to in self.route(&message) {
                let name = &self.queues[to].settings.name;
                let was_here = deaths.iter().position(|death| death.queue == *name);
                let round = was_here.is_some_and(|last| deaths[..=last].iter().all(|death| death.reason != Reason::Rejected));
                if reason == Reason::Rejected || !round {
                    self.let_in(now, to, message.clone());
                }
            }
        }
    }

    fn add_taker(&mut self, place: usize, node: Node, tag: Option<u32>, prefetch: u32, auto: bool, until: Option<Time>) -> u32 {
        let number = self.takers.entry(place).or_default();
        *number += 1;
        let queue = &mut self.queues[place];
        queue.takers.push(Taker { node, tag, prefetch: if auto { 0 } else { prefetch }, auto, has: 0, number: *number, until });
        queue.turns.push(*number);
        *number
    }

    fn hand_out(&mut self, now: Time, place: usize) {
        loop {
            self.expire(now, place);
            let queue = &mut self.queues[place];
            let Some(number) = queue.ready.first().and_then(|item| queue.next(&item.message.key)) else { break };
            let item = queue.ready.remove(0);
            self.give(place, number, item);
            self.room(place);
        }
        self.bury(now);
    }

    fn give(&mut self, place: usize, number: u32, item: Item) {
        let queue = &mut self.queues[place];
        let single = queue.settings.single_active_consumer;
        let taker = queue.takers.iter_mut().find(|taker| taker.number == number).unwrap();
        let (node, tag, auto) = (taker.node, taker.tag, taker.auto);
        if auto {
            *queue.ended.entry("acked").or_default() += 1;
        } else {
            taker.has += 1;
        }
        let has_room = taker.prefetch == 0 || taker.has < taker.prefetch;
        if tag.is_none() {
            queue.drop_takers(|taker| taker.number == number);
        } else if !single {
            queue.turns.retain(|other| *other != number);
            if has_room {
                queue.turns.push(number);
            }
        }
        let channel = self.channels.get_mut(&node).unwrap();
        let mut delivery_tag = 0;
        if !auto {
            delivery_tag = channel.next_tag;
            channel.next_tag += 1;
            channel.unacked.push((delivery_tag, place, number, item.clone()));
        }
        let delivery = Delivery {
            consumer: tag,
            tag: delivery_tag,
            queue: place as u32,
            redelivered: item.redelivered,
            returns: item.returns,
            message: item.message,
        };
        self.say(node, Frame::Deliver(Box::new(delivery)));
    }
}
