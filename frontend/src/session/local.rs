//! A session in a Web Worker of this page.
//!
//! The worker says `"ready"` once its wasm runs; what is posted to a worker before that has no listener and would be lost, so
//! commands wait here until then. Then the page posts, in this order:
//!
//! 1. `{ role: "session", build: "<build id>", tab: "<a name>" }`, once;
//! 2. `{ command: "<JSON>", file?: File }` for every command, the first of them `hello`; the file only beside a `run` whose input
//!    is attached.
//!
//! The worker answers with strings (events) and `ArrayBuffer`s (data frames).

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::{Object, Reflect};
use leptos::prelude::{TimeoutHandle, set_timeout_with_handle};
use shared::wire::{Command, Event, encode_command};
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, File, MessageEvent, Worker};

use super::{Ear, Heard, Said};

/// The shim that Trunk writes for the worker's bundle. Its name has no hash, so a build id goes into the query.
const LOADER: &str = "engine_loader.js";

/// How long the engine may take to load before the page says that it does not. Milliseconds.
const READY_MS_MAX: u64 = 60_000;

/// The engine in a dedicated worker.
pub struct Local {
    build: String,
    ear: Ear,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    worker: Option<Running>,
    ready: bool,
    /// Messages for a worker that is not ready.
    waiting: Vec<Object>,
}

struct Running {
    worker: Worker,
    deadline: Option<TimeoutHandle>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl Local {
    /// Starts the engine. Whether that works is told to `ear`.
    pub fn start(build: String, ear: Ear) -> Rc<Local> {
        let local = Rc::new(Local { build, ear, state: RefCell::default() });
        local.spawn();
        local
    }

    /// Ends the engine, whatever it does, and starts a new one. Its runs are gone.
    pub fn restart(self: &Rc<Self>) {
        self.end();
        self.spawn();
    }

    /// Sends a command; `file` travels by reference beside a run that reads it.
    pub fn send(&self, command: &Command, file: Option<&File>) {
        let message = object(&[("command", &encode_command(command).into())]);
        if let Some(file) = file {
            set(&message, "file", file);
        }
        let mut state = self.state.borrow_mut();
        match &state.worker {
            Some(running) if state.ready => post(&running.worker, &message),
            // The engine is loading, or has failed and can be started again: either way the next one that runs gets it.
            _ => state.waiting.push(message),
        }
    }

    fn spawn(self: &Rc<Self>) {
        let loader = loader(&self.build);
        let made = early().map_or_else(|| Worker::new(&loader).map(|worker| (worker, false)), Ok);
        let (worker, is_ready) = match made {
            Ok(made) => made,
            Err(error) => return self.down(format!("This browser cannot start a worker: {}.", describe(&error))),
        };
        let weak = Rc::downgrade(self);
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
            with(&weak, |local| local.hear(&message.data()));
        });
        let weak = Rc::downgrade(self);
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(move |error: ErrorEvent| {
            error.prevent_default();
            let said = error.message();
            with(&weak, |local| {
                local.down(match said.as_str() {
                    "" | "undefined" => "The engine did not load.".into(),
                    said => format!("The engine stopped: {said}."),
                })
            });
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        let weak = Rc::downgrade(self);
        let deadline = set_timeout_with_handle(
            move || {
                with(&weak, |local| {
                    if !local.state.borrow().ready {
                        local.down(format!("The engine did not load within {} s.", READY_MS_MAX / 1000));
                    }
                });
            },
            std::time::Duration::from_millis(READY_MS_MAX),
        )
        .ok();
        let running = Running { worker, deadline, _on_message: on_message, _on_error: on_error };
        self.state.borrow_mut().worker = Some(running);
        if is_ready {
            self.introduce();
        }
    }

    fn hear(&self, data: &JsValue) {
        if data.as_string().as_deref() == Some("ready") {
            return self.introduce();
        }
        if let Some(panic) = data.as_string().and_then(|text| text.strip_prefix("panic: ").map(str::to_owned)) {
            leptos::logging::error!("the engine panicked: {panic}");
            return self.down("The engine has a fault and stopped; the console says where.".into());
        }
        match Heard::of_value(data) {
            Heard::Event(_, Event::Welcome { resumed, build, .. }) if build != self.build => {
                (self.ear)(Said::Up { resumed });
                self.down("The engine is of another build than the page: reload the page.".into());
            }
            Heard::Event(_, event) => {
                if let Event::Welcome { resumed, .. } = event {
                    (self.ear)(Said::Up { resumed });
                }
                (self.ear)(Said::Event(event));
            }
            Heard::Data(header, bytes) => (self.ear)(Said::Data(header, bytes)),
            Heard::Garbled(sentence) => (self.ear)(Said::Event(Event::Error { message: sentence })),
        }
    }

    fn introduce(&self) {
        let mut state = self.state.borrow_mut();
        state.ready = true;
        let waiting = std::mem::take(&mut state.waiting);
        let Some(running) = &mut state.worker else { return };
        if let Some(deadline) = running.deadline.take() {
            deadline.clear();
        }
        let hello = Command::Hello { build: self.build.clone(), resume: None };
        let (build, tab) = (self.build.as_str().into(), super::tab().as_str().into());
        post(&running.worker, &object(&[("role", &"session".into()), ("build", &build), ("tab", &tab)]));
        post(&running.worker, &object(&[("command", &encode_command(&hello).into())]));
        for message in waiting {
            post(&running.worker, &message);
        }
    }

    fn down(&self, sentence: String) {
        self.end();
        (self.ear)(Said::Down(sentence));
    }

    fn end(&self) {
        let ended = std::mem::take(&mut *self.state.borrow_mut());
        if let Some(running) = ended.worker {
            running.worker.set_onmessage(None);
            running.worker.set_onerror(None);
            running.worker.terminate();
            if let Some(deadline) = running.deadline {
                deadline.clear();
            }
            // `end` may be called from one of its own closures, which must not be freed while it runs.
            leptos::prelude::queue_microtask(move || drop((running._on_message, running._on_error)));
        }
    }
}

/// The script of a worker of this build.
pub fn loader(build: &str) -> String {
    format!("{}?build={build}", crate::beside(LOADER))
}

/// The worker that the page's HTML began to load, once, if it did not fail; and whether it is ready.
fn early() -> Option<(Worker, bool)> {
    let window = leptos::prelude::window();
    let engine = Reflect::get(&window, &"engine".into()).ok().filter(JsValue::is_object)?;
    set(window.unchecked_ref(), "engine", &JsValue::NULL);
    let worker: Worker = Reflect::get(&engine, &"worker".into()).ok()?.dyn_into().ok()?;
    let said: js_sys::Array = Reflect::get(&engine, &"said".into()).ok()?.dyn_into().ok()?;
    let first = said.get(0).as_string();
    match first.as_deref() {
        None if said.length() == 0 => Some((worker, false)),
        Some("ready") => Some((worker, true)),
        _ => {
            worker.terminate();
            None
        }
    }
}

fn with(local: &Weak<Local>, then: impl FnOnce(&Rc<Local>)) {
    if let Some(local) = local.upgrade() {
        then(&local);
    }
}

fn post(worker: &Worker, message: &Object) {
    if let Err(error) = worker.post_message(message) {
        leptos::logging::error!("a message could not be posted to the engine: {}", describe(&error));
    }
}

fn object(entries: &[(&str, &JsValue)]) -> Object {
    let object = Object::new();
    for (key, value) in entries {
        set(&object, key, value);
    }
    object
}

fn set(object: &Object, key: &str, value: &JsValue) {
    Reflect::set(object, &key.into(), value).expect("a plain object takes any property");
}

/// What a thrown value says of itself.
pub fn describe(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => error.as_string().unwrap_or_else(|| "no reason was given".into()),
    }
}
