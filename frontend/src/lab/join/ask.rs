//! A request over a live bus, and the answers that came.

use leptos::prelude::*;
use shared::messaging::protocol::Content;

use super::bus::{names, offer};
use super::requests::{Asked, Fate, TIMEOUT_MS_MAX};
use super::socket::LiveBus;
use crate::components::html::{escape, icon, value_of, wanted};
use crate::lab::format::duration_ms;
use crate::lab::state::wall_ms;

/// See the module.
#[component]
pub fn Ask(bus: LiveBus) -> impl IntoView {
    let trouble = RwSignal::new(String::new());
    let place = NodeRef::new();
    offer(names(bus), place);
    let ask = move |event| {
        if wanted(&event).is_none() {
            return;
        }
        let done = wish().and_then(|(message, timeout_ms)| {
            bus.act(|client| client.request(message, timeout_ms, wall_ms())).unwrap_or(Ok(()))
        });
        trouble.set(done.err().unwrap_or_default());
    };
    let list = Memo::new(move |_| bus.with(|client| client.requests.list.iter().rev().map(html).collect::<String>()));
    view! {
        <fieldset class="join-part" on:click=ask>
            <legend>"Request"</legend>
            <div class="join-fields" node_ref=place inner_html=fields()></div>
            <p class="broken" role="alert">{move || trouble.get()}</p>
            <ul class="join-consumers" aria-live="polite" data-testid="requests" inner_html=move || list.get()></ul>
        </fieldset>
    }
}

/// The fields and the button, as HTML.
fn fields() -> String {
    format!(
        "<div class=\"sheet-row\">\
         <label>Queue <select data-testid=\"request-queue\" data-offers=\"queues\"></select></label>\
         <label>Body <input data-testid=\"request-body\" value=\"a question\"></label>\
         <label>Wait, ms <input class=\"num\" type=\"number\" min=\"1\" max=\"{TIMEOUT_MS_MAX}\" value=\"5000\" data-testid=\"request-timeout\"></label>\
         <button data-do=\"ask\" data-testid=\"request\">{}Ask</button></div>\
         <p class=\"hint\">It bears a correlation id and names a queue of this page's own for the answer: whoever takes it publishes to that \
         queue with the same id.</p>",
        icon("circle-help")
    )
}

/// What the fields say; a sentence if that cannot be.
fn wish() -> Result<(Content, u32), String> {
    let key = value_of("request-queue");
    if key.is_empty() {
        return Err("The bus has no queue to ask.".to_owned());
    }
    let timeout_ms = value_of("request-timeout").trim().parse().ok().filter(|ms| (1..=TIMEOUT_MS_MAX).contains(ms));
    let timeout_ms = timeout_ms.ok_or("Wait a whole number of milliseconds, from 1 to 600,000.")?;
    Ok((Content { key, body: Some(value_of("request-body")), ..Content::default() }, timeout_ms))
}

/// A request and what became of it.
fn html(asked: &Asked) -> String {
    let time = |ms: f64| {
        let time = duration_ms(ms);
        format!("{} {}", time.value, time.unit)
    };
    let fate = match &asked.fate {
        Fate::Waits => "waits for its answer".to_owned(),
        Fate::Answered { body, after_ms, is_late } => {
            let late = if *is_late { ", when nobody waited any more" } else { "" };
            format!("answered after {}{late}: <code>{}</code>", time(*after_ms), escape(body))
        }
        Fate::TimedOut => format!("no answer within {}", time(asked.timeout_ms.into())),
        Fate::Returned => "came back: no queue takes it".to_owned(),
        Fate::Lost => "the connection ended before an answer came".to_owned(),
    };
    format!("<li data-testid=\"request-{0}\">Request {0} to {1}: {fate}</li>", asked.number, escape(&asked.to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::join::requests::Requests;

    #[test]
    fn what_became_of_a_request_is_said_and_is_no_html() {
        let mut requests = Requests::default();
        let message = || Content { key: "<quotes>".to_owned(), ..Content::default() };
        (0..2).for_each(|_| drop(requests.ask(message(), 1_500, 0.0)));
        requests.tick(20.0);
        requests.answered(Some(1), "<b>".to_owned());
        requests.tick(1_500.0);
        let told: Vec<_> = requests.list.iter().map(html).collect();
        assert!(told[0].contains("Request 1 to &lt;quotes&gt;: answered after 20 ms: <code>&lt;b&gt;</code>"), "{}", told[0]);
        assert!(told[1].contains("no answer within 1.5"), "{}", told[1]);
    }
}
