//! The one ordered queue of everything that is going to happen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Time;

/// Events by time. Among those of one moment timers come first, by node, then what is planned from outside, by its place, then the
/// others in the order in which they were put in: so a timer that nobody else can see, such as that of a frame, changes no order, and
/// it makes no difference when something was planned.
#[derive(Clone, Debug)]
pub(super) struct Queue<E> {
    heap: BinaryHeap<Reverse<Key>>,
    /// The events lie still, and only their small keys move about in the heap.
    events: Vec<Option<E>>,
    free: Vec<u32>,
    next: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    at: Time,
    order: u64,
    slot: u32,
}

/// The order of what is planned first, and of the first event that is neither planned nor a timer; below are the nodes' numbers.
const PLANNED_ORDER: u64 = 1 << 32;
const FIRST_ORDER: u64 = 1 << 33;

impl<E> Queue<E> {
    pub(super) fn new() -> Queue<E> {
        Queue { heap: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), next: FIRST_ORDER }
    }

    pub(super) fn push(&mut self, at: Time, event: E) {
        self.next += 1;
        self.insert(at, self.next, event);
    }

    pub(super) fn push_timer(&mut self, at: Time, node: u32, event: E) {
        self.insert(at, u64::from(node), event);
    }

    pub(super) fn push_first(&mut self, at: Time, place: u32, event: E) {
        self.insert(at, PLANNED_ORDER + u64::from(place), event);
    }

    pub(super) fn pop(&mut self) -> Option<(Time, E)> {
        let Reverse(key) = self.heap.pop()?;
        self.free.push(key.slot);
        let event = self.events[key.slot as usize].take().expect("a key in the heap has an event");
        Some((key.at, event))
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// What is going to happen, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Time, &E)> {
        self.heap.iter().filter_map(|Reverse(key)| Some((key.at, self.events[key.slot as usize].as_ref()?)))
    }

    /// The next event, and when it is.
    pub(super) fn peek(&self) -> Option<(Time, &E)> {
        let Reverse(key) = self.heap.peek()?;
        Some((key.at, self.events[key.slot as usize].as_ref()?))
    }

    /// When the next event is.
    pub(super) fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(key)| key.at)
    }

    fn insert(&mut self, at: Time, order: u64, event: E) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.events[slot as usize] = Some(event);
                slot
            }
            None => {
                self.events.push(Some(event));
                self.events.len() as u32 - 1
            }
        };
        self.heap.push(Reverse(Key { at, order, slot }));
    }
}
