//! What there is to say of runs beside each other: a sentence for each thing in which they differ.

use shared::wire::Report;

use crate::lab::measures::{Better, Measure, Value, of_report};
use crate::lab::names::and;

/// Runs by their names, as they were asked for; the first is what the others are put beside.
pub fn sentences(runs: &[(&str, &Report)]) -> Vec<String> {
    let [(_, first), others @ ..] = runs else { return Vec::new() };
    if others.is_empty() {
        return Vec::new();
    }
    let mut sentences: Vec<String> = rows(runs).into_iter().chain(expectations(runs)).collect();
    let measures: Vec<Vec<Measure>> = runs.iter().map(|(_, report)| of_report(report)).collect();
    let before = sentences.len();
    for (index, measure) in of_report(first).iter().enumerate() {
        let of = |measures: &Vec<Measure>| measures.get(index).filter(|it| it.name == measure.name)?.value;
        let values: Vec<(&str, Value)> =
            runs.iter().zip(&measures).filter_map(|((name, _), measures)| Some((*name, of(measures)?))).collect();
        if values.len() == runs.len() && values.iter().any(|(_, value)| *value != values[0].1) {
            sentences.push(sentence(measure, &values));
        }
    }
    if sentences.len() == before {
        sentences.push("Nothing that is measured differs.".to_owned());
    }
    sentences
}

fn sentence(measure: &Measure, values: &[(&str, Value)]) -> String {
    let name = measure.name;
    if let [(one, was), (other, is)] = values {
        return format!("{name}: {} {one}, {} {other}{}.", was.words(), is.words(), by_how_much(*was, *is));
    }
    let rank = |(_, one): &&(&str, Value), (_, other): &&(&str, Value)| one.number().total_cmp(&other.number());
    let (Some(least), Some(most)) = (values.iter().min_by(rank), values.iter().max_by(rank)) else { return String::new() };
    let (best, worst) = if measure.better == Better::More { (most, least) } else { (least, most) };
    let (first, last) = match measure.better {
        Better::Neither => ("least", "most"),
        _ => ("best", "worst"),
    };
    let all = |value: Value| {
        let names: Vec<String> = values.iter().filter(|(_, it)| *it == value).map(|(name, _)| (*name).to_owned()).collect();
        and(&names)
    };
    format!("{name}: {first} {} ({}), {last} {} ({}).", best.1.words(), all(best.1), worst.1.words(), all(worst.1))
}

/// The difference as a share of what was, where that says anything.
fn by_how_much(was: Value, is: Value) -> String {
    let (was, is) = (was.number(), is.number());
    if was <= 0.0 {
        return String::new();
    }
    let share = (is - was) / was * 100.0;
    let direction = if share < 0.0 { "less" } else { "more" };
    match share.abs() {
        share if share < 0.5 => format!(", under 1 % {direction}"),
        share if share > 900.0 => format!(", {:.0} times as much", is / was),
        share => format!(", {share:.0} % {direction}"),
    }
}

/// Whether the rows are the same; those of a bus are its counters, of which the measures tell.
fn rows(runs: &[(&str, &Report)]) -> Option<String> {
    let [(_, first), others @ ..] = runs else { return None };
    if first.bus.is_some() {
        return None;
    }
    let differing: Vec<&str> =
        others.iter().filter(|(_, report)| report.output_hash != first.output_hash).map(|(name, _)| *name).collect();
    Some(match differing[..] {
        [] => "The rows are the same.".to_owned(),
        _ => format!("The rows are others than as written: {}.", differing.join(", ")),
    })
}

/// Which runs do not hold what is expected.
fn expectations(runs: &[(&str, &Report)]) -> Vec<String> {
    let broken = |(name, report): &(&str, &Report)| {
        let broken: Vec<&str> = report.expectations.iter().filter(|it| !it.held).map(|it| it.expectation.as_str()).collect();
        (!broken.is_empty()).then(|| format!("Does not hold {name}: {}.", broken.join(", ")))
    };
    runs.iter().filter_map(broken).collect()
}

#[cfg(test)]
mod tests {
    use shared::batch::Counters;
    use shared::wire::{BusReport, BusTotals, ExpectationResult, Place, Tally};

    use super::*;

    fn batch(ms: f64, tally: Tally, hash: &str) -> Report {
        Report {
            place: Place::Simulate,
            seed: 42,
            rows: 6,
            wall_ms: 3.0,
            virtual_ms: Some(ms),
            trace_hash: None,
            output_hash: hash.to_owned(),
            counters: Counters::default(),
            tally,
            expectations: Vec::new(),
            bus: None,
        }
    }

    fn bus(processed: u64, gone: u64, p99_ms: f64) -> Report {
        let totals = BusTotals { published: 1_200, processed, gone, ..BusTotals::default() };
        let spans = [("latency".to_owned(), [p99_ms / 2.0, p99_ms, p99_ms])].into();
        Report { bus: Some(Box::new(BusReport { totals, missing: 0, spans })), ..batch(1.0, Tally::default(), "") }
    }

    #[test]
    fn two_runs_differ_by_so_much() {
        let tally = Tally { tasks_run: 30, ..Tally::default() };
        let repeated = Tally { tasks_run: 33, tasks_repeated: 3, workers_lost: 1, ..tally };
        let (was, is) = (batch(1_000.0, tally, "a"), batch(1_500.0, repeated, "a"));
        assert_eq!(
            sentences(&[("as written", &was), ("with a kill", &is)]),
            [
                "The rows are the same.",
                "Virtual time: 1.0 s as written, 1.5 s with a kill, 50 % more.",
                "Tasks run: 30 as written, 33 with a kill, 10 % more.",
                "Repeated: 0 as written, 3 with a kill.",
                "Workers lost: 0 as written, 1 with a kill.",
            ]
        );
    }

    #[test]
    fn of_several_runs_the_best_and_the_worst_are_named() {
        let (oldest, newest, buffer) = (bus(800, 400, 500.0), bus(800, 400, 900.0), bus(820, 0, 6_000.0));
        assert_eq!(
            sentences(&[("drop_oldest", &oldest), ("drop_newest", &newest), ("buffer", &buffer)]),
            [
                "Worked on: best 820 (buffer), worst 800 (drop_oldest and drop_newest).",
                "Lost or dropped: best 0 (buffer), worst 400 (drop_oldest and drop_newest).",
                "Latency, half of them: best 250 ms (drop_oldest), worst 3.0 s (buffer).",
                "Latency, 99 of 100: best 500 ms (drop_oldest), worst 6.0 s (buffer).",
            ]
        );
    }

    #[test]
    fn other_rows_and_what_does_not_hold_come_first() {
        let was = batch(1_000.0, Tally::default(), "a");
        let result = ExpectationResult { expectation: "rows: 6".to_owned(), held: false, found: "5 rows".to_owned() };
        let is = Report { expectations: vec![result], ..batch(1_000.0, Tally::default(), "b") };
        assert_eq!(
            sentences(&[("as written", &was), ("limit 5", &is)]),
            [
                "The rows are others than as written: limit 5.",
                "Does not hold limit 5: rows: 6.",
                "Nothing that is measured differs."
            ]
        );
        assert_eq!(sentences(&[("as written", &was)]), [""; 0]);
    }
}
