//! What each event does to the nodes, and what is done with everything that they put out.

use super::check::Problem;
use super::trace::{Kind, Row};
use super::wires::{Again, Carried, WireId};
use super::{BusSimulation, Event, Machinery, Seat};
use crate::fault::Effect;
use crate::machine::Machine;
use crate::messaging::broker::Broker;
use crate::messaging::client::{self, Client};
use crate::messaging::watch;
use crate::messaging::{BrokerSettings, Envelope, Frame, Node};
use crate::rng::Rng;
use crate::sim::host::Computing;
use crate::time::{Span, Time};
use crate::wire::Fate;

impl BusSimulation {
    pub(super) fn happen(&mut self, event: Event) -> Result<(), Problem> {
        match event {
            Event::Spawn(node) => self.spawn(node),
            Event::Arrive { envelope, sent } => self.arrive(envelope, sent),
            Event::Again(wire) => {
                self.again(wire);
                Ok(())
            }
            Event::Wake(node) => self.wake(node),
            Event::Worked { node, plan } => self.worked(node, plan),
            Event::Fault(place) => {
                self.begun[place] = true;
                self.begin(self.spec.faults[place].effect.clone())
            }
            Event::Over(node) => self.over(node),
            Event::Synced(incarnation) => self.synced(incarnation),
            Event::End => {
                self.ended = true;
                Ok(())
            }
        }
    }

    pub(super) fn seat(&mut self, node: Node) -> &mut Seat {
        &mut self.hosts[usize::from(node.0)]
    }

    fn spawn(&mut self, node: Node) -> Result<(), Problem> {
        if self.seat(node).host.worker.is_some() {
            return Ok(());
        }
        let incarnation = self.seat(node).host.incarnation;
        self.trace.push(Row::of(self.now, Kind::Spawned, node, incarnation));
        let kept = if node == Node::BROKER { self.disk.store.records().len() } else { 0 };
        if incarnation > 1 {
            self.watch_say(|name| watch::comes_back(&name, kept), node);
        }
        let seed = self.rng.bits();
        let Some(place) = node.client() else {
            let settings = BrokerSettings { seed, ..self.spec.bus.broker.clone() };
            if !self.has_disk() {
                self.seat(node).host.worker = Some(Machinery::Broker(Box::new(Broker::new(&settings))));
                return Ok(());
            }
            let records = self.disk.store.records().cloned().collect();
            let broker = Broker::with_records(self.now, &settings, records);
            self.seat(node).host.worker = Some(Machinery::Broker(Box::new(broker)));
            return self.drain_broker();
        };
        let seat = &self.hosts[place + 1];
        let given = client::Seat {
            node,
            incarnation,
            rng: Rng::new(seed),
            until: Time::ZERO + self.spec.bus.span,
            heartbeats: self.spec.bus.broker.heartbeats,
            name: seat.name.clone(),
            made: seat.made,
            numbers_from: 0,
        };
        let client = Client::new(&self.spec.bus.clients[seat.group], given);
        self.seat(node).host.worker = Some(Machinery::Client(Box::new(client)));
        self.tell_client(node, client::Input::Start)
    }

    fn arrive(&mut self, envelope: Envelope, sent: Time) -> Result<(), Problem> {
        let now = self.now;
        let fate = match self.treatment(&envelope) {
            Some(place) => self.fate_of(place),
            None if self.seat(envelope.to).host.worker.is_some() => Fate::Arrived,
            None => Fate::Nobody,
        };
        self.record_frame(&envelope, (sent, now), fate);
        let seat = self.seat(envelope.to);
        if seat.host.worker.is_some() && (seat.host.paused(now).is_some() || !seat.inbox.is_empty()) {
            seat.inbox.push_back(envelope);
            return Ok(());
        }
        self.receive(envelope)
    }

    fn receive(&mut self, envelope: Envelope) -> Result<(), Problem> {
        match self.treatment(&envelope) {
            Some(place) => self.treat(place, envelope),
            None => self.take(envelope),
        }
    }

    pub(super) fn take(&mut self, envelope: Envelope) -> Result<(), Problem> {
        let (from, to) = (envelope.from, envelope.to);
        let incarnation = self.seat(from).host.incarnation;
        let row = Row::frame(self.now, &envelope, incarnation);
        match &self.seat(to).host.worker {
            None => {
                self.trace.push(Row { kind: Kind::Lost, ..row });
                if envelope.frame != Frame::Reset {
                    // The host is there, the process is not.
                    let reset = Envelope { from: to, to: from, connection: envelope.connection, frame: Frame::Reset };
                    self.send(reset);
                }
                Ok(())
            }
            Some(Machinery::Broker(_)) => {
                self.trace.push(row);
                self.tell_broker(envelope)
            }
            Some(Machinery::Client(_)) => {
                self.trace.push(row);
                self.tell_client(to, client::Input::Envelope(envelope))
            }
        }
    }

    fn tell_broker(&mut self, envelope: Envelope) -> Result<(), Problem> {
        let now = self.now;
        if let Some(Machinery::Broker(broker)) = &mut self.seat(Node::BROKER).host.worker {
            broker.handle(now, envelope);
            broker.check()?;
        }
        self.drain_broker()
    }

    fn tell_client(&mut self, node: Node, input: client::Input) -> Result<(), Problem> {
        let now = self.now;
        if let Some(Machinery::Client(client)) = &mut self.seat(node).host.worker {
            client.handle(now, input);
        }
        self.drain_client(node)
    }

    pub(super) fn drain_broker(&mut self) -> Result<(), Problem> {
        loop {
            let Some(Machinery::Broker(broker)) = &mut self.seat(Node::BROKER).host.worker else { return Ok(()) };
            let Some(envelope) = broker.poll() else { break };
            if let Frame::Deliver(delivery) = &envelope.frame {
                self.books.delivers(delivery)?;
            }
            self.send(envelope);
        }
        self.keep();
        self.rearm(Node::BROKER);
        self.watch_broker();
        Ok(())
    }

    fn drain_client(&mut self, node: Node) -> Result<(), Problem> {
        loop {
            let Some(Machinery::Client(client)) = &mut self.seat(node).host.worker else { return Ok(()) };
            match client.poll() {
                None => break,
                Some(client::Output::Send(envelope)) => {
                    if let Frame::Open { .. } = envelope.frame {
                        self.seat(node).connection = envelope.connection;
                        self.wires.forget(node);
                    }
                    self.send(envelope);
                }
                Some(client::Output::Work(span)) => self.work(node, span),
                Some(client::Output::Note(note)) => {
                    let group = self.seat(node).group;
                    self.watch_note(node, &note);
                    self.books.note(self.now, node, group, note);
                }
                Some(client::Output::Crash) => {
                    self.watch_say(|name| format!("{name} crashed on a message."), node);
                    self.kill(node);
                    return Ok(());
                }
            }
        }
        self.watch_client(node);
        self.rearm(node);
        Ok(())
    }

    pub(super) fn send(&mut self, envelope: Envelope) {
        let (wire, carried) = self.wires.send(self.now, &envelope);
        self.carried(wire, envelope, carried);
    }

    fn again(&mut self, wire: WireId) {
        while let Some((envelope, carried)) = self.wires.again(self.now, wire) {
            let stalls = matches!(carried, Carried::Stalls { .. });
            self.carried(wire, envelope, carried);
            if stalls {
                return;
            }
        }
    }

    fn carried(&mut self, wire: WireId, envelope: Envelope, carried: Carried) {
        let incarnation = self.seat(envelope.from).host.incarnation;
        match carried {
            Carried::Arrives { at, twice } => {
                if twice {
                    let row = Row::frame(self.now, &envelope, incarnation);
                    self.trace.push(Row { kind: Kind::Repeated, ..row });
                }
                self.watch_flight(&envelope, at);
                if let (Some(recorder), Frame::Deliver(delivery)) = (&mut self.recorder, &envelope.frame) {
                    let key = (envelope.to, envelope.connection, delivery.tag);
                    recorder.delivered.insert(key, delivery.message.id);
                }
                let sent = self.now;
                self.queue.push(at, Event::Arrive { envelope, sent });
            }
            Carried::Stalls { again } => {
                if let Some(Again { at, lost }) = again {
                    self.record_frame(&envelope, (self.now, lost), Fate::Lost);
                    let row = Row::frame(self.now, &envelope, incarnation);
                    self.trace.push(Row { kind: Kind::Stalled, ..row });
                    self.queue.push(at, Event::Again(wire));
                }
            }
        }
    }

    fn record_frame(&mut self, envelope: &Envelope, when: (Time, Time), fate: Fate) {
        let incarnation = self.seat(envelope.from).host.incarnation;
        if let Some(recorder) = &mut self.recorder {
            recorder.note_frame(envelope, incarnation, when, fate);
        }
    }

    fn work(&mut self, node: Node, span: Span) {
        let (now, incarnation) = (self.now, self.seat(node).host.incarnation);
        self.trace.push(Row { bytes: span.0, ..Row::of(now, Kind::Working, node, incarnation) });
        self.seat(node).host.computing = Some(Computing::new((), span, now));
        self.plan_end(node);
    }

    /// From here on only this plan for the end of the node's work counts.
    fn plan_end(&mut self, node: Node) {
        let host = &mut self.seat(node).host;
        host.plan += 1;
        if let Some(at) = host.ends_at() {
            let plan = host.plan;
            self.queue.push(at, Event::Worked { node, plan });
        }
    }

    fn worked(&mut self, node: Node, plan: u64) -> Result<(), Problem> {
        let host = &mut self.seat(node).host;
        if host.plan != plan || host.computing.take().is_none() {
            return Ok(());
        }
        let row = Row::of(self.now, Kind::Worked, node, self.seat(node).host.incarnation);
        self.trace.push(row);
        self.tell_client(node, client::Input::Worked)
    }

    fn wake(&mut self, node: Node) -> Result<(), Problem> {
        let now = self.now;
        let seat = self.seat(node);
        if seat.host.timer.is_none_or(|at| at > now) {
            return Ok(());
        }
        if let Some(until) = seat.host.paused(now) {
            seat.host.timer = None;
            self.arm(node, until);
            return Ok(());
        }
        seat.host.timer = None;
        let incarnation = seat.host.incarnation;
        let due = seat.host.worker.as_ref().and_then(Machinery::next_wake).is_some_and(|at| at <= now);
        if !due {
            self.rearm(node);
            return Ok(());
        }
        match &mut seat.host.worker {
            Some(Machinery::Broker(broker)) => {
                broker.wake(now);
                broker.check()?;
            }
            Some(Machinery::Client(client)) => client.wake(now),
            None => {}
        }
        self.trace.push(Row::of(now, Kind::Woke, node, incarnation));
        if node == Node::BROKER { self.drain_broker() } else { self.drain_client(node) }
    }

    /// The node's one timer, for when its machine wants to be woken next.
    fn rearm(&mut self, node: Node) {
        let now = self.now;
        if let Some(at) = self.seat(node).host.worker.as_ref().and_then(Machinery::next_wake) {
            self.arm(node, at.max(now));
        }
    }

    fn arm(&mut self, node: Node, at: Time) {
        let host = &mut self.seat(node).host;
        if host.timer.is_none_or(|timer| timer > at) {
            host.timer = Some(at);
            self.queue.push_timer(at, u32::from(node.0), Event::Wake(node));
        }
    }

    fn begin(&mut self, effect: Effect<Node>) -> Result<(), Problem> {
        let at = match &effect {
            Effect::Slow { node, .. } | Effect::Pause { node, .. } | Effect::Kill(node) => *node,
            Effect::RestartCoordinator | Effect::Edge(_) | Effect::Partition { .. } | Effect::Message(_) => Node::BROKER,
        };
        self.trace.push(Row::of(self.now, Kind::Fault, at, 0));
        self.watch_fault(&effect);
        let until = |span: Option<Span>| span.map_or(Time::NEVER, |span| self.now + span);
        match effect {
            Effect::Kill(node) => self.kill(node),
            Effect::Slow { node, factor, span } => {
                let until = until(span);
                self.change(node, |seat| seat.host.slow(until, factor));
                if span.is_some() {
                    self.queue.push(until, Event::Over(node));
                }
            }
            Effect::Pause { node, span } => {
                let until = self.now + span;
                self.change(node, |seat| seat.host.pause(until));
                self.queue.push(until, Event::Over(node));
            }
            Effect::Edge(fault) => {
                let until = until(fault.span);
                self.wires.disturb(until, fault);
            }
            Effect::Partition { groups, span } => {
                let until = until(span);
                self.wires.divide(until, groups);
            }
            // A bus has no coordinator; what is done to one message is done where it arrives.
            Effect::RestartCoordinator | Effect::Message(_) => {}
        }
        Ok(())
    }

    fn over(&mut self, node: Node) -> Result<(), Problem> {
        let incarnation = self.seat(node).host.incarnation;
        self.trace.push(Row::of(self.now, Kind::Over, node, incarnation));
        self.change(node, |_| {});
        let now = self.now;
        while self.seat(node).host.paused(now).is_none()
            && let Some(envelope) = self.seat(node).inbox.pop_front()
        {
            self.receive(envelope)?;
        }
        Ok(())
    }

    fn change(&mut self, node: Node, change: impl FnOnce(&mut Seat)) {
        let now = self.now;
        let seat = self.seat(node);
        change(seat);
        seat.host.reconsider(now);
        if seat.host.computing.is_some() {
            self.plan_end(node);
        }
    }

    /// The node's state is gone. Its host closes its connections, and starts it again after a while.
    fn kill(&mut self, node: Node) {
        let (now, respawn) = (self.now, self.spec.respawn);
        let seat = self.seat(node);
        let Some(machine) = seat.host.worker.take() else { return };
        let incarnation = seat.host.incarnation;
        seat.host.incarnation += 1;
        seat.host.computing = None;
        seat.host.plan += 1;
        seat.inbox.clear();
        self.trace.push(Row::of(now, Kind::Killed, node, incarnation));
        match machine {
            Machinery::Broker(broker) => {
                self.disk.interrupt();
                self.books.bury_broker(&broker.counts(), &self.disk.store);
                for client in 1..self.hosts.len() as u16 {
                    self.reset(Node::BROKER, Node(client));
                }
            }
            Machinery::Client(client) => {
                self.seat(node).made = client.made();
                let group = self.seat(node).group;
                self.books.bury_client(group, client.holding().len() as u64);
                self.wires.forget(node);
                self.reset(node, Node::BROKER);
            }
        }
        self.watch_client(node);
        if node == Node::BROKER {
            self.watch_broker();
        }
        if let Some(span) = respawn {
            self.queue.push(now + span, Event::Spawn(node));
        }
    }

    fn reset(&mut self, from: Node, to: Node) {
        let connection = self.seat(if from == Node::BROKER { to } else { from }).connection;
        if connection != 0 {
            self.send(Envelope { from, to, connection, frame: Frame::Reset });
        }
    }
}

impl Machinery {
    fn next_wake(&self) -> Option<Time> {
        match self {
            Machinery::Broker(broker) => broker.next_wake(),
            Machinery::Client(client) => client.next_wake(),
        }
    }
}
