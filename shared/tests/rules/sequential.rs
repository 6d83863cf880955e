//! Rule 6: the output equals a sequential run without faults, byte for byte. Partial results merge in task order, never in order
//! of arrival; output is the partitions in order, keys ascending in each.

use shared::batch::{Payload, Plan, SortKey, Table};
use shared::fault::{EdgeFault, EdgeKind, Effect, Fault, Moment};
use shared::id::NodeId;
use shared::time::{Span, Time};

use crate::bench::{Bench, FIRST, payload, place, reduce_inputs};
use crate::common::{Scenario, combining, word_count};
use crate::desk::{MAP_2, REDUCE_1};
use crate::{long_text, rows};

#[test]
fn rule_6_partial_results_merge_in_task_order_whatever_the_order_of_arrival() {
    for arrival in [[0, 1, 3], [3, 1, 0], [1, 0, 3], [3, 0, 1]] {
        let mut bench = Bench::new(4);
        // One of the inputs is made on this very worker.
        bench.assign(MAP_2, FIRST, vec![]);
        bench.mapped(2, FIRST);
        let mut outputs = bench.assign(REDUCE_1, FIRST, (0..4).map(|map| place(map, if map == 2 { 1 } else { 2 })).collect());
        for map in arrival {
            assert_eq!(reduce_inputs(&outputs), None, "{arrival:?}: not before all inputs are here");
            outputs = bench.fetched(2, map, 1);
        }
        let expected: Vec<Payload> = (0..4).map(|map| payload(map, 1)).collect();
        assert_eq!(reduce_inputs(&outputs), Some(expected), "{arrival:?}");
    }
}

#[test]
fn rule_6_output_is_the_partitions_in_order_keys_ascending_in_each() {
    let scenario = Scenario::calm(&long_text(150), 700, 4, 3);
    let (_, finished) = scenario.finish(3);
    let table = Table::new(&scenario.plan, finished.rows.clone()).unwrap();
    let found = crate::common::counts(&table);
    let expected: Vec<(String, u64)> = finished.rows.iter().flat_map(rows).collect();
    assert_eq!(found, expected);
    for partition in &finished.rows {
        let keys: Vec<String> = rows(partition).into_iter().map(|(key, _)| key).collect();
        assert!(keys.len() > 5 && keys.is_sorted(), "{keys:?}");
    }
}

/// A fault of each kind, each at a time when tasks run.
fn faults() -> Vec<Fault> {
    let worker = NodeId::Worker;
    let span = Some(Span::millis(30));
    let edge = |kind| Effect::Edge(EdgeFault { from: None, to: None, kind, probability: 0.4, span });
    let groups = vec![vec![NodeId::Coordinator, worker(1)], vec![worker(2), worker(3)]];
    let effects = [
        Effect::Kill(worker(2)),
        Effect::RestartCoordinator,
        Effect::Slow { node: worker(1), factor: 9.0, span: None },
        Effect::Pause { node: worker(3), span: Span::millis(700) },
        edge(EdgeKind::Drop),
        edge(EdgeKind::Delay(Span::millis(40))),
        edge(EdgeKind::Duplicate),
        Effect::Partition { groups, span: Some(Span::millis(600)) },
    ];
    let at = |index: usize| Moment::Time(Time(3_000 + 1_500 * index as u64));
    effects.into_iter().enumerate().map(|(index, effect)| Fault { at: at(index), effect }).collect()
}

#[test]
fn rule_6_under_each_fault_and_under_all_the_bytes_are_those_of_a_sequential_run() {
    let sorted = vec![SortKey { column: 1, descending: true }];
    let plans = [word_count(4), combining(word_count(4), false), Plan { sort: sorted, limit: Some(20), ..word_count(4) }];
    for plan in plans {
        let calm = Scenario { plan, ..Scenario::calm(&long_text(150), 400, 4, 3) };
        let csv = |table: Table| String::from_utf8(table.to_csv().unwrap()).unwrap();
        let expected = csv(calm.sequential());
        for (index, fault) in faults().into_iter().enumerate() {
            let (_, finished) = calm.clone().with_faults(vec![fault.clone()]).finish(index as u64);
            let found = csv(Table::new(&calm.plan, finished.rows).unwrap());
            assert_eq!(found, expected, "{fault:?}");
        }
        for seed in 0..10 {
            let (_, finished) = calm.clone().with_faults(faults()).finish(seed);
            assert_eq!(csv(Table::new(&calm.plan, finished.rows).unwrap()), expected, "all faults, seed {seed}");
        }
    }
}
