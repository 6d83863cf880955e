//! How the run is, in one row of numbers and a bar.

use std::time::Duration;

use leptos::prelude::*;
use shared::experiment::Problem;
use shared::wire::{Pace, Place};

use super::bus::{BusModel, in_short, per_second};
use super::format::{Figure as Number, bytes_per_second, count, duration_ms, of, virtual_clock};
use super::model::{RunModel, Stage};
use super::pace::{PaceBar, times};
use super::place_name;
use super::setup::RunButton;
use super::state::{use_lab, wall_ms};
use crate::components::figure::Figure;

/// How often the clock is looked at between frames.
const CLOCK: Duration = Duration::from_millis(100);

#[component]
pub fn Metrics() -> impl IntoView {
    let lab = use_lab();
    // Between frames only the clock moves: time passes even when every worker is down. While frames come it has them to move with.
    let clock = RwSignal::new(0.0);
    if let Ok(handle) = set_interval_with_handle(
        move || {
            if lab.run.with_untracked(RunModel::is_live) && lab.undrawn_ms() >= CLOCK.as_secs_f64() * 1e3 {
                clock.set(wall_ms());
            }
        },
        CLOCK,
    ) {
        on_cleanup(move || handle.clear());
    }
    let of_run = move |figure: fn(&RunModel) -> Option<Number>| {
        Memo::new(move |_| lab.run.with(|run| figure(run).unwrap_or_else(Number::unknown)))
    };
    let throughput = of_run(|run| match &run.bus {
        Some(bus) => messages_per_second(run, bus),
        None => run.bytes_per_second().map(bytes_per_second),
    });
    let records = of_run(|run| match &run.bus {
        Some(bus) => Some(count(bus.now.totals.published)),
        None => run.started.is_some().then(|| count(run.counters.map_input_records)),
    });
    let records_name = Memo::new(move |_| if lab.run.with(|run| run.bus.is_some()) { "Messages" } else { "Records" });
    let remaining = of_run(|run| run.remaining_ms().map(duration_ms));
    let elapsed = Memo::new(move |_| {
        clock.track();
        lab.run.with(|run| match run.started {
            Some(_) if run.place == Some(Place::Simulate) => virtual_clock(run.elapsed_ms(wall_ms())),
            Some(_) => duration_ms(run.elapsed_ms(wall_ms())),
            None => Number::unknown(),
        })
    });
    let clock_name = Memo::new(move |_| match lab.run.with(|run| run.place) {
        Some(Place::Simulate) => "Virtual time",
        _ => "Elapsed",
    });
    let percent = Memo::new(move |_| lab.run.with(|run| (progress(run) * 1000.0).round() / 10.0));
    let status = Memo::new(move |_| lab.run.with(status));
    let stage = Memo::new(move |_| lab.run.with(|run| stage_name(&run.stage)));
    let number = Memo::new(move |_| lab.run.with(|run| run.run));
    let paused = Memo::new(move |_| lab.run.with(RunModel::is_paused));
    let active = Memo::new(move |_| lab.run.with(|run| run.is_active() && !run.is_watched()));
    view! {
        <section class="metrics" aria-label="The run in numbers">
            <div class="status" data-testid="status" data-stage=stage data-run=move || number.get().to_string() data-paused=move || paused.get().to_string()>
                <h1>{move || status.get().0}</h1>
                <p class="hint" class:broken=move || stage.get() == "failed" data-testid="status-line">{move || status.get().1}</p>
                // Where there is little room the other one is far below.
                <span class="run-narrow" class:hidden=active><RunButton testid="run-narrow" /></span>
            </div>
            <div class="figures">
                <Figure label=Signal::stored("Throughput") value=throughput testid="throughput" />
                <Figure label=records_name value=records testid="records" />
                <Figure label=clock_name value=elapsed testid="elapsed" />
                <Figure label=Signal::stored("Remaining") value=remaining testid="remaining" />
            </div>
            <div
                class="progress"
                class:active=move || stage.get() == "running"
                data-testid="progress"
                role="progressbar"
                aria-label="Progress"
                aria-valuemin="0"
                aria-valuemax="100"
                aria-valuenow=move || percent.get().to_string()
                data-stage=stage
            >
                <div class="progress-fill" style:transform=move || format!("scaleX({})", percent.get() / 100.0)></div>
            </div>
        </section>
        <PaceBar />
    }
}

/// Messages that are worked on a second: lately while it runs, on the whole when it has ended.
fn messages_per_second(run: &RunModel, bus: &BusModel) -> Option<Number> {
    match run.report().map(|report| report.virtual_ms.unwrap_or(report.wall_ms)) {
        _ if run.is_live() => bus.total_rate.per_second().map(per_second),
        Some(ms) if ms > 0.0 => Some(per_second(bus.now.totals.processed as f64 * 1e3 / ms)),
        _ => None,
    }
}

fn progress(run: &RunModel) -> f64 {
    match run.stage {
        Stage::Uploading { sent, total } if total > 0.0 => (sent / total).min(1.0),
        _ => run.progress,
    }
}

pub(super) fn stage_name(stage: &Stage) -> &'static str {
    match stage {
        Stage::Empty => "empty",
        Stage::Uploading { .. } => "uploading",
        Stage::Starting => "starting",
        Stage::Running => "running",
        Stage::Finished(_) => "finished",
        Stage::Failed { .. } => "failed",
    }
}

/// Why a run has no result, with the first of what is wrong with its text: the others stand below that, as this one does.
pub(super) fn with_problem(message: &str, problems: &[Problem]) -> String {
    problems.first().map_or_else(|| message.to_owned(), |problem| format!("{message}. {problem}"))
}

/// A heading and a line below it.
pub(super) fn status(run: &RunModel) -> (String, String) {
    let title = run.started.as_ref().map_or("Run", |started| started.title.as_str());
    let place = match (run.place, run.is_watched()) {
        (_, true) => "Server, watched",
        (place, false) => place.map_or("", place_name),
    };
    let input = run.started.as_ref().map_or(String::new(), |started| {
        if let Some(bus) = &started.bus {
            return format!("{} · {place}", in_short(bus));
        }
        let size = super::format::bytes(started.input_bytes);
        format!("{}, {} {} · {place}", started.input, size.value, size.unit)
    });
    match &run.stage {
        Stage::Empty => ("Nothing has run yet".into(), "Choose an input and press Run.".into()),
        Stage::Uploading { sent, total } => {
            let (sent, total) = (super::format::bytes(*sent as u64), super::format::bytes(*total as u64));
            ("Uploading".into(), format!("{} {} of {} {}", sent.value, sent.unit, total.value, total.unit))
        }
        Stage::Starting if run.is_watched() => ("Watching".into(), "The server is asked for the run.".into()),
        Stage::Starting => ("Starting".into(), format!("Workers are being started · {place}")),
        Stage::Running if run.is_closing() => (format!("{title}: all is done"), "The result is put together.".into()),
        _ if run.is_rewound() => {
            let (at, end) = (virtual_clock(run.elapsed_ms(wall_ms())), run.end().unwrap_or_default());
            let end = virtual_clock(end.0 as f64 / 1e3);
            let moves = if run.is_paused() { "Paused: nothing moves. " } else { "" };
            (
                format!("{title}: gone back to {} {}", at.value, at.unit),
                format!("{moves}The run ended at {} {}; a fault here makes another end.", end.value, end.unit),
            )
        }
        Stage::Running if run.is_paused() => {
            (format!("{title}: paused at {:.0}\u{a0}%", run.progress * 100.0), "Nothing moves until you resume or step.".into())
        }
        Stage::Running => {
            let pace = run.pace.as_ref().map_or(String::new(), |Pace { speed, .. }| format!(" at {}", times(*speed)));
            (format!("{title}: {:.0}\u{a0}%", run.progress * 100.0), format!("{input}{pace}"))
        }
        Stage::Finished(report) => {
            let simulated = if report.place == Place::Simulate { ", virtual time" } else { "" };
            let (rows, messages) = (report.rows, report.bus.as_ref().map(|bus| bus.totals.published));
            let came = messages.map_or(of(rows, "row", "rows"), |messages| of(messages, "message", "messages"));
            let broken = report.expectations.iter().filter(|expectation| !expectation.held).count();
            let broken = match broken {
                0 => String::new(),
                1 => "An expectation did not hold · ".to_owned(),
                many => format!("{many} expectations did not hold · "),
            };
            (format!("{title}: {came}"), format!("{broken}{input}{simulated}"))
        }
        // Why that is stands here, too: the result may be far below.
        Stage::Failed { message, problems } => (format!("{title}: no result"), with_problem(message, problems)),
    }
}
