//! A simulated run that somebody watches and touches while it goes on: virtual time tied to the clock on the wall.
//!
//! It is a [`Machine`] whose `now` is real time. Events happen when virtual time reaches them; virtual time goes [`Speed`] times as
//! fast as real time, stands still while it is paused, and goes from event to event when it is stepped. What a machine cannot keep
//! up with, and what it sleeps through, makes virtual time late and changes nothing else: the trace of a run depends on its spec, its
//! seed and the virtual moments of the faults that were wished for, never on the clock. So a kill at a moment leaves the trace of
//! the same experiment with that kill among its faults.
//!
//! Virtual time can be gone to, back and ahead, also when the run has ended: from the nearest of the keyframes the run happens
//! again. What happened is the same again, for nothing but the spec and the wished faults makes a difference; a wish in the past makes
//! another future.
//!
//! Before a message that a breakpoint waits for it stands still, unless it is on its way to a moment that somebody wants to see. That makes no
//! difference to what happens either. What is done to that message is a fault like the others.
//!
//! Frames are made by the clock on the wall, at most one in [`FRAME_TICK`], whatever the pace.

mod course;
mod keyframes;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub(super) use self::course::NO_BREAKPOINTS;
pub use self::course::{BusCourse, Course};
use self::keyframes::Keyframes;
use super::Simulated;
use super::board::FRAME_TICK;
use super::run::{RunSpec, Watch};
use super::state_hash::state_hash;
use crate::batch::Source;
use crate::experiment::BusExperiment;
use crate::fault::{Effect, Fault, Moment};
use crate::limits::{FAULTS_MAX, SPEED_MAX, SPEED_MIN};
use crate::machine::Machine;
use crate::sim::messaging::{Breaks, BusSimulation, BusSpec};
use crate::sim::{SimSpec, Simulation};
use crate::time::{Span, Time};
use crate::wire::{About, Breakpoint, DataHeader, Frame, Halt, Pace, Speed, Stride};

/// While virtual time goes, a frame tells it at least this often.
pub const CLOCK_TICK: Span = Span::millis(100);

/// A driver that comes later than this was asleep or overwhelmed; virtual time does not leap over what it missed.
pub const LAG_MAX: Span = Span::millis(250);

/// Events that happen before the driver is let go, so that it can hear a word in between.
const EVENTS_AT_ONCE: usize = 64;

/// The same on the way to where somebody wants to be.
const EVENTS_AT_ONCE_ON_THE_WAY: usize = 1_024;

/// How long before the messages that are wanted the run happens again: a delivery is settled within this, as a rule.
const DELIVERY_SPAN: Span = Span::seconds(1);

/// Bytes of a part of a trace, more or less.
const TRACE_PART_BYTES: usize = 1 << 20;

/// Later than any event.
const LATEST: Time = Time(u64::MAX);

/// What happens to a paced simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Pause,
    Resume,
    Speed(Speed),
    /// Pauses it, if it is not paused, and lets one thing happen.
    Step(Stride),
    /// Pauses it and goes to this virtual moment.
    Seek(Time),
    /// Somebody's wish, at this virtual moment.
    Fault(Effect),
    /// From now on it stands still before messages that these wait for.
    Breakpoints(Vec<Breakpoint>),
    /// The client is new: the next frame holds everything.
    Repeat,
    /// The trace of the run as far as it has come, for an export of this number.
    Trace(u32),
    /// The messages between nodes in this stretch of time, as far as the run has come, for a question of this number; or of those only what
    /// is about this. A later question of either kind takes the place of one that is not answered yet.
    Messages {
        id: u32,
        from: Time,
        to: Time,
        about: Option<About>,
    },
}

/// What its driver is to pass on.
#[derive(Debug)]
pub enum Output {
    Frame(Box<Frame>),
    /// A part of the trace that was asked for, or all the messages, with its [`DataHeader`].
    Trace(Vec<u8>),
    /// It has come to its end, for the first time since it began or since the last wish. It can still go back. An error is a sentence
    /// for the user, and nothing comes after it.
    Ended(Result<Box<Simulated>, String>),
}

/// See the module.
pub struct Paced<C = Simulation> {
    simulation: C,
    keyframes: Keyframes<C>,
    speed: Speed,
    paused: bool,
    /// Where it stands still by itself.
    breaks: Breaks,
    /// How many events had happened when it was let go on: it does not stand still before the next one, whatever that is.
    let_go: Option<u64>,
    /// Where it goes as fast as it can, though it is paused.
    goal: Option<Goal>,
    /// A moment of the clock on the wall, and the virtual one that belonged to it.
    anchor: (Time, Time),
    /// The clock on the wall when it was last told.
    heard: Time,
    /// The present virtual moment: all events up to it have happened.
    moment: Time,
    /// The latest moment that this history was seen at.
    reached: Time,
    /// When this history ends, once it has been there.
    end: Option<Time>,
    /// What somebody wished for, as items of an experiment's `faults`.
    wished: Vec<String>,
    /// A rule was broken, or the run failed: there is nothing to go on with.
    broken: bool,
    /// A frame is wanted, even though nothing has happened.
    wanted: bool,
    /// Somebody came here by a step or a leap.
    chosen: bool,
    last_frame: Option<Time>,
    /// Traces that are wanted.
    tracings: VecDeque<Tracing<C>>,
    looking: VecDeque<Looking<C>>,
    outputs: VecDeque<Output>,
}

/// A run that happens once more for its trace.
struct Tracing<C> {
    simulation: C,
    /// The last moment that belongs to it.
    until: Time,
    /// Of the next part.
    header: DataHeader,
    lines: Vec<u8>,
}

/// A run that happens once more for the messages in it.
struct Looking<C> {
    simulation: C,
    until: Time,
    header: DataHeader,
    about: Option<About>,
}

/// Where somebody wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// At this moment, everything in it included.
    Moment(Time),
    /// Where more than so many faults have begun.
    Fault(u32),
}

/// Whether there can be such a pace; if not, a sentence for the user.
pub fn check_speed(speed: Speed) -> Result<(), String> {
    match speed {
        Speed::Times(times) if !(SPEED_MIN..=SPEED_MAX).contains(&times) => Err(format!(
            "virtual time goes {SPEED_MIN} to {SPEED_MAX} times as fast as real time, or at `max`; not {times} times"
        )),
        _ => Ok(()),
    }
}

/// The first moment behind this one that is written with three digits or in whole milliseconds: what is wished for becomes a line of a text,
/// and nobody who presses a button means a microsecond.
fn next_round(moment: Time) -> Time {
    const STEP_MICROS_MAX: u64 = 1_000;
    let next = moment.0.saturating_add(1);
    let step = 10u64.pow(next.ilog10().saturating_sub(2)).min(STEP_MICROS_MAX);
    Time(next.div_ceil(step).saturating_mul(step))
}

impl Paced {
    /// A batch that begins at `now` by the clock on the wall.
    pub fn new(run: RunSpec, seed: u64, source: Box<dyn Source>, speed: Speed, now: Time) -> Paced {
        let run = RunSpec { watch: Watch::Looks, ..run };
        Paced::of(Simulation::new(SimSpec { run, seed, keeps_rows: false }, source), Breaks::default(), speed, now)
    }
}

impl Paced<BusCourse> {
    /// The same of a bus. Breakpoints that it cannot have are passed over.
    pub fn of_bus(
        run: u32,
        experiment: &BusExperiment,
        seed: u64,
        breakpoints: &[Breakpoint],
        speed: Speed,
        now: Time,
    ) -> Paced<BusCourse> {
        let simulation = BusSimulation::new(BusSpec::of(experiment, seed)).watched(run);
        let breaks = Breaks::fitting(&experiment.bus, breakpoints);
        Paced::of(BusCourse::new(simulation, experiment.expect.clone()), breaks, speed, now)
    }
}

impl<C: Course> Paced<C> {
    fn of(simulation: C, breaks: Breaks, speed: Speed, now: Time) -> Paced<C> {
        let mut paced = Paced {
            keyframes: Keyframes::new(simulation.clone()),
            simulation,
            speed,
            paused: false,
            breaks,
            let_go: None,
            goal: None,
            anchor: (now, Time::ZERO),
            heard: now,
            moment: Time::ZERO,
            reached: Time::ZERO,
            end: None,
            wished: Vec::new(),
            broken: false,
            wanted: true,
            chosen: false,
            last_frame: None,
            tracings: VecDeque::new(),
            looking: VecDeque::new(),
            outputs: VecDeque::new(),
        };
        paced.wake(now);
        paced
    }

    /// Virtual time since the run began.
    pub fn moment(&self) -> Time {
        self.moment
    }

    /// Whether it is where it was asked to go, if it was.
    pub fn has_arrived(&self) -> bool {
        self.goal.is_none()
    }

    /// The hash of everything that is to be seen at this moment.
    pub fn state_hash(&self) -> String {
        state_hash(&self.simulation.whole())
    }

    /// Lets everything happen that is due, as far as it fits in one go.
    fn advance(&mut self, now: Time) {
        let slept = now.since(self.heard);
        if slept > LAG_MAX {
            self.anchor.0 = self.anchor.0 + Span(slept.0 - LAG_MAX.0);
        }
        self.heard = now;
        if self.goal.is_some() {
            return self.approach(EVENTS_AT_ONCE_ON_THE_WAY);
        }
        if self.paused || !self.goes_on() {
            return;
        }
        let until = match self.speed {
            Speed::Times(times) => self.anchor.1 + now.since(self.anchor.0).scaled(times),
            Speed::Max => LATEST,
        };
        for _ in 0..EVENTS_AT_ONCE {
            if self.stands_before(until) {
                return;
            }
            let happened = self.one(until);
            if !happened {
                self.pass(until);
            }
            if !happened || !self.goes_on() {
                return;
            }
        }
        // There is more than can be done at once: from here on, at the same pace.
        self.anchor = (now, self.moment);
    }

    /// Whether anything can still happen from here.
    fn goes_on(&self) -> bool {
        !self.broken && !self.simulation.has_ended()
    }

    /// The next event. `false` if it is not due by `until`.
    fn one(&mut self, until: Time) -> bool {
        match self.simulation.step_by(until) {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => {
                self.fail(error);
                return true;
            }
        }
        self.moment = self.simulation.now();
        self.reached = self.reached.max(self.moment);
        self.keyframes.consider(&self.simulation);
        self.look_for_the_end();
        true
    }

    /// The message that a breakpoint waits for, if it arrives next and nobody has let it through.
    fn halt(&self) -> Option<Halt> {
        if self.breaks.is_empty() || self.let_go == Some(self.simulation.events()) || self.broken {
            return None;
        }
        self.simulation.halts(&self.breaks)
    }

    /// Whether the next event, if it is due by `until`, is one that it stands still before; it does so then.
    fn stands_before(&mut self, until: Time) -> bool {
        if self.breaks.is_empty() || self.simulation.next_at().is_none_or(|at| at > until) {
            return false;
        }
        let Some(halt) = self.halt() else { return false };
        // Of the moment at which it arrives nothing has happened, if that can be.
        self.pass(Time(halt.at.0.saturating_sub(1)));
        (self.paused, self.goal, self.wanted, self.chosen) = (true, None, true, true);
        true
    }

    /// Time goes by without an event.
    fn pass(&mut self, until: Time) {
        self.simulation.pass(until);
        self.moment = self.simulation.now();
        self.reached = self.reached.max(self.moment);
    }

    fn step(&mut self, by: Stride) {
        let (hash, done) = (self.simulation.trace_hash(), self.simulation.done());
        if by == Stride::Fault {
            self.goal = Some(Goal::Fault(self.simulation.faults()));
            return self.approach(EVENTS_AT_ONCE_ON_THE_WAY);
        }
        while self.goes_on() && !self.stands_before(LATEST) {
            self.one(LATEST);
            let arrived = match by {
                Stride::Event => self.simulation.trace_hash() != hash,
                Stride::Task => self.simulation.done() != done,
                Stride::Fault => true,
            };
            if arrived {
                return;
            }
        }
    }

    /// Goes to a moment: at once where the run has been before, and otherwise as fast as it can.
    fn seek(&mut self, to: Time) {
        let to = self.end.map_or(to, |end| to.min(end));
        let nearest = self.keyframes.nearest(to);
        if to < self.moment || nearest.now() > self.moment {
            self.simulation = nearest.clone();
            self.simulation.repeat();
            self.moment = self.simulation.now();
        }
        self.goal = Some(Goal::Moment(to));
        self.approach(if to <= self.reached { usize::MAX } else { EVENTS_AT_ONCE_ON_THE_WAY });
    }

    /// So many events, as long as it has not arrived.
    fn approach(&mut self, events: usize) {
        for _ in 0..events {
            let arrived = match self.goal {
                _ if !self.goes_on() => true,
                None => true,
                Some(Goal::Fault(before)) => {
                    let stands = self.stands_before(LATEST);
                    stands || {
                        self.one(LATEST);
                        self.simulation.faults() > before
                    }
                }
                Some(Goal::Moment(at)) => {
                    let happened = self.one(at);
                    if !happened {
                        self.pass(at);
                    }
                    !happened
                }
            };
            if arrived {
                (self.goal, self.wanted, self.chosen) = (None, true, true);
                return;
            }
        }
    }

    /// A fault of an experiment at some moment comes before everything else in it; so this one comes at a moment of which nothing has
    /// happened yet, the [next round one](next_round); what is done to one message, where that arrives. From there on the run has
    /// another future.
    fn fault(&mut self, effect: Effect) {
        if !self.goes_on() || self.goal.is_some() || self.wished.len() >= FAULTS_MAX {
            return;
        }
        let at = match effect {
            Effect::Message(_) => self.simulation.next_at().unwrap_or_else(|| next_round(self.moment)),
            _ => next_round(self.moment),
        };
        let fault = Fault { at: Moment::Time(at), effect };
        (self.end, self.reached) = (None, self.moment);
        let planned = self.keyframes.plan(at, &fault).and_then(|()| self.simulation.plan(&fault));
        if let Err(error) = planned {
            return self.fail(error);
        }
        self.wished.push(self.simulation.item(&fault));
        self.chosen = self.paused;
        while self.goes_on() && self.simulation.awaits_fault(at) && self.one(at) {}
    }

    fn break_at(&mut self, breakpoints: &[Breakpoint]) {
        // Whoever asks has been told what is wrong with them.
        self.breaks = self.simulation.breaks(breakpoints).unwrap_or_default();
    }

    fn trace(&mut self, id: u32) {
        let mut simulation = self.keyframes.first().clone();
        simulation.keep_rows();
        let header = DataHeader { run: simulation.whole().run, id, index: 0, last: false };
        self.tracings.push_back(Tracing { simulation, until: self.reached, header, lines: Vec::new() });
    }

    /// A turn's worth of the first trace that is wanted.
    fn go_on_tracing(&mut self) {
        let Some(tracing) = self.tracings.front_mut() else { return };
        for _ in 0..EVENTS_AT_ONCE_ON_THE_WAY {
            let goes_on = !tracing.simulation.has_ended() && tracing.simulation.step_by(tracing.until) == Ok(true);
            tracing.simulation.take_lines(&mut tracing.lines);
            if !goes_on || tracing.lines.len() >= TRACE_PART_BYTES {
                let header = DataHeader { last: !goes_on, ..tracing.header };
                tracing.header.index += 1;
                let part = [&header.to_bytes()[..], &std::mem::take(&mut tracing.lines)].concat();
                self.outputs.push_back(Output::Trace(part));
            }
            if !goes_on {
                self.tracings.pop_front();
                return;
            }
        }
    }

    fn look_for_messages(&mut self, id: u32, (from, to): (Time, Time), about: Option<About>) {
        // Frames name a message by its delivery, so that is to be seen, too.
        let mut simulation = self.keyframes.nearest(Time(from.0.saturating_sub(DELIVERY_SPAN.0))).clone();
        simulation.record(from, to, about);
        let header = DataHeader { run: simulation.whole().run, id, index: 0, last: true };
        // Another question of the same kind is no longer of interest.
        self.looking.retain(|other| other.about.is_some() != about.is_some());
        self.looking.push_back(Looking { simulation, until: to.min(self.moment), header, about });
    }

    /// A turn's worth of it.
    fn go_on_looking(&mut self) {
        let Some(looking) = self.looking.front_mut() else { return };
        for _ in 0..EVENTS_AT_ONCE_ON_THE_WAY {
            if looking.simulation.step_by(looking.until) != Ok(true) {
                looking.simulation.pass(looking.until);
                let messages = serde_json::to_vec(&looking.simulation.recorded())
                    .expect("messages have string keys and are written to memory");
                self.outputs.push_back(Output::Trace([&looking.header.to_bytes()[..], &messages].concat()));
                self.looking.pop_front();
                return;
            }
        }
    }

    fn look_for_the_end(&mut self) {
        if !self.simulation.has_ended() {
            return;
        }
        self.paused = true;
        if self.end.replace(self.moment).is_none() {
            let frame = self.simulation.look();
            let frame = self.told(frame);
            let ended = self.simulation.outcome(frame).map(Box::new);
            self.broken = ended.is_err();
            self.outputs.push_back(Output::Ended(ended));
        }
        (self.wanted, self.chosen) = (true, true);
    }

    fn fail(&mut self, reason: String) {
        self.broken = true;
        self.outputs.push_back(Output::Ended(Err(reason)));
    }

    /// Says how things stand, if there is anything to say and the last frame is a tick ago.
    fn tell(&mut self, now: Time) {
        if self.next_frame().is_none_or(|at| now < at) {
            return;
        }
        let frame = self.simulation.look();
        let frame = self.told(frame);
        self.outputs.push_back(Output::Frame(Box::new(frame)));
        (self.wanted, self.chosen, self.last_frame) = (false, false, Some(now));
    }

    fn told(&self, frame: Frame) -> Frame {
        let Paced { speed, paused, reached, end, .. } = *self;
        let state_hash = self.chosen.then(|| self.state_hash());
        let wished = self.wished.clone();
        let halt = if paused && self.goal.is_none() { self.halt().map(Box::new) } else { None };
        Frame { now: self.moment, pace: Some(Pace { speed, paused, reached, end, wished, state_hash, halt }), ..frame }
    }

    fn next_frame(&self) -> Option<Time> {
        let Some(last) = self.last_frame else { return Some(self.heard) };
        if self.broken {
            return None;
        }
        match self.wanted || self.simulation.has_news() {
            true => Some(last + FRAME_TICK),
            false => (!self.paused && self.goes_on()).then(|| last + CLOCK_TICK),
        }
    }

    /// When the clock on the wall says that the next event is due.
    fn next_event(&self) -> Option<Time> {
        if self.goal.is_some() && self.goes_on() {
            return Some(self.heard);
        }
        let at = self.simulation.next_at().filter(|_| !self.paused && !self.broken)?;
        match self.speed {
            Speed::Times(times) => Some(self.anchor.0 + Span((at.since(self.anchor.1).0 as f64 / times).ceil() as u64)),
            Speed::Max => Some(self.heard),
        }
    }
}

impl<C: Course> Machine for Paced<C> {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        self.advance(now);
        match input {
            Input::Trace(id) => return self.trace(id),
            Input::Messages { id, from, to, about } => return self.look_for_messages(id, (from, to), about),
            _ => {}
        }
        if self.broken {
            return;
        }
        match input {
            Input::Pause => (self.paused, self.goal, self.let_go) = (true, None, None),
            // At the end there is nothing to go on with.
            Input::Resume => {
                (self.paused, self.goal) = (!self.goes_on(), None);
                self.let_go = Some(self.simulation.events());
            }
            Input::Speed(speed) => self.speed = speed,
            Input::Step(by) => {
                (self.paused, self.goal, self.chosen) = (true, None, true);
                self.let_go = Some(self.simulation.events());
                self.step(by);
            }
            Input::Seek(to) => {
                (self.paused, self.goal, self.let_go) = (true, None, None);
                self.seek(to);
            }
            Input::Fault(effect) => self.fault(effect),
            Input::Breakpoints(breakpoints) => self.break_at(&breakpoints),
            Input::Repeat => self.simulation.repeat(),
            // Heard above, since what is broken has a trace, too.
            Input::Trace(_) | Input::Messages { .. } => {}
        }
        self.anchor = (now, self.moment);
        self.wanted = true;
        self.tell(now);
    }

    fn wake(&mut self, now: Time) {
        self.advance(now);
        self.go_on_tracing();
        self.go_on_looking();
        self.tell(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        if !self.tracings.is_empty() || !self.looking.is_empty() {
            return Some(self.heard);
        }
        if self.broken {
            return None;
        }
        self.next_event().into_iter().chain(self.next_frame()).min()
    }
}
