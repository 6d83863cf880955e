//! One trace everywhere: these runs have the hashes of `golden/hashes.txt` natively and in wasm. The same test runs in both.
//!
//! `MILLRACE_REWRITE=1 cargo test -p shared --test hashes` writes the file anew; read its diff.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;
mod golden;

use common::{Scenario, Shape};

/// Seeds of [`Scenario::draw`] for each shape of a job, most of them with faults.
const SEEDS: [(Shape, u64); 4] = [(Shape::OneStage, 64), (Shape::Chain, 16), (Shape::Join, 16), (Shape::Sort, 16)];

/// The runs and what they came to.
fn hashes() -> String {
    let mut lines = String::from("shape seed faults events virtual_us hash\n");
    for (shape, seeds) in SEEDS {
        for seed in 0..seeds {
            let scenario = Scenario::draw(seed, shape);
            let (simulation, _) = scenario.finish(seed);
            let (faults, events) = (scenario.faults.len(), simulation.events());
            lines += &format!("{shape:?} {seed} {faults} {events} {} {}\n", simulation.now().0, simulation.trace_hash());
        }
    }
    lines
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn the_same_seed_has_the_same_trace_everywhere() {
    let hashes = hashes();
    golden::compare("hashes.txt", &hashes, include_str!("golden/hashes.txt"));
}
