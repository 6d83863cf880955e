//! What a run came to: its hash, its expectations, its counters.

use leptos::prelude::*;
use shared::wire::{ExpectationResult, Report as Wire};

use crate::components::icon::Icon;
use crate::lab::format::{count, duration_ms, of};
use crate::lab::state::use_lab;

#[component]
pub fn Report() -> impl IntoView {
    let lab = use_lab();
    let report = Memo::new(move |_| lab.run.with(|run| run.report().cloned()));
    move || report.get().map(sheet)
}

fn sheet(report: Wire) -> impl IntoView {
    let bad = report.counters.bad_records;
    let spans = report.bus.iter().flat_map(|bus| bus.spans.iter()).map(|(name, [half, most, all])| {
        let [half, most, all] =
            [half, most, all].map(|ms| duration_ms(*ms)).map(|figure| format!("{} {}", figure.value, figure.unit));
        view! {
            <div class="counter">
                <dt title="What half of them, 99 of 100, and all did not exceed">{name.clone()}</dt>
                <dd class="num">{format!("p50 {half}, p99 {most}, max {all}")}</dd>
            </div>
        }
    });
    let spans = spans.collect_view();
    let counters = counters(&report).into_iter().map(|(name, label, number)| {
        let figure = count(number);
        view! {
            <div class="counter" data-testid=format!("counter-{name}") data-exact=number.to_string()>
                <dt>{label}</dt>
                <dd class="num" title=figure.exact>{figure.value} " " {figure.unit}</dd>
            </div>
        }
    });
    let trace = report.trace_hash.clone().map(|hash| {
        view! {
            <div class="counter">
                <dt>"Trace hash"</dt>
                <dd class="num" data-testid="trace-hash">{hash}</dd>
            </div>
        }
    });
    view! {
        <div class="report" tabindex="0" role="region" aria-label="What the run came to">
            {(bad > 0)
                .then(|| {
                    view! {
                        <p class="warning" data-testid="bad-records" data-exact=bad.to_string()>
                            <Icon name="triangle-alert" />
                            <span>
                                {of(bad, "line is", "lines are")}
                                " not valid UTF-8. Each bad sequence was read as � and counted with the rest; convert the file to UTF-8 if that is wrong."
                            </span>
                        </p>
                    }
                })}
            <ul class="expectations">{report.expectations.iter().map(expectation).collect_view()}</ul>
            <dl>
                <div class="counter">
                    <dt title="Equal hashes, equal rows, wherever they were counted">"Output hash"</dt>
                    <dd class="num" data-testid="output-hash">{report.output_hash.clone()}</dd>
                </div>
                {trace}
                {spans}
                {counters.collect_view()}
            </dl>
        </div>
    }
}

fn expectation(result: &ExpectationResult) -> impl IntoView + use<> {
    let (icon, class, word) = if result.held { ("check", "held", "held") } else { ("x", "broken", "did not hold") };
    view! {
        <li class=class data-testid="expectation" data-held=result.held.to_string()>
            <Icon name=icon />
            <span>
                <strong>{result.expectation.clone()}</strong>
                <span class="unseen">{format!(" {word}: ")}</span>
                <span class="hint">{result.found.clone()}</span>
            </span>
        </li>
    }
}

/// The counters in the order of a record's way: name (for tests and the command line), label, number.
fn counters(report: &Wire) -> Vec<(&'static str, &'static str, u64)> {
    if report.bus.is_some() {
        // They are the result's rows.
        return Vec::new();
    }
    let counters = &report.counters;
    let tally = &report.tally;
    let all = [
        ("map_input_records", "Lines read", counters.map_input_records),
        ("map_output_records", "Rows from map tasks", counters.map_output_records),
        ("combine_output_records", "Rows shuffled", counters.combine_output_records),
        ("reduce_input_groups", "Distinct keys", counters.reduce_input_groups),
        ("output_records", "Rows in the result", counters.output_records),
        ("tasks_run", "Tasks run", u64::from(tally.tasks_run)),
        ("tasks_repeated", "Tasks repeated", u64::from(tally.tasks_repeated)),
        ("backup_tasks", "Backup tasks", u64::from(tally.backup_tasks)),
        ("workers_lost", "Workers lost", u64::from(tally.workers_lost)),
    ];
    all.into()
}
