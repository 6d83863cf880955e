//! The page's connection to a live bus: a [`Client`], the socket that carries its words, and what the server tells of its buses.
//!
//! A bus that is not there answers no socket, and a browser does not say why; so the server is asked for the bus first, by a request whose
//! answer can be read. The views look at the client a few times a second, however fast it hears.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use gloo_net::http::Request;
use gloo_net::websocket::Message;
use gloo_net::websocket::futures::WebSocket;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;
use shared::messaging::protocol::{BusCommand, decode_event, encode_command};
use shared::wire::ExchangeView;

use super::client::{Client, farewell};
use crate::lab::share::set_fragment;
use crate::lab::state::wall_ms;
use crate::session::talk::{Ending, address, talk};

/// How often views look at most, and how often what is due by time is published. Milliseconds.
const LOOK_MS: u64 = 60;
const TICK_MS: u64 = 20;
/// How often the server is asked what its bus has, while somebody looks. Milliseconds.
const ASK_MS: u64 = 1_000;
/// After so long without a word the bus is asked whether it is there; after twice as long it is taken for gone. Milliseconds.
const SILENCE_MS_MAX: f64 = 10_000.0;

/// What the server tells of a bus; it tells more.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct BusState {
    pub name: String,
    pub title: String,
    pub sockets: u64,
    pub exchanges: Vec<ExchangeView>,
    pub queues: BTreeMap<String, QueueState>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct QueueState {
    pub consumers: u64,
    pub ready: u64,
    pub unacked: u64,
    pub redelivered: u64,
    pub acked: u64,
}

/// What was heard of the server's buses.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Buses {
    #[default]
    Asked,
    There(Vec<BusState>),
    /// A sentence says why not.
    Not(String),
}

/// Handles that may be copied anywhere.
#[derive(Clone, Copy)]
pub struct LiveBus {
    client: StoredValue<Client, LocalStorage>,
    /// Grows when the views are to look at the client.
    looks: RwSignal<u32>,
    pub buses: RwSignal<Buses>,
    /// Of the bus that the page is attached to.
    pub state: RwSignal<Option<BusState>>,
    socket: StoredValue<Socket, LocalStorage>,
}

#[derive(Default)]
struct Socket {
    /// Dropping it ends the connection's task, and with it the socket.
    outbox: Option<UnboundedSender<String>>,
    /// Connections begun so far.
    number: u32,
    look_is_due: bool,
    tick_is_due: bool,
    heard_ms: f64,
    asked: bool,
    /// Who asks what the bus has, by number.
    round: u32,
}

impl LiveBus {
    pub fn new() -> LiveBus {
        LiveBus {
            client: StoredValue::new_local(Client::default()),
            looks: RwSignal::new(0),
            buses: RwSignal::new(Buses::Asked),
            state: RwSignal::new(None),
            socket: StoredValue::new_local(Socket::default()),
        }
    }

    /// Looks at the client, and again when it has changed.
    pub fn with<T>(self, look: impl FnOnce(&Client) -> T) -> T {
        self.looks.track();
        self.client.with_value(look)
    }

    /// The client does something; what it has to say is said.
    pub fn act<T>(self, act: impl FnOnce(&mut Client) -> T) -> Option<T> {
        let done = self.client.try_update_value(act)?;
        self.pump();
        Some(done)
    }

    /// Says what there is to say, now and when more of it is due.
    fn pump(self) {
        let said = self.client.try_update_value(|client| (client.pump(wall_ms()), client.take()));
        let Some((by_time, words)) = said else { return };
        self.socket.with_value(|socket| words.iter().for_each(|word| socket.say(word)));
        let is_new = self.socket.try_update_value(|socket| by_time && !std::mem::replace(&mut socket.tick_is_due, by_time));
        if is_new == Some(true) {
            let tick = move || {
                self.socket.try_update_value(|socket| socket.tick_is_due = false);
                self.pump();
            };
            set_timeout(tick, Duration::from_millis(TICK_MS));
        }
        self.look_soon();
    }

    fn look_soon(self) {
        let is_new = self.socket.try_update_value(|socket| !std::mem::replace(&mut socket.look_is_due, true));
        if is_new == Some(true) {
            let look = move || {
                self.socket.try_update_value(|socket| socket.look_is_due = false);
                self.looks.try_update(|looks| *looks += 1);
            };
            set_timeout(look, Duration::from_millis(LOOK_MS));
        }
    }

    /// Asks the server for its buses.
    pub fn ask(self) {
        spawn_local(async move {
            let buses = match get::<Vec<BusState>>("api/bus").await {
                Ok(buses) => Buses::There(buses),
                Err(sentence) => Buses::Not(sentence),
            };
            self.buses.try_set(buses);
        });
    }

    /// Asks again and again what the bus has, as long as somebody looks; who asked before does so no more.
    pub fn follow(self, looks: impl Fn() -> bool + Copy + 'static) {
        let round = self.socket.try_update_value(|socket| {
            socket.round += 1;
            socket.round
        });
        self.ask_on(round.unwrap_or_default(), looks);
    }

    fn ask_on(self, round: u32, looks: impl Fn() -> bool + Copy + 'static) {
        if !looks() || self.socket.try_with_value(|socket| socket.round) != Some(round) {
            return;
        }
        let bus = self.client.with_value(|client| client.is_open().then(|| client.bus.clone()));
        spawn_local(async move {
            if let Some(bus) = bus
                && let Ok(state) = get::<BusState>(&path(&bus)).await
            {
                self.state.try_set(Some(state));
            }
            set_timeout(move || self.ask_on(round, looks), Duration::from_millis(ASK_MS));
        });
    }

    /// Lets go of the bus that it is attached to, if it is, and goes to this one.
    pub fn attach(self, bus: &str) {
        let (outbox, letters) = unbounded();
        let number = self.socket.try_update_value(|socket| {
            (socket.outbox, socket.number, socket.asked) = (Some(outbox), socket.number + 1, false);
            socket.number
        });
        let Some(number) = number else { return };
        self.state.set(None);
        set_fragment(&format!("#{}{}", super::BUS_PREFIX, String::from(js_sys::encode_uri_component(bus))));
        self.client.update_value(|client| client.open(bus));
        self.look_soon();
        let path = path(bus);
        spawn_local(async move {
            let ending = match get::<BusState>(&path).await {
                Ok(state) => {
                    self.state.try_set(Some(state));
                    match WebSocket::open(&address(&path)) {
                        Ok(socket) => self.converse(number, socket, letters).await,
                        Err(error) => error.to_string(),
                    }
                }
                Err(sentence) => sentence,
            };
            self.ended(number, Some(ending));
        });
    }

    /// Takes leave: what was not settled goes back to its queues.
    pub fn detach(self) {
        self.socket.with_value(|socket| socket.say(&BusCommand::Close));
        let number = self.socket.with_value(|socket| socket.number);
        set_fragment("");
        self.ended(number, None);
    }

    /// The connection with this number is over.
    fn ended(self, number: u32, sentence: Option<String>) {
        let is_current = self.socket.try_update_value(|socket| {
            let is_current = socket.number == number && socket.outbox.is_some();
            if is_current {
                socket.outbox = None;
            }
            is_current
        });
        if is_current == Some(true) {
            self.client.update_value(|client| client.close(sentence));
            self.state.set(None);
            self.look_soon();
            self.ask();
        }
    }

    /// Carries words both ways until either side ends it; gives the reason, in a sentence.
    async fn converse(self, number: u32, socket: WebSocket, letters: UnboundedReceiver<String>) -> String {
        self.pump();
        self.listen_for_silence(number);
        let mut hear = |message| {
            if let Message::Text(text) = message {
                self.hear(&text);
            }
        };
        match talk(socket, letters, &mut hear).await {
            Ending::Ours => farewell(1000, ""),
            Ending::Theirs(code, reason) => farewell(code, &reason),
            Ending::Broken => farewell(1006, ""),
        }
    }

    fn hear(self, text: &str) {
        self.socket.try_update_value(|socket| (socket.heard_ms, socket.asked) = (wall_ms(), false));
        match decode_event(text) {
            Ok(event) => {
                self.act(|client| {
                    client.requests.tick(wall_ms());
                    client.hear(event);
                });
            }
            Err(error) => leptos::logging::error!("the bus said what is not understood: {error}"),
        }
    }

    /// A connection can die without a word.
    fn listen_for_silence(self, number: u32) {
        self.socket.try_update_value(|socket| socket.heard_ms = wall_ms());
        set_timeout(move || self.look_for_silence(number), Duration::from_millis(SILENCE_MS_MAX as u64));
    }

    fn look_for_silence(self, number: u32) {
        let found = self.socket.try_update_value(|socket| {
            if socket.number != number || socket.outbox.is_none() {
                return None;
            }
            let is_silent = wall_ms() - socket.heard_ms >= SILENCE_MS_MAX;
            let was_asked = std::mem::replace(&mut socket.asked, is_silent);
            if is_silent && !was_asked {
                socket.say(&BusCommand::Ping);
            }
            Some(is_silent && was_asked)
        });
        match found.flatten() {
            None => {}
            Some(true) => self.ended(number, Some("The bus went silent: the way to it may be broken.".to_owned())),
            Some(false) => set_timeout(move || self.look_for_silence(number), Duration::from_millis(SILENCE_MS_MAX as u64)),
        }
    }
}

impl Default for LiveBus {
    fn default() -> LiveBus {
        LiveBus::new()
    }
}

impl Socket {
    /// Queues it for the socket; once that is gone its task says so.
    fn say(&self, word: &BusCommand) {
        if let Some(outbox) = &self.outbox {
            let _ = outbox.unbounded_send(encode_command(word));
        }
    }
}

/// What lies beside the page, or a sentence why it cannot be had.
async fn get<T: serde::de::DeserializeOwned>(path: &str) -> Result<T, String> {
    let response = Request::get(&crate::beside(path)).send().await.map_err(|_| NO_SERVER.to_owned())?;
    let text = response.text().await.map_err(|_| NO_SERVER.to_owned())?;
    // A host of static files may answer any path with a page.
    match serde_json::from_str(&text) {
        Ok(read) if response.ok() => Ok(read),
        _ if response.ok() || text.trim_start().starts_with('<') || text.is_empty() => Err(NO_SERVER.to_owned()),
        _ => Err(format!("The server says: {}.", text.trim_end_matches('.'))),
    }
}

const NO_SERVER: &str =
    "No server answers at this page's address. Start one with a bus: millrace serve --bus work=work-queue.yaml";

fn path(bus: &str) -> String {
    format!("api/bus/{}", String::from(js_sys::encode_uri_component(bus)))
}
