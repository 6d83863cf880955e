//! A bus in real time, as the session's worker has it: its conductor, and the ways between its nodes.

use std::collections::BTreeMap;

use js_sys::{Array, Object};
use shared::machine::Machine;
use shared::messaging::Node;
use shared::session::BusText;
use shared::session::real::{Birth, Conductor, ConductorSpec, Input, Output, Word};
use shared::time::{Span, Time};
use wasm_bindgen::prelude::*;
use web_sys::{MessageChannel, MessageEvent, MessagePort};

use super::{Alarm, bus_node, common_origin, now, post, with_host};

/// How long its workers may take until all are there.
pub const BEGIN_WITHIN: Span = Span::seconds(60);

/// See the module. Its nodes are workers of the host, which are there before time begins.
pub struct Bus {
    conductor: Conductor,
    /// The experiment, for nodes.
    text: String,
    /// When time began, microseconds since 1970.
    began: Option<f64>,
    /// Nodes that are to be there at the beginning, and those of them that are.
    pub nodes: u16,
    pub ready: u16,
    /// Ends of ways to peers that will be told of them.
    ends: BTreeMap<(Node, Node), MessagePort>,
    reports: BTreeMap<Node, Reports>,
    alarm: Alarm,
}

struct Reports {
    port: MessagePort,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl Bus {
    pub fn new(run: u32, spec: ConductorSpec, text: &BusText) -> Bus {
        let mut bus = Bus {
            nodes: spec.bus.members().len() as u16 + 1,
            ready: 0,
            conductor: Conductor::new(spec),
            text: serde_json::to_string(text).expect("a text has string keys and no failing serializers"),
            began: None,
            ends: BTreeMap::new(),
            reports: BTreeMap::new(),
            alarm: Alarm::new(move || with_host(|host| host.bus_wakes(run))),
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

    /// The first message for a node, and what goes away with it.
    pub fn birth(&mut self, run: u32, birth: &Birth) -> Result<(Object, Array), JsValue> {
        let (ports, gone) = (Array::new(), Array::new());
        for peer in &birth.peers {
            let channel = MessageChannel::new()?;
            ports.push(&channel.port1());
            gone.push(&channel.port1());
            self.ends.insert((*peer, birth.node), channel.port2());
        }
        let channel = MessageChannel::new()?;
        gone.push(&channel.port1());
        let port = channel.port2();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(report) = bus_node::read_report(&event.data()) {
                with_host(|host| host.bus_hears(run, Input::Report(report)));
            }
        });
        port.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // An earlier life's stays until then: what it has said may still be on its way.
        if let Some(before) = self.reports.insert(birth.node, Reports { port, _on_message: on_message }) {
            before.close();
        }
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
    pub fn word(&mut self, node: Node, word: &Word) -> (Object, Array) {
        let json = serde_json::to_string(word).expect("a word has string keys and no failing serializers");
        let end = match word {
            Word::Linked(peer) => self.ends.remove(&(node, *peer)),
            _ => None,
        };
        match end {
            Some(port) => (post::fields(&[("word", json.into()), ("port", port.clone().into())]), Array::of1(&port)),
            None => (post::fields(&[("word", json.into())]), Array::new()),
        }
    }

    /// Lets go of it. Its calls may be on the stack, so they are freed a turn later.
    pub fn close(self) {
        self.reports.values().for_each(|reports| reports.port.set_onmessage(None));
        wasm_bindgen_futures::spawn_local(async move { drop(self) });
    }
}

impl Reports {
    fn close(self) {
        self.port.set_onmessage(None);
        wasm_bindgen_futures::spawn_local(async move { drop(self) });
    }
}
