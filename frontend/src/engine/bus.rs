//! A bus in real time, as the session's worker has it: its conductor, and the ways between its nodes, of which some may live in other tabs.

use std::collections::BTreeMap;

use js_sys::{Array, Object};
use shared::id::Incarnation;
use shared::machine::Machine;
use shared::messaging::Node;
use shared::session::BusText;
use shared::session::real::{Birth, Conductor, ConductorSpec, Input, Output, Word};
use shared::time::{Span, Time};
use shared::wire::{Bearing, LifeId, TabClient, TabOffer};
use wasm_bindgen::prelude::*;
use web_sys::{MessageChannel, MessagePort};

use super::bus_node::{BEAT, BEAT_EVERY, SILENCE_MAX};
use super::lobby::Homes;
use super::way::Way;
use super::{Alarm, bus_node, common_origin, now, post, with_host};

/// How long its workers may take until all are there, and how long one in another tab may take until it is heard.
pub const BEGIN_WITHIN: Span = Span::seconds(60);

/// See the module. Its nodes are workers of the host, which are there before time begins.
pub struct Bus {
    run: u32,
    title: String,
    conductor: Conductor,
    /// The experiment, for nodes.
    text: String,
    /// What its clients are called.
    names: Vec<(Node, String)>,
    /// When time began, microseconds since 1970.
    began: Option<f64>,
    /// Nodes that are to be there at the beginning, and those of them that are.
    pub nodes: u16,
    pub ready: u16,
    /// Where clients live that do not live in this tab, and who of them is alive there.
    pub homes: Homes,
    abroad: BTreeMap<Node, Abroad>,
    /// Ends of ways to peers that will be told of them.
    ends: BTreeMap<(Node, Node), End>,
    /// What the nodes report, and for those in other tabs also the way of words to them.
    reports: BTreeMap<Node, Reports>,
    alarm: Alarm,
    /// Rings when those in other tabs are to be looked for.
    roll_call: Alarm,
}

/// One end of a way.
enum End {
    Port(MessagePort),
    Channel(String),
}

/// A life in another tab.
struct Abroad {
    incarnation: Incarnation,
    tab: String,
    /// It is taken for gone if it is not heard until then.
    until: Time,
}

/// The way to the life that is there, and to the one before: what that has said may still be on its way.
struct Reports {
    way: Way,
    before: Option<Way>,
}

impl Bus {
    pub fn new(run: u32, title: String, spec: ConductorSpec, text: &BusText) -> Bus {
        let names = spec.bus.members().into_iter().map(|(node, _, name)| (node, name.to_string())).collect::<Vec<_>>();
        let mut bus = Bus {
            run,
            title,
            nodes: names.len() as u16 + 1,
            ready: 0,
            conductor: Conductor::new(spec),
            text: serde_json::to_string(text).expect("a text has string keys and no failing serializers"),
            names,
            began: None,
            homes: Homes::default(),
            abroad: BTreeMap::new(),
            ends: BTreeMap::new(),
            reports: BTreeMap::new(),
            alarm: Alarm::new(move || with_host(|host| host.bus_wakes(run))),
            roll_call: Alarm::new(move || with_host(|host| host.call_the_roll(run))),
        };
        bus.alarm.set(Some(now() + BEGIN_WITHIN));
        bus
    }

    /// Whether time has begun.
    pub fn has_begun(&self) -> bool {
        self.began.is_some()
    }

    /// Everybody is there.
    pub fn begin(&mut self) -> Vec<Output> {
        self.began = Some(common_origin() + now().0 as f64);
        self.handle(Input::Start)
    }

    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        self.conductor.handle(self.now(), input);
        self.drain()
    }

    pub fn wake(&mut self) -> Vec<Output> {
        self.alarm.clear();
        self.conductor.wake(self.now());
        self.drain()
    }

    fn drain(&mut self) -> Vec<Output> {
        let outputs = std::iter::from_fn(|| self.conductor.poll()).collect();
        let wait = self.conductor.next_wake().map(|at| at.since(self.now()));
        self.alarm.set(wait.map(|wait| now() + wait));
        outputs
    }

    fn now(&self) -> Time {
        self.began.map_or(Time::ZERO, |began| Time((common_origin() + now().0 as f64 - began).max(0.0) as u64))
    }

    /// An end of a way between two nodes for each of them.
    fn way(&self, one: Node, other: Node) -> Result<(End, End), JsValue> {
        if self.homes.of(one).is_some() || self.homes.of(other).is_some() {
            let name = super::lobby::name_of_a_channel();
            return Ok((End::Channel(name.clone()), End::Channel(name)));
        }
        let channel = MessageChannel::new()?;
        Ok((End::Port(channel.port1()), End::Port(channel.port2())))
    }

    /// Ends of ways to each peer of a node; the others are kept until the peers are told.
    fn ways_to_peers(&mut self, birth: &Birth) -> Result<Vec<End>, JsValue> {
        let mut own = Vec::new();
        for peer in &birth.peers {
            let (one, other) = self.way(birth.node, *peer)?;
            own.push(one);
            self.ends.insert((*peer, birth.node), other);
        }
        Ok(own)
    }

    fn listen(&mut self, node: Node, incarnation: Incarnation, end: &JsValue) {
        let run = self.run;
        let way = Way::new(end, false, move |said: JsValue| match bus_node::read_report(&said) {
            Some(report) => with_host(|host| host.bus_hears(run, Input::Report(report))),
            None => with_host(|host| host.abroad_is_there(run, node, incarnation)),
        });
        let Some(way) = way else { return };
        let before = self.reports.remove(&node).map(|reports| {
            if let Some(before) = reports.before {
                before.close();
            }
            reports.way
        });
        self.reports.insert(node, Reports { way, before });
    }

    /// The first message for a node in this tab, and what goes away with it.
    pub fn birth(&mut self, birth: &Birth) -> Result<(Object, Array), JsValue> {
        let (ports, gone) = (Array::new(), Array::new());
        for end in self.ways_to_peers(birth)? {
            ports.push(&end.value());
            end.give_away(&gone);
        }
        let channel = MessageChannel::new()?;
        gone.push(&channel.port1());
        self.listen(birth.node, birth.incarnation, &channel.port2());
        let birth = serde_json::to_string(birth).expect("a birth has string keys and no failing serializers");
        let object = post::fields(&[
            ("role", "bus-node".into()),
            ("bus", self.text.as_str().into()),
            ("birth", birth.into()),
            ("began", self.began.unwrap_or_default().into()),
            ("reports", channel.port1().into()),
            ("ports", ports.into()),
        ]);
        Ok((object, gone))
    }

    /// A word for a node, and what goes away with it.
    fn word(&mut self, node: Node, word: &Word) -> (Object, Array) {
        let json = serde_json::to_string(word).expect("a word has string keys and no failing serializers");
        let end = match word {
            Word::Linked(peer) => self.ends.remove(&(node, *peer)),
            _ => None,
        };
        let (gone, json) = (Array::new(), ("word", json.into()));
        match end {
            Some(end) => {
                end.give_away(&gone);
                (post::fields(&[json, ("port", end.value())]), gone)
            }
            None => (post::fields(&[json]), gone),
        }
    }

    /// Says a word to a node in another tab; gives it back, with what goes away with it, if the node is in this one.
    pub fn say(&mut self, node: Node, word: &Word) -> Option<(Object, Array)> {
        let (object, gone) = self.word(node, word);
        if !self.abroad.contains_key(&node) {
            return Some((object, gone));
        }
        if let Some(reports) = self.reports.get(&node) {
            reports.way.post(&object, &gone);
        }
        None
    }

    /// Lets go of it. Its calls may be on the stack, so they are freed a turn later.
    pub fn close(mut self) {
        for (_, Reports { way, before }) in std::mem::take(&mut self.reports) {
            way.close();
            if let Some(before) = before {
                before.close();
            }
        }
        wasm_bindgen_futures::spawn_local(async move { drop(self) });
    }
}

/// Clients in other tabs.
impl Bus {
    /// What a client begins with that is to live in another tab; `None` if it is to live here.
    pub fn bear_abroad(&mut self, host: &str, birth: &Birth) -> Result<Option<Bearing>, JsValue> {
        let (node, incarnation) = (birth.node, birth.incarnation);
        let Some(tab) = self.homes.of(node).map(str::to_owned) else { return Ok(None) };
        let peers = self.ways_to_peers(birth)?.into_iter().filter_map(|end| end.value().as_string()).collect();
        let reports = super::lobby::name_of_a_channel();
        self.listen(node, incarnation, &reports.as_str().into());
        self.abroad.insert(node, Abroad { incarnation, tab: tab.clone(), until: now() + BEGIN_WITHIN });
        self.roll_call.set(Some(now() + BEAT_EVERY));
        Ok(Some(Bearing {
            life: LifeId { host: host.to_owned(), run: self.run, node: node.0, incarnation, tab },
            bus: self.text.clone(),
            birth: serde_json::to_string(birth).expect("a birth has string keys and no failing serializers"),
            began: self.began.unwrap_or_default(),
            reports,
            peers,
        }))
    }

    /// This life is over; if it was in another tab, that is to end it.
    pub fn end_abroad(&mut self, host: &str, node: Node, incarnation: Incarnation) -> Option<LifeId> {
        self.abroad.get(&node).filter(|abroad| abroad.incarnation == incarnation)?;
        let Abroad { tab, .. } = self.abroad.remove(&node)?;
        Some(LifeId { host: host.to_owned(), run: self.run, node: node.0, incarnation, tab })
    }

    /// All that live in other tabs.
    pub fn all_abroad(&self) -> Vec<(Node, Incarnation)> {
        self.abroad.iter().map(|(node, abroad)| (*node, abroad.incarnation)).collect()
    }

    /// One in another tab says that it is there, and hears the same.
    pub fn is_there(&mut self, node: Node, incarnation: Incarnation) {
        let Some(abroad) = self.abroad.get_mut(&node).filter(|abroad| abroad.incarnation == incarnation) else { return };
        abroad.until = now() + SILENCE_MAX;
        if let Some(reports) = self.reports.get(&node) {
            reports.way.post(&BEAT.into(), &Array::new());
        }
    }

    /// Those that were silent for too long.
    pub fn call_the_roll(&mut self) -> Vec<(Node, Incarnation)> {
        self.roll_call.clear();
        if !self.abroad.is_empty() {
            self.roll_call.set(Some(now() + BEAT_EVERY));
        }
        let late = self.abroad.iter().filter(|(_, abroad)| abroad.until < now());
        late.map(|(node, abroad)| (*node, abroad.incarnation)).collect()
    }

    /// What other tabs are told of it.
    pub fn offer(&self, host: &str) -> TabOffer {
        let client = |(node, name): &(Node, String)| TabClient {
            node: node.0,
            name: name.clone(),
            home: self.homes.of(*node).map(|tab| (tab.to_owned(), self.homes.name(tab).to_string())),
        };
        let clients = self.names.iter().map(client).collect();
        TabOffer { host: host.to_owned(), run: self.run, title: self.title.clone(), clients }
    }
}

impl End {
    /// The port, or the channel's name.
    fn value(&self) -> JsValue {
        match self {
            End::Port(port) => port.into(),
            End::Channel(name) => name.as_str().into(),
        }
    }

    /// A port goes to whoever is given it.
    fn give_away(&self, gone: &Array) {
        if let End::Port(port) = self {
            gone.push(port);
        }
    }
}
