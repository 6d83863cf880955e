//! The experiment beside itself with something else in it: on the same seed, figure by figure, and in sentences.

pub mod choices;
pub mod verdict;

use leptos::prelude::*;
use shared::wire::{Place, Report};

use self::choices::{Choice, Known, Variant, as_written, own};
use super::aside::{Answer, Ask};
use super::format::grouped;
use super::measures::{of_report, telling};
use super::state::{Lab, use_lab};
use crate::components::html::{escape, value_of};
use crate::components::icon::Icon;
use crate::components::sheet::{Dialog, Sheet};
use crate::lab::later::{Later, Part};

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

/// Everything of the dialog.
#[derive(Clone, Debug, Default)]
struct State {
    /// The text that all columns run.
    text: String,
    columns: Vec<Column>,
    /// The run that is under way.
    running: Option<u32>,
    offered: Vec<Choice>,
    /// Behind the last choice is the user's own.
    chosen: usize,
    refusal: Option<String>,
}

/// Handles that may be copied anywhere.
#[derive(Clone, Copy)]
struct Comparison {
    lab: Lab,
    state: RwSignal<State>,
}

impl Comparison {
    /// Looks anew at what fits the experiment.
    fn offer(self) {
        let offered = offers(self.lab);
        self.state.update(|state| {
            state.chosen = state.chosen.min(offered.len());
            state.offered = offered;
        });
    }

    fn start(self) {
        let choice = self.state.with_untracked(|state| state.offered.get(state.chosen).cloned());
        let variants = match choice {
            Some(choice) => Ok((as_written(&choice.written), choice.variants)),
            None => own(&value_of("compare-set")).map(|variant| (as_written(""), vec![variant])),
        };
        let (written, variants) = match variants {
            Ok(runs) => runs,
            Err(refusal) => return self.state.update(|state| state.refusal = Some(refusal)),
        };
        self.stop();
        let text = self.lab.text.get_untracked();
        self.state.update(|state| {
            let column = |variant| Column { variant, outcome: Outcome::Waiting };
            state.columns = [written].into_iter().chain(variants).map(column).collect();
            (state.text, state.refusal) = (text, None);
        });
        self.next();
    }

    /// Runs the first that has not run: one after the other, since together they would only wait for each other.
    fn next(self) {
        let next = self.state.with_untracked(|state| {
            let index = state.columns.iter().position(|column| column.outcome == Outcome::Waiting)?;
            let Variant { place, sets, .. } = state.columns[index].variant.clone();
            Some((index, Ask { text: state.text.clone(), place, sets }))
        });
        let Some((index, ask)) = next else {
            self.state.update(|state| state.running = None);
            return self.lab.compared.update(|count| *count += 1);
        };
        let run = self.lab.run_aside(ask, move |Answer { run, report, .. }| {
            if self.state.with_untracked(|state| state.running) != Some(run) {
                return;
            }
            self.state.update(|state| {
                let outcome = report.map_or_else(Outcome::Failed, |report| Outcome::Done(Box::new(report)));
                if let Some(column) = state.columns.get_mut(index) {
                    column.outcome = outcome;
                }
            });
            self.next();
        });
        self.state.update(|state| state.running = Some(run));
    }

    fn stop(self) {
        let running = self.state.try_update(|state| {
            let waiting = state.columns.iter_mut().filter(|column| column.outcome == Outcome::Waiting);
            waiting.for_each(|column| column.outcome = Outcome::Failed("stopped".to_owned()));
            state.running.take()
        });
        let running = running.flatten();
        running.into_iter().for_each(|run| self.lab.stop_aside(run));
    }
}

impl State {
    /// The choices of the list.
    fn options(&self) -> String {
        let mine = "values that I write";
        let option = |(index, label): (usize, &str)| {
            let selected = if index == self.chosen { " selected" } else { "" };
            format!("<option value=\"{index}\"{selected}>{}</option>", escape(label))
        };
        self.offered.iter().map(|choice| choice.label.as_str()).chain([mine]).enumerate().map(option).collect()
    }

    /// The sentences, when every run has ended.
    fn verdict(&self) -> String {
        if self.running.is_some() {
            return String::new();
        }
        let done = self.columns.iter().filter_map(|column| match &column.outcome {
            Outcome::Done(report) => Some((column.variant.name.as_str(), &**report)),
            Outcome::Waiting | Outcome::Failed(_) => None,
        });
        let sentences = verdict::sentences(&done.collect::<Vec<_>>());
        sentences.iter().map(|sentence| format!("<li>{}</li>", escape(sentence))).collect()
    }

    fn table(&self) -> String {
        if self.columns.is_empty() {
            return String::new();
        }
        let head = self.columns.iter().map(|column| {
            let wait = match &column.outcome {
                Outcome::Waiting => "<span class=\"hint\">runs, or waits for its turn</span>".to_owned(),
                Outcome::Failed(reason) => format!("<span class=\"broken\">{}</span>", escape(reason)),
                Outcome::Done(_) => String::new(),
            };
            format!("<th scope=\"col\" class=\"end\">{}{wait}</th>", escape(&column.variant.name))
        });
        let head: String = head.collect();
        format!(
            "<table class=\"change\" data-testid=\"comparison\"><thead><tr><th scope=\"col\"><span class=\"unseen\">Measure</span></th>\
             {head}</tr></thead><tbody>{}</tbody></table><p class=\"hint\">On the command line: <code>{}</code></p>",
            body(&self.columns),
            escape(&command_line(&self.columns))
        )
    }
}

/// The button, and the dialog that it opens.
#[component]
pub fn Compare() -> impl IntoView {
    let dialog = Dialog::new();
    view! {
        <button
            class="small"
            data-testid="compare-open"
            title="Put this experiment beside itself with something else in it"
            on:click=move |_| dialog.open()
        >
            <Icon name="columns-2" />
            "Compare"
        </button>
        <Sheet dialog=dialog name="compare" title="Compare" wide=true>
            <Later part=Part::Compare(dialog) wanted=move || dialog.was_opened() />
        </Sheet>
    }
}

/// What is in the dialog.
#[component]
pub fn Comparing(dialog: Dialog) -> impl IntoView {
    let comparison = Comparison { lab: use_lab(), state: RwSignal::new(State::default()) };
    let state = comparison.state;
    Effect::new(move |_| {
        dialog.opened.track();
        untrack(|| comparison.offer());
    });
    let choose = move |event| {
        let chosen = event_target_value(&event).parse().unwrap_or_default();
        state.update(|state| state.chosen = chosen);
    };
    view! {
        <div class="sheet-inside">
            <p>
                "The experiment as it is written, and beside it the same with something else in it: in virtual time and on the same seed, so that all of them get the same work."
            </p>
            <div class="sheet-row">
                <select
                    data-testid="compare-with"
                    aria-label="Beside the experiment as written"
                    on:change=choose
                    inner_html=move || state.with(State::options)
                ></select>
                <input
                    class="num"
                    class:hidden=move || state.with(|state| state.chosen < state.offered.len())
                    data-testid="compare-set"
                    aria-label="Values instead of those in the text: PATH=VALUE"
                    placeholder="batch.partitions=8; seed=7"
                />
                <button class="bright" data-testid="compare-run" on:click=move |_| comparison.start()>
                    <Icon name="play" />
                    "Compare"
                </button>
                <button
                    class:hidden=move || state.with(|state| state.running.is_none())
                    data-testid="compare-stop"
                    on:click=move |_| comparison.stop()
                >
                    <Icon name="square" />
                    "Stop"
                </button>
            </div>
            <p class="broken" role="alert">{move || state.with(|state| state.refusal.clone())}</p>
            <ul class="verdict" data-testid="verdict" aria-live="polite" inner_html=move || state.with(State::verdict)></ul>
            <div
                class="sheet-table"
                tabindex="0"
                role="region"
                aria-label="The runs beside each other"
                inner_html=move || state.with(State::table)
            ></div>
        </div>
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
        lab.outline
            .with_untracked(|outline| choices::choices(&Known { text, outline: outline.as_ref(), seed, workers, server }))
    })
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
    let all: Vec<_> = reports.iter().flatten().map(|report| of_report(report)).collect();
    let (measures, telling) = (of_report(first), telling(&all));
    let measured = telling.into_iter().filter_map(|index| Some((index, measures.get(index)?))).map(|(index, measure)| {
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
