//! The timeline as a table, for those who read rather than see it: the latest attempts first, or the queues and clients of a bus, or the
//! messages. A row that is pressed is selected, as its bar or its line would be; the arrow keys go from one to the next.

use leptos::html;
use leptos::prelude::*;
use shared::wire::{AttemptView, MessageView, StageView};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent};

use super::messages::{about, fate, node_name, said};
use crate::lab::bus::BusModel;
use crate::lab::format::{count, duration_ms, grouped, of};
use crate::lab::graph::ending;
use crate::lab::inspect::Selected;
use crate::lab::model::RunModel;
use crate::lab::names::task_name;
use crate::lab::state::use_lab;

/// Rows shown at most; the rest are counted.
const ROWS_MAX: usize = 100;

/// A row's text, and what it is about; equal rows are not drawn again.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    what: Option<Selected>,
    cells: [String; 7],
}

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
    let region = NodeRef::<html::Div>::new();
    let go = move |event: KeyboardEvent| {
        if let Some(button) = region.get_untracked().and_then(|region| neighbour(&region, &event)) {
            event.prevent_default();
            // One that has gone since takes no focus.
            let _ = button.focus();
        }
    };
    // A single stop for Tab: the row that is selected, or the first.
    let stop = Memo::new(move |_| {
        let selected = lab.selected.get();
        rows.with(|rows| {
            rows.iter().position(|row| row.what == selected).and_then(|place| rows.get(place)?.what).or(rows.first()?.what)
        })
    });
    let head = move |what: Option<Selected>, text: String| match what {
        None => view! { <td>{text}</td> }.into_any(),
        Some(what) => view! {
            <td>
                <button
                    class="link"
                    data-testid="select-row"
                    tabindex=move || if stop.get() == Some(what) { "0" } else { "-1" }
                    aria-pressed=move || (lab.selected.get() == Some(what)).to_string()
                >
                    {text}
                </button>
            </td>
        }
        .into_any(),
    };
    let row = move |Row { what, cells }: Row| {
        let mut cells = cells.into_iter().enumerate();
        let first = cells.next().map(|(_, text)| head(what, text));
        let others = cells.map(|(index, text)| {
            let number = index >= 2 && text.starts_with(|first: char| first.is_ascii_digit());
            view! { <td class:num=number class:end=number>{text}</td> }
        });
        let press = move |_| {
            if what.is_some() {
                lab.select(what);
            }
        };
        view! {
            <tr
                class:selectable=what.is_some()
                class:selected=move || what.is_some() && lab.selected.get() == what
                on:click=press
            >
                {first}
                {others.collect_view()}
            </tr>
        }
    };
    view! {
        <div class="attempts" tabindex="0" role="region" aria-label="Executions" node_ref=region on:keydown=go>
            <table data-testid="timeline-table">
                <thead>
                    <tr inner_html=move || heads.get().map(|head| format!("<th scope=\"col\">{head}</th>")).concat()></tr>
                </thead>
                <tbody>
                    <For each=move || rows.get() key=|row| (format!("{:?}", row.what), row.cells.clone()) children=row />
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

/// The row's button that an arrow key leads to from the one that has the focus.
fn neighbour(region: &Element, event: &KeyboardEvent) -> Option<HtmlElement> {
    let buttons = region.query_selector_all("button[data-testid=select-row]").ok()?;
    let focused = document().active_element();
    let here = (0..buttons.length()).find(|at| buttons.item(*at).as_ref() == focused.as_deref())?;
    let last = buttons.length().checked_sub(1)?;
    let to = match event.key().as_str() {
        "ArrowDown" => (here + 1).min(last),
        "ArrowUp" => here.saturating_sub(1),
        "Home" => 0,
        "End" => last,
        _ => return None,
    };
    buttons.item(to)?.dyn_into().ok()
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
        let cells = [
            said(message),
            node_name(run, message.from),
            node_name(run, message.to),
            message.sent.to_string(),
            format!("{} {}", length.value, length.unit),
            about(run, message).unwrap_or_default(),
            fate(message).to_owned(),
        ];
        Row { what: Some(Selected::Message(message.id)), cells }
    };
    run.messages.iter().flat_map(|known| &known.messages).take(ROWS_MAX).map(row).collect()
}

fn of_bus(bus: &BusModel) -> Vec<Row> {
    let number = |number: u64| grouped(number);
    let queues = bus.view.queues.iter().enumerate().map(|(place, queue)| {
        let now = bus.queue(place);
        let [ready, unacked, came, acked, gone] =
            [now.ready.0, now.unacked.0, now.published.0, now.acked.0, now.gone.0].map(number);
        let cells = [queue.name.clone(), "queue".to_owned(), ready, unacked, came, acked, gone];
        Row { what: Some(Selected::Queue(place as u32)), cells }
    });
    let clients = bus.now.clients.iter().take(ROWS_MAX).enumerate().map(|(place, client)| {
        let (sent, processed) = (number(client.sent.0), number(client.processed.0));
        let cells = [bus.name(place), client.doing.clone(), String::new(), String::new(), sent, processed, String::new()];
        Row { what: Some(Selected::Worker(place as u32)), cells }
    });
    queues.chain(clients).collect()
}

fn row(stages: &[StageView], attempt: &AttemptView) -> Row {
    let start = duration_ms(attempt.start.0 as f64 / 1e3);
    let length = attempt.end.map(|end| duration_ms(end.since(attempt.start).0 as f64 / 1e3));
    let records = count(attempt.records.0);
    let cells = [
        task_name(stages, attempt.phase, attempt.task),
        format!("{}{}", attempt.number, if attempt.backup { ", backup" } else { "" }),
        format!("worker-{}", attempt.worker),
        format!("{} {}", start.value, start.unit),
        length.map_or_else(String::new, |length| format!("{} {}", length.value, length.unit)),
        format!("{} {}", records.value, records.unit),
        ending(attempt.state).to_owned(),
    ];
    Row { what: Some(Selected::Task(attempt.phase, attempt.task)), cells }
}

#[cfg(test)]
mod tests {
    use shared::wire::{AttemptState, Phase};

    use super::*;
    use crate::lab::model::story;

    #[test]
    fn a_row_selects_the_task_that_was_executed() {
        let stages = vec![story::stage("map", Phase::Map, 0, 2, &[]), story::stage("reduce", Phase::Reduce, 0, 1, &[0])];
        let attempts = vec![
            story::attempt(0, Phase::Map, 1, AttemptState::Done),
            story::attempt(1, Phase::Reduce, 0, AttemptState::Running),
        ];
        let run = story::run(stages, attempts, &[]);
        let rows = rows(&run);
        let told: Vec<_> = rows.iter().map(|row| (row.cells[0].as_str(), row.what)).collect();
        // The latest first.
        assert_eq!(
            told,
            [("reduce-0", Some(Selected::Task(Phase::Reduce, 0))), ("map-1", Some(Selected::Task(Phase::Map, 1)))]
        );
        assert!(rows.iter().all(|row| row.what.is_some_and(|what| what.is_in(&run))));
    }
}
