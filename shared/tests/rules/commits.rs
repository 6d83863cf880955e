//! Rule 5: output goes to a private place and is committed once, atomically; a second completion of the same task is ignored.

use shared::batch::Payload;
use shared::batch::coordinator::Input;
use shared::batch::message::{Collecting, Message, Progress};

use crate::desk::{Desk, MAP_0, MAP_1, REDUCE_0, REDUCE_1, accepts, commits, finished, said_to, stores};

/// Two workers; `worker-1` has done the maps and runs `reduce-0`, falls silent, and `worker-2` is given all of it again. Then
/// `worker-1`, which was only away, is back.
fn two_executions_of_reduce_0() -> Desk {
    let mut desk = Desk::new(2, 2);
    desk.join(1);
    desk.join(2);
    desk.do_tasks(1, &[MAP_0, MAP_1]);
    desk.silence_of_all_but(&[2]);
    desk.do_tasks(2, &[MAP_0, MAP_1, REDUCE_1]);
    assert_eq!(desk.attempt(1, REDUCE_0).number, 1);
    assert_eq!(desk.attempt(2, REDUCE_0).number, 2);
    desk
}

#[test]
fn rule_5_a_partition_is_committed_whole_and_only_then_done() {
    let mut desk = Desk::new(1, 1);
    desk.join(1);
    desk.do_task(1, MAP_0);
    desk.store_answers = false;
    let outputs = desk.do_task(1, REDUCE_0);
    let [(partition, rows)] = &commits(&outputs)[..] else { panic!("one commit of all rows: {outputs:?}") };
    assert_eq!((partition.task, rows), (REDUCE_0, &Payload::new(b"reduce-0".to_vec())));
    assert!(!accepts(&outputs, REDUCE_0) && finished(&outputs).is_none(), "nothing counts before the store has it");
    let before = desk.coordinator.counters();
    let outputs = desk.do_task(1, REDUCE_0);
    assert!(commits(&outputs).is_empty() && !accepts(&outputs, REDUCE_0), "said again, not committed again: {outputs:?}");
    assert_eq!(desk.coordinator.counters(), before);

    let outputs = desk.handle(Input::Committed(*partition));
    assert_eq!(finished(&outputs).unwrap().output_records, 3, "now the job is done");
    assert!(!accepts(&outputs, REDUCE_0), "its worker may forget the rows once the coordinator cannot");
    let outputs = desk.handle(Input::Stored { version: stores(&outputs).unwrap() });
    assert!(accepts(&outputs, REDUCE_0));
}

#[test]
fn rule_5_a_second_completion_of_a_reduce_task_is_not_committed() {
    let mut desk = two_executions_of_reduce_0();
    let (first, second) = (desk.attempt(1, REDUCE_0), desk.attempt(2, REDUCE_0));
    desk.store_answers = false;
    let outputs = desk.done(1, REDUCE_0, first);
    let [(partition, _)] = commits(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!(partition.attempt, first);

    let cancel = Message::Cancel { task: REDUCE_0, attempt: second };
    let outputs = desk.done(2, REDUCE_0, second);
    assert!(commits(&outputs).is_empty(), "the first one's commit is under way");
    assert!(said_to(2, &outputs).contains(&cancel), "{outputs:?}");

    let outputs = desk.handle(Input::Committed(partition));
    assert_eq!(finished(&outputs).unwrap().output_records, 6, "each partition counts once");
    assert!(commits(&desk.done(2, REDUCE_0, second)).is_empty(), "nor later");
}

#[test]
fn rule_5_a_second_completion_of_a_map_task_is_ignored() {
    let mut desk = Desk::new(2, 2);
    desk.join(1);
    desk.join(2);
    let first = desk.attempt(1, MAP_0);
    desk.silence_of_all_but(&[2]);
    desk.do_task(2, MAP_0);
    let second = desk.attempt(2, MAP_0);
    let counted = desk.coordinator.counters();

    let outputs = desk.done(1, MAP_0, first);
    let cancel = Message::Cancel { task: MAP_0, attempt: first };
    assert!(said_to(1, &outputs).contains(&cancel), "the late one may drop its output: {outputs:?}");
    assert!(!accepts(&outputs, MAP_0) && stores(&outputs).is_none());
    assert!(said_to(2, &outputs).is_empty(), "no reducer is sent elsewhere: {outputs:?}");
    assert_eq!(desk.coordinator.counters(), counted);

    let outputs = desk.done(2, MAP_0, second);
    assert_eq!(said_to(2, &outputs), [Message::Accepted { task: MAP_0, attempt: second }], "the same one said twice");
    assert!(stores(&outputs).is_none());
    assert_eq!(desk.coordinator.counters(), counted);
}

#[test]
fn rule_5_an_execution_that_is_not_wanted_any_more_is_cancelled_and_not_told_to_go_on() {
    let mut desk = two_executions_of_reduce_0();
    let first = desk.attempt(1, REDUCE_0);
    let from = desk.given.len();
    // It still collects its inputs and knows the place of none.
    let running = vec![Progress { task: REDUCE_0, attempt: first, records: 0, bytes: 0 }];
    let collecting = vec![Collecting { task: REDUCE_0, attempt: first, known: 0 }];
    let outputs = desk.say(1, Message::Heartbeat { running, collecting });
    assert!(said_to(1, &outputs).contains(&Message::Cancel { task: REDUCE_0, attempt: first }), "{outputs:?}");
    assert!(!desk.tasks_given(1, from).contains(&REDUCE_0), "{:?}", desk.given);
}

#[test]
fn rule_5_the_first_commit_of_a_partition_wins_across_a_restart_of_the_coordinator() {
    let mut desk = Desk::new(1, 1);
    desk.join(1);
    desk.do_task(1, MAP_0);
    desk.store_answers = false;
    let outputs = desk.do_task(1, REDUCE_0);
    let [(early, ref rows)] = commits(&outputs)[..] else { panic!("{outputs:?}") };

    // The rows are on their way when the coordinator stops; the next one does not know of them and has the task run again.
    desk.restart(2);
    desk.join(2);
    desk.wait(200);
    let outputs = desk.do_task(2, REDUCE_0);
    let [(late, ref late_rows)] = commits(&outputs)[..] else { panic!("{outputs:?}") };
    assert_ne!(early.attempt, late.attempt);
    assert_eq!(desk.put(early, rows.clone()), early);
    let first = desk.put(late, late_rows.clone());
    let outputs = desk.handle(Input::Committed(first));
    assert_eq!(finished(&outputs).map(|counters| counters.output_records), Some(3));
    assert_eq!(desk.handle(Input::Committed(first)), [], "a commit that is told twice is done once");
}
