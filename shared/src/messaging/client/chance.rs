//! Times that are drawn. Floating point goes through `libm`, so that they are the same everywhere.

use super::settings::{Rate, Service};
use crate::rng::Rng;
use crate::time::{Span, Time};

/// The shape of the heavy-tailed distribution, and how many times its least value its greatest is.
const TAIL_SHAPE: f64 = 1.5;
const TAIL_CUT: f64 = 1_000.0;

/// When the messages of a source are due.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    rate: Rate,
    start: Time,
    /// Messages since then.
    made: u64,
    /// Of a Poisson source: how far its next message is from the start, in microseconds.
    offset: f64,
    has_begun: bool,
}

impl Schedule {
    pub(super) fn new(rate: Rate, now: Time, rng: &mut Rng) -> Schedule {
        // Given times count from the beginning of the run, in whichever life.
        let start = if matches!(rate, Rate::Times(_)) { Time::ZERO } else { now };
        let mut schedule = Schedule { rate, start, made: 0, offset: 0.0, has_begun: false };
        schedule.draw(rng);
        schedule.pass_over(now);
        schedule
    }

    /// When the next message is due. A constant source begins one interval after its start.
    pub(super) fn due(&self) -> Time {
        match &self.rate {
            Rate::Constant(per_second) => self.start + micros((self.made + 1) as f64 * 1e6 / per_second),
            Rate::Poisson(_) => self.start + micros(self.offset),
            Rate::Burst { messages, every } => self.start + Span(every.0.saturating_mul(self.made / messages)),
            Rate::Times(times) => times.get(self.made as usize).map_or(Time::NEVER, |at| self.start + *at),
        }
    }

    pub(super) fn advance(&mut self, rng: &mut Rng) {
        self.made += 1;
        self.draw(rng);
    }

    /// Nothing could be made until now: what is overdue is not made up for, and the next one is due now, or when its time is given.
    pub(super) fn resume(&mut self, now: Time) {
        if matches!(self.rate, Rate::Times(_)) {
            // What has come due while it was about to begin is made now.
            if std::mem::replace(&mut self.has_begun, true) {
                self.pass_over(now);
            }
            return;
        }
        let late = now.since(self.due());
        self.start = self.start + late;
    }

    /// Of given times those before now are over.
    fn pass_over(&mut self, now: Time) {
        if let Rate::Times(times) = &self.rate {
            self.made = self.made.max(times.partition_point(|at| self.start + *at < now) as u64);
        }
    }

    fn draw(&mut self, rng: &mut Rng) {
        if let Rate::Poisson(per_second) = self.rate {
            self.offset += exponential(rng) * 1e6 / per_second;
        }
    }
}

/// How long one piece of work takes.
pub(super) fn service(service: Service, rng: &mut Rng) -> Span {
    match service {
        Service::Constant(span) => span,
        Service::Exponential(mean) => mean.scaled(exponential(rng)),
        Service::HeavyTailed(mean) => mean.scaled(heavy_tailed(rng)),
    }
}

/// With mean 1.
fn exponential(rng: &mut Rng) -> f64 {
    -libm::log(1.0 - rng.unit())
}

/// With mean 1: bounded Pareto by its inverse.
fn heavy_tailed(rng: &mut Rng) -> f64 {
    let cut = libm::pow(TAIL_CUT, -TAIL_SHAPE);
    let drawn = libm::pow(1.0 - rng.unit() * (1.0 - cut), -1.0 / TAIL_SHAPE);
    let mean = TAIL_SHAPE / (TAIL_SHAPE - 1.0) * (1.0 - libm::pow(TAIL_CUT, 1.0 - TAIL_SHAPE)) / (1.0 - cut);
    drawn / mean
}

fn micros(count: f64) -> Span {
    Span(count as u64)
}
