//! A bus in real time, in a time of the test's own: a conductor and the nodes that it wants, with frames that take a moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::id::Incarnation;
use shared::machine::Machine;
use shared::messaging::{Bus, Node};
use shared::rng::Rng;
use shared::session::real::{Conductor, ConductorSpec, Ended, Input, Life, LifeInput, LifeOutput, Output, Report};
use shared::time::{Span, Time};
use shared::wire::Frame;

/// How often a node reports.
const REPORT_EVERY: Span = Span::millis(20);

/// See the module.
pub struct Stage {
    bus: Arc<Bus>,
    now: Time,
    conductor: Conductor,
    lives: BTreeMap<Node, (Incarnation, Life, Time)>,
    /// What is on its way, by when it arrives and how much was sent before.
    mail: BTreeMap<(Time, u64), (Node, Incarnation, LifeInput)>,
    sent: u64,
    /// When the last frame between two nodes arrives, or a node's last report: none overtakes another.
    wires: BTreeMap<(Node, Option<Node>), Time>,
    /// Reports on their way; they arrive though their node has ended since.
    reports: BTreeMap<(Time, u64), Report>,
    rng: Rng,
    /// Microseconds that a frame is on its way, at most.
    pub wire_micros: u64,
    pub frames: Vec<Frame>,
    pub ended: Option<Result<Box<Ended>, String>>,
}

impl Stage {
    pub fn new(spec: ConductorSpec) -> Stage {
        let (bus, rng) = (spec.bus.clone(), Rng::new(spec.seed));
        let mut stage = Stage {
            bus,
            now: Time::ZERO,
            conductor: Conductor::new(spec),
            lives: BTreeMap::new(),
            mail: BTreeMap::new(),
            sent: 0,
            wires: BTreeMap::new(),
            reports: BTreeMap::new(),
            rng,
            wire_micros: 200,
            frames: Vec::new(),
            ended: None,
        };
        stage.say(Input::Start);
        stage
    }

    pub fn say(&mut self, input: Input) {
        self.conductor.handle(self.now, input);
        self.drain();
    }

    /// The place that a node lives in is gone, if it lives.
    pub fn lose(&mut self, node: Node) {
        if let Some((incarnation, _, _)) = self.lives.remove(&node) {
            self.say(Input::Lost { node, incarnation });
        }
    }

    /// Goes on until a moment, or to the end.
    pub fn go_to(&mut self, until: Time) {
        while self.ended.is_none() {
            let lives = self.lives.values().flat_map(|(_, life, report_at)| [life.next_wake(), Some(*report_at)]);
            let mail = self.mail.keys().next().map(|(at, _)| *at);
            let reports = self.reports.keys().next().map(|(at, _)| *at);
            let Some(at) = lives.chain([mail, reports, self.conductor.next_wake()]).flatten().min().filter(|at| *at <= until)
            else {
                break;
            };
            self.now = self.now.max(at);
            self.step();
        }
        self.now = self.now.max(until);
    }

    fn step(&mut self) {
        while let Some(entry) = self.reports.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let report = entry.remove();
            self.say(Input::Report(report));
        }
        if let Some(entry) = self.mail.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, incarnation, input) = entry.remove();
            if let Some((living, life, _)) = self.lives.get_mut(&to).filter(|(living, _, _)| *living == incarnation) {
                let _ = living;
                life.handle(self.now, input);
                self.carry_out(to);
            }
        }
        for node in self.lives.keys().copied().collect::<Vec<_>>() {
            let Some((_, life, report_at)) = self.lives.get_mut(&node) else { continue };
            if life.next_wake().is_some_and(|at| at <= self.now) {
                life.wake(self.now);
            }
            let due = *report_at <= self.now;
            if due {
                *report_at = self.now + REPORT_EVERY;
            }
            let report = if due { life.report(self.now) } else { None };
            self.carry_out(node);
            report.into_iter().for_each(|report| self.report(report));
        }
        if self.conductor.next_wake().is_some_and(|at| at <= self.now) {
            self.conductor.wake(self.now);
            self.drain();
        }
    }

    fn carry_out(&mut self, node: Node) {
        while let Some((incarnation, life, _)) = self.lives.get_mut(&node)
            && let Some(output) = life.poll()
        {
            let incarnation = *incarnation;
            match output {
                LifeOutput::Send(envelope) => self.send(node, envelope.to, LifeInput::Frame(envelope)),
                LifeOutput::Mark(to) => self.send(node, to, LifeInput::Mark(node)),
                LifeOutput::Report(report) => self.report(*report),
                LifeOutput::Crash => {
                    let report = self.lives.remove(&node).and_then(|(_, mut life, _)| life.report(self.now));
                    report.into_iter().for_each(|report| self.report(report));
                    self.say(Input::Down { node, incarnation });
                }
            }
        }
    }

    fn send(&mut self, from: Node, to: Node, input: LifeInput) {
        let Some((incarnation, _, _)) = self.lives.get(&to) else { return };
        let incarnation = *incarnation;
        let arrives = self.arrives(from, Some(to));
        self.mail.insert(arrives, (to, incarnation, input));
    }

    fn report(&mut self, report: Report) {
        let arrives = self.arrives(report.node, None);
        self.reports.insert(arrives, report);
    }

    fn arrives(&mut self, from: Node, to: Option<Node>) -> (Time, u64) {
        let wire = self.wires.entry((from, to)).or_default();
        let most = if to.is_some() { self.wire_micros } else { 20_000 };
        *wire = (self.now + Span::micros(20 + self.rng.bits() % most)).max(*wire);
        self.sent += 1;
        (*wire, self.sent)
    }

    fn drain(&mut self) {
        while let Some(output) = self.conductor.poll() {
            match output {
                Output::Spawn(birth) => {
                    let (node, incarnation) = (birth.node, birth.incarnation);
                    let mut life = Life::new(&self.bus, birth);
                    life.handle(self.now, LifeInput::Start);
                    self.lives.insert(node, (incarnation, life, self.now));
                    self.carry_out(node);
                }
                Output::End { node, incarnation } => {
                    assert_eq!(self.lives.remove(&node).map(|(living, _, _)| living), Some(incarnation));
                }
                Output::Tell { node, word } => {
                    if let Some((_, life, _)) = self.lives.get_mut(&node) {
                        life.handle(self.now, LifeInput::Word(word));
                        self.carry_out(node);
                    }
                }
                Output::Frame(frame) => self.frames.push(*frame),
                Output::Ended(ended) => self.ended = Some(ended),
            }
        }
    }
}
