//! The timeline as a table, for those who read rather than see it: the latest attempts first, or the queues and clients of a bus.

use leptos::prelude::*;
use shared::wire::{AttemptView, MessageView, StageView};

use super::messages::{about, fate, node_name, said};
use crate::lab::bus::BusModel;
use crate::lab::format::{count, duration_ms, grouped, of};
use crate::lab::graph::ending;
use crate::lab::model::RunModel;
use crate::lab::names::task_name;
use crate::lab::state::use_lab;

/// Rows shown at most; the rest are counted.
const ROWS_MAX: usize = 100;

/// A row's text; equal rows are not drawn again.
type Row = [String; 7];

const HEADS: [&str; 7] = ["Task", "Execution", "Worker", "Start", "Length", "Records", "How it went"];
const MESSAGE_HEADS: [&str; 7] = ["Message", "From", "To", "Sent", "On its way", "About", "What became of it"];
const BUS_HEADS: [&str; 7] = ["Queue or client", "What it does", "Ready", "At consumers", "Came or sent", "Worked on", "Gone"];

#[component]
pub fn AttemptsTable() -> impl IntoView {
    let lab = use_lab();
    let of_messages = lab.messages_shown;
    let rows = Memo::new(move |_| lab.run.with(if of_messages.get() { messages } else { rows }));
    let heads = Memo::new(move |_| match (of_messages.get(), lab.run.with(|run| run.bus.is_some())) {
        (true, _) => MESSAGE_HEADS,
        (false, true) => BUS_HEADS,
        (false, false) => HEADS,
    });
    let more = Memo::new(move |_| {
        let count = lab.run.with(|run| match of_messages.get() {
            true => run.messages.as_ref().map_or(0, |known| known.messages.len()),
            false => run.attempts.len(),
        });
        count.saturating_sub(ROWS_MAX) as u64
    });
    let any_more = move || more.get() > 0;
    view! {
        <div class="attempts" tabindex="0" role="region" aria-label="Executions">
            <table data-testid="timeline-table">
                <thead>
                    <tr inner_html=move || heads.get().map(|head| format!("<th scope=\"col\">{head}</th>")).concat()></tr>
                </thead>
                <tbody>
                    <For
                        each=move || rows.get()
                        key=Row::clone
                        children=|row| {
                            let cells = row.into_iter().enumerate().map(|(index, text)| {
                                let number = (2..=6).contains(&index) && text.starts_with(|first: char| first.is_ascii_digit());
                                view! { <td class:num=number class:end=number>{text}</td> }
                            });
                            view! { <tr>{cells.collect_view()}</tr> }
                        }
                    />
                </tbody>
            </table>
            {move || any_more().then(|| view! {
                <p class="hint">
                    {move || match of_messages.get() {
                        true => format!("and {} later", of(more.get(), "message", "messages")),
                        false => format!("and {} before", of(more.get(), "execution", "executions")),
                    }}
                </p>
            })}
        </div>
    }
}

fn rows(run: &RunModel) -> Vec<Row> {
    if let Some(bus) = &run.bus {
        return of_bus(bus);
    }
    run.attempts.iter().rev().take(ROWS_MAX).map(|attempt| row(run.stages(), attempt)).collect()
}

/// The first messages of what is shown.
fn messages(run: &RunModel) -> Vec<Row> {
    let row = |message: &MessageView| {
        let length = duration_ms(message.arrives.since(message.sent).0 as f64 / 1e3);
        [
            said(message),
            node_name(run, message.from),
            node_name(run, message.to),
            message.sent.to_string(),
            format!("{} {}", length.value, length.unit),
            about(run, message).unwrap_or_default(),
            fate(message).to_owned(),
        ]
    };
    run.messages.iter().flat_map(|known| &known.messages).take(ROWS_MAX).map(row).collect()
}

fn of_bus(bus: &BusModel) -> Vec<Row> {
    let number = |number: u64| grouped(number);
    let queues = bus.view.queues.iter().enumerate().map(|(place, queue)| {
        let now = bus.queue(place);
        let [ready, unacked, came, acked, gone] =
            [now.ready.0, now.unacked.0, now.published.0, now.acked.0, now.gone.0].map(number);
        [queue.name.clone(), "queue".to_owned(), ready, unacked, came, acked, gone]
    });
    let clients = bus.now.clients.iter().take(ROWS_MAX).enumerate().map(|(place, client)| {
        let (sent, processed) = (number(client.sent.0), number(client.processed.0));
        [bus.name(place), client.doing.clone(), String::new(), String::new(), sent, processed, String::new()]
    });
    queues.chain(clients).collect()
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
