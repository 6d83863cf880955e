//! The session's worker: carries out what the session wants in the page.

use std::collections::BTreeMap;

use js_sys::{Array, Object, Uint8Array};
use shared::batch::Job;
use shared::experiment::Isolation;
use shared::id::{Incarnation, NodeId};
use shared::machine::Machine;
use shared::messaging;
use shared::session::{BusText, Input, InputSpec, MicroBatch, Output, Session, SessionSpec, paced, read_bus, real};
use shared::time::Span;
use shared::wire::{Command, Event, Place, Speed, decode_command, encode_event};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, ErrorEvent, MessageEvent, Worker, WorkerOptions};

use super::bus::{BEGIN_WITHIN, Bus};
use super::lobby::Lobby;
use super::{Alarm, aside, describe, now, open, post, scope, with_host};

/// How long a worker that has computed something aside waits for more of that: many seeds come one after the other, and beginning a
/// worker takes longer than many of them.
const SPARE_FOR: Span = Span::millis(2_000);

/// The name by which the loader knows a worker that this one makes.
const CHILD: &str = "child";

/// See the module.
pub struct Host {
    session: Session,
    seq: u64,
    /// Blobs that came beside a run command, until the run is over.
    attached: BTreeMap<u32, Blob>,
    inputs: BTreeMap<u32, Blob>,
    workers: BTreeMap<Key, Child>,
    /// Buses in real time.
    pub(super) buses: BTreeMap<u32, Bus>,
    /// What this tab is called among others, and where they meet, once there is something to share.
    pub(super) tab: String,
    pub(super) lobby: Option<Lobby>,
    build: String,
    /// A worker that has computed something aside and is told what comes next, if that comes soon.
    spare: Option<Child>,
    spare_ends: Alarm,
    alarm: Alarm,
}

/// A worker of a run: a node, or a computation aside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Node(u32, NodeId),
    BusNode(u32, messaging::Node),
    Twin(u32),
    Simulation(u32),
    /// A simulation at a pace, until the run is closed.
    Pacer(u32),
}

struct Child {
    worker: Worker,
    incarnation: Incarnation,
    ready: bool,
    /// What it is to hear when it is ready.
    waiting: Vec<(Object, Array)>,
    listeners: Listeners,
}

/// What hears a child; it is not called any more once it is dropped.
struct Listeners {
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl Listeners {
    fn on(worker: &Worker, key: Key, incarnation: Incarnation) -> Listeners {
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            with_host(|host| host.child_said(key, incarnation, event.data()));
        });
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(move |event: ErrorEvent| {
            event.prevent_default();
            let message = event.message();
            with_host(|host| host.down(key, incarnation, &message));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Listeners { _on_message: on_message, _on_error: on_error }
    }
}

impl Child {
    /// Says something to it, or keeps that until it is ready.
    fn say(&mut self, object: Object, buffers: Array) {
        if self.ready {
            // What cannot be posted is lost, as on any network; the machines say it again.
            let _ = self.worker.post_message_with_transfer(&object, &buffers);
        } else {
            self.waiting.push((object, buffers));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

impl Host {
    /// Of this build of the page, in a tab of this name.
    pub fn new(build: &str, tab: String) -> Host {
        let cores = scope().navigator().hardware_concurrency().max(1.0) as u32;
        let spec = SessionSpec { id: "page".to_owned(), build: build.to_owned(), place: Place::Browser, cores };
        Host {
            session: Session::new(spec),
            seq: 0,
            attached: BTreeMap::new(),
            inputs: BTreeMap::new(),
            workers: BTreeMap::new(),
            buses: BTreeMap::new(),
            tab,
            lobby: None,
            build: build.to_owned(),
            spare: None,
            spare_ends: Alarm::new(|| with_host(|host| host.spare = None)),
            alarm: Alarm::new(|| with_host(Host::wake)),
        }
    }

    /// `{ command, file? }` from the page.
    pub fn hear(&mut self, message: &JsValue) {
        let Some(text) = post::text(message, "command") else { return };
        match decode_command(&text) {
            Ok(Command::Hello { .. }) => self.emit(&self.session.welcome(false)),
            Ok(Command::Ping) => self.emit(&Event::Pong),
            Ok(Command::Look { id, name }) => {
                let Some(blob) = post::field(message, "file").and_then(|file| file.dyn_into::<Blob>().ok()) else { return };
                spawn_local(async move {
                    let event = open::look_at(id, name, blob).await;
                    with_host(|host| host.emit(&event));
                });
            }
            Ok(command) => {
                if let (Command::Run(run), Some(file)) = (&command, post::field(message, "file"))
                    && let Ok(blob) = file.dyn_into::<Blob>()
                {
                    self.attached.insert(run.run, blob);
                }
                self.tell(Input::Command(command));
            }
            Err(error) => self.emit(&Event::Error { message: error.to_string() }),
        }
    }

    fn wake(&mut self) {
        self.alarm.clear();
        self.session.wake(now());
        self.drain();
    }

    fn tell(&mut self, input: Input) {
        self.session.handle(now(), input);
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Event(event) => self.emit(&event),
                Output::Data(frame) => {
                    let buffer = Uint8Array::from(&frame[..]).buffer();
                    // A buffer made here can be given away.
                    let _ = scope().post_message_with_transfer(&buffer, &Array::of1(&buffer));
                }
                Output::Open { run, inputs, micro_batch } => self.open(run, inputs, micro_batch),
                Output::Spawn { run, node, incarnation, isolation, .. } => self.spawn_node(run, node, incarnation, isolation),
                Output::Terminate { run, node, incarnation } => self.terminate(run, node, incarnation),
                Output::Send { run, envelope } => {
                    let to = envelope.to;
                    let life = envelope.to_incarnation;
                    let (object, buffers) = post::envelope(envelope);
                    self.pass_on(run, to, life, object, buffers);
                }
                Output::Hinder { run, effect } => {
                    let json = serde_json::to_string(&effect).expect("a fault has string keys and no failing serializers");
                    for node in effect.nodes() {
                        let object = post::fields(&[("hinder", json.as_str().into())]);
                        self.pass_on(run, node, None, object, Array::new());
                    }
                }
                Output::Sequential { run, job } => self.twin(run, &job),
                Output::Simulate { run, spec, seed, pace } => {
                    let spec = serde_json::to_string(&spec).expect("a run has string keys and no failing serializers");
                    let input = self.inputs.get(&run).cloned().map_or(JsValue::NULL, JsValue::from);
                    self.simulate(run, &[("spec", spec.into()), ("input", input)], seed, pace);
                }
                Output::SimulateBus { run, text, seed, pace, breakpoints } => {
                    let text = serde_json::to_string(&text).expect("a text has string keys and no failing serializers");
                    let breakpoints =
                        serde_json::to_string(&breakpoints).expect("breakpoints have string keys and no failing serializers");
                    let what = [("bus", text.into()), ("run", run.into()), ("breakpoints", breakpoints.into())];
                    self.simulate(run, &what, seed, pace);
                }
                Output::Steer { run, word } => self.steer(run, &word),
                Output::Conduct { run, spec, text } => self.conduct(run, *spec, &text),
                Output::Baton { run, input } => self.baton(run, input),
                Output::Close { run } => {
                    self.workers.retain(|key, _| key.run() != run);
                    self.close_bus(run);
                    self.inputs.remove(&run);
                    self.attached.remove(&run);
                }
            }
        }
        self.alarm.set(self.session.next_wake());
    }

    fn emit(&mut self, event: &Event) {
        self.seq += 1;
        post::string(&encode_event(self.seq, event));
    }

    fn open(&mut self, run: u32, inputs: Vec<InputSpec>, micro_batch: Option<MicroBatch>) {
        // Kept until the run is over: it may be opened a second time.
        let attached = self.attached.get(&run).cloned();
        spawn_local(async move {
            let found = open::open(inputs, micro_batch, attached).await;
            with_host(|host| {
                let opened = found.map(|found| {
                    host.inputs.insert(run, found.blob);
                    found.opened
                });
                host.tell(Input::Opened { run, opened });
            });
        });
    }

    /// A Web Worker is its own process or thread with its own memory as it is, so both kinds of isolation are this one.
    fn spawn_node(&mut self, run: u32, node: NodeId, incarnation: Incarnation, _: Isolation) {
        let Some(input) = self.inputs.get(&run).cloned() else { return };
        let first = post::fields(&[
            ("role", "worker".into()),
            ("node", node.to_string().into()),
            ("life", incarnation.into()),
            ("input", input.into()),
        ]);
        self.spawn(Key::Node(run, node), incarnation, first);
    }

    fn twin(&mut self, run: u32, job: &Job) {
        let job = serde_json::to_string(job).expect("a job has string keys and no failing serializers");
        let input = self.inputs.get(&run).cloned().map_or(JsValue::NULL, JsValue::from);
        let first = post::fields(&[("role", "twin".into()), ("job", job.into()), ("input", input)]);
        self.spawn(Key::Twin(run), 1, first);
    }

    fn simulate(&mut self, run: u32, what: &[(&str, JsValue)], seed: u64, pace: Option<Speed>) {
        let role = if pace.is_some() { "paced" } else { "simulation" };
        let speed = serde_json::to_string(&pace).expect("a speed has no failing serializers");
        let how = [("role", role.into()), ("seed", seed.to_string().into()), ("speed", speed.into())];
        let first = post::fields(&[&how, what].concat());
        self.spawn(if pace.is_some() { Key::Pacer(run) } else { Key::Simulation(run) }, 1, first);
    }

    fn steer(&mut self, run: u32, word: &paced::Input) {
        let Some(child) = self.workers.get_mut(&Key::Pacer(run)) else { return };
        let word = serde_json::to_string(word).expect("a word has string keys and no failing serializers");
        child.say(post::fields(&[("steer", word.into())]), Array::new());
    }

    fn spawn(&mut self, key: Key, incarnation: Incarnation, first: Object) {
        let of_one_kind = matches!(key, Key::Twin(_) | Key::Simulation(_));
        if let Some(mut child) = self.spare.take_if(|_| of_one_kind) {
            self.spare_ends.clear();
            let heard = std::mem::replace(&mut child.listeners, Listeners::on(&child.worker, key, incarnation));
            // They may be on the stack, so they are freed a turn later.
            spawn_local(async move { drop(heard) });
            child.incarnation = incarnation;
            child.say(first, Array::new());
            self.workers.insert(key, child);
            return;
        }
        self.make(key, incarnation, vec![(first, Array::new())]);
    }

    /// Makes a worker that will hear this when it is ready.
    fn make(&mut self, key: Key, incarnation: Incarnation, waiting: Vec<(Object, Array)>) {
        // This worker's own script, build id included; and its wasm as it is compiled, which the loader of a child waits for.
        let options = WorkerOptions::new();
        options.set_name(CHILD);
        let made = Worker::new_with_options(&scope().location().href(), &options)
            .and_then(|worker| worker.post_message(&wasm_bindgen::module()).map(|()| worker));
        let worker = match made {
            Ok(worker) => worker,
            Err(error) => return self.down(key, incarnation, &describe(&error)),
        };
        let listeners = Listeners::on(&worker, key, incarnation);
        self.workers.insert(key, Child { worker, incarnation, ready: false, waiting, listeners });
    }

    /// A computation aside is done: its worker may be of use again.
    fn spare(&mut self, key: Key) {
        if let Some(child) = self.workers.remove(&key) {
            // One that was there before makes room.
            if let Some(child) = self.spare.replace(child) {
                spawn_local(async move { drop(child) });
            }
            self.spare_ends.set(Some(now() + SPARE_FOR));
        }
    }

    fn child_said(&mut self, key: Key, incarnation: Incarnation, said: JsValue) {
        let Some(child) = self.workers.get_mut(&key).filter(|child| child.incarnation == incarnation) else { return };
        if let Some(text) = said.as_string() {
            if text == "ready" {
                child.ready = true;
                for (object, buffers) in std::mem::take(&mut child.waiting) {
                    let _ = child.worker.post_message_with_transfer(&object, &buffers);
                }
                self.bus_may_begin(key);
            } else if text == "crashed" || text.starts_with("panic: ") {
                self.down(key, incarnation, &text);
            }
            return;
        }
        match key {
            Key::Node(run, _) => self.node_said(run, said),
            // A node of a bus reports through a port of its own.
            Key::BusNode(..) => {}
            Key::Twin(run) => {
                let hash = post::text(&said, "hash").and_then(|hash| u64::from_str_radix(&hash, 16).ok());
                let output_hash = hash.ok_or_else(|| failure(&said));
                self.spare(key);
                self.tell(Input::Sequential { run, output_hash });
            }
            Key::Pacer(run) if post::field(&said, "frame").is_some() => {
                if let Some(frame) = post::text(&said, "frame").and_then(|frame| serde_json::from_str(&frame).ok()) {
                    self.tell(Input::Paced { run, frame });
                }
            }
            Key::Pacer(run) if post::field(&said, "trace").is_some() => {
                let frame = post::field(&said, "trace").map(|buffer| Uint8Array::new(&buffer).to_vec()).unwrap_or_default();
                self.tell(Input::Traced { run, frame });
            }
            Key::Pacer(run) | Key::Simulation(run) => {
                let simulated = aside::read_simulated(&said).map(Box::new).ok_or_else(|| failure(&said));
                if key == Key::Simulation(run) {
                    self.spare(key);
                }
                self.tell(Input::Simulated { run, simulated });
            }
        }
    }

    fn node_said(&mut self, run: u32, said: JsValue) {
        let Some(to) = post::text(&said, "to").and_then(|to| to.parse().ok()) else { return };
        if to == NodeId::Coordinator {
            if let Some(envelope) = post::read_envelope(&said) {
                self.tell(Input::Envelope { run, envelope });
            }
            return;
        }
        let life = post::number(&said, "life").map(|life| life as Incarnation);
        let buffers = post::buffers(&said);
        self.pass_on(run, to, life, said.unchecked_into(), buffers);
    }

    /// To a worker, if that life of it is there.
    fn pass_on(&mut self, run: u32, to: NodeId, life: Option<Incarnation>, object: Object, buffers: Array) {
        let Some(child) = self.workers.get_mut(&Key::Node(run, to)) else { return };
        if life.is_some_and(|life| life != child.incarnation) {
            return;
        }
        child.say(object, buffers);
    }

    fn terminate(&mut self, run: u32, node: NodeId, incarnation: Incarnation) {
        let key = Key::Node(run, node);
        if self.workers.get(&key).is_some_and(|child| child.incarnation == incarnation) {
            self.dismiss(key);
        }
        self.session.handle(now(), Input::Down { run, node, incarnation });
    }

    /// A worker has ended by itself: it failed to load, or panicked.
    fn down(&mut self, key: Key, incarnation: Incarnation, reason: &str) {
        let known = self.workers.get(&key).is_none_or(|child| child.incarnation == incarnation);
        if !known {
            return;
        }
        self.dismiss(key);
        match key {
            Key::Node(run, node) => self.tell(Input::Down { run, node, incarnation }),
            Key::BusNode(run, node) => match self.buses.get(&run).is_some_and(Bus::has_begun) {
                true => self.bus_hears(run, real::Input::Down { node, incarnation }),
                false => self.tell(Input::Conducted { run, ended: Err(reason.to_owned()) }),
            },
            Key::Twin(run) => self.tell(Input::Sequential { run, output_hash: Err(reason.to_owned()) }),
            Key::Simulation(run) | Key::Pacer(run) => {
                self.tell(Input::Simulated { run, simulated: Err(reason.to_owned()) });
            }
        }
    }

    /// Ends a worker. Its closures may be on the stack, so they are freed a turn later.
    fn dismiss(&mut self, key: Key) {
        if let Some(child) = self.workers.remove(&key) {
            child.worker.terminate();
            spawn_local(async move { drop(child) });
        }
    }
}

/// Buses in real time.
impl Host {
    /// Makes a worker for each node; time begins when all are there.
    fn conduct(&mut self, run: u32, spec: real::ConductorSpec, text: &BusText) {
        let title = read_bus(text).map(|experiment| experiment.title.clone()).unwrap_or_default();
        let bus = Bus::new(run, title, spec, text);
        let nodes = bus.nodes;
        self.buses.insert(run, bus);
        for node in 0..nodes {
            self.make(Key::BusNode(run, messaging::Node(node)), 1, Vec::new());
            // One that cannot be made ends the run.
            if !self.buses.contains_key(&run) {
                return;
            }
        }
    }

    /// A worker is ready; perhaps it was the last that its bus waits for.
    fn bus_may_begin(&mut self, key: Key) {
        let Key::BusNode(run, _) = key else { return };
        let Some(bus) = self.buses.get_mut(&run).filter(|bus| !bus.has_begun()) else { return };
        bus.ready += 1;
        if bus.ready == bus.nodes {
            let outputs = bus.begin();
            self.carry_out(run, outputs);
            self.drain();
            self.lobby = self.lobby.take().or_else(|| Lobby::open(&self.build));
            self.offer(run);
        }
    }

    /// From a node, or from outside.
    pub fn bus_hears(&mut self, run: u32, input: real::Input) {
        self.baton(run, input);
        self.drain();
    }

    pub fn bus_wakes(&mut self, run: u32) {
        match self.buses.get_mut(&run) {
            Some(bus) if bus.has_begun() => {
                let outputs = bus.wake();
                self.carry_out(run, outputs);
            }
            Some(_) => {
                let late =
                    format!("the workers of this page were not there within {}: close other tabs, or simulate", BEGIN_WITHIN);
                self.session.handle(now(), Input::Conducted { run, ended: Err(late) });
            }
            None => {}
        }
        self.drain();
    }

    pub(super) fn baton(&mut self, run: u32, input: real::Input) {
        if let Some(bus) = self.buses.get_mut(&run).filter(|bus| bus.has_begun()) {
            let outputs = bus.handle(input);
            self.carry_out(run, outputs);
        }
    }

    fn carry_out(&mut self, run: u32, outputs: Vec<real::Output>) {
        for output in outputs {
            match output {
                real::Output::Spawn(birth) => self.bear(run, &birth),
                real::Output::End { node, incarnation } => {
                    let key = Key::BusNode(run, node);
                    if self.workers.get(&key).is_some_and(|child| child.incarnation == incarnation) {
                        self.dismiss(key);
                    }
                    self.end_abroad(run, node, incarnation);
                }
                real::Output::Tell { node, word } => {
                    let Some(bus) = self.buses.get_mut(&run) else { continue };
                    let Some((object, gone)) = bus.say(node, &word) else { continue };
                    if let Some(child) = self.workers.get_mut(&Key::BusNode(run, node)) {
                        child.say(object, gone);
                    }
                }
                real::Output::Frame(frame) => self.session.handle(now(), Input::Paced { run, frame }),
                real::Output::Ended(ended) => self.session.handle(now(), Input::Conducted { run, ended }),
            }
        }
    }

    fn bear(&mut self, run: u32, birth: &real::Birth) {
        if self.bear_abroad(run, birth) {
            return;
        }
        let Some(bus) = self.buses.get_mut(&run) else { return };
        let key = Key::BusNode(run, birth.node);
        let (object, gone) = match bus.birth(birth) {
            Ok(first) => first,
            Err(error) => return self.session.handle(now(), Input::Conducted { run, ended: Err(describe(&error)) }),
        };
        match self.workers.get_mut(&key).filter(|child| child.incarnation == birth.incarnation) {
            Some(child) => child.say(object, gone),
            None => self.make(key, birth.incarnation, vec![(object, gone)]),
        }
    }
}

impl Key {
    fn run(self) -> u32 {
        match self {
            Key::Node(run, _) | Key::BusNode(run, _) | Key::Twin(run) | Key::Simulation(run) | Key::Pacer(run) => run,
        }
    }
}

fn failure(said: &JsValue) -> String {
    post::text(said, "failed").unwrap_or_else(|| "the worker's answer could not be read".to_owned())
}
