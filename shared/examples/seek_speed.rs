//! How long it takes to go to any moment of a long simulated run, and what the keyframes cost that make it short.
//!
//! `cargo run --release -p shared --example seek_speed`, or `cargo xtask bench simulator`. Prints one JSON object.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_types, reason = "an example measures; only the core has no clock")]

use std::sync::Arc;
use std::time::Instant;

use shared::batch::timing::Timing;
use shared::batch::zipf::ZipfText;
use shared::batch::{Job, Memory, Source};
use shared::machine::Machine;
use shared::rng::Rng;
use shared::session::paced::{Input, Output, Paced};
use shared::session::run::{RunSpec, Watch};
use shared::sim::model::COMPUTE_BYTES_PER_SECOND;
use shared::sim::{SimSpec, Simulation};
use shared::time::{Span, Time};
use shared::wire::Speed;

/// Map tasks, of a millisecond and more each on four workers: ten seconds.
const TASKS: u64 = 40_000;
/// Moments that are gone to.
const SEEKS: usize = 300;

fn main() {
    let (run, source) = run();
    let spec = SimSpec { run: run.clone(), seed: 42, keeps_rows: false };
    let began = Instant::now();
    let mut straight = Simulation::new(spec, Box::new(source.clone()));
    straight.run().unwrap();
    let (straight_s, events, end) = (began.elapsed().as_secs_f64(), straight.events(), straight.now());

    let began = Instant::now();
    let now = || Time(began.elapsed().as_micros() as u64);
    let mut paced = Paced::new(run, 42, Box::new(source), Speed::Max, now());
    let mut ended = false;
    while !ended {
        paced.wake(now());
        while let Some(output) = paced.poll() {
            ended |= matches!(output, Output::Ended(_));
        }
    }
    let paced_s = began.elapsed().as_secs_f64();

    let rng = &mut Rng::new(1);
    let mut millis: Vec<f64> = Vec::new();
    for _ in 0..SEEKS {
        let to = Time(rng.below(end.0));
        let start = Instant::now();
        paced.handle(now(), Input::Seek(to));
        let mut seen = false;
        while !seen {
            paced.wake(now());
            while let Some(output) = paced.poll() {
                seen |= matches!(output, Output::Frame(frame) if frame.now == to);
            }
        }
        millis.push(start.elapsed().as_secs_f64() * 1e3);
    }
    millis.sort_by(f64::total_cmp);
    let (median, worst) = (millis[SEEKS / 2], millis[SEEKS - 1]);
    let p95 = millis[SEEKS * 95 / 100];
    println!(
        "{{\"events\":{events},\"virtual_s\":{},\"straight_s\":{straight_s},\"paced_s\":{paced_s},\"median_ms\":{median},\"p95_ms\":{p95},\"worst_ms\":{worst}}}",
        end.0 as f64 / 1e6
    );
}

fn run() -> (RunSpec, Memory) {
    let mut text = Vec::new();
    ZipfText::new(42, 50_000).fill(&mut text, (TASKS * 64) as usize);
    let experiment = "millrace: 1\nbatch:\n  input: { text: x }\n  partitions: 4\n  steps:\n    - flat_map: { word: words(lower(line)) }\n    \
                      - reduce: { key: word, values: { count: count(*) } }\n";
    let plan = shared::experiment::check(experiment).expect("an experiment").batch.plan;
    let source = Memory(Arc::new(text));
    let run = RunSpec {
        run: 1,
        job: Arc::new(Job::over(Arc::new(plan), source.len(), 64)),
        workers: 4,
        timing: Timing::SIMULATED,
        faults: vec![],
        respawn: Some(Span::seconds(1)),
        compute: COMPUTE_BYTES_PER_SECOND,
        watch: Watch::Never,
    };
    (run, source)
}
