//! Going to any moment of a simulated run: it is the moment that a run which went straight there has, natively and in wasm.
//!
//! `MILLRACE_REWRITE=1 cargo test -p shared --test seek` writes `golden/states.txt` anew; read its diff.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.

mod common;
mod golden;

use common::watched::{SEED, Watched, memory, spec, words};
use common::{Scenario, Shape};
use shared::fault::text::item;
use shared::fault::{Effect, Fault, Moment};
use shared::id::NodeId;
use shared::rng::Rng;
use shared::session::board::FRAME_TICK;
use shared::session::paced::Input;
use shared::session::{simulate, state_hash};
use shared::sim::{SimSpec, Simulation};
use shared::time::{Span, Time};
use shared::wire::{Speed, Stride};

/// Moments of each experiment.
const MOMENTS: u64 = 20;

fn fault(at_ms: u64, effect: Effect) -> Fault {
    Fault { at: Moment::Time(Time(at_ms * 1_000)), effect }
}

fn kill(number: u32) -> Effect {
    Effect::Kill(NodeId::Worker(number))
}

/// Five experiments, each with faults.
fn experiments() -> Vec<(&'static str, Scenario)> {
    let faults = vec![
        Fault { at: Moment::Progress(0.4), effect: kill(2) },
        fault(700, Effect::RestartCoordinator),
        fault(900, Effect::Slow { node: NodeId::Worker(1), factor: 8.0, span: Some(Span::millis(500)) }),
    ];
    vec![
        ("words", words().with_faults(faults)),
        ("chain", Scenario::draw(11, Shape::Chain)),
        ("join", Scenario::draw(5, Shape::Join)),
        ("sort", Scenario::draw(12, Shape::Sort)),
        ("micro_batches", Scenario::draw(7, Shape::MicroBatches)),
    ]
}

/// The run that goes straight to a moment, and what is seen there.
fn straight(scenario: &Scenario, to: Time) -> String {
    let spec = SimSpec { run: spec(scenario), seed: SEED, keeps_rows: false };
    let mut simulation = Simulation::new(spec, memory(scenario));
    while simulation.step_by(to).unwrap() {}
    simulation.pass(to);
    state_hash(&simulation.whole())
}

fn moments(scenario: &Scenario) -> Vec<Time> {
    let length = simulate(spec(scenario), SEED, memory(scenario)).unwrap().virtual_time;
    (0..MOMENTS).map(|part| Time(length.0 * part / (MOMENTS - 1))).collect()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn a_moment_is_the_same_from_before_from_after_and_everywhere() {
    let mut lines = String::from("experiment moment_us state\n");
    for (name, scenario) in experiments() {
        let moments = moments(&scenario);
        let states: Vec<_> = moments.iter().map(|at| straight(&scenario, *at)).collect();
        let mut watched = Watched::new(&scenario, Speed::Times(0.001));
        for (at, state) in moments.iter().zip(&states) {
            assert_eq!((at, &watched.seek(*at)), (at, state), "{name}, from before");
        }
        for (at, state) in moments.iter().zip(&states).rev() {
            assert_eq!((at, &watched.seek(*at)), (at, state), "{name}, from after");
        }
        let rng = &mut Rng::new(3);
        for _ in 0..40 {
            let pick = rng.below(MOMENTS) as usize;
            assert_eq!(watched.seek(moments[pick]), states[pick], "{name}, at {}", moments[pick]);
        }
        for (at, state) in moments.iter().zip(states) {
            lines += &format!("{name} {} {state}\n", at.0);
        }
    }
    golden::compare("states.txt", &lines, include_str!("golden/states.txt"));
}

#[test]
fn leaps_leave_no_trace() {
    for (name, scenario) in experiments() {
        let whole = simulate(spec(&scenario), SEED, memory(&scenario)).unwrap();
        let mut watched = Watched::new(&scenario, Speed::Times(1.0));
        let rng = &mut Rng::new(9);
        for _ in 0..12 {
            watched.seek(Time(rng.below(whole.virtual_time.0)));
            watched.say(Input::Resume);
            watched.go(Span(rng.below(200_000)));
            watched.say(Input::Step(Stride::Event));
        }
        watched.say(Input::Speed(Speed::Max));
        watched.say(Input::Resume);
        let seen = watched.run_out();
        assert_eq!((seen.trace_hash, seen.partitions), (whole.trace_hash, whole.partitions), "{name}");
    }
}

#[test]
fn it_ends_once_and_can_be_gone_back_in() {
    let scenario = words();
    let mut watched = Watched::new(&scenario, Speed::Max);
    let ended = watched.run_out();
    watched.go(Span::seconds(1));
    let last = watched.frames.last().unwrap().1.clone();
    let pace = last.pace.unwrap();
    assert_eq!((last.now, pace.end, pace.paused), (ended.virtual_time, Some(ended.virtual_time), true));
    let middle = Time(ended.virtual_time.0 / 2);
    watched.seek(middle);
    watched.go(FRAME_TICK);
    let frame = watched.frames.last().unwrap().1.clone();
    assert!(frame.whole && frame.now == middle && frame.progress < 0.9, "{} {}", frame.now, frame.progress);
    assert_eq!(frame.pace.unwrap().state_hash, Some(straight(&scenario, middle)));
    watched.say(Input::Resume);
    watched.go(Span::seconds(100));
    assert!(watched.ended.is_none(), "the end is known: nobody need be told again");
    assert_eq!(watched.paced.moment(), ended.virtual_time);
}

#[test]
fn a_wish_in_the_past_makes_the_future_of_the_experiment_that_has_it_written() {
    let calm = words();
    let length = simulate(spec(&calm), SEED, memory(&calm)).unwrap().virtual_time;
    let mut watched = Watched::new(&calm, Speed::Max);
    watched.run_out();
    let mut faults = Vec::new();
    // Later ones first: each stays in the history of those that are wished for before it.
    for (part, effect) in [
        (8, kill(2)),
        (5, Effect::Slow { node: NodeId::Worker(1), factor: 4.0, span: None }),
        (3, Effect::Pause { node: NodeId::Worker(3), span: Span::millis(400) }),
        (6, kill(1)),
    ] {
        watched.seek(Time(length.0 * part / 10));
        watched.say(Input::Fault(effect.clone()));
        watched.go(FRAME_TICK);
        let frame = watched.frames.last().unwrap().1.clone();
        let pace = frame.pace.unwrap();
        assert_eq!(pace.end, None, "there is another future");
        faults.push(Fault { at: Moment::Time(watched.paced.moment()), effect });
        assert_eq!(pace.wished, faults.iter().map(item).collect::<Vec<_>>());
        assert!(frame.news.last().is_some_and(|news| news.fault.is_some() && news.at == watched.paced.moment()));
        watched.say(Input::Resume);
        let touched = watched.run_out();
        let written = calm.clone().with_faults(faults.clone());
        let whole = simulate(spec(&written), SEED, memory(&written)).unwrap();
        assert_eq!((&touched.trace_hash, touched.partitions), (&whole.trace_hash, whole.partitions), "{part}");
        for at in moments(&written) {
            assert_eq!(watched.seek(at), straight(&written, at), "{part}, at {at}");
        }
    }
    assert_eq!(faults.len(), 4);
}

#[test]
fn a_step_goes_on_to_the_next_fault_or_to_the_end() {
    let (_, scenario) = experiments().remove(0);
    let mut watched = Watched::new(&scenario, Speed::Times(0.001));
    let mut seen = Vec::new();
    for _ in 0..3 {
        watched.say(Input::Step(Stride::Fault));
        watched.arrive();
        watched.go(FRAME_TICK);
        seen.push(watched.frames.last().unwrap().1.now.0 / 1_000);
    }
    assert!(seen[0] < 700 && seen[1..] == [700, 900], "{seen:?}");
    watched.say(Input::Step(Stride::Fault));
    watched.arrive();
    assert!(watched.ended.is_some());
}

#[test]
fn the_future_can_be_gone_to_before_it_was_seen() {
    let scenario = words();
    let length = simulate(spec(&scenario), SEED, memory(&scenario)).unwrap().virtual_time;
    let mut watched = Watched::new(&scenario, Speed::Times(0.001));
    let at = Time(length.0 / 3);
    assert_eq!(watched.seek(at), straight(&scenario, at));
    // Beyond the end there is only the end.
    watched.say(Input::Seek(Time(u64::MAX)));
    let ended = watched.run_out();
    assert_eq!((watched.paced.moment(), ended.virtual_time), (length, length));
}
