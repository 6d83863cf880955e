//! What is seen of a simulated bus: its [`Watch`] is told of everything that happens.

use std::sync::Arc;

use super::{BusSimulation, Machinery, Seat};
use crate::fault::Effect;
use crate::messaging::client::{Doing, Note};
use crate::messaging::watch::{self, STANDS_STILL, Scene, SceneClient, Watch};
use crate::messaging::{Envelope, Node};
use crate::time::Time;
use crate::wire::{Frame, WorkerState};

impl BusSimulation {
    /// From now on, which is its beginning, it can be looked at as this run.
    pub fn watched(mut self, run: u32) -> BusSimulation {
        self.watch = Some(Box::new(Watch::new(run, &self.spec.bus)));
        self
    }

    /// Whether there is anything that no frame has told yet.
    pub fn has_news(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.has_news())
    }

    /// The client is new: the next frame holds everything.
    pub fn repeat(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.repeat();
        }
    }

    /// A frame of this moment, with what has changed since the last one.
    pub fn look(&mut self) -> Frame {
        let Some(mut watch) = self.watch.take() else { return Frame::default() };
        let frame = watch.look(self.now, &self.scene(&watch));
        self.watch = Some(watch);
        frame
    }

    /// Everything that can be seen at this moment.
    pub fn whole(&self) -> Frame {
        self.watch.as_ref().map_or_else(Frame::default, |watch| watch.whole(self.now, &self.scene(watch)))
    }

    /// How many faults have begun.
    pub fn faults(&self) -> u32 {
        self.begun.iter().map(|begun| u32::from(*begun)).sum()
    }

    /// How many deliveries have been worked on, by clients that are watched.
    pub fn processed(&self) -> u64 {
        self.watch.as_ref().map_or(0, |watch| watch.processed())
    }

    fn scene(&self, watch: &Watch) -> Scene {
        let (_, queues) = self.books.counted(self.broker().map(|broker| broker.counts()).as_ref());
        let client = |(place, seat): (usize, &Seat)| SceneClient {
            incarnation: seat.host.incarnation,
            doing: match &seat.host.worker {
                _ if seat.host.paused(self.now).is_some() => STANDS_STILL,
                Some(Machinery::Client(client)) => watch::in_words(client, &self.spec.bus.clients[seat.group].kind),
                _ if watch.state(place) == WorkerState::Starting => "starting",
                _ if self.spec.respawn.is_some() => "down, coming back",
                _ => "down",
            }
            .to_owned(),
        };
        Scene::new(&queues, self.hosts[1..].iter().enumerate().map(client).collect())
    }

    /// A client has done something, or something was done to it.
    pub(super) fn watch_client(&mut self, node: Node) {
        let Some((watch, place)) = self.watch.as_mut().zip(node.client()) else { return };
        let seat = &self.hosts[place + 1];
        let (state, doing) = match &seat.host.worker {
            Some(Machinery::Client(client)) => {
                let kind = &self.spec.bus.clients[seat.group].kind;
                (watch::state_of(client, kind, seat.connection != 0), Some(client.doing()))
            }
            _ => (WorkerState::Down, None),
        };
        watch.turn(self.now, place, state);
        if doing == Some(Doing::NoCredit) && state == WorkerState::Blocked {
            watch.held_back(self.now, seat.group, &seat.name);
        }
    }

    /// The broker has done something.
    pub(super) fn watch_broker(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        match &self.hosts[0].host.worker {
            Some(Machinery::Broker(broker)) => {
                let queues = &mut broker.queues().map(|(_, counters)| counters);
                watch.broker(self.now, self.books.past(), Some((broker.counters(), queues)));
            }
            _ => watch.broker(self.now, self.books.past(), None),
        }
    }

    /// A frame is on its way.
    pub(super) fn watch_flight(&mut self, envelope: &Envelope, arrives: Time) {
        if let Some(watch) = &mut self.watch {
            watch.flight(self.now, envelope, arrives);
        }
    }

    /// A client has said something.
    pub(super) fn watch_note(&mut self, node: Node, note: &Note) {
        if let Some(watch) = &mut self.watch {
            watch.note(self.now, node, note);
        }
    }

    pub(super) fn watch_fault(&mut self, effect: &Effect<Node>) {
        let named = effect.clone().map(|node| self.name(node));
        let held = match (effect, &self.hosts[0].host.worker) {
            (Effect::Kill(node), Some(Machinery::Broker(broker))) if *node != Node::BROKER => broker.unacked_by(*node),
            _ => 0,
        };
        if let Some(watch) = &mut self.watch {
            watch.fault(self.now, &named, held);
        }
    }

    pub(super) fn watch_say(&mut self, text: impl FnOnce(Arc<str>) -> String, node: Node) {
        let name = self.hosts[usize::from(node.0)].name.clone();
        if let Some(watch) = &mut self.watch {
            watch.say(self.now, text(name));
        }
    }
}
