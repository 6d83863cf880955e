//! Rule 3: the combiner runs on the map worker; the result is the same with and without it.

use std::collections::BTreeMap;

use shared::batch::{Table, splits};
use shared::sim::{Finished, Kind};

use crate::common::{Scenario, combining, word_count};
use crate::{long_text, loose, map, rows};

#[test]
fn rule_3_a_combined_map_output_has_each_key_once_with_the_number_of_its_rows() {
    let text = long_text(100);
    for split in splits(text.len() as u64, 1000) {
        let combined = map(&word_count(3), text.as_bytes(), split);
        let plain = map(&combining(word_count(3), false), text.as_bytes(), split);
        for (with, without) in combined.partitions.iter().zip(&plain.partitions) {
            let mut counted = BTreeMap::new();
            for word in loose(without) {
                *counted.entry(word).or_default() += 1;
            }
            let with = rows(with);
            assert_eq!(with.len(), counted.len(), "each key once");
            assert_eq!(BTreeMap::from_iter(with), counted);
        }
        assert_eq!(combined.counters.map_output_records, plain.counters.map_output_records);
        assert_eq!(plain.counters.combine_output_records, plain.counters.map_output_records);
        assert!(combined.counters.combine_output_records < combined.counters.map_output_records, "{:?}", combined.counters);
    }
}

#[test]
fn rule_3_the_result_is_the_same_with_and_without_the_combiner_which_spares_the_network() {
    let run = |combine: bool| -> (Finished, u64) {
        let scenario = Scenario::calm(&long_text(300), 2000, 3, 3);
        let scenario = Scenario { plan: combining(scenario.plan, combine), ..scenario };
        let (mut simulation, finished) = scenario.finish(5);
        let fetched = simulation.take_rows().iter().filter(|row| row.kind == Kind::Fetched).map(|row| row.bytes).sum();
        (finished, fetched)
    };
    let ((with, bytes_with), (without, bytes_without)) = (run(true), run(false));
    let table = |finished: &Finished, combine| {
        Table::new(&combining(word_count(3), combine), finished.rows.clone()).unwrap().output_hash().unwrap()
    };
    assert_eq!(table(&with, true), table(&without, false), "byte for byte");
    assert!(bytes_with * 2 < bytes_without, "{bytes_with} bytes against {bytes_without} went from worker to worker");
    assert!(with.counters.combine_output_records < without.counters.combine_output_records);
    assert_eq!(with.counters.map_output_records, without.counters.map_output_records);
}
