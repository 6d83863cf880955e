//! Rule 9: counters count each task once, however often it ran.

use shared::batch::message::Message;
use shared::batch::task::Failure;
use shared::fault::{EdgeFault, EdgeKind, Effect, Fault, Moment};
use shared::id::NodeId;
use shared::time::Span;

use crate::bench::{Bench, FIRST, computes};
use crate::common::Scenario;
use crate::desk::{Desk, MAP_0, MAP_1, REDUCE_0, REDUCE_1, finished};
use crate::long_text;

#[test]
fn rule_9_a_task_that_was_lost_failed_and_backed_up_counts_once() {
    let mut desk = Desk::new(2, 2);
    desk.join(1);
    desk.join(2);
    let attempt = desk.attempt(1, MAP_0);
    let failure = Failure { reason: "the disk is full".into(), record: None };
    desk.say(1, Message::Failed { task: MAP_0, attempt, failure });
    assert_eq!(desk.coordinator.counters().map_input_records, 0, "a failed execution counts nothing");
    desk.do_tasks(1, &[MAP_0, MAP_1]);
    assert_eq!(desk.coordinator.counters().map_input_records, 20);

    desk.down(1);
    assert_eq!(desk.coordinator.counters().map_input_records, 20, "lost output was counted, and stays so");
    desk.do_tasks(2, &[MAP_0, MAP_1, MAP_0]);
    assert_eq!(desk.coordinator.counters().map_input_records, 20, "made again, not counted again");
    desk.do_tasks(2, &[REDUCE_1, REDUCE_1]);
    let counters = finished(&desk.do_task(2, REDUCE_0)).unwrap();
    assert_eq!((counters.map_input_records, counters.map_output_records), (20, 60));
    assert_eq!((counters.reduce_input_groups, counters.output_records), (6, 6));
}

#[test]
fn rule_9_a_simulated_jobs_counters_are_those_of_a_calm_one_whatever_runs_twice() {
    let calm = Scenario::calm(&long_text(120), 400, 3, 3);
    let expected = calm.finish(0).1.counters;
    assert_eq!(expected.map_input_records, 120);
    let kill = |percent: u32, worker| Fault {
        at: Moment::Progress(f64::from(percent) / 100.0),
        effect: Effect::Kill(NodeId::Worker(worker)),
    };
    let twice = EdgeFault { from: None, to: None, kind: EdgeKind::Duplicate, probability: 0.5, span: Some(Span::millis(400)) };
    let slow = Effect::Slow { node: NodeId::Worker(3), factor: 300.0, span: None };
    let (mut repeated, mut backups) = (0, 0);
    for seed in 0..20 {
        let faults = vec![
            Fault { at: Moment::Progress(0.0), effect: Effect::Edge(twice.clone()) },
            Fault { at: Moment::Progress(0.1), effect: slow.clone() },
            kill(30, 1),
            kill(60, 2),
            Fault { at: Moment::Progress(0.7), effect: Effect::RestartCoordinator },
        ];
        let (_, finished) = calm.clone().with_faults(faults).finish(seed);
        assert_eq!(finished.counters, expected, "seed {seed}");
        repeated += finished.tally.tasks_repeated;
        backups += finished.tally.backup_tasks;
    }
    assert!(repeated > 20 && backups > 5, "{repeated} tasks ran again, {backups} had backups");
}

#[test]
fn rule_9_an_assignment_that_is_told_twice_runs_once() {
    let mut bench = Bench::new(1);
    assert_eq!(computes(&bench.assign(MAP_0, FIRST, vec![])).len(), 1);
    assert_eq!(computes(&bench.assign(MAP_0, FIRST, vec![])).len(), 0, "while it runs");
    assert_eq!(computes(&bench.mapped(0, FIRST)).len(), 0);
    assert_eq!(computes(&bench.assign(MAP_0, FIRST, vec![])).len(), 0, "when it is done");
    bench.hear(NodeId::Coordinator, Message::Accepted { task: MAP_0, attempt: FIRST });
    assert_eq!(computes(&bench.assign(MAP_0, FIRST, vec![])).len(), 0, "and when that is accepted");
}

#[test]
fn rule_9_an_assignment_that_overtakes_the_welcome_runs_as_soon_as_the_job_is_known_and_once() {
    let mut bench = Bench::unwelcomed();
    for task in [MAP_0, MAP_0, MAP_1] {
        assert_eq!(bench.assign(task, FIRST, vec![]), []);
    }
    bench.hear(NodeId::Coordinator, Message::Cancel { task: MAP_1, attempt: FIRST });
    let works = computes(&bench.welcome(2));
    assert_eq!(works.iter().map(|work| work.task).collect::<Vec<_>>(), [MAP_0]);
    assert_eq!(computes(&bench.mapped(0, FIRST)), []);
}
