//! The deliveries of a live bus: the last of them, each with what it is and, until it is settled, the three ways to settle it.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::client::{DELIVERIES_KEPT, Outcome, Row};
use super::socket::LiveBus;
use crate::components::html::{escape, wanted};

/// See the module.
#[component]
pub fn Deliveries(bus: LiveBus) -> impl IntoView {
    let rows = move || bus.with(|client| client.deliveries.iter().map(|row| row.number).collect::<Vec<_>>());
    let rows = Memo::new(move |_| rows());
    let settle = move |event| {
        let Some((what, number)) = wanted(&event) else { return };
        let how = match what.as_str() {
            "ack" => Outcome::Acked,
            "requeue" => Outcome::Requeued,
            _ => Outcome::Rejected,
        };
        match number {
            Some(number) => {
                bus.act(|client| client.settle(number, how));
                focus_on_next(bus);
            }
            None => {
                bus.act(|client| {
                    let all: Vec<_> = client.unsettled().collect();
                    all.into_iter().for_each(|number| client.settle(number, how));
                });
            }
        }
    };
    let told = move || {
        bus.with(|client| {
            let (waiting, forgotten) = (client.unsettled().count(), client.forgotten);
            let waits = match waiting {
                0 => String::new(),
                1 => "1 waits for your word. ".to_owned(),
                _ => format!("{waiting} wait for your word. "),
            };
            let kept = match forgotten {
                0 => String::new(),
                _ => format!("The last {DELIVERIES_KEPT} are kept; {forgotten} before them are not shown any more."),
            };
            format!("{waits}{kept}")
        })
    };
    let told = Memo::new(move |_| told());
    let one = move |number: u64| {
        let html = Memo::new(move |_| bus.with(|client| client.row(number).map(html).unwrap_or_default()));
        view! { <li data-testid="delivery" inner_html=move || html.get()></li> }
    };
    view! {
        <div class="join-part" class:hidden=move || rows.with(Vec::is_empty) on:click=settle>
            <h3 id="deliveries" tabindex="-1">"Deliveries"</h3>
            <div class="sheet-row">
                <p data-testid="deliveries-told" role="status">{move || told.get()}</p>
                <button
                    class="small"
                    class:hidden=move || bus.with(|client| client.unsettled().count() < 2)
                    data-do="ack"
                    data-testid="ack-all"
                >
                    "Ack all"
                </button>
            </div>
            <ol class="deliveries" tabindex="0" aria-labelledby="deliveries">
                <For each=move || rows.get() key=|number| *number children=one />
            </ol>
        </div>
    }
}

/// A delivery as HTML.
fn html(row: &Row) -> String {
    let number = row.number;
    let mut facts = vec![format!("<b>{}</b>", escape(&row.queue)), format!("<span class=\"num\">{}</span>", escape(&row.id))];
    facts.push(format!("key <code>{}</code>", escape(&row.key)));
    if row.redelivered {
        let times = if row.returns > 0 { format!(", came back {} times", row.returns) } else { String::new() };
        let times = times.replace(" 1 times", " once");
        facts.push(format!("<span class=\"redelivered\" data-testid=\"redelivered\">② delivered again{times}</span>"));
    }
    if !row.headers.is_empty() {
        facts.push(format!("<span class=\"hint\">{}</span>", escape(&row.headers)));
    }
    if !row.deaths.is_empty() {
        facts.push(format!("<span class=\"hint\">died: {}</span>", escape(&row.deaths)));
    }
    let button = |what: &str, label: &str| {
        format!(
            "<button class=\"small\" data-do=\"{what}\" data-of=\"{number}\" data-testid=\"{what}-{number}\" \
             aria-label=\"{label} {}\">{label}</button>",
            escape(&row.id)
        )
    };
    let outcome = match row.outcome {
        Outcome::Open => button("ack", "Ack") + &button("requeue", "Requeue") + &button("reject", "Reject"),
        Outcome::Acked => "acknowledged".to_owned(),
        Outcome::Requeued => "requeued".to_owned(),
        Outcome::Rejected => "rejected".to_owned(),
        Outcome::WentBack => "not settled: it went back to its queue".to_owned(),
    };
    let body = escape(&row.body);
    format!("<p>{}</p><pre>{body}</pre><p class=\"sheet-row hint\">{outcome}</p>", facts.join(" · "))
}

/// What was pressed is gone once its delivery is settled: the next one that waits has the focus then, or the heading.
fn focus_on_next(bus: LiveBus) {
    let next = bus.act(|client| client.unsettled().next()).flatten();
    let selector = next.map_or_else(|| "#deliveries".to_owned(), |number| format!("[data-testid=ack-{number}]"));
    if let Some(element) = document().query_selector(&selector).ok().flatten()
        && let Ok(element) = element.dyn_into::<web_sys::HtmlElement>()
    {
        // Where it cannot have the focus, the dialog has it.
        let _ = element.focus();
    }
}
