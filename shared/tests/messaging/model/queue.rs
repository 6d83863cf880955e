//! A queue of the model, and who takes from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::batch::kernel::key_hash;
use shared::messaging::{Balance, Message, Node, QueueSettings};
use shared::rng::Rng;
use shared::time::Time;

#[derive(Clone)]
pub struct Item {
    pub message: Arc<Message>,
    pub place: u64,
    pub dies_at: Option<Time>,
    pub returns: u32,
    pub redelivered: bool,
}

pub struct Taker {
    pub node: Node,
    /// `None`: a `Get` that waits.
    pub tag: Option<u32>,
    pub prefetch: u32,
    pub auto: bool,
    pub has: u32,
    pub number: u32,
    pub until: Option<Time>,
}

pub struct Queue {
    pub settings: QueueSettings,
    /// Ordered by priority, highest first, and then by place.
    pub ready: Vec<Item>,
    pub places: u64,
    pub takers: Vec<Taker>,
    /// Numbers of the takers that may be given something, whose turn is next first.
    pub turns: Vec<u32>,
    pub owed: Vec<Node>,
    pub gone: bool,
    pub ended: BTreeMap<&'static str, u64>,
}

impl Queue {
    pub fn new(settings: QueueSettings) -> Queue {
        Queue {
            settings,
            ready: Vec::new(),
            places: 0,
            takers: Vec::new(),
            turns: Vec::new(),
            owed: Vec::new(),
            gone: false,
            ended: BTreeMap::new(),
        }
    }

    pub fn put(&mut self, item: Item) {
        let most = self.settings.max_priority;
        self.ready.push(item);
        self.ready.sort_by_key(|item| (std::cmp::Reverse(item.message.priority.min(most)), item.place));
    }

    pub fn full(&self, message: &Message) -> bool {
        let bytes: usize = self.ready.iter().map(|item| item.message.body.len()).sum();
        self.settings.max_messages.is_some_and(|most| self.ready.len() as u64 >= most)
            || self.settings.max_bytes.is_some_and(|most| (bytes + message.body.len()) as u64 > most)
    }

    /// Who gets the next message, which has this key.
    pub fn next(&self, key: &str) -> Option<u32> {
        let mut in_turn = self.turns.iter().filter_map(|number| self.takers.iter().find(|taker| taker.number == *number));
        let taker = match self.settings.balance {
            _ if self.settings.single_active_consumer => in_turn.next(),
            Balance::RoundRobin => in_turn.next(),
            Balance::LeastLoaded => in_turn.min_by_key(|taker| taker.has),
            // Whoever stands for the key, room or not; of several of one client the one that came last.
            Balance::ConsistentHash => self.takers.iter().max_by_key(|taker| (stands_for(taker.node, key), taker.number)),
        }?;
        (taker.prefetch == 0 || taker.has < taker.prefetch).then_some(taker.number)
    }

    pub fn drop_takers(&mut self, which: impl Fn(&Taker) -> bool) {
        let gone: Vec<u32> = self.takers.iter().filter(|taker| which(taker)).map(|taker| taker.number).collect();
        self.takers.retain(|taker| !gone.contains(&taker.number));
        self.turns.retain(|number| !gone.contains(number));
    }

    pub fn has_one_less(&mut self, number: u32) {
        let Some(taker) = self.takers.iter_mut().find(|taker| taker.number == number) else { return };
        taker.has = taker.has.saturating_sub(1);
        if !self.turns.contains(&number) {
            self.turns.push(number);
        }
    }
}

/// How much a client stands for a key: who does most gets what has it.
fn stands_for(node: Node, key: &str) -> u64 {
    Rng::new(key_hash(key.as_bytes()) ^ Rng::new(node.0.into()).bits()).bits()
}
