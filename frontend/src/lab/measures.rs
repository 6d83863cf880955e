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
    pub tells: Tells,
}

/// When a figure says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    Always,
    /// Where something goes wrong, also by being 0: nothing was lost.
    OfFaults,
    /// Where there is any.
    WhenAny,
    /// Only beside a run in which it does.
    Beside,
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

    fn is_any(&self) -> bool {
        self.value.is_some_and(|value| value.number() != 0.0)
    }

    fn tells(self, tells: Tells) -> Measure {
        Measure { tells, ..self }
    }
}

/// The places, in what each of these runs is measured by, of what says something of them beside each other: a job without a backup is not
/// measured by those, nor is a bus that nobody asks anything by how long answers took.
pub fn telling(runs: &[Vec<Measure>]) -> Vec<usize> {
    let count = runs.iter().map(Vec::len).max().unwrap_or_default();
    let does = |measure: &Measure| match measure.tells {
        Tells::Always => true,
        Tells::OfFaults | Tells::WhenAny => measure.is_any(),
        Tells::Beside => false,
    };
    let says = |place: &usize| runs.iter().filter_map(|run| run.get(*place)).any(does);
    (0..count).filter(says).collect()
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
    Measure { name, value, better, tells: Tells::Always }
}

fn of_batch(time: Measure, tally: Tally, counters: &Counters) -> Vec<Measure> {
    let count = |name, count| measure(name, Some(Value::Count(count)), Better::Less);
    // What a combiner spares; without one the two are equal, and one of them is enough.
    let combines = counters.map_output_records != counters.combine_output_records;
    vec![
        time,
        count("Tasks run", tally.tasks_run.into()),
        count("Repeated", tally.tasks_repeated.into()).tells(Tells::OfFaults),
        count("Backups", tally.backup_tasks.into()).tells(Tells::OfFaults),
        count("Workers lost", tally.workers_lost.into()).tells(Tells::OfFaults),
        count("Rows mapped", counters.map_output_records).tells(if combines { Tells::Always } else { Tells::Beside }),
        count("Rows shuffled", counters.combine_output_records),
        count("Records passed over", counters.skipped_records).tells(Tells::WhenAny),
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
        count("Delivered again", totals.redelivered, Better::Less).tells(Tells::OfFaults),
        count("Lost or dropped", totals.gone, Better::Less).tells(Tells::OfFaults),
        measure("Missing", report.map(|report| Value::Count(report.missing)), Better::Less).tells(Tells::OfFaults),
        count("Still ready", totals.ready, Better::Less).tells(Tells::OfFaults),
        span("Latency, half of them", "latency", 0),
        span("Latency, 99 of 100", "latency", 1),
        span("Answers, half of them", "response", 0).tells(Tells::WhenAny),
        span("Answers, 99 of 100", "response", 1).tells(Tells::WhenAny),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(runs: &[Vec<Measure>]) -> Vec<&'static str> {
        telling(runs).into_iter().map(|place| runs[0][place].name).collect()
    }

    #[test]
    fn a_job_is_measured_by_what_happened_in_it() {
        let time = || measure("Virtual time", Some(Value::Ms(1.0)), Better::Less);
        let counters = |mapped| Counters { map_output_records: mapped, combine_output_records: 10, ..Counters::default() };
        let calm = of_batch(time(), Tally { tasks_run: 3, ..Tally::default() }, &counters(10));
        assert_eq!(names(&[calm.clone(), calm.clone()]), ["Virtual time", "Tasks run", "Rows shuffled"]);
        let killed =
            of_batch(time(), Tally { tasks_run: 4, tasks_repeated: 1, workers_lost: 1, ..Tally::default() }, &counters(40));
        assert_eq!(
            names(&[calm, killed]),
            ["Virtual time", "Tasks run", "Repeated", "Workers lost", "Rows mapped", "Rows shuffled"]
        );
    }

    #[test]
    fn a_bus_is_measured_by_its_answers_only_where_somebody_asks() {
        let report = |spans: &[(&str, [f64; 3])]| BusReport {
            totals: BusTotals { published: 5, processed: 5, ..BusTotals::default() },
            missing: 0,
            spans: spans.iter().map(|(name, spans)| ((*name).to_owned(), *spans)).collect(),
        };
        let told = |report: &BusReport| of_bus(report.totals, Some(report));
        let work = told(&report(&[("latency", [1.0, 2.0, 3.0])]));
        assert_eq!(names(&[work]), ["Published", "Worked on", "Latency, half of them", "Latency, 99 of 100"]);
        let asked = told(&report(&[("latency", [1.0, 2.0, 3.0]), ("response", [4.0, 5.0, 6.0])]));
        assert_eq!(names(&[asked])[4..], ["Answers, half of them", "Answers, 99 of 100"]);
    }
}
