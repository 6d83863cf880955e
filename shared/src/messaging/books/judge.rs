//! Whether a bus came out as its experiment expects.

use super::histogram::Histogram;
use super::summary::Summary;
use crate::experiment::{BusExpectation, InOrder};
use crate::wire::ExpectationResult;

impl Summary {
    /// Judges one expectation.
    pub fn judge(&self, expectation: &BusExpectation) -> ExpectationResult {
        let (held, found) = match expectation {
            BusExpectation::NoLoss => {
                let found = format!("{} messages are nowhere, and {} copies were lost", self.missing, self.lost);
                (self.missing == 0 && self.lost == 0, found)
            }
            BusExpectation::InOrder(order) => {
                let late = match order {
                    InOrder::PerPublisher => self.disorder,
                    InOrder::PerKey => self.disorder_of_key,
                };
                (late == 0, format!("the work on {late} messages ended after that on a later one"))
            }
            BusExpectation::DuplicatesAtMost(most) => {
                (self.duplicates <= *most, format!("{} deliveries were worked on once more", self.duplicates))
            }
            BusExpectation::P99 { metric, at_most } => {
                let (p99, count) = (self.p99(metric), self.spans.get(metric).map_or(0, Histogram::count));
                (p99 <= *at_most && count > 0, format!("99 of 100 took at most {p99}, of {count}"))
            }
            BusExpectation::DepthAtMost { queue, messages } => {
                let of_queue = |name: &str| queue.as_deref().is_none_or(|queue| queue == name);
                let deepest = self.depths.iter().filter(|(name, _)| of_queue(name)).max_by_key(|(_, depth)| **depth);
                let (name, depth) = deepest.map_or(("none", 0), |(name, depth)| (name.as_str(), *depth));
                (depth <= *messages, format!("{depth} messages at most were ready, in `{name}`"))
            }
            BusExpectation::Conserved => {
                let found = if self.conserved { "every message is accounted for" } else { "some messages are not" };
                (self.conserved, found.to_owned())
            }
            BusExpectation::Counter { name, bound, value } => {
                let count = self.counter(name);
                (bound.holds(count, *value), format!("{name} is {count}"))
            }
        };
        ExpectationResult { expectation: expectation.to_string(), held, found }
    }
}
