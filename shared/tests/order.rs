//! The order of sorted rows and of a reduction's keys, against the standard library's `sort` over the values themselves.

#![cfg(not(target_arch = "wasm32"))]
// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use proptest::prelude::*;
use shared::batch::{Job, Table};
use shared::experiment::check;

/// A number of few values, and a text.
type Row = (i64, String);

/// What steps make of rows, in one partition, as rows again.
fn run(rows: &[Row], steps: &str) -> Vec<Row> {
    let text = format!(
        "millrace: 1\nbatch:\n  input: {{ file: x }}\n  format: {{ csv: {{ header: false }} }}\n  columns: {{ n: bigint, t: text }}\n  partitions: 1\n  steps: [ {steps} ]\n"
    );
    let plan = Arc::new(check(&text).unwrap().batch.plan);
    let bytes: String = rows.iter().map(|(number, text)| format!("{number},{text}\n")).collect();
    let job = Job::over(plan.clone(), bytes.len() as u64, 1 << 10);
    let (partitions, _) = common::run_tasks(&job, bytes.as_bytes());
    let table = Table::new(&plan, partitions).unwrap();
    let rows = table.batches(0..table.len()).flat_map(|rows| {
        let rows = rows.unwrap();
        let value = |row: usize, column: usize| rows.text(row, column).unwrap();
        (0..rows.len()).map(|row| (value(row, 0).parse().unwrap(), value(row, 1))).collect::<Vec<_>>()
    });
    rows.collect()
}

/// Many begin alike and some are the same, so that one stretch of bytes after the other has to be looked at.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let start = prop_oneof![Just(""), Just("seven b"), Just("eight by"), Just("and more than sixteen"), Just("\u{1}\u{1}")];
    let text = (start, 0..4_usize, "[ab\u{1}é]{0,3}").prop_map(|(start, times, end)| start.repeat(times) + &end);
    prop::collection::vec((-2..2_i64, text), 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_in_the_order_of_their_values(rows in rows(), limit in 1..50_usize) {
        let mut expected = rows.clone();
        expected.sort();
        assert_eq!(run(&rows, "'sort': n"), expected);
        expected.sort_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(&b.0)));
        assert_eq!(run(&rows, "'sort': t"), expected);
        expected.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        assert_eq!(run(&rows, "'sort': t desc"), expected);
        expected.truncate(limit);
        assert_eq!(run(&rows, &format!("'sort': t desc, limit: {limit}")), expected);
    }

    #[test]
    fn keys_are_ascending(rows in rows()) {
        let mut expected = rows.clone();
        expected.sort();
        expected.dedup();
        assert_eq!(run(&rows, "reduce: { key: 'n, t', values: { count: count(*) } }"), expected);
    }
}
