//! Rule 1: splits end on record boundaries; M map tasks, R partitions; a key's partition is its hash modulo R.

use std::collections::{BTreeMap, BTreeSet};

use shared::batch::kernel::{GOLDEN_HASHES, key_hash, partition_of};
use shared::batch::{Split, splits};
use shared::id::TaskId;
use shared::sim::Kind;

use crate::common::{Scenario, combining, word_count};
use crate::{keys, long_text, map};

/// Every kind of line: short, empty, with CRLF, beyond ASCII, longer than most splits, the last one without an end.
const TEXT: &str = "one two\n\nthree four\r\nvier fünf sechs\n水車 mill\nantidisestablishmentarianism a b c d e f g\nlast word";

/// The words and the lines that begin in a split, found in the plainest way.
fn begins_in(text: &str, split: Split) -> (BTreeMap<String, u64>, u64) {
    let (mut words, mut lines, mut start) = (BTreeMap::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        if (split.start..split.end).contains(&start) {
            lines += 1;
            line.split_whitespace().for_each(|word| *words.entry(word.to_owned()).or_default() += 1);
        }
        start += line.len() as u64;
    }
    (words, lines)
}

#[test]
fn rule_1_a_record_is_read_whole_by_the_split_in_which_it_begins_wherever_the_cuts_are() {
    for combine in [true, false] {
        let plan = combining(word_count(2), combine);
        for size in 1..=TEXT.len() as u64 + 1 {
            for split in splits(TEXT.len() as u64, size) {
                let result = map(&plan, TEXT.as_bytes(), split);
                let mut words = BTreeMap::new();
                for (word, count) in result.partitions.iter().flat_map(|payload| keys(&plan, payload)) {
                    *words.entry(word).or_default() += count;
                }
                let (expected, lines) = begins_in(TEXT, split);
                assert_eq!(words, expected, "{split:?}, combine {combine}");
                assert_eq!(result.counters.map_input_records, lines, "{split:?}, combine {combine}");
            }
        }
    }
}

#[test]
fn rule_1_a_job_has_a_map_task_for_each_split_and_a_reduce_task_for_each_partition() {
    let scenario = Scenario::calm(TEXT, 16, 3, 2);
    let (mut simulation, finished) = scenario.finish(1);
    let computed = |row: &shared::sim::Row| (row.kind == Kind::Computed).then_some(row.task).flatten();
    let tasks: BTreeSet<TaskId> = simulation.take_rows().iter().filter_map(computed).collect();
    let maps = (TEXT.len() as u32).div_ceil(16);
    assert_eq!(tasks, (0..maps).map(TaskId::Map).chain((0..3).map(TaskId::Reduce)).collect());
    assert_eq!(finished.rows.len(), 3, "and as many partitions of rows come out");
    assert_eq!(finished.tally.tasks_run, maps + 3, "each task ran once");
}

#[test]
fn rule_1_a_key_is_in_the_partition_of_its_hash_whichever_map_task_it_comes_from() {
    let text = long_text(200);
    for (partitions, combine) in [(1, true), (3, true), (3, false), (7, true), (7, false)] {
        let plan = combining(word_count(partitions), combine);
        for split in splits(text.len() as u64, 1500) {
            for (partition, payload) in map(&plan, text.as_bytes(), split).partitions.iter().enumerate() {
                for (key, _) in keys(&plan, payload) {
                    assert_eq!(key_hash(key.as_bytes()) % u64::from(partitions), partition as u64, "`{key}`, {split:?}");
                }
            }
        }
        let (_, finished) = Scenario { plan: plan.clone(), ..Scenario::calm(&text, 1500, partitions, 2) }.finish(1);
        for (partition, payload) in finished.rows.iter().enumerate() {
            for (key, _) in keys(&plan, payload) {
                assert_eq!(partition_of(key_hash(key.as_bytes()), partitions), partition, "`{key}` in the result");
            }
        }
    }
}

#[test]
fn rule_1_the_hash_of_a_key_never_changes() {
    for (key, hash) in GOLDEN_HASHES {
        assert_eq!(key_hash(key.as_bytes()), hash, "`{key}`");
    }
}
