//! A simulation at a pace: its trace is the one-call run's, whatever the clock on the wall does and whoever touches it.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.

mod common;

use common::watched::{SEED, Watched, memory, spec, words};
use common::{Scenario, Shape};
use shared::batch::Table;
use shared::fault::{Effect, Fault, Moment};
use shared::id::NodeId;
use shared::machine::Machine;
use shared::rng::Rng;
use shared::session::board::FRAME_TICK;
use shared::session::paced::{Input, LAG_MAX};
use shared::session::simulate;
use shared::time::{Span, Time};
use shared::wire::{Frame, Speed, Stride};

fn kill(number: u32) -> Effect {
    Effect::Kill(NodeId::Worker(number))
}

#[test]
fn the_trace_is_that_of_the_run_in_one_go_at_every_pace() {
    for scenario in
        [words(), Scenario::draw(3, Shape::OneStage), Scenario::draw(11, Shape::Chain), Scenario::draw(12, Shape::Sort)]
    {
        let whole = simulate(spec(&scenario), SEED, memory(&scenario)).unwrap();
        for speed in [Speed::Times(0.1), Speed::Times(1.0), Speed::Times(250.0), Speed::Max] {
            let paced = Watched::new(&scenario, speed).run_out();
            assert_eq!(paced.trace_hash, whole.trace_hash, "{speed:?}");
            assert_eq!(
                (paced.virtual_time, paced.partitions, paced.counters),
                (whole.virtual_time, whole.partitions.clone(), whole.counters)
            );
        }
    }
}

#[test]
fn pauses_steps_other_speeds_and_a_clock_that_stutters_leave_no_trace() {
    let scenario = words();
    let whole = simulate(spec(&scenario), SEED, memory(&scenario)).unwrap();
    for seed in 0..20 {
        let rng = &mut Rng::new(seed);
        let mut watched = Watched::new(&scenario, Speed::Times(1.0));
        while watched.ended.is_none() {
            match rng.below(8) {
                0 => watched.say(Input::Pause),
                1 => watched.say(Input::Step(Stride::Event)),
                2 => watched.say(Input::Step(Stride::Task)),
                3 => watched.say(Input::Speed(Speed::Times(0.05 + rng.below(40) as f64 / 10.0))),
                4 => watched.say(Input::Repeat),
                _ => watched.say(Input::Resume),
            }
            if watched.ended.is_none() {
                watched.go(Span(rng.below(60_000)));
            }
            // Whoever drives it comes late.
            watched.wall = watched.wall + Span(rng.below(30_000));
        }
        let paced = watched.ended.unwrap().unwrap();
        assert_eq!((&paced.trace_hash, paced.virtual_time), (&whole.trace_hash, whole.virtual_time), "seed {seed}");
    }
}

#[test]
fn a_kill_at_a_virtual_moment_is_the_fault_of_that_moment() {
    let calm = words();
    let length = simulate(spec(&calm), SEED, memory(&calm)).unwrap().virtual_time;
    for part in 1..40 {
        let mut watched = Watched::new(&calm, Speed::Times(1.0));
        watched.go(Span(length.0 * part / 41));
        watched.say(Input::Fault(kill(2)));
        let at = watched.paced.moment();
        let paced = watched.run_out();
        let fault = Fault { at: Moment::Time(at), effect: kill(2) };
        let scenario = calm.clone().with_faults(vec![fault]);
        let written = simulate(spec(&scenario), SEED, memory(&scenario)).unwrap();
        assert_eq!((paced.trace_hash, paced.partitions), (written.trace_hash, written.partitions), "killed at {at}");
    }
}

#[test]
fn a_kill_and_a_restart_change_no_row_and_are_seen() {
    let scenario = words();
    let mut watched = Watched::new(&scenario, Speed::Times(0.5));
    watched.go(Span::millis(500));
    watched.say(Input::Pause);
    watched.say(Input::Fault(kill(1)));
    watched.say(Input::Fault(kill(3)));
    watched.go(FRAME_TICK);
    let seen = watched.frames.last().unwrap().1.clone();
    let down: Vec<_> = seen.workers.iter().filter(|worker| worker.state == shared::wire::WorkerState::Down).collect();
    assert_eq!(down.len(), 2, "a kill is seen while it is paused");
    watched.say(Input::Fault(Effect::RestartCoordinator));
    watched.go(FRAME_TICK);
    let seen = watched.frames.last().unwrap().1.clone();
    assert_eq!(seen.news.last().unwrap().text, "The coordinator was stopped; it continues from its last checkpoint.");
    watched.say(Input::Resume);
    let paced = watched.run_out();
    let table = Table::new(&scenario.plan, paced.partitions).unwrap();
    assert_eq!(table.output_hash().unwrap(), scenario.sequential().output_hash().unwrap());
    assert!(paced.tally.tasks_repeated > 0);
}

#[test]
fn virtual_time_keeps_its_pace_and_stands_still_while_it_is_paused() {
    let mut watched = Watched::new(&words(), Speed::Times(0.5));
    watched.go(Span::millis(800));
    assert!(watched.paced.moment().since(Time(400_000)) < Span::millis(60) && watched.paced.moment() <= Time(400_000));
    watched.say(Input::Pause);
    watched.go(FRAME_TICK);
    let (frames, moment) = (watched.frames.len(), watched.paced.moment());
    assert!(watched.frames.last().unwrap().1.pace.as_ref().unwrap().paused);
    watched.go(Span::seconds(30));
    assert_eq!((watched.frames.len(), watched.paced.moment()), (frames, moment), "nothing is said and nothing moves");
    watched.say(Input::Resume);
    watched.go(Span::millis(200));
    assert_eq!(watched.paced.moment(), moment + Span::millis(100));
    // Whoever drives it was asleep for a minute: it goes on where it was.
    watched.wall = watched.wall + Span::seconds(60);
    watched.paced.wake(watched.wall);
    assert!(watched.paced.moment() <= moment + Span::millis(100) + LAG_MAX);
}

#[test]
fn frames_come_at_most_one_a_tick_and_tell_the_virtual_time() {
    let mut watched = Watched::new(&words(), Speed::Times(2.0));
    watched.go(Span::millis(400));
    for pair in watched.frames.windows(2) {
        let [(earlier, before), (later, after)] = pair else { panic!() };
        assert!(later.since(*earlier) >= FRAME_TICK, "{earlier} {later}");
        assert!(before.now <= after.now);
    }
    assert!(watched.frames.len() > 10);
    let (at, frame) = watched.frames.last().unwrap();
    assert_eq!(frame.now, Time(2 * at.since(Time(5_000_000)).0));
}

#[test]
fn a_step_lets_one_thing_happen_and_pauses() {
    let mut watched = Watched::new(&words(), Speed::Times(0.5));
    watched.say(Input::Step(Stride::Task));
    watched.go(FRAME_TICK);
    let done = |frame: &Frame| frame.attempts.iter().filter(|it| it.end.is_some()).count();
    let frame = watched.frames.last().unwrap().1.clone();
    assert_eq!((done(&frame), frame.pace.clone().unwrap().paused), (1, true));
    let moment = watched.paced.moment();
    watched.say(Input::Step(Stride::Event));
    assert!(watched.paced.moment() > moment);
    watched.go(Span::seconds(1));
    let frames = watched.frames.len();
    watched.go(Span::seconds(1));
    assert_eq!(watched.frames.len(), frames, "it waits for the next step");
}
