//! The kernels against a naive reference: random texts, any cuts, with and without the combiner.

#![cfg(not(target_arch = "wasm32"))]
// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use shared::batch::kernel::sequential;
use shared::batch::{Counters, Job, Memory, Plan, SortKey, Table};

fn word_count(lower: bool, partitions: u32, combine: bool) -> Plan {
    let words = if lower { "words(lower(line))" } else { "words(line)" };
    let reduce = format!("reduce: {{ key: word, values: {{ count: count(*) }}, combine: {combine} }}");
    common::plan(partitions, &[&format!("flat_map: {{ word: {words} }}"), &reduce])
}

/// The same count in a shape that no fast path knows: the words become a second, then a third column.
fn row_by_row(lower: bool, partitions: u32) -> Plan {
    let words = if lower { "words(lower(line))" } else { "words(line)" };
    let steps = [&format!("flat_map: {{ part: {words} }}"), "flat_map: { word: words(part) }"];
    common::plan(partitions, &[steps[0], steps[1], "reduce: { key: word, values: { count: count(*) } }"])
}

fn run(plan: &Plan, text: &[u8], split: u64) -> (Table, Counters) {
    let job = Job::over(Arc::new(plan.clone()), text.len() as u64, split);
    let (rows, counters) = common::run_tasks(&job, text);
    (Table::new(plan, rows).unwrap(), counters)
}

/// Every rule in the plainest way: lines, decoding, lower-casing, words.
fn naive(text: &[u8], lower: bool) -> (BTreeMap<String, u64>, u64, u64) {
    let (mut counts, mut bad) = (BTreeMap::new(), 0);
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    for line in &lines {
        bad += u64::from(std::str::from_utf8(line).is_err());
        let mut line = String::from_utf8_lossy(line).into_owned();
        if lower {
            line = line.to_lowercase();
        }
        let chars: Vec<char> = line.chars().collect();
        let mut word = String::new();
        for (index, c) in chars.iter().enumerate() {
            let around = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphanumeric());
            if c.is_alphanumeric() || (*c == '\'' && around(index.checked_sub(1)) && around(Some(index + 1))) {
                word.push(*c);
            } else if !word.is_empty() {
                *counts.entry(std::mem::take(&mut word)).or_default() += 1;
            }
        }
        if !word.is_empty() {
            *counts.entry(word).or_default() += 1;
        }
    }
    (counts, lines.len() as u64, bad)
}

fn as_map(table: &Table) -> BTreeMap<String, u64> {
    common::counts(table).into_iter().collect()
}

fn check(text: &[u8], size: u64) {
    for lower in [false, true] {
        let (expected, records, bad) = naive(text, lower);
        for partitions in [1, 3] {
            let plan = word_count(lower, partitions, true);
            let job = Job::over(Arc::new(plan.clone()), text.len() as u64, size);
            let reference = sequential(&job, &mut Memory(Arc::new(text.to_vec()))).unwrap();
            assert_eq!(as_map(&reference), expected);
            for (plan, combine) in [(plan.clone(), true), (plan.clone(), false), (row_by_row(lower, partitions), true)] {
                let (table, counters) = run(&common::combining(plan, combine), text, size);
                assert_eq!(as_map(&table), expected, "combine {combine}");
                assert_eq!(table.output_hash().unwrap(), reference.output_hash().unwrap());
                assert_eq!(counters.map_input_records, records);
                assert_eq!(counters.bad_records, bad);
                assert_eq!(counters.input_bytes, text.len() as u64);
                assert_eq!(counters.map_output_records, expected.values().sum::<u64>());
                assert_eq!(counters.reduce_input_groups, expected.len() as u64);
                assert_eq!(counters.output_records, expected.len() as u64);
                if !combine {
                    assert_eq!(counters.combine_output_records, counters.map_output_records);
                }
            }
        }
    }
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => "[a-zA-Z0-9]{1,20}".prop_map(String::into_bytes),
        6 => "[ ]".prop_map(String::into_bytes),
        3 => "['.,:-]{1,3}".prop_map(String::into_bytes),
        3 => "(\n|\r\n|\r|\n\n|\t)".prop_map(String::into_bytes),
        2 => "[\u{e9}\u{df}ΣσςÀЖ字٣\u{130}\u{301}\u{2019}\u{a0}]{1,4}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 1..4),
        1 => "[a-z']{60,140}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_any_splits_gives_the_naive_counts(text in any_text(), size in prop_oneof![1u64..40, 40u64..400]) {
        check(&text, size);
    }
}

#[test]
fn an_empty_input_has_no_rows() {
    check(b"", 10);
}

#[test]
fn sort_and_limit_order_the_final_rows() {
    let mut plan = word_count(true, 3, true);
    plan.sort = vec![SortKey { column: 1, descending: true }];
    plan.limit = Some(3);
    let text = b"b a c a b d\nA e f B c d";
    let (table, _) = run(&plan, text, 5);
    assert_eq!(common::counts(&table), [("a".to_owned(), 3), ("b".to_owned(), 3), ("c".to_owned(), 2)]);
}

/// A line for each row: its key and a number with a fraction. Where keys come again, some do in every task and some in one only.
fn numbered(rows: u64, key: impl Fn(u64) -> u64) -> String {
    (0..rows).map(|row| format!("{},{}\n", key(row), (row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 7.0)).collect()
}

#[test]
fn a_combiner_that_gives_up_changes_nothing_but_what_travels() {
    let fields = "map: { key: \"split(line, ',')[1]\", number: \"cast(split(line, ',')[2] as double)\" }";
    let values = "n: count(*), sum: sum(number), mean: avg(number), spread: stddev(number), first: first(number), last: last(number), \
                  all: list(number), most: max(number)";
    let plan = |combine: bool| {
        let reduce = format!("reduce: {{ key: key, values: {{ {values} }}, combine: {combine} }}");
        common::plan(3, &[fields, &reduce, "reduce: { key: n, values: { keys: count(*), sum: sum(sum), mean: avg(mean) } }"])
    };
    let rows = 300_000;
    let drawn: [(&str, String, bool); 4] = [
        ("a key for each row", numbered(rows, |row| row), true),
        ("a key for each row but the last", numbered(rows, |row| row % 280_000), true),
        ("keys that come again far away", numbered(rows, |row| row % 90_000), true),
        ("keys that come again soon", numbered(rows, |row| row / 3), false),
    ];
    for (name, text, gives_up) in drawn {
        for split in [1 << 18, 1 << 24] {
            for combine in [true, false] {
                let plan = plan(combine);
                let (table, counters) = run(&plan, text.as_bytes(), split);
                let job = Job::over(Arc::new(plan), text.len() as u64, split);
                let expected = sequential(&job, &mut Memory(Arc::new(text.as_bytes().to_vec()))).unwrap();
                assert_eq!(table.to_csv().unwrap(), expected.to_csv().unwrap(), "{name}, {split}, {combine}");
                let fewer = counters.combine_output_records < rows;
                assert_eq!(fewer, combine && !gives_up, "{name}, {split}, {combine}: {counters:?}");
            }
        }
    }
}
