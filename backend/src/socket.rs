//! One WebSocket: a client's connection to its session.
//!
//! The first message is `hello`; then two loops run side by side until one of them ends: one reads commands, one writes what the
//! session has to say, pings, and looks at the clock. Only the second writes, since a slow client stalls whoever writes to it.
//! Why a connection ends is a [`Goodbye`], which is also its close code.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use actix_web::web::Bytes;
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session as Socket};
use shared::wire::{Command, Event, decode_command, encode_event};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::limits::{CONTROL_MESSAGE_BYTES_MAX, HEARTBEAT, HELLO_WAIT, PINGS_UNANSWERED_MAX};
use crate::outbox::{Next, Outbox};
use crate::sessions::{Handle, Sessions};

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// The client has closed it, or it broke: nobody is left to be told.
    Gone,
    /// The same client has come back on another socket.
    Replaced,
    /// No hello came.
    NoHello,
    TooLong,
    /// It speaks no WebSocket, or not as the protocol has it.
    Garbled,
    /// It leaves pings unanswered.
    Silent,
    /// It has stayed behind for too long.
    Slow,
    /// The session is over, as when the server ends.
    Ended,
    /// There is no session to be had.
    Refused,
}

impl Goodbye {
    /// Its code and its sentence, if there is anybody to be told.
    pub fn close_reason(self) -> Option<CloseReason> {
        let (code, sentence) = match self {
            Goodbye::Gone => return None,
            Goodbye::Replaced => (CloseCode::Normal, "the session goes on on another connection"),
            Goodbye::NoHello => (CloseCode::Policy, "the first message has to be `hello`, and soon"),
            Goodbye::TooLong => (CloseCode::Size, "a control message was longer than 1 MiB"),
            Goodbye::Garbled => (CloseCode::Protocol, "the connection broke the WebSocket protocol"),
            Goodbye::Silent => (CloseCode::Policy, "pings were left unanswered"),
            Goodbye::Slow => (CloseCode::Again, "the client read too slowly for too long; reconnect to go on"),
            Goodbye::Ended => (CloseCode::Away, "the session has ended"),
            Goodbye::Refused => (CloseCode::Again, "there is no session to be had"),
        };
        Some(CloseReason { code, description: Some(sentence.to_owned()) })
    }
}

/// What both loops of a connection know.
struct Connection {
    handle: Arc<Handle>,
    number: u64,
    /// Pings since the last word of the client.
    unanswered: Cell<u32>,
    /// The client's own ping, to be answered.
    ping: RefCell<Option<Bytes>>,
    slow_max: Duration,
}

/// Lives as long as the connection.
pub async fn converse(sessions: Arc<Sessions>, mut socket: Socket, messages: AggregatedMessageStream, slow_max: Duration) {
    let mut messages = messages.max_continuation_size(CONTROL_MESSAGE_BYTES_MAX);
    let goodbye = match greet(&sessions, &mut socket, &mut messages, slow_max).await {
        Ok(connection) => {
            let goodbye = tokio::select! {
                goodbye = write(&connection, &mut socket) => goodbye,
                goodbye = read(&connection, &mut messages) => goodbye,
            };
            sessions.left(&connection.handle, connection.number);
            if goodbye == Goodbye::TooLong {
                // Best effort: the client may have stopped reading long ago.
                let sentence = format!("a control message may have {CONTROL_MESSAGE_BYTES_MAX} bytes; this one was longer");
                let _ = timeout(slow_max, socket.text(encode_event(0, &Event::Error { message: sentence }))).await;
            }
            goodbye
        }
        Err(goodbye) => goodbye,
    };
    // A client that still reads nothing cannot be told why it is closed; then its connection is dropped.
    let _ = timeout(slow_max, socket.close(goodbye.close_reason())).await;
}

async fn greet(
    sessions: &Sessions,
    socket: &mut Socket,
    messages: &mut AggregatedMessageStream,
    slow_max: Duration,
) -> Result<Connection, Goodbye> {
    let deadline = Instant::now() + HELLO_WAIT;
    let resume = loop {
        let message = tokio::time::timeout_at(deadline, messages.recv()).await.map_err(|_| Goodbye::NoHello)?;
        let refused = match message {
            Some(Ok(AggregatedMessage::Text(text))) => match decode_command(&text) {
                Ok(Command::Hello { resume, .. }) => break resume,
                Ok(_) => "the first message on a connection has to be `hello`".to_owned(),
                Err(error) => error.to_string(),
            },
            Some(Ok(AggregatedMessage::Binary(_))) => BINARY.to_owned(),
            Some(Ok(AggregatedMessage::Ping(_) | AggregatedMessage::Pong(_))) => continue,
            Some(Err(error)) => return Err(broken(&error)),
            Some(Ok(AggregatedMessage::Close(_))) | None => return Err(Goodbye::Gone),
        };
        let event = encode_event(0, &Event::Error { message: refused });
        timeout(slow_max, socket.text(event)).await.map_err(|_| Goodbye::Slow)?.map_err(|_| Goodbye::Gone)?;
    };
    let resumed = resume.and_then(|resume| sessions.resume(&resume.session, resume.seen));
    let is_resumed = resumed.is_some();
    let opened = match resumed {
        Some(opened) => Ok(opened),
        None => sessions.open(),
    };
    let (first, connection, again) = match opened {
        Ok((handle, attached)) => {
            let (number, unanswered, ping) = (attached.socket, Cell::new(0), RefCell::default());
            let welcome = handle.welcome(is_resumed);
            (welcome, Ok(Connection { handle, number, unanswered, ping, slow_max }), attached.again)
        }
        Err(error) => (Event::Error { message: error.to_string() }, Err(Goodbye::Refused), Vec::new()),
    };
    for text in std::iter::once(encode_event(0, &first)).chain(again) {
        let sent = timeout(slow_max, socket.text(text)).await;
        let goodbye = match sent {
            Ok(Ok(())) => continue,
            Ok(Err(_)) => Goodbye::Gone,
            Err(_) => Goodbye::Slow,
        };
        if let Ok(connection) = &connection {
            sessions.left(&connection.handle, connection.number);
        }
        return Err(goodbye);
    }
    connection
}

const BINARY: &str = "binary messages are not understood here: commands are JSON text, files are sent to /api/uploads";

/// Commands to the engine, until the client is gone.
async fn read(connection: &Connection, messages: &mut AggregatedMessageStream) -> Goodbye {
    let Connection { handle, unanswered, ping, .. } = connection;
    let mut changes = handle.outbox.changes();
    loop {
        // A client that does not listen is not heard either, so what waits for it stays bounded.
        while handle.outbox.is_full() {
            if changes.changed().await.is_err() {
                return Goodbye::Ended;
            }
        }
        let message = match messages.recv().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return broken(&error),
            None => return Goodbye::Gone,
        };
        unanswered.set(0);
        match message {
            AggregatedMessage::Text(text) if text.len() > CONTROL_MESSAGE_BYTES_MAX => return Goodbye::TooLong,
            AggregatedMessage::Text(text) => match decode_command(&text) {
                Ok(Command::Ping) => handle.outbox.push(Event::Pong),
                Ok(Command::Hello { .. }) => refuse(&handle.outbox, "`hello` is said once, first".to_owned()),
                Ok(command) => {
                    // The semaphore is never closed.
                    let permit = handle.commands.clone().acquire_owned().await.ok();
                    handle.hear(command, permit);
                }
                Err(error) => refuse(&handle.outbox, error.to_string()),
            },
            AggregatedMessage::Binary(_) => refuse(&handle.outbox, BINARY.to_owned()),
            AggregatedMessage::Ping(bytes) => {
                *ping.borrow_mut() = Some(bytes);
                handle.outbox.nudge();
            }
            AggregatedMessage::Pong(_) => {}
            AggregatedMessage::Close(_) => return Goodbye::Gone,
        }
    }
}

fn refuse(outbox: &Outbox, message: String) {
    outbox.push(Event::Error { message });
}

/// What an error of the protocol comes to.
pub fn broken(error: &actix_ws::ProtocolError) -> Goodbye {
    use actix_ws::ProtocolError;
    match error {
        ProtocolError::Overflow => Goodbye::TooLong,
        // What the aggregated stream says when continued frames are too long together.
        ProtocolError::Io(error) if error.kind() == std::io::ErrorKind::Other => Goodbye::TooLong,
        ProtocolError::Io(_) => Goodbye::Gone,
        _ => Goodbye::Garbled,
    }
}

/// What the session says to the client, pings, and the clock.
async fn write(connection: &Connection, socket: &mut Socket) -> Goodbye {
    let Connection { handle, number, unanswered, ping, slow_max } = connection;
    let mut changes = handle.outbox.changes();
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.tick().await; // The first tick comes at once.
    loop {
        changes.mark_unchanged();
        let pong = ping.borrow_mut().take();
        if let Some(pong) = pong
            && let Err(goodbye) = in_time(*slow_max, socket.pong(&pong)).await
        {
            return goodbye;
        }
        if handle.outbox.behind() >= *slow_max {
            return Goodbye::Slow;
        }
        let sent = match handle.outbox.take(*number) {
            Next::Text(text) => in_time(*slow_max, socket.text(text)).await,
            Next::Data(frame) => in_time(*slow_max, socket.binary(frame)).await,
            Next::Replaced => return Goodbye::Replaced,
            Next::Ended => return Goodbye::Ended,
            Next::Wait => tokio::select! {
                _ = changes.changed() => Ok(()),
                _ = heartbeat.tick() => {
                    if unanswered.get() >= PINGS_UNANSWERED_MAX {
                        return Goodbye::Silent;
                    }
                    unanswered.set(unanswered.get() + 1);
                    in_time(*slow_max, socket.ping(b"")).await
                }
            },
        };
        if let Err(goodbye) = sent {
            return goodbye;
        }
    }
}

/// Sends something, unless the client is too slow or gone.
pub async fn in_time(limit: Duration, sent: impl Future<Output = Result<(), actix_ws::Closed>>) -> Result<(), Goodbye> {
    match timeout(limit, sent).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Goodbye::Gone),
        Err(_) => Err(Goodbye::Slow),
    }
}

/// Starts a conversation on this thread.
pub fn start(sessions: Arc<Sessions>, socket: Socket, messages: AggregatedMessageStream, slow_max: Duration) {
    rt::spawn(converse(sessions, socket, messages, slow_max));
}
