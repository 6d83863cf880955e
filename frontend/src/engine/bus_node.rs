//! A node of a bus in real time: the broker or a client, with its own wasm instance. Frames go from node to node through ports of their
//! own, all of a turn together; to kill it is `Worker.terminate()`.
//!
//! A client may live in another tab than its run: then its ways are channels, it says now and then that it is there, and when the run's tab
//! has been silent for too long it takes that for gone.

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
use web_sys::MessageChannel;

use super::way::Way;
use super::{Alarm, aside, common_origin, post, with_bus_node};

/// How often it says what it has done.
const REPORT_EVERY: Span = Span::millis(20);

/// Bytes from which on frames do not wait for the others of their turn.
const POSTED_BYTES: u64 = 4 << 20;

/// How often a client in another tab and its run tell each other that they are there, and how long either listens in vain before it takes
/// the other for gone.
pub const BEAT_EVERY: Span = Span::millis(500);
pub const SILENCE_MAX: Span = Span::millis(4_000);

/// What they say then.
pub const BEAT: &str = "beat";

/// What a worker says whose run is gone.
const ORPHANED: &str = "orphaned";

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
    reports: Way,
    /// In another tab than the run: when that was heard last, and when it is to be told that this is here.
    abroad: Option<(Time, Time)>,
    peers: BTreeMap<Node, Peer>,
    alarm: Alarm,
    /// A timer that is set from a timer's call waits 4 ms at least, one that is set from a message's does not: so the alarm only posts
    /// a message here.
    turn: MessageChannel,
    report_at: Time,
}

struct Peer {
    way: Way,
    /// What this turn has for it, and its bytes.
    out: Vec<Parcel>,
    bytes: u64,
}

impl BusNode {
    /// From `{ role: "bus-node", bus, birth, began, reports, ports }`, where `ports` has one for each of its peers, in their order. Each of
    /// these is a port, or the name of a channel. `None` if that is not what the message is.
    pub fn new(message: &JsValue) -> Option<BusNode> {
        let text: BusText = aside::parse(message, "bus").ok()?;
        let birth: Birth = aside::parse(message, "birth").ok()?;
        let experiment = read_bus(&text).ok()?;
        let ahead = post::number(message, "began")? - common_origin();
        let reports = post::field(message, "reports")?;
        let is_abroad = reports.is_string();
        // A report is said before the broker hears of what it tells, so it may not wait for anything.
        let reports = Way::new(&reports, true, |said| with_bus_node(|node| node.hear_run(&said)))?;
        let ports: Array = post::field(message, "ports")?.dyn_into().ok()?;
        let peers = birth.peers.iter().zip(ports.iter());
        let peers = peers.filter_map(|(peer, port)| Some((*peer, Peer::new(&port)?))).collect();
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
            abroad: is_abroad.then(|| (super::now(), super::now())),
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

    /// The run's tab says something: a word, or that it is there.
    fn hear_run(&mut self, said: &JsValue) {
        if let Some((heard, _)) = &mut self.abroad {
            *heard = super::now();
        }
        self.hear(said);
    }

    /// `{ word, port? }`.
    pub fn hear(&mut self, message: &JsValue) {
        let Ok(word) = aside::parse::<Word>(message, "word") else { return };
        match (&word, post::field(message, "port").and_then(|port| Peer::new(&port))) {
            (Word::Linked(peer), Some(linked)) => {
                if let Some(before) = self.peers.insert(*peer, linked) {
                    before.way.close();
                }
            }
            (Word::Gone(peer), _) => {
                if let Some(peer) = self.peers.remove(peer) {
                    peer.way.close();
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
        self.beat();
    }

    /// Tells the run's tab that this is here, and looks whether that is.
    fn beat(&mut self) {
        let now = super::now();
        let Some((heard, beat_at)) = &mut self.abroad else { return };
        if *beat_at <= now {
            *beat_at = now + BEAT_EVERY;
            self.reports.post(&BEAT.into(), &Array::new());
            if now.since(*heard) > SILENCE_MAX {
                // Whoever made this worker ends it.
                post::string(ORPHANED);
            }
            self.set_alarm();
        }
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
        self.set_alarm();
    }

    fn set_alarm(&mut self) {
        let now = self.now();
        let report_at = self.life.has_news().then_some(self.report_at);
        let at = self.life.next_wake().into_iter().chain(report_at).min();
        let at = at.map(|at| super::now() + at.since(now));
        let beat_at = self.abroad.map(|(_, beat_at)| beat_at);
        self.alarm.set(at.into_iter().chain(beat_at).min());
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
    /// By a port or the name of a channel.
    fn new(end: &JsValue) -> Option<Peer> {
        let way = Way::new(end, false, |said| with_bus_node(|node| node.take(&said)))?;
        Some(Peer { way, out: Vec::new(), bytes: 0 })
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
            send(&self.way, &self.out);
            (self.out, self.bytes) = (Vec::new(), 0);
        }
    }
}

/// Says something in the form that [`postcard`] gives it.
fn send<T: Serialize>(way: &Way, what: &T) {
    let bytes = postcard::to_allocvec(what).expect("what nodes say has no failing serializers");
    let buffer = Uint8Array::from(&bytes[..]).buffer();
    // A buffer made here can be given away.
    way.post(&buffer, &Array::of1(&buffer));
}

/// The report in a message.
pub fn read_report(message: &JsValue) -> Option<Report> {
    let bytes = Uint8Array::new(message.dyn_ref::<ArrayBuffer>()?).to_vec();
    postcard::from_bytes(&bytes).ok()
}
