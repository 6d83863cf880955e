//! Going to any moment of a simulated bus: it is the moment that a run which went straight there has, natively and in wasm; and whether
//! anybody looks changes nothing.
//!
//! `MILLRACE_REWRITE=1 cargo test -p shared --test bus_seek` writes `golden/bus_states.txt` anew; read its diff.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.

mod common;
mod golden;

use common::watched::{SEED, Watched};
use shared::experiment::{BusExperiment, Checked, check_any};
use shared::fault::{Effect, Fault, Moment};
use shared::id::NodeId;
use shared::messaging::Node;
use shared::rng::Rng;
use shared::session::board::FRAME_TICK;
use shared::session::paced::Input;
use shared::session::{simulate_bus, state_hash};
use shared::sim::messaging::{BusSimulation, BusSpec};
use shared::time::{Span, Time};
use shared::wire::{BUS_PARTS, BusFrame, Frame, Speed, Stride};

/// Moments of each experiment.
const MOMENTS: u64 = 20;

const EXAMPLES: [(&str, &str); 5] = [
    ("work-queue", include_str!("../../examples/work-queue.yaml")),
    ("overload", include_str!("../../examples/overload.yaml")),
    ("rpc", include_str!("../../examples/rpc.yaml")),
    ("publisher-confirms", include_str!("../../examples/publisher-confirms.yaml")),
    ("poison-message", include_str!("../../examples/poison-message.yaml")),
];

fn experiments() -> impl Iterator<Item = (&'static str, BusExperiment)> {
    EXAMPLES.into_iter().map(|(name, text)| {
        let Ok(Checked::Messaging(experiment)) = check_any(text, &[]) else { panic!("{name} is a bus") };
        (name, *experiment)
    })
}

fn watched(experiment: &BusExperiment) -> BusSimulation {
    BusSimulation::new(BusSpec::of(experiment, SEED)).watched(1)
}

/// The run that goes straight to a moment, and what is seen there.
fn straight(experiment: &BusExperiment, to: Time) -> Frame {
    let mut simulation = watched(experiment);
    while simulation.step_by(to).unwrap() {}
    simulation.pass(to);
    simulation.whole()
}

fn moments(experiment: &BusExperiment) -> Vec<Time> {
    (0..MOMENTS).map(|part| Time(experiment.bus.span.0 * part / (MOMENTS - 1))).collect()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn a_moment_is_the_same_from_before_from_after_and_everywhere() {
    let mut lines = String::from("experiment moment_us state\n");
    for (name, experiment) in experiments() {
        let moments = moments(&experiment);
        let states: Vec<_> = moments.iter().map(|at| state_hash(&straight(&experiment, *at))).collect();
        let mut run = Watched::of_bus(&experiment, Speed::Times(0.001));
        for (at, state) in moments.iter().zip(&states) {
            assert_eq!((at, &run.seek(*at)), (at, state), "{name}, from before");
        }
        for (at, state) in moments.iter().zip(&states).rev() {
            assert_eq!((at, &run.seek(*at)), (at, state), "{name}, from after");
        }
        for (at, state) in moments.iter().zip(states) {
            lines += &format!("{name} {} {state}\n", at.0);
        }
    }
    golden::compare("bus_states.txt", &lines, include_str!("golden/bus_states.txt"));
}

#[test]
fn looks_and_leaps_leave_no_trace() {
    for (name, experiment) in experiments() {
        let mut plain = BusSimulation::new(BusSpec::of(&experiment, SEED));
        while plain.step().unwrap() {}
        let whole = simulate_bus(1, &experiment, SEED, || false).unwrap();
        assert_eq!(whole.trace_hash, plain.trace_hash(), "{name}, watched");
        let mut run = Watched::of_bus(&experiment, Speed::Times(1.0));
        let rng = &mut Rng::new(9);
        for _ in 0..12 {
            run.seek(Time(rng.below(whole.virtual_time.0)));
            run.say(Input::Resume);
            run.go(Span(rng.below(200_000)));
            run.say(Input::Step(Stride::Event));
        }
        run.say(Input::Speed(Speed::Max));
        run.say(Input::Resume);
        let seen = run.run_out();
        assert_eq!((&seen.trace_hash, &seen.bus), (&whole.trace_hash, &whole.bus), "{name}");
        let bus = whole.bus.unwrap();
        assert!(bus.expectations.iter().all(|it| it.held), "{name}: {:?}", bus.expectations);
    }
}

/// What a client knows that has heard every frame is what there is to be seen.
#[test]
fn frames_add_up_to_the_whole() {
    for (name, experiment) in experiments() {
        let mut run = Watched::of_bus(&experiment, Speed::Times(4.0));
        let mut known = None::<BusFrame>;
        for _ in 0..40 {
            run.go(Span::millis(61));
            for (_, frame) in run.frames.drain(..) {
                let told = *frame.bus.unwrap();
                match &mut known {
                    Some(known) if !frame.whole => known.merge(told),
                    known => *known = Some(told),
                }
            }
            run.say(Input::Pause);
            run.go(FRAME_TICK);
            let (_, last) = run.frames.pop().unwrap();
            let mut bus = known.clone().unwrap();
            run.frames.into_iter().for_each(|(_, frame)| bus.merge(*frame.bus.unwrap()));
            run.frames = Vec::new();
            bus.merge(*last.bus.clone().unwrap());
            let straight = straight(&experiment, last.now);
            assert_eq!(Some(&bus), straight.bus.as_deref(), "{name} at {}", last.now);
            assert_eq!(last.workers, straight.workers, "{name} at {}", last.now);
            known = Some(bus);
            run.say(Input::Resume);
        }
        assert!(known.unwrap().parts.len() > BUS_PARTS / 10, "{name}");
    }
}

#[test]
fn a_wish_in_the_past_makes_the_future_of_the_experiment_that_has_it_written() {
    for (name, calm) in experiments() {
        let mut run = Watched::of_bus(&calm, Speed::Max);
        run.run_out();
        let mut written = calm.clone();
        for (part, effect) in [
            (8, Effect::Kill(1)),
            (5, Effect::Slow { node: 1, factor: 4.0, span: None }),
            (3, Effect::Pause { node: 1, span: Span::millis(400) }),
            (6, Effect::Kill(0)),
        ] {
            run.seek(Time(calm.bus.span.0 * part / 10));
            let of_session = |node| if node == 0 { NodeId::Coordinator } else { NodeId::Worker(node) };
            run.say(Input::Fault(effect.clone().map(of_session)));
            run.go(FRAME_TICK);
            let frame = run.frames.last().unwrap().1.clone();
            assert_eq!(frame.pace.unwrap().end, None, "{name}: there is another future");
            assert!(frame.news.last().is_some_and(|news| news.fault.is_some() && news.at == run.paced.moment()), "{name}");
            let effect = effect.map(|node: u32| Node(node as u16));
            written.faults.push(Fault { at: Moment::Time(run.paced.moment()), effect });
            run.say(Input::Resume);
            let touched = run.run_out();
            let whole = simulate_bus(1, &written, SEED, || false).unwrap();
            assert_eq!((&touched.trace_hash, &touched.bus), (&whole.trace_hash, &whole.bus), "{name}, {part}");
        }
    }
}

#[test]
fn a_wish_is_written_with_the_names_of_the_bus() {
    let (_, experiment) = experiments().next().unwrap();
    let mut run = Watched::of_bus(&experiment, Speed::Times(0.001));
    run.seek(Time(1_500_000));
    run.say(Input::Fault(Effect::Kill(NodeId::Worker(3))));
    run.say(Input::Fault(Effect::Kill(NodeId::Coordinator)));
    run.go(FRAME_TICK);
    let wished = run.frames.last().unwrap().1.pace.clone().unwrap().wished;
    assert_eq!(wished, ["{ at: 1.501 s, kill: worker-2 }", "{ at: 1.502 s, kill: broker }"]);
}
