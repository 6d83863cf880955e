//! What a run came to: its hash, its expectations, its counters.

use leptos::prelude::*;
use shared::wire::{ExpectationResult, Report as Wire};

use crate::components::html::{escape, icon};
use crate::lab::format::{count, duration_ms, of};
use crate::lab::state::use_lab;

#[component]
pub fn Report() -> impl IntoView {
    let lab = use_lab();
    let report = Memo::new(move |_| lab.run.with(|run| run.report().map(sheet).unwrap_or_default()));
    view! { <div class="report" tabindex="0" role="region" aria-label="What the run came to" inner_html=report></div> }
}

fn sheet(report: &Wire) -> String {
    let bad = report.counters.bad_records;
    let warning = format!(
        "<p class=\"warning\" data-testid=\"bad-records\" data-exact=\"{bad}\">{}<span>{} not valid UTF-8. Each bad sequence was read \
         as � and counted with the rest; convert the file to UTF-8 if that is wrong.</span></p>",
        icon("triangle-alert"),
        of(bad, "line is", "lines are")
    );
    let expectations: String = report.expectations.iter().map(expectation).collect();
    let output_hash = Line { value: report.output_hash.clone(), testid: "output-hash", ..Line::new("Output hash") };
    let output_hash = Line { title: "Equal hashes, equal rows, wherever they were counted", ..output_hash };
    let trace_hash = report.trace_hash.as_ref();
    let trace_hash = trace_hash.map(|hash| Line { value: hash.clone(), testid: "trace-hash", ..Line::new("Trace hash") });
    let spans = report.bus.iter().flat_map(|bus| bus.spans.iter()).map(|(name, [half, most, all])| {
        let [half, most, all] =
            [half, most, all].map(|ms| duration_ms(*ms)).map(|figure| format!("{} {}", figure.value, figure.unit));
        let value = format!("p50 {half}, p99 {most}, max {all}");
        Line { value, title: "What half of them, 99 of 100, and all did not exceed", ..Line::new(name) }
    });
    let lines: String = [output_hash].into_iter().chain(trace_hash).chain(spans).map(|line| line.html()).collect();
    let counters = counters(report).into_iter().map(|(name, label, number)| {
        let figure = count(number);
        format!(
            "<div class=\"counter\" data-testid=\"counter-{name}\" data-exact=\"{number}\"><dt>{label}</dt>\
             <dd class=\"num\" title=\"{}\">{} {}</dd></div>",
            figure.exact, figure.value, figure.unit
        )
    });
    let counters: String = counters.collect();
    let warning = if bad > 0 { warning } else { String::new() };
    format!("{warning}<ul class=\"expectations\">{expectations}</ul><dl>{lines}{counters}</dl>")
}

/// A line of the sheet.
struct Line<'a> {
    name: &'a str,
    value: String,
    title: &'static str,
    testid: &'static str,
}

impl<'a> Line<'a> {
    fn new(name: &'a str) -> Line<'a> {
        Line { name, value: String::new(), title: "", testid: "" }
    }

    fn html(&self) -> String {
        let Line { name, value, title, testid } = self;
        let name = escape(name);
        format!(
            "<div class=\"counter\"><dt title=\"{title}\">{name}</dt><dd class=\"num\" data-testid=\"{testid}\">{value}</dd></div>"
        )
    }
}

fn expectation(result: &ExpectationResult) -> String {
    let (sign, class, word) = if result.held { ("check", "held", "held") } else { ("x", "broken", "did not hold") };
    format!(
        "<li class=\"{class}\" data-testid=\"expectation\" data-held=\"{}\">{}<span><strong>{}</strong><span class=\"unseen\"> {word}: \
         </span><span class=\"hint\">{}</span></span></li>",
        result.held,
        icon(sign),
        escape(&result.expectation),
        escape(&result.found)
    )
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
