//! Writes down what goes from node to node, while somebody wants to see it. A run happens once more for that, from one of its keyframes:
//! whoever runs it for its result has no recorder.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::limits::MESSAGES_SEEN_MAX;
use crate::time::Time;
use crate::wire::{MessageView, Messages};

/// See the module. `T` is what a bus names deliveries by.
#[derive(Clone)]
pub(super) struct Recorder<T = ()> {
    from: Time,
    to: Time,
    /// Nothing is written down but what this tells.
    only: Option<u64>,
    total: u64,
    /// Those that are kept, each with what tells its kin.
    kept: Vec<(u64, MessageView)>,
    /// Kept are those whose kin ends in so many zeros.
    zeros: u32,
    /// Which message a delivery brings: who settles it names only the delivery.
    pub(super) delivered: BTreeMap<T, crate::messaging::MessageId>,
}

impl<T: Ord> Recorder<T> {
    pub(super) fn new(from: Time, to: Time, only: Option<u64>) -> Recorder<T> {
        Recorder { from, to, only, total: 0, kept: Vec::new(), zeros: 0, delivered: BTreeMap::new() }
    }

    /// A message was sent then, and arrives then or would have. `kin` is the same number for those that belong together.
    pub(super) fn note(&mut self, (sent, arrives): (Time, Time), kin: u64, view: impl FnOnce() -> MessageView) {
        if sent > self.to || arrives < self.from || self.only.is_some_and(|only| only != kin) {
            return;
        }
        self.total += 1;
        if kin.trailing_zeros() < self.zeros {
            return;
        }
        self.kept.push((kin, view()));
        while self.kept.len() > MESSAGES_SEEN_MAX && self.zeros < u64::BITS {
            self.zeros += 1;
            let zeros = self.zeros;
            self.kept.retain(|(kin, _)| kin.trailing_zeros() >= zeros);
        }
    }

    pub(super) fn finish(self, until: Time) -> Messages {
        let Recorder { from, to, total, kept, .. } = self;
        let mut messages: Vec<MessageView> = kept.into_iter().map(|(_, view)| view).collect();
        messages.sort_by_key(|message| (message.sent, message.arrives));
        Messages { from, to, until: until.min(to), total, messages }
    }
}

/// What the trace calls it.
pub(super) fn name(kind: impl Serialize) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;
    use crate::wire::{Bytes, Fate};

    #[test]
    fn of_too_many_a_sample_stays_and_kin_stays_together() {
        let mut recorder: Recorder = Recorder::new(Time(10), Time(1_000_000), None);
        let mut rng = crate::rng::Rng::new(1);
        for family in 0..5_000_u32 {
            let kin = rng.bits();
            for sent in 0..3 {
                let at = Time(u64::from(family) + sent);
                let (from, to, fate, bytes) = (NodeId::Coordinator, NodeId::Worker(1), Fate::Arrived, Bytes(1));
                let kind = String::new();
                let view = || MessageView { id: family, kind, from, to, sent: at, arrives: at, fate, bytes, about: None };
                recorder.note((at, at), kin, view);
            }
        }
        let told = recorder.finish(Time(5));
        assert!((MESSAGES_SEEN_MAX / 4..=MESSAGES_SEEN_MAX).contains(&told.messages.len()), "{}", told.messages.len());
        assert_eq!((told.until, told.from), (Time(5), Time(10)));
        // Of the first ten families 10, 9 and 8 messages came before what was asked for.
        assert_eq!(told.total, 15_000 - 27);
        let of = |id| told.messages.iter().filter(|message| message.id == id).count();
        assert!(told.messages.iter().filter(|message| message.id >= 10).all(|message| of(message.id) == 3));
    }
}
