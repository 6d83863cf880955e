//! Where a moment and a worker lie in the timeline.

use shared::time::Time;
use shared::wire::{AttemptView, News};

use crate::components::pen::CHARACTER_PX;
use crate::lab::format::duration_ms;
use crate::lab::inspect::Selected;
use crate::lab::model::RunModel;

/// Space at the left for the lanes' names. Pixels.
const GUTTER_PX: f64 = 66.0;
/// Space at the right. Pixels.
pub const RIGHT_PX: f64 = 12.0;
/// Space at the bottom for the axis. Pixels.
pub const AXIS_PX: f64 = 18.0;
/// Space at the top for the flags of faults. Pixels.
pub const FLAGS_PX: f64 = 14.0;
/// How far from a thing the pointer may be. Pixels.
const REACH_PX: f64 = 4.0;
/// From one word of the axis to the next, at least. Pixels.
const TICK_PX_MIN: f64 = 72.0;
/// Greatest height of a lane. Pixels.
const LANE_PX_MAX: f64 = 28.0;

/// A timeline's measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub width: f64,
    pub height: f64,
    pub lanes: usize,
    /// The stretch of the run's time that is shown.
    pub from: Time,
    pub to: Time,
}

/// The part of its worker's lane that an execution has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// Another one goes on at the same time: a worker is given its next task before it is done with the last.
    Upper,
    Lower,
}

impl Part {
    /// Top and height of it.
    pub fn of_lane(self, scale: Scale, worker: u32) -> (f64, f64) {
        let (top, height) = (scale.lane_top(worker), scale.lane_height());
        match self {
            Part::Whole => (top, height),
            Part::Upper => (top, height / 2.0),
            Part::Lower => (top + height / 2.0, height / 2.0),
        }
    }
}

/// A moment on the axis, and what is written there.
pub type Tick = (Time, String);

impl Scale {
    pub fn gutter(self) -> f64 {
        GUTTER_PX
    }

    /// A lane's name as it fits into the gutter.
    pub fn lane_name(self, name: &str) -> String {
        squeezed(name, ((self.gutter() - 4.0) / CHARACTER_PX) as usize)
    }

    /// Where a moment lies; of one that is not shown, beside the picture.
    pub fn x(self, at: Time) -> f64 {
        self.gutter() + self.usable() * (at.0 as f64 - self.from.0 as f64) / self.micros()
    }

    /// Where something begins and ends, as far as it is seen.
    pub fn reach(self, start: Time, end: Time) -> (f64, f64) {
        (self.x(start.clamp(self.from, self.to)), self.x(end.clamp(self.from, self.to)))
    }

    /// Whether anything is seen of what begins and ends then.
    pub fn sees(self, start: Time, end: Time) -> bool {
        end >= self.from && start <= self.to
    }

    /// Whether a moment is shown.
    pub fn shows(self, at: Time) -> bool {
        (self.from..=self.to).contains(&at)
    }

    /// The moment at `x`; none in the gutter.
    pub fn time(self, x: f64) -> Option<Time> {
        let part = (x - self.gutter()) / self.usable();
        (part >= 0.0).then_some(Time(self.from.0 + (part * self.micros()) as u64))
    }

    /// The moment that is nearest to `x`, of those that are shown.
    pub fn moment(self, x: f64) -> Time {
        self.time(x.max(self.gutter())).unwrap_or_default().clamp(self.from, self.to)
    }

    /// The width of the time that is shown. Pixels.
    pub fn usable(self) -> f64 {
        (self.width - self.gutter() - RIGHT_PX).max(1.0)
    }

    /// The length of what is shown.
    pub fn micros(self) -> f64 {
        self.to.since(self.from).0.max(1) as f64
    }

    pub fn lane_height(self) -> f64 {
        ((self.height - AXIS_PX - FLAGS_PX) / self.lanes.max(1) as f64).min(LANE_PX_MAX)
    }

    /// Top of a worker's lane; workers count from 1.
    pub fn lane_top(self, worker: u32) -> f64 {
        FLAGS_PX + f64::from(worker.saturating_sub(1)) * self.lane_height()
    }

    /// The attempt under a point: on its lane, the one that contains the moment or is nearest to it within a few pixels.
    pub fn attempt_at(self, run: &RunModel, now: Time, x: f64, y: f64) -> Option<&AttemptView> {
        self.time(x)?;
        let lane = ((y - FLAGS_PX) / self.lane_height()).floor() as u32 + 1;
        let distance = |attempt: &AttemptView| {
            let (from, to) = (self.x(attempt.start), self.x(attempt.end.unwrap_or(now)));
            if x < from { from - x } else { (x - to).max(0.0) }
        };
        let (from, to) = (self.moment(x - REACH_PX), self.moment(x + REACH_PX));
        let near = run.attempts_within(from, to).filter(|attempt| attempt.worker == lane);
        // Of two that share the lane, the one in whose part the point is.
        let beside = |attempt: &AttemptView| {
            let (top, height) = self.part_of(run, attempt, now).of_lane(self, lane);
            !(top..=top + height).contains(&y)
        };
        let near = near.map(|attempt| (distance(attempt), attempt)).filter(|(distance, _)| *distance <= REACH_PX);
        let order = |(a, one): &(f64, &AttemptView), (b, other): &(f64, &AttemptView)| {
            a.total_cmp(b).then_with(|| beside(one).cmp(&beside(other)))
        };
        near.min_by(order).map(|(_, attempt)| attempt)
    }

    /// The part of its lane that an execution has which ends then, or goes on until then.
    pub fn part_of(self, run: &RunModel, attempt: &AttemptView, end: Time) -> Part {
        /// What overlaps by less is one after the other: it takes a while for a worker to be heard of. Pixels.
        const OVERLAP_PX_MIN: f64 = 4.0;
        let until = |other: &AttemptView| other.end.unwrap_or(end.max(run.now));
        let end = attempt.end.unwrap_or(end);
        if self.x(end) - self.x(attempt.start) < OVERLAP_PX_MIN {
            return Part::Whole;
        }
        let overlaps = |other: &&AttemptView| {
            let (from, to) = (other.start.max(attempt.start), until(other).min(end));
            other.worker == attempt.worker
                && other.index != attempt.index
                && to > from
                && self.x(to) - self.x(from) >= OVERLAP_PX_MIN
        };
        let is_alone = run.attempts_within(attempt.start, end).find(overlaps).is_none();
        // A worker does one thing after the other, and is given the next one before: so they take turns.
        match run.ordinal(attempt) % 2 {
            _ if is_alone => Part::Whole,
            0 => Part::Upper,
            _ => Part::Lower,
        }
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
            news.fault.is_some() && self.shows(news.at) && x >= left - REACH_PX && x <= left + 3.0 * REACH_PX
        };
        (y < FLAGS_PX).then(|| run.news.iter().rev().find(near)).flatten()
    }

    /// Moments for the axis: round ones, far enough apart to be read.
    pub fn ticks(self) -> Vec<Tick> {
        let room = ((self.width - self.gutter()) / TICK_PX_MIN).max(1.0);
        let rough = self.micros() / room;
        let magnitude = 10f64.powf(rough.max(1.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(magnitude * 10.0).max(1.0) as u64;
        let moments = (self.from.0.div_ceil(step)..).map(|index| Time(index * step)).take_while(|at| *at <= self.to);
        moments.map(|at| (at, word(at, step))).collect()
    }
}

/// A name in so many characters. Its number stays, by which it differs from its neighbours: `publisher-12` is `publi…-12`.
fn squeezed(name: &str, room: usize) -> String {
    let number = name.rfind('-').map_or("", |dash| &name[dash..]);
    let is_number = number[1.min(number.len())..].chars().all(|digit| digit.is_ascii_digit());
    let number = if is_number { number } else { "" };
    if name.chars().count() <= room {
        return name.to_owned();
    }
    let kept = room.saturating_sub(1 + number.len());
    name.chars().take(kept).chain(['…']).chain(number.chars()).collect()
}

/// A moment as the axis has it, where its neighbours are so many microseconds away.
fn word(at: Time, step: u64) -> String {
    let length = duration_ms(at.0 as f64 / 1e3);
    // What a length of time says: tenths of a second, whole milliseconds, seconds of a minute.
    let told = match at.0 {
        0 => return "0".to_owned(),
        1..1_000 => 1,
        1_000..1_000_000 => 1_000,
        1_000_000..60_000_000 => 100_000,
        60_000_000..3_600_000_000 => 1_000_000,
        _ => 60_000_000,
    };
    if step.is_multiple_of(told) {
        return format!("{} {}", length.value, length.unit);
    }
    let (unit, size) = if at.0 < 1_000_000 { ("ms", 1e3) } else { ("s", 1e6) };
    let decimals = (size / step as f64).log10().ceil().max(0.0) as usize;
    format!("{:.decimals$} {unit}", at.0 as f64 / size)
}

#[cfg(test)]
mod tests {
    use shared::wire::{AttemptState, Bytes, Phase};

    use super::*;
    use crate::lab::model::story;

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
    fn a_name_that_is_too_long_keeps_its_number() {
        assert_eq!(squeezed("worker-1", 8), "worker-1");
        assert_eq!(squeezed("publisher-12", 8), "publ…-12");
        assert_eq!(squeezed("dead-letters", 8), "dead-le…");
        assert_eq!((squeezed("", 8), squeezed("größen-7", 7)), (String::new(), "größ…-7".to_owned()));
        let narrow = Scale { width: 370.0, height: 100.0, lanes: 2, from: Time(0), to: Time(10) };
        assert_eq!(narrow.lane_name("worker-3"), "worker-3");
    }

    #[test]
    fn a_point_finds_the_attempt_under_it() {
        let scale = Scale { width: 800.0, height: 120.0, lanes: 2, from: Time(0), to: Time(1_000_000) };
        let attempts = vec![attempt(0, 1, 0, Some(400_000)), attempt(1, 2, 0, None), attempt(2, 1, 500_000, Some(600_000))];
        let run = story::run(Vec::new(), attempts, &[]);
        let at = |x, y| scale.attempt_at(&run, Time(1_000_000), x, y).map(|attempt| attempt.index);
        assert_eq!(at(scale.x(Time(100_000)), FLAGS_PX + 5.0), Some(0));
        assert_eq!(at(scale.x(Time(550_000)), FLAGS_PX + 5.0), Some(2));
        assert_eq!(at(scale.x(Time(800_000)), FLAGS_PX + 5.0), None);
        assert_eq!(at(scale.x(Time(900_000)), FLAGS_PX + scale.lane_height() + 2.0), Some(1));
        assert_eq!(at(3.0, FLAGS_PX + 5.0), None);
    }

    #[test]
    fn executions_at_the_same_time_share_their_lane() {
        let scale = Scale { width: 800.0, height: 120.0, lanes: 2, from: Time(0), to: Time(1_000_000) };
        let attempts = vec![
            attempt(0, 1, 0, Some(500_000)),
            attempt(1, 1, 300_000, None),
            // The moment that a message takes is no overlap.
            attempt(2, 2, 0, Some(301_000)),
            attempt(3, 2, 300_000, Some(600_000)),
        ];
        let run = story::run(Vec::new(), attempts, &[]);
        let now = Time(1_000_000);
        let parts: Vec<Part> = run.attempts.iter().map(|it| scale.part_of(&run, it, now)).collect();
        assert_eq!(parts, [Part::Upper, Part::Lower, Part::Whole, Part::Whole]);
        let at = |y| scale.attempt_at(&run, now, scale.x(Time(400_000)), y).map(|attempt| attempt.index);
        let (upper, lower) = (FLAGS_PX + 4.0, FLAGS_PX + scale.lane_height() - 4.0);
        assert_eq!((at(upper), at(lower)), (Some(0), Some(1)));
    }

    #[test]
    fn ticks_are_round_and_few() {
        for span_us in [200_000, 1_234_567, 59_000_000, 600_000_000] {
            for from in [0, 777_777] {
                let scale = Scale { width: 800.0, height: 100.0, lanes: 4, from: Time(from), to: Time(from + span_us) };
                let ticks = scale.ticks();
                assert!((2..=12).contains(&ticks.len()), "{} ticks in {span_us} µs", ticks.len());
                assert!(ticks.iter().all(|(at, _)| scale.shows(*at)), "{ticks:?}");
                assert!(ticks.windows(2).all(|pair| pair[0].1 != pair[1].1), "each says another moment: {ticks:?}");
            }
        }
    }

    #[test]
    fn a_part_of_the_run_fills_the_picture() {
        let scale = Scale { width: 800.0, height: 100.0, lanes: 2, from: Time(2_000_000), to: Time(3_000_000) };
        assert_eq!((scale.x(scale.from), scale.x(scale.to)), (scale.gutter(), 800.0 - RIGHT_PX));
        assert_eq!(scale.reach(Time(0), Time(9_000_000)), (scale.gutter(), 800.0 - RIGHT_PX));
        assert_eq!(scale.time(scale.x(Time(2_400_000))), Some(Time(2_400_000)));
        assert_eq!((scale.moment(0.0), scale.moment(5_000.0)), (scale.from, scale.to));
        let words: Vec<String> = scale.ticks().into_iter().map(|(_, word)| word).collect();
        assert_eq!(words[..2], ["2.0 s", "2.1 s"]);
    }

    #[test]
    fn an_axis_says_as_much_as_its_moments_need() {
        for (at, step, expected) in [
            (0, 5, "0"),
            (250, 50, "250 µs"),
            (1_250, 250, "1.2 ms"),
            (2_500_000, 500_000, "2.5 s"),
            (2_512_000, 2_000, "2.512 s"),
            (61_500_000, 500_000, "61.5 s"),
            (90_000_000, 30_000_000, "1:30 min"),
        ] {
            assert_eq!(word(Time(at), step), expected);
        }
    }
}
