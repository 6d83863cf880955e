//! Rule 2: in a partition keys come in increasing order.

use std::sync::Arc;

use shared::batch::{Job, Plan};

use crate::common::{COUNT, plan, run_tasks};
use crate::{long_text, rows};

/// What one reduce task gives for everything in a text, cut into splits.
fn reduced(plan: &Plan, text: &str) -> Vec<(String, u64)> {
    let job = Job::over(Arc::new(plan.clone()), text.len() as u64, 700);
    rows(&run_tasks(&job, text.as_bytes()).0[0])
}

fn assert_increasing(rows: &[(String, u64)]) {
    for pair in rows.windows(2) {
        assert!(pair[0].0.as_bytes() < pair[1].0.as_bytes(), "`{}` comes before `{}`", pair[0].0, pair[1].0);
    }
}

#[test]
fn rule_2_keys_come_in_increasing_order_of_their_bytes_each_once() {
    // Words that begin alike for longer than a machine word, are prefixes of one another, differ in case or go beyond ASCII.
    let alike = (0..60).map(|number| format!("internationalisations{}", (number * 37) % 60));
    let others = ["zz", "水", "ÿ", "é", "z", "Z", "A", "abc", "ab", "a"].map(str::to_owned);
    let text = alike.chain(others).collect::<Vec<_>>().join("\n") + "\n" + &long_text(100);
    let found = reduced(&words_as_written(), &text);
    assert_increasing(&found);
    assert!(found.len() > 120, "{} keys", found.len());
}

#[test]
fn rule_2_keys_stay_in_order_when_a_filter_takes_some_out() {
    let filtered = plan(1, &["flat_map: { word: words(line) }", COUNT, "filter: count > 5"]);
    let (all, some) = (reduced(&words_as_written(), &long_text(200)), reduced(&filtered, &long_text(200)));
    assert_increasing(&some);
    assert_eq!(some, all.into_iter().filter(|(_, count)| *count > 5).collect::<Vec<_>>());
}

/// Words in the case that they are written in, all in one partition.
fn words_as_written() -> Plan {
    plan(1, &["flat_map: { word: words(line) }", COUNT])
}
