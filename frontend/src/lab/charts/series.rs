//! What the charts draw: a run's course in parts of equal length, counted from what the page knows of the run.
//!
//! A part is drawn as soon as it is over, so that no line moves once it is there. What an execution has read is spread evenly over the
//! time that its worker worked on it, in whole records: the parts of a chart add up to what the run's report says. A worker has tasks
//! waiting and works on one at a time: an execution begins when it was given out or the one before it ended, whichever is later.

use std::collections::BTreeMap;

use shared::time::{Span, Time};
use shared::wire::{AttemptState, BUS_PARTS, BusPart, LATENCY_PARTS, Phase};

use crate::lab::bus::BusModel;
use crate::lab::model::{RunModel, Stage};
use crate::lab::timeline::gathering;

/// The time that is shown is told in so many parts. Of a bus each is a few of those that its engine tells: so many that it knows of them
/// together how long messages took.
pub const PARTS: usize = BUS_PARTS / LATENCY_PARTS;

/// Queues that are drawn, at most: the fullest ones.
pub const QUEUES_MAX: usize = 6;

/// Which chart, in the order of the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Records of a job that are read in a second.
    Throughput,
    /// Workers of a job that work.
    Busy,
    /// Messages that are ready in each queue of a bus.
    Depth,
    /// Messages of a bus in a second.
    Messages,
    /// How long messages of a bus took.
    Latency,
}

/// The charts of a job, and those of a bus.
pub const OF_BATCH: [Kind; 2] = [Kind::Throughput, Kind::Busy];
pub const OF_BUS: [Kind; 3] = [Kind::Depth, Kind::Messages, Kind::Latency];

/// The run's course up to the moment that is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// The time that is shown, from 0.
    pub span: Span,
    /// How many of its parts are over.
    pub over: usize,
    pub charts: Vec<Chart>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub kind: Kind,
    pub series: Vec<Series>,
    /// Queues that are not drawn.
    pub left_out: usize,
}

/// A line of a chart.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    /// Of each part that is over; not a number where there is none.
    pub values: Vec<f64>,
    /// What a rate was counted from, of each part; empty where nothing is counted.
    pub counts: Vec<u64>,
}

impl Course {
    /// When a part begins; the last one ends where one more would begin.
    pub fn start(&self, part: usize) -> Time {
        start(self.span, part)
    }

    /// The part that a moment is in, if that is over.
    pub fn part_at(&self, at: Time) -> Option<usize> {
        let part = part_of(self.span, at);
        (part < self.over).then_some(part)
    }

    pub fn chart(&self, kind: Kind) -> Option<&Chart> {
        self.charts.iter().find(|chart| chart.kind == kind)
    }
}

/// Values that are none are alike.
impl PartialEq for Series {
    fn eq(&self, other: &Series) -> bool {
        fn bits(series: &Series) -> impl Iterator<Item = u64> {
            series.values.iter().map(|value| value.to_bits())
        }
        self.name == other.name && self.counts == other.counts && bits(self).eq(bits(other))
    }
}

impl Series {
    fn level(name: impl Into<String>, values: Vec<f64>) -> Series {
        Series { name: name.into(), values, counts: Vec::new() }
    }

    /// So much a second, of what was counted in each part.
    fn rate(name: impl Into<String>, span: Span, counts: Vec<u64>) -> Series {
        let second = |(part, count): (usize, &u64)| *count as f64 * 1e6 / length(span, part);
        Series { name: name.into(), values: counts.iter().enumerate().map(second).collect(), counts }
    }
}

/// The course of a run that has begun.
pub fn course(run: &RunModel) -> Option<Course> {
    run.started.as_ref()?;
    let span = run.shown;
    let is_over = matches!(run.stage, Stage::Finished(_)) && !run.is_rewound();
    let over = if is_over { PARTS } else { (0..PARTS).take_while(|part| start(span, part + 1) <= run.now).count() };
    let charts = match &run.bus {
        Some(bus) => of_bus(bus, span, over),
        None => of_batch(run, span, over),
    };
    Some(Course { span, over, charts })
}

fn start(span: Span, part: usize) -> Time {
    Time((u128::from(span.0) * part as u128 / PARTS as u128) as u64)
}

/// How long a part is, in microseconds.
fn length(span: Span, part: usize) -> f64 {
    start(span, part + 1).since(start(span, part)).0.max(1) as f64
}

/// The part that a moment is in; what ends with the last part is in it.
fn part_of(span: Span, at: Time) -> usize {
    ((at.0 as u128 * PARTS as u128 / u128::from(span.0.max(1))) as usize).min(PARTS - 1)
}

fn of_batch(run: &RunModel, span: Span, over: usize) -> Vec<Chart> {
    let [mut read, mut in_vain, mut keys] = [(); 3].map(|()| vec![0u64; over]);
    let [mut maps, mut others] = [(); 2].map(|()| vec![0u64; over]);
    // When each worker is done with what it was given before.
    let mut free: BTreeMap<u32, Time> = BTreeMap::new();
    for attempt in &run.attempts {
        let counted = match (attempt.phase, attempt.state) {
            (_, AttemptState::Killed | AttemptState::Lost | AttemptState::Superseded | AttemptState::Failed) => &mut in_vain,
            (Phase::Map, _) => &mut read,
            (Phase::Reduce, _) => &mut keys,
        };
        let end = attempt.end.unwrap_or(run.now).max(attempt.start);
        let free = free.entry(attempt.worker).or_default();
        let begin = attempt.start.max(*free).min(end);
        *free = end.max(*free);
        spread(counted, span, attempt.records.0, (begin, end));
        let running = if attempt.phase == Phase::Map { &mut maps } else { &mut others };
        for part in parts_of(span, over, begin, end) {
            let (from, to) = (start(span, part).max(begin), start(span, part + 1).min(end));
            running[part] += to.since(from).0;
        }
    }
    let share = |busy: Vec<u64>| {
        let of_part = |(part, micros): (usize, u64)| micros as f64 / length(span, part);
        busy.into_iter().enumerate().map(of_part).collect::<Vec<f64>>()
    };
    let gathering = gathering(run.stages());
    let has_shuffle = run.stages().iter().any(|stage| stage.phase == Phase::Reduce);
    let mut throughput = vec![Series::rate("read", span, read)];
    let mut busy = vec![Series::level("map", share(maps))];
    if has_shuffle {
        throughput.push(Series::rate("keys behind a shuffle", span, keys));
        busy.push(Series::level(gathering, share(others)));
    }
    throughput.push(Series::rate("in vain", span, in_vain));
    [(Kind::Throughput, throughput), (Kind::Busy, busy)].map(|(kind, series)| Chart { kind, series, left_out: 0 }).into()
}

/// The parts that are over and that a stretch of time touches.
fn parts_of(span: Span, over: usize, from: Time, to: Time) -> impl Iterator<Item = usize> {
    part_of(span, from).min(over)..(part_of(span, to) + 1).min(over)
}

/// Adds what an execution has worked on, evenly over its time. One that took no time did it where it began.
fn spread(counts: &mut [u64], span: Span, records: u64, (begin, end): (Time, Time)) {
    let length = end.since(begin).0;
    let done_by = |at: Time| {
        let passed = at.max(begin).min(end).since(begin).0;
        if passed >= length { records } else { (u128::from(records) * u128::from(passed) / u128::from(length)) as u64 }
    };
    let mut done = 0;
    for part in parts_of(span, counts.len(), begin, end) {
        // What ends with the run ends in its last part.
        let by_then = if part + 1 == PARTS { records } else { done_by(start(span, part + 1)) };
        counts[part] += by_then - done;
        done = by_then;
    }
}

fn of_bus(bus: &BusModel, span: Span, over: usize) -> Vec<Chart> {
    let told = |part: usize| {
        let end = ((part + 1) * LATENCY_PARTS).min(bus.parts.len());
        bus.parts.get(part * LATENCY_PARTS..end).unwrap_or_default()
    };
    let depth = |queue: usize| -> Vec<f64> {
        let most = |part: usize| told(part).iter().filter_map(|told| told.depths.get(queue)).max().copied().unwrap_or_default();
        (0..over).map(|part| f64::from(most(part))).collect()
    };
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let mut depths: Vec<(usize, Vec<f64>)> = (0..bus.view.queues.len()).map(|queue| (queue, depth(queue))).collect();
    // The fullest ones, and those in the experiment's order.
    depths.sort_by(|(_, one), (_, other)| most(other).total_cmp(&most(one)));
    let left_out = depths.len().saturating_sub(QUEUES_MAX);
    depths.truncate(QUEUES_MAX);
    depths.sort_by_key(|(queue, _)| *queue);
    let name = |queue: usize| &bus.view.queues[queue].name;
    let mut depths: Vec<_> = depths.into_iter().map(|(queue, values)| Series::level(name(queue), values)).collect();
    let unacked = |part: usize| told(part).iter().map(|told| told.unacked).max().unwrap_or_default();
    depths.push(Series::level("at consumers", (0..over).map(|part| f64::from(unacked(part))).collect()));

    let passed = |name: &str, total: fn(&BusPart) -> u32| {
        let mut before = 0;
        let counts = (0..over).map(|part| {
            let by_then = told(part).last().map_or(before, total);
            let count = by_then.saturating_sub(before);
            before = before.max(by_then);
            u64::from(count)
        });
        Series::rate(name, span, counts.collect())
    };
    let messages = vec![
        passed("published", |part| part.published),
        passed("delivered", |part| part.delivered),
        passed("worked on", |part| part.processed),
        passed("lost or dropped", |part| part.gone),
    ];
    let took = |name: &str, place: usize| {
        let millis = |part: usize| told(part).last().and_then(|told| told.latency).map(|took| f64::from(took[place]) / 1e3);
        Series::level(name, (0..over).map(|part| millis(part).unwrap_or(f64::NAN)).collect())
    };
    let latency = vec![took("half of them", 0), took("99 of 100", 1)];
    let charts = [(Kind::Depth, depths, left_out), (Kind::Messages, messages, 0), (Kind::Latency, latency, 0)];
    charts.map(|(kind, series, left_out)| Chart { kind, series, left_out }).into()
}

#[cfg(test)]
mod tests {
    use shared::batch::Counters;
    use shared::id::NodeId;
    use shared::wire::{
        AttemptView, BusFrame, BusView, Bytes, Event, Frame, Place, QueueView, Report, StageView, Started, Tally, WorkerState,
        WorkerView,
    };

    use super::*;

    fn stage(what: &str, phase: Phase) -> StageView {
        StageView { what: what.to_owned(), phase, first: 0, tasks: 2, of: Vec::new() }
    }

    fn begun(bus: Option<BusView>) -> RunModel {
        let mut run = RunModel::asked(1, Place::Browser);
        let started = Started {
            run: 1,
            place: Place::Browser,
            title: String::new(),
            input: String::new(),
            input_bytes: 0,
            splits: vec![Bytes(100); 2],
            reduces: 2,
            stages: vec![stage("map", Phase::Map), stage("reduce", Phase::Reduce)],
            workers: 2,
            seed: 1,
            steps: Vec::new(),
            columns: Vec::new(),
            inputs: Vec::new(),
            faults: Vec::new(),
            bus: bus.map(Box::new),
        };
        run.apply(Event::Started(Box::new(started)), 0.0);
        run
    }

    fn attempt(index: u32, phase: Phase, times: (u64, Option<u64>), state: AttemptState, records: u64) -> AttemptView {
        AttemptView {
            index,
            phase,
            task: 0,
            number: index + 1,
            backup: false,
            worker: 1,
            incarnation: 1,
            start: Time(times.0),
            end: times.1.map(Time),
            state,
            records: Bytes(records),
            bytes: Bytes(0),
            sizes: Vec::new(),
        }
    }

    fn frame(now: u64, attempts: Vec<AttemptView>, bus: Option<BusFrame>) -> Event {
        let worker = WorkerView { node: NodeId::Worker(1), incarnation: 1, state: WorkerState::Busy };
        let bus = bus.map(Box::new);
        Event::Frame(Box::new(Frame { run: 1, now: Time(now), workers: vec![worker], attempts, bus, ..Frame::default() }))
    }

    fn finished() -> Event {
        let report = Report {
            place: Place::Browser,
            seed: 1,
            rows: 1,
            wall_ms: 6_000.0,
            virtual_ms: None,
            trace_hash: None,
            output_hash: String::new(),
            counters: Counters::default(),
            tally: Tally::default(),
            expectations: Vec::new(),
            bus: None,
        };
        Event::Finished { run: 1, report }
    }

    /// A task that is lost after two seconds with what it had read, done again in three, and reduced in the last one.
    fn job() -> Vec<AttemptView> {
        vec![
            attempt(0, Phase::Map, (0, Some(2_000_000)), AttemptState::Killed, 40),
            attempt(1, Phase::Map, (2_000_000, Some(5_000_000)), AttemptState::Done, 100),
            attempt(2, Phase::Reduce, (5_000_000, Some(6_000_000)), AttemptState::Done, 7),
        ]
    }

    fn sums(chart: &Chart) -> Vec<(&str, u64)> {
        chart.series.iter().map(|series| (series.name.as_str(), series.counts.iter().sum())).collect()
    }

    #[test]
    fn what_was_read_adds_up_and_what_was_in_vain_is_apart() {
        let mut run = begun(None);
        run.apply(frame(6_000_000, job(), None), 0.0);
        run.apply(finished(), 0.0);
        let course = course(&run).unwrap();
        assert_eq!((course.span, course.over), (Span(6_000_000), PARTS));
        let throughput = course.chart(Kind::Throughput).unwrap();
        assert_eq!(sums(throughput), [("read", 100), ("keys behind a shuffle", 7), ("in vain", 40)]);
        // A part is a tenth of a second, and 33 1/3 records are read in a second.
        let read = &throughput.series[0].values;
        assert_eq!((read[19], read[50]), (0.0, 0.0));
        assert!(read[20..50].iter().all(|rate| *rate == 30.0 || *rate == 40.0), "{read:?}");
        let busy = course.chart(Kind::Busy).unwrap();
        assert_eq!((busy.series[0].name.as_str(), busy.series[1].name.as_str()), ("map", "reduce"));
        assert_eq!((busy.series[0].values[0], busy.series[0].values[49], busy.series[0].values[50]), (1.0, 1.0, 0.0));
        assert_eq!((busy.series[1].values[49], busy.series[1].values[59]), (0.0, 1.0));
    }

    #[test]
    fn only_parts_that_are_over_are_drawn() {
        let mut run = begun(None);
        assert_eq!(course(&run).unwrap().over, 0);
        run.apply(frame(1_000_000, vec![attempt(0, Phase::Map, (0, None), AttemptState::Running, 50)], None), 0.0);
        let course = course(&run).unwrap();
        // 1.5 seconds are shown, in parts of 25 ms.
        assert_eq!((course.span, course.over), (Span(1_500_000), 40));
        assert_eq!((course.part_at(Time(999_999)), course.part_at(Time(1_000_000))), (Some(39), None));
        assert_eq!(sums(course.chart(Kind::Throughput).unwrap())[0], ("read", 50));
        assert_eq!(course.chart(Kind::Busy).unwrap().series[0].values[39], 1.0);
    }

    #[test]
    fn an_execution_that_took_no_time_counts_even_at_the_end() {
        let mut run = begun(None);
        let all = vec![
            attempt(0, Phase::Map, (0, Some(0)), AttemptState::Done, 3),
            attempt(1, Phase::Map, (500_000, Some(500_000)), AttemptState::Done, 4),
        ];
        run.apply(frame(500_000, all, None), 0.0);
        run.apply(finished(), 0.0);
        let course = course(&run).unwrap();
        let read = &course.chart(Kind::Throughput).unwrap().series[0].counts;
        assert_eq!((read[0], read[PARTS - 1], read.iter().sum::<u64>()), (3, 4, 7));
    }

    #[test]
    fn a_task_that_waits_at_its_worker_is_not_worked_on_yet() {
        let mut run = begun(None);
        let all = vec![
            attempt(0, Phase::Map, (0, Some(3_000_000)), AttemptState::Done, 30),
            attempt(1, Phase::Map, (0, Some(6_000_000)), AttemptState::Done, 60),
        ];
        run.apply(frame(6_000_000, all, None), 0.0);
        run.apply(finished(), 0.0);
        let course = course(&run).unwrap();
        let busy = &course.chart(Kind::Busy).unwrap().series[0].values;
        assert!(busy.iter().all(|busy| *busy == 1.0), "{busy:?}");
        let read = &course.chart(Kind::Throughput).unwrap().series[0].counts;
        assert_eq!((read[..30].iter().sum::<u64>(), read[30..].iter().sum::<u64>()), (30, 60));
    }

    fn queue(place: usize) -> QueueView {
        let name = format!("queue-{place}");
        QueueView { name, bindings: Vec::new(), most: None, overload: "buffer".to_owned(), dead_letter: None }
    }

    #[test]
    fn a_bus_has_the_depth_of_its_fullest_queues_and_adds_up_to_its_totals() {
        let queues = QUEUES_MAX + 1;
        let view = BusView { span: Span(3_000_000), queues: (0..queues).map(queue).collect(), ..BusView::default() };
        let mut run = begun(Some(view));
        let told = |part: usize| BusPart {
            // All but the first one have something in them.
            depths: (0..queues).map(|queue| (queue * (part % 5)) as u32).collect(),
            published: 2 * (part as u32 + 1),
            delivered: part as u32 / 2,
            processed: part as u32 / 3,
            gone: 0,
            unacked: (part % 10) as u32,
            // Nothing was worked on in the first of the parts that are drawn.
            latency: (part >= LATENCY_PARTS).then_some([1_500, 1_000 * part as u32]),
            lanes: Vec::new(),
        };
        let bus = BusFrame { parts: (0..BUS_PARTS).map(told).collect(), ..BusFrame::default() };
        run.apply(frame(3_000_000, Vec::new(), Some(bus)), 0.0);
        let course = course(&run).unwrap();
        assert_eq!(course.over, PARTS);
        let depth = course.chart(Kind::Depth).unwrap();
        assert_eq!((depth.left_out, depth.series.len(), depth.series[0].name.as_str()), (1, QUEUES_MAX + 1, "queue-1"));
        assert_eq!((depth.series[0].values[0], depth.series[1].values[7]), (4.0, 8.0));
        let unacked = &depth.series[QUEUES_MAX];
        assert_eq!((unacked.name.as_str(), unacked.values[0], unacked.values[1]), ("at consumers", 4.0, 9.0));
        let messages = course.chart(Kind::Messages).unwrap();
        let sums = sums(messages);
        assert_eq!(sums, [("published", 600), ("delivered", 149), ("worked on", 99), ("lost or dropped", 0)]);
        assert_eq!(messages.series[0].values[3], 200.0, "ten in 50 ms");
        let latency = course.chart(Kind::Latency).unwrap();
        let [half, most] = [0, 1].map(|place| &latency.series[place].values);
        assert!(half[0].is_nan() && most[0].is_nan());
        assert_eq!((half[1], most[1], most[59]), (1.5, 9.0, 299.0), "of the last of the parts that are told together");
    }
}
