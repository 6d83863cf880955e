//! A task that gathers more than fits gives the same rows as one that has all the memory, byte for byte.

#![cfg(not(target_arch = "wasm32"))]
// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};

use common::{Scenario, Shape};
use shared::batch::table::ViewQuery;
use shared::batch::{Job, KernelError, Payload, Scratch, SourceError, Space, Table};

/// A scratch that can be looked into.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<u8>>);

impl Scratch for Notes {
    fn append(&self, bytes: &[u8]) -> Result<u64, SourceError> {
        let mut all = self.0.lock().unwrap();
        all.extend_from_slice(bytes);
        Ok((all.len() - bytes.len()) as u64)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), SourceError> {
        into.copy_from_slice(&self.0.lock().unwrap()[at as usize..][..into.len()]);
        Ok(())
    }
}

/// Runs every task in so many bytes, everything that a task leaves out of memory.
fn spilled(job: &Job, text: &[u8], bytes: u64) -> (Table, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let scratch: Arc<dyn Scratch> = notes.clone();
    let keep = |rows: Payload| rows.moved_to(&scratch).unwrap();
    let (rows, _) = common::run_tasks_in(job, text, &Space::spilling(bytes, scratch.clone()), &keep);
    (Table::new(&job.plan, rows).unwrap(), notes)
}

#[test]
fn drawn_jobs_in_little_memory_equal_their_sequential_run() {
    for shape in [Shape::OneStage, Shape::Chain, Shape::Join, Shape::Sort, Shape::MicroBatches] {
        for seed in 0..300 {
            let scenario = Scenario::draw(seed, shape);
            // From a few bytes, where every task is cut into pieces, to some that hold one or the other.
            let bytes = 1 << (3 + seed % 11);
            let (table, _) = spilled(&scenario.job(), &scenario.text, bytes);
            let (found, expected) = (table.to_csv().unwrap(), scenario.sequential().to_csv().unwrap());
            assert_eq!(String::from_utf8(found), String::from_utf8(expected), "{shape:?}, seed {seed}, {bytes} bytes");
        }
    }
}

/// Steps that gather in each way, over lines of numbers and words.
const GATHERINGS: [(&str, &[&str]); 5] = [
    ("words", &["flat_map: { word: words(line) }", "reduce: { key: word, values: { count: count(*) } }"]),
    (
        "keys",
        &[
            "map: { half: \"cast(length(line) as double) / 2\" }",
            "reduce: { key: \"half, line\", values: { sum: sum(half), all: list(line) } }",
        ],
    ),
    ("loose keys", &["reduce: { key: line, values: { first: first(line), count: count(*) }, combine: false }"]),
    ("a sort", &["sort: line desc", "map: { length: length(line) }", "sort: \"length, line\""]),
    ("a join", &["map: { key: \"substr(line, 1, 3)\" }", "join: { with: others, key: key, kind: left }"]),
];

#[test]
fn megabytes_go_through_a_hundred_kilobytes() {
    let line = |number: u64| format!("{:x} word{} end\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40, number % 5000);
    let text: String = (0..60_000).map(line).collect();
    let others = "{ others: { input: { text: x }, steps: [ { map: { key: \"substr(line, 1, 3)\", other: line } }, \
                  { reduce: { key: key, values: { others: count(*), most: max(other) } } } ] } }";
    for (name, steps) in GATHERINGS {
        let joins = name == "a join";
        let plan = common::plan_with_tables(3, if joins { others } else { "" }, steps);
        let bytes = text.len() as u64;
        let parts = [0].into_iter().chain(joins.then_some(1)).map(|input| shared::batch::Part { input, start: 0, end: bytes });
        // Both sides of the join are the same text, twice.
        let all = if joins { text.repeat(2) } else { text.clone() };
        let parts: Vec<_> = parts
            .enumerate()
            .map(|(index, part)| {
                let from = index as u64 * bytes;
                shared::batch::Part { start: from, end: from + bytes, ..part }
            })
            .collect();
        let job = Job::new(Arc::new(plan), parts, 1 << 20, &[]);
        let (expected, _) = common::run_tasks(&job, all.as_bytes());
        let expected = Table::new(&job.plan, expected).unwrap();
        let (mut table, notes) = spilled(&job, all.as_bytes(), 100 << 10);
        assert_eq!(table.output_hash().unwrap(), expected.output_hash().unwrap(), "{name}");
        assert_eq!(table.len(), expected.len());
        assert!(notes.0.lock().unwrap().len() as u64 > bytes / 4, "{name}: something was put away");
        let query = ViewQuery { search: "word77".to_owned(), offset: 3, limit: 5, ..ViewQuery::default() };
        assert_eq!(table.view(&query).unwrap(), expected.clone().view(&query).unwrap(), "{name}");
        let query = ViewQuery { offset: 2_000, limit: 5, ..ViewQuery::default() };
        assert_eq!(table.view(&query).unwrap(), expected.clone().view(&query).unwrap(), "{name}");
    }
}

#[test]
fn without_a_scratch_too_much_is_a_sentence() {
    let plan = common::plan(1, &["reduce: { key: line, values: { count: count(*) } }"]);
    let text: String = (0..10_000).map(|line| format!("line {line}\n")).collect();
    let job = Job::over(Arc::new(plan), text.len() as u64, 1 << 20);
    let outcome =
        std::panic::catch_unwind(|| common::run_tasks_in(&job, text.as_bytes(), &Space::refusing(64 << 10), &|rows| rows));
    let message = outcome.unwrap_err().downcast::<String>().unwrap();
    let sentence = KernelError::TooLarge { gathered: 0, most: 0 }.to_string();
    let end = sentence.rsplit(": ").next().unwrap();
    assert!(message.contains(end), "{message}");
}

#[test]
fn a_scratch_that_fails_is_a_sentence() {
    #[derive(Debug)]
    struct Full;
    impl Scratch for Full {
        fn append(&self, _: &[u8]) -> Result<u64, SourceError> {
            Err(SourceError("the disk is full".to_owned()))
        }

        fn read_at(&self, _: u64, _: &mut [u8]) -> Result<(), SourceError> {
            Err(SourceError("the disk is full".to_owned()))
        }
    }
    let plan = common::plan(1, &["sort: line desc", "map: { same: line }"]);
    let text: String = (0..100_000).map(|line| format!("line {line}\n")).collect();
    let job = Job::over(Arc::new(plan), text.len() as u64, 1 << 20);
    let outcome = std::panic::catch_unwind(|| {
        common::run_tasks_in(&job, text.as_bytes(), &Space::spilling(64 << 10, Arc::new(Full)), &|rows| rows)
    });
    let message = outcome.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("the disk is full"), "{message}");
}
