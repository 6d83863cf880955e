//! A simulated run that somebody watches and touches while it goes on: virtual time tied to the clock on the wall.
//!
//! It is a [`Machine`] whose `now` is real time. Events happen when virtual time reaches them; virtual time goes [`Speed`] times as
//! fast as real time, stands still while it is paused, and goes from event to event when it is stepped. What a machine cannot keep
//! up with, and what it sleeps through, makes virtual time late and changes nothing else: the trace of a run depends on its spec, its
//! seed and the virtual moments of the faults that were wished for, never on the clock. So a kill at a moment leaves the trace of
//! the same experiment with that kill among its faults.
//!
//! Frames are made by the clock on the wall, at most one in [`FRAME_TICK`], whatever the pace.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Simulated;
use super::board::FRAME_TICK;
use super::run::RunSpec;
use super::simulate::ended;
use crate::batch::Source;
use crate::fault::Effect;
use crate::limits::{SPEED_MAX, SPEED_MIN};
use crate::machine::Machine;
use crate::sim::{SimSpec, Simulation};
use crate::time::{Span, Time};
use crate::wire::{Frame, Pace, Speed, Stride};

/// While virtual time goes, a frame tells it at least this often.
pub const CLOCK_TICK: Span = Span::millis(100);

/// A driver that comes later than this was asleep or overwhelmed; virtual time does not leap over what it missed.
pub const LAG_MAX: Span = Span::millis(250);

/// Events that happen before the driver is let go, so that it can hear a word in between.
const EVENTS_AT_ONCE: usize = 64;

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
    /// Somebody's wish, at this virtual moment.
    Fault(Effect),
    /// The client is new: the next frame holds everything.
    Repeat,
}

/// What its driver is to pass on.
#[derive(Debug)]
pub enum Output {
    Frame(Box<Frame>),
    /// It is over; nothing comes after this. An error is a sentence for the user.
    Ended(Result<Box<Simulated>, String>),
}

/// See the module.
pub struct Paced {
    simulation: Simulation,
    speed: Speed,
    paused: bool,
    /// A moment of the clock on the wall, and the virtual one that belonged to it.
    anchor: (Time, Time),
    /// The clock on the wall when it was last told.
    heard: Time,
    /// The present virtual moment: all events up to it have happened.
    moment: Time,
    /// Frames that the simulation made by its own time, as one.
    waiting: Option<Frame>,
    /// A frame is wanted, even though nothing has happened.
    wanted: bool,
    last_frame: Option<Time>,
    ended: bool,
    outputs: VecDeque<Output>,
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

impl Paced {
    /// Begins at `now` by the clock on the wall.
    pub fn new(run: RunSpec, seed: u64, source: Box<dyn Source>, speed: Speed, now: Time) -> Paced {
        let simulation = Simulation::new(SimSpec { run, seed, keeps_rows: false }, source);
        let mut paced = Paced {
            simulation,
            speed,
            paused: false,
            anchor: (now, Time::ZERO),
            heard: now,
            moment: Time::ZERO,
            waiting: None,
            wanted: true,
            last_frame: None,
            ended: false,
            outputs: VecDeque::new(),
        };
        paced.wake(now);
        paced
    }

    /// Virtual time since the run began.
    pub fn moment(&self) -> Time {
        self.moment
    }

    /// Lets everything happen that is due, as far as it fits in one go.
    fn advance(&mut self, now: Time) {
        let slept = now.since(self.heard);
        if slept > LAG_MAX {
            self.anchor.0 = self.anchor.0 + Span(slept.0 - LAG_MAX.0);
        }
        self.heard = now;
        if self.paused || self.ended {
            return;
        }
        let until = match self.speed {
            Speed::Times(times) => self.anchor.1 + now.since(self.anchor.0).scaled(times),
            Speed::Max => LATEST,
        };
        for _ in 0..EVENTS_AT_ONCE {
            let happened = self.one(until);
            if !happened {
                self.simulation.pass(until);
                self.moment = self.simulation.now();
            }
            if !happened || self.ended {
                return;
            }
        }
        // There is more than can be done at once: from here on, at the same pace.
        self.anchor = (now, self.moment);
    }

    /// The next event. `false` if it is not due by `until`.
    fn one(&mut self, until: Time) -> bool {
        match self.simulation.step_by(until) {
            Ok(true) => self.moment = self.simulation.now(),
            Ok(false) => return false,
            Err(error) => self.end(Err(error.to_string())),
        }
        self.look_for_the_end();
        true
    }

    fn step(&mut self, by: Stride) {
        let (hash, progress) = (self.simulation.trace_hash(), self.simulation.progress());
        loop {
            self.one(LATEST);
            let arrived = match by {
                // Frames have timers too, but those are no events of the run.
                Stride::Event => self.simulation.trace_hash() != hash,
                Stride::Task => self.simulation.progress() != progress,
            };
            if arrived || self.ended {
                return;
            }
        }
    }

    /// A fault of an experiment at some moment comes before everything else in it; so this one comes before all of a moment of
    /// which nothing has happened yet.
    fn fault(&mut self, effect: Effect) {
        let begun = self.simulation.now() >= self.moment;
        self.simulation.pass(if begun { self.moment + Span::micros(1) } else { self.moment });
        self.moment = self.simulation.now();
        if let Err(error) = self.simulation.fault(effect) {
            return self.end(Err(error.to_string()));
        }
        self.look_for_the_end();
    }

    fn look_for_the_end(&mut self) {
        if self.simulation.end().is_some() && !self.ended {
            self.gather();
            let frame = self.waiting.take().map(|frame| self.told(frame));
            let ended = ended(&self.simulation, frame);
            self.end(ended.map(Box::new));
        }
    }

    fn end(&mut self, ended: Result<Box<Simulated>, String>) {
        self.ended = true;
        self.outputs.push_back(Output::Ended(ended));
    }

    /// The frames that the simulation has made.
    fn gather(&mut self) {
        while let Some(frame) = self.simulation.poll_frame() {
            self.merge(*frame);
        }
    }

    fn merge(&mut self, frame: Frame) {
        match &mut self.waiting {
            None => self.waiting = Some(frame),
            Some(waiting) => waiting.merge(frame),
        }
    }

    /// Says how things stand, if there is anything to say and the last frame is a tick ago.
    fn tell(&mut self, now: Time) {
        if self.ended || self.next_frame().is_none_or(|at| now < at) {
            return;
        }
        self.gather();
        let frame = self.simulation.look();
        self.merge(frame);
        if let Some(frame) = self.waiting.take() {
            let frame = self.told(frame);
            self.outputs.push_back(Output::Frame(Box::new(frame)));
        }
        (self.wanted, self.last_frame) = (false, Some(now));
    }

    fn told(&self, frame: Frame) -> Frame {
        Frame { now: self.moment, pace: Some(Pace { speed: self.speed, paused: self.paused }), ..frame }
    }

    fn next_frame(&self) -> Option<Time> {
        let Some(last) = self.last_frame else { return Some(self.heard) };
        let news = self.wanted || self.waiting.is_some() || self.simulation.has_news();
        match news {
            true => Some(last + FRAME_TICK),
            false => (!self.paused).then(|| last + CLOCK_TICK),
        }
    }

    /// When the clock on the wall says that the next event is due.
    fn next_event(&self) -> Option<Time> {
        let at = self.simulation.next_at().filter(|_| !self.paused)?;
        match self.speed {
            Speed::Times(times) => Some(self.anchor.0 + Span((at.since(self.anchor.1).0 as f64 / times).ceil() as u64)),
            Speed::Max => Some(self.heard),
        }
    }
}

impl Machine for Paced {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Time, input: Input) {
        self.advance(now);
        if self.ended {
            return;
        }
        match input {
            Input::Pause => self.paused = true,
            Input::Resume => self.paused = false,
            Input::Speed(speed) => self.speed = speed,
            Input::Step(by) => {
                self.paused = true;
                self.step(by);
            }
            Input::Fault(effect) => self.fault(effect),
            Input::Repeat => {
                if let Err(error) = self.simulation.repeat() {
                    self.end(Err(error.to_string()));
                }
            }
        }
        self.anchor = (now, self.moment);
        self.wanted = true;
        self.tell(now);
    }

    fn wake(&mut self, now: Time) {
        self.advance(now);
        self.gather();
        self.tell(now);
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_wake(&self) -> Option<Time> {
        if self.ended {
            return None;
        }
        self.next_event().into_iter().chain(self.next_frame()).min()
    }
}
