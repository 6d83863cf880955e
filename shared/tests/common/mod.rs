//! Small jobs drawn from a seed, and what they must come to.
#![allow(dead_code, reason = "each test crate uses a part of it")]

pub mod driver;

use std::sync::Arc;

use shared::batch::kernel::sequential;
use shared::batch::message::Job;
use shared::batch::timing::Timing;
use shared::batch::{Memory, Plan, Reduce, SortKey, Step, Table, splits};
use shared::expr::{Expr, Schema, Type};
use shared::fault::{self, Fault};
use shared::rng::Rng;
use shared::session::run::RunSpec;
use shared::sim::{End, Finished, SimSpec, Simulation};
use shared::time::Span;

/// A job, its input, its cluster and its faults.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub plan: Plan,
    pub text: Arc<Vec<u8>>,
    pub split_bytes: u64,
    pub workers: u32,
    pub faults: Vec<Fault>,
    pub respawn: Option<Span>,
}

pub fn expr(text: &str, columns: &[(&str, Type)]) -> Expr {
    Expr::parse(text, &Schema(columns.iter().map(|(name, of)| (name.to_string(), of.clone())).collect())).unwrap()
}

/// `words(lower(line))`, counted.
pub fn word_count(partitions: u32) -> Plan {
    let list = expr("words(lower(line))", &[("line", Type::Utf8)]);
    Plan {
        steps: vec![Step::FlatMap { column: "word".into(), list }],
        reduce: Reduce { key: "word".into(), key_column: 1, values: vec!["count".into()] },
        having: vec![],
        sort: vec![],
        limit: None,
        partitions,
        combine: true,
    }
}

impl Scenario {
    /// Word count over `text`, without faults.
    pub fn calm(text: &str, split_bytes: u64, partitions: u32, workers: u32) -> Scenario {
        let text = Arc::new(text.as_bytes().to_vec());
        let respawn = Some(Span::seconds(1));
        Scenario { plan: word_count(partitions), text, split_bytes, workers, faults: vec![], respawn }
    }

    /// Everything from one seed: the text, the plan, the cluster, and between no and six faults of all kinds.
    pub fn draw(seed: u64) -> Scenario {
        let rng = &mut Rng::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let text = draw_text(rng);
        let plan = draw_plan(rng);
        let maps = 1 + rng.below(16);
        let split_bytes = (text.len() as u64 / maps).max(1 + rng.below(8));
        let workers = 1 + rng.below(5) as u32;
        let count = rng.below(7) as u32;
        let faults = fault::draw(rng, workers, count);
        let respawn = Some(Span::millis(1 + rng.below(800)));
        Scenario { plan, text: Arc::new(text), split_bytes, workers, faults, respawn }
    }

    pub fn with_faults(self, faults: Vec<Fault>) -> Scenario {
        Scenario { faults, ..self }
    }

    pub fn job(&self) -> Arc<Job> {
        let input_bytes = self.text.len() as u64;
        Arc::new(Job { plan: Arc::new(self.plan.clone()), splits: splits(input_bytes, self.split_bytes), input_bytes })
    }

    pub fn run_spec(&self) -> RunSpec {
        RunSpec {
            run: 1,
            job: self.job(),
            workers: self.workers,
            timing: Timing::SIMULATED,
            faults: self.faults.clone(),
            respawn: self.respawn,
            observed: false,
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
        sequential(&Arc::new(self.plan.clone()), &mut Memory(self.text.clone())).unwrap()
    }

    /// The rows of a distributed run against those of the sequential one, byte for byte.
    pub fn assert_equals_sequential(&self, finished: &Finished) {
        let table = Table::new(&self.plan, finished.rows.clone()).unwrap();
        assert!(table.rows().eq(self.sequential().rows()), "the rows differ from those of a sequential run");
    }
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
    let mut plan = word_count(1 + rng.below(6) as u32);
    plan.combine = rng.below(2) == 0;
    if rng.below(4) == 0 {
        plan.steps[0] = Step::FlatMap { column: "word".into(), list: expr("words(line)", &[("line", Type::Utf8)]) };
    }
    if rng.below(3) == 0 {
        plan.steps.push(Step::Filter(expr("length(word) > 1", &[("line", Type::Utf8), ("word", Type::Utf8)])));
    }
    if rng.below(4) == 0 {
        plan.having.push(expr("count > 1", &[("word", Type::Utf8), ("count", Type::Int64)]));
    }
    if rng.below(2) == 0 {
        plan.sort = vec![SortKey { column: 1, descending: true }, SortKey { column: 0, descending: false }];
    }
    if rng.below(4) == 0 {
        plan.limit = Some(rng.below(12));
    }
    plan
}
