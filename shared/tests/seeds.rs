//! Thousands of small jobs under faults of all kinds, each drawn from its seed: the answer is that of a sequential run, byte for
//! byte, and no rule of `sim::check` is broken on the way.
//!
//! `MILLRACE_SEED=N cargo test -p shared --test seeds a_chain` runs one seed of a shape again and prints its trace.

#![cfg(not(target_arch = "wasm32"))]
// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test may be told by its environment which seed to repeat")]

mod common;

use common::{Scenario, Shape};

#[test]
fn every_seed_of_one_stage_equals_the_sequential_run() {
    all_equal(Shape::OneStage, 20_000, "one_stage");
}

#[test]
fn every_seed_of_a_chain_equals_the_sequential_run() {
    all_equal(Shape::Chain, 5_000, "a_chain");
}

#[test]
fn every_seed_of_a_join_equals_the_sequential_run() {
    all_equal(Shape::Join, 5_000, "a_join");
}

#[test]
fn every_seed_of_a_sort_equals_the_sequential_run() {
    all_equal(Shape::Sort, 5_000, "a_sort");
}

#[test]
fn every_seed_of_micro_batches_equals_the_sequential_run() {
    all_equal(Shape::MicroBatches, 1_000, "micro_batches");
}

/// Seeds from 0 on; `name` chooses the test of the shape alone.
fn all_equal(shape: Shape, seeds: u64, name: &str) {
    if let Ok(seed) = std::env::var("MILLRACE_SEED") {
        return repeat(shape, seed.parse().expect("MILLRACE_SEED is a number"));
    }
    let fails = |seed: &u64| std::panic::catch_unwind(|| check(shape, *seed)).is_err();
    let failed: Vec<u64> = (0..seeds).filter(fails).collect();
    let command = |seed: &u64| format!("MILLRACE_SEED={seed} cargo test -p shared --test seeds {name} -- --nocapture");
    let commands: Vec<String> = failed.iter().take(10).map(command).collect();
    assert!(failed.is_empty(), "{} of {seeds} seeds fail; to see some again:\n{}", failed.len(), commands.join("\n"));
}

fn check(shape: Shape, seed: u64) {
    let scenario = Scenario::draw(seed, shape);
    let (_, finished) = scenario.finish(seed);
    scenario.assert_equals_sequential(&finished);
}

fn repeat(shape: Shape, seed: u64) {
    let scenario = Scenario::draw(seed, shape);
    println!("{:#?}\n{} splits, text: {:?}", scenario, scenario.job().splits.len(), String::from_utf8_lossy(&scenario.text));
    let mut simulation = scenario.simulation(seed);
    let error = loop {
        let went_on = simulation.step();
        for row in simulation.take_rows() {
            println!("{}", serde_json::to_string(&row).unwrap());
        }
        match went_on {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => break Some(error),
        }
    };
    println!("{} events, hash {}, {error:?}", simulation.events(), simulation.trace_hash());
    check(shape, seed);
}
