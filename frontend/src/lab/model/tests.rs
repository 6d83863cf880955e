//! A run whose moments are gone to: what is told anew takes the place of what was known.

use shared::batch::Counters;
use shared::id::NodeId;
use shared::time::{Span, Time};
use shared::wire::{
    AttemptState, AttemptView, Bytes, Event, Frame, News, Pace, Phase, Place, Report, Speed, Started, Tally, WorkerState,
    WorkerView,
};

use super::{RunModel, Stage, TaskState};

fn started() -> RunModel {
    let mut run = RunModel::asked(1, Place::Simulate);
    let started = Started {
        run: 1,
        place: Place::Simulate,
        title: String::new(),
        input: String::new(),
        input_bytes: 0,
        splits: vec![Bytes(100); 3],
        reduces: 1,
        stages: Vec::new(),
        workers: 1,
        seed: 1,
        steps: Vec::new(),
        columns: Vec::new(),
        inputs: Vec::new(),
        faults: Vec::new(),
        bus: None,
    };
    run.apply(Event::Started(Box::new(started)), 0.0);
    run
}

fn attempt(index: u32, state: AttemptState, end: Option<u64>) -> AttemptView {
    AttemptView {
        index,
        phase: Phase::Map,
        task: index,
        number: 1,
        backup: false,
        worker: 1,
        incarnation: 1,
        start: Time(u64::from(index) * 1_000),
        end: end.map(Time),
        state,
        records: Bytes(1),
        bytes: Bytes(50),
        sizes: Vec::new(),
    }
}

/// A frame of a run that is known to end after ten seconds, or not known to end.
fn frame(now: u64, whole: bool, attempts: Vec<AttemptView>, end: Option<u64>) -> Frame {
    let worker = WorkerView { node: NodeId::Worker(1), incarnation: 1, state: WorkerState::Busy };
    let pace = Pace {
        speed: Speed::Max,
        paused: true,
        reached: Time(end.unwrap_or(now)),
        end: end.map(Time),
        wished: Vec::new(),
        state_hash: None,
        halt: None,
    };
    Frame {
        run: 1,
        now: Time(now),
        whole,
        progress: attempts.len() as f64 / 10.0,
        workers: vec![worker],
        news: attempts.iter().map(|it| News { at: it.start, text: format!("news of {}", it.index), fault: None }).collect(),
        attempts,
        counters: Counters::default(),
        tally: Tally::default(),
        pace: Some(pace),
        bus: None,
    }
}

fn report() -> Report {
    Report {
        place: Place::Simulate,
        seed: 1,
        rows: 1,
        wall_ms: 1.0,
        virtual_ms: Some(10_000.0),
        trace_hash: None,
        output_hash: String::new(),
        counters: Counters::default(),
        tally: Tally::default(),
        expectations: Vec::new(),
        bus: None,
    }
}

fn tell(run: &mut RunModel, frame: Frame) {
    run.apply(Event::Frame(Box::new(frame)), 0.0);
}

fn ended() -> RunModel {
    let mut run = started();
    let all = (0..3).map(|index| attempt(index, AttemptState::Done, Some(9_000_000))).collect();
    tell(&mut run, frame(10_000_000, false, all, Some(10_000_000)));
    run.apply(Event::Finished { run: 1, report: report() }, 0.0);
    run
}

#[test]
fn what_is_told_anew_replaces_what_was_known() {
    let early = || {
        frame(
            1_500,
            true,
            vec![attempt(0, AttemptState::Done, Some(900)), attempt(1, AttemptState::Running, None)],
            Some(10_000_000),
        )
    };
    let mut run = ended();
    run.take_changed();
    assert!(!run.is_rewound() && !run.can_be_steered() && run.can_be_sought());
    tell(&mut run, early());
    let mut fresh = started();
    tell(&mut fresh, early());
    assert_eq!((&run.attempts, &run.workers, &run.news), (&fresh.attempts, &fresh.workers, &fresh.news));
    assert_eq!((&run.maps, &run.reduces, run.progress, run.now), (&fresh.maps, &fresh.reduces, fresh.progress, fresh.now));
    assert_eq!(run.maps[2].state, TaskState::Waiting, "what had not begun is not known");
    assert!(run.take_changed().contains(&(Phase::Map, 2)), "who draws it hears of that");
    assert!(run.is_rewound() && run.is_live() && run.is_paused() && run.can_be_steered());
    assert_eq!((run.elapsed_ms(5_000.0), run.shown), (1.5, Span(10_000_000)), "the whole run is shown");
    assert!(run.report().is_some(), "the result stays");
}

#[test]
fn another_future_takes_the_result_away() {
    let mut run = ended();
    tell(&mut run, frame(1_500, true, vec![attempt(0, AttemptState::Running, None)], Some(10_000_000)));
    tell(&mut run, frame(1_501, false, vec![attempt(0, AttemptState::Killed, Some(1_501))], None));
    assert_eq!((&run.stage, run.is_rewound(), run.is_paused()), (&Stage::Running, false, true));
    assert_eq!(run.shown, Span(10_000_000), "what is shown does not jump");
    tell(&mut run, frame(12_000_000, false, vec![attempt(1, AttemptState::Done, Some(11_000_000))], Some(12_000_000)));
    run.apply(Event::Finished { run: 1, report: report() }, 0.0);
    assert!(run.report().is_some() && !run.is_rewound());
    assert_eq!(run.shown, Span(12_000_000));
}

#[test]
fn what_is_shown_grows_in_steps_and_ends_at_the_end() {
    let mut run = started();
    let mut shown = |now, end| {
        tell(&mut run, frame(now, false, Vec::new(), end));
        run.shown
    };
    assert_eq!(shown(1_000_000, None), Span(1_500_000));
    assert_eq!(shown(1_400_000, None), Span(1_500_000));
    assert_eq!(shown(1_600_000, None), Span(2_400_000));
    assert_eq!(shown(2_000_000, Some(2_000_000)), Span(2_000_000));
}
