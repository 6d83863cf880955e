//! What runs are measured by, so that one can be put beside another.

use shared::batch::Counters;
use shared::wire::{BusReport, BusTotals, Report, Tally};

use super::format::{duration_ms, grouped};
use super::model::RunModel;

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    pub name: &'static str,
    /// Not known while the run goes on.
    pub value: Option<Value>,
    pub better: Better,
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Value {
    Count(u64),
    Ms(f64),
}

/// Which of two figures one would rather have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    Less,
    More,
    /// It depends on what one is after.
    Neither,
}

impl Value {
    pub fn number(self) -> f64 {
        match self {
            Value::Count(count) => count as f64,
            Value::Ms(ms) => ms,
        }
    }

    pub fn words(self) -> String {
        match self {
            Value::Count(count) => grouped(count),
            Value::Ms(ms) => {
                let figure = duration_ms(ms);
                format!("{} {}", figure.value, figure.unit)
            }
        }
    }
}

impl Measure {
    pub fn words(&self) -> String {
        self.value.map_or_else(|| "…".to_owned(), Value::words)
    }
}

/// Of a run that has ended.
pub fn of_report(report: &Report) -> Vec<Measure> {
    let time = match report.virtual_ms {
        Some(ms) => measure("Virtual time", Some(Value::Ms(ms)), Better::Less),
        None => measure("Time", Some(Value::Ms(report.wall_ms)), Better::Less),
    };
    match report.bus.as_deref() {
        Some(bus) => of_bus(bus.totals, Some(bus)),
        None => of_batch(time, report.tally, &report.counters),
    }
}

/// Of a run as far as it is.
pub fn of_run(run: &RunModel) -> Vec<Measure> {
    if let Some(report) = run.report() {
        return of_report(report);
    }
    match &run.bus {
        Some(bus) => of_bus(bus.now.totals, None),
        None => {
            let now = Some(Value::Ms(run.now.0 as f64 / 1e3));
            of_batch(measure("Virtual time", now, Better::Less), run.tally, &run.counters)
        }
    }
}

fn measure(name: &'static str, value: Option<Value>, better: Better) -> Measure {
    Measure { name, value, better }
}

fn of_batch(time: Measure, tally: Tally, counters: &Counters) -> Vec<Measure> {
    let count = |name, count| measure(name, Some(Value::Count(count)), Better::Less);
    vec![
        time,
        count("Tasks run", tally.tasks_run.into()),
        count("Repeated", tally.tasks_repeated.into()),
        count("Backups", tally.backup_tasks.into()),
        count("Workers lost", tally.workers_lost.into()),
        count("Rows shuffled", counters.combine_output_records),
    ]
}

/// How long the messages of a bus took: half of them, 99 of 100 and all; milliseconds.
pub fn latency(report: &Report) -> Option<[f64; 3]> {
    report.bus.as_deref().map(|bus| bus.spans.get("latency").copied().unwrap_or_default())
}

/// The messages of a bus, and how long they took.
fn of_bus(totals: BusTotals, report: Option<&BusReport>) -> Vec<Measure> {
    let count = |name, count, better| measure(name, Some(Value::Count(count)), better);
    let span = |name, of: &str, part: usize| {
        let ms = report.map(|report| report.spans.get(of).map_or(0.0, |spans| spans[part]));
        measure(name, ms.map(Value::Ms), Better::Less)
    };
    vec![
        count("Published", totals.published, Better::Neither),
        count("Worked on", totals.processed, Better::More),
        count("Delivered again", totals.redelivered, Better::Less),
        count("Lost or dropped", totals.gone, Better::Less),
        measure("Missing", report.map(|report| Value::Count(report.missing)), Better::Less),
        count("Still ready", totals.ready, Better::Less),
        span("Latency, half of them", "latency", 0),
        span("Latency, 99 of 100", "latency", 1),
    ]
}
