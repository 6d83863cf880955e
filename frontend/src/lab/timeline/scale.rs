//! Where a moment and a worker lie in the timeline.

use shared::time::{Span, Time};
use shared::wire::{AttemptView, News};

use crate::lab::inspect::Selected;
use crate::lab::model::RunModel;

/// Space at the left for the lanes' names. Pixels.
const GUTTER_PX: f64 = 66.0;
/// The same where there is little width. Pixels.
const GUTTER_NARROW_PX: f64 = 28.0;
/// Space at the right. Pixels.
pub const RIGHT_PX: f64 = 12.0;
/// Space at the bottom for the axis. Pixels.
pub const AXIS_PX: f64 = 18.0;
/// Space at the top for the flags of faults. Pixels.
pub const FLAGS_PX: f64 = 14.0;
/// How far from a thing the pointer may be. Pixels.
const REACH_PX: f64 = 4.0;
/// Greatest height of a lane. Pixels.
const LANE_PX_MAX: f64 = 28.0;

/// A timeline's measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub width: f64,
    pub height: f64,
    pub lanes: usize,
    /// Length of the time shown, from 0.
    pub span: Span,
}

impl Scale {
    pub fn gutter(self) -> f64 {
        if self.is_narrow() { GUTTER_NARROW_PX } else { GUTTER_PX }
    }

    pub fn is_narrow(self) -> bool {
        self.width < 480.0
    }

    pub fn x(self, at: Time) -> f64 {
        let usable = (self.width - self.gutter() - RIGHT_PX).max(1.0);
        self.gutter() + usable * at.0 as f64 / self.span.0.max(1) as f64
    }

    /// The moment at `x`; none in the gutter.
    pub fn time(self, x: f64) -> Option<Time> {
        let usable = (self.width - self.gutter() - RIGHT_PX).max(1.0);
        let part = (x - self.gutter()) / usable;
        (part >= 0.0).then_some(Time((part * self.span.0 as f64) as u64))
    }

    /// The moment that is nearest to `x`.
    pub fn moment(self, x: f64) -> Time {
        self.time(x.max(self.gutter())).unwrap_or_default().min(Time(self.span.0))
    }

    pub fn lane_height(self) -> f64 {
        ((self.height - AXIS_PX - FLAGS_PX) / self.lanes.max(1) as f64).min(LANE_PX_MAX)
    }

    /// Top of a worker's lane; workers count from 1.
    pub fn lane_top(self, worker: u32) -> f64 {
        FLAGS_PX + f64::from(worker.saturating_sub(1)) * self.lane_height()
    }

    /// The attempt under a point: on its lane, the one that contains the moment or is nearest to it within a few pixels.
    pub fn attempt_at(self, attempts: &[AttemptView], now: Time, x: f64, y: f64) -> Option<&AttemptView> {
        self.time(x)?;
        let lane = ((y - FLAGS_PX) / self.lane_height()).floor() as u32 + 1;
        let distance = |attempt: &AttemptView| {
            let (from, to) = (self.x(attempt.start), self.x(attempt.end.unwrap_or(now)));
            if x < from { from - x } else { (x - to).max(0.0) }
        };
        let near = attempts.iter().filter(|attempt| attempt.worker == lane).map(|attempt| (distance(attempt), attempt));
        near.filter(|(distance, _)| *distance <= REACH_PX).min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, attempt)| attempt)
    }

    /// The worker whose name is under a point.
    pub fn lane_at(self, x: f64, y: f64) -> Option<Selected> {
        let lane = ((y - FLAGS_PX) / self.lane_height()).floor();
        let is_name = x < self.gutter() && lane >= 0.0 && (lane as usize) < self.lanes;
        is_name.then_some(Selected::Worker(lane as u32))
    }

    /// The faults of the run that have begun, in their order.
    pub fn flags(self, run: &RunModel) -> impl Iterator<Item = (Time, &str)> {
        run.news.iter().filter_map(|news| Some((news.at, news.fault.as_deref()?)))
    }

    /// The news of the fault whose flag is under a point.
    pub fn flag_at(self, run: &RunModel, x: f64, y: f64) -> Option<&News> {
        let near = |news: &&News| {
            let left = self.x(news.at);
            news.fault.is_some() && x >= left - REACH_PX && x <= left + 3.0 * REACH_PX
        };
        (y < FLAGS_PX).then(|| run.news.iter().rev().find(near)).flatten()
    }

    /// Moments for the axis: round ones, far enough apart to be read.
    pub fn ticks(self) -> Vec<Time> {
        let room = ((self.width - self.gutter()) / 72.0).max(1.0);
        let rough = self.span.0 as f64 / room;
        let magnitude = 10f64.powf(rough.max(1.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(magnitude * 10.0).max(1.0) as u64;
        (0..).map(|index| Time(index * step)).take_while(|at| at.0 <= self.span.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use shared::wire::{AttemptState, Bytes, Phase};

    use super::*;

    fn attempt(index: u32, worker: u32, start: u64, end: Option<u64>) -> AttemptView {
        AttemptView {
            index,
            phase: Phase::Map,
            task: index,
            number: 1,
            backup: false,
            worker,
            incarnation: 1,
            start: Time(start),
            end: end.map(Time),
            state: AttemptState::Done,
            records: Bytes(0),
            bytes: Bytes(0),
            sizes: Vec::new(),
        }
    }

    #[test]
    fn a_point_finds_the_attempt_under_it() {
        let scale = Scale { width: 800.0, height: 120.0, lanes: 2, span: Span(1_000_000) };
        let attempts = [attempt(0, 1, 0, Some(400_000)), attempt(1, 1, 500_000, Some(600_000)), attempt(2, 2, 0, None)];
        let at = |x, y| scale.attempt_at(&attempts, Time(1_000_000), x, y).map(|attempt| attempt.index);
        assert_eq!(at(scale.x(Time(100_000)), FLAGS_PX + 5.0), Some(0));
        assert_eq!(at(scale.x(Time(550_000)), FLAGS_PX + 5.0), Some(1));
        assert_eq!(at(scale.x(Time(800_000)), FLAGS_PX + 5.0), None);
        assert_eq!(at(scale.x(Time(900_000)), FLAGS_PX + scale.lane_height() + 2.0), Some(2));
        assert_eq!(at(3.0, FLAGS_PX + 5.0), None);
    }

    #[test]
    fn ticks_are_round_and_few() {
        for span_us in [200_000, 1_234_567, 59_000_000, 600_000_000] {
            let scale = Scale { width: 800.0, height: 100.0, lanes: 4, span: Span(span_us) };
            let ticks = scale.ticks();
            assert!((2..=12).contains(&ticks.len()), "{} ticks in {span_us} µs", ticks.len());
        }
    }
}
