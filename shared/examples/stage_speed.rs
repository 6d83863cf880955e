//! Where the time of an experiment goes, a stage at a time on one thread: `cargo run --release -p shared --example stage_speed --
//! EXPERIMENT.yaml INPUT`. The input is in memory before the clock starts; of each stage the best of three rounds is shown.

// A measurement, not the core: it reads files, and a panic is how it fails.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
#![allow(clippy::disallowed_types, reason = "an example measures; only the core has no clock")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use shared::batch::task::{Body, Outcome, Work};
use shared::batch::{Job, Memory, Payload, Space, Table, TaskKernel};
use shared::id::{Attempt, TaskId};

const ROUNDS: usize = 3;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (experiment, input) = (arguments.next().unwrap(), arguments.next().unwrap());
    let batch = shared::experiment::check(&std::fs::read_to_string(experiment).unwrap()).unwrap().batch;
    let source = Memory(Arc::new(std::fs::read(input).unwrap()));
    let job = Job::over(Arc::new(batch.plan), source.0.len() as u64, batch.split.unwrap_or(16 << 20));
    let mut best: BTreeMap<usize, (String, f64)> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for (place, (what, seconds)) in round(&job, &source).into_iter().enumerate() {
            let known = best.entry(place).or_insert((what, seconds));
            known.1 = known.1.min(seconds);
        }
    }
    best.values().for_each(|(what, seconds)| println!("{what:<40} {:>8.0} ms", seconds * 1e3));
}

/// Runs the job once; each part of it with its seconds.
fn round(job: &Job, source: &Memory) -> Vec<(String, f64)> {
    let mut left: BTreeMap<TaskId, Vec<Payload>> = BTreeMap::new();
    let (mut rows, mut times) = (Vec::new(), Vec::new());
    for stage in 0..job.plan.stages.len() {
        let start = Instant::now();
        for task in job.tasks(stage) {
            let inputs = job.needs(task).iter().map(|need| left[&need.task][need.partition as usize].clone()).collect();
            let body = match task {
                TaskId::Map(number) => Body::Map { number, skip: vec![] },
                TaskId::Reduce(_) => Body::Reduce(inputs),
            };
            let work = Work { task, attempt: Attempt { epoch: 1, number: 1 }, body };
            match TaskKernel::run(job, work, &mut source.clone(), Space::unbounded()) {
                Outcome::Mapped { partitions, .. } => drop(left.insert(task, partitions)),
                Outcome::Reduced { rows: of, .. } => rows.push(of),
                Outcome::Failed(failure) => panic!("{task}: {failure:?}"),
            }
        }
        times.push((format!("stage {}, {} tasks", stage + 1, job.tasks(stage).len()), start.elapsed().as_secs_f64()));
    }
    let start = Instant::now();
    let table = Table::new(&job.plan, rows).unwrap();
    times.push((format!("the table, {} rows", table.len()), start.elapsed().as_secs_f64()));
    let start = Instant::now();
    std::hint::black_box(table.output_hash().expect("the rows are in memory"));
    times.push(("its hash".to_owned(), start.elapsed().as_secs_f64()));
    times
}
