//! A session behind the server's WebSocket, at `ws` in the page's own folder.
//!
//! The first command on every connection is `hello`. When the connection breaks, the next hello names the last event that was
//! seen and the session goes on from there; between attempts the page waits a little longer each time. Commands said while the
//! session is away are kept for it, at most `WAITING_MAX` of them.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use futures::channel::mpsc::{UnboundedSender, unbounded};
use gloo_net::websocket::Message;
use gloo_net::websocket::futures::WebSocket;
use leptos::prelude::{TimeoutHandle, set_timeout_with_handle};
use leptos::task::spawn_local;
use shared::wire::{Command, Event, Resume, encode_command};

use super::talk::{Ending, address, talk};
use super::{Ear, Heard, Said};

/// The first wait before another attempt to connect; it doubles up to [`WAIT_MS_MAX`]. Milliseconds.
const WAIT_MS_MIN: u64 = 500;
/// The longest wait between two attempts. Milliseconds.
const WAIT_MS_MAX: u64 = 5_000;
/// Commands kept for a session that is away; past this the oldest is dropped.
const WAITING_MAX: usize = 64;
/// After so long without a word the page asks; after twice as long it takes the connection for dead. Milliseconds.
const SILENCE_MS_MAX: u64 = 10_000;

/// The server, over a socket.
pub struct Remote {
    build: String,
    ear: Ear,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Connections begun so far.
    connections: u64,
    /// The session was greeted on this connection.
    welcomed: bool,
    /// Asked whether it is there, and not heard since.
    asked: bool,
    session: Option<String>,
    seen: u64,
    waiting: Vec<String>,
    wait_ms: u64,
    retry: Option<TimeoutHandle>,
    silence: Option<TimeoutHandle>,
}

/// Dropping it ends the connection's task, and with it the socket.
struct Connection {
    number: u64,
    outbox: UnboundedSender<String>,
}

impl Remote {
    /// Opens a connection; how that goes is told to `ear`.
    pub fn start(build: String, ear: Ear) -> Rc<Remote> {
        let remote = Rc::new(Remote { build, ear, state: RefCell::default() });
        remote.connect();
        remote
    }

    /// Sends a command, now or once the session is back.
    pub fn send(&self, command: &Command) {
        let text = encode_command(command);
        let mut state = self.state.borrow_mut();
        match &state.connection {
            Some(connection) if state.welcomed && !connection.outbox.is_closed() => connection.say(text),
            _ => {
                state.waiting.push(text);
                if state.waiting.len() > WAITING_MAX {
                    state.waiting.remove(0);
                }
            }
        }
    }

    /// Tries at once instead of after the wait.
    pub fn try_now(self: &Rc<Self>) {
        self.state.borrow_mut().wait_ms = 0;
        self.close();
        self.connect();
    }

    /// Ends the connection and tries no more.
    pub fn end(&self) {
        self.close();
        self.state.borrow_mut().waiting.clear();
    }

    fn connect(self: &Rc<Self>) {
        let socket = match WebSocket::open(&address("ws")) {
            Ok(socket) => socket,
            Err(error) => return self.lost(error.to_string()),
        };
        let (outbox, letters) = unbounded();
        let number = {
            let mut state = self.state.borrow_mut();
            state.connections += 1;
            let number = state.connections;
            state.connection = Some(Connection { number, outbox });
            number
        };
        self.greet();
        let weak = Rc::downgrade(self);
        spawn_local(async move {
            let mut hear = |message| with(&weak, |remote| remote.hear(message));
            let ending = match talk(socket, letters, &mut hear).await {
                Ending::Theirs(_, reason) => reason,
                Ending::Ours | Ending::Broken => String::new(),
            };
            // One that this page has closed itself is not lost.
            let is_current =
                |remote: &Rc<Remote>| remote.state.borrow().connection.as_ref().is_some_and(|it| it.number == number);
            if let Some(remote) = weak.upgrade().filter(is_current) {
                remote.lost(ending);
            }
        });
    }

    fn greet(self: &Rc<Self>) {
        let state = self.state.borrow();
        let resume = state.session.clone().map(|session| Resume { session, seen: state.seen });
        let hello = Command::Hello { build: self.build.clone(), resume };
        if let Some(connection) = &state.connection {
            connection.say(encode_command(&hello));
        }
        drop(state);
        self.listen_for_silence();
    }

    fn hear(self: &Rc<Self>, message: Message) {
        self.state.borrow_mut().asked = false;
        let heard = match message {
            Message::Text(text) => Heard::of_text(&text),
            Message::Bytes(bytes) => Heard::of_bytes(&js_sys::Uint8Array::from(&bytes[..]).buffer()),
        };
        match heard {
            Heard::Event(seq, event) => {
                if seq > 0 {
                    self.state.borrow_mut().seen = seq;
                }
                if let Event::Welcome { session, resumed, .. } = &event {
                    self.welcome(session, *resumed);
                }
                (self.ear)(Said::Event(event));
            }
            Heard::Data(header, bytes) => (self.ear)(Said::Data(header, bytes)),
            Heard::Garbled(sentence) => (self.ear)(Said::Event(Event::Error { message: sentence })),
        }
    }

    fn welcome(&self, session: &str, resumed: bool) {
        (self.ear)(Said::Up { resumed });
        let mut state = self.state.borrow_mut();
        let is_other = state.session.replace(session.to_owned()).is_some();
        state.welcomed = true;
        state.wait_ms = 0;
        let mut waiting = std::mem::take(&mut state.waiting);
        if is_other && !resumed {
            // They were meant for the runs of a session that is gone.
            waiting.clear();
            state.seen = 0;
        }
        if let Some(connection) = &state.connection {
            waiting.into_iter().for_each(|text| connection.say(text));
        }
    }

    /// The connection is gone or was never there: says so, and tries again after a while.
    fn lost(self: &Rc<Self>, reason: String) {
        self.close();
        let wait_ms = {
            let mut state = self.state.borrow_mut();
            state.wait_ms = (state.wait_ms * 2).clamp(WAIT_MS_MIN, WAIT_MS_MAX);
            state.wait_ms
        };
        let weak = Rc::downgrade(self);
        let retry =
            set_timeout_with_handle(move || with(&weak, |remote| remote.connect()), Duration::from_millis(wait_ms)).ok();
        self.state.borrow_mut().retry = retry;
        (self.ear)(Said::Down(reason));
    }

    /// A connection can die without a word. After a silence the page asks; without an answer it connects anew.
    fn listen_for_silence(self: &Rc<Self>) {
        let weak = Rc::downgrade(self);
        let look = move || {
            with(&weak, |remote| {
                if std::mem::replace(&mut remote.state.borrow_mut().asked, true) {
                    return remote.lost("the server went silent".into());
                }
                remote.send(&Command::Ping);
                remote.listen_for_silence();
            });
        };
        self.state.borrow_mut().silence = set_timeout_with_handle(look, Duration::from_millis(SILENCE_MS_MAX)).ok();
    }

    fn close(&self) {
        let mut state = self.state.borrow_mut();
        state.welcomed = false;
        state.asked = false;
        for handle in [state.retry.take(), state.silence.take()].into_iter().flatten() {
            handle.clear();
        }
        state.connection = None;
    }
}

impl Connection {
    /// Queues it for the socket; once that is gone its task says so.
    fn say(&self, text: String) {
        let _ = self.outbox.unbounded_send(text);
    }
}

fn with(remote: &Weak<Remote>, then: impl FnOnce(&Rc<Remote>)) {
    if let Some(remote) = remote.upgrade() {
        then(&remote);
    }
}
