//! The network between the nodes: how long a message is on its way, and what the faults of edges do to it.

use super::model;
use crate::fault::{EdgeFault, EdgeKind};
use crate::rng::Rng;
use crate::time::{Span, Time};

/// See the module. `N` names nodes.
#[derive(Clone, Debug)]
pub(super) struct Network<N> {
    rng: Rng,
    edges: Vec<(Time, EdgeFault<N>)>,
    partitions: Vec<(Time, Vec<Vec<N>>)>,
    /// When the first of these faults ends.
    next_end: Time,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// And how long it would have been on its way.
    Lost(Span),
    Once(Span),
    Twice(Span, Span),
}

impl<N: Copy + PartialEq> Network<N> {
    pub(super) fn new(rng: Rng) -> Network<N> {
        Network { rng, edges: Vec::new(), partitions: Vec::new(), next_end: Time::NEVER }
    }

    pub(super) fn disturb(&mut self, until: Time, fault: EdgeFault<N>) {
        self.edges.push((until, fault));
        self.next_end = self.next_end.min(until);
    }

    pub(super) fn divide(&mut self, until: Time, groups: Vec<Vec<N>>) {
        self.partitions.push((until, groups));
        self.next_end = self.next_end.min(until);
    }

    /// Decides about one message. What is on its way already is not touched by a fault that begins later.
    pub(super) fn carry(&mut self, now: Time, from: N, to: N, bytes: u64) -> Verdict {
        self.carry_in(now, from, to, |rng| model::transit(bytes, rng))
    }

    /// The same over a link that takes its own time.
    pub(super) fn carry_in(&mut self, now: Time, from: N, to: N, time: impl Fn(&mut Rng) -> Span) -> Verdict {
        let transit = time(&mut self.rng);
        if self.edges.is_empty() && self.partitions.is_empty() {
            return Verdict::Once(transit);
        }
        self.forget_ended(now);
        if self.partitions.iter().any(|(_, groups)| divides(groups, from, to)) {
            return Verdict::Lost(transit);
        }
        let (mut late, mut again) = (Span::ZERO, false);
        for (_, fault) in self.edges.iter().filter(|(_, fault)| fault.concerns(from, to)) {
            if !self.rng.chance(fault.probability) {
                continue;
            }
            match fault.kind {
                EdgeKind::Drop => return Verdict::Lost(transit),
                EdgeKind::Delay(span) => late.0 += span.0,
                EdgeKind::Duplicate => again = true,
            }
        }
        let first = Span(transit.0 + late.0);
        if again { Verdict::Twice(first, time(&mut self.rng)) } else { Verdict::Once(first) }
    }

    /// Whether a link that loses this share of what it carries loses this.
    pub(super) fn loses(&mut self, share: f64) -> bool {
        self.rng.chance(share)
    }

    fn forget_ended(&mut self, now: Time) {
        if now < self.next_end {
            return;
        }
        self.edges.retain(|(until, _)| now < *until);
        self.partitions.retain(|(until, _)| now < *until);
        let ends = self.edges.iter().map(|(until, _)| *until).chain(self.partitions.iter().map(|(until, _)| *until));
        self.next_end = ends.min().unwrap_or(Time::NEVER);
    }
}

/// Whether a partition keeps the two apart. A node that is in no group talks to all.
fn divides<N: PartialEq>(groups: &[Vec<N>], from: N, to: N) -> bool {
    let group = |node: &N| groups.iter().position(|group| group.contains(node));
    matches!((group(&from), group(&to)), (Some(a), Some(b)) if a != b)
}
