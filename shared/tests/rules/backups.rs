//! Rule 7: near the end, in-progress tasks get backup executions; the first to finish wins.

use shared::batch::coordinator::{Note, Output};
use shared::batch::message::Message;
use shared::batch::worker::{Input, Output as WorkerOutput};
use shared::batch::{Counters, task::Outcome};
use shared::fault::{Effect, Fault, Moment};
use shared::id::NodeId;
use shared::time::{Span, Time};

use crate::bench::{Bench, FIRST, said};
use crate::common::Scenario;
use crate::desk::{Desk, MAP_0, MAP_1, MAP_2, REDUCE_0, REDUCE_1, accepts, said_to};
use crate::long_text;

/// `worker-1` runs `map-0` and `map-1` for nearly 100 ms, `worker-2` did `map-2` in 20 ms and has nothing to do.
fn a_slow_worker() -> Desk {
    let mut desk = Desk::new(3, 1);
    desk.join(1);
    desk.join(2);
    desk.wait(20);
    desk.do_task(2, MAP_2);
    assert_eq!(desk.tasks_given(2, 0), [MAP_2]);
    desk.wait(79);
    desk.heartbeat(1);
    desk.heartbeat(2);
    assert_eq!(desk.tasks_given(2, 0), [MAP_2], "no backup before a task has run long");
    desk
}

#[test]
fn rule_7_when_nothing_is_idle_a_free_worker_runs_the_slowest_task_too() {
    let mut desk = a_slow_worker();
    let from = desk.given.len();
    let outputs = desk.wait(1);
    assert_eq!(desk.tasks_given(2, from), [MAP_0], "the one that runs longest, one at a time");
    let began = |output: &&Output| matches!(output, Output::Note(Note::Began { task: MAP_0, backup: true, .. }));
    assert_eq!(outputs.iter().filter(began).count(), 1, "and whoever watches is told");
    let tally = desk.coordinator.tally();
    assert_eq!(
        (tally.backup_tasks, tally.tasks_repeated, tally.tasks_run),
        (1, 0, 5),
        "a backup repeats nothing that was lost"
    );

    desk.heartbeat(2);
    desk.wait(50);
    desk.heartbeat(2);
    assert_eq!(desk.given.len(), from + 1, "two executions of a task are enough");
}

#[test]
fn rule_7_a_backup_that_finishes_first_wins_and_the_first_execution_is_cancelled() {
    let mut desk = a_slow_worker();
    desk.wait(1);
    let (slow, backup) = (desk.attempt(1, MAP_0), desk.attempt(2, MAP_0));
    let outputs = desk.done(2, MAP_0, backup);
    let told = said_to(1, &outputs);
    assert!(told.contains(&Message::Cancel { task: MAP_0, attempt: slow }), "{told:?}");
    let place = |message: &Message| matches!(message, Message::MapAt { place } if place.worker == NodeId::Worker(2));
    assert!(told.iter().any(place), "the reducer fetches from the winner: {told:?}");
    assert!(accepts(&outputs, MAP_0));

    let counters = desk.coordinator.counters();
    let outputs = desk.done(1, MAP_0, slow);
    assert_eq!(said_to(1, &outputs), [Message::Cancel { task: MAP_0, attempt: slow }], "the loser's output is not wanted");
    assert_eq!(desk.coordinator.counters(), counters);
}

#[test]
fn rule_7_a_first_execution_that_finishes_first_wins_and_the_backup_is_cancelled() {
    let mut desk = a_slow_worker();
    desk.wait(1);
    let (slow, backup) = (desk.attempt(1, MAP_0), desk.attempt(2, MAP_0));
    let from = desk.given.len();
    let outputs = desk.done(1, MAP_0, slow);
    assert!(accepts(&outputs, MAP_0));
    assert!(said_to(2, &outputs).contains(&Message::Cancel { task: MAP_0, attempt: backup }));
    assert_eq!(desk.tasks_given(2, from), [MAP_1], "whoever is free helps with the next one");
}

#[test]
fn rule_7_reduce_tasks_get_backups_as_well() {
    let mut desk = Desk::new(1, 2);
    desk.join(1);
    desk.join(2);
    desk.do_task(1, MAP_0);
    desk.wait(10);
    desk.do_task(2, REDUCE_1);
    desk.wait(89);
    desk.heartbeat(2);
    assert_eq!(desk.tasks_given(2, 0), [REDUCE_1]);
    desk.wait(1);
    assert_eq!(desk.tasks_given(2, 0), [REDUCE_1, REDUCE_0]);
}

#[test]
fn rule_7_a_cancelled_kernel_is_stopped_and_what_it_still_says_is_not_passed_on() {
    let mut bench = Bench::new(2);
    bench.assign(MAP_0, FIRST, vec![]);
    bench.assign(MAP_1, FIRST, vec![]);
    let outputs = bench.hear(NodeId::Coordinator, Message::Cancel { task: MAP_0, attempt: FIRST });
    let [WorkerOutput::Abandon, WorkerOutput::Compute(work)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(work.task, MAP_1, "and the next one begins");
    let outcome = Outcome::Mapped { partitions: vec![], counters: Counters::default() };
    let outputs = bench.handle(Input::Computed { task: MAP_0, attempt: FIRST, outcome });
    assert_eq!(said(&outputs), []);
}

#[test]
fn rule_7_a_job_with_a_slow_worker_ends_long_before_the_slow_worker_would() {
    // A task takes a millisecond, so one on the slow worker takes a second.
    let slow =
        Fault { at: Moment::Time(Time::ZERO), effect: Effect::Slow { node: NodeId::Worker(1), factor: 1000.0, span: None } };
    let scenario = Scenario::calm(&long_text(120), 600, 2, 3).with_faults(vec![slow]);
    let (simulation, finished) = scenario.finish(11);
    assert!(finished.tally.backup_tasks > 0);
    assert!(simulation.now().since(Time::ZERO) < Span::millis(700), "{}", simulation.now());
    scenario.assert_equals_sequential(&finished);
}

#[test]
fn rule_7_a_reduce_task_that_waits_for_its_inputs_keeps_no_worker_from_a_backup() {
    // Every worker has a reduce task in hand long before the slow one's map task is done.
    let calm = Scenario::calm(&long_text(400), 600, 4, 4);
    let (undisturbed, _) = calm.finish(11);
    let slow =
        Fault { at: Moment::Time(Time::ZERO), effect: Effect::Slow { node: NodeId::Worker(3), factor: 1000.0, span: None } };
    let scenario = Scenario::calm(&long_text(400), 600, 4, 4).with_faults(vec![slow]);
    let (simulation, finished) = scenario.finish(11);
    assert!(finished.tally.backup_tasks > 0);
    let (with, without) = (simulation.now(), undisturbed.now());
    assert!(with < without + Span::millis(500), "{with} with the slow worker, {without} without");
    scenario.assert_equals_sequential(&finished);
}
