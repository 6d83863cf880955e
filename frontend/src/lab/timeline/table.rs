//! The timeline as a table, for those who read rather than see it: the latest attempts first.

use leptos::prelude::*;
use shared::wire::{AttemptView, StageView};

use crate::lab::format::{count, duration_ms, of};
use crate::lab::graph::ending;
use crate::lab::model::RunModel;
use crate::lab::names::task_name;
use crate::lab::state::use_lab;

/// Rows shown at most; the rest are counted.
const ROWS_MAX: usize = 100;

/// A row's text; equal rows are not drawn again.
type Row = [String; 7];

#[component]
pub fn AttemptsTable() -> impl IntoView {
    let lab = use_lab();
    let rows = Memo::new(move |_| lab.run.with(rows));
    let more = Memo::new(move |_| lab.run.with(|run| run.attempts.len().saturating_sub(ROWS_MAX) as u64));
    let any_more = move || more.get() > 0;
    view! {
        <div class="attempts" tabindex="0" role="region" aria-label="Executions">
            <table data-testid="timeline-table">
                <thead>
                    <tr>
                        <th scope="col">"Task"</th>
                        <th scope="col">"Execution"</th>
                        <th scope="col">"Worker"</th>
                        <th scope="col" class="end">"Start"</th>
                        <th scope="col" class="end">"Length"</th>
                        <th scope="col" class="end">"Records"</th>
                        <th scope="col">"How it went"</th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || rows.get()
                        key=Row::clone
                        children=|row| {
                            let cells = row.into_iter().enumerate().map(|(index, text)| {
                                let number = (3..=5).contains(&index);
                                view! { <td class:num=number class:end=number>{text}</td> }
                            });
                            view! { <tr>{cells.collect_view()}</tr> }
                        }
                    />
                </tbody>
            </table>
            <Show when=any_more>
                <p class="hint">{move || format!("and {} before", of(more.get(), "execution", "executions"))}</p>
            </Show>
        </div>
    }
}

fn rows(run: &RunModel) -> Vec<Row> {
    run.attempts.iter().rev().take(ROWS_MAX).map(|attempt| row(run.stages(), attempt)).collect()
}

fn row(stages: &[StageView], attempt: &AttemptView) -> Row {
    let start = duration_ms(attempt.start.0 as f64 / 1e3);
    let length = attempt.end.map(|end| duration_ms(end.since(attempt.start).0 as f64 / 1e3));
    let records = count(attempt.records.0);
    [
        task_name(stages, attempt.phase, attempt.task),
        format!("{}{}", attempt.number, if attempt.backup { ", backup" } else { "" }),
        format!("worker-{}", attempt.worker),
        format!("{} {}", start.value, start.unit),
        length.map_or_else(String::new, |length| format!("{} {}", length.value, length.unit)),
        format!("{} {}", records.value, records.unit),
        ending(attempt.state).to_owned(),
    ]
}
