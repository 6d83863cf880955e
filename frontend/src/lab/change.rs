//! What the faults did that somebody wished for: the run as it was without them beside the run as it is now, and which tasks ran again,
//! and why.
//!
//! Without them: the end that the run had before, or, where nobody has waited for that, a simulation in one go of the text as it was.

use leptos::prelude::*;
use shared::wire::{AttemptState, AttemptView, BusReport, BusTotals, Command, Event, Place, Report, RunCommand};

use super::format::{duration_ms, grouped, of};
use super::model::RunModel;
use super::names::task_name;
use super::state::{Input, Lab, Which, use_lab};
use crate::components::panel::Panel;

/// Tasks that are named at most; the rest are counted.
const NAMED_MAX: usize = 8;

/// The run without the faults.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Before {
    /// Nobody has wished for any, or it cannot be had.
    #[default]
    None,
    /// It is being simulated, as the run of this number.
    Asked(u32),
    Known(Box<Report>),
}

impl Lab {
    /// Somebody has wished for the first fault of a run whose text was this. Its end is known if it has been there.
    pub(super) fn remember_without_faults(self, text: String, report: Option<Report>) {
        if let Some(report) = report {
            return self.before.set(Before::Known(Box::new(report)));
        }
        // What the user chose to be read is not sent a second time.
        if self.input.with_untracked(|input| *input != Input::AsWritten) {
            return;
        }
        let (seed, workers) = self.run.with_untracked(|run| run.started.as_ref().map(|it| (it.seed, it.workers))).unzip();
        let run = self.next_run();
        let (place, input, pace, idempotency_key) = (Place::Simulate, None, None, None);
        self.before.set(Before::Asked(run));
        let command = RunCommand { run, place, text, input, workers, seed, pace, idempotency_key };
        self.send(Which::Engine, &Command::Run(command));
    }

    /// Takes in what a session says of the run without the faults. Whether it was about that one.
    pub(super) fn hear_without_faults(self, event: &Event) -> bool {
        let Before::Asked(asked) = self.before.get_untracked() else { return false };
        match event {
            Event::Finished { run, report } if *run == asked => {
                self.before.set(Before::Known(Box::new(report.clone())));
                self.send(Which::Engine, &Command::Forget { run: asked });
            }
            Event::Failed { run, .. } if *run == asked => self.before.set(Before::None),
            _ => {
                return matches!(event, Event::Started(started) if started.run == asked)
                    || matches!(event, Event::Frame(frame) if frame.run == asked);
            }
        }
        true
    }
}

/// A measure: its name, what it was, what it is.
type Measure = [String; 3];

#[component]
pub fn Change() -> impl IntoView {
    let lab = use_lab();
    let wished = Memo::new(move |_| lab.run.with(|run| run.pace.as_ref().map_or(0, |pace| pace.wished.len())));
    let body = Memo::new(move |_| {
        lab.before.with(|before| lab.run.with(|run| measures(before, run).iter().map(row).collect::<String>()))
    });
    let again = Memo::new(move |_| lab.run.with(ran_again));
    let over = Memo::new(move |_| lab.run.with(|run| run.report().is_some()));
    view! {
        <Show when=move || wished.get() != 0>
            <Panel name="change" title="What the faults did">
                <table class="change" data-testid="change">
                    <thead>
                        <tr>
                            <th scope="col"><span class="unseen">"Measure"</span></th>
                            <th scope="col" class="end">"Without"</th>
                            <th scope="col" class="end">{move || if over.get() { "Now" } else { "So far" }}</th>
                        </tr>
                    </thead>
                    <tbody inner_html=body></tbody>
                </table>
                <ul class="again" data-testid="ran-again" inner_html=again></ul>
            </Panel>
        </Show>
    }
}

/// A line of the table. Nothing in it was written by a user.
fn row([name, was, now]: &Measure) -> String {
    let differs = if was == now { "" } else { " class=\"differs\"" };
    format!("<tr{differs}><th scope=\"row\">{name}</th><td class=\"num end\">{was}</td><td class=\"num end\">{now}</td></tr>")
}

fn measures(before: &Before, run: &RunModel) -> Vec<Measure> {
    let was = match before {
        Before::Known(report) => Some(&**report),
        Before::None | Before::Asked(_) => None,
    };
    let now_ms = run.report().and_then(|report| report.virtual_ms).unwrap_or(run.now.0 as f64 / 1e3);
    let time = |ms: f64| {
        let figure = duration_ms(ms);
        format!("{} {}", figure.value, figure.unit)
    };
    let number = |number: u64| grouped(number);
    let unknown = if matches!(before, Before::Asked(_)) { "…" } else { "not known" };
    let line = |name: &str, was: Option<String>, now: String| [name.to_owned(), was.unwrap_or_else(|| unknown.to_owned()), now];
    if let Some(bus) = &run.bus {
        return of_bus(was, run, bus.now.totals, line);
    }
    let mut lines = vec![
        line("Virtual time", was.map(|was| time(was.virtual_ms.unwrap_or_default())), time(now_ms)),
        line("Tasks run", was.map(|was| number(was.tally.tasks_run.into())), number(run.tally.tasks_run.into())),
        line("Repeated", was.map(|was| number(was.tally.tasks_repeated.into())), number(run.tally.tasks_repeated.into())),
        line("Backups", was.map(|was| number(was.tally.backup_tasks.into())), number(run.tally.backup_tasks.into())),
        line("Workers lost", was.map(|was| number(was.tally.workers_lost.into())), number(run.tally.workers_lost.into())),
    ];
    if let (Some(was), Some(now)) = (was, run.report()) {
        let same = if was.output_hash == now.output_hash { "the same" } else { "others" };
        lines.push(line("Rows", Some(number(was.rows)), same.to_owned()));
    }
    lines
}

/// One of the totals.
type Count = fn(&BusTotals) -> u64;

/// The messages of a bus, and how long they took.
fn of_bus(
    was: Option<&Report>,
    run: &RunModel,
    totals: BusTotals,
    line: impl Fn(&str, Option<String>, String) -> Measure,
) -> Vec<Measure> {
    let before = was.and_then(|was| was.bus.as_deref());
    let now = run.report().and_then(|report| report.bus.as_deref());
    let totals = now.map_or(totals, |now| now.totals);
    let counts: [(&str, Count); 5] = [
        ("Published", |totals| totals.published),
        ("Worked on", |totals| totals.processed),
        ("Delivered again", |totals| totals.redelivered),
        ("Lost or dropped", |totals| totals.gone),
        ("Still ready", |totals| totals.ready),
    ];
    let counted = counts.map(|(name, of)| line(name, before.map(|was| grouped(of(&was.totals))), grouped(of(&totals))));
    let p99 = |report: &BusReport| {
        let ms = report.spans.get("latency").map_or(0.0, |[_, p99, _]| *p99);
        let figure = duration_ms(ms);
        format!("{} {}", figure.value, figure.unit)
    };
    let latency = line("Latency, 99 of 100", before.map(p99), now.map_or("…".to_owned(), p99));
    counted.into_iter().chain([latency]).collect()
}

/// The tasks that ran again, and why: a list of our own words.
fn ran_again(run: &RunModel) -> String {
    if run.bus.is_some() {
        return String::new();
    }
    let again = || run.attempts.iter().filter(|attempt| attempt.number > 1 && !attempt.backup);
    let name = |attempt: &AttemptView| task_name(run.stages(), attempt.phase, attempt.task);
    let mut lines: Vec<String> =
        again().take(NAMED_MAX).map(|attempt| format!("{}: {}", name(attempt), reason(run, attempt))).collect();
    match again().count() {
        0 => lines.push("No task ran again.".to_owned()),
        many if many > NAMED_MAX => lines.push(format!("and {} more", of((many - NAMED_MAX) as u64, "task", "tasks"))),
        _ => {}
    }
    lines.iter().map(|line| format!("<li>{line}</li>")).collect()
}

/// Why an execution was needed: what became of the one before.
fn reason(run: &RunModel, again: &AttemptView) -> String {
    let before = run.attempts_of(again.phase, again.task).filter(|attempt| attempt.index < again.index).last();
    match before.map(|before| (before.state, before.worker)) {
        Some((AttemptState::Killed, worker)) => format!("worker-{worker} was lost while it ran there"),
        Some((AttemptState::Lost, worker)) => format!("it was done, but what it had made was lost with worker-{worker}"),
        Some((AttemptState::Failed, worker)) => format!("it failed on worker-{worker}"),
        Some((AttemptState::Superseded | AttemptState::Done | AttemptState::Running, worker)) => {
            format!("worker-{worker} was not heard of for too long")
        }
        None => "nothing was known of it after the coordinator came back".to_owned(),
    }
}
