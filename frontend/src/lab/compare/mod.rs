//! The experiment beside itself with something else in it: on the same seed, figure by figure, and in sentences.

pub mod choices;
pub mod verdict;

use leptos::html;
use leptos::prelude::*;
use shared::wire::{Place, Report};

use self::choices::{Choice, Known, Variant, as_written, own};
use super::aside::{Answer, Ask};
use super::format::grouped;
use super::measures::of_report;
use super::state::{Lab, use_lab};
use crate::components::icon::Icon;
use crate::components::sheet::{self, Sheet};

/// A run of the comparison, and how far it is.
#[derive(Clone, Debug, PartialEq)]
struct Column {
    variant: Variant,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Waiting,
    Done(Box<Report>),
    Failed(String),
}

/// What is compared: handles that may be copied anywhere.
#[derive(Clone, Copy)]
struct Comparison {
    lab: Lab,
    /// The text that all columns run.
    text: StoredValue<String>,
    columns: RwSignal<Vec<Column>>,
    /// The run that is under way.
    running: RwSignal<Option<u32>>,
}

impl Comparison {
    fn start(self, variants: Vec<Variant>) {
        self.stop();
        self.text.set_value(self.lab.text.get_untracked());
        let column = |variant| Column { variant, outcome: Outcome::Waiting };
        self.columns.set([as_written()].into_iter().chain(variants).map(column).collect());
        self.next();
    }

    /// Runs the first that has not run: one after the other, since together they would only wait for each other.
    fn next(self) {
        let next = self.columns.with_untracked(|columns| columns.iter().position(|column| column.outcome == Outcome::Waiting));
        let Some(index) = next else { return self.running.set(None) };
        let Variant { place, sets, .. } = self.columns.with_untracked(|columns| columns[index].variant.clone());
        let ask = Ask { text: self.text.get_value(), place, sets };
        let run = self.lab.run_aside(ask, move |Answer { run, report, .. }| {
            if self.running.get_untracked() != Some(run) {
                return;
            }
            self.columns.update(|columns| {
                columns[index].outcome = report.map_or_else(Outcome::Failed, |report| Outcome::Done(Box::new(report)));
            });
            self.next();
        });
        self.running.set(Some(run));
    }

    fn stop(self) {
        if let Some(run) = self.running.get_untracked() {
            self.running.set(None);
            self.lab.stop_aside(run);
        }
    }

    /// The sentences, when every run has ended.
    fn sentences(self) -> Vec<String> {
        if self.running.get().is_some() {
            return Vec::new();
        }
        self.columns.with(|columns| {
            let done = columns.iter().filter_map(|column| match &column.outcome {
                Outcome::Done(report) => Some((column.variant.name.as_str(), &**report)),
                Outcome::Waiting | Outcome::Failed(_) => None,
            });
            verdict::sentences(&done.collect::<Vec<_>>())
        })
    }
}

/// The button, and the dialog that it opens.
#[component]
pub fn Compare() -> impl IntoView {
    let lab = use_lab();
    let dialog = NodeRef::<html::Dialog>::new();
    let (text, columns, running) = (StoredValue::new(String::new()), RwSignal::new(Vec::new()), RwSignal::new(None));
    let comparison = Comparison { lab, text, columns, running };
    let offered = RwSignal::new(Vec::<Choice>::new());
    // Behind the last choice is the user's own.
    let chosen = RwSignal::new(0_usize);
    let is_own = Memo::new(move |_| chosen.get() >= offered.with(Vec::len));
    let written = RwSignal::new(String::new());
    let refusal = RwSignal::new(None::<String>);
    let open = move |_| {
        offered.set(offers(lab));
        chosen.update(|chosen| *chosen = (*chosen).min(offered.with_untracked(Vec::len)));
        sheet::show(dialog);
    };
    let start = move |_| {
        let choice = offered.with_untracked(|offered| offered.get(chosen.get_untracked()).cloned());
        let variants = match choice {
            Some(choice) => Ok(choice.variants),
            None => own(&written.get_untracked()).map(|variant| vec![variant]),
        };
        refusal.set(variants.as_ref().err().cloned());
        if let Ok(variants) = variants {
            comparison.start(variants);
        }
    };
    let options = move || {
        let option = |(index, choice): (usize, Choice)| view! { <option value=index.to_string()>{choice.label}</option> };
        let mine = offered.with(Vec::len);
        let options = offered.get().into_iter().enumerate().map(option).collect_view();
        view! {
            {options}
            <option value=mine.to_string()>"values that I write"</option>
        }
    };
    let is_running = move || running.get().is_some();
    view! {
        <button
            class="small"
            data-testid="compare-open"
            title="Put this experiment beside itself with something else in it"
            on:click=open
        >
            <Icon name="columns-2" />
            "Compare"
        </button>
        <Sheet dialog=dialog name="compare" title="Compare" wide=true>
            <p>
                "The experiment as it is written, and beside it the same with something else in it: in virtual time and on the same seed, so that all of them get the same work."
            </p>
            <div class="sheet-row">
                <select
                    data-testid="compare-with"
                    aria-label="Beside the experiment as written"
                    on:change=move |event| chosen.set(event_target_value(&event).parse().unwrap_or_default())
                >
                    {options}
                </select>
                <input
                    class="num"
                    class:hidden=move || !is_own.get()
                    data-testid="compare-set"
                    aria-label="Values instead of those in the text: PATH=VALUE"
                    placeholder="batch.partitions=8; seed=7"
                    prop:value=written
                    on:input=move |event| written.set(event_target_value(&event))
                />
                <button class="bright" data-testid="compare-run" disabled=is_running on:click=start>
                    <Icon name="play" />
                    "Compare"
                </button>
                <button class:hidden=move || !is_running() data-testid="compare-stop" on:click=move |_| comparison.stop()>
                    <Icon name="square" />
                    "Stop"
                </button>
            </div>
            <p class="warning" class:hidden=move || refusal.get().is_none() role="alert">
                <Icon name="triangle-alert" />
                <span>{move || refusal.get()}</span>
            </p>
            <ul class="verdict" data-testid="verdict" aria-live="polite">
                {move || comparison.sentences().into_iter().map(|sentence| view! { <li>{sentence}</li> }).collect_view()}
            </ul>
            <div class="sheet-table" tabindex="0" role="region" aria-label="The runs beside each other">
                {move || columns.with(|columns| (!columns.is_empty()).then(|| table(columns)))}
            </div>
            <p class="hint" class:hidden=move || columns.with(Vec::is_empty)>
                "On the command line: " <code>{move || columns.with(|columns| command_line(columns))}</code>
            </p>
        </Sheet>
    }
}

fn offers(lab: Lab) -> Vec<Choice> {
    let (seed, workers) = lab.run.with_untracked(|run| {
        let started = run.started.as_ref();
        (started.map_or(0, |started| started.seed), started.map_or(lab.workers.get_untracked(), |started| started.workers))
    });
    // What the user chose to be read is not sent to the server for this.
    let server = lab.server.get_untracked().is_up() && !lab.has_own_input();
    lab.text.with_untracked(|text| {
        lab.outline.with_untracked(|outline| {
            choices::choices(&Known { text, outline: outline.as_ref(), seed, workers, server })
        })
    })
}

fn table(columns: &[Column]) -> impl IntoView + use<> {
    let head = columns.iter().map(|column| {
        let wait = match &column.outcome {
            Outcome::Waiting => Some(view! { <span class="hint">"runs, or waits for its turn"</span> }.into_any()),
            Outcome::Failed(reason) => Some(view! { <span class="broken">{reason.clone()}</span> }.into_any()),
            Outcome::Done(_) => None,
        };
        view! { <th scope="col" class="end">{column.variant.name.clone()} {wait}</th> }
    });
    view! {
        <table class="change" data-testid="comparison">
            <thead>
                <tr>
                    <th scope="col"><span class="unseen">"Measure"</span></th>
                    {head.collect_view()}
                </tr>
            </thead>
            <tbody inner_html=body(columns)></tbody>
        </table>
    }
}

/// The lines of the table. Nothing in it was written by a user.
fn body(columns: &[Column]) -> String {
    let reports: Vec<Option<&Report>> = columns
        .iter()
        .map(|column| match &column.outcome {
            Outcome::Done(report) => Some(&**report),
            Outcome::Waiting | Outcome::Failed(_) => None,
        })
        .collect();
    let Some(first) = reports.first().copied().flatten() else { return String::new() };
    let line = |name: &str, words: Vec<String>| {
        let cell = |word: &String| {
            let class = if *word == words[0] || *word == "…" { "" } else { " differs" };
            format!("<td class=\"num end{class}\">{word}</td>")
        };
        let cells: String = words.iter().map(cell).collect();
        format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>")
    };
    let each = |words: &dyn Fn(&Report) -> String| {
        reports.iter().map(|report| report.map_or_else(|| "…".to_owned(), words)).collect::<Vec<_>>()
    };
    let measured = of_report(first).into_iter().enumerate().map(|(index, measure)| {
        let of = |report: &Report| {
            let same = of_report(report).into_iter().nth(index).filter(|it| it.name == measure.name);
            same.map_or_else(|| "–".to_owned(), |measure| measure.words())
        };
        line(measure.name, each(&of))
    });
    let mut lines: String = measured.collect();
    if first.bus.is_none() {
        let rows = |report: &Report| {
            let other = if report.output_hash == first.output_hash { "" } else { ", others" };
            format!("{}{other}", grouped(report.rows))
        };
        lines.push_str(&line("Rows", each(&rows)));
    }
    if !first.expectations.is_empty() {
        let held = |report: &Report| {
            let held = report.expectations.iter().filter(|it| it.held).count();
            format!("{held} of {}", report.expectations.len())
        };
        lines.push_str(&line("Expectations held", each(&held)));
    }
    lines
}

/// What repeats the last column.
fn command_line(columns: &[Column]) -> String {
    let Some(Column { variant: Variant { place, sets, .. }, .. }) = columns.last() else { return String::new() };
    let place = if *place == Place::Server { "server" } else { "simulate" };
    let sets: String = sets.iter().map(|(path, value)| format!(" --set '{path}={value}'")).collect();
    format!("millrace run experiment.yaml --place {place}{sets}")
}
