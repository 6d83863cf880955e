//! Where a simulated bus can be stopped: before the event with which a message arrives that somebody waits for. To look for such an event
//! changes nothing, so a run is the same whether anybody does.

use std::sync::Arc;

use super::treat::is_open;
use super::{BusSimulation, Event};
use crate::experiment::condition_problem;
use crate::expr::{Expr, ExprError, Schema, Type, Value};
use crate::limits::{BREAKPOINTS_MAX, HALT_BODY_BYTES_MAX};
use crate::messaging::{Bus, Envelope, Frame, Message, Node};
use crate::nearest::{list, nearest};
use crate::time::Time;
use crate::wire::{BreakEdge, Breakpoint, Bytes, Halt};

/// Breakpoints of a bus, as it looks for them.
#[derive(Clone, Debug, Default)]
pub struct Breaks(Vec<Break>);

#[derive(Clone, Debug)]
struct Break {
    id: u32,
    /// Whether messages are looked at where they are delivered, and not where they are published.
    delivered: bool,
    /// By a client's place, whether it is one of those at the end of the edge.
    clients: Vec<bool>,
    /// The queue's place among the broker's.
    queue: Option<u32>,
    exchange: Option<Arc<str>>,
    when: Option<Expr>,
}

/// What a condition may name. Of a message: its routing key, the exchange and the queue (null where it is published), who published it and
/// its number there, its body's bytes and text (null if it is none), its headers as JSON (`json_value(headers, '$.kind')`), its priority;
/// whether it was delivered before, how often it came back to the queue, and how often it died.
pub fn condition_schema() -> Schema {
    const COLUMNS: [(&str, Type); 12] = [
        ("key", Type::Utf8),
        ("exchange", Type::Utf8),
        ("queue", Type::Utf8),
        ("publisher", Type::Utf8),
        ("n", Type::Int64),
        ("size", Type::Int64),
        ("body", Type::Utf8),
        ("headers", Type::Utf8),
        ("priority", Type::Int64),
        ("redelivered", Type::Boolean),
        ("returns", Type::Int64),
        ("deaths", Type::Int64),
    ];
    Schema(COLUMNS.into_iter().map(|(name, of)| (name.to_owned(), of)).collect())
}

/// A condition of a breakpoint.
pub fn condition(text: &str) -> Result<Expr, ExprError> {
    let expr = Expr::parse(text, &condition_schema())?;
    if *expr.data_type() == Type::Boolean {
        return Ok(expr);
    }
    let message = format!("a condition is true or false, and this is {}", expr.data_type());
    Err(ExprError { start: 0, end: text.len(), message, hint: Some("for example `key = 'paid'`".to_owned()) })
}

impl Breaks {
    /// Those of a bus. An error is a sentence for the user.
    pub fn of(bus: &Bus, breakpoints: &[Breakpoint]) -> Result<Breaks, String> {
        if breakpoints.len() > BREAKPOINTS_MAX {
            return Err(format!("{} breakpoints are too many: the limit is {BREAKPOINTS_MAX}", breakpoints.len()));
        }
        breakpoints.iter().map(|breakpoint| Break::of(bus, breakpoint)).collect::<Result<_, _>>().map(Breaks)
    }

    /// Those of them that the bus can have.
    pub fn fitting(bus: &Bus, breakpoints: &[Breakpoint]) -> Breaks {
        let some = breakpoints.iter().take(BREAKPOINTS_MAX);
        Breaks(some.filter_map(|breakpoint| Break::of(bus, breakpoint).ok()).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Break {
    fn of(bus: &Bus, Breakpoint { id, edge, when }: &Breakpoint) -> Result<Break, String> {
        let refused = |text: &str| condition_problem(text).map_or_else(String::new, |problem| problem.to_string());
        let read = |text: &str| condition(text).map_err(|_| format!("the condition of a breakpoint: {}", refused(text)));
        let when = when.as_deref().map(read).transpose()?;
        let (delivered, client, queue, exchange) = match edge {
            BreakEdge::Publish { client, exchange } => (false, client, None, exchange.as_deref()),
            BreakEdge::Deliver { queue, client } => (true, client, queue.as_deref(), None),
        };
        let members = bus.members();
        let clients: Vec<bool> = members
            .iter()
            .map(|(_, group, name)| {
                client.as_deref().is_none_or(|client| client == &**name || client == &*bus.clients[*group].name)
            })
            .collect();
        if let Some(client) = client
            && !clients.contains(&true)
        {
            return Err(missing("client", client, bus.clients.iter().map(|group| &*group.name)));
        }
        let queues = || bus.broker.queues.iter().map(|queue| &*queue.name);
        let place = |name: &str| queues().position(|queue| queue == name).ok_or_else(|| missing("queue", name, queues()));
        let queue = queue.map(|name| place(name).map(|place| place as u32)).transpose()?;
        let exchanges = || bus.broker.exchanges.iter().map(|exchange| &*exchange.name);
        let exchange = exchange
            .map(|name| match name.is_empty() || exchanges().any(|exchange| exchange == name) {
                true => Ok(name.into()),
                false => Err(missing("exchange", name, exchanges())),
            })
            .transpose()?;
        Ok(Break { id: *id, delivered, clients, queue, exchange, when })
    }

    /// Whether this frame goes over its edge.
    fn concerns(&self, envelope: &Envelope) -> bool {
        let of_client = |node: Node| node.client().is_some_and(|place| self.clients.get(place) == Some(&true));
        match &envelope.frame {
            Frame::Publish { message, .. } if !self.delivered => {
                of_client(envelope.from) && self.exchange.as_ref().is_none_or(|name| *name == message.exchange)
            }
            Frame::Deliver(delivery) if self.delivered => {
                of_client(envelope.to) && self.queue.is_none_or(|queue| queue == delivery.queue)
            }
            _ => false,
        }
    }
}

impl BusSimulation {
    /// The message that one of the breakpoints waits for, if it arrives with the next event.
    pub fn halts(&self, breaks: &Breaks) -> Option<Halt> {
        if breaks.is_empty() || self.ended {
            return None;
        }
        let (at, Event::Arrive { envelope, .. }) = self.queue.peek()? else { return None };
        // What comes to nobody, or in a connection that is over, is not heard.
        self.carries(envelope)?;
        self.hosts[usize::from(envelope.to.0)].host.worker.as_ref()?;
        let mut concerned = breaks.0.iter().filter(|it| it.concerns(envelope)).peekable();
        concerned.peek()?;
        let seen = self.seen(envelope)?;
        let (hit, trouble) = concerned.find_map(|it| {
            let Some(when) = &it.when else { return Some((it, None)) };
            match when.eval(&row(&seen, when)) {
                Ok(Value::Boolean(true)) => Some((it, None)),
                Ok(_) => None,
                Err(error) => Some((it, Some(error.to_string()))),
            }
        })?;
        Some(halt(hit.id, at, envelope, seen, trouble))
    }

    fn seen<'m>(&self, envelope: &'m Envelope) -> Option<Seen<'m>> {
        let (message, queue, redelivered, returns) = match &envelope.frame {
            Frame::Deliver(delivery) => {
                let queue = self.broker().and_then(|broker| broker.queues().nth(delivery.queue as usize));
                (&delivery.message, queue.map(|(name, _)| name.to_string()), delivery.redelivered, delivery.returns)
            }
            Frame::Publish { message, .. } => (message, None, false, 0),
            _ => return None,
        };
        Some(Seen { message, queue, redelivered, returns, publisher: self.name(message.id.publisher) })
    }
}

/// What is told of a message that a breakpoint waits for.
fn halt(breakpoint: u32, at: Time, envelope: &Envelope, seen: Seen<'_>, trouble: Option<String>) -> Halt {
    let Seen { message, queue, redelivered, returns, publisher } = seen;
    let body = text_of(message).filter(|body| !body.is_empty() && body.len() <= HALT_BODY_BYTES_MAX);
    Halt {
        breakpoint,
        at,
        from: envelope.from.into(),
        to: envelope.to.into(),
        publisher: message.id.publisher.into(),
        number: message.id.number,
        name: format!("{publisher}/{}", message.id.number),
        queue,
        exchange: message.exchange.to_string(),
        key: message.key.to_string(),
        headers: message.headers().cloned().unwrap_or_default(),
        body: body.map(str::to_owned),
        size: Bytes(message.body.len() as u64),
        redelivered,
        returns,
        deaths: message.deaths().iter().map(|death| format!("{}: {}", death.queue, death.reason)).collect(),
        can_be_requeued: is_open(&envelope.frame),
        trouble,
    }
}

/// A message as a condition sees it.
struct Seen<'m> {
    message: &'m Message,
    queue: Option<String>,
    redelivered: bool,
    returns: u32,
    publisher: String,
}

/// What a condition is evaluated over: [`condition_schema`]. What takes a while to make is made if it is named.
fn row(seen: &Seen<'_>, when: &Expr) -> [Value; 12] {
    const BODY: usize = 6;
    const HEADERS: usize = 7;
    let Seen { message, queue, redelivered, returns, publisher } = seen;
    let body = || text_of(message).map_or(Value::Null, |body| Value::Utf8(body.into()));
    let headers = || {
        let headers = message.headers().map(|headers| serde_json::to_string(headers).unwrap_or_default());
        Value::Utf8(headers.unwrap_or_else(|| "{}".to_owned()).into())
    };
    [
        Value::Utf8(message.key.clone()),
        Value::Utf8(message.exchange.clone()),
        queue.as_deref().map_or(Value::Null, |queue| Value::Utf8(queue.into())),
        Value::Utf8(publisher.as_str().into()),
        Value::Int64(message.id.number as i64),
        Value::Int64(message.body.len() as i64),
        if when.uses(BODY) { body() } else { Value::Null },
        if when.uses(HEADERS) { headers() } else { Value::Null },
        Value::Int64(i64::from(message.priority)),
        Value::Boolean(*redelivered),
        Value::Int64(i64::from(*returns)),
        Value::Int64(message.deaths().iter().map(|death| i64::from(death.count)).sum()),
    ]
}

/// The body, if it is a text: a simulated publisher's is nothing but zeros.
fn text_of(message: &Message) -> Option<&str> {
    std::str::from_utf8(&message.body).ok().filter(|body| !body.contains('\0'))
}

fn missing<'n>(what: &str, name: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    const NAMES_SHOWN: usize = 8;
    let hint = match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", list(names.take(NAMES_SHOWN))),
    };
    format!("a breakpoint is at a {what} `{name}`, which this experiment does not have ({hint})")
}
