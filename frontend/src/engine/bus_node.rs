//! A node of a bus in real time: the broker or a client, with its own wasm instance. Frames go from node to node through ports of their
//! own, all of a turn together; to kill it is `Worker.terminate()`.

use std::collections::BTreeMap;
use std::sync::Arc;

use js_sys::{Array, ArrayBuffer, Function, Uint8Array};
use serde::{Deserialize, Serialize};
use shared::machine::Machine;
use shared::messaging::{Envelope, Node};
use shared::session::real::{Birth, Life, LifeInput, LifeOutput, Report, Word};
use shared::session::{BusText, read_bus};
use shared::time::{Span, Time};
use wasm_bindgen::prelude::*;
use web_sys::{MessageChannel, MessageEvent, MessagePort};

use super::{Alarm, aside, common_origin, post, with_bus_node};

/// How often it says what it has done.
const REPORT_EVERY: Span = Span::millis(20);

/// Bytes from which on frames do not wait for the others of their turn.
const POSTED_BYTES: u64 = 4 << 20;

/// What goes from node to node.
#[derive(Serialize, Deserialize)]
enum Parcel {
    Frame(Envelope),
    Mark(Node),
}

/// See the module.
pub struct BusNode {
    node: Node,
    life: Life,
    /// How much earlier this worker began than the run did; negative if it began later. Microseconds.
    ahead: f64,
    reports: MessagePort,
    peers: BTreeMap<Node, Peer>,
    alarm: Alarm,
    /// A timer that is set from a timer's call waits 4 ms at least, one that is set from a message's does not: so the alarm only posts
    /// a message here.
    turn: MessageChannel,
    report_at: Time,
}

struct Peer {
    port: MessagePort,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    /// What this turn has for it, and its bytes.
    out: Vec<Parcel>,
    bytes: u64,
}

impl BusNode {
    /// From `{ role: "bus-node", bus, birth, began, reports, ports }`, where `ports` has one for each of its peers, in their order.
    /// `None` if that is not what the message is.
    pub fn new(message: &JsValue) -> Option<BusNode> {
        let text: BusText = aside::parse(message, "bus").ok()?;
        let birth: Birth = aside::parse(message, "birth").ok()?;
        let experiment = read_bus(&text).ok()?;
        let ahead = post::number(message, "began")? - common_origin();
        let reports = post::field(message, "reports")?.dyn_into::<MessagePort>().ok()?;
        let ports: Array = post::field(message, "ports")?.dyn_into().ok()?;
        let peers = birth.peers.iter().zip(ports.iter());
        let peers = peers.filter_map(|(peer, port)| Some((*peer, Peer::new(port.dyn_into().ok()?)))).collect();
        let turn = MessageChannel::new().ok()?;
        let on_turn = Closure::<dyn FnMut()>::new(|| with_bus_node(BusNode::wake));
        turn.port1().set_onmessage(Some(on_turn.as_ref().unchecked_ref::<Function>()));
        on_turn.forget();
        let node = birth.node;
        let life = Life::new(&Arc::new(experiment.bus), birth);
        let mut this = BusNode {
            node,
            life,
            ahead,
            reports,
            peers,
            // A message port takes any value while its worker lives.
            alarm: Alarm::new(|| with_bus_node(|node| drop(node.turn.port2().post_message(&JsValue::NULL)))),
            turn,
            report_at: Time::ZERO,
        };
        this.life.handle(this.now(), LifeInput::Start);
        this.carry_out();
        Some(this)
    }

    /// `{ word, port? }`.
    pub fn hear(&mut self, message: &JsValue) {
        let Ok(word) = aside::parse::<Word>(message, "word") else { return };
        match (&word, post::field(message, "port").and_then(|port| port.dyn_into::<MessagePort>().ok())) {
            (Word::Linked(peer), Some(port)) => drop(self.peers.insert(*peer, Peer::new(port))),
            (Word::Gone(peer), _) => {
                if let Some(peer) = self.peers.remove(peer) {
                    peer.close();
                }
            }
            _ => {}
        }
        self.life.handle(self.now(), LifeInput::Word(word));
        self.carry_out();
    }

    fn take(&mut self, message: &JsValue) {
        let Some(buffer) = message.dyn_ref::<ArrayBuffer>() else { return };
        let bytes = Uint8Array::new(buffer).to_vec();
        let parcels: Vec<Parcel> = postcard::from_bytes(&bytes).expect("nodes of one build understand each other");
        // To ask for the time takes longer than most parcels.
        let now = self.now();
        for parcel in parcels {
            let input = match parcel {
                Parcel::Frame(envelope) => LifeInput::Frame(envelope),
                Parcel::Mark(from) => LifeInput::Mark(from),
            };
            self.life.handle(now, input);
        }
        self.carry_out();
    }

    fn wake(&mut self) {
        self.alarm.clear();
        self.life.wake(self.now());
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let mut ended = false;
        while let Some(output) = self.life.poll() {
            let (to, parcel) = match output {
                LifeOutput::Report(report) => {
                    self.report(&report);
                    continue;
                }
                LifeOutput::Crash => {
                    ended = true;
                    break;
                }
                LifeOutput::Send(envelope) => (envelope.to, Parcel::Frame(envelope)),
                LifeOutput::Mark(to) => (to, Parcel::Mark(self.node)),
            };
            if let Some(peer) = self.peers.get_mut(&to) {
                peer.push(parcel);
            }
        }
        self.peers.values_mut().for_each(Peer::flush);
        let now = self.now();
        if now >= self.report_at || ended {
            self.report_at = now + REPORT_EVERY;
            if let Some(report) = self.life.report(now) {
                self.report(&report);
            }
        }
        if ended {
            // Whoever made this worker ends it.
            return post::string("crashed");
        }
        let report_at = self.life.has_news().then_some(self.report_at);
        let at = self.life.next_wake().into_iter().chain(report_at).min();
        self.alarm.set(at.map(|at| super::now() + at.since(now)));
    }

    fn report(&self, report: &Report) {
        send(&self.reports, report);
    }

    /// Time since the run began.
    fn now(&self) -> Time {
        Time((super::now().0 as f64 - self.ahead).max(0.0) as u64)
    }
}

impl Peer {
    fn new(port: MessagePort) -> Peer {
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(|event: MessageEvent| {
            with_bus_node(|node| node.take(&event.data()));
        });
        port.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Peer { port, _on_message: on_message, out: Vec::new(), bytes: 0 }
    }

    fn push(&mut self, parcel: Parcel) {
        if let Parcel::Frame(envelope) = &parcel {
            self.bytes += envelope.frame.wire_bytes();
        }
        self.out.push(parcel);
        if self.bytes >= POSTED_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.out.is_empty() {
            send(&self.port, &self.out);
            (self.out, self.bytes) = (Vec::new(), 0);
        }
    }

    fn close(self) {
        self.port.set_onmessage(None);
        self.port.close();
        // Its call may be on the stack.
        wasm_bindgen_futures::spawn_local(async move { drop(self) });
    }
}

/// Says something in the form that [`postcard`] gives it.
fn send<T: Serialize>(port: &MessagePort, what: &T) {
    let bytes = postcard::to_allocvec(what).expect("what nodes say has no failing serializers");
    let buffer = Uint8Array::from(&bytes[..]).buffer();
    // A buffer made here can be given away.
    let _ = port.post_message_with_transferable(&buffer, &Array::of1(&buffer));
}

/// The report in a message.
pub fn read_report(message: &JsValue) -> Option<Report> {
    let bytes = Uint8Array::new(message.dyn_ref::<ArrayBuffer>()?).to_vec();
    postcard::from_bytes(&bytes).ok()
}
