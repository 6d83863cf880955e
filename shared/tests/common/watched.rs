//! A simulation at a pace under a clock of the test's own.

use shared::batch::Memory;
use shared::machine::Machine;
use shared::session::Simulated;
use shared::session::paced::{Input, Output, Paced};
use shared::session::run::{RunSpec, Watch};
use shared::time::{Span, Time};
use shared::wire::{Frame, Speed};

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
pub struct Watched {
    pub paced: Paced,
    pub wall: Time,
    pub frames: Vec<(Time, Frame)>,
    pub ended: Option<Result<Box<Simulated>, String>>,
}

impl Watched {
    pub fn new(scenario: &Scenario, speed: Speed) -> Watched {
        let wall = Time(5_000_000);
        let paced = Paced::new(spec(scenario), SEED, memory(scenario), speed, wall);
        let mut watched = Watched { paced, wall, frames: Vec::new(), ended: None };
        watched.drain();
        watched
    }

    fn drain(&mut self) {
        while let Some(output) = self.paced.poll() {
            match output {
                Output::Frame(frame) => self.frames.push((self.wall, *frame)),
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
}
