//! How fast something grows, lately.

use std::collections::VecDeque;

use shared::time::{Span, Time};

/// Over how long a rate is averaged: long enough not to flicker, short enough to show a kill.
const WINDOW: Span = Span::millis(1_500);
/// At most one sample in this span is kept.
const SPACING: Span = Span::millis(100);

/// A growing total, sampled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rate {
    samples: VecDeque<(Time, u64)>,
    latest: Option<(Time, u64)>,
}

impl Rate {
    /// Notes the total at a time of the run's clock.
    pub fn sample(&mut self, now: Time, total: u64) {
        if self.samples.back().is_none_or(|(at, _)| now.since(*at) >= SPACING) {
            self.samples.push_back((now, total));
        }
        self.latest = Some((now, total));
        while self.samples.len() > 2 && self.samples.get(1).is_some_and(|(at, _)| now.since(*at) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Units a second over the window; `None` until there is a span to measure over.
    pub fn per_second(&self) -> Option<f64> {
        let (first_at, first) = self.samples.front()?;
        let (last_at, last) = self.latest.as_ref()?;
        let span = last_at.since(*first_at);
        (span >= SPACING).then(|| last.saturating_sub(*first) as f64 * 1e6 / span.0 as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_has_its_rate() {
        let mut rate = Rate::default();
        for step in 0..100u64 {
            rate.sample(Time(step * 16_000), step * 16_000);
        }
        assert!((rate.per_second().unwrap() - 1e6).abs() < 1.0);
    }

    #[test]
    fn what_stopped_goes_to_zero_within_the_window() {
        let mut rate = Rate::default();
        for step in 0..=10u64 {
            rate.sample(Time(step * 100_000), step * 1000);
        }
        for step in 11..40u64 {
            rate.sample(Time(step * 100_000), 10_000);
        }
        assert_eq!(rate.per_second(), Some(0.0));
    }

    #[test]
    fn one_sample_is_no_rate() {
        let mut rate = Rate::default();
        rate.sample(Time(0), 5);
        assert_eq!(rate.per_second(), None);
    }
}
