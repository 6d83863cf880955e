//! Time as the core knows it: microseconds since the run began, handed in by whoever drives a machine.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment: microseconds since the run began. Virtual under the simulator, real elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(#[serde(with = "crate::wire::text64")] pub u64);

/// A length of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(#[serde(with = "crate::wire::text64")] pub u64);

impl Time {
    pub const ZERO: Time = Time(0);
    /// What does not come.
    pub const NEVER: Time = Time(u64::MAX);

    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    pub const ZERO: Span = Span(0);

    pub const fn micros(count: u64) -> Span {
        Span(count)
    }

    pub const fn millis(count: u64) -> Span {
        Span(count * 1_000)
    }

    pub const fn seconds(count: u64) -> Span {
        Span(count * 1_000_000)
    }

    /// The span times a factor, to the nearest microsecond; saturates.
    pub fn scaled(self, factor: f64) -> Span {
        Span((self.0 as f64 * factor).round() as u64)
    }
}

impl Add<Span> for Time {
    type Output = Time;

    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl Sub for Time {
    type Output = Span;

    fn sub(self, earlier: Time) -> Span {
        self.since(earlier)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            micros if micros >= 1_000_000 => write!(f, "{} s", micros as f64 / 1e6),
            micros if micros >= 1_000 => write!(f, "{} ms", micros as f64 / 1e3),
            micros => write!(f, "{micros} µs"),
        }
    }
}
