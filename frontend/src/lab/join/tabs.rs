//! Runs of other tabs of this page, whose clients may live in this one: each a Web Worker here, that talks with its broker there.
//!
//! The tab that conducts the run offers its clients, and says what begins and ends; this one has the workers, and takes leave when it is
//! closed. Whoever is silent for too long is taken for gone, on both sides.

use std::collections::BTreeMap;
use std::time::Duration;

use js_sys::{Array, Object, Reflect};
use leptos::prelude::*;
use shared::wire::{Bearing, LifeId, TabClient, TabOffer, TabWord, lobby};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, ErrorEvent, MessageEvent, Worker};

use crate::components::html::{escape, wanted};
use crate::components::sheet::Dialog;
use crate::lab::format::of;
use crate::lab::state::{Lab, use_lab, wall_ms};
use crate::session::local::loader;
use crate::session::tab;

/// How often other tabs are asked what they run, while somebody looks, and for how long what they said counts. Milliseconds.
const ASK_MS: u64 = 1_000;
const OFFER_MS_MAX: f64 = 4_000.0;

/// Handles that may be copied anywhere.
#[derive(Clone, Copy)]
struct Tabs {
    inner: StoredValue<Inner, LocalStorage>,
    offers: RwSignal<Vec<TabOffer>>,
    told: RwSignal<String>,
    lab: Lab,
}

#[derive(Default)]
struct Inner {
    lobby: Option<Lobby>,
    /// When each run was heard of last.
    heard: BTreeMap<(String, u32), f64>,
    /// Clients that live here, by their runs' tabs and numbers.
    lives: BTreeMap<(String, u32, u16), Life>,
    /// Who asks what is run, by number.
    round: u32,
}

struct Lobby {
    channel: BroadcastChannel,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

/// A client's worker. It ends with this value.
struct Life {
    id: LifeId,
    worker: Worker,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

impl Tabs {
    fn new() -> Tabs {
        Tabs {
            inner: StoredValue::new_local(Inner::default()),
            offers: RwSignal::new(Vec::new()),
            told: RwSignal::new(String::new()),
            lab: use_lab(),
        }
    }

    /// Meets the other tabs. Whether there is a place for that.
    fn meet(self) -> bool {
        if self.inner.with_value(|inner| inner.lobby.is_some()) {
            return true;
        }
        let Ok(channel) = BroadcastChannel::new(&lobby(&crate::build_id())) else { return false };
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let word = event.data().as_string().and_then(|text| serde_json::from_str(&text).ok());
            if let Some(word) = word {
                self.hear(word);
            }
        });
        channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        self.inner.update_value(|inner| inner.lobby = Some(Lobby { channel, _on_message: on_message }));
        // A page that is kept for the way back runs nothing meanwhile, so it takes leave, too.
        let leave = window_event_listener_untyped("pagehide", move |_| {
            if self.inner.try_update_value(|inner| std::mem::take(&mut inner.lives)).is_some_and(|lives| !lives.is_empty()) {
                self.say(&TabWord::Leave { tab: tab() });
            }
        });
        let leave = StoredValue::new_local(Some(leave));
        on_cleanup(move || {
            if let Some(leave) = leave.try_update_value(Option::take).flatten() {
                leave.remove();
            }
        });
        true
    }

    fn say(self, word: &TabWord) {
        self.inner.with_value(|inner| {
            if let (Some(lobby), Ok(text)) = (&inner.lobby, serde_json::to_string(word)) {
                // A text can always be posted.
                let _ = lobby.channel.post_message(&text.into());
            }
        });
    }

    /// Asks again and again what is run, as long as somebody looks; who asked before does so no more.
    fn follow(self, looks: impl Fn() -> bool + Copy + 'static) {
        let round = self.inner.try_update_value(|inner| {
            inner.round += 1;
            inner.round
        });
        self.ask_on(round.unwrap_or_default(), looks);
    }

    fn ask_on(self, round: u32, looks: impl Fn() -> bool + Copy + 'static) {
        if !looks() || self.inner.try_with_value(|inner| inner.round) != Some(round) {
            return;
        }
        let now = wall_ms();
        let is_new = |inner: &Inner, offer: &TabOffer| {
            inner.heard.get(&(offer.host.clone(), offer.run)).is_some_and(|heard| now - heard < OFFER_MS_MAX)
        };
        let old = self
            .offers
            .with_untracked(|offers| self.inner.with_value(|inner| offers.iter().any(|offer| !is_new(inner, offer))));
        if old {
            self.offers.update(|offers| self.inner.with_value(|inner| offers.retain(|offer| is_new(inner, offer))));
        }
        self.say(&TabWord::Ask);
        set_timeout(move || self.ask_on(round, looks), Duration::from_millis(ASK_MS));
    }

    fn hear(self, word: TabWord) {
        match word {
            TabWord::Offer(offer) => {
                let run = (offer.host.clone(), offer.run);
                self.inner.update_value(|inner| {
                    inner.heard.insert(run, wall_ms());
                });
                let known = self.offers.with_untracked(|offers| offers.contains(&offer));
                if !known {
                    self.offers.update(|offers| {
                        offers.retain(|other| (&other.host, other.run) != (&offer.host, offer.run));
                        offers.push(offer);
                        offers.sort_by(|a, b| (&a.host, a.run).cmp(&(&b.host, b.run)));
                    });
                }
            }
            TabWord::Over { host, run } => {
                self.offers.update(|offers| offers.retain(|offer| (&offer.host, offer.run) != (&host, run)));
                self.end(|id| id.host == host && id.run == run, "Its run has ended.");
            }
            TabWord::Bear(bearing) if bearing.life.tab == tab() => self.bear(&bearing),
            TabWord::End(life) if life.tab == tab() => self.end(|id| *id == life, "Its life here was ended by its run."),
            // For others.
            _ => {}
        }
    }

    /// Ends the lives that are meant.
    fn end(self, is_meant: impl Fn(&LifeId) -> bool, why: &str) {
        let ended = self.inner.try_update_value(|inner| {
            let before = inner.lives.len();
            inner.lives.retain(|_, life| !is_meant(&life.id));
            before - inner.lives.len()
        });
        if ended.is_some_and(|ended| ended > 0) {
            self.told.set(why.to_owned());
            self.count();
        }
    }

    /// Tells the page how many clients live in it.
    fn count(self) {
        let count = self.inner.with_value(|inner| inner.lives.len());
        self.lab.joined.update(|joined| joined.1 = count);
    }

    fn bear(self, bearing: &Bearing) {
        let id = &bearing.life;
        let Ok(worker) = Worker::new(&loader(&crate::build_id())) else {
            return self.say(&TabWord::Down(id.clone()));
        };
        let first = first_message(bearing);
        let (said_of, failed, said_to) = (id.clone(), id.clone(), worker.clone());
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            match event.data().as_string().as_deref() {
                // What it is, it hears when it can.
                Some("ready") => drop(said_to.post_message(&first)),
                Some("orphaned") => self.gone(&said_of, "The tab of its run is gone."),
                Some(_) => self.down(&said_of),
                None => {}
            }
        });
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(move |event: ErrorEvent| {
            event.prevent_default();
            self.down(&failed);
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        let life = Life { id: id.clone(), worker, _on_message: on_message, _on_error: on_error };
        let place = (id.host.clone(), id.run, id.node);
        let before = self.inner.try_update_value(|inner| inner.lives.insert(place, life)).flatten();
        drop(before);
        self.count();
        self.told.set("A client lives in this tab. When the tab is closed it goes down as if it were killed.".to_owned());
    }

    /// A life has ended by itself.
    fn down(self, id: &LifeId) {
        self.gone(id, "It crashed, and begins anew.");
        self.say(&TabWord::Down(id.clone()));
    }

    /// Its call is on the stack, so it is freed a turn later.
    fn gone(self, id: &LifeId, why: &'static str) {
        let id = id.clone();
        set_timeout(move || self.end(|other| *other == id, why), Duration::ZERO);
    }

    fn ask_to_move(self, offer: usize, client: usize, to_host: bool) {
        let word = self.offers.with_untracked(|offers| {
            let offer = offers.get(offer)?;
            let node = offer.clients.get(client)?.node;
            let to = if to_host { offer.host.clone() } else { tab() };
            Some(TabWord::Move { host: offer.host.clone(), run: offer.run, node, to })
        });
        if let Some(word) = word {
            self.say(&word);
        }
    }
}

/// What a worker hears first.
fn first_message(bearing: &Bearing) -> Object {
    let peers: Array = bearing.peers.iter().map(|name| JsValue::from(name.as_str())).collect();
    let object = Object::new();
    let fields: [(&str, JsValue); 6] = [
        ("role", "bus-node".into()),
        ("bus", bearing.bus.as_str().into()),
        ("birth", bearing.birth.as_str().into()),
        ("began", bearing.began.into()),
        ("reports", bearing.reports.as_str().into()),
        ("ports", peers.into()),
    ];
    for (name, value) in fields {
        // A plain object takes any property.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object
}

/// Clients of an offer have places in one list of buttons.
const CLIENTS_MAX: usize = 1_000;

/// What is seen of other tabs.
#[component]
pub fn TabsToJoin(dialog: Dialog) -> impl IntoView {
    let tabs = Tabs::new();
    let meets = tabs.meet();
    Effect::new(move |_| {
        dialog.opened.track();
        tabs.follow(move || dialog.node.get_untracked().is_some_and(|dialog| dialog.open()));
    });
    let press = move |event| {
        if let Some((what, Some(place))) = wanted(&event) {
            let place = place as usize;
            tabs.ask_to_move(place / CLIENTS_MAX, place % CLIENTS_MAX, what == "back");
        }
    };
    let list = move || match (meets, tabs.offers.with(Vec::is_empty)) {
        (false, _) => "<p class=\"hint\">This browser has no channels between tabs.</p>".to_owned(),
        (true, true) => {
            "<p class=\"hint\" data-testid=\"no-tabs\">No tab runs messaging in real time now: open this page in another tab, \
                         choose This browser there, and run an experiment with <code>messaging</code>.</p>"
                .to_owned()
        }
        (true, false) => tabs.offers.with(|offers| offers.iter().enumerate().map(html).collect()),
    };
    view! {
        <div class="join-part">
            <h3>"A run of another tab"</h3>
            <p>
                "Its clients can live in this tab, each in a Web Worker of its own here. To move one is to end it there, and what it had not acknowledged is delivered again."
            </p>
            <div data-testid="tabs" inner_html=list on:click=press></div>
            <p data-testid="tabs-told" role="status">{move || tabs.told.get()}</p>
        </div>
    }
}

/// A run that is offered, as HTML.
fn html((place, offer): (usize, &TabOffer)) -> String {
    let own = tab();
    let is_ours = offer.host == own;
    let client = |(index, client): (usize, &TabClient)| {
        let (home, word, label) = match &client.home {
            None if is_ours => ("in this tab".to_owned(), "", ""),
            None => ("in the tab of the run".to_owned(), "take", "Take over"),
            Some((home, _)) if *home == own => ("in this tab".to_owned(), "back", "Give back"),
            Some((_, name)) if is_ours => (format!("in {}", escape(name)), "back", "Take back"),
            Some((_, name)) => (format!("in {}", escape(name)), "take", "Take over"),
        };
        let name = escape(&client.name);
        let button = if word.is_empty() {
            String::new()
        } else {
            format!(
                " <button class=\"small\" data-do=\"{word}\" data-of=\"{}\" data-testid=\"{word}-{name}\">{label} {name}</button>",
                place * CLIENTS_MAX + index
            )
        };
        format!("<li data-testid=\"client-{name}\"><b>{name}</b> {home}{button}</li>")
    };
    let clients: String = offer.clients.iter().enumerate().map(client).collect();
    let count = of(offer.clients.len() as u64, "client", "clients");
    let whose = if is_ours { ", run by this tab: open the page in another to take some of them over" } else { "" };
    format!("<p><b>{}</b>, {count}{whose}</p><ul class=\"join-consumers\">{clients}</ul>", escape(&offer.title))
}
