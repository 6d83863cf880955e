//! The connections' wires: each way between a client and the broker carries frames in order and loses none, as TCP does. What the
//! network loses is sent again later, and everything behind it waits.

use std::collections::VecDeque;

use crate::fault::EdgeFault;
use crate::messaging::{Bus, Envelope, Node};
use crate::rng::Rng;
use crate::sim::model;
use crate::sim::network::{Network, Verdict};
use crate::time::{Span, Time};

/// How long after a loss a frame is sent again: this long, and twice as long each time it is lost again, up to a limit. RFC 6298 has
/// a second at least, Linux a fifth of one.
const AGAIN_FIRST: Span = Span::millis(200);
const AGAIN_DOUBLINGS_MAX: u32 = 3;

/// See the module.
#[derive(Clone)]
pub(super) struct Wires {
    network: Network<Node>,
    /// Of each node the latency and the loss of its link to the broker.
    links: Vec<(Option<Span>, f64)>,
    /// Two for each client: to the broker, and from it.
    wires: Vec<Wire>,
}

#[derive(Clone, Default)]
struct Wire {
    /// When the last frame arrives that is on its way.
    last_arrival: Time,
    /// Frames that were lost, or wait behind one that was.
    stalled: VecDeque<Envelope>,
    tries: u32,
}

/// A wire's place.
pub(super) type WireId = u32;

/// What becomes of a frame.
pub(super) enum Carried {
    Arrives {
        at: Time,
        twice: bool,
    },
    /// It waits to be sent again; it was lost itself, if it is the first of its wire.
    Stalls {
        again: Option<Again>,
    },
}

/// A frame was lost.
pub(super) struct Again {
    /// When it is sent again.
    pub at: Time,
    /// When it would have arrived.
    pub lost: Time,
}

impl Wires {
    pub(super) fn new(rng: Rng, bus: &Bus) -> Wires {
        let clients = bus.members().len();
        let mut links = vec![(None, 0.0); clients + 1];
        for link in &bus.links {
            for node in &link.nodes {
                links[usize::from(node.0)] = (link.latency, link.loss);
            }
        }
        Wires { network: Network::new(rng), links, wires: (0..2 * clients).map(|_| Wire::default()).collect() }
    }

    pub(super) fn disturb(&mut self, until: Time, fault: EdgeFault<Node>) {
        self.network.disturb(until, fault);
    }

    pub(super) fn divide(&mut self, until: Time, groups: Vec<Vec<Node>>) {
        self.network.divide(until, groups);
    }

    pub(super) fn send(&mut self, now: Time, envelope: &Envelope) -> (WireId, Carried) {
        let id = wire(envelope.from, envelope.to);
        if !self.wires[id as usize].stalled.is_empty() {
            self.wires[id as usize].stalled.push_back(envelope.clone());
            return (id, Carried::Stalls { again: None });
        }
        let carried = self.carry(now, id, envelope);
        if let Carried::Stalls { .. } = carried {
            self.wires[id as usize].stalled.push_back(envelope.clone());
        }
        (id, carried)
    }

    /// Tries the first frame that waits once more; the frame, if it gets through now.
    pub(super) fn again(&mut self, now: Time, id: WireId) -> Option<(Envelope, Carried)> {
        let envelope = self.wires[id as usize].stalled.front()?.clone();
        let carried = self.carry(now, id, &envelope);
        if let Carried::Arrives { .. } = carried {
            let wire = &mut self.wires[id as usize];
            wire.stalled.pop_front();
            wire.tries = 0;
        }
        Some((envelope, carried))
    }

    /// A connection of this client has ended: what still waits of it is gone.
    pub(super) fn forget(&mut self, client: Node) -> Vec<Envelope> {
        let mut gone = Vec::new();
        for id in [wire(client, Node::BROKER), wire(Node::BROKER, client)] {
            let wire = &mut self.wires[id as usize];
            gone.extend(wire.stalled.drain(..));
            wire.tries = 0;
        }
        gone
    }

    /// Everything that waits to be sent again.
    pub(super) fn stalled(&self) -> impl Iterator<Item = &Envelope> {
        self.wires.iter().flat_map(|wire| &wire.stalled)
    }

    fn carry(&mut self, now: Time, id: WireId, envelope: &Envelope) -> Carried {
        let (from, to, bytes) = (envelope.from, envelope.to, envelope.frame.wire_bytes());
        let (latency, loss) = self.links[usize::from(from.0.max(to.0))];
        let verdict = self.network.carry_in(now, from, to, |rng| match latency {
            None => model::transit(bytes, rng),
            Some(latency) => model::transit_over(latency, bytes, rng),
        });
        let wire = &mut self.wires[id as usize];
        let (span, twice) = match verdict {
            Verdict::Once(span) => (span, false),
            Verdict::Twice(first, second) => (first.min(second), true),
            Verdict::Lost(span) => return wire.stall(now, span),
        };
        if self.network.loses(loss) {
            return wire.stall(now, span);
        }
        wire.last_arrival = wire.last_arrival.max(now + span);
        Carried::Arrives { at: wire.last_arrival, twice }
    }
}

impl Wire {
    fn stall(&mut self, now: Time, lost: Span) -> Carried {
        let again = Span(AGAIN_FIRST.0 << self.tries.min(AGAIN_DOUBLINGS_MAX));
        self.tries += 1;
        Carried::Stalls { again: Some(Again { at: now + again, lost: now + lost }) }
    }
}

fn wire(from: Node, to: Node) -> WireId {
    let client = u32::from(from.0.max(to.0)).saturating_sub(1);
    2 * client + u32::from(from == Node::BROKER)
}
