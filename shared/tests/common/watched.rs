//! A simulation at a pace under a clock of the test's own.

use shared::batch::Memory;
use shared::experiment::BusExperiment;
use shared::machine::Machine;
use shared::session::Simulated;
use shared::session::board::FRAME_TICK;
use shared::session::paced::{BusCourse, Course, Input, Output, Paced};
use shared::session::run::{RunSpec, Watch};
use shared::sim::Simulation;
use shared::time::{Span, Time};
use shared::wire::{Breakpoint, Frame, Speed};

use super::Scenario;

/// The seed of all these runs.
pub const SEED: u64 = 7;

/// A job of a second and more of virtual time: kernels are slow here.
pub fn spec(scenario: &Scenario) -> RunSpec {
    RunSpec { watch: Watch::Frames, compute: 1_000, ..scenario.run_spec() }
}

/// Words, counted by three workers, in a hundred and more tasks.
pub fn words() -> Scenario {
    Scenario::calm(&"the mill turns and the river turns the mill\n".repeat(40), 90, 3, 3)
}

/// The input.
pub fn memory(scenario: &Scenario) -> Box<Memory> {
    Box::new(Memory(scenario.text.clone()))
}

/// A paced run under a clock of the test's own.
pub struct Watched<C = Simulation> {
    pub paced: Paced<C>,
    pub wall: Time,
    pub frames: Vec<(Time, Frame)>,
    pub ended: Option<Result<Box<Simulated>, String>>,
}

/// The clock's first moment.
const BEGIN: Time = Time(5_000_000);

impl Watched {
    pub fn new(scenario: &Scenario, speed: Speed) -> Watched {
        Watched::of(Paced::new(spec(scenario), SEED, memory(scenario), speed, BEGIN))
    }
}

impl Watched<BusCourse> {
    pub fn of_bus(experiment: &BusExperiment, speed: Speed) -> Watched<BusCourse> {
        Watched::of_broken(experiment, &[], speed)
    }

    /// With breakpoints from its beginning on.
    pub fn of_broken(experiment: &BusExperiment, breakpoints: &[Breakpoint], speed: Speed) -> Watched<BusCourse> {
        Watched::of(Paced::of_bus(1, experiment, SEED, breakpoints, speed, BEGIN))
    }
}

impl<C: Course> Watched<C> {
    fn of(paced: Paced<C>) -> Watched<C> {
        let mut watched = Watched { paced, wall: BEGIN, frames: Vec::new(), ended: None };
        watched.drain();
        watched
    }

    fn drain(&mut self) {
        while let Some(output) = self.paced.poll() {
            match output {
                Output::Frame(frame) => self.frames.push((self.wall, *frame)),
                Output::Trace(_) => {}
                Output::Ended(ended) => self.ended = Some(ended),
            }
        }
    }

    pub fn say(&mut self, word: Input) {
        self.paced.handle(self.wall, word);
        self.drain();
    }

    /// Wakes it when it wants to be woken, for so long.
    pub fn go(&mut self, span: Span) {
        let until = self.wall + span;
        while self.ended.is_none() && self.paced.next_wake().is_some_and(|at| at <= until) {
            self.wall = self.wall.max(self.paced.next_wake().unwrap());
            self.paced.wake(self.wall);
            self.drain();
        }
        self.wall = self.wall.max(until);
    }

    pub fn run_out(&mut self) -> Simulated {
        self.go(Span::seconds(100_000));
        *self.ended.take().expect("it has ended").expect("it has ended well")
    }

    pub fn arrive(&mut self) {
        while !self.paced.has_arrived() {
            self.go(FRAME_TICK);
        }
    }

    /// Goes there and says what is seen.
    pub fn seek(&mut self, to: Time) -> String {
        self.say(Input::Seek(to));
        self.arrive();
        assert_eq!(self.paced.moment(), to);
        self.paced.state_hash()
    }
}
