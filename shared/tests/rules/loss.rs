//! Rule 4: map output stays with the worker that made it. A lost worker returns its in-progress tasks and its completed maps to
//! idle; reducers learn the new place. Completed reduces stay.

use std::collections::BTreeSet;

use shared::batch::coordinator::Output;
use shared::batch::message::{Envelope, Message, OutputPlace};
use shared::batch::worker::{Input, Output as WorkerOutput};
use shared::fault::{Effect, Fault, Moment};
use shared::id::{NodeId, TaskId};
use shared::sim::Kind;

use crate::bench::{Bench, FIRST, SECOND, payload, place, reduce_inputs, said};
use crate::common::Scenario;
use crate::desk::{Desk, MAP_0, MAP_1, MAP_2, MAP_3, REDUCE_0, REDUCE_1, done, finished, said_to};
use crate::long_text;

/// How a coordinator learns that `worker-1` is lost.
type Way = (&'static str, fn(&mut Desk) -> Vec<Output>);

const WAYS: [Way; 3] = [
    ("its driver says so", |desk| desk.down(1)),
    ("it falls silent", |desk| desk.silence_of_all_but(&[2])),
    ("it comes back in another life", |desk| desk.reborn(1)),
];

#[test]
fn rule_4_running_tasks_and_completed_maps_of_a_lost_worker_run_again() {
    for (way, lose) in WAYS {
        let mut desk = Desk::new(4, 2);
        desk.join(1);
        desk.join(2);
        desk.do_task(1, MAP_0);
        assert_eq!(desk.tasks_given(1, 0), [MAP_0, MAP_1, REDUCE_0], "{way}");
        assert_eq!(desk.tasks_given(2, 0), [MAP_2, MAP_3, REDUCE_1], "{way}");

        let from = desk.given.len();
        lose(&mut desk);
        let end = [desk.do_everything(2, 0), desk.do_everything(1, from), desk.do_everything(2, from)].concat();
        let again: BTreeSet<_> = desk.given[from..].iter().map(|given| (given.task, given.attempt.number)).collect();
        assert_eq!(again, BTreeSet::from([(MAP_0, 2), (MAP_1, 2), (REDUCE_0, 2)]), "{way}");
        assert!(finished(&end).is_some(), "{way}: the job goes on to its end");
        assert_eq!(desk.coordinator.tally().workers_lost, 1, "{way}");
        assert_eq!(desk.coordinator.tally().tasks_repeated, 3, "{way}");
    }
}

#[test]
fn rule_4_completed_maps_of_a_lost_worker_run_again_and_reducers_learn_the_new_place() {
    let mut desk = Desk::new(3, 3);
    (1..=3).for_each(|worker| drop(desk.join(worker)));
    assert_eq!(desk.tasks_given(2, 0), [MAP_2, REDUCE_1]);
    let told = |outputs: &[Output]| {
        let place = |message| match message {
            Message::MapAt { place } if place.task == MAP_0 => Some((place.worker, place.attempt.number)),
            _ => None,
        };
        said_to(2, outputs).into_iter().filter_map(place).collect::<Vec<_>>()
    };
    assert_eq!(told(&desk.do_task(1, MAP_0)), [(NodeId::Worker(1), 1)], "the reducer is told where the output is");

    let from = desk.given.len();
    desk.down(1);
    assert_eq!(desk.tasks_given(3, from), [MAP_0], "a completed map runs again");
    assert_eq!(told(&desk.do_task(3, MAP_0)), [(NodeId::Worker(3), 2)], "and the reducer is told of the new place at once");

    desk.do_task(2, MAP_1);
    desk.do_task(2, MAP_2);
    desk.do_task(2, REDUCE_1);
    let given = desk.given.iter().rev().find(|given| given.task == REDUCE_0).unwrap();
    assert_eq!(given.worker, 2, "the lost reduce task runs again");
    let places: Vec<_> = given.places.iter().map(|place| (place.task, place.worker)).collect();
    assert_eq!(
        places,
        [(MAP_0, NodeId::Worker(3)), (MAP_1, NodeId::Worker(2)), (MAP_2, NodeId::Worker(2))],
        "with the new places"
    );
}

#[test]
fn rule_4_completed_reduces_of_a_lost_worker_stay() {
    let mut desk = Desk::new(2, 2);
    desk.join(1);
    desk.join(2);
    desk.do_tasks(1, &[MAP_0, MAP_1, REDUCE_0]);
    let from = desk.given.len();
    desk.down(1);
    let end = desk.do_everything(2, 0);
    assert_eq!(desk.tasks_given(2, from), [MAP_0, MAP_1], "the reduce task that still runs needs the maps, not the done one");
    assert!(finished(&end).is_some());
}

#[test]
fn rule_4_an_output_that_is_not_where_it_should_be_is_made_again() {
    let mut desk = Desk::new(2, 2);
    desk.join(1);
    desk.join(2);
    desk.do_tasks(1, &[MAP_0, MAP_1]);
    let old = OutputPlace { task: MAP_0, attempt: desk.attempt(1, MAP_0), worker: NodeId::Worker(1), incarnation: 1 };
    let from = desk.given.len();
    desk.say(2, Message::Unfetchable { place: old });
    let given = desk.given[from..].to_vec();
    assert_eq!(given.iter().map(|given| given.task).collect::<Vec<_>>(), [MAP_0]);
    desk.done(given[0].worker, MAP_0, given[0].attempt);

    let outputs = desk.say(2, Message::Unfetchable { place: old });
    let new = OutputPlace { attempt: given[0].attempt, worker: NodeId::Worker(given[0].worker), ..old };
    assert_eq!(said_to(2, &outputs), [Message::MapAt { place: new }], "a late complaint is answered with the new place");
    assert_eq!(desk.given.len(), from + 1, "and nothing runs again for it");
}

#[test]
fn rule_4_what_a_life_says_after_its_end_is_not_heard() {
    for (way, lose) in [WAYS[0], WAYS[2]] {
        let mut desk = Desk::new(2, 1);
        desk.join(1);
        let attempt = desk.attempt(1, MAP_0);
        lose(&mut desk);
        let from = desk.given.len();
        assert_eq!(desk.say_in_life(1, 1, done(MAP_0, attempt)), [], "{way}");
        assert_eq!(desk.say_in_life(1, 1, Message::Register), [], "{way}");
        assert_eq!(desk.given.len(), from, "{way}: a life that is over is given nothing");
        assert_eq!(desk.coordinator.progress(), 0.0, "{way}: the output died with the life that made it");
    }
}

#[test]
fn rule_4_a_worker_does_not_hear_what_is_meant_for_another_life() {
    let mut bench = Bench::new(1);
    let (from, to) = (NodeId::Coordinator, NodeId::Worker(1));
    let message = Message::Assign { task: MAP_0, attempt: FIRST, places: vec![], skip: vec![] };
    let envelope = Envelope { from, from_incarnation: 1, to, to_incarnation: Some(2), message };
    assert_eq!(bench.handle(Input::Envelope(envelope)), []);
}

#[test]
fn rule_4_a_worker_keeps_its_map_output_and_gives_it_to_every_reducer_that_asks() {
    let mut bench = Bench::new(1);
    bench.assign(MAP_0, FIRST, vec![]);
    let told = said(&bench.mapped(0, FIRST));
    assert!(matches!(told[..], [(NodeId::Coordinator, Message::MapDone { .. })]), "the coordinator gets no rows: {told:?}");
    bench.hear(NodeId::Coordinator, Message::Accepted { task: MAP_0, attempt: FIRST });
    for (worker, partition) in [(2, 0), (3, 1), (2, 1), (4, 0)] {
        let outputs = bench.hear(NodeId::Worker(worker), Message::Fetch { task: MAP_0, attempt: FIRST, partition });
        let rows = payload(0, partition);
        let fetched = Message::Fetched { task: MAP_0, attempt: FIRST, partition, found: true, rows };
        assert_eq!(said(&outputs), [(NodeId::Worker(worker), fetched)]);
    }
    let outputs = bench.hear(NodeId::Worker(2), Message::Fetch { task: TaskId::Map(7), attempt: FIRST, partition: 0 });
    assert!(matches!(said(&outputs)[..], [(_, Message::Fetched { found: false, .. })]), "what it never made it does not have");
}

#[test]
fn rule_4_a_reducer_that_waits_for_a_lost_worker_asks_at_the_new_place() {
    let mut bench = Bench::new(2);
    let fetches = |outputs: &[WorkerOutput]| {
        let fetch = |(to, message)| match message {
            Message::Fetch { task, attempt, .. } => Some((task, attempt, to)),
            _ => None,
        };
        said(outputs).into_iter().filter_map(fetch).collect::<Vec<_>>()
    };
    let asked = fetches(&bench.assign(REDUCE_1, FIRST, vec![place(0, 2), place(1, 3)]));
    assert_eq!(asked, [(MAP_0, FIRST, NodeId::Worker(2)), (MAP_1, FIRST, NodeId::Worker(3))]);
    bench.fetched(3, 1, 1);
    let moved = OutputPlace { attempt: SECOND, ..place(0, 4) };
    let asked = fetches(&bench.hear(NodeId::Coordinator, Message::MapAt { place: moved }));
    assert_eq!(asked, [(MAP_0, SECOND, NodeId::Worker(4))], "at once, and only for what is missing");
    let rows = payload(0, 1);
    let outputs =
        bench.hear(NodeId::Worker(4), Message::Fetched { task: MAP_0, attempt: SECOND, partition: 1, found: true, rows });
    assert_eq!(reduce_inputs(&outputs), Some(vec![payload(0, 1), payload(1, 1)]));
}

#[test]
fn rule_4_rows_move_only_from_workers_that_made_them_and_a_kill_changes_no_row() {
    let mut again = 0;
    for seed in 0..10 {
        let kill = Fault { at: Moment::Progress(0.6), effect: Effect::Kill(NodeId::Worker(2)) };
        let scenario = Scenario::calm(&long_text(120), 300, 3, 3).with_faults(vec![kill]);
        let (mut simulation, finished) = scenario.finish(seed);
        let mut made = BTreeSet::new();
        for row in simulation.take_rows() {
            let holder = (row.node, row.incarnation, row.task);
            match row.kind {
                Kind::Computed => {
                    let is_map = matches!(row.task, Some(TaskId::Map(_)));
                    again += u32::from(is_map && made.iter().any(|(_, _, task)| *task == row.task));
                    made.insert(holder);
                }
                Kind::Fetched => assert!(made.contains(&holder), "{row:?} comes from a worker that did not make it"),
                _ => {}
            }
        }
        assert_eq!(finished.tally.workers_lost, 1);
        scenario.assert_equals_sequential(&finished);
    }
    assert!(again > 10, "maps that the killed worker had done ran again: {again}");
}
