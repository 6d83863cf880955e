//! How fast the kernels count the words of a Zipf text, beside the plain loop over a hash table, on one thread.
//!
//! `cargo run --release -p shared --example kernel_speed [MIB] [SPLIT_MIB]`

// A measurement, not the core: it takes arguments, and a panic is how it fails.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
#![allow(clippy::disallowed_types, reason = "an example measures; only the core has no clock")]

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use shared::batch::zipf::ZipfText;
use shared::batch::{Job, MapKernel, Memory, Payload, Plan, ReduceKernel, Source, Space, Table, kernel};
use shared::id::TaskId;

/// Each measurement is the best of this many.
const ROUNDS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().expect("sizes are numbers of MiB"));
    let size = arguments.next().unwrap_or(512) << 20;
    let split = arguments.next().unwrap_or(32) << 20;
    let mut text = Vec::new();
    ZipfText::new(42, 50_000).fill(&mut text, size as usize);
    let mut source = Memory(Arc::new(text));
    let text = source.0.clone();
    let text = std::str::from_utf8(&text).expect("the text is ASCII");

    let rate = |name: &str, run: &mut dyn FnMut() -> usize| {
        let mut best = f64::INFINITY;
        let mut rows = 0;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            rows = run();
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!("{name:<48} {:>7.0} MB/s   {rows} rows", source_mb(text) / best);
        best
    };
    let plain = rate("plain loop, split_ascii_whitespace", &mut || plain(text.split_ascii_whitespace()));
    rate("plain loop, split(!is_alphanumeric)", &mut || plain_loop(text));

    let plan = Arc::new(word_count());
    let whole = rate("map and reduce", &mut || run(&plan, &mut source.clone(), split).len());
    println!("{:<48} {:>7.2}", "times the plain loop", plain / whole);
    let job = Job::over(plan.clone(), source.len(), split);
    rate("sequential", &mut || kernel::sequential(&job, &mut source).expect("memory can be read").len());
    phases(&plan, &mut source, split);
}

fn source_mb(text: &str) -> f64 {
    text.len() as f64 / 1e6
}

fn plain<'a>(words: impl Iterator<Item = &'a str>) -> usize {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts.len()
}

fn plain_loop(text: &str) -> usize {
    plain(text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()))
}

fn word_count() -> Plan {
    let text = "millrace: 1\nbatch:\n  input: { text: x }\n  partitions: 4\n  steps:\n    - flat_map: { word: words(lower(line)) }\n    - reduce: { key: word, values: { count: count(*) } }\n";
    shared::experiment::check(text).expect("an experiment").batch.plan
}

fn run(plan: &Arc<Plan>, source: &mut Memory, split: u64) -> Table {
    let job = Job::over(plan.clone(), source.len(), split);
    let outputs = map(&job, source);
    Table::new(plan, reduce(&job, &outputs)).expect("rows that a reduce wrote")
}

fn map(job: &Job, source: &mut Memory) -> Vec<Vec<Payload>> {
    let task = |number| {
        let mut kernel = MapKernel::new(job, number, &[], &Space::unbounded()).expect("a task of the job");
        while !kernel.step(source).expect("memory can be read") {}
        kernel.finish().expect("memory is enough").partitions
    };
    (0..job.maps() as u32).map(task).collect()
}

fn reduce(job: &Job, outputs: &[Vec<Payload>]) -> Vec<Payload> {
    let task = |partition: usize| {
        let inputs = outputs.iter().map(|output| output[partition].clone()).collect();
        let task = TaskId::Reduce(partition as u32);
        let mut kernel = ReduceKernel::new(job, task, inputs, Space::unbounded()).expect("a task of the job");
        while !kernel.step().expect("rows that a map wrote") {}
        kernel.finish().expect("memory is enough").partitions.remove(0)
    };
    (0..job.reduces()).map(task).collect()
}

/// Where the time goes: maps that read and count, the rows they leave, the reduces, the table.
fn phases(plan: &Arc<Plan>, source: &mut Memory, split: u64) {
    let (job, start) = (Job::over(plan.clone(), source.len(), split), Instant::now());
    let (mut drain, mut outputs) = (0.0, Vec::new());
    for number in 0..job.maps() as u32 {
        let mut kernel = MapKernel::new(&job, number, &[], &Space::unbounded()).expect("a task of the job");
        loop {
            let step = Instant::now();
            let before = kernel.bytes();
            let done = kernel.step(source).expect("memory can be read");
            if kernel.bytes() == before {
                drain += step.elapsed().as_secs_f64();
            }
            if done {
                break;
            }
        }
        outputs.push(kernel.finish().expect("memory is enough").partitions);
    }
    let mapped = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let rows = reduce(&job, &outputs);
    let reduced = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let table = Table::new(plan, rows).expect("rows that a reduce wrote");
    let hash = table.output_hash().expect("memory is enough");
    let tabled = start.elapsed().as_secs_f64();
    println!("map {mapped:.3} s (of it drain {drain:.3} s), reduce {reduced:.3} s, table and hash {tabled:.3} s: {hash:016x}");
}
