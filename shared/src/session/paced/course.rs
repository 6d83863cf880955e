//! What a run in virtual time must be able to do to be gone through by the clock: the same for a batch and for a bus.

use crate::batch::Counters;
use crate::experiment::BusExpectation;
use crate::fault::text::item;
use crate::fault::{Effect, Fault};
use crate::messaging::Node;
use crate::session::{BusOutcome, Simulated, simulate};
use crate::sim::Simulation;
use crate::sim::messaging::{Breaks, BusSimulation};
use crate::time::Time;
use crate::wire::{About, Breakpoint, Frame, Halt, Messages, Tally};

/// Why a batch stands still nowhere.
pub(in crate::session) const NO_BREAKPOINTS: &str =
    "breakpoints are at the edges of a bus: only an experiment with `messaging` has them";

/// See the module. A clone is the same run at the same moment, and both go on by themselves. Errors are sentences for the user.
pub trait Course: Clone {
    /// Lets the next event happen, if it is due by `until`. `false` if none is, or if the run has ended before.
    fn step_by(&mut self, until: Time) -> Result<bool, String>;

    /// Time passes, up to `until` or to the moment before the next event.
    fn pass(&mut self, until: Time);

    /// When the next event is; `None` once the run has ended.
    fn next_at(&self) -> Option<Time>;

    fn now(&self) -> Time;

    /// How many events have happened.
    fn events(&self) -> u64;

    fn has_ended(&self) -> bool;

    fn trace_hash(&self) -> String;

    /// What changes with every task, or with every message that was worked on.
    fn done(&self) -> f64;

    /// How many faults have begun.
    fn faults(&self) -> u32;

    /// One more fault, at a moment that has not come.
    fn plan(&mut self, fault: &Fault) -> Result<(), String>;

    /// Whether a fault is still to come that is due at this moment of the run or before.
    fn awaits_fault(&self, until: Time) -> bool;

    /// A fault as an item of the experiment's `faults`.
    fn item(&self, fault: &Fault) -> String;

    /// Breakpoints that it can look for. An error is a sentence for the user.
    fn breaks(&self, breakpoints: &[Breakpoint]) -> Result<Breaks, String>;

    /// The message that one of them waits for, if it arrives with the next event.
    fn halts(&self, breaks: &Breaks) -> Option<Halt>;

    /// From its beginning on, which this is, the rows of its trace are kept.
    fn keep_rows(&mut self);

    /// Writes those since they were last taken, a line each.
    fn take_lines(&mut self, lines: &mut Vec<u8>);

    /// From now on the messages between nodes are written down that are under way in this stretch of time, or of those only what is about
    /// this.
    fn record(&mut self, from: Time, to: Time, about: Option<About>);

    /// Those messages, as far as the run has come.
    fn recorded(&mut self) -> Messages;

    /// Roughly how many things a clone has to copy beside those that it shares.
    fn size(&self) -> usize;

    /// The client is new: the next frame holds everything.
    fn repeat(&mut self);

    /// Everything that a client can see at this moment. Whether anybody looks changes nothing.
    fn whole(&self) -> Frame;

    /// Whether there is anything that no frame has told yet.
    fn has_news(&self) -> bool;

    /// A frame of this moment, with what has changed since the last one.
    fn look(&mut self) -> Frame;

    /// What it came to, if it has ended; `frame`: what of it no frame has told.
    fn outcome(&self, frame: Frame) -> Result<Simulated, String>;
}

impl Course for Simulation {
    fn step_by(&mut self, until: Time) -> Result<bool, String> {
        self.step_by(until).map_err(|error| error.to_string())
    }

    fn pass(&mut self, until: Time) {
        self.pass(until);
    }

    fn next_at(&self) -> Option<Time> {
        self.next_at()
    }

    fn now(&self) -> Time {
        self.now()
    }

    fn events(&self) -> u64 {
        self.events()
    }

    fn has_ended(&self) -> bool {
        self.end().is_some()
    }

    fn trace_hash(&self) -> String {
        self.trace_hash()
    }

    fn done(&self) -> f64 {
        self.progress()
    }

    fn faults(&self) -> u32 {
        self.faults()
    }

    fn plan(&mut self, fault: &Fault) -> Result<(), String> {
        self.plan(fault.clone()).map_err(|error| error.to_string())
    }

    fn awaits_fault(&self, until: Time) -> bool {
        self.awaits_fault(until)
    }

    fn item(&self, fault: &Fault) -> String {
        item(fault)
    }

    fn breaks(&self, breakpoints: &[Breakpoint]) -> Result<Breaks, String> {
        match breakpoints {
            [] => Ok(Breaks::default()),
            _ => Err(NO_BREAKPOINTS.to_owned()),
        }
    }

    fn halts(&self, _breaks: &Breaks) -> Option<Halt> {
        None
    }

    fn keep_rows(&mut self) {
        self.keep_trace_rows();
    }

    fn take_lines(&mut self, lines: &mut Vec<u8>) {
        for row in self.take_rows() {
            serde_json::to_writer(&mut *lines, &row).expect("a row has string keys and is written to memory");
            lines.push(b'\n');
        }
    }

    fn record(&mut self, from: Time, to: Time, about: Option<About>) {
        self.record(from, to, about);
    }

    fn recorded(&mut self) -> Messages {
        self.recorded()
    }

    fn size(&self) -> usize {
        self.size()
    }

    fn repeat(&mut self) {
        self.repeat();
    }

    fn whole(&self) -> Frame {
        self.whole()
    }

    fn has_news(&self) -> bool {
        self.has_news()
    }

    fn look(&mut self) -> Frame {
        self.look()
    }

    fn outcome(&self, frame: Frame) -> Result<Simulated, String> {
        simulate::ended(self, Some(frame))
    }
}

/// A bus, and what is expected of it.
#[derive(Clone)]
pub struct BusCourse {
    simulation: BusSimulation,
    expect: Vec<BusExpectation>,
}

impl BusCourse {
    pub fn new(simulation: BusSimulation, expect: Vec<BusExpectation>) -> BusCourse {
        BusCourse { simulation, expect }
    }
}

impl Course for BusCourse {
    fn step_by(&mut self, until: Time) -> Result<bool, String> {
        self.simulation.step_by(until).map_err(|error| error.to_string())
    }

    fn pass(&mut self, until: Time) {
        self.simulation.pass(until);
    }

    fn next_at(&self) -> Option<Time> {
        self.simulation.next_at()
    }

    fn now(&self) -> Time {
        self.simulation.now()
    }

    fn events(&self) -> u64 {
        self.simulation.events()
    }

    fn has_ended(&self) -> bool {
        self.simulation.has_ended()
    }

    fn trace_hash(&self) -> String {
        self.simulation.trace_hash()
    }

    fn done(&self) -> f64 {
        self.simulation.processed() as f64
    }

    fn faults(&self) -> u32 {
        self.simulation.faults()
    }

    fn plan(&mut self, fault: &Fault) -> Result<(), String> {
        self.simulation.plan(Fault { at: fault.at, effect: fault.effect.clone().map(Node::from) });
        Ok(())
    }

    fn awaits_fault(&self, until: Time) -> bool {
        self.simulation.awaits_fault(until)
    }

    fn item(&self, fault: &Fault) -> String {
        let effect: Effect<String> = fault.effect.clone().map(|id| self.simulation.name(id.into()));
        item(&Fault { at: fault.at, effect })
    }

    fn breaks(&self, breakpoints: &[Breakpoint]) -> Result<Breaks, String> {
        Breaks::of(self.simulation.bus(), breakpoints)
    }

    fn halts(&self, breaks: &Breaks) -> Option<Halt> {
        self.simulation.halts(breaks)
    }

    fn keep_rows(&mut self) {
        self.simulation.keep_trace_rows();
    }

    fn take_lines(&mut self, lines: &mut Vec<u8>) {
        for row in self.simulation.take_rows() {
            lines.extend_from_slice(row.as_json(|node| self.simulation.name(node)).to_string().as_bytes());
            lines.push(b'\n');
        }
    }

    fn record(&mut self, from: Time, to: Time, about: Option<About>) {
        self.simulation.record(from, to, about);
    }

    fn recorded(&mut self) -> Messages {
        self.simulation.recorded()
    }

    fn size(&self) -> usize {
        self.simulation.size()
    }

    fn repeat(&mut self) {
        self.simulation.repeat();
    }

    fn whole(&self) -> Frame {
        self.simulation.whole()
    }

    fn has_news(&self) -> bool {
        self.simulation.has_news()
    }

    fn look(&mut self) -> Frame {
        self.simulation.look()
    }

    fn outcome(&self, frame: Frame) -> Result<Simulated, String> {
        let (virtual_time, trace_hash) = (self.now(), self.trace_hash());
        // To add everything up takes it apart.
        let summary = self.simulation.clone().run().map_err(|error| error.to_string())?;
        let expectations = self.expect.iter().map(|expectation| summary.judge(expectation)).collect();
        let bus = Some(BusOutcome::new(summary, expectations));
        let (partitions, counters, tally) = (Vec::new(), Counters::default(), Tally::default());
        Ok(Simulated { frame, partitions, counters, tally, virtual_time, trace_hash, bus })
    }
}
