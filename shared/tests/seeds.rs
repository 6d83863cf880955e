//! Thousands of small jobs under faults of all kinds, each drawn from its seed: the answer is that of a sequential run, byte for
//! byte, and no rule of `sim::check` is broken on the way.
//!
//! `MILLRACE_SEED=N cargo test -p shared --test seeds` runs one seed again and prints its trace.

#![cfg(not(target_arch = "wasm32"))]
// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test may be told by its environment which seed to repeat")]

mod common;

use common::Scenario;

/// Seeds 0 to this.
const SEEDS: u64 = 20_000;

#[test]
fn every_seed_equals_the_sequential_run() {
    if let Ok(seed) = std::env::var("MILLRACE_SEED") {
        return repeat(seed.parse().expect("MILLRACE_SEED is a number"));
    }
    let failed: Vec<u64> = (0..SEEDS).filter(|seed| std::panic::catch_unwind(|| check(*seed)).is_err()).collect();
    let commands: Vec<String> = failed.iter().take(10).map(|seed| command(*seed)).collect();
    assert!(failed.is_empty(), "{} of {SEEDS} seeds fail; to see some again:\n{}", failed.len(), commands.join("\n"));
}

fn check(seed: u64) {
    let scenario = Scenario::draw(seed);
    let (_, finished) = scenario.finish(seed);
    scenario.assert_equals_sequential(&finished);
}

fn command(seed: u64) -> String {
    format!("MILLRACE_SEED={seed} cargo test -p shared --test seeds -- --nocapture")
}

fn repeat(seed: u64) {
    let scenario = Scenario::draw(seed);
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
    check(seed);
}
