//! The page's end of a session: one interface, two ways.
//!
//! A session is the machine that runs experiments. It lives in a Web Worker of this page ([`local`]) or behind a socket of the
//! server ([`remote`]); both take the same commands and tell the same events (`shared::wire`). What a link hears goes to the
//! one [`Ear`] that it was given, together with news of the link itself: [`Said::Up`], [`Said::Down`].
//!
//! Nothing here outlives the page: dedicated workers and sockets die with it.

pub mod local;
pub mod remote;
pub mod talk;
pub mod upload;

use std::rc::Rc;

use js_sys::{ArrayBuffer, Uint8Array};
use shared::wire::{Command, DataHeader, Event};
use wasm_bindgen::{JsCast, JsValue};

pub use local::Local;
pub use remote::Remote;

/// What this tab is called among others of the page: something that no other is called.
pub fn tab() -> String {
    thread_local! {
        static TAB: String = format!("{:016x}", (js_sys::Math::random() * 2f64.powi(64)) as u64);
    }
    TAB.with(String::clone)
}

/// What a link tells the page.
pub enum Said {
    Event(Event),
    /// A binary frame: part of an export.
    Data(DataHeader, Uint8Array),
    /// The session answered: `resumed` when earlier runs are still there.
    Up {
        resumed: bool,
    },
    /// The link broke; a sentence for the user.
    Down(String),
}

/// Who listens to a link.
pub type Ear = Rc<dyn Fn(Said)>;

/// What arrived in one message, from a worker or a socket alike.
enum Heard {
    Event(u64, Event),
    Data(DataHeader, Uint8Array),
    /// A message of another protocol; a sentence that says so.
    Garbled(String),
}

impl Heard {
    fn of_text(text: &str) -> Heard {
        match shared::wire::decode_event(text) {
            Ok((seq, event)) => Heard::Event(seq, event),
            Err(error) => Heard::Garbled(error.to_string()),
        }
    }

    fn of_bytes(buffer: &ArrayBuffer) -> Heard {
        let head = Uint8Array::new_with_byte_offset_and_length(buffer, 0, buffer.byte_length().min(DataHeader::LENGTH as u32));
        match DataHeader::from_bytes(&head.to_vec()) {
            Some(header) => Heard::Data(header, Uint8Array::new_with_byte_offset(buffer, DataHeader::LENGTH as u32)),
            None => Heard::Garbled("a binary frame is shorter than its header".into()),
        }
    }

    /// What a worker's message holds.
    fn of_value(data: &JsValue) -> Heard {
        match (data.as_string(), data.dyn_ref::<ArrayBuffer>()) {
            (Some(text), _) => Heard::of_text(&text),
            (None, Some(buffer)) => Heard::of_bytes(buffer),
            (None, None) => Heard::Garbled("a message is neither text nor bytes".into()),
        }
    }
}

/// A link of either kind.
#[derive(Clone)]
pub enum Session {
    Local(Rc<Local>),
    Remote(Rc<Remote>),
}

impl Session {
    /// Sends a command as soon as the session can take it.
    pub fn send(&self, command: &Command) {
        match self {
            Session::Local(local) => local.send(command, None),
            Session::Remote(remote) => remote.send(command),
        }
    }
}
