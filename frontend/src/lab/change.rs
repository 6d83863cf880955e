//! What the faults did that somebody wished for: the run as it was without them beside the run as it is now, and which tasks ran again,
//! and why.
//!
//! Without them: the end that the run had before, or, where nobody has waited for that, a simulation in one go of the text as it was.

use leptos::prelude::*;
use shared::wire::{AttemptState, AttemptView, Place, Report};

use super::aside::{Answer, Ask};
use super::faults::again::Edit;
use super::format::{grouped, of};
use super::measures::{self, Tells};
use super::model::RunModel;
use super::names::task_name;
use super::state::{Lab, use_lab};
use crate::components::html::escape;
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
    /// Whether faults were wished for, moved or taken out.
    pub fn has_changed(self) -> bool {
        self.edits.with(|edits| !edits.is_empty())
            || self.run.with(|run| run.pace.as_ref().is_some_and(|pace| !pace.wished.is_empty()))
    }

    /// Somebody has wished for the first fault of a run whose text was this. Its end is known if it has been there.
    pub(super) fn remember_without_faults(self, text: String, report: Option<Report>) {
        // Without anything that was changed since, and that is known already.
        if !self.edits.with_untracked(Vec::is_empty) {
            return;
        }
        if let Some(report) = report {
            return self.before.set(Before::Known(Box::new(report)));
        }
        // What the user chose to be read is not sent a second time.
        if self.has_own_input() {
            return;
        }
        let sets = self.run.with_untracked(|run| {
            let of_batch = run.bus.is_none();
            let started = run.started.as_ref()?;
            let workers = of_batch.then(|| ("workers".to_owned(), started.workers.to_string()));
            Some([("seed".to_owned(), started.seed.to_string())].into_iter().chain(workers).collect())
        });
        let ask = Ask { text, place: Place::Simulate, sets: sets.unwrap_or_default() };
        let run = self.run_aside(ask, move |Answer { run, report, .. }| {
            // Another run may be looked at by now.
            if self.before.get_untracked() == Before::Asked(run) {
                self.before.set(report.map_or(Before::None, |report| Before::Known(Box::new(report))));
            }
        });
        self.before.set(Before::Asked(run));
    }
}

/// A measure: its name, what it was, what it is.
type Measure = [String; 3];

#[component]
pub fn Change() -> impl IntoView {
    let lab = use_lab();
    let there = Memo::new(move |_| {
        let wished = lab.run.with(|run| run.pace.as_ref().is_some_and(|pace| !pace.wished.is_empty()));
        wished || lab.edits.with(|edits| !edits.is_empty())
    });
    let body = Memo::new(move |_| {
        lab.before.with(|before| lab.run.with(|run| measures(before, run).iter().map(row).collect::<String>()))
    });
    let again = Memo::new(move |_| lab.run.with(ran_again));
    let over = Memo::new(move |_| lab.run.with(|run| run.report().is_some()));
    let edits = Memo::new(move |_| {
        lab.edits.with(|edits| lab.run.with(|run| changes(edits, run.pace.as_ref().map_or(&[], |pace| &pace.wished))))
    });
    // Where faults were only added, the run before is the one without them.
    let was =
        move || lab.edits.with(|edits| if edits.iter().all(|it| matches!(it, Edit::Added(_))) { "Without" } else { "Before" });
    view! {
        {move || there.get().then(|| view! {
            <Panel name="change" title="What the faults did">
                <table class="change" data-testid="change">
                    <thead>
                        <tr>
                            <th scope="col"><span class="unseen">"Measure"</span></th>
                            <th scope="col" class="end">{was}</th>
                            <th scope="col" class="end">{move || if over.get() { "At its end" } else { "So far" }}</th>
                        </tr>
                    </thead>
                    <tbody inner_html=body></tbody>
                </table>
                <ul class="again" data-testid="edits" aria-label="What was changed" inner_html=edits></ul>
                <ul class="again" data-testid="ran-again" inner_html=again></ul>
            </Panel>
        })}
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
    let unknown = if matches!(before, Before::Asked(_)) { "…" } else { "not known" };
    let known = was.map(measures::of_report).unwrap_or_default();
    let line = |(index, now): (usize, &measures::Measure)| {
        let was = known.get(index).map_or_else(|| unknown.to_owned(), measures::Measure::words);
        [now.name.to_owned(), was, now.words()]
    };
    let is_now = measures::of_run(run);
    // What tells of faults does so by being 0, too.
    let telling = measures::telling(&[is_now.clone(), known.clone()]);
    let says = |(index, now): &(usize, &measures::Measure)| now.tells == Tells::OfFaults || telling.contains(index);
    let mut lines: Vec<Measure> = is_now.iter().enumerate().filter(says).map(line).collect();
    if let (Some(was), Some(now), None) = (was, run.report(), &run.bus) {
        let same = if was.output_hash == now.output_hash { "the same" } else { "others" };
        lines.push(["Rows".to_owned(), grouped(was.rows), same.to_owned()]);
    }
    lines
}

/// What was changed about the faults, oldest first: before this run, and in it.
fn changes(edits: &[Edit], wished: &[String]) -> String {
    let wished = wished.iter().map(|item| Edit::Added(item.clone()).words());
    let lines: Vec<String> = edits.iter().map(Edit::words).chain(wished).collect();
    let left_out = lines.len().saturating_sub(NAMED_MAX);
    let more = (left_out > 0).then(|| format!("<li>{} before these</li>", of(left_out as u64, "change", "changes")));
    more.into_iter().chain(lines[left_out..].iter().map(|line| format!("<li>{}</li>", escape(line)))).collect()
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
        0 if run.is_rewound() => lines.push("By the moment that is looked at no task has run again.".to_owned()),
        0 => lines.push("No task ran again.".to_owned()),
        many if many > NAMED_MAX => lines.push(format!("and {} more", of((many - NAMED_MAX) as u64, "task", "tasks"))),
        _ => {}
    }
    lines.iter().map(|line| format!("<li>{line}</li>")).collect()
}

/// Why an execution was needed: what became of the one before.
pub fn reason(run: &RunModel, again: &AttemptView) -> String {
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
