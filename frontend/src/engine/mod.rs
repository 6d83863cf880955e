//! Driver 2: the machines of the core in Web Workers.
//!
//! One bundle serves all roles. A worker says `"ready"` when its wasm runs, and its first message says what it is:
//!
//! - `session`: holds the session and makes the others (`host`). The page talks to this one only.
//! - `worker`: a node of a run with its own wasm instance (`node`). To kill it is `Worker.terminate()`.
//! - `twin` and `simulation`: one long computation that must not keep the session from answering (`aside`); when it is done, another.
//! - `bus-node`: the broker or a client of a bus in real time (`bus_node`), of which the session's worker has the conductor (`bus`). Clients
//!   may live in other tabs (`tabs`, `lobby`), to which there are other ways (`way`).
//! - `paced`: a simulation that goes on by the clock on the wall and can be touched (`pacer`).
//!
//! Bulk data moves between workers as transferred buffers, by way of the session's worker, which passes them on unread.

mod aside;
mod blob;
mod bus;
mod bus_node;
mod host;
mod lobby;
mod node;
mod open;
mod pacer;
mod post;
mod stretch;
mod tabs;
mod unpack;
mod way;

use std::cell::RefCell;

use js_sys::{Function, Reflect};
use shared::time::Time;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// Who this worker turned out to be.
enum Role {
    Unknown,
    Host(Box<host::Host>),
    Node(Box<node::Node>),
    BusNode(Box<bus_node::BusNode>),
    Pacer(Box<pacer::Pacer>),
    /// Computing, or done and ready for more of that.
    Aside,
}

thread_local! {
    static ROLE: RefCell<Role> = const { RefCell::new(Role::Unknown) };
}

/// Begins to listen.
pub fn start() {
    std::panic::set_hook(Box::new(|panic| {
        // The error event that follows a panic says only "unreachable"; this says what happened.
        post::string(&format!("panic: {panic}"));
    }));
    let listener = Closure::<dyn FnMut(MessageEvent)>::new(|event: MessageEvent| hear(&event.data()));
    scope().set_onmessage(Some(listener.as_ref().unchecked_ref()));
    // The worker listens as long as it lives.
    listener.forget();
    post::string("ready");
}

fn hear(message: &JsValue) {
    let role = post::text(message, "role");
    ROLE.with_borrow_mut(|this| match (&mut *this, role.as_deref()) {
        (Role::Unknown, Some("session")) => {
            let [build, tab] = ["build", "tab"].map(|name| post::text(message, name).unwrap_or_default());
            *this = Role::Host(Box::new(host::Host::new(&build, tab)))
        }
        (Role::Unknown, Some("worker")) => {
            *this = node::Node::new(message).map_or(Role::Aside, |node| Role::Node(Box::new(node)))
        }
        (Role::Unknown, Some("bus-node")) => {
            *this = bus_node::BusNode::new(message).map_or(Role::Aside, |node| Role::BusNode(Box::new(node)))
        }
        (Role::Unknown | Role::Aside, Some("twin")) => {
            *this = Role::Aside;
            aside::twin(message);
        }
        (Role::Unknown | Role::Aside, Some("simulation")) => {
            *this = Role::Aside;
            aside::simulation(message);
        }
        (Role::Unknown, Some("paced")) => {
            *this = pacer::Pacer::new(message).map_or(Role::Aside, |pacer| Role::Pacer(Box::new(pacer)))
        }
        (Role::Host(host), _) => host.hear(message),
        (Role::Node(node), _) => node.hear(message),
        (Role::BusNode(node), _) => node.hear(message),
        (Role::Pacer(pacer), _) => pacer.hear(message),
        (Role::Unknown | Role::Aside, _) => {}
    });
}

/// Runs something on the host, from a callback.
fn with_host(then: impl FnOnce(&mut host::Host)) {
    ROLE.with_borrow_mut(|role| {
        if let Role::Host(host) = role {
            then(host);
        }
    });
}

/// Runs something on the node, from a callback.
fn with_node(then: impl FnOnce(&mut node::Node)) {
    ROLE.with_borrow_mut(|role| {
        if let Role::Node(node) = role {
            then(node);
        }
    });
}

/// Runs something on the bus's node, from a callback.
fn with_bus_node(then: impl FnOnce(&mut bus_node::BusNode)) {
    ROLE.with_borrow_mut(|role| {
        if let Role::BusNode(node) = role {
            then(node);
        }
    });
}

/// Runs something on the pacer, from a callback.
fn with_pacer(then: impl FnOnce(&mut pacer::Pacer)) {
    ROLE.with_borrow_mut(|role| {
        if let Role::Pacer(pacer) = role {
            then(pacer);
        }
    });
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Real time since this worker began.
fn now() -> Time {
    let millis = scope().performance().map_or(0.0, |performance| performance.now());
    Time((millis * 1e3) as u64)
}

/// When this worker began: microseconds since 1970, by a clock that all workers share.
fn common_origin() -> f64 {
    scope().performance().map_or(0.0, |performance| performance.time_origin() * 1e3)
}

/// A timer that is set again before it fires; one at a time.
struct Alarm {
    callback: Closure<dyn FnMut()>,
    set: Option<(Time, i32)>,
}

impl Alarm {
    fn new(ring: impl FnMut() + 'static) -> Alarm {
        Alarm { callback: Closure::new(ring), set: None }
    }

    /// Rings at that time, and not at the one set before.
    fn set(&mut self, at: Option<Time>) {
        if self.set.map(|(at, _)| at) == at {
            return;
        }
        self.clear();
        let Some(at) = at else { return };
        let wait = at.since(now()).0.div_ceil(1_000).min(i32::MAX as u64) as i32;
        let ring: &Function = self.callback.as_ref().unchecked_ref();
        if let Ok(handle) = scope().set_timeout_with_callback_and_timeout_and_arguments_0(ring, wait) {
            self.set = Some((at, handle));
        }
    }

    fn clear(&mut self) {
        if let Some((_, handle)) = self.set.take() {
            scope().clear_timeout_with_handle(handle);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What a thrown value says of itself.
fn describe(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.or_else(|| error.as_string()).unwrap_or_else(|| "no reason was given".to_owned())
}
