//! Small jobs drawn from a seed, and what they must come to.
#![allow(dead_code, reason = "each test crate uses a part of it")]

pub mod chains;
pub mod driver;
pub mod watched;

use std::sync::Arc;

use shared::batch::kernel::sequential;
use shared::batch::task::{Body, Outcome, Work};
use shared::batch::timing::Timing;
use shared::batch::{Counters, Emit, Gather, Job, Memory, Part, Payload, Plan, Space, Table, TaskKernel, micro_batches};
use shared::experiment::check;
use shared::fault::{self, Fault};
use shared::id::{Attempt, TaskId};
use shared::rng::Rng;
use shared::session::run::{RunSpec, Watch};
use shared::sim::model::COMPUTE_BYTES_PER_SECOND;
use shared::sim::{End, Finished, SimSpec, Simulation};
use shared::time::Span;

/// A job, its input, its cluster and its faults.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub plan: Plan,
    /// What is read: the batch's own text, and behind it those of joined tables, of so many bytes each.
    pub text: Arc<Vec<u8>>,
    pub tables: Vec<usize>,
    /// Where micro-batches begin; none: there is one batch.
    pub cuts: Vec<u64>,
    pub split_bytes: u64,
    pub workers: u32,
    pub faults: Vec<Fault>,
    pub respawn: Option<Span>,
}

/// What a drawn job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A map and at most one reduction.
    OneStage,
    /// Reductions of reductions, with orders and limits between them.
    Chain,
    /// Joins with tables that have steps of their own.
    Join,
    /// Sampled ranges, and what may come before and after them.
    Sort,
    /// Any of these, over one micro-batch after the other.
    MicroBatches,
}

/// The plan of a batch with these steps, in YAML, a line each.
pub fn plan(partitions: u32, steps: &[&str]) -> Plan {
    plan_with_tables(partitions, "", steps)
}

/// The same with the `tables` that its joins name, in YAML on one line.
pub fn plan_with_tables(partitions: u32, tables: &str, steps: &[&str]) -> Plan {
    let steps: String = steps.iter().map(|step| format!("    - {step}\n")).collect();
    let tables = if tables.is_empty() { String::new() } else { format!("  tables: {tables}\n") };
    let text = format!("millrace: 1\nbatch:\n  input: {{ text: x }}\n{tables}  partitions: {partitions}\n  steps:\n{steps}");
    check(&text).unwrap_or_else(|problems| panic!("{}\n{text}", problems[0])).batch.plan
}

/// `words(lower(line))`, counted.
pub fn word_count(partitions: u32) -> Plan {
    plan(partitions, &["flat_map: { word: words(lower(line)) }", COUNT])
}

/// The plan with or without the combiner.
pub fn combining(mut plan: Plan, combine: bool) -> Plan {
    for stage in &mut plan.stages {
        if let Emit::Reduced(reduce) = &mut stage.emit {
            reduce.combine = combine;
        }
        if let Gather::Reduce { reduce, .. } = &mut stage.gather {
            reduce.combine = combine;
        }
    }
    plan
}

/// Runs every task of a job once, in order: the rows of the last stage's tasks, and what all counted.
pub fn run_tasks(job: &Job, text: &[u8]) -> (Vec<Payload>, Counters) {
    run_tasks_in(job, text, &Space::unbounded(), &|rows| rows)
}

/// The same in so much space; `keep` is what becomes of each payload before anybody reads it.
pub fn run_tasks_in(job: &Job, text: &[u8], space: &Space, keep: &dyn Fn(Payload) -> Payload) -> (Vec<Payload>, Counters) {
    let mut source = Memory(Arc::new(text.to_vec()));
    let mut left: std::collections::BTreeMap<TaskId, Vec<Payload>> = Default::default();
    let (mut rows, mut counters) = (Vec::new(), Counters::default());
    for task in (0..job.plan.stages.len()).flat_map(|stage| job.tasks(stage)) {
        let inputs = job.needs(task).iter().map(|need| left[&need.task][need.partition as usize].clone()).collect();
        let body = match task {
            TaskId::Map(number) => Body::Map { number, skip: vec![] },
            TaskId::Reduce(_) => Body::Reduce(inputs),
        };
        match TaskKernel::run(job, Work { task, attempt: Attempt { epoch: 1, number: 1 }, body }, &mut source, space.clone()) {
            Outcome::Mapped { partitions, counters: counted } => {
                counters.add(&counted);
                left.insert(task, partitions.into_iter().map(keep).collect());
            }
            Outcome::Reduced { rows: of, counters: counted } => {
                counters.add(&counted);
                rows.push(keep(of));
            }
            Outcome::Failed(failure) => panic!("{task}: {failure:?}"),
        }
    }
    (rows, counters)
}

/// The reduction of counted words.
pub const COUNT: &str = "reduce: { key: word, values: { count: count(*) } }";

/// The rows of a table of words and counts.
pub fn counts(table: &Table) -> Vec<(String, u64)> {
    let counts = table.batches(0..table.len()).flat_map(|rows| {
        let rows = rows.unwrap();
        let text = |row, column| rows.text(row, column).unwrap();
        (0..rows.len()).map(|row| (text(row, 0), text(row, 1).parse().unwrap())).collect::<Vec<_>>()
    });
    counts.collect()
}

impl Scenario {
    /// Word count over `text`, without faults.
    pub fn calm(text: &str, split_bytes: u64, partitions: u32, workers: u32) -> Scenario {
        let text = Arc::new(text.as_bytes().to_vec());
        let respawn = Some(Span::seconds(1));
        Scenario {
            plan: word_count(partitions),
            text,
            tables: vec![],
            cuts: vec![],
            split_bytes,
            workers,
            faults: vec![],
            respawn,
        }
    }

    /// Everything from one seed: the text, the plan, the cluster, and between no and six faults of all kinds.
    pub fn draw(seed: u64, shape: Shape) -> Scenario {
        let rng = &mut Rng::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut text = draw_text(rng);
        let plan = match shape {
            Shape::OneStage => draw_plan(rng),
            Shape::Chain => chains::chain(rng),
            Shape::Join => chains::join(rng),
            Shape::Sort => chains::sort(rng),
            Shape::MicroBatches => match rng.below(3) {
                0 => chains::join(rng),
                1 => chains::sort(rng),
                _ => chains::chain(rng),
            },
        };
        let mut tables = Vec::new();
        for _ in 1..plan.inputs.len() {
            let table = draw_text(rng);
            tables.push(table.len());
            text.extend(table);
        }
        let cuts = match shape {
            Shape::MicroBatches => draw_cuts(rng, &text[..text.len() - tables.iter().sum::<usize>()]),
            _ => Vec::new(),
        };
        let maps = 1 + rng.below(16);
        let split_bytes = (text.len() as u64 / maps).max(1 + rng.below(8));
        let workers = 1 + rng.below(5) as u32;
        let count = rng.below(7) as u32;
        let faults = fault::draw(rng, workers, count);
        let respawn = Some(Span::millis(1 + rng.below(800)));
        Scenario { plan, text: Arc::new(text), tables, cuts, split_bytes, workers, faults, respawn }
    }

    pub fn with_faults(self, faults: Vec<Fault>) -> Scenario {
        Scenario { faults, ..self }
    }

    pub fn job(&self) -> Arc<Job> {
        let own = self.text.len() - self.tables.iter().sum::<usize>();
        let (mut parts, mut start) = (Vec::new(), 0);
        for (input, bytes) in std::iter::once(own).chain(self.tables.iter().copied()).enumerate() {
            parts.push(Part { input: input as u32, start, end: start + bytes as u64 });
            start += bytes as u64;
        }
        Arc::new(Job::new(Arc::new(self.plan.clone()), parts, self.split_bytes, &self.cuts))
    }

    pub fn run_spec(&self) -> RunSpec {
        RunSpec {
            run: 1,
            job: self.job(),
            workers: self.workers,
            timing: Timing::SIMULATED,
            faults: self.faults.clone(),
            respawn: self.respawn,
            compute: COMPUTE_BYTES_PER_SECOND,
            watch: Watch::Never,
        }
    }

    pub fn simulation(&self, seed: u64) -> Simulation {
        let spec = SimSpec { run: self.run_spec(), seed, keeps_rows: true };
        Simulation::new(spec, Box::new(Memory(self.text.clone())))
    }

    /// Runs to the end and gives what came out; panics with the replay command otherwise.
    pub fn finish(&self, seed: u64) -> (Simulation, Finished) {
        let mut simulation = self.simulation(seed);
        match simulation.run() {
            Ok(End::Finished(finished)) => {
                let finished = finished.clone();
                (simulation, finished)
            }
            Ok(End::Failed(reason)) => panic!("seed {seed} failed: {reason}"),
            Err(error) => panic!("{error}"),
        }
    }

    pub fn sequential(&self) -> Table {
        sequential(&self.job(), &mut Memory(self.text.clone())).unwrap()
    }

    /// The rows of a distributed run against those of the sequential one, byte for byte.
    pub fn assert_equals_sequential(&self, finished: &Finished) {
        let table = Table::new(&self.job().plan, finished.rows.clone()).unwrap();
        let csv = |table: &Table| String::from_utf8(table.to_csv().unwrap()).unwrap();
        assert!(csv(&table) == csv(&self.sequential()), "the rows differ from those of a sequential run");
    }
}

/// Micro-batches of a few lines each.
fn draw_cuts(rng: &mut Rng, text: &[u8]) -> Vec<u64> {
    let parts = [Part { input: 0, start: 0, end: text.len() as u64 }];
    micro_batches(&mut Memory(Arc::new(text.to_vec())), &parts, 0, 1 + rng.below(12)).unwrap()
}

fn draw_text(rng: &mut Rng) -> Vec<u8> {
    const WORDS: [&str; 24] = [
        "a",
        "the",
        "The",
        "mill",
        "race",
        "Race",
        "don't",
        "water",
        "wheel",
        "x",
        "Ünïcode",
        "straße",
        "ΣΊΣΥΦΟΣ",
        "水車",
        "of",
        "and",
        "to",
        "turns",
        "grain",
        "flour",
        "q1w2e3",
        "antidisestablishmentarianism",
        "e",
        "river",
    ];
    const GAPS: [&str; 10] = [" ", " ", " ", " ", "  ", ", ", "\n", "\r\n", ". ", "\n\n"];
    let mut text = Vec::new();
    let words = match rng.below(8) {
        0 => rng.below(3),
        _ => rng.below(200),
    };
    for _ in 0..words {
        // The square makes small numbers likelier, so that some words are frequent.
        let pick = rng.below(WORDS.len() as u64) * rng.below(WORDS.len() as u64) / WORDS.len() as u64;
        text.extend_from_slice(WORDS[pick as usize].as_bytes());
        if rng.below(60) == 0 {
            text.extend_from_slice(&[0xC3, 0x28, 0xFF][..1 + rng.below(3) as usize]);
        }
        text.extend_from_slice(GAPS[rng.below(GAPS.len() as u64) as usize].as_bytes());
    }
    text
}

fn draw_plan(rng: &mut Rng) -> Plan {
    let combine = rng.below(2) == 0;
    let (mut steps, value) = match rng.below(3) {
        0 => other_steps(rng, combine),
        _ => (word_steps(rng, combine), "count"),
    };
    if rng.below(4) == 0 && value != "line" {
        steps.push(format!("filter: {value} > 1"));
    }
    if rng.below(2) == 0 {
        steps.push(format!("sort: {value} desc"));
    }
    if rng.below(4) == 0 {
        steps.push(format!("limit: {}", 1 + rng.below(12)));
    }
    plan(1 + rng.below(6) as u32, &steps.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Words counted, in a shape that the kernels know.
fn word_steps(rng: &mut Rng, combine: bool) -> Vec<String> {
    let lower = if rng.below(4) == 0 { "words(line)" } else { "words(lower(line))" };
    let mut steps = vec![format!("flat_map: {{ word: {lower} }}")];
    if rng.below(3) == 0 {
        steps.push("filter: length(word) > 1".into());
    }
    steps.push(format!("reduce: {{ key: word, values: {{ count: count(*) }}, combine: {combine} }}"));
    steps
}

/// Anything else, and a column to sort by.
fn other_steps(rng: &mut Rng, combine: bool) -> (Vec<String>, &'static str) {
    let words = "flat_map: { word: words(line) }".to_owned();
    let reduce = |key: &str, values: &str| format!("reduce: {{ key: {key}, values: {{ {values} }}, combine: {combine} }}");
    match rng.below(4) {
        // Rows as they are, in the order of the input.
        0 => (vec!["filter: line like '%e%'".into(), "map: { n: length(line) }".into()], "n"),
        1 => {
            let map = "map: { first: \"lower(left(word, 1))\", n: length(word), known: \"nullif(word, 'the')\" }".to_owned();
            let values = "count: count(*), longest: max(n), least: min(word), sum: sum(n), kinds: count(distinct known)";
            (vec![words, map, reduce("[first, n]", values)], "sum")
        }
        // Sums of floats keep their last place with the combiner only (DESIGN §6.6).
        2 if combine => {
            let map = "map: { n: length(word), x: 1.0 / length(word) }".to_owned();
            let values = "mean: avg(x), all: sum(x), spread: stddev(x), middle: \"quantile(x, 0.5)\", share: sum(x) / count(*)";
            (vec![words, map, reduce("n", values)], "mean")
        }
        _ => {
            let values = "from: first(word), to: last(word), some: \"array_join(list_distinct(word), ' ')\", best: \"array_join(top_k(word, 2), ' ')\", n: count(*)";
            (vec![words, "map: { n0: length(word) }".into(), reduce("n0", values)], "n")
        }
    }
}
