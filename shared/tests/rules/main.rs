//! The rules of a batch job (DESIGN §6), each stated by the tests that bear its number.
//!
//! Most play the workers of a real coordinator, or the coordinator of a real worker, message by message (`desk`, `bench`), since
//! the moment matters; the others look at what a whole simulated run did. Rule 5 has one more test in `session.rs` (a job submitted
//! twice under one key), rules 8 and 10 come with what they speak of.

#![cfg(not(target_arch = "wasm32"))]
// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod backups;
mod bench;
mod combiner;
mod commits;
mod counters;
mod desk;
mod loss;
mod order;
mod restart;
mod sequential;
mod splits;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_ipc::reader::StreamReader;
use shared::batch::kernel::RowReader;
use shared::batch::{Job, MapKernel, Memory, Payload, Plan, Space, Split, TaskResult};
use std::sync::Arc;

/// Runs one map task.
fn map(plan: &Plan, text: &[u8], split: Split) -> TaskResult {
    let mut job = Job::over(Arc::new(plan.clone()), text.len() as u64, text.len().max(1) as u64);
    job.splits[0] = split;
    let mut kernel = MapKernel::new(&job, 0, &[], &Space::unbounded()).unwrap();
    let mut source = Memory(Arc::new(text.to_vec()));
    while !kernel.step(&mut source).unwrap() {}
    kernel.finish().unwrap()
}

/// The keys and counts of a partition of a word count, in its order.
fn rows(payload: &Payload) -> Vec<(String, u64)> {
    let row = |row| {
        let (key, count): (&[u8], u64) = Result::unwrap(row);
        (String::from_utf8(key.to_vec()).unwrap(), count)
    };
    RowReader::new(&payload.bytes().unwrap()).map(row).collect()
}

/// The words of a partition of a map output that was not combined, in its order: columns, of which the first is the key.
fn loose(payload: &Payload) -> Vec<String> {
    let bytes = payload.bytes().unwrap();
    let batches = StreamReader::try_new(&bytes[..], None).unwrap().map(Result::unwrap);
    let words = |batch: RecordBatch| -> Vec<String> {
        let column = batch.column(0).as_string::<i32>().clone();
        column.iter().map(|word| word.unwrap().to_owned()).collect()
    };
    batches.flat_map(words).collect()
}

/// The keys of a partition of either kind; each comes with how often it stands for itself.
fn keys(plan: &Plan, payload: &Payload) -> Vec<(String, u64)> {
    match plan.counts_words() {
        true => rows(payload),
        false => loose(payload).into_iter().map(|word| (word, 1)).collect(),
    }
}

/// A text of `lines` lines in which words repeat within and across lines, some long, some beyond ASCII.
fn long_text(lines: u32) -> String {
    const WORDS: [&str; 8] = ["mill", "race", "Mühle", "water", "wheel", "a", "internationalisation", "水車"];
    let line = |number: u32| {
        let word = |at: u32| WORDS[((number * 7 + at * at) % 8) as usize];
        format!("{} {} {} w{} internationalisation{}\n", word(0), word(1), word(2), number % 40, number % 9)
    };
    (0..lines).map(line).collect()
}
