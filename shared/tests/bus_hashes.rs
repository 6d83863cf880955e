//! One trace everywhere, of buses: the gallery's experiments with messaging have the hashes of `golden/bus_hashes.txt` under a few seeds,
//! with random faults beside their own, natively and in wasm. The same test runs in both.
//!
//! `MILLRACE_REWRITE=1 cargo test -p shared --test bus_hashes` writes the file anew; read its diff.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod golden;

use std::sync::Arc;

use shared::experiment::{Checked, Respawn, check_any};
use shared::fault::{Cast, draw_among};
use shared::messaging::Node;
use shared::rng::Rng;
use shared::sim::messaging::{BusSimulation, BusSpec};

const EXAMPLES: [(&str, &str); 11] = [
    ("hello", include_str!("../../examples/hello.yaml")),
    ("work-queue", include_str!("../../examples/work-queue.yaml")),
    ("publish-subscribe", include_str!("../../examples/publish-subscribe.yaml")),
    ("routing", include_str!("../../examples/routing.yaml")),
    ("topics", include_str!("../../examples/topics.yaml")),
    ("rpc", include_str!("../../examples/rpc.yaml")),
    ("publisher-confirms", include_str!("../../examples/publisher-confirms.yaml")),
    ("overload", include_str!("../../examples/overload.yaml")),
    ("competing-and-fan-out", include_str!("../../examples/competing-and-fan-out.yaml")),
    ("poison-message", include_str!("../../examples/poison-message.yaml")),
    ("durable-queue", include_str!("../../examples/durable-queue.yaml")),
];

const SEEDS: u64 = 3;

/// Random faults beside those of the experiment, for each seed.
const FAULTS: u32 = 4;

/// The runs and what they came to.
fn hashes() -> String {
    let mut lines = String::from("example seed events published processed hash\n");
    for (name, text) in EXAMPLES {
        let Ok(Checked::Messaging(experiment)) = check_any(text, &[]) else { panic!("{name} is a bus") };
        let clients: Vec<Node> = experiment.bus.members().into_iter().map(|(node, _, _)| node).collect();
        let nodes: Vec<Node> = [Node::BROKER].into_iter().chain(clients).collect();
        let cast = Cast { killable: nodes.clone(), nodes, coordinated: false };
        for seed in 0..SEEDS {
            let mut faults = experiment.faults.clone();
            faults.extend(draw_among(&mut Rng::new(seed), &cast, if seed == 0 { 0 } else { FAULTS }));
            let Respawn::After(respawn) = experiment.respawn else { panic!("{name} respawns") };
            let bus = Arc::new(experiment.bus.clone());
            let spec = BusSpec { bus, faults, respawn: Some(respawn), seed, keeps_rows: false };
            let mut simulation = BusSimulation::new(spec);
            let summary = simulation.run().unwrap();
            let (published, processed) = (summary.counter("total/published"), summary.counter("total/processed"));
            let (events, hash) = (simulation.events(), simulation.trace_hash());
            lines += &format!("{name} {seed} {events} {published} {processed} {hash}\n");
        }
    }
    lines
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn the_same_seed_has_the_same_trace_everywhere() {
    let hashes = hashes();
    golden::compare("bus_hashes.txt", &hashes, include_str!("golden/bus_hashes.txt"));
}
