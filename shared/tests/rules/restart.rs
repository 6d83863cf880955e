//! Rule 11: the coordinator writes checkpoints; `restart: coordinator` continues from the last.

use std::collections::BTreeSet;

use shared::batch::coordinator::Input;
use shared::batch::message::{Envelope, Message};
use shared::fault::{Effect, Fault, Moment};
use shared::id::NodeId;
use shared::machine::Machine;
use shared::session::run::{self, Run};
use shared::sim::Kind;
use shared::time::{Span, Time};

use crate::common::Scenario;
use crate::desk::{Desk, MAP_0, MAP_1, MAP_2, MAP_3, REDUCE_0, REDUCE_1, accepts, finished, said_to, stores};
use crate::long_text;

#[test]
fn rule_11_a_completion_is_accepted_only_once_a_stored_checkpoint_has_it() {
    let mut desk = Desk::new(2, 1);
    desk.store_answers = false;
    desk.join(1);
    let first = desk.do_task(1, MAP_0);
    let second = desk.do_task(1, MAP_1);
    assert!(!accepts(&first, MAP_0) && !accepts(&second, MAP_1), "its worker is the only one to know as yet");
    assert!(!accepts(&desk.do_task(1, MAP_0), MAP_0), "saying it again changes nothing");
    let outputs = desk.handle(Input::Stored { version: stores(&first).unwrap() });
    assert!(accepts(&outputs, MAP_0) && !accepts(&outputs, MAP_1));
    let outputs = desk.handle(Input::Stored { version: stores(&second).unwrap() });
    assert!(accepts(&outputs, MAP_1) && !accepts(&outputs, MAP_0));
}

#[test]
fn rule_11_a_restarted_coordinator_continues_from_its_last_checkpoint() {
    let mut desk = Desk::new(4, 2);
    desk.join(1);
    desk.join(2);
    desk.do_tasks(1, &[MAP_0, MAP_1]);
    desk.do_tasks(2, &[MAP_2, MAP_3]);
    desk.do_task(1, REDUCE_0);
    let (progress, tally, counters) = (desk.coordinator.progress(), desk.coordinator.tally(), desk.coordinator.counters());

    desk.restart(2);
    assert_eq!(desk.coordinator.progress(), progress, "completed maps and committed partitions are known");
    assert_eq!(desk.coordinator.counters(), counters, "and so is what they counted");
    assert_eq!(desk.coordinator.tally(), tally);
    desk.join(2);
    desk.join(1);
    desk.wait(200);
    let [given] = &desk.given[..] else { panic!("only what was not done is given out: {:?}", desk.given) };
    assert_eq!((given.worker, given.task, given.attempt.epoch, given.attempt.number), (1, REDUCE_1, 2, 2));
    let places: Vec<_> = given.places.iter().map(|place| (place.task, place.worker)).collect();
    let [one, two] = [1, 2].map(NodeId::Worker);
    assert_eq!(places, [(MAP_0, one), (MAP_1, one), (MAP_2, two), (MAP_3, two)], "the maps' outputs are where they were");
    let counters = finished(&desk.do_task(1, REDUCE_1)).unwrap();
    assert_eq!((counters.map_input_records, counters.output_records), (40, 6));
}

#[test]
fn rule_11_what_no_stored_checkpoint_has_is_not_believed() {
    let mut desk = Desk::new(2, 1);
    desk.join(1);
    desk.do_task(1, MAP_0);
    desk.store_answers = false;
    let attempt = desk.attempt(1, MAP_1);
    desk.do_task(1, MAP_1);
    desk.restart(2);
    assert_eq!(desk.coordinator.counters().map_input_records, 10);
    desk.store_answers = true;
    assert!(accepts(&desk.done(1, MAP_1, attempt), MAP_1), "its worker, still unanswered, says it again, and nothing is lost");
    assert_eq!(desk.coordinator.counters().map_input_records, 20);
}

#[test]
fn rule_11_running_tasks_go_on_through_a_restart_whoever_speaks_first() {
    for order in [[1, 2], [2, 1]] {
        let mut desk = Desk::new(3, 1);
        desk.join(1);
        desk.join(2);
        let attempt = desk.attempt(1, MAP_0);
        desk.restart(2);
        for worker in order {
            desk.wait(40);
            let outputs = desk.heartbeat(worker);
            assert_eq!(said_to(worker, &outputs), [], "{order:?}: nothing is taken from it or given to it");
        }
        desk.wait(200);
        assert_eq!(desk.given, [], "{order:?}: every task is in the hands of a worker that says so");
        assert!(accepts(&desk.done(1, MAP_0, attempt), MAP_0), "under the name that the earlier coordinator gave it");
    }
}

#[test]
fn rule_11_tasks_of_which_nobody_speaks_are_given_out_soon_after_a_restart() {
    let mut desk = Desk::new(2, 1);
    desk.join(1);
    desk.restart(2);
    desk.join(2);
    assert_eq!(desk.given, [], "somebody may still have them");
    desk.wait(200);
    assert_eq!(desk.tasks_given(2, 0), [MAP_0, MAP_1, REDUCE_0]);
}

#[test]
fn rule_11_a_restart_makes_nobody_do_again_what_was_accepted() {
    let mut checked = 0;
    for percent in [20_u32, 40, 60, 80] {
        let restart = Fault { at: Moment::Progress(f64::from(percent) / 100.0), effect: Effect::RestartCoordinator };
        let scenario = Scenario::calm(&long_text(150), 400, 3, 3).with_faults(vec![restart]);
        let (mut simulation, finished) = scenario.finish(u64::from(percent));
        let (mut accepted, mut epochs) = (BTreeSet::new(), 0);
        for row in simulation.take_rows() {
            match (row.kind, row.task) {
                (Kind::Accepted, Some(task)) if row.incarnation == 1 => drop(accepted.insert(task)),
                (Kind::Computing, Some(task)) => assert!(!accepted.contains(&task), "{task} runs again: {row:?}"),
                (Kind::Spawned, _) if row.node == NodeId::Coordinator => epochs += 1,
                _ => {}
            }
            checked += u32::from(epochs == 2 && row.kind == Kind::Computing);
        }
        assert_eq!(epochs, 2, "the coordinator was restarted");
        scenario.assert_equals_sequential(&finished);
    }
    assert!(checked > 0, "something was left to do after a restart");
}

#[test]
fn rule_11_no_two_executions_have_one_name_though_a_restart_forgets_what_was_given_out() {
    let scenario = Scenario { respawn: Some(Span::millis(5)), ..Scenario::calm("one\ntwo\n", 4, 1, 2) };
    let mut run = Run::new(scenario.run_spec());
    run.handle(Time::ZERO, run::Input::Start);
    let mut given = Vec::new();
    let register = |worker: u32| {
        let (from, to) = (NodeId::Worker(worker), NodeId::Coordinator);
        let message = Message::Register;
        run::Input::Envelope(Envelope { from, from_incarnation: 1, to, to_incarnation: None, message })
    };
    let mut drain = |run: &mut Run| {
        while let Some(output) = run.poll() {
            if let run::Output::Send(Envelope { to, message: Message::Assign { task, attempt, .. }, .. }) = output {
                given.push((task, attempt, to));
            }
        }
        given.clone()
    };
    run.handle(Time::ZERO, register(1));
    let before = drain(&mut run);
    assert_eq!(before.len(), 3, "two maps and a reduce, in no checkpoint yet: {before:?}");

    // The coordinator forgets them with its state, and the worker that has them is not heard again.
    run.handle(Time::ZERO, run::Input::Fault(Effect::RestartCoordinator));
    run.wake(Time::ZERO + Span::millis(5));
    run.handle(Time::ZERO + Span::millis(6), register(2));
    run.wake(Time::ZERO + Span::millis(206));
    let all = drain(&mut run);
    let again = &all[before.len()..];
    assert_eq!(again.iter().map(|(task, ..)| *task).collect::<Vec<_>>(), [MAP_0, MAP_1, REDUCE_0]);
    let names: BTreeSet<_> = all.iter().map(|(task, attempt, _)| (*task, *attempt)).collect();
    assert_eq!(names.len(), all.len(), "each has a name of its own: {all:?}");
}
