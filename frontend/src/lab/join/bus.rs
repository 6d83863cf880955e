//! A live bus of the server: which there are, what the one has that the page is attached to, what is published to it and taken from it.

use leptos::html;
use leptos::prelude::*;
use shared::messaging::protocol::Content;
use wasm_bindgen::JsCast;
use web_sys::HtmlSelectElement;

use super::ask::Ask;
use super::client::{Acks, COUNT_MAX, Errand, Got, PREFETCH_MAX, RATE_MAX, Stage, headers};
use super::deliveries::Deliveries;
use super::socket::{Buses, LiveBus, QueueState};
use crate::components::html::{escape, icon, value_of, wanted};
use crate::components::icon::Icon;
use crate::components::sheet::Dialog;
use crate::lab::format::of;
use crate::lab::state::{use_lab, wall_ms};

/// See the module.
#[component]
pub fn BusToJoin(dialog: Dialog) -> impl IntoView {
    let (lab, bus) = (use_lab(), LiveBus::new());
    // A link leads to a bus at once; whoever opens the dialog is told what there is.
    Effect::new(move |_| {
        dialog.opened.track();
        bus.ask();
        bus.follow(move || dialog.node.get_untracked().is_some_and(|dialog| dialog.open()));
    });
    Effect::new(move |_| {
        if let Some(name) = lab.to_join.get() {
            lab.to_join.set(None);
            bus.attach(&name);
        }
    });
    let is_open = Memo::new(move |_| bus.with(|client| client.is_open()));
    Effect::new(move |_| {
        let is_open = is_open.get();
        lab.joined.update(|joined| joined.0 = is_open);
    });
    let stage = Memo::new(move |_| bus.with(|client| (client.stage.clone(), client.bus.clone())));
    let attach = move |event| {
        let place = wanted(&event).and_then(|(_, place)| place);
        let named = bus.buses.with_untracked(|buses| match buses {
            Buses::There(buses) => buses.get(place? as usize).map(|bus| bus.name.clone()),
            _ => None,
        });
        if let Some(name) = named {
            bus.attach(&name);
        }
    };
    view! {
        <h3>"A live bus of the server"</h3>
        <p class:hidden=is_open>
            "A server that was started with " <code>"millrace serve --bus NAME=FILE"</code>
            " runs a broker for as long as it is there. This page can be a client of it, beside programs anywhere: publish, subscribe, acknowledge."
        </p>
        <div class="join-buses" class:hidden=is_open data-testid="buses" on:click=attach inner_html=move || bus.buses.with(list)></div>
        <p data-testid="bus-told" role="status" class:broken=move || stage.with(|(stage, _)| matches!(stage, Stage::Closed(_)))>
            {move || stage.with(|(stage, bus)| told(stage, bus))}
        </p>
        <div class="sheet-row">
            <button
                class:hidden=move || !stage.with(|(stage, _)| matches!(stage, Stage::Closed(_)))
                data-testid="bus-again"
                on:click=move |_| bus.attach(&stage.with_untracked(|(_, bus)| bus.clone()))
            >
                <Icon name="rotate-ccw" />
                "Attach again"
            </button>
            <button class:hidden=move || !is_open.get() data-testid="bus-detach" on:click=move |_| bus.detach()>
                <Icon name="x" />
                "Detach"
            </button>
        </div>
        <div class="join-bus" class:hidden=move || !is_open.get()>
            <div
                class="sheet-table"
                tabindex="0"
                role="group"
                aria-label="What the bus has"
                data-testid="bus-has"
                inner_html=move || has(bus)
            ></div>
            <Publish bus=bus />
            <Subscribe bus=bus />
            <Ask bus=bus />
        </div>
        <Deliveries bus=bus />
    }
}

/// How it stands, in a sentence.
fn told(stage: &Stage, bus: &str) -> String {
    match stage {
        Stage::Away => String::new(),
        Stage::Opening => format!("Attaching to {bus}."),
        Stage::Open(name) => format!("Attached to {bus} as {name}. It stays so when this dialog is closed."),
        Stage::Closed(sentence) => sentence.clone(),
    }
}

/// The buses, as HTML.
fn list(buses: &Buses) -> String {
    match buses {
        Buses::Asked => "<p class=\"hint\">Asking the server for its buses.</p>".to_owned(),
        Buses::Not(sentence) => format!("<p class=\"hint\">{}</p>", escape(sentence)),
        Buses::There(buses) if buses.is_empty() => {
            "<p class=\"hint\">This server has no bus. Start it with one: <code>millrace serve --bus work=work-queue.yaml</code></p>"
                .to_owned()
        }
        Buses::There(buses) => {
            let item = |(place, bus): (usize, &super::socket::BusState)| {
                format!(
                    "<li><button data-do=\"attach\" data-of=\"{place}\" data-testid=\"attach-{name}\">Attach to {name}</button> {title}, {there}</li>",
                    name = escape(&bus.name),
                    title = escape(&bus.title),
                    there = of(bus.sockets, "client by a socket", "clients by sockets")
                )
            };
            format!("<ul>{}</ul>", buses.iter().enumerate().map(item).collect::<String>())
        }
    }
}

/// The queues and exchanges, as HTML.
fn has(bus: LiveBus) -> String {
    bus.state.with(|state| {
        let Some(state) = state else { return String::new() };
        let row = |(name, queue): (&String, &QueueState)| {
            let name = escape(name);
            let cells = [queue.ready, queue.unacked, queue.consumers, queue.acked, queue.redelivered];
            let cells: String = cells.iter().map(|cell| format!("<td class=\"num end\">{cell}</td>")).collect();
            format!("<tr data-testid=\"bus-queue-{name}\"><th scope=\"row\">{name}</th>{cells}</tr>")
        };
        let heads = ["Ready", "Unacknowledged", "Consumers", "Acknowledged", "Delivered again"];
        let heads: String = heads.iter().map(|head| format!("<th scope=\"col\" class=\"end\">{head}</th>")).collect();
        let exchanges: Vec<_> =
            state.exchanges.iter().map(|it| format!("{} ({})", escape(&it.name), escape(&it.kind))).collect();
        let exchanges = if exchanges.is_empty() { String::new() } else { format!(", and {}", exchanges.join(", ")) };
        format!(
            "<table class=\"change\"><thead><tr><th scope=\"col\">Queue</th>{heads}</tr></thead><tbody>{}</tbody></table>\
             <p class=\"hint\">Exchanges: the default one, by which a key leads to the queue of that name{exchanges}.</p>",
            state.queues.iter().map(row).collect::<String>()
        )
    })
}

/// What the bus has, by its names: exchanges and queues. While it is not known, what was known last.
type Names = (Vec<String>, Vec<String>);

pub(super) fn names(bus: LiveBus) -> Memo<Names> {
    Memo::new(move |before: Option<&Names>| {
        let now = bus.state.with(|state| {
            let state = state.as_ref()?;
            Some((state.exchanges.iter().map(|it| it.name.clone()).collect(), state.queues.keys().cloned().collect()))
        });
        now.or_else(|| before.cloned()).unwrap_or_default()
    })
}

/// Offers these names in the lists of these fields, by their `data-offers`. What was chosen stays: queues come and go, as those for answers do.
pub(super) fn offer(names: Memo<Names>, fields: NodeRef<html::Div>) {
    Effect::new(move |_| {
        let Some(fields) = fields.get() else { return };
        names.with(|(exchanges, queues)| {
            let default = "<option value=\"\">(default)</option>";
            for (what, html) in [("exchanges", default.to_owned() + &options(exchanges)), ("queues", options(queues))] {
                let Ok(Some(list)) = fields.query_selector(&format!("[data-offers={what}]")) else { continue };
                let select = list.dyn_ref::<HtmlSelectElement>();
                let chosen = select.map(HtmlSelectElement::value).unwrap_or_default();
                list.set_inner_html(&html);
                if let Some(select) = select.filter(|_| !chosen.is_empty()) {
                    select.set_value(&chosen);
                    select.set_selected_index(select.selected_index().max(0));
                }
            }
        });
    });
}

/// Names to choose among, as HTML.
fn options(names: &[String]) -> String {
    names.iter().map(|name| format!("<option value=\"{0}\">{0}</option>", escape(name))).collect()
}

/// What is published, and what became of it.
#[component]
fn Publish(bus: LiveBus) -> impl IntoView {
    let trouble = RwSignal::new(String::new());
    let fields = NodeRef::new();
    offer(names(bus), fields);
    let press = move |event| match wanted(&event).as_ref().map(|(what, _)| what.as_str()) {
        Some("publish") => match errand() {
            Ok(errand) => {
                trouble.set(String::new());
                bus.act(|client| client.publish(errand));
            }
            Err(sentence) => trouble.set(sentence),
        },
        Some(_) => drop(bus.act(|client| client.stop())),
        None => {}
    };
    let is_publishing = Memo::new(move |_| bus.with(|client| client.is_publishing()));
    view! {
        <fieldset class="join-part" class:publishing=is_publishing on:click=press>
            <legend>"Publish"</legend>
            <div class="join-fields" node_ref=fields inner_html=publish_fields()></div>
            <p class="broken" role="alert">{move || trouble.get()}</p>
            <p data-testid="publish-told" data-confirmed=move || bus.with(|client| client.tally.confirmed)>{move || published(bus)}</p>
            <p data-testid="publish-flow" role="status" class:held=move || bus.with(|client| client.credit == 0)>{move || flow(bus)}</p>
        </fieldset>
    }
}

/// The fields and buttons, as HTML.
fn publish_fields() -> String {
    let (play, square) = (icon("play"), icon("square"));
    format!(
        "<div class=\"sheet-row\">\
         <label>Exchange <select data-testid=\"publish-exchange\" data-offers=\"exchanges\"></select></label>\
         <label>Key <input data-testid=\"publish-key\" list=\"publish-keys\"></label>\
         <datalist id=\"publish-keys\" data-offers=\"queues\"></datalist>\
         <label>Headers <input data-testid=\"publish-headers\" placeholder=\"format: pdf, pages: 3\"></label></div>\
         <label class=\"join-body\">Body <textarea rows=\"2\" data-testid=\"publish-body\">message {{n}}</textarea></label>\
         <div class=\"sheet-row\">\
         <label>How many <input class=\"num\" type=\"number\" min=\"1\" max=\"{COUNT_MAX}\" value=\"1\" data-testid=\"publish-count\"></label>\
         <label>a second <input class=\"num\" type=\"number\" min=\"0\" max=\"{RATE_MAX}\" step=\"any\" placeholder=\"any rate\" \
         data-testid=\"publish-rate\"></label>\
         <label><input type=\"checkbox\" data-testid=\"publish-persistent\"> persistent</label>\
         <button class=\"bright\" data-do=\"publish\" data-testid=\"publish\">{play}Publish</button>\
         <button class=\"publish-stop\" data-do=\"stop\" data-testid=\"publish-stop\">{square}Stop publishing</button></div>\
         <p class=\"hint\"><code>{{n}}</code> in the key and the body is the message's number. Each is confirmed by the broker, and comes back \
         if it has no queue to go to.</p>"
    )
}

/// What the fields say; a sentence if that cannot be.
fn errand() -> Result<Errand, String> {
    let [exchange, key, body, count, rate] =
        ["exchange", "key", "body", "count", "rate"].map(|field| value_of(&format!("publish-{field}")));
    let persistent =
        document().query_selector("[data-testid=publish-persistent]:checked").is_ok_and(|checked| checked.is_some());
    let count = count.trim().parse().ok().filter(|count| (1..=COUNT_MAX).contains(count));
    let count = count.ok_or("How many is a whole number from 1 to 1,000,000.")?;
    let rate = match rate.trim() {
        "" => None,
        rate => {
            let rate = rate.parse().ok().filter(|rate| *rate > 0.0 && *rate <= RATE_MAX);
            Some(rate.ok_or("A rate is more than 0 and at most 10,000 a second; without one messages go as credit allows.")?)
        }
    };
    let headers = headers(&value_of("publish-headers"))?;
    let message = Content { exchange, key, body: Some(body), headers, persistent, ..Content::default() };
    Ok(Errand { message, count, rate, sent: 0, since_ms: wall_ms() })
}

/// What became of what was published.
fn published(bus: LiveBus) -> String {
    let tally = bus.with(|client| client.tally);
    let more = [(tally.refused, "refused"), (tally.returned, "returned: no queue")];
    let more: String = more.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}")).collect();
    format!("{} published, {} confirmed{more}.", tally.sent, tally.confirmed)
}

/// How it stands with the credit.
fn flow(bus: LiveBus) -> String {
    bus.with(|client| match (client.credit, client.waiting(wall_ms())) {
        _ if !client.is_open() => String::new(),
        (0, 0) => "The broker gives no credit now.".to_owned(),
        (0, waiting) => format!("The broker gives no credit: {waiting} {} here.", if waiting == 1 { "waits" } else { "wait" }),
        (credit, _) => format!("Credit for {}.", of(credit.into(), "message", "messages")),
    })
}

/// What is taken from queues.
#[component]
fn Subscribe(bus: LiveBus) -> impl IntoView {
    let trouble = RwSignal::new(String::new());
    let fields = NodeRef::new();
    offer(names(bus), fields);
    let subscribe = move || {
        let queue = value_of("subscribe-queue");
        let prefetch = value_of("subscribe-prefetch").trim().parse().unwrap_or(0);
        let acks = match value_of("subscribe-acks").as_str() {
            "at-once" => Acks::AtOnce,
            "none" => Acks::None,
            _ => Acks::ByHand,
        };
        let done = bus.act(|client| client.subscribe(&queue, prefetch, acks));
        trouble.set(done.and_then(Result::err).unwrap_or_default());
    };
    let get = move || {
        let done = bus.act(|client| client.get(&value_of("subscribe-queue")));
        trouble.set(done.and_then(Result::err).unwrap_or_default());
    };
    let got = move || {
        bus.with(|client| match &client.got {
            Got::Nothing => String::new(),
            Got::Asked(queue) => format!("Asking {queue} for one message."),
            Got::Empty(queue) => format!("{queue} has no message ready."),
            Got::One(queue) => format!("Got one message of {queue}: it is the last of the deliveries."),
        })
    };
    let consumers = move || {
        let item = |consumer: &super::client::Consumer| {
            let acks = match consumer.acks {
                Acks::ByHand => "acknowledged by hand",
                Acks::AtOnce => "acknowledged at once",
                Acks::None => "no acknowledgement",
            };
            format!(
                "<li>{queue}, prefetch {prefetch}, {acks} \
                 <button class=\"small\" data-do=\"cancel\" data-of=\"{tag}\" data-testid=\"cancel-{tag}\">Cancel</button></li>",
                queue = escape(&consumer.queue),
                prefetch = consumer.prefetch,
                tag = consumer.tag
            )
        };
        bus.with(|client| client.consumers.iter().map(item).collect::<String>())
    };
    // As long as they are the same the buttons are, and one keeps the focus.
    let consumers = Memo::new(move |_| consumers());
    let cancel = move |event| {
        if let Some((_, Some(tag))) = wanted(&event) {
            bus.act(|client| client.cancel(tag as u32));
        }
    };
    let press = move |event| match wanted(&event).as_ref().map(|(what, _)| what.as_str()) {
        Some("subscribe") => subscribe(),
        Some("get") => get(),
        _ => {}
    };
    view! {
        <fieldset class="join-part" on:click=press>
            <legend>"Subscribe"</legend>
            <div class="join-fields" node_ref=fields inner_html=subscribe_fields()></div>
            <p role="status" data-testid="get-told">{got}</p>
            <p class="broken" role="alert">{move || trouble.get()}</p>
            <ul class="join-consumers" data-testid="consumers" inner_html=move || consumers.get() on:click=cancel></ul>
        </fieldset>
    }
}

/// The fields and buttons, as HTML.
fn subscribe_fields() -> String {
    format!(
        "<div class=\"sheet-row\">\
         <label>Queue <select data-testid=\"subscribe-queue\" data-offers=\"queues\"></select></label>\
         <label>Prefetch <input class=\"num\" type=\"number\" min=\"1\" max=\"{PREFETCH_MAX}\" value=\"10\" data-testid=\"subscribe-prefetch\"></label>\
         <label>Acknowledge <select data-testid=\"subscribe-acks\"><option value=\"by-hand\">by hand</option>\
         <option value=\"at-once\">each at once</option><option value=\"none\">nothing: the bus does not wait</option></select></label>\
         <button data-do=\"subscribe\" data-testid=\"subscribe\">{}Subscribe</button>\
         <button data-do=\"get\" data-testid=\"get-one\" title=\"One message of this queue, if it has one ready\">Get one</button></div>",
        icon("arrow-down")
    )
}
