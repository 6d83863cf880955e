//! One WebSocket to a live bus: a client anywhere, as a node among the broker's others.
//!
//! What the client says becomes frames, once it is known that it may say so: the broker trusts its own clients to keep to their credit
//! and to their one name each, and this is where others are made to. What the broker says is written as fast as the client reads; a
//! client that does not listen is not heard either. Credit counts once the client has been told of it.
//!
//! Two loops run side by side, as at a session's socket, until one of them knows how it ends. Every ending has a code and a sentence.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session as Socket};
use shared::messaging::protocol::{BusCommand, BusEvent, CLOSE_CODES, ProtocolError, decode_command, encode_event};
use shared::messaging::{Delivery, Frame, REPLIES_SUFFIX, ReplyCode, Settle};
use shared::time::Span;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

use super::live::{Crowded, Guest, LiveBus};
use super::words;
use crate::limits::{
    BUS_COMMANDS_BYTES_MAX, BUS_CONSUMERS_MAX, BUS_MESSAGE_BYTES_MAX, BUS_PREFETCH_MAX, EVENTS_WAITING_MAX, HEARTBEAT,
    HELLO_WAIT, PINGS_UNANSWERED_MAX,
};
use crate::socket::{Goodbye, broken, in_time};

/// AMQP's reply codes that only a socket needs.
const SYNTAX_ERROR: u16 = 502;
const NOT_IMPLEMENTED: u16 = 540;

/// Characters of a reason; more of a garbled message need not be said again.
const REASON_CHARS_MAX: usize = 500;

/// How long a client that broke a rule, or published to a bus that is full, is listened to, and how long it is silent when it has nothing
/// more to say.
const LINGER_MAX: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_millis(20);

/// Bytes that one permit stands for.
const PERMIT_BYTES: usize = 1024;

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    /// As any socket's may.
    Goodbye(Goodbye),
    /// The client has broken a rule, or the broker closes: AMQP's reply code and a sentence.
    Closed(u16, String),
    /// The bus holds too much to take more.
    Full,
    Crowded(Crowded),
    /// The client has said `close`.
    Done,
}

/// What both loops of a connection know.
struct Connection {
    bus: Arc<LiveBus>,
    guest: Guest,
    name: String,
    credit: Cell<u64>,
    /// Messages that clients of this node have published.
    made: Cell<u64>,
    /// Consumers by their tags: how far ahead, and whether the bus acknowledges for it. Cancelled ones are ahead by nothing.
    consumers: RefCell<BTreeMap<u32, (u32, bool)>>,
    /// A `get` waits for its answer.
    gets: Cell<bool>,
    /// The client's queue for answers, once it has one.
    replies: RefCell<Option<Arc<str>>>,
    /// What is said to the client beside the broker's frames.
    said: RefCell<VecDeque<BusEvent>>,
    /// The client has taken one word more.
    heard: Notify,
    commands: Arc<Semaphore>,
    unanswered: Cell<u32>,
    ping: RefCell<Option<Bytes>>,
    slow_max: Duration,
}

/// Lives as long as the connection.
pub async fn converse(bus: Arc<LiveBus>, mut socket: Socket, messages: AggregatedMessageStream, slow_max: Duration) {
    let mut messages = messages.max_continuation_size(BUS_MESSAGE_BYTES_MAX);
    let ending = match greet(&bus, &mut messages).await {
        Ok((guest, confirms)) => {
            let connection = Connection::new(bus, guest, slow_max);
            connection.send(Frame::Open { confirms });
            let ending = tokio::select! {
                ending = write(&connection, &mut socket) => ending,
                ending = read(&connection, &mut messages) => ending,
            };
            connection.bus.leave(&connection.guest, connection.made.get());
            ending
        }
        Err(ending) => ending,
    };
    // Best effort: the client may have stopped reading long ago.
    let Some(reason) = ending.close_reason() else { return };
    if ending != Ending::Done {
        let (code, sentence) = (u16::from(reason.code), reason.description.clone().unwrap_or_default());
        let _ = timeout(slow_max, socket.text(encode_event(&BusEvent::Closed { code, reason: sentence }))).await;
    }
    if let Ending::Closed(..) | Ending::Full = ending {
        let _ = timeout(LINGER_MAX, linger(&mut messages)).await;
    }
    let _ = timeout(slow_max, socket.close(Some(reason))).await;
}

/// Takes what the client still says until it is quiet: a connection that is closed with unread words in it is reset, and the client may
/// never see why.
async fn linger(messages: &mut AggregatedMessageStream) {
    while let Ok(Some(Ok(message))) = timeout(QUIET, messages.recv()).await {
        if let AggregatedMessage::Close(_) = message {
            return;
        }
    }
}

async fn greet(bus: &LiveBus, messages: &mut AggregatedMessageStream) -> Result<(Guest, bool), Ending> {
    let deadline = Instant::now() + HELLO_WAIT;
    loop {
        let message = timeout_at(deadline, messages.recv()).await.map_err(|_| Ending::Goodbye(Goodbye::NoHello))?;
        match message {
            Some(Ok(AggregatedMessage::Text(text))) => match decode_command(&text).map_err(|error| garbled(&error))? {
                BusCommand::Hello { confirms } => {
                    let guest = bus.enter().map_err(Ending::Crowded)?;
                    return Ok((guest, confirms));
                }
                _ => return Err(invalid("the first message on a connection has to be `hello`")),
            },
            Some(Ok(AggregatedMessage::Binary(_))) => return Err(binary()),
            Some(Ok(AggregatedMessage::Ping(_) | AggregatedMessage::Pong(_))) => {}
            Some(Err(error)) => return Err(Ending::Goodbye(broken(&error))),
            Some(Ok(AggregatedMessage::Close(_))) | None => return Err(Ending::Goodbye(Goodbye::Gone)),
        }
    }
}

/// The client's words to the broker, until one of them ends the connection.
async fn read(connection: &Connection, messages: &mut AggregatedMessageStream) -> Ending {
    loop {
        while connection.has_much_to_hear() {
            connection.heard.notified().await;
        }
        let message = match messages.recv().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Ending::Goodbye(broken(&error)),
            None => return Ending::Goodbye(Goodbye::Gone),
        };
        connection.unanswered.set(0);
        let text = match message {
            AggregatedMessage::Text(text) if text.len() > BUS_MESSAGE_BYTES_MAX => {
                return Ending::Goodbye(Goodbye::TooLong);
            }
            AggregatedMessage::Text(text) => text,
            AggregatedMessage::Binary(_) => return binary(),
            AggregatedMessage::Ping(bytes) => {
                *connection.ping.borrow_mut() = Some(bytes);
                connection.guest.mailbox.nudge();
                continue;
            }
            AggregatedMessage::Pong(_) => continue,
            AggregatedMessage::Close(_) => return Ending::Goodbye(Goodbye::Gone),
        };
        let bytes = text.len();
        let frame = match decode_command(&text) {
            Ok(BusCommand::Close) => return Ending::Done,
            Ok(command) => match connection.obey(command) {
                Ok(frame) => frame,
                Err(ending) => return ending,
            },
            Err(error) => return garbled(&error),
        };
        drop(text);
        if let Some(frame) = frame {
            let permits = bytes.div_ceil(PERMIT_BYTES) as u32;
            // The semaphore is never closed.
            let permit = connection.commands.clone().acquire_many_owned(permits).await.ok();
            connection.bus.office.send_with(connection.guest.envelope(frame), permit);
        }
    }
}

/// What the broker says to the client, pings, and the clock.
async fn write(connection: &Connection, socket: &mut Socket) -> Ending {
    let Connection { guest, slow_max, unanswered, ping, .. } = connection;
    let mut ended = connection.bus.ended();
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.tick().await; // The first tick comes at once.
    loop {
        let pong = ping.borrow_mut().take();
        if let Some(pong) = pong
            && let Err(goodbye) = in_time(*slow_max, socket.pong(&pong)).await
        {
            return Ending::Goodbye(goodbye);
        }
        if *ended.borrow() {
            return Ending::Goodbye(Goodbye::Ended);
        }
        let sent = match connection.next() {
            Err(ending) => return ending,
            Ok(Some((event, then))) => {
                let sent = in_time(*slow_max, socket.text(encode_event(&event))).await;
                if let Some(frame) = then {
                    connection.send(frame);
                }
                connection.heard.notify_one();
                sent
            }
            Ok(None) => tokio::select! {
                () = guest.mailbox.changed() => Ok(()),
                _ = ended.changed() => Ok(()),
                _ = heartbeat.tick() => {
                    if unanswered.get() >= PINGS_UNANSWERED_MAX {
                        return Ending::Goodbye(Goodbye::Silent);
                    }
                    unanswered.set(unanswered.get() + 1);
                    in_time(*slow_max, socket.ping(b"")).await
                }
            },
        };
        if let Err(goodbye) = sent {
            return Ending::Goodbye(goodbye);
        }
    }
}

impl Connection {
    fn new(bus: Arc<LiveBus>, guest: Guest, slow_max: Duration) -> Connection {
        Connection {
            name: format!("client-{}", guest.node.0),
            made: Cell::new(guest.made),
            bus,
            guest,
            credit: Cell::new(0),
            consumers: RefCell::default(),
            gets: Cell::new(false),
            replies: RefCell::default(),
            said: RefCell::default(),
            heard: Notify::new(),
            commands: Arc::new(Semaphore::new(BUS_COMMANDS_BYTES_MAX / PERMIT_BYTES)),
            unanswered: Cell::new(0),
            ping: RefCell::default(),
            slow_max,
        }
    }

    fn send(&self, frame: Frame) {
        self.bus.office.send(self.guest.envelope(frame));
    }

    fn say(&self, event: BusEvent) {
        self.said.borrow_mut().push_back(event);
        self.guest.mailbox.nudge();
    }

    fn has_much_to_hear(&self) -> bool {
        self.guest.mailbox.len() + self.said.borrow().len() >= EVENTS_WAITING_MAX
    }

    /// The next word to the client, and what the broker hears once it is written.
    fn next(&self) -> Result<Option<(BusEvent, Option<Frame>)>, Ending> {
        if let Some(event) = self.said.borrow_mut().pop_front() {
            return Ok(Some((event, None)));
        }
        loop {
            let Some(envelope) = self.guest.mailbox.take() else { return Ok(None) };
            // What the broker sent before it knew that the node has another client is nobody's.
            if envelope.connection != self.guest.connection {
                continue;
            }
            let event = match envelope.frame {
                Frame::Opened { credit } => {
                    self.credit.set(u64::from(credit));
                    BusEvent::Opened { bus: self.bus.name.clone(), client: self.name.clone(), credit }
                }
                Frame::Credit { more } => {
                    self.credit.set(self.credit.get() + u64::from(more));
                    BusEvent::Credit { more }
                }
                Frame::Confirm { number, ok } => BusEvent::Confirm { number, ok },
                Frame::Return { message } => BusEvent::Returned { message: words::content(&message) },
                Frame::Deliver(delivery) => return Ok(Some(self.deliver(&delivery))),
                Frame::Empty => {
                    self.gets.set(false);
                    BusEvent::Empty
                }
                Frame::Heartbeat => BusEvent::Pong,
                Frame::Closed { code, reason } => return Err(Ending::Closed(code as u16, reason.to_string())),
                Frame::Reset => return Err(Ending::Goodbye(Goodbye::Ended)),
                // No broker says these.
                _ => continue,
            };
            return Ok(Some((event, None)));
        }
    }

    fn deliver(&self, delivery: &Delivery) -> (BusEvent, Option<Frame>) {
        if delivery.consumer.is_none() {
            self.gets.set(false);
        }
        let queue = match self.bus.queues.get(delivery.queue as usize) {
            Some(queue) => queue.to_string(),
            None => self.replies.borrow().as_deref().unwrap_or_default().to_owned(),
        };
        let consumers = self.consumers.borrow();
        let auto_ack = delivery.consumer.and_then(|tag| consumers.get(&tag)).is_some_and(|(_, auto_ack)| *auto_ack);
        let then = auto_ack.then_some(Frame::Settle { tag: delivery.tag, multiple: false, how: Settle::Ack });
        (BusEvent::Deliver(Box::new(words::delivery(delivery, queue, auto_ack))), then)
    }

    /// What the client says as a frame, if it may say it.
    fn obey(&self, command: BusCommand) -> Result<Option<Frame>, Ending> {
        let settle = |tag, multiple, how| Ok(Some(Frame::Settle { tag, multiple, how }));
        match command {
            BusCommand::Hello { .. } => Err(invalid("`hello` is said once, first")),
            BusCommand::Publish { message, mandatory } => {
                if self.bus.is_full() {
                    return Err(Ending::Full);
                }
                let Some(credit) = self.credit.get().checked_sub(1) else {
                    return Err(forbidden("a message came without credit: wait for `credit` before publishing more"));
                };
                self.credit.set(credit);
                self.made.set(self.made.get() + 1);
                let message = words::message(message, self.guest.node, self.made.get(), self.bus.now());
                let message = message.map_err(|sentence| Ending::Closed(SYNTAX_ERROR, sentence))?;
                Ok(Some(Frame::Publish { message: Arc::new(message), mandatory }))
            }
            BusCommand::Consume { tag, queue, prefetch, auto_ack } => {
                let queue = self.queue(&queue)?;
                self.take_tag(tag, prefetch, auto_ack)?;
                // The bus acknowledges by itself what it has written, so that a slow client is not sent everything at once.
                Ok(Some(Frame::Consume { tag, queue, prefetch, auto_ack: false }))
            }
            BusCommand::Cancel { tag } => {
                if let Some((prefetch, _)) = self.consumers.borrow_mut().get_mut(&tag) {
                    *prefetch = 0;
                }
                Ok(Some(Frame::Cancel { tag }))
            }
            BusCommand::Get { queue, wait_ms, auto_ack } => {
                if self.gets.replace(true) {
                    return Err(forbidden("one `get` waits for its answer already"));
                }
                let (queue, wait) = (self.queue(&queue)?, Span::millis(u64::from(wait_ms)));
                Ok(Some(Frame::Get { queue, wait, auto_ack }))
            }
            BusCommand::Replies => {
                let queue: Arc<str> = format!("{}{REPLIES_SUFFIX}", self.name).into();
                self.say(BusEvent::Replies { queue: queue.to_string() });
                let is_new = self.replies.replace(Some(queue.clone())).is_none();
                Ok(is_new.then_some(Frame::Replies { queue }))
            }
            BusCommand::Ack { delivery, multiple } => settle(delivery, multiple, Settle::Ack),
            BusCommand::Requeue { delivery, multiple } => settle(delivery, multiple, Settle::Requeue),
            BusCommand::Reject { delivery, multiple } => settle(delivery, multiple, Settle::Reject),
            BusCommand::Ping => Ok(Some(Frame::Heartbeat)),
            // The loop that reads has ended by then.
            BusCommand::Close => Ok(None),
        }
    }

    /// A queue that the client may take messages from: the experiment's, and its own for answers.
    fn queue(&self, name: &str) -> Result<Arc<str>, Ending> {
        let known = self.bus.queues.iter().find(|queue| ***queue == *name).cloned();
        let own = || self.replies.borrow().clone().filter(|own| **own == *name);
        let missing = || {
            let name: String = name.chars().take(REASON_CHARS_MAX).collect();
            Ending::Closed(ReplyCode::NotFound as u16, format!("there is no queue `{name}`"))
        };
        known.or_else(own).ok_or_else(missing)
    }

    fn take_tag(&self, tag: u32, prefetch: u32, auto_ack: bool) -> Result<(), Ending> {
        let mut consumers = self.consumers.borrow_mut();
        let ahead: u32 = consumers.values().map(|(prefetch, _)| prefetch).sum();
        if prefetch == 0 || prefetch > BUS_PREFETCH_MAX || ahead + prefetch > BUS_PREFETCH_MAX {
            let sentence = format!("the `prefetch` of a connection's consumers is 1 to {BUS_PREFETCH_MAX} together");
            return Err(forbidden(&sentence));
        }
        if consumers.len() >= BUS_CONSUMERS_MAX {
            return Err(forbidden(&format!("a connection has {BUS_CONSUMERS_MAX} consumers at most")));
        }
        match consumers.insert(tag, (prefetch, auto_ack)) {
            None => Ok(()),
            Some(_) => Err(forbidden(&format!("the consumer tag {tag} is in use, or was in this connection"))),
        }
    }
}

impl Ending {
    fn close_reason(&self) -> Option<CloseReason> {
        let (code, sentence) = match self {
            Ending::Goodbye(Goodbye::TooLong) => {
                let sentence = format!("what a client says at once may have {BUS_MESSAGE_BYTES_MAX} bytes; this was more");
                (CloseCode::Size, sentence)
            }
            Ending::Goodbye(Goodbye::Ended) => (CloseCode::Away, "the bus has ended".to_owned()),
            Ending::Goodbye(goodbye) => return goodbye.close_reason(),
            Ending::Closed(code, sentence) => {
                let sentence = sentence.chars().take(REASON_CHARS_MAX).collect();
                (CloseCode::from(CLOSE_CODES + code), sentence)
            }
            Ending::Full => (CloseCode::Again, "the bus holds as much as it may: try again later".to_owned()),
            Ending::Crowded(crowded) => (CloseCode::Again, crowded.to_string()),
            Ending::Done => (CloseCode::Normal, "as the client wished".to_owned()),
        };
        Some(CloseReason { code, description: Some(sentence) })
    }
}

fn garbled(error: &ProtocolError) -> Ending {
    let code = match error {
        ProtocolError::Version { .. } => NOT_IMPLEMENTED,
        ProtocolError::NotJson(_) | ProtocolError::Unknown(_) => SYNTAX_ERROR,
    };
    Ending::Closed(code, error.to_string())
}

fn binary() -> Ending {
    invalid("binary messages are not understood here: commands are JSON text, bytes travel as `base64`")
}

fn invalid(sentence: &str) -> Ending {
    Ending::Closed(ReplyCode::CommandInvalid as u16, sentence.to_owned())
}

fn forbidden(sentence: &str) -> Ending {
    Ending::Closed(ReplyCode::NotAllowed as u16, sentence.to_owned())
}
