//! How fast the simulator is, and how little it adds to the kernels that it runs.
//!
//! `cargo run --release -p shared --example sim_speed`, or `cargo xtask bench simulator`. Prints one JSON object.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_types, reason = "an example measures; only the core has no clock")]

use std::sync::Arc;
use std::time::Instant;

use shared::batch::timing::Timing;
use shared::batch::zipf::ZipfText;
use shared::batch::{Job, MapKernel, Memory, Payload, ReduceKernel, Source, Space};
use shared::id::TaskId;
use shared::session::run::{RunSpec, Watch};
use shared::sim::model::COMPUTE_BYTES_PER_SECOND;
use shared::sim::{Kernels, SimSpec, Simulation};
use shared::time::Span;

/// Each measurement is the best of this many.
const ROUNDS: usize = 5;

/// Map tasks of the job that measures events.
const SMALL_TASKS: u64 = 20_000;

fn main() {
    let (events, seconds) = events();
    let (bare, simulated) = overhead();
    println!("{{\"events\":{events},\"events_s\":{seconds},\"bare_s\":{bare},\"simulated_s\":{simulated}}}");
}

/// How many events, and in how many seconds, when the kernels cost nothing: their results are known from a first run.
fn events() -> (u64, f64) {
    let (job, source) = job(SMALL_TASKS * 64, 64, 4);
    let mut first = simulation(&job, &source, Kernels::new(job.clone()));
    first.run().expect("a calm run breaks no rule");
    let kernels = first.into_kernels();
    let (mut best, mut events) = (f64::INFINITY, 0);
    for _ in 0..ROUNDS {
        let mut simulation = simulation(&job, &source, kernels.clone());
        let start = Instant::now();
        simulation.run().expect("a calm run breaks no rule");
        best = best.min(start.elapsed().as_secs_f64());
        events = simulation.events();
    }
    (events, best)
}

/// The seconds that the kernels of 256 MiB in splits of 256 KiB take back to back, and the whole simulated job. Both in turns, so
/// that a change in the machine's speed meets both.
fn overhead() -> (f64, f64) {
    let (job, source) = job(256 << 20, 256 << 10, 4);
    let (mut alone, mut simulated) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        alone = alone.min(seconds(|| bare(&job, &source)));
        simulated = simulated.min(seconds(|| {
            simulation(&job, &source, Kernels::new(job.clone())).run().expect("a calm run breaks no rule");
        }));
    }
    (alone, simulated)
}

fn seconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

fn simulation(job: &Arc<Job>, source: &Memory, kernels: Kernels) -> Simulation {
    let (job, timing) = (job.clone(), Timing::SIMULATED);
    let respawn = Some(Span::seconds(1));
    let run = RunSpec {
        run: 1,
        job,
        workers: 4,
        timing,
        faults: vec![],
        respawn,
        compute: COMPUTE_BYTES_PER_SECOND,
        watch: Watch::Never,
    };
    Simulation::with_kernels(SimSpec { run, seed: 42, keeps_rows: false }, Box::new(source.clone()), kernels)
}

fn bare(job: &Job, source: &Memory) {
    let mut source = source.clone();
    let mut outputs = Vec::new();
    for number in 0..job.maps() as u32 {
        let mut kernel = MapKernel::new(job, number, &[], &Space::unbounded()).expect("a task of the job");
        while !kernel.step(&mut source).expect("memory can be read") {}
        outputs.push(kernel.finish().expect("memory is enough").partitions);
    }
    for partition in 0..job.reduces() {
        let inputs: Vec<Payload> = outputs.iter().map(|output| output[partition].clone()).collect();
        let mut kernel =
            ReduceKernel::new(job, TaskId::Reduce(partition as u32), inputs, Space::unbounded()).expect("a task of the job");
        while !kernel.step().expect("the map tasks wrote rows") {}
    }
}

fn job(bytes: u64, split_bytes: u64, partitions: u32) -> (Arc<Job>, Memory) {
    let mut text = Vec::new();
    ZipfText::new(42, 50_000).fill(&mut text, bytes as usize);
    let experiment = format!(
        "millrace: 1\nbatch:\n  input: {{ text: x }}\n  partitions: {partitions}\n  steps:\n    - flat_map: {{ word: words(lower(line)) }}\n    \
         - reduce: {{ key: word, values: {{ count: count(*) }} }}\n"
    );
    let plan = shared::experiment::check(&experiment).expect("an experiment").batch.plan;
    let source = Memory(Arc::new(text));
    (Arc::new(Job::over(Arc::new(plan), source.len(), split_bytes)), source)
}
